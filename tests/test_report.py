"""CoresetReport: every number equals a plain loop, on ugly data and in every container."""

import datetime
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import oracles_report as oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse, stats
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skcoreset import (
    CRAIG,
    CoresetClassifier,
    CoresetRegressor,
    CoresetReport,
    CoresetSearchCV,
    Herding,
    KCenterGreedy,
    Uniform,
)

MEASURES = [
    "covering_radius",
    "mean_distance",
    "mean_difference",
    "mmd",
    "gradient_error",
    "target_distance",
    "near_duplicates",
    "effective_sample_size",
]


def chosen(indices, weight=None):
    """A fitted sampler that has selected these samples."""
    weight = np.ones(len(indices)) if weight is None else weight
    return SimpleNamespace(sample_indices_=np.array(indices), sample_weight_=np.array(weight))


def values_of(report):
    return {name: getattr(report, name) for name in MEASURES}


def tables():
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((40, 3))
    sentinel = plain.copy()
    sentinel[::9, 1] = -999
    constant = plain.copy()
    constant[:, 2] = 7e5
    twice = np.repeat(plain[:20], 2, axis=0)
    return {
        "plain": plain,
        "sentinel": sentinel,
        "offset": plain + 1e8,
        "float32": np.float32(plain * 3 + 1e4),
        "constant": constant,
        "duplicates": twice,
        "wide": rng.standard_normal((40, 50)),
        "integers": rng.integers(0, 4, (40, 3)),
    }


