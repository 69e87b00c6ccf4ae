"""ContrastiveActiveLearning against its definition, and the neighbours it rests on."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skcoreset import ContrastiveActiveLearning
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.neighbors import nearest_neighbors


class Told(ClassifierMixin, BaseEstimator):
    """A fitted classifier: the last column is the number of the answer it was told."""

    def __init__(self, proba=None):
        self.proba = proba

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return np.arange(np.shape(self.proba)[1])

    def predict_proba(self, X):
        return np.asarray(self.proba, dtype=float)[np.asarray(X)[:, -1].astype(int)]


class Anyhow(Told):
    """One that says the same of all rows, whatever they are."""

    classes_ = np.arange(2)

    def predict_proba(self, X):
        return np.full((X.shape[0], 2), 0.5)


def told(proba, place):
    """Rows on a line, so far apart that their numbers, the last column, change no neighbour."""
    X = np.column_stack([1e4 * np.asarray(place, dtype=float), np.arange(len(proba))])
    return Told(proba), X


def nearest(D, i, k):
    """The k rows nearest to row i of a matrix of distances, the lowest of a tie."""
    others = [j for j in range(D.shape[1]) if j != i]
    return sorted(others, key=lambda j: (round(float(D[i, j]), 9), j))[:k]


def contrast(D, proba, k):
    """The paper's loop: mean KL(p(neighbour) || p(row)) over the k nearest other rows."""
    tiny, scores = 2.0**-52, []
    for i in range(len(proba)):
        total = 0.0
        for j in nearest(D, i, k):
            for theirs, mine in zip(proba[j], proba[i], strict=True):
                if theirs > 0:
                    total += theirs * np.log(max(theirs, tiny) / max(mine, tiny))
        scores.append(total / k)
    return np.array(scores)


def fit(*args, stratify=None, X_ref=None, **params):
    classifier, coreset_size, X, *y = args
    sampler = ContrastiveActiveLearning(classifier, coreset_size, stratify=stratify, **params)
    return sampler.fit(X, *y, X_ref=X_ref)


@pytest.fixture(scope="module")
def model():
    """A table of 300 rows, its labels, and a classifier that is fitted on them."""
    X, y = make_classification(300, 8, n_informative=5, n_classes=3, class_sep=0.5, random_state=0)
    return X, y, LogisticRegression(max_iter=1000).fit(X, y)


# the definition ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("k", [1, 10])
def test_equals_the_definition(k, metric, model):
    X, _, classifier = model
    sampler = fit(classifier, 50, X, n_neighbors=k, metric=metric)
    D = pairwise_distances(X, metric=metric)
    expected = contrast(D, classifier.predict_proba(X), k)
    np.testing.assert_allclose(sampler.scores_, expected, atol=1e-11)
    first = np.argsort(-expected, kind="stable")[:50]
    np.testing.assert_array_equal(sampler.sample_indices_, first)
    assert sampler.neighbors_.shape == (300, k)
    assert sampler.neighbors_[7].tolist() == sorted(nearest(D, 7, k))


@pytest.mark.parametrize("n_columns", [2, 6, 20, 60])
def test_few_and_many_columns(n_columns, rng):
    """Neighbours come from a tree or from products."""
    X = rng.standard_normal((150, n_columns))
    y = (X[:, 0] + rng.standard_normal(150) > 0).astype(int)
    classifier = GaussianNB().fit(X, y)
    expected = contrast(pairwise_distances(X), classifier.predict_proba(X), 5)
    for dtype, atol in ((np.float64, 1e-11), (np.float32, 1e-3)):
        got = fit(classifier, 20, X.astype(dtype), n_neighbors=5)
        np.testing.assert_allclose(got.scores_, expected, atol=atol)


def test_by_hand_and_neighbours_come_first():
    """KL(p(neighbour) || p(row)), neither reversed nor symmetric as in DeepCore."""
    classifier, X = told([[0.9, 0.1], [0.5, 0.5]], [0, 1])
    scores = fit(classifier, 1, X, n_neighbors=1).scores_
    b_from_a = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    a_from_b = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    np.testing.assert_allclose(scores, [b_from_a, a_from_b], atol=1e-12)
    assert b_from_a > a_from_b + 0.1


