"""
Which samples each method selects
=================================

The dataset has two features, three classes of 350, 180 and 70 samples with increasing variance, and
four outliers. Each method selects 30 of the 604 samples, with the class proportions of the dataset.

- **Uniform** selects samples at random. Some selected samples are close to each other, and some
  regions contain none.
- **Herding** approximates the mean of each class, and no other statistic. With two features,
  samples near the mean are sufficient for this. Use another method if there are few features.
- **Herding with a kernel** approximates the expectations of all functions in the space of the
  kernel, so the selected samples follow the density of each class. It selects no outliers.
- **KCenterGreedy** covers the whole dataset, including the outliers. The sample weights compensate
  for this: a selected sample in a dense region has a large weight, and an outlier a small one.
- **LeastConfidence**, **Entropy** and **Margin** use the predictions of a classifier and select
  samples near its decision boundary (the lines). The margin is small everywhere along the boundary,
  while the entropy is largest where the three classes meet. Most samples far from the boundary,
  including the outliers, are not selected.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from skcoreset import (
    Entropy,
    Herding,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    SelectionDisplay,
    Uniform,
)

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
fig, axes = plt.subplots(2, 4, figsize=(13, 6.4), layout="constrained")
axes[0, 0].scatter(*X.T, s=7, c=[f"C{label}" for label in y], alpha=0.5, linewidths=0)
axes[0, 0].set_title(f"all {len(y)} samples", fontsize="medium")

for ax, (name, sampler) in zip(axes.flat[1:], samplers.items(), strict=True):
    sampler.fit(X, y)
    SelectionDisplay.from_sampler(sampler, X, y, ax=ax, name=name, legend=False)
    if hasattr(sampler, "estimator_"):
        ax.contour(*grid, regions, levels=[0.5, 1.5], colors="0.3", linewidths=1)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    ax.set(xlim=(-7, 7), ylim=(-4.5, 7.5), aspect="equal")
fig.suptitle(
    f"The {sampler.coreset_size} selected samples are outlined; "
    "the area of a marker is proportional to the sample weight"
)
plt.show()
