"""KNNShapley compared with pyDVL, and the wrong labels that it finds compared with other methods.

    python doc/benchmarks/values.py --data DIR

DIR holds ``letter.data.gz``. Needs pyDVL beside skcoreset. Prints the tables and writes values.rst.
"""

import argparse
import platform
import warnings
from itertools import combinations
from math import comb
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import sklearn
from pydvl.valuation import Dataset, KNNShapleyValuation
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import skcoreset
from skcoreset import AreaUnderMargin, Coreset, KNNShapley, Margin

HEAD = """Values of samples by nearest neighbors
======================================

Written by ``doc/benchmarks/values.py``. {system}. The tables show CPU times, measured once on a
machine with other load.
"""


def of_skcoreset(X, y, X_val, y_val, n_neighbors):
    start = process_time()
    sampler = KNNShapley(1.0, n_neighbors=n_neighbors, stratify=None)
    values = sampler.fit(X, y, X_val=X_val, y_val=y_val).scores_
    return values, process_time() - start


def of_pydvl(X, y, X_val, y_val, n_neighbors):
    start = process_time()
    model = KNeighborsClassifier(n_neighbors, algorithm="brute")
    names = [f"x{j}" for j in range(X.shape[1])], ["y"]
    validation = Dataset(X_val, y_val, *names)
    valuation = KNNShapleyValuation(model, validation, progress=False).fit(Dataset(X, y, *names))
    seconds = process_time() - start
    values = np.empty(len(y))
    values[valuation.result.indices] = valuation.result.values
    return values, seconds


def by_definition(X, y, X_val, y_val, n_neighbors):
    """Over all subsets of a few samples."""
    n, D = len(y), cdist(X_val, X)

    def utility(rows):
        near = [sorted(rows, key=lambda i: (row[i], i))[:n_neighbors] for row in D]
        right = [sum(y[i] == c for i in some) for some, c in zip(near, y_val, strict=True)]
        return np.mean(right) / n_neighbors

    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            for rows in combinations(others, size):
                values[i] += (utility((*rows, i)) - utility(rows)) / (n * comb(n - 1, size))
    return values


def compare(write):
    write(
        "KNNShapley and pyDVL",
        "The largest difference is that of a value from the one of skcoreset, or, for 7 samples, "
        "from the definition over all subsets. The first term of the recursion of pyDVL divides "
        "by n also where K is larger than n.",
    )
    rng, rows = np.random.default_rng(0), []
    for n, n_val, d, k in ((7, 4, 3, 3), (7, 4, 3, 20), (2000, 200, 50, 5), (20000, 200, 50, 5)):
        X, X_val = rng.standard_normal((n, d)), rng.standard_normal((n_val, d))
        y, y_val = rng.integers(0, 3, n), rng.integers(0, 3, n_val)
        own, seconds = of_skcoreset(X, y, X_val, y_val, k)
        right = by_definition(X, y, X_val, y_val, k) if n < 10 else own
        peer, peer_seconds = of_pydvl(X, y, X_val, y_val, k)
        for library, values, time in (
            ("skcoreset", own, seconds),
            ("pyDVL", peer, peer_seconds),
        ):
            off = abs(values - right).max()
            rows.append([f"{n:,}, {n_val}, {d}", k, library, f"{time:.3f}", f"{off:.0e}"])
    return ["n, n_val, d", "K", "library", "seconds", "largest difference"], rows


def tables(folder):
    yield "digits", *load_digits(return_X_y=True)
    table = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    yield "letter", table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].to_numpy(str)


def wrong_labels(write, folder):
    write(
        "Wrong labels that are found",
        "A tenth of the labels are replaced by another label at random. Each method selects as "
        "many samples as there are wrong labels; the table shows how many of them have a wrong "
        "label. "
        "``Coreset.suspicious_`` has a length of its own. KNNShapley has validation samples with "
        "correct labels, which the other methods do not use. Means of 3 splits, standardized "
        "features; 1,197 samples of digits and 4,000 of letter.",
    )
    rows = []
    for name, X_all, y_all in tables(folder):
        found = {}
        for seed in range(3):
            X, X_val, y, y_val = train_test_split(
                X_all, y_all, test_size=600, random_state=seed, stratify=y_all
            )
            X, y = X[:4000], y[:4000]
            scaler = StandardScaler().fit(X)
            X, X_val = scaler.transform(X), scaler.transform(X_val)
            rng = np.random.default_rng(seed)
            classes, codes = np.unique(y, return_inverse=True)
            wrong = rng.choice(len(y), len(y) // 10, replace=False)
            shift = rng.integers(1, len(classes), len(wrong))
            y = y.copy()
            y[wrong] = classes[(codes[wrong] + shift) % len(classes)]
            low = {"coreset_size": len(wrong), "stratify": None}

            def values(n_val, X=X, y=y, X_val=X_val, y_val=y_val, low=low):
                return KNNShapley(keep="low", **low).fit(
                    X, y, X_val=X_val[:n_val], y_val=y_val[:n_val]
                )

            network = MLPClassifier((50,), random_state=0)
            area = {"keep": "low", "random_state": 0, **low}
            contestants = {
                "KNNShapley, 600 validation samples": lambda values=values: values(600),
                "KNNShapley, 100 validation samples": lambda values=values: values(100),
                "AreaUnderMargin": lambda X=X, y=y, area=area: AreaUnderMargin(**area).fit(X, y),
                "AreaUnderMargin, network": lambda X=X, y=y, area=area, network=network: (
                    AreaUnderMargin(network, **area).fit(X, y)
                ),
                "Margin": lambda X=X, y=y, low=low: Margin(**low).fit(X, y),
                "``Coreset.suspicious_``": lambda X=X, y=y: Coreset(0.1, random_state=0).fit(X, y),
            }
            for method, fit in contestants.items():
                start = process_time()
                sampler = fit()
                seconds = process_time() - start
                at = sampler.suspicious_ if "Coreset" in method else sampler.sample_indices_
                found.setdefault(method, []).append(
                    (np.isin(at, wrong).mean(), np.isin(wrong, at).mean(), seconds)
                )
        for method, results in found.items():
            precision, recall, seconds = np.mean(results, axis=0)
            rows.append([name, method, f"{precision:.3f}", f"{recall:.3f}", f"{seconds:.2f}"])
    header = ["data", "method", "wrong among the selected", "selected among the wrong", "seconds"]
    return header, rows


def as_list_table(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        for j, cell in enumerate(row):
            lines.append(f"   {'*' if j == 0 else ' '} - {cell}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    warnings.simplefilter("ignore", ConvergenceWarning)
    system = (
        f"Python {platform.python_version()}, numpy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, skcoreset {skcoreset.__version__}"
    )
    parts = [HEAD.format(system=system)]

    def write(title, text):
        parts.append(f"{title}\n{'-' * len(title)}\n\n{text}\n")

    for table in (compare(write), wrong_labels(write, folder)):
        parts.append(as_list_table(*table) + "\n")
        print(parts[-1])
    Path(__file__).with_suffix(".rst").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
