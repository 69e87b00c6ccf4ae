"""CRAIG and GradMatch against explicit gradients, the papers' loops and optimality conditions."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression, orthogonal_mp
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC, LinearSVC

from skcoreset import CRAIG, FacilityLocation, GradMatch
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._models import _gradient_factors, gradient_factors, last_step_features

few = pytest.mark.filterwarnings("ignore:.*match the gradient as well as more would:UserWarning")


def gradients(estimator, X, y, gradient="last_layer"):
    """The explicit matrix."""
    return OuterProducts(*gradient_factors(estimator, X, y, gradient)).explicit()


# gradients of classifiers ------------------------------------------------------------------


def numerical(loss, parameters, step=1e-6):
    """Central differences of a scalar function of an array."""
    out = np.empty_like(parameters)
    for at in np.ndindex(parameters.shape):
        up, down = parameters.copy(), parameters.copy()
        up[at] += step
        down[at] -= step
        out[at] = (loss(up) - loss(down)) / (2 * step)
    return out


def test_logistic_regression_is_the_gradient_of_its_loss(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    G = gradients(model, X, y)
    theta = np.column_stack([model.intercept_, model.coef_])
    for i in (0, 17, 123):
        row = np.append(1.0, X[i])

        def loss(t, row=row, i=i):
            z = t @ row
            return np.log(np.exp(z - z.max()).sum()) + z.max() - z[y[i]]

        np.testing.assert_allclose(G[i], numerical(loss, theta).ravel(), atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_multilayer_perceptron_is_the_gradient_in_its_last_layer(activation, blobs):
    X, y = blobs
    model = MLPClassifier((9, 6), activation=activation, max_iter=400, tol=1e-2, random_state=0)
    model.fit(X, y)
    a, h, bias = gradient_factors(model, X, y)
    assert h.shape == (300, 6)
    assert bias
    z = h @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(softmax(z, axis=1), model.predict_proba(X), atol=1e-10)
    np.testing.assert_allclose(a, softmax(z, axis=1) - np.eye(3)[y], atol=1e-10)


def test_binary_has_one_error_with_two_signs(blobs):
    X, y = blobs[0], (blobs[1] > 0).astype(int)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    a, _, _ = gradient_factors(model, X, y)
    error = expit(model.decision_function(X)) - y
    np.testing.assert_allclose(a, np.column_stack([-error, error]), atol=1e-12)


def test_decision_values_only_have_the_logistic_loss_of_each(blobs):
    X, y = blobs
    model = LinearSVC(random_state=0).fit(X, y)
    a, h, _ = gradient_factors(model, X, y)
    np.testing.assert_array_equal(h, X)
    values, t = model.decision_function(X), np.where(np.eye(3)[y] > 0, 1, -1)
    for i in (0, 17, 123):

        def loss(f, t=t[i]):
            return np.log1p(np.exp(-t * f)).sum()

        np.testing.assert_allclose(a[i], numerical(loss, values[i]), atol=1e-8)
    two = LinearSVC(random_state=0).fit(X, y > 0)
    error = -expit(-two.decision_function(X[y > 0]))
    a, _, _ = gradient_factors(two, X[y > 0], y[y > 0] > 0)
    np.testing.assert_allclose(a, np.column_stack([-error, error]))


def precomputed(X, Z):
    return rbf_kernel(X, Z, gamma=0.1)


@pytest.mark.parametrize("kernel", ["rbf", "poly", "sigmoid", "precomputed", precomputed])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_kernel_svm_is_linear_in_its_kernel_values(kernel, n_classes, blobs):
    """The factors are of the gradient of the loss of its pairs in its dual coefficients."""
    X, y = blobs[0], np.array(["b", "a", "c"])[np.minimum(blobs[1], n_classes - 1)]
    K = precomputed(X, X) if kernel == "precomputed" else X
    model = SVC(kernel=kernel, gamma=0.1, coef0=0.5).fit(K, y)
    a, h, bias = gradient_factors(model, K, y)
    assert h.shape == (300, len(model.support_))
    assert bias
    model.decision_function_shape = "ovo"
    values = model.decision_function(K).reshape(300, -1)
    start = np.cumsum([0, *model.n_support_])
    pairs = [(p, q) for p in range(n_classes) for q in range(p + 1, n_classes)]
    for column, (p, q) in enumerate(pairs):
        coef = np.zeros(len(model.support_))
        for mine, other in ((p, q - 1), (q, p)):  # as scikit-learn stores them
            own = slice(start[mine], start[mine + 1])
            coef[own] = (
                model._dual_coef_[other, own] if n_classes > 2 else model._dual_coef_[0, own]
            )
        f = h @ coef + model._intercept_[column]  # positive for the first of the pair
        np.testing.assert_allclose(f, -values[:, 0] if n_classes == 2 else values[:, column])
        t = (y == model.classes_[p]) * 1.0 - (y == model.classes_[q])
        np.testing.assert_allclose(a[:, column], -t * expit(-t * f))


def test_errors_of_a_kernel_svm_are_graded():
    """With -1, 0 and 1 there were 19 different gradients, and the lowest rows were picked."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]
    model = SVC(C=10).fit(X, y)
    for gradient in ("last_layer", "logits"):
        a, _, _ = gradient_factors(model, X, y, gradient)
        assert len(np.unique(a.round(12), axis=0)) > 590
    for sampler in (CRAIG(model, 60), GradMatch(model, 60)):
        kept = sampler.fit(X, y).sample_indices_
        lowest = np.concatenate([np.flatnonzero(y == c)[:6] for c in range(10)])
        assert len(set(kept) & set(lowest)) < 15


