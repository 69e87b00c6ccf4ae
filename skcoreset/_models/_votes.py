"""One-vs-one voting: each pair of classes has a decision value, and most pairs won are predicted.

Pairs are ordered (0, 1), (0, 2), ..., (1, 2), ...; the value of a pair (i, j) is positive where i
wins. The functions take such values and do not depend on the classifier.
"""

from itertools import combinations

import numpy as np

from skcoreset._backend import block_slices

__all__ = ["gaps_to_the_winner", "signed_pairs", "vote_gaps", "winners"]


def gaps_to_the_winner(values, n_classes):
    """Gap of each class to the class with the most votes, see `vote_gaps`, (n, n_classes).

    It is 0 for the winner and at most 0 for the others, so that the winner has the largest value.

    Parameters
    ----------
    values : ndarray of shape (n, n_pairs)
    """
    gaps = np.empty((len(values), n_classes))
    for block in block_slices(len(values), 8 * 8 * n_classes**2):
        signed = signed_pairs(values[block], n_classes)
        start = winners(signed)
        gaps[block] = vote_gaps(signed, start)[0]
        gaps[np.arange(block.start, block.stop), start] = 0.0
    return gaps


def signed_pairs(values, n_classes):
    """Value of class i against class j, (n, C, C); -inf for a class against itself."""
    signed = np.full((len(values), n_classes, n_classes), -np.inf)
    for p, (i, j) in enumerate(combinations(range(n_classes), 2)):
        signed[:, i, j], signed[:, j, i] = values[:, p], -values[:, p]
    return signed


def winners(signed):
    """The class with the most votes, (n,); the first one if several have as many."""
    return (signed > 0).sum(axis=2).argmax(axis=1)


def vote_gaps(signed, start):
    """Minus the amount by which pairwise values must change until a class outvotes `start`.

    Class k has at least m votes if the m-th largest of its values is positive. It therefore has
    more votes than class y if, for some m, its m-th largest value is positive and that of y is not
    (for k < y, which wins ties, the m-th of k and the (m + 1)-th of y). The gap is the maximum
    over m of the minimum of the m-th largest value of k and minus that of y. It is continuous, and
    wherever it is differentiable it is equal to one pairwise value, whose two classes are returned
    as `winner` and `loser`.

    Parameters
    ----------
    signed : ndarray of shape (n, C, C)
        Value of each class against each other, -inf on the diagonal.
    start : ndarray of int of shape (n,)

    Returns
    -------
    gaps : ndarray of shape (n, C)
        -inf at `start` itself.
    winner, loser : ndarrays of int of shape (n, C)
    """
    n, C, _ = signed.shape
    rows = np.arange(n)
    order = np.argsort(-signed, axis=2, kind="stable")
    rank = np.take_along_axis(signed, order, axis=2)  # the last is -inf: no class has C votes
    rank = np.concatenate(
        [np.full((n, C, 1), np.inf), rank], axis=2
    )  # every class has at least 0 votes
    wins_draws = (np.arange(C) < start[:, None])[:, :, None]
    rises = np.where(wins_draws, rank[:, :, :-1], rank[:, :, 1:])
    falls = -rank[rows, start, 1:][:, None, :]
    both = np.minimum(rises, falls)
    m = both.argmax(axis=2)[:, :, None]
    gaps = np.take_along_axis(both, m, axis=2)[:, :, 0]
    by_rise = np.take_along_axis(rises <= falls, m, axis=2)[:, :, 0]
    m = m[:, :, 0]
    beaten = order[rows[:, None], np.arange(C), np.maximum(m - wins_draws[:, :, 0], 0)]
    beater = order[rows[:, None], start[:, None], m]
    winner = np.where(by_rise, np.arange(C), beater)
    loser = np.where(by_rise, beaten, start[:, None])
    gaps[rows, start] = -np.inf
    return gaps, (winner, loser)