def test_zero_where_neighbours_agree_and_largest_first():
    """Six rows that agree, unsure as they are; three that contrast with those around them."""
    unsure, sure, other = [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]
    classifier, X = told([unsure] * 6 + [sure, other, sure], [0, 1, 2, 3, 4, 5, 90, 91, 92])
    sampler = fit(classifier, 3, X, n_neighbors=2)
    assert (sampler.scores_[:6] == 0).all()
    assert sampler.sample_indices_[0] == 7  # both of its neighbours say otherwise
    assert sorted(sampler.sample_indices_) == [6, 7, 8]


@pytest.mark.parametrize("stratify", ["proportional", "balanced"])
def test_neighbours_are_of_any_class(stratify, model):
    """Also where classes compete for themselves; within the class as in DeepCore scores differ."""
    X, y, classifier = model
    everyone = fit(classifier, 30, X)
    sampler = fit(classifier, 30, X, y, stratify=stratify)
    np.testing.assert_array_equal(sampler.scores_, everyone.scores_)
    assert (y[sampler.neighbors_] != y[:, None]).any()
    for label in range(3):
        kept = sampler.scores_[sampler.sample_indices_[y[sampler.sample_indices_] == label]]
        left = np.sort(sampler.scores_[y == label])[::-1][: len(kept)]
        np.testing.assert_array_equal(kept, left)


def test_probabilities_of_zero_give_numbers():
    """DeepCore has NaN there; here the largest score is the logarithm of the constant."""
    classifier, X = told([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [0, 1, 3])
    scores = fit(classifier, 1, X, n_neighbors=1).scores_
    np.testing.assert_allclose(scores, [np.log(2.0**52), np.log(2.0**52), np.log(2.0**52)])
    X, y = make_classification(200, random_state=0)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    assert (forest.predict_proba(X) == 0).any()
    scores = fit(forest, 20, X).scores_
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


# invariances ---------------------------------------------------------------------------------


def test_order_of_rows_and_of_classes_does_not_matter(model, rng):
    X, _, classifier = model
    order, here = rng.permutation(300), fit(classifier, 40, X)
    there = fit(classifier, 40, X[order])
    np.testing.assert_array_equal(here.scores_[order], there.scores_)
    np.testing.assert_array_equal(here.sample_indices_, order[there.sample_indices_])
    proba = classifier.predict_proba(X)
    two = [told(p, X[:, 0]) for p in (proba, proba[:, ::-1])]
    scores = [fit(classifier, 40, X).scores_ for classifier, X in two]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-11)


def test_string_labels_and_two_classes(model):
    X, y, _ = model
    y = (y > 0).astype(int)
    number = fit(None, 30, X, y, stratify="proportional")
    text = fit(None, 30, X, np.array(["no", "yes"])[y], stratify="proportional")
    np.testing.assert_array_equal(text.sample_indices_, number.sample_indices_)
    expected = contrast(pairwise_distances(X), number.estimator_.predict_proba(X), 10)
    np.testing.assert_allclose(text.scores_, expected, atol=1e-9)


def test_a_duplicate_is_another_row():
    """It is a neighbour that agrees; of many duplicates the lowest are the neighbours."""
    X = np.array([[0.0], [0.0], [0.0], [1.0]])
    classifier = Told([[0.9, 0.1], [0.2, 0.8]])  # by place, the only column
    sampler = fit(classifier, 1, X, n_neighbors=2)
    assert sampler.neighbors_.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]
    assert (sampler.scores_[:3] == 0).all()
    assert sampler.sample_indices_.tolist() == [3]


def test_scores_that_are_equal_up_to_rounding_are_ties(model):
    X, _, classifier = model
    twice = np.concatenate([X, X])
    scores = fit(classifier, 30, twice, n_neighbors=5).scores_
    np.testing.assert_array_equal(scores[:300], scores[300:])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_blocks_do_not_matter(metric, model):
    X, _, classifier = model
    X = np.concatenate([X, X[:50], np.round(X)])  # ties
    whole = fit(classifier, 60, X, metric=metric)
    with sklearn.config_context(working_memory=0.01):
        blocks = fit(classifier, 60, X, metric=metric)
    np.testing.assert_array_equal(blocks.neighbors_, whole.neighbors_)
    np.testing.assert_array_equal(blocks.scores_, whole.scores_)
    np.testing.assert_array_equal(blocks.sample_indices_, whole.sample_indices_)


