"""Set functions that a coreset is good at, as objects that the one greedy loop understands.

An objective answers

``n``, ``xp``, ``device``
    how many candidates there are, and where its arrays live;
``all_gains()``
    what each candidate would add to the value now, (n,), float64;
``gains(candidates)``
    the same for a few;
``add(candidate)``
    take it in;
``rounding``
    relative error of a gain, below which two are a tie. It is eps**0.7, as late gains are small
    differences of distances that have lost digits themselves;
``on_demand``
    whether values are made anew each time, so that gains are dear.
"""

import numpy as np
import sklearn
from scipy import sparse

from skcoreset._backend import block_slices, clip_below_zero, device_of, namespace, to_numpy

__all__ = [
    "FacilityLocation",
    "GraphCut",
    "GraphFacilityLocation",
    "Similarities",
    "cover",
    "given_similarities",
    "graph_similarities",
    "near_similarities",
]


class FacilityLocation:
    """``sum_i w_i max_{j in S} s_ij``: every row has a similar one in the coreset.

    Similarities count from the lowest one, so that the value of nothing is 0.

    Parameters
    ----------
    similar : Similarities
    weight : array of shape (n,), float64
    """

    def __init__(self, similar, weight):
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.similar, self.on_demand = similar, not similar.whole
        self.rounding = similar.eps**0.7
        self.weight = self.xp.asarray(weight, dtype=similar.dtype, device=self.device)
        self.covered = None  # similarity of each row to the nearest pick; None: no pick yet
        self.nearest = self.xp.zeros(self.n, dtype=self.xp.int64, device=self.device)
        self.size, self.picks = 0, []

    def all_gains(self):
        if self.covered is None:
            sums, lowest = self.similar.sums_and_lowest(self.weight)
            return sums - lowest * float(self.xp.sum(self.weight))
        gains = self.xp.zeros(self.n, dtype=self.xp.float64, device=self.device)
        for rows, columns, block, mirrored in self.similar.tiles():
            if mirrored:
                more = block.T - self.covered[rows][None, :]
                gains[columns] += self._total(more, self.weight[rows])
            more = block - self.covered[columns][None, :]
            gains[rows] += self._total(more, self.weight[columns])
        return gains

    def _total(self, more, weight):
        return self.xp.astype(clip_below_zero(more) @ weight, self.xp.float64)

    def gains(self, candidates):
        xp = self.xp
        out = xp.empty(candidates.shape[0], dtype=xp.float64, device=self.device)
        for block in block_slices(candidates.shape[0], 3 * 8 * self.n, most_bytes=2**26):
            rows = self.similar.rows(candidates[block])
            # Before the first pick only the order matters; the lowest value seen will do.
            covered = self.covered if self.size else self.xp.full_like(rows[0, :], xp.min(rows))
            rows -= covered[None, :]
            out[block] = self._total(rows, self.weight)
        return out

    def add(self, candidate):
        xp = self.xp
        row = self.similar.rows(xp.asarray([candidate], device=self.device))[0, :]
        if self.size:
            better = row > self.covered + self.rounding * xp.abs(self.covered)
            self.nearest = xp.where(better, self.size, self.nearest)
            self.covered = xp.maximum(self.covered, row)
        else:
            self.covered = row
        self.picks.append(candidate)
        self.size += 1

    def loss(self):
        """``sum_i w_i min_{j in S} d_ij`` where similarities are minus distances."""
        return -float(self.xp.sum(self.weight * self.covered))

    def cells(self, weight):
        """Weight of the rows that each pick is the most similar to."""
        return _cells(self.nearest, weight, self.picks)


class GraphFacilityLocation:
    """Facility location on a graph of similarities: pairs that are not in it count 0.

    Parameters
    ----------
    similar : GraphSimilarities
    weight : ndarray of shape (n,)
    """

    on_demand = False

    def __init__(self, similar, weight):
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.graph, self.weight, self.rounding = similar.graph, weight, similar.eps**0.7
        self.covered = np.zeros(self.n)
        self.nearest = np.full(self.n, -1)  # a row that no pick is similar to belongs to none
        self.size, self.picks = 0, []

    def all_gains(self):
        return self.gains(np.arange(self.n))

    def gains(self, candidates):
        rows = self.graph[candidates]
        more = np.maximum(rows.data - self.covered[rows.indices], 0) * self.weight[rows.indices]
        total = np.concatenate([[0.0], np.cumsum(more)])
        return total[rows.indptr[1:]] - total[rows.indptr[:-1]]

    def add(self, candidate):
        start, stop = self.graph.indptr[candidate : candidate + 2]
        at, s = self.graph.indices[start:stop], self.graph.data[start:stop]
        self.nearest[at[s > self.covered[at]]] = self.size
        self.covered[at] = np.maximum(self.covered[at], s)
        self.picks.append(candidate)
        self.size += 1

    def cells(self, weight):
        """As for `FacilityLocation`."""
        return _cells(self.nearest, weight, self.picks)


