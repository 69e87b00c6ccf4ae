"""D2Sampling and BADGE: against plain loops, exact probabilities and closed forms."""

import tracemalloc

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.stats import chisquare
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skcoreset import BADGE, D2Sampling, _models
from skcoreset._kernels import d2_sampling
from skcoreset._kernels.distances import pairs


def loop_seed(seed):
    """The random state of the only group of a fit with ``random_state=seed``."""
    return np.random.RandomState(np.random.RandomState(seed).randint(2**31 - 1))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def classifier(digits):
    X, y = digits
    return LogisticRegression(max_iter=1000).fit(X[:200], y[:200])


# The draws -----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("init", [None, [7, 3, 50]])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_plain_loop(metric, init, weighted, rng):
    X = rng.standard_normal((120, 4))
    weight = rng.integers(1, 5, 120).astype(float) if weighted else None
    D = cdist(X, X, {"manhattan": "cityblock"}.get(metric, metric))
    np.fill_diagonal(D, 0)
    expected = oracles.d2_sampling(D, 60, loop_seed(3), weight, init or ())
    sampler = D2Sampling(60, metric=metric, init=init, random_state=3).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(sampler.sample_indices_, expected)
    np.testing.assert_allclose(sampler.sample_weight_, oracles.nearest_of(D, expected, weight))


@pytest.mark.parametrize("share", [10**9, 1], ids=["one by one", "in rounds"])
@pytest.mark.parametrize("init", [(), (2, 5)])
def test_probabilities_are_exact(share, init, monkeypatch):
    monkeypatch.setattr(d2_sampling, "SHARE", share)  # 1: two picks, and a round of two candidates
    X = np.array([[0.0, 0], [1, 0], [0, 2], [4, 4], [4, 5], [9, 0]])
    weight = np.array([1.0, 2, 1, 1, 3, 1])
    distances = d2_sampling.BlockDistances(pairs(X))
    chances = oracles.d2_probabilities(cdist(X, X), 4, weight, init)
    random_state, counts = np.random.RandomState(0), dict.fromkeys(chances, 0)
    n_draws = 4000
    for _ in range(n_draws):
        picks = d2_sampling.d2_sample(distances, 4, weight, random_state, init)[0]
        counts[tuple(picks.tolist())] += 1
    expected, seen = n_draws * np.array(list(chances.values())), np.array(list(counts.values()))
    rare = expected < 5  # together in one cell
    expected, seen = (np.append(of[~rare], of[rare].sum()) for of in (expected, seen))
    possible = expected > 0
    assert not seen[~possible].any()
    assert chisquare(seen[possible], expected[possible]).pvalue > 0.01


def test_three_far_clusters_are_all_drawn(rng):
    X = np.repeat([[0.0, 0], [1e9, 0], [0, 1e9]], 20, axis=0) + rng.standard_normal((60, 2))
    for seed in range(20):
        sampler = D2Sampling(3, random_state=seed).fit(X)
        assert sorted(sampler.sample_indices_ // 20) == [0, 1, 2]
        np.testing.assert_array_equal(sampler.sample_weight_, [20, 20, 20])


def test_equals_kmeans_plusplus_without_local_trials(rng):
    """The first 8 draws take one random number each, as those of scikit-learn."""
    X = rng.standard_normal((500, 6))
    for seed in range(5):
        distances = d2_sampling.BlockDistances(pairs(X))
        got = d2_sampling.d2_sample(distances, 8, np.ones(500), np.random.RandomState(seed))[0]
        expected = kmeans_plusplus(X, 8, random_state=seed, n_local_trials=1)[1]
        np.testing.assert_array_equal(got, expected)


def test_duplicates_are_selected_last_and_by_their_index():
    X = np.array([[0.0], [1], [0], [1], [5], [5], [5]])
    for seed in range(10):
        sampler = D2Sampling(6, random_state=seed).fit(X)
        drawn, rest = sampler.sample_indices_[:3], sampler.sample_indices_[3:]
        assert sorted(X[drawn, 0]) == [0, 1, 5]
        np.testing.assert_array_equal(rest, np.setdiff1d(np.arange(7), drawn)[:3])
        assert (sampler.sample_weight_ >= 1).all()
        assert sampler.sample_weight_.sum() == 7


def test_a_pick_is_never_drawn_again(rng):
    X = rng.standard_normal((300, 2))
    sampler = D2Sampling(1.0, random_state=0).fit(X)
    np.testing.assert_array_equal(np.sort(sampler.sample_indices_), np.arange(300))
    np.testing.assert_array_equal(sampler.sample_weight_, np.ones(300))


def test_same_draws_for_blocks_threads_and_containers(digits):
    X, _ = digits
    expected = D2Sampling(300, random_state=0).fit(X)
    others = [sparse.csr_array(X), sparse.csc_array(X), X.tolist(), X.astype(np.float32)]
    for other in others:  # multiples of 1/16 are exact in float32
        got = D2Sampling(300, random_state=0).fit(other)
        np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
        np.testing.assert_array_equal(got.sample_weight_, expected.sample_weight_)
    for n_threads in (1, 2):
        with threadpool_limits(n_threads), sklearn.config_context(working_memory=0.1):
            got = D2Sampling(300, random_state=0).fit(X)
        np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)


