"""Moderate against exact arithmetic: tables that are far from zero, weights of any scale.

ProbCover against the plain loop, and its radius against its definition.
"""

from itertools import combinations

import dask.array as da
import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances

from skcoreset import Moderate, ProbCover
from skcoreset._kernels.balls import ball_graph, pure_radius
from skcoreset._kernels.distances import pairs

TABLES = {
    "plain": lambda rng: rng.standard_normal((42, 4)),
    "far from zero": lambda rng: rng.standard_normal((42, 4)) + 1e6,
    "a sentinel": lambda rng: np.where(
        (rng.random((42, 1)) < 0.6) & (np.arange(4) % 2 == 0), -99999999, rng.random((42, 4))
    ),
    "sentinels here and there": lambda rng: np.where(
        rng.random((42, 4)) < 0.3, 1e8, rng.random((42, 4))
    ),
    "a row far out": lambda rng: np.vstack([rng.standard_normal((41, 4)), np.full((1, 4), 1e8)]),
    "columns of all scales": lambda rng: (
        rng.standard_normal((42, 4)) * 10.0 ** np.array([-20, -3, 0, 20])
    ),
    "mostly zeros": lambda rng: np.where(
        rng.random((42, 6)) < 0.2, rng.standard_normal((42, 6)), 0
    ),
    "a year beside zeros": lambda rng: np.column_stack(
        [
            rng.integers(2000, 2020, 42),
            np.where(rng.random((42, 5)) < 0.2, rng.standard_normal((42, 5)), 0),
        ]
    ),
    "rows three times": lambda rng: np.repeat(rng.standard_normal((14, 3)), 3, axis=0),
    "one column constant": lambda rng: np.column_stack(
        [np.full(42, 7.7), rng.standard_normal((42, 2))]
    ),
    "nearly the same": lambda rng: 0.1 + 1e-7 * rng.standard_normal((42, 3)),
}
each_table = pytest.mark.parametrize("name", TABLES)


def kept(X, k=12, weight=None, **params):
    return Moderate(k, stratify=None, **params).fit(X, sample_weight=weight).sample_indices_


@each_table
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equals_exact_arithmetic(name, dtype, weighted, rng):
    """Up to a few units in the last place of the distances that are compared."""
    X = TABLES[name](rng).astype(dtype)
    weight = rng.integers(1, 4, len(X)) if weighted else np.ones(len(X))
    apart, distances = oracles.moderate(X, weight)
    expected = sorted(range(len(X)), key=lambda i: apart[i])[:12]
    got = kept(X, weight=weight)
    assert len(set(got)) == 12
    for here, there in zip(got, expected, strict=True):
        last_places = float((apart[here] - apart[there]) / max(distances[here], distances[there]))
        assert abs(last_places) <= 32 * 2.0**-52


@each_table
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_same_rows_of_float32_of_csr_and_in_blocks(name, metric, rng):
    single = TABLES[name](rng).astype("float32")
    weight = rng.integers(1, 4, len(single)) * 0.1
    expected = kept(single, weight=weight, metric=metric)
    double = single.astype("float64")
    for X in (
        double,
        sparse.csr_array(single),
        sparse.csr_array(double),
        sparse.csc_matrix(double),
    ):
        np.testing.assert_array_equal(kept(X, weight=weight, metric=metric), expected)
    for X in (single, sparse.csr_array(single)):
        with sklearn.config_context(working_memory=1e-4):
            np.testing.assert_array_equal(kept(X, weight=weight, metric=metric), expected)


def in_partitions(values, chunks):
    return da.from_array(values, chunks=(chunks, *values.shape[1:]))


@each_table
def test_same_rows_in_partitions(name, rng):
    """Of tables whose parts have different centers, scales and classes."""
    X = TABLES[name](rng).astype("float32")
    weight = rng.integers(0, 4, len(X)) * 0.1
    y = np.sort(rng.integers(0, 3, len(X)))  # a class is in few partitions
    chunks = (1, 20, 0, 2, 19)
    collections = [in_partitions(values, chunks) for values in (X, y, weight)]
    in_parts = collections[0].map_blocks(sparse.csr_matrix)
    for metric, stratify in [
        ("euclidean", "proportional"),
        ("cosine", "proportional"),
        ("cosine", "quantile"),
        ("manhattan", None),
    ]:
        sampler = Moderate(12, metric=metric, stratify=stratify)
        expected = sampler.fit(X, y, weight).sample_indices_
        for table in (collections[0], in_parts):
            got = sampler.fit(table, *collections[1:]).sample_indices_
            np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(kept(collections[0]), kept(X))


