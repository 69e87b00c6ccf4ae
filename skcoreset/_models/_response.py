"""Fit classifiers with sample weights, predict with them, and transform to their last step."""

import copy
from contextlib import nullcontext

import numpy as np
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    _predict_binary,
    _threshold_for_binary_predict,
)
from sklearn.pipeline import Pipeline
from sklearn.svm._base import BaseSVC
from sklearn.utils import check_array, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset._backend import is_foreign, is_partitioned, to_numpy
from skcoreset._models._votes import gaps_to_the_winner
from skcoreset._models._weights import stacking_final_estimator, weight_keyword, weight_routing

__all__ = [
    "HasMethodsOnceFitted",
    "classifier_input",
    "cross_val_response",
    "default_classifier",
    "fit_with_weight",
    "has_method",
    "is_fitted",
    "last_step",
    "last_step_features",
    "local",
    "predicted_labels",
    "predicted_values",
    "response_method",
    "response_values",
]

# Tolerances for rounding errors of probabilities: networks compute them in float32 or float16, and
# those of GaussianProcessClassifier can be -5e-13. Negative values within the tolerance become 0.
SUM_TOLERANCE = 1e-3
NEGATIVE_TOLERANCE = 1e-6


def default_classifier():
    """The classifier that ``estimator=None`` selects."""
    return LogisticRegression(max_iter=1000)


def is_fitted(estimator):
    """Whether `estimator` is fitted, or a FrozenEstimator that contains a fitted one."""
    if isinstance(estimator, FrozenEstimator):
        return is_fitted(estimator.estimator)
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):  # TypeError: not an estimator, reported where it is used
        return False
    return True


def local(estimator):
    """`estimator`, or its ``to_local()`` if it is fitted by Dask and predicts Dask collections.

    ``to_local()`` returns an estimator that is fitted on, and predicts, tables in memory. It is
    fitted if `estimator` is. The estimators of ``lightgbm.dask`` have this method.
    """
    if hasattr(estimator, "to_local"):
        return estimator.to_local()
    if any("dask" in cls.__module__.split(".") for cls in type(estimator).__mro__):
        raise TypeError(
            f"{estimator!r} predicts Dask collections, but the samples of one partition at a time "
            "are to be predicted, in memory. Use a subclass with a method to_local that returns "
            "the same estimator for tables in memory (fitted if it is itself fitted), or an "
            "estimator for tables in memory."
        )
    return estimator


def classifier_input(X):
    """`X` in host memory, unless array API dispatch is on: the container that classifiers take.

    A Dask collection is that of an estimator that is fitted by Dask.
    """
    dispatch = sklearn.get_config()["array_api_dispatch"]
    return to_numpy(X) if is_foreign(X) and not dispatch and not is_partitioned(X) else X


def has_method(estimator, method):
    """Whether `estimator` has `method`, or will have it once it is fitted.

    A stacking estimator with the default final estimator has ``predict`` only once it is fitted;
    the same holds for a Pipeline or a parameter search that contains one.
    """
    if hasattr(estimator, method):
        return True
    if not hasattr(type(estimator), method) or is_fitted(estimator):
        return False
    if isinstance(estimator, (StackingClassifier, StackingRegressor)):
        inner = stacking_final_estimator(estimator)
    elif isinstance(estimator, Pipeline):
        inner = estimator.steps[-1][1]
    else:
        inner = getattr(estimator, "estimator", None)
    return bool(getattr(estimator, "refit", True)) and has_method(inner, method)


class HasMethodsOnceFitted(HasMethods):
    """Constraint on a parameter: an estimator that has these methods, or has them once fitted."""

    def is_satisfied_by(self, val):
        return all(has_method(val, method) for method in self.methods)


def fit_with_weight(estimator, X, y, sample_weight=None):
    """Fit `estimator` in place, with sample weights if they are given."""
    if sample_weight is None:
        return estimator.fit(classifier_input(X), classifier_input(y))
    keyword = weight_keyword(estimator)
    if keyword is None:
        raise ValueError(
            f"sample_weight was given, but {estimator!r} takes no sample_weight in fit. Use an "
            "estimator that does, or one that is already fitted."
        )
    with weight_routing(estimator):
        return estimator.fit(
            classifier_input(X), classifier_input(y), **{keyword: classifier_input(sample_weight)}
        )


def response_method(estimator, required, caller):
    """Name of the prediction method: "predict_proba" if it exists, else "decision_function".

    Parameters
    ----------
    estimator : estimator instance
    required : "proba" or "any"
        Whether the predictions must be probabilities.
    caller : str
        Name of the class that needs the predictions, for the error.
    """
    if has_method(estimator, "predict_proba"):
        return "predict_proba"
    if not has_method(estimator, "decision_function"):
        raise TypeError(
            f"{caller} requires a classifier with predict_proba"
            f"{' or decision_function' if required == 'any' else ''}; {estimator!r} has neither "
            "predict_proba nor decision_function."
        )
    if required == "proba":
        raise TypeError(
            f"{caller} requires probabilities, but {estimator!r} has only decision_function. "
            "Wrap it in sklearn.calibration.CalibratedClassifierCV, or use Margin, which accepts "
            "decision values."
        )
    return "decision_function"


