"""Data values: what each sample contributes to the accuracy on validation samples."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import take, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.knn_shapley import knn_shapley
from skcoreset._metrics import BaseMetricCoreset, stacked_tables
from skcoreset._validation import check_numbers, encode
from skcoreset.base import BaseScoreCoreset

__all__ = ["KNNShapley"]


@fill_docstring
class KNNShapley(BaseScoreCoreset, BaseMetricCoreset):
    r"""Select samples by their Shapley value in a nearest-neighbor classifier.

    The value of a set S of samples is the mean, over the validation samples, of the fraction of
    the K nearest neighbors in S that have the class label of the validation sample,

    .. math:: v(S) = \frac{1}{n_{val}} \sum_{(x, y) \in val} \frac{1}{K}
        \sum_{j \in N_K(x, S)} [ y_j = y ] .

    If S has fewer than K samples, all of them are neighbors, and the sum is still divided by K. The
    Shapley value of sample i is the mean increase :math:`v(S \cup \{i\}) - v(S)`, where S contains
    the samples before i in a random order of all samples. For each validation sample, all Shapley
    values follow from the samples in ascending order of their distance to it [1]_. With
    :math:`m_i = 1` if the i-th sample in this order has the label of the validation sample, and 0
    otherwise,

    .. math:: s_n = \frac{m_n}{\max(K, n)}, \qquad
        s_i = s_{i+1} + \frac{m_i - m_{i+1}}{\max(K, i)} .

    A mislabeled sample reduces the accuracy, and mostly has a small or negative value.

    Parameters
    ----------
    {coreset_size}

    n_neighbors : int, default=5
        The number K of neighbors. It may be larger than the number of samples.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis", "seuclidean",
        "nan_euclidean" and "precomputed". A callable takes two samples and returns their distance.

    keep : {"high", "low"}, default="high"
        "high" selects the samples with the largest values, and excludes those that are probably
        mislabeled. "low" selects the samples with the smallest values, for example to check their
        labels.

    {exclude}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        The Shapley value of each sample, with any value of `keep`. The values sum to v of all
        samples. They are NaN for samples of weight 0.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    AreaUnderMargin : Finds mislabeled samples by the training of a classifier, without validation
        samples.
    Coreset : Its attribute ``suspicious_`` contains samples that are probably mislabeled.

    Notes
    -----
    The labels of the validation samples should be correct, and the validation samples should not be
    among the samples of `X`: a sample that is its own nearest neighbor gets a large value, even if
    it is mislabeled.

    {unscaled_features}

    The values are those of samples that count once: `sample_weight` does not change them, except
    that samples of weight 0 are absent. The samples of `exclude` are present in the computation.

    Ties of distances (equal up to rounding) are resolved in favor of the lowest index, and so are
    those of values. Distances are computed in float64, also for float32 `X`.

    Time: n_val n (d + log n) for n samples with d features and n_val validation samples. Memory:
    O(n) and a copy of `X` and `X_val`, and blocks within scikit-learn's `working_memory`.

    References
    ----------
    .. [1] Jia, R., et al. "Efficient task-specific data valuation for nearest neighbor algorithms."
       VLDB 2019.

    Examples
    --------
    >>> from skcoreset import KNNShapley
    >>> X, y = [[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]], [0, 1, 0, 1, 1, 1]
    >>> X_val, y_val = [[0.05], [1.05]], [0, 1]
    >>> sampler = KNNShapley(coreset_size=1, n_neighbors=3, keep="low", stratify=None)
    >>> sampler.fit(X, y, X_val=X_val, y_val=y_val).sample_indices_  # the sample to check first
    array([1])
    >>> round(float(sampler.scores_.sum()), 4)
    0.8333
    """

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "keep": [StrOptions({"high", "low"})],
        "exclude": ["array-like", None],
    }

    _purposes = ("cleaning",)

    def __init__(
        self,
        coreset_size=0.1,
        *,
        n_neighbors=5,
        metric="euclidean",
        keep="high",
        exclude=None,
        stratify="proportional",
    ):
        self.coreset_size = coreset_size
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.keep = keep
        self.exclude = exclude
        self.stratify = stratify

    @fill_docstring
    def fit(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Compute the values of all samples and select the coreset.

        Parameters
        ----------
        {X_in_memory}

        {y_labels}

        {sample_weight}

        {X_val_required}

        {y_val_required}

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self._fitted(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return self

    @fill_docstring
    def fit_resample(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Compute the values of all samples, select the coreset and return its samples.

        Parameters
        ----------
        {X_in_memory}

        {y_labels}

        {sample_weight}

        {X_val_required}

        {y_val_required}

        Returns
        -------
        {resampled}
        """
        fitted = self._fitted(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return fitted._resampled(X, y)

    def _uses_classes(self):
        return True

    def _check_auxiliary(self, table, X_val, y_val):
        if table.y is None:
            raise ValueError("KNNShapley requires y to be passed, but the target y is None.")
        if table.classes is None:
            raise ValueError(
                "KNNShapley requires class labels, but y is continuous. Pass the class labels of "
                "the samples as y."
            )
        missing = [name for name, of in (("X_val", X_val), ("y_val", y_val)) if of is None]
        if missing:
            raise ValueError(
                f"KNNShapley requires {' and '.join(missing)}. Pass validation samples that are "
                "not in X as X_val, and their class labels as y_val, to fit or fit_resample."
            )
        check_consistent_length(X_val, y_val)
        try:
            X_val = check_numbers(self, X_val, reset=False)
        except ValueError as error:
            raise ValueError(f"X_val: {error}") from error
        codes, classes = encode(y_val)
        unseen = [] if classes is None else np.setdiff1d(classes, table.classes).tolist()
        if classes is None or unseen:
            raise ValueError(
                f"y_val contains {unseen or 'no class labels'}, but all labels of y_val must be "
                "class labels that y contains."
            )
        return {"X_val": X_val, "y_val": np.searchsorted(table.classes, classes)[codes]}

    def _scores(self, table):
        present = np.flatnonzero(table.sample_weight)
        X, X_val = to_numpy(table.X), to_numpy(table.auxiliary["X_val"])
        X = X if len(present) == X.shape[0] else take(X, present)
        distances = pairs(stacked_tables(X, X_val), self.metric, in_float64=True)
        distances.numbers = [*present, *range(X_val.shape[0])]
        scores = np.full(len(table.sample_weight), np.nan)
        scores[present] = knn_shapley(
            distances, table.codes[present], table.auxiliary["y_val"], self.n_neighbors
        )
        return scores

    def _represent(self, table, groups):
        values = super()._represent(table, groups)
        return values if self.keep == "high" else -values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
