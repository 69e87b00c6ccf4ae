"""GraphCut: samples that are similar to all samples, but not to each other."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from skcoreset._docstrings import fill_docstring
from skcoreset._kernels import graph_cut
from skcoreset._set_functions import BaseSetFunctionCoreset

__all__ = ["GraphCut"]


@fill_docstring
class GraphCut(BaseSetFunctionCoreset):
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
        **BaseSetFunctionCoreset._parameter_constraints,
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
