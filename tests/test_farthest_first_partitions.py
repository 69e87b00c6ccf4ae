"""Farthest-first traversal over partitions against that of the whole table, and the plain loop."""

import pickle

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.datasets import load_wine

from skcoreset import KCenterGreedy
from skcoreset._budget import Group
from skcoreset._kernels import farthest_first_partitions as kernel
from skcoreset._kernels import regions
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import State, farthest_first
from skcoreset._kernels.farthest_first_partitions import (
    PartitionedRows,
    cell_weights,
    farthest_first_partitions,
)
from skcoreset._kernels.lockstep import in_lockstep


class Blocks:
    """Partitions in this process. What is sent must survive pickling, and nothing may change."""

    def __init__(self, blocks):
        for block in blocks:
            (block.data if sparse.issparse(block) else block).setflags(write=False)
        self.blocks = blocks
        self.lengths = np.array([block.shape[0] for block in blocks])
        self.offsets = np.cumsum(self.lengths) - self.lengths
        self.n_passes = self.most_sent = 0

    def __len__(self):
        return len(self.blocks)

    def where(self, mask):
        some = Blocks([block for block, is_used in zip(self.blocks, mask, strict=True) if is_used])
        self.n_passes += 1
        return some

    def map(self, function, *each, shared=(), keep=False):
        self.n_passes += 1
        shared, results = pickle.loads(pickle.dumps(shared)), []
        for X, *values in zip(self.blocks, *each, strict=True):
            before = pickle.dumps((values, shared))
            self.most_sent = max(self.most_sent, len(pickle.dumps(values[1:])))  # without states
            results.append(function(X, *values, *shared))
            assert pickle.dumps((values, shared)) == before
        if keep == "first":
            return tuple(map(list, zip(*results, strict=True)))
        return results


def cut(X, lengths):
    stops = np.cumsum(lengths)
    return Blocks([X[stop - n : stop] for n, stop in zip(lengths, stops, strict=True)])


def divisions(n, rng):
    """Lengths of partitions: equal ones, random ones with empty ones, and single rows."""
    yield [n // 4] * 3 + [n - 3 * (n // 4)]
    places = np.sort(rng.integers(0, n + 1, 9))
    yield [0, *np.diff([0, *places, n]), 0]
    yield [1, 1, 1, n - 4, 1]


def tables(rng):
    """Name and table: random ones, and the awkward."""
    plain, wide = rng.standard_normal((200, 5)), rng.standard_normal((100, 40))
    clusters = rng.standard_normal((100, 4)) + 10.0 ** rng.integers(0, 9, (100, 1))
    sentinel = np.where(rng.random(wide.shape) < 0.1, -999.0, wide)
    return {
        "plain": plain,
        "wide": wide,
        "far from the origin": wide + 1e8,
        "far clusters": clusters,
        "wide far clusters": np.repeat(clusters, 10, axis=1) + wide,
        "sentinel": sentinel,
        "sentinel far out": sentinel * 1e8,
        "sorted": plain[np.argsort(np.linalg.norm(plain, axis=1))],
        "one column": rng.standard_normal((80, 1)),
        "whole numbers": rng.integers(0, 4, (150, 3)).astype(float),
        "wide whole numbers": rng.integers(0, 2, (100, 40)).astype(float),
        "every row four times": np.repeat(wide[:30], 4, axis=0)[rng.permutation(120)],
        "near copies": np.vstack([wide, wide + 1e-6 * rng.standard_normal(wide.shape)]),
        "one row only": np.ones((60, 3)),
        "a simplex": np.eye(60),
        "one outlier": np.vstack([plain, [[1e6] * 5]]),
        "tenths": 0.3 + rng.integers(0, 4, (150, 3)) / 10,
        "too large for float32": wide * 1e19,
        "too small for float32": wide * 1e-22,
    }


TABLES = list(tables(np.random.default_rng(0)))
FORMATS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "csr": sparse.csr_array,
}


def in_memory(X, size, first, weight, metric="euclidean", rows=None):
    picks, radii, nearest = farthest_first(pairs(X, metric, rows=rows), size, first)
    return picks, radii, np.bincount(nearest, weights=weight, minlength=size)


