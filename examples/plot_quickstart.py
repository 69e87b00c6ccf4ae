"""
Quickstart: a small training set from the digits
================================================

:class:`~skcoreset.Coreset` selects a small part of the digits dataset of scikit-learn, and a
support vector machine is trained on the selected samples. Its accuracy is compared with those of
machines that are trained on as many random samples, and on all samples.
"""

import sys

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skcoreset import Coreset, CoresetCurveDisplay, SelectionDisplay, Uniform, coreset_curve

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Select samples and train on them
# --------------------------------
# ``fit_resample`` returns the selected samples and their labels. ``Uniform`` selects random samples
# of each class.

for sampler in [Coreset(0.05, random_state=0), Uniform(0.05, random_state=0)]:
    X_small, y_small = sampler.fit_resample(X_train, y_train)
    accuracy = SVC(C=10).fit(X_small, y_small).score(X_test, y_test)
    print(f"{type(sampler).__name__:<8}{len(X_small)} of {len(X_train)} samples: {accuracy:.3f}")

# %%
# Compare several sizes
# ---------------------
# One split and one random draw are no evidence. ``coreset_curve`` compares several sizes by
# cross-validation with five folds, and repeats the random draws five times in each fold.

results = coreset_curve(
    SVC(C=10), X, y, samplers=Coreset(), coreset_sizes=[0.01, 0.02, 0.05, 0.1, 0.2], random_state=0
)
print(f"\n{'':<8}" + "".join(f"{size:>8.0%}" for size in results.coreset_sizes))
for name, scores in zip(results.sampler_names, results.test_scores, strict=True):
    print(f"{name:<8}" + "".join(f"{score:>8.3f}" for score in scores.mean(axis=1)))
print(f"all samples: {results.full_test_scores.mean():.3f}")

# %%
# Plot the results
# ----------------
# The left plot shows the mean accuracies, with their standard deviations as bands. The right plot
# shows the samples that are selected from the training data above.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
CoresetCurveDisplay.from_results(results, ax=left)
left.set_title("Cross-validation of SVC(C=10) on coresets", fontsize="medium")
sampler = Coreset(0.05, random_state=0).fit(X_train, y_train)
SelectionDisplay.from_sampler(sampler, X_train, y_train, ax=right)
if "sphinx_gallery" not in sys.modules:  # run as a script
    fig.savefig("quickstart.png", dpi=150)
    print("\nThe figure was saved as quickstart.png.")
plt.show()
