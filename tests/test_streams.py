"""Selection from batches by `partial_fit` and `finalize`."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skcoreset import (
    CRAIG,
    BlackBoxTeaching,
    Coreset,
    Entropy,
    FacilityLocation,
    FeatureBased,
    GradMatch,
    GraphCut,
    Herding,
    KCenterGreedy,
    Margin,
    TransformedSampler,
    Uniform,
    _streams,
)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def classifier(digits):
    return make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=300)).fit(*digits)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 400 samples, which are reduced to 200."""
    monkeypatch.setattr(_streams, "FACTOR", 5)
    monkeypatch.setattr(_streams, "FEWEST", 200)


def streamed(sampler, X, y=None, weight=None, size=130, resume=False):
    """The sampler after all batches, and the selected samples."""
    for start in range(0, X.shape[0], size):
        at = slice(start, start + size)
        rows = X.iloc[at] if hasattr(X, "iloc") else X[at]
        sampler.partial_fit(
            rows, None if y is None else y[at], None if weight is None else weight[at]
        )
        if resume:
            sampler = pickle.loads(pickle.dumps(sampler))
    return sampler, sampler.finalize()


def composable(classifier):
    return [
        Coreset(40, random_state=0),
        Coreset({None: 4}, features=None, random_state=0),
        Herding(40),
        FacilityLocation(40, stratify="balanced"),
        FacilityLocation(30, stratify=None),
        GraphCut(40),
        CRAIG(classifier, 40),
        CRAIG(coreset_size=40),
        GradMatch(classifier, 40),
        FeatureBased(40),
    ]


def test_short_streams_select_as_in_memory(digits, classifier):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    for sampler in composable(classifier):
        for given in (None, weight):
            expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y, given)
            fresh = type(sampler)(**sampler.get_params(deep=False))
            fresh, (X_small, y_small) = streamed(fresh, X, y, given)
            np.testing.assert_array_equal(fresh.sample_indices_, expected.sample_indices_)
            np.testing.assert_allclose(fresh.sample_weight_, expected.sample_weight_)
            np.testing.assert_array_equal(X_small, X[expected.sample_indices_])
            np.testing.assert_array_equal(y_small, y[expected.sample_indices_])
            assert fresh.n_samples_in_ == len(y)


@pytest.mark.usefixtures("small_chunks")
def test_long_streams(digits, classifier):
    X, y = digits
    for sampler in composable(classifier):
        fitted, (X_small, y_small) = streamed(sampler, X, y)
        expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y)
        np.testing.assert_array_equal(X_small, X[fitted.sample_indices_])
        np.testing.assert_array_equal(y_small, y[fitted.sample_indices_])
        if sampler.stratify is not None:
            assert fitted.sampling_strategy_ == expected.sampling_strategy_
        assert fitted.sample_weight_.sum() == pytest.approx(len(y))
        assert len(np.unique(fitted.sample_indices_)) == len(X_small)
        # Chunks do not depend on the batches, and a stopped stream goes on in another process.
        again = type(sampler)(**sampler.get_params(deep=False))
        again, _ = streamed(again, X, y, size=57, resume=True)
        np.testing.assert_array_equal(again.sample_indices_, fitted.sample_indices_)
        np.testing.assert_array_equal(again.sample_weight_, fitted.sample_weight_)


