"""Coreset against the plain loop, and what it does with labels, targets and tables of all kinds."""

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from skcoreset import Coreset, CoresetClassifier, CoresetRegressor, Herding, Uniform
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import gram
from skcoreset._models import KernelLogisticRegression, KernelRidgeRegression, stratified_splits
from skcoreset._trust import judge_labels, judge_targets

UNCERTAIN = {"weight_by_uncertainty": True, "min_trust": 0.2, "trust_power": 1}


def small_tables(digits):
    X, y = digits
    some = np.random.default_rng(0).permutation(len(y))[:300]
    return {
        "digits": (X[some][:, X.std(axis=0) > 0], y[some]),
        "wine": load_wine(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
    }


@pytest.fixture(scope="module")
def flipped(digits):
    """Digits with 60 wrong labels: X, y, indices of the wrong ones, right labels."""
    X, y = digits
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(y), 60, replace=False)
    noisy = y.copy()
    noisy[wrong] = (y[wrong] + rng.integers(1, 10, 60)) % 10
    return X, noisy, np.sort(wrong), y


# the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, UNCERTAIN, {"min_trust": 0.9, "trust_power": 2}])
@pytest.mark.parametrize("name", ["digits", "wine", "breast cancer"])
def test_picks_equal_the_loop(name, params, digits):
    X, y = small_tables(digits)[name]
    X = scale(X)
    proxy = GaussianNB(var_smoothing=0.1).fit(X, y)
    got = Coreset(0.4, proxy=proxy, features=None, **params).fit(X, y)
    expected = oracles.coreset_loop(
        X,
        y,
        round(0.4 * len(y)),
        proxy.predict_proba(X),
        params.get("min_trust", 0.02),
        params.get("trust_power", 0.5),
        params.get("weight_by_uncertainty", False),
    )
    for label in range(len(expected)):
        mine = got.sample_indices_[y[got.sample_indices_] == label]
        np.testing.assert_array_equal(mine, expected[label])
    counts = {label: len(rows) for label, rows in enumerate(expected)}
    assert got.sampling_strategy_ == counts


def test_the_loop_differs_by_every_parameter(digits):
    """The test above would not notice a parameter that changes nothing."""
    X, y = small_tables(digits)["wine"]
    X = scale(X)
    proxy = GaussianNB(var_smoothing=0.5).fit(X, y)
    picks = {
        tuple(Coreset(60, proxy=proxy, features=None, **params).fit(X, y).sample_indices_)
        for params in (
            {},
            {"min_trust": 0.9},
            {"trust_power": 3},
            {"weight_by_uncertainty": True},
            {"min_trust": 0, "trust_power": 0},
        )
    }
    assert len(picks) == 5


def test_without_trust_it_is_kernel_herding(blobs):
    X, y = blobs
    got = Coreset(40, min_trust=0, trust_power=0, features=None).fit(X, y)
    herded = Herding(40, kernel="laplacian").fit(X, y)
    np.testing.assert_array_equal(got.sample_indices_, herded.sample_indices_)
    np.testing.assert_allclose(got.sample_weight_, herded.sample_weight_)
    assert got.length_ == pytest.approx(X.var(axis=0).sum() ** 0.5)
    assert not hasattr(got, "trust_")


@pytest.mark.parametrize("y", [None, ["only"] * 300])
def test_without_y_and_with_one_class_it_is_kernel_herding(y, blobs):
    got = Coreset(40).fit(scale(blobs[0]), y)
    herded = Herding(40, kernel="laplacian").fit(scale(blobs[0]))
    np.testing.assert_array_equal(got.sample_indices_, herded.sample_indices_)
    for name in ("trust_", "uncertainty_", "suspicious_", "proxy_", "proxy_error_"):
        assert not hasattr(got, name)


