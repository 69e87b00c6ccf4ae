"""ImportanceSampling: sensitivities by their formulas, and draws whose weighted sums are right."""

import math
import tracemalloc
from fractions import Fraction

import array_api_strict
import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skcoreset import ImportanceSampling, Uniform
from skcoreset._kernels import compact
from skcoreset._kernels.sampling import (
    Sizes,
    draw_with_replacement,
    inclusion_probabilities,
    leverage,
    ranking,
)
from skcoreset._sensitivities import SENSITIVITIES

LABEL_FREE = ["lightweight", "kmeans", "leverage", "logistic"]


def naive_inclusion(s, m):
    """min(1, c s) by setting aside what reaches 1 until nothing does."""
    certain = np.zeros(len(s), dtype=bool)
    while True:
        pi = np.where(certain, 1.0, 0.0)
        if not certain.all():
            pi[~certain] = (m - certain.sum()) * s[~certain] / s[~certain].sum()
        if not (pi > 1).any():
            return pi
        certain |= pi >= 1


def naive_leverage(X):
    return np.diag(X @ np.linalg.pinv(X))


def sensitivity_of(X, y=None, sample_weight=None, **params):
    sampler = ImportanceSampling(2, stratify=None, random_state=0, **params)
    return sampler.fit(X, y, sample_weight=sample_weight).sensitivity_


def within_three_errors(estimates, truth):
    error = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    return (np.abs(estimates.mean(axis=0) - truth) <= 3 * error + 1e-9 * np.abs(truth)).all()


SIZES = {
    "skewed": np.random.default_rng(0).exponential(size=9) ** 3,
    "equal": np.ones(6),
    "one far larger": np.array([1.0, 1, 1, 1, 100]),
    "powers": 2.0 ** np.arange(7),
    "nearly nothing": np.array([1e-300, 1, 1, 2]),
    "one row": np.array([3.0]),
    "far apart": np.array([1e-300, 3e-300, 2e-160, 3e-160, 1.0, 2e250, 3e250, 3e250]),
}
sizes = pytest.mark.parametrize("s", SIZES.values(), ids=SIZES)


# draws -------------------------------------------------------------------------------------


@sizes
def test_inclusion_probabilities(s):
    for m in range(1, len(s) + 1):
        pi = inclusion_probabilities(s, m)
        np.testing.assert_allclose(pi, naive_inclusion(s, m), rtol=1e-8, atol=1e-15)
        assert pi.sum() == pytest.approx(m)


@sizes
def test_every_prefix_has_its_inclusion_probabilities(s):
    """Empirical frequencies equal pi, at all sizes of the sample at once."""
    n, n_draws = len(s), 4000
    random_state = np.random.RandomState(0)
    ranked = np.array([ranking(s, random_state) for _ in range(n_draws)])
    np.testing.assert_array_equal(np.sort(ranked, axis=1), np.tile(np.arange(n), (n_draws, 1)))
    for m in range(1, n + 1):
        pi = inclusion_probabilities(s, m)
        frequency = np.bincount(ranked[:, :m].ravel(), minlength=n) / n_draws
        error = np.sqrt(np.maximum(pi * (1 - pi), 0) / n_draws)
        assert (np.abs(frequency - pi) <= 4 * error + 1e-9).all()
        assert (frequency[pi == 1] == 1).all()


def exact_inclusion(s, m):
    """`naive_inclusion` in exact arithmetic, of products of factors."""
    s, certain = [math.prod(map(Fraction, factors)) for factors in s], set()
    while True:
        total = sum(s) - sum(s[i] for i in certain)
        left = m - len(certain)
        more = {i for i in range(len(s)) if i not in certain and left * s[i] >= total}
        if not more:
            pi = [1 if i in certain else left * s[i] / total for i in range(len(s))]
            return np.array([float(p) for p in pi])
        certain |= more


@pytest.mark.parametrize("span", [1, 150, 300])
def test_sizes_beyond_the_range_of_float64(span, rng):
    """Products of two numbers that are hundreds of orders of magnitude apart."""
    factors = 10.0 ** np.tile(rng.permutation(np.linspace(-span, span, 30)), (2, 1))
    sizes = Sizes(*factors)
    for m in (1, 7, 29, 30):
        expected = exact_inclusion(factors.T.tolist(), m)
        got = inclusion_probabilities(sizes, m)
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-15)
    ranked = ranking(sizes, np.random.RandomState(0))
    assert sorted(ranked) == list(range(30))
    if span > 1:  # each is next to nothing beside the one before
        size = np.log10(factors).sum(axis=0)
        np.testing.assert_array_equal(ranked[:20], np.argsort(-size)[:20])


