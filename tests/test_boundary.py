"""DeepFool against closed forms, central differences, the paper's loop, and predictions."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.metrics.pairwise import linear_kernel
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from skcoreset import DeepFool
from skcoreset._models._input_gradients import DecisionFunction
from skcoreset._models._votes import vote_gaps


def mlp(activation, hidden=(7,)):
    return MLPClassifier(
        hidden, activation=activation, solver="lbfgs", max_iter=80, random_state=0, alpha=1.0
    )


LINEAR = [
    LogisticRegression(),
    LinearSVC(),
    SGDClassifier(random_state=0),
    RidgeClassifier(),
    LinearDiscriminantAnalysis(),
    Perceptron(),
    make_pipeline(StandardScaler(), PCA(4, whiten=True), LogisticRegression()),
]
ANALYTIC = [
    mlp("identity"),
    mlp("logistic"),
    mlp("tanh", (6, 5)),
    mlp("relu", (9, 8)),
    SVC(),
    SVC(kernel="poly", coef0=0.5),
    SVC(kernel="sigmoid", gamma=0.1, coef0=0.2),
    NuSVC(nu=0.4),
    make_pipeline(StandardScaler(), NuSVC(nu=0.4, kernel="poly", degree=2)),
    GaussianNB(),
    QuadraticDiscriminantAnalysis(reg_param=0.01),
]
STEPS = [
    [StandardScaler()],
    [MinMaxScaler((-1, 2))],
    [MaxAbsScaler()],
    [RobustScaler(), "passthrough"],
    [PCA(3)],
    [StandardScaler(), PCA(4, whiten=True)],
    [TruncatedSVD(3, random_state=0)],
    [SelectKBest(k=3), StandardScaler(with_std=False)],
    [make_pipeline(StandardScaler(), PCA(4)), FrozenEstimator(StandardScaler())],
]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n_classes, n=120, names=True, seed=0):
    X, y = make_classification(
        n, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=seed
    )
    return X * [1, 3, 0.2, 1, 1], np.array(list("dbca"))[y] if names else y


def fitted(model, n_classes, **kwargs):
    X, y = table(n_classes, **kwargs)
    model = clone(model)
    for step in getattr(model, "steps", []):
        if isinstance(step[1], FrozenEstimator):
            step[1].estimator.fit(PCA(4).fit_transform(X))
    return model.fit(X, y), X, y


def name(value):
    """Short and the same in every process: without the addresses of functions."""
    return "".join(re.sub(" at 0x[0-9a-f]+", "", repr(value)).split())[:80]


def values_of(model, X):
    """One decision value a class (or a pair), by the classifier's own public methods."""
    last = getattr(model, "steps", [("", model)])[-1][1]
    if isinstance(last, (SVC, NuSVC)):
        last.set_params(decision_function_shape="ovo")
    if hasattr(model, "decision_function"):
        values = model.decision_function(X)
        return np.column_stack([0 * values, values]) if values.ndim == 1 else values
    return model.predict_log_proba(X)


def against(row, C):
    """Value of class i against class j."""
    pairs = [(i, j) for i in range(C) for j in range(i + 1, C)]
    F = np.zeros((C, C))
    for value, (i, j) in zip(row, pairs, strict=True):
        F[i, j], F[j, i] = value, -value
    return F


def votes_gap(row, y, k, C):
    """The largest m: class k has m votes and class y has fewer (or as many, if k comes first)."""
    F = against(row, C)
    own = sorted((F[k, j] for j in range(C) if j != k), reverse=True)
    his = sorted((F[y, j] for j in range(C) if j != y), reverse=True)
    own, his = [np.inf, *own, -np.inf], [np.inf, *his, -np.inf]  # own[m]: the m-th largest
    draws = 1 if k < y else 0
    return max(min(own[m], -his[m + draws]) for m in range(C) if m + draws <= C)


def differences(function, X, h=1e-4):
    """(n, C, d) central differences, column by column, up to h^4."""
    return np.stack(
        [
            (8 * (function(X + e) - function(X - e)) - function(X + 2 * e) + function(X - 2 * e))
            / (12 * h)
            for e in np.eye(X.shape[1]) * h
        ],
        axis=2,
    )


# input gradients -------------------------------------------------------------------------------


