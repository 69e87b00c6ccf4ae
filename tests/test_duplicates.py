"""NearDuplicates: the plain loop, its promises about distances, and the report of the groups."""

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import pairwise_distances

from skcoreset import NearDuplicates
from skcoreset._kernels import duplicates

FLOATS = load_digits().data[:300]
CHAIN = [[0.0], [0.9], [1.8], [10.0]]


def all_distances(X, metric):
    D = pairwise_distances(X.astype(np.float64), metric=metric)
    _, of = np.unique(X, axis=0, return_inverse=True)
    D[of[:, None] == of] = 0.0
    return D


def same(one, other):
    for name in ("sample_indices_", "sample_weight_", "group_ids_", "group_sizes_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_allclose(one.distances_, other.distances_, rtol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("quantile", [0.0, 0.002, 0.02, 0.2, 0.6])
@pytest.mark.parametrize("table", ["iris", "digits", "float32", "far from zero"])
def test_equals_the_plain_loop(table, quantile, metric, rng):
    X = load_iris().data if table == "iris" else FLOATS
    X = X.astype(np.float32) if table == "float32" else X
    X = X + 2.0**20 if table == "far from zero" else X
    D = all_distances(X, metric)
    radius = np.quantile(D, quantile) if quantile else 0.0
    for order in (None, rng.integers(9, size=len(X))):
        got = NearDuplicates(radius, metric=metric, order=order).fit(X)
        selected, assigned = oracles.near_duplicates(D, radius, order)
        np.testing.assert_array_equal(got.sample_indices_, selected)
        np.testing.assert_array_equal(got.group_ids_, assigned)
        distances = D[np.arange(len(X)), assigned]
        np.testing.assert_allclose(got.distances_, distances, rtol=1e-6, atol=1e-9)


def test_closed_form():
    got = NearDuplicates(1.0).fit(CHAIN)
    np.testing.assert_array_equal(got.sample_indices_, [0, 2, 3])
    np.testing.assert_array_equal(got.group_ids_, [0, 0, 2, 3])
    # a sample at the same distance from two belongs to the one that is visited first
    tie = NearDuplicates(1.0, order=[1, 0, 2]).fit([[0.0], [1.0], [2.0]])
    np.testing.assert_array_equal(tie.sample_indices_, [2, 0])
    np.testing.assert_array_equal(tie.group_ids_, [0, 2, 2])
    np.testing.assert_array_equal(tie.sample_weight_, [2.0, 1.0])


def test_the_radius_is_inclusive_up_to_rounding():
    steps = 0.1 * np.arange(4)[:, None]  # 0.3 is 0.30000000000000004
    assert len(NearDuplicates(0.3).fit(steps).sample_indices_) == 1
    assert len(NearDuplicates(0.3 - 1e-9).fit(steps).sample_indices_) == 2


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_promises_of_the_distances(metric, rng):
    X = rng.standard_normal((400, 30)) * 0.7 ** np.arange(30)
    D = pairwise_distances(X, metric=metric)
    for radius in np.quantile(D, [0.001, 0.05, 0.3]):
        at = NearDuplicates(radius, metric=metric).fit(X).sample_indices_
        among = D[np.ix_(at, at)] + np.diag(np.full(len(at), np.inf))
        assert among.min() > radius
        assert D[:, at].min(axis=1).max() <= radius


def test_radius_0_selects_the_distinct_samples(rng):
    for X in (
        rng.integers(3, size=(200, 4)),
        rng.integers(2, size=(50, 3)).astype(bool),
        rng.integers(3, size=(200, 4)) * 1e-320,
        rng.integers(3, size=(200, 4)) * np.float32(1e38),
    ):
        first = np.sort(np.unique(X, axis=0, return_index=True)[1])
        for container in (np.asarray, pd.DataFrame, sparse.csc_array):
            got = NearDuplicates(0).fit(container(X))
            np.testing.assert_array_equal(got.sample_indices_, first)
    signs = NearDuplicates(0).fit([[0.0, 1.0], [-0.0, 1.0]])
    np.testing.assert_array_equal(signs.group_ids_, [0, 0])
    stored = sparse.csr_array((np.array([0.0, 1.0, 1.0]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    np.testing.assert_array_equal(NearDuplicates(0).fit(stored).group_ids_, [0, 0])
    assert stored.nnz == 3  # the table of the user does not change


def test_empty_rows_are_copies_under_cosine():
    X = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [2.0, 4.0]])
    for container in (np.asarray, sparse.csr_array):
        got = NearDuplicates(1e-6, metric="cosine").fit(container(X))
        np.testing.assert_array_equal(got.group_ids_, [0, 1, 0, 1])


def test_any_number_of_copies(rng):
    X = np.repeat(rng.standard_normal((5, 12)), 400, axis=0)
    got = NearDuplicates(1e-3).fit(X + 1e-6 * rng.standard_normal(X.shape))
    np.testing.assert_array_equal(got.group_sizes_, np.full(5, 400))
    np.testing.assert_array_equal(got.sample_indices_, np.arange(0, 2000, 400))


def test_the_automatic_radius_is_a_fraction_of_the_median(rng):
    X = rng.standard_normal((150, 8))
    D = pairwise_distances(X) + np.diag(np.full(150, np.inf))
    radius = 0.13 * np.median(D.min(axis=1))
    assert NearDuplicates().fit(X).radius_ == pytest.approx(radius, rel=1e-12)
    copies = np.concatenate([X, X, X[:50]])
    for stratify in (None, "proportional"):
        sampler = NearDuplicates(stratify=stratify).fit(copies, np.arange(350) % 3)
        assert sampler.radius_ == pytest.approx(radius, rel=1e-12)
    assert NearDuplicates().fit(np.ones((4, 2))).radius_ == 0.0


def test_result_depends_on_neither_blocks_nor_search(monkeypatch, rng):
    X = rng.standard_normal((3000, 14)) * 0.6 ** np.arange(14)
    X[rng.integers(3000, size=500)] = X[:500] + 1e-4
    here = NearDuplicates(0.4).fit(X)
    assert 500 < len(here.sample_indices_) < 2900
    same(here, NearDuplicates(0.4).fit(sparse.csr_array(X)))
    with sklearn.config_context(working_memory=1):
        same(here, NearDuplicates(0.4).fit(X))
    monkeypatch.setattr(duplicates, "MOST_QUERIES", 7)
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 50)
    same(here, NearDuplicates(0.4).fit(X))
    monkeypatch.setattr(duplicates, "MANY", 10**9)  # all distances are computed
    same(here, NearDuplicates(0.4).fit(X))


def test_weights_are_sums_over_the_groups(rng):
    X, y = FLOATS, load_digits().target[:300]
    weight = rng.integers(0, 4, size=300).astype(float)
    got = NearDuplicates(22.0).fit(X, y, sample_weight=weight)
    present = np.flatnonzero(weight)
    assert set(np.flatnonzero(got.group_ids_ < 0)) == set(np.flatnonzero(weight == 0))
    sums = [weight[got.group_ids_ == i].sum() for i in got.sample_indices_]
    np.testing.assert_allclose(got.sample_weight_, sums)
    there = NearDuplicates(22.0).fit(X[present])
    np.testing.assert_array_equal(got.sample_indices_, present[there.sample_indices_])
    assert np.isnan(got.distances_[weight == 0]).all()


def test_classes_separately_or_mixed_groups():
    X = [[0.0], [0.1], [5.0], [0.2], [5.1], [9.0]]
    y = ["a", "b", "a", "a", "a", "b"]
    together = NearDuplicates(0.5).fit(X, y)
    np.testing.assert_array_equal(together.group_ids_, [0, 0, 2, 0, 2, 5])
    np.testing.assert_array_equal(together.mixed_groups_, [0])
    apart = NearDuplicates(0.5, stratify="proportional").fit(X, y)
    np.testing.assert_array_equal(apart.group_ids_, [0, 1, 2, 0, 2, 5])
    assert len(apart.mixed_groups_) == 0
    assert apart.sampling_strategy_ == {"a": 2, "b": 2}
    assert not hasattr(NearDuplicates(0.5).fit(X, [0.5, 1, 2, 3, 4, 5]), "mixed_groups_")


def test_report_of_the_groups():
    X = [[5.0], [0.3], [0.0], [9.0], [0.1], [5.0]]
    frame = NearDuplicates(0.5).fit(X).to_frame(y=list("abcdef"))
    np.testing.assert_array_equal(frame["group"], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(frame["sample"], [0, 5, 1, 4, 2])
    np.testing.assert_array_equal(frame["selected"], [True, False, True, False, False])
    np.testing.assert_allclose(frame["distance"], [0, 0, 0, 0.2, 0.3])
    assert list(frame["label"]) == list("afbec")
    assert len(NearDuplicates(0.05).fit(X).to_frame()) == 2
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        NearDuplicates().fit(X).to_frame(y=[1, 2])


def test_selected_rows_of_a_dataframe():
    frame = pd.DataFrame({"a": [1.0, 1.0, 3.0], "b": [0, 0, 1]}, index=list("xyz"))
    X, y = NearDuplicates(0).fit_resample(frame, pd.Series([1, 1, 0], index=list("xyz")))
    assert list(X.index) == ["x", "z"]
    assert list(y) == [1, 0]


def test_errors():
    X = np.array(CHAIN)
    with pytest.raises(ValueError, match="NaN"):
        NearDuplicates(0).fit(np.where(X == 1.8, np.nan, X))
    for radius in (np.inf, np.nan, -1.0, "automatic"):
        with pytest.raises(ValueError, match="The 'radius' parameter"):
            NearDuplicates(radius).fit(X)
    with pytest.raises(ValueError, match=r"order has the shape \(3,\)"):
        NearDuplicates(1.0, order=[1, 2, 3]).fit(X)
    with pytest.raises(ValueError, match="Input order contains NaN"):
        NearDuplicates(1.0, order=[1, 2, 3, np.nan]).fit(X)
    with pytest.raises(ValueError, match="follows from the radius"):
        NearDuplicates(1.0).fit(X).truncate(2)
    assert clone(NearDuplicates(1.0, order=[1, 2, 3, 4])).get_params()["order"] == [1, 2, 3, 4]
    assert NearDuplicates().__sklearn_tags__().sampler_tags.purposes == ("cleaning",)
