"""Features for distances from a table as it is: numbers, dates, strings and categories."""

import collections
import datetime
import itertools
import math
import reprlib
from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_feature_names_in, _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._backend import (
    block_slices,
    canonical,
    columns,
    holds_objects,
    is_foreign,
    take,
    to_numpy,
)
from skcoreset._estimator import seeded
from skcoreset._validation import check_numbers, check_table
from skcoreset._warnings import warn

__all__ = ["AutoFeatures", "check_no_infinity", "transform_features"]

# A number farther from the median than so many typical distances is set to that distance.
FARTHEST = 8.0
# The least variance by which a column of variance p (1 - p) is divided, so that two values of a
# column differ by at most 10, whatever the fraction p of the samples with the rarer value.
LEAST_VARIANCE = 0.01
# Categories of a smaller fraction of the samples, or of one sample, are one category, and so are
# those beyond so many.
MIN_FREQUENCY, MAX_CATEGORIES = 0.005, 50

_NO_SAMPLES = "Found array with 0 sample(s) while a minimum of 1 is required."
_EACH = "Each column must hold numbers, dates, or strings and categories"
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
    X, transformer = canonical(X), None
    if features is not None:
        transformer = AutoFeatures() if isinstance(features, str) else features
        if not _is_fitted(transformer):
            transformer = (
                clone(transformer) if random_state is None else seeded(transformer, random_state)
            )
            rows, labels = _rows_of_positive_weight(X, y, sample_weight)
            transformer.fit(_models.classifier_input(rows), to_numpy(labels))
        n_samples = _num_samples(X)
        X = transformer.transform(_models.classifier_input(X))
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


