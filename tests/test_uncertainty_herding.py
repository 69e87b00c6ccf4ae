"""UncertaintyHerding against the formula, a case by hand, and FacilityLocation."""

import numpy as np
import oracles
import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skcoreset import FacilityLocation, UncertaintyHerding

OF = {
    "margin": lambda p: 1 + oracles.margin(p),
    "entropy": oracles.entropy,
    "least_confidence": oracles.least_confidence,
}


@pytest.fixture
def labeled(rng):
    """X, the indices of labeled samples, and a classifier that is fitted on these."""
    X, y = make_blobs(90, 3, centers=4, cluster_std=4.0, random_state=0)
    at = np.array([y.argmin(), y.argmax(), *np.flatnonzero((y == 1) | (y == 2))[:5]])
    return X, at, LogisticRegression(C=0.1).fit(X[at], y[at])


def similarity(X, metric):
    D = oracles.distances(X)
    return np.exp(-0.05 * D**2) if metric == "rbf" else D.max() - D


@pytest.mark.parametrize("metric", ["euclidean", "rbf"])
@pytest.mark.parametrize("uncertainty", OF)
def test_equals_the_loop(uncertainty, metric, labeled, rng):
    X, at, classifier = labeled
    u, gamma = OF[uncertainty](classifier.predict_proba(X)), 0.05 if metric == "rbf" else None
    sampler = UncertaintyHerding(
        classifier, 20, uncertainty=uncertainty, metric=metric, gamma=gamma, init=at
    )
    for weight in (None, rng.integers(1, 5, len(X)).astype(float)):
        S = similarity(X, metric)
        picks, gains = oracles.uncertainty_herding(S, 20, u, weight, at)
        sampler.fit(X, sample_weight=weight)
        np.testing.assert_array_equal(sampler.sample_indices_, picks)
        np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(sampler.uncertainties_, u, atol=1e-12)
        # The weights are those of the samples, not of the uncertainties.
        np.testing.assert_allclose(sampler.sample_weight_, oracles.cells(S, picks, weight))


def test_without_init_and_within_classes(labeled, rng):
    X, _, classifier = labeled
    y = np.repeat([0, 1], 45)
    u = OF["margin"](classifier.predict_proba(X))
    sampler = UncertaintyHerding(classifier, {0: 6, 1: 9}).fit(X, y)
    for label, size in ((0, 6), (1, 9)):
        rows = np.flatnonzero(y == label)
        S = similarity(X[rows], "euclidean")
        picks, _ = oracles.uncertainty_herding(S, size, u[rows])
        selected = sampler.sample_indices_[y[sampler.sample_indices_] == label]
        np.testing.assert_array_equal(selected, rows[picks])


def test_by_hand():
    # Samples on a line, the one at 0 is labeled. The similarity is 10 - |x - z|. The sample at 6
    # gains 6 for itself and 0.1 (10 - 4) for the one at 10. This one gains 0.1 * 10 for itself and
    # 6 - 4 for the one at 6. The predictions for the samples at 1 to 3 are certain.
    X = np.array([[0.0], [1.0], [2.0], [3.0], [6.0], [10.0]])
    u = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.1])
    y = [0, 0, 0, 1, 1, 1]
    sampler = UncertaintyHerding(
        LogisticRegression().fit(X, y), 3, uncertainty=lambda p: u, init=[0]
    ).fit(X)
    np.testing.assert_array_equal(sampler.sample_indices_, [0, 4, 5])
    # 1 * 10 + 1 * (10 - 6) + 0.1 * 0 for the labeled sample; 0.1 * 4 is left for the one at 10.
    np.testing.assert_allclose(sampler.gains_, [14.0, 6.6, 0.4])
    np.testing.assert_array_equal(sampler.sample_weight_, [4, 1, 1])


