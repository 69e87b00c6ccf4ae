"""Selection by concave functions of feature sums: no pair of samples is compared."""

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import StrOptions

from skcoreset._backend import take, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.feature_sums import CONCAVE, FeatureSums
from skcoreset._kernels.greedy import greedy
from skcoreset.base import BaseCoreset, Picks

__all__ = ["FeatureBased"]


@fill_docstring
class FeatureBased(BaseCoreset):
    r"""Select samples whose features sum to large values in as many features as possible.

    .. math:: f(S) = \sum_f g \Big( \sum_{i \in S} x_{if} \Big)

    The features :math:`x_{if}` are not negative, such as counts of words, and g is concave: the
    more of a feature the selected samples have, the less another sample with this feature adds
    [1]_. Each step selects the sample that increases f most, by default within each class. The
    greedy algorithm reaches at least 1 - 1/e of the largest value that any k samples have.

    Parameters
    ----------
    {coreset_size}

    concave : {"sqrt", "log", "ratio"}, default="sqrt"
        The function g. "sqrt" is :math:`\sqrt z`, "log" is :math:`\log(1 + z)`, and "ratio" is
        :math:`z / (1 + z)`. Of these, "ratio" increases least where a feature is already present,
        so that new features matter most.

    {init_samples}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    gains_ : ndarray of shape (n_coreset,)
        Increase of f of the class when the sample was added. The gains are non-increasing within
        each class, except for the samples of `init`.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    FacilityLocation : Selects typical samples, by the similarities of all pairs of samples.
    Coreset : Represents the distribution of the features.

    Notes
    -----
    The function depends on the features only through sums over the selected samples. It prefers
    samples with many and large features, such as long texts. To select by what is in a text and
    not by its length, scale each sample, for example with
    :class:`~sklearn.preprocessing.Normalizer`. Features of different units have to be scaled
    beforehand; :class:`~sklearn.preprocessing.MinMaxScaler` gives features that are not negative.

    `sample_weight` does not change which samples are selected, except that samples of weight 0 are
    ignored: the function contains no sum over all samples. No sample is assigned to a selected one,
    so that the weights of the selected samples are those of random samples of the same number, also
    if they are selected from a Dask collection or a stream (see :ref:`large_data`).

    Ties (gains equal up to rounding) are resolved in favor of the lowest index. Sums are computed
    in float64. A sparse `X` stays sparse, and the selected samples are those of the same dense `X`.

    Time: the gains of all samples are computed at the first two picks, in O(s) for s stored values
    of `X`. Afterwards only those gains are computed again whose value in an earlier step, an upper
    bound, is among the largest. Memory: O(n + d) for n samples with d features, and a copy of the
    samples of one class.

    References
    ----------
    .. [1] Wei, K., Liu, Y., Kirchhoff, K., Bartels, C., Bilmes, J. "Submodular subset selection for
       large-scale speech training data." ICASSP 2014.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from skcoreset import FeatureBased
    >>> texts = ["a red rose", "a rose", "the blue sea", "the sea"]
    >>> counts = CountVectorizer().fit_transform(texts)
    >>> FeatureBased(coreset_size=2).fit(counts).sample_indices_
    array([2, 0])
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "concave": [StrOptions(set(CONCAVE))],
        "init": ["array-like", None],
    }

    _needs_numbers = True
    _not_nested = None
    _is_composable = True
    _weights_are_own = True

    def __init__(self, coreset_size=0.1, *, concave="sqrt", init=None, stratify="proportional"):
        self.coreset_size = coreset_size
        self.concave = concave
        self.init = init
        self.stratify = stratify

    def _check_X(self, X):
        X = super()._check_X(X)
        _check_not_negative(to_numpy(X), getattr(self, "feature_names_in_", None))
        return X

    def _check_params(self, table):
        check_initial(self.init, table.sample_weight, "None")

    def _check_groups(self, table, groups):
        check_initial_groups(self.init, groups)

    def _represent(self, table, groups):
        return to_numpy(table.X)

    def _pick(self, X, group):
        objective = FeatureSums(X if group.rows is None else take(X, group.rows), self.concave)
        start = initial_positions(self.init, group)
        picks, gains = greedy(objective, group.size, start=start, report=group.report)
        return Picks(picks, per_pick={"gains_": gains})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def _check_not_negative(X, names):
    """Raise if a value of X is negative, or if the sum of a feature overflows."""
    with np.errstate(over="ignore"):
        sums = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel()
    if X.shape[0] and (X.data if sparse.issparse(X) else X).min(initial=0) < 0:
        if sparse.issparse(X):
            entries = X.tocoo()
            at = int(np.flatnonzero(entries.data < 0)[0])
            row, column, value = int(entries.row[at]), int(entries.col[at]), entries.data[at]
        else:
            row, column = (int(at[0]) for at in np.nonzero(X < 0))
            value = X[row, column]
        name = column if names is None else repr(str(names[column]))
        raise ValueError(
            f"Negative values in data passed to FeatureBased: X has {value} in row {row} of column "
            f"{name}. Features must be at least 0, as counts are; scale others, for example with "
            "sklearn.preprocessing.MinMaxScaler."
        )
    if not np.isfinite(sums).all():
        column = int(np.flatnonzero(~np.isfinite(sums))[0])
        name = column if names is None else repr(str(names[column]))
        raise ValueError(f"The values of column {name} of X sum to infinity. Scale X.")
