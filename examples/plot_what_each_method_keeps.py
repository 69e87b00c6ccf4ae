"""
What each method keeps
======================

Three classes of 350, 180 and 70 rows, one dense, one less so, one thin, and four outliers. Every
method keeps 30 of the 604 rows, each class in proportion.

What to see:

- **Uniform** keeps rows where the rows are, by chance: some lie close together, and other places
  have none.
- **Herding** keeps the mean of each class and nothing else. With two columns the rows in the
  middle are enough for that, so do not use it like this on a table of few columns.
- **Herding with a kernel** keeps the expectation of many functions, so the rows spread over each
  class as its mass does. The outliers are left out.
- **KCenterGreedy** covers the whole table, the outliers included. Its weights put that right: a
  large marker inside a class stands for many rows, an outlier for itself.
- **LeastConfidence**, **Entropy** and **Margin** ask a classifier and keep the rows near its
  decision boundary (the lines). Margin looks at the two best classes, so any part of the boundary
  will do; Entropy is drawn to where all three classes meet. Most of the table, the outliers
  included, is left out.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from skcoreset import Entropy, Herding, KCenterGreedy, LeastConfidence, Margin, Uniform

X, y = make_blobs(
    n_samples=[350, 180, 70],
    centers=[(-2.2, 0), (2.2, 0), (0, 3.4)],
    cluster_std=[0.8, 1.1, 1.4],
    random_state=0,
)
outliers = [(-6, 1.5), (-5.5, -3.5), (6, -3.5), (5, 6.5)]
X, y = np.vstack([X, outliers]), np.append(y, [0, 0, 1, 2])

classifier = LogisticRegression().fit(X, y)
samplers = {
    "Uniform": Uniform(30, random_state=0),
    "Herding": Herding(30),
    'Herding(kernel="rbf")': Herding(30, kernel="rbf"),
    "KCenterGreedy": KCenterGreedy(30),
    "LeastConfidence": LeastConfidence(classifier, 30),
    "Entropy": Entropy(classifier, 30),
    "Margin": Margin(classifier, 30),
}

grid = np.meshgrid(np.linspace(-7, 7, 400), np.linspace(-4.5, 7.5, 400))
regions = classifier.predict(np.stack(grid, axis=-1).reshape(-1, 2)).reshape(400, 400)
colors = np.array(["C0", "C1", "C2"])
fig, axes = plt.subplots(2, 4, figsize=(13, 6.4), layout="constrained")
for ax in axes.flat:
    ax.scatter(*X.T, s=7, c=colors[y], alpha=0.4, linewidths=0)
    ax.set(xticks=[], yticks=[], xlim=(-7, 7), ylim=(-4.5, 7.5), aspect="equal")
axes[0, 0].set_title(f"all {len(y)} rows")

for ax, (name, sampler) in zip(axes.flat[1:], samplers.items(), strict=True):
    sampler.fit(X, y)
    kept, weight = sampler.sample_indices_, sampler.sample_weight_
    if hasattr(sampler, "estimator_"):
        ax.contour(*grid, regions, levels=[0.5, 1.5], colors="0.3", linewidths=1)
    ax.scatter(*X[kept].T, s=2.5 * weight, c=colors[y[kept]], edgecolors="black", linewidths=1)
    ax.set_title(name)
fig.suptitle(f"The {len(kept)} rows kept are outlined; the area of a marker is the row's weight")
plt.show()
