"""Set functions of samples: facility location, graph cut, and the number of covered samples.

`UncertaintyHerding` is facility location with weights from the predictions of a classifier.
"""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import device_of, is_foreign, namespace, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._geometry import check_n_candidates
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels import graph_cut, similarities
from skcoreset._kernels.balls import ball_graph, cluster_labels, pure_radius
from skcoreset._kernels.candidates import among_all, candidates_of, n_candidates_for
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import WithValues, facility_location
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.kernels import gram, total_deviation
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._kernels.radial import Radial
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, search_work
from skcoreset._uncertainty import UNCERTAINTIES
from skcoreset._validation import check_numbers
from skcoreset.base import BaseModelCoreset, Picks

__all__ = ["FacilityLocation", "GraphCut", "ProbCover", "UncertaintyHerding"]


class _SetFunction(BaseMetricCoreset):
    """Base of the set functions: greedy selection by similarities. Subclasses add `_objective`."""

    _precomputed = "similarities"

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS | {"rbf", "precomputed"}), callable],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "optimizer": [StrOptions({"lazy", "stochastic", "naive"})],
        "epsilon": [Interval(Real, 0, 1, closed="neither")],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def _objective(self, similar, weight):
        """The set function: an objective of :mod:`skcoreset._kernels.greedy`."""
        raise NotImplementedError

    def _is_rbf(self):
        return isinstance(self.metric, str) and self.metric == "rbf"

    def _check_sparse_metric(self):
        if not self._is_rbf():
            super()._check_sparse_metric()

    def _check_params(self, table):
        if self.gamma is not None and not self._is_rbf():
            raise ValueError(
                f"gamma={self.gamma} requires metric='rbf', but metric={self.metric!r} has no such "
                "parameter. Set gamma=None, or metric='rbf'."
            )
        if self._is_precomputed() and self.n_neighbors is not None:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} is not supported with metric='precomputed'. "
                "Set n_neighbors=None; a sparse X may hold the similarities of some pairs only."
            )
        if isinstance(self.n_candidates, Integral) and not self._takes_candidates():
            raise ValueError(
                f"n_candidates={self.n_candidates} is not supported with n_neighbors, or with the "
                "metrics 'rbf' and 'precomputed', where all samples are candidates. Set "
                "n_candidates='auto'."
            )
        if self.init is not None:
            check_initial(self.init, table.sample_weight, "None")

    def _takes_candidates(self):
        return not (self.n_neighbors or self._is_precomputed() or self._is_rbf())

    def _check_groups(self, table, groups):
        if self.init is not None:
            check_initial_groups(self.init, groups)
        check_n_candidates(self.n_candidates, groups)

    def _is_random(self):
        draws = self.n_candidates is not None and self._takes_candidates()
        return draws or self.optimizer == "stochastic"

    def _draws(self, groups):
        return self._is_random() and draws_candidates(self, groups)

    _is_composable = True

    @property
    def _not_nested(self):
        return stochastic_is_not_nested(self)

    def _differs_from(self, size, n_selected, n):
        return (
            why_candidates_differ(self, size, n_selected, n) if self._takes_candidates() else None
        )

    def _device_work(self, X, groups):
        metric = "euclidean" if self._is_rbf() else self.metric

        def work(group, d):
            n, of_all = n_candidates_of(self, group), group.n_samples
            if self.n_neighbors is not None:
                return search_work(of_all, of_all, d, metric)
            return n * n * d + (of_all * group.size * d if n < of_all else 0)

        return metric_on_host(metric) or sum(work(g, X.shape[1]) for g in groups)

    def _represent(self, table, groups):
        X = table.X if table.numbers is None else table.numbers
        if self._is_rbf():
            self.gamma_ = rbf_gamma(self.gamma, X, table.sample_weight)
        return X

    def _pick(self, X, group):
        if self._takes_candidates() and n_candidates_of(self, group) < group.n_samples:
            return self._pick_among_candidates(X, group)
        return self._maximize(X, group, group.sample_weight, group.mean_weight)

    def _maximize(self, X, group, weight, unit):
        """`Picks` of the objective with the `weight` of each sample, in which gains have a unit."""
        similar = self._similarities(X, group.rows)
        objective = self._objective(similar, weight)
        picks, gains = greedy(
            objective,
            group.size,
            start=() if self.init is None else initial_positions(self.init, group),
            optimizer=self.optimizer,
            epsilon=self.epsilon,
            random_state=group.random_state,
            report=group.report,
        )
        return Picks(
            picks,
            objective.cells(group.sample_weight),
            per_pick={"gains_": unit * gains},
            prefix=objective.prefix_cells(group.sample_weight),
        )

    def _pick_among_candidates(self, X, group):
        every = pairs(X, self.metric, rows=group.rows)
        seed = group.random_state.randint(2**31 - 1)
        start = () if self.init is None else initial_positions(self.init, group)
        size = n_candidates_of(self, group)
        at, share, start = candidates_of(every.tables, group.sample_weight, size, seed, start)
        near = similarities.precise_enough(pairs(X, self.metric, rows=rows_at(group, at)))
        similar = similarities.near_similarities(near)
        picks, _ = greedy(
            self._objective(similar, share),
            group.size,
            start=start,
            optimizer=self.optimizer,
            epsilon=self.epsilon,
            random_state=group.random_state,
            report=group.report,
        )
        among = among_all(every, near, at[picks], group.sample_weight)
        gains = self._gains_among(among, -similar.lowest(), group.sample_weight.sum())
        return Picks(
            at[picks],
            among.cells(),
            per_pick={"gains_": group.mean_weight * gains},
            prefix=among.prefix_cells,
        )

    def _gains_among(self, among, most, total):
        """Gains of the picks by all samples, for similarities ``most - distance``.

        `total` is the total weight of the samples.
        """
        raise NotImplementedError

    def _similarities(self, X, rows):
        if self._is_precomputed():
            X = X if rows is None else _square(X, rows)
            return similarities.given_similarities(X)
        if self._is_rbf() and self.n_neighbors is None:
            return similarities.kernel_similarities(gram(X, "rbf", {"gamma": self.gamma_}, rows))
        near = pairs(X, "euclidean" if self._is_rbf() else self.metric, rows=rows)
        if self.n_neighbors is None:
            return similarities.near_similarities(similarities.precise_enough(near))
        if near.n == 1:
            return similarities.given_similarities(sparse.csr_array([[1.0]]))
        neighbors, distances = nearest_neighbors(near, min(self.n_neighbors, near.n - 1))
        if near.is_squared:  # the search may return distances that lost digits in matrix products
            own = np.repeat(np.arange(near.n), neighbors.shape[1])
            distances = _distances_of(near, own, neighbors.ravel()).reshape(neighbors.shape)
        if self._is_rbf():
            return similarities.radial_graph(neighbors, Radial(gamma=self.gamma_), distances)
        return similarities.graph_similarities(neighbors, distances)


