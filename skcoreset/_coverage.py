"""Neither the hardest rows nor the easiest: coverage of all difficulties, and the middle."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from skcoreset._budget import interleave
from skcoreset._dynamics import EL2N
from skcoreset._geometry import METRICS
from skcoreset._kernels.centered_rows import distances_to_mean
from skcoreset._kernels.top_k import ascending, top_k
from skcoreset._nested import needs_classes
from skcoreset.base import BaseCoreset, ClearDefaults, check_numbers, seeded

__all__ = ["CoverageCentric", "Moderate"]


class CoverageCentric(ClearDefaults, BaseCoreset):
    """Rows of every difficulty but the hardest, after the scores of another method.

    The hardest rows of each class, a share `cutoff`, are left out. The range of the scores of the
    others is cut into `n_bins` bins of equal width, and the places are shared out from the bin with
    fewest rows up: each bin gets an equal part of the places that are left, or all its rows if they
    are fewer. Within a bin rows are drawn at random. Infinite scores, which lie in no range, count
    to the first or last bin.

    Parameters
    ----------
    sampler : score sampler, default=None
        Whose scores say how hard a row is; a clone of it is fitted. Its own `coreset_size` is not
        used. None is ``EL2N()``. Of a sampler that is not of this package larger scores are harder.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    cutoff : float, default=0.1
        Share of each class that is left out, in [0, 1): larger for smaller coresets and for noisier
        labels.

    n_bins : int, default=50
        Number of bins.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the draw, and of every ``random_state`` in the sampler that is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, bins and classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Scores of the sampler.

    sampler_ : sampler
        The sampler, fitted.

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
    EL2N, Forgetting, AreaUnderMargin : Scores to start from.

    Notes
    -----
    Time: that of the sampler, and n log n. Memory: O(n).

    References
    ----------
    .. [1] Zheng, H., Liu, R., Lai, F., Prakash, A. "Coverage-centric coreset selection for high
       pruning rates." ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import EL2N, CoverageCentric
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = CoverageCentric(EL2N(random_state=0), coreset_size=100, random_state=0)
    >>> X_small, y_small = sampler.fit_resample(X / 16, y)
    >>> X_small.shape
    (100, 64)
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "sampler": [HasMethods("fit_resample"), None],
        "cutoff": [Interval(Real, 0, 1, closed="left")],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _defaults = {"sampler": "_sampler"}

    def __init__(
        self,
        sampler=None,
        coreset_size=0.1,
        *,
        cutoff=0.1,
        n_bins=50,
        stratify="proportional",
        random_state=None,
    ):
        self.sampler = sampler
        self.coreset_size = coreset_size
        self.cutoff = cutoff
        self.n_bins = n_bins
        self.stratify = stratify
        self.random_state = random_state

    def _check_groups(self, table, groups):
        for group in groups:
            rows = slice(None) if group.rows is None else group.rows
            n_rows = len(table.sample_weight[rows])
            left = self._n_left(n_rows)
            if group.size > left:
                of = "" if group.label is None else f" of the class {group.label}"
                raise ValueError(
                    f"cutoff={self.cutoff} leaves {left} of {n_rows} rows{of}; {group.size} are to "
                    "be kept. Give a smaller cutoff or coreset_size."
                )

    def _n_left(self, n_rows):
        """How many rows are left without the hardest ones."""
        return n_rows - int(round(self.cutoff * n_rows, 9))  # 0.29 * 100 is a little below 29

    def _sampler(self):
        return EL2N() if self.sampler is None else self.sampler

    def _represent(self, table):
        sampler = seeded(self._sampler(), check_random_state(self.random_state))
        if "coreset_size" in sampler.get_params(deep=False):
            sampler.set_params(coreset_size=1.0)  # only its scores are wanted
        weight = {"sample_weight": table.sample_weight} if table.weighted else {}
        self.sampler_ = sampler.fit(table.X, table.y, **weight)
        if not hasattr(sampler, "scores_"):
            raise TypeError(
                f"{self.sampler!r} gives no scores_; CoverageCentric needs a score sampler."
            )
        self.scores_ = np.asarray(sampler.scores_, dtype=np.float64)
        if self.scores_.shape != table.sample_weight.shape:
            raise ValueError(
                f"scores_ of {self.sampler!r} have the shape {self.scores_.shape}; one score a row "
                f"is {table.sample_weight.shape}."
            )
        missing = np.isnan(self.scores_) & (table.sample_weight > 0)
        if missing.any():
            raise ValueError(
                f"scores_ of {self.sampler!r} are NaN for row {int(missing.argmax())}; "
                "CoverageCentric takes a score of every row."
            )
        return getattr(sampler, "_harder", 1) * self.scores_

    def _pick(self, hardness, contest):
        hardness = hardness if contest.rows is None else hardness[contest.rows]
        left = np.sort(top_k(-hardness, self._n_left(len(hardness))))
        bins = _bins(hardness[left], self.n_bins)
        rows = [left[bins == b] for b in np.unique(bins)]
        counts, places = np.zeros(len(rows), dtype=int), contest.size
        for done, b in enumerate(np.argsort([len(some) for some in rows], kind="stable")):
            counts[b] = min(len(rows[b]), places // (len(rows) - done))
            places -= counts[b]
        drawn = [
            contest.random_state.permutation(some)[:count]
            for some, count in zip(rows, counts, strict=True)
        ]
        return np.concatenate(drawn)[interleave(counts)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = needs_classes(self._sampler())
        return tags


def _bins(values, n_bins):
    """Bin of each value: of equal width over the range of those that are finite."""
    values = values / 4  # the range of the largest numbers is no number
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return (values > 0) * (n_bins - 1)
    edges = np.linspace(finite.min(), finite.max(), n_bins + 1)
    return np.searchsorted(edges[1:-1], values, side="right")


class Moderate(BaseCoreset):
    r"""Rows whose distance to the centre of their class is nearest the median distance.

    .. math:: s(x) = - \big| \, d(x, \mu_y) - \mathrm{median} \, \big|

    Neither the rows near the centre, which are all alike, nor the far ones, which may be noise.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`. The centre is the mean of the rows.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes, with one centre for all rows (None). Without classes (`y` absent or
        continuous) it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

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
    Herding : Keeps the mean instead.

    Notes
    -----
    The columns count as they are: scale them if their units differ. The paper takes the features of
    a trained network; give those as X.

    Centre and median are weighted, where rows have weights; what all weights are multiplied by does
    not matter. The centre and the distances to it are computed from differences in float64,
    whatever the type of X, so a column that is far from zero or a row that is far out takes no
    digits from the others. Rows that differ by no more than the rounding of their own distances and
    of the median tie, and ties go to the lowest row. "cosine" is half the squared distance of the
    rows and the centre, all scaled to norm 1. A metric that gives a distance that is not finite is
    an error that names the row.

    Time: n d; X is read four times. Memory: O(n), and blocks.

    References
    ----------
    .. [1] Xia, X., et al. "Moderate coreset: a universal method of data selection for real-world
       data-efficient deep learning." ICLR 2023.

    Examples
    --------
    >>> from skcoreset import Moderate
    >>> X = [[0.0], [1.0], [2.0], [3.0], [10.0]]
    >>> Moderate(coreset_size=2).fit(X).sample_indices_
    array([1, 0])
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS - {"precomputed"}), callable],
    }

    def __init__(self, coreset_size=0.1, *, metric="euclidean", stratify="proportional"):
        self.coreset_size = coreset_size
        self.metric = metric
        self.stratify = stratify

    def _check_X(self, X):
        return check_numbers(self, X)

    def _represent(self, table):
        return table.X

    def _pick(self, X, contest):
        distances, slack = distances_to_mean(X, self.metric, contest.rows, contest.sample_weight)
        if not np.isfinite(distances).all():
            at = int(np.flatnonzero(~np.isfinite(distances))[0])
            row = at if contest.rows is None else int(contest.rows[at])
            of = "all rows" if contest.label is None else f"the class {contest.label}"
            raise ValueError(
                f"metric={self.metric!r} is {distances[at]} between row {row} of X and the mean of "
                f"{of}; values must not be NaN or infinite. Leave out or change such rows, or use "
                "another metric."
            )
        order = np.argsort(distances, kind="stable")
        middle = order[_middle(contest.sample_weight[order])]
        slack = slack + slack[middle].max()
        apart = np.abs(distances - distances[middle].mean())
        return ascending(apart, slack)[: contest.size]


def _middle(weight):
    """The two positions that halve the `weight`; the same one twice where it lies in both halves.

    Shares are whole numbers, whose sums are exact. A weight that was multiplied by something is
    rounded, so halves are equal up to that.
    """
    upto = np.cumsum(np.rint(weight / weight.sum() * 2.0**61).astype(np.int64))
    half, rounding = upto[-1] // 2, 2 ** (61 - 50)
    first = np.searchsorted(upto, half - rounding)
    return [first, np.searchsorted(upto, half + rounding, side="right")]
