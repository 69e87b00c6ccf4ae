"""
Recipe: a parameter search on a coreset
=======================================

A parameter search fits a model many times. This example searches the parameters of a support vector
machine on all samples, by successive halving, and on a coreset, and compares the seconds of the
search and the accuracy of the best model, fitted on all samples.
"""

from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, train_test_split
from sklearn.svm import SVC

from skcoreset import Coreset, Uniform

X, y = make_classification(
    4000, n_informative=8, n_clusters_per_class=4, flip_y=0.05, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1500, random_state=0)
grid = {"C": [0.1, 1, 10, 100], "gamma": [0.003, 0.01, 0.03, 0.1, 0.3]}

# %%
# The coreset is selected once, from the training data, and the search is fitted on it without
# knowing of coresets. Its scores are estimates on the selected samples only: use them to compare
# parameters, and the test data to know the accuracy.


def search(name):
    """Seconds, and the test accuracy of the best parameters on all training samples."""
    start = perf_counter()
    if name == "all samples":
        best = GridSearchCV(SVC(), grid, cv=3, refit=False).fit(X_train, y_train)
    elif name == "HalvingGridSearchCV":
        best = HalvingGridSearchCV(SVC(), grid, cv=3, refit=False, random_state=0)
        best.fit(X_train, y_train)
    else:
        sampler = {"Coreset, 20 %": Coreset, "Uniform, 20 %": Uniform}[name](0.2, random_state=0)
        X_small, y_small = sampler.fit_resample(X_train, y_train)
        best = GridSearchCV(SVC(), grid, cv=3, refit=False).fit(X_small, y_small)
    seconds = perf_counter() - start
    accuracy = SVC(**best.best_params_).fit(X_train, y_train).score(X_test, y_test)
    return seconds, accuracy, best.best_params_


names = ["all samples", "HalvingGridSearchCV", "Coreset, 20 %", "Uniform, 20 %"]
found = {name: search(name) for name in names}
for name, (seconds, accuracy, parameters) in found.items():
    print(f"{name:<20} {seconds:6.2f} s  accuracy {accuracy:.3f}  {parameters}")

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(names, [found[name][0] for name in names], color=["0.6", "C1", "C0", "0.6"])
ax.set(xlabel="seconds of the search", xlim=(0, 1.25 * found["all samples"][0]))
for position, name in enumerate(names):
    seconds, accuracy, _ = found[name]
    ax.annotate(f" accuracy {accuracy:.3f}", (seconds, position), va="center")
ax.invert_yaxis()
ax.spines[["top", "right"]].set_visible(False)
plt.show()
