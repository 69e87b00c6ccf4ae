"""The papers' loops, written to be obviously right; nothing here is fast."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from scipy.optimize import nnls
from sklearn.metrics import pairwise_distances


def k_center(X, k, first, metric="euclidean"):
    """Gonzalez 1985: the row farthest from all picked rows, lowest index of a tie."""
    picks = [int(i) for i in np.atleast_1d(first)]
    radii = []

    def gaps():
        if metric == "euclidean":
            D = np.stack([np.sqrt(((X - X[j]) ** 2).sum(axis=1)) for j in picks])
        elif metric == "precomputed":
            D = X[picks]
        else:
            D = pairwise_distances(X[picks], X, metric=metric)
        gap = D.min(axis=0)
        gap[picks] = -1  # never twice
        return gap, D

    all_picks, picks = picks, []
    for pick in all_picks:
        picks.append(pick)
        radii.append(max(gaps()[0].max(), 0))
    while len(picks) < k:
        gap, _ = gaps()
        largest = gap.max()
        picks.append(int(np.flatnonzero(np.isclose(gap, largest, rtol=1e-9, atol=1e-12))[0]))
        radii.append(max(gaps()[0].max(), 0))
    _, D = gaps()
    D[np.arange(k), picks] = -1  # a pick is its own, whatever duplicates it has
    cells = D.argmin(axis=0)
    return np.array(picks), np.array(radii), cells


def herding(X, k, weight=None):
    """Brute force: try every row, keep the one that brings the mean nearest."""
    weight = np.ones(len(X)) if weight is None else weight
    mean = weight @ X / weight.sum()
    picks = []
    for _ in range(k):
        errors = np.full(len(X), np.inf)
        for i in range(len(X)):
            if i not in picks:
                errors[i] = ((mean - X[[*picks, i]].mean(axis=0)) ** 2).sum()
        picks.append(int(errors.argmin()))
    return np.array(picks)


def kernel_herding(K, k, weight=None):
    """Chen et al. 2010 on the whole kernel matrix, without repeats."""
    weight = np.ones(len(K)) if weight is None else weight
    mean = K @ weight / weight.sum()
    picks = []
    for t in range(k):
        value = 2 * (t + 1) * mean - 2 * K[:, picks].sum(axis=1) - np.diag(K)
        value[picks] = -np.inf
        picks.append(int(value.argmax()))
    return np.array(picks)


def welling(X, k):
    """Welling 2009: argmax <w, phi>, w += mean - phi; may repeat a row."""
    mean = X.mean(axis=0)
    w, picks = mean.copy(), []
    for _ in range(k):
        picks.append(int((X @ w).argmax()))
        w += mean - X[picks[-1]]
    return np.array(picks)


def least_confidence(p):
    return np.array([1 - max(row) for row in p])


def entropy(p):
    return np.array([-sum(q * np.log(q) for q in row if q > 0) for row in p])


def margin(p):
    out = []
    for row in p:
        second, first = sorted(row)[-2:]
        out.append(second - first)
    return np.array(out)


def top_k(scores, k):
    """Largest first, ties to the lowest index."""
    return np.array(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


def exact_squares(X, weight):
    """Squared distances to the weighted mean in exact arithmetic, as fractions."""
    rows = [[Fraction(float(x)) for x in row] for row in X]
    weight = [Fraction(float(w)) for w in weight]
    columns = range(len(rows[0]))
    total = sum(weight)
    mean = [sum(w * row[c] for w, row in zip(weight, rows, strict=True)) / total for c in columns]
    return [sum((row[c] - mean[c]) ** 2 for c in columns) for row in rows]


def square_root(fraction):
    with localcontext(prec=60):
        return (Decimal(fraction.numerator) / Decimal(fraction.denominator)).sqrt()


def moderate(X, weight):
    """How far the distance of each row to the centre is from the median, and these distances."""
    distances = [square_root(square) for square in exact_squares(X, weight)]
    order = sorted(range(len(X)), key=lambda i: distances[i])
    half, upto = sum(Fraction(float(w)) for w in weight) / 2, 0
    for place, i in enumerate(order):
        upto += Fraction(float(weight[i]))
        if upto >= half:
            after = order[place + 1] if upto == half else i
            median = (distances[i] + distances[after]) / 2
            return [abs(distance - median) for distance in distances], distances


def largest_remainder(size, counts):
    """Hamilton's method, for quotas of at least one."""
    quota = [size * c / sum(counts) for c in counts]
    seats = [int(np.floor(q + 1e-9)) for q in quota]
    order = sorted(
        range(len(counts)), key=lambda c: (-round(quota[c] - seats[c], 9), -counts[c], c)
    )
    for c in order[: size - sum(seats)]:
        seats[c] += 1
    return seats


