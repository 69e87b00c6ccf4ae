"""Similarities between the rows of a table: a complete matrix, on demand, or a sparse graph."""

import numpy as np
import sklearn
from scipy import sparse

from skcoreset._backend import block_slices, device_of, free_bytes, namespace
from skcoreset._kernels.threads import n_threads, threads

__all__ = [
    "GraphSimilarities",
    "Similarities",
    "TargetSimilarities",
    "given_similarities",
    "graph_similarities",
    "kernel_similarities",
    "near_similarities",
    "precise_enough",
    "radial_graph",
    "relative_tolerance",
    "target_similarities",
]

# Float32 is used from so many operations on: an entry takes one for each column of the table, and
# about PASSES more for the passes over the matrix. Below that float64 takes some 10 ms more.
WORTH_SINGLE, PASSES = 2**29, 64
WORTH_THREADS = 2**25  # pairs; starting threads takes some milliseconds
SAMPLE, LEAST_SPREAD = 64, 2.0**-8


def relative_tolerance(like):
    """Gains whose relative difference is smaller tie, for values of the precision of `like`.

    Gains are differences of sums of similarities, and the late ones are small differences.
    """
    return 2.0**-40 if like.eps < 1e-10 else 2.0**-16


class Similarities:
    """A symmetric similarity matrix, complete in memory if it fits, else computed on demand.

    It fits if it takes at most half of scikit-learn's `working_memory`, or half of the free memory
    of a GPU.

    Parameters
    ----------
    compute : callable
        ``compute(candidates, rows)`` gives a new block (len(candidates), len(rows)); `candidates`
        is a slice or an index array, `rows` a slice.
    n : int
    like : object with xp, device, dtype, itemsize and eps
        Those of the blocks, and `copied_bytes`, the bytes of a row that `compute` copies.
    matrix : array of shape (n, n), optional
        The matrix, if it exists already.
    floor : float, optional
        A lower bound of all similarities; if None, the minimum is computed.
    may_store : bool
        Whether the matrix may be stored.

    Attributes
    ----------
    n_rows : int
        Number of rows; here `n`, as every row is a candidate.
    """

    n_rows = None

    def __init__(self, compute, n, like, matrix=None, floor=None, may_store=True):
        self.compute, self.n, self.floor = compute, n, floor
        self.n_rows = self.n_rows or n
        self.in_threads = like.device == "cpu" and n * self.n_rows > WORTH_THREADS
        self.xp, self.device = like.xp, like.device
        self.dtype, self.itemsize, self.eps = like.dtype, like.itemsize, like.eps
        self.copied_bytes = like.copied_bytes
        free = free_bytes(self.xp)
        self.on_cuda = free is not None
        memory = int(free if self.on_cuda else sklearn.get_config()["working_memory"] * 2**20)
        needed = n * n * self.itemsize
        if matrix is None and may_store and needed <= memory / 2:
            memory -= needed
            matrix = self.xp.empty((n, n), dtype=self.dtype, device=self.device)
            for block in self._row_blocks():
                matrix[block, :] = compute(block, slice(0, n))
        self.matrix, self.whole = matrix, matrix is not None
        self.spare_bytes = memory // 2  # for the objective
        self.relative_tolerance = relative_tolerance(like)

    def _row_blocks(self):
        most = 2**28 if self.on_cuda else 2**25
        return block_slices(self.n, 3 * self.n * self.itemsize, most_bytes=most)

    def rows(self, candidates):
        """Similarities of each candidate with all rows, (len(candidates), n_rows), a new array."""
        if self.whole:
            return self.xp.take(self.matrix, candidates, axis=0)
        n_new = candidates.shape[0]
        out = self.xp.empty((n_new, self.n_rows), dtype=self.dtype, device=self.device)
        for block in block_slices(self.n_rows, 4 * n_new * self.itemsize + self.copied_bytes):
            out[:, block] = self.compute(candidates, block)
        return out

    def to_rows(self, rows):
        """Similarities of the rows in a slice with all candidates, (len(rows), n)."""
        return self.matrix[rows] if self.whole else self.rows(self._every()[rows])

    def _every(self):
        return self.xp.arange(self.n, device=self.device)

    def each(self, candidates):
        """Iterator over the same rows, which must not be modified."""
        if self.whole:
            for candidate in candidates:
                yield self.matrix[candidate, :]
            return
        for block in block_slices(len(candidates), self.n_rows * self.itemsize, most_bytes=2**26):
            yield from self.rows(candidates[block])

    def diagonal(self):
        """Similarity of each row with itself, float64."""
        xp = self.xp
        if self.whole:
            return xp.astype(xp.linalg.diagonal(self.matrix), xp.float64)
        out = xp.empty(self.n, dtype=xp.float64, device=self.device)
        for at in block_slices(self.n, 1, most_bytes=64):  # squares of 64 rows
            out[at] = xp.astype(xp.linalg.diagonal(self.compute(at, at)), xp.float64)
        return out

    def tiles(self, function):
        """Iterator over ``function(rows, columns, block, mirrored)`` of tiles with all entries.

        If `mirrored` is True, the transposed block is another part of the matrix, of which there is
        no other tile: on demand, each pair is computed once, in threads on the host. The functions
        are called in any order, and their results are in order.
        """
        if self.whole:
            for rows in self._row_blocks():
                yield function(rows, slice(0, self.n), self.matrix[rows, :], False)
            return
        tiles = self._tiles()
        with threads(self.in_threads) as each:
            yield from each(
                lambda tile: function(*tile, self.compute(*tile), self._is_mirrored(*tile)), tiles
            )

    def _tiles(self):
        """(rows, columns) of the tiles that are made on demand."""
        cuts = block_slices(self.n, 1, most_bytes=self._side())
        return [(rows, columns) for i, rows in enumerate(cuts) for columns in cuts[i:]]

    def _is_mirrored(self, rows, columns):
        return rows != columns

    def _side(self):
        """Rows and columns of a tile."""
        memory = self.spare_bytes / 3  # a block and its temporaries are about six arrays
        if self.in_threads:
            memory /= n_threads()
        return max(1, min(4096 if self.on_cuda else 2048, int((memory / self.itemsize) ** 0.5)))

    def sums_and_lowest(self, weight):
        """``sum_i w_i s_ij`` of each row, float64, and the lowest value of all."""
        xp = self.xp
        sums = xp.zeros(self.n, dtype=xp.float64, device=self.device)

        def of_tile(rows, columns, block, mirrored):
            low = xp.min(block) if self.floor is None else None
            below = block.T @ weight[rows] if mirrored else None
            return rows, columns, block @ weight[columns], below, low

        lows = []
        for rows, columns, of_rows, of_columns, low in self.tiles(of_tile):
            sums[rows] += xp.astype(of_rows, xp.float64)
            if of_columns is not None:
                sums[columns] += xp.astype(of_columns, xp.float64)
            if low is not None:
                lows.append(low)
        if not xp.all(xp.isfinite(sums)):
            raise ValueError(
                "The similarities of a row, times the sample weights, add up to infinity. Scale X."
            )
        if lows:  # read once, as each number that is read from a GPU synchronizes the host
            self.floor = float(xp.min(xp.stack(lows)))
        return sums, self.floor

    def lowest(self):
        """The lowest value of all, or the `floor`."""
        if self.floor is None:
            self.floor = min(map(float, self.tiles(lambda *tile: self.xp.min(tile[2]))))
        return self.floor


