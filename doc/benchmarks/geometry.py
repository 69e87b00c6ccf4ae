"""Time, memory and quality of KCenterGreedy and Herding, next to plain loops and other packages.

    python doc/benchmarks/geometry.py [--data DIR]

writes ``geometry.rst`` next to this file and prints it. The other packages are measured where they
are installed: ``pip install skmatter scikit-activeml fpsample``. DIR holds ``mnist.npz`` (arrays
X_train, y_train, ...); without it MNIST comes from OpenML. The run takes six to ten minutes on two
cores.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import fetch_openml
from sklearn.kernel_approximation import RBFSampler
from threadpoolctl import threadpool_info

from skcoreset import Herding, KCenterGreedy

SHOWN = ["numpy", "scipy", "scikit-learn", "skcoreset", "skmatter", "scikit-activeml", "fpsample"]

# Data -------------------------------------------------------------------------------------------


def load_mnist(folder):
    """The 60,000 training rows as float32 in [0, 1]."""
    if folder is None:
        X = fetch_openml("mnist_784", version=1, as_frame=False).data[:60_000]
    else:
        X = np.load(Path(folder) / "mnist.npz")["X_train"]
    return X.reshape(len(X), -1).astype(np.float32) / np.float32(255)


def normal(n, d, dtype):
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


# What is compared: every function answers with the indices of the rows picked -------------------


def ours(X, k):
    return KCenterGreedy(stratify=None, coreset_size=k, init=[0]).fit(X).sample_indices_


def plain_loop(X, k):
    """The usual loop: indices only."""
    sq = np.einsum("ij,ij->i", X, X)
    gap = np.full(len(X), np.inf, dtype=X.dtype)
    picks = [0]
    while len(picks) < k:
        j = picks[-1]
        d = sq + sq[j] - 2 * (X @ X[j])
        np.minimum(gap, d, out=gap)
        picks.append(int(gap.argmax()))
    return np.array(picks)


def tracking_loop(X, k):
    """The same, and which pick each row is nearest to, without which there are no weights."""
    sq = np.einsum("ij,ij->i", X, X)
    gap = np.full(len(X), np.inf, dtype=X.dtype)
    nearest = np.zeros(len(X), dtype=np.intp)
    picks = [0]
    for t in range(k):
        j = picks[-1]
        d = sq + sq[j] - 2 * (X @ X[j])
        closer = np.flatnonzero(d < gap)
        gap[closer] = d[closer]
        nearest[closer] = t
        if t + 1 < k:
            picks.append(int(gap.argmax()))
    return np.array(picks)


def by_skmatter(X, k):
    FPS = import_module("skmatter.sample_selection").FPS
    return FPS(n_to_select=k, initialize=0).fit(X).selected_idx_


def by_skactiveml(X, k):
    """The first row is labelled, so that k - 1 queries solve the same problem."""
    CoreSet = import_module("skactiveml.pool").CoreSet
    y = np.full(len(X), np.nan)
    y[0] = 0
    query = CoreSet(random_state=0).query(X=X, y=y, batch_size=k - 1)
    return np.concatenate([[0], query])


def by_fpsample(X, k):
    return import_module("fpsample").fps_sampling(X, k, start_idx=0)


def by_fpsample_tree(X, k):
    """Its k-d tree variant for point clouds."""
    return import_module("fpsample").bucket_fps_kdline_sampling(X, k, h=7, start_idx=0)


def herding(X, k):
    return Herding(stratify=None, coreset_size=k).fit(X).sample_indices_


def herding_loop(X, k):
    """The usual loop: sums in float64, products in the dtype of X."""
    mean = X.mean(axis=0, dtype=np.float64)
    sq = np.einsum("ij,ij->i", X, X)
    total = np.zeros_like(mean)
    picks = []
    for t in range(k):
        direction = 2 * ((t + 1) * mean - total)
        gain = X @ direction.astype(X.dtype) - sq
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
        total += X[picks[-1]]
    return np.array(picks)


def products(X, k):
    """k bare products of the table with a vector: the least a loop over picks can cost."""
    v = X[0].copy()
    for _ in range(k):
        X @ v
    return np.arange(k)


# Measuring --------------------------------------------------------------------------------------


class Calm:
    """Wait while the machine is busy with other work.

    A product on two threads waits for both of them, so where another process holds a core, every
    one takes a time slice (8 ms) instead of a fraction of a millisecond. The probe is a hundred
    small products; it counts as calm within twice the fastest probe so far.
    """

    def __init__(self, patience=200.0):
        self.patience, self.fastest = patience, np.inf
        self.A, self.v = normal(4000, 200, np.float64), np.ones(200)

    def probe(self):
        start = time.perf_counter()
        for _ in range(100):
            self.A @ self.v
        return time.perf_counter() - start

    def wait(self):
        while True:
            seconds = self.probe()
            self.fastest = min(self.fastest, seconds)
            if seconds <= 2 * self.fastest or self.patience <= 0:
                return
            time.sleep(0.5)
            self.patience -= 0.5 + seconds


calm = Calm()


def race(contestants, args, repeats, once_above):
    """Run all contestants by turns. Returns for each (seconds of all runs, its picks).

    Whoever takes longer than `once_above` seconds runs once; where the first turn of all together
    takes less than 3 s there are three times the `repeats`. A contestant whose package is absent
    gets None.
    """
    results = {name: ([], None) for name in contestants}
    turn = 0
    while turn < repeats:
        for name, function in contestants.items():
            if results[name] is None or (turn and results[name][0][0] > once_above):
                continue
            calm.wait()
            start = time.perf_counter()
            try:
                picks = function(*args)
            except ModuleNotFoundError:
                results[name] = None
                continue
            seconds = time.perf_counter() - start
            results[name] = (results[name][0] + [seconds], np.asarray(picks, dtype=np.intp))
        if turn == 0 and sum(sum(r[0]) for r in results.values() if r is not None) < 3:
            repeats *= 3
        turn += 1
    return results


def covering_radius(X, picks):
    """Largest distance of a row to its nearest pick, in float64, the last step by differences."""
    C = X[picks].astype(np.float64)
    sq, largest = np.einsum("ij,ij->i", C, C), 0.0
    for start in range(0, len(X), 2000):
        rows = X[start : start + 2000].astype(np.float64)
        nearest = (sq - 2 * (rows @ C.T)).argmin(axis=1)
        largest = max(largest, np.sqrt(((rows - C[nearest]) ** 2).sum(axis=1)).max())
    return largest


def rss(field):
    """VmRSS (now) or VmHWM (peak) of this process, in MB.

    On Linux the peak of getrusage is inherited through fork and exec from the parent process;
    VmHWM is not. Elsewhere there is only getrusage, and the peak before serves as the present.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith(field))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def memory_worker(folder, k, working_memory):
    """What the fresh process does: load, warm up on a few rows, fit, and say what it took."""
    X = np.load(Path(folder) / "X.npy")
    ours(X[:2000].copy(), 100)
    before = rss("VmRSS")
    with sklearn.config_context(working_memory=working_memory):
        start = time.perf_counter()
        sampler = KCenterGreedy(stratify=None, coreset_size=k, init=[0]).fit(X)
        seconds = time.perf_counter() - start
    extra = rss("VmHWM") - before
    np.save(Path(folder) / "picks.npy", sampler.sample_indices_)
    print(json.dumps({"seconds": seconds, "extra": extra, "radius": sampler.radius_}))


