"""Weights of a coreset in the fit of a classifier: which sum, and whether at all.

    python doc/benchmarks/weights.py --data DIR [--seeds 3] [--jobs 1]

DIR holds the files that the functions under "Data" read. Writes weights.rst and the figure
weights.svg next to this file and prints the former. Needs matplotlib and pandas. Three seeds take
about twelve minutes on one core.
"""

import argparse
import bz2
import os
import platform
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from matplotlib import rcParams
from matplotlib.figure import Figure
from sklearn.datasets import load_svmlight_file
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skcoreset import (
    CRAIG,
    FacilityLocation,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Uniform,
)

POOL, TEST = 5_000, 3_000
SIZES = [0.01, 0.05, 0.2]
MODELS = {
    "SVC(C=1)": lambda seed: SVC(C=1),
    "SVC(C=5)": lambda seed: SVC(C=5),
    "LogisticRegression(C=1)": lambda seed: LogisticRegression(max_iter=500),
    "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(max_iter=50),
    "HistGradientBoosting, l2 = 1": lambda seed: HistGradientBoostingClassifier(
        max_iter=50, l2_regularization=1.0
    ),
    "MLPClassifier": lambda seed: MLPClassifier((50,), max_iter=100, random_state=seed),
}
EQUAL = ["Uniform", "Herding, rbf"]
BALANCED = "Uniform, balanced"
SAMPLERS = {
    "Uniform": lambda size, seed: Uniform(size, random_state=seed),
    "Herding, rbf": lambda size, seed: Herding(size, kernel="rbf"),
    "FacilityLocation": lambda size, seed: FacilityLocation(size),
    "CRAIG": lambda size, seed: CRAIG(coreset_size=size),
    "KCenterGreedy": lambda size, seed: KCenterGreedy(size),
    "ImportanceSampling": lambda size, seed: ImportanceSampling(size, random_state=seed),
    BALANCED: lambda size, seed: Uniform(size, stratify="balanced", random_state=seed),
}
WEIGHTS = ["none", "mean", "total"]

# Data -------------------------------------------------------------------------------------------


def adult(folder):
    table = pd.read_csv(folder / "adult.data.gz", header=None, skipinitialspace=True)
    return pd.get_dummies(table.iloc[:, :-1], dtype=float).to_numpy(), table.iloc[:, -1]


def covtype(folder):
    table = pd.read_csv(folder / "covtype_93k.csv.gz")
    return table.drop(columns="Cover_Type").to_numpy(dtype=float), table["Cover_Type"]


def ijcnn1(folder):
    with bz2.open(folder / "ijcnn1.trn.bz2") as file:
        X, y = load_svmlight_file(file)
    return X.toarray(), y


def letter(folder):
    table = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


def magic(folder):
    table = pd.read_csv(folder / "magic_train.csv.gz")
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


def mammography(folder):
    with np.load(folder / "adbench_mammography.npz") as file:
        return file["X"], file["y"]


def shuttle(folder):
    table = pd.read_csv(folder / "shuttle.trn.gz", sep=" ", header=None)
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


TABLES = {
    load.__name__: load for load in (adult, covtype, ijcnn1, letter, magic, mammography, shuttle)
}


def drawn(X, y, seed):
    """Pool and test of a seed, standardized by the pool."""
    rows = np.random.default_rng(seed).permutation(len(y))[: POOL + TEST]
    pool, test = rows[:POOL], rows[POOL:]
    test = test[np.isin(y[test], y[pool])]  # a class of a few samples
    scaler = StandardScaler().fit(X[pool])
    return scaler.transform(X[pool]), y[pool], scaler.transform(X[test]), y[test]


# What is measured -------------------------------------------------------------------------------


def scaled(weight, scale):
    """The argument sample_weight of `fit`; `weight` sums to the number of samples of the pool."""
    return {"none": None, "mean": weight / weight.mean(), "total": weight}[scale]


def scores(model, T, y_test):
    predicted = model.predict(T)
    found = {
        "accuracy": 100 * accuracy_score(y_test, predicted),
        "balanced": 100 * balanced_accuracy_score(y_test, predicted),
    }
    if hasattr(model, "predict_proba"):
        p = pd.DataFrame(model.predict_proba(T), columns=model.classes_)
        p = p.reindex(columns=np.union1d(model.classes_, y_test), fill_value=0.0)
        p = p.clip(1e-6, 1).to_numpy()
        found["log-loss"] = log_loss(
            y_test, p / p.sum(axis=1, keepdims=True), labels=np.union1d(model.classes_, y_test)
        )
    return found


