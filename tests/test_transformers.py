"""GradientEmbedding against products written out, CoresetNystroem against the kernel itself."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.pipeline import make_pipeline as resampling_pipeline
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skcoreset import (
    CoresetNystroem,
    FacilityLocation,
    GradientEmbedding,
    Herding,
    KCenterGreedy,
    Margin,
    Uniform,
)


def logistic(**params):
    return LogisticRegression(max_iter=1000, **params)


def outer_products(p, h, label=None):
    """(p - onehot(label)) (x) [1, h], row by row; the label is the most probable class."""
    rows = []
    for i in range(len(p)):
        error = p[i].copy()
        error[p[i].argmax() if label is None else label[i]] -= 1
        rows.append(np.outer(error, [1.0, *h[i]]).ravel())
    return np.array(rows)


# GradientEmbedding -------------------------------------------------------------------------


def test_embedding_is_the_outer_product(blobs):
    """Each row is (p - onehot(argmax p)) (x) [1, x], class after class."""
    X, y = blobs
    model = logistic().fit(X, y)
    expected = outer_products(model.predict_proba(X), X)
    np.testing.assert_allclose(GradientEmbedding(model).fit_transform(X), expected, atol=1e-12)


def test_two_classes_and_names_as_labels(blobs):
    """A binary problem has two errors of opposite sign; labels may be strings."""
    X, y = blobs
    for labels in (y > 0, np.array(["b", "a", "c"])[y]):
        model = logistic().fit(X, labels)
        expected = outer_products(model.predict_proba(X), X)
        np.testing.assert_allclose(GradientEmbedding(model).fit_transform(X), expected, atol=1e-12)


def test_labels_are_those_predicted(blobs):
    """What is known of y at fit does not matter at transform: the label is the predicted one."""
    X, y = blobs
    embedding = GradientEmbedding(logistic()).fit(X, y)
    p = embedding.estimator_.predict_proba(X)
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    assert len(wrong) > 5
    got = embedding.transform(X[wrong])
    np.testing.assert_allclose(got, outer_products(p[wrong], X[wrong]), atol=1e-12)
    with_labels = outer_products(p[wrong], X[wrong], y[wrong])
    assert (np.linalg.norm(got - with_labels, axis=1) > 0.1).all()


def test_norm_bounds_that_of_any_label_from_below(blobs):
    """Proposition 1 of Ash et al. 2020: no other label gives a row a shorter gradient."""
    X, y = blobs
    model = logistic().fit(X, y)
    p = model.predict_proba(X)
    norm = np.linalg.norm(GradientEmbedding(model).fit_transform(X), axis=1)
    for label in range(3):
        other = np.linalg.norm(outer_products(p, X, np.full(300, label)), axis=1)
        assert (norm <= other + 1e-12).all()


def test_last_hidden_layer(blobs):
    """Of an MLPClassifier the last layer sees the last hidden layer, not the columns."""
    X, y = blobs
    model = MLPClassifier((9, 6), max_iter=400, tol=1e-2, random_state=0).fit(X, y)
    h = X
    for weight, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        h = np.maximum(h @ weight + intercept, 0)
    expected = outer_products(model.predict_proba(X), h)
    got = GradientEmbedding(model).fit_transform(X)
    assert got.shape == (300, 3 * (6 + 1))
    np.testing.assert_allclose(got, expected, atol=1e-10)


def test_estimator_may_be_a_pipeline(blobs):
    """The columns are those that reach the last step."""
    X, y = blobs
    embedding = GradientEmbedding(make_pipeline(StandardScaler(), logistic())).fit(X, y)
    p = embedding.estimator_.predict_proba(X)
    expected = outer_products(p, StandardScaler().fit_transform(X))
    np.testing.assert_allclose(embedding.transform(X), expected, atol=1e-10)


def test_no_intercept_no_one(blobs):
    """A classifier without intercepts has no gradient in them."""
    X, y = blobs
    model = logistic(fit_intercept=False).fit(X, y)
    expected = outer_products(model.predict_proba(X), X).reshape(300, 3, -1)[:, :, 1:]
    got = GradientEmbedding(model).fit_transform(X)
    np.testing.assert_allclose(got, expected.reshape(300, -1), atol=1e-12)


def test_decision_values_only(blobs):
    """Logistic loss of each class against the rest; of a kernel SVM of each pair, no columns."""
    X, y = blobs
    model = LinearSVC(random_state=0).fit(X, y)
    f = model.decision_function(X)
    t = np.where(np.eye(3)[f.argmax(axis=1)] > 0, 1.0, -1.0)
    error = -t * expit(-t * f)
    expected = [np.outer(e, [1, *x]).ravel() for e, x in zip(error, X, strict=True)]
    np.testing.assert_allclose(GradientEmbedding(model).fit_transform(X), expected)
    assert GradientEmbedding(SVC()).fit_transform(X, y).shape == (300, 3)


def test_fitted_classifier_is_used_as_it_is(blobs):
    """Labels are not needed, and if they are given nothing is fitted to them."""
    X, y = blobs
    model = logistic().fit(X[:150], y[:150])
    before = model.coef_.copy()
    for estimator in (model, FrozenEstimator(model)):
        embedding = GradientEmbedding(estimator).fit(X)
        assert embedding.estimator_ is estimator
        again = GradientEmbedding(estimator).fit(X, y[::-1])
        np.testing.assert_array_equal(again.transform(X), embedding.transform(X))
    np.testing.assert_array_equal(model.coef_, before)
    expected = outer_products(model.predict_proba(X), X)
    survivor = clone(GradientEmbedding(FrozenEstimator(model))).fit(X)
    np.testing.assert_allclose(survivor.transform(X), expected, atol=1e-12)


def test_unfitted_classifier_is_cloned_and_fitted(blobs):
    """The user's classifier stays unfitted; weights reach the clone; None is the default."""
    X, y = blobs
    model = logistic(C=0.1)
    weight = np.where(y == 0, 10.0, 1.0)
    embedding = GradientEmbedding(model).fit(X, y, sample_weight=weight)
    assert not hasattr(model, "coef_")
    expected = logistic(C=0.1).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(embedding.estimator_.coef_, expected.coef_)
    default = GradientEmbedding().fit(X, y).estimator_
    np.testing.assert_array_equal(default.coef_, logistic().fit(X, y).coef_)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_table_gives_the_same_gradients_sparse(container, rng):
    """Nothing is made dense, and the values are those of the dense table."""
    X = rng.standard_normal((120, 15))
    X[np.abs(X) < 1] = 0
    model = logistic().fit(X, rng.integers(0, 3, 120))
    got = GradientEmbedding(model).fit_transform(container(X))
    assert sparse.issparse(got)
    assert got.nnz <= 3 * (np.count_nonzero(X) + 120)
    expected = GradientEmbedding(model).fit_transform(X)
    np.testing.assert_allclose(got.toarray(), expected, atol=1e-12)


