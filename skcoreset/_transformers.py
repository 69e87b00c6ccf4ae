"""Transformers for plain scikit-learn Pipelines that stand on coresets."""

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skcoreset import _models
from skcoreset._backend import take, to_numpy
from skcoreset._estimator import EstimatorMixin, replace_when_fitted
from skcoreset._nested import select
from skcoreset._submodular import FacilityLocation
from skcoreset._validation import check_numbers, check_table, encode

__all__ = ["CoresetNystroem", "GradientEmbedding"]


class GradientEmbedding(
    EstimatorMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""The gradient of each row in the last layer of a classifier, as columns.

    The gradient of the loss of row i is :math:`a_i \otimes [1, h_i]`: its error in each class
    times what the last layer sees. Labels are those that the classifier predicts, as in BADGE: a
    row whose class is clear has a short gradient, and rows that are unclear in the same way have
    similar ones.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    Attributes
    ----------
    estimator_ : classifier
        The classifier that is asked.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    See Also
    --------
    CRAIG : Selects by these gradients, without multiplying them out.

    Notes
    -----
    Time and memory: n C (d + 1) numbers, C classes and d columns that the last layer sees. Which
    gradient is taken of which classifier: see :class:`CRAIG`; of a kernel SVM it is that in its
    decision values, a column for each pair of classes. A sparse table that reaches the
    classifier gives a sparse result.

    References
    ----------
    .. [1] Ash, J. T., et al. "Deep batch active learning by diverse, uncertain gradient lower
       bounds." ICLR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import GradientEmbedding
    >>> X, y = load_iris(return_X_y=True)
    >>> GradientEmbedding().fit(X, y).transform(X).shape
    (150, 15)
    """

    _parameter_constraints = {"estimator": [_models.WillHaveMethods(["fit", "predict"]), None]}

    _defaults = {"estimator": "_classifier"}

    def __init__(self, estimator=None):
        self.estimator = estimator

    def _classifier(self):
        return _models.default_classifier() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the classifier, unless it is fitted already.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,)
            Labels, or a column of 0 and 1 for each class; not used if the classifier is fitted.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights for fitting the classifier.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with replace_when_fitted(self) as fitted:
            fitted._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        X = check_table(self, X)
        estimator = self._classifier()
        if not _models.is_fitted(estimator):
            if y is None:
                raise ValueError(
                    "GradientEmbedding requires y to be passed, but the target y is None: the "
                    "classifier is not fitted."
                )
            codes, classes = encode(y)
            if classes is None:
                raise ValueError(
                    f"Unknown label type: {type_of_target(to_numpy(y))}. GradientEmbedding needs "
                    "the labels of a classification problem."
                )
            _models.output_method(estimator, "any", "GradientEmbedding")
            estimator = clone(estimator)
            estimator = _models.fit_with_weight(estimator, X, classes[codes], sample_weight)
        self.estimator_ = estimator
        self._n_features_out = self._embed(take(X, [0])).shape[1]

    def transform(self, X):
        """Gradients of the rows, with the labels that the classifier predicts.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        gradients : {ndarray, csr array} of shape (n_samples, n_classes * (n_seen + 1))
            For each class, the error and its products with what the last layer sees.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return self._embed(X)

    def _embed(self, X):
        y = _models.predicted(self.estimator_, X)
        # The other factor of a kernel SVM has a column for each support vector: too many columns.
        gradient = "logits" if _models.is_kernel_svm(self.estimator_) else "last_layer"
        a, h, bias = _models.gradient_factors(self.estimator_, X, y, gradient)
        if h is None:
            return a
        if bias:
            one = np.ones((a.shape[0], 1), dtype=h.dtype)
            h = sparse.hstack([one, h], "csr") if sparse.issparse(h) else np.hstack([one, h])
        if sparse.issparse(h):
            return sparse.hstack([sparse.diags_array(column) @ h for column in a.T], "csr")
        return (a[:, :, None] * h[:, None, :]).reshape(a.shape[0], -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._classifier())
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.target_tags.required = not _models.is_fitted(self._classifier())
        return tags


class CoresetNystroem(
    EstimatorMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Approximate a kernel by its values at the rows that a sampler keeps.

    :class:`~sklearn.kernel_approximation.Nystroem` draws its landmarks at random; here a sampler
    picks them. A linear model on the result is close to a kernel machine.

    Parameters
    ----------
    sampler : sampler, default=None
        What picks the landmarks; a clone of it is fitted. It says how many there are. They are
        the rows of `X` at its `sample_indices_`, whatever it makes of the columns. None is
        ``FacilityLocation(0.1, stratify=None)``, which draws nothing at random and looks at all
        pairs of rows: for tables of more than some ten thousand rows give another.

    kernel : str or callable, default="rbf"
        Kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`.

    gamma : float, default=None
        Parameter of the kernels that have one.

    coef0 : float, default=None
        Parameter of the polynomial and sigmoid kernels.

    degree : float, default=None
        Parameter of the polynomial kernel.

    kernel_params : dict, default=None
        Further parameters of a kernel that is a callable.

    Attributes
    ----------
    sampler_ : sampler
        The sampler, fitted: ``sampler_.sample_indices_`` are the landmarks.

    nystroem_ : Nystroem
        The map, fitted on the landmarks.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    See Also
    --------
    sklearn.kernel_approximation.Nystroem : The same with random landmarks.

    Notes
    -----
    Time: that of the sampler, k^3 for k landmarks, and n k (d + k) for n rows. Memory: n k.

    References
    ----------
    .. [1] Williams, C. K. I., Seeger, M. "Using the Nystroem method to speed up kernel machines."
       NIPS 2000.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import CoresetNystroem, KCenterGreedy
    >>> X, y = load_digits(return_X_y=True)
    >>> CoresetNystroem(KCenterGreedy(100), gamma=0.001).fit_transform(X, y).shape
    (1797, 100)
    """

    _parameter_constraints = {
        "sampler": [HasMethods("fit_resample"), None],
        **{
            name: Nystroem._parameter_constraints[name]
            for name in ("kernel", "gamma", "coef0", "degree", "kernel_params")
        },
    }

    _defaults = {"sampler": "_sampler"}

    def __init__(
        self,
        sampler=None,
        *,
        kernel="rbf",
        gamma=None,
        coef0=None,
        degree=None,
        kernel_params=None,
    ):
        self.sampler = sampler
        self.kernel = kernel
        self.gamma = gamma
        self.coef0 = coef0
        self.degree = degree
        self.kernel_params = kernel_params

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Pick the landmarks and prepare the map.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,), default=None
            Target, for samplers that use it.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with replace_when_fitted(self) as fitted:
            fitted._fit(X, y)
        return self

    def _sampler(self):
        return FacilityLocation(0.1, stratify=None) if self.sampler is None else self.sampler

    def _fit(self, X, y):
        X = check_numbers(self, X)
        sampler = clone(self._sampler())
        landmarks, _, _ = select(sampler, X, y, None, "CoresetNystroem")
        self.sampler_ = sampler
        self.nystroem_ = Nystroem(
            kernel=self.kernel,
            gamma=self.gamma,
            coef0=self.coef0,
            degree=self.degree,
            kernel_params=self.kernel_params,
            n_components=landmarks.shape[0],
            random_state=0,  # only shuffles the landmarks: all of them are taken
        )
        # In float64, as its inverse root would blow up noise of float32.
        self.nystroem_.fit(to_numpy(landmarks).astype(np.float64))
        self._n_features_out = landmarks.shape[0]

    def transform(self, X):
        """Map rows: inner products of the result approximate the kernel.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        features : ndarray of shape (n_samples, n_landmarks)
            The map.
        """
        check_is_fitted(self)
        X = to_numpy(check_numbers(self, X, reset=False))
        return self.nystroem_.transform(X.astype(np.float64)).astype(X.dtype, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
