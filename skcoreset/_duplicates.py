"""NearDuplicates: one sample of each group of samples that are equal, or nearly so."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.duplicates import first_copies, leaders
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._metrics import BaseMetricCoreset
from skcoreset.base import Picks

__all__ = ["NearDuplicates"]

FRACTION = 0.13  # of the median distance of a sample to its nearest neighbor
ROWS_OF_MEDIAN = 2000


@fill_docstring
class NearDuplicates(BaseMetricCoreset):
    """Select one sample of each group of near duplicates.

    The samples are visited in their order, or in the order of a score. A sample is selected unless
    it lies within `radius` of a sample that is already selected. Therefore the selected samples are
    more than `radius` apart, and every sample is within `radius` of a selected one. With
    ``radius=0``, the distinct samples are selected. The number of selected samples follows from the
    data; there is no `coreset_size`.

    Parameters
    ----------
    radius : "auto" or float, default="auto"
        Largest distance of near duplicates, at least 0, in units of the metric. A distance that is
        equal to it up to rounding is within it. "auto" is 0.13 times the median distance of the
        distinct samples to their nearest neighbor; the factor is that of cleanlab [1]_. If there
        are more than 2,000 distinct samples, the median is that of 2,000 of them, which are drawn
        with a fixed seed.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`, except "precomputed". Equal samples
        are duplicates under every metric.

    order : array-like of shape (n_samples,), default=None
        Score of each sample. The samples are visited from the largest score to the smallest, and
        those with the same score by index. None: by index. A sample that is visited earlier is
        preferred.

    stratify : "proportional" or None, default=None
        None: the labels are not used to select, and samples of different classes may be in one
        group; `mixed_groups_` lists such groups. "proportional": only samples of the same class are
        near duplicates.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Indices of the selected samples, in the order in which they are visited. With
        ``stratify="proportional"``, the classes are interleaved.

    sample_weight_ : ndarray of shape (n_coreset,)
        Number, or total `sample_weight`, of the samples that are assigned to each selected sample.
        The weights sum to n_samples, or to the total `sample_weight`.

    group_ids_ : ndarray of shape (n_samples,)
        Index of the selected sample to which each sample is assigned: the nearest one, and of
        several at the same distance the one that is visited first. A selected sample is assigned to
        itself. -1 for samples of weight 0.

    distances_ : ndarray of shape (n_samples,)
        Distance of each sample to the selected sample to which it is assigned, at most `radius_`.
        NaN for samples of weight 0.

    group_sizes_ : ndarray of shape (n_coreset,)
        Number of samples that are assigned to each selected sample, including itself.

    mixed_groups_ : ndarray
        Indices of the selected samples to which samples of different classes are assigned,
        ascending. Only if `y` holds class labels.

    radius_ : float
        The radius that was used. It is the same for all classes.

    {sampling_strategy_}

    {classes_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Covers all samples by balls of the smallest radius for a given size.
    ProbCover : Covers as many samples as possible by balls of a given radius.

    Notes
    -----
    {unscaled_features}

    {scale_of_sample_weight}

    The radius does not depend on them. Distances are not transitive: of the samples 0, 0.9, 1.8 and
    10, with a radius of 1, the samples 0, 1.8 and 10 are selected. The groups are not the connected
    components of the near duplicates, which may be chains of any length, and no group is limited to
    a number of nearest neighbors. SemDeDup [2]_ removes each sample that is near to an earlier one
    of its cluster, also to one that is removed: it removes 1.8, and no selected sample is within
    the radius of 1.8.

    The Euclidean distance of two samples is never smaller than that of their projections. For
    "euclidean" and "cosine", a tree finds the samples that are within the radius in a projection on
    up to 10 directions, and only these are compared in all features, in float64. The result does
    not depend on the projection.

    Time: O(n d) to find the equal samples; with ``radius="auto"``, n d multiplications for each of
    up to 2,000 samples; then one search in the tree for each selected sample. The search takes
    longer the more samples are near in the projection. If these are one in 32 or more, and with
    other metrics, the time is m n d multiplications for m selected samples. Memory: O(n d) for a
    copy of the distinct samples and their projections, and blocks within scikit-learn's
    `working_memory`.

    References
    ----------
    .. [1] cleanlab, "Datalab issue types: near duplicate".
       https://docs.cleanlab.ai/stable/cleanlab/datalab/guide/issue_type_description.html
    .. [2] Abbas, A., Tirumala, K., Simig, D., Ganguli, S., Morcos, A. S. "SemDeDup: Data-efficient
       learning at web-scale through semantic deduplication." arXiv:2303.09540, 2023.

    Examples
    --------
    >>> from skcoreset import NearDuplicates
    >>> sampler = NearDuplicates(radius=1.0).fit([[0.0], [0.9], [1.8], [10.0]])
    >>> sampler.sample_indices_
    array([0, 2, 3])
    >>> sampler.group_ids_
    array([0, 0, 2, 3])
    >>> sampler.sample_weight_
    array([2., 1., 1.])
    """

    _purposes = ("cleaning",)
    _stops_early = "all other samples are near duplicates of a selected one"
    _not_nested = "the number of selected samples follows from the radius"
    coreset_size = None  # not a parameter: the method ends by its own criterion

    _parameter_constraints = {
        "radius": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "metric": BaseMetricCoreset._parameter_constraints["metric"],
        "order": ["array-like", None],
        "stratify": [StrOptions({"proportional"}), None],
    }

    def __init__(self, radius="auto", *, metric="euclidean", order=None, stratify=None):
        self.radius = radius
        self.metric = metric
        self.order = order
        self.stratify = stratify

    def _check_params(self, table):
        if self.order is not None:
            order = check_array(
                to_numpy(self.order), ensure_2d=False, dtype=np.float64, input_name="order"
            )
            if order.shape != table.sample_weight.shape:
                raise ValueError(
                    f"order has the shape {order.shape}, but a score is required for each of the "
                    f"{len(table.sample_weight)} samples. Give an array of shape (n_samples,)."
                )

    def _represent(self, table, groups):
        X, n = to_numpy(table.X), len(table.sample_weight)
        X = X.tocsr() if sparse.issparse(X) else X
        score = np.zeros(n) if self.order is None else np.asarray(to_numpy(self.order), float)
        visit = np.argsort(-score, kind="stable")
        visit = visit[table.sample_weight[visit] > 0]
        copies = np.full(n, -1)
        for group in groups:
            mine = visit if group.rows is None else visit[np.isin(visit, group.rows)]
            copies[np.sort(mine)] = self._copies(X, mine)
        self.radius_ = self._automatic(X, copies) if self.radius == "auto" else float(self.radius)
        self.group_ids_, self.distances_ = np.full(n, -1), np.full(n, np.nan)
        for i, group in enumerate(groups):
            mine = visit if group.rows is None else visit[np.isin(visit, group.rows)]
            self._assign(
                X, mine, copies, lambda part, i=i: table.progress((i + part) / len(groups))
            )
        if table.classes is not None:
            present = self.group_ids_ >= 0
            differs = table.codes != table.codes[self.group_ids_]
            self.mixed_groups_ = np.unique(self.group_ids_[present & differs])
        rank = np.full(n, n)
        rank[visit] = np.arange(len(visit))
        return np.where(self.group_ids_ == np.arange(n), rank, n)

    @staticmethod
    def _copies(X, visit):
        """For each sample in `visit`, by index, the first one in `visit` that is equal to it."""
        rows = np.sort(visit)
        return rows[first_copies(X[rows], np.searchsorted(rows, visit))]

    def _automatic(self, X, copies):
        """The radius that follows from the distances to the nearest neighbors."""
        distinct = np.flatnonzero(copies == np.arange(len(copies)))
        if self.stratify is not None:
            distinct = distinct[np.unique(self._copies(X, distinct), return_index=True)[1]]
        if len(distinct) < 2:
            return 0.0
        some = np.arange(len(distinct))
        if len(some) > ROWS_OF_MEDIAN:
            some = np.sort(np.random.RandomState(0).permutation(len(some))[:ROWS_OF_MEDIAN])
        whole = len(distinct) == len(copies)
        distances = pairs(X, self.metric, rows=None if whole else distinct)
        return FRACTION * float(np.median(nearest_neighbors(distances, 1, of=some)[1]))

    def _assign(self, X, visit, copies, report):
        """Set the groups and the distances of the samples in `visit`."""
        first = np.sort(visit[copies[visit] == visit])
        nearest, distances = first, np.zeros(len(first))
        if len(first) > 1 and not (self.radius_ == 0 and self.metric in ("euclidean", "l2")):
            rows = None if len(first) == X.shape[0] else first
            order = np.searchsorted(first, visit[copies[visit] == visit])
            assigned, distances = leaders(
                pairs(X, self.metric, rows=rows), self.radius_, order, report
            )
            nearest = first[assigned]
        at = np.searchsorted(first, copies[visit])
        self.group_ids_[visit], self.distances_[visit] = nearest[at], distances[at]

    def _pick(self, rank, group):
        rank, n = group.rows_of(rank), len(rank)
        ids = group.rows_of(self.group_ids_)
        positions = np.argsort(rank, kind="stable")[: np.count_nonzero(rank < n)]
        at = positions if group.rows is None else group.rows[positions]
        weight = np.bincount(ids, group.sample_weight)[at]
        return Picks(positions, weight, per_pick={"group_sizes_": np.bincount(ids)[at]})

    def to_frame(self, y=None):
        """Return the groups of more than one sample as a dataframe of pandas.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            Labels or targets of the samples, to be listed with them.

        Returns
        -------
        frame : pandas.DataFrame
            One row for each sample of a group of at least two samples. The columns are "group"
            (index of the selected sample), "sample" (index), "selected" (whether it is the selected
            one), "distance" (to the selected one) and, if `y` is given, "label". The groups are in
            the order of `sample_indices_`; within a group the selected sample is the first, and the
            others are in the order of their distances.
        """
        pd = check_pandas_support("NearDuplicates.to_frame")
        check_is_fitted(self)
        if y is not None:
            check_consistent_length(self.group_ids_, y)
        place = np.full(self.n_samples_in_, -1)
        place[self.sample_indices_] = np.arange(len(self.sample_indices_))
        of = np.where(self.group_ids_ < 0, -1, place[self.group_ids_])
        listed = np.flatnonzero((of >= 0) & (self.group_sizes_[of] > 1))
        is_other = self.group_ids_[listed] != listed
        listed = listed[np.lexsort((listed, self.distances_[listed], is_other, of[listed]))]
        columns = {
            "group": self.group_ids_[listed],
            "sample": listed,
            "selected": self.group_ids_[listed] == listed,
            "distance": self.distances_[listed],
        }
        if y is not None:
            columns["label"] = np.asarray(to_numpy(y))[listed]
        return pd.DataFrame(columns)
