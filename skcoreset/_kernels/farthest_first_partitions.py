"""Farthest-first traversal of a table in row partitions, which no process holds as a whole.

The picks are those of :func:`skcoreset._kernels.farthest_first.farthest_first` on the whole table.
A round is one pass. Each partition updates the distances of its rows by the latest
picks, and returns a pool of its farthest rows with bounds for the others. The calling process runs
the plain loop on the union of the pools, as long as no row outside of it can be farther. All parts
use the shift and the dtype that the whole table would have (`Whole`), so that their values and
error bounds agree.

All functions that need passes are generators for `in_lockstep`.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import (
    State,
    certified_farthest,
    distances_in_pool,
    farthest_of_all,
    farthest_rows,
    pool_loop,
    radii_of,
)
from skcoreset._kernels.regions import Regions
from skcoreset._kernels.stored_rows import LEAST_SQUARE, Whole, fits_single, some_rows

__all__ = ["PartitionedRows", "cell_weights", "farthest_first_partitions"]

POOL_ROWS, POOL_BYTES = 4096, 2**25  # at most, of the pools of all partitions together
LEAST_ROWS = 2  # of the pool of a partition
MOST_NEW = 2048  # picks of one update
MOST_TIES = 64  # rows of a partition that tie for the nearest to the mean


def farthest_first_partitions(rows, size, first, weight, *, pool_size=None, report=None):
    """Select in each step the row that is farthest from all selected rows.

    Parameters
    ----------
    rows : PartitionedRows
    size : int
        Number of picks, including those of `first`.
    first : sequence of int
        Positions of the first picks, in order; at least one, at most `size`.
    weight : ndarray of shape (n,)
        Weight of each row.
    pool_size : int, optional
        Number of rows in the pools of all partitions. It changes the number of rounds and the time,
        never the picks. The default is 4096, or fewer rows of more than 8 KiB each.
    report : callable, optional
        Called with the number of picks after each round.

    Returns
    -------
    picks, radii : ndarray of shape (size,)
        As of :func:`skcoreset._kernels.farthest_first.farthest_first`.
    cells : ndarray of shape (size,)
        Sum of the weights of the rows of which the pick is the nearest.

    Notes
    -----
    The partitions are read once for each round, and once more at the end. A round sends the new
    picks to the workers and the pools back. A worker keeps 7 bytes for each of its rows (11 if
    products are in float64; 2 more from 65,536 picks), and the rows of all picks.
    """
    whole = yield from rows.whole()
    if pool_size is None:
        row_bytes = rows.some.shape[1] * rows.some.dtype.itemsize
        pool_size = int(min(POOL_ROWS, max(64, POOL_BYTES // row_bytes)))
    most = _Shares(rows.counts, pool_size)
    new = yield from rows.fetch([int(position) for position in first])
    picks, radii, one_by_one = list(new.positions), [], True
    while True:
        if report is not None:
            report(len(picks))
        if len(picks) == size:
            break
        shared = rows.metric, whole, new.rows, new.numbers, one_by_one
        pools = yield from rows.each(_next_pool, new.own, most.of_each(), shared=shared)
        radii.extend(np.max([pool.radii for pool in pools], axis=0))
        most.adapt(pools)
        new, farthest = _picks_from(rows, pools, size - len(picks))
        radii.extend(farthest)  # a pick was as far away as the radius of those before it
        picks.extend(new.positions)
        one_by_one = False
    tops, cells = yield from _finished(rows, new, weight, one_by_one)
    radii.extend(tops)
    return np.array(picks), radii_of(rows.table(new), radii), cells


def cell_weights(rows, picks, weight):
    """Sum of the weights of the rows of which each pick is the nearest, (n_picks,).

    Parameters
    ----------
    rows : PartitionedRows
    picks : ndarray of int
        Positions of the picks.
    weight : ndarray of shape (n,)
        Weight of each row.
    """
    yield from rows.whole()
    new = yield from rows.fetch(picks)
    return (yield from _finished(rows, new, weight, False))[1]


class PartitionedRows:
    """The rows of a group in the partitions of a table.

    Parameters
    ----------
    parts : Partitions
        Row partitions of dense or csr arrays.
    metric : str or callable
        As of :func:`skcoreset._kernels.distances.pairs`, except "precomputed".
    rows : ndarray of int, optional
        Numbers of the rows of the group in the whole table, ascending; all by default.

    Attributes
    ----------
    n : int
        Number of rows. Their positions are 0 to n - 1.
    at : ndarray of int
        Numbers of the partitions with rows of the group.
    counts, starts : ndarray of int
        Number of rows in each of them, and the position of the first.
    some : array or csr
        The rows at `some_rows`.

    Notes
    -----
    `whole` takes two passes if it comes first, and `nearest_to_mean` three.
    """

    def __init__(self, parts, metric="euclidean", rows=None):
        if isinstance(metric, str) and metric == "precomputed":
            raise ValueError(
                "metric='precomputed' requires the matrix of all distances in memory. Give an "
                "array of NumPy, or features and another metric."
            )
        self.metric, self.numbers = metric, rows
        counts = np.asarray(parts.lengths)
        if rows is not None:
            # Not of NumPy, which would copy row numbers of a smaller type.
            stops = [bisect_left(rows, stop) for stop in (parts.offsets + counts).tolist()]
            counts = np.diff(stops, prepend=0)
        self.at = np.flatnonzero(counts)
        self.offsets, self.lengths = parts.offsets[self.at].tolist(), parts.lengths[self.at]
        self.counts, self.n = counts[self.at], int(counts.sum())
        self.starts = np.cumsum(self.counts) - self.counts
        self.some = self._whole = self._fetched = None

    def each(self, function, *each, shared=()):
        """The results of ``function(X, part, *each, *shared)`` for each of the partitions."""
        values = zip(*each, strict=True) if each else [()] * len(self.at)
        return (yield function, dict(zip(self.at.tolist(), values, strict=True)), shared)

    def split(self, positions):
        """The positions within each partition, and where in `positions` they are."""
        positions = np.asarray(positions, dtype=np.int64)
        owner = np.searchsorted(self.starts, positions, side="right") - 1
        order = np.argsort(owner, kind="stable")
        which = np.split(order, np.searchsorted(owner[order], np.arange(1, len(self.starts))))
        return [positions[at] - a for at, a in zip(which, self.starts, strict=True)], which

    def cut(self, weight):
        """The weights of the rows in each partition; a number for each if all are equal."""
        if weight.min() == weight.max():
            return [float(weight[0])] * len(self.at)
        return np.split(weight, self.starts[1:])

    def packed(self):
        """Which rows of each partition belong to the group, in few bytes.

        It is a bit for each row of the partition, or the positions if these are fewer bytes; None
        for all rows.
        """
        packed = []
        for p, (start, count) in enumerate(zip(self.starts, self.counts, strict=True)):
            length = self.lengths[p]
            if self.numbers is None or count == length:
                packed.append(None)
                continue
            at = (self.numbers[start : start + count] - self.offsets[p]).astype(np.uint32)
            if 32 * count > length:
                mask = np.zeros(length, dtype=bool)
                mask[at] = True
                at = np.packbits(mask)
            packed.append(at)
        return packed

    def numbers_of(self, positions):
        """Numbers in the whole table of the rows at `positions`."""
        positions = np.asarray(positions, dtype=np.int64)
        return positions if self.numbers is None else self.numbers[positions]

    def table(self, picks):
        """`Distances` of some rows."""
        return pairs(picks.rows, self.metric, whole=self._whole, numbers=picks.numbers)

    def picks(self, positions, fetched):
        """`_Picks` of positions and their rows."""
        own = list(zip(*self.split(positions), strict=True))
        return _Picks(list(positions), self.numbers_of(positions), fetched, own)

    def fetch(self, positions):
        """`_Picks` of `positions`."""
        if self._fetched is not None and list(positions) == self._fetched.positions:
            return self._fetched
        local, which = self.split(positions)
        fetched = stacked((yield from self.each(_take, local)))
        return self.picks(positions, fetched[np.argsort(np.concatenate(which))])

    def whole(self):
        """The `Whole`, of which each partition is a part."""
        if self._whole is None:
            yield from self._survey()
        return self._whole

    def nearest_to_mean(self, weight):
        """Position of the row nearest to the weighted mean; the lowest position of a tie."""
        weight = np.asarray(weight, dtype=np.float64)
        seen = yield from self._survey(self.cut(weight), weight.max())
        total = sum(one.weight for one in seen)
        mean = sum(one.sum for one in seen) / total, sum(one.size for one in seen) / total
        near = yield from self.each(_near, shared=(self.metric, self._whole, *mean))
        positions = [at + start for (at, _), start in zip(near, self.starts, strict=True)]
        near = self.picks(np.concatenate(positions), stacked([rows for _, rows in near]))
        at = int(self.table(near).nearest_to_vector(*mean)[0])
        self._fetched = self.picks([int(near.positions[at])], near.rows[at : at + 1])
        return self._fetched.positions[0]

    def _survey(self, weights=None, most=1.0):
        """Determine `whole`. Returns a `_Surveyed` of each partition, of the weights over `most`.

        Takes one more pass if float32 rows turn out to need products in float64.
        """
        at = some_rows(self.n)
        some = yield from self.each(_keep, self.packed(), self.offsets, self.split(at)[0])
        self.some, numbers = stacked([rows for rows, _ in some]), self.numbers_of(at)
        may_be_single = all(is_single for _, is_single in some)
        for in_float64 in (not may_be_single, True):
            reference = pairs(*(self.some, self.metric), in_float64=in_float64, numbers=numbers)
            center = None if np.ndim(reference.middle) == 0 else reference.middle
            self._whole = Whole(center, in_float64)
            shared = self.metric, self._whole
            weights = weights or [None] * len(self.at)
            seen = yield from self.each(_survey, weights, shared=(*shared, most))
            most_square = max(one.most_square for one in seen)
            if in_float64 or not reference.is_squared or fits_single(most_square):
                break
        if reference.is_squared and most_square < LEAST_SQUARE:
            shared = *shared, self.some[:1], numbers[:1], most_square
            yield from self.each(_check_differences, shared=shared)
        return seen


# In the calling process -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Picks:
    """Picks that the partitions do not know yet."""

    positions: list
    numbers: np.ndarray  # in the whole table
    rows: object  # array or csr
    own: list  # for each partition: positions within it, and which of the picks they are


class _Shares:
    """How many rows each partition has in the pool: about as many as may be picked in a round."""

    def __init__(self, counts, total):
        self.total, self.shares = total, counts / counts.sum()

    def of_each(self):
        return np.maximum(LEAST_ROWS, np.ceil(self.total * self.shares)).astype(int).tolist()

    def adapt(self, pools):
        """A row can be picked if it is farther than all rows outside the pools."""
        bound = max(pool.outside[1] for pool in pools)
        useful = np.array([1 + np.count_nonzero(pool.reach > bound) for pool in pools])
        self.shares = (self.shares + useful / useful.sum()) / 2


def _picks_from(rows, pools, wanted):
    """Picks of the plain loop on the union of the pools, at least one, and their gaps."""
    positions = [pool.positions + start for pool, start in zip(pools, rows.starts, strict=True)]
    positions, fetched = np.concatenate(positions), stacked([pool.rows for pool in pools])
    reach = np.concatenate([pool.reach for pool in pools])
    table = rows.table(rows.picks(positions, fetched))
    among, tie = distances_in_pool(table, np.arange(table.n)), table.tie_tolerance
    wanted = min(wanted, table.most_columns())
    new, farthest = pool_loop(among, reach, tie, positions, _outside(rows, pools), wanted)
    if len(new) == 0:  # ties across the edges of the pools: one step of the plain loop
        tops = np.array([pool.farthest[1] for pool in pools])
        farthest = [float(tops.max())]
        p = int(np.argmax(tops >= farthest[0] - 2 * (tie[0] * farthest[0] + tie[1])))
        new = [int(rows.starts[p]) + pools[p].farthest[0]]
    return rows.picks(new, fetched[np.searchsorted(positions, new)]), farthest


def _outside(rows, pools):
    """Bounds for the rows outside of all pools, as of `farthest_rows`."""
    lower, upper = (max(pool.outside[bound] for pool in pools) for bound in (0, 1))
    rivals = [
        pool.outside[2] + start if pool.outside[2] < count else rows.n
        for pool, start, count in zip(pools, rows.starts, rows.counts, strict=True)
        if pool.outside[1] >= lower
    ]
    return lower, upper, int(min(rivals))


def _finished(rows, new, weight, one_by_one):
    """Add the last picks; the largest gaps, and the weights of the cells of all picks."""
    shared = rows.metric, rows._whole, new.rows, new.numbers, one_by_one
    done = yield from rows.each(_finish, new.own, rows.cut(np.asarray(weight)), shared=shared)
    return np.max([tops for tops, _ in done], axis=0), np.sum([cells for _, cells in done], axis=0)


def stacked(tables):
    """The rows of several dense or csr arrays below each other."""
    if len(tables) == 1:
        return tables[0]
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables, format="csr")
    return np.concatenate(tables)


# In the workers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """What stays with the worker of a partition."""

    packed: np.ndarray | None  # which rows belong to the group, as of `PartitionedRows.packed`
    offset: int  # number in the whole table of the first row of the partition
    picks: tuple = ()  # arrays of the rows of the picks
    numbers: tuple = ()  # arrays of their numbers in the whole table
    saved: tuple | None = None  # of the `State`

    def rows(self, X):
        """Positions in the partition of the rows of the group; None if these are all."""
        if self.packed is None:
            return None
        if self.packed.dtype == np.uint32:
            return self.packed.astype(np.intp)
        return np.flatnonzero(np.unpackbits(self.packed, count=X.shape[0]))

    def pairs(self, X, metric, whole):
        rows = self.rows(X)
        numbers = self.offset + (np.arange(X.shape[0]) if rows is None else rows)
        return pairs(X, metric, rows, whole=whole, numbers=numbers)

    def take(self, X, at):
        return X[at if self.packed is None else self.rows(X)[at]]

    def with_picks(self, X, own, metric, whole, rows, numbers, one_by_one):
        """The part with more picks, its `State`, and the largest gap after each but the last."""
        part = replace(self, picks=(*self.picks, rows), numbers=(*self.numbers, numbers))
        distances = self.pairs(X, metric, whole)
        distances.other_columns = pairs(
            stacked(part.picks), metric, whole=whole, numbers=np.concatenate(part.numbers)
        )
        state, tops = State(distances, Regions()), []
        if self.saved is not None:
            state.restore(*self.saved)
        (at, which), n_old = own, len(state.picks)
        step = 1 if one_by_one else min(MOST_NEW, distances.most_columns())
        for start in range(0, len(numbers), step):
            if one_by_one and start:
                tops.append(farthest_of_all(state)[1])
            new = range(start, min(start + step, len(numbers)))
            mine = (which >= new.start) & (which < new.stop)
            state.add([n_old + i for i in new], own=(at[mine], which[mine] - new.start))
        return part, state, tops


@dataclass(frozen=True)
class _Surveyed:
    """What the calling process needs to know of a partition."""

    most_square: float
    weight: float = 0.0
    sum: np.ndarray | float = 0.0
    size: np.ndarray | float = 0.0  # sum of the absolute values


@dataclass(frozen=True)
class _Pool:
    """The farthest rows of a partition. Positions are those among its rows of the group."""

    positions: np.ndarray  # ascending
    rows: object  # array or csr
    reach: np.ndarray  # their gaps
    outside: tuple  # bounds for the other rows, as of `farthest_rows`
    farthest: tuple  # as of `farthest_of_all`; its row is in the pool
    radii: list  # the largest gap after each pick but the last, if they were added one by one


def _keep(X, _, packed, offset, at):
    part = _Part(packed, offset)
    return part, (part.take(X, at), X.dtype == np.float32 and not sparse.issparse(X))


def _survey(X, part, weight, metric, whole, most):
    distances = part.pairs(X, metric, whole)
    most_square = getattr(distances, "most_square", 0.0)
    if weight is None:
        return part, _Surveyed(most_square)
    weight = np.broadcast_to(np.divide(weight, most), distances.n)
    return part, _Surveyed(most_square, weight.sum(), *distances.sums(weight))


def _check_differences(X, part, metric, whole, first, number, most_square):
    distances = part.pairs(X, metric, whole)
    distances.most_square = most_square
    distances.refuse_small_differences(pairs(first, metric, whole=whole, numbers=number))
    return part, None


def _near(X, part, metric, whole, vector, scale):
    at = part.pairs(X, metric, whole).nearest_to_vector(vector, scale)[:MOST_TIES]
    return part, (at, part.take(X, at))


def _take(X, part, at):
    return part, part.take(X, at)


def _next_pool(X, part, own, most, *shared):
    """Add picks; the new `_Part`, and its `_Pool`."""
    part, state, radii = part.with_picks(X, own, *shared)
    positions, outside = farthest_rows(state, most)
    reach, farthest = state.settled_values(positions), None
    if len(positions):
        tie = state.pairs.tie_tolerance
        local, top = certified_farthest(reach, tie, positions, outside)
        farthest = None if local is None else (int(positions[local]), top)
    if farthest is None:
        farthest = row, top = farthest_of_all(state)
        if row is not None and row not in positions:
            at = int(np.searchsorted(positions, row))
            positions, reach = np.insert(positions, at, row), np.insert(reach, at, top)
    part = replace(part, saved=state.saved())
    return part, _Pool(positions, part.take(X, positions), reach, outside, farthest, radii)


def _finish(X, part, own, weight, *shared):
    """Add the last picks; the largest gaps, and the weights of the cells of all picks."""
    _, state, tops = part.with_picks(X, own, *shared)
    tops.append(farthest_of_all(state)[1])
    state.settle_all()
    weight = np.broadcast_to(weight, state.nearest.shape)
    return None, (tops, np.bincount(state.nearest, weights=weight, minlength=len(state.picks)))