def response_values(estimator, X, method):
    """Predictions of a fitted classifier: (n, n_classes), or (n,) for a binary decision function.

    Parameters
    ----------
    estimator : fitted classifier
    X : array-like, sparse matrix or dataframe of n samples
    method : "predict_proba", "decision_function" or "pairs"
        "pairs" is "decision_function", except for a one-vs-one classifier of more than two
        classes. For that it is minus the amount by which the pairwise values must change until a
        class has more votes than the predicted one (0 for the predicted class, at most 0 for the
        others).
    """
    if method == "pairs":
        if _is_one_vs_one(estimator):
            return gaps_to_the_winner(_pairwise_values(estimator, X), len(estimator.classes_))
        method = "decision_function"
    if method == "decision_function":
        estimator = _with_shape(estimator, "ovr")
    if not hasattr(estimator, "classes_"):
        raise TypeError(
            f"{estimator!r} has no attribute classes_, so the columns of its {method} cannot be "
            "assigned to classes."
        )
    with _ignore_invalid():
        values = getattr(estimator, method)(classifier_input(X))
    return _check_values(values, estimator, method, _num_samples(X), len(estimator.classes_))


def cross_val_response(estimator, X, y, method, cv, sample_weight=None):
    """Out-of-fold predictions, by cross-validation with clones of `estimator`."""
    params = None if sample_weight is None else {weight_keyword(estimator): sample_weight}
    cloned, sklearn_method = clone(estimator), method
    if method == "pairs":
        cloned, sklearn_method = _PairwiseDecisions(cloned), "decision_function"
    # Its check of `estimator` requires `predict`, which stacking may have only once it is fitted.
    unchecked = sklearn.config_context(skip_parameter_validation=True)
    with weight_routing(estimator), unchecked, _ignore_invalid():
        values = cross_val_predict(
            cloned, classifier_input(X), y, cv=cv, method=sklearn_method, params=params
        )
    return _check_values(values, estimator, sklearn_method, _num_samples(X), len(np.unique(y)))


def predicted_labels(estimator, X):
    """Class labels predicted by a fitted classifier, (n,)."""
    labels = np.asarray(to_numpy(estimator.predict(classifier_input(X))))
    n = _num_samples(X)
    if labels.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"predict of {estimator!r} returned an array of shape {labels.shape} for {n} samples. "
            "It must return one class label per sample."
        )
    labels = labels.reshape(n)
    if labels.dtype.kind in "fcO":
        missing = np.array([label is None or bool(label != label) for label in labels])
        if missing.any():
            row = int(missing.argmax())
            raise ValueError(
                f"predict of {estimator!r} returned {labels[row]} for sample {row}, which is not a "
                "class label."
            )
    return labels


def predicted_values(estimator, X, n_outputs):
    """Predictions of a fitted regressor, (n, n_outputs), float64."""
    values = np.asarray(to_numpy(estimator.predict(classifier_input(X))))
    n = _num_samples(X)
    if values.dtype.kind not in "buif" or values.size != n * n_outputs or len(values) != n:
        raise ValueError(
            f"predict of {estimator!r} returned an array of shape {values.shape} and dtype "
            f"{values.dtype} for {n} samples and {n_outputs} targets. It must return one number "
            "for each target of each sample."
        )
    values = values.astype(np.float64).reshape(n, n_outputs)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(
            f"predict of {estimator!r} returned NaN or infinity, first for sample {row}: "
            f"{values[row]}. All predictions must be finite."
        )
    return values


