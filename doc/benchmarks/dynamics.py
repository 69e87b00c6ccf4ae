"""Training dynamics on MNIST: known effects, samples to train on, and flipped labels.

    python doc/benchmarks/dynamics.py --data DIR [--seeds 5] [--jobs 2]

DIR holds ``mnist.npz``: X_train, y_train (60,000 samples), X_test, y_test. Writes dynamics.rst and
the figure dynamics.svg next to this file and prints the former. Needs matplotlib and pandas. Five
seeds take about ten minutes on two cores.
"""

import argparse
import os
import platform
import warnings
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy.stats import t as student
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skcoreset import (
    EL2N,
    AreaUnderMargin,
    CoverageCentric,
    DataMap,
    Forgetting,
    GraNd,
    Moderate,
    TrainingDynamics,
    Uniform,
)

POOL, EPOCHS, EARLY, BATCH, UPDATES = 48_000, 10, 4, 64, 2_500
SIZES = [0.01, 0.05, 0.2]
CUTOFF = {0.01: 0.3, 0.05: 0.3, 0.2: 0.1}  # chosen before any result was seen
CUTOFFS = [0.1, 0.3, 0.5]
NOISES = [0.1, 0.2]
METHODS = {  # colour and line of the figure
    "random": ("black", "-"),
    "EL2N": ("#d55e00", "-"),
    "GraNd": ("#d55e00", ":"),
    "Forgetting": ("#e69f00", "-"),
    "DataMap, ambiguous": ("#cc79a7", "-"),
    "AreaUnderMargin": ("#0072b2", "-"),
    "Moderate": ("0.5", "-"),
    "CoverageCentric, AreaUnderMargin": ("#009e73", "-"),
    "CoverageCentric, EL2N": ("#009e73", ":"),
}
OTHERS = [method for method in METHODS if method != "random"]
FINDERS = {
    'AreaUnderMargin(keep="low")': lambda d: AreaUnderMargin(dynamics=d, keep="low"),
    'DataMap(region="hard")': lambda d: DataMap(dynamics=d, region="hard"),
    "Forgetting": lambda d: Forgetting(dynamics=d),
    "EL2N": lambda d: EL2N(dynamics=d),
    "GraNd": lambda d: GraNd(dynamics=d),
    'DataMap(region="ambiguous")': lambda d: DataMap(dynamics=d),
}

# Data and models --------------------------------------------------------------------------------


