"""Random sampling, the baseline of all other methods."""

from sklearn.utils.validation import validate_data

from skcoreset._backend import holds_objects, is_foreign
from skcoreset._docstrings import fill_docstring
from skcoreset.base import BaseCoreset

__all__ = ["Uniform"]


@fill_docstring
class Uniform(BaseCoreset):
    """Select random samples, each with the same probability: the baseline.

    Of each class, k_c samples are drawn without replacement, and the weight of each is
    ``n_c / k_c``. The features are not used: `X` may contain strings, missing values or any other
    objects.

    With large budgets (above about 20 % of the samples), hardly any other method is more accurate
    on average; compare a more expensive method with this one.

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
        # A data frame is a table as it is; of what is left, lists may not be one.
        if not (is_foreign(X) or hasattr(X, "columns") or holds_objects(X)):
            any_values = {"dtype": None, "ensure_all_finite": False, "accept_sparse": True}
            validate_data(self, X, **any_values)
        return X

    def _represent(self, table):
        return None

    def _pick(self, represented, contest):
        return contest.random_state.permutation(len(contest.sample_weight))[: contest.size]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
