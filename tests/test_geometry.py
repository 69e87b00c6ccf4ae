"""Herding and KCenterGreedy against the papers' loops, closed forms and bounds."""

from itertools import combinations

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS, pairwise_kernels, rbf_kernel
from sklearn.preprocessing import normalize, scale

from skcoreset import FacilityLocation, GraphCut, Herding, KCenterGreedy
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import farthest_first
from skcoreset._kernels.kernels import gram
from skcoreset._metrics import METRICS


def tables(rng):
    """Name and table: random ones, and the awkward."""
    plain = rng.standard_normal((200, 5))
    wide = rng.standard_normal((150, 60))
    return {
        "plain": plain,
        "wide": wide,
        "far from the origin": wide + 1e4,
        "one column": rng.standard_normal((80, 1)),
        "whole numbers": rng.integers(0, 4, (150, 3)).astype(float),
        "every row twice": np.repeat(rng.standard_normal((40, 4)), 2, axis=0)[rng.permutation(80)],
        "one row only": np.ones((30, 3)),
        "a simplex": np.eye(40),
        "one outlier": np.vstack([plain, [[1e6] * 5]]),
    }


TABLES = list(tables(np.random.default_rng(0)))


# k-center ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pool_size", [2, 7, 32, 512])
@pytest.mark.parametrize("name", TABLES)
def test_picks_equal_the_loop(name, pool_size, rng):
    X = tables(rng)[name]
    k = min(len(X), 60)
    picks, radii, cells = farthest_first(pairs(X), k, [0], pool_size=pool_size)
    expected, expected_radii, expected_cells = oracles.k_center(X, k, 0)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_allclose(radii, expected_radii, rtol=1e-7, atol=1e-6)
    np.testing.assert_array_equal(cells, expected_cells)


def test_one_round_of_many_picks_that_tie():
    """300 rows are equally far from each other, and one beside each of them goes to its cell."""
    X = np.vstack([np.eye(300), 0.9 * np.eye(300)])
    rounds = []
    picks, radii, cells = farthest_first(pairs(X), 300, [0], pool_size=600, report=rounds.append)
    assert rounds == [1, 300]
    np.testing.assert_array_equal(picks, np.arange(300))
    np.testing.assert_allclose(radii, [2**0.5] * 299 + [0.1])
    np.testing.assert_array_equal(cells, np.tile(np.arange(300), 2))


@pytest.mark.parametrize("name", TABLES)
def test_all_rows_can_be_picked(name, rng):
    X = tables(rng)[name]
    sampler = KCenterGreedy(len(X)).fit(X)
    assert sorted(sampler.sample_indices_) == list(range(len(X)))
    assert sampler.radius_ == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(sampler.sample_weight_, 1)


