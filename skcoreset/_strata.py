"""Strata: intervals of a continuous target, which take the place of classes."""

from dataclasses import dataclass

import numpy as np

from skcoreset._validation import continuous_target

__all__ = ["N_STRATA", "Strata", "Stratum", "check_for_quantiles", "quantile_strata"]

# Intervals of a continuous target with stratify="quantile", if the budget is at least as large.
N_STRATA = 5


class Stratum(str):
    """The label of an interval of a continuous target, "[low, high]"."""

    __slots__ = ()


@dataclass(frozen=True)
class Strata:
    """Intervals of a continuous target, which take the place of classes."""

    codes: np.ndarray  # (n_samples,), position of the interval of each sample
    labels: np.ndarray  # `Stratum` objects, in ascending order
    highest: np.ndarray  # the largest value in each of them

    def labels_of(self, values):
        """The labels of the intervals of other values; those between two belong to the upper."""
        codes = np.searchsorted(self.highest, values)
        return self.labels[np.minimum(codes, len(self.labels) - 1)]


def check_for_quantiles(y, name, needs_classes):
    """Raise unless `y` can be divided by quantiles.

    `name` is the class of the sampler, for the error, and `needs_classes` is whether it needs class
    labels.
    """
    if needs_classes:
        raise ValueError(
            f"stratify='quantile' treats y as continuous, but {name} needs class labels. Use "
            "another value of stratify."
        )
    if y is None:
        raise ValueError(
            "stratify='quantile' divides the samples by the values of y, but y is None. Give "
            "y, or stratify=None."
        )
    shape = continuous_target(y).shape
    if len(shape) > 1:
        raise ValueError(
            f"stratify='quantile' divides the samples by the values of one target, but y has "
            f"the shape {shape}. Give stratify=None."
        )


def quantile_strata(y, weight, n_strata):
    """Divide the samples by quantiles of `y`, into intervals of nearly the same total weight.

    Samples of the same value are in the same interval, so that there may be fewer intervals.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), float64
    weight : ndarray of shape (n_samples,)
        Samples of weight 0 are ignored.
    n_strata : int

    Returns
    -------
    Strata
    """
    present = np.flatnonzero(weight)
    values, at = np.unique(y[present], return_inverse=True)
    # Weights of equal values are added in ascending order, whatever the order of the samples.
    order = np.lexsort((weight[present], at))
    own = np.bincount(at[order], weight[present][order])
    own /= own.sum()
    middle = np.cumsum(own) - own / 2
    codes = np.floor(n_strata * middle * (1 + 2.0**-40)).astype(np.intp)
    _, codes = np.unique(np.minimum(codes, n_strata - 1), return_inverse=True)
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    last = np.append(first[1:], len(codes)) - 1
    labels = np.empty(len(first), dtype=object)
    labels[:] = [
        Stratum(f"[{low}, {high}]")
        for low, high in zip(*_few_digits(values[first], values[last]), strict=True)
    ]
    of_samples = np.zeros(len(y), dtype=np.min_scalar_type(len(labels)))
    of_samples[present] = codes[at]
    return Strata(of_samples, labels, values[last])


def _few_digits(lowest, highest):
    """The ends of intervals as texts, with as few digits as show that they are different."""
    for digits in (4, 8, 17):
        ends = [
            [f"{value:.{digits}g}" for value in values.tolist()] for values in (lowest, highest)
        ]
        if all(high != low for high, low in zip(ends[1], ends[0][1:], strict=False)):
            break
    return ends
