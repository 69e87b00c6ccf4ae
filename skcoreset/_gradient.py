"""Gradient matching: weighted rows whose gradients add up to that of all rows."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.set_functions import FacilityLocation, normalized_weight
from skcoreset._kernels.similarities import near_similarities, precise_enough
from skcoreset._warnings import warn
from skcoreset.base import BaseCoreset, BaseModelCoreset, Picks, check_table, encode

__all__ = ["CRAIG", "GradMatch"]


class _GradientCoreset(BaseModelCoreset):
    """What the two share: the gradient of each row, as factors."""

    _needs_labels = True
    _uses_device = True

    def _instead(self):
        other = "" if self.gradient == "logits" else " gradient='logits' looks at no column itself."
        return super()._instead() + other

    def _represent(self, table):
        self._fit_estimator(table)
        return self._factors(table.X, table.classes[table.codes])

    def _factors(self, X, y):
        if self.gradient == "features":
            return _models.features(self.estimator_, X), None, None
        return _models.gradient_factors(self.estimator_, X, y, self.gradient)


class CRAIG(_GradientCoreset):
    r"""Weighted rows, one near each gradient: the medoids of the gradients.

    Greedily, and per class by default, keep the rows that minimise

    .. math:: L(S) = \sum_i \min_{j \in S} \| g_i - g_j \| ,

    where :math:`g_i` is the gradient of the loss of row i in the last layer of the classifier.
    With the number of rows nearest to each as its weight, L(S) bounds the error of the gradient
    of all rows, :math:`\| \sum_i g_i - \sum_{j \in S} w_j g_j \| \le L(S)`.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``. None, with
        `epsilon`: as many as it takes.

    gradient : {"last_layer", "logits", "features"}, default="last_layer"
        What stands for a row: its gradient in the last layer, error times what that layer sees;
        the error alone, ``p - onehot(y)``; or what reaches the classifier, which bounds the
        gradient of convex models up to a constant and needs no fitted classifier in theory.

    optimizer : {"lazy", "stochastic", "naive"}, default="lazy"
        "lazy" and "naive" pick the same rows, "lazy" in a fraction of the time. "stochastic" looks
        at a random part of the candidates at each step, and picks others.

    stochastic_epsilon : float, default=0.01
        Of the stochastic optimizer: it looks at ``n / k * ln(1 / stochastic_epsilon)`` candidates
        a step and reaches ``1 - 1/e - stochastic_epsilon`` of the optimum in expectation.

    epsilon : float, default=None
        With ``coreset_size=None``: stop as soon as L(S) is at most this (each class has its share
        of it).

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the stochastic optimizer, and of whatever is random in an unfitted `estimator` and
        has no seed of its own.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.
        With the lazy optimizer a class's picks are a prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        Weight of the rows whose gradient is nearest to that of each row kept. Sums to n_samples
        (or to the weight given).

    losses_ : ndarray of shape (n_coreset,)
        L(S) of its class once that row was picked; non-increasing within a class.

    loss_ : float
        L(S) of the whole coreset.

    estimator_ : classifier
        The classifier whose gradients were taken.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    GradMatch : Fits weights so that the gradients add up; needs fewer rows, has odder weights.
    FacilityLocation : The same on the rows themselves.

    Notes
    -----
    Which gradient is taken of which classifier: with probabilities that of the log-loss, with
    decision values f only that of the logistic loss ``log(1 + exp(-t f))`` of each of them, t = 1
    for the row's class and -1 for the others. Its errors are graded, where the hinge loss has -1,
    0 and 1, so that rows tie. The last layer sees the last hidden layer of an ``MLPClassifier`` and
    what reaches any other classifier (the columns, or what the earlier steps of a Pipeline make of
    them). A kernel ``SVC`` or ``NuSVC`` is linear in the kernel values of a row with the support
    vectors, which are what its last layer sees: of more than 1,000 support vectors 1,000, at equal
    steps. Its decision values, as those of ``SVC(kernel="linear")``, are those of the pairs of
    classes.

    How good are picks for a kernel SVM? Accuracy of ``SVC(C=10)`` on the picks with their weights,
    standardised columns, mean of 6 splits, at 5, 10 and 20 % of the rows: on digits .85, .91, .95
    with :class:`Uniform`, .92, .95, .97 with CRAIG, .92, .96, .97 with :class:`GradMatch`; on
    breast cancer .90, .93, .94 with `Uniform`, .90, .92, .97 with CRAIG, .88, .94, .96 with
    `GradMatch`. CRAIG with ``gradient="features"`` needs no gradient, and had .92, .95, .97 and
    .94, .96, .96.

    Gradients are never multiplied out: an inner product is that of the errors times that of the
    features. Time for each class: n_c^2 (d + C), then the lazy greedy loop. Memory: O(n), and up
    to scikit-learn's `working_memory` for distances: all of them where they fit in half of it,
    else those that can still count; what does not fit is computed again when it is needed. With a
    kernel SVM also n times the number of its support vectors, or n times 1,000. Distances are
    float64, whatever the table is.

    `sample_weight` times a constant gives the same picks, if the classifier is fitted already: one
    that is fitted here is fitted with the weights as they are.

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
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.gradient = gradient
        self.optimizer = optimizer
        self.stochastic_epsilon = stochastic_epsilon
        self.epsilon = epsilon
        self.stratify = stratify
        self.random_state = random_state

    def _check_target(self, table):
        if (self.coreset_size is None) != (self.epsilon is not None):
            raise ValueError(
                f"coreset_size={self.coreset_size!r} and epsilon={self.epsilon!r}: give one of "
                "them, the other None."
            )
        super()._check_target(table)

    def _is_random(self):
        return self.optimizer == "stochastic"

    def _place(self, factors, place, contests):
        a, h, bias = factors
        work = sum(len(contest.sample_weight) ** 2 for contest in contests) * _width(a, h)
        return *place((a, h), work), bias

    def _pick(self, factors, contest):
        a, h, bias = factors
        if self.gradient == "features":
            gradients = pairs(a, rows=contest.rows)
        else:
            gradients = OuterProducts(a, h, bias, rows=contest.rows)
        relative, mean = normalized_weight(contest.sample_weight)
        cover = FacilityLocation(near_similarities(precise_enough(gradients)), relative)
        losses = []

        def stop():
            losses.append(mean * cover.loss())
            share = contest.sample_weight.sum() / contest.total_weight
            return self.epsilon is not None and losses[-1] <= self.epsilon * share

        picks, _ = greedy(
            cover,
            contest.size,
            optimizer=self.optimizer,
            epsilon=self.stochastic_epsilon,
            random_state=contest.random_state,
            stop=stop,
            report=contest.report,
        )
        weight = cover.cells(contest.sample_weight)
        return Picks(picks, weight, per_pick={"losses_": np.array(losses)})

    def _publish(self, table, groups, picked):
        super()._publish(table, groups, picked)
        self.loss_ = float(sum(p.per_pick["losses_"][-1] for p in picked))


