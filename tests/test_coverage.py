"""Moderate against exact arithmetic: tables that are far from zero, weights of any scale."""

import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from sklearn.metrics import pairwise_distances

from skcoreset import Moderate

TABLES = {
    "plain": lambda rng: rng.standard_normal((42, 4)),
    "far from zero": lambda rng: rng.standard_normal((42, 4)) + 1e6,
    "a sentinel": lambda rng: np.where(
        (rng.random((42, 1)) < 0.6) & (np.arange(4) % 2 == 0), -99999999, rng.random((42, 4))
    ),
    "sentinels here and there": lambda rng: np.where(
        rng.random((42, 4)) < 0.3, 1e8, rng.random((42, 4))
    ),
    "a row far out": lambda rng: np.vstack([rng.standard_normal((41, 4)), np.full((1, 4), 1e8)]),
    "columns of all scales": lambda rng: (
        rng.standard_normal((42, 4)) * 10.0 ** np.array([-20, -3, 0, 20])
    ),
    "mostly zeros": lambda rng: np.where(
        rng.random((42, 6)) < 0.2, rng.standard_normal((42, 6)), 0
    ),
    "a year beside zeros": lambda rng: np.column_stack(
        [
            rng.integers(2000, 2020, 42),
            np.where(rng.random((42, 5)) < 0.2, rng.standard_normal((42, 5)), 0),
        ]
    ),
    "rows three times": lambda rng: np.repeat(rng.standard_normal((14, 3)), 3, axis=0),
    "one column constant": lambda rng: np.column_stack(
        [np.full(42, 7.7), rng.standard_normal((42, 2))]
    ),
    "nearly the same": lambda rng: 0.1 + 1e-7 * rng.standard_normal((42, 3)),
}
each_table = pytest.mark.parametrize("name", TABLES)


def kept(X, k=12, weight=None, **params):
    return Moderate(k, stratify=None, **params).fit(X, sample_weight=weight).sample_indices_


@each_table
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equals_exact_arithmetic(name, dtype, weighted, rng):
    """Up to a few units in the last place of the distances that are compared."""
    X = TABLES[name](rng).astype(dtype)
    weight = rng.integers(1, 4, len(X)) if weighted else np.ones(len(X))
    apart, distances = oracles.moderate(X, weight)
    expected = sorted(range(len(X)), key=lambda i: apart[i])[:12]
    got = kept(X, weight=weight)
    assert len(set(got)) == 12
    for here, there in zip(got, expected, strict=True):
        last_places = float((apart[here] - apart[there]) / max(distances[here], distances[there]))
        assert abs(last_places) <= 32 * 2.0**-52


@each_table
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_same_rows_of_float32_of_csr_and_in_blocks(name, metric, rng):
    single = TABLES[name](rng).astype("float32")
    weight = rng.integers(1, 4, len(single)) * 0.1
    expected = kept(single, weight=weight, metric=metric)
    double = single.astype("float64")
    for X in (
        double,
        sparse.csr_array(single),
        sparse.csr_array(double),
        sparse.csc_matrix(double),
    ):
        np.testing.assert_array_equal(kept(X, weight=weight, metric=metric), expected)
    for X in (single, sparse.csr_array(single)):
        with sklearn.config_context(working_memory=1e-4):
            np.testing.assert_array_equal(kept(X, weight=weight, metric=metric), expected)


def test_one_row_far_out_does_not_blur_the_others(rng):
    """Their distances tied once, at ten digits of the largest one, in float32 at five."""
    X = rng.standard_normal((2000, 9))
    X[:40] *= 1e4
    X = X.astype("float32")
    distances = np.linalg.norm(X.astype(float) - X.mean(axis=0, dtype=float), axis=1)
    apart = np.abs(distances - np.median(distances))
    np.testing.assert_array_equal(kept(X, 100), np.argsort(apart)[:100])


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e20, 1e200, 2.0**1000])
def test_does_not_depend_on_the_unit(scale, rng):
    X = rng.standard_normal((200, 3))
    for metric in ("euclidean", "cosine"):
        expected = kept(X, metric=metric)
        np.testing.assert_array_equal(kept(X * scale, metric=metric), expected)
        np.testing.assert_array_equal(kept(sparse.csr_array(X * scale), metric=metric), expected)


