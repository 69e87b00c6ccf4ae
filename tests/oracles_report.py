"""The quantities of CoresetReport, by plain loops."""

import numpy as np


def share(weight):
    return np.asarray(weight, dtype=float) / np.sum(weight)


def distance(x, z):
    return sum((a - b) ** 2 for a, b in zip(x, z, strict=True)) ** 0.5


def covering_radius(X, weight, selected):
    """Of the samples of positive weight."""
    nearest = [min(distance(x, X[j]) for j in selected) for x in X]
    return max(d for d, w in zip(nearest, weight, strict=True) if w > 0)


def mean_distance(X, weight, selected):
    return sum(
        u * min(distance(x, X[j]) for j in selected) for x, u in zip(X, share(weight), strict=True)
    )


def mean_difference(X, weight, selected, own):
    total, n_features = 0.0, 0
    for column in np.asarray(X, dtype=float).T:
        mean = sum(u * x for x, u in zip(column, share(weight), strict=True))
        deviation = (
            sum(u * (x - mean) ** 2 for x, u in zip(column, share(weight), strict=True)) ** 0.5
        )
        if deviation > 0:
            other = sum(w * column[j] for j, w in zip(selected, share(own), strict=True))
            total, n_features = total + ((other - mean) / deviation) ** 2, n_features + 1
    return (total / n_features) ** 0.5


def median_distance(X):
    """Of the pairs of different samples."""
    every = [distance(X[i], X[j]) for i in range(len(X)) for j in range(i)]
    return np.median([d for d in every if d > 0])


def mmd(X, weight, selected, own):
    """The norm of a signed sum of feature vectors, by all n x n kernel values."""
    length, signed = median_distance(X), share(weight)
    for j, w in zip(selected, share(own), strict=True):
        signed[j] -= w
    square = 0.0
    for i in range(len(X)):
        for j in range(len(X)):
            square += signed[i] * signed[j] * np.exp(-distance(X[i], X[j]) / length)
    return square**0.5


def near_duplicates(X, selected):
    def nearest(i, others):
        return min(distance(X[i], X[j]) for j in others if j != i)

    typical = np.median([nearest(i, range(len(X))) for i in range(len(X))])
    return np.mean([nearest(j, selected) <= typical / 2 for j in selected])


def kolmogorov_smirnov(values, weight, selected, own):
    """NaN are left out."""

    def upto(threshold, values, weight):
        there = [(v, w) for v, w in zip(values, weight, strict=True) if v == v]
        return sum(w for v, w in there if v <= threshold) / sum(w for _, w in there)

    values = np.asarray(values, dtype=float)
    thresholds = [v for v in values if v == v]
    return max(abs(upto(t, values, weight) - upto(t, values[selected], own)) for t in thresholds)


def total_variation(values, weight, selected, own):
    def proportion(category, values, weight):
        return sum(u for v, u in zip(values, share(weight), strict=True) if v == category)

    chosen = [values[j] for j in selected]
    return 0.5 * sum(
        abs(proportion(c, values, weight) - proportion(c, chosen, own)) for c in set(values)
    )


def gradient_error(gradients, weight, selected, own):
    mean = sum(u * g for g, u in zip(gradients, share(weight), strict=True))
    other = sum(w * gradients[j] for j, w in zip(selected, share(own), strict=True))
    size = (
        sum(u * np.linalg.norm(g) ** 2 for g, u in zip(gradients, share(weight), strict=True))
        ** 0.5
    )
    return np.linalg.norm(other - mean) / size
