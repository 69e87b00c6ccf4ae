"""Sampling with unequal inclusion probabilities, and the sensitivities that define these.

A sensitivity is that of one copy of a row: a row of weight w counts as w equal rows, so its
probability is proportional to w times its sensitivity.
"""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, to_numpy
from skcoreset._kernels.centered_rows import CenteredRows
from skcoreset._kernels.stored_rows import StoredRows

__all__ = [
    "Sizes",
    "draw_with_replacement",
    "inclusion_probabilities",
    "kmeans_sensitivity",
    "leverage",
    "lightweight_sensitivity",
    "ranking",
]


# Draws --------------------------------------------------------------------------------------


class Sizes:
    """Sizes of rows, a product of positive `factors`, and the rows with inclusion probability 1.

    With the sizes in ascending order and their cumulative sums T, the inclusion probability of row
    j (from 0) in a sample of m rows is 1 as soon as ``(m - c) s_j / T_j``, with c the number of
    larger rows of probability 1, reaches 1. That is at ``m = n - (j + 1) + T_j / s_j``: these rows
    are "certain". Larger rows are certain in smaller samples.

    Sizes are rounded to 32 binary digits, so that sizes that are equal up to rounding are equal.
    Otherwise their order, and so the selected rows, would depend on the block in which a size was
    computed. Sizes may exceed the range of float64: each is a number times ``2 ** (512 level)``.
    """

    def __init__(self, *factors):
        mantissa, exponent = 0.5, np.int32(1)
        for factor in factors:
            digits, power = np.frexp(to_numpy(factor))
            mantissa, more = np.frexp(mantissa * digits)
            exponent = exponent + power + more
        mantissa, more = np.frexp(np.round(np.ldexp(mantissa, 32)))
        level = (exponent + more) // 512
        sizes = np.ldexp(mantissa, exponent + more - 512 * level)

        n = len(sizes)
        self.relative = np.ldexp(sizes, 512 * (level - level.max()))
        self.order = np.lexsort((sizes, level))
        self.sorted, self.level = sizes[self.order], level[self.order]
        self.total, carried, before = np.empty(n), 0.0, 0
        for one in np.unique(level):
            mine = slice(*np.searchsorted(self.level, [one, one + 1]))
            carried = np.ldexp(carried, 512 * (before - one))
            self.total[mine] = np.cumsum(self.sorted[mine]) + carried
            carried, before = self.total[mine][-1], one
        certain_from = n - np.arange(1, n + 1) + self.total / self.sorted
        # In a sample of n rows all rows are certain, independently of rounding.
        self.certain_from = np.minimum.accumulate(np.minimum(certain_from, n))

    def not_certain(self, m):
        """Number of rows that are not certain in a sample of `m` rows; these are the smallest."""
        return len(self.order) - np.searchsorted(self.certain_from[::-1], m, side="right")

    def chance(self, at, m):
        """``c s`` of ``min(1, c s)`` in samples of `m` rows, for rows that are not certain.

        `at` are their positions in ascending order of size.
        """
        unsure = self.not_certain(m)
        share = self.sorted[at] / self.total[unsure - 1]
        share = np.ldexp(share, 512 * (self.level[at] - self.level[unsure - 1]))
        return (m - (len(self.order) - unsure)) * share


def _sizes(sizes):
    return sizes if isinstance(sizes, Sizes) else Sizes(sizes)


def inclusion_probabilities(sizes, m):
    """``min(1, c s_i)``, with c such that they sum to `m`.

    Parameters
    ----------
    sizes : array of shape (n,), or Sizes
        Positive; rounded to 32 binary digits.
    m : int
        Sample size, from 1 to n.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    Time: O(n log n). Memory: a few vectors of n.
    """
    of = _sizes(sizes)
    out = np.ones(len(of.order))
    unsure = of.not_certain(m)
    if unsure:
        out[of.order[:unsure]] = np.minimum(of.chance(slice(0, unsure), m), 1)
    return out