def mnist(folder):
    with np.load(Path(folder) / "mnist.npz") as file:
        X, y, T, y_test = (file[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    X, T = (table.reshape(len(table), -1).astype(np.float32) / 255 for table in (X, T))
    return X, y.astype(int), T, y_test.astype(int)


def passes(n_rows):
    """Epochs of at least `UPDATES` batches."""
    return int(np.ceil(UPDATES / np.ceil(n_rows / BATCH)))


def train(X, y, seed):
    """The same number of updates, up to a whole epoch, for any number of rows."""
    epochs = passes(len(y))
    model = MLPClassifier(
        (100,), batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are what was wanted
        return model.fit(X, y)


def watched(X, y, seed):
    """The record of one training, which serves all methods."""
    return TrainingDynamics.from_estimator(
        MLPClassifier((100,)),
        X,
        y,
        n_epochs=EPOCHS,
        batch_size=BATCH,
        early_epoch=EARLY,
        random_state=seed,
    )


def drawn(y, seed):
    """Rows of the pool of a seed."""
    return np.random.default_rng(seed).permutation(len(y))[:POOL]


def flipped(y, share, seed):
    """Labels of which a share is another one, and which."""
    rng = np.random.default_rng([seed, 1])
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.permutation(len(y))[: round(share * len(y))]] = True
    return np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y), wrong


def coverage(scorer, size, cutoff, seed):
    return CoverageCentric(scorer, size, cutoff=cutoff, random_state=seed)


def samplers(dynamics, size, seed):
    return {
        "random": Uniform(size, random_state=seed),
        "EL2N": EL2N(coreset_size=size, dynamics=dynamics),
        "GraNd": GraNd(coreset_size=size, dynamics=dynamics),
        "Forgetting": Forgetting(coreset_size=size, dynamics=dynamics),
        "DataMap, ambiguous": DataMap(coreset_size=size, dynamics=dynamics),
        "AreaUnderMargin": AreaUnderMargin(coreset_size=size, dynamics=dynamics),
        "Moderate": Moderate(size),
        "CoverageCentric, AreaUnderMargin": coverage(
            AreaUnderMargin(dynamics=dynamics), size, CUTOFF[size], seed
        ),
        "CoverageCentric, EL2N": coverage(EL2N(dynamics=dynamics), size, CUTOFF[size], seed),
    }


def timed(function, *args):
    start = process_time()
    return function(*args), process_time() - start


# What is measured -------------------------------------------------------------------------------


def forgetting(X, y, T, y_test, seed):
    """All rows: how many are never forgotten, counted in both ways, and what recording costs."""
    model, rng = MLPClassifier((100,), random_state=seed), np.random.default_rng(seed)
    presented, after = TrainingDynamics(y), TrainingDynamics(y)
    seconds = {"learn": 0.0, "watch": 0.0}
    for epoch in range(EPOCHS):
        order = rng.permutation(len(y))
        for start in range(0, len(y), BATCH):
            rows = order[start : start + BATCH]
            if epoch or start:
                _, spent = timed(tell, presented, model, X, rows, epoch)
                seconds["watch"] += spent
            _, spent = timed(learn, model, X[rows], y[rows])
            seconds["learn"] += spent
        tell(after, model, X, np.arange(len(y)), epoch)
    counts = {"presentation": presented, "epoch": after}
    return [
        {
            "part": "forgetting",
            "seed": seed,
            "count": count,
            "never": 100 * (dynamics.n_forgotten_ == 0).mean(),
            "unlearned": 100 * dynamics.never_learned_.mean(),
            "accuracy": 100 * model.score(T, y_test),
            **seconds,
        }
        for count, dynamics in counts.items()
    ]


def learn(model, X, y):
    model.partial_fit(X, y, classes=np.arange(10))


def tell(dynamics, model, X, rows, epoch):
    dynamics.record(rows, model.predict_proba(X[rows]), epoch=epoch, kind="proba")


def clean(X, y, T, y_test, seed):
    """A pool: accuracy of the classifier trained on the rows that each method keeps."""
    rows = drawn(y, seed)
    P, y = X[rows], y[rows]
    dynamics, watch = timed(watched, P, y, seed)
    model, fit = timed(train, P, y, seed)
    everything = {"method": "all", "size": 1.0, "fit": fit, "watch": watch}
    records = [{**everything, "accuracy": 100 * model.score(T, y_test)}]

    def note(method, size, sampler, **more):
        _, select = timed(sampler.fit, P, y)
        kept = sampler.sample_indices_
        model, fit = timed(train, P[kept], y[kept], seed)
        accuracy = 100 * model.score(T, y_test)
        same = {"method": method, "size": size, "select": select, "fit": fit}
        records.append({**same, "accuracy": accuracy, **more})

    for size in SIZES:
        for method, sampler in samplers(dynamics, size, seed).items():
            note(method, size, sampler)
    for size in SIZES[:2]:
        for cutoff in CUTOFFS:
            for scorer in (AreaUnderMargin(dynamics=dynamics), EL2N(dynamics=dynamics)):
                if cutoff != CUTOFF[size]:  # that one is above
                    name = f"CoverageCentric, {type(scorer).__name__}"
                    note(f"{name}, {cutoff}", size, coverage(scorer, size, cutoff, seed))
    return [{"part": "clean", "seed": seed, **record} for record in records]


def noisy(X, y, T, y_test, seed, noise):
    """A pool with flipped labels: who finds them, who keeps them, and what it does."""
    rows = drawn(y, seed)
    P = X[rows]
    y, wrong = flipped(y[rows], noise, seed)
    dynamics = watched(P, y, seed)
    records = []
    for name, finder in FINDERS.items():
        scores = finder(dynamics).fit(P, y).scores_
        first = np.argsort(-scores, kind="stable")[: wrong.sum()]
        found = {"auroc": roc_auc_score(wrong, scores), "precision": 100 * wrong[first].mean()}
        records.append({"part": "find", "method": name, **found})
    kept = {
        name: sampler.fit(P, y).sample_indices_
        for name, sampler in samplers(dynamics, SIZES[-1], seed).items()
    }
    kept["all"] = np.arange(len(y))
    cleaned = AreaUnderMargin(coreset_size=1 - noise, dynamics=dynamics)
    kept["cleaned"] = cleaned.fit(P, y).sample_indices_
    for name, some in kept.items():
        record = {"part": "keep", "method": name, "share": 100 * wrong[some].mean()}
        if noise == NOISES[-1]:
            record["accuracy"] = 100 * train(P[some], y[some], seed).score(T, y_test)
        records.append(record)
    return [{**record, "seed": seed, "noise": noise} for record in records]


def measure(folder, seeds, jobs):
    """One thread a process."""

    def job(function, *args):
        with threadpool_limits(1):
            return function(*args)

    table = mnist(folder)
    tasks = [(clean, *table, seed) for seed in range(seeds)]
    tasks += [(noisy, *table, seed, noise) for seed in range(seeds) for noise in NOISES[::-1]]
    tasks += [(forgetting, *table, seed) for seed in range(seeds)]
    done = Parallel(n_jobs=jobs)(delayed(job)(*task) for task in tasks)
    return pd.DataFrame([record for records in done for record in records])


# Statistics -------------------------------------------------------------------------------------


def values(results, column, **where):
    """One number a seed, in the order of the seeds."""
    mine = np.logical_and.reduce([results[name] == wanted for name, wanted in where.items()])
    return results[mine].sort_values("seed")[column].to_numpy(dtype=float)


def interval(sample):
    """Mean, and half the width of its 95 % t-interval."""
    n = len(sample)
    return sample.mean(), student.ppf(0.975, n - 1) * sample.std(ddof=1) / np.sqrt(n)


def paired(results, method, **where):
    """Mean difference in accuracy to random rows, half of its interval, seeds above and below."""
    base = values(results, "accuracy", method="random", **where)
    difference = values(results, "accuracy", method=method, **where) - base
    return *interval(difference), int((difference > 0).sum()), int((difference < 0).sum())


def verdict(mean, half):
    return "unclear" if abs(mean) <= half else "better" if mean > 0 else "worse"


def plus_minus(mean, half, digits=2, sign=""):
    return f"{mean:{sign}.{digits}f} ± {half:.{digits}f}".replace("-", "\N{MINUS SIGN}")


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


def cell(results, method, **where):
    mean, half, above, below = paired(results, method, **where)
    mark = {"better": "**", "worse": "*", "unclear": ""}[verdict(mean, half)]
    return f"{mark}{plus_minus(mean, half, sign='+')}{mark} ({above} : {below})"


def random_row(results):
    """Accuracy of random rows at all sizes."""
    samples = [values(results, "accuracy", method="random", size=size) for size in SIZES]
    return ["random", *(plus_minus(*interval(sample)) for sample in samples)]


def accuracies(results):
    """Random rows, and what all others differ from them."""
    rows = [
        [method, *(cell(results, method, part="clean", size=size) for size in SIZES)]
        for method in OTHERS
    ]
    return table(["", *map(percent, SIZES)], [random_row(results), *rows])


def cutoffs(results):
    rows = []
    for scorer in ("AreaUnderMargin", "EL2N"):
        for cutoff in CUTOFFS:
            row = [f"{scorer}, cutoff {cutoff}"]
            for size in SIZES[:2]:
                name = f"CoverageCentric, {scorer}"
                name = name if cutoff == CUTOFF[size] else f"{name}, {cutoff}"
                row.append(cell(results, name, part="clean", size=size))
            rows.append(row)
    return table(["", *map(percent, SIZES[:2])], rows)


def finders(results):
    rows = []
    for name in FINDERS:
        row = [name]
        for noise in NOISES:
            where = {"part": "find", "method": name, "noise": noise}
            row.append(plus_minus(*interval(values(results, "auroc", **where)), 4))
            row.append(plus_minus(*interval(values(results, "precision", **where)), 1))
        rows.append(row)
    what = ("AUROC", "flipped among as many first samples, %")
    return table(["", *(f"{percent(n)} flipped: {w}" for n in NOISES for w in what)], rows)


def keepers(results):
    names = {method: f"{method}, {percent(SIZES[-1])}" for method in METHODS}
    names["all"] = "all samples"
    names["cleaned"] = "all but the fraction with the smallest areas (AreaUnderMargin)"
    rows = []
    for method, label in names.items():
        row = [label]
        for noise in NOISES:
            share = values(results, "share", part="keep", method=method, noise=noise)
            row.append(plus_minus(*interval(share), 1))
        where = {"part": "keep", "method": method, "noise": NOISES[-1]}
        row.append(plus_minus(*interval(values(results, "accuracy", **where))))
        rows.append(row)
    header = [f"{percent(noise)} flipped: of the selected samples, %" for noise in NOISES]
    return table(["", *header, f"{percent(NOISES[-1])} flipped: accuracy, %"], rows)


def costs(results):
    """CPU seconds: means over the seeds."""

    def seconds(column, **where):
        return values(results, column, **where).mean()

    first = {"part": "forgetting", "count": "presentation"}
    learn, watch = seconds("learn", **first), seconds("watch", **first)
    rows = [
        [f"{EPOCHS} epochs of partial_fit on 60,000 samples", f"{learn:.1f}"],
        ["predicting each batch before its update, and recording it", f"{watch:.1f}"],
        [
            f"record of a pool ({POOL:,} samples, {EPOCHS} epochs), training included",
            f"{seconds('watch', part='clean', method='all'):.1f}",
        ],
        [
            f"training on {UPDATES:,} batches of the pool",
            f"{seconds('fit', part='clean', method='all'):.1f}",
        ],
    ]
    for method in METHODS:
        spent = seconds("select", part="clean", method=method, size=SIZES[-1])
        rows.append([f"select {percent(SIZES[-1])} of the pool: {method}", f"{spent:.2f}"])
    return table(["", "seconds"], rows)


# Text -------------------------------------------------------------------------------------------

INTRODUCTION = """\
The classifier is ``MLPClassifier((100,))``, a network with one hidden layer, trained by Adam with
its default learning rate in batches of {batch}; the gray values are divided by 255. A record
(:class:`~skcoreset.TrainingDynamics`) is taken during {epochs} epochs of training, for each batch
before the update on it. One record is used for all methods. EL2N and GraNd use the errors of the
fifth epoch of one training, whereas the paper uses the mean over ten trainings. All methods use
{stratify} unlike in the papers, the class proportions are those of the pool.

For each of {seeds} seeds, {pool:,} of the 60,000 training samples are drawn, so that
also methods without randomness select different samples for each seed. The
network is then trained again on the selected samples, without sample weights, and tested on the
10,000 test samples. Every training has the same
number of updates, {updates:,} batches rounded up to a whole epoch, for any number of samples. The
intervals are 95 % t-intervals over the seeds. The pools overlap, so that the intervals are valid
for this dataset and this network only.

"""

FIGURE = """\
.. figure:: /benchmarks/dynamics.svg
   :alt: Left: difference in accuracy to random samples against the fraction of selected samples, 1,
         5 and 20 %, with a line for each method. Right: the fraction of flipped labels among the
         samples selected by each method, with 10 and with 20 % of the labels flipped. All numbers
         are in the tables.

   Left: the values below the black line are worse than random samples; the scale is linear between
   -1 and 1 and logarithmic beyond. The bars are 95 % t-intervals. Right: 20 % of the samples are
   selected; the lines are the fractions of flipped labels in the pool.

"""

ACCURACY = """\
The first row is the test accuracy in percent with random samples. The other rows are the
differences to random samples of the same pool and the same seed: mean, half the width of the
interval, and in parentheses the number of seeds for which the method was above and below. Bold: the
interval is above 0. Italic: it is below 0.

The accuracy of the network trained on the whole pool is {full}. In that number of batches, the
network is trained {passes} times on each sample of the pool, and {most} times on each of 1 % of the
samples. This is not an upper bound: after {epochs} epochs on all 60,000 samples, the accuracy
is {long}.

"""

CUTOFFS_TEXT = """\
In the table above, the cutoff of CoverageCentric is {small} at {sizes} and {large} at {last}. These
values were chosen before the run: {small} is the value that the authors of the method use for a
tenth of CIFAR-10, and {large} is the default. The following table contains other cutoffs, as
differences to random samples:

"""

NOISE = """\
A fraction of the labels of the pool is replaced by other classes, drawn with equal probabilities.
The table shows how well the scores detect the flipped labels: the area under the ROC curve, and the
percentage of flipped labels among as many samples with the highest scores as there are flipped
labels. The record is that of a training on the flipped labels.

"""

KEEP = """\
The table contains the percentage of flipped labels among the selected samples. With 20 % of the
samples selected, it is at most 50 if 10 % of all labels are flipped, and at most 100 if 20 % are.
The last column is the accuracy, on test samples with correct labels, of the network trained on the
selected samples.

"""

COST = """\
The table contains CPU seconds of one thread, as means over the seeds. Two processes ran at the same
time, so that only orders of magnitude can be compared. The times of the selections do not include
the training.

"""


REFERENCES = """\
* Toneva, M., et al. "An empirical study of example forgetting during deep neural network learning."
  ICLR 2019.
* Pleiss, G., et al. "Identifying mislabeled data using the area under the margin ranking." NeurIPS
  2020.
* Swayamdipta, S., et al. "Dataset cartography: mapping and diagnosing datasets with training
  dynamics." EMNLP 2020.
* Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding important examples
  early in training." NeurIPS 2021.
* Zheng, H., Liu, R., Lai, F., Prakash, A. "Coverage-centric coreset selection for high pruning
  rates." ICLR 2023.
"""


def outcome(results):
    """Each effect, where it comes from, and what came out here."""

    def difference(method, size):
        mean, half, *_ = paired(results, method, part="clean", size=size)
        words = {
            "better": "better than",
            "unclear": "no clear difference to",
            "worse": "worse than",
        }
        text = (
            f"{plus_minus(mean, half, 1, '+')} points: {words[verdict(mean, half)]} random samples"
        )
        return text, mean, half

    at_least = {"better": "yes", "unclear": "yes, within the interval", "worse": "no"}
    never = {
        count: values(results, "never", part="forgetting", count=count)
        for count in ("presentation", "epoch")
    }
    both = " and ".join(
        f"{plus_minus(*interval(sample), 1)} % counted at each {count}"
        for count, sample in never.items()
    )
    inside = all(90 <= sample.mean() <= 99.5 for sample in never.values())
    rows = [
        [
            "most samples of MNIST are never forgotten (Toneva et al.: 91.7 %; expected 90 to "
            "99.5 %)",
            both,
            "yes" if inside else "no",
        ]
    ]
    text, mean, half = difference("EL2N", SIZES[0])
    rows.append(
        [
            "the accuracy with the hardest 1 % is much lower than with random samples (expected: "
            "more than 20 points)",
            f"EL2N {text}",
            "yes" if mean + half < -20 else "no",
        ]
    )
    text, mean, half = difference("EL2N", SIZES[-1])
    rows.append(
        [
            "with 20 %, the hardest samples are at least as good as random samples (Paul et al.)",
            f"EL2N {text}",
            at_least[verdict(mean, half)],
        ]
    )
    for scorer in ("AreaUnderMargin", "EL2N"):
        text, mean, half = difference(f"CoverageCentric, {scorer}", SIZES[1])
        rows.append(
            [
                f"all difficulties: 5 % by CoverageCentric ({scorer}) are at least as good as "
                "random samples (Zheng et al.)",
                text,
                at_least[verdict(mean, half)],
            ]
        )
    found = [
        values(results, "auroc", part="find", method=name, noise=noise).mean()
        for name in list(FINDERS)[:2]
        for noise in NOISES
    ]
    rows.append(
        [
            "mislabeled samples have small areas (Pleiss et al.) and low confidence "
            "(Swayamdipta et al.)",
            f"AUROC {min(found):.4f} to {max(found):.4f}",
            "yes" if min(found) > 0.9 else "no",
        ]
    )
    excess = {
        noise: [
            values(results, "share", part="keep", method=method, noise=noise).mean()
            for method in ("EL2N", "GraNd", "Forgetting")
        ]
        for noise in NOISES
    }
    rows.append(
        [
            "methods that select hard samples select mislabeled samples",
            "EL2N, GraNd and Forgetting: "
            + " and ".join(
                f"at least {min(shares):.1f} % of the selection with {percent(noise)} flipped"
                for noise, shares in excess.items()
            ),
            "yes" if all(min(excess[noise]) > 200 * noise for noise in NOISES) else "no",
        ]
    )
    return table(["effect", "result", "confirmed"], rows)


def in_words(method):
    """CoverageCentric, EL2N: CoverageCentric (EL2N)."""
    name, _, by = method.partition(", ")
    return f"{name} ({by})" if by else name


def said(results):
    """The main differences in words."""

    def named(names):
        return ", ".join(names) if names else "none"

    out = ""
    for size in SIZES:
        found = {
            method: verdict(*paired(results, method, part="clean", size=size)[:2])
            for method in OTHERS
        }
        groups = {
            word: named([in_words(m) for m in OTHERS if found[m] == word])
            for word in ("better", "worse")
        }
        out += (
            f"* {percent(size)} ({POOL * size:,.0f} samples). Better than random samples: "
            f"{groups['better']}.\n  Worse: {groups['worse']}.\n"
        )
    return out + "\n"


def report(results):
    full = values(results, "accuracy", part="clean", method="all")
    words = {
        "batch": BATCH,
        "epochs": EPOCHS,
        "pool": POOL,
        "updates": UPDATES,
        "passes": passes(POOL),
        "most": passes(POOL * SIZES[0]),
        "seeds": results["seed"].nunique(),
        "stratify": '``stratify="proportional"``:',
        "full": plus_minus(*interval(full)),
        "long": plus_minus(
            *interval(values(results, "accuracy", part="forgetting", count="epoch"))
        ),
        "small": CUTOFF[SIZES[0]],
        "large": CUTOFF[SIZES[-1]],
        "sizes": " and ".join(map(percent, SIZES[:2])),
        "last": percent(SIZES[-1]),
    }
    out = heading("Training dynamics: measurements", "=")
    out += f"Written by ``doc/benchmarks/dynamics.py``. {machine()}\n\n"
    out += INTRODUCTION.format(**words)
    out += heading("Known effects") + outcome(results) + FIGURE
    out += heading("Samples to train on") + said(results) + ACCURACY.format(**words)
    out += accuracies(results) + CUTOFFS_TEXT.format(**words) + cutoffs(results)
    out += heading("Flipped labels: detection") + NOISE + finders(results)
    out += heading("Flipped labels: selection") + KEEP + keepers(results)
    out += heading("Training dynamics: cost") + COST + costs(results)
    return out + heading("Training dynamics: references") + REFERENCES


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


def accuracy_panel(ax, results):
    """A line for each method, with its name at its left end, where they differ most."""
    places, ends = np.arange(len(SIZES)), []
    for i, method in enumerate(METHODS):
        colour, dashes = METHODS[method]
        found = [paired(results, method, part="clean", size=size)[:2] for size in SIZES]
        mean, half = np.transpose(found)
        width = 2.5 if method == "random" else 1.6
        aside = places + 0.02 * (i - 4)  # bars beside each other
        ax.plot(aside, mean, dashes, color=colour, linewidth=width, marker="o", markersize=4)
        ax.vlines(aside, mean - half, mean + half, color=colour, linewidth=1.2)
        ends.append((method, mean[0], colour))
    plain = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    ax.set_yscale("symlog", linthresh=1, linscale=0.8)
    ax.set_yticks([-100, -30, -10, -3, -1, 0, 1, 3, 10])
    ax.set(xticks=places, xlim=(-0.12, len(SIZES) - 0.85))
    ax.set_xticklabels([percent(size) for size in SIZES])
    ax.yaxis.set_major_formatter(plain)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.tick_right()
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.spines[["top", "left"]].set_visible(False)
    ax.autoscale_view()
    where = ax.transAxes.inverted().transform
    heights = [where(ax.transData.transform((0, end)))[1] for _, end, _ in ends]
    for (method, _, colour), old, new in zip(ends, heights, spread(heights, 0.055), strict=True):
        ax.annotate(
            method.replace("CoverageCentric, ", "CoverageCentric\nby "),
            xy=(0.005, old),
            xytext=(-0.1, new),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            ha="right",
            va="center",
            linespacing=0.95,
            fontweight="bold" if method == "random" else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (1, 0.5),
            },
        )


