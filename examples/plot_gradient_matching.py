"""
Gradient matching: approximate the total gradient by few samples
================================================================

Gradient-based training of a classifier uses the sum of the gradients of all samples. ``CRAIG`` and
``GradMatch`` select samples and weights whose weighted gradients approximate this sum. The first
figure shows the error of this approximation, with and without the weights. The second figure shows
the selected samples and their weights.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skcoreset import CRAIG, GradMatch, Uniform

# %%
# Error of the total gradient
# ---------------------------
# The classifier is a logistic regression, fitted on all samples of the digits data set. The
# gradient of sample i is the outer product of the errors of the class probabilities and the
# features, :math:`g_i = (p_i - y_i) \otimes [1, x_i]`.
#
# At the optimum, the sum of the gradients of all samples is nearly 0, so that an error relative to
# this sum would not be informative. Therefore the gradients are summed over each class separately,
# as in both methods, and the relative error of the ten sums together is computed:
#
# .. math:: \min_{t \ge 0} \; \sqrt{ \sum_c \Big\|
#    \sum_{i \in c} g_i - t \sum_{j \in S \cap c} w_j g_j \Big\|^2 \Big/
#    \sum_c \Big\| \sum_{i \in c} g_i \Big\|^2 } .
#
# The error is minimized over a common factor :math:`t` of all weights, because such a factor has
# the same effect as another value of ``C``: ``sample_weight_`` is scaled to sum to the number of
# samples, and the weights that GradMatch fits are smaller.

X, y = load_digits(return_X_y=True)
X = X / 16  # gray values from 0 to 1
classifier = LogisticRegression(max_iter=1000).fit(X, y)

errors = classifier.predict_proba(X) - np.eye(10)[y]
seen = np.column_stack([np.ones(len(X)), X])
gradients = (errors[:, :, None] * seen[:, None, :]).reshape(len(X), -1)
of_class = np.eye(10)[y].T
wanted = of_class @ gradients


def error_of(sampler, weighted=True):
    """Error of the selected samples, with `sample_weight_` or with equal weights in each class."""
    sampler.fit(X, y)
    kept, weight = sampler.sample_indices_, sampler.sample_weight_
    if not weighted:
        weight = (np.bincount(y) / np.bincount(y[kept]))[y[kept]]
    found = (of_class[:, kept] * weight) @ gradients[kept]
    t = max(0, np.vdot(found, wanted) / np.vdot(found, found))
    return np.linalg.norm(wanted - t * found) / np.linalg.norm(wanted)


sizes = [10, 20, 40, 80, 160, 320, 640]
uniform = np.array([[error_of(Uniform(k, random_state=s)) for s in range(20)] for k in sizes])
lines = {
    "Uniform": (uniform.mean(axis=1), "0.45", "-"),
    "CRAIG": ([error_of(CRAIG(classifier, k)) for k in sizes], "C0", "-"),
    "GradMatch": ([error_of(GradMatch(classifier, k)) for k in sizes], "C1", "-"),
    "GradMatch\nwithout its weights": (
        [error_of(GradMatch(classifier, k), weighted=False) for k in sizes],
        "C1",
        ":",
    ),
}

fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
ax.fill_between(sizes, uniform.min(axis=1), uniform.max(axis=1), color="0.9")
for name, (values, color, style) in lines.items():
    ax.plot(sizes, values, style, color=color, marker="o", markersize=5, linewidth=2)
    ax.annotate(
        name,
        (sizes[-1], values[-1]),
        (10, 0),
        textcoords="offset points",
        va="center",
        color=color,
        weight="bold",
    )
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set_yticks([1, 0.1, 0.01], ["100 %", "10 %", "1 %"])
ax.set_xlabel(f"number of selected samples, of {len(y):,}")
ax.set_title("Relative error of the gradient", loc="left")
ax.grid(color="0.92")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The gray line and area are the mean and the range of 20 random selections.
#
# - **CRAIG** selects the medoids of the gradients, and weights each by the number of samples that
#   are nearest to it. Its error with 40 samples is smaller than that of 320 random samples.
# - **GradMatch** fits its weights, which reduces the error more if there are more samples to
#   combine: with 640 samples the error is 0.7 %, while it is 2.3 % for CRAIG and 19 % for random
#   samples.
# - **The weights are part of the method.** If all samples of a class have the same weight, the
#   error of GradMatch at that size is more than ten times as large.
#
# A small error of the gradient at the parameters of one classifier does not imply that a classifier
# trained on the coreset is accurate; :doc:`/benchmarks` shows the accuracy after training.

# %%
# Selected samples and their weights
# ----------------------------------
# The data have two classes, and the classifier is a logistic regression on polynomials of the two
# features. Each method selects 16 of the 600 samples. With so few samples, the decision
# boundaries of the classifiers trained on them (dashed) differ from that of the classifier
# trained on all samples (solid). The figure compares the selected samples, not the accuracy of
# the methods.
#
# - **Uniform** selects samples at random, with equal weights.
# - **CRAIG** selects few samples with large weights inside a class, where all gradients are small
#   and similar, and more samples with smaller weights near the decision boundary, where the
#   gradients differ.
# - **GradMatch** selects samples whose weighted gradients approximate the total gradient. Most of
#   them are near the decision boundary or on the wrong side of it, and some have very small
#   weights. The weights are not numbers of neighbors.

X, y = make_moons(600, noise=0.22, random_state=0)
classifier = make_pipeline(
    PolynomialFeatures(3, include_bias=False), StandardScaler(), LogisticRegression()
).fit(X, y)
samplers = {
    "Uniform": Uniform(16, random_state=0),
    "CRAIG": CRAIG(classifier, 16),
    "GradMatch": GradMatch(classifier, 16),
}

grid = np.meshgrid(np.linspace(-1.9, 2.9, 400), np.linspace(-1.25, 1.75, 250))
points = np.stack(grid, axis=-1).reshape(-1, 2)
colors = np.array(["C0", "C1"])
fig, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
for ax, (name, sampler) in zip(axes, samplers.items(), strict=True):
    sampler.fit(X, y)
    kept, weight = sampler.sample_indices_, sampler.sample_weight_
    small = clone(classifier).fit(X[kept], y[kept], logisticregression__sample_weight=weight)
    ax.scatter(*X.T, s=7, c=colors[y], alpha=0.4, linewidths=0)
    for model, style in ((classifier, "solid"), (small, "dashed")):
        probability = model.predict_proba(points)[:, 1].reshape(grid[0].shape)
        ax.contour(*grid, probability, levels=[0.5], colors="black", linestyles=style)
    ax.scatter(
        *X[kept].T, s=4 * weight, c=colors[y[kept]], alpha=0.65, edgecolors="black", zorder=3
    )
    ax.set(xticks=[], yticks=[], aspect="equal", title=name)
trained_on = {"all 600 samples": "solid", "the 16 selected samples with their weights": "dashed"}
fig.legend(
    [plt.Line2D([], [], color="black", linestyle=style) for style in trained_on.values()],
    [f"boundary trained on {what}" for what in trained_on],
    loc="outside lower center",
    ncols=2,
    frameon=False,
)
fig.suptitle("The area of a circle is proportional to the weight of the selected sample")
plt.show()
