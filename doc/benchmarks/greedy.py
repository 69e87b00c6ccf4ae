"""Time of facility location and matching pursuit against their peers, side by side in one run.

    python doc/benchmarks/greedy.py --data DIR

DIR holds ``mnist.npz`` (X_train, y_train); without it MNIST comes from OpenML. Needs
apricot-select and submodlib-py beside skcoreset. Prints a table and writes greedy.rst.
"""

import argparse
import os
import platform
import warnings
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import sklearn
from kernel_herding import mixture
from sklearn.datasets import fetch_openml
from sklearn.linear_model import LogisticRegression, orthogonal_mp
from sklearn.metrics import pairwise_distances, pairwise_distances_argmin_min

from skcoreset import FacilityLocation
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._models import gradient_factors


def mnist(folder):
    """Pixels from 0 to 1 in float32, and labels."""
    if folder is None:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        X, y = X[:60_000], y[:60_000].astype(int)
    else:
        with np.load(Path(folder) / "mnist.npz") as file:
            X, y = file["X_train"].reshape(60_000, -1), file["y_train"]
    return (X / 255).astype(np.float32), y


def by_turns(contestants, runs=3, clock=perf_counter):
    """Fastest of `runs` of each, all by turns, and what each returned last."""
    best, answers = dict.fromkeys(contestants, np.inf), {}
    for _ in range(runs):
        for name, function in contestants.items():
            start = clock()
            answers[name] = function()
            best[name] = min(best[name], clock() - start)
    return best, answers


def facility_location(dtype, k=500, n=5000):
    """Ours, apricot and submodlib on the same dense similarities."""
    from apricot import FacilityLocationSelection
    from submodlib import FacilityLocationFunction

    X = np.random.default_rng(0).standard_normal((n, 20))
    D = np.sqrt(np.maximum(((X**2).sum(1)[:, None] + (X**2).sum(1)) - 2 * X @ X.T, 0))
    np.fill_diagonal(D, 0)
    S = D.max() - D
    S = ((S + S.T) / 2).astype(dtype)

    def ours():
        return FacilityLocation(k, metric="precomputed").fit(S).sample_indices_

    def apricot():
        return FacilityLocationSelection(k, metric="precomputed", optimizer="lazy").fit(S).ranking

    def submodlib():
        function = FacilityLocationFunction(n=n, mode="dense", sijs=S, separate_rep=False)
        picks = function.maximize(budget=k, optimizer="LazyGreedy", show_progress=False)
        return np.array([i for i, _ in picks])

    best, answers = by_turns({"skcoreset": ours, "apricot": apricot, "submodlib": submodlib})
    same = {name: int((answers[name] == answers["skcoreset"]).sum()) for name in answers}
    return [
        [
            np.dtype(dtype).name,
            name,
            f"{best[name]:.3f}",
            f"{best[name] / best['skcoreset']:.1f}",
            f"{same[name]} of {k}",
        ]
        for name in best
    ]


def for_target(n, n_target, k=500):
    """Ours and submodlib on the same samples and target samples, similarities included."""
    from submodlib import FacilityLocationVariantMutualInformationFunction

    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((n, 20)), rng.standard_normal((n_target, 20)) + 0.5

    def ours():
        return FacilityLocation(k).fit(X, X_target=Q).sample_indices_

    def submodlib():
        D = pairwise_distances(X, Q)
        function = FacilityLocationVariantMutualInformationFunction(
            n=n, num_queries=n_target, query_sijs=D.max() - D, queryDiversityEta=1.0
        )
        picks = function.maximize(budget=k, optimizer="LazyGreedy", show_progress=False)
        return np.array([i for i, _ in picks])

    best, answers = by_turns({"skcoreset": ours, "submodlib": submodlib}, clock=process_time)
    same = int((answers["submodlib"] == answers["skcoreset"]).sum())
    return [
        [
            f"{n:,} and {n_target}",
            f"{best['skcoreset']:.2f}",
            f"{best['submodlib']:.2f}",
            f"{best['submodlib'] / best['skcoreset']:.1f}",
            f"{same} of {k}",
        ]
    ]


def among_candidates(numbers, n=200_000, k=2000):
    """Time and mean distance of coresets of a mixture, by the number of candidates."""
    X, rows = mixture(n).astype(np.float32), []

    def mean_distance(picks):
        blocks = np.array_split(X, 100)
        return sum(pairwise_distances_argmin_min(b, X[picks])[1].sum() for b in blocks) / n

    for number in numbers:
        start = process_time()
        sampler = FacilityLocation(k, n_candidates=number, random_state=0).fit(X)
        seconds = process_time() - start
        distance = mean_distance(sampler.sample_indices_)
        rows.append(
            ["all" if number is None else f"{number:,}", f"{distance:.3f}", f"{seconds:.0f}"]
        )
    draw = np.random.default_rng(0).permutation(n)[:k]
    return [*rows, [f"{k:,} random samples", f"{mean_distance(draw):.3f}", "0"]]


def large(X, y, k=600):
    """All of MNIST, by class and without classes, within `working_memory`."""
    rows = []
    for name, stratify in (('"proportional"', "proportional"), ("None", None)):
        start = perf_counter()
        FacilityLocation(k, stratify=stratify).fit(X, y)
        rows.append([name, f"{perf_counter() - start:.1f}"])
    return rows


