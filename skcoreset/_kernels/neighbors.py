"""Nearest neighbours by blocks of distances, exact."""

import numpy as np
from array_api_extra import partition

from skcoreset._backend import block_slices, to_numpy

__all__ = ["nearest_neighbors"]


def nearest_neighbors(pairs, n_neighbors):
    """The `n_neighbors` nearest other rows of each row; ties go to the lowest position.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    n_neighbors : int
        At most n - 1.

    Returns
    -------
    neighbors : ndarray of int of shape (n, n_neighbors)
        Positions, ascending.
    distances : ndarray of shape (n, n_neighbors)

    Notes
    -----
    Time: n^2 d. Memory: O(n n_neighbors) and blocks within `working_memory`.
    """
    xp, n = pairs.xp, pairs.n
    neighbors = np.empty((n, n_neighbors), dtype=np.intp)
    distances = np.empty((n, n_neighbors))
    for block in block_slices(n, 5 * n * pairs.itemsize, most_bytes=2**26):
        D = pairs.distances(block, slice(0, n))
        own = xp.arange(block.start, block.stop, device=pairs.device)[:, None]
        D = xp.where(own == xp.arange(n, device=pairs.device)[None, :], xp.inf, D)
        edge = partition(D, n_neighbors - 1, axis=1, xp=xp)[:, n_neighbors - 1][:, None]
        width = pairs.rounding * edge
        near = to_numpy(edge + width >= D)
        D, surely = to_numpy(D), to_numpy(edge - width > D)
        for i in np.flatnonzero(near.sum(axis=1) > n_neighbors):  # ties for the last places
            last = np.flatnonzero(near[i] & ~surely[i])
            near[i, last[n_neighbors - surely[i].sum() :]] = False
        rows, columns = np.nonzero(near)
        neighbors[block] = columns.reshape(-1, n_neighbors)
        distances[block] = D[rows, columns].reshape(-1, n_neighbors)
    return neighbors, distances
