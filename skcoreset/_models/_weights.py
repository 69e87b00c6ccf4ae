"""Whether ``fit`` of an estimator takes sample weights, and by which keyword."""

import inspect
from contextlib import nullcontext

import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, RidgeCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

__all__ = ["stacking_final_estimator", "weight_keyword", "weight_routing"]


def weight_keyword(estimator):
    """The keyword by which ``estimator.fit`` takes sample weights, or None if it takes none.

    It is "sample_weight", or for a Pipeline that of the last step ("svc__sample_weight").
    Meta-estimators that pass all arguments of `fit` to other estimators take weights if these do.
    A Pipeline with a sampler takes none: the weights would not be resampled with the samples.
    """
    return _keyword_without_routing(estimator) or (
        "sample_weight" if _is_routed(estimator) else None
    )


def weight_routing(estimator):
    """Context in which ``estimator.fit`` takes weights by its `weight_keyword`.

    With metadata routing, every step would have to request the weights. It is therefore disabled
    where the keyword is known without it.
    """
    if _keyword_without_routing(estimator) is None and _is_routed(estimator):
        return nullcontext()
    return sklearn.config_context(enable_metadata_routing=False)


def stacking_final_estimator(stacking):
    """The final estimator of a stacking estimator; the default if it is None."""
    if stacking.final_estimator is not None:
        return stacking.final_estimator
    return LogisticRegression() if isinstance(stacking, StackingClassifier) else RidgeCV()


def _keyword_without_routing(estimator):
    """The keyword without metadata routing."""
    if isinstance(estimator, FrozenEstimator):
        return "sample_weight"  # its fit accepts all arguments and does nothing
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        nothing = _resamples(estimator) or last in (None, "passthrough")
        inner = None if nothing else _keyword_without_routing(last)
        return inner and f"{name}__{inner}"
    if isinstance(estimator, BaseSearchCV) or type(estimator) is RFE:
        return _keyword_without_routing(estimator.estimator)
    if isinstance(estimator, TransformedTargetRegressor):
        return _keyword_without_routing(_default_regressor(estimator.regressor))
    inside = _weighted_inner_estimators(estimator)
    if inside is None:
        takes = "sample_weight" in inspect.signature(estimator.fit).parameters
    else:
        takes = all(_keyword_without_routing(one) == "sample_weight" for one in inside)
    return "sample_weight" if takes else None


def _weighted_inner_estimators(estimator):
    """The inner estimators that must all take weights; None if the outer one alone decides."""
    if isinstance(estimator, (VotingClassifier, VotingRegressor)):
        return _not_dropped(estimator)
    if isinstance(estimator, (StackingClassifier, StackingRegressor)):
        fitted = estimator.cv == "prefit" if isinstance(estimator.cv, str) else False
        return [*([] if fitted else _not_dropped(estimator)), stacking_final_estimator(estimator)]
    if isinstance(estimator, (MultiOutputClassifier, MultiOutputRegressor)):
        return [estimator.estimator]
    if isinstance(estimator, RANSACRegressor):
        return [_default_regressor(estimator.estimator)]
    return None


def _not_dropped(ensemble):
    return [one for _, one in ensemble.estimators if not isinstance(one, str)]  # "drop"


def _default_regressor(regressor):
    return LinearRegression() if regressor is None else regressor


def _resamples(pipeline):
    return any(hasattr(step, "fit_resample") for _, step in pipeline.steps)


def _is_routed(estimator):
    """Whether metadata routing is on and passes weights to an estimator that requests them."""
    if not sklearn.get_config()["enable_metadata_routing"]:
        return False
    if isinstance(estimator, Pipeline) and _resamples(estimator):
        return False
    return bool(get_routing_for_object(estimator).consumes("fit", ["sample_weight"]))
