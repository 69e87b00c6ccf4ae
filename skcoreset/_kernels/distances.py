"""Distances and kernels between the rows of one table, on demand and in blocks.

The n x n matrix never exists: a selection kernel asks an object of this file for the few values
it needs. Positions are those within the table (or within the `rows` of it that are in play).

``block(columns, rows)``
    matrix (len(columns), len(rows)) of values; `rows` may be a slice.
``among(columns)``
    function of positions within `columns`: their values with all `columns`, in float64 and as exact
    as these can be had.

Distances answer more questions, because products round and picks must not depend on that:

``rough(columns, rows)``
    as ``block``, but for pairs whose products have lost their digits: there it is anything.
``direct(left, right)``
    value of each pair (left[i], right[i]) without cancellation, float64.
``slack(values, rows)``, ``width(values, rows)``
    how far rounding may have moved values of ``rough``, and of ``block``.
``tie``
    (factor, term): values of ``direct`` that are closer than ``factor * value + term`` are equal.

Euclidean distances stay squared until ``distance(values)`` makes real ones of them.
"""

from numbers import Real

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
    put,
    row_products,
)

__all__ = ["gram", "mend", "pairs"]

NARROW = 32
# Squared distances without cancellation that are relatively closer than this are equal.
TIE = 2.0**-40
# Kernel values of which distances are known less exactly are computed from differences.
KERNEL_ERROR = 2.0**-45
# Squares of float32 rows are in its range, and so is what is a millionth of them or less.
SINGLE_SQUARES = 1e-20, 1e30