@pytest.mark.parametrize("params", [{}, {"metric": "rbf"}, {"n_neighbors": 7}, {"init": [5, 2]}])
def test_equal_uncertainties_are_facility_location(params, labeled, rng):
    X, _, classifier = labeled
    y, weight = np.arange(90) % 2, rng.integers(0, 3, 90) + np.isin(np.arange(90), [5, 2])
    expected = FacilityLocation(30, **params).fit(X, y, weight)
    classifier = LogisticRegression().fit(X, y)
    got = UncertaintyHerding(
        classifier, 30, uncertainty=lambda p: np.full(len(p), 1e-30), **params
    ).fit(X, y, weight)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(got.sample_weight_, expected.sample_weight_)
    np.testing.assert_allclose(got.gains_ * 1e30, expected.gains_, atol=1e-9)


def test_uncertainties_of_sure_predictions():
    """They are not rounded to 0, as 1 - (p1 - p2) would be."""
    X, y = load_iris(return_X_y=True)
    classifier = LogisticRegression(C=1e6, max_iter=10000).fit(X, y)
    proba = classifier.predict_proba(X)
    assert (proba.max(axis=1) == 1).any()
    for uncertainty in OF:
        sampler = UncertaintyHerding(classifier, 5, uncertainty=uncertainty).fit(X, y)
        assert (sampler.uncertainties_ > 0).all()


def test_out_of_fold(labeled):
    X, y = load_iris(return_X_y=True)
    folds = StratifiedKFold(3)
    model = LogisticRegression(max_iter=1000)
    proba = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
    sampler = UncertaintyHerding(model, 9, cv=folds).fit(X, y)
    np.testing.assert_allclose(sampler.uncertainties_, 1 + oracles.margin(proba), atol=1e-9)


def test_the_classifier_gets_the_dataframe():
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    sampler = UncertaintyHerding(pipe, 9).fit(X)  # a warning about feature names is an error
    expected = FacilityLocation(9).fit(X, sample_weight=sampler.uncertainties_)
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    with pytest.raises(ValueError, match="could not convert string to float"):
        UncertaintyHerding(pipe, 9).fit(pd.DataFrame({"a": ["b", "c"] * 10}), [0, 1] * 10)


def test_prefix(labeled):
    X, at, classifier = labeled
    large = UncertaintyHerding(classifier, 30, init=at).fit(X)
    small = UncertaintyHerding(classifier, 12, init=at).fit(X)
    np.testing.assert_array_equal(large.sample_indices_[:12], small.sample_indices_)
    np.testing.assert_allclose(large.truncate(12).sample_weight_, small.sample_weight_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gamma": 0.5}, "gamma=0.5 requires metric='rbf'"),
        ({"metric": "precomputed"}, "'metric' parameter of UncertaintyHerding"),
        ({"uncertainty": "doubt"}, "'uncertainty' parameter of UncertaintyHerding"),
        ({"uncertainty": lambda p: p}, r"returned an array of shape \(90, 4\)"),
        ({"uncertainty": lambda p: p[:, 0] - 2}, "returned -.* for sample 0"),
        ({"uncertainty": lambda p: p[:, 0] * np.nan}, "returned nan for sample 0"),
        ({"uncertainty": lambda p: p[:, 0] * 0}, "The uncertainties of all samples are 0"),
        ({"init": [0, 0]}, "same sample index twice"),
        ({"init": np.arange(11)}, "init has 11 samples, but only 10"),
    ],
)
def test_errors(params, message, labeled):
    X, _, classifier = labeled
    with pytest.raises(ValueError, match=message):
        UncertaintyHerding(classifier, 10, **params).fit(X)


def test_classifiers_without_uncertainty(labeled):
    X, _, _ = labeled
    y = np.arange(90) % 3
    with pytest.raises(ValueError, match="The uncertainties of all samples are 0"):
        UncertaintyHerding(DecisionTreeClassifier(), 10).fit(X, y)
    with pytest.raises((ValueError, TypeError, AttributeError), match="CalibratedClassifierCV"):
        UncertaintyHerding(LinearSVC(), 10).fit(X, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        UncertaintyHerding(LogisticRegression(), 10).fit(X)
