"""Distances of the rows of a table to their mean, or to one row, accurate to the last digits.

Differences are computed in float64 before they are squared, so neither columns far from zero nor
outliers reduce the accuracy of the distances of other rows.
"""

import numpy as np
from scipy import sparse
from sklearn.metrics import pairwise_distances

from skcoreset._backend import is_foreign, row_products, to_numpy
from skcoreset._kernels.compact import elementwise
from skcoreset._kernels.stored_rows import StoredRows

__all__ = ["CenteredPartitions", "CenteredRows", "distances_to_mean"]

EPS = 2.0**-52
SAFE = 2.0**300  # squares of what is below it, and above one through it, are far from the limits


class CenteredRows:
    """Distances of rows of `X` to a point, free of cancellation, overflow and underflow.

    Lengths are multiples of `unit`, a power of two chosen for the table, so that squares neither
    overflow nor underflow. Compare only lengths of the same object.

    Parameters
    ----------
    X : array or csr in canonical format, of shape (n, n_features)
    rows : ndarray of int, optional
    directions : bool
        Whether each row is divided by its norm. Rows of zeros are not changed.
    largest : float, optional
        Largest absolute value in the table, if it has other rows too.
    """

    def __init__(self, X, rows=None, directions=False, largest=None):
        self.table = X, rows
        self.rows = StoredRows(X, rows, may_copy=False)
        self.xp, self.device, self.n = self.rows.xp, self.rows.device, self.rows.n
        self.sparse = sparse.issparse(X)
        self.n_features = X.shape[1]
        per_row = X.nnz / max(1, X.shape[0]) if self.sparse else X.shape[1]
        self.blocks = self.rows.blocks(4 * 8 * int(per_row + 1))
        self.unit, self.norms = 1.0, None  # `_largest` reads rows
        if largest is None:
            largest = max((self._largest(self.fetch(block)) for block in self.blocks), default=0.0)
        self.largest = largest
        self.unit = _unit(largest)
        self.rounding = _rounding(self.n_features)
        if directions:
            norms = self.xp.asarray(self.lengths(), device=self.device)
            self.norms = self.xp.where(norms > 0, norms, 1.0)

    def _zeros(self):
        return self.xp.zeros(self.n_features, dtype=self.xp.float64, device=self.device)

    def _largest(self, rows):
        values = rows.data if self.sparse else rows
        return float(self.xp.max(self.xp.abs(values))) if min(values.shape) else 0.0

    def fetch(self, at):
        """Rows at positions `at`, divided by `unit`, float64."""
        rows = self.rows.fetch_float64(at)
        if self.unit != 1:
            rows = rows / self.unit
        if self.norms is None:
            return rows
        norms = self.norms[at]
        if self.sparse:
            return sparse.csr_array(
                (rows.data / np.repeat(norms, np.diff(rows.indptr)), rows.indices, rows.indptr),
                shape=rows.shape,
            )
        return rows / norms[:, None]

    def mean(self, weight):
        """Weighted mean as (high, low), where low is the rounding error of high.

        `weight` is a NumPy array of any scale.
        """
        weight = weight / weight.max()
        total = float(weight.sum())
        high = self.sums(weight) / total
        return high, self.sums(weight, high) / total

    def sums(self, weight, less=None):
        """Weighted sums of the rows, or of the rows minus `less`; `weight` has the maximum 1."""
        on_device = self.xp.asarray(weight, dtype=self.xp.float64, device=self.device)
        out = self._column_sums(on_device, less=less)
        if self.sparse and less is not None:  # of the zeros that are not stored
            for part in _exact_parts(weight):
                out = out - less * (part.sum() - self._column_sums(part, stored=True))
        return out

    def to_point(self, point, metric):
        """Distance of each row to the point, by another metric; a NumPy array."""
        point = (self.unit * (point[0] + point[1]))[None, :]
        out = [
            pairwise_distances(self.rows.fetch_float64(block), point, metric=metric)[:, 0]
            for block in self.blocks
        ]
        return np.concatenate(out).astype(np.float64) if out else np.zeros(0)

    def as_directions(self):
        """The same rows, each divided by its norm."""
        return CenteredRows(*self.table, True, self.largest)

    def _column_sums(self, weight, less=None, stored=False):
        """Weighted column sums of the (stored) entries minus `less`, or of ones if `stored`."""
        out = self._zeros()
        for block in self.blocks:
            rows = self.fetch(block)
            if self.sparse and (stored or less is not None):
                data = np.ones_like(rows.data) if stored else rows.data - less[rows.indices]
                rows = sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)
            elif less is not None:
                rows = rows - less
            out = out + rows.T @ weight[block]
        return out

    def row(self, at):
        """The row at position `at` as (high, None), as it has no rounding error."""
        row = self.fetch(self.xp.asarray([at], device=self.device))
        row = row.toarray() if self.sparse else row
        return row[0, :], None

    def lengths(self):
        """Norm of each row, a NumPy array in `unit`."""
        return self.distances((self._zeros(), None))

    def distances(self, point):
        """Distance of each row to the point (high, low or None), a NumPy array in `unit`."""
        squares = self._sparse_squares if self.sparse else self._dense_squares
        out = [to_numpy(part) for part in squares(point)]
        return np.sqrt(np.concatenate(out)) if out else np.zeros(0)

    def _dense_squares(self, point):
        high, low = point
        for block in self.blocks:
            gaps = self.fetch(block) - high
            if low is not None:
                gaps = gaps - low
            yield row_products(gaps, gaps)

    def _sparse_squares(self, point):
        """Squared distances from stored entries, and the squares of the point elsewhere."""
        high, low = point
        parts = _exact_parts((high if low is None else high + low) ** 2)
        totals = [part.sum() for part in parts]
        for block in self.blocks:
            rows = self.fetch(block)
            gaps = rows.data - high[rows.indices]
            if low is not None:
                gaps -= low[rows.indices]
            squares = _row_sums(gaps * gaps, rows)
            for part, total in zip(parts, totals, strict=True):
                squares += total - _row_sums(part[rows.indices], rows)
            yield squares


