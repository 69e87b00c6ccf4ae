"""
Recipe: a table that is larger than memory
==========================================

The table is in several Parquet files. Dask reads them part by part, so that the whole table need
not fit in memory. The selected samples do, and any classifier is fitted on them. The files of this
example are small and generated, so that it needs no download.
"""

import tempfile
from pathlib import Path

import dask
import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from skcoreset import Coreset, Uniform

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
table = pd.DataFrame(X.astype(np.float32), columns=[f"x{j}" for j in range(10)]).assign(label=y)
test, train = table[:4000], table[4000:]
folder = tempfile.TemporaryDirectory()
for number in range(8):
    train[number::8].to_parquet(Path(folder.name) / f"part-{number}.parquet")

# %%
# ``fit_resample`` takes the collections of Dask, and returns dataframes in memory. With a
# ``dask.distributed.Client`` of a cluster, the same lines run on the cluster.

dask.config.set(scheduler="threads")
lazy = dd.read_parquet(folder.name)
lazy_X, lazy_y = lazy.drop(columns="label"), lazy["label"]
X_small, y_small = Coreset(200, random_state=0).fit_resample(lazy_X, lazy_y)
print(f"{lazy.npartitions} partitions -> {type(X_small).__name__} of shape {X_small.shape}")

# %%
# ``persist`` reads the files once for all selections, if the memory of the workers is sufficient.
# The accuracy is that of samples that were not in the table.

lazy_X, lazy_y = dask.persist(lazy_X, lazy_y)
X_test, y_test = test.drop(columns="label"), test["label"]
sizes, seeds = [50, 100, 200, 400], range(3)


def accuracies(sampler):
    """Accuracy on the test samples for each size and each seed."""
    scores = np.empty((len(sizes), len(seeds)))
    for i, size in enumerate(sizes):
        for j in seeds:
            sampler.set_params(coreset_size=size, random_state=j)
            X_small, y_small = sampler.fit_resample(lazy_X, lazy_y)
            scores[i, j] = SVC(C=10).fit(X_small, y_small).score(X_test, y_test)
    return scores


X_train, y_train = train.drop(columns="label"), train["label"]
with_all = SVC(C=10).fit(X_train, y_train).score(X_test, y_test)  # possible here, as it is small
fig, ax = plt.subplots(layout="constrained")
for sampler, label in ((Coreset(), "Coreset"), (Uniform(), "random samples")):
    scores = accuracies(sampler)
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
folder.cleanup()

# %%
# With 50 and 100 samples, ``Coreset`` has a higher accuracy than four times as many random samples,
# and with 400 its lead is still 8 points. All samples are better than any coreset. If they do not
# fit in memory, select as many as the estimator can be fitted on.
