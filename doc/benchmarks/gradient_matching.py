"""CRAIG and GradMatch against random samples, logistic regression.

    python doc/benchmarks/gradient_matching.py --data DIR [--seeds 10] [--jobs 2]

DIR holds ``covtype_93k.csv.gz`` (rows of covtype: its 54 columns and Cover_Type; binary is class 2
against the rest) and ``ijcnn1.trn.bz2`` (the 49,990 training rows of ijcnn1, svmlight format).
Writes gradient_matching.rst and the figure gradient_matching.svg next to this file and prints the
former. Needs matplotlib and pandas. Ten seeds take ten to twenty minutes on two cores.
"""

import argparse
import bz2
import os
import platform
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy.stats import t as student
from sklearn.datasets import load_svmlight_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skcoreset import CRAIG, GradMatch, Uniform

POOL, TEST, SMALL = 12_000, 20_000, 240
SIZES = [0.005, 0.01, 0.02, 0.05, 0.1]
PENALTY = 1e-5  # of half the squared coefficients, against the mean log-loss
METHODS = {  # colour and line of the figure
    "random": ("black", "-"),
    "CRAIG": ("#0072b2", "-"),
    "CRAIG, no weights": ("#0072b2", ":"),
    "CRAIG, small fit": ("#0072b2", "--"),
    "CRAIG, columns": ("#009e73", "-"),
    "GradMatch": ("#d55e00", "-"),
    "GradMatch, no weights": ("#d55e00", ":"),
    "GradMatch, small fit": ("#d55e00", "--"),
}
OTHERS = [method for method in METHODS if method != "random"]
SELECTIONS = [method for method in METHODS if "no weights" not in method]
FITTED_ON = {"all": 1.0, "small fit": SMALL / POOL}

# Data and model ---------------------------------------------------------------------------------


def covtype(folder):
    table = pd.read_csv(Path(folder) / "covtype_93k.csv.gz")
    y = (table.pop("Cover_Type") == 2).to_numpy()
    return table.to_numpy(dtype=float), y.astype(int)


def ijcnn1(folder):
    with bz2.open(Path(folder) / "ijcnn1.trn.bz2") as file:
        X, y = load_svmlight_file(file)
    return X.toarray(), (y > 0).astype(int)


DATA = {"covtype": covtype, "ijcnn1": ijcnn1}


def train(X, y, weight=None, total=None):
    """Logistic regression with the same penalty per unit of weight for any number of rows."""
    total = len(y) if total is None else total
    model = LogisticRegression(C=1 / (PENALTY * total), tol=1e-6, max_iter=10_000)
    return model.fit(X, y, sample_weight=weight)


def objective(model, X, y):
    """Mean log-loss and penalty: what `train` minimises when it has all rows."""
    loss = np.logaddexp(0, (1 - 2 * y) * model.decision_function(X)).mean()
    return loss + PENALTY / 2 * (model.coef_**2).sum()


def timed(function, *args):
    start = perf_counter()
    return function(*args), perf_counter() - start


# One pool ---------------------------------------------------------------------------------------


def samplers(full, small, size, seed):
    return {
        "random": Uniform(size, random_state=seed),
        "CRAIG": CRAIG(full, size),
        "CRAIG, small fit": CRAIG(small, size),
        "CRAIG, columns": CRAIG(small, size, gradient="features"),
        "GradMatch": GradMatch(full, size),
        "GradMatch, small fit": GradMatch(small, size),
    }


def as_solved(model, X, y, kept):
    """Weights of the rows GradMatch kept before they are scaled: least squares in each class."""
    error = model.predict_proba(X)[:, 1] - y
    gradients = error[:, None] * np.column_stack([np.ones(len(X)), X])
    weight = np.zeros(len(kept))
    for label in (0, 1):
        mine = y[kept] == label
        target = gradients[y == label].sum(axis=0)
        weight[mine] = np.linalg.lstsq(gradients[kept[mine]].T, target)[0]
    return np.maximum(weight, 0)