@pytest.mark.parametrize("metric", ["cosine", "manhattan", "chebyshev", "l2"])
def test_other_metrics_equal_the_loop(metric, rng):
    X = rng.standard_normal((150, 5))
    sampler = KCenterGreedy(40, metric=metric, init=[3]).fit(X)
    expected, radii, cells = oracles.k_center(X, 40, 3, metric)
    np.testing.assert_array_equal(sampler.sample_indices_, expected)
    np.testing.assert_allclose(sampler.radii_, radii, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(sampler.sample_weight_, np.bincount(cells))


def test_callable_and_precomputed_equal_the_name(rng):
    X = rng.standard_normal((60, 3))
    y = rng.integers(0, 2, 60)
    named = KCenterGreedy(20, init=[0, 1]).fit(X, y)
    called = KCenterGreedy(20, init=[0, 1], metric=lambda a, b: np.linalg.norm(a - b)).fit(X, y)
    given = KCenterGreedy(20, init=[0, 1], metric="precomputed").fit(pairwise_distances(X), y)
    for other in (called, given):
        np.testing.assert_array_equal(other.sample_indices_, named.sample_indices_)
        np.testing.assert_allclose(other.radii_, named.radii_, rtol=1e-7)
    with pytest.raises(ValueError, match=r"\(n_samples, n_samples\), got \(60, 3\)"):
        KCenterGreedy(20, metric="precomputed").fit(X)


def test_float32_has_the_same_radii(rng):
    X = rng.standard_normal((3000, 50))
    exact = KCenterGreedy(300).fit(X)
    single = KCenterGreedy(300).fit(X.astype(np.float32))
    np.testing.assert_allclose(single.radii_, exact.radii_, rtol=1e-4)


@pytest.mark.parametrize("offset", [0, 1e3])
def test_float32_tells_near_rows_apart(offset, rng):
    # pairs of rows 1e-3 apart, far from zero: products alone would see only noise
    X = rng.standard_normal((100, 40)) + offset
    X = np.vstack([X, X + 1e-1]).astype(np.float32)
    sampler = KCenterGreedy(100).fit(X)
    assert len({i % 100 for i in sampler.sample_indices_}) == 100


def test_certificate_and_twice_the_optimum(rng):
    for _ in range(20):
        n = int(rng.integers(4, 13))
        X = rng.standard_normal((n, 2))
        D = pairwise_distances(X)
        k = int(rng.integers(1, n))
        sampler = KCenterGreedy(k).fit(X)
        S, radius = sampler.sample_indices_, sampler.radius_
        assert radius == pytest.approx(D[:, S].min(axis=1).max())
        farthest = D[:, S].min(axis=1).argmax()
        apart = [D[i, j] for i, j in combinations([*S, farthest], 2)]
        assert min(apart) >= radius - 1e-12
        optimum = min(D[:, c].min(axis=1).max() for c in combinations(range(n), k))
        assert radius <= 2 * optimum + 1e-12


def test_radii_fall_and_cells_are_voronoi_cells(blobs):
    X, y = blobs
    sampler = KCenterGreedy(40).fit(X, y)
    kept = sampler.sample_indices_
    for label in np.unique(y):
        mine = y[kept] == label
        assert (np.diff(sampler.radii_[mine]) <= 0).all()
        nearest = pairwise_distances(X[y == label], X[kept[mine]]).argmin(axis=1)
        np.testing.assert_array_equal(sampler.sample_weight_[mine], np.bincount(nearest))
    assert sampler.radius_ == max(sampler.radii_[y[kept] == label][-1] for label in np.unique(y))


def test_initial_rows_count_towards_the_size(blobs):
    X, y = blobs
    sampler = KCenterGreedy(10, init=[5, 0, 9], stratify=None).fit(X, y)
    assert sampler.sample_indices_[:3].tolist() == [5, 0, 9]
    assert len(set(sampler.sample_indices_)) == 10
    expected, radii, _ = oracles.k_center(X, 10, [5, 0, 9])
    np.testing.assert_array_equal(sampler.sample_indices_, expected)
    np.testing.assert_allclose(sampler.radii_, radii)
    only = KCenterGreedy(3, init=[5, 0, 9], stratify=None).fit(X, y)
    assert only.sample_indices_.tolist() == [5, 0, 9]


def test_initial_rows_go_to_their_class(blobs):
    X, y = blobs
    row = int(np.flatnonzero(y == 1)[3])
    given = KCenterGreedy(30, init=[row]).fit(X, y)
    mean = KCenterGreedy(30).fit(X, y)
    for sampler, label in [(given, 0), (given, 2)]:
        np.testing.assert_array_equal(
            sampler.sample_indices_[y[sampler.sample_indices_] == label],
            mean.sample_indices_[y[mean.sample_indices_] == label],
        )
    assert given.sample_indices_[y[given.sample_indices_] == 1][0] == row


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ([300], "outside 0 to 299"),
        ([-1], "outside 0 to 299"),
        ([1, 1], "same sample index twice"),
        ([0.5], "array of sample indices"),
        ([[1]], "array of sample indices"),
        ("middle", "init"),
        (list(range(12)), "only 10 are to be selected"),
    ],
)
def test_bad_initial_rows(init, message, blobs):
    with pytest.raises(ValueError, match=message):
        KCenterGreedy(10, init=init, stratify=None).fit(*blobs)