def check_gradients(model, X, n_classes, route, rng, h=1e-4):
    points = X[:40] + 0.3 * X.std(axis=0) * rng.standard_normal((40, X.shape[1]))
    decisions = DecisionFunction(model, X)
    assert decisions.route == route
    point = decisions.at(points)
    start = point.codes()
    np.testing.assert_array_equal(model.classes_[start], model.predict(points))

    def gaps(Z):
        if len(values_of(model, Z[:1])[0]) > n_classes:
            return gaps_of_pairs(values_of(model, Z), start, n_classes)
        values = values_of(model, Z)
        return values - values[np.arange(len(Z)), start][:, None]

    others = np.arange(n_classes) != start[:, None]
    ours, theirs = point.gaps(start)[others], gaps(points)[others]
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    expected, finer = (differences(gaps, points, step)[others] for step in (h, h / 3))
    # Values that are known up to their rounding give differences up to 18 / 12 of it by the step.
    # That is 1e-10 for NuSVC with "poly", whose coefficients add up to 3e5 and cancel.
    noise = 1.5 * np.abs(ours - theirs).max() / h
    assert noise < 1e-6 * (1 + np.abs(expected).max())
    near = 1e-6 + 4 * noise  # a third of the step has three times the noise
    smooth = np.isclose(expected, finer, rtol=1e-6, atol=near).all(axis=1)  # no kink near
    assert smooth.mean() > 0.8
    found = point.slopes(start)[others]
    np.testing.assert_allclose(found[smooth], expected[smooth], rtol=1e-6, atol=1e-6 + 2 * noise)


def gaps_of_pairs(values, start, C):
    gaps = np.zeros((len(values), C))
    for i, (row, y) in enumerate(zip(values, start, strict=True)):
        for k in set(range(C)) - {y}:
            gaps[i, k] = votes_gap(row, y, k, C)
    return gaps


@quiet
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("model", LINEAR, ids=name)
def test_linear_gradients(model, n_classes, rng):
    model, X, _ = fitted(model, n_classes)
    check_gradients(model, X, n_classes, "linear", rng)


@quiet
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("model", ANALYTIC, ids=name)
def test_analytic_gradients(model, n_classes, rng):
    model, X, _ = fitted(model, n_classes)
    check_gradients(model, X, n_classes, "analytic", rng)


def test_linear_kernels(rng):
    for Model in (SVC, NuSVC):
        model = make_pipeline(StandardScaler(), Model(kernel="linear"))
        model, X, _ = fitted(model, 2)
        check_gradients(model, X, 2, "linear", rng, h=0.005)
        model, X, _ = fitted(model, 4)
        check_gradients(model, X, 4, "analytic", rng, h=0.005)


def test_counts_are_linear(rng):
    X = rng.poisson(2.0, size=(200, 6)).astype(float)
    y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 3)
    for Model in (MultinomialNB, ComplementNB):
        check_gradients(Model().fit(X, y), X, 3, "linear", rng)


@pytest.mark.parametrize("steps", STEPS, ids=name)
def test_gradients_through_linear_steps(steps, rng):
    model, X, _ = fitted(make_pipeline(*steps, LogisticRegression()), 3)
    check_gradients(model, X, 3, "linear", rng)
    model, X, _ = fitted(make_pipeline(*steps, QuadraticDiscriminantAnalysis()), 3)
    check_gradients(model, X, 3, "analytic", rng)


@pytest.mark.parametrize(
    "model",
    [
        CalibratedClassifierCV(LinearSVC()),
        GaussianProcessClassifier(9.0 * RBF(2.0), optimizer=None),
        make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=3000)),
        make_pipeline(MinMaxScaler(clip=True), LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
        BaggingClassifier(LogisticRegression(), 3, random_state=0),
        StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    ],
    ids=name,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_by_differences(model, n_classes):
    model, X, _ = fitted(model, n_classes)
    decisions = DecisionFunction(model, X)
    assert decisions.route == "differences"
    points = X[:10]
    start = decisions.at(points).codes()
    expected = differences(lambda Z: np.maximum(decisions.at(Z).gaps(start), -1e6), points)
    found = decisions.at(points).slopes(start)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-6)


def test_votes_behind_a_step_that_is_not_linear():
    model, X, _ = fitted(make_pipeline(PolynomialFeatures(2), SVC()), 4)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    assert sampler.route_ == "differences"
    check_flips(sampler, X)


def test_differences_where_columns_are_narrow_and_far_from_0():
    X, y = table(2)
    X = X * 1e-3 + 1e4
    model = make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression()).fit(X, y)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    assert sampler.converged_.mean() > 0.9
    check_flips(sampler, X)


