"""The parameter `init`: samples that are selected before the first one that a method chooses."""

import numpy as np

from skcoreset._backend import to_numpy
from skcoreset._budget import samples_in_words

__all__ = ["check_initial", "check_initial_groups", "initial_positions"]


def check_initial(init, sample_weight):
    """Raise unless `init` holds distinct indices of samples of positive weight."""
    rows, n_samples = np.asarray(to_numpy(init)), len(sample_weight)
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer) or not len(rows):
        raise ValueError(f"init must be 'mean', 'random' or a list of row indices, got {init!r}.")
    if rows.min() < 0 or rows.max() >= n_samples:
        raise ValueError(f"init has row indices outside 0 to {n_samples - 1}: {init!r}.")
    if len(np.unique(rows)) < len(rows):
        raise ValueError(f"init has the same row index twice: {init!r}.")
    if not sample_weight[rows].all():
        raise ValueError(f"init has rows of sample_weight 0, which are ignored: {init!r}.")


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