def rbf_gamma(gamma, X, weight):
    """The value of the parameter `gamma`; None is one over the sum of the variances."""
    return 1 / total_deviation(X, weight) ** 2 if gamma is None else float(gamma)


def stochastic_is_not_nested(sampler):
    """`_not_nested` of a method that has the parameter `optimizer`."""
    if sampler.optimizer == "stochastic":
        return "optimizer='stochastic' draws subsets whose size depends on the budget"
    return None


def n_candidates_of(sampler, group):
    """The number of candidates in a group, by the parameter `n_candidates` of the sampler."""
    if sampler.n_candidates is None:
        return group.n_samples
    wanted = sampler.n_candidates
    wanted = n_candidates_for(group.size) if isinstance(wanted, str) else wanted
    return min(wanted, group.n_samples)


def draws_candidates(sampler, groups):
    """Whether a group has more samples than candidates, or gains are those of random samples."""
    few = any(n_candidates_of(sampler, group) < group.n_samples for group in groups)
    return few or sampler.optimizer == "stochastic"


def why_candidates_differ(sampler, size, n_selected, n):
    """`_differs_from` of a method that has the parameter `n_candidates`."""
    few, many = (min(n, n_candidates_for(k)) for k in (size, n_selected))
    if sampler.n_candidates == "auto" and few != many:
        return (
            f"n_candidates='auto' selects {n_selected} samples among {many} candidates, but {size} "
            f"samples among {few}"
        )
    return None


