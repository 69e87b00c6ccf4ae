"""What comes in: containers of rows, of targets and of texts; what is said of the wrong ones."""

import datetime
import pickle
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from samplers import LABEL_FREE, SAMPLERS, TRANSFORMERS, VARIANTS, marked, name_of
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_linnerud, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _get_feature_names

from skcoreset import (
    CRAIG,
    EL2N,
    AreaUnderMargin,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    CoresetClassifier,
    CoresetRegressor,
    CoverageCentric,
    DataMap,
    DeepFool,
    Entropy,
    Forgetting,
    GradMatch,
    GraNd,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Uniform,
)
from skcoreset._backend import canonical
from skcoreset._estimator import replace_when_fitted
from skcoreset._warnings import warn

all_samplers = pytest.mark.parametrize("sampler", marked(SAMPLERS + VARIANTS))
label_free = pytest.mark.parametrize("sampler", LABEL_FREE, ids=name_of)


@pytest.fixture(scope="module")
def sixty():
    """60 rows of 3 classes, a third of the entries 0, all exact in float32."""
    X, y = make_classification(
        60, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    X[np.random.default_rng(0).random(X.shape) < 0.3] = 0
    return X.astype(np.float32).astype(np.float64), y


# tables ------------------------------------------------------------------------------------


def in_halves(X, kind=sparse.csr_array):
    """Each entry stored twice, as its half, and the columns of a row in descending order."""
    C = (sparse.csc_array if kind in (sparse.csc_array, sparse.csc_matrix) else sparse.csr_array)(X)
    indices, data = np.empty(2 * C.nnz, dtype=np.int32), np.empty(2 * C.nnz)
    for row in range(len(C.indptr) - 1):
        part = slice(C.indptr[row], C.indptr[row + 1])
        twice = slice(2 * part.start, 2 * part.stop)
        indices[twice] = np.tile(C.indices[part][::-1], 2)
        data[twice] = np.tile(C.data[part][::-1], 2) / 2
    H = kind((data, indices, 2 * C.indptr), shape=X.shape)
    assert not H.has_canonical_format
    np.testing.assert_array_equal(H.toarray(), X)
    return H


def with_long_indices(X):
    X = sparse.csr_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def coo_with_duplicates(X, kind=sparse.coo_array):
    C = sparse.coo_array(X)
    rows, columns = np.r_[C.row, C.row[::-1]], np.r_[C.col, C.col[::-1]]
    return kind((np.r_[C.data, C.data[::-1]] / 2, (rows, columns)), shape=X.shape)


def sorted_less(X):
    C = sparse.csr_array(X)
    order = np.lexsort((-C.indices, np.repeat(np.arange(X.shape[0]), np.diff(C.indptr))))
    return sparse.csr_array((C.data[order], C.indices[order], C.indptr), shape=X.shape)


NAMES = [f"f{j}" for j in range(6)]
# scikit-learn 1.8 does not know the column names of each of these containers.
NAMES_OF_ALL_FRAMES = parse_version(sklearn.__version__) >= parse_version("1.9")
# NumPy 2.0 cannot read arrays of this dtype that scikit-learn has indexed.
SOUND_STRINGS = parse_version(np.__version__) >= parse_version("2.1")
DENSE = {
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "read only": lambda X: (X.copy(), X.setflags(write=False))[0],
    "object": lambda X: X.astype(object),
    "lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "matrix of rows": list,
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES, index=[f"r{i}" for i in range(len(X))]),
    "pandas Float64": lambda X: pd.DataFrame(X, columns=NAMES).astype("Float64"),
    "pandas Arrow": lambda X: pd.DataFrame(X, columns=NAMES).astype("double[pyarrow]"),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "pyarrow": lambda X: pa.table(dict(zip(NAMES, X.T, strict=True))),
    "pyarrow chunks": lambda X: pa.concat_tables(
        [pa.table(dict(zip(NAMES, part.T, strict=True))) for part in (X[:7], X[7:])]
    ),
    "RecordBatch": lambda X: pa.RecordBatch.from_arrays([pa.array(c) for c in X.T], names=NAMES),
}
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]
SPARSE = {
    **{f"{f}_{a}": getattr(sparse, f"{f}_{a}") for f in FORMATS for a in ("array", "matrix")},
    "int64 indices": with_long_indices,
    "unsorted": sorted_less,
    "csr_array in halves": in_halves,
    "csr_matrix in halves": lambda X: in_halves(X, sparse.csr_matrix),
    "csc_array in halves": lambda X: in_halves(X, sparse.csc_array),
    "csc_matrix in halves": lambda X: in_halves(X, sparse.csc_matrix),
    "coo_array in halves": coo_with_duplicates,
    "coo_matrix in halves": lambda X: coo_with_duplicates(X, sparse.coo_matrix),
}


