"""CoresetClassifier and CoresetRegressor wherever scikit-learn takes an estimator."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.under_sampling import RandomUnderSampler
from samplers import HONESTLY_FEWER, SAMPLERS, marked, name_of
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

from skcoreset import CoresetClassifier, CoresetRegressor, Herding, KCenterGreedy, Margin, Uniform


def by_hand(estimator, sampler, X, y, keyword="sample_weight"):
    """Select, then fit on what was kept, with its weights."""
    sampler = clone(sampler)
    X_small, y_small = sampler.fit_resample(X, y)
    return clone(estimator).fit(X_small, y_small, **{keyword: sampler.sample_weight_})


@pytest.mark.parametrize("sampler", marked(SAMPLERS))
def test_is_select_then_fit_with_weights(sampler, digits):
    X, y = digits[0] / 16, digits[1]
    model = CoresetClassifier(SVC(), sampler).fit(X, y)
    alone = by_hand(SVC(), sampler, X, y)
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    np.testing.assert_array_equal(model.decision_function(X), alone.decision_function(X))
    assert model.score(X, y) == alone.score(X, y)
    assert len(model.sampler_.sample_indices_) == 180 or name_of(sampler) in HONESTLY_FEWER
    assert not hasattr(model, "predict_proba")
    assert model.classes_.tolist() == list(range(10))


def test_the_weights_arrive(digits):
    X, y = digits
    sampler = KCenterGreedy(100)
    with_weights = CoresetClassifier(LogisticRegression(max_iter=5000), sampler).fit(X, y)
    without = clone(with_weights).set_params(use_weights=False).fit(X, y)
    alone = by_hand(LogisticRegression(max_iter=5000), sampler, X, y)
    np.testing.assert_allclose(with_weights.estimator_.coef_, alone.coef_)
    assert not np.allclose(without.estimator_.coef_, alone.coef_, rtol=0.01)
    proba = with_weights.predict_proba(X[:5])
    np.testing.assert_allclose(np.exp(with_weights.predict_log_proba(X[:5])), proba)


def test_pipeline_inside_and_outside(digits):
    X, y = digits
    inside = CoresetClassifier(make_pipeline(StandardScaler(), SVC()), KCenterGreedy(200))
    inside.fit(X, y)
    alone = by_hand(inside.estimator, inside.sampler, X, y, "svc__sample_weight")
    np.testing.assert_array_equal(inside.predict(X), alone.predict(X))
    outside = make_pipeline(MinMaxScaler(), CoresetClassifier(SVC(), KCenterGreedy(200)))
    outside.fit(X, y)
    alone = by_hand(SVC(), KCenterGreedy(200), MinMaxScaler().fit_transform(X), y)
    np.testing.assert_array_equal(
        outside.predict(X), alone.predict(MinMaxScaler().fit_transform(X))
    )


def test_cross_validate_with_string_labels(digits):
    X, y = digits
    names = np.array([f"digit {i}" for i in range(10)])[y]
    model = make_pipeline(MinMaxScaler(), CoresetClassifier(SVC(), Herding(0.1)))
    named = cross_validate(model, X, names, scoring=["accuracy", "balanced_accuracy"])
    assert named["test_accuracy"].mean() > 0.9
    np.testing.assert_array_equal(named["test_accuracy"], cross_val_score(model, X, y))


def test_grid_search_over_size_and_over_sampler(digits):
    X, y = digits
    pipe = make_pipeline(MinMaxScaler(), CoresetClassifier(SVC(), Herding()))
    search = GridSearchCV(
        pipe,
        [
            {"coresetclassifier__sampler__coreset_size": [0.02, 0.3]},
            {"coresetclassifier__sampler": [KCenterGreedy(0.02), Margin(coreset_size=0.02)]},
        ],
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"coresetclassifier__sampler__coreset_size": 0.3}
    assert len(search.best_estimator_[-1].sampler_.sample_indices_) == round(0.3 * len(y))


def test_a_search_as_estimator_gets_the_weights(digits):
    X, y = digits
    for inner, keyword in (
        (SVC(), "sample_weight"),
        (make_pipeline(MinMaxScaler(), SVC()), "svc__sample_weight"),
    ):
        grid = {"C": [10.0]} if keyword == "sample_weight" else {"svc__C": [10.0]}
        search = GridSearchCV(inner, grid, cv=2)
        model = CoresetClassifier(search, KCenterGreedy(200), use_weights=True).fit(X, y)
        alone = by_hand(
            inner.set_params(**{k: v[0] for k, v in grid.items()}),
            KCenterGreedy(200),
            X,
            y,
            keyword,
        )
        np.testing.assert_array_equal(model.predict(X), alone.predict(X))


def test_estimator_that_takes_no_weights(digits):
    X, y = digits
    model = CoresetClassifier(KNeighborsClassifier(), KCenterGreedy(200))
    with pytest.warns(UserWarning, match="takes no sample_weight in fit") as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert model.score(X, y) > 0.8
    CoresetClassifier(KNeighborsClassifier(), KCenterGreedy(200), use_weights=False).fit(X, y)
    # equal weights change nothing, so there is nothing to warn of
    CoresetClassifier(KNeighborsClassifier(), Herding(200, stratify=None)).fit(X, y)
    with pytest.raises(ValueError, match="use_weights=True, but KNeighborsClassifier"):
        CoresetClassifier(KNeighborsClassifier(), KCenterGreedy(), use_weights=True).fit(X, y)


def test_samplers_of_imbalanced_learn(blobs):
    X, y = blobs
    model = CoresetClassifier(LogisticRegression(max_iter=1000), RandomUnderSampler(random_state=0))
    assert model.fit(X, y).score(X, y) > 0.5
    with pytest.raises(ValueError, match="gives no sample_weight_"):
        model.set_params(use_weights=True).fit(X, y)


def test_a_class_that_is_lost_is_said(blobs):
    X, y = blobs
    y = np.where(np.arange(300) < 3, 3, y)
    model = CoresetClassifier(LogisticRegression(), Uniform(20, stratify=None, random_state=0))
    with pytest.warns(UserWarning, match=r"classes \[3\] have no row in the coreset"):
        model.fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]


def test_weights_in(digits, rng):
    X, y = digits
    w = rng.random(len(y)) + 0.1
    model = CoresetClassifier(SVC(), KCenterGreedy(200)).fit(X, y, sample_weight=w)
    assert model.sampler_.sample_weight_.sum() == pytest.approx(w.sum())
    integer = rng.integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), integer)
    weighted = clone(model).fit(X, y, sample_weight=integer)
    repeated = clone(model).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X))


@pytest.mark.parametrize("estimator", [SVC(), make_pipeline(StandardScaler(), SVC())], ids=repr)
def test_under_metadata_routing(estimator, digits):
    X, y = digits
    plain = CoresetClassifier(estimator, KCenterGreedy(200)).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = CoresetClassifier(estimator, KCenterGreedy(200)).fit(X, y)
        weighted = CoresetClassifier(estimator, KCenterGreedy(200))
        weighted.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        cross_validate(weighted, X, y, params={"sample_weight": np.ones(len(y))}, cv=2)
    np.testing.assert_array_equal(plain.decision_function(X), routed.decision_function(X))


def test_data_frames(digits):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("pixel")
    model = CoresetClassifier(SVC(), Herding(200)).fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert model.estimator_.feature_names_in_.tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(
        model.predict(frame), CoresetClassifier(SVC(), Herding(200)).fit(X, y).predict(X)
    )


def test_custom_scorer_and_default(digits):
    X, y = digits
    model = CoresetClassifier()
    assert cross_val_score(model, X / 16, y, scoring=make_scorer(accuracy_score)).mean() > 0.8


def test_bad_parameters(digits):
    with pytest.raises(ValueError, match="sampler"):
        CoresetClassifier(SVC(), SVC()).fit(*digits)
    with pytest.raises(ValueError, match="use_weights"):
        CoresetClassifier(SVC(), use_weights="always").fit(*digits)
    with pytest.raises(ValueError, match="Unknown label type"):
        CoresetClassifier(LinearSVC()).fit(
            *load_diabetes(return_X_y=True, scaled=False)[:1], np.linspace(0, 1, 442)
        )


def test_regressor():
    X, y = load_diabetes(return_X_y=True)
    sampler = KCenterGreedy(150, stratify=None)
    model = CoresetRegressor(Ridge(0.1), sampler).fit(X, y)
    alone = by_hand(Ridge(0.1), sampler, X, y)
    np.testing.assert_allclose(model.predict(X), alone.predict(X))
    assert model.score(X, y) > 0.4


def test_a_fit_that_fails_leaves_what_was_there(digits):
    X, y = digits
    model = CoresetClassifier(LogisticRegression(max_iter=500), Uniform(50, random_state=0))
    expected = model.fit(X, y).predict(X)
    model.set_params(estimator=SVC(C=-1))
    with pytest.raises(ValueError, match="C"):
        model.fit(X[:300, :5], y[:300] == 0)
    assert len(model.sampler_.sample_indices_) == 50
    np.testing.assert_array_equal(model.predict(X), expected)


def test_whole_numbers_are_no_classes_to_a_regressor():
    X, y = load_diabetes(return_X_y=True)
    assert len(CoresetRegressor().fit(X, y).sampler_.sample_indices_) == 44
    model = CoresetRegressor(sampler=Herding(30)).fit(X, y)
    expected = Herding(30).fit(X).sample_indices_
    np.testing.assert_array_equal(model.sampler_.sample_indices_, expected)
    balanced = CoresetRegressor(sampler=Herding(30, stratify="balanced")).fit(X, y > 150)
    assert balanced.sampler_.sampling_strategy_ == {False: 15, True: 15}