def test_candidates_estimate_both_means(rng):
    """The means that the early and the late picks approach, from a part of the samples."""
    X = rng.normal(size=(3000, 5))
    late = rng.integers(1, 4, 3000) * (rng.random(3000) < 0.9)
    early = late * np.exp(X[:, 0])
    features = gram(X, "laplacian")
    weight = late.astype(float)
    sample = features.sample(weight, 2000, 0, map, early)
    mean, first = (features.mean_feature(w)[0] for w in (weight, early))
    assert np.all(late[sample.at] > 0)
    np.testing.assert_allclose(sample.mean, mean[sample.at], atol=2e-3)
    np.testing.assert_allclose(sample.first, first[sample.at], atol=2e-3)
    assert np.abs(mean - first).max() > 0.05
    few, all_ = (
        herd(features, 100, weight, early=early, fade=600, n_candidates=n) for n in (2000, None)
    )
    np.testing.assert_allclose(X[few].mean(axis=0), X[all_].mean(axis=0), atol=0.05)


# trust ---------------------------------------------------------------------------------------


def test_trust_and_uncertainty_by_hand():
    proba = np.array([[0.6, 0.3, 0.1], [0.5, 0.5, 0.0], [0.0, 0.1, 0.9]])
    got = judge_labels(proba, np.array([1, 0, 1]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(got.trust, [0.5, 1.0, 0.1111])
    np.testing.assert_allclose(got.uncertainty, [0.7, 1.0, 0.2])
    assert got.error == pytest.approx(3 / 4)


def test_trust_of_continuous_targets_by_hand():
    target = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    predicted = target + np.array([[0.0], [1.0], [1.0], [-2.0], [20.0]])
    got = judge_targets(predicted, target, np.ones(5))
    # The median residual is 1, so the trust is 1/2 at a residual of 2 / .6745.
    expected = 1 / (1 + (np.array([0, 1, 1, 2, 20]) * 0.6745 / 2) ** 2)
    np.testing.assert_allclose(got.trust, np.round(expected, 4))
    assert got.error == pytest.approx((1 + 1 + 4 + 400) / 5 / 2)
    assert got.uncertainty is None
    # Units do not matter, and each output has its own.
    both = judge_targets(np.c_[predicted, 100 * predicted], np.c_[target, 100 * target], np.ones(5))
    np.testing.assert_allclose(both.trust, got.trust)
    assert both.error == pytest.approx(got.error)
    assert (judge_targets(target, target, np.ones(5)).trust == 1).all()


def test_wrong_labels_are_suspicious(flipped):
    X, y, wrong, _ = flipped
    got = Coreset(0.1, min_trust=0.05, random_state=0).fit(X, y)
    found = np.intersect1d(got.suspicious_, wrong)
    assert len(found) >= 0.7 * len(wrong)
    assert len(found) >= 0.9 * len(got.suspicious_)
    assert not np.isin(got.sample_indices_, got.suspicious_).any()
    np.testing.assert_array_equal(got.suspicious_, np.flatnonzero(got.trust_ < 0.05))
    assert np.isin(Uniform(0.1, random_state=0).fit(X, y).sample_indices_, wrong).any()
    assert 0.03 < got.proxy_error_ < 0.1


@pytest.mark.parametrize("size", [20, 50, 100])
def test_better_than_random_samples(size, flipped):
    X, y, _, right = flipped
    test = np.arange(len(y)) % 2 == 1

    def accuracy(sampler):
        X_small, y_small = sampler.fit_resample(X[~test], y[~test])
        return SVC(C=5).fit(X_small / 16, y_small).score(X[test] / 16, right[test])

    random = np.mean([accuracy(Uniform(size, random_state=seed)) for seed in range(5)])
    assert accuracy(Coreset(size, random_state=0)) > random + 0.03


def test_too_few_trusted_samples_are_filled_up_by_trust(blobs):
    X, y = blobs
    proxy = LogisticRegression(C=0.01, max_iter=1000).fit(X, y)
    got = Coreset(280, proxy=proxy, min_trust=1.0, features=None).fit(X, y)
    assert len(set(got.sample_indices_)) == 280
    for label in range(3):
        mine = got.sample_indices_[y[got.sample_indices_] == label]
        trust, sure = got.trust_[mine], (got.trust_[y == label] == 1).sum()
        assert 0 < sure < len(mine)
        assert (trust[:sure] == 1).all()
        assert (np.diff(trust[sure:]) <= 0).all()
        assert trust[-1] >= np.setdiff1d(got.trust_[y == label], trust).max()


def test_a_class_that_nobody_believes_in_stays():
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = np.array([1] * 8 + [0] * 92)  # no relation to X
    got = Coreset(20, random_state=0, min_trust=0.9).fit(X, y)
    assert (got.trust_[:8] < 0.9).all()
    assert got.sampling_strategy_ == {0: 18, 1: 2}


def test_the_only_sample_of_a_class_has_trust_one():
    X = np.random.default_rng(0).normal(size=(50, 3))
    y = np.array(["a"] * 30 + ["b"] * 18 + ["c", "d"])
    got = Coreset(10, random_state=0).fit(X, y)
    assert got.trust_[48:].tolist() == [1.0, 1.0]
    assert got.sampling_strategy_ == {"a": 5, "b": 3, "c": 1, "d": 1}


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1], [0, 1, 2, 0]])
def test_tiny_tables(labels):
    X = np.arange(2.0 * len(labels)).reshape(-1, 2)
    for size in range(len(set(labels)), len(labels) + 1):
        assert len(Coreset(size, random_state=0).fit(X, labels).sample_indices_) == size
    continuous = np.arange(len(labels)) + 0.5
    assert len(Coreset(2, random_state=0).fit(X, continuous).sample_indices_) == 2


