"""
Gradient matching: few rows whose gradients add up
==================================================

A classifier is trained by the sum of the gradients of all rows. ``CRAIG`` and ``GradMatch`` keep
rows, with weights, whose gradients add up to nearly the same sum. The first figure shows how
nearly, and what the weights do for it; the second which rows these are, and how much each counts.
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
# How nearly
# ----------
# The classifier is a logistic regression, fitted on all handwritten digits. The gradient of row i
# is its error in each class times what the classifier sees of it,
# :math:`g_i = (p_i - y_i) \otimes [1, x_i]`.
#
# At the optimum the gradients of all rows nearly cancel, so an error relative to their sum would
# say nothing. They are summed class by class instead, as both methods do, and one error is taken of
# the ten sums together:
#
# .. math:: \min_{t \ge 0} \; \sqrt{ \sum_c \Big\|
#    \sum_{i \in c} g_i - t \sum_{j \in S \cap c} w_j g_j \Big\|^2 \Big/
#    \sum_c \Big\| \sum_{i \in c} g_i \Big\|^2 } .
#
# The factor :math:`t` is there because one factor for all weights acts only as another ``C`` would:
# the weights are published so that they sum to the number of rows, and GradMatch fitted smaller
# ones.

X, y = load_digits(return_X_y=True)
X = X / 16  # grey values from 0 to 1
classifier = LogisticRegression(max_iter=1000).fit(X, y)

errors = classifier.predict_proba(X) - np.eye(10)[y]
seen = np.column_stack([np.ones(len(X)), X])
gradients = (errors[:, :, None] * seen[:, None, :]).reshape(len(X), -1)
of_class = np.eye(10)[y].T
wanted = of_class @ gradients


def error_of(sampler, weighted=True):
    """Of the rows that a sampler keeps; without its weights all rows of a class count the same."""
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
ax.set_xlabel(f"rows kept of {len(y):,}")
ax.set_title("Relative error of the gradient", loc="left")
ax.grid(color="0.92")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Grey: the mean of 20 random draws, and their range.
#
# - **CRAIG** keeps rows near whose gradients all others are, and weighs each by their number. Its
#   40 rows match the gradient better than 320 random ones do.
# - **GradMatch** fits its weights, which pays more the more rows there are to combine: with 640
#   rows 0.7 % is left, where CRAIG leaves 2.3 % and random rows 19 %.
# - **The weights are part of the method.** If all rows of a class count the same, the rows of
#   GradMatch leave more than ten times as much at that size.
#
# A gradient that is matched at one point is not yet a classifier that is trained well: see
# :doc:`/benchmarks` for what these rows are worth in training.

# %%
# Which rows, and how much they count
# -----------------------------------
# Two classes and a logistic regression on polynomials of the two columns. Each method keeps 16 of
# the 600 rows. With so few, none of the dashed boundaries is the solid one; the figure shows which
# rows are kept, not which method trains best.
#
# - **Uniform**: all rows count the same, wherever they happen to lie.
# - **CRAIG**: in the middle of a class all gradients are small and alike, so a single row stands
#   for a great many; near the boundary they differ, and more rows are kept, with less weight.
# - **GradMatch**: the rows that together pull as hard as all rows do. Most lie near the boundary
#   or on the wrong side of it, and some hardly count. The weights are no numbers of neighbours.

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
trained_on = {"all 600 rows": "solid", "the 16 circled rows, with their weights": "dashed"}
fig.legend(
    [plt.Line2D([], [], color="black", linestyle=style) for style in trained_on.values()],
    [f"boundary trained on {what}" for what in trained_on],
    loc="outside lower center",
    ncols=2,
    frameon=False,
)
fig.suptitle("The area of a circle is the weight of its row")
plt.show()