def select(parts, size, first, weight, metric="euclidean", rows=None, **params):
    rows = PartitionedRows(parts, metric, rows)
    return alone(parts, farthest_first_partitions(rows, size, first, weight, **params))


def nearest_to_mean(parts, weight, metric="euclidean", rows=None):
    return alone(parts, PartitionedRows(parts, metric, rows).nearest_to_mean(weight))


def cells_of(parts, picks, weight):
    return alone(parts, cell_weights(PartitionedRows(parts), picks, weight))


def alone(parts, algorithm):
    return in_lockstep(parts, [algorithm])[0]


def assert_same(got, expected):
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-11)
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-11)


CASES = [
    *((container, name) for container in ("float64", "float32") for name in TABLES),
    *(("csr", name) for name in ("plain", "far clusters", "sentinel", "every row four times")),
]


@pytest.mark.parametrize(("container", "name"), CASES)
def test_picks_radii_and_cells_are_those_in_memory(container, name, rng):
    X = FORMATS[container](tables(rng)[name])
    n, weight = X.shape[0], rng.random(X.shape[0])
    first = rng.choice(n, 3, replace=False)
    expected = in_memory(X, 50, first, weight)
    start = pairs(X).nearest_to_mean(weight)
    for lengths in divisions(n, rng):
        parts = cut(X, lengths)
        assert nearest_to_mean(parts, weight) == start
        assert_same(select(parts, 50, first, weight, pool_size=12), expected)
    assert_same(select(parts, 50, first, weight), expected)
    cells = cells_of(parts, expected[0], weight)
    np.testing.assert_allclose(cells, expected[2], rtol=1e-11)


@pytest.mark.parametrize("name", ["plain", "whole numbers", "every row four times", "sentinel"])
def test_picks_are_those_of_the_plain_loop(name, rng):
    X = tables(rng)[name]
    picks, radii, cells = oracles.k_center(X, 60, 7)
    for lengths in divisions(len(X), rng):
        got = select(cut(X, lengths), 60, [7], np.ones(len(X)), pool_size=12)
        np.testing.assert_array_equal(got[0], picks)
        np.testing.assert_allclose(got[1], radii, rtol=1e-7, atol=1e-6)
        np.testing.assert_array_equal(got[2], np.bincount(cells, minlength=60))


@pytest.mark.parametrize("name", ["plain", "one row only"])
def test_all_rows_of_a_group_can_be_picked(name, rng):
    X = tables(rng)[name]
    group = np.sort(rng.choice(len(X), 30, replace=False))
    weight, first = rng.random(30), rng.permutation(30)
    for lengths in divisions(len(X), rng):
        for given in (first[:1], first[:7], first):
            got = select(cut(X, lengths), 30, given, weight, rows=group, pool_size=4)
            assert_same(got, in_memory(X, 30, given, weight, rows=group))
            np.testing.assert_allclose(got[2], weight[got[0]])
            assert got[1][-1] == 0


@pytest.mark.parametrize("name", ["plain", "tenths", "every row four times", "sentinel"])
@pytest.mark.parametrize("container", ["float64", "float32"])
def test_each_step_alone_is_one_of_the_plain_loop(container, name, rng, monkeypatch):
    """What is done if no row of the pools is certainly the farthest."""
    X = FORMATS[container](tables(rng)[name])
    expected = in_memory(X, 25, [1], np.ones(X.shape[0]))
    monkeypatch.setattr(kernel, "pool_loop", lambda *args: ([], []))
    parts = cut(X, list(divisions(X.shape[0], rng))[1])
    assert_same(select(parts, 25, [1], np.ones(X.shape[0]), pool_size=1), expected)


@pytest.fixture
def small_regions(monkeypatch):
    """Regions in the small tables of tests."""
    for name, value in {"LEAST_ROWS": 1, "LEAST_PICKS": 1, "BLOCK": 8, "N_REGIONS": 6}.items():
        monkeypatch.setattr(regions, name, value)


