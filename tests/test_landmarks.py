"""RPCholesky: picks of the plain loop, the approximation, its rank, weights and errors."""

import numpy as np
import pytest
import sklearn
from oracles import randomly_pivoted_cholesky
from scipy import sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics.pairwise import pairwise_kernels

from skcoreset import CoresetNystroem, RPCholesky
from skcoreset._kernels import cholesky
from skcoreset._kernels.cholesky import pivoted_cholesky
from skcoreset._kernels.kernels import KernelGram

iris = load_iris().data
digits = load_digits().data[:300] / 16


def decomposed(X, k, seed=0, weight=None, **params):
    gram = KernelGram(X, "rbf", params or None)
    weight = np.ones(len(X)) if weight is None else weight
    return pivoted_cholesky(gram, k, weight, np.random.RandomState(seed))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("kernel", "params"),
    [
        ("rbf", {"gamma": 0.1}),
        ("laplacian", {"gamma": 0.02}),
        ("poly", {"degree": 2, "coef0": 1}),
        ("chi2", {"gamma": 0.2}),
    ],
)
def test_picks_of_the_plain_loop(kernel, params, seed):
    gamma = params.get("gamma")
    others = {name: value for name, value in params.items() if name != "gamma"}
    sampler = RPCholesky(
        70, kernel=kernel, gamma=gamma, kernel_params=others, random_state=seed
    ).fit(digits)
    K = pairwise_kernels(digits, metric=kernel, **params)
    seed_of_group = sampler_state(seed)
    picks, traces = randomly_pivoted_cholesky(K, 70, seed_of_group)
    np.testing.assert_array_equal(sampler.sample_indices_, picks)
    np.testing.assert_allclose(sampler.residuals_, traces, atol=1e-10)


def sampler_state(seed):
    """The generator that the only group of a sampler has."""
    found = []

    class Spy(RPCholesky):
        def _pick(self, X, group):
            found.append(group.random_state)
            return np.arange(group.size)

    Spy(1, random_state=seed).fit(iris)
    return found[0]


def test_picks_of_the_plain_loop_with_weights():
    weight = np.random.RandomState(1).randint(1, 5, len(iris)).astype(float)
    K = pairwise_kernels(iris, metric="rbf", gamma=0.5)
    found = decomposed(iris, 30, 3, weight, gamma=0.5)
    picks, traces = randomly_pivoted_cholesky(K, 30, np.random.RandomState(3), weight)
    np.testing.assert_array_equal(found.picks, picks)
    np.testing.assert_allclose(found.residual, traces, atol=1e-12)


def test_a_few_proposals_of_a_round(monkeypatch):
    monkeypatch.setattr(cholesky, "PROPOSALS", 7)
    K = pairwise_kernels(digits, metric="rbf", gamma=0.1)
    picks, _ = randomly_pivoted_cholesky(K, 60, np.random.RandomState(0), proposals=7)
    np.testing.assert_array_equal(decomposed(digits, 60, gamma=0.1).picks, picks)


def test_the_draws_have_the_distribution_of_one_by_one():
    # Three samples: probabilities of each pair in order, by the formula of the paper.
    K = np.array([[2.0, 1.0, 0.2], [1.0, 1.0, 0.1], [0.2, 0.1, 1.5]])
    X = np.linalg.cholesky(K)
    counts = np.zeros((3, 3))
    n = 2000
    random_state = np.random.RandomState(0)
    for _ in range(n):
        gram = KernelGram(X, "linear", {})
        first, second = pivoted_cholesky(gram, 2, np.ones(3), random_state).picks
        counts[first, second] += 1
    expected = np.zeros((3, 3))
    for first in range(3):
        left = np.diag(K) - K[first] ** 2 / K[first, first]
        left[first] = 0
        expected[first] = K[first, first] / np.trace(K) * left / left.sum()
    error = np.sqrt(expected * (1 - expected) / n)
    assert (abs(counts / n - expected) <= 4 * error + 1e-12).all()


def test_factor_is_the_nystroem_approximation():
    found = decomposed(digits, 100, gamma=0.1)
    K = pairwise_kernels(digits, metric="rbf", gamma=0.1)
    at = found.picks
    expected = K[:, at] @ np.linalg.solve(K[np.ix_(at, at)], K[at])
    np.testing.assert_allclose(found.factor.T @ found.factor, expected, atol=1e-10)
    np.testing.assert_allclose(found.residual[-1], np.trace(K - expected) / np.trace(K))


def test_the_residual_is_the_error_of_the_kernel_map():
    sampler = RPCholesky(80, gamma=0.1, random_state=0)
    Z = CoresetNystroem(sampler, gamma=0.1).fit_transform(digits)
    sampler.fit(digits)
    np.testing.assert_allclose(1 - (Z**2).sum() / len(Z), sampler.residuals_[-1], atol=1e-8)


