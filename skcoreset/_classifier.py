"""Train on a coreset, weights included, wherever scikit-learn takes an estimator."""

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
)
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._baseline import Uniform
from skcoreset._estimator import EstimatorMixin, replace_when_fitted
from skcoreset._nested import needs_classes, resampling_steps, select, takes_weight
from skcoreset._validation import check_finite_target, check_table
from skcoreset._warnings import warn

__all__ = ["CoresetClassifier", "CoresetRegressor"]


def _estimator_has(method):
    """Whether the estimator has `method`: the fitted one once there is one."""

    def check(self):
        if hasattr(self, "estimator_"):
            getattr(self.estimator_, method)
            return True
        return _models.has_method(self._estimator(), method)

    return check


class _CoresetEstimator(EstimatorMixin, MetaEstimatorMixin, BaseEstimator):
    """What classifier and regressor share: select, fit on what was kept, delegate the rest."""

    _parameter_constraints = {
        "estimator": [_models.WillHaveMethods(["fit", "predict"]), None],
        "sampler": [HasMethods("fit_resample"), None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
    }

    _defaults = {"estimator": "_estimator", "sampler": "_sampler"}

    def __init__(self, estimator=None, sampler=None, *, use_weights="auto"):
        self.estimator = estimator
        self.sampler = sampler
        self.use_weights = use_weights

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Select the coreset and fit the estimator on it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,)
            Target of each row.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row stands for already; given to the sampler.

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
        X = check_table(self, X)
        self._check_y(check_finite_target(y))
        estimator = clone(self._estimator())
        keyword = _models.weight_keyword(estimator) if self.use_weights else None
        auto = isinstance(self.use_weights, str)
        required = not auto and bool(self.use_weights)
        if sample_weight is not None and not takes_weight(sampler):
            raise ValueError(
                f"sample_weight was given, but {sampler!r} takes none. Use a sampler of "
                "skcoreset; one inside a Pipeline gets weights by metadata routing only, see "
                "set_fit_resample_request."
            )
        if required and keyword is None:
            raise ValueError(
                f"use_weights=True, but {estimator!r} takes no sample_weight in fit. Give an "
                "estimator that does, or use_weights='auto' or False."
            )
        X_small, y_small, weight = select(
            sampler, X, y, sample_weight, type(self).__name__, weighted=auto
        )
        if required and weight is None:
            raise ValueError(
                f"use_weights=True, but {sampler!r} gives no sample_weight_. Use a sampler of "
                "skcoreset, or use_weights='auto' or False."
            )
        if auto and keyword is None and _matter(weight):
            warn(
                f"{estimator!r} takes no sample_weight in fit, so the weights of the coreset are "
                "not used; use_weights=False says that this is meant."
            )
        if keyword is None:
            weight = None
        self._check_kept(y, y_small, sample_weight)
        self.sampler_ = sampler
        self.estimator_ = _models.fit_with_weight(estimator, X_small, y_small, weight)

    def _sampler(self):
        return Uniform(random_state=0) if self.sampler is None else self.sampler

    def _prepared_sampler(self):
        """The sampler that is to be fitted."""
        sampler = clone(self._sampler())
        for step in resampling_steps(sampler):
            if hasattr(step, "_parameter_constraints"):
                step._validate_params()
        return sampler

    def _check_y(self, y):
        """Raise if this is no target for the estimator."""

    def _check_kept(self, y, y_small, sample_weight):
        """Look at what was kept before the estimator is fitted on it."""

    @available_if(_estimator_has("predict"))
    def predict(self, X):
        """Predict with the estimator that was fitted on the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        y : array of shape (n_samples,)
            Predictions.
        """
        return self._ask("predict", X)

    def _ask(self, method, X):
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return getattr(self.estimator_, method)(_models.host(X))

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


