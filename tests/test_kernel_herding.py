"""Kernel herding: the Laplacian kernel, picks given by `init`, and candidates from a sample."""

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import pairwise_kernels
from threadpoolctl import threadpool_limits

from skcoreset import Herding
from skcoreset._kernels import kernel_sample
from skcoreset._kernels.herding import herd, n_candidates_for
from skcoreset._kernels.kernel_sample import distinct_numbers, draw, random_numbers
from skcoreset._kernels.kernels import gram, total_deviation
from skcoreset._kernels.stored_rows import StoredRows

CONTAINERS = [np.asarray, sparse.csr_array]


def clusters(n, seed=0, d=8):
    rng = np.random.default_rng(seed)
    centers = 4 * rng.standard_normal((6, d))
    return centers[rng.integers(0, 6, n)] + rng.standard_normal((n, d)) * rng.uniform(0.3, 2, d)


def kernel_of(X, length):
    return np.exp(-cdist(X, X) / length)


# the kernel --------------------------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [3, 40])
def test_laplacian_equals_the_loop(d, dtype, container, rng):
    X = (rng.standard_normal((90, d)) * (rng.random((90, d)) < 0.7)).astype(dtype)
    X[60:70] = X[:10]  # samples at distance 0
    for weight in (None, rng.random(90) + 0.1):
        for init in (None, [70, 5, 61]):
            sampler = Herding(40, kernel="laplacian", init=init)
            picks = sampler.fit(container(X), sample_weight=weight).sample_indices_
            K = oracles.laplacian(X, sampler.length_)
            expected = oracles.kernel_herding(K, 40, weight, initial=init or ())
            np.testing.assert_array_equal(picks, expected)


@pytest.mark.parametrize("container", CONTAINERS)
def test_length_is_the_root_of_the_total_variance(container, rng):
    X = rng.standard_normal((200, 5)) * [1, 2, 3, 4, 5]
    weight, y = rng.random(200), rng.integers(0, 2, 200)
    for w in (None, weight, 1e300 * weight):
        mean = np.average(X, axis=0, weights=w)
        expected = np.average(((X - mean) ** 2).sum(axis=1), weights=weight if w is not None else w)
        # over the whole table, not per class
        got = Herding(9, kernel="laplacian").fit(container(X), y, sample_weight=w).length_
        assert got == pytest.approx(expected**0.5, rel=1e-12)
    shifted = (X + 1e8).astype("float32")
    expected = shifted.astype("float64").var(axis=0).sum() ** 0.5
    assert total_deviation(container(shifted)) == pytest.approx(expected, rel=1e-7)
    X[::50, 0] = -999
    assert total_deviation(container(X)) == pytest.approx(X.var(axis=0).sum() ** 0.5, rel=1e-12)
    assert total_deviation(container(np.ones((4, 3)))) == 1.0
    for scale, message in ((1e200, "exceeds the range"), (1e-170, "below the range")):
        with pytest.raises(ValueError, match=message):
            total_deviation(container(X * scale))


def test_length_may_be_given(rng):
    X = rng.standard_normal((60, 3))
    sampler = Herding(20, kernel="laplacian", kernel_params={"length": 0.7}).fit(X)
    assert sampler.length_ == 0.7
    np.testing.assert_array_equal(
        sampler.sample_indices_, oracles.kernel_herding(oracles.laplacian(X, 0.7), 20)
    )


