"""Plots of the score against the size of the coreset, or against the time."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skcoreset._curve import ALL_SAMPLES, PerScorer, coreset_curve
from skcoreset._docstrings import fill_docstring

__all__ = ["CoresetCurveDisplay"]

_LABELS = {
    "rows": "Number of samples in the coreset",
    "fraction": "Fraction of the training samples",
    "time": "Seconds of selecting and fitting",
}
_BASELINE, _REFERENCE = "0.5", "0.2"  # gray values of Uniform and of all samples


class CoresetCurveDisplay:
    """Coreset curve visualization.

    It is recommended to create a display with :meth:`from_estimator` or :meth:`from_results`. All
    parameters are stored as attributes.

    Parameters
    ----------
    results : :class:`~sklearn.utils.Bunch`
        The result of :func:`coreset_curve`.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes
        The axes; an array with the axes of each scorer if there are several.

    figure_ : matplotlib Figure
        The figure.

    lines_ : list of matplotlib Artist or None
        The :class:`~matplotlib.lines.Line2D` of the mean scores of each sampler; with
        ``score_type="both"``, first those of the training scores. None if `std_display_style` is
        "errorbar". For several scorers, this attribute and the following ones are dicts with one
        such value for each scorer.

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
    >>> display.frame()[["sampler", "coreset_size", "n_rows", "test_score"]].round(2)
           sampler  coreset_size  n_rows  test_score
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

        {X}

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets to predict.

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
        results : :class:`~sklearn.utils.Bunch`
            The result of :func:`coreset_curve`.

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
        panels = self._panels(score_name)
        own_figure = ax is None
        axes = _axes(ax, len(panels))
        style = _Style(
            x=x,
            sign=-1 if negate_score else 1,
            std=std_display_style,
            full=plot_full and "full_fit_times" in self.results,
            line_kw={"marker": "o", "markersize": 4} | (line_kw or {}),
            fill_between_kw={"alpha": 0.15, "linewidth": 0} | (fill_between_kw or {}),
            errorbar_kw={"marker": "o", "markersize": 4, "capsize": 3} | (errorbar_kw or {}),
            full_kw={"color": _REFERENCE, "linestyle": "--"} | (full_kw or {}),
        )
        drawn = {}
        for one, (scorer, name) in zip(axes, panels.items(), strict=True):
            drawn[scorer] = self._draw(one, scorer, kinds, style)
            one.set_ylabel(_negated(name) if negate_score and score_name is None else name)
            one.set_xlabel(_LABELS[x])
            self._set_ticks(one, x)
        if own_figure:
            axes[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
        else:
            axes[-1].legend()
        self.ax_ = axes if None not in panels else axes[0]
        self.figure_ = axes[0].figure
        for attribute in ("lines_", "fill_between_", "errorbar_", "full_line_"):
            of_all = {scorer: artists[attribute] for scorer, artists in drawn.items()}
            setattr(self, attribute, of_all[None] if None in panels else of_all)
        return self