def test_a_large_offset_costs_no_digits(rng):
    X = rng.integers(0, 50, (400, 3)).astype(float)
    expected = D2Sampling(100, random_state=1).fit(X).sample_indices_
    got = D2Sampling(100, random_state=1).fit(X + 1e9).sample_indices_
    np.testing.assert_array_equal(got, expected)


def test_precomputed_distances(rng):
    X = rng.standard_normal((80, 3))
    expected = D2Sampling(30, random_state=0).fit(X)
    got = D2Sampling(30, metric="precomputed", random_state=0).fit(cdist(X, X))
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)


def test_truncated_weights_are_those_of_the_smaller_fit(digits):
    X, y = digits
    large = D2Sampling(100, random_state=0).fit(X, y)
    small = D2Sampling(30, random_state=0).fit(X, y)
    got = large.truncate(30, X, y)
    np.testing.assert_array_equal(got.sample_indices_, small.sample_indices_)
    np.testing.assert_array_equal(got.sample_weight_, small.sample_weight_)


# BADGE ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [None, [0, 10, 20]])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_badge_equals_the_plain_loop_of_explicit_gradients(init, container, digits, classifier):
    X = digits[0][200:500]
    G = oracles.hypothetical_gradients(classifier.predict_proba(X), X)
    first = [int(np.linalg.norm(G, axis=1).argmax())] if init is None else init
    expected = oracles.d2_sampling(cdist(G, G), 50, loop_seed(0), init=first)
    sampler = BADGE(classifier, 50, init=init, random_state=0).fit(container(X))
    np.testing.assert_array_equal(sampler.sample_indices_, expected)
    np.testing.assert_allclose(sampler.sample_weight_, 300 / 50)


def test_badge_uses_weights_and_classes(digits, classifier, rng):
    X, y = digits[0][200:500], digits[1][200:500]
    weight = rng.integers(1, 5, 300).astype(float)
    G = oracles.hypothetical_gradients(classifier.predict_proba(X), X)
    first = [int(np.linalg.norm(G, axis=1).argmax())]
    expected = oracles.d2_sampling(cdist(G, G), 20, loop_seed(0), weight, first)
    sampler = BADGE(classifier, 20, random_state=0).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(sampler.sample_indices_, expected)
    by_class = BADGE(classifier, 20, stratify="balanced", random_state=0).fit(X, y)
    assert set(by_class.sampling_strategy_.values()) == {2}
    for label in range(10):
        of_class = np.flatnonzero(y == label)
        longest = of_class[np.linalg.norm(G[of_class], axis=1).argmax()]
        assert longest in by_class.sample_indices_[:10]


def test_badge_does_not_use_labels(digits, classifier, rng):
    X, y = digits[0][200:], digits[1][200:]
    expected = BADGE(classifier, 30, stratify=None, random_state=0).fit(X).sample_indices_
    for labels in (y, rng.permutation(y)):
        got = BADGE(classifier, 30, stratify=None, random_state=0).fit(X, labels)
        np.testing.assert_array_equal(got.sample_indices_, expected)


