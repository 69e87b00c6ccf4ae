"""Plots of a selection: in a projection of the samples, and on the data map of a training."""

import textwrap
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.validation import _num_samples, check_consistent_length

from skcoreset._backend import canonical, columns, holds_objects, take, to_numpy
from skcoreset._budget import plain
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._inspection import Target, numeric_features, read_column, selection_of

__all__ = ["DataMapDisplay", "SelectionDisplay"]

# Areas of markers, in points^2. That of a selected sample is proportional to its weight; either
# the mean or the largest of them is that given here.
MEAN_AREA, LARGEST_AREA = 36.0, 300.0
AREA_OF_ALL = 9.0
MANY_SELECTED, MANY_SAMPLES = 200, 1000  # markers are smaller if there are more samples
MOST_IN_LEGEND = 20  # classes
NEARLY_EQUAL = 1.25  # weights whose ratio is smaller are not listed in the legend
NARROW = 4.5  # inches: the legend of narrower axes is below
SPACE_OF_LABELS = 0.45  # inches


class _Display:
    """What both displays share: axes, and keyword arguments for matplotlib."""

    def _axes(self, ax):
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        return ax

    def _width(self):
        """Width of the axes in inches."""
        return self.ax_.get_window_extent().width / self.figure_.dpi

    def _set_title(self):
        """Lines break between words only; a word wider than the axes gets smaller letters."""
        if self.name is None:
            return
        narrow = self._width() < NARROW
        n_letters = max(12, int((12 if narrow else 10) * self._width()))
        lines = textwrap.wrap(self.name, n_letters, break_long_words=False, break_on_hyphens=False)
        self.ax_.set_title("\n".join(lines), fontsize="medium" if narrow else "large")
        longest = max(map(len, lines), default=0)
        if longest > n_letters:
            self.ax_.title.set_fontsize(self.ax_.title.get_fontsize() * n_letters / longest)


def _area_of_all(n_samples):
    return AREA_OF_ALL * max(0.15, min(1.0, MANY_SAMPLES / n_samples))


def _area_of_selected(n_selected):
    return MEAN_AREA * max(0.25, min(1.0, MANY_SELECTED / n_selected))


def _edge_of_selected(n_selected):
    return 0.8 if n_selected <= MANY_SELECTED else 0.5


