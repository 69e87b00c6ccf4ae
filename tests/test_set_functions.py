"""FacilityLocation and GraphCut against naive greedy, bounds and brute force."""

import tracemalloc
from itertools import combinations

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import kneighbors_graph
from sklearn.preprocessing import StandardScaler

from skcoreset import CRAIG, FacilityLocation, GraphCut
from skcoreset._kernels import facility_location, similarities
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.neighbors import nearest_neighbors


def tables(rng):
    """Name and table: random ones, and the awkward."""
    return {
        "plain": rng.standard_normal((90, 4)),
        "far from the origin": rng.standard_normal((90, 50)) + 1e3,
        "whole numbers": rng.integers(0, 3, (90, 2)).astype(float),
        "every row twice": np.repeat(rng.standard_normal((40, 3)), 2, axis=0),
        "one row only": np.ones((20, 2)),
        "a simplex": np.eye(30),
    }


TABLES = list(tables(np.random.default_rng(0)))


def similarity(X, metric="euclidean"):
    D = pairwise_distances(X, metric=metric)
    np.fill_diagonal(D, 0)
    return D.max() - D


@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
@pytest.mark.parametrize("name", TABLES)
def test_facility_location_equals_the_loop(name, optimizer, rng):
    X = tables(rng)[name]
    w = rng.integers(1, 4, len(X)).astype(float)
    for weight in (None, w):
        sampler = FacilityLocation(15, optimizer=optimizer).fit(X, sample_weight=weight)
        picks, gains = oracles.facility_location(similarity(X), 15, weight)
        np.testing.assert_array_equal(sampler.sample_indices_, picks)
        np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("redundancy", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("name", TABLES)
def test_graph_cut_equals_the_loop(name, redundancy, rng):
    X = tables(rng)[name]
    sampler = GraphCut(15, redundancy=redundancy).fit(X)
    picks, gains = oracles.graph_cut(similarity(X), 15, redundancy)
    np.testing.assert_array_equal(sampler.sample_indices_, picks)
    np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
@pytest.mark.parametrize("metric", ["cosine", "manhattan"])
def test_metrics(Sampler, metric, rng):
    X = rng.standard_normal((80, 4))
    loop = oracles.facility_location if Sampler is FacilityLocation else oracles.graph_cut
    args = () if Sampler is FacilityLocation else (0.5,)
    expected, _ = loop(similarity(X, metric), 20, *args)
    got = Sampler(20, metric=metric).fit(X)
    np.testing.assert_array_equal(got.sample_indices_, expected)


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_precomputed(Sampler, container, rng):
    S = rng.random((80, 80)) * (rng.random((80, 80)) < 0.3)
    S = np.maximum(S, S.T)
    loop = oracles.facility_location if Sampler is FacilityLocation else oracles.graph_cut
    args = () if Sampler is FacilityLocation else (0.5,)
    expected, gains = loop(S, 20, *args)
    got = Sampler(20, metric="precomputed").fit(container(S))
    np.testing.assert_array_equal(got.sample_indices_, expected)
    np.testing.assert_allclose(got.gains_, gains)
    y = np.arange(80) % 2
    by_class = Sampler(20, metric="precomputed").fit(container(S), y).sample_indices_
    ones = np.flatnonzero(y)
    expected, _ = loop(S[np.ix_(ones, ones)], 10, *args)
    np.testing.assert_array_equal(by_class[y[by_class] == 1], ones[expected])


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
@pytest.mark.parametrize("megabytes", [1024, 0.05])
@pytest.mark.parametrize("name", TABLES)
def test_rbf_equals_the_precomputed_kernel(name, megabytes, Sampler, rng):
    X = tables(rng)[name]
    S = np.exp(-0.3 * oracles.distances(X) ** 2)
    weight, y = rng.integers(0, 3, len(X)).astype(float), np.arange(len(X)) % 2
    expected = Sampler(12, metric="precomputed").fit(S, y, sample_weight=weight)
    with sklearn.config_context(working_memory=megabytes):
        for table in (X, sparse.csr_array(X), pd.DataFrame(X)):
            got = Sampler(12, metric="rbf", gamma=0.3).fit(table, y, sample_weight=weight)
            np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
            np.testing.assert_allclose(got.sample_weight_, expected.sample_weight_)
            np.testing.assert_allclose(got.gains_, expected.gains_, rtol=1e-9, atol=1e-9)
    assert got.gamma_ == 0.3


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_rbf_of_neighbours(Sampler, rng):
    X = rng.standard_normal((70, 3))
    near = kneighbors_graph(X, 8).toarray()
    S = rbf_kernel(X, gamma=0.5) * (np.maximum(near, near.T) + np.eye(70))
    got = Sampler(15, metric="rbf", gamma=0.5, n_neighbors=8).fit(X)
    expected = Sampler(15, metric="precomputed").fit(S)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(got.gains_, expected.gains_, rtol=1e-9)


def test_gamma_by_default(rng):
    X, weight = rng.standard_normal((60, 3)) * [1, 5, 0.2] + 100, rng.integers(0, 3, 60)
    expected = 1 / np.cov(X.T, fweights=weight, ddof=0).trace()
    sampler = FacilityLocation(6, metric="rbf")
    assert sampler.fit(X, sample_weight=weight).gamma_ == pytest.approx(expected)
    assert sampler.fit(X - 100, np.arange(60) % 3, weight).gamma_ == pytest.approx(expected)
    scaled = StandardScaler().fit_transform(X)
    assert sampler.fit(scaled).gamma_ == pytest.approx(1 / 3)
    assert sampler.fit(np.ones((20, 2))).gamma_ == 1


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_gamma_with_another_metric(Sampler, rng):
    X = rng.standard_normal((20, 2))
    for metric in ("euclidean", "cosine", "precomputed", lambda a, b: abs(a - b).sum()):
        table = X @ X.T * 0 + 1 if isinstance(metric, str) and metric == "precomputed" else X
        with pytest.raises(ValueError, match=r"gamma=0.5 requires metric='rbf'"):
            Sampler(5, metric=metric, gamma=0.5).fit(table)
    with pytest.raises(ValueError, match="'gamma' parameter of"):
        Sampler(5, metric="rbf", gamma=0).fit(X)


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_neighbours_are_a_sparse_similarity(Sampler, rng):
    X = rng.standard_normal((80, 3))
    D = pairwise_distances(X)
    np.fill_diagonal(D, np.inf)
    near = np.sort(D, axis=1)[:, 4][:, None] >= D
    near |= near.T
    np.fill_diagonal(D, 0)
    np.fill_diagonal(near, True)
    own = np.sort(D, axis=1)[:, 5][:, None] >= D
    S = np.where(near, D[own].max() - D, 0.0)
    S = np.maximum(S, 0)
    given = Sampler(20, metric="precomputed").fit(S)
    got = Sampler(20, n_neighbors=5).fit(X)
    np.testing.assert_array_equal(got.sample_indices_, given.sample_indices_)
    np.testing.assert_allclose(got.gains_, given.gains_)


def test_neighbours_equal_brute_force(rng):
    X = rng.integers(0, 4, (60, 3)).astype(float)  # many ties
    neighbors, distances = nearest_neighbors(pairs(X), 7)
    D = pairwise_distances(X)
    np.fill_diagonal(D, np.inf)
    for i in range(60):
        order = sorted(range(60), key=lambda j: (round(D[i, j], 9), j))[:7]
        assert neighbors[i].tolist() == sorted(order)
        np.testing.assert_allclose(distances[i], D[i, neighbors[i]], atol=1e-9)


@pytest.mark.parametrize("megabytes", [8, 1, 0.05])
def test_on_demand_equals_whole(rng, megabytes):
    """Also where what is remembered of some candidates has to go for others."""
    X = rng.standard_normal((1500, 10))
    w = rng.random(1500)

    def picks():
        similar = similarities.near_similarities(pairs(X))
        cover = facility_location.FacilityLocation(similar, w)
        return similar.whole, *greedy(cover, 60), cover.cells(w)

    whole, expected, gains, cells = picks()
    assert whole
    with sklearn.config_context(working_memory=megabytes):
        whole, got, same, same_cells = picks()
    assert not whole
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_allclose(same, gains)
    np.testing.assert_allclose(same_cells, cells)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_row_of_many_duplicates(rng, dtype):
    """Gains that are kept up to date by differences end at 0, and then go to the lowest row."""
    X = np.repeat(rng.standard_normal((60, 2)), 5, axis=0)[rng.permutation(300)].astype(dtype)
    D = cdist(X, X).astype(dtype)  # exact, where duplicates are at distance 0
    S = D.max() - D
    picks = FacilityLocation(300, metric="precomputed").fit(S).sample_indices_
    distinct = len(np.unique(X, axis=0))
    assert len(np.unique(X[picks[:distinct]], axis=0)) == distinct
    assert (np.diff(picks[distinct:]) > 0).all()


def test_gains_fall_and_reach_the_bound(rng):
    for _ in range(10):
        X = rng.standard_normal((11, 2))
        S = similarity(X)
        sampler = FacilityLocation(4).fit(X)
        assert (np.diff(sampler.gains_) <= 1e-9).all()
        value = S[:, sampler.sample_indices_].max(axis=1).sum()
        assert sampler.gains_.sum() == pytest.approx(value)
        optimum = max(S[:, list(c)].max(axis=1).sum() for c in combinations(range(11), 4))
        assert value >= (1 - 1 / np.e) * optimum


def test_stochastic_is_nearly_as_good(rng):
    X = rng.standard_normal((1500, 5))
    S = similarity(X)

    def value(sampler):
        return S[:, sampler.fit(X).sample_indices_].max(axis=1).sum()

    lazy = value(FacilityLocation(40))
    drawn = [value(FacilityLocation(40, optimizer="stochastic", random_state=s)) for s in range(3)]
    random = S[:, rng.permutation(1500)[:40]].max(axis=1).sum()
    assert min(drawn) > 0.95 * lazy
    assert min(drawn) > random
    assert len(set(drawn)) == 3


def test_weights_are_cells(blobs):
    X, y = blobs
    for sampler in (FacilityLocation(30), GraphCut(30)):
        kept = sampler.fit(X, y).sample_indices_
        for label in range(3):
            mine = y[kept] == label
            nearest = pairwise_distances(X[y == label], X[kept[mine]]).argmin(axis=1)
            cells = np.bincount(nearest, minlength=mine.sum())
            np.testing.assert_array_equal(sampler.sample_weight_[mine], cells)


def test_start_set(rng):
    X = rng.standard_normal((80, 3))
    sampler = FacilityLocation(10, init=[7, 0]).fit(X)
    assert sampler.sample_indices_[:2].tolist() == [7, 0]
    assert len(set(sampler.sample_indices_.tolist())) == 10
    S = similarity(X)
    covered = S[:, [7, 0]].max(axis=1)
    third = np.maximum(S - covered[:, None], 0).sum(axis=0).argmax()
    assert sampler.sample_indices_[2] == third
    with pytest.raises(ValueError, match="only 1 are to be selected"):
        FacilityLocation(1, init=[7, 0]).fit(X)


@pytest.mark.parametrize(
    ("X", "params", "message"),
    [
        (np.ones((4, 3)), {}, r"\(n_samples, n_samples\), got \(4, 3\)"),
        (-np.ones((4, 4)), {}, "at least 0, got -1"),
        (np.triu(np.ones((4, 4))), {}, "symmetric"),
        (np.ones((4, 4)), {"n_neighbors": 2}, "n_neighbors=2"),
    ],
)
def test_bad_similarities(X, params, message):
    with pytest.raises(ValueError, match=message):
        FacilityLocation(2, metric="precomputed", **params).fit(X)


@pytest.mark.parametrize("Method", [FacilityLocation, GraphCut])
@pytest.mark.parametrize("X", [np.ones((12, 1)), np.repeat([[0, 0], [0, 1], [1, 0]], 8, axis=0)])
def test_neighbours_that_are_all_alike(Method, X):
    """No similarity is left among neighbours at distance 0; the lowest rows stand for them."""
    picks = Method(4, n_neighbors=3).fit(X).sample_indices_
    assert len(set(picks.tolist())) == 4


# awkward tables ------------------------------------------------------------------------------


SENTINEL = -99999999.0


def awkward(rng):
    """Far from zero, with a sentinel, with zero rows, on a line, of very different scales."""
    some = rng.random((90, 6))
    sentinel, scattered, outlier, zeros = (some.copy() for _ in range(4))
    sentinel[np.ix_(rng.random(90) < 0.6, [0, 2, 5])] = SENTINEL
    scattered[rng.random((90, 6)) < 0.1] = SENTINEL
    outlier[5] = 1e12
    zeros[rng.random(90) < 0.2] = 0
    wide = np.tile(some, 7)  # more columns than are shifted as a whole
    wide[::2, :20] = SENTINEL
    return {
        "offset": some + 1e6,
        "sentinel": sentinel,
        "scattered sentinels": scattered,
        "wide, with a sentinel": wide,
        "one row far out": outlier,
        "zero rows": zeros - 0.5 * (zeros > 0),
        "on a line": rng.standard_normal((90, 1)) * rng.standard_normal((1, 6)),
        "scales": rng.standard_normal((90, 6)) * 10.0 ** np.arange(-3, 3),
        "every row thrice": np.repeat(some[:30], 3, axis=0),
    }


def ways(X):
    """Name, table, parameters and working_memory: all must pick the same rows."""
    every = {"optimizer": "stochastic", "epsilon": 1e-300, "random_state": 0}  # looks at all
    return {
        "lazy": (X, {}, 1024),
        "naive": (X, {"optimizer": "naive"}, 1024),
        "stochastic": (X, every, 1024),
        "csr": (sparse.csr_array(X), {}, 1024),
        "on demand": (X, {}, 0.02),
        "on demand, csr": (sparse.csr_array(X), {}, 0.02),
        "on demand, naive": (X, {"optimizer": "naive"}, 0.02),
        "on demand, stochastic": (X, every, 0.02),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", awkward(np.random.default_rng(0)))
def test_awkward_tables_equal_the_loop_in_every_way(name, metric, dtype, rng):
    """Picks do not depend on memory, format or optimizer; gains are those of the definition."""
    X = awkward(rng)[name].astype(dtype)
    w = rng.integers(1, 4, len(X)).astype(float)
    D = oracles.distances(X, metric)
    loops = {
        FacilityLocation: oracles.facility_location_of_distances(D, 15, w),
        GraphCut: oracles.graph_cut_of_distances(D, 15, 0.5, w),
    }
    # Directions of rows far from the origin are known to 1e-10 only.
    rtol = 1e-6 if metric == "cosine" and name == "offset" else 1e-11
    for Sampler, (picks, gains) in loops.items():
        for way, (table, params, megabytes) in ways(X).items():
            sampler = Sampler(15, metric=metric, **params)
            with sklearn.config_context(working_memory=megabytes):
                sampler.fit(table, sample_weight=w)
            np.testing.assert_array_equal(sampler.sample_indices_, picks, err_msg=way)
            np.testing.assert_allclose(
                sampler.gains_, gains, rtol=rtol, atol=1e-13 * gains[0], err_msg=way
            )


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", awkward(np.random.default_rng(0)))
def test_float32_where_it_keeps_the_digits(name, metric, rng, monkeypatch):
    """A large float32 table stays in float32 unless small distances would lose their digits."""
    monkeypatch.setattr(similarities, "WORTH_SINGLE", 0)
    some = rng.random((1200, 6))
    table = {
        "offset": some + 1e6,
        "sentinel": np.where(
            (rng.random(1200) < 0.6)[:, None] & (np.arange(6) < 3), SENTINEL, some
        ),
        "scattered sentinels": np.where(rng.random((1200, 6)) < 0.1, SENTINEL, some),
        "wide, with a sentinel": np.tile(some, 7),
        "one row far out": np.concatenate([some[:-1], np.full((1, 6), 1e12)]),
        "zero rows": some * (rng.random(1200) > 0.2)[:, None],
        "on a line": rng.standard_normal((1200, 1)) * rng.standard_normal((1, 6)),
        "scales": rng.standard_normal((1200, 6)) * 10.0 ** np.arange(-3, 3),
        "every row thrice": np.repeat(some[:400], 3, axis=0),
    }
    table["wide, with a sentinel"][::2, :20] = SENTINEL
    X = table[name].astype(np.float32)
    same = similarities.precise_enough(pairs(X, metric))
    if metric == "euclidean":
        in_double = ("sentinel" in name) or name in ("one row far out", "on a line")
        assert same.itemsize == (8 if in_double else 4)
    got = FacilityLocation(40, metric=metric).fit(X)
    expected = FacilityLocation(40, metric=metric).fit(X.astype(np.float64))
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(got.gains_, expected.gains_, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_neighbours_far_from_zero(dtype, rng):
    X = (rng.random((80, 3)) + 1e4).astype(dtype)
    sampler = FacilityLocation(10, n_neighbors=5).fit(X)
    D = oracles.distances(X)
    near = np.argsort(D + np.where(np.eye(80), np.inf, 0), axis=1)[:, :5]
    most = np.take_along_axis(D, near, axis=1).max()
    S = most * np.eye(80)
    for i, j in zip(np.repeat(np.arange(80), 5), near.ravel(), strict=True):
        S[i, j] = S[j, i] = most - D[i, j]
    covered, gains = np.zeros(80), []
    for pick in sampler.sample_indices_:
        gains.append(np.maximum(S[pick] - covered, 0).sum())
        covered = np.maximum(covered, S[pick])
    np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-10)


@pytest.mark.parametrize("optimizer", ["lazy", "naive", "stochastic"])
@pytest.mark.parametrize("init", [None, [3], [0, 6]])
@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_gains_are_those_of_the_value(Sampler, init, optimizer):
    """Of the first pick too, where it was given or drawn: it was 37 for 58."""
    X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0]])
    S = similarity(X)

    def value(picks):
        if len(picks) == 0:
            return 0.0
        if Sampler is FacilityLocation:
            return S[:, picks].max(axis=1).sum()
        return S[:, picks].sum() - 0.5 * S[np.ix_(picks, picks)].sum()

    for megabytes in (1024, 1e-4):
        for table, metric in ((X, "euclidean"), (sparse.csr_array(X), "euclidean"), (S, "given")):
            params = {"metric": "precomputed"} if metric == "given" else {}
            sampler = Sampler(
                4, init=init, optimizer=optimizer, epsilon=0.9, random_state=0, **params
            )
            with sklearn.config_context(working_memory=megabytes):
                picks = sampler.fit(table).sample_indices_
            values = [value(picks[:t]) for t in range(5)]
            np.testing.assert_allclose(sampler.gains_, np.diff(values), rtol=1e-12)


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_zero_row_under_cosine(Sampler):
    """It is at distance 0 from itself and 1 from all others."""
    X = np.array([[1.0, 0], [0, 0], [0, 1], [0.1, 1], [0, 0]])
    D = pairwise_distances(X, metric="cosine")
    D[[1, 4], :] = D[:, [1, 4]] = 1
    np.fill_diagonal(D, 0)
    given = Sampler(5, metric="precomputed").fit(D.max() - D)
    for table in (X, sparse.csr_array(X), X.astype(np.float32)):
        got = Sampler(5, metric="cosine").fit(table)
        np.testing.assert_array_equal(got.sample_indices_, given.sample_indices_)
        np.testing.assert_allclose(got.gains_, given.gains_, atol=1e-7)
    near = Sampler(5, metric="cosine", n_neighbors=2).fit(X)
    csr = Sampler(5, metric="cosine", n_neighbors=2).fit(sparse.csr_array(X))
    np.testing.assert_array_equal(near.sample_indices_, csr.sample_indices_)
    similar = near._similarities(X, None)
    assert (similar.diagonal() == similar.graph.max()).all()
    assert near.gains_.sum() > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_neighbors", [None, 5])
