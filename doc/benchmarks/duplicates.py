"""NearDuplicates compared with cleanlab and with the rule of SemDeDup.

    python doc/benchmarks/duplicates.py --data DIR

DIR holds ``letter.data.gz``, ``shuttle.trn.gz`` and ``agnews_dev.tsv.gz``; without it, only the
generated table is used. cleanlab must be installed. Prints the table and writes duplicates.rst.
"""

import argparse
import platform
import resource
from pathlib import Path

import cleanlab
import numpy as np
import pandas as pd
import sklearn
from cleanlab.datalab.internal.issue_manager.duplicate import NearDuplicateIssueManager
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from skcoreset import NearDuplicates

N_CLUSTERS = 100
HEADER = """\
Near duplicates: selected samples and time
==========================================

Written by ``doc/benchmarks/duplicates.py``. {machine}.

All methods have the same radius: 0.13 times the median distance of the distinct samples to
their nearest neighbor. "cleanlab" is its search for 10 neighbors and ``near_duplicate_sets``;
as it selects no samples, they are visited by index, and a sample is selected unless it is in
the set of a selected one. "SemDeDup" is its rule in {n_clusters} clusters of k-means: each
sample is removed that has an earlier sample of its cluster within the radius. "not covered" is
the number of samples that are not within the radius of a selected one, "still near" the number
of selected samples with another selected one within the radius. The time is CPU time in seconds
of one run.

.. list-table::
   :header-rows: 1

   * - data
     - method
     - selected
     - not covered
     - still near
     - CPU time
"""


def generated():
    """20,000 samples in 50 clusters; 200 of them have 40 near copies each."""
    rng = np.random.default_rng(0)
    X = 4 * rng.normal(size=(50, 50))[rng.integers(50, size=20000)] + rng.normal(size=(20000, 50))
    X[:8000] = np.repeat(X[:200], 40, axis=0) + 0.01 * rng.normal(size=(8000, 50))
    return X[rng.permutation(20000)]


def tables(folder):
    yield "generated, 20,000 x 50", generated(), "euclidean"
    if folder is None:
        return
    letter = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    yield "letter, 20,000 x 16", letter.iloc[:, :-1].to_numpy(dtype=float), "euclidean"
    shuttle = pd.read_csv(folder / "shuttle.trn.gz", sep=" ", header=None)
    yield "shuttle, 43,500 x 9", shuttle.iloc[:, :-1].to_numpy(dtype=float), "euclidean"
    news = pd.read_csv(folder / "agnews_dev.tsv.gz", sep="\t", header=None, quoting=3)
    texts = news[news.columns[news.map(lambda v: len(str(v))).mean().argmax()]].astype(str)
    X = TfidfVectorizer().fit_transform(texts)
    yield f"agnews, {X.shape[0]:,} x {X.shape[1]:,}, cosine", X, "cosine"


def of_cleanlab(X, metric, radius):
    search = NearestNeighbors(n_neighbors=10, metric=metric).fit(X)
    graph = search.kneighbors_graph(mode="distance")
    sets = NearDuplicateIssueManager._neighbors_within_radius(graph, 1.0, radius)
    removed, selected = np.zeros(X.shape[0], dtype=bool), []
    for i, near in enumerate(sets):
        if not removed[i]:
            selected.append(i)
            removed[np.asarray(near, dtype=int)] = True
    return np.array(selected)


def of_semdedup(X, metric, radius):
    points = normalize(X) if metric == "cosine" else X
    labels = KMeans(N_CLUSTERS, n_init=1, random_state=0).fit(points).labels_
    selected = []
    for label in range(N_CLUSTERS):
        rows = np.flatnonzero(labels == label)
        D = pairwise_distances(X[rows], metric=metric)
        selected.append(rows[~np.tril(radius >= D, -1).any(axis=1)])
    return np.sort(np.concatenate(selected))


def quality(X, metric, radius, selected):
    """Numbers of samples not covered, and of selected samples near another selected one."""
    search = NearestNeighbors(n_neighbors=2, metric=metric, algorithm="brute").fit(X[selected])
    at_most = radius * (1 + 1e-6) + 1e-12
    others = np.setdiff1d(np.arange(X.shape[0]), selected)
    far = (search.kneighbors(X[others], 1)[0] > at_most).sum() if len(others) else 0
    return far, (search.kneighbors()[0][:, 0] < radius * (1 - 1e-6)).sum()


def cpu_time():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    folder = parser.parse_args().data
    machine = (
        f"Python {platform.python_version()}, numpy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, cleanlab {cleanlab.__version__}"
    )
    lines = [HEADER.format(machine=machine, n_clusters=N_CLUSTERS)]
    for name, X, metric in tables(folder):
        X = X.tocsr() if sparse.issparse(X) else X
        radius = NearDuplicates(metric=metric).fit(X).radius_
        methods = {
            "NearDuplicates": lambda X, m, r: NearDuplicates(r, metric=m).fit(X).sample_indices_,
            "cleanlab": of_cleanlab,
            "SemDeDup": of_semdedup,
        }
        for method, select in methods.items():
            start = cpu_time()
            selected = select(X, metric, radius)
            seconds = cpu_time() - start
            far, near = quality(X, metric, radius, selected)
            cells = [name, method, f"{len(selected):,}", f"{far:,}", f"{near:,}", f"{seconds:.1f}"]
            print(*cells, sep=" | ", flush=True)
            lines.append(
                "".join(f"   {'*' if i == 0 else ' '} - {cell}\n" for i, cell in enumerate(cells))
            )
    Path(__file__).with_suffix(".rst").write_text("".join(lines))


if __name__ == "__main__":
    main()
