"""Continuous targets: strata of quantiles, and the methods that fit a regressor."""

import pickle

import numpy as np
import pytest
from oracles_report import gradient_error
from samplers import LABEL_FREE, name_of
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from skcoreset import (
    CRAIG,
    EL2N,
    Coreset,
    CoresetClassifier,
    CoresetRegressor,
    CoresetReport,
    DeepFool,
    FacilityLocation,
    GradMatch,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Margin,
    Uniform,
)
from skcoreset._models import gradient_factors
from skcoreset._strata import quantile_strata


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X)[:150], y[:150]


def explicit(a, h):
    """The gradients as rows."""
    h = np.column_stack([np.ones(len(h)), h])
    return (a[:, :, None] * h[:, None, :]).reshape(len(a), -1)


# Strata -------------------------------------------------------------------------------------------


def plain_strata(y, weight, n):
    """Each value belongs to the interval that holds the middle of its weight."""
    total = sum(weight)
    codes = []
    for value in y:
        below = sum(w for v, w in zip(y, weight, strict=True) if v < value)
        same = sum(w for v, w in zip(y, weight, strict=True) if v == value)
        codes.append(min(int(n * (below + same / 2) / total + 1e-9), n - 1))
    found = sorted({c for c, w in zip(codes, weight, strict=True) if w > 0})
    return [found.index(c) if w > 0 else 0 for c, w in zip(codes, weight, strict=True)]


@pytest.mark.parametrize("n_strata", [1, 2, 5, 30])
@pytest.mark.parametrize("ties", [False, True])
def test_strata_equal_the_plain_loop(n_strata, ties, rng):
    y = rng.standard_normal(31)
    y = y.round() if ties else y
    for weight in (np.ones(31), rng.integers(0, 4, 31).astype(float)):
        strata = quantile_strata(y, weight, n_strata)
        assert strata.codes.tolist() == plain_strata(y, weight, n_strata)
        order = rng.permutation(31)
        again = quantile_strata(y[order], weight[order], n_strata)
        assert np.array_equal(again.codes, strata.codes[order])


def test_strata_are_intervals_of_equal_size():
    y = np.arange(20.0)
    strata = quantile_strata(y, np.ones(20), 5)
    assert np.bincount(strata.codes).tolist() == [4] * 5
    assert strata.labels[1] == "[4, 7]"
    assert strata.labels_of(np.array([-9, 3.0, 3.5, 4.0, 99])).tolist() == [
        "[0, 3]",
        "[0, 3]",
        "[4, 7]",
        "[4, 7]",
        "[16, 19]",
    ]
    assert len(quantile_strata(np.ones(20), np.ones(20), 5).labels) == 1
    near = quantile_strata(1 + np.arange(4) * 1e-6, np.ones(4), 2)
    assert near.labels.tolist() == ["[1, 1.000001]", "[1.000002, 1.000003]"]
    # A weight of 2 is as two samples.
    weight = np.ones(20)
    weight[3] = 2
    twice = quantile_strata(np.append(y, 3.0), np.ones(21), 5)
    assert np.array_equal(quantile_strata(y, weight, 5).codes, twice.codes[:-1])


@pytest.mark.parametrize("sampler", LABEL_FREE, ids=name_of)
def test_every_sampler_takes_strata(sampler, diabetes):
    X, y = diabetes
    sampler = clone(sampler).set_params(stratify="quantile", coreset_size=20)
    sampler.fit(X, y)
    assert list(sampler.sampling_strategy_.values()) == [4] * 5
    assert next(iter(sampler.sampling_strategy_)).startswith("[")
    codes = quantile_strata(y, np.ones(150), 5).codes[sampler.sample_indices_]
    assert np.bincount(codes).tolist() == [4] * 5
    # Prefixes are stratified, and whole numbers are values.
    assert sorted(codes[:5]) == [0, 1, 2, 3, 4]
    assert not hasattr(sampler, "classes_")
    assert sampler.sample_weight_.sum() == pytest.approx(150)
    pickle.loads(pickle.dumps(sampler))


@pytest.mark.parametrize("sampler", [KCenterGreedy(20), Herding(20), FacilityLocation(20)])
def test_each_stratum_is_selected_on_its_own(sampler, diabetes):
    X, y = diabetes
    sampler = clone(sampler).set_params(stratify="quantile").fit(X, y)
    strata = quantile_strata(y, np.ones(150), 5)
    for code in range(5):
        rows = np.flatnonzero(strata.codes == code)
        alone = clone(sampler).set_params(stratify=None, coreset_size=4).fit(X[rows])
        selected = sampler.sample_indices_
        assert np.array_equal(rows[alone.sample_indices_], selected[strata.codes[selected] == code])


