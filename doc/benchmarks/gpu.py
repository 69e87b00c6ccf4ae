"""Time of the CUDA kernels against what the card can do at best, and against our CPU path.

    python doc/benchmarks/gpu.py

needs cupy and a GPU with 16 GB of free memory. Prints the tables and writes gpu.rst. Without a GPU
it says so and writes nothing. The larger part of the time is that of the CPU.
"""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
from threadpoolctl import threadpool_info

from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import FacilityLocation
from skcoreset._kernels.farthest_first import farthest_first
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import gram
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.similarities import near_similarities

RUNS = 3
MEMORY = 2**14  # MiB: `working_memory`, so that similarities and Gram columns are held as a whole


# What is measured: a kernel with all it needs at hand, and the least that it must do --------------


@dataclass
class Answer:
    """What a run returned; the picks (or neighbors) are compared."""

    picks: np.ndarray
    rounds: int = 0


class FarthestFirst:
    """Pools and updates, round by round."""

    name = "farthest first"

    def prepare(self, X):
        return pairs(X)

    def run(self, near, k):
        rounds = []
        return Answer(farthest_first(near, k, [0], report=rounds.append)[0], len(rounds))

    def least(self, near, k, answer):
        """Every row meets every pick in one inner product; the table is read once a round."""
        n, d = near.n, near.X.shape[1]
        return answer.rounds * n * (d + 1) * near.itemsize, 2 * n * k * d


class WholeFacilityLocation:
    """The greedy loop on a matrix of similarities that is there already."""

    name = "facility location"

    def prepare(self, X):
        return near_similarities(pairs(X))

    def run(self, similar, k):
        objective = FacilityLocation(similar, np.ones(similar.n))
        return Answer(greedy(objective, k)[0])

    def least(self, similar, k, answer):
        """All gains twice, before and after the first pick; then the rows that are covered anew."""
        xp, n = similar.xp, similar.n
        covered, n_rows = None, 2 * n
        for pick in answer.picks.tolist():
            row = similar.matrix[pick, :]
            if covered is not None:
                n_rows += int(xp.sum(row > covered))
            covered = row if covered is None else xp.maximum(covered, row)
        return n_rows * n * similar.itemsize, 3 * n_rows * n


class HerdingSteps:
    """One product of the table with a vector a pick."""

    name = "herding"

    def prepare(self, X):
        return gram(X)

    def run(self, features, k):
        return Answer(herd(features, k, np.ones(features.n)))

    def least(self, features, k, answer):
        """The table once a pick, and once for the mean."""
        n, d = features.n, features.X.shape[1]
        return (k + 1) * n * d * features.itemsize, 2 * (k + 1) * n * d


class PursuitSteps:
    """Matching pursuit of the sum of all rows, with weights that are not negative."""

    name = "matching pursuit"

    def prepare(self, X):
        atoms = OuterProducts(X)
        return atoms, atoms.total(np.ones(atoms.n))

    def run(self, prepared, k):
        atoms, target = prepared
        return Answer(matching_pursuit(atoms, target, k)[0])

    def least(self, prepared, k, answer):
        """Each step: the table once for a column of products, and the columns so far once."""
        atoms, _ = prepared
        n, d, k = atoms.n, atoms.a.X.shape[1], len(answer.picks)
        columns = k * (k - 1) // 2  # read; each is written once
        return n * ((k + 1) * d + columns + k) * atoms.itemsize, 2 * n * ((k + 1) * d + columns)


class Neighbors:
    """The nearest rows of every row."""

    name = "neighbors"

    def prepare(self, X):
        return pairs(X)

    def run(self, near, k):
        return Answer(nearest_neighbors(near, k)[0])

    def least(self, near, k, answer):
        """All pairs: the search does not know that they come in twos."""
        n, d = near.n, near.X.shape[1]
        return n * d * near.itemsize, 2 * n * n * d


@dataclass
class Case:
    """`k`: picks, or neighbors. `small`: rows and picks where the CPU is measured too."""

    kernel: object
    n: int
    d: int
    k: int
    small: tuple
    dtype: type = np.float32


