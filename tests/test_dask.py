"""Dask collections: the same samples as in memory, or two rounds, on every scheduler."""

import gc
import multiprocessing
import os
import pickle
import signal
import tracemalloc
from contextlib import contextmanager

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import SVC

import skcoreset
from skcoreset import (
    CRAIG,
    EL2N,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    Coreset,
    CoresetClassifier,
    CoresetNystroem,
    CoresetReport,
    CoresetSearchCV,
    CoverageCentric,
    DeepFool,
    Entropy,
    FacilityLocation,
    FeatureBased,
    GradMatch,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Moderate,
    ProbCover,
    SelectionDisplay,
    TrainingDynamics,
    TransformedSampler,
    Uniform,
    _dask,
    _partitions,
    coreset_curve,
)
from skcoreset._dask import Partitions, partitions
from skcoreset._kernels import compact
from skcoreset._kernels.compact import is_repeated, repeated

CHUNKS = (300, 1, 0, 700, 500, 296)  # of 1797 rows


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def classifier(digits):
    return make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=300)).fit(*digits)


def lazy(X, y, weight=None, chunks=CHUNKS):
    """Dask arrays of the data."""

    def collection(values):
        if values is None:
            return None
        return da.from_array(values, chunks=(chunks, *values.shape[1:]))

    return [collection(values) for values in (X, y, weight)]


def exact_samplers(classifier, digits):
    X, y = digits
    dynamics = TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=2)
    values = np.arange(1.0, len(y) + 1)
    return [
        Uniform(50, random_state=0),
        Uniform(0.05, stratify=None, random_state=1),
        Uniform({None: 2, 3: 0.1}, random_state=1),
        LeastConfidence(classifier, 50),
        Entropy(classifier, 50, exclude=[5, 900]),
        Margin(classifier, 50, stratify="balanced"),
        Margin(None, 30),
        DeepFool(classifier, 50),
        DeepFool(SVC().fit(X, y), 20),
        ContrastiveActiveLearning(classifier, 50),
        ContrastiveActiveLearning(classifier, 50, metric="cosine", n_neighbors=3),
        EL2N(coreset_size=50, dynamics=dynamics),
        KCenterGreedy(50),
        KCenterGreedy(50, metric="cosine", init="random", stratify=None, random_state=0),
        KCenterGreedy(50, metric="manhattan", init=[3, 1600]),
        Moderate(50),
        Moderate(50, metric="cosine", stratify=None),
        Moderate(50, metric="manhattan"),
        *(
            ImportanceSampling(60, sensitivity=name, estimator=classifier, random_state=0)
            for name in ("lightweight", "leverage", "logistic", "loss", "gradient", values)
        ),
        CoverageCentric(Margin(classifier), 50, random_state=0),
        CoverageCentric(EL2N(dynamics=dynamics), 50, random_state=0),
        TransformedSampler(StandardScaler(), Margin(classifier, 50)),
        TransformedSampler("auto", Moderate(50)),
    ]


def composable_samplers(classifier):
    return [
        Coreset(50, random_state=0),
        Coreset(50, features=None, weight_by_uncertainty=True, random_state=0),
        Herding(50),
        Herding(50, kernel="laplacian", random_state=0),
        FacilityLocation(50),
        FacilityLocation(50, init=[5, 700, 1500]),
        GraphCut(50),
        ProbCover(50, random_state=0),
        CRAIG(classifier, 50),
        CRAIG(coreset_size=50),
        GradMatch(classifier, 50),
        FeatureBased(50),
        FeatureBased(50, concave="ratio", stratify=None),
        TransformedSampler(),
    ]


def assert_same_selection(sampler, X, y, weight, collections):
    expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y, weight)
    X_small, y_small = sampler.fit_resample(*collections)
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(sampler.sample_weight_, expected.sample_weight_, rtol=1e-9)
    assert sampler.sampling_strategy_ == expected.sampling_strategy_
    np.testing.assert_array_equal(X_small, X[expected.sample_indices_])
    np.testing.assert_array_equal(y_small, y[expected.sample_indices_])
    if hasattr(expected, "scores_"):
        np.testing.assert_allclose(sampler.scores_, expected.scores_, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_exact_methods_select_the_samples_that_they_select_in_memory(digits, classifier, weighted):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float) if weighted else None
    if weighted:
        weight[[3, 1600]] = 1  # `init` of KCenterGreedy
    for sampler in exact_samplers(classifier, digits):
        assert_same_selection(sampler, X, y, weight, lazy(X, y, weight))