def test_first_is_the_row_nearest_the_weighted_mean(rng):
    X = rng.standard_normal((100, 4))
    w = rng.integers(0, 5, 100).astype(float)
    mean = w @ X / w.sum()
    expected = np.flatnonzero(w > 0)[((X[w > 0] - mean) ** 2).sum(axis=1).argmin()]
    assert KCenterGreedy(5).fit(X, sample_weight=w).sample_indices_[0] == expected


def test_random_start_is_random_and_seeded(rng):
    X = rng.standard_normal((100, 4))
    first = [
        KCenterGreedy(3, init="random", random_state=seed).fit(X).sample_indices_[0]
        for seed in (0, 0, 1, 2, 3)
    ]
    assert first[0] == first[1]
    assert len(set(first)) > 1


# herding -----------------------------------------------------------------------------------


def test_herding_equals_brute_force(rng):
    X = rng.standard_normal((60, 4))
    np.testing.assert_array_equal(Herding(25).fit(X).sample_indices_, oracles.herding(X, 25))
    w = rng.random(60) + 0.1
    np.testing.assert_array_equal(
        Herding(25).fit(X, sample_weight=w).sample_indices_, oracles.herding(X, 25, w)
    )


@pytest.mark.parametrize("kernel", ["rbf", "poly", "linear", "laplacian"])
def test_kernel_herding_equals_the_loop(kernel, rng):
    X = rng.standard_normal((90, 4))
    w = rng.random(90) + 0.1
    if kernel == "laplacian":
        params, K = {"length": 2.5}, oracles.laplacian(X, 2.5)
    else:
        params = {} if kernel == "linear" else {"gamma": 0.3}
        K = pairwise_kernels(X, metric=kernel, **params)
    for weight in (None, w):
        got = Herding(30, kernel=kernel, kernel_params=params).fit(X, sample_weight=weight)
        np.testing.assert_array_equal(got.sample_indices_, oracles.kernel_herding(K, 30, weight))


def test_kernel_may_be_a_callable(rng):
    X = rng.standard_normal((50, 3))
    named = Herding(15, kernel="rbf", kernel_params={"gamma": 0.5}).fit(X)
    called = Herding(15, kernel=lambda a, b: np.exp(-0.5 * ((a - b) ** 2).sum())).fit(X)
    np.testing.assert_array_equal(named.sample_indices_, called.sample_indices_)


def test_herding_on_unit_rows_is_wellings(rng):
    X = normalize(rng.standard_normal((2000, 30)))
    sequence = oracles.welling(X, 25)
    assert len(set(sequence)) == 25  # no repeat to be told apart by
    np.testing.assert_array_equal(Herding(25).fit(X).sample_indices_, sequence)


def test_herding_error_falls_like_one_over_k(rng):
    X = rng.standard_normal((20_000, 10))
    W, b = rng.standard_normal((10, 200)) / 3, rng.uniform(0, 2 * np.pi, 200)
    features = np.sqrt(2 / 200) * np.cos(X @ W + b)
    mean = features.mean(axis=0)
    sizes = np.array([10, 30, 100, 300, 1000])

    def slope(order):
        errors = [np.linalg.norm(features[order[:k]].mean(axis=0) - mean) for k in sizes]
        return np.polyfit(np.log(sizes), np.log(errors), 1)[0], errors

    herded, errors = slope(Herding(1000).fit(features).sample_indices_)
    drawn, drawn_errors = slope(rng.permutation(20_000))
    assert herded <= -0.8
    assert drawn > -0.7
    # the published argmax of the distance keeps the farthest row: far worse than random
    assert all(e < d for e, d in zip(errors, drawn_errors, strict=True))


def test_herding_all_rows_has_no_error(rng):
    X = rng.standard_normal((50, 3))
    sampler = Herding(50).fit(X)
    assert sorted(sampler.sample_indices_) == list(range(50))
    np.testing.assert_allclose(X[sampler.sample_indices_].mean(axis=0), X.mean(axis=0))


