"""Herding (Welling 2009; Chen, Welling & Smola 2010) without repeats."""

from skcoreset._backend import put, to_numpy
from skcoreset._kernels.cuda.herding import herding_on

__all__ = ["herd"]


def herd(gram, size, weight, *, report=None):
    """Pick rows so that the mean of the picked ones stays nearest to the (weighted) mean of all.

    With features phi and mean mu, pick t + 1 is the row nearest to
    ``(t + 1) mu - sum_{s picked} phi(s)``, which brings the mean of the picked ones nearest to mu.
    Ties (equal up to rounding in float64, whatever the table is) go to the lowest position.

    Parameters
    ----------
    gram : object of :func:`skcoreset._kernels.kernels.gram`
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
    a pick, and the whole of it once for the mean), and the differences of those rows that the
    product cannot tell apart. Memory: a few vectors of n.
    """
    on_gpu = herding_on(gram)
    if on_gpu is not None:
        return on_gpu.herd(size, weight, report)
    xp = gram.xp
    mean, scale = gram.mean_feature(weight)
    total = 0 * mean
    cost = xp.asarray(gram.diagonal, copy=True)  # picked rows: inf
    picks = []
    # Positions stay arrays: on a GPU an int would have to wait for each pick.
    for step in range(size):
        pick = gram.best(step, mean, scale, total, cost)
        total = total + gram.feature(pick)
        put(cost, pick, xp.inf)
        picks.append(pick)
        if report is not None:
            report(len(picks))
    return to_numpy(xp.concat(picks))