@pytest.mark.parametrize("C", [2, 3, 5])
def test_gap_of_votes(C, rng):
    """Positive for no class if and only if the class is the one with the most votes."""
    rows = rng.standard_normal((200, C * (C - 1) // 2))
    F = np.stack([against(row, C) for row in rows])
    predicted = (F > 0).sum(axis=2).argmax(axis=1)
    signed = np.where(np.eye(C, dtype=bool), -np.inf, F)
    for y in range(C):
        gaps, (winner, loser) = vote_gaps(signed, np.full(200, y))
        np.testing.assert_array_equal((gaps > 0).any(axis=1), predicted != y)
        others = [k for k in range(C) if k != y]
        expected = [[votes_gap(row, y, k, C) for k in others] for row in rows]
        np.testing.assert_allclose(gaps[:, others], expected)
        values = F[np.arange(200)[:, None], winner, loser]
        np.testing.assert_allclose(gaps[:, others], values[:, others])


# distances -------------------------------------------------------------------------------------


def check_flips(sampler, X):
    """The perturbed rows that converged are predicted differently; the norms are the distances."""
    found, model = sampler.converged_, sampler.estimator_
    r = sampler.perturbations_[found]
    assert found.any()
    beyond = 1.0 if sampler.route_ == "bisection" else 1 + sampler.overshoot
    assert (model.predict(X[found] + beyond * r) != model.predict(X[found])).all()
    np.testing.assert_allclose(sampler.distances_[found], np.linalg.norm(r, axis=1), rtol=1e-12)
    np.testing.assert_allclose(sampler.scores_[found], -sampler.distances_[found], rtol=1e-9)
    assert (sampler.scores_[~found] == -np.inf).all()
    assert np.isnan(sampler.perturbations_[~found]).all()


@pytest.mark.parametrize("model", [*LINEAR[:6], SVC(kernel="linear")], ids=name)
def test_two_classes_in_closed_form(model):
    model, X, _ = fitted(model, 2)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    expected = np.abs(model.decision_function(X)) / np.linalg.norm(model.coef_)
    np.testing.assert_allclose(sampler.distances_, expected, rtol=1e-10)
    assert sampler.n_predict_rows_ == 120
    assert sampler.converged_.all()
    check_flips(sampler, X)


@pytest.mark.parametrize("model", LINEAR[:6], ids=name)
def test_several_classes_in_closed_form(model):
    model, X, _ = fitted(model, 4)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    F, W = model.decision_function(X), model.coef_
    expected = []
    for row in F:
        y = row.argmax()
        others = [k for k in range(4) if k != y]
        expected.append(min((row[y] - row[k]) / np.linalg.norm(W[k] - W[y]) for k in others))
    np.testing.assert_allclose(sampler.distances_, expected, rtol=1e-10)
    check_flips(sampler, X)


def test_units_are_those_of_X():
    """A scaler in the Pipeline changes nothing in what a distance is."""
    model, X, _ = fitted(make_pipeline(StandardScaler(), LinearSVC()), 2)
    sampler = DeepFool(model, 20).fit(X)
    w = model[-1].coef_[0] / model[0].scale_
    expected = np.abs(model.decision_function(X)) / np.linalg.norm(w)
    np.testing.assert_allclose(sampler.distances_, expected, rtol=1e-10)


def one_row(model, x, overshoot=0.02, max_iter=50):
    """The loop of the paper, for one row, by the classifier's own values."""
    C = len(model.classes_)

    def f(x):
        return values_of(model, x[None])[0]

    def gradients(x):
        return differences(lambda Z: values_of(model, Z), x[None])[0]

    y, r, lengths = int(f(x).argmax()), np.zeros_like(x), []
    while len(lengths) < max_iter and f(x + (1 + overshoot) * r).argmax() == y:
        values, slopes = f(x + r), gradients(x + r)
        best = np.inf
        for k in range(C):
            if k == y:
                continue
            w, gap = slopes[k] - slopes[y], values[k] - values[y]
            distance = abs(gap) / np.linalg.norm(w)
            if distance < best:
                best, step = distance, abs(gap) / np.linalg.norm(w) ** 2 * w
        if best < overshoot * np.linalg.norm(r):  # it would only creep
            step = step / np.linalg.norm(step) * overshoot * np.linalg.norm(r)
        r = r + step
        lengths.append(np.linalg.norm(step))
    return r, lengths


def crossing(model, x, r, overshoot=0.02):
    """Share of the way from x to x + (1 + overshoot) r where the prediction first changes."""
    ends = (1 + overshoot) * np.arange(1, 2001) / 2000
    return ends[(model.predict(x + ends[:, None] * r) != model.predict(x[None])).argmax()]


@quiet
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "model", [mlp("tanh", (6, 5)), GaussianNB(), QuadraticDiscriminantAnalysis()], ids=name
)
def test_equals_the_loop_of_the_paper(model, n_classes):
    """And then each way is shortened to where the prediction changes on it."""
    model, X, _ = fitted(model, n_classes)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    shares = []
    for i in range(0, 120, 6):
        r, steps = one_row(model, X[i])
        assert sampler.n_iter_[i] == len(steps)
        share = crossing(model, X[i], r)
        found = sampler.perturbations_[i]
        got = np.linalg.norm(found) / np.linalg.norm(r)
        if not 0.82 < share * np.linalg.norm(r) / steps[0] < 1.22:
            assert got < 1.021 * share  # there another row may be the better guide
            continue
        np.testing.assert_allclose(found, got * r, rtol=1e-4, atol=1e-5)
        if share > 1 / 1.0199:  # it was right already
            assert got == pytest.approx(1, rel=1e-4)
        assert 1 / 1.021 < got / share < 1.021
        shares.append(got)
    assert len(shares) > 5
    assert min(shares) < 0.97
    check_flips(sampler, X)


@quiet
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("model", [*ANALYTIC, SVC(kernel="linear")], ids=name)
def test_the_label_flips(model, n_classes):
    model, X, _ = fitted(model, n_classes)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    assert sampler.converged_.all()
    check_flips(sampler, X)
    check_no_longer_than_needed(sampler, X)


def check_no_longer_than_needed(sampler, X):
    """On the way to x + r there are points, near to its end, that are predicted as x is."""
    model, r = sampler.estimator_, sampler.perturbations_
    before = model.predict(X)
    shares = np.linspace(1, 1 / (1 + sampler.overshoot), 30) * (1 - 1e-9)
    same = [model.predict(X + share * r) == before for share in shares]
    assert np.any(same, axis=0)[sampler.distances_ > 0].all()


# where the slope is no guide -------------------------------------------------------------------


def standardised(load, n=None):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X)[:n], y[:n]