@pytest.mark.usefixtures("small_chunks")
def test_the_loss_of_long_streams(digits):
    X, y = digits
    X = X / 16
    similar = 2 - pairwise_distances(X) / np.linalg.norm(X, axis=1).max()

    def covered(sampler):
        return similar[:, sampler.sample_indices_].max(axis=1).sum()

    fitted, _ = streamed(FacilityLocation(40, stratify=None), X)
    assert covered(fitted) > 0.99 * covered(FacilityLocation(40, stratify=None).fit(X))

    def amounts(sampler):
        return np.sqrt(X[sampler.sample_indices_].sum(axis=0)).sum()

    fitted, _ = streamed(FeatureBased(40, stratify=None), X)
    assert amounts(fitted) > 0.99 * amounts(FeatureBased(40, stratify=None).fit(X))
    fitted, (X_small, _) = streamed(Herding(40, stratify=None), X)
    random = Uniform(40, stratify=None, random_state=0).fit_resample(X, y)[0]
    error, of_random = (np.linalg.norm(some.mean(0) - X.mean(0)) for some in (X_small, random))
    assert error < of_random / 5


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("stratify", ["proportional", None])
def test_the_weights_of_feature_based(digits, stratify):
    """Those of random samples: they do not depend on how often a chunk is reduced."""
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    for given, own in ((None, np.ones(len(y))), (weight, weight)):
        fitted, _ = streamed(FeatureBased(40, stratify=stratify), X, y, given)
        at, label = fitted.sample_indices_, y if stratify else np.zeros(len(y), dtype=int)
        factor = np.bincount(label, own) / np.bincount(label[at], own[at])
        np.testing.assert_allclose(fitted.sample_weight_, own[at] * factor[label[at]])


@pytest.mark.usefixtures("small_chunks")
def test_memory_grows_with_the_logarithm(digits):
    X, y = digits
    sampler, most = Herding(20), []
    for repeat in range(12):
        sampler.partial_fit(np.roll(X, repeat), y)
        stream = sampler._stream
        most.append(sum(len(one.rows) for one in [*stream.levels.values(), *stream.waiting]))
        assert len(stream.levels) <= np.log2(stream.n_samples / 400) + 1
    assert max(most) < 200 * (np.log2(12 * len(y) / 400) + 3)


def test_scores_are_exact(digits, classifier):
    X, y = digits
    weight = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    for sampler in (
        Margin(classifier, 40),
        Entropy(classifier, 40, stratify=None),
        Margin(classifier, 40, stratify="balanced"),
        Margin(classifier, {3: 5, None: 2}),
    ):
        for given in (None, weight):
            expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y, given)
            fresh = type(sampler)(**sampler.get_params(deep=False))
            fresh, _ = streamed(fresh, X, y, given)
            np.testing.assert_array_equal(fresh.sample_indices_, expected.sample_indices_)
            np.testing.assert_allclose(fresh.sample_weight_, expected.sample_weight_)
    unlabeled = Margin(classifier, 40)
    _, (X_small, y_small) = streamed(unlabeled, X)
    assert y_small is None
    expected = Margin(classifier, 40).fit(X)
    np.testing.assert_array_equal(X_small, X[expected.sample_indices_])


def test_uniform_is_a_reservoir():
    """Each sample is selected with the same probability, wherever it is in the stream."""
    X, y = np.arange(60.0)[:, None], np.arange(60) % 3 // 2
    counts = np.zeros(60)
    for seed in range(300):
        sampler, _ = streamed(Uniform(12, random_state=seed), X, y, size=7)
        counts[sampler.sample_indices_] += 1
        assert sampler.sampling_strategy_ == {0: 8, 1: 4}
        np.testing.assert_allclose(sampler.sample_weight_, 5.0)
    # 300 draws of probability 1 / 5: the standard deviation of a count is 6.9.
    assert abs(counts - 60).max() < 4 * 6.9
    assert ((counts - 60) ** 2).mean() < 1.6 * 48


@pytest.mark.usefixtures("small_chunks")
def test_fractions_of_all_samples(digits, classifier):
    X, y = digits
    for sampler in (
        Herding(0.03),
        Herding({None: 0.02, 3: 30}),
        FacilityLocation(0.12),
        Margin(classifier, 0.05),
        Uniform(0.05, random_state=0),
    ):
        expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y)
        fitted, (X_small, _) = streamed(sampler, X, y)
        assert fitted.sampling_strategy_ == expected.sampling_strategy_
        np.testing.assert_array_equal(X_small, X[fitted.sample_indices_])
        if not isinstance(sampler, Herding | Uniform):  # no chunk was reduced
            np.testing.assert_array_equal(fitted.sample_indices_, expected.sample_indices_)
    stored = Herding(0.01)
    for repeat in range(8):
        stored.partial_fit(np.roll(X, repeat), y)
    stream = stored._stream
    every = [*stream.complete, *stream.levels.values(), *stream.waiting]
    assert sum(len(one.rows) for one in every) < 8 * len(y) / 4


