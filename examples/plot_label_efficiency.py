"""
Number of labels for a given accuracy
=====================================

In many applications, labels are expensive and samples are not. This example simulates active
learning. A classifier is trained on 20 labeled digits. It is used to select the 20 samples to label
next, is trained again on all labeled samples, and so on. Random sampling is the baseline.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skcoreset import ContrastiveActiveLearning, DeepFool, Margin, Uniform

X, y = load_digits(return_X_y=True)
X = X / 16  # gray values from 0 to 1
batch, n_rounds, n_splits = 20, 15, 6

# The sampler that selects the next samples of the pool, given the current classifier.
methods = {
    "random": lambda classifier, seed: Uniform(batch, random_state=seed),
    "Margin": lambda classifier, seed: Margin(classifier, batch),
    "DeepFool": lambda classifier, seed: DeepFool(classifier, batch),
    "Contrastive": lambda classifier, seed: ContrastiveActiveLearning(classifier, batch),
}

# %%
# The loop of active learning
# ---------------------------
# The classifier that is passed to the sampler is already fitted. The sampler uses it as it is and
# needs no labels of the pool. ``sample_indices_`` are the indices of the samples to label.


def accuracies(method, seed):
    """Test accuracy in each round. All methods start from the same 20 samples."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=600, random_state=seed)
    order = np.random.default_rng(seed).permutation(len(y_train))
    labeled, pool = order[:batch], order[batch:]
    history = []
    for _ in range(n_rounds):
        classifier = LogisticRegression(C=10, max_iter=1000)
        classifier.fit(X_train[labeled], y_train[labeled])
        history.append(classifier.score(X_test, y_test))
        to_label = methods[method](classifier, seed).fit(X_train[pool]).sample_indices_
        labeled = np.append(labeled, pool[to_label])
        pool = np.delete(pool, to_label)
    return history


curves = {name: np.array([accuracies(name, s) for s in range(n_splits)]) for name in methods}

# %%
# Learning curves
# ---------------
# The lines are means over the splits, and the bands are their standard errors. The dashed line is
# the accuracy if all training samples are labeled.

full = []
for seed in range(n_splits):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=600, random_state=seed)
    classifier = LogisticRegression(C=10, max_iter=1000).fit(X_train, y_train)
    full.append(classifier.score(X_test, y_test))

n_labels = batch * np.arange(1, n_rounds + 1)
colors = {"random": "0.45"} | {name: f"C{i}" for i, name in enumerate(list(methods)[1:])}
fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
ax.axhline(np.mean(full), color="0.3", linestyle="--", linewidth=1)
ax.annotate(
    f"all {len(y_train):,} labels",
    (n_labels[0], np.mean(full)),
    (0, 5),
    textcoords="offset points",
    color="0.3",
)
for name, curve in curves.items():
    mean, error = curve.mean(axis=0), curve.std(axis=0, ddof=1) / np.sqrt(n_splits)
    ax.fill_between(n_labels, mean - error, mean + error, color=colors[name], alpha=0.15, lw=0)
    ax.plot(n_labels, mean, color=colors[name], linewidth=2, label=name)
ax.set_ylim(0.6, 1)
ax.set_xlabel("labels")
ax.set_title("Test accuracy", loc="left")
ax.grid(color="0.93")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %%
# Labels of samples near the boundary increase the accuracy more than labels of random samples. With
# 300 labels, Margin and DeepFool reach about the accuracy of all labels, and random sampling does
# not. The two methods differ by less than the splits do. ContrastiveActiveLearning selects samples
# that are predicted differently from their neighbors. With few labels, it is less accurate than
# random sampling here; with more labels, it is between random sampling and the other two methods.
#
# Number of labels saved
# ----------------------
# The table shows the number of labels after which the mean accuracy stays above a level:

levels = [0.85, 0.90, 0.93, 0.95]
print(f"{'':<12}" + "".join(f"{level:>8.0%}" for level in levels))
for name, curve in curves.items():
    below = curve.mean(axis=0)[:, None] < levels
    last = np.where(below.any(axis=0), n_rounds - below[::-1].argmax(axis=0), 0)
    needed = [f"{n_labels[i]}" if i < n_rounds else f"> {n_labels[-1]}" for i in last]
    print(f"{name:<12}" + "".join(f"{n:>8}" for n in needed))