@pytest.mark.parametrize("container", ["float64", "float32"])
@pytest.mark.parametrize("name", TABLES)
def test_regions_leave_out_no_pair_that_matters(container, name, rng, small_regions):
    X = FORMATS[container](tables(rng)[name])
    n, weight = X.shape[0], rng.random(X.shape[0])
    first = rng.choice(n, 3, replace=False)
    expected = in_memory(X, 50, first, weight)
    parts = cut(X, next(divisions(n, rng)))
    assert_same(select(parts, 50, first, weight, pool_size=40), expected)


def clusters(n, d, rng):
    """Rows of 10 clusters, which overlap neither with each other nor in their distances."""
    centers = 4 * rng.standard_normal((10, d))
    return (centers[rng.integers(0, 10, n)] + rng.standard_normal((n, d))).astype(np.float32)


@pytest.mark.parametrize("n_features", [20, 40])
def test_regions_exclude_the_picks_of_other_clusters(n_features, rng):
    X = clusters(5000, n_features, rng)
    table = pairs(X)
    picks = farthest_first(table, 600, [0])[0]
    state, plain = State(table, regions.Regions()), State(table)
    for part in (picks[:300], picks[300:]):
        for one in (state, plain):
            one.add(part.tolist())
    compared = regions.Regions().parts(state, picks)
    assert sum(len(rows) * len(which) for rows, which in compared) < 0.3 * len(X) * len(picks)
    np.testing.assert_allclose(state.gap, plain.gap, rtol=1e-5)  # products in float32
    sure = ~(state.unsure | plain.unsure)
    assert sure.mean() > 0.99
    np.testing.assert_array_equal(state.nearest[sure], plain.nearest[sure])
    # Without clusters, all pairs are compared in one product.
    state = State(pairs(rng.standard_normal((5000, 60))))
    state.add(list(range(10)))
    assert regions.Regions().parts(state, np.arange(10, 300)) == [(None, slice(None))]


@pytest.mark.parametrize("share", [0.01, 0.6])
def test_few_bytes_are_sent_and_kept_for_each_row(share, rng):
    X, rows = clusters(20_000, 40, rng), np.flatnonzero(rng.random(20_000) < share)
    weight, kept = np.broadcast_to(1.0, len(rows)), []

    def map_and_measure(*args, **kwargs):
        states, results = Blocks.map(parts, *args, **kwargs)
        kept.append(max(len(pickle.dumps(state)) for state in states))
        return states, results

    parts = cut(X, [10_000, 10_000])
    parts.map = map_and_measure
    small = rows.astype(np.int32)  # the type of row numbers depends on the number of rows
    first = nearest_to_mean(parts, weight, rows=small)
    got = select(parts, 40, [first], weight, rows=small, pool_size=20)
    assert_same(got, in_memory(X, 40, [first], np.ones(len(rows)), rows=rows))
    assert parts.most_sent < min(10_000 / 8, 4 * 10_000 * 1.2 * share) + 2500
    assert max(kept) < 10_000 / 8 + 7 * 10_000 * share + 40 * X.shape[1] * 4 + 2500


METRIC_CASES = [
    *(("float64", metric) for metric in ("l2", "chebyshev", "braycurtis", "hamming", "callable")),
    *((container, metric) for container in FORMATS for metric in ("cosine", "manhattan")),
]


@pytest.mark.parametrize(("container", "metric"), METRIC_CASES)
def test_other_metrics(container, metric, rng):
    X = np.round(rng.random((90, 6)), 1)
    X[:, 0] += 1
    X = FORMATS[container](X)
    metric = _maximum if metric == "callable" else metric
    group, weight = np.sort(rng.choice(90, 70, replace=False)), rng.random(70)
    for rows in (None, group):
        of_rows = weight if rows is not None else np.append(weight, np.ones(20))
        expected = in_memory(X, 40, [3], of_rows, metric, rows)
        for lengths in list(divisions(90, rng))[1:]:
            parts = cut(X, lengths)
            got = select(parts, 40, [3], of_rows, metric, rows, pool_size=9)
            assert_same(got, expected)
            start = pairs(X, metric, rows=rows).nearest_to_mean(of_rows)
            assert nearest_to_mean(parts, of_rows, metric, rows) == start