def ranking(sizes, random_state):
    """Random order in which the first m rows, for every m, have inclusion probabilities pi_i(m).

    ``pi_i(m) = min(1, c_m s_i)``, exactly, as in :func:`inclusion_probabilities`. This is the
    elimination procedure of Tillé (1996). It starts with all rows. A sample of m + 1 rows becomes
    one of m rows by the elimination of one row, row i with probability
    ``1 - pi_i(m) / pi_i(m + 1)``. These probabilities sum to 1 over every possible sample, because
    it contains all certain rows, and the ratio is the same for all others. The result is the
    reverse order of elimination.

    Systematic and pivotal sampling have the same inclusion probabilities, but their samples of m
    rows are not subsets of those of m + 1 rows.

    Parameters
    ----------
    sizes : array of shape (n,), or Sizes
        Positive; rounded to 32 binary digits.
    random_state : RandomState

    Returns
    -------
    ndarray of int of shape (n,)

    Notes
    -----
    Time: O(n log n), and a Python loop over the sample sizes with at least one certain row.
    Memory: about twenty vectors of n.
    """
    of = _sizes(sizes)
    n = len(of.order)
    # As the sample size decreases, rows cease to be certain in ascending order of size. Row j does
    # so in the step to `step[j]` rows, and can be eliminated in this step.
    step = np.ceil(of.certain_from).astype(np.intp) - 1
    chance = np.maximum(1 - of.chance(np.arange(n), step), 0)
    upto = np.concatenate([[0.0], np.cumsum(chance)])

    m = np.arange(n - 1, step[-1] - 1, -1)  # no row is certain in samples of at most step[-1] rows
    before, after = of.not_certain(m + 1), of.not_certain(m)
    pool = m + 1 - (n - before)  # rows of the sample that were not certain before
    ticket = upto[before] + random_state.random_sample(n)[: len(m)]
    out = np.searchsorted(upto, ticket, side="right") - 1
    out = np.where(pool == 0, np.minimum(out, after - 1), out)
    from_pool = out >= after
    out[from_pool] = (random_state.random_sample(n)[: len(m)] * pool)[from_pool]

    answer = np.empty(n, dtype=np.intp)
    left = _eliminate(n, m, before, after, out, from_pool, answer)
    answer[: len(left)] = random_state.permutation(left)
    return of.order[answer]


def _eliminate(n, m, before, after, out, from_pool, answer):
    """Eliminate rows one by one into ``answer[m]``; returns the remaining rows.

    The pool contains the rows of the sample that are no longer certain. They have equal
    probabilities, so the row to eliminate is given by its position in the pool.
    """
    pool, size, put_out = memoryview(np.empty(n, dtype=np.intp)), 0, memoryview(answer)
    for at, start, stop, row, of_pool in zip(
        *(memoryview(a) for a in (m, before, after, out, from_pool)), strict=True
    ):
        if of_pool:
            put_out[at] = pool[row]
            size -= 1
            pool[row] = pool[size]
        else:
            put_out[at] = row
        for newcomer in range(start, stop):
            if of_pool or newcomer != row:
                pool[size] = newcomer
                size += 1
    return np.asarray(pool)[:size]


