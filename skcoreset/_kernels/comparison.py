"""How a weighted selection of rows differs from the whole table, for reports."""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices
from skcoreset._kernels.neighbors import nearest_neighbors

__all__ = [
    "Categories",
    "MeanEmbedding",
    "Means",
    "Numbers",
    "SparseNumbers",
    "distances_to_selected",
    "effective_size",
    "gaps_within",
]

# A column of a sparse table whose standard deviation is smaller relative to its largest value is
# constant up to rounding.
CONSTANT = 2.0**-40


def effective_size(weight):
    """``sum(w)^2 / sum(w^2)``."""
    share = weight / weight.max()
    return float(share.sum() ** 2 / (share @ share))


# Means ----------------------------------------------------------------------------------------


class Means:
    """Means and standard deviations of the columns of a table, computed from differences.

    Parameters
    ----------
    X : ndarray or csr of shape (n, n_features)
        Finite.
    weight : ndarray of shape (n,)
    """

    def __init__(self, X, weight):
        self.X, self.origin = X, 0.0
        share = weight / weight.sum()
        if sparse.issparse(X):
            self.unit = abs(X).max(axis=0).toarray().ravel().astype(np.float64)
        else:  # one row is subtracted, so that no digits are lost far from the origin
            self.origin = X[0].astype(np.float64)
            self.unit = np.zeros(X.shape[1])
            for block in self._blocks(len(weight)):
                apart = np.abs(X[block] - self.origin).max(axis=0)
                self.unit = np.maximum(self.unit, apart)
        self.unit[self.unit == 0] = 1.0
        self.mean = self._mean(np.arange(len(weight)), share)
        self.deviation = np.sqrt(self._variance(share))
        if sparse.issparse(X):
            self.deviation[self.deviation < CONSTANT] = 0.0

    def _blocks(self, n):
        return block_slices(n, 3 * 8 * self.X.shape[1])

    def _rows(self, at):
        rows = self.X[at].astype(np.float64)
        if sparse.issparse(rows):
            rows.data /= self.unit[rows.indices]
            return rows
        rows -= self.origin
        rows /= self.unit
        return rows

    def _mean(self, rows, share):
        blocks = self._blocks(len(rows))
        return sum(self._rows(rows[block]).T @ share[block] for block in blocks)

    def _variance(self, share):
        total = np.zeros(self.X.shape[1])
        for block in self._blocks(len(share)):
            rows = self._rows(block)
            if not sparse.issparse(rows):
                rows -= self.mean
                total += share[block] @ (rows * rows)
                continue
            stored = np.repeat(share[block], np.diff(rows.indptr))
            squares = (rows.data - self.mean[rows.indices]) ** 2
            size = self.X.shape[1]
            total += np.bincount(rows.indices, stored * squares, minlength=size)
            zeros = share[block].sum() - np.bincount(rows.indices, stored, minlength=size)
            total += np.maximum(zeros, 0) * self.mean**2
        return total

    def difference(self, rows, weight):
        """Root mean square over the columns of (mean of `rows` - mean of all) / deviation.

        Columns in which all rows are equal are left out; 0 if there are no others.
        """
        apart = self._mean(rows, weight / weight.sum()) - self.mean
        varies = self.deviation > 0
        if not varies.any():
            return 0.0
        return float(np.sqrt(np.mean((apart[varies] / self.deviation[varies]) ** 2)))


# Distances --------------------------------------------------------------------------------------


def distances_to_selected(pairs, rows, selected):
    """Distance of each of `rows` to the nearest of the rows `selected`; 0 for these.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    rows, selected : ndarray of int
        Positions.

    Returns
    -------
    ndarray of shape (len(rows),)
    """
    others = np.setdiff1d(rows, selected)
    distances = np.zeros(pairs.n)
    if len(others):
        found = nearest_neighbors(pairs, 1, of=others, among=np.sort(selected))
        distances[others] = found[1][:, 0]
    return distances[rows]


def gaps_within(pairs, rows, among):
    """Distance of each of `rows`, ascending, to the nearest other row of `among`, ascending.

    Infinite if there is no other.
    """
    if len(among) < 2:
        return np.full(len(rows), np.inf)
    return nearest_neighbors(pairs, 1, of=rows, among=among)[1][:, 0]


