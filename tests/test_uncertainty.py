"""LeastConfidence, Entropy and Margin against the definitions, and what they ask of classifiers."""

import copy

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC

from skcoreset import Entropy, LeastConfidence, Margin, _models

METHODS = [
    (LeastConfidence, oracles.least_confidence),
    (Entropy, oracles.entropy),
    (Margin, oracles.margin),
]
methods = pytest.mark.parametrize(("Method", "oracle"), METHODS)


class Told(ClassifierMixin, BaseEstimator):
    """A fitted classifier that says what it was told."""

    def __init__(self, proba=None):
        self.proba = proba

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return np.arange(np.shape(self.proba)[1])

    def predict_proba(self, X):
        return np.asarray(self.proba, dtype=float)[np.asarray(X)[:, 0].astype(int)]


def told(proba):
    return Told(proba), np.arange(len(proba))[:, None]


@methods
def test_equals_the_definition(Method, oracle, rng):
    proba = rng.dirichlet([0.3] * 4, size=200)
    classifier, X = told(proba)
    sampler = Method(classifier, 50, stratify=None).fit(X)
    np.testing.assert_allclose(sampler.scores_, oracle(proba), atol=1e-12)
    np.testing.assert_array_equal(sampler.sample_indices_, oracles.top_k(sampler.scores_, 50))
    np.testing.assert_array_equal(sampler.score_samples(X), sampler.scores_)


def test_by_hand():
    classifier, X = told([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.4, 0.4, 0.2]])
    least, entropy, margin = (
        m(classifier, 3, stratify=None).fit(X).scores_ for m in (LeastConfidence, Entropy, Margin)
    )
    np.testing.assert_allclose(least, [0.5, 0, 0.6])
    np.testing.assert_allclose(
        entropy, [0.5 * np.log(2) - 0.3 * np.log(0.3) - 0.2 * np.log(0.2), 0, 1.0549201679861442]
    )
    np.testing.assert_allclose(margin, [-0.2, -1, 0])


@pytest.mark.parametrize("stratify", [None, "proportional", "balanced"])
@methods
def test_the_least_sure_come_first(Method, oracle, stratify):
    """DeepCore sorts the wrong way round unless its picks are balanced."""
    p = np.linspace(0.5, 0.99, 40)
    classifier, X = told(np.column_stack([p, 1 - p]))
    y = np.arange(40) % 2
    sampler = Method(classifier, 10, stratify=stratify).fit(X, y)
    assert sorted(sampler.sample_indices_) == list(range(10))


def test_rankings_coincide_for_two_classes(rng):
    p = rng.uniform(0.01, 0.99, 300)
    classifier, X = told(np.column_stack([p, 1 - p]))
    orders = [m(classifier, 300, stratify=None).fit(X).sample_indices_ for m, _ in METHODS]
    np.testing.assert_array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[0], orders[2])


@methods
def test_order_of_the_classes_does_not_matter(Method, oracle, rng):
    proba = rng.dirichlet(np.ones(5), size=100)
    shuffled = proba[:, rng.permutation(5)]
    picks = [Method(told(p)[0], 30, stratify=None).fit(told(p)[1]) for p in (proba, shuffled)]
    np.testing.assert_array_equal(picks[0].sample_indices_, picks[1].sample_indices_)


@methods
def test_ties_go_to_the_lowest_row(Method, oracle):
    classifier, X = told([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.5, 0.5]])
    sampler = Method(classifier, 3, stratify=None).fit(X)
    assert sampler.sample_indices_.tolist() == [4, 1, 2]


def test_the_almost_sure_are_told_apart():
    tiny = np.array([1e-20, 1e-18, 1e-19])
    classifier, X = told(np.column_stack([1 - tiny, tiny]))
    for Method in (LeastConfidence, Entropy):
        assert Method(classifier, 3, stratify=None).fit(X).sample_indices_.tolist() == [1, 2, 0]