def measure_one(table, X, y, seed, size):
    """All samplers, models and weights on one pool with one budget."""
    P, y, T, y_test = drawn(X, y, seed)
    records = []
    for sampler, make in SAMPLERS.items():
        fitted = make(size, seed).fit(P, y)
        kept, weight = fitted.sample_indices_, fitted.sample_weight_
        for model, build in MODELS.items():
            for scale in WEIGHTS:
                learner = build(seed).fit(P[kept], y[kept], sample_weight=scaled(weight, scale))
                where = {"table": table, "seed": seed, "size": size, "sampler": sampler}
                found = scores(learner, T, y_test)
                records.append({**where, "model": model, "weights": scale, **found})
    return records


def measure(folder, seeds, jobs):
    """One thread a process."""

    def job(function, *args):
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            # 26 classes and 50 samples
            warnings.filterwarnings("ignore", "The number of unique classes is greater")
            return function(*args)

    tasks = []
    for name, load in TABLES.items():
        X, y = load(folder)
        y = np.unique(y, return_inverse=True)[1]
        for seed in seeds:
            tasks += [(measure_one, name, X, y, seed, size) for size in SIZES]
    done = Parallel(n_jobs=jobs)(delayed(job)(*task) for task in tasks)
    return pd.DataFrame([record for records in done for record in records])


# Tables -----------------------------------------------------------------------------------------

CELL = ["table", "size", "sampler", "model"]
MEASURES = {"accuracy": "accuracy, points", "balanced": "balanced accuracy, points"}
MEASURES["log-loss"] = "log-loss"


def differences(results, measure):
    """One row a cell (mean over the seeds): with weights minus without, for each scale."""
    by_scale = results.pivot_table(index=CELL, columns="weights", values=measure)
    apart = pd.DataFrame({scale: by_scale[scale] - by_scale["none"] for scale in WEIGHTS[1:]})
    apart = apart.reset_index()
    kinds = {**dict.fromkeys(EQUAL, "equal"), BALANCED: "balanced"}
    apart["kind"] = apart["sampler"].map(kinds).fillna("unequal")
    return apart


def heading(title, under="-"):
    return f"{title}\n{under * len(title)}\n\n"


