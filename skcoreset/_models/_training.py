"""Training a classifier step by step, and its outputs for the samples at each step."""

import threading
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from itertools import islice

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skcoreset._backend import take
from skcoreset._models._gradient_factors import last_layer_input
from skcoreset._models._response import (
    classifier_input,
    fit_with_weight,
    is_fitted,
    last_step,
    response_values,
)

__all__ = [
    "Response",
    "default_classifier_to_record",
    "fit_unconverged",
    "record_training",
    "recording_method",
    "squared_input_norms",
]

RECORDABLE = (
    "Use a classifier with partial_fit (SGDClassifier, MLPClassifier, GaussianNB, Perceptron), "
    "with warm_start and max_iter or n_estimators (forests, LogisticRegression), or with the "
    "predictions of each boosting stage (GradientBoostingClassifier, "
    "HistGradientBoostingClassifier, AdaBoostClassifier, xgboost, lightgbm); or record another "
    "training loop with TrainingDynamics.record."
)


@dataclass(frozen=True)
class Response:
    """Outputs of a classifier for some samples, one column for each class."""

    kind: str
    logits: np.ndarray | None  # or decision values; None: only the softmax is known
    proba: np.ndarray | None
    # The labels that `predict` returns for the samples at some positions: for equal outputs,
    # scikit-learn has more than one rule.
    predict: Callable | None = None

    @classmethod
    def from_values(cls, values, kind, predict=None):
        """From outputs of kind "proba", "logits" or "decision"; one column is the second class."""
        if values.ndim == 1:
            first = 1 - values if kind == "proba" else np.zeros_like(values)
            values = np.column_stack([first, values])
        if kind == "proba":
            return cls(kind, None, values, predict)
        return cls(kind, values, softmax(values, axis=1) if kind == "logits" else None, predict)

    def is_correct(self, codes, classes):
        """Whether the largest output, the first one if several are equal, is that of the label."""
        values = self.proba if self.logits is None else self.logits
        correct = values.argmax(axis=1) == codes
        if self.predict is not None:
            tied = (values == values.max(axis=1, keepdims=True)).sum(axis=1) > 1
            if tied.any():
                correct[tied] = self.predict(np.flatnonzero(tied)) == classes[codes[tied]]
        return correct


def default_classifier_to_record():
    """The default classifier, ``estimator=None``: logistic loss and stochastic gradient descent.

    On sparse data, SGDClassifier updates the intercept with a hundredth of the step size that it
    uses on dense data. A constant feature in place of the intercept makes both trainings equal.
    """
    return make_pipeline(
        PolynomialFeatures(degree=1), SGDClassifier(loss="log_loss", fit_intercept=False)
    )


def recording_method(estimator):
    """How the training of `estimator` is recorded: "stages", "partial_fit" or "warm_start".

    Raises a TypeError if it cannot be recorded, and a ValueError if the training is over.
    """
    if isinstance(estimator, BaseSearchCV) and not estimator.refit:
        raise ValueError(f"{estimator!r} has no best estimator to train: set refit=True.")
    model = last_step(estimator)
    if hasattr(model, "staged_decision_function") or _package(model) in ("xgboost", "lightgbm"):
        return "stages"
    parameters = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    warm = "warm_start" in parameters and {"max_iter", "n_estimators"} & set(parameters)
    if not warm and not hasattr(model, "partial_fit"):
        raise TypeError(f"The training of {estimator!r} cannot be recorded. {RECORDABLE}")
    if is_fitted(estimator):
        raise ValueError(
            f"{estimator!r} is fitted already, so that its training cannot be recorded. Use an "
            "unfitted clone (sklearn.base.clone), or pass the record of its training as `dynamics`."
        )
    if hasattr(model, "partial_fit"):
        return "partial_fit"
    if parameters.get("solver") == "liblinear":
        raise ValueError(
            f"The training of {model!r} cannot be recorded, because solver='liblinear' ignores "
            "warm_start. Use 'lbfgs', 'newton-cg', 'newton-cholesky', 'sag' or 'saga'."
        )
    return "warm_start"


