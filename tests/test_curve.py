"""coreset_curve, smallest_coreset and CoresetSearchCV: scores on coresets by cross-validation."""

import pickle
from types import SimpleNamespace

import numpy as np
import oracles
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from joblib import parallel_config
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR

from skcoreset import (
    Coreset,
    CoresetClassifier,
    CoresetRegressor,
    CoresetSearchCV,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Margin,
    Uniform,
    _curve_results,
    _curve_run,
    coreset_curve,
    smallest_coreset,
)

SIZES = [0.05, 0.1, 0.3]
MODEL = make_pipeline(StandardScaler(), SVC())
SPLITTER = StratifiedKFold(3)


def curve(X, y, estimator=MODEL, samplers=Herding(), sizes=SIZES, cv=SPLITTER, **others):  # noqa: B008
    others = {"n_uniform": 0, "error_score": "raise"} | others
    return coreset_curve(estimator, X, y, samplers=samplers, coreset_sizes=sizes, cv=cv, **others)


# The scores ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "weighted", "scale"),
    [(SIZES, False, "mean"), (SIZES, True, "total"), ([10, 25, 77], True, "mean")],
)
def test_scores_are_those_of_a_plain_loop(sizes, weighted, scale, blobs, rng):
    X, y = blobs
    weight = rng.integers(0, 4, len(y)).astype(float) if weighted else None
    samplers = [Herding(), KCenterGreedy(), Margin(), Uniform(random_state=0)]
    got = curve(
        *blobs,
        samplers=samplers,
        sizes=sizes[::-1],
        return_train_score=True,
        weight_scale=scale,
        params={"svc__sample_weight": weight} if weighted else None,
    )
    splits = list(SPLITTER.split(X, y))
    test, train, full = oracles.curve(MODEL, X, y, samplers, sizes, splits, weight, scale)
    assert got.sampler_names == ["Herding", "KCenterGreedy", "Margin", "Uniform"]
    np.testing.assert_array_equal(got.coreset_sizes, sizes)
    np.testing.assert_array_equal(got.test_scores, test)
    np.testing.assert_array_equal(got.train_scores, train)
    np.testing.assert_array_equal(got.full_test_scores, full)
    np.testing.assert_array_equal(got.n_train, [200, 200, 200])
    np.testing.assert_array_equal(got.n_draws, [1, 1, 1, 1])
    if not weighted:
        numbers = [10, 20, 60] if isinstance(sizes[0], float) else sizes
        np.testing.assert_array_equal(got.n_rows, np.tile(np.array(numbers)[:, None], (4, 1, 3)))


def test_regressors():
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), SVR())
    samplers = [Herding(stratify=None), ImportanceSampling(stratify=None, random_state=0)]
    got = curve(X, y, model, samplers, cv=3)
    test, _, full = oracles.curve(model, X, y, samplers, SIZES, list(KFold(3).split(X)))
    np.testing.assert_allclose(got.test_scores, test)
    np.testing.assert_allclose(got.full_test_scores, full)
    assert got.score_name == "R2"


@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_scores_are_those_of_the_meta_estimator(use_weights, blobs):
    """Also without a Pipeline, and with a Pipeline inside."""
    for model in (SVC(), Pipeline([("only", SVC())])):
        got = curve(
            *blobs, model, KCenterGreedy(), use_weights=use_weights, return_train_score=True
        )
        for k, size in enumerate(SIZES):
            small = CoresetClassifier(SVC(), KCenterGreedy(size), use_weights=use_weights)
            expected = cross_validate(small, *blobs, cv=SPLITTER)["test_score"]
            np.testing.assert_array_equal(got.test_scores[0, k], expected)
        expected = cross_validate(SVC(), *blobs, cv=SPLITTER, return_train_score=True)
        np.testing.assert_array_equal(got.full_test_scores, expected["test_score"])
        np.testing.assert_array_equal(got.full_train_scores, expected["train_score"])


def test_the_default_sampler(blobs):
    got = curve(*blobs, samplers=None, sizes=[0.1], random_state=0)
    expected = curve(*blobs, samplers=Coreset(), sizes=[0.1], random_state=0)
    assert got.sampler_names == ["Coreset"]
    np.testing.assert_array_equal(got.test_scores, expected.test_scores)


