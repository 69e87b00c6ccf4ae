"""Sampling with unequal probabilities, and sensitivities of numeric features.

A sensitivity is that of one copy of a sample: a sample of weight w is equivalent to w copies of it,
so its inclusion probability is proportional to w times its sensitivity.
"""

from copy import deepcopy

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, device_of, namespace, to_numpy
from skcoreset._kernels.centered_rows import (
    CenteredRows,
    center_of_union,
    part_center,
    part_differences,
)
from skcoreset._kernels.compact import in_blocks, position_type
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

    Attributes
    ----------
    order : ndarray of int of shape (n,)
        The units in ascending order of size.
    sorted, level : ndarray of shape (n,)
        Their sizes in this order.
    total : ndarray of shape (n,)
        Cumulative sums of the sizes, each in units of ``2 ** (512 level)``.
    certain_in : ndarray of int of shape (n,)
        The smallest m for which each unit is certain, in descending order of size.
    """

    def __init__(self, *factors):
        self.order, self.sorted, self.level = _in_order([to_numpy(factor) for factor in factors])
        n = len(self.order)
        self.total, carried, before = np.empty(n), 0.0, 0
        for one in np.unique(self.level).tolist():
            mine = slice(*np.searchsorted(self.level, [one, one + 1]))
            carried = np.ldexp(carried, 512 * (before - one))
            total = np.cumsum(self.sorted[mine], out=self.total[mine])
            total += carried
            carried, before = total[-1], one
        self.certain_in = np.empty(n, dtype=position_type(n))
        ascending, least = self.certain_in[::-1], n
        for block in in_blocks(n):
            certain_from = _whole_from(n, block, self.total[block] / self.sorted[block])
            ascending[block] = np.minimum.accumulate(np.minimum(certain_from, least))
            least = ascending[block][-1]

    @property
    def relative(self):
        """The sizes in the order of the units, without a common factor."""
        out = np.empty(len(self.order))
        out[self.order] = _shifted(self.sorted, self.level, self.level[-1])
        return out

    def not_certain(self, m):
        """Number of units that are not certain in a sample of `m` units: the smallest ones."""
        m = np.asarray(m, dtype=self.certain_in.dtype)
        return len(self.order) - np.searchsorted(self.certain_in, m, side="right")

    def chance(self, at, m):
        """``c s`` for samples of `m` units, in which the given units are not certain.

        `at` are positions of units in ascending order of size.
        """
        unsure = self.not_certain(m)
        share = self.sorted[at] / self.total[unsure - 1]
        share = _shifted(share, self.level[at], self.level[unsure - 1])
        return (m - (len(self.order) - unsure)) * share


def _in_order(factors):
    """The order of the products of the `factors`, and the products and their levels in it."""
    n = len(factors[0])
    sizes, level = np.empty(n), np.empty(n, dtype=np.int8)
    for block in in_blocks(n):
        sizes[block], level[block] = _product([factor[block] for factor in factors])
    order = np.lexsort((sizes, level)).astype(position_type(n))
    return order, sizes[order], level[order]


def _product(factors):
    """Products of the `factors` and their levels, as described in `Sizes`."""
    mantissa, exponent = 0.5, np.int32(1)
    for factor in factors:
        digits, power = np.frexp(factor)
        mantissa, more = np.frexp(mantissa * digits)
        exponent = exponent + power + more
    mantissa, more = np.frexp(np.round(np.ldexp(mantissa, 32)))
    level = (exponent + more) // 512
    return np.ldexp(mantissa, exponent + more - 512 * level), level


def _shifted(values, level, to):
    """Values of a level, or of several, in units of another."""
    return np.ldexp(values, 512 * (level.astype(np.int32) - to))


def _whole_from(n, block, share):
    """The smallest sample size for which each unit of a block of the ascending ones is certain."""
    certain_from = n - np.arange(block.start + 1, block.stop + 1) + share
    # Sizes of few digits often make these whole numbers, which rounding must not move to either
    # side: on one of them a unit is certain in a sample of m units, on the other it is not.
    whole = np.rint(certain_from)
    certain_from = np.where(abs(certain_from - whole) <= n * 2.0**-30, whole, certain_from)
    # In a sample of n units all are certain, despite rounding errors.
    return np.ceil(np.minimum(certain_from, n))


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
        rank = np.empty(self.n, dtype=position_type(self.n))
        for block in in_blocks(self.n):
            rank[sizes.order[block]] = np.arange(block.start, block.stop)
        self.rank = rank[picks]
        self.size, self.level = sizes.sorted[self.rank], sizes.level[self.rank]
        self.unsure = sizes.not_certain(np.arange(1, len(picks) + 1))
        last = np.maximum(self.unsure - 1, 0)
        self.total, self.total_level = sizes.total[last], sizes.level[last]

    def __call__(self, m):
        out, unsure = np.ones(m), self.unsure[m - 1]
        some = self.rank[:m] < unsure
        share = self.size[:m][some] / self.total[m - 1]
        share = _shifted(share, self.level[:m][some], self.total_level[m - 1])
        out[some] = np.minimum((m - (self.n - unsure)) * share, 1)
        return out


def ranking(sizes, random_state, size=None):
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
    size : int, optional
        How many units of the order are returned; all by default.

    Returns
    -------
    ndarray of int of shape (size,)

    Notes
    -----
    Time: O(n log n), and a Python loop over the sample sizes for which some unit is certain.
    Memory: 37 bytes for each unit, of which `Sizes` has 25, and blocks.
    """
    of = _sizes(sizes)
    n = len(of.order)
    size = n if size is None else size
    upto = _cumulated_chances(of)
    answer = np.empty(size, dtype=of.order.dtype)
    pool, n_pool = memoryview(np.empty(n, dtype=of.order.dtype)), 0
    tickets, places = deepcopy(random_state), random_state  # each has n numbers
    _skip(places, n)
    least = int(of.certain_in[0]) - 1  # in a sample of so many units, none is certain
    for block in in_blocks(n - least):
        m = np.arange(n - 1 - block.start, n - 1 - block.stop, -1)
        unsure = of.not_certain(np.append(m[0] + 1, m))
        before, after = unsure[:-1], unsure[1:]
        waiting = m + 1 - (n - before)  # units of the sample that were not certain before
        out = np.searchsorted(upto, upto[before] + tickets.random_sample(len(m)), side="right") - 1
        out = np.where(waiting == 0, np.minimum(out, after - 1), out)
        from_pool = out >= after
        out[from_pool] = (places.random_sample(len(m)) * waiting)[from_pool]
        eliminated = np.empty(len(m), dtype=of.order.dtype)
        n_pool = _eliminate(before, after, out, from_pool, pool, n_pool, eliminated)
        answer[m[m < size]] = eliminated[m < size]
    _skip(places, least)
    left = np.asarray(pool)[:n_pool]
    random_state.shuffle(left)
    answer[:n_pool] = left[:size]
    return of.order[answer]


