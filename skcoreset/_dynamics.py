"""Training dynamics: rows that are hard to learn, and what all methods of the family share."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skcoreset import _models
from skcoreset._training_dynamics import TrainingDynamics
from skcoreset._validation import check_numbers
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset, rows_with_weight

__all__ = ["EL2N", "Dynamic", "Forgetting", "GraNd", "of_all_rows", "of_present_rows"]

_ONE_TABLE = (
    "A record belongs to the rows it was made of, and cross-validation selects from a part of "
    "them. There give `estimator` and dynamics=None, so that it is trained on each part."
)


class Dynamic(BaseScoreCoreset, BaseModelCoreset):
    """What the methods share: the record of a training. Adds ``_score(dynamics)``."""

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "dynamics": [TrainingDynamics, None],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _harder = 1  # whether a larger score is a harder row (1) or an easier one (-1)
    _stages = "spaced"  # of a booster or forest; "first": its early training

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.dynamics = dynamics
        self.n_epochs = n_epochs
        self.n_repeats = n_repeats
        self.batch_size = batch_size
        self.stratify = stratify
        self.random_state = random_state

    def _classifier(self):
        if self.estimator is None:
            return _models.default_classifier_to_watch()
        return self.estimator

    def _check_numbers(self, X):
        if self.estimator is None and self.dynamics is None:
            # PolynomialFeatures, the first step of the default, takes dates as numbers. NaN and
            # infinity are found by the classifier.
            check_numbers(self, X, finite=False)

    def _check_params(self, table):
        if self.dynamics is None:
            _models.training_route(self._classifier())
            super()._check_params(table)
            return
        record = of_present_rows(self.dynamics, table)
        if table.classes is None:
            return
        position = {label: c for c, label in enumerate(record.classes_.tolist())}
        codes = np.array([position.get(label, -1) for label in table.classes.tolist()])
        rows = np.flatnonzero(table.sample_weight > 0)
        differs = codes[table.codes[rows]] != record._codes
        if differs.any():
            at = int(differs.argmax())
            label = table.classes[table.codes].tolist()[rows[at]]
            recorded = record.classes_[record._codes].tolist()[at]
            raise ValueError(
                f"y is not the y of the dynamics: row {rows[at]} has the label {label!r}, and in "
                f"the record {recorded!r}. It is of another table, or of another order of the "
                f"rows. {_ONE_TABLE}"
            )

    def _is_random(self):
        return self.dynamics is None

    def _scores(self, table):
        self.dynamics_ = self._watched(table) if self.dynamics is None else self.dynamics
        return of_all_rows(self._score(of_present_rows(self.dynamics_, table)), table)

    def _watched(self, table):
        X, y, weight = rows_with_weight(table)
        dynamics = TrainingDynamics.from_estimator(
            self._classifier(),
            X,
            y,
            n_epochs=self.n_epochs,
            n_repeats=self.n_repeats,
            batch_size=self.batch_size,
            stages=self._stages,
            sample_weight=weight,
            random_state=self.random_state,
            progress=table.progress,
        )
        self.estimator_ = dynamics.estimator_
        return dynamics


def of_present_rows(dynamics, table):
    """The record of the rows of positive weight: it may be of them alone, or of all rows."""
    counts, recorded = table.sample_weight > 0, len(dynamics)
    if recorded == counts.sum():
        return dynamics
    if recorded == len(counts):
        return dynamics._rows(counts)
    some = "" if counts.all() else f", of which {counts.sum()} have a positive weight"
    raise ValueError(f"dynamics has {recorded} rows, X has {len(counts)}{some}. {_ONE_TABLE}")


def of_all_rows(values, table):
    """`values` of the rows of positive weight, and NaN for the others."""
    every = np.full(len(table.sample_weight), np.nan)
    every[table.sample_weight > 0] = values
    return every


class Forgetting(Dynamic):
    r"""Rows that are learned and forgotten most often while a classifier is trained.

    The score of a row is the number of its forgetting events: of the times when it was right and,
    the next time it was presented, wrong; right means that the classifier predicted its label. A
    row that was never right comes first, and counts as many events as any other.

    Most rows of most tables are never forgotten, so ties are the rule. They are broken by the
    epoch at which a row was first right (later comes first), then by its mean margin (smaller
    comes first).

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

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Number of events (for a run in which the row was never right, the number of its records;
        for a row that never was, the largest number of all rows), plus a fraction below 1 that
        breaks ties. NaN for rows of weight 0.

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
    TrainingDynamics : The record, from any training.
    AreaUnderMargin : Finds mislabelled rows, and leaves them out.
    CoverageCentric : Keeps some rows of every difficulty.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled ones: at small sizes it is worse than random
    rows, and on noisy labels at any size.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n), and a copy
    of the table where a Pipeline transforms it, as the default does.

    References
    ----------
    .. [1] Toneva, M., et al. "An empirical study of example forgetting during deep neural network
       learning." ICLR 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import Forgetting
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = Forgetting(coreset_size=0.1, random_state=0).fit(X / 16, y)
    >>> len(sampler.sample_indices_)
    180
    """

    def _score(self, dynamics):
        never, events = dynamics.never_learned_, dynamics.n_forgotten_
        events = np.where(never, events.max(), events)  # also where others have more records
        keys = np.column_stack([never, events, dynamics.first_learned_, -dynamics.margin_])
        _, rank = np.unique(keys, axis=0, return_inverse=True)
        return events + rank.ravel() / (len(events) + 1)


class EL2N(Dynamic):
    r"""Rows whose predicted probabilities are far from their label early in training.

    .. math:: s(x) = \mathrm{E} \, \| p(x) - y \|_2

    y one-hot, at the end of `n_epochs` epochs, the mean over `n_repeats` trainings: from 0 to
    :math:`\sqrt 2`. The epochs of a booster or forest are its stages: it is asked after the first
    `n_epochs` of them.

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
        Passes over the rows; of a booster or forest the first stages, early in its training.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of every ``random_state`` in the classifier that is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The norm; larger is kept first. NaN for rows of weight 0.

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
    GraNd : Counts what the last layer sees, too.
    CoverageCentric : Keeps some rows of every difficulty.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled ones. With a few percent of the rows the
    result is far below random rows; it needs a fifth of them or more to be as good.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n), and a copy
    of the table where a Pipeline transforms it, as the default does.

    References
    ----------
    .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding important
       examples early in training." NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import EL2N
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = EL2N(coreset_size=0.5, n_repeats=3, random_state=0).fit(X / 16, y)
    >>> bool(sampler.scores_.max() <= 2**0.5)
    True
    """

    _needs, _stages = "proba", "first"

    def _score(self, dynamics):
        return dynamics.error_norm_


class GraNd(Dynamic):
    r"""Rows whose loss has a large gradient early in training.

    .. math:: s(x) = \mathrm{E} \, \| \nabla \ell(x) \|_2 = \mathrm{E} \, \| p(x) - y \|_2 \,
        \| [1, h(x)] \|_2

    The gradient is that of the log-loss in the last layer, h what this layer sees: the columns
    for a linear model, the last hidden layer for an ``MLPClassifier``. For a linear softmax this is
    the whole gradient. At the end of `n_epochs` epochs, the mean over `n_repeats` trainings.

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
        Passes over the rows; of a booster or forest the first stages, early in its training.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of every ``random_state`` in the classifier that is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The norm; larger is kept first. NaN for rows of weight 0.

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
    EL2N : Without the features; cheaper to record.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled and the far ones: scale the columns. For a
    booster, a forest or naive Bayes, which have no last layer, it is `EL2N`.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n), and a copy
    of the table where a Pipeline transforms it, as the default does.

    References
    ----------
    .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding important
       examples early in training." NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import GraNd
    >>> X, y = load_digits(return_X_y=True)
    >>> len(GraNd(coreset_size=50, random_state=0).fit(X / 16, y).sample_indices_)
    50
    """

    _needs, _stages = "proba", "first"

    def _score(self, dynamics):
        return dynamics.gradient_norm_