# folds ---------------------------------------------------------------------------------------


def test_folds_are_a_partition_and_stratified():
    codes = np.repeat([0, 1, 2, 4], [60, 30, 7, 1])
    splits = stratified_splits(codes, 3, np.random.RandomState(0))
    tests = np.concatenate([test for _, test in splits])
    assert sorted(tests) == list(range(98))
    for train, test in splits:
        assert np.intersect1d(train, test).tolist() in ([], [97])
        assert set(codes[train]) == {0, 1, 2, 4}
        assert np.bincount(codes[test])[:3] == pytest.approx([20, 10, 2.33], abs=0.7)
        assert len(np.union1d(train, test)) == 98


def test_training_samples_are_limited_in_proportion():
    codes = np.repeat([0, 1, 2], [3000, 300, 2])
    for train, test in stratified_splits(codes, 3, np.random.RandomState(0), most=110):
        assert len(train) == 110
        assert np.bincount(codes[train]).tolist() == [99, 10, 1]
        assert not np.isin(train, test).any()


def test_predictions_are_out_of_fold(rng):
    """Labels without relation to the features: a proxy that has seen them would know them."""
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    memory = KNeighborsClassifier(1)
    assert Coreset(20, proxy=memory, random_state=0).fit(X, y).proxy_error_ > 0.35
    assert Coreset(20, proxy=clone(memory).fit(X, y), random_state=0).fit(X, y).proxy_error_ == 0


# the proxy -----------------------------------------------------------------------------------


def test_a_fitted_proxy_is_used_as_it_is(blobs):
    X, y = blobs
    names = np.array(["no", "perhaps", "yes", "never"])
    more = np.vstack([X, X[:20] + 9])
    model = LogisticRegression(max_iter=1000).fit(more, np.r_[names[y], ["never"] * 20])
    got = Coreset(30, proxy=model).fit(X, names[y])
    assert got.proxy_ is model
    p = model.predict_proba(X)
    own = p[np.arange(300), np.searchsorted(model.classes_, names[y])]
    np.testing.assert_allclose(got.trust_, own / p.max(axis=1), atol=1e-4)
    frozen = Coreset(30, proxy=FrozenEstimator(model)).fit(X, names[y])
    np.testing.assert_array_equal(got.sample_indices_, frozen.sample_indices_)