def _cumulated_chances(of):
    """Sums of the chances of the first units to be eliminated in the first step that allows it.

    With decreasing sample size, units stop being certain, in ascending order of size. A unit may be
    eliminated from the largest sample in which it is not certain.
    """
    n = len(of.order)
    upto = np.zeros(n + 1)
    for block in in_blocks(n):
        chance = np.maximum(1 - of.chance(block, of.certain_in[::-1][block] - 1), 0)
        terms = np.append(upto[block.start], chance)
        upto[block.start : block.stop + 1] = np.cumsum(terms)
    return upto


def _skip(random_state, n):
    """Draw `n` random numbers that are not used."""
    for block in in_blocks(n):
        random_state.random_sample(block.stop - block.start)


def _eliminate(before, after, out, from_pool, pool, size, eliminated):
    """Eliminate units one by one; return the new size of the pool.

    The pool contains the units of the sample that are not certain any more. They are eliminated
    with equal probabilities, so a random position in the pool determines the unit.
    """
    steps = np.arange(len(out))
    put_out = memoryview(eliminated)
    for at, start, stop, row, of_pool in zip(
        *(memoryview(a) for a in (steps, before, after, out, from_pool)), strict=True
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
    return size


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
        squares = _distances_in_partitions(X, weight)
    else:
        around = CenteredRows(X)
        squares = around.distances(around.mean(weight))
    np.square(squares, out=squares)
    spread = np.ascontiguousarray(weight) @ squares
    if spread == 0:  # all samples are equal
        return np.full(len(squares), 1 / weight.sum())
    squares /= 2 * spread
    squares += 1 / (2 * weight.sum())
    return squares


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
