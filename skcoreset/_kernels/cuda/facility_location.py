"""Greedy selection for facility location and graph cut on the GPU, and gains of candidates.

The loop runs on the device. The host reads the picks once for `LOOK` of them.
"""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.launch import launcher_of

__all__ = [
    "FacilityLocationLoop",
    "Gains",
    "GraphCutLoop",
    "facility_location_loop_on",
    "gains_on",
    "graph_cut_loop_on",
]

SOURCE = "facility_location.cu"
THREADS, TILE_COLUMNS, ROWS_EACH, PART_ROWS = 256, 1024, 8, 16  # as in the source
STRETCH = 256  # rows of which a block takes care at least
MOST_STRETCHES = 256  # at most THREADS
BLOCKS = 2112  # sixteen for each multiprocessor of an H200
MOST_PARTS = 64
LOOK = 32  # picks between two reads by the host
# These are used by the loops on the host, too.
DENSE_PICKS = 8  # after this number of picks few pairs of rows can change a gain
SUM_ROUNDING = 64 * 2.0**-52  # relative error of a sum in float64
RESUM_RATIO = 16  # gains are summed up again if the loss has decreased by this factor


def _ceil(a, b):
    return -(-a // b)


def _most_parts(n_rows, n_columns):
    """Parts of a sum over so many rows: enough to fill the GPU, few enough to add up."""
    wanted = _ceil(BLOCKS, _ceil(n_columns, TILE_COLUMNS))
    return min(MOST_PARTS, wanted, _ceil(n_rows, PART_ROWS))


class Gains:
    """``sum_i w_i (s_ij - m_i)_+`` of candidates, from blocks of similarities.

    No temporary of the size of a block is allocated. Sums are added to `out`, a float64 array.
    """

    def __init__(self, xp, device, launch):
        self.xp, self.device, self.launch = xp, device, launch

    def of_rows(self, block, max_similarity, weight, out):
        """The candidates are the rows of `block`, (len(out), n)."""
        m, n = block.shape
        tiles = _ceil(m, ROWS_EACH)
        parts = max(1, min(_ceil(BLOCKS, tiles), n // (4 * THREADS)))
        block, partial = self.xp.ascontiguousarray(block), self._partial(parts, m)
        self.launch(
            *(
                "row_gains",
                tiles * parts,
                THREADS,
                block,
                m,
                n,
                max_similarity,
                weight,
                parts,
                partial,
            ),
        )
        self._add(partial, out)

    def of_columns(self, block, max_similarity, weight, out):
        """The candidates are its columns."""
        n_rows, n = block.shape
        parts = _most_parts(n_rows, n)
        block, partial = self.xp.ascontiguousarray(block), self._partial(parts, n)
        self.launch(
            *("column_gains", _ceil(n, TILE_COLUMNS) * parts, THREADS, block, n_rows, n),
            *(max_similarity, weight, parts, partial),
        )
        self._add(partial, out)

    def _partial(self, parts, n):
        return self.xp.empty((parts, n), dtype=self.xp.float64, device=self.device)

    def _add(self, partial, out):
        parts, n = partial.shape
        self.launch("add_parts", _ceil(n, THREADS), THREADS, partial, n, parts, out)


class _Loop:
    """The greedy loop of `objective`: `_begin`, then `_add` for each step.

    The host is synchronized once for `LOOK` picks, to call `report` and `stop`. Picks after the one
    for which `stop` returns True are discarded.
    """

    def __init__(self, objective, launch):
        self.objective, self.launch = objective, launch
        self.xp, self.device, self.n = objective.xp, objective.device, objective.n
        n_best = min(2 * MOST_STRETCHES, _ceil(self.n, STRETCH))
        self.best = self._empty(2 * n_best, self.xp.float64), n_best  # a value and a position each

    def _empty(self, shape, dtype):
        return self.xp.empty(shape, dtype=dtype, device=self.device)

    def _full(self, value, dtype, size=None):
        return self.xp.full(size or self.n, value, dtype=dtype, device=self.device)

    def greedy(self, size, start=(), stop=None, report=None):
        """Picks and gains, as :func:`skcoreset._kernels.greedy.greedy` returns them."""
        xp, start = self.xp, np.asarray(start, dtype=np.int64)
        self.picks, self.n_start = self._full(-1, xp.int64, size), len(start)
        if len(start):
            self.picks[: len(start)] = xp.asarray(start, device=self.device)
        self.values, self.loss = self._empty(size, xp.float64), self._empty(size, xp.float64)
        self._begin()
        n_done, enough = 0, False
        while n_done < size and not enough:
            ahead = min(size, n_done + LOOK)
            for step in range(n_done, ahead):
                self._add(step)
            n_done, enough = self._look(n_done, ahead, stop, report)
        picks, gains = to_numpy(self.picks[:n_done]), to_numpy(self.values[:n_done])
        self._end(picks.tolist(), n_done < ahead)
        return np.array(picks), np.array(gains)

    def _look(self, first, ahead, stop, report):
        """Number of picks, and whether the loop ends."""
        if (to_numpy(self.picks[first:ahead]) < 0).any():
            raise ValueError("The gains are not finite, as sums of similarities overflow. Scale X.")
        losses = to_numpy(self.loss[first:ahead])
        for step in range(first, ahead):
            if report is not None:
                report(step + 1)
            self.objective.known_loss = float(losses[step - first])
            if stop is not None and stop():
                return step + 1, True
        return ahead, False

    def _end(self, picks, went_ahead):
        """Set the picks of the objective; if it `went_ahead`, others were discarded."""
        self.objective.picks = picks


class FacilityLocationLoop(_Loop):
    """Facility location on a complete similarity matrix.

    The exact gains of all candidates are updated with each pick. A step has three launches: choose
    the pick and list the rows that are more similar to it than to all before; compute the decrease
    of all gains from these rows of the matrix; update the gains and find the best of each stretch.
    So the work of a step is that of the rows whose nearest pick changes, about n / picks.

    Gains that are small differences of large sums lose their digits. So all gains are summed up
    again after each of the first `DENSE_PICKS` picks, which reduce the loss of outliers, at the
    first read by the host, and whenever the loss has decreased by the factor `RESUM_RATIO`.
    """

    def __init__(self, objective, launch):
        super().__init__(objective, launch)
        xp, n = self.xp, self.n
        self.matrix = xp.ascontiguousarray(objective.similar.matrix)
        self.weight, real = objective.weight, objective.weight.dtype
        self.n_stretches = min(MOST_STRETCHES, _ceil(n, STRETCH))
        self.rows = self._empty(n, xp.int32)
        self.low, self.high = self._empty(n, real), self._empty(n, real)
        self.counts = self._full(0, xp.int32, self.n_stretches)
        self.losses = self._empty(self.n_stretches, xp.float64)
        self.n_parts = _most_parts(n, n)
        self.n_lose = self.n_parts * _ceil(n, TILE_COLUMNS)
        self.partial = self._empty((self.n_parts, n), xp.float64)

    def _begin(self):
        xp, similar = self.xp, self.objective.similar
        self._reset()
        lowest = xp.min(self.matrix) if similar.floor is None else similar.floor
        self._sum_up(self._full(0.0, self.weight.dtype) + lowest, -1)

    def _reset(self):
        self.max_similarity = self._full(-np.inf, self.weight.dtype)
        self.nearest = self._full(0, self.xp.int64)
        self.gains, self.carry = self._full(0.0, self.xp.float64), self._full(0.0, self.xp.float64)
        self.absolute_tolerance = self._full(0.0, self.xp.float64, 1)

    def _sum_up(self, max_similarity, step):
        """Sum up all gains, given the `max_similarity` of each row."""
        self.launch(
            *("column_gains", self.n_lose, THREADS, self.matrix, self.n, self.n, max_similarity),
            *(self.weight, self.n_parts, self.partial),
        )
        self._settle(True, step)

    def _settle(self, anew, step):
        self.launch(
            *("settle", self.best[1], THREADS, self.partial, self.n, anew, self.counts),
            *(self.n_stretches, self.n_parts, self.picks, step, self.losses, self.loss),
            *(self.gains, self.carry, self.best[0]),
        )

    def _assign(self, step):
        self.launch(
            *("assign", self.n_stretches, THREADS, self.matrix, self.n, step, self.n_start),
            *(
                self.gains,
                *self.best,
                self.objective.relative_tolerance,
                self.absolute_tolerance,
                self.weight,
            ),
            *(self.picks, self.values, self.max_similarity, self.nearest),
            *(self.rows, self.low, self.high, self.counts, self.losses),
        )

    def _add(self, step):
        self._assign(step)
        if step < DENSE_PICKS:
            self._sum_up_anew(step)
            return
        self.launch(
            *("lose", self.n_lose, THREADS, self.matrix, self.n, self.rows, self.low, self.high),
            *(self.counts, self.n_stretches, self.weight, self.n_parts, self.partial),
        )
        self._settle(False, step)

    def _sum_up_anew(self, step):
        self._sum_up(self.max_similarity, step)
        xp, left = self.xp, self.xp.abs(self.loss[step : step + 1])
        self.absolute_tolerance = SUM_ROUNDING * (left + xp.maximum(left, xp.max(self.gains)))

    def _look(self, first, ahead, stop, report):
        n_done, enough = super()._look(first, ahead, stop, report)
        left = abs(self.objective.known_loss)
        if not enough and (first == 0 or RESUM_RATIO * left < self.left):
            self.left = left
            self._sum_up_anew(ahead - 1)
        return n_done, enough

    def assign(self, picks):
        """Set the picks to `picks` and find the most similar pick of each row."""
        self.n_start = len(picks)
        self.picks = self.xp.asarray(picks, dtype=self.xp.int64, device=self.device)
        self.values = self._empty(len(picks), self.xp.float64)
        self._reset()
        for step in range(len(picks)):
            self._assign(step)
        self._end(picks, False)

    def _end(self, picks, went_ahead):
        super()._end(picks, went_ahead)
        if went_ahead:
            self.assign(picks)
        self.objective.max_similarity = self.xp.astype(self.max_similarity, self.xp.float64)
        self.objective.nearest = self.nearest


class GraphCutLoop(_Loop):
    """Graph cut. A step has two launches: choose the pick, and subtract its row.

    With similarities on demand, the computation of the row may synchronize the host.
    """

    def _begin(self):
        self.gains = self.xp.asarray(self.objective.value, copy=True)
        self.similar = self.objective.similar
        self.loss[:] = 0.0  # not used
        if self.similar.whole:
            self.matrix = self.xp.ascontiguousarray(self.similar.matrix)
        else:
            self.matrix = self._empty(1, self.similar.dtype)
        self._cut(self.matrix, -1)

    def _cut(self, rows, step):
        of = self.objective
        self.launch(
            *("cut", self.best[1], THREADS, rows, self.similar.whole, self.n, self.picks, step),
            *(2.0 * of.redundancy, float(of.lowest), self.gains, self.best[0]),
        )

    def _add(self, step):
        self.launch(
            *("choose", 1, THREADS, self.gains, self.n, step, self.n_start, *self.best),
            *(
                self.objective.relative_tolerance,
                self.objective.absolute_tolerance,
                self.picks,
                self.values,
            ),
        )
        rows = self.matrix
        if not self.similar.whole:
            rows = self.xp.ascontiguousarray(self.similar.rows(self.picks[step : step + 1]))
        self._cut(rows, step)


def facility_location_loop_on(objective):
    """The loop for facility location on a complete matrix on a GPU, or None."""
    launch = launcher_of(objective.weight, SOURCE) if objective.similar.whole else None
    return None if launch is None else FacilityLocationLoop(objective, launch)


def graph_cut_loop_on(objective):
    """The loop for graph cut, or None."""
    launch = launcher_of(objective.weight, SOURCE)
    return None if launch is None else GraphCutLoop(objective, launch)


def gains_on(weight, xp, device):
    """`Gains` if `weight` is on a GPU, else None."""
    launch = launcher_of(weight, SOURCE)
    return None if launch is None else Gains(xp, device, launch)