def test_a_proxy_gets_the_table_of_the_user(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(20)])
    seen = []

    class Watching(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            seen.append(type(X))
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

        def predict(self, X):
            return np.zeros(len(X))

    got = Coreset(30, proxy=Watching(), features=PCA(2), random_state=0).fit(frame, y)
    assert seen == [pd.DataFrame] * 3
    assert (got.trust_ == 1).all()
    assert not hasattr(got.proxy_, "classes_")
    assert got.transformer_.n_components_ == 2
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    assert Coreset(30, proxy=pipe, random_state=0).fit(frame, y).proxy_error_ < 0.5


def test_weights_reach_the_proxy(blobs):
    X, y = blobs
    weight = np.where(y == 0, 100.0, 1.0)
    fits = [Coreset(30, random_state=0).fit(X, y, w) for w in (None, weight, 1e-3 * weight)]
    assert fits[1].trust_[y == 0].mean() > fits[0].trust_[y == 0].mean() + 0.05
    np.testing.assert_array_equal(fits[1].sample_indices_, fits[2].sample_indices_)
    with pytest.raises(ValueError, match=r"KNeighborsClassifier\(\) takes no sample_weight"):
        Coreset(30, proxy=KNeighborsClassifier()).fit(X, y, weight)
    Coreset(30, proxy=KNeighborsClassifier().fit(X, y)).fit(X, y, weight)


@pytest.mark.parametrize(
    ("proxy", "y", "error", "message"),
    [
        (LinearSVC(), [0, 1], TypeError, "has no predict_proba. Wrap it in sklearn.calibration"),
        (Ridge(), [0, 1], TypeError, "y has classes, but proxy=Ridge"),
        (GaussianNB(), [0.5, 1.5], TypeError, "y is continuous, but proxy=GaussianNB"),
        (GaussianNB(), None, ValueError, "is to predict the targets, but y is None"),
        (FrozenEstimator(GaussianNB()), [0, 1], ValueError, "frozen before it was fitted"),
        (GaussianNB().fit([[0], [1]], [0, 7]), [0, 1], ValueError, r"not fitted with: \[1\]"),
    ],
)
def test_errors_about_the_proxy(proxy, y, error, message):
    with pytest.raises(error, match=message):
        Coreset(2, proxy=proxy).fit([[0.0], [1.0]] * 5, None if y is None else y * 5)


def test_a_classifier_without_probabilities_can_be_calibrated(blobs):
    got = Coreset(30, proxy=CalibratedClassifierCV(LinearSVC(), cv=3), random_state=0).fit(*blobs)
    assert got.proxy_error_ < 0.4


def test_default_proxies(digits):
    X, y = digits
    X = scale(X)
    for table in (X, sparse.csr_array(X), X.astype(np.float32)):
        model = KernelLogisticRegression(61.0, random_state=0).fit(table[::2], y[::2])
        assert model.score(table[1::2], y[1::2]) > 0.93
    X, y = load_diabetes(return_X_y=True)
    model = KernelRidgeRegression(10.0, random_state=0).fit(scale(X)[::2], y[::2])
    assert model.score(scale(X)[1::2], y[1::2]) > 0.4


# continuous targets ----------------------------------------------------------------------------


def joined(X, Y):
    """Features and standardized targets of 9 % of the variance, and the length of the kernel."""
    Y = np.asarray(Y, dtype=float).reshape(len(X), -1)
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    Z = np.hstack([X, Y * np.sqrt(0.09 * X.var(axis=0).sum() / Y.shape[1])])
    return Z, np.sqrt(Z.var(axis=0).sum())


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_continuous_target_equals_the_loop(kind, outputs):
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    y = y + 0.5 if outputs == 1 else np.column_stack([y, X[:, 3] - y])
    proxy = LinearRegression().fit(X, y)
    trust = judge_targets(
        proxy.predict(X).reshape(len(X), -1), y.reshape(len(X), -1), np.ones(len(X))
    ).trust
    Z, length = joined(X, y)
    K = np.exp(-cdist(Z, Z) / length)
    open_ = np.flatnonzero(trust >= 0.3)
    expected = open_[oracles.faded_herding(K[np.ix_(open_, open_)], 60, trust[open_] ** 0.5)]
    table = X if kind == "dense" else sparse.csr_array(X)
    got = Coreset(60, proxy=proxy, min_trust=0.3, features=None).fit(table, y)
    np.testing.assert_array_equal(got.sample_indices_, expected)
    np.testing.assert_allclose(got.trust_, trust)
    assert got.sampling_strategy_ == {None: 60}
    assert not hasattr(got, "uncertainty_")


def test_integers_can_be_a_continuous_target():
    X, y = load_diabetes(return_X_y=True)  # whole numbers in floats, which are labels by default
    with pytest.raises(ValueError, match="classes"):
        Coreset(60).fit(X, y)
    got = Coreset(60, target_type="continuous", random_state=0).fit(X, y)
    same = Coreset(60, random_state=0).fit(X, y + 0.5)
    np.testing.assert_array_equal(got.sample_indices_, same.sample_indices_)
    assert not hasattr(got, "classes_")
    with pytest.raises(ValueError, match="could not convert"):
        Coreset(60, target_type="continuous").fit(X, ["a"] * len(X))


def test_several_targets_and_unusable_ones(blobs, rng):
    X = blobs[0]
    whole = np.column_stack([np.arange(300.0), np.arange(300.0)[::-1]])
    got, again = (Coreset(30, random_state=0).fit(X, Y) for Y in (whole, whole + 0.5))
    np.testing.assert_array_equal(got.sample_indices_, again.sample_indices_)
    frame = pd.DataFrame(whole, columns=["data", "b"])
    same = Coreset(30, random_state=0).fit(X, frame)
    np.testing.assert_array_equal(got.sample_indices_, same.sample_indices_)
    for stratify in (None, "proportional"):
        sampler = Coreset(30, stratify=stratify)
        with pytest.raises(ValueError, match="Multilabel and multioutput"):
            sampler.fit(X, rng.integers(0, 2, (300, 3)))
        with pytest.raises(ValueError, match="y contains NaN"):
            sampler.fit(X, np.where(np.arange(300) == 3, np.nan, 1.5))
        with pytest.raises((ValueError, TypeError), match="Unknown label type"):
            sampler.fit(X, np.array([1, "a"] * 150, dtype=object))


def test_wrong_targets_are_suspicious(rng):
    X, y = load_diabetes(return_X_y=True)
    y[:20] += 2000
    got = Coreset(60, min_trust=0.05, random_state=0, target_type="continuous").fit(X, y)
    assert np.isin(np.arange(20), got.suspicious_).all()
    assert len(got.suspicious_) < 40


def test_better_than_random_samples_for_regression():
    X, y = load_diabetes(return_X_y=True)
    gains = []
    y = y + 0.5  # whole numbers would be strata for Uniform
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(y))
        train, test = order[:300], order[300:]
        model = CoresetRegressor(KNeighborsRegressor(5), Coreset(30, random_state=seed))
        ours = model.fit(X[train], y[train]).score(X[test], y[test])
        model.set_params(sampler=Uniform(30, random_state=seed))
        gains.append(ours - model.fit(X[train], y[train]).score(X[test], y[test]))
    assert np.mean(gains) > 0.05