def test_equal_sizes_give_every_order_the_same_chance():
    random_state = np.random.RandomState(0)
    orders = [tuple(ranking(np.ones(3), random_state)) for _ in range(6000)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert (np.abs(counts - 1000) < 4 * np.sqrt(1000)).all()


def test_sizes_equal_up_to_rounding_are_equal():
    s = np.random.default_rng(0).integers(1, 4, 500).astype(float)
    noise = 1 + 1e-15 * np.random.default_rng(1).standard_normal(500)
    here, there = (ranking(t, np.random.RandomState(0)) for t in (s, s * noise))
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("block", [1, 50, 1000])
def test_ranking_in_blocks(block, rng, monkeypatch):
    sizes = rng.pareto(1, 300) + 0.1
    expected = ranking(sizes, np.random.RandomState(0))
    monkeypatch.setattr(compact, "BLOCK", block)
    random_state = np.random.RandomState(0)
    np.testing.assert_array_equal(ranking(sizes, random_state), expected)
    other = np.random.RandomState(0)
    for size in (1, 10, 299):
        other.seed(0)
        np.testing.assert_array_equal(ranking(sizes, other, size), expected[:size])
    assert random_state.random_sample() == other.random_sample()


def test_memory_of_ranking(rng, monkeypatch):
    monkeypatch.setattr(compact, "BLOCK", 1000)
    n = 20_000
    factors = rng.random(n) + 0.5, rng.random(n)
    tracemalloc.start()
    ranking(Sizes(*factors), np.random.RandomState(0), 100)
    peak = tracemalloc.get_traced_memory()[1] / n
    tracemalloc.stop()
    assert peak < 45  # bytes per sample; with vectors of int64 in place of blocks, 145


def test_independent_draws():
    s = np.array([1.0, 2, 3, 4])
    positions, counts = draw_with_replacement(s, 10_000, np.random.RandomState(0))
    assert counts.sum() == 10_000
    share = s / 10
    error = np.sqrt(10_000 * share * (1 - share))
    assert (np.abs(counts[np.argsort(positions)] - 10_000 * share) < 4 * error).all()
    few, _ = draw_with_replacement(s, 3, np.random.RandomState(0))
    np.testing.assert_array_equal(few, positions[: len(few)])


# sums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("stratify", [None, "proportional", "balanced"])
def test_sums_are_without_bias(replace, stratify, rng):
    X = np.abs(rng.standard_t(3, size=(60, 2)))
    y, w = rng.integers(0, 2, 60), rng.integers(1, 4, 60).astype(float)
    f = np.column_stack([np.ones(60), X[:, 0], X[:, 1] ** 2, X[:, 0] > 1, y])
    estimates = []
    for seed in range(400):
        got = ImportanceSampling(
            12, replace=replace, normalize=False, stratify=stratify, random_state=seed
        ).fit(X, y, sample_weight=w)
        estimates.append(got.sample_weight_ @ f[got.sample_indices_])
    assert within_three_errors(np.array(estimates), w @ f)


@pytest.mark.parametrize("replace", [False, True])
def test_a_sum_proportional_to_the_sensitivity_is_exact(replace, rng):
    f, X = rng.uniform(1, 2, 200), np.zeros((200, 1))
    f[:3] = 100  # certain
    for seed in range(10):
        got = ImportanceSampling(
            20, sensitivity=f, replace=replace, normalize=False, random_state=seed
        ).fit(X)
        assert got.sample_weight_ @ f[got.sample_indices_] == pytest.approx(f.sum(), rel=1e-8)


def test_better_than_uniform_where_few_rows_hold_the_sum(rng):
    X = rng.standard_t(2.5, size=(3000, 2))
    f = (X**2).sum(axis=1)
    errors = {}
    for Sampler in (ImportanceSampling, Uniform):
        drawn = [Sampler(100, random_state=seed).fit(X) for seed in range(30)]
        errors[Sampler] = np.std([d.sample_weight_ @ f[d.sample_indices_] for d in drawn])
    assert errors[ImportanceSampling] < 0.3 * errors[Uniform]


def test_weights_are_scaled_or_not(blobs):
    X, y = blobs
    params = {"coreset_size": 40, "random_state": 3}
    scaled = ImportanceSampling(**params).fit(X, y)
    plain = ImportanceSampling(normalize=False, **params).fit(X, y)
    np.testing.assert_array_equal(scaled.sample_indices_, plain.sample_indices_)
    np.testing.assert_allclose(plain.sample_weight_, 1 / plain.inclusion_probability_)
    for label in range(3):
        mine = y[scaled.sample_indices_] == label
        total = scaled.sample_weight_[mine].sum()
        assert total == pytest.approx((y == label).sum())
        factor = total / plain.sample_weight_[mine].sum()
        np.testing.assert_allclose(scaled.sample_weight_[mine], factor * plain.sample_weight_[mine])


def test_certain_rows_are_always_kept(rng):
    s = np.ones(100)
    s[[7, 50, 51]] = [1000, 300, 400]
    for seed in range(20):
        got = ImportanceSampling(
            10, sensitivity=s, normalize=False, stratify=None, random_state=seed
        ).fit(np.zeros((100, 1)))
        assert {7, 50, 51} <= set(got.sample_indices_)
        weight = dict(zip(got.sample_indices_, got.sample_weight_, strict=True))
        assert [weight[i] for i in (7, 50, 51)] == [1, 1, 1]
        assert sorted(set(got.sample_weight_.round(9))) == [1, round(97 / 7, 9)]


def test_all_rows_weigh_what_they_came_with(blobs, rng):
    X, y = blobs
    w = rng.random(300) + 0.1
    got = ImportanceSampling(1.0, normalize=False, random_state=0).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(got.sample_weight_, w[got.sample_indices_])


def test_with_replacement_keeps_what_was_drawn(blobs):
    X, y = blobs
    got = ImportanceSampling(200, replace=True, normalize=False, random_state=0).fit(X, y)
    assert len(got.sample_indices_) < 200
    assert len(set(got.sample_indices_)) == len(got.sample_indices_)
    assert got.multiplicity_.sum() == 200
    assert got.multiplicity_.max() > 1
    for label in range(3):
        mine = got.sample_indices_[y[got.sample_indices_] == label]
        draws = got.multiplicity_[np.isin(got.sample_indices_, mine)]
        q = got.sensitivity_[mine] / got.sensitivity_[y == label].sum()
        weight = got.sample_weight_[np.isin(got.sample_indices_, mine)]
        np.testing.assert_allclose(weight, draws / (draws.sum() * q))
        inclusion = got.inclusion_probability_[np.isin(got.sample_indices_, mine)]
        np.testing.assert_allclose(inclusion, 1 - (1 - q) ** draws.sum())
    without = ImportanceSampling(200, random_state=0).fit(X, y)
    assert len(without.sample_indices_) == 200
    assert (without.multiplicity_ == 1).all()


@pytest.mark.parametrize("scale", [1e-300, 1e307])
def test_the_scale_of_the_sensitivities_does_not_matter(scale, rng):
    s, X = rng.integers(1, 10, 300), np.zeros((300, 1))
    here, there = (
        ImportanceSampling(100, sensitivity=t, random_state=0).fit(X) for t in (s, s * scale)
    )
    np.testing.assert_array_equal(here.sample_indices_, there.sample_indices_)
    np.testing.assert_allclose(here.sample_weight_, there.sample_weight_)


def test_one_row_with_nearly_all_of_the_sensitivity():
    s = np.array([1.0, 1e-30, 1e-30])
    got = ImportanceSampling(3, sensitivity=s, replace=True, random_state=0).fit(np.zeros((3, 1)))
    assert got.sample_indices_.tolist() == [0]
    assert got.inclusion_probability_.tolist() == [1]


def test_seeds(blobs):
    X, y = blobs
    picks = {
        tuple(ImportanceSampling(30, random_state=s).fit(X, y).sample_indices_)
        for s in [0, 0, 1, 2]
    }
    assert len(picks) == 3


# sensitivities -----------------------------------------------------------------------------


def test_every_sensitivity_is_documented():
    assert set(SENSITIVITIES) == {*LABEL_FREE, "loss", "gradient"}
    for name in SENSITIVITIES:
        assert f'- "{name}"' in ImportanceSampling.__doc__


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_lightweight(as_sparse, offset, rng):
    X = rng.standard_normal((200, 5)) + offset
    gaps = ((X - X.mean(axis=0)) ** 2).sum(axis=1)
    expected = 1 / 400 + gaps / (2 * gaps.sum())
    got = sensitivity_of(sparse.csr_array(X) if as_sparse else X)
    np.testing.assert_allclose(got, expected, rtol=1e-12 if offset == 0 else 1e-10)
    assert got.sum() == pytest.approx(1)


FAR = {
    "plain": lambda rng: rng.standard_normal((40, 4)),
    "far from zero": lambda rng: rng.standard_normal((40, 4)) + 1e6,
    "a sentinel": lambda rng: np.where(
        (rng.random((40, 1)) < 0.6) & (np.arange(4) % 2 == 0), -99999999, rng.random((40, 4))
    ),
    "sentinels here and there": lambda rng: np.where(
        rng.random((40, 4)) < 0.3, 1e8, rng.random((40, 4))
    ),
    "a row far out": lambda rng: np.vstack([rng.standard_normal((39, 4)), np.full((1, 4), 1e8)]),
    "mostly zeros": lambda rng: np.where(rng.random((40, 4)) < 0.3, rng.random((40, 4)), 0),
    "tiny": lambda rng: 1e-20 * rng.standard_normal((40, 4)),
}
far_tables = pytest.mark.parametrize("name", FAR)
containers = pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


@far_tables
@containers
@dtypes
def test_lightweight_in_exact_arithmetic(name, dtype, container, rng):
    X, w = FAR[name](rng).astype(dtype), rng.integers(1, 4, 40)
    squares = oracles.exact_squares(X, w)
    spread = sum(int(n) * square for n, square in zip(w, squares, strict=True))
    expected = [float(Fraction(1, 2 * int(w.sum())) + square / (2 * spread)) for square in squares]
    got = sensitivity_of(container(X), sample_weight=w)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@far_tables
@containers
@dtypes
def test_kmeans_by_differences(name, dtype, container, rng):
    """A plain loop with the same draws."""
    X, w = FAR[name](rng).astype(dtype), rng.integers(1, 4, 40)
    wide, random_state = X.astype(float), np.random.RandomState(0)
    D = ((wide[:, None, :] - wide) ** 2).sum(axis=2)
    centers = [random_state.choice(40, p=w / w.sum())]
    while len(centers) < 3:
        mass = np.cumsum(w * D[:, centers].min(axis=1))
        centers.append(np.searchsorted(mass, random_state.uniform() * mass[-1]))
    d, cell = D[:, centers].min(axis=1), D[:, centers].argmin(axis=1)
    alpha, c = 16 * (np.log2(3) + 2), w @ d / w.sum()
    inside = [w[cell == b].sum() for b in cell]
    spread = np.array([w[cell == b] @ d[cell == b] for b in cell])
    expected = alpha * d / c + 2 * alpha * spread / inside / c + 4 * w.sum() / inside
    params = {"sensitivity": "kmeans", "n_clusters": 3, "sample_weight": w}
    np.testing.assert_allclose(sensitivity_of(container(X), **params), expected, rtol=1e-12)


@far_tables
@containers
@dtypes
def test_leverage_far_from_zero(name, dtype, container, rng):
    """What float32 holds exactly has the rank and the leverage that it has in float64."""
    X = FAR[name](rng).astype(dtype)
    wide = X / np.abs(X).max(axis=0).astype(float)
    expected = (np.linalg.qr(wide)[0] ** 2).sum(axis=1)
    condition = np.linalg.cond(wide)
    for sensitivity, values in (("leverage", expected), ("logistic", expected**0.5 + 1 / 40)):
        got = sensitivity_of(container(X), sensitivity=sensitivity)
        np.testing.assert_allclose(got, values, atol=8 * 2.0**-52 * condition)


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e20, 1e200, 2.0**1000])
@pytest.mark.parametrize("sensitivity", LABEL_FREE)
@containers
def test_the_unit_of_the_table_does_not_matter(container, sensitivity, scale, rng):
    X = rng.standard_normal((50, 3))
    here, there = (sensitivity_of(container(Z), sensitivity=sensitivity) for Z in (X, X * scale))
    np.testing.assert_allclose(there, here, rtol=1e-12)


