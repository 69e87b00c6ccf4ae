"""Gradients of the loss with respect to the parameters of the last layer, as factors."""

import copy

import numpy as np
from scipy.special import expit
from sklearn.base import is_regressor
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.svm._base import BaseLibSVM, BaseSVC
from sklearn.utils.extmath import safe_sparse_dot

from skcoreset._models._response import (
    last_step,
    last_step_features,
    predicted_labels,
    predicted_values,
    response_values,
)

__all__ = ["gradient_factors", "is_kernel_svm", "last_layer_input"]

TIE = 2.0**-40  # relative difference of probabilities, or decision values, that are equal
MAX_SUPPORT_VECTORS = 1000  # of a kernel SVM, whose kernel values are inputs of its last layer


def gradient_factors(estimator, X, y, gradient="last_layer"):
    """Gradient of the loss of each sample, with respect to the last layer, as two factors.

    The gradient of sample i is the outer product ``a_i (x) [1, h_i]`` of the errors of the outputs
    and the inputs of the last layer.

    * With probabilities, the loss is the log loss: ``a = p - onehot(y)``.
    * With decision values f only, it is the logistic loss ``log(1 + exp(-t f))`` of each of them:
      ``a = -t / (1 + exp(t f))``, which is continuous, while that of the hinge loss is -1, 0 or 1.
      The decision values are those of each class against the rest, with t = 1 for the class of
      the sample and -1 for the others. Those of an SVC or NuSVC are of the pairs of classes, with
      t = 1 for the first and -1 for the second class of the pair, and a = 0 for samples of the
      other classes.
    * Of a regressor, it is half the squared error: ``a = f - y``.
    * h is the last hidden layer of an MLP, and otherwise the features that are passed to
      the estimator. A kernel SVM is linear in the kernel values of a sample with the support
      vectors, which are its h (of more than `MAX_SUPPORT_VECTORS`, that many at regular
      intervals).

    Parameters
    ----------
    estimator : fitted classifier or regressor
    X : table of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,), or (n_samples, n_outputs) for a regressor, or None
        The class labels, or the values of a continuous target. None: the class with the largest
        probability or decision value, the first one of a tie; for an SVC, the predicted class.
    gradient : {"last_layer", "logits"}
        With "logits", h is None.

    Returns
    -------
    a : ndarray of shape (n_samples, n_outputs)
        One output per class, also for the single decision value of two classes; for an SVC, one
        per pair of classes.
    h : ndarray or csr of shape (n_samples, n_inputs), or None
    bias : bool
        Whether the layer has an intercept, so that a 1 is prepended to h.
    """
    if is_regressor(estimator):
        y = y.reshape(len(y), -1)
        a = predicted_values(estimator, X, y.shape[1]) - y
        return _with_inputs(estimator, X, a, gradient)
    if hasattr(estimator, "predict_proba"):
        a = response_values(estimator, X, "predict_proba")
        a[_codes(estimator, y, a)] -= 1
    elif isinstance(last_step(estimator), BaseSVC):
        y = predicted_labels(estimator, X) if y is None else y
        a = _pairwise_loss_slopes(estimator, X, *_codes(estimator, y))
    else:
        values = response_values(estimator, X, "decision_function")
        values = np.column_stack([-values, values]) if values.ndim == 1 else values
        sign = np.full(values.shape, -1.0)
        sign[_codes(estimator, y, values)] = 1
        a = _loss_slopes(values, sign)
    return _with_inputs(estimator, X, a, gradient)


def _codes(estimator, y, values=None):
    """Rows, and the position of the class of each: that of `y`, or that of the largest value."""
    if y is None:
        largest = values.max(axis=1, keepdims=True)
        return np.arange(len(values)), (values >= largest - TIE * abs(largest)).argmax(axis=1)
    position = {label: c for c, label in enumerate(estimator.classes_.tolist())}
    codes = np.array([position.get(label, -1) for label in np.asarray(y).tolist()])
    rows = np.flatnonzero(codes >= 0)  # the others: weight 0, a class unknown to the classifier
    return rows, codes[rows]


def _with_inputs(estimator, X, a, gradient):
    h, bias = (None, True) if gradient == "logits" else last_layer_input(estimator, X)
    if gradient != "logits" and is_kernel_svm(estimator):
        h = _kernel_values(estimator, X)
    return (a if h is None else a.astype(h.dtype, copy=False)), h, bias


def _loss_slopes(values, sign):
    """Derivative of ``log(1 + exp(-sign * values))`` with respect to `values`."""
    return -sign * expit(-sign * values)


def _pairwise_loss_slopes(estimator, X, rows, codes):
    """Derivatives for an SVC, whose decision values are those of pairs of classes."""
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
    """Kernel values of each sample with the support vectors of a kernel SVM."""
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
    """Whether the estimator, or its last step, is an SVC, NuSVC, SVR or NuSVR of another kernel
    than the linear one."""
    model = last_step(estimator)
    return isinstance(model, BaseLibSVM) and model.kernel != "linear"


def last_layer_input(estimator, X):
    """Inputs of the last layer (None if they are not explicit), and whether it has an intercept."""
    model = last_step(estimator)
    if is_kernel_svm(model):
        return None, True
    h = last_step_features(estimator, X)
    if isinstance(model, BaseMultilayerPerceptron):
        h = _last_hidden_layer(model, h)
    return h, bool(getattr(model, "fit_intercept", True))


def _last_hidden_layer(model, X):
    activation = ACTIVATIONS[model.activation]
    for weight, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        X = safe_sparse_dot(X, weight) + intercept
        activation(X)
    return X
