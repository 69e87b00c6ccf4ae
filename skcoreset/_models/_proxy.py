"""Quick smooth models, fitted by folds, that show which targets the features do not support."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from skcoreset._backend import to_numpy
from skcoreset._budget import largest_remainder
from skcoreset._models._response import classifier_input
from skcoreset._models._training import fit_unconverged
from skcoreset._models._weights import weight_keyword, weight_routing

__all__ = [
    "KernelLogisticRegression",
    "KernelRidgeRegression",
    "cross_val_targets",
    "stratified_folds",
    "stratified_splits",
]

N_COMPONENTS = 300
BLOCK = 2**13  # samples in one product: the kernel values of a block take 20 MB


class _OnKernelMap(BaseEstimator):
    """A linear model on an approximation of the kernel ``exp(-0.5 |x - z|^2 / total_variance)``.

    Parameters
    ----------
    total_variance : float
        Sum of the variances of the features.
    random_state : int, RandomState instance or None
        Seed of the landmarks of the approximation.
    """

    def __init__(self, total_variance=1.0, random_state=None):
        self.total_variance = total_variance
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        kernel_map = Nystroem(
            gamma=0.5 / self.total_variance,
            n_components=min(N_COMPONENTS, X.shape[0]),
            random_state=self.random_state,
        )
        self.model_ = make_pipeline(kernel_map, self._linear_model())
        last = self.model_.steps[-1][0]
        weight = {} if sample_weight is None else {f"{last}__sample_weight": sample_weight}
        fit_unconverged(self.model_, X.astype(np.float64), y, weight)
        return self

    def _in_blocks(self, method, X):
        """Predictions in float64, and in blocks that are the same for any `working_memory`."""
        starts = range(0, X.shape[0], BLOCK)
        predict = getattr(self.model_, method)
        return np.concatenate([predict(X[at : at + BLOCK].astype(np.float64)) for at in starts])


class KernelLogisticRegression(ClassifierMixin, _OnKernelMap):
    """Logistic regression on an approximate kernel map."""

    def _linear_model(self):
        return LogisticRegression(C=10, max_iter=300, tol=1e-3)

    @property
    def classes_(self):
        return self.model_.classes_

    def predict_proba(self, X):
        return self._in_blocks("predict_proba", X)

    def predict(self, X):  # required by cross_val_predict
        return self._in_blocks("predict", X)


class KernelRidgeRegression(RegressorMixin, _OnKernelMap):
    """Ridge regression on an approximate kernel map."""

    def _linear_model(self):
        return Ridge(alpha=1.0)

    def predict(self, X):
        return self._in_blocks("predict", X)


def cross_val_targets(regressor, X, y, cv, sample_weight=None):
    """Out-of-fold predictions of a regressor, float64 of the shape of `y`."""
    params = None if sample_weight is None else {weight_keyword(regressor): sample_weight}
    with weight_routing(regressor):
        values = cross_val_predict(regressor, classifier_input(X), y, cv=cv, params=params)
    return np.asarray(to_numpy(values), dtype=np.float64)


def stratified_splits(codes, n_folds, random_state, most=None):
    """As `stratified_folds`, but a list of (train, test) as scikit-learn has them."""
    fold, training = stratified_folds(codes, n_folds, random_state, most)
    return [(train, np.flatnonzero(fold == number)) for number, train in enumerate(training)]


def stratified_folds(codes, n_folds, random_state, most=None):
    """Folds of nearly equal size, in which each class has nearly its proportion.

    Unlike those of scikit-learn they take classes of any size. The sample of a class that has only
    one is also in the training set of its own fold, so that every training set has all classes.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
    n_folds : int
    random_state : RandomState instance
    most : int, optional
        The largest number of training samples. More are reduced at random, each class in
        proportion.

    Returns
    -------
    fold : ndarray of shape (n_samples,), int8
    training : list of ndarray
        For each fold that has samples the indices of its training samples, ascending.
    """
    n_samples, counts = len(codes), np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    for of_class in np.split(order, np.cumsum(counts)[:-1]):
        random_state.shuffle(of_class)  # a part of `order`
    fold = np.empty(n_samples, dtype=np.int8)
    fold[order] = np.resize(np.arange(n_folds, dtype=np.int8), n_samples)
    del order  # 8 bytes for each sample
    alone = (counts == 1)[codes]
    training = []
    for number in range(min(n_folds, n_samples)):
        train = np.flatnonzero((fold != number) | alone)
        if most is not None and len(train) > most:
            train = _reduced(train, codes[train], most, random_state)
        training.append(train)
    return fold, training


def _reduced(rows, codes, size, random_state):
    counts = np.bincount(codes)
    sizes = largest_remainder(max(size, np.count_nonzero(counts)), counts, counts)
    by_class = np.split(rows[np.argsort(codes, kind="stable")], np.cumsum(counts)[:-1])
    drawn = [random_state.permutation(some)[:n] for some, n in zip(by_class, sizes, strict=True)]
    return np.sort(np.concatenate(drawn))
