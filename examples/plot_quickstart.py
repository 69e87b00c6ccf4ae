"""
Quickstart: 5 % and 10 % of the digits
======================================

This example compares support vector machines that are trained on 5 % and on 10 % of the digits
dataset with one that is trained on all samples. Four methods select the training samples and
compute sample weights, which are passed to the classifier. The weight of a selected sample is the
number of samples that it represents.

The comparison is repeated for five random splits into training and test data. All methods use the
same splits; the random baseline has a different seed for each split. The table and the figure show
the mean and the standard deviation over the splits.
"""

import sys
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skcoreset import Herding, KCenterGreedy, Margin, Uniform

X, y = load_digits(return_X_y=True)
X = X / 16  # scale the gray values to [0, 1]

# %%
# Select samples and train on them
# --------------------------------
# ``fit`` selects the samples. ``sample_indices_`` holds the indices of the selected samples, and
# ``sample_weight_`` their weights.


def select_and_train(sampler, X_train, X_test, y_train, y_test):
    """Number of samples, test accuracy, selection time and training time in seconds."""
    start = perf_counter()
    sampler.fit(X_train, y_train)
    selected = perf_counter()
    indices, weight = sampler.sample_indices_, sampler.sample_weight_
    classifier = SVC().fit(X_train[indices], y_train[indices], sample_weight=weight)
    fitted = perf_counter()
    return len(indices), classifier.score(X_test, y_test), selected - start, fitted - selected


def train_on_all(X_train, X_test, y_train, y_test):
    """The same values for a classifier that is trained on all samples."""
    start = perf_counter()
    classifier = SVC().fit(X_train, y_train)
    fitted = perf_counter()
    return len(y_train), classifier.score(X_test, y_test), 0, fitted - start


sizes = [0.05, 0.10]
runs = {}
for seed in range(5):
    split = train_test_split(X, y, random_state=seed, stratify=y)
    runs.setdefault("all samples", []).append(train_on_all(*split))
    for size in sizes:
        samplers = {
            "Uniform (random)": Uniform(size, random_state=seed),
            "Herding": Herding(size),
            "KCenterGreedy": KCenterGreedy(size),
            "Margin": Margin(LogisticRegression(max_iter=1000), size),
        }
        for name, sampler in samplers.items():
            runs.setdefault((name, size), []).append(select_and_train(sampler, *split))
mean = {key: np.mean(values, axis=0) for key, values in runs.items()}
spread = {key: np.std(values, axis=0, ddof=1) for key, values in runs.items()}

# %%
# Table of the results
# --------------------
# There are 1,347 training samples, so all times are short. The selection time of Margin includes
# the fit of a logistic regression on all training samples.

print(f"{'method':<18} {'samples':>7}  {'accuracy':<15}  {'select (s)':>10}  {'fit (s)':>7}")
for key in [*((name, size) for size in sizes for name in samplers), "all samples"]:
    name = key if key == "all samples" else key[0]
    n_samples, accuracy, selecting, fitting = mean[key]
    select = f"{selecting:.4f}" if selecting else "-"
    print(
        f"{name:<18} {n_samples:>7.0f}  {accuracy:.3f} +- {spread[key][1]:.3f}  "
        f"{select:>10}  {fitting:>7.4f}"
    )

# %%
# Figure of the results
# ---------------------
# The dashed line is the accuracy with all samples. KCenterGreedy and Herding have a higher accuracy
# than random selection, and the difference is larger at 5 % than at 10 %. The accuracy with Margin
# is much lower. Margin selects the samples for which the prediction is least certain. These samples
# are worth *labeling*, but they are not a representative training set.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained")
n_all, accuracy_of_all = mean["all samples"][:2]
for ax, size in zip(axes, sizes, strict=True):
    ax.axvline(accuracy_of_all, color="0.35", linestyle="--", linewidth=1)
    for position, name in enumerate(samplers):
        n_samples, accuracy = mean[name, size][:2]
        color = "0.45" if name.startswith("Uniform") else "C0"
        ax.errorbar(
            accuracy,
            position,
            xerr=spread[name, size][1],
            fmt="o",
            color=color,
            markersize=9,
            capsize=4,
        )
        ax.annotate(
            f"{accuracy:.3f}",
            (accuracy, position),
            (0, 9),
            textcoords="offset points",
            ha="center",
            color=color,
        )
    ax.set_title(f"trained on {size:.0%}: {n_samples:.0f} of {n_all:,.0f} samples")
    ax.set_xlabel("test accuracy, mean and std over 5 splits")
    ax.grid(axis="x", color="0.92")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.annotate(
        f"all samples: {accuracy_of_all:.3f}",
        (accuracy_of_all, len(samplers) - 0.6),
        (-5, 0),
        textcoords="offset points",
        ha="right",
        color="0.35",
    )
axes[0].set_yticks(range(len(samplers)), list(samplers))
axes[0].set_ylim(len(samplers) - 0.45, -0.65)

if "sphinx_gallery" not in sys.modules:  # run as a script
    fig.savefig("quickstart.png", dpi=150)
    print("The figure was saved as quickstart.png.")
plt.show()
