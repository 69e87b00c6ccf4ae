"""A sampler inside another estimator: the rows of the user that it keeps, with their weights."""

import inspect
from contextlib import suppress

import numpy as np
import sklearn
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

from skcoreset._backend import take, to_numpy
from skcoreset._warnings import warn
from skcoreset.base import BaseCoreset

__all__ = ["needs_classes", "resampling_steps", "select", "takes_weight"]


def select(sampler, X, y, sample_weight, asked_by, weighted=False):
    """Fit `sampler`; return the rows of `X` and `y` that it kept, and their weights or None.

    The rows are those of the user, by `sample_indices_`, whatever the sampler made of the columns.

    Parameters
    ----------
    sampler : object with fit_resample
        Fitted in place. In a Pipeline of imbalanced-learn the steps that resample say which rows.
    X, y : table and target of the user
    sample_weight : array or None
        Given to the sampler, which must be able to take it, see `takes_weight`.
    asked_by : str
        Who needs the rows, for the error.
    weighted : bool
        Whether the weights are of use, so that it is to be said if there can be none.
    """
    given = {} if sample_weight is None else {"sample_weight": sample_weight}
    answer = sampler.fit_resample(X, y, **given)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(
            f"fit_resample of {sampler!r} must return X and y of the rows kept; it gave "
            f"{type(answer)}."
        )
    if isinstance(sampler, BaseCoreset):
        return *answer, sampler.sample_weight_
    steps = resampling_steps(sampler)
    weights = [getattr(step, "sample_weight_", None) for step in steps]
    weight = weights[0] if len(steps) == 1 else None
    if weighted and len(steps) > 1 and any(one is not None for one in weights):
        warn(
            f"{sampler!r} resamples more than once, so the weights that its steps give are not "
            "those of rows of X, and are not used. One sampler of the size wanted in the end has "
            "weights."
        )
    kept = _rows_kept(steps)
    if kept is not None:
        return take(X, kept), None if y is None else take(y, kept), weight
    foreign = _first_foreign_row(X, answer[0])
    if foreign is not None:
        raise ValueError(
            f"{sampler!r} has no sample_indices_, and row {foreign} of what it returned is no row "
            f"of X. {asked_by} is fitted on rows of X, as it is asked about such rows later. What "
            "changes columns belongs in a Pipeline before it, or before the estimator inside it; "
            "a sampler that makes new rows (SMOTE, ClusterCentroids) into a Pipeline of "
            "imbalanced-learn with the estimator."
        )
    return *answer, weight


def takes_weight(sampler):
    """Whether ``sampler.fit_resample`` takes `sample_weight` and uses it.

    A Pipeline takes weights by metadata routing only; without, it drops them.
    """
    if isinstance(sampler, Pipeline):
        routed = sklearn.get_config()["enable_metadata_routing"]
        return routed and bool(
            get_routing_for_object(sampler).consumes("fit_resample", ["sample_weight"])
        )
    return "sample_weight" in inspect.signature(sampler.fit_resample).parameters


def needs_classes(sampler):
    """Whether the sampler can do nothing without classes."""
    if isinstance(sampler, BaseCoreset):
        return get_tags(sampler).target_tags.required
    # Samplers of imbalanced-learn even out classes, but for those of the type "bypass".
    return getattr(sampler, "_sampling_type", "bypass") != "bypass"


def resampling_steps(sampler):
    """The sampler, or the samplers of a Pipeline, in order."""
    if not isinstance(sampler, Pipeline):
        return [sampler]
    return [step for _, step in sampler.steps if hasattr(step, "fit_resample")]


def _rows_kept(steps):
    """Rows of the first table that came through all steps; None if a step does not tell."""
    kept = None
    for step in steps:
        rows = getattr(step, "sample_indices_", None)
        if rows is None:
            return None
        kept = rows if kept is None else kept[rows]
    return kept


def _first_foreign_row(X, kept):
    """Position in `kept` of the first row that is no row of `X`; None if all are."""
    X, kept = to_numpy(X), to_numpy(kept)
    if sparse.issparse(X) or sparse.issparse(kept):
        X, kept = (sparse.csr_array(table, dtype=np.float64, copy=True) for table in (X, kept))
    known = set(_rows(X))
    return next((at for at, row in enumerate(_rows(kept)) if row not in known), None)


def _rows(X):
    """Each row as something that can be hashed and is equal where its values are."""
    if sparse.issparse(X):
        X.sum_duplicates()
        X.eliminate_zeros()
        ends = zip(X.indptr[:-1], X.indptr[1:], strict=True)
        return [tuple(X.indices[a:b]) + tuple(_value(v) for v in X.data[a:b]) for a, b in ends]
    X = np.asarray(X)
    if X.dtype == np.dtype(object):
        with suppress(TypeError, ValueError):  # numbers only, in a list or a data frame
            X = X.astype(np.float64)
    if X.dtype.kind in "biuf":
        X = X.astype(np.float64) + 0.0  # a zero has no sign
        X[np.isnan(X)] = np.nan
        return [row.tobytes() for row in X]
    return [tuple(_value(value) for value in np.ravel(row).tolist()) for row in X]


def _value(value):
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return "nan" if missing else value
