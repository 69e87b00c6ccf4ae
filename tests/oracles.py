"""The papers' loops, written to be obviously right; nothing here is fast."""

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, pairwise
from math import comb

import numpy as np
from scipy.optimize import nnls
from sklearn.base import clone
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


def laplacian(X, length):
    """exp(-|x - z| / length), Euclidean, in extended precision."""
    X = np.asarray(X, dtype=np.longdouble)
    distances = np.sqrt(((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2))
    return np.exp(-distances / length).astype(float)


def kernel_herding(K, k, weight=None, initial=(), candidates=None):
    """Chen et al. 2010 on the whole kernel matrix, without repeats, after the picks `initial`."""
    weight = np.ones(len(K)) if weight is None else weight
    mean = K @ weight / weight.sum()
    picks = list(initial)
    for t in range(len(picks), k):
        value = 2 * (t + 1) * mean - 2 * K[:, picks].sum(axis=1) - np.diag(K)
        value[picks] = -np.inf
        if candidates is not None:
            value[np.setdiff1d(np.arange(len(K)), candidates)] = -np.inf
        picks.append(int(value.argmax()))
    return np.array(picks)


def randomly_pivoted_cholesky(K, k, random_state, weight=None, proposals=256, none=2.0**-30):
    """Epperly et al. 2024, one proposal after another, with the whole kernel matrix.

    Of each proposal, drawn by the residual at the start of its round, the residual is compared with
    the residual after all accepted ones.
    """
    weight = np.ones(len(K)) if weight is None else weight
    residual, picks, traces = K.astype(float), [], []
    while len(picks) < k:
        start = np.where(np.diag(residual) > none * np.diag(K), np.diag(residual), 0.0)
        if start.sum() == 0:
            break
        draws, accepts = random_state.random_sample((2, proposals))
        edges = np.cumsum(weight * start)
        for draw, accept in zip(draws, accepts, strict=True):
            j = int(np.flatnonzero(edges > draw * edges[-1])[0])
            now = residual[j, j]
            if len(picks) < k and now > none * K[j, j] and accept * start[j] < now:
                picks.append(j)
                residual = residual - np.outer(residual[:, j], residual[j]) / now
                traces.append(weight @ np.diag(residual) / (weight @ np.diag(K)))
    return np.array(picks), np.array(traces)


def faded_herding(K, k, early, late=None):
    """Kernel herding towards a mean that changes from the weights `early` to `late` in 600 picks"""
    late = np.ones(len(K)) if late is None else late
    picks = []
    for t in range(1, k + 1):
        a = (1 - t / 600) ** 2 if t < 600 else 0
        gain = t * K @ (a * early / early.sum() + (1 - a) * late / late.sum())
        gain -= K[:, picks].sum(axis=1)
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
    return picks


def coreset_loop(X, y, size, proba, min_trust=0.02, power=0.5, tilted=False):
    """Coreset of the classes 0, 1, ...: for each class its samples, in order of selection.

    `proba` are the probabilities that a proxy predicts.
    """
    n, classes = len(y), range(max(y) + 1)
    best = [sorted(row)[::-1] for row in proba.tolist()]
    trust = np.array([round(proba[i, y[i]] / best[i][0], 4) for i in range(n)])
    unsure = np.array([round(1 - (best[i][0] - best[i][1]), 4) for i in range(n)])
    tilt = np.ones(n)
    if tilted:
        base = min(0.5 + 3 * np.mean([proba[i].argmax() != y[i] for i in range(n)]), 0.8)
        tilt = base + (1 - base) * unsure / unsure.mean()
    sizes = largest_remainder(size, [tilt[y == c].sum() for c in classes])
    length = sum(X[:, j].var() for j in range(X.shape[1])) ** 0.5
    selected = []
    for c in classes:
        mine = [i for i in range(n) if y[i] == c]
        trusted = [i for i in mine if trust[i] >= min_trust] or mine
        K = np.array(
            [[np.exp(-np.linalg.norm(X[i] - X[j]) / length) for j in trusted] for i in trusted]
        )
        early = tilt[trusted] * trust[trusted] ** power
        herded = faded_herding(K, min(sizes[c], len(trusted)), early, tilt[trusted])
        others = sorted(set(mine) - set(trusted), key=lambda i: (-trust[i], i))
        selected.append([trusted[i] for i in herded] + others[: sizes[c] - len(herded)])
    return selected


def squared_mmd(K, picks, weight=None):
    """Squared distance of the (weighted) mean of all feature vectors and that of the picks."""
    weight = np.ones(len(K)) if weight is None else weight
    difference = weight / weight.sum()
    difference[picks] -= 1 / len(picks)
    return difference @ K @ difference


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


def margin_by_pairs(values, n_classes):
    """Minus the least t so that another class wins most pairs, for each row.

    Values of the class that is to win rise by t and those of the winner fall by t. All t at which
    anything changes are tried.
    """
    pairs = [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]
    out = []
    for row in values:
        F = np.zeros((n_classes, n_classes))
        for value, (i, j) in zip(row, pairs, strict=True):
            F[i, j], F[j, i] = value, -value
        votes = (F > 0).sum(axis=1)
        y = votes.argmax()
        least = np.inf
        for k in set(range(n_classes)) - {y}:
            for t in np.abs(row):
                moved = F.copy()
                moved[k] += t * (1 + 1e-9)
                moved[:, k] -= t * (1 + 1e-9)
                for j in set(range(n_classes)) - {y, k}:  # the pair of both has moved already
                    moved[y, j] -= t * (1 + 1e-9)
                votes = (moved > 0).sum(axis=1)
                if votes[k] > votes[y] or (votes[k] == votes[y] and k < y):
                    least = min(least, t)
        out.append(-least)
    return np.array(out)


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


def facility_location(S, k, weight=None, init=()):
    """Naive greedy on a similarity matrix: try every candidate at every step, after `init`."""
    weight = np.ones(len(S)) if weight is None else weight
    picks, gains, value = [], [], 0.0
    for _ in range(k):
        values = np.full(len(S), -np.inf)
        for j in range(len(S)):
            if j not in picks:
                values[j] = weight @ S[:, [*picks, j]].max(axis=1)
        picks.append(init[len(picks)] if len(picks) < len(init) else _lowest_of_largest(values))
        gains.append(values[picks[-1]] - value)
        value = values[picks[-1]]
    return np.array(picks), np.array(gains)


def uncertainty_herding(S, k, uncertainty, weight=None, init=()):
    """Bae et al. 2025: the gain of each candidate as the sum of the formula, after `init`."""
    n = len(S)
    weight = np.ones(n) if weight is None else weight
    picks, gains = [], []
    for _ in range(k):
        gain = np.full(n, -np.inf)
        for x in range(n):
            if x not in picks:
                gain[x] = 0.0
                for i in range(n):
                    reached = max((S[i, j] for j in picks), default=0.0)
                    gain[x] += weight[i] * uncertainty[i] * max(0.0, S[i, x] - reached)
        picks.append(init[len(picks)] if len(picks) < len(init) else _lowest_of_largest(gain))
        gains.append(gain[picks[-1]])
    return np.array(picks), np.array(gains)


def graph_cut(S, k, redundancy, weight=None, init=()):
    """Naive greedy on ``sum_{V, S} s - redundancy sum_{S, S} s``."""
    weight = np.ones(len(S)) if weight is None else weight
    picks, gains, value = [], [], 0.0
    for _ in range(k):
        values = np.full(len(S), -np.inf)
        for j in range(len(S)):
            if j not in picks:
                T = [*picks, j]
                values[j] = (weight @ S[:, T]).sum() - redundancy * S[np.ix_(T, T)].sum()
        picks.append(init[len(picks)] if len(picks) < len(init) else _lowest_of_largest(values))
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


def presentations(model, X, y, n_epochs, batch_size, random_state):
    """Toneva et al. 2019: each batch is predicted, then learned; (n_epochs, n) predicted labels.

    The very first batch is learned first, as no classifier predicts before.
    """
    predicted = np.empty((n_epochs, len(y)), dtype=y.dtype)
    for epoch in range(n_epochs):
        order = random_state.permutation(len(y))
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            if epoch == start == 0:
                model.partial_fit(X[rows], y[rows], classes=np.unique(y))
                predicted[epoch, rows] = model.predict(X[rows])
            else:
                predicted[epoch, rows] = model.predict(X[rows])
                model.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return predicted


def forgetting(right):
    """Events of each row: right at one record, wrong at the next; all of them if never right."""
    events = []
    for row in np.asarray(right).T:
        events.append(sum(now and not then for now, then in pairwise(row)))
        if not any(row):
            events[-1] = len(row)
    return np.array(events)


def distances(X, metric="euclidean"):
    """All pairs by differences, in float64; a row is at distance 0 from itself.

    Cosine: half the squared distance of the rows of length 1, and 1 for a row of zeros.
    """
    X = np.asarray(X, dtype=np.float64)
    if metric == "cosine":
        norms = np.array([np.sqrt((row**2).sum()) for row in X])
        U = X / np.where(norms > 0, norms, 1)[:, None]
        D = np.stack([((U - row) ** 2).sum(axis=1) / 2 for row in U])
        D[D < 64 * 2.0**-104] = 0  # the same direction, up to the rounding of lengths
        D[norms == 0] = D[:, norms == 0] = 1
    else:
        D = np.stack([np.sqrt(((X - row) ** 2).sum(axis=1)) for row in X])
    np.fill_diagonal(D, 0)
    return D


def facility_location_of_distances(D, k, weight=None):
    """Greedy on ``sum_i w_i (max D - min_{j in S} d_ij)``: gains are sums of differences."""
    weight = np.ones(len(D)) if weight is None else weight
    covered, picks, gains = np.full(len(D), D.max()), [], []
    for _ in range(k):
        gain = weight @ np.maximum(covered[:, None] - D, 0)
        gain[picks] = -np.inf
        width = 1e-12 * gain.max() + 1e-14 * (weight @ covered if picks else 0)
        picks.append(int(np.flatnonzero(gain >= gain.max() - width)[0]))
        gains.append(gain[picks[-1]])
        covered = np.minimum(covered, D[picks[-1]])
    return np.array(picks), np.array(gains)


def graph_cut_of_distances(D, k, redundancy, weight=None):
    """Greedy on ``sum_{V, S} w s - redundancy mean(w) sum_{S, S} s`` with ``s = max D - d``."""
    weight = np.ones(len(D)) if weight is None else weight
    S, picks, gains = D.max() - D, [], []
    for _ in range(k):
        gain = weight @ S
        gain -= redundancy * weight.mean() * (2 * S[:, picks].sum(axis=1) + np.diag(S))
        width = 1e-12 * abs(np.delete(gain, picks)).max() + 1e-14 * (weight @ S).max()
        gain[picks] = -np.inf
        picks.append(int(np.flatnonzero(gain >= gain.max() - width)[0]))
        gains.append(gain[picks[-1]])
    return np.array(picks), np.array(gains)


def cells(S, picks, weight=None):
    """Weight of the rows most similar to each pick, the first of a tie; a pick is its own."""
    weight, out = np.ones(len(S)) if weight is None else weight, np.zeros(len(picks))
    picks = [int(pick) for pick in picks]
    for row, w in enumerate(weight):
        near = S[row, picks]
        first = int(np.flatnonzero(near >= near.max() - 1e-12 * abs(near.max()))[0])
        out[picks.index(row) if row in picks else first] += w
    return out


def prob_cover(D, k, delta, weight=None, init=()):
    """Yehuda et al. 2022: the ball with the largest weight of rows in no ball so far."""
    weight = np.ones(len(D)) if weight is None else weight
    covered, picks, fractions, cell = np.zeros(len(D), dtype=bool), [], [], np.full(len(D), -1)
    inside = delta * (1 - 1e-9) > D
    np.fill_diagonal(inside, True)
    while len(picks) < k:
        gains = [-1 if j in picks else weight[inside[j] & ~covered].sum() for j in range(len(D))]
        pick = int(np.flatnonzero(np.isclose(gains, max(gains), rtol=1e-9, atol=1e-9))[0])
        pick = init[len(picks)] if len(picks) < len(init) else pick
        cell[inside[pick] & ~covered] = len(picks)
        covered |= inside[pick]
        picks.append(pick)
        fractions.append(weight[covered].sum() / weight.sum())
    cell[picks] = np.arange(k)
    sizes = np.array([weight[cell == j].sum() for j in range(k)])
    return np.array(picks), np.array(fractions), sizes * weight.sum() / sizes.sum()


def fraction_of_pure_balls(D, labels, delta):
    """Share of open balls in which all rows have the label of the center."""
    return np.mean([(labels[D[i] < delta] == labels[i]).all() for i in range(len(D))])


def standardized_robustly(X):
    """`features="auto"` for columns of numbers, in loops."""
    n, columns = len(X), []
    for j in range(len(X[0])):
        held = sorted(row[j] for row in X if row[j] == row[j])
        median = held[(len(held) - 1) // 2]
        far = sorted(abs(value - median) for value in held if value != median)
        unit = far[len(far) // 2]
        scaled = [max(-8, min(8, (value - median) / unit)) for value in held]
        mean = sum(scaled) / len(scaled)
        variance = sum((value - mean) ** 2 for value in scaled) / len(scaled)
        column = []
        for i in range(n):
            value = X[i][j] if X[i][j] == X[i][j] else median
            value = max(-8, min(8, (value - median) / unit))
            column.append((value - mean) / max(variance, 0.01) ** 0.5)
        columns.append(column)
    return np.array(columns).T


def curve(pipeline, X, y, samplers, sizes, splits, weight=None, scale="mean"):
    """Scores on coresets: arrays (samplers, sizes, splits) for test and train, and of all samples.

    Every sampler and every estimator is fitted anew, on the transformed samples of one fold.
    """
    shape = len(samplers), len(sizes), len(splits)
    test_scores, train_scores, full = np.empty(shape), np.empty(shape), np.empty(len(splits))
    weight = np.ones(len(y)) if weight is None else weight
    for f, (train, test) in enumerate(splits):
        head = clone(pipeline[:-1])
        X_train, X_test = head.fit_transform(X[train], y[train]), head.transform(X[test])
        y_train, weight_train = y[train], weight[train]
        last = clone(pipeline[-1]).fit(X_train, y_train, sample_weight=weight_train)
        full[f] = last.score(X_test, y[test])
        for s, sampler in enumerate(samplers):
            for k, size in enumerate(sizes):
                one = clone(sampler).set_params(coreset_size=size)
                one.fit(X_train, y_train, sample_weight=weight_train)
                at, weights = one.sample_indices_, one.sample_weight_
                weights = weights / weights.mean() if scale == "mean" else weights
                last = clone(pipeline[-1]).fit(X_train[at], y_train[at], sample_weight=weights)
                test_scores[s, k, f] = last.score(X_test, y[test])
                train_scores[s, k, f] = last.score(X_train[at], y_train[at])
    return test_scores, train_scores, full


def near_duplicates(D, radius, order=None):
    """Positions of the selected samples, and of the nearest of them for each sample.

    `D` holds all distances, `order` scores of which the largest are first. A distance that is equal
    to `radius` up to rounding is within it; ties go to the sample that is selected first.
    """
    n = len(D)
    visit = range(n) if order is None else sorted(range(n), key=lambda i: -order[i])
    selected = []
    for i in visit:
        if all(D[i, j] > radius * (1 + 2.0**-32) for j in selected):
            selected.append(i)
    assigned = []
    for i in range(n):
        nearest = min(D[i, j] for j in selected)
        assigned.append(next(j for j in selected if D[i, j] <= nearest * (1 + 2.0**-32)))
    return np.array(selected), np.array(assigned)


def d2_sampling(D, k, random_state, weight=None, init=(), share=4):
    """D^2 sampling, one candidate at a time; candidates are drawn before earlier ones are added.

    A round draws a candidate for every `share` picks there are, at least one.
    """
    n = len(D)
    weight = np.ones(n) if weight is None else weight
    picks = list(init)

    def to_nearest(i):
        return min(D[i, j] for j in picks)

    def draw(mass, ticket):
        running, total = 0.0, sum(mass)
        for i in range(n):
            running += mass[i]
            if running > ticket * total:
                return i
        return max(i for i in range(n) if mass[i] > 0)

    if not picks:
        picks.append(draw(weight, random_state.random_sample()))
    while len(picks) < k:
        n_candidates = max(1, len(picks) // share)
        tickets = random_state.random_sample(n_candidates)
        chances = [0.0, *random_state.random_sample(n_candidates - 1)]
        before = [0.0 if i in picks else to_nearest(i) for i in range(n)]
        if not any(before):
            picks += [i for i in range(n) if i not in picks][: k - len(picks)]
            break
        mass = [weight[i] * before[i] ** 2 for i in range(n)]
        for i, chance in zip([draw(mass, ticket) for ticket in tickets], chances, strict=True):
            ratio = 0.0 if i in picks else to_nearest(i) ** 2 / before[i] ** 2
            if chance < ratio and len(picks) < k:
                picks.append(i)
    return np.array(picks)


def d2_probabilities(D, k, weight=None, init=()):
    """Probability of each sequence of k picks of D^2 sampling, as a dict."""
    n = len(D)
    weight = np.ones(n) if weight is None else weight
    out = {tuple(init): 1.0}
    for _ in range(k - len(init)):
        longer = {}
        for picks, chance in out.items():
            near = [min((D[i, j] ** 2 for j in picks), default=1.0) for i in range(n)]
            mass = weight * np.array([0.0 if i in picks else near[i] for i in range(n)])
            for i in np.flatnonzero(mass):
                longer[(*picks, int(i))] = chance * mass[i] / mass.sum()
        out = longer
    return out


def nearest_of(D, picks, weight=None):
    """Total weight of the samples whose nearest pick is each pick; the earlier one of a tie."""
    out = np.zeros(len(picks))
    for i in range(len(D)):
        nearest = int(np.argmin(D[i, picks])) if i not in picks else list(picks).index(i)
        out[nearest] += 1 if weight is None else weight[i]
    return out


def hypothetical_gradients(proba, H):
    """Gradients of the log-loss in the last layer for the predicted class, with the intercept."""
    gradients = []
    for p, h in zip(proba, H, strict=True):
        errors = p.copy()
        errors[np.argmax(p)] -= 1
        gradients.append(np.outer(errors, [1.0, *h]).ravel())
    return np.array(gradients)


def facility_location_for_target(S, k, eta=0.0, init=()):
    """Greedy on ``sum_{i in Q} max_{j in T} s_ij + eta sum_{j in T} max_{i in Q} s_ij``.

    `S` has a row for each target sample and a column for each candidate.
    """
    picks, gains, value = [], [], 0.0
    for _ in range(k):
        values = np.full(S.shape[1], -np.inf)
        for j in range(S.shape[1]):
            if j not in picks:
                T = [*picks, j]
                values[j] = S[:, T].max(axis=1).sum() + eta * S[:, T].max(axis=0).sum()
        picks.append(init[len(picks)] if len(picks) < len(init) else _lowest_of_largest(values))
        gains.append(values[picks[-1]] - value)
        value = values[picks[-1]]
    return np.array(picks), np.array(gains)


def target_cells(S, picks):
    """Number of target samples most similar to each pick, the first of a tie; 1 if there is none.

    `S` as in `facility_location_for_target`.
    """
    out = np.zeros(len(picks))
    for row in S[:, picks]:
        out[np.flatnonzero(np.isclose(row, row.max(), rtol=1e-10, atol=1e-10))[0]] += 1
    return np.where(out > 0, out, 1.0)


def knn_utility(rows, D, y, y_val, n_neighbors):
    """Mean fraction of the nearest neighbors among `rows` that have the label, out of K.

    `D` are the distances of the validation samples to all rows.
    """
    total = 0
    for distances, label in zip(D, y_val, strict=True):
        near = sorted(rows, key=lambda i: (distances[i], i))[:n_neighbors]
        total += Fraction(sum(y[i] == label for i in near), n_neighbors)
    return total / len(y_val)


def shapley(n, utility):
    """The definition: mean marginal contribution over all subsets, by their sizes."""
    values = []
    for i in range(n):
        others, value = [j for j in range(n) if j != i], Fraction(0)
        for size in range(n):
            for rows in combinations(others, size):
                value += (utility((*rows, i)) - utility(rows)) / (n * comb(n - 1, size))
        values.append(float(value))
    return np.array(values)


def knn_shapley(D, y, y_val, n_neighbors):
    """The recursion of Jia et al. 2019, one validation sample after the other."""
    n, total = len(y), np.zeros(len(y))
    for distances, label in zip(D, y_val, strict=True):
        order = sorted(range(n), key=lambda i: (distances[i], i))
        m = [float(y[i] == label) for i in order]
        s = m[-1] / max(n_neighbors, n)
        total[order[-1]] += s
        for i in range(n - 1, 0, -1):  # counted from 1, as in the paper
            s += (m[i - 1] - m[i]) / max(n_neighbors, i)
            total[order[i - 1]] += s
    return total / len(y_val)


CONCAVE = {"sqrt": np.sqrt, "log": np.log1p, "ratio": lambda z: z / (1 + z)}


def feature_based(X, k, concave="sqrt", init=()):
    """The sum over the features of g(sum of the picks), by its definition in each step."""
    picks, gains = [], []

    def value(rows):
        return sum(CONCAVE[concave](X[rows, f].sum()) for f in range(X.shape[1]))

    for step in range(k):
        before = value(picks)
        gain = np.array([value([*picks, i]) - before for i in range(len(X))])
        gain[picks] = -1.0
        best = init[step] if step < len(init) else _lowest_of_largest(gain)
        picks.append(int(best))
        gains.append(gain[best])
    return np.array(picks), np.array(gains)
