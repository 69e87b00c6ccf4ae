"""CoresetReport: a selection compared with uniform draws of the same size."""

import html
import textwrap
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.validation import _num_samples, check_consistent_length

from skcoreset import _models
from skcoreset._backend import canonical, columns, holds_objects, to_numpy
from skcoreset._baseline import Uniform
from skcoreset._budget import plain, samples_in_words
from skcoreset._inspection import Target, inner_sampler, numeric_features, read_column, selection_of
from skcoreset._kernels.comparison import (
    Categories,
    MeanEmbedding,
    Means,
    Numbers,
    SparseNumbers,
    distances_to_selected,
    effective_size,
    gaps_within,
)
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._validation import check_sample_weight

__all__ = ["CoresetReport"]

# Samples whose nearest neighbors are searched for the typical distance of neighbors, and for the
# typical distance of samples.
N_TYPICAL = 1000
NEAR_DUPLICATE = 0.5
QUANTILES = 0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0
MOST_SHOWN = 10

MEASURES = {
    "covering_radius": "covering radius",
    "mean_distance": "mean distance to the nearest selected sample",
    "mean_difference": "difference of the means, in standard deviations",
    "mmd": "maximum mean discrepancy",
    "gradient_error": "error of the mean gradient",
    "target_distance": "distance of the target distributions",
    "near_duplicates": "fraction of near-duplicates",
    "effective_sample_size": "effective sample size of the weights",
}


# Colors are those of the page around it, light or dark.
STYLE = """
.skcoreset-report {max-width: 44rem; line-height: 1.35}
.skcoreset-report p {margin: 0.5em 0; font-size: 0.9em}
.skcoreset-report table {border-collapse: collapse; width: 100%; margin: 0.75em 0;
  font-size: 0.85em}
.skcoreset-report caption {text-align: left; padding: 0.25em 0; font-weight: bold}
.skcoreset-report th, .skcoreset-report td {padding: 0.25em 0.4em; text-align: right;
  vertical-align: top; border-bottom: 1px solid rgba(128, 128, 128, 0.35)}
.skcoreset-report th {font-weight: normal}
.skcoreset-report th:first-child {text-align: left; padding-left: 0; overflow-wrap: anywhere}
.skcoreset-report td {font-variant-numeric: tabular-nums; white-space: nowrap}
.skcoreset-report small {opacity: 0.75}
"""


@dataclass(frozen=True)
class Row:
    """One line of the report: a quantity of the selection, and of each uniform draw."""

    section: str
    name: object
    selected: float
    uniform: np.ndarray  # (n_draws,)
    all_samples: float = np.nan


