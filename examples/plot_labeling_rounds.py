"""
Labels in rounds
================

In active learning, samples are labeled in rounds: a classifier is fitted on the labeled samples and
is used to select the samples to label next. This example shows the two parameters for samples that
are labeled already, and how the accuracy depends on the number of samples in each round.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skcoreset import FacilityLocation, Margin, UncertaintyHerding

X, y = load_digits(return_X_y=True)
X = X / 16  # gray values from 0 to 1

# %%
# The first labels
# ----------------
# There are no labels yet. :class:`~skcoreset.FacilityLocation` selects typical samples by the
# features alone. If some samples are labeled already, such as the first five here, pass them as
# ``init``: they are selected first, count towards the budget, and the other samples are selected
# where these are not typical.

given = np.arange(5)
first = FacilityLocation(20, init=given).fit(X).sample_indices_
print("labeled already:", first[:5], " to label:", first[5:])

# %%
# The rounds
# ----------
# In each round, the classifier is fitted on all labeled samples, and a method selects the samples to
# label next. :class:`~skcoreset.Margin` selects the samples with the smallest margins. With
# ``exclude=labeled``, it selects none that is labeled already, and ``sample_indices_`` are indices
# of ``X``. :class:`~skcoreset.UncertaintyHerding` selects samples that are similar to many samples
# with small margins, and to no labeled sample. The labeled samples are its ``init``: they count
# towards the budget and are the first ones of ``sample_indices_``.


def by_margin(classifier, X, labeled, batch):
    return Margin(classifier, batch, exclude=labeled).fit(X).sample_indices_


def by_herding(classifier, X, labeled, batch):
    sampler = UncertaintyHerding(classifier, len(labeled) + batch, init=labeled).fit(X)
    return sampler.sample_indices_[len(labeled) :]


def accuracies(method, batch, seed, n_labels=320):
    """Numbers of labels and test accuracies, with `batch` labels in each round."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=600, random_state=seed)
    labeled = FacilityLocation(20).fit(X_train).sample_indices_
    numbers, scores = [], []
    while True:
        classifier = LogisticRegression(C=10, max_iter=1000)
        classifier.fit(X_train[labeled], y_train[labeled])
        numbers.append(len(labeled))
        scores.append(classifier.score(X_test, y_test))
        if len(labeled) >= n_labels:
            return numbers, scores
        new = method(classifier, X_train, labeled, batch)
        labeled = np.concatenate([labeled, new])


methods = {"Margin": by_margin, "UncertaintyHerding": by_herding}
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, (name, method) in zip(axes, methods.items(), strict=True):
    for batch in (20, 100, 300):
        runs = [accuracies(method, batch, seed) for seed in range(5)]
        numbers, mean = runs[0][0], np.mean([scores for _, scores in runs], axis=0)
        ax.plot(numbers, mean, marker="o", markersize=4, label=f"{batch} in each round")
        print(f"{name}, {batch} in each round: {mean[-1]:.3f} with {numbers[-1]} labels")
    ax.set_xlabel("labels")
    ax.set_title(name, loc="left")
    ax.grid(color="0.93")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("test accuracy")
axes[0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# The samples with the smallest margins of one classifier are similar to each other, so that the
# label of one of them makes most of the others unnecessary. With small rounds, the classifier is
# fitted on the labels of the rounds before, and the two methods reach the same accuracy. In large
# rounds, the samples that :class:`~skcoreset.UncertaintyHerding` selects differ from each other.
# The :doc:`benchmarks <../benchmarks>` compare other methods.