# what they ask of a classifier ---------------------------------------------------------------


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(max_iter=1000),
        GaussianNB(),
        KNeighborsClassifier(),
        RandomForestClassifier(10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda c: type(c).__name__,
)
@methods
def test_any_classifier_with_probabilities(Method, oracle, classifier, blobs):
    X, y = blobs
    fitted = classifier.fit(X, y)
    sampler = Method(fitted, 30).fit(X, y)
    assert sampler.estimator_ is fitted
    np.testing.assert_allclose(sampler.scores_, oracle(fitted.predict_proba(X)), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("classifier", [LinearSVC(), RidgeClassifier()], ids=repr)
def test_margin_by_decision_values(classifier, n_classes, blobs):
    X, y = blobs
    X, y = X[y < n_classes], y[y < n_classes]
    fitted = classifier.fit(X, y)
    values = fitted.decision_function(X)
    expected = -np.abs(values) if n_classes == 2 else oracles.margin(values)
    np.testing.assert_allclose(Margin(fitted, 30).fit(X, y).scores_, expected)


PAIRS = [SVC(), SVC(kernel="linear"), NuSVC(nu=0.2), OneVsOneClassifier(LinearSVC(random_state=0))]


def digits(n):
    X, y = load_digits(return_X_y=True)
    return X[:n] / 16, y[:n]


def values_of_pairs(model, X):
    if hasattr(model, "estimators_"):
        return -np.column_stack([one.decision_function(X) for one in model.estimators_])
    return copy.copy(model).set_params(decision_function_shape="ovo").decision_function(X)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("model", PAIRS, ids=repr)
def test_margin_by_pairs(model, n_classes):
    X, y = digits(300)
    X, y = X[y < n_classes], y[y < n_classes]
    model = clone(model).fit(X[:100], y[:100])
    scores = Margin(model, 30).fit(X).scores_
    values = model.decision_function(X)
    if n_classes > 2:
        values = values_of_pairs(model, X)
        expected = oracles.margin_by_pairs(values, n_classes)
    else:
        expected = -np.abs(values)
    np.testing.assert_allclose(scores, expected, rtol=1e-7)
    assert scores.max() <= 0


@pytest.mark.parametrize("model", PAIRS, ids=repr)
def test_margin_by_pairs_finds_the_errors(model):
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    known, pool = order[:200], order[200:]
    model = clone(model).fit(X[known] / 16, y[known])
    wrong = model.predict(X[pool] / 16) != y[pool]
    scores = Margin(model, 30).fit(X[pool] / 16).scores_
    by_votes = oracles.margin(model.decision_function(X[pool] / 16))
    assert roc_auc_score(wrong, by_votes) < 0.85
    assert roc_auc_score(wrong, scores) > 0.88


@pytest.mark.parametrize("model", PAIRS, ids=repr)
def test_margin_by_pairs_wherever_the_classifier_is(model):
    """The shape of its decision function, what is around it, and how ties are broken: no matter."""
    X, y = digits(300)
    expected = Margin(clone(model).fit(X, y), 30).fit(X).scores_
    insides = [make_pipeline("passthrough", clone(model)), GridSearchCV(clone(model), {}, cv=2)]
    if isinstance(model, SVC):
        insides += [clone(model).set_params(break_ties=True)]
    if not isinstance(model, OneVsOneClassifier):
        insides += [clone(model).set_params(decision_function_shape="ovo")]
        insides += [make_pipeline("passthrough", clone(insides[-1]))]
    insides += [GridSearchCV(clone(one), {}, cv=2) for one in insides]
    for inside in insides:
        sampler = Margin(inside, 30).fit(X, y)
        np.testing.assert_array_equal(sampler.scores_, expected)
        other = sampler.score_samples(X[::-1])
        np.testing.assert_allclose(other, expected[::-1], rtol=1e-12)
        frozen = FrozenEstimator(sampler.estimator_)
        np.testing.assert_array_equal(Margin(frozen, 30).fit(X).scores_, expected)
    with sklearn.config_context(working_memory=0.01):
        np.testing.assert_array_equal(Margin(clone(model), 30).fit(X, y).scores_, expected)


@pytest.mark.parametrize("model", [PAIRS[0], PAIRS[3], make_pipeline("passthrough", PAIRS[0])])
def test_margin_by_pairs_out_of_fold(model):
    X, y = digits(300)
    weight = None if isinstance(model, OneVsOneClassifier) else 0.5 + np.arange(300) % 3
    folds = list(StratifiedKFold(3).split(X, y))
    sampler = Margin(model, 30, cv=folds).fit(X, y, sample_weight=weight)
    for train, test in folds:
        some = None if weight is None else weight[train]
        one = _models.fit_with_weight(clone(model), X[train], y[train], some)
        expected = Margin(one, 5).fit(X[test]).scores_
        np.testing.assert_allclose(sampler.scores_[test], expected, atol=1e-12)


def test_asking_changes_no_classifier(blobs):
    X, y = blobs
    fitted = SVC(decision_function_shape="ovo").fit(X, y)
    Margin(fitted, 30).fit(X, y)
    assert fitted.decision_function_shape == "ovo"
    unfitted = LogisticRegression(max_iter=1000)
    Margin(unfitted, 30).fit(X, y)
    assert not hasattr(unfitted, "coef_")


@pytest.mark.parametrize("Method", [LeastConfidence, Entropy])
def test_probabilities_are_never_made_up(Method, blobs):
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        Method(LinearSVC(), 30).fit(*blobs)


@methods
def test_neither_probabilities_nor_decision_values(Method, oracle, blobs):
    class Silent(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

    with pytest.raises(TypeError, match="requires a classifier with predict_proba"):
        Method(Silent(), 30).fit(*blobs)


def test_frozen_is_used_as_it_is(blobs):
    X, y = blobs
    fitted = LogisticRegression(max_iter=1000).fit(X[:100], y[:100])
    sampler = Margin(FrozenEstimator(fitted), 30).fit(X, y)
    np.testing.assert_array_equal(sampler.scores_, Margin(fitted, 30).fit(X, y).scores_)
    with pytest.raises(ValueError, match="already fitted"):
        Margin(FrozenEstimator(fitted), 30, cv=3).fit(X, y)


def test_unfitted_is_cloned_and_fitted(blobs):
    X, y = blobs
    w = np.linspace(1, 2, len(y))
    sampler = Margin(LogisticRegression(C=0.1, max_iter=1000), 30).fit(X, y, sample_weight=w)
    alone = LogisticRegression(C=0.1, max_iter=1000).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(sampler.estimator_.coef_, alone.coef_)
    pipe = Margin(make_pipeline(StandardScaler(), LogisticRegression()), 30)
    pipe.fit(X, y, sample_weight=w)
    alone = make_pipeline(StandardScaler(), LogisticRegression())
    alone.fit(X, y, logisticregression__sample_weight=w)
    np.testing.assert_allclose(pipe.estimator_[-1].coef_, alone[-1].coef_)


@pytest.mark.parametrize("cv", [3, StratifiedKFold(4)])
@methods
def test_out_of_fold(Method, oracle, cv, blobs):
    X, y = blobs
    forest = RandomForestClassifier(10, random_state=0)
    sampler = Method(forest, 30, cv=cv).fit(X, y)
    proba = cross_val_predict(forest, X, y, cv=cv, method="predict_proba")
    np.testing.assert_allclose(sampler.scores_, oracle(proba), atol=1e-12)
    inside = Method(forest, 30).fit(X, y)
    assert not np.allclose(inside.scores_, sampler.scores_)


def test_unlabelled_pool(blobs):
    X, y = blobs
    fitted = LogisticRegression(max_iter=1000).fit(X[:50], y[:50])
    pool = X[50:]
    X_query, nothing = Margin(fitted, 10).fit_resample(pool)
    assert nothing is None
    scores = Margin(fitted, 10).fit(pool).score_samples(pool)
    np.testing.assert_array_equal(X_query, pool[np.argsort(-scores, kind="stable")[:10]])
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        Margin(LogisticRegression(), 10).fit(pool)


def test_data_frames_reach_a_pipeline_that_knows_their_columns(blobs):
    X, y = blobs
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    frame["colour"] = np.array(["red", "green", "blue"])[y]
    frame.loc[0, "a"] = np.nan
    columns = make_column_transformer(
        (OneHotEncoder(), ["colour"]), remainder="passthrough", verbose_feature_names_out=False
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=5))
    small, _ = Margin(model, 30).fit_resample(frame, y)
    assert small.columns.tolist() == frame.columns.tolist()
    assert len(small) == 30


@pytest.mark.parametrize(
    ("sampler", "X", "y", "message"),
    [
        ("fitted", slice(None), "five", r"labels that the classifier was not fitted with: \[5\]"),
        ("unfitted", slice(None), "one", "one class"),
        ("unfitted", slice(None), "continuous", "Unknown label type: continuous"),
    ],
)
def test_errors_about_labels(sampler, X, y, message, blobs):
    X, labels = blobs
    classifier = LogisticRegression(max_iter=1000)
    classifier = classifier.fit(X, labels) if sampler == "fitted" else classifier
    targets = {
        "five": np.where(labels == 0, 5, labels),
        "one": np.zeros(300, int),
        "continuous": labels + 0.5 * X[:, 0],
    }
    with pytest.raises(ValueError, match=message):
        Margin(classifier, 30).fit(X, targets[y])


def test_errors_about_the_classifier(blobs):
    X, y = blobs
    fitted = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features"):
        Margin(fitted, 30).fit(X[:, :3], y)
    with pytest.raises(ValueError, match="cv=3 fits clones"):
        Margin(fitted, 30, cv=3).fit(X, y)
    with pytest.raises(ValueError, match="takes no sample_weight in fit"):
        Margin(KNeighborsClassifier(), 30).fit(X, y, sample_weight=np.ones(300))
    with pytest.raises(ValueError, match="estimator"):
        Margin("svm", 30).fit(X, y)
    broken, rows = told([[np.nan, 1.0], [0.5, 0.5]])
    with pytest.raises(ValueError, match="NaN or infinite"):
        Margin(broken, 1).fit(rows)
    alone = GaussianNB().fit(X[y == 0], y[y == 0])
    with pytest.raises(ValueError, match="fitted with one class"):
        Margin(alone, 3).fit(X[y == 0], y[y == 0])


def test_rows_that_no_class_wants():
    """One-versus-rest probabilities may be 0 for all classes; then all are equally likely."""
    X, y = load_wine(return_X_y=True)
    model = SGDClassifier(loss="log_loss", random_state=0)
    out_of_fold = LeastConfidence(model, coreset_size=20, cv=3).fit(X, y)
    model.fit(X, y)
    model.intercept_ -= 1e9
    fitted = LeastConfidence(model, coreset_size=20).fit(X)
    assert out_of_fold.scores_.max() == pytest.approx(2 / 3)
    np.testing.assert_allclose(fitted.scores_, 2 / 3)


@pytest.mark.parametrize("method", [LeastConfidence, Entropy, Margin])
def test_folds_do_not_contain_samples_of_weight_0(method, blobs, rng):
    """Also folds that are given by the indices of the samples."""
    X, y = blobs
    weight = (rng.random(300) < 0.4).astype(float)
    rows = np.flatnonzero(weight)
    fold = rng.integers(0, 3, 300)
    splits = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(3)]
    inside = [tuple(np.flatnonzero(np.isin(rows, part)) for part in split) for split in splits]
    for cv, cv_of_rows in (
        (3, 3),
        (KFold(3, shuffle=True, random_state=0), KFold(3, shuffle=True, random_state=0)),
        (splits, inside),
        (PredefinedSplit(fold), PredefinedSplit(fold[rows])),
    ):
        here = method(None, 20, cv=cv).fit(X, y, weight)
        there = method(None, 20, cv=cv_of_rows).fit(X[rows], y[rows], weight[rows])
        np.testing.assert_array_equal(here.sample_indices_, rows[there.sample_indices_])
        np.testing.assert_array_equal(here.scores_[rows], there.scores_)
        assert np.isnan(np.delete(here.scores_, rows)).all()