def on_the_way_to_others(model, X, n_others=30, n_steps=8):
    """Distance at which the prediction changes on the way to the best of the nearest others."""
    labels, D = model.predict(X), np.linalg.norm(X[:, None] - X[None], axis=2)
    D[labels[:, None] == labels] = np.inf
    rows = np.repeat(np.arange(len(X)), n_others)
    others = np.argsort(D, axis=1)[:, :n_others].ravel()
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(n_steps):
        middle = (low + high) / 2
        points = X[rows] + middle[:, None] * (X[others] - X[rows])
        other = model.predict(points) != labels[rows]
        high, low = np.where(other, middle, high), np.where(other, low, middle)
    return (high * D[rows, others]).reshape(len(X), n_others).min(axis=1)


NO_GUIDE = [
    (SVC(), load_wine, None, "analytic"),
    (SVC(C=10, gamma=1.0), load_wine, None, "analytic"),
    (NuSVC(nu=0.1, gamma=1.0), load_breast_cancer, 150, "analytic"),
    (MLPClassifier((6,), random_state=0, max_iter=300), load_wine, None, "analytic"),
    (GaussianProcessClassifier(10 * RBF(1.0), optimizer=None), load_iris, 100, "differences"),
    (make_pipeline(PolynomialFeatures(2), SVC(C=10, gamma=0.5)), load_iris, None, "differences"),
]


@quiet
@pytest.mark.parametrize(("model", "load", "n", "route"), NO_GUIDE, ids=name)
def test_rows_where_the_slope_is_no_guide(model, load, n, route):
    """Flat far from the support vectors, dead units of a network: none comes last for that."""
    X, y = standardised(load, n)
    model = clone(model).fit(X, y)
    sampler = DeepFool(model, 20, stratify=None, store_perturbations=True).fit(X)
    assert sampler.route_ == route
    assert sampler.converged_.all()
    check_flips(sampler, X)
    check_no_longer_than_needed(sampler, X)
    known = np.minimum(on_the_way_to_others(model, X), sampler.distances_)
    assert np.quantile(sampler.distances_ / known, 0.75) < 1.1
    k = len(X) // 10
    nearest = np.argsort(known, kind="stable")[:k]
    found = np.isin(nearest, np.argsort(sampler.distances_, kind="stable")[:k])
    assert found.mean() > 0.75
    np.testing.assert_array_equal(sampler.score_samples(X), sampler.scores_)


def test_new_rows_where_the_slope_is_lost_head_for_those_of_fit():
    X, y = standardised(load_wine)
    sampler = DeepFool(SVC(C=10, gamma=1.0).fit(X, y), 20, stratify=None).fit(X[:100])
    alone = DeepFool(sampler.estimator_, 2, stratify=None).fit(X[100:105])
    scores = sampler.score_samples(X[100:105])
    assert np.isfinite(scores).all()
    assert (scores >= alone.scores_ - 1e-9).all()


def test_rows_of_weight_zero_are_not_headed_for_where_the_slope_is_lost():
    X, y = standardised(load_wine)
    model = SVC(C=10, gamma=1.0).fit(X, y)
    predicted = model.predict(X)
    weight = (predicted == 1).astype(float)
    sampler = DeepFool(model, 5, stratify=None).fit(X, sample_weight=weight)
    assert not sampler.converged_.all()
    assert DeepFool(model, 5, stratify=None).fit(X).converged_.all()


class Circle(ClassifierMixin, BaseEstimator):
    """Inside or outside of the unit circle, by a smooth decision function."""

    def fit(self, X, y=None):
        self.classes_ = np.array(["inside", "outside"])
        self.rows_ = 0
        return self

    def decision_function(self, X):
        self.rows_ += len(X)
        return (np.asarray(X) ** 2).sum(axis=1) - 1

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


