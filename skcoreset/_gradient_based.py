"""The base of the methods that represent each sample by the gradient of its loss."""

from skcoreset import _models
from skcoreset.base import BaseModelCoreset

__all__ = ["BaseGradientCoreset", "width_of"]


class BaseGradientCoreset(BaseModelCoreset):
    """Base of CRAIG and GradMatch: represents each sample by the factors of its gradient."""

    _is_composable = True

    _needs_labels = True
    _takes_regressors = True

    def _non_numeric_hint(self):
        other = "" if self.gradient == "logits" else " gradient='logits' does not use the features."
        return super()._non_numeric_hint() + other

    def _represent(self, table, groups):
        self._fit_estimator(table)
        return self._factors(table.X, table.target)

    def _factors(self, X, y):
        if self.gradient == "features":
            return _models.last_step_features(self.estimator_, X), None, None
        return _models.gradient_factors(self.estimator_, X, y, self.gradient)


def width_of(factors):
    """Number of multiplications for one inner product of two gradients."""
    a, h, *_ = factors
    return a.shape[1] + (0 if h is None else h.shape[1])
