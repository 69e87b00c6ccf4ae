"""Kernels between the rows of one table, and means in their feature space, for herding."""

from functools import cached_property
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels

from skcoreset._backend import block_slices, is_foreign, to_numpy
from skcoreset._kernels.centered_rows import CenteredRows
from skcoreset._kernels.distances import Euclidean
from skcoreset._kernels.kernel_sample import (
    KernelSample,
    RowsInMemory,
    symmetric_sums,
)
from skcoreset._kernels.radial import Radial
from skcoreset._kernels.stored_rows import TIE, StoredRows
from skcoreset._kernels.threads import threads

__all__ = ["gram", "split_column", "total_deviation"]

# Values of the RBF kernel with a larger error are computed from differences of rows.
KERNEL_ERROR = 2.0**-45
SMALL = 2000  # fewer rows are not worth a thread


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


class KernelGram(StoredRows):
    """A kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`, "laplacian", or a callable.

    "laplacian" is ``exp(-d / length)`` with the Euclidean distance d. This kernel and "rbf" are
    `radial`, and work on arrays of a device. A feature vector is represented by its kernel values
    with all rows, so sums and means of feature vectors are those of columns of the kernel matrix.
    Values are computed in float64. The value of a pair does not depend on the block: distances are
    computed from differences of rows if products would lose their digits. With `manhattan`,
    "laplacian" is that of scikit-learn, with the Manhattan distance.
    """

    def __init__(self, X, kernel, params, rows=None, manhattan=False):
        super().__init__(X, rows, may_copy=False)
        self.kernel, self.params = kernel, params or {}
        of_scikit_learn = manhattan and kernel == "laplacian"
        self.radial = None if of_scikit_learn else _radial(X, kernel, self.params)
        if is_foreign(X) and self.radial is None:
            raise TypeError(
                f"kernel={kernel!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use None, 'laplacian' or 'rbf'."
            )

    @property
    def can_sample(self):
        """Whether `sample` takes this kernel."""
        return self.radial is not None and (self.radial.gamma is None or self.radial.gamma > 0)

    def sample(self, weight, size, seed, each, early=None):
        """`KernelSample` of `size` rows."""
        weight = to_numpy(weight)
        source = RowsInMemory(*self.created_from)
        return KernelSample(source, self.radial, weight, size, seed, each, early)

    @cached_property
    def euclidean(self):
        return Euclidean(*self.created_from, in_float64=True)

    @cached_property
    def diagonal(self):
        if self.radial is not None:
            return self.vector(1.0, self.xp.float64)
        return np.concatenate([np.diagonal(self.block(b, b)) for b in block_slices(self.n, 2**15)])

    def block(self, columns, rows):
        if self.radial is None:
            left, right = self.fetch_float64(columns), self.fetch_float64(rows)
            K = pairwise_kernels(left, right, metric=self.kernel, **self.params)
            K = np.asarray(K.toarray() if sparse.issparse(K) else K, dtype=np.float64)
            return self._finite(K, columns, rows, f"kernel={self.kernel!r}")
        if self.radial.gamma is None:
            return self.radial.of_distances(self.euclidean.distances(columns, rows))
        K = self._rbf(columns, rows)
        return K if self.radial.gamma >= 0 else self._finite(K, columns, rows, "kernel='rbf'")

    def _rbf(self, columns, rows):
        xp, gamma = self.xp, self.radial.gamma
        squares = self.euclidean.approximate_block(columns, rows)
        largest = 2 * self.euclidean.rounding * self.euclidean.most_square
        if abs(gamma) * largest > KERNEL_ERROR:
            # The bound is that of the largest kernel value within the error of the squared
            # distance, as the error may exceed the squared distance.
            error = self.euclidean.pair_error_bounds(columns, rows)
            most = xp.clip(squares - np.sign(gamma) * error, min=0)
            error *= abs(gamma)
            inexact = error * self.radial.of_squares(most) > KERNEL_ERROR
            left, right = xp.nonzero(inexact)
            every = xp.arange(self.n, device=self.device)
            exact = self.euclidean.exact_pairs(every[columns][left], every[rows][right])
            squares[inexact] = exact
        return self.radial.of_squares(squares)

    def feature(self, at):
        return self.block(at, slice(0, self.n))[0, :]

    def mean_feature(self, weight):
        """As in :class:`Gram`. Cost: n x n kernel values, half of them if the kernel is radial."""
        xp = self.xp
        weight = xp.asarray(weight, dtype=xp.float64, device=self.device)
        weight = weight / xp.max(weight)
        if self.radial is not None:
            with threads(self.device == "cpu" and self.n > SMALL) as each:
                mean = symmetric_sums(self.block, weight[:, None], each)[:, 0] / xp.sum(weight)
            return mean, mean
        blocks = block_slices(self.n, 3 * 8 * self.n, most_bytes=2**26)
        values = [self.block(block, slice(None)) @ weight for block in blocks]
        mean = np.concatenate(values) / weight.sum()
        return mean, abs(mean)

    def best(self, step, mean, size, total, cost):
        """As in :class:`Gram`. Values tie if they differ by less than `TIE` times the summands."""
        xp = self.xp
        gain = 2 * ((step + 1) * mean - total) - cost
        width = TIE * (2 * (step + 1) * size + 2 * abs(total) + abs(self.diagonal))
        best = gain + width >= xp.max(gain - width)
        return xp.argmax(xp.astype(best, xp.int8), keepdims=True)


