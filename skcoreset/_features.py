"""Numbers for distances from a table as it is: columns of numbers, dates, strings and categories."""

import datetime
import math
import reprlib
from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._backend import (
    block_slices,
    canonical,
    columns,
    holds_objects,
    is_foreign,
    missing_values,
    take,
    to_numpy,
)
from skcoreset._estimator import EstimatorMixin, seeded
from skcoreset._validation import check_numbers, check_table
from skcoreset._warnings import warn

__all__ = ["AutoFeatures", "transform_features"]

# A number farther from the median than so many typical distances is set to that distance.
FARTHEST = 8.0
# The least variance by which a column of variance p (1 - p) is divided, so that two values of a
# column differ by at most 10, whatever the fraction p of the samples with the rarer value.
LEAST_VARIANCE = 0.01
# Categories of a smaller fraction of the samples, or of one sample, are grouped, as are those beyond
# so many.
MIN_FREQUENCY, MAX_CATEGORIES = 0.005, 50

_WAY_OUT = "Give a transformer that converts it as features (transformer of TransformedSampler)"


def transform_features(features, X, y=None, sample_weight=None, random_state=None, numbers=True):
    """Transform `X` by `features`; return the result and the fitted transformer.

    Parameters
    ----------
    features : "auto", None or transformer
        "auto" is `AutoFeatures`, None takes `X` as it is. A transformer that is fitted already, or
        is in a FrozenEstimator, is used as it is; otherwise a clone is fitted on the samples of
        positive weight, and transforms all of them.
    X : table of the user
    y : target of the user, or None
        Passed to the `fit` of a transformer.
    sample_weight : ndarray of shape (n_samples,), or None
        Only which weights are 0 is used.
    random_state : RandomState or None
        Seeds each parameter ``random_state`` of the transformer that is None.
    numbers : bool
        Whether the result is checked: an array or csr matrix of finite floats.

    Returns
    -------
    X_new : table with the same number of samples
    transformer : fitted transformer, or None
    """
    X = canonical(X)
    transformer = None
    if features is not None:
        transformer = AutoFeatures() if isinstance(features, str) else features
        if not _is_fitted(transformer):
            transformer = seeded(transformer, random_state)
            transformer.fit(*_rows_of_positive_weight(X, y, sample_weight))
        n_samples = _num_samples(X)
        X = transformer.transform(X)
        if not hasattr(X, "shape") and not hasattr(X, "__len__"):
            raise TypeError(f"transform of {transformer!r} returned {type(X)}, which is no table.")
        if _num_samples(X) != n_samples:
            raise ValueError(
                f"transform of {transformer!r} returned {_num_samples(X)} samples for {n_samples}. "
                "It must return one row for each sample of X."
            )
    if numbers:
        X = canonical(X)
        if not is_foreign(X):
            X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
    return X, transformer


def _is_fitted(transformer):
    if isinstance(transformer, Pipeline):  # asks only its last step, which may need no fit
        steps = [step for _, step in transformer.steps if step not in (None, "passthrough")]
        return all(map(_is_fitted, steps))
    return _models.is_fitted(transformer)


def _rows_of_positive_weight(X, y, sample_weight):
    if sample_weight is None or (sample_weight > 0).all():
        return X, y
    check_consistent_length(X, sample_weight)
    rows = np.flatnonzero(sample_weight > 0)
    return take(X, rows), None if y is None else take(y, rows)


