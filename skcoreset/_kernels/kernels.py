"""Kernels between the rows of one table, and means in their feature space, for herding."""

from functools import cached_property
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels

from skcoreset._backend import block_slices, is_foreign
from skcoreset._kernels.distances import Euclidean
from skcoreset._kernels.kernel_sample import KernelSample
from skcoreset._kernels.stored_rows import TIE, StoredRows

__all__ = ["Radial", "gram", "total_deviation"]

# Values of the RBF kernel with a larger error are computed from differences of rows.
KERNEL_ERROR = 2.0**-45


class Gram(StoredRows):
    """The linear kernel: the feature vector of a row is the row minus `middle`.

    The shift changes no pick of herding.
    """

    can_sample = False

    def __init__(self, X, rows=None):
        super().__init__(X, rows)
        self.center()
        if sparse.issparse(self.X):
            self.shift_sparse()
        self.diagonal = self.squares()
        self.most_square = float(self.xp.max(self.diagonal))
        self.refuse_small_differences()

    def feature(self, at):
        """Feature vector of the row at position ``at[0]``; `at` is an array."""
        return self.fetch_shifted(at)[0, :]

    def mean_feature(self, weight):
        """Weighted mean of the feature vectors, and of their absolute values."""
        return self.mean(weight)

    def best(self, step, mean, size, total, cost):
        """Position of the next pick, an array of shape (1,).

        With this pick the mean of the picks is nearest to `mean`.

        Parameters
        ----------
        step : int
            Number of picks so far.
        mean, size : array
            As of `mean_feature`.
        total : array
            Sum of the feature vectors of the picks.
        cost : array of shape (n,)
            Diagonal of the kernel matrix, infinite for the picks.
        """
        target = (step + 1) * mean - total
        return self.nearest_to(target, (step + 1) * size + abs(total), cost)


class Radial:
    """A kernel that is a function of the distance.

    ``exp(-gamma d^2)``, or ``exp(-d / length)``; `unit` scales distances to ``exp(-d^2)`` and
    ``exp(-d)``.
    """

    def __init__(self, gamma=None, length=None):
        self.gamma, self.length = gamma, length
        self.unit = 1 / length if gamma is None else abs(gamma) ** 0.5

    def of_squares(self, values):
        """The kernel, from squared distances that are multiplied by ``unit**2``; in place."""
        if self.gamma is None:
            np.sqrt(values, out=values)
        np.negative(values, out=values)
        return np.exp(values, out=values)


class KernelGram(StoredRows):
    """A kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`, "laplacian", or a callable.

    Only for NumPy arrays and scipy.sparse. A feature vector is represented by its kernel values
    with all rows, so sums and means of feature vectors are those of columns of the kernel matrix.
    Values are computed in float64. The value of a pair does not depend on the block: "rbf" computes
    distances from differences of rows if products would lose their digits.
    """

    def __init__(self, X, kernel, params, rows=None):
        super().__init__(X, rows, may_copy=False)
        if is_foreign(X):
            raise TypeError(
                f"kernel={kernel!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use kernel=None."
            )
        self.kernel, self.params = kernel, params or {}
        self.radial = None
        gamma = self.params.get("gamma")
        if kernel == "laplacian":
            length = self.params.get("length")
            self.radial = Radial(length=float(total_deviation(X) if length is None else length))
        elif kernel == "rbf" and isinstance(gamma, Real | None) and set(self.params) <= {"gamma"}:
            gamma = 1 / self.terms if gamma is None else float(gamma)
            self.radial = Radial(gamma)

    @property
    def can_sample(self):
        """Whether `sample` takes this kernel."""
        return self.radial is not None and (self.radial.gamma is None or self.radial.gamma > 0)

    @cached_property
    def euclidean(self):
        return Euclidean(*self.created_from, in_float64=True)

    @cached_property
    def diagonal(self):
        if self.radial is not None:
            return np.ones(self.n)
        return np.concatenate([np.diagonal(self.block(b, b)) for b in block_slices(self.n, 2**15)])

    def sample(self, weight, size, seed, each):
        """`KernelSample` of `size` rows. Only for a kernel that is `radial`."""
        return KernelSample(*self.created_from, self.radial, weight, size, seed, each)

    def block(self, columns, rows):
        if self.radial is not None:
            K = self._rbf(columns, rows) if self.kernel == "rbf" else self._laplacian(columns, rows)
        else:
            left, right = self.fetch_float64(columns), self.fetch_float64(rows)
            K = pairwise_kernels(left, right, metric=self.kernel, **self.params)
            K = np.asarray(K.toarray() if sparse.issparse(K) else K, dtype=np.float64)
        return self._finite(K, columns, rows, f"kernel={self.kernel!r}")

    def _rbf(self, columns, rows):
        squares = self.euclidean.approximate_block(columns, rows)
        largest = 2 * self.euclidean.rounding * self.euclidean.most_square
        if abs(self.radial.gamma) * largest > KERNEL_ERROR:
            # The bound is that of the largest kernel value within the error of the squared
            # distance, as the error may exceed the squared distance.
            error = self.euclidean.pair_error_bounds(columns, rows)
            most = np.clip(squares - np.sign(self.radial.gamma) * error, 0, None)
            most *= -self.radial.gamma
            error *= abs(self.radial.gamma)
            inexact = error * np.exp(most, out=most) > KERNEL_ERROR
            left, right = np.nonzero(inexact)
            every = np.arange(self.n)
            exact = self.euclidean.exact_pairs(every[columns][left], every[rows][right])
            squares[inexact] = exact
        squares *= -self.radial.gamma
        return np.exp(squares, out=squares)

    def _laplacian(self, columns, rows):
        K = self.euclidean.distances(columns, rows)
        K *= -1 / self.radial.length
        return np.exp(K, out=K)

    def feature(self, at):
        return self.block(at, slice(None))[0]

    def mean_feature(self, weight):
        """As in :class:`Gram`. Cost: all n x n kernel values, in blocks."""
        weight = weight / weight.max()
        blocks = block_slices(self.n, 3 * 8 * self.n, most_bytes=2**26)
        values = [self.block(block, slice(None)) @ weight for block in blocks]
        mean = np.concatenate(values) / weight.sum()
        return mean, abs(mean)

    def best(self, step, mean, size, total, cost):
        """As in :class:`Gram`. Values tie if they differ by less than `TIE` times the summands."""
        gain = 2 * ((step + 1) * mean - total) - cost
        open_ = np.isfinite(cost)
        width = TIE * (2 * (step + 1) * size + 2 * abs(total) + abs(self.diagonal))
        least = (gain - width)[open_].max()
        return np.flatnonzero(open_ & (gain + width >= least))[:1]


def gram(X, kernel=None, params=None, rows=None):
    """The `Gram` or `KernelGram` of the rows of `X`; `kernel` None is the linear kernel."""
    if kernel is None or kernel == "linear":
        return Gram(X, rows)
    return KernelGram(X, kernel, params, rows)


def total_deviation(X, weight=None):
    """Root of the sum of the (weighted) variances of the features; 1 if all rows are equal."""
    rows = StoredRows(X)
    rows.center()
    if sparse.issparse(X):
        rows.shift_sparse()
    if weight is None:
        weight = rows.vector(1.0, rows.xp.float64)
    weight = rows.xp.asarray(weight, device=rows.device)
    weight = weight / rows.xp.max(weight)
    mean, _ = rows.mean(weight)
    squares = rows.squared_distances_to(slice(0, rows.n), mean)
    return float(weight @ squares / rows.xp.sum(weight)) ** 0.5 or 1.0