@pytest.mark.parametrize("sensitivity", LABEL_FREE)
def test_entries_stored_in_parts(sensitivity, rng):
    X = sparse.csr_array(np.where(rng.random((60, 5)) < 0.5, rng.standard_normal((60, 5)), 0))
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    halves = sparse.csr_array(halves, shape=X.shape)
    sampler = ImportanceSampling(20, sensitivity=sensitivity, random_state=0)
    expected = sampler.fit(X).sensitivity_, sampler.sample_indices_
    got = sampler.fit(halves).sensitivity_, sampler.sample_indices_
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    assert halves.nnz == 2 * X.nnz  # the user's own


@pytest.mark.parametrize("replace", [False, True])
def test_lightweight_weights_are_bounded(replace, rng):
    X = rng.standard_t(2, size=(1000, 3))
    got = ImportanceSampling(
        50, replace=replace, normalize=False, stratify=None, random_state=0
    ).fit(X)
    assert (got.sample_weight_ <= got.multiplicity_ * 2 * 1000 / 50 * (1 + 1e-9)).all()


@pytest.mark.parametrize("sensitivity", ["lightweight", "kmeans"])
def test_equal_rows_have_equal_sensitivities(sensitivity):
    got = sensitivity_of(np.full((20, 3), 0.1), sensitivity=sensitivity, n_clusters=3)
    assert np.ptp(got) <= 1e-9 * got.max()