TABLES = tables()
SELECTED = [3, 30, 11, 12, 25, 38, 0]
OWN = [5.0, 1.0, 0.5, 12.0, 3.0, 3.0, 2.0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_measures_equal_the_oracles(name, weighted, rng):
    X = TABLES[name]
    weight = rng.random(40) + 0.1 if weighted else np.ones(40)
    y = rng.integers(0, 3, 40)
    report = CoresetReport(
        chosen(SELECTED, OWN),
        X,
        y,
        sample_weight=weight if weighted else None,
        features=None,
        n_draws=1,
    )
    Z = X.astype(float)
    expected = {
        "covering_radius": oracle.covering_radius(Z, weight, SELECTED),
        "mean_distance": oracle.mean_distance(Z, weight, SELECTED),
        "mean_difference": oracle.mean_difference(Z, weight, SELECTED, OWN),
        "mmd": oracle.mmd(Z, weight, SELECTED, OWN),
        "target_distance": oracle.total_variation(y, weight, SELECTED, OWN),
        "near_duplicates": oracle.near_duplicates(Z, SELECTED),
        "effective_sample_size": sum(OWN) ** 2 / sum(w**2 for w in OWN),
    }
    for measure, value in expected.items():
        assert getattr(report, measure) == pytest.approx(value, rel=1e-6, abs=1e-9), measure
    for j in range(X.shape[1]):
        distance = oracle.kolmogorov_smirnov(X[:, j], weight, SELECTED, np.array(OWN))
        assert report.feature_distances[f"x{j}"] == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize("name", ["plain", "sentinel", "constant", "integers"])
def test_sparse_is_as_dense(name, rng):
    X = TABLES[name] * (rng.random((40, 3)) < 0.6)
    y = rng.integers(0, 2, 40)
    estimator = LogisticRegression().fit(X, y)
    reports = [
        CoresetReport(chosen(SELECTED, OWN), table, y, features=None, estimator=estimator)
        for table in (X, sparse.csr_array(X), sparse.csc_matrix(X), sparse.coo_array(X))
    ]
    first, *others = reports
    for other in others:
        assert values_of(other) == pytest.approx(values_of(first), rel=1e-7, abs=1e-9)
        assert other.feature_distances == pytest.approx(first.feature_distances, abs=1e-12)


def test_stored_zeros_and_negative_values_of_a_sparse_table():
    X = sparse.csr_array((np.array([0.0, -2.0, 3.0]), ([0, 1, 2], [0, 0, 1])), shape=(5, 2))
    report = CoresetReport(chosen([1, 2]), X, features=None)
    assert report.feature_distances == pytest.approx({"x0": 0.3, "x1": 0.3})


def test_kolmogorov_smirnov_is_that_of_scipy(rng):
    X = rng.standard_normal((200, 1)).round(1)
    selected = rng.permutation(200)[:30]
    report = CoresetReport(chosen(selected), X)
    expected = stats.ks_2samp(X[:, 0], X[selected, 0]).statistic
    assert report.feature_distances["x0"] == pytest.approx(expected)


def test_all_samples_have_no_error():
    X, y = load_iris(return_X_y=True)
    report = CoresetReport(CRAIG(coreset_size=150).fit(X, y), X, y)
    for name, value in values_of(report).items():
        if name not in ("effective_sample_size", "near_duplicates"):
            assert value == pytest.approx(0, abs=1e-7), name
    assert report.effective_sample_size == pytest.approx(150)
    assert list(report.feature_distances.values()) == pytest.approx([0.0] * 4, abs=1e-12)
    assert report.n_samples == report.n_selected == 150


def test_covering_radius_is_that_of_the_sampler():
    X, y = load_iris(return_X_y=True)
    sampler = KCenterGreedy(12).fit(X, y)
    report = CoresetReport(sampler, X, y, features=None)
    # The radius of the sampler is that of the classes, each covered by its own samples.
    assert report.covering_radius <= sampler.radius_
    whole = KCenterGreedy(12).fit(X)
    assert CoresetReport(whole, X, features=None).covering_radius == pytest.approx(whole.radius_)


def test_gradient_error_equals_the_explicit_gradients():
    X, y = load_iris(return_X_y=True)
    sampler = CRAIG(coreset_size=9).fit(X, y)
    report = CoresetReport(sampler, X, y, n_draws=1)
    errors = sampler.estimator_.predict_proba(X) - np.eye(3)[y]
    gradients = [np.outer(a, [1, *h]).ravel() for a, h in zip(errors, X, strict=True)]
    expected = oracle.gradient_error(
        gradients, np.ones(150), sampler.sample_indices_, sampler.sample_weight_
    )
    assert report.gradient_error == pytest.approx(expected, rel=1e-9)


def test_gradient_of_the_outputs_where_features_are_missing(rng):
    X = rng.standard_normal((60, 2))
    X[::5, 0] = np.nan
    y = (rng.random(60) > 0.5).astype(int)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    report = CoresetReport(chosen(SELECTED, OWN), X, y, estimator=model, n_draws=1)
    gradients = model.predict_proba(X) - np.eye(2)[y]
    expected = oracle.gradient_error(gradients, np.ones(60), SELECTED, OWN)
    assert report.gradient_error == pytest.approx(expected, rel=1e-9)


def test_means_far_from_the_origin_keep_their_digits(rng):
    X = rng.integers(0, 9, (50, 3)).astype(float)
    near, far = (CoresetReport(chosen(SELECTED, OWN), x, features=None) for x in (X, X + 2**45))
    assert far.mean_difference == pytest.approx(near.mean_difference, rel=1e-12)


def test_no_gradient_without_classifier_or_labels():
    X, y = load_iris(return_X_y=True)
    assert np.isnan(CoresetReport(Uniform(9).fit(X, y), X, y).gradient_error)
    assert np.isnan(CoresetReport(CRAIG(coreset_size=9).fit(X, y), X).gradient_error)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    report = CoresetReport(Uniform(9).fit(X, y), X, y, estimator=model)
    assert report.gradient_error > 0


def test_uniform_draws_have_the_size_that_theory_predicts(rng):
    X = rng.standard_normal((4000, 4))
    y = (X[:, 0] + 2 * rng.standard_normal(4000) > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    sampler = Uniform(100, random_state=0).fit(X, y)
    report = CoresetReport(sampler, X, y, estimator=model, n_draws=60, max_samples=300)
    gradients = (model.predict_proba(X)[:, 1] - y)[:, None] * np.column_stack([np.ones(4000), X])
    # Variance of a stratified mean; the features hardly depend on the class.
    within = sum(
        np.mean(y == c) ** 2 * gradients[y == c].var(axis=0).sum() / sum(y[:] == c) * 4000 / 100
        for c in (0, 1)
    )
    expected = {
        "mean_difference": 1 / 100,
        "gradient_error": within / np.mean((gradients**2).sum(axis=1)),
    }
    for name, square in expected.items():
        assert np.mean(report.uniform[name] ** 2) == pytest.approx(square, rel=0.15), name


def test_uniform_draws_are_stratified_and_of_the_same_size():
    X, y = load_iris(return_X_y=True)
    report = CoresetReport(chosen([0, 1, 2, 3, 4, 149]), X, y)
    assert report.uniform["target_distance"] == pytest.approx([0] * 5)
    assert report.class_proportions == pytest.approx({0: 5 / 6, 1: 0, 2: 1 / 6})
    assert report.uniform["effective_sample_size"] == pytest.approx([6] * 5)
    # fewer samples than classes
    assert CoresetReport(chosen([0, 149]), X, y).uniform["target_distance"].min() > 0.3


def test_samples_of_weight_zero_do_not_count():
    X, y = load_iris(return_X_y=True)
    weight = np.tile([0.0, 2.0, 1.0], 50)
    there = np.flatnonzero(weight)
    sampler = Herding(9).fit(X, y, weight)
    report = CoresetReport(sampler, X, y, sample_weight=weight)
    position = np.searchsorted(there, sampler.sample_indices_)
    rest = chosen(position, sampler.sample_weight_)
    for features in ("auto", None):
        report = CoresetReport(sampler, X, y, sample_weight=weight, features=features)
        others = CoresetReport(
            rest, X[there], y[there], sample_weight=weight[there], features=features
        )
        assert report.n_samples == 100
        assert values_of(report) == pytest.approx(values_of(others), nan_ok=True)
        for name in MEASURES[:4]:
            assert report.uniform[name] == pytest.approx(others.uniform[name])


def test_use_weights():
    X, y = load_iris(return_X_y=True)
    sampler = KCenterGreedy(15).fit(X, y)
    report = CoresetReport(sampler, X, y, use_weights=False)
    equal = CoresetReport(chosen(sampler.sample_indices_), X, y)
    assert report.effective_sample_size == pytest.approx(15)
    assert values_of(report) == pytest.approx(values_of(equal), nan_ok=True)
    assert CoresetReport(sampler, X, y).effective_sample_size < 15


# Columns ------------------------------------------------------------------------------------------


def mixed():
    n = 60
    rng = np.random.default_rng(3)
    age = rng.integers(18, 90, n).astype(float)
    age[::7] = np.nan
    city = np.array(["Rome", "Oslo", None], dtype=object)[rng.integers(0, 3, n)]
    day = [datetime.datetime(2020, 1, 1) + datetime.timedelta(days=int(d)) for d in range(n)]
    return {"age": age, "city": city, "day": day, "kids": rng.integers(0, 4, n), "vip": age > 50}


def as_pandas(data):
    return pd.DataFrame(data, index=np.arange(60) * 2)


def as_polars(data):
    return pl.DataFrame(data, nan_to_null=True)


def as_arrow(data):
    return pa.Table.from_pandas(pd.DataFrame(data))


def as_category(data):
    return pd.DataFrame(data).astype({"city": "category", "kids": "Int64"})


@pytest.mark.parametrize("frame", [as_pandas, as_polars, as_arrow, as_category])
def test_columns_of_dataframes(frame):
    data, weight = mixed(), np.ones(60)
    report = CoresetReport(chosen(SELECTED, OWN), frame(data))
    args = weight, SELECTED, np.array(OWN)
    day = np.array(data["day"], dtype="datetime64[s]").astype(float)
    gone = np.isnan(data["age"])
    expected = {
        "age": oracle.kolmogorov_smirnov(data["age"], *args),
        "age is missing": abs(gone.mean() - np.average(gone[SELECTED], weights=OWN)),
        "city": oracle.total_variation(data["city"], *args),
        "day": oracle.kolmogorov_smirnov(day, *args),
        "kids": oracle.kolmogorov_smirnov(data["kids"], *args),
        "vip": oracle.kolmogorov_smirnov(data["vip"], *args),
    }
    assert report.feature_distances == pytest.approx(expected, abs=1e-12)
    order = list(report.feature_distances.values())
    assert order == sorted(order, reverse=True)
    assert set(report.uniform["feature_distances"]) == set(expected)
    assert report.covering_radius > 0


def test_infinite_values_are_numbers_of_their_own():
    X = pd.DataFrame({"a": [1.0, 2.0, np.inf, np.inf], "b": [0.0, 1.0, 2.0, 3.0]})
    report = CoresetReport(chosen([2, 3]), X, features=TakesFirst())
    assert report.feature_distances == {"a": 0.5, "b": 0.5}


class TakesFirst(StandardScaler):
    def fit(self, X, y=None):
        return super().fit(X[["b"]])

    def transform(self, X):
        return super().transform(X[["b"]])

    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X)


def test_a_column_that_is_missing_altogether():
    X = pd.DataFrame({"a": np.nan * np.ones(4), "b": [0.0, 1.0, 2.0, 3.0]})
    report = CoresetReport(chosen([2, 3]), X)
    assert report.feature_distances == {"b": 0.5, "a": 0.0, "a is missing": 0.0}
    only_missing = pd.DataFrame({"a": [1.0, 2.0, np.nan, np.nan], "b": [0.0, 1.0, 2.0, 3.0]})
    report = CoresetReport(chosen([2, 3]), only_missing)
    assert report.feature_distances["a"] == 0.0
    assert report.feature_distances["a is missing"] == 0.5


def test_values_of_samples_of_weight_zero_do_not_count():
    X = np.array([[1.0], [np.nan], [np.nan]])
    report = CoresetReport(chosen([1]), X, sample_weight=[0, 1, 1])
    assert report.feature_distances == {"x0": 0.0, "x0 is missing": 0.0}


def test_dates_may_be_missing():
    days = np.array(["2020-01-01", "NaT", "2020-01-03", "2020-01-04"], dtype="datetime64[D]")
    X = pd.DataFrame({"day": days, "b": [1.0, 2.0, 3.0, 4.0]})
    report = CoresetReport(chosen([1, 3]), X)
    expected = {"day": 2 / 3, "day is missing": 0.25, "b": 0.25}
    assert report.feature_distances == pytest.approx(expected)


def test_texts():
    texts = ["a b", "b c", "c d", "a d", "e f", "a a"]
    report = CoresetReport(chosen([0, 1]), texts, [0, 0, 0, 1, 1, 1])
    assert np.isnan(report.covering_radius)
    assert np.isnan(report.mmd)
    assert report.feature_distances == {}
    assert report.target_distance == 0.5
    assert "covering" not in repr(report)
    words = TfidfVectorizer(token_pattern=r"\w")
    report = CoresetReport(chosen([0, 1]), texts, features=words)
    dense = CoresetReport(chosen([0, 1]), words.fit_transform(texts).toarray(), features=None)
    assert values_of(report) == pytest.approx(values_of(dense), nan_ok=True)


def test_features_that_are_scaled_do_not_depend_on_the_unit(rng):
    X = rng.standard_normal((50, 2))
    other = X * [1000, 0.01] + [5, 1e5]
    reports = [CoresetReport(chosen(SELECTED, OWN), table) for table in (X, other)]
    assert values_of(reports[0]) == pytest.approx(values_of(reports[1]), nan_ok=True, rel=1e-6)


# Targets ------------------------------------------------------------------------------------------


def test_continuous_target():
    X, y = load_diabetes(return_X_y=True)
    y = y + 0.5
    report = CoresetReport(chosen(SELECTED, OWN), X, y)
    expected = oracle.kolmogorov_smirnov(y, np.ones(len(y)), SELECTED, np.array(OWN))
    assert report.target_distance == pytest.approx(expected)
    assert report.class_proportions == {}
    assert list(report.target_quantiles) == [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    assert report.target_quantiles[0] == y[SELECTED].min()
    # The weight of sample 12 is nearly half of all, and it is the median.
    order = np.argsort(y[SELECTED])
    cumulated = np.cumsum(np.array(OWN)[order]) / sum(OWN)
    median = y[SELECTED][order][np.flatnonzero(cumulated >= 0.5)[0]]
    assert report.target_quantiles[0.5] == median
    assert "Quantiles of the target" in repr(report)


def test_whole_numbers_are_continuous_where_the_sampler_saw_no_classes():
    X, y = load_diabetes(return_X_y=True)
    assert CoresetReport(Uniform(20).fit(X), X, y).class_proportions == {}
    model = CoresetRegressor(sampler=Uniform(20)).fit(X, y.astype(int))
    assert CoresetReport(model, X, y.astype(int)).class_proportions == {}
    labels = (y > 100).astype(float)
    classes = CoresetReport(Uniform(20).fit(X, labels), X, labels).class_proportions
    assert set(classes) == {0.0, 1.0}


def test_several_targets():
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, X[:, 2]])
    report = CoresetReport(chosen(SELECTED, OWN), X, both)
    each = [CoresetReport(chosen(SELECTED, OWN), X, one).target_distance for one in both.T]
    assert report.target_distance == pytest.approx(max(each))
    assert report.target_quantiles == {}