def test_several_scorers(blobs):
    names = ["accuracy", "neg_log_loss", "f1_macro"]
    model = LogisticRegression()
    given = {"sizes": [0.2], "return_train_score": True, "n_uniform": 2, "random_state": 0}
    got = curve(*blobs, model, scoring=names, **given)
    for name in names:
        alone = curve(*blobs, model, scoring=name, **given)
        for key in ("test_scores", "train_scores", "full_test_scores", "full_train_scores"):
            np.testing.assert_array_equal(got[key][name], alone[key])
        np.testing.assert_equal(got.test_draws[name], alone.test_draws)
    assert got.score_name["neg_log_loss"] == "Negative log loss"
    assert curve(*blobs, model, sizes=[0.2], scoring="f1_macro").score_name == "F1 macro"
    by_name = curve(*blobs, model, sizes=[0.2], scoring={"mine": "accuracy"})
    np.testing.assert_array_equal(by_name.test_scores["mine"], got.test_scores["accuracy"][:1])

    def both(estimator, X, y):
        return {"hits": (estimator.predict(X) == y).sum(), "accuracy": estimator.score(X, y)}

    np.testing.assert_array_equal(
        curve(*blobs, model, sizes=[0.2], scoring=both).test_scores["accuracy"],
        got.test_scores["accuracy"][:1],
    )

    def hits(estimator, X, y):
        return accuracy_score(y, estimator.predict(X), normalize=False)

    alone = curve(*blobs, model, sizes=[0.2], scoring=hits)
    assert alone.score_name == "Hits"
    np.testing.assert_allclose(alone.test_scores, 100 * got.test_scores["accuracy"][:1])


@pytest.mark.parametrize("kind", ["pandas", "polars", "csr", "list", "float32"])
def test_containers(kind, blobs):
    X, y = blobs
    X = X.astype(np.float32).astype(float)
    names = [f"f{j}" for j in range(X.shape[1])]
    make = {
        "pandas": lambda: (pd.DataFrame(X, columns=names, index=range(7, 307)), pd.Series(y)),
        "polars": lambda: (pl.DataFrame(X, schema=names), pl.Series(y)),
        "csr": lambda: (sparse.csr_array(X), y),
        "list": lambda: (X.tolist(), y.tolist()),
        "float32": lambda: (X.astype(np.float32), y.astype("int32")),
    }
    model = KNeighborsClassifier(1)
    samplers = [KCenterGreedy(), Uniform(random_state=0)]
    got = curve(*make[kind](), model, samplers, use_weights=False, return_indices=True)
    expected = curve(X, y, model, samplers, use_weights=False, return_indices=True)
    np.testing.assert_array_equal(got.test_scores, expected.test_scores)
    np.testing.assert_equal(got.indices["coreset"], expected.indices["coreset"])


def test_classes_that_are_strings(blobs):
    X, y = blobs
    names = np.array(["a", "b", "c"])[y]
    np.testing.assert_array_equal(curve(X, names).test_scores, curve(X, y).test_scores)


def test_indices(blobs):
    X, y = blobs
    got = curve(X, y, samplers={"k": KCenterGreedy(), "h": Herding()}, return_indices=True)
    splits = list(SPLITTER.split(X, y))
    for f, (train, test) in enumerate(splits):
        np.testing.assert_array_equal(got.indices["train"][f], train)
        np.testing.assert_array_equal(got.indices["test"][f], test)
        X_train = StandardScaler().fit_transform(X[train])
        for k, size in enumerate(SIZES):
            selected = KCenterGreedy(size).fit(X_train, y[train]).sample_indices_
            np.testing.assert_array_equal(got.indices["coreset"]["k"][k][f], train[selected])


def test_groups(blobs):
    X, y = blobs
    groups = np.arange(len(y)) % 4
    got = curve(X, y, groups=groups, cv=GroupKFold(4), return_indices=True)
    for f in range(4):
        assert len(set(groups[got.indices["test"][f]])) == 1
        for k in range(len(SIZES)):
            selected = got.indices["coreset"]["Herding"][k][f]
            assert set(groups[selected]).isdisjoint(groups[got.indices["test"][f]])


# Random draws -------------------------------------------------------------------------------


