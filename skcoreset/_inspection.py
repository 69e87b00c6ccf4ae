"""What reports and displays share: the selection of a sampler, and numbers to measure it by."""

from dataclasses import dataclass
from numbers import Number

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline

from skcoreset._backend import holds_objects, missing_values, to_numpy
from skcoreset._features import transform_features
from skcoreset._nested import resampling_steps
from skcoreset._validation import check_finite_target, encode, naming_columns
from skcoreset.base import BaseCoreset

__all__ = [
    "Column",
    "Selection",
    "Target",
    "inner_sampler",
    "numeric_features",
    "read_column",
    "selection_of",
]


@dataclass(frozen=True)
class Selection:
    """The selected samples, each once, in order of selection."""

    name: str  # of the sampler, to be shown
    indices: np.ndarray
    weight: np.ndarray  # positive float64


def inner_sampler(sampler):
    """The fitted sampler of a meta-estimator or a search; any other object as it is."""
    best = getattr(sampler, "best_estimator_", sampler)
    return getattr(best, "sampler_", best)


def selection_of(sampler, n_samples, sample_weight=None):
    """The `Selection` of a fitted sampler.

    Parameters
    ----------
    sampler : object
        A fitted sampler, a meta-estimator with a fitted `sampler_`, a search for one, or a Pipeline
        of imbalanced-learn in which one or several steps resample.
    n_samples : int
        Number of samples of the table of the user.
    sample_weight : ndarray of shape (n_samples,), optional
        For a sampler without weights: the weights of the selected samples are proportional to it.
    """
    inner = inner_sampler(sampler)
    steps = resampling_steps(inner)
    if not steps or not all(hasattr(step, "sample_indices_") for step in steps):
        raise ValueError(
            f"{sampler!r} has no sample_indices_, the indices of the selected samples. Give a "
            "sampler that is fitted and selects samples of X."
        )
    indices = np.arange(_n_fitted(steps[0], n_samples))
    for step in steps:
        indices = indices[np.asarray(step.sample_indices_)]
    if len(indices) == 0:
        raise ValueError(f"{sampler!r} selected no sample.")
    fitted_on = getattr(steps[0], "n_samples_in_", None)
    if fitted_on not in (None, n_samples) or indices.max() >= n_samples:
        seen = f"on {fitted_on} samples" if fitted_on else "on more samples"
        raise ValueError(
            f"{_shown(inner)} was fitted {seen}, but X has {n_samples}. Give the X on which the "
            "sampler was fitted."
        )
    weight = getattr(steps[0], "sample_weight_", None) if len(steps) == 1 else None
    if weight is None:
        weight = np.ones(len(indices)) if sample_weight is None else sample_weight[indices]
    weight = np.asarray(weight, dtype=np.float64)
    if weight.min() < 0 or not weight.any():
        raise ValueError(
            f"{_shown(inner)} has weights that are negative or all zero, the smallest is "
            f"{weight.min()}. Only selections with positive weights can be compared."
        )
    indices, first, at = np.unique(indices, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    return Selection(_shown(inner), indices[order], np.bincount(at, weight)[order])


def _n_fitted(step, n_samples):
    return max(int(np.max(step.sample_indices_, initial=-1)) + 1, n_samples)


def _shown(sampler):
    if isinstance(sampler, Pipeline):
        return " + ".join(type(step).__name__ for step in resampling_steps(sampler))
    return type(sampler).__name__


@dataclass(frozen=True)
class Target:
    """The target of a table: class labels, or continuous values, or neither."""

    classes: np.ndarray | None = None
    codes: np.ndarray | None = None  # (n_samples,), position in `classes`
    values: np.ndarray | None = None  # (n_samples, n_outputs), float64

    @classmethod
    def of(cls, y, sampler):
        """The target `y`, as the fitted `sampler` has seen it.

        Whole numbers are continuous for a sampler that treats them so, or is part of a regressor;
        floats also for a sampler that knows no classes.
        """
        if y is None:
            return cls()
        y = check_finite_target(y)
        inner = inner_sampler(sampler)
        is_float = getattr(getattr(y, "dtype", None), "kind", "O") == "f"
        regression = hasattr(sampler, "__sklearn_tags__") and is_regressor(sampler)
        if isinstance(inner, BaseCoreset):
            fits_regressor = getattr(inner, "_is_regression", bool)
            regression |= inner._stratification() == "quantile" or fits_regressor()
        if not (regression or (is_float and not hasattr(inner, "classes_"))):
            codes, classes = encode(y)
            if classes is not None:
                return cls(classes, codes)
        values = np.asarray(y, dtype=np.float64)
        return cls(values=values.reshape(len(values), -1))


# Features ---------------------------------------------------------------------------------------


def numeric_features(owner, X, y, features, sample_weight, random_state):
    """The table by which distances are computed, an ndarray or csr of finite floats.

    Parameters
    ----------
    owner : object
        For errors: the object whose class the user called.
    X, y : table on the host, target of the user
    features : "auto", None or transformer
        As of `transform_features`. "auto" gives None for one object per sample, such as texts.
    sample_weight : ndarray of shape (n_samples,)
    random_state : RandomState
    """
    if features == "auto" and holds_objects(X):
        return None
    with naming_columns(X, owner):
        return to_numpy(transform_features(features, X, y, sample_weight, random_state)[0])


@dataclass(frozen=True)
class Column:
    """One column of a table, for comparisons of distributions."""

    name: object  # of the user; None if the table has no names
    numbers: np.ndarray | None = None  # float64, NaN is missing; None: categories
    codes: np.ndarray | None = None  # position of the category; missing values are one of these


def read_column(name, values):
    """The `Column` of the values of a dataframe or an array."""
    missing = missing_values(values)
    is_categorical = str(getattr(values, "dtype", "")).lower().startswith(("cat", "enum", "dict"))
    array = np.asarray(values)
    if not is_categorical:
        numbers = _as_floats(array, missing)
        if numbers is not None:
            return Column(name, numbers)
    shown = array.astype(object)
    if missing is not None:
        shown[missing] = None
    position = {}
    keys = [None if value is None or value != value else str(value) for value in shown.tolist()]
    codes = [position.setdefault(key, len(position)) for key in keys]
    return Column(name, codes=np.array(codes, dtype=np.intp))


def _as_floats(array, missing):
    """Numbers, dates or times as float64 with NaN for missing ones; None for anything else."""
    if array.dtype.kind in "biuf":
        numbers = array.astype(np.float64)
    elif array.dtype.kind in "mM":
        numbers = array.astype(np.int64).astype(np.float64)
    elif array.dtype.kind == "O":
        there = np.ones(len(array), dtype=bool) if missing is None else ~missing
        if not all(isinstance(value, Number) for value in array[there]):
            return None
        numbers = np.full(len(array), np.nan)
        numbers[there] = array[there].astype(np.float64)
    else:
        return None
    if missing is not None:
        numbers[missing] = np.nan
    return numbers
