"""Samples that lie nearest to the decision boundary."""

import copy
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from skcoreset import _models
from skcoreset._backend import take, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._validation import check_numbers, check_table
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["DeepFool"]


@fill_docstring
class DeepFool(BaseScoreCoreset, BaseModelCoreset):
    r"""Select the samples that lie nearest to the decision boundary of a classifier.

    .. math:: s(x) = - \min_r \big\{ \| r \|_2 : \hat y(x + r) \ne \hat y(x) \big\}

    The score of a sample is minus the Euclidean distance, in the features of `X`, to the nearest
    point for which the classifier predicts another class than for the sample; the class label of
    the sample is not used. For linear classifiers the distance has a closed form. For other
    classifiers with gradients, it is computed iteratively [1]_: the decision function is
    linearized at the current point, and the point is moved to where another class first has the
    same decision value. With decision values :math:`f_k` and the predicted class
    :math:`\hat y`, a step is

    .. math:: r \leftarrow r + \frac{|f'_l|}{\| w'_l \|^2} w'_l, \qquad
        f'_k = f_k - f_{\hat y}, \quad w'_k = \nabla f_k - \nabla f_{\hat y}, \quad
        l = \arg\min_{k \ne \hat y} \frac{|f'_k|}{\| w'_k \|} ,

    evaluated at x + r, until the prediction for :math:`x + (1 + \text{overshoot}) \, r` differs
    from that for x. Then r is shortened until the prediction changes at x + r, up to the relative
    tolerance `overshoot`. Trees, nearest neighbors and similar classifiers have no useful
    gradients, and the gradients of other classifiers are not reliable at every sample. In these
    cases the boundary is located by bisection between the sample and the nearest samples for which
    another class is predicted. In active learning, the samples near the boundary are selected for
    labeling [2]_.

    Parameters
    ----------
    {estimator}

    {coreset_size}

    max_iter : int, default=50
        Maximum number of gradient steps per sample. If they do not reach the boundary, the search
        continues by bisection. With the route "bisection", it is the maximum number of bisection
        steps for each of the `n_neighbors`.

    overshoot : float, default=0.02
        Relative tolerance of the distance. The search ends at a point on the other side of the
        boundary whose distance is at most 1 + `overshoot` times that of the boundary in the same
        direction. A smaller value is more accurate and takes more steps.

    n_neighbors : int, default=5
        Number of nearest samples, among those for which another class is predicted, towards which
        the bisection searches.

    max_predict_rows : int, default=None
        Budget of predictions: the maximum number of samples passed to the classifier, moved
        copies of samples included. If None, there is no limit. The number of gradient steps per
        sample is limited in advance so that the budget suffices; if it does not suffice for one
        step, an error is raised. Bisection stops before the round that would exceed the budget. A
        warning gives the number of samples for which the search stopped early, and how many of
        them did not converge. For the others, the distance is that of a point for which another
        class is predicted, but a nearer one may exist.

    store_perturbations : bool, default=False
        Whether to store `perturbations_`, an array as large as a dense `X` in float64.

    {exclude}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        Minus `distances_`, rounded to 10 significant digits. The score of samples that did not
        converge is -inf, so that they are selected last.

    distances_ : ndarray of shape (n_samples,)
        Distance of each sample to the boundary, that is, the norm of r. It is infinite for samples
        that did not converge.

    converged_ : ndarray of bool of shape (n_samples,)
        Whether a point for which another class is predicted was found. It is False if the gradient
        steps did not reach the boundary and the same class is predicted for all samples, or if
        `max_predict_rows` was exhausted.

    n_iter_ : ndarray of int of shape (n_samples,)
        Number of gradient steps of each sample; with the route "bisection", the number of rounds
        of the bisection.

    perturbations_ : ndarray of shape (n_samples, `n_features_in_`)
        The perturbation r of each sample. Defined only if `store_perturbations` is True. The
        prediction for ``x + (1 + overshoot) * r`` differs from that for x; with the route
        "bisection", the prediction for ``x + r`` does. It is NaN for samples that did not
        converge, and 0 for samples on the boundary.

    route_ : {"linear", "analytic", "differences", "bisection"}
        How the boundary was located, as described in the Notes.

    n_predict_rows_ : int
        Number of samples passed to the classifier.

    {estimator_used}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Margin : Select the samples with the smallest margin between the two most probable classes, at
        the cost of one prediction per sample.

    Notes
    -----
    For linear classifiers the distance is exact. For others it is an upper bound, up to a factor
    of 1 + `overshoot`: the prediction changes at x + r, but a shorter perturbation may exist,
    because the gradients give only a local linear approximation, and the bisection searches in
    some directions only.

    The length of the first step is the distance for a linear classifier. Where the steps do not
    reach the boundary, or where the resulting distance differs from this length by a factor of
    more than 1.25, the gradient is not considered reliable (this occurs deep inside a class, with
    narrow kernels, and in networks with inactive units). The boundary is then also located by
    bisection towards the samples given to `fit` for which another class is predicted, and the
    shorter of the two perturbations is used.

    Distances are in the units of the features of `X`, also if `estimator` is a Pipeline that
    scales them. If the features have different units, scale `X` itself.

    The route depends on the classifier.

    * "linear": scikit-learn's linear classifiers, ``MultinomialNB``, ``ComplementNB``, and SVC with
      a linear kernel and two classes. Time: one prediction per sample. Sparse matrices stay
      sparse.
    * "analytic": ``MLPClassifier`` (its logits), SVC and NuSVC, ``GaussianNB``,
      ``QuadraticDiscriminantAnalysis``. Time for each sample, with C classes: that of about C + 1
      predictions per step, and of about 1 to 5 predictions to shorten the perturbation.
    * "differences": other smooth classifiers, by central differences of their decision values,
      or of the logarithms of their probabilities. Time for each sample, with d features: that of
      2d + 2 predictions per step, and of about 2 to 6 predictions to shorten the perturbation.
    * "bisection": trees and forests, boosting, nearest neighbors, hard voting, isotonic
      calibration, ``FixedThresholdClassifier`` and ``TunedThresholdClassifierCV``, also as a part
      of the classifier; and classifiers whose outputs do not change after a small step, which is
      tested on 16 samples. Time: n^2 d multiplications for the nearest samples, and about 20
      predictions per sample; the two previous routes need the same for the samples at which the
      gradient is not reliable. `score_samples` searches towards the samples given to `fit`, which
      are stored.

    The first two routes support Pipelines of scalers, PCA, TruncatedSVD and feature selection;
    after other transformers, the route "differences" is used instead. Sparse matrices are converted
    to dense blocks, except with the route "linear".

    SVC and NuSVC of more than two classes have a decision value for each *pair* of classes and
    predict the class that wins the most pairs. For them :math:`f'_k` is minus the smallest amount
    by which pairwise values must change until class k has more votes than the predicted class; it
    is equal to one of these values, up to its sign, and the gradient is that of this value.

    The gradients of probabilities vanish far from the boundary; for classifiers that have only
    probabilities, their logarithms are used as decision values. If one of the probabilities is
    exactly 0, there is no gradient.

    Memory: blocks of 64 MiB, or of scikit-learn's `working_memory` if that is less, and a copy of
    the samples at which the gradient is not reliable.

    {near_the_boundary}

    References
    ----------
    .. [1] Moosavi-Dezfooli, S.-M., Fawzi, A., Frossard, P. "DeepFool: a simple and accurate method
       to fool deep neural networks." CVPR 2016.
    .. [2] Ducoffe, M., Precioso, F. "Adversarial active learning for deep networks: a margin based
       approach." arXiv:1802.09841 (2018).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skcoreset import DeepFool
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = DeepFool(SVC(), coreset_size=6).fit(X, y)
    >>> sampler.route_
    'analytic'
    >>> sampler.distances_[sampler.sample_indices_].round(2)
    array([0.96, 0.04, 0.01, 0.99, 0.06, 0.01])
    """

    _purposes = ("labeling",)

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "overshoot": [Interval(Real, 0, None, closed="neither")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_predict_rows": [Interval(Integral, 1, None, closed="left"), None],
        "store_perturbations": ["boolean"],
        "exclude": ["array-like", None],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        max_iter=50,
        overshoot=0.02,
        n_neighbors=5,
        max_predict_rows=None,
        store_perturbations=False,
        exclude=None,
        stratify="proportional",
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.max_iter = max_iter
        self.overshoot = overshoot
        self.n_neighbors = n_neighbors
        self.max_predict_rows = max_predict_rows
        self.store_perturbations = store_perturbations
        self.exclude = exclude
        self.stratify = stratify

    def _check_numbers(self, X):
        if _models.is_linear(self._classifier()):
            return None  # the classifier checks the values
        return to_numpy(check_numbers(self, X))

    def _non_numeric_hint(self):
        return ""  # samples are moved in the features of X, also for a Pipeline

    def _method(self, estimator):
        if get_tags(estimator).input_tags.pairwise:
            raise ValueError(
                f"{estimator!r} takes a matrix of shape (n_samples, n_samples), such as a "
                "precomputed kernel, but DeepFool moves samples in the feature space. Use a "
                "classifier that takes the features."
            )
        known = _models.is_fitted(estimator) or not is_classifier(
            estimator
        )  # some have predict only once fitted
        if known and not hasattr(estimator, "predict"):
            raise TypeError(f"DeepFool requires a classifier with predict; {estimator!r} has none.")
        return "predict"

    _needed_to_score = ("estimator_", "route_", "_function", "_candidates")

    def _check_params(self, table):
        super()._check_params(table)
        n = len(table.sample_weight)
        _models.check_prediction_budget(self.max_predict_rows, n, "predict every sample once")

    def _scores(self, table):
        self._fit_estimator(table)
        self._method(self.estimator_)
        present = np.flatnonzero(table.sample_weight > 0)
        if _models.is_linear(self.estimator_):
            X = table.X
        else:
            X = _array(table.X) if table.numbers is None else table.numbers
        known = X if len(present) == _num_samples(X) else take(X, present)
        function = _models.DecisionFunction(self.estimator_, known, container=table.X)
        linear = function.route == "linear"
        labels, candidates = None, None if linear else _models.BisectionCandidates(known)
        if function.route == "bisection":
            labels = self._labels(function, X)
            candidates.labels = labels[present]
        found = self._search(function, X, candidates, labels)
        self._function, self._candidates = function, candidates
        self.route_ = function.route
        self.n_predict_rows_ = function.n_predicted
        self.distances_, self.n_iter_ = found.distances, found.n_iter
        self.converged_ = np.isfinite(found.distances)
        self.__dict__.pop("perturbations_", None)
        if self.store_perturbations:
            self.perturbations_ = found.perturbations
        return _minus_to_digits(self.distances_)

    @fill_docstring
    def score_samples(self, X, y=None):
        """Score samples by their distance from the boundary of the fitted classifier.

        Parameters
        ----------
        {X_scored}

        {y_ignored}

        Returns
        -------
        {scores}
            Larger scores mean that the sample is nearer to the boundary.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        function, candidates = copy.copy(self._function), copy.copy(self._candidates)
        function.n_predicted = 0
        X = X if function.route == "linear" else _array(X)
        labels = self._labels(function, X) if function.route == "bisection" else None
        return _minus_to_digits(self._search(function, X, candidates, labels).distances)

    def _labels(self, function, X):
        to = "predict every sample and one point between it and another sample"
        _models.check_prediction_budget(
            self.max_predict_rows, function.n_predicted + 2 * X.shape[0], to
        )
        return _models.predict_in_blocks(function, X)

    def _search(self, function, X, candidates, labels):
        params = _models.SearchParameters(
            self.max_iter,
            self.overshoot,
            self.n_neighbors,
            self.max_predict_rows,
            self.store_perturbations,
        )
        found = _models.nearest_crossing(function, X, candidates, params, labels)
        if found.exhausted.any():
            lost = np.count_nonzero(found.exhausted & np.isinf(found.distances))
            warnings.warn(
                f"max_predict_rows={self.max_predict_rows} was exhausted before the search ended "
                f"for {np.count_nonzero(found.exhausted)} of {len(found.exhausted)} samples. "
                f"{lost} of them did not converge: no point for which another class is predicted "
                "was found. For the others, a nearer point may exist. Increase max_predict_rows, "
                "or set it to None.",
                UserWarning,
                stacklevel=2,
            )
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False  # samples are moved: features must be numbers
        tags.input_tags.string = False
        tags.input_tags.categorical = False
        return tags


def _minus_to_digits(distances, digits=10):
    """Minus the distances, rounded so that distances equal up to rounding errors are equal."""
    scores, some = -distances, np.isfinite(distances) & (distances > 1e-290)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(distances[some])))
    scores[some] = -np.round(distances[some] * scale) / scale
    return scores


def _array(X):
    return check_array(to_numpy(X), accept_sparse="csr", dtype=[np.float64, np.float32])
