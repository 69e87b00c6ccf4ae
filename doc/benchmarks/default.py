"""The default sampler against stratified random samples, as a user calls it.

    python doc/benchmarks/default.py --data DIR --results DIR --jobs 2

DIR of the data holds the files of `DATASETS` (OpenML, LIBSVM and UCI have them). The work is
divided into parts, (data set, condition, seed, sampler), each of which writes one file in the
folder of the results. A part whose file exists is skipped, so that an interrupted run goes on
where it stopped; `--parts` measures the parts whose names match one of the given patterns. When
all parts are done, the tables are written to default.rst and the figure to default.svg. The whole
takes about 40 minutes in two processes with a core each (estimated, the machine was shared).
"""

import argparse
import bz2
import json
import os
import platform
import warnings
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from matplotlib import rcParams
from matplotlib.figure import Figure
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_digits, load_svmlight_file
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import skcoreset as sk
from skcoreset import CoresetClassifier
from skcoreset._budget import interleave

POOL, TEST = 6000, 2000
NONE = "\N{EN DASH}"
SIZES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3]
CONDITIONS = ["clean", "flipped", "rare"]
SEEDS = 5

# Data sets -----------------------------------------------------------------------------------


def covtype(folder):
    table = pd.read_csv(folder / "covtype_93k.csv.gz")
    return table.drop(columns="Cover_Type").to_numpy(float), table["Cover_Type"].to_numpy()


def ijcnn1(folder):
    with bz2.open(folder / "ijcnn1.trn.bz2") as file:
        X, y = load_svmlight_file(file)
    return X.toarray(), y


def shuttle(folder):
    table = pd.read_csv(folder / "shuttle.trn.gz", sep=" ", header=None).to_numpy()
    return table[:, :-1].astype(float), table[:, -1]


def magic(folder):
    parts = [pd.read_csv(folder / f"magic_{part}.csv.gz") for part in ("train", "test")]
    table = pd.concat(parts, ignore_index=True)
    return table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].to_numpy()


def adbench(name, folder):
    with np.load(folder / f"adbench_{name}.npz") as file:
        return file["X"].astype(float), file["y"].ravel()


def news(folder):
    parts = [
        pd.read_csv(folder / f"agnews_{part}.tsv.gz", sep="\t", header=None, quoting=3)
        for part in ("dev", "test")
    ]
    table = pd.concat(parts, ignore_index=True).astype(str)
    longest = table.apply(lambda column: column.str.len().mean()).argmax()
    return table.iloc[:, longest].to_numpy(object), table.iloc[:, 1 - longest].to_numpy()


def mnist(folder):
    with np.load(folder / "mnist.npz") as file:
        X, y = file["X_train"], file["y_train"]
    return X.reshape(len(X), -1), y


def digits(folder):
    return load_digits(return_X_y=True)


def letter(folder):
    table = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    return table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].to_numpy()


def adult(folder):
    table = pd.read_csv(folder / "adult.data.gz", header=None, skipinitialspace=True)
    table.columns = [f"x{i}" for i in range(table.shape[1])]
    return table.iloc[:, :-1], table.iloc[:, -1].to_numpy()


DATASETS = {
    "covtype": covtype,
    "ijcnn1": ijcnn1,
    "shuttle": shuttle,
    "magic": magic,
    "mammography": partial(adbench, "mammography"),
    "donors": partial(adbench, "donors"),
    "AG News": news,
    "MNIST": mnist,
    "digits": digits,
    "letter": letter,
    "adult": adult,
}
HELD_OUT = ["letter", "adult"]  # in no decision about the default sampler
ABLATED = ["covtype", "ijcnn1", "magic", "mammography", "AG News", "MNIST"]
LARGE = ["covtype", "ijcnn1", "magic", "MNIST", "letter", "adult"]
TIMED = ["covtype", "magic", "MNIST", "letter", "adult"]


def split(name, folder, condition, seed, pool=POOL):
    """The table as a user has it, the one for models, labels, and the last two of the test samples.

    The transformers are fitted on the pool. The codes of the labels are those of the classes of the
    pool; test samples of other classes are left out.
    """
    X, y = DATASETS[name](folder)
    y = np.unique(y, return_inverse=True)[1]
    rng = np.random.default_rng([seed, 1])
    n_test = TEST if len(y) > 2 * TEST else len(y) // 3
    rows, test = train_test_split(
        np.arange(len(y)), test_size=n_test, stratify=y, random_state=seed
    )
    if condition == "rare":
        rows = rows[thinned(y[rows], rng)]
    if len(rows) > pool:
        rows = train_test_split(rows, train_size=pool, stratify=y[rows], random_state=seed)[0]
    known = np.unique(y[rows])
    test = test[np.isin(y[test], known)]
    take = (lambda at: X.iloc[at]) if hasattr(X, "iloc") else (lambda at: X[at])
    table, table_test = take(rows), take(test)
    y_pool, y_test = np.searchsorted(known, y[rows]), np.searchsorted(known, y[test])
    if condition == "flipped":
        wrong = rng.permutation(len(y_pool))[: len(y_pool) // 10]
        shift = rng.integers(1, len(known), len(wrong))
        y_pool[wrong] = (y_pool[wrong] + shift) % len(known)
    if name == "AG News":
        words = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=5000)
        table, table_test = words.fit_transform(table), words.transform(table_test)
        scale = make_pipeline(TruncatedSVD(50, random_state=0), StandardScaler())
    elif name == "MNIST":
        pixels = make_pipeline(PCA(50, svd_solver="randomized", random_state=0))
        table = pixels.fit_transform(table.astype(np.float32)).astype(float)
        table_test = pixels.transform(table_test.astype(np.float32)).astype(float)
        scale = StandardScaler()
    elif name == "adult":
        scale = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), is_text),
            remainder=StandardScaler(),
        )
    else:
        scale = StandardScaler()
    scaled = np.ascontiguousarray(scale.fit_transform(table), dtype=float)
    scaled_test = np.ascontiguousarray(scale.transform(table_test), dtype=float)
    return table, scaled, y_pool, scaled_test, y_test


