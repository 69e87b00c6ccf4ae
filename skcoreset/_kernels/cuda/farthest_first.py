"""Farthest-first traversal on the GPU: one launch for the picks of a pool, one for the update.

The host is synchronized once for each round of picks.
"""

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.launch import launcher_of
from skcoreset._kernels.cuda.rows import RowsOnDevice, whole_table

__all__ = ["FarthestFirst", "farthest_first_on"]

SOURCE = "farthest_first.cu"
TILE_ROWS, TILE_THREADS = 128, 256  # as in tiles.cuh
POOL_THREADS = 256


class FarthestFirst:
    """The two steps of a round, for `pairs` of a dense table on the device.

    Parameters
    ----------
    pairs : Euclidean or Cosine
    X : array of shape (n, d)
        As of `whole_table`.
    launch : launcher
    """

    def __init__(self, pairs, X, launch):
        self.pairs, self.launch = pairs, launch
        self.X, self.source = X, RowsOnDevice(pairs, pairs.dtype, as_they_are=True)
        self.square = pairs.sq if pairs.is_squared else pairs.scale

    def pool_loop(self, among, reach, tie, pool, outside, wanted):
        """Picks from `pool` and the distance of each to those before, as NumPy arrays."""
        xp, m = self.pairs.xp, pool.shape[0]
        lower, highest, rival = outside
        picks = xp.empty(m, dtype=xp.int64, device=self.pairs.device)
        farthest = xp.empty(m, dtype=xp.float64, device=self.pairs.device)
        count = xp.empty(1, dtype=xp.int32, device=self.pairs.device)
        square = among(xp.arange(m, device=self.pairs.device))
        square, reach, pool = map(xp.ascontiguousarray, (square, reach, pool))
        self.launch(
            *("pool_loop", 1, POOL_THREADS, square, reach, pool, m, min(wanted, m), *tie),
            *(lower, highest, rival, picks, farthest, count),
            shared=8 * m,
        )
        n_picks = int(count[0])
        return to_numpy(picks[:n_picks]), to_numpy(farthest[:n_picks])

    def update(self, new, state):
        """Update `state` for all rows by the picks `new`, in place."""
        n, d = self.X.shape
        inexact_ratio = self.pairs.inexact_ratio if self.pairs.is_squared else 0.0
        new = self.pairs.xp.ascontiguousarray(new)
        self.launch(
            *("update", -(-n // TILE_ROWS), TILE_THREADS, self.X, self.square),
            *(*self.source.arguments[:3], n, d, new, new.shape[0], len(state.picks)),
            *(self.pairs.rounding, inexact_ratio, state.gap, state.nearest, state.unsure),
        )


def farthest_first_on(pairs):
    """The kernels for `pairs`, or None if it is not a dense table on a GPU that fits there."""
    like = pairs.X if pairs.X.dtype == pairs.dtype else pairs.vector(0.0)
    launch = launcher_of(like, SOURCE)
    X = None if launch is None else whole_table(pairs)
    return None if X is None else FarthestFirst(pairs, X, launch)