def test_the_models_of_the_exact_methods_can_be_fitted_on_a_sample(digits):
    X, y = digits
    with skcoreset.config_context(max_fit_rows=400):
        sampler = Margin(LogisticRegression(max_iter=2000), 50).fit(*lazy(X, y)[:2])
    fitted = sampler.estimator_
    assert 0.85 < fitted.score(X, y) < 0.99  # it has not seen all samples
    expected = Margin(fitted, 50).fit(X, y)
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)


def test_small_tables_are_selected_in_one_round(digits, classifier):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float)
    for sampler in composable_samplers(classifier):
        assert_same_selection(sampler, X, y, None, lazy(X, y)[:2])
        if not isinstance(sampler, FacilityLocation):  # `init` must have positive weights
            assert_same_selection(sampler, X, y, weight, lazy(X, y, weight))


def test_kernel_herding_selects_the_samples_that_it_selects_in_memory(digits):
    """From a random sample of each class, with the mean of all samples at its landmarks."""
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float)
    y = y % 3
    for sampler in (
        Coreset(30, n_candidates=100, random_state=0),
        Coreset(30, n_candidates=100, stratify=None, init=[3, 1600], random_state=0),
        Coreset(30, proxy=GaussianNB(), n_candidates=100, random_state=1),
        Coreset(30, proxy=GaussianNB().fit(X, y), features=None, n_candidates=50, random_state=1),
        Herding(30, kernel="laplacian", n_candidates=100, random_state=0),
        Herding(30, kernel="rbf", n_candidates=50, stratify=None, random_state=0),
    ):
        assert_same_selection(sampler, X, y, None, lazy(X, y)[:2])
        if sampler.init is None:
            assert_same_selection(sampler, X, y, weight, lazy(X, y, weight))
    sampler = Coreset(30, n_candidates=200, random_state=0)
    assert_same_selection(sampler, X, y + X[:, 20] / 7, None, lazy(X, y + X[:, 20] / 7)[:2])


def test_two_rounds_with_little_loss(digits, classifier, monkeypatch):
    """The objective on all samples, relative to that of the selection in memory."""
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    X = X / 16
    similar = 2 - np.linalg.norm(X[:, None] - X[None], axis=2) / np.linalg.norm(X, axis=1).max()

    def covered(sampler):
        return similar[:, sampler.sample_indices_].max(axis=1).sum()

    for sampler in (FacilityLocation(50, stratify=None), FacilityLocation(50)):
        there = covered(type(sampler)(**sampler.get_params()).fit(X, y))
        here = covered(sampler.fit(*lazy(X, y)[:2]))
        assert there * 0.99 < here
        assert sampler.sample_weight_.sum() == pytest.approx(len(y))
    mean = X.mean(axis=0)
    herding = Herding(100, stratify=None)
    X_small, _ = herding.fit_resample(*lazy(X, y)[:2])
    random, _ = Uniform(100, stratify=None, random_state=0).fit_resample(X, y)
    error, of_random = (np.linalg.norm(rows.mean(axis=0) - mean) for rows in (X_small, random))
    assert error < of_random / 5


@pytest.mark.parametrize("stratify", ["proportional", None])
@pytest.mark.parametrize("of", [np.asarray, sparse.csr_array])
def test_feature_based_in_two_rounds(digits, monkeypatch, stratify, of):
    """Little loss, and the weights of random samples: no partition has a factor of its own."""
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float)
    dX, dy, dweight = lazy(X, y, weight)
    dX = dX.map_blocks(of)

    def value(sampler):
        return np.sqrt(X[sampler.sample_indices_].sum(axis=0)).sum()

    there = value(FeatureBased(50, stratify=stratify).fit(X, y))
    for given, own in ((None, np.ones(len(y))), (dweight, weight)):
        sampler = FeatureBased(50, stratify=stratify).fit(dX, dy, given)
        assert value(sampler) > 0.99 * there
        at = sampler.sample_indices_
        label = y if stratify else np.zeros(len(y), dtype=int)
        factor = np.bincount(label, own) / np.bincount(label[at], own[at])
        np.testing.assert_allclose(sampler.sample_weight_, own[at] * factor[label[at]])