@pytest.mark.parametrize("overshoot", [1e-6, 1e-4, 0.02])
def test_distance_to_a_circle(overshoot, rng):
    X = rng.uniform(-2, 2, size=(200, 2))
    circle = Circle().fit(X)
    sampler = DeepFool(circle, 20, overshoot=overshoot, store_perturbations=True).fit(X)
    assert sampler.route_ == "differences"
    assert sampler.n_predict_rows_ == circle.rows_
    true = np.abs(np.linalg.norm(X, axis=1) - 1)
    outside = np.linalg.norm(X, axis=1) > 1
    ratio = (true / sampler.distances_)[outside & sampler.converged_]
    assert len(ratio) > 100
    assert ratio.min() > 1 - 1e-6
    assert ratio.max() < 1 + overshoot + 1e-6
    # From inside the first step goes too far: found, but not by the shortest way.
    assert (sampler.distances_[~outside] >= true[~outside] / (1 + overshoot) * (1 - 1e-6)).all()


def test_bisection_of_one_threshold():
    X = np.linspace(-1, 1, 41)[:, None]
    tree = DecisionTreeClassifier(max_depth=1).fit(X, X[:, 0] > 0.3)
    sampler = DeepFool(tree, 5, store_perturbations=True).fit(X)
    assert sampler.route_ == "bisection"
    true = np.abs(X[:, 0] - tree.tree_.threshold[0])
    ratio = sampler.distances_ / true
    assert ratio.min() >= 1
    assert ratio.max() <= 1.02 * (1 + 1e-9)
    check_flips(sampler, X)


def test_bisection_never_says_farther_than_the_nearest_row_predicted_otherwise(rng):
    model, X, _ = fitted(RandomForestClassifier(10, random_state=0), 4)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    check_flips(sampler, X)
    D = np.linalg.norm(X[:, None] - X[None], axis=2)
    D[model.predict(X)[:, None] == model.predict(X)[None]] = np.inf
    assert (sampler.distances_ <= D.min(axis=1)).all()
    fewer = DeepFool(model, 20, n_neighbors=1).fit(X)
    assert (sampler.distances_ <= fewer.distances_ + 1e-12).all()
    assert (sampler.distances_ < fewer.distances_).any()


# routes ----------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize(
    ("model", "route"),
    [
        (FrozenEstimator(LogisticRegression()), "linear"),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), "linear"),
        (make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [1.0]}, cv=2)), "analytic"),
        (FrozenEstimator(make_pipeline(MinMaxScaler(), mlp("relu"))), "analytic"),
        (SVC(kernel=linear_kernel), "bisection"),
        (SVC(break_ties=True), "bisection"),
        (VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]), "bisection"),
        (
            VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
            "differences",
        ),
        (DecisionTreeClassifier(), "bisection"),
        (ExtraTreesClassifier(5), "bisection"),
        (GradientBoostingClassifier(n_estimators=3), "bisection"),
        (HistGradientBoostingClassifier(max_iter=3), "bisection"),
        (AdaBoostClassifier(n_estimators=3), "bisection"),
        (AdaBoostClassifier(LogisticRegression(), n_estimators=3), "bisection"),
        (BaggingClassifier(DecisionTreeClassifier(), 3), "bisection"),
        (KNeighborsClassifier(), "bisection"),
        (KNeighborsClassifier(weights="distance"), "bisection"),
        (make_pipeline(StandardScaler(), KNeighborsClassifier()), "bisection"),
        (make_pipeline(KBinsDiscretizer(3, encode="onehot-dense"), GaussianNB()), "bisection"),
        (FrozenEstimator(CalibratedClassifierCV(DecisionTreeClassifier())), "bisection"),
        (CalibratedClassifierCV(LinearSVC(), method="isotonic"), "bisection"),
        (
            StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())], cv=2),
            "bisection",
        ),
        (StackingClassifier([("a", GaussianNB())], cv=2), "differences"),
        (OneVsRestClassifier(DecisionTreeClassifier()), "bisection"),
        (OneVsOneClassifier(LogisticRegression()), "bisection"),
        (BernoulliNB(), "bisection"),
    ],
    ids=name,
)
@pytest.mark.filterwarnings("ignore:.*number of quantiles:UserWarning")
@pytest.mark.filterwarnings("ignore:.*quantile_method.*:FutureWarning")
def test_route(model, route):
    X, y = table(3)
    if isinstance(model, FrozenEstimator):
        model = FrozenEstimator(clone(model.estimator).fit(X, y))
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X, y)
    assert sampler.route_ == route
    check_flips(sampler, X)
    np.testing.assert_array_equal(sampler.score_samples(X), sampler.scores_)


def test_thresholds_are_not_where_probabilities_are_equal():
    X, y = table(2, names=False)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.9).fit(X, y)
    sampler = DeepFool(model, 20, store_perturbations=True).fit(X)
    assert sampler.route_ == "bisection"
    check_flips(sampler, X)


class Steps(Circle):
    """As Circle, but in steps: nothing says so but what it answers."""

    def decision_function(self, X):
        return np.floor(3 * super().decision_function(X)) + 0.5


