"""Groups of rows that are equal, or within a radius of the first row of the group."""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
import sklearn
from scipy import sparse
from scipy.spatial import KDTree
from sklearn.utils import gen_batches
from sklearn.utils.extmath import randomized_svd

from skcoreset._backend import block_slices
from skcoreset._kernels.distances import Cosine
from skcoreset._kernels.threads import threads

__all__ = ["first_copies", "leaders"]

# A distance that exceeds another one by less than this factor is equal to it up to rounding.
TIE = 2.0**-32
PROJECTIONS = 10  # number of features of the tree
ROWS_OF_PROJECTION = 5000  # number of rows that determine the directions
MOST_PAIRS = 2**20  # a block of queries ends when so many rows are near to them
MOST_QUERIES = 2**14
TOGETHER = 32  # number of queries of one search in the tree
# If more than one row in so many is near in the projection, on the average of the first queries,
# all distances are computed.
MANY, FIRST_QUERIES = 32, 100
BYTES_PER_PAIR = 32


def first_copies(X, visit):
    """For each row the position of the first one in `visit` that is equal to it.

    Parameters
    ----------
    X : ndarray or csr in canonical format, of shape (n, n_features)
        Zeros of both signs are equal, and so are stored zeros and others.
    visit : ndarray of int of shape (n,)
        A permutation of the positions.

    Returns
    -------
    ndarray of int of shape (n,)

    Notes
    -----
    Rows are equal if digests of 128 bits of their values are. Time: n d. Memory: about 200 bytes
    for each distinct row.
    """
    first, of = {}, np.empty(len(visit), dtype=np.intp)
    for block in block_slices(len(visit), 4 * X.dtype.itemsize * X.shape[1]):
        at = visit[block]
        for i, row in zip(at.tolist(), _row_bytes(X[at]), strict=True):
            of[i] = first.setdefault(blake2b(row, digest_size=16).digest(), i)
    return of


def _row_bytes(rows):
    if not sparse.issparse(rows):
        yield from np.ascontiguousarray(rows + 0 if rows.dtype.kind == "f" else rows)
        return
    rows.eliminate_zeros()
    for start, stop in pairwise(rows.indptr):
        yield rows.indices[start:stop].astype(np.int64).tobytes() + rows.data[start:stop].tobytes()


def leaders(pairs, radius, visit, report=None):
    """Visit the rows in order; one that is not within `radius` of a leader becomes a leader.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
        On the host.
    radius : float
        Distances that are equal to it up to rounding are within it.
    visit : ndarray of int of shape (n,)
        A permutation of the positions.
    report : callable, optional
        Takes the fraction of the rows that have been visited.

    Returns
    -------
    assigned : ndarray of int of shape (n,)
        Position of the nearest leader. Of two at the same distance, the one that is visited first.
    distances : ndarray of shape (n,)
        Distances to it.

    Notes
    -----
    The Euclidean distance of two rows is not smaller than that of their orthogonal projections on a
    few directions. A tree of the projections finds the rows that may be within the radius; only
    these are compared in all features. If they are many, and for other metrics, the time is that of
    m n d multiplications for m leaders. Memory: O(n), and blocks of `working_memory`.
    """
    n, limit = pairs.n, _limit(pairs, radius)
    nearest, assigned = np.full(n, np.inf), np.full(n, -1)
    tree = _Projected(pairs, limit) if pairs.is_squared or isinstance(pairs, Cosine) else None
    pairs = pairs.as_float64() if tree is None else pairs
    at, size, n_queries, n_near = 0, 1, 0, 0
    while at < n:
        # Rows within the radius of an earlier leader are skipped, most rows if it is large. The
        # first blocks are small, so that few rows are compared before there is a leader near.
        block = visit[at : at + 8 * size]
        left = np.flatnonzero(assigned[block] < 0)[:size]
        if not len(left):
            at += len(block)
            continue
        if tree is not None:
            n_asked, query, right = tree.candidates(block[left])
            left = left[:n_asked]
            values = pairs.distance(pairs.exact_pairs(block[left][query], right))
            n_queries, n_near = n_queries + n_asked, n_near + len(right)
            if n_queries >= FIRST_QUERIES and MANY * n_near > n * n_queries:
                tree, pairs = None, pairs.as_float64()
        else:
            left = left[: _rows_in_memory(n)]
            D = pairs.distances(block[left], slice(0, n))
            query, right = np.nonzero(limit >= D)
            values = D[query, right]
        at += left[-1] + 1
        block = block[left]
        near = values <= limit
        query, right, values = query[near], right[near], values[near]
        ends = np.searchsorted(query, np.arange(len(block) + 1))
        for row, start, stop in zip(block.tolist(), ends[:-1], ends[1:], strict=True):
            if assigned[row] >= 0:
                continue
            others, values_of = right[start:stop], values[start:stop]
            nearer = values_of * (1 + TIE) < nearest[others]
            nearest[others[nearer]], assigned[others[nearer]] = values_of[nearer], row
            nearest[row], assigned[row] = 0.0, row
        size = min(MOST_QUERIES, 4 * size)
        if report is not None:
            report(at / n)
    return assigned, nearest