is_text = make_column_selector(dtype_exclude=np.number)


def thinned(y, rng):
    """Positions: every second class, by size, is thinned to 1/50 of the largest class."""
    count = np.bincount(y)
    kept = []
    for rank, code in enumerate(np.argsort(-count, kind="stable")):
        at = rng.permutation(np.flatnonzero(y == code))
        kept.append(at[: max(1, count.max() // 50)] if rank % 2 else at)
    return np.sort(np.concatenate(kept))


# Models and samplers -------------------------------------------------------------------------

MODELS = {
    "SVC": lambda seed: SVC(C=5),
    "HGB": lambda seed: HistGradientBoostingClassifier(
        max_iter=20, max_bins=63, l2_regularization=1, early_stopping=False, random_state=seed
    ),
    "LR": lambda seed: LogisticRegression(max_iter=200),
    "KNN": lambda seed: KNeighborsClassifier(5),
    "MLP": lambda seed: MLPClassifier(
        (50,), learning_rate_init=0.01, max_iter=40, random_state=seed
    ),
}

SAMPLERS = {
    "Uniform": lambda size, seed: sk.Uniform(size, random_state=seed),
    "Uniform, other seeds": lambda size, seed: sk.Uniform(size, random_state=1000 + seed),
    "Herding": lambda size, seed: sk.Herding(size, kernel="rbf"),
    "FacilityLocation": lambda size, seed: sk.FacilityLocation(size),
    "KCenterGreedy": lambda size, seed: sk.KCenterGreedy(size),
    "CoverageCentric": lambda size, seed: sk.CoverageCentric(
        coreset_size=size, cutoff=0.3, random_state=seed
    ),
    "ImportanceSampling": lambda size, seed: sk.ImportanceSampling(
        coreset_size=size, random_state=seed
    ),
    "Coreset": lambda size, seed: sk.Coreset(size, random_state=seed),
}
# The first k samples of each class are the selection of k samples of this class
NESTED = ["Herding", "Coreset", "no trust", "candidates only", "more trust"]
NESTED += ["without weights", "total weight"]
FEW = [0.01, 0.05, 0.2]  # of the variants

# What the parts of `Coreset` do: it without them, and other weights in the fit
ABLATION = {
    "no trust": {"min_trust": 0.0, "trust_power": 0.0},
    "candidates only": {"trust_power": 0.0},
    "more trust": {"min_trust": 0.2, "trust_power": 1.0},
    "more trust and tilt": {"min_trust": 0.2, "trust_power": 1.0, "weight_by_uncertainty": True},
    "tilt without weights": {
        "min_trust": 0.2,
        "trust_power": 1.0,
        "weight_by_uncertainty": True,
    },
    "without weights": {},
    "total weight": {},
}
FITTED = {
    "tilt without weights": {"use_weights": False},
    "without weights": {"use_weights": False},
    "total weight": {"weight_scale": "total"},
}


def variant(params, size, seed):
    return sk.Coreset(size, random_state=seed, **params)


SAMPLERS_AND_VARIANTS = SAMPLERS | {
    name: partial(variant, params) for name, params in ABLATION.items()
}


class Scores(BaseEstimator):
    """Scores that are already known, as a sampler: seven sizes share one training."""

    def __init__(self, scores):
        self.scores = scores

    def fit(self, X, y):
        self.scores_ = self.scores
        return self

    def fit_resample(self, X, y):
        return X, y  # not called


class Selected(BaseEstimator):
    """A selection that is already known, as a sampler: five models share one selection."""

    def __init__(self, sample_indices, sample_weight):
        self.sample_indices = sample_indices
        self.sample_weight = sample_weight

    def fit_resample(self, X, y):
        self.sample_indices_ = self.sample_indices
        self.sample_weight_ = self.sample_weight
        return X[self.sample_indices], y[self.sample_indices]


def sizes_of(y):
    """The sizes that give each class at least one sample."""
    return [size for size in SIZES if round(size * len(y)) >= len(np.unique(y))]


def selections(sampler, table, y, seed):
    """{size: (sample_indices, sample_weight, seconds)}"""
    make = SAMPLERS_AND_VARIANTS[sampler]
    sizes = [size for size in sizes_of(y) if size in FEW or sampler not in ABLATION]
    out, scores, seconds_of_scores = {}, None, 0
    for size in sizes if sampler not in NESTED else sizes[-1:]:
        start = process_time()
        fitted = make(size, seed)
        if scores is not None:
            fitted.set_params(sampler=scores)
        fitted.fit(table, y)
        seconds = process_time() - start + seconds_of_scores
        if sampler == "CoverageCentric" and scores is None:
            scores, seconds_of_scores = Scores(fitted.scores_), seconds
        out[size] = fitted.sample_indices_, fitted.sample_weight_, seconds
    if sampler in NESTED:
        picks, _, seconds = out[sizes[-1]]
        for size in sizes:
            out[size] = *first(picks, size, y), seconds
    return out


def first(picks, size, y):
    """The first picks of each class, as many as a selection of `size` has, and their weights."""
    like = sk.Uniform(size, random_state=0).fit(np.empty((len(y), 1)), y)
    sizes = np.bincount(y[like.sample_indices_])
    of = [picks[y[picks] == code][:k] for code, k in enumerate(sizes)]
    merged = interleave(sizes)
    return np.concatenate(of)[merged], np.repeat(np.bincount(y) / sizes, sizes)[merged]


def measured(model, Z, y, Z_test, y_test):
    """Accuracy, balanced accuracy, log-loss and the CPU seconds of the fit."""
    start = process_time()
    model.fit(Z, y)
    seconds = process_time() - start
    out = {"fit_s": round(seconds, 4)}
    n_classes = y.max() + 1
    if hasattr(model, "predict_proba"):
        p = np.zeros((len(y_test), n_classes))
        p[:, model.classes_] = model.predict_proba(Z_test)
        predicted = p.argmax(axis=1)
        own = p[np.arange(len(y_test)), y_test]
        prior = np.bincount(y, minlength=n_classes) / np.bincount(y_test, minlength=n_classes).clip(
            1
        )
        for key, floor in (("log_loss", np.finfo(float).eps), ("log_loss_001", 1e-3)):
            loss = -np.log(np.clip(own, floor, 1 - floor))
            out[key] = float(loss.mean())
            out[key + "_prior"] = float(np.average(loss, weights=prior[y_test]))
    else:
        predicted = model.predict(Z_test)
    hit = predicted == y_test
    out["accuracy"] = float(hit.mean())
    classes = np.unique(y_test)
    out["balanced"] = float(np.mean([hit[y_test == code].mean() for code in classes]))
    return out


# Parts ---------------------------------------------------------------------------------------


def parts():
    """Names of all parts: data set, condition or kind of measurement, seed, sampler."""
    main = [
        f"{name}-{condition}-{seed}-{sampler}"
        for sampler in SAMPLERS
        for condition in CONDITIONS
        for seed in range(SEEDS)
        for name in DATASETS
    ]
    ablations = [
        f"{name}-{condition}-{seed}-{variant}"
        for variant in ABLATION
        for condition in CONDITIONS
        for seed in range(2)
        for name in ABLATED
    ]
    others = [f"{name}-kernel-{seed}-Nystroem" for seed in range(2) for name in LARGE]
    others += ["covtype-large-0-Nystroem"]
    return main + ablations + others + [f"{name}-seconds-0-all" for name in TIMED]


def run(folder, results, jobs, patterns):
    """Measure what is missing, in the order of the parts."""
    todo = {}
    for part in parts():
        wanted = any(fnmatch(part, pattern) for pattern in patterns)
        if wanted and not (results / f"{part}.jsonl").exists():
            name, kind, seed, sampler = part.split("-")
            todo.setdefault((name, kind, int(seed)), []).append(sampler)
    call = delayed(measure)
    Parallel(jobs)(call(folder, results, *data, samplers) for data, samplers in todo.items())


def measure(folder, results, name, kind, seed, samplers):
    """The parts of one data set, condition and seed, which share the table."""
    data = split(name, folder, kind, seed, pool={"kernel": 12_000, "large": 60_000}.get(kind, POOL))
    for sampler in samplers:
        begin = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of models that do not converge, or take no weights
            if kind in ("kernel", "large"):
                lines = kernel_lines(*data, seed)
            elif kind == "seconds":
                lines = seconds_lines(*data, seed)
            else:
                lines = lines_of(sampler, *data, seed)
        file = results / f"{name}-{kind}-{seed}-{sampler}.jsonl"
        rest = file.with_suffix(".part")
        rest.write_text("\n".join(map(json.dumps, lines)) + "\n")
        rest.replace(file)
        print(f"{file.stem}: {perf_counter() - begin:.0f} s", flush=True)


def lines_of(sampler, table, Z, y, Z_test, y_test, seed):
    """All models on all sizes of one sampler. `Coreset` gets the table as it is."""
    given = table if sampler == "Coreset" or sampler in ABLATION else Z
    few = sampler in ABLATION
    lines = []
    for size, (picks, weight, seconds) in selections(sampler, given, y, seed).items():
        for model, make in MODELS.items():
            if few and model not in ("SVC", "HGB", "LR"):
                continue
            chosen = CoresetClassifier(
                make(seed), Selected(picks, weight), **FITTED.get(sampler, {})
            )
            found = measured(chosen, Z, y, Z_test, y_test)
            lines.append({"size": size, "model": model, "select_s": seconds, **found})
    return lines


def kernel_lines(table, Z, y, Z_test, y_test, seed):
    """SVC on coresets and on all samples, and Nystroem features of all samples."""
    lines = []
    for size in (0.01, 0.02, 0.05, 0.1):
        start = process_time()
        sampler = sk.Coreset(size, random_state=seed).fit(table, y)
        seconds = process_time() - start
        chosen = Selected(sampler.sample_indices_, sampler.sample_weight_)
        found = measured(CoresetClassifier(MODELS["SVC"](seed), chosen), Z, y, Z_test, y_test)
        found["fit_s"] += seconds
        lines.append({"method": "Coreset", "size": size, **found})
    gamma = 1 / (Z.shape[1] * Z.var())
    for n_components in (50, 100, 200, 400, 800):
        linear = make_pipeline(
            Nystroem(gamma=gamma, n_components=n_components, random_state=seed),
            LogisticRegression(C=10, max_iter=300, tol=1e-3),
        )
        found = measured(linear, Z, y, Z_test, y_test)
        lines.append({"method": "Nystroem", "size": n_components, **found})
    lines.append({"method": "SVC", "size": 1.0, **measured(SVC(C=5), Z, y, Z_test, y_test)})
    return lines


def seconds_lines(table, Z, y, Z_test, y_test, seed):
    """CPU seconds of selections and of fits, on parts and on all samples."""
    lines = []
    for size in (0.01, 0.1, 1.0):
        for name, make in SAMPLERS.items() if size < 1 else ():
            given = table if name == "Coreset" else Z
            start = process_time()
            make(size, seed).fit(given, y)
            lines.append({"what": name, "size": size, "seconds": process_time() - start})
        picks = sk.Uniform(size, random_state=0).fit(Z, y).sample_indices_
        for name, make in MODELS.items():
            start = process_time()
            make(seed).fit(Z[picks], y[picks])
            lines.append({"what": name, "size": size, "seconds": process_time() - start})
    return lines


# Tables --------------------------------------------------------------------------------------

PROBABILISTIC = ["LR", "HGB", "MLP"]  # of which the log-loss is judged
TITLES = {"clean": "clean", "flipped": "10 % flipped", "rare": "50 : 1"}
RIVALS = [name for name in SAMPLERS if name not in ("Uniform", "Uniform, other seeds")]
CELL = ["data", "condition", "model", "size"]


def collected(results):
    """All results: one row for each data set, condition, model, size, seed and sampler."""
    rows = []
    for file in sorted(results.glob("*-*-*-*.jsonl")):
        name, condition, seed, sampler = file.stem.split("-")
        if sampler in SAMPLERS and condition in CONDITIONS:
            at = {"data": name, "condition": condition, "seed": int(seed), "sampler": sampler}
            rows += [{**at, **json.loads(line)} for line in file.read_text().splitlines()]
    return judged(pd.DataFrame(rows))


def judged(table):
    """Add what a cell is judged by: `score`, in points, and `loss`."""
    table["score"] = 100 * np.where(table.condition == "rare", table["balanced"], table["accuracy"])
    rare = table.condition == "rare"
    table["loss"] = np.where(rare, table["log_loss_prior"], table["log_loss"])
    table.loc[~table.model.isin(PROBABILISTIC), "loss"] = np.nan
    return table


def wide(table, what):
    """A frame: the cells, the seeds in the columns below each sampler."""
    return table.pivot_table(index=CELL, columns=["sampler", "seed"], values=what).dropna(how="all")


def differences(values, sampler):
    """A frame of cells x seeds: sampler minus Uniform, of the cells with at least three seeds."""
    if sampler not in values:
        return values["Uniform"].iloc[:0]
    found = (values[sampler] - values["Uniform"]).dropna(axis=1, how="all")
    return found[found.notna().sum(axis=1) >= 3]


def verdicts(difference):
    """1, 0, -1 for each cell: paired t-test over the seeds, 5 %, two-sided."""
    difference = difference.round(9)  # models that do not depend on the samples
    n = difference.notna().sum(axis=1)
    mean, spread = difference.mean(axis=1), difference.std(axis=1, ddof=1)
    bound = stats.t.ppf(0.975, n - 1) * spread / np.sqrt(n)
    return np.sign(mean).where(mean.abs() > bound, 0)


def interval(difference):
    """Mean over the cells, and half of its 95 % interval over the seeds."""
    by_seed = difference.mean(axis=0).dropna()
    if len(by_seed) < 2:
        return by_seed.mean(), np.nan
    return by_seed.mean(), stats.t.ppf(0.975, len(by_seed) - 1) * stats.sem(by_seed)


def signed(mean, half=None, digits=1):
    text = f"{mean:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if half is None else f"{text} ± {half:.{digits}f}"


def counts(found):
    won, tied, lost = ((found == value).sum() for value in (1, 0, -1))
    return f"{won} / {tied} / {lost}"


def lost(found):
    return f"{100 * (found == -1).mean():.1f} %"


def regrets(scores):
    """Of each sampler: the best mean of the cell minus its own."""
    names = [name for name in ["Uniform", *RIVALS] if name in scores]
    means = pd.DataFrame({name: scores[name].mean(axis=1) for name in names}).dropna()
    return means.rsub(means.max(axis=1), axis=0)


def listed(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def on(frame, **which):
    """The cells of some levels of the index."""
    keep = np.ones(len(frame), dtype=bool)
    for level, values in which.items():
        values = values if isinstance(values, list) else [values]
        keep &= frame.index.get_level_values(level).isin(values)
    return frame[keep]


def summary(scores, losses, data):
    """One row for each sampler and condition."""
    scores, losses = on(scores, data=data), on(losses, data=data)
    regret = regrets(scores)
    rows = []
    for sampler in ["Coreset", *[name for name in SAMPLERS if name not in ("Coreset", "Uniform")]]:
        score, loss = differences(scores, sampler), differences(losses, sampler)
        if not len(score):
            continue
        a, b = verdicts(score), -verdicts(loss)
        by_condition = [
            signed(on(score, condition=c).stack().mean()) if len(on(score, condition=c)) else NONE
            for c in CONDITIONS
        ]
        rows.append(
            [
                f"``{sampler}``" if "," not in sampler else "``Uniform``, other seeds",
                signed(*interval(score)),
                *by_condition,
                f"{counts(a)} ({lost(a)})",
                f"{regret[sampler].mean():.2f}" if sampler in regret else NONE,
                signed(*interval(loss), digits=3),
                f"{counts(b)} ({lost(b)})",
            ]
        )
    header = ["sampler", "score, points", *TITLES.values(), "score: won / tied / lost", "regret"]
    return listed([*header, "log-loss", "log-loss: won / tied / lost"], rows)


def grouped(scores, losses, data, level, values):
    """Coreset against Uniform, by size, model or data set."""
    scores, losses = on(scores, data=data), on(losses, data=data)
    rows = []
    for value in values:
        score = on(differences(scores, "Coreset"), **{level: value})
        loss = on(differences(losses, "Coreset"), **{level: value})
        name = f"{100 * value:g} %" if level == "size" else value
        by = [signed(on(score, condition=c).stack().mean()) for c in CONDITIONS]
        found = [name, signed(*interval(score)), *by, counts(verdicts(score))]
        if len(loss):
            by = [signed(on(loss, condition=c).stack().mean(), digits=3) for c in CONDITIONS]
            found += [signed(*interval(loss), digits=3), *by, counts(-verdicts(loss))]
        else:
            found += [NONE] * 5
        rows.append(found)
    first = {"data": "data set"}.get(level, level)
    header = [first, "score, points", *TITLES.values(), "score: won / tied / lost", "log-loss"]
    header += [f"log-loss, {title}" for title in TITLES.values()]
    return listed([*header, "log-loss: won / tied / lost"], rows)


def by_sampler(values, sign, digits):
    """The mean difference of each sampler on each data set, and its cells won and lost."""
    rows = []
    for data in DATASETS:
        row = [data]
        for sampler in ["Coreset", *[name for name in RIVALS if name != "Coreset"]]:
            difference = on(differences(values, sampler), data=data)
            found = sign * verdicts(difference)
            mean = signed(difference.stack().mean(), digits=digits)
            row.append(f"{mean} ({(found == 1).sum()} / {(found == -1).sum()})")
        rows.append(row)
    names = ["Coreset", *[name for name in RIVALS if name != "Coreset"]]
    return listed(["data set", *[f"``{name}``" for name in names]], rows)


def lost_cells(values, sign, digits):
    """The cells in which Coreset is significantly worse than Uniform."""
    found = differences(values, "Coreset")
    bad = found[verdicts(found) * sign == -1]
    rows = [
        [data, TITLES[condition], model, f"{100 * size:g} %", signed(mean, digits=digits)]
        for (data, condition, model, size), mean in bad.mean(axis=1).items()
    ]
    if not rows:
        return "None.\n\n"
    return listed(["data set", "condition", "model", "size", "mean difference"], rows)


def draw(scores, losses, path):
    """Difference to Uniform against the size: a column for each model."""
    rcParams["svg.hashsalt"] = "skcoreset"  # the same file for the same numbers
    rcParams["font.size"] = 12
    figure = Figure(figsize=(6.2, 11), layout="constrained")
    axes = figure.subplots(len(MODELS), 2, sharex=True)
    colors = {"clean": "#0072b2", "flipped": "#d55e00", "rare": "#009e73"}
    at = np.arange(len(SIZES))
    for row, model in zip(axes, MODELS, strict=True):
        for ax, values in zip(row, (scores, losses), strict=True):
            for condition, color in colors.items():
                found = on(differences(values, "Coreset"), model=model, condition=condition)
                if not len(found):
                    continue
                pairs = [interval(on(found, size=size)) for size in SIZES]
                mean, half = map(np.array, zip(*pairs, strict=True))
                ax.plot(at, mean, color=color, label=TITLES[condition])
                ax.fill_between(at, mean - half, mean + half, color=color, alpha=0.2, linewidth=0)
            if not len(on(differences(values, "Coreset"), model=model)):
                ax.text(0.5, 0.5, "not judged", transform=ax.transAxes, ha="center", va="center")
                ax.set_axis_off()
                continue
            ax.axhline(0, color="0.3", linewidth=1)
            ax.set_xticks(at, [f"{100 * size:g}" for size in SIZES])
            ax.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(model, rotation=0, ha="right", va="center")
    axes[0, 0].set_title("score, points")
    axes[0, 1].set_title("log-loss")
    for ax in axes[-1]:
        ax.set_xlabel("size, % of the pool")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def ablations(results, scores, losses):
    """What each part of `Coreset` changes, on the cells of the variants."""
    rows, files = [], {}
    for name in ABLATION:
        lines = []
        for file in sorted(results.glob(f"*-{name}.jsonl")):
            data, condition, seed, _ = file.stem.split("-")
            at = {"data": data, "condition": condition, "seed": int(seed), "sampler": name}
            lines += [{**at, **json.loads(line)} for line in file.read_text().splitlines()]
        if lines:
            files[name] = judged(pd.DataFrame(lines))
    if not files:
        return ""
    tables = {name: (wide(table, "score"), wide(table, "loss")) for name, table in files.items()}
    common = set.intersection(*(set(score.index) for score, _ in tables.values()))
    common = scores.index.isin(common)
    seeds = sorted(
        set.intersection(*(set(score.columns.levels[1]) for score, _ in tables.values()))
    )
    both = {"Coreset": (scores, losses), "Herding": (scores, losses), **tables}
    labels = {
        "Coreset": "``Coreset``, as it is",
        "Herding": '``Herding(kernel="rbf")``',
        "no trust": "no trust: kernel herding with the Laplacian kernel",
        "candidates only": "``trust_power=0``: suspicious samples are no candidates",
        "more trust": "``min_trust=0.2, trust_power=1``",
        "more trust and tilt": "the same with ``weight_by_uncertainty=True``",
        "tilt without weights": "the same, fitted without weights",
        "without weights": "``Coreset``, fitted without weights",
        "total weight": "``Coreset``, fitted with weights that sum to the pool",
    }
    for name, (score, loss) in both.items():
        row = [labels[name]]
        for values, digits in ((score, 1), (loss, 3)):
            base = (scores if digits == 1 else losses)["Uniform"]
            index = (
                base.index[common] if digits == 1 else base.index.intersection(scores.index[common])
            )
            found = (values[name].reindex(index)[seeds] - base.loc[index][seeds]).stack()
            row += [signed(on(found, condition=c).mean(), digits=digits) for c in CONDITIONS]
            if digits == 3:
                row += [signed(on(found, size=0.2).mean(), digits=3)]
        rows.append(row)
    header = ["sampler or change", *(f"score, {title}" for title in TITLES.values())]
    header += [*(f"log-loss, {title}" for title in TITLES.values()), "log-loss at 20 %"]
    return listed(header, rows)


def kernel_table(results):
    """SVC on coresets against Nystroem features and a linear model on all samples."""
    rows, verdict = [], []
    for part in [*(f"{name}-kernel" for name in LARGE), "covtype-large"]:
        runs = [
            pd.DataFrame(map(json.loads, file.read_text().splitlines()))
            for file in sorted(results.glob(f"{part}-*-Nystroem.jsonl"))
        ]
        name = part.replace("-kernel", "").replace("-large", ", 60,000")
        if not runs:
            continue
        mean = pd.concat(runs).groupby(["method", "size"])[["accuracy", "fit_s"]].mean()
        whole = mean.loc["SVC"].iloc[0]
        row = [name, f"{whole.accuracy:.3f} ({whole.fit_s:.1f} s)"]
        for _, ours in mean.loc["Coreset"].iterrows():
            theirs = mean.loc["Nystroem"]
            allowed = theirs[theirs.fit_s <= ours.fit_s]
            text = f"{ours.accuracy:.3f} ({ours.fit_s:.1f} s)"
            if len(allowed):
                best = allowed.iloc[-1]
                text += f" / {best.accuracy:.3f} ({best.fit_s:.1f} s, {allowed.index[-1]:g})"
                verdict.append(np.sign(round(ours.accuracy - best.accuracy, 3)))
            else:
                text += f" / {NONE}"
            row.append(text)
        rows.append(row)
    if not rows:
        return "", []
    header = [
        "data set",
        "``SVC``, all samples",
        *(f"{100 * s:g} %" for s in (0.01, 0.02, 0.05, 0.1)),
    ]
    return listed(header, rows), verdict


def seconds_table(results):
    files = sorted(results.glob("*-seconds-0-all.jsonl"))
    if not files:
        return ""
    table = pd.concat(
        pd.DataFrame(map(json.loads, file.read_text().splitlines())).assign(
            data=file.stem.split("-")[0]
        )
        for file in files
    )
    table = table.pivot_table(index="what", columns=["data", "size"], values="seconds")
    rows = []
    for what in [*SAMPLERS, *MODELS]:
        if what != "Uniform, other seeds":
            cells = [
                " / ".join(
                    f"{table.loc[what, (data, size)]:.2f}"
                    for size in (0.01, 0.1, 1.0)
                    if (data, size) in table and np.isfinite(table.loc[what, (data, size)])
                )
                for data in TIMED
            ]
            rows.append([f"``{what}``" if what in SAMPLERS else what, *cells])
    return listed(["sampler or model", *TIMED], rows)


def machine():
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return (
        f"{name}, {os.cpu_count()} cores, one thread per process, Python "
        f"{platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    )


def percent(share):
    return f"{100 * share:.1f} %"


def aims(scores, losses):
    """The aims that were set before the measurement, and what was found."""
    score, loss = differences(scores, "Coreset"), differences(losses, "Coreset")
    other = "Uniform, other seeds"
    null = [differences(values, other) for values in (scores, losses)]
    by_size = [on(loss, size=size).stack().mean() for size in SIZES]
    regret = regrets(scores)["Coreset"]
    by_condition = ", ".join(
        f"{on(regret, condition=c).mean():.2f} {TITLES[c]}" for c in CONDITIONS
    )
    regret = regret.mean()
    bad = [(verdicts(score) == -1).mean(), (verdicts(loss) == 1).mean()]
    chance = [(verdicts(null[0]) == -1).mean(), (verdicts(null[1]) == 1).mean()]
    mean = score.stack().mean()
    rows = [
        [
            f"significantly worse than random samples in at most 1 % of the cells: {name}",
            f"{percent(found)} of {len(cells)} cells (other random samples: {percent(by)})",
            "yes" if found <= 0.01 else "no",
        ]
        for name, found, by, cells in (
            ("the score", bad[0], chance[0], score),
            ("log-loss", bad[1], chance[1], loss),
        )
    ]
    rows += [
        [
            "mean score at least 2.5 points above random samples",
            signed(*interval(score)),
            "yes" if mean >= 2.5 else "no",
        ],
        [
            "mean log-loss below that of random samples at every size",
            ", ".join(
                f"{signed(value, digits=3)} at {100 * size:g} %"
                for size, value in zip(SIZES, by_size, strict=True)
            ),
            "yes" if max(by_size) < 0 else "no",
        ],
        [
            "mean regret, to the best sampler of each cell, at most 0.6 points",
            f"{regret:.2f} ({by_condition})",
            "yes" if regret <= 0.6 else "no",
        ],
    ]
    return listed(["aim", "result", "met"], rows)


def beside_herding(scores, losses):
    """Coreset and Herding in each condition, on the same seeds, in words."""
    found = []
    for condition in CONDITIONS:
        texts = []
        for values, digits in ((scores, 1), (losses, 3)):
            both = [
                on(differences(values, name), condition=condition).dropna(axis=1, how="all")
                for name in ("Coreset", "Herding")
            ]
            seeds = both[0].columns.intersection(both[1].columns)
            means = [signed(one[seeds].stack().mean(), digits=digits) for one in both]
            texts.append(" and ".join(means))
        found.append(f"{TITLES[condition]}: score {texts[0]}, log-loss {texts[1]}")
    return "; ".join(found)


def write(results, script):
    """The page and the figure from all results."""
    table = collected(results)
    scores, losses = wide(table, "score"), wide(table, "loss")
    shown = [name for name in DATASETS if name not in HELD_OUT]
    neighbors = wide(table[(table.model == "KNN") & (table.condition != "rare")], "log_loss_001")
    kernel, found = kernel_table(results)
    text = TEXT.format(
        machine=machine(),
        pool=f"{POOL:,}",
        test=f"{TEST:,}",
        aims=aims(scores, losses),
        summary=summary(scores, losses, shown),
        herding=beside_herding(scores, losses),
        held_out=summary(scores, losses, HELD_OUT),
        sampler_scores=by_sampler(scores, 1, 1),
        sampler_losses=by_sampler(losses, -1, 3),
        by_size=grouped(scores, losses, list(DATASETS), "size", SIZES),
        by_model=grouped(scores, losses, list(DATASETS), "model", list(MODELS)),
        by_data=grouped(scores, losses, list(DATASETS), "data", list(DATASETS)),
        neighbors=signed(*interval(differences(neighbors, "Coreset")), digits=3),
        lost_scores=lost_cells(scores, 1, 1),
        lost_losses=lost_cells(losses, -1, 3),
        ablated=", ".join(ABLATED),
        ablation=ablations(results, scores, losses),
        kernel=kernel,
        seconds=seconds_table(results),
        won=sum(value > 0 for value in found),
        even=sum(value == 0 for value in found),
        lost=sum(value < 0 for value in found),
    )
    print(text)
    script.with_suffix(".rst").write_text(text.rstrip() + "\n")
    draw(scores, losses, script.with_suffix(".svg"))


TEXT = """\
The default sampler against random samples
==========================================

Written by ``doc/benchmarks/default.py``. {machine}.

``CoresetClassifier(model, Coreset(size))`` with the default parameters is compared with
``CoresetClassifier(model, Uniform(size))``, stratified random samples, and with other samplers.
For each of 5 seeds, {pool} samples of each data set are drawn as the pool, and {test} others as
test samples (digits has 1,198 and 599). Pools and test samples are the same for all samplers. There
are three conditions. *Clean*: the data as they are. *10 % flipped*: the labels of 10 % of the pool
are replaced by another class. *50 : 1*: every second class, by size, is thinned to 1/50 of the
largest class. The score is the accuracy, and in the last condition the balanced accuracy. The
log-loss is that of the models with probabilities that are not fractions of 5 neighbors (HGB, LR,
MLP); in the last condition, the test samples are weighted to the class proportions of the pool.
``SVC(C=5)`` has no probabilities.

The models are ``SVC(C=5)``, ``HistGradientBoostingClassifier`` (HGB, 20 rounds),
``LogisticRegression`` (LR), ``KNeighborsClassifier(5)`` (KNN) and ``MLPClassifier((50,))`` (MLP, 40
epochs). They are fitted on standardized features (adult: categories one-hot; AG News: TF-IDF
reduced to 50 components; MNIST: the pixels reduced to 50 components), with the scaler of the pool.
``Coreset`` gets the table as it is: raw features, the dataframe of adult, the sparse TF-IDF matrix
of AG News; MNIST after the reduction. The other samplers get the standardized features.

With 0.5 %, 30 samples, HGB predicts the class proportions, whatever the samples are: it needs 20
samples in a leaf. digits has no cells at 0.5 %, and with 50 : 1 the smallest size is 2 %.

A cell is one data set, condition, model and size. It is won or lost if a paired t-test over the 5
seeds says so (two-sided, 5 %), and tied otherwise. **By chance alone, 2.5 % of the cells are
lost**; "Uniform, other seeds" shows what this test says of a sampler that is equal to the baseline.
The intervals are 95 % t-intervals of the mean over the seeds; the pools of a data set overlap, so
that they are valid for these data sets. Regret is the mean score of the best of the 7 samplers in
the cell minus that of the sampler.

Two data sets, letter and adult, had no part in any decision about ``Coreset``. They are in the
tables by size, by model and by data set, and alone in a table of their own. The influence of the
trust and ``min_trust`` were chosen on the first three seeds of the other data sets, clean and with
flipped labels; the same splits are among those that are shown here.

Aims
----

All data sets:

{aims}
The regret is the mean distance to a maximum over 7 samplers, so it contains the noise of their
means. It is large with 50 : 1, where the balanced accuracy depends on few samples, and where
``CoverageCentric``, which leaves out the 30 % hardest samples, is the best sampler most often.

.. figure:: /benchmarks/default.svg
   :alt: Difference to stratified random samples against the size of the coreset, for five models.
         Left: score in points, nowhere below 0. Right: log-loss, nowhere above 0. The tables hold
         all numbers.

   ``Coreset`` minus ``Uniform``, mean over all data sets. Left: accuracy, or balanced accuracy for
   50 : 1, in points; above 0 is better. Right: log-loss; below 0 is better. The bands are 95 %
   t-intervals over the seeds.

All samplers
------------

Differences to ``Uniform``, without the two data sets that were held out:

{summary}
The two data sets that were held out:

{held_out}
``Coreset`` and ``Herding``, all data sets, on the seeds of both. {herding}. What ``Coreset`` adds
to plain kernel herding pays where labels are wrong. Where they are right, ``Herding`` on
standardized features selects training sets that are nearly as good, and its log-loss is lower.

Each sampler on each data set, over all models, sizes and conditions: the mean difference to
``Uniform`` in score, in points, and in parentheses the numbers of cells won and lost:

{sampler_scores}
The same for the log-loss, of which a negative difference is better:

{sampler_losses}
By size, model and data set
---------------------------

``Coreset`` minus ``Uniform``, all data sets:

{by_size}
{by_model}
The log-loss of KNN is infinite for a sample whose class is that of none of its neighbors. With
probabilities of at least 0.001, the mean difference of its log-loss is {neighbors} (clean and
10 % flipped).

{by_data}
Losses
------

The cells in which ``Coreset`` has a significantly lower score than ``Uniform``:

{lost_scores}
The cells in which ``Coreset`` has a significantly higher log-loss than ``Uniform``:

{lost_losses}
What each part does
-------------------

Differences to ``Uniform`` on the same cells ({ablated}; SVC, HGB and LR; 1, 5 and 20 %; 2 seeds).
Each row below the second is ``Coreset`` with the changes that it names:

{ablation}
More trust helps where labels are flipped, and costs log-loss where they are not. Trust that never
ends, the first version of the default, had a worse log-loss than random samples at 20 and 30 % in a
first run with one seed (by 0.03); this is why the trust ends at 600 samples of a class.
``weight_by_uncertainty=True`` selects more samples of rare classes, but the weights in the fit take
this back: for the balanced accuracy, combine it with ``use_weights=False``. Weights that sum to the
pool act like less regularization: the balanced accuracy with 50 : 1 is higher, and the log-loss is
worse than that of random samples.

Instead of a coreset: Nystroem features of all samples
------------------------------------------------------

For kernel models there is another way to save time: ``make_pipeline(Nystroem(),
LogisticRegression())`` on all samples. The pool has 12,000 samples here (60,000 in the last row),
the intervals of accuracy are about ±0.007, and the values are means over 2 seeds (1 in the last
row). A cell reads: accuracy of ``SVC`` on ``Coreset`` (CPU seconds of selection and fit) / accuracy
with the largest number of Nystroem components, out of 50, 100, 200, 400 and 800, that takes at most
this time (CPU seconds, number of components). Numbers of components above 800 were not tried, so
that large coresets of 60,000 samples had more time than the Nystroem features. Of these
comparisons, the coreset is better in {won}, equal in {even} and worse in {lost}. Use the Nystroem
features, or ``SVC`` on all samples, if the whole training is one fit of this kind. A coreset is for
models that have no such approximation, for many fits on the same samples, and for models whose time
of prediction grows with the training set.

{kernel}
Seconds
-------

CPU seconds in one thread, pool of {pool} samples, at 1 % / 10 % / all samples: of the selection for
samplers, of the fit for models. With so few samples, selecting takes longer than fitting most
models on all samples, so that a coreset does not save time in a single fit.

{seconds}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--results", type=Path, default=Path("default_results"))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--parts", nargs="*", default=["*"], help="only these, as *-clean-*-Coreset"
    )
    given = parser.parse_args()
    given.results.mkdir(exist_ok=True, parents=True)
    run(given.data, given.results, given.jobs, given.parts)
    if given.parts == ["*"]:
        write(given.results, Path(__file__))


if __name__ == "__main__":
    main()