def _maximum(left, right):
    return abs(left - right).max()


def test_a_row_is_at_distance_0_from_itself(rng):
    """The Bray-Curtis distance of a row of zeros and itself is 0 / 0."""
    X = np.vstack([rng.random((30, 3)), np.zeros((1, 3))])
    expected = in_memory(X, 10, [0], np.ones(31), "braycurtis")
    assert 30 in expected[0]
    got = select(cut(X, [10, 10, 11]), 10, [0], np.ones(31), "braycurtis")
    assert_same(got, expected)


@pytest.mark.parametrize("n_features", [3, 40])
def test_cells_of_picks_that_are_near_each_other(n_features, rng):
    """Products in float32 do not distinguish the two; the first picks come before the second."""
    X = rng.standard_normal((200, n_features))
    near = X + 1e-6 * rng.standard_normal(X.shape)
    X = np.vstack([X, near, rng.standard_normal((300, n_features))]).astype(np.float32)
    expected = cdist(X.astype(float), X[:400].astype(float)).argmin(axis=1)
    weight = rng.random(700)
    with sklearn.config_context(working_memory=0.02 if n_features == 40 else 0.002):
        cells = cells_of(cut(X, [100, 350, 250]), np.arange(400), weight)
    np.testing.assert_allclose(cells, np.bincount(expected, weights=weight, minlength=400))


@pytest.mark.parametrize("init", ["mean", "random", [5, 100, 60]])
@pytest.mark.parametrize("label", [None, 0, 2])
def test_the_method_of_k_center(label, init):
    X, y = load_wine(return_X_y=True)  # sorted by class
    weight = np.random.default_rng(0).random(len(X))
    rows = None if label is None else np.flatnonzero(y == label)
    mine = weight if rows is None else weight[rows]

    def group(**given):
        rng = np.random.RandomState(0)
        return Group(label, rows, 20, mine, 1.0, weight.sum(), rng, lambda count: None, **given)

    sampler = KCenterGreedy(20, init=init)
    parts = cut(X, [40, 0, 60, 1, 77])
    expected = sampler._pick(X, group())
    (got,) = sampler._pick_all_partitions(parts, [group()])
    np.testing.assert_array_equal(got.positions, expected.positions)
    np.testing.assert_allclose(got.weight, expected.weight)
    np.testing.assert_allclose(got.per_pick["radii_"], expected.per_pick["radii_"])
    (again,) = sampler._pick_all_partitions(parts, [group(given=got.positions[:7])])
    np.testing.assert_array_equal(again.positions, got.positions[:7])
    expected = sampler._pick(X, group(given=got.positions[:7]))
    np.testing.assert_allclose(again.weight, expected.weight)


def test_partitions_in_another_order_give_the_same_samples(rng):
    X = rng.standard_normal((400, 6))
    blocks, numbers = np.split(X, 8), np.split(np.arange(400), 8)
    for _ in range(3):
        order, weight = rng.permutation(8), np.ones(400)
        parts = Blocks([blocks[p].copy() for p in order])
        first = nearest_to_mean(parts, weight)
        picks, radii, _ = select(parts, 80, [first], weight, pool_size=40)
        first = pairs(X).nearest_to_mean(weight)
        expected = farthest_first(pairs(X), 80, [first])
        np.testing.assert_array_equal(
            np.concatenate([numbers[p] for p in order])[picks], expected[0]
        )
        np.testing.assert_allclose(radii, expected[1])


def test_partitions_of_float32_and_float64(rng):
    X = rng.standard_normal((120, 40))
    X[:60] = X[:60].astype(np.float32)
    blocks = Blocks([X[:60].astype(np.float32), X[60:].copy()])
    expected = in_memory(X, 40, [0], np.ones(120))
    assert_same(select(blocks, 40, [0], np.ones(120)), expected)