@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_weights_times_a_constant(Sampler, n_neighbors, dtype, rng):
    X, y = rng.standard_normal((90, 4)).astype(dtype), np.arange(90) % 2
    for w in (np.ones(90), rng.integers(1, 4, 90).astype(float)):
        for optimizer in ("lazy", "stochastic"):
            sampler = Sampler(20, n_neighbors=n_neighbors, optimizer=optimizer, random_state=0)
            sampler.fit(X, y, sample_weight=w)
            picks, weight, gains = (
                sampler.sample_indices_,
                sampler.sample_weight_,
                sampler.gains_,
            )
            for factor in (1e-200, 1e-12, 0.1, 3.0, 1e200):
                sampler.fit(X, y, sample_weight=factor * w)
                np.testing.assert_array_equal(sampler.sample_indices_, picks)
                np.testing.assert_allclose(sampler.sample_weight_, factor * weight, rtol=1e-12)
                np.testing.assert_allclose(
                    sampler.gains_ / factor, gains, rtol=1e-9, atol=1e-12 * gains[0]
                )
    tiny = Sampler(20, n_neighbors=n_neighbors).fit(X, y, sample_weight=np.full(90, 5e-324))
    plain = Sampler(20, n_neighbors=n_neighbors).fit(X, y)
    np.testing.assert_array_equal(tiny.sample_indices_, plain.sample_indices_)