def test_sizes_and_weights_of_strata(diabetes):
    X, y = diabetes
    weight = np.where(y > np.median(y), 3.0, 1.0)
    sampler = Uniform(40, stratify="quantile", random_state=0).fit(X, y, weight)
    # Strata of equal weight: more samples of small targets in one.
    assert list(sampler.sampling_strategy_.values()) == [8] * 5
    assert np.mean(y[sampler.sample_indices_] > np.median(y)) == pytest.approx(0.75, abs=0.1)
    small = Uniform(3, stratify="quantile", random_state=0).fit(X, y)
    assert list(small.sampling_strategy_.values()) == [1] * 3


def test_truncate_with_strata(diabetes):
    X, y = diabetes
    long = Herding(30, stratify="quantile").fit(X, y)
    short = Herding(10, stratify="quantile").fit(X, y)
    first = long.truncate(10)
    assert np.array_equal(first.sample_indices_, short.sample_indices_)
    assert np.allclose(first.sample_weight_, short.sample_weight_)
    with pytest.raises(ValueError, match="4 samples for 5 strata"):
        long.truncate(4)


# Gradients ----------------------------------------------------------------------------------------


def loss(prediction, y):
    return ((prediction - y) ** 2).sum() / 2


def test_gradients_of_a_linear_model_equal_finite_differences(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, X[:, 0] * y])
    for target in (y, Y):
        model = Ridge().fit(X, target)
        a, h, bias = gradient_factors(model, X, target)
        assert bias
        table = explicit(a, h)
        coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        for row in (0, 7):
            numeric = []
            for output in range(len(coef)):
                for j in range(-1, X.shape[1]):
                    values = []
                    for step in (1e-4, -1e-4):
                        c, b = coef.copy(), intercept.copy()
                        if j < 0:
                            b[output] += step
                        else:
                            c[output, j] += step
                        values.append(loss(c @ X[row] + b, np.atleast_1d(target[row])))
                    numeric.append((values[0] - values[1]) / 2e-4)
            assert table[row] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_gradients_of_a_network_and_of_a_kernel_machine(diabetes):
    X, y = diabetes
    network = MLPRegressor(
        hidden_layer_sizes=(7,), max_iter=20, tol=1e9, n_iter_no_change=1, random_state=0
    ).fit(X, y)
    a, h, _ = gradient_factors(network, X, y)
    assert h.shape == (150, 7)
    assert h @ network.coefs_[-1][:, 0] + network.intercepts_[-1] == pytest.approx(
        network.predict(X)
    )
    assert a[:, 0] == pytest.approx(network.predict(X) - y)
    machine = SVR(C=100).fit(X, y)
    a, h, _ = gradient_factors(machine, X, y)
    assert h @ machine.dual_coef_[0] + machine.intercept_ == pytest.approx(machine.predict(X))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(3 * X + 1, y)
    a, h, _ = gradient_factors(pipeline, 3 * X + 1, y)
    assert h == pytest.approx(StandardScaler().fit_transform(X))
    assert gradient_factors(machine, X, y, "logits")[1] is None


@pytest.mark.parametrize("stratify", [None, "quantile"])
def test_craig_covers_the_explicit_gradients(diabetes, stratify):
    X, y = diabetes
    sampler = CRAIG(Ridge(), 20, stratify=stratify).fit(X, y)
    gradients = explicit((sampler.estimator_.predict(X) - y)[:, None], X)
    cover = FacilityLocation(20, stratify=stratify).fit(gradients, y)
    assert np.array_equal(sampler.sample_indices_, cover.sample_indices_)
    assert np.array_equal(sampler.sample_weight_, cover.sample_weight_)
    distances = np.linalg.norm(
        gradients[:, None] - gradients[sampler.sample_indices_][None], axis=2
    )
    if stratify is None:
        assert sampler.loss_ == pytest.approx(distances.min(axis=1).sum())


def test_grad_match_solves_the_least_squares_problem_of_each_stratum(diabetes):
    X, y = diabetes
    sampler = GradMatch(Ridge(), 20).fit(X, y)
    strata = quantile_strata(y, np.ones(150), 5)
    gradients = explicit((sampler.estimator_.predict(X) - y)[:, None], X)
    raw, published = [], []
    for code in range(5):
        rows = np.flatnonzero(strata.codes == code)
        own = strata.codes[sampler.sample_indices_] == code
        picks = sampler.sample_indices_[own]
        weight, norm = nnls(gradients[picks].T, gradients[rows].sum(axis=0))
        assert norm == pytest.approx(sampler.residual_norms_[own][-1])
        raw += weight.tolist()
        published += sampler.sample_weight_[own].tolist()
    assert np.array(published) / sum(published) == pytest.approx(np.array(raw) / sum(raw))
    explicitly = GradMatch(Ridge(), 20, stratify="quantile").fit(X, y)
    assert np.array_equal(explicitly.sample_indices_, sampler.sample_indices_)