def test_scikit_learns_laplacian_is_a_callable(rng):
    X = rng.standard_normal((40, 3))
    manhattan = Herding(15, kernel=lambda x, z: np.exp(-0.3 * abs(x - z).sum())).fit(X)
    K = pairwise_kernels(X, metric="laplacian", gamma=0.3)
    np.testing.assert_array_equal(manhattan.sample_indices_, oracles.kernel_herding(K, 15))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kernel": "laplacian", "kernel_params": {"gamma": 1}}, "takes the parameter 'length'"),
        ({"kernel": "laplacian", "kernel_params": {"length": 0}}, "must be a positive number"),
        ({"kernel": "laplacian", "kernel_params": {"length": "a"}}, "must be a positive number"),
        ({"kernel": "poly", "n_candidates": 50}, "n_candidates=50 requires kernel='laplacian'"),
        ({"n_candidates": 50}, "n_candidates=50 requires kernel='laplacian'"),
        (
            {"kernel": "rbf", "kernel_params": {"gamma": -1.0}, "n_candidates": 50},
            "'rbf' with a positive gamma; with kernel='rbf' and kernel_params={'gamma': -1.0}",
        ),
        ({"kernel": "rbf", "n_candidates": 5}, "n_candidates=5 is smaller than .* which is 10"),
        ({"init": [3, 3]}, "the same sample index twice"),
        ({"init": [60]}, "outside 0 to 59"),
        ({"init": range(11)}, "init has 11 samples, but only 10"),
        ({"init": [0.5]}, "must be None, or an array of sample indices"),
    ],
)
def test_errors(params, message, rng):
    with pytest.raises(ValueError, match=message):
        Herding(10, stratify=None).set_params(**params).fit(rng.standard_normal((60, 2)))


# init --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_init_comes_first_and_counts(kernel, rng):
    X = rng.standard_normal((50, 4))
    K = pairwise_kernels(X, metric=kernel)
    picks = Herding(20, kernel=kernel, init=[40, 3, 17]).fit(X).sample_indices_
    np.testing.assert_array_equal(picks, oracles.kernel_herding(K, 20, initial=[40, 3, 17]))
    nested = Herding(20, kernel=kernel, init=picks[:9]).fit(X).sample_indices_
    np.testing.assert_array_equal(nested, picks)
    np.testing.assert_array_equal(
        Herding(3, kernel=kernel, init=[40, 3, 17]).fit(X).sample_indices_, [40, 3, 17]
    )


def test_init_of_one_class(rng):
    X, y = rng.standard_normal((60, 3)), np.arange(60) % 2
    sampler = Herding(12, kernel="laplacian", init=[9, 1]).fit(X, y)
    odd = sampler.sample_indices_[y[sampler.sample_indices_] == 1]
    K = oracles.laplacian(X, sampler.length_)
    expected = oracles.kernel_herding(K[1::2, 1::2], 6, initial=[4, 0])
    np.testing.assert_array_equal(odd, 2 * expected + 1)
    assert sampler.sampling_strategy_ == {0: 6, 1: 6}


def test_rows_of_weight_zero_are_picked_by_initial_only(rng):
    X, weight = rng.standard_normal((40, 3)), rng.random(40) + 0.5
    weight[::2] = 0
    for kernel in (None, "laplacian", "poly"):
        picks = herd(gram(X, kernel), 12, weight, initial=[4, 5])
        assert list(picks[:2]) == [4, 5]
        assert (picks[2:] % 2 == 1).all()
        assert len(set(picks)) == 12


# candidates from a sample --------------------------------------------------------------------


def fast(size, n_candidates, **params):
    params = {"kernel": "laplacian", "random_state": 0, "stratify": None} | params
    return Herding(size, n_candidates=n_candidates, **params)


@pytest.mark.parametrize("kernel", ["laplacian", "rbf"])
def test_mean_is_almost_as_close_as_with_all_samples(kernel):
    """Averaged over sizes, as herding with another candidate may be better or worse by chance."""
    ratios = []
    for seed in range(3):
        X = clusters(3000, seed).astype("float32")
        square = cdist(X, X, "sqeuclidean")
        gamma = 1 / X.astype("float64").var(axis=0).sum()
        K = np.exp(-gamma * square) if kernel == "rbf" else np.exp(-np.sqrt(gamma * square))
        params = {"gamma": gamma} if kernel == "rbf" else None
        exact = Herding(100, kernel=kernel, kernel_params=params).fit(X)
        some = fast(100, 2000, kernel=kernel, kernel_params=params, random_state=seed).fit(X)
        assert not np.array_equal(some.sample_indices_, exact.sample_indices_)
        drawn = np.mean([oracles.squared_mmd(K, np.arange(100) + a) for a in range(0, 1000, 100)])
        assert oracles.squared_mmd(K, exact.sample_indices_) < 0.5 * drawn
        for size in range(40, 101, 10):
            ours, best = (oracles.squared_mmd(K, s.sample_indices_[:size]) for s in (some, exact))
            ratios.append(ours / best)
    assert np.mean(ratios) <= 1.02