def flipped_panel(ax, results):
    """Dots: how much of what each method keeps is flipped."""

    def share(method, noise):
        return values(results, "share", part="keep", method=method, noise=noise).mean()

    order = sorted(METHODS, key=lambda method: share(method, NOISES[-1]))
    for noise, colour in zip(NOISES, ("#56b4e9", "#d55e00"), strict=True):
        shares = [share(method, noise) for method in order]
        ax.axvline(100 * noise, color=colour, linewidth=1)
        name = f"{percent(noise)} of all labels flipped"
        ax.plot(shares, range(len(order)), "o", color=colour, markersize=7, label=name)
    names = [method.replace("CoverageCentric, ", "CoverageCentric\nby ") for method in order]
    ax.set(yticks=range(len(order)), yticklabels=names)
    ax.legend(loc="lower right", frameon=False)
    ax.set_xlim(-2, 102)
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def draw(results, path):
    rcParams["svg.hashsalt"] = "skcoreset"  # the same file for the same numbers
    figure = Figure(figsize=(12.5, 5))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.05])
    figure.subplots_adjust(left=0.16, right=0.985, top=0.92, bottom=0.12, wspace=0.68)
    accuracy_panel(left, results)
    left.set_title("accuracy minus random's, points", loc="left", fontsize=11)
    left.set_xlabel("rows kept, % of the pool")
    flipped_panel(right, results)
    right.set_title("flipped labels among the 20 % kept", loc="left", fontsize=11)
    right.set_xlabel("% of the rows kept")
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
    parser.add_argument("--data", required=True, help="folder with mnist.npz")
    parser.add_argument("--seeds", type=int, default=5, help="pools drawn")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    results = measure(given.data, given.seeds, given.jobs)
    out = report(results)
    print(out)
    here = Path(__file__)
    here.with_name("dynamics.rst").write_text(out.rstrip() + "\n")
    draw(results, here.with_name("dynamics.svg"))


if __name__ == "__main__":
    main()
