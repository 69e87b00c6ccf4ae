"""Arrays with an entry for each sample that take few bytes, and work on them in blocks.

Samples without weights have the weight 1. An array of equal weights can be a view of a single
number (`repeated`), which is read-only. Products of matrices with such a view are slow and have
other rounding errors, so it is copied before (``np.ascontiguousarray``).
"""

import numpy as np

__all__ = [
    "counts_by_code",
    "elementwise",
    "in_blocks",
    "is_positive",
    "is_repeated",
    "position_type",
    "random_order",
    "repeated",
    "rows_by_code",
    "some_of",
    "sums_by_code",
]

BLOCK = 2**16


def in_blocks(n, least=1):
    """Slices over `n` entries, of at least `least`: temporary arrays of a block are small."""
    size = max(BLOCK, least)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def position_type(n):
    """The integer type of positions among `n` entries, and of -1."""
    return np.dtype(np.int32 if n < 2**31 else np.int64)


# Arrays of equal numbers --------------------------------------------------------------------


def repeated(value, n):
    """A read-only array of `n` times the same value, which stores it once."""
    return np.broadcast_to(value, n)


def is_repeated(values):
    """Whether `values` is such an array."""
    return values.strides == (0,)


def elementwise(function, values):
    """``function(values)``, which is repeated if `values` are."""
    if is_repeated(values) and len(values):
        return repeated(function(values[:1])[0], len(values))
    return function(values)


def is_positive(values):
    """``values > 0``, which is repeated if `values` are."""
    return elementwise(lambda some: some > 0, values)


def some_of(values, rows):
    """``values[rows]``, which is repeated if `values` are; all of them if `rows` is None."""
    if rows is None:
        return values
    return values[: len(rows)] if is_repeated(values) else values[rows]


# Classes ------------------------------------------------------------------------------------


def sums_by_code(codes, values, n_codes):
    """Sum of the values of each code, ``np.bincount(codes, values, n_codes)``."""
    sums, every = np.zeros(n_codes), np.arange(n_codes)
    for block in in_blocks(len(codes), n_codes):
        # With the sums so far as the first terms, the rounding errors are those of one block.
        terms = np.concatenate([sums, values[block]])
        sums = np.bincount(np.concatenate([every, codes[block]]), terms)
    return sums


def counts_by_code(codes, mask, n_codes):
    """Number of samples of each code that are in `mask`."""
    counts = np.zeros(n_codes, dtype=np.intp)
    for block in in_blocks(len(codes), n_codes):
        counts += np.bincount(codes[block][mask[block]], minlength=n_codes)
    return counts


def rows_by_code(codes, mask, counts):
    """For each code, the ascending positions of the samples that have it and are in `mask`.

    The `counts` are those of `counts_by_code`. Time: O(n) for any number of codes.
    """
    kind, ends = np.min_scalar_type(len(counts)), np.cumsum(counts)
    rows, filled = np.empty(ends[-1], dtype=position_type(len(codes))), ends - counts
    for block in in_blocks(len(codes), len(counts)):
        at = np.flatnonzero(mask[block])
        own = codes[block][at].astype(kind)
        of_block = np.bincount(own, minlength=len(counts))
        # Behind the rows of earlier blocks, and of smaller positions in this one
        start = filled - (np.cumsum(of_block) - of_block)
        at = at[np.argsort(own, kind="stable")]
        rows[np.repeat(start, of_block) + np.arange(len(at))] = at + block.start
        filled += of_block
    return np.split(rows, ends[:-1])


# Random numbers -----------------------------------------------------------------------------


def random_order(n, random_state):
    """The positions 0 to n - 1 in random order, as ``random_state.permutation(n)``."""
    order = np.arange(n, dtype=position_type(n))
    random_state.shuffle(order)
    return order
