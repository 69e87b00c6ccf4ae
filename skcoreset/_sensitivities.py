"""The sensitivities of ImportanceSampling.

To add one, write a class here and give it a name in `SENSITIVITIES`:

* a `NumericSensitivity` is computed from numeric features and sample weights;
* a `ClassifierSensitivity` is computed from a fitted classifier and the class labels;
* any other `Sensitivity` is computed from the whole table, as it is.

The docstring and the test of a new sensitivity belong to ImportanceSampling.
"""

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_array, check_random_state

from skcoreset import _models
from skcoreset._backend import take, to_numpy
from skcoreset._kernels.centered_rows import CenteredRows
from skcoreset._kernels.compact import elementwise, is_positive
from skcoreset._kernels.sampling import kmeans_sensitivity, leverage, lightweight_sensitivity
from skcoreset._partitions import numbers_of, represent_each

__all__ = ["SENSITIVITIES", "as_sensitivity", "check_sensitivity"]


class Sensitivity:
    """What a sensitivity needs, and how it is computed.

    Attributes
    ----------
    needs_numbers : bool
        Whether the features must be finite numbers.
    needs_classifier : bool
        Whether it is computed from a fitted classifier, and thus from class labels.
    response : {"any", "proba"}
        The responses of the classifier that are accepted: "any" are probabilities or decision
        values, "proba" are probabilities.
    uses_device : bool
        Whether there is work that a GPU can do.
    cpu_only : str or None
        Why a GPU cannot do that work.
    """

    needs_numbers = False
    needs_classifier = False
    response = "any"
    uses_device = False
    cpu_only = None

    def check(self, table, sampler):
        """Raise an error if the sensitivity cannot be computed for these parameters and samples."""

    def of_table(self, table, sampler):
        """Sensitivity of each sample of `table`, (n_samples,); of one copy of it if weighted."""
        raise NotImplementedError

    def of_partitions(self, table, sampler):
        """As `of_table`, for a table in partitions."""
        raise TypeError(
            f"sensitivity={sampler.sensitivity!r} needs all samples at once, which Dask "
            "collections are not. Give 'lightweight', 'leverage', 'logistic', 'loss', 'gradient' "
            "or an array."
        )


# Sensitivities of numeric features ----------------------------------------------------------


class NumericSensitivity(Sensitivity):
    """A sensitivity of numeric features. Subclasses define `compute` and `work`.

    `compute` gets the samples of positive weight, on the device or in partitions, and weights that
    are scaled by a power of 4 such that the largest is about 1. The sensitivity of one copy of a
    sample is inversely proportional to the scale of the weights, unless `depends_on_scale` is
    False.
    """

    needs_numbers = uses_device = True
    depends_on_scale = True

    def work(self, n_samples, n_features):
        """Approximate number of multiplications: little work is done on the CPU."""
        raise NotImplementedError

    def compute(self, X, sample_weight, sampler):
        """Sensitivity of each sample, (n_samples,)."""
        raise NotImplementedError

    def of_table(self, table, sampler):
        X, positive = _of_positive_weight(table)

        def compute(weight):
            if self.cpu_only:
                return self.compute(to_numpy(X), weight, sampler)
            work = self.work(*X.shape)
            return sampler._on_device(
                lambda place: self.compute(place(X, work), weight, sampler), X
            )

        return self._in_scale(compute, table.sample_weight, positive)

    def of_partitions(self, table, sampler):
        parts = numbers_of(sampler, table)
        return self._in_scale(
            lambda weight: self.compute(parts, weight, sampler),
            table.sample_weight,
            is_positive(table.sample_weight),
        )

    def _in_scale(self, compute, weight, positive):
        weight = weight if positive.all() else weight[positive]
        power = np.frexp(weight.max())[1] // 2 * 2
        values = compute(elementwise(lambda some: np.ldexp(some, -power), weight))
        if self.depends_on_scale:
            with np.errstate(over="ignore"):
                values = np.ldexp(values, -power, out=values)
            if not np.isfinite(values).all():
                raise ValueError(
                    f"sample_weight has the sum {weight.sum()}, which is so small that the "
                    "sensitivities of samples of weight 1 exceed the range of float64. Multiply "
                    "all weights by the same large number."
                )
        return _with_zeros(values, positive)


class Lightweight(NumericSensitivity):
    """For k-means: a uniform part, and the squared distance from the mean."""

    def work(self, n_samples, n_features):
        return 2 * n_samples * n_features

    def compute(self, X, sample_weight, sampler):
        return lightweight_sensitivity(X, sample_weight)


class KMeans(NumericSensitivity):
    """For k-means: the distance from centers that are drawn by D^2 sampling."""

    cpu_only = "sensitivity='kmeans' is computed by the host only"
    depends_on_scale = False

    def check(self, table, sampler):
        n_positive = np.count_nonzero(table.sample_weight)
        if sampler.n_clusters > n_positive:
            raise ValueError(
                f"n_clusters={sampler.n_clusters} is larger than the number of samples of "
                f"positive weight, {n_positive}. Give n_clusters of at most {n_positive}."
            )

    of_partitions = Sensitivity.of_partitions  # D^2 sampling reads all samples for each center

    def compute(self, X, sample_weight, sampler):
        random_state = check_random_state(sampler.random_state)
        return kmeans_sensitivity(X, sample_weight, sampler.n_clusters, random_state)


