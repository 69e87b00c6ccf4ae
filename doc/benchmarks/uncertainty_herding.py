"""Accuracy of active learning with UncertaintyHerding and with other methods, in rounds.

    python doc/benchmarks/uncertainty_herding.py --data DIR [--n-jobs 2] [--peer PYTHON]

DIR holds ``letter.data.gz``, ``mnist.npz`` and ``covtype_93k.csv.gz``; without it only the digits
are used. PYTHON is the interpreter of an environment with scikit-activeml, for the comparison with
it. Prints the tables and writes uncertainty_herding.rst.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from contrastive import machine, table
from joblib import Parallel, delayed
from labeling_rounds import interval
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skcoreset import (
    ContrastiveActiveLearning,
    Coreset,
    FacilityLocation,
    Margin,
    UncertaintyHerding,
    Uniform,
)

SEEDS = range(6)
N_POOL, N_TEST, N_FIRST, BATCH = 3000, 5000, 50, 25
MORE = (100, 400)  # labels after the first ones
OURS = "UncertaintyHerding"


def datasets(folder):
    """(name, X, y, model)"""
    if folder is None:
        X, y = load_digits(return_X_y=True)
        yield "digits", X / 16, y, LogisticRegression(C=10, max_iter=1000)
        return
    folder = Path(folder)
    rows = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    forest = RandomForestClassifier(100, random_state=0)
    yield "letter", rows.iloc[:, :-1].to_numpy(float), rows.iloc[:, -1].to_numpy(), forest
    with np.load(folder / "mnist.npz") as file:
        X, y = file["X_train"].reshape(60_000, -1) / 255, file["y_train"]
    yield "MNIST", X, y, LogisticRegression(max_iter=1000)
    rows = pd.read_csv(folder / "covtype_93k.csv.gz")
    y = rows.pop("Cover_Type").to_numpy()
    yield "covtype", rows.to_numpy(float), y, forest


def herding(model, labeled, batch, **params):
    return UncertaintyHerding(model, len(labeled) + batch, init=labeled, **params)


IN_ROUNDS = {  # samplers that use the classifier of the round
    OURS: herding,
    f"{OURS}, metric='rbf'": partial(herding, metric="rbf"),
    "Margin": lambda model, labeled, batch: Margin(model, batch, exclude=labeled),
    "ContrastiveActiveLearning": lambda model, labeled, batch: ContrastiveActiveLearning(
        model, batch, exclude=labeled
    ),
}
AT_ONCE = {  # samplers that use no classifier: the same samples in rounds of any size
    "FacilityLocation": lambda labeled, more, seed: FacilityLocation(
        len(labeled) + more, init=labeled
    ),
    "Coreset": lambda labeled, more, seed: Coreset(
        len(labeled) + more, init=labeled, random_state=seed
    ),
    "Uniform": lambda labeled, more, seed: Uniform(more, random_state=seed),
}


def new_ones(sampler, X, labeled):
    """Indices of the selected samples that are not labeled yet."""
    selected = sampler.fit(X).sample_indices_
    return selected[~np.isin(selected, labeled)]


def run(X, y, model, seed):
    """{(method, labels): accuracy} on one random pool and one random test set."""
    warnings.filterwarnings("ignore", "The number of unique classes is greater")
    order = np.random.default_rng(seed).permutation(len(y))
    n_pool = min(N_POOL, 2 * len(y) // 3)
    pool, test = order[:n_pool], order[n_pool : n_pool + N_TEST]
    X_pool, y_pool, first = X[pool], y[pool], np.arange(N_FIRST)

    def fitted(labeled):
        return clone(model).fit(X_pool[labeled], y_pool[labeled])

    def score(labeled):
        return fitted(labeled).score(X[test], y[test])

    out = {("first", 0): score(first)}
    for name, sampler in IN_ROUNDS.items():
        labeled = first
        for _ in range(max(MORE) // BATCH):
            new = new_ones(sampler(fitted(labeled), labeled, BATCH), X_pool, labeled)
            labeled = np.concatenate([labeled, new])
            if len(labeled) - N_FIRST in MORE:
                out[name, len(labeled) - N_FIRST] = score(labeled)
        new = new_ones(sampler(fitted(first), first, MORE[0]), X_pool, first)
        out[name, "one round"] = score(np.concatenate([first, new]))
    for name, sampler in AT_ONCE.items():
        for more in MORE:
            left = np.arange(N_FIRST, n_pool) if name == "Uniform" else np.arange(n_pool)
            known = first if name != "Uniform" else first[:0]
            new = left[new_ones(sampler(first, more, seed), X_pool[left], known)]
            out[name, more] = score(np.concatenate([first, new]))
        out[name, "one round"] = out[name, MORE[0]]
    print(seed, {key: round(value, 3) for key, value in out.items()}, flush=True)
    return out


def tables(folder, n_jobs):
    for name, X, y, model in datasets(folder):
        runs = Parallel(n_jobs)(delayed(run)(X, y, model, seed) for seed in SEEDS)
        columns = [MORE[0], MORE[1], "one round"]
        rows = []
        for method in [*IN_ROUNDS, *AT_ONCE]:
            row = [method]
            for column in columns:
                ours, theirs = (np.array([r[m, column] for r in runs]) for m in (OURS, method))
                cell = f"{theirs.mean():.3f}"
                if method != OURS:
                    cell += " ({:+.3f} ± {:.3f})".format(*interval(ours - theirs))
                row.append(cell)
            rows.append(row)
            print(name, row, flush=True)
        start = np.mean([r["first", 0] for r in runs])
        text = (
            f"{X.shape[1]} features, {len(np.unique(y))} classes, ``{model!r}``. With the first\n"
            f"{N_FIRST} labels, the accuracy is {start:.3f}."
        )
        header = ["method", f"{MORE[0]} more labels", f"{MORE[1]} more labels"]
        yield table(name, text, [*header, f"{MORE[0]} more in one round"], rows)


COMMON = """
import re, sys
from time import perf_counter
import numpy as np
def peak():  # MB
    return int(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
X, labeled, k, out = np.load(sys.argv[1]), np.arange(50), 100, sys.argv[2]
"""
SELECT = {
    OURS: """
from sklearn.linear_model import LogisticRegression
from skcoreset import UncertaintyHerding
classifier = LogisticRegression().fit(X[:2], [0, 1])
sampler = UncertaintyHerding(
    classifier, 50 + k, init=labeled, uncertainty=lambda p: np.ones(len(p)), metric="rbf", gamma=.05
)
def select():
    return sampler.fit(X).sample_indices_[50:]
""",
    "MaxHerding": """
from skactiveml.pool import MaxHerding
y = np.full(len(X), np.nan)
y[labeled] = 0
sampler = MaxHerding(normalize_samples=False, metric="rbf", metric_dict={"gamma": .05})
def select():
    return sampler.query(X, y, batch_size=k)
""",
}
MEASURE = """
before, start = peak(), perf_counter()
picks = select()
print(perf_counter() - start, peak() - before)
np.save(out, picks)
"""


def peer_table(peer):
    """Time and memory of 100 samples after 50 given ones, beside MaxHerding of scikit-activeml."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in (1_000, 2_000, 4_000):
            rng = np.random.default_rng(0)
            X = (
                rng.standard_normal((n, 20))
                + 3 * rng.standard_normal((10, 20))[rng.integers(10, size=n)]
            )
            np.save(f"{folder}/X.npy", X)
            row, picks = [f"{n:,}"], []
            for name, python in ((OURS, sys.executable), ("MaxHerding", peer)):
                code = COMMON + SELECT[name] + MEASURE
                result = subprocess.run(
                    [python, "-c", code, f"{folder}/X.npy", f"{folder}/picks.npy"],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=os.environ,
                )
                seconds, megabytes = map(float, result.stdout.split()[-2:])
                row.append(f"{seconds:.2f} s, {megabytes:,.0f} MB")
                picks.append(np.load(f"{folder}/picks.npy"))
            row.append(f"{np.count_nonzero(picks[0] == picks[1])} of {len(picks[0])}")
            rows.append(row)
            print(row, flush=True)
    text = (
        "The same function with equal uncertainties, for which scikit-activeml has the class\n"
        "MaxHerding: 20 features, ``metric='rbf'`` with ``gamma=0.05``, 100 samples after 50 given "
        "ones.\nElapsed time, and the increase of the largest resident memory."
    )
    header = ["samples", OURS, "MaxHerding", "samples selected in the same place"]
    return table("scikit-activeml", text, header, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with letter, mnist and covtype")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--peer", help="python of an environment with scikit-activeml")
    args = parser.parse_args()
    title = "Labels in rounds: UncertaintyHerding and other methods"
    parts = "".join(tables(args.data, args.n_jobs))
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/uncertainty_herding.py``. {machine()}\n\n"
    out += (
        f"From {N_POOL:,} samples, {BATCH} are labeled in each round, after {N_FIRST} random first "
        "ones. The\nclassifier is fitted on all labeled samples of the rounds before. Each figure "
        f"is the mean accuracy\non up to {N_TEST:,} other samples, over {len(SEEDS)} random draws "
        "of both. In parentheses: the accuracy of\nUncertaintyHerding minus that of the method, on "
        "the same draws, with its 95 % confidence\ninterval. FacilityLocation, Coreset and Uniform "
        "use no classifier and select all samples at\nonce. The last column is for a single round "
        f"of {MORE[0]} samples.\n\n"
    )
    out += parts
    if args.peer is not None:
        out += peer_table(args.peer)
    print(out)
    Path(__file__).with_name("uncertainty_herding.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
