"""Herding (Welling 2009; Chen, Welling & Smola 2010) without repeats."""

import numpy as np

__all__ = ["herd"]


def herd(gram, size, weight, *, report=None):
    """Pick rows so that the mean of the picked ones stays nearest to the (weighted) mean of all.

    With features phi and mean mu, pick t + 1 maximises
    ``<phi(x), 2 ((t + 1) mu - sum_{s picked} phi(s))> - |phi(x)|^2``, which is the row that brings
    the mean of the picked ones nearest to mu. Ties (equal up to rounding) go to the lowest
    position.

    Parameters
    ----------
    gram : object of :func:`skcoreset._kernels.distances.gram`
    size : int
    weight : array of shape (n,), float64
        What each row weighs in the mean.
    report : callable, optional
        Called with the number of picks after each pick.

    Returns
    -------
    picks : ndarray of shape (size,)
        Positions in order of selection.

    Notes
    -----
    Time: one product of the rows with a vector a pick (a kernel: one column of the kernel matrix
    a pick, and the whole of it once for the mean). Memory: a few vectors of n.
    """
    xp = gram.xp
    mean = gram.mean_feature(weight)
    total = 0 * mean
    cost = xp.asarray(gram.diagonal, copy=True)  # picked rows: inf
    picks = []
    for step in range(size):
        direction = 2 * ((step + 1) * mean - total)
        gain = gram.values(direction) - cost
        top = int(xp.argmax(gain))
        tied = gain >= gain[top] - gram.rounding_of_value(direction, top, step)
        pick = int(xp.nonzero(tied)[0][0])
        total = total + gram.feature(pick)
        cost[pick] = xp.inf
        picks.append(pick)
        if report is not None:
            report(len(picks))
    return np.asarray(picks)