class _Rows:
    """Rows of `X` (all, or those at positions `rows`), shifted where products would lose digits.

    `wide` says that float32 rows become float64 as they are fetched.
    """

    def __init__(self, X, rows=None, may_copy=True, wide=False):
        self.xp, self.device, self.terms = namespace(X), device_of(X), X.shape[1]
        self.given = X, rows
        # A few columns are copied, so that they can be shifted once and for all.
        whole = not sparse.issparse(X) and not isinstance(X, Streamed)
        self.narrow = may_copy and whole and X.shape[1] <= NARROW
        # Sparse rows are not shifted, so their products need the digits of float64.
        self._work_in("float32" in str(X.dtype) and not sparse.issparse(X) and not wide)
        self.X, self.rows, self.offset = X, None, None
        self.n, self.numbers = X.shape[0], rows
        if rows is not None:
            self.n = len(rows)
            self.rows = self.xp.asarray(rows, device=self.device)
            if self.narrow or self._a_copy_fits():
                self.X, self.rows = self.fetch(slice(0, self.n)), None
        elif self.narrow:
            self.X = self._cast(X)
        # The rows as they are, for differences: a shift rounds what is small beside it.
        self.source, self.middle, self.centred = self.X, 0.0, False

    def _work_in(self, single):
        self.dtype = self.xp.float32 if single else self.xp.float64
        self.itemsize, self.eps = (4, 2.0**-23) if single else (8, 2.0**-52)
        # An inner product of d terms is off by a few eps, times sqrt(d) / 4 or less as measured.
        terms = 8 + self.terms**0.5
        self.rounding, self.rounding_wide = terms * self.eps, terms * 2.0**-52

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

    def number_of(self, position):
        """The number of a row in the table, by its position among those that are in play."""
        return int(position if self.numbers is None else self.numbers[int(position)])

    def fetch(self, at):
        """Rows at positions `at` (a slice or an index array), shifted by `offset`."""
        rows = self._take(self.X, at)
        if rows.dtype != self.dtype:
            rows = self._cast(rows)
        return rows if self.offset is None else rows - self.offset

    def _finite(self, values, columns, rows, what):
        """`values` of `columns` and `rows`, or an error that names two of them."""
        if not np.isfinite(values).all():
            left, right = (int(at[0]) for at in np.nonzero(~np.isfinite(values)))
            every = np.arange(self.n)
            left, right = (
                self.number_of(every[at][i]) for at, i in ((columns, left), (rows, right))
            )
            raise ValueError(
                f"{what} is {values[~np.isfinite(values)][0]} between rows {left} and {right} of "
                "X; values must not be NaN or infinite. Leave out or change such rows, scale X, "
                "or use another one."
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
        """The rows as they are, neither shifted nor of another type."""
        return self._take(self.source, at)

    def fetch_wide(self, at):
        """The same in float64; sparse rows stay sparse."""
        rows = self.fetch_source(at)
        if sparse.issparse(rows):
            return rows.astype(np.float64)
        return self.xp.astype(rows, self.xp.float64, copy=False)

    def fetch_shifted(self, at):
        """The rows less `middle`, dense and in float64."""
        rows = self.fetch_wide(at)
        return (rows.toarray() if sparse.issparse(rows) else rows) - self.middle

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
        """Squared norms of the shifted rows, float64.

        A float32 table whose squares leave the range of float32 is worked on in float64 from here
        on.
        """
        squares = self.each(self._squares)
        if self.itemsize == 4:
            most = float(self.xp.max(squares))
            if not SINGLE_SQUARES[0] < most < SINGLE_SQUARES[1]:
                self._work_in(single=False)
                self.X, self.offset = self._cast(self.source) if self.narrow else self.source, None
                if self.centred:
                    self.centre()
                squares = self.each(self._squares)
        finite = self.xp.isfinite(squares)
        if not self.xp.all(finite):
            row = self.number_of(self.xp.nonzero(~finite)[0][0])
            raise ValueError(
                f"Row {row} of X holds values whose squares are too large for {self.dtype}. Scale "
                "X, mark missing values as NaN and fill them in."
            )
        return squares

    def _squares(self, rows):
        with np.errstate(over="ignore"):  # `squares` says so where it matters
            return self._row_products(rows, rows)

    def _row_products(self, left, right):
        if sparse.issparse(left):
            return np.asarray(left.multiply(right).sum(axis=1)).ravel()
        return row_products(left, right)

    def mean(self, weight=None):
        """(Weighted) mean of the rows less `middle`, and of their absolute values; float64."""
        xp = self.xp
        if weight is None:
            weight = self.vector(1.0, xp.float64)
        else:
            weight = xp.asarray(weight, dtype=xp.float64, device=self.device)
            weight = weight / xp.max(weight)
        total = xp.zeros(self.X.shape[1], dtype=xp.float64, device=self.device)
        size = 0 * total
        for block in self.blocks(3 * 8 * self.X.shape[1]):
            rows = self.fetch_wide(block)
            if not sparse.issparse(rows):
                rows = rows - self.middle
            total = total + rows.T @ weight[block]
            size = size + abs(rows).T @ weight[block]
        weight = xp.sum(weight)
        return total / weight, size / weight

    def to_vector(self, at, vector, exact=False):
        """Squared distances of the rows at positions `at` from ``middle + vector``, float64.

        By differences; of sparse rows only where products lose more than `TIE`, unless `exact`.
        """
        xp = self.xp
        start, stop = at.indices(self.n)[:2] if isinstance(at, slice) else (0, at.shape[0])
        out = xp.empty(stop - start, dtype=xp.float64, device=self.device)
        for block in block_slices(stop - start, 3 * 8 * self.X.shape[1]):
            whole = isinstance(at, slice)
            part = slice(start + block.start, start + block.stop) if whole else at[block]
            rows = self.fetch_wide(part)
            if sparse.issparse(rows) and not exact:
                out[block] = self._to_vector_by_products(rows, vector)
            else:
                rows = rows.toarray() if sparse.issparse(rows) else rows - self.middle
                out[block] = self._squares(rows - vector)
        return out

    def _to_vector_by_products(self, rows, vector):
        sums = self._squares(rows) + vector @ vector
        out = sums - 2 * (rows @ vector)
        lost = np.flatnonzero(TIE * out < 2 * self.rounding_wide * sums)
        out[lost] = self._squares(rows[lost].toarray() - vector)
        return out

    def nearest_to(self, target, scale, squares):
        """Position of the row nearest ``middle + target``, as an array of one; lowest of a tie.

        Parameters
        ----------
        target : array of shape (n_features,), float64
        scale : array of shape (n_features,), float64
            Size of the numbers that `target` was added up from, each of which was rounded.
        squares : array of shape (n,), float64
            Of the shifted rows; infinite for rows that are out of the question.

        Notes
        -----
        Products say which rows it can be, and differences which of these it is. On a device all is
        done by differences, as reading which rows it can be would make the host wait.
        """
        xp = self.xp
        if is_foreign(self.X):
            values = self.to_vector(slice(0, self.n), target)
            first = xp.argmin(xp.where(xp.isfinite(squares), values, xp.inf), keepdims=True)
            more, width = self._farther(slice(0, self.n), first, target, scale)
            more = xp.where(xp.isfinite(squares), more, xp.inf)
            top = xp.argmin(more, keepdims=True)
            tied = more - more[top] <= TIE * (width + width[top])
            return xp.argmax(xp.astype(tied, xp.int8), keepdims=True)
        # Squared distances less that of the target, how far they are off, and what a tie is.
        values = self.dot(-2 * target)
        values += squares
        length, size = float(target @ target) ** 0.5, float(scale @ scale) ** 0.5
        most = 2 * (self.most_square**0.5 + length)
        error = self.rounding * most**2 + 4 * TIE * most * (2 * most + size)
        at = np.flatnonzero(values <= values.min() + 2 * error)
        if len(at) > 1:
            values, norm = values[at], squares[at] ** 0.5
            error = self.rounding * norm * (norm + 2 * length)
            reach = np.sqrt(np.maximum(values + length**2, 0) + error)
            reach += reach.min()
            error += 4 * TIE * reach * (2 * reach + size)
            at = at[values - error <= (values + error).min()]
        if len(at) > 1:
            first = at[[int(self.to_vector(at, target, exact=True).argmin())]]
            more, width = self._farther(at, first, target, scale)
            top = int(more.argmin())
            at = at[more - more[top] <= TIE * (width + width[top])]
        return at[:1]

    def _farther(self, at, first, target, scale):
        """By how much the squared distances from `target` are over that of the row `first`.

        And what that was added up from, the rounding of `target` included. Columns in which two
        rows are equal do not count, however far the target is from both.
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
        self.centred, xp = True, self.xp
        some = self.fetch(xp.arange(0, self.n, max(1, self.n // 256), device=self.device))
        at = some.shape[0] // 2
        centre = xp.sort(some, axis=0)[at, :]
        norm, shifted = (float(xp.sort(self._squares(x))[at]) for x in (some, some - centre))
        if self.narrow:
            self.X = self._cast(self.X) - centre
        elif norm > 4 * shifted:
            self.offset = centre
        else:
            return
        self.middle = xp.astype(centre, xp.float64)

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

    A value that is small beside the squared norms it was computed from has lost its digits: it is
    ``doubtful``, and ``direct`` takes that pair from its difference.
    """

    cancels = refines = True
    tie = TIE, 0.0

    def __init__(self, X, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        self.centre()
        self.sq = self._cast(self.squares())
        self.most_square = float(self.xp.max(self.sq))
        # What is left is right to a thousandth in float32, to 1e-7 in float64; as a rule to a tenth
        # of that.
        self.doubt = 2.0**-8 if self.itemsize == 4 else 2.0**-24
        if self.narrow:  # one product gives the whole sum: x, |x|^2, 1 times -2c, 1, |c|^2
            sq, one = self.sq[:, None], self.vector(1.0)[:, None]
            self.augmented = self.xp.concat([self.X, sq, one], axis=1)

    def rough(self, columns, rows):
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

    def block(self, columns, rows):
        xp, D = self.xp, self.rough(columns, rows)
        if D.shape[0] and D.shape[1] and xp.any(self.lost(xp.min(D, axis=0), rows)):
            doubtful = self.doubtful(D, columns, rows, grid=True)
            left, right = xp.nonzero(doubtful)
            if left.shape[0]:
                every = xp.arange(self.n, device=self.device)
                exact = self.direct(every[columns][left], every[rows][right])
                D[doubtful] = self._cast(exact)
        return D

    def among(self, columns):
        rows = self.fetch_wide(columns)
        if not sparse.issparse(rows):
            rows = rows - self.middle
        sq = self._squares(rows)

        def of(some):
            D = self.products_among(rows, some)
            D *= -2
            sums = sq[some][:, None] + sq[None, :]
            D += sums
            sums *= 2 * self.rounding_wide / TIE
            itself = some[:, None] == self.xp.arange(sq.shape[0], device=self.device)[None, :]
            D[itself] = 0.0
            doubtful = (sums > D) & ~itself
            left, right = self.xp.nonzero(doubtful)
            if left.shape[0]:
                D[doubtful] = self.direct(columns[some[left]], columns[right])
            return D

        return of

    def doubtful(self, values, columns, rows, grid=False):
        """Whether `values` of pairs, or with `grid` of all columns with all rows, are lost."""
        left, right = self.sq[columns], self.sq[rows]
        if grid:
            left, right = left[:, None], right[None, :]
        return values < self.doubt * (left + right)

    def lost(self, lowest, rows):
        """Whether one of the values of a row can be doubtful, `lowest` being the lowest of them.

        A column whose norm is over twice that of the row is too far from it to be a matter of
        doubt, so the squared norms add up to less than 5 times that of the row.
        """
        return lowest < 6 * self.doubt * self.sq[rows]

    def direct(self, left, right):
        out = self.xp.empty(left.shape[0], dtype=self.xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            out[block] = self._squares(self.fetch_wide(left[block]) - self.fetch_wide(right[block]))
        return out

    def distances(self, columns, rows):
        """Distances, not squared: (len(columns), len(rows)); those that lost digits by `direct`."""
        D = self.rough(columns, rows)
        mend(D, columns, rows, self.sq, self.n, self.direct)
        D **= 0.5
        return D

    def noise(self, rows):
        """The most that rounding may have moved any doubtful value of ``rough``, for each row."""
        return 6 * self.rounding * self.xp.astype(self.sq[rows], self.xp.float64)

    def upper_bound(self, values, rows):
        """The largest value of ``rough`` that may be as small as `values` (infinite: no limit)."""
        sq = self.xp.astype(self.sq[rows], self.xp.float64, copy=False)
        return values * (1 + 4 * self.rounding) + sq * (10 * self.rounding)

    def error(self, columns, rows):
        """The most that it may have moved each value, (len(columns), len(rows))."""
        return self.rounding * (self.sq[columns][:, None] + self.sq[rows][None, :])

    def slack(self, values, rows=slice(None)):
        return self.rounding * (self.sq[rows] + values)

    def width(self, values, rows=slice(None)):
        xp = self.xp
        sq = xp.astype(self.sq[rows], xp.float64, copy=False)
        return self.rounding * (values + xp.minimum(sq, values / self.doubt))

    def most_width(self, value):
        return self.rounding * (value + min(self.most_square, value / self.doubt))

    def to_mean(self, weight=None):
        return self.to_vector(slice(0, self.n), self.mean(weight)[0])

    def nearest_to_mean(self, weight):
        squares = self.xp.astype(self.sq, self.xp.float64)
        return int(self.nearest_to(*self.mean(weight), squares)[0])

    def distance(self, values):
        xp = namespace(values)
        return xp.sqrt(xp.clip(values, min=0))

    def as_float64(self):
        """The same distances, with all products in float64."""
        return self if self.itemsize == 8 else Euclidean(*self.given, wide=True)


class Cosine(_Rows):
    """``1 - cos(x, c)``; a row of zeros is at distance 1 from every row, as in scikit-learn."""

    cancels, most_square = False, 1.0

    def __init__(self, X, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        sq = self.squares()
        norms = self.xp.sqrt(self.xp.where(sq > 0, sq, 1.0))
        self.scale = self._cast(self.xp.where(sq > 0, 1 / norms, 0.0))
        self.refines = self.itemsize == 4
        self.tie = 0.0, max(2.0**-44, self.rounding_wide)

    def block(self, columns, rows):
        D = self.products(self.fetch_dense(columns) * -self.scale[columns][:, None], rows)
        D *= self.scale[rows][None, :]
        D += 1
        return D

    rough = block

    def among(self, columns):
        rows, scale = self._fetch_scaled(columns)

        def of(some):
            return 1 - self.products_among(rows, some) * scale[some][:, None] * scale[None, :]

        return of

    def _fetch_scaled(self, at):
        """Rows in float64, and what makes unit rows of them."""
        rows = self.fetch_wide(at)
        norms = self._squares(rows) ** 0.5
        return rows, self.xp.where(norms > 0, 1 / self.xp.where(norms > 0, norms, 1.0), 0.0)

    def direct(self, left, right):
        out = self.xp.empty(left.shape[0], dtype=self.xp.float64, device=self.device)
        for block in block_slices(left.shape[0], 4 * 8 * self.X.shape[1]):
            (x, of_x), (y, of_y) = (self._fetch_scaled(at[block]) for at in (left, right))
            out[block] = 1 - self._row_products(x, y) * of_x * of_y
        return out

    def doubtful(self, values, columns, rows):
        return values < -1

    def noise(self, rows):
        return 0.0

    def upper_bound(self, values, rows):
        return values + 4 * self.rounding

    def slack(self, values, rows=slice(None)):
        return 0 * values + self.rounding

    width = slack

    def most_width(self, value):
        return self.rounding

    def distances(self, columns, rows):
        """Those near 0 by the difference of the two rows of length 1."""
        D = self.block(columns, rows)
        mend(D, columns, rows, self.xp.full_like(self.scale, 0.5), self.n, self.apart)
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
        rows, scale = self._fetch_scaled(at)
        return (
            rows.multiply(scale[:, None]).tocsr()
            if sparse.issparse(rows)
            else rows * scale[:, None]
        )

    def to_mean(self, weight=None):
        mean = self.mean(weight)[0]
        norm = float(mean @ mean) ** 0.5 or 1.0
        return 1 - self.dot(mean) * self.scale / norm

    def distance(self, values):
        return namespace(values).clip(values, min=0)

    def as_float64(self):
        """The same distances, with all products in float64."""
        return self if self.itemsize == 8 else Cosine(*self.given, wide=True)


class Measured(_Rows):
    """Any metric of :func:`sklearn.metrics.pairwise_distances`, or a callable; host arrays only."""

    cancels = refines = False

    def __init__(self, X, metric, rows=None, wide=False):
        super().__init__(X, rows, wide=wide)
        if is_foreign(X):
            raise TypeError(
                f"metric={metric!r} works on NumPy arrays, data frames and scipy.sparse; "
                f"on {self.xp.__name__} arrays use 'euclidean' or 'cosine'."
            )
        self.metric = metric
        if metric != "precomputed":  # whatever the table is, they come in float64
            self.rounding = self.rounding_wide
        self.tie = self.rounding, 0.0

    def block(self, columns, rows):
        values = self._values(self.fetch(columns), self.fetch(rows))
        if not np.isfinite(values).all():
            # A row is at distance 0 from itself, also where the metric divides 0 by 0 there.
            every = np.arange(self.n)
            itself = every[columns][:, None] == every[rows][None, :]
            values = np.where(itself & np.isnan(values), 0.0, values)
        return self._finite(values, columns, rows, f"metric={self.metric!r}")

    def rough(self, columns, rows):
        return self.block(columns, rows)

    def _values(self, left, right):
        return pairwise_distances(left, right, metric=self.metric)

    def among(self, columns):
        return lambda some: np.asarray(self.block(columns[some], columns), dtype=np.float64)

    def doubtful(self, values, columns, rows):
        return values < -np.inf

    def noise(self, rows):
        return 0.0

    def upper_bound(self, values, rows):
        return values + 4 * self.rounding * np.abs(values)

    def slack(self, values, rows=slice(None)):
        return self.rounding * np.abs(values)

    width = most_width = slack

    def distances(self, columns, rows):
        """A row is at distance 0 from itself, whatever the metric says of it."""
        D = self.block(columns, rows)
        put(D, _same(np.arange(self.n), columns, rows), 0.0)
        return D

    def to_mean(self, weight=None):
        mean = (self.mean(weight)[0] + self.middle)[None, :]
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
        """The same distances, of rows in float64."""
        return (
            self
            if self.itemsize == 8
            else Measured(self.given[0], self.metric, self.given[1], wide=True)
        )


class Precomputed(Measured):
    """Distances that the user computed: `X` is (n, n)."""

    def __init__(self, X, rows=None):
        super().__init__(X, "precomputed")
        self.within = np.arange(X.shape[0]) if rows is None else rows
        self.n, self.numbers = len(self.within), rows

    def block(self, columns, rows):
        values = self.X[self.within[columns]][:, self.within[rows]]
        return self._finite(values, columns, rows, "metric='precomputed'")

    def to_mean(self, weight=None):
        """There is no mean to be near to; the mean distance to all others says as much."""
        weight = np.ones(self.n) if weight is None else weight / weight.max()
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


def mend(D, columns, rows, sizes, n, exact):
    """Replace values of a block that have lost their digits, in place, by those of ``exact``.

    A value is a difference of what its column and its row add up to, both in `sizes`, (n,). Only
    rows with a value that may be lost are read twice. A row is at distance 0 from itself.
    """
    if not (D.shape[0] and D.shape[1]):
        return
    xp, every = namespace(D), namespace(D).arange(n, device=device_of(D))
    itself = _same(every, columns, rows)
    put(D, itself, xp.inf)
    of_columns, of_rows = sizes[columns], sizes[rows]
    at = xp.nonzero(lost_digits(xp.min(D, axis=0), of_rows + xp.max(of_columns)))[0]
    if at.shape[0]:
        some = D if at.shape[0] == D.shape[1] else xp.take(D, at, axis=1)
        lost = lost_digits(some, of_columns[:, None] + xp.take(of_rows, at)[None, :])
        left, right = xp.nonzero(lost)
        if left.shape[0]:
            right = xp.take(at, right)
            values = exact(every[columns][left], every[rows][right])
            put(D, (left, right), xp.astype(values, D.dtype, copy=False))
    put(D, itself, 0.0)


def _same(every, columns, rows):
    """Where a block of `columns` and `rows`, one of them a slice, has rows with themselves."""
    xp = namespace(every)
    if not isinstance(rows, slice):  # few: a block of some rows with some others
        return xp.nonzero(every[columns][:, None] == every[rows][None, :])
    mine, (start, stop, _) = every[columns], rows.indices(every.shape[0])
    at = xp.nonzero((mine >= start) & (mine < stop))[0]
    return at, xp.take(mine, at) - start


def lost_digits(values, sizes):
    """Where `values` are so small beside the `sizes` they are a difference of that digits are lost.

    In float64 what is not marked is right to about 1e-13, whichever blocks it came from.
    """
    return values < 2.0**-7 * sizes


class Gram(_Rows):
    """Inner products: a row's feature is the row itself, less `middle`, which changes no pick."""

    def __init__(self, X, rows=None):
        super().__init__(X, rows)
        self.centre()
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


class KernelGram(_Rows):
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
        self.apart = None
        gamma = self.params.get("gamma")
        if kernel == "rbf" and isinstance(gamma, Real | None) and set(self.params) <= {"gamma"}:
            self.gamma = 1 / self.terms if gamma is None else float(gamma)
            self.apart = Euclidean(X, rows, wide=True)
        self.diagonal = np.concatenate(
            [np.diagonal(self.block(b, b)) for b in block_slices(self.n, 2**15)]
        )

    def block(self, columns, rows):
        if self.apart is not None:
            K = self._rbf(columns, rows)
        else:
            left, right = self.fetch_wide(columns), self.fetch_wide(rows)
            K = pairwise_kernels(left, right, metric=self.kernel, **self.params)
            K = np.asarray(K.toarray() if sparse.issparse(K) else K, dtype=np.float64)
        return self._finite(K, columns, rows, f"kernel={self.kernel!r}")

    def _rbf(self, columns, rows):
        K = self.apart.rough(columns, rows)
        K *= -self.gamma
        np.exp(K, out=K)
        if abs(self.gamma) * 2 * self.apart.rounding * self.apart.most_square > KERNEL_ERROR:
            error = self.apart.error(columns, rows)
            error *= K
            lost = abs(self.gamma) * error > KERNEL_ERROR
            left, right = np.nonzero(lost)
            every = np.arange(self.n)
            K[lost] = np.exp(
                -self.gamma * self.apart.direct(every[columns][left], every[rows][right])
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
