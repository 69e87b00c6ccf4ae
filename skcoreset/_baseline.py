"""The baseline that every other method is compared with: a random sample."""

from sklearn.utils.validation import validate_data

from skcoreset._backend import holds_objects, is_table
from skcoreset.base import BaseCoreset

__all__ = ["Uniform"]


class Uniform(BaseCoreset):
    """Random rows, each with the same chance: the baseline.

    Of each class k_c rows are drawn without replacement; a row that is drawn stands for
    ``n_c / k_c`` rows. The table itself is not looked at: it may hold strings, missing values or
    anything else that has rows.

    At large fractions (above 20 % or so) hardly any method beats this one on average; compare
    with it before you pay for another.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number or fraction for each class ``{class: int or float}``, with None as
        key for all that are not named.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. A larger coreset with the same seed begins with the rows of the smaller,
        class by class, as long as the same classes are drawn from.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        What each row kept stands for; sums to n_samples (or to the weight given). Rows that came
        with weights keep their proportion.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    KCenterGreedy : Rows that cover the table.
    Herding : Rows whose mean is the mean of the table.

    Notes
    -----
    Time and memory: O(n).

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
        # Lists, for example, may not have rows of equal length.
        if not (is_table(X) or holds_objects(X)):
            any_values = {"dtype": None, "ensure_all_finite": False, "accept_sparse": True}
            validate_data(self, X, **any_values)
        return X

    def _pick(self, X, group):
        return group.random_state.permutation(group.n_samples)[: group.size]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
