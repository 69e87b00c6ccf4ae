"""Coresets for scikit-learn: small, weighted selections of samples, by published methods."""

from skcoreset._badge import BADGE, D2Sampling
from skcoreset._baseline import Uniform
from skcoreset._boundary import DeepFool
from skcoreset._classifier import CoresetClassifier, CoresetRegressor
from skcoreset._config import config_context, get_config, set_config
from skcoreset._contrastive import ContrastiveActiveLearning
from skcoreset._coreset import Coreset
from skcoreset._coverage import CoverageCentric, Moderate
from skcoreset._craig import CRAIG
from skcoreset._curve import coreset_curve
from skcoreset._curve_display import CoresetCurveDisplay
from skcoreset._duplicates import NearDuplicates
from skcoreset._dynamics import EL2N, Forgetting, GraNd
from skcoreset._facility_location import FacilityLocation
from skcoreset._feature_based import FeatureBased
from skcoreset._grad_match import GradMatch
from skcoreset._graph_cut import GraphCut
from skcoreset._herding import Herding
from skcoreset._importance import ImportanceSampling
from skcoreset._k_center_greedy import KCenterGreedy
from skcoreset._landmarks import RPCholesky
from skcoreset._margins import AreaUnderMargin, DataMap
from skcoreset._prob_cover import ProbCover
from skcoreset._report import CoresetReport
from skcoreset._search import CoresetSearchCV, smallest_coreset
from skcoreset._selection_display import DataMapDisplay, SelectionDisplay
from skcoreset._teaching import BlackBoxTeaching
from skcoreset._training_dynamics import TrainingDynamics
from skcoreset._transformed import TransformedSampler
from skcoreset._transformers import CoresetNystroem, GradientEmbedding
from skcoreset._uncertainty import Entropy, LeastConfidence, Margin
from skcoreset._uncertainty_herding import UncertaintyHerding
from skcoreset._values import KNNShapley

__version__ = "0.1.0.dev0"

__all__ = [
    "BADGE",
    "CRAIG",
    "EL2N",
    "AreaUnderMargin",
    "BlackBoxTeaching",
    "ContrastiveActiveLearning",
    "Coreset",
    "CoresetClassifier",
    "CoresetCurveDisplay",
    "CoresetNystroem",
    "CoresetRegressor",
    "CoresetReport",
    "CoresetSearchCV",
    "CoverageCentric",
    "D2Sampling",
    "DataMap",
    "DataMapDisplay",
    "DeepFool",
    "Entropy",
    "FacilityLocation",
    "FeatureBased",
    "Forgetting",
    "GraNd",
    "GradMatch",
    "GradientEmbedding",
    "GraphCut",
    "Herding",
    "ImportanceSampling",
    "KCenterGreedy",
    "KNNShapley",
    "LeastConfidence",
    "Margin",
    "Moderate",
    "NearDuplicates",
    "ProbCover",
    "RPCholesky",
    "SelectionDisplay",
    "TrainingDynamics",
    "TransformedSampler",
    "UncertaintyHerding",
    "Uniform",
    "config_context",
    "coreset_curve",
    "get_config",
    "set_config",
    "smallest_coreset",
]
