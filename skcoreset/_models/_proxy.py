"""A quick smooth classifier, and probabilities by folds: how well labels agree with the features."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skcoreset._budget import largest_remainder
from skcoreset._models._training import fit_unconverged

__all__ = ["KernelLogisticRegression", "stratified_splits"]

N_COMPONENTS = 300
BLOCK = 2**13  # samples in one call of predict_proba: 20 MB for each table of kernel values


class KernelLogisticRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression on an approximate radial basis function kernel.

    The kernel is ``exp(-0.5 |x - z|^2 / v)`` with v the total variance of the features.

    Parameters
    ----------
    total_variance : float
        Sum of the variances of the features.
    random_state : int, RandomState instance or None
        Seed of the landmarks of the kernel approximation.
    """

    def __init__(self, total_variance=1.0, random_state=None):
        self.total_variance = total_variance
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        model = make_pipeline(
            Nystroem(
                gamma=0.5 / self.total_variance,
                n_components=min(N_COMPONENTS, X.shape[0]),
                random_state=self.random_state,
            ),
            LogisticRegression(C=10, max_iter=300, tol=1e-3),
        )
        weight = (
            {} if sample_weight is None else {"logisticregression__sample_weight": sample_weight}
        )
        self.model_ = fit_unconverged(model, X.astype(np.float64), y, weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        # In float64, and in blocks whose size depends on nothing: the last digits depend on both.
        blocks = [X[start : start + BLOCK] for start in range(0, X.shape[0], BLOCK)]
        return np.concatenate(
            [self.model_.predict_proba(block.astype(np.float64)) for block in blocks]
        )

    def predict(self, X):  # required by cross_val_predict
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def stratified_splits(codes, n_folds, random_state, most=None):
    """Folds of nearly equal size, in each of which every class has nearly its proportion.

    Unlike those of scikit-learn they take classes of any size. The sample of a class that has only
    one is also in the training set of its own fold, so that all training sets have all classes.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
    n_folds : int
    random_state : RandomState instance
    most : int, optional
        The largest number of training samples; more are reduced at random, in each class in
        proportion.

    Returns
    -------
    list of (train, test)
        Indices, ascending.
    """
    n_samples = len(codes)
    by_class = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    shuffled = [
        random_state.permutation(rows) for rows in np.split(by_class, np.cumsum(counts)[:-1])
    ]
    fold = np.empty(n_samples, dtype=int)
    fold[np.concatenate(shuffled)] = np.arange(n_samples) % min(n_folds, n_samples)
    alone = counts[codes] == 1
    splits = []
    for number in range(min(n_folds, n_samples)):
        train = np.flatnonzero((fold != number) | alone)
        if most is not None and len(train) > most:
            train = _reduced(train, codes[train], most, random_state)
        splits.append((train, np.flatnonzero(fold == number)))
    return splits


def _reduced(rows, codes, size, random_state):
    counts = np.bincount(codes)
    sizes = largest_remainder(max(size, np.count_nonzero(counts)), counts, counts)
    shuffled = random_state.permutation(len(rows))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(rows[order[place < np.repeat(sizes, counts)]])
