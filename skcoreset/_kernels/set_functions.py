"""Facility location and graph cut, as objectives of the greedy loop.

An objective has these members:

``n``, ``xp``, ``device``
    The number of candidates, and the namespace and device of its arrays.
``all_gains()``
    The marginal gain of each candidate, (n,), float64.
``gains(candidates)``
    The marginal gains of some candidates, float64.
``add(candidate)``
    Add a candidate to the selected set.
``maintained_gains``
    The marginal gains of all candidates if the objective updates them with each pick, else None.
``relative_tolerance``, ``absolute_tolerance``
    Two gains tie if they differ by less than the relative error and the absolute error together.
    The absolute error is that of the sums from which gains are differences.
``on_demand``
    Whether similarities are computed anew at each use, which makes gains expensive.
``on_gpu()``
    A lazy greedy loop that selects on the GPU, or None.
``prefix_cells(weight)``
    The cells of the picks, and of the first m of them, for any m.
"""

from collections import OrderedDict

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, clip_below_zero, is_foreign, to_numpy
from skcoreset._kernels.cells import PrefixCells, TargetCells
from skcoreset._kernels.cuda.facility_location import (
    DENSE_PICKS,
    RESUM_RATIO,
    SUM_ROUNDING,
    facility_location_loop_on,
    gains_on,
    graph_cut_loop_on,
)
from skcoreset._kernels.similarities import GraphSimilarities
from skcoreset._kernels.threads import threads

__all__ = [
    "FacilityLocation",
    "GraphCut",
    "GraphFacilityLocation",
    "WithValues",
    "facility_location",
]


def gain_tolerance(left, most=0.0):
    """Absolute tolerance of gains that are differences of two sums.

    `left` is the weighted sum of the largest similarity of each row (absolute values), `most` the
    largest gain.
    """
    return SUM_ROUNDING * (left + max(left, most))


