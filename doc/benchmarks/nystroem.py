"""Error of kernel approximations whose landmarks a sampler picks, against random landmarks.

    python doc/benchmarks/nystroem.py --data DIR

DIR holds ``letter.data.gz`` (16 columns of numbers, then the letter, between spaces),
``magic_train.csv.gz`` and ``covtype_93k.csv.gz`` (tables whose last column is the class label).
Prints the tables and writes nystroem.rst. It takes about 15 minutes on 2 cores.
"""

import argparse
import gzip
import os
import platform
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from scipy import linalg, stats
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skcoreset import (
    CoresetNystroem,
    FacilityLocation,
    Herding,
    KCenterGreedy,
    RPCholesky,
    Uniform,
)

SIZES = [50, 100, 200, 400]
NAMES = [
    "Uniform",
    "KCenterGreedy",
    "FacilityLocation",
    'Herding(kernel="rbf")',
    "RPCholesky",
    "KMeans centers",
]
ERROR, TRACE, ACCURACY, SECONDS = range(4)


def letter(folder):
    """16 numbers of each of 20,000 printed letters."""
    with gzip.open(Path(folder) / "letter.data.gz", "rt") as file:
        cells = np.array([line.split() for line in file])
    return cells[:, :-1].astype(float), cells[:, -1]


def of_csv(file):
    table = pd.read_csv(file)
    return table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].to_numpy()


def sampler_of(name, k, gamma, seed):
    if name == "Uniform":
        return Uniform(k, stratify=None, random_state=seed)
    if name == "KCenterGreedy":
        return KCenterGreedy(k, stratify=None)
    if name == "FacilityLocation":
        return FacilityLocation(k, stratify=None)
    if name == "RPCholesky":
        return RPCholesky(k, gamma=gamma, stratify=None, random_state=seed)
    return Herding(k, kernel="rbf", kernel_params={"gamma": gamma}, stratify=None)


class OfCenters:
    """The kernel map with the centers of k-means as landmarks, which are no samples."""

    def __init__(self, k, gamma, seed):
        self.k, self.gamma, self.seed = k, gamma, seed

    def fit(self, X):
        self.centers = KMeans(self.k, n_init=1, random_state=self.seed).fit(X).cluster_centers_
        U, S, V = linalg.svd(rbf_kernel(self.centers, gamma=self.gamma))
        self.root = (U / np.sqrt(np.maximum(S, 1e-12))) @ V
        return self

    def transform(self, X):
        return rbf_kernel(X, self.centers, gamma=self.gamma) @ self.root.T


def distance(K, Z):
    """Frobenius norm of K - Z Z^T, in blocks of rows."""
    blocks = [slice(a, a + 500) for a in range(0, len(K), 500)]
    return np.sqrt(sum(((K[block] - Z[block] @ Z.T) ** 2).sum() for block in blocks))


def measure(X, y, n_train, n_test, sizes, seed):
    """{(method, landmarks): (error, trace, accuracy, seconds)} on one split."""
    split = train_test_split(
        X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=seed
    )
    X_train, X_test, y_train, y_test = split
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    gamma = 1 / (X_train.shape[1] * X_train.var())
    K = rbf_kernel(X_train, gamma=gamma)
    norm = np.linalg.norm(K)
    out = {}
    for k in sizes:
        for name in NAMES:
            if name == "KMeans centers":
                mapped = OfCenters(k, gamma, seed)
            else:
                mapped = CoresetNystroem(sampler_of(name, k, gamma, seed), gamma=gamma)
            start = perf_counter()
            mapped.fit(X_train)
            seconds = perf_counter() - start
            Z = mapped.transform(X_train)
            model = LinearSVC(random_state=0, max_iter=10_000).fit(Z, y_train)
            accuracy = model.score(mapped.transform(X_test), y_test)
            trace = 1 - (Z**2).sum() / len(Z)
            out[name, k] = distance(K, Z) / norm, trace, accuracy, seconds
    largest = np.maximum(np.linalg.eigvalsh(K)[::-1], 0)
    for k in sizes:
        best = np.linalg.norm(largest[k:]) / norm, largest[k:].sum() / len(K)
        out["best of rank k", k] = *best, np.nan, np.nan
    exact = SVC(gamma=gamma).fit(X_train, y_train).score(X_test, y_test)
    out["SVC", len(X_train)] = np.nan, np.nan, exact, np.nan
    return out


def half_width(values):
    """Half of the 95 % interval of the mean."""
    return stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


def verdict(values, baseline, smaller_is_better):
    """1 better, -1 worse, 0: the interval of the mean difference has 0 in it."""
    difference = np.asarray(values) - baseline
    if smaller_is_better:
        difference = -difference
    if abs(difference.mean()) <= half_width(difference):
        return 0
    return int(np.sign(difference.mean()))


