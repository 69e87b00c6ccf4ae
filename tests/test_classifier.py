"""CoresetClassifier and CoresetRegressor wherever scikit-learn takes an estimator."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as resampling_pipeline
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler
from samplers import HONESTLY_FEWER, SAMPLERS, WITH_VALIDATION, marked, name_of
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skcoreset import (
    BADGE,
    CRAIG,
    EL2N,
    AreaUnderMargin,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    CoresetClassifier,
    CoresetNystroem,
    CoresetRegressor,
    CoverageCentric,
    DataMap,
    DeepFool,
    Entropy,
    FacilityLocation,
    Forgetting,
    GradientEmbedding,
    GradMatch,
    GraNd,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Moderate,
    TrainingDynamics,
    UncertaintyHerding,
    Uniform,
)


def by_hand(estimator, sampler, X, y, keyword="sample_weight"):
    """Select, then fit on what was kept, with its weights, which average 1."""
    sampler = clone(sampler)
    X_small, y_small = sampler.fit_resample(X, y)
    return clone(estimator).fit(X_small, y_small, **{keyword: averaging_1(sampler)})


def averaging_1(sampler):
    return sampler.sample_weight_ / sampler.sample_weight_.mean()


FOR_TRAINING_OR_NOT = "ignore:CoresetClassifier fits its estimator on the coreset of:UserWarning"


@pytest.mark.filterwarnings(FOR_TRAINING_OR_NOT)
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
            {"coresetclassifier__sampler": [KCenterGreedy(0.02), FacilityLocation(0.02)]},
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
    with pytest.warns(UserWarning, match="does not support sample_weight") as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert model.score(X, y) > 0.8
    CoresetClassifier(KNeighborsClassifier(), KCenterGreedy(200), use_weights=False).fit(X, y)
    with pytest.warns(
        UserWarning, match="does not support sample_weight"
    ):  # however small they are
        model.fit(X, y, sample_weight=np.full(len(y), 1e-12))
    # equal weights change nothing, so there is nothing to warn of
    CoresetClassifier(KNeighborsClassifier(), Herding(200, stratify=None)).fit(X, y)
    with pytest.raises(ValueError, match="use_weights=True, but the fit method of KNeighbors"):
        CoresetClassifier(KNeighborsClassifier(), KCenterGreedy(), use_weights=True).fit(X, y)


def test_samplers_of_imbalanced_learn(blobs):
    X, y = blobs
    model = CoresetClassifier(LogisticRegression(max_iter=1000), RandomUnderSampler(random_state=0))
    assert model.fit(X, y).score(X, y) > 0.5
    with pytest.raises(ValueError, match="has no sample_weight_"):
        model.set_params(use_weights=True).fit(X, y)


def test_a_class_that_is_lost_is_said(blobs):
    X, y = blobs
    y = np.where(np.arange(300) < 3, 3, y)
    model = CoresetClassifier(LogisticRegression(), Uniform(20, stratify=None, random_state=0))
    with pytest.warns(UserWarning, match=r"contains no sample of the classes \[3\]"):
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
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), rtol=1e-3, atol=1e-3
    )


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


# Samplers that change columns ----------------------------------------------------------------


class EverySecond(BaseEstimator):
    """Rows of X, and no word of which."""

    def __init__(self, scale=False):
        self.scale = scale

    def fit_resample(self, X, y):
        X = X.iloc[::2] if hasattr(X, "iloc") else X[::2]
        y = y.iloc[::2] if hasattr(y, "iloc") else y[::2]
        return StandardScaler().fit_transform(X) if self.scale else X, y


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return train_test_split(X, y, random_state=0, stratify=y)


def test_a_scaler_in_the_sampler_leaves_the_columns_of_the_estimator_alone(cancer):
    """Otherwise the forest learns scaled rows and is right on 37 % of the raw ones."""
    X, X_test, y, y_test = cancer
    forest = RandomForestClassifier(random_state=0)
    sampler = resampling_pipeline(StandardScaler(), KCenterGreedy(0.3))
    model = CoresetClassifier(forest, sampler, use_weights=True).fit(X, y)
    plain = KCenterGreedy(0.3).fit(StandardScaler().fit_transform(X), y)
    kept = plain.sample_indices_
    alone = clone(forest).fit(X[kept], y[kept], sample_weight=averaging_1(plain))
    np.testing.assert_array_equal(model.predict_proba(X_test), alone.predict_proba(X_test))
    assert model.score(X_test, y_test) > 0.94
    assert model.n_features_in_ == model.estimator_.n_features_in_ == 30
    # The same for a sampler of another number of columns, and one without weights.
    other = resampling_pipeline(StandardScaler(), PCA(2), RandomUnderSampler(random_state=0))
    model = CoresetClassifier(forest, other).fit(X, y)
    kept = model.sampler_[-1].sample_indices_
    alone = clone(forest).fit(X[kept], y[kept])
    np.testing.assert_array_equal(model.predict_proba(X_test), alone.predict_proba(X_test))


@pytest.mark.parametrize("container", [pd.DataFrame, sparse.csr_array, np.asarray])
def test_rows_come_from_the_container_of_the_user(container, cancer):
    X, _, y, _ = cancer
    seen = []

    class Watching(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append((X, y))
            return super().fit(X, y, sample_weight)

    given = container(X)
    sampler = resampling_pipeline(StandardScaler(with_mean=False), KCenterGreedy(30))
    kept = CoresetClassifier(Watching(), sampler).fit(given, y).sampler_[-1].sample_indices_
    [(got, labels)] = seen
    assert type(got) is type(given)
    dense = got.toarray() if sparse.issparse(got) else np.asarray(got)
    np.testing.assert_array_equal(dense, X[kept])
    np.testing.assert_array_equal(labels, y[kept])


def test_two_samplers_in_a_pipeline(cancer):
    """The second counts rows of what the first left; their weights are not those of rows of X."""
    X, _, y, _ = cancer
    first, second = RandomUnderSampler(random_state=0), KCenterGreedy(40)
    sampler = resampling_pipeline(first, StandardScaler(), second)
    model = CoresetClassifier(LogisticRegression(max_iter=10**4), sampler)
    with pytest.warns(UserWarning, match="several steps that resample") as caught:
        model.fit(X, y)
    assert [w.filename for w in caught] == [__file__]
    of_first = clone(first).fit_resample(X, y) and model.sampler_[0].sample_indices_
    kept = of_first[model.sampler_[-1].sample_indices_]
    alone = LogisticRegression(max_iter=10**4).fit(X[kept], y[kept])
    np.testing.assert_allclose(model.estimator_.coef_, alone.coef_)
    with pytest.raises(ValueError, match="has no sample_weight_"):
        model.set_params(use_weights=True).fit(X, y)
    model.set_params(use_weights=False).fit(X, y)  # says that it is meant


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(random_state=0),
        ClusterCentroids(random_state=0),
        resampling_pipeline(StandardScaler(), SMOTE(random_state=0)),
        resampling_pipeline(StandardScaler(), FunctionSampler()),
        resampling_pipeline(KCenterGreedy(300), ClusterCentroids(random_state=0)),
        EverySecond(scale=True),
    ],
    ids=name_of,
)
def test_rows_that_are_no_rows_of_X_are_refused(sampler, cancer):
    X, _, y, _ = cancer
    with pytest.raises(ValueError, match=r"no sample_indices_, and row \d+ of its output"):
        CoresetClassifier(LogisticRegression(), sampler, use_weights=False).fit(X, y)
    with pytest.raises(ValueError, match=r"is not a row of X\. CoresetNystroem is fitted"):
        CoresetNystroem(sampler).fit(X, y)


@pytest.mark.parametrize(
    "sampler",
    [
        EverySecond(),
        FunctionSampler(),
        ClusterCentroids(random_state=0, voting="hard"),
        RandomOverSampler(random_state=0),
        resampling_pipeline(RandomUnderSampler(random_state=0), FunctionSampler()),
    ],
    ids=name_of,
)
def test_rows_of_X_will_do_without_indices(sampler, cancer):
    X, _, y, _ = cancer
    X = np.where(X > 100, np.nan, X) if isinstance(sampler, EverySecond) else X
    model = CoresetClassifier(DecisionTreeClassifier(random_state=0), sampler).fit(X, y)
    alone = DecisionTreeClassifier(random_state=0).fit(*clone(sampler).fit_resample(X, y))
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    table = sparse.csr_array(np.nan_to_num(X))
    CoresetClassifier(DecisionTreeClassifier(), sampler).fit(table, y)


def test_rows_of_mixed_columns_are_compared_as_they_are(cancer):
    X, _, y, _ = cancer
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 20, "large", None)})
    learner = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    assert CoresetClassifier(learner, EverySecond()).fit(frame, y).score(frame, y) > 0.5


def test_columns_of_words_with_an_encoder_in_the_sampler_too():
    words = np.array([["red", "pie"], ["green", "pie"], ["red", "car"], ["green", "car"]] * 10)
    y = np.array([0, 0, 1, 1] * 10)
    learner = make_pipeline(OneHotEncoder(), LogisticRegression())
    sampler = resampling_pipeline(OneHotEncoder(), KCenterGreedy(8))
    assert CoresetClassifier(learner, sampler).fit(words, y).score(words, y) == 1.0


@pytest.mark.filterwarnings(FOR_TRAINING_OR_NOT)
@pytest.mark.parametrize("container", [list, pd.Series, np.array])
def test_texts_reach_a_pipeline_that_takes_texts(container):
    texts = container(["red apple pie", "green apple pie", "fast red car", "slow green car"] * 10)
    y = np.array([0, 0, 1, 1] * 10)
    learner = make_pipeline(TfidfVectorizer(), LogisticRegression())
    for sampler in (
        Uniform(8, random_state=0),
        Margin(learner, 24),
        resampling_pipeline(TfidfVectorizer(), KCenterGreedy(8)),
        EverySecond(),
    ):
        assert CoresetClassifier(learner, sampler).fit(texts, y).score(texts, y) == 1.0


@pytest.mark.parametrize("container", [pl.DataFrame, pa.Table.from_pandas, sparse.dok_array])
def test_tables_of_other_libraries(container, cancer):
    X, _, y, _ = cancer
    given = container(X if container is sparse.dok_array else pd.DataFrame(X).add_prefix("c"))
    model = CoresetClassifier(DecisionTreeClassifier(random_state=0), KCenterGreedy(60))
    expected = clone(model).fit(X, y).predict(X)
    np.testing.assert_array_equal(model.fit(given, y).predict(given), expected)


def test_a_pipeline_that_returns_no_pair_is_refused(blobs):
    with pytest.raises(TypeError, match="must return X and y of the selected"):
        CoresetClassifier(sampler=resampling_pipeline(MinMaxScaler(), "passthrough")).fit(*blobs)


def test_weights_of_the_rows_reach_a_sampler_in_a_pipeline_by_routing_only(blobs):
    X, y = blobs
    weight = np.where(y == 0, 0.0, 1.0)
    sampler = resampling_pipeline(StandardScaler(), Herding(20))
    model = CoresetClassifier(SVC(), sampler)
    with pytest.raises(ValueError, match="receives weights by metadata routing only"):
        model.fit(X, y, sample_weight=weight)  # imbalanced-learn would drop them
    with sklearn.config_context(enable_metadata_routing=True):
        sampler[0].set_fit_request(sample_weight=False)
        sampler[1].set_fit_request(sample_weight=True).set_fit_resample_request(sample_weight=True)
        model.fit(X, y, sample_weight=weight)
    assert model.sampler_[-1].sampling_strategy_[0] == 0


# Who takes weights ---------------------------------------------------------------------------

LOGISTIC = LogisticRegression(max_iter=1000)
NEIGHBORS = KNeighborsClassifier(3)


def _voting(one):
    return VotingClassifier([("a", LOGISTIC), ("b", one), ("c", "drop")], voting="soft")


def _stacking(one, final=None):
    return StackingClassifier([("a", LOGISTIC), ("b", one)], final, cv=2)


@pytest.mark.parametrize(
    ("estimator", "keyword"),
    [
        (_voting(GaussianNB()), "sample_weight"),
        (_voting(NEIGHBORS), None),
        (_voting(make_pipeline(StandardScaler(), LOGISTIC)), None),  # voting knows no step names
        (_stacking(GaussianNB()), "sample_weight"),
        (_stacking(NEIGHBORS), None),
        (_stacking(GaussianNB(), NEIGHBORS), None),
        (
            make_pipeline(StandardScaler(), _stacking(GaussianNB())),
            "stackingclassifier__sample_weight",
        ),
        (GridSearchCV(_voting(GaussianNB()), {"a__C": [1.0]}, cv=2), "sample_weight"),
        (GridSearchCV(NEIGHBORS, {"n_neighbors": [3]}, cv=2), None),
        (CalibratedClassifierCV(LOGISTIC, cv=2), "sample_weight"),
        (BaggingClassifier(LOGISTIC, random_state=0), "sample_weight"),
        (RFE(LOGISTIC, n_features_to_select=5), "sample_weight"),
        (OneVsRestClassifier(LOGISTIC), None),  # by metadata routing only
        (NEIGHBORS, None),
    ],
    ids=lambda value: repr(value)[:40] if hasattr(value, "fit") else None,
)
def test_weights_arrive_where_scikit_learn_takes_them(estimator, keyword, blobs):
    X, y = blobs
    sampler = KCenterGreedy(60)
    model = CoresetClassifier(estimator, sampler)
    sampler = clone(sampler)
    rows = sampler.fit_resample(X, y)
    unweighted = clone(estimator).fit(*rows).predict_proba(X)
    if keyword is None:
        weight = {"sample_weight": sampler.sample_weight_}
        with pytest.raises((TypeError, ValueError)):  # scikit-learn says the same
            clone(estimator).fit(*rows, **weight)
        with pytest.warns(UserWarning, match="does not support sample_weight") as caught:
            model.fit(X, y)
        assert [w.filename for w in caught] == [__file__]
        np.testing.assert_allclose(model.predict_proba(X), unweighted)
        with pytest.raises(ValueError, match="use_weights=True, but"):
            model.set_params(use_weights=True).fit(X, y)
    else:
        model.set_params(use_weights=True).fit(X, y)
        weighted = clone(estimator).fit(*rows, **{keyword: averaging_1(sampler)})
        expected = weighted.predict_proba(X)
        np.testing.assert_allclose(model.predict_proba(X), expected)
        assert abs(expected - unweighted).max() > 1e-3


@pytest.mark.parametrize(
    ("regressor", "takes"),
    [
        (TransformedTargetRegressor(Ridge()), True),
        (TransformedTargetRegressor(), True),
        (TransformedTargetRegressor(KNeighborsRegressor()), False),
        (VotingRegressor([("a", Ridge()), ("b", Ridge(100))]), True),
        (VotingRegressor([("a", Ridge()), ("b", KNeighborsRegressor())]), False),
        (StackingRegressor([("a", Ridge())], cv=2), True),
        (RANSACRegressor(random_state=0), True),
        (RANSACRegressor(KNeighborsRegressor(), min_samples=30, random_state=0), False),
        (MultiOutputRegressor(KNeighborsRegressor()), False),
    ],
    ids=lambda value: repr(value)[:40] if hasattr(value, "fit") else None,
)
def test_weights_arrive_in_regressors_too(regressor, takes):
    X, y = load_diabetes(return_X_y=True)
    y = y[:, None] * [1.0, 2.0] + 0.5 if isinstance(regressor, MultiOutputRegressor) else y
    model = CoresetRegressor(regressor, KCenterGreedy(60, stratify=None), use_weights=True)
    if not takes:
        with pytest.raises(ValueError, match="does not support sample_weight"):
            model.fit(X, y)
        return
    kept = model.fit(X, y).sampler_.sample_indices_
    alone = clone(regressor).fit(X[kept], y[kept], sample_weight=averaging_1(model.sampler_))
    np.testing.assert_allclose(model.predict(X), alone.predict(X))
    assert not np.allclose(model.predict(X), clone(regressor).fit(X[kept], y[kept]).predict(X))


def test_weights_of_a_pipeline_in_a_transformed_target():
    X, y = load_diabetes(return_X_y=True)
    inner = TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()))
    sampler = KCenterGreedy(60, stratify=None)
    model = CoresetRegressor(inner, sampler, use_weights=True).fit(X, y)
    alone = by_hand(inner, sampler, X, y, "ridge__sample_weight")
    np.testing.assert_allclose(model.predict(X), alone.predict(X))


def test_a_frozen_classifier_takes_weights_as_it_takes_rows(blobs):
    """It is not fitted on either."""
    X, y = blobs
    fitted = LogisticRegression().fit(X, y)
    model = CoresetClassifier(FrozenEstimator(fitted), KCenterGreedy(60), use_weights=True)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_requested_weights_are_routed(blobs):
    """One-vs-rest takes weights by metadata routing alone: under it, where they were asked for."""
    X, y = blobs
    sampler = KCenterGreedy(60)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=True)
        for estimator in (
            OneVsRestClassifier(inner),
            make_pipeline(MinMaxScaler(), OneVsRestClassifier(inner)),
        ):
            model = CoresetClassifier(estimator, sampler, use_weights=True).fit(X, y)
            alone = by_hand(estimator, sampler, X, y)
            np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X))
            Margin(estimator, 20, cv=2).fit(X, y, sample_weight=1.0 + (y == 1))
        with pytest.raises(ValueError, match="does not support sample_weight"):
            CoresetClassifier(OneVsRestClassifier(LOGISTIC), sampler, use_weights=True).fit(X, y)


# A stacking shows what it can only once it is fitted -----------------------------------------


@pytest.mark.parametrize("around", ["itself", "pipeline", "search", "both"])
def test_unfitted_stacking_with_its_default_final_estimator(around, blobs):
    X, y = blobs[0][:90], blobs[1][:90]
    stacking = StackingClassifier([("a", GaussianNB())], cv=2)
    estimator = {
        "itself": stacking,
        "pipeline": make_pipeline(StandardScaler(), stacking),
        "search": GridSearchCV(stacking, {"a__var_smoothing": [1e-9]}, cv=2),
        "both": RandomizedSearchCV(
            make_pipeline(StandardScaler(), stacking),
            {"stackingclassifier__a__var_smoothing": [1e-9]},
            n_iter=1,
            cv=2,
        ),
    }[around]
    weight = np.where(np.arange(90) < 10, 2.0, 1.0)
    for method in (
        LeastConfidence(estimator, 12),
        Entropy(estimator, 12),
        Margin(estimator, 12),
        Margin(estimator, 12, cv=2),
        ContrastiveActiveLearning(estimator, 12),
        ImportanceSampling(12, sensitivity="loss", estimator=estimator, random_state=0),
        ImportanceSampling(12, sensitivity="gradient", estimator=estimator, random_state=0),
        DeepFool(estimator, 12),
        BlackBoxTeaching(estimator, 12, n_initial=6, random_state=0),
        CRAIG(estimator, 12),
        GradMatch(estimator, 12),
    ):
        fitted = clone(method).fit(X, y, sample_weight=weight)
        assert len(fitted.sample_indices_) == 12, method
    assert GradientEmbedding(estimator).fit(X, y).transform(X).shape[0] == 90
    model = CoresetClassifier(estimator, Uniform(40, random_state=0))
    assert hasattr(model, "predict_proba")
    assert hasattr(model, "decision_function")
    np.testing.assert_allclose(model.fit(X, y).predict_proba(X).sum(axis=1), 1)
    assert GridSearchCV(model, {"sampler__coreset_size": [40]}, cv=2).fit(X, y).best_score_ > 0.4


def test_what_a_stacking_will_have():
    model = CoresetRegressor(StackingRegressor([("a", Ridge())]))
    X, y = load_diabetes(return_X_y=True)
    assert hasattr(model, "predict")
    assert model.fit(X, y).score(X, y) > 0.3
    no_proba = StackingClassifier([("a", LOGISTIC)], LinearSVC())
    assert not hasattr(CoresetClassifier(no_proba), "predict_proba")
    with pytest.raises(TypeError, match="only decision_function"):
        Entropy(no_proba, 12).fit(X, y > 100)
    with pytest.raises(ValueError, match="'estimator' parameter of CoresetClassifier must be"):
        CoresetClassifier(GridSearchCV(no_proba, {}, refit=False)).fit(X, y > 100)


# Targets -------------------------------------------------------------------------------------


def test_one_column_a_class(blobs):
    X, y = blobs
    Y = np.eye(3, dtype=int)[y]
    weight = 1.0 + (y == 1)
    for learner, kind in (
        (OneVsRestClassifier(LogisticRegression(max_iter=1000)), sparse.csr_array),
        (DecisionTreeClassifier(random_state=0), np.asarray),
    ):
        model = CoresetClassifier(learner, Herding(60), use_weights=False)
        kept = model.fit(X, kind(Y), sample_weight=weight).sampler_.sample_indices_
        np.testing.assert_array_equal(
            kept, Herding(60).fit(X, y, sample_weight=weight).sample_indices_
        )
        alone = clone(learner).fit(X[kept], kind(Y)[kept])
        assert abs(model.predict(X) - alone.predict(X)).sum() == 0
    late = np.where(np.arange(300) < 3, 3, y)
    model.set_params(sampler=Uniform(20, stratify=None, random_state=0))
    with pytest.warns(UserWarning, match=r"contains no sample of the classes \[3\]"):
        model.fit(X, np.eye(4, dtype=int)[late])


@pytest.mark.parametrize(
    "sampler",
    [
        Margin(),
        EL2N(random_state=0),
        CRAIG(),
        BlackBoxTeaching(),
        CoverageCentric(),
        ImportanceSampling(sensitivity="loss"),
        RandomUnderSampler(),
        resampling_pipeline(StandardScaler(), Margin()),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_regressors_refuse_samplers_that_need_classes(sampler, fraction):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="requires classes, but the target of CoresetRegressor"):
        CoresetRegressor(Ridge(), sampler).fit(X, y + fraction)


@pytest.mark.parametrize(
    "sampler",
    [
        Uniform(30, random_state=0),
        Herding(30),
        KCenterGreedy(30),
        FacilityLocation(30),
        GraphCut(30),
        Moderate(30),
        ImportanceSampling(30, random_state=0),
        resampling_pipeline(StandardScaler(), Herding(30)),
        Margin(LogisticRegression(max_iter=5000), {False: 90, True: 260}),
    ],
    ids=name_of,
)
def test_samplers_that_regressors_take(sampler):
    """Values of the target are numbers, unless a parameter says that they are classes."""
    X, y = load_diabetes(return_X_y=True)
    y = y > 100 if isinstance(sampler, Margin) else y
    fitted = CoresetRegressor(Ridge(), sampler).fit(X, y).sampler_
    if hasattr(sampler, "steps"):
        fitted, sampler, X = fitted[-1], sampler[-1], StandardScaler().fit_transform(X)
    alone = clone(sampler).fit(X, y if isinstance(sampler, Margin) else None)
    np.testing.assert_array_equal(fitted.sample_indices_, alone.sample_indices_)


# The scale of the weights --------------------------------------------------------------------


class Heard:
    """Beside an estimator: keeps the weights that the last fit got."""

    def fit(self, X, y, sample_weight=None):
        self.weight_ = sample_weight
        return super().fit(X, y, sample_weight)


class HeardTree(Heard, DecisionTreeClassifier):
    pass


class HeardRidge(Heard, Ridge):
    pass


def heard(model, X, y, **given):
    return model.fit(X, y, **given).estimator_.weight_


@pytest.mark.parametrize(
    ("Meta", "inner", "load"),
    [
        (CoresetClassifier, HeardTree(), load_breast_cancer),
        (CoresetRegressor, HeardRidge(), load_diabetes),
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_weights_sum_to_all_samples_or_average_1(Meta, inner, load, given, rng):
    X, y = load(return_X_y=True)
    weight = {"sample_weight": rng.integers(0, 4, len(y))} if given else {}
    model = Meta(inner, KCenterGreedy(60), weight_scale="total")
    total = heard(model, X, y, **weight)
    np.testing.assert_array_equal(total, model.sampler_.sample_weight_)
    assert total.sum() == pytest.approx(weight["sample_weight"].sum() if given else len(y))
    mean = heard(model.set_params(weight_scale="mean"), X, y, **weight)
    np.testing.assert_allclose(mean, total * 60 / total.sum())
    assert heard(clone(model).set_params(use_weights=False), X, y, **weight) is None
    assert get_params_of_default(Meta) == "mean"


def get_params_of_default(Meta):
    return Meta().get_params()["weight_scale"]


def test_weights_that_are_all_1_are_not_passed(blobs):
    X, y = blobs
    model = CoresetClassifier(HeardTree(), Herding(30, stratify=None))
    assert heard(model, X, y) is None
    assert heard(model, X, y, sample_weight=np.full(300, 7.0)) is None
    np.testing.assert_array_equal(heard(model.set_params(use_weights=True), X, y), np.ones(30))
    model.set_params(use_weights="auto", weight_scale="total")
    np.testing.assert_allclose(heard(model, X, y), np.full(30, 10.0))
    # Nothing is left out: all weights are 1 in either scale.
    assert heard(model.set_params(sampler=Herding(1.0)), X, y) is None
    # Classes of 59, 90 and 151 samples: the budgets are integers, and the weights correct for that.
    model.set_params(sampler=Herding(30), weight_scale="mean")
    assert heard(model, X, y).mean() == pytest.approx(1)
    assert 0.9 < heard(model, X, y).min() < 1


def test_small_differences_are_no_reason_to_warn(blobs):
    """Only by the integer budgets of the classes; a weight that is given counts in any case."""
    X, y = blobs
    CoresetClassifier(NEIGHBORS, Herding(30)).fit(X, y)
    CoresetRegressor(KNeighborsRegressor(), Herding(30)).fit(X, y + 0.5)
    model = CoresetClassifier(NEIGHBORS, Uniform(30, stratify=None, random_state=0))
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        model.fit(X, y, sample_weight=1.0 + np.arange(300) / 1e4)
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        CoresetClassifier(NEIGHBORS, Herding(30, stratify="balanced")).fit(X, y)


def test_grid_search_over_the_scale(digits):
    X, y = digits
    pipe = make_pipeline(MinMaxScaler(), CoresetClassifier(SVC(C=0.1), KCenterGreedy(0.1)))
    name = "coresetclassifier__weight_scale"
    search = GridSearchCV(pipe, {name: ["total", "mean"]}, cv=3).fit(X, y)
    by_scale = dict(zip(["total", "mean"], search.cv_results_["mean_test_score"], strict=True))
    for scale, score in by_scale.items():  # set_params reaches it too
        alone = clone(pipe).set_params(**{name: scale})
        assert cross_val_score(alone, X, y, cv=3).mean() == pytest.approx(score)
    # The larger weights act like C = 1: this small C underfits otherwise.
    assert by_scale["total"] > by_scale["mean"] + 0.1
    assert search.best_params_ == {name: "total"}


def test_the_scale_acts_like_C(digits):
    X, y = digits
    kept, learner = KCenterGreedy(180), LogisticRegression(C=0.2, tol=1e-8, max_iter=1000)
    total = CoresetClassifier(learner, kept, weight_scale="total").fit(X / 16, y)
    learner = clone(learner).set_params(C=0.2 * len(y) / 180)
    larger = CoresetClassifier(learner, kept, weight_scale="mean").fit(X / 16, y)
    np.testing.assert_allclose(total.estimator_.coef_, larger.estimator_.coef_, atol=1e-4)
    assert abs(larger.estimator_.coef_).max() > 0.5


def test_scale_of_samplers_without_weights(blobs):
    X, y = blobs
    for scale in ("mean", "total"):
        model = CoresetClassifier(
            HeardTree(), RandomUnderSampler(random_state=0), weight_scale=scale
        )
        assert heard(model, X, y) is None


def test_weights_whose_mean_is_not_positive_have_no_scale(blobs):
    X, y = blobs

    class Signed(Uniform):
        def fit_resample(self, X, y=None, sample_weight=None):
            kept = super().fit_resample(X, y)
            self.sample_weight_ = np.where(np.arange(30) < 20, -1.0, 2.0)
            return kept

    model = CoresetClassifier(HeardTree(), Signed(30, random_state=0))
    with pytest.raises(ValueError, match=r"weight_scale='mean' .* have the mean 0\. Use wei"):
        model.fit(X, y)
    model.set_params(weight_scale="total").fit(X, y)
    with pytest.raises(ValueError, match="'weight_scale' parameter of CoresetClassifier must be"):
        model.set_params(weight_scale="sum").fit(X, y)


# What a sampler selects for ------------------------------------------------------------------

LABELING = [
    BADGE(random_state=0),
    ContrastiveActiveLearning(n_neighbors=3),
    DeepFool(),
    Entropy(),
    LeastConfidence(),
    Margin(),
    UncertaintyHerding(),
]
CLEANING = [
    AreaUnderMargin(n_epochs=3, random_state=0),
    DataMap(n_epochs=3, random_state=0),
    EL2N(n_epochs=3, random_state=0),
    Forgetting(n_epochs=3, random_state=0),
    GraNd(n_epochs=3, random_state=0),
    *WITH_VALIDATION,
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=name_of)
def test_every_sampler_says_what_its_samples_are_for(sampler):
    purposes = sampler.__sklearn_tags__().sampler_tags.purposes
    if name_of(sampler) in map(name_of, LABELING):
        assert purposes == ("labeling",)
    elif name_of(sampler) in map(name_of, CLEANING):
        assert purposes == ("cleaning",)
    elif name_of(sampler) in {"KCenterGreedy", "ProbCover"}:
        assert purposes == ("training", "labeling")
    else:
        assert purposes == ("training",)


@pytest.mark.parametrize("sampler", LABELING + CLEANING, ids=name_of)
def test_a_sampler_that_is_not_for_training_is_said(sampler, blobs):
    X, y = blobs
    purpose = "labeling" if sampler in LABELING else "cleaning"
    message = rf"(?s)coreset of {name_of(sampler)}\(.*selects samples for {purpose}\..*fit_resample"
    inside = resampling_pipeline(KCenterGreedy(200), clone(sampler))
    for one in (sampler, inside):
        with pytest.warns(UserWarning, match="fits its estimator on the coreset of") as caught:
            CoresetClassifier(LOGISTIC, one, use_weights=False).fit(X, y)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=message):
        CoresetClassifier(LOGISTIC, sampler).fit(X, y)
    CoresetClassifier(LOGISTIC, clone(sampler).set_params(coreset_size=210)).fit(X, y)
    with pytest.warns(UserWarning, match=f"for {purpose}"):
        CoresetClassifier(LOGISTIC, clone(sampler).set_params(coreset_size=209)).fit(X, y)


def test_a_regressor_says_it_too(blobs):
    X, y = blobs
    sampler = Margin(LOGISTIC, {0: 10, 1: 10, 2: 10})
    with pytest.warns(UserWarning, match=r"(?s)CoresetRegressor fits its .* for labeling"):
        CoresetRegressor(Ridge(), sampler).fit(X, y)


@pytest.mark.parametrize(
    "sampler",
    [
        CoverageCentric(Entropy(), random_state=0),
        BlackBoxTeaching(coreset_size=0.1, random_state=0),
        resampling_pipeline(StandardScaler(), Margin(coreset_size=0.5), KCenterGreedy(0.1)),
        resampling_pipeline(Margin(coreset_size=0.5), RandomUnderSampler(random_state=0)),
        RandomUnderSampler(random_state=0),
        EverySecond(),
    ],
    ids=name_of,
)
def test_samplers_for_training_and_foreign_ones_raise_no_warning(sampler, blobs):
    X, y = blobs
    CoresetClassifier(LOGISTIC, sampler, use_weights=False).fit(X, y)


# The default, seeds, errors ------------------------------------------------------------------


def test_the_same_data_give_the_same_rows(blobs):
    X, y = blobs
    for model in (CoresetClassifier(), CoresetRegressor(), CoresetNystroem()):
        first = clone(model).fit(X, y).sampler_.sample_indices_
        np.testing.assert_array_equal(clone(model).fit(X, y).sampler_.sample_indices_, first)
    forest = RandomForestClassifier(5)  # a random classifier inside a method that has a seed
    for method in (
        ImportanceSampling(30, sensitivity="loss", estimator=forest, random_state=0),
        CRAIG(forest, 30, gradient="logits", random_state=0),
    ):
        first = clone(method).fit(X, y)
        np.testing.assert_array_equal(
            clone(method).fit(X, y).sample_indices_, first.sample_indices_
        )
        assert first.estimator_.random_state is not None
        assert forest.random_state is None
        seeded = clone(method).set_params(estimator__random_state=7).fit(X, y)
        assert seeded.estimator_.random_state == 7


def test_parameters_of_a_default_are_refused_by_name(blobs):
    search = GridSearchCV(CoresetClassifier(SVC()), {"sampler__coreset_size": [0.1, 0.2]})
    message = r"sampler is None, the default Coreset\(random_state=0\)"
    with pytest.raises(ValueError, match=message):
        search.fit(*blobs)
    for model in (CoresetClassifier(), Margin(), EL2N(), GradientEmbedding(), BlackBoxTeaching()):
        with pytest.raises(ValueError, match="estimator is None, the default"):
            model.set_params(estimator__C=2.0)
    for model in (CoresetNystroem(), CoverageCentric()):
        with pytest.raises(ValueError, match="sampler is None, the default"):
            model.set_params(sampler__coreset_size=2)
    named = CoresetClassifier().set_params(sampler=Uniform(), sampler__coreset_size=9)
    assert named.sampler.coreset_size == 9
    with pytest.raises(ValueError, match="Invalid parameter 'nope'"):
        CoresetClassifier().set_params(nope__C=2.0)


def test_a_bad_parameter_of_the_sampler_is_named(blobs):
    with pytest.raises(ValueError, match="'estimator' parameter of Margin must be"):
        CoresetClassifier(sampler=Margin("logistic")).fit(*blobs)


def test_a_record_in_cross_validation_says_what_to_do(blobs):
    X, y = blobs
    record = TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=2, random_state=0)
    model = CoresetClassifier(SVC(), EL2N(dynamics=record, coreset_size=210))
    assert len(model.fit(X, y).sampler_.sample_indices_) == 210
    with pytest.raises(ValueError, match=r"has 300 samples, X has 200.*dynamics=None"):
        cross_validate(model, X, y, cv=3, error_score="raise")


def test_warnings_point_at_the_line_of_the_user(blobs):
    X, y = blobs
    model = CoresetClassifier(NEIGHBORS, KCenterGreedy(30))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
        make_pipeline(StandardScaler(), model).fit(X, y)
        cross_validate(model, X, y, cv=2)
    assert len(caught) == 4
    assert {w.filename for w in caught} == {__file__}


def test_it_is_a_classifier_like_any_other(blobs):
    X, y = blobs
    frame = pd.DataFrame(X).add_prefix("c")
    model = CoresetClassifier(LOGISTIC, Herding(50)).fit(frame, y)
    inner = model.estimator_
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(model, method)(frame), getattr(inner, method)(frame))
    assert model.score(frame, y) == inner.score(frame, y)
    np.testing.assert_array_equal(model.classes_, inner.classes_)
    assert model.n_features_in_ == 20
    assert model.feature_names_in_.tolist() == list(frame)
    picked = RFE(model, n_features_to_select=3, importance_getter="estimator_.coef_").fit(X, y)
    assert picked.n_features_ == 3


def test_two_fits_of_one_object_do_not_mix(blobs):
    """The first to begin is the last to end: it publishes its own table, columns and all."""
    X, y = blobs
    begun, ended = threading.Event(), threading.Event()

    class Slow(Uniform):
        def fit_resample(self, X, y=None, sample_weight=None):
            if X.shape[1] == 20:
                begun.set()
                assert ended.wait(timeout=30)
            return super().fit_resample(X, y, sample_weight)

    for model in (
        CoresetClassifier(LOGISTIC, Slow(30, random_state=0)),
        CoresetNystroem(Slow(30, random_state=0)),
    ):
        begun.clear(), ended.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(model.fit, X, y)
            assert begun.wait(timeout=30)
            model.fit(X[:200, :7], y[:200])
            ended.set()
            first.result()
        assert model.n_features_in_ == model.sampler_.n_features_in_ == 20
        assert model.sampler_.n_samples_in_ == 300


def test_the_other_kind_of_estimator_is_an_error():
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    for regressor in (Ridge(), make_pipeline(StandardScaler(), Ridge())):
        with pytest.raises(TypeError, match=r"does not support .*Ridge.*; use CoresetRegressor"):
            CoresetClassifier(regressor, Uniform(10)).fit(X, y)
    with pytest.raises(TypeError, match=r"LogisticRegression.*; use CoresetClassifier"):
        CoresetRegressor(LogisticRegression(), Uniform(10)).fit(X, y)