def test_more_batches_after_finalize(digits):
    X, y = digits
    sampler = Herding(20)
    sampler.partial_fit(X[:900], y[:900]).finalize()
    first = sampler.sample_indices_
    sampler.partial_fit(X[900:], y[900:])
    assert sampler.sample_indices_ is first
    sampler.finalize()
    np.testing.assert_array_equal(sampler.sample_indices_, Herding(20).fit(X, y).sample_indices_)
    # `fit` starts anew.
    sampler.fit(X[:500], y[:500])
    with pytest.raises(ValueError, match="has no samples"):
        sampler.finalize()


@pytest.mark.usefixtures("small_chunks")
def test_another_size_before_finalize(digits, classifier):
    """Any size for which enough samples are stored."""
    X, y = digits
    for sampler in (Margin(classifier, 40), Uniform(40, random_state=0)):
        for size in (20, {None: 3, 5: 1}, 0.01):
            fitted, _ = streamed(sampler.set_params(coreset_size=40), X, y)
            fitted.set_params(coreset_size=size).finalize()
            expected = type(sampler)(**fitted.get_params(deep=False)).fit(X, y)
            assert fitted.sampling_strategy_ == expected.sampling_strategy_
            np.testing.assert_allclose(fitted.sample_weight_, expected.sample_weight_)
            if isinstance(sampler, Margin):
                np.testing.assert_array_equal(fitted.sample_indices_, expected.sample_indices_)
            vars(sampler).pop("_stream")
        fitted, _ = streamed(sampler.set_params(coreset_size=40), X, y)
        fitted.set_params(coreset_size={None: 4, 3: 40}).finalize()  # 40 are stored of each class
        assert fitted.sampling_strategy_[3] == 40
        with pytest.raises(
            ValueError, match=r"41 samples of the class 3, but 40 are stored.* 40 at"
        ):
            fitted.set_params(coreset_size={None: 4, 3: 41}).finalize()
    stream, _ = streamed(Herding(40), X, y)
    assert stream.set_params(coreset_size=10).finalize()[0].shape == (10, 64)
    assert stream.set_params(coreset_size=200).finalize()[0].shape == (200, 64)
    with pytest.raises(
        ValueError, match=r"coreset_size=1500 selects 1[45]\d samples of the class 0"
    ):
        stream.set_params(coreset_size=1500).finalize()
    stream, _ = streamed(Herding(40, stratify=None), X, y)
    with pytest.raises(
        ValueError, match=r"=1500 selects 1500 samples, but \d+ are.* at most \d+\.$"
    ):
        stream.set_params(coreset_size=1500).finalize()
    with pytest.raises(ValueError, match="'coreset_size' parameter"):
        stream.set_params(coreset_size=-1).finalize()


def test_a_dict_with_a_class_that_never_comes(digits):
    X, y = digits
    for method in (Herding(), Uniform(random_state=0)):
        method.set_params(coreset_size={None: 2, 10: 5}).partial_fit(X, y)
        with pytest.raises(ValueError, match="has the class 10, but y has the classes"):
            method.finalize()
        method.set_params(coreset_size={None: 2}).finalize()
        assert method.sampling_strategy_ == dict.fromkeys(range(10), 2)


def test_other_parameters_stay_as_they_were(digits, classifier):
    X, y = digits
    for sampler, name, value in (
        (Margin(classifier, 40), "stratify", None),
        (Margin(classifier, 40), "estimator", pickle.loads(pickle.dumps(classifier))),
        (Herding(40), "kernel", "rbf"),
        (Uniform(40, random_state=0), "random_state", 1),
    ):
        sampler.partial_fit(X[:500], y[:500])
        before = sampler.get_params(deep=False)[name]
        sampler = pickle.loads(pickle.dumps(sampler)).partial_fit(X[500:], y[500:])
        sampler.set_params(**{name: value})
        for call in (sampler.finalize, lambda sampler=sampler: sampler.partial_fit(X, y)):
            with pytest.raises(
                ValueError, match=f"(?s)^{name}=.*, but it was .* only coreset_size may"
            ):
                call()
        if name != "estimator":
            sampler.set_params(**{name: before}).finalize()


