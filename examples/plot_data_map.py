"""
The data map: what a training says of its rows
==============================================

While a classifier is trained it is asked about every row again and again. Some rows are right from
the start and stay right, some come and go, some are never right. A record of one training,
``TrainingDynamics``, holds what the methods of this family need. Here a tenth of the labels is
wrong, and the record shows which.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from skcoreset import AreaUnderMargin, DataMap, TrainingDynamics

# %%
# One training, one record
# ------------------------
# A small neural network sees the handwritten digits thirty times. It is asked about each batch
# before it learns it.

X, truth = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
wrong = np.zeros(len(X), dtype=bool)
wrong[rng.permutation(len(X))[: len(X) // 10]] = True
y = np.where(wrong, (truth + rng.integers(1, 10, len(X))) % 10, truth)

network = MLPClassifier((100,), learning_rate_init=0.01)
dynamics = TrainingDynamics.from_estimator(network, X / 16, y, n_epochs=30, random_state=0)
print(dynamics)

# %%
# Two views of it
# ---------------
# Each row is a point of the map: the mean of the probability of its label (confidence) and its
# standard deviation (variability). Easy rows are at the top left, hard ones at the bottom left,
# and on the right those about which the network changed its mind.
#
# ``AreaUnderMargin`` takes the mean margin instead, one number for each row. ``keep="low"`` gives
# the rows of smallest area, here as many as there are wrong labels: those left of the dashed line.

map_of_rows = DataMap(dynamics=dynamics).fit(X, y)
lowest = AreaUnderMargin(
    dynamics=dynamics, coreset_size=int(wrong.sum()), keep="low", stratify=None
).fit(X, y)
suspects = lowest.sample_indices_
area = -lowest.scores_

fig, (left, right) = plt.subplots(
    1, 2, figsize=(11.5, 5), width_ratios=[1.3, 1], layout="constrained"
)
for rows, size, ring in ((~wrong, 20, "none"), (wrong, 34, "C3")):
    points = left.scatter(
        map_of_rows.variability_[rows],
        map_of_rows.confidence_[rows],
        c=map_of_rows.correctness_[rows],
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=size,
        edgecolors=ring,
        linewidths=1.2,
    )
for region, where in {"easy": (0.0, 1.06), "ambiguous": (0.27, 0.62), "hard": (0.0, -0.09)}.items():
    left.text(*where, region, fontsize=15, style="italic", va="center")
left.scatter([], [], s=34, color="white", edgecolors="C3", linewidths=1.2, label="label is wrong")
left.legend(loc="upper right", frameon=False)
left.set(xlabel="variability", ylabel="confidence", ylim=(-0.15, 1.12))
left.set_title("The data map", loc="left", weight="bold")
fig.colorbar(points, ax=left, label="correctness: how often the row was right", shrink=0.85)

bins = np.linspace(area.min(), area.max(), 50)
counts = [f"{(~wrong).sum():,} labels as they were", f"{wrong.sum()} labels are wrong"]
right.hist([area[wrong], area[~wrong]], bins, stacked=True, color=["C3", "0.8"], label=counts[::-1])
edge = area[suspects].max()
right.axvline(edge, ymax=0.6, color="black", linestyle="dashed", linewidth=1.2)
right.text(
    edge - 0.3,
    95,
    f"the {len(suspects)} smallest:\n{wrong[suspects].sum()} are wrong",
    ha="right",
)
right.legend(loc="upper left", frameon=False, reverse=True)
right.set(xlabel="area under the margin", ylabel="rows")
right.set_title("AreaUnderMargin", loc="left", weight="bold")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What to do with them
# --------------------
# Look at them. In the upper row are the digits of smallest area with the labels they came with, red
# if the label is wrong. In the lower row are those suspects whose label nobody has changed: most
# are hard to read. That is why no rule should remove rows unseen. ``AreaUnderMargin``
# with ``coreset_size=0.9`` leaves out the tenth of each class that has the smallest area.

unchanged = suspects[~wrong[suspects]]
n_shown = min(10, len(unchanged))
fig, axes = plt.subplots(2, n_shown, figsize=(1.15 * n_shown, 3.1), layout="constrained")
for line, rows in zip(axes, (suspects, unchanged), strict=True):
    for ax, row in zip(line, rows[:n_shown], strict=True):
        ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"“{y[row]}”", color="C3" if wrong[row] else "black")
plt.show()
