"""
What Coreset selects
====================

:class:`~skcoreset.Coreset` selects samples that represent each class, and leaves out samples whose
label is doubtful. This example shows its three steps on samples with two features. The labels of
8 % of the samples are wrong on purpose.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.svm import SVC

from skcoreset import Coreset, Uniform


def make_data(seed):
    """1,000 samples with wrong labels, and which labels are wrong."""
    X, y = make_moons(1000, noise=0.25, random_state=seed)
    is_wrong = np.random.RandomState(seed).rand(len(y)) < 0.08
    return X, np.where(is_wrong, 1 - y, y), is_wrong


X, y, is_wrong = make_data(seed=0)
X_test, y_test = make_moons(5000, noise=0.25, random_state=1000)

# %%
# Select 20 samples
# -----------------
# A proxy, which is a quick classifier, predicts the class probabilities of each sample out of fold.
# The trust in a label is the probability of this label, divided by the largest probability.
# Samples of a trust below `min_trust` are not selected.

coreset = Coreset(20, random_state=0).fit(X, y)
print(f"{len(coreset.suspicious_)} samples have a trust below {coreset.min_trust}.")
print(f"{is_wrong[coreset.suspicious_].mean():.0%} of these have a wrong label.")
print(f"{is_wrong[coreset.sample_indices_].sum()} selected samples have a wrong label.")

# %%
# Compare with random samples
# ---------------------------
# The left plot shows the trust of all samples. The other plots show 20 selected samples, and the
# decision boundary of a support vector machine that is trained on them.

uniform = Uniform(20, random_state=0).fit(X, y)
low, high = X.min(axis=0) - 0.3, X.max(axis=0) + 0.3
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.7), layout="constrained")
colors = np.array(["tab:blue", "tab:orange"])
points = axes[0].scatter(*X.T, c=coreset.trust_, s=12, vmin=0, vmax=1)
suspicious = X[coreset.suspicious_]
axes[0].scatter(*suspicious.T, s=50, facecolors="none", edgecolors="tab:red")
axes[0].set_title("trust in the labels\nred circle: not a candidate")
fig.colorbar(points, ax=axes[0])
for ax, sampler in zip(axes[1:], [uniform, coreset], strict=True):
    selected = sampler.sample_indices_
    classifier = SVC(C=5).fit(X[selected], y[selected])
    DecisionBoundaryDisplay.from_estimator(
        classifier,
        np.array([low, high]),
        ax=ax,
        eps=0,
        response_method="predict",
        plot_method="contour",
        colors="0.4",
        linewidths=1,
    )
    ax.scatter(*X.T, c=colors[y], s=4, alpha=0.25)
    ax.scatter(*X[selected].T, c=colors[y[selected]], s=60, edgecolors="black")
    ax.set_title(
        f"{type(sampler).__name__}({len(selected)})\n"
        f"test accuracy {classifier.score(X_test, y_test):.3f}"
    )
for ax in axes:
    ax.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
plt.show()

# %%
# One draw is no evidence. These are the mean and the standard deviation of the test accuracy for 20
# draws of the training data:

for sampler in [Uniform(20), Coreset(20)]:
    accuracies = []
    for seed in range(20):
        X, y, _ = make_data(seed)
        X_small, y_small = sampler.set_params(random_state=seed).fit_resample(X, y)
        accuracies.append(SVC(C=5).fit(X_small, y_small).score(X_test, y_test))
    print(f"{type(sampler).__name__:<8} {np.mean(accuracies):.3f} +- {np.std(accuracies):.3f}")
