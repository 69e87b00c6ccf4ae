"""Samples that are drawn by D^2 sampling: D2Sampling of the features, BADGE of gradients."""

import numpy as np
from sklearn.utils._param_validation import StrOptions

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.d2_sampling import (
    TIE,
    BlockDistances,
    d2_sample,
    lowest_of_rest,
    nearest_of_picks,
)
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, product_work
from skcoreset.base import BaseModelCoreset, Picks

__all__ = ["BADGE", "D2Sampling"]


class _D2Sampler:
    """What D2Sampling and BADGE share: the parameter `init`, and draws that are nested."""

    _not_nested = None

    def _check_params(self, table):
        super()._check_params(table)
        check_initial(self.init, table.sample_weight, "None")

    def _check_groups(self, table, groups):
        check_initial_groups(self.init, groups)

    def _draw(self, distances, group, otherwise=()):
        """Picks, and the nearest pick of each sample. `otherwise` is first without `init`."""
        given = initial_positions(self.init, group)
        picks, nearest, _ = d2_sample(
            distances,
            group.size,
            group.sample_weight,
            group.random_state,
            given if len(given) else otherwise,
            report=group.report,
        )
        return lowest_of_rest(picks, group.n_samples, group.size), nearest


@fill_docstring
class D2Sampling(_D2Sampler, BaseMetricCoreset):
    r"""Draw samples in proportion to the squared distance to the nearest drawn sample.

    This is the seeding of k-means++ [1]_, per class by default. The first sample is drawn in
    proportion to its `sample_weight` :math:`w_i`. With :math:`S` the set of the samples that are
    drawn so far, the next sample is i with the probability

    .. math:: \frac{w_i D_i^2}{\sum_l w_l D_l^2}, \qquad D_i = \min_{j \in S} d(i, j).

    For the Euclidean distance, the expected value of :math:`\sum_i w_i D_i^2` for k samples is at
    most 8 (ln k + 2) times the smallest value that any k centers reach. Samples far from all others
    are likely to be drawn, and so are samples of dense regions, because there are many of them.

    Parameters
    ----------
    {coreset_size}

    metric : str or callable, default="euclidean"
        The distance d: a metric of :func:`sklearn.metrics.pairwise_distances`, except
        "mahalanobis", "seuclidean" and "nan_euclidean". Sparse `X` requires "euclidean", "cosine",
        "manhattan" or a callable. With "precomputed", `X` is the dense and symmetric matrix of the
        distances, of shape (n_samples, n_samples).

    {init_samples}
        The next sample is drawn with the distances to them.

    {stratify}

    {random_state_draws}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_cells}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Selects the sample with the largest distance instead of drawing one.
    ImportanceSampling : Draws all samples by one sensitivity, and estimates sums without bias.
    BADGE : The same draws for the gradients of a classifier.

    Notes
    -----
    {unscaled_features}

    {scale_of_sample_weight}

    No sample is drawn twice. When all remaining samples are duplicates of selected ones (distance
    0), the samples with the lowest indices are selected until the budget is reached.

    :func:`sklearn.cluster.kmeans_plusplus` by default draws several candidates for each center and
    takes the best of them. This method does not: the probabilities are those of the formula.

    Distances are computed in float64, from differences where products lose digits, and are added up
    in the order of the samples. The number of threads and the container of `X` change their last
    digits; the probability that this changes a draw is about 1e-13.

    Time to draw k of n samples with d features: n k d multiplications, in matrix products of up to
    512 selected samples each. To this end, candidates for several draws are drawn at once, and each
    is accepted with the probability that corrects for the candidates accepted before it, so that
    the probabilities are exactly those above. Memory: O(n), and blocks within scikit-learn's
    `working_memory`.

    References
    ----------
    .. [1] Arthur, D., Vassilvitskii, S. "k-means++: The advantages of careful seeding." SODA 2007.

    Examples
    --------
    >>> from skcoreset import D2Sampling
    >>> X = [[0.0], [0.1], [0.2], [50.0], [50.1], [90.0]]
    >>> sampler = D2Sampling(coreset_size=3, random_state=0).fit(X)
    >>> sampler.sample_indices_
    array([2, 5, 4])
    >>> sampler.sample_weight_
    array([3., 1., 2.])
    """

    _precomputed = "distances"
    _truncates_with_data = True

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS | {"precomputed"}), callable],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        metric="euclidean",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.metric = metric
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    def _device_work(self, X, groups):
        return metric_on_host(self.metric) or product_work(X, groups)

    def _pick(self, X, group):
        distances = BlockDistances(pairs(X, self.metric, rows=group.rows, in_float64=True))
        if group.given is None:
            picks, nearest = self._draw(distances, group)
        else:
            picks, nearest = group.given, nearest_of_picks(distances, group.given)
        nearest[picks] = np.arange(len(picks))
        return Picks(picks, np.bincount(nearest, weights=group.sample_weight))


