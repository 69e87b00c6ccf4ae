"""Shapley values of the samples of a nearest-neighbor classifier."""

import numpy as np

from skcoreset._backend import block_slices

__all__ = ["knn_shapley"]


def knn_shapley(distances, labels, labels_val, n_neighbors):
    """The Shapley value of each row in the accuracy of a nearest-neighbor classifier.

    Distances that are equal up to their rounding are ties, and ties go to the lowest position.

    Parameters
    ----------
    distances : object of :func:`skcoreset._kernels.distances.pairs`
        Of the n rows and the validation rows, which follow them.
    labels : ndarray of int of shape (n,)
    labels_val : ndarray of int of shape (n_val,)
    n_neighbors : int

    Returns
    -------
    values : ndarray of shape (n,), float64

    Notes
    -----
    Time: O(n_val n (d + log n)). Memory: O(n), and blocks of `working_memory`.
    """
    n, n_val = len(labels), len(labels_val)
    share = 1 / np.maximum(n_neighbors, np.arange(1, n + 1))
    total = np.zeros(n)
    for block in block_slices(n_val, 8 * 8 * n, most_bytes=2**26):
        D = distances.block(np.arange(n + block.start, n + block.stop), slice(0, n))
        D = np.asarray(D, dtype=np.float64)
        order = _ascending(D, distances.block_error_bound(D, slice(0, n)))
        match = (labels[order] == labels_val[block, None]).astype(np.float64)
        match[:, :-1] -= match[:, 1:]
        match *= share
        values = match[:, ::-1].cumsum(axis=1)[:, ::-1]
        for at, value in zip(order, values, strict=True):  # in this order whatever the block
            total[at] += value
    return total / n_val


def _ascending(D, error_bound):
    """Positions in ascending order of each row of D; ties are in order of position.

    Two consecutive values tie if they differ by at most the sum of their `error_bound`.
    """
    n = D.shape[1]
    order = np.argsort(D, axis=1)
    ordered, bound = (np.take_along_axis(a, order, axis=1) for a in (D, error_bound))
    apart = np.diff(ordered, axis=1) > bound[:, 1:] + bound[:, :-1]
    if not apart.all():
        run = np.zeros(D.shape, dtype=np.int64)
        run[:, 1:] = np.cumsum(apart, axis=1)
        run *= n
        order = np.sort(run + order, axis=1) - run
    return order