def test_results_do_not_depend_on_working_memory(rng):
    X = rng.standard_normal((500, 40)).astype(np.float32) + 100
    expected = in_memory(X, 100, [0], np.ones(500))
    with sklearn.config_context(working_memory=0.05):
        assert_same(select(cut(X, [100, 300, 100]), 100, [0], np.ones(500)), expected)


@pytest.mark.parametrize("is_sorted", [False, True])
def test_few_passes_also_if_one_partition_holds_the_farthest_rows(is_sorted, rng):
    X = rng.standard_normal((6000, 6))
    if is_sorted:
        X = X[np.argsort(np.linalg.norm(X, axis=1))]
    parts, rounds, weight = cut(X, [200] * 30), [], np.ones(6000)
    first = nearest_to_mean(parts, weight)
    assert parts.n_passes == 3
    got = select(parts, 300, [first], weight, pool_size=500, report=rounds.append)
    assert rounds[-1] == 300
    assert parts.n_passes == 3 + 3 + len(rounds)  # 2 for the shift and 1 for the first pick
    assert len(rounds) <= (12 if is_sorted else 9)
    np.testing.assert_array_equal(got[0], in_memory(X, 300, [first], weight)[0])


def test_partitions_without_rows_of_the_group_are_not_read(rng):
    X = rng.standard_normal((90, 3))
    blocks = [X[:30].copy(), np.full((30, 3), np.nan), X[60:].copy()]
    group = np.r_[3:30, 60:80]
    got = select(Blocks(blocks), 20, [0], np.ones(len(group)), rows=group)
    assert_same(got, in_memory(X, 20, [0], np.ones(len(group)), rows=group))


def test_groups_share_the_passes(rng):
    X, y = rng.standard_normal((900, 5)), rng.integers(0, 4, 900)
    y[300:600] = 3  # the other groups have no row in the second partition
    groups, weight = [np.flatnonzero(y == label) for label in range(4)], rng.random(900)
    sizes, passes = [1, 60, 30, 90], []
    parts = cut(X, [300, 300, 300])

    def algorithms(parts):
        for rows, size in zip(groups, sizes, strict=True):
            mine = PartitionedRows(parts, rows=rows)
            yield farthest_first_partitions(mine, size, [0], weight[rows], pool_size=20)

    for algorithm, rows, size in zip(algorithms(parts), groups, sizes, strict=True):
        before = parts.n_passes
        expected = in_memory(X, size, [0], weight[rows], rows=rows)
        assert_same(alone(parts, algorithm), expected)
        passes.append(parts.n_passes - before)
    before = parts.n_passes
    together = in_lockstep(parts, list(algorithms(parts)))
    assert parts.n_passes - before == max(passes)
    for got, rows, size in zip(together, groups, sizes, strict=True):
        assert_same(got, in_memory(X, size, [0], weight[rows], rows=rows))


def test_errors_name_rows_of_the_whole_table():
    X = np.ones((3000, 2))
    X[2777] = 1e200
    rows = np.r_[:1000, 2000:3000]
    with pytest.raises(ValueError, match=r"squared norm of row 2777 of X exceeds"):
        nearest_to_mean(cut(X, [1000, 1000, 1000]), np.ones(2000), rows=rows)
    X = np.full((9, 2), 1e-160)
    X[5] = 2e-160
    with pytest.raises(ValueError, match=r"between rows 2 and 5\. Scale X"):
        nearest_to_mean(cut(X, [3, 3, 3]), np.ones(3), rows=np.array([2, 3, 5]))
    X = np.ones((9, 2))
    X[8] = [1e-170, 0]
    with pytest.raises(ValueError, match=r"squared norm of row 8 of X is below"):
        nearest_to_mean(cut(X, [3, 3, 3]), np.ones(9), "cosine")
    X = np.zeros((9, 2))
    X[[0, 1, 2, 4], 0] = 1
    with pytest.raises(ValueError, match=r"is nan between rows 3 and 5 of X"):
        select(cut(X, [3, 3, 3]), 3, [3], np.ones(9), "braycurtis")
    with pytest.raises(ValueError, match=r"requires the matrix of all distances in memory"):
        PartitionedRows(cut(X, [3, 3, 3]), "precomputed")