class GraphCut:
    """``sum_{i; j in S} w_i s_ij - redundancy * sum_{i, j in S} s_ij``: like all, not like others.

    Parameters
    ----------
    similar : Similarities
    weight : array of shape (n,), float64
    redundancy : float
    """

    def __init__(self, similar, weight, redundancy):
        self.similar, self.redundancy, self.on_demand = similar, redundancy, False
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.rounding = similar.eps**0.7
        dtype = getattr(similar, "dtype", None)
        weight = self.xp.asarray(weight, dtype=dtype, device=self.device)
        sums, lowest = similar.sums_and_lowest(weight)
        # Similarities are measured from the lowest one, so that none is negative.
        self.lowest = lowest
        self.value = (
            sums - lowest * float(self.xp.sum(weight)) - redundancy * (similar.diagonal() - lowest)
        )

    def all_gains(self):
        return self.value

    def gains(self, candidates):
        return self.value[candidates]

    def add(self, candidate):
        row = self.similar.rows(self.xp.asarray([candidate], device=self.device))[0, :]
        row = self.xp.astype(row, self.xp.float64) - self.lowest
        self.value = self.value - 2 * self.redundancy * row


def _cells(nearest, weight, picks):
    nearest = np.array(to_numpy(nearest))
    nearest[picks] = np.arange(len(picks))  # each its own, whatever it is more similar to
    known = nearest >= 0
    return np.bincount(nearest[known], weights=weight[known], minlength=len(picks))