class TargetSimilarities(Similarities):
    """Similarities of candidates with target rows, which are made on demand.

    Parameters
    ----------
    compute : callable
        ``compute(columns, rows)`` as of `Similarities`. Its first `n` rows are the candidates, the
        others the target rows.
    n_all, n : int
        The number of rows, and of candidates.
    like, floor
        As of `Similarities`.
    """

    def __init__(self, compute, n_all, n, like, floor=None):
        self.block, self.n_rows = compute, n_all - n

        def of_target(candidates, rows):
            return compute(candidates, slice(n + rows.start, n + rows.stop))

        super().__init__(of_target, n, like, floor=floor, may_store=False)

    def to_rows(self, rows):
        at = self.n + self.xp.arange(self.n_rows, device=self.device)[rows]
        out = self.xp.empty((at.shape[0], self.n), dtype=self.dtype, device=self.device)
        for block in block_slices(self.n, 4 * at.shape[0] * self.itemsize + self.copied_bytes):
            out[:, block] = self.block(at, block)
        return out

    def _tiles(self):
        cuts, across = (block_slices(n, 1, most_bytes=self._side()) for n in (self.n, self.n_rows))
        return [(rows, columns) for rows in cuts for columns in across]

    def _is_mirrored(self, rows, columns):
        return False

    def nearest(self):
        """The largest similarity of each candidate with a target row, float64."""
        xp = self.xp
        out = xp.full(self.n, -xp.inf, dtype=xp.float64, device=self.device)
        for rows, highest in self.tiles(lambda *tile: (tile[0], xp.max(tile[2], axis=1))):
            out[rows] = xp.maximum(out[rows], xp.astype(highest, xp.float64))
        return out


