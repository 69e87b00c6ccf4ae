"""The parameters `init` and `exclude`: samples that are selected first, or never."""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._budget import samples_in_words

__all__ = [
    "check_initial",
    "check_initial_groups",
    "check_initial_picks",
    "excluded_samples",
    "initial_positions",
]


def check_initial(init, sample_weight, otherwise):
    """Raise unless `init` is None or holds distinct indices of samples of positive weight.

    `otherwise` names the other values that the method accepts, for the error.
    """
    if init is None:
        return
    at, n_samples = np.asarray(to_numpy(init)), len(sample_weight)
    if at.ndim != 1 or not (np.issubdtype(at.dtype, np.integer) or not len(at)):
        raise ValueError(f"init={init!r} must be {otherwise}, or an array of sample indices.")
    if not len(at):
        return
    if at.min() < 0 or at.max() >= n_samples:
        raise ValueError(f"init={init!r} has sample indices outside 0 to {n_samples - 1}.")
    if len(np.unique(at)) < len(at):
        raise ValueError(f"init={init!r} has the same sample index twice. Give each index once.")
    if not sample_weight[at].all():
        raise ValueError(
            f"init={init!r} has samples of sample_weight 0, which are ignored. Leave them out."
        )


def check_initial_groups(init, groups):
    """Raise unless the budget of each group has a place for all its samples in `init`."""
    if init is None:
        return
    placed = 0
    for group in groups:
        given = len(initial_positions(init, group))
        placed += given
        _check_places(given, group.size, group.of_the_class)
    left = len(np.asarray(to_numpy(init))) - placed
    if left:
        raise ValueError(
            f"init has {samples_in_words(left)} of classes of which coreset_size selects none."
        )


def check_initial_picks(init, picks, size, of_the_class):
    """Raise if samples of `init` are not among the first `size` of the `picks` of a group.

    `init` may also be None, or a str that is not about certain samples.
    """
    if init is not None and not isinstance(init, str):
        given = np.isin(picks, np.asarray(to_numpy(init)))
        _check_places(np.count_nonzero(given), size, of_the_class)


def _check_places(given, size, of_the_class):
    if given > size:
        raise ValueError(
            f"init has {samples_in_words(given)}{of_the_class}, but only {size} are to be "
            "selected. The samples of init count towards coreset_size."
        )


def initial_positions(init, group):
    """Positions in the group of the samples of `init` that belong to it; of None there are none."""
    given = np.asarray(() if init is None else to_numpy(init), dtype=int)
    if group.rows is not None and len(given):
        at = np.minimum(np.searchsorted(group.rows, given), len(group.rows) - 1)
        given = at[group.rows[at] == given]
    return given


def excluded_samples(exclude, sample_weight):
    """Mask of the samples in `exclude`; raise unless these are indices that leave some sample."""
    at, n_samples = np.asarray(to_numpy(exclude)), len(sample_weight)
    if at.ndim != 1 or not (np.issubdtype(at.dtype, np.integer) or not len(at)):
        hint = " For a mask, give np.flatnonzero(mask)." if at.dtype == bool else ""
        raise ValueError(f"exclude={exclude!r} must be None or an array of sample indices.{hint}")
    excluded = np.zeros(n_samples, dtype=bool)
    if len(at):
        if at.min() < 0 or at.max() >= n_samples:
            raise ValueError(
                f"exclude={exclude!r} has sample indices outside 0 to {n_samples - 1}."
            )
        excluded[at] = True
    if not (sample_weight[~excluded] > 0).any():
        raise ValueError(
            f"exclude={exclude!r} leaves no sample to select. Leave out fewer samples."
        )
    return excluded
