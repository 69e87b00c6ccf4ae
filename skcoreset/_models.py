"""What a classifier is asked. The only file that looks inside classifiers."""

import copy
import inspect

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skcoreset._backend import is_foreign, to_numpy

__all__ = [
    "default_classifier",
    "fit_with_weight",
    "host",
    "is_fitted",
    "output_method",
    "outputs",
    "weight_keyword",
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


def weight_keyword(estimator):
    """The keyword by which ``estimator.fit`` takes weights, or None if it takes none.

    "sample_weight", or in a Pipeline that of its last step ("svc__sample_weight"); a parameter
    search takes what the estimator inside takes. A Pipeline that resamples takes none: the
    weights would not be resampled with the rows.
    """
    if isinstance(estimator, FrozenEstimator):
        return None
    if isinstance(estimator, Pipeline):
        if any(hasattr(step, "fit_resample") for _, step in estimator.steps):
            return None
        name, last = estimator.steps[-1]
        inner = None if last in (None, "passthrough") else weight_keyword(last)
        return inner and f"{name}__{inner}"
    parameters = inspect.signature(estimator.fit).parameters
    if "sample_weight" in parameters:
        return "sample_weight"
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if takes_any and hasattr(estimator, "best_index_") | hasattr(estimator, "refit"):
        return weight_keyword(estimator.estimator)
    return None


def fit_with_weight(estimator, X, y, sample_weight=None):
    """Fit `estimator` in place; with weights if there are any, which it must be able to take."""
    if sample_weight is None:
        return estimator.fit(host(X), y)
    keyword = weight_keyword(estimator)
    if keyword is None:
        raise ValueError(
            f"sample_weight was given, but {estimator!r} takes no sample_weight in fit. Give an "
            "estimator that does, or one that is fitted already."
        )
    # Under metadata routing every step would have to say whether it wants the weights; here it is
    # known where they go.
    with sklearn.config_context(enable_metadata_routing=False):
        return estimator.fit(host(X), y, **{keyword: sample_weight})


def output_method(estimator, needs, asked_by):
    """Name of the method to ask: predict_proba first, else decision_function.

    Parameters
    ----------
    estimator : estimator instance
    needs : "proba" or "any"
    asked_by : str
        Who needs it, for the error.
    """
    if hasattr(estimator, "predict_proba"):
        return "predict_proba"
    if not hasattr(estimator, "decision_function"):
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
    return _checked(getattr(estimator, method)(host(X)), estimator)


def outputs_out_of_fold(estimator, X, y, method, cv, sample_weight=None):
    """The same for clones that have not seen the row, by cross-validation."""
    estimator = clone(estimator)
    params = None if sample_weight is None else {weight_keyword(estimator): sample_weight}
    if method == "decision_function":
        estimator = _one_versus_rest(estimator)
    with sklearn.config_context(enable_metadata_routing=False):
        values = cross_val_predict(estimator, host(X), y, cv=cv, method=method, params=params)
    return _checked(values, estimator)


def _one_versus_rest(estimator):
    """A shallow copy that gives one decision value a class where SVC would give one a pair."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if getattr(last, "decision_function_shape", "ovr") != "ovo":
        return estimator
    last = copy.copy(last)
    last.decision_function_shape = "ovr"
    if not isinstance(estimator, Pipeline):
        return last
    estimator = copy.copy(estimator)
    estimator.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], last)]
    return estimator


def _checked(values, estimator):
    values = to_numpy(values)
    if not np.isfinite(values).all():
        raise ValueError(f"{estimator!r} gave values that are NaN or infinite; none can be ranked.")
    return np.asarray(values, dtype=np.float64)
