"""Meta-estimators that fit an estimator on a coreset and its weights."""

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._backend import is_partitioned, to_numpy
from skcoreset._coreset import Coreset
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import EstimatorMixin, replace_when_fitted
from skcoreset._nested import (
    innermost,
    needs_classes,
    purposes,
    resampling_steps,
    select,
    takes_weight,
)
from skcoreset._validation import check_finite_target, check_table
from skcoreset._warnings import warn
from skcoreset.base import BaseModelCoreset

__all__ = ["CoresetClassifier", "CoresetRegressor"]


def _estimator_has(method):
    """Check for `method` of the fitted estimator, or of `estimator` before `fit`."""

    def check(self):
        if hasattr(self, "estimator_"):
            getattr(self.estimator_, method)
            return True
        return _models.has_method(self._estimator(), method)

    return check


class _CoresetEstimator(EstimatorMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of classifier and regressor: select, fit on the selection, delegate the predictions."""

    _parameter_constraints = {
        "estimator": [_models.HasMethodsOnceFitted(["fit", "predict"]), None],
        "sampler": [HasMethods("fit_resample"), None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "weight_scale": [StrOptions({"mean", "total"})],
    }

    _defaults = {"estimator": "_estimator", "sampler": "_sampler"}

    def __init__(self, estimator=None, sampler=None, *, use_weights="auto", weight_scale="mean"):
        self.estimator = estimator
        self.sampler = sampler
        self.use_weights = use_weights
        self.weight_scale = weight_scale

    @_fit_context(prefer_skip_nested_validation=False)
    @fill_docstring
    def fit(self, X, y, sample_weight=None):
        """Select the coreset and fit the estimator on it.

        Parameters
        ----------
        {X}

        {y_to_predict}

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. They are passed to the sampler, and the estimator is fitted with the
            weights of the coreset, see `use_weights` and `weight_scale`.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with replace_when_fitted(self) as fitted:
            fitted._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        sampler = self._prepared_sampler()
        in_memory = not is_partitioned(X)
        if in_memory:
            X = check_table(self, X)
            self._check_y(check_finite_target(y))
        elif not all(hasattr(s, "_represent_partitions") for s in resampling_steps(sampler)):
            raise TypeError(
                f"{sampler!r} does not support Dask collections. Use a sampler of skcoreset."
            )
        estimator = clone(self._estimator())
        if self._is_other_kind(estimator):
            raise TypeError(
                f"{type(self).__name__} does not support {estimator!r}; use {self._other_kind}."
            )
        keyword = _models.weight_keyword(estimator) if self.use_weights else None
        auto = isinstance(self.use_weights, str)
        required = not auto and bool(self.use_weights)
        if sample_weight is not None and not takes_weight(sampler):
            raise ValueError(
                f"sample_weight was given, but fit_resample of {sampler!r} does not support "
                "sample_weight. Use a sampler of skcoreset. A sampler inside a Pipeline receives "
                "weights by metadata routing only, see set_fit_resample_request."
            )
        if required and keyword is None:
            raise ValueError(
                f"use_weights=True, but the fit method of {estimator!r} does not support "
                "sample_weight. Use an estimator that supports it, or set use_weights to 'auto' "
                "or False."
            )
        X_small, y_small, weight = select(
            sampler, X, y, sample_weight, type(self).__name__, weighted=auto
        )
        if required and weight is None:
            raise ValueError(
                f"use_weights=True, but {sampler!r} has no sample_weight_. Use a sampler of "
                "skcoreset, or set use_weights to 'auto' or False."
            )
        if auto and keyword is None and _differ(weight, _SLIGHT if sample_weight is None else 0):
            warn(
                f"The fit method of {estimator!r} does not support sample_weight, so the weights "
                "of the coreset are not used. Set use_weights=False to silence this warning."
            )
        if in_memory:
            self._check_kept(y, y_small, sample_weight)
            self._check_purpose(sampler, _num_samples(y), y_small)
        else:  # what the sampler has found in all partitions
            check_table(self, X_small)
            self._check_y(check_finite_target(y_small))
            self._check_kept(getattr(sampler, "classes_", y_small), y_small, None)
            self._check_purpose(sampler, sampler.n_samples_in_, y_small)
        if keyword is None:
            weight = None
        elif weight is not None:
            weight = self._scaled(weight, sampler)
        if auto and weight is not None and np.all(weight == 1):
            weight = None  # an estimator may treat weights of 1 and no weights differently
        self.sampler_ = sampler
        self.estimator_ = _models.fit_with_weight(estimator, X_small, y_small, weight)

    def _scaled(self, weight, sampler):
        """The weights of the coreset, as `weight_scale` says."""
        if self.weight_scale == "total":
            return weight
        weight = np.asarray(weight, dtype=np.float64)
        if not np.sum(weight) > 0:
            raise ValueError(
                "weight_scale='mean' divides the weights by their mean, but the weights of "
                f"{sampler!r} have the mean {np.mean(weight):.6g}. Use weight_scale='total'."
            )
        weight = weight / np.mean(weight)
        return np.ones_like(weight) if not _differ(weight) else weight

    def _check_purpose(self, sampler, n_samples, y_small):
        """Warn if a small coreset was selected by a method that is not for training."""
        found = purposes(sampler)
        if found is None or "training" in found:
            return
        if 10 * _num_samples(y_small) >= 7 * n_samples:
            return  # the samples that are left out are few, whichever they are
        warn(
            f"{type(self).__name__} fits its estimator on the coreset of {sampler!r}, which "
            f"selects samples for {' and '.join(found)}. An estimator that is fitted on few of "
            "these samples is often less accurate than one that is fitted on random samples. Use "
            "a sampler for training, such as Coreset, FacilityLocation or Herding. To fit an "
            "estimator on these samples without this warning, pass the output of fit_resample to "
            "its fit method."
        )

    def _sampler(self):
        return Coreset(random_state=0) if self.sampler is None else self.sampler

    def _prepared_sampler(self):
        """Return an unfitted clone of the sampler with validated parameters."""
        sampler = clone(self._sampler())
        steps = resampling_steps(sampler)
        for step in [*steps, *map(innermost, steps)]:
            if hasattr(step, "_parameter_constraints"):
                step._validate_params()
        return sampler

    def _check_y(self, y):
        """Raise an error if the estimator does not support this target."""

    def _check_kept(self, y, y_small, sample_weight):
        """Check the targets of the selected samples before the estimator is fitted."""

    @available_if(_estimator_has("predict"))
    @fill_docstring
    def predict(self, X):
        """Predict the target of each sample with the fitted estimator.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {predictions}
        """
        return self._ask("predict", X)

    def _ask(self, method, X):
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return getattr(self.estimator_, method)(_models.classifier_input(X))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._estimator()).input_tags
        sampler = get_tags(self._sampler()).input_tags
        tags.input_tags.sparse = inner.sparse and sampler.sparse
        tags.input_tags.allow_nan = inner.allow_nan and sampler.allow_nan
        tags.input_tags.string = inner.string and sampler.string
        return tags


