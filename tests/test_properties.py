"""The contract over drawn tables, targets, weights, containers and parameters (hypothesis)."""

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samplers import (
    DYNAMIC,
    HONESTLY_FEWER,
    LABEL_FREE,
    ONE_FACTOR,
    SAMPLERS,
    VARIANTS,
    name_of,
    params_of,
)
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.tree import DecisionTreeClassifier

from skcoreset import FacilityLocation, KCenterGreedy

EXAMPLES = 200
WITHOUT_LABELS = [
    s
    for s in SAMPLERS + VARIANTS
    if name_of(s) in {name_of(free) for free in LABEL_FREE}
    and getattr(s, "sensitivity", None) not in {"loss", "gradient"}
]
LABEL_FREE_NAMES = {name_of(sampler) for sampler in LABEL_FREE}
WATCHED_NAMES = {name_of(sampler) for sampler in DYNAMIC if hasattr(sampler, "dynamics")}

# Each estimator works on columns of any scale, so that what is tested are the samplers.
ESTIMATORS = [
    make_pipeline(MaxAbsScaler(), LogisticRegression(C=0.1)),
    BernoulliNB(),
    DecisionTreeClassifier(max_depth=2, random_state=0),
]
# The last layer of these, and its gradients in the columns, are known; the others have none.
WITH_GRADIENTS = {"CRAIG", "GradMatch", "ImportanceSampling", "DeepFool"}

ordinary = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def tables(draw):
    """A table of numbers as they come: offsets, scales, sentinels, duplicates, constant columns."""
    n, d = draw(st.integers(8, 24)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["normal", "small integers", "uniform"]))
    if kind == "normal":
        X = rng.normal(size=(n, d))
    elif kind == "uniform":
        X = rng.random((n, d))
    else:
        X = rng.integers(0, 4, (n, d)).astype(float)
    for column in range(d):
        X[:, column] *= draw(st.sampled_from([1.0, 1.0, 1e-3, 1e5]))
        X[:, column] += draw(st.sampled_from([0.0, 0.0, 2000.0, -1e6]))
        share = draw(st.sampled_from([0.0, 0.0, 0.05, 0.6]))
        X[rng.random(n) < share, column] = draw(st.sampled_from([1e8, -99999999.0, -999.0]))
    if draw(st.booleans()):
        X = X[rng.integers(0, n, n)]
    if draw(st.booleans()):
        X[:, draw(st.integers(0, d - 1))] = draw(st.sampled_from([0.0, 1e8]))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    return X.astype(dtype)


