"""Herding: select samples whose mean is close to that of all samples."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._candidates import check_n_candidates
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.herding import herd, n_candidates_for
from skcoreset._kernels.herding_partitions import RowWeights, herd_partitions
from skcoreset._kernels.kernel_sample import ONE_BY_ONE
from skcoreset._kernels.kernels import gram, total_deviation
from skcoreset._metrics import product_work
from skcoreset._partitions import checked_partitions
from skcoreset.base import BaseCoreset, Picks

__all__ = ["Herding", "n_candidates_of", "radial_work", "why_herding_differs"]


@fill_docstring
class Herding(BaseCoreset):
    r"""Select samples whose mean is close to the mean of all samples.

    The samples are selected greedily, without repetition, and per class by default [1]_ [3]_. With
    :math:`\phi(x)` the features of a sample, :math:`\mu` the mean of the features of all samples,
    and :math:`S` the set of the first :math:`t` selected samples, the next one is

    .. math:: \arg\min_{x \notin S}
        \Big\| \mu - \frac{\phi(x) + \sum_{s \in S} \phi(s)}{t + 1} \Big\| .

    The error of the mean of k selected samples decreases like 1/k, while that of k random samples
    decreases like :math:`1/\sqrt k`. With a kernel [2]_, the mean over the selected samples
    approximates the mean over all samples for every function in the reproducing kernel Hilbert
    space, not only for the features. The method is suited to small budgets (below about 1 % of the
    samples) and to models that depend on the means of the classes. Outliers are not selected early.
    The linear kernel matches only the mean of each class: with few features, or with classes of
    several clusters, the selected samples concentrate around the class mean, and
    ``kernel="laplacian"`` is the better choice.

    Parameters
    ----------
    {coreset_size}

    kernel : str, callable or None, default=None
        "laplacian" is :math:`\exp(-\|x - z\|_2 / \ell)` with the Euclidean distance and the length
        :math:`\ell`. Any other name is that of a kernel of
        :func:`sklearn.metrics.pairwise.pairwise_kernels`, whose "laplacian" has the Manhattan
        distance and is available as the callable ``lambda x, z: np.exp(-gamma * abs(x -
        z).sum())``. A callable takes two samples. If None, the linear kernel is used, whose
        features are those of `X`.

    kernel_params : dict, default=None
        Parameters of the kernel, such as ``{"gamma": 0.1}``. They require a `kernel` that is not
        None. "laplacian" has the parameter "length"; by default, it is the root of the sum of the
        variances of the features, over all samples, weighted by `sample_weight`.

    n_candidates : int, "auto" or None, default="auto"
        Number of candidates per class for the kernels "laplacian" and "rbf". If a class has more
        samples, the selected ones are taken from a random sample of this size, and the mean over
        all samples is estimated; see Notes. "auto" is 30 times the number of samples to select, but
        at least 20,000, and at most 120,000 or twice the number of samples to select, whichever is
        larger. None means all samples, with the exact mean. With other kernels all samples are
        candidates.

    init : array-like of int, default=None
        Indices of samples that are selected first: they are part of the coreset and count towards
        the budget. An empty array has the same effect as None.

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the random candidates. Pass an int for reproducible results. It has no effect if all
        samples are candidates.

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_equal}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    KCenterGreedy : Select samples that cover all samples; outliers are selected first.

    Notes
    -----
    {unscaled_features}

    With `sample_weight`, :math:`\mu` is the weighted mean.
    {scale_of_sample_weight}

    Two samples are tied if adding either brings the mean equally close to :math:`\mu`, up to
    rounding in float64. Ties are resolved in favor of the lowest index. The tolerance depends only
    on the two samples that are compared, so that values of other samples that are far from all
    others, such as -999 for "unknown", do not increase it. Kernel values are computed in float64; a
    kernel value that is NaN or infinite raises an error that gives the indices of the two samples.

    With "laplacian" and "rbf", a class of more than `n_candidates` samples is treated as follows.
    `n_candidates` samples are drawn in proportion to their sample weights (priority sampling [4]_);
    the draw depends on the features of the samples and on `random_state`, not on the order of the
    samples. The mean over all samples is estimated by a weighted mean over the drawn samples, whose
    weights are corrected such that the estimate is exact at 1,000 of them, and herding selects from
    the drawn samples. The selected samples are the same for any number of threads and any
    `working_memory`, for dense and sparse `X`, unless sparse `X` loses its digits far from the
    origin. A smaller budget selects a prefix if `n_candidates` is the same: an int, or "auto" with
    at most 666 selected samples per class. After the first 10,000 samples of a class, samples are
    selected in rounds of 8 from the eighth of the candidates that was best before the round.

    Time for a class of n samples with d features: n d multiplications for each selected sample, in
    one matrix-vector product; samples that are nearly tied are then compared by their differences.
    With a kernel: n kernel values for each selected sample, and :math:`n^2` kernel values once for
    the mean (half of them for "laplacian" and "rbf", in threads). With c candidates out of more
    samples: 1000 n kernel values, :math:`c^2 / 2` kernel values, and c kernel values for each
    selected sample, in float32 from squared distances in float64. Memory: O(n), and 8 c (d + 2)
    bytes with candidates. `X` is not copied, except for the samples of one class at a time if
    they fit in scikit-learn's `working_memory`. Sparse `X` is not converted to a dense array,
    except for the candidates if these fit in half of `working_memory`.

    References
    ----------
    .. [1] Welling, M. "Herding dynamical weights to learn." ICML 2009.
    .. [2] Chen, Y., Welling, M., Smola, A. "Super-samples from kernel herding." UAI 2010.
    .. [3] Rebuffi, S.-A., et al. "iCaRL: Incremental classifier and representation learning."
       CVPR 2017 (the form per class).
    .. [4] Duffield, N., Lund, C., Thorup, M. "Priority sampling for estimation of arbitrary subset
       sums." Journal of the ACM 54 (2007).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import Herding
    >>> X, y = load_iris(return_X_y=True)
    >>> X_small, y_small = Herding(coreset_size=15).fit_resample(X, y)
    >>> X.mean(axis=0).round(2)
    array([5.84, 3.06, 3.76, 1.2 ])
    >>> X_small.mean(axis=0).round(2)
    array([5.83, 3.07, 3.74, 1.2 ])
    """

    _needs_numbers = True

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS) - {"precomputed"}), callable, None],
        "kernel_params": [dict, None],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        kernel=None,
        kernel_params=None,
        n_candidates="auto",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.n_candidates = n_candidates
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    _not_nested = None
    _is_composable = True

    @property
    def _selects_in_two_rounds(self):
        return not self._takes_candidates()

    def _represent_partitions(self, table, groups):
        return self._represent(replace(table, X=checked_partitions(self, table.X)), groups)

    def _check_params(self, table):
        if self.kernel is None and self.kernel_params:
            raise ValueError(
                f"kernel_params={self.kernel_params!r} requires a kernel that is not None; the "
                "linear kernel, kernel=None, has no parameters. Set kernel, or kernel_params=None."
            )
        if self.kernel == "laplacian":
            self._check_length()
        if isinstance(self.n_candidates, Integral) and not self._takes_candidates():
            raise ValueError(
                f"n_candidates={self.n_candidates} requires kernel='laplacian', or 'rbf' with a "
                f"positive gamma; with kernel={self.kernel!r} and kernel_params="
                f"{self.kernel_params!r}, all samples are candidates. Set n_candidates='auto'."
            )
        if self.init is not None:
            check_initial(self.init, table.sample_weight, "None")

    def _takes_candidates(self):
        if self.kernel != "rbf":
            return self.kernel == "laplacian"
        params = self.kernel_params or {}
        gamma = params.get("gamma", 1.0)
        return set(params) <= {"gamma"} and isinstance(gamma, Real | None) and (gamma or 1) > 0

    def _check_length(self):
        length = (self.kernel_params or {}).get("length")
        if set(self.kernel_params or {}) - {"length"}:
            raise ValueError(
                f"kernel_params={self.kernel_params!r}, but kernel='laplacian' is "
                "exp(-|x - z| / length) with Euclidean distances and takes the parameter 'length' "
                "only. For the kernel exp(-gamma |x - z|_1) of scikit-learn, give the callable "
                "kernel=lambda x, z: np.exp(-gamma * abs(x - z).sum())."
            )
        if length is not None and not (isinstance(length, Real) and 0 < length < np.inf):
            raise ValueError(
                f"kernel_params={self.kernel_params!r}, but 'length' must be a positive number, or "
                "None for the root of the total variance of X."
            )

    def _check_groups(self, table, groups):
        if self.init is not None:
            check_initial_groups(self.init, groups)
        check_n_candidates(self.n_candidates, groups)

    def _is_random(self):
        return self.n_candidates is not None and self._takes_candidates()

    def _differs_from(self, size, n_selected, n):
        if self.kernel in ("laplacian", "rbf"):
            return why_herding_differs(self.n_candidates, size, n_selected, n)
        return None

    def _device_work(self, X, groups):
        if self.kernel in (None, "linear"):
            return product_work(X, groups)
        if self.kernel not in ("laplacian", "rbf"):
            return (
                f"kernel={self.kernel!r} is computed by the host only; None, 'laplacian' and 'rbf' "
                "can run on a GPU"
            )
        return radial_work(X, groups, self.n_candidates)

    def _represent(self, table, groups):
        if self.kernel == "laplacian":
            length = (self.kernel_params or {}).get("length")
            if length is None:
                length = total_deviation(table.X, table.sample_weight)
            self.length_ = float(length)
        return table.X

    def _pick(self, X, group):
        params = {"length": self.length_} if self.kernel == "laplacian" else self.kernel_params
        kernel = gram(X, self.kernel, params, rows=group.rows)
        picks = herd(kernel, weight=group.sample_weight, **self._task(group))
        return Picks(picks, weight=np.ones(len(picks)))

    def _task(self, group):
        """The arguments of `herd` for a group, without its weights."""
        return {
            "size": group.size,
            "fade": 0,
            "initial": () if self.init is None else initial_positions(self.init, group),
            "n_candidates": n_candidates_of(group, self.n_candidates),
            "seed": group.random_state.randint(2**31 - 1),
            "report": group.report,
        }

    def _pick_all_partitions(self, parts, groups):
        if self.kernel == "laplacian":
            params = {"length": self.length_}
        else:
            gamma = (self.kernel_params or {}).get("gamma")
            params = {"gamma": 1 / self.n_features_in_ if gamma is None else gamma}
        rows = [group.rows for group in groups]
        tasks = [
            {**self._task(group), "weights": RowWeights(_as_given, group.sample_weight)}
            for group in groups
        ]
        picked = herd_partitions(parts, self.kernel, params, self.n_features_in_, rows, tasks)
        return [Picks(picks, weight=np.ones(len(picks))) for picks in picked]


def _as_given(weight):
    """Weights, and no others for the first picks."""
    return weight, None


def n_candidates_of(group, n_candidates):
    """The number of candidates in a group, for a value of the parameter `n_candidates`."""
    if n_candidates is None:
        return group.n_samples
    return n_candidates_for(group.size) if isinstance(n_candidates, str) else n_candidates


def why_herding_differs(n_candidates, size, n_selected, n):
    """`_differs_from` of kernel herding with this parameter `n_candidates`."""
    if size > ONE_BY_ONE:
        return f"samples after the first {ONE_BY_ONE} are selected in rounds"
    few, many = (min(n, n_candidates_for(k)) for k in (size, n_selected))
    if n_candidates == "auto" and few != many:
        return (
            f"n_candidates='auto' selects {n_selected} samples among {many} candidates, but {size} "
            f"samples among {few}"
        )
    return None


def radial_work(X, groups, n_candidates):
    """Number of multiplications of kernel herding, for `_device_work`."""
    sizes = [min(group.n_samples, n_candidates_of(group, n_candidates)) for group in groups]
    return sum(size**2 * X.shape[1] for size in sizes)
