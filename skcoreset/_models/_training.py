"""Watching a classifier train: what it says of the rows while it learns."""

import warnings
from inspect import signature

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skcoreset._backend import take
from skcoreset._models._asking import host, is_fitted, last_step, outputs
from skcoreset._models._gradient_factors import last_layer_input

__all__ = ["squared_length", "training_route", "watch"]

WATCHABLE = (
    "Training can be watched of classifiers with partial_fit (SGDClassifier, MLPClassifier, "
    "GaussianNB, Perceptron), with warm_start and max_iter or n_estimators (forests, "
    "LogisticRegression), and of boosters that tell what they said at each stage "
    "(GradientBoostingClassifier, HistGradientBoostingClassifier, AdaBoostClassifier, xgboost, "
    "lightgbm); or record it in your own loop, with TrainingDynamics.record."
)


def training_route(estimator):
    """How the training of `estimator` is watched: "stages", "partial_fit" or "warm_start".

    Raises TypeError if it cannot be, ValueError if its training is over.
    """
    model = last_step(estimator)
    if hasattr(model, "staged_decision_function") or _library(model) in ("xgboost", "lightgbm"):
        return "stages"
    parameters = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    warm = "warm_start" in parameters and {"max_iter", "n_estimators"} & set(parameters)
    if not warm and not hasattr(model, "partial_fit"):
        raise TypeError(f"{estimator!r} cannot be watched while it trains. {WATCHABLE}")
    if is_fitted(estimator):
        raise ValueError(
            f"{estimator!r} is fitted already, and a training that is over cannot be watched. Give "
            "an unfitted one (sklearn.base.clone), or the record of its training as `dynamics`."
        )
    return "partial_fit" if hasattr(model, "partial_fit") else "warm_start"


def watch(estimator, X, y, record, *, n_epochs, batch_size, per_epoch, sample_weight, random_state):
    """Train a clone and tell ``record(rows, outputs, kind, epoch, squares)`` what it says.

    Parameters
    ----------
    estimator : classifier, or Pipeline that ends in one
        Unfitted, or a booster.
    X, y : table and labels
    record : callable
        `rows` is an index array; `outputs` are of the `kind` "proba" or "decision"; `squares` are
        squared norms of what the last layer sees.
    n_epochs : int
        Passes over the rows; for a booster the number of stages looked at.
    batch_size : int
        Rows that are presented at once.
    per_epoch : bool
        Ask about all rows after each epoch, not about each batch before it is learned.
    sample_weight : ndarray or None
    random_state : RandomState

    Returns
    -------
    estimator : the classifier, trained
    """
    route = training_route(estimator)
    learn = last_step(estimator).partial_fit if route == "partial_fit" else last_step(estimator).fit
    if sample_weight is not None and "sample_weight" not in signature(learn).parameters:
        raise ValueError(
            f"sample_weight was given, but {learn.__name__} of {estimator!r} takes none. Give an "
            "estimator whose does, or the record of its training as `dynamics`."
        )
    model, X, rebuild = _prepared(estimator, X, y, random_state)
    if route == "stages":
        _watch_stages(model, X, y, record, n_epochs, sample_weight)
    elif route == "warm_start":
        _watch_warm_start(model, X, y, record, n_epochs, sample_weight)
    else:
        batches = (n_epochs, batch_size, per_epoch)
        _watch_partial_fit(model, X, y, record, *batches, sample_weight, random_state)
    return rebuild(model)


