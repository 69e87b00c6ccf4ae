"""Concave functions of feature sums, as an objective of the greedy loop."""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices

__all__ = ["CONCAVE", "FeatureSums"]

# The increase g(c + x) - g(c), for c and x of at least 0, without cancellation.
CONCAVE = {
    "sqrt": lambda c, x: x / np.maximum(np.sqrt(c + x) + np.sqrt(c), np.finfo(float).tiny),
    "log": lambda c, x: np.log1p(x / (1 + c)),
    "ratio": lambda c, x: x / (1 + c) / (1 + c + x),
}


class FeatureSums:
    """The set function ``sum_f g(sum_{i in S} x_if)`` of the rows S of a table.

    :mod:`skcoreset._kernels.greedy` describes the members of an objective. A gain is a sum
    over the stored values of one row; no pair of rows is ever compared.

    Parameters
    ----------
    X : ndarray or csr of shape (n, n_features)
        All values are at least 0.
    concave : str
        The name of g in `CONCAVE`.
    """

    xp, device, maintained_gains = np, None, None
    # The greedy loop then evaluates many rows at once, in half of the time.
    on_demand = True
    # Sums of nonnegative terms: the errors are relative to the gain.
    relative_tolerance, absolute_tolerance = 2.0**-40, 0.0

    def __init__(self, X, concave):
        self.X, self.n, self.increase = X, X.shape[0], CONCAVE[concave]
        self.sums = np.zeros(X.shape[1])
        self.is_sparse = sparse.issparse(X)

    def on_gpu(self):
        return None

    def all_gains(self):
        per_row = self.X.nnz / self.n if self.is_sparse else self.X.shape[1]
        blocks = block_slices(self.n, 6 * 8 * max(1, int(per_row)))
        return np.concatenate([self.gains(np.arange(b.start, b.stop)) for b in blocks])

    def gains(self, candidates):
        if not self.is_sparse:
            return self.increase(self.sums, self.X[candidates].astype(np.float64)).sum(axis=1)
        start = self.X.indptr[candidates]
        length = self.X.indptr[candidates + 1] - start
        row = np.repeat(np.arange(len(candidates)), length)
        at = np.arange(len(row)) + (start - (np.cumsum(length) - length))[row]
        terms = self.increase(self.sums[self.X.indices[at]], self.X.data[at].astype(np.float64))
        sums = np.bincount(row, weights=terms, minlength=len(candidates))
        return sums.astype(np.float64, copy=False)  # integers if there are no terms

    def add(self, candidate):
        if self.is_sparse:
            a, b = self.X.indptr[candidate : candidate + 2]
            self.sums[self.X.indices[a:b]] += self.X.data[a:b]
        else:
            self.sums += self.X[candidate]