def listed(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def signed(value, digits=1):
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def by_model(results, kind):
    """Mean differences to the fit without weights, a row for each model."""
    rows = []
    for model in MODELS:
        row = [model]
        for measure in MEASURES:
            apart = (
                differences(results[results["model"] == model], measure)
                if (results.loc[results["model"] == model, measure].notna().any())
                else None
            )
            for scale in WEIGHTS[1:]:
                if apart is None:
                    row.append("")
                    continue
                mine = apart.loc[apart["kind"] == kind, scale]
                row.append(signed(mine.mean(), 3 if measure == "log-loss" else 1))
        rows.append(row)
    header = [f"{words}: {scale}" for words in MEASURES.values() for scale in WEIGHTS[1:]]
    return listed(["", *header], rows)


def by_sampler(results):
    """The same for each sampler; and in how many cells "mean" is above "total"."""
    rows = []
    found = {measure: differences(results, measure) for measure in MEASURES}
    for sampler in SAMPLERS:
        row = [sampler]
        for measure, apart in found.items():
            mine = apart[apart["sampler"] == sampler]
            digits = 3 if measure == "log-loss" else 1
            row += [signed(mine[scale].mean(), digits) for scale in WEIGHTS[1:]]
        mine = found["accuracy"].query("sampler == @sampler")
        above = int((mine["mean"] > mine["total"] + 0.2).sum())
        below = int((mine["mean"] < mine["total"] - 0.2).sum())
        rows.append([*row, f"{above} : {below}"])
    header = [f"{words}: {scale}" for words in MEASURES.values() for scale in WEIGHTS[1:]]
    return listed(["", *header, "cells of higher accuracy, mean : total"], rows)


def by_table(results, sampler, model, measure):
    """Values, not differences: a row for each data set, a column for each size and scale."""
    some = results[(results["sampler"] == sampler) & (results["model"] == model)]
    means = some.groupby(["table", "size", "weights"])[measure].mean()
    rows = [
        [name, *(f"{means[name, size, scale]:.1f}" for size in SIZES for scale in WEIGHTS)]
        for name in TABLES
    ]
    header = [f"{100 * size:g} %: {scale}" for size in SIZES for scale in WEIGHTS]
    return listed(["", *header], rows)


def report(results):
    of_table = results.groupby("table")["seed"].nunique()
    fewer = [f"{name}: {n}" for name, n in of_table.items() if n < of_table.max()]
    seeds = f"{of_table.max()} seeds" + (f" ({', '.join(fewer)})" if fewer else "")
    out = heading("Weights in the fit: measurements", "=")
    out += f"Written by ``doc/benchmarks/weights.py``. {machine()}\n\n"
    out += INTRODUCTION.format(pool=POOL, test=TEST, seeds=seeds, tables=", ".join(TABLES))
    out += heading("Samplers with unequal weights") + UNEQUAL + by_model(results, "unequal")
    out += heading("Samplers with equal weights") + SAME + by_model(results, "equal")
    out += heading("Each sampler: with weights minus without") + SAMPLER + by_sampler(results)
    out += heading("SVC(C=1) on the samples of FacilityLocation") + VALUES
    out += by_table(results, "FacilityLocation", "SVC(C=1)", "accuracy")
    out += heading("Boosting without l2 on the samples of CRAIG") + VALUES
    out += by_table(results, "CRAIG", "HistGradientBoosting", "accuracy")
    out += heading("Equal numbers of samples of each class") + UNDONE
    return out + by_table(results, BALANCED, "HistGradientBoosting, l2 = 1", "balanced")


INTRODUCTION = """\
For each of {seeds}, {pool:,} samples of each data set ({tables}) are the pool, and {test:,}
others the test samples; the features are standardized, and the categories of adult are one-hot
encoded. Each sampler selects 1, 5 and 20 % of the pool. Each classifier is fitted on the selected
samples in three ways: without weights ("none"), with weights that average 1 ("mean"), and with
weights that sum to the size of the pool ("total"). Boosting runs 50 iterations; the network has
one hidden layer of 50 units. A cell is one data set, size, sampler and classifier, averaged over
the seeds; the tables show means over cells. A lower log-loss is better. `SVC` has no
probabilities, and hence no log-loss.

"""
UNEQUAL = """\
FacilityLocation, CRAIG, KCenterGreedy and ImportanceSampling: differences to the fit without
weights.

"""
SAME = """\
Uniform and Herding with the class proportions of the pool: the weights differ only because the
number of selected samples of each class is an integer.

"""
SAMPLER = """\
Means over all classifiers. The last column counts the cells in which the accuracies with the two
scales differ by more than 0.2 points.

"""
VALUES = """\
Test accuracy in percent.

"""
UNDONE = """\
Uniform with ``stratify="balanced"``, and boosting with ``l2_regularization=1``: balanced accuracy
in percent.

"""

# Figure -----------------------------------------------------------------------------------------


def draw(results, path):
    """Dots with intervals: what each scale gains and loses, for each classifier."""
    rcParams["svg.hashsalt"] = "skcoreset"  # the same file for the same numbers
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    looks = {  # colour, marker, filled, height
        ("unequal", "mean"): ("#0072b2", "o", True, 0.24),
        ("unequal", "total"): ("#d55e00", "s", True, 0.08),
        ("equal", "mean"): ("#0072b2", "o", False, -0.08),
        ("equal", "total"): ("#d55e00", "s", False, -0.24),
    }
    for ax, measure in zip(panels, MEASURES, strict=True):
        apart = differences(results.dropna(subset=[measure]), measure)
        ax.axvline(0, color="black", linewidth=1)
        for (kind, scale), (colour, marker, filled, aside) in looks.items():
            mine = apart[apart["kind"] == kind].groupby(["model", "table"])[scale].mean()
            for i, model in enumerate(MODELS):
                if model not in mine.index.get_level_values("model"):
                    continue
                of_tables = mine[model]
                error = of_tables.std(ddof=1) / np.sqrt(len(of_tables))
                ax.errorbar(
                    of_tables.mean(),
                    -i + aside,
                    xerr=error,
                    color=colour,
                    marker=marker,
                    markersize=6,
                    markerfacecolor=colour if filled else "white",
                    linewidth=1.2,
                    label=f'"{scale}", {kind} weights' if i == 2 else None,
                )
        ax.grid(axis="x", color="0.93")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    panels[0].set_yticks([-i for i in range(len(MODELS))], list(MODELS))
    panels[0].set_title("accuracy, points", loc="left", fontsize=11)
    panels[1].set_title("balanced accuracy, points", loc="left", fontsize=11)
    panels[2].set_title("log-loss (lower is better)", loc="left", fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("Fitted with weights minus fitted without weights", x=0.01, ha="left")
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
    parser.add_argument("--data", required=True, type=Path, help="folder with the data sets")
    parser.add_argument("--seeds", type=int, default=3, help="pools drawn")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    results = measure(given.data, range(given.seeds), given.jobs)
    out = report(results)
    print(out)
    here = Path(__file__)
    here.with_name("weights.rst").write_text(out.rstrip() + "\n")
    draw(results, here.with_name("weights.svg"))


if __name__ == "__main__":
    main()