@fill_docstring
class BADGE(_D2Sampler, BaseModelCoreset):
    r"""Draw samples whose gradients are long and differ from each other.

    The gradient of a sample is that of the cross-entropy with respect to the parameters of the last
    layer, as if the predicted class were the label. It is the outer product

    .. math:: g_i = a_i \otimes [1, h_i], \qquad a_i = p_i - e_{\hat y_i} ,

    where :math:`p_i` are the predicted probabilities, :math:`e_{\hat y_i}` is the indicator of the
    most probable class, and :math:`h_i` are the inputs of the last layer. The 1 belongs to the
    intercept; it is left out if the classifier has none. The gradient is long if the classifier is
    uncertain. The first sample is the one with the longest gradient. With :math:`S` the set of the
    samples that are selected so far, the next one is drawn with a probability in proportion to
    :math:`w_i \min_{j \in S} \| g_i - g_j \|^2`, where :math:`w_i` is its `sample_weight` [1]_. The
    samples are selected per class by default, if `y` is given.

    Parameters
    ----------
    {estimator}

    {coreset_size}

    {init_samples}
        With labeled samples as `init`, the next samples are drawn with the distances to their
        gradients too; the longest gradient is not selected first then.

    {exclude}
        The paper excludes the labeled samples.

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the draws, and of each parameter ``random_state`` of an unfitted `estimator` that is
        None. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    {estimator_gradients}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Margin : Selects the most uncertain samples, which may be similar to each other.
    D2Sampling : The same draws for the features instead of the gradients.
    CRAIG : Represents the gradients of all samples, for given labels.

    Notes
    -----
    The labels `y` are not used for the gradients. They are required only to fit an unfitted
    `estimator`; with a fitted one, `y` may be None, and is otherwise used to divide the budget.

    Without ``predict_proba``, the loss is the logistic loss of each decision value, as in
    :class:`CRAIG`. The inputs of the last layer are those of :class:`CRAIG` as well: the last
    hidden layer of an ``MLPClassifier``, the kernel values of an ``SVC``, and the features that are
    passed to any other classifier.

    No sample is selected twice. When all remaining gradients are equal to those of selected
    samples, up to rounding, the samples with the lowest indices are selected until the budget is
    reached. Gradients whose lengths are equal up to rounding are ties, and the lowest index is
    first.

    The Badge of scikit-activeml 1.0 limits the squared distance of each gradient by its squared
    length, as if a gradient of 0 were selected. The paper does not, and neither does this class;
    labeled samples as `init` have a similar effect, because their gradients are short.

    The outer products are never computed, because
    :math:`g_i \cdot g_j = (a_i \cdot a_j)(1 + h_i \cdot h_j)`. Time to select k of n samples, with
    d inputs of the last layer and C classes: one prediction for each sample, and n k (d + C)
    multiplications in matrix products, in float64. Memory: O(n (C + d)).

    {constant_times_sample_weight}

    References
    ----------
    .. [1] Ash, J. T., Zhang, C., Krishnamurthy, A., Langford, J., Agarwal, A. "Deep batch active
       learning by diverse, uncertain gradient lower bounds." ICLR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import BADGE
    >>> X, y = load_iris(return_X_y=True)
    >>> labeled = [0, 1, 60, 61, 120, 121]
    >>> classifier = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled])
    >>> sampler = BADGE(classifier, coreset_size=4, exclude=labeled, random_state=0).fit(X)
    >>> sampler.sample_indices_.shape
    (4,)
    """

    _purposes = ("labeling",)

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "init": ["array-like", None],
        "exclude": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        init=None,
        exclude=None,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.init = init
        self.exclude = exclude
        self.stratify = stratify
        self.random_state = random_state

    def _check_params(self, table):
        super()._check_params(table)
        if self.init is not None and table.excluded is not None:
            both = np.flatnonzero(table.excluded[np.asarray(to_numpy(self.init))])
            if len(both):
                row = int(np.asarray(to_numpy(self.init))[both[0]])
                raise ValueError(
                    f"Sample {row} is in init and in exclude. Samples of init are selected first, "
                    "and those of exclude are never selected: give each sample in one of them."
                )

    def _represent(self, table, groups):
        self._fit_estimator(table)
        return _models.gradient_factors(self.estimator_, table.X, None)

    def _device_work(self, factors, groups):
        def width():
            return sum(factor.shape[1] for factor in factors[:2] if factor is not None)

        return sum(group.n_samples * group.size * width() for group in groups)

    def _pick(self, factors, group):
        a, h, bias = factors
        gradients = OuterProducts(a, h, bias, rows=group.rows, in_float64=True)
        squares = to_numpy(gradients.sq)
        longest = int((squares >= squares.max() * (1 - 2 * TIE)).argmax())
        # Two predictions of the same sample in different blocks differ in their last digits.
        rounding = 2.0**-46 if "float64" in str(a.dtype) else 2.0**-17
        distances = BlockDistances(gradients, negligible=rounding * squares**0.5)
        return self._draw(distances, group, [longest])[0]
