"""Herding (Welling 2009; Chen, Welling & Smola 2010) without repeats."""

from skcoreset._backend import put, to_numpy
from skcoreset._kernels.cuda.herding import herding_on

__all__ = ["herd"]


def herd(gram, size, weight, *, report=None):
    """Select rows whose mean feature vector approximates the weighted mean of all.

    With feature vectors phi and their mean mu, pick t + 1 is the row nearest to
    ``(t + 1) mu - sum_{s in S} phi(s)``: with it the mean of the picks is nearest to mu. Ties
    (equal up to rounding in float64, for tables of any dtype) go to the lowest position.

    Parameters
    ----------
    gram : object of :func:`skcoreset._kernels.kernels.gram`
    size : int
    weight : array of shape (n,), float64
        Weight of each row in the mean.
    report : callable, optional
        Called with the number of picks after each pick.

    Returns
    -------
    picks : ndarray of shape (size,)
        Positions in order of selection.

    Notes
    -----
    Time of a pick: one product of the table and a vector (with a kernel: one column of the kernel
    matrix), and differences for the rows that tie up to the rounding of the product. With a kernel,
    the whole kernel matrix once for the mean. Memory: a few vectors of n.
    """
    on_gpu = herding_on(gram)
    if on_gpu is not None:
        return on_gpu.herd(size, weight, report)
    xp = gram.xp
    mean, scale = gram.mean_feature(weight)
    total = 0 * mean
    cost = xp.asarray(gram.diagonal, copy=True)  # picked rows: inf
    picks = []
    # Positions stay arrays, as an int would synchronize the host with a GPU for each pick.
    for step in range(size):
        pick = gram.best(step, mean, scale, total, cost)
        total = total + gram.feature(pick)
        put(cost, pick, xp.inf)
        picks.append(pick)
        if report is not None:
            report(len(picks))
    return to_numpy(xp.concat(picks))