@pytest.mark.parametrize("scale", [1e-200, 1e200, 2.0**1000])
def test_partitions_of_different_units(scale, rng):
    """Squares of some partitions would overflow or underflow, those of others not."""
    X = rng.standard_normal((60, 3))
    X[20:40] *= scale
    weight = np.where(np.arange(60) < 40, 1e-200, 3e100)
    for metric in ("euclidean", "cosine"):
        for given in (None, weight):
            expected = kept(X, weight=given, metric=metric)
            lazy = None if given is None else in_partitions(given, 20)
            got = kept(in_partitions(X, 20), weight=lazy, metric=metric)
            np.testing.assert_array_equal(got, expected)


def test_rows_that_tie_in_partitions_come_in_order():
    """No number of float64 is the mean of a column, not even by 9 digits."""
    X = np.eye(9) + np.array([1e6, 5e7, -3e5] * 3)
    np.testing.assert_array_equal(kept(in_partitions(X, 3), 9), range(9))


def test_one_row_far_out_does_not_blur_the_others(rng):
    """Their distances tied once, at ten digits of the largest one, in float32 at five."""
    X = rng.standard_normal((2000, 9))
    X[:40] *= 1e4
    X = X.astype("float32")
    distances = np.linalg.norm(X.astype(float) - X.mean(axis=0, dtype=float), axis=1)
    apart = np.abs(distances - np.median(distances))
    np.testing.assert_array_equal(kept(X, 100), np.argsort(apart)[:100])


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e20, 1e200, 2.0**1000])
def test_does_not_depend_on_the_unit(scale, rng):
    X = rng.standard_normal((200, 3))
    for metric in ("euclidean", "cosine"):
        expected = kept(X, metric=metric)
        np.testing.assert_array_equal(kept(X * scale, metric=metric), expected)
        np.testing.assert_array_equal(kept(sparse.csr_array(X * scale), metric=metric), expected)


