"""Out-of-fold predictions of the proxy of Coreset, and what they say about the samples."""

import numpy as np
from scipy import sparse
from sklearn import clone, config_context

from skcoreset import _models
from skcoreset._backend import is_partitioned, take, to_numpy
from skcoreset._config import get_config
from skcoreset._estimator import seeded
from skcoreset._kernels.kernels import split_column
from skcoreset._partitions import split
from skcoreset._trust import Judgment, judge_labels, judge_targets, packed, unpacked

__all__ = ["N_FOLDS", "as_columns", "judge", "proxy_for", "scattered"]

N_FOLDS = 3
MOST_TRAINING_SAMPLES = 20_000  # of the default proxy, in each fold


def proxy_for(proxy, is_label, variance, rng):
    """The proxy that is fitted in each fold, or a fitted one; None is the default proxy.

    `variance` is the total variance of the features.
    """
    if proxy is None:
        kind = "KernelLogisticRegression" if is_label else "KernelRidgeRegression"
        proxy = getattr(_models, kind)(variance)
    return proxy if _models.is_fitted(proxy) else seeded(proxy, rng)


def judge(proxy, is_default, table, X, present, weight, rng):
    """`Judgment` of the samples of positive weight.

    Parameters
    ----------
    proxy : estimator
        As `proxy_for` returns it.
    is_default : bool
        Whether it is the default proxy.
    table : Table
    X : table or partitions
        The features that the proxy takes.
    present : ndarray of int or slice
        The samples of positive weight.
    weight : ndarray of shape (n_samples,)
        Sample weights of mean 1.
    rng : RandomState
        Draws the folds.
    """
    weight, is_label = weight[present], table.classes is not None
    most = MOST_TRAINING_SAMPLES if is_default else None
    if is_partitioned(X):
        most = most or get_config()["max_fit_rows"]
        return _judge_partitions(proxy, table, X, present, weight, rng, most)
    X = X if isinstance(present, slice) else take(X, present)
    target = None if is_label else table.auxiliary["target"][present]
    if _models.is_fitted(proxy):
        if not is_label:
            predicted = proxy.predict(_models.classifier_input(X))
            return judge_targets(as_columns(predicted), target, weight)
        proba = _models.response_values(proxy, X, "predict_proba")
        labels = table.classes[table.codes[present]]
        return judge_labels(proba, np.searchsorted(proxy.classes_, labels), weight)
    sent = weight if table.weighted else None
    codes = np.zeros(len(weight), dtype=int)
    if is_label:
        found, codes = np.unique(table.codes[present], return_inverse=True)
    splits = _models.stratified_splits(codes, N_FOLDS, rng, most)
    with config_context(assume_finite=True):
        if not is_label:
            y = target[:, 0] if target.shape[1] == 1 else target
            predicted = _models.cross_val_targets(proxy, X, y, splits, sent)
            return judge_targets(predicted.reshape(target.shape), target, weight)
        labels = table.classes[found][codes]
        proba = _models.cross_val_response(proxy, X, labels, "predict_proba", splits, sent)
    judgment = judge_labels(proba, codes, weight)
    # The only sample of a class cannot be predicted by a proxy that has not seen it.
    judgment.trust[np.bincount(codes)[codes] == 1] = 1.0
    return judgment


def as_columns(y):
    """Continuous targets as a float64 array of shape (n_samples, n_outputs)."""
    y = to_numpy(y)
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    return y.astype(np.float64).reshape(len(y), -1)


def scattered(rows, values, n, other=1.0):
    """An array with `values` at `rows`, which are a slice if there are no `other` ones."""
    if isinstance(rows, slice):
        return values
    out = np.full(n, other, dtype=values.dtype)
    out[rows] = values
    return out


# The same by partitions --------------------------------------------------------------------------


