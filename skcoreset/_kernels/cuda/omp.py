"""Matching pursuit on the GPU: four launches for a step; one synchronization for 32 steps."""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.launch import available_bytes
from skcoreset._kernels.cuda.rows import (
    THREADS,
    RowsOnDevice,
    blocks_of,
    lanes_of,
    launcher_for,
)

__all__ = ["Pursuit", "pursuit_on"]

SOURCE = "omp.cu"
MOST_STEPS = 32  # between two reads of `state` by the host
COUNT, DONE, STATES = 0, 1, 4  # positions in `state`, and how many it has, as in omp.cu


class Pursuit:
    """The loop of :func:`skcoreset._kernels.omp.matching_pursuit` for `atoms` on the device.

    The columns of inner products are kept in the type of the table. That loses nothing: this is
    the type they are computed in, and the products with the weights are added up in double.
    The factor and all else is float64.
    """

    def __init__(self, atoms, size, launch):
        self.atoms, self.size, self.launch = atoms, size, launch
        a = _arguments(atoms.a, atoms.dtype, atoms.itemsize)
        h = a if atoms.h is None else _arguments(atoms.h, atoms.dtype, atoms.itemsize)
        self.factors = (*h, *a)
        self.columns = self._empty(size, atoms.n, dtype=atoms.dtype)
        self.factor = self._empty(size, size)
        self.weights, self.half, self.wanted = (self._empty(size) for _ in range(3))
        xp = atoms.xp
        self.picks, self.out = (self._empty(size, dtype=xp.int32) for _ in range(2))
        self.slots = xp.arange(size, dtype=xp.int32, device=atoms.device)  # free: from COUNT on
        self.barred = xp.full(atoms.n, -1, dtype=xp.int32, device=atoms.device)
        self.state = xp.zeros(STATES, dtype=xp.int32, device=atoms.device)
        self.gain = self._empty(atoms.n)
        self.best = self._empty(blocks_of(atoms.n), 2)

    def _empty(self, *shape, dtype=None):
        xp = self.atoms.xp
        return xp.empty(shape, dtype=dtype or xp.float64, device=self.atoms.device)

    def run(self, target, regularization, positive, tol, report):
        atoms, size, xp = self.atoms, self.size, self.atoms.xp
        start = xp.ascontiguousarray(atoms.correlate(target))
        norm_b = float((to_numpy(target) ** 2).sum())
        norms = xp.full(size + 1, norm_b**0.5, dtype=xp.float64, device=atoms.device)
        count, done, left = 0, False, 4 * size + 4  # as in the plain loop
        while not done and count < size and left > 0:
            # A step adds at most one row; some steps add none.
            steps = min(MOST_STEPS, max(8, size - count), left)
            for _ in range(steps):
                self._step(start, norm_b, float(regularization), positive, float(tol), norms)
            left -= steps
            state = to_numpy(self.state)
            count, done = int(state[COUNT]), bool(state[DONE])
            if report is not None:
                report(count)
        picks, weights = to_numpy(self.picks[:count]), to_numpy(self.weights[:count])
        return picks.astype(int), weights.copy(), np.array(to_numpy(norms)[1 : count + 1])

    def _step(self, start, norm_b, regularization, positive, tol, norms):
        atoms, n, size, n_blocks = self.atoms, self.atoms.n, self.size, blocks_of(self.atoms.n)
        width = 64 * atoms.eps * norm_b**0.5  # times the norm of a row: rounding, as in NumPy
        self.launch(
            *("correlations", n_blocks, THREADS, start, self.columns, self.weights, self.slots),
            *(self.barred, n, positive, self.state, self.gain, self.best),
        )
        self.launch(
            *("choose", 1, THREADS, atoms.sq, self.gain, self.best, n_blocks, n, size, tol, width),
            *(norms, self.state),
        )
        self.launch(
            *("column", n_blocks, THREADS, *self.factors, atoms.h is not None),
            *(atoms.bias if atoms.h is not None else 0.0, n, self.slots, self.state, self.columns),
        )
        self.launch(
            *("add", 1, THREADS, self.columns, start, n, size, regularization, positive),
            *(atoms.eps, norm_b, self.factor, self.weights, self.half, self.wanted, self.picks),
            *(self.slots, self.out, self.barred, norms, self.state),
        )


def _arguments(of, dtype, itemsize):
    d = of.X.shape[1]
    return *RowsOnDevice(of, dtype).arguments, d, lanes_of(d, itemsize)


def pursuit_on(atoms, size):
    """The loop on the GPU, or None if `atoms` are no dense tables there, or do not fit.

    What must fit are the columns, in half of the memory that is free there, and copies of tables
    that the kernels cannot take as they are.
    """
    launch = launcher_for(atoms, SOURCE)
    if launch is None or atoms.n * size * atoms.itemsize > available_bytes(atoms.xp, share=1 / 4):
        return None
    factors = [atoms.a] if atoms.h is None else [atoms.a, atoms.h]
    if not all(RowsOnDevice.fits(of, atoms.dtype) for of in factors):
        return None
    return Pursuit(atoms, size, launch)
