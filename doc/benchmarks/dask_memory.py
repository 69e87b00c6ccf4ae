"""Selection from a Dask Array on workers whose memory is a third of the data, without spilling.

Prints one line per method: its time, the largest memory of a worker and of this process, and
whether a worker was restarted. Needs dask, distributed and psutil. Usage:
``python dask_memory.py [n_samples] [method ...]``
"""

import resource
import sys
import time

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression

from skcoreset import Coreset, Herding, KCenterGreedy, Margin

N_FEATURES, CHUNK = 50, 50_000
WEIGHTS = np.random.RandomState(0).standard_normal(N_FEATURES).astype(np.float32)


def features(start, n):
    """The samples of a block."""
    rng = np.random.default_rng(start)
    return rng.standard_normal((n, N_FEATURES), dtype=np.float32)


def labels(X):
    return (X @ WEIGHTS > 0).astype(np.int8)


def largest_memory():
    """The largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(n_samples, methods):
    blocks = [
        da.from_delayed(
            dask.delayed(features)(start, min(CHUNK, n_samples - start)),
            (min(CHUNK, n_samples - start), N_FEATURES),
            np.float32,
        )
        for start in range(0, n_samples, CHUNK)
    ]
    X = da.concatenate(blocks)
    y = X.map_blocks(labels, drop_axis=1, dtype=np.int8)
    limit = X.nbytes // 3
    dask.config.set({f"distributed.worker.memory.{name}": False for name in ("spill", "target")})
    dask.config.set({"distributed.worker.memory.pause": False})
    small = features(0, 10_000)
    classifier = LogisticRegression().fit(small, labels(small))
    print(f"{n_samples} samples, {X.nbytes >> 20} MiB, limit of a worker {limit >> 20} MiB")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=limit, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        for sampler in (
            Margin(classifier, 1000),
            Herding(1000, kernel="laplacian"),
            KCenterGreedy(200),
            KCenterGreedy(1000),
            Coreset(1000, random_state=0),
        ):
            if methods and type(sampler).__name__ not in methods:
                continue
            before = set(client.run(largest_memory))
            start = time.perf_counter()
            X_small, _ = sampler.fit_resample(X, y)
            seconds = time.perf_counter() - start
            memory = client.run(largest_memory)
            restarted = "" if before == set(memory) else ", a worker was restarted"
            print(
                f"{type(sampler).__name__:15} {len(X_small)} samples, {seconds:.0f} s, worker "
                f"{max(memory.values())} MiB, this process {largest_memory()} MiB{restarted}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8_000_000, sys.argv[2:])