# tables as they are ------------------------------------------------------------------------------


def test_units_do_not_matter(blobs):
    X, y = blobs
    units = np.logspace(-3, 3, 20)
    one, other = (Coreset(30, random_state=0).fit(table, y) for table in (X, X * units + units))
    np.testing.assert_array_equal(one.sample_indices_, other.sample_indices_)


def test_a_table_with_text_and_missing_values(rng):
    n = 200
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n)),
            "job": rng.choice(["clerk", "smith", None], n),
            "city": pd.Categorical(rng.choice(["Bern", "Rome"], n)),
        }
    )
    y = np.where(frame["job"] == "clerk", "poor", "rich")
    sampler = Coreset(20, random_state=0)
    X_small, y_small = sampler.fit_resample(frame, y)
    assert X_small.equals(frame.iloc[sampler.sample_indices_])
    assert set(y_small) == {"poor", "rich"}
    assert sampler.proxy_error_ < 0.05
    with pytest.raises(ValueError, match="column 'age'"):
        Coreset(20, features=None).fit(frame[["age"]], y)


def test_texts():
    texts = ["red apple", "green apple", "red car", "green car"] * 10
    y = ["fruit", "fruit", "thing", "thing"] * 10
    got = Coreset(8, features=TfidfVectorizer(), random_state=0)
    X_small, y_small = got.fit_resample(texts, y)
    assert set(X_small) == set(texts)
    assert sorted(y_small) == ["fruit"] * 4 + ["thing"] * 4
    vectors = TfidfVectorizer().fit_transform(texts)
    assert Coreset(8, random_state=0).fit(vectors, y).sampling_strategy_ == {"fruit": 4, "thing": 4}


