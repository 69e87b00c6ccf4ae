"""Smallest perturbation of a sample after which another class is predicted.

It is computed in closed form, by gradients (DeepFool), or by bisection between the sample and
others that are predicted differently; `route` of `DecisionFunction` selects the algorithm.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import euclidean_distances

from skcoreset._backend import block_slices

__all__ = [
    "BisectionCandidates",
    "Crossing",
    "SearchParameters",
    "check_prediction_budget",
    "nearest_crossing",
    "predict_in_blocks",
]

BLOCK_BYTES = 2**26  # matrix products of small blocks are slow
# The length of the first step is the distance for a linear classifier. Where the distance found
# differs from it by more than this factor, the gradient is not reliable.
MAX_STEP_RATIO = 1.25


class SearchParameters(NamedTuple):
    """Parameters of `DeepFool` that limit the search."""

    max_iter: int
    overshoot: float
    n_neighbors: int
    max_predict_rows: int | None
    store_perturbations: bool


class BisectionCandidates:
    """End points of the bisection; their predictions are computed when they are first needed."""

    def __init__(self, rows, labels=None):
        self.rows, self.labels = rows, labels


class Crossing(NamedTuple):
    """Result of a search, one entry per sample."""

    distances: np.ndarray  # infinite where no point that is predicted differently was found
    n_iter: np.ndarray
    exhausted: np.ndarray  # where `max_predict_rows` ended the search
    perturbations: np.ndarray | None


def nearest_crossing(function, X, candidates, params, labels=None):
    """Distance of each sample from the nearest point found that is predicted differently.

    Parameters
    ----------
    function : DecisionFunction
    X : ndarray or csr of shape (n, n_features); on the route "linear" any container
    candidates : BisectionCandidates
    params : SearchParameters
    labels : ndarray of shape (n,), default=None
        Predicted labels of `X`; only for the route "bisection".

    Returns
    -------
    found : Crossing
    """
    if function.route == "linear":
        return _closed_form(function, X, params)
    if function.route == "bisection":
        return _bisect(function, X, labels, candidates, params)
    found, unreliable = _descend(function, X, params)
    rows = np.flatnonzero(np.isinf(found.distances) | unreliable)
    if len(rows):
        _bisect_unreliable(function, X, rows, candidates, params, found)
    return found


def check_prediction_budget(max_predict_rows, needed, to):
    if max_predict_rows is not None and needed > max_predict_rows:
        raise ValueError(
            f"max_predict_rows={max_predict_rows} is too small: to {to}, {needed} predictions are "
            f"needed. Set it to at least {needed}, or to None."
        )


def predict_in_blocks(function, X):
    blocks = block_slices(X.shape[0], function.predict_bytes(X.shape[1]), BLOCK_BYTES)
    return np.concatenate([function.predict(_dense(X, block)) for block in blocks])


# in closed form ---------------------------------------------------------------------------------


def _closed_form(function, X, params):
    """Distances for linear decision values: to the nearest hyperplane on which two are equal.

    Time: that of one prediction per sample, and O(n C + C^2 d).
    """
    point = function.at(X)
    start, weights = point.codes(), function.weights
    norms = np.stack([np.linalg.norm(weights - w, axis=1) for w in weights])
    distances, nearest = _nearest(point.gaps(start), norms[start])
    perturbations = None
    if params.store_perturbations:
        found = np.isfinite(distances)
        share = np.full(len(distances), np.nan)
        share[found] = distances[found] / norms[start, nearest][found]
        perturbations = share[:, None] * (weights[nearest] - weights[start])
    n = len(distances)
    return Crossing(distances, np.ones(n, dtype=np.intp), np.zeros(n, dtype=bool), perturbations)


def _nearest(gaps, norms):
    """Distance to where the gap of the nearest class is 0, and that class: (n,), (n,).

    The distance of a class whose gap has gradient 0 is infinite, even if the gap is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(norms > 0, np.abs(gaps) / norms, np.inf)
    nearest = distances.argmin(axis=1)
    return distances[np.arange(len(gaps)), nearest], nearest


# by gradients -----------------------------------------------------------------------------------