def test_float32_stays(blobs):
    """A float32 table gives float32 gradients, the same up to rounding."""
    X, y = blobs
    model = logistic().fit(X, y)
    got = GradientEmbedding(model).fit_transform(X.astype(np.float32))
    assert got.dtype == np.float32
    expected = GradientEmbedding(model).fit_transform(X)
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    "transformer",
    [GradientEmbedding(), CoresetNystroem(KCenterGreedy(20))],
    ids=["GradientEmbedding", "CoresetNystroem"],
)
def test_set_output(transformer, library, blobs):
    """Frames out: columns named as get_feature_names_out says, the index of pandas, the values."""
    X, y = blobs
    frame = pd.DataFrame(X, index=np.arange(300) + 7).rename(columns="c{}".format)
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    mapped = clone(transformer).set_output(transform=library).fit(frame, y)
    out = mapped.transform(frame)
    assert isinstance(out, pd.DataFrame if library == "pandas" else pl.DataFrame)
    names = mapped.get_feature_names_out()
    assert list(out.columns) == list(names)
    assert names[0] == f"{type(mapped).__name__.lower()}0"
    assert len(set(names)) == out.shape[1]
    if library == "pandas":
        assert out.index.tolist() == frame.index.tolist()
    expected = clone(transformer).fit(X, y).transform(X)
    np.testing.assert_allclose(out.to_numpy(), expected, atol=1e-6)


