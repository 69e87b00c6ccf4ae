"""KCenterGreedy: select samples by farthest-first traversal."""

import numpy as np
from sklearn.utils._param_validation import StrOptions

from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import farthest_first, nearest_picks
from skcoreset._kernels.farthest_first_partitions import (
    PartitionedRows,
    cell_weights,
    farthest_first_partitions,
)
from skcoreset._kernels.lockstep import in_lockstep
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, product_work
from skcoreset._partitions import checked_partitions
from skcoreset.base import Picks

__all__ = ["KCenterGreedy"]


@fill_docstring
class KCenterGreedy(BaseMetricCoreset):
    r"""Select samples by farthest-first traversal, so that they cover all samples.

    This is the greedy algorithm for the k-center problem [1]_ [2]_, per class by default. With
    :math:`S` the set of the samples that are selected so far, the next one is the sample with the
    largest distance to its nearest selected sample,

    .. math:: \arg\max_i \min_{j \in S} d(i, j).

    The covering radius, that is the largest distance of a sample to its nearest selected sample,
    is at most twice the smallest covering radius of any k samples. Outliers and rare samples are
    selected first. The method is suited to tasks in which every region of the feature space must
    be represented (cold start, rare subgroups, removal of near-duplicates), and not to tasks in
    which the density of the data matters.

    Parameters
    ----------
    {coreset_size}

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis", "seuclidean"
        and "nan_euclidean". "euclidean" and "cosine" are computed as matrix products; "cosine"
        always in float64. Sparse `X` requires one of these, "manhattan" or a callable. With
        "precomputed", `X` is the matrix of the distances: non-negative, symmetric, of shape
        (n_samples, n_samples), dense.

    init : {"mean", "random"} or array-like of int, default="mean"
        The first selected sample of each class. "mean" is the sample nearest to the mean of the
        class, weighted by `sample_weight`; with ``metric="precomputed"``, it is the sample with
        the smallest mean distance to the class. "random" is a random sample. An array contains the
        indices of the samples that are selected first: they are part of the coreset and count
        towards the budget, and "mean" is used for a class that has none of them, so that an empty
        array has the same effect as "mean".

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of ``init="random"``. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_cells}

    radii_ : ndarray of shape (n_coreset,)
        Covering radius of the class after each selected sample was added: the largest distance of
        a sample of the class to its nearest selected sample of the class. The radii are
        non-increasing within each class.

    radius_ : float
        :term:`Covering radius` of the whole coreset: the largest of the final radii of the classes.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Herding : Select samples whose mean is close to the mean of all samples; outliers are not
        selected early.

    Notes
    -----
    {unscaled_features}

    Distances that are equal up to rounding are ties, and ties are resolved in favor of the lowest
    index. Euclidean distances tie if the relative difference of their squares is below
    :math:`2^{-39}`. When all remaining samples are duplicates of selected ones (radius 0), the
    samples with the lowest indices are selected until the budget is reached.

    Where matrix products lose digits to cancellation, the Euclidean distances that determine the
    selected samples, the radii and the weights are computed from differences in float64, also for
    float32 `X` and for groups of samples that are far from each other. `radius_` is exact to a few
    units in the last place of the dtype. The other entries of `radii_` have a relative error of at
    most 1e-12 in float64, and of a few units in the last place in float32. A distance that is NaN
    or infinite raises an error that gives the indices of the two samples.

    Time to select k of n samples with d features: n k d multiplications, in matrix products of
    about a hundred selected samples each. If many samples have to be compared by differences, the
    time is up to that of one pass over all samples for each selected sample. Memory: O(n), and
    blocks within scikit-learn's `working_memory`. The whole distance matrix is never stored. `X` is
    not copied, except for the samples of one class at a time if they fit in `working_memory`, and
    for the whole of `X` if it has at most 32 features. Sparse `X` is not converted to a dense
    array.

    References
    ----------
    .. [1] Gonzalez, T. F. "Clustering to minimize the maximum intercluster distance."
       Theoretical Computer Science 38 (1985).
    .. [2] Sener, O., Savarese, S. "Active learning for convolutional neural networks: a core-set
       approach." ICLR 2018.

    Examples
    --------
    >>> from skcoreset import KCenterGreedy
    >>> X = [[0.0], [1.0], [2.0], [3.0], [10.0]]
    >>> sampler = KCenterGreedy(coreset_size=3).fit(X)
    >>> sampler.sample_indices_
    array([3, 4, 0])
    >>> sampler.radii_
    array([7., 3., 1.])
    >>> sampler.sample_weight_
    array([2., 1., 2.])
    """

    _precomputed = "distances"
    _purposes = ("training", "labeling")
    _not_nested, _truncates_with_data = None, True

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS | {"precomputed"}), callable],
        "init": [StrOptions({"mean", "random"}), "array-like"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        metric="euclidean",
        init="mean",
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    def _check_params(self, table):
        if not isinstance(self.init, str):
            check_initial(self.init, table.sample_weight, "'mean' or 'random'")

    def _check_groups(self, table, groups):
        if not isinstance(self.init, str):
            check_initial_groups(self.init, groups)

    def _is_random(self):
        return isinstance(self.init, str) and self.init == "random"

    def _device_work(self, X, groups):
        return metric_on_host(self.metric) or product_work(X, groups)

    def _pick(self, X, group):
        distances = pairs(X, self.metric, rows=group.rows)
        if group.given is not None:
            nearest = nearest_picks(distances, group.given)
            return Picks(group.given, np.bincount(nearest, weights=group.sample_weight))
        first = self._given_first(distances, group)
        if first is None:
            first = [distances.nearest_to_mean(group.sample_weight)]
        picks, radii, nearest = farthest_first(distances, group.size, first, report=group.report)
        cells = np.bincount(nearest, weights=group.sample_weight, minlength=len(picks))
        return Picks(picks, weight=cells, per_pick={"radii_": radii})

    def _represent_partitions(self, table, groups):
        return checked_partitions(self, table.X)

    def _pick_all_partitions(self, parts, groups):
        """As `_pick` for all groups, which share the passes over `Partitions` of arrays or csr."""
        return in_lockstep(parts, [self._pick_in_passes(parts, group) for group in groups])

    def _pick_in_passes(self, parts, group):
        rows, weight = PartitionedRows(parts, self.metric, group.rows), group.sample_weight
        if group.given is not None:
            cells = yield from cell_weights(rows, group.given, weight)
            return Picks(group.given, cells)
        first = self._given_first(rows, group)
        if first is None:
            first = [(yield from rows.nearest_to_mean(weight))]
        picks, radii, cells = yield from farthest_first_partitions(
            rows, group.size, first, weight, report=group.report
        )
        return Picks(picks, weight=cells, per_pick={"radii_": radii})

    def _given_first(self, distances, group):
        """The first picks, or None for the sample nearest to the mean."""
        if not isinstance(self.init, str):
            given = initial_positions(self.init, group)
            if len(given):
                return given
        return [group.random_state.randint(distances.n)] if self._is_random() else None

    def _publish_parts(self, parts):
        super()._publish_parts(parts)
        self.radius_ = float(max(part.picks.per_pick["radii_"][-1] for part in parts))