def test_similarities_that_overflow(rng):
    S = np.full((20, 20), 1e308)
    for Sampler in (FacilityLocation, GraphCut):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"infinity|overflow"):
            Sampler(5, metric="precomputed").fit(S)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "make",
    [
        lambda: FacilityLocation(10),
        lambda: FacilityLocation(10, metric="cosine"),
        lambda: FacilityLocation(10, metric="rbf"),
        lambda: GraphCut(10, metric="rbf"),
        lambda: FacilityLocation(10, optimizer="stochastic", random_state=0),
        lambda: FacilityLocation(10, n_neighbors=5),
        lambda: GraphCut(10),
        lambda: CRAIG(coreset_size=10, stratify=None),
        lambda: CRAIG(coreset_size=10, stratify=None, gradient="features"),
    ],
)
def test_memory_follows_working_memory(make, dtype, rng):
    """With 1 MiB of it they took 70 to 160 MiB; the matrix of all pairs would be 31 MiB."""
    X = rng.standard_normal((2000, 40)).astype(dtype)
    y = np.arange(2000) % 2 if isinstance(make(), CRAIG) else None
    with sklearn.config_context(working_memory=1):
        make().fit(X[:100], None if y is None else y[:100])
        tracemalloc.start()
        try:
            make().fit(X, y)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()
    assert peak < 6


