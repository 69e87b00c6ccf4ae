"""
Recipe: a table that is larger than memory
==========================================

The table is in several Parquet files. The two processes of a cluster on this machine read them part
by part, so that the whole table need not fit in the memory of one of them. The selected samples do,
and any classifier is fitted on them. The files of this example are small and generated, so that it
needs no download.

A process of the cluster imports this file if it is run as a script. The parts that only the
calling process is to run are therefore below ``if __name__ == "__main__"``, which a notebook does
not need.
"""

import tempfile
from pathlib import Path

import dask
import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from skcoreset import Coreset, Uniform

if __name__ == "__main__":
    X, y = make_classification(
        n_samples=14_000,
        n_features=10,
        n_informative=8,
        n_redundant=0,
        n_classes=4,
        n_clusters_per_class=3,
        class_sep=1.2,
        flip_y=0.06,
        random_state=0,
    )
    names = [f"x{j}" for j in range(10)]
    table = pd.DataFrame(X.astype(np.float32), columns=names).assign(label=y)
    test, train = table[:4000], table[4000:]
    folder = tempfile.TemporaryDirectory()
    for number in range(8):
        train[number::8].to_parquet(Path(folder.name) / f"part-{number}.parquet")

# %%
# ``fit_resample`` takes the collections of Dask, and returns dataframes in memory. It works on the
# cluster of the ``Client``. For the cluster of several machines, only its address is another one:
# ``Client("tcp://...")``. Without any ``Client``, the same lines run in threads of this process.

if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    client = Client(cluster)
    lazy = dd.read_parquet(folder.name)
    lazy_X, lazy_y = lazy.drop(columns="label"), lazy["label"]
    X_small, y_small = Coreset(200, random_state=0).fit_resample(lazy_X, lazy_y)
    print(f"{lazy.npartitions} partitions -> {type(X_small).__name__} of shape {X_small.shape}")

# %%
# ``persist`` reads the files once for all selections, if the memory of the workers is sufficient.
# The samples come in order of selection, so that the first ones are a smaller coreset. The accuracy
# is that of samples that were not in the table.

sizes, seeds = [50, 100, 200, 400], range(3)


def accuracies(sampler, lazy_X, lazy_y, test):
    """Accuracy on the test samples for each size and each seed."""
    scores = np.empty((len(sizes), len(seeds)))
    for j in seeds:
        sampler.set_params(coreset_size=max(sizes), random_state=j)
        X_small, y_small = sampler.fit_resample(lazy_X, lazy_y)
        for i, size in enumerate(sizes):
            scores[i, j] = SVC(C=10).fit(X_small[:size], y_small[:size]).score(*test)
    return scores


if __name__ == "__main__":
    lazy_X, lazy_y = dask.persist(lazy_X, lazy_y)
    X_train, y_train = train.drop(columns="label"), train["label"]
    X_test, y_test = test.drop(columns="label"), test["label"]
    # All samples can be used here, as the table is small.
    with_all = SVC(C=10).fit(X_train, y_train).score(X_test, y_test)
    fig, ax = plt.subplots(layout="constrained")
    for sampler, label in ((Coreset(), "Coreset"), (Uniform(), "random samples")):
        scores = accuracies(sampler, lazy_X, lazy_y, (X_test, y_test))
        ax.plot(sizes, scores.mean(axis=1), marker="o", label=label)
        ax.fill_between(sizes, scores.min(axis=1), scores.max(axis=1), alpha=0.2)
        print(f"{label:15}", dict(zip(sizes, scores.mean(axis=1).round(3).tolist(), strict=True)))
    print(f"all {len(train):,} samples: {with_all:.3f}")
    ax.axhline(with_all, color="black", linestyle="--", label="all samples")
    ax.set(
        xscale="log",
        xlabel="selected samples",
        ylabel="accuracy",
        title="SVC, mean and range of 3 seeds",
    )
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    ax.legend()
    plt.show()
    client.close()
    cluster.close()
    folder.cleanup()

# %%
# With 50 and 100 samples, ``Coreset`` has a higher accuracy than four times as many random samples,
# and with 400 its lead is still 8 points. All samples are better than any coreset. If they do not
# fit in memory, select as many as the estimator can be fitted on.