def test_sample_weight_counts_in_the_sample():
    X = clusters(3000, d=3)
    weight = np.where(X[:, 0] > np.median(X[:, 0]), 10.0, 1.0)
    sampler = fast(60, 1200).fit(X, sample_weight=weight)
    K = kernel_of(X, sampler.length_)
    exact = fast(60, None).fit(X, sample_weight=weight)
    ours, best, unweighted = (
        oracles.squared_mmd(K, s.sample_indices_, weight)
        for s in (sampler, exact, fast(60, 1200).fit(X))
    )
    assert ours < 1.1 * best
    assert unweighted > 10 * best


@pytest.mark.parametrize("kernel", ["laplacian", "rbf"])
@pytest.mark.parametrize("kind", ["digits", "offset", "sentinels", "sparse"])
def test_samples_do_not_depend_on_how_they_are_computed(kind, kernel, rng):
    X = load_digits().data if kind == "digits" else clusters(1500, d=40)
    if kind == "offset":
        X = X * 1000 + 1e8
    if kind == "sentinels":
        X[rng.random(X.shape) < 0.01] = -999
    if kind == "sparse":
        X[rng.random(X.shape) < 0.8] = 0
    X = np.concatenate([X, X[:100]]).astype("float32")
    params = {"gamma": 0.5 / X.astype("float64").var(axis=0).sum()} if kernel == "rbf" else None
    sampler = fast(150, 500, kernel=kernel, kernel_params=params)
    picks = sampler.fit(X).sample_indices_
    assert len(set(picks)) == 150

    def same(table):
        np.testing.assert_array_equal(clone(sampler).fit(table).sample_indices_, picks)

    same(X.astype("float64"))
    same(sparse.csr_array(X))
    for n_threads in (1, 3):
        with threadpool_limits(n_threads):
            same(X)
    with sklearn.config_context(working_memory=0.01):
        same(X)
        if kind != "offset":  # the products of sparse rows far from the origin lose their digits
            same(sparse.csr_array(X))
    order = rng.permutation(len(X))
    moved = clone(sampler).fit(X[order]).sample_indices_
    np.testing.assert_array_equal(X[order][moved], X[picks])
    other = clone(sampler).set_params(random_state=1).fit(X).sample_indices_
    assert set(other) != set(picks)


def test_fewer_are_a_prefix(rng):
    X = clusters(2000)
    picks = fast(150, 500).fit(X).sample_indices_
    for size in (1, 64, 100):
        np.testing.assert_array_equal(fast(size, 500).fit(X).sample_indices_, picks[:size])


def test_automatic_number_of_candidates(monkeypatch):
    assert [n_candidates_for(k) for k in (1, 666, 1000, 4000, 50_000, 10**6)] == [
        *(20_000, 20_000, 30_000, 120_000, 120_000, 2_000_000)
    ]
    X = clusters(600)
    exact = Herding(20, kernel="laplacian").fit(X).sample_indices_
    monkeypatch.setattr("skcoreset._herding.n_candidates_for", lambda size: 20 * size)
    some = Herding(20, kernel="laplacian", random_state=0).fit(X).sample_indices_
    assert set(some) != set(exact)
    np.testing.assert_array_equal(some, fast(20, 400).fit(X).sample_indices_)
    for n_candidates in (600, None):
        np.testing.assert_array_equal(fast(20, n_candidates).fit(X).sample_indices_, exact)


def a_sample(X, size, weight=None, length=3.0):
    weight = np.ones(len(X)) if weight is None else weight
    return gram(X, "laplacian", {"length": length}).sample(weight, size, 0, map)


def test_mean_is_exact_at_the_landmarks(monkeypatch):
    monkeypatch.setattr(kernel_sample, "LANDMARKS", 150)
    X = clusters(1200)
    weight = np.random.default_rng(0).uniform(0.5, 2, 1200)
    sample = a_sample(X, 600, weight)
    mean = kernel_of(X, 3.0)[sample.at] @ weight / weight.sum()
    error = np.sort(abs(sample.mean - mean))
    assert error[149] < 2e-5
    monkeypatch.setattr(kernel_sample, "LANDMARKS", 1)
    assert abs(a_sample(X, 600, weight).mean - mean).std() > 3 * error.std()