class FacilityLocation:
    """The facility location function ``sum_i w_i max_{j in S} s_ij``.

    The lowest similarity is subtracted from all, so that the value of the empty set is 0.

    Only pairs of a row and a candidate that are more similar than the row and its most similar
    pick contribute to a gain. After a few picks these are a small part of all pairs, and on the
    host they are stored: for a complete matrix as the gains of all candidates
    (`_MaintainedGains`), for similarities on demand first for each evaluated candidate
    (`_CandidateCache`), and then, as soon as all of them fit in memory, as for a complete matrix.
    On a GPU the whole loop over a complete matrix runs on the device
    (`on_gpu`); with similarities on demand the host runs the loop and synchronizes a few times for
    each block of candidates.

    Parameters
    ----------
    similar : Similarities
    weight : array of shape (n,), float64

    Attributes
    ----------
    max_similarity : array of shape (n,) or None
        Similarity of each row to its most similar pick; None before the first pick.
    nearest : array of shape (n,)
        The pick (0, 1, ...) that this is.
    """

    absolute_tolerance = 0.0
    # Loss after the pick for which `stop` is called; a GPU may be some picks ahead of it.
    known_loss = None

    def __init__(self, similar, weight):
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.similar, self.on_demand = similar, not similar.whole
        self.relative_tolerance = similar.relative_tolerance
        self.weight = self.xp.asarray(weight, dtype=similar.dtype, device=self.device)
        self.max_similarity = None
        self.nearest = self.xp.zeros(similar.n_rows, dtype=self.xp.int64, device=self.device)
        self.picks, self.changes = [], []  # `changes` as in `PrefixCells`; not set by a GPU loop
        self.first_gains = None
        self.fused = gains_on(self.weight, self.xp, self.device)
        on_host = self.fused is None and not is_foreign(self.weight)
        self.cache = _CandidateCache(similar.spare_bytes) if on_host else None
        self.maintained, self.store_at = None, DENSE_PICKS

    def on_gpu(self):
        return facility_location_loop_on(self)

    @property
    def maintained_gains(self):
        return None if self.maintained is None else self.maintained.gains

    def all_gains(self):
        if self.maintained is not None:
            return self.maintained.gains
        if self.max_similarity is None:
            sums, lowest = self.similar.sums_and_lowest(self.weight)
            self.first_gains = sums - lowest * float(self.xp.sum(self.weight))
            return self.first_gains
        gains = self.xp.zeros(self.n, dtype=self.xp.float64, device=self.device)

        def of_tile(rows, columns, block, mirrored):
            if self.fused is not None:  # on a GPU, one tile after the other
                max_similarity, weight = self.max_similarity, self.weight
                self.fused.of_rows(block, max_similarity[columns], weight[columns], gains[rows])
                if mirrored:
                    self.fused.of_columns(block, max_similarity[rows], weight[rows], gains[columns])
                return rows, columns, None, None
            below = None
            if mirrored:
                more = block.T - self.max_similarity[rows][None, :]
                below = self._total(more, self.weight[rows])
            more = block - self.max_similarity[columns][None, :]
            return rows, columns, self._total(more, self.weight[columns]), below

        for rows, columns, of_rows, of_columns in self.similar.tiles(of_tile):
            if of_columns is not None:
                gains[columns] += of_columns
            if of_rows is not None:
                gains[rows] += of_rows
        return gains

    def _total(self, more, weight):
        return self.xp.astype(clip_below_zero(more) @ weight, self.xp.float64)

    def gains(self, candidates):
        if self.maintained is not None:
            return self.maintained.gains[candidates]
        if self.max_similarity is not None and self.cache is not None:
            return self._cached_gains(candidates)
        if self.max_similarity is None:  # relative to the lowest similarity of all pairs
            first = self.all_gains() if self.first_gains is None else self.first_gains
            return first[candidates]
        xp = self.xp
        out = xp.zeros(candidates.shape[0], dtype=xp.float64, device=self.device)
        row_bytes = 3 * 8 * self.similar.n_rows
        for block in block_slices(candidates.shape[0], row_bytes, most_bytes=2**26):
            rows = self.similar.rows(candidates[block])
            if self.fused is not None:
                self.fused.of_rows(rows, self.max_similarity, self.weight, out[block])
            else:
                out[block] = self._total(rows - self.max_similarity[None, :], self.weight)
        return out

    def _cached_gains(self, candidates):
        out = np.empty(len(candidates))
        numbers = candidates.tolist()
        known = np.array([c in self.cache for c in numbers], dtype=bool)
        for i in np.flatnonzero(known):  # first, as new entries may remove them from the cache
            out[i] = self._gain_of(numbers[i], *self.cache[numbers[i]])
        new = np.flatnonzero(~known)
        for i, row in zip(new, self.similar.each(candidates[new]), strict=True):
            at = np.flatnonzero(row > self.max_similarity).astype(np.int32)
            out[i] = self._gain_of(numbers[i], at, row[at])
        return out

    def _gain_of(self, candidate, at, values):
        """Gain of a candidate by its similarities to rows `at`; stores those that contribute."""
        more = values - self.max_similarity[at]
        left = np.flatnonzero(more > 0)
        if len(left) < len(at):
            at, values, more = at[left], values[left], more[left]
        self.cache.put(candidate, at, values)
        return more @ self.weight[at]

    def add(self, candidate):
        size = len(self.picks)
        self.picks.append(candidate)
        if size == 0 or self.cache is None:
            self._add_to_all(candidate, size)
        else:
            self._add_from_cache(candidate, size)
        if size == 0 and self.cache is not None and not self.on_demand:
            self.max_similarity = self.max_similarity.astype(np.float64)
            self.maintained = _MaintainedGains(self.max_similarity, self.weight, self.similar)
        elif self.on_demand and self.cache is not None and size + 1 == self.store_at:
            self._store_pairs()
        if self.maintained is None:
            left = float(self.xp.sum(self.weight * self.xp.abs(self.max_similarity)))
            if size == 0 or RESUM_RATIO * left < self.left:
                self.left, self.absolute_tolerance = left, gain_tolerance(left)
        else:
            self.absolute_tolerance = self.maintained.absolute_tolerance

    def _add_to_all(self, candidate, size):
        xp = self.xp
        row = self.similar.rows(xp.asarray([candidate], device=self.device))[0, :]
        if size:
            better = row > self.max_similarity + self.relative_tolerance * xp.abs(
                self.max_similarity
            )
            self.nearest = xp.where(better, size, self.nearest)
            self.changes.append(np.flatnonzero(to_numpy(better)))
            row = xp.maximum(self.max_similarity, row)
        else:
            self.changes.append(np.arange(self.similar.n_rows))
        self.max_similarity = row

    def _add_from_cache(self, candidate, size):
        if self.on_demand and self.maintained is None:
            if candidate not in self.cache:
                self._cached_gains(np.array([candidate]))
            at, values = self.cache.pop(candidate)
        else:
            row = self.similar.rows(np.array([candidate]))[0]
            at = np.flatnonzero(row > self.max_similarity)
            values = row[at]
        better = values > self.max_similarity[at] + self.relative_tolerance * np.abs(
            self.max_similarity[at]
        )
        self.nearest[at[better]] = size
        self.changes.append(at[better])
        if self.maintained is None:
            self.max_similarity[at] = np.maximum(self.max_similarity[at], values)
        else:
            self.maintained.update(at, values)

    def _store_pairs(self):
        """Maintain all gains from now on if their pairs fit in memory; else try again later."""
        pairs = _pairs_above(self.max_similarity, self.similar)
        if pairs is None:
            self.store_at *= 2
            return
        self.max_similarity = self.max_similarity.astype(np.float64)
        self.maintained = _MaintainedGains(self.max_similarity, self.weight, pairs=pairs)
        self.cache.clear()

    def loss(self):
        """``sum_i w_i min_{j in S} d_ij``, if similarities are negative distances."""
        if self.known_loss is not None:
            return self.known_loss
        return -float(self.xp.sum(self.weight * self.max_similarity))

    def cells(self, weight):
        """Total `weight` of the rows that are most similar to each pick, (n_picks,)."""
        return _cells(self.nearest, weight, self.picks)

    def target_cells(self):
        """The same of the target rows, for each number of picks, if these are no rows."""
        return TargetCells(self.changes, to_numpy(self.weight))

    def prefix_cells(self, weight):
        """`PrefixCells` of the picks; as `cells` for all of them."""
        if len(self.changes) < len(self.picks):  # a loop on a GPU
            again = FacilityLocation(self.similar, weight)
            for size, pick in enumerate(self.picks):
                again._add_to_all(pick, size)
            self.changes = again.changes
        return PrefixCells(self.picks, self.changes, to_numpy(weight))