def same_table(a, b):
    if sparse.issparse(a):
        return a.dtype == b.dtype and (a.toarray() == b.toarray()).all()
    return np.array_equal(np.asarray(a, dtype=float), np.asarray(b, dtype=float))


@all_samplers
def test_every_container_gives_the_same_rows_and_comes_back(sampler, sixty):
    X, y = sixty
    for kinds, plain in ((DENSE, X), (SPARSE, sparse.csr_array(X))):
        expected = clone(sampler).fit(plain, y)
        for kind, make in kinds.items():
            given, before = make(X.copy()), make(X.copy())
            got = clone(sampler)
            rows, labels = got.fit_resample(given, y)
            kept = expected.sample_indices_
            np.testing.assert_array_equal(got.sample_indices_, kept, err_msg=kind)
            np.testing.assert_allclose(got.sample_weight_, expected.sample_weight_)
            assert type(rows) is type(given), kind
            assert same_table(rows, make(X[kept])), kind
            np.testing.assert_array_equal(labels, y[kept])
            assert same_table(given, before)
            if hasattr(got, "score_samples"):
                scores = got.score_samples(given)
                np.testing.assert_allclose(scores, expected.score_samples(plain), atol=1e-9)
            if kind in ("pandas", "polars", "pyarrow", "RecordBatch") and (
                _get_feature_names(given) is not None or NAMES_OF_ALL_FRAMES
            ):
                assert got.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("kind", SPARSE)
def test_the_users_matrix_is_left_as_it_is(kind, sixty):
    X = SPARSE[kind](sixty[0])
    before = pickle.dumps(X)
    got = canonical(X)
    assert pickle.dumps(X) == before
    assert got.format in ("csr", "csc")
    assert got.has_canonical_format
    assert got.indices.dtype == got.indptr.dtype == np.int32
    np.testing.assert_array_equal(got.toarray(), sixty[0])


def test_what_a_matrix_says_of_itself_may_be_old(sixty):
    X = sparse.csr_array(sixty[0])
    assert X.has_canonical_format
    halves = in_halves(sixty[0])
    X.data, X.indices, X.indptr = halves.data, halves.indices, halves.indptr
    assert canonical(X).nnz == sparse.csr_array(sixty[0]).nnz
    big = sparse.csr_array((2, 2**31 + 5))  # 32 bits do not suffice
    assert canonical(big).indices.dtype == np.int64


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=name_of)
@pytest.mark.parametrize("kind", ["csr_array in halves", "csc_matrix in halves", "dok_array"])
def test_transformers_take_them_too(transformer, kind, sixty):
    X, y = sixty
    given, plain = SPARSE[kind](X), sparse.csr_array(X)
    got = clone(transformer).fit(given, y).transform(given)
    expected = clone(transformer).fit(plain, y).transform(plain)
    np.testing.assert_allclose(_dense(got), _dense(expected), atol=1e-12)


def _dense(X):
    return X.toarray() if sparse.issparse(X) else X