def test_badge_by_hand():
    """Two outputs p and 1 - p: the gradient is ±(1 - max p) [1, h], and its length is known."""
    X = np.array([[0.5], [-0.5], [3.0], [0.5], [-3.0]])
    classifier = LogisticRegression().fit([[-1.0], [1]], [0, 1])
    classifier.coef_, classifier.intercept_ = np.array([[1.0]]), np.array([0.0])
    a, h, bias = _models.gradient_factors(classifier, X, None)
    s = 1 / (1 + np.exp(np.abs(X[:, 0])))  # probability of the other class
    signed = np.sign(X[:, 0]) * s
    np.testing.assert_allclose(a, np.column_stack([signed, -signed]))
    np.testing.assert_array_equal(h, X)
    assert bias
    length = s * np.sqrt(2 * (1 + X[:, 0] ** 2))
    assert length.argmax() == 0
    # samples 0, 1 and 3 are equally long: 0 comes first, and its copy 3 is the last of all
    for seed in range(5):
        picks = BADGE(classifier, 5, random_state=seed).fit(X).sample_indices_
        assert picks[0] == 0
        assert picks[-1] == 3


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_badge_with_equal_gradients_selects_the_lowest(constant):
    classifier = LogisticRegression().fit([[-1.0], [1]], [0, 1])
    sampler = BADGE(classifier, 4, random_state=0).fit(np.full((9, 1), constant))
    np.testing.assert_array_equal(sampler.sample_indices_, [0, 1, 2, 3])


def test_copies_whose_predictions_differ_in_their_last_digits_have_equal_gradients():
    class Rounded(LogisticRegression):
        def predict_proba(self, X):
            noise = 1e-15 * np.random.RandomState(0).standard_normal(len(X))
            return super().predict_proba(X) + np.column_stack([noise, -noise])

    classifier = Rounded().fit([[-1.0], [1]], [0, 1])
    X = np.repeat([[0.1], [2.0]], 10, axis=0)
    for seed in range(5):
        picks = BADGE(classifier, 6, random_state=seed).fit(X).sample_indices_
        assert picks[0] == 0  # longest up to rounding
        assert picks[1] >= 10
        np.testing.assert_array_equal(picks[2:], [1, 2, 3, 4])


@pytest.mark.parametrize(
    "model",
    [
        RidgeClassifier(),
        SVC(),
        MLPClassifier((8,), max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        LogisticRegression(max_iter=1000, fit_intercept=False),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gradients_of_the_predicted_label(model, digits):
    X, y = digits
    model.fit(X[:200], y[:200])
    for got, expected in zip(
        _models.gradient_factors(model, X, None),
        _models.gradient_factors(model, X, model.predict(X)),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)
    picks = BADGE(model, 20, random_state=0).fit(X).sample_indices_
    assert len(set(picks)) == 20


def test_equal_probabilities_predict_the_first_class():
    class Undecided(LogisticRegression):
        def predict_proba(self, X):
            return np.tile([0.5 - 1e-15, 0.5 + 1e-15], (len(X), 1))

    model = Undecided().fit([[0.0], [1]], [0, 1])
    a, _, _ = _models.gradient_factors(model, np.zeros((1, 1)), None)
    np.testing.assert_allclose(a, [[-0.5, 0.5]])


def test_badge_selects_excluded_samples_never(digits, classifier):
    X, _ = digits
    sampler = BADGE(classifier, 40, exclude=np.arange(200), random_state=0).fit(X)
    expected = BADGE(classifier, 40, random_state=0).fit(X[200:])
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_ + 200)


def test_badge_stores_no_outer_products(digits, classifier):
    """10 copies of 1,797 samples have 47 MB of outer products in float32."""
    X = np.tile(digits[0].astype(np.float32), (10, 1))
    tracemalloc.start()
    BADGE(classifier, 50, random_state=0).fit(X)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * 8 * len(X) * (64 + 10) + 2**23
    assert most < len(X) * 10 * 65 * 4


def test_errors(digits, classifier):
    X, y = digits
    with pytest.raises(ValueError, match="Sample 4 is in init and in exclude"):
        BADGE(classifier, 10, init=[2, 4], exclude=[3, 4]).fit(X)
    with pytest.raises(TypeError, match="BADGE needs a classifier"):
        BADGE(LinearRegression(), 10).fit(X, y)
    with pytest.raises(ValueError, match="requires y"):
        BADGE(coreset_size=10).fit(X)
    with pytest.raises(ValueError, match=r"init has 3 samples, but only 2"):
        D2Sampling(2, init=[1, 2, 3]).fit(X)
    with pytest.raises(ValueError, match="outside 0 to 1796"):
        BADGE(classifier, 10, init=[1797]).fit(X)
    with pytest.raises(ValueError, match="The 'metric' parameter of D2Sampling"):
        D2Sampling(metric="seuclidean").fit(X)


def test_badge_accepts_a_frozen_classifier(digits, classifier):
    X, _ = digits
    expected = BADGE(classifier, 10, random_state=0).fit(X).sample_indices_
    got = BADGE(FrozenEstimator(classifier), 10, random_state=0).fit(X).sample_indices_
    np.testing.assert_array_equal(got, expected)