class Leverage(NumericSensitivity):
    """For least squares: the leverage."""

    def work(self, n_samples, n_features):
        return 3 * n_samples * n_features**2

    def compute(self, X, sample_weight, sampler):
        return leverage(X, sample_weight)


class Logistic(Leverage):
    """For logistic regression: the square root of the leverage, and a uniform part."""

    def compute(self, X, sample_weight, sampler):
        return np.sqrt(leverage(X, sample_weight) / sample_weight) + 1 / sample_weight.sum()


# Sensitivities of a classifier --------------------------------------------------------------


class ClassifierSensitivity(Sensitivity):
    """A sensitivity of a fitted classifier. Subclasses define `compute`.

    `compute` gets the samples of positive weight and their class labels, or the values of a
    continuous target if the estimator is a regressor.
    """

    needs_classifier = True

    def compute(self, estimator, X, y):
        """Sensitivity of each sample, (n_samples,), and the root of the unit of all of them."""
        raise NotImplementedError

    def of_partitions(self, table, sampler):
        fitted, _ = sampler._for_partitions(table, check_random_state(sampler.random_state))
        sampler.estimator_ = fitted.estimator_
        values, root = represent_each(fitted, table)
        return values * (root / (root.max() or 1.0)) ** 2

    def of_part(self, table, sampler):
        """The sensitivities of the samples of one partition, and the root of their unit."""
        X, positive = _of_positive_weight(table)
        values, root = np.zeros(len(positive)), 0.0
        if positive.any():
            sampler._fit_estimator(table)
            values, root = self.compute(sampler.estimator_, X, table.target[positive])
            values = _with_zeros(values, positive)
        return values, np.full(len(positive), root)

    def of_table(self, table, sampler):
        return self.of_part(table, sampler)[0]


class Loss(ClassifierSensitivity):
    """The log-loss, or the squared error of a regressor."""

    response = "proba"

    def compute(self, estimator, X, y):
        if is_regressor(estimator):
            y = y.reshape(len(y), -1)
            errors = _models.predicted_values(estimator, X, y.shape[1]) - y
            unit = np.abs(errors).max()
            return ((errors / (unit or 1.0)) ** 2).sum(axis=1), unit
        proba = _models.response_values(estimator, X, "predict_proba")
        own = y[:, None] == np.asarray(estimator.classes_)
        p = np.maximum(proba[own], np.finfo(np.float64).eps)
        # -log(p) is 0 where p rounds to 1; the sum of the other probabilities is not.
        others = np.where(own, 0.0, proba).sum(axis=1)
        return np.where(p < 0.5, -np.log(p), -np.log1p(-np.minimum(others, 0.5))), 1.0


class Gradient(ClassifierSensitivity):
    """The norm of the gradient of the loss in the last layer."""

    def compute(self, estimator, X, y):
        a, h, bias = _models.gradient_factors(estimator, X, y)
        a = to_numpy(a)
        # Each row is scaled, because squares of gradients near 0 underflow.
        unit = np.abs(a).max(axis=1)
        norm = unit * np.linalg.norm(a / np.where(unit > 0, unit, 1.0)[:, None], axis=1)
        if h is None:
            return norm, 1.0
        rows = CenteredRows(h)
        return norm * np.hypot(float(bias), rows.unit * rows.lengths()), 1.0


# Sensitivities that the user computes -------------------------------------------------------


class Precomputed(Sensitivity):
    """An array with a value for each sample, or a callable that returns one for ``(X, y)``."""

    def __init__(self, values):
        self.values = values

    def check(self, table, sampler):
        if not callable(self.values):
            check_sensitivity(self.values, table.sample_weight)

    def of_partitions(self, table, sampler):
        if callable(self.values):
            return super().of_partitions(table, sampler)
        return self.values

    def of_table(self, table, sampler):
        return self.values(table.X, table.y) if callable(self.values) else self.values


SENSITIVITIES = {
    "lightweight": Lightweight(),
    "kmeans": KMeans(),
    "leverage": Leverage(),
    "logistic": Logistic(),
    "loss": Loss(),
    "gradient": Gradient(),
}


def as_sensitivity(given):
    """The `Sensitivity` that is named, or one of the array or callable that is given.

    An unknown name gives a `Sensitivity` without needs: its error is that of the parameter.
    """
    if isinstance(given, str):
        return SENSITIVITIES.get(given, Sensitivity())
    return Precomputed(given)


def check_sensitivity(values, sample_weight):
    """`values` as float64; an error unless they are one non-negative number for each sample."""
    values = check_array(
        to_numpy(values), ensure_2d=False, dtype=np.float64, input_name="sensitivity"
    )
    if values.shape != sample_weight.shape:
        raise ValueError(
            f"sensitivity has shape {values.shape}, but it must have one value for each sample: "
            f"shape {sample_weight.shape}."
        )
    if values.min() < 0:
        at = int(values.argmin())
        raise ValueError(f"sensitivity[{at}] = {values[at]} is negative. It must be >= 0.")
    if not ((values > 0) & is_positive(sample_weight)).any():
        raise ValueError(
            "sensitivity is zero for all samples of positive weight. It must be positive for at "
            "least one of them."
        )
    return values


def _of_positive_weight(table):
    """The samples of positive weight, and the mask of them."""
    positive = is_positive(table.sample_weight)
    return (table.X if positive.all() else take(table.X, np.flatnonzero(positive))), positive


def _with_zeros(values, positive):
    """`values` of the samples in the mask `positive`, and 0 for all others."""
    if positive.all():
        return values
    out = np.zeros(len(positive))
    out[positive] = values
    return out