def test_the_estimators_take_them_too(sixty):
    X, y = sixty
    expected = CoresetClassifier(sampler=KCenterGreedy(20)).fit(X, y).predict(X)
    for kind in ("dok_array", "csr_array in halves", "int64 indices"):
        given = SPARSE[kind](X)
        got = CoresetClassifier(sampler=KCenterGreedy(20)).fit(given, y).predict(given)
        assert (got == expected).mean() > 0.95


@all_samplers
def test_a_query_is_no_table(sampler, sixty):
    X, y = sixty
    lazy = pl.DataFrame(X, schema=NAMES).lazy()
    with pytest.raises(TypeError, match=r"X is a LazyFrame.* Give X\.collect\(\)"):
        clone(sampler).fit(lazy, y)
    target = pl.DataFrame({"y": y}).lazy()
    for stratify in ("proportional", None):
        with pytest.raises(TypeError, match=r"y is a LazyFrame.* Give y\.collect\(\)"):
            clone(sampler).set_params(stratify=stratify).fit(X, target)


# texts and other objects ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    words = np.array(["ash", "bay", "cob", "dew", "elm", "fog", "gem", "hut"])
    return [" ".join(rng.choice(words[:5] if label else words[3:], 6)) for label in y], y


TEXTS = {
    "list": list,
    "tuple": tuple,
    "object": lambda t: np.array(t, dtype=object),
    "fixed width": np.array,
    **(
        {"StringDType": lambda t: np.array(t, dtype=np.dtypes.StringDType())}
        if SOUND_STRINGS
        else {}
    ),
    "Series": pd.Series,
    "Series of objects": lambda t: pd.Series(t, dtype=object, index=np.arange(len(t))[::-1]),
    "Series of strings": lambda t: pd.Series(t, dtype="string"),
    "Series of Arrow": lambda t: pd.Series(t, dtype=pd.ArrowDtype(pa.string())),
    "Index": pd.Index,
    "pandas array": pd.array,
    "polars": lambda t: pl.Series("text", t),
    "pyarrow": pa.array,
    "pyarrow chunks": lambda t: pa.chunked_array([t[:7], t[7:]]),
}
READS = make_pipeline(TfidfVectorizer(), LogisticRegression())
LEARNS = make_pipeline(TfidfVectorizer(), SGDClassifier(loss="log_loss", random_state=0))
OF_TEXTS = [
    Uniform(9, random_state=0),
    Margin(READS, 9),
    LeastConfidence(READS, 9),
    Entropy(READS, 9, cv=3),
    ContrastiveActiveLearning(READS, 9, n_neighbors=3, features="model"),
    CRAIG(READS, 9),
    CRAIG(READS, 9, gradient="logits"),
    GradMatch(READS, 9),
    GradMatch(READS, 9, gradient="logits"),
    ImportanceSampling(9, estimator=READS, sensitivity="loss", random_state=0),
    ImportanceSampling(9, estimator=READS, sensitivity="gradient", random_state=0),
    BlackBoxTeaching(READS, 9, random_state=0),
    CoverageCentric(Entropy(READS), 9, cutoff=0.0, random_state=0),
    *[
        Method(LEARNS, 9, n_epochs=2, random_state=0)
        for Method in (Forgetting, EL2N, GraNd, AreaUnderMargin, DataMap)
    ],
]