def test_float32_factor(monkeypatch):
    exact = decomposed(digits, 100, gamma=0.1)
    monkeypatch.setattr(cholesky, "MANY", 10)
    found = decomposed(digits, 100, gamma=0.1)
    assert found.factor.dtype == np.float32
    np.testing.assert_array_equal(found.picks, exact.picks)
    np.testing.assert_allclose(found.factor, exact.factor, atol=1e-5)
    np.testing.assert_allclose(found.residual, exact.residual, atol=1e-6)


@pytest.mark.parametrize("many", [cholesky.MANY, 10])
def test_stops_at_the_rank(many, monkeypatch):
    monkeypatch.setattr(cholesky, "MANY", many)
    X = np.random.RandomState(0).standard_normal((300, 4))
    sampler = RPCholesky(50, kernel="linear", random_state=0)
    with pytest.warns(UserWarning, match="4 samples were selected, fewer than the budget of 50"):
        sampler.fit(X)
    assert len(sampler.sample_indices_) == 4
    assert sampler.residuals_[-1] < 1e-6
    assert sampler.sample_weight_.sum() == pytest.approx(300)


def test_no_copy_of_a_selected_sample():
    X = np.repeat(np.random.RandomState(0).standard_normal((12, 3)), 5, axis=0)
    with pytest.warns(UserWarning, match="12 samples were selected"):
        picks = RPCholesky(30, random_state=0).fit(X).sample_indices_
    assert len(np.unique(X[picks], axis=0)) == 12


def test_weights_are_cells_in_feature_space():
    sampler = RPCholesky(40, kernel="poly", random_state=0).fit(digits)
    K = pairwise_kernels(digits, metric="poly")
    picks = sampler.sample_indices_
    distance = np.diag(K)[picks] - 2 * K[:, picks]
    distance[picks, np.arange(40)] = -np.inf
    np.testing.assert_allclose(
        sampler.sample_weight_, np.bincount(distance.argmin(axis=1), minlength=40)
    )


def test_weight_two_is_two_copies():
    # The draws differ, as there are other random numbers for other rows: compare probabilities.
    weight = np.where(np.arange(len(iris)) < 50, 3.0, 1.0)
    from_first = np.mean([decomposed(iris, 1, s, weight).picks[0] < 50 for s in range(600)])
    assert abs(from_first - 0.6) < 4 * (0.6 * 0.4 / 600) ** 0.5


def test_a_smaller_budget_is_a_prefix():
    large = RPCholesky(280, gamma=0.1, random_state=0).fit(digits)
    small = RPCholesky(37, gamma=0.1, random_state=0).fit(digits)
    np.testing.assert_array_equal(small.sample_indices_, large.sample_indices_[:37])
    truncated = large.truncate(37)
    np.testing.assert_array_equal(truncated.sample_weight_, small.sample_weight_)
    np.testing.assert_allclose(truncated.residuals_, small.residuals_)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "poly"])
def test_blocks_and_containers_do_not_matter(kernel):
    sampler = RPCholesky(120, kernel=kernel, random_state=0)
    expected = sampler.fit(digits)
    picks, weight = expected.sample_indices_, expected.sample_weight_
    with sklearn.config_context(working_memory=0.05):
        np.testing.assert_array_equal(sampler.fit(digits).sample_indices_, picks)
        np.testing.assert_array_equal(sampler.sample_weight_, weight)
    for X in (sparse.csr_array(digits), sparse.csc_matrix(digits), digits.astype(np.float32)):
        np.testing.assert_array_equal(sampler.fit(X).sample_indices_, picks)


def test_callable_kernel():
    def kernel(x, z):
        return np.exp(-0.5 * ((x - z) ** 2).sum())

    picks = RPCholesky(10, kernel=kernel, random_state=0).fit(iris).sample_indices_
    expected = RPCholesky(10, gamma=0.5, random_state=0).fit(iris).sample_indices_
    np.testing.assert_array_equal(picks, expected)


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"kernel": "linear", "gamma": 0.1}, iris, "'linear' has no parameter gamma; it takes"),
        ({"kernel_params": {"length": 2}}, iris, "'rbf' has no parameter length; it takes"),
        ({"kernel": "chi2"}, iris - 1, "requires values of at least 0"),
        ({"kernel": "chi2"}, sparse.csr_array(iris - 1), "requires values of at least 0"),
        ({"kernel": "linear"}, np.zeros((20, 2)), "is 0 for every pair of samples, so"),
        ({"kernel": "sigmoid"}, iris, "must be"),
        ({"gamma": 0.0}, iris, "must be"),
        (
            {"kernel": lambda x, z: -((x - z) ** 2).sum() + 1},
            iris,
            "is not positive semidefinite: the kernel matrix has a negative eigenvalue",
        ),
        ({"kernel": lambda x, z: -1.0}, iris, "residual is -1 for sample 0"),
    ],
)
def test_errors(params, X, message):
    with pytest.raises(ValueError, match=message):
        RPCholesky(5, random_state=0, **params).fit(X)