@pytest.mark.parametrize("reference", [False, True])
def test_sparse_equals_dense(reference, model):
    X, y, _ = model
    X = np.where(np.abs(X) < 1, 0, X)
    classifier = LogisticRegression(max_iter=1000).fit(X, y)
    around = X[:100] if reference else None
    dense = fit(classifier, 30, X, X_ref=around)
    for kind in (sparse.csr_array, sparse.csc_matrix):
        got = fit(classifier, 30, kind(X), X_ref=kind(around) if reference else None)
        np.testing.assert_array_equal(got.sample_indices_, dense.sample_indices_)
        np.testing.assert_allclose(got.scores_, dense.scores_, atol=1e-11)
        np.testing.assert_allclose(got.score_samples(X), dense.score_samples(X), atol=1e-11)


# weights -------------------------------------------------------------------------------------


def test_rows_of_weight_zero_are_nobodys_neighbour(model, rng):
    X, y, classifier = model
    present = rng.random(300) < 0.6
    sampler = ContrastiveActiveLearning(classifier, 30, stratify=None)
    got = sampler.fit(X, y, sample_weight=present.astype(float))
    alone = fit(classifier, 30, X[present])
    np.testing.assert_array_equal(got.scores_[present], alone.scores_)
    np.testing.assert_array_equal(got.scores_[~present], alone.score_samples(X[~present]))
    np.testing.assert_array_equal(got.score_samples(X), alone.score_samples(X))
    assert present[got.neighbors_].all()


# a reference, and rows that are new ------------------------------------------------------------


def test_reference_as_in_the_paper(model):
    """Candidates from a pool, neighbours among the rows that have labels."""
    X, _, classifier = model
    labelled, pool = X[:100], X[100:]
    sampler = fit(classifier, 20, pool, X_ref=labelled, n_neighbors=5)
    p, q = classifier.predict_proba(labelled), classifier.predict_proba(pool)
    D = pairwise_distances(pool, labelled)
    expected = []
    for i in range(len(pool)):
        near = np.argsort(D[i], kind="stable")[:5]
        assert sampler.neighbors_[i].tolist() == sorted(near)
        expected.append(np.mean([(p[j] * np.log(p[j] / q[i])).sum() for j in near]))
    np.testing.assert_allclose(sampler.scores_, expected, atol=1e-11)
    np.testing.assert_array_equal(sampler.score_samples(pool), sampler.scores_)
    np.testing.assert_array_equal(sampler.score_samples(pool[:3]), sampler.scores_[:3])


def test_a_row_that_is_in_the_reference_is_its_own_neighbour(model):
    X, _, classifier = model
    sampler = fit(classifier, 20, X, X_ref=X[50:150], n_neighbors=1)
    assert (sampler.scores_[50:150] == 0).all()
    assert sampler.neighbors_[50:150, 0].tolist() == list(range(100))
    assert (sampler.scores_[:50] > 0).all()


def test_score_samples_of_rows_without_labels(model):
    X, _, classifier = model
    known, new = X[:200], X[200:]
    got = fit(classifier, 20, known).score_samples(new)
    expected = fit(classifier, 20, new, X_ref=known).scores_
    np.testing.assert_array_equal(got, expected)


def test_unlabelled_pool(model):
    X, _, classifier = model
    X_query, nothing = ContrastiveActiveLearning(classifier, 10).fit_resample(X)
    assert nothing is None
    assert X_query.shape == (10, 8)
    with pytest.raises(ValueError, match="requires y to be passed"):
        ContrastiveActiveLearning(coreset_size=10).fit(X)


# features ------------------------------------------------------------------------------------


def test_features_of_a_pipeline(model):
    X, y, _ = model
    X = X * [1, 1, 1, 1, 1, 1, 1, 1000.0]
    classifier = make_pipeline(StandardScaler(), PCA(3), LogisticRegression()).fit(X, y)
    proba = classifier.predict_proba(X)
    spaces = {"input": X, "model": classifier[:-1].transform(X)}
    for features, space in spaces.items():
        for estimator in (classifier, FrozenEstimator(classifier)):
            got = fit(estimator, 30, X, features=features, n_neighbors=4)
            expected = contrast(pairwise_distances(space), proba, 4)
            np.testing.assert_allclose(got.scores_, expected, atol=1e-10)