@fill_docstring
class CoresetClassifier(ClassifierMixin, _CoresetEstimator):
    """Meta-estimator that fits a classifier on a coreset with its weights.

    `fit` fits a clone of the sampler, and then a clone of the classifier on the selected samples
    with their weights. The meta-estimator is used like any classifier. It can be a step of a
    Pipeline of scikit-learn, which does not support samplers as steps. In
    :func:`~sklearn.model_selection.cross_validate`, the coreset of each split is selected from the
    training samples only. In :class:`~sklearn.model_selection.GridSearchCV`, the parameters can
    include ``sampler__coreset_size``, `weight_scale`, and `sampler` itself.

    Parameters
    ----------
    estimator : classifier, default=None
        The classifier; a clone of it is fitted on the coreset. If it is a Pipeline, the weights
        are passed to its last step. If None, ``LogisticRegression(max_iter=1000)`` is used.

    sampler : sampler, default=None
        The sampler; a clone of it is fitted. Any object with a method ``fit_resample`` is
        supported, such as a sampler of imbalanced-learn, which has no weights, or a Pipeline of
        imbalanced-learn that ends in a sampler. If None, ``Coreset(random_state=0)`` is used.

    {use_weights}

    {weight_scale}

    Attributes
    ----------
    estimator_ : classifier
        The classifier, fitted on the coreset.

    {sampler_}

    classes_ : ndarray of shape (n_classes,)
        The class labels known to `estimator_`. If the coreset contains no sample of a class, which
        can happen with ``stratify=None``, a warning is raised and the class is never predicted.

    {n_features_in_}

    {feature_names_in_}

    See Also
    --------
    CoresetRegressor : The same meta-estimator for regressors.

    Notes
    -----
    The estimator is fitted on the samples of `X` at the `sample_indices_` of the sampler, with
    their original features, even if the sampler transforms the features. For a Pipeline, these
    are the indices of its steps that resample. A sampler without `sample_indices_` must return
    rows of `X`: samplers that generate samples (SMOTE, ClusterCentroids) raise an error. A
    Pipeline with several steps that resample has no weights.

    A warning is raised if the sampler is not for training and selects less than 70 % of the
    samples. :class:`LeastConfidence`, :class:`Entropy`, :class:`Margin`, :class:`DeepFool` and
    :class:`ContrastiveActiveLearning` select samples to label; :class:`Forgetting`, :class:`EL2N`,
    :class:`GraNd`, :class:`AreaUnderMargin` and :class:`DataMap` are for cleaning, that is, for
    excluding or checking a part of the samples. For a Pipeline, its last step that resamples
    decides. There is no warning about samplers of other packages.

    A Pipeline supports weights if its last step does; a parameter search, RFE and
    TransformedTargetRegressor if the inner estimator does; voting and stacking if all inner
    estimators do. With metadata routing enabled, a meta-estimator also supports weights if an
    inner estimator requests `sample_weight`.

    The meta-estimator has no `random_state`; the sampler and the estimator have their own. With
    the default parameters, the same data give the same selected samples.

    Time: that of the sampler and of fitting the estimator on the coreset. This is faster than
    fitting the estimator on all samples if the time of fitting grows faster than the number of
    samples (kernel SVM, Gaussian process). It is in general not faster for a logistic regression.
    Prediction is faster if its time depends on the number of training samples (nearest neighbors,
    kernel SVM).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklearn.svm import SVC
    >>> from skcoreset import CoresetClassifier, Herding
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), CoresetClassifier(SVC(), Herding(0.1)))
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    >>> len(model[-1].sampler_.sample_indices_)
    135
    """

    _is_other_kind, _other_kind = staticmethod(is_regressor), "CoresetRegressor"

    def _estimator(self):
        if self.estimator is None:
            return _models.default_classifier()
        return _models.local(self.estimator)

    @property
    def classes_(self):
        """The class labels known to the fitted classifier."""
        return self.estimator_.classes_

    def _check_y(self, y):
        check_classification_targets(y)

    def _check_kept(self, y, y_small, sample_weight):
        labels = _labels(y)
        if labels is None:
            return
        if sample_weight is not None:
            labels = labels[np.asarray(to_numpy(sample_weight)) > 0]
        lost = np.setdiff1d(labels, _labels(y_small))
        if len(lost):
            warn(
                f"The coreset contains no sample of the classes {lost.tolist()}, which are "
                "therefore never predicted. Samplers with stratify='proportional' select at least "
                "one sample of each class."
            )

    @available_if(_estimator_has("predict_proba"))
    @fill_docstring
    def predict_proba(self, X):
        """Predict class probabilities with the fitted classifier.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {class_probabilities}
        """
        return self._ask("predict_proba", X)

    @available_if(_estimator_has("predict_log_proba"))
    @fill_docstring
    def predict_log_proba(self, X):
        """Predict the logarithms of class probabilities with the fitted classifier.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            The logarithms of the class probabilities of the samples. The order of the classes
            corresponds to that in :term:`classes_`.
        """
        return self._ask("predict_log_proba", X)

    @available_if(_estimator_has("decision_function"))
    @fill_docstring
    def decision_function(self, X):
        """Compute the decision function of the fitted classifier.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {decision_values}
        """
        return self._ask("decision_function", X)


