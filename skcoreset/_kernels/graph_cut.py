"""Graph cut, as an objective of the greedy loop, with the members of facility location."""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._kernels.cells import PrefixCells, cells_of
from skcoreset._kernels.cuda.facility_location import SUM_ROUNDING, graph_cut_loop_on
from skcoreset._kernels.facility_location import facility_location
from skcoreset._kernels.similarities import GraphSimilarities

__all__ = ["GraphCut"]


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
        return cells_of(self.nearest, weight, self.picks)

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
