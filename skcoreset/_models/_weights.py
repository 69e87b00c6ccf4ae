"""Who takes sample weights in ``fit``, and by which keyword."""

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
    """The keyword by which ``estimator.fit`` takes weights, or None if it takes none.

    "sample_weight", or in a Pipeline that of its last step ("svc__sample_weight"). What hands on
    to other estimators whatever `fit` is given takes what these take. A Pipeline that resamples
    takes none: the weights would not be resampled with the rows.
    """
    return _keyword_without_routing(estimator) or (
        "sample_weight" if _is_routed(estimator) else None
    )


def weight_routing(estimator):
    """Context in which weights reach ``estimator.fit`` by its `weight_keyword`.

    Under metadata routing every step would have to say whether it wants the weights. It is off
    where it is known without where they go.
    """
    if _keyword_without_routing(estimator) is None and _is_routed(estimator):
        return nullcontext()
    return sklearn.config_context(enable_metadata_routing=False)


def stacking_final_estimator(stacking):
    """What a stacking fits on top: None stands for a default."""
    if stacking.final_estimator is not None:
        return stacking.final_estimator
    return LogisticRegression() if isinstance(stacking, StackingClassifier) else RidgeCV()


def _keyword_without_routing(estimator):
    """The keyword where metadata routing is off."""
    if isinstance(estimator, FrozenEstimator):
        return "sample_weight"  # its fit takes anything, as it does nothing
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
    """The estimators inside without which `fit` refuses weights; None where it does not depend."""
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
    """Whether metadata routing is on and brings weights to where they were asked for."""
    if not sklearn.get_config()["enable_metadata_routing"]:
        return False
    if isinstance(estimator, Pipeline) and _resamples(estimator):
        return False
    return bool(get_routing_for_object(estimator).consumes("fit", ["sample_weight"]))
