"""How good importance sampling is: k-means and logistic regression on weighted coresets.

    python doc/benchmarks/importance.py --data DIR

DIR holds ``uci_protein.csv.gz`` (9 columns and a target, no header) and ``covtype_93k.csv.gz`` (54
columns scaled to [0, 1], then the class, with a header); without it only covtype is measured, on
as many rows from scikit-learn's copy. Prints the tables and writes importance.rst. Takes about five
minutes.
"""

import argparse
import gzip
import os
import platform
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.datasets import fetch_covtype
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, pairwise_distances_argmin_min
from sklearn.preprocessing import minmax_scale, scale

from skcoreset import ImportanceSampling, Uniform

N_CLUSTERS = 50
SIZES = [200, 500, 1000, 2000, 5000]
FRACTIONS = [0.005, 0.01, 0.05]
BASELINE = "Uniform"
CLUSTERING = {
    BASELINE: {},
    "lightweight": {"sensitivity": "lightweight"},
    "lightweight, replace=True": {"sensitivity": "lightweight", "replace": True},
    "kmeans": {"sensitivity": "kmeans", "n_clusters": N_CLUSTERS},
}
REGRESSION = {
    BASELINE: {},
    "lightweight": {"sensitivity": "lightweight"},
    "leverage": {"sensitivity": "leverage"},
    "logistic": {"sensitivity": "logistic"},
    "loss": {"sensitivity": "loss"},
    "gradient": {"sensitivity": "gradient"},
}


def protein(folder):
    with gzip.open(Path(folder) / "uci_protein.csv.gz", "rt") as file:
        return np.loadtxt(file, delimiter=",")[:, :-1]