def test_herding_weights_are_equal_within_a_class(blobs):
    X, y = blobs
    w = np.linspace(1, 2, len(y))
    sampler = Herding(30).fit(X, y, sample_weight=w)
    for label in np.unique(y):
        mine = sampler.sample_weight_[y[sampler.sample_indices_] == label]
        np.testing.assert_allclose(mine, w[y == label].sum() / len(mine))


def test_duplicates_go_to_the_lowest_row(rng):
    X = np.repeat(rng.standard_normal((30, 40)), 3, axis=0)
    order = rng.permutation(90)
    for sampler in (Herding(30), Herding(30, kernel="rbf"), KCenterGreedy(30)):
        picks = sampler.fit(X[order]).sample_indices_
        for i, pick in enumerate(picks):
            same = np.flatnonzero(order // 3 == order[pick] // 3)
            assert pick == min(set(same) - set(picks[:i]))


# sparse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize(
    "sampler",
    [
        Herding(40),
        Herding(40, kernel="rbf"),
        KCenterGreedy(40),
        KCenterGreedy(40, metric="cosine"),
        KCenterGreedy(40, metric="manhattan"),
    ],
)
def test_sparse_equals_dense(container, sampler, rng):
    X = rng.standard_normal((200, 50)) * (rng.random((200, 50)) < 0.1)
    y = rng.integers(0, 3, 200)
    dense = sampler.fit(X, y).sample_indices_
    X_small, _ = sampler.fit_resample(container(X), y)
    np.testing.assert_array_equal(sampler.sample_indices_, dense)
    assert type(X_small) is container
    np.testing.assert_array_equal(X_small.toarray(), X[dense])


def test_rbf_by_hand(rng):
    """Two rows: the first pick of kernel herding is the row with the largest mean kernel value."""
    X = rng.standard_normal((40, 2))
    gamma = 1 / X.shape[1]
    assert (
        Herding(1, kernel="rbf").fit(X).sample_indices_[0]
        == rbf_kernel(X, gamma=gamma).mean(axis=1).argmax()
    )


# rounding at its worst -----------------------------------------------------------------------


def test_sparse_columns_far_from_the_origin(rng):
    """Sparse rows cannot be shifted, so a column of years must not drown the others."""
    X = rng.standard_normal((300, 4)).astype("float32")
    X[:, 0] += 2000
    for sampler in (KCenterGreedy(20), Herding(20)):
        dense, csr = (clone(sampler).fit(x).sample_indices_ for x in (X, sparse.csr_array(X)))
        np.testing.assert_array_equal(dense, csr)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_two_rows_are_equally_far_from_their_mean(container, rng):
    for _ in range(30):
        X = container(rng.standard_normal((2, 5)) + 10)
        assert KCenterGreedy(1).fit(X).sample_indices_ == [0]


@pytest.mark.parametrize(
    "sampler", [KCenterGreedy(8), KCenterGreedy(8, metric="cosine"), Herding(8)]
)
def test_squares_that_overflow_float32(sampler, rng):
    """They are worked on in float64, where they fit; what does not fit there is refused."""
    X = rng.standard_normal((60, 3)).astype("float32")
    X[7, 1] = np.finfo("float32").min
    expected = clone(sampler).fit(X.astype("float64")).sample_indices_
    np.testing.assert_array_equal(sampler.fit(X).sample_indices_, expected)
    X = X.astype("float64")
    X[7, 1] = 1e300
    with pytest.raises(ValueError, match="squared norm of row 7 of X exceeds the range of float64"):
        clone(sampler).fit(X)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    "sampler",
    [
        KCenterGreedy(2),
        KCenterGreedy(2, metric="cosine"),
        Herding(2),
        FacilityLocation(2),
        FacilityLocation(2, metric="cosine"),
        GraphCut(2),
    ],
)
def test_squares_that_underflow_float64(sampler, container):
    X = np.array([[1.0, 0], [0, 1], [1, 1]])
    with pytest.raises(ValueError, match=r"below the range of float64.* Scale X"):
        clone(sampler).fit(container(X * 1e-163))
    picks = clone(sampler).fit(X).sample_indices_
    for small in (X * 2.0**-470, (X * 2.0**-130).astype("float32")):
        got = clone(sampler).fit(container(small)).sample_indices_
        np.testing.assert_array_equal(got, picks)


