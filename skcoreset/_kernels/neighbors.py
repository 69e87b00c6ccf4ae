"""Nearest neighbours, exact: by blocks of distances, or by a tree where columns are few."""

import numpy as np
from array_api_extra import partition
from scipy.spatial import KDTree

from skcoreset._backend import block_slices, is_foreign, to_numpy

__all__ = ["nearest_neighbors"]

TREE_COLUMNS = 6  # up to so many columns a tree is faster; from about 10 on it is slower
SPARE = 2  # rows that a tree is asked for beyond those wanted, to see whether others tie
TIE = 2.0**-40  # distances without cancellation that are relatively closer than this are equal
GROUPS = 32


def nearest_neighbors(pairs, n_neighbors, of=slice(None), among=slice(None)):
    """The `n_neighbors` nearest rows of each row, never itself; ties go to the lowest position.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    n_neighbors : int
        At most the number of other rows in `among`.
    of : slice or ascending ndarray of int
        Positions of the rows that are asked about; default all.
    among : slice or ascending ndarray of int
        Positions of the rows that may be neighbours; default all.

    Returns
    -------
    neighbors : ndarray of int of shape (n_of, n_neighbors)
        Positions, ascending.
    distances : ndarray of shape (n_of, n_neighbors)

    Notes
    -----
    Time: n_of n_among d; for Euclidean distances of at most `TREE_COLUMNS` columns on the host
    about n_of log(n_among) by a tree, but for rows with many ties. Memory: O(n n_neighbors) and
    blocks within `working_memory`.
    """
    asked, among = np.arange(pairs.n)[of], np.arange(pairs.n)[among]
    neighbors = np.empty((len(asked), n_neighbors), dtype=np.intp)
    distances = np.empty((len(asked), n_neighbors))
    found = np.zeros(len(asked), dtype=bool)
    few = pairs.cancels and not is_foreign(pairs.X) and pairs.X.shape[1] <= TREE_COLUMNS
    for search in [_by_tree, _by_blocks] if few and pairs.narrow else [_by_blocks]:
        left = np.flatnonzero(~found)
        for at, rows, columns, values in search(pairs, n_neighbors, asked[left], among):
            at = left[at]
            nearest = _nearest(rows, values, n_neighbors, pairs)
            neighbors[at] = columns[nearest].reshape(-1, n_neighbors)
            distances[at] = pairs.distance(values[nearest]).reshape(-1, n_neighbors)
            found[at] = True
    return neighbors, distances


# A search yields (at, rows, columns, values): rows at[0], at[1], ... of those asked about have the
# candidates `columns` at `values`, the one at position i being of row at[rows[i]]; ascending by
# row and column. All that may be among the nearest are there, and few others.


def _by_blocks(pairs, n_neighbors, asked, among):
    xp, n = pairs.xp, len(among)
    every = xp.asarray(among, device=pairs.device)
    whole = n > 0 and among[-1] - among[0] == n - 1
    candidates = slice(int(among[0]), int(among[-1]) + 1) if whole else every
    for block in block_slices(len(asked), 4 * n * pairs.itemsize, most_bytes=2**26):
        mine = xp.asarray(asked[block], device=pairs.device)
        D = pairs.block(mine, candidates)
        # Ascending, so that only these columns can be the rows themselves.
        a, b = np.searchsorted(among, [asked[block][0], asked[block][-1] + 1]).tolist()
        D[:, a:b] = xp.where(mine[:, None] == every[None, a:b], xp.inf, D[:, a:b])
        edge = _about_kth_smallest(D, n_neighbors, xp)
        if not xp.all(xp.isfinite(edge)):
            raise ValueError(
                "The metric gives distances that are NaN or infinite: a row has fewer than "
                f"{n_neighbors} neighbours at a finite distance."
            )
        # Two values, each with its error; the squared norm of a neighbour is at most twice that
        # of the row, plus twice its distance.
        edge = edge + 4 * pairs.slack(edge, mine)
        hits = xp.nonzero(xp.reshape(edge[:, None] >= D, (-1,)))[0]
        values = xp.take(xp.reshape(D, (-1,)), hits)
        rows, columns = hits // n, hits % n
        if pairs.cancels:
            values = xp.astype(values, xp.float64, copy=False)
            own, other = xp.take(mine, rows), xp.take(every, columns)
            count = np.bincount(to_numpy(rows), minlength=mine.shape[0])
            many = xp.asarray(count > n_neighbors, device=pairs.device)
            unsure = xp.take(many, rows) | pairs.doubtful(values, own, other)
            values[unsure] = pairs.direct(own[unsure], other[unsure])
        columns = among[to_numpy(columns)]
        yield np.arange(len(asked))[block], to_numpy(rows), columns, to_numpy(values)


def _about_kth_smallest(D, k, xp):
    """At least the k-th smallest value of each row, and mostly that value itself.

    It is the k-th smallest of the minima of groups of columns, which is exact unless two of the k
    smallest share a group: one pass over D instead of the many of a partition.
    """
    n = D.shape[1]
    width = min(n, max(-(-n // GROUPS), 4 * k))
    lowest = xp.asarray(D[:, :width], copy=True)
    for start in range(width, n, width):
        more = D[:, start : min(start + width, n)]
        lowest[:, : more.shape[1]] = xp.minimum(lowest[:, : more.shape[1]], more)
    return partition(lowest, k - 1, axis=1, xp=xp)[:, k - 1]


def _by_tree(pairs, n_neighbors, asked, among):
    """Leaves out the rows that tie with more than the tree was asked for."""
    tree = KDTree(pairs.fetch_wide(among))
    ask = min(n_neighbors + 1 + SPARE, len(among))
    for block in block_slices(len(asked), 6 * 8 * ask):
        mine = asked[block]
        values, columns = tree.query(pairs.fetch_wide(mine), k=np.arange(1, ask + 1))
        values, columns = values**2, among[columns]
        last = values[:, -1].copy() if ask < len(among) else np.inf
        values[columns == mine[:, None]] = np.inf
        edge = np.partition(values, n_neighbors - 1, axis=1)[:, n_neighbors - 1] * (1 + TIE)
        settled = last > edge
        near = (edge[:, None] >= values) & settled[:, None]
        order = np.argsort(columns, axis=1)
        near, values, columns = (np.take_along_axis(a, order, 1) for a in (near, values, columns))
        rows = (np.cumsum(settled) - 1)[np.nonzero(near)[0]]
        yield np.arange(len(asked))[block][settled], rows, columns[near], values[near]


def _nearest(rows, values, n_neighbors, pairs):
    """Mask of the `n_neighbors` smallest `values` of each row, the first of those that tie."""
    if not len(rows):
        return np.zeros(0, dtype=bool)
    start = np.flatnonzero(np.diff(rows, prepend=-1))
    edge = values[np.lexsort((values, rows))][start + n_neighbors - 1]
    width = TIE * edge if pairs.cancels else pairs.slack(edge)
    tied = (edge + width)[rows] >= values
    sure = (edge - width)[rows] > values
    tied &= ~sure
    places = n_neighbors - np.add.reduceat(sure, start, dtype=int)
    before = np.cumsum(tied) - tied  # of all rows; within the row: less those before its start
    return sure | (tied & (before - before[start][rows] < places[rows]))
