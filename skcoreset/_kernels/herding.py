"""Herding (Welling 2009; Chen, Welling & Smola 2010) without repeats."""

import numpy as np

from skcoreset._backend import put, to_numpy
from skcoreset._kernels.cuda.herding import herding_on
from skcoreset._kernels.kernel_sample import faded
from skcoreset._kernels.threads import threads

__all__ = ["herd", "n_candidates_for"]

FEWEST, MOST, PER_PICK = 20_000, 120_000, 30


def herd(
    gram, size, weight, *, early=None, fade=0, initial=(), n_candidates=None, seed=0, report=None
):
    """Select rows whose mean feature vector approximates the weighted mean of all.

    With feature vectors phi and their mean mu, pick t + 1 is the row nearest to
    ``(t + 1) mu - sum_{s in S} phi(s)``: with it the mean of the picks is nearest to mu. Ties
    (equal up to rounding in float64, for tables of any dtype) go to the lowest position.

    Parameters
    ----------
    gram : object of :func:`skcoreset._kernels.kernels.gram`
    size : int
        Number of picks, including those of `initial`.
    weight : array of shape (n,), float64
        Weight of each row in the mean. Rows of weight 0 are not picked, except by `initial`.
    early : array of shape (n,), float64, optional
        Weight of each row in the mean of the first picks, 0 where `weight` is 0; see `faded`.
    fade : float
        The number of picks until only `weight` counts, if there is `early`.
    initial : sequence of int
        Positions of the first picks, in order.
    n_candidates : int, optional
        If there are more rows of positive weight, and the kernel is a function of the distance,
        the rows are picked from a random sample of so many rows, which also estimates the mean; see
        :class:`skcoreset._kernels.kernel_sample.KernelSample`. It is at least `size`.
    seed : int
        Of that sample. The sample depends on the values of the rows, not on their order.
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
    initial = np.asarray(initial, dtype=np.int64)
    some = n_candidates is not None and gram.can_sample
    if some and n_candidates < np.count_nonzero(to_numpy(weight)):
        with threads(gram.device == "cpu") as each:
            sample = gram.sample(weight, n_candidates, seed, each, early)
            return sample.herd(size, initial, report, fade)
    xp = gram.xp
    mean, scale = gram.mean_feature(weight)
    total, cost = _start(gram, weight, initial, mean)
    if len(initial) and report is not None:
        report(len(initial))
    first = mean if early is None else gram.mean_feature(early)[0]
    on_gpu = herding_on(gram)
    if on_gpu is not None and early is None:
        return on_gpu.herd(size, initial, mean, scale, total, cost, report)
    picks = [xp.asarray(initial, device=gram.device)]
    # Positions stay arrays, as an int would synchronize the host with a GPU for each pick.
    for step in range(len(initial), size):
        target = mean if early is None else faded(mean, first, step + 1, fade)
        pick = gram.best(step, target, scale, total, cost)
        total = total + gram.feature(pick)
        put(cost, pick, xp.inf)
        picks.append(pick)
        if report is not None:
            report(step + 1)
    return to_numpy(xp.concat(picks))


def _start(gram, weight, initial, mean):
    """Sum of the features of the `initial` picks; diagonal of the kernel, infinite if excluded."""
    xp, total = gram.xp, 0 * mean
    weight = xp.asarray(weight, device=gram.device)
    cost = xp.where(weight > 0, gram.diagonal, xp.inf)
    for position in initial:
        pick = xp.asarray([position], device=gram.device)
        total = total + gram.feature(pick)
        put(cost, pick, xp.inf)
    return total, cost


def n_candidates_for(size):
    """The number of candidates for `size` picks with which herding is fast and nearly exact."""
    return max(FEWEST, min(MOST, PER_PICK * size), 2 * size)