@pytest.mark.parametrize("sampler", marked(OF_TEXTS))
def test_texts(sampler, texts):
    documents, y = texts
    expected = clone(sampler).fit(documents, y)
    weight = np.r_[np.zeros(10), np.ones(50)]
    for kind, make in TEXTS.items():
        given, got = make(documents), clone(sampler)
        rows, _ = got.fit_resample(given, y)
        kept = expected.sample_indices_
        np.testing.assert_array_equal(got.sample_indices_, kept, err_msg=kind)
        assert type(rows) is type(given), kind
        assert [str(text) for text in rows] == [documents[i] for i in kept]
        assert getattr(rows, "dtype", None) == getattr(given, "dtype", None)
        assert not hasattr(got, "n_features_in_")
        if hasattr(got, "score_samples"):
            np.testing.assert_allclose(got.score_samples(given), expected.score_samples(documents))
        assert clone(sampler).fit(given, y, sample_weight=weight).get_support()[:10].sum() == 0


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_in_an_estimator(kind, texts):
    documents, y = texts
    given = TEXTS[kind](documents)
    losses = ImportanceSampling(20, sensitivity="loss", estimator=READS, random_state=0)
    for sampler in (Uniform(20, random_state=0), losses):
        model = CoresetClassifier(READS, sampler).fit(given, y)
        expected = CoresetClassifier(READS, sampler).fit(documents, y)
        np.testing.assert_allclose(model.predict_proba(given), expected.predict_proba(documents))


def test_other_objects_that_a_classifier_reads(texts):
    documents, y = texts
    counts = [{word: text.count(word) for word in text.split()} for text in documents]
    reads = make_pipeline(DictVectorizer(), LogisticRegression())
    expected = Margin(reads, 9).fit(counts, y).sample_indices_
    for given in (pd.Series(counts), np.array(counts, dtype=object)):
        np.testing.assert_array_equal(Margin(reads, 9).fit(given, y).sample_indices_, expected)


@pytest.mark.parametrize(
    "X",
    [
        np.arange(60.0),
        np.arange(60).astype(object),
        pd.Series(np.arange(60)),
        pd.Series(np.arange(60), dtype="Int64"),
        pl.Series(np.arange(60)),
        pd.Series(pd.date_range("2024", periods=60)),
        np.zeros((60, 2, 2)),
    ],
    ids=lambda X: str(type(X)),
)
@pytest.mark.parametrize("sampler", [Uniform(6), Margin(coreset_size=6), KCenterGreedy(6)])
def test_one_column_of_numbers_is_no_table(sampler, X):
    with pytest.raises(ValueError, match=r"Expected 2D array|2-dimensional|Found array with dim 3"):
        sampler.fit(X, np.arange(60) % 2)


def test_a_fit_on_texts_forgets_the_columns_of_the_last(texts, sixty):
    documents, y = texts
    sampler = Margin(coreset_size=9).fit(*sixty)
    assert sampler.n_features_in_ == 6
    sampler.set_params(estimator=READS).fit(documents, y)
    assert not hasattr(sampler, "n_features_in_")
    assert sampler.score_samples(documents).shape == (60,)


# targets -----------------------------------------------------------------------------------


