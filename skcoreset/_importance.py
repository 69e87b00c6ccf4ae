"""Importance sampling: draws with unequal probabilities, and weights that correct for them."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import check_device
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.compact import elementwise, some_of
from skcoreset._kernels.sampling import (
    PrefixProbabilities,
    Sizes,
    draw_with_replacement,
    ranking,
)
from skcoreset._sensitivities import SENSITIVITIES, as_sensitivity, check_sensitivity
from skcoreset.base import BaseCoreset, BaseModelCoreset, Picks

__all__ = ["ImportanceSampling"]


@dataclass(frozen=True)
class _PrefixWeight:
    """Weights of the first m selected samples of a group."""

    sample_weight: np.ndarray
    probabilities: PrefixProbabilities

    def __call__(self, m):
        return self.sample_weight[:m] / self.probabilities(m)


@fill_docstring
class ImportanceSampling(BaseModelCoreset):
    r"""Select random samples in proportion to their sensitivity, weighted by inverse probability.

    The :term:`sensitivity` of a sample [1]_ [2]_ is an upper bound of its fraction of a sum over
    all samples, such as a loss, for all parameters of the model. With :math:`s_i` the sensitivity
    of sample i, k samples are drawn without replacement such that sample i has the
    :term:`inclusion probability`

    .. math:: \pi_i = \min(1, c \, s_i), \qquad \sum_i \pi_i = k,

    and its weight is :math:`1 / \pi_i`. Then :math:`\sum_{i \in S} f(x_i) / \pi_i` is an unbiased
    estimate of :math:`\sum_i f(x_i)` for every function f. The estimate is exact if f is
    proportional to the sensitivity, and its variance is smaller than with :class:`Uniform` if the
    sensitivity is large where f is large.

    The method is suited to sums that are dominated by few samples (distant clusters, heavy tails),
    and to coresets for models whose parameters are not known yet. If all sensitivities are similar,
    the selection is nearly that of :class:`Uniform`.

    Parameters
    ----------
    {coreset_size}
        With ``replace=True``, the budget is the number of draws.

    sensitivity : str, array-like of shape (n_samples,) or callable, default="lightweight"
        The sensitivity of a sample x, with n the number of samples and d the Euclidean distance:

        - "lightweight" (k-means) [3]_: :math:`\frac{1}{2n} + \frac{d(x, \mu)^2}
          {2 \sum_j d(x_j, \mu)^2}`, with :math:`\mu` the mean of all samples;
        - "kmeans" [4]_: :math:`\frac{\alpha d(x, B)^2}{c} + \frac{2 \alpha}{|B_x| c}
          \sum_{j \in B_x} d(x_j, B)^2 + \frac{4n}{|B_x|}`, where B contains `n_clusters` samples
          drawn by :math:`D^2` sampling, :math:`B_x` is the set of samples that have the same
          nearest member of B as x, c is the mean of :math:`d(x, B)^2`, and :math:`\alpha = 16
          (\log_2 k + 2)` with k equal to `n_clusters`;
        - "leverage" (least squares): :math:`\ell_i = (Q Q^T)_{ii}`, with Q an orthonormal basis of
          the column space of `X`;
        - "logistic" (logistic regression) [5]_: :math:`\sqrt{\ell_i} + 1/n`; for a sample of weight
          w, with W the sum of all weights, :math:`\sqrt{\ell_i / w} + 1/W`;
        - "loss": the log-loss of the sample for the predictions of the classifier, with
          probabilities clipped at :math:`2^{-52}`; for a regressor, the squared error;
        - "gradient": the norm of the gradient of the loss of the sample with respect to the
          parameters of the last layer of the classifier or regressor, as described in the Notes of
          :class:`CRAIG`;
        - an array of shape (n_samples,), or a callable with the signature ``callable(X, y)`` that
          returns such an array.

    n_clusters : int, default=8
        Number of clusters. Only for "kmeans".

    {estimator_or_regressor}
        Only for "loss" and "gradient".

    replace : bool, default=False
        Whether to draw with replacement. If False, exactly k distinct samples are selected; all
        samples with :math:`c \, s_i \ge 1` are among them. If True, k independent draws are made,
        as in the papers: each draw selects sample i with probability :math:`q_i = s_i / \sum_j s_j`
        and has the weight :math:`1 / (k q_i)`. A sample that is drawn several times is one selected
        sample, whose weight is the sum of the weights of these draws, so that at most k samples are
        selected.

    normalize : bool, default=True
        Whether the weights are scaled such that they sum to n_samples (unless `stratify` is None,
        such that the weights of each class sum to its number of samples). If False, the weights are
        not scaled: weighted sums are unbiased, but the weights sum to n_samples in expectation
        only.

    {stratify}
        The sensitivities are computed on all samples together, for any `stratify`. The guarantees
        of the papers hold for None only.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw, of "kmeans", and of each parameter ``random_state`` of an unfitted
        `estimator` that is None. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_prefix}
        With ``replace=False``, the first m selected samples of a class are distributed as with a
        budget of m samples of this class.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of each selected sample: its `sample_weight` divided by its inclusion probability;
        with ``replace=True``, its `sample_weight` multiplied by the number of its draws and divided
        by the expected number of its draws. If `normalize` is True, the weights are scaled to sum
        to n_samples, or to the total `sample_weight`.

    sensitivity_ : ndarray of shape (n_samples,)
        Sensitivity of each sample. With `sample_weight`, it is the sensitivity of one of the copies
        of the sample (see Notes), and 0 for samples of weight 0.

    inclusion_probability_ : ndarray of shape (n_coreset,)
        Inclusion probability of each selected sample, that is, the probability that it is selected.

    multiplicity_ : ndarray of int of shape (n_coreset,)
        Number of draws of each selected sample; 1 without replacement.

    estimator_ : classifier
        The fitted classifier. Defined only for "loss" and "gradient".

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}
        The draw, "kmeans", "loss" and "gradient" are computed on the CPU.

    See Also
    --------
    Uniform : Select random samples with equal probabilities.
    GradMatch : Select samples and fit weights so that the weighted gradients match the total
        gradient.

    Notes
    -----
    A sample of `sample_weight` w is treated as w copies of it: its sensitivity is that of one copy,
    computed on the data with all copies, and its inclusion probability is proportional to w times
    this sensitivity. An array of sensitivities must contain those of one copy, too. The square root
    in "logistic" is not additive over copies; the formula for a sample of weight w is the bound of
    the paper. Multiplying `sample_weight` by a constant does not change the selected samples,
    unless a classifier is fitted with the weights.

    A sample of sensitivity 0 is never selected, and the sums are then estimated without it. If
    fewer samples have a positive sensitivity than are to be selected, an error is raised. "loss"
    and "gradient" are close to 0 for samples whose class label is predicted with a probability
    close to 1; such a sample has a very large weight if it is drawn. To bound the weights (before
    they are scaled) by 2n/k, add a constant, as in "lightweight": pass the array
    ``s / s.sum() + 1 / n``.

    The samples are drawn by the elimination procedure of Tillé [6]_, which has exactly these
    inclusion probabilities for all sample sizes at once. For the draw, sensitivities are rounded to
    32 binary digits, so that sensitivities that differ by rounding errors only are equal.
    Sensitivities and weights may differ by hundreds of orders of magnitude.

    Distances are computed from differences in float64 for every dtype of `X`, so that neither
    features with a large mean nor outliers reduce the precision of the other distances. The
    relative error of the leverages is proportional to the condition number of `X` after each
    feature is scaled to a maximum absolute value of 1. For float32 `X`, a linear combination of
    features that is within the rounding errors of the features for all samples is treated as zero,
    so that the rank of `X` can be smaller than that of the same data in float64.

    "lightweight" and "kmeans" depend on the scales of the features: standardize features that have
    different units. "leverage" and "logistic" do not depend on these scales. They include an
    intercept only if `X` has a constant feature.

    Time for n samples and d features: O(n d) for "lightweight", O(n d `n_clusters`) for "kmeans",
    O(n d^2) for "leverage" and "logistic", and for "loss" and "gradient" that of fitting the
    classifier and of predicting all samples. The draw takes O(n log n), with a Python loop of up to
    n steps: less than a second for a million samples. Memory: about 60 bytes per sample, and
    d^2 numbers for "leverage" and "logistic"; sparse `X` is converted to dense arrays in blocks
    only. The gradients are not stored as a matrix.

    References
    ----------
    .. [1] Langberg, M., Schulman, L. J. "Universal epsilon-approximators for integrals." SODA
       2010.
    .. [2] Feldman, D., Langberg, M. "A unified framework for approximating and clustering data."
       STOC 2011.
    .. [3] Bachem, O., Lucic, M., Krause, A. "Scalable k-means clustering via lightweight
       coresets." KDD 2018.
    .. [4] Bachem, O., Lucic, M., Krause, A. "Practical coreset constructions for machine
       learning." arXiv:1703.06476 (2017).
    .. [5] Munteanu, A., Schwiegelshohn, C., Sohler, C., Woodruff, D. P. "On coresets for logistic
       regression." NeurIPS 2018.
    .. [6] Tillé, Y. "An elimination procedure for unequal probability sampling without
       replacement." Biometrika 83 (1996).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import ImportanceSampling
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = ImportanceSampling(coreset_size=15, random_state=0).fit(X, y)
    >>> sampler.sampling_strategy_
    {0: 5, 1: 5, 2: 5}
    >>> sampler.sample_weight_.sum().round(6)
    np.float64(150.0)
    >>> sampler.sensitivity_.sum().round(6)
    np.float64(1.0)
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "sensitivity": [StrOptions(set(SENSITIVITIES)), callable, "array-like"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "replace": ["boolean"],
        "normalize": ["boolean"],
        "random_state": ["random_state"],
    }

    _needs_labels = True
    _takes_regressors = True

    @property
    def _not_nested(self):
        return "replace=True draws samples several times" if self.replace else None

    def __init__(
        self,
        coreset_size=0.1,
        *,
        sensitivity="lightweight",
        n_clusters=8,
        estimator=None,
        replace=False,
        normalize=True,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.sensitivity = sensitivity
        self.n_clusters = n_clusters
        self.estimator = estimator
        self.replace = replace
        self.normalize = normalize
        self.stratify = stratify
        self.random_state = random_state

    # What the sensitivity needs --------------------------------------------------------------

    @property
    def _sensitivity(self):
        return as_sensitivity(self.sensitivity)

    @property
    def _needs(self):
        return self._sensitivity.response

    @property
    def _needs_numbers(self):
        return self._sensitivity.needs_numbers

    def _uses_classes(self):
        return self._sensitivity.needs_classifier and super()._uses_classes()

    def _is_regression(self):
        return self._sensitivity.needs_classifier and super()._is_regression()

    def _non_numeric_hint(self):
        if self._sensitivity.needs_classifier:
            return super()._non_numeric_hint()
        names = [name for name, one in SENSITIVITIES.items() if one.needs_classifier]
        use = " and ".join(f"sensitivity={name!r}" for name in names)
        return f"{use} use a classifier, which can be a Pipeline."

    def _check_params(self, table):
        if self._sensitivity.needs_classifier:
            super()._check_params(table)
        if self._sensitivity.uses_device:
            check_device(table.X, self._sensitivity.cpu_only)
        self._sensitivity.check(table, self)

    def __sklearn_tags__(self):
        if self._sensitivity.needs_classifier:
            return super().__sklearn_tags__()
        return BaseCoreset.__sklearn_tags__(self)  # the tags of `estimator` do not matter

    # The sensitivities and the draw ----------------------------------------------------------

    def _represent(self, table, groups):
        if not groups:
            return self._sensitivity.of_part(table, self)
        values = check_sensitivity(self._sensitivity.of_table(table, self), table.sample_weight)
        self.sensitivity_ = np.where(table.sample_weight > 0, values, 0.0)
        return self.sensitivity_

    def _represent_partitions(self, table, groups):
        values = self._sensitivity.of_partitions(table, self)
        values = check_sensitivity(values, table.sample_weight)
        self.sensitivity_ = np.where(table.sample_weight > 0, values, 0.0)
        return self.sensitivity_

    def _pick(self, sensitivity, group):
        sizes, drawable = self._sizes(group.rows_of(sensitivity), group)
        size, prefix, changing = group.size, None, {}
        if self.replace:
            picks, counts = draw_with_replacement(sizes, size, group.random_state)
            relative = sizes.relative
            q = relative[picks] / relative.sum()
            expected = size * q
            inclusion = 1 - (1 - q) ** size
        else:
            picks = ranking(sizes, group.random_state, size)
            counts = np.ones(size, dtype=np.intp)
            probabilities = PrefixProbabilities(sizes, picks)
            expected = inclusion = probabilities(size)
            changing = {"inclusion_probability_": probabilities}
        picks = picks if drawable is None else drawable[picks]
        weight = group.sample_weight[picks]
        if not self.replace:
            prefix = _PrefixWeight(weight, probabilities)
        return Picks(
            picks,
            weight=weight * counts / expected,
            per_pick={"inclusion_probability_": inclusion, "multiplicity_": counts},
            scale="group" if self.normalize else None,
            prefix=prefix,
            per_pick_of_prefix=changing,
        )

    def _sizes(self, sensitivity, group):
        """`Sizes` of the samples of a group, and the positions of those that can be drawn.

        The positions are None if all samples can be drawn.
        """
        n_drawable, drawable = np.count_nonzero(sensitivity), None
        self._check_drawable(n_drawable, sensitivity, group)
        if n_drawable < group.n_samples:
            drawable = np.flatnonzero(sensitivity)
        # The sensitivity is that of a sample of weight 1: the product does not depend on the unit.
        weight = some_of(group.sample_weight, drawable)
        own = elementwise(lambda values: group.mean_weight * values, weight)
        return Sizes(some_of(sensitivity, drawable), own), drawable

    def _check_drawable(self, n_drawable, sensitivity, group):
        least = 1 if self.replace else group.size
        if n_drawable >= least:
            return
        of, at = group.of_the_class, int(np.argmin(sensitivity))
        at = at if group.rows is None else int(group.rows[at])
        raise ValueError(
            f"{least} samples{of} are to be drawn, but only {n_drawable} samples{of} have a "
            f"positive sensitivity; the sensitivity of sample {at} is 0. Select at most "
            f"{n_drawable} samples{of}, or pass positive sensitivities as an array or a callable, "
            "such as these sensitivities plus a positive constant."
        )
