"""Facility location, as an objective of the greedy loop.

Besides the members that :mod:`skcoreset._kernels.greedy` describes, these objectives have
``cells(weight)``, the total weight of the rows that belong to each pick, and
``prefix_cells(weight)``, the same for the first m picks, for any m.
"""

from collections import OrderedDict

import numpy as np

from skcoreset._backend import block_slices, clip_below_zero, is_foreign, to_numpy
from skcoreset._kernels.cells import PrefixCells, TargetCells, cells_of
from skcoreset._kernels.cuda.facility_location import (
    DENSE_PICKS,
    RESUM_RATIO,
    facility_location_loop_on,
    gains_on,
)
from skcoreset._kernels.maintained_gains import MaintainedGains, gain_tolerance, pairs_above
from skcoreset._kernels.similarities import GraphSimilarities

__all__ = ["FacilityLocation", "GraphFacilityLocation", "WithValues", "facility_location"]


def facility_location(similar, weight):
    """The facility location function on `Similarities` or `GraphSimilarities`."""
    if isinstance(similar, GraphSimilarities):
        return GraphFacilityLocation(similar, weight)
    return FacilityLocation(similar, weight)


class FacilityLocation:
    """The facility location function ``sum_i w_i max_{j in S} s_ij``.

    The lowest similarity is subtracted from all, so that the value of the empty set is 0.

    Only pairs of a row and a candidate that are more similar than the row and its most similar
    pick contribute to a gain. After a few picks these are a small part of all pairs, and on the
    host they are stored: for a complete matrix as the gains of all candidates
    (`MaintainedGains`), for similarities on demand first for each evaluated candidate
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
            self.maintained = MaintainedGains(self.max_similarity, self.weight, self.similar)
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
        pairs = pairs_above(self.max_similarity, self.similar)
        if pairs is None:
            self.store_at *= 2
            return
        self.max_similarity = self.max_similarity.astype(np.float64)
        self.maintained = MaintainedGains(self.max_similarity, self.weight, pairs=pairs)
        self.cache.clear()

    def loss(self):
        """``sum_i w_i min_{j in S} d_ij``, if similarities are negative distances."""
        if self.known_loss is not None:
            return self.known_loss
        return -float(self.xp.sum(self.weight * self.max_similarity))

    def cells(self, weight):
        """Total `weight` of the rows that are most similar to each pick, (n_picks,)."""
        return cells_of(self.nearest, weight, self.picks)

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
        self.maintained = MaintainedGains(np.zeros(self.n), weight, pairs=self.graph)
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
        return cells_of(self.nearest, weight, self.picks)

    def prefix_cells(self, weight):
        """As in `FacilityLocation`."""
        return PrefixCells(self.picks, self.changes, to_numpy(weight))


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