def test_many_support_vectors_are_thinned(blobs, monkeypatch):
    X, y = blobs
    model = SVC(C=0.1).fit(X, y)
    n = len(model.support_)
    assert n > 50
    monkeypatch.setattr(_gradient_factors, "MAX_SUPPORT_VECTORS", 20)
    _, h, _ = gradient_factors(model, X, y)
    vectors = model.support_vectors_[np.linspace(0, n - 1, 20).astype(int)]
    np.testing.assert_allclose(h, rbf_kernel(X, vectors, gamma=model._gamma))
    assert gradient_factors(SVC(kernel="linear").fit(X, y), X, y)[1] is not None


def test_pipeline_has_the_features_that_reach_its_last_step(blobs):
    X, y = blobs
    model = make_pipeline(StandardScaler(), GaussianNB()).fit(X, y)
    a, h, _ = gradient_factors(model, X, y)
    np.testing.assert_allclose(h, StandardScaler().fit_transform(X))
    np.testing.assert_allclose(a, model.predict_proba(X) - np.eye(3)[y])
    np.testing.assert_array_equal(last_step_features(model, X), h)


def test_labels_may_be_strings(blobs):
    X, y = blobs
    names = np.array(["b", "a", "c"])[y]
    model = LogisticRegression(max_iter=1000).fit(X, names)
    a, _, _ = gradient_factors(model, X, names)
    onehot = names[:, None] == model.classes_[None, :]
    np.testing.assert_allclose(a, model.predict_proba(X) - onehot)


# factors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["dense", "sparse", "none"])
def test_factors_agree_with_the_explicit_matrix(kind, bias, rng):
    a, h = rng.standard_normal((120, 3)), rng.standard_normal((120, 7))
    h[rng.random(h.shape) < 0.5] = 0
    a[60:70], h[60:70] = a[:10], h[:10]  # duplicates
    h = {"dense": h, "sparse": sparse.csr_array(h), "none": None}[kind]
    rows = rng.permutation(120)[:80]
    rows.sort()
    for chosen in (None, rows):
        F = OuterProducts(a, h, bias, rows=chosen)
        G = OuterProducts(a, h, bias).explicit()
        G = G if chosen is None else G[chosen]
        every = np.arange(F.n)
        np.testing.assert_allclose(F.inner(every, slice(0, F.n)), G @ G.T, atol=1e-10)
        np.testing.assert_allclose(F.sq, (G**2).sum(axis=1), atol=1e-10)
        np.testing.assert_allclose(
            F.distances(every, slice(0, F.n)), pairwise_distances(G), atol=1e-7
        )
        np.testing.assert_allclose(
            F.exact_pairs(every, every[::-1]), ((G - G[::-1]) ** 2).sum(axis=1), atol=1e-10
        )
        w = rng.random(F.n)
        np.testing.assert_allclose(F.total(w).ravel(), w @ G, atol=1e-10)
        np.testing.assert_allclose(F.correlate(F.total(w)), G @ (w @ G), atol=1e-9)


