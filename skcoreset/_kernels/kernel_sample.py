"""Kernel herding among a random sample of the rows, towards the mean embedding of all rows."""

import numpy as np
import sklearn
from scipy import linalg, sparse

from skcoreset._backend import namespace, put, row_products, to_numpy
from skcoreset._kernels.distances import Euclidean
from skcoreset._kernels.stored_rows import TIE, StoredRows
from skcoreset._kernels.top_k import top_k

__all__ = [
    "KernelSample",
    "RowsInMemory",
    "draw",
    "faded",
    "random_numbers",
]

LANDMARKS = 1000
RIDGE = 1e-3  # is added to the diagonal of the kernel matrix of the landmarks
SIDES = 256, 512  # of a block of kernel values, which stays in the cache
LONG = 2**14  # of a block with one row
# The first picks are made one by one. Later a single pick changes the mean of the picks little, and
# they are made in rounds, from a pool of n / POOL rows.
ONE_BY_ONE, ROUND, POOL = 10_000, 8, 8


class KernelSample:
    """Rows of a table, the kernel between them, and the mean embedding of all rows at each of them.

    The kernel is a function of the squared distance. Squared distances are products of shifted rows
    in float64, kernel values are computed from them in float32, and sums of these in float64. So
    the last digits of the products, which depend on blocks and threads, hardly ever change a kernel
    value. Squared distances below the rounding error of the products are set to that error.

    Parameters
    ----------
    source : RowsInMemory
        All rows.
    radial : object of :class:`skcoreset._kernels.radial.Radial`
    weight : ndarray of float64
        Weight of each of them in the mean.
    size : int
        Number of rows in the sample, less than there are positive weights.
    seed : int
    each : callable
        As of :func:`skcoreset._kernels.threads.threads`.
    early : ndarray of float64, optional
        Weight of each row in the mean of the first picks, 0 where `weight` is 0.

    Attributes
    ----------
    at : ndarray of shape (size,)
        Positions of the sample among the rows that are used, ascending.
    mean : array of shape (size,), float64
        Mean embedding of all rows at each row of the sample.
    first : array of shape (size,), float64
        The same with the weights `early`.
    """

    def __init__(self, source, radial, weight, size, seed, each, early=None):
        # One column for each mean, so that kernel values are computed once for both.
        weights = np.stack([weight] if early is None else [weight, early], axis=1)
        drawn, share = draw(weight, distinct_numbers(source.hashes(seed, each)), size)
        self.take(source, drawn, share, weights[drawn], each)
        self.place(*source.table_of(self.at), radial)
        weights /= weights.sum(axis=0)
        self.estimate(source.sums(self.points_of, self.landmark_points, weights, each))

    def take(self, source, drawn, share, weights, each):
        """Step 1, with the result of `draw`, and the weights of the drawn rows in each mean."""
        self.source, self.n, self.each = source, len(drawn), each
        self.xp, self.device = source.xp, source.device
        order = np.argsort(drawn)
        self.at, share, weights = drawn[order], share[order], weights[order]
        self.landmarks = np.sort(np.argsort(order)[:LANDMARKS])  # the rows that were drawn first
        shares = share[:, None] * weights / weights[:, :1]
        self.shares = shares / shares.sum(axis=0)

    def place(self, X, rows, radial):
        """Step 2, with the table that contains the sample, and where: shift and store its rows."""
        self.points_of = PointsOf(X, self.n, radial)
        if sparse.issparse(X):
            X, rows = self.points_of.dense(X[rows]), None
        table = Euclidean(X, rows, in_float64=True)
        self.points_of.shift_as(table)
        self.points = self.points_of(table.fetch(slice(0, self.n)))
        self.landmark_points = self._some(self.landmarks)

    def estimate(self, sums):
        """Step 3, with the sums of the kernel of all rows with the landmarks: estimate the mean."""
        means = self._sums(self._calibrated(sums))
        self.mean = self.xp.asarray(means[:, 0], copy=True)
        self.first = self.mean if means.shape[1] == 1 else self.xp.asarray(means[:, 1], copy=True)
        del self.shares

    def kernel(self, left, right):
        """Kernel of the points `left` and `right`, (len(left), len(right)), float32."""
        return self.points_of.kernel(left, right)

    def _on_device(self, values):
        return self.xp.asarray(values, device=self.device)

    def _calibrated(self, sums):
        """Shares of the sample, changed for the landmarks. Each column is for one mean.

        With these weights, the mean embedding of the sample is that of all rows at the landmarks.
        """
        points, shares = self.landmark_points, self.shares.copy()
        of_sample = self._on_device(shares)

        def sums_of_sample(block):
            return self._kernel64(self.points[block, :], points).T @ of_sample[block, :]

        most = rows_in_block(self.points_of.n_features)
        wrong = sums - sum(self.each(sums_of_sample, blocks_of(self.n, most)))
        K = to_numpy(self._kernel64(points, points))
        K = K + RIDGE * np.eye(len(K))
        shares[self.landmarks] += linalg.solve(K, to_numpy(wrong), assume_a="pos")
        return self._on_device(shares)

    def _kernel64(self, left, right):
        return self.points_of.kernel64(left, right)

    def _some(self, at):
        """The points at positions `at`, an array, of the sample."""
        if sparse.issparse(self.points):
            return self.points[at]
        return self.xp.take(self.points, self._on_device(at), axis=0)

    def _sums(self, weights):
        """``sum_j weight_j k(x_i, x_j)`` of each row of the sample, for each column, float64."""
        return symmetric_sums(
            lambda rows, columns: self._kernel64(self.points[rows, :], self.points[columns, :]),
            weights,
            self.each,
        )

    def herd(self, size, initial, report=None, fade=0):
        """Positions of the picks among all rows; those of `initial` come first.

        In a round, the sums of kernel values are kept up to date for the rows of the pool only.
        """
        xp, step = self.xp, len(initial)
        total, every = 0 * self.mean, xp.arange(self.n, device=self.device)
        is_open, picks = self._on_device(~np.isin(self.at, initial)), []
        for block in blocks_of(step, SIDES[0]):
            total = self._added(total, self.source.points(self.points_of, initial[block]))
        while step < size:
            in_round = 1 if step < ONE_BY_ONE else min(ROUND, size - step)
            pool, points = every, self.points
            if in_round > 1:
                mean = self._target(step + 1, fade)
                gain = xp.where(is_open, (step + 1) * mean - total, -xp.inf)
                pool = xp.sort(top_k(gain, max(ROUND, self.n // POOL)))
                points = self._some(pool)
            of_pool, free = (xp.take(x, pool) for x in (total, is_open))
            new = []
            for at in range(step + 1, step + 1 + in_round):
                mean = self._target(at, fade, pool)
                gain = xp.where(free, at * mean - of_pool, -xp.inf)
                width = TIE * (at * mean + of_pool + 1)
                best = gain + width >= xp.max(gain - width)
                pick = xp.argmax(xp.astype(best, xp.int8), keepdims=True)  # the first
                put(free, pick, False)
                new.append(xp.take(pool, pick))
                if in_round > 1:
                    of_pool = of_pool + self.kernel(self._some(new[-1]), points)[0, :]
            new = xp.concat(new)
            put(is_open, new, False)
            total = self._added(total, self._some(new))
            picks.append(new)
            step += in_round
            if report is not None:
                report(step)
        new = to_numpy(xp.concat(picks)) if picks else np.empty(0, dtype=np.int64)
        return np.concatenate([initial, self.at[new]])

    def _target(self, n_picks, fade, at=None):
        """Mean that `n_picks` picks are to have, at the positions `at` of the sample."""
        if self.first is self.mean:
            return self.mean if at is None else self.xp.take(self.mean, at)
        both = (self.mean, self.first)
        both = both if at is None else (self.xp.take(x, at) for x in both)
        return faded(*both, n_picks, fade)

    def _added(self, total, new):
        """`total` plus the kernel of the points `new`."""

        def of_block(block):
            return self.xp.sum(
                self.kernel(new, self.points[block, :]), axis=0, dtype=self.xp.float64
            )

        return total + self.xp.concat(list(self.each(of_block, blocks_of(self.n, LONG))))


class PointsOf:
    """``(-2 x, 1, |x|^2)`` of shifted rows, which are factors of squared distances; their kernel.

    Parameters
    ----------
    X : array or csr
        Its type is that of all rows.
    size : int
        Number of rows of the sample. Sparse rows become dense if so many fit in memory.
    radial : Radial
    """

    def __init__(self, X, size, radial):
        self.radial, self.n_features, self.xp = radial, X.shape[1], namespace(X)
        memory = sklearn.get_config()["working_memory"] * 2**20
        self.is_dense = not sparse.issparse(X) or size * X.shape[1] * 8 <= memory / 2

    def shift_as(self, table):
        self.middle = table.middle
        self.least = 16 * table.rounding * table.most_square * self.radial.unit**2

    def dense(self, rows):
        return rows.toarray() if sparse.issparse(rows) and self.is_dense else rows

    def unshifted(self, rows):
        """The points of float64 rows as they are in the table."""
        return self(self.dense(rows) - self.middle)

    def __call__(self, rows):
        """The points of shifted rows."""
        rows = rows * self.radial.unit
        if sparse.issparse(rows):
            squares = np.asarray(rows.multiply(rows).sum(axis=1)).reshape(-1, 1)
            return sparse.hstack([-2 * rows, np.ones_like(squares), squares], format="csr")
        squares = row_products(rows, rows)[:, None]
        return self.xp.concat([-2 * rows, self.xp.ones_like(squares), squares], axis=1)

    def kernel(self, left, right):
        """Kernel of the points `left` and `right`, (len(left), len(right)), float32."""
        parts = [-0.5 * left[:, :-2], left[:, -1:], left[:, -2:-1]]
        if sparse.issparse(left):
            squares = (sparse.hstack(parts, format="csr") @ right.T).toarray()
        else:
            squares = self.xp.concat(parts, axis=1) @ right.T
        return self.radial.single(squares, self.least)

    def kernel64(self, left, right):
        return self.xp.astype(self.kernel(left, right), self.xp.float64)

    def __getstate__(self):
        return {**vars(self), "xp": None}  # a module, which is that of NumPy in partitions

    def __setstate__(self, state):
        vars(self).update(state, xp=namespace(np.empty(0)))


class RowsInMemory:
    """The rows of a table, or some of them, from which `KernelSample` draws."""

    def __init__(self, X, rows=None):
        self.X, self.rows, self.stored = X, rows, StoredRows(X, rows, False)
        self.xp, self.device = self.stored.xp, self.stored.device

    def hashes(self, seed, each=map):
        """One hash of the values of each row and of the seed, uint64."""
        return hashes(self.stored, seed, each)

    def table_of(self, at):
        """A table, and where in it the rows at positions `at` are."""
        return self.X, at if self.rows is None else self.rows[at]

    def points(self, points_of, at):
        """The points of the rows at positions `at`."""
        at = self.xp.asarray(at, device=self.device)
        return points_of.unshifted(self.stored.fetch_float64(at))

    def sums(self, points_of, landmarks, weights, each=map):
        """Sums of the kernel of all rows with each of the `landmarks`, (n_landmarks, n_sums)."""
        return landmark_sums(self.stored, points_of, landmarks, weights, each)


def rows_in_block(n_features):
    """Number of rows in a block of `landmark_sums`: fixed, as sums over blocks depend on it."""
    return max(1, min(1024, 2**20 // n_features))


def landmark_sums(stored, points_of, landmarks, weights, each):
    """Sums of the kernel of the rows `stored` with the points `landmarks`, one for each weight."""
    weights = stored.xp.asarray(weights, device=stored.device)

    def sums(block):
        points = points_of.unshifted(stored.fetch_float64(block))
        return points_of.kernel64(points, landmarks).T @ weights[block, :]

    return sum(each(sums, blocks_of(stored.n, rows_in_block(points_of.n_features))))


def faded(mean, first, n_picks, fade):
    """The mean that `n_picks` picks are to have: from `first` to `mean`, reached at `fade` picks.

    It depends on the number of picks alone, so that fewer picks are a prefix of more.
    """
    share = max(0.0, 1 - n_picks / fade) ** 2 if fade else 0.0
    return mean + share * (first - mean) if share else mean


def symmetric_sums(block, weights, each):
    """Product of a symmetric matrix and `weights`, of which `block` gives the upper blocks.

    Parameters
    ----------
    block : callable
        ``block(rows, columns)`` is a block of the matrix, float64; both are slices.
    weights : array of shape (n, n_vectors), float64
    each : callable
    """
    n, total = weights.shape[0], 0 * weights

    def upper(rows):
        sums = 0 * weights
        for columns in blocks_of(n, SIDES[1], rows.start):
            K = block(rows, columns)
            sums[rows, :] += K @ weights[columns, :]
            right = max(columns.start, rows.stop)
            sums[right : columns.stop, :] += K[:, right - columns.start :].T @ weights[rows, :]
        return sums[rows.start :, :]

    bands = blocks_of(n, SIDES[0])
    for rows, sums in zip(bands, each(upper, bands), strict=True):
        total[rows.start :, :] += sums
    return total


def blocks_of(n, most, start=0):
    """Slices of at most `most` positions."""
    return [slice(a, min(a + most, n)) for a in range(start, n, most)]


def random_numbers(rows, seed, each=map):
    """Numbers in (0, 1], one for each row, that depend on its values and `seed`, not on its place.

    A number is a hash of the values that are not zero. Copies of a row get different numbers.
    """
    return distinct_numbers(hashes(rows, seed, each))


def hashes(rows, seed, each=map):
    """A hash of the values of each row that are not zero, uint64."""
    seed = _mixed(np.array([seed + 1], dtype=np.uint64))
    columns = _mixed(np.arange(rows.terms, dtype=np.uint64) + seed)

    def of_block(block):
        values = to_numpy(rows.fetch_float64(block))
        if sparse.issparse(values):
            values_hashes = _hashes(values.data, columns[values.indices])
            sums = np.concatenate(
                [np.zeros(1, np.uint64), np.cumsum(values_hashes, dtype=np.uint64)]
            )
            return np.diff(sums[values.indptr])
        return _hashes(np.ascontiguousarray(values), columns).sum(axis=1, dtype=np.uint64)

    blocks = blocks_of(rows.n, max(1, 2**17 // rows.terms))
    of_blocks = list(each(of_block, blocks))
    return _mixed((np.concatenate(of_blocks) if of_blocks else np.zeros(0, np.uint64)) + seed)


def distinct_numbers(hashes):
    """Numbers in (0, 1] from hashes; equal hashes get different numbers.

    The numbers take the place of the hashes. Memory: a copy of the hashes for a while.
    """
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if len(repeated):
        _count_copies(hashes, repeated)
    numbers = hashes.view(np.float64)
    for block in blocks_of(len(hashes), 2**17):
        numbers[block] = ((_mixed(hashes[block]) >> np.uint64(11)) + 1) * 2.0**-53
    return numbers


def _count_copies(hashes, repeated):
    """Add to each hash the number of rows before it that have the same, which is `repeated`."""
    is_repeated = np.zeros(len(hashes), dtype=bool)
    for block in blocks_of(len(hashes), 2**17):
        near = np.minimum(np.searchsorted(repeated, hashes[block]), len(repeated) - 1)
        is_repeated[block] = repeated[near] == hashes[block]
    at = np.flatnonzero(is_repeated)
    at = at[np.argsort(hashes[at], kind="stable")]
    ordered, place = hashes[at], np.arange(len(at), dtype=np.uint64)
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    hashes[at] = ordered + (place - np.maximum.accumulate(np.where(first, place, 0)))


def _hashes(values, columns):
    hashes = values.view(np.uint64) ^ columns
    hashes *= np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(32)
    hashes[values == 0] = 0
    return hashes


def _mixed(x):
    """The finalizer of the generator splitmix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def draw(weight, numbers, size):
    """Priority sampling (Duffield, Lund & Thorup 2007) of `size` rows, and their weights.

    Sums that are weighted by these are unbiased estimates of the sums over all rows. The rows are
    those with the largest ratio of `weight` and `numbers`, in descending order of the ratio.

    Parameters
    ----------
    weight : ndarray, or callable
        Weight of each row; a callable returns the weights of the rows at some positions.
    numbers : ndarray
    size : int
    """
    weight_of = weight if callable(weight) else weight.__getitem__
    at, ratio, least = np.zeros(0, dtype=np.int64), np.zeros(0), -np.inf
    for block in blocks_of(len(numbers), 2**17):
        of_block = weight_of(block) / numbers[block]
        better = np.flatnonzero(of_block > least)  # ties go to the lowest position
        at = np.concatenate([at, block.start + better])
        ratio = np.concatenate([ratio, of_block[better]])
        if len(at) > size:
            most = np.sort(top_k(ratio, size + 1))
            at, ratio = at[most], ratio[most]
            least = ratio.min()
    order = top_k(ratio, size + 1)
    drawn, edge = at[order[:-1]], ratio[order[-1]]
    return drawn, np.maximum(weight_of(drawn), edge)