@fill_docstring
class CoresetRegressor(RegressorMixin, _CoresetEstimator):
    """Meta-estimator that fits a regressor on a coreset with its weights.

    `fit` fits a clone of the sampler, and then a clone of the regressor on the selected samples
    with their weights.

    Parameters
    ----------
    estimator : regressor, default=None
        The regressor; a clone of it is fitted on the coreset. If it is a Pipeline, the weights
        are passed to its last step. If None, ``Ridge()`` is used.

    sampler : sampler, default=None
        The sampler; a clone of it is fitted. It must not require classes: `Coreset`, `Uniform`,
        `Herding`, `KCenterGreedy`, `FacilityLocation`, `GraphCut`, `Moderate`,
        `ImportanceSampling` with a sensitivity that is computed from the features, and `CRAIG`,
        `GradMatch` and `ImportanceSampling` with a regressor as their `estimator`. If None,
        ``Coreset(random_state=0)`` is used.

    {use_weights}

    {weight_scale}

    Attributes
    ----------
    estimator_ : regressor
        The regressor, fitted on the coreset.

    {sampler_}

    {n_features_in_}

    {feature_names_in_}

    See Also
    --------
    CoresetClassifier : The same meta-estimator for classifiers.

    Notes
    -----
    The target is treated as continuous, even if all its values are integers. A sampler that
    requires a classifier would treat each value as a class, and raises an error; a sampler with
    ``stratify="proportional"`` is used with ``stratify=None`` unless it fits a regressor, and
    ``stratify="quantile"`` is supported. With ``stratify="balanced"``, or
    a `coreset_size` that is a dict of values of the target, the values are treated as classes,
    and every sampler is supported.

    The Notes of :class:`CoresetClassifier` describe the selected samples and their weights.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.kernel_ridge import KernelRidge
    >>> from skcoreset import CoresetRegressor, KCenterGreedy
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = CoresetRegressor(KernelRidge(kernel="rbf"), KCenterGreedy(100))
    >>> len(model.fit(X, y).sampler_.sample_indices_)
    100
    """

    _is_other_kind, _other_kind = staticmethod(is_classifier), "CoresetClassifier"

    def _estimator(self):
        return Ridge() if self.estimator is None else _models.local(self.estimator)

    def _prepared_sampler(self):
        sampler = super()._prepared_sampler()
        for step in map(innermost, resampling_steps(sampler)):
            params = step.get_params(deep=False) if hasattr(step, "get_params") else {}
            sizes = (params.get("coreset_size"), params.get("sampling_strategy"))
            if params.get("stratify") == "balanced" or any(isinstance(s, dict) for s in sizes):
                continue  # these parameters define the values as classes
            if needs_classes(step) and not _is_regression(step):
                raise ValueError(
                    f"{step!r} requires classes, but the target of {type(self).__name__} is "
                    "continuous, and each of its values would be treated as a class. Use Uniform, "
                    "Herding, KCenterGreedy, FacilityLocation, GraphCut, Moderate or "
                    "ImportanceSampling with a sensitivity that is computed from the features, or "
                    "CRAIG, GradMatch or ImportanceSampling with a regressor as estimator. "
                    "Alternatively, discretize the target, fit the sampler on the discretized "
                    "target, and fit the regressor on the selected samples with sample_weight_."
                )
            if params.get("stratify") == "proportional" and not _is_regression(step):
                step.set_params(stratify=None)  # integers would be treated as classes
            if params.get("target_type") == "auto":
                step.set_params(target_type="continuous")
        return sampler

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._estimator()).target_tags
        tags.target_tags.multi_output = inner.multi_output
        tags.target_tags.single_output = inner.single_output
        return tags


def _is_regression(sampler):
    """Whether the sampler fits a regressor, and so treats the target as continuous."""
    return isinstance(sampler, BaseModelCoreset) and sampler._is_regression()


def _labels(y):
    """Class label of each sample, also of an indicator matrix; None if it is multilabel."""
    y = to_numpy(y)
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    if y.ndim < 2 or y.shape[1] == 1:
        return y.ravel()
    return y.argmax(axis=1) if (np.count_nonzero(y, axis=1) == 1).all() else None


# Weights that differ because the budget of each class is an integer raise no warning.
_SLIGHT = 0.05


def _differ(weight, share=0):
    """Whether more than `share` of the total weight must move to make all weights equal."""
    if weight is None:
        return False
    moved = np.abs(weight - np.mean(weight)).sum() / 2
    return moved > (share + 1e-8) * np.abs(weight).sum()
