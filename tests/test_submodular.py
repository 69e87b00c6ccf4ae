"""FacilityLocation and GraphCut against naive greedy, bounds and brute force."""

from itertools import combinations

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from skcoreset import FacilityLocation, GraphCut
from skcoreset._kernels import set_functions, similarities
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
        cover = set_functions.FacilityLocation(similar, w)
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
    with pytest.raises(ValueError, match="only 1 are to be picked"):
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
