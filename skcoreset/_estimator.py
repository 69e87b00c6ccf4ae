"""What all estimators of the package share: links, errors of `set_params`, fits that replace."""

from contextlib import contextmanager

from sklearn.base import clone

__all__ = ["EstimatorMixin", "replace_when_fitted", "seeded", "without_fitted_attributes"]


class EstimatorMixin:
    """Mixin of samplers, meta-estimators and transformers.

    It links the HTML representation of an estimator to its API page, and explains why parameters
    of a default estimator cannot be set. It precedes `BaseEstimator` in the bases, because that
    class links to the pages of scikit-learn. Subclasses in other packages have no link.
    """

    _doc_link_module = "skcoreset"
    _doc_link_template = (
        "https://skcoreset.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    # {parameter: name of the method that returns the estimator used where the parameter is None}
    _defaults = {}

    def set_params(self, **params):
        """Set the parameters of this estimator and of the estimators inside it.

        Parameters
        ----------
        **params : dict
            Parameters of this estimator. A parameter of an estimator inside it is named
            ``<parameter>__<its parameter>``.

        Returns
        -------
        self : object
            This estimator.
        """
        for name in params:
            outer, inside, _ = name.partition("__")
            if not inside or outer in params or outer not in self._defaults:
                continue
            if getattr(self, outer) is None:
                default = getattr(self, self._defaults[outer])()
                raise ValueError(
                    f"{name} cannot be set, because {outer} is None, the default {default!r}, and "
                    f"None has no parameters. Set {outer} first: "
                    f"{type(self).__name__}({outer}={default!r})."
                )
        return super().set_params(**params)


@contextmanager
def replace_when_fitted(estimator):
    """Yield a copy of `estimator` without fitted attributes; the copy replaces it at the end.

    If the block raises or is interrupted, `estimator` stays as it was before. Several threads may
    fit the same object, because each of them works on a copy of its own.
    """
    fitted, parameters = object.__new__(type(estimator)), estimator._get_param_names()
    for name, value in list(vars(estimator).items()):
        if name in parameters or name.startswith("_") or not name.endswith("_"):
            vars(fitted)[name] = value
    yield fitted
    estimator.__dict__ = vars(fitted)


def without_fitted_attributes(estimator):
    """A copy with the same parameters and nothing else; a fitted estimator among these stays so."""
    other = object.__new__(type(estimator))
    vars(other).update({name: vars(estimator)[name] for name in estimator._get_param_names()})
    return other


def seeded(estimator, random_state):
    """A clone of `estimator` in which each ``random_state`` of None is an int from `random_state`.

    This includes the estimators inside it. A ``random_state`` that is not None stays.
    """
    estimator = clone(estimator)
    empty = [
        name
        for name, value in sorted(estimator.get_params().items(), key=lambda item: item[0])
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    ]
    return estimator.set_params(**{name: random_state.randint(2**31 - 1) for name in empty})
