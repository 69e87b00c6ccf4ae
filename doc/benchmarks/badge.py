"""D^2 sampling and BADGE: time, memory and result against scikit-learn and scikit-activeml.

    python doc/benchmarks/badge.py --data DIR

DIR holds ``letter.data.gz`` (the letter data of UCI) and ``mnist.npz``. scikit-activeml must be
installed: ``pip install scikit-activeml``. Prints the tables and writes badge.rst.
"""

import argparse
import tracemalloc
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from contrastive import machine, table
from labeling_rounds import interval
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Badge
from sklearn.base import clone
from sklearn.cluster import kmeans_plusplus
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcoreset import BADGE, D2Sampling, FacilityLocation, Margin, Uniform

SEEDS = range(5)
MISSING = -1  # the label of samples without a label, for scikit-activeml


def letter(folder):
    path = Path(folder) / "letter.data.gz"
    rows = pd.read_csv(path, sep=r"\s+", header=None).sample(frac=1, random_state=0)
    return rows.iloc[:, :-1].to_numpy(float), rows.iloc[:, -1].to_numpy()


def timed(functions, seeds):
    """Median CPU seconds over the seeds, taken in turns, peak memory in MiB, and the picks."""
    seconds, peak, picks = ({name: [] for name in functions} for _ in range(3))
    for seed in seeds:
        for name, function in functions.items():
            start = process_time()
            picks[name].append(function(seed))
            seconds[name].append(process_time() - start)
    for name, function in functions.items():
        tracemalloc.start()
        function(0)
        peak[name] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return {name: np.median(of) for name, of in seconds.items()}, peak, picks


def rows_of(functions, seeds, cost, label):
    seconds, peak, picks = timed(functions, seeds)
    ours = next(iter(functions))
    costs = {name: np.array([cost(p) for p in of]) for name, of in picks.items()}
    return [
        [
            label,
            name,
            f"{seconds[name]:.2f}",
            f"{seconds[name] / seconds[ours]:.1f}",
            f"{peak[name]:.0f}",
            f"{costs[name].mean() / costs[ours].mean():.3f}",
        ]
        for name in functions
    ], picks


def d2_tables(folder):
    X, _ = letter(folder)
    with np.load(Path(folder) / "mnist.npz") as file:
        digits = file["X_train"].reshape(60_000, -1)[:3000] / 255.0
    normal = np.random.default_rng(0).standard_normal((30_000, 50))
    for label, X, k in (  # noqa: B020
        ("letter, 20,000 x 16, k = 300", X, 300),
        ("MNIST, 3,000 x 784, k = 200", digits, 200),
        ("normal, 30,000 x 50, k = 200", normal, 200),
    ):
        functions = {
            "D2Sampling": lambda seed: D2Sampling(k, random_state=seed).fit(X).sample_indices_,  # noqa: B023
            "kmeans_plusplus(n_local_trials=1)": lambda seed: kmeans_plusplus(
                X,  # noqa: B023
                k,  # noqa: B023
                random_state=seed,
                n_local_trials=1,
            )[1],
            "kmeans_plusplus": lambda seed: kmeans_plusplus(X, k, random_state=seed)[1],  # noqa: B023
        }

        def cost(picks):
            nearest = pairwise_distances_argmin_min(X, X[picks])[1]  # noqa: B023
            return (nearest**2).sum()

        rows, _ = rows_of(functions, range(3), cost, label)
        print(*rows, sep="\n", flush=True)
        yield from rows


def badge_rows(folder):
    X, y = letter(folder)
    with np.load(Path(folder) / "mnist.npz") as file:
        Z, z = file["X_train"].reshape(60_000, -1) / 255.0, file["y_train"]
    for label, X, y, n, k in (  # noqa: B020
        ("letter, 5,000 x 16, 26 classes, k = 100", X, y, 5000, 100),
        ("MNIST, 2,000 x 784, 10 classes, k = 50", Z, z, 2000, 50),
    ):
        y = np.unique(y, return_inverse=True)[1]
        model = LogisticRegression(max_iter=1000, fit_intercept=False).fit(X[:500], y[:500])
        pool = X[500 : 500 + n]
        # scikit-activeml has no intercept in the gradients, so there is none here.
        wrapped = SklearnClassifier(model, classes=model.classes_, missing_label=MISSING).fit(
            X[:500], y[:500]
        )
        p = model.predict_proba(pool)
        a = p - np.eye(p.shape[1])[p.argmax(axis=1)]

        def cost(picks):
            squares = (a**2).sum(axis=1) * (pool**2).sum(axis=1)  # noqa: B023
            products = (a @ a[picks].T) * (pool @ pool[picks].T)  # noqa: B023
            D = squares[:, None] + squares[picks][None, :] - 2 * products
            return np.maximum(D.min(axis=1), 0).sum()

        functions = {
            "BADGE": lambda seed: BADGE(model, k, random_state=seed).fit(pool).sample_indices_,  # noqa: B023
            "scikit-activeml Badge": lambda seed: Badge(
                missing_label=MISSING, random_state=seed
            ).query(
                pool,  # noqa: B023
                np.full(len(pool), MISSING),  # noqa: B023
                wrapped,  # noqa: B023
                fit_clf=False,
                batch_size=k,  # noqa: B023
            ),
        }
        rows, picks = rows_of(functions, range(3), cost, label)
        first = {name: {int(p[0]) for p in of} for name, of in picks.items()}
        print(label, "first picks:", first, flush=True)
        print(*rows, sep="\n", flush=True)
        yield from rows


