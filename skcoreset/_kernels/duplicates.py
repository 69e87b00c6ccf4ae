"""Groups of rows that are equal, or within a radius of the first row of the group."""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree
from sklearn.utils.extmath import randomized_svd

from skcoreset._backend import block_slices
from skcoreset._kernels.distances import Cosine
from skcoreset._kernels.threads import threads

__all__ = ["first_copies", "leaders"]

# A distance that exceeds another one by less than this factor is equal to it up to rounding.
TIE = 2.0**-32
PROJECTIONS = 10  # number of features of the tree
ROWS_OF_PROJECTION = 5000  # number of rows that determine the directions
MOST_PAIRS = 2**20  # of a block: its number of queries times the number of rows near to each
MOST_QUERIES = 2**14
MANY = 32  # if more than one row in so many is near in the projection, all distances are computed


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
    in_float64 = None
    at, size = 0, 1
    while at < n:
        # Most rows are within the radius of an earlier leader if the radius is large. So the
        # blocks hold only rows that are not, and their number follows the number of pairs.
        block = visit[at : at + 8 * size]
        left = np.flatnonzero(assigned[block] < 0)[:size]
        at += len(block) if len(left) < size else left[-1] + 1
        block = block[left]
        if not len(block):
            continue
        if tree is not None:
            left, right = tree.candidates(block)
            values = pairs.distance(pairs.exact_pairs(block[left], right))
            if MANY * len(right) > n * len(block) and n > 10 * MOST_QUERIES // MANY:
                tree = None
            pairs_per_query = len(right) / len(block)
        else:
            in_float64 = in_float64 or pairs.as_float64()
            D = in_float64.distances(block, slice(0, n))
            left, right = np.nonzero(limit >= D)
            values = D[left, right]
            pairs_per_query = n
        near = values <= limit
        left, right, values = left[near], right[near], values[near]
        ends = np.searchsorted(left, np.arange(len(block) + 1))
        for row, start, stop in zip(block.tolist(), ends[:-1], ends[1:], strict=True):
            if assigned[row] >= 0:
                continue
            others, values_of = right[start:stop], values[start:stop]
            nearer = values_of * (1 + TIE) < nearest[others]
            nearest[others[nearer]], assigned[others[nearer]] = values_of[nearer], row
            nearest[row], assigned[row] = 0.0, row
        size = int(min(MOST_QUERIES, 4 * size, max(1, MOST_PAIRS // max(pairs_per_query, 1))))
        if report is not None:
            report(at / n)
    return assigned, nearest


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
        """(left, right): pairs of a position in `block` and of a row that may be near."""
        with threads(len(block) > 1000) as each:
            found = list(each(self._query, np.array_split(block, max(1, len(block) // 1000))))
        counts = np.concatenate([count for count, _ in found])
        return np.repeat(np.arange(len(block)), counts), np.concatenate([rows for _, rows in found])

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