@pytest.mark.parametrize("kind", [list, np.asarray, pd.Series, pl.Series])
def test_labels_of_every_kind(kind):
    X, y = load_iris(return_X_y=True)
    y = kind(np.array(["a", "b", "c"])[y].tolist())
    report = CoresetReport(Uniform(6).fit(X, y), X, y)
    assert report.class_proportions == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})


# Samplers -----------------------------------------------------------------------------------------


def test_meta_estimators_and_samplers_of_imbalanced_learn():
    X, y = load_iris(return_X_y=True)
    model = CoresetClassifier(sampler=KCenterGreedy(9)).fit(X, y)
    report = CoresetReport(model, X, y)
    assert report.sampler_name == "KCenterGreedy"
    assert report.gradient_error > 0  # of the classifier that was fitted on the coreset
    search = CoresetSearchCV(LogisticRegression(max_iter=500), Uniform(), cv=3, random_state=0)
    search.fit(X, y)
    report = CoresetReport(search, X, y)
    assert report.n_selected == search.coreset_size_
    assert report.gradient_error > 0
    under = RandomUnderSampler(sampling_strategy={0: 5, 1: 50, 2: 50}, random_state=0)
    under.fit_resample(X, y)
    report = CoresetReport(under, X, y)
    assert report.n_selected == 105
    assert report.effective_sample_size == pytest.approx(105)
    steps = make_sampling_pipeline(under, Uniform(10, random_state=0))
    X_small, _ = steps.fit_resample(X, y)
    report = CoresetReport(steps, X, y, features=None)
    assert report.sampler_name == "RandomUnderSampler + Uniform"
    assert report.n_selected == 10
    rows = under.sample_indices_[steps[-1].sample_indices_]
    assert np.array_equal(X[rows], X_small)
    assert report.covering_radius == pytest.approx(oracle.covering_radius(X, np.ones(len(X)), rows))


