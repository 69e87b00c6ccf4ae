"""ProbCover: samples whose balls of one radius cover as many samples as possible."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.balls import ball_graph, cluster_labels, pure_radius
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import GraphFacilityLocation
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.similarities import GraphSimilarities
from skcoreset._metrics import BaseMetricCoreset
from skcoreset.base import Picks

__all__ = ["ProbCover"]


@fill_docstring
class ProbCover(BaseMetricCoreset):
    r"""Select samples whose balls of radius `delta` cover as many samples as possible.

    .. math:: f(S) = \sum_i w_i \, \big[ \min_{j \in S} d(i, j) < \delta \big]

    A sample covers itself and all samples at a distance less than :math:`\delta`. The next sample
    is the one that covers the most samples, weighted by `sample_weight`, that no selected sample
    covers. The greedy algorithm, which is applied per class by default, covers at least 1 - 1/e
    of the samples that any k samples cover. The selected samples lie in dense regions, and
    outliers are selected last. The method is suited to small budgets.

    Parameters
    ----------
    {coreset_size}

    delta : "purity" or float, default="purity"
        Radius of the balls. "purity" is the largest radius for which at least a fraction `purity`
        of the balls are pure. A ball is pure if all samples inside it are in one cluster of
        k-means. The class labels are not used for it.

    purity : float, default=0.95
        Fraction of pure balls, in (0, 1]; the parameter :math:`\alpha` of the paper. Only for
        ``delta="purity"``.

    n_clusters : int, default=None
        Number of clusters, preferably the number of classes. None is the number of classes in `y`,
        which must be at least 2. Only for ``delta="purity"``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`, except "precomputed". The clusters
        are those of :class:`~sklearn.cluster.KMeans`, which uses Euclidean distances.

    {init_samples}

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of k-means. Only for ``delta="purity"``.

    Attributes
    ----------
    {sample_indices_prefix}

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of each selected sample: the number (or the total `sample_weight`) of the samples of
        its class that it covers first. A selected sample counts for itself. The samples that are
        not covered are divided among the selected samples in proportion. The weights sum to
        n_samples, or to the total `sample_weight`.

    coverage_ : ndarray of shape (n_coreset,)
        Fraction of the samples of the class, weighted by `sample_weight`, that are covered after
        each selected sample was added. Non-decreasing within a class.

    delta_ : float
        Radius of the balls. It is the same for all classes.

    {sampling_strategy_}

    {classes_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Covers all samples by balls of the smallest radius; selects outliers first.
    FacilityLocation : Maximizes the similarity of all samples to the selected ones.

    Notes
    -----
    {unscaled_features}
    The paper uses the features of a self-supervised network.

    {scale_of_sample_weight}

    The balls are open, as in the paper: a sample at distance `delta`, up to rounding, is not
    covered. A ball is therefore pure if `delta` is at most the distance of its center to the
    nearest sample of another cluster, and the radius is a quantile of these distances. It is
    infinite if k-means finds one cluster only. With `sample_weight`, k-means and the fraction of
    pure balls are weighted. Distances are computed in float64, also for float32 `X`.

    Ties are resolved in favor of the lowest index. When all samples of a class are covered, the
    remaining ones are selected by index until the budget is reached.

    Time: n_c^2 d multiplications for each class of n_c samples; with ``delta="purity"``, in
    addition those of k-means and n^2 d. Memory: about 40 bytes for each pair of samples of a class
    at a distance less than `delta`, and blocks within scikit-learn's `working_memory`. The
    distance matrix is never held as a whole, but if `delta` is large, most pairs are stored.

    References
    ----------
    .. [1] Yehuda, O., Dekel, A., Hacohen, G., Weinshall, D. "Active learning through a covering
       lens." NeurIPS 2022.

    Examples
    --------
    >>> from skcoreset import ProbCover
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]]
    >>> sampler = ProbCover(coreset_size=2, delta=1.5).fit(X)
    >>> sampler.sample_indices_
    array([1, 3])
    >>> sampler.coverage_
    array([0.5       , 0.83333333])
    """

    _purposes = ("training", "labeling")

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "delta": [StrOptions({"purity"}), Interval(Real, 0, None, closed="neither")],
        "purity": [Interval(Real, 0, 1, closed="right")],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        delta="purity",
        purity=0.95,
        n_clusters=None,
        metric="euclidean",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.delta = delta
        self.purity = purity
        self.n_clusters = n_clusters
        self.metric = metric
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    _not_nested = None
    _is_composable = True

    def _is_random(self):
        return isinstance(self.delta, str)

    def _uses_classes(self):
        return isinstance(self.delta, str) and self.n_clusters is None

    def _check_groups(self, table, groups):
        check_initial_groups(self.init, groups)

    def _check_params(self, table):
        check_initial(self.init, table.sample_weight, "None")
        if not isinstance(self.delta, str):
            return
        present = np.flatnonzero(table.sample_weight)
        if self.n_clusters is None and table.classes is None:
            raise ValueError(
                "n_clusters=None is the number of classes in y, but y is None or continuous. Set "
                "n_clusters to an int of at least 2, or delta to a number."
            )
        if self.n_clusters is None and len(np.unique(table.codes[present])) < 2:
            raise ValueError(
                "n_clusters=None is the number of classes in y, but y has one class"
                f"{table.of_positive_weight and ' with samples' + table.of_positive_weight}. Set "
                "n_clusters to an int of at least 2, or delta to a number."
            )
        if self.n_clusters is not None and self.n_clusters > len(present):
            raise ValueError(
                f"n_clusters={self.n_clusters} is larger than the number of samples"
                f"{table.of_positive_weight}, {len(present)}. Give n_clusters of at most "
                f"{len(present)}, or set delta to a number."
            )

    def _represent(self, table, groups):
        self.delta_ = self._pure_delta(table) if isinstance(self.delta, str) else float(self.delta)
        return table.X

    def _pure_delta(self, table):
        rows = np.flatnonzero(table.sample_weight)
        weight = table.sample_weight[rows] / table.sample_weight.max()
        weight /= weight.mean()
        n_clusters = self.n_clusters or len(np.unique(table.codes[rows]))
        random_state = check_random_state(self.random_state)
        labels = cluster_labels(to_numpy(table.X)[rows], weight, n_clusters, random_state)
        distances = pairs(table.X, self.metric, rows=rows, in_float64=True)
        return pure_radius(distances, labels, weight, self.purity)

    def _pick(self, X, group):
        graph = ball_graph(pairs(X, self.metric, rows=group.rows, in_float64=True), self.delta_)
        covered = GraphFacilityLocation(GraphSimilarities(graph), group.sample_weight)
        start = initial_positions(self.init, group)
        picks, gains = greedy(covered, group.size, start=start, report=group.report)
        fraction = np.minimum(np.cumsum(gains) / group.sample_weight.sum(), 1.0)
        weight, prefix = (of(group.sample_weight) for of in (covered.cells, covered.prefix_cells))
        return Picks(picks, weight, per_pick={"coverage_": fraction}, prefix=prefix)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self._uses_classes()
        return tags