class Contrary(Circle):
    """Its decision values are not what it predicts by."""

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > 0).astype(int)]


class LogisticSubclass(LogisticRegression):
    """What derives from a linear classifier need not be linear."""

    def decision_function(self, X):
        return np.sinh(super().decision_function(X) / 3)


def test_classifiers_that_nobody_knows(rng):
    X = rng.uniform(-2, 2, size=(100, 2))
    for model, route in (
        (Circle(), "differences"),
        (Steps(), "bisection"),
        (Contrary(), "bisection"),
    ):
        assert DeepFool(model.fit(X), 10).fit(X).route_ == route
    y = (X[:, 0] + 0.1 * rng.standard_normal(100) > 0).astype(int)
    plain, bent = LogisticRegression().fit(X, y), LogisticSubclass().fit(X, y)
    sampler = DeepFool(bent, 10, overshoot=1e-3).fit(X)
    assert sampler.route_ == "differences"
    expected = DeepFool(plain, 10).fit(X).distances_
    np.testing.assert_allclose(sampler.distances_, expected, rtol=2e-3)


# edge cases ------------------------------------------------------------------------------------


def test_classes_that_are_ranked_equal():
    """A class that can never draw ahead is no boundary; a row on a boundary has distance 0."""
    X = np.array([[2.0, 0], [1, 1], [-1, 0], [0, 5]])
    model = LogisticRegression().fit(np.eye(3), [0, 1, 2])
    model.coef_ = np.array([[1.0, 0], [1.0, 0], [-1.0, 0]])
    model.intercept_ = np.zeros(3)
    model.n_features_in_ = 2
    sampler = DeepFool(model, 2, stratify=None).fit(X)
    np.testing.assert_allclose(sampler.distances_, [2, 1, 1, 0])
    assert sampler.sample_indices_.tolist() == [3, 1]


def test_no_slope_at_all():
    """No NaN: rows that cannot converge come last, the lowest first."""
    X, y = table(2)
    model = LogisticRegression().fit(X, y)
    model.coef_ = np.zeros_like(model.coef_)
    sampler = DeepFool(model, 3, stratify=None, store_perturbations=True).fit(X)
    assert not sampler.converged_.any()
    assert (sampler.distances_ == np.inf).all()
    assert sampler.sample_indices_.tolist() == [0, 1, 2]
    flat = DeepFool(DecisionTreeClassifier().fit(X, y), 3, stratify=None)
    flat.fit(X[flat.estimator.predict(X) == "b"])  # no row is predicted differently
    assert not flat.converged_.any()
    assert flat.sample_indices_.tolist() == [0, 1, 2]


def test_far_from_all_support_vectors():
    model, X, _ = fitted(SVC(gamma=5.0), 2)
    far = np.vstack([X, X[:5] + 1e3])
    sampler = DeepFool(model, 10, stratify=None).fit(far)
    assert sampler.converged_.all()
    assert (sampler.distances_[-5:] > 1e3).all()  # on the way to other rows
    assert sampler.sample_indices_.max() < 120
    alone = DeepFool(model, 2, stratify=None).fit(far[-5:])  # no row is predicted differently
    assert not alone.converged_.any()
    assert not np.isnan(alone.scores_).any()


@quiet
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), SVC(), mlp("relu"), CalibratedClassifierCV(GaussianNB(), cv=2)]
    + [DecisionTreeClassifier(random_state=0)],
    ids=name,
)
def test_duplicates_and_constant_columns(model):
    X, y = table(3)
    X = np.column_stack([X, np.full(120, 7.0), np.zeros(120)])
    model = clone(model).fit(X, y)
    twice = np.vstack([X, X])
    sampler = DeepFool(model, 100, stratify=None).fit(twice)
    np.testing.assert_array_equal(sampler.scores_[:120], sampler.scores_[120:])
    order = sampler.sample_indices_
    assert (order[1::2] - order[::2] == 120).all()
    assert not np.isnan(sampler.distances_).any()


@quiet
@pytest.mark.parametrize(
    "model",
    [
        SVC(),
        mlp("tanh"),
        make_pipeline(PolynomialFeatures(2), GaussianNB()),
        KNeighborsClassifier(),
    ],
    ids=name,
)
def test_size_of_blocks_does_not_matter(model, monkeypatch):
    model, X, _ = fitted(model, 3)
    expected = DeepFool(model, 20).fit(X)
    monkeypatch.setattr("skcoreset._models._boundary_search.BLOCK_BYTES", 7000)
    with sklearn.config_context(working_memory=0.005):
        got = DeepFool(model, 20).fit(X)
    np.testing.assert_array_equal(got.scores_, expected.scores_)
    assert got.n_predict_rows_ == expected.n_predict_rows_


