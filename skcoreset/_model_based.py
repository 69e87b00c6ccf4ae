"""What a method that uses a classifier adds to the base of all samplers.

`ModelMixin` is the content of `BaseModelCoreset`: it checks the classifier, fits a clone of it and
predicts with it. The functions below it are also used by methods with a model under another name.
"""

from copy import copy
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import type_of_target

from skcoreset import _models
from skcoreset._backend import is_partitioned, take, to_numpy
from skcoreset._estimator import seeded
from skcoreset._partitions import sample_of, split
from skcoreset._validation import continuous_target, naming_columns

__all__ = [
    "ModelMixin",
    "check_classifier",
    "check_not_frozen_unfitted",
    "check_takes_weight",
    "rows_with_weight",
]


class ModelMixin:
    """The part of `BaseModelCoreset` that is about the classifier. It precedes `BaseCoreset`."""

    _defaults = {"estimator": "_classifier"}

    _takes_regressors = False  # whether `estimator` may be a regressor, with a continuous `y`
    _needs = "any"  # or "proba": the classifier must have predict_proba
    _needs_labels = False  # whether `y` is required even if the classifier is already fitted

    cv = None

    def _is_regression(self):
        estimator = self._classifier()  # the error about one that cannot be used comes first
        return self._takes_regressors and is_regressor(estimator)

    def _uses_classes(self):
        return not self._is_regression()

    def _encode(self, y):
        if not self._is_regression():
            return super()._encode(y)
        if y is not None:
            continuous_target(y)
        return None, None

    def _non_numeric_hint(self):
        return "A Pipeline given as estimator can begin with such a step."

    def _classifier(self):
        if self.estimator is None:
            return _models.default_classifier()
        return _models.local(self.estimator)

    def _check_params(self, table):
        estimator = self._classifier()
        fitted = _models.is_fitted(estimator)
        name = type(self).__name__
        check_not_frozen_unfitted(self.estimator)
        if self._is_regression():
            self._check_regression(table, estimator)
            return
        if is_regressor(estimator):
            raise TypeError(
                f"{name} needs a classifier, but estimator={estimator!r} is a regressor. CRAIG, "
                "GradMatch, and ImportanceSampling with sensitivity='loss' or 'gradient' accept "
                "regressors."
            )
        self._method(estimator)
        if self.cv is not None and fitted:
            raise ValueError(
                f"cv={self.cv!r} fits clones of the estimator on parts of the data, but "
                f"{estimator!r} is already fitted and is used as it is. Give an unfitted "
                "estimator, or cv=None."
            )
        if table.classes is None:
            if table.y is not None:
                raise ValueError(
                    f"Unknown label type: {_kind_of_target(table)}. {name} needs the "
                    "labels of a classification problem"
                    + (", or a regressor as estimator." if self._takes_regressors else ".")
                )
            if not fitted or self._needs_labels:
                raise ValueError(
                    f"{name} requires y to be passed, but the target y is None"
                    + (
                        "."
                        if self._needs_labels
                        else ": the classifier is not fitted. Give labels, or a classifier that "
                        "is already fitted."
                    )
                )
            return
        if len(np.unique(table.codes[table.sample_weight > 0])) < 2 and not fitted:
            only = table.classes[table.codes[table.sample_weight > 0][0]]
            raise ValueError(
                f"{name} fits a classifier, which needs at least 2 classes, but y has one class"
                f"{table.of_positive_weight and ' with samples' + table.of_positive_weight}: "
                f"{only}."
            )
        check_classifier(estimator, table, name)

    def _check_regression(self, table, estimator):
        name = type(self).__name__
        if self._stratification() == "balanced":
            raise ValueError(
                "stratify='balanced' selects equally many samples of each class, but "
                f"{name} treats y as continuous, because {estimator!r} is a regressor. Use "
                "stratify='quantile' or None."
            )
        if table.y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        if not _models.is_fitted(estimator):
            check_takes_weight(estimator, table)

    def _fit_estimator(self, table):
        """Set `estimator_`: the classifier itself if it is fitted, else a fitted clone of it.

        If the table is in partitions, Dask fits the classifier on all of them.
        """
        estimator = self._classifier()
        if not _models.is_fitted(estimator):
            if is_partitioned(table.X):
                estimator = copy(self.estimator)  # one of lightgbm drops its client, unlike `clone`
                X, y, weight = _collections_with_weight(table)
            else:
                X, y, weight = rows_with_weight(table)
            if getattr(self, "random_state", None) is None:
                estimator = clone(estimator)
            else:
                estimator = seeded(estimator, check_random_state(self.random_state))
            estimator = _models.local(_models.fit_with_weight(estimator, X, y, weight))
        self.estimator_ = estimator

    def _for_stream(self, X, y, weight):
        if _models.is_fitted(self._classifier()):
            return copy(self)
        fitted = copy(self)
        fitted._fit_estimator(fitted._checked(X, y, weight if (weight != 1).any() else None, {}))
        fitted.estimator = fitted.estimator_
        return fitted

    def _for_partitions(self, table, rng):
        estimator, fitted = self._classifier(), copy(self)
        if self.cv is not None:
            raise ValueError(
                f"cv={self.cv!r} predicts each sample of a table in memory out of fold. Give a "
                "classifier that is already fitted for Dask collections, or cv=None."
            )
        if _models.is_fitted(estimator):
            fitted.estimator_ = estimator
        elif hasattr(self.estimator, "to_local"):
            fitted._fit_estimator(table)
            _check_knows_classes(fitted.estimator_, table)
        else:
            sample, rows = sample_of(table, rng)
            sample = replace(sample, X=fitted._check_X(sample.X))
            with naming_columns(sample.X, self, rows):
                fitted._fit_estimator(sample)
        fitted.estimator = fitted.estimator_
        return fitted, fitted

    def _method(self, estimator):
        """Name of the method of the classifier that is used; raises if there is none."""
        return _models.response_method(estimator, self._needs, type(self).__name__)

    def _model_outputs(self, table):
        """Probabilities or decision values of the samples, out of fold if `cv` is not None."""
        self._fit_estimator(table)
        method = self._method(self.estimator_)
        if self.cv is None:
            return _models.response_values(self.estimator_, table.X, method)
        X, y, weight = rows_with_weight(table)
        rows = np.flatnonzero(table.sample_weight > 0)
        cv = _folds_of_rows(self.cv, rows, len(table.sample_weight))
        values = _models.cross_val_response(self._classifier(), X, y, method, cv, weight)
        if len(rows) == len(table.sample_weight):
            return values
        all_values = np.full((len(table.sample_weight), *values.shape[1:]), np.nan)
        all_values[rows] = values
        return all_values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        estimator = self._classifier()
        inner = get_tags(estimator).input_tags
        tags.input_tags.sparse = inner.sparse
        tags.input_tags.allow_nan = inner.allow_nan
        tags.input_tags.string = inner.string
        tags.input_tags.categorical = inner.categorical
        tags.target_tags.required = not _models.is_fitted(estimator)
        return tags