def test_draws_of_uniform(blobs):
    X, y = blobs
    got = curve(X, y, n_uniform=4, random_state=0, return_indices=True)
    assert got.sampler_names == ["Herding", "Uniform"]
    np.testing.assert_array_equal(got.n_draws, [1, 4])
    draws = got.test_draws["Uniform"]
    assert draws.shape == (4, 3, 3)
    np.testing.assert_allclose(got.test_scores[1], draws.mean(axis=0))
    np.testing.assert_array_equal(got.test_draws["Herding"][0], got.test_scores[0])
    assert len(np.unique(draws.reshape(4, -1), axis=0)) == 4
    # Each draw is that of one seed.
    random_state = np.random.RandomState(0)
    random_state.randint(2**31 - 1, size=(3, 1))  # of Herding
    seeds = random_state.randint(2**31 - 1, size=(3, 4))
    for f, (train, test) in enumerate(SPLITTER.split(X, y)):
        for d in range(4):
            seed = np.random.RandomState(seeds[f, d]).randint(2**31 - 1)
            small = CoresetClassifier(SVC(), Uniform(0.1, random_state=seed))
            model = make_pipeline(StandardScaler(), small).fit(X[train], y[train])
            assert draws[d, 1, f] == model.score(X[test], y[test])


@pytest.mark.parametrize("seed", [None, 3])
def test_a_uniform_of_the_user_is_drawn_as_often(seed, blobs):
    mine = Uniform(stratify="balanced", random_state=seed)
    got = curve(*blobs, samplers=[mine, Herding()], n_uniform=3, random_state=1)
    assert got.sampler_names == ["Uniform", "Herding"]
    draws = got.test_draws["Uniform"]
    assert len(np.unique(draws.reshape(3, -1), axis=0)) == 3
    again = curve(*blobs, samplers=mine, n_uniform=3, random_state=1 if seed is None else 2)
    np.testing.assert_array_equal(again.test_draws["Uniform"], draws)
    assert mine.random_state == seed


def test_random_state_decides_everything(blobs):
    samplers = [ImportanceSampling(sensitivity="kmeans"), Uniform()]
    with parallel_config("threading"):  # processes would take seconds to start
        got = [
            curve(*blobs, samplers=samplers, n_uniform=2, random_state=seed, n_jobs=n_jobs)
            for seed, n_jobs in ((0, None), (0, 2), (1, None))
        ]
    np.testing.assert_array_equal(got[0].test_scores, got[1].test_scores)
    np.testing.assert_array_equal(got[0].n_rows, got[1].n_rows)
    assert (got[0].test_scores != got[2].test_scores).any(axis=(1, 2)).all()


# Times, and what is fitted how often --------------------------------------------------------


class Clock:
    """Stands still, unless something advances it."""

    now = 0.0

    @classmethod
    def perf_counter(cls):
        return cls.now


class SlowScaler(TransformerMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y=None):
        Clock.now += 100
        type(self).fits += 1
        return self

    def transform(self, X):
        return X


class SlowKNeighbors(KNeighborsClassifier):
    def fit(self, X, y):
        Clock.now += len(X)
        return super().fit(X, y)

    def score(self, X, y):
        Clock.now += 0.5
        return super().score(X, y)


class SlowSampler(KCenterGreedy):
    def fit_resample(self, X, y=None, sample_weight=None):
        Clock.now += 1000
        return super().fit_resample(X, y, sample_weight)


def test_times(monkeypatch, blobs):
    monkeypatch.setattr(_curve_run, "time", Clock)
    SlowScaler.fits = 0
    model = make_pipeline(SlowScaler(), SlowKNeighbors(1))
    got = curve(*blobs, model, SlowSampler(), use_weights=False, n_uniform=3)
    np.testing.assert_array_equal(got.select_times[0], np.full((3, 3), 1000))
    np.testing.assert_array_equal(got.fit_times[0], 100 + got.n_rows[0])
    np.testing.assert_array_equal(got.fit_times[1], 100 + got.n_rows[0])
    np.testing.assert_array_equal(got.full_fit_times, [300, 300, 300])
    np.testing.assert_array_equal(got.score_times, np.full((2, 3, 3), 0.5))
    np.testing.assert_array_equal(got.full_score_times, np.full(3, 0.5))
    assert SlowScaler.fits == 3  # once for each split


def test_callbacks_of_the_sampler_are_called(blobs):
    callback = pytest.importorskip("sklearn.callback")
    calls = []

    class Count(SimpleNamespace):
        def setup(self, *args, **kwargs):
            calls.append("setup")

        def teardown(self, *args, **kwargs):
            calls.append("teardown")

        def on_fit_task_begin(self, *args, **kwargs):
            pass

        def on_fit_task_end(self, *args, **kwargs):
            pass

    assert callback
    curve(*blobs, samplers=KCenterGreedy().set_callbacks(Count()), sizes=[0.1])
    assert calls.count("setup") == 3