def test_a_fitted_transformer_is_used_as_it_is(blobs):
    X, y = blobs
    pca = PCA(2).fit(X[:100])
    got = Coreset(30, features=FrozenEstimator(pca), random_state=0).fit(X, y)
    same = Coreset(30, features=None, random_state=0).fit(pca.transform(X), y)
    np.testing.assert_array_equal(got.sample_indices_, same.sample_indices_)
    other = Coreset(30, features=PCA(2), random_state=0).fit(X, y)
    assert other.transformer_ is not pca
    assert not np.array_equal(other.sample_indices_, got.sample_indices_)


# weights, order, init --------------------------------------------------------------------------


def test_integer_weights_are_repeated_samples(blobs, rng):
    """With a fitted proxy, as folds and landmarks of another one are drawn by sample."""
    X, y = blobs
    weight = rng.integers(0, 4, 300)
    rows = np.repeat(np.arange(300), weight)
    proxy = LogisticRegression(max_iter=1000).fit(X, y)
    sampler = Coreset(15, proxy=proxy, features=None, weight_by_uncertainty=True)
    weighted, repeated = clone(sampler).set_params(proxy=proxy), clone(sampler)
    repeated.set_params(proxy=proxy).fit(X[rows], y[rows])
    weighted.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.sample_indices_, rows[repeated.sample_indices_])
    np.testing.assert_allclose(weighted.sample_weight_, repeated.sample_weight_)
    assert weighted.proxy_error_ == pytest.approx(repeated.proxy_error_)
    assert np.isnan(weighted.trust_[weight == 0]).all()
    assert not np.isnan(weighted.trust_[weight > 0]).any()


def test_samples_of_weight_zero_have_no_influence(blobs, rng):
    X, y = blobs
    present = rng.random(300) < 0.7
    for params in ({}, UNCERTAIN, {"proxy": LogisticRegression(max_iter=1000)}):
        here = Coreset(30, random_state=0, **params).fit(X, y, present.astype(float))
        there = Coreset(30, random_state=0, **params).fit(X[present], y[present])
        np.testing.assert_array_equal(
            here.sample_indices_, np.flatnonzero(present)[there.sample_indices_]
        )
        np.testing.assert_array_equal(here.trust_[present], there.trust_)
        np.testing.assert_array_equal(here.suspicious_, np.flatnonzero(present)[there.suspicious_])


def test_row_order_does_not_matter_with_a_fitted_proxy(blobs, rng):
    X, y = blobs
    order = rng.permutation(300)
    sampler = Coreset(30, proxy=LogisticRegression(max_iter=1000).fit(X, y), features=None)
    here = sampler.fit(X, y).sample_indices_
    there = sampler.fit(X[order], y[order]).sample_indices_
    np.testing.assert_array_equal(here, order[there])


