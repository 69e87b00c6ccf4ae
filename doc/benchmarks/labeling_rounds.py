"""Accuracy of active learning by the number of samples that are labeled in each round.

    python doc/benchmarks/labeling_rounds.py --data DIR

DIR holds ``letter.data.gz`` (the letter data of UCI); without it only the digits are used. Prints
the tables and writes labeling_rounds.rst.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
from contrastive import machine, table
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skcoreset import (
    ContrastiveActiveLearning,
    Entropy,
    FacilityLocation,
    LeastConfidence,
    Margin,
    Uniform,
)

SEEDS = range(5)
N_LABELS = 300  # labels after the first ones
BATCHES = (10, 30, 100, 300)
METHODS = {
    "Margin": Margin,
    "Entropy": Entropy,
    "LeastConfidence": LeastConfidence,
    "ContrastiveActiveLearning": ContrastiveActiveLearning,
}


def datasets(folder):
    """(name, X, y, model, number of first labels)"""
    X, y = load_digits(return_X_y=True)
    yield "digits", X / 16, y, LogisticRegression(C=10, max_iter=1000), 20
    if folder is not None:
        import pandas as pd

        rows = pd.read_csv(Path(folder) / "letter.data.gz", sep=r"\s+", header=None).sample(
            6000, random_state=0
        )
        X, y = rows.iloc[:, :-1].to_numpy(float), rows.iloc[:, -1].to_numpy()
        yield "letter", X, y, RandomForestClassifier(100, random_state=0), 50


def splits(X, y, n_first):
    for seed in SEEDS:
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=1 / 3, random_state=seed
        )
        order = np.random.default_rng(seed).permutation(len(y_train))
        yield seed, X_train, X_test, y_train, y_test, order[:n_first]


def in_rounds(method, batch, model, split):
    """Accuracy after `N_LABELS` labels, `batch` of them in each round."""
    _, X_train, _, y_train, _, labeled = split
    for _ in range(N_LABELS // batch):
        model = clone(model).fit(X_train[labeled], y_train[labeled])
        chosen = method(model, batch, exclude=labeled).fit(X_train).sample_indices_
        labeled = np.concatenate([labeled, chosen])
    return score(model, labeled, split)


def score(model, labeled, split):
    _, X_train, X_test, y_train, y_test, _ = split
    return clone(model).fit(X_train[labeled], y_train[labeled]).score(X_test, y_test)


def at_once(model, split):
    """Accuracies with `N_LABELS` labels that are chosen without a classifier."""
    seed, X_train, *_, first = split
    left = np.setdiff1d(np.arange(len(X_train)), first)
    random = left[Uniform(N_LABELS, random_state=seed).fit(X_train[left]).sample_indices_]
    cover = FacilityLocation(len(first) + N_LABELS, init=first).fit(X_train).sample_indices_
    return score(model, np.concatenate([first, random]), split), score(model, cover, split)


def interval(values):
    """Mean and half width of its 95 % confidence interval."""
    values = np.asarray(values)
    width = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), width


def tables(folder):
    for name, X, y, model, n_first in datasets(folder):
        given = list(splits(X, y, n_first))
        random, cover = np.array([at_once(model, split) for split in given]).T
        rows = []
        for method_name, method in METHODS.items():
            by_batch = {
                batch: np.array([in_rounds(method, batch, model, split) for split in given])
                for batch in BATCHES
            }
            cells = [f"{by_batch[BATCHES[0]].mean():.3f}"]
            for batch in BATCHES[1:]:
                mean, width = interval(by_batch[batch] - by_batch[BATCHES[0]])
                cells.append(f"{by_batch[batch].mean():.3f} ({mean:+.3f} ± {width:.3f})")
            mean, width = interval(by_batch[BATCHES[0]] - random)
            rows.append([method_name, *cells, f"{mean:+.3f} ± {width:.3f}"])
            print(name, rows[-1], flush=True)
        text = (
            f"{len(given[0][1]):,} samples that may be labeled, {n_first} random first labels,\n"
            f"``{model!r}``. After {N_LABELS} further labels, the accuracy with random\n"
            f"samples is {random.mean():.3f}, and with the samples that "
            f"``FacilityLocation(init=first)``\nselects at once {cover.mean():.3f}."
        )
        header = ["method", *(f"{batch} a round" for batch in BATCHES), "10 a round - random"]
        yield table(name, text, header, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with letter.data.gz")
    folder, start = parser.parse_args().data, process_time()
    title = "Labels in rounds: samples for each round"
    parts = "".join(tables(folder))
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += (
        "Written by ``doc/benchmarks/labeling_rounds.py`` in "
        f"{process_time() - start:.0f} s of CPU time. {machine()}\n\n"
    )
    out += (
        "In each round, the classifier is fitted on all labeled samples, and the samples with the\n"
        "largest scores among the others are labeled (parameter `exclude`). The accuracy on test\n"
        f"samples after {N_LABELS} labels is the mean of {len(SEEDS)} splits. In parentheses: "
        "difference to\n10 a round on the same splits, with its 95 % confidence interval.\n\n"
    )
    out += parts
    print(out)
    Path(__file__).with_name("labeling_rounds.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