class AutoFeatures(TransformerMixin, BaseEstimator):
    """Transform a table to features whose Euclidean distances are meaningful.

    Each column of numbers becomes a feature of mean 0 and variance 1. Each column of strings or
    categories becomes features of the total variance 1, one for each category, so that it has the
    same share in squared distances.

    - Numbers, bools, and strings or objects that can be converted to numbers: missing values are
      replaced by the median of the column. A value x becomes ``(x - median) / u``, where u is the
      median of the distances ``|x - median|`` that are not 0. It is set to 8 or -8 if it is beyond.
      The result is standardized. So neither an outlier nor a value such as -999 or 1e8 in some of
      the samples determines the scale.
    - Dates and time spans are numbers: seconds since 1970, or of the span.
    - Strings and categories are one-hot encoded. A missing value is a category. The categories of
      less than 0.5 % of the samples or of one sample, and those beyond the 50 most frequent ones,
      are one category.
    - A column whose value is the same in all samples, or missing, becomes a feature that is 0.
    - A sparse matrix stays as it is.

    A standard deviation of less than 0.1 u is replaced by 0.1 u, so that two values of a column
    that is almost constant do not dominate the distances. The same bound holds for categories.

    Attributes
    ----------
    numeric_ : ndarray of bool, of shape (n_features_in_,)
        Which columns are numbers or dates. Not defined for sparse `X`.

    center_, unit_, mean_, scale_ : ndarray of shape (n_numeric,)
        A value of a numeric column becomes
        ``(clip((x - center_) / unit_, -8, 8) - mean_) / scale_``.

    encoder_ : OneHotEncoder, or None
        The encoder of the other columns, on integers in place of their values.

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
        kinds = set()
        for j, values in read:
            if isinstance(values, _Texts):
                self.numeric_[j] = False
                texts.append(values)
            else:
                _check_no_infinity(values, X, j)
                kinds.add(values.dtype)
                statistics.append(_statistics(values))
        table = np.array(statistics, dtype=np.float64).reshape(-1, 4).T
        self.center_, self.unit_, self.mean_, self.scale_ = table
        with np.errstate(over="ignore"):
            narrow = table.astype(np.float32)
        fits = np.isfinite(narrow).all() and ((narrow == 0) == (table == 0)).all()
        self._dtype = np.float32 if kinds == {np.dtype(np.float32)} and fits else np.float64
        self.encoder_ = self._fit_encoder(texts) if texts else None
        return self

    def _fit_encoder(self, texts):
        n_samples = len(texts[0].values)
        self._codes = [_codes_of(text) for text in texts]
        coded = self._coded(texts)
        encoder = OneHotEncoder(handle_unknown="ignore", dtype=self._dtype).fit(coded)
        widths = [len(codes) for codes in encoder.categories_]
        self._shares = np.concatenate(
            [
                np.bincount(column)[codes] / n_samples
                for column, codes in zip(coded.T, encoder.categories_, strict=True)
            ]
        )
        of_columns = np.split(self._shares, np.cumsum(widths)[:-1])
        variances = np.array([1 - (share**2).sum() for share in of_columns])
        self._factors = np.repeat(1 / np.sqrt(np.maximum(variances, 2 * LEAST_VARIANCE)), widths)
        return encoder

    def _coded(self, texts):
        """The categories as integers, on which the encoder is faster; rare ones are the last."""
        coded = np.empty((len(texts[0].values), len(texts)), dtype=np.int64)
        for j, (text, codes) in enumerate(zip(texts, self._codes, strict=True)):
            coded[:, j] = [codes.get(value, len(codes)) for value in text.values]
        return coded

    def transform(self, X):
        """Return the features: those of numbers first, then those of categories."""
        check_is_fitted(self)
        X = _checked(self, X, reset=False)
        if sparse.issparse(X) == hasattr(self, "numeric_"):
            kinds = ["a sparse matrix", "no sparse matrix"]
            given, fitted = kinds if sparse.issparse(X) else kinds[::-1]
            raise TypeError(f"X is {given}, but that of fit was {fitted}.")
        if sparse.issparse(X):
            return X
        dense = _numeric_array(X)
        n_numbers = len(self.center_)
        n_features = n_numbers + (0 if self.encoder_ is None else len(self._shares))
        X_new = np.zeros((_num_samples(X), n_features), dtype=self._dtype)
        texts = []
        if dense is not None and self.numeric_.all():
            X_new[:, :n_numbers] = dense
        else:
            for j, values in _read_columns(X, self.numeric_):
                if self.numeric_[j]:
                    X_new[:, self.numeric_[:j].sum()] = values
                else:
                    texts.append(values)
        self._scale_numbers(X_new[:, :n_numbers], X)
        if texts:
            hot = self.encoder_.transform(self._coded(texts))
            for rows in block_slices(len(X_new), 16 * len(self._shares)):
                X_new[rows, n_numbers:] = (hot[rows].toarray() - self._shares) * self._factors
        return X_new

    def _scale_numbers(self, X_new, X):
        statistics = (self.center_, self.unit_, self.mean_, self.scale_)
        center, unit, mean, scale = (values.astype(self._dtype) for values in statistics)
        for rows in block_slices(len(X_new), 16 * max(1, X_new.shape[1])):
            block = X_new[rows]
            infinite = np.isinf(block)
            if infinite.any():
                j = int(infinite.any(axis=0).argmax())
                _check_no_infinity(X_new[:, j], X, int(np.flatnonzero(self.numeric_)[j]))
            np.copyto(block, center, where=np.isnan(block))
            with np.errstate(over="ignore"):
                block -= center
                block /= unit
            np.clip(block, -FARTHEST, FARTHEST, out=block)
            block -= mean
            block /= scale

    def get_feature_names_out(self, input_features=None):
        """Names of the features: of columns, and of columns and categories."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if not hasattr(self, "numeric_"):
            return names
        out = list(names[self.numeric_])
        if self.encoder_ is not None:
            groups = zip(names[~self.numeric_], self._codes, self.encoder_.categories_, strict=True)
            for name, codes, categories in groups:
                values = [*codes, "infrequent"]
                out += [f"{name}_{values[code]}" for code in categories]
        return np.array(out, dtype=object)

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
    if isinstance(X, list | tuple) and not X:
        raise ValueError(_NO_SAMPLES)
    X = check_table(estimator, X, reset=reset)
    if holds_objects(X):
        raise TypeError(
            "X holds one object per sample, such as a text, and no columns. Give a transformer "
            "that converts them, such as TfidfVectorizer() for texts, as features (transformer of "
            "TransformedSampler)."
        )
    if isinstance(X, list | tuple) and np.asarray(X, dtype=object).ndim != 2:
        raise ValueError(
            "Expected 2D array, but X is a list that is no table: its rows are no lists, have "
            "different lengths, or hold lists. Each row must hold one number, date or string for "
            f"each feature. {_WAY_OUT}."
        )
    if _num_samples(X) < 1:
        raise ValueError(_NO_SAMPLES)
    if estimator.n_features_in_ < 1:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    return X


def _codes_of(text):
    """The code of each frequent category of a column; None, if it is there, is a category too."""
    counts = collections.Counter(text.values)
    least = max(2, math.ceil(MIN_FREQUENCY * len(text.values)))
    frequent = [name for name, count in counts.items() if count >= least]
    if not frequent and len(counts) > 1:
        warn(
            f"{text.name} holds {len(counts)} different strings or categories, each in less than "
            f"{MIN_FREQUENCY:.1%} of the samples or in a single one. It has no influence on the "
            "selection. Leave it out of X, or give a transformer that converts it as features "
            "(transformer of TransformedSampler)."
        )
    frequent.sort(key=lambda name: (-counts[name], name is None, name or ""))
    kept = sorted(frequent[:MAX_CATEGORIES], key=lambda name: (name is None, name or ""))
    return {name: code for code, name in enumerate(kept)}


# The columns ----------------------------------------------------------------------------------

_TIMES = datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64


class _Texts:
    """A column of strings or categories: its values as strings, None where they are missing."""

    def __init__(self, values, name):
        self.values, self.name = values, name


def _numeric_array(X):
    """`X` if it is an array of numbers, else None."""
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return X if isinstance(X, np.ndarray) and kind in "biuf" else None


def _read_columns(X, numeric=None):
    """(position, values) of each column: floats with NaN for missing values, or `_Texts`.

    If `numeric` is given, it says which columns are numbers; else the values decide.
    """
    for j, (name, values) in enumerate(columns(X)):
        yield j, _read(values, _in_words(name), None if numeric is None else bool(numeric[j]))


