"""Landmarks for kernel approximations: samples whose kernel values determine those of all."""

from numbers import Real

from sklearn.metrics.pairwise import KERNEL_PARAMS
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import is_foreign, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.cholesky import pivoted_cholesky
from skcoreset._kernels.kernels import KernelGram
from skcoreset.base import BaseCoreset, Picks

__all__ = ["RPCholesky"]

# The kernels of pairwise_kernels that are positive semidefinite, at least for most parameters.
KERNELS = {"rbf", "laplacian", "linear", "poly", "polynomial", "cosine", "chi2"}


@fill_docstring
class RPCholesky(BaseCoreset):
    r"""Select landmarks by randomly pivoted Cholesky decomposition of the kernel matrix.

    With the kernel matrix K of all samples and the set :math:`S` of the samples that are selected
    so far, the Nyström approximation of K is :math:`K_{:S} K_{SS}^{-1} K_{S:}`. Its residual at
    sample i is

    .. math:: d_i = K_{ii} - K_{iS} K_{SS}^{-1} K_{Si} ,

    the squared distance in feature space of the sample to the span of the selected samples. The
    next sample is drawn at random in proportion to :math:`d_i` [1]_. In expectation, the trace of
    the residual is close to that of the best approximation of a rank somewhat below the number of
    samples. Outliers are selected earlier than by random samples, and later than by
    :class:`KCenterGreedy`. The method needs kernel values with the selected samples only, and is
    suited to select landmarks for :class:`CoresetNystroem` from many samples.

    Parameters
    ----------
    {coreset_size}

    kernel : str or callable, default="rbf"
        A positive semidefinite kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`: "rbf",
        "laplacian", "linear", "poly", "polynomial", "cosine" or "chi2". "laplacian" has the
        Manhattan distance, unlike that of :class:`Herding`. A callable takes two samples and
        returns a number; it is slow. A kernel that turns out not to be positive semidefinite raises
        an error.

    gamma : float, default=None
        Parameter gamma of the kernel. None is the default of the kernel: 1 / n_features, and 1 for
        "chi2".

    kernel_params : dict, default=None
        Other parameters of the kernel, such as ``{"degree": 2, "coef0": 1}``.

    {stratify}
        None selects landmarks for the kernel matrix of all samples; otherwise the kernel matrix of
        each class is decomposed.

    {random_state_draws}

    Attributes
    ----------
    {sample_indices_prefix}
        This requires a fixed `random_state` and the same classes.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of each selected sample. Each sample is assigned to the selected sample (of its
        class) that is nearest in feature space, at the squared distance
        :math:`K_{ii} + K_{jj} - 2 K_{ij}`; the weight is the number (or the total
        `sample_weight`) of the samples that are assigned to the selected sample. The weights sum to
        n_samples, or to the total `sample_weight`.

    residuals_ : ndarray of shape (n_coreset,)
        Error of the approximation after each selected sample was added:
        :math:`\sum_i w_i d_i / \sum_i w_i K_{ii}`, where :math:`w` is `sample_weight`.
        Non-increasing within a class.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    CoresetNystroem : Approximate a kernel map with the selected samples as landmarks.
    FacilityLocation : Select typical samples; needs the distances of all pairs of samples.

    Notes
    -----
    {unscaled_features}

    With `sample_weight`, samples are drawn in proportion to :math:`w_i d_i`.
    {scale_of_sample_weight}

    The draws are made in rounds, as in the accelerated method [2]_. A round proposes 256 samples in
    proportion to the residual at its start. One after another is accepted with the probability
    :math:`d_i / d_i^0`, the fraction of its residual that the samples accepted in this round have
    left. The accepted samples have the distribution of samples that are drawn one by one, and their
    number per round does not depend on the budget, so that a larger budget selects the same samples
    first. The selected samples are the same for any number of threads and any `working_memory`, and
    for dense and sparse `X`, unless the rounding of a kernel value decides a draw.

    A residual below :math:`2^{-30} K_{ii}` is rounding and counts as 0. If all residuals are 0,
    the kernel matrix is reproduced: no more samples are selected, and a warning is raised. Of
    several copies of a sample, at most one is selected. If a class has more than 100,000 samples,
    the factor of the decomposition is stored in float32 instead of float64, while all products are
    in float64; then the limit is :math:`2^{-20} K_{ii}`.

    Time for n samples with d features and k selected samples: n k kernel values, each of O(d), and
    n k^2 / 2 multiplications, in matrix products. Memory: the factor of shape (k, n), which takes
    8 n k bytes, or 4 n k bytes with more than 100,000 samples (2 GB for 1,000,000 samples and 500
    landmarks), and blocks within scikit-learn's `working_memory`. The kernel matrix is never
    computed as a whole.

    References
    ----------
    .. [1] Chen, Y., Epperly, E. N., Tropp, J. A., Webber, R. J. "Randomly pivoted Cholesky:
       Practical approximation of a kernel matrix with few entry evaluations." Communications on
       Pure and Applied Mathematics 78 (2025).
    .. [2] Epperly, E. N., Tropp, J. A., Webber, R. J. "Embrace rejection: Kernel matrix
       approximation by accelerated randomly pivoted Cholesky." arXiv:2410.03969 (2024).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import CoresetNystroem, RPCholesky
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = RPCholesky(20, gamma=0.5, stratify=None, random_state=0).fit(X)
    >>> sampler.residuals_[[0, 9, 19]].round(3)
    array([0.752, 0.183, 0.054])
    >>> CoresetNystroem(sampler, gamma=0.5).fit_transform(X).shape
    (150, 20)
    """

    _needs_numbers = True
    _not_nested = None
    _stops_early = "they reproduce the kernel matrix up to rounding"

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "kernel": [StrOptions(KERNELS), callable],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "kernel_params": [dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        kernel="rbf",
        gamma=None,
        kernel_params=None,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.kernel = kernel
        self.gamma = gamma
        self.kernel_params = kernel_params
        self.stratify = stratify
        self.random_state = random_state

    def _check_params(self, table):
        X, known = table.X, None
        if isinstance(self.kernel, str):
            known = sorted(KERNEL_PARAMS[self.kernel])
        wrong = [] if known is None else sorted(set(self._params()) - set(known))
        if wrong:
            raise ValueError(
                f"kernel={self.kernel!r} has no parameter {', '.join(wrong)}; it takes "
                f"{' and '.join(known) or 'no parameters'}. Remove it, or choose another kernel."
            )
        if self.kernel == "chi2" and (X.nnz and X.data.min() if hasattr(X, "nnz") else X.min()) < 0:
            raise ValueError(
                "kernel='chi2' requires values of at least 0, but X has negative values. Use "
                "another kernel, such as 'rbf'."
            )

    def _params(self):
        params = dict(self.kernel_params or {})
        return params if self.gamma is None else {**params, "gamma": self.gamma}

    def _pick(self, X, group):
        X = to_numpy(X) if is_foreign(X) else X
        kernel = KernelGram(X, self.kernel, self._params(), group.rows, manhattan=True)
        found = pivoted_cholesky(
            kernel, group.size, group.sample_weight, group.random_state, group.report
        )
        if len(found.picks) == 0:
            raise ValueError(
                f"kernel={self.kernel!r} is 0 for every pair of samples{group.of_the_class}, so "
                "that no sample can be selected. Choose another kernel, or change X."
            )
        cells = found.prefix_cells
        per_pick = {"residuals_": found.residual}
        return Picks(found.picks, cells(len(found.picks)), per_pick=per_pick, prefix=cells)
