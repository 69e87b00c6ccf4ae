"""The parameter `init`: samples that are selected before the first one that a method chooses."""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._budget import samples_in_words

__all__ = ["check_initial", "check_initial_groups", "initial_positions"]


def check_initial(init, sample_weight, otherwise):
    """Raise unless `init` holds distinct indices of samples of positive weight.

    `otherwise` names the other values that the method accepts, for the error.
    """
    at, n_samples = np.asarray(to_numpy(init)), len(sample_weight)
    if at.ndim != 1 or not np.issubdtype(at.dtype, np.integer) or not len(at):
        raise ValueError(f"init={init!r} must be {otherwise}, or an array of sample indices.")
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
    placed = 0
    for group in groups:
        given = len(initial_positions(init, group))
        placed += given
        if given > group.size:
            raise ValueError(
                f"init has {samples_in_words(given)}{group.of_the_class}, but only {group.size} "
                "are to be selected. The samples of init count towards coreset_size."
            )
    left = len(np.asarray(to_numpy(init))) - placed
    if left:
        raise ValueError(
            f"init has {samples_in_words(left)} of classes of which coreset_size selects none."
        )


def initial_positions(init, group):
    """Positions in the group of the samples of `init` that belong to it."""
    given = np.asarray(to_numpy(init), dtype=int)
    if group.rows is not None and len(given):
        at = np.minimum(np.searchsorted(group.rows, given), len(group.rows) - 1)
        given = at[group.rows[at] == given]
    return given