def _prepared(estimator, X, y, random_state):
    """The classifier to train, what reaches it, and how it is put back into its Pipeline."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not is_fitted(estimator):
        estimator = clone(estimator)
    if not isinstance(estimator, Pipeline):
        return _seeded(estimator, random_state), host(X), lambda model: model
    before, (name, model) = estimator[:-1], estimator.steps[-1]
    if len(before):
        fitted = is_fitted(estimator)
        X = before.transform(host(X)) if fitted else before.fit_transform(host(X), y)

    def rebuild(model):
        return Pipeline([*before.steps, (name, model)])

    return _seeded(model, random_state), X, rebuild


def _seeded(model, random_state):
    seed = random_state.randint(2**31 - 1)
    if model.get_params(deep=False).get("random_state", 0) is None and not is_fitted(model):
        model.set_params(random_state=seed)
    return model


def _said(model, X):
    """What the model says of rows, and whether that is "proba" or "decision" values."""
    kind = "proba" if hasattr(model, "predict_proba") else "decision"
    method = "predict_proba" if kind == "proba" else "decision_function"
    return outputs(model, X, method), kind


def _tell(record, model, X, y, rows, epoch):
    some = take(X, rows) if len(rows) < len(y) else X

    record(rows, *_said(model, some), epoch, squared_length(model, some))


def squared_length(model, X):
    """Squared norm of what the last layer sees, its bias included, for each row."""
    h, bias = last_layer_input(model, X)
    if h is None:
        return 1.0
    squares = h.multiply(h).sum(axis=1) if sparse.issparse(h) else np.vecdot(h, h)
    return np.asarray(squares, dtype=np.float64).ravel() + float(bias)


def _watch_partial_fit(
    model, X, y, record, n_epochs, batch_size, per_epoch, sample_weight, random_state
):
    classes, every = np.unique(y), np.arange(len(y))
    for epoch in range(n_epochs):
        order = random_state.permutation(len(y))
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            can_say = is_fitted(model)  # before its very first batch it cannot
            if not per_epoch and can_say:
                _tell(record, model, X, y, rows, epoch)
            weight = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
            model.partial_fit(take(X, rows), y[rows], classes=classes, **weight)
            if not per_epoch and not can_say:
                _tell(record, model, X, y, rows, epoch)
        if per_epoch:
            _tell(record, model, X, y, every, epoch)


def _watch_warm_start(model, X, y, record, n_epochs, sample_weight):
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    grows = "n_estimators" in model.get_params(deep=False)
    total = model.n_estimators if grows else None
    model.set_params(warm_start=True)
    sizes = np.unique(np.linspace(0, total, n_epochs + 1).round().astype(int)[1:]) if grows else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one pass at a time never converges
        for epoch in range(len(sizes) if grows else n_epochs):
            model.set_params(**({"n_estimators": int(sizes[epoch])} if grows else {"max_iter": 1}))
            model.fit(X, y, **weight)
            _tell(record, model, X, y, np.arange(len(y)), epoch)


def _watch_stages(model, X, y, record, n_epochs, sample_weight):
    if not is_fitted(model):
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        model.fit(X, y, **weight)

    for epoch, (said, kind) in enumerate(stages(model, X, n_epochs)):
        record(np.arange(len(y)), said, kind, epoch, 1.0)  # no layer: gradients in the outputs


def stages(model, X, n_stages):
    """What a fitted booster said at each of `n_stages` evenly spaced stages (None: at all)."""
    library = _library(model)
    if library == "xgboost":
        total = model.get_booster().num_boosted_rounds()
        for stage in _chosen(total, n_stages):
            yield model.predict_proba(X, iteration_range=(0, stage + 1)), "proba"
    elif library == "lightgbm":
        for stage in _chosen(model.booster_.current_iteration(), n_stages):
            yield model.predict_proba(X, num_iteration=stage + 1), "proba"
    else:
        method = "staged_predict_proba"
        kind = "proba" if hasattr(model, method) else "decision"
        total = getattr(model, "n_iter_", None) or len(model.estimators_)
        wanted = set(_chosen(total, n_stages).tolist())
        staged = getattr(model, method if kind == "proba" else "staged_decision_function")(X)
        for stage, said in enumerate(staged):
            if stage in wanted:
                yield said, kind


def _chosen(total, n_stages):
    n_stages = total if n_stages is None else min(n_stages, total)
    return np.unique(np.linspace(0, total, n_stages + 1).round().astype(int)[1:]) - 1


def _library(model):
    """Name of the package a model comes from."""
    return type(model).__module__.partition(".")[0]
