"""A random sample of candidates for a set function, and the picks among all rows."""

import numpy as np

from skcoreset._backend import block_slices, to_numpy
from skcoreset._kernels.cells import PrefixCells
from skcoreset._kernels.kernel_sample import draw, random_numbers
from skcoreset._kernels.similarities import WORTH_THREADS, relative_tolerance
from skcoreset._kernels.threads import threads

__all__ = ["AmongAll", "among_all", "candidates_of", "n_candidates_for"]

FEWEST, PER_PICK = 20_000, 10
BLOCK = 2**18  # distances that are computed at once


def n_candidates_for(size):
    """Number of candidates of which so many are picked."""
    return max(FEWEST, PER_PICK * size)


def candidates_of(tables, weight, size, seed, start=()):
    """A random sample of rows, in proportion to their weights, that contains those of `start`.

    Weighted sums over the sample estimate those over all rows, and have their total weight. The
    sample depends on the values of the rows and on `seed`, not on the order of the rows.

    Parameters
    ----------
    tables : list of :class:`skcoreset._kernels.stored_rows.StoredRows`
        The columns of the rows.
    weight : ndarray of shape (n,), float64
    size : int
        Less than the number of positive weights.
    seed : int
    start : sequence of int
        Rows that are added if they are not drawn, with the weight 0.

    Returns
    -------
    at : ndarray of int
        Positions of the sample, ascending.
    share : ndarray of the same shape, float64
        Their weights.
    start : ndarray of int
        Positions of `start` in the sample.
    """
    with threads(tables[0].device == "cpu" and tables[0].n > FEWEST) as each:
        # The sum of independent uniform numbers, modulo 1, is uniform.
        numbers = sum(random_numbers(table, seed, each) for table in tables) % 1.0
    drawn, share = draw(weight, np.where(numbers > 0, numbers, 1.0), size)
    share = share * (weight.sum() / share.sum())
    more = np.setdiff1d(start, drawn).astype(drawn.dtype)
    drawn, share = np.concatenate([drawn, more]), np.concatenate([share, np.zeros(len(more))])
    order = np.argsort(drawn)
    at = drawn[order]
    return at, share[order], np.searchsorted(at, start).astype(int)


def among_all(every, candidates, picks, weight):
    """`AmongAll` in the precision in which the picks were selected among the `candidates`."""
    every = every.as_float64() if candidates.itemsize == 8 else every
    return AmongAll(every, picks, weight, relative_tolerance(candidates))


class AmongAll:
    """The picks among all rows: cells, and sums of distances, in one pass over the rows.

    Parameters
    ----------
    pairs : object with ``distances``
        As of :func:`skcoreset._kernels.distances.pairs`.
    picks : ndarray of int
    weight : ndarray of shape (n,), float64
    tolerance : float
        Two distances tie if they differ by less than this fraction. Ties go to the earlier pick.

    Attributes
    ----------
    sums : ndarray of shape (n_picks,)
        ``sum_i w_i d_ij`` of each pick.
    losses : ndarray of shape (n_picks,)
        ``sum_i w_i min_j d_ij`` over the first picks, for each number of them.
    prefix_cells : PrefixCells

    Notes
    -----
    Time: n_picks n d multiplications. Memory: the changes of cells, about n ln(n_picks).
    """

    def __init__(self, pairs, picks, weight, tolerance):
        self.pairs, self.picks = pairs, picks
        at = pairs.xp.asarray(picks, device=pairs.device)

        def of_block(block):
            D = to_numpy(pairs.distances(at, block))
            nearest = np.minimum.accumulate(D, axis=0)
            changes = np.ones(D.shape, dtype=bool)
            changes[1:] = D[1:] < nearest[:-1] * (1 - tolerance)
            number, row = np.nonzero(changes)
            w = weight[block].astype(D.dtype)
            return D @ w, nearest @ w, number.astype(np.int32), row + block.start

        blocks = block_slices(pairs.n, 1, most_bytes=max(1, BLOCK // len(picks)))
        self.sums, self.losses, numbers, rows = 0.0, 0.0, [], []
        with threads(pairs.device == "cpu" and pairs.n * len(picks) > WORTH_THREADS) as each:
            for sums, losses, number, row in each(of_block, blocks):
                self.sums, self.losses = self.sums + sums.astype(float), self.losses + losses
                numbers.append(number)
                rows.append(row)
        numbers, rows = np.concatenate(numbers), np.concatenate(rows)
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], np.arange(1, len(picks)))
        self.prefix_cells = PrefixCells(picks.tolist(), np.split(rows[order], ends), weight)

    def cells(self):
        """Total weight of the rows of which each pick is the nearest, (n_picks,)."""
        return self.prefix_cells(len(self.picks))

    def sums_among_picks(self):
        """``sum_s d_sj`` of each pick j and the picks s before it, (n_picks,)."""
        at = self.pairs.xp.asarray(self.picks, device=self.pairs.device)
        out = np.zeros(len(self.picks))
        for block in block_slices(len(self.picks), 4 * 8 * len(self.picks)):
            D = to_numpy(self.pairs.distances(at[block], at[: block.stop]))
            out[block] = np.tril(D, block.start - 1).sum(axis=1, dtype=np.float64)
        return out