@pytest.mark.parametrize(
    "sampler", [KCenterGreedy(), Margin(), Uniform(random_state=0), Herding(stratify=None)]
)
def test_nested_selections_are_made_once(sampler, blobs, monkeypatch):
    """At the largest size only; the others, and their weights, are those of fits."""
    fitted, select = [], type(sampler)._select

    def count(self, *args):
        fitted.append(self.coreset_size)
        return select(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(type(sampler), "_select", count)
        got = curve(*blobs, samplers=sampler)
    assert fitted == [0.3, 0.3, 0.3]
    splits = list(SPLITTER.split(*blobs))
    expected, _, _ = oracles.curve(MODEL, *blobs, [sampler], SIZES, splits)
    np.testing.assert_array_equal(got.test_scores, expected)
    with monkeypatch.context() as patch:
        patch.setattr(type(sampler), "_not_nested", "I say so")
        patch.setattr(type(sampler), "_select", count)
        again = curve(*blobs, samplers=sampler)
    assert fitted[3:] == 3 * SIZES[::-1]
    np.testing.assert_array_equal(again.test_scores, expected)


def test_a_smaller_size_with_more_samples_of_a_class(rng):
    """Of 11 samples 3 are of this class, of 12 only 2: the Alabama paradox."""
    y = np.repeat([0, 1, 2], [7, 5, 11])
    X, everything = rng.standard_normal((23, 2)), [(np.arange(23), np.arange(23))]
    counts = [Uniform(k).fit(X, y).sampling_strategy_[1] for k in (11, 12)]
    assert counts == [3, 2]
    got = curve(X, y, samplers=KCenterGreedy(), sizes=[11, 12], cv=everything)
    expected, _, _ = oracles.curve(MODEL, X, y, [KCenterGreedy()], [11, 12], everything)
    np.testing.assert_array_equal(got.test_scores, expected)


# Failures -----------------------------------------------------------------------------------


class FailsOnFew(KNeighborsClassifier):
    """A classifier that cannot be fitted on fewer than 15 samples, or on more than `most`."""

    def __init__(self, most=1000):
        super().__init__(1)
        self.most = most

    def fit(self, X, y):
        if not 15 <= len(X) <= self.most:
            raise RuntimeError("a number of samples that I do not like")
        return super().fit(X, y)


class FailingTransformer(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        raise RuntimeError("no transformation")

    def transform(self, X):
        return X


def test_a_failing_selection_or_fit_has_the_error_score(blobs):
    given = {"use_weights": False, "n_uniform": 0, "sizes": [0.01, 0.05, 0.1]}
    with pytest.warns(FitFailedWarning, match="6 of 12 fits failed, and their scores are -1") as w:
        got = curve(*blobs, FailsOnFew(), **given, error_score=-1, return_indices=True)
    text = str(w[0].message)
    assert "3 fits (coreset_size=0.01, Herding): ValueError: coreset_size=0.01 gives 2" in text
    assert "3 fits (coreset_size=0.05, Herding): RuntimeError: a number of samples" in text
    assert w[0].filename == __file__
    np.testing.assert_array_equal(got.test_scores[0, :2], np.full((2, 3), -1.0))
    assert (got.test_scores[0, 2] > 0.3).all()
    np.testing.assert_array_equal(got.n_rows[0], [[2] * 3, [10] * 3, [20] * 3])
    assert got.indices["coreset"]["Herding"][0] == [None] * 3
    with pytest.warns(FitFailedWarning, match="nan"):
        got = curve(*blobs, FailsOnFew(), **given, error_score=np.nan, scoring=["accuracy"])
    assert np.isnan(got.test_scores["accuracy"][0, :2]).all()
    with pytest.raises(ValueError, match=r"coreset_size=0.01 gives 2 samples"):
        curve(*blobs, FailsOnFew(), use_weights=False, sizes=[0.01])
    with pytest.warns(FitFailedWarning, match=r"3 fits \(All samples\): RuntimeError"):
        got = curve(*blobs, FailsOnFew(100), use_weights=False, sizes=[0.1], error_score=0)
    np.testing.assert_array_equal(got.full_test_scores, [0, 0, 0])


def test_if_all_fails_it_is_an_error(blobs):
    model = make_pipeline(FailingTransformer(), SVC())
    with pytest.raises(ValueError, match=r"All 12 fits failed(?s:.*)no transformation"):
        curve(*blobs, model, error_score=0)
    with pytest.raises(RuntimeError, match="no transformation"):
        curve(*blobs, model)


def test_a_failing_scorer(blobs):
    def scorer(estimator, X, y):
        raise RuntimeError("no score")

    with pytest.warns(UserWarning, match="Scoring failed"):
        got = curve(*blobs, scoring=scorer, error_score=-2, full=False)
    np.testing.assert_array_equal(got.test_scores, np.full((1, 3, 3), -2.0))


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"sizes": [0.1, 1.5]}, ValueError, r"coreset_sizes has 1.5"),
        ({"sizes": [0]}, ValueError, r"coreset_sizes has 0\. Each size is"),
        ({"sizes": [True]}, ValueError, r"coreset_sizes has True"),
        ({"sizes": [10, 201]}, ValueError, r"has 201, but the smallest training fold has 200"),
        ({"sizes": [10, 0.5]}, ValueError, r"ints, which are numbers of samples, and floats"),
        ({"sizes": [0.1, 0.2, 0.1]}, ValueError, r"has 0.1 twice"),
        ({"sizes": []}, ValueError, r"coreset_sizes is empty"),
        ({"samplers": [SVC()]}, TypeError, r"SVC\(\) in samplers has no method fit_resample"),
        ({"samplers": RandomUnderSampler()}, TypeError, r"has no parameter coreset_size"),
        ({"samplers": []}, ValueError, r"samplers is empty"),
        ({"samplers": [Herding(), Herding()]}, ValueError, r"Herding\(\) twice"),
        ({"samplers": {1: Herding()}}, ValueError, r"name 1 of a sampler must be a string"),
        ({"samplers": {"All samples": Herding()}}, ValueError, r"other than 'All samples'"),
        (
            {"samplers": {"Uniform": Herding()}, "n_uniform": 1},
            ValueError,
            r"Use another name, or n_uniform=0",
        ),
        ({"samplers": KCenterGreedy(metric=3)}, ValueError, r"'metric' parameter"),
        ({"estimator": SVC(kernel="precomputed")}, ValueError, r"precomputed matrix"),
        (
            {"estimator": make_imblearn_pipeline(RandomUnderSampler(), SVC())},
            ValueError,
            r"step 'randomundersampler' of the Pipeline resamples",
        ),
        (
            {"estimator": KNeighborsClassifier(), "use_weights": True},
            ValueError,
            "use_weights=True",
        ),
        (
            {"estimator": KNeighborsClassifier(), "params": {"sample_weight": np.ones(300)}},
            ValueError,
            r"does not support sample_weight",
        ),
        ({"params": {"sample_weight": np.ones(300)}}, ValueError, r"svc__sample_weight"),
        ({"params": {"svc__color": 3}}, ValueError, r"'svc__color', but sample_weight is the only"),
        ({"estimator": Ridge(), "samplers": Margin()}, ValueError, "Margin.* requires classes"),
        ({"n_uniform": -1}, ValueError, "'n_uniform' parameter"),
        ({"error_score": "ignore"}, ValueError, "'error_score' parameter"),
    ],
)
def test_errors_before_any_work(given, error, match, blobs, monkeypatch):
    def work(*args, **kwargs):
        raise AssertionError("some work was done")

    monkeypatch.setattr(_curve_run.CurveRun, "evaluate", work)
    with pytest.raises(error, match=match):
        curve(*blobs, **given)