def test_equal_rows_and_zeros_do_not_underflow(rng):
    for X in (np.full((4, 3), 1e-170), np.zeros((4, 3)), sparse.csr_array((4, 3))):
        assert KCenterGreedy(2).fit(X).radius_ == 0
        assert len(Herding(2).fit(X).sample_indices_) == 2
    assert KCenterGreedy(2, metric="cosine").fit(np.zeros((4, 3))).radius_ == 1
    assert len(Herding(2, kernel="rbf").fit(rng.random((5, 2)) * 1e-170).sample_indices_) == 2


# rows far from each other ---------------------------------------------------------------------


def distances(X, metric="euclidean"):
    """Of the numbers as they are, in float64."""
    X = X.astype("float64")
    if metric == "euclidean":
        return np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    D = cdist(X, X, {"manhattan": "cityblock"}.get(metric, metric))
    D[np.isnan(D)] = 1  # the cosine of a row of zeros
    np.fill_diagonal(D, 0)
    return D


def far_table(seed):
    """A random table with what users put where they know nothing, an offset and a scale."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(5, 250)), int(rng.choice([1, 2, 8, 31, 33, 60]))
    kind, where = rng.integers(0, 5), rng.integers(0, 5)
    X = rng.standard_normal((n, d))
    if kind == 1:
        X = rng.integers(0, 4, (n, d)).astype(float)
    elif kind == 2:
        X = X[rng.integers(0, max(2, n // 3), n)]
    elif kind == 3:
        X *= 10.0 ** rng.uniform(-3, 3, d)
    sentinel = rng.choice([1e8, -99999999, 1e6, -999])
    if where == 1:
        X[rng.random(n) < rng.choice([0.05, 0.5, 0.9]), 0] = sentinel
    elif where == 2:
        X[rng.random(n) < 0.6, : max(1, d // 2)] = sentinel
    elif where == 3:
        X[rng.random((n, d)) < 0.2] = sentinel
    elif where == 4:
        X[0] = sentinel
    if rng.random() < 0.3:
        X += rng.choice([1e3, 1e6])
    if rng.random() < 0.3:
        X *= 10.0 ** rng.integers(-20, 21)
    return X.astype(rng.choice(["float32", "float64"])), int(min(n, rng.integers(1, 40)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_column_of_sentinels(dtype):
    """Rows of the sentinel are the middle of the table, and the others differ by little."""
    X = [[1e8, 0], [1e8, 0], [1e8, 0], [0, 0], [1, 0], [2, 0], [3, 0]]
    sampler = KCenterGreedy(4).fit(np.array(X, dtype=dtype))
    np.testing.assert_array_equal(sampler.sample_indices_, [6, 0, 3, 4])
    np.testing.assert_array_equal(sampler.radii_, [1e8 - 3, 3, 1, 1])
    assert sampler.radius_ == 1


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_far_rows_are_picked_as_by_the_loop(metric):
    for seed in range(60):
        X, k = far_table(seed)
        D, eps = distances(X, metric), np.finfo(X.dtype).eps
        sampler = KCenterGreedy(k, metric=metric).fit(X)
        S = sampler.sample_indices_
        assert len(set(S)) == k
        true = np.minimum.accumulate(D[S], axis=0).max(axis=1)
        size = 1 if metric == "cosine" else true
        assert (abs(sampler.radii_ - true) <= max(8 * eps, 1e-12) * size).all()
        assert abs(sampler.radius_ - true[-1]) <= 16 * eps * np.max(size)
        if metric == "euclidean":
            np.testing.assert_array_equal(S, oracles.farthest_first(D, k, S[0])[0])
            nearest = D[:, S].argmin(axis=1)
            nearest[S] = np.arange(k)
            gap = np.sort(D[:, S], axis=1)
            if k > 1 and (gap[:, 1] > gap[:, 0] * (1 + 1e-9)).all():
                np.testing.assert_array_equal(sampler.sample_weight_, np.bincount(nearest))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_far_rows_with_little_memory_as_csr_and_by_class(metric):
    for seed in range(60, 90):
        X, k = far_table(seed)
        whole = KCenterGreedy(k, metric=metric).fit(X)
        with sklearn.config_context(working_memory=0.01):
            parts = KCenterGreedy(k, metric=metric).fit(X)
        csr = KCenterGreedy(k, metric=metric).fit(sparse.csr_array(X))
        for other in (parts, csr):
            np.testing.assert_array_equal(other.sample_indices_, whole.sample_indices_)
            np.testing.assert_array_equal(other.sample_weight_, whole.sample_weight_)
        y = np.arange(len(X)) % 2
        by_class = KCenterGreedy(max(2, k), metric=metric, stratify="balanced").fit(X, y)
        S = by_class.sample_indices_
        for label in (0, 1):
            rows, picks = np.flatnonzero(y == label), S[y[S] == label]
            D = distances(X, metric)[np.ix_(rows, picks)]
            radius = by_class.radii_[y[S] == label][-1]
            assert radius == pytest.approx(
                D.min(axis=1).max(), rel=1e-6 * (X.itemsize == 4) + 1e-12
            )


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_one_row_far_out_makes_no_ties_of_the_others(share, rng):
    X = rng.standard_normal((500, 10))
    X[0, 3] = 1e8
    X[1:][rng.random(499) < share, 0] = 1e7
    sampler = KCenterGreedy(40).fit(X)
    S, D = sampler.sample_indices_, distances(X)
    np.testing.assert_array_equal(S, oracles.farthest_first(D, 40, S[0], tie=1e-12)[0])
    assert sampler.radius_ == pytest.approx(D[S].min(axis=0).max(), rel=1e-14)


def test_herding_far_rows():
    """The mean is kept as well as by the loop, in blocks and at any scale of weights."""
    for seed in range(60):
        X, k = far_table(seed)
        S = Herding(k).fit(X).sample_indices_
        expected = oracles.herding_far_out(X, k)
        wide = X.astype(np.longdouble)

        def error(picks, X=wide):
            return float(np.sqrt(((X[picks].mean(axis=0) - X.mean(axis=0)) ** 2).sum()))

        if (expected != S).any():  # a tie may go to another row
            size = float(np.sqrt((wide**2).sum(axis=1).max()))
            assert error(S) <= error(expected) * (1 + 1e-9) + 1e-15 * size
        with sklearn.config_context(working_memory=0.01):
            np.testing.assert_array_equal(Herding(k).fit(X).sample_indices_, S)
        for weight in (1e-200, 1e-46, 0.1, 1e39, 1e200):
            of_weights = Herding(k).fit(X, sample_weight=np.full(len(X), weight))
            np.testing.assert_array_equal(of_weights.sample_indices_, S)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_herding_ties_about_the_origin(dtype):
    """A row at the target itself, and rows equally far from it on either side."""
    X = np.array([[2, 0], [-1, 0], [0, 1], [0, -1], [1, 0], [0, 0], [-2, 0]], dtype=dtype)
    assert Herding(3).fit(X).sample_indices_.tolist() == [5, 1, 4]
    X = np.array([[1e-3, 0], [-1e-3, 0], [1e3, 1], [-1e3, -1], [0, 0]], dtype=dtype)
    assert Herding(3).fit(X).sample_indices_.tolist() == [4, 0, 1]


@pytest.mark.parametrize("factor", [1e-200, 1e-46, 1e39, 1e200])
@pytest.mark.parametrize(
    "sampler",
    [KCenterGreedy(9), Herding(9), Herding(9, kernel="rbf"), KCenterGreedy(9, metric="l1")],
)
def test_weights_times_a_constant(sampler, factor, rng):
    X = rng.standard_normal((80, 3)).astype("float32")
    w = rng.uniform(0.5, 2, 80)
    plain = clone(sampler).fit(X, sample_weight=w)
    scaled = clone(sampler).fit(X, sample_weight=w * factor)
    np.testing.assert_array_equal(scaled.sample_indices_, plain.sample_indices_)
    np.testing.assert_allclose(scaled.sample_weight_ / factor, plain.sample_weight_)


# kernels and metrics of any kind -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "params"),
    [
        ("sigmoid", {"coef0": -5.0, "gamma": 0.1}),
        ("poly", {"coef0": -50.0, "gamma": 0.1}),
        (lambda a, b: -1 - ((a - b) ** 2).sum(), None),
        (lambda a, b: a[0] * b[1], None),
        (lambda a, b: 0.0, None),
    ],
    ids=["sigmoid", "poly", "below zero", "not symmetric", "zero"],
)
def test_kernels_whose_diagonal_may_be_negative(kernel, params, rng):
    X = rng.standard_normal((12, 3))
    picks = Herding(12, kernel=kernel, kernel_params=params).fit(X).sample_indices_
    assert sorted(picks) == list(range(12))
    if isinstance(kernel, str):
        K = pairwise_kernels(X, metric=kernel, **params)
        np.testing.assert_array_equal(picks, oracles.kernel_herding(K, 12))


def test_kernels_of_float32_do_not_overflow_there(rng):
    X = (rng.standard_normal((10, 3)) * 1e13).astype("float32")
    picks = Herding(6, kernel="poly").fit(X).sample_indices_
    np.testing.assert_array_equal(
        picks, Herding(6, kernel="poly").fit(X.astype(float)).sample_indices_
    )
    assert len(set(picks)) == 6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_two_rows(value, rng):
    X = rng.standard_normal((20, 2))
    X[13, 0] = 99
    y = np.arange(20) % 2

    def measure(a, b):
        return value if 99 in a and 99 not in b else abs(a - b).sum()

    for sampler in (
        Herding(6, kernel=measure),
        KCenterGreedy(6, metric=measure, init=[13, 0]),
        KCenterGreedy(6, metric=measure, init=[0, 1]),
    ):
        for stratify in (None, "proportional"):
            with pytest.raises(
                ValueError,
                match=rf"is -?{abs(value)} between rows 13 and \d+ of X; values must",
            ):
                clone(sampler).set_params(stratify=stratify).fit(X, y)


def test_metrics_that_are_not_finite(rng):
    X = rng.random((20, 4))
    X[4], X[9] = 0, 1
    with np.errstate(invalid="ignore"):
        with pytest.raises(ValueError, match="'correlation' is nan between rows 0 and 4 of X"):
            KCenterGreedy(5, metric="correlation", init=[0]).fit(X)
        X[9] = 0
        with pytest.raises(ValueError, match="'braycurtis' is nan between rows 4 and 9 of X"):
            KCenterGreedy(5, metric="braycurtis", init=[4]).fit(X)
        with pytest.raises(
            ValueError, match="'correlation' is nan between row 4 of X and the mean"
        ):
            KCenterGreedy(5, metric="correlation").fit(X)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "poly", "sigmoid", "cosine"])
def test_kernel_herding_in_blocks_and_as_csr(kernel):
    """Also where rows are far from all others, so that the kernel is almost the identity."""
    for seed in range(12 if kernel == "rbf" else 4):
        rng = np.random.default_rng(seed)
        n, d = int(rng.choice([60, 120])), int(rng.choice([2, 6, 40]))
        X = rng.standard_normal((n, d)) * 10.0 ** np.linspace(-3, 3, d)
        if seed % 3 == 0:
            X[rng.random(n) < 0.5, 0] = -99999999
        sampler = Herding(30, kernel=kernel)
        if kernel == "rbf":
            sampler.set_params(kernel_params={"gamma": 0.2})
        whole = sampler.fit(X).sample_indices_
        with sklearn.config_context(working_memory=0.005):
            parts = clone(sampler).fit(X).sample_indices_
        np.testing.assert_array_equal(parts, whole)
        np.testing.assert_array_equal(
            clone(sampler).fit(sparse.csr_array(X)).sample_indices_, whole
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rbf_is_right_far_from_the_origin(dtype, rng):
    X = (rng.standard_normal((50, 3)) + 1e5).astype(dtype)
    X[25:] = X[:25] + X.dtype.type(0.125)
    D = distances(X) ** 2
    of = gram(X, "rbf", {"gamma": 3.0})
    every = np.arange(50)
    np.testing.assert_allclose(of.block(every, every), np.exp(-3 * D), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("sentinel", [1e12, -1e15])
def test_rbf_herding_with_huge_sentinels(sentinel, container):
    """The rounding error of squared distances is far larger than those that matter."""
    for seed in range(30):
        rng = np.random.RandomState(seed)
        X = rng.randn(40, 60).round(1)
        X[rng.rand(40, 60) < 0.03] = sentinel
        K = np.exp(-cdist(X, X, "sqeuclidean") / 60)
        picks = Herding(6, kernel="rbf").fit(container(X)).sample_indices_
        np.testing.assert_array_equal(picks, oracles.kernel_herding(K, 6))


@pytest.mark.parametrize("k", [1, 10, 40, 170])
def test_cosine_of_rows_far_from_the_origin(k):
    """Angles of 1e-4, of which float32 products know nothing and float64 ones half the digits."""
    X = scale(load_wine().data).astype("float32") + np.float32(10_000)
    wide = X.astype(np.longdouble)
    wide /= np.sqrt((wide**2).sum(axis=1))[:, None]
    D = (((wide[:, None] - wide[None]) ** 2).sum(axis=2) / 2).astype(float)
    start = KCenterGreedy(1, metric="cosine").fit(X).sample_indices_[0]
    expected = oracles.farthest_first(D, k, start)[0]
    for table in (X, X.astype("float64"), sparse.csr_array(X)):
        sampler = KCenterGreedy(k, metric="cosine").fit(table)
        np.testing.assert_array_equal(sampler.sample_indices_, expected)
        assert sampler.radius_ == pytest.approx(D[expected].min(axis=0).max(), rel=1e-11, abs=0)


@pytest.mark.filterwarnings("ignore:Data was converted to boolean")
def test_every_metric_works(rng):
    assert {"wminkowski", "mahalanobis", "seuclidean", "nan_euclidean"}.isdisjoint(METRICS)
    X = rng.random((20, 2))
    X[:, 0] = 0.51 + X[:, 0] / 3  # sokalsneath of two rows of zeros is NaN
    on_sparse = {"cityblock", "cosine", "euclidean", "l1", "l2", "manhattan"}
    for metric in METRICS:
        table = np.round(X) if metric in PAIRWISE_BOOLEAN_FUNCTIONS else X
        sampler = KCenterGreedy(3, metric=metric, init=[0]).fit(table)
        if metric in on_sparse:
            picks = clone(sampler).fit(sparse.csr_array(table)).sample_indices_
            np.testing.assert_array_equal(picks, sampler.sample_indices_)
        else:
            with pytest.raises(TypeError, match=f"{metric}' does not support sparse matrices"):
                clone(sampler).fit(sparse.csr_array(table))


@pytest.mark.parametrize("offset", [1e7, 1e9])
def test_herding_of_csr_far_from_the_origin(offset):
    for seed in range(10):
        X = np.random.RandomState(seed).randn(120, 5).round(1) + offset
        X = np.hstack([X, np.random.RandomState(seed).rand(120, 40) * (np.arange(40) == seed)])
        dense, csr = (Herding(40).fit(x).sample_indices_ for x in (X, sparse.csr_array(X)))
        np.testing.assert_array_equal(csr, dense)
        y = np.arange(120) % 2
        dense, csr = (Herding(40).fit(x, y).sample_indices_ for x in (X, sparse.csr_array(X)))
        np.testing.assert_array_equal(csr, dense)
