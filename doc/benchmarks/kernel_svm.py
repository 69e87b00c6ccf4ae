"""Accuracy of a kernel SVM that is fitted on coresets selected by its own gradients.

    python doc/benchmarks/kernel_svm.py

Prints the mean over 6 splits, and its standard error, for 5, 10 and 20 % of the samples of two
datasets of scikit-learn, with standardized features and with the weights of the coreset.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skcoreset import CRAIG, GradMatch, Uniform

SAMPLERS = {
    "Uniform": lambda size, seed: Uniform(size, random_state=seed),
    "CRAIG": lambda size, seed: CRAIG(SVC(C=10), size),
    "GradMatch": lambda size, seed: GradMatch(SVC(C=10), size),
    "CRAIG, features": lambda size, seed: CRAIG(SVC(C=10), size, gradient="features"),
}


def accuracy(sampler, X, y, X_test, y_test):
    selected = sampler.fit(X, y).sample_indices_
    model = SVC(C=10).fit(X[selected], y[selected], sample_weight=sampler.sample_weight_)
    return model.score(X_test, y_test)


def main():
    for load in (load_digits, load_breast_cancer):
        X, y = load(return_X_y=True)
        splits = StratifiedShuffleSplit(6, test_size=0.25, random_state=0)
        scores = {name: [] for name in SAMPLERS}
        for seed, (train, test) in enumerate(splits.split(X, y)):
            scaler = StandardScaler().fit(X[train])
            data = scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]
            for name, sampler in SAMPLERS.items():
                row = [accuracy(sampler(size, seed), *data) for size in (0.05, 0.1, 0.2)]
                scores[name].append(row)
        for name, rows in scores.items():
            error = np.std(rows, axis=0, ddof=1) / len(rows) ** 0.5
            print(load.__name__, name, np.mean(rows, axis=0).round(3), "+-", error.round(3))


if __name__ == "__main__":
    main()