@pytest.mark.parametrize("initial", [(), (7, 3, 5, 700)])
def test_rounds_and_initial_picks(initial, monkeypatch):
    """Picks one by one are those of the loop; picks in rounds are about as good."""
    X = clusters(800)
    K, initial = kernel_of(X, 3.0), np.array(initial, dtype=int)
    sample = a_sample(X, 500)
    assert not np.isin(initial, sample.at).all() or not len(initial)
    sample.mean = K[sample.at].mean(axis=1)
    seen = []
    picks = sample.herd(120, initial, seen.append)
    expected = oracles.kernel_herding(K, 120, initial=initial, candidates=sample.at)
    np.testing.assert_array_equal(picks, expected)
    assert seen == list(range(len(initial) + 1, 121))
    monkeypatch.setattr(kernel_sample, "ONE_BY_ONE", 64)
    rounds = sample.herd(120, initial)
    np.testing.assert_array_equal(rounds[:64], picks[:64])
    assert oracles.squared_mmd(K, rounds) < 1.5 * oracles.squared_mmd(K, picks)
    rows = np.union1d(sample.at, initial)
    np.testing.assert_array_equal(np.sort(sample.herd(len(rows), initial)), rows)


def test_random_numbers_depend_on_the_values_only(rng):
    X = rng.integers(0, 3, (4000, 6)).astype("float32")
    of = random_numbers(StoredRows(X), 3)
    assert len(np.unique(of)) == 4000  # also of the copies
    assert ((of > 0) & (of <= 1)).all()
    np.testing.assert_allclose(np.quantile(of, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)
    order = rng.permutation(4000)
    for table in (X[order], X[order].astype("float64"), sparse.csr_array(X[order])):
        moved = random_numbers(StoredRows(table), 3)
        np.testing.assert_array_equal(np.sort(moved), np.sort(of))
        at = np.argsort(moved)
        np.testing.assert_array_equal(X[order][at], X[np.argsort(of)])
    negative_zero = np.where(X == 0, np.float32(-0.0), X)
    np.testing.assert_array_equal(random_numbers(StoredRows(negative_zero), 3), of)
    assert np.intersect1d(random_numbers(StoredRows(X), 4), of).size == 0


def test_numbers_and_draws_in_blocks(rng):
    """Those of all rows at once; equal ratios go to the lowest position."""
    n = 150_000  # more than one block
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    hashes[rng.integers(0, n, 1000)] = hashes[rng.integers(0, n, 1000)]
    hashes[::7] = hashes[0]
    seen, copies = {}, np.zeros(n, dtype=np.uint64)
    for at, value in enumerate(hashes.tolist()):
        copies[at] = seen[value] = seen.get(value, -1) + 1
    expected = (kernel_sample._mixed(hashes + copies) >> np.uint64(11)) + 1
    numbers = distinct_numbers(hashes.copy())
    np.testing.assert_array_equal(numbers, expected * 2.0**-53)
    assert len(distinct_numbers(np.zeros(0, dtype=np.uint64))) == 0
    numbers = np.ceil(numbers * 1000) / 1000
    for weight in (rng.integers(0, 3, n).astype(float), np.broadcast_to(1.0, n)):
        for size in (500, 100_000):
            ratio = weight / numbers
            order = np.argsort(-ratio, kind="stable")[: size + 1]
            for given in (weight, weight.__getitem__):
                drawn, share = draw(given, numbers, size)
                np.testing.assert_array_equal(drawn, order[:-1])
                edge = ratio[order[-1]]
                np.testing.assert_array_equal(share, np.maximum(weight[drawn], edge))


def test_drawn_weights_are_unbiased(rng):
    weight, values = rng.pareto(1.5, 60) + 0.1, rng.standard_normal(60)
    sums = []
    for _ in range(4000):
        at, share = draw(weight, 1 - rng.random(60), 15)
        sums.append((share @ values[at], share.sum()))
    error = np.std(sums, axis=0) / 4000**0.5
    assert (abs(np.mean(sums, axis=0) - [weight @ values, weight.sum()]) < 4 * error).all()
    at, share = draw(np.ones(60), 1 - rng.random(60), 15)
    assert np.ptp(share) == 0
