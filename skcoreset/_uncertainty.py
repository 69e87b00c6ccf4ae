"""Uncertainty sampling: samples whose predicted class is least certain (Settles 2009)."""

from copy import copy

import numpy as np
from scipy.special import entr
from sklearn.utils.validation import check_is_fitted

from skcoreset import _models
from skcoreset._docstrings import fill_docstring
from skcoreset._validation import check_table
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["UNCERTAINTIES", "Entropy", "LeastConfidence", "Margin"]


def least_confidence(proba):
    """One minus the largest probability, as the sum of the others: 1 - max may round to 0."""
    others = proba.copy()
    np.put_along_axis(others, proba.argmax(axis=1)[:, None], 0.0, axis=1)
    return others.sum(axis=1)


def entropy(proba):
    """Entropy of the probabilities, in nats."""
    return entr(proba).sum(axis=1)


def small_margin(proba):
    """One minus the difference of the two largest probabilities."""
    second = np.partition(proba, proba.shape[1] - 2, axis=1)[:, -2]
    return least_confidence(proba) + second


# Functions of predicted probabilities, (n_samples, n_classes), that are 0 where one of them is 1.
UNCERTAINTIES = {
    "margin": small_margin,
    "entropy": entropy,
    "least_confidence": least_confidence,
}


class _Uncertainty(BaseScoreCoreset, BaseModelCoreset):
    """Base of the three methods. Subclasses define ``_score(outputs)``."""

    _purposes = ("labeling",)

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "cv": ["cv_object"],
        "exclude": ["array-like", None],
    }

    def __init__(
        self, estimator=None, coreset_size=0.1, *, cv=None, exclude=None, stratify="proportional"
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.cv = cv
        self.exclude = exclude
        self.stratify = stratify

    _scores_each = True

    @property
    def _has_stream_keys(self):
        return _models.is_fitted(self._classifier())

    def _stream_keys(self, X, rng):
        classifier = self._classifier()
        X = check_table(copy(self), X)
        return self._score(_models.response_values(classifier, X, self._method(classifier)))

    def _scores(self, table):
        return self._score(self._model_outputs(table))

    @fill_docstring
    def score_samples(self, X, y=None):
        """Score samples by the uncertainty of the fitted classifier.

        Parameters
        ----------
        {X_scored}

        {y_ignored}

        Returns
        -------
        {scores}
            Larger scores mean that the predicted class is less certain.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return self._score(
            _models.response_values(self.estimator_, X, self._method(self.estimator_))
        )


@fill_docstring
class LeastConfidence(_Uncertainty):
    r"""Select the samples with the smallest probability of the predicted class.

    .. math:: s(x) = 1 - \max_c p_c(x)

    Here :math:`p_c(x)` are the predicted probabilities; the score depends on the largest of them
    only [1]_. For two classes, the order of the scores is the same as with `Margin` and `Entropy`.

    Parameters
    ----------
    {estimator_probabilities}

    {coreset_size}

    {cv}

    {exclude}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        One minus the largest predicted probability, between 0 and 1 - 1/C for C classes.

    {estimator_fitted}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Margin : Select the samples with the smallest margin between the two most probable classes.
    Entropy : Select the samples with the largest entropy of the predicted probabilities.

    Notes
    -----
    {cost_of_prediction}

    {near_the_boundary}

    {labels_in_rounds}

    References
    ----------
    {settles_2009}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import LeastConfidence
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X, y)
    >>> sampler = LeastConfidence(classifier, coreset_size=3, stratify=None).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([2, 1, 2])
    >>> sampler.score_samples(X[:1]).round(3)
    array([0.018])
    """

    _needs = "proba"

    def _score(self, proba):
        return least_confidence(proba)


@fill_docstring
class Entropy(_Uncertainty):
    r"""Select the samples with the largest entropy of the predicted probabilities.

    .. math:: s(x) = - \sum_c p_c(x) \ln p_c(x), \qquad 0 \ln 0 = 0

    Here :math:`p_c(x)` are the predicted probabilities; the score depends on all of them [1]_. For
    two classes, the order of the scores is the same as with `Margin` and `LeastConfidence`.

    Parameters
    ----------
    {estimator_probabilities}

    {coreset_size}

    {cv}

    {exclude}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        Entropy in nats, between 0 and ln C for C classes.

    {estimator_fitted}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Margin : Select the samples with the smallest margin between the two most probable classes.
    LeastConfidence : Select the samples with the smallest probability of the predicted class.

    Notes
    -----
    {cost_of_prediction}

    {near_the_boundary}

    {labels_in_rounds}

    References
    ----------
    {settles_2009}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import Entropy
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X, y)
    >>> sampler = Entropy(classifier, coreset_size=3, stratify=None).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([2, 1, 2])
    >>> sampler.score_samples(X[:1]).round(3)
    array([0.092])
    """

    _needs = "proba"

    def _score(self, proba):
        return entropy(proba)


@fill_docstring
class Margin(_Uncertainty):
    r"""Select the samples with the smallest margin between the two most probable classes.

    .. math:: s(x) = - \left( p_{(1)}(x) - p_{(2)}(x) \right)

    Here :math:`p_{(1)}(x)` and :math:`p_{(2)}(x)` are the largest and the second largest of the
    predicted probabilities [1]_. If the classifier has no ``predict_proba``, its decision function
    is used instead (:class:`~sklearn.svm.LinearSVC`, :class:`~sklearn.svm.SVC` and others): the
    margin is the difference of the two largest decision values, or :math:`|f(x)|` for two classes.

    A one-vs-one classifier of more than two classes (:class:`~sklearn.svm.SVC`,
    :class:`~sklearn.svm.NuSVC`, :class:`~sklearn.multiclass.OneVsOneClassifier`) has a decision
    value for each pair of classes and predicts the class that wins the most pairs. Its
    ``decision_function`` mainly counts the pairs that each class wins. Therefore, the margin is
    computed from the pairwise values, as in :class:`~skcoreset.DeepFool`: it is the smallest amount
    by which these values must change until another class wins the most pairs. It is equal to the
    absolute value of one of the pairwise values, and zero where the prediction changes. The
    parameters ``decision_function_shape`` and ``break_ties`` have no effect on it.

    Parameters
    ----------
    {estimator}

    {coreset_size}

    {cv}

    {exclude}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        Minus the margin, in units of probability or of the decision function; at most 0.

    {estimator_fitted}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Entropy : Select the samples with the largest entropy of the predicted probabilities.
    LeastConfidence : Select the samples with the smallest probability of the predicted class.
    DeepFool : Select the samples that lie nearest to the decision boundary, in units of the
        features.

    Notes
    -----
    {cost_of_prediction}

    {near_the_boundary}

    {labels_in_rounds}

    References
    ----------
    {settles_2009}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import Margin
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X, y)
    >>> sampler = Margin(classifier, coreset_size=3, stratify=None).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([2, 1, 2])
    >>> sampler.score_samples(X[:1]).round(3)
    array([-0.963])
    """

    def _method(self, estimator):
        method = super()._method(estimator)
        return "pairs" if method == "decision_function" else method

    def _score(self, values):
        if values.ndim == 1:
            return -np.abs(values)
        second, first = np.partition(values, values.shape[1] - 2, axis=1)[:, -2:].T
        return second - first