@pytest.mark.parametrize("model", [LogisticRegression(), SVC(), GaussianNB()], ids=name)
def test_float32(model):
    X, y = table(3)
    X = X.astype(np.float32)
    model = model.fit(X.astype(float), y)
    expected = DeepFool(model, 20).fit(X.astype(float)).distances_
    np.testing.assert_allclose(DeepFool(model, 20).fit(X).distances_, expected, rtol=1e-4)


def test_weight_zero_is_no_target():
    """A row that counts as absent is not what bisection heads for."""
    X = np.array([[0.0], [1.0], [3.0], [10.0]])
    tree = DecisionTreeClassifier().fit(X, [0, 1, 1, 1])
    everything = DeepFool(tree, 1, stratify=None).fit(X)
    assert everything.converged_.all()
    no_zero = DeepFool(tree, 1, stratify=None).fit(X, sample_weight=[0, 1, 1, 1])
    assert no_zero.converged_.tolist() == [True, False, False, False]


# tables ----------------------------------------------------------------------------------------


class NeverDense(sparse.csr_array):
    def toarray(self, *args, **kwargs):
        raise AssertionError("made dense")

    todense = toarray


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), make_pipeline(MaxAbsScaler(), LinearSVC()), MultinomialNB()],
    ids=name,
)
def test_sparse_rows_stay_sparse_on_the_linear_route(model, rng):
    X = rng.poisson(0.5, size=(100, 30)).astype(float)
    y = (X[:, 0] + X[:, 1] > X[:, 2] + X[:, 3]).astype(int)
    model = model.fit(X, y)
    expected = DeepFool(model, 20).fit(X, y).distances_
    np.testing.assert_allclose(DeepFool(model, 20).fit(NeverDense(X), y).distances_, expected)


@pytest.mark.parametrize(
    "model",
    [SVC(), SVC(kernel="poly"), KNeighborsClassifier(), GaussianProcessClassifier()],
    ids=name,
)
def test_sparse_rows_in_blocks(model, rng):
    X = rng.poisson(0.5, size=(80, 6)).astype(float)
    y = (X[:, 0] + X[:, 1] > X[:, 2] + X[:, 3]).astype(int)
    expected = DeepFool(model, 20).fit(X, y)
    got = DeepFool(expected.estimator_, 20).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(got.scores_, expected.scores_)
    if isinstance(model, SVC):
        fitted_sparse = DeepFool(model, 20).fit(sparse.csr_array(X), y)
        found = np.isfinite(expected.scores_)
        np.testing.assert_allclose(fitted_sparse.scores_[found], expected.scores_[found], rtol=1e-3)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize(
    "last", [LogisticRegression(), DecisionTreeClassifier(random_state=0)], ids=name
)
def test_steps_that_know_their_columns_by_name(kind, last):
    X, y = table(3)
    names = list("vwxyz")
    frame = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "pyarrow": lambda: pa.table(dict(zip(names, X.T, strict=True))),
    }[kind]()
    if kind != "pandas":
        model = make_pipeline(StandardScaler(), last)
        plain = make_pipeline(StandardScaler(), clone(last)).fit(X, y)
    else:
        model = make_pipeline(make_column_transformer((StandardScaler(), names)), last)
        plain = make_pipeline(
            make_column_transformer((StandardScaler(), list(range(5)))), clone(last)
        )
        plain.fit(X, y)
    sampler = DeepFool(model, 20).fit(frame, y)
    np.testing.assert_allclose(sampler.scores_, DeepFool(plain, 20).fit(X, y).scores_)
    np.testing.assert_array_equal(sampler.score_samples(frame), sampler.scores_)


@quiet
@pytest.mark.parametrize(
    "model", [LogisticRegression(), SVC(), mlp("relu"), KNeighborsClassifier()]
)
def test_unlabelled_pool(model):
    X, y = table(3)
    model = model.fit(X[:50], y[:50])
    X_query, nothing = DeepFool(model, 10).fit_resample(X[50:])
    assert nothing is None
    sampler = DeepFool(model, 10).fit(X[50:])
    scores = sampler.score_samples(X[50:])
    np.testing.assert_array_equal(X_query, X[50:][np.argsort(-scores, kind="stable")[:10]])
    assert sampler.score_samples(X[:3]).shape == (3,)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        DeepFool(clone(model), 10).fit(X)


# how often the classifier is asked -------------------------------------------------------------


class Counting(ClassifierMixin, BaseEstimator):
    """A tree that counts the rows it predicts."""

    def fit(self, X, y):
        self.tree_ = DecisionTreeClassifier(random_state=0).fit(X, y)
        self.classes_, self.rows_ = self.tree_.classes_, 0
        return self

    def predict(self, X):
        self.rows_ += len(X)
        return self.tree_.predict(X)