NAMED = np.repeat(["ash", "bay", "cob"], [20, 25, 15])
TARGETS = {
    "Index": pd.Index,
    "level of a MultiIndex": lambda y: pd.MultiIndex.from_arrays(
        [y, np.arange(len(y))]
    ).get_level_values(0),
    "pandas array": pd.array,
    "ArrowStringArray": lambda y: pd.array(y, dtype="string[pyarrow]"),
    "StringArray": lambda y: pd.array(y, dtype="string[python]"),
    "Categorical": pd.Categorical,
    "CategoricalIndex": pd.CategoricalIndex,
    "Series of categories": lambda y: pd.Series(y, dtype="category"),
    "Series of Arrow": lambda y: pd.Series(y, dtype=pd.ArrowDtype(pa.string())),
    "frame of one column": lambda y: pd.DataFrame({"label": y}),
    "object": lambda y: y.astype(object),
    "StringDType": lambda y: y.astype(np.dtypes.StringDType()),
    "tuple": lambda y: tuple(y.tolist()),
    "polars": pl.Series,
    "polars categories": lambda y: pl.Series(y, dtype=pl.Categorical),
    "polars Enum": lambda y: pl.Series(y, dtype=pl.Enum(["cob", "ash", "bay"])),
    "pyarrow": pa.array,
    "pyarrow dictionary": lambda y: pa.array(y).dictionary_encode(),
    "pyarrow chunks": lambda y: pa.chunked_array([y[:7], y[7:]]),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("sampler", [Uniform(12, random_state=0), Margin(coreset_size=12)])
def test_labels_in_every_container(sampler, kind, sixty):
    X, target = sixty[0], TARGETS[kind](NAMED)
    expected = clone(sampler).fit(X, NAMED)
    got = clone(sampler)
    _, kept = got.fit_resample(X, target)
    assert type(kept) is type(target)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    assert got.classes_.tolist() == ["ash", "bay", "cob"]
    assert got.sampling_strategy_ == expected.sampling_strategy_
    labels = kept["label"].tolist() if hasattr(kept, "columns") else [str(label) for label in kept]
    assert labels == NAMED[got.sample_indices_].tolist()
    assert clone(sampler).set_params(coreset_size={"ash": 3, None: 1}).fit(X, target)


@pytest.mark.parametrize("kind", ["Index", "ArrowStringArray", "Categorical", "object"])
def test_missing_labels_in_every_container(kind, sixty):
    labels = NAMED.astype(object)
    labels[7] = None
    with pytest.raises(ValueError, match="y contains NaN: row 7 has no label"):
        Uniform(12).fit(sixty[0], TARGETS[kind](labels))
    two = pd.DataFrame({"a": np.arange(60.0), "b": np.where(np.arange(60) == 8, np.nan, 1)})
    with pytest.raises(ValueError, match="y contains NaN: row 8"):
        Uniform(12).fit(sixty[0], two)


@label_free
def test_targets_that_give_no_classes(sampler, sixty):
    X, _ = sixty
    if name_of(sampler) == "Coreset":
        pytest.skip("uses any target; see test_coreset.py")
    rng = np.random.default_rng(0)
    expected = clone(sampler).set_params(stratify=None).fit(X).sample_indices_
    whole = np.column_stack([np.arange(60.0), np.arange(60.0)[::-1]])
    indicator = rng.integers(0, 2, (60, 3))
    targets = [
        whole,  # several numbers a row, that happen to be whole
        whole.astype(int),
        pd.DataFrame(whole, columns=["data", "dtype"]),
        indicator,
        sparse.csr_array(indicator),
        [[int(a), int(b)] for a, b in indicator[:, :2]],
        np.array([1, "a"] * 30, dtype=object),
        [datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)] * 30,
        pd.Series(pd.date_range("2024", periods=60, tz="UTC")),
        [None, 1.0] * 30,
        np.where(np.arange(60) == 3, np.nan, 1.0),
        np.full(60, "the same"),
        np.ones((60, 2, 2)),
    ]
    for target in targets:
        got = clone(sampler).set_params(stratify=None)
        _, kept = got.fit_resample(X, target)
        np.testing.assert_array_equal(got.sample_indices_, expected)
        assert type(kept) is type(target)
        assert (kept.shape[0] if hasattr(kept, "shape") else len(kept)) == len(expected)
    # Whether numbers are whole makes no difference where there are several.
    got = clone(sampler).fit(X, whole)
    again = clone(sampler).fit(X, whole + 0.5)
    np.testing.assert_array_equal(got.sample_indices_, again.sample_indices_)
    assert not hasattr(got, "classes_")
    assert clone(sampler).fit(X, pd.DataFrame(whole, columns=["data", "b"])).get_support().any()
    for target in (whole.astype(int), indicator, sparse.csr_array(indicator)):
        with pytest.raises(ValueError, match=r"no classes to stratify by: .*stratify=None"):
            clone(sampler).fit(X, target)