@pytest.mark.parametrize("factor", [0.1, 0.3, 7.0, 1 / 3, 1e-12, 1e-200, 1e200, 1e-310])
@pytest.mark.parametrize("n", [2, 6, 10, 200])
def test_weights_times_a_constant_are_the_same_weights(n, factor, rng):
    """In a group of an even number of rows the median lies between two of them."""
    X = rng.standard_normal((n, 2))
    k = max(1, n // 4)
    np.testing.assert_array_equal(kept(X, k, np.full(n, factor)), kept(X, k))
    weight = rng.integers(1, 4, n).astype(float)
    np.testing.assert_array_equal(kept(X, k, weight * factor), kept(X, k, weight))
    repeated = np.repeat(np.arange(n), weight.astype(int))
    first = repeated[kept(X[repeated], 1)]
    np.testing.assert_array_equal(kept(X, 1, weight * factor), first)


@pytest.mark.parametrize("offset", [0, 1e6, -99999999])
def test_rows_that_tie_come_in_order(offset):
    """On a circle around the centre all are as far from it."""
    circle = np.array([[5, 0], [3, 4], [-4, 3], [-5, 0], [4, -3], [-3, -4]]) + offset
    np.testing.assert_array_equal(kept(circle, 6), np.arange(6))
    angle = 2 * np.pi * np.arange(12) / 12
    np.testing.assert_array_equal(
        kept(np.column_stack([np.cos(angle), np.sin(angle)]), 12), range(12)
    )


def test_cosine_far_from_zero(rng):
    """1 - cos has few digits there; the angles have all of them."""
    X = rng.standard_normal((100, 3)) + 1e6
    units = X.astype(np.longdouble)
    units /= np.sqrt((units**2).sum(axis=1))[:, None]
    mean = X.astype(np.longdouble).mean(axis=0)
    distances = ((units - mean / np.sqrt(mean @ mean)) ** 2).sum(axis=1) / 2
    apart = np.abs(distances - np.median(distances))
    got = kept(X, metric="cosine")
    np.testing.assert_allclose(apart[got], np.sort(apart)[:12], atol=1e-8 * np.median(distances))
    rough = pairwise_distances(X, X.mean(axis=0)[None], metric="cosine")[:, 0]
    assert np.abs(rough / distances - 1).max() > 1e-5


def test_cosine_of_rows_of_zeros_and_of_a_mean_of_zero():
    X = np.vstack([np.zeros((2, 2)), [[1, 0], [1, 0.1], [1, -0.2]]])
    np.testing.assert_array_equal(kept(X, 3, metric="cosine"), [4, 3, 2])
    np.testing.assert_array_equal(kept(X[2:] - X[2:].mean(axis=0), 3, metric="cosine"), [0, 1, 2])


@pytest.mark.parametrize(("metric", "row"), [("correlation", 7.0), ("braycurtis", 0.0)])
def test_a_metric_that_is_not_finite(metric, row, rng):
    X = rng.standard_normal((40, 3))
    X -= X[:20].mean(axis=0)
    X[:20] = np.round(X[:20]) - np.round(X[:20]).mean(axis=0)
    if metric == "braycurtis":
        X[:20] = np.tile([[1.0, 2, 3], [-1, -2, -3]], (10, 1))
        X[4:6] = 0
    else:
        X[4] = row
    y = np.repeat(["a", "b"], 20)
    message = f"metric='{metric}' is nan between sample 4 and the mean of the class a"
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        Moderate(10, metric=metric).fit(X, y)
    with pytest.raises(ValueError, match="is inf between sample 0 and the mean of all samples"):
        Moderate(10, metric=lambda a, b: np.inf).fit(X)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_entries_stored_in_parts(metric, rng):
    X = sparse.csr_array(np.where(rng.random((60, 5)) < 0.5, rng.standard_normal((60, 5)), 0))
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    got = kept(sparse.csr_array(halves, shape=X.shape), metric=metric)
    np.testing.assert_array_equal(got, kept(X, metric=metric))


def test_one_row_of_a_class_and_rows_of_weight_zero(rng):
    X, y = rng.standard_normal((30, 3)), np.array([0] * 29 + [1])
    assert Moderate(5).fit(X, y).sampling_strategy_ == {0: 4, 1: 1}
    weight = np.r_[np.ones(20), np.zeros(10)]
    np.testing.assert_array_equal(kept(X, 5, weight), kept(X[:20], 5))