@pytest.mark.parametrize("n_neighbors", [None, 5])
@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_metric_that_is_not_finite(Sampler, n_neighbors, rng):
    """An error that names two rows; they were repeated, or there was an IndexError."""
    X = rng.standard_normal((40, 4))
    X[[7, 11]] = 1.0
    y = np.arange(40) % 2
    sampler = Sampler(10, metric="correlation", n_neighbors=n_neighbors)
    for params in ({}, {"init": [0]}):
        with pytest.raises(ValueError, match="'correlation' is nan between rows 0 and 7 of X"):
            sampler.set_params(**params).fit(X)
    with pytest.raises(ValueError, match="'correlation' is nan between rows 1 and 7 of X"):
        sampler.set_params(init=None).fit(X, y)
    zeros, sampler = np.abs(X), sampler.set_params(metric="braycurtis")
    zeros[3] = 0
    assert len(set(sampler.fit(zeros).sample_indices_.tolist())) == 10
    zeros[9] = 0
    with pytest.raises(ValueError, match="rows 3 and 9 of X"):
        sampler.fit(zeros)

    def half(a, b):
        return np.inf if a[0] > 0.5 and b[0] < 0 else abs(a[0] - b[0])

    with pytest.raises(ValueError, match="is inf between rows"):
        Sampler(10, metric=half, n_neighbors=n_neighbors).fit(X)