@pytest.mark.parametrize("y_chunks", [450, (100, 1697)])
def test_two_rounds_use_init_and_weights(digits, monkeypatch, y_chunks):
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    dX, dy = da.from_array(X, chunks=(400, 16)), da.from_array(y, chunks=(y_chunks,))
    sampler = FacilityLocation(40, init=[1500, 5, 700]).fit(dX, dy)
    of_class = {label: [i for i in (1500, 5, 700) if y[i] == label] for label in y[[1500, 5, 700]]}
    for label, given in of_class.items():
        picks = sampler.sample_indices_[y[sampler.sample_indices_] == label]
        assert picks[: len(given)].tolist() == given
    weight = np.where(np.arange(len(y)) % 3, 1.0, 0.0)
    sampler = Herding(40).fit(dX, dy, weight)
    assert 0 not in np.unique(sampler.sample_indices_ % 3)
    assert 3 in y[sampler.sample_indices_]
    assert sampler.sample_weight_.sum() == pytest.approx(weight.sum())
    # A smaller budget is a prefix of the second round.
    smaller = sampler.truncate(20)
    assert set(smaller.sample_indices_) < set(sampler.sample_indices_)


def test_dataframes_come_back_with_their_index_and_columns(digits):
    X, y = digits
    frame = pd.DataFrame(X[:, :8]).rename(columns=str).assign(text=np.where(y > 4, "many", "few"))
    frame.index = np.arange(len(y))[::-1] // 2  # neither sorted nor unique
    target = pd.Series(y, index=frame.index, name="digit")
    dX, dy = (dd.from_pandas(v, npartitions=4, sort=False) for v in (frame, target))
    for sampler in (Coreset(30, random_state=0), Uniform(30, random_state=0)):
        X_small, y_small = sampler.fit_resample(dX, dy)
        pd.testing.assert_frame_equal(X_small, dX.compute().iloc[sampler.sample_indices_])
        pd.testing.assert_series_equal(y_small, target.iloc[sampler.sample_indices_])
        expected = type(sampler)(30, random_state=0).fit(frame, target)
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
        assert sampler.feature_names_in_.tolist() == frame.columns.tolist()


def test_chunks_of_unknown_size_and_a_target_in_memory(digits):
    X, y = digits
    keep = da.from_array(np.arange(len(y)), chunks=400) % 3 > 0
    dX = da.from_array(X, chunks=(400, -1))[keep]
    assert np.isnan(dX.shape[0])
    for target in (da.from_array(y, chunks=400)[keep], y[keep.compute()]):
        sampler = Herding(40).fit(dX, target)
        expected = Herding(40).fit(X[keep.compute()], y[keep.compute()])
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)


def test_sparse_blocks(digits):
    X, y = digits
    dX = da.from_array(X, chunks=(400, -1)).map_blocks(sparse.csr_matrix)
    for sampler in (
        Herding(40),
        Moderate(40),
        ImportanceSampling(40, sensitivity="leverage", random_state=0),
    ):
        X_small, _ = sampler.fit_resample(dX, y)
        expected = type(sampler)(**sampler.get_params()).fit(sparse.csr_matrix(X), y)
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
        np.testing.assert_array_equal(X_small.toarray(), X[expected.sample_indices_])


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, -2, 3, 0]),
        np.tile(np.array([127, -128, 100], dtype=np.int8), 100),
        np.array([2**63 - 1, -(2**63), 5]),
        np.array([2**64 - 1, 2**64 - 2], dtype=np.uint64),
        np.array([255, 0, 255], dtype=np.uint8),
        np.array([True, True]),
        np.array([False, True, False]),
        np.array([], dtype=int),
        np.array(["b", "a", "b"]),
        np.array([1.0, 7.0, 1.0]),
    ],
)
def test_labels_of_a_partition(y):
    values, codes = _partitions.labels_of(y)
    expected, at = np.unique(y, return_inverse=True)
    assert values.dtype == y.dtype
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(codes, at)


def test_regression_targets(digits):
    X, y = digits
    y = y + 0.25
    for sampler in (
        Coreset(40, random_state=0),
        Uniform(40, stratify="quantile", random_state=0),
        Uniform(40, random_state=0),
        Moderate(40, stratify="quantile"),
    ):
        sampler.fit(*lazy(X, y)[:2])
        expected = type(sampler)(**sampler.get_params()).fit(X, y)
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    # The values of one partition are whole numbers, which are no class labels.
    y[:300] = np.floor(y[:300])
    with pytest.raises(ValueError, match="needs the labels of a classification"):
        Margin(coreset_size=40).fit(*lazy(X, y)[:2])


def test_meta_estimators(digits):
    X, y = digits
    model = CoresetClassifier(SVC(), Coreset(60, random_state=0)).fit(*lazy(X, y)[:2])
    expected = CoresetClassifier(SVC(), Coreset(60, random_state=0)).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