class Similarities:
    """Rows of a symmetric similarity matrix, held as a whole if it fits, else made on demand.

    Up to half of scikit-learn's `working_memory` goes to rows: all of them, or those that were
    asked for last.

    Parameters
    ----------
    compute : callable
        ``compute(candidates, rows)`` gives a new block (len(candidates), len(rows)); `candidates`
        and `rows` are slices or index arrays.
    n : int
    like : object with xp, device, dtype, itemsize and eps
        Of the blocks.
    whole : array of shape (n, n), optional
        The matrix itself where it is there already.
    floor : float, optional
        What no similarity is below; None: found out.
    """

    def __init__(self, compute, n, like, whole=None, floor=None):
        self.compute, self.n, self.floor = compute, n, floor
        self.xp, self.device = like.xp, like.device
        self.dtype, self.itemsize, self.eps = like.dtype, like.itemsize, like.eps
        slots = int(sklearn.get_config()["working_memory"] * 2**20 / 2 // (n * self.itemsize))
        self.whole = whole is not None or slots >= n
        if whole is None:
            slots = min(n, max(slots, 1))
            whole = self.xp.empty((slots, n), dtype=self.dtype, device=self.device)
            if self.whole:
                for block in self._row_blocks():
                    whole[block, :] = compute(block, slice(0, n))
        self.kept = whole
        self.slot = np.full(n, -1)  # where a row is kept
        self.owner = np.full(whole.shape[0], -1)  # which row is there
        self.next = 0

    def _row_blocks(self):
        return block_slices(self.n, 3 * self.n * self.itemsize, most_bytes=2**25)

    def rows(self, candidates):
        """Similarities of each candidate with all rows, (len(candidates), n), a new array."""
        if self.whole:
            return self.xp.take(self.kept, candidates, axis=0)
        if candidates.shape[0] > len(self.owner):
            return self.compute(candidates, slice(0, self.n))
        asked = to_numpy(candidates)
        missing = asked[self.slot[asked] < 0]
        if len(missing):
            self._keep(missing, set(asked.tolist()))
        at = self.xp.asarray(self.slot[asked], device=self.device)
        return self.xp.take(self.kept, at, axis=0)

    def _keep(self, missing, busy):
        """Compute rows and put them where those were that have been kept for longest."""
        slots = []
        while len(slots) < len(missing):
            if self.owner[self.next] not in busy:
                slots.append(self.next)
            self.next = (self.next + 1) % len(self.owner)
        gone = self.owner[slots]
        self.slot[gone[gone >= 0]] = -1
        self.owner[slots], self.slot[missing] = missing, slots
        at = self.xp.asarray(missing, device=self.device)
        for block in block_slices(self.n, 4 * len(missing) * self.itemsize, most_bytes=2**25):
            values = self.compute(at, block)
            for i, slot in enumerate(slots):
                self.kept[slot, block] = values[i, :]

    def diagonal(self):
        """Similarity of each row with itself, float64."""
        out = self.xp.empty(self.n, dtype=self.xp.float64, device=self.device)
        for i in range(self.n):
            at = slice(i, i + 1)
            out[i] = self.kept[i, i] if self.whole else self.compute(at, at)[0, 0]
        return out

    def tiles(self):
        """All values as (rows, columns, block, mirrored).

        `mirrored` says that the transpose of the block is a part of its own that does not come
        again: what is made on demand is made once for both.
        """
        if self.whole:
            for rows in self._row_blocks():
                yield rows, slice(0, self.n), self.kept[rows, :], False
        else:
            cuts = block_slices(self.n, 1, most_bytes=2048)
            for i, rows in enumerate(cuts):
                for columns in cuts[i:]:
                    yield rows, columns, self.compute(rows, columns), rows != columns

    def sums_and_lowest(self, weight):
        """``sum_i w_i s_ij`` of each row, float64, and the lowest value of all."""
        xp = self.xp
        sums = xp.zeros(self.n, dtype=xp.float64, device=self.device)
        lowest = float("inf")
        for rows, columns, block, mirrored in self.tiles():
            sums[rows] += xp.astype(block @ weight[columns], xp.float64)
            if mirrored:
                sums[columns] += xp.astype(block.T @ weight[rows], xp.float64)
            lowest = min(lowest, float(xp.min(block)))
        return sums, lowest if self.floor is None else self.floor


class GraphSimilarities:
    """Similarities of some pairs, at least 0, in a symmetric csr array; all others are 0."""

    xp, device, eps = np, "cpu", 2.0**-52

    def __init__(self, graph):
        self.graph, self.n = graph, graph.shape[0]

    def rows(self, candidates):
        return self.graph[candidates].toarray()

    def diagonal(self):
        return self.graph.diagonal()

    def sums_and_lowest(self, weight):
        return self.graph @ weight, 0.0


def near_similarities(pairs):
    """Minus the distance, for an object of :func:`skcoreset._kernels.distances.pairs`."""

    def compute(candidates, rows):
        return -pairs.distances(candidates, rows)

    return Similarities(compute, pairs.n, pairs)


def given_similarities(matrix):
    """Similarities that are there already: (n, n), symmetric, at least 0, dense or sparse."""
    if sparse.issparse(matrix):
        return GraphSimilarities(sparse.csr_array(matrix, dtype=np.float64))
    like = _Like(namespace(matrix), device_of(matrix), matrix.dtype)
    return Similarities(None, matrix.shape[0], like, whole=matrix, floor=0.0)


def graph_similarities(neighbors, distances):
    """Similarities of rows and their neighbours, in either direction.

    The largest of the distances minus that of the pair; a row with itself has the most.

    Parameters
    ----------
    neighbors, distances : ndarray of shape (n, n_neighbors)
    """
    n, n_neighbors = neighbors.shape
    most = distances.max()
    starts = np.arange(0, n * n_neighbors + 1, n_neighbors)
    near = sparse.csr_array(((most - distances).ravel(), neighbors.ravel(), starts), shape=(n, n))
    near = near.maximum(near.T) + most * sparse.eye_array(n, format="csr")
    return GraphSimilarities(sparse.csr_array(near))


def cover(similar, weight):
    """The facility location function on any of these."""
    if isinstance(similar, GraphSimilarities):
        return GraphFacilityLocation(similar, weight)
    return FacilityLocation(similar, weight)


class _Like:
    """What a matrix is made of."""

    def __init__(self, xp, device, dtype):
        self.xp, self.device, self.dtype = xp, device, dtype
        single = "float32" in str(dtype)
        self.itemsize, self.eps = (4, 2.0**-23) if single else (8, 2.0**-52)