class AutoFeatures(EstimatorMixin, TransformerMixin, BaseEstimator):
    """Turn the columns of a table into features on which Euclidean distances make sense.

    Each column of numbers becomes a feature of mean 0 and variance 1. Each column of strings or
    categories becomes features of the total variance 1, one for each category, so that it has the
    same share in squared distances.

    - Numbers, bools, and strings or objects that can be converted to numbers: missing values are
      replaced by the median of the column. A value x becomes ``(x - median) / u``, where u is the
      median of the distances ``|x - median|`` that are not 0. It is set to 8 or -8 if it is beyond,
      and the result is standardized. Neither a value such as -999 or 1e8 in some samples nor an
      outlier determines the scale. If no value is beyond, which is usual without outliers, the
      result is that of :class:`~sklearn.preprocessing.StandardScaler`.
    - Dates and time spans are numbers: seconds since 1970, or of the span.
    - Strings and categories: one-hot encoded. Missing values are a category. The categories of
      less than 0.5 % of the samples, and those beyond the 50 most frequent ones, are one category.
    - A column whose value is the same in all samples, or missing, becomes a feature that is 0.
    - A sparse matrix stays as it is.

    If the variance of a column, in units of u squared, is less than 0.01, or if the categories
    other than one are as rare, the column is divided by 0.1 instead of its standard deviation. So
    a value that is almost always the same does not dominate the distances.

    Attributes
    ----------
    numeric_ : ndarray of bool, of shape (n_features_in_,)
        Which columns are numbers or dates. Not defined for sparse `X`.

    center_, unit_, mean_, scale_ : ndarray of shape (n_numeric,)
        A value of a numeric column becomes
        ``(clip((x - center_) / unit_, -8, 8) - mean_) / scale_``.

    encoder_ : OneHotEncoder, or None
        The encoder of the other columns.

    Notes
    -----
    The order of the samples has no influence. Time: O(n log n) for each column.
    """

    def fit(self, X, y=None):
        """Learn what the columns hold, and their scales."""
        X = _checked(self, X)
        if sparse.issparse(X):
            return self
        dense = _numeric_array(X)
        read = enumerate(dense.T) if dense is not None else _read_columns(X)
        statistics, texts, self.numeric_ = [], [], np.ones(self.n_features_in_, dtype=bool)
        float32 = True
        for j, values in read:
            if isinstance(values, _Texts):
                self.numeric_[j] = False
                texts.append(values)
            else:
                float32 &= values.dtype == np.float32
                statistics.append(_statistics(values, j, X))
        self._dtype = np.float32 if float32 and statistics else np.float64
        table = np.array(statistics, dtype=np.float64).reshape(-1, 4).T
        self.center_, self.unit_, self.mean_, self.scale_ = table
        self.encoder_ = None
        if texts:
            self._fit_encoder(texts)
        return self

    def _fit_encoder(self, texts):
        n_samples = len(texts[0].values)
        self.encoder_ = OneHotEncoder(
            min_frequency=max(2, math.ceil(MIN_FREQUENCY * n_samples)),
            max_categories=MAX_CATEGORIES,
            handle_unknown="infrequent_if_exist",
            dtype=self._dtype,
        )
        hot = self.encoder_.fit_transform(_side_by_side(texts))
        self._share = np.asarray(hot.sum(axis=0, dtype=np.float64)).ravel() / n_samples
        widths = [len(names) for names in self._categories()]
        ends = np.cumsum(widths)[:-1]
        variances = [1 - (share**2).sum() for share in np.split(self._share, ends)]
        factors = 1 / np.sqrt(np.maximum(variances, 2 * LEAST_VARIANCE))
        self._factor = np.repeat(factors, widths)
        groups = zip(texts, widths, self.encoder_.infrequent_categories_, strict=True)
        for text, width, rare in groups:
            if width == 1 and rare is not None:
                warn(
                    f"{text.name} holds {len(rare)} different strings or categories, each in less "
                    f"than {MIN_FREQUENCY:.1%} of the samples. It has no influence on the "
                    f"selection. Leave it out of X, or encode it: {_WAY_OUT[0].lower()}"
                    f"{_WAY_OUT[1:]}."
                )

    def _categories(self):
        """For each encoded column, the frequent categories, and None for the group of the others"""
        for names, rare in zip(
            self.encoder_.categories_, self.encoder_.infrequent_categories_, strict=True
        ):
            if rare is None:
                yield list(names)
            else:
                yield [name for name in names if name not in set(rare)] + ["infrequent"]

    def transform(self, X):
        """Return the features: columns of numbers first, then those of the categories."""
        check_is_fitted(self)
        X = _checked(self, X, reset=False)
        if sparse.issparse(X):
            if hasattr(self, "numeric_"):
                raise TypeError("X is a sparse matrix, but that of fit was not.")
            return X
        dense = _numeric_array(X)
        n_numbers = len(self.center_)
        n_features = n_numbers + (0 if self.encoder_ is None else len(self._share))
        out = np.empty((_num_samples(X), n_features), dtype=self._dtype)
        texts = []
        if dense is not None and self.numeric_.all():
            out[:] = dense
        else:
            at = 0
            for j, values in _read_columns(X, self.numeric_):
                if self.numeric_[j]:
                    out[:, at] = values
                    at += 1
                else:
                    texts.append(values)
        self._scale_numbers(out[:, :n_numbers], X)
        if texts:
            hot = self.encoder_.transform(_side_by_side(texts))
            for rows in block_slices(len(out), 16 * len(self._share)):
                out[rows, n_numbers:] = (hot[rows].toarray() - self._share) * self._factor
        return out

    def _scale_numbers(self, out, X):
        center, unit = (v.astype(self._dtype) for v in (self.center_, self.unit_))
        mean, scale = (v.astype(self._dtype) for v in (self.mean_, self.scale_))
        for rows in block_slices(len(out), 16 * max(1, out.shape[1])):
            block = out[rows]
            np.copyto(block, center, where=np.isnan(block))
            with np.errstate(over="ignore"):
                block -= center
                block /= unit
            np.clip(block, -FARTHEST, FARTHEST, out=block)
            block -= mean
            block /= scale

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _checked(estimator, X, reset=True):
    if sparse.issparse(X):
        return check_numbers(estimator, X, reset=reset)
    X = to_numpy(X)
    shape = getattr(X, "shape", (0, 0))
    if len(shape) > 2:
        raise ValueError(
            f"Expected 2D array, got {len(shape)}D array instead, of shape {shape}. Give one row "
            "of features for each sample, such as X.reshape(len(X), -1) for images."
        )
    X = check_table(estimator, X, reset=reset)
    if holds_objects(X):
        raise TypeError(
            "X holds one object per sample, such as a text, and no columns. Give a transformer "
            "that converts them, such as TfidfVectorizer() for texts, as features (transformer of "
            "TransformedSampler)."
        )
    if _num_samples(X) < 1:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return X