def in_fresh_processes(X, k, working_memory, repeats):
    """`memory_worker` several times: (all seconds, largest extra memory, radius, picks)."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X)
        command = [sys.executable, __file__, "--worker", folder, str(k), str(working_memory)]
        runs = []
        for _ in range(repeats):
            calm.wait()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout))
        picks = np.load(Path(folder) / "picks.npy")
    return [r["seconds"] for r in runs], max(r["extra"] for r in runs), runs[0]["radius"], picks


# Sections: each returns reStructuredText ----------------------------------------------------------


def kcenter_mnist(mnist, options):
    X = mnist[:20_000]
    k, wide = 1000, X.astype(np.float64)
    narrow_race = {
        "**skcoreset** KCenterGreedy": ours,
        "plain NumPy loop": plain_loop,
        "scikit-matter FPS": by_skmatter,
        "fpsample fps_sampling": by_fpsample,
        "scikit-activeml CoreSet": by_skactiveml,
    }
    wide_race = {
        "**skcoreset** KCenterGreedy": ours,
        "plain NumPy loop": plain_loop,
        "scikit-matter FPS": by_skmatter,
    }
    reference = plain_loop(wide, k)
    rows, radii = [], {}
    for table, contestants in ((X, narrow_race), (wide, wide_race)):
        results = race(contestants, (table, k), options.repeats, options.once_above)
        best = min(results["**skcoreset** KCenterGreedy"][0])
        for name, result in results.items():
            if result is None:
                rows.append([name, table.dtype, "not installed", "", "", ""])
                continue
            seconds, picks = result
            key = tuple(picks)
            if key not in radii:
                radii[key] = covering_radius(X, picks)
            same = same_picks(picks, reference)
            rows.append(
                [name, table.dtype, spread(seconds), ratio(seconds, best), f"{radii[key]:.6f}"]
                + [same]
            )
    return section(
        "k-center: 1,000 of 20,000 samples of MNIST (784 features)",
        f"""
        All implementations start with sample 0 and select 1,000 samples, this one included. The
        plain loop computes the squared norms once and, for each selected sample,
        ``d = sq + sq[j] - 2 * (X @ X[j])``, the running minimum and its argmax.
        ``fpsample.fps_sampling`` runs on one core; fpsample and scikit-matter compute in float32
        if the data are float32. For scikit-activeml the first sample is labeled and 999 samples are
        queried. The covering radius of each selection is computed in float64. The column "same
        selection" compares the selected samples, in order, with those of the plain loop in float64.
        The ratio is the time divided by that of skcoreset with the same dtype. An implementation
        that takes more than {options.once_above:g} s runs once.
        """,
        ["", "dtype", "seconds", "ratio", "covering radius", "same selection"],
        rows,
    )


def kcenter_large(mnist, options):
    k = 6000
    working_memory = sklearn.get_config()["working_memory"]
    seconds, extra, radius, picks = in_fresh_processes(mnist, k, working_memory, options.repeats)
    rows = [
        ["seconds", spread(seconds)],
        ["covering radius (``radius_``)", f"{radius:.6f}"],
        ["covering radius, computed in float64", f"{covering_radius(mnist, picks):.6f}"],
        ["size of X", f"{mnist.nbytes / 2**20:.0f} MB"],
        ["peak memory during the fit, in addition to that before", f"{extra:.0f} MB"],
    ]
    return section(
        "k-center: 6,000 of 60,000 samples of MNIST",
        f"""
        The data are float32, ``stratify=None``, and the first selected sample is sample 0. Each
        run is in a new process that has X in memory and has already fitted 2,000 samples.
        scikit-learn's ``working_memory`` is {working_memory} MB.
        """,
        ["", ""],
        rows,
    )


def kcenter_narrow(options):
    k = 1000
    rows = []
    for n in (20_000, 100_000):
        for d in (2, 8, 32):
            for dtype in (np.float32, np.float64):
                X = normal(n, d, dtype)
                contestants = {
                    "ours": ours,
                    "plain": plain_loop,
                    "wide": lambda X, k: plain_loop(X.astype(np.float64), k),
                    "tracking": tracking_loop,
                }
                if dtype == np.float64:
                    del contestants["wide"]
                if dtype == np.float32 and d <= 8:
                    contestants["tree"] = by_fpsample_tree
                results = race(contestants, (X, k), options.repeats, options.once_above)
                best = min(results["ours"][0])
                reference = plain_loop(X.astype(np.float64), k)
                plain, wide, tracking, tree = (
                    "" if name not in results else ratio(results[name][0], best)
                    for name in ("plain", "wide", "tracking", "tree")
                )
                rows.append(
                    [f"{n:,}", d, X.dtype, f"{best:.3f}", plain, wide, tracking, tree]
                    + [same_picks(results[name][1], reference) for name in ("ours", "plain")]
                )
    return section(
        "k-center: 1,000 samples of standard normal data with few features",
        """
        The times of the other implementations are divided by the time of skcoreset: for a value
        above 1, skcoreset is faster. The plain loop computes the indices only, and in float32 some
        of them are wrong; on a float64 copy ("float64 loop") it selects the same samples as
        skcoreset from float32. The tracking loop also computes the nearest selected sample of each
        sample; KCenterGreedy always does this, for the weights. The last time is that of
        ``fpsample.bucket_fps_kdline_sampling`` (``h=7``), a k-d tree for point clouds that accepts
        float32 with at most 8 features and returns the indices only. The columns "same" compare the
        selected samples, in order, with those of the plain loop in float64 on the same data.
        """,
        ["samples", "features", "dtype", "skcoreset, seconds", "plain loop", "float64 loop"]
        + ["tracking loop", "fpsample tree", "skcoreset: same", "plain loop: same"],
        rows,
    )


def herding_speed(mnist, options):
    X, k = mnist[:20_000], 500
    tables = {
        "MNIST, 20,000 x 784": X,
        "MNIST, 20,000 x 784 ": X.astype(np.float64),
        "normal, 20,000 x 200": normal(20_000, 200, np.float64),
    }
    rows = []
    for name, table in tables.items():
        contestants = {"ours": herding, "loop": herding_loop, "products": products}
        results = race(contestants, (table, k), options.repeats, options.once_above)
        best = min(results["ours"][0])
        reference = herding_loop(table.astype(np.float64), k)
        rows.append(
            [name.strip(), table.dtype, spread(results["ours"][0])]
            + [spread(results["loop"][0]), ratio(results["loop"][0], best)]
            + [spread(results["products"][0]), ratio(results["products"][0], best)]
            + [same_picks(results["ours"][1], reference)]
        )
    return section(
        "Herding: 500 samples, linear kernel",
        """
        Each selected sample requires the product of X with one vector, so 500 products ``X @ v``
        are a lower bound of the time. The plain loop computes the argmax of
        ``X @ (2 * ((t + 1) * mean - total)) - sq`` over the samples that are not selected yet. The
        ratios are times divided by that of Herding. The column "same selection" compares
        with the plain loop in float64.
        """,
        ["data", "dtype", "Herding, seconds", "plain loop, seconds", "ratio"]
        + ["500 products, seconds", "ratio", "same selection"],
        rows,
    )


def herding_quality(mnist, options):
    X, sizes = mnist[:20_000], [10, 30, 100, 300, 1000]
    features = RBFSampler(gamma="scale", n_components=200, random_state=0).fit_transform(X)
    features = features.astype(np.float64)
    mean = features.mean(axis=0)

    def errors(picks):
        return [np.linalg.norm(features[picks[:k]].mean(axis=0) - mean) for k in sizes]

    def slope(values):
        return np.polyfit(np.log(sizes), np.log(values), 1)[0]

    herded = errors(herding(features, sizes[-1]))
    drawn = [errors(np.random.default_rng(seed).permutation(len(X))) for seed in range(10)]
    average = np.mean(drawn, axis=0)
    rows = [
        [f"{k:,}", f"{h:.5f}", f"{a:.5f}", f"{a / h:.1f}"]
        for k, h, a in zip(sizes, herded, average, strict=True)
    ]
    rows.append(["slope (log-log)", f"{slope(herded):.2f}", f"{slope(average):.2f}", ""])
    return section(
        "Herding: error of the mean",
        """
        The data are 20,000 samples of MNIST as 200 random Fourier features (``RBFSampler``,
        ``gamma="scale"``). The error is the Euclidean distance between the mean of the selected
        samples and the mean of all samples. The random selection is without replacement, and its
        error is the average of 10 draws.
        """,
        ["selected samples", "Herding", "random", "random / Herding"],
        rows,
    )


def kcenter_memory(options):
    X = normal(200_000, 100, np.float64)
    seconds, extra, _, _ = in_fresh_processes(X, 500, 64, options.repeats)
    rows = [
        ["seconds", spread(seconds)],
        ["size of X", f"{X.nbytes / 2**20:.0f} MB"],
        ["peak memory during the fit, in addition to that before", f"{extra:.0f} MB"],
    ]
    return section(
        "k-center: memory",
        """
        KCenterGreedy selects 500 of 200,000 samples with 100 standard normal features in float64,
        with ``stratify=None`` and ``sklearn.set_config(working_memory=64)`` (in MB). Each run is in
        a new process that has X in memory and has already fitted 2,000 samples.
        """,
        ["", ""],
        rows,
    )


# Text -------------------------------------------------------------------------------------------


def spread(seconds):
    """The fastest run, and the slowest in brackets."""
    if len(seconds) == 1:
        return f"{seconds[0]:.1f} (once)"
    return f"{min(seconds):.3f} ({max(seconds):.3f})"


def ratio(seconds, ours_best):
    value = min(seconds) / ours_best
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def same_picks(picks, reference):
    different = int((picks != reference).sum())
    return "yes" if not different else f"{different:,} of {len(picks):,} differ"


def heading(title, mark):
    return f"{title}\n{mark * len(title)}\n"


def paragraph(text):
    return "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"


def section(title, text, header, rows):
    lines = [heading(title, "-"), paragraph(text), ".. list-table::"]
    if any(header):
        lines.append("   :header-rows: 1")
    lines.append("")
    for row in ([header] if any(header) else []) + rows:
        cells = [f"- {cell}".rstrip() for cell in row]
        lines += [f"   * {cells[0]}"] + [f"     {cell}" for cell in cells[1:]]
    return "\n".join(lines) + "\n"


def machine():
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else cpu
    libraries = [p for p in threadpool_info() if p["user_api"] == "blas"]
    libraries.sort(key=lambda p: "numpy" not in Path(p["filepath"]).parent.name)  # NumPy's first
    blas = libraries[0] if libraries else None
    names = [cpu, f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    for name in SHOWN:
        try:
            names.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            names.append(f"{name} not installed")
    if blas:
        names.append(f"{blas['internal_api']} {blas['version']} ({blas['num_threads']} threads)")
    return ", ".join(names) + "."


def preamble(options):
    return (
        heading("Geometry: time, memory, quality", "=")
        + "\n"
        + paragraph(
            f"""
            Written by ``doc/benchmarks/geometry.py``. {machine()}

            The tables show the time of the fastest of {options.repeats} runs ({3 * options.repeats}
            runs if a run is short), and the time of the slowest run in brackets. All
            implementations run alternately in one process, and the ratios are those of the
            fastest runs. The
            machine was shared with other work. Each run therefore starts, within a time limit, only
            when a hundred small matrix products take their usual time. The load may still change
            during a run: matrix products on two threads become ten times slower when another
            process uses one of the two cores. Compare ratios rather than seconds, and consider
            differences below 25 % as noise. Times of a single run are less reliable.
            """
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz; without it OpenML is asked")
    parser.add_argument("--output", default=Path(__file__).with_suffix(".rst"), type=Path)
    parser.add_argument("--repeats", default=3, type=int, help="runs of each contestant")
    parser.add_argument(
        "--once-above", default=100.0, type=float, help="seconds above which one run is enough"
    )
    parser.add_argument(
        "--only", nargs="+", type=int, help="numbers of the sections to run; writes no file"
    )
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        folder, k, working_memory = options.worker
        memory_worker(folder, int(k), int(working_memory))
        return

    mnist = load_mnist(options.data)
    ours(mnist[:2000], 100)  # imports and threads are up before the clock starts
    sections = [
        lambda: kcenter_mnist(mnist, options),
        lambda: kcenter_large(mnist, options),
        lambda: kcenter_narrow(options),
        lambda: herding_speed(mnist, options),
        lambda: herding_quality(mnist, options),
        lambda: kcenter_memory(options),
    ]
    parts = [preamble(options)]
    print(parts[0], flush=True)
    for number, measure in enumerate(sections, start=1):
        if options.only is None or number in options.only:
            start = time.perf_counter()
            parts.append(measure())
            print(parts[-1], flush=True)
            print(f"({time.perf_counter() - start:.0f} s)", file=sys.stderr, flush=True)
    if options.only is None:
        options.output.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