CASES = [
    Case(FarthestFirst(), 1_000_000, 128, 10_000, (100_000, 2_000)),
    Case(FarthestFirst(), 1_000_000, 128, 10_000, (100_000, 2_000), np.float64),
    Case(WholeFacilityLocation(), 30_000, 64, 1_000, (10_000, 500)),
    Case(HerdingSteps(), 1_000_000, 512, 200, (100_000, 50)),
    Case(PursuitSteps(), 1_000_000, 512, 100, (100_000, 50)),
    Case(Neighbors(), 200_000, 64, 10, (50_000, 10)),
]


# Measuring --------------------------------------------------------------------------------------


class Reads:
    """Counts how often a value of a cupy array is read by the host, which then has to wait.

    By the methods that do so: ``get``, ``item``, ``int(x)`` and so on; one that calls another
    counts once. Counting the rows of a mask is among them, as that number comes by ``int(x)``.
    """

    METHODS = ("get", "item", "tolist", "__int__", "__float__", "__bool__", "__complex__")

    def __init__(self, array_type):
        self.array_type, self.count, self.inside = array_type, 0, False

    def __enter__(self):
        self.own = {name: name in vars(self.array_type) for name in self.METHODS}
        self.before = {name: getattr(self.array_type, name) for name in self.METHODS}
        for name, method in self.before.items():
            setattr(self.array_type, name, self._counted(method))
        return self

    def __exit__(self, *error):
        for name, method in self.before.items():
            if self.own[name]:
                setattr(self.array_type, name, method)
            else:
                delattr(self.array_type, name)

    def _counted(self, method):
        def counted(x, *args, **kwargs):
            if self.inside:
                return method(x, *args, **kwargs)
            self.count, self.inside = self.count + 1, True
            try:
                return method(x, *args, **kwargs)
            finally:
                self.inside = False

        return counted


