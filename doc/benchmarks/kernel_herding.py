"""Kernel herding from a sample of candidates, against the exact method and other packages.

    python doc/benchmarks/kernel_herding.py [--peers] [-o doc/benchmarks/kernel_herding.rst]
    python doc/benchmarks/kernel_herding.py --thinning DIR

The first table runs `Herding` as a user calls it, on float32 data of 50 features. ``--peers`` needs
``pip install coreax goodpoints``, of which each is left out if it cannot be imported. Run it with
the environment of the peers, and skcoreset on the path. It takes about 5 minutes on 2 cores.
``--thinning`` compares herding with kernel thinning of goodpoints on three tables in DIR:
``letter.data.gz``, ``uci_protein.csv.gz`` and ``covtype_93k.csv.gz``, whose last column is the
target.
"""

import argparse
import platform
import resource
import sys
import time
from importlib.metadata import version

import numpy as np
import scipy
import sklearn
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from skcoreset import Herding
from skcoreset._kernels.kernels import gram

HEADER = """.. _benchmark_kernel_herding:

Kernel herding: time and squared MMD
====================================

Written by ``doc/benchmarks/kernel_herding.py``. {machine}

The squared MMD is the squared distance, in the feature space of the kernel, of the mean over the
selected samples and the mean over all samples. It is computed from all samples, and relative to
that of the exact method, ``n_candidates=None``. For k random samples without a selection it is
about ``(1 - m) / k``, with m the mean kernel value.
"""

OF_SIZES = """The Laplacian kernel with the automatic length, 2,000 samples out of n, 50 features,
float32, no class labels. MMD² is relative to the exact method. The last column is the same for
random samples. The time of the default is that of the fastest of 3 runs, that of the exact
method of one.
"""

OF_PEERS = """The same kernel, ``exp(-gamma |x - z|^2)`` with gamma = 1 / (2 total variance), 16,384
samples of 50 features, without class labels. The time is that of the fastest of 2 runs, so
that it does not contain the compilation by JAX. Compress++ selects as many samples as the
root of their number.
"""


def mixture(n, seed=0, d=50):
    """Twenty clusters on a curved surface of 8 dimensions, with noise: float32."""
    rng = np.random.default_rng(seed)
    Z = 2 * rng.standard_normal((20, 8))[rng.integers(0, 20, n)] + rng.standard_normal((n, 8))
    features = np.hstack([Z, np.sin(2 * Z), Z**2 / 4])
    X = features @ rng.standard_normal((24, d)) / 5 + 0.3 * rng.standard_normal((n, d))
    return X.astype("float32")


def squared_mmd_of(X, sampler):
    """Function of the selected samples, and the mean kernel value."""
    params = {"length": sampler.length_} if sampler.kernel == "laplacian" else sampler.kernel_params
    kernel = gram(X, sampler.kernel, params)
    mean, _ = kernel.mean_feature(np.ones(len(X)))

    def of(selected):
        K = kernel.block(np.asarray(selected), np.asarray(selected))
        return K.mean() - 2 * mean[selected].mean() + mean.mean()

    return of, mean.mean()


def timed(sampler, X, repeats):
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        sampler.fit(X)
        best = min(best, time.perf_counter() - start)
    return sampler, best