def _rows_in_memory(n):
    """How many rows of n distances fit into `working_memory`."""
    bytes_of_blocks = min(sklearn.get_config()["working_memory"], 128) * 2**20
    return max(1, int(bytes_of_blocks / (BYTES_PER_PAIR * n)))


def _limit(pairs, radius):
    """The largest distance that is equal to `radius` up to rounding."""
    if isinstance(pairs, Cosine):  # half a squared chord
        return radius + pairs.chord_error * ((2 * radius) ** 0.5 + pairs.chord_error) + TIE * radius
    return radius * (1 + TIE)


class _Projected:
    """A tree of the rows, projected on a few directions of large variance."""

    def __init__(self, pairs, limit):
        self.n = pairs.n
        by_angle = isinstance(pairs, Cosine)
        fetch = pairs._scaled if by_angle else pairs.fetch_float64
        some = np.random.RandomState(0).permutation(pairs.n)[:ROWS_OF_PROJECTION]
        rows = fetch(np.sort(some))
        middle = np.asarray(rows.mean(axis=0)).ravel()
        directions = _directions(rows, middle)
        points = np.empty((pairs.n, directions.shape[1]))
        longest = 0.0
        for block in block_slices(pairs.n, 3 * 8 * pairs.X.shape[1]):
            rows = fetch(np.arange(pairs.n)[block])
            if sparse.issparse(rows):
                points[block] = rows @ directions
                squares = rows.multiply(rows).sum(axis=1)
            else:
                rows = rows - middle
                points[block] = rows @ directions
                squares = (rows * rows).sum(axis=1)
            longest = max(longest, float(np.max(squares)) ** 0.5)
        # Errors of products of d terms, and of directions that are almost orthogonal
        slack = 8 * 2.0**-52 * (pairs.X.shape[1] + 8) * longest
        chord = (2 * limit) ** 0.5 if by_angle else limit
        self.radius = chord * (1 + 1e-9) + slack
        self.points = points
        self.tree = KDTree(points, leafsize=32, balanced_tree=False, compact_nodes=True)

    def candidates(self, block):
        """(n, left, right): pairs of one of the first n positions of `block` and a row near to it.

        `left` are places in `block`. The other positions are left out if there are many pairs.
        """
        parts, n_pairs = [], 0
        with threads(len(block) > 1000) as each:
            for window in gen_batches(len(block), 2 * TOGETHER):
                parts += each(self._query, np.array_split(block[window], 2))
                n_pairs += sum(len(rows) for _, rows in parts[-2:])
                if n_pairs > MOST_PAIRS:
                    break
        counts = np.concatenate([count for count, _ in parts])
        left = np.repeat(np.arange(len(counts)), counts)
        return len(counts), left, np.concatenate([rows for _, rows in parts])

    def _query(self, block):
        lists = self.tree.query_ball_point(self.points[block], self.radius, return_sorted=False)
        counts = np.fromiter(map(len, lists), dtype=np.intp, count=len(lists))
        rows = [row for some in lists for row in some]
        return counts, np.array(rows, dtype=np.intp)


def _directions(rows, middle):
    """Orthonormal directions of large variance, (n_features, at most `PROJECTIONS`)."""
    n_features = rows.shape[1]
    if n_features <= PROJECTIONS:
        return np.eye(n_features)
    if not sparse.issparse(rows):
        rows = rows - middle
    largest = abs(rows).max() or 1.0
    size = min(PROJECTIONS, *rows.shape)
    _, _, directions = randomized_svd(rows / largest, size, n_iter=4, random_state=0)
    return np.linalg.qr(directions.T)[0]
