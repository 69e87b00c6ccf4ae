"""Regression on coresets: R^2 of three regressors, by method and budget.

python doc/benchmarks/regression.py        about ten minutes on one core

The target is standardized by its mean and standard deviation in the coreset, and the regressors get
the weights of the coreset, divided by their mean, if they take any.
"""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.validation import has_fit_parameter

from skcoreset import CRAIG, GradMatch, Herding, ImportanceSampling, KCenterGreedy, Uniform

SPLITS, SIZES = 10, (30, 100)
REGRESSORS = {"Ridge": Ridge(), "SVR": SVR(C=10), "neighbors": KNeighborsRegressor(5)}


def datasets():
    X, y = load_diabetes(return_X_y=True)
    yield "diabetes", X, y + 0.5  # not whole numbers, which would be classes
    yield "friedman1", *make_friedman1(3000, noise=1, random_state=0)


def samplers(size, seed):
    return {
        "Uniform": Uniform(size, random_state=seed),
        "Uniform, quantile": Uniform(size, stratify="quantile", random_state=seed),
        "Herding, rbf": Herding(size, kernel="rbf"),
        "Herding, rbf, quantile": Herding(size, kernel="rbf", stratify="quantile"),
        "KCenterGreedy": KCenterGreedy(size),
        "KCenterGreedy, quantile": KCenterGreedy(size, stratify="quantile"),
        "CRAIG(Ridge())": CRAIG(Ridge(), size),
        "CRAIG(SVR(C=10))": CRAIG(SVR(C=10), size),
        "GradMatch(Ridge())": GradMatch(Ridge(), size),
        "leverage": ImportanceSampling(size, sensitivity="leverage", random_state=seed),
        "loss, Ridge()": ImportanceSampling(
            size, sensitivity="loss", estimator=Ridge(), random_state=seed
        ),
        "gradient, Ridge()": ImportanceSampling(
            size, sensitivity="gradient", estimator=Ridge(), random_state=seed
        ),
    }


def score(regressor, X, y, weight, X_test, y_test):
    middle, unit = y.mean(), y.std()
    model = clone(regressor)
    given = (
        {"sample_weight": weight / weight.mean()}
        if has_fit_parameter(model, "sample_weight")
        else {}
    )
    model.fit(X, (y - middle) / unit, **given)
    return r2_score(y_test, model.predict(X_test) * unit + middle)


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", ".*fewer than the budget")
    for name, X, y in datasets():
        found = {}
        for seed in range(SPLITS):
            A, B, a, b = train_test_split(X, y, random_state=seed)
            scaler = StandardScaler().fit(A)
            A, B = scaler.transform(A), scaler.transform(B)
            for size in SIZES:
                for method, sampler in samplers(size, seed).items():
                    sampler.fit(A, (a - a.mean()) / a.std())
                    rows, weight = sampler.sample_indices_, sampler.sample_weight_
                    for kind, regressor in REGRESSORS.items():
                        found.setdefault((method, size, kind), []).append(
                            score(regressor, A[rows], a[rows], weight, B, b)
                        )
        print(f"\n{name}: R^2, mean of {SPLITS} splits; in each group {SIZES} samples")
        print(" " * 24, *(f"{kind:>13}" for kind in REGRESSORS))
        for method in samplers(1, 0):
            cells = [
                "  ".join(f"{np.mean(found[method, size, kind]):6.3f}" for size in SIZES)
                for kind in REGRESSORS
            ]
            print(f"{method:24}", *(f"{cell:>13}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