def test_rows_that_are_predicted_are_counted_and_limited():
    X, y = table(3)
    model = Counting().fit(X, y)
    free = DeepFool(model, 20).fit(X)
    assert free.n_predict_rows_ == model.rows_
    for budget in (500, 900, free.n_predict_rows_ - 1):
        model.rows_ = 0
        sampler = DeepFool(model, 20, max_predict_rows=budget, store_perturbations=True)
        with pytest.warns(UserWarning, match=f"max_predict_rows={budget} was exhausted"):
            sampler.fit(X)
        assert sampler.n_predict_rows_ == model.rows_ <= budget
        assert (sampler.distances_ >= free.distances_ - 1e-12).all()
        check_flips(sampler, X)
    enough = DeepFool(model, 20, max_predict_rows=free.n_predict_rows_).fit(X)
    np.testing.assert_array_equal(enough.scores_, free.scores_)


@pytest.mark.parametrize(
    "model", [SVC(), make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=3000))]
)
def test_steps_are_limited_by_the_rows_they_take(model):
    model, X, _ = fitted(model, 3)
    free = DeepFool(model, 20).fit(X)
    few = DeepFool(model, 20, max_predict_rows=120)
    with pytest.raises(ValueError, match="to take one step per sample") as error:
        few.fit(X)
    needed = int(re.search(r"(\d+) predictions", str(error.value))[1])
    few.set_params(max_predict_rows=needed)
    with pytest.warns(UserWarning, match=rf"max_predict_rows={needed} was exhausted") as warned:
        few.fit(X)
    assert few.n_predict_rows_ <= few.max_predict_rows
    assert few.n_iter_.max() == 1
    assert 0 < few.converged_.sum() < free.converged_.sum()
    lost = np.count_nonzero(~few.converged_)
    assert f"for 120 of 120 samples. {lost} of them" in str(warned[0].message)
    with pytest.warns(UserWarning, match="was exhausted"):
        few.score_samples(X)


@quiet
@pytest.mark.parametrize(
    "model",
    [SVC(gamma=2.0), mlp("relu"), make_pipeline(PolynomialFeatures(2), SVC(C=10, gamma=0.1))],
    ids=name,
)
def test_no_more_rows_are_predicted_than_allowed(model):
    """Whatever is cut short, it is said of how many rows, and what was found is still right."""
    model, X, _ = fitted(model, 3)
    free = DeepFool(model, 20).fit(X)
    least = 240 if free.route_ == "analytic" else 2500
    budgets = np.linspace(least, 1.2 * free.n_predict_rows_, 5).astype(int)
    for budget in [*budgets, free.n_predict_rows_ * 60]:
        sampler = DeepFool(model, 20, max_predict_rows=int(budget), store_perturbations=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            sampler.fit(X)
        assert sampler.n_predict_rows_ <= budget
        assert len(caught) <= 1
        check_flips(sampler, X)
        if not caught:
            np.testing.assert_array_equal(sampler.scores_, free.scores_)
        if budget == budgets[2]:
            with (
                sklearn.config_context(working_memory=0.01),
                pytest.warns(UserWarning, match="was exhausted"),
            ):
                again = clone(sampler).set_params(estimator=model).fit(X)
            near = sampler.distances_ < 10  # long steps magnify rounding
            assert near.sum() > 20
            np.testing.assert_allclose(again.scores_[near], sampler.scores_[near], rtol=1e-4)
            assert again.n_predict_rows_ == sampler.n_predict_rows_
    assert not caught


@pytest.mark.parametrize(
    ("model", "budget", "needed"),
    [
        (LogisticRegression(), 119, 120),
        (SVC(), 230, 240),
        (KNeighborsClassifier(), 100, 120),
        (KNeighborsClassifier(), 239, 240),
    ],
)
def test_too_few_rows_are_an_error(model, budget, needed):
    model, X, _ = fitted(model, 3)
    with pytest.raises(
        ValueError, match=rf"max_predict_rows={budget} is too small.* {needed} predictions"
    ):
        DeepFool(model, 20, max_predict_rows=budget).fit(X)
    assert DeepFool(model, 20, max_predict_rows=None).fit(X).n_predict_rows_ >= needed


# errors ----------------------------------------------------------------------------------------


def test_errors():
    X, y = table(2)
    for model in (SVC(kernel="precomputed"), KNeighborsClassifier(metric="precomputed")):
        with pytest.raises(ValueError, match=r"matrix of shape \(n_samples, n_samples\)"):
            DeepFool(model, 20).fit(X @ X.T, y)
    broken = X.copy()
    broken[3, 3] = np.nan
    for model in (LogisticRegression(), HistGradientBoostingClassifier(), SVC()):
        with pytest.raises(ValueError, match="NaN"):
            DeepFool(model, 20).fit(broken, y)
    with pytest.raises(ValueError, match="could not convert"):
        DeepFool(DecisionTreeClassifier(), 20).fit(X.astype(str).astype(object) + "a", y)
    with pytest.raises(ValueError, match="X has 3 features"):
        DeepFool(LogisticRegression().fit(X, y), 20).fit(X[:, :3])
    with pytest.raises(ValueError, match="overshoot"):
        DeepFool(overshoot=0.0).fit(X, y)
