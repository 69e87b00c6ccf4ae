"""One list of all public estimators, which every common test runs over."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import skcoreset
from skcoreset import (
    BADGE,
    CRAIG,
    EL2N,
    AreaUnderMargin,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    Coreset,
    CoresetClassifier,
    CoresetNystroem,
    CoresetRegressor,
    CoresetSearchCV,
    CoverageCentric,
    D2Sampling,
    DataMap,
    DeepFool,
    Entropy,
    FacilityLocation,
    Forgetting,
    GradientEmbedding,
    GradMatch,
    GraNd,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Moderate,
    NearDuplicates,
    ProbCover,
    RPCholesky,
    TransformedSampler,
    UncertaintyHerding,
    Uniform,
)
from skcoreset._backend import take, to_numpy
from skcoreset._feature_based import _check_not_negative
from skcoreset.base import BaseCoreset


# Two methods as the common tests can run them, under their own names.
class FeatureBased(skcoreset.FeatureBased):
    """On the absolute values, because the tables of the common tests have both signs."""

    def _check_X(self, X):
        X = abs(BaseCoreset._check_X(self, X))
        _check_not_negative(to_numpy(X), None)
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = False
        return tags


class KNNShapley(skcoreset.KNNShapley):
    """On the samples themselves as validation samples, which `fit` otherwise requires."""

    def _check_auxiliary(self, table, X_val, y_val):
        if X_val is None and table.classes is not None:
            present = np.flatnonzero(table.sample_weight)
            return {"X_val": take(table.X, present), "y_val": table.codes[present]}
        return super()._check_auxiliary(table, X_val, y_val)


# What a sampler does, as far as the common tests must know it.
LABEL_FREE = [
    Uniform(random_state=0),
    Herding(),
    KCenterGreedy(),
    D2Sampling(random_state=0),
    FacilityLocation(),
    GraphCut(),
    Moderate(),
    ImportanceSampling(random_state=0),
    ProbCover(n_clusters=2, random_state=0),
    RPCholesky(random_state=0),
    FeatureBased(),
    # Sparse tables are not standardized: the same samples for all containers without "auto" only.
    Coreset(features=None, random_state=0),
]
WITH_MODEL = [
    LeastConfidence(),
    Entropy(),
    Margin(),
    BADGE(random_state=0),
    CRAIG(),
    GradMatch(),
    BlackBoxTeaching(coreset_size=0.1, random_state=0),
    DeepFool(),
    ContrastiveActiveLearning(n_neighbors=3),
    UncertaintyHerding(),
]
DYNAMIC = [
    Forgetting(n_epochs=3, batch_size=200, random_state=0),
    EL2N(n_epochs=3, batch_size=200, random_state=0),
    GraNd(n_epochs=3, batch_size=200, random_state=0),
    AreaUnderMargin(n_epochs=3, batch_size=200, random_state=0),
    DataMap(n_epochs=3, batch_size=200, random_state=0),
    CoverageCentric(Entropy(), cutoff=0.0, random_state=0),
]
WITH_VALIDATION = [KNNShapley()]
SAMPLERS = LABEL_FREE + WITH_MODEL + DYNAMIC + WITH_VALIDATION

VARIANTS = [
    Herding(kernel="rbf", random_state=0),
    Herding(kernel="laplacian", random_state=0),
    Herding(kernel="laplacian", n_candidates=400, random_state=0),
    KCenterGreedy(metric="cosine"),
    KCenterGreedy(init="random", random_state=0),
    D2Sampling(metric="cosine", random_state=0),
    FacilityLocation(n_neighbors=10),
    FacilityLocation(optimizer="stochastic", random_state=0),
    FacilityLocation(n_candidates=400, random_state=0),
    GraphCut(n_neighbors=10, redundancy=2.0),
    GraphCut(n_candidates=400, random_state=0),
    GraphCut(metric="rbf", gamma=0.3),
    ProbCover(delta=1.0),
    RPCholesky(kernel="laplacian", random_state=0),
    UncertaintyHerding(uncertainty="entropy", metric="rbf", cv=3),
    FeatureBased(concave="ratio"),
    KNNShapley(n_neighbors=1, metric="cosine", keep="low"),
    Margin(cv=3),
    ContrastiveActiveLearning(metric="cosine", features="model"),
    DeepFool(SVC(random_state=0)),
    DeepFool(DecisionTreeClassifier(random_state=0)),
    ImportanceSampling(sensitivity="kmeans", random_state=0),
    ImportanceSampling(sensitivity="leverage", random_state=0),
    ImportanceSampling(sensitivity="logistic", random_state=0),
    ImportanceSampling(sensitivity="loss", random_state=0),
    ImportanceSampling(sensitivity="gradient", random_state=0),
    BlackBoxTeaching(DecisionTreeClassifier(random_state=0), 0.1, random_state=0),
    CRAIG(gradient="logits"),
    CRAIG(gradient="features"),
    CRAIG(n_candidates=400, random_state=0),
    GradMatch(regularization=1.0),
    Margin(LogisticRegression(max_iter=1000, C=0.1)),
    Coreset(
        min_trust=0.2, trust_power=1, weight_by_uncertainty=True, features=None, random_state=0
    ),
]

META = [
    CoresetClassifier(LogisticRegression(), KCenterGreedy(0.6)),
    CoresetRegressor(sampler=KCenterGreedy(0.6, stratify=None)),
    CoresetSearchCV(LogisticRegression(), KCenterGreedy(), tolerance=1.0, min_size=0.3, cv=2),
]

# Samplers around a sampler, which have no coreset_size of their own.
META_SAMPLERS = [TransformedSampler("auto", KCenterGreedy(0.6))]

# The number of samples that these select follows from the data; there is no coreset_size.
OWN_SIZE = [NearDuplicates()]

TRANSFORMERS = [GradientEmbedding(), CoresetNystroem(KCenterGreedy(0.5, stratify=None))]

# These scale the weights of all classes by one factor, to keep the sum of their gradients.
ONE_FACTOR = {"GradMatch"}
SHORT = pytest.mark.filterwarnings("ignore:.* fewer than the budget of:UserWarning")

PUBLIC_CLASSES = {n for n in skcoreset.__all__ if isinstance(getattr(skcoreset, n), type)}
# The others are no estimators: records, reports and displays.
ALL_NAMES = {n for n in PUBLIC_CLASSES if issubclass(getattr(skcoreset, n), BaseEstimator)}


def name_of(estimator):
    return type(estimator).__name__


# These may select fewer samples than the budget, with a warning.
HONESTLY_FEWER = {name_of(s) for s in SAMPLERS + VARIANTS if s._stops_early}


def marked(samplers):
    """The samplers as parameters of a test."""
    return [
        pytest.param(s, id=params_of(s), marks=[SHORT] if name_of(s) in HONESTLY_FEWER else [])
        for s in samplers
    ]


def params_of(estimator):
    """Short and distinct name of a test."""
    text = repr(estimator)
    return "".join(text.split())