def test_two_outputs_of_whole_numbers():
    X, Y = load_linnerud(return_X_y=True)
    assert (Y.round() == Y).all()
    rows, targets = KCenterGreedy(10).fit_resample(X, Y)
    assert rows.shape == targets.shape == (10, 3)
    model = CoresetRegressor(Ridge(), KCenterGreedy(10)).fit(X, Y)
    assert model.predict(X).shape == Ridge().fit(X, Y).predict(X).shape


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csr_matrix, pd.DataFrame])
def test_one_hot_labels(make, sixty):
    X, y = sixty
    hot = make(np.eye(3, dtype=int)[y])
    for sampler in (Herding(6), Margin(coreset_size=6), EL2N(coreset_size=6, random_state=0)):
        expected = clone(sampler).fit(X, y)
        got = clone(sampler)
        _, kept = got.fit_resample(X, hot)
        np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
        assert type(kept) is type(hot)
        assert got.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([1, 2] * 30, dtype=object), r"y holds objects of the types \['int'\].*astype"),
        (np.array([1, "a"] * 30, dtype=object), r"types \['int', 'str'\]"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)] * 30, r"types \['date'\]"),
        (np.array([{"a": 1}] * 60), r"types \['dict'\]"),
    ],
)
@pytest.mark.parametrize("sampler", [Uniform(12), Margin(coreset_size=12)])
def test_objects_that_are_no_labels(sampler, y, message, sixty):
    with pytest.raises(ValueError, match=f"Unknown label type: unknown.*{message}"):
        sampler.fit(sixty[0], y)


# messages ----------------------------------------------------------------------------------


def frame(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.normal(size=n), "size": rng.normal(size=n)})


CITY, DAY = ["Rome", "Oslo", "Lima"] * 20, pd.date_range("2024-01-01", periods=60)
HOLE = np.where(np.arange(60) == 7, np.nan, 1.0)
BAD = {
    "text": (
        frame().assign(city=CITY),
        r"column 'city' holds text \('Rome' in row 0",
    ),
    "second text": (
        frame().assign(digits=["1"] * 60, city=CITY),
        r"column 'city' holds text \('Rome' in row 0\)",
    ),
    "text by position": (frame().assign(city=CITY).to_numpy(), r"column 2 holds text \('Rome' in"),
    "lists": (frame().assign(city=CITY).to_numpy().tolist(), r"column 2 holds text \('Rome' in"),
    "categories": (frame().assign(city=pd.Categorical(CITY)), r"column 'city' holds text"),
    "polars": (
        pl.DataFrame({"a": HOLE[8:].tolist() + [1.0] * 8, "city": CITY}),
        "column 'city' hol",
    ),
    "pyarrow": (pa.table({"a": np.ones(60), "city": CITY}), "column 'city' holds text"),
    "date": (frame().assign(day=DAY), "X holds dates or times: column 'day'.*days since"),
    "only dates": (pd.DataFrame({"day": DAY}), "X holds dates or times: column 'day'"),
    "spans": (frame().assign(took=DAY - DAY[0]), "X holds dates or times: column 'took'"),
    "NaN": (frame().assign(hole=HOLE), r"contains NaN: column 'hole', row 7\..*SimpleImputer"),
    "infinity": (
        frame().assign(hole=np.where(np.isnan(HOLE), np.inf, 1)),
        "infinity .*: column 'hole', row 7.*replace",
    ),
    "NA": (frame().assign(hole=pd.array([1, pd.NA] * 30, dtype="Int64")), "column 'hole', row 1"),
    "None": (frame().assign(hole=[1.0, None] * 30).astype(object), "column 'hole', row 1"),
    "NaN by position": (frame().assign(hole=HOLE).to_numpy(), "column 2, row 7"),
    "NaN in csr": (sparse.csr_array(frame().assign(hole=HOLE).to_numpy()), "column 2, row 7"),
}
OF_NUMBERS = [s for s in LABEL_FREE if not isinstance(s, Uniform)]