@pytest.mark.parametrize("params", [{}, UNCERTAIN])
def test_threads_memory_and_container_do_not_matter(params):
    X, y = make_classification(1500, 30, n_informative=8, n_classes=3, flip_y=0.1, random_state=0)
    sampler = Coreset(100, random_state=0, features=None, **params)
    expected = clone(sampler).fit(X, y).sample_indices_
    # The kernel values of all pairs of a class take 2 MB.
    for threads, megabytes, table in ((2, 1024, X), (1, 0.25, X), (1, 16, sparse.csr_array(X))):
        with sklearn.config_context(working_memory=megabytes), threadpool_limits(threads):
            got = clone(sampler).fit(table, y)
        np.testing.assert_array_equal(got.sample_indices_, expected)


def test_a_prefix_is_the_smaller_coreset(blobs):
    X, y = blobs
    for params in ({}, UNCERTAIN):
        small, large = (Coreset(k, random_state=0, **params).fit(X, y) for k in (20, 60))
        for label in range(3):
            few, many = (s.sample_indices_[y[s.sample_indices_] == label] for s in (small, large))
            np.testing.assert_array_equal(few, many[: len(few)])


def test_init(flipped):
    X, y, wrong, _ = flipped
    given = [*wrong[:3], 5, 17]
    got = Coreset(50, init=given, random_state=0).fit(X, y)
    free = Coreset(50, random_state=0).fit(X, y)
    assert np.isin(given, got.sample_indices_).all()
    assert len(set(got.sample_indices_)) == 50
    assert got.sampling_strategy_ == free.sampling_strategy_
    for label in np.unique(y[given]):
        mine = got.sample_indices_[y[got.sample_indices_] == label]
        first = [i for i in given if y[i] == label]
        assert mine[: len(first)].tolist() == first
    with pytest.raises(ValueError, match="outside 0 to 1796"):
        Coreset(50, init=[1797]).fit(X, y)
    with pytest.raises(ValueError, match="but only 1 are to be selected"):
        Coreset(10, init=np.flatnonzero(y == 3)[:2]).fit(X, y)


def test_candidates(blobs):
    X, y = blobs
    few = Coreset(30, n_candidates=40, random_state=0, features=None).fit(X, y)
    all_ = Coreset(30, n_candidates=None, random_state=0, features=None).fit(X, y)
    assert not np.array_equal(few.sample_indices_, all_.sample_indices_)
    assert few.sampling_strategy_ == all_.sampling_strategy_
    with pytest.raises(ValueError, match="n_candidates=2 is smaller"):
        Coreset(30, n_candidates=2).fit(X, y)


# in other estimators ---------------------------------------------------------------------------


def test_it_is_the_default_of_the_meta_estimators(digits):
    X, y = digits
    model = CoresetClassifier(SVC()).fit(X, y)
    assert type(model.sampler_) is Coreset
    again = CoresetClassifier(SVC()).fit(X, y)
    np.testing.assert_array_equal(model.sampler_.sample_indices_, again.sampler_.sample_indices_)
    X, y = load_diabetes(return_X_y=True)
    regressor = CoresetRegressor(KNeighborsRegressor()).fit(X, y)
    assert type(regressor.sampler_) is Coreset
    assert regressor.sampler_.trust_.shape == y.shape
    assert not hasattr(regressor.sampler_, "classes_")
    assert regressor.sampler_.sampling_strategy_ == {None: 44}


def test_in_a_search_and_on_a_raw_table(rng):
    n = 300
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(["u", "v"], n)})
    frame["b"] = frame["b"].astype("category")
    frame.iloc[::7, 0] = np.nan
    y = (frame["b"] == "u").to_numpy()
    model = CoresetClassifier(
        HistGradientBoostingClassifier(min_samples_leaf=2, max_iter=5), Coreset(0.3, random_state=0)
    )
    search = GridSearchCV(
        model,
        {"sampler__coreset_size": [20, 60], "sampler__weight_by_uncertainty": [False, True]},
        cv=3,
    )
    assert search.fit(frame, y).best_score_ > 0.95
    assert cross_val_score(model, frame, y, cv=3).min() > 0.95
