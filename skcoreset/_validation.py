"""Input validation: X, y and sample weights, with errors that name the feature and the sample."""

import datetime
import re
import reprlib
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d, validate_data

from skcoreset._backend import (
    canonical,
    columns,
    device_scope,
    first_row,
    holds_objects,
    host_target,
    is_foreign,
    missing_values,
    namespace,
    refuse_lazy,
    to_numpy,
)

__all__ = [
    "check_finite_target",
    "check_numbers",
    "check_one_per_sample",
    "check_sample_weight",
    "check_table",
    "continuous_target",
    "encode",
    "naming_columns",
]


# X ------------------------------------------------------------------------------------------


def check_table(estimator, X, reset=True):
    """Check that `X` has samples and features, or one object per sample, such as texts.

    The values are not checked. `estimator` stores the number and the names of the features, or
    compares them with those of `fit` if not `reset`.

    Returns
    -------
    X : table in the form in which classifiers get it
    """
    if isinstance(X, Mapping) and not sparse.issparse(X):  # a dok matrix is a Mapping
        raise TypeError(
            f"X must be a table (array-like, sparse matrix or dataframe), got {type(X)}."
        )
    _refuse(X)
    X = canonical(X)
    shape = tuple(getattr(X, "shape", (None, None)))  # lists have none
    if len(shape) != 2 and not holds_objects(X):
        raise ValueError(
            f"Expected 2D array, got {len(shape)}D array instead, of shape {shape}. Reshape your "
            "data: (-1, 1) if it has a single feature, (1, -1) if it is a single sample."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return X


def check_numbers(estimator, X, reset=True, finite=True):
    """Check that `X` holds finite numbers; return it as an array or csr matrix of floats.

    An array of another library stays one. With ``finite=False`` the caller checks an array of
    NumPy or a csr matrix for NaN and infinity itself.
    """
    with naming_columns(X, estimator):
        if is_foreign(X):
            return _foreign_numbers(estimator, X, reset)
        _refuse(X)
        X = canonical(X)
        if _holds_only_times(X):
            # scikit-learn would take them as numbers, in the unit in which they are stored.
            raise TypeError("X holds datetimes, which are no numbers.")
        kinds = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
        return validate_data(estimator, X, reset=reset, ensure_all_finite=finite, **kinds)


def _refuse(X):
    refuse_lazy(X, "X")
    if getattr(getattr(X, "dtype", None), "kind", None) == "c":
        # The message of scikit-learn consists of the values.
        raise ValueError(
            f"Complex data not supported: X has the dtype {X.dtype}. Give the real and imaginary "
            "parts as features."
        )


def _foreign_numbers(estimator, X, reset):
    xp = namespace(X)
    check_table(estimator, X, reset=reset)
    with device_scope(X):
        if X.dtype not in (xp.float32, xp.float64):
            X = xp.astype(X, xp.float64)
        finite = bool(xp.all(xp.isfinite(X)))
    if not finite:
        raise ValueError("Input X contains NaN or infinity.")
    return X


def _holds_only_times(X):
    """Whether all columns hold dates or times. A mixture with numbers is an error in any case."""
    first = first_row(X)
    return (
        getattr(first, "ndim", 0) == 2
        and getattr(getattr(first, "dtype", None), "kind", "f") in "mM"
    )


# y and sample_weight --------------------------------------------------------------------------


def check_finite_target(y):
    """Check that `y` has no missing and no infinite value; return it on the host."""
    refuse_lazy(y, "y")
    y, missing = host_target(y)
    if missing is not None:
        raise ValueError(f"Input y contains NaN: row {int(missing.argmax())} has no label.")
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    return y


def continuous_target(y):
    """`y` as float64, of shape (n_samples,), or (n_samples, n_outputs) if there are several.

    Whole numbers and bools are values, not class labels.
    """
    y = check_finite_target(y)
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    are_numbers = y.dtype.kind in "biuf"
    if y.dtype.kind == "O":
        are_numbers = all(isinstance(value, Number) for value in y.ravel())
    if not are_numbers or y.ndim not in (1, 2):
        raise ValueError(
            f"A continuous target must hold numbers, in one or two dimensions, but y has the dtype "
            f"{y.dtype} and the shape {y.shape}. Give y.astype(float), or a classifier and "
            "another stratify for class labels."
        )
    values = y.astype(np.float64)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def encode(y):
    """Encode class labels as integers.

    Returns
    -------
    codes : ndarray of shape (n_samples,), or None
        Position of the class of each sample in `classes`; None if `y` is None or continuous.
    classes : ndarray of shape (n_classes,), or None
    """
    if y is None:
        return None, None
    y = check_finite_target(y)
    try:
        kind = type_of_target(y, input_name="y")
    except TypeError as error:  # labels that cannot be sorted
        raise TypeError(_why_no_labels(y, "unknown")) from error
    if kind.startswith("continuous"):
        return None, None
    if kind == "multilabel-indicator":
        Y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        if (Y.sum(axis=1) == 1).all():
            return Y.argmax(axis=1), np.arange(Y.shape[1])
    if kind in ("multilabel-indicator", "multiclass-multioutput"):
        if (y if sparse.issparse(y) else np.asarray(y)).dtype.kind == "f":
            return None, None  # several continuous targets, the values of which are all whole
        raise ValueError(
            f"Multilabel and multioutput targets have no classes to stratify by: y is {kind!r}. "
            "Give one label per sample, or stratify=None to a method that needs no labels."
        )
    if kind not in ("binary", "multiclass"):
        raise ValueError(_why_no_labels(y, kind))
    classes, codes = np.unique(column_or_1d(y), return_inverse=True)
    return codes.reshape(-1), classes


def _why_no_labels(y, kind):
    values = np.asarray(y, dtype=object)
    held = sorted({type(value).__name__ for value in values.ravel()})
    if values.ndim != 1 or not held:
        return (
            f"Unknown label type: {kind}. Each label must be one string, integer or bool per "
            "sample."
        )
    return (
        f"Unknown label type: {kind}. y holds objects of the types {held}, but labels must be all "
        "strings, all integers or all bools, in a dtype of their own. Give y.astype(int), "
        "y.astype(str), or stratify=None to a method that needs no labels."
    )


def check_sample_weight(sample_weight, n_samples):
    """Check the sample weights; return them as float64, ones if there are none."""
    if sample_weight is None:
        return np.ones(n_samples)
    refuse_lazy(sample_weight, "sample_weight")
    check_one_per_sample(sample_weight, "sample_weight")
    weight = check_array(
        to_numpy(sample_weight), ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; one weight per sample is ({n_samples},)."
        )
    if weight.min() < 0:
        at = int(weight.argmin())
        raise ValueError(f"sample_weight[{at}] = {weight[at]} is negative; weights must be >= 0.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample; at least one must be positive.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError("sample_weight sums to infinity. Divide all weights by a constant.")
    return weight


def check_one_per_sample(values, name):
    """Raise if `values` is a single value."""
    if np.isscalar(values) or getattr(values, "shape", None) == ():
        raise TypeError(f"{name} must have one value for each sample, but it is {values!r}.")


# Errors that name the feature ---------------------------------------------------------------

_NOT_FINITE = re.compile("NaN|[Ii]nfinit|missing|nan is an invalid document|NoneType")
_NOT_NUMBERS = re.compile("could not convert|must be a string|DType|datetime|[Tt]imestamp")

_FILL = "fill such values in first, as with sklearn.impute.SimpleImputer, or leave out those rows"
_REPLACE = "replace such values first, or leave out those rows"
_ENCODE = "encode it first, as with sklearn.preprocessing.OneHotEncoder"
_COUNT = "turn it into numbers first, such as days since the first one"
_NAMED = "cannot work on that"
_TIMES = np.datetime64 | np.timedelta64 | datetime.date | datetime.timedelta


@contextmanager
def naming_columns(X, estimator, rows=None):
    """Add to an error about the values of `X` the column that holds no finite numbers.

    Parameters
    ----------
    X : table, or one object per sample
    estimator : estimator
        Its ``_non_numeric_hint()``, if it has one, is a sentence about another way to use it.
    rows : ndarray of int or None
        The numbers of the samples in the table of the user, if `X` is a part of it.
    """
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        message, found = str(error), None
        if _NAMED in message or ", row " in message:
            raise  # a sampler or transformer inside this one has named the column
        if _NOT_FINITE.search(message):
            found = _first_not_finite(X, message, rows)
        elif _NOT_NUMBERS.search(message):
            found = _first_not_number(X, message, rows)
        if found is None:
            raise
        where, advice = found
        # For dates the message of scikit-learn is about promotion rules of NumPy.
        is_time = advice is _COUNT
        begin = "X holds dates or times" if is_time else message.splitlines()[0].rstrip(".")
        kind = TypeError if isinstance(error, TypeError) else ValueError
        hint = estimator._non_numeric_hint() if hasattr(estimator, "_non_numeric_hint") else ""
        text = f"{begin}: {where}. {type(estimator).__name__} {_NAMED}: {advice}. {hint}"
        raise kind(text.rstrip()) from error


def _first_not_finite(X, message, rows):
    advice = _REPLACE if "nfinit" in message or holds_objects(X) else _FILL
    if sparse.issparse(X):
        entries = X.tocoo()
        for at in np.flatnonzero(~np.isfinite(entries.data)):
            return f"{_name(entries.col[at])}, row {_number(entries.row[at], rows)}", advice
        return None
    for name, values in columns(X):
        for row in np.flatnonzero(_is_not_finite(values)):
            return f"{_name(name)}, row {_number(row, rows)}", advice
    return None


def _first_not_number(X, message, rows):
    """The first column that holds no numbers; of several the one whose value is in `message`."""
    found = [(name, *bad) for name, values in columns(X) if (bad := _not_number(values))]
    shown = [entry for entry in found if repr(entry[2]) in message]
    for name, row, value in shown or found:
        if isinstance(value, _TIMES):
            return _name(name), _COUNT
        kind = "text" if isinstance(value, str | bytes) else f"a {type(value).__name__}"
        value = f"{reprlib.repr(value)} in row {_number(row, rows)}"
        return f"{_name(name)} holds {kind} ({value})", _ENCODE
    return None


def _number(row, rows):
    return row if rows is None else rows[row]


def _name(name):
    if name is None:
        return "its only column"
    return f"column {name.item() if isinstance(name, np.generic) else name!r}"


def _is_not_finite(values):
    missing = missing_values(values)
    values = np.asarray(values, dtype=None if hasattr(values, "dtype") else object)
    if values.dtype.kind in "fc":
        bad = ~np.isfinite(values)
    elif values.dtype.kind == "O":
        bad = np.array([value is None or _is_nan_or_infinite(value) for value in values])
    else:
        bad = np.zeros(len(values), dtype=bool)
    return bad if missing is None else missing | bad


def _is_nan_or_infinite(value):
    return isinstance(value, Number) and (value != value or value in (np.inf, -np.inf))


def _not_number(values):
    """(row, value) of the first value that is no number; None if all are numbers."""
    values = np.asarray(values)
    if values.dtype.kind in "biufc":
        return None
    if values.dtype.kind in "US":
        values = values.tolist()
    for row, value in enumerate(values):
        if value is None or isinstance(value, _TIMES):
            return row, value
        try:
            float(value)
        except (TypeError, ValueError):
            return row, value
    return None