@st.composite
def labels(draw, n):
    """Labels of 2 or 3 classes, each present at least twice, as people write them."""
    n_classes = draw(st.integers(2, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    codes = np.concatenate([np.arange(n_classes), np.arange(n_classes)])
    codes = np.concatenate([codes, rng.integers(0, n_classes, n - len(codes))])
    codes = rng.permutation(codes)
    kind = draw(st.sampled_from(["integers", "strings", "objects", "series", "categories"]))
    names = np.array(["no", "perhaps", "yes"])[codes]
    return {
        "integers": codes * 7 - 3,
        "strings": names,
        "objects": names.astype(object),
        "series": pd.Series(names),
        "categories": pd.Series(pd.Categorical(names)),
    }[kind]


@st.composite
def targets(draw, n, label_free):
    kinds = ["labels"] * 3 + (["none", "continuous", "two outputs"] if label_free else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "none":
        return None
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    if kind == "continuous":
        return rng.normal(size=n)
    if kind == "two outputs":
        return rng.normal(size=(n, 2))
    return draw(labels(n))


@st.composite
def sample_weights(draw, n, scales):
    kind = draw(st.sampled_from(["none", "none", "positive", "some zero", "scaled"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    if kind == "none":
        return None
    if kind == "positive":
        return rng.random(n) + 0.1
    if kind == "some zero":
        weight = rng.integers(0, 3, n).astype(float)
        weight[: n // 2] += 1
        return weight
    return np.full(n, draw(st.sampled_from(scales)))


def in_container(X, kind):
    names = [f"f{i}" for i in range(X.shape[1])]
    return {
        "array": lambda: X,
        "fortran": lambda: np.asfortranarray(X),
        "list": lambda: X.astype(float).tolist(),
        "pandas": lambda: pd.DataFrame(X, columns=names, index=[f"row {i}" for i in range(len(X))]),
        "polars": lambda: pl.DataFrame(dict(zip(names, X.T, strict=True))),
        "pyarrow": lambda: pa.table(dict(zip(names, X.T, strict=True))),
        "csr_array": lambda: sparse.csr_array(X),
        "csc_matrix": lambda: sparse.csc_matrix(X),
        "parts": lambda: in_parts(X),
    }[kind]()


def in_parts(X):
    """A csr matrix that holds each entry in two parts, and its indices unsorted."""
    whole = sparse.csr_matrix(X)
    indices = np.concatenate(
        [row[::-1].repeat(2) for row in np.split(whole.indices, whole.indptr[1:-1])]
    )
    data = np.concatenate([row[::-1].repeat(2) for row in np.split(whole.data, whole.indptr[1:-1])])
    return sparse.csr_matrix((data / 2, indices, 2 * whole.indptr), shape=X.shape)


CONTAINERS = [
    "array",
    "fortran",
    "list",
    "pandas",
    "polars",
    "pyarrow",
    "csr_array",
    "csc_matrix",
    "parts",
]


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)


def present(y, weight):
    """Labels of the samples that count, as a list; None without classes."""
    if y is None or np.ndim(y) == 2 or (isinstance(y, np.ndarray) and y.dtype.kind == "f"):
        return None
    y = np.asarray(y)
    return (y if weight is None else y[weight > 0]).tolist()


def fit_resample(sampler, X, y, weight):
    """`fit_resample` of a clone, without what an estimator warns of while it is fitted."""
    sampler = clone(sampler)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* fewer than the budget of")
        warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
        return sampler, sampler.fit_resample(X, y, sample_weight=weight)


def drawn_sampler(draw, sampler, n_present):
    sampler = clone(sampler)
    size = draw(st.one_of(st.integers(1, n_present), st.floats(0.05, 1.0)))
    params = {"coreset_size": size}
    if "stratify" in sampler.get_params():
        params["stratify"] = draw(st.sampled_from(["proportional", "balanced", None]))
    if sampler.get_params().get("estimator", 0) is None and name_of(
        sampler
    ) not in WITH_GRADIENTS | WATCHED_NAMES | {"UncertaintyHerding"}:
        params["estimator"] = draw(st.sampled_from(ESTIMATORS))
    elif name_of(sampler) == "UncertaintyHerding" or (
        name_of(sampler) in WITH_GRADIENTS and "estimator" in sampler.get_params()
    ):  # some are uncertain of no sample
        params["estimator"] = ESTIMATORS[0]
    elif name_of(sampler) in WATCHED_NAMES:
        params["estimator"] = None
    return sampler.set_params(**params)


def with_models_of(fitted, sampler):
    """The sampler with the models of a fitted one, which select the same and need no fit."""
    if hasattr(fitted, "dynamics_"):
        return clone(sampler).set_params(dynamics=fitted.dynamics_)
    if hasattr(fitted, "estimator_") and name_of(sampler) != "BlackBoxTeaching":
        return clone(sampler).set_params(estimator=FrozenEstimator(fitted.estimator_))
    return sampler


@pytest.mark.parametrize("sampler", SAMPLERS, ids=params_of)
@ordinary
@given(data=st.data())
def test_contract(sampler, data):
    X = data.draw(tables())
    n = len(X)
    label_free = name_of(sampler) in LABEL_FREE_NAMES
    y = data.draw(targets(n, label_free))
    # An estimator is fitted with the weights as they are, and few take such extreme ones.
    weight = data.draw(sample_weights(n, [0.1, 0.3, 1e-200, 1e200] if label_free else [0.1, 0.3]))
    if weight is not None and not (weight > 0).any():
        return
    counted = present(y, weight)
    if counted is not None and len(set(counted)) < 2:
        return
    n_present = n if weight is None else int((weight > 0).sum())
    sampler = drawn_sampler(data.draw, sampler, n_present)
    size = sampler.coreset_size
    size = size if isinstance(size, int) else max(1, round(size * n_present))
    kind = data.draw(st.sampled_from(CONTAINERS))
    container = in_container(X, kind)
    stratify = sampler.get_params().get("stratify", "proportional")
    if counted is not None and stratify is not None and size < len(set(counted)):
        with pytest.raises(ValueError, match="at least"):
            fit_resample(sampler, container, y, weight)
        return
    got, (X_out, y_out) = fit_resample(sampler, container, y, weight)
    kept = got.sample_indices_

    # Size, distinct samples, and those of weight 0 left out.
    assert len(set(kept.tolist())) == len(kept)
    assert len(kept) == size or (name_of(sampler) in HONESTLY_FEWER and 1 <= len(kept) < size)
    assert weight is None or (weight[kept] > 0).all()
    # Weights: positive, and their sum that of the samples.
    total = n if weight is None else weight.sum()
    assert (got.sample_weight_ > 0).all()
    assert got.sample_weight_.sum() == pytest.approx(total)
    # Class proportions.
    if counted is not None:
        y_kept = np.asarray(y)[kept].tolist()
        counts = Counter(y_kept)
        assert got.sampling_strategy_ == {label: counts[label] for label in got.classes_.tolist()}
        if stratify is not None:
            assert set(y_kept) == set(counted)
        if stratify is not None and name_of(sampler) not in ONE_FACTOR:
            of_all = np.ones(n) if weight is None else weight
            for label in set(counted):
                mine = got.sample_weight_[np.asarray(y)[kept] == label].sum()
                assert mine == pytest.approx(of_all[np.asarray(y) == label].sum())
    # The user's own containers.
    assert type(X_out) is type(container)
    np.testing.assert_array_equal(dense(X_out), np.asarray(X, dtype=float)[kept])
    assert y is None or type(y_out) is type(y)
    assert y is not None or y_out is None
    if hasattr(got, "scores_"):
        assert got.scores_.shape == (n,)
        counts_for = slice(None) if weight is None else weight > 0
        assert not np.isnan(got.scores_[counts_for]).any()

    # The same samples again, whatever the memory and, in float64, the container. Estimators may
    # predict otherwise from a sparse matrix.
    # Its default proxy loses the digits of sparse features far from zero.
    as_it_is = not label_free or X.dtype != np.float64 or name_of(sampler) == "Coreset"
    other = container if as_it_is else X
    with sklearn.config_context(working_memory=1):
        again, _ = fit_resample(with_models_of(got, sampler), other, y, weight)
    np.testing.assert_array_equal(again.sample_indices_, kept)


@st.composite
def numeric_cases(draw):
    X = draw(tables())
    return X, draw(st.integers(1, len(X)))


@ordinary
@given(case=numeric_cases(), kind=st.sampled_from(["array", "csr_array", "parts"]))
def test_covering_radius_is_true(case, kind):
    X, size = case
    got = KCenterGreedy(size).fit(in_container(X, kind))
    exact = X.astype(float)
    D = cdist(exact, exact[got.sample_indices_])
    eps = float(np.finfo(X.dtype).eps)
    for k in range(1, size + 1):
        radius = D[:, :k].min(axis=1).max()
        assert got.radii_[k - 1] == pytest.approx(radius, rel=max(8 * eps, 1e-12), abs=1e-300)
    assert got.radius_ == got.radii_[-1]
    assert got.radius_ == pytest.approx(radius, rel=16 * eps, abs=1e-300)
    cells = np.bincount(D.argmin(axis=1), minlength=size)
    assert got.sample_weight_.sum() == pytest.approx(cells.sum())


@ordinary
@given(case=numeric_cases(), kind=st.sampled_from(["array", "csr_array", "parts"]))
def test_facility_location_gains_are_true(case, kind):
    X, size = case
    got = FacilityLocation(size).fit(in_container(X, kind))
    exact = X.astype(float)
    D = cdist(exact, exact)
    S = D.max() - D
    values = np.array(
        [0.0] + [S[:, got.sample_indices_[:k]].max(axis=1).sum() for k in range(1, size + 1)]
    )
    eps = float(np.finfo(X.dtype).eps)
    gains = np.diff(values)
    np.testing.assert_allclose(got.gains_, gains, rtol=0, atol=64 * eps * values[1])
    # Greedy: no other sample would have added more, but for ties.
    best = S.sum(axis=0).max()
    assert gains[0] >= best * (1 - max(2.0**-38, 64 * eps))


@pytest.mark.parametrize(
    "sampler",
    WITHOUT_LABELS,
    ids=params_of,
)
@settings(ordinary, max_examples=60)
@given(data=st.data())
def test_sample_weights_times_a_constant(sampler, data):
    X = data.draw(tables())
    n = len(X)
    weight = np.random.default_rng(data.draw(st.integers(0, 99))).integers(1, 4, n).astype(float)
    sampler = clone(sampler).set_params(coreset_size=data.draw(st.integers(1, n)), stratify=None)
    if getattr(sampler, "sensitivity", None) == "leverage" and not X.any():
        return  # the leverage of every sample is 0, which is an error
    one, _ = fit_resample(sampler, X, None, weight)
    factor = data.draw(st.sampled_from([0.1, 0.3, 1e-12, 1e-200, 1e200]))
    other, _ = fit_resample(sampler, X, None, weight * factor)
    np.testing.assert_array_equal(one.sample_indices_, other.sample_indices_)
    np.testing.assert_allclose(other.sample_weight_, one.sample_weight_ * factor)
