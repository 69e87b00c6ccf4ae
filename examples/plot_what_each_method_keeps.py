"""
What each method keeps
======================

Three classes of 350, 180 and 70 rows, one dense, one less so, one thin, and four outliers. Every
method keeps 30 of the 604 rows, each class in proportion.

What to see:

- **Uniform** keeps rows where the rows are, by chance: some lie close together, and the rest of
  their class has none.
- **Herding** keeps rows around the middle of each class, so that their mean is that of the class.
  The outliers are left out.
- **KCenterGreedy** covers the whole table, the outliers included. The area of a marker is the
  weight of the row: a marker inside a class stands for many rows, an outlier for itself.
- **LeastConfidence**, **Entropy** and **Margin** ask a classifier and keep the rows near its
  decision boundary (the lines). Margin looks at the two best classes, so any boundary will do;
  Entropy is drawn more to the point where all three classes meet; LeastConfidence lies between
  them. The outliers far from the boundary are left out.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression

from skcoreset import Entropy, Herding, KCenterGreedy, LeastConfidence, Margin, Uniform

X, y = make_blobs(
    n_samples=[350, 180, 70],
    centers=[(-2.2, 0), (2.2, 0), (0, 3.4)],
    cluster_std=[0.8, 1.1, 1.4],
    random_state=0,
)
outliers = [(-6, 4.5), (-5.5, -3.5), (6, -3.5), (5, 6.5)]
X, y = np.vstack([X, outliers]), np.append(y, [0, 0, 1, 2])

classifier = LogisticRegression().fit(X, y)
samplers = [
    Uniform(30, random_state=0),
    Herding(30),
    KCenterGreedy(30),
    LeastConfidence(classifier, 30),
    Entropy(classifier, 30),
    Margin(classifier, 30),
]

colors = np.array(["C0", "C1", "C2"])
fig, axes = plt.subplots(2, 3, figsize=(10.5, 7), sharex=True, sharey=True, layout="constrained")
for ax, sampler in zip(axes.flat, samplers, strict=True):
    sampler.fit(X, y)
    kept, weight = sampler.sample_indices_, sampler.sample_weight_
    ax.scatter(*X.T, s=7, c=colors[y], alpha=0.3, linewidths=0)
    if hasattr(sampler, "estimator_"):
        DecisionBoundaryDisplay.from_estimator(
            sampler.estimator_,
            X,
            response_method="predict",
            plot_method="contour",
            grid_resolution=300,
            ax=ax,
            levels=[0.5, 1.5],
            colors="0.3",
            linewidths=1,
        )
    ax.scatter(*X[kept].T, s=3 * weight, c=colors[y[kept]], edgecolors="black", linewidths=1)
    ax.set_title(type(sampler).__name__)
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="", aspect="equal")
fig.suptitle("Rows kept (outlined, area = weight): 30 of 604")
plt.show()
