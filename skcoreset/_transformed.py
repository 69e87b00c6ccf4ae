"""Selection in transformed features, of samples with their original ones."""

from contextlib import nullcontext
from copy import copy

import numpy as np
from sklearn.base import MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._backend import is_partitioned
from skcoreset._coreset import Coreset
from skcoreset._docstrings import fill_docstring
from skcoreset._features import AutoFeatures, check_no_infinity, transform_features
from skcoreset._nested import indices_selected, needs_classes, resampling_steps, takes_weight
from skcoreset._partitions import sample_of
from skcoreset._validation import check_sample_weight, check_table, naming_columns
from skcoreset.base import BaseCoreset

__all__ = ["TransformedSampler"]

# Fitted attributes of the sampler inside that are also those of TransformedSampler, if there.
_PUBLISHED = ("sample_weight_", "sampling_strategy_", "classes_", "scores_", "gains_", "device_")


def _sampler_has(method):
    """Check for `method` of the fitted sampler, or of `sampler` before `fit`."""

    def check(self):
        getattr(getattr(self, "sampler_", None) or self._sampler(), method)
        return True

    return check


@fill_docstring
class TransformedSampler(MetaEstimatorMixin, BaseCoreset):
    """Meta-sampler that selects samples in a transformed space.

    The features are transformed, a sampler selects samples by the transformed features, and
    `fit_resample` returns the selected samples with their original features. So the features in
    which samples are compared can differ from those on which an estimator is fitted: distances are
    computed from scaled numbers and encoded categories, and a gradient boosting model is fitted on
    the table as it is.

    Parameters
    ----------
    transformer : "auto", transformer or None, default="auto"
        The transformer of the features. "auto" is for tables with columns of any kind: it
        standardizes numbers, imputes missing values and encodes strings and categories, see
        :ref:`features_auto`. A transformer that is already fitted, or one in a
        :class:`~sklearn.frozen.FrozenEstimator`, is used without being fitted again; of any other
        transformer, a clone is fitted on the samples of positive weight, with `y`. It must return
        one row for each sample. None leaves the features as they are.

    sampler : sampler, default=None
        The sampler; a clone of it is fitted on the transformed features. Any object with a method
        ``fit_resample`` and the fitted attribute `sample_indices_` is supported, such as a sampler
        of imbalanced-learn that selects samples. The budget and all other parameters of the
        selection are parameters of this sampler, for example ``sampler__coreset_size`` in a
        parameter search. If None, ``Coreset(features=None, random_state=0)`` is used.

    Attributes
    ----------
    sampler_ : sampler
        The fitted clone of `sampler`, with its own fitted attributes. They refer to the
        transformed features.

    transformer_ : transformer
        The fitted transformer. Not defined if `transformer` is None.

    sample_indices_ : ndarray of shape (n_coreset,)
        Indices of the selected samples, in the order of `sampler_`.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of each selected sample. Defined only if `sampler_` has this attribute.

    scores_, gains_ : ndarray
        Those of `sampler_`. Defined only if `sampler_` has them.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Coreset : The default sampler, which has a parameter `features` for the same purpose.
    CoresetClassifier : Fit a classifier on the selected samples.
    sklearn.compose.TransformedTargetRegressor : Transform the target in the same way.

    Notes
    -----
    In a Pipeline of imbalanced-learn, a transformer before a sampler transforms the features for
    the sampler and for all steps after it. Use a Pipeline if the estimator is also fitted on the
    transformed features, and this class if it is fitted on the original ones.

    `sample_weight` is passed to the sampler. The transformer is fitted without weights, on the
    samples whose weight is positive.

    Time and memory: those of the transformer and of the sampler, and the transformed features.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skcoreset import KCenterGreedy, TransformedSampler
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> sampler = TransformedSampler("auto", KCenterGreedy(30))
    >>> X_small, y_small = sampler.fit_resample(X, y)
    >>> X_small.equals(X.iloc[sampler.sample_indices_])
    True
    """

    _parameter_constraints = {
        "transformer": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
        "sampler": [HasMethods("fit_resample"), None],
    }

    _defaults = {"sampler": "_sampler"}

    def __init__(self, transformer="auto", sampler=None):
        self.transformer = transformer
        self.sampler = sampler

    def _sampler(self):
        default = Coreset(features=None, random_state=0)
        return default if self.sampler is None else self.sampler

    def _non_numeric_hint(self):
        return "transformer='auto' converts columns of any kind."

    def _selecting(self):
        """The sampler that is cloned, to set its parameters; the default becomes a parameter."""
        self.sampler = self._sampler()
        return self.sampler

    @_fit_context(prefer_skip_nested_validation=False)
    def _select(self, X, y, sample_weight, auxiliary):
        if is_partitioned(X):
            self._select_from_partitions(self._checked(X, y, sample_weight, auxiliary))
            return
        context = self._init_callback_context(max_subtasks=1)
        if context is not None:
            context.call_on_fit_task_begin(estimator=self)
        X = check_table(self, X)
        n_samples = self.n_samples_in_ = _num_samples(X)
        if n_samples < 1:
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        check_consistent_length(X, *([] if y is None else [y]))
        weight = check_sample_weight(sample_weight, n_samples)
        sampler = clone(self._sampler())
        if sample_weight is not None and not takes_weight(sampler):
            raise ValueError(
                f"sample_weight was given, but fit_resample of {sampler!r} does not support "
                "sample_weight. Use a sampler of skcoreset."
            )
        # The errors of "auto" name the column themselves.
        auto = isinstance(self.transformer, str)
        with nullcontext() if auto else naming_columns(X, self):
            X_new, transformer = transform_features(self.transformer, X, y, weight, numbers=False)
        if transformer is not None:
            self.transformer_ = transformer
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        if context is None:
            sampler.fit_resample(X_new, y, **given)
        else:
            step = context.subcontext(task_name="select")
            with step.propagate_callback_context(sampler):
                step.call_on_fit_task_begin(estimator=self)
                sampler.fit_resample(X_new, y, **given)
                step.call_on_fit_task_end(estimator=self)
        self._publish_from(sampler)
        if context is not None:
            context.call_on_fit_task_end(estimator=self)

    def _check_X(self, X):
        return check_table(self, X)

    def _stratification(self):
        """For the survey of partitions: the sampler inside stratifies."""

    def _check_partition(self, X):
        if isinstance(self.transformer, str):
            check_no_infinity(X)

    def _represent_partitions(self, table, groups):
        """Not used: the sampler inside selects from the partitions."""

    def _select_from_partitions(self, table):
        """The transformer is fitted on a sample of all partitions."""
        sampler, parts = clone(self._sampler()), table.X
        self.n_samples_in_ = len(table.sample_weight)
        if not isinstance(sampler, BaseCoreset):
            raise TypeError(f"{sampler!r} does not support Dask collections.")
        sample, rows = sample_of(table, check_random_state(0))
        with naming_columns(sample.X, self, rows):
            _, transformer = transform_features(
                self.transformer, sample.X, sample.y, sample.sample_weight, numbers=False
            )
        if transformer is not None:
            self.transformer_ = transformer
            parts = parts.transformed(_transformed_by, shared=(transformer,))
        self._publish_from(sampler.fit(parts))

    def _publish_from(self, sampler):
        """Set the fitted attributes from those of the fitted sampler."""
        indices = indices_selected(sampler)
        if indices is None:
            raise TypeError(
                f"{sampler!r} has no fitted attribute sample_indices_. TransformedSampler needs a "
                "sampler that selects samples of X, not one that generates samples (SMOTE, "
                "ClusterCentroids)."
            )
        self.sampler_ = sampler
        self.sample_indices_ = np.asarray(indices)
        steps = resampling_steps(sampler)
        for name in _PUBLISHED if len(steps) == 1 else ():
            if hasattr(steps[0], name):
                setattr(self, name, getattr(steps[0], name))
        self.device_ = getattr(self, "device_", "cpu")

    @available_if(_sampler_has("truncate"))
    @fill_docstring
    def truncate(self, coreset_size, X=None, y=None, sample_weight=None):
        """Get a fitted sampler of a smaller budget, by the method `truncate` of the sampler.

        Parameters
        ----------
        coreset_size : int, float or dict
            The smaller budget.

        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
            The samples that were passed to `fit`, if the sampler requires them; it is given the
            transformed ones.

        {y_and_weight_of_fit}

        Returns
        -------
        sampler : object
            A fitted copy of this sampler, whose `sampler` and `sampler_` have the smaller budget.
        """
        check_is_fitted(self)
        if X is not None:
            X = self._transformed(X)
        fitted = copy(self)
        fitted._publish_from(self.sampler_.truncate(coreset_size, X, y, sample_weight))
        fitted.sampler = clone(fitted.sampler_)
        return fitted

    @available_if(_sampler_has("score_samples"))
    @fill_docstring
    def score_samples(self, X, y=None):
        """Score samples by the fitted sampler, after transforming their features.

        Parameters
        ----------
        {X_transformed}

        y : array-like of shape (n_samples,), default=None
            The class labels, if the sampler requires them.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The scores.
        """
        check_is_fitted(self)
        return self.sampler_.score_samples(self._transformed(X), *([] if y is None else [y]))

    def _transformed(self, X):
        X = check_table(self, X, reset=False)
        if not hasattr(self, "transformer_"):
            return X
        return self.transformer_.transform(_models.classifier_input(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        sampler = get_tags(self._sampler()).input_tags
        if self.transformer is None:
            inner = sampler
        else:
            auto = isinstance(self.transformer, str)
            inner = get_tags(AutoFeatures() if auto else self.transformer).input_tags
        # "auto" leaves sparse matrices as they are; what another transformer returns is not known.
        tags.input_tags.sparse = inner.sparse and (sampler.sparse or self.transformer != "auto")
        tags.input_tags.allow_nan = inner.allow_nan
        tags.input_tags.string = inner.string
        tags.input_tags.categorical = inner.categorical
        of_sampler = getattr(get_tags(self._sampler()), "sampler_tags", None)
        tags.sampler_tags.purposes = getattr(of_sampler, "purposes", None)
        tags.target_tags.required = needs_classes(self._sampler())
        return tags


def _transformed_by(X, transformer):
    return transformer.transform(_models.classifier_input(X))