def against_exact(k, sizes, repeats):
    rows, parts = [], (k // 20, k // 4, k)
    for n in sizes:
        X = mixture(n)
        exact, seconds = timed(Herding(k, kernel="laplacian", n_candidates=None), X, 1)
        fast, fast_seconds = timed(Herding(k, kernel="laplacian", random_state=0), X, repeats)
        squared_mmd, mean = squared_mmd_of(X, exact)
        best = [squared_mmd(exact.sample_indices_[:part]) for part in parts]
        ours = [squared_mmd(fast.sample_indices_[:part]) for part in parts]
        ratios = [f"{a / b:.3f}" for a, b in zip(ours, best, strict=True)]
        random = f"{(1 - mean) / k / best[-1]:.2f}"
        rows.append([f"{n:,}", f"{seconds:.1f}", f"{fast_seconds:.1f}", *ratios, random])
        print(rows[-1], file=sys.stderr, flush=True)
    head = [f"MMD², {part:,} picks" for part in parts]
    return table(["n", "exact, s", "default, s", *head, f"random, {k:,}"], rows)


def alone(n, sizes):
    X, rows = mixture(n), []
    for k in sizes:
        _, seconds = timed(Herding(k, kernel="laplacian", random_state=0), X, 1)
        rows.append([f"{n:,}", f"{k:,}", f"{seconds:.1f}"])
        print(rows[-1], file=sys.stderr, flush=True)
    return table(["n", "k", "default, s"], rows)


class Random:
    def __init__(self, k):
        self.k = k

    def fit(self, X):
        self.sample_indices_ = np.random.default_rng(0).permutation(len(X))[: self.k]


def peers(n, k, repeats):
    X = mixture(n)
    gamma = 1 / (2 * X.astype("float64").var(axis=0).sum())
    params = {"kernel": "rbf", "kernel_params": {"gamma": gamma}, "random_state": 0}
    methods = {
        "Herding(n_candidates=None)": Herding(k, n_candidates=None, **params),
        f"Herding(n_candidates={n // 4})": Herding(k, n_candidates=n // 4, **params),
        "random samples": Random(k),
    }
    methods |= coreax_methods(k, gamma) | goodpoints_methods(gamma)
    squared_mmd, best, rows = None, None, []
    for name, method in methods.items():
        _, seconds = timed(method, X, repeats)
        selected = method.sample_indices_
        if squared_mmd is None:
            squared_mmd, _ = squared_mmd_of(X, method)
            best = squared_mmd(selected)
        assert len(np.unique(selected)) == k, (name, len(np.unique(selected)))
        rows.append([name, f"{seconds:.2f}", f"{squared_mmd(selected) / best:.3f}"])
        print(rows[-1], file=sys.stderr, flush=True)
    return table(["method", "s", "MMD²"], rows)


def coreax_methods(k, gamma):
    try:
        from coreax import Data
        from coreax.kernels import SquaredExponentialKernel
        from coreax.solvers import KernelHerding
    except ImportError:
        return {}

    class Coreax:
        def fit(self, X):
            kernel = SquaredExponentialKernel(length_scale=float((2 * gamma) ** -0.5))
            solver = KernelHerding(coreset_size=k, kernel=kernel, unique=True)
            coreset, _ = solver.reduce(Data(X))
            self.sample_indices_ = np.asarray(coreset.unweighted_indices)

    return {f"coreax {version('coreax')}, KernelHerding": Coreax()}


def goodpoints_methods(gamma):
    try:
        from goodpoints import compress
    except ImportError:
        return {}

    class Goodpoints:
        def fit(self, X):
            # Its kernel is exp(-|x - z|^2 / s).
            self.sample_indices_ = compress.compresspp_kt(
                *(X.astype("float64"), b"gaussian"),
                **{"k_params": np.array([1 / gamma]), "g": 4, "seed": 0},
            )

    return {f"goodpoints {version('goodpoints')}, compresspp_kt": Goodpoints()}


OF_THINNING = """\
Three tables with features scaled to unit variance, in random order. The kernel is ``exp(-gamma
|x - z|^2)`` with gamma = 1 / (2 total variance), as goodpoints has no Laplacian kernel.
Compress++ returns as many samples as the root of n, a power of 4, some of them perhaps more
than once. Kernel thinning returns n / 2^m samples and is given the kernel matrix. MMD² is
relative to that of ``Herding(n_candidates=None)``, as the mean over 3 seeds, or over 20 seeds
for random samples. The time is the mean, too.
"""


def of_file(folder, name, n):
    """The features of `n` samples in random order, scaled; the last column is the target."""
    import pandas as pd

    separator, header = (r"\s+", None) if name.startswith("letter") else (",", None)
    header = 0 if name.startswith("covtype") else header
    X = (
        pd.read_csv(f"{folder}/{name}", sep=separator, header=header)
        .iloc[:, :-1]
        .to_numpy("float64")
    )
    X = X[np.random.default_rng(0).permutation(len(X))[:n]]
    spread = X.std(axis=0)
    return (X - X.mean(axis=0))[:, spread > 0] / spread[spread > 0]


def thinning(folder, scale=1):
    """Squared MMD and seconds of herding, thinning and random samples on three tables."""
    rows = []
    for name, n, k in [
        ("letter.data.gz", 4**7, 128),
        ("uci_protein.csv.gz", 4**7, 128),
        ("covtype_93k.csv.gz", 4**7, 128),
        ("letter.data.gz", 4**6, 512),
        ("uci_protein.csv.gz", 4**6, 512),
        ("covtype_93k.csv.gz", 4**6, 512),
    ]:
        n, k = (n // scale**2, k // scale) if k**2 == n else (n // scale**2, k // scale**2)
        X, best = of_file(folder, name, n), None
        gamma = 1 / (2 * X.var(axis=0).sum())
        for method, run, n_seeds in thinning_methods(X, k, gamma):
            values, seconds = [], []
            for seed in range(n_seeds):
                start = time.perf_counter()
                selected = np.asarray(run(seed))
                seconds.append(time.perf_counter() - start)
                assert len(selected) == k, (method, len(selected))
                if best is None:
                    exact = Herding(k, kernel="rbf", kernel_params={"gamma": gamma})
                    squared_mmd, _ = squared_mmd_of(X, exact)
                    best = squared_mmd(selected)
                values.append(squared_mmd(selected) / best)
            title = f"{name.partition('.')[0]}, {n:,}, {k}"
            rows.append([title, method, f"{np.mean(seconds):.2f}", f"{np.mean(values):.3f}"])
            print(rows[-1], file=sys.stderr, flush=True)
    return table(["table, n, k", "method", "s", "MMD²"], rows)


def thinning_methods(X, k, gamma):
    """Name, function of the seed that returns the selected samples, number of seeds."""
    from goodpoints import compress, kt

    params = {"kernel": "rbf", "kernel_params": {"gamma": gamma}, "stratify": None}

    def herding(n_candidates):
        return lambda seed: (
            Herding(k, n_candidates=n_candidates, random_state=seed, **params)
            .fit(X)
            .sample_indices_
        )

    yield "Herding(n_candidates=None)", herding(None), 1
    yield f"Herding(n_candidates={len(X) // 4})", herding(len(X) // 4), 3
    kernel = {"kernel_type": b"gaussian", "k_params": np.array([1 / gamma])}
    if k**2 == len(X):
        yield "Compress++", lambda seed: compress.compresspp_kt(X, **kernel, g=4, seed=seed), 3
    else:
        m = int(np.log2(len(X) // k))

        def thin(seed):
            K = gram(X, "rbf", {"gamma": gamma}).block(slice(0, len(X)), slice(0, len(X)))
            return kt.thin_K(K, K, m, seed=seed, unique=True)

        yield "kernel thinning", thin, 3
    yield "random samples", lambda seed: np.random.default_rng(seed).permutation(len(X))[:k], 20


def table(head, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [head, *rows]:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--thinning", metavar="DIR", help="compare with kernel thinning")
    parser.add_argument("--small", action="store_true", help="a few seconds, to try the script")
    parser.add_argument("--machine", default=platform.processor() or platform.machine())
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    scale = 20 if args.small else 1
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (np, scipy, sklearn))
    machine = (
        f"{args.machine}, {_openmp_effective_n_threads()} threads, Python "
        f"{platform.python_version()}, {versions}."
    )
    parts = [HEADER.format(machine=machine)]
    if args.thinning:
        parts += [OF_THINNING, thinning(args.thinning, 4 if args.small else 1)]
    elif args.peers:
        parts.append(OF_PEERS)
        n, k = (1024, 32) if args.small else (16384, 128)
        parts.append(peers(n, k, 2))
    else:
        sizes = [n // scale for n in (25_000, 50_000, 100_000, 200_000)]
        parts.append(OF_SIZES)
        parts.append(against_exact(2000 // scale, sizes, 3))
        parts.append("More samples, for which the exact method would take too long:\n")
        parts.append(alone(1_000_000 // scale, [1000 // scale, 5000 // scale]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    parts.append(f"Peak memory of the process: {memory:.1f} GiB.\n")
    text = "\n".join(parts)
    if args.output:
        with open(args.output, "w") as file:
            file.write(text)
    print(text)


if __name__ == "__main__":
    main()
