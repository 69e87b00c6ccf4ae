"""Tables as they are: what `features="auto"` makes of columns of any kind."""

import datetime
import tracemalloc
import warnings

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from oracles import standardized_robustly
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.utils.estimator_checks import estimator_checks_generator

from skcoreset import _backend
from skcoreset._features import AutoFeatures, transform_features

CHECKS = list(estimator_checks_generator(AutoFeatures()))


def auto(X, sample_weight=None):
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return transform_features("auto", X, sample_weight=weight)[0]


def people(n=200, seed=0):
    """Numbers with missing values, a rare value, strings, categories, bools and dates."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(17, 90, n).astype(float),
            "gain": np.where(rng.random(n) < 0.9, 0.0, rng.lognormal(8, 1, n).round()),
            "hours": rng.normal(40, 12, n).round(2),
            "married": rng.random(n) < 0.3,
            "country": rng.choice(["US", "MX", "PH"], n, p=[0.8, 0.12, 0.08]),
            "work": rng.choice(["private", "state", "self"], n),
            "since": pd.Timestamp("2010-05-01") + pd.to_timedelta(rng.integers(0, 4000, n), "D"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "work"] = None
    return frame


@pytest.mark.parametrize("at", range(len(CHECKS)), ids=lambda at: CHECKS[at][1].func.__name__)
def test_checks_of_scikit_learn(at):
    estimator, check = CHECKS[at]
    check(estimator)


# numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_the_plain_loop(dtype, rng):
    X = rng.normal(size=(301, 6)).astype(dtype)
    X[:, 1] = np.exp(3 * X[:, 1])
    X[:, 2] = rng.random(301) < 0.01
    X[:, 3] = np.where(rng.random(301) < 0.8, 0, X[:, 3])
    X[rng.random(301) < 0.1, 4] = -999
    X[rng.random(301) < 0.1, 5] = np.nan
    got = auto(X)
    assert got.dtype == dtype
    expected = standardized_robustly(X.tolist())
    np.testing.assert_allclose(got, expected, atol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_wine])
def test_without_outliers_it_is_the_standard_scaler(load):
    X, _ = load(return_X_y=True)
    fitted = AutoFeatures().fit(X)
    got, usual = fitted.transform(X), StandardScaler().fit_transform(X)
    away = np.abs(X - fitted.center_) / fitted.unit_
    tame = (away.max(axis=0) <= 8) & (fitted.scale_ > 0.11)
    assert tame.sum() >= 10
    np.testing.assert_allclose(got[:, tame], usual[:, tame], atol=1e-9)
    for j in range(X.shape[1]):  # and no two samples change their order
        assert (np.diff(got[np.argsort(X[:, j]), j]) >= 0).all()


@pytest.mark.parametrize(("share", "most"), [(0.002, 1.03), (0.05, 1.7), (0.1, 2.2)])
@pytest.mark.parametrize("sentinel", [-999.0, 1e8, 1e30])
def test_a_sentinel_does_not_set_the_scale(sentinel, share, most, rng):
    X = rng.normal(3, 2, size=(1000, 3))
    clean = auto(X)
    odd = rng.permutation(1000)[: int(1000 * share)]
    X[odd, 1] = sentinel
    rest = np.setdiff1d(np.arange(1000), odd)
    spread = clean[rest, 1].std() / auto(X)[rest, 1].std()
    assert 1 / most < spread < most
    assert clean[rest, 1].std() / StandardScaler().fit_transform(X)[rest, 1].std() > 10
    assert np.abs(auto(X)).max() < 8


def test_two_sentinels_among_few_values(rng):
    X = rng.choice([0.0, 1.0, -999.0, 1e8], size=(1000, 1), p=[0.6, 0.33, 0.05, 0.02])
    got = auto(X)
    zero, one = (got[X[:, 0] == value, 0][0] for value in (0, 1))
    assert one - zero > 0.4


@pytest.mark.parametrize("p", [0.5, 0.2, 0.02, 0.001])
def test_rare_values_do_not_explode(p):
    X = np.zeros((2000, 1))
    X[: int(2000 * p)] = 7
    got = auto(X)
    apart = np.ptp(got)
    assert apart == pytest.approx(min(10, 1 / np.sqrt(p * (1 - p))))
    texts = np.where(X == 7, "yes", "no")
    hot = auto(texts)
    distance = np.linalg.norm(hot[0] - hot[-1])
    assert distance == pytest.approx(apart)  # a category of two values is like a number of two


def test_constant_and_empty_columns(rng):
    X = np.column_stack([rng.normal(size=50), np.full(50, 0.1), np.full(50, np.nan)])
    X[::2, 1] = 0.1 + 2**-56
    got = auto(X)
    assert np.ptp(got[:, 1]) < 1e-9
    assert (got[:, 2] == 0).all()
    frame = pd.DataFrame({"a": X[:, 0], "b": ["u"] * 50, "c": [None] * 50, "d": [pd.NaT] * 50})
    got = auto(frame)
    assert got.shape[0] == 50
    assert (np.ptp(got[:, 1:], axis=0) == 0).all()
    assert (auto(np.ones((5, 2))) == 0).all()


def test_very_large_and_very_small_numbers(rng):
    X = rng.normal(size=(200, 2))
    expected = auto(X)
    for scale in (1e-300, 1e300):
        np.testing.assert_allclose(auto(X * scale), expected, rtol=1e-9)
    narrow = (rng.normal(size=(200, 2)) * 1e37).astype(np.float32)
    assert np.isfinite(auto(narrow)).all()
    assert np.isfinite(auto((narrow / 1e37 * 1e-40).astype(np.float32))).all()


def test_missing_values_are_the_median():
    X = np.array([[1.0], [2.0], [np.nan], [3.0], [50.0], [np.nan]])
    got = auto(X)
    assert got[2, 0] == got[5, 0] == got[1, 0]


def test_the_order_of_the_samples_has_no_influence(rng):
    X = people(300)
    order = rng.permutation(300)
    np.testing.assert_array_equal(auto(X.iloc[order]), auto(X)[order])


def test_weight_zero_is_absent():
    X = people(300)
    X.loc[250:, "hours"] = 1e6
    X.loc[250:, "work"] = "unknown"
    weight = np.r_[np.full(250, 2.5), np.zeros(50)]
    here, there = auto(X, weight), auto(X[:250])
    assert len(here) == 300
    np.testing.assert_array_equal(here[:250], there)


def test_speed_and_memory_are_linear():
    X = np.random.default_rng(0).normal(size=(40_000, 50)).astype(np.float32)
    tracemalloc.start()
    got = auto(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got.dtype == np.float32
    assert peak < 2.5 * X.nbytes + 2**24


# categories ----------------------------------------------------------------------------------


def test_a_column_of_categories_weighs_as_much_as_one_of_numbers(rng):
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=2000),
            "two": rng.choice(["a", "b"], 2000),
            "many": rng.choice(list("abcdefghijkl"), 2000),
            "skewed": rng.choice(["a", "b", "c"], 2000, p=[0.8, 0.12, 0.08]),
        }
    )
    transformer = AutoFeatures().fit(frame)
    names = transformer.get_feature_names_out()
    got = transformer.transform(frame)
    np.testing.assert_allclose(got.mean(axis=0), 0, atol=1e-12)
    for name in frame:
        mine = [str(n).split("_")[0] == name for n in names]
        assert got[:, mine].var(axis=0).sum() == pytest.approx(1)


def test_it_is_one_hot():
    frame = people()
    transformer = AutoFeatures().fit(frame)
    names = transformer.get_feature_names_out().tolist()
    assert names == [
        *["age", "gain", "hours", "married", "since"],
        *["country_MX", "country_PH", "country_US"],
        *["work_private", "work_self", "work_state", "work_None"],
    ]
    got = transformer.transform(frame)[:, 8:]
    hot = OneHotEncoder(sparse_output=False).fit_transform(frame[["work"]].astype(object))
    share = hot.mean(axis=0)
    np.testing.assert_allclose(got, (hot - share) / np.sqrt(1 - (share**2).sum()))


def test_rare_categories_are_one(rng):
    rare = [f"r{i}" for i in range(30)] * 2
    frame = pd.DataFrame({"c": ["a"] * 9000 + ["b"] * 940 + rare})
    names = AutoFeatures().fit(frame).get_feature_names_out().tolist()
    assert names == ["c_a", "c_b", "c_infrequent"]
    got = auto(frame)
    assert (got[9940:] == got[-1]).all()
    wide = pd.DataFrame({"c": [f"k{i:03}" for i in range(120)] * 9 + ["k060"]})
    names = AutoFeatures().fit(wide).get_feature_names_out().tolist()
    assert len(names) == 51
    assert {"c_k060", "c_k000", "c_infrequent"} < set(names)
    assert "c_k119" not in names


def test_identifiers_take_no_memory_and_are_named(rng):
    frame = pd.DataFrame({"id": [f"user{i}" for i in range(5000)], "x": rng.normal(size=5000)})
    with pytest.warns(UserWarning, match=r"column 'id' holds 5000 different strings.*no influence"):
        got = auto(frame)
    assert got.shape == (5000, 2)
    assert (got[:, 1] == 0).all()


def test_categories_not_seen_in_fit():
    frame = pd.DataFrame({"c": ["a", "b"] * 50 + ["rare"], "x": np.arange(101)})
    transformer = AutoFeatures().fit(frame)
    new = pd.DataFrame({"c": ["other", "rare", None, 3], "x": [0, 0, 0, 0]})
    got = transformer.transform(new)
    assert (got == got[0]).all()
    with pytest.raises(TypeError, match="column 'x' held only numbers in fit"):
        transformer.transform(pd.DataFrame({"c": ["a"], "x": ["much"]}))


def test_numbers_as_categories_and_as_codes():
    codes = [3, 1, 2, 1] * 5
    as_category = pd.DataFrame({"c": pd.Categorical(codes)})
    assert auto(as_category).shape == (20, 3)
    assert auto(pd.DataFrame({"c": codes})).shape == (20, 1)
    assert auto(pa.table({"c": pa.array(codes).dictionary_encode()})).shape == (20, 3)
    missing = pd.DataFrame({"c": pd.Categorical([*codes[:-1], None])})
    names = AutoFeatures().fit(missing).get_feature_names_out().tolist()
    assert names == ["c_1", "c_2", "c_3", "c_infrequent"]  # one missing value is rare
    bins = pd.DataFrame({"c": pd.cut(np.arange(20), 4)})
    assert auto(bins).shape == (20, 4)


def test_strings_that_are_numbers_are_numbers():
    X = np.array([["1.5", "a"], ["2", "b"], ["nan", "a"], ["7", "b"]])
    numbers = [[1.5, "a"], [2, "b"], [None, "a"], [7.0, "b"]]
    np.testing.assert_array_equal(auto(X), auto(numbers))


# containers ----------------------------------------------------------------------------------


def with_na(frame):
    return frame.assign(
        age=frame.age.astype(object).where(frame.age.notna(), pd.NA),
        work=frame.work.astype(object).where(frame.work.notna(), pd.NA),
    )


def arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


CONTAINERS = {
    "objects": lambda f: f.to_numpy(dtype=object),
    "objects with NA": lambda f: with_na(f).to_numpy(dtype=object),
    "lists": lambda f: f.to_numpy(dtype=object).tolist(),
    "tuples": lambda f: tuple(map(tuple, f.to_numpy(dtype=object).tolist())),
    "pandas nullable": lambda f: f.convert_dtypes(),
    "pandas Arrow": lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
    "pandas categories": lambda f: f.astype({"country": "category", "work": "category"}),
    "pandas objects": lambda f: f.astype(object),
    "pandas NA": with_na,
    "pandas index": lambda f: f.set_index(pd.Index([f"r{i}" for i in range(len(f))])),
    "pandas float32": lambda f: f.astype({"age": np.float32}),
    "time zone": lambda f: f.assign(
        since=f.since.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    ),
    "dates": lambda f: f.assign(since=f.since.dt.date),
    "nanoseconds": lambda f: f.assign(since=f.since.astype("datetime64[ns]")),
    "polars": pl.from_pandas,
    "polars categories": lambda f: pl.from_pandas(f).with_columns(
        pl.col("work").cast(pl.Categorical), pl.col("country").cast(pl.Enum(["MX", "PH", "US"]))
    ),
    "pyarrow": arrow,
    "pyarrow batch": lambda f: arrow(f).to_batches()[0],
    "pyarrow chunks": lambda f: pa.concat_tables([arrow(f[:7]), arrow(f[7:])]),
    "pyarrow dictionary": lambda f: pa.table(
        {n: arrow(f)[n].dictionary_encode() if n == "work" else arrow(f)[n] for n in f}
    ),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_the_same_for_every_container(kind):
    frame = people()
    expected = auto(frame)
    assert expected.shape == (200, 12)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(auto(CONTAINERS[kind](frame)), expected)


def test_arrays_of_a_device(rng):
    X = rng.normal(size=(60, 3))
    got = auto(array_api_strict.asarray(X))
    np.testing.assert_array_equal(got, auto(X))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_a_sparse_matrix_stays_as_it_is(kind, rng):
    X = sparse.csr_array(rng.normal(size=(50, 20)) * (rng.random((50, 20)) < 0.2)).asformat(kind)
    got = auto(X)
    assert sparse.issparse(got)
    np.testing.assert_array_equal(got.toarray(), X.toarray())
    X = X.tocsr()
    X.data[3] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        auto(X)
    fitted = AutoFeatures().fit(rng.normal(size=(9, 20)))
    with pytest.raises(TypeError, match="X is a sparse matrix, but that of fit was no sparse"):
        fitted.transform(sparse.csr_array((9, 20)))


def test_dates_are_seconds():
    days = [datetime.date(2024, 1, day) for day in range(1, 30)]
    got = auto(pd.DataFrame({"day": days}))
    np.testing.assert_allclose(got, auto(np.arange(29.0)[:, None]))
    spans = pd.DataFrame({"took": pd.to_timedelta(np.arange(29), "h")})
    np.testing.assert_allclose(auto(spans), got)
    np.testing.assert_allclose(auto(pl.from_pandas(spans)), got)
    objects = pd.DataFrame({"took": [datetime.timedelta(hours=h) for h in range(29)]}, dtype=object)
    np.testing.assert_allclose(auto(objects), got)


# errors --------------------------------------------------------------------------------------

ROWS = pd.DataFrame({"x": [1.0, 2.0, np.nan, 3.0]})
BAD = {
    "images": (np.zeros((4, 3, 3)), r"Expected 2D array, got 3D.*X\.reshape\(len\(X\), -1\)"),
    "one dimension": (np.arange(4.0), "Expected 2D array, got 1D array"),
    "nested lists": ([[[1, 2], [3, 4]]] * 4, "or hold lists"),
    "list of numbers": ([1.0, 2.0], "Expected 2D array, but X is a list that is no table"),
    "empty list": ([], "0 sample"),
    "ragged lists": ([[1, 2], [1]], "different lengths"),
    "column of lists": (pl.DataFrame({"a": [[1, 2], [3]]}), "column 'a' holds a ndarray"),
    "structs": (pl.DataFrame({"a": [{"u": 1}]}), "column 'a'"),
    "dicts": (ROWS.assign(d=[{"a": 1}] * 4), "column 'd' holds a dict .* in row 0.*transformer"),
    "dates and texts": (ROWS.assign(d=[datetime.date(2024, 1, 1), "x"] * 2), "beside values"),
    "times of day": (ROWS.assign(d=[datetime.time(1)] * 4), "column 'd' holds a time"),
    "infinity": (ROWS.assign(y=[1, np.inf, 2, 3]), "contains infinity: column 'y', row 1"),
    "infinity at a place": (np.array([[1, 2], [3, -np.inf]]), "infinity: column 1, row 1"),
    "texts": (["a b", "c"], "one object per sample.*TfidfVectorizer"),
    "complex": (np.ones((3, 2)) * 1j, "Complex data not supported: X has the dtype complex128"),
    "a complex column": (
        pd.DataFrame({"a": [1.0, 2.0], "z": [1j, 2j]}),
        "Complex data not supported: column 'z'",
    ),
    "no samples": (np.empty((0, 2)), r"0 sample\(s\)"),
    "no features": (np.empty((4, 0)), r"0 feature\(s\)"),
    "dict": ({"a": [1, 2]}, "must be a table"),
    "query": (pl.DataFrame({"a": [1]}).lazy(), r"Give X\.collect\(\)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_used_is_named(kind):
    X, message = BAD[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        auto(X)


def test_wide_tables_are_read_once(monkeypatch):
    reads = []
    monkeypatch.setattr(
        "skcoreset._features.columns", lambda X: reads.append(1) or _backend.columns(X)
    )
    AutoFeatures().fit(people()).transform(people())
    assert len(reads) == 2


def test_infinity_after_fit():
    fitted = AutoFeatures().fit(ROWS)
    with pytest.raises(ValueError, match="infinity: column 'x', row 1"):
        fitted.transform(pd.DataFrame({"x": [0.0, np.inf]}))


# other transformers ----------------------------------------------------------------------------


def test_none_is_the_table_itself(rng):
    X = rng.normal(size=(20, 3))
    got, fitted = transform_features(None, X)
    assert fitted is None
    assert got is X
    with pytest.raises(ValueError, match="NaN"):
        transform_features(None, ROWS)
    with pytest.raises(ValueError, match="NaN"):
        transform_features(FunctionTransformer(lambda X: X * 2), ROWS)


def test_a_transformer_is_cloned_and_fitted_on_samples_of_positive_weight(rng):
    X = rng.normal(size=(60, 5))
    weight = (np.arange(60) % 3 > 0).astype(float)
    scaler = StandardScaler()
    got, fitted = transform_features(scaler, X, sample_weight=weight)
    assert fitted is not scaler
    assert not hasattr(scaler, "mean_")
    np.testing.assert_array_equal(fitted.mean_, StandardScaler().fit(X[weight > 0]).mean_)
    np.testing.assert_array_equal(got, fitted.transform(X))


def test_a_fitted_transformer_is_used_as_it_is(rng):
    X = rng.normal(size=(60, 5))
    scaler = StandardScaler().fit(100 * X)
    for given in (scaler, FrozenEstimator(scaler), make_pipeline(FunctionTransformer(), scaler)):
        got, fitted = transform_features(given, X)
        assert fitted is given
        np.testing.assert_array_equal(got, scaler.transform(X))
    # The last step of this one needs no fit, the first one does.
    got, fitted = transform_features(make_pipeline(StandardScaler(), FunctionTransformer()), X)
    np.testing.assert_allclose(got, StandardScaler().fit_transform(X))


def test_seeds_and_targets_reach_the_transformer(rng):
    X, _ = load_digits(return_X_y=True)
    fits = [
        transform_features(
            TruncatedSVD(3, algorithm="randomized", n_iter=0),
            X[:300],
            random_state=np.random.RandomState(seed),
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(fits[0][0], fits[1][0])
    assert fits[0][1].random_state != fits[2][1].random_state
    cities = pd.DataFrame({"c": ["a", "b", "c"] * 20})
    target = np.tile([0, 1, 1], 20)
    encoder = TargetEncoder(target_type="binary", smooth=0.0)
    got, _ = transform_features(encoder, cities, target)
    np.testing.assert_allclose(got[:3, 0], [0, 1, 1])


def test_texts_with_a_transformer():
    texts = ["ash bay", "bay cob", "cob dew", "dew"]
    got, fitted = transform_features(TfidfVectorizer(), texts)
    np.testing.assert_allclose(got.toarray(), fitted.transform(texts).toarray())


def test_what_a_transformer_must_return(rng):
    X = rng.normal(size=(20, 3))
    with pytest.raises(ValueError, match="returned 10 samples for 20"):
        transform_features(FunctionTransformer(lambda X: X[::2]), X)
    with pytest.raises(TypeError, match="is no table"):
        transform_features(FunctionTransformer(lambda X: None), X)


def test_it_can_be_a_step_of_a_pipeline():
    frame = people()
    pipe = make_pipeline(AutoFeatures(), PCA(3)).fit(frame)
    assert clone(pipe).fit_transform(frame).shape == (200, 3)
    named = AutoFeatures().set_output(transform="pandas").fit_transform(frame)
    assert named.columns.tolist() == AutoFeatures().fit(frame).get_feature_names_out().tolist()


def test_no_warning_on_an_ordinary_table():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auto(people())
