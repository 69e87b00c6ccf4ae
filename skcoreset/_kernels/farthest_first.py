"""Farthest-first traversal (Gonzalez 1985), exact, many picks for one reading of the data."""

import numpy as np
from array_api_extra import partition

from skcoreset._backend import block_slices, device_of, namespace, put, to_numpy
from skcoreset._kernels.cuda.farthest_first import farthest_first_on

__all__ = ["farthest_first"]

BATCH = 64  # rows of a pool whose distances to all of it are computed at once


def farthest_first(pairs, size, first, *, pool_size=None, report=None):
    """Pick the row farthest from all picked rows, again and again.

    The picks are those of the plain loop (one pass over the data a pick). They come in rounds:
    of the `pool_size` farthest rows all mutual distances are computed, and the plain loop runs
    among these alone. A pick that is farther than every row outside the pool was at the start of
    the round is the farthest of all, since distances to the picked rows only fall; the first pick
    that is not ends the round, and one matrix product brings all rows up to date. Distances that
    picks depend on are those of differences in float64, and so is each radius; ties (equal up to
    rounding of the two that are compared) go to the lowest position.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    size : int
        Number of picks, those of `first` included.
    first : sequence of int
        Positions picked already, in order; at least one, at most `size`.
    pool_size : int, optional
        Most rows in a round. Changes the time, never the picks. By default n / 40, within 64 and
        512; 64 for tables of 32 columns or less, where picks soon affect each other.
    report : callable, optional
        Called with the number of picks after each round.

    Returns
    -------
    picks : ndarray of shape (size,)
        Positions in order of selection.
    radii : ndarray of shape (size,), float64
        Largest distance of a row to its nearest pick, after each pick.
    nearest : ndarray of shape (n,)
        For each row, which of the picks (0 .. size - 1) is nearest; the earlier one of a tie.

    Notes
    -----
    Time: n * size * d multiplications in matrix products, plus 2 * size * pool_size * d or so; the
    usual round ends after 50 to 400 picks. Memory: a few vectors of n, a block of `working_memory`.
    """
    state = _State(pairs)
    prune = _Prune(pairs)
    on_gpu = farthest_first_on(pairs)  # its kernels, or None
    picks, radii = state.picks, []

    def add(new):
        new_at = pairs.xp.asarray(new, dtype=pairs.xp.int64, device=pairs.device)
        put(state.gap, new_at, -pairs.xp.inf)
        if on_gpu is not None:
            on_gpu.update(new_at, state)
        else:
            _update(state, new_at, prune.rows_in_reach(state, new_at))
        label = pairs.xp.arange(len(new), device=pairs.device) + len(picks)
        put(state.nearest, new_at, label)
        picks.extend(new)
        if report is not None:
            report(len(picks))

    for start in first:
        if picks:
            radii.append(_farthest_of_all(state)[1])
        add([int(start)])
    if pool_size is None:
        pool_size = 64 if pairs.narrow else min(512, max(64, pairs.n // 40))
    while len(picks) < size:
        wanted = min(size - len(picks), pairs.most_columns())
        pool, outside = _farthest_rows(state, pool_size)
        among, reach = _distances_in_pool(state, pool)
        loop = _pool_loop if on_gpu is None else on_gpu.pool_loop
        new, farthest = loop(among, reach, pairs.tie_tolerance, pool, outside, wanted)
        if len(new) == 0:  # ties across the edge of the pool: one step of the plain loop
            new, farthest = ([value] for value in _farthest_of_all(state))
        radii.extend(farthest)  # a pick was as far away as the radius of those before it
        add(new)
    radii.append(_farthest_of_all(state)[1])
    state.settle(pairs.xp.nonzero(state.unsure & (state.gap > 0))[0])
    radii = pairs.distance(np.maximum(radii, 0))
    return np.asarray(picks), np.minimum.accumulate(radii), to_numpy(state.nearest)


class _State:
    """The picks, and how far each row is from the nearest of them.

    Attributes
    ----------
    picks : list of int
    gap : array of shape (n,), float64
        Value for the nearest pick, off by at most ``pairs.block_error_bound(gap)``; -inf: picked itself.
    nearest : array of shape (n,)
        Which of the picks that is.
    unsure : array of shape (n,), bool
        Whether another pick may be nearer, as the two are equal up to ``pairs.block_error_bound``; never where
        values are as exact as can be had (not ``pairs.block_is_rounded``).
    """

    def __init__(self, pairs):
        self.pairs, self.picks = pairs, []
        self.gap = pairs.vector(float("inf"), pairs.xp.float64)
        self.nearest = pairs.vector(0, pairs.xp.int64)
        self.unsure = pairs.vector(False, pairs.xp.bool)

    def exact_values(self, rows):
        """Value of each row for its `nearest`, as exact as can be had; not of picks."""
        if not self.pairs.block_is_rounded:
            return self.gap[rows]
        owner = self.pairs.xp.asarray(self.picks, device=self.pairs.device)[self.nearest[rows]]
        return self.pairs.exact_pairs(rows, owner)

    def settle(self, rows):
        """Find out which pick is nearest to each of `rows`, which are not sure of it."""
        pairs, xp = self.pairs, self.pairs.xp
        picks = xp.asarray(self.picks, device=pairs.device)
        factor, term = pairs.tie_tolerance
        for block in pairs.blocks(4 * 8 * len(self.picks), rows.shape[0]):
            part = rows[block]
            D = xp.astype(pairs.block(picks, part), xp.float64)
            width = pairs.block_error_bound(xp.min(D, axis=0), part)
            near = (xp.min(D, axis=0) + 2 * width)[None, :] >= D
            left, right = xp.nonzero(near)
            D = xp.where(near, D, xp.inf)
            D[near] = pairs.exact_pairs(picks[left], part[right])
            value = xp.min(D, axis=0)
            tied = (value + 2 * (factor * value + term))[None, :] >= D
            put(self.gap, part, value)
            put(self.nearest, part, xp.argmax(xp.astype(tied, xp.int8), axis=0))
            put(self.unsure, part, xp.zeros_like(part, dtype=xp.bool))


def _finite_error_bound(pairs, values, rows=slice(None)):
    """``pairs.block_error_bound`` where `values` may be infinite, which then says nothing of rounding."""
    xp = pairs.xp
    return pairs.block_error_bound(xp.where(xp.isfinite(values), values, 0.0), rows)


def _farthest_of_all(state):
    """The row with the largest gap, the lowest of a tie, and that gap; both exact."""
    pairs, xp = state.pairs, state.pairs.xp
    if len(state.picks) == pairs.n:
        return None, -np.inf
    gap = state.gap
    width = (
        _finite_error_bound(pairs, gap)
        + pairs.tie_tolerance[0] * xp.max(gap)
        + pairs.tie_tolerance[1]
    )
    near = xp.nonzero(gap + width >= xp.max(gap - width))[0]
    values, unsure = to_numpy(state.exact_values(near)), to_numpy(state.unsure[near])
    values, unsure = values.copy(), unsure.copy()
    while True:  # values are right or too large: those of rows that are not sure of their pick
        top = values.max()
        tied = np.flatnonzero(
            values >= top - 2 * (pairs.tie_tolerance[0] * top + pairs.tie_tolerance[1])
        )
        inexact = tied[unsure[tied]][:BATCH]
        if unsure[tied[0]] or (len(inexact) and unsure[values.argmax()]):
            rows = near[xp.asarray(inexact, device=pairs.device)]
            state.settle(rows)
            values[inexact], unsure[inexact] = to_numpy(state.exact_values(rows)), False
            continue
        return int(near[int(tied[0])]), float(top)


def _lowest_of_ties(values, tie):
    """Lowest position that has the largest value, but for rounding; what that is at least; it."""
    top = float(values.max())
    least = top - 2 * (tie[0] * top + tie[1])
    return int((values >= least).argmax()), least, top


def _farthest_rows(state, most):
    """The `most` rows with the largest gap, in order of position, and what is left outside.

    The outside is summed up in (lower, upper, rival): its largest gap is surely at most `upper`,
    and no row of it before position `rival` reaches `lower`.
    """
    pairs, gap = state.pairs, state.gap
    xp, n = pairs.xp, pairs.n
    edge = -np.inf if n <= most else float(partition(gap, n - most, xp=xp)[n - most])
    if edge == -np.inf:  # all that can still be picked fit in
        return xp.nonzero(gap > -xp.inf)[0], (-np.inf, -np.inf, n)
    width = pairs.largest_block_error(edge) + pairs.tie_tolerance[0] * edge + pairs.tie_tolerance[1]
    near = xp.nonzero(gap >= edge - 4 * width)[0]
    highest = edge - 3 * width  # of the others
    reach = gap[near]
    sure = xp.nonzero(reach > edge + 2 * width)[0]
    ties = xp.nonzero(xp.abs(reach - edge) <= 2 * width)[0]
    places = most - sure.shape[0]
    if ties.shape[0] > places:  # the farthest of them as far as can be told
        values = state.exact_values(near[ties])
        edge = float(partition(values, values.shape[0] - places, xp=xp)[values.shape[0] - places])
        width = 2 * (pairs.tie_tolerance[0] * edge + pairs.tie_tolerance[1])
        above, level = ties[values > edge + width], ties[xp.abs(values - edge) <= width]
        # Of the rows that tie for the last places the lowest come in: they would be picked first.
        ties = xp.concat([above, level[: places - above.shape[0]]])
    chosen = xp.concat([sure, ties])
    left_out = xp.ones_like(near, dtype=xp.bool)
    put(left_out, chosen, False)
    left_out = near[left_out]
    if left_out.shape[0] == 0:
        return near, (highest, highest, n)
    # Of rows that are not sure of their pick this is the most that it can be.
    values = state.exact_values(left_out)
    factor, term = pairs.tie_tolerance
    top = float(xp.max(values))
    tie = factor * top + term
    # A pick counts at its least, which is 2 ties below it; where all are equal it must not fail
    # by their last digits.
    lower, upper = top - 3 * tie, top + 2 * tie
    lower, upper = max(lower, highest), max(upper, highest)
    rivals = left_out[values >= lower]
    rival = int(rivals[0]) if rivals.shape[0] else n
    return xp.sort(near[chosen]), (lower, upper, rival)


def _distances_in_pool(state, pool):
    """Distances within `pool`, and those to the nearest pick; exact.

    The first is a function of some positions within the pool, as not all are needed.
    """
    pairs, xp = state.pairs, state.pairs.xp
    unsure = pool[state.unsure[pool]]
    if unsure.shape[0]:
        state.settle(unsure)
    distances = pairs.exact_among(pool)

    def among(some):
        return distances(xp.asarray(some, device=pairs.device))

    return among, state.exact_values(pool)


def _pool_loop(among, reach, tie, pool, outside, wanted):
    """The plain loop among `pool`, while no row outside can win. Returns picks and their gaps."""
    lower, highest, rival = outside
    # Small and one step after the other: on the host, by the methods of its arrays.
    reach, pool = to_numpy(reach).copy(), to_numpy(pool)
    new, farthest, known = [], [], {}
    while len(new) < min(wanted, len(pool)):
        local, least, top = _lowest_of_ties(reach, tie)
        row = int(pool[local])
        if not (least > highest or (least >= lower and row < rival)):
            break
        new.append(row)
        farthest.append(top)
        if local not in known:
            known |= _rows_of_highest(among, reach, local, known)
        np.minimum(reach, known[local], out=reach)
        reach[local] = -np.inf
    return new, farthest


def _rows_of_highest(among, reach, first, known):
    """Rows of `among` for position `first` and those that are likely to come next, as a dict."""
    unknown = reach.copy()
    unknown[list(known)] = -np.inf
    unknown[first] = np.inf
    some = np.argpartition(-unknown, min(BATCH, len(unknown)) - 1)[:BATCH]
    return dict(zip(some.tolist(), to_numpy(among(some)), strict=True))


class _Prune:
    """Leaves out of an update the rows that no new pick can be nearer to (triangle inequality).

    If a new pick is at least twice as far from the pick that row x is nearest to as x is, it is no
    nearer to x. In few dimensions that spares most rows; where it spares less than a fifth, the
    next tries are put off, for longer each time.
    """

    def __init__(self, pairs):
        self.pairs, self.wait, self.patience = pairs, 0, 1

    def rows_in_reach(self, state, new):
        pairs, xp = self.pairs, self.pairs.xp
        if not pairs.is_squared or not state.picks or self.wait:  # only Euclidean ones are squared
            self.wait = max(0, self.wait - 1)
            return None
        old = xp.asarray(state.picks, device=pairs.device)
        apart = xp.astype(xp.min(pairs.approximate_block(new, old), axis=0), xp.float64)
        apart = xp.clip(apart - 2 * pairs.error_bound(apart, old), min=0)
        bound = 0.25 * apart - 4 * pairs.block_error_bound(apart, old)
        rows = xp.nonzero(state.gap > bound[state.nearest])[0]
        if rows.shape[0] > 0.8 * pairs.n:
            self.patience *= 2
            self.wait = self.patience
            return None
        return rows


def _update(state, new, rows):
    """Bring `state` up to date for `rows` (None: all), in place, with picks `new`."""
    pairs, xp, label = state.pairs, state.pairs.xp, len(state.picks)
    n_rows = pairs.n if rows is None else rows.shape[0]
    copied = 0 if rows is None else pairs.X.shape[1] * pairs.itemsize
    for block in pairs.blocks(3 * pairs.itemsize * new.shape[0] + copied, n_rows):
        part = block if rows is None else rows[block]
        D = pairs.approximate_block(new, part)
        closest, before = xp.min(D, axis=0), state.gap[part]
        # Nothing is nearer than 0, and there rounding would be all that is seen.
        reach = pairs.upper_bound(before, part)
        at = xp.nonzero((closest <= reach) & (before > 0))[0]
        if at.shape[0] == 0:
            continue
        part = at + block.start if rows is None else part[at]
        value, which, rivals = _nearest_new(pairs, new, part, xp.take(D, at, axis=1), reach[at])
        before = before[at]
        width = _finite_error_bound(pairs, value, part)
        moved = value + 2 * width < before
        put(state.gap, part, xp.minimum(value, before))
        put(state.nearest, part[moved], which[moved] + label)
        if not pairs.block_is_rounded:
            continue
        tied = value - 2 * width <= before
        put(state.unsure, part[moved], rivals[moved])
        put(state.unsure, part[tied & ~moved], True)


def _nearest_new(pairs, new, part, D, reach):
    """Of rows `part`: value for the nearest of the picks `new`, which it is, whether others tie.

    `D` are their values, as of ``pairs.approximate_block``; what is above `reach` is not looked at.
    """
    xp = pairs.xp
    value = xp.astype(xp.min(D, axis=0), xp.float64)
    width = _finite_error_bound(pairs, value, part)
    if not pairs.is_squared:
        return value, *_first_of_ties(D, value + 2 * width)
    lost = pairs.may_be_inexact(value, part)
    width = xp.where(lost, pairs.inexact_error_bound(part), width)
    which, rivals = _first_of_ties(D, value + 2 * width)
    alone = xp.nonzero(lost & ~rivals)[0]
    if alone.shape[0]:
        put(value, alone, pairs.exact_pairs(new[which[alone]], part[alone]))
    several = xp.nonzero(lost & rivals)[0]
    for block in block_slices(several.shape[0], 6 * 8 * new.shape[0]):
        some = several[block]
        rows, D_some = part[some], xp.astype(xp.take(D, some, axis=1), xp.float64)
        error = pairs.pair_error_bounds(new, rows)
        inexact = pairs.is_inexact(D_some, new, rows, grid=True)
        most = xp.minimum(xp.min(D_some + error, axis=0), reach[some])
        near = inexact & (D_some - error <= most[None, :])
        left, right = xp.nonzero(near)
        D_some = xp.where(inexact, xp.inf, D_some)
        if left.shape[0]:
            D_some[near] = pairs.exact_pairs(new[left], rows[right])
        lowest = xp.min(D_some, axis=0)
        put(value, some, lowest)
        first, tied = _first_of_ties(D_some, lowest + 2 * _finite_error_bound(pairs, lowest, rows))
        put(which, some, first)
        put(rivals, some, tied)
    return value, which, rivals


def _first_of_ties(D, most):
    """Which is the first value of each column of `D` that is at most `most`; are there others."""
    xp, n_new = namespace(D), D.shape[0]
    tied = xp.astype(most, D.dtype)[None, :] >= D
    # The first True of each column; argmax along this axis would take ten times as long. Two
    # bytes will do: a round has no more picks than a pool has rows.
    last_first = xp.arange(n_new, 0, -1, dtype=xp.int16, device=device_of(D))[:, None]
    tied = xp.astype(tied, xp.int16)
    which = n_new - xp.astype(xp.max(tied * last_first, axis=0), xp.int64)
    return which, xp.sum(tied, axis=0, dtype=xp.int16) > 1
