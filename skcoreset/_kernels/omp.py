"""Orthogonal matching pursuit with non-negative or signed weights."""

import numpy as np
import sklearn
from scipy.linalg import cho_factor, solve_triangular

from skcoreset._backend import to_numpy
from skcoreset._kernels.cuda.omp import pursuit_on

__all__ = ["matching_pursuit"]


def matching_pursuit(
    atoms, target, size, *, regularization=0.0, positive=True, tol=0.0, report=None
):
    """Select rows and weights whose weighted sum approximates a target.

    Minimizes ``|| sum_S w_i g_i - b ||^2 + regularization ||w||^2`` greedily. A step adds the row
    with the largest (positive) correlation with the residual to the support, and solves for the
    weights of the support again, non-negative if `positive`. A row whose weight would be negative
    is removed from the support and may be added again. The non-negative solution is that of the
    active set method (Lawson & Hanson 1974), started from the solution of the step before.

    Parameters
    ----------
    atoms : object with ``n``, ``inner``, ``correlate`` and ``sq``, as `OuterProducts`
    target : array
        As ``atoms.correlate`` takes it.
    size : int
    regularization : float
    positive : bool
    tol : float
        Stop if the norm of the residual is at most ``tol`` times the norm of the target.
    report : callable, optional
        Called with the size of the support after each step.

    Returns
    -------
    picks : ndarray of int
        Positions, in the order in which they were added: `size`, or fewer if no other row reduces
        the residual.
    weights : ndarray, float64
    residual_norms : ndarray, float64
        Norm of the residual with the first 1, 2, ... picks.

    Notes
    -----
    Time of a step: one column of inner products, n(d + C); one product of the columns and the
    weights, n k; a triangular solve, k^2. Memory: n k. If that exceeds a quarter of
    `working_memory`, it is n, and correlations are computed from the residual at n d C a step.

    On a GPU the columns have the dtype of the table, and the host is synchronized every 32 steps,
    when `report` is called. If the columns do not fit, it is synchronized in each step.
    """
    on_gpu = pursuit_on(atoms, size)
    if on_gpu is not None:
        return on_gpu.run(target, regularization, positive, tol, report)
    n = atoms.n
    start = to_numpy(atoms.correlate(target))
    norm_b = float((to_numpy(target) ** 2).sum())
    fit = _Fit(atoms, start, size, regularization, positive)
    unusable = np.zeros(n, dtype=bool)
    norms = np.full(size + 1, np.sqrt(norm_b))
    # A smaller correlation is rounding of the product of the norms of the row and the target.
    rounding = 64 * atoms.eps * np.sqrt(norm_b * to_numpy(atoms.sq))
    for _ in range(4 * size + 4):  # removed rows take further steps; they are rare
        if len(fit.picks) == size or norms[len(fit.picks)] <= tol * norms[0]:
            break
        left = fit.correlations()
        gain = left if positive else np.abs(left)
        gain[fit.picks] = -np.inf
        gain[unusable] = -np.inf
        top = int(gain.argmax())
        if not gain[top] > rounding[top]:
            break
        pick = int(np.flatnonzero(gain >= gain[top] - 0.25 * rounding[top])[0])
        if not fit.add(pick):
            unusable[pick] = True
            continue
        unusable[:] = False
        norms[len(fit.picks)] = np.sqrt(max(norm_b - fit.explained(), 0.0))
        if report is not None:
            report(len(fit.picks))
    k = len(fit.picks)
    return np.array(fit.picks, dtype=int), fit.weights.copy(), norms[1 : k + 1]


class _Fit:
    """Least squares on the support, updated by its Cholesky factor."""

    def __init__(self, atoms, start, size, regularization, positive):
        self.atoms, self.start = atoms, start
        self.regularization, self.positive = regularization, positive
        self.picks, self.weights = [], np.zeros(0)
        memory = sklearn.get_config()["working_memory"] * 2**20 / 4
        self.columns = None
        if atoms.n * size * 8 <= memory:
            self.columns = np.empty((size, atoms.n))  # inner products of each pick with all rows
        self.gram = np.empty((size, size))
        self.factor = np.zeros((size, size))

    def correlations(self):
        k = len(self.picks)
        if self.columns is not None:
            return self.start - self.weights @ self.columns[:k]
        weight = np.zeros(self.atoms.n)
        weight[self.picks] = self.weights
        return self.start - to_numpy(self.atoms.correlate(self.atoms.total(weight)))

    def explained(self):
        """Decrease of the squared residual, ``|b|^2 - |sum - b|^2``."""
        k = len(self.picks)
        fitted = self.weights @ self.gram[:k, :k] @ self.weights
        return 2 * self.weights @ self.start[self.picks] - fitted

    def add(self, pick):
        """Add a row to the support and solve; False if it is a combination of the support."""
        k = len(self.picks)
        xp = self.atoms.xp
        at = xp.asarray([pick], device=self.atoms.device)
        if self.columns is not None:
            column = to_numpy(self.atoms.inner(at, slice(0, self.atoms.n)))[0]
            cross = column[[*self.picks, pick]].astype(np.float64)
        else:
            others = xp.asarray([*self.picks, pick], device=self.atoms.device)
            cross = to_numpy(self.atoms.inner(at, others))[0].astype(np.float64)
        if not self._extend(cross):
            return False
        if self.columns is not None:
            self.columns[k] = column
        self.picks.append(pick)
        self._solve(np.append(self.weights, 0.0))
        return True

    def _extend(self, cross):
        k = len(self.picks)
        pivot = cross[k] + self.regularization
        row = solve_triangular(self.factor[:k, :k], cross[:k], lower=True) if k else cross[:0]
        rest = pivot - row @ row
        if rest <= 64 * self.atoms.eps * pivot:
            return False
        self.gram[k, :k] = self.gram[:k, k] = cross[:k]
        self.gram[k, k] = cross[k]
        self.factor[k, :k] = row
        self.factor[k, k] = np.sqrt(rest)
        return True

    def _solve(self, weights):
        """Weights of the support, from which rows with negative weights are removed."""
        while True:
            k = len(self.picks)
            factor = self.factor[:k, :k]
            half = solve_triangular(factor, self.start[self.picks], lower=True)
            wanted = solve_triangular(factor, half, lower=True, trans="T")
            negative = wanted <= 0
            if not self.positive or not negative.any():
                self.weights = wanted
                return
            step = (weights[negative] / (weights[negative] - wanted[negative])).min()
            weights = weights + step * (wanted - weights)
            out = negative & (weights <= 1e-15 * weights.max())
            if not out.any():  # none is 0 due to rounding: the smallest
                out = negative & (weights == weights[negative].min())
            weights = self._drop(out, weights)

    def _drop(self, out, weights):
        kept = np.flatnonzero(~out)
        k = len(kept)
        self.picks = [self.picks[i] for i in kept]
        if self.columns is not None:
            self.columns[:k] = self.columns[kept]
        self.gram[:k, :k] = self.gram[np.ix_(kept, kept)]
        ridge = self.gram[:k, :k] + self.regularization * np.eye(k)
        self.factor[:k, :k] = np.tril(cho_factor(ridge, lower=True)[0])
        return weights[kept]
