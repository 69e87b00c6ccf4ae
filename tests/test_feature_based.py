"""FeatureBased: the greedy picks by the definition of the function, dense and sparse."""

import re

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.utils.estimator_checks import (
    check_fit2d_1sample,
    check_positive_only_tag_during_fit,
)

from skcoreset import FeatureBased
from skcoreset._kernels.feature_sums import FeatureSums
from skcoreset._kernels.greedy import greedy

CONCAVE = ["sqrt", "log", "ratio"]


def counts(n=60, d=12, seed=0):
    return np.random.default_rng(seed).poisson(0.6, (n, d)).astype(float)


@pytest.mark.parametrize("concave", CONCAVE)
@pytest.mark.parametrize("init", [(), (7,), (50, 3, 21)])
@pytest.mark.parametrize("of", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_the_plain_loop(concave, init, of):
    for seed in range(3):
        X = counts(seed=seed)
        picks, gains = oracles.feature_based(X, 25, concave, init)
        got = FeatureBased(25, concave=concave, init=init or None).fit(of(X))
        np.testing.assert_array_equal(got.sample_indices_, picks)
        np.testing.assert_allclose(got.gains_, gains, rtol=1e-10, atol=1e-12)


def test_lazy_is_naive():
    X = sparse.csr_array(np.maximum(np.random.default_rng(1).random((2000, 80)) - 0.9, 0))
    lazy, naive = (greedy(FeatureSums(X, "sqrt"), 60, optimizer=o) for o in ("lazy", "naive"))
    np.testing.assert_array_equal(lazy[0], naive[0])
    np.testing.assert_array_equal(lazy[1], naive[1])


def test_closed_form():
    """Disjoint features: the gains are g of the values, in descending order."""
    values = np.array([4.0, 1.0, 9.0, 0.0, 9.0])
    got = FeatureBased(5).fit(np.diag(values))
    assert got.sample_indices_.tolist() == [2, 4, 0, 1, 3]
    np.testing.assert_allclose(got.gains_, [3, 3, 2, 1, 0])
    same = FeatureBased(3, concave="ratio").fit(np.ones((4, 1)))  # g(j + 1) - g(j)
    np.testing.assert_allclose(same.gains_, [1 / 2, 1 / 6, 1 / 12])
    same = FeatureBased(3, concave="log").fit(np.ones((4, 1)))
    np.testing.assert_allclose(same.gains_, np.log([2, 3 / 2, 4 / 3]))


def test_gains_do_not_cancel():
    """A count of 1e-6 beside sums of 1e12: the gain keeps its digits."""
    X = np.array([[1e12, 0.0], [1e-6, 0.0], [3e-6, 0.0], [2e-6, 0.0]])
    for concave, factor in (("sqrt", 1 / 2e6), ("log", 1e-12), ("ratio", 1e-24)):
        got = FeatureBased(4, concave=concave).fit(X)
        assert got.sample_indices_.tolist() == [0, 2, 3, 1]
        np.testing.assert_allclose(got.gains_[1:], factor * X[[2, 3, 1], 0], rtol=1e-10)


def test_each_class_is_a_function_of_its_own():
    X, y = counts(), np.arange(60) % 2
    got = FeatureBased(20).fit(X, y)
    for label in (0, 1):
        expected, gains = oracles.feature_based(X[y == label], 10)
        mine = y[got.sample_indices_] == label
        np.testing.assert_array_equal(
            got.sample_indices_[mine], np.flatnonzero(y == label)[expected]
        )
        np.testing.assert_allclose(got.gains_[mine], gains)


def test_weights_do_not_select_and_truncation_is_a_prefix():
    X, weight = counts(), np.random.default_rng(0).integers(0, 4, 60).astype(float)
    got = FeatureBased(12).fit(X, sample_weight=weight)
    present = np.flatnonzero(weight)
    np.testing.assert_array_equal(
        got.sample_indices_, present[FeatureBased(12).fit(X[present]).sample_indices_]
    )
    np.testing.assert_allclose(
        got.sample_weight_,
        weight[got.sample_indices_] * weight.sum() / weight[got.sample_indices_].sum(),
    )
    short, fresh = got.truncate(5), FeatureBased(5).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(short.sample_indices_, fresh.sample_indices_)
    np.testing.assert_allclose(short.sample_weight_, fresh.sample_weight_)
    np.testing.assert_array_equal(short.gains_, fresh.gains_)


def test_blocks_and_dtypes_do_not_matter():
    X = counts(3000, 200)
    expected = FeatureBased(50).fit(X)
    with sklearn.config_context(working_memory=0.1):
        for table in (X, X.astype(np.float32), X.astype(int), sparse.csr_matrix(X)):
            got = FeatureBased(50).fit(table)
            np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
            np.testing.assert_allclose(got.gains_, expected.gains_, rtol=1e-12)


def test_a_sparse_table_stays_sparse(monkeypatch):
    X = sparse.csr_array(counts())

    def dense(*args):
        raise AssertionError("the table is made dense")

    for name in ("toarray", "todense"):
        monkeypatch.setattr(sparse.csr_array, name, dense)
    assert FeatureBased(5).fit(X).get_support().sum() == 5


def test_samples_without_features_are_last():
    X = np.zeros((6, 3))
    X[4, 1], X[2, 0] = 1.0, 1.0
    assert FeatureBased(6).fit(X).sample_indices_.tolist() == [2, 4, 0, 1, 3, 5]
    assert FeatureBased(2).fit(sparse.csr_array((4, 3))).sample_indices_.tolist() == [0, 1]


def test_checks_of_scikit_learn_for_features_of_at_least_0():
    check_positive_only_tag_during_fit("FeatureBased", FeatureBased(0.5))
    check_fit2d_1sample("FeatureBased", FeatureBased(0.5))


@pytest.mark.parametrize("of", [np.asarray, sparse.csr_array])
def test_negative_values_are_named(of):
    X = counts()
    X[17, 3] = -0.5
    with pytest.raises(ValueError, match=re.escape("X has -0.5 in row 17 of column 3. Feature")):
        FeatureBased(5).fit(of(X))
    frame = pd.DataFrame(X, columns=[f"word {j}" for j in range(12)])
    with pytest.raises(ValueError, match="in row 17 of column 'word 3'"):
        FeatureBased(5).fit(frame)


def test_errors():
    with pytest.raises(ValueError, match="column 1 of X sum to infinity"):
        FeatureBased(1).fit([[1.0, 1e308], [1.0, 1e308]])
    with pytest.raises(ValueError, match="concave"):
        FeatureBased(1, concave="square").fit(counts())
    with pytest.raises(ValueError, match="outside 0 to 59"):
        FeatureBased(3, init=[60]).fit(counts())
    with pytest.raises(ValueError, match="init has 3 samples"):
        FeatureBased(2, init=[0, 1, 2]).fit(counts())
    assert FeatureBased().__sklearn_tags__().input_tags.positive_only
