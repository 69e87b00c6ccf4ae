"""Herding on the GPU: two launches for a pick; the host is synchronized once, for all picks."""

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.rows import (
    THREADS,
    RowsOnDevice,
    blocks_of,
    lanes_of,
    launcher_for,
)
from skcoreset._kernels.stored_rows import TIE

__all__ = ["Herding", "herding_on"]

SOURCE = "herding.cu"


class Herding:
    """The loop of :func:`skcoreset._kernels.herding.herd` for `gram` of a table on the device.

    Memory: a few vectors of n and of d.
    """

    def __init__(self, gram, launch):
        self.gram, self.launch = gram, launch
        self.table = RowsOnDevice(gram, gram.dtype, as_they_are=True)

    def herd(self, size, initial, mean, size_of, total, cost, report):
        gram, xp, n = self.gram, self.gram.xp, self.gram.n
        d, n_blocks = gram.X.shape[1], blocks_of(n)
        mean, size_of, total = map(xp.ascontiguousarray, (mean, size_of, total))
        n_initial = len(initial)
        target = (n_initial + 1) * mean - total
        scale = (n_initial + 1) * size_of + abs(total)
        middle = 0 * mean + gram.middle
        gain = gram.vector(0.0, xp.float64)
        best = xp.empty((n_blocks, 2), dtype=xp.float64, device=gram.device)
        picks = xp.empty(size, dtype=xp.int64, device=gram.device)
        picks[:n_initial] = xp.asarray(initial, device=gram.device)
        lanes = lanes_of(d, gram.itemsize)
        X, positions, some = self.table.arguments[:3]
        table = X, positions, some, middle
        for step in range(n_initial, size):
            self.launch(
                *("gains", n_blocks, THREADS, *table, n, d, lanes, target, cost, gain, best)
            )
            self.launch(
                *("pick", 1, THREADS, *table, n, d, step, gram.rounding_float64, TIE),
                *(mean, size_of, gain, best, n_blocks, cost, total, target, scale, picks),
            )
            if report is not None:
                report(step + 1)
        return to_numpy(picks)


def herding_on(gram):
    """The loop on the GPU for `gram`, or None if it is not a dense table there that fits."""
    launch = launcher_for(gram, SOURCE)
    if launch is None or not RowsOnDevice.fits(gram, gram.dtype):
        return None
    return Herding(gram, launch)