def record_training(
    estimator,
    X,
    y,
    record,
    *,
    n_epochs,
    batch_size,
    per_epoch,
    first_stages,
    sample_weight,
    random_state,
):
    """Train a classifier and pass its outputs to ``record(rows, response, epoch, squared_norms)``.

    Parameters
    ----------
    estimator : classifier, or Pipeline that ends in one
        An unfitted classifier, which is trained in place, or a fitted boosting classifier.
    X, y : samples and class labels
    record : callable
        `rows` are the indices of the samples, `response` are their outputs (`Response`), and
        `squared_norms` are the squared norms of the inputs of the last layer, 1 if there is no
        last layer.
    n_epochs : int
        Number of passes over the samples; for boosting and forests, of recorded stages.
    batch_size : int
        Number of samples per ``partial_fit``.
    per_epoch : bool
        Whether all samples are recorded after each epoch, instead of each batch before its update.
    first_stages : bool
        Whether the first stages of boosting and forests are recorded, instead of evenly spaced
        ones.
    sample_weight : ndarray or None
    random_state : RandomState

    Returns
    -------
    estimator : the trained classifier
    """
    method = recording_method(estimator)
    learn = (
        last_step(estimator).partial_fit if method == "partial_fit" else last_step(estimator).fit
    )
    if sample_weight is not None and "sample_weight" not in signature(learn).parameters:
        raise ValueError(
            f"sample_weight was given, but {learn.__name__} of {estimator!r} does not accept it. "
            "Use an estimator that does, or pass the record of its training as `dynamics`."
        )
    model, X, rebuild = _prepare(estimator, classifier_input(X), y, sample_weight)
    X = X.tocsr() if sparse.issparse(X) else X  # for the repeated selection of rows
    method = recording_method(model)  # the best estimator of a search may have another
    if method == "stages":
        _record_stages(model, X, y, record, n_epochs, first_stages, sample_weight)
    elif method == "warm_start":
        _record_warm_start(model, X, y, record, n_epochs, first_stages, sample_weight)
    else:
        batches = (n_epochs, batch_size, per_epoch)
        _record_partial_fit(model, X, y, record, *batches, sample_weight, random_state)
    return rebuild(model)


def _prepare(estimator, X, y, sample_weight):
    """The classifier to train, its input, and a function that puts it back into its Pipeline.

    The earlier steps of a Pipeline and a parameter search are fitted, unless they are already.
    """
    fitted = is_fitted(estimator)
    if isinstance(estimator, FrozenEstimator):
        if not fitted:
            raise ValueError(f"{estimator!r} was frozen before it was fitted. Fit it first.")
        return _prepare(estimator.estimator, X, y, sample_weight)
    if isinstance(estimator, BaseSearchCV):
        recording_method(estimator)
        if fitted:
            return _prepare(estimator.best_estimator_, X, y, sample_weight)
        found = fit_with_weight(estimator, X, y, sample_weight).best_estimator_
        if recording_method(clone(found)) != "stages":
            found = clone(found)  # trained again: only boosting has the outputs afterwards
        return _prepare(found, X, y, sample_weight)
    if isinstance(estimator, Pipeline):
        before, (name, last) = estimator[:-1], estimator.steps[-1]
        if len(before):
            X = before.transform(X) if fitted else before.fit_transform(X, y)
        model, X, rebuild = _prepare(last, X, y, sample_weight)
        return model, X, lambda model: Pipeline([*before.steps, (name, rebuild(model))])
    return estimator, X, lambda model: model


def _record_response(record, model, X, rows, epoch):
    """Record the outputs for all samples of `X`, which have the indices `rows`."""

    def predict(at):
        return model.predict(take(X, at))

    record(rows, _response(model, X, predict), epoch, squared_input_norms(model, X))


def _response(model, X, predict):
    """Outputs of `model`; the decision function, if there is one, determines the prediction."""
    proba, values = None, None
    if hasattr(model, "predict_proba"):
        proba = Response.from_values(response_values(model, X, "predict_proba"), "proba", predict)
    if hasattr(model, "decision_function"):
        values = Response.from_values(
            response_values(model, X, "decision_function"), "decision", predict
        )
    if values is None or proba is None:
        return proba or values
    return Response(f"{values.kind} and {proba.kind}", values.logits, proba.proba, predict)


def squared_input_norms(model, X):
    """Squared norm of the input of the last layer, with the constant of the bias, for each sample.

    It is 1 for models without last layer, such as trees and naive Bayes: the gradient is that with
    respect to the outputs.
    """
    h, bias = None, True
    if isinstance(model, MLPClassifier) or hasattr(model, "coef_"):
        h, bias = last_layer_input(model, X)
    if h is None:
        return 1.0
    squared_norms = h.multiply(h).sum(axis=1) if sparse.issparse(h) else np.vecdot(h, h)
    return np.asarray(squared_norms, dtype=np.float64).ravel() + float(bias)


