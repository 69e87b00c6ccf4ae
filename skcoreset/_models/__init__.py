"""Responses, gradients and training of classifiers: the only package that inspects them."""

from skcoreset._models._boundary_search import (
    BisectionCandidates,
    SearchParameters,
    check_prediction_budget,
    nearest_crossing,
    predict_in_blocks,
)
from skcoreset._models._gradient_factors import (
    gradient_factors,
    is_kernel_svm,
    last_layer_input,
)
from skcoreset._models._input_gradients import DecisionFunction, is_linear
from skcoreset._models._proxy import (
    KernelLogisticRegression,
    KernelRidgeRegression,
    cross_val_targets,
    stratified_folds,
    stratified_splits,
)
from skcoreset._models._response import (
    HasMethodsOnceFitted,
    classifier_input,
    cross_val_response,
    default_classifier,
    fit_with_weight,
    has_method,
    is_fitted,
    last_step,
    last_step_features,
    local,
    predicted_labels,
    predicted_values,
    response_method,
    response_values,
)
from skcoreset._models._training import (
    Response,
    default_classifier_to_record,
    record_training,
    recording_method,
)
from skcoreset._models._weights import weight_keyword

__all__ = [
    "BisectionCandidates",
    "DecisionFunction",
    "HasMethodsOnceFitted",
    "KernelLogisticRegression",
    "KernelRidgeRegression",
    "Response",
    "SearchParameters",
    "check_prediction_budget",
    "classifier_input",
    "cross_val_response",
    "cross_val_targets",
    "default_classifier",
    "default_classifier_to_record",
    "fit_with_weight",
    "gradient_factors",
    "has_method",
    "is_fitted",
    "is_kernel_svm",
    "is_linear",
    "last_layer_input",
    "last_step",
    "last_step_features",
    "local",
    "nearest_crossing",
    "predict_in_blocks",
    "predicted_labels",
    "predicted_values",
    "record_training",
    "recording_method",
    "response_method",
    "response_values",
    "stratified_folds",
    "stratified_splits",
    "weight_keyword",
]
