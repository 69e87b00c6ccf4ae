"""What a classifier is asked. The only room that looks inside classifiers."""

from skcoreset._models._asking import (
    WillHaveMethods,
    default_classifier,
    features,
    fit_with_weight,
    has_method,
    host,
    is_fitted,
    last_step,
    output_method,
    outputs,
    outputs_out_of_fold,
)
from skcoreset._models._gradient_factors import gradient_factors, last_layer_input
from skcoreset._models._input_gradients import Decisions, is_linear
from skcoreset._models._training import training_route, watch
from skcoreset._models._weights import weight_keyword

__all__ = [
    "Decisions",
    "WillHaveMethods",
    "default_classifier",
    "features",
    "fit_with_weight",
    "gradient_factors",
    "has_method",
    "host",
    "is_fitted",
    "is_linear",
    "last_layer_input",
    "last_step",
    "output_method",
    "outputs",
    "outputs_out_of_fold",
    "training_route",
    "watch",
    "weight_keyword",
]
