"""Exact nearest neighbors by the fastest of three searches: tree, scikit-learn's, or blocks."""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
import sklearn
from array_api_extra import partition
from scipy import sparse
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from skcoreset._backend import block_slices, is_foreign, namespace, row_products, to_numpy
from skcoreset._kernels.cuda.neighbors import search_on
from skcoreset._kernels.distances import Cosine, Precomputed

__all__ = ["nearest_neighbors"]

TREE_COLUMNS = 6  # a tree is the fastest search up to this number of columns
MATCHED_COLUMNS = 64  # for float32, scikit-learn's search is as fast up to this number of columns
SPARE = 2  # additional neighbors of a search, which show whether others tie
GROUPS = 32
MANY = 8  # if more than one candidate in so many may be a neighbor, all values are exact
MOST_MEMORY = 128  # MiB, for scikit-learn's search


def nearest_neighbors(pairs, n_neighbors, of=slice(None), among=slice(None)):
    """The `n_neighbors` nearest neighbors of each row, without itself.

    Ties (equal up to rounding) go to the lowest position.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    n_neighbors : int
        At most the number of other rows in `among`.
    of : slice or ascending ndarray of int
        Positions of the query rows; all by default.
    among : slice or ascending ndarray of int
        Positions of the candidates; all by default.

    Returns
    -------
    neighbors : ndarray of int of shape (n_of, n_neighbors)
        Positions, ascending.
    distances : ndarray of shape (n_of, n_neighbors)

    Notes
    -----
    Time: n_of n_among d. For Euclidean distances of at most `TREE_COLUMNS` columns on the host, a
    tree takes about n_of log(n_among), except for rows with many ties. Memory: O(n n_neighbors),
    and blocks of `working_memory`.

    For Euclidean distances on the host scikit-learn's search is used if it is faster: for float64,
    for float32 up to `MATCHED_COLUMNS` columns (its products are float64), and for sparse tables
    with at most one stored value in ten. On a GPU a CUDA kernel maintains the nearest candidates of
    each row in one pass over the table.
    """
    queries, among = np.arange(pairs.n)[of], np.arange(pairs.n)[among]
    neighbors = np.empty((len(queries), n_neighbors), dtype=np.intp)
    distances = np.empty((len(queries), n_neighbors))
    found = np.zeros(len(queries), dtype=bool)
    for search in _searches(pairs):
        left = np.flatnonzero(~found)
        if len(left) == 0:
            break
        for at, rows, columns, values in search(pairs, n_neighbors, queries[left], among):
            at = left[at]
            nearest = _nearest(rows, values, n_neighbors, pairs)
            neighbors[at] = columns[nearest].reshape(-1, n_neighbors)
            distances[at] = pairs.distance(values[nearest]).reshape(-1, n_neighbors)
            found[at] = True
    return neighbors, distances


def _searches(pairs):
    """The searches in the order in which they are tried; the last one finds all neighbors."""
    on_gpu = search_on(pairs, SPARE)
    if on_gpu is not None:
        return [on_gpu, _by_blocks]
    if pairs.is_squared and not is_foreign(pairs.X):
        if pairs.narrow and pairs.X.shape[1] <= TREE_COLUMNS:
            return [_by_tree, _by_blocks]
        if sparse.issparse(pairs.X):
            fast = 10 * pairs.X.nnz <= pairs.X.shape[0] * pairs.X.shape[1]
        else:
            fast = pairs.itemsize == 8 or pairs.X.shape[1] <= MATCHED_COLUMNS
        # scikit-learn does not shift the table, so it must be near the origin.
        if fast and pairs.offset is None and pairs.rows is None:
            return [_by_scikit_learn, _by_blocks]
    return [_by_blocks]


# A search yields (at, rows, columns, values). Query at[rows[i]] has the candidate columns[i] at the
# value values[i], in ascending order of rows and columns. They contain all candidates that may be
# among the nearest neighbors, and few others.


