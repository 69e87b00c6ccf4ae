"""Farthest-first traversal (Gonzalez 1985), exact, many picks for one reading of the data."""

import numpy as np
from array_api_extra import partition

from skcoreset._backend import put, to_numpy
from skcoreset._kernels.cuda.farthest_first import farthest_first_on

__all__ = ["farthest_first"]

BATCH = 64  # rows of a pool whose distances to all of it are computed at once


def farthest_first(pairs, size, first, *, pool_size=None, report=None):
    """Pick the row farthest from all picked rows, again and again.

    The picks are those of the plain loop (one pass over the data a pick). They come in rounds:
    of the `pool_size` farthest rows all mutual distances are computed, and the plain loop runs
    among these alone. A pick that is farther than every row outside the pool was at the start of
    the round is the farthest of all, since distances to the picked rows only fall; the first pick
    that is not ends the round, and one matrix product brings all rows up to date. Ties (distances
    equal up to rounding) go to the lowest position.

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
    xp = pairs.xp
    position = xp.arange(pairs.n, device=pairs.device)
    gap = pairs.vector(float("inf"))  # distance to the nearest pick; -inf: picked itself
    nearest = pairs.vector(0, xp.int64)
    picks, radii = [], []
    prune = _Prune(pairs)
    on_gpu = farthest_first_on(pairs)  # its kernels, or None

    def add(new):
        new_at = xp.asarray(new, dtype=xp.int64, device=pairs.device)
        put(gap, new_at, -xp.inf)
        if on_gpu is not None:
            on_gpu.update(new_at, gap, nearest, len(picks))
        else:
            rows = prune.rows_in_reach(picks, new_at, gap, nearest)
            _update(pairs, new_at, rows, gap, nearest, len(picks))
        put(nearest, new_at, xp.arange(len(new), device=pairs.device) + len(picks))
        picks.extend(new)
        radii.append(float(xp.max(gap)))
        if report is not None:
            report(len(picks))

    for start in first:
        add([int(start)])
    if pool_size is None:
        pool_size = 64 if pairs.narrow else min(512, max(64, pairs.n // 40))
    while len(picks) < size:
        wanted = min(size - len(picks), pairs.most_columns())
        pool, outside = _farthest_rows(pairs, gap, position, pool_size)
        among, upper, slack = _distances_in_pool(pairs, picks, gap, nearest, pool)
        loop = _pool_loop if on_gpu is None else on_gpu.pool_loop
        new, farthest = loop(among, upper, slack, pool, outside, wanted)
        if len(new) == 0:  # ties across the edge of the pool: one step of the plain loop
            slack = _slack(pairs, gap, position)
            new, farthest = [_lowest_of_ties(to_numpy(gap + slack), to_numpy(slack))[0]], []
        radii.extend(farthest[1:])
        add(new)
    radii = pairs.distance(np.maximum(radii, 0))
    return np.asarray(picks), np.minimum.accumulate(radii), to_numpy(nearest)


def _slack(pairs, gap, rows):
    open_gap = pairs.xp.where(gap > -pairs.xp.inf, gap, 0.0)
    return pairs.slack(open_gap, rows)


def _lowest_of_ties(upper, slack):
    """Lowest position that may have the largest value; what that value is at least; the value.

    `upper` is each value plus its slack, a NumPy array.
    """
    top = upper.argmax()
    reach, spread = float(upper[top]), float(slack[top])
    lowest = (upper >= reach - 2 * spread).argmax()
    return int(lowest), reach - 2 * spread, reach - spread


def _farthest_rows(pairs, gap, position, most):
    """The `most` rows with the largest gap, in order of position, and what is left outside.

    The outside is summed up in (lower, upper, rival): its largest gap is surely at least `lower`
    and at most `upper`, and no row of it before position `rival` reaches `lower`.
    """
    xp, n = pairs.xp, pairs.n
    edge = -np.inf if n <= most else float(partition(gap, n - most, xp=xp)[n - most])
    if edge == -np.inf:  # all that can still be picked fit in
        return position[gap > -xp.inf], (-np.inf, -np.inf, n)
    near = xp.nonzero(gap >= edge - 2 * pairs.most_slack(edge))[0]  # no other row matters
    reach = gap[near]
    slack = pairs.slack(reach, near)
    width = slack + xp.max(xp.where(reach == edge, slack, 0.0))
    sure = xp.nonzero(reach > edge + width)[0]
    # Of the rows that tie for the last places the lowest come in: they would be picked first.
    ties = xp.nonzero(xp.abs(reach - edge) <= width)[0]
    chosen = xp.concat([sure, ties[: most - sure.shape[0]]])
    left_out = xp.ones_like(near, dtype=xp.bool)
    put(left_out, chosen, False)
    if not xp.any(left_out):
        return near, (edge, edge, n)
    lower = xp.max(xp.where(left_out, reach - slack, -xp.inf))
    upper = xp.where(left_out, reach + slack, -xp.inf)
    rival = near[xp.nonzero(upper >= lower)[0][0]]
    return xp.sort(near[chosen]), (float(lower), float(xp.max(upper)), int(rival))


def _distances_in_pool(pairs, picks, gap, nearest, pool):
    """Most that distances within `pool` are, and those to the nearest pick; what rounding adds.

    The first is a function of some positions within the pool, as not all are needed.
    """
    xp = pairs.xp
    reach = xp.astype(gap[pool], xp.float64)
    if pairs.cancels:  # what many products have worn down is measured afresh
        owner = xp.asarray(picks, device=pairs.device)[nearest[pool]]
        reach = xp.where(reach > -xp.inf, pairs.direct(pool, owner), -xp.inf)
        exact = 2.0**-52 / pairs.eps  # then they are float64, whatever the table is
    else:
        exact = 1.0
    slack = _slack(pairs, reach, pool) * exact
    distances = pairs.among(pool)

    def among(some):
        at = xp.asarray(some, device=pairs.device)
        return distances(at) + slack[None, :]  # a row j keeps its slack through every minimum

    return among, reach + slack, slack


def _pool_loop(among, upper, slack, pool, outside, wanted):
    """The plain loop among `pool`, while no row outside can win. Returns picks and their gaps."""
    lower, highest, rival = outside
    # Small and one step after the other: on the host, by the methods of its arrays.
    upper, slack, pool = (to_numpy(x) for x in (upper, slack, pool))
    new, farthest, known = [], [], {}
    while len(new) < wanted:
        local, least, top = _lowest_of_ties(upper, slack)
        row = int(pool[local])
        if not (least > highest or (least >= lower and row < rival)):
            break
        new.append(row)
        farthest.append(top)
        if local not in known:
            known |= _rows_of_highest(among, upper, local, known)
        np.minimum(upper, known[local], out=upper)
        upper[local] = -np.inf
    return new, farthest


def _rows_of_highest(among, upper, first, known):
    """Rows of `among` for position `first` and those that are likely to come next, as a dict."""
    unknown = upper.copy()
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

    def rows_in_reach(self, picks, new, gap, nearest):
        pairs, xp = self.pairs, self.pairs.xp
        if not pairs.cancels or not picks or self.wait:  # only Euclidean distances are squared
            self.wait = max(0, self.wait - 1)
            return None
        old = xp.asarray(picks, device=pairs.device)
        apart = xp.min(pairs.block(new, old), axis=0)
        bound = 0.25 * apart - 2 * pairs.most_slack(float(xp.max(apart)))
        rows = xp.nonzero(gap > bound[nearest])[0]
        if rows.shape[0] > 0.8 * pairs.n:
            self.patience *= 2
            self.wait = self.patience
            return None
        return rows


def _update(pairs, new, rows, gap, nearest, label):
    """Bring `gap` and `nearest` of `rows` (None: all) up to date, in place, for picks `new`."""
    xp = pairs.xp
    n_rows = pairs.n if rows is None else rows.shape[0]
    last_first = xp.arange(new.shape[0], 0, -1, dtype=xp.int16, device=pairs.device)[:, None]
    copied = 0 if rows is None else pairs.X.shape[1] * pairs.itemsize
    for block in pairs.blocks(3 * pairs.itemsize * new.shape[0] + copied, n_rows):
        part = block if rows is None else rows[block]
        D = pairs.block(new, part)
        closest, before = xp.min(D, axis=0), gap[part]
        at = xp.nonzero(closest < before)[0]
        if at.shape[0] == 0:
            continue
        part = at + block.start if rows is None else part[at]
        value, before = closest[at], before[at]
        tied = xp.take(D, at, axis=1) <= (value + pairs.slack(value, part))[None, :]
        # The first True of each column; argmax along this axis would take ten times as long. Two
        # bytes will do: a round has no more picks than a pool has rows.
        which = new.shape[0] - xp.max(xp.astype(tied, xp.int16) * last_first, axis=0)
        doubt = xp.nonzero(pairs.doubtful(value, new[which], part))[0]
        if doubt.shape[0]:
            exact = pairs.direct(new[which[doubt]], part[doubt])
            put(value, doubt, xp.astype(exact, value.dtype))
        put(gap, part, xp.minimum(value, before))
        moved = value + pairs.slack(value, part) < before
        put(nearest, part[moved], which[moved] + label)
