"""Fitted or not, weights in, probabilities and decision values out, what reaches the last step."""

import copy
from contextlib import nullcontext

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from skcoreset._backend import is_foreign, to_numpy
from skcoreset._models._weights import final_estimator, routing, weight_keyword

__all__ = [
    "WillHaveMethods",
    "default_classifier",
    "features",
    "fit_with_weight",
    "has_method",
    "host",
    "is_fitted",
    "last_step",
    "output_method",
    "outputs",
    "outputs_out_of_fold",
]


def default_classifier():
    """The classifier that stands for ``estimator=None``."""
    return LogisticRegression(max_iter=1000)


def is_fitted(estimator):
    """Whether `estimator` is used as it is: fitted, or frozen around a fitted one."""
    if isinstance(estimator, FrozenEstimator):
        return is_fitted(estimator.estimator)
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):  # TypeError: no estimator at all, said where it is used
        return False
    return True


def host(X):
    """`X` as classifiers take it: arrays on a device only under array API dispatch."""
    dispatch = sklearn.get_config()["array_api_dispatch"]
    return to_numpy(X) if is_foreign(X) and not dispatch else X


def has_method(estimator, method):
    """Whether `estimator` has `method`, or will have it once it is fitted.

    A stacking with its default final estimator shows ``predict`` only then, and so does a
    Pipeline or a parameter search around one.
    """
    if hasattr(estimator, method):
        return True
    if not hasattr(type(estimator), method) or is_fitted(estimator):
        return False
    if isinstance(estimator, (StackingClassifier, StackingRegressor)):
        inner = final_estimator(estimator)
    elif isinstance(estimator, Pipeline):
        inner = estimator.steps[-1][1]
    else:
        inner = getattr(estimator, "estimator", None)
    return bool(getattr(estimator, "refit", True)) and has_method(inner, method)


class WillHaveMethods(HasMethods):
    """Constraint on a parameter: an estimator that has these methods, at the latest once fitted."""

    def is_satisfied_by(self, val):
        return all(has_method(val, method) for method in self.methods)


def fit_with_weight(estimator, X, y, sample_weight=None):
    """Fit `estimator` in place; with weights if there are any, which it must be able to take."""
    if sample_weight is None:
        return estimator.fit(host(X), host(y))
    keyword = weight_keyword(estimator)
    if keyword is None:
        raise ValueError(
            f"sample_weight was given, but {estimator!r} takes no sample_weight in fit. Give an "
            "estimator that does, or one that is fitted already."
        )
    with routing(estimator):
        return estimator.fit(host(X), host(y), **{keyword: host(sample_weight)})


def output_method(estimator, needs, asked_by):
    """Name of the method to ask: predict_proba first, else decision_function.

    Parameters
    ----------
    estimator : estimator instance
    needs : "proba" or "any"
    asked_by : str
        Who needs it, for the error.
    """
    if has_method(estimator, "predict_proba"):
        return "predict_proba"
    if not has_method(estimator, "decision_function"):
        raise TypeError(
            f"{asked_by} needs a classifier with predict_proba"
            f"{' or decision_function' if needs == 'any' else ''}; {estimator!r} has neither."
        )
    if needs == "proba":
        raise TypeError(
            f"{asked_by} needs probabilities and {estimator!r} has only decision_function. Wrap "
            "it in sklearn.calibration.CalibratedClassifierCV, or use Margin, which takes "
            "decision values."
        )
    return "decision_function"


def outputs(estimator, X, method):
    """What a fitted classifier says of `X`: (n, n_classes), or (n,) decision values if binary."""
    if method == "decision_function":
        estimator = _one_versus_rest(estimator)
    with _no_class_at_all():
        values = getattr(estimator, method)(host(X))
    values = _checked(values, estimator, method)
    if values.ndim == 2 and values.shape[1] != len(estimator.classes_):
        raise ValueError(
            f"{method} of {estimator!r} gave {values.shape[1]} values a row for "
            f"{len(estimator.classes_)} classes; one a class is needed."
        )
    return values


def outputs_out_of_fold(estimator, X, y, method, cv, sample_weight=None):
    """The same for clones that have not seen the row, by cross-validation."""
    estimator = clone(estimator)
    params = None if sample_weight is None else {weight_keyword(estimator): sample_weight}
    if method == "decision_function":
        estimator = _one_versus_rest(estimator)
    # Its check of `estimator` asks for `predict`, which a stacking may have only once it is fitted.
    unchecked = sklearn.config_context(skip_parameter_validation=True)
    with routing(estimator), unchecked, _no_class_at_all():
        values = cross_val_predict(estimator, host(X), y, cv=cv, method=method, params=params)
    return _checked(values, estimator, method)


def _one_versus_rest(estimator):
    """A shallow copy that gives one decision value a class where SVC would give one a pair."""
    if getattr(last_step(estimator), "decision_function_shape", "ovr") != "ovo":
        return estimator
    if isinstance(estimator, FrozenEstimator):
        return FrozenEstimator(_one_versus_rest(estimator.estimator))
    estimator = copy.copy(estimator)
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        estimator.steps = [*estimator.steps[:-1], (name, _one_versus_rest(last))]
    elif hasattr(estimator, "best_estimator_"):
        estimator.best_estimator_ = _one_versus_rest(estimator.best_estimator_)
    elif isinstance(estimator, BaseSearchCV):
        estimator.estimator = _one_versus_rest(estimator.estimator)
    else:
        estimator.decision_function_shape = "ovr"
    return estimator


# Where a row is so far on the wrong side of every class that all its probabilities are 0,
# SGDClassifier divides 0 by 0 before scikit-learn 1.9; from then on they are equal.
_ZERO_BY_ZERO = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < (1, 9)


def _no_class_at_all():
    return np.errstate(invalid="ignore") if _ZERO_BY_ZERO else nullcontext()


def _checked(values, estimator, method):
    values = to_numpy(values)
    is_sgd = isinstance(last_step(estimator), SGDClassifier)
    if _ZERO_BY_ZERO and is_sgd and method == "predict_proba":
        values[np.isnan(values).all(axis=1)] = 1 / values.shape[1]
    if not np.isfinite(values).all():
        raise ValueError(f"{estimator!r} gave values that are NaN or infinite; none can be ranked.")
    return np.asarray(values, dtype=np.float64)


def last_step(estimator):
    """The classifier itself: the last step of a Pipeline, what is frozen, what a search found."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, BaseSearchCV):
            estimator = estimator.estimator
        else:
            return estimator


def features(estimator, X):
    """What reaches the classifier itself: `X`, or what the earlier steps of a Pipeline make of it.

    Returns
    -------
    ndarray or csr of shape (n_samples, n_features), finite floats
    """
    model = last_step(estimator)
    while estimator is not model:
        if isinstance(estimator, Pipeline):
            if len(estimator.steps) > 1:
                X = estimator[:-1].transform(host(X))
            estimator = estimator.steps[-1][1]
        else:
            estimator = getattr(estimator, "best_estimator_", None) or estimator.estimator
    return check_array(
        host(X), accept_sparse="csr", dtype=[np.float64, np.float32], input_name="features"
    )