class GraphSimilarities:
    """Similarities of some pairs, at least 0, in a symmetric csr array; those of others are 0."""

    xp, device, relative_tolerance = np, "cpu", 2.0**-40

    def __init__(self, graph):
        self.graph, self.n = graph, graph.shape[0]

    def rows(self, candidates):
        return self.graph[candidates].toarray()

    def diagonal(self):
        return self.graph.diagonal()

    def sums_and_lowest(self, weight):
        return self.graph @ weight, 0.0


def precise_enough(pairs):
    """`pairs` or, unless float32 is accurate and saves time, the same distances in float64.

    Gains are differences of sums of distances, so their absolute error is that of the largest
    distances. Float32 is accurate enough if the small distances are not much smaller. This is
    estimated from `SAMPLE` rows and 8 times as many other rows: at least three quarters of the
    former must have at most 3 of the latter within `LEAST_SPREAD` times the largest norm.

    Cost: the distances of the sample. A table below `WORTH_SINGLE` operations is always float64.
    """
    xp, n = pairs.xp, pairs.n
    if pairs.itemsize == 8 or n * n * (pairs.terms + PASSES) < WORTH_SINGLE:
        return pairs.as_float64()
    at = xp.arange(0, n, max(1, n // (9 * SAMPLE)), device=pairs.device)[: 9 * SAMPLE]
    some = xp.arange(at.shape[0], device=pairs.device) % 9 == 0
    near = xp.sort(pairs.distances(at[some], at[~some]), axis=1)[:, 3]
    least = float(xp.sort(near)[near.shape[0] // 4])
    return pairs if least > LEAST_SPREAD * pairs.most_square**0.5 else pairs.as_float64()


def near_similarities(pairs):
    """Negative distances, of an object of :func:`skcoreset._kernels.distances.pairs`."""
    return Similarities(_negative(pairs), pairs.n, pairs)


def _negative(pairs):
    def compute(candidates, rows):
        values = pairs.distances(candidates, rows)
        values *= -1
        return values

    return compute


def kernel_similarities(kernel):
    """Values of a radial kernel, of an object of :func:`skcoreset._kernels.kernels.gram`."""
    return Similarities(kernel.block, kernel.n, kernel.euclidean, floor=0.0)


def target_similarities(of, n, is_kernel):
    """`TargetSimilarities` of the first `n` rows with the others.

    They are negative distances, or values of a radial kernel: `of` is as `near_similarities` or
    `kernel_similarities` takes it.
    """
    if is_kernel:
        return TargetSimilarities(of.block, of.n, n, of.euclidean, floor=0.0)
    return TargetSimilarities(_negative(of), of.n, n, of)


def given_similarities(matrix):
    """Precomputed similarities: (n, n), symmetric, at least 0, dense or sparse."""
    if sparse.issparse(matrix):
        return GraphSimilarities(sparse.csr_array(matrix, dtype=np.float64))
    like = _Like(namespace(matrix), device_of(matrix), matrix.dtype)
    return Similarities(None, matrix.shape[0], like, matrix, floor=0.0)


def graph_similarities(neighbors, distances):
    """Similarities of pairs of which one row is among the nearest neighbors of the other.

    The similarity is the largest of the distances minus the distance of the pair. The similarity
    of a row to itself is the largest distance.

    Parameters
    ----------
    neighbors, distances : ndarray of shape (n, n_neighbors)
    """
    most = distances.max()
    return _graph(neighbors, most - distances, most)


def radial_graph(neighbors, kernel, distances):
    """The same pairs; their similarity is a :class:`~skcoreset._kernels.radial.Radial` kernel."""
    return _graph(neighbors, kernel.of_distances(distances), 1.0)


def _graph(neighbors, values, itself):
    n, n_neighbors = neighbors.shape
    starts = np.arange(0, n * n_neighbors + 1, n_neighbors)
    near = sparse.csr_array((values.ravel(), neighbors.ravel(), starts), shape=(n, n))
    near = near.maximum(near.T) + itself * sparse.eye_array(n, format="csr")
    return GraphSimilarities(sparse.csr_array(near))


class _Like:
    """Namespace, device, dtype and precision of a matrix."""

    copied_bytes = 0

    def __init__(self, xp, device, dtype):
        self.xp, self.device, self.dtype = xp, device, dtype
        single = "float32" in str(dtype)
        self.itemsize, self.eps = (4, 2.0**-23) if single else (8, 2.0**-52)