def test_errors_about_the_target(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        curve(X, None)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        curve(X, y + 0.5)
    with pytest.raises(ValueError, match="Found input variables with inconsistent numbers"):
        curve(X, y[:-1])


# Samplers of other kinds --------------------------------------------------------------------


def test_names(blobs):
    samplers = [KCenterGreedy(), KCenterGreedy(metric="cosine"), Herding()]
    got = curve(*blobs, samplers=samplers, sizes=[0.1])
    assert got.sampler_names == ["KCenterGreedy()", "KCenterGreedy(metric='cosine')", "Herding"]


def test_a_pipeline_that_ends_in_a_sampler(blobs):
    nested = make_imblearn_pipeline(MinMaxScaler(), KCenterGreedy())
    got = curve(*blobs, SVC(), nested)
    for k, size in enumerate(SIZES):
        one = clone(nested).set_params(kcentergreedy__coreset_size=size)
        expected = cross_validate(CoresetClassifier(SVC(), one), *blobs, cv=SPLITTER)
        np.testing.assert_array_equal(got.test_scores[0, k], expected["test_score"])


class NoIndices(NearMiss):
    """A sampler that selects without saying which samples, of a size that is a parameter."""

    def __init__(self, coreset_size=1):
        super().__init__()
        self.coreset_size = coreset_size

    def fit_resample(self, X, y):
        rows = np.argsort(np.arange(len(y)) % 70, kind="stable")
        rows = rows[: round(self.coreset_size * len(X))]
        return X[rows], y[rows]


def test_a_sampler_without_indices(blobs):
    got = curve(*blobs, SVC(), NoIndices(), use_weights=False, return_indices=True)
    np.testing.assert_array_equal(got.n_rows[0], np.repeat([10, 20, 60], 3).reshape(3, 3))
    assert got.indices["coreset"]["NoIndices"][0] == [None] * 3
    with pytest.raises(ValueError, match="requires a sampler with the attribute sample_indices_"):
        curve(*blobs, SVC(), NoIndices(), use_weights=False, return_train_score=True)


# Metadata -----------------------------------------------------------------------------------


def test_metadata_routing(blobs, rng):
    X, y = blobs
    weight, groups = rng.integers(1, 4, len(y)).astype(float), np.arange(len(y)) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        asks = make_pipeline(scaler, SVC().set_fit_request(sample_weight=True))
        params = {"sample_weight": weight, "groups": groups}
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        given = {"cv": GroupKFold(3), "params": params}
        got = curve(X, y, asks, **given, scoring=scorer, return_train_score=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        both = make_pipeline(scaler, SVC().set_fit_request(sample_weight=True))
        weighted_scores = curve(X, y, both, **given, scoring=scorer)
        with pytest.raises(UnsetMetadataPassedError, match=r"not requested for SVC.fit"):
            curve(X, y, make_pipeline(scaler, SVC()), **given, scoring=scorer)
        with pytest.raises(UnsetMetadataPassedError, match=r"used within coreset_curve\."):
            curve(X, y, SVC(), **given, scoring=scorer)
        with pytest.raises(ValueError, match=r"params=\{'groups': groups\}"):
            curve(X, y, asks, cv=GroupKFold(3), groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    test, train, full = oracles.curve(MODEL, X, y, [Herding()], SIZES, splits, weight)
    np.testing.assert_array_equal(got.test_scores, test)
    np.testing.assert_array_equal(got.train_scores, train)
    np.testing.assert_array_equal(got.full_test_scores, full)
    train, at = splits[0]
    scaler = StandardScaler().fit(X[train], y[train], weight[train])
    model = SVC().fit(scaler.transform(X[train]), y[train], weight[train])
    expected = model.score(scaler.transform(X[at]), y[at], weight[at])
    assert weighted_scores.full_test_scores[0] == expected


# The result ---------------------------------------------------------------------------------


def test_keys(blobs):
    always = {"sampler_names", "coreset_sizes", "n_rows", "n_train", "n_draws", "test_scores"}
    always |= {"test_draws", "select_times", "fit_times", "score_times", "score_name"}
    full = {"full_test_scores", "full_fit_times", "full_score_times"}
    given = {"sizes": [0.1]}
    assert set(curve(*blobs, **given)) == always | full
    assert set(curve(*blobs, **given, full=False)) == always
    got = curve(*blobs, **given, return_train_score=True, return_indices=True)
    assert set(got) == always | full | {
        "train_scores",
        "train_draws",
        "full_train_scores",
        "indices",
    }
    again = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(again.test_scores, got.test_scores)
    pd.testing.assert_frame_equal(again.to_frame(), got.to_frame())


def test_to_frame(blobs):
    got = curve(*blobs, n_uniform=2, return_train_score=True, scoring=["accuracy", "f1_macro"])
    frame = got.to_frame()
    assert len(frame) == 3 * 3 * (1 + 2) + 3
    assert list(frame) == [
        *("sampler", "coreset_size", "split", "draw", "n_rows", "n_train"),
        *("test_accuracy", "test_f1_macro", "train_accuracy", "train_f1_macro"),
        *("select_time", "fit_time", "score_time"),
    ]
    row = frame.query("sampler == 'Uniform' and coreset_size == 0.1 and split == 2 and draw == 1")
    assert row["test_f1_macro"].item() == got.test_draws["f1_macro"]["Uniform"][1, 1, 2]
    assert row["train_accuracy"].item() == got.train_draws["accuracy"]["Uniform"][1, 1, 2]
    assert row["fit_time"].item() == got.fit_times[1, 1, 2]
    assert row["n_rows"].item() == 20
    row = frame.query("sampler == 'All samples' and split == 1")
    assert row["test_accuracy"].item() == got.full_test_scores["accuracy"][1]
    assert np.isnan(row["coreset_size"].item())
    means = frame.groupby(["sampler", "coreset_size"])["test_accuracy"].mean()
    np.testing.assert_allclose(means["Herding"], got.test_scores["accuracy"][0].mean(axis=1))
    one = curve(*blobs, full=False).to_frame()
    assert "test_score" in one
    assert set(one["sampler"]) == {"Herding"}


def test_verbose(blobs, capsys):
    curve(*blobs, sizes=[0.1], verbose=2)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 6
    assert printed[0].startswith("[coreset_curve] split 0, Herding, coreset_size=0.1: score=0.")
    assert printed[1].startswith("[coreset_curve] split 0, All samples: score=0.")


# The smallest coreset -----------------------------------------------------------------------


def results(scores, full=(0.9, 0.8, 0.7), rows=None):
    scores = np.array(scores, dtype=float)  # [sampler][size]
    rows = np.tile([10, 20, 40], (len(scores), 1)) if rows is None else np.array(rows)
    return _curve_results.CurveResults(
        sampler_names=["A", "B"][: len(scores)],
        coreset_sizes=np.array([0.1, 0.2, 0.4]),
        n_rows=np.repeat(rows[:, :, None], 3, axis=2),
        test_scores=np.repeat(scores[:, :, None], 3, axis=2),
        full_test_scores=np.array(full),
    )


def test_smallest_coreset():
    # The standard error is 0.1 / sqrt(3) = 0.0577, so that 0.7423 is accepted.
    found = smallest_coreset(results([[0.70, 0.742, 0.79], [0.60, 0.743, 0.80]]))
    assert (found.sampler_name, found.coreset_size, found.n_rows) == ("B", 0.2, 20)
    assert found.score == pytest.approx(0.743)
    assert found.full_score == pytest.approx(0.8)
    assert found.min_score == pytest.approx(0.8 - 0.1 / np.sqrt(3))
    found = smallest_coreset(results([[0.70, 0.742, 0.79], [0.60, 0.743, 0.80]]), tolerance=0.1)
    assert (found.sampler_name, found.coreset_size) == ("A", 0.1)
    # Of equal sizes the better one; of samplers that select fewer, the one with fewer samples.
    found = smallest_coreset(results([[0.7, 0.8, 0.8], [0.7, 0.81, 0.8]]), tolerance=0.05)
    assert found.sampler_name == "B"
    rows = [[10, 20, 30], [5, 20, 19]]
    found = smallest_coreset(results([[0.7, 0.8, 0.8], [0.7, 0.7, 0.8]], rows=rows))
    assert (found.sampler_name, found.coreset_size, found.n_rows) == ("B", 0.4, 19)


def test_smallest_coreset_of_several_scorers(blobs):
    got = curve(*blobs, scoring=["accuracy", "f1_macro"])
    alone = curve(*blobs, scoring="f1_macro")
    found = smallest_coreset(got, scorer="f1_macro", tolerance=0.3)
    assert found == smallest_coreset(alone, tolerance=0.3)
    assert found != smallest_coreset(got, scorer="accuracy", tolerance=0.3)
    with pytest.raises(ValueError, match=r"scorer=None is not one of the scorers .*'f1_macro'"):
        smallest_coreset(got)
    with pytest.raises(ValueError, match="have a single scorer"):
        smallest_coreset(alone, scorer="f1_macro")


def test_no_coreset_is_good_enough(blobs):
    with pytest.raises(ValueError, match=r"at least 0.79; .* 0.8\. The best score is 0.7, of A w"):
        smallest_coreset(results([[0.5, 0.7, 0.6]]), tolerance=0.01)
    with pytest.raises(ValueError, match="All of them are NaN"):
        smallest_coreset(results([[np.nan] * 3]))
    with pytest.raises(ValueError, match="The score with all samples is NaN"):
        smallest_coreset(results([[0.5] * 3], full=(1, np.nan, 1)))
    with pytest.raises(ValueError, match="requires at least 2 splits"):
        smallest_coreset(results([[0.5] * 3], full=(1,)))
    with pytest.raises(ValueError, match="full=True"):
        smallest_coreset(curve(*blobs, full=False))
    with pytest.raises(ValueError, match="'tolerance' parameter"):
        smallest_coreset(results([[0.5] * 3]), tolerance="two")


# The search ---------------------------------------------------------------------------------


def search(**given):
    defaults = {"tolerance": 0.03, "min_size": 6, "cv": SPLITTER, "weight_scale": "total"}
    return CoresetSearchCV(MODEL, KCenterGreedy(), **(defaults | given))


def test_search_multiplies_the_size_until_the_score_is_good_enough(blobs):
    X, y = blobs
    splits = list(SPLITTER.split(X, y))
    sizes, size = [], 6
    while True:
        sizes.append(size)
        test, _, full = oracles.curve(MODEL, X, y, [KCenterGreedy()], [size], splits, None, "total")
        if test.mean() >= full.mean() - 0.03:
            break
        size *= 2
    assert 2 <= len(sizes) <= 5  # else this is a test of nothing
    got = search().fit(X, y)
    np.testing.assert_array_equal(got.cv_results_["coreset_size"], sizes)
    assert got.coreset_size_ == sizes[-1]
    assert got.best_score_ == pytest.approx(test.mean())
    assert got.full_score_ == pytest.approx(full.mean())
    assert got.min_score_ == pytest.approx(full.mean() - 0.03)
    np.testing.assert_array_equal(
        [got.cv_results_[f"split{f}_test_score"][-1] for f in range(3)], test[0, 0]
    )
    assert got.n_splits_ == 3
    small = CoresetClassifier(SVC(), KCenterGreedy(sizes[-1]), weight_scale="total")
    expected = make_pipeline(StandardScaler(), small).fit(X, y)
    np.testing.assert_array_equal(got.predict(X), expected.predict(X))
    np.testing.assert_array_equal(got.decision_function(X), expected.decision_function(X))
    assert got.score(X, y) == expected.score(X, y)
    np.testing.assert_array_equal(got.classes_, [0, 1, 2])
    assert not hasattr(got, "predict_proba")


def test_search_with_a_standard_error_and_another_factor(blobs):
    got = search(tolerance="one_standard_error", factor=1.5, min_size=0.04).fit(*blobs)
    sizes = got.cv_results_["coreset_size"]
    assert sizes[:3].tolist() == [8, 12, 18]
    full = cross_validate(MODEL, *blobs, cv=SPLITTER)["test_score"]
    assert got.min_score_ == pytest.approx(full.mean() - full.std(ddof=1) / np.sqrt(3))
    mean = got.cv_results_["mean_test_score"]
    assert (mean[:-1] < got.min_score_).all()
    assert mean[-1] >= got.min_score_


def test_search_begins_with_one_sample_of_each_class(blobs):
    got = search(min_size=1, tolerance=1.0).fit(*blobs)
    assert got.coreset_size_ == 3


def test_search_that_finds_no_size(blobs):
    def prefers_many(estimator, X, y):
        return float(estimator[-1].n_support_.sum())

    with pytest.warns(UserWarning, match="is fitted on all samples. Increase the tolerance"):
        got = search(tolerance=0.0, scoring=prefers_many, factor=5).fit(*blobs)
    assert got.coreset_size_ == 300
    np.testing.assert_array_equal(got.cv_results_["coreset_size"], [6, 30, 150])
    assert isinstance(got.best_estimator_[-1], SVC)
    assert got.best_score_ == got.full_score_
    with pytest.raises(ValueError, match="min_size=200 gives 200 samples, but the smallest"):
        search(min_size=200).fit(*blobs)


def test_search_of_a_regressor_with_weights(rng):
    X, y = load_diabetes(return_X_y=True)
    weight = rng.integers(1, 4, len(y)).astype(float)
    sampler, given = Herding(stratify=None), {"weight_scale": "total"}
    got = CoresetSearchCV(Ridge(), sampler, tolerance=0.1, cv=3, **given)
    got.fit(X, y, sample_weight=weight)
    sampler.set_params(coreset_size=got.coreset_size_)
    expected = CoresetRegressor(Ridge(), sampler, **given).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(got.predict(X), expected.predict(X))
    whole = cross_validate(Ridge(), X, y, cv=3, params={"sample_weight": weight})
    assert got.full_score_ == pytest.approx(whole["test_score"].mean())


def test_search_is_reproducible_and_says_what_is_wrong(blobs):
    given = {"sampler": Uniform(), "tolerance": 0.05, "random_state": 0, "cv": 3}
    first, second = (CoresetSearchCV(SVC(), **given).fit(*blobs) for _ in range(2))
    np.testing.assert_array_equal(first.predict(blobs[0]), second.predict(blobs[0]))
    assert isinstance(CoresetSearchCV(SVC())._sampler(), Coreset)
    with pytest.raises(ValueError, match="sampler__coreset_size cannot be set"):
        CoresetSearchCV(SVC()).set_params(sampler__coreset_size=3)
    with pytest.raises(ValueError, match="'factor' parameter"):
        search(factor=1).fit(*blobs)
    with pytest.raises(ValueError, match="requires y to be passed"):
        search().fit(blobs[0], None)
