"""Training dynamics: rows placed by how sure a classifier is of their labels while it learns."""

from sklearn.utils._param_validation import StrOptions

from skcoreset._dynamics import Dynamic, of_all_rows, of_present_rows

__all__ = ["AreaUnderMargin", "DataMap"]


class AreaUnderMargin(Dynamic):
    r"""Rows that the classifier gets clearly right all through its training.

    .. math:: s(x) = \frac{1}{T} \sum_t \big( z_y(x) - \max_{c \ne y} z_c(x) \big)

    z are logits or decision values; where there are probabilities only, and for boosters, their
    logarithms, which for a softmax is the same. A mislabelled row is drawn to its true class by all
    rows like it, so its area is small: ``keep="high"`` leaves such rows out.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss", fit_intercept=False)`` after
        ``PolynomialFeatures(degree=1)``, a column of ones that stands for the intercept: so dense
        and sparse rows give the same. Scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`. Rows of
        weight 0 need no record; it may also be of the other rows alone.

    n_epochs : int, default=10
        Passes over the rows; or stages of a booster or forest that are looked at, evenly spaced.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of every ``random_state`` in the classifier that is None.

    keep : {"high", "low"}, default="high"
        "high" keeps the rows of largest area, the easy and clean ones; "low" those of smallest, to
        look at them.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The area, or minus the area for "low". NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training, of the rows of positive weight; give it to other methods as
        `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

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
    DataMap : The same aim, by probabilities.

    Notes
    -----
    The rows of largest area are all alike: as a small coreset they miss the boundary. It is meant
    to leave out some, not to keep a few.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n), and a copy
    of the table where a Pipeline transforms it, as the default does.

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
    >>> int(np.sum(sampler.sample_indices_ < 100))  # of them are kept
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
            stratify=stratify,
            random_state=random_state,
        )
        self.keep = keep

    @property
    def _harder(self):
        return -1 if self.keep == "high" else 1

    def _score(self, dynamics):
        return -self._harder * dynamics.margin_


class DataMap(Dynamic):
    r"""Rows from a region of the data map: ambiguous, easy or hard ones.

    The map has the mean of the probability of the label over the training as one axis
    (confidence), and its standard deviation as the other (variability).

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss", fit_intercept=False)`` after
        ``PolynomialFeatures(degree=1)``, a column of ones that stands for the intercept: so dense
        and sparse rows give the same. Scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`. Rows of
        weight 0 need no record; it may also be of the other rows alone.

    n_epochs : int, default=10
        Passes over the rows; or stages of a booster or forest that are looked at, evenly spaced.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of every ``random_state`` in the classifier that is None.

    region : {"ambiguous", "easy", "hard"}, default="ambiguous"
        Rows of largest variability; of largest confidence; of smallest confidence, where many are
        mislabelled.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Variability, confidence or minus the confidence. NaN for rows of weight 0.

    confidence_, variability_, correctness_ : ndarray of shape (n_samples,)
        Mean and standard deviation of the probability of the label, and the fraction of times when
        the row was right. NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training, of the rows of positive weight; give it to other methods as
        `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

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
    AreaUnderMargin : By margins; needs no probabilities.

    Notes
    -----
    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n), and a copy
    of the table where a Pipeline transforms it, as the default does.

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