class _MaintainedGains:
    """The exact gains of all candidates, updated with each pick.

    If a pick increases the maximal similarity of row i, the gain decreases only for candidates
    that were more similar to i than the maximum before. After `DENSE_PICKS` picks only the pairs
    that can still change a gain are stored.

    Parameters
    ----------
    max_similarity : ndarray of shape (n_rows,), float64
        Similarity of each row to its most similar pick. Updated in place.
    weight : ndarray of shape (n_rows,)
    similar : Similarities with a complete matrix, optional
    pairs : csr array of shape (n_rows, n), optional
        Instead of `similar`: the pairs whose similarity exceeds `max_similarity`.
    """

    def __init__(self, max_similarity, weight, similar=None, pairs=None):
        self.n_candidates = (similar.matrix if pairs is None else pairs).shape[1]
        self.max_similarity, self.weight = max_similarity, np.asarray(weight, dtype=np.float64)
        self.similar, self.pairs = similar, pairs
        self.picks = self.work = 0
        self._sum_up()

    def _sum_up(self):
        self._sum_up_gains()
        # Later gains are differences from these sums and have their absolute error.
        self.left = self._left()
        self.absolute_tolerance = gain_tolerance(self.left, float(self.gains.max()))

    def _left(self):
        return float(self.weight @ abs(self.max_similarity))

    def _sum_up_gains(self):
        if self.pairs is None:
            matrix, max_similarity = self.similar.matrix, self._as_in_matrix(self.max_similarity)

            def reached(rows):
                return np.maximum(matrix[rows], max_similarity[rows])

            self.gains = self._add_up(len(self.max_similarity), reached, self.weight)
            self.gains -= self.weight @ self.max_similarity
            return
        counts = np.diff(self.pairs.indptr)
        more = self.pairs.data - np.repeat(self.max_similarity, counts)
        np.maximum(more, 0, out=more)
        more *= np.repeat(self.weight, counts)
        gains = np.bincount(self.pairs.indices, weights=more, minlength=self.n_candidates)
        self.gains = gains.astype(np.float64)  # bincount returns integers if there are no pairs

    def update(self, rows, values):
        """Set `max_similarity` of `rows` to `values`, which are larger, and update all gains."""
        values = values.astype(np.float64)
        if self.pairs is None:
            self._take_off_dense(rows, values)
        else:
            self._take_off(rows, values)
        self.max_similarity[rows] = values
        self.picks += 1
        if self.pairs is None and self.picks >= DENSE_PICKS:
            self._leave_out_dense()
        elif self.pairs is not None and self.work > self.pairs.nnz > 4 * len(self.max_similarity):
            self._leave_out()
        elif RESUM_RATIO * self._left() < self.left:
            # The gains are small differences of large sums by now: compute them again.
            self._sum_up()

    def _take_off_dense(self, rows, values):
        low, high = self._as_in_matrix(self.max_similarity[rows]), self._as_in_matrix(values)

        def reached(at):
            out = self.similar.matrix.take(rows[at], axis=0)
            return np.clip(out, low[at], high[at], out=out)

        self.gains -= self._add_up(len(rows), reached, self.weight[rows])
        self.gains += self.weight[rows] @ self.max_similarity[rows]

    def _as_in_matrix(self, values):
        """Entries of the matrix, as a column of its dtype."""
        return values.astype(self.similar.dtype)[:, None]

    def _add_up(self, n_rows, function, weight):
        """Weighted sum of the rows of ``function(rows)``."""
        total = np.zeros(len(self.max_similarity))
        for rows in block_slices(n_rows, 8 * len(total), most_bytes=2**20):
            total += weight[rows] @ function(rows)
        return total

    def _take_off(self, rows, values):
        starts = self.pairs.indptr[rows].astype(np.int64)
        counts = self.pairs.indptr[rows + 1] - starts
        ends = np.cumsum(counts)
        at = np.arange(counts.sum())
        at += np.repeat(starts - ends + counts, counts)
        less = np.minimum(self.pairs.data[at], np.repeat(values, counts))
        less -= np.repeat(self.max_similarity[rows], counts)
        np.maximum(less, 0, out=less)
        less *= np.repeat(self.weight[rows], counts)
        candidates = self.pairs.indices[at]
        self.gains -= np.bincount(candidates, weights=less, minlength=self.n_candidates)
        self.work += len(at)

    def _leave_out_dense(self):
        """Store only pairs above `max_similarity` if they fit in memory; else try again later."""
        pairs = _pairs_above(self.max_similarity, self.similar)
        if pairs is None:
            self.picks = -3 * DENSE_PICKS
        else:
            self.pairs, self.similar = pairs, None

    def _leave_out(self):
        """Remove pairs that no longer exceed `max_similarity`, and sum up the gains again."""
        pairs = self.pairs
        max_similarity = np.repeat(self.max_similarity, np.diff(pairs.indptr))
        left = np.flatnonzero(pairs.data > max_similarity)
        starts = np.searchsorted(left, pairs.indptr)
        pairs = pairs.data[left], pairs.indices[left], starts
        self.pairs, self.work = sparse.csr_array(pairs, shape=self.pairs.shape), 0
        self._sum_up()


