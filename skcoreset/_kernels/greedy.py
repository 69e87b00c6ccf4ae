"""Greedy maximization of set functions: lazy, stochastic or naive.

An objective has these members:

``n``, ``xp``, ``device``
    The number of candidates, and the namespace and device of its arrays.
``all_gains()``
    The marginal gain of each candidate, (n,), float64.
``gains(candidates)``
    The marginal gains of some candidates, float64.
``add(candidate)``
    Add a candidate to the selected set.
``maintained_gains``
    The marginal gains of all candidates if the objective updates them with each pick, else None.
``relative_tolerance``, ``absolute_tolerance``
    Two gains tie if they differ by less than the relative error and the absolute error together.
    The absolute error is that of the sums from which gains are differences.
``on_demand``
    Whether similarities are computed anew at each use, which makes gains expensive.
``on_gpu()``
    A lazy greedy loop that selects on the GPU, or None.
"""

import numpy as np
from array_api_extra import argpartition

from skcoreset._backend import put, to_numpy

__all__ = ["greedy"]


def greedy(
    objective,
    size,
    *,
    start=(),
    optimizer="lazy",
    epsilon=0.01,
    random_state=None,
    stop=None,
    report=None,
):
    """Add the candidate with the largest marginal gain in each of `size` steps.

    Lazy (Minoux 1978): the marginal gains of a submodular function do not increase, so a gain of
    an earlier step is an upper bound. The gains of the candidates with the largest bounds are
    evaluated, 1, 2, 4, ... 64 at once (32 to 512 for similarities on demand), until the largest
    bound is a gain of this step. The picks are those of the naive loop, which evaluates all
    candidates in each step. Ties (gains equal up to rounding) go to the lowest position.

    Stochastic (Mirzasoleiman et al. 2015): each step evaluates a random sample of
    ``n / size * ln(1 / epsilon)`` candidates.

    On a GPU some objectives have a lazy loop of their own (`on_gpu`) that makes the same picks. It
    runs ahead of `report` and `stop`, which are called for each pick nevertheless; picks after the
    one for which `stop` returns True are discarded.

    Parameters
    ----------
    objective : object with the members that are listed at the top of this file
    size : int
        Number of picks, including those of `start`.
    start : sequence of int
        Positions of the first picks.
    optimizer : "lazy", "stochastic" or "naive"
    epsilon : float
        Only for "stochastic".
    random_state : RandomState
        Only for "stochastic".
    stop : callable, optional
        Called after each pick; if it returns True, the loop ends.
    report : callable, optional
        Called with the number of picks after each pick.

    Returns
    -------
    picks : ndarray of shape (size,), or shorter if `stop` returned True
    gains : ndarray, float64
        Marginal gain of each pick.
    """
    on_gpu = objective.on_gpu() if optimizer == "lazy" else None
    if on_gpu is not None:
        return on_gpu.greedy(size, start, stop, report)
    picks, gains = [], []
    step = {"lazy": _Lazy, "stochastic": _Stochastic, "naive": _Naive}[optimizer](
        objective, size, epsilon, random_state
    )
    waiting = list(start)
    while len(picks) < size:
        if waiting:
            pick = int(waiting.pop(0))
            gain = float(objective.gains(objective.xp.asarray([pick], device=objective.device))[0])
        else:
            pick, gain = step.best()
        objective.add(pick)
        step.added(pick)
        picks.append(pick)
        gains.append(gain)
        if report is not None:
            report(len(picks))
        if stop is not None and stop():
            break
    return np.asarray(picks), np.asarray(gains)


class _Lazy:
    def __init__(self, objective, size, epsilon, random_state):
        self.objective, self.xp = objective, objective.xp
        self.bound = self.xp.asarray(objective.all_gains(), copy=True)
        self.age = self.xp.zeros(objective.n, dtype=self.xp.int64, device=objective.device)
        self.step = 0
        self.least, self.most = (32, 512) if objective.on_demand else (1, 64)

    def best(self):
        xp, bound, batch = self.xp, self.bound, self.least
        if self.objective.maintained_gains is not None:
            gains = xp.where(bound > -xp.inf, self.objective.maintained_gains, -xp.inf)
            return _lowest_of_ties(gains, self.objective)
        while True:
            top = int(xp.argmax(bound))
            tied = xp.nonzero(bound >= _least(float(bound[top]), self.objective))[0]
            stale = tied[self.age[tied] < self.step]
            if stale.shape[0] == 0:
                return int(tied[0]), float(bound[tied[0]])
            if batch > 1:
                most = min(batch, self.objective.n)
                best = argpartition(bound, self.objective.n - most, xp=xp)[-most:]
                best = best[(self.age[best] < self.step) & (bound[best] > -xp.inf)]
                wanted = xp.zeros_like(self.age)
                put(wanted, stale, 1)
                put(wanted, best, 1)
                stale = xp.nonzero(wanted)[0]
            put(bound, stale, self.objective.gains(stale))
            put(self.age, stale, self.step)
            batch = min(2 * batch, self.most)

    def added(self, pick):
        self.bound[pick] = -self.xp.inf
        self.step += 1
        if self.step == 1 and self.objective.on_demand:
            # The first pick changes most gains. All similarities at once take half of the time of
            # those of one candidate after the other, as each pair is computed once.
            taken = self.bound == -self.xp.inf
            self.bound = self.xp.where(taken, -self.xp.inf, self.objective.all_gains())
            self.age = self.age + 1


class _Naive:
    def __init__(self, objective, size, epsilon, random_state):
        self.objective, self.xp = objective, objective.xp
        self.open = self.xp.ones(objective.n, dtype=self.xp.bool, device=objective.device)

    def best(self):
        gains = self.xp.where(self.open, self.objective.all_gains(), -self.xp.inf)
        return _lowest_of_ties(gains, self.objective)

    def added(self, pick):
        self.open[pick] = False


class _Stochastic(_Naive):
    def __init__(self, objective, size, epsilon, random_state):
        super().__init__(objective, size, epsilon, random_state)
        self.sample = int(np.ceil(objective.n / size * np.log(1 / epsilon)))
        self.random_state = random_state

    def best(self):
        xp = self.xp
        candidates = np.flatnonzero(to_numpy(self.open))
        if len(candidates) > self.sample:
            candidates = np.sort(self.random_state.choice(candidates, self.sample, replace=False))
        candidates = xp.asarray(candidates, device=self.objective.device)
        pick, gain = _lowest_of_ties(self.objective.gains(candidates), self.objective)
        return int(candidates[pick]), gain


def _lowest_of_ties(gains, objective):
    """Position of the largest gain (the lowest position of a tie), and its gain."""
    xp = objective.xp
    pick = int(xp.nonzero(gains >= _least(float(xp.max(gains)), objective))[0][0])
    return pick, float(gains[pick])


def _least(gain, objective):
    """The smallest gain that ties with the largest gain, `gain`."""
    if not np.isfinite(gain):
        raise ValueError("The gains are not finite, as sums of similarities overflow. Scale X.")
    return gain - objective.relative_tolerance * abs(gain) - objective.absolute_tolerance
