"""Selection without the hardest samples: by bins of difficulty, or near the median distance."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from skcoreset._budget import allocate, interleave
from skcoreset._docstrings import fill_docstring
from skcoreset._dynamics import EL2N
from skcoreset._estimator import seeded
from skcoreset._kernels.centered_rows import (
    CenteredRows,
    center_of_union,
    distances_from,
    distances_to_mean,
    part_center,
    part_differences,
)
from skcoreset._kernels.top_k import ascending, top_k
from skcoreset._metrics import BaseMetricCoreset
from skcoreset._nested import needs_classes
from skcoreset._partitions import checked_partitions, rows_by_group
from skcoreset.base import BaseCoreset

__all__ = ["CoverageCentric", "Moderate"]


@fill_docstring
class CoverageCentric(BaseCoreset):
    """Select samples of all difficulties except the hardest, by the scores of another sampler.

    The selection is made within each class by default [1]_. The hardest samples, a fraction
    `cutoff` of the class, are excluded. The range of the scores of the other samples is divided
    into `n_bins` bins of equal width. The budget is then divided among the nonempty bins, in the
    order of their numbers of samples, starting with the smallest: the number of samples to select
    from a bin is the remaining budget divided by the number of remaining bins (rounded down), but
    at most the number of samples in the bin. Within a bin, samples are drawn at random without
    replacement. Infinite scores belong to the first or the last bin.

    Parameters
    ----------
    sampler : score sampler, default=None
        A sampler with the fitted attribute `scores_`, which is used as the :term:`difficulty` of
        the samples: larger scores mean harder samples, but for ``AreaUnderMargin(keep="high")`` and
        ``DataMap(region="easy")`` they mean easier samples. A clone of the sampler is fitted, and
        its own `coreset_size` is not used. If None, ``EL2N()`` is used.

    {coreset_size}

    cutoff : float, default=0.1
        Fraction of the samples of each class, in [0, 1), that are excluded because they are the
        hardest. Larger values are suited to smaller budgets and to noisier labels.

    n_bins : int, default=50
        Number of bins.

    {exclude}
        The hardest samples and the bins are those of the other samples.

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the random draw, and of every ``random_state`` of the sampler that is None.

    Attributes
    ----------
    {sample_indices_}
        Within each class, the bins are interleaved in the same way.

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        Scores of the samples by `sampler_`.

    sampler_ : sampler
        The fitted clone of `sampler`.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    EL2N : Scores by the error of the predicted probabilities early in training.
    Forgetting : Scores by the number of times that a sample is forgotten during training.
    AreaUnderMargin : Scores by the mean margin during training.

    Notes
    -----
    Time: that of the sampler, plus O(n log n) for n samples. Memory: that of the sampler, plus
    O(n).

    References
    ----------
    .. [1] Zheng, H., Liu, R., Lai, F., Prakash, A. "Coverage-centric coreset selection for high
       pruning rates." ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import EL2N, CoverageCentric
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = CoverageCentric(EL2N(random_state=0), coreset_size=100, random_state=0)
    >>> X_small, y_small = sampler.fit_resample(X / 16, y)
    >>> X_small.shape
    (100, 64)
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "sampler": [HasMethods("fit_resample"), None],
        "cutoff": [Interval(Real, 0, 1, closed="left")],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "exclude": ["array-like", None],
        "random_state": ["random_state"],
    }

    _defaults = {"sampler": "_sampler"}

    _not_nested = "the number of samples of each bin depends on the budget"

    def __init__(
        self,
        sampler=None,
        coreset_size=0.1,
        *,
        cutoff=0.1,
        n_bins=50,
        exclude=None,
        stratify="proportional",
        random_state=None,
    ):
        self.sampler = sampler
        self.coreset_size = coreset_size
        self.cutoff = cutoff
        self.n_bins = n_bins
        self.exclude = exclude
        self.stratify = stratify
        self.random_state = random_state

    def _check_groups(self, table, groups):
        for group in groups:
            n_rows = group.n_samples
            left = self._n_left(n_rows)
            if group.size > left:
                raise ValueError(
                    f"cutoff={self.cutoff} leaves {left} of {n_rows} samples{group.of_the_class}, "
                    f"fewer than the {group.size} to be selected. Reduce cutoff or coreset_size."
                )

    def _n_left(self, n_rows):
        """Number of samples without the hardest ones."""
        return n_rows - int(round(self.cutoff * n_rows, 9))  # 0.29 * 100 is a little below 29

    def _sampler(self):
        return EL2N() if self.sampler is None else self.sampler

    def _represent(self, table, groups):
        sampler = seeded(self._sampler(), check_random_state(self.random_state))
        if "coreset_size" in sampler.get_params(deep=False):
            sampler.set_params(coreset_size=1.0)  # only its scores are used
        weight = {"sample_weight": table.sample_weight} if table.weighted else {}
        self.sampler_ = sampler.fit(table.X, table.y, **weight)
        if not hasattr(sampler, "scores_"):
            raise TypeError(
                f"{self.sampler!r} has no fitted attribute scores_. CoverageCentric needs a score "
                "sampler, such as EL2N()."
            )
        self.scores_ = np.asarray(sampler.scores_, dtype=np.float64)
        if self.scores_.shape != table.sample_weight.shape:
            raise ValueError(
                f"scores_ of {self.sampler!r} have the shape {self.scores_.shape}; one score for "
                f"each sample, of shape {table.sample_weight.shape}, is expected."
            )
        missing = np.isnan(self.scores_) & (table.sample_weight > 0)
        if missing.any():
            raise ValueError(
                f"scores_ of {self.sampler!r} are NaN for sample {int(missing.argmax())}. "
                "CoverageCentric needs a score for each sample of positive weight."
            )
        return getattr(sampler, "_harder", 1) * self.scores_

    _represent_partitions = _represent  # the sampler inside is fitted on the partitions

    def _pick(self, hardness, group):
        hardness = group.rows_of(hardness)
        left = np.sort(top_k(-hardness, self._n_left(len(hardness))))
        bins = _bins(hardness[left], self.n_bins)
        rows = [left[bins == b] for b in np.unique(bins)]
        counts, places = np.zeros(len(rows), dtype=int), group.size
        for done, b in enumerate(np.argsort([len(some) for some in rows], kind="stable")):
            counts[b] = min(len(rows[b]), places // (len(rows) - done))
            places -= counts[b]
        drawn = [
            group.random_state.permutation(some)[:count]
            for some, count in zip(rows, counts, strict=True)
        ]
        return np.concatenate(drawn)[interleave(counts)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = needs_classes(self._sampler())
        return tags


def _bins(values, n_bins):
    """Index of the bin of each value; the bins divide the range of the finite values equally."""
    values = values / 4  # the difference of the largest numbers would overflow
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return (values > 0) * (n_bins - 1)
    edges = np.linspace(finite.min(), finite.max(), n_bins + 1)
    return np.searchsorted(edges[1:-1], values, side="right")


@fill_docstring
class Moderate(BaseMetricCoreset):
    r"""Select the samples whose distance to the mean of their class is nearest to the median.

    .. math:: s(x) = - \big| \, d(x, \mu_y) - \mathrm{median} \, \big|

    Here :math:`d(x, \mu_y)` is the distance of a sample to the mean of its class, and the median
    is that of these distances over all samples of the class. The selected samples are neither near
    the mean, where samples are similar to each other, nor far from it, where they may be noise
    [1]_.

    Parameters
    ----------
    {coreset_size}

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis", "seuclidean",
        "nan_euclidean" and "precomputed". Sparse `X` requires "euclidean", "cosine", "manhattan"
        or a callable.

    {exclude}

    {stratify}
        The mean and the median are then those of all samples.

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Herding : Select samples whose mean is close to the mean of all samples.

    Notes
    -----
    {unscaled_features}
    In the paper, the features are the activations of the last hidden layer of a trained network;
    to follow it, pass these as `X`.

    With `sample_weight`, the mean and the median are weighted.
    {scale_of_sample_weight}

    The mean and the distances to it are computed from differences in float64 for any dtype of `X`,
    so that neither a feature far from zero nor a sample far from the others reduces the precision
    of the other values. Samples whose scores differ by no more than the rounding errors of their
    distances and of the median are ties, and ties are resolved in favor of the lowest index. The
    distance "cosine" is half the squared Euclidean distance of the sample and the mean after both
    are scaled to norm 1. A distance that is NaN or infinite raises an error that gives the index of
    the sample.

    Time: O(n d) for n samples and d features, in four passes over `X`. Memory: O(n), and blocks of
    `X`.

    References
    ----------
    .. [1] Xia, X., et al. "Moderate coreset: a universal method of data selection for real-world
       data-efficient deep learning." ICLR 2023.

    Examples
    --------
    >>> from skcoreset import Moderate
    >>> X = [[0.0], [1.0], [2.0], [3.0], [10.0]]
    >>> Moderate(coreset_size=2).fit(X).sample_indices_
    array([1, 0])
    """

    _not_nested = None

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "exclude": ["array-like", None],
    }

    def __init__(
        self, coreset_size=0.1, *, metric="euclidean", exclude=None, stratify="proportional"
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.exclude = exclude
        self.stratify = stratify

    def _represent(self, table, groups):
        """How far the distance of each sample is from the median of its class, and the rounding."""

        def on_device(group):
            def compute(place):
                around = CenteredRows(place.as_it_is(table.X), group.rows)
                distances = distances_to_mean(around, self.metric, group.sample_weight)
                return self._from_median(*distances, group)

            return self._on_device(compute, table.X)

        nothing = np.full(len(table.sample_weight), np.nan)
        return self._of_groups(table, groups, on_device, nothing)

    def _represent_partitions(self, table, groups):
        """The same, in two passes for all classes: their means, and the distances to these."""
        parts = checked_partitions(self, table.X)
        codes, labels = table.groups if groups[0].label is not None else (None, None)
        highest = None if table.strata is None else table.strata.highest
        shared = self.metric, labels, highest
        found = parts.map(_centers, shared=shared, all_columns=True)
        centers = [center_of_union(of_group) for of_group in zip(*found, strict=True)]
        shared = centers, *shared
        differences = np.concatenate(parts.map(_differences, shared=shared, all_columns=True))

        def over_partitions(group):
            center = centers[0 if codes is None else codes[group.rows[0]]]
            own = group.rows_of(differences)
            distances = distances_from(own, center, self.metric, group.sample_weight)
            return self._from_median(*distances, group)

        return self._of_groups(table, groups, over_partitions, differences)

    def _of_groups(self, table, groups, compute, apart):
        """What `compute` returns of each group, for all samples; `apart` is overwritten."""
        slack = np.full(len(apart), np.nan)
        # The groups, with the samples that are excluded from the selection.
        every = replace(table, excluded=None).candidates
        for group in allocate(None, None if groups[0].label is None else self.stratify, *every):
            rows = slice(None) if group.rows is None else group.rows
            apart[rows], slack[rows] = compute(group)
        return apart, slack

    def _from_median(self, distances, slack, group):
        if not np.isfinite(distances).all():
            at = int(np.flatnonzero(~np.isfinite(distances))[0])
            row = at if group.rows is None else int(group.rows[at])
            of = "all samples" if group.label is None else f"the class {group.label}"
            raise ValueError(
                f"metric={self.metric!r} is {distances[at]} between sample {row} and the mean of "
                f"{of}. Distances must not be NaN or infinite: remove or change such samples, or "
                "use another metric."
            )
        order = np.argsort(distances, kind="stable")
        middle = order[_middle(group.sample_weight[order])]
        return np.abs(distances - distances[middle].mean()), slack + slack[middle].max()

    def _pick(self, represented, group):
        apart, slack = (group.rows_of(values) for values in represented)
        return ascending(apart, slack)[: group.size]


def _centers(X, y, weight, metric, classes, highest):
    """The center of the samples of each class of one partition; None of a class without any."""
    rows, weight = rows_by_group(X, y, weight, classes, highest)
    return [part_center(X, some, weight[some], metric) for some in rows]


def _differences(X, y, weight, centers, metric, classes, highest):
    """Distance of each sample of one partition to its center; NaN for samples of weight 0."""
    rows, weight = rows_by_group(X, y, weight, classes, highest)
    out = np.full(len(weight), np.nan)
    for some, center in zip(rows, centers, strict=True):
        out[some] = part_differences(X, some, center, metric)
    return out


def _middle(weight):
    """Positions of the lower and the upper weighted median; both are the same if it is unique.

    The weights are converted to integers, whose sums are exact. Weights that were multiplied by a
    constant are rounded, so half of the total is compared with a tolerance for this rounding.
    """
    upto = np.cumsum(np.rint(weight / weight.sum() * 2.0**61).astype(np.int64))
    half, rounding = upto[-1] // 2, 2 ** (61 - 50)
    first = np.searchsorted(upto, half - rounding)
    return [first, np.searchsorted(upto, half + rounding, side="right")]
