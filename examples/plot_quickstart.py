"""
Quickstart: 5 % and 10 % of the digits
======================================

A support vector machine is trained on 5 % and on 10 % of the handwritten digits, selected by four
methods, and compared with the one that is trained on all rows. The rows that a method keeps come
with weights (how many rows each of them stands for), and the classifier gets these weights.

Everything is repeated on five random splits into training and test rows, the same five for every
method; the random baseline has another seed in each. The table and the figure show mean and
standard deviation.
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
X = X / 16  # grey values from 0 to 1

# %%
# Select, then train on the rows kept
# -----------------------------------
# ``fit`` selects; ``sample_indices_`` says which rows were kept and ``sample_weight_`` what each
# of them stands for.


def select_and_train(sampler, X_train, X_test, y_train, y_test):
    """Rows kept, test accuracy, seconds to select, seconds to fit the classifier."""
    start = perf_counter()
    sampler.fit(X_train, y_train)
    selected = perf_counter()
    kept, weight = sampler.sample_indices_, sampler.sample_weight_
    classifier = SVC().fit(X_train[kept], y_train[kept], sample_weight=weight)
    fitted = perf_counter()
    return len(kept), classifier.score(X_test, y_test), selected - start, fitted - selected


def train_on_all(X_train, X_test, y_train, y_test):
    """The same without a selection."""
    start = perf_counter()
    classifier = SVC().fit(X_train, y_train)
    fitted = perf_counter()
    return len(y_train), classifier.score(X_test, y_test), 0, fitted - start


sizes = [0.05, 0.10]
runs = {}
for seed in range(5):
    split = train_test_split(X, y, random_state=seed, stratify=y)
    runs.setdefault("all rows", []).append(train_on_all(*split))
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
# The table
# ---------
# On 1,347 rows every time is short. Margin pays for a logistic regression on all rows before it
# can select.

print(f"{'method':<18} {'rows':>5}  {'accuracy':<15}  {'select (s)':>10}  {'fit (s)':>7}")
for key in [*((name, size) for size in sizes for name in samplers), "all rows"]:
    name = key if key == "all rows" else key[0]
    rows, accuracy, selecting, fitting = mean[key]
    select = f"{selecting:.4f}" if selecting else "-"
    print(
        f"{name:<18} {rows:>5.0f}  {accuracy:.3f} +- {spread[key][1]:.3f}  "
        f"{select:>10}  {fitting:>7.4f}"
    )

# %%
# The figure
# ----------
# The dashed line is the accuracy with all rows. KCenterGreedy and Herding are better than random
# rows, by more at 5 % than at 10 %. Margin is far below them: the rows that a classifier is least
# sure of are worth *labelling*, but they do not stand for the table when a classifier is trained
# on them alone.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained")
rows_of_all, accuracy_of_all = mean["all rows"][:2]
for ax, size in zip(axes, sizes, strict=True):
    ax.axvline(accuracy_of_all, color="0.35", linestyle="--", linewidth=1)
    for position, name in enumerate(samplers):
        rows, accuracy = mean[name, size][:2]
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
    ax.set_title(f"trained on {size:.0%}: {rows:.0f} of {rows_of_all:,.0f} rows")
    ax.set_xlabel("test accuracy, mean and std of 5 splits")
    ax.grid(axis="x", color="0.92")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.annotate(
        f"all rows: {accuracy_of_all:.3f}",
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
    print("The figure is in quickstart.png.")
plt.show()
