"""The selections and fits of one curve, without the checks before and the arrays after them."""

import time
from copy import copy
from dataclasses import dataclass
from traceback import format_exc

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_method_params, _num_samples

from skcoreset import _models
from skcoreset._backend import take
from skcoreset._nested import indices_selected, select

__all__ = ["CurveRun", "size_parameter"]


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
class CurveRun:
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
            return self._fit_on_all(fold, name, X, y, weight)
        return [self._fit_on_coresets(fold, name, sampler, X, y, weight) for sampler in samplers]

    def _fit_on_all(self, fold, name, X, y, weight):
        def fit():
            passed = None if self.use_weights is False else weight
            return _models.fit_with_weight(clone(self.last), X, y, passed)

        done = _Fit(n_rows=len(fold.train), selected=np.arange(len(fold.train)), error=fold.error)
        self._fit_and_score(fold, fit, done)
        self._print(fold, name, None, done)
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


def _budget(size, n_train):
    return size if isinstance(size, int) else max(1, round(size * n_train))


def _known(selected):
    if selected is None:
        raise ValueError(
            "The score on the coreset requires a sampler with the attribute sample_indices_. Use "
            "return_train_score=False."
        )
    return selected