def test_features_of_a_neural_network(model):
    X, y, _ = model
    network = MLPClassifier((7,), max_iter=20, random_state=0)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        network.fit(X, y)
    hidden = np.maximum(X @ network.coefs_[0] + network.intercepts_[0], 0)
    proba = network.predict_proba(X)
    got = fit(network, 30, X, features="model", n_neighbors=4)
    expected = contrast(pairwise_distances(hidden), proba, 4)
    np.testing.assert_allclose(got.scores_, expected, atol=1e-10)


def test_columns_of_any_kind_need_the_features_of_the_model(model):
    X, y, _ = model
    frame = pd.DataFrame({"a": X[:, 0], "colour": np.array(["red", "green", "blue"])[y]})
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    classifier = make_pipeline(columns, LogisticRegression())
    sampler = ContrastiveActiveLearning(classifier, 30, features="model").fit(frame, y)
    assert sampler.score_samples(frame).shape == (300,)
    again = sampler.fit(frame, y, X_ref=frame[:50])
    assert again.neighbors_.max() < 50
    with pytest.raises(ValueError, match="could not convert string to float"):
        ContrastiveActiveLearning(classifier, 30).fit(frame, y)


# errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_neighbors": 300}, "n_neighbors=300 is more than .*: 299"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter"),
        ({"n_neighbors": 6, "X_ref": np.zeros((5, 8))}, "n_neighbors=6 .* in X_ref: 5"),
        ({"X_ref": np.zeros((50, 3))}, "X_ref: X has 3 features"),
        ({"X_ref": np.zeros(50)}, "X_ref: Expected 2D array"),
        ({"X_ref": np.full((50, 8), np.nan)}, "X_ref: Input .*contains NaN"),
        ({"metric": "precomputed"}, "'metric' parameter"),
        ({"features": "pixels"}, "'features' parameter"),
        ({"metric": lambda a, b: np.nan}, "is nan between rows 0 and 1 of X"),
        ({"metric": lambda a, b: np.inf if a[0] > 1 else 1.0}, "is inf between rows"),
    ],
)
def test_errors(params, message, model):
    X, _, classifier = model
    with pytest.raises(ValueError, match=message):
        fit(classifier, 30, X, **params)


