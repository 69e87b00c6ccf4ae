"""How far the targets of the samples can be trusted, by the out-of-fold predictions of a proxy."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Judgment", "judge_labels", "judge_targets", "packed", "unpacked"]

DECIMALS = 4  # so that rounding errors of the proxy do not decide which samples are selected


@dataclass(frozen=True)
class Judgment:
    """What the predictions say about the samples."""

    trust: np.ndarray  # (n_samples,), in [0, 1]
    uncertainty: np.ndarray | None  # (n_samples,), in [0, 1]; None for continuous targets
    error: float  # error rate, or mean squared error divided by the variance of the target


def judge_labels(proba, codes, weight):
    """Judge class labels.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    codes : ndarray of int of shape (n_samples,)
        The column of the label of each sample.
    weight : ndarray of shape (n_samples,)
        Sample weights, for the error.
    """
    second, first = np.partition(proba, -2, axis=1)[:, -2:].T
    trust = proba[np.arange(len(codes)), codes] / first
    wrong = proba.argmax(axis=1) != codes
    uncertainty = 1 - (first - second)
    return Judgment(
        np.round(trust, DECIMALS),
        np.round(uncertainty, DECIMALS),
        float(np.average(wrong, weights=weight)),
    )


def judge_targets(predicted, target, weight):
    """Judge continuous targets.

    The trust is ``1 / (1 + (r / 2 s)^2)``. Here r is the Euclidean norm of the residuals of all
    outputs, each divided by the standard deviation of its output, and s is the median of r divided
    by 0.6745: for normal residuals of one output, their standard deviation.

    Parameters
    ----------
    predicted, target : ndarray of shape (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)
        Sample weights, for all means and the median.
    """
    center = np.average(target, axis=0, weights=weight)
    variance = np.average((target - center) ** 2, axis=0, weights=weight)
    squares = ((predicted - target) ** 2 / np.where(variance > 0, variance, 1.0)).sum(axis=1)
    r = np.sqrt(squares)
    order = np.argsort(r, kind="stable")
    upto = np.cumsum(weight[order])
    median = r[order[np.searchsorted(upto, upto[-1] / 2)]]
    scale = 2 * median / 0.6745
    trust = 1 / (1 + (r / scale) ** 2) if scale > 0 else np.ones(len(r))
    error = float(np.average(squares, weights=weight)) / target.shape[1]
    return Judgment(np.round(trust, DECIMALS), None, error)


def packed(values):
    """Values in [0, 1] with `DECIMALS` decimals in two bytes each, if these represent them."""
    with np.errstate(invalid="ignore"):  # NaN, from a proxy that predicts it
        whole = np.rint(values * 10**DECIMALS).astype(np.uint16)
    return whole if np.array_equal(unpacked(whole), values) else values


def unpacked(values):
    """The values of `packed`."""
    return values / 10**DECIMALS if values.dtype == np.uint16 else values