@pytest.mark.parametrize("kind", BAD)
def test_the_column_is_named(kind):
    X, message = BAD[kind]
    y = np.arange(60) % 2
    default = [s.set_params(coreset_size=6) for s in map(clone, OF_NUMBERS)]
    asking = [Margin(coreset_size=6), EL2N(coreset_size=6, random_state=0), DeepFool(None, 6)]
    for sampler in [*default, *asking, ContrastiveActiveLearning(coreset_size=6, n_neighbors=3)]:
        with pytest.raises((TypeError, ValueError), match=message) as error:
            sampler.fit(X, y)
        assert name_of(sampler) in str(error.value)


def test_the_way_out_of_this_method_is_named():
    X, y = frame().assign(city=CITY), np.arange(60) % 2

    def said(sampler, X=X):
        with pytest.raises(ValueError) as error:
            sampler.fit(X, y)
        return str(error.value)

    assert said(Herding(6)).endswith("OneHotEncoder.")
    assert "A Pipeline given as estimator" in said(Margin(coreset_size=6))
    inside = said(CoverageCentric(EL2N(), 6))
    assert inside.count("cannot work on that") == inside.count("EL2N cannot") == 1
    assert "features='model'" in said(ContrastiveActiveLearning(coreset_size=6))
    assert "sensitivity='loss'" in said(ImportanceSampling(6))
    boosts = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=3)
    categories = X.assign(city=pd.Categorical(CITY))
    for Method in (CRAIG, GradMatch):
        assert "gradient='logits'" in said(Method(boosts, 6), categories)

    # And it is a way out.
    reads = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        LogisticRegression(),
    )
    for sampler in (
        Margin(reads, 6),
        ContrastiveActiveLearning(reads, 6, n_neighbors=3, features="model"),
        ImportanceSampling(6, estimator=reads, sensitivity="loss"),
    ):
        assert sampler.fit(X, y).get_support().sum() == 6
    assert CRAIG(boosts, 6, gradient="logits").fit(categories, y).get_support().sum() == 6


def test_a_missing_text_is_named(texts):
    documents, y = texts
    for nothing in (None, np.nan):
        holes = [*documents[:7], nothing, *documents[8:]]
        for X in (holes, pd.Series(holes, dtype=object)):
            with pytest.raises(ValueError, match="its only column, row 7"):
                Margin(READS, 9).fit(X, y)


def test_weights_are_spoken_of_where_they_matter(sixty):
    X, y = sixty
    with pytest.raises(ValueError, match=r"other samples: 59"):
        ContrastiveActiveLearning(coreset_size=6, n_neighbors=60).fit(X, y)
    with pytest.raises(ValueError, match=r"other samples of positive weight: 29"):
        ContrastiveActiveLearning(coreset_size=6, n_neighbors=60).fit(X, y, np.arange(60) % 2)
    with pytest.raises(ValueError, match=r"y has one class: 1\.$"):
        Margin(coreset_size=6).fit(X, np.ones(60, dtype=int))
    with pytest.raises(ValueError, match=r"init has 1 sample of classes of which"):
        KCenterGreedy({0: 0, None: 2}, init=[int(np.flatnonzero(y == 0)[0])]).fit(X, y)


# fits that fail, and threads -------------------------------------------------------------------


class Breaks(BaseEstimator):
    """Sets attributes, then does what it is told."""

    def __init__(self, then=None, lambda_=1):
        self.then = then
        self.lambda_ = lambda_

    def fit(self, value):
        with replace_when_fitted(self) as fitted:
            fitted.first_ = value
            if self.then is not None:
                self.then()
            fitted.second_ = value
        return self


def interrupt():
    raise KeyboardInterrupt