def test_errors_about_rows_and_probabilities(model):
    X, y, classifier = model
    few = np.zeros(300)
    few[:12] = 1
    sampler = ContrastiveActiveLearning(classifier, 5, n_neighbors=12, stratify=None)
    with pytest.raises(ValueError, match=r"n_neighbors=12 is more than .*: 11"):
        sampler.fit(X, y, sample_weight=few)
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        ContrastiveActiveLearning(LinearSVC(), 30).fit(X, y)
    broken = X.copy()
    broken[3, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fit(classifier, 30, broken)


# nearest neighbours --------------------------------------------------------------------------


TABLES = {
    "plain": lambda rng: rng.standard_normal((200, 3)),
    "wide": lambda rng: rng.standard_normal((200, 40)),
    "far from the origin": lambda rng: rng.standard_normal((200, 40)) + 1e5,
    "a small cluster": lambda rng: np.vstack([rng.random((100, 40)), 1e-6 * rng.random((100, 40))]),
    "nearly ties": lambda rng: (
        np.repeat(10 * rng.standard_normal((10, 40)), 20, axis=0)
        + np.tile(np.eye(40)[:20], (10, 1)) * (1 + 1e-5 * rng.permutation(200)[:, None])
    ),
    "whole numbers": lambda rng: rng.integers(0, 3, (200, 2)).astype(float),
    "more whole numbers": lambda rng: rng.integers(0, 3, (200, 8)).astype(float),
    "every row twice": lambda rng: np.repeat(rng.standard_normal((100, 8)), 2, axis=0),
    "one row only": lambda rng: np.ones((60, 2)),
    "a simplex": lambda rng: np.eye(60),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", TABLES)
def test_neighbours_equal_brute_force(name, dtype, rng):
    X = TABLES[name](rng).astype(dtype)
    difference = X[:, None, :].astype(float) - X[None, :, :]
    D = np.sqrt((difference**2).sum(axis=2))
    scale = 1e-6 if name == "a small cluster" else 1.0
    chosen = np.sort(rng.choice(len(X), len(X) // 2, replace=False))
    for of, among in (
        (np.arange(len(X)), np.arange(len(X))),
        (np.arange(len(X)), chosen),
        (np.arange(20), np.arange(20, len(X))),
    ):
        neighbors, distances = nearest_neighbors(pairs(X), 7, of, among)
        for i, row in zip(of, neighbors, strict=True):
            others = [j for j in among if j != i]
            key = {j: (round(D[i, j] / scale, 8), j) for j in others}
            assert row.tolist() == sorted(sorted(others, key=key.get)[:7])
        np.testing.assert_allclose(
            distances, np.take_along_axis(D[of], neighbors, 1), rtol=1e-3, atol=1e-9
        )


def far_tables(rng):
    def sentinel(*shape):
        return np.where(
            (rng.random((shape[0], 1)) < 0.6) & (np.arange(shape[1]) % 2 == 0),
            -99999999,
            rng.random(shape),
        )

    return {
        "far from zero": rng.standard_normal((150, 8)) + 1e6,
        "a sentinel": sentinel(150, 8),
        "in few columns": sentinel(150, 3),
        "in many columns": sentinel(150, 70),
        "in all columns of most rows": np.where(
            rng.random((150, 1)) < 0.7, 1e8, rng.random((150, 8))
        ),
        "here and there": np.where(rng.random((150, 20)) < 0.3, 1e8, rng.random((150, 20))),
        "some rows far out": np.where(
            np.arange(150)[:, None] % 10 == 3, 1e8, rng.standard_normal((150, 8))
        ),
        "columns of all scales": rng.standard_normal((150, 8)) * 10.0 ** np.arange(-12, 12, 3),
        "tiny": 1e-18 * rng.standard_normal((150, 8)),
        "a constant column": np.column_stack([np.full(150, 7.7), rng.standard_normal((150, 2))]),
    }


FAR = list(far_tables(np.random.default_rng(0)))


def few_rows(X):
    """Working memory (MiB) of blocks of about 16 rows."""
    return 1e-3 * max(1, X.shape[1] / 8)


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("memory", ["ample", "scarce"])
def test_neighbours_far_from_zero(name, dtype, container, memory, rng):
    """Those of the differences in float64, whatever holds the table."""
    X = far_tables(rng)[name].astype(dtype)
    memory = 1024 if memory == "ample" else few_rows(X)
    D = cdist(X.astype(float), X.astype(float), "sqeuclidean")
    np.fill_diagonal(D, np.inf)
    with sklearn.config_context(working_memory=memory):
        neighbors, distances = nearest_neighbors(pairs(container(X)), 7)
    for i, row in enumerate(neighbors):
        edge = np.sort(D[i])[6]
        sure = np.flatnonzero(D[i] < edge * (1 - 2.0**-40))
        tied = np.flatnonzero(np.abs(D[i] - edge) <= edge * 2.0**-40)
        assert row.tolist() == sorted([*sure, *tied[: 7 - len(sure)]])
    near = np.sqrt(np.take_along_axis(D, neighbors, 1))
    np.testing.assert_allclose(distances, near, rtol=1e-3 if dtype == "float32" else 1e-6)


@pytest.mark.parametrize("name", FAR)
def test_neighbours_by_angle_far_from_zero(name, rng):
    """The same of float32 and float64, dense and csr; where 1 - cos has no digits left, too."""
    X = far_tables(rng)[name].astype("float32")
    unit = X / np.sqrt((X.astype(np.longdouble) ** 2).sum(axis=1))[:, None]
    D = ((unit[:, None] - unit) ** 2).sum(axis=2).astype(float) / 2
    np.fill_diagonal(D, np.inf)
    expected, _ = nearest_neighbors(pairs(X, "cosine"), 5)
    near = np.sort(np.take_along_axis(D, expected, 1), axis=1)
    np.testing.assert_allclose(near, np.sort(D, axis=1)[:, :5], rtol=1e-8, atol=1e-30)
    for Z in (X.astype(float), sparse.csr_array(X), sparse.csr_array(X.astype(float))):
        for memory in (1024, few_rows(X)):
            with sklearn.config_context(working_memory=memory):
                got, _ = nearest_neighbors(pairs(Z, "cosine"), 5)
            np.testing.assert_array_equal(got, expected)


def test_neighbours_far_from_zero_equal_brute_force_for_ties_wider_than_rounding():
    """Rows that differ by less than 2**-40 of their distance tie, however far that is."""
    X = np.zeros((40, 10))
    X[:, 0] = 240.0 + 1e-12 * np.arange(40)[::-1]
    X[0] = 0
    X[np.arange(1, 40), np.arange(1, 40) % 9 + 1] = 1e-7
    neighbors, _ = nearest_neighbors(pairs(X), 3, of=[0])
    assert neighbors.tolist() == [[1, 2, 3]]


def test_scores_of_float32_far_from_zero(rng):
    """The picks of a table do not depend on what holds it."""
    X = far_tables(rng)["in all columns of most rows"].astype("float32")
    proba = rng.dirichlet([1, 1, 1], 150)
    X = np.column_stack([X, np.arange(150, dtype="float32")])
    expected = fit(Told(proba), 30, X.astype(float))
    np.testing.assert_allclose(
        expected.scores_, contrast(cdist(X.astype(float), X.astype(float)), proba, 10), atol=1e-11
    )
    got = fit(Told(proba), 30, X)
    np.testing.assert_array_equal(got.scores_, expected.scores_)
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_array_equal(got.score_samples(X), expected.score_samples(X.astype(float)))


@pytest.mark.parametrize("scale", [1e-200, 1e200, 2.0**-1010])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_columns", [3, 20])
def test_the_unit_of_the_table_does_not_matter(n_columns, metric, scale, rng):
    """Squares of such numbers are 0 or infinite in float64; neighbours are what they were."""
    X = rng.standard_normal((60, n_columns))
    expected = fit(Anyhow(), 5, X, metric=metric)
    for container in (np.asarray, sparse.csr_array):
        got = fit(Anyhow(), 5, container(X * scale), metric=metric)
        np.testing.assert_array_equal(got.neighbors_, expected.neighbors_)


def in_parts(X):
    """csr in which each entry is stored as two halves."""
    X = sparse.csr_array(X)
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    return sparse.csr_array(halves, shape=X.shape)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_entries_stored_in_parts(metric, model):
    X, y, _ = model
    X = np.where(np.abs(X) < 1, 0, X)
    classifier = LogisticRegression(max_iter=1000).fit(X, y)
    for reference in (None, X[:100]):
        whole, parts = (
            fit(
                classifier,
                30,
                container(X),
                metric=metric,
                X_ref=None if reference is None else container(reference),
            )
            for container in (sparse.csr_array, in_parts)
        )
        np.testing.assert_array_equal(parts.neighbors_, whole.neighbors_)
        np.testing.assert_array_equal(parts.sample_indices_, whole.sample_indices_)
        np.testing.assert_array_equal(parts.scores_, whole.scores_)
        new = X[:50] + 0.1
        got = parts.score_samples(in_parts(new))
        np.testing.assert_array_equal(got, whole.score_samples(sparse.csr_array(new)))


@pytest.mark.parametrize(
    ("metric", "rows"), [("correlation", "0 and 0"), ("braycurtis", "0 and 1")]
)
def test_a_metric_that_is_not_finite_names_two_rows(metric, rows, model):
    """The second is one of the reference, if there is one."""
    X, _, classifier = model
    bad = X.copy()
    bad[7] = bad[9] = 0
    message = rf"metric='{metric}' is nan between rows \d+ and \d+ of X"
    with np.errstate(all="ignore"):
        with pytest.raises(ValueError, match=message):
            fit(classifier, 30, bad, metric=metric)
        with pytest.raises(ValueError, match=f"is nan between rows {rows} of X"):
            fit(classifier, 2, bad[7:10], metric=metric, X_ref=bad[8:11], n_neighbors=2)
