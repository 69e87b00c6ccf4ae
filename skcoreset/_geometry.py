"""Geometry: rows that stand for the others by where they lie. Labels serve only to stratify."""

import numpy as np
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS
from sklearn.utils._param_validation import StrOptions

from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.distances import gram, pairs
from skcoreset._kernels.farthest_first import farthest_first
from skcoreset._kernels.herding import herd
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, product_work
from skcoreset.base import BaseCoreset, Picks

__all__ = ["Herding", "KCenterGreedy"]


class Herding(BaseCoreset):
    r"""Rows whose mean is as near as can be to the mean of all rows.

    Greedily, without repeats, and per class by default: with features :math:`\phi` and their mean
    :math:`\mu`, pick :math:`t + 1` is

    .. math:: \arg\min_x \Big\| \mu - \frac{\phi(x) + \sum_{s \in S} \phi(s)}{t + 1} \Big\| .

    The error of the mean falls like 1/k where that of a random sample falls like
    :math:`1/\sqrt k`. With a kernel it is not only the mean that is kept but the expectation of
    every function in the kernel's space. Use it for few rows (below about 1 %) and for models
    that live on means; outliers are never picked early. The linear form keeps the mean of a class
    and nothing else: with few columns, or classes of several clusters, its picks gather around
    the class mean and ``kernel="rbf"`` is the better choice.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    kernel : str, callable or None, default=None
        None is the linear kernel: the rows are their own features. Otherwise a kernel of
        :func:`sklearn.metrics.pairwise.pairwise_kernels`.

    kernel_params : dict, default=None
        Parameters of the kernel, such as ``{"gamma": 0.1}``.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        What each row kept stands for: the weight of its class by the number of its picks, as the
        mean they keep is that of equal weights. Sums to n_samples (or to the weight given).

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    KCenterGreedy : Rows that cover the table, outliers first.

    Notes
    -----
    The columns count as they are: scale them if their units differ. With `sample_weight` the mean
    is the weighted one; weights times a constant give the same picks.

    Rows that bring the mean equally near, up to rounding in float64, are ties and go to the lowest
    row. The tolerance is that of the two rows that are compared, so values far from all others in
    some columns, such as -999 for "unknown", leave the other columns their say. Kernel values are
    computed in float64; one that is NaN or infinite is an error that names its two rows.

    Time: n d for each pick, one product of the rows with a vector, and differences for the rows
    that it cannot tell apart. With a kernel, n evaluations
    of it for each pick and :math:`n^2` once. Memory: O(n), X is not copied (a class of it is,
    within scikit-learn's `working_memory`); sparse X stays sparse.

    References
    ----------
    .. [1] Welling, M. "Herding dynamical weights to learn." ICML 2009.
    .. [2] Chen, Y., Welling, M., Smola, A. "Super-samples from kernel herding." UAI 2010.
    .. [3] Rebuffi, S.-A., et al. "iCaRL: Incremental classifier and representation learning."
       CVPR 2017 (the form per class).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import Herding
    >>> X, y = load_iris(return_X_y=True)
    >>> X_small, y_small = Herding(coreset_size=15).fit_resample(X, y)
    >>> X.mean(axis=0).round(2)
    array([5.84, 3.06, 3.76, 1.2 ])
    >>> X_small.mean(axis=0).round(2)
    array([5.83, 3.07, 3.74, 1.2 ])
    """

    _needs_numbers = True

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS) - {"precomputed"}), callable, None],
        "kernel_params": [dict, None],
    }

    def __init__(
        self, coreset_size=0.1, *, kernel=None, kernel_params=None, stratify="proportional"
    ):
        self.coreset_size = coreset_size
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.stratify = stratify

    def _check_params(self, table):
        if self.kernel is None and self.kernel_params:
            raise ValueError(
                f"kernel_params={self.kernel_params!r} have no effect with kernel=None, the linear "
                "kernel. Give a kernel, or kernel_params=None."
            )

    def _device_work(self, X, groups):
        if self.kernel not in (None, "linear"):
            return f"kernel={self.kernel!r} is computed by the host only; None can run on a GPU"
        return product_work(X, groups)

    def _pick(self, X, group):
        features = gram(X, self.kernel, self.kernel_params, rows=group.rows)
        picks = herd(features, group.size, group.sample_weight, report=group.report)
        return Picks(picks, weight=np.ones(len(picks)))


class KCenterGreedy(BaseMetricCoreset):
    r"""Rows that cover the table: each pick is the row farthest from all picks before it.

    The greedy algorithm for the k-center problem, per class by default,

    .. math:: \arg\max_i \min_{j \in S} d(i, j),

    whose covering radius is at most twice the smallest that k rows can have. It keeps the rare
    and the odd, outliers first; use it where every region must be present (cold start, rare
    subgroups, near-duplicate removal), not where the mass of the data matters.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`. "euclidean" and "cosine" run as
        matrix products. With "precomputed", X holds the distances, (n_samples, n_samples).

    init : {"mean", "random"} or array-like of int, default="mean"
        The first pick: the row nearest the (weighted) mean of its class, a random row, or the
        indices of rows chosen already. These are picks like all others and count towards the
        size. A class that has none of the given rows begins with the one nearest its mean. With
        "precomputed", for want of a mean, the row with the smallest mean distance.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None.

    random_state : int, RandomState instance or None, default=None
        Seed of ``init="random"``.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of the rows of its class that are nearest to each row kept (its Voronoi cell). Sums
        to n_samples (or to the weight given).

    radii_ : ndarray of shape (n_coreset,)
        Covering radius of its class once that row was picked: the largest distance of a row to
        the nearest pick of its class. Non-increasing within a class.

    radius_ : float
        Covering radius of the whole coreset.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Herding : Rows whose mean is the mean of the table; leaves outliers out.

    Notes
    -----
    The columns count as they are: scale them if their units differ. Distances that are equal up
    to rounding (Euclidean ones: whose squares are relatively closer than :math:`2^{-39}`) are ties
    and go to the lowest row; once every row left is a duplicate of a pick (radius 0), rows are
    taken in their order, so that the size stays exact.

    Euclidean distances that picks, radii and cells depend on are computed from differences in
    float64 wherever products have lost their digits, also in a float32 table and where rows form
    groups far from each other: `radius_` is the largest distance itself, but for the last digits.
    A metric that is NaN or infinite for a pair of rows is an error that names them.

    Time: n k d, in matrix products that serve a hundred picks at once; up to that of one pass
    over the rows for each pick where many rows have to be compared by differences. Memory: O(n)
    and blocks within scikit-learn's `working_memory`; neither X nor the distances are held twice
    (a class of X is copied if it fits in `working_memory`, a table of 32 columns or less as a
    whole). Sparse X stays sparse.

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
        first = self._first(distances, group)
        picks, radii, nearest = farthest_first(distances, group.size, first, report=group.report)
        cells = np.bincount(nearest, weights=group.sample_weight, minlength=len(picks))
        return Picks(picks, weight=cells, per_pick={"radii_": radii})

    def _first(self, distances, group):
        if not isinstance(self.init, str):
            given = initial_positions(self.init, group)
            if len(given):
                return given
        if self._is_random():
            return [group.random_state.randint(distances.n)]
        return [distances.nearest_to_mean(group.sample_weight)]

    def _publish(self, table, groups, picked):
        super()._publish(table, groups, picked)
        self.radius_ = float(max(p.per_pick["radii_"][-1] for p in picked))