def _in_words(name):
    return f"column {name.item() if isinstance(name, np.generic) else name!r}"


def _read(values, name, as_numbers):
    if as_numbers is None and _is_category(values):
        as_numbers = False
    if _is_dictionary(values):
        values = values.cast(values.type.value_type)  # NumPy gets wrong values where it is null
    array = np.asarray(values)
    if array.ndim != 1:
        raise TypeError(f"{name} has {array.ndim} dimensions. {_EACH}. {_WAY_OUT}.")
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name}. {_WAY_OUT}.")
    if as_numbers is not False and array.dtype.kind in "biuf":
        return array.astype(np.float32 if array.dtype == np.float32 else np.float64, copy=False)
    if as_numbers is not False and array.dtype.kind in "mM":
        return np.where(np.isnat(array), np.nan, _seconds(array))
    array = array.astype(object)
    there = np.ones(len(array), dtype=bool)
    if not all(issubclass(kind, str) for kind in set(map(type, array))):
        there[:] = [not _is_missing(value) for value in array]
    held = array[there]
    if as_numbers is not False:
        numbers = np.full(len(array), np.nan)
        try:
            is_time = len(held) and isinstance(held[0], _TIMES)
            numbers[there] = list(map(_seconds, held)) if is_time else held.astype(np.float64)
            return numbers
        except (TypeError, ValueError) as error:
            if as_numbers:
                raise TypeError(f"{name} held only numbers in fit: {error}.") from error
        _check_types(array, held, name)
    names = {value: _written(value) for value in set(held)}
    array[there] = [names[value] for value in held]
    array[~there] = None
    return _Texts(array, name)


def _is_category(values):
    """Whether the dtype of the column says that it holds categories, be they numbers or not."""
    dtype = getattr(values, "dtype", None)
    return _is_dictionary(values) or getattr(dtype, "name", None) == "category"


def _is_dictionary(values):
    """Whether it is a column of categories of pyarrow."""
    return str(getattr(values, "type", "")).startswith("dictionary<")


def _is_missing(value):
    if isinstance(value, float | np.floating):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # these of pandas


def _seconds(time):
    """Seconds since 1970 of datetimes or dates (of UTC if they have a time zone), or of a span."""
    if isinstance(time, datetime.timedelta):
        return time.total_seconds()
    if isinstance(time, datetime.datetime) and time.tzinfo is not None:
        time = time.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(time, datetime.date):
        time = np.datetime64(time, "us")
    if not isinstance(getattr(time, "dtype", None), np.dtype):
        raise TypeError(f"{time!r} is no date")
    return time.astype(f"{time.dtype.kind}8[us]").astype(np.int64) / 1e6


def _check_types(array, held, name):
    wrong = [kind for kind in set(map(type, held)) if not issubclass(kind, str | bytes | Number)]
    if wrong:
        row = next(at for at, value in enumerate(array) if type(value) in wrong)
        beside = " beside values of other types" if isinstance(array[row], _TIMES) else ""
        raise TypeError(
            f"{name} holds a {type(array[row]).__name__}{beside} ({reprlib.repr(array[row])} in "
            f"row {row}). {_EACH}. {_WAY_OUT}."
        )


def _written(value):
    """The name of a category, which is the same for 1, 1.0 and True."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Number):
        return str(int(value)) if value == value // 1 else repr(float(value))
    return str(value)


def _statistics(values):
    """(center, unit, mean, scale) of a column of numbers, as a row of the table of all columns."""
    values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if len(values) == 0:
        return 0.0, 1.0, 0.0, 1.0
    # Sorted, so that the order of the samples has no influence on the rounding errors of sums.
    precision = np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0
    values = np.sort(values).astype(np.float64, copy=False)
    center = values[(len(values) - 1) // 2]  # a value of the column, also if there are two medians
    with np.errstate(over="ignore"):
        away = values - center
        far = np.abs(away[away != 0])
        if len(far) == 0 or far.max() <= 10 * precision * abs(center):
            return center, 1.0, 0.0, 1.0
        unit = np.partition(far, len(far) // 2)[len(far) // 2]
        away /= unit
    np.clip(away, -FARTHEST, FARTHEST, out=away)
    mean = away.mean()
    variance = np.mean((away - mean) ** 2)
    return center, unit, mean, np.sqrt(max(variance, LEAST_VARIANCE))


def check_no_infinity(X):
    """Raise an error if a column of floats of `X` holds infinity, as `AutoFeatures` does."""
    for j, (_, values) in enumerate(columns(X)):
        if getattr(getattr(values, "dtype", None), "kind", None) == "f":
            _check_no_infinity(np.asarray(values), X, j)


def _check_no_infinity(values, X, j):
    """Raise an error if `values`, which are from column `j` of `X`, are not finite or missing."""
    if values.dtype.kind == "f" and np.isinf(values).any():
        name = next(itertools.islice(columns(X), j, None))[0]
        raise ValueError(
            f"Input X contains infinity: {_in_words(name)}, row {int(np.isinf(values).argmax())}. "
            "Replace it by NaN, which stands for a missing value, or by a number."
        )
