"""Which column of a table an error is about, and what can be done: words for the error."""

import datetime
import re
import reprlib
from contextlib import contextmanager
from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

from skcoreset._backend import holds_objects, to_numpy

__all__ = ["columns_named"]

_NOT_FINITE = re.compile("NaN|[Ii]nfinit|missing|nan is an invalid document|NoneType")
_NOT_NUMBERS = re.compile("could not convert|must be a string|DType|datetime|[Tt]imestamp")

_FILL = "fill such values in first, as with sklearn.impute.SimpleImputer, or leave out those rows"
_REPLACE = "replace such values first, or leave out those rows"
_ENCODE = "encode it first, as with sklearn.preprocessing.OneHotEncoder"
_COUNT = "turn it into numbers first, such as days since the first one"
_THAT = "cannot work on that"
_TIMES = np.datetime64 | np.timedelta64 | datetime.date | datetime.timedelta


@contextmanager
def columns_named(X, name, instead=""):
    """Say in an error about the values of `X` which column of `X` is not one of finite numbers.

    Parameters
    ----------
    X : table, or one object a row
    name : str
        Who works on the table.
    instead : str
        A sentence about what else it could be given.
    """
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        said = str(error)
        found = None
        if _THAT in said:
            raise  # a sampler inside has named it
        if _NOT_FINITE.search(said):
            found = _first_not_finite(X, said)
        elif _NOT_NUMBERS.search(said):
            found = _first_not_number(X, said)
        if found is None:
            raise
        where, advice = found
        # Of dates scikit-learn says at length which types of NumPy do not go together.
        begin = "X holds dates or times" if advice is _COUNT else said.splitlines()[0].rstrip(".")
        kind = TypeError if isinstance(error, TypeError) else ValueError
        text = f"{begin}: {where}. {name} {_THAT}: {advice}. {instead}"
        raise kind(text.rstrip()) from error


def _first_not_finite(X, said):
    advice = _REPLACE if "nfinit" in said or holds_objects(X) else _FILL
    if sparse.issparse(X):
        entries = X.tocoo()
        for at in np.flatnonzero(~np.isfinite(entries.data)):
            return f"{_at(entries.col[at])}, row {entries.row[at]}", advice
        return None
    for column, values in _columns(X):
        for row in np.flatnonzero(_is_not_finite(values)):
            return f"{column}, row {row}", advice
    return None


def _first_not_number(X, said):
    """Of several columns of text, the one whose value the error shows."""
    found = [(column, *bad) for column, values in _columns(X) if (bad := _not_number(values))]
    shown = [entry for entry in found if repr(entry[2]) in said]
    for column, row, value in shown or found:
        if isinstance(value, _TIMES):
            return column, _COUNT
        kind = "text" if isinstance(value, str | bytes) else f"a {type(value).__name__}"
        return f"{column} holds {kind} ({reprlib.repr(value)} in row {row})", _ENCODE
    return None


def _columns(X):
    """("column 'age'", values) for each column, in order."""
    if holds_objects(X):
        yield "its only column", X
        return
    if hasattr(X, "columns"):
        for j, name in enumerate(getattr(X, "column_names", X.columns)):
            yield _at(name), _safe_indexing(X, j, axis=1)
        return
    rows = to_numpy(X)
    rows = np.asarray(rows, dtype=None if hasattr(rows, "dtype") else object)
    if rows.ndim == 2:
        yield from ((_at(j), column) for j, column in enumerate(rows.T))


def _at(name):
    return f"column {name.item() if isinstance(name, np.generic) else name!r}"


def _is_not_finite(values):
    missing = np.asarray(values.isna()) if hasattr(values, "isna") else False
    values = np.asarray(values, dtype=None if hasattr(values, "dtype") else object)
    if values.dtype.kind in "fc":
        return missing | ~np.isfinite(values)
    if values.dtype.kind in "mM":
        return missing | np.isnat(values)
    if values.dtype.kind != "O":
        return missing | np.zeros(len(values), dtype=bool)
    return missing | np.array([value is None or _is_no_number(value) for value in values])


def _is_no_number(value):
    return isinstance(value, Number) and (value != value or value in (np.inf, -np.inf))


def _not_number(values):
    """(row, value) of the first that is no number; None if there is none."""
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
