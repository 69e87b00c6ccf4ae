"""Farthest-first traversal (Gonzalez 1985), exact, with many picks for each pass over the data."""

import numpy as np
from array_api_extra import partition

from skcoreset._backend import block_slices, device_of, namespace, put, to_numpy
from skcoreset._kernels.cuda.farthest_first import farthest_first_on

__all__ = [
    "State",
    "certified_farthest",
    "distances_in_pool",
    "farthest_first",
    "farthest_of_all",
    "farthest_rows",
    "nearest_picks",
    "pool_loop",
    "radii_of",
]

BATCH = 64  # rows of a pool whose distances to all of it are computed at once


def farthest_first(pairs, size, first, *, pool_size=None, report=None):
    """Select in each step the row that is farthest from all selected rows.

    The picks are those of the naive loop, which makes one pass over the data for each pick. Here
    they are made in rounds. A round computes the mutual distances of the `pool_size` farthest rows
    and runs the naive loop on this pool. Distances to the nearest pick never increase, so a pick
    that is farther than all rows outside the pool were at the start of the round is the farthest of
    all rows. The first pick that is not ends the round, and one matrix product updates the
    distances of all rows. Distances that decide a pick, and radii, are computed from differences in
    float64. Ties (equal up to the rounding of the two values) go to the lowest position.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    size : int
        Number of picks, including those of `first`.
    first : sequence of int
        Positions of the first picks, in order; at least one, at most `size`.
    pool_size : int, optional
        Number of rows in the pool of a round. It changes the time, never the picks. The default is
        n / 40, but at least 64 and at most 512; 64 for tables of at most 32 columns, where picks
        soon affect each other.
    report : callable, optional
        Called with the number of picks after each round.

    Returns
    -------
    picks : ndarray of shape (size,)
        Positions in order of selection.
    radii : ndarray of shape (size,), float64
        Largest distance of a row to its nearest pick, after each pick.
    nearest : ndarray of shape (n,)
        The pick (0 .. size - 1) that is nearest to each row; the earlier one of a tie.

    Notes
    -----
    Time: n * size * d multiplications in matrix products, plus about 2 * size * pool_size * d. A
    round usually has 50 to 400 picks. Memory: a few vectors of n, and blocks of `working_memory`.
    """
    state = State(pairs)
    on_gpu = farthest_first_on(pairs)  # its kernels, or None
    picks, radii = state.picks, []

    def add(new):
        state.add(new, on_gpu=on_gpu)
        if report is not None:
            report(len(picks))

    for start in first:
        if picks:
            radii.append(farthest_of_all(state)[1])
        add([int(start)])
    if pool_size is None:
        pool_size = 64 if pairs.narrow else min(512, max(64, pairs.n // 40))
    while len(picks) < size:
        wanted = min(size - len(picks), pairs.most_columns())
        pool, outside = farthest_rows(state, pool_size)
        reach, among = state.settled_values(pool), distances_in_pool(pairs, pool)
        loop = pool_loop if on_gpu is None else on_gpu.pool_loop
        new, farthest = loop(among, reach, pairs.tie_tolerance, pool, outside, wanted)
        if len(new) == 0:  # ties across the edge of the pool: one step of the plain loop
            new, farthest = ([value] for value in farthest_of_all(state))
        radii.extend(farthest)  # a pick was as far away as the radius of those before it
        add([int(row) for row in new])
    radii.append(farthest_of_all(state)[1])
    state.settle_all()
    return np.asarray(picks), radii_of(pairs, radii), to_numpy(state.nearest)


def nearest_picks(pairs, picks):
    """The pick (0, 1, ...) that is nearest to each row, as `farthest_first` returns it.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    picks : ndarray of int
        Positions of the picks.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    Time: n * n_picks * d multiplications in matrix products.
    """
    state, on_gpu, step = State(pairs), farthest_first_on(pairs), min(512, pairs.most_columns())
    for start in range(0, len(picks), step):
        state.add(picks[start : start + step].tolist(), on_gpu=on_gpu)
    state.settle_all()
    return to_numpy(state.nearest)


def radii_of(pairs, values):
    """Covering radii of the largest gaps, which rounding must not let grow."""
    return np.minimum.accumulate(pairs.distance(np.maximum(values, 0)))


class State:
    """The picks, and the distance of each row to its nearest pick.

    Attributes
    ----------
    picks : list of int
        Positions in ``pairs.columns_of``.
    gap : array of shape (n,), float64
        Value of the row and its nearest pick, with an error of at most
        ``pairs.block_error_bound(gap)``; -inf for picks.
    nearest : array of shape (n,)
        The nearest pick.
    unsure : array of shape (n,), bool
        Whether another pick may be nearer, as the two values differ by less than
        ``pairs.block_error_bound``. Always False unless ``pairs.block_is_rounded``.
    least : float
        Rows with a `gap` of at most this keep their nearest pick: 0, and -inf if 0 may be rounding.
    prune : _Prune
    """

    def __init__(self, pairs, prune=None):
        self.pairs, self.picks, self.prune = pairs, [], prune or _Prune()
        self.gap = pairs.vector(float("inf"), pairs.xp.float64)
        self.nearest = pairs.vector(0, pairs.xp.int64)
        self.unsure = pairs.vector(False, pairs.xp.bool)
        self.least = 0.0 if pairs.is_squared or not pairs.block_is_rounded else -np.inf

    def saved(self):
        """Arguments of `restore`: NumPy arrays of few bytes for each row, and a number."""
        gap = self.gap
        single = np.finfo(np.float32)
        if self.pairs.rounding > 8 * single.eps:  # products in float32
            # This adds an error of eps / 2; `rounding` is 4 eps more than the largest one measured.
            rounded = gap.astype(np.float32)
            if np.all((rounded >= single.tiny) | (rounded == gap)):
                gap = rounded
        nearest = self.nearest.astype(np.min_scalar_type(len(self.picks)))
        return gap, nearest, np.packbits(self.unsure), len(self.picks)

    def restore(self, gap, nearest, unsure, n_picks):
        """Continue from what `saved` returned, where the picks are rows of another table."""
        self.gap, self.nearest = gap.astype(np.float64), nearest.astype(np.int64)
        self.unsure = np.unpackbits(unsure, count=self.pairs.n).astype(bool)
        self.picks = list(range(n_picks))

    def add(self, new, own=None, on_gpu=None):
        """Add a list of picks.

        Parameters
        ----------
        new : list of int
            Positions in ``pairs.columns_of``.
        own : (positions, which), optional
            The positions of the picks that are rows of this table, and which of `new` they are. By
            default, all are, and `new` are their positions.
        on_gpu : FarthestFirst, optional
            Kernels for the update.
        """
        xp, device = self.pairs.xp, self.pairs.device
        new_at = xp.asarray(new, dtype=xp.int64, device=device)
        label = xp.arange(len(new), device=device) + len(self.picks)
        own_at, own_label = (new_at, label) if own is None else (own[0], label[own[1]])
        put(self.gap, own_at, -xp.inf)
        if on_gpu is not None:
            on_gpu.update(new_at, self)
        else:
            for rows, which in self.prune.parts(self, new_at):
                _update(self, new_at[which], label[which], rows)
        put(self.nearest, own_at, own_label)
        self.picks.extend(new)

    def settled_values(self, rows):
        """Exact value of each of `rows`, whose nearest picks are determined before."""
        unsure = rows[self.unsure[rows]]
        if unsure.shape[0]:
            self.settle(unsure)
        return self.exact_values(rows)

    def exact_values(self, rows):
        """Exact value of each row and its `nearest` pick; `rows` must not be picks."""
        if not self.pairs.block_is_rounded:
            return self.gap[rows]
        owner = self.pairs.xp.asarray(self.picks, device=self.pairs.device)[self.nearest[rows]]
        return self.pairs.exact_pairs(owner, rows)

    def settle_all(self):
        """Determine the nearest pick of each row that may have several."""
        self.settle(self.pairs.xp.nonzero(self.unsure & (self.gap > self.least))[0])

    def settle(self, rows):
        """Determine the nearest pick of each of `rows` by exact values."""
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
    """``pairs.block_error_bound`` of `values`; infinite ones count as 0."""
    xp = pairs.xp
    return pairs.block_error_bound(xp.where(xp.isfinite(values), values, 0.0), rows)


def farthest_of_all(state):
    """Position of the largest gap (the lowest position of a tie), and the gap; both exact."""
    pairs, xp = state.pairs, state.pairs.xp
    gap, largest = state.gap, xp.max(state.gap)
    if largest == -xp.inf:  # all rows are picks
        return None, -np.inf
    factor, term = pairs.tie_tolerance
    width = _finite_error_bound(pairs, gap) + factor * largest + term
    near = xp.nonzero(gap + width >= xp.max(gap - width))[0]
    values, unsure = to_numpy(state.exact_values(near)), to_numpy(state.unsure[near])
    values, unsure = values.copy(), unsure.copy()
    while True:  # values of unsure rows are exact or too large, the others exact
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


def farthest_rows(state, most):
    """The `most` rows with the largest gap, in order of position, and bounds for the other rows.

    The bounds are (lower, upper, rival): the largest gap of the other rows is at most `upper`, and
    none of them before position `rival` reaches `lower`.
    """
    pairs, gap = state.pairs, state.gap
    xp, n = pairs.xp, pairs.n
    edge = -np.inf if n <= most else float(partition(gap, n - most, xp=xp)[n - most])
    if edge == -np.inf:  # all rows that are no picks are in the pool
        return xp.nonzero(gap > -xp.inf)[0], (-np.inf, -np.inf, n)
    width = pairs.largest_block_error(edge) + pairs.tie_tolerance[0] * edge + pairs.tie_tolerance[1]
    near = xp.nonzero(gap >= edge - 4 * width)[0]
    highest = edge - 3 * width  # of the others
    reach = gap[near]
    sure = xp.nonzero(reach > edge + 2 * width)[0]
    ties = xp.nonzero(xp.abs(reach - edge) <= 2 * width)[0]
    places = most - sure.shape[0]
    if ties.shape[0] > places:  # the farthest of them by exact values
        values = state.exact_values(near[ties])
        edge = float(partition(values, values.shape[0] - places, xp=xp)[values.shape[0] - places])
        width = 2 * (pairs.tie_tolerance[0] * edge + pairs.tie_tolerance[1])
        above, level = ties[values > edge + width], ties[xp.abs(values - edge) <= width]
        # The lowest of the rows that tie for the last places, as these would be picked first.
        ties = xp.concat([above, level[: places - above.shape[0]]])
    chosen = xp.concat([sure, ties])
    left_out = xp.ones_like(near, dtype=xp.bool)
    put(left_out, chosen, False)
    left_out = near[left_out]
    if left_out.shape[0] == 0:
        return near, (highest, highest, n)
    # For unsure rows these are upper bounds.
    values = state.exact_values(left_out)
    factor, term = pairs.tie_tolerance
    top = float(xp.max(values))
    tie = factor * top + term
    # A pick is compared by the least value of its tie, 2 ties below. The margin of one more tie
    # lets a pool in which all gaps are equal go on.
    lower, upper = top - 3 * tie, top + 2 * tie
    lower, upper = max(lower, highest), max(upper, highest)
    rivals = left_out[values >= lower]
    rival = int(rivals[0]) if rivals.shape[0] else n
    return xp.sort(near[chosen]), (lower, upper, rival)


def distances_in_pool(pairs, pool):
    """Exact distances within `pool`, a function of positions in it, as not all are needed."""
    distances = pairs.exact_among(pool)
    return lambda some: distances(pairs.xp.asarray(some, device=pairs.device))


def certified_farthest(reach, tie, pool, outside):
    """Position in `pool` of the farthest row, the lowest of a tie, and its gap.

    The position is None if a row outside the pool may be farther, or tie and be lower.
    """
    lower, highest, rival = outside
    top = float(reach.max())
    least = top - 2 * (tie[0] * top + tie[1])  # of a tie
    local = int((reach >= least).argmax())
    certain = least > highest or (least >= lower and pool[local] < rival)
    return local if certain else None, top


def pool_loop(among, reach, tie, pool, outside, wanted):
    """The naive loop on `pool` while no other row can be farther. Returns picks and their gaps."""
    # A sequential loop on small arrays: on the host.
    reach, pool = to_numpy(reach).copy(), to_numpy(pool)
    new, farthest, known = [], [], {}
    while len(new) < min(wanted, len(pool)):
        local, top = certified_farthest(reach, tie, pool, outside)
        if local is None:
            break
        new.append(int(pool[local]))
        farthest.append(top)
        if local not in known:
            known |= _rows_of_highest(among, reach, local, known)
        np.minimum(reach, known[local], out=reach)
        reach[local] = -np.inf
    return new, farthest


def _rows_of_highest(among, reach, first, known):
    """Rows of `among` for position `first` and the likely next picks, as a dict."""
    unknown = reach.copy()
    unknown[list(known)] = -np.inf
    unknown[first] = np.inf
    some = np.argpartition(-unknown, min(BATCH, len(unknown)) - 1)[:BATCH]
    return dict(zip(some.tolist(), to_numpy(among(some)), strict=True))


class _Prune:
    """Rows whose nearest pick may change in an update, by the triangle inequality.

    If the distance of a new pick to the nearest pick of row x is at least twice that of x, the new
    pick is not nearer to x. In few dimensions this excludes most rows. If it excludes less than a
    fifth, it is not tried in the next updates; their number doubles each time.
    """

    def __init__(self):
        self.wait, self.patience = 0, 1

    def parts(self, state, new):
        """List of (rows, which of `new`) such that no other pair changes the state."""
        return [(self._rows_in_reach(state, new), slice(None))]

    def _rows_in_reach(self, state, new):
        pairs, xp = state.pairs, state.pairs.xp
        # The bound is one of squared distances, and takes as long as the update of few rows.
        if not pairs.is_squared or not 0 < len(state.picks) <= pairs.n or self.wait:
            self.wait = max(0, self.wait - 1)
            return None
        old, picked = xp.asarray(state.picks, device=pairs.device), pairs.columns_of
        apart = xp.astype(xp.min(picked.approximate_block(new, old), axis=0), xp.float64)
        apart = xp.clip(apart - 2 * picked.error_bound(apart, old), min=0)
        bound = 0.25 * apart - 4 * picked.block_error_bound(apart, old)
        rows = xp.nonzero(state.gap > bound[state.nearest])[0]
        if rows.shape[0] > 0.8 * pairs.n:
            self.patience *= 2
            self.wait = self.patience
            return None
        return rows


def _update(state, new, label, rows):
    """Update `state` for `rows` (all if None) by the picks `new`, whose numbers are `label`."""
    pairs, xp = state.pairs, state.pairs.xp
    n_rows = pairs.n if rows is None else rows.shape[0]
    copied = 0 if rows is None else pairs.X.shape[1] * pairs.itemsize
    for block in pairs.blocks(3 * pairs.itemsize * new.shape[0] + copied, n_rows):
        part = block if rows is None else rows[block]
        D = pairs.approximate_rows(part, new)
        which = xp.argmin(D, axis=1)
        closest, before = _element_of_each(D, which), state.gap[part]
        # A row at a squared distance of 0 from a pick keeps it, as that is exact.
        reach = pairs.upper_bound(before, part)
        at = xp.nonzero((closest <= reach) & (before > state.least))[0]
        if at.shape[0] == 0:
            continue
        part = at + block.start if rows is None else part[at]
        D = xp.take(D, at, axis=0)
        value, which, rivals = _nearest_new(pairs, new, part, D, which[at], reach[at])
        before = before[at]
        width = _finite_error_bound(pairs, value, part)
        moved = value + 2 * width < before
        put(state.gap, part, xp.minimum(value, before))
        put(state.nearest, part[moved], label[which[moved]])
        if not pairs.block_is_rounded:
            continue
        tied = value - 2 * width <= before
        put(state.unsure, part[moved], rivals[moved])
        put(state.unsure, part[tied & ~moved], True)


def _nearest_new(pairs, new, part, D, which, reach):
    """Value of each row of `part` and its nearest pick of `new`, that pick, and whether others tie.

    `D` are their values from ``pairs.approximate_rows``, of which `which` is the smallest of each
    row; values above `reach` are ignored.
    """
    xp, lost = pairs.xp, None
    value = xp.astype(_element_of_each(D, which), xp.float64)
    width = _finite_error_bound(pairs, value, part)
    if not pairs.block_is_rounded:  # no later step settles which one of a tie comes first
        return value, *_first_of_ties(D.T, value + 2 * width)
    if pairs.is_squared:
        lost = pairs.may_be_inexact(value, part)
        width = xp.where(lost, pairs.inexact_error_bound(part), width)
    near = xp.astype(value + 2 * width, D.dtype)[:, None] >= D
    rivals = xp.sum(xp.astype(near, xp.int16), axis=1, dtype=xp.int16) > 1
    if lost is None:
        return value, which, rivals
    alone = xp.nonzero(lost & ~rivals)[0]
    if alone.shape[0]:
        put(value, alone, pairs.exact_pairs(new[which[alone]], part[alone]))
    several = xp.nonzero(lost & rivals)[0]
    for block in block_slices(several.shape[0], 6 * 8 * new.shape[0]):
        some = several[block]
        rows, D_some = part[some], xp.astype(xp.take(D, some, axis=0).T, xp.float64)
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


def _element_of_each(D, which):
    """The element `which` of each row of `D`."""
    return namespace(D).take_along_axis(D, which[:, None], axis=1)[:, 0]


def _first_of_ties(D, most):
    """First position in each column of `D` with a value of at most `most`; whether more exist."""
    xp, n_new = namespace(D), D.shape[0]
    tied = xp.astype(most, D.dtype)[None, :] >= D
    # The first True of each column; argmax along this axis takes ten times as long. Int16 is
    # sufficient, as a round has at most as many picks as the pool has rows.
    last_first = xp.arange(n_new, 0, -1, dtype=xp.int16, device=device_of(D))[:, None]
    tied = xp.astype(tied, xp.int16)
    which = n_new - xp.astype(xp.max(tied * last_first, axis=0), xp.int64)
    return which, xp.sum(tied, axis=0, dtype=xp.int16) > 1