def _record_partial_fit(
    model, X, y, record, n_epochs, batch_size, per_epoch, sample_weight, random_state
):
    classes = np.unique(y)
    for epoch in range(n_epochs):
        order = random_state.permutation(len(y))
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            batch = take(X, rows)
            was_fitted = is_fitted(model)  # not before the very first batch
            if not per_epoch and was_fitted:
                _record_response(record, model, batch, rows, epoch)
            weight = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
            model.partial_fit(batch, y[rows], classes=classes, **weight)
            if not per_epoch and not was_fitted:
                _record_response(record, model, batch, rows, epoch)
        if per_epoch:
            _record_response(record, model, X, np.arange(len(y)), epoch)


def _record_warm_start(model, X, y, record, n_epochs, first_stages, sample_weight):
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    model.set_params(warm_start=True)
    if "n_estimators" in model.get_params(deep=False):
        for epoch, last in enumerate(
            _stage_numbers(model.n_estimators, n_epochs, first_stages).tolist()
        ):
            model.set_params(n_estimators=last + 1).fit(X, y, **weight)
            _record_response(record, model, X, np.arange(len(y)), epoch)
    else:
        model.set_params(max_iter=1)
        for epoch in range(n_epochs):
            fit_unconverged(model, X, y, weight)
            _record_response(record, model, X, np.arange(len(y)), epoch)


class _OnlyExpectingThreads(type):
    def __subclasscheck__(cls, category):
        return threading.get_ident() in _threads and issubclass(category, ConvergenceWarning)


class _ExpectedWarning(Warning, metaclass=_OnlyExpectingThreads):
    """ConvergenceWarning, for a filter that has an effect only in threads that expect the warning.

    Warning filters belong to the whole process. If two threads use `warnings.catch_warnings` at the
    same time, as scikit-learn does too, the filters of one of them can stay in effect afterwards.
    """


_FILTER = ("ignore", None, _ExpectedWarning, None, 0)
_threads, _lock = set(), threading.Lock()  # threads that expect the warning


@contextmanager
def _convergence_warning_expected():
    with _lock:
        _threads.add(threading.get_ident())
        if warnings.filters[:1] != [_FILTER]:
            warnings.simplefilter("ignore", category=_ExpectedWarning)
    try:
        yield
    finally:
        with _lock:
            _threads.remove(threading.get_ident())
            filters = warnings.filters
            if not _threads and _FILTER in filters:
                filters.remove(_FILTER)


def fit_unconverged(model, X, y, weight):
    """Fit `model` in place, without a ConvergenceWarning; `weight` are keyword arguments."""
    # If warnings are errors, another thread may restore the filters of a time before ours was set.
    # The error leaves the model unchanged, so that the step can be repeated.
    for _ in range(10):
        try:
            with _convergence_warning_expected():
                return model.fit(X, y, **weight)
        except ConvergenceWarning as error:
            warning = error
    raise warning


def _record_stages(model, X, y, record, n_epochs, first_stages, sample_weight):
    if not is_fitted(model):
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        model.fit(X, y, **weight)
    for epoch, response in enumerate(staged_responses(model, X, n_epochs, first_stages)):
        record(np.arange(len(y)), response, epoch)


def staged_responses(model, X, n_stages, first_stages=False):
    """Outputs of a fitted boosting classifier at `n_stages` of its stages."""
    package = _package(model)
    if package == "xgboost":
        for stage in _stage_numbers(
            model.get_booster().num_boosted_rounds(), n_stages, first_stages
        ):
            yield Response.from_values(
                model.predict_proba(X, iteration_range=(0, stage + 1)), "proba"
            )
    elif package == "lightgbm":
        for stage in _stage_numbers(model.booster_.current_iteration(), n_stages, first_stages):
            yield Response.from_values(model.predict_proba(X, num_iteration=stage + 1), "proba")
    else:
        kind = "proba" if hasattr(model, "staged_predict_proba") else "decision"
        method = "staged_predict_proba" if kind == "proba" else "staged_decision_function"
        total = getattr(model, "n_iter_", None) or len(model.estimators_)
        wanted = set(_stage_numbers(total, n_stages, first_stages).tolist())
        staged = islice(getattr(model, method)(X), max(wanted) + 1)
        for stage, response in enumerate(staged):
            if stage in wanted:
                yield Response.from_values(response, kind, _staged_predict(model, X, stage))


def _staged_predict(model, X, stage):
    return lambda at: next(islice(model.staged_predict(take(X, at)), stage, None))


def _stage_numbers(total, n_stages, first_stages):
    """Indices of the recorded stages: the first of `total`, or evenly spaced with the last one."""
    n_stages = min(n_stages, total)
    if first_stages:
        return np.arange(n_stages)
    return np.unique(np.linspace(0, total, n_stages + 1).round().astype(int)[1:]) - 1


def _package(model):
    """Name of the package of a model."""
    return type(model).__module__.partition(".")[0]