class MeanEmbedding:
    """Mean of the feature vectors of a reference, for the kernel ``exp(-|x - z| / length)``.

    Parameters
    ----------
    pairs : object of :func:`skcoreset._kernels.distances.pairs`
    rows : ndarray of int
        Positions of the reference.
    weight : ndarray of shape (len(rows),)
    length : float
        Positive.
    """

    def __init__(self, pairs, rows, weight, length):
        self.pairs, self.rows, self.length = pairs, rows, length
        self.share = weight / weight.sum()
        self.square = self._inner(rows, self.share, rows, self.share)

    def _inner(self, left, left_share, right, right_share):
        total = 0.0
        for block in block_slices(len(left), 3 * 8 * len(right), most_bytes=2**26):
            K = self.pairs.distances(left[block], right)
            K /= -self.length
            total += left_share[block] @ (np.exp(K, out=K) @ right_share)
        return float(total)

    def discrepancy(self, rows, weight):
        """Maximum mean discrepancy between the weighted `rows` and the reference."""
        share = weight / weight.sum()
        square = self._inner(rows, share, rows, share) + self.square
        square -= 2 * self._inner(rows, share, self.rows, self.share)
        return max(square, 0.0) ** 0.5


# Distributions of single columns --------------------------------------------------------------


class Numbers:
    """The distribution function of a column, to be compared with that of selected rows.

    Parameters
    ----------
    values : ndarray of shape (n,), float64
        NaN are missing values, which are left out.
    weight : ndarray of shape (n,)
    """

    def __init__(self, values, weight):
        self.values, self.there = values, ~np.isnan(values)
        self.missing = float(weight[~self.there].sum() / weight.sum())
        known = np.flatnonzero(self.there & (weight > 0))
        known = known[np.argsort(values[known], kind="stable")]
        self.sorted = values[known]
        total = np.cumsum(weight[known])
        self.below = np.append(0.0, total / total[-1] if len(total) else total)

    def distance(self, rows, weight):
        """Kolmogorov-Smirnov distance to the weighted `rows`; 0 if one of both is empty."""
        there = self.there[rows]
        values, weight = self.values[rows][there], weight[there]
        if len(values) == 0 or len(self.sorted) == 0:
            return 0.0
        values, at = np.unique(values, return_inverse=True)
        upto = np.cumsum(np.bincount(at, weight))
        upto = np.append(0.0, upto / upto[-1])
        # Between two selected values one function is constant, so that the largest difference is
        # at such a value, or in the limit from below.
        left, right = (np.searchsorted(self.sorted, values, side) for side in ("left", "right"))
        from_below = np.abs(upto[:-1] - self.below[left]).max()
        return float(max(from_below, np.abs(upto[1:] - self.below[right]).max()))

    def missing_distance(self, rows, weight):
        """Absolute difference of the fractions of missing values."""
        return abs(float(weight[~self.there[rows]].sum() / weight.sum()) - self.missing)


class Categories:
    """The fractions of the categories of a column, to be compared with those of selected rows.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Position of the category of each row.
    weight : ndarray of shape (n,)
    """

    def __init__(self, codes, weight):
        self.codes, self.n_categories = codes, int(codes.max()) + 1
        self.proportions = self.of(slice(None), weight)

    def of(self, rows, weight):
        """Fraction of each category in the weighted `rows`."""
        sums = np.bincount(self.codes[rows], weight, minlength=self.n_categories)
        return sums / weight.sum()

    def distance(self, rows, weight):
        """Total variation distance to the weighted `rows`."""
        return float(np.abs(self.of(rows, weight) - self.proportions).sum() / 2)


class SparseNumbers:
    """The distribution functions of all columns of a sparse table; see `Numbers`.

    Parameters
    ----------
    X : csr in canonical format, of shape (n, n_features)
        Finite.
    weight : ndarray of shape (n,)

    Notes
    -----
    Time and memory: O(s log(s)) for s stored values and columns.
    """

    def __init__(self, X, weight):
        X = X.tocsc()
        self.share, n_columns = weight / weight.sum(), X.shape[1]
        # Beside the stored values, each column has one entry for all of its zeros.
        column = np.repeat(np.arange(n_columns), np.diff(X.indptr))
        columns = np.concatenate([column, np.arange(n_columns)])
        values = np.concatenate([X.data.astype(np.float64), np.zeros(n_columns)])
        self.order = np.lexsort((values, columns))
        self.column, self.rows, self.n_columns = column, X.indices, n_columns
        columns, values = columns[self.order], values[self.order]
        last = np.append((np.diff(values) != 0) | (np.diff(columns) != 0), True)
        self.last = np.flatnonzero(last)
        self.starts = np.flatnonzero(np.diff(columns[self.last], prepend=-1))

    def distances(self, rows, weight):
        """Kolmogorov-Smirnov distance of each column to the weighted `rows`."""
        more = -self.share
        more[rows] += weight / weight.sum()
        stored = more[self.rows]
        zeros = -np.bincount(self.column, stored, minlength=self.n_columns)
        # The entries of each column sum to 0, so that the sums of the columns before it vanish.
        apart = np.cumsum(np.concatenate([stored, zeros])[self.order])[self.last]
        return np.maximum.reduceat(np.abs(apart), self.starts)