# CRAIG -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gradient", ["last_layer", "logits", "features"])
@pytest.mark.parametrize("stratify", ["proportional", None])
def test_craig_is_facility_location_on_gradients(gradient, stratify, blobs):
    X, y = blobs
    X, y = X[:120], y[:120]
    model = LogisticRegression(max_iter=1000).fit(X, y)
    G = X if gradient == "features" else gradients(model, X, y, gradient)
    sampler = CRAIG(model, 24, gradient=gradient, stratify=stratify).fit(X, y)
    kept = sampler.sample_indices_
    for label in range(3) if stratify else [None]:
        rows = np.arange(120) if label is None else np.flatnonzero(y == label)
        mine = kept if label is None else kept[y[kept] == label]
        D = pairwise_distances(G[rows])
        np.fill_diagonal(D, 0)
        picks, _ = oracles.facility_location(D.max() - D, len(mine))
        np.testing.assert_array_equal(mine, rows[picks])
    naive = CRAIG(model, 24, gradient=gradient, stratify=stratify, optimizer="naive").fit(X, y)
    np.testing.assert_array_equal(naive.sample_indices_, kept)
    other = FacilityLocation(24, stratify=stratify).fit(G, y)
    np.testing.assert_array_equal(other.sample_indices_, kept)


def test_craig_weights_count_rows_and_bound_the_gradient(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    G = gradients(model, X, y)
    previous = np.inf
    for k in (6, 15, 60, 200):
        sampler = CRAIG(model, k).fit(X, y)
        kept, w = sampler.sample_indices_, sampler.sample_weight_
        np.testing.assert_array_equal(w, np.round(w))  # not one more each, as published code has
        assert w.sum() == 300
        for label in range(3):
            assert w[y[kept] == label].sum() == (y == label).sum()
        error = np.linalg.norm(G.sum(axis=0) - w @ G[kept])
        assert error <= sampler.loss_ + 1e-9
        assert sampler.loss_ < previous
        previous = sampler.loss_
        for label in range(3):
            assert (np.diff(sampler.losses_[y[kept] == label]) <= 1e-9).all()
    assert CRAIG(model, 300).fit(X, y).loss_ == pytest.approx(0, abs=1e-6)


def test_craig_cover_form(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    sampler = CRAIG(model, None, epsilon=20.0).fit(X, y)
    k = len(sampler.sample_indices_)
    assert 3 <= k < 300
    assert sampler.loss_ <= 20
    fixed = CRAIG(model, dict(sampler.sampling_strategy_)).fit(X, y)
    np.testing.assert_array_equal(fixed.sample_indices_, sampler.sample_indices_)
    for label in range(3):  # one row fewer of a class would not do
        losses = sampler.losses_[y[sampler.sample_indices_] == label]
        assert len(losses) == 1 or losses[-2] > 20 * (y == label).mean()
    for params in ({"coreset_size": None}, {"coreset_size": 10, "epsilon": 1.0}):
        with pytest.raises(ValueError, match="requires exactly one of them"):
            CRAIG(model, **params).fit(X, y)


def test_craig_stochastic_is_nearly_as_good(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    lazy = CRAIG(model, 30).fit(X, y).loss_
    drawn = CRAIG(model, 30, optimizer="stochastic", random_state=0).fit(X, y).loss_
    assert lazy * 0.95 < drawn < 1.1 * lazy


# GradMatch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("regularization", [0.0, 5.0])
@pytest.mark.parametrize("columns", [True, False])
def test_matching_pursuit_equals_the_loop(regularization, columns, rng):
    a, h = rng.standard_normal((150, 3)), rng.standard_normal((150, 12))
    F = OuterProducts(a, h)
    G = F.explicit()
    with sklearn.config_context(working_memory=1024 if columns else 0.01):
        picks, weight, norms = matching_pursuit(
            F, F.total(np.ones(150)), 20, regularization=regularization
        )
    expected, expected_weight = oracles.matching_pursuit(G, G.sum(axis=0), 20, regularization)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_allclose(weight, expected_weight, rtol=1e-6)
    left = G.sum(axis=0) - weight @ G[picks]
    assert norms[-1] == pytest.approx(np.linalg.norm(left), rel=1e-6)


def test_conditions_of_optimality(rng):
    for regularization in (0.0, 2.0):
        F = OuterProducts(rng.standard_normal((200, 3)), rng.standard_normal((200, 20)))
        G, b = F.explicit(), F.explicit().sum(axis=0)
        picks, w, norms = matching_pursuit(
            F, F.total(np.ones(200)), 40, regularization=regularization
        )
        assert len(set(picks.tolist())) == 40
        assert (w > 0).all()
        slope = G[picks] @ (w @ G[picks] - b) + regularization * w
        np.testing.assert_allclose(slope, 0, atol=1e-6 * np.abs(G @ b).max())
        if regularization == 0:
            assert (np.diff(norms) <= 1e-9).all()


def test_same_support_as_orthogonal_mp(rng):
    G = normalize(rng.standard_normal((300, 60)))
    b = rng.standard_normal(60)
    coef = orthogonal_mp(G.T, b, n_nonzero_coefs=25)
    F = OuterProducts(np.ones((300, 1)), G, bias=False)
    picks, w, _ = matching_pursuit(F, b[None, :], 25, positive=False)
    assert sorted(picks) == np.flatnonzero(coef).tolist()
    np.testing.assert_allclose(w, coef[picks], rtol=1e-6)


def test_gradmatch_by_class(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    G = gradients(model, X, y)
    sampler = GradMatch(model, 30).fit(X, y)
    factors = []
    for label in range(3):
        rows = np.flatnonzero(y == label)
        mine = y[sampler.sample_indices_] == label
        picks, weight = oracles.matching_pursuit(G[rows], G[rows].sum(axis=0), mine.sum())
        np.testing.assert_array_equal(sampler.sample_indices_[mine], rows[picks])
        factors.append(sampler.sample_weight_[mine] / weight)
        left = np.linalg.norm(G[rows].sum(axis=0) - weight @ G[rows[picks]])
        assert sampler.residual_norms_[mine][-1] == pytest.approx(left, rel=1e-5)
        assert (np.diff(sampler.residual_norms_[mine]) <= 1e-9).all()
    factors = np.concatenate(factors)  # one for all classes, which keeps the sum of gradients
    np.testing.assert_allclose(factors, factors[0], rtol=1e-5)
    assert sampler.sample_weight_.sum() == pytest.approx(300)


def test_regularization_counts(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    spread = []
    for r in (0.0, 1e5):
        sampler = GradMatch(model, 30, regularization=r).fit(X, y)
        mine = sampler.sample_weight_[y[sampler.sample_indices_] == 0]
        spread.append(mine.std() / mine.mean())
    assert spread[1] < 0.5 * spread[0]


def test_stops_honestly(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.warns(UserWarning, match="match the gradient as well as more would"):
        sampler = GradMatch(model, 299, stratify=None).fit(X, y)
    assert len(sampler.sample_indices_) < 299
    assert (sampler.sample_weight_ > 0).all()
    assert sampler.sample_weight_.sum() == pytest.approx(300)


@few
def test_a_class_without_gradient_keeps_a_row():
    X = np.array([[-5.0], [-6.0], [5.0], [6.0]]) * 1e3
    y = np.array([0, 0, 1, 1])
    sampler = GradMatch(GaussianNB(), 4).fit(X, y)
    assert set(y[sampler.sample_indices_]) == {0, 1}


def test_validation_rows_are_the_target(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    G = gradients(model, X, y)
    sampler = GradMatch(model, 30).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    for label in range(3):
        rows = np.flatnonzero(y[:200] == label)
        b = G[200:][y[200:] == label].mean(axis=0) * len(rows)
        mine = y[sampler.sample_indices_] == label
        picks, _ = oracles.matching_pursuit(G[rows], b, mine.sum())
        np.testing.assert_array_equal(sampler.sample_indices_[mine], rows[picks])
    X_small, _ = GradMatch(model, 30).fit_resample(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    np.testing.assert_array_equal(X_small, X[sampler.sample_indices_])
    with pytest.raises(ValueError, match="Give X_val and y_val together"):
        GradMatch(model, 30).fit(X, y, X_val=X)
    with pytest.raises(ValueError, match=r"y_val contains \[9\]"):
        GradMatch(model, 30).fit(X, y, X_val=X[:2], y_val=[0, 9])
    with pytest.raises(ValueError, match="y_val contains no class labels"):
        GradMatch(model, 30).fit(X, y, X_val=X[:2], y_val=[0.5, 1.5])
    with pytest.raises(ValueError, match="y_val contains no sample of the class"):
        GradMatch(model, 30).fit(X, y, X_val=X[y == 0], y_val=y[y == 0])


def test_weights_may_be_negative_on_request(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    sampler = GradMatch(model, 45, positive=False).fit(X, y)
    assert len(sampler.sample_indices_) == 45
    assert (sampler.sample_weight_ < 0).any()


@few
def test_sparse_equals_dense():
    X, y = make_classification(200, 30, n_informative=10, n_classes=3, random_state=0)
    X[np.abs(X) < 1] = 0
    model = LogisticRegression(max_iter=1000).fit(X, y)
    for sampler in (CRAIG(model, 30), GradMatch(model, 30)):
        dense = sampler.fit(X, y).sample_indices_
        np.testing.assert_array_equal(sampler.fit(sparse.csr_array(X), y).sample_indices_, dense)


def test_labels_are_needed_even_by_a_fitted_classifier(blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    for sampler in (CRAIG(model, 30), GradMatch(model, 30)):
        with pytest.raises(ValueError, match="requires y to be passed"):
            sampler.fit(X)


def test_validation_rows_are_those_of_their_own_fit(blobs):
    """Two fits of one object at the same time: each keeps to the rows it was given."""
    X, y = blobs
    seen = []

    class Watching(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            barrier.wait(timeout=30)  # both are past what `fit` does first
            return super().fit(X, y)

        def predict_proba(self, X):
            seen.append(len(X))
            return super().predict_proba(X)

    barrier = threading.Barrier(2)
    method = GradMatch(Watching(max_iter=1000), 12)

    def select(n_validation):
        at = slice(0, n_validation)
        method.fit(X, y, X_val=X[at], y_val=y[at])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(select, n) for n in (100, 200)]:
            done.result()
    assert sorted(n for n in seen if n < 300) == [100, 200]


def test_a_validation_target_is_undone_with_its_fit(blobs):
    X, y = blobs
    method = GradMatch(coreset_size=12).fit(X, y, X_val=X[:100], y_val=y[:100])
    kept = method.sample_indices_
    with pytest.raises(ValueError, match="all labels of y_val must be"):
        method.fit(X, y, X_val=X[:100], y_val=y[:100] + 5)
    assert method.sample_indices_ is kept
    plain = clone(method).fit(X, y).sample_indices_
    np.testing.assert_array_equal(method.fit(X, y).sample_indices_, plain)


# awkward weights and tables ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("regularization", [0.0, 3.0])
@few
def test_gradmatch_with_weights_times_a_constant(regularization, dtype, rng):
    """With 1e-200 there was nothing to match, and with 1e200 it overflowed."""
    X, y = make_classification(200, 12, n_informative=8, n_classes=3, random_state=0)
    X = X.astype(dtype)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    for w in (np.ones(200), rng.integers(1, 4, 200).astype(float)):
        for positive, validation in ((True, {}), (False, {}), (True, {"X_val": X, "y_val": y})):
            sampler = GradMatch(model, 30, regularization=regularization, positive=positive)
            sampler.fit(X, y, sample_weight=w, **validation)
            picks, weight = sampler.sample_indices_, sampler.sample_weight_
            norms = sampler.residual_norms_
            assert len(picks) == 30
            for factor in (1e-200, 1e-12, 0.1, 1e200):
                sampler.fit(X, y, sample_weight=factor * w, **validation)
                np.testing.assert_array_equal(sampler.sample_indices_, picks)
                rtol = 1e-6 if dtype == np.float64 else 1e-2
                np.testing.assert_allclose(sampler.sample_weight_ / factor, weight, rtol=rtol)
                np.testing.assert_allclose(
                    sampler.residual_norms_ / factor, norms, rtol=rtol, atol=1e-6 * norms.max()
                )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("gradient", ["last_layer", "features"])
def test_craig_with_weights_times_a_constant(gradient, dtype, blobs, rng):
    X, y = blobs[0].astype(dtype), blobs[1]
    model = LogisticRegression(max_iter=1000).fit(X, y)
    w = rng.integers(1, 4, 300).astype(float)
    first = CRAIG(model, 30, gradient=gradient).fit(X, y, sample_weight=w)
    for factor in (1e-200, 1e-12, 0.1, 1e200):
        again = CRAIG(model, 30, gradient=gradient).fit(X, y, sample_weight=factor * w)
        np.testing.assert_array_equal(again.sample_indices_, first.sample_indices_)
        np.testing.assert_allclose(again.sample_weight_ / factor, first.sample_weight_)
        np.testing.assert_allclose(again.losses_ / factor, first.losses_)
    loss = first.loss_
    some = CRAIG(model, None, epsilon=2 * loss, gradient=gradient).fit(X, y, sample_weight=w)
    scaled = CRAIG(model, None, epsilon=2e9 * loss, gradient=gradient)
    scaled.fit(X, y, sample_weight=1e9 * w)
    np.testing.assert_array_equal(scaled.sample_indices_, some.sample_indices_)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("gradient", ["last_layer", "logits", "features"])
def test_craig_far_from_zero_in_every_way(gradient, dtype, rng):
    """A column of sentinels: L(S) is that of the gradients by differences, picks are the loop's."""
    X, y = rng.random((120, 5)), np.arange(120) % 2
    X[np.ix_(rng.random(120) < 0.6, [0, 3])] = -99999999
    X = X.astype(dtype)
    scaler = StandardScaler().fit(X.astype(np.float64))
    model = LogisticRegression().fit(scaler.transform(X.astype(np.float64)), y)
    coef = model.coef_ / scaler.scale_
    model.intercept_ -= coef @ scaler.mean_
    model.coef_ = coef
    G = X
    if gradient != "features":
        G = OuterProducts(*gradient_factors(model, X, y, gradient)).explicit()
    D = oracles.distances(G)
    picks, _ = oracles.facility_location_of_distances(D, 15)
    losses = [np.minimum.reduce(D[picks[: t + 1]]).sum() for t in range(15)]
    every = {"optimizer": "stochastic", "stochastic_epsilon": 1e-300}
    for params in ({}, {"optimizer": "naive"}, every):
        for megabytes in (1024, 0.02):
            sampler = CRAIG(model, 15, gradient=gradient, stratify=None, **params)
            with sklearn.config_context(working_memory=megabytes):
                sampler.fit(X, y)
            np.testing.assert_array_equal(sampler.sample_indices_, picks)
            np.testing.assert_allclose(sampler.losses_, losses, rtol=1e-9)


def test_squares_that_leave_the_range_of_float32(rng):
    """Factors are then worked on in float64, and not shifted."""
    for of_a, of_h in ((1e-12, 1), (1, 1e19), (1e-12, 1e-12)):
        a = (rng.random((40, 3)) * of_a).astype(np.float32)
        h = (rng.random((40, 5)) * of_h).astype(np.float32)
        F = OuterProducts(a, h)
        G = F.explicit()
        every = np.arange(40)
        np.testing.assert_allclose(F.inner(every, slice(0, 40)), G @ G.T, rtol=1e-5)
