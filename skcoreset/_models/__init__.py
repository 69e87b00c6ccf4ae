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
    predicted,
)
from skcoreset._models._boundary_search import (
    Limits,
    Others,
    check_affordable,
    nearest_crossing,
    predict_in_blocks,
)
from skcoreset._models._gradient_factors import (
    gradient_factors,
    is_kernel_svm,
    last_layer_input,
)
from skcoreset._models._input_gradients import Decisions, is_linear
from skcoreset._models._training import (
    Said,
    default_classifier_to_watch,
    training_route,
    watch,
)
from skcoreset._models._weights import weight_keyword

__all__ = [
    "Decisions",
    "Limits",
    "Others",
    "Said",
    "WillHaveMethods",
    "check_affordable",
    "default_classifier",
    "default_classifier_to_watch",
    "features",
    "fit_with_weight",
    "gradient_factors",
    "has_method",
    "host",
    "is_fitted",
    "is_kernel_svm",
    "is_linear",
    "last_layer_input",
    "last_step",
    "nearest_crossing",
    "output_method",
    "outputs",
    "outputs_out_of_fold",
    "predict_in_blocks",
    "predicted",
    "training_route",
    "watch",
    "weight_keyword",
]
