"""Score of an estimator against the size of the coreset, by cross-validation."""

from numbers import Integral, Real

import numpy as np
import sklearn
from joblib import effective_n_jobs
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
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

from skcoreset import _models
from skcoreset._baseline import Uniform
from skcoreset._classifier import CoresetClassifier, CoresetRegressor
from skcoreset._coreset import Coreset
from skcoreset._curve_results import ALL_SAMPLES, collect, indices_of, score_names, warn_or_raise
from skcoreset._curve_run import CurveRun, size_parameter
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._nested import takes_weight
from skcoreset._validation import check_finite_target

__all__ = ["coreset_curve"]


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
    run = CurveRun(
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
    warn_or_raise(fits, sizes, error_score)
    results = collect(run, fits, splits, list(samplers))
    results["score_name"] = score_names(estimator, scoring, results["test_scores"])
    if return_indices:
        results["indices"] = indices_of(fits, splits, samplers)
    return results


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
