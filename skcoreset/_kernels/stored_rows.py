"""Access to the rows of one table: in blocks, shifted to the origin, in float32 or float64."""

from dataclasses import dataclass

import numpy as np
import sklearn
from scipy import sparse

from skcoreset._backend import (
    Streamed,
    block_slices,
    device_of,
    is_foreign,
    namespace,
    row_products,
)

__all__ = ["LEAST_SQUARE", "TIE", "StoredRows", "Whole", "fits_single", "some_rows"]

NARROW = 32
# Squared distances without cancellation tie if their relative difference is smaller.
TIE = 2.0**-40
# The largest squared norm of a float32 table must be in this range, else products are float64.
SINGLE_SQUARES = 1e-20, 1e30
# Smaller squared norms lose digits in float64, or all of them.
LEAST_SQUARE = 2.0**-960


@dataclass(frozen=True)
class Whole:
    """What the parts of a table take over from the whole, so that their products are the same."""

    center: np.ndarray | None  # the shift; None if there is none
    in_float64: bool  # whether products are in float64


def some_rows(n):
    """Positions of the 256 to 511 rows (all of fewer) that determine the shift of a table."""
    return np.arange(0, n, max(1, n // 256))


def fits_single(most_square):
    """Whether float32 has the range for products of rows of at most this squared norm."""
    return SINGLE_SQUARES[0] < most_square < SINGLE_SQUARES[1]


class StoredRows:
    """The rows of `X`, or some of them, shifted if products would lose digits otherwise.

    Parameters
    ----------
    X : array or csr in canonical format, of shape (n_rows, n_features)
    rows : ndarray of int, optional
        Positions of the rows that are used; all by default.
    may_copy : bool
        Whether a dense table of at most `NARROW` columns is copied.
    in_float64 : bool
        Whether float32 rows become float64 when they are fetched.
    whole : Whole, optional
        The table of which `X` is a part, if shift and dtype must be the same in all parts.
    numbers : sequence of int, optional
        Number of each row in that table, for errors; its position in `X` by default.

    Attributes
    ----------
    n : int
        Number of rows that are used.
    dtype, itemsize, eps
        Those of the products.
    rounding, rounding_float64 : float
        Relative error of an inner product in `dtype`, and in float64.
    middle : float or array of shape (n_features,), float64
        The shift of the rows.
    offset : array of shape (n_features,) or None
        The part of the shift that `fetch` subtracts.
    shifted_columns : ndarray of int or None
        The columns that `shift_sparse` shifts. Rows are stored as they are.
    """

    def __init__(self, X, rows=None, may_copy=True, in_float64=False, *, whole=None, numbers=None):
        self.xp, self.device, self.terms = namespace(X), device_of(X), X.shape[1]
        self.created_from, self.whole, self.other_columns = (X, rows), whole, None
        in_float64 = in_float64 or (whole is not None and whole.in_float64)
        # A narrow table is copied, so that the shift is subtracted once.
        whole = not sparse.issparse(X) and not isinstance(X, Streamed)
        self.narrow = may_copy and whole and X.shape[1] <= NARROW
        # Sparse rows are not shifted, so products must be float64.
        self._work_in("float32" in str(X.dtype) and not sparse.issparse(X) and not in_float64)
        self.X, self.rows, self.offset = X, None, None
        self.n, self.numbers = X.shape[0], rows if numbers is None else numbers
        if rows is not None:
            self.n = len(rows)
            self.rows = self.xp.asarray(rows, device=self.device)
            if self.narrow or self._a_copy_fits():
                self.X, self.rows = self.fetch(slice(0, self.n)), None
        elif self.narrow:
            self.X = self._cast(X)
        # Differences are computed from unshifted rows, as the shift rounds small values.
        self.source, self.middle, self.centered = self.X, 0.0, False
        self.shifted_columns = None

    def _work_in(self, single):
        self.dtype = self.xp.float32 if single else self.xp.float64
        self.itemsize, self.eps = (4, 2.0**-23) if single else (8, 2.0**-52)
        # Measured: the error of an inner product of d terms is below (4 + sqrt(d) / 4) eps.
        terms = 8 + self.terms**0.5
        self.rounding, self.rounding_float64 = terms * self.eps, terms * 2.0**-52

    @property
    def columns_of(self):
        """The table whose rows are the columns of blocks: `other_columns`, or this one if None."""
        # No attribute, because an object that refers to itself is not freed at once.
        return self if self.other_columns is None else self.other_columns

    @property
    def tables(self):
        """The tables of which a row consists."""
        return [self]

    @property
    def streamed(self):
        """Whether fetched rows are copied from the host to a device."""
        return isinstance(self.X, Streamed)

    def _a_copy_fits(self):
        row_bytes = self.X.shape[1] * self.itemsize
        if sparse.issparse(self.X):
            row_bytes = self.X.nnz / self.X.shape[0] * (self.itemsize + 8)
        return self.n * row_bytes <= sklearn.get_config()["working_memory"] * 2**20

    @property
    def copied_bytes(self):
        """Bytes of a row that `fetch` copies; 0 if it returns a view."""
        if sparse.issparse(self.X):
            return self.X.nnz / self.X.shape[0] * (self.itemsize + 8)
        as_it_is = self.rows is None and self.offset is None and self.X.dtype == self.dtype
        return 0 if as_it_is and not self.streamed else self.X.shape[1] * self.itemsize

    def vector(self, value, dtype=None):
        return self.xp.full(self.n, value, dtype=dtype or self.dtype, device=self.device)

    def number_of(self, position):
        """Position in the table of the row at `position` among the rows that are used."""
        return int(position if self.numbers is None else self.numbers[int(position)])

    def positions(self, at):
        """The positions of a slice or an index array, as an array."""
        return self.xp.arange(self.n, device=self.device)[at] if isinstance(at, slice) else at

    def numbers_of(self, at):
        """The number in the table of each row at positions `at`."""
        at = self.positions(at)
        return at if self.numbers is None else np.asarray(self.numbers)[at]

    def fetch(self, at):
        """Rows at positions `at` (a slice or an index array), shifted by `offset`."""
        rows = self._take(self.X, at)
        if rows.dtype != self.dtype:
            rows = self._cast(rows)
        return rows if self.offset is None else rows - self.offset

    def _finite(self, values, columns, rows, what):
        """`values` of a block; raise an error that names two rows if any is not finite."""
        if not np.isfinite(values).all():
            left, right = (int(at[0]) for at in np.nonzero(~np.isfinite(values)))
            left = int(self.columns_of.numbers_of(columns)[left])
            right = int(self.numbers_of(rows)[right])
            raise ValueError(
                f"{what} is {values[~np.isfinite(values)][0]} between rows {left} and {right} of "
                "X; values must be finite. Remove or change these samples, scale X, or choose "
                f"another {what.partition('=')[0]}."
            )
        return values

    def _take(self, table, at):
        if self.rows is not None:
            at = self.rows[at]
        if isinstance(at, slice) or sparse.issparse(table) or self.streamed:
            return table[at, :]
        return self.xp.take(table, at, axis=0)

    def _cast(self, array):
        if sparse.issparse(array):
            return array.astype(self.dtype, copy=False)
        return self.xp.astype(array, self.dtype, copy=False)

    def fetch_source(self, at):
        """Rows without shift and conversion."""
        return self._take(self.source, at)

    def fetch_float64(self, at):
        """Rows without shift, in float64; sparse rows stay sparse."""
        rows = self.fetch_source(at)
        if sparse.issparse(rows):
            return rows.astype(np.float64)
        return self.xp.astype(rows, self.xp.float64, copy=False)

    def fetch_shifted(self, at):
        """Rows minus `middle`, dense, in float64."""
        rows = self.fetch_float64(at)
        return (rows.toarray() if sparse.issparse(rows) else rows) - self.middle

    def fetch_dense(self, at):
        """As `fetch`, but a dense array, for the few rows on the left of a product."""
        rows = self.fetch(at)
        return rows.toarray() if sparse.issparse(rows) else rows

    def blocks(self, row_bytes=0, n=None):
        """Slices over `n` (all by default) rows; `row_bytes` are the temporaries of a row."""
        if not sparse.issparse(self.X) and (self.rows is not None or self.offset is not None):
            row_bytes += self.X.shape[1] * self.itemsize
        return block_slices(self.n if n is None else n, row_bytes)

    def each(self, function):
        """``function(rows)`` of all rows, computed in blocks: (n,), float64."""
        out = self.vector(0.0, self.xp.float64)
        for block in self.blocks(self.X.shape[1] * self.itemsize):
            out[block] = self.xp.astype(function(self.fetch(block)), self.xp.float64)
        return out

    def dot(self, vector):
        """Inner products of all shifted rows and one dense float64 `vector`: (n,), float64."""
        vector = self._cast(vector)
        in_place = self.rows is None and self.offset is None and not self.streamed
        if in_place and self.X.dtype == self.dtype:
            products = self.xp.astype(self.X @ vector, self.xp.float64, copy=False)
        else:
            products = self.each(lambda rows: rows @ vector)
        return products if self.shifted_columns is None else products - self.middle @ vector

    def squares(self):
        """Squared norms of the shifted rows, float64.

        If those of a float32 table exceed the range of float32, all later products are float64.
        If it is a part of a larger table, they are returned as they are, also infinite ones.
        """
        squares = self.each(self._shifted_squares)
        if self.itemsize == 4 and self.whole is not None:
            return squares
        if self.itemsize == 4 and not fits_single(float(self.xp.max(squares))):
            self._work_in(single=False)
            self.X, self.offset = self._cast(self.source) if self.narrow else self.source, None
            if self.centered:
                self.center()
            squares = self.each(self._squares)
        finite = self.xp.isfinite(squares)
        if not self.xp.all(finite):
            row = self.number_of(self.xp.nonzero(~finite)[0][0])
            raise ValueError(
                f"The squared norm of row {row} of X exceeds the range of float64. Scale X; "
                "if large values mark missing ones, impute these first."
            )
        return squares

    def refuse_small_differences(self, other=None):
        """Raise an error if rows differ but all squared norms lose digits; see `squares`.

        They are compared with the first row of `other`, which is this table by default.
        """
        if self.most_square >= LEAST_SQUARE:
            return
        other = self if other is None else other
        first = other.fetch_float64(slice(0, 1))
        first = first.toarray() if sparse.issparse(first) else first
        for block in self.blocks(2 * 8 * self.X.shape[1]):
            rows = self.fetch_float64(block)
            rows = rows.toarray() if sparse.issparse(rows) else rows
            differs = self.xp.any(rows != first, axis=1)
            if self.xp.any(differs):
                row = self.number_of(block.start + int(self.xp.nonzero(differs)[0][0]))
                raise ValueError(
                    "The squared distances of the rows of X are below the range of float64, as "
                    f"that between rows {other.number_of(0)} and {row}. Scale X."
                )

    def refuse_small_norms(self, squares):
        """Raise an error if the squared norm of any row that is not zero loses digits."""
        xp = self.xp
        small = xp.nonzero(squares < LEAST_SQUARE)[0]
        for block in self.blocks(8 * self.X.shape[1], small.shape[0]):
            rows = self.fetch_float64(small[block])
            if sparse.issparse(rows):
                stored = abs(rows).max(axis=1).toarray().ravel() > 0
            else:
                stored = xp.any(rows != 0, axis=1)
            if xp.any(stored):
                row = self.number_of(small[block][xp.nonzero(stored)[0][0]])
                raise ValueError(
                    f"The squared norm of row {row} of X is below the range of float64. Scale X."
                )

    def _squares(self, rows):
        with np.errstate(over="ignore"):  # `squares` raises an error if needed
            return self._row_products(rows, rows)

    def _shifted_squares(self, rows):
        """Squared norms of fetched rows, of which `shift_sparse` has shifted none yet."""
        if self.shifted_columns is None:
            return self._squares(rows)
        rest, dense = self._split(rows)
        return self._squares(rest) + self._squares(dense)

    def _split(self, rows):
        """Sparse rows without the shifted columns, and these columns, shifted and dense."""
        columns, rest = self.shifted_columns, rows.copy()
        is_shifted = np.zeros(rows.shape[1], dtype=bool)
        is_shifted[columns] = True
        rest.data[is_shifted[rest.indices]] = 0.0
        return rest, rows[:, columns].toarray() - self.middle[columns]

    def _row_products(self, left, right):
        if sparse.issparse(left):
            return np.asarray(left.multiply(right).sum(axis=1)).ravel()
        return row_products(left, right)

    def mean(self, weight=None):
        """(Weighted) mean of the rows minus `middle`, and of their absolute values; float64."""
        xp = self.xp
        if weight is None:
            weight = self.vector(1.0, xp.float64)
        else:
            weight = xp.asarray(weight, dtype=xp.float64, device=self.device)
            weight = weight / xp.max(weight)
        total, size = self.sums(weight)
        weight = xp.sum(weight)
        return total / weight, size / weight

    def sums(self, weight):
        """Weighted sums of the rows minus `middle`, and of their absolute values; float64."""
        xp = self.xp
        total = xp.zeros(self.X.shape[1], dtype=xp.float64, device=self.device)
        size = 0 * total
        for block in self.blocks(3 * 8 * self.X.shape[1]):
            rows = self.fetch_float64(block)
            if not sparse.issparse(rows):
                rows = rows - self.middle
            elif self.shifted_columns is not None:
                rows, dense = self._split(rows)
                total[self.shifted_columns] += dense.T @ weight[block]
                size[self.shifted_columns] += abs(dense).T @ weight[block]
            total = total + rows.T @ weight[block]
            size = size + abs(rows).T @ weight[block]
        return total, size

    def squared_distances_to(self, at, vector, exact=False):
        """Squared distances of the rows at positions `at` to ``middle + vector``, float64.

        They are computed from differences. For sparse rows this is done only if the error of
        products exceeds `TIE`, or with `exact`.
        """
        xp = self.xp
        start, stop = at.indices(self.n)[:2] if isinstance(at, slice) else (0, at.shape[0])
        out = xp.empty(stop - start, dtype=xp.float64, device=self.device)
        for block in block_slices(stop - start, 3 * 8 * self.X.shape[1]):
            whole = isinstance(at, slice)
            part = slice(start + block.start, start + block.stop) if whole else at[block]
            rows = self.fetch_float64(part)
            if sparse.issparse(rows) and not exact and self.shifted_columns is None:
                out[block] = self._squared_distances_by_products(rows, vector)
            else:
                rows = (rows.toarray() if sparse.issparse(rows) else rows) - self.middle
                out[block] = self._squares(rows - vector)
        return out

    def _squared_distances_by_products(self, rows, vector):
        sums = self._squares(rows) + vector @ vector
        out = sums - 2 * (rows @ vector)
        lost = np.flatnonzero(TIE * out < 2 * self.rounding_float64 * sums)
        out[lost] = self._squares(rows[lost].toarray() - vector)
        return out

    def nearest_to(self, target, scale, squares):
        """Position of the row nearest ``middle + target``, as an array of one; lowest of a tie.

        See `nearest_ties`.
        """
        return self.nearest_ties(target, scale, squares)[:1]

    def nearest_ties(self, target, scale, squares):
        """Positions of the rows that tie for the nearest to ``middle + target``, ascending.

        On a device this is the lowest of them only.

        Parameters
        ----------
        target : array of shape (n_features,), float64
        scale : array of shape (n_features,), float64
            Sum of the absolute values of which `target` is the sum, for its rounding error.
        squares : array of shape (n,), float64
            Squared norms of the shifted rows; infinite for rows that are excluded.

        Notes
        -----
        Time: one product of the table and a vector. Rows that tie up to its rounding are compared
        by differences. On a device all rows are compared by differences, as reading the number of
        ties would synchronize the host.
        """
        xp = self.xp
        if is_foreign(self.X):
            values = self.squared_distances_to(slice(0, self.n), target)
            first = xp.argmin(xp.where(xp.isfinite(squares), values, xp.inf), keepdims=True)
            more, width = self._excess(slice(0, self.n), first, target, scale)
            more = xp.where(xp.isfinite(squares), more, xp.inf)
            top = xp.argmin(more, keepdims=True)
            tied = more - more[top] <= TIE * (width + width[top])
            return xp.argmax(xp.astype(tied, xp.int8), keepdims=True)
        # Squared distances minus |target|^2; `error` bounds their rounding, ties included.
        values = self.dot(-2 * target)
        values += squares
        length, size = float(target @ target) ** 0.5, float(scale @ scale) ** 0.5
        most = 2 * (self.most_square**0.5 + length)
        # Products of sparse rows are those of rows that are not shifted.
        unshifted = 0.0 if self.shifted_columns is None else float(self.middle @ self.middle) ** 0.5
        unshifted *= 4 * length
        error = self.rounding * (most**2 + unshifted) + 4 * TIE * most * (2 * most + size)
        at = np.flatnonzero(values <= values.min() + 2 * error)
        if len(at) > 1:
            values, norm = values[at], squares[at] ** 0.5
            error = self.rounding * (norm * (norm + 2 * length) + unshifted)
            reach = np.sqrt(np.maximum(values + length**2, 0) + error)
            reach += reach.min()
            error += 4 * TIE * reach * (2 * reach + size)
            at = at[values - error <= (values + error).min()]
        if len(at) > 1:
            first = at[[int(self.squared_distances_to(at, target, exact=True).argmin())]]
            more, width = self._excess(at, first, target, scale)
            top = int(more.argmin())
            at = at[more - more[top] <= TIE * (width + width[top])]
        return at

    def _excess(self, at, first, target, scale):
        """Squared distances to `target` minus that of the row `first`, and sums of absolute terms.

        The latter bound the rounding error, including that of `target`. Columns in which the two
        rows are equal contribute 0 to both, for any target.
        """
        xp = self.xp
        start, stop = at.indices(self.n)[:2] if isinstance(at, slice) else (0, at.shape[0])
        more, width = (
            xp.empty(stop - start, dtype=xp.float64, device=self.device) for _ in range(2)
        )
        row = self.fetch_shifted(first)
        apart = row - target
        for block in block_slices(stop - start, 4 * 8 * self.X.shape[1]):
            whole = isinstance(at, slice)
            part = slice(start + block.start, start + block.stop) if whole else at[block]
            rows = self.fetch_shifted(part)
            sums = rows - target + apart
            rows = rows - row
            more[block] = row_products(rows, sums)
            width[block] = row_products(abs(rows), abs(sums) + 2 * abs(apart) + scale)
        return more, width

    def center(self):
        """Subtract the median of some rows if products would lose digits otherwise.

        The median is used because a single outlier can move the mean away from all other rows.
        """
        if sparse.issparse(self.X):
            return
        self.centered = True
        center = self._center() if self.whole is None else self.whole.center
        if center is None:
            return
        if self.narrow:
            self.X = self._cast(self.X) - self._cast(center)
        else:
            self.offset = self._cast(center)
        self.middle = self.xp.astype(center, self.xp.float64)

    def _center(self):
        """The median of some rows; None if a shift by it is not needed."""
        xp = self.xp
        some = self.fetch(xp.asarray(some_rows(self.n), device=self.device))
        at = some.shape[0] // 2
        center = xp.sort(some, axis=0)[at, :]
        norm, shifted = (float(xp.sort(self._squares(x))[at]) for x in (some, some - center))
        return center if self.narrow or norm > 4 * shifted else None

    def shift_sparse(self):
        """Shift the columns with few zeros in `mean`, `squares` and `dot`, if digits are lost else.

        The condition and the shift are those of `center`. Stored values are not changed, and
        `fetch` returns rows without the shift.
        """
        some = self.fetch(some_rows(self.n))
        stored = np.bincount(some.indices, minlength=some.shape[1])
        columns = np.flatnonzero(2 * stored > some.shape[0])
        if len(columns) == 0:
            return
        at = some.shape[0] // 2
        self.middle = np.zeros(some.shape[1])
        self.middle[columns] = np.sort(some[:, columns].toarray(), axis=0)[at]
        norm = np.sort(self._squares(some))[at]
        self.shifted_columns = columns
        if not norm > 4 * np.sort(self._shifted_squares(some))[at]:
            self.middle, self.shifted_columns = 0.0, None

    def products(self, left, at):
        """``left @ rows.T``, (len(left), len(at)), for dense `left`."""
        if self.streamed:
            return self._products_in_parts(left, at)
        rows = self.fetch(at)
        return (rows @ left.T).T if sparse.issparse(rows) else left @ rows.T

    def products_by_row(self, at, left):
        """``rows @ left.T``, (len(at), len(left)), where the products of a row are adjacent."""
        return self.products(left, at).T if self.streamed else self.fetch(at) @ left.T

    def _products_in_parts(self, left, at):
        """The same for a streamed table: few rows are on the device at a time."""
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
        """Number of dense rows that take a quarter of `working_memory`."""
        memory = sklearn.get_config()["working_memory"] * 2**20 / 4
        return max(1, int(memory // (self.X.shape[1] * self.itemsize)))