# The columns ----------------------------------------------------------------------------------


class _Texts:
    """A column of strings or categories: its values as strings, None where they are missing."""

    def __init__(self, values, name):
        self.values, self.name = values, name


def _side_by_side(texts):
    table = np.empty((len(texts[0].values), len(texts)), dtype=object)
    for j, text in enumerate(texts):
        table[:, j] = text.values
    return table


def _numeric_array(X):
    """`X` if it is an array of numbers, else None."""
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return X if isinstance(X, np.ndarray) and kind in "biuf" else None


def _read_columns(X, numeric=None):
    """(position, values) of each column: floats with NaN for missing values, or `_Texts`.

    If `numeric` is given, it says which columns are numbers; else the values decide.
    """
    for j, (name, values) in enumerate(columns(X)):
        yield j, _read(values, f"column {_plain(name)!r}", None if numeric is None else numeric[j])


def _plain(name):
    return name.item() if isinstance(name, np.generic) else name


def _read(values, name, as_numbers=None):
    missing, is_category = missing_values(values), _is_category(values)
    array = np.asarray(values)
    if array.dtype.kind in "biuf" and not (is_category and not as_numbers):
        return _floats(array, missing)
    if array.dtype.kind in "mM":
        return _seconds(array)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name}. {_WAY_OUT}.")
    array = array.astype(object)
    gone = np.array([_is_missing(value) for value in array], dtype=bool)
    array[gone] = None
    held = array[~gone]
    times = [
        isinstance(value, datetime.date | datetime.timedelta | np.datetime64) for value in held[:1]
    ]
    if times and times[0] and not is_category:
        return _times(array, gone, name)
    if as_numbers or (as_numbers is None and not is_category):
        try:
            numbers = np.full(len(array), np.nan)
            numbers[~gone] = held.astype(np.float64)
            return numbers
        except (TypeError, ValueError):
            if as_numbers:
                raise
    for row in np.flatnonzero(~gone):
        value = array[row]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, Number):
            value = repr(float(value))
        elif not isinstance(value, str):
            if not is_category:
                raise TypeError(
                    f"{name} holds a {type(value).__name__} ({reprlib.repr(value)} in row {row}), "
                    f"which is neither a number, a date, a string nor a category. {_WAY_OUT}."
                )
            value = str(value)
        array[row] = value
    return _Texts(array, name)


def _floats(array, missing):
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    if missing is not None and missing.any():
        array = np.where(missing, array.dtype.type(np.nan), array)
    return array


def _seconds(array):
    seconds = array.astype(f"{array.dtype.kind}8[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(array), np.nan, seconds)


def _times(array, gone, name):
    """Dates, datetimes or time spans of Python or pandas, as seconds."""
    seconds = np.full(len(array), np.nan)
    utc = datetime.UTC
    for row in np.flatnonzero(~gone):
        value = array[row]
        if isinstance(value, datetime.timedelta):
            seconds[row] = value.total_seconds()
            continue
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(utc).replace(tzinfo=None)
        try:
            seconds[row] = np.datetime64(value, "us").astype(np.int64) / 1e6
        except (TypeError, ValueError):
            raise TypeError(
                f"{name} holds dates, and a {type(value).__name__} ({reprlib.repr(value)} in row "
                f"{row}). {_WAY_OUT}."
            ) from None
    return seconds


def _is_category(values):
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "name", None) == "category":
        return True
    return str(getattr(values, "type", "")).startswith("dictionary<")


def _is_missing(value):
    if isinstance(value, str):
        return False
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, Number) and value != value)
    )


def _statistics(values, j, X):
    """(center, unit, mean, scale) of a column of numbers."""
    values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    values = np.sort(values)  # sums in an order of their own
    if len(values) == 0:
        return 0.0, 1.0, 0.0, 1.0
    values = values.astype(np.float64, copy=False)
    for end in (0, -1):
        if np.isinf(values[end]):
            name, column = list(columns(X))[j]
            row = int(np.flatnonzero(np.asarray(column, dtype=object) == values[end])[0])
            raise ValueError(
                f"Input X contains infinity: column {_plain(name)!r}, row {row}. Replace it by "
                "NaN, which stands for a missing value, or by a number."
            )
    center = values[(len(values) - 1) // 2]  # a value of the column, also if it has two medians
    with np.errstate(over="ignore"):
        away = values - center
    far = np.abs(away[away != 0])
    if len(far) == 0:
        return center, 1.0, 0.0, 1.0
    unit = np.partition(far, len(far) // 2)[len(far) // 2]
    with np.errstate(over="ignore"):
        away /= unit
    np.clip(away, -FARTHEST, FARTHEST, out=away)
    mean = away.mean()
    variance = np.mean((away - mean) ** 2)
    return center, unit, mean, np.sqrt(max(variance, LEAST_VARIANCE))
