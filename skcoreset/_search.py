"""The smallest coreset whose score is close to the score with all samples."""

from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    _fit_context,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_random_state, get_tags
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._classifier import CoresetClassifier, CoresetRegressor
from skcoreset._coreset import Coreset
from skcoreset._curve import coreset_curve
from skcoreset._curve_results import PerScorer
from skcoreset._curve_run import size_parameter
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import EstimatorMixin, replace_when_fitted, seeded
from skcoreset._validation import check_finite_target, check_table, encode
from skcoreset._warnings import warn

__all__ = ["CoresetSearchCV", "smallest_coreset"]

_TOLERANCE = [StrOptions({"one_standard_error"}), Interval(Real, 0, None, closed="left")]


@validate_params(
    {
        "results": [dict],
        "tolerance": _TOLERANCE,
        "scorer": [str, None],
    },
    prefer_skip_nested_validation=True,
)
@fill_docstring
def smallest_coreset(results, *, tolerance="one_standard_error", scorer=None):
    """Return the smallest coreset whose score is close to the score with all samples.

    Parameters
    ----------
    results : :class:`~sklearn.utils.Bunch`
        The result of :func:`coreset_curve` with ``full=True``.

    {tolerance}

    scorer : str, default=None
        The name of the scorer, if the results have several.

    Returns
    -------
    found : :class:`~sklearn.utils.Bunch`
        A dictionary with the following items, which are also attributes:

        sampler_name : str
            The sampler with the fewest samples, by the mean over the splits. If several samplers
            need equally many, it is the one with the best score.
        coreset_size : int or float
            The size, as it is in ``results.coreset_sizes``.
        n_rows : float
            Number of selected samples, the mean over the splits.
        score, full_score : float
            Mean score with the coreset and with all samples.
        min_score : float
            The lowest score that is accepted: `full_score` minus the tolerance.

    Raises
    ------
    ValueError
        If no coreset in the results has such a score.

    See Also
    --------
    CoresetSearchCV : Search the size and fit the estimator on the coreset.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skcoreset import Herding, coreset_curve, smallest_coreset
    >>> X, y = load_digits(return_X_y=True)
    >>> results = coreset_curve(SVC(), X, y, samplers=Herding(), cv=3, random_state=0)
    >>> found = smallest_coreset(results, tolerance=0.05)
    >>> found.sampler_name, found.coreset_size
    ('Herding', 0.2)
    """
    if "full_test_scores" not in results:
        raise ValueError(
            "results contain no scores with all samples. Use coreset_curve(..., full=True)."
        )
    scores, full = results["test_scores"], results["full_test_scores"]
    if isinstance(scores, PerScorer):
        if scorer not in scores:
            raise ValueError(
                f"scorer={scorer!r} is not one of the scorers of the results: {list(scores)}."
            )
        scores, full = scores[scorer], full[scorer]
    elif scorer is not None:
        raise ValueError(f"scorer={scorer!r}, but the results have a single scorer. Use None.")
    full_score, min_score = _accepted(full, tolerance)
    mean, n_rows = scores.mean(axis=2), results["n_rows"].mean(axis=2)
    good = np.argwhere(_is_accepted(mean, min_score))
    if not len(good):
        best = "All of them are NaN."
        if not np.isnan(mean).all():
            s, k = np.unravel_index(np.nanargmax(mean), mean.shape)
            best = (
                f"The best score is {mean[s, k]:.4g}, of {results['sampler_names'][s]} with "
                f"coreset_size={results['coreset_sizes'][k]}. Add larger sizes to coreset_sizes, "
                "or increase the tolerance."
            )
        raise ValueError(
            f"No coreset has a score of at least {min_score:.4g}; the score with all samples is "
            f"{full_score:.4g}. {best}"
        )
    s, k = min(good.tolist(), key=lambda at: (n_rows[tuple(at)], -mean[tuple(at)]))
    return Bunch(
        sampler_name=results["sampler_names"][s],
        coreset_size=results["coreset_sizes"][k].item(),
        n_rows=float(n_rows[s, k]),
        score=float(mean[s, k]),
        full_score=full_score,
        min_score=min_score,
    )