def test_predictions_for_dask_collections(digits):
    """They are computed for each partition, and never for a whole table by chance."""
    X, y = digits
    dX, dy = da.from_array(X, chunks=(400, -1)), da.from_array(y, chunks=400)
    model = CoresetClassifier(SVC(), Coreset(60, random_state=0)).fit(dX, dy)
    assert model.n_features_in_ == 64
    np.testing.assert_array_equal(
        dX.map_blocks(model.predict, drop_axis=1, dtype=y.dtype).compute(), model.predict(X)
    )
    sampler = Coreset(60, random_state=0).fit(dX, dy)
    linear = LogisticRegression()
    for call in (
        lambda: model.predict(dX),
        lambda: model.score(dX, dy),
        lambda: Margin(model, 10).fit(dX, dy).score_samples(dX),
        lambda: CoresetSearchCV(linear, sampler).fit(dX, dy),
        lambda: CoresetReport(sampler, dX, dy),
        lambda: SelectionDisplay.from_sampler(sampler, dX, dy),
        lambda: coreset_curve(linear, dX, dy, samplers=sampler),
        lambda: CoresetNystroem(sampler).fit(dX, dy),
        lambda: Uniform(10, stratify=None).fit(X, dy),
        lambda: Uniform(10).fit(X, y, dy),
    ):
        with pytest.raises(TypeError, match=r"is a collection of dask, but .* Give \w+\.compute"):
            call()
    with pytest.raises(TypeError, match="does not support Dask collections"):
        CoresetClassifier(SVC(), RandomUnderSampler()).fit(dX, dy)
    with pytest.warns(UserWarning, match=r"no sample of the classes \[0\]"):
        CoresetClassifier(SVC(), Uniform({0: 0, None: 5}, random_state=0)).fit(dX, dy)
    with pytest.warns(UserWarning, match="selects samples for labeling"):
        CoresetClassifier(SVC(), Margin(model, 50)).fit(dX, dy)


def test_a_class_that_is_left_out(digits, monkeypatch):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 4, len(y)).astype(float)
    for sampler in (Herding({3: 0, None: 4}), GraphCut({3: 0, None: 4})):
        for given in (None, weight):
            assert_same_selection(sampler, X, y, given, lazy(X, y, given))
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    sampler = Herding({3: 0, None: 4}).fit(*lazy(X, y)[:2])
    assert sampler.sampling_strategy_ == {**dict.fromkeys(range(10), 4), 3: 0}
    assert sampler.sample_weight_.sum() == pytest.approx(len(y))
    assert sampler.truncate({3: 0, None: 2}).sampling_strategy_[3] == 0


def test_transformed_sampler_knows_the_number_of_samples(digits):
    X, y = digits
    sampler = TransformedSampler(StandardScaler(), Herding(20)).fit(*lazy(X, y)[:2])
    assert sampler.get_support().shape == (len(y),)


# How often the table is read, and where --------------------------------------------------------


def counted(X, chunks=500):
    """A dask array of X, and the list of the blocks that were read, which grows."""
    read = []

    def block(start):
        read.append(start)
        return X[start : start + chunks]

    parts = [
        da.from_delayed(
            dask.delayed(block, pure=False)(a), (min(chunks, len(X) - a), X.shape[1]), X.dtype
        )
        for a in range(0, len(X), chunks)
    ]
    return da.concatenate(parts), read


@pytest.mark.parametrize(
    ("sampler", "passes"),
    [
        (Uniform(10, random_state=0), 1),
        (Margin(DummyClassifier().fit(np.eye(10, 64), np.arange(10)), 10), 1),
        (Margin(GaussianNB(), 10), 3),
        (DeepFool(coreset_size=10), 4),
        (ContrastiveActiveLearning(coreset_size=10), 4),
        (ImportanceSampling(10, random_state=0), 3),
        (ImportanceSampling(10, sensitivity="leverage", random_state=0), 4),
        (ImportanceSampling(10, sensitivity="logistic", random_state=0), 4),
        (ImportanceSampling(10, sensitivity="loss", random_state=0), 3),
        (ImportanceSampling(10, sensitivity=np.ones(1797), random_state=0), 1),
        (Herding(10), 2),
        (Herding(10, kernel="laplacian", n_candidates=50, random_state=0), 5),
        (Herding(10, kernel="rbf", n_candidates=50, random_state=0), 4),
        (Coreset(10, random_state=0), 6),
        (Coreset(10, n_candidates=50, random_state=0), 8),
        (Moderate(10, stratify=None), 3),
        (Moderate(10), 3),  # its classes share the passes
        (Moderate(10, metric="cosine"), 3),
        (KCenterGreedy(10, stratify=None), 1 + 4 + 1),
        (KCenterGreedy(10), 1 + 4),  # its classes share the passes
        (FacilityLocation(10), 2),
        (FeatureBased(10), 2),
        (CRAIG(coreset_size=10), 3),
        (CoverageCentric(Margin(GaussianNB()), 10, random_state=0), 4),
        (TransformedSampler(StandardScaler(), Uniform(10, random_state=0)), 3),
    ],
)
def test_passes_over_the_table(digits, sampler, passes):
    X, y = digits
    dX, read = counted(X)
    sampler.fit(dX, y)
    assert len(read) == passes * 4
    read.clear()
    sampler.fit_resample(dX, y)
    assert len(read) <= (passes + 1) * 4
    persisted = dX.persist()
    read.clear()
    sampler.fit_resample(persisted, y)
    assert read == []