def rounds(folder):
    """Accuracy on letter with 100 and 400 labels after the first 50, in rounds of 100 and 400."""
    X, y = letter(folder)
    X, y = X[:6000], y[:6000]
    models = {
        "logistic regression": make_pipeline(
            StandardScaler(), LogisticRegression(C=10, max_iter=1000)
        ),
        "random forest": RandomForestClassifier(100, random_state=0),
    }
    for model_name, model in models.items():
        scores = {}
        for seed in SEEDS:
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=1 / 3, random_state=seed
            )
            first = np.random.default_rng(seed).permutation(len(y_train))[:50]

            def score(labeled):
                fitted = clone(model).fit(X_train[labeled], y_train[labeled])  # noqa: B023
                return fitted, fitted.score(X_test, y_test)  # noqa: B023

            methods = {
                "Uniform": lambda fitted, k, labeled: Uniform(k, random_state=len(labeled)).fit(
                    np.delete(X_train, labeled, axis=0)  # noqa: B023
                ),
                "Margin": lambda fitted, k, labeled: Margin(fitted, k, exclude=labeled).fit(
                    X_train  # noqa: B023
                ),
                "BADGE": lambda fitted, k, labeled: BADGE(
                    fitted,
                    k,
                    exclude=labeled,
                    random_state=seed,  # noqa: B023
                ).fit(X_train),  # noqa: B023
                "BADGE(init=labeled)": lambda fitted, k, labeled: BADGE(
                    fitted,
                    k + len(labeled),
                    init=labeled,
                    random_state=seed,  # noqa: B023
                ).fit(X_train),  # noqa: B023
            }
            for name, method in methods.items():
                for batch in (100, 400):
                    labeled = first
                    while len(labeled) < 450:
                        fitted, _ = score(labeled)
                        new = method(fitted, batch, labeled).sample_indices_
                        if name == "Uniform":
                            new = np.delete(np.arange(len(X_train)), labeled)[new]
                        labeled = np.concatenate([labeled, np.setdiff1d(new, labeled)])
                        if len(labeled) in (150, 450):
                            scores.setdefault((name, batch, len(labeled) - 50), []).append(
                                score(labeled)[1]
                            )
            cover = FacilityLocation(450, init=first).fit(X_train).sample_indices_
            for n in (100, 400):
                scores.setdefault(("FacilityLocation(init=labeled)", "all", n), []).append(
                    score(cover[: 50 + n])[1]
                )
        for name, batch in dict.fromkeys(key[:2] for key in scores):
            cells = []
            for n in (100, 400):
                if (name, batch, n) not in scores:
                    cells.append("")
                    continue
                of = np.array(scores[name, batch, n])
                beside = scores["Uniform", 100 if batch == "all" else batch, n]
                mean, width = interval(of - np.array(beside))
                cells.append(f"{of.mean():.3f} ({mean:+.3f} ± {width:.3f})")
            print(model_name, name, batch, cells, flush=True)
            yield [model_name, name, str(batch), *cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with letter.data.gz and mnist.npz")
    folder = parser.parse_args().data
    title = "D2Sampling and BADGE"
    target = ".. _benchmark_badge:\n\n"
    out = f"{target}{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/badge.py``. {machine()}\n\n"
    header = ["data", "method", "CPU seconds", "ratio", "peak memory, MiB", "cost"]
    text = (
        "Median CPU time of 3 seeds in alternating runs; the ratio of the times; the peak memory\n"
        "that one fit allocates. The cost is the sum of the squared distances of all samples to\n"
        "the nearest selected sample, relative to that of this package. By default,\n"
        "``kmeans_plusplus`` draws 2 + ln k candidates for each center and takes the best one."
    )
    out += table("D2Sampling and kmeans_plusplus", text, header, list(d2_tables(folder)))
    text = (
        "The same, with squared distances of gradients. The classifier is a logistic regression\n"
        "without an intercept, which is fitted before, because scikit-activeml leaves the\n"
        "intercept out of the gradients. Both select the same sample first. The draws of\n"
        "scikit-activeml 1.0.1 have other probabilities: it limits the squared distance of each\n"
        "gradient by its squared length, as if a gradient of 0 were selected."
    )
    out += table("BADGE and scikit-activeml", text, header, list(badge_rows(folder)))
    text = (
        "Accuracy on 2,000 test samples of letter with 100 and 400 labels after 50 random ones\n"
        f"out of 4,000 samples, means of {len(SEEDS)} splits. In parentheses: difference to\n"
        "`Uniform` on the same splits, with its 95 % confidence interval. `BADGE` leaves the\n"
        "labeled samples out (`exclude`), as in the paper, or begins with them (`init`)."
    )
    header = ["classifier", "method", "labels in a round", "100 labels", "400 labels"]
    out += table("Labels in rounds: BADGE", text, header, list(rounds(folder)))
    print(out)
    Path(__file__).with_name("badge.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
