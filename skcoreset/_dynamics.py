"""Training dynamics: samples that are hard to learn, and the base class of the family."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skcoreset import _models
from skcoreset._docstrings import fill_docstring
from skcoreset._model_based import rows_with_weight
from skcoreset._training_dynamics import TrainingDynamics
from skcoreset._validation import check_numbers
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["EL2N", "Dynamic", "Forgetting", "GraNd", "of_all_rows", "of_present_rows"]

_ONE_TABLE = (
    "A record is valid only for the samples of its training, but cross-validation uses a part of "
    "them. In cross-validation, use dynamics=None, so that `estimator` is trained on each part."
)


class Dynamic(BaseScoreCoreset, BaseModelCoreset):
    """Base class of the methods of training dynamics. Subclasses define ``_score(dynamics)``."""

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "dynamics": [TrainingDynamics, None],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "exclude": ["array-like", None],
        "random_state": ["random_state"],
    }

    _purposes = ("cleaning",)
    _harder = 1  # whether a larger score is a harder sample (1) or an easier one (-1)
    _stages = "spaced"  # of boosting and forests; "first": early in training

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        exclude=None,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.dynamics = dynamics
        self.n_epochs = n_epochs
        self.n_repeats = n_repeats
        self.batch_size = batch_size
        self.exclude = exclude
        self.stratify = stratify
        self.random_state = random_state

    def _classifier(self):
        if self.estimator is None:
            return _models.default_classifier_to_record()
        return self.estimator

    def _check_numbers(self, X):
        if self.estimator is None and self.dynamics is None:
            # PolynomialFeatures, the first step of the default, takes dates as numbers. NaN and
            # infinity are found by the classifier.
            check_numbers(self, X, finite=False)

    def _check_params(self, table):
        if self.dynamics is None:
            _models.recording_method(self._classifier())
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
                f"y differs from the class labels of the dynamics: sample {rows[at]} has the label "
                f"{label!r} in y and {recorded!r} in the dynamics, which are those of other "
                f"samples, or of another order of the samples. {_ONE_TABLE}"
            )

    def _is_random(self):
        return self.dynamics is None

    def _takes_partitions(self):
        return self.dynamics is not None

    def _represent_partitions(self, table, groups):
        if self.dynamics is None:
            raise TypeError(
                f"{type(self).__name__} trains a classifier on all samples in memory. For Dask "
                "collections, record the training in a TrainingDynamics, and give it as dynamics."
            )
        return self._represent(table, groups)

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
    """The record of the samples of positive weight, from a record of these or of all samples."""
    counts, recorded = table.sample_weight > 0, len(dynamics)
    if recorded == counts.sum():
        return dynamics
    if recorded == len(counts):
        return dynamics._rows(counts)
    some = "" if counts.all() else f", of which {counts.sum()} have a positive weight"
    raise ValueError(f"dynamics has {recorded} samples, X has {len(counts)}{some}. {_ONE_TABLE}")


def of_all_rows(values, table):
    """`values` of the samples of positive weight, and NaN for the others."""
    every = np.full(len(table.sample_weight), np.nan)
    every[table.sample_weight > 0] = values
    return every


@fill_docstring
class Forgetting(Dynamic):
    """Select the samples that are forgotten most often during the training of a classifier.

    The score of a sample is its number of forgetting events [1]_. A forgetting event occurs when
    the classifier predicts the class label of the sample correctly at one record of the training
    and incorrectly at the next. By default, a sample is recorded each time that it is presented to
    the classifier, that is, once per epoch. Samples that are never classified correctly are
    selected first.

    On most data sets, most samples have no forgetting event. Among samples with the same number of
    events, those whose first correct prediction occurs in a later epoch are selected first, and
    then those with the smaller mean margin.

    Parameters
    ----------
    {estimator_watched}

    {coreset_size}

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
        Number of forgetting events, plus a fraction below 1 that breaks ties. If a sample is never
        classified correctly in a training, each of its records in this training counts as one
        event. If it is never classified correctly in any training, its number of events is the
        largest of all samples. The scores are NaN for samples of weight 0.

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
    TrainingDynamics : The record of a training, for any training loop.
    AreaUnderMargin : Select the samples with the largest mean margin, so that mislabeled samples
        are excluded.
    CoverageCentric : Select samples of all difficulties except the hardest.

    Notes
    -----
    The method selects hard samples, and mislabeled samples are among the hardest. With a small
    budget, a classifier that is fitted on the selected samples is less accurate than one that is
    fitted on random samples of the same number. With noisy labels, this also holds for large
    budgets.

    {cost_training}

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
        events = np.where(never, events.max(), events)  # also if other samples have more records
        keys = np.column_stack([never, events, dynamics.first_learned_, -dynamics.margin_])
        _, rank = np.unique(keys, axis=0, return_inverse=True)
        return events + rank.ravel() / (len(events) + 1)


@fill_docstring
class EL2N(Dynamic):
    r"""Select the samples with the largest error of the predicted probabilities early in training.

    .. math:: s(x) = \mathrm{E} \, \| p(x) - y \|_2

    Here p(x) are the predicted probabilities in the last of `n_epochs` epochs, y is the one-hot
    encoded class label, and the expectation is the mean over `n_repeats` trainings [1]_. The score
    is between 0 and :math:`\sqrt 2`. For boosting and forests, p(x) are the probabilities after the
    first `n_epochs` stages.

    Parameters
    ----------
    {estimator_watched}

    {coreset_size}

    {dynamics}

    {n_epochs_early}

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
        The norm of the error of the predicted probabilities. It is NaN for samples of weight 0.

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
    GraNd : Select the samples with the largest norm of the gradient of the loss, which is this
        error multiplied by the norm of the input of the last layer.
    CoverageCentric : Select samples of all difficulties except the hardest.

    Notes
    -----
    The method selects hard samples, and mislabeled samples are among the hardest. With a budget of
    a few percent of the samples, a classifier that is fitted on the selected samples is far less
    accurate than one that is fitted on random samples of the same number; for the same accuracy, at
    least about a fifth of the samples must be selected.

    {cost_training}

    References
    ----------
    {reference_data_diet}

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


@fill_docstring
class GraNd(Dynamic):
    r"""Select the samples with the largest norm of the gradient of the loss early in training.

    .. math:: s(x) = \mathrm{E} \, \| \nabla \ell(x) \|_2 = \mathrm{E} \, \| p(x) - y \|_2 \,
        \| [1, h(x)] \|_2

    The gradient is that of the log-loss with respect to the parameters of the last layer [1]_, and
    h(x) is the input of this layer: the features for a linear model, the activations of the last
    hidden layer for an ``MLPClassifier``. For a linear softmax classifier, this is the gradient
    with respect to all parameters. The predicted probabilities p(x) are those in the last of
    `n_epochs` epochs, y is the one-hot encoded class label, and the expectation is the mean over
    `n_repeats` trainings.

    Parameters
    ----------
    {estimator_watched}

    {coreset_size}

    {dynamics}

    {n_epochs_early}

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
        The norm of the gradient. It is NaN for samples of weight 0.

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
    EL2N : Select the samples with the largest error of the predicted probabilities, which does not
        need h(x).

    Notes
    -----
    The method selects hard samples, among them mislabeled samples, and samples whose features have
    a large norm. The features should therefore be scaled. Boosting, forests and naive Bayes have no
    last layer; for these classifiers, the score is that of `EL2N`.

    {cost_training}

    References
    ----------
    {reference_data_diet}

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
