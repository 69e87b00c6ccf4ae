"""
Distances of samples from the decision boundary
===============================================

``DeepFool`` computes how far a sample must be moved until a classifier predicts another class, and
selects the samples with the smallest distances. This example compares three classifiers on the same
data: a linear classifier, one with a smooth nonlinear boundary, and a random forest, whose
predictions are piecewise constant.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from sklearn.datasets import make_moons
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

from skcoreset import DeepFool

X, y = make_moons(300, noise=0.22, random_state=3)
classifiers = {
    "LogisticRegression": LogisticRegression(),
    "SVC, RBF kernel": SVC(gamma=1.0),
    "RandomForestClassifier": RandomForestClassifier(50, max_leaf_nodes=16, random_state=0),
}
samplers = {
    name: DeepFool(classifier, 20, stratify=None, store_perturbations=True).fit(X, y)
    for name, classifier in classifiers.items()
}

# %%
# Distances and selected samples
# ------------------------------
# The regions of the two predicted classes are white and gray. A thin line leads from each sample to
# the nearest point found in the other region. The length of the line is the distance, which is also
# shown by the color of the sample. (Lines longer than 1 are omitted.) Circles mark the 20 selected
# samples.

grid = np.meshgrid(np.linspace(-1.75, 2.75, 450), np.linspace(-1.3, 1.75, 305))
points = np.stack(grid, axis=-1).reshape(-1, 2)
fig, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
for ax, (name, sampler) in zip(axes, samplers.items(), strict=True):
    short, kept = sampler.distances_ < 1, sampler.sample_indices_
    regions = sampler.estimator_.predict(points).reshape(grid[0].shape)
    ax.contourf(*grid, regions, levels=[-0.5, 0.5, 1.5], colors=["white", "0.9"])
    ax.contour(*grid, regions, levels=[0.5], colors="black", linewidths=1.3)
    ways = np.stack([X, X + sampler.perturbations_], axis=1)
    color = plt.cm.plasma(np.minimum(sampler.distances_, 1.0) * 0.9)
    ax.add_collection(LineCollection(ways[short], colors=color[short], linewidths=0.6, alpha=0.7))
    ax.scatter(*X.T, c=color, s=14, linewidths=0, zorder=3)
    ax.scatter(*X[kept].T, s=60, facecolors="none", edgecolors="black", linewidths=1.2, zorder=4)
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-1.75, 2.75), ylim=(-1.3, 1.75))
    ax.set_title(f'{name}\nroute_ = "{sampler.route_}"', fontsize=11)
scale = plt.cm.ScalarMappable(plt.Normalize(0, 1 / 0.9), "plasma")
bar = fig.colorbar(scale, ax=axes, boundaries=np.linspace(0, 1, 200), ticks=[0, 0.5, 1], pad=0.01)
bar.ax.set_yticklabels(["0", "0.5", "1 or\nmore"])
bar.set_label("distance")
plt.show()

# %%
# For the linear classifier, the distances have a closed form, and all lines are parallel. For the
# SVC, the samples are moved along the gradient of its decision function. For the forest, the
# boundary is located by bisection between samples that it predicts differently.
#
# Accuracy of the distances
# -------------------------
# With two features, the true distance can be computed by brute force: it is the distance to the
# nearest point of a fine grid that is predicted differently.

fine = np.meshgrid(np.linspace(-3, 4, 900), np.linspace(-2.6, 3, 720))
fine = np.stack(fine, axis=-1).reshape(-1, 2)
fig, axes = plt.subplots(1, 3, figsize=(12, 4), sharex=True, sharey=True, layout="constrained")
for ax, (name, sampler) in zip(axes, samplers.items(), strict=True):
    there, here = sampler.estimator_.predict(fine), sampler.estimator_.predict(X)
    true = np.empty(len(X))
    for label in (0, 1):
        other = NearestNeighbors(n_neighbors=1).fit(fine[there != label])
        true[here == label] = other.kneighbors(X[here == label])[0][:, 0]
    found = sampler.converged_
    ax.plot([0.01, 5], [0.01, 5], color="0.6", linewidth=1)
    ax.scatter(true[found], sampler.distances_[found], s=12, alpha=0.6, linewidths=0)
    ax.set(xscale="log", yscale="log", xlim=(0.01, 2.5), ylim=(0.01, 5))
    ax.set_title(f"{name}, {found.mean():.0%} of the samples", fontsize=11)
    ax.set_xlabel("true distance")
    ax.grid(color="0.94")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("distances_")
plt.show()

# %%
# Near the boundary, where samples are selected, the distances are accurate. Deep inside a class,
# the decision function of the SVC is nearly constant and its gradient is not reliable. There the
# boundary is located by bisection, as for the forest, and a shorter distance may exist in a
# direction that was not searched.