def _judge_partitions(proxy, table, X, present, weight, rng, most):
    """The folds are those in memory. Trust and uncertainty of labels are `packed`."""
    is_label = table.classes is not None
    if _models.is_fitted(proxy):
        proxies, fold, alone = [proxy], np.broadcast_to(np.int8(0), len(weight)), []
    else:
        codes = table.codes[present] if is_label else np.zeros(len(weight), dtype=np.int8)
        fold, training = _models.stratified_folds(codes, N_FOLDS, rng, most)
        proxies = _fit_folds(proxy, table, X, present, weight, training)
        alone = np.flatnonzero(np.bincount(codes) == 1)
    fold = split_column(scattered(present, fold, len(table.sample_weight), -1), X.offsets)
    if not is_label:
        target = table.auxiliary["target"]
        predicted = X.map(_predicted_targets, fold, shared=(proxies,))
        predicted = np.concatenate(predicted).reshape(-1, target.shape[1])
        return judge_targets(predicted, target[present], weight)
    own = split(X, table.codes), fold
    judged = X.map(_judged_labels, *own, shared=(proxies, table.classes, alone))
    trust, uncertainty, wrong = zip(*judged, strict=True)
    wrong = [np.unpackbits(bits, count=len(t)) for bits, t in zip(wrong, trust, strict=True)]
    error = float(np.average(np.concatenate(wrong), weights=weight))
    return Judgment(_concatenated(trust), _concatenated(uncertainty), error)


def _fit_folds(proxy, table, X, present, weight, training):
    """A proxy for each fold, fitted on its training samples."""
    every = np.unique(np.concatenate(training))
    rows = every if isinstance(present, slice) else present[every]
    X, _ = X.take(rows)
    if table.classes is not None:
        y = table.classes[table.codes[rows]]
    else:
        y = table.auxiliary["target"][rows]
        y = y[:, 0] if y.shape[1] == 1 else y
    proxies = []
    for train in training:
        at = np.searchsorted(every, train)
        sent = weight[train] if table.weighted else None
        with config_context(assume_finite=True):
            proxies.append(_models.fit_with_weight(clone(proxy), take(X, at), y[at], sent))
    return proxies


def _concatenated(parts):
    """`packed` values of all partitions."""
    if any(one.dtype != np.uint16 for one in parts):
        parts = [unpacked(one) for one in parts]
    return np.concatenate(parts)


def _judged_labels(X, codes, fold, proxies, classes, alone):
    """`_judged` of the samples of a partition that are in a fold."""
    fold = np.broadcast_to(fold, len(codes))
    proba = np.zeros((len(fold), len(classes)))
    for number, proxy in enumerate(proxies):
        rows = np.flatnonzero(fold == number)
        if len(rows):
            values = _models.response_values(proxy, take(X, rows), "predict_proba")
            # A fitted proxy may know more classes, and the proxy of a fold fewer.
            known = np.isin(proxy.classes_, classes)
            columns = np.searchsorted(classes, proxy.classes_[known])
            if len(proxies) == 1 and not known.all():
                own = np.searchsorted(proxy.classes_, classes)[codes[rows]]
                return _judged(values, own, np.zeros(len(rows), dtype=bool))
            proba[rows[:, None], columns] = values[:, known]
    rows = fold >= 0
    return _judged(proba[rows], codes[rows], np.isin(codes[rows], alone))


def _judged(proba, codes, alone):
    """Trust and uncertainty, `packed`, and a bit for each sample that is predicted wrong.

    The only sample of a class cannot be predicted by a proxy that has not seen it.
    """
    if not len(codes):
        return np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.uint8)
    judgment = judge_labels(proba, codes, np.ones(len(codes)))
    trust, wrong = np.where(alone, 1.0, judgment.trust), proba.argmax(axis=1) != codes
    return packed(trust), packed(judgment.uncertainty), np.packbits(wrong)


def _predicted_targets(X, fold, proxies):
    """Predictions for the samples of a partition that are in a fold, (n, n_outputs)."""
    fold = np.broadcast_to(fold, X.shape[0])
    parts = [np.flatnonzero(fold == number) for number in range(len(proxies))]
    values = [
        as_columns(proxy.predict(_models.classifier_input(take(X, rows))))
        for proxy, rows in zip(proxies, parts, strict=True)
        if len(rows)
    ]
    order = np.argsort(np.concatenate(parts))
    return np.concatenate(values)[order] if values else np.zeros((0, 1))