def one_pool(data, X, y, seed):
    """Records of all methods and sizes on one draw of pool and test rows."""
    rows = np.random.default_rng(seed).permutation(len(y))
    pool, test = rows[:POOL], rows[POOL : POOL + TEST]
    scaler = StandardScaler().fit(X[pool])
    P, T, y_pool, y_test = scaler.transform(X[pool]), scaler.transform(X[test]), y[pool], y[test]
    full, seconds = timed(train, P, y_pool)
    least = objective(full, P, y_pool)
    few = np.random.default_rng([seed, 1]).permutation(POOL)[:SMALL]
    small, seconds_small = timed(LogisticRegression(max_iter=1000).fit, P[few], y_pool[few])
    records = []

    def note(method, size, model, **more):
        excess = objective(model, P, y_pool) - least
        error = 100 * (1 - model.score(T, y_test))
        same = {"data": data, "seed": seed, "method": method, "size": size}
        records.append({**same, "excess": excess, "error": error, **more})

    note("all", 1.0, full, fit=seconds, objective=least)
    note("small fit", SMALL / POOL, small, fit=seconds_small)
    for size in SIZES:
        for method, sampler in samplers(full, small, size, seed).items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*as well as more")  # below the budget
                _, select = timed(sampler.fit, P, y_pool)
            kept, weight = sampler.sample_indices_, sampler.sample_weight_
            k = len(kept)
            model, fit = timed(train, P[kept], y_pool[kept], weight, POOL)
            note(method, size, model, select=select, fit=fit, kept=k)
            if method in ("CRAIG", "GradMatch"):
                model = train(P[kept], y_pool[kept])
                note(method + ", no weights", size, model, select=select, kept=k)
            if method == "GradMatch":
                solved = as_solved(full, P, y_pool, kept)
                model = train(P[kept], y_pool[kept], solved, POOL)
                by_class = {}
                for c in (0, 1):
                    mine = y_pool[kept] == c
                    by_class[f"kept {c}"] = mine.sum()
                    by_class[f"share {c}"] = solved[mine].sum() / (y_pool == c).sum()
                note("as solved", size, model, **by_class)
                kept = Uniform(k, random_state=seed).fit(P, y_pool).sample_indices_
                note("as few", size, train(P[kept], y_pool[kept]), kept=k)
    return records


def measure(folder, seeds, jobs):
    """One thread a process, so that the seconds are those of one core."""

    def job(*args):
        with threadpool_limits(1):
            return one_pool(*args)

    tables = {name: load(folder) for name, load in DATA.items()}
    jobs = Parallel(n_jobs=jobs)(
        delayed(job)(name, *table, seed) for seed in range(seeds) for name, table in tables.items()
    )
    return pd.DataFrame([record for records in jobs for record in records])


# Statistics -------------------------------------------------------------------------------------


def values(results, data, method, size, column):
    """One number a pool, in the order of the seeds."""
    mine = (results["data"] == data) & (results["method"] == method) & (results["size"] == size)
    return results[mine].sort_values("seed")[column].to_numpy()


def interval(sample):
    """Mean, and half the width of its 95 % t-interval."""
    n = len(sample)
    return sample.mean(), student.ppf(0.975, n - 1) * sample.std(ddof=1) / np.sqrt(n)


def paired(results, data, method, size, column, base="random"):
    """Mean difference to `base`, half of its interval, pools where it is lower and higher."""
    base = values(results, data, base, size, column)
    difference = values(results, data, method, size, column) - base
    return *interval(difference), int((difference < 0).sum()), int((difference > 0).sum())


def verdict(mean, half):
    return "unclear" if abs(mean) <= half else "better" if mean < 0 else "worse"


def plus_minus(mean, half, column, sign=""):
    """The two, with digits enough for the second."""
    digits = max(2, 1 - int(np.floor(np.log10(half)))) if half > 0 else 4
    digits = min(digits, 4 if column == "excess" else 2)
    return f"{mean:{sign}.{digits}f} ± {half:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def short(x):
    """Two digits, and no exponent for large numbers."""
    return f"{x:.0f}" if x >= 10 else f"{x:.2g}"


# Tables -----------------------------------------------------------------------------------------


def heading(title, under="-"):
    return f"{title}\n{under * len(title)}\n\n"