def test_sampler_after_the_embedding(blobs):
    """In a plain Pipeline a sampler selects by the gradients: here their k-center."""
    X, y = blobs
    pipe = make_pipeline(GradientEmbedding(logistic()), KCenterGreedy(12, stratify=None))
    picks = pipe.fit(X, y)[-1].sample_indices_
    G = outer_products(logistic().fit(X, y).predict_proba(X), X)
    expected = KCenterGreedy(12, stratify=None).fit(G).sample_indices_
    np.testing.assert_array_equal(picks, expected)
    plain = KCenterGreedy(12, stratify=None).fit(X).sample_indices_
    assert set(picks) != set(plain)


def test_k_means_after_the_embedding(blobs):
    """BADGE: k-means++ on the gradients keeps distinct rows, unclear ones first of all."""
    X, y = blobs
    embedding = GradientEmbedding(logistic()).fit(X, y)
    G = embedding.transform(X)
    _, kept = kmeans_plusplus(G, 12, random_state=0)
    assert len(set(kept.tolist())) == 12
    confidence = embedding.estimator_.predict_proba(X).max(axis=1)
    assert confidence[kept].mean() < confidence.mean()
    pipe = make_pipeline(GradientEmbedding(logistic()), KMeans(4, n_init=1, random_state=0))
    expected = KMeans(4, n_init=1, random_state=0).fit_predict(G)
    np.testing.assert_array_equal(pipe.fit(X, y).predict(X), expected)


def test_embedding_says_what_is_wrong(blobs):
    """Errors: no labels, no classes in them, weights that cannot be taken, columns, not fitted."""
    X, y = blobs
    with pytest.raises(ValueError, match="GradientEmbedding requires y to be passed"):
        GradientEmbedding(logistic()).fit(X)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        GradientEmbedding(logistic()).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        GradientEmbedding(logistic()).fit(X, np.where(y == 1, np.nan, y))
    with pytest.raises(ValueError, match="takes no sample_weight in fit"):
        GradientEmbedding(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(300))
    with pytest.raises(ValueError, match="'estimator' parameter of GradientEmbedding must be"):
        GradientEmbedding("logistic").fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features, but GradientEmbedding is expecting"):
        GradientEmbedding().fit(X, y).transform(X[:, :3])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        GradientEmbedding().fit(X, y).transform(X[0])
    with pytest.raises(NotFittedError):
        GradientEmbedding(logistic().fit(X, y)).transform(X)


# CoresetNystroem ---------------------------------------------------------------------------

KERNELS = {
    "rbf": {"kernel": "rbf", "gamma": 0.3},
    "gamma is 1 / columns": {"kernel": "rbf"},
    "polynomial": {"kernel": "poly", "degree": 2, "coef0": 1.5, "gamma": 0.1},
    "laplacian": {"kernel": "laplacian", "gamma": 0.2},
    "cosine": {"kernel": "cosine"},
    "linear": {"kernel": "linear"},
    "callable": {
        "kernel": lambda a, b, scale: np.exp(-np.abs(a - b).sum() / scale),
        "kernel_params": {"scale": 3.0},
    },
}


def kernel_of(X, Y=None, kernel="rbf", kernel_params=None, **params):
    """The kernel, with the parameters that a transformer has."""
    if callable(kernel):
        return pairwise_kernels(X, Y, kernel, **kernel_params)
    return pairwise_kernels(X, Y, kernel, **params)