def rows_at(group, at):
    """Positions in the table of positions in the group."""
    return at if group.rows is None else group.rows[at]


def _stacked(above, below):
    if sparse.issparse(above) or sparse.issparse(below):
        return sparse.vstack([sparse.csr_array(above), sparse.csr_array(below)], format="csr")
    xp = namespace(above)
    return xp.concat([above, xp.asarray(below, device=device_of(above))])


def _distances_of(near, left, right):
    """Distance of each pair of samples, computed from their difference, as a host array."""
    xp = near.xp
    left, right = (xp.asarray(at, device=near.device) for at in (left, right))
    return to_numpy(near.distance(near.exact_pairs(left, right)))


def _square(X, rows):
    """The submatrix of a square matrix for `rows`, as rows and as columns."""
    if not is_foreign(X):
        return X[rows][:, rows]
    xp = namespace(X)
    at = xp.asarray(rows, device=device_of(X))
    return xp.take(xp.take(X, at, axis=0), at, axis=1)


@fill_docstring
class FacilityLocation(_SetFunction):
    r"""Select samples that maximize the facility location function.

    .. math:: f(S) = \sum_i w_i \max_{j \in S} s_{ij}

    Here :math:`s_{ij}` is the similarity of samples i and j, and :math:`w_i` is the `sample_weight`
    of sample i. The value of a set S of samples is thus the sum, over all samples, of the
    similarity of each sample to its most similar sample in S. The greedy algorithm [1]_ [2]_, which
    is applied per class by default, reaches at least 1 - 1/e of the optimum; the optimizer
    "stochastic" is described in [3]_. The selected samples are similar to many samples. An outlier
    contributes to the sum as one sample, and is selected early only if it is very far from all
    others, whereas :class:`KCenterGreedy` always selects the farthest sample next.

    Parameters
    ----------
    {coreset_size}

    {metric_similarity}

    {gamma_similarity}

    {n_neighbors_similarity}

    {optimizer}

    epsilon : float, default=0.01
        {stochastic_epsilon}

    {n_candidates_sampled}
        With `n_neighbors`, with ``metric="rbf"`` or "precomputed", and with `X_target`, all samples
        are candidates.

    eta : float, default=1.0
        Only with `X_target`: the factor :math:`\eta` of the second sum in Notes. With 0, samples
        that are selected after each target sample has a similar one may be arbitrary; larger values
        select the samples that are most similar to any target sample, even if these are similar to
        each other.

    {init_samples}

    {stratify}

    {random_state_stochastic}

    Attributes
    ----------
    {sample_indices_greedy}

    {sample_weight_similar}

    {gains_}

    {gamma_}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Minimizes the largest distance instead of a sum; outliers are selected first.
    GraphCut : Penalizes similarities among the selected samples.
    CRAIG : Maximizes the same function of gradients instead of features.

    Notes
    -----
    {unscaled_features}

    {scale_of_sample_weight}

    With `X_target`, the function of the target samples Q is

    .. math:: f(S) = \sum_{i \in Q} \max_{j \in S} s_{ij}
        + \eta \sum_{j \in S} \max_{i \in Q} s_{ij}

    [4]_ [5]_, and the largest distance in the definition of the similarity is that of a target
    sample and a sample of the class. The weight of a selected sample is the number of target
    samples to which it is the most similar selected sample, but at least 1, times a factor such
    that the weights of a class sum to its total `sample_weight`. The `sample_weight` has no other
    effect, except that samples of weight 0 are never selected. The function of each class is that
    of all target samples: with class labels `y`, each class contributes its samples that are most
    similar to any target sample; with ``stratify=None``, so do all samples together. If Q is `X`
    and :math:`\eta` is 0, the same samples are selected as without `X_target`. Time: about
    three times n_c n_target d multiplications; memory: O(n_c + n_target), a copy of `X`, and up to
    half of `working_memory`.

    {candidates_sampled}

    Time for each class of n_c samples with d features: n_c^2 d multiplications for the
    similarities, once if they fit in half of scikit-learn's `working_memory`, and about three times
    otherwise. The greedy steps evaluate a pair (i, j) only if :math:`s_{ij}` is larger than the
    similarity of i to its most similar selected sample; after some steps, these are a few percent
    of all pairs. With c candidates out of more samples, n_c is c, and n_c k d multiplications for k
    selected samples are added. Memory: O(n), and up to `working_memory` for similarities; with
    `n_neighbors`, O(n `n_neighbors`) for the graph.

    {similarity_precision}

    References
    ----------
    .. [1] Nemhauser, G. L., Wolsey, L. A., Fisher, M. L. "An analysis of approximations for
       maximizing submodular set functions." Mathematical Programming 14 (1978).
    .. [2] Minoux, M. "Accelerated greedy algorithms for maximizing submodular set functions."
       Optimization Techniques (1978).
    .. [3] Mirzasoleiman, B., et al. "Lazier than lazy greedy." AAAI 2015.
    .. [4] Iyer, R., Khargoankar, N., Bilmes, J., Asnani, H. "Submodular combinatorial information
       measures with applications in machine learning." ALT 2021.
    .. [5] Kothawade, S., et al. "PRISM: a rich class of parameterized submodular information
       measures for guided data subset selection." AAAI 2022.

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

    _parameter_constraints = {
        **_SetFunction._parameter_constraints,
        "eta": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        metric="euclidean",
        gamma=None,
        n_neighbors=None,
        optimizer="lazy",
        epsilon=0.01,
        n_candidates="auto",
        eta=1.0,
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.optimizer = optimizer
        self.epsilon = epsilon
        self.n_candidates = n_candidates
        self.eta = eta
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    @fill_docstring
    def fit(self, X, y=None, sample_weight=None, X_target=None):
        """Select the coreset.

        Parameters
        ----------
        {X}

        {y_optional}

        {sample_weight}

        {X_target}

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self._fitted(X, y, sample_weight, X_target=X_target)
        return self

    @fill_docstring
    def fit_resample(self, X, y=None, sample_weight=None, X_target=None):
        """Select the coreset and return its samples, in order of selection.

        Parameters
        ----------
        {X}

        {y_optional}

        {sample_weight}

        {X_target}

        Returns
        -------
        {resampled}
        """
        return self._fitted(X, y, sample_weight, X_target=X_target)._resampled(X, y)

    def _check_auxiliary(self, table, X_target=None):
        if X_target is None:
            return {}
        if self.n_neighbors is not None or self._is_precomputed():
            raise ValueError(
                f"X_target is not supported with n_neighbors={self.n_neighbors!r} and "
                f"metric={self.metric!r}. Set n_neighbors=None and a metric that is not "
                "'precomputed'."
            )
        if isinstance(self.n_candidates, Integral):
            raise ValueError(
                f"n_candidates={self.n_candidates} is not supported with X_target, for which all "
                "samples are candidates. Set n_candidates='auto'."
            )
        try:
            X_target = check_numbers(self, X_target, reset=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X_target: {error}") from error
        if X_target.shape[0] == 0:
            raise ValueError("X_target has 0 samples, but at least 1 is required.")
        return {"X_target": X_target}

    def _represent(self, table, groups):
        X = super()._represent(table, groups)
        if not table.auxiliary:
            return X
        return _stacked(X, table.auxiliary["X_target"]), X.shape[0]

    def _device_work(self, X, groups):
        if not isinstance(X, tuple):
            return super()._device_work(X, groups)
        X, n = X
        work = sum(group.n_samples * (X.shape[0] - n) * X.shape[1] for group in groups)
        return metric_on_host("euclidean" if self._is_rbf() else self.metric) or work

    def _pick(self, X, group):
        return self._pick_for_target(*X, group) if isinstance(X, tuple) else super()._pick(X, group)

    def _pick_for_target(self, X, n, group):
        """`Picks` by the similarities to the target samples, the rows of `X` from `n` on."""
        rows = np.arange(n) if group.rows is None else group.rows
        rows = np.concatenate([rows, np.arange(n, X.shape[0])])
        if self._is_rbf():
            of = gram(X, "rbf", {"gamma": self.gamma_}, rows)
        else:
            of = similarities.precise_enough(pairs(X, self.metric, rows=rows))
        similar = similarities.target_similarities(of, group.n_samples, self._is_rbf())
        cover = facility_location(similar, np.ones(similar.n_rows))
        objective = cover
        if self.eta > 0:
            relevance = similar.nearest() - similar.lowest()
            objective = WithValues(cover, self.eta * relevance)
        picks, gains = greedy(
            objective,
            group.size,
            start=() if self.init is None else initial_positions(self.init, group),
            optimizer=self.optimizer,
            epsilon=self.epsilon,
            random_state=group.random_state,
            report=group.report,
        )
        cells = cover.target_cells()
        return Picks(picks, cells(len(picks)), per_pick={"gains_": gains}, prefix=cells)

    def _objective(self, similar, weight):
        return facility_location(similar, weight)

    def _gains_among(self, among, most, total):
        return -np.diff(among.losses, prepend=most * total)


@fill_docstring
class GraphCut(_SetFunction):
    r"""Select samples that are similar to all samples and dissimilar to each other.

    .. math:: f(S) = \sum_i \sum_{j \in S} w_i s_{ij}
        - \lambda \bar w \sum_{i \in S} \sum_{j \in S} s_{ij}

    Here :math:`s_{ij}` is the similarity of samples i and j, and :math:`w_i` is the `sample_weight`
    of sample i, with the mean :math:`\bar w`. The first term is the sum of the similarities of the
    selected samples to all samples; the second term penalizes the similarities among the selected
    samples [1]_. The function is maximized greedily, per class by default. For :math:`\lambda` up
    to 1/2, adding a sample never decreases the value of the function. For larger :math:`\lambda`,
    it can decrease, and samples are nevertheless selected until the budget is reached.

    Parameters
    ----------
    {coreset_size}

    {metric_similarity}

    {gamma_similarity}

    {n_neighbors_similarity}

    redundancy : float, default=0.5
        The factor :math:`\lambda` of the similarities among the selected samples. Larger values
        select samples that are less similar to each other.

    {optimizer}

    epsilon : float, default=0.01
        {stochastic_epsilon}

    {n_candidates_sampled}
        With `n_neighbors`, and with ``metric="rbf"`` or "precomputed", all samples are candidates.

    {init_samples}

    {stratify}

    {random_state_stochastic}

    Attributes
    ----------
    {sample_indices_greedy}

    {sample_weight_similar}

    {gains_}

    {gamma_}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    FacilityLocation : Uses only the similarity of each sample to its most similar selected sample.

    Notes
    -----
    {unscaled_features}

    {scale_of_sample_weight}

    {candidates_sampled}

    Time for each class of n_c samples with d features: n_c^2 d multiplications for the sums of the
    similarities, and n_c similarities for each selected sample. Memory: O(n), and up to half of
    scikit-learn's `working_memory` for similarities.

    {similarity_precision}

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
        gamma=None,
        n_neighbors=None,
        redundancy=0.5,
        optimizer="lazy",
        epsilon=0.01,
        n_candidates="auto",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.redundancy = redundancy
        self.optimizer = optimizer
        self.epsilon = epsilon
        self.n_candidates = n_candidates
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    def _objective(self, similar, weight):
        return graph_cut.GraphCut(similar, weight, self.redundancy)

    def _gains_among(self, among, most, total):
        t = np.arange(len(among.picks))
        penalty = (2 * t + 1) * most - 2 * among.sums_among_picks()
        return most * total - among.sums - self.redundancy * penalty


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
        if self.init is not None:
            check_initial_groups(self.init, groups)

    def _check_params(self, table):
        if self.init is not None:
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
        covered = facility_location(similarities.GraphSimilarities(graph), group.sample_weight)
        start = () if self.init is None else initial_positions(self.init, group)
        picks, gains = greedy(covered, group.size, start=start, report=group.report)
        fraction = np.minimum(np.cumsum(gains) / group.sample_weight.sum(), 1.0)
        weight, prefix = (of(group.sample_weight) for of in (covered.cells, covered.prefix_cells))
        return Picks(picks, weight, per_pick={"coverage_": fraction}, prefix=prefix)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self._uses_classes()
        return tags


@fill_docstring
class UncertaintyHerding(_SetFunction, BaseModelCoreset):
    r"""Select samples that are similar to many samples with uncertain predictions.

    .. math:: f(S) = \sum_i w_i u_i \max_{j \in S} s_{ij}

    Here :math:`s_{ij}` is the similarity of samples i and j, :math:`w_i` is the `sample_weight` of
    sample i, and :math:`u_i \ge 0` is the uncertainty of the prediction of a classifier for sample
    i [1]_. The function is that of :class:`FacilityLocation`, in which each sample counts by its
    uncertainty, and is maximized greedily: the next sample is the one with the largest gain,

    .. math:: \arg\max_{x \notin S} \sum_i w_i u_i
        \max \big( 0, \; s(x_i, x) - \max_{j \in S} s(x_i, x_j) \big) .

    In active learning, S begins with the samples that are labeled already (`init`). Samples that
    are similar to labeled ones, or whose predictions are certain, then add little to the gain, and
    the samples of one round differ from each other. If all uncertainties are equal, the method is
    :class:`FacilityLocation`.

    Parameters
    ----------
    {estimator_probabilities}

    {coreset_size}
        The samples of `init` count: to select 20 samples besides 50 labeled ones, set 70.

    uncertainty : {"margin", "entropy", "least_confidence"} or callable, default="margin"
        The uncertainty u of a sample with predicted probabilities :math:`p_c`. "margin" is
        :math:`1 - (p_{(1)} - p_{(2)})` with the largest and the second largest probability,
        "entropy" is :math:`-\sum_c p_c \ln p_c`, and "least_confidence" is :math:`1 - p_{(1)}`.
        A callable takes the probabilities, of shape (n_samples, n_classes), and returns
        non-negative numbers of shape (n_samples,).

    metric : str or callable, default="euclidean"
        "rbf", or a metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis",
        "seuclidean", "nan_euclidean" and "precomputed". The similarity of two samples is that of
        :class:`FacilityLocation`.

    {gamma_similarity}

    {n_neighbors_similarity}

    init : array-like of int, default=None
        Indices of the samples that are selected first, such as samples whose labels are known
        already.

    {cv}

    {stratify}
        Use None, or pass no `y`, to select samples for labeling.

    Attributes
    ----------
    {sample_indices_prefix}
        With one class or without classes, the samples of `init` are the first ones, in the given
        order.

    {sample_weight_similar}

    {gains_}

    uncertainties_ : ndarray of shape (n_samples,)
        The uncertainty u of each sample.

    {estimator_used}

    {gamma_}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    FacilityLocation : The same function without a classifier.
    Margin : Selects the samples with the largest uncertainties, which may be similar to each other.

    Notes
    -----
    {unscaled_features}
    The similarities are those of the features of `X`, also if the estimator is a Pipeline that
    scales them.

    {constant_times_sample_weight}

    The weights of the coreset are sums of the `sample_weight`, not of the uncertainties. If the
    uncertainties of all samples are 0, an error is raised. If they are 0 for all samples of one
    class only, all gains of this class are 0, and the samples with the lowest indices are selected.

    With ``metric="rbf"``, the function is that of the paper, in which the width of the kernel
    decreases from round to round.

    After 50 random first labels and 100 more in rounds of 25, the accuracy on the letter dataset is
    0.61 with a random forest, compared with 0.56 for :class:`Margin` and 0.54 for random samples.
    On MNIST, it is 0.84 with a logistic regression, compared with 0.80 and 0.77; after 400 more
    labels, it is 0.87 for this method and for :class:`Margin`.

    Time: that of predicting all samples, and that of :class:`FacilityLocation`: n_c^2 d
    multiplications for each class of n_c samples with d features, and about three times as many if
    the similarities do not fit in half of scikit-learn's `working_memory`. Memory: O(n C) for the
    predictions of C classes, and up to `working_memory` for similarities; with `n_neighbors`,
    O(n `n_neighbors`) for the graph.

    {similarity_precision}

    References
    ----------
    .. [1] Bae, W., Oliveira, G. L., Sutherland, D. J. "Uncertainty herding: one active learning
       method for all label budgets." ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import UncertaintyHerding
    >>> X, y = load_iris(return_X_y=True)
    >>> labeled = np.array([0, 50, 100])
    >>> classifier = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled])
    >>> sampler = UncertaintyHerding(classifier, coreset_size=6, init=labeled).fit(X)
    >>> sampler.sample_indices_[3:]
    array([ 94, 111, 107])
    """

    _purposes = ("labeling",)

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "uncertainty": [StrOptions(set(UNCERTAINTIES)), callable],
        "metric": [StrOptions(METRICS | {"rbf"}), callable],
        "gamma": _SetFunction._parameter_constraints["gamma"],
        "n_neighbors": _SetFunction._parameter_constraints["n_neighbors"],
        "init": ["array-like", None],
        "cv": ["cv_object"],
    }

    _needs = "proba"
    _needs_numbers = False  # the classifier gets the table as it is
    _precomputed = None
    optimizer, epsilon, n_candidates = "lazy", None, None

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        uncertainty="margin",
        metric="euclidean",
        gamma=None,
        n_neighbors=None,
        init=None,
        cv=None,
        stratify="proportional",
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.uncertainty = uncertainty
        self.metric = metric
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.init = init
        self.cv = cv
        self.stratify = stratify

    def _check_numbers(self, X):
        return check_numbers(self, X)

    def _check_params(self, table):
        _SetFunction._check_params(self, table)
        BaseModelCoreset._check_params(self, table)

    def _represent(self, table, groups):
        proba = self._model_outputs(table)
        if callable(self.uncertainty):
            uncertainties = _checked_uncertainties(self.uncertainty(proba), table)
        else:
            uncertainties = UNCERTAINTIES[self.uncertainty](proba)
        if not (table.sample_weight * uncertainties > 0).any():
            raise ValueError(
                f"The uncertainties of all samples are 0: {self.estimator_!r} predicts each with "
                "probability 1. Give a classifier with other probabilities, such as "
                "CalibratedClassifierCV, or use FacilityLocation."
            )
        self.uncertainties_ = uncertainties
        return super()._represent(table, groups)

    def _pick(self, X, group):
        uncertainty = group.rows_of(self.uncertainties_)
        unit = uncertainty.mean() or 1.0
        weight = group.sample_weight * (uncertainty / unit)
        return self._maximize(X, group, weight, group.mean_weight * unit)

    def _objective(self, similar, weight):
        return facility_location(similar, weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        tags.input_tags.string = False
        tags.input_tags.categorical = False
        return tags


def _checked_uncertainties(values, table):
    values, n_samples = np.asarray(to_numpy(values), dtype=np.float64), len(table.sample_weight)
    if values.shape != (n_samples,):
        raise ValueError(
            f"uncertainty returned an array of shape {values.shape}; it must return one number per "
            f"sample, of shape ({n_samples},)."
        )
    wrong = np.flatnonzero(~((values >= 0) & (values < np.inf)) & (table.sample_weight > 0))
    if len(wrong):
        raise ValueError(
            f"uncertainty returned {values[wrong[0]]} for sample {wrong[0]}; it must return finite "
            "numbers of at least 0."
        )
    return values