def test_grad_match_of_validation_samples(diabetes):
    X, y = diabetes
    X_val, y_val = load_diabetes(return_X_y=True)
    X_val, y_val = X_val[200:300] * 20, y_val[200:300]
    model = LinearRegression().fit(X, y)
    sampler = GradMatch(model, 6, stratify=None).fit(X, y, X_val=X_val, y_val=y_val)
    gradients = explicit((model.predict(X) - y)[:, None], X)
    target = explicit((model.predict(X_val) - y_val)[:, None], X_val).sum(axis=0) * 150 / 100
    _, norm = nnls(gradients[sampler.sample_indices_].T, target)
    assert norm == pytest.approx(sampler.residual_norms_[-1])
    by_stratum = GradMatch(model, 10).fit(X, y, X_val=X_val, y_val=y_val)
    assert list(by_stratum.sampling_strategy_.values()) == [2] * 5
    with pytest.raises(ValueError, match=r"no sample of the stratum \[\d+.*of this stratum"):
        GradMatch(model, 10).fit(X, y, X_val=X_val[:3], y_val=np.full(3, 1e6))
    with pytest.raises(ValueError, match=r"y_val has the shape \(100, 2\) and y \(150,\)"):
        GradMatch(model, 10).fit(X, y, X_val=X_val, y_val=np.column_stack([y_val, y_val]))


def test_no_total_gradient_to_match(diabetes):
    X, y = diabetes
    with pytest.raises(ValueError, match="sum to 0, so there is no total gradient"):
        GradMatch(LinearRegression(), 20, stratify=None).fit(X, y)


def test_sensitivities_of_a_regressor(diabetes):
    X, y = diabetes
    model = Ridge().fit(X, y)
    error = np.abs(model.predict(X) - y)
    expected = {
        "loss": error**2,
        "gradient": error * np.linalg.norm(np.column_stack([np.ones(150), X]), axis=1),
    }
    for name, values in expected.items():
        sampler = ImportanceSampling(20, sensitivity=name, estimator=Ridge(), random_state=0)
        sampler.fit(X, y)
        ratio = sampler.sensitivity_ / values
        assert ratio == pytest.approx(np.full(150, ratio[0]))
    Y = np.column_stack([y, -2 * y])
    sampler = ImportanceSampling(20, sensitivity="loss", estimator=model.fit(X, Y), random_state=0)
    ratio = sampler.fit(X, Y).sensitivity_ / ((model.predict(X) - Y) ** 2).sum(axis=1)
    assert ratio == pytest.approx(np.full(150, ratio[0]))


def test_importance_sampling_of_the_loss_is_unbiased(diabetes):
    """Where the sensitivity is the loss itself, each draw gives its sum exactly."""
    X, y = diabetes
    sampler = ImportanceSampling(
        20, sensitivity="loss", estimator=Ridge(), normalize=False, replace=True, random_state=0
    ).fit(X, y)
    squares = (sampler.estimator_.predict(X) - y) ** 2
    estimate = sampler.sample_weight_ @ squares[sampler.sample_indices_]
    assert estimate == pytest.approx(squares.sum())


def test_sample_weights_are_those_of_the_fit(diabetes):
    X, y = diabetes
    weight = np.tile([0.0, 1.0, 2.0], 50)
    sampler = CRAIG(Ridge(), 12).fit(X, y, weight)
    model = Ridge().fit(X[weight > 0], y[weight > 0], weight[weight > 0])
    assert sampler.estimator_.coef_ == pytest.approx(model.coef_)
    assert (weight[sampler.sample_indices_] > 0).all()
    assert sampler.sample_weight_.sum() == pytest.approx(150)
    fitted = CRAIG(model, 12).fit(X, y, weight)
    assert fitted.estimator_ is model
    assert np.array_equal(fitted.sample_indices_, sampler.sample_indices_)


@pytest.mark.parametrize("sampler", [CRAIG(Ridge(), 12), GradMatch(Ridge(), 12)])
def test_whole_numbers_are_values(sampler, diabetes):
    X, y = diabetes
    one, other = (clone(sampler).fit(X, target) for target in (y, y.astype(int)))
    assert np.array_equal(one.sample_indices_, other.sample_indices_)
    assert not hasattr(other, "classes_")


