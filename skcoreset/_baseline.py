"""The baseline of all methods: samples drawn uniformly at random."""

from sklearn.utils.validation import _num_samples, validate_data

from skcoreset._backend import holds_objects, is_table
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.compact import random_order
from skcoreset.base import BaseCoreset

__all__ = ["Uniform"]


@fill_docstring
class Uniform(BaseCoreset):
    """Select samples uniformly at random, without replacement.

    This is the baseline for all other methods. Of the ``n_c`` samples of class c, ``k_c`` are drawn
    without replacement, each with the same probability. The values of `X` are not used: they may
    be strings, missing values or any other objects.

    For large fractions (above about 20 %) hardly any method is better on average. Compare a method
    with this one before you accept its cost.

    Parameters
    ----------
    {coreset_size}

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_prefix}
        This holds for a fixed `random_state` and the same classes.

    {sample_weight_counts}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Select samples that cover all samples.
    Herding : Select samples whose mean is close to the mean of all samples.

    Notes
    -----
    Time and memory: O(n) for n samples.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import Uniform
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = Uniform(coreset_size=6, random_state=0)
    >>> X_small, y_small = sampler.fit_resample(X, y)
    >>> y_small
    array([0, 1, 2, 0, 1, 2])
    >>> sampler.sample_weight_
    array([25., 25., 25., 25., 25., 25.])
    """

    _not_nested = None

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "random_state": ["random_state"],
    }

    def __init__(self, coreset_size=0.1, *, stratify="proportional", random_state=None):
        self.coreset_size = coreset_size
        self.stratify = stratify
        self.random_state = random_state

    def _check_X(self, X):
        X = super()._check_X(X)
        # Lists, for example, may not have rows of equal length.
        if not (is_table(X) or holds_objects(X)):
            any_values = {"dtype": None, "ensure_all_finite": False, "accept_sparse": True}
            validate_data(self, X, **any_values)
        return X

    _has_stream_keys = True

    def _stream_keys(self, X, rng):
        return rng.random_sample(_num_samples(X))

    def _represent_partitions(self, table, groups):
        """Nothing: the selection does not depend on the samples."""

    def _pick(self, X, group):
        return random_order(group.n_samples, group.random_state)[: group.size]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
