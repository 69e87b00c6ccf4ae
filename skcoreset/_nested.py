"""Fit a sampler inside another estimator and index the data by its selection."""

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

__all__ = [
    "indices_selected",
    "innermost",
    "needs_classes",
    "purposes",
    "resampling_steps",
    "select",
    "takes_weight",
]


def select(sampler, X, y, sample_weight, caller, weighted=False):
    """Fit `sampler`; return the selected samples of `X` and `y`, and their weights or None.

    The samples are taken from `X` by `sample_indices_`, so that they have their original features
    even if the sampler transforms them.

    Parameters
    ----------
    sampler : object with fit_resample
        Fitted in place. For a Pipeline of imbalanced-learn the indices are those of the steps
        that resample.
    X, y : data of the user
    sample_weight : array or None
        Passed to the sampler, which must support it, see `takes_weight`.
    caller : str
        Name of the calling class, for the error message.
    weighted : bool
        Whether the caller uses the weights: a warning is raised if they cannot be computed.

    Returns
    -------
    X, y : same types as given
        The selected samples.
    weight : ndarray or None
    """
    given = {} if sample_weight is None else {"sample_weight": sample_weight}
    answer = sampler.fit_resample(X, y, **given)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(
            f"fit_resample of {sampler!r} returned {type(answer)}, but it must return X and y of "
            "the selected samples."
        )
    if isinstance(sampler, BaseCoreset):
        # A TransformedSampler has none if the sampler inside has none.
        return *answer, getattr(sampler, "sample_weight_", None)
    steps = resampling_steps(sampler)
    weights = [getattr(step, "sample_weight_", None) for step in steps]
    weight = weights[0] if len(steps) == 1 else None
    if weighted and len(steps) > 1 and any(one is not None for one in weights):
        warn(
            f"{sampler!r} has several steps that resample, so the weights of its steps are not "
            "weights of samples of X and are not used. Use a single sampler with the final budget "
            "to obtain weights."
        )
    kept = _rows_kept(steps)
    if kept is not None:
        return take(X, kept), None if y is None else take(y, kept), weight
    foreign = _first_foreign_row(X, answer[0])
    if foreign is not None:
        raise ValueError(
            f"{sampler!r} has no sample_indices_, and row {foreign} of its output is not a row of "
            f"X. {caller} is fitted on samples of X. Transform the features in a Pipeline before "
            f"{caller}, or before the estimator inside it. Use a sampler that generates samples "
            "(SMOTE, ClusterCentroids) in a Pipeline of imbalanced-learn together with the "
            "estimator."
        )
    return *answer, weight


def takes_weight(sampler):
    """Whether ``sampler.fit_resample`` supports `sample_weight`.

    A Pipeline passes weights by metadata routing only; without it, the weights are ignored.
    """
    if isinstance(sampler, Pipeline):
        routed = sklearn.get_config()["enable_metadata_routing"]
        return routed and bool(
            get_routing_for_object(sampler).consumes("fit_resample", ["sample_weight"])
        )
    return "sample_weight" in inspect.signature(sampler.fit_resample).parameters


def needs_classes(sampler):
    """Whether the sampler requires a target with classes."""
    if isinstance(sampler, BaseCoreset):
        return get_tags(sampler).target_tags.required
    # Samplers of imbalanced-learn balance classes, except those of the type "bypass".
    return getattr(sampler, "_sampling_type", "bypass") != "bypass"


def purposes(sampler):
    """Return what the selected samples are for, see `SamplerTags`; None for foreign samplers.

    The last step of a Pipeline that resamples decides.
    """
    steps = resampling_steps(sampler)
    if not steps or not hasattr(steps[-1], "__sklearn_tags__"):
        return None
    tags = getattr(get_tags(steps[-1]), "sampler_tags", None)
    return getattr(tags, "purposes", None)


def indices_selected(sampler):
    """Return the indices of the selected samples; None if a step has no `sample_indices_`."""
    return _rows_kept(resampling_steps(sampler))


def innermost(sampler):
    """Return the sampler whose parameters define the selection: that in a TransformedSampler."""
    return innermost(sampler._selecting()) if hasattr(sampler, "_selecting") else sampler


def resampling_steps(sampler):
    """Return the sampler in a list, or the steps of a Pipeline that resample, in order."""
    if not isinstance(sampler, Pipeline):
        return [sampler]
    return [step for _, step in sampler.steps if hasattr(step, "fit_resample")]


def _rows_kept(steps):
    """Indices of the samples that all steps select; None if a step has no `sample_indices_`."""
    kept = None
    for step in steps:
        rows = getattr(step, "sample_indices_", None)
        if rows is None:
            return None
        kept = rows if kept is None else kept[rows]
    return kept


def _first_foreign_row(X, kept):
    """Position of the first row of `kept` that is not a row of `X`; None if all are."""
    X, kept = to_numpy(X), to_numpy(kept)
    if sparse.issparse(X) or sparse.issparse(kept):
        X, kept = (sparse.csr_array(table, dtype=np.float64, copy=True) for table in (X, kept))
    known = set(_rows(X))
    return next((at for at, row in enumerate(_rows(kept)) if row not in known), None)


def _rows(X):
    """Return a list of hashable rows, which are equal if all their values are."""
    if sparse.issparse(X):
        X.sum_duplicates()
        X.eliminate_zeros()
        ends = zip(X.indptr[:-1], X.indptr[1:], strict=True)
        return [tuple(X.indices[a:b]) + tuple(_value(v) for v in X.data[a:b]) for a, b in ends]
    X = np.asarray(X)
    if X.dtype == np.dtype(object):
        with suppress(TypeError, ValueError):  # only numbers, in a list or a dataframe
            X = X.astype(np.float64)
    if X.dtype.kind in "biuf":
        X = X.astype(np.float64) + 0.0  # -0.0 becomes 0.0
        X[np.isnan(X)] = np.nan
        return [row.tobytes() for row in X]
    return [tuple(_value(value) for value in np.ravel(row).tolist()) for row in X]


def _value(value):
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return "nan" if missing else value