def draw_with_replacement(sizes, m, random_state):
    """`m` independent draws with probabilities proportional to size.

    Parameters
    ----------
    sizes : array of shape (n,), or Sizes
        Positive; rounded to 32 binary digits.
    m : int
    random_state : RandomState

    Returns
    -------
    positions : ndarray of int
        The distinct rows, in order of their first draw. Those of fewer draws with an equal
        `random_state` are a prefix.
    counts : ndarray of int
        Number of draws of each; they sum to `m`.

    Notes
    -----
    Time: O(n + m log n). Memory: a vector of n.
    """
    upto = np.cumsum(_sizes(sizes).relative)
    drawn = np.searchsorted(upto, random_state.random_sample(m) * upto[-1], side="right")
    drawn = np.minimum(drawn, len(upto) - 1)  # a product may round up to the sum of all
    rows, first, counts = np.unique(drawn, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[order], counts[order]


# Sensitivities ------------------------------------------------------------------------------


def lightweight_sensitivity(X, weight):
    """``1 / (2 W) + d(x, mu)^2 / (2 sum_i w_i d(x_i, mu)^2)``, with mu the weighted mean.

    Parameters
    ----------
    X : array or csr of shape (n, n_features)
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (n,)
        Its products with the weights sum to 1.

    Notes
    -----
    Time: n d, X is read twice. Memory: a few vectors of n, and blocks.
    """
    around = CenteredRows(X)
    squares = around.distances(around.mean(weight)) ** 2
    spread = weight @ squares
    if spread == 0:  # all rows are alike
        return np.full(len(squares), 1 / weight.sum())
    return 1 / (2 * weight.sum()) + squares / (2 * spread)


def kmeans_sensitivity(X, weight, n_clusters, random_state):
    """Upper bound of the k-means sensitivity from one D^2 sample of centers.

    ``s(x) = alpha d(x)^2 / c + 2 alpha sum_B d^2 / (|B| c) + 4 n / |B|``, with c the mean squared
    distance to the nearest center, B the cell of x, and ``alpha = 16 (log2 k + 2)``. Sums, means
    and numbers of rows are weighted.

    Parameters
    ----------
    X : ndarray or csr of shape (n, n_features)
    weight : ndarray of shape (n,)
        Positive, the largest about 1.
    n_clusters : int
        At most n.
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    Time: n k d. Memory: blocks.
    """
    around, n = CenteredRows(to_numpy(X)), X.shape[0]
    closest, cell = np.full(n, np.inf), np.zeros(n, dtype=np.intp)
    for cluster in range(n_clusters):
        if cluster == 0:
            center = random_state.choice(n, p=weight / weight.sum())
        else:
            mass = np.cumsum(weight * (closest / (closest.max() or 1.0)) ** 2)
            center = min(np.searchsorted(mass, random_state.uniform() * mass[-1]), n - 1)
        distances = around.distances(around.row(center))
        # A row at equal distance (up to rounding) to two centers is in the cell of the first.
        closer = distances < closest * (1 - around.rounding)
        closest[closer], cell[closer] = distances[closer], cluster
    squares = (closest / (closest.max() or 1.0)) ** 2
    mass = np.bincount(cell, weights=weight, minlength=n_clusters)
    spread = np.bincount(cell, weights=weight * squares, minlength=n_clusters)
    out = 4 * weight.sum() / mass[cell]
    mean = spread.sum() / weight.sum()
    if mean > 0:
        alpha = 16 * (np.log2(n_clusters) + 2)
        out += alpha * squares / mean
        out += 2 * alpha * spread[cell] / mass[cell] / mean
    return out


def leverage(X, weight):
    """``x_i (X^T W X)^+ x_i``: the diagonal of ``Q Q^T`` for an orthonormal basis Q of the columns.

    Computed by QR decompositions of successive blocks of rows and a singular value decomposition of
    the last factor, which determines the rank. Columns are scaled first, so their units do not
    change the result.

    Parameters
    ----------
    X : array or csr of shape (n, n_features)
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (n,)
        Its products with the weights sum to the rank.

    Notes
    -----
    Time: n d^2, X is read three times. Memory: d^2, and blocks of dense rows.
    """
    rows, d = StoredRows(X, may_copy=False), X.shape[1]
    xp, device = rows.xp, rows.device
    root = xp.asarray(np.sqrt(weight), dtype=xp.float64, device=device)
    # Blocks of fewer rows than columns would not be faster.
    blocks = block_slices(X.shape[0], min(6 * 8 * d, 2**23 // (4 * d)))

    def dense(block):
        block = rows.fetch_float64(block)
        return block.toarray() if sparse.issparse(block) else block

    largest = xp.zeros(d, dtype=xp.float64, device=device)
    for block in blocks:
        of_block = xp.max(xp.abs(dense(block) * root[block][:, None]), axis=0)
        largest = xp.maximum(largest, of_block)
    scale = xp.where(largest > 0, largest, 1.0)

    R = xp.zeros((0, d), dtype=xp.float64, device=device)
    for block in blocks:
        R = xp.concat([R, dense(block) / scale * root[block][:, None]])
        # Without Q it takes half of the time; the array API has no such mode.
        R = np.linalg.qr(R, mode="r") if isinstance(R, np.ndarray) else xp.linalg.qr(R).R
    _, singular, V = xp.linalg.svd(R, full_matrices=False)
    relative = to_numpy(singular / xp.max(singular)) if singular[0] > 0 else to_numpy(singular)
    is_rank = relative > 16 * d * 2.0**-52
    # A combination of float32 columns that is not above their rounding in any row has no rank. If a
    # column is far from zero in most rows, the combination is above the rounding in the others.
    eps = 2.0**-23 if "float32" in str(X.dtype) else 2.0**-52
    unsure = np.flatnonzero(is_rank & (relative <= 16 * d * eps))
    if len(unsure):
        combinations = xp.take(V, xp.asarray(unsure, device=device), axis=0).T
        seen = np.zeros(len(unsure), dtype=bool)
        for block in blocks:
            scaled = dense(block) / scale
            values = to_numpy(xp.abs(scaled @ combinations))
            # Linear combinations in float32 have an error of about one eps.
            lost = 4 * eps * to_numpy(xp.abs(scaled) @ xp.abs(combinations))
            seen |= (values > lost).any(axis=0)
        is_rank[unsure] = seen
    rank = xp.asarray(np.flatnonzero(is_rank), device=device)
    to_basis = (xp.take(V, rank, axis=0) / xp.take(singular, rank)[:, None]).T
    return np.concatenate(
        [to_numpy(xp.sum(((dense(block) / scale) @ to_basis) ** 2, axis=1)) for block in blocks]
    )