def test_kmeans_by_hand(rng):
    X = rng.standard_normal((120, 3)) + 4 * rng.integers(0, 3, (120, 1))
    got = sensitivity_of(X, sensitivity="kmeans", n_clusters=4)
    centers, _ = kmeans_plusplus(X, 4, random_state=0, n_local_trials=1)
    D = ((X[:, None, :] - centers) ** 2).sum(axis=2)
    d, cell = D.min(axis=1), D.argmin(axis=1)
    alpha, c = 16 * (2 + 2), d.mean()
    for i in range(120):
        own = cell == cell[i]
        expected = alpha * d[i] / c + 2 * alpha * d[own].sum() / (own.sum() * c) + 480 / own.sum()
        assert got[i] == pytest.approx(expected)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_leverage(as_sparse, rng):
    X = rng.standard_normal((150, 6)) * (rng.random((150, 6)) < 0.5)
    got = sensitivity_of(sparse.csr_array(X) if as_sparse else X, sensitivity="leverage")
    np.testing.assert_allclose(got, naive_leverage(X), atol=1e-12)
    assert got.sum() == pytest.approx(6)
    assert (got >= 0).all()
    assert (got <= 1 + 1e-12).all()


def test_leverage_does_not_depend_on_the_basis(rng):
    X, A = rng.standard_normal((150, 6)), rng.standard_normal((6, 6))
    reference = leverage(X, np.ones(150))
    np.testing.assert_allclose(leverage(X @ A, np.ones(150)), reference, atol=1e-10)
    units = 10.0 ** np.array([-200, -9, 0, 3, 12, 200])
    np.testing.assert_allclose(leverage(X * units, np.ones(150)), reference, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leverage_of_dependent_columns(dtype, rng):
    X = rng.standard_normal((200, 4)).astype(dtype)
    more = X @ rng.standard_normal((4, 3)).astype(dtype)
    both = np.hstack([X, more, X[:, :1], np.zeros((200, 2), dtype)])
    got = sensitivity_of(both, sensitivity="leverage")
    assert got.sum() == pytest.approx(4, abs=1e-5)
    np.testing.assert_allclose(got, naive_leverage(X.astype(float)), atol=1e-5)


def test_leverage_of_nearly_dependent_columns(rng):
    """X^T X would square the condition number of 1e9 and lose all digits."""
    X = rng.standard_normal((300, 2))
    X = np.column_stack([X, X[:, 0] + 1e-9 * rng.standard_normal(300)])
    got = leverage(X, np.ones(300))
    assert got.sum() == pytest.approx(3, abs=1e-5)
    Q = np.linalg.qr(X)[0]
    np.testing.assert_allclose(got, (Q**2).sum(axis=1), atol=1e-5)


def test_leverage_of_more_columns_than_rows(rng):
    np.testing.assert_allclose(leverage(rng.standard_normal((5, 9)), np.ones(5)), 1)
    one = sparse.csr_array(np.eye(30)[:, :20])
    np.testing.assert_allclose(leverage(one, np.ones(30)), [1.0] * 20 + [0.0] * 10)


@pytest.mark.parametrize("sensitivity", LABEL_FREE)
def test_blocks_do_not_matter(sensitivity, rng):
    X = rng.standard_normal((8000, 20))
    reference = sensitivity_of(X, sensitivity=sensitivity)
    with sklearn.config_context(working_memory=0.1):
        got = sensitivity_of(X, sensitivity=sensitivity)
    np.testing.assert_allclose(got, reference, rtol=1e-10)


def test_logistic(rng):
    X = rng.standard_normal((150, 6))
    got = sensitivity_of(X, sensitivity="logistic")
    np.testing.assert_allclose(got, np.sqrt(naive_leverage(X)) + 1 / 150)


def test_loss(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    got = sensitivity_of(X, y, sensitivity="loss", estimator=model)
    p = model.predict_proba(X)[np.arange(300), y]
    np.testing.assert_allclose(got, -np.log(p), rtol=1e-9)
    assert got.mean() == pytest.approx(log_loss(y, model.predict_proba(X)))


def test_loss_of_those_the_classifier_is_sure_of():
    X, y = np.array([[-400.0], [-50], [50], [400]]), np.array([0, 0, 1, 1])
    model = LogisticRegression().fit(X[1:3] / 50, y[1:3])
    model.coef_, model.intercept_ = np.array([[1.0]]), np.array([0.0])
    got = sensitivity_of(X, y, sensitivity="loss", estimator=model)
    np.testing.assert_allclose(got[1], np.exp(-50), rtol=1e-6)  # where p rounds to 1
    wrong = sensitivity_of(X, 1 - y, sensitivity="loss", estimator=model)
    np.testing.assert_allclose(wrong, [-np.log(2.0**-52)] * 4)


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(max_iter=1000),
        LinearSVC(random_state=0),
        MLPClassifier([5], max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(fit_intercept=False)),
        SVC(),
    ],
    ids=lambda c: type(c).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gradient(classifier, blobs):
    X, y = blobs
    got = ImportanceSampling(30, sensitivity="gradient", estimator=classifier, random_state=0).fit(
        X, y
    )
    model, seen = got.estimator_, X
    if isinstance(classifier, LinearSVC):
        f, t = model.decision_function(X), np.where(y[:, None] == np.arange(3), 1, -1)
        a = -t / (1 + np.exp(t * f))
    elif isinstance(classifier, SVC):
        f = model.set_params(decision_function_shape="ovo").decision_function(X)
        t = np.column_stack([(y == p) * 1 - (y == q) for p, q in ((0, 1), (0, 2), (1, 2))])
        a = -t / (1 + np.exp(t * f))
        seen = rbf_kernel(X, model.support_vectors_, gamma=model._gamma)
    else:
        a = model.predict_proba(X) - np.eye(3)[y]
    if isinstance(classifier, MLPClassifier):
        seen = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    if hasattr(classifier, "steps"):
        seen = model[0].transform(X)
    squares = (seen**2).sum(axis=1) + (0 if hasattr(classifier, "steps") else 1)
    np.testing.assert_allclose(got.sensitivity_, np.sqrt((a**2).sum(axis=1) * squares), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_gradients_whose_squares_are_beyond_float64(scale):
    """Of rows that the classifier is nearly sure of, and of columns of any unit."""
    X, y = scale * np.array([[1.0], [-1], [-200], [-400]]), np.array([1, 0, 0, 0])
    model = LogisticRegression().fit(np.sign(X), y)
    model.coef_, model.intercept_ = np.array([[1.0 / scale]]), np.array([0.0])
    got = sensitivity_of(X, y, sensitivity="gradient", estimator=model)
    p = model.predict_proba(X)
    wrong = p[np.arange(4), 1 - y]
    assert wrong[3] < 1e-170
    # 1 - p is 0 in float64 where p is 1, so what is left of the gradient is the other class.
    a = np.hypot(wrong, 1 - p[np.arange(4), y])
    np.testing.assert_allclose(got, a * np.hypot(1, X[:, 0]), rtol=1e-6)
    assert (got > 0).all()


def test_array_and_callable(blobs):
    X, y = blobs
    s = np.abs(X[:, 0])
    by_array = ImportanceSampling(30, sensitivity=s, random_state=0).fit(X, y)
    frame = pd.DataFrame(X).add_prefix("f")
    by_callable = ImportanceSampling(
        30, sensitivity=lambda X, y: X["f0"].abs() + 0 * y, random_state=0
    ).fit(frame, y)
    np.testing.assert_array_equal(by_array.sensitivity_, s)
    np.testing.assert_array_equal(by_array.sample_indices_, by_callable.sample_indices_)


def test_an_array_serves_a_table_of_anything():
    frame = pd.DataFrame({"a": ["x", None] * 20, "b": np.nan})
    small, _ = ImportanceSampling(10, sensitivity=np.arange(1, 41), random_state=0).fit_resample(
        frame
    )
    assert len(small) == 10


@pytest.mark.parametrize("sensitivity", [*LABEL_FREE, np.arange(1, 301), lambda X, y: X[:, 0] ** 2])
def test_labels_are_not_needed(sensitivity, blobs):
    X, _ = blobs
    alone = ImportanceSampling(30, sensitivity=sensitivity, random_state=0).fit(X)
    continuous = ImportanceSampling(30, sensitivity=sensitivity, random_state=0).fit(X, X[:, 1])
    np.testing.assert_array_equal(alone.sample_indices_, continuous.sample_indices_)
    assert len(alone.sample_indices_) == 30


@pytest.mark.parametrize("sensitivity", [*LABEL_FREE, "loss", "gradient"])
def test_arrays_of_other_libraries(sensitivity, blobs):
    X, y = blobs
    params = {"sensitivity": sensitivity, "estimator": LogisticRegression(max_iter=1000)}
    reference = sensitivity_of(X, y, **params)
    got = sensitivity_of(array_api_strict.asarray(X), array_api_strict.asarray(y), **params)
    np.testing.assert_allclose(got, reference)


# rows with weights -------------------------------------------------------------------------


@pytest.mark.parametrize("sensitivity", ["lightweight", "leverage", "loss", "gradient"])
def test_weights_are_repeats(sensitivity, rng):
    """One copy of a row of weight w is as sensitive as the row in a table that has it w times."""
    X, y = make_classification(120, 5, random_state=0)
    w = rng.integers(0, 4, 120)
    rows = np.repeat(np.arange(120), w)
    model = LogisticRegression(tol=1e-10, max_iter=1000)
    params = {"sensitivity": sensitivity, "estimator": model}
    weighted = sensitivity_of(X, y, sample_weight=w, **params)
    repeated = sensitivity_of(X[rows], y[rows], **params)
    np.testing.assert_allclose(weighted[rows], repeated, rtol=1e-5)
    assert (weighted[w == 0] == 0).all()


def test_logistic_with_weights(rng):
    """The bound of a row of weight w is sqrt(w l) + w / W; so what all weights share is no matter.

    Of a table with repeated rows it would be another one, as a square root does not add up.
    """
    X, w = rng.standard_normal((60, 4)), rng.integers(1, 5, 60).astype(float)
    bound = np.sqrt(naive_leverage(np.sqrt(w)[:, None] * X)) + w / w.sum()
    got = sensitivity_of(X, sensitivity="logistic", sample_weight=w)
    np.testing.assert_allclose(got, bound / w)
    for factor in (0.3, 1e-200, 1e200):
        scaled = sensitivity_of(X, sensitivity="logistic", sample_weight=w * factor)
        np.testing.assert_allclose(scaled * factor, got, rtol=1e-10)


def test_kmeans_with_weights(rng):
    X, w = rng.standard_normal((80, 2)), rng.integers(0, 3, 80)
    got = sensitivity_of(X, sensitivity="kmeans", sample_weight=w, n_clusters=1)
    rows = np.repeat(np.arange(80), w)
    _, center = kmeans_plusplus(X, 1, sample_weight=w, random_state=0, n_local_trials=1)
    d = ((X - X[center]) ** 2).sum(axis=1)
    c = d[rows].mean()
    np.testing.assert_allclose(got[rows], 32 * d[rows] / c + 64 + 4)


def test_a_row_that_is_not_there_does_not_matter(blobs):
    X, _ = blobs
    X, w = X.copy(), np.ones(300)
    X[5], w[5] = 1e300, 0
    for sensitivity in LABEL_FREE:
        got = sensitivity_of(X, sample_weight=w, sensitivity=sensitivity)
        alone = sensitivity_of(np.delete(X, 5, axis=0), sensitivity=sensitivity)
        np.testing.assert_allclose(np.delete(got, 5), alone)
        assert got[5] == 0


def test_the_chance_is_that_of_all_copies(rng):
    w, s = rng.integers(1, 5, 50).astype(float), rng.random(50) + 0.1
    got = ImportanceSampling(10, sensitivity=s, normalize=False, random_state=0).fit(
        np.zeros((50, 1)), sample_weight=w
    )
    pi = naive_inclusion(w * s, 10)[got.sample_indices_]
    np.testing.assert_allclose(got.inclusion_probability_, pi)
    np.testing.assert_allclose(got.sample_weight_, w[got.sample_indices_] / pi)


@pytest.mark.parametrize("factor", [0.1, 1 / 3, 1e-12, 1e-200, 1e200])
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("sensitivity", [*LABEL_FREE, "loss", "gradient"])
def test_weights_times_a_constant_are_the_same_weights(sensitivity, replace, factor, blobs):
    X, y = blobs
    w = np.random.default_rng(0).integers(1, 4, 300).astype(float)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    for normalize in (True, False):
        sampler = ImportanceSampling(
            40,
            sensitivity=sensitivity,
            estimator=model,
            replace=replace,
            normalize=normalize,
            random_state=0,
        )
        kept, weight, pi = (
            getattr(sampler.fit(X, y, sample_weight=w), name)
            for name in ("sample_indices_", "sample_weight_", "inclusion_probability_")
        )
        sampler.fit(X, y, sample_weight=w * factor)
        np.testing.assert_array_equal(sampler.sample_indices_, kept)
        np.testing.assert_allclose(sampler.sample_weight_ / factor, weight)
        np.testing.assert_allclose(sampler.inclusion_probability_, pi)


def test_weights_too_small_for_a_sensitivity(blobs):
    with pytest.raises(ValueError, match="Multiply all weights by the same large number"):
        ImportanceSampling(30).fit(*blobs, sample_weight=np.full(300, 1e-312))
    sampler = ImportanceSampling(30, sensitivity=np.ones(300), random_state=0)
    here, there = (
        sampler.fit(*blobs, sample_weight=np.full(300, w)).sample_indices_ for w in (1, 1e-312)
    )
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("span", [6, 100])
def test_weights_of_all_scales(replace, span, rng):
    """The sum of the weights is without bias, and rows are in by their inclusion probability."""
    X, w = rng.standard_normal((40, 2)), 10.0 ** rng.uniform(-span, span, 40)
    sums, times, chance = [], np.zeros(40), np.zeros(40)
    for seed in range(200):
        got = ImportanceSampling(
            8, replace=replace, normalize=False, stratify=None, random_state=seed
        ).fit(X, sample_weight=w)
        sums.append(got.sample_weight_.sum() / w.sum())
        times[got.sample_indices_] += 1
        chance[got.sample_indices_] = got.inclusion_probability_
        if not replace:
            pi = naive_inclusion(w * got.sensitivity_ / w.max(), 8)[got.sample_indices_]
            np.testing.assert_allclose(got.inclusion_probability_, pi, rtol=1e-6)
    assert within_three_errors(np.array(sums)[:, None], [1.0])
    assert (np.abs(times / 200 - chance) <= 4 * np.sqrt(chance * (1 - chance) / 200) + 0.01).all()


# the classifier ----------------------------------------------------------------------------


def test_a_fitted_classifier_is_used_as_it_is(blobs):
    X, y = blobs
    model = GaussianNB().fit(X[:100], y[:100])
    for given in (model, FrozenEstimator(model)):
        got = ImportanceSampling(30, sensitivity="loss", estimator=given, random_state=0)
        assert got.fit(X, y).estimator_ is given
    unfitted = GaussianNB()
    got = ImportanceSampling(30, sensitivity="loss", estimator=unfitted, random_state=0).fit(X, y)
    assert not hasattr(unfitted, "theta_")
    assert hasattr(got.estimator_, "theta_")


def test_no_classifier_is_asked_where_none_is_needed(blobs):
    X, y = blobs
    sampler = ImportanceSampling(30, sensitivity="gradient", random_state=0).fit(X, y)
    assert hasattr(sampler, "estimator_")
    sampler.set_params(sensitivity="lightweight", estimator=LinearSVC()).fit(X)
    assert not hasattr(sampler, "estimator_")


def test_a_class_without_weight_is_none_for_the_classifier(blobs):
    X, y = blobs
    for sensitivity in ("loss", "gradient"):
        got = ImportanceSampling(20, sensitivity=sensitivity, random_state=0)
        got.fit(X, y, sample_weight=(y < 2).astype(float))
        assert set(y[got.sample_indices_]) == {0, 1}


@pytest.mark.parametrize(
    ("params", "y", "error", "message"),
    [
        ({"sensitivity": "loss"}, None, ValueError, "requires y to be passed"),
        ({"sensitivity": "gradient", "estimator": "fitted"}, None, ValueError, "requires y"),
        ({"sensitivity": "loss"}, "continuous", ValueError, "Unknown label type"),
        ({"sensitivity": "loss", "estimator": LinearSVC()}, "labels", TypeError, "probabilities"),
        ({"sensitivity": "loss"}, "one", ValueError, "at least 2 classes"),
    ],
)
def test_errors_about_the_classifier(params, y, error, message, blobs):
    X, labels = blobs
    if params.get("estimator") == "fitted":
        params = {**params, "estimator": LogisticRegression(max_iter=1000).fit(X, labels)}
    y = {"labels": labels, "continuous": X[:, 0], "one": np.zeros(300, int)}.get(y)
    with pytest.raises(error, match=message):
        ImportanceSampling(30, random_state=0, **params).fit(X, y)


def test_weights_need_a_classifier_that_takes_them(blobs):
    with pytest.raises(ValueError, match="takes no sample_weight"):
        ImportanceSampling(30, sensitivity="gradient", estimator=KNeighborsClassifier()).fit(
            *blobs, sample_weight=np.ones(300)
        )


# errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sensitivity", "message"),
    [
        ("entropy", "The 'sensitivity' parameter of ImportanceSampling must be a str among"),
        (np.ones(299), r"sensitivity has shape \(299,\), but .* for each sample: shape \(300,\)"),
        (np.ones((300, 1)), r"sensitivity has shape \(300, 1\)"),
        (np.r_[np.ones(299), -0.5], r"sensitivity\[299\] = -0.5 is negative"),
        (np.zeros(300), "sensitivity is zero for all samples"),
        (np.r_[np.nan, np.ones(299)], "sensitivity contains NaN"),
        (np.r_[np.inf, np.ones(299)], "sensitivity contains infinity"),
        (np.r_[np.ones(20), np.zeros(280)], "30 samples are to be drawn, but only 20 samples have"),
    ],
)
@pytest.mark.parametrize("as_callable", [False, True])
def test_bad_sensitivities(sensitivity, message, as_callable, blobs):
    X, y = blobs
    if as_callable and not isinstance(sensitivity, str):
        values, sensitivity = sensitivity, lambda X, y: values
    with pytest.raises(ValueError, match=message):
        ImportanceSampling(30, sensitivity=sensitivity, stratify=None).fit(X, y)


def test_a_class_without_sensitivity_is_named(blobs):
    X, y = blobs
    for replace in (False, True):
        sampler = ImportanceSampling(30, sensitivity=(y != 1) * 1.0, replace=replace)
        message = f"of the class 1 .*, but only 0 .* of sample {np.argmax(y == 1)} is 0"
        with pytest.raises(ValueError, match=message):
            sampler.fit(X, y)


def test_sensitivities_that_are_far_apart_are_all_drawn(rng):
    """1e-300 is 0 beside 1e300 in float64, and yet a row that is drawn where all are."""
    s = 10.0 ** rng.uniform(-300, 300, 100)
    for k in (60, 100):
        got = ImportanceSampling(k, sensitivity=s, normalize=False, random_state=0)
        got.fit(np.zeros((100, 1)))
        assert len(set(got.sample_indices_)) == k
        assert set(np.argsort(s)[-k + 1 :]) <= set(got.sample_indices_)
        np.testing.assert_allclose(
            got.inclusion_probability_,
            exact_inclusion(s[:, None].tolist(), k)[got.sample_indices_],
            rtol=1e-8,
            atol=1e-15,
        )


def test_rows_without_loss_are_never_drawn(blobs):
    """A forest is sure of most rows it was grown on: nothing is made up for them."""
    X, y = blobs
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    sampler = ImportanceSampling(
        30, sensitivity="loss", estimator=forest, stratify=None, random_state=0
    ).fit(X, y)
    assert (sampler.sensitivity_[sampler.sample_indices_] > 0).all()
    with pytest.raises(ValueError, match="have a positive sensitivity"):
        sampler.set_params(coreset_size=299).fit(X, y)


def test_as_many_clusters_as_rows(blobs):
    X, _ = blobs
    w = np.r_[np.ones(10), np.zeros(290)]
    with pytest.raises(ValueError, match="n_clusters=11 is larger than the number of samples"):
        sensitivity_of(X, sensitivity="kmeans", n_clusters=11, sample_weight=w)
    assert len(sensitivity_of(X, sensitivity="kmeans", n_clusters=10, sample_weight=w)) == 300