def covtype(folder):
    """Columns scaled to [0, 1], and whether the class is the second."""
    if folder is None:
        X, y = fetch_covtype(return_X_y=True)
        rows = np.random.default_rng(0).permutation(len(y))[:92_962]
        return minmax_scale(X[rows]), y[rows] == 2
    with gzip.open(Path(folder) / "covtype_93k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1] == 2


def sampler_of(params, size, seed, **more):
    Sampler = ImportanceSampling if params else Uniform
    return Sampler(size, random_state=seed, **more, **params)


def timed(function, *args, **kwargs):
    start = perf_counter()
    answer = function(*args, **kwargs)
    return answer, perf_counter() - start


def clustering(X, seeds):
    """{(sampler, size): [(excess cost, rows kept, selection seconds, fit seconds)]}, one a seed."""
    runs = {}
    for seed in range(seeds):
        full, seconds = timed(KMeans(N_CLUSTERS, n_init=1, random_state=seed).fit, X)
        runs.setdefault((None, len(X)), []).append((full.inertia_, len(X), 0.0, seconds))
        for size in SIZES:
            for name, params in CLUSTERING.items():
                drawn, selecting = timed(sampler_of(params, size, seed, stratify=None).fit, X)
                kept, weight = drawn.sample_indices_, drawn.sample_weight_
                model = KMeans(N_CLUSTERS, n_init=1, random_state=seed)
                model, fitting = timed(model.fit, X[kept], sample_weight=weight)
                _, gaps = pairwise_distances_argmin_min(X, model.cluster_centers_)
                cost = (gaps**2).sum()
                runs.setdefault((name, size), []).append((cost, len(kept), selecting, fitting))
    best = min(cost for cost, *_ in runs[None, len(X)])
    return {
        key: np.array([(cost / best - 1, *rest) for cost, *rest in of]) for key, of in runs.items()
    }


def regression(X, y, seeds):
    """{(sampler, size): [(excess log-loss, rows kept, selection seconds, fit seconds)]}."""
    full, seconds = timed(LogisticRegression(max_iter=5000).fit, X, y)
    least = log_loss(y, full.predict_proba(X))
    runs = {(None, len(X)): [(least, len(X), 0.0, seconds)]}
    for seed in range(seeds):
        for size in (round(fraction * len(X)) for fraction in FRACTIONS):
            for name, params in REGRESSION.items():
                asks = params.get("sensitivity") in ("loss", "gradient")
                params = {**params, "estimator": full} if asks else params
                drawn, selecting = timed(sampler_of(params, size, seed).fit, X, y)
                kept, weight = drawn.sample_indices_, drawn.sample_weight_
                model = LogisticRegression(max_iter=5000)
                model, fitting = timed(model.fit, X[kept], y[kept], sample_weight=weight)
                excess = log_loss(y, model.predict_proba(X)) - least
                runs.setdefault((name, size), []).append((excess, len(kept), selecting, fitting))
    return {key: np.array(of) for key, of in runs.items()}


def half_width(values):
    """Half of the 95 % interval of the mean."""
    return stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


def cell(runs, name, size, digits, factor):
    """Mean and interval; bold or italic where better or worse than Uniform by the differences."""
    values, baseline = (factor * runs[key, size][:, 0] for key in (name, BASELINE))
    text = f"{values.mean():.{digits}f} ± {half_width(values):.{digits}f}"
    difference = values - baseline
    if name == BASELINE or abs(difference.mean()) <= half_width(difference):
        return text
    return f"**{text}**" if difference.mean() < 0 else f"*{text}*"


def table(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def section(title, text, runs, digits, factor, shown):
    """Errors by size of the coreset, then seconds at the size `shown`."""
    names = list(dict.fromkeys(name for name, _ in runs if name is not None))
    sizes = list(dict.fromkeys(size for name, size in runs if name is not None))
    errors = [[name, *(cell(runs, name, k, digits, factor) for k in sizes)] for name in names]
    seconds = []
    for name in names:
        _, kept, selecting, fitting = np.median(runs[name, shown], axis=0)
        seconds.append([name, f"{kept:,.0f}", f"{selecting:.3f}", f"{fitting:.3f}"])
    everything = next(of for (name, _), of in runs.items() if name is None)
    of_all = np.median(everything, axis=0)
    seconds.append(["all samples", f"{of_all[1]:,.0f}", "", f"{of_all[3]:.3f}"])
    if len(everything) > 1:
        of_all = factor * everything[:, 0]
        text += f" All samples: {of_all.mean():.{digits}f} ± {half_width(of_all):.{digits}f}."
    out = f"{title}\n{'-' * len(title)}\n\n{text}\n\n"
    out += table(["sampler", *(f"{k:,} samples" for k in sizes)], errors)
    out += f"Seconds with {shown:,} samples, medians:\n\n"
    return out + table(["sampler", "selected", "select", "fit"], seconds)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the two files; default: covtype only")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    folder, seeds = options.data, options.seeds
    X, y = covtype(folder)
    tables = {"Covtype": X}
    if folder is not None:
        tables = {"Protein": protein(folder), "Protein, scaled": scale(protein(folder)), **tables}

    title = "Importance sampling: k-means and logistic regression"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/importance.py``. {machine()}\n\n"
    out += f"""\
A model is fitted on the weighted samples that a sampler selects, and evaluated by its loss on all
samples. Values are means over {seeds} seeds with 95 % confidence intervals. They are **bold** if
better and *italic* if worse than Uniform, where the 95 % confidence interval of the mean difference
with the same seeds does not contain 0, without correction for multiple comparisons. The machine was
shared with other work, so that only ratios of seconds are meaningful.

A fit of k-means is one run of k-means++ and Lloyd's iterations with {N_CLUSTERS} centers, on all
samples or on a coreset (``stratify=None``). The error is the cost of the centers on all samples,
divided by that of the best of {seeds} fits on all samples, minus 1, in percent. The fits on all
samples have an error too if they end in different local optima. With ``replace=True`` the
size is the number of draws.

"""
    for name, of in tables.items():
        head = f"k-means, {name}: {len(of):,} samples, {of.shape[1]} features"
        runs = clustering(of, seeds)
        out += section(head, "Excess cost in percent.", runs, 1, 100, 1000)
        print(out, flush=True)
    text = (
        "The classifier is ``LogisticRegression(max_iter=5000)``, fitted with the weights, for\n"
        "class 2 against the rest. The error is the log loss on all samples minus that of the fit\n"
        'on all samples, times 1000. All samplers use ``stratify="proportional"``. The\n'
        'sensitivities "loss" and "gradient" use the classifier fitted on all samples, whose fit\n'
        "is not included in the seconds to select."
    )
    head = f"Logistic regression, Covtype: {len(X):,} samples, {X.shape[1]} features"
    runs = regression(X, y, seeds)
    out += section(head, text, runs, 2, 1000, round(0.01 * len(X)))
    print(out)
    Path(__file__).with_suffix(".rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
