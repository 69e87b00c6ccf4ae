"""What a classifier is asked. The only room that looks inside classifiers."""

from skcoreset._models._asking import (
    default_classifier,
    features,
    fit_with_weight,
    host,
    is_fitted,
    last_step,
    output_method,
    outputs,
    outputs_out_of_fold,
    weight_keyword,
)
from skcoreset._models._gradient_factors import (
    gradient_factors,
    is_kernel_svm,
    last_layer_input,
)
from skcoreset._models._input_gradients import Decisions, is_linear
from skcoreset._models._training import training_route, watch

__all__ = [
    "Decisions",
    "default_classifier",
    "features",
    "fit_with_weight",
    "gradient_factors",
    "host",
    "is_fitted",
    "is_kernel_svm",
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
