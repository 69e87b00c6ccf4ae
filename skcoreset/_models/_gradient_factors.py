"""Gradients of the loss in the parameters of the last layer, as factors."""

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.svm._base import BaseSVC
from sklearn.utils.extmath import safe_sparse_dot

from skcoreset._models._asking import features, last_step, outputs

__all__ = ["gradient_factors", "last_layer_input"]


def gradient_factors(estimator, X, y, gradient="last_layer"):
    """Gradient of the loss of each row in the parameters of the last layer, as factors.

    The gradient of row i is the outer product ``a_i (x) [1, h_i]``: its error in each output times
    what the last layer sees.

    * with probabilities, the log-loss: ``a = p - onehot(y)``;
    * with decision values only, the hinge loss of each class against the rest, with t = 1 for the
      row's class and -1 for the others: ``a = -t`` where ``t f < 1``, else 0;
    * h is the last hidden layer of an MLPClassifier and otherwise what reaches the classifier. A
      kernel SVM has no layer that could be written down: h is left out, which gives the gradient
      in the decision values.

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
    a : ndarray of shape (n_samples, n_classes)
    h : ndarray or csr of shape (n_samples, n_features), or None
    bias : bool
        Whether a 1 stands before h.
    """
    position = {label: c for c, label in enumerate(estimator.classes_.tolist())}
    codes = np.array([position.get(label, -1) for label in np.asarray(y).tolist()])
    rows = np.flatnonzero(codes >= 0)  # others have weight 0: no classifier has seen their class
    codes = codes[rows]
    if hasattr(estimator, "predict_proba"):
        a = outputs(estimator, X, "predict_proba")
        a[rows, codes] -= 1
    else:
        values = outputs(estimator, X, "decision_function")
        values = np.column_stack([-values, values]) if values.ndim == 1 else values
        sign = np.full(values.shape, -1.0)
        sign[rows, codes] = 1
        a = np.where(sign * values < 1, -sign, 0.0)
    h, bias = (None, True) if gradient == "logits" else last_layer_input(estimator, X)
    return (a if h is None else a.astype(h.dtype, copy=False)), h, bias


def last_layer_input(estimator, X):
    """What the last layer sees (None: it cannot be written down), and whether it has a bias."""
    model = last_step(estimator)
    if isinstance(model, BaseSVC) and model.kernel != "linear":
        return None, True
    h = features(estimator, X)
    if isinstance(model, MLPClassifier):
        h = _last_hidden_layer(model, h)
    return h, bool(getattr(model, "fit_intercept", True))


def _last_hidden_layer(model, X):
    activation = ACTIVATIONS[model.activation]
    for weight, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        X = safe_sparse_dot(X, weight) + intercept
        activation(X)
    return X