def test_a_frame_and_then_an_array(digits):
    """There is one error, and no warning."""
    X, y = digits
    sampler = Herding(10).partial_fit(pd.DataFrame(X).rename(columns=str), y)
    with pytest.raises(
        TypeError, match="X of batch 1 is a ndarray, but a DataFrame in the batches"
    ):
        sampler.partial_fit(X, y)


@pytest.mark.usefixtures("small_chunks")
def test_containers(digits):
    X, y = digits
    expected, _ = streamed(Herding(30), X, y)
    frame = pd.DataFrame(X).rename(columns=str)
    for table in (sparse.csr_matrix(X), frame):
        sampler, (X_small, _) = streamed(Herding(30), table, y)
        assert type(X_small) is type(table)
        np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    text = frame.iloc[:, :6].assign(text=np.where(y > 4, "many", "few"))
    _, (X_small, _) = streamed(Coreset(30, random_state=0), text, y)
    assert X_small["text"].isin(["many", "few"]).all()


def test_regression(digits):
    X, y = digits
    y = y + X[:, 20] / 7
    sampler, (_, y_small) = streamed(Coreset(30, random_state=0), X, y)
    np.testing.assert_array_equal(
        sampler.sample_indices_, Coreset(30, random_state=0).fit(X, y).sample_indices_
    )
    np.testing.assert_array_equal(y_small, y[sampler.sample_indices_])


@pytest.mark.parametrize(
    "target",
    [
        lambda y: y[:, None],
        lambda y: np.eye(10, dtype=int)[y],
        lambda y: pd.DataFrame({"digit": y}),
        lambda y: pd.Series(np.datetime64("2020-01-01", "ns") + y.astype("m8[D]")),
        lambda y: np.datetime64("2020-01-01") + y,
        lambda y: pd.Series(y.astype(str), dtype="category"),
    ],
)
@pytest.mark.usefixtures("small_chunks")
def test_targets(digits, target):
    X, y = digits
    y_given = target(y)
    expected = Uniform(40).fit(X, y_given)
    for sampler in (Uniform(40, random_state=0), Herding(40)):
        _, (_, y_small) = streamed(sampler, X, y_given)
        assert type(y_small) is type(y_given)
        assert sampler.sampling_strategy_ == expected.sampling_strategy_
        np.testing.assert_array_equal(sampler.classes_, expected.classes_)


def test_batches_of_weight_0(digits, classifier):
    X, y = digits
    weight = np.where(np.arange(len(y)) < 300, 0, 2)
    for sampler in (Uniform(40, random_state=0), Margin(classifier, 40), Herding(40)):
        fitted, _ = streamed(sampler, X, y, weight)
        expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y, weight)
        assert fitted.sampling_strategy_ == expected.sampling_strategy_
        assert fitted.sample_indices_.min() >= 300
        sampler = type(sampler)(**sampler.get_params(deep=False))
        with pytest.raises(ValueError, match="zero for every sample of the batches"):
            sampler.partial_fit(X[:300], y[:300], weight[:300]).finalize()


@pytest.mark.usefixtures("small_chunks")
def test_whole_numbers_before_a_continuous_target(digits):
    X, y = digits
    y = np.where(np.arange(len(y)) < 500, y, y + 0.5)
    continuous = Coreset(40, target_type="continuous", random_state=0)
    for sampler in (Uniform(40, random_state=0), Herding(40), continuous):
        fitted, _ = streamed(sampler, X, y, size=97)
        assert fitted.sampling_strategy_ == {None: 40}
        assert fitted.sample_weight_.sum() == pytest.approx(len(y))
    with pytest.raises(ValueError, match=r"batch 1 is continuous.* Set target_type='continuous'"):
        Coreset(40).partial_fit(X[:100], y[:100]).partial_fit(X[500:], y[500:])
    with pytest.raises(ValueError, match="y of batch 1 is continuous"):
        Uniform({None: 3}).partial_fit(X[:100], y[:100]).partial_fit(X[500:], y[500:])


