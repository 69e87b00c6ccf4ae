"""Farthest-first traversal on the GPU: a launch to pick among a pool, one to update all rows.

The host waits once for each round of picks, never for a single one.
"""

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.launch import launcher_of
from skcoreset._kernels.cuda.rows import whole_table

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
        self.X = X
        self.square = pairs.sq if pairs.cancels else pairs.scale

    def pool_loop(self, among, upper, slack, pool, outside, wanted):
        """Picks among `pool`, and what each was away from those before, as NumPy arrays."""
        xp, m = self.pairs.xp, pool.shape[0]
        lower, highest, rival = outside
        picks = xp.empty(m, dtype=xp.int64, device=self.pairs.device)
        farthest = xp.empty(m, dtype=xp.float64, device=self.pairs.device)
        count = xp.empty(1, dtype=xp.int32, device=self.pairs.device)
        square = among(xp.arange(m, device=self.pairs.device))
        square, upper, slack, pool = map(xp.ascontiguousarray, (square, upper, slack, pool))
        self.launch(
            *("pool_loop", 1, POOL_THREADS, square, upper, slack, pool, m, min(wanted, m)),
            *(lower, highest, rival, picks, farthest, count),
            shared=8 * m,
        )
        n_picks = int(count[0])
        return to_numpy(picks[:n_picks]), to_numpy(farthest[:n_picks])

    def update(self, new, gap, nearest, label):
        """Bring `gap` and `nearest` of all rows up to date, in place, for picks `new`."""
        n, d = self.X.shape
        cosine = not self.pairs.cancels
        doubt = 0.0 if cosine else self.pairs.doubt
        new = self.pairs.xp.ascontiguousarray(new)
        self.launch(
            *("update", -(-n // TILE_ROWS), TILE_THREADS, self.X, self.square, cosine, n, d),
            *(new, new.shape[0], label, self.pairs.rounding, doubt, gap, nearest),
        )


def farthest_first_on(pairs):
    """The kernels for `pairs`, or None if it is not a dense table on a GPU that fits there."""
    launch = launcher_of(pairs.X, SOURCE)
    X = None if launch is None else whole_table(pairs)
    return None if X is None else FarthestFirst(pairs, X, launch)