def _radial(X, kernel, params):
    """`Radial` of the kernel, or None if it is no function of the distance."""
    if kernel == "laplacian":
        length = params.get("length")
        return Radial(length=float(total_deviation(X) if length is None else length))
    gamma = params.get("gamma")
    if kernel == "rbf" and isinstance(gamma, Real | None) and set(params) <= {"gamma"}:
        return Radial(gamma=1 / X.shape[1] if gamma is None else float(gamma))
    return None


def gram(X, kernel=None, params=None, rows=None):
    """The `Gram` or `KernelGram` of the rows of `X`; `kernel` None is the linear kernel."""
    if kernel is None or kernel == "linear":
        return Gram(X, rows)
    return KernelGram(X, kernel, params, rows)


def total_deviation(X, weight=None):
    """Root of the sum of the (weighted) variances of the features; 1 if all rows are equal."""
    if hasattr(X, "map"):
        return total_deviation_of_partitions(X, weight)
    rows = StoredRows(X)
    rows.center()
    if sparse.issparse(X):
        rows.shift_sparse()
    if weight is None:
        weight = rows.vector(1.0, rows.xp.float64)
    weight = rows.xp.asarray(weight, device=rows.device)
    weight = weight / rows.xp.max(weight)
    mean, _ = rows.mean(weight)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = rows.squared_distances_to(slice(0, rows.n), mean)
    rows.most_square = float(rows.xp.max(squares))
    _refuse_infinite(rows.most_square)
    rows.refuse_small_differences()
    return float(weight @ squares / rows.xp.sum(weight)) ** 0.5 or 1.0


def total_deviation_of_partitions(parts, weight):
    """The same for partitions, whose sums of squares around their means are combined."""
    weights = split_column(weight, parts.offsets)
    found = parts.map(_moments, weights, shared=(weight.max(),))
    found = [one for one in found if one is not None]
    totals = np.array([total for total, _, _ in found])
    means = np.stack([mean for _, mean, _ in found])
    center = means[0] + totals @ (means - means[0]) / totals.sum()
    within = sum(squares for _, _, squares in found)
    with np.errstate(over="ignore", invalid="ignore"):
        between = totals @ ((means - center) ** 2).sum(axis=1)
    _refuse_infinite(within + between)
    return float((within + between) / totals.sum()) ** 0.5 or 1.0


def _refuse_infinite(squares):
    if not squares < np.inf:
        raise ValueError("The variance of X exceeds the range of float64. Scale X.")


def split_column(values, starts):
    """The part of `values` of each partition, or one value if all values are the same.

    Arrays that are sent to the workers are bytes through the network, also those of zero strides.
    """
    if values.strides == (0,) or values.min() == values.max():
        return [values[0]] * len(starts)
    return np.split(values, starts[1:])


def _moments(X, weight, most):
    """Weight, mean and weighted sum of the squared distances to the mean of a partition."""
    weight = np.full(X.shape[0], weight / most)
    if not weight.any():
        return None
    around = CenteredRows(X)
    high, low = around.mean(weight)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = around.distances((high, low)) ** 2 * np.float64(around.unit) ** 2
        within = weight @ squares
    return weight.sum(), around.unit * (high + low), within