def cells(runs, name, k, which):
    """(text, verdict) of one method at one size."""
    values = np.array([run[name, k][which] for run in runs])
    uniform = np.array([run["Uniform", k][which] for run in runs])
    text = f"{values.mean():.4f} ± {half_width(values):.4f}"
    if which == ACCURACY:
        text = f"{values.mean():.3f} ± {half_width(values):.3f}"
    found = verdict(values, uniform, which != ACCURACY)
    return {1: f"**{text}**", 0: text, -1: f"*{text}*"}[found], found


def counted(found):
    better, same, worse = (found.count(value) for value in (1, 0, -1))
    return f"better {better}, no difference {same}, worse {worse}"


def table(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def machine():
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return (
        f"{name}, {os.cpu_count()} cores (OMP_NUM_THREADS: "
        f"{os.environ.get('OMP_NUM_THREADS', 'not set')}), Python {platform.python_version()}, "
        f"numpy {np.__version__}, scikit-learn {sklearn.__version__}."
    )


def section(title, runs, sizes, found):
    """The tables of one dataset; adds the verdicts to `found`."""
    rows = {which: [] for which in (ERROR, TRACE, ACCURACY)}
    for k in sizes:
        for which, of in rows.items():
            texts = []
            for name in NAMES:
                text, value = cells(runs, name, k, which)
                texts.append(text)
                found.setdefault((name, which), []).append(value)
            best = np.mean([run["best of rank k", k][which] for run in runs])
            of.append([k, *texts, *([] if which == ACCURACY else [f"{best:.4f}"])])
    at = max(sizes)
    seconds = [
        [name, *(f"{np.median([run[name, k][SECONDS] for run in runs]):.3f}" for k in (50, at))]
        for name in NAMES
    ]
    n = next(k for name, k in runs[0] if name == "SVC")
    exact = np.array([run["SVC", n][ACCURACY] for run in runs])
    head = ["landmarks", *NAMES, "best of rank k"]
    out = f"{title}\n{'-' * len(title)}\n\nError of the kernel matrix:\n\n"
    out += table(head, rows[ERROR]) + "Trace of the residual:\n\n" + table(head, rows[TRACE])
    out += "Accuracy on the test samples:\n\n" + table(head[:-1], rows[ACCURACY])
    out += f"``SVC`` with the exact kernel: {exact.mean():.3f} ± {half_width(exact):.3f}.\n\n"
    out += "Seconds to fit, as the median of the splits, on a machine shared with other work:\n\n"
    out += table(["landmarks of", f"{sizes[0]} landmarks", f"{at} landmarks"], seconds)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with the three files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    folder = Path(options.data)
    problems = {
        "Digits: 1,347 training samples, 64 features": (*load_digits(return_X_y=True), 1347, 450),
        "Letter: 2,000 training samples, 16 features": (*letter(folder), 2000, 2000),
        "Magic: 2,000 training samples, 10 features": (
            *of_csv(folder / "magic_train.csv.gz"),
            *(2000, 2000),
        ),
        "Covtype: 2,000 training samples, 54 features": (
            *of_csv(folder / "covtype_93k.csv.gz"),
            *(2000, 2000),
        ),
    }
    found, parts = {}, ""
    for title, problem in problems.items():
        runs = Parallel(options.jobs)(
            delayed(measure)(*problem, SIZES, seed) for seed in range(options.seeds)
        )
        parts += section(title, runs, SIZES, found)
        print(parts, flush=True)

    title = "Landmarks for kernel approximation: error, accuracy, time"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/nystroem.py``. {machine()}\n\n"
    out += f"""\
:class:`skcoreset.CoresetNystroem` is fitted with the rbf kernel and
``gamma = 1 / (n_features * variance)`` on features scaled to unit variance. The sampler selects
the landmarks from the training samples without their class labels (``stratify=None``). The error
is :math:`\\|K - Z Z^T\\|_F / \\|K\\|_F` on the training samples, and "best of rank k" is the
smallest error of any map to as many features as there are landmarks. The trace of the residual is
:math:`\\mathrm{{tr}}(K - Z Z^T) / \\mathrm{{tr}}(K)`. The accuracy is that of a ``LinearSVC`` on
the test samples, trained on the transformed training samples. "KMeans centers" is a reference: the
landmarks are the centers of k-means, which are no samples, so that no sampler can select them.

All values are means over {options.seeds} random splits into training and test samples, the same
for all samplers, with 95 % confidence intervals. Methods that draw have another seed in each
split. Values are **bold** if better and *italic* if worse than Uniform, where the 95 %
confidence interval of the mean difference on the same splits does not contain 0. Otherwise
there is no clear difference to random landmarks. There is no correction for multiple
comparisons.

"""
    rows = [
        [name, *(counted(found[name, which]) for which in (ERROR, TRACE, ACCURACY))]
        for name in NAMES
        if name != "Uniform"
    ]
    out += "Comparisons with Uniform, over all datasets and numbers of landmarks:\n\n"
    out += table(["landmarks of", "error", "trace", "accuracy"], rows) + parts
    print(out)
    Path(__file__).with_suffix(".rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
