"""Kernel herding in groups of the rows of a table in row partitions, with the picks in memory."""

from functools import cached_property
from itertools import pairwise

import numpy as np
import sklearn

from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernel_sample import (
    KernelSample,
    RowsInMemory,
    blocks_of,
    distinct_numbers,
    draw,
)
from skcoreset._kernels.kernels import gram, split_column
from skcoreset._kernels.threads import threads

__all__ = ["RowWeights", "herd_partitions"]


class RowWeights:
    """Weights of the rows of a group, computed from smaller values where they are needed.

    Parameters
    ----------
    function : callable
        ``function(*values)`` returns the arguments `weight` and `early` of
        :func:`skcoreset._kernels.herding.herd` for the rows of these values. It may be pickled.
    columns : ndarrays of shape (n,)
        The values of each row.
    """

    def __init__(self, function, *columns):
        self.function, self.columns, self.n = function, columns, len(columns[0])

    def at(self, rows):
        """(weight, early) of the rows at some positions."""
        return self.function(*(column[rows] for column in self.columns))

    @property
    def in_blocks(self):
        """(weight, early) of all rows, a block at a time."""
        return map(self.at, blocks_of(self.n, 2**17))

    @cached_property
    def n_positive(self):
        """Number of rows of positive weight."""
        return sum(np.count_nonzero(weight) for weight, _ in self.in_blocks)

    @property
    def totals(self):
        """The sum of the weights for each mean."""
        return sum(stacked(*block).sum(axis=0) for block in self.in_blocks)

    def split(self, starts):
        """The values of the rows of each partition, which start at these positions."""
        return list(zip(*(split_column(one, starts) for one in self.columns), strict=True))


def stacked(weight, early):
    """One column for each mean, as `KernelSample` has them."""
    return np.stack([weight] if early is None else [weight, early], axis=1)


def herd_partitions(parts, kernel, params, n_features, rows, tasks):
    """`herd` in each of several groups, with few passes over the table for all of them together.

    The rows from which a group is herded (all, or a random sample of them) come to this process,
    and so does a hash of each row of the groups of which a sample is drawn.

    Parameters
    ----------
    parts : partitions
    kernel : {"laplacian", "rbf"}
    params : dict
        Its parameter, see :func:`skcoreset._kernels.kernels.gram`; it must be given.
    n_features : int
    rows : list
        For each group the ascending positions of its rows, or None for all rows.
    tasks : list of dict
        For each group the arguments of `herd`, except `gram`, and with `weights`, which are
        `RowWeights`, in place of `weight` and `early`.

    Returns
    -------
    list of ndarray
        For each group the picks, positions in the group in order of selection.
    """
    sampled = [t["n_candidates"] < t["weights"].n_positive for t in tasks]
    which = _which(parts, rows, sampled)
    hashes = _hashes_of_groups(parts, which, tasks, sampled)
    picks = [None] * len(tasks)
    with threads() as each:
        for batch in _batches(n_features, tasks, sampled):
            samples = {}
            for group in batch:
                if sampled[group]:
                    source = _Fetching(parts, rows[group])
                    samples[group] = _drawn(source, hashes[group], tasks[group], each)
                    hashes[group] = None
            wanted = [
                _rows_at(rows[g], samples[g].at if sampled[g] else np.arange(tasks[g]["weights"].n))
                for g in batch
            ]
            X, _ = parts.take(np.concatenate(wanted))
            cuts = np.cumsum([0] + [len(some) for some in wanted])
            spans = dict(zip(batch, pairwise(cuts), strict=True))
            for group, sample in samples.items():
                radial = gram(X[:1], kernel, params).radial
                sample.place(X, np.arange(*spans[group]), radial)
            _estimate(parts, which, rows, tasks, samples)
            for group in batch:
                t = dict(tasks[group])
                weights = t.pop("weights")
                if sampled[group]:
                    sample = samples.pop(group)
                    initial = np.asarray(t["initial"], dtype=np.int64)
                    picks[group] = sample.herd(t["size"], initial, t["report"], t["fade"])
                else:
                    weight, early = weights.at(slice(None))
                    X_group = X[slice(*spans[group])]
                    picks[group] = herd(
                        gram(X_group, kernel, params), weight=weight, early=early, **t
                    )
    return picks


