"""KNNShapley: the values by their definition, by the recursion, and what they are for."""

import re

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from skcoreset import KNNShapley
from skcoreset._kernels import knn_shapley as kernel


def values(X, y, X_val, y_val, n_neighbors=5, **params):
    sampler = KNNShapley(0.5, n_neighbors=n_neighbors, stratify=None, **params)
    return sampler.fit(X, y, X_val=X_val, y_val=y_val).scores_


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 8, 10])
def test_the_definition_over_all_subsets(n, n_neighbors):
    rng = np.random.default_rng(10 * n + n_neighbors)
    X, y = rng.integers(0, 3, (n, 2)).astype(float), rng.integers(0, 3, n)  # many ties
    X_val, y_val = rng.integers(0, 3, (3, 2)).astype(float), rng.choice(y, 3)
    D = cdist(X_val, X)
    expected = oracles.shapley(n, lambda rows: oracles.knn_utility(rows, D, y, y_val, n_neighbors))
    np.testing.assert_allclose(
        values(X, y, X_val, y_val, n_neighbors), expected, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("n_neighbors", [1, 5, 60, 1000])
def test_the_recursion(metric, n_neighbors, rng):
    X, y = rng.integers(1, 5, (90, 3)).astype(float), rng.integers(0, 3, 90)
    X_val, y_val = rng.integers(1, 5, (25, 3)).astype(float), rng.integers(0, 3, 25)
    D = np.round(cdist(X_val, X, "cityblock" if metric == "manhattan" else metric), 9)
    expected = oracles.knn_shapley(D, y, y_val, n_neighbors)
    got = values(X, y, X_val, y_val, n_neighbors, metric=metric)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", [np.float32, sparse.csr_array, sparse.csc_matrix, pd.DataFrame])
def test_one_value_in_all_containers_blocks_and_threads(kind, rng):
    X, y = rng.integers(0, 4, (700, 40)) / 4 + 1e3, rng.integers(0, 3, 700)
    X[350:] = X[:350]  # each distance is there twice
    X_val, y_val = X[::7] + 0.5, y[::7]
    expected = oracles.knn_shapley(np.round(cdist(X_val, X), 7), y, y_val, 5)
    for megabytes, threads in ((1, 1), (1024, 2)):
        with sklearn.config_context(working_memory=megabytes), threadpool_limits(threads):
            one, other = values(X, y, X_val, y_val), values(kind(X), y, kind(X_val), y_val)
        np.testing.assert_allclose(one, expected, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(other, expected, rtol=1e-9, atol=1e-13)


def test_blocks_give_equal_values_in_all_digits(rng):
    X, y = rng.standard_normal((400, 6)), rng.integers(0, 2, 400)
    X_val, y_val = rng.standard_normal((3000, 6)), rng.integers(0, 2, 3000)
    one = values(X, y, X_val, y_val)
    with sklearn.config_context(working_memory=0.1):
        np.testing.assert_array_equal(values(X, y, X_val, y_val), one)


def test_all_validation_samples_are_never_a_block(monkeypatch, rng):
    shapes, plain = [], kernel._ascending

    def recorded(D, bound):
        shapes.append(D.shape)
        return plain(D, bound)

    monkeypatch.setattr(kernel, "_ascending", recorded)
    X, y = rng.standard_normal((2000, 3)), rng.integers(0, 2, 2000)
    with sklearn.config_context(working_memory=1):
        values(X, y, X[:500] + 1, y[:500])
    assert {n for _, n in shapes} == {2000}
    assert sum(rows for rows, _ in shapes) == 500
    assert max(rows for rows, _ in shapes) * 2000 * 64 <= 2**20


def test_values_sum_to_the_accuracy(rng):
    X, y = rng.standard_normal((50, 3)), rng.integers(0, 2, 50)
    X_val, y_val = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    D = cdist(X_val, X)
    for n_neighbors in (1, 7, 80):
        utility = oracles.knn_utility(range(50), D, y, y_val, n_neighbors)
        assert values(X, y, X_val, y_val, n_neighbors).sum() == pytest.approx(float(utility))


def test_closed_form():
    """One neighbor, one validation sample: 1/n for the last, and -1/(i (i + 1)) where m falls."""
    got = values([[1.0], [2.0], [3.0]], [0, 1, 0], [[0.0]], [0], n_neighbors=1)
    np.testing.assert_allclose(got, [1 / 3 - 1 / 2 + 1, 1 / 3 - 1 / 2, 1 / 3])


def test_ties_go_to_the_lowest_index():
    X, y = [[0.1], [0.1], [0.3]], [0, 1, 1]
    got = values(X, y, [[0.0]], [0], n_neighbors=1)
    np.testing.assert_allclose(got, [1, 0, 0])
    got = values(X, y[::-1], [[0.0]], [0], n_neighbors=1)
    np.testing.assert_allclose(got, [-1 / 6, -1 / 6, 1 / 3])


def test_keep(rng):
    X, y = rng.standard_normal((80, 3)), rng.integers(0, 2, 80)
    of = {"X_val": rng.standard_normal((40, 3)), "y_val": rng.integers(0, 2, 40)}
    high = KNNShapley(10, stratify=None).fit(X, y, **of)
    low = KNNShapley(10, stratify=None, keep="low").fit(X, y, **of)
    np.testing.assert_array_equal(high.scores_, low.scores_)
    np.testing.assert_array_equal(
        high.sample_indices_, np.argsort(-high.scores_, kind="stable")[:10]
    )
    np.testing.assert_array_equal(low.sample_indices_, np.argsort(low.scores_, kind="stable")[:10])
    without = clone(low).set_params(exclude=low.sample_indices_[:3]).fit(X, y, **of)
    np.testing.assert_array_equal(without.scores_, low.scores_)
    np.testing.assert_array_equal(without.sample_indices_[:7], low.sample_indices_[3:])
    X_small, y_small = low.fit_resample(X, y, **of)
    np.testing.assert_array_equal(X_small, X[low.sample_indices_])
    np.testing.assert_array_equal(y_small, y[low.sample_indices_])


def test_samples_of_weight_0_are_absent(rng):
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    weight = rng.integers(0, 3, 60).astype(float)
    of = {"X_val": rng.standard_normal((20, 3)), "y_val": rng.integers(0, 2, 20)}
    got = KNNShapley(20).fit(X, y, sample_weight=weight, **of)
    assert np.isnan(got.scores_[weight == 0]).all()
    rest = KNNShapley(20).fit(X[weight > 0], y[weight > 0], **of)
    np.testing.assert_array_equal(got.scores_[weight > 0], rest.scores_)


def test_wrong_labels_have_the_lowest_values():
    X, y = load_digits(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, test_size=300, random_state=0)
    wrong = np.random.default_rng(0).choice(len(y), 100, replace=False)
    y[wrong] = (y[wrong] + 1) % 10
    sampler = KNNShapley(100, keep="low", stratify=None)
    found = sampler.fit(X, y, X_val=X_val, y_val=y_val).sample_indices_
    assert np.isin(found, wrong).mean() > 0.8


X4, Y4 = np.arange(8.0).reshape(4, 2), ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        ({}, "KNNShapley requires X_val and y_val. Pass validation samples"),
        ({"X_val": X4}, "KNNShapley requires y_val. Pass"),
        ({"y_val": Y4}, "KNNShapley requires X_val. Pass"),
        ({"X_val": X4, "y_val": ["a", "b", "a", "c"]}, "y_val contains ['c'], but all labels"),
        ({"X_val": X4, "y_val": [0.5, 1, 2, 3]}, "y_val contains no class labels"),
        ({"X_val": X4, "y_val": Y4[:3]}, "inconsistent numbers of samples: [4, 3]"),
        ({"X_val": X4[:, :1], "y_val": Y4}, "X_val: X has 1 features, but KNNShapley is expecting"),
        ({"X_val": X4 * np.nan, "y_val": Y4}, "X_val: Input X contains NaN"),
        ({"y": None, "X_val": X4, "y_val": Y4}, "KNNShapley requires y to be passed"),
        (
            {"y": [0.1, 0.2, 0.3, 0.4], "X_val": X4, "y_val": Y4},
            "requires class labels, but y is continuous",
        ),
    ],
)
def test_errors(fit, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        KNNShapley(2).fit(**{"X": X4, "y": Y4} | fit)


def test_parameters():
    for params in ({"n_neighbors": 0}, {"keep": "all"}, {"metric": "precomputed"}):
        with pytest.raises(ValueError, match=next(iter(params))):
            KNNShapley(2, **params).fit(X4, Y4, X_val=X4, y_val=Y4)
    assert KNNShapley().__sklearn_tags__().sampler_tags.purposes == ("cleaning",)