# Models and reports ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [
        CRAIG(Ridge(), 30),
        GradMatch(Ridge(), 30),
        ImportanceSampling(30, sensitivity="gradient", estimator=Ridge(), random_state=0),
        KCenterGreedy(30, stratify="quantile"),
        Coreset(30, stratify="quantile", random_state=0),
    ],
    ids=name_of,
)
def test_coreset_regressor(sampler, diabetes):
    X, y = diabetes
    model = CoresetRegressor(Ridge(), sampler).fit(X, y.astype(int))
    alone = clone(sampler).fit(X, y)
    assert np.array_equal(model.sampler_.sample_indices_, alone.sample_indices_)
    assert model.score(X, y) > 0


def test_report_of_a_regressor(diabetes):
    X, y = diabetes
    sampler = CRAIG(Ridge(), 12).fit(X, y.astype(int))
    report = CoresetReport(sampler, X, y.astype(int))
    gradients = explicit((sampler.estimator_.predict(X) - y)[:, None], X)
    expected = gradient_error(
        gradients, np.ones(150), sampler.sample_indices_, sampler.sample_weight_
    )
    assert report.gradient_error == pytest.approx(expected)
    assert report.class_proportions == {}
    assert np.isnan(CoresetReport(sampler, X).gradient_error)
    quantile = Uniform(12, stratify="quantile", random_state=0).fit(X, y.astype(int))
    assert CoresetReport(quantile, X, y.astype(int)).target_quantiles


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "y", "error", "message"),
    [
        (Margin(Ridge(), 12), 0, TypeError, "needs a classifier, but .* is a regressor"),
        (EL2N(SGDRegressor(), 12), 0, TypeError, "EL2N needs a classifier"),
        (DeepFool(Ridge(), 12), 0, TypeError, "ImportanceSampling with sensitivity='loss'"),
        (Margin(coreset_size=12), 0.5, ValueError, "Unknown label type: continuous"),
        (CRAIG(coreset_size=12), 0.5, ValueError, "or a regressor as estimator"),
        (Margin(coreset_size=12, stratify="quantile"), 0, ValueError, "Margin needs class labels"),
        (CRAIG(coreset_size=12, stratify="quantile"), 0, ValueError, "CRAIG needs class labels"),
        (CRAIG(Ridge(), 12, stratify="balanced"), 0, ValueError, "stratify='quantile' or None"),
        (CRAIG(Ridge(), 12), None, ValueError, "the target y is None"),
        (Uniform(12, stratify="quantile"), None, ValueError, "but y is None"),
        (Uniform(12, stratify="quantile"), "two", ValueError, r"the shape \(150, 2\)"),
        (Uniform(12, stratify="quantile"), "text", ValueError, "must hold numbers"),
        (Uniform(12, stratify="quantile"), "nan", ValueError, "NaN"),
        (Uniform({1: 3}, stratify="quantile"), 0, ValueError, "there are no classes"),
        (Uniform(200, stratify="quantile"), 0, ValueError, "larger than the number of samples"),
        (CRAIG(Ridge(), 12), "text", ValueError, "must hold numbers"),
        (Uniform(12), 0, ValueError, "or stratify='quantile' if y is continuous"),
    ],
)
def test_errors(sampler, y, error, message, diabetes):
    X, target = diabetes
    targets = {
        None: None,
        "two": np.column_stack([target, target]),
        "text": target.astype(str),
        "nan": np.where(target > 300, np.nan, target),
    }
    with pytest.raises(error, match=message):
        sampler.fit(X, targets[y] if y in targets else target + y)


def test_a_regressor_that_predicts_nonsense(diabetes):
    X, y = diabetes

    class Broken(Ridge):
        def predict(self, X):
            return super().predict(X) * np.nan

    with pytest.raises(ValueError, match="returned NaN or infinity, first for sample 0"):
        CRAIG(Broken(), 12).fit(X, y)

    class Short(Ridge):
        def predict(self, X):
            return super().predict(X)[:-1]

    with pytest.raises(ValueError, match=r"shape \(149,\)"):
        CRAIG(Short(), 12).fit(X, y)


def test_classification_is_as_before(blobs):
    X, y = blobs
    for sampler in (CRAIG(coreset_size=12), GradMatch(LogisticRegression(max_iter=1000), 12)):
        assert set(sampler.fit(X, y).classes_) == {0, 1, 2}
    assert CoresetClassifier(sampler=CRAIG(coreset_size=12)).fit(X, y).score(X, y) > 0.5
