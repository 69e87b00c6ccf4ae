"""One list of all public estimators, which every common test runs over."""

from sklearn.linear_model import LogisticRegression

import skcoreset
from skcoreset import (
    CoresetClassifier,
    CoresetRegressor,
    Entropy,
    Herding,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Uniform,
)

# What a sampler does, as far as the common tests must know it.
LABEL_FREE = [Uniform(random_state=0), Herding(), KCenterGreedy()]
WITH_MODEL = [LeastConfidence(), Entropy(), Margin()]
SAMPLERS = LABEL_FREE + WITH_MODEL

VARIANTS = [
    Herding(kernel="rbf"),
    KCenterGreedy(metric="cosine"),
    KCenterGreedy(init="random", random_state=0),
    Margin(cv=3),
    Margin(LogisticRegression(max_iter=1000, C=0.1)),
]

META = [
    CoresetClassifier(LogisticRegression(), KCenterGreedy(0.6)),
    CoresetRegressor(sampler=KCenterGreedy(0.6, stratify=None)),
]

ALL_NAMES = set(skcoreset.__all__)


def name_of(estimator):
    return type(estimator).__name__


def params_of(estimator):
    """Short and distinct name of a test."""
    text = repr(estimator)
    return "".join(text.split())