class CoresetReport:
    r"""Comparison of the samples that a sampler selects with uniform draws of the same size.

    The report measures how well the selected samples, with their weights, represent all samples.
    Each quantity is also computed for `n_draws` selections of :class:`Uniform` of the same size,
    because a value alone does not show whether a selection is good.

    In the following, :math:`x_i` are the n samples with weights :math:`u_i` that sum to 1 (equal
    ones, or proportional to `sample_weight`), S are the selected samples, and :math:`w_j` their
    weights, divided by their sum.

    Parameters
    ----------
    sampler : fitted sampler
        A fitted sampler of this package or of imbalanced-learn that selects samples, that is, with
        the attribute ``sample_indices_``. It may also be a Pipeline of imbalanced-learn that
        contains such samplers, or a fitted :class:`CoresetClassifier`, :class:`CoresetRegressor`,
        or a search for the best of these, such as :class:`CoresetSearchCV`. Selected samples of a
        sampler without weights get weights proportional to `sample_weight`.

    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        The samples on which the sampler was fitted, or other features of them.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The target: class labels, or continuous values.

    sample_weight : array-like of shape (n_samples,), default=None
        The sample weights with which the sampler was fitted.

    estimator : fitted classifier or regressor, default=None
        The model whose gradients are compared. If None, it is the attribute `estimator_` of the
        sampler, if there is one. A report has no `gradient_error` without a model, and without
        class labels for a classifier or a continuous target for a regressor.

    features : "auto", transformer or None, default="auto"
        The features by which distances, means and the discrepancy are computed. None is `X` as it
        is, which must hold finite numbers. A transformer is fitted on the samples of positive
        weight, unless it is already fitted, and must return finite numbers. "auto" scales numbers
        and dates, robustly, to mean 0 and variance 1, fills their missing values with the median,
        and encodes strings and categories as one feature per category, with the total variance 1;
        sparse `X` stays as it is. Texts have no features unless a transformer is given.

    use_weights : bool, default=True
        Whether the selected samples have the weights of the sampler. If False, all of them have
        the same weight, as for an estimator that is fitted without weights.

    n_draws : int, default=5
        Number of uniform draws. They are stratified by the class labels, if there are any and if
        at least as many samples as classes are selected.

    max_samples : int or None, default=10_000
        Distances and the discrepancy are computed for at most so many of all samples, and
        near-duplicates for at most so many of the selected samples, drawn at random without
        replacement. The same samples are used for the selection and for the uniform draws. None
        means that all are used.

    random_state : int, RandomState instance or None, default=0
        Seed of the uniform draws and of the samples that are drawn for `max_samples`.

    Attributes
    ----------
    covering_radius : float
        :math:`\max_i \min_{j \in S} \| x_i - x_j \|`, in units of the features. With
        ``features=None``, it is the `radius_` of :class:`KCenterGreedy`. If there are more than
        `max_samples` samples, it is the maximum over those that are drawn, a lower bound.

    mean_distance : float
        :math:`\sum_i u_i \min_{j \in S} \| x_i - x_j \|`, in units of the features.

    mean_difference : float
        :math:`\big( \frac{1}{d} \sum_f z_f^2 \big)^{1/2}`, where
        :math:`z_f = (\sum_{j \in S} w_j x_{jf} - \sum_i u_i x_{if}) / \sigma_f` is the difference
        of the means of feature f in units of its standard deviation. Constant features are left
        out. The value of a uniform draw of k of many samples is about :math:`1 / \sqrt{k}`.

    mmd : float
        The :term:`maximum mean discrepancy`,
        :math:`\| \sum_{j \in S} w_j \phi(x_j) - \sum_i u_i \phi(x_i) \|`, where :math:`\phi` is
        the feature map of the kernel :math:`\exp(- \| x - z \| / \ell)`, and :math:`\ell` is the
        median distance of pairs of different samples (of at most 1,000 samples). It is between 0
        and :math:`\sqrt 2`.

    gradient_error : float
        :math:`\| \sum_{j \in S} w_j g_j - \sum_i u_i g_i \| \big/ (\sum_i u_i \| g_i \|^2)^{1/2}`,
        where :math:`g_i` is the gradient of the loss of sample i with respect to the last layer of
        the fitted model, as for :class:`GradMatch`. If the inputs of the last layer are not
        finite numbers, it is the gradient with respect to its outputs. The value of a uniform draw
        of k samples is at most about :math:`1 / \sqrt{k}`; that of a stratified draw is smaller.
        NaN without a model.

    target_distance : float
        For class labels, half of the sum of the absolute differences of the weighted class
        proportions (the total variation distance). For a continuous target, the
        Kolmogorov-Smirnov distance, the largest of all outputs. NaN without a target.

    near_duplicates : float
        Fraction of the selected samples of which the distance to the nearest other selected sample
        is at most half the median distance of a sample to its nearest neighbor (of at most 1,000
        samples).

    effective_sample_size : float
        :math:`(\sum_{j \in S} w_j)^2 / \sum_{j \in S} w_j^2`, in samples: the number of samples of
        equal weight with the same variance of a weighted mean. It is between 1 and `n_selected`.

    class_proportions, weighted_class_proportions : dict
        Fraction of each class of the selected samples, and of their weights. Empty without class
        labels.

    target_quantiles : dict
        Quantiles of a continuous target with one output in the weighted selection, for the levels
        0, .05, .25, .5, .75, .95 and 1. Empty for other targets.

    feature_distances : dict
        For each column of `X`, the distance of its distribution in the weighted selection from
        that in all samples, the largest first: the Kolmogorov-Smirnov distance for numbers and
        dates, and the total variation distance for categories, of which the missing values are
        one. Missing values of numbers are left out, and the absolute difference of their fractions
        is the entry ``"<name> is missing"``. The names are those of the dataframe, or "x0", "x1",
        and so on. Empty if `X` holds texts.

    uniform : dict of ndarray of shape (n_draws,)
        The same quantities of each uniform draw, by the name of the attribute.

    n_samples, n_selected : int
        Number of all samples of positive weight, and of the selected samples.

    sampler_name : str
        Name of the class of the sampler.

    See Also
    --------
    SelectionDisplay : Plot the selected samples.

    Notes
    -----
    The distances are Euclidean. All quantities except `near_duplicates` and the covering radius use
    the weights.

    Time, for n samples, d features, k selected samples, and m = min(n, `max_samples`): O(n d log n)
    for the columns, O(m k d) for the distances and O(m^2 d) for the discrepancy, of each draw; it
    is linear in n, up to the logarithm, for a given fraction k / n. Memory: O(n d) for the features
    with ``features="auto"``, and blocks of scikit-learn's `working_memory`. Arrays of a GPU are
    copied to the host.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import CoresetReport, KCenterGreedy
    >>> X, y = load_iris(return_X_y=True)
    >>> report = CoresetReport(KCenterGreedy(15).fit(X, y), X, y)
    >>> bool(report.covering_radius < report.uniform["covering_radius"].min())
    True
    >>> report.class_proportions
    {0: 0.333..., 1: 0.333..., 2: 0.333...}
    """

    @validate_params(
        {
            "sampler": "no_validation",
            "estimator": [HasMethods("predict"), None],
            "features": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
            "use_weights": ["boolean"],
            "n_draws": [Interval(Integral, 1, None, closed="left")],
            "max_samples": [Interval(Integral, 2, None, closed="left"), None],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=False,
    )
    def __init__(
        self,
        sampler,
        X,
        y=None,
        *,
        sample_weight=None,
        estimator=None,
        features="auto",
        use_weights=True,
        n_draws=5,
        max_samples=10_000,
        random_state=0,
    ):
        X = canonical(to_numpy(X))
        n_samples = _num_samples(X)
        check_consistent_length(X, *([] if y is None else [y]))
        weight = check_sample_weight(sample_weight, n_samples)
        selection = selection_of(sampler, n_samples, weight)
        target = Target.of(y, sampler)
        random_state = check_random_state(random_state)
        compared = [selection.indices, selection.weight]
        if not use_weights:
            compared[1] = np.ones(len(selection.indices))
        self.sampler_name = selection.name
        self.n_samples, self.n_selected = int((weight > 0).sum()), len(selection.indices)
        self.max_samples, self.features = max_samples, features
        draws = self._draws(target, weight, n_draws, use_weights, random_state)
        self._chosen = [tuple(compared), *draws]
        self._rows = []
        self.uniform = {}

        table = numeric_features(self, X, y, features, weight, random_state)
        self._measure_geometry(table, weight, random_state)
        self._measure_gradient(sampler, estimator, X, target, weight)
        self._measure_target(target, weight)
        self._add("effective_sample_size", lambda rows, w: effective_size(w))
        self._rows.sort(key=lambda row: list(MEASURES).index(row.name))
        self._describe_target(target, weight)
        self._measure_columns(X, weight)
        del self._chosen

    # The measures ----------------------------------------------------------------------------

    def _draws(self, target, weight, n_draws, use_weights, random_state):
        """(indices, weights) of the uniform draws."""
        codes = target.codes
        if codes is not None and len(np.unique(codes[weight > 0])) > self.n_selected:
            codes = None
        nothing = np.zeros((len(weight), 1))
        for _ in range(n_draws):
            draw = Uniform(self.n_selected, random_state=random_state.randint(2**31 - 1))
            draw.fit(nothing, codes, weight)
            own = draw.sample_weight_
            yield draw.sample_indices_, own if use_weights else np.ones(len(own))

    def _add(self, name, measure):
        """Compute ``measure(rows, weight)`` of the selection and of each draw."""
        value, *draws = (measure(rows, weight) for rows, weight in self._chosen)
        setattr(self, name, value)
        self.uniform[name] = np.array(draws)
        self._rows.append(Row("measure", name, value, self.uniform[name]))

    def _leave_out(self, *names):
        for name in names:
            setattr(self, name, np.nan)

    def _measure_geometry(self, table, weight, random_state):
        names = "covering_radius", "mean_distance", "mean_difference", "mmd", "near_duplicates"
        if table is None:
            return self._leave_out(*names)
        there = np.flatnonzero(weight > 0)
        rows = _some(there, self.max_samples, random_state)
        of_rows = weight[rows]
        distances = pairs(table, in_float64=True)
        nearest = [distances_to_selected(distances, rows, chosen) for chosen, _ in self._chosen]
        each = iter(nearest)
        self._add("covering_radius", lambda *_: float(next(each).max()))
        each = iter(nearest)
        self._add("mean_distance", lambda *_: float(next(each) @ of_rows / of_rows.sum()))
        self._add("mean_difference", Means(table, weight).difference)

        typical = _some(there, N_TYPICAL, random_state)
        between = distances.distances(typical, typical)[np.triu_indices(len(typical), 1)]
        between = between[between > 0]
        length = float(np.median(between)) if len(between) else 1.0
        embedding = MeanEmbedding(distances, rows, of_rows, length)

        def discrepancy(chosen, own):
            at = _some(np.arange(len(chosen)), self.max_samples, random_state)
            return embedding.discrepancy(chosen[at], own[at])

        self._add("mmd", discrepancy)

        limit = NEAR_DUPLICATE * float(np.median(gaps_within(distances, typical, there)))

        def near_duplicates(chosen, _):
            chosen = np.sort(chosen)
            gaps = gaps_within(distances, _some(chosen, self.max_samples, random_state), chosen)
            return float(np.mean(gaps <= limit)) if len(chosen) > 1 else 0.0

        self._add("near_duplicates", near_duplicates)

    def _measure_gradient(self, sampler, estimator, X, target, weight):
        if estimator is None:
            best = getattr(sampler, "best_estimator_", sampler)
            found = (getattr(one, "estimator_", None) for one in (best, inner_sampler(sampler)))
            estimator = next((one for one in found if one is not None), None)
        elif not _models.is_fitted(estimator):
            raise ValueError(f"{estimator!r} is not fitted. Fit it, or give estimator=None.")
        y = target.values
        if estimator is not None and not is_regressor(estimator):
            y = None if target.classes is None else target.classes[target.codes]
            y = y if hasattr(estimator, "classes_") else None
        if estimator is None or y is None:
            return self._leave_out("gradient_error")
        try:
            a, h, bias = _models.gradient_factors(estimator, X, y)
        except (TypeError, ValueError):  # the inputs of the last layer are no finite numbers
            a, h, bias = _models.gradient_factors(estimator, X, y, "logits")
        gradients = OuterProducts(a, h, bias, in_float64=True)
        share = weight / weight.sum()
        total = gradients.total(share)
        unit = float(np.sqrt(share @ gradients.sq)) or 1.0

        def error(rows, own):
            some = OuterProducts(a, h, bias, rows=rows, in_float64=True)
            return float(np.linalg.norm(some.total(own / own.sum()) - total)) / unit

        self._add("gradient_error", error)

    def _measure_target(self, target, weight):
        if target.classes is not None:
            self._add("target_distance", Categories(target.codes, weight).distance)
        elif target.values is not None:
            outputs = [Numbers(values, weight) for values in target.values.T]
            self._add(
                "target_distance", lambda *chosen: max(one.distance(*chosen) for one in outputs)
            )
        else:
            self._leave_out("target_distance")

    def _describe_target(self, target, weight):
        self.class_proportions, self.weighted_class_proportions = {}, {}
        self.target_quantiles = {}
        if target.classes is not None:
            classes = Categories(target.codes, weight)
            labels = [plain(label) for label in target.classes]
            plainly = [classes.of(rows, np.ones(len(rows))) for rows, _ in self._chosen]
            weighted = [classes.of(*chosen) for chosen in self._chosen]
            self.class_proportions = self._rows_of("class", labels, plainly, classes.proportions)
            self.weighted_class_proportions = self._rows_of(
                "weighted class", labels, weighted, classes.proportions
            )
        elif target.values is not None and target.values.shape[1] == 1:
            values = target.values[:, 0]
            levels = [
                _quantiles(values[rows], own)
                for rows, own in [(np.arange(len(values)), weight), *self._chosen]
            ]
            self.target_quantiles = self._rows_of("quantile", QUANTILES, levels[1:], levels[0])

    def _rows_of(self, section, names, values, of_all):
        """Add a row for each name; return the values of the selection by name."""
        values = np.array(values)
        for at, name in enumerate(names):
            own = values[:, at]
            self._rows.append(Row(section, name, float(own[0]), own[1:], float(of_all[at])))
        return dict(zip(names, values[0].tolist(), strict=True))

    def _measure_columns(self, X, weight):
        rows = []

        def add(name, measure):
            value, *draws = (measure(*chosen) for chosen in self._chosen)
            rows.append(Row("feature", name, value, np.array(draws)))

        if sparse.issparse(X):
            measure = SparseNumbers(X, weight).distances
            values = np.array([measure(*chosen) for chosen in self._chosen])
            for at, own in enumerate(values.T):
                rows.append(Row("feature", f"x{at}", float(own[0]), own[1:]))
        elif not holds_objects(X):
            named = hasattr(X, "columns")
            for name, values in columns(X):
                column = read_column(name, values)
                name = name if named else f"x{name}"
                if column.numbers is None:
                    add(name, Categories(column.codes, weight).distance)
                    continue
                numbers = Numbers(column.numbers, weight)
                add(name, numbers.distance)
                if np.isnan(column.numbers).any():
                    add(f"{name} is missing", numbers.missing_distance)
        rows.sort(key=lambda row: -row.selected)
        self._rows += rows
        self.feature_distances = {row.name: row.selected for row in rows}
        self.uniform["feature_distances"] = {row.name: row.uniform for row in rows}

    # Text, HTML and frame --------------------------------------------------------------------

    def to_frame(self):
        """Return all quantities as a dataframe of pandas.

        Returns
        -------
        frame : pandas.DataFrame
            One row for each quantity, with the columns "section" ("measure", "class",
            "weighted class", "quantile" or "feature"), "name" (of the attribute, class, level or
            column), "all_samples" (for sections in which all samples have a value of their own),
            "selected", "uniform_mean", "uniform_min" and "uniform_max".
        """
        pd = check_pandas_support("CoresetReport.to_frame")
        return pd.DataFrame(
            {
                "section": [row.section for row in self._rows],
                "name": pd.Series([row.name for row in self._rows], dtype=object),
                "all_samples": [row.all_samples for row in self._rows],
                "selected": [row.selected for row in self._rows],
                "uniform_mean": [row.uniform.mean() for row in self._rows],
                "uniform_min": [row.uniform.min() for row in self._rows],
                "uniform_max": [row.uniform.max() for row in self._rows],
            }
        )

    def __repr__(self):
        parts = [self._title()]
        for title, header, lines in self._tables():
            widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
            parts.append("\n".join([title, *(_aligned(line, widths) for line in [header, *lines])]))
        return "\n\n".join([*parts, "\n".join(textwrap.wrap(self._notes(), 80))])

    def _repr_html_(self):
        parts = [f"<p><strong>{html.escape(self._title())}</strong></p>"]
        for title, header, lines in self._tables():
            head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
            body = "".join(
                f'<tr><th scope="row">{html.escape(line[0])}</th>'
                + "".join(f"<td>{_cell(value)}</td>" for value in line[1:])
                + "</tr>"
                for line in lines
            )
            parts.append(
                f"<table><caption>{html.escape(title)}</caption><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table>"
            )
        parts.append(f"<p>{html.escape(self._notes())}</p>")
        return f'<div class="skcoreset-report"><style>{STYLE}</style>{"".join(parts)}</div>'

    def _title(self):
        return f"{self.sampler_name}: {self.n_selected:,} of {samples_in_words(self.n_samples)}"

    def _tables(self):
        """(title, header, lines) of each table, as texts."""
        draws = len(self.uniform["effective_sample_size"])
        uniform = f"uniform ({draws} draws)" if draws > 1 else "uniform (1 draw)"
        by_section = {}
        for row in self._rows:
            by_section.setdefault(row.section, []).append(row)
        measures = [
            [MEASURES[row.name], _number(row.selected), _range(row.uniform)]
            for row in by_section["measure"]
        ]
        tables = [("Representation of all samples", ["", "selected", uniform], measures)]
        if "class" in by_section:
            both = list(zip(by_section["class"], by_section["weighted class"], strict=True))
            shown = sorted(both, key=lambda two: -abs(two[0].selected - two[0].all_samples))
            shown = both if len(both) <= MOST_SHOWN else shown[:MOST_SHOWN]
            lines = [
                [
                    str(one.name),
                    *map(_number, (one.all_samples, one.selected, other.selected)),
                    _range(one.uniform),
                ]
                for one, other in shown
            ]
            title = "Class proportions" + _of_many(len(shown), len(both), "classes")
            header = ["class", "all", "selected", "weighted", uniform]
            tables.append((title, header, lines))
        if "quantile" in by_section:
            lines = [
                [
                    f"{row.name:.0%}",
                    *map(_number, (row.all_samples, row.selected)),
                    _range(row.uniform),
                ]
                for row in by_section["quantile"]
            ]
            header = ["quantile", "all", "weighted", uniform]
            tables.append(("Quantiles of the target", header, lines))
        if "feature" in by_section:
            rows = by_section["feature"]
            shown = rows[:MOST_SHOWN]
            lines = [
                [_shortened(row.name), _number(row.selected), _range(row.uniform)] for row in shown
            ]
            title = "Distances of the distributions" + _of_many(len(shown), len(rows), "columns")
            tables.append((title, ["column", "selected", uniform], lines))
        return tables

    def _notes(self):
        notes = ["Smaller values are better, except for the effective sample size."]
        if not np.isnan(self.covering_radius):
            transformed = "" if self.features is None else "transformed "
            notes.append(f"Distances are in units of the {transformed}features.")
            if self.max_samples is not None and self.n_samples > self.max_samples:
                notes.append(
                    f"They and the discrepancy are those of {self.max_samples:,} of all samples."
                )
        notes.append("The draws are given as their mean, with the smallest and the largest value.")
        return " ".join(notes)


def _of_many(n_shown, n, what):
    return f" (the {n_shown} largest differences of {n:,} {what})" if n_shown < n else ""


def _number(value):
    if abs(value) < 1e-12:  # differences of equal sums
        return "0"
    if abs(value) >= 1000 and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _range(values):
    mean, low, high = map(_number, (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} ({low} to {high})"


def _cell(text):
    """A cell of the HTML table, in which a range has a line of its own."""
    mean, _, extremes = text.partition(" (")
    low_high = f"<br><small>{html.escape(extremes.rstrip(')'))}</small>" if extremes else ""
    return html.escape(mean) + low_high


def _aligned(cells, widths):
    first, *others = (
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def _shortened(name, most=40):
    name = " ".join(str(name).split())
    return name if len(name) <= most else f"{name[: most - 3]}..."


def _some(positions, most, random_state):
    """At most `most` of the positions, ascending, drawn without replacement."""
    if most is None or len(positions) <= most:
        return positions
    return np.sort(random_state.choice(positions, most, replace=False))


def _quantiles(values, weight):
    return np.quantile(values, QUANTILES, weights=weight, method="inverted_cdf")
