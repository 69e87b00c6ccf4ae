"""Distances between the rows of one table, on demand and in blocks."""

from abc import ABC, abstractmethod

import numpy as np
from scipy import sparse
from sklearn.metrics import pairwise_distances

from skcoreset._backend import block_slices, device_of, is_foreign, namespace, put
from skcoreset._kernels.stored_rows import TIE, StoredRows

__all__ = ["Distances", "pairs", "replace_inexact"]


class Distances(StoredRows, ABC):
    """Distances between the rows of one table; the n x n matrix never exists.

    Positions are those within the table, or within the `rows` of it that are used. A block of
    `columns` and `rows` has the shape (len(columns), len(rows)); `columns` is an index array or a
    slice, and so is `rows`. The columns may be rows of another table (`columns_of`)
    in ``block``, ``approximate_block``, ``exact_pairs`` (on the left), ``is_inexact`` and
    ``pair_error_bounds``.

    "Values" are squared distances where `is_squared` is True, and distances elsewhere. So they are
    squared in ``block``, ``approximate_block``, ``exact_among``, ``exact_pairs``, ``to_mean`` and
    in all error bounds. They are never squared in ``distances`` and in the result of ``distance``.

    Attributes
    ----------
    is_squared : bool
        Whether values are squared Euclidean distances, as sums of products that cancel. Only then
        are there ``may_be_inexact``, ``inexact_error_bound`` and ``pair_error_bounds``.
    block_is_rounded : bool
        Whether ``exact_pairs`` is more exact than ``block``.
    tie_tolerance : (factor, term)
        Values of ``exact_pairs`` that are closer than ``factor * value + term`` are equal.
    rounding : float
        Relative error of an inner product of two rows, in the dtype of the products.
    most_square : float
        The largest squared norm of a row after the shift (not for metrics of scikit-learn).
    other_columns : Distances or None
        Another table of the same `Whole` whose rows are the columns.
    """

    is_squared = block_is_rounded = False

    @abstractmethod
    def block(self, columns, rows):
        """Values of a block, in the dtype of the products; inexact ones from ``exact_pairs``."""

    def approximate_block(self, columns, rows):
        """The same, but arbitrary where the products have lost their digits (``is_inexact``)."""
        return self.block(columns, rows)

    def approximate_rows(self, rows, columns):
        """``approximate_block(columns, rows).T``; if possible, values of a row are adjacent."""
        return self.approximate_block(columns, rows).T

    @abstractmethod
    def distances(self, columns, rows):
        """Distances of a block, not squared, all with their digits; 0 of a row from itself."""

    @abstractmethod
    def exact_among(self, columns):
        """Function of positions within `columns`: their values with all `columns`, float64."""

    def exact_pairs(self, left, right):
        """Value of each pair (left[i], right[i]) without cancellation, float64.

        Only for Euclidean and cosine distances; values of other metrics are exact in ``block``.
        """
        raise NotImplementedError

    def is_inexact(self, values, columns, rows, grid=False):
        """Whether `values` of ``approximate_block`` have lost their digits.

        They are of pairs, or with `grid` of all `columns` with all `rows`.
        """
        return self.xp.zeros_like(values, dtype=self.xp.bool)

    @abstractmethod
    def error_bound(self, values, rows=slice(None)):
        """Largest error of `values` of ``approximate_block``, for the rows they belong to."""

    def block_error_bound(self, values, rows=slice(None)):
        """Largest error of `values` of ``block``, for the rows they belong to."""
        return self.error_bound(values, rows)

    @abstractmethod
    def largest_block_error(self, value):
        """Largest error of one value of ``block``, whichever row it belongs to."""

    @abstractmethod
    def upper_bound(self, values, rows):
        """Largest value of ``approximate_block`` whose exact value may be as small as `values`.

        `values` may be infinite.
        """

    @abstractmethod
    def to_vector(self, vector):
        """Value of each row and ``middle + vector``, such as their mean, (n,)."""

    def to_mean(self, weight=None):
        """Value of each row and the (weighted) mean of all, (n,)."""
        return self.to_vector(self.mean(weight)[0])

    def nearest_to_mean(self, weight):
        """Position of the row nearest to the weighted mean; the lowest position of a tie."""
        return int(self.nearest_to_vector(*self.mean(weight))[0])

    def nearest_to_vector(self, vector, scale):
        """Positions, ascending, of the rows that tie for the nearest to ``middle + vector``.

        `scale` is as in `nearest_ties`. On a device it is the lowest position only.
        """
        return self._ties(self.to_vector(vector))

    def _ties(self, values):
        """Positions of the values that are the smallest up to their error."""
        error_bound = self.error_bound(values)
        return self.xp.nonzero(values - error_bound <= self.xp.min(values + error_bound))[0]

    @abstractmethod
    def distance(self, values):
        """Distances of `values`: their square root where `is_squared`."""

    @abstractmethod
    def as_float64(self):
        """The same distances, with all products in float64."""


