"""Training dynamics: samples selected by the confidence of a classifier during its training."""

from sklearn.utils._param_validation import StrOptions

from skcoreset._docstrings import fill_docstring
from skcoreset._dynamics import Dynamic, of_all_rows, of_present_rows

__all__ = ["AreaUnderMargin", "DataMap"]


@fill_docstring
class AreaUnderMargin(Dynamic):
    r"""Select the samples with the largest mean margin during the training of a classifier.

    .. math:: s(x) = \frac{1}{T} \sum_t \big( z_y(x) - \max_{c \ne y} z_c(x) \big)

    The score is the mean, over the T records of the training, of the margin between the class label
    y of the sample and the largest other class [1]_. Here z are the logits or the values of the
    decision function. For classifiers that have only probabilities, and for boosting, z are the
    logarithms of the probabilities; for a softmax, the margins are the same.

    For a mislabeled sample, the updates on similar samples that are labeled correctly increase the
    logit of its true class, so that its margin is small. ``keep="high"`` excludes such samples.

    Parameters
    ----------
    {estimator_watched}

    {coreset_size}

    keep : {"high", "low"}, default="high"
        "high" selects the samples with the largest mean margins, which are easy and mostly labeled
        correctly. "low" selects those with the smallest mean margins, for example to check their
        labels.

    {dynamics}

    {n_epochs}

    {n_repeats}

    {batch_size}

    {exclude}

    {stratify}

    {random_state_training}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        The mean margin, or its negative if ``keep="low"``. It is NaN for samples of weight 0.

    {dynamics_}

    {estimator_trained}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    DataMap : Select samples by the mean and the standard deviation of the predicted probability of
        the class label.

    Notes
    -----
    The samples with the largest mean margins are similar to each other, and a small coreset of them
    contains no samples near the decision boundary. The method is suited to excluding a few samples,
    not to selecting a few.

    {cost_training}

    References
    ----------
    .. [1] Pleiss, G., Zhang, T., Elenberg, E., Weinberger, K. Q. "Identifying mislabeled data using
       the area under the margin ranking." NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import AreaUnderMargin
    >>> X, y = load_digits(return_X_y=True)
    >>> y[:100] = (y[:100] + 1) % 10  # 100 labels are wrong
    >>> sampler = AreaUnderMargin(coreset_size=0.8, random_state=0).fit(X / 16, y)
    >>> int(np.sum(sampler.sample_indices_ < 100))  # number of these that are selected
    0
    """

    _parameter_constraints = {
        **Dynamic._parameter_constraints,
        "keep": [StrOptions({"high", "low"})],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        keep="high",
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        exclude=None,
        stratify="proportional",
        random_state=None,
    ):
        super().__init__(
            estimator,
            coreset_size,
            dynamics=dynamics,
            n_epochs=n_epochs,
            n_repeats=n_repeats,
            batch_size=batch_size,
            exclude=exclude,
            stratify=stratify,
            random_state=random_state,
        )
        self.keep = keep

    @property
    def _harder(self):
        return -1 if self.keep == "high" else 1

    def _score(self, dynamics):
        return -self._harder * dynamics.margin_


@fill_docstring
class DataMap(Dynamic):
    """Select the ambiguous, the easy or the hard samples of the data map.

    The axes of the data map [1]_ are the mean and the standard deviation, over the records of a
    training, of the predicted probability of the class label of a sample. They are called the
    confidence and the variability of the sample.

    Parameters
    ----------
    {estimator_watched}

    {coreset_size}

    region : {"ambiguous", "easy", "hard"}, default="ambiguous"
        "ambiguous" selects the samples with the largest variability, "easy" those with the largest
        confidence, and "hard" those with the smallest confidence. Many of the hard samples are
        mislabeled.

    {dynamics}

    {n_epochs}

    {n_repeats}

    {batch_size}

    {exclude}

    {stratify}

    {random_state_training}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        The variability, the confidence, or minus the confidence, for the `region` "ambiguous",
        "easy", or "hard". It is NaN for samples of weight 0.

    confidence_, variability_, correctness_ : ndarray of shape (n_samples,)
        Mean and standard deviation of the predicted probability of the class label, and fraction of
        the records at which the sample is classified correctly. They are NaN for samples of
        weight 0.

    {dynamics_}

    {estimator_trained}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    AreaUnderMargin : Select the samples with the largest mean margin, which needs no probabilities.

    Notes
    -----
    {cost_training}

    References
    ----------
    .. [1] Swayamdipta, S., et al. "Dataset cartography: mapping and diagnosing datasets with
       training dynamics." EMNLP 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import DataMap
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = DataMap(coreset_size=0.3, random_state=0).fit(X / 16, y)
    >>> ambiguous = sampler.get_support()
    >>> bool(sampler.variability_[ambiguous].mean() > sampler.variability_[~ambiguous].mean())
    True
    """

    _parameter_constraints = {
        **Dynamic._parameter_constraints,
        "region": [StrOptions({"ambiguous", "easy", "hard"})],
    }
    _needs = "proba"

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        region="ambiguous",
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        exclude=None,
        stratify="proportional",
        random_state=None,
    ):
        super().__init__(
            estimator,
            coreset_size,
            dynamics=dynamics,
            n_epochs=n_epochs,
            n_repeats=n_repeats,
            batch_size=batch_size,
            exclude=exclude,
            stratify=stratify,
            random_state=random_state,
        )
        self.region = region

    @property
    def _harder(self):
        return -1 if self.region == "easy" else 1

    def _scores(self, table):
        scores = super()._scores(table)
        record = of_present_rows(self.dynamics_, table)
        for name in ("confidence_", "variability_", "correctness_"):
            setattr(self, name, of_all_rows(getattr(record, name), table))
        return scores

    def _score(self, dynamics):
        if self.region == "ambiguous":
            return dynamics.variability_
        return -self._harder * dynamics.confidence_
