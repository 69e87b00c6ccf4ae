"""Kernel herding in groups of the rows of a table in row partitions, with the picks in memory."""

from itertools import pairwise

import numpy as np
import sklearn

from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernel_sample import KernelSample, RowsInMemory
from skcoreset._kernels.kernels import gram
from skcoreset._kernels.threads import threads

__all__ = ["herd_partitions"]


def herd_partitions(parts, kernel, params, rows, tasks):
    """`herd` in each of several groups, with few passes over the table for all of them together.

    The rows from which a group is herded (all, or a random sample of them) come to this process.

    Parameters
    ----------
    parts : partitions
    kernel : {"laplacian", "rbf"}
    params : dict
        Its parameter, see :func:`skcoreset._kernels.kernels.gram`; it must be given.
    rows : list
        For each group the ascending positions of its rows, or None for all rows.
    tasks : list of dict
        For each group the arguments of `herd`, except `gram`.

    Returns
    -------
    list of ndarray
        For each group the picks, positions in the group in order of selection.
    """
    rows = [np.arange(parts.lengths.sum()) if some is None else some for some in rows]
    which = np.full(parts.lengths.sum(), -1, dtype=np.min_scalar_type(-1 - len(rows)))
    for group, some in enumerate(rows):
        which[some] = group
    which = np.split(which, parts.offsets[1:])
    sampled = [t["n_candidates"] < np.count_nonzero(t["weight"]) for t in tasks]
    hashes = [None] * len(tasks)
    if any(sampled):
        seeds = [t["seed"] if some else None for t, some in zip(tasks, sampled, strict=True)]
        found = parts.map(_hashes, which, shared=(seeds,))
        hashes = [np.concatenate(of_group) for of_group in zip(*found, strict=True)]
    picks = [None] * len(tasks)
    with threads() as each:
        for batch in _batches(parts, tasks, sampled):
            samples = {}
            for group in batch:
                if sampled[group]:
                    samples[group] = sample = object.__new__(KernelSample)
                    given = (tasks[group][name] for name in ("weight", "n_candidates"))
                    source = _Fetching(parts, rows[group])
                    sample.draw(source, hashes[group], *given, each, tasks[group]["early"])
            wanted = [rows[g][samples[g].at] if sampled[g] else rows[g] for g in batch]
            X, _ = parts.take(np.concatenate(wanted))
            cuts = np.cumsum([0] + [len(some) for some in wanted])
            spans = dict(zip(batch, pairwise(cuts), strict=True))
            for group, sample in samples.items():
                radial = gram(X[:1], kernel, params).radial
                sample.place(X, np.arange(*spans[group]), radial)
            _estimate(parts, which, rows, samples)
            for group in batch:
                t = tasks[group]
                if sampled[group]:
                    sample = samples.pop(group)
                    initial = np.asarray(t["initial"], dtype=np.int64)
                    picks[group] = sample.herd(t["size"], initial, t["report"], t["fade"])
                else:
                    picks[group] = herd(gram(X[slice(*spans[group])], kernel, params), **t)
    return picks


def _batches(parts, tasks, sampled):
    """Lists of groups whose candidates fit in `working_memory` together, at least one each."""
    n_features = parts.map(_n_features)[0]
    left = most = sklearn.get_config()["working_memory"] * 2**20
    batches = [[]]
    for group, (t, some) in enumerate(zip(tasks, sampled, strict=True)):
        n = t["n_candidates"] if some else len(t["weight"])
        left -= 3 * 8 * n * n_features
        if left < 0 and batches[-1]:
            batches.append([])
            left = most - 3 * 8 * n * n_features
        batches[-1].append(group)
    return batches


def _estimate(parts, which, rows, samples):
    """Estimate the mean of each sample from the sums of the kernel of all rows of its group."""
    if not samples:
        return
    weights = [[] for _ in which]
    for group, sample in samples.items():
        local = np.searchsorted(rows[group], parts.offsets[1:])
        for of_part, some in zip(weights, np.split(sample.weights, local), strict=True):
            of_part.append(some)
    needed = {group: (one.points_of, one.landmark_points) for group, one in samples.items()}
    found = parts.map(_sums, which, weights, shared=(needed,))
    for sample, sums in zip(samples.values(), map(sum, zip(*found, strict=True)), strict=True):
        sample.estimate(sums)


class _Fetching:
    """The rows of a group, as far as `KernelSample` needs more of them than its sample."""

    xp, device = np, "cpu"

    def __init__(self, parts, rows):
        self.parts, self.rows = parts, rows

    def points(self, points_of, at):
        X, _ = self.parts.take(self.rows[at])
        return RowsInMemory(X).points(points_of, np.arange(len(at)))


def _n_features(X):
    return X.shape[1]


def _hashes(X, which, seeds):
    """Hashes of the rows of each group that has a seed."""
    return [
        np.zeros(0, dtype=np.uint64)
        if seed is None
        else RowsInMemory(X, np.flatnonzero(which == group)).hashes(seed)
        for group, seed in enumerate(seeds)
    ]


def _sums(X, which, weights, needed):
    """Sums of the kernel of the rows of each group with its landmarks."""
    out = []
    for weight, (group, (points_of, landmarks)) in zip(weights, needed.items(), strict=True):
        rows = np.flatnonzero(which == group)
        if len(rows):
            out.append(RowsInMemory(X, rows).sums(points_of, landmarks, weight))
        else:
            out.append(np.zeros((landmarks.shape[0], weight.shape[1])))
    return out
