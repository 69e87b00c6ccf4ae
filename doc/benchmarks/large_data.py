"""Dask collections and streams: time, memory, loss of two rounds, overhead and traffic.

    python doc/benchmarks/large_data.py [PART ...] [--rows 20000000] [--folder FOLDER]

The parts are out_of_core, sizes, loss, overhead, caller, cluster and rates; by default all of them.
Each prints a table in reStructuredText, from which doc/benchmarks/large_data.rst is written. The
data are generated once, 200 bytes per row, in FOLDER. The last two parts require distributed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc

import dask
import dask.array as da
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

import skcoreset
from skcoreset import _partitions, _streams

D, CHUNK = 50, 250_000


def generated(start, n, d=D):
    """Rows of 20 clusters in two classes, float32, the same for any chunks of CHUNK rows."""
    centers = 2 * np.random.default_rng(0).standard_normal((20, d)).astype(np.float32)
    rng = np.random.default_rng(start + 1)
    cluster = rng.integers(0, 20, n)
    X = centers[cluster] + rng.standard_normal((n, d), dtype=np.float32)
    return X, (cluster % 2).astype(np.int8)


def path_of(folder, n):
    path = os.path.join(folder, f"rows_{n}")
    if not os.path.exists(path + ".y"):
        with open(path + ".X", "wb") as X_file, open(path + ".tmp", "wb") as y_file:
            for start in range(0, n, CHUNK):
                X, y = generated(start, min(CHUNK, n - start))
                X_file.write(X.tobytes())
                y_file.write(y.tobytes())
        os.rename(path + ".tmp", path + ".y")
    return path


def read_X(path, start, n):
    return np.fromfile(path + ".X", np.float32, n * D, offset=start * D * 4).reshape(n, D)


def read_y(path, start, n):
    return np.fromfile(path + ".y", np.int8, n, offset=start)


def lazy(path, n, chunk=CHUNK):
    """Dask arrays that read the files in chunks."""
    starts = range(0, n, chunk)
    sizes = [min(chunk, n - start) for start in starts]
    parts = []
    for read, shape, dtype in ((read_X, (D,), np.float32), (read_y, (), np.int8)):
        blocks = [
            da.from_delayed(
                dask.delayed(read, pure=False)(path, start, size), (size, *shape), dtype
            )
            for start, size in zip(starts, sizes, strict=True)
        ]
        parts.append(da.concatenate(blocks))
    return parts


def samplers(path):
    """The methods by name, with a fitted classifier where there is one."""
    classifier = LogisticRegression().fit(read_X(path, 0, 50_000), read_y(path, 0, 50_000))
    return {
        "Uniform": skcoreset.Uniform(10_000, random_state=0),
        "Coreset": skcoreset.Coreset(10_000, random_state=0),
        "Margin": skcoreset.Margin(classifier, 10_000),
        "ImportanceSampling": skcoreset.ImportanceSampling(10_000, random_state=0),
        "Moderate": skcoreset.Moderate(10_000),
        "KCenterGreedy": skcoreset.KCenterGreedy(10_000),
        "KCenterGreedy, 1,000": skcoreset.KCenterGreedy(1_000),
        "FacilityLocation, 1,000": skcoreset.FacilityLocation(1_000),
    }


def one(path, n, name, workers, limit):
    """In a process of its own: select, and print seconds, CPU seconds and the peak memory."""
    sampler, (X, y) = samplers(path)[name], lazy(path, n)
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start, cpu = time.perf_counter(), time.process_time()
    threads = dask.config.set(scheduler="threads", num_workers=workers)
    with threads, sklearn.config_context(working_memory=64):
        X_small, _ = sampler.fit_resample(X, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert len(X_small) == len(np.unique(sampler.sample_indices_))
    print(f"{seconds:.1f} {cpu:.1f} {peak:.0f}")


def in_process(path, n, name, workers=2, limit=0):
    command = [sys.executable, __file__, "--one", path, str(n), name, str(workers), str(limit)]
    env = {**os.environ, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1][:60], "", ""]
    return done.stdout.split()


def table(header, rows):
    print(".. list-table::\n   :header-rows: 1\n")
    for row in [header, *rows]:
        for number, cell in enumerate(row):
            print(f"   {'*' if number == 0 else ' '} - {cell}")
    print(flush=True)


def out_of_core(options):
    """With a limit on the address space of the process, which includes all libraries."""
    path = path_of(options.folder, options.rows)
    names = "Uniform", "Margin", "ImportanceSampling", "Coreset", "KCenterGreedy, 1,000"
    rows = [
        [name, options.gib, *in_process(path, options.rows, name, limit=options.gib * 2**30)]
        for name in options.methods or names
    ]
    table(["method", "limit, GiB", "seconds", "CPU seconds", "peak memory, MiB"], rows)


def sizes(options):
    """Seconds against rows and workers."""
    rows = []
    for name in options.methods or ("Margin", "ImportanceSampling", "Coreset"):
        for n in (100_000, 1_000_000, 5_000_000, options.rows):
            path = path_of(options.folder, n)
            found = [in_process(path, n, name, workers)[0] for workers in (1, 2)]
            rows.append([name, f"{n:,}", *found])
    table(["method", "rows", "seconds, 1 worker", "seconds, 2 workers"], rows)


def loss(options):
    """The objective of two rounds, and of a stream, relative to the selection in memory."""
    n, k = 40_000, 400
    every, y = generated(0, n, d=20)
    classifier = LogisticRegression().fit(every, y)
    methods = {
        "FacilityLocation": (skcoreset.FacilityLocation(k, stratify=None), covered),
        "GraphCut": (skcoreset.GraphCut(k, stratify=None), graph_cut),
        "Herding": (skcoreset.Herding(k, stratify=None), distance_of_means),
        "CRAIG": (skcoreset.CRAIG(classifier, k), gradient_error),
        "GradMatch": (skcoreset.GradMatch(classifier, k), gradient_error),
        "ProbCover": (skcoreset.ProbCover(k, n_clusters=20, random_state=0), within_radius),
        "FeatureBased": (skcoreset.FeatureBased(k, stratify=None), feature_sums),
        "Coreset, stream only": (skcoreset.Coreset(k, features=None, random_state=0), squared_mmd),
    }
    _partitions.FEWEST = _streams.FEWEST = 4000  # so that 40,000 rows are reduced
    rows = []
    for name in options.methods or methods:
        sampler, objective = methods[name]
        X = np.maximum(every, 0) if name == "FeatureBased" else every
        there = objective(sampler.fit(X, y), X, y, classifier)
        uniform = skcoreset.Uniform(k, stratify=sampler.stratify, random_state=0).fit(X, y)
        cells = [f"{there:.5g}", f"{objective(uniform, X, y, classifier) / there:.3f}"]
        for n_parts in (4, 16, 64):
            if "stream" in name:
                cells.append("as in memory")
                continue
            collections = da.from_array(X, chunks=(n // n_parts, -1)), da.from_array(y)
            here = objective(sampler.fit(*collections), X, y, classifier)
            cells.append(f"{here / there:.3f}")
        for start in range(0, n, 1000):
            sampler.partial_fit(X[start : start + 1000], y[start : start + 1000])
        sampler.finalize()
        cells.append(f"{objective(sampler, X, y, classifier) / there:.3f}")
        rows.append([name, LABELS[objective], *cells])
        print(rows[-1], file=sys.stderr, flush=True)
    header = ["method", "objective", "in memory", "Uniform", "4 partitions", "16", "64", "stream"]
    table(header, rows)


def in_blocks(X, function):
    return [function(X[start : start + 2000].astype(float)) for start in range(0, len(X), 2000)]


def squares(A, B):
    return np.maximum((A**2).sum(1)[:, None] + (B**2).sum(1) - 2 * A @ B.T, 0)


def covered(sampler, X, y, classifier):
    P = X[sampler.sample_indices_].astype(float)
    largest = np.sqrt(max(in_blocks(X, lambda A: squares(A, X[:1000].astype(float)).max())))
    return sum(in_blocks(X, lambda A: (largest - np.sqrt(squares(A, P).min(axis=1))).sum()))


def graph_cut(sampler, X, y, classifier):
    """The gain of the set, as the sampler computes it from the distances to all samples."""
    P = X[sampler.sample_indices_].astype(float)
    largest = np.sqrt(max(in_blocks(X, lambda A: squares(A, X[:1000].astype(float)).max())))
    to_all = sum(in_blocks(X, lambda A: (largest - np.sqrt(squares(A, P))).sum()))
    return to_all - (largest - np.sqrt(squares(P, P))).sum()


def distance_of_means(sampler, X, y, classifier):
    return np.linalg.norm(
        X[sampler.sample_indices_].mean(axis=0, dtype=float) - X.mean(axis=0, dtype=float)
    )


def gradient_error(sampler, X, y, classifier):
    """Norm of the error of the weighted total gradient, relative to the mean norm of a gradient."""
    errors = classifier.predict_proba(X)[:, 1] - y
    G = errors[:, None] * np.hstack([np.ones((len(X), 1)), X])
    at, weight = sampler.sample_indices_, sampler.sample_weight_
    return np.linalg.norm(weight @ G[at] - G.sum(axis=0)) / np.linalg.norm(G, axis=1).sum()


def feature_sums(sampler, X, y, classifier):
    return np.sqrt(X[sampler.sample_indices_].sum(axis=0, dtype=float)).sum()


def within_radius(sampler, X, y, classifier):
    P = X[sampler.sample_indices_].astype(float)
    radius = 5.0
    return sum(in_blocks(X, lambda A: (squares(A, P).min(axis=1) <= radius**2).sum()))


def squared_mmd(sampler, X, y, classifier):
    P, length = X[sampler.sample_indices_].astype(float), np.sqrt(X.var(axis=0).sum())

    def kernel(A, B):
        return np.exp(-np.sqrt(squares(A, B)) / length)

    some = X[:: len(X) // 8000].astype(float)
    return (
        kernel(P, P).mean()
        - 2 * kernel(P, some).mean()
        + np.mean(in_blocks(some, lambda A: kernel(A, some).mean()))
    )


LABELS = {
    covered: "value, larger is better",
    graph_cut: "value, larger is better",
    feature_sums: "value, larger is better",
    distance_of_means: "distance of the means",
    gradient_error: "error of the total gradient",
    within_radius: "samples within 5.0 of a selected one",
    squared_mmd: "squared MMD",
}


def overhead(options):
    """One partition of a Dask array against the array itself, the fastest of 3 runs."""
    n, rows = 1_000_000, []
    path = path_of(options.folder, n)
    X, y = read_X(path, 0, n), read_y(path, 0, n)
    collections = da.from_array(X, chunks=-1), da.from_array(y, chunks=-1)
    for name in options.methods or (
        "Uniform",
        "Margin",
        "ImportanceSampling",
        "Moderate",
        "Coreset",
    ):
        sampler, times = samplers(path)[name], []
        for data in ((X, y), collections):
            runs = []
            for _ in range(1 if name == "Coreset" else 3):
                start = time.perf_counter()
                sampler.fit_resample(*data)
                runs.append(time.perf_counter() - start)
            times.append(min(runs))
        rows.append([name, f"{times[0]:.2f}", f"{times[1]:.2f}", f"{times[1] / times[0]:.2f}"])
    table(["method", "seconds, NumPy", "seconds, Dask", "ratio"], rows)


def cluster(options):
    """Tasks, and bytes that the workers send, on a LocalCluster with two processes."""
    from distributed import Client, LocalCluster

    from skcoreset import _dask

    n, rows, computed, tasks_of = 1_000_000, [], _dask._computed, []
    path = path_of(options.folder, n)

    def counting(tasks, *args, **kwargs):
        tasks_of.append(len(tasks))
        return computed(tasks, *args, **kwargs)

    _dask._computed = counting

    def sent(dask_worker):
        return dask_worker.transfer_outgoing_bytes_total

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
        Client(two) as client,
    ):
        X, y = lazy(path, n, chunk=62_500)
        for name in options.methods or (
            "Uniform",
            "Margin",
            "ImportanceSampling",
            "Moderate",
            "Coreset",
            "KCenterGreedy, 1,000",
            "FacilityLocation, 1,000",
        ):
            sampler = samplers(path)[name]
            tasks_of.clear()
            before, start = sum(client.run(sent).values()), time.perf_counter()
            sampler.fit_resample(X, y)
            seconds = time.perf_counter() - start
            megabytes = (sum(client.run(sent).values()) - before) / 1e6
            rows.append([name, f"{seconds:.1f}", len(tasks_of), sum(tasks_of), f"{megabytes:.1f}"])
    table(["method", "seconds", "rounds of tasks", "tasks", "MB sent by workers"], rows)


def caller(options):
    """Bytes per sample by which the peak memory of the calling process grows, with one thread."""
    size, rows = 500, []
    classifier = LogisticRegression().fit(*generated(0, 2000, d=4))
    methods = {
        "Uniform": skcoreset.Uniform(size, random_state=0),
        "Uniform, stratify=None": skcoreset.Uniform(size, stratify=None, random_state=0),
        "Margin": skcoreset.Margin(classifier, size),
        "ImportanceSampling": skcoreset.ImportanceSampling(size, random_state=0),
        "ImportanceSampling, stratify=None": skcoreset.ImportanceSampling(
            size, stratify=None, random_state=0
        ),
        "Moderate": skcoreset.Moderate(size),
        "KCenterGreedy": skcoreset.KCenterGreedy(50),
        "Coreset": skcoreset.Coreset(size, random_state=0),
        "Herding, two rounds": skcoreset.Herding(size),
    }
    for name in options.methods or methods:
        peaks = []
        for n in (20_000, 1_000_000, 3_000_000):  # the first imports what is needed
            X, y = without_files(n, chunk=20_000)
            tracemalloc.start()
            with dask.config.set(scheduler="threads", num_workers=1):
                methods[name].fit(X, y)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        rows.append([name, f"{(peaks[2] - peaks[1]) / 2_000_000:.0f}"])
    table(["method", "bytes per sample"], rows)


def without_files(n, chunk=10_000, d=4):
    """Dask arrays of data with few features, which are generated anew in each pass."""
    X, y = [], []
    for start in range(0, n, chunk):
        both = dask.delayed(generated, nout=2, pure=False)(start, chunk, d)
        X.append(da.from_delayed(both[0], (chunk, d), np.float32))
        y.append(da.from_delayed(both[1], (chunk,), np.int8))
    return da.concatenate(X), da.concatenate(y)


# Passes of `fit`, and bytes per sample that the calling process receives and sends, as in the
# guide: for two classes and fitted classifiers. KCenterGreedy has one more pass for each round.
COSTS = {
    "Uniform": (1, 1, 0),
    "Margin": (1, 9, 0),
    "ImportanceSampling": (3, 9, 0),
    "Moderate": (3, 9, 0),
    "Coreset": (8, 13, 6),
    "FacilityLocation, 1,000": (2, 1, 0),
    "KCenterGreedy, 1,000": (5, 1, 0.25),
}


def local_cluster(n_workers):
    """A client that closes its cluster."""
    from distributed import Client

    return Client(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0")


def seconds_of(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def cpu_seconds():
    return time.process_time()


def bytes_per_second_read(path, n, chunk):
    """The rate at which a worker reads, from the time of one pass without and with files."""
    seconds = []
    for read in (False, True):
        X, y = lazy(path, n, chunk)
        if not read:
            X, y = persisted(X, y)
        seconds.append(min(seconds_of(skcoreset.Uniform(10).fit, X, y) for _ in range(3)))
    return n * D * 4 / (seconds[1] - seconds[0])


def persisted(X, y):
    from distributed import wait

    X, y = dask.persist(X, y)
    wait([X, y])
    return X, y


def bytes_per_second_both_ways(client):
    """The rate at which arrays of 2 MB go to the workers and come back, both ways together."""
    arrays = [np.random.default_rng(seed).random(250_000) for seed in range(50)]
    start = time.perf_counter()
    tasks = [dask.delayed(np.negative, pure=False)(dask.delayed(one)) for one in arrays]
    found = client.gather(client.compute(tasks))
    return 2 * sum(one.nbytes for one in found) / (time.perf_counter() - start)


def seconds_per_task():
    """Time that Dask and this process take for each partition in each pass."""
    X, y = without_files(2_000, chunk=10)
    return seconds_of(skcoreset.Uniform(10).fit, *persisted(X, y)) / 200


def rates(options):
    """The constants of the formula of the guide, and its prediction of a run not used for them.

    r: the difference of a pass over files, which the operating system has in memory, and over the
    same rows in the memory of the worker. u: arrays of 2 MB go to the worker and back. o: one pass
    over 200 partitions of 10 rows. The others are those of `fit` with one worker, from 500,000 and
    1,000,000 persisted rows. c: the slope of the CPU seconds of the worker. t: the slope of all
    seconds, without c, the tasks and the traffic. e: the seconds that do not depend on the number
    of rows.
    """
    from skcoreset import _dask

    n, small = min(options.rows, 5_000_000), (500_000, 1_000_000)
    paths, chunk = [path_of(options.folder, rows) for rows in (small[1], n)], 62_500
    names, constants = options.methods or COSTS, {}
    with local_cluster(1) as client:
        r = bytes_per_second_read(paths[0], small[1], chunk)
        u = max(bytes_per_second_both_ways(client) for _ in range(3))
        o = min(seconds_per_task() for _ in range(3))
        for name in names:
            sampler, runs = samplers(paths[0])[name], []
            for rows in (2 * chunk, *small):  # the first run is not used
                X, y = persisted(*lazy(paths[0], rows, chunk))
                before = sum(client.run(cpu_seconds).values())
                seconds = seconds_of(sampler.fit, X, y)
                runs.append((seconds, sum(client.run(cpu_seconds).values()) - before))
            slope, c = (np.subtract(runs[2], runs[1]) / (small[1] - small[0])).tolist()
            tasks = o * COSTS[name][0] / chunk  # for one row
            t = max(0.0, slope - c - sum(COSTS[name][1:]) / u - tasks)
            constants[name] = c, t, max(0.0, runs[1][0] - slope * small[0])
    computed, rounds_of_tasks = _dask._computed, []

    def counting(tasks, *args, **kwargs):
        rounds_of_tasks.append(len(tasks))
        return computed(tasks, *args, **kwargs)

    rows = []
    with local_cluster(2):
        X, y = lazy(paths[1], n, chunk)
        seconds_of(skcoreset.Uniform(10).fit, X, y)  # the files are in memory then
        for name in names:
            (p, g, s), (c, t, e) = COSTS[name], constants[name]
            rounds_of_tasks.clear()
            _dask._computed = counting
            measured = seconds_of(samplers(paths[1])[name].fit, X, y)
            _dask._computed = computed
            if name.startswith("KCenterGreedy"):  # all but the first pass keep results: 3 rounds
                p = 1 + (len(rounds_of_tasks) - 1) // 3
            predicted = p * n * 4 * D / (2 * r) + c * n / 2 + (g + s) * n / u + t * n + e
            predicted += p * o * (n / chunk)
            cells = f"{1e6 * c:.2f}", f"{1e6 * t:.2f}", f"{e:.1f}", f"{predicted:.1f}"
            rows.append([name, p, g, s, *cells, f"{measured:.1f}"])
    found = f"r = {r / 1e6:.0f} MB/s, u = {u / 1e6:.0f} MB/s, o = {1000 * o:.1f} ms"
    print(f"{found}; {n:,} rows in {n // chunk} partitions with 2 workers:\n")
    header = ["method", "p", "g", "s", "c, microseconds", "t, microseconds", "e, seconds"]
    header += ["predicted, seconds", "measured, seconds"]
    table(header, rows)


PARTS = {
    part.__name__: part for part in (out_of_core, sizes, loss, overhead, caller, cluster, rates)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--gib", type=int, default=2)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--one", nargs=5)
    options = parser.parse_args()
    if options.one:
        path, n, name, workers, limit = options.one
        one(path, int(n), name, int(workers), int(limit))
        return
    for part in options.parts or PARTS:
        print(f"\n{part}: {PARTS[part].__doc__}\n")
        PARTS[part](options)


if __name__ == "__main__":
    main()
