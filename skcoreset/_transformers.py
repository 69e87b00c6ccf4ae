"""Transformers that compute features from gradients or from the samples of a coreset."""

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
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import EstimatorMixin, replace_when_fitted
from skcoreset._facility_location import FacilityLocation
from skcoreset._nested import select
from skcoreset._validation import check_numbers, check_table, encode

__all__ = ["CoresetNystroem", "GradientEmbedding"]


@fill_docstring
class GradientEmbedding(
    EstimatorMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Transform samples to their gradients in the last layer of a classifier.

    The gradient of the loss of sample i with respect to the parameters of the last layer is the
    outer product :math:`a_i \otimes [1, h_i]`, where :math:`a_i` is the gradient with respect to
    the outputs of this layer, and :math:`h_i` are its inputs. As in BADGE [1]_, the loss is that of
    the predicted class labels. The gradient has a small norm for samples that are classified with
    high confidence, and is similar for samples with similar features and similar class
    probabilities.

    Parameters
    ----------
    {estimator}

    Attributes
    ----------
    {estimator_gradients}

    {n_features_in_}

    {feature_names_in_}

    See Also
    --------
    CRAIG : Select samples by the gradients of the loss of the class labels in `y`, without
        computing the outer products.

    Notes
    -----
    The Notes of :class:`CRAIG` describe the gradient of each kind of classifier. For a kernel
    SVM, it is the gradient with respect to the decision values, of which there is one for each pair
    of classes. The result is sparse if the features that are passed to the classifier are sparse.

    Time and memory: O(n C d) for n samples, C classes and d inputs of the last layer, plus the time
    of fitting the classifier and of predicting the samples.

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

    _parameter_constraints = {"estimator": [_models.HasMethodsOnceFitted(["fit", "predict"]), None]}

    _defaults = {"estimator": "_classifier"}

    def __init__(self, estimator=None):
        self.estimator = estimator

    def _classifier(self):
        return _models.default_classifier() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    @fill_docstring
    def fit(self, X, y=None, sample_weight=None):
        """Fit the classifier, unless it is already fitted.

        Parameters
        ----------
        {X_in_memory}

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            The class labels, or their indicator matrix. Not used if the classifier is fitted
            already.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights for fitting the classifier.

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
                    "GradientEmbedding requires y to be passed, but the target y is None. Give "
                    "class labels, or a fitted classifier as estimator."
                )
            codes, classes = encode(y)
            if classes is None:
                raise ValueError(
                    f"Unknown label type: {type_of_target(to_numpy(y))}. GradientEmbedding "
                    "requires class labels; discretize a continuous target first."
                )
            _models.response_method(estimator, "any", "GradientEmbedding")
            estimator = clone(estimator)
            estimator = _models.fit_with_weight(estimator, X, classes[codes], sample_weight)
        self.estimator_ = estimator
        self._n_features_out = self._embed(take(X, [0])).shape[1]

    @fill_docstring
    def transform(self, X):
        """Compute the gradients of the loss of the predicted class labels.

        Parameters
        ----------
        {X_transformed}

        Returns
        -------
        X_new : {ndarray, csr array} of shape (n_samples, n_classes * (n_inputs + 1))
            The gradients. For each class, the features are the derivative of the loss with respect
            to the output of this class, and its products with the inputs of the last layer. They
            are only the products for a classifier without intercepts, and only the derivatives for
            a kernel SVM.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return self._embed(X)

    def _embed(self, X):
        y = _models.predicted_labels(self.estimator_, X)
        # The inputs of a kernel SVM are its kernel values with all support vectors: too many.
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


@fill_docstring
class CoresetNystroem(
    EstimatorMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Approximate a kernel map with the samples of a coreset as landmarks.

    :class:`~sklearn.kernel_approximation.Nystroem` approximates a kernel map by the kernel values
    of all samples with a few landmarks, which are random samples. In this class, the landmarks are
    selected by a sampler. A linear model that is fitted on the transformed samples approximates a
    kernel machine [1]_.

    Parameters
    ----------
    sampler : sampler, default=None
        The sampler that selects the landmarks; a clone of it is fitted. Its `coreset_size` is the
        number of landmarks. The landmarks are the samples of `X` at its `sample_indices_`, with
        their original features, even if the sampler transforms the features. If None,
        ``FacilityLocation(0.1, stratify=None)`` is used, which is deterministic and computes the
        distances of all pairs of samples. For more than about 10,000 samples, fit the transformer
        on a random part of the samples, or use another sampler, such as :class:`RPCholesky`.

    kernel : str or callable, default="rbf"
        Kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`.

    gamma : float, default=None
        Parameter gamma of the kernels that have one.

    coef0 : float, default=None
        Parameter coef0 of the polynomial and sigmoid kernels.

    degree : float, default=None
        Degree of the polynomial kernel.

    kernel_params : dict, default=None
        Additional parameters of a callable kernel.

    Attributes
    ----------
    {sampler_}

    nystroem_ : Nystroem
        The kernel map, fitted on the landmarks.

    {n_features_in_}

    {feature_names_in_}

    See Also
    --------
    sklearn.kernel_approximation.Nystroem : The same kernel map with random landmarks.

    Notes
    -----
    Time for n samples, d features and k landmarks: that of the sampler plus O(k^3) for `fit`, and
    O(n k (d + k)) for `transform`. Memory: O(n k) for `transform`, plus O(k^2).

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
    @fill_docstring
    def fit(self, X, y=None):
        """Select the landmarks and fit the kernel map on them.

        Parameters
        ----------
        {X_in_memory}

        {y_optional}
            They are only passed to the sampler.

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
            random_state=0,  # only shuffles the landmarks: Nystroem uses all of them
        )
        # In float64: the inverse square root of the kernel matrix amplifies rounding errors.
        self.nystroem_.fit(to_numpy(landmarks).astype(np.float64))
        self._n_features_out = landmarks.shape[0]

    @fill_docstring
    def transform(self, X):
        """Transform samples by the kernel map.

        The inner product of two transformed samples approximates their kernel value.

        Parameters
        ----------
        {X_transformed}

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_landmarks)
            The transformed samples.
        """
        check_is_fitted(self)
        X = to_numpy(check_numbers(self, X, reset=False))
        return self.nystroem_.transform(X.astype(np.float64)).astype(X.dtype, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