def _descend(function, X, params):
    """DeepFool for all samples of a block at once; then each perturbation is shortened.

    Each sample has an equal share of `max_predict_rows`, so that the result does not depend on the
    blocks. The second value returned is a mask of the samples whose gradients are not reliable.

    Time: for each step, the gaps and their gradients at the samples that have not crossed the
    boundary. Memory: blocks of ``function.row_bytes(d)`` per sample.
    """
    (n, d), overshoot = X.shape, params.overshoot
    n_steps, allowance, per_step = params.max_iter, np.inf, function.predictions_per_step(d)
    if params.max_predict_rows is not None:
        besides = function.n_predicted + (2 * n if function.route == "differences" else 0)
        to = f"take one step per sample on the route {function.route!r}"
        check_prediction_budget(params.max_predict_rows, besides + n * per_step, to)
        allowance = (params.max_predict_rows - besides) // n
        n_steps = min(n_steps, allowance // per_step)
    distances, n_iter = np.full(n, np.inf), np.zeros(n, dtype=np.intp)
    exhausted, unreliable = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    perturbations = np.full((n, d), np.nan) if params.store_perturbations else None
    # A step this much longer than the spread of the data means that the gradient is practically 0.
    far = 1e10 * np.linalg.norm(function.feature_scales)
    for block in block_slices(n, function.row_bytes(d), BLOCK_BYTES):
        x = _dense(X, block)
        r, done = np.zeros_like(x), np.zeros(len(x), dtype=bool)
        point, active = function.at(x), np.arange(len(x))
        start = point.codes()
        for step in range(n_steps):
            if step > 0:
                point = function.at(x[active] + r[active])
            slopes = point.slopes(start[active])
            norms = np.sqrt(np.einsum("ikj,ikj->ik", slopes, slopes))
            size, nearest = _nearest(point.gaps(start[active]), norms)
            if step == 0:
                first = size
                done[size == 0] = True  # on the boundary already
            # A lower bound on the step avoids many tiny steps close to the boundary.
            size = np.maximum(size, overshoot * np.linalg.norm(r[active], axis=1))
            moving = (size > 0) & (size < far)
            rows, nearest = np.flatnonzero(moving), nearest[moving]
            active = active[moving]
            if not len(active):
                break
            r[active] += (size[rows] / norms[rows, nearest])[:, None] * slopes[rows, nearest]
            n_iter[block.start + active] += 1
            beyond = function.at(x[active] + (1 + overshoot) * r[active])
            crossed = beyond.codes() != start[active]
            done[active[crossed]] = True
            active = active[~crossed]
            if not len(active):
                break
        exhausted[block.start + active] = n_steps < params.max_iter
        moved = np.flatnonzero(done & r.any(axis=1))
        before = function.labels_of(start[moved])
        if function.route == "differences" and len(moved):
            # The head's classes may differ from those of `predict`.
            before = function.predict(x[moved])
            done[moved] = function.predict(x[moved] + (1 + overshoot) * r[moved]) != before
            before, moved = before[done[moved]], moved[done[moved]]
        remaining = allowance - n_iter[block.start + moved] * per_step
        share, short = _shorten(function, x[moved], r[moved], before, remaining, params)
        r[moved] *= share[:, None]
        exhausted[block.start + moved] |= short
        length = np.linalg.norm(r, axis=1)
        distances[block] = np.where(done, length, np.inf)
        unreliable[block] = done & (
            (length < first / MAX_STEP_RATIO) | (length > first * MAX_STEP_RATIO)
        )
        if perturbations is not None:
            perturbations[block] = np.where(done[:, None], r, np.nan)
    return Crossing(distances, n_iter, exhausted, perturbations), unreliable


def _shorten(function, x, r, before, remaining, params):
    """Fraction of each perturbation r at which the prediction changes.

    The steps assume a linear boundary, so a curved one may have been crossed long before the end.
    A perturbation that is correct up to the overshoot is not changed. The second value returned
    is a mask of the perturbations for which `remaining`, the budget of predictions, was too small.
    """
    beyond, remaining = 1 + params.overshoot, remaining.copy()
    ratio = beyond * beyond

    def differ(rows, share):
        remaining[rows] -= 1
        points = x[rows] + beyond * (share[:, None] * r[rows])
        return function.predict(points) != before[rows]

    share, exhausted = np.ones(len(x)), remaining < 1
    rows = np.flatnonzero(~exhausted)
    if not len(rows):
        return share, exhausted
    rows = rows[differ(rows, np.full(len(rows), 1 / ratio))]
    high, short = _bisect_shares(
        np.full(len(rows), 1 / ratio),
        lambda some, at: differ(rows[some], at),
        lambda some: remaining[rows[some]] >= 1,
        ratio,
        params.max_iter,
        divisor=ratio**2,
    )
    share[rows], exhausted[rows] = high, short
    return share, exhausted


# by bisection -----------------------------------------------------------------------------------


def _bisect_shares(high, differ, may_predict, ratio, max_iter, divisor=2.0):
    """Bisection on line segments: at 0 the prediction is unchanged, at `high` it is different.

    Returns fractions of the segments at which it is different, at most `ratio` times a fraction at
    which it is unchanged, and a mask of the segments that stopped earlier because of the budget.

    Parameters
    ----------
    high : ndarray of shape (n,)
    differ : callable
        ``differ(rows, share)``: whether the points at these fractions are predicted differently.
    may_predict : callable
        ``may_predict(rows)``: mask of the segments whose budget allows one more prediction.
    divisor : float
        Divisor of `high` for the first trial, its square for the second and so on, until the
        prediction is unchanged. Small if the change is likely to be close to `high`.
    """
    high, low = high.copy(), np.zeros(len(high))
    exhausted = np.zeros(len(high), dtype=bool)
    for _ in range(max_iter):
        wide = np.flatnonzero((high > ratio * low) & ~exhausted)
        if len(wide):
            exhausted[wide] = ~may_predict(wide)
            wide = wide[~exhausted[wide]]
        if not len(wide):
            break
        middle = np.where(low[wide] > 0, (low[wide] + high[wide]) / 2, high[wide] / divisor)
        divisor = min(divisor**2, 2.0)
        other = differ(wide, middle)
        high[wide[other]], low[wide[~other]] = middle[other], middle[~other]
    return high, exhausted


def _bisect_unreliable(function, X, rows, candidates, params, found):
    """Bisection for samples with unreliable gradients; updates `found` where it is shorter."""
    unknown = candidates.rows.shape[0] if candidates.labels is None else 0
    needed = function.n_predicted + unknown + 2 * len(rows)  # their labels, and one round
    if params.max_predict_rows is not None and needed > params.max_predict_rows:
        found.exhausted[rows] = True
        return
    if candidates.labels is None:
        candidates.labels = predict_in_blocks(function, candidates.rows)
    some = X[rows]
    labels = predict_in_blocks(function, some)
    beyond, known = 1 + params.overshoot, found.distances[rows]
    bisected = _bisect(function, some, labels, candidates, params, beyond, known)
    found.exhausted[rows] |= bisected.exhausted
    shorter = bisected.distances < known
    found.distances[rows[shorter]] = bisected.distances[shorter]
    if found.perturbations is not None:
        found.perturbations[rows[shorter]] = bisected.perturbations[shorter]


def _bisect(function, X, labels, candidates, params, beyond=1.0, known=np.inf):
    """Bisection between each sample and the nearest samples that are predicted differently.

    Finds r, shorter than `known`, such that ``x + beyond * r`` is predicted differently. One round
    predicts all samples together, for one neighbor after the other. A segment is skipped if its
    point at the smallest distance so far has the same prediction as the sample.

    Time: n n_others d for the neighbors; then predictions. Memory: O(n n_neighbors), blocks.
    """
    n, budget = X.shape[0], params.max_predict_rows
    targets, lengths = _nearest_candidates(X, labels, candidates, params.n_neighbors)
    share, chosen = np.full(n, np.nan), np.zeros(n, dtype=np.intp)
    best, n_iter = np.full(n, known), np.zeros(n, dtype=np.intp)
    exhausted = np.zeros(n, dtype=bool)
    row_bytes = function.predict_bytes(X.shape[1])

    def differ(rows, target, at):
        out = np.zeros(len(rows), dtype=bool)
        for block in block_slices(len(rows), row_bytes, BLOCK_BYTES):
            some = rows[block]
            x = _dense(X, some)
            points = x + beyond * (at[block, None] * (_dense(candidates.rows, target[block]) - x))
            out[block] = function.predict(points) != labels[some]
        n_iter[rows] += 1
        return out

    def affordable(rows):
        return not exhausted.any() and (
            budget is None or function.n_predicted + len(rows) <= budget
        )

    def halve(rows, target, high):
        def may_predict(some):
            exhausted[rows[some]] = not affordable(some)
            return ~exhausted[rows[some]]

        ratio = (1 + params.overshoot) * beyond
        high, _ = _bisect_shares(
            high,
            lambda some, at: differ(rows[some], target[some], at),
            may_predict,
            ratio,
            params.max_iter,
        )
        return high

    for target, length in zip(targets.T, lengths.T, strict=True):  # the nearest first
        rows = np.flatnonzero(np.isfinite(length))
        high = np.minimum(1 / beyond, best[rows] / length[rows])
        if not affordable(rows):
            exhausted[rows] = True
            break
        # Also for the nearest, whose fraction is 1 up to rounding: samples can lie on thresholds.
        other = differ(rows, target[rows], high)
        rows = rows[other]
        high = halve(rows, target[rows], high[other])
        best[rows] = high * length[rows]
        share[rows], chosen[rows] = high, target[rows]
    perturbations = None
    if params.store_perturbations:
        perturbations = np.full(X.shape, np.nan)
        for block in block_slices(n, 4 * 8 * X.shape[1], BLOCK_BYTES):
            x = _dense(X, block)
            perturbations[block] = share[block, None] * (_dense(candidates.rows, chosen[block]) - x)
    return Crossing(best, n_iter, exhausted, perturbations)


def _nearest_candidates(X, labels, candidates, n_neighbors):
    """The nearest of the others that have a different label, in ascending order of distance.

    Among those at equal distance, up to rounding errors, the lowest indices are taken.

    Returns
    -------
    targets : ndarray of int of shape (n, k)
    lengths : ndarray of shape (n, k)
        Distances; infinite where there are fewer than k.
    """
    reference = candidates.rows
    _, codes = np.unique(np.concatenate([labels, candidates.labels]), return_inverse=True)
    codes, theirs = codes[: X.shape[0]], codes[X.shape[0] :]
    n, (m, d), k = X.shape[0], reference.shape, min(n_neighbors, reference.shape[0])
    targets, lengths = np.zeros((n, k), dtype=np.intp), np.full((n, k), np.inf)
    wide = reference.astype(np.float64)
    # Matrix products lose digits if the features are far from 0.
    shift = 0.0 if sparse.issparse(wide) else wide.mean(axis=0)
    wide = wide if sparse.issparse(wide) else wide - shift
    squares = np.asarray((wide.multiply(wide) if sparse.issparse(wide) else wide**2).sum(axis=1))
    squares = squares.reshape(1, -1)
    for block in block_slices(n, 8 * (4 * m + 3 * k * d), BLOCK_BYTES):
        x = _dense(X, block)
        shifted = x - shift
        D = euclidean_distances(shifted, wide, Y_norm_squared=squares, squared=True)
        D[codes[block, None] == theirs] = np.inf
        edge = np.partition(D, k - 1, axis=1)[:, k - 1][:, None]
        width = 1e-13 * ((shifted**2).sum(axis=1)[:, None] + squares.max())
        surely = edge - width > D
        tie = (edge + width >= D) & ~surely
        room = k - surely.sum(axis=1, keepdims=True)
        near = surely | (tie & (tie.cumsum(axis=1) <= room))
        target = np.nonzero(near)[1].reshape(-1, k)
        ways = _dense(reference, target.ravel()).reshape(-1, k, d) - x[:, None, :]
        length = np.linalg.norm(ways, axis=2)
        length[np.isinf(np.take_along_axis(D, target, axis=1))] = np.inf
        order = np.argsort(length, axis=1, kind="stable")
        targets[block] = np.take_along_axis(target, order, axis=1)
        lengths[block] = np.take_along_axis(length, order, axis=1)
    return targets, lengths


def _dense(X, rows):
    X = X[rows]
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