def _by_blocks(pairs, n_neighbors, queries, among):
    among = _fewer_alike(pairs, among, n_neighbors + 1)
    xp, n = pairs.xp, len(among)
    every = xp.asarray(among, device=pairs.device)
    whole = n > 0 and among[-1] - among[0] == n - 1
    candidates = slice(int(among[0]), int(among[-1]) + 1) if whole else every
    for block in block_slices(len(queries), 4 * n * pairs.itemsize, most_bytes=2**26):
        mine = xp.asarray(queries[block], device=pairs.device)
        # Positions are ascending, so a query is among these columns only.
        a, b = np.searchsorted(among, [queries[block][0], queries[block][-1] + 1]).tolist()
        itself = mine[:, None] == every[None, a:b]
        D = pairs.approximate_block(mine, candidates)
        D[:, a:b] = xp.where(itself, xp.inf, D[:, a:b])
        edge = _about_kth_smallest(D, n_neighbors, xp)
        if not xp.all(xp.isfinite(edge)):
            raise ValueError(
                f"A row has fewer than {n_neighbors} neighbors at a finite distance, as the metric "
                "is NaN or infinite for some pairs. Remove these samples or choose another metric."
            )
        # Add ties, and the errors of two values. The squared norm of a neighbor is at most twice
        # that of the row plus twice the squared distance.
        edge = edge + 2 * _tie(pairs, edge) + 4 * pairs.error_bound(edge, mine)
        hits = xp.nonzero(xp.reshape(edge[:, None] >= D, (-1,)))[0]
        are_exact = _has_exact_block(pairs) and MANY * hits.shape[0] > D.shape[0] * D.shape[1]
        if are_exact:  # too many values tie up to the rounding of products
            D = _exact_block(pairs, queries[block], among)
            D[:, a:b][itself] = np.inf
            edge = np.partition(D, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
            edge += 2 * _tie(pairs, edge)
            hits = np.flatnonzero(edge[:, None] >= D)
        values = xp.take(xp.reshape(D, (-1,)), hits)
        rows, columns = hits // n, hits % n
        if (pairs.is_squared or isinstance(pairs, Cosine)) and not are_exact:
            values = xp.astype(values, xp.float64, copy=False)
            own, other = xp.take(mine, rows), xp.take(every, columns)
            count = np.bincount(to_numpy(rows), minlength=mine.shape[0])
            many = xp.asarray(count > n_neighbors, device=pairs.device)
            unsure = xp.take(many, rows) | pairs.is_inexact(values, own, other)
            values[unsure] = _exact_values(pairs, own[unsure], other[unsure])
        columns = among[to_numpy(columns)]
        yield np.arange(len(queries))[block], to_numpy(rows), columns, to_numpy(values)


def _exact_values(pairs, left, right):
    """Exact value of each pair (left[i], right[i]), float64."""
    if not isinstance(pairs, Cosine):
        return pairs.exact_pairs(left, right)
    xp = pairs.xp
    out = xp.empty(left.shape[0], dtype=xp.float64, device=pairs.device)
    for block in block_slices(left.shape[0], 6 * 8 * pairs.terms):
        (x, one), (y, other) = (_directions(pairs, at[block]) for at in (left, right))
        gaps = x - y
        if sparse.issparse(gaps):
            squares = np.asarray(gaps.multiply(gaps).sum(axis=1)).ravel()
        else:
            squares = row_products(gaps, gaps)
        out[block] = xp.where(one & other, squares / 2, 1.0)
    return out


def _directions(pairs, at):
    """Rows scaled to norm 1, in float64, and whether each is not a row of zeros.

    Half the squared distance of two such rows is the cosine distance, without cancellation.
    """
    rows, xp = pairs.fetch_float64(at), pairs.xp
    if sparse.issparse(rows):
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        return sparse.diags_array(1 / np.where(norms > 0, norms, 1.0)) @ rows, norms > 0
    norms = xp.sqrt(row_products(rows, rows))
    return rows / xp.where(norms > 0, norms, 1.0)[:, None], norms > 0


def _has_exact_block(pairs):
    """Whether `_exact_block` is faster than exact values of many pairs."""
    if not (pairs.is_squared or isinstance(pairs, Cosine)) or is_foreign(pairs.X):
        return False
    stored = pairs.X.nnz / pairs.X.shape[0] if sparse.issparse(pairs.X) else np.inf
    return pairs.X.shape[1] <= 16 * stored


def _exact_block(pairs, queries, among):
    """Exact values of all `queries` and all rows `among`, (n_queries, n_among)."""
    by_angle = isinstance(pairs, Cosine)

    def dense(at):
        rows, there = _directions(pairs, at) if by_angle else (pairs.fetch_float64(at), None)
        return (rows.toarray() if sparse.issparse(rows) else rows), there

    out = np.empty((len(queries), len(among)))
    row_bytes = 3 * 8 * pairs.X.shape[1]
    for left in block_slices(len(queries), row_bytes):
        x, one = dense(queries[left])
        for right in block_slices(len(among), row_bytes):
            y, other = dense(among[right])
            values = cdist(x, y, "sqeuclidean")
            if by_angle:
                values = np.where(one[:, None] & other, values / 2, 1.0)
            out[left, right] = values
    return out


def _fewer_alike(pairs, among, most):
    """`among` without rows that have `most` duplicates at lower positions.

    Ties go to the lowest position, so such a row is never a neighbor. Without this step, thousands
    of empty rows would be candidates of each other.
    """
    if is_foreign(pairs.X) or isinstance(pairs, Precomputed):
        return among
    seen, keep = {}, np.ones(len(among), dtype=bool)
    for block in block_slices(len(among), 2 * pairs.itemsize * pairs.X.shape[1]):
        rows = pairs.fetch_source(among[block])
        for i, row in enumerate(_row_bytes(rows), block.start):
            key = blake2b(row, digest_size=16).digest()
            seen[key] = seen.get(key, 0) + 1
            keep[i] = seen[key] <= most
    return among[keep]


def _row_bytes(rows):
    if not sparse.issparse(rows):
        yield from np.ascontiguousarray(rows)
        return
    for start, stop in pairwise(rows.indptr):
        yield rows.indices[start:stop].tobytes() + rows.data[start:stop].tobytes()


def _about_kth_smallest(D, k, xp):
    """An upper bound of the k-th smallest value of each row, mostly that value itself.

    It is the k-th smallest of the minima of groups of columns. This is exact unless two of the k
    smallest values are in one group, and takes one pass over D, a partition several.
    """
    n = D.shape[1]
    width = min(n, max(-(-n // GROUPS), 4 * k))
    lowest = xp.asarray(D[:, :width], copy=True)
    for start in range(width, n, width):
        more = D[:, start : min(start + width, n)]
        lowest[:, : more.shape[1]] = xp.minimum(lowest[:, : more.shape[1]], more)
    return partition(lowest, k - 1, axis=1, xp=xp)[:, k - 1]


def _by_tree(pairs, n_neighbors, queries, among):
    """Neighbors by a tree, except of rows with more ties than `SPARE`."""
    tree = KDTree(pairs.fetch_float64(among))
    ask = min(n_neighbors + 1 + SPARE, len(among))
    for block in block_slices(len(queries), 6 * 8 * ask):
        values, columns = tree.query(pairs.fetch_float64(queries[block]), k=np.arange(1, ask + 1))
        near = _near(pairs, n_neighbors, queries[block], among, values**2, columns)
        yield np.arange(len(queries))[block][near[0]], *near[1:]


def _by_scikit_learn(pairs, n_neighbors, queries, among):
    """Neighbors by scikit-learn's search, except of rows with more ties than `SPARE`."""
    search = NearestNeighbors(algorithm="brute").fit(pairs.fetch(_as_slice(among)))
    ask = min(n_neighbors + 1 + SPARE, len(among))
    # Larger blocks of a sparse product are not faster, and allocating them takes time.
    memory = min(sklearn.get_config()["working_memory"], MOST_MEMORY)
    with sklearn.config_context(working_memory=memory):
        values, columns = search.kneighbors(pairs.fetch(_as_slice(queries)), ask)
    for block in block_slices(len(queries), 6 * 8 * ask):
        near = _near(
            pairs,
            n_neighbors,
            queries[block],
            among,
            values[block] ** 2,
            columns[block],
            exact=False,
        )
        yield np.arange(len(queries))[block][near[0]], *near[1:]


def _tie(pairs, value):
    """Largest difference of a value that ties with `value`."""
    factor, term = pairs.tie_tolerance
    if isinstance(pairs, Cosine):  # half a squared chord
        error = pairs.chord_error
        return error * ((2 * namespace(value).clip(value, min=0)) ** 0.5 + error)
    return factor * value + term


def _as_slice(at):
    """Consecutive positions as a slice, so that rows are a view and not a copy."""
    whole = len(at) and at[-1] - at[0] == len(at) - 1
    return slice(int(at[0]), int(at[-1]) + 1) if whole else at


def _near(pairs, n_neighbors, mine, among, values, columns, exact=True):
    """(settled, rows, columns, values) from the results of a search for the queries `mine`.

    `values` and `columns` are ascending in `values`. A query is settled if the search found all
    candidates that may be among its nearest neighbors. Values have an error of `pairs.error_bound`
    unless `exact`.
    """
    columns = among[columns]
    last = values[:, -1].copy() if values.shape[1] < len(among) else np.inf
    values[columns == mine[:, None]] = np.inf
    edge = np.partition(values, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
    edge += 2 * _tie(pairs, edge)
    if not exact:
        edge += 4 * pairs.error_bound(edge, mine)
    settled = last > edge
    near = (edge[:, None] >= values) & settled[:, None]
    order = np.argsort(columns, axis=1)
    near, values, columns = (np.take_along_axis(a, order, 1) for a in (near, values, columns))
    rows, values, columns = np.nonzero(near)[0], values[near], columns[near]
    if not exact:
        many = near.sum(axis=1) > n_neighbors
        unsure = many[rows] | pairs.is_inexact(values, mine[rows], columns)
        values[unsure] = pairs.exact_pairs(mine[rows][unsure], columns[unsure])
    return settled, (np.cumsum(settled) - 1)[rows], columns, values


def _nearest(rows, values, n_neighbors, pairs):
    """Mask of the `n_neighbors` smallest `values` of each row; ties in order of position."""
    start = np.flatnonzero(np.diff(rows, prepend=-1))
    if len(rows) == len(start) * n_neighbors:  # no row has more candidates
        return np.ones(len(rows), dtype=bool)
    edge = values[np.lexsort((values, rows))][start + n_neighbors - 1]
    width = _tie(pairs, edge)
    tied = (edge + width)[rows] >= values
    sure = (edge - width)[rows] > values
    tied &= ~sure
    places = n_neighbors - np.add.reduceat(sure, start, dtype=int)
    before = np.cumsum(tied) - tied  # ties before this one, over all rows
    return sure | (tied & (before - before[start][rows] < places[rows]))
