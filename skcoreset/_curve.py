"""Score of an estimator against the size of the coreset, by cross-validation."""

import time
from collections import Counter, defaultdict
from copy import copy
from dataclasses import dataclass
from itertools import product
from numbers import Integral, Real
from traceback import format_exc

import numpy as np
import sklearn
from joblib import effective_n_jobs
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, _num_samples

from skcoreset import _models
from skcoreset._backend import take
from skcoreset._baseline import Uniform
from skcoreset._classifier import CoresetClassifier, CoresetRegressor
from skcoreset._coreset import Coreset
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._nested import indices_selected, select, takes_weight
from skcoreset._validation import check_finite_target
from skcoreset._warnings import warn

__all__ = ["ALL_SAMPLES", "CurveResults", "PerScorer", "coreset_curve", "size_parameter"]

ALL_SAMPLES = "All samples"  # name of the reference in tables and legends


class CurveResults(Bunch):
    """The result of :func:`coreset_curve`: a Bunch with the method `to_frame`."""

    def to_frame(self):
        """Return the results as a dataframe with one row per fitted estimator.

        Returns
        -------
        frame : pandas.DataFrame
            The columns are `sampler`, `coreset_size`, `split`, `draw` (the number of the draw of
            `Uniform`, and 0 for other samplers), `n_rows`, `n_train`, `test_score` (or
            ``test_<scorer>`` for each of several scorers), `train_score` in the same way if it was
            computed, `select_time`, `fit_time` and `score_time`. The times of several draws are
            their means. In the rows of the estimators that are fitted on all training samples,
            `sampler` is "All samples" and `coreset_size` is NaN.
        """
        import pandas as pd

        kinds = [kind for kind in ("test", "train") if f"{kind}_scores" in self]
        n_sizes, n_splits = self.n_rows.shape[1:]
        rows = []
        for s, name in enumerate(self.sampler_names):
            for k, f, d in product(range(n_sizes), range(n_splits), range(self.n_draws[s])):
                row = {"sampler": name, "coreset_size": float(self.coreset_sizes[k]), "split": f}
                row |= {"draw": d, "n_rows": self.n_rows[s, k, f], "n_train": self.n_train[f]}
                for kind in kinds:
                    for label, draws in columns(self[f"{kind}_draws"], kind):
                        row[label] = draws[name][d, k, f]
                for key in ("select_time", "fit_time", "score_time"):
                    row[key] = self[f"{key}s"][s, k, f]
                rows.append(row)
        for f in range(n_splits) if "full_fit_times" in self else ():
            row = {"sampler": ALL_SAMPLES, "coreset_size": np.nan, "split": f, "draw": 0}
            row |= {"n_rows": self.n_train[f], "n_train": self.n_train[f]}
            for kind in kinds:
                row |= {
                    label: scores[f] for label, scores in columns(self[f"full_{kind}_scores"], kind)
                }
            row |= {"select_time": 0.0, "fit_time": self.full_fit_times[f]}
            rows.append(row | {"score_time": self.full_score_times[f]})
        return pd.DataFrame(rows)


class PerScorer(dict):
    """``{scorer: values}``, where there are several scorers."""


def columns(values, kind="test"):
    """(name of the column, values) of each scorer."""
    if not isinstance(values, PerScorer):
        return [(f"{kind}_score", values)]
    return [(f"{kind}_{scorer}", of_one) for scorer, of_one in values.items()]