class CoresetClassifier(ClassifierMixin, _CoresetEstimator):
    """A classifier that is trained on a coreset, with its weights.

    Fits the sampler, then a clone of the estimator on the rows it keeps, with their weights. It
    is a classifier like any other: it goes into a Pipeline, which cannot hold samplers, into
    :func:`~sklearn.model_selection.cross_validate`, where each fold selects from its training
    rows only, and into :class:`~sklearn.model_selection.GridSearchCV`, over
    ``sampler__coreset_size`` or over ``sampler`` itself.

    Parameters
    ----------
    estimator : classifier, default=None
        What is trained on the coreset; a clone of it is fitted. A Pipeline takes the weights in
        its last step. None is ``LogisticRegression(max_iter=1000)``.

    sampler : sampler, default=None
        What selects; a clone of it is fitted. Any object with ``fit_resample`` will do, such as a
        sampler of imbalanced-learn, which has no weights, or a Pipeline of imbalanced-learn that
        ends in a sampler. None is ``Uniform(random_state=0)``.

    use_weights : "auto" or bool, default="auto"
        Whether the estimator gets the weights of the coreset. "auto": if it takes any, else it is
        fitted without and, where the weights are not all equal, a warning says so. True: it is an
        error if that cannot be done. False: never.

    Attributes
    ----------
    estimator_ : classifier
        The estimator, fitted on the coreset.

    sampler_ : sampler
        The sampler, fitted: ``sampler_.sample_indices_`` are the rows that were kept.

    classes_ : ndarray of shape (n_classes,)
        The classes that the estimator knows. With ``stratify=None`` a class may have no row in
        the coreset; a warning says so.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    See Also
    --------
    CoresetRegressor : The same for regressors.

    Notes
    -----
    The rows that the estimator is trained on are those of `X` at `sample_indices_` of the sampler,
    whatever the sampler makes of the columns; in a Pipeline the steps that resample say which. A
    sampler that has no `sample_indices_` must return rows of `X`; one that makes new rows (SMOTE,
    ClusterCentroids) is refused. A Pipeline that resamples more than once has no weights.

    An estimator takes weights if scikit-learn lets it: a Pipeline in its last step, a parameter
    search, RFE and TransformedTargetRegressor if what is inside does, voting and stacking if all
    inside do. With metadata routing enabled, also what requests `sample_weight` inside.

    Nothing is drawn at random but by the sampler and by the estimator, each with its own
    `random_state`. With the defaults the same data give the same rows.

    Time: that of the sampler plus training on the rows kept. This pays where training grows
    faster than the number of rows (kernel SVM, Gaussian process), where prediction does (nearest
    neighbours, kernel SVM) or where one selection serves many fits; not for one fit of logistic
    regression.

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

    def _estimator(self):
        return _models.default_classifier() if self.estimator is None else self.estimator

    @property
    def classes_(self):
        """Classes that the estimator knows."""
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
                f"The classes {lost.tolist()} have no row in the coreset and will never be "
                "predicted; samplers with stratify='proportional' keep at least one row of each."
            )

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the estimator that was fitted on the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        proba : array of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Log-probabilities of the estimator that was fitted on the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        log_proba : array of shape (n_samples, n_classes)
            Log-probabilities, in the order of `classes_`.
        """
        return self._ask("predict_log_proba", X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Decision values of the estimator that was fitted on the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        values : array of shape (n_samples,) or (n_samples, n_classes)
            Decision values.
        """
        return self._ask("decision_function", X)


class CoresetRegressor(RegressorMixin, _CoresetEstimator):
    """A regressor that is trained on a coreset, with its weights.

    Fits the sampler, then a clone of the estimator on the rows it keeps, with their weights.

    Parameters
    ----------
    estimator : regressor, default=None
        What is trained on the coreset; a clone of it is fitted. A Pipeline takes the weights in
        its last step. None is ``Ridge()``.

    sampler : sampler, default=None
        What selects; a clone of it is fitted. It must need no classes (`Uniform`, `Herding`,
        `KCenterGreedy`, `FacilityLocation`, `GraphCut`, `Moderate`, `ImportanceSampling` with a
        sensitivity of the columns). None is ``Uniform(random_state=0)``.

    use_weights : "auto" or bool, default="auto"
        Whether the estimator gets the weights of the coreset. "auto": if it takes any, else it is
        fitted without and, where the weights are not all equal, a warning says so. True: it is an
        error if that cannot be done. False: never.

    Attributes
    ----------
    estimator_ : regressor
        The estimator, fitted on the coreset.

    sampler_ : sampler
        The sampler, fitted: ``sampler_.sample_indices_`` are the rows that were kept.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    See Also
    --------
    CoresetClassifier : The same for classifiers.

    Notes
    -----
    The target is a number, also where all its values are whole. A sampler that asks a classifier
    would take each value for a class, so it is refused; one with ``stratify="proportional"`` is
    used with None instead. With ``stratify="balanced"``, or a `coreset_size` that names values of
    the target, the values are meant to be classes, and any sampler will do.

    Rows and weights: as in :class:`CoresetClassifier`.

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

    def _estimator(self):
        return Ridge() if self.estimator is None else self.estimator

    def _prepared_sampler(self):
        sampler = super()._prepared_sampler()
        for step in resampling_steps(sampler):
            params = step.get_params(deep=False) if hasattr(step, "get_params") else {}
            sizes = (params.get("coreset_size"), params.get("sampling_strategy"))
            if params.get("stratify") == "balanced" or any(isinstance(s, dict) for s in sizes):
                continue  # says itself that values are classes
            if needs_classes(step):
                raise ValueError(
                    f"{step!r} works with classes, and the target of {type(self).__name__} is a "
                    "number, each value of which it would take for a class. Samplers that need "
                    "none: Uniform, Herding, KCenterGreedy, FacilityLocation, GraphCut, Moderate, "
                    "ImportanceSampling with a sensitivity of the columns. Or cut the target into "
                    "classes, select with these, and fit the regressor on the rows kept, with "
                    "the sample_weight_ of the sampler."
                )
            if params.get("stratify") == "proportional":
                step.set_params(stratify=None)  # whole numbers would count as classes
        return sampler

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._estimator()).target_tags
        tags.target_tags.multi_output = inner.multi_output
        tags.target_tags.single_output = inner.single_output
        return tags


def _labels(y):
    """Class of each row, also where `y` has a column for each; None with several of a row."""
    y = to_numpy(y)
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    if y.ndim < 2 or y.shape[1] == 1:
        return y.ravel()
    return y.argmax(axis=1) if (np.count_nonzero(y, axis=1) == 1).all() else None


def _matter(weight):
    """Whether a model would see the difference if these weights were left out."""
    return weight is not None and not np.allclose(weight, weight[0], atol=0.0)