def from_scratch(G, b, k):
    """The loop that solves all of the least squares again at every step."""
    picks, left = [], b
    for _ in range(k):
        value = np.abs(G @ left)
        value[picks] = -1
        picks.append(int(value.argmax()))
        left = b - G[picks].T @ np.linalg.lstsq(G[picks].T, b)[0]
    return np.array(picks)


def matching(X, y, k=250):
    """One class of MNIST: 5,000 gradients of dimension 7,850."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 20 iterations are enough for gradients of some size
        model = LogisticRegression(max_iter=20).fit(X[:10_000], y[:10_000])
    X = X[y == 3][:5000]
    rows = []
    for dtype in (np.float32, np.float64):
        a, h, _ = gradient_factors(model, X.astype(dtype), np.full(len(X), 3))
        gradients = OuterProducts(a.astype(dtype), h)
        G = gradients.explicit().astype(dtype)
        b = G.sum(axis=0)

        def ours(k=k, gradients=gradients):
            target = gradients.total(np.ones(gradients.n))
            return matching_pursuit(gradients, target, k, positive=False)[0]

        def theirs(G=G, b=b):
            return np.flatnonzero(orthogonal_mp(G.T, b, n_nonzero_coefs=k))

        contestants = {"ours": ours, "orthogonal_mp": theirs}
        best, answers = by_turns(contestants)
        start = perf_counter()
        from_scratch(G, b, k)
        slow = perf_counter() - start
        same = len(set(answers["ours"]) & set(answers["orthogonal_mp"]))
        rows.append(
            [
                np.dtype(dtype).name,
                f"{best['ours']:.3f}",
                f"{best['orthogonal_mp']:.3f}",
                f"{best['orthogonal_mp'] / best['ours']:.1f}",
                f"{same} of {k}",
                f"{slow / best['ours']:.0f}",
            ]
        )
    return rows


def table(title, text, header, rows):
    lines = [title, "-" * len(title), "", text, "", ".. list-table::", "   :header-rows: 1", ""]
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
        f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy "
        f"{np.__version__}, scikit-learn {sklearn.__version__}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz; default: download from OpenML")
    X, y = mnist(parser.parse_args().data)
    title = "Greedy selection: time and memory"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/greedy.py``. {machine()}\n\n"
    out += "The tables show the time of the fastest of 3 runs. All implementations run\n"
    out += "alternately in one process.\n\n"
    out += table(
        "Facility location: 500 of 5,000 samples, dense similarities",
        "The three libraries use their lazy optimizers on the same matrix of similarities. The\n"
        "time of skcoreset includes the check that the matrix is symmetric and the computation of\n"
        'the weights. The ratio is the time divided by that of skcoreset. The column "same" is\n'
        "the number of positions at which the ranking is equal to that of skcoreset.",
        ["dtype", "library", "seconds", "ratio", "same"],
        facility_location(np.float64) + facility_location(np.float32),
    )
    out += table(
        "Facility location: 600 of 60,000 samples of MNIST",
        "The data are float32 with 784 features, and the time is that of one run.\n"
        "``working_memory`` is 1024 MB, while the matrix of all similarities would need 14.4 GB.\n"
        "With ``stratify=None`` each distance is computed about three times.",
        ["stratify", "seconds"],
        large(X, y),
    )
    out += table(
        "Facility location for target samples: 500 samples",
        "The function is FL2MI of submodlib with eta = 1, of normal random samples with 20\n"
        "features. The time is the processor time of one thread, with that of the similarities,\n"
        "the fastest of 3 runs. submodlib takes the matrix of all similarities of samples and\n"
        "target samples, which skcoreset does not store.",
        ["samples and targets", "skcoreset, seconds", "submodlib, seconds", "ratio", "same"],
        for_target(5000, 100) + for_target(50_000, 500),
    )
    out += table(
        "Facility location: 2,000 of 200,000 samples, by the number of candidates",
        "The samples are float32 with 50 features, in clusters. The time is the processor time of\n"
        "one thread, with that of the weights, which are computed from all samples. The distance\n"
        "is that to the nearest selected sample, averaged over all samples. The default is 20,000.",
        ["candidates", "mean distance", "seconds"],
        among_candidates([None, 40_000, 30_000, 20_000, 10_000, 5000]),
    )
    out += table(
        "Matching pursuit: 250 of 5,000 gradients of dimension 7,850",
        "The gradients are those of a logistic regression for one class of MNIST, and the weights\n"
        "may be negative. The input of ``orthogonal_mp`` is the matrix of the gradients, that of\n"
        "skcoreset the factors of this matrix. The ratios are times divided by that of skcoreset.\n"
        "The last column is the ratio for a loop that solves the least squares problem in each\n"
        "step without the solution of the last step, measured once.",
        [
            "dtype",
            "skcoreset, seconds",
            "orthogonal_mp, seconds",
            "ratio",
            "same samples",
            "loop, ratio",
        ],
        matching(X, y),
    )
    print(out)
    Path(__file__).with_name("greedy.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