class GradMatch(_GradientCoreset):
    r"""Few rows with fitted weights, so that their gradients add up to the gradient of all rows.

    Per class by default, greedily solves

    .. math:: \min_{|S| \le k, \; w \ge 0}
        \Big\| \sum_{i \in S} w_i g_i - b \Big\|^2 + \lambda \| w \|^2 ,

    where :math:`g_i` is the gradient of the loss of row i in the last layer and b their sum over
    all rows (of the class), by orthogonal matching pursuit: the row most correlated with what is
    left over comes in, and the weights of all rows that are in are solved for again.

    It stops early, with fewer rows than asked for and a warning, where what is left over is below
    `tol` or no row correlates with it: more rows would get weight 0. A class where there is
    nothing to match keeps one row.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    gradient : {"last_layer", "logits"}, default="last_layer"
        What stands for a row: its gradient in the last layer, error times what that layer sees; or
        the error alone, ``p - onehot(y)``.

    regularization : float, default=0.0
        :math:`\lambda`, in units of squared gradients. Larger makes the weights more equal.

    tol : float, default=1e-6
        Stop where the norm of what is left over is at most `tol` times that of b.

    positive : bool, default=True
        Whether weights must be positive. If not, they are published as they were solved, some of
        them negative; few classifiers take those.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The fitted weights, all scaled by one factor so that they sum to n_samples (or to the weight
        given). Those of a class need not sum to its own weight: a class is stood for by its
        gradient, not by its number of rows.

    residual_norms_ : ndarray of shape (n_coreset,)
        Norm of what is left over of the gradient of its class once that row was in, with the
        weights as solved; with ``regularization=0`` non-increasing within a class.

    estimator_ : classifier
        The classifier whose gradients were taken.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    CRAIG : Weights that are counts, and a bound instead of a fit.

    Notes
    -----
    Which gradient is taken of which classifier: see :class:`CRAIG`. The weights as solved mostly
    sum to less than n, few large gradients standing for many small ones; scaled to n they act on a
    regularised model like a larger ``C``. A weight says how much of the
    gradient a row must carry for the others, at the parameters of this classifier only; it is no
    count of rows, and may be very unequal.

    Time for each pick: one column of inner products, n_c (d + C), one product of the columns so
    far with the weights, n_c k_c, and a triangular solve. Memory: n_c k_c, or O(n) where that is
    more than a quarter of scikit-learn's `working_memory`, at n_c d C a pick; with a kernel SVM
    also n times the number of its support vectors, or n times 1,000.

    `sample_weight` times a constant gives the same picks, if the classifier is fitted already: one
    that is fitted here is fitted with the weights as they are.

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

    def fit(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Select the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,)
            Labels.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row stands for already. Rows of weight 0 count as absent.

        X_val : table of shape (n_val, n_features), default=None
            Rows whose gradient is to be matched instead of that of `X`. Each class has the mean
            gradient of its validation rows, times its weight in `X`.

        y_val : array-like of shape (n_val,), default=None
            Labels of `X_val`.

        Returns
        -------
        self : object
            The fitted sampler.
        """
        return self._fit(X, y, sample_weight, beside=_validation(X_val, y_val))

    def fit_resample(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Select the coreset and return its rows, in order of selection.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,)
            Labels.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row stands for already. Rows of weight 0 count as absent.

        X_val, y_val : as for `fit`
            Rows whose gradient is to be matched instead.

        Returns
        -------
        X_resampled : same type as X, of shape (n_coreset, n_features)
            The rows kept; the weight of each is in `sample_weight_`.

        y_resampled : same type as y, of shape (n_coreset,)
            Their labels.
        """
        beside = _validation(X_val, y_val)
        return self._fitted(X, y, sample_weight, beside)._rows_kept(X, y)

    def _check_groups(self, table, groups):
        if table.beside is None:
            return
        X_val, y_val = table.beside
        check_table(self, X_val, reset=False)
        codes, classes = encode(y_val)
        unseen = [] if classes is None else np.setdiff1d(classes, table.classes).tolist()
        if classes is None or unseen:
            raise ValueError(f"y_val has the classes {unseen}, which y has not.")
        y_val = classes[codes]
        for group in groups:
            if group.label is not None and not (y_val == group.label).any():
                raise ValueError(f"y_val has no row of the class {group.label}.")

    def _represent(self, table):
        factors = super()._represent(table)
        if table.beside is None:
            return factors, None, None
        X_val, y_val = table.beside
        X_val = check_table(self, X_val, reset=False)
        codes, classes = encode(y_val)
        return factors, self._factors(X_val, classes[codes]), classes[codes]

    def _place(self, represented, place, contests):
        (a, h, bias), validation, y_val = represented
        a_val, h_val, _ = validation or (None, None, bias)
        work = sum(
            len(contest.sample_weight) * contest.size * (_width(a, h) + contest.size)
            for contest in contests
        )
        a, h, a_val, h_val = place((a, h, a_val, h_val), work)
        return (a, h, bias), validation and (a_val, h_val, bias), y_val

    def _pick(self, represented, contest):
        (a, h, bias), validation, y_val = represented
        gradients = OuterProducts(a, h, bias, rows=contest.rows)
        relative, mean = normalized_weight(contest.sample_weight)
        if validation is None:
            target = gradients.total(relative)
        else:
            mine = None if contest.label is None else np.flatnonzero(y_val == contest.label)
            of = OuterProducts(*validation, rows=mine)
            target = of.total(np.full(of.n, relative.sum() / of.n))
        picks, weight, norms = matching_pursuit(
            gradients,
            target,
            contest.size,
            regularization=self.regularization,
            positive=self.positive,
            tol=self.tol,
            report=contest.report,
        )
        if not len(picks):  # nothing to match: one row, so that no class is lost
            start = to_numpy(gradients.correlate(target))
            picks = np.array([start.argmax()])
            weight = relative.sum(keepdims=True)
            norms = np.array([np.linalg.norm(to_numpy(target))])
        if len(picks) < contest.size:
            of = "" if contest.label is None else f" of the class {contest.label}"
            warn(
                f"{len(picks)} rows{of} match the gradient as well as more would; "
                f"{contest.size} were asked for."
            )
        per_pick = {"residual_norms_": mean * norms}
        return Picks(picks, mean * weight, per_pick, scale="all" if self.positive else None)


def _validation(X_val, y_val):
    """Both, or None if neither is given."""
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val go together: give both or none.")
    if X_val is None:
        return None
    check_consistent_length(X_val, y_val)
    return X_val, y_val


def _width(a, h):
    """What one inner product of two gradients takes: multiplications."""
    return a.shape[1] + (0 if h is None else h.shape[1])
