"""Time of ContrastiveActiveLearning compared with its search for neighbors alone.

    python doc/benchmarks/contrastive.py --data DIR

DIR holds ``mnist.npz`` (X_train, y_train); without it the data are generated. Prints the tables
and writes contrastive.rst.
"""

import argparse
import os
import platform
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_info

from skcoreset import ContrastiveActiveLearning
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.neighbors import nearest_neighbors

K = 10


def table_of_digits(folder):
    """60,000 samples, 784 features in float32, ten classes; and the name of the data."""
    if folder is None:
        X, y = make_classification(
            60_000, 784, n_informative=30, n_redundant=200, n_classes=10, random_state=0
        )
        return X.astype(np.float32), y, "generated"
    with np.load(Path(folder) / "mnist.npz") as file:
        X, y = file["X_train"].reshape(60_000, -1), file["y_train"]
    return (X / 255).astype(np.float32), y, "MNIST"


def by_turns(contestants, runs=1):
    """Fastest time of `runs` alternating runs of each function, and its last result."""
    best, answers = dict.fromkeys(contestants, np.inf), {}
    for _ in range(runs):
        for name, function in contestants.items():
            start = perf_counter()
            answers[name] = function()
            best[name] = min(best[name], perf_counter() - start)
    return best, answers


def theirs(X, algorithm):
    return NearestNeighbors(n_neighbors=K, algorithm=algorithm).fit(X).kneighbors()[1]


def compare(name, X, y, tree):
    """One row of the table: our method, our search, and the searches of scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations give adequate probabilities
        classifier = LogisticRegression(max_iter=20).fit(X[:10_000], y[:10_000])
    contestants = {
        "all": lambda: ContrastiveActiveLearning(classifier, 0.1, n_neighbors=K).fit(X).neighbors_,
        "search": lambda: nearest_neighbors(pairs(X), K)[0],
        "brute": lambda: theirs(X, "brute"),
    }
    if tree:
        contestants["kd_tree"] = lambda: theirs(X, "kd_tree")
    best, answers = by_turns(contestants, runs=2)
    same = (np.sort(answers["brute"], axis=1) == answers["search"]).all(axis=1).mean()
    return [
        f"{name}, {X.shape[0]:,} x {X.shape[1]:,}",
        X.dtype.name,
        f"{best['all']:.2f}",
        f"{best['search']:.2f}",
        f"{best['all'] / best['search']:.2f}",
        f"{best['brute']:.2f}",
        f"{best['kd_tree']:.2f}" if tree else "",
        f"{100 * same:.2f} %",
    ]


def comparisons(X, y, name):
    components = PCA(50, random_state=0).fit_transform(X)
    rows = []
    for n_columns in (2, 6, 10, 50):
        part = np.ascontiguousarray(components[:, :n_columns])
        rows.append(compare(f"{name}, components", part, y, tree=n_columns <= 10))
    rows.append(compare(f"{name}, components", components.astype(np.float64), y, tree=False))
    few = X[:20_000]
    rows.append(compare(name, few, y, tree=False))
    rows.append(compare(name, few.astype(np.float64), y, tree=False))
    rows.append(compare(f"{name}, csr", sparse.csr_array(few[:10_000]), y, tree=False))
    words = sparse.random_array((10_000, 5_000), density=0.005, format="csr", random_state=0)
    rows.append(compare("0.5 % filled, csr", words, y, tree=False))
    return rows


def table(title, text, header, rows):
    lines = [title, "-" * len(title), "", text, "", ".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def machine():
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    threads = max([library["num_threads"] for library in threadpool_info()], default=1)
    return (
        f"{name}, {os.cpu_count()} cores, {threads} thread{'s' if threads > 1 else ''}, Python "
        f"{platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz; default: generated data")
    X, y, name = table_of_digits(parser.parse_args().data)
    title = "Contrastive active learning: time"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/contrastive.py``. {machine()}\n\n"
    out += "The times in seconds are the faster of two alternating rounds in one process.\n\n"
    out += table(
        "The method, and the search for ten neighbors alone",
        'The classifier is a fitted logistic regression. "all" is\n'
        '``ContrastiveActiveLearning.fit``, "search" its search for neighbors; "brute" and\n'
        '"kd_tree" are ``NearestNeighbors`` of scikit-learn. "same" is the percentage of samples\n'
        'whose neighbors are those of "brute", which does not define which of several samples at\n'
        "equal distance is the neighbor.",
        ["data", "dtype", "all", "search", "all / search", "brute", "kd_tree", "same"],
        comparisons(X, y, name),
    )
    print(out)
    Path(__file__).with_name("contrastive.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
