"""Uncertainty: the rows a classifier is least sure of (Settles 2009)."""

import numpy as np
from scipy.special import entr
from sklearn.utils.validation import check_is_fitted

from skcoreset import _models
from skcoreset._validation import check_table
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["Entropy", "LeastConfidence", "Margin"]


class _Uncertainty(BaseScoreCoreset, BaseModelCoreset):
    """What the three share: ask the classifier, score its answers. Adds ``_score(outputs)``."""

    _parameter_constraints = {**BaseModelCoreset._parameter_constraints, "cv": ["cv_object"]}

    def __init__(self, estimator=None, coreset_size=0.1, *, cv=None, stratify="proportional"):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.cv = cv
        self.stratify = stratify

    def _scores(self, table):
        return self._score(self._model_outputs(table))

    def score_samples(self, X, y=None):
        """Score rows by the classifier that was fitted; larger is less sure.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows, such as a pool that is not labelled.

        y : None
            Not used.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Score of each row.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return self._score(_models.outputs(self.estimator_, X, self._method(self.estimator_)))


class LeastConfidence(_Uncertainty):
    r"""Rows whose most probable class is least probable.

    .. math:: s(x) = 1 - \max_c p_c(x)

    It looks at the winning class only; for two classes it ranks like `Margin` and `Entropy`.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    cv : int, cross-validation generator or iterable, default=None
        None scores rows by the classifier that was fitted on them; otherwise each row is scored by
        a clone that has not seen it (:func:`~sklearn.model_selection.cross_val_predict`). Only
        for an unfitted estimator.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without `y` it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    scores_ : ndarray of shape (n_samples,)
        One minus the largest probability, from 0 (sure) to 1 - 1/C.

    estimator_ : classifier
        The classifier that was asked; with `cv`, the one fitted on all rows.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` is given.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Margin : The two most probable classes.
    Entropy : All classes.

    Notes
    -----
    Time: fitting and asking the classifier, then O(n C). Memory: its (n, C) answers.

    These are the rows a classifier would learn most from if it could ask for their labels. As a
    training set of their own they are one-sided: at small sizes they often train worse than
    random rows, and mislabelled rows come first. Their weights stand for nothing but counts.

    References
    ----------
    .. [1] Settles, B. "Active learning literature survey." University of Wisconsin-Madison,
       Computer Sciences Technical Report 1648 (2009).

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
        # The sum of the others, as 1 - max would be 0 for all rows the classifier is sure of.
        others = proba.copy()
        np.put_along_axis(others, proba.argmax(axis=1)[:, None], 0.0, axis=1)
        return others.sum(axis=1)


class Entropy(_Uncertainty):
    r"""Rows whose predicted probabilities are most spread out.

    .. math:: s(x) = - \sum_c p_c(x) \ln p_c(x), \qquad 0 \ln 0 = 0

    It looks at all classes; for two classes it ranks like `Margin` and `LeastConfidence`.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    cv : int, cross-validation generator or iterable, default=None
        None scores rows by the classifier that was fitted on them; otherwise each row is scored by
        a clone that has not seen it (:func:`~sklearn.model_selection.cross_val_predict`). Only
        for an unfitted estimator.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without `y` it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    scores_ : ndarray of shape (n_samples,)
        Entropy in nats, from 0 (sure) to ln C.

    estimator_ : classifier
        The classifier that was asked; with `cv`, the one fitted on all rows.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` is given.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Margin : The two most probable classes.
    LeastConfidence : The most probable class only.

    Notes
    -----
    Time: fitting and asking the classifier, then O(n C). Memory: its (n, C) answers.

    These are the rows a classifier would learn most from if it could ask for their labels. As a
    training set of their own they are one-sided: at small sizes they often train worse than
    random rows, and mislabelled rows come first. Their weights stand for nothing but counts.

    References
    ----------
    .. [1] Settles, B. "Active learning literature survey." University of Wisconsin-Madison,
       Computer Sciences Technical Report 1648 (2009).

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
        return entr(proba).sum(axis=1)


class Margin(_Uncertainty):
    r"""Rows that the classifier hesitates most between its two best classes.

    .. math:: s(x) = - \left( p_{(1)}(x) - p_{(2)}(x) \right)

    With a classifier that has no probabilities the decision values take their place: the gap
    between the two largest, or :math:`-|f(x)|` for two classes (:class:`~sklearn.svm.LinearSVC`,
    :class:`~sklearn.svm.SVC` and the like).

    A classifier that votes by pairs of more than two classes (:class:`~sklearn.svm.SVC`,
    :class:`~sklearn.svm.NuSVC`, :class:`~sklearn.multiclass.OneVsOneClassifier`) has a value for
    each pair, and its ``decision_function`` is hardly more than the number of pairs that a class
    wins. There the gap is by how much the values of pairs must rise until another class wins most
    pairs, as in :class:`~skcoreset.DeepFool`: zero where the prediction changes, and one of these
    values everywhere. Neither ``decision_function_shape`` nor ``break_ties`` has an effect on it.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    cv : int, cross-validation generator or iterable, default=None
        None scores rows by the classifier that was fitted on them; otherwise each row is scored by
        a clone that has not seen it (:func:`~sklearn.model_selection.cross_val_predict`). Only
        for an unfitted estimator.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without `y` it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    scores_ : ndarray of shape (n_samples,)
        Minus the gap between the two best classes, at most 0.

    estimator_ : classifier
        The classifier that was asked; with `cv`, the one fitted on all rows.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` is given.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Entropy : All classes.
    LeastConfidence : The most probable class only.

    Notes
    -----
    Time: fitting and asking the classifier, then O(n C). Memory: its (n, C) answers.

    These are the rows a classifier would learn most from if it could ask for their labels. As a
    training set of their own they are one-sided: at small sizes they often train worse than
    random rows, and mislabelled rows come first. Their weights stand for nothing but counts.

    References
    ----------
    .. [1] Settles, B. "Active learning literature survey." University of Wisconsin-Madison,
       Computer Sciences Technical Report 1648 (2009).

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