class Gpu:
    """The card: moving to it, waiting for it, and what it can do, measured on itself."""

    def __init__(self):
        import cupy

        self.cupy = cupy
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        name = properties["name"]
        self.name = name.decode() if isinstance(name, bytes) else name
        self.asarray, self.array_type = cupy.asarray, cupy.ndarray

    def wait(self):
        self.cupy.cuda.Device().synchronize()

    def seconds(self, function, runs=RUNS):
        """Fastest of `runs`, after one that compiles what is to be compiled; the last answer."""
        answer, best = function(), np.inf
        for _ in range(runs):
            self.wait()
            start = perf_counter()
            answer = function()
            self.wait()
            best = min(best, perf_counter() - start)
        return best, answer

    def bandwidth(self, n_bytes=2**32):
        """Bytes per second of a copy within the card, read and written."""
        source = self.cupy.ones(n_bytes // 4, dtype=np.float32)
        target = self.cupy.empty_like(source)
        best, _ = self.seconds(lambda: self.cupy.copyto(target, source), runs=10)
        return 2 * n_bytes / best

    def rate(self, dtype, n=8192):
        """Operations per second in a product of two square matrices."""
        random = self.cupy.random.default_rng(0)
        A, B = (random.standard_normal((n, n), dtype=dtype) for _ in range(2))
        best, _ = self.seconds(lambda: A @ B, runs=5)
        return 2 * n**3 / best

    def free(self):
        self.cupy.get_default_memory_pool().free_all_blocks()


def normal(n, d, dtype):
    return np.random.default_rng(0).standard_normal((n, d), dtype=dtype)


def measure(case, gpu, bandwidth, rate):
    """One row of the table against the floor: all of it on the GPU."""
    prepared = case.kernel.prepare(gpu.asarray(normal(case.n, case.d, case.dtype)))
    seconds, answer = gpu.seconds(lambda: case.kernel.run(prepared, case.k))
    with Reads(gpu.array_type) as reads:
        case.kernel.run(prepared, case.k)
    n_bytes, operations = case.kernel.least(prepared, case.k, answer)
    by_bytes, by_operations = n_bytes / bandwidth, operations / rate
    floor = max(by_bytes, by_operations)
    return [
        case.kernel.name,
        f"{case.n:,} x {case.d}",
        f"{case.k:,}",
        np.dtype(case.dtype).name,
        f"{seconds:.4f}",
        f"{floor:.4f}",
        "bytes" if by_bytes > by_operations else "operations",
        f"{seconds / floor:.1f}",
        f"{reads.count:,}",
    ]


def compare(case, gpu):
    """One row of the table against the CPU, on a table where that does not take minutes."""
    n, k = case.small
    X = normal(n, case.d, case.dtype)
    there, here = case.kernel.prepare(gpu.asarray(X)), case.kernel.prepare(X)
    seconds, answer = gpu.seconds(lambda: case.kernel.run(there, k))
    start = perf_counter()
    expected = case.kernel.run(here, k)
    on_cpu = perf_counter() - start
    m = min(len(answer.picks), len(expected.picks))  # matching pursuit may stop early
    same = (answer.picks[:m] == expected.picks[:m]).mean() * m / len(expected.picks)
    return [
        case.kernel.name,
        f"{n:,} x {case.d}",
        f"{k:,}",
        np.dtype(case.dtype).name,
        f"{seconds:.4f}",
        f"{on_cpu:.2f}",
        f"{on_cpu / seconds:.0f}",
        f"{100 * same:.2f} %",
    ]


# Writing ----------------------------------------------------------------------------------------


def table(title, text, header, rows):
    lines = [title, "-" * len(title), "", text, "", ".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def machine(gpu):
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    threads = max([library["num_threads"] for library in threadpool_info()], default=1)
    return (
        f"{gpu.name}, cupy {gpu.cupy.__version__}; {name}, {os.cpu_count()} cores, {threads} "
        f"thread{'s' if threads > 1 else ''}, Python {platform.python_version()}, numpy "
        f"{np.__version__}."
    )


def page(gpu):
    bandwidth = gpu.bandwidth()
    rates = {dtype: gpu.rate(dtype) for dtype in (np.float32, np.float64)}
    gpu.free()
    against_floor, against_cpu = [], []
    for case in CASES:
        against_floor.append(measure(case, gpu, bandwidth, rates[case.dtype]))
        print(*against_floor[-1], sep=" | ", flush=True)
        gpu.free()
        against_cpu.append(compare(case, gpu))
        print(*against_cpu[-1], sep=" | ", flush=True)
        gpu.free()
    title = "GPU: time"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/gpu.py``. {machine(gpu)}\n\n"
    single, double = (rates[dtype] / 1e12 for dtype in (np.float32, np.float64))
    out += (
        f"This GPU copies at {bandwidth / 1e12:.2f} TB/s (read and written), and multiplies "
        f"matrices at {single:.0f} TFLOP/s in float32 and {double:.0f} in float64,\nboth measured "
        "in the same run. The data are standard normal and already on the GPU. The times in "
        f"seconds are the fastest of {RUNS} runs, after one for compilation.\n\n"
    )
    out += table(
        "Compared with the lower bound",
        "The lower bound is the larger of two times: the bytes that must be read, divided by the\n"
        "bandwidth, and the number of operations, divided by the rate of matrix products. The\n"
        'column "reads" counts how often the host waited for a value from the GPU.',
        ["kernel", "shape of X", "samples or neighbors selected", "dtype", "seconds"]
        + ["lower bound", "limited by", "seconds / lower bound", "reads"],
        against_floor,
    )
    out += table(
        "Compared with the CPU",
        "The same functions with NumPy, one run, on fewer samples, because the CPU would need\n"
        'minutes for the data above. The column "same" compares the selected samples in their\n'
        "order, or the neighbors.",
        ["kernel", "shape of X", "samples or neighbors selected", "dtype", "GPU, seconds"]
        + ["CPU, seconds", "CPU / GPU", "same"],
        against_cpu,
    )
    return out


def main():
    try:
        gpu = Gpu()
    except Exception as error:  # no cupy, no driver, no card
        print(f"No GPU that cupy can use, so nothing is measured: {error}".splitlines()[0])
        return 1
    with sklearn.config_context(working_memory=MEMORY):
        out = page(gpu)
    print(out)
    Path(__file__).with_name("gpu.rst").write_text(out.rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