@pytest.mark.parametrize("stratify", ["proportional", "quantile", None])
def test_moderate_sends_nothing_for_each_sample(digits, stratify, monkeypatch):
    """The workers know the classes and the weights of their samples."""
    X, y = digits
    sent, mapped = [], Partitions.map

    def counting(self, function, *each, shared=(), **options):
        sent.append(len(pickle.dumps((each, shared))))
        return mapped(self, function, *each, shared=shared, **options)

    monkeypatch.setattr(Partitions, "map", counting)
    Moderate(10, stratify=stratify).fit(*lazy(X[:, :2], y, 1.0 + y))
    assert len(sent) == 3
    assert max(sent) < 5000  # 1797 samples


@pytest.mark.parametrize(
    ("sampler", "sent", "received"),
    [
        # Fold and class; class; class and trust. Class; trust, uncertainty and error; hash.
        (Coreset(20, proxy=GaussianNB(), features=None, n_candidates=50, random_state=0), 6, 13.13),
        # Without classes, all samples are one group. A fitted proxy needs no folds.
        (
            Coreset(
                20,
                proxy=GaussianNB().fit(np.eye(2, 3), [0, 1]),
                features=None,
                n_candidates=50,
                stratify=None,
                random_state=0,
            ),
            3,
            13.13,
        ),
        (Herding(20, kernel="laplacian", n_candidates=50, random_state=0), 2, 9),
        (Herding(20, kernel="rbf", n_candidates=50, stratify=None, random_state=0), 0, 9),
    ],
)
def test_bytes_between_processes(sampler, sent, received, monkeypatch):
    """The bytes of the values that partitions get and return, for each further sample."""
    bytes_of, plain = np.zeros(2), Partitions.map

    def counting(self, function, *each, **kwargs):
        out = plain(self, function, *each, **kwargs)
        bytes_of[:] += len(pickle.dumps(each)), len(pickle.dumps(out))
        return out

    monkeypatch.setattr(Partitions, "map", counting)
    totals = []
    for n in (2000, 6000):
        X = np.random.default_rng(0).standard_normal((n, 3))
        y = (X[:, 0] > 0).astype(int)
        bytes_of[:] = 0
        with dask.config.set(scheduler="sync"), skcoreset.config_context(max_fit_rows=100):
            sampler.fit(*lazy(X, y, chunks=n // 4)[:2])
        totals.append(bytes_of.copy())
    per_sample = (totals[1] - totals[0]) / 4000
    np.testing.assert_allclose(per_sample, [sent, received], atol=0.3)


class AboveOne(GaussianNB):
    """Its probabilities are a little above one for samples of few partitions."""

    def predict_proba(self, X):
        return super().predict_proba(X) * np.where(X[:, -1:] > 1000, 1.0005, 1.0)


def test_uncertainties_below_zero(digits):
    X, y = digits
    X, y = np.column_stack([X, np.arange(len(X))]), y % 3
    sampler = Coreset(
        30, proxy=AboveOne(), weight_by_uncertainty=True, features=None, n_candidates=100
    )
    sampler.set_params(random_state=0)
    assert_same_selection(sampler, X, y, None, lazy(X, y)[:2])
    assert sampler.uncertainty_.min() == -0.0005
    expected = Coreset(**sampler.get_params(deep=False)).fit(X, y)
    np.testing.assert_array_equal(sampler.uncertainty_, expected.uncertainty_)
    np.testing.assert_array_equal(sampler.trust_, expected.trust_)


# Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "most"),
    [
        (Uniform(50, random_state=0), 11),
        (Uniform(50, stratify=None, random_state=0), 6),
        (Margin(None, 50), 23),
        (ImportanceSampling(50, random_state=0), 34),
        (Herding(50), 11),
        (FeatureBased(50), 11),
    ],
)
def test_bytes_per_sample_in_the_calling_process(sampler, most, monkeypatch):
    """A vector of float64 or int64 more is 8 bytes per sample, or 4 in each of two classes."""
    monkeypatch.setattr(compact, "BLOCK", 1000)
    monkeypatch.setattr(skcoreset._partitions, "FEWEST", 100)
    if isinstance(sampler, Margin):
        X = np.array([[0.0], [1.0]])
        sampler = Margin(LogisticRegression().fit(X, [0, 1]), 50)
    thresholds, peaks = gc.get_threshold(), []
    gc.set_threshold(100)  # the scheduler leaves the results of a pass in cycles of references
    try:
        for n in (2000, 20_000, 120_000):  # the first allocates what is needed once
            X = np.random.default_rng(0).random((n, 1))
            X, y = lazy(X, (X[:, 0] > 0.5).astype(int), chunks=n // 20)[:2]
            tracemalloc.start()
            with dask.config.set(scheduler="sync"):
                sampler.fit(X, y)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    finally:
        gc.set_threshold(*thresholds)
    assert (peaks[2] - peaks[1]) / 100_000 < most


def test_equal_weights_are_sent_as_one_number():
    sent = _dask._packed([{3: (repeated(1.0, 10**6), None, [np.arange(2)])}])
    assert len(pickle.dumps(sent)) < 1000
    ((weight, none, (positions,)),) = (calls[3] for calls in _dask._unpacked(sent))
    assert weight.flags.writeable
    assert not is_repeated(weight)
    np.testing.assert_array_equal(weight, np.ones(10**6))
    assert none is None
    assert positions.tolist() == [0, 1]
    assert _dask._unpacked(_dask._packed(repeated(1.0, 0))).shape == (0,)


def test_errors_name_the_partition_and_the_sample(digits):
    X, y = digits
    bad = X.copy()
    bad[1600, 7] = np.nan
    where = r"partition 5, whose first sample is sample 1501: .*NaN.*column 7, row 99"
    with pytest.raises(ValueError, match=where):
        Herding(10).fit(*lazy(bad, y)[:2])
    bad[1600, 7] = -3
    where = r"partition 5, whose first sample is sample 1501: .* -3.0 in row 99 of column 7"
    with pytest.raises(ValueError, match=where):
        FeatureBased(10).fit(*lazy(bad, y)[:2])
    missing = y.astype(object)
    missing[306] = None
    with pytest.raises(ValueError, match=r"partition 3, .*row 5 has no label"):
        Uniform(10).fit(*lazy(X, missing)[:2])
    with pytest.raises(ValueError, match="X has 1797 and y has 1796"):
        Uniform(10).fit(lazy(X, y)[0], da.from_array(y[1:], chunks=300))
    mixed = [pd.Series(y[:900].astype(str)), pd.Series(y[900:])]
    series = dd.from_delayed(
        [dask.delayed(part) for part in mixed], meta=mixed[0], verify_meta=False
    )
    with pytest.raises(
        TypeError, match="type str in partition 0, but of the type number in partition 1"
    ):
        Uniform(10).fit(da.from_array(X, chunks=(900, -1)), series)


@pytest.mark.parametrize(
    "sampler",
    [
        Margin(LogisticRegression(max_iter=20), 10),
        CRAIG(LogisticRegression(max_iter=20), 10),
        TransformedSampler(PCA(3), Uniform(10)),
        Coreset(10, features=PCA(3)),
    ],
)
def test_errors_of_models_that_are_fitted_on_a_sample(digits, sampler):
    """NaN in that sample: the error has the number of the row in the collection."""
    X, y = digits
    bad = X.copy()
    bad[1600, 7] = np.nan
    for table in ((bad, y), lazy(bad, y)[:2]):
        with pytest.raises(ValueError, match=f"column 7, row 1600. {type(sampler).__name__} "):
            sampler.fit(*table)


def test_errors_of_objects_and_models(digits, classifier):
    X, y = digits
    mixed = y.astype(object)
    mixed[1501:] = "z"
    with pytest.raises(TypeError, match="type number in partition 0, but of the type str in parti"):
        Uniform(10).fit(*lazy(X, mixed)[:2])
    bad = X.copy()
    bad[1600, 7] = np.nan
    where = "In partition 5, whose first sample is sample 1501: .*column 7, row 99"
    with pytest.raises(ValueError, match=where):
        Margin(classifier, 10).fit(*lazy(bad, y)[:2])


@pytest.mark.parametrize(
    "sampler", [Coreset(10, features=None, random_state=0), Herding(10, kernel="laplacian")]
)
def test_errors_of_a_huge_variance(digits, sampler):
    X, y = digits
    for rows in (slice(1602, 1603), slice(0, 300)):
        huge = X.copy()
        huge[rows, 7] = 1e200
        for table in ((huge, y), lazy(huge, y)[:2]):
            with pytest.raises(ValueError, match="variance of X exceeds the range of float64"):
                sampler.fit(*table)


def test_errors_of_huge_values_name_the_partition_and_the_sample(digits, monkeypatch):
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    huge, weight = X.copy(), np.ones(len(y))
    huge[1602, 7], weight[1501:1505] = 1e200, 0.0
    where = "In partition 5, whose first sample is sample 1501: .* row 101 of X"
    for sampler in (FacilityLocation(10, stratify=None), FacilityLocation(10)):
        with pytest.raises(ValueError, match=where):
            sampler.fit(*lazy(huge, y)[:2])
    with pytest.raises(ValueError, match=where):
        FacilityLocation(10, stratify=None).fit(*lazy(huge, y, weight))
    with pytest.raises(ValueError, match="norm of row 1602 of X exceeds") as error:
        KCenterGreedy(10, stratify=None).fit(*lazy(huge, y)[:2])
    assert "In partition" not in str(error.value)
    assert error.value.__notes__ == [
        "This happened in partition 5, whose first sample is sample 1501."
    ]


def test_other_errors(digits):
    X, y = digits
    dX, dy, _ = lazy(X, y)
    with pytest.raises(TypeError, match="BlackBoxTeaching does not support Dask collections"):
        BlackBoxTeaching(coreset_size=10).fit(dX, dy)
    with pytest.raises(TypeError, match="record the training in a TrainingDynamics"):
        EL2N(coreset_size=10).fit(dX, dy)
    with pytest.raises(TypeError, match="sensitivity='kmeans' needs all samples at once"):
        ImportanceSampling(10, sensitivity="kmeans").fit(dX, dy)
    with pytest.raises(ValueError, match="cv=3 predicts each sample of a table in memory"):
        Margin(coreset_size=10, cv=3).fit(dX, dy)
    with pytest.raises(TypeError, match="one partition at a time"):
        FacilityLocation(10, metric="precomputed").fit(dX[:, :64], dy)
    with pytest.raises(ValueError, match="coreset_size=None"):
        CRAIG(coreset_size=None, epsilon=0.1).fit(dX, dy)
    with pytest.raises(ValueError, match="larger than the number of samples: there are 1797"):
        Uniform(1798).fit(dX, dy)
    with pytest.raises(ValueError, match="0 sample"):
        Uniform(1).fit(dX[:0], dy[:0])
    with pytest.raises(ValueError, match="max_fit_rows must be an int of at least 1"):
        skcoreset.set_config(max_fit_rows=0)


class _Broken(DummyClassifier):
    def predict_proba(self, X):
        raise ValueError("the model is broken")


def test_errors_of_the_data_and_of_the_parameters_precede_those_of_a_fitted_classifier(digits):
    X, y = digits
    broken = _Broken().fit(X, y)
    with pytest.raises(ValueError, match=r"In partition \d, .*: the model is broken"):
        Margin(broken, 10).fit(*lazy(X, y)[:2])
    with pytest.raises(ValueError, match="larger than the number of samples: there are 1797"):
        Margin(broken, 1798).fit(*lazy(X, y)[:2])
    with pytest.raises(ValueError, match=r"labels that the classifier was not fitted with: \[10\]"):
        Margin(broken, 10).fit(*lazy(X, np.append(y[:-1], 10))[:2])
    missing = y.astype(object)
    missing[1600] = None
    with pytest.raises(ValueError, match=r"partition 5.*row 99 has no label"):
        Margin(broken, 10).fit(*lazy(X, missing)[:2])


def test_a_failure_leaves_the_sampler_as_it_was(digits):
    X, y = digits
    sampler = Uniform(10, random_state=0).fit(X, y)
    before = sampler.sample_indices_

    def broken(block):
        raise OSError("the file is gone")

    dX = da.from_array(X, chunks=(400, -1)).map_blocks(broken, meta=X[:0])
    with pytest.raises(OSError, match="the file is gone"):
        sampler.fit(dX, y)
    assert sampler.sample_indices_ is before


def test_a_class_in_one_partition_and_classes_in_order(digits, monkeypatch):
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    order = np.argsort(y, kind="stable")
    dX, dy, _ = lazy(X[order], y[order])
    for sampler in (Coreset(50, random_state=0), FacilityLocation(50), Margin(coreset_size=50)):
        _, y_small = sampler.fit_resample(dX, dy)
        assert len(np.unique(y_small)) == 10
        assert sampler.sampling_strategy_ == Uniform(50).fit(X, y).sampling_strategy_


def test_partitions_of_one_row():
    X, y = load_iris(return_X_y=True)
    for sampler in (Coreset(9, random_state=0), Herding(9), Margin(coreset_size=9), Moderate(9)):
        collections = lazy(X, y, chunks=(1,) * 150)[:2]
        assert_same_selection(sampler, X, y, None, collections)


def test_progress(digits):
    callback = pytest.importorskip("sklearn.callback")
    X, y = digits
    seen = []

    class Recorder:
        max_propagation_depth = None

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **kwargs):
            pass

        def on_fit_task_end(self, estimator, context, **kwargs):
            seen.append(context)

        def teardown(self, estimator, context):
            pass

    assert callback
    sampler = Moderate(100)
    try:
        sampler.set_callbacks(Recorder())
    except TypeError:
        pytest.skip("another protocol of callbacks")
    sampler.fit(*lazy(X, y)[:2])
    assert len(seen) > 10


# A cluster -------------------------------------------------------------------------------------


def killed_once(block, marker):
    """The block; the first call kills its worker."""
    try:
        with open(marker, "x"):
            pass
    except FileExistsError:
        return block
    os.kill(os.getpid(), signal.SIGKILL)


def failed_once(block, marker):
    """The block; the first call raises an error."""
    try:
        with open(marker, "x"):
            pass
    except FileExistsError:
        return block
    raise OSError("the network was away")


def killed_later(block, folder):
    """The block; a call in the third pass over six blocks kills its worker."""
    reads = os.path.join(folder, "reads")
    with open(reads, "a") as file:
        file.write(".")
    return killed_once(block, os.path.join(folder, "3")) if os.path.getsize(reads) > 14 else block


@contextmanager
def forked_workers():
    """Workers are forks of a process that has imported what they need, where there is fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        context = pytest.importorskip("distributed.utils").get_mp_context()
        context.set_forkserver_preload(["distributed.nanny", "dask.dataframe", "skcoreset"])
        yield


@pytest.mark.filterwarnings("ignore")  # of distributed, about the worker that is killed
def test_cluster(digits, classifier, tmp_path):
    distributed = pytest.importorskip("distributed")
    X, y = digits
    dX = da.from_array(X, chunks=(300, -1))
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "10s"}),
        forked_workers(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
    ):
        for sampler in (Coreset(40, random_state=0), Margin(classifier, 40), Moderate(40)):
            assert_same_selection(sampler, X, y, None, (dX, y))
        for n, damaged in enumerate((failed_once, killed_once)):
            lost = dX.map_blocks(damaged, str(tmp_path / str(n)), dtype=X.dtype, meta=X[:0])
            assert_same_selection(Herding(40), X, y, None, (lost, y))
            assert (tmp_path / str(n)).exists()
        for sampler in (
            KCenterGreedy(5, stratify=None),
            Coreset(30, n_candidates=100, stratify=None, random_state=0),
        ):
            folder = tmp_path / type(sampler).__name__
            folder.mkdir()
            lost = dX.map_blocks(killed_later, str(folder), dtype=X.dtype, meta=X[:0])
            assert_same_selection(sampler, X, y, None, (lost, y))
            assert (folder / "3").exists()


def test_strata_of_quantiles_in_two_rounds(digits, monkeypatch):
    """Each partition has strata of its own, and so does the union."""
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    y = y + X[:, 20] / 7
    for sampler in (Herding(50, stratify="quantile"), GradMatch(Ridge(), 50)):
        _, y_small = sampler.fit_resample(*lazy(X, y)[:2])
        assert len(y_small) == 50
        fifths = np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y_small)
        assert (np.bincount(fifths) >= 5).all()


def test_a_method_that_stops_early_says_so_once(digits, monkeypatch):
    monkeypatch.setattr(_partitions, "FEWEST", 200)
    X, y = digits
    X, y = X[:, :3], np.where(y > 4, "many", "few")
    sampler = GradMatch(coreset_size=400)
    with pytest.warns(UserWarning, match="selected, fewer than the budget of") as warned:
        X_small, y_small = sampler.fit_resample(*lazy(X, y)[:2])
    assert {str(one.message).split(" selected")[0].rsplit(" ", 2)[1] for one in warned} <= {
        "few",
        "many",
    }
    assert len(warned) <= 2
    assert len(X_small) == len(y_small) == sum(sampler.sampling_strategy_.values()) < 400


def memory_of_worker(X):
    return sklearn.get_config()["working_memory"]


def test_workers_use_the_working_memory_of_the_caller():
    parts = partitions(da.from_array(np.ones((6, 2)), chunks=(2, 2)), None, None)
    with sklearn.config_context(working_memory=7):
        assert parts.map(memory_of_worker) == [7, 7, 7]