class Euclidean(Distances):
    """Squared Euclidean distances ``|x|^2 + |c|^2 - 2 x.c``: a block is one matrix product.

    A value that is small relative to the squared norms has lost its digits. Such a value is
    inexact, and ``exact_pairs`` computes it from the difference of the two rows.
    """

    is_squared = block_is_rounded = True
    tie_tolerance = TIE, 0.0

    def __init__(self, X, rows=None, in_float64=False, **part):
        super().__init__(X, rows, in_float64=in_float64, **part)
        self.center()
        self.sq = self._cast(self.squares())
        self.most_square = float(self.xp.max(self.sq))
        # Values above this share of the squared norms have a relative error of at most 1e-3 in
        # float32 and 1e-7 in float64, and mostly a tenth of that.
        self.inexact_ratio = 2.0**-8 if self.itemsize == 4 else 2.0**-24
        if self.narrow:  # one product of (x, |x|^2, 1) and (-2c, 1, |c|^2)
            sq, one = self.sq[:, None], self.vector(1.0)[:, None]
            self.augmented = self.xp.concat([self.X, sq, one], axis=1)

    def approximate_block(self, columns, rows):
        source = self.columns_of
        if self.narrow:
            C, A = self._augmented(columns, rows)
            return C @ A.T
        D = self.products(-2 * source.fetch_dense(columns), rows)
        D += source.sq[columns][:, None]
        D += self.sq[rows][None, :]
        return D

    def approximate_rows(self, rows, columns):
        source = self.columns_of
        if self.narrow:
            C, A = self._augmented(columns, rows)
            return A @ C.T
        D = self.products_by_row(rows, -2 * source.fetch_dense(columns))
        D += source.sq[columns][None, :]
        D += self.sq[rows][:, None]
        return D

    def _augmented(self, columns, rows):
        """Rows of two matrices, whose products are squared distances."""
        source = self.columns_of
        C = source.fetch(columns)
        one = self.xp.ones_like(C[:, :1])
        C = self.xp.concat([-2 * C, one, source.sq[columns][:, None]], axis=1)
        A = self.augmented
        return C, A[rows, :] if isinstance(rows, slice) else self.xp.take(A, rows, axis=0)

    def block(self, columns, rows):
        xp, D = self.xp, self.approximate_block(columns, rows)
        if D.shape[0] and D.shape[1] and xp.any(self.may_be_inexact(xp.min(D, axis=0), rows)):
            inexact = self.is_inexact(D, columns, rows, grid=True)
            left, right = xp.nonzero(inexact)
            if left.shape[0]:
                columns, rows = self.columns_of.positions(columns), self.positions(rows)
                exact = self.exact_pairs(columns[left], rows[right])
                D[inexact] = self._cast(exact)
        return D

    def exact_among(self, columns):
        rows = self.fetch_float64(columns)
        if not sparse.issparse(rows):
            rows = rows - self.middle
        sq = self._squares(rows)

        def of(some):
            D = self.products_among(rows, some)
            D *= -2
            sums = sq[some][:, None] + sq[None, :]
            D += sums
            sums *= 2 * self.rounding_float64 / TIE
            itself = some[:, None] == self.xp.arange(sq.shape[0], device=self.device)[None, :]
            D[itself] = 0.0
            inexact = (sums > D) & ~itself
            left, right = self.xp.nonzero(inexact)
            if left.shape[0]:
                D[inexact] = self.exact_pairs(columns[some[left]], columns[right])
            return D

        return of

    def is_inexact(self, values, columns, rows, grid=False):
        left, right = self.columns_of.sq[columns], self.sq[rows]
        if grid:
            left, right = left[:, None], right[None, :]
        return values < self.inexact_ratio * (left + right)

    def may_be_inexact(self, lowest, rows):
        """Whether any value of a row can be inexact, given the `lowest` of its values.

        The distance to a column of more than twice the norm of the row is never inexact. So the
        squared norms of an inexact pair add up to less than 5 times that of the row.
        """
        return lowest < 6 * self.inexact_ratio * self.sq[rows]

    def exact_pairs(self, left, right):
        out = self.xp.empty(left.shape[0], dtype=self.xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            columns = self.columns_of.fetch_float64(left[block])
            out[block] = self._squares(columns - self.fetch_float64(right[block]))
        return out

    def distances(self, columns, rows):
        D = self.approximate_block(columns, rows)
        replace_inexact(D, columns, rows, self.sq, self.n, self.exact_pairs)
        D **= 0.5
        return D

    def inexact_error_bound(self, rows):
        """Largest error of an inexact value of ``approximate_block``, for each row."""
        return 6 * self.rounding * self.xp.astype(self.sq[rows], self.xp.float64)

    def upper_bound(self, values, rows):
        sq = self.xp.astype(self.sq[rows], self.xp.float64, copy=False)
        return values * (1 + 4 * self.rounding) + sq * (10 * self.rounding)

    def pair_error_bounds(self, columns, rows):
        """Largest error of each value of ``approximate_block``, (len(columns), len(rows))."""
        return self.rounding * (self.columns_of.sq[columns][:, None] + self.sq[rows][None, :])

    def error_bound(self, values, rows=slice(None)):
        return self.rounding * (self.sq[rows] + values)

    def block_error_bound(self, values, rows=slice(None)):
        xp = self.xp
        sq = xp.astype(self.sq[rows], xp.float64, copy=False)
        return self.rounding * (values + xp.minimum(sq, values / self.inexact_ratio))

    def largest_block_error(self, value):
        return self.rounding * (value + min(self.most_square, value / self.inexact_ratio))

    def to_vector(self, vector):
        return self.squared_distances_to(slice(0, self.n), vector)

    def nearest_to_vector(self, vector, scale):
        return self.nearest_ties(vector, scale, self.xp.astype(self.sq, self.xp.float64))

    def distance(self, values):
        xp = namespace(values)
        return xp.sqrt(xp.clip(values, min=0))

    def as_float64(self):
        return self if self.itemsize == 8 else Euclidean(*self.created_from, in_float64=True)


class Cosine(Distances):
    """Cosine distances ``1 - cos(x, c)``, not squared.

    A row of zeros is at distance 1 from every other row, as in scikit-learn. All products are in
    float64, as float32 has no digits left for angles between rows far from the origin.
    """

    most_square = 1.0
    block_is_rounded = True

    def __init__(self, X, rows=None, **part):
        super().__init__(X, rows, in_float64=True, **part)
        sq = self.squares()
        self.refuse_small_norms(sq)
        norms = self.xp.sqrt(self.xp.where(sq > 0, sq, 1.0))
        self.scale = self._cast(self.xp.where(sq > 0, 1 / norms, 0.0))
        # The difference of two unit vectors has the error `chord_error`, and so half its square
        # d has the error ``chord_error * (2 d)**0.5``, which is at most that of `tie_tolerance`.
        self.chord_error = max(2.0**-44, self.rounding_float64)
        factor = max(TIE, 2.0**7 * self.rounding_float64)  # products: see `has_lost_digits`
        self.tie_tolerance = factor, self.rounding_float64**2 / (2 * factor)

    def block(self, columns, rows):
        source = self.columns_of
        D = self.products(source.fetch_dense(columns) * -source.scale[columns][:, None], rows)
        D *= self.scale[rows][None, :]
        D += 1
        return D

    def approximate_rows(self, rows, columns):
        source = self.columns_of
        left = source.fetch_dense(columns) * -source.scale[columns][:, None]
        D = self.products_by_row(rows, left)
        D *= self.scale[rows][:, None]
        D += 1
        return D

    def exact_among(self, columns):
        rows, scale = self._fetch_scaled(columns)
        half = self.xp.full_like(self.scale, 0.5)

        def of(some):
            D = 1 - self.products_among(rows, some) * scale[some][:, None] * scale[None, :]
            replace_inexact(D, columns[some], columns, half, self.n, self.exact_pairs)
            return D

        return of

    def _fetch_scaled(self, at):
        """Rows in float64, and the factors that scale them to length 1 (0 for rows of zeros)."""
        rows = self.fetch_float64(at)
        norms = self._squares(rows) ** 0.5
        return rows, self.xp.where(norms > 0, 1 / self.xp.where(norms > 0, norms, 1.0), 0.0)

    def upper_bound(self, values, rows):
        return values + 4 * self.rounding

    def error_bound(self, values, rows=slice(None)):
        return 0 * values + self.rounding

    def largest_block_error(self, value):
        return self.rounding

    def distances(self, columns, rows):
        D = self.block(columns, rows)
        half = self.xp.full_like(self.scale, 0.5)
        replace_inexact(D, columns, rows, half, self.n, self.exact_pairs)
        return D

    def exact_pairs(self, left, right):
        """``|x - c|^2 / 2`` of rows scaled to length 1, without the cancellation of ``1 - cos``.

        Float64. Exactly 0 for rows of the same direction up to the rounding of their scale.
        """
        xp, source = self.xp, self.columns_of
        out = xp.empty(left.shape[0], dtype=xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            difference = source._scaled(left[block]) - self._scaled(right[block])
            out[block] = self._squares(difference) / 2
        out = xp.where(out > 64 * self.eps**2, out, 0.0)
        return xp.where((source.scale[left] > 0) & (self.scale[right] > 0), out, 1.0)

    def _scaled(self, at):
        rows, scale = self._fetch_scaled(at)
        return (
            rows.multiply(scale[:, None]).tocsr()
            if sparse.issparse(rows)
            else rows * scale[:, None]
        )

    def to_vector(self, vector):
        norm = float(vector @ vector) ** 0.5 or 1.0
        return 1 - self.dot(vector) * self.scale / norm

    def distance(self, values):
        return namespace(values).clip(values, min=0)

    def as_float64(self):
        return self


class Measured(Distances):
    """Any metric of :func:`sklearn.metrics.pairwise_distances`, or a callable; not squared.

    Only for NumPy arrays and scipy.sparse.
    """

    def __init__(self, X, metric, rows=None, in_float64=False, **part):
        super().__init__(X, rows, in_float64=in_float64, **part)
        if is_foreign(X):
            raise TypeError(
                f"metric={metric!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use 'euclidean' or 'cosine'."
            )
        self.metric = metric
        if metric != "precomputed":  # scikit-learn computes them in float64
            self.rounding = self.rounding_float64
        self.tie_tolerance = self.rounding, 0.0

    def block(self, columns, rows):
        values = self._values(self.columns_of.fetch(columns), self.fetch(rows))
        if not np.isfinite(values).all():
            # A row is at distance 0 from itself, even if the metric divides 0 by 0.
            if self.other_columns is None:  # `numbers` may be those of two tables of the user
                left, right = self.positions(columns), self.positions(rows)
            else:
                left, right = self.columns_of.numbers_of(columns), self.numbers_of(rows)
            itself = left[:, None] == right[None, :]
            values = np.where(itself & np.isnan(values), 0.0, values)
        return self._finite(values, columns, rows, f"metric={self.metric!r}")

    def _values(self, left, right):
        return pairwise_distances(left, right, metric=self.metric)

    def exact_among(self, columns):
        return lambda some: np.asarray(self.block(columns[some], columns), dtype=np.float64)

    def upper_bound(self, values, rows):
        return values + 4 * self.error_bound(np.where(np.isfinite(values), values, 0.0))

    def error_bound(self, values, rows=slice(None)):
        return self.rounding * np.abs(values)

    largest_block_error = error_bound

    def distances(self, columns, rows):
        """Distances of a block; a row is at distance 0 from itself under every metric."""
        D = self.block(columns, rows)
        put(D, _positions_of_itself(np.arange(self.n), columns, rows), 0.0)
        return D

    def to_vector(self, vector):
        mean = (vector + self.middle)[None, :]
        out = np.concatenate(
            [self._values(self.fetch(block), mean)[:, 0] for block in self.blocks(8 * self.terms)]
        )
        if not np.isfinite(out).all():
            at = int(np.flatnonzero(~np.isfinite(out))[0])
            raise ValueError(
                f"metric={self.metric!r} is {out[at]} between row {self.number_of(at)} of X and "
                "the mean of the rows; values must not be NaN or infinite. Leave out or change "
                "such rows, or use another metric."
            )
        return out

    def distance(self, values):
        return np.asarray(values)

    def as_float64(self):
        return (
            self
            if self.itemsize == 8
            else Measured(self.created_from[0], self.metric, self.created_from[1], in_float64=True)
        )


class Precomputed(Measured):
    """Precomputed distances: `X` has the shape (n, n)."""

    def __init__(self, X, rows=None):
        super().__init__(X, "precomputed")
        self.within = np.arange(X.shape[0]) if rows is None else rows
        self.n, self.numbers = len(self.within), rows

    def block(self, columns, rows):
        values = self.X[self.within[columns]][:, self.within[rows]]
        return self._finite(values, columns, rows, "metric='precomputed'")

    def to_mean(self, weight=None):
        """The (weighted) mean distance of each row to all rows, as there is no mean row."""
        weight = np.ones(self.n) if weight is None else weight / weight.max()
        out = [
            self.block(np.arange(self.n)[block], slice(None)) @ weight
            for block in block_slices(self.n, 8 * self.n)
        ]
        return np.concatenate(out) / weight.sum()

    def nearest_to_mean(self, weight):
        return int(self._ties(self.to_mean(weight))[0])


def pairs(X, metric="euclidean", rows=None, in_float64=False, **part):
    """The `Distances` of the rows of `X`.

    Parameters
    ----------
    X : array or csr in canonical format, of shape (n, n_features); for "precomputed" (n, n)
    metric : str or callable
        A metric of :func:`sklearn.metrics.pairwise_distances`.
    rows : ndarray of int, optional
        Positions of the rows that are used; all by default.
    in_float64 : bool
        Whether products of float32 rows are computed in float64.
    **part : dict
        For a part of a table, `whole` and `numbers` of `StoredRows`. Squared distances below the
        range of float64 are no error then; see ``refuse_small_differences``.
    """
    if metric in ("euclidean", "l2"):
        distances = Euclidean(X, rows, in_float64, **part)
        if not part:
            distances.refuse_small_differences()
        return distances
    if metric == "cosine":
        return Cosine(X, rows, **part)
    if metric == "precomputed":
        return Precomputed(X, rows)
    return Measured(X, metric, rows, in_float64, **part)


def replace_inexact(D, columns, rows, sizes, n, exact):
    """Replace values of a block that have lost digits, in place, by exact ones.

    Parameters
    ----------
    D : array of shape (len(columns), len(rows))
        Values as differences of ``sizes[column] + sizes[row]`` and a product.
    columns, rows : slice or array of int
    sizes : array of shape (n,)
    n : int
    exact : callable
        ``exact(left, right)`` computes the values of pairs, float64.

    Notes
    -----
    The value of a row and itself becomes 0. Cost: one pass for the smallest value of each row; rows
    with a value that may have lost digits are read once more.
    """
    if not (D.shape[0] and D.shape[1]):
        return
    xp, every = namespace(D), namespace(D).arange(n, device=device_of(D))
    itself = _positions_of_itself(every, columns, rows)
    put(D, itself, xp.inf)
    of_columns, of_rows = sizes[columns], sizes[rows]
    at = xp.nonzero(has_lost_digits(xp.min(D, axis=0), of_rows + xp.max(of_columns)))[0]
    if at.shape[0]:
        some = D if at.shape[0] == D.shape[1] else xp.take(D, at, axis=1)
        lost = has_lost_digits(some, of_columns[:, None] + xp.take(of_rows, at)[None, :])
        left, right = xp.nonzero(lost)
        if left.shape[0]:
            right = xp.take(at, right)
            values = exact(every[columns][left], every[rows][right])
            put(D, (left, right), xp.astype(values, D.dtype, copy=False))
    put(D, itself, 0.0)


def _positions_of_itself(every, columns, rows):
    """Positions in a block, as two arrays, of the pairs of a row and itself."""
    xp = namespace(every)
    if not isinstance(rows, slice):  # a small block
        return xp.nonzero(every[columns][:, None] == every[rows][None, :])
    mine, (start, stop, _) = every[columns], rows.indices(every.shape[0])
    at = xp.nonzero((mine >= start) & (mine < stop))[0]
    return at, xp.take(mine, at) - start


def has_lost_digits(values, sizes):
    """Whether `values` are so small relative to `sizes`, the minuends, that digits are lost.

    Other values have a relative error of about 1e-13 in float64, independently of the block.
    """
    return values < 2.0**-7 * sizes
