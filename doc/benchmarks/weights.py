"""Weights of a coreset in the fit of a classifier: which sum, and whether at all.

    python doc/benchmarks/weights.py --data DIR [--seeds 3] [--jobs 1]

DIR holds the files named in `TABLES`. Writes weights.rst and the figure
doc/user_guide/weights.svg, and prints the former. Needs matplotlib and pandas. Three seeds take
about ten minutes on one core.
"""

import argparse
import bz2
import os
import platform
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from matplotlib import rcParams
from matplotlib.figure import Figure
from sklearn.datasets import load_svmlight_file
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skcoreset import (
    CRAIG,
    FacilityLocation,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Uniform,
)

POOL, TEST = 5_000, 3_000
SIZES = [0.01, 0.05, 0.2]
MODELS = {
    "SVC(C=1)": lambda seed: SVC(C=1),
    "SVC(C=5)": lambda seed: SVC(C=5),
    "LogisticRegression(C=1)": lambda seed: LogisticRegression(max_iter=500),
    "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(max_iter=50),
    "HistGradientBoosting, l2 = 1": lambda seed: HistGradientBoostingClassifier(
        max_iter=50, l2_regularization=1.0
    ),
    "MLPClassifier": lambda seed: MLPClassifier((50,), max_iter=100, random_state=seed),
}
EQUAL = ["Uniform", "Herding, rbf"]
BALANCED = "Uniform, balanced"
SAMPLERS = {
    "Uniform": lambda size, seed: Uniform(size, random_state=seed),
    "Herding, rbf": lambda size, seed: Herding(size, kernel="rbf"),
    "FacilityLocation": lambda size, seed: FacilityLocation(size),
    "CRAIG": lambda size, seed: CRAIG(coreset_size=size),
    "KCenterGreedy": lambda size, seed: KCenterGreedy(size),
    "ImportanceSampling": lambda size, seed: ImportanceSampling(size, random_state=seed),
    BALANCED: lambda size, seed: Uniform(size, stratify="balanced", random_state=seed),
}
WEIGHTS = ["none", "mean", "total"]

# Data -------------------------------------------------------------------------------------------


def adult(folder):
    table = pd.read_csv(folder / "adult.data.gz", header=None, skipinitialspace=True)
    return pd.get_dummies(table.iloc[:, :-1], dtype=float).to_numpy(), table.iloc[:, -1]


def covtype(folder):
    table = pd.read_csv(folder / "covtype_93k.csv.gz")
    return table.drop(columns="Cover_Type").to_numpy(dtype=float), table["Cover_Type"]


def ijcnn1(folder):
    with bz2.open(folder / "ijcnn1.trn.bz2") as file:
        X, y = load_svmlight_file(file)
    return X.toarray(), y


def letter(folder):
    table = pd.read_csv(folder / "letter.data.gz", sep=r"\s+", header=None)
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


def magic(folder):
    table = pd.read_csv(folder / "magic_train.csv.gz")
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


def mammography(folder):
    with np.load(folder / "adbench_mammography.npz") as file:
        return file["X"], file["y"]


def shuttle(folder):
    table = pd.read_csv(folder / "shuttle.trn.gz", sep=" ", header=None)
    return table.iloc[:, :-1].to_numpy(dtype=float), table.iloc[:, -1]


TABLES = {
    load.__name__: load for load in (adult, covtype, ijcnn1, letter, magic, mammography, shuttle)
}


def drawn(X, y, seed):
    """Pool and test of a seed, standardized by the pool."""
    rows = np.random.default_rng(seed).permutation(len(y))[: POOL + TEST]
    pool, test = rows[:POOL], rows[POOL:]
    test = test[np.isin(y[test], y[pool])]  # a class of a few samples
    scaler = StandardScaler().fit(X[pool])
    return scaler.transform(X[pool]), y[pool], scaler.transform(X[test]), y[test]


# What is measured -------------------------------------------------------------------------------


def scaled(weight, scale):
    """The argument sample_weight of `fit`; `weight` sums to the number of samples of the pool."""
    return {"none": None, "mean": weight / weight.mean(), "total": weight}[scale]


def scores(model, T, y_test):
    predicted = model.predict(T)
    found = {
        "accuracy": 100 * accuracy_score(y_test, predicted),
        "balanced": 100 * balanced_accuracy_score(y_test, predicted),
    }
    if hasattr(model, "predict_proba"):
        p = pd.DataFrame(model.predict_proba(T), columns=model.classes_)
        p = p.reindex(columns=np.union1d(model.classes_, y_test), fill_value=0.0)
        p = p.clip(1e-6, 1).to_numpy()
        found["log-loss"] = log_loss(
            y_test, p / p.sum(axis=1, keepdims=True), labels=np.union1d(model.classes_, y_test)
        )
    return found


def measure_one(table, X, y, seed, size):
    """All samplers, models and weights on one pool with one budget."""
    P, y, T, y_test = drawn(X, y, seed)
    records = []
    for sampler, make in SAMPLERS.items():
        fitted = make(size, seed).fit(P, y)
        kept, weight = fitted.sample_indices_, fitted.sample_weight_
        for model, build in MODELS.items():
            for scale in WEIGHTS:
                learner = build(seed).fit(P[kept], y[kept], sample_weight=scaled(weight, scale))
                where = {"table": table, "seed": seed, "size": size, "sampler": sampler}
                found = scores(learner, T, y_test)
                records.append({**where, "model": model, "weights": scale, **found})
    return records


def measure(folder, seeds, jobs):
    """One thread a process."""

    def job(function, *args):
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return function(*args)

    tasks = []
    for name, load in TABLES.items():
        X, y = load(folder)
        y = np.unique(y, return_inverse=True)[1]
        for seed in seeds:
            tasks += [(measure_one, name, X, y, seed, size) for size in SIZES]
    done = Parallel(n_jobs=jobs)(delayed(job)(*task) for task in tasks)
    return pd.DataFrame([record for records in done for record in records])