@validate_params(
    {
        "estimator": [HasMethods("fit")],
        "X": "no_validation",
        "y": "no_validation",
        "samplers": [HasMethods("fit_resample"), list, tuple, dict, None],
        "coreset_sizes": ["array-like"],
        "groups": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, list, tuple, dict, None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "weight_scale": [StrOptions({"mean", "total"})],
        "full": ["boolean"],
        "return_train_score": ["boolean"],
        "return_indices": ["boolean"],
        "n_uniform": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "pre_dispatch": [Integral, str],
        "verbose": ["verbose"],
        "error_score": [StrOptions({"raise"}), Real],
        "params": [dict, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
@fill_docstring
def coreset_curve(
    estimator,
    X,
    y,
    *,
    samplers=None,
    coreset_sizes=(0.01, 0.02, 0.05, 0.1, 0.2),
    groups=None,
    cv=None,
    scoring=None,
    use_weights="auto",
    weight_scale="mean",
    full=True,
    return_train_score=False,
    return_indices=False,
    n_uniform=5,
    n_jobs=None,
    pre_dispatch="all",
    verbose=0,
    error_score=np.nan,
    params=None,
    random_state=None,
):
    """Score an estimator on coresets of several sizes, by cross-validation.

    In each training fold, each sampler selects coresets of the given sizes, a clone of the
    estimator is fitted on each coreset with its weights, and its score on the test fold is
    computed. The same splits are used for all samplers. The references are random draws of the
    same sizes (:class:`Uniform`), and the estimator that is fitted on all samples of the training
    fold.

    Parameters
    ----------
    estimator : estimator
        A classifier or a regressor. If it is a Pipeline, its transformers are fitted once on each
        training fold, the samplers select from the transformed samples, and clones of the last
        step are fitted on the selected samples. This is the result of a Pipeline whose last step
        is a :class:`CoresetClassifier` or a :class:`CoresetRegressor`.

    {X_in_memory}

    {y_to_predict}

    {curve_samplers}

    {cv_of_scores}

    {curve_parameters}

    Returns
    -------
    results : :class:`~sklearn.utils.Bunch`
        A dictionary with the following items, which are also attributes, for S samplers, K sizes
        and F splits. The method `to_frame` returns them as a :class:`pandas.DataFrame` with one
        row per fitted estimator.

        sampler_names : list of str of length S
            The names of the samplers.
        coreset_sizes : ndarray of shape (K,)
            The sizes, in ascending order.
        n_rows : ndarray of shape (S, K, F)
            Number of selected samples. Some samplers may select fewer than the budget.
        n_train : ndarray of shape (F,)
            Number of samples of each training fold.
        test_scores : ndarray of shape (S, K, F)
            Scores on the test folds, for :class:`Uniform` the means over the draws. For several
            scorers, a dict with one such array for each scorer.
        train_scores : ndarray of shape (S, K, F)
            Scores on the coresets. Only with ``return_train_score=True``.
        n_draws : ndarray of shape (S,)
            Number of draws of each sampler: `n_uniform` for :class:`Uniform`, 1 for the others.
        test_draws, train_draws : dict
            ``{sampler name: ndarray of shape (n_draws, K, F)}``, the scores of each draw. For
            several scorers, a dict with one such dict for each scorer.
        select_times : ndarray of shape (S, K, F)
            Seconds of the selection. A sampler whose smaller coresets are prefixes of the larger
            ones selects only the largest coreset; the time of this selection is given for all
            sizes and is an upper bound for the smaller ones. For :class:`Uniform`, this and the
            following times are means over the draws.
        fit_times : ndarray of shape (S, K, F)
            Seconds of fitting the estimator, including the transformers of a Pipeline.
        score_times : ndarray of shape (S, K, F)
            Seconds of computing the scores on the test fold.
        full_test_scores, full_train_scores, full_fit_times, full_score_times : ndarray of \
                shape (F,)
            The same for the estimators that are fitted on all samples of the training folds. Only
            with ``full=True``.
        indices : dict
            The indices of the samples in `X`: "train" and "test" are tuples with one array for
            each split; "coreset" is a dict with the indices ``[k][f]`` for each sampler name, in
            order of selection (those of the first draw). Only with ``return_indices=True``.
        score_name : str or dict of str
            The name of the score for the axis of a plot; for several scorers, a dict.

    See Also
    --------
    CoresetCurveDisplay : Plot the curves.
    smallest_coreset : The smallest coreset whose score is close to the score with all samples.
    sklearn.model_selection.learning_curve : Scores on training sets of several sizes.

    Notes
    -----
    Number of fits of the estimator: F (K S + 1), with each :class:`Uniform` counted `n_uniform`
    times. Memory: the transformed training samples of one split at a time if the estimator is a
    Pipeline and ``n_jobs=1``, and of all splits otherwise.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skcoreset import Herding, coreset_curve
    >>> X, y = load_digits(return_X_y=True)
    >>> results = coreset_curve(
    ...     SVC(), X, y, samplers=Herding(), coreset_sizes=[0.05, 0.1], cv=3, random_state=0
    ... )
    >>> results.sampler_names
    ['Herding', 'Uniform']
    >>> results.test_scores.mean(axis=2).round(2)
    array([[0.89, 0.91],
           [0.85, 0.91]])
    >>> print(results.full_test_scores.mean().round(2))
    0.97
    """
    if y is None:
        raise ValueError("coreset_curve requires y to be passed, but the target y is None.")
    X, y, groups = indexable(X, y, groups)
    pipeline, last = _last_step(estimator)
    model = CoresetRegressor if is_regressor(last) else CoresetClassifier
    model(last)._check_y(check_finite_target(y))
    samplers = _named(samplers, n_uniform)
    sizes = _check_sizes(coreset_sizes)
    cv = check_cv(cv, y, classifier=is_classifier(estimator))
    scorer = check_scoring(estimator, scoring=scoring, raise_exc=error_score == "raise")
    routed = _route(estimator, cv, scorer, groups, {} if params is None else params)
    head_params, sample_weight = _fit_params(pipeline, last, routed.fit)
    _check_weights(last, samplers, use_weights, sample_weight)
    splits = list(cv.split(X, y, **routed.split))
    _check_against_splits(sizes, splits)
    run = _Run(
        pipeline=pipeline,
        last=last,
        model=model,
        use_weights=use_weights,
        weight_scale=weight_scale,
        sizes=sizes,
        X=X,
        y=y,
        head_params=head_params,
        sample_weight=sample_weight,
        scorer=scorer,
        score_params=routed.score,
        return_train_score=return_train_score,
        error_score=error_score,
        verbose=verbose,
    )
    draws = _draws(run, samplers, len(splits), n_uniform, random_state)
    parallel = Parallel(n_jobs=n_jobs, pre_dispatch=pre_dispatch, verbose=verbose)
    if pipeline is None or effective_n_jobs(n_jobs) == 1:
        # Fitted when its turn comes, so that one split is held in memory at a time.
        folds = (run.prepare(f, *split) for f, split in enumerate(splits))
    else:
        folds = parallel(delayed(run.prepare)(f, *split) for f, split in enumerate(splits))
    names = [*samplers, *([ALL_SAMPLES] if full else [])]
    done = parallel(
        delayed(run.evaluate)(fold, name, draws.get((name, fold.number)))
        for fold in folds
        for name in names
    )
    fits = {
        name: [done[f * len(names) + at] for f in range(len(splits))]
        for at, name in enumerate(names)
    }
    _warn_or_raise(fits, sizes, error_score)
    results = _collect(run, fits, splits, list(samplers))
    results["score_name"] = _score_names(estimator, scoring, results["test_scores"])
    if return_indices:
        results["indices"] = _indices(fits, splits, samplers)
    return results


@dataclass(frozen=True)
class _Fold:
    """One split; with a Pipeline also its transformers, fitted on the training samples."""

    number: int
    train: np.ndarray
    test: np.ndarray
    transformers: list | None = None  # fitted steps of the Pipeline
    X: object = None  # the transformed training samples; None without a Pipeline
    seconds: float = 0.0  # time of the transformers
    error: str | None = None


@dataclass
class _Fit:
    """What came of one selection and one fit."""

    n_rows: int
    selected: object = None  # indices in the training fold; None if they are not known
    select_time: float = 0.0
    fit_time: float = 0.0
    score_time: float = 0.0
    test: object = None  # score, or a dict of scores; None if the fit failed
    train: object = None
    error: str | None = None


@dataclass(frozen=True)
class _Run:
    """Everything that the fits of one curve have in common."""

    pipeline: Pipeline | None  # None: there are no transformers
    last: object
    model: type  # CoresetClassifier or CoresetRegressor
    use_weights: object
    weight_scale: str
    sizes: np.ndarray
    X: object
    y: object
    head_params: dict
    sample_weight: object
    scorer: object
    score_params: dict
    return_train_score: bool
    error_score: object
    verbose: int

    def prepare(self, number, train, test):
        """Fit the transformers of the Pipeline on a training fold."""
        if self.pipeline is None:
            return _Fold(number, train, test)
        start, head = time.perf_counter(), clone(self.pipeline[:-1])
        params = _check_method_params(self.X, params=self.head_params, indices=train)
        try:
            X = head.fit_transform(take(self.X, train), take(self.y, train), **params)
        except Exception:
            if self.error_score == "raise":
                raise
            return _Fold(number, train, test, error=format_exc())
        seconds = time.perf_counter() - start
        return _Fold(number, train, test, transformers=head.steps, X=X, seconds=seconds)

    def evaluate(self, fold, name, samplers):
        """``[draw][size]`` of `_Fit` for the samplers of one fold, or one `_Fit` without samplers.

        The samplers are draws of one sampler, with different seeds.
        """
        X = take(self.X, fold.train) if fold.X is None else fold.X
        y = take(self.y, fold.train)
        weight = self.sample_weight
        weight = None if weight is None else take(weight, fold.train)
        if samplers is None:
            return self._fit_on_all(fold, X, y, weight)
        return [self._fit_on_coresets(fold, name, sampler, X, y, weight) for sampler in samplers]

    def _fit_on_all(self, fold, X, y, weight):
        def fit():
            passed = None if self.use_weights is False else weight
            return _models.fit_with_weight(clone(self.last), X, y, passed)

        done = _Fit(n_rows=len(fold.train), selected=np.arange(len(fold.train)), error=fold.error)
        self._fit_and_score(fold, fit, done)
        self._print(fold, ALL_SAMPLES, None, done)
        return done

    def _fit_on_coresets(self, fold, name, sampler, X, y, weight):
        fits, largest, cost_of_largest = [None] * len(self.sizes), None, 0.0
        for k in reversed(range(len(self.sizes))):
            size = self.sizes[k].item()
            done = fits[k] = _Fit(n_rows=_budget(size, len(fold.train)), error=fold.error)
            selection = None
            if done.error is None:
                start = time.perf_counter()
                try:
                    smaller = None if largest is None else _truncated(largest, size, X, y, weight)
                    if smaller is None:
                        fitted = clone(sampler).set_params(**{size_parameter(sampler): size})
                        selection = _Selection.by(fitted, X, y, weight, self)
                        done.select_time = time.perf_counter() - start
                        if _is_nested(fitted):
                            largest, cost_of_largest = fitted, done.select_time
                    else:
                        selection = _Selection.of(smaller, X, y)
                        done.select_time = cost_of_largest + time.perf_counter() - start
                except Exception:
                    if self.error_score == "raise":
                        raise
                    done.error = format_exc()
            if selection is not None:
                done.n_rows = _num_samples(selection.X)
                done.selected = selection.indices
                estimator = self.model(
                    self.last,
                    selection,
                    use_weights=self.use_weights,
                    weight_scale=self.weight_scale,
                )

                def fit(estimator=estimator):
                    return estimator.fit(X, y, sample_weight=weight).estimator_

                self._fit_and_score(fold, fit, done)
            self._print(fold, name, size, done)
        return fits

    def _fit_and_score(self, fold, fit, done):
        """Fit and score; add times, scores and errors to `done`."""
        if done.error is not None:
            return
        start = time.perf_counter()
        try:
            estimator = fit()
        except Exception:
            if self.error_score == "raise":
                raise
            done.error = format_exc()
        done.fit_time = fold.seconds + time.perf_counter() - start
        if done.error is not None:
            return
        if fold.transformers is not None:
            name = self.pipeline.steps[-1][0]
            whole = copy(self.pipeline)  # its type may be that of imbalanced-learn
            whole.steps = [*fold.transformers, (name, estimator)]
            estimator = whole
        start = time.perf_counter()
        done.test = self._score(estimator, fold.test)
        done.score_time = time.perf_counter() - start
        if self.return_train_score:
            done.train = self._score(estimator, fold.train[_known(done.selected)])

    def _score(self, estimator, rows):
        params = _check_method_params(self.X, params=self.score_params, indices=rows)
        # Scorers and estimators of scikit-learn work on the host.
        X = _models.classifier_input(take(self.X, rows))
        y = _models.classifier_input(take(self.y, rows))
        return _score(estimator, X, y, self.scorer, params, self.error_score)

    def _print(self, fold, name, size, done):
        if self.verbose <= 1:
            return
        sized = "" if size is None else f", coreset_size={size}"
        if done.error is not None:
            what = "failed"
        elif isinstance(done.test, dict):
            what = ", ".join(f"{scorer}={score:.3f}" for scorer, score in done.test.items())
        else:
            what = f"score={done.test:.3f}"
        seconds = done.select_time + done.fit_time + done.score_time
        print(f"[coreset_curve] split {fold.number}, {name}{sized}: {what}, time={seconds:.2f}s")


class _Selection(BaseEstimator):
    """A sampler that has selected already: it returns the selected samples."""

    def __init__(self, sampler, X, y, sample_weight_, indices):
        self.sampler = sampler
        self.X = X
        self.y = y
        self.sample_weight_ = sample_weight_
        self.indices = indices
        if indices is not None:
            self.sample_indices_ = indices

    @classmethod
    def by(cls, sampler, X, y, sample_weight, run):
        """Fit `sampler`, which may be any object with the method `fit_resample`."""
        auto = isinstance(run.use_weights, str)
        answer = select(sampler, X, y, sample_weight, run.model.__name__, weighted=auto)
        return cls(sampler, *answer, indices_selected(sampler))

    @classmethod
    def of(cls, sampler, X, y):
        """The selection of a fitted sampler of this package."""
        rows = sampler.sample_indices_
        return cls(sampler, take(X, rows), take(y, rows), sampler.sample_weight_, rows)

    def __sklearn_clone__(self):
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()  # without purposes: the scores show what it is good for
        tags.input_tags = get_tags(self.sampler).input_tags
        return tags

    def __repr__(self):
        return repr(self.sampler)  # for errors

    def fit_resample(self, X, y, sample_weight=None):
        return self.X, self.y


# Checks, before any work --------------------------------------------------------------------


def _last_step(estimator):
    """The Pipeline, or None if there are no transformers, and its last step or the estimator."""
    if get_tags(estimator).input_tags.pairwise:
        raise ValueError(
            f"{estimator!r} requires a precomputed matrix of all pairs of samples, of which a "
            "coreset has other columns. Use the estimator with the features."
        )
    if not isinstance(estimator, Pipeline):
        return None, estimator
    for name, step in estimator.steps[:-1]:
        if hasattr(step, "fit_resample"):
            raise ValueError(
                f"The step {name!r} of the Pipeline resamples the training samples, so that the "
                "samplers would not select from them. Use a Pipeline of transformers and one "
                "estimator."
            )
    return estimator if len(estimator.steps) > 1 else None, estimator.steps[-1][1]


def _named(samplers, n_uniform):
    """``{name: sampler}``, with `Uniform` among them."""
    if samplers is None:
        samplers = [Coreset()]
    elif hasattr(samplers, "fit_resample"):
        samplers = [samplers]
    if not isinstance(samplers, dict):
        kinds = [type(sampler).__name__ for sampler in samplers]
        names = [
            kind if kinds.count(kind) == 1 else " ".join(repr(sampler).split())
            for kind, sampler in zip(kinds, samplers, strict=True)
        ]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"samplers has {twice[0]} twice. Remove one of them.")
        samplers = dict(zip(names, samplers, strict=True))
    samplers = dict(samplers)
    if n_uniform and not any(isinstance(sampler, Uniform) for sampler in samplers.values()):
        if "Uniform" in samplers:
            raise ValueError(
                f"The name 'Uniform' is that of {samplers['Uniform']!r} in samplers, but is needed "
                "for the random draws. Use another name, or n_uniform=0."
            )
        samplers["Uniform"] = Uniform()
    if not samplers:
        raise ValueError("samplers is empty, and n_uniform=0. Give at least one sampler.")
    for name, sampler in samplers.items():
        if not isinstance(name, str) or name == ALL_SAMPLES:
            raise ValueError(
                f"The name {name!r} of a sampler must be a string other than {ALL_SAMPLES!r}."
            )
        if not hasattr(sampler, "fit_resample"):
            raise TypeError(f"{sampler!r} in samplers has no method fit_resample.")
        size_parameter(sampler)
    return samplers


def size_parameter(sampler):
    """The name of the parameter that is the size of the coreset."""
    parameters = sampler.get_params() if hasattr(sampler, "get_params") else {}
    if "coreset_size" in parameters:
        return "coreset_size"
    inside = [name for name in parameters if name.endswith("__coreset_size")]
    if len(inside) != 1:
        raise TypeError(
            f"{sampler!r} has no parameter coreset_size, which coreset_curve sets to each of the "
            "coreset_sizes. Use a sampler of skcoreset."
        )
    return inside[0]


def _check_sizes(coreset_sizes):
    """The sizes as a sorted array of ints or of floats."""
    sizes = np.asarray(coreset_sizes).tolist() if hasattr(coreset_sizes, "dtype") else coreset_sizes
    sizes = list(sizes) if np.ndim(sizes) == 1 else [sizes]
    if not sizes:
        raise ValueError("coreset_sizes is empty. Give at least one size.")
    for size in sizes:
        whole = isinstance(size, Integral) and not isinstance(size, bool | np.bool_)
        share = isinstance(size, Real) and not isinstance(size, Integral | np.bool_)
        if not (whole and size >= 1) and not (share and 0 < size <= 1):
            raise ValueError(
                f"coreset_sizes has {size!r}. Each size is an int of at least 1, the number of "
                "samples, or a float in (0, 1], the fraction of the training samples."
            )
    if len({isinstance(size, Integral) for size in sizes}) > 1:
        raise ValueError(
            f"coreset_sizes={sizes} has ints, which are numbers of samples, and floats, which are "
            "fractions of the training samples. Use one of them."
        )
    if len(set(sizes)) < len(sizes):
        twice = next(size for size in sizes if sizes.count(size) > 1)
        raise ValueError(f"coreset_sizes has {twice!r} twice. Give each size once.")
    return np.sort(np.array(sizes))


def _check_against_splits(sizes, splits):
    n_train = min(len(train) for train, _ in splits)
    if sizes.dtype.kind != "f" and sizes[-1] > n_train:
        raise ValueError(
            f"coreset_sizes has {sizes[-1]}, but the smallest training fold has {n_train} samples. "
            f"Give ints from 1 to {n_train}, or fractions in (0, 1]."
        )


def _budget(size, n_train):
    return size if isinstance(size, int) else max(1, round(size * n_train))


def _route(estimator, cv, scorer, groups, params):
    """The parameters of `fit`, of the scorer and of the splitter."""
    if not sklearn.get_config()["enable_metadata_routing"]:
        return Bunch(fit=params, score={}, split={"groups": groups})
    if groups is not None:
        raise ValueError(
            "groups cannot be given if metadata routing is enabled. Use params={'groups': groups}."
        )

    def mapping(callee):
        return MethodMapping().add(caller="fit", callee=callee)

    router = (
        MetadataRouter(owner="coreset_curve")
        .add(splitter=cv, method_mapping=mapping("split"))
        .add(estimator=estimator, method_mapping=mapping("fit"))
        .add(scorer=scorer, method_mapping=mapping("score"))
    )
    try:
        routed = process_routing(router, "fit", **params)
    except UnsetMetadataPassedError as error:
        raise UnsetMetadataPassedError(
            message=str(error).replace("coreset_curve.fit", "coreset_curve"),
            unrequested_params=error.unrequested_params,
            routed_params=error.routed_params,
        ) from error
    return Bunch(fit=routed.estimator.fit, score=routed.scorer.score, split=routed.splitter.split)


def _fit_params(pipeline, last, params):
    """The parameters of the transformers, and the sample weights of the last step or None."""
    if sklearn.get_config()["enable_metadata_routing"]:
        of_last = get_routing_for_object(last).consumes("fit", params)
        head = set()
        if pipeline is not None:
            process_routing(pipeline, "fit", **params)  # an error if a step requests nothing
            head = get_routing_for_object(pipeline[:-1]).consumes("fit_transform", params)
        of_head, of_last = {key: params[key] for key in head}, {key: key for key in of_last}
    elif pipeline is None:
        of_head, of_last = {}, {key: key for key in params}
    else:
        own = pipeline.steps[-1][0] + "__"
        of_head = {key: value for key, value in params.items() if not key.startswith(own)}
        of_last = {key: key[len(own) :] for key in params if key.startswith(own)}
        alone = [key for key in of_head if "__" not in key]
        if alone:
            raise ValueError(
                f"params has {alone[0]!r}, but the parameters of the steps of a Pipeline are named "
                f"<step>__<parameter>, for example {own}{alone[0]}."
            )
    others = [key for key, name in of_last.items() if name != "sample_weight"]
    if others:
        raise ValueError(
            f"params has {others[0]!r}, but sample_weight is the only parameter of fit of {last!r} "
            "that is supported."
        )
    weights = [params[key] for key in of_last]
    return of_head, weights[0] if weights else None


def _check_weights(last, samplers, use_weights, sample_weight):
    required = use_weights is True or (use_weights == "auto" and sample_weight is not None)
    if required and _models.weight_keyword(last) is None:
        given = "use_weights=True" if use_weights is True else "sample_weight was given"
        raise ValueError(
            f"{given}, but the fit method of {last!r} does not support sample_weight. Use an "
            "estimator that supports it."
        )
    if sample_weight is not None:
        for sampler in samplers.values():
            if not takes_weight(sampler):
                raise ValueError(
                    f"sample_weight was given, but fit_resample of {sampler!r} does not support "
                    "it. Use a sampler of skcoreset."
                )


# Samplers -----------------------------------------------------------------------------------


def _draws(run, samplers, n_splits, n_uniform, random_state):
    """``{(name, split): samplers}``: a clone of the sampler, of `Uniform` one for each draw."""
    random_state = check_random_state(random_state)
    draws = {}
    for name, sampler in samplers.items():
        n_draws = max(1, n_uniform) if isinstance(sampler, Uniform) else 1
        seeds = random_state.randint(2**31 - 1, size=(n_splits, n_draws))
        prepared = run.model(run.last, sampler)._prepared_sampler()
        if n_draws > 1 and sampler.random_state is not None:
            own = check_random_state(sampler.random_state)
            seeds = own.randint(2**31 - 1, size=seeds.shape)
            prepared.set_params(random_state=None)
        for f in range(n_splits):
            draws[name, f] = [seeded(prepared, np.random.RandomState(seed)) for seed in seeds[f]]
    return draws


def _is_nested(sampler):
    return hasattr(sampler, "truncate") and sampler._is_nested()


def _truncated(largest, size, X, y, sample_weight):
    """The fitted sampler of a smaller size, or None if it has to be fitted.

    With proportional classes, a smaller budget may have one sample more of a class.
    """
    try:
        return largest.truncate(size, X, y, sample_weight)
    except ValueError:
        return None


# Results ------------------------------------------------------------------------------------


def _warn_or_raise(fits, sizes, error_score):
    """Warn about failed fits, or raise if all of them failed."""
    failed, total = defaultdict(Counter), 0
    for name, of_splits in fits.items():
        for done in of_splits:
            of_draws = [[done]] if isinstance(done, _Fit) else done
            for k, one in ((k, one) for of_sizes in of_draws for k, one in enumerate(of_sizes)):
                total += 1
                if one.error is not None:
                    sized = "" if name == ALL_SAMPLES else f"coreset_size={sizes[k]}, "
                    failed[sized, one.error.strip().splitlines()[-1]][name] += 1
    if not failed:
        return
    number = sum(counts.total() for counts in failed.values())
    listed = "\n".join(
        f"{counts.total()} fits ({sized}{', '.join(counts)}): {why}"
        for (sized, why), counts in failed.items()
    )
    if number == total:
        raise ValueError(
            f"All {total} fits failed. With error_score='raise', the first error is raised. The "
            f"errors are:\n{listed}"
        )
    warn(
        f"{number} of {total} fits failed, and their scores are {error_score}. With "
        f"error_score='raise', the first error is raised. The errors are:\n{listed}",
        FitFailedWarning,
    )


def _collect(run, fits, splits, names):
    """The arrays of the result."""
    per_name = {name: np.array(fits[name], dtype=object).transpose(1, 2, 0) for name in names}
    results = CurveResults(
        sampler_names=names,
        coreset_sizes=run.sizes,
        n_rows=np.stack([_each(per_name[name][0], "n_rows", int) for name in names]),
        n_train=np.array([len(train) for train, _ in splits]),
        n_draws=np.array([len(per_name[name]) for name in names]),
    )
    for key in ("select_time", "fit_time", "score_time"):
        means = [_each(per_name[name], key, float).mean(axis=0) for name in names]
        results[f"{key}s"] = np.stack(means)
    kinds = ["test", "train"] if run.return_train_score else ["test"]
    scorers = _scorers(fits)
    for kind in kinds:
        draws = {
            scorer: {name: _scores(per_name[name], kind, scorer, run) for name in names}
            for scorer in scorers
        }
        means = {
            scorer: np.stack([of_draws.mean(axis=0) for of_draws in by_name.values()])
            for scorer, by_name in draws.items()
        }
        results[f"{kind}_scores"] = _alone_or_all(means)
        results[f"{kind}_draws"] = _alone_or_all(draws)
    if ALL_SAMPLES in fits:
        full = np.array(fits[ALL_SAMPLES], dtype=object)
        for kind in kinds:
            scores = {scorer: _scores(full, kind, scorer, run) for scorer in scorers}
            results[f"full_{kind}_scores"] = _alone_or_all(scores)
        results["full_fit_times"] = _each(full, "fit_time", float)
        results["full_score_times"] = _each(full, "score_time", float)
    return results


def _each(fits, attribute, dtype):
    """An attribute of each `_Fit` in an array of them."""
    values = [getattr(one, attribute) for one in fits.ravel()]
    return np.array(values, dtype=dtype).reshape(fits.shape)


def _scores(fits, kind, scorer, run):
    """The scores of one scorer, of failed fits `error_score`."""

    def score(one):
        found = getattr(one, kind)
        if found is None:
            return run.error_score
        return found if scorer is None else found[scorer]

    return np.array([score(one) for one in fits.ravel()], dtype=float).reshape(fits.shape)


def _scorers(fits):
    """The names of the scorers; ``[None]`` for a single one."""
    for of_splits in fits.values():
        for one in np.array(of_splits, dtype=object).ravel():
            if one.test is not None:
                return list(one.test) if isinstance(one.test, dict) else [None]
    raise AssertionError("all fits failed")


def _alone_or_all(values):
    return values[None] if None in values else PerScorer(values)


def _score_names(estimator, scoring, scores):
    if isinstance(scores, PerScorer):
        return {scorer: _score_name(scorer) for scorer in scores}
    return _score_name(_default_score(estimator) if scoring is None else scoring)


def _default_score(estimator):
    """The name of the score that the method `score` computes, as a scorer of scikit-learn."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    known = {ClassifierMixin.score: "accuracy", RegressorMixin.score: "r2"}
    return known.get(getattr(type(last), "score", None), "score")


def _score_name(scoring):
    """The rule of LearningCurveDisplay: words with a capital letter, "Negative" for "neg_"."""
    name = getattr(scoring, "__name__", "score") if callable(scoring) else scoring
    name = f"Negative {name[4:]}" if name.startswith("neg_") else name
    return name.replace("_", " ").capitalize()


def _indices(fits, splits, names):
    train, test = zip(*splits, strict=True)
    coreset = {}
    for name in names:
        first = [of_draws[0] for of_draws in fits[name]]  # [split][size]
        coreset[name] = [
            [
                None if of_sizes[k].selected is None else rows[of_sizes[k].selected]
                for of_sizes, rows in zip(first, train, strict=True)
            ]
            for k in range(len(first[0]))
        ]
    return {"train": train, "test": test, "coreset": coreset}


def _known(selected):
    if selected is None:
        raise ValueError(
            "The score on the coreset requires a sampler with the attribute sample_indices_. Use "
            "return_train_score=False."
        )
    return selected