class CenteredPartitions:
    """`CenteredRows` of a table in row partitions.

    Parameters
    ----------
    parts : partitions
        See `skcoreset._dask.Partitions`.
    rows : list
        For each partition the positions of the rows that are used, an array, or None for all.
    """

    xp = np

    def __init__(self, parts, rows, directions=False, largest=None):
        self.parts, self.at, self.directions, self.largest = parts, rows, directions, largest
        found = parts.map(_shape_and_largest, rows)
        self.lengths_of = [n for n, _, _ in found]
        self.n = sum(self.lengths_of)
        self.rounding = _rounding(found[0][1])
        if largest is None:
            self.largest = max(most for _, _, most in found)
        self.unit = _unit(self.largest)

    def _each(self, name, *args):
        """A method of `CenteredRows` for each partition."""
        shared = (self.directions, self.largest, name, args)
        return self.parts.map(_of_part, self.at, shared=shared)

    def mean(self, weight):
        """Weighted mean as (high, low), where low is the rounding error of high."""
        most = weight.max()
        weight = elementwise(lambda values: values / most, weight)
        total, parts = float(weight.sum()), np.split(weight, np.cumsum(self.lengths_of)[:-1])
        high = self._sums(parts, None) / total
        return high, self._sums(parts, high) / total

    def _sums(self, weights, less):
        shared = (self.directions, self.largest, less)
        return sum(self.parts.map(_sums_of_part, self.at, weights, shared=shared))

    def lengths(self):
        """Norm of each row."""
        return np.concatenate(self._each("lengths"))

    def distances(self, point):
        """Distance of each row to the point (high, low or None)."""
        return np.concatenate(self._each("distances", point))

    def to_point(self, point, metric):
        """Distance of each row to the point, by another metric."""
        return np.concatenate(self._each("to_point", point, metric))

    def as_directions(self):
        """The same rows, each divided by its norm."""
        return CenteredPartitions(self.parts, self.at, True, self.largest)


def _shape_and_largest(X, rows):
    around = CenteredRows(X, rows)
    return around.n, around.n_features, around.largest


def _of_part(X, rows, directions, largest, name, args):
    return getattr(CenteredRows(X, rows, directions, largest), name)(*args)


def _sums_of_part(X, rows, weight, directions, largest, less):
    return CenteredRows(X, rows, directions, largest).sums(weight, less)


def _unit(largest):
    if largest > 0 and not 1 / SAFE < largest < SAFE:
        return 2.0 ** max(-1000, int(np.frexp(largest)[1]))
    return 1.0


def _rounding(n_features):
    """Relative rounding error of an inner product: a few eps, times sqrt(d) / 4 as measured."""
    return (4 + n_features**0.5 / 4) * EPS


def _row_sums(values, rows):
    of = sparse.csr_array((values, rows.indices, rows.indptr), shape=rows.shape)
    return of @ np.ones(rows.shape[1])


def _exact_parts(values):
    """Arrays that add up to the positive `values`, each of which can be summed without rounding.

    So a sum of some entries is exactly the total minus the sum of the others.
    """
    parts = []
    for _ in range(3):
        unit = 2.0 ** max(-1000, int(np.frexp(values.sum())[1]) - 51)
        parts.append(np.rint(values / unit) * unit)
        values = values - parts[-1]
    return parts


def distances_to_mean(around, metric, weight):
    """Distance of each row to the weighted mean, and a bound of its rounding error.

    Parameters
    ----------
    around : CenteredRows or CenteredPartitions
    metric : str or callable
        As in :func:`skcoreset._kernels.distances.pairs`, except "precomputed".
    weight : ndarray of shape (n_rows,)
        Positive, of any scale.

    Returns
    -------
    distances, error_bound : ndarray of shape (n_rows,)
        Euclidean distances are multiples of an unknown unit.

    Notes
    -----
    Time: n d, the table is read four times. Memory: vectors of n, and blocks.
    """
    mean = high, low = around.mean(weight)
    weight = weight / weight.max()
    rounding = around.rounding

    def average(values):
        return weight @ values / weight.sum()

    if metric in ("euclidean", "l2"):
        distances = around.distances(mean)
        return distances, rounding * (distances + average(distances))
    if metric == "cosine":
        norm = float(around.xp.sum((high + low) ** 2)) ** 0.5
        lengths = around.lengths()
        of_rows = average(lengths)
        if norm <= rounding * of_rows:  # the mean is zero up to rounding: no direction
            return np.ones(around.n), np.zeros(around.n)
        # Half the squared distance of the directions, as 1 - cos cancels for near rows.
        apart = around.as_directions().distances((high / norm, low / norm))
        apart = np.where(lengths > 0, apart, 2**0.5)
        return apart**2 / 2, rounding * (1 + of_rows / norm) * apart
    if is_foreign(high):
        raise TypeError(
            f"metric={metric!r} works on NumPy arrays, data frames and scipy.sparse; "
            f"on {around.xp.__name__} arrays use 'euclidean' or 'cosine'."
        )
    distances = around.to_point(mean, metric)
    with np.errstate(invalid="ignore"):  # the caller raises an error that names the row
        return distances, rounding * (distances + average(distances))
