"""Tables whose rows are outer products ``a_i (x) [1, h_i]``, computed from the factors.

Gradients in the last layer have this form. The factors are n x C errors and n x d features; the
gradients would be n x C(d + 1) numbers. An inner product is ``(a_i . a_j) (1 + h_i . h_j)``.
"""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, row_products
from skcoreset._kernels.distances import replace_inexact
from skcoreset._kernels.stored_rows import StoredRows

__all__ = ["OuterProducts"]


class OuterProducts:
    """Inner products, distances and sums of the rows ``a_i (x) [bias, h_i]``.

    Parameters
    ----------
    a : array of shape (n, n_outputs)
    h : array or csr of shape (n, n_features), or None
        None: the rows are the ``a_i`` alone.
    bias : bool
        Whether a 1 is prepended to ``h_i``.
    rows : ndarray of int, optional
        Positions of the rows that are used; all by default.
    in_float64 : bool
        Whether products of float32 factors are computed in float64.
    """

    def __init__(self, a, h=None, bias=True, rows=None, in_float64=False):
        self.created_from = a, h, bias, rows
        self.a = StoredRows(a, rows, may_copy=False, in_float64=in_float64)
        self.h = None if h is None else StoredRows(h, rows, may_copy=False, in_float64=in_float64)
        self.bias = 1.0 if bias or h is None else 0.0
        self.xp, self.device, self.n = self.a.xp, self.a.device, self.a.n
        parts = [self.a] if h is None else [self.a, self.h]
        self.tables = parts
        sizes = [part.itemsize for part in parts]
        self.sq = self.a.squares() * (self.bias + (0 if h is None else self.h.squares()))
        # Float64 if both factors are, or if the squares of one exceed the range of float32.
        exact = min(sizes) == 8 or sizes != [part.itemsize for part in parts]
        self.dtype = self.xp.float64 if exact else self.xp.float32
        self.itemsize, self.eps = (8, 2.0**-52) if exact else (4, 2.0**-23)

    def as_float64(self):
        """The same table with all products in float64."""
        parts = [self.a] if self.h is None else [self.a, self.h]
        exact = all(part.itemsize == 8 for part in parts)
        return self if exact else OuterProducts(*self.created_from, in_float64=True)

    @property
    def terms(self):
        """Multiplications for an inner product."""
        return self.a.terms + (0 if self.h is None else self.h.terms)

    @property
    def most_square(self):
        """The largest squared norm of a row."""
        return float(self.xp.max(self.sq))

    @property
    def copied_bytes(self):
        return self.a.copied_bytes + (0 if self.h is None else self.h.copied_bytes)

    def inner(self, columns, rows):
        """Inner products, (len(columns), len(rows)). Cost: C + d multiplications for each."""
        out = self.a.products(self.a.fetch_dense(columns), rows)
        if self.h is not None:
            out = out * (self.h.products(self.h.fetch_dense(columns), rows) + self.bias)
        return self.xp.astype(out, self.dtype, copy=False)

    def distances(self, columns, rows):
        """Euclidean distances, not squared, (len(columns), len(rows)), all with their digits."""
        D = self.inner(columns, rows)
        D *= -2
        sq = self.xp.astype(self.sq, self.dtype, copy=False)
        D += sq[columns][:, None]
        D += sq[rows][None, :]
        replace_inexact(D, columns, rows, sq, self.n, self.exact_pairs)
        D **= 0.5
        return D

    def exact_pairs(self, left, right):
        """Squared distances of pairs, from differences, float64.

        ``g - g' = a (x) (h - h') + (a - a') (x) h'``, whose squared norm has no cancellation of
        large numbers.
        """
        out = self.xp.empty(left.shape[0], dtype=self.xp.float64, device=self.device)
        width = self.a.X.shape[1] + (0 if self.h is None else self.h.X.shape[1])
        for block in block_slices(left.shape[0], 3 * 8 * width):
            out[block] = self._exact_pairs(left[block], right[block])
        return out

    def _exact_pairs(self, left, right):
        a, b = self.a.fetch_float64(left), self.a.fetch_float64(right)
        da = a - b
        if self.h is None:
            return row_products(da, da)
        h, g = self.h.fetch_float64(left), self.h.fetch_float64(right)
        dh = h - g
        out = (
            _dots(a, a) * _dots(dh, dh)
            + _dots(da, da) * (self.bias + _dots(g, g))
            + 2 * _dots(a, da) * _dots(dh, g)
        )
        return self.xp.where(out > 0, out, 0.0)

    def total(self, weight):
        """``sum_i w_i a_i (x) [1, h_i]`` as a matrix (n_outputs, bias + n_features), float64."""
        xp = self.xp
        weight = xp.asarray(weight, dtype=xp.float64, device=self.device)
        out = 0.0
        for block in self._blocks():
            a = self.a.fetch_float64(block) * weight[block][:, None]
            if self.h is None:
                part = xp.sum(a, axis=0)[:, None]
            else:
                h = self.h.fetch_float64(block)
                part = (h.T @ a).T
                if self.bias:
                    part = xp.concat([xp.sum(a, axis=0)[:, None], part], axis=1)
            out = out + part
        return out

    def correlate(self, matrix):
        """Inner product of every row with such a matrix, float64, (n,)."""
        xp = self.xp
        out = xp.empty(self.n, dtype=xp.float64, device=self.device)
        for block in self._blocks():
            a = self.a.fetch_float64(block)
            if self.h is None:
                out[block] = (a @ matrix)[:, 0]
                continue
            first = 1 if self.bias else 0
            value = self.h.fetch_float64(block) @ matrix[:, first:].T
            if self.bias:
                value = value + matrix[:, 0][None, :]
            out[block] = xp.sum(a * value, axis=1)
        return out

    def _blocks(self):
        width = self.a.X.shape[1] + (0 if self.h is None else self.h.X.shape[1])
        return self.a.blocks(3 * 8 * width)

    def explicit(self):
        """The outer products, (n, n_outputs * (bias + n_features)); for small tables."""
        every = slice(0, self.n)
        a = self.a.fetch_float64(every)
        if self.h is None:
            return a
        h = self.h.fetch_dense(every)
        if self.bias:
            one = self.xp.ones((self.n, 1), dtype=self.xp.float64, device=self.device)
            h = self.xp.concat([one, self.xp.astype(h, self.xp.float64)], axis=1)
        return self.xp.reshape(a[:, :, None] * h[:, None, :], (self.n, -1))


def _dots(left, right):
    """Inner product of each row of `left` with that of `right`."""
    if sparse.issparse(left):
        return np.asarray(left.multiply(right).sum(axis=1)).ravel()
    return row_products(left, right)
