"""Balls around samples: which samples are inside, and which balls hold samples of one label."""

import numpy as np
import sklearn
from scipy import sparse
from sklearn.cluster import KMeans

from skcoreset._backend import block_slices, to_numpy

__all__ = ["ball_graph", "cluster_labels", "pure_radius"]

# A distance that is smaller than the radius by less than this factor is equal up to rounding.
TIE = 2.0**-32
BYTES_PER_PAIR = 32


def ball_graph(pairs, radius):
    """The pairs of rows with a distance below `radius`, and each row with itself.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
        In float64. Distances that are equal to `radius` up to rounding are outside.
    radius : float

    Returns
    -------
    csr array of shape (n, n)
        1 for the pairs, in float32.

    Notes
    -----
    Time: n^2 d. Memory: 8 bytes for each pair, and blocks of `working_memory`.
    """
    parts = []
    for block in block_slices(pairs.n, BYTES_PER_PAIR * pairs.n):
        inside = to_numpy(pairs.distances(block, slice(0, pairs.n))) < radius * (1 - TIE)
        own = np.arange(block.start, block.stop)
        inside[own - block.start, own] = True
        parts.append(sparse.csr_array(inside, dtype=np.float32))
    return sparse.vstack(parts, format="csr")


def pure_radius(pairs, labels, weight, purity):
    """The largest radius for which the open balls of a fraction `purity` of the rows are pure.

    A ball is pure if all rows inside have the label of its center, so the open ball of a row is
    pure up to the distance of the row to the nearest row with another label.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    labels : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        The fraction is one of the total weight.
    purity : float

    Returns
    -------
    float
        Infinity if all labels are the same.

    Notes
    -----
    Time: n^2 d. Memory: O(n), and blocks of `working_memory`.
    """
    radii = np.empty(pairs.n)
    for block in block_slices(pairs.n, BYTES_PER_PAIR * pairs.n):
        D = to_numpy(pairs.distances(block, slice(0, pairs.n)))
        radii[block] = np.where(labels[block][:, None] == labels, np.inf, D).min(axis=1)
    order = np.argsort(-radii, kind="stable")
    pure = np.cumsum(weight[order])
    return float(radii[order[np.searchsorted(pure, purity * pure[-1] * (1 - TIE))]])


def cluster_labels(X, weight, n_clusters, random_state):
    """Index of the k-means cluster of each row, float64.

    The rows are scaled, because squares of values of any size must be finite. KMeans subtracts the
    mean from dense rows only; here it is also subtracted from the features of sparse rows that
    have no zeros, since products of large values lose the digits of the other features.

    Parameters
    ----------
    X : ndarray or csr of shape (n, n_features)
        Finite.
    weight : ndarray of shape (n,)
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    ndarray of int of shape (n,)
    """
    X = X.astype(np.float64)
    X = X / (abs(X).max() or 1.0)
    if sparse.issparse(X):
        X = X.tocsr()
        full = np.bincount(X.indices, minlength=X.shape[1]) == X.shape[0]
        mean = np.asarray(X.mean(axis=0)).ravel()
        X.data -= np.where(full, mean, 0.0)[X.indices]
    with sklearn.config_context(assume_finite=True):
        model = KMeans(n_clusters, random_state=random_state)
        return model.fit(X, sample_weight=weight).labels_