@pytest.mark.parametrize("factor", [0.1, 0.3, 7.0, 1 / 3, 1e-12, 1e-200, 1e200, 1e-310])
@pytest.mark.parametrize("n", [2, 6, 10, 200])
def test_weights_times_a_constant_are_the_same_weights(n, factor, rng):
    """In a group of an even number of rows the median lies between two of them."""
    X = rng.standard_normal((n, 2))
    k = max(1, n // 4)
    np.testing.assert_array_equal(kept(X, k, np.full(n, factor)), kept(X, k))
    weight = rng.integers(1, 4, n).astype(float)
    np.testing.assert_array_equal(kept(X, k, weight * factor), kept(X, k, weight))
    repeated = np.repeat(np.arange(n), weight.astype(int))
    first = repeated[kept(X[repeated], 1)]
    np.testing.assert_array_equal(kept(X, 1, weight * factor), first)


@pytest.mark.parametrize("offset", [0, 1e6, -99999999])
def test_rows_that_tie_come_in_order(offset):
    """On a circle around the centre all are as far from it."""
    circle = np.array([[5, 0], [3, 4], [-4, 3], [-5, 0], [4, -3], [-3, -4]]) + offset
    np.testing.assert_array_equal(kept(circle, 6), np.arange(6))
    angle = 2 * np.pi * np.arange(12) / 12
    np.testing.assert_array_equal(
        kept(np.column_stack([np.cos(angle), np.sin(angle)]), 12), range(12)
    )


def test_cosine_far_from_zero(rng):
    """1 - cos has few digits there; the angles have all of them."""
    X = rng.standard_normal((100, 3)) + 1e6
    units = X.astype(np.longdouble)
    units /= np.sqrt((units**2).sum(axis=1))[:, None]
    mean = X.astype(np.longdouble).mean(axis=0)
    distances = ((units - mean / np.sqrt(mean @ mean)) ** 2).sum(axis=1) / 2
    apart = np.abs(distances - np.median(distances))
    got = kept(X, metric="cosine")
    np.testing.assert_allclose(apart[got], np.sort(apart)[:12], atol=1e-8 * np.median(distances))
    rough = pairwise_distances(X, X.mean(axis=0)[None], metric="cosine")[:, 0]
    assert np.abs(rough / distances - 1).max() > 1e-5


def test_cosine_of_rows_of_zeros_and_of_a_mean_of_zero():
    X = np.vstack([np.zeros((2, 2)), [[1, 0], [1, 0.1], [1, -0.2]]])
    np.testing.assert_array_equal(kept(X, 3, metric="cosine"), [4, 3, 2])
    np.testing.assert_array_equal(kept(X[2:] - X[2:].mean(axis=0), 3, metric="cosine"), [0, 1, 2])
    X = np.vstack([X[1:], [[0.2, 1]]])  # the last two have the distances 1 and 0.6
    np.testing.assert_array_equal(kept(X, 5, metric="cosine")[3:], [4, 0])
    np.testing.assert_array_equal(kept(in_partitions(X, 2), 5, metric="cosine")[3:], [4, 0])


@pytest.mark.parametrize(("metric", "row"), [("correlation", 7.0), ("braycurtis", 0.0)])
def test_a_metric_that_is_not_finite(metric, row, rng):
    X = rng.standard_normal((40, 3))
    X -= X[:20].mean(axis=0)
    X[:20] = np.round(X[:20]) - np.round(X[:20]).mean(axis=0)
    if metric == "braycurtis":
        X[:20] = np.tile([[1.0, 2, 3], [-1, -2, -3]], (10, 1))
        X[4:6] = 0
    else:
        X[4] = row
    y = np.repeat(["a", "b"], 20)
    message = f"metric='{metric}' is nan between sample 4 and the mean of the class a"
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        Moderate(10, metric=metric).fit(X, y)
    with pytest.raises(ValueError, match="is inf between sample 0 and the mean of all samples"):
        Moderate(10, metric=lambda a, b: np.inf).fit(X)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_entries_stored_in_parts(metric, rng):
    X = sparse.csr_array(np.where(rng.random((60, 5)) < 0.5, rng.standard_normal((60, 5)), 0))
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    got = kept(sparse.csr_array(halves, shape=X.shape), metric=metric)
    np.testing.assert_array_equal(got, kept(X, metric=metric))


def test_one_row_of_a_class_and_rows_of_weight_zero(rng):
    X, y = rng.standard_normal((30, 3)), np.array([0] * 29 + [1])
    assert Moderate(5).fit(X, y).sampling_strategy_ == {0: 4, 1: 1}
    weight = np.r_[np.ones(20), np.zeros(10)]
    np.testing.assert_array_equal(kept(X, 5, weight), kept(X[:20], 5))


# ProbCover ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("quantile", [0.02, 0.1, 0.4])
def test_prob_cover_is_the_plain_loop(metric, weighted, quantile, rng):
    X = np.round(rng.standard_normal((90, 3)), 1)  # with ties
    X = np.vstack([X, X[:10]]) + [0, 100, 0]
    X[:, 1] -= 99
    weight = rng.integers(1, 4, 100).astype(float) if weighted else None
    D = cdist(X, X, metric)
    delta = float(np.quantile(D, quantile))
    expected, fractions, sizes = oracles.prob_cover(D, 30, delta, weight)
    for table in (X, sparse.csr_array(X)):
        for megabytes in (1e-4, 1e-2, 1024):
            with sklearn.config_context(working_memory=megabytes):
                sampler = ProbCover(30, delta=delta, metric=metric, stratify=None)
                got = sampler.fit(table, sample_weight=weight)
            np.testing.assert_array_equal(got.sample_indices_, expected)
            np.testing.assert_allclose(got.coverage_, fractions)
            np.testing.assert_allclose(got.sample_weight_, sizes)
            assert got.delta_ == delta


def test_prob_cover_by_class_and_float32(rng):
    X, y = make_blobs(120, 4, centers=3, random_state=0)
    X = X.astype("float32")
    got = ProbCover({0: 9, 1: 5, 2: 3}, delta=2.0).fit(X, y)
    for label, size in enumerate((9, 5, 3)):
        rows = np.flatnonzero(y == label)
        D = cdist(X[rows].astype(float), X[rows].astype(float))
        expected, fractions, sizes = oracles.prob_cover(D, size, 2.0)
        mine = y[got.sample_indices_] == label
        np.testing.assert_array_equal(got.sample_indices_[mine], rows[expected])
        np.testing.assert_allclose(got.coverage_[mine], fractions)
        np.testing.assert_allclose(got.sample_weight_[mine], sizes)


def test_the_ball_is_open_and_a_covered_class_is_filled_by_index():
    X = np.arange(6.0)[:, None]
    for shift in (0.0, 0.1, 1e6):
        got = ProbCover(4, delta=1.0).fit(X + shift)
        np.testing.assert_array_equal(got.sample_indices_, [0, 1, 2, 3])  # each covers itself
        np.testing.assert_allclose(got.coverage_, np.arange(1, 5) / 6)
    got = ProbCover(4, delta=2.0).fit(X)
    np.testing.assert_array_equal(got.sample_indices_, [1, 4, 0, 2])
    np.testing.assert_allclose(got.coverage_, [0.5, 1, 1, 1])
    np.testing.assert_allclose(got.sample_weight_, [1, 3, 1, 1])


@pytest.mark.parametrize("seed", range(8))
def test_at_least_1_minus_1_over_e_of_the_largest_coverage(seed):
    X = np.random.default_rng(seed).random((12, 2))
    inside = cdist(X, X) < 0.3
    for k in (1, 2, 3, 4):
        best = max(inside[list(some)].any(axis=0).mean() for some in combinations(range(12), k))
        coverage = ProbCover(k, delta=0.3).fit(X).coverage_[-1]
        assert (1 - np.exp(-1)) * best <= coverage <= best + 1e-12


@pytest.mark.parametrize("purity", [0.3, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("working_memory", [1e-4, 1024])
def test_delta_is_the_largest_radius_with_enough_pure_balls(purity, working_memory, rng):
    X, y = make_blobs(150, 3, centers=4, cluster_std=3.0, random_state=1)
    with sklearn.config_context(working_memory=working_memory):
        got = ProbCover(20, purity=purity, random_state=0).fit(X, y)
    labels = KMeans(4, random_state=np.random.RandomState(0)).fit(X / abs(X).max()).labels_
    D = cdist(X, X)
    assert oracles.fraction_of_pure_balls(D, labels, got.delta_ * (1 - 1e-9)) >= purity
    assert oracles.fraction_of_pure_balls(D, labels, got.delta_ * (1 + 1e-9)) < purity
    same = ProbCover(20, delta=got.delta_).fit(X, y)
    np.testing.assert_array_equal(got.sample_indices_, same.sample_indices_)


def test_delta_with_ties_and_with_weights(rng):
    X = rng.integers(0, 6, (80, 2)).astype(float)
    labels = (X[:, 0] > 2).astype(int)
    D, near, weight = cdist(X, X), pairs(X), rng.integers(1, 4, 80)
    for purity in (0.1, 0.5, 0.7, 1.0):
        delta = pure_radius(near, labels, np.ones(80), purity)
        brute = [r for r in np.unique(D) if oracles.fraction_of_pure_balls(D, labels, r) >= purity]
        assert delta == pytest.approx(max(brute))
        repeated = pairs(np.repeat(X, weight, axis=0))
        expected = pure_radius(repeated, np.repeat(labels, weight), np.ones(repeated.n), purity)
        assert pure_radius(near, labels, weight, purity) == pytest.approx(expected)
    assert pure_radius(near, np.zeros(80), weight, 1.0) == np.inf
    assert pure_radius(pairs(np.zeros((2, 1))), np.arange(2), np.ones(2), 1.0) == 0
    np.testing.assert_array_equal(ball_graph(pairs(np.zeros((2, 1))), 0.0).toarray(), np.eye(2))


def test_prob_cover_ignores_the_labels_for_delta_but_counts_the_classes(rng):
    X, y = make_blobs(90, 2, centers=3, random_state=0)
    counted = ProbCover(9, random_state=0).fit(X, y)
    given = ProbCover(9, n_clusters=3, random_state=0).fit(X)
    shuffled = ProbCover(9, n_clusters=3, random_state=0).fit(X, rng.permutation(y))
    assert counted.delta_ == given.delta_ == shuffled.delta_


def test_prob_cover_errors():
    X = np.arange(6.0)[:, None]
    with pytest.raises(ValueError, match=r"y is None or continuous. Set n_clusters to an int"):
        ProbCover(2).fit(X)
    with pytest.raises(ValueError, match=r"y has one class. Set n_clusters"):
        ProbCover(2).fit(X, np.zeros(6, dtype=int))
    weight = [1, 1, 1, 0, 0, 0]
    with pytest.raises(ValueError, match=r"y has one class with samples of positive weight. Set"):
        ProbCover(2).fit(X, [0, 0, 0, 1, 1, 1], weight)
    with pytest.raises(ValueError, match=r"n_clusters=4 is larger .* of positive weight, 3. Give"):
        ProbCover(2, n_clusters=4).fit(X, sample_weight=weight)
    for delta in (0, -1.0, "pure", np.nan):
        with pytest.raises(ValueError, match="'delta' parameter"):
            ProbCover(2, delta=delta).fit(X)
    assert ProbCover().__sklearn_tags__().target_tags.required
    assert not ProbCover(delta=1.0).__sklearn_tags__().target_tags.required
