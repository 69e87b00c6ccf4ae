"""The gains of all candidates of facility location, which are updated with each pick."""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices
from skcoreset._kernels.cuda.facility_location import DENSE_PICKS, RESUM_RATIO, SUM_ROUNDING
from skcoreset._kernels.threads import threads

__all__ = ["MaintainedGains", "gain_tolerance", "pairs_above"]


def gain_tolerance(left, most=0.0):
    """Absolute tolerance of gains that are differences of two sums.

    `left` is the weighted sum of the largest similarity of each row (absolute values), `most` the
    largest gain.
    """
    return SUM_ROUNDING * (left + max(left, most))


class MaintainedGains:
    """The exact gains of all candidates, updated with each pick.

    If a pick increases the maximal similarity of row i, the gain decreases only for candidates
    that were more similar to i than the maximum before. After `DENSE_PICKS` picks only the pairs
    that can still change a gain are stored.

    Parameters
    ----------
    max_similarity : ndarray of shape (n_rows,), float64
        Similarity of each row to its most similar pick. Updated in place.
    weight : ndarray of shape (n_rows,)
    similar : Similarities with a complete matrix, optional
    pairs : csr array of shape (n_rows, n), optional
        Instead of `similar`: the pairs whose similarity exceeds `max_similarity`.
    """

    def __init__(self, max_similarity, weight, similar=None, pairs=None):
        self.n_candidates = (similar.matrix if pairs is None else pairs).shape[1]
        self.max_similarity, self.weight = max_similarity, np.asarray(weight, dtype=np.float64)
        self.similar, self.pairs = similar, pairs
        self.picks = self.work = 0
        self._sum_up()

    def _sum_up(self):
        self._sum_up_gains()
        # Later gains are differences from these sums and have their absolute error.
        self.left = self._left()
        self.absolute_tolerance = gain_tolerance(self.left, float(self.gains.max()))

    def _left(self):
        return float(self.weight @ abs(self.max_similarity))

    def _sum_up_gains(self):
        if self.pairs is None:
            matrix, max_similarity = self.similar.matrix, self._as_in_matrix(self.max_similarity)

            def reached(rows):
                return np.maximum(matrix[rows], max_similarity[rows])

            self.gains = self._add_up(len(self.max_similarity), reached, self.weight)
            self.gains -= self.weight @ self.max_similarity
            return
        counts = np.diff(self.pairs.indptr)
        more = self.pairs.data - np.repeat(self.max_similarity, counts)
        np.maximum(more, 0, out=more)
        more *= np.repeat(self.weight, counts)
        gains = np.bincount(self.pairs.indices, weights=more, minlength=self.n_candidates)
        self.gains = gains.astype(np.float64)  # bincount returns integers if there are no pairs

    def update(self, rows, values):
        """Set `max_similarity` of `rows` to `values`, which are larger, and update all gains."""
        values = values.astype(np.float64)
        if self.pairs is None:
            self._take_off_dense(rows, values)
        else:
            self._take_off(rows, values)
        self.max_similarity[rows] = values
        self.picks += 1
        if self.pairs is None and self.picks >= DENSE_PICKS:
            self._leave_out_dense()
        elif self.pairs is not None and self.work > self.pairs.nnz > 4 * len(self.max_similarity):
            self._leave_out()
        elif RESUM_RATIO * self._left() < self.left:
            # The gains are small differences of large sums by now: compute them again.
            self._sum_up()

    def _take_off_dense(self, rows, values):
        low, high = self._as_in_matrix(self.max_similarity[rows]), self._as_in_matrix(values)

        def reached(at):
            out = self.similar.matrix.take(rows[at], axis=0)
            return np.clip(out, low[at], high[at], out=out)

        self.gains -= self._add_up(len(rows), reached, self.weight[rows])
        self.gains += self.weight[rows] @ self.max_similarity[rows]

    def _as_in_matrix(self, values):
        """Entries of the matrix, as a column of its dtype."""
        return values.astype(self.similar.dtype)[:, None]

    def _add_up(self, n_rows, function, weight):
        """Weighted sum of the rows of ``function(rows)``."""
        total = np.zeros(len(self.max_similarity))
        for rows in block_slices(n_rows, 8 * len(total), most_bytes=2**20):
            total += weight[rows] @ function(rows)
        return total

    def _take_off(self, rows, values):
        starts = self.pairs.indptr[rows].astype(np.int64)
        counts = self.pairs.indptr[rows + 1] - starts
        ends = np.cumsum(counts)
        at = np.arange(counts.sum())
        at += np.repeat(starts - ends + counts, counts)
        less = np.minimum(self.pairs.data[at], np.repeat(values, counts))
        less -= np.repeat(self.max_similarity[rows], counts)
        np.maximum(less, 0, out=less)
        less *= np.repeat(self.weight[rows], counts)
        candidates = self.pairs.indices[at]
        self.gains -= np.bincount(candidates, weights=less, minlength=self.n_candidates)
        self.work += len(at)

    def _leave_out_dense(self):
        """Store only pairs above `max_similarity` if they fit in memory; else try again later."""
        pairs = pairs_above(self.max_similarity, self.similar)
        if pairs is None:
            self.picks = -3 * DENSE_PICKS
        else:
            self.pairs, self.similar = pairs, None

    def _leave_out(self):
        """Remove pairs that no longer exceed `max_similarity`, and sum up the gains again."""
        pairs = self.pairs
        max_similarity = np.repeat(self.max_similarity, np.diff(pairs.indptr))
        left = np.flatnonzero(pairs.data > max_similarity)
        starts = np.searchsorted(left, pairs.indptr)
        pairs = pairs.data[left], pairs.indices[left], starts
        self.pairs, self.work = sparse.csr_array(pairs, shape=self.pairs.shape), 0
        self._sum_up()


def pairs_above(max_similarity, similar):
    """The pairs whose similarity exceeds `max_similarity` of the row, (n_rows, n), csr.

    None if they exceed the spare memory, as is estimated from 64 rows.
    """
    limits = max_similarity.astype(similar.dtype)[:, None]
    n, n_candidates = len(limits), similar.n
    some = slice(0, n, max(1, n // 64))
    share = np.mean(similar.to_rows(some) > limits[some])
    if 3 * share * n * n_candidates * (similar.itemsize + 4) > similar.spare_bytes:
        return None

    def of_block(rows):
        block = similar.to_rows(rows)
        at = np.flatnonzero(block > limits[rows])
        ends = np.arange(len(block) + 1) * n_candidates
        counts = np.diff(np.searchsorted(at, ends))
        values = block.ravel()[at]
        at -= np.repeat(ends[:-1], counts)
        return values, at.astype(np.int32), counts

    most = 2**20 if similar.whole else 2**23  # products of a few rows are slow
    with threads(similar.in_threads and not similar.whole) as each:
        parts = list(each(of_block, block_slices(n, 8 * n_candidates, most_bytes=most)))
    values, candidates, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    starts = np.concatenate([[0], counts]).cumsum()
    return sparse.csr_array((values, candidates, starts), shape=(n, n_candidates))