def _which(parts, rows, sampled):
    """For each partition the group of each row, as far as a sample of it is drawn; else -1.

    None for each, if there is one group, of all rows.
    """
    if not any(sampled) or rows[0] is None:
        return [None] * len(parts)
    which = np.full(parts.lengths.sum(), -1, dtype=np.min_scalar_type(-1 - len(rows)))
    for group, some in enumerate(rows):
        if sampled[group]:
            which[some] = group
    return np.split(which, parts.offsets[1:])


def _rows_at(rows, at):
    """Rows of the table at some positions in a group."""
    return at if rows is None else rows[at]


def _starts(parts, rows):
    """The position in a group of the first row of each partition."""
    if rows is None:
        return parts.offsets
    return np.searchsorted(rows, parts.offsets.astype(rows.dtype))


def _hashes_of_groups(parts, which, tasks, sampled):
    """A hash of each row, for the groups of which a sample is drawn, else None."""
    if not any(sampled):
        return [None] * len(tasks)
    seeds = [t["seed"] if some else None for t, some in zip(tasks, sampled, strict=True)]
    found = parts.map(_hashes, which, shared=(seeds,))
    hashes = []
    for group, some in enumerate(sampled):
        hashes.append(np.concatenate([one[group] for one in found]) if some else None)
        for one in found:
            one[group] = None  # so that there are no two copies of all of them
    return hashes


def _drawn(source, hashes, task, each):
    """The `KernelSample` of a group, whose rows are still in the partitions."""
    weights, sample = task["weights"], object.__new__(KernelSample)
    numbers = distinct_numbers(hashes)
    drawn, share = draw(lambda at: weights.at(at)[0], numbers, task["n_candidates"])
    sample.take(source, drawn, share, stacked(*weights.at(drawn)), each)
    return sample


def _batches(n_features, tasks, sampled):
    """Lists of groups whose candidates fit in `working_memory` together, at least one each."""
    left = most = sklearn.get_config()["working_memory"] * 2**20
    batches = [[]]
    for group, (t, some) in enumerate(zip(tasks, sampled, strict=True)):
        n = t["n_candidates"] if some else t["weights"].n
        left -= 3 * 8 * n * n_features
        if left < 0 and batches[-1]:
            batches.append([])
            left = most - 3 * 8 * n * n_features
        batches[-1].append(group)
    return batches


def _estimate(parts, which, rows, tasks, samples):
    """Estimate the mean of each sample from the sums of the kernel of all rows of its group."""
    if not samples:
        return
    values, needed = [], {}
    for group, sample in samples.items():
        weights = tasks[group]["weights"]
        values.append(weights.split(_starts(parts, rows[group])))
        needed[group] = (
            sample.points_of,
            sample.landmark_points,
            weights.function,
            weights.totals,
        )
    found = parts.map(_sums, which, list(zip(*values, strict=True)), shared=(needed,))
    for sample, sums in zip(samples.values(), map(sum, zip(*found, strict=True)), strict=True):
        sample.estimate(sums)


class _Fetching:
    """The rows of a group, as far as `KernelSample` needs more of them than its sample."""

    xp, device = np, "cpu"

    def __init__(self, parts, rows):
        self.parts, self.rows = parts, rows

    def points(self, points_of, at):
        X, _ = self.parts.take(_rows_at(self.rows, at))
        return RowsInMemory(X).points(points_of, np.arange(len(at)))


def _rows_of(which, group):
    """Positions in a partition of the rows of a group; None for all."""
    return None if which is None else np.flatnonzero(which == group)


def _hashes(X, which, seeds):
    """Hashes of the rows of each group that has a seed."""
    return [
        None if seed is None else RowsInMemory(X, _rows_of(which, group)).hashes(seed)
        for group, seed in enumerate(seeds)
    ]


def _sums(X, which, values, needed):
    """Sums of the kernel of the rows of each group with its landmarks."""
    out = []
    for columns, (group, found) in zip(values, needed.items(), strict=True):
        points_of, landmarks, function, totals = found
        rows = _rows_of(which, group)
        n = X.shape[0] if rows is None else len(rows)
        if n:
            weights = stacked(*function(*(np.broadcast_to(one, n) for one in columns))) / totals
            out.append(RowsInMemory(X, rows).sums(points_of, landmarks, weights))
        else:
            out.append(np.zeros((landmarks.shape[0], len(totals))))
    return out
