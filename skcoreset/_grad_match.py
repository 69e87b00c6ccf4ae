"""Gradient matching: weighted samples whose gradients sum to that of all samples."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._candidates import (
    draws_candidates,
    n_candidates_of,
    rows_at,
    stochastic_is_not_nested,
    why_candidates_differ,
)
from skcoreset._docstrings import fill_docstring
from skcoreset._geometry import check_n_candidates
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.candidates import among_all, candidates_of
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import FacilityLocation
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.similarities import near_similarities, precise_enough
from skcoreset._validation import check_table, continuous_target, encode
from skcoreset.base import BaseCoreset, BaseModelCoreset, Picks

__all__ = ["CRAIG", "GradMatch"]


class _GradientCoreset(BaseModelCoreset):
    """Base of CRAIG and GradMatch: represents each sample by the factors of its gradient."""

    _is_composable = True

    _needs_labels = True
    _takes_regressors = True

    def _non_numeric_hint(self):
        other = "" if self.gradient == "logits" else " gradient='logits' does not use the features."
        return super()._non_numeric_hint() + other

    def _represent(self, table, groups):
        self._fit_estimator(table)
        return self._factors(table.X, table.target)

    def _factors(self, X, y):
        if self.gradient == "features":
            return _models.last_step_features(self.estimator_, X), None, None
        return _models.gradient_factors(self.estimator_, X, y, self.gradient)


@fill_docstring
class CRAIG(_GradientCoreset):
    r"""Select samples such that each sample has a gradient near that of a selected sample.

    A greedy optimizer selects, per class by default, a set S of samples that approximately
    minimizes

    .. math:: L(S) = \sum_i \min_{j \in S} \| g_i - g_j \| ,

    where :math:`g_i` is the gradient of the loss of sample i with respect to the parameters of
    the last layer of the classifier. The weight :math:`w_j` of a selected sample is the number of
    samples for which :math:`g_j` is the nearest of the gradients of the selected samples. With
    these weights, L(S) bounds the error of the total gradient,
    :math:`\| \sum_i g_i - \sum_{j \in S} w_j g_j \| \le L(S)` [1]_.

    Parameters
    ----------
    {estimator_or_regressor}

    {coreset_size}
        With None, the number of selected samples is determined by `epsilon`.

    gradient : {"last_layer", "logits", "features"}, default="last_layer"
        Representation of a sample. "last_layer" is the gradient of the loss with respect to the
        parameters of the last layer, that is, the outer product of a and [1, h], where a is the
        gradient with respect to the outputs of this layer and h are its inputs. "logits" is a
        alone, which is ``p - onehot(y)`` for the log-loss. "features" is the features that are
        passed to the classifier. For convex models, the distances of the features bound those of
        the gradients up to a constant, for all parameters of the classifier. The classifier is
        fitted also with "features".

    {optimizer}

    stochastic_epsilon : float, default=0.01
        The parameter `epsilon` of :class:`FacilityLocation`. Only for ``optimizer="stochastic"``.

    epsilon : float, default=None
        Only with ``coreset_size=None``: the selection ends as soon as L(S) is at most `epsilon`.
        Unless `stratify` is None, `epsilon` is divided among the classes in proportion to their
        numbers of samples, or their total `sample_weight`.

    {n_candidates_sampled}
        With `epsilon`, all samples are candidates.

    {init_samples}

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the random candidates of a class of more than `n_candidates` samples, of the
        stochastic optimizer, and of each parameter ``random_state`` of an unfitted `estimator` that
        is None. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_greedy}

    {sample_weight_cells}
        The distance is that of the gradients.

    losses_ : ndarray of shape (n_coreset,)
        L(S) of the class after each selected sample was added. The values are non-increasing within
        each class.

    loss_ : float
        L(S) of the whole coreset: the sum of the final L(S) of the classes.

    {estimator_gradients}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    GradMatch : Fits the weights to the total gradient. It needs fewer samples, and its weights are
        not numbers of samples.
    FacilityLocation : Maximizes the same function of the features instead of the gradients.

    Notes
    -----
    The loss depends on the methods of the classifier. With ``predict_proba`` it is the log-loss.
    With ``decision_function`` only, it is the sum over the decision values f of the logistic loss
    ``log(1 + exp(-t f))``, where t is 1 for the class of the sample and -1 for the other classes.
    The derivatives of the logistic loss with respect to f are continuous, while those of the hinge
    loss are -1, 0 or 1, so that the gradients of many samples would be equal. The loss of a
    regressor is half the squared error, so that a is the prediction minus `y`, whatever loss the
    regressor minimizes.

    The inputs of the last layer are the last hidden layer of an ``MLPClassifier`` or
    ``MLPRegressor``, and the features that are passed to any other estimator (the features of `X`,
    or the output of the previous steps of a Pipeline). The decision values of a kernel ``SVC`` or
    ``NuSVC``, and the predictions of an ``SVR`` or ``NuSVR``, are linear in the kernel values of
    the sample with the support vectors, so these kernel values are the inputs of its last layer. If
    there are more than 1,000 support vectors, only 1,000 of them, at regular
    intervals, are used. For ``SVC`` and ``NuSVC`` of any kernel, there is one decision value for
    each pair of classes.

    The following accuracies are those of a kernel SVM, ``SVC(C=10)``, fitted on 5, 10 and 20 % of
    the samples with their weights (standardized features, mean of 6 splits). On digits they are
    .87, .91, .94 with :class:`Uniform`, .92, .95, .96 with CRAIG, and .92, .95, .97 with
    :class:`GradMatch`. On breast cancer they are .91, .91, .92 with `Uniform`, .89, .90, .96 with
    CRAIG, and .84, .93, .96 with `GradMatch`. With ``gradient="features"``, which uses no gradient,
    the accuracies of CRAIG are .92, .95, .97 on digits and .96, .95, .96 on breast cancer.

    The outer products are never computed: the inner product of two gradients is the product of two
    inner products, that of the gradients with respect to the outputs and that of the inputs of the
    last layer.

    {candidates_sampled}

    Time for each class of n_c samples, with d inputs of the last layer and C classes:
    n_c^2 (d + C) multiplications for the distances, plus the time of the greedy optimizer. Memory:
    O(n), and up to scikit-learn's `working_memory` for distances. All distances are stored if they
    fit in half of it. Otherwise only those that can still reduce L(S) are stored, and distances
    that do not fit are computed again when they are needed. For a kernel SVM, n times the number of
    support vectors, at most 1,000 n, is added to the memory. Distances are computed in float64,
    except for large float32 `X` whose distances keep their digits in float32.

    {constant_times_sample_weight}

    References
    ----------
    .. [1] Mirzasoleiman, B., Bilmes, J., Leskovec, J. "Coresets for data-efficient training of
       machine learning models." ICML 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import CRAIG
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = CRAIG(coreset_size=6).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([0, 1, 2, 0, 1, 2])
    >>> float(sampler.sample_weight_.sum())
    150.0
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "coreset_size": [*BaseCoreset._parameter_constraints["coreset_size"], None],
        "gradient": [StrOptions({"last_layer", "logits", "features"})],
        "optimizer": [StrOptions({"lazy", "stochastic", "naive"})],
        "stochastic_epsilon": [Interval(Real, 0, 1, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="left"), None],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        gradient="last_layer",
        optimizer="lazy",
        stochastic_epsilon=0.01,
        epsilon=None,
        n_candidates="auto",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.gradient = gradient
        self.optimizer = optimizer
        self.stochastic_epsilon = stochastic_epsilon
        self.epsilon = epsilon
        self.n_candidates = n_candidates
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    @property
    def _stops_early(self):
        return None if self.epsilon is None else "the loss is at most epsilon"

    @property
    def _not_nested(self):
        return stochastic_is_not_nested(self)

    def _check_params(self, table):
        if (self.coreset_size is None) != (self.epsilon is not None):
            raise ValueError(
                f"coreset_size={self.coreset_size!r} and epsilon={self.epsilon!r} were given, but "
                "CRAIG requires exactly one of them. Set coreset_size=None to select as many "
                "samples as epsilon requires, or epsilon=None to select coreset_size samples."
            )
        if isinstance(self.n_candidates, Integral) and self.epsilon is not None:
            raise ValueError(
                f"n_candidates={self.n_candidates} is not supported with epsilon, for which all "
                "samples are candidates. Set n_candidates='auto'."
            )
        super()._check_params(table)
        if self.init is not None:
            check_initial(self.init, table.sample_weight, "None")

    def _check_groups(self, table, groups):
        if self.init is not None:
            check_initial_groups(self.init, groups)
        if self.epsilon is None:
            check_n_candidates(self.n_candidates, groups)

    def _is_random(self):
        draws = self.n_candidates is not None and self.epsilon is None
        return draws or self.optimizer == "stochastic"

    def _draws(self, groups):
        return self._is_random() and draws_candidates(self, groups)

    def _differs_from(self, size, n_selected, n):
        return why_candidates_differ(self, size, n_selected, n) if self.epsilon is None else None

    def _n_candidates(self, group):
        return n_candidates_of(self, group) if self.epsilon is None else group.n_samples

    def _device_work(self, factors, groups):
        width = 0 if factors is None else _width(factors)
        return sum(
            n**2 * width + (group.n_samples * group.size * width if n < group.n_samples else 0)
            for group in groups
            for n in [self._n_candidates(group)]
        )

    def _gradients(self, factors, rows):
        if self.gradient == "features":
            return pairs(factors[0], rows=rows)
        return OuterProducts(*factors, rows=rows)

    def _pick(self, factors, group):
        gradients, weight = self._gradients(factors, group.rows), group.sample_weight
        start, at = () if self.init is None else initial_positions(self.init, group), None
        if self._n_candidates(group) < group.n_samples:
            every, seed = gradients, group.random_state.randint(2**31 - 1)
            size = self._n_candidates(group)
            at, weight, start = candidates_of(every.tables, weight, size, seed, start)
            gradients = self._gradients(factors, rows_at(group, at))
        gradients = precise_enough(gradients)
        cover, losses = FacilityLocation(near_similarities(gradients), weight), []

        def stop():
            losses.append(group.mean_weight * cover.loss())
            if self.epsilon is None or len(losses) < len(start):
                return False
            return losses[-1] <= self.epsilon * group.weight_fraction

        picks, _ = greedy(
            cover,
            group.size,
            start=start,
            optimizer=self.optimizer,
            epsilon=self.stochastic_epsilon,
            random_state=group.random_state,
            stop=stop,
            report=group.report,
        )
        if at is not None:
            among = among_all(every, gradients, at[picks], group.sample_weight)
            losses = group.mean_weight * among.losses
            return Picks(at[picks], among.cells(), {"losses_": losses}, prefix=among.prefix_cells)
        weight, prefix = (of(group.sample_weight) for of in (cover.cells, cover.prefix_cells))
        return Picks(picks, weight, per_pick={"losses_": np.array(losses)}, prefix=prefix)

    def _params_of_budget(self, coreset_size):
        return {"coreset_size": coreset_size, "epsilon": None}

    def _publish_parts(self, parts):
        super()._publish_parts(parts)
        self.loss_ = float(sum(part.picks.per_pick["losses_"][-1] for part in parts))


@fill_docstring
class GradMatch(_GradientCoreset):
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
            group.n_samples * group.size * (_width(represented) + group.size) for group in groups
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


def _width(factors):
    """Number of multiplications for one inner product of two gradients."""
    a, h, *_ = factors
    return a.shape[1] + (0 if h is None else h.shape[1])