def _folds_of_rows(cv, rows, n_samples):
    """`cv` for the samples `rows` alone: folds that are given by indices lose all other samples."""
    draws_folds = isinstance(cv, Integral) or hasattr(cv, "split")
    if len(rows) == n_samples or (draws_folds and not isinstance(cv, PredefinedSplit)):
        return cv
    splits = cv.split() if hasattr(cv, "split") else cv
    position = np.full(n_samples, -1)
    position[rows] = np.arange(len(rows))
    folds = [[position[np.asarray(fold)] for fold in split] for split in splits]
    return [tuple(fold[fold >= 0] for fold in split) for split in folds]


def _kind_of_target(table):
    return "continuous" if is_partitioned(table.X) else type_of_target(to_numpy(table.y))


def check_not_frozen_unfitted(estimator):
    """Raise if `estimator` is a FrozenEstimator that can be neither used nor fitted."""
    if isinstance(estimator, FrozenEstimator) and not _models.is_fitted(estimator):
        raise ValueError(f"{estimator!r} was frozen before it was fitted. Fit it first.")


def check_classifier(classifier, table, name):
    """Raise unless a fitted classifier knows the classes, or another one takes the weights.

    `name` is the class of the sampler, for the error.
    """
    if _models.is_fitted(classifier):
        if len(classifier.classes_) < 2:
            raise ValueError(
                f"{classifier!r} was fitted with one class, {classifier.classes_[0]!r}; {name} "
                "needs at least 2."
            )
        unseen = np.setdiff1d(table.classes, classifier.classes_)
        if len(unseen):
            raise ValueError(
                f"y has labels that the classifier was not fitted with: {unseen.tolist()}. Its "
                f"classes are {np.asarray(classifier.classes_).tolist()}."
            )
    else:
        check_takes_weight(classifier, table)


def check_takes_weight(estimator, table):
    """Raise if sample weights were given, and an unfitted `estimator` takes none."""
    if table.weighted and _models.weight_keyword(estimator) is None:
        raise ValueError(
            f"sample_weight was given, but {estimator!r} takes no sample_weight in fit. Give "
            "an estimator that does, or one that is already fitted."
        )


def _check_knows_classes(classifier, table):
    """Raise if Dask has fitted a classifier without some of the classes."""
    if table.classes is None:
        return
    present = table.classes[np.unique(table.codes[table.sample_weight > 0])]
    lost = np.setdiff1d(present, classifier.classes_)
    if len(lost):
        raise ValueError(
            f"{classifier!r} was fitted by Dask, but does not know the classes {lost.tolist()} of "
            "y. If each worker learns the classes from its own partitions, shuffle the samples, so "
            "that every partition has samples of every class."
        )


def _collections_with_weight(table):
    """`rows_with_weight` of a table in partitions, as Dask collections."""
    present = table.sample_weight > 0
    rows = None if present.all() else [np.flatnonzero(some) for some in split(table.X, present)]
    return table.X.collections(rows)


def rows_with_weight(table):
    """(X, y, sample_weight) of the samples of positive weight, to fit a classifier on."""
    y = table.target
    weight = table.sample_weight if table.weighted else None
    if (table.sample_weight > 0).all():
        return table.X, y, weight
    rows = np.flatnonzero(table.sample_weight > 0)
    return take(table.X, rows), y[rows], weight[rows]