@pytest.mark.parametrize("name", KERNELS)
def test_all_rows_as_landmarks_give_the_kernel(name, rng):
    """Then Z Z^T is the kernel matrix, also where that has few ranks (linear, cosine)."""
    X = rng.standard_normal((60, 5))
    Z = CoresetNystroem(KCenterGreedy(60), **KERNELS[name]).fit_transform(X)
    np.testing.assert_allclose(Z @ Z.T, kernel_of(X, **KERNELS[name]), atol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
def test_some_landmarks_give_the_formula(name, rng):
    """Z Z^T = K(X, L) K(L, L)^+ K(L, X), and new rows are mapped the same way."""
    X, new = rng.standard_normal((60, 5)), rng.standard_normal((30, 5))
    mapped = CoresetNystroem(FacilityLocation(12), **KERNELS[name]).fit(X)
    landmarks = X[mapped.sampler_.sample_indices_]
    inner = np.linalg.pinv(kernel_of(landmarks, **KERNELS[name]), rcond=1e-10, hermitian=True)
    left = kernel_of(new, landmarks, **KERNELS[name])
    right = kernel_of(landmarks, X, **KERNELS[name])
    got = mapped.transform(new) @ mapped.transform(X).T
    np.testing.assert_allclose(got, left @ inner @ right, atol=1e-6)


def test_same_landmarks_as_nystroem(digits):
    """With the landmarks that scikit-learn draws, its features up to a rotation."""
    X, y = digits[0][:400] / 16, digits[1][:400]
    theirs = Nystroem(gamma=0.05, n_components=40, random_state=3).fit(X)
    sampler = KCenterGreedy(40, init=theirs.component_indices_, stratify=None)
    ours = CoresetNystroem(sampler, gamma=0.05).fit(X, y)
    assert set(ours.sampler_.sample_indices_) == set(theirs.component_indices_)
    Z, W = ours.transform(X), theirs.transform(X)
    np.testing.assert_allclose(Z @ Z.T, W @ W.T, atol=1e-8)


def test_what_is_left_is_a_kernel_that_shrinks(digits):
    """K - Z Z^T has no negative eigenvalue, and each landmark more makes its trace smaller."""
    X = digits[0][:200] / 16
    K, left = rbf_kernel(X, gamma=0.1), []
    for k in (5, 20, 80):
        Z = CoresetNystroem(KCenterGreedy(k), gamma=0.1).fit_transform(X)
        rest = K - Z @ Z.T
        assert np.linalg.eigvalsh(rest).min() > -1e-8
        left.append(np.trace(rest))
    assert left[0] > left[1] > left[2]


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_table_gives_the_same_map(container, rng):
    """A sparse table is mapped to what the dense one is mapped to, a dense array."""
    X = rng.standard_normal((100, 12))
    X[np.abs(X) < 1] = 0
    for sampler in (KCenterGreedy(15), FacilityLocation(15), Herding(15)):
        dense = CoresetNystroem(sampler, gamma=0.1).fit_transform(X)
        got = CoresetNystroem(sampler, gamma=0.1).fit_transform(container(X))
        assert isinstance(got, np.ndarray)
        np.testing.assert_allclose(got @ got.T, dense @ dense.T, atol=1e-8)


def test_landmarks_twice(rng):
    """Duplicates among the landmarks change nothing, and no new row is mapped far away."""
    X, new = rng.standard_normal((40, 3)), 3 * rng.standard_normal((200, 3))
    once = CoresetNystroem(KCenterGreedy(40)).fit(X)
    thrice = CoresetNystroem(KCenterGreedy(120)).fit(np.repeat(X, 3, axis=0))
    assert thrice.transform(new).shape == (200, 120)
    for kernel in ("rbf", "linear"):
        once.set_params(kernel=kernel).fit(X)
        thrice.set_params(kernel=kernel).fit(np.repeat(X, 3, axis=0))
        Z, W = once.transform(new), thrice.transform(new)
        np.testing.assert_allclose(W @ W.T, Z @ Z.T, atol=1e-5)
        length = np.diag(pairwise_kernels(new, metric=kernel))  # projections are no longer
        assert ((W**2).sum(axis=1) <= length + 1e-5).all()


def test_landmarks_twice_in_float32(rng):
    """The noise of float32 is not blown up where the kernel matrix has no rank."""
    X = np.repeat(rng.standard_normal((40, 3)), 3, axis=0).astype(np.float32)
    for kernel in ("rbf", "linear"):
        Z = CoresetNystroem(KCenterGreedy(120), kernel=kernel).fit_transform(X)
        K = pairwise_kernels(X, metric=kernel)
        assert Z.dtype == np.float32
        assert np.linalg.norm(Z @ Z.T - K) < 1e-5 * np.linalg.norm(K)


def test_not_a_classifier(rng):
    X, y = rng.standard_normal((30, 2)), np.arange(30) % 2
    with pytest.raises(TypeError, match="has neither"):
        GradientEmbedding(Ridge()).fit(X, y)


def test_one_landmark_and_equal_rows():
    """A table of one row repeated has one direction: k(x, x)."""
    X = np.ones((20, 4))
    for size in (1, 7):
        Z = CoresetNystroem(KCenterGreedy(size)).fit_transform(X)
        assert Z.shape == (20, size)
        np.testing.assert_allclose(Z @ Z.T, np.ones((20, 20)), atol=1e-8)


def test_labels_reach_the_sampler(blobs):
    """With labels each class has its share of the landmarks; without, all rows compete."""
    X, y = blobs
    with_labels = CoresetNystroem(KCenterGreedy(30)).fit(X, y).sampler_
    expected = KCenterGreedy(30).fit(X, y)
    assert with_labels.sampling_strategy_ == expected.sampling_strategy_
    np.testing.assert_array_equal(with_labels.sample_indices_, expected.sample_indices_)
    without = CoresetNystroem(KCenterGreedy(30)).fit(X).sampler_
    assert without.sampling_strategy_ == {None: 30}
    assert CoresetNystroem().fit(X, y).transform(X).shape == (300, 30)


def test_sampler_with_a_classifier(blobs):
    """A sampler that asks a classifier picks the landmarks that it would pick by itself."""
    X, y = blobs
    mapped = CoresetNystroem(Margin(logistic(), 25)).fit(X, y)
    expected = Margin(logistic(), 25).fit(X, y).sample_indices_
    np.testing.assert_array_equal(mapped.sampler_.sample_indices_, expected)
    np.testing.assert_array_equal(
        np.sort(mapped.nystroem_.components_, axis=0), np.sort(X[expected], axis=0)
    )


def test_cross_validation_and_grid_search(digits):
    """In a Pipeline before a LinearSVC, with the number of landmarks as a parameter."""
    X, y = digits[0][:600] / 16, digits[1][:600]
    pipe = make_pipeline(CoresetNystroem(KCenterGreedy(50), gamma=0.05), LinearSVC(random_state=0))
    scores = cross_validate(pipe, X, y, cv=3, error_score="raise")["test_score"]
    assert scores.mean() > 0.85
    name = "coresetnystroem__sampler__coreset_size"
    search = GridSearchCV(pipe, {name: [10, 100]}, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_ == {name: 100}
    assert search.best_estimator_[0].transform(X).shape == (600, 100)
    assert pipe.get_params()[name] == 50  # clones were changed, not this one


def test_nystroem_is_reproducible(blobs):
    """The same data and seed give the same numbers; the user's sampler is left alone."""
    X, y = blobs
    for sampler in (KCenterGreedy(20), Uniform(20, random_state=5)):
        mapped = CoresetNystroem(sampler)
        first = mapped.fit_transform(X, y)
        np.testing.assert_array_equal(mapped.fit_transform(X, y), first)
        np.testing.assert_array_equal(clone(mapped).fit(X, y).transform(X), first)
        assert not hasattr(sampler, "sample_indices_")
        assert mapped.sampler_ is not sampler


def test_nystroem_says_what_is_wrong(blobs):
    """Errors: no sampler, no kernel, too many landmarks, NaN, columns, not fitted."""
    X, y = blobs
    with pytest.raises(ValueError, match="'sampler' parameter of CoresetNystroem must be"):
        CoresetNystroem(logistic()).fit(X, y)
    with pytest.raises(ValueError, match="'kernel' parameter of CoresetNystroem must be"):
        CoresetNystroem(kernel="gauss").fit(X, y)
    with pytest.raises(ValueError, match="coreset_size=301 is larger than the number of samples"):
        CoresetNystroem(KCenterGreedy(301)).fit(X, y)
    with pytest.raises(ValueError, match="Margin requires y to be passed"):
        CoresetNystroem(Margin()).fit(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        CoresetNystroem().fit(np.where(X > 3, np.nan, X))
    with pytest.raises(ValueError, match="X has 3 features, but CoresetNystroem is expecting"):
        CoresetNystroem().fit(X).transform(X[:, :3])
    with pytest.raises(NotFittedError):
        CoresetNystroem().transform(X)


# Samplers that change columns, fits that fail, targets ---------------------------------------


def test_landmarks_are_rows_of_the_user(blobs):
    """A scaler in the sampler says which rows, not where in the columns they are."""
    X, _ = blobs
    X = X * np.arange(1, 21)
    sampler = resampling_pipeline(StandardScaler(), KCenterGreedy(300, stratify=None))
    model = CoresetNystroem(sampler, gamma=1e-4).fit(X)
    features = model.transform(X)
    np.testing.assert_allclose(features @ features.T, rbf_kernel(X, gamma=1e-4), atol=1e-8)


class Interrupted(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        raise KeyboardInterrupt


def test_an_embedding_whose_fit_fails_is_what_it_was(blobs):
    X, y = blobs
    model = GradientEmbedding(logistic()).fit(X, y)
    expected, names = model.transform(X), model.get_feature_names_out()
    one_class = pytest.raises(ValueError, match="at least 2 classes")
    with one_class:
        model.fit(X[:, :3], np.zeros(300))
    model.set_params(estimator=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], y)
    assert model.n_features_in_ == 20
    np.testing.assert_array_equal(model.transform(X), expected)
    assert model.get_feature_names_out().tolist() == names.tolist()
    new = GradientEmbedding(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        new.fit(X, y)
    assert vars(new) == vars(clone(new)) | {"estimator": new.estimator}


def test_a_map_whose_fit_fails_is_what_it_was(blobs):
    X, _ = blobs
    model = CoresetNystroem(KCenterGreedy(5)).fit(X)
    expected, landmarks = model.transform(X), model.sampler_.sample_indices_
    model.set_params(kernel="chi2")
    with pytest.raises(ValueError, match="negative values"):
        model.fit(X[:, :3])
    assert model.n_features_in_ == 20
    assert model.sampler_.sample_indices_ is landmarks
    np.testing.assert_array_equal(model.transform(X), expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_embedding_of_labels_in_one_column_a_class(container, blobs):
    """A tree would take them for three targets; to all methods here they are classes."""
    X, y = blobs
    Y = container(np.eye(3, dtype=int)[y])
    for model in (DecisionTreeClassifier(max_depth=3, random_state=0), logistic()):
        expected = GradientEmbedding(model).fit(X, y).transform(X)
        np.testing.assert_array_equal(GradientEmbedding(model).fit(X, Y).transform(X), expected)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        GradientEmbedding().fit(X, X[:, 0])
