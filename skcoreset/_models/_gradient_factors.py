"""Gradients of the loss in the parameters of the last layer, as factors."""

import copy

import numpy as np
from scipy.special import expit
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.svm._base import BaseSVC
from sklearn.utils.extmath import safe_sparse_dot

from skcoreset._models._response import last_step, last_step_features, response_values

__all__ = ["gradient_factors", "is_kernel_svm", "last_layer_input"]

MAX_SUPPORT_VECTORS = 1000  # whose kernel values stand for what a kernel SVM sees of a row


def gradient_factors(estimator, X, y, gradient="last_layer"):
    """Gradient of the loss of each row in the parameters of the last layer, as factors.

    The gradient of row i is the outer product ``a_i (x) [1, h_i]``: its error in each output times
    what the last layer sees.

    * with probabilities, the log-loss: ``a = p - onehot(y)``;
    * with decision values f only, the logistic loss ``log(1 + exp(-t f))`` of each of them:
      ``a = -t / (1 + exp(t f))``. It is graded, where the hinge loss has -1, 0 or 1. The decision
      values are those of each class against the rest, with t = 1 for the row's class and -1 for
      the others; of an SVC or NuSVC those of its pairs of classes, with t = 1 for the first and -1
      for the second class of the pair, and a = 0 where the row is of neither;
    * h is the last hidden layer of an MLPClassifier and otherwise what reaches the classifier. A
      kernel SVM is linear in the kernel values of a row with the support vectors; these are its h
      (of more than `MAX_SUPPORT_VECTORS` of them, so many at equal steps).

    Parameters
    ----------
    estimator : fitted classifier
    X : table of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels.
    gradient : "last_layer" or "logits"
        "logits" is `a` alone.

    Returns
    -------
    a : ndarray of shape (n_samples, n_outputs)
        One output a class; with decision values of two classes two; of SVC one a pair of classes.
    h : ndarray or csr of shape (n_samples, n_features), or None
    bias : bool
        Whether a 1 stands before h.
    """
    position = {label: c for c, label in enumerate(estimator.classes_.tolist())}
    codes = np.array([position.get(label, -1) for label in np.asarray(y).tolist()])
    rows = np.flatnonzero(codes >= 0)  # others have weight 0: no classifier has seen their class
    codes = codes[rows]
    if hasattr(estimator, "predict_proba"):
        a = response_values(estimator, X, "predict_proba")
        a[rows, codes] -= 1
    elif isinstance(last_step(estimator), BaseSVC):
        a = _pairwise_loss_slopes(estimator, X, rows, codes)
    else:
        values = response_values(estimator, X, "decision_function")
        values = np.column_stack([-values, values]) if values.ndim == 1 else values
        sign = np.full(values.shape, -1.0)
        sign[rows, codes] = 1
        a = _loss_slopes(values, sign)
    h, bias = (None, True) if gradient == "logits" else last_layer_input(estimator, X)
    if gradient != "logits" and is_kernel_svm(estimator):
        h = _kernel_values(estimator, X)
    return (a if h is None else a.astype(h.dtype, copy=False)), h, bias


def _loss_slopes(values, sign):
    """Slope of ``log(1 + exp(-sign * values))``."""
    return -sign * expit(-sign * values)


def _pairwise_loss_slopes(estimator, X, rows, codes):
    """The same of an SVC, whose decision values are those of pairs of classes."""
    model = copy.copy(last_step(estimator))
    model.decision_function_shape = "ovo"
    n_classes = len(model.classes_)
    values = model.decision_function(last_step_features(estimator, X))
    if values.ndim == 1:  # positive for the second of two classes
        values = -values[:, None]
    first, second = np.triu_indices(n_classes, 1)
    sign = np.zeros(values.shape)
    sign[rows] = (codes[:, None] == first) * 1.0 - (codes[:, None] == second)
    return _loss_slopes(values, sign)


def _kernel_values(estimator, X):
    """Kernel values of each row with support vectors of a kernel SVM."""
    model, X = last_step(estimator), last_step_features(estimator, X)
    n_vectors = len(model.support_)
    some = np.arange(n_vectors)
    if n_vectors > MAX_SUPPORT_VECTORS:
        some = np.linspace(0, n_vectors - 1, MAX_SUPPORT_VECTORS).astype(int)
    if callable(model.kernel) or model.kernel == "precomputed":
        return model._compute_kernel(X)[:, model.support_[some]]
    params = {"gamma": model._gamma, "degree": model.degree, "coef0": model.coef0}
    vectors = model.support_vectors_[some]
    return pairwise_kernels(X, vectors, metric=model.kernel, filter_params=True, **params)


def is_kernel_svm(estimator):
    """Whether it is an SVC or NuSVC, or ends in one, whose kernel is not the linear one."""
    model = last_step(estimator)
    return isinstance(model, BaseSVC) and model.kernel != "linear"


def last_layer_input(estimator, X):
    """What the last layer sees (None: it cannot be written down), and whether it has a bias."""
    model = last_step(estimator)
    if is_kernel_svm(model):
        return None, True
    h = last_step_features(estimator, X)
    if isinstance(model, MLPClassifier):
        h = _last_hidden_layer(model, h)
    return h, bool(getattr(model, "fit_intercept", True))


def _last_hidden_layer(model, X):
    activation = ACTIVATIONS[model.activation]
    for weight, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        X = safe_sparse_dot(X, weight) + intercept
        activation(X)
    return X
