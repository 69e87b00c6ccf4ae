"""D^2 sampling (Arthur & Vassilvitskii 2007), exact, many draws for each pass over the data."""

import numpy as np

from skcoreset._backend import block_slices, to_numpy

__all__ = ["BlockDistances", "d2_sample", "lowest_of_rest", "nearest_of_picks"]

SHARE = 4  # a round draws one candidate for every 4 picks there are
MOST_CANDIDATES = 512
TIE = 2.0**-40  # relative difference of two distances that are equal


class BlockDistances:
    """Distances of all rows to picks, for :func:`d2_sample`, from blocks of matrix products.

    Parameters
    ----------
    table : object with n, xp, device and ``distances(columns, rows)``
        As :func:`skcoreset._kernels.distances.pairs` and
        :class:`skcoreset._kernels.outer_products.OuterProducts` have it.
    negligible : ndarray of shape (n,), optional
        Distances of a row of at most this are 0. The default is 0.
    """

    def __init__(self, table, negligible=None):
        self.table, self.n, self.negligible = table, table.n, negligible

    def closer_to(self, new, gap):
        """The rows whose nearest of the rows `new` is closer than `gap`, its distance, and which.

        Distances that are equal up to rounding are not closer, and the first of `new` is nearest.
        """
        xp, table = self.table.xp, self.table
        columns = xp.asarray(new, dtype=xp.int64, device=table.device)
        rows, values, which = [], [], []
        for block in block_slices(self.n, 4 * 8 * len(new)):
            D = table.distances(columns, block)
            least = to_numpy(xp.min(D, axis=0))
            if self.negligible is not None:
                least = np.where(least <= self.negligible[block], 0.0, least)
            closer = np.flatnonzero(least < gap[block] * (1 - TIE))
            D = xp.take(D, xp.asarray(closer, device=table.device), axis=1)
            tied = xp.astype((1 + TIE) * xp.min(D, axis=0)[None, :] >= D, xp.int8)
            rows.append(block.start + closer)
            values.append(least[closer])
            which.append(to_numpy(xp.argmax(tied, axis=0)))
        return tuple(map(np.concatenate, (rows, values, which)))

    def among(self, rows):
        """Distances of each two of some rows."""
        at = self.table.xp.asarray(rows, dtype=self.table.xp.int64, device=self.table.device)
        return to_numpy(self.table.distances(at, at))


class _Picks:
    """The picks, and the distance of each row to its nearest pick."""

    def __init__(self, distances):
        self.distances, self.picks = distances, []
        self.gap = np.full(distances.n, np.inf)
        self.nearest = np.zeros(distances.n, dtype=np.intp)

    def add(self, new):
        rows, values, which = self.distances.closer_to(new, self.gap)
        self.gap[rows] = values
        self.nearest[rows] = len(self.picks) + which
        self.gap[new] = 0.0
        self.nearest[new] = len(self.picks) + np.arange(len(new))
        self.picks.extend(new)


def d2_sample(distances, size, weight, random_state, first=(), *, in_rounds=True, report=None):
    """Draw rows in proportion to the weighted squared distance to the nearest earlier draw.

    The first row is drawn in proportion to its weight, unless there are rows in `first`. Draws are
    made in rounds. A round draws candidates in proportion to the distances at its start, and goes
    through them in order: a candidate becomes a pick with the probability ``(d / d')^2``, where d
    is its distance to the picks including those of the round, and d' that at the start. A pick thus
    has exactly the probabilities of the plain loop, which makes one pass over the data for each
    pick, while one matrix product updates the distances by all picks of a round.

    Parameters
    ----------
    distances : BlockDistances
        Or an object with n, ``closer_to(rows, gap)`` and, unless `in_rounds` is False,
        ``among(rows)``.
    size : int
        Number of picks, including those of `first`.
    weight : ndarray of shape (n,)
        Positive.
    random_state : RandomState
    first : sequence of int
        Rows that are picked first.
    in_rounds : bool
        False: a round has one candidate, so that each pick takes one number of `random_state`.
    report : callable, optional
        Called with the number of picks after each round.

    Returns
    -------
    picks : ndarray of int
        In order of selection, never one twice. They are fewer than `size` if all other rows are at
        distance 0 from a pick. The number of candidates of a round depends on the number of earlier
        picks only, so that the picks of a smaller `size` are the first ones.
    nearest : ndarray of shape (n,)
        The pick (0, 1, ...) that is nearest to each row; the earlier one of a tie.
    gap : ndarray of shape (n,)
        Distance of each row to its nearest pick.

    Notes
    -----
    Time: n * size * d multiplications in matrix products, and O(n) in each round. The number of
    rounds grows with the logarithm of `size` up to about 2,000 picks, and is then about a 300th of
    the number of picks. Memory: a few vectors of n, and blocks.
    """
    state = _Picks(distances)
    if len(first):
        for start in range(0, len(first), MOST_CANDIDATES):
            state.add([int(row) for row in first[start : start + MOST_CANDIDATES]])
    else:
        state.add(_draw(weight, random_state.random_sample(1)))
    while len(state.picks) < size:
        if report is not None:
            report(len(state.picks))
        n_candidates = len(state.picks) // SHARE if in_rounds else 1
        n_candidates = min(max(1, n_candidates), MOST_CANDIDATES)
        tickets = random_state.random_sample(n_candidates)
        chances = np.append(0.0, random_state.random_sample(n_candidates - 1))
        largest = state.gap.max()
        if largest == 0:
            break
        candidates = _draw(weight * (state.gap / largest) ** 2, tickets)
        new = _accepted(state, candidates, chances) if n_candidates > 1 else candidates
        state.add(new[: size - len(state.picks)])
    return np.asarray(state.picks), state.nearest, state.gap


def _draw(mass, tickets):
    """Rows, in proportion to `mass`, for random numbers in [0, 1); never one of mass 0."""
    upto = np.cumsum(mass)  # one after another: the same sums whatever the number of threads
    at = np.searchsorted(upto, tickets * upto[-1], side="right")
    return np.minimum(at, np.flatnonzero(mass)[-1]).tolist()


def _accepted(state, candidates, chances):
    """The candidates of a round that become picks."""
    apart, before = state.distances.among(candidates), state.gap[candidates]
    least, now, new = chances**0.5 * before, before.copy(), []
    for i, row in enumerate(candidates):
        if least[i] < now[i]:
            new.append(row)
            now = np.minimum(now, apart[i])
            now[np.equal(candidates, row)] = 0.0
    return new


def nearest_of_picks(distances, picks):
    """The pick (0, 1, ...) that is nearest to each row, as :func:`d2_sample` returns it."""
    state = _Picks(distances)
    for start in range(0, len(picks), MOST_CANDIDATES):
        state.add(picks[start : start + MOST_CANDIDATES].tolist())
    return state.nearest


def lowest_of_rest(picks, n, size):
    """`picks`, and after them the lowest of the other rows, `size` in all."""
    rest = np.ones(n, dtype=bool)
    rest[picks] = False
    return np.concatenate([picks, np.flatnonzero(rest)[: size - len(picks)]])