def _pairs_above(max_similarity, similar):
    """The pairs whose similarity exceeds `max_similarity` of the row, (n_rows, n), csr.

    None if they exceed the spare memory, as is estimated from 64 rows.
    """
    limits = max_similarity.astype(similar.dtype)[:, None]
    n, n_candidates = len(limits), similar.n
    some = slice(0, n, max(1, n // 64))
    share = np.mean(similar.to_rows(some) > limits[some])
    if 3 * share * n * n_candidates * (similar.itemsize + 4) > similar.spare_bytes:
        return None

    def of_block(rows):
        block = similar.to_rows(rows)
        at = np.flatnonzero(block > limits[rows])
        ends = np.arange(len(block) + 1) * n_candidates
        counts = np.diff(np.searchsorted(at, ends))
        values = block.ravel()[at]
        at -= np.repeat(ends[:-1], counts)
        return values, at.astype(np.int32), counts

    most = 2**20 if similar.whole else 2**23  # products of a few rows are slow
    with threads(similar.in_threads and not similar.whole) as each:
        parts = list(each(of_block, block_slices(n, 8 * n_candidates, most_bytes=most)))
    values, candidates, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    starts = np.concatenate([[0], counts]).cumsum()
    return sparse.csr_array((values, candidates, starts), shape=(n, n_candidates))


class _CandidateCache(OrderedDict):
    """Rows and similarities of candidates, a least recently used cache of `most_bytes`."""

    def __init__(self, most_bytes):
        super().__init__()
        self.free = most_bytes

    def put(self, candidate, at, values):
        if candidate in self:
            self.pop(candidate)
        self[candidate] = at, values
        self.free -= at.nbytes + values.nbytes + 500  # of two array objects and the entry
        while self.free < 0 and len(self) > 1:
            self.pop(next(iter(self)))

    def pop(self, candidate):
        at, values = super().pop(candidate)
        self.free += at.nbytes + values.nbytes + 500
        return at, values


class WithValues:
    """A set function plus the sum of `values` over the picks.

    Parameters
    ----------
    objective : FacilityLocation
    values : array of shape (n,), float64
    """

    def __init__(self, objective, values):
        self.objective, self.values = objective, values

    def __getattr__(self, name):
        return getattr(self.objective, name)

    @property
    def maintained_gains(self):
        gains = self.objective.maintained_gains
        return None if gains is None else gains + self.values

    def on_gpu(self):
        return None

    def all_gains(self):
        return self.objective.all_gains() + self.values

    def gains(self, candidates):
        return self.objective.gains(candidates) + self.values[candidates]


class GraphFacilityLocation:
    """The facility location function on a sparse graph; pairs that are not stored are 0.

    Parameters
    ----------
    similar : GraphSimilarities
    weight : ndarray of shape (n,)
    """

    on_demand = False

    def __init__(self, similar, weight):
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.graph, self.relative_tolerance = similar.graph, similar.relative_tolerance
        self.maintained = _MaintainedGains(np.zeros(self.n), weight, pairs=self.graph)
        self.absolute_tolerance = self.maintained.absolute_tolerance
        self.nearest = np.full(self.n, -1)  # -1: no pick has a similarity above 0
        self.picks, self.changes = [], []

    @property
    def maintained_gains(self):
        return self.maintained.gains

    def on_gpu(self):
        return None

    def all_gains(self):
        return self.maintained.gains

    def gains(self, candidates):
        return self.maintained.gains[candidates]

    def add(self, candidate):
        start, stop = self.graph.indptr[candidate : candidate + 2]
        at, values = self.graph.indices[start:stop], self.graph.data[start:stop]
        better = values > self.maintained.max_similarity[at]
        self.nearest[at[better]] = len(self.picks)
        self.changes.append(at[better])
        self.maintained.update(at[better], values[better])
        self.picks.append(candidate)

    def cells(self, weight):
        """As in `FacilityLocation`."""
        return _cells(self.nearest, weight, self.picks)

    def prefix_cells(self, weight):
        """As in `FacilityLocation`."""
        return PrefixCells(self.picks, self.changes, to_numpy(weight))


class GraphCut:
    """The graph cut function ``sum_{i; j in S} w_i s_ij - redundancy * sum_{i, j in S} s_ij``.

    Parameters
    ----------
    similar : Similarities
    weight : array of shape (n,), float64
    redundancy : float
    """

    on_demand = False

    def __init__(self, similar, weight, redundancy):
        self.similar, self.redundancy = similar, redundancy
        self.xp, self.device, self.n = similar.xp, similar.device, similar.n
        self.relative_tolerance = similar.relative_tolerance
        dtype = getattr(similar, "dtype", None)
        weight = self.xp.asarray(weight, dtype=dtype, device=self.device)
        self.weight = weight
        sums, lowest = similar.sums_and_lowest(weight)
        # The lowest similarity is subtracted from all, so that none is negative.
        self.lowest = lowest
        self.value = (
            sums - lowest * float(self.xp.sum(weight)) - redundancy * (similar.diagonal() - lowest)
        )
        self.absolute_tolerance = SUM_ROUNDING * float(self.xp.max(self.xp.abs(self.value)))
        self.picks, self.changes = [], []
        # Similarity of each row to its most similar pick, and that pick, for the cells. A loop on a
        # GPU leaves both as they are.
        self.covered = self.nearest = None

    def on_gpu(self):
        return graph_cut_loop_on(self)

    @property
    def maintained_gains(self):
        return self.value

    def all_gains(self):
        return self.value

    def gains(self, candidates):
        return self.value[candidates]

    def add(self, candidate):
        row = self.similar.rows(self.xp.asarray([candidate], device=self.device))[0, :]
        row = self.xp.astype(row, self.xp.float64)
        self._cover(row)
        self.value = self.value - 2 * self.redundancy * (row - self.lowest)
        self.picks.append(candidate)

    def _cover(self, row):
        xp, size = self.xp, len(self.picks)
        if isinstance(self.similar, GraphSimilarities):
            if size == 0:
                self.covered, self.nearest = xp.zeros(self.n), xp.full(self.n, -1)
            better = row > self.covered
        elif size == 0:
            self.covered = row
            self.changes.append(np.arange(self.n))
            self.nearest = xp.zeros(self.n, dtype=xp.int64, device=self.device)
            return
        else:
            better = row > self.covered + self.relative_tolerance * xp.abs(self.covered)
        self.nearest = xp.where(better, size, self.nearest)
        self.changes.append(np.flatnonzero(to_numpy(better)))
        self.covered = xp.maximum(self.covered, row)

    def cells(self, weight):
        """As in `FacilityLocation`."""
        if self.nearest is None:
            return self._nearest(weight).cells(weight)
        return _cells(self.nearest, weight, self.picks)

    def prefix_cells(self, weight):
        """As in `FacilityLocation`."""
        if self.nearest is None:
            return self._nearest(weight).prefix_cells(weight)
        return PrefixCells(self.picks, self.changes, to_numpy(weight))

    def _nearest(self, weight):
        """Facility location with these picks, after a loop on a GPU."""
        near = facility_location(self.similar, weight)
        on_gpu = near.on_gpu()
        if on_gpu is not None:
            on_gpu.assign(self.picks)
        else:  # similarities on a GPU that are made on demand
            for pick in self.picks:
                near.add(pick)
        return near


def _cells(nearest, weight, picks):
    nearest, weight = np.array(to_numpy(nearest)), to_numpy(weight)
    nearest[picks] = np.arange(len(picks))  # each pick is in its own cell
    known = nearest >= 0
    return np.bincount(nearest[known], weights=weight[known], minlength=len(picks))


def facility_location(similar, weight):
    """The facility location function on `Similarities` or `GraphSimilarities`."""
    if isinstance(similar, GraphSimilarities):
        return GraphFacilityLocation(similar, weight)
    return FacilityLocation(similar, weight)
