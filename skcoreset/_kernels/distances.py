"""Distances and kernels between the rows of one table, on demand and in blocks.

The n x n matrix never exists: a selection kernel asks an object of this file for the few values
it needs. Positions are those within the table (or within the `rows` of it that are in play).

``block(columns, rows)``
    matrix (len(columns), len(rows)) of values; `rows` may be a slice.
``among(columns)``
    function of positions within `columns`: their values with all `columns`, in float64 and as exact
    as these can be had.

Distances answer two questions more, because products round and picks must not depend on that:

``direct(left, right)``
    value of each pair (left[i], right[i]) without cancellation.
``slack(values, rows)``
    how far rounding may have moved `values`; two that are closer than that are a tie.

Euclidean distances stay squared until ``distance(values)`` makes real ones of them.
"""

import numpy as np
import sklearn
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import pairwise_kernels

from skcoreset._backend import (
    Streamed,
    block_slices,
    device_of,
    is_foreign,
    namespace,
    row_products,
)

__all__ = ["gram", "lost_digits", "pairs"]

NARROW = 32


class _Rows:
    """Rows of `X` (all, or those at positions `rows`), shifted where products would lose digits.

    `wide` says that float32 rows become float64 as they are fetched.
    """

    def __init__(self, X, rows=None, may_copy=True, wide=False):
        self.xp, self.device = namespace(X), device_of(X)
        # A few columns are copied, so that they can be shifted once and for all.
        whole = not sparse.issparse(X) and not isinstance(X, Streamed)
        self.narrow = may_copy and whole and X.shape[1] <= NARROW
        # Sparse rows are not shifted, so their products need the digits of float64.
        single = "float32" in str(X.dtype) and not sparse.issparse(X) and not wide
        self.dtype = self.xp.float32 if single else self.xp.float64
        self.itemsize, self.eps = (4, 2.0**-23) if single else (8, 2.0**-52)
        # An inner product of d terms is off by a few eps, times sqrt(d) / 4 or less as measured.
        self.rounding = (8 + X.shape[1] ** 0.5) * self.eps
        self.X, self.rows, self.offset = X, None, None
        self.n = X.shape[0]
        if rows is not None:
            self.n = len(rows)
            self.rows = self.xp.asarray(rows, device=self.device)
            if self.narrow or self._a_copy_fits():
                self.X, self.rows = self.fetch(slice(0, self.n)), None
        elif self.narrow:
            self.X = self._cast(X)

    @property
    def streamed(self):
        """Whether each row fetched is a copy from the host to a device."""
        return isinstance(self.X, Streamed)

    def _a_copy_fits(self):
        row_bytes = self.X.shape[1] * self.itemsize
        if sparse.issparse(self.X):
            row_bytes = self.X.nnz / self.X.shape[0] * (self.itemsize + 8)
        return self.n * row_bytes <= sklearn.get_config()["working_memory"] * 2**20

    @property
    def copied_bytes(self):
        """What the copy of a row takes that fetching makes; 0 where it is a view."""
        if sparse.issparse(self.X):
            return self.X.nnz / self.X.shape[0] * (self.itemsize + 8)
        as_it_is = self.rows is None and self.offset is None and self.X.dtype == self.dtype
        return 0 if as_it_is and not self.streamed else self.X.shape[1] * self.itemsize

    def vector(self, value, dtype=None):
        return self.xp.full(self.n, value, dtype=dtype or self.dtype, device=self.device)

    def fetch(self, at):
        """Rows at positions `at` (a slice or an index array), shifted by `offset`."""
        if self.rows is not None:
            at = self.rows[at]
        if isinstance(at, slice) or sparse.issparse(self.X) or self.streamed:
            rows = self.X[at, :]
        else:
            rows = self.xp.take(self.X, at, axis=0)
        if rows.dtype != self.dtype:
            rows = self._cast(rows)
        return rows if self.offset is None else rows - self.offset

    def _cast(self, array):
        if sparse.issparse(array):
            return array.astype(self.dtype, copy=False)
        return self.xp.astype(array, self.dtype, copy=False)

    def fetch_wide(self, at):
        """The same in float64; sparse rows stay sparse."""
        rows = self.fetch(at)
        if sparse.issparse(rows):
            return rows.astype(np.float64)
        return self.xp.astype(rows, self.xp.float64, copy=False)

    def fetch_dense(self, at):
        """The same as a dense array, for the few rows that products are taken with."""
        rows = self.fetch(at)
        return rows.toarray() if sparse.issparse(rows) else rows

    def blocks(self, row_bytes=0, n=None):
        """Slices over `n` (all) rows: `row_bytes` for what is computed of a row, and its copy."""
        if not sparse.issparse(self.X) and (self.rows is not None or self.offset is not None):
            row_bytes += self.X.shape[1] * self.itemsize
        return block_slices(self.n if n is None else n, row_bytes)

    def each(self, function):
        """``function(rows)`` over all rows in blocks, as one float64 vector."""
        out = self.vector(0.0, self.xp.float64)
        for block in self.blocks(self.X.shape[1] * self.itemsize):
            out[block] = self.xp.astype(function(self.fetch(block)), self.xp.float64)
        return out

    def dot(self, vector):
        """Products of all rows with one dense float64 `vector`, float64."""
        vector = self._cast(vector)
        in_place = self.rows is None and self.offset is None and not self.streamed
        if in_place and self.X.dtype == self.dtype:
            return self.xp.astype(self.X @ vector, self.xp.float64, copy=False)
        return self.each(lambda rows: rows @ vector)

    def squares(self):
        squares = self.each(self._squares)
        finite = self.xp.isfinite(squares)
        if not self.xp.all(finite):
            row = int(self.xp.nonzero(~finite)[0][0])
            raise ValueError(
                f"Row {row} of those that are compared holds values whose squares are too large "
                f"for {self.dtype}. Scale X, mark missing values as NaN and fill them in."
            )
        return squares

    def _squares(self, rows):
        with np.errstate(over="ignore"):  # `squares` says so where it matters
            if sparse.issparse(rows):
                return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
            return row_products(rows, rows)

    def mean(self, weight=None):
        """(Weighted) mean of the shifted rows: dense; added up in float64 over the blocks."""
        if weight is None:
            weight = self.vector(1.0)
        else:
            weight = self._cast(self.xp.asarray(weight, device=self.device))
        total = self.xp.zeros(self.X.shape[1], dtype=self.xp.float64, device=self.device)
        for block in self.blocks(self.X.shape[1] * self.itemsize):
            part = self.fetch(block).T @ weight[block]
            total = total + self.xp.astype(part, self.xp.float64)
        return total / self.xp.sum(self.xp.astype(weight, self.xp.float64))

    def nearest_to_mean(self, weight):
        """Position of the row nearest the weighted mean; the lowest of a tie."""
        values = self.to_mean(weight)
        slack = self.slack(values)
        tied = values - slack <= self.xp.min(values + slack)
        return int(self.xp.nonzero(tied)[0][0])

    def centre(self):
        """Shift the rows to near the origin where products would drown their differences.

        To the median of some rows, as one row far out would draw the mean away from all others.
        """
        if sparse.issparse(self.X):
            return
        xp = self.xp
        some = self.fetch(xp.arange(0, self.n, max(1, self.n // 256), device=self.device))
        middle = some.shape[0] // 2
        centre = xp.sort(some, axis=0)[middle, :]
        norm, shifted = (xp.sort(self._squares(x))[middle] for x in (some, some - centre))
        if self.narrow:
            self.X = self.X - centre
        elif norm > 4 * shifted:
            self.offset = centre

    def products(self, left, at):
        """``left @ rows.T`` as (len(left), len(at)), for dense `left`."""
        if self.streamed:
            return self._products_in_parts(left, at)
        rows = self.fetch(at)
        return (rows @ left.T).T if sparse.issparse(rows) else left @ rows.T

    def _products_in_parts(self, left, at):
        """The same with few rows fetched at a time, as `at` may be all of them."""
        start, stop = at.indices(self.n)[:2] if isinstance(at, slice) else (0, at.shape[0])
        shape = left.shape[0], stop - start
        out = self.xp.empty(shape, dtype=self.dtype, device=self.device)
        for block in block_slices(stop - start, self.X.shape[1] * self.itemsize):
            a_slice = slice(start + block.start, start + block.stop)
            part = a_slice if isinstance(at, slice) else at[block]
            out[:, block] = left @ self.fetch(part).T
        return out

    def products_among(self, rows, some):
        """``rows[some] @ rows.T``, dense."""
        if sparse.issparse(rows):
            return (rows[some] @ rows.T).toarray()
        return self.xp.take(rows, some, axis=0) @ rows.T

    def most_columns(self):
        """How many rows may be dense columns at once: those that a quarter of the memory holds."""
        memory = sklearn.get_config()["working_memory"] * 2**20 / 4
        return max(1, int(memory // (self.X.shape[1] * self.itemsize)))


class Euclidean(_Rows):
    """Squared Euclidean distances: ``|x|^2 + |c|^2 - 2 x.c``, so a block is one matrix product.

    A value below sqrt(eps) of the squared norms it was computed from has lost half of its digits:
    it is ``doubtful``, and ``direct`` takes that pair from its difference.
    """

    cancels = True

    def __init__(self, X, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        self.centre()
        self.sq = self._cast(self.squares())
        self.most_square = float(self.xp.max(self.sq))
        # In few columns picks are soon near to each other, and mending costs next to nothing.
        self.doubt = 0.05 if self.narrow else self.eps**0.5
        if self.narrow:  # one product gives the whole sum: x, |x|^2, 1 times -2c, 1, |c|^2
            sq, one = self.sq[:, None], self.vector(1.0)[:, None]
            self.augmented = self.xp.concat([self.X, sq, one], axis=1)

    def block(self, columns, rows):
        if self.narrow:
            C = self.fetch(columns)
            one = self.xp.ones_like(C[:, :1])
            C = self.xp.concat([-2 * C, one, self.sq[columns][:, None]], axis=1)
            A = self.augmented
            A = A[rows, :] if isinstance(rows, slice) else self.xp.take(A, rows, axis=0)
            return C @ A.T
        D = self.products(-2 * self.fetch_dense(columns), rows)
        D += self.sq[columns][:, None]
        D += self.sq[rows][None, :]
        return D

    def among(self, columns):
        rows = self.fetch_wide(columns)
        sq = self._squares(rows)

        def of(some):
            D = self.products_among(rows, some)
            D *= -2
            sums = sq[some][:, None] + sq[None, :]
            D += sums
            sums *= 2.0**-26
            itself = some[:, None] == self.xp.arange(sq.shape[0], device=self.device)[None, :]
            D[itself] = 0.0
            doubtful = (sums > D) & ~itself
            left, right = self.xp.nonzero(doubtful)
            if left.shape[0]:
                D[doubtful] = self.direct(columns[some[left]], columns[right])
            return D

        return of

    def doubtful(self, values, columns, rows):
        return values < self.doubt * (self.sq[columns] + self.sq[rows])

    def direct(self, left, right):
        out = self.xp.empty(left.shape[0], dtype=self.xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            out[block] = self._squares(self.fetch_wide(left[block]) - self.fetch_wide(right[block]))
        return out

    def distances(self, columns, rows):
        """Distances, not squared: (len(columns), len(rows)); those that lost digits by `direct`."""
        sq, xp = self.sq, self.xp
        D = self.block(columns, rows)
        lost = lost_digits(D, sq[columns][:, None] + sq[rows][None, :], self.eps)
        left, right = xp.nonzero(lost)
        if left.shape[0]:
            every = xp.arange(self.n, device=self.device)
            D[lost] = self._cast(self.direct(every[columns][left], every[rows][right]))
        D **= 0.5
        return D

    def slack(self, values, rows=slice(None)):
        return self.rounding * (self.sq[rows] + values)

    def most_slack(self, value):
        return self.rounding * (self.most_square + value)

    def to_mean(self, weight=None):
        mean = self.mean(weight)
        return self.squares() - 2 * self.dot(mean) + mean @ mean

    def distance(self, values):
        xp = namespace(values)
        return xp.sqrt(xp.clip(values, min=0))


class Cosine(_Rows):
    """``1 - cos(x, c)``; a row of zeros is at distance 1 from every row, as in scikit-learn."""

    cancels = False

    def __init__(self, X, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        sq = self.squares()
        norms = self.xp.sqrt(self.xp.where(sq > 0, sq, 1.0))
        self.scale = self._cast(self.xp.where(sq > 0, 1 / norms, 0.0))

    def block(self, columns, rows):
        D = self.products(self.fetch_dense(columns) * -self.scale[columns][:, None], rows)
        D *= self.scale[rows][None, :]
        D += 1
        return D

    def among(self, columns):
        scale = self.xp.astype(self.scale[columns], self.xp.float64)
        rows = self.fetch_wide(columns)

        def of(some):
            products = self.products_among(rows, some)
            return 1 - products * scale[some][:, None] * scale[None, :]

        return of

    def doubtful(self, values, columns, rows):
        return values < -1

    def slack(self, values, rows=slice(None)):
        return 0 * values + self.rounding

    def most_slack(self, value):
        return self.rounding

    def distances(self, columns, rows):
        """Those near 0 by the difference of the two rows of length 1."""
        xp = self.xp
        D = self.block(columns, rows)
        lost = lost_digits(D, 1.0, self.eps)
        left, right = xp.nonzero(lost)
        if left.shape[0]:
            every = xp.arange(self.n, device=self.device)
            D[lost] = self._cast(self.apart(every[columns][left], every[rows][right]))
        return D

    def apart(self, left, right):
        """``|x - c|^2 / 2`` of rows scaled to length 1, float64.

        Exactly 0 for rows that point in the same direction up to the rounding of their scale.
        """
        xp = self.xp
        out = xp.empty(left.shape[0], dtype=xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            difference = self._scaled(left[block]) - self._scaled(right[block])
            out[block] = self._squares(difference) / 2
        return xp.where(out > 64 * self.eps**2, out, 0.0)

    def _scaled(self, at):
        rows = self.fetch_wide(at)
        scale = self.xp.astype(self.scale[at], self.xp.float64)[:, None]
        return rows.multiply(scale).tocsr() if sparse.issparse(rows) else rows * scale

    def to_mean(self, weight=None):
        mean = self.mean(weight)
        norm = float(mean @ mean) ** 0.5 or 1.0
        return 1 - self.dot(mean) * self.scale / norm

    def distance(self, values):
        return namespace(values).clip(values, min=0)


class Measured(_Rows):
    """Any metric of :func:`sklearn.metrics.pairwise_distances`, or a callable; host arrays only."""

    cancels = False

    def __init__(self, X, metric, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        if is_foreign(X):
            raise TypeError(
                f"metric={metric!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use 'euclidean' or 'cosine'."
            )
        self.metric = metric

    def block(self, columns, rows):
        return pairwise_distances(self.fetch(columns), self.fetch(rows), metric=self.metric)

    def among(self, columns):
        return lambda some: np.asarray(self.block(columns[some], columns), dtype=np.float64)

    def doubtful(self, values, columns, rows):
        return values < -np.inf

    def slack(self, values, rows=slice(None)):
        return self.rounding * np.abs(values)

    most_slack = slack

    def distances(self, columns, rows):
        return self.block(columns, rows)

    def to_mean(self, weight=None):
        mean = self.mean(weight)[None, :]
        return np.concatenate(
            [
                pairwise_distances(self.fetch(block), mean, metric=self.metric)[:, 0]
                for block in self.blocks(8 * self.X.shape[1])
            ]
        )

    def distance(self, values):
        return np.asarray(values)


class Precomputed(Measured):
    """Distances that the user computed: `X` is (n, n)."""

    def __init__(self, X, rows=None):
        super().__init__(X, "precomputed")
        self.within = np.arange(X.shape[0]) if rows is None else rows
        self.n = len(self.within)

    def block(self, columns, rows):
        return self.X[self.within[columns]][:, self.within[rows]]

    def to_mean(self, weight=None):
        """There is no mean to be near to; the mean distance to all others says as much."""
        weight = np.ones(self.n) if weight is None else weight
        out = [
            self.block(np.arange(self.n)[block], slice(None)) @ weight
            for block in block_slices(self.n, 8 * self.n)
        ]
        return np.concatenate(out) / weight.sum()


def pairs(X, metric="euclidean", rows=None, wide=False):
    """The object that answers for `metric` on the rows of `X` at positions `rows` (None: all).

    `wide`: in float64, also of float32 rows.
    """
    if metric in ("euclidean", "l2"):
        return Euclidean(X, rows, wide)
    if metric == "cosine":
        return Cosine(X, rows, wide)
    if metric == "precomputed":
        return Precomputed(X, rows)
    return Measured(X, metric, rows, wide)


def lost_digits(values, sizes, eps):
    """Where `values` are so small beside the `sizes` they are a difference of that digits are lost.

    What is not marked is right to about 1e-13 in float64, whichever blocks it came from.
    """
    return (2.0**-7 if eps < 1e-10 else eps**0.5) * sizes > values


class Gram(_Rows):
    """Inner products: a row's feature is the row itself."""

    def __init__(self, X, rows=None):
        super().__init__(X, rows)
        self.centre()
        self.diagonal = self.squares()

    def feature(self, at):
        """The feature of the one row at position ``at[0]``; `at` is an array."""
        return self.xp.astype(self.fetch_dense(at)[0, :], self.xp.float64)

    def mean_feature(self, weight):
        return self.mean(weight)

    def values(self, vector):
        """Inner products of all features with `vector`."""
        return self.dot(vector)

    def rounding_of_value(self, vector, at, step):
        size = (vector @ vector) ** 0.5 * self.diagonal[at] ** 0.5
        return 16 * self.eps * (size + self.diagonal[at])


class KernelGram(_Rows):
    """A kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`, or a callable; host arrays.

    The feature of a row stands as its kernel values with all rows, so that sums and means of
    features are sums and means of kernel columns.
    """

    def __init__(self, X, kernel, params, rows=None):
        super().__init__(X, rows)
        if is_foreign(X):
            raise TypeError(
                f"kernel={kernel!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use kernel=None."
            )
        self.kernel, self.params = kernel, params or {}
        self.diagonal = np.concatenate(
            [np.diagonal(self.block(b, b)) for b in block_slices(self.n, 2**15)]
        ).astype(np.float64)

    def block(self, columns, rows):
        K = pairwise_kernels(
            self.fetch(columns), self.fetch(rows), metric=self.kernel, **self.params
        )
        return K.toarray() if sparse.issparse(K) else K

    def feature(self, at):
        return self.block(at, slice(None))[0].astype(np.float64)

    def mean_feature(self, weight):
        """By all n x n kernel values, a block of them at a time."""
        blocks = block_slices(self.n, 3 * 8 * self.n, most_bytes=2**26)
        values = [self.block(block, slice(None)) @ weight for block in blocks]
        return np.concatenate(values) / weight.sum()

    def values(self, vector):
        return vector

    def rounding_of_value(self, vector, at, step):
        return 16 * self.eps * (step + 2) * self.diagonal[at]


def gram(X, kernel=None, params=None, rows=None):
    """The object that answers for `kernel` (None: inner products) on the rows of `X`."""
    if kernel is None or kernel == "linear":
        return Gram(X, rows)
    return KernelGram(X, kernel, params, rows)