def facility_location(S, k, weight=None):
    """Naive greedy on a similarity matrix: try every candidate at every step."""
    weight = np.ones(len(S)) if weight is None else weight
    picks, gains, value = [], [], 0.0
    for _ in range(k):
        values = np.full(len(S), -np.inf)
        for j in range(len(S)):
            if j not in picks:
                values[j] = weight @ S[:, [*picks, j]].max(axis=1)
        picks.append(_lowest_of_largest(values))
        gains.append(values[picks[-1]] - value)
        value = values[picks[-1]]
    return np.array(picks), np.array(gains)


def graph_cut(S, k, redundancy, weight=None):
    """Naive greedy on ``sum_{V, S} s - redundancy sum_{S, S} s``."""
    weight = np.ones(len(S)) if weight is None else weight
    picks, gains, value = [], [], 0.0
    for _ in range(k):
        values = np.full(len(S), -np.inf)
        for j in range(len(S)):
            if j not in picks:
                T = [*picks, j]
                values[j] = (weight @ S[:, T]).sum() - redundancy * S[np.ix_(T, T)].sum()
        picks.append(_lowest_of_largest(values))
        gains.append(values[picks[-1]] - value)
        value = values[picks[-1]]
    return np.array(picks), np.array(gains)


def _lowest_of_largest(values):
    return int(np.flatnonzero(np.isclose(values, values.max(), rtol=1e-10, atol=1e-10))[0])


def matching_pursuit(G, b, k, regularization=0.0):
    """OMP with the non-negative least squares solved from scratch at every step, by scipy."""
    picks = []
    weight = np.zeros(0)
    ridge = np.sqrt(regularization)
    while len(picks) < k:
        left = G @ (b - weight @ G[picks])
        left[picks] = -np.inf
        picks.append(int(left.argmax()))
        A = np.vstack([G[picks].T, ridge * np.eye(len(picks))])
        weight = nnls(A, np.concatenate([b, np.zeros(len(picks))]))[0]
        picks = [p for p, w in zip(picks, weight, strict=True) if w > 0]
        weight = weight[weight > 0]
    return np.array(picks), weight


def farthest_first(D, k, first, tie=2.0**-40):
    """The plain loop on a matrix of distances; what is relatively closer than `tie` is equal."""
    gap, picks, radii = D[first].copy(), [first], [D[first].max()]
    while len(picks) < k:
        left = gap.copy()
        left[picks] = -1
        picks.append(int(np.flatnonzero(left >= left.max() * (1 - tie))[0]))
        gap = np.minimum(gap, D[picks[-1]])
        radii.append(gap.max())
    return np.array(picks), np.array(radii)


def herding_far_out(X, k, weight=None):
    """Herding on numbers of more than 16 digits, as rows far out leave the others few."""
    X = X.astype(np.longdouble)
    weight = np.ones(len(X), np.longdouble) if weight is None else weight.astype(np.longdouble)
    mean = weight @ X / weight.sum()
    picks = []
    for t in range(k):
        errors = ((X - (t + 1) * mean + X[picks].sum(axis=0)) ** 2).sum(axis=1)
        errors[picks] = np.inf
        picks.append(int(errors.argmin()))
    return np.array(picks)