def test_a_fit_is_there_as_a_whole_or_not_at_all():
    estimator = Breaks()
    estimator.first_ = estimator.old_ = "of the last fit"
    estimator._noted = 1
    before = dict(vars(estimator))
    with pytest.raises(KeyboardInterrupt):
        estimator.set_params(then=interrupt).fit(2)
    assert vars(estimator) == {**before, "then": interrupt}
    estimator.set_params(then=None).fit(3)
    assert vars(estimator) == {
        "then": None,
        "lambda_": 1,
        "_noted": 1,
        "first_": 3,
        "second_": 3,
    }


@all_samplers
def test_one_object_in_two_threads(sampler, sixty):
    """Both tables have other rows, classes and sizes; the object is fitted on one or the other."""
    if hasattr(sampler, "dynamics"):  # the default one changes the filters of warnings in threads
        sampler = clone(sampler).set_params(estimator=GaussianNB())
    tables = [(X[:k], y[:k]) for X, y, k in ((*sixty, 60), (sixty[0][::-1], sixty[1][::-1], 45))]
    expected = [clone(sampler).fit(*table) for table in tables]
    shared = clone(sampler)
    start = threading.Barrier(2)

    def resample(which):
        start.wait()
        return [shared.fit_resample(*tables[which])[0] for _ in range(3)]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(resample, [0, 1]))
    for (X, _), alone, rows in zip(tables, expected, answers, strict=True):
        for each in rows:
            np.testing.assert_array_equal(each, X[alone.sample_indices_])
    left = [e for e in expected if e.n_samples_in_ == shared.n_samples_in_]
    np.testing.assert_array_equal(shared.sample_indices_, left[0].sample_indices_)
    np.testing.assert_allclose(shared.sample_weight_, left[0].sample_weight_)


def test_given_rows_in_two_threads(monkeypatch):
    """`init` is looked up in the table of this fit, not in that of another."""
    X, y = np.random.default_rng(0).normal(size=(200, 5)), np.arange(200) % 2
    tables = [(X, y), (X[:80], y[:80] * 0)]
    alone = [KCenterGreedy(20, init=[0, 1]).fit(*table).sample_indices_ for table in tables]
    both_looked_up, represent = threading.Barrier(2), KCenterGreedy._represent

    def later(self, table, groups):
        both_looked_up.wait(60)
        return represent(self, table, groups)

    monkeypatch.setattr(KCenterGreedy, "_represent", later)
    shared = KCenterGreedy(20, init=[0, 1])
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda table: shared.fit_resample(*table)[0], tables)
        for (rows, _), kept, got in zip(tables, alone, answers, strict=True):
            np.testing.assert_array_equal(got, rows[kept])


def test_a_fit_that_fails_leaves_what_another_thread_has_done(sixty, monkeypatch):
    X, y = sixty
    shared, represent = Margin(coreset_size=6), Margin._represent

    def meanwhile(self, table, groups):
        if len(table.y) == 60:
            return represent(self, table, groups)
        shared.fit(X, y)
        raise KeyboardInterrupt

    monkeypatch.setattr(Margin, "_represent", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        shared.fit(X[:50], y[:50])
    assert shared.n_samples_in_ == 60


# warnings ----------------------------------------------------------------------------------


def here():
    """Line of the caller."""
    return sys._getframe(1).f_lineno


def test_a_warning_points_at_the_line_that_led_to_it(sixty, monkeypatch):
    X, y = sixty
    package = {"warn": warn, "__name__": "skcoreset._somewhere"}  # as if it were in a file of it
    within = eval("lambda *args: warn('of the package')", package)
    monkeypatch.setattr(KCenterGreedy, "_check_params", within)
    model = CoresetClassifier(sampler=KCenterGreedy(20))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        KCenterGreedy(20).fit(X, y)
        lines = [here() - 1]
        model.fit(X, y)
        lines.append(here() - 1)
        cross_val_score(model, X, y, cv=2)
        lines += 2 * [here() - 1]
    assert [w.lineno for w in caught] == lines
    assert {w.filename for w in caught} == {__file__}
    assert {str(w.message) for w in caught} == {"of the package"}
