"""Inner products and kernels between the rows of one table, for herding."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels

from skcoreset._backend import block_slices, is_foreign
from skcoreset._kernels.distances import Euclidean
from skcoreset._kernels.stored_rows import TIE, StoredRows

__all__ = ["gram"]

# Kernel values of which distances are known less exactly are computed from differences.
KERNEL_ERROR = 2.0**-45


class Gram(StoredRows):
    """Inner products: a row's feature is the row itself, less `middle`, which changes no pick."""

    def __init__(self, X, rows=None):
        super().__init__(X, rows)
        self.center()
        self.diagonal = self.squares()
        self.most_square = float(self.xp.max(self.diagonal))

    def feature(self, at):
        """The feature of the one row at position ``at[0]``; `at` is an array."""
        return self.fetch_shifted(at)[0, :]

    def mean_feature(self, weight):
        """The mean of all features, and that of their absolute values."""
        return self.mean(weight)

    def best(self, step, mean, size, total, cost):
        """Position, as an array of one, of the row that brings the mean of the picks nearest.

        `cost` is the diagonal, infinite for the picks.
        """
        target = (step + 1) * mean - total
        return self.nearest_to(target, (step + 1) * size + abs(total), cost)


class KernelGram(StoredRows):
    """A kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`, or a callable; host arrays.

    The feature of a row stands as its kernel values with all rows, so that sums and means of
    features are sums and means of kernel columns. Values are computed in float64; those of two
    rows must not depend on which others are computed with them, so "rbf" takes its distances
    from differences where products would lose their digits.
    """

    def __init__(self, X, kernel, params, rows=None):
        super().__init__(X, rows, may_copy=False)
        if is_foreign(X):
            raise TypeError(
                f"kernel={kernel!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use kernel=None."
            )
        self.kernel, self.params = kernel, params or {}
        self.euclidean = None
        gamma = self.params.get("gamma")
        if kernel == "rbf" and isinstance(gamma, Real | None) and set(self.params) <= {"gamma"}:
            self.gamma = 1 / self.terms if gamma is None else float(gamma)
            self.euclidean = Euclidean(X, rows, in_float64=True)
        self.diagonal = np.concatenate(
            [np.diagonal(self.block(b, b)) for b in block_slices(self.n, 2**15)]
        )

    def block(self, columns, rows):
        if self.euclidean is not None:
            K = self._rbf(columns, rows)
        else:
            left, right = self.fetch_float64(columns), self.fetch_float64(rows)
            K = pairwise_kernels(left, right, metric=self.kernel, **self.params)
            K = np.asarray(K.toarray() if sparse.issparse(K) else K, dtype=np.float64)
        return self._finite(K, columns, rows, f"kernel={self.kernel!r}")

    def _rbf(self, columns, rows):
        K = self.euclidean.approximate_block(columns, rows)
        K *= -self.gamma
        np.exp(K, out=K)
        if (
            abs(self.gamma) * 2 * self.euclidean.rounding * self.euclidean.most_square
            > KERNEL_ERROR
        ):
            error = self.euclidean.pair_error_bounds(columns, rows)
            error *= K
            lost = abs(self.gamma) * error > KERNEL_ERROR
            left, right = np.nonzero(lost)
            every = np.arange(self.n)
            K[lost] = np.exp(
                -self.gamma * self.euclidean.exact_pairs(every[columns][left], every[rows][right])
            )
        return K

    def feature(self, at):
        return self.block(at, slice(None))[0]

    def mean_feature(self, weight):
        """By all n x n kernel values, a block of them at a time."""
        weight = weight / weight.max()
        blocks = block_slices(self.n, 3 * 8 * self.n, most_bytes=2**26)
        values = [self.block(block, slice(None)) @ weight for block in blocks]
        mean = np.concatenate(values) / weight.sum()
        return mean, abs(mean)

    def best(self, step, mean, size, total, cost):
        """As of :class:`Gram`; values closer than `TIE` of what they were added up from tie."""
        gain = 2 * ((step + 1) * mean - total) - cost
        open_ = np.isfinite(cost)
        width = TIE * (2 * (step + 1) * size + 2 * abs(total) + abs(self.diagonal))
        least = (gain - width)[open_].max()
        return np.flatnonzero(open_ & (gain + width >= least))[:1]


def gram(X, kernel=None, params=None, rows=None):
    """The object that answers for `kernel` (None: inner products) on the rows of `X`."""
    if kernel is None or kernel == "linear":
        return Gram(X, rows)
    return KernelGram(X, kernel, params, rows)
