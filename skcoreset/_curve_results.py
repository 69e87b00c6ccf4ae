"""The results of `coreset_curve`: arrays of all fits, a dataframe, and errors of failed fits.

The fits are given as ``{name: [split][draw][size]}``, and as ``[split]`` for the reference.
"""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skcoreset._warnings import warn

__all__ = [
    "ALL_SAMPLES",
    "CurveResults",
    "PerScorer",
    "collect",
    "indices_of",
    "score_names",
    "warn_or_raise",
]

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
                    for label, draws in _columns(self[f"{kind}_draws"], kind):
                        row[label] = draws[name][d, k, f]
                for key in ("select_time", "fit_time", "score_time"):
                    row[key] = self[f"{key}s"][s, k, f]
                rows.append(row)
        for f in range(n_splits) if "full_fit_times" in self else ():
            row = {"sampler": ALL_SAMPLES, "coreset_size": np.nan, "split": f, "draw": 0}
            row |= {"n_rows": self.n_train[f], "n_train": self.n_train[f]}
            for kind in kinds:
                row |= {
                    label: scores[f]
                    for label, scores in _columns(self[f"full_{kind}_scores"], kind)
                }
            row |= {"select_time": 0.0, "fit_time": self.full_fit_times[f]}
            rows.append(row | {"score_time": self.full_score_times[f]})
        return pd.DataFrame(rows)


class PerScorer(dict):
    """``{scorer: values}``, where there are several scorers."""


def _columns(values, kind="test"):
    """(name of the column, values) of each scorer."""
    if not isinstance(values, PerScorer):
        return [(f"{kind}_score", values)]
    return [(f"{kind}_{scorer}", of_one) for scorer, of_one in values.items()]


def collect(run, fits, splits, names):
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


def indices_of(fits, splits, names):
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


def score_names(estimator, scoring, scores):
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


def warn_or_raise(fits, sizes, error_score):
    """Warn about failed fits, or raise if all of them failed."""
    failed, total = defaultdict(Counter), 0
    for name, of_splits in fits.items():
        for done in of_splits:
            of_draws = [[done]] if name == ALL_SAMPLES else done
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