class _PairwiseDecisions(ClassifierMixin, BaseEstimator):
    """Classifier whose decision function is the method "pairs", for cross-validation."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, **params):
        self.estimator_ = self.estimator.fit(X, y, **params)
        self.classes_ = self.estimator_.classes_
        return self

    def decision_function(self, X):
        if _is_one_vs_one(self.estimator_):
            return response_values(self.estimator_, X, "pairs")
        # Checked by cross_val_response, for all folds together.
        return self.estimator_.decision_function(X)

    def predict(self, X):  # required by cross_val_predict
        return predicted_labels(self.estimator_, X)

    def __sklearn_tags__(self):
        return get_tags(self.estimator)


def _is_one_vs_one(estimator):
    model = last_step(estimator)
    return isinstance(model, (BaseSVC, OneVsOneClassifier)) and len(model.classes_) > 2


def _pairwise_values(estimator, X):
    """Decision value of each pair of classes, positive where the first wins, (n, n_pairs)."""
    model = last_step(estimator)
    if isinstance(model, BaseSVC):
        values = _with_shape(estimator, "ovo").decision_function(classifier_input(X))
    else:
        Z = _last_step_input(estimator, X)
        Z = Z if sparse.issparse(Z) else np.asarray(to_numpy(Z))
        columns = model.pairwise_indices_ or [slice(None)] * len(model.estimators_)
        values = np.column_stack(
            [
                _threshold_for_binary_predict(one) - _predict_binary(one, Z[:, some])
                for one, some in zip(model.estimators_, columns, strict=True)
            ]
        )
    n_pairs = len(model.classes_) * (len(model.classes_) - 1) // 2
    return _check_values(values, estimator, "decision_function", _num_samples(X), n_pairs, "pair")


def _with_shape(estimator, shape):
    """A shallow copy in which SVC has one value per class ("ovr") or per pair ("ovo")."""
    if getattr(last_step(estimator), "decision_function_shape", shape) == shape:
        return estimator
    if isinstance(estimator, FrozenEstimator):
        return FrozenEstimator(_with_shape(estimator.estimator, shape))
    estimator = copy.copy(estimator)
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        estimator.steps = [*estimator.steps[:-1], (name, _with_shape(last, shape))]
    elif hasattr(estimator, "best_estimator_"):
        estimator.best_estimator_ = _with_shape(estimator.best_estimator_, shape)
    else:
        estimator.decision_function_shape = shape
    return estimator


# For samples whose probabilities of all classes underflow to 0, SGDClassifier divides 0 by 0 before
# scikit-learn 1.9; since then it returns equal probabilities. OneVsRestClassifier returns zeros.
_SGD_DIVIDES_BY_ZERO = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < (1, 9)


def _ignore_invalid():
    return np.errstate(invalid="ignore") if _SGD_DIVIDES_BY_ZERO else nullcontext()


def _check_values(values, estimator, method, n_samples, n_columns, column="class"):
    """The predictions in float64; raises an error unless they are valid outputs of `method`."""
    values = np.asarray(to_numpy(values))
    shapes = [(n_samples, n_columns)]
    if method == "decision_function" and n_columns == 2:
        shapes.append((n_samples,))
    if values.shape not in shapes or values.dtype.kind not in "buif":
        raise ValueError(
            f"{method} of {estimator!r} returned an array of shape {values.shape} and dtype "
            f"{values.dtype}. For {n_samples} samples it must be numeric, of shape "
            f"{' or '.join(map(str, shapes))}: one row per sample and one column per {column}."
        )
    values = values.astype(np.float64)  # a copy: the classifier may store the original
    model = last_step(estimator)
    if method == "predict_proba" and isinstance(model, SGDClassifier) and _SGD_DIVIDES_BY_ZERO:
        values[np.isnan(values).all(axis=1)] = 1 / values.shape[1]
    if method == "predict_proba" and isinstance(model, OneVsRestClassifier):
        values[~values.any(axis=1)] = 1 / values.shape[1]
    finite = np.isfinite(values).reshape(n_samples, -1).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(
            f"{method} of {estimator!r} returned NaN or infinite values, first for sample {row}: "
            f"{values[row]}. All values must be finite."
        )
    if method == "predict_proba":
        wrong = (values < -NEGATIVE_TOLERANCE).any(axis=1) | (
            np.abs(values.sum(axis=1) - 1) > SUM_TOLERANCE
        )
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{method} of {estimator!r} returned values that are not probabilities, first for "
                f"sample {row}: {values[row]}, with sum {values[row].sum():.6g}. Probabilities "
                "must be non-negative and sum to 1. To obtain them from decision values, wrap the "
                "classifier in sklearn.calibration.CalibratedClassifierCV. Margin, CRAIG and "
                "GradMatch also accept decision values, from a classifier that has "
                "decision_function but not predict_proba."
            )
        np.maximum(values, 0.0, out=values)
    return values


def last_step(estimator):
    """The classifier inside Pipelines (last step), FrozenEstimators and parameter searches."""
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


def last_step_features(estimator, X):
    """Input of the classifier itself: `X`, transformed by the earlier steps of a Pipeline.

    Returns
    -------
    ndarray or csr of shape (n_samples, n_features), finite floats
    """
    return check_array(
        _last_step_input(estimator, X),
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        input_name="features",
    )


def _last_step_input(estimator, X):
    model = last_step(estimator)
    while estimator is not model:
        if isinstance(estimator, Pipeline):
            if len(estimator.steps) > 1:
                X = estimator[:-1].transform(classifier_input(X))
            estimator = estimator.steps[-1][1]
        else:
            estimator = getattr(estimator, "best_estimator_", None) or estimator.estimator
    return classifier_input(X)
