"""Set functions on the rows themselves: facility location and graph cut."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import device_of, is_foreign, namespace, to_numpy
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels import set_functions, similarities
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, search_work
from skcoreset.base import Picks

__all__ = ["FacilityLocation", "GraphCut"]


class _SetFunction(BaseMetricCoreset):
    """What set functions share: similarities, the greedy loop, cells. Adds ``_objective``."""

    _precomputed = "similarities"

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS | {"precomputed"}), callable],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "optimizer": [StrOptions({"lazy", "stochastic", "naive"})],
        "epsilon": [Interval(Real, 0, 1, closed="neither")],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def _objective(self, similar, weight):
        """The set function, as :mod:`skcoreset._kernels.set_functions` describes it."""
        raise NotImplementedError

    def _check_params(self, table):
        if self._is_precomputed() and self.n_neighbors is not None:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} has no effect with metric='precomputed'. Leave "
                "pairs out of a sparse X instead."
            )
        if self.init is not None:
            check_initial(self.init, table.sample_weight, "None")

    def _check_groups(self, table, groups):
        if self.init is not None:
            check_initial_groups(self.init, groups)

    def _is_random(self):
        return self.optimizer == "stochastic"

    def _device_work(self, X, groups):
        def work(n, d):
            if self.n_neighbors is None:
                return n * n * d
            return search_work(n, n, d, self.metric)

        return metric_on_host(self.metric) or sum(work(g.n_samples, X.shape[1]) for g in groups)

    def _pick(self, X, group):
        similar = self._similarities(X, group.rows)
        objective = self._objective(similar, group.sample_weight)
        picks, gains = greedy(
            objective,
            group.size,
            start=() if self.init is None else initial_positions(self.init, group),
            optimizer=self.optimizer,
            epsilon=self.epsilon,
            random_state=group.random_state,
            report=group.report,
        )
        weight = objective.cells(group.sample_weight)
        return Picks(picks, weight, per_pick={"gains_": group.mean_weight * gains})

    def _similarities(self, X, rows):
        if self._is_precomputed():
            X = X if rows is None else _square(X, rows)
            return similarities.given_similarities(X)
        # In float64 also for float32 rows, as gains are small differences of these.
        wide = pairs(X, self.metric, rows=rows, wide=True)
        if self.n_neighbors is None:
            return similarities.near_similarities(wide)
        near = pairs(X, self.metric, rows=rows)
        if near.n == 1:
            return similarities.given_similarities(sparse.csr_array([[1.0]]))
        neighbors, distances = nearest_neighbors(near, min(self.n_neighbors, near.n - 1))
        if near.cancels:  # a search may have left some as their products gave them
            own = np.repeat(np.arange(near.n), neighbors.shape[1])
            distances = _distances_of(wide, own, neighbors.ravel()).reshape(neighbors.shape)
        return similarities.graph_similarities(neighbors, distances)


def _distances_of(near, left, right):
    """Distance of each pair of rows, from their difference, on the host."""
    xp = near.xp
    left, right = (xp.asarray(at, device=near.device) for at in (left, right))
    return to_numpy(near.distance(near.direct(left, right)))


def _square(X, rows):
    """The part of a square table that `rows` have among themselves."""
    if not is_foreign(X):
        return X[rows][:, rows]
    xp = namespace(X)
    at = xp.asarray(rows, device=device_of(X))
    return xp.take(xp.take(X, at, axis=0), at, axis=1)


class FacilityLocation(_SetFunction):
    r"""Rows such that every row has a similar one among them: the medoids of the table.

    .. math:: f(S) = \sum_i w_i \max_{j \in S} s_{ij}

    Greedily, and per class by default, which reaches at least 1 - 1/e of the optimum. It keeps
    what many rows are near to; an outlier counts as one row, however far it is from all others,
    in contrast to `KCenterGreedy`.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`; the similarity of two rows is the
        largest distance (of its class) minus theirs. With "precomputed", X holds similarities of
        at least 0, symmetric, (n_samples, n_samples), dense or sparse.

    n_neighbors : int, default=None
        Similarities count only between a row and so many nearest ones (of its class), in either
        direction (all others, if the class has no more); the farthest of these pairs counts 0.
        None: all pairs.

    optimizer : {"lazy", "stochastic", "naive"}, default="lazy"
        "lazy" and "naive" pick the same rows, "lazy" in a fraction of the time. "stochastic" looks
        at a random part of the candidates at each step, and picks others.

    epsilon : float, default=0.01
        Of the stochastic optimizer: it looks at ``n / k * ln(1 / epsilon)`` candidates a step and
        reaches ``1 - 1/e - epsilon`` of the optimum in expectation.

    init : array-like of int, default=None
        Indices of rows that are in already. They count towards the size.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None.

    random_state : int, RandomState instance or None, default=None
        Seed of the stochastic optimizer.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.
        With the lazy optimizer a class's picks are a prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of the rows that are most similar to each row kept. Sums to n_samples (or to the
        weight given).

    gains_ : ndarray of shape (n_coreset,)
        What each pick added to the value of its class; non-increasing within a class, but for
        the rows of `init`.

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
    KCenterGreedy : The worst row counts, not the sum: outliers first.
    GraphCut : Punishes rows that are like each other.
    CRAIG : The same on gradients.

    Notes
    -----
    The columns count as they are: scale them if their units differ.

    Time for each class: n_c^2 d for all similarities, once where they fit in half of
    scikit-learn's `working_memory` and about three times where not; after that only pairs count
    that are more similar than the row is to its nearest pick, which soon are few in a hundred.
    Memory: O(n), and up to `working_memory` for similarities. With `n_neighbors`: that of the
    graph. Similarities are float64, whatever X is. With metric="cosine" a row of zeros is at
    distance 0 from itself and 1 from all others.

    References
    ----------
    .. [1] Nemhauser, G. L., Wolsey, L. A., Fisher, M. L. "An analysis of approximations for
       maximizing submodular set functions." Mathematical Programming 14 (1978).
    .. [2] Minoux, M. "Accelerated greedy algorithms for maximizing submodular set functions."
       Optimization Techniques (1978).
    .. [3] Mirzasoleiman, B., et al. "Lazier than lazy greedy." AAAI 2015.

    Examples
    --------
    >>> from skcoreset import FacilityLocation
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0]]
    >>> sampler = FacilityLocation(coreset_size=2).fit(X)
    >>> sampler.sample_indices_
    array([3, 1])
    >>> sampler.sample_weight_
    array([4., 3.])
    """

    def __init__(
        self,
        coreset_size=0.1,
        *,
        metric="euclidean",
        n_neighbors=None,
        optimizer="lazy",
        epsilon=0.01,
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.optimizer = optimizer
        self.epsilon = epsilon
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    def _objective(self, similar, weight):
        return set_functions.cover(similar, weight)


class GraphCut(_SetFunction):
    r"""Rows that are similar to all rows and not to each other.

    .. math:: f(S) = \sum_i \sum_{j \in S} w_i s_{ij}
        - \lambda \bar w \sum_{i \in S} \sum_{j \in S} s_{ij}

    with :math:`\bar w` the mean of the weights, so that weights times a constant pick the same
    rows. Greedily, and per class by default. Up to :math:`\lambda` = 1/2 no row can make the value
    smaller; above that it can, and is still picked if the size asks for it.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`; the similarity of two rows is the
        largest distance (of its class) minus theirs. With "precomputed", X holds similarities of
        at least 0, symmetric, (n_samples, n_samples), dense or sparse.

    n_neighbors : int, default=None
        Similarities count only between a row and so many nearest ones (of its class), in either
        direction (all others, if the class has no more); the farthest of these pairs counts 0.
        None: all pairs.

    redundancy : float, default=0.5
        :math:`\lambda`, how much similarity within the coreset costs.

    optimizer : {"lazy", "stochastic", "naive"}, default="lazy"
        "lazy" and "naive" pick the same rows, "lazy" in a fraction of the time. "stochastic" looks
        at a random part of the candidates at each step, and picks others.

    epsilon : float, default=0.01
        Of the stochastic optimizer: it looks at ``n / k * ln(1 / epsilon)`` candidates a step and
        reaches ``1 - 1/e - epsilon`` of the optimum in expectation.

    init : array-like of int, default=None
        Indices of rows that are in already. They count towards the size.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None.

    random_state : int, RandomState instance or None, default=None
        Seed of the stochastic optimizer.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.
        With the lazy optimizer a class's picks are a prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of the rows that are most similar to each row kept. Sums to n_samples (or to the
        weight given).

    gains_ : ndarray of shape (n_coreset,)
        What each pick added to the value of its class; non-increasing within a class, but for
        the rows of `init`.

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
    FacilityLocation : Counts only the most similar row kept.

    Notes
    -----
    The columns count as they are: scale them if their units differ.

    Time for each class: n_c^2 d once, then one row of similarities a pick. Memory: O(n), and up to
    half of scikit-learn's `working_memory` for similarities. They are float64, whatever X is. With
    metric="cosine" a row of zeros is at distance 0 from itself and 1 from all others.

    References
    ----------
    .. [1] Iyer, R., Khargoankar, N., Bilmes, J., Asnani, H. "Submodular combinatorial information
       measures with applications in machine learning." ALT 2021.

    Examples
    --------
    >>> from skcoreset import GraphCut
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0]]
    >>> GraphCut(coreset_size=2).fit(X).sample_indices_
    array([3, 2])
    """

    _parameter_constraints = {
        **_SetFunction._parameter_constraints,
        "redundancy": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        metric="euclidean",
        n_neighbors=None,
        redundancy=0.5,
        optimizer="lazy",
        epsilon=0.01,
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.redundancy = redundancy
        self.optimizer = optimizer
        self.epsilon = epsilon
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    def _objective(self, similar, weight):
        return set_functions.GraphCut(similar, weight, self.redundancy)