def _accepted(full_scores, tolerance):
    """The mean of the scores with all samples, and the lowest score that is accepted."""
    full_score = float(full_scores.mean())
    if np.isnan(full_score):
        raise ValueError("The score with all samples is NaN for at least one split.")
    if isinstance(tolerance, str):
        if len(full_scores) < 2:
            raise ValueError(
                "tolerance='one_standard_error' requires at least 2 splits. Give a number."
            )
        tolerance = full_scores.std(ddof=1) / np.sqrt(len(full_scores))
    return full_score, full_score - float(tolerance)


def _is_accepted(score, min_score):
    """Whether a mean score is at least `min_score`, up to rounding."""
    return score >= min_score - 1e-12 * np.maximum(1, np.abs(min_score))


def _best_estimator_has(method):
    """Check for `method` of the fitted estimator, or of `estimator` before `fit`."""

    def check(self):
        if hasattr(self, "best_estimator_"):
            getattr(self.best_estimator_, method)
            return True
        return _models.has_method(self.estimator, method)

    return check


@fill_docstring
class CoresetSearchCV(EstimatorMixin, MetaEstimatorMixin, BaseEstimator):
    """Search the smallest coreset whose score is close to the score with all samples.

    The scores are computed by cross-validation, as in :func:`coreset_curve`. The first coreset has
    the size `min_size`. As long as the mean score is too low, the size is multiplied by `factor`.
    The search stops at the first size with a sufficient score, and the estimator is fitted on a
    coreset of this size, which is selected from all samples. The meta-estimator is used like the
    estimator.

    Parameters
    ----------
    estimator : estimator
        A classifier or a regressor; clones of it are fitted. If it is a Pipeline, the sampler
        selects from the samples that reach its last step.

    sampler : sampler, default=None
        The sampler, which must have the parameter `coreset_size`; clones of it are fitted. If None,
        ``Coreset()`` is used.

    {tolerance}

    min_size : int or float, default=0.01
        The first size. A float is a fraction of the training samples of the smallest fold. If the
        target has classes, the first size is at least the number of classes.

    factor : float, default=2
        The factor between successive sizes, larger than 1.

    {cv_of_scores}

    scoring : str or callable, default=None
        The scorer. If None, the method `score` of the estimator is used.

    {use_weights}

    {weight_scale}

    n_jobs : int, default=None
        Number of splits that are processed in parallel, see :func:`coreset_curve`.

    random_state : int, RandomState instance or None, default=None
        Seed of each parameter `random_state` of the sampler that is None. Pass an int for
        reproducible results.

    Attributes
    ----------
    coreset_size_ : int
        Number of samples in the coreset. If no size has a sufficient score, a warning is raised,
        the estimator is fitted on all samples, and this is their number.

    best_estimator_ : estimator
        The estimator, fitted on the coreset: a :class:`CoresetClassifier` or a
        :class:`CoresetRegressor`, or a Pipeline that ends in one. If no size has a sufficient
        score, it is the estimator itself, fitted on all samples.

    best_score_ : float
        Mean score over the splits with coresets of size `coreset_size_`.

    full_score_ : float
        Mean score over the splits with all samples.

    min_score_ : float
        The lowest mean score that is accepted: `full_score_` minus the tolerance.

    cv_results_ : dict of ndarray
        One value for each size in the order of the search: `coreset_size`, `mean_test_score`,
        `std_test_score`, ``split<i>_test_score``, `mean_select_time`, `mean_fit_time` and
        `mean_score_time` (in seconds).

    n_splits_ : int
        Number of splits.

    scorer_ : callable
        The scorer.

    classes_ : ndarray of shape (n_classes,)
        The class labels. Defined only if the estimator is a classifier.

    {n_features_in_}

    {feature_names_in_}

    See Also
    --------
    coreset_curve : The scores of several samplers at given sizes.
    smallest_coreset : Apply the same criterion to the result of :func:`coreset_curve`.

    Notes
    -----
    The search fits the estimator once on all samples of each training fold. The time of the
    coresets is at most ``factor / (factor - 1)`` times that of the last one if it is proportional
    to the size. A search is therefore slower than fitting the estimator on all samples. It pays if
    the prediction is faster with fewer samples, or if the size is used again: for similar data, or
    for the fits of a parameter search.

    The search stops at the first score that is high enough, which may be so by chance.
    `best_score_` is therefore slightly too optimistic.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skcoreset import CoresetSearchCV, Herding
    >>> X, y = load_digits(return_X_y=True)
    >>> search = CoresetSearchCV(SVC(), Herding(), tolerance=0.03, cv=3).fit(X, y)
    >>> search.coreset_size_
    384
    """

    _parameter_constraints = {
        "estimator": [_models.HasMethodsOnceFitted(["fit", "predict"])],
        "sampler": [HasMethods("fit_resample"), None],
        "tolerance": _TOLERANCE,
        "min_size": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "factor": [Interval(Real, 1, None, closed="neither")],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "weight_scale": [StrOptions({"mean", "total"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    _defaults = {"sampler": "_sampler"}

    def __init__(
        self,
        estimator,
        sampler=None,
        *,
        tolerance="one_standard_error",
        min_size=0.01,
        factor=2,
        cv=None,
        scoring=None,
        use_weights="auto",
        weight_scale="mean",
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.sampler = sampler
        self.tolerance = tolerance
        self.min_size = min_size
        self.factor = factor
        self.cv = cv
        self.scoring = scoring
        self.use_weights = use_weights
        self.weight_scale = weight_scale
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @fill_docstring
    def fit(self, X, y, sample_weight=None):
        """Search the size, and fit the estimator on a coreset of this size.

        Parameters
        ----------
        {X_in_memory}

        {y_to_predict}

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights, which are passed to the sampler and to the estimator, but not to the
            scorer.

        Returns
        -------
        self : object
            The fitted meta-estimator.
        """
        with replace_when_fitted(self) as fitted:
            fitted._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        if y is None:
            raise ValueError("CoresetSearchCV requires y to be passed, but the target y is None.")
        X = check_table(self, X)
        y = check_finite_target(y)
        estimator = self.estimator
        self._kind()()._check_y(y)
        cv = check_cv(self.cv, y, classifier=is_classifier(estimator))
        splits = list(cv.split(X, y))
        self.n_splits_ = len(splits)
        self.scorer_ = check_scoring(estimator, scoring=self.scoring)
        sampler = seeded(self._sampler(), check_random_state(self.random_state))
        name = self._weight_name()

        def curve(size, full):
            return coreset_curve(
                estimator,
                X,
                y,
                samplers=sampler,
                coreset_sizes=[size],
                cv=splits,
                scoring=self.scoring,
                use_weights=self.use_weights,
                weight_scale=self.weight_scale,
                full=full,
                n_uniform=0,
                n_jobs=self.n_jobs,
                error_score="raise",
                params=None if sample_weight is None else {name: sample_weight},
            )

        self._search(curve, y, min(len(train) for train, _ in splits))
        found = _is_accepted(self.best_score_, self.min_score_)
        if not found:
            self.coreset_size_ = _num_samples(X)
            self.best_score_ = self.full_score_
            warn(
                f"No coreset that is smaller than a training fold has a mean score of at least "
                f"{self.min_score_:.4g}, so that the estimator is fitted on all samples. Increase "
                "the tolerance, or use another sampler."
            )
        best = self._with_sampler(sampler) if found else clone(estimator)
        self.best_estimator_ = _models.fit_with_weight(best, X, y, sample_weight)

    def _search(self, curve, y, n_train):
        """Multiply the size by `factor` until the score is sufficient or the size too large."""
        size = self.min_size
        size = size if isinstance(size, Integral) else max(1, round(size * n_train))
        _, classes = encode(y) if is_classifier(self.estimator) else (None, ())
        size, rows = max(size, len(classes)), []
        while size < n_train:
            results = curve(int(size), full=not rows)
            if not rows:
                accepted = _accepted(results.full_test_scores, self.tolerance)
                self.full_score_, self.min_score_ = accepted
            scores = results.test_scores[0, 0]
            self.coreset_size_, self.best_score_ = int(size), float(scores.mean())
            rows.append(
                {
                    "coreset_size": int(size),
                    "mean_test_score": scores.mean(),
                    "std_test_score": scores.std(),
                    **{f"split{f}_test_score": score for f, score in enumerate(scores)},
                    **{
                        f"mean_{key}_time": results[f"{key}_times"].mean()
                        for key in ("select", "fit", "score")
                    },
                }
            )
            if _is_accepted(self.best_score_, self.min_score_):
                break
            size = np.ceil(size * self.factor)
        if not rows:
            raise ValueError(
                f"min_size={self.min_size!r} gives {size} samples, but the smallest training fold "
                f"has {n_train}. Give a smaller size."
            )
        self.cv_results_ = {key: np.array([row[key] for row in rows]) for key in rows[0]}

    def _sampler(self):
        return Coreset() if self.sampler is None else self.sampler

    def _kind(self):
        return CoresetRegressor if is_regressor(self.estimator) else CoresetClassifier

    def _weight_name(self):
        """The name of the sample weights among the parameters of `fit`."""
        if isinstance(self.estimator, Pipeline):
            return f"{self.estimator.steps[-1][0]}__sample_weight"
        return "sample_weight"

    def _with_sampler(self, sampler):
        """The estimator, the last step of which is fitted on a coreset."""
        whole = clone(self.estimator)
        last = whole.steps[-1][1] if isinstance(whole, Pipeline) else whole
        sampler = clone(sampler).set_params(**{size_parameter(sampler): self.coreset_size_})
        small = self._kind()(
            last, sampler, use_weights=self.use_weights, weight_scale=self.weight_scale
        )
        if not isinstance(whole, Pipeline):
            return small
        return whole.set_params(**{whole.steps[-1][0]: small})

    @property
    def classes_(self):
        """The class labels known to the fitted classifier."""
        return self.best_estimator_.classes_

    @available_if(_best_estimator_has("predict"))
    @fill_docstring
    def predict(self, X):
        """Predict the target of each sample with `best_estimator_`.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {predictions}
        """
        return self._ask("predict", X)

    @available_if(_best_estimator_has("predict_proba"))
    @fill_docstring
    def predict_proba(self, X):
        """Predict class probabilities with `best_estimator_`.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {class_probabilities}
        """
        return self._ask("predict_proba", X)

    @available_if(_best_estimator_has("decision_function"))
    @fill_docstring
    def decision_function(self, X):
        """Compute the decision function of `best_estimator_`.

        Parameters
        ----------
        {X_predicted}

        Returns
        -------
        {decision_values}
        """
        return self._ask("decision_function", X)

    @fill_docstring
    def score(self, X, y):
        """Compute the score of `best_estimator_` with the scorer of the search.

        Parameters
        ----------
        {X_predicted}

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true targets.

        Returns
        -------
        score : float
            The score.
        """
        check_is_fitted(self)
        return self.scorer_(self.best_estimator_, check_table(self, X, reset=False), y)

    def _ask(self, method, X):
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return getattr(self.best_estimator_, method)(_models.classifier_input(X))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "best_estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        sampler = get_tags(self._sampler()).input_tags
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = deepcopy(inner.classifier_tags)
        tags.regressor_tags = deepcopy(inner.regressor_tags)
        tags.target_tags = deepcopy(inner.target_tags)
        tags.input_tags.sparse = inner.input_tags.sparse and sampler.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan and sampler.allow_nan
        tags.input_tags.string = inner.input_tags.string and sampler.string
        return tags