@fill_docstring
class SelectionDisplay(_Display):
    """Plot of the selected samples over all samples, in two dimensions.

    All samples are small points. The selected samples are outlined, and the area of a marker is
    proportional to the weight of the sample. Colors are class labels, or the values of a continuous
    target.

    It is recommended to use :meth:`from_sampler` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Coordinates of all samples.

    selected : ndarray of int of shape (n_selected,)
        Positions of the selected samples in `points`.

    sample_weight : ndarray of shape (n_selected,), default=None
        Weights of the selected samples; equal ones if None.

    y : ndarray of shape (n_samples,), default=None
        The target. It is continuous if `classes` is None.

    classes : ndarray of shape (n_classes,), default=None
        The class labels, in the order of their colors.

    axis_names : tuple of two str, default=None
        Labels of the axes.

    name : str, default=None
        Title of the plot.

    Attributes
    ----------
    {axes_of_plot}

    selected_ : matplotlib PathCollection
        The markers of the selected samples, in descending order of their weights.

    legend_ : matplotlib Legend or None
        The legend, if there is one.

    colorbar_ : matplotlib Colorbar or None
        The colorbar of a continuous target.

    See Also
    --------
    SelectionDisplay.from_sampler : Plot the selection of a fitted sampler.
    CoresetReport : Numbers that compare the selection with uniform draws.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import KCenterGreedy, SelectionDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> SelectionDisplay.from_sampler(KCenterGreedy(15).fit(X, y), X, y)
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        points,
        selected,
        sample_weight=None,
        y=None,
        classes=None,
        axis_names=None,
        name=None,
    ):
        self.points = points
        self.selected = selected
        self.sample_weight = sample_weight
        self.y = y
        self.classes = classes
        self.axis_names = axis_names
        self.name = name

    @classmethod
    @validate_params(
        {
            "sampler": "no_validation",
            "projection": [HasMethods("fit_transform"), None],
            "features": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
            "max_samples": [Interval(Integral, 1, None, closed="left"), None],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=False,
    )
    @fill_docstring
    def from_sampler(
        cls,
        sampler,
        X,
        y=None,
        *,
        projection=None,
        features="auto",
        max_samples=20_000,
        random_state=0,
        ax=None,
        name=None,
        legend=True,
        samples_kw=None,
        selected_kw=None,
        legend_kw=None,
    ):
        """Plot the selection of a fitted sampler.

        Parameters
        ----------
        sampler : fitted sampler
            As of :class:`CoresetReport`.

        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples on which the sampler was fitted, or other features of them. Two columns of
            finite numbers are plotted as they are, and all others after a projection.

        y : array-like of shape (n_samples,), default=None
            The target: class labels, or continuous values.

        projection : transformer, default=None
            The projection of the features to two dimensions: a clone of it is fitted on the samples
            that are plotted by ``fit_transform``, and its first two outputs are the coordinates.
            If None, it is :class:`~sklearn.decomposition.PCA`; the labels of the axes then contain
            the fraction of the variance of each component.

        features : "auto", transformer or None, default="auto"
            The features that are projected, as in :class:`CoresetReport`.

        max_samples : int or None, default=20_000
            At most so many of the samples that are not selected are plotted, drawn at random. All
            selected samples are plotted. None means all samples.

        random_state : int, RandomState instance or None, default=0
            Seed of this draw, and of each parameter ``random_state`` of the `projection` that is
            None.

        {ax}

        {name_with_number}

        {legend}

        {samples_and_selected_kw}

        Returns
        -------
        {display_plotted}
        """
        check_matplotlib_support(f"{cls.__name__}.from_sampler")
        X = canonical(to_numpy(X))
        n_samples = _num_samples(X)
        check_consistent_length(X, *([] if y is None else [y]))
        selection = selection_of(sampler, n_samples)
        target = Target.of(y, sampler)
        if target.values is not None and target.values.shape[1] > 1:
            raise ValueError(
                f"y has {target.values.shape[1]} outputs, but only one can be shown by colors. "
                "Give one of them as y, or y=None."
            )
        random_state = check_random_state(random_state)
        rows = np.delete(np.arange(n_samples), selection.indices)
        if max_samples is not None and len(rows) > max_samples:
            rows = random_state.choice(rows, max_samples, replace=False)
        rows = np.sort(np.append(rows, selection.indices))
        points, axis_names = _two_dimensions(
            cls, X, y, target, rows, projection, features, random_state
        )
        if target.classes is not None:
            y = target.classes[target.codes[rows]]
        elif target.values is not None:
            y = target.values[rows, 0]
        if name is None:
            name = f"{selection.name}: {len(selection.indices):,} of {n_samples:,} samples"
        return cls(
            points=points,
            selected=np.searchsorted(rows, selection.indices),
            sample_weight=selection.weight,
            y=y,
            classes=target.classes,
            axis_names=axis_names,
            name=name,
        ).plot(
            ax,
            legend=legend,
            samples_kw=samples_kw,
            selected_kw=selected_kw,
            legend_kw=legend_kw,
        )

    @fill_docstring
    def plot(self, ax=None, *, legend=True, samples_kw=None, selected_kw=None, legend_kw=None):
        """Plot the selection.

        Parameters
        ----------
        {ax}

        {legend}

        {samples_and_selected_kw}

        Returns
        -------
        {display_plotted}
        """
        ax = self._axes(ax)
        points, selected = np.asarray(self.points), np.asarray(self.selected)
        weight = np.ones(len(selected)) if self.sample_weight is None else self.sample_weight
        # Small markers are drawn over large ones.
        order = np.argsort(-weight, kind="stable")
        unit = min(_area_of_selected(len(selected)) / weight.mean(), LARGEST_AREA / weight.max())
        colors, style = self._colors()
        self.samples_ = ax.scatter(
            *points.T,
            c=colors,
            **{
                "s": _area_of_all(len(points)),
                "alpha": 0.5,
                "linewidths": 0,
                "rasterized": len(points) > MANY_SAMPLES,
                **style,
                **(samples_kw or {}),
            },
        )
        self.selected_ = ax.scatter(
            *points[selected[order]].T,
            c=colors if isinstance(colors, str) else colors[selected[order]],
            **{
                "s": unit * weight[order],
                "edgecolors": "black",
                "linewidths": _edge_of_selected(len(selected)),
                **style,
                **(selected_kw or {}),
            },
        )
        if self.axis_names is not None:
            size = "small" if self._width() < NARROW else "medium"
            ax.set_xlabel(self.axis_names[0], fontsize=size)
            ax.set_ylabel(self.axis_names[1], fontsize=size)
        self._set_title()
        self.legend_ = self.colorbar_ = None
        if legend and self.y is not None and self.classes is None:
            self.colorbar_ = self.figure_.colorbar(self.samples_, ax=ax, label="target")
            self.colorbar_.solids.set(alpha=1)
        if legend:
            self.legend_ = self._legend(ax, unit, weight, legend_kw or {})
        return self

    def _colors(self):
        """Colors of all samples, and the arguments of `scatter` that belong to them."""
        if self.y is None:
            return "C0", {}
        if self.classes is None:
            low, high = np.min(self.y), np.max(self.y)
            return np.asarray(self.y), {"vmin": low, "vmax": high, "cmap": "viridis"}
        return self._palette()[np.searchsorted(self.classes, self.y)], {}

    def _palette(self):
        import matplotlib as mpl
        from matplotlib.colors import to_rgba_array

        n_classes = len(self.classes)
        if n_classes <= 10:
            return to_rgba_array([f"C{c}" for c in range(n_classes)])
        if n_classes <= 20:
            return mpl.colormaps["tab20"](np.arange(n_classes))
        return mpl.colormaps["turbo"](np.linspace(0, 1, n_classes))

    def _legend(self, ax, unit, weight, legend_kw):
        from matplotlib.lines import Line2D

        def marker(area, label, **style):
            size = max(area, 4.0) ** 0.5
            return Line2D([], [], marker="o", linestyle="", markersize=size, label=label, **style)

        handles = []
        if self.classes is not None and len(self.classes) <= MOST_IN_LEGEND:
            handles += [
                marker(MEAN_AREA, str(plain(label)), color=color, markeredgewidth=0)
                for label, color in zip(self.classes, self._palette(), strict=True)
            ]
        outlined = {"markerfacecolor": "none", "markeredgecolor": "black", "markeredgewidth": 0.8}
        low, high = weight.min(), weight.max()
        if high < NEARLY_EQUAL * low:
            handles.append(marker(unit * high, "selected", **outlined))
        else:
            handles += [
                marker(unit * value, f"weight {value:.3g}", **outlined) for value in (low, high)
            ]
        return ax.legend(handles=handles, **{**self._place_of_legend(ax, handles), **legend_kw})

    def _place_of_legend(self, ax, handles):
        """Outside of the axes, if the layout of the figure makes room for it."""
        from matplotlib.transforms import ScaledTranslation

        if self.figure_.get_layout_engine() is None:
            return {"loc": "best", "fontsize": "small"}
        if self._width() >= NARROW and self.colorbar_ is None:
            return {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "frameon": False}
        below = ScaledTranslation(0, -SPACE_OF_LABELS, self.figure_.dpi_scale_trans)
        longest = max(len(handle.get_label()) for handle in handles)
        n_columns = int(self.figure_.get_figwidth() / (0.25 + 0.065 * longest))
        return {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, 0.0),
            "bbox_transform": ax.transAxes + below,
            "ncols": max(1, min(len(handles), n_columns)),
            "fontsize": "small",
            "frameon": False,
            "columnspacing": 1.0,
            "handletextpad": 0.2,
        }


def _two_dimensions(owner, X, y, target, rows, projection, features, random_state):
    """Coordinates of the samples `rows`, and names of the axes."""
    if projection is None and not sparse.issparse(X) and not holds_objects(X):
        read = [read_column(name, values) for name, values in columns(X)]
        are_numbers = len(read) == 2 and all(column.numbers is not None for column in read)
        if are_numbers and all(np.isfinite(column.numbers).all() for column in read):
            named = hasattr(X, "columns")
            names = [str(one.name) if named else f"feature {one.name}" for one in read]
            return np.column_stack([column.numbers[rows] for column in read]), names
    table = numeric_features(owner, X, y, features, None, random_state)
    if table is None:
        raise ValueError(
            "X holds one object per sample, such as a text, and no columns. Give a transformer "
            "that converts them, such as TfidfVectorizer() for texts, as features."
        )
    table = take(table, rows)
    if projection is not None:
        projection = seeded(projection, random_state)
        points = projection.fit_transform(table)
        points = np.asarray(points.toarray() if sparse.issparse(points) else points)
        if points.ndim != 2 or points.shape[0] != len(rows) or points.shape[1] < 2:
            raise ValueError(
                f"fit_transform of {projection!r} returned an array of shape {points.shape} for "
                f"{len(rows)} samples. It must have at least two columns."
            )
        kind = type(projection).__name__
        return points[:, :2], (f"{kind} 1", f"{kind} 2")
    if table.shape[1] == 1 or len(rows) == 1:
        first = table.toarray() if sparse.issparse(table) else table
        second, name = np.zeros(len(rows)), ""
        if target.values is not None:
            second, name = target.values[rows, 0], "target"
        elif target.codes is not None:
            second, name = target.codes[rows], "position of the class"
        return np.column_stack([first[:, 0], second]), ("feature", name)
    pca = PCA(2, random_state=0)
    points = pca.fit_transform(table)
    fractions = np.nan_to_num(pca.explained_variance_ratio_)
    return points, [
        f"component {at} ({fraction:.0%} of variance)" for at, fraction in enumerate(fractions, 1)
    ]


@fill_docstring
class DataMapDisplay(_Display):
    """Plot of the data map of a training, with the selected samples.

    Each sample is a point. Its coordinates are the standard deviation (variability) and the mean
    (confidence) of the predicted probability of its class label over the records of the training,
    and its color is the fraction of the records at which it is classified correctly
    (correctness) [1]_. Easy samples are at the top left, hard ones at the bottom left, and
    ambiguous ones on the right. The selected samples are outlined.

    It is recommended to use :meth:`from_sampler` or :meth:`from_dynamics` to create a display. All
    parameters are stored as attributes.

    Parameters
    ----------
    confidence, variability, correctness : ndarray of shape (n_samples,)
        The statistics of :class:`TrainingDynamics`. Samples for which they are NaN are left out.

    selected : ndarray of int of shape (n_selected,), default=None
        Indices of the selected samples.

    name : str, default=None
        Title of the plot.

    Attributes
    ----------
    {axes_of_plot}

    selected_ : matplotlib PathCollection or None
        The markers of the selected samples, if `selected` is not None.

    colorbar_ : matplotlib Colorbar
        The colorbar of the correctness.

    texts_ : list of matplotlib Text
        The names of the regions.

    See Also
    --------
    DataMap : Select the samples of one region of the map.

    References
    ----------
    .. [1] Swayamdipta, S., et al. "Dataset cartography: mapping and diagnosing datasets with
       training dynamics." EMNLP 2020. (The figures of the paper have the same axes.)

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import DataMap, DataMapDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> DataMapDisplay.from_sampler(DataMap(random_state=0).fit(X / 16, y))
    <...>
    >>> plt.show()
    """

    def __init__(self, *, confidence, variability, correctness, selected=None, name=None):
        self.confidence = confidence
        self.variability = variability
        self.correctness = correctness
        self.selected = selected
        self.name = name

    @classmethod
    @fill_docstring
    def from_sampler(
        cls, sampler, *, ax=None, name=None, regions=True, samples_kw=None, selected_kw=None
    ):
        """Plot the data map of a fitted sampler, and the samples that it selects.

        Parameters
        ----------
        sampler : fitted sampler
            A sampler that records the training of a classifier, that is, with the attribute
            `dynamics_`, such as :class:`DataMap`, :class:`AreaUnderMargin` or
            :class:`Forgetting`. The classifier must have probabilities.

        {ax}

        {name_with_number}

        {regions}

        {samples_and_selected_kw}

        Returns
        -------
        {display_plotted}
        """
        check_matplotlib_support(f"{cls.__name__}.from_sampler")
        if not hasattr(sampler, "dynamics_"):
            raise ValueError(
                f"{sampler!r} has no dynamics_, the record of a training. Give a fitted sampler "
                "that records one, such as DataMap, or use DataMapDisplay.from_dynamics."
            )
        record, n_samples = sampler.dynamics_, sampler.n_samples_in_
        rows = slice(None) if len(record) == n_samples else ~np.isnan(sampler.scores_)
        selected = sampler.sample_indices_
        if name is None:
            name = f"{type(sampler).__name__}: {len(selected):,} of {n_samples:,} samples"
        statistics = {}
        for attribute in ("confidence", "variability", "correctness"):
            statistics[attribute] = np.full(n_samples, np.nan)
            statistics[attribute][rows] = getattr(record, f"{attribute}_")
        display = cls(**statistics, selected=selected, name=name)
        return display.plot(ax, regions=regions, samples_kw=samples_kw, selected_kw=selected_kw)

    @classmethod
    @fill_docstring
    def from_dynamics(
        cls,
        dynamics,
        *,
        selected=None,
        ax=None,
        name=None,
        regions=True,
        samples_kw=None,
        selected_kw=None,
    ):
        """Plot the data map of a record of a training.

        Parameters
        ----------
        dynamics : TrainingDynamics
            The record, with probabilities.

        selected : array-like of int of shape (n_selected,), default=None
            Indices of samples that are outlined.

        {ax}

        name : str, default=None
            Title of the plot.

        {regions}

        {samples_and_selected_kw}

        Returns
        -------
        {display_plotted}
        """
        check_matplotlib_support(f"{cls.__name__}.from_dynamics")
        display = cls(
            confidence=dynamics.confidence_,
            variability=dynamics.variability_,
            correctness=dynamics.correctness_,
            selected=None if selected is None else np.asarray(selected),
            name=name,
        )
        return display.plot(ax, regions=regions, samples_kw=samples_kw, selected_kw=selected_kw)

    @fill_docstring
    def plot(self, ax=None, *, regions=True, samples_kw=None, selected_kw=None):
        """Plot the data map.

        Parameters
        ----------
        {ax}

        {regions}

        {samples_and_selected_kw}

        Returns
        -------
        {display_plotted}
        """
        ax = self._axes(ax)
        n_samples = len(self.confidence)
        style = {"cmap": "viridis", "vmin": 0, "vmax": 1}
        self.samples_ = ax.scatter(
            self.variability,
            self.confidence,
            c=self.correctness,
            **{
                "s": 2 * _area_of_all(n_samples),
                "linewidths": 0,
                "rasterized": n_samples > MANY_SAMPLES,
                **style,
                **(samples_kw or {}),
            },
        )
        self.selected_ = None
        if self.selected is not None:
            selected = self.selected
            self.selected_ = ax.scatter(
                self.variability[selected],
                self.confidence[selected],
                c=self.correctness[selected],
                **{
                    "s": _area_of_selected(len(selected)),
                    "edgecolors": "black",
                    "linewidths": _edge_of_selected(len(selected)),
                    **style,
                    **(selected_kw or {}),
                },
            )
        ax.set(xlabel="variability", ylabel="confidence", ylim=(-0.14, 1.14))
        ax.set_yticks(np.linspace(0, 1, 6))
        self._set_title()
        self.texts_ = []
        if regions:
            ax.set_xlim(right=ax.get_xlim()[1] + 0.1 * np.ptp(ax.get_xlim()))  # room for a name
            style = {"transform": ax.transAxes, "style": "italic"}
            self.texts_ = [
                ax.text(0.02, 0.97, "easy", ha="left", va="top", **style),
                ax.text(0.02, 0.03, "hard", ha="left", va="bottom", **style),
                ax.text(0.98, 0.5, "ambiguous", ha="right", va="center", rotation=-90, **style),
            ]
        self.colorbar_ = self.figure_.colorbar(self.samples_, ax=ax, label="correctness")
        return self
