"""TransformedSampler: selection in transformed features, of samples with their original ones."""

import pickle

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as imblearn_pipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from samplers import LABEL_FREE, SAMPLERS, marked, name_of
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)
from test_contract import Recorder
from test_features import people

from skcoreset import (
    Coreset,
    CoresetClassifier,
    CoresetRegressor,
    CoverageCentric,
    Entropy,
    Herding,
    KCenterGreedy,
    Margin,
    TransformedSampler,
    Uniform,
)
from skcoreset._features import AutoFeatures

each_sampler = pytest.mark.parametrize("sampler", marked(SAMPLERS))


@pytest.fixture(scope="module")
def cancer():
    """The scales of its features differ by a factor of 100,000."""
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def mixed():
    X = people(400)
    y = np.where(X.hours.to_numpy() + 10 * X.married.to_numpy() > 44, ">50K", "<=50K")
    return X, y


# what is selected -----------------------------------------------------------------------------


@each_sampler
def test_the_picks_are_those_of_scaling_outside(sampler, cancer):
    X, y = cancer
    sampler = clone(sampler).set_params(coreset_size=40)
    expected = clone(sampler).fit(StandardScaler().fit_transform(X), y)
    got = TransformedSampler(StandardScaler(), sampler)
    rows, labels = got.fit_resample(X, y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_array_equal(rows, X[expected.sample_indices_])
    np.testing.assert_array_equal(labels, y[expected.sample_indices_])
    np.testing.assert_array_equal(got.sample_weight_, expected.sample_weight_)
    assert got.sampling_strategy_ == expected.sampling_strategy_
    assert got.classes_.tolist() == [0, 1]
    assert got.get_support().sum() == 40
    assert got.n_features_in_ == 30
    assert hasattr(got, "scores_") == hasattr(expected, "scores_")
    assert hasattr(got, "score_samples") == hasattr(expected, "score_samples")
    if hasattr(got, "score_samples"):
        scores = expected.score_samples(StandardScaler().fit_transform(X))
        np.testing.assert_array_equal(got.score_samples(X), scores)


def test_scaling_changes_the_picks(cancer):
    X, y = cancer
    raw = KCenterGreedy(40).fit(X, y).sample_indices_
    got = TransformedSampler("auto", KCenterGreedy(40)).fit(X, y)
    expected = KCenterGreedy(40).fit(AutoFeatures().fit_transform(X), y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    assert len(np.setdiff1d(raw, got.sample_indices_)) > 20
    bare = TransformedSampler(None, KCenterGreedy(40)).fit(X, y)
    np.testing.assert_array_equal(bare.sample_indices_, raw)
    assert not hasattr(bare, "transformer_")


def test_the_default_is_the_coreset_of_the_transformed_features(cancer):
    X, y = cancer
    got = TransformedSampler().fit(X, y)
    scaled = AutoFeatures().fit_transform(X)
    expected = Coreset(features=None, random_state=0).fit(scaled, y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    same = Coreset(random_state=0).fit(X, y)
    np.testing.assert_array_equal(got.sample_indices_, same.sample_indices_)


def test_a_sentinel_does_not_decide_the_selection():
    X, y = load_wine(return_X_y=True)
    odd = X.copy()
    odd[5, 0] = 1e8
    here, there = (
        set(TransformedSampler("auto", Herding(30)).fit(table, y).sample_indices_)
        for table in (X, odd)
    )
    scaled = (
        set(TransformedSampler(StandardScaler(), Herding(30)).fit(table, y).sample_indices_)
        for table in (X, odd)
    )
    assert len(here & there) > len(set.intersection(*scaled))


CONTAINERS = {
    "pandas": lambda f: f,
    "polars": pl.from_pandas,
    "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
    "objects": lambda f: f.to_numpy(dtype=object),
    "lists": lambda f: f.to_numpy(dtype=object).tolist(),
}


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("sampler", LABEL_FREE, ids=name_of)
def test_a_mixed_table_in_every_container(sampler, kind, mixed):
    X, y = mixed
    sampler = TransformedSampler(sampler=sampler)
    expected = clone(sampler).fit(X, y)
    given = CONTAINERS[kind](X)
    rows, labels = sampler.fit_resample(given, y)
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    assert type(rows) is type(given)
    assert len(rows) == len(labels) == 40
    if kind == "pandas":
        pd.testing.assert_frame_equal(rows, X.iloc[sampler.sample_indices_])


def test_a_device(cancer):
    X, y = cancer
    weight = 1.0 + y
    there = array_api_strict.Device("device1")
    on_device = [array_api_strict.asarray(array, device=there) for array in (X, y, weight)]
    for transformer in ("auto", StandardScaler()):
        sampler = TransformedSampler(transformer, KCenterGreedy(20))
        expected = clone(sampler).fit(X, y, weight)
        rows, _ = sampler.fit_resample(*on_device)
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
        np.testing.assert_array_equal(sampler.sample_weight_, expected.sample_weight_)
        assert rows.device == there
    scorer = TransformedSampler(StandardScaler(), Margin(coreset_size=20)).fit(X, y)
    np.testing.assert_array_equal(scorer.score_samples(on_device[0]), scorer.score_samples(X))


def test_texts():
    texts = [f"{a} {b}" for a in ("ash", "bay", "cob") for b in ("dew", "elm", "fog", "gem")]
    sampler = TransformedSampler(TfidfVectorizer(), KCenterGreedy(5, stratify=None))
    rows, labels = sampler.fit_resample(texts)
    assert labels is None
    assert rows == [texts[i] for i in sampler.sample_indices_]
    assert sampler.transformer_.vocabulary_.keys() >= {"ash", "gem"}
    with pytest.raises(TypeError, match=r"one object per sample.*TfidfVectorizer"):
        TransformedSampler().fit(texts)


# weights ---------------------------------------------------------------------------------------


def test_weights(cancer, rng):
    X, y = cancer
    weight = rng.random(len(y)) * 3
    weight[::4] = 0
    there = weight > 0
    got = TransformedSampler("auto", KCenterGreedy(40)).fit(X, y, sample_weight=weight)
    only = TransformedSampler("auto", KCenterGreedy(40)).fit(X[there], y[there], weight[there])
    np.testing.assert_array_equal(got.sample_indices_, np.flatnonzero(there)[only.sample_indices_])
    assert got.sample_weight_.sum() == pytest.approx(weight.sum())
    np.testing.assert_array_equal(got.transformer_.center_, only.transformer_.center_)
    for bad, message in ((-weight, "is negative"), (weight[1:], r"one weight per sample")):
        with pytest.raises(ValueError, match=message):
            TransformedSampler("auto", KCenterGreedy(40)).fit(X, y, sample_weight=bad)


def test_metadata_routing(cancer, rng):
    X, y = cancer
    w = rng.random(len(y)) + 0.1
    with sklearn.config_context(enable_metadata_routing=True):
        step = TransformedSampler("auto", KCenterGreedy(40))
        step.set_fit_resample_request(sample_weight=True).set_fit_request(sample_weight=True)
        pipe = imblearn_pipeline(step, KNeighborsClassifier())
        pipe.fit(X, y, sample_weight=w)
    assert pipe[0].sample_weight_.sum() == pytest.approx(w.sum())


# transformers ----------------------------------------------------------------------------------


def test_a_fitted_transformer_is_used_as_it_is(cancer):
    X, y = cancer
    scaler = StandardScaler().fit(X[:100])
    expected = KCenterGreedy(40).fit(scaler.transform(X), y)
    for given in (scaler, FrozenEstimator(scaler)):
        got = TransformedSampler(given, KCenterGreedy(40)).fit(X, y)
        np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
        assert got.transformer_ is given
    # A clone is fitted anew, except for what is frozen.
    model = CoresetClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), TransformedSampler(scaler)
    )
    assert model.fit(X, y).sampler_.transformer_.n_samples_seen_ == 569


def test_the_target_reaches_the_transformer(cancer):
    X, y = cancer

    class NeedsTarget(StandardScaler):
        def fit(self, X, y=None):
            assert y is not None
            return super().fit(X)

    assert TransformedSampler(NeedsTarget(), KCenterGreedy(9)).fit(X, y).get_support().sum() == 9


def test_a_column_transformer_selects_by_name(mixed):
    X, y = mixed
    transformer = make_column_transformer(
        (StandardScaler(), ["gain", "hours"]), (OneHotEncoder(), ["country"])
    )
    frame = X[["gain", "hours", "country"]]
    expected = KCenterGreedy(30).fit(transformer.fit_transform(frame), y)
    got = TransformedSampler(transformer, KCenterGreedy(30)).fit(X, y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    assert got.feature_names_in_.tolist() == X.columns.tolist()


def test_errors(mixed, cancer):
    X, y = cancer
    with pytest.raises(ValueError, match="returned 284 samples for 569"):
        TransformedSampler(FunctionTransformer(lambda X: X[1::2]), Uniform(9)).fit(X, y)
    with pytest.raises(TypeError, match=r"SMOTE.* has no fitted attribute sample_indices_"):
        TransformedSampler("auto", SMOTE(random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match=r"RandomUnderSampler.* does not support sample_weight"):
        TransformedSampler("auto", RandomUnderSampler()).fit(X, y, sample_weight=np.ones(569))
    with pytest.raises(ValueError, match=r"column 'country' holds text.*transformer='auto'"):
        TransformedSampler(StandardScaler(), Uniform(9)).fit(*mixed)
    with pytest.raises(ValueError, match="The 'transformer' parameter of TransformedSampler"):
        TransformedSampler("best").fit(X, y)
    with pytest.raises(ValueError, match="The 'sampler' parameter of TransformedSampler"):
        TransformedSampler("auto", StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match=r"sampler__coreset_size cannot be set, because sampler"):
        TransformedSampler().set_params(sampler__coreset_size=9)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TransformedSampler("auto", Uniform(9)).fit(X, y[1:])
    with pytest.raises(ValueError, match="larger than the number of samples"):
        TransformedSampler("auto", Uniform(570)).fit(X, y)


# samplers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [RandomUnderSampler(random_state=0), NearMiss()], ids=name_of)
def test_samplers_of_imbalanced_learn(sampler, cancer):
    X, y = cancer
    expected = clone(sampler)
    expected.fit_resample(StandardScaler().fit_transform(X), y)
    got = TransformedSampler(StandardScaler(), sampler)
    rows, _ = got.fit_resample(X, y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_array_equal(rows, X[expected.sample_indices_])
    assert not hasattr(got, "sample_weight_")
    assert got.device_ == "cpu"
    assert got.__sklearn_tags__().target_tags.required
    model = CoresetClassifier(HistGradientBoostingClassifier(max_iter=3), got).fit(X, y)
    assert model.score(X, y) > 0.8


def test_a_pipeline_as_sampler(cancer):
    X, y = cancer
    inner = imblearn_pipeline(PCA(3), KCenterGreedy(20))
    got = TransformedSampler(StandardScaler(), inner).fit(X, y)
    expected = KCenterGreedy(20).fit(PCA(3).fit_transform(StandardScaler().fit_transform(X)), y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_array_equal(got.sample_weight_, expected.sample_weight_)


def test_one_inside_another(cancer):
    X, y = cancer
    inner = TransformedSampler(PCA(3), KCenterGreedy(20))
    got = TransformedSampler(StandardScaler(), inner).fit(X, y)
    pipe = make_pipeline(StandardScaler(), PCA(3))
    expected = KCenterGreedy(20).fit(pipe.fit_transform(X), y)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)


def test_scores_for_a_sampler_around_it(cancer):
    X, y = cancer
    scaled = StandardScaler().fit_transform(X)
    got = CoverageCentric(TransformedSampler(StandardScaler(), Entropy()), 40, random_state=0)
    expected = CoverageCentric(Entropy(), 40, random_state=0).fit(scaled, y)
    np.testing.assert_array_equal(got.fit(X, y).sample_indices_, expected.sample_indices_)


def test_the_purpose_and_the_tags_are_those_inside(cancer):
    for inner in (KCenterGreedy(), Margin()):
        tags = TransformedSampler("auto", inner).__sklearn_tags__()
        of_inner = inner.__sklearn_tags__()
        assert tags.sampler_tags.purposes == of_inner.sampler_tags.purposes
        assert tags.target_tags.required == of_inner.target_tags.required
        assert tags.input_tags.allow_nan
        assert tags.input_tags.string
    with_scaler = TransformedSampler(QuantileTransformer(), KCenterGreedy()).__sklearn_tags__()
    assert not with_scaler.input_tags.string
    assert with_scaler.input_tags.allow_nan
    bare = TransformedSampler(None, KCenterGreedy()).__sklearn_tags__()
    assert not bare.input_tags.allow_nan
    assert bare.input_tags.sparse
    with pytest.warns(UserWarning, match="selects samples for labeling"):
        CoresetClassifier(
            LogisticRegression(max_iter=10_000), TransformedSampler("auto", Margin())
        ).fit(*cancer)


# inside estimators and searches -----------------------------------------------------------------


def test_a_booster_learns_raw_columns_of_what_was_selected_in_scaled_ones(mixed):
    X, y = mixed
    X = X.drop(columns="since").astype({"country": "category", "work": "category"})
    booster = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=20)
    model = CoresetClassifier(booster, TransformedSampler("auto", KCenterGreedy(0.2)))
    search = GridSearchCV(
        model,
        {
            "sampler__sampler__coreset_size": [0.1, 0.5],
            "sampler__transformer": ["auto", AutoFeatures()],
            "sampler__sampler": [KCenterGreedy(), Herding()],
        },
        cv=2,
        error_score="raise",
    ).fit(X, y)
    best = search.best_estimator_
    assert best.sampler_.sampler_.coreset_size == 0.5
    assert best.estimator_.feature_names_in_.tolist() == X.columns.tolist()
    assert best.estimator_.is_categorical_.tolist() == [False] * 4 + [True] * 2
    assert search.score(X, y) > 0.8
    scaled = CoresetClassifier(
        LogisticRegression(), TransformedSampler(StandardScaler(), KCenterGreedy(0.2))
    )
    search = GridSearchCV(scaled, {"sampler__transformer__with_mean": [True, False]}, cv=2)
    numbers = X[["hours", "gain"]]
    assert search.fit(numbers, y).best_score_ > 0.6


def test_imblearn_pipeline(mixed):
    X, y = mixed
    booster = HistGradientBoostingClassifier(max_iter=5)
    frame = X[["age", "gain", "hours"]]
    pipe = imblearn_pipeline(TransformedSampler("auto", KCenterGreedy(100)), booster).fit(frame, y)
    rows, labels = TransformedSampler("auto", KCenterGreedy(100)).fit_resample(frame, y)
    alone = clone(booster).fit(rows, labels)
    np.testing.assert_array_equal(pipe.predict_proba(frame), alone.predict_proba(frame))


def test_a_regressor_takes_whole_numbers_as_numbers():
    X, y = load_diabetes(return_X_y=True)
    assert (y == y.round()).all()
    for inner in (KCenterGreedy(50), None):
        model = CoresetRegressor(Ridge(), TransformedSampler("auto", inner)).fit(X, y)
        assert model.sampler_.sampler_.stratify is None
        assert len(model.sampler_.sample_indices_) == (50 if inner else 44)
    with pytest.raises(ValueError, match="requires classes"):
        CoresetRegressor(Ridge(), TransformedSampler("auto", Margin())).fit(X, y)


def test_parameters_of_the_sampler_inside_are_checked_before_any_work(cancer):
    broken = TransformedSampler("auto", KCenterGreedy(0.0))
    with pytest.raises(ValueError, match="The 'coreset_size' parameter of KCenterGreedy"):
        CoresetClassifier(LogisticRegression(), broken).fit(*cancer)


def test_progress(cancer):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    outer, inner = Recorder(), Recorder()
    sampler = TransformedSampler("auto", KCenterGreedy(30).set_callbacks(inner))
    sampler.set_callbacks(outer).fit(*cancer)
    assert outer.events == {"setup": 1, "begin": 2, "end": 2, "teardown": 1}
    assert inner.events == {"setup": 1, "begin": 31, "end": 31, "teardown": 1}


def test_progress_bars_reach_the_sampler_inside(cancer):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

    class Everywhere(Recorder):
        max_propagation_depth = None

    everywhere = Everywhere()
    assert isinstance(everywhere, callback.AutoPropagatedCallback)
    TransformedSampler("auto", KCenterGreedy(30)).set_callbacks(everywhere).fit(*cancer)
    # the fit, the selection (which is the fit inside), and 30 samples
    assert everywhere.events == {"setup": 1, "begin": 32, "end": 32, "teardown": 1}


@pytest.mark.skipif(not hasattr(KCenterGreedy, "truncate"), reason="no sampler has it")
@pytest.mark.parametrize("inner", [KCenterGreedy(40), Herding(40), Uniform(40, random_state=0)])
def test_truncate(inner, cancer):
    X, y = cancer
    got = TransformedSampler("auto", inner).fit(X, y)
    data = (X, y) if isinstance(inner, KCenterGreedy) else ()
    small = got.truncate(20, *data)
    expected = TransformedSampler("auto", clone(inner).set_params(coreset_size=20)).fit(X, y)
    np.testing.assert_array_equal(small.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(small.sample_weight_, expected.sample_weight_)
    assert small.sampler.coreset_size == small.sampler_.coreset_size == 20
    assert len(got.sample_indices_) == 40
    assert small.fit_resample(X, y)[0].shape == (20, 30)
    assert not hasattr(TransformedSampler("auto", RandomUnderSampler()), "truncate")


def test_clone_pickle_and_a_fit_that_fails(cancer):
    X, y = cancer
    got = TransformedSampler("auto", KCenterGreedy(30)).fit(X, y)
    back = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(back.sample_indices_, got.sample_indices_)
    np.testing.assert_array_equal(back.transformer_.transform(X), got.transformer_.transform(X))
    with pytest.raises(NotFittedError):
        clone(got).get_support()
    with pytest.raises(ValueError, match="inconsistent"):
        got.fit(X, y[1:])
    np.testing.assert_array_equal(back.sample_indices_, got.sample_indices_)
