"""Plots of the score against the size of the coreset, or against the time."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skcoreset._curve import coreset_curve
from skcoreset._curve_results import ALL_SAMPLES, PerScorer
from skcoreset._docstrings import fill_docstring

__all__ = ["CoresetCurveDisplay"]

_LABELS = {
    "rows": "Number of samples in the coreset",
    "fraction": "Fraction of the training samples",
    "time": "Seconds of selecting and fitting",
}
_BASELINE, _REFERENCE = "0.5", "0.2"  # gray values of Uniform and of all samples


@fill_docstring
class CoresetCurveDisplay:
    """Coreset curve visualization.

    It is recommended to create a display with :meth:`from_estimator` or :meth:`from_results`. All
    parameters are stored as attributes.

    Parameters
    ----------
    {curve_results}

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes
        The axes; an array with the axes of each scorer if there are several.

    figure_ : matplotlib Figure
        The figure.

    lines_ : list of matplotlib Artist or None
        The lines of the mean scores of each sampler; with ``score_type="both"``, first those of
        the training scores. None if `std_display_style` is "errorbar". For several scorers, this
        attribute and the following ones are dicts with one such value for each scorer.

    fill_between_ : list of matplotlib Artist or None
        The bands of one standard deviation around the lines. None if `std_display_style` is not
        "fill_between".

    errorbar_ : list of matplotlib Artist or None
        The error bars. None if `std_display_style` is not "errorbar".

    full_line_ : matplotlib Artist or None
        The line of the mean score with all samples. None if the results contain no such score, or
        if ``plot_full=False``.

    See Also
    --------
    coreset_curve : Compute the curves.
    sklearn.model_selection.LearningCurveDisplay : The display whose conventions this one follows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skcoreset import CoresetCurveDisplay, Herding, coreset_curve
    >>> X, y = load_digits(return_X_y=True)
    >>> results = coreset_curve(
    ...     SVC(), X, y, samplers=Herding(), coreset_sizes=[0.05, 0.1], cv=3, random_state=0
    ... )
    >>> display = CoresetCurveDisplay.from_results(results)
    >>> display.frame()[["sampler", "rows", "test_score", "test_score_std"]].round(2)
           sampler    rows  test_score  test_score_std
    0      Herding    60.0        0.89            0.00
    1      Herding   120.0        0.91            0.01
    2      Uniform    60.0        0.85            0.03
    3      Uniform   120.0        0.91            0.01
    4  All samples  1198.0        0.97            0.01
    """

    def __init__(self, results):
        self.results = results

    @classmethod
    @fill_docstring
    def from_estimator(
        cls,
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
        ax=None,
        x="rows",
        negate_score=False,
        score_name=None,
        score_type="test",
        std_display_style="fill_between",
        plot_full=True,
        line_kw=None,
        fill_between_kw=None,
        errorbar_kw=None,
        full_kw=None,
    ):
        """Compute the curves of an estimator and plot them.

        Parameters
        ----------
        estimator : estimator
            A classifier, a regressor, or a Pipeline that ends in one, see :func:`coreset_curve`.

        {X_in_memory}

        {y_to_predict}

        {curve_samplers}

        {cv_of_scores}

        {curve_parameters}

        {plot_parameters}

        Returns
        -------
        display : CoresetCurveDisplay
            The display; its attribute `results` is the result of :func:`coreset_curve`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _check_plot(x, std_display_style, score_type)
        results = coreset_curve(
            estimator,
            X,
            y,
            samplers=samplers,
            coreset_sizes=coreset_sizes,
            groups=groups,
            cv=cv,
            scoring=scoring,
            use_weights=use_weights,
            weight_scale=weight_scale,
            full=full,
            return_train_score=return_train_score or score_type != "test",
            return_indices=return_indices,
            n_uniform=n_uniform,
            n_jobs=n_jobs,
            pre_dispatch=pre_dispatch,
            verbose=verbose,
            error_score=error_score,
            params=params,
            random_state=random_state,
        )
        return cls(results).plot(
            ax,
            x=x,
            negate_score=negate_score,
            score_name=score_name,
            score_type=score_type,
            std_display_style=std_display_style,
            plot_full=plot_full,
            line_kw=line_kw,
            fill_between_kw=fill_between_kw,
            errorbar_kw=errorbar_kw,
            full_kw=full_kw,
        )

    @classmethod
    @fill_docstring
    def from_results(
        cls,
        results,
        *,
        ax=None,
        x="rows",
        negate_score=False,
        score_name=None,
        score_type="test",
        std_display_style="fill_between",
        plot_full=True,
        line_kw=None,
        fill_between_kw=None,
        errorbar_kw=None,
        full_kw=None,
    ):
        """Plot the result of :func:`coreset_curve`.

        Parameters
        ----------
        {curve_results}

        {plot_parameters}

        Returns
        -------
        display : CoresetCurveDisplay
            The display.
        """
        return cls(results).plot(
            ax,
            x=x,
            negate_score=negate_score,
            score_name=score_name,
            score_type=score_type,
            std_display_style=std_display_style,
            plot_full=plot_full,
            line_kw=line_kw,
            fill_between_kw=fill_between_kw,
            errorbar_kw=errorbar_kw,
            full_kw=full_kw,
        )

    @fill_docstring
    def plot(
        self,
        ax=None,
        *,
        x="rows",
        negate_score=False,
        score_name=None,
        score_type="test",
        std_display_style="fill_between",
        plot_full=True,
        line_kw=None,
        fill_between_kw=None,
        errorbar_kw=None,
        full_kw=None,
    ):
        """Plot the scores.

        The axis of `x` is logarithmic if the largest distance between neighboring values is more
        than 5 times the smallest one.

        Parameters
        ----------
        {plot_parameters}

        Returns
        -------
        self : CoresetCurveDisplay
            The display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        _check_plot(x, std_display_style, score_type)
        kinds = ["train", "test"] if score_type == "both" else [score_type]
        if "train" in kinds and "train_scores" not in self.results:
            raise ValueError(
                f"score_type={score_type!r} requires training scores, but the results contain "
                "none. Use coreset_curve(..., return_train_score=True), or score_type='test'."
            )
        names = self._score_names(score_name, negate_score)
        axes = _axes(ax, len(names))
        panel = _Panel(
            self.results,
            x=x,
            kinds=kinds,
            sign=-1 if negate_score else 1,
            std_display_style=std_display_style,
            plot_full=plot_full and "full_fit_times" in self.results,
            line_kw={"markersize": 4} | (line_kw or {}),
            fill_between_kw={"alpha": 0.15, "linewidth": 0} | (fill_between_kw or {}),
            errorbar_kw={"markersize": 4, "capsize": 3} | (errorbar_kw or {}),
            full_kw={"color": "0.2", "linestyle": "--", "linewidth": 1.2} | (full_kw or {}),
        )
        artists = {}
        for one, (scorer, name) in zip(axes, names.items(), strict=True):
            artists[scorer] = panel.draw(one, scorer)
            one.set(xlabel=_LABELS[x], ylabel=name)
        outside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
        axes[-1].legend(*_legend(axes[-1]), **(outside if ax is None else {}))
        alone = None in names
        self.ax_ = axes[0] if alone else axes
        self.figure_ = axes[0].figure
        for attribute in ("lines_", "fill_between_", "errorbar_", "full_line_"):
            values = {scorer: found[attribute] for scorer, found in artists.items()}
            setattr(self, attribute, values[None] if alone else values)
        return self

    def frame(self):
        """Return the plotted values as a dataframe with one row per sampler and size.

        Returns
        -------
        frame : pandas.DataFrame
            The columns are `sampler`, `coreset_size`, `rows`, `fraction` and `time`, which are the
            values of the axis of `x`, and for each score its mean and its standard deviation over
            the splits and draws, for example `test_score` and `test_score_std`. The last row is
            that of all samples, and its `coreset_size` is NaN.
        """
        import pandas as pd

        results = self.results
        kinds = [kind for kind in ("test", "train") if f"{kind}_scores" in results]
        scorers = self._score_names(None, False)
        rows = []
        for s, name in enumerate(results.sampler_names):
            points = {x: _positions(results, x, s) for x in _LABELS}
            for kind in kinds:
                for scorer in scorers:
                    label = f"{kind}_{scorer or 'score'}"
                    points[label], points[f"{label}_std"] = _mean_and_std(results, kind, scorer, s)
            for k, size in enumerate(results.coreset_sizes):
                row = {"sampler": name, "coreset_size": float(size)}
                rows.append(row | {label: values[k] for label, values in points.items()})
        if "full_fit_times" in results:
            row = {"sampler": ALL_SAMPLES, "coreset_size": np.nan, "fraction": 1.0}
            row |= {"rows": results.n_train.mean(), "time": results.full_fit_times.mean()}
            for kind in kinds:
                for scorer in scorers:
                    scores = _of_scorer(results[f"full_{kind}_scores"], scorer)
                    label = f"{kind}_{scorer or 'score'}"
                    row |= {label: scores.mean(), f"{label}_std": scores.std()}
            rows.append(row)
        return pd.DataFrame(rows, columns=list(rows[0]))

    def _score_names(self, score_name, negate_score):
        """``{scorer: label of the axis}``; the scorer is None if there is one."""
        names = self.results.score_name
        names = names if isinstance(self.results.test_scores, PerScorer) else {None: names}
        if score_name is not None:
            return dict.fromkeys(names, score_name)
        return {scorer: _negated(name) if negate_score else name for scorer, name in names.items()}


class _Panel:
    """Draws the curves of one scorer."""

    _markers = "osD^vP*X"

    def __init__(self, results, **style):
        self.results = results
        vars(self).update(style)

    def draw(self, ax, scorer):
        results, lines, bands, bars = self.results, [], [], []
        looks = self._looks()
        for kind in self.kinds:
            for s, name in enumerate(results.sampler_names):
                x = _positions(results, self.x, s)
                mean, std = _mean_and_std(results, kind, scorer, s)
                mean = self.sign * mean
                look = looks[s] | {"label": self._label(name, kind, s)}
                if kind == "train":
                    look |= {"linestyle": ":"}
                if self.std_display_style == "errorbar":
                    bars.append(ax.errorbar(x, mean, std, **(look | self.errorbar_kw)))
                    continue
                lines += ax.plot(x, mean, **(look | self.line_kw))
                if self.std_display_style == "fill_between":
                    style = {"color": lines[-1].get_color()} | self.fill_between_kw
                    bands.append(ax.fill_between(x, mean - std, mean + std, **style))
        full_line = self._draw_full(ax, scorer) if self.plot_full else None
        self._scale(ax)
        style = self.std_display_style
        return {
            "lines_": None if style == "errorbar" else lines,
            "fill_between_": bands if style == "fill_between" else None,
            "errorbar_": bars if style == "errorbar" else None,
            "full_line_": full_line,
        }

    def _looks(self):
        """Color and marker of each sampler; the random draws are gray and below the others."""
        looks, others = [], 0
        for n_draws, name in zip(self.results.n_draws, self.results.sampler_names, strict=True):
            if n_draws > 1 or name == "Uniform":
                looks.append({"color": "0.55", "marker": "o", "zorder": 1.9})
            else:
                marker = self._markers[others % len(self._markers)]
                looks.append({"color": f"C{others + (others >= 7)}", "marker": marker})
                others += 1  # C7 is gray
        return looks

    def _label(self, name, kind, s):
        n_draws = self.results.n_draws[s]
        words = [name if n_draws == 1 else f"{name} ({n_draws} draws)"]
        return ", ".join(words + ([kind] if len(self.kinds) > 1 else []))

    def _draw_full(self, ax, scorer):
        scores = _of_scorer(self.results[f"full_{self.kinds[-1]}_scores"], scorer)
        score = self.sign * scores.mean()
        label = f"{ALL_SAMPLES} ({self.results.n_train.mean():,.0f})"
        line = ax.axhline(score, **({"label": label, "zorder": 1.8} | self.full_kw))
        if self.x == "time":
            ax.plot(self.results.full_fit_times.mean(), score, "*", color=line.get_color(), ms=9)
        return line

    def _scale(self, ax):
        """Logarithmic or linear, by the rule of LearningCurveDisplay; ticks at the sizes."""
        n_samplers = len(self.results.sampler_names)
        values = np.array([_positions(self.results, self.x, s) for s in range(n_samplers)])
        if self.x != "time":
            values = values.max(axis=0)
        gaps = np.diff(np.unique(values))
        logarithmic = len(gaps) > 1 and gaps.max() / gaps.min() > 5
        ax.set_xscale("log" if logarithmic else "linear")
        if self.x == "time":
            if logarithmic:
                _set_plain_log_ticks(ax)
            return
        gaps = np.diff(np.log(values) if logarithmic else values)
        if len(gaps) == 0 or gaps.min() > 0.07 * gaps.sum():
            labels = [f"{v:,.0f}" if self.x == "rows" else f"{100 * v:.3g} %" for v in values]
            ax.set_xticks(values, labels)
            ax.xaxis.minorticks_off()


def _set_plain_log_ticks(ax):
    """Ticks such as 0.1, 0.2 and 0.5 instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _axes(ax, n_panels):
    """The axes of the panels: those of the user, or those of a new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        size = (2.2 + 4.6 * n_panels, 4.0)
        _, axes = plt.subplots(1, n_panels, figsize=size, squeeze=False, layout="constrained")
        return axes.ravel()
    axes = np.array([ax], dtype=object).ravel()
    if len(axes) != n_panels:
        raise ValueError(
            f"ax has {len(axes)} axes, but the results have {n_panels} scorers, and each scorer is "
            f"plotted on axes of its own. Use ax=None, or give {n_panels} axes."
        )
    return axes


def _legend(ax):
    """The entries of the legend, with all samples at the end."""
    entries = zip(*ax.get_legend_handles_labels(), strict=True)
    return zip(*sorted(entries, key=lambda entry: entry[1].startswith(ALL_SAMPLES)), strict=True)


def _check_plot(x, std_display_style, score_type):
    given = {"x": x, "std_display_style": std_display_style, "score_type": score_type}
    accepted = {
        "x": tuple(_LABELS),
        "std_display_style": ("fill_between", "errorbar", None),
        "score_type": ("test", "train", "both"),
    }
    for name, value in given.items():
        if value not in accepted[name]:
            raise ValueError(f"{name}={value!r} is not one of {list(accepted[name])}.")


def _negated(name):
    """The name of the negative score, as in LearningCurveDisplay."""
    if name.startswith("Negative "):
        return name.removeprefix("Negative ").capitalize()
    return f"Negative {name.lower()}"


def _positions(results, x, s):
    """The values of the axis of x for one sampler, of shape (n_sizes,)."""
    if x == "time":
        return (results.select_times[s] + results.fit_times[s]).mean(axis=1)
    rows = results.n_rows[s]
    return (rows if x == "rows" else rows / results.n_train).mean(axis=1)


def _mean_and_std(results, kind, scorer, s):
    """Mean and standard deviation of the scores over splits and draws, each (n_sizes,)."""
    draws = _of_scorer(results[f"{kind}_draws"], scorer)[results.sampler_names[s]]
    return draws.mean(axis=(0, 2)), draws.std(axis=(0, 2))


def _of_scorer(values, scorer):
    return values if scorer is None else values[scorer]