@pytest.mark.usefixtures("small_chunks")
def test_fewer_candidates_than_samples_of_a_reduced_chunk(digits):
    X, y = digits
    for method in (Herding(kernel="laplacian"), Coreset()):
        params = {"coreset_size": 20, "n_candidates": 30, "stratify": None, "random_state": 0}
        _, (X_small, _) = streamed(method.set_params(**params), X, y)
        assert len(X_small) == 20


@pytest.mark.usefixtures("small_chunks")
def test_a_class_that_is_left_out(digits, classifier):
    X, y = digits
    size = {0: 0, None: 4}
    for sampler in (Uniform(size, random_state=0), Herding(size), Margin(classifier, size)):
        fitted, _ = streamed(sampler, X, y)
        expected = type(sampler)(**sampler.get_params(deep=False)).fit(X, y)
        assert fitted.sampling_strategy_ == expected.sampling_strategy_
        assert fitted.sample_weight_.sum() == pytest.approx(len(y))


@pytest.mark.usefixtures("small_chunks")
def test_attributes_of_each_sample_are_not_set(digits, classifier):
    X, y = digits
    fitted, _ = streamed(Coreset(30, random_state=0), X, y)
    for name in ("trust_", "uncertainty_", "suspicious_"):
        assert not hasattr(fitted, name)
    assert fitted.proxy_error_ > 0
    fitted, (X_small, _) = streamed(Margin(classifier, 30), X, y)
    assert not hasattr(fitted, "scores_")
    expected = Margin(classifier, 30).fit(X, y)
    scores = expected.scores_[expected.sample_indices_]
    np.testing.assert_allclose(fitted.score_samples(X_small), scores)


def test_as_many_samples_as_classes():
    """Attributes about classes and features are published whatever the number of samples."""
    sampler = Herding(4).partial_fit(np.eye(4), [0, 1, 2, 3])
    sampler.finalize()
    assert sampler.classes_.tolist() == [0, 1, 2, 3]


def test_errors(digits, classifier):
    X, y = digits
    with pytest.raises(ValueError, match=r"init=\[3\] holds indices"):
        Herding(10, init=[3]).partial_fit(X, y)
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'") as raised:
        Margin(coreset_size=10).partial_fit(X, y)
    assert "Give a fitted classifier as estimator." in str(raised.value.__cause__)
    for sampler in (KCenterGreedy(10), TransformedSampler(), BlackBoxTeaching()):
        for method in ("partial_fit", "finalize"):
            with pytest.raises(AttributeError, match=f"no attribute '{method}'") as raised:
                getattr(sampler, method)
            assert "by Coreset or Uniform first, and apply" in str(raised.value.__cause__)
    with pytest.raises(ValueError, match="is larger than the number of samples"):
        Herding(10).partial_fit(X[:5], y[:5]).finalize()
    with pytest.raises(ValueError, match="has no samples"):
        Herding(10).finalize()
    sampler = Herding(10).partial_fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="X has 3 features, but Herding is expecting 64"):
        sampler.partial_fit(X[:100, :3], y[:100])
    with pytest.raises(ValueError, match="Batch 1 has no y"):
        sampler.partial_fit(X[:100])
    with pytest.raises(ValueError, match="Batch 1 has a sample_weight"):
        sampler.partial_fit(X[:100], y[:100], np.ones(100))
    with pytest.raises(TypeError, match="X of batch 1 is a DataFrame, but a ndarray in the"):
        sampler.partial_fit(pd.DataFrame(X[:100]), y[:100])
    with pytest.raises(TypeError, match="y of batch 1 is a list, but a ndarray in the"):
        sampler.partial_fit(X[:100], y[:100].tolist())
    with pytest.raises(TypeError, match="labels of the type str, but the batches before it"):
        sampler.partial_fit(X[:100], y[:100].astype(str))
    bad = X[:100].copy()
    bad[7, 5] = np.nan
    with pytest.raises(ValueError, match=r"NaN.*column 5, row 7"):
        sampler.partial_fit(bad, y[:100])
    # The batches that failed are no part of the stream.
    sampler.partial_fit(X[100:], y[100:]).finalize()
    np.testing.assert_array_equal(sampler.sample_indices_, Herding(10).fit(X, y).sample_indices_)
