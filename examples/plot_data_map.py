"""
The data map: mislabeled samples in the training dynamics
=========================================================

During its training, a classifier is applied to each sample many times. Some samples are classified
correctly from the beginning, some alternate between correct and incorrect, and some are never
classified correctly. A record of one training, ``TrainingDynamics``, contains the statistics that
the methods of this family use. In this example a tenth of the labels is wrong, and the record is
used to find them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from skcoreset import AreaUnderMargin, DataMapDisplay, TrainingDynamics

# %%
# One training, one record
# ------------------------
# A small neural network is trained on the handwritten digits for thirty epochs. Its predictions
# for each batch are recorded before the update on this batch.

X, truth = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
wrong = np.zeros(len(X), dtype=bool)
wrong[rng.permutation(len(X))[: len(X) // 10]] = True
y = np.where(wrong, (truth + rng.integers(1, 10, len(X))) % 10, truth)

network = MLPClassifier((100,), learning_rate_init=0.01)
dynamics = TrainingDynamics.from_estimator(network, X / 16, y, n_epochs=30, random_state=0)
print(dynamics)

# %%
# The data map and the area under the margin
# ------------------------------------------
# Each sample is a point of the map; its coordinates are the mean of the predicted probability of
# its label (confidence) and the standard deviation (variability). Easy samples are at the top left,
# hard samples at the bottom left, and ambiguous samples, whose predictions changed during the
# training, on the right.
#
# ``AreaUnderMargin`` uses the mean margin instead, one number for each sample. ``keep="low"``
# selects the samples with the smallest areas, here as many as there are wrong labels: those left of
# the dashed line.

lowest = AreaUnderMargin(
    dynamics=dynamics, coreset_size=int(wrong.sum()), keep="low", stratify=None
).fit(X, y)
suspects = lowest.sample_indices_
area = -lowest.scores_

fig, (left, right) = plt.subplots(
    1, 2, figsize=(11.5, 5), width_ratios=[1.3, 1], layout="constrained"
)
DataMapDisplay.from_dynamics(
    dynamics,
    selected=np.flatnonzero(wrong),
    ax=left,
    selected_kw={"edgecolors": "C3", "linewidths": 1.2, "label": "label is wrong"},
)
left.legend(loc="upper right", frameon=False)
left.set_title("The data map", loc="left", weight="bold")

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
right.set(xlabel="area under the margin", ylabel="number of samples")
right.set_title("AreaUnderMargin", loc="left", weight="bold")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Inspecting the samples
# ----------------------
# The upper row of the figure shows the digits with the smallest areas and their given labels, in
# red if the label is wrong. The lower row shows those of the selected samples whose label was
# not changed: most of them are hard to read. Samples should therefore be inspected before they are
# removed. ``AreaUnderMargin`` with ``coreset_size=0.9`` excludes the tenth of each class with the
# smallest areas.

unchanged = suspects[~wrong[suspects]]
n_shown = min(10, len(unchanged))
fig, axes = plt.subplots(2, n_shown, figsize=(1.15 * n_shown, 3.1), layout="constrained")
for line, rows in zip(axes, (suspects, unchanged), strict=True):
    for ax, row in zip(line, rows[:n_shown], strict=True):
        ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"“{y[row]}”", color="C3" if wrong[row] else "black")
plt.show()
