"""Sampling with unequal probabilities, and sensitivities of numeric features.

A sensitivity is that of one copy of a sample: a sample of weight w is equivalent to w copies of it,
so its inclusion probability is proportional to w times its sensitivity.
"""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, device_of, namespace, to_numpy
from skcoreset._kernels.centered_rows import (
    CenteredRows,
    center_of_union,
    part_center,
    part_differences,
)
from skcoreset._kernels.d2_sampling import d2_sample
from skcoreset._kernels.stored_rows import StoredRows

__all__ = [
    "PrefixProbabilities",
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
    """The sizes of n units, and the units that are certain in a sample of m units.

    The size of a unit is the product of positive `factors`. A sample of m units contains unit i
    with the probability ``min(1, c s_i)``; a unit of probability 1 is certain. With the sizes in
    ascending order and their cumulative sums T, unit j (from 0) is certain as soon as
    ``(m - number of larger units) s_j / T_j`` reaches 1, which is at ``m = n - (j + 1) + T_j /
    s_j``. A larger unit is certain at a smaller m.

    Sizes are rounded to 32 binary digits, so that sizes that differ by rounding errors are equal.
    Otherwise the order of two of them, and with it the sample, would depend on the blocks in which
    they were computed. Their range may exceed that of float64: a size is a number in float64 times
    ``2 ** (512 level)``.
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
        # Sizes of few digits often make these whole numbers, which rounding must not move to either
        # side: on one of them a unit is certain in a sample of m units, on the other it is not.
        whole = np.rint(certain_from)
        certain_from = np.where(abs(certain_from - whole) <= n * 2.0**-30, whole, certain_from)
        # In a sample of n units all are certain, despite rounding errors.
        self.certain_from = np.minimum.accumulate(np.minimum(certain_from, n))

    def not_certain(self, m):
        """Number of units that are not certain in a sample of `m` units: the smallest ones."""
        return len(self.order) - np.searchsorted(self.certain_from[::-1], m, side="right")

    def chance(self, at, m):
        """``c s`` for samples of `m` units, in which the given units are not certain.

        `at` are positions of units in ascending order of size.
        """
        unsure = self.not_certain(m)
        share = self.sorted[at] / self.total[unsure - 1]
        share = np.ldexp(share, 512 * (self.level[at] - self.level[unsure - 1]))
        return (m - (len(self.order) - unsure)) * share


def _sizes(sizes):
    return sizes if isinstance(sizes, Sizes) else Sizes(sizes)


def inclusion_probabilities(sizes, m):
    """Inclusion probabilities ``min(1, c s_i)``, with c such that their sum is `m`.

    Parameters
    ----------
    sizes : array of shape (n,), or Sizes
        Positive; rounded to 32 binary digits.
    m : int
        From 1 to n.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    Time: O(n log n). Memory: a few vectors of length n.
    """
    of = _sizes(sizes)
    out = np.ones(len(of.order))
    unsure = of.not_certain(m)
    if unsure:
        out[of.order[:unsure]] = np.minimum(of.chance(slice(0, unsure), m), 1)
    return out


class PrefixProbabilities:
    """The inclusion probabilities of the first m of some units in samples of m units, for each m.

    With ``of = PrefixProbabilities(sizes, picks)``, ``of(m)`` is equal to
    ``inclusion_probabilities(sizes, m)[picks[:m]]``. The memory is that of a few vectors of the
    length of `picks`.

    Parameters
    ----------
    sizes : Sizes
    picks : ndarray of int
    """

    def __init__(self, sizes, picks):
        self.n = len(sizes.order)
        rank = np.empty(self.n, dtype=np.intp)
        rank[sizes.order] = np.arange(self.n)
        self.rank = rank[picks]
        self.size, self.level = sizes.sorted[self.rank], sizes.level[self.rank]
        self.unsure = sizes.not_certain(np.arange(1, len(picks) + 1))
        last = np.maximum(self.unsure - 1, 0)
        self.total, self.total_level = sizes.total[last], sizes.level[last]

    def __call__(self, m):
        out, unsure = np.ones(m), self.unsure[m - 1]
        some = self.rank[:m] < unsure
        share = self.size[:m][some] / self.total[m - 1]
        share = np.ldexp(share, 512 * (self.level[:m][some] - self.total_level[m - 1]))
        out[some] = np.minimum((m - (self.n - unsure)) * share, 1)
        return out


def ranking(sizes, random_state):
    """Random order of units whose first m units are a sample with probabilities pi(m), for all m.

    The probabilities are exactly ``pi_i(m) = min(1, c_m s_i)`` of :func:`inclusion_probabilities`.
    This is the elimination procedure of Tillé (1996): it starts with all units; from a sample of
    m + 1 units, unit i is eliminated with probability ``1 - pi_i(m) / pi_i(m + 1)``. The sum of
    these probabilities over any sample that can occur is 1, because the sample contains all units
    that are certain, and the ratio is the same for all others. The returned order is the reverse
    order of elimination.

    Systematic and pivotal sampling have the same inclusion probabilities, but their sample of m
    units is not a subset of that of m + 1 units.

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
    Time: O(n log n), and a Python loop over the sample sizes for which some unit is certain.
    Memory: about twenty vectors of length n.
    """
    of = _sizes(sizes)
    n = len(of.order)
    # With decreasing sample size, units stop being certain, in ascending order of size. Unit j is
    # not certain any more from the sample of `step[j]` units, and may be eliminated in that step.
    step = np.ceil(of.certain_from).astype(np.intp) - 1
    chance = np.maximum(1 - of.chance(np.arange(n), step), 0)
    upto = np.concatenate([[0.0], np.cumsum(chance)])

    m = np.arange(n - 1, step[-1] - 1, -1)  # from step[-1] units on, none is certain
    before, after = of.not_certain(m + 1), of.not_certain(m)
    pool = m + 1 - (n - before)  # units of the sample that were not certain before
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
    """Eliminate units one by one into ``answer[m]``; return the units that remain.

    The pool contains the units of the sample that are not certain any more. They are eliminated
    with equal probabilities, so a random position in the pool determines the unit.
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
    """`m` independent draws of units, with probabilities proportional to size.

    Parameters
    ----------
    sizes : array of shape (n,), or Sizes
        Positive; rounded to 32 binary digits.
    m : int
    random_state : RandomState

    Returns
    -------
    positions : ndarray of int
        The distinct units drawn, in the order of their first draw. With an equal `random_state`,
        the units of fewer draws are a prefix.
    counts : ndarray of int
        Number of draws of each of these units; their sum is `m`.

    Notes
    -----
    Time: O(n + m log n). Memory: a vector of length n.
    """
    upto = np.cumsum(_sizes(sizes).relative)
    drawn = np.searchsorted(upto, random_state.random_sample(m) * upto[-1], side="right")
    drawn = np.minimum(drawn, len(upto) - 1)  # a product may be rounded up to the total
    rows, first, counts = np.unique(drawn, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[order], counts[order]


# Sensitivities ------------------------------------------------------------------------------


def lightweight_sensitivity(X, weight):
    """``1 / (2 W) + d(x, mu)^2 / (2 sum_i w_i d(x_i, mu)^2)``, with mu the weighted mean.

    Parameters
    ----------
    X : array or csr of shape (n, n_features), or partitions
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (n,)
        Its sum weighted by `weight` is 1.

    Notes
    -----
    Time: O(n d), with two passes over X. Memory: a few vectors of length n, and blocks.
    """
    if hasattr(X, "map"):
        squares = _distances_in_partitions(X, weight) ** 2
    else:
        around = CenteredRows(X)
        squares = around.distances(around.mean(weight)) ** 2
    spread = weight @ squares
    if spread == 0:  # all samples are equal
        return np.full(len(squares), 1 / weight.sum())
    return 1 / (2 * weight.sum()) + squares / (2 * spread)


def _distances_in_partitions(parts, weight):
    """Distance of each row to the weighted mean, in an unknown unit; two passes."""
    weights = np.split(weight, parts.offsets[1:])
    center = center_of_union(parts.map(_center, weights))
    return np.concatenate(parts.map(_distances, shared=(center,)))


def _center(X, weight):
    return part_center(X, None, weight)


def _distances(X, center):
    return part_differences(X, None, center)


def kmeans_sensitivity(X, weight, n_clusters, random_state):
    """Upper bound of the sensitivity for k-means, from one D^2 sample of centers.

    With d(x) the distance to the nearest center, c the mean of its square, B the samples that have
    the same nearest center as x, and ``alpha = 16 (log2 k + 2)``, the bound is
    ``s(x) = alpha d(x)^2 / c + 2 alpha sum_B d^2 / (|B| c) + 4 n / |B|``. Sums, means and numbers
    of samples are weighted.

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
    Time: O(n k d). Memory: a few vectors of length n, and blocks.
    """
    around = _Differences(CenteredRows(to_numpy(X)))
    _, cell, closest = d2_sample(around, n_clusters, weight, random_state, in_rounds=False)
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


class _Differences:
    """Distances for :func:`d2_sample` that no large or small values of a row make inexact."""

    def __init__(self, around):
        self.around, self.n = around, around.n

    def closer_to(self, new, gap):
        (row,) = new
        distances = self.around.distances(self.around.row(row))
        rows = np.flatnonzero(distances < gap * (1 - self.around.rounding))
        return rows, distances[rows], 0


def leverage(X, weight):
    """``x_i (X^T W X)^+ x_i``: the diagonal of ``Q Q^T`` for an orthonormal basis Q of the columns.

    The R factor of the QR decomposition is updated block by block of rows, and its singular value
    decomposition gives the rank: columns that are linear combinations of others do not count.
    Columns are scaled before, so that the result does not depend on their units.

    Parameters
    ----------
    X : array or csr of shape (n, n_features), or partitions
    weight : ndarray of shape (n,)
        Positive sample weights.

    Returns
    -------
    ndarray of shape (n,)
        Its sum weighted by `weight` is the rank.

    Notes
    -----
    Time: O(n d^2), with three passes over X. Memory: d^2, and blocks of dense rows.
    """
    parts, weights = OnePart(X), [weight]
    if hasattr(X, "map"):
        parts, weights = X, np.split(weight, X.offsets[1:])
    found = parts.map(_largest_entries, weights)
    largest, eps = _stacked([largest for largest, _ in found]), max(eps for _, eps in found)
    xp, d = namespace(largest), largest.shape[1]
    largest = xp.max(largest, axis=0)
    scale = xp.where(largest > 0, largest, 1.0)
    R = _stacked(parts.map(_r_factor, weights, shared=(scale,)))
    _, singular, V = xp.linalg.svd(R, full_matrices=False)
    relative = to_numpy(singular / xp.max(singular)) if singular[0] > 0 else to_numpy(singular)
    is_rank = relative > 16 * d * 2.0**-52
    # A linear combination of float32 columns that does not exceed their rounding errors in any row
    # does not count for the rank. If a column is far from zero in most rows only, the combination
    # exceeds the rounding errors in the other rows.
    unsure = np.flatnonzero(is_rank & (relative <= 16 * d * eps))
    if len(unsure):
        combinations = xp.take(V, xp.asarray(unsure, device=device_of(V)), axis=0).T
        seen = parts.map(_exceeds_rounding, shared=(scale, combinations, eps))
        is_rank[unsure] = np.any(seen, axis=0)
    rank = xp.asarray(np.flatnonzero(is_rank), device=device_of(V))
    to_basis = (xp.take(V, rank, axis=0) / xp.take(singular, rank)[:, None]).T
    return np.concatenate(parts.map(_squares_in_basis, shared=(scale, to_basis)))


class OnePart:
    """A table in memory as the only one of several row partitions."""

    def __init__(self, X):
        self.X = X

    def map(self, function, *each, shared=()):
        """``[function(X, *each of this partition, *shared)]``"""
        return [function(self.X, *(values[0] for values in each), *shared)]


def _stacked(arrays):
    return namespace(arrays[0]).concat(arrays) if len(arrays) > 1 else arrays[0]


def _dense_blocks(X):
    """(slice, float64 rows) of blocks of `X`."""
    rows, d = StoredRows(X, may_copy=False), X.shape[1]
    # The cost of a block with fewer rows than columns would be that of a larger one.
    for block in block_slices(X.shape[0], min(6 * 8 * d, 2**23 // (4 * d))):
        values = rows.fetch_float64(block)
        yield block, values.toarray() if sparse.issparse(values) else values


def _roots(X, weight):
    xp = namespace(X)
    return xp.asarray(np.sqrt(weight), dtype=xp.float64, device=device_of(X))[:, None]


def _largest_entries(X, weight):
    """Largest weighted absolute value of each column, (1, d), and the rounding error of `X`."""
    xp, root = namespace(X), _roots(X, weight)
    largest = xp.zeros((1, X.shape[1]), dtype=xp.float64, device=device_of(X))
    for block, rows in _dense_blocks(X):
        of_block = xp.max(xp.abs(rows * root[block, :]), axis=0, keepdims=True)
        largest = xp.maximum(largest, of_block)
    return largest, 2.0**-23 if "float32" in str(X.dtype) else 2.0**-52


def _r_factor(X, weight, scale):
    """The R factor of the scaled rows; with several partitions, their factors are stacked."""
    xp, root = namespace(X), _roots(X, weight)
    R = xp.zeros((0, X.shape[1]), dtype=xp.float64, device=device_of(X))
    for block, rows in _dense_blocks(X):
        R = xp.concat([R, rows / scale * root[block, :]])
        # Without Q it takes half of the time, but the array API has no such mode.
        R = np.linalg.qr(R, mode="r") if isinstance(R, np.ndarray) else xp.linalg.qr(R).R
    return R


def _exceeds_rounding(X, scale, combinations, eps):
    xp, seen = namespace(X), np.zeros(combinations.shape[1], dtype=bool)
    for _, rows in _dense_blocks(X):
        scaled = rows / scale
        values = to_numpy(xp.abs(scaled @ combinations))
        # A column that is computed from others in float32 has an error of about one eps.
        lost = 4 * eps * to_numpy(xp.abs(scaled) @ xp.abs(combinations))
        seen |= (values > lost).any(axis=0)
    return seen


def _squares_in_basis(X, scale, to_basis):
    xp = namespace(X)
    return np.concatenate(
        [to_numpy(xp.sum(((rows / scale) @ to_basis) ** 2, axis=1)) for _, rows in _dense_blocks(X)]
    )
