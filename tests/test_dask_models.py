"""Estimators that Dask fits on whole collections: they predict elsewhere by their `to_local`."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import MultinomialNB

import skcoreset
from skcoreset import (
    CRAIG,
    ContrastiveActiveLearning,
    CoresetClassifier,
    CoresetRegressor,
    CoverageCentric,
    GradMatch,
    Herding,
    ImportanceSampling,
    Margin,
    TransformedSampler,
    Uniform,
)

CHUNKS = (300, 1, 0, 700, 500, 296)  # of 1797 rows


class FittedByDask(BaseEstimator):
    """As the estimators of `lightgbm.dask`: it fits and predicts Dask collections only."""

    def __init__(self, client=None):
        self.client = client

    def fit(self, X, y, sample_weight=None):
        given = [one for one in (X, y, sample_weight) if one is not None]
        # The parts of the same number belong together.
        parts = [np.ravel(one.to_delayed()).tolist() for one in given]
        parts = [[block.compute() for block in blocks] for blocks in parts]
        lengths = [[block.shape[0] for block in blocks] for blocks in parts]
        assert all(one == lengths[0] for one in lengths)
        assert 0 not in lengths[0]
        if sparse.issparse(parts[0][0]):
            parts[0] = [block.toarray() for block in parts[0]]
        whole = [
            pd.concat(blocks) if hasattr(blocks[0], "iloc") else np.concatenate(blocks)
            for blocks in parts
        ]
        self.model_ = clone(self.local).fit(*whole)
        self.n_rows_ = sum(lengths[0])
        return self

    @property
    def classes_(self):
        return self.model_.classes_

    def predict(self, X):
        raise TypeError("Data must be a Dask collection.")

    predict_proba = predict

    def to_local(self):
        return getattr(self, "model_", clone(self.local))


class Classifier(ClassifierMixin, FittedByDask):
    local = MultinomialNB()


class Regressor(RegressorMixin, FittedByDask):
    local = LinearRegression()
    predict_proba = classes_ = None


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def lazy(digits):
    X, y = digits
    return da.from_array(X, chunks=(CHUNKS, 64)), da.from_array(y, chunks=450)


def assert_same(sampler, expected):
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(sampler.sample_weight_, expected.sample_weight_)


def test_an_unfitted_classifier_is_fitted_on_the_whole_collection(digits, lazy):
    local = FrozenEstimator(clone(Classifier.local).fit(*digits))
    estimator = Classifier()
    with skcoreset.config_context(max_fit_rows=100):
        for make in (
            lambda estimator: Margin(estimator, 50),
            lambda estimator: ContrastiveActiveLearning(estimator, 50),
            lambda estimator: CRAIG(estimator, 50),
            lambda estimator: CoverageCentric(Margin(estimator), 50, random_state=0),
            lambda estimator: TransformedSampler(None, Margin(estimator, 50)),
            lambda estimator: ImportanceSampling(
                50, sensitivity="loss", estimator=estimator, random_state=0
            ),
        ):
            sampler = make(estimator).fit(*lazy)
            assert_same(sampler, make(local).fit(*lazy))
            assert isinstance(getattr(sampler, "estimator_", local.estimator), MultinomialNB)
    assert not hasattr(estimator, "model_")
    assert clone(sampler).get_params()["estimator"].get_params() == {"client": None}
    assert Margin(estimator).set_params(estimator__client=3).estimator.client == 3


def test_the_collections_may_be_of_any_kind(digits, lazy):
    X, y = digits
    dX, dy = lazy
    expected = Margin(clone(Classifier.local).fit(X, y), 50).fit(X, y)
    frame = dd.from_pandas(pd.DataFrame(X).rename(columns=str), npartitions=4)
    series = dd.from_pandas(pd.Series(y), npartitions=4)
    for given in (
        (dX, y),
        (dX[dX[:, 27] > -1], dy[dX[:, 27] > -1]),  # chunks of unknown sizes
        (dX.map_blocks(sparse.csr_matrix), dy),
        (dX, pd.Series(y, index=y)),
        (dX, dy[:, None]),
    ):
        assert_same(Margin(Classifier(), 50).fit(*given), expected)
    sampler = Margin(Classifier(), 50).fit(frame, series)
    assert_same(sampler, expected)
    assert sampler.estimator_.feature_names_in_.tolist() == frame.columns.tolist()
    names = np.array(["zero", *"abcdefghi"])
    sampler = Margin(Classifier(), 50).fit(dX, names[y])
    assert_same(sampler, Margin(clone(Classifier.local).fit(X, names[y]), 50).fit(X, names[y]))


def test_it_is_fitted_with_the_weights_and_without_samples_of_weight_zero(digits, lazy):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float)
    weight[:301] = 0  # two whole partitions
    present = weight > 0
    local = clone(Classifier.local).fit(X[present], y[present], weight[present])
    for given in (weight, da.from_array(weight, chunks=1000)):
        sampler = Margin(Classifier(), 50).fit(*lazy, given)
        assert_same(sampler, Margin(local, 50).fit(X, y, weight))


def test_a_fitted_classifier_predicts_by_its_local_one(digits, lazy):
    X, y = digits
    fitted = Classifier().fit(lazy[0].rechunk((450, -1)), lazy[1])
    for given in (lazy, (lazy[0], None), (X, y)):
        for estimator in (fitted, FrozenEstimator(fitted)):
            sampler = Margin(estimator, 50, stratify=None).fit(*given)
            assert sampler.estimator_ is fitted.model_
            expected = Margin(fitted.model_, 50, stratify=None).fit(X, y)
            assert_same(sampler, expected)
            np.testing.assert_array_equal(sampler.score_samples(X), expected.scores_)
    stream = Margin(fitted, 50)
    for start in range(0, len(y), 400):
        stream.partial_fit(X[start : start + 400], y[start : start + 400])
    stream.finalize()
    assert_same(stream, Margin(fitted.model_, 50).fit(X, y))
    with pytest.raises(ValueError, match="was frozen before it was fitted"):
        Margin(FrozenEstimator(Classifier()), 50).fit(*lazy)
    with pytest.raises(ValueError, match="is already fitted and is used as it is"):
        Margin(fitted, 50, cv=3).fit(X, y)


def test_tables_in_memory_are_for_the_local_estimator(digits, lazy):
    X, y = digits
    for parameters in ({}, {"cv": 3}):
        sampler = Margin(Classifier(), 50, **parameters).fit(X, y)
        assert_same(sampler, Margin(Classifier.local, 50, **parameters).fit(X, y))
    for given in (lazy, digits):
        model = CoresetClassifier(Classifier(), Uniform(300, random_state=0)).fit(*given)
        assert isinstance(model.estimator_, MultinomialNB)
        assert model.score(X, y) > 0.8
    assert isinstance(model.estimator, Classifier)
    model = CoresetRegressor(Regressor(), Herding(300)).fit(X, X[:, 20])
    assert model.score(X, X[:, 20]) == pytest.approx(1)


def test_a_regressor(digits, lazy):
    X, _ = digits
    y = X[:, :5].sum(axis=1) + X[:, 20] ** 2 + 0.25
    local = LinearRegression().fit(X, y)
    target = da.from_array(y, chunks=500)
    with skcoreset.config_context(max_fit_rows=100):
        sampler = CRAIG(Regressor(), 50).fit(lazy[0], target)
    np.testing.assert_allclose(sampler.estimator_.coef_, local.coef_, atol=1e-9)
    assert_same(sampler, CRAIG(local, 50).fit(lazy[0], target))
    with pytest.raises(TypeError, match=r"Margin needs a classifier, but .* is a regressor"):
        Margin(Regressor(), 50).fit(*lazy)


def test_the_table_is_read_once_more(digits):
    X, y = digits
    read = []

    def block(start):
        read.append(start)
        return X[start : start + 500]

    blocks = [
        da.from_delayed(dask.delayed(block, pure=False)(a), X[a : a + 500].shape, X.dtype)
        for a in range(0, len(X), 500)
    ]
    dX = da.concatenate(blocks)
    Margin(Classifier(), 50).fit(dX, y)
    # The survey, the fit and the predictions; the first partition shows the type of all.
    assert sorted(read) == sorted([0, 500, 1000, 1500] * 3 + [0])


def test_errors(lazy):
    class WithoutLocal(MultinomialNB):
        __module__ = "somewhere.dask"

    for sampler in (
        Margin(WithoutLocal(), 50),
        GradMatch(WithoutLocal(), 50),
        CoresetClassifier(WithoutLocal()),
    ):
        with pytest.raises(TypeError, match=r"^WithoutLocal\(\) predicts Dask .* method to_local"):
            sampler.fit(*lazy)

    class ForgetsOne(Classifier):
        def fit(self, X, y, sample_weight=None):
            at = np.flatnonzero(y.compute() != 3)
            return super().fit(X[at], y[at])

    with pytest.raises(ValueError, match=r"does not know the classes \[3\].*shuffle the samples"):
        Margin(ForgetsOne(), 50).fit(*lazy)
    with pytest.raises(ValueError, match="cv=3 predicts each sample of a table in memory"):
        Margin(Classifier(), 50, cv=3).fit(*lazy)


@pytest.mark.filterwarnings("ignore")  # of lightgbm, about its own parameters
def test_lightgbm_on_a_cluster(digits, capfd):
    lightgbm = pytest.importorskip("lightgbm")
    distributed = pytest.importorskip("distributed")
    X, y = digits
    dX, dy = da.from_array(X, chunks=(600, -1)), da.from_array(y, chunks=500)
    weight = 1.0 + (y == 8)
    with (
        # One worker opens no socket of lightgbm.
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        estimator = lightgbm.DaskLGBMClassifier(
            n_estimators=5, num_leaves=7, verbose=-1, client=client
        )
        with skcoreset.config_context(max_fit_rows=100):
            sampler = Margin(estimator, 50).fit(dX, dy, weight)
        local = sampler.estimator_
        assert type(local) is lightgbm.LGBMClassifier
        assert local.score(X, y) > 0.9
        assert_same(sampler, Margin(local, 50).fit(X, y, weight))
        fitted = clone(estimator.set_params(client=None)).fit(dX, dy.rechunk(600))
        for given in ((dX, dy), (X, y)):
            assert_same(Margin(fitted, 50).fit(*given), Margin(fitted.to_local(), 50).fit(X, y))
