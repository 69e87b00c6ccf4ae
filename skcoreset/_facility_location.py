"""FacilityLocation: samples that are similar to many samples, or to given target samples."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval

from skcoreset._backend import device_of, namespace
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import initial_positions
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import WithValues, facility_location
from skcoreset._kernels.kernels import gram
from skcoreset._kernels.similarities import precise_enough, target_similarities
from skcoreset._metrics import metric_on_host
from skcoreset._set_functions import BaseSetFunctionCoreset
from skcoreset._validation import check_numbers
from skcoreset.base import Picks

__all__ = ["FacilityLocation"]


@fill_docstring
class FacilityLocation(BaseSetFunctionCoreset):
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
        **BaseSetFunctionCoreset._parameter_constraints,
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
            of = precise_enough(pairs(X, self.metric, rows=rows))
        similar = target_similarities(of, group.n_samples, self._is_rbf())
        cover = facility_location(similar, np.ones(similar.n_rows))
        objective = cover
        if self.eta > 0:
            relevance = similar.nearest() - similar.lowest()
            objective = WithValues(cover, self.eta * relevance)
        start = initial_positions(self.init, group)
        picks, gains = self._greedy(objective, group, start)
        cells = cover.target_cells()
        return Picks(picks, cells(len(picks)), per_pick={"gains_": gains}, prefix=cells)

    def _objective(self, similar, weight):
        return facility_location(similar, weight)

    def _gains_among(self, among, most, total):
        return -np.diff(among.losses, prepend=most * total)


def _stacked(above, below):
    if sparse.issparse(above) or sparse.issparse(below):
        return sparse.vstack([sparse.csr_array(above), sparse.csr_array(below)], format="csr")
    xp = namespace(above)
    return xp.concat([above, xp.asarray(below, device=device_of(above))])