def test_samples_that_are_selected_twice_count_once():
    X, y = load_iris(return_X_y=True)
    report = CoresetReport(SimpleNamespace(sample_indices_=[7, 3, 7, 100]), X, y)
    assert report.n_selected == 3
    assert report.weighted_class_proportions == pytest.approx({0: 0.75, 1: 0, 2: 0.25})
    assert report.effective_sample_size == pytest.approx(16 / 6)


def test_errors():
    X, y = load_iris(return_X_y=True)
    fitted = Uniform(9).fit(X, y)
    with pytest.raises(ValueError, match="no sample_indices_"):
        CoresetReport(Uniform(9), X, y)
    with pytest.raises(ValueError, match="was fitted on 150 samples, but X has 149"):
        CoresetReport(fitted, X[1:], y[1:])
    with pytest.raises(ValueError, match="on more samples, but X has 5"):
        CoresetReport(chosen([3, 7]), X[:5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CoresetReport(fitted, X, y[1:])
    with pytest.raises(ValueError, match=r"is not fitted\. Fit it"):
        CoresetReport(fitted, X, y, estimator=LogisticRegression())
    with pytest.raises(ValueError, match="n_draws"):
        CoresetReport(fitted, X, y, n_draws=0)
    with pytest.raises(ValueError, match="negative or all zero"):
        CoresetReport(chosen([3, 7], [1, -1]), X)
    X[5, 1] = np.nan
    with pytest.raises(ValueError, match=r"column 1, row 5\. CoresetReport cannot work on that"):
        CoresetReport(fitted, X, y, features=None)


# Draws and subsamples ----------------------------------------------------------------------------


def test_same_report_for_any_block_size_and_every_time():
    X, y = load_iris(return_X_y=True)
    sampler = KCenterGreedy(15).fit(X, y)
    first = CoresetReport(sampler, X, y)
    with sklearn.config_context(working_memory=1e-3):
        second = CoresetReport(sampler, X, y)
    assert repr(first) == repr(second)
    assert repr(CoresetReport(sampler, X, y)) == repr(first)
    assert repr(CoresetReport(sampler, X, y, random_state=1)) != repr(first)


def test_max_samples(rng):
    X = rng.standard_normal((2000, 2))
    sampler = Uniform(400, random_state=0).fit(X)
    exact = CoresetReport(sampler, X, max_samples=None, n_draws=2)
    assert "those of" not in repr(exact)
    some = CoresetReport(sampler, X, max_samples=300, n_draws=2)
    assert "those of 300 of all samples" in " ".join(repr(some).split())
    assert some.covering_radius < exact.covering_radius
    assert some.mean_distance == pytest.approx(exact.mean_distance, rel=0.2)
    assert some.mean_difference == exact.mean_difference
    assert some.near_duplicates == pytest.approx(exact.near_duplicates, abs=0.05)
    assert some.feature_distances == exact.feature_distances


def test_one_sample_and_one_feature():
    report = CoresetReport(chosen([0]), [[1.0], [2.0]], [0, 1], features=None, n_draws=1)
    assert report.covering_radius == 1
    assert report.mean_difference == 1
    assert report.near_duplicates == 0
    assert "1 of 2 samples" in repr(report)
    same = CoresetReport(chosen([0]), [[1.0], [1.0]], features=None)
    assert same.mmd == same.covering_radius == same.mean_difference == 0


# Text, HTML and frame --------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.seen = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_html_is_escaped_and_complete():
    X = pd.DataFrame({"<script>alert(1)</script>": np.arange(20.0), "b & c": np.arange(20.0) % 3})
    y = np.array(["<b>", "ok"])[np.arange(20) % 2]
    page = Tags(CoresetReport(Uniform(6, random_state=0).fit(X, y), X, y)._repr_html_())
    assert page.open == []
    assert "script" not in page.seen
    assert {"<script>alert(1)</script>", "b & c", "<b>"} <= set(page.texts)
    assert page.seen.count("table") == 3


def test_text():
    X, y = load_iris(return_X_y=True, as_frame=True)
    report = CoresetReport(KCenterGreedy(15).fit(X, y), X, y)
    text = str(report)
    assert text.startswith("KCenterGreedy: 15 of 150 samples\n")
    assert max(map(len, text.splitlines())) <= 100
    for words in ("covering radius", "petal width (cm)", "uniform (5 draws)"):
        assert words in text


def test_many_classes_and_columns_are_shortened():
    X = np.arange(200.0)[:, None] * np.ones(30)
    y = np.arange(200) % 20
    text = repr(CoresetReport(chosen([0, 1, 2]), X, y))
    assert "(the 10 largest differences of 20 classes)" in text
    assert "(the 10 largest differences of 30 columns)" in text


def test_to_frame():
    X, y = load_iris(return_X_y=True)
    report = CoresetReport(CRAIG(coreset_size=15).fit(X, y), X, y)
    frame = report.to_frame()
    assert frame["section"].value_counts().to_dict() == {
        "measure": 8,
        "class": 3,
        "weighted class": 3,
        "feature": 4,
    }
    row = frame.set_index("name").loc["mmd"]
    draws = report.uniform["mmd"]
    assert row["selected"] == report.mmd
    assert (row["uniform_mean"], row["uniform_min"]) == (draws.mean(), draws.min())
    assert row["uniform_max"] == draws.max()
    classes = frame[frame["section"] == "class"].set_index("name")
    assert classes["all_samples"].to_numpy() == pytest.approx([1 / 3] * 3)


def test_a_frame_needs_pandas(monkeypatch):
    X, y = load_iris(return_X_y=True)
    report = CoresetReport(Uniform(15).fit(X, y), X, y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert report._repr_html_()
    with pytest.raises(ImportError, match="to_frame requires pandas"):
        report.to_frame()
