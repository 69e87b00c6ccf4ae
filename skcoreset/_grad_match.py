"""GradMatch: weighted samples whose gradients sum to that of all samples."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length

from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._gradient_based import BaseGradientCoreset, width_of
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._validation import check_table, continuous_target, encode
from skcoreset.base import BaseModelCoreset, Picks

__all__ = ["GradMatch"]


@fill_docstring
class GradMatch(BaseGradientCoreset):
    r"""Select samples and fit weights so that the weighted gradients match the total gradient.

    Orthogonal matching pursuit greedily solves, per class by default,

    .. math:: \min_{|S| \le k, \; w \ge 0}
        \Big\| \sum_{i \in S} w_i g_i - b \Big\|^2 + \lambda \| w \|^2 ,

    where :math:`g_i` is the gradient of the loss of sample i with respect to the parameters of
    the last layer of the classifier, and b is the sum of the gradients of all samples (of the
    class) [1]_. Each step adds the sample whose gradient has the largest inner product with the
    residual :math:`b - \sum_{i \in S} w_i g_i`, and then computes the optimal weights of all
    selected samples again.

    If the norm of the residual is at most `tol` times that of b, or if no sample has a positive
    inner product with the residual, further samples would have weight 0 or hardly reduce the
    residual. The selection then ends, a warning is raised, and the coreset has fewer samples than
    the budget, but at least one sample of each class.

    Parameters
    ----------
    {estimator_or_regressor}

    {coreset_size}

    gradient : {"last_layer", "logits"}, default="last_layer"
        Representation of a sample. "last_layer" is the gradient of the loss with respect to the
        parameters of the last layer, that is, the outer product of a and [1, h], where a is the
        gradient with respect to the outputs of this layer and h are its inputs. "logits" is a
        alone, which is ``p - onehot(y)`` for the log-loss.

    regularization : float, default=0.0
        The factor :math:`\lambda` of the sum of the squared weights, in units of squared gradients.
        Larger values make the weights more equal.

    tol : float, default=1e-6
        Tolerance of the residual: the selection ends when its norm is at most `tol` times that
        of b.

    positive : bool, default=True
        Whether the weights are constrained to be positive. If False, some weights can be negative,
        which few classifiers support, and the weights are not scaled to sum to n_samples.

    {stratify}

    Attributes
    ----------
    {sample_indices_}

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of each selected sample: its fitted weight, multiplied by one factor so that the
        weights sum to n_samples, or to the total `sample_weight`. The factor is the same for all
        classes: the weights of a class are fitted to its total gradient, and in general do not sum
        to its number of samples.

    residual_norms_ : ndarray of shape (n_coreset,)
        Norm of the residual of the class after each selected sample was added, for the weights
        before scaling. The norms are non-increasing within each class if ``regularization=0``.

    {estimator_gradients}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    CRAIG : Minimizes a bound of the error of the total gradient. Its weights are numbers of
        samples.

    Notes
    -----
    The Notes of :class:`CRAIG` describe the gradient of each kind of classifier and of regressors.
    A regressor that minimizes the squared error of all samples has a total gradient of 0, for which
    there is nothing to match. Therefore ``stratify="proportional"`` is the same as
    ``stratify="quantile"`` for a regressor.

    The weights before scaling mostly sum to less than n_samples, because the sum of a few large
    gradients approximates that of many small ones. The scaling has the same effect on a
    regularized model as a larger ``C``. A weight is the factor of the gradient of a sample in the
    approximation of the total gradient, for the parameters of this classifier only. It is not a
    number of samples, and the weights may be very unequal.

    Time for each selected sample of a class of n_c samples, of which k_c are selected, with d
    inputs of the last layer and C classes: n_c (d + C) multiplications for its inner products with
    all samples of the class, n_c k_c for the residual, and the solution of a triangular system of
    k_c equations. Memory: n_c k_c for the inner products. If these exceed a quarter of
    scikit-learn's `working_memory`, they are not stored: the memory is O(n), and the time for each
    selected sample is n_c d C. For a kernel SVM, n times the number of support vectors, at most
    1,000 n, is added to the memory.

    {constant_times_sample_weight}

    References
    ----------
    .. [1] Killamsetty, K., et al. "GRAD-MATCH: gradient matching based data subset selection for
       efficient deep model training." ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skcoreset import GradMatch
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> sampler = GradMatch(coreset_size=10).fit(scale(X), y)
    >>> sampler.sampling_strategy_
    {0: 4, 1: 6}
    >>> (sampler.sample_weight_ > 0).all()
    np.True_
    """

    def _stratification(self):
        # The gradients of all samples sum to 0 where the regressor minimizes the loss.
        quantile = self.stratify == "proportional" and self._is_regression()
        return "quantile" if quantile else self.stratify

    _stops_early = "they match the gradient as well as more would"
    _not_nested = "its weights are fitted, and samples leave, as further samples are added"

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "gradient": [StrOptions({"last_layer", "logits"})],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "positive": ["boolean"],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        gradient="last_layer",
        regularization=0.0,
        tol=1e-6,
        positive=True,
        stratify="proportional",
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.gradient = gradient
        self.regularization = regularization
        self.tol = tol
        self.positive = positive
        self.stratify = stratify

    @fill_docstring
    def fit(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Select the coreset and fit the weights of its samples.

        Parameters
        ----------
        {X}

        y : array-like of shape (n_samples,)
            The class labels.

        {sample_weight}

        {X_val}

        {y_val}

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self._fitted(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return self

    @fill_docstring
    def fit_resample(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Select the coreset, fit its weights and return its samples.

        Parameters
        ----------
        {X}

        y : array-like of shape (n_samples,)
            The class labels.

        {sample_weight}

        {X_val}

        {y_val}

        Returns
        -------
        X_resampled : same type as X, of shape (n_coreset, n_features)
            The selected samples. Their fitted weights are in `sample_weight_`.

        y_resampled : same type as y, of shape (n_coreset,)
            The class labels of the selected samples.
        """
        fitted = self._fitted(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return fitted._resampled(X, y)

    def _check_auxiliary(self, table, X_val=None, y_val=None):
        if (X_val is None) != (y_val is None):
            raise ValueError(
                f"Only {'X_val' if y_val is None else 'y_val'} was given. Give X_val and y_val "
                "together, or neither of them."
            )
        if X_val is None:
            return {}
        check_consistent_length(X_val, y_val)
        X_val = check_table(self, X_val, reset=False)
        if self._is_regression():
            return self._check_continuous_auxiliary(table, X_val, y_val)
        codes, classes = encode(y_val)
        unseen = [] if classes is None else np.setdiff1d(classes, table.classes).tolist()
        if classes is None or unseen:
            raise ValueError(
                f"y_val contains {unseen or 'no class labels'}, but all labels of y_val must be "
                "class labels that y contains."
            )
        return {"X_val": X_val, "y_val": classes[codes], "labels_val": classes[codes]}

    def _check_continuous_auxiliary(self, table, X_val, y_val):
        y_val = continuous_target(y_val)
        if y_val.shape[1:] != table.target.shape[1:]:
            raise ValueError(
                f"y_val has the shape {y_val.shape} and y {table.target.shape}, but both must have "
                "the same targets."
            )
        labels = (
            np.full(len(y_val), None) if table.strata is None else table.strata.labels_of(y_val)
        )
        return {"X_val": X_val, "y_val": y_val, "labels_val": labels}

    def _check_groups(self, table, groups):
        if not table.auxiliary:
            return
        for group in groups:
            if group.label is not None and not (table.auxiliary["labels_val"] == group.label).any():
                this = group.of_the_class.split()[2]
                raise ValueError(
                    f"y_val contains no sample{group.of_the_class}. Add validation samples of this "
                    f"{this}, or set stratify=None."
                )

    def _represent(self, table, groups):
        factors = super()._represent(table, groups)
        if not table.auxiliary:
            return *factors, None, None, {}
        X_val, y_val = table.auxiliary["X_val"], table.auxiliary["y_val"]
        a_val, h_val, _ = self._factors(X_val, y_val)
        labels = table.auxiliary["labels_val"]
        rows_of = {group.label: np.flatnonzero(labels == group.label) for group in groups}
        return *factors, a_val, h_val, rows_of | {None: None}

    def _device_work(self, represented, groups):
        return sum(
            group.n_samples * group.size * (width_of(represented) + group.size) for group in groups
        )

    def _pick(self, represented, group):
        a, h, bias, a_val, h_val, rows_of = represented
        gradients = OuterProducts(a, h, bias, rows=group.rows)
        if a_val is None:
            target = gradients.total(group.sample_weight)
        else:
            of = OuterProducts(a_val, h_val, bias, rows=rows_of[group.label])
            target = of.total(np.full(of.n, group.sample_weight.sum() / of.n))
        self._check_total(target, gradients, group)
        picks, weight, norms = matching_pursuit(
            gradients,
            target,
            group.size,
            regularization=self.regularization,
            positive=self.positive,
            tol=self.tol,
            report=group.report,
        )
        if not len(picks):  # no positive inner product: select one sample all the same
            start = to_numpy(gradients.correlate(target))
            picks = np.array([start.argmax()])
            weight = group.sample_weight.sum(keepdims=True)
            norms = np.array([np.linalg.norm(to_numpy(target))])
        per_pick = {"residual_norms_": group.mean_weight * norms}
        return Picks(picks, weight, per_pick, scale="all" if self.positive else None)

    def _check_total(self, target, gradients, group):
        """Raise if the gradients of a regressor sum to 0 up to rounding."""
        if not self._is_regression() or group.n_samples == 1:
            return
        length = float(np.linalg.norm(to_numpy(target)))
        norms = to_numpy(gradients.sq) ** 0.5
        if length <= 1e-10 * float(group.sample_weight @ norms):
            raise ValueError(
                f"The gradients of the samples{group.of_the_class} sum to 0, so there is no total "
                f"gradient to match: {self.estimator_!r} minimizes their loss. Use "
                "stratify='quantile', or pass X_val and y_val."
            )