def table(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def percent(size):
    return f"{100 * size:g} %"


def cell(results, data, method, size, column):
    mean, half, lower, higher = paired(results, data, method, size, column)
    mark = {"better": "**", "worse": "*", "unclear": ""}[verdict(mean, half)]
    return f"{mark}{plus_minus(mean, half, column, '+')}{mark} ({lower} : {higher})"


def differences(results, data, column):
    """Random rows, and what all others differ from them."""
    first = ["random"]
    for size in SIZES:
        mean, half = interval(values(results, data, "random", size, column))
        first.append(plus_minus(mean, half, column))
    rows = [
        [method, *(cell(results, data, method, size, column) for size in SIZES)]
        for method in OTHERS
    ]
    return table(["", *map(percent, SIZES)], [first, *rows])


def verdicts(results):
    """In how many of all tables and sizes a method is better, unclear, worse."""
    words = ("better", "unclear", "worse")
    rows = []
    for method in OTHERS:
        row = [method]
        for column in ("excess", "error"):
            cells = [(data, method, size, column) for data in DATA for size in SIZES]
            found = [verdict(*paired(results, *where)[:2]) for where in cells]
            row += [found.count(word) for word in words]
        rows.append(row)
    header = [f"{what}: {word}" for what in ("excess loss", "test error") for word in words]
    return table(["", *header], rows)


def kept(results):
    """Rows that GradMatch kept, random rows of that number, and weights that are not scaled."""

    def mean(data, size, column, method="as solved"):
        return values(results, data, method, size, column).mean()

    rows = []
    for data in DATA:
        for size in SIZES:
            where = (results, data, "GradMatch", size, "excess", "as few")
            difference, half, lower, higher = paired(*where)
            solved = mean(data, size, "excess")
            rows.append(
                [
                    f"{data}, {percent(size)}",
                    f"{POOL * size:.0f}",
                    f"{mean(data, size, 'kept 0'):.1f} + {mean(data, size, 'kept 1'):.1f}",
                    f"{plus_minus(difference, half, 'excess', '+')} ({lower} : {higher})",
                    f"{mean(data, size, 'excess', 'GradMatch'):.4f}",
                    f"{solved:.0e}" if solved < 1e-3 else f"{solved:.4f}",
                    f"{mean(data, size, 'share 0'):.2f}, {mean(data, size, 'share 1'):.2f}",
                ]
            )
    header = ["", "budget", "selected", "difference to as many random samples", "excess loss"]
    header += ["excess loss, weights before scaling", "their sums / n\\ :sub:`c`"]
    return table(header, rows)


def fastest(results, data, method, size, column):
    return np.min(values(results, data, method, size, column))


def steps(results):
    """Seconds of each step."""
    chosen = [
        ["fit on the whole pool", "all", 1.0, "fit"],
        ["small fit", "small fit", SMALL / POOL, "fit"],
    ]
    chosen += [
        [f"select {percent(size)}: {method}", method, size, "select"]
        for size in (SIZES[0], SIZES[-1])
        for method in SELECTIONS
    ]
    chosen += [
        [f"fit on {percent(SIZES[-1])}: {method}", method, SIZES[-1], "fit"]
        for method in SELECTIONS
    ]
    rows = [
        [label, *(f"{fastest(results, data, *where):.4f}" for data in DATA)]
        for label, *where in chosen
    ]
    return table(["", *DATA], rows)


def way(results, data, method):
    """Seconds to a model at the largest size: classifier asked, selection, fit; in full fits."""
    asked = {"CRAIG": "all", "GradMatch": "all", "random": None, "CRAIG, columns": None}
    first = asked.get(method, "small fit")
    seconds = sum(fastest(results, data, method, SIZES[-1], step) for step in ("select", "fit"))
    if first is not None:
        seconds += fastest(results, data, first, FITTED_ON[first], "fit")
    return seconds / fastest(results, data, "all", 1.0, "fit")


def totals(results):
    """What the ways cost, and what they lead to."""
    rows = [["whole pool", *(["1", "0", "0"] * len(DATA))]]
    for method in SELECTIONS:
        row = [method]
        for data in DATA:
            excess = values(results, data, method, SIZES[-1], "excess").mean()
            error = values(results, data, method, SIZES[-1], "error")
            error = (error - values(results, data, "all", 1.0, "error")).mean()
            error = f"{error:+.2f}".replace("-", "\N{MINUS SIGN}")
            row += [short(way(results, data, method)), f"{excess:.4f}", error]
        rows.append(row)
    what = ("cost in full fits", "excess loss", "test error, points")
    out = table(["", *(f"{data}: {column}" for data in DATA for column in what)], rows)
    ways = [way(results, data, m) for data in DATA for m in SELECTIONS if m != "random"]
    return (
        f"{out}Of the methods other than random samples, the fastest takes {short(min(ways))} "
        "times as long as training on the\nwhole pool, and the slowest "
        f"{short(max(ways))} times.\n"
    )


# Text -------------------------------------------------------------------------------------------

INTRODUCTION = """\
A pool of {pool:,} samples and a test set of {test:,} other samples are drawn {seeds} times from
each of two datasets: covtype (class 2 against the rest, 54 features) and ijcnn1 (22 features,
9.7 % positive). The features are standardized by the mean and standard deviation of the pool.
Samples of the pool are selected with class proportions, and a logistic regression is trained on
them. It minimizes the mean log loss, weighted where there are weights, plus {penalty} / 2 times the
sum of the squared coefficients. In scikit-learn this is ``C = 1 / ({penalty} * total)``, where the
total is the number of samples of the pool if the weights are used, and the number of selected
samples otherwise. All fits thus have the same penalty per unit of weight as the fit on the whole
pool, and differ from it only in the mean loss that they minimize.

Excess loss is the value of this objective on the whole pool for the model trained on the selected
samples, minus its minimum, the value for the model trained on the whole pool. Test error is in
percent, and differences of test errors are in percentage points. "random" is stratified random
samples with the weights n\\ :sub:`c` / k\\ :sub:`c`. CRAIG and GradMatch use the gradients of a
fitted classifier:

* CRAIG, GradMatch: the classifier is the model trained on the whole pool. The selection requires
  this model, so that a coreset saves no time compared with training on the whole pool.
* "no weights": the same samples are used for training without their weights.
* "small fit": the classifier is ``LogisticRegression()`` fitted on a random 2 % of the pool
  ({small} samples), with its default ``C = 1``, a larger penalty than that of all other fits. This
  selection does not require the fit on the whole pool.
* CRAIG, columns: ``gradient="features"``, which uses no gradients of a classifier.

Samples are selected once, and the model is trained on them until convergence. The papers repeat
the selection during the training by gradient steps; this is not measured here.

"""

FIGURE = """\
.. figure:: /benchmarks/gradient_matching.svg
   :alt: Four panels, for covtype and ijcnn1: excess loss, and test error minus that of random
         samples, against the budget, from 0.5 to 10 % of the pool. There is one line for each
         method, and a black one for random samples; values above it are worse. The tables contain
         all numbers.

   Values above the black line are worse than those of random samples. The left panels show
   geometric means over the pools. The right panels show means of the paired differences, on an
   axis that is linear between -1 and 1 and logarithmic beyond. The bars are 95 % t-intervals (in
   the left panels, of the logarithms).

"""

READING = """\
In the next four tables, the first row is the mean of random samples with its 95 % t-interval over
the {seeds} pools. The other rows are differences to random samples of the same pool: the mean, half
the width of the interval, and in parentheses the numbers of pools in which the method is lower
(better) and higher (worse). Differences with an
interval below 0 are bold, and those with an interval above 0 are italic. Of the
{cells} intervals, a few are on one side of 0 by chance. The pools overlap, in ijcnn1 more than in
covtype, so that the intervals apply to these two datasets only.

"""

SCALING = """\
In each class, GradMatch selects at most as many samples as a gradient of this class has free
components: the features that are not constant, and the intercept. This number of samples suffices
to match the total gradient, and no further samples are selected ("selected": class 0 + class 1,
means over the pools). The fourth column compares GradMatch with as many random samples as it
selected, which can be fewer than the budget.

Weights that match the total gradient of each class exactly, at the parameters of the model trained
on the whole pool, make these parameters the optimum of the fit on the coreset too. The sixth column
shows this for the weights before scaling, which are computed again here, by least squares on the
selected samples. If the budget of a class is smaller than the number of components of its gradient,
the gradient is not matched, and the values of this column are not near 0. ``sample_weight_`` is
scaled by one factor for both classes, which changes this optimum by its penalty only: the fifth
column. The last column shows the total weights of the classes before scaling, as fractions of
n\\ :sub:`c` (class 0, class 1). They are unequal, so that scaling to n\\ :sub:`c` in each class
would change the balance between the gradients of the classes.
All this holds at the parameters of the classifier whose gradients are used. With those of the small
fit, the gradient is matched at other parameters; the result is "GradMatch, small fit".

"""

COST = """\
For each step, the table shows the seconds of the fastest pool, of {jobs} parallel processes with
one thread each. Compare only the orders of magnitude. All fits use lbfgs with a tolerance
of 1e-6 (the small fit: 1e-4). The times of the selections do not include the fit of the classifier
whose gradients are used.

"""

TOTALS = """\
The total time of a model at {size} of the samples is the sum of the fit of the classifier whose
gradients are used (if any), the selection, and the fit on the selected samples. The table shows it
as a multiple of the time of the fit on the whole pool, with the mean excess loss and the test error
minus that of the model trained on the whole pool.

"""


def said(results, data, method, size):
    """One method at one size, in words."""
    parts = []
    for column, name in (("excess", "excess loss"), ("error", "test error")):
        mine, base = (values(results, data, m, size, column).mean() for m in (method, "random"))
        mean, half, lower, higher = paired(results, data, method, size, column)
        digits = 4 if column == "excess" else 2
        parts.append(
            f"{name} {mine:.{digits}f} against {base:.{digits}f},\n  difference "
            f"{plus_minus(mean, half, column, '+')} (lower in {lower} pools, higher in {higher})"
        )
    return f"* {data}, {method}: {parts[0]};\n  {parts[1]}.\n"


def outcome(results):
    size = SIZES[-1]
    out = f"At {percent(size)} of the samples, compared with random samples:\n\n"
    for method in ("CRAIG", "GradMatch", "CRAIG, small fit", "GradMatch, small fit"):
        for data in DATA:
            out += said(results, data, method, size)
    out += (
        f"\nThe table counts those of the {len(SIZES) * len(DATA)} combinations of dataset and "
        "size whose interval of the\npaired difference is below 0 (better than random samples), "
        "contains 0 (unclear) or is above 0\n(worse).\n\n"
    )
    return out + verdicts(results)


def reference(results, data):
    """The models that selections start from."""
    loss = plus_minus(*interval(values(results, data, "all", 1.0, "objective")), "excess")
    error = plus_minus(*interval(values(results, data, "all", 1.0, "error")), "error")
    small = values(results, data, "small fit", SMALL / POOL, "excess").mean()
    wrong = values(results, data, "small fit", SMALL / POOL, "error").mean()
    return (
        f"The model trained on the whole pool has an objective of {loss} and a test error of\n"
        f"{error} %. The small fit has an excess loss of {small:.3f} and a test error of "
        f"{wrong:.2f} %.\n\n"
    )


def report(results, jobs):
    words = {
        "pool": POOL,
        "test": TEST,
        "small": SMALL,
        "seeds": results["seed"].nunique(),
        "penalty": f"{PENALTY:g}".replace("e-0", "e-"),
        "cells": 2 * len(SIZES) * len(DATA) * len(OTHERS),
        "jobs": jobs,
        "size": percent(SIZES[-1]),
    }
    out = heading("Gradient matching: loss, error and cost", "=")
    out += f"Written by ``doc/benchmarks/gradient_matching.py``. {machine()}\n\n"
    out += INTRODUCTION.format(**words) + FIGURE
    out += heading("Outcome") + outcome(results) + READING.format(**words)
    for data in DATA:
        out += heading(f"{data}: excess loss") + reference(results, data)
        out += differences(results, data, "excess")
        out += heading(f"{data}: test error, %") + differences(results, data, "error")
    out += heading("GradMatch: number of selected samples, and scale of the weights")
    out += SCALING + kept(results)
    out += heading("Gradient matching: cost") + COST.format(**words) + steps(results)
    return out + TOTALS.format(**words) + totals(results)


# Figure -----------------------------------------------------------------------------------------


def spread(heights, gap):
    """Heights of labels, moved apart until they are `gap` from each other, in the same order."""
    order = np.argsort(heights)
    moved = np.array(heights, dtype=float)[order]
    for _ in range(500):
        for i in range(len(moved) - 1):
            lack = gap - (moved[i + 1] - moved[i])
            if lack > 0:
                moved[i] -= lack / 2
                moved[i + 1] += lack / 2
    out = np.empty(len(moved))
    out[order] = moved
    return out


def lines(results, data, column):
    """(method, centre, low, high) at all sizes: excess loss, or test error less that of random."""
    for method in METHODS:
        if column == "excess":
            samples = [np.log(values(results, data, method, size, column)) for size in SIZES]
        else:
            base = [values(results, data, "random", size, column) for size in SIZES]
            mine = [values(results, data, method, size, column) for size in SIZES]
            samples = [a - b for a, b in zip(mine, base, strict=True)]
        centre, half = np.transpose([interval(sample) for sample in samples])
        shape = np.exp if column == "excess" else np.asarray
        yield method, shape(centre), shape(centre - half), shape(centre + half)


def panel(ax, results, data, column):
    """A line for each method, with its name at its right end."""
    x = 100 * np.array(SIZES)
    ends = []
    for i, (method, centre, low, high) in enumerate(lines(results, data, column)):
        colour, dashes = METHODS[method]
        width, front = (2.5, 3) if method == "random" else (1.5, 2)
        aside = x * 1.014 ** (i - 3.5)  # bars beside each other
        ax.plot(aside, centre, dashes, color=colour, linewidth=width, zorder=front)
        ax.vlines(aside, low, high, color=colour, linewidth=1.2, zorder=front)
        ends.append((method, centre[-1], colour))
    plain = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    ax.set(xscale="log", xticks=x, xlim=(x[0] / 1.15, x[-1] * 1.15))
    if column == "excess":
        ax.set_yscale("log")
    else:
        ax.set_yscale("symlog", linthresh=1, linscale=0.8)
        ax.set_yticks([-10, -3, -1, 0, 1, 3, 10, 30, 100])
    ax.xaxis.set_major_formatter(plain)
    ax.yaxis.set_major_formatter(plain)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.autoscale_view()
    where = ax.transAxes.inverted().transform
    heights = [where(ax.transData.transform((x[-1], end)))[1] for _, end, _ in ends]
    for (method, _, colour), old, new in zip(ends, heights, spread(heights, 0.06), strict=True):
        ax.annotate(
            method,
            xy=(0.995, old),
            xytext=(1.07, new),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            fontweight="bold" if method == "random" else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def draw(results, path):
    rcParams["svg.hashsalt"] = "skcoreset"  # the same file for the same numbers
    figure = Figure(figsize=(11.5, 8.5))
    axes = figure.subplots(2, 2)
    figure.subplots_adjust(left=0.07, right=0.85, top=0.95, bottom=0.07, wspace=0.66, hspace=0.3)
    titles = {"excess": "excess loss", "error": "test error minus random's, points"}
    for row, data in zip(axes, DATA, strict=True):
        for ax, (column, title) in zip(row, titles.items(), strict=True):
            panel(ax, results, data, column)
            ax.set_title(f"{data}: {title}", loc="left", fontsize=11)
            ax.set_xlabel("rows asked for, % of the pool")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def machine():
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return (
        f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy "
        f"{np.__version__}, scikit-learn {sklearn.__version__}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with the two tables")
    parser.add_argument("--seeds", type=int, default=10, help="pools drawn from each table")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    results = measure(given.data, given.seeds, given.jobs)
    out = report(results, given.jobs)
    print(out)
    here = Path(__file__)
    here.with_name("gradient_matching.rst").write_text(out.rstrip() + "\n")
    draw(results, here.with_name("gradient_matching.svg"))


if __name__ == "__main__":
    main()
