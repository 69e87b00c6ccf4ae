"""Does gradient matching pay? CRAIG and GradMatch against random rows, logistic regression.

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
                warnings.filterwarnings("ignore", "[0-9]+ rows")  # GradMatch: fewer than asked for
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
    header = ["", "asked for", "kept", "difference to as few random rows", "excess loss"]
    header += ["excess loss, weights as solved", "their sums / n\\ :sub:`c`"]
    return table(header, rows)


def fastest(results, data, method, size, column):
    return np.min(values(results, data, method, size, column))


def steps(results):
    """Seconds of each step."""
    chosen = [
        ["fit on everything", "all", 1.0, "fit"],
        ["fit on the small sample", "small fit", SMALL / POOL, "fit"],
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
    rows = [["everything", *(["1", "0", "0"] * len(DATA))]]
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
        f"{out}Of the selections other than random rows the cheapest takes {short(min(ways))} "
        f"times and the dearest\n{short(max(ways))} times as long as training on everything.\n"
    )


# Text -------------------------------------------------------------------------------------------

INTRODUCTION = """\
A pool of {pool:,} rows and {test:,} other rows for testing are drawn {seeds} times from each
table: covtype (class 2 against the rest, 54 columns) and ijcnn1 (22 columns, 9.7 % positive).
Columns are standardised by the pool. Rows of the pool are selected, class by class in
proportion, and a logistic regression is trained on them. It minimises the mean log-loss,
weighted where there are weights, plus {penalty} / 2 times the sum of the squared coefficients.
In scikit-learn that is ``C = 1 / ({penalty} * total)``, where the total weight is the number of
rows of the pool if the weights are used and the number of rows kept if not. So every fit has the
same penalty for each unit of weight as the fit on everything, and differs from it only in what
stands for the mean over the pool.

Excess loss is this objective on the whole pool, of the model trained on the rows kept, minus that
of the model trained on the pool, which is its minimum. Test error is in percent, differences of
it in points. "random" are stratified random rows with the weights n\\ :sub:`c` /
k\\ :sub:`c`. CRAIG and GradMatch take the gradients of a fitted classifier:

* CRAIG, GradMatch: of the model trained on everything. It is the very model that one wants, so
  this selection cannot be cheaper than training.
* "no weights": the same rows, trained on without their weights.
* "small fit": of ``LogisticRegression()`` fitted on a random 2 % of the pool ({small} rows), with
  its default ``C = 1``, a larger penalty than all the other fits have. So a selection can be had
  without the fit on everything.
* CRAIG, columns: ``gradient="features"``, which asks no classifier.

One selection is made, and the model is trained on it until it converges. The papers select again
and again while they train by gradient steps; that is not measured here.

"""

FIGURE = """\
.. figure:: /benchmarks/gradient_matching.svg
   :alt: Four panels, for covtype and ijcnn1: excess loss, and test error less that of random
         rows, against the rows asked for, from 0.5 to 10 % of the pool. One line for each method,
         a black one for random rows; what lies above it is worse. All numbers are in the tables.

   What lies above the black line is worse than random rows. Left: geometric means over the pools.
   Right: means of the paired differences; linear between -1 and 1, logarithmic beyond. Bars: 95 %
   t-intervals (left: of the logarithms).

"""

READING = """\
In the next four tables the first row is the mean of random rows with its 95 % t-interval over the
{seeds} pools. Below it are differences to random rows of the same pool: mean, half the width of
the interval, and in brackets in how many pools the method was lower (better) and higher (worse).
Bold: the interval lies below 0. Italic: above 0. There are {cells} of them, so a few lie on one
side by chance. Pools overlap, in ijcnn1 more than in covtype: the intervals are about these two
tables and no others.

"""

SCALING = """\
In a class GradMatch keeps at most as many rows as a gradient of this class has free numbers: the
columns that are not constant, and the intercept. With so many the gradient is matched, and more
rows are not wanted ("kept": class 0 + class 1, means over the pools). Compared with as many
random rows as it kept, instead of as many as were asked for, it stands as in the fourth column.

Weights that match the gradient of each class exactly, at the parameters of the model trained on
everything, make these parameters the optimum of the small fit too. The weights as solved show it:
least squares on the rows kept, done here again; the sixth column. Where a class has fewer places
than its gradient has numbers, the gradient is not matched, and that column is not near 0.
``sample_weight_`` is scaled by one factor for both classes, which leaves this optimum where it is
but for the penalty: the fifth column. The classes keep unequal sums, the fractions of n\\ :sub:`c`
in the last column (class 0, class 1; as solved). Scaled to n\\ :sub:`c` class by class they would
move against each other.
All this is at the parameters of the classifier that is asked. With those of the small sample the
gradient is matched at other parameters, and that is "GradMatch, small fit".

"""

COST = """\
Seconds are those of the pool where the step was fastest, of {jobs} processes side by side with
one thread each: read orders of magnitude. All fits
are by lbfgs to a tolerance of 1e-6 (that on the small sample: 1e-4). The selections leave out the
fit of the classifier whose gradients they take.

"""

TOTALS = """\
The whole way to a model at {size} of the rows is the fit of the classifier that is asked (if
any), the selection and the fit on the rows kept. In fits on everything, and what it leads to
(mean excess loss; test error less that of the model trained on everything):

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
    out = f"At {percent(size)} of the rows, against random rows:\n\n"
    for method in ("CRAIG", "GradMatch", "CRAIG, small fit", "GradMatch, small fit"):
        for data in DATA:
            out += said(results, data, method, size)
    out += (
        f"\nOf the {len(SIZES) * len(DATA)} combinations of table and size, so many have the "
        "interval of the paired\ndifference below 0 (better than random rows), across 0 "
        "(unclear) or above 0 (worse):\n\n"
    )
    return out + verdicts(results)


def reference(results, data):
    """The models that selections start from."""
    loss = plus_minus(*interval(values(results, data, "all", 1.0, "objective")), "excess")
    error = plus_minus(*interval(values(results, data, "all", 1.0, "error")), "error")
    small = values(results, data, "small fit", SMALL / POOL, "excess").mean()
    wrong = values(results, data, "small fit", SMALL / POOL, "error").mean()
    return (
        f"Trained on everything the objective is {loss} and the test error {error} %. The\n"
        f"classifier of the small sample has an excess loss of {small:.3f} and a test error of "
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
    out = heading("Does gradient matching pay?", "=")
    out += f"Written by ``doc/benchmarks/gradient_matching.py``. {machine()}\n\n"
    out += INTRODUCTION.format(**words) + FIGURE
    out += heading("Outcome") + outcome(results) + READING.format(**words)
    for data in DATA:
        out += heading(f"{data}: excess loss") + reference(results, data)
        out += differences(results, data, "excess")
        out += heading(f"{data}: test error, %") + differences(results, data, "error")
    out += heading("GradMatch: rows kept, and the scale of the weights")
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
