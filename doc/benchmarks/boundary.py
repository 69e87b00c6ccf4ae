"""Time of the methods at the decision boundary, for several classifiers, in one run.

    python doc/benchmarks/boundary.py --data DIR

DIR holds ``mnist.npz`` (X_train, y_train); without it MNIST comes from OpenML. Prints a table and
writes boundary.rst.
"""

import argparse
import os
import platform
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
from sklearn.datasets import fetch_openml
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skcoreset import DeepFool, Margin


def mnist(folder):
    """Pixels from 0 to 1 in float32, and labels."""
    if folder is None:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        X, y = X[:60_000], y[:60_000].astype(int)
    else:
        with np.load(Path(folder) / "mnist.npz") as file:
            X, y = file["X_train"].reshape(60_000, -1), file["y_train"]
    return (X / 255).astype(np.float32), y


def by_turns(contestants, runs):
    """Fastest time of `runs` alternating runs of each function, and its last result."""
    best, answers = dict.fromkeys(contestants, np.inf), {}
    for _ in range(runs):
        for name, function in contestants.items():
            start = perf_counter()
            answers[name] = function()
            best[name] = min(best[name], perf_counter() - start)
    return best, answers


def quickly(model, X, y):
    """`model` fitted on few samples, possibly not to convergence: only predictions are timed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def linear(X, y):
    """DeepFool compared with one prediction of all 60,000 samples."""
    rows = []
    for dtype in (np.float32, np.float64):
        Z = X.astype(dtype)
        for name, target in (("10 classes", y), ("2 classes", (y < 5).astype(int))):
            model = quickly(LogisticRegression(max_iter=20), Z[:5000], target[:5000])
            best, _ = by_turns(
                {
                    "asking": lambda model=model, Z=Z: model.decision_function(Z),
                    "deepfool": lambda model=model, Z=Z: DeepFool(model, 600).fit(Z),
                },
                runs=7,
            )
            rows.append(
                [
                    np.dtype(dtype).name,
                    name,
                    f"{best['asking']:.3f}",
                    f"{best['deepfool']:.3f}",
                    f"{best['deepfool'] / best['asking']:.2f}",
                ]
            )
    return rows


def others(X, y, n=20_000):
    """Classifiers that are not linear, on 20,000 samples."""
    X, y = X[:n], y[:n]
    models = {
        "SVC, RBF kernel": SVC(),
        "MLPClassifier, 100 hidden": MLPClassifier(max_iter=20, random_state=0),
        "RandomForestClassifier, 100 trees": RandomForestClassifier(random_state=0),
    }
    samplers = {"DeepFool": DeepFool, "Margin": Margin}
    rows = []
    for name, model in models.items():
        start = perf_counter()
        quickly(model, X[:5000], y[:5000])
        fitting = perf_counter() - start
        for method, Sampler in samplers.items():
            sampler = Sampler(model, n // 100)
            start = perf_counter()
            sampler.fit(X)
            seconds = perf_counter() - start
            rows.append(
                [
                    name,
                    f"{fitting:.1f}",
                    method,
                    getattr(sampler, "route_", "-"),
                    f"{seconds:.1f}",
                    f"{getattr(sampler, 'n_predict_rows_', n) / n:.1f}",
                    f"{np.isfinite(sampler.scores_).mean():.1%}",
                ]
            )
    return rows


def table(title, text, header, rows):
    lines = [title, "-" * len(title), "", text, "", ".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def machine():
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return (
        f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy "
        f"{np.__version__}, scikit-learn {sklearn.__version__}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz; default: download from OpenML")
    X, y = mnist(parser.parse_args().data)
    title = "Decision boundary: time"
    out = f"{title}\n{'=' * len(title)}\n\n"
    out += f"Written by ``doc/benchmarks/boundary.py``. {machine()}\n\n"
    threads = os.environ.get("OMP_NUM_THREADS")
    out += f"Threads: {threads or 'as many as the libraries take'}.\n\n"
    out += table(
        "Logistic regression: DeepFool compared with one prediction",
        "60,000 samples of MNIST, 784 features. The times in seconds are the fastest of 7\n"
        "alternating runs of one ``decision_function`` and of\n"
        "``DeepFool(classifier, 600).fit(X)``.",
        ["dtype", "classes", "decision_function", "DeepFool", "ratio"],
        linear(X, y),
    )
    out += table(
        "Other classifiers: 20,000 samples",
        "MNIST, float32, 784 features; the classifier is fitted on 5,000 of the samples. Each\n"
        'method runs once. "predictions" is the average number of predictions per sample;\n'
        '"converged" is the fraction of samples with a finite score.',
        ["classifier", "fit of the classifier, seconds", "method", "route", "seconds"]
        + ["predictions", "converged"],
        others(X, y),
    )
    print(out)
    Path(__file__).with_name("boundary.rst").write_text(out.rstrip() + "\n")


if __name__ == "__main__":
    main()
