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

    The distance is Euclidean in the features of `X`. It is measured from the class that is
    *predicted*, not from the label. For linear classifiers it has a closed form. For other
    classifiers with gradients, the decision function is linearized at the sample, the sample is
    moved to the nearest point at which another class has the same decision value, and both are
    repeated [1]_. With decision values :math:`f_k` and the predicted class :math:`\hat y`, a step
    is

    .. math:: r \leftarrow r + \frac{|f'_l|}{\| w'_l \|^2} w'_l, \qquad
        f'_k = f_k - f_{\hat y}, \quad w'_k = \nabla f_k - \nabla f_{\hat y}, \quad
        l = \arg\min_{k \ne \hat y} \frac{|f'_k|}{\| w'_k \|} ,

    evaluated at x + r, until :math:`x + (1 + \text{overshoot}) \, r` is predicted differently.
    Then r is shortened until its end is the point where the prediction changes, up to the
    overshoot. Trees, nearest neighbors and similar classifiers have no useful gradients, and the
    gradients of other classifiers are not reliable at every sample. In these cases the boundary is
    located by bisection between the sample and the nearest samples that are predicted differently.
    In active learning, the samples near the boundary are selected for labeling [2]_.

    Parameters
    ----------
    {estimator}

    {coreset_size}

    max_iter : int, default=50
        Maximum number of gradient steps per sample; on the route "bisection", maximum number of
        bisection steps for each of the `n_neighbors`. If the steps do not reach the boundary, the
        search continues by bisection.

    overshoot : float, default=0.02
        Tolerance of the distance, as a fraction of it: a point this much farther than the
        boundary counts as beyond it. A smaller value is more accurate and takes more steps.

    n_neighbors : int, default=5
        Number of nearest samples, among those that are predicted differently, towards which the
        bisection searches.

    max_predict_rows : int, default=None
        Budget of predictions: the maximum number of samples passed to the classifier, moved
        copies of samples included. None sets no limit. On the gradient routes, the number of steps
        per sample is limited in advance so that the budget suffices; if it does not suffice for
        one step, an error is raised. Bisection stops before the round that would exceed the
        budget. A warning gives the number of samples for which the search stopped early, and how
        many of them have not converged. For the others, the distance is that of a point that is
        predicted differently, but a nearer one may exist.

    store_perturbations : bool, default=False
        Whether to store `perturbations_`, which takes as much memory as `X` in float64.

    {stratify}

    Attributes
    ----------
    {sample_indices_}

    {sample_weight_counts}

    scores_ : ndarray of shape (n_samples,)
        Minus the distance, rounded to 10 digits. It is -inf for samples that did not converge,
        which are therefore selected last.

    distances_ : ndarray of shape (n_samples,)
        Norm of r; infinite for samples that did not converge.

    converged_ : ndarray of bool of shape (n_samples,)
        Whether a point that is predicted differently was found. It is False if the gradients did
        not lead to the boundary and no sample is predicted differently, or if `max_predict_rows`
        was exhausted.

    n_iter_ : ndarray of int of shape (n_samples,)
        Number of gradient steps of each sample; on the route "bisection", the number of rounds.

    perturbations_ : ndarray of shape (n_samples, `n_features_in_`)
        The perturbation r of each sample; only with `store_perturbations`.
        ``x + (1 + overshoot) * r`` is predicted differently from x; on the route "bisection",
        ``x + r`` is. It is NaN for samples that did not converge, and 0 for samples on the
        boundary.

    route_ : {"linear", "analytic", "differences", "bisection"}
        How the boundary was located, see Notes.

    n_predict_rows_ : int
        Number of samples passed to the classifier.

    {estimator_used}

    {sampling_strategy_}

    {classes_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    Margin : Difference between the scores of the two most probable classes, at the cost of one
        prediction per sample.

    Notes
    -----
    For linear classifiers the distance is exact. For others it is an upper bound, up to a factor
    of 1 + `overshoot`: the prediction changes at r, but a shorter perturbation may exist, because
    the gradients give only a local linear approximation and the bisection searches along some
    directions only.

    The length of the first step is the distance for a linear classifier. Where the steps do not
    reach the boundary, or where the resulting distance differs from this length by a factor of
    more than 1.25, the gradient is not considered reliable (this occurs deep inside a class, with
    narrow kernels, and in networks with inactive units). The boundary is then also located by
    bisection towards the samples of `fit` that are predicted differently, and the shorter of the
    two perturbations is used.

    Distances are in the units of the features. The distance along a feature in millimeters is a
    thousand times as large as along the same feature in meters, and a scaler inside a Pipeline
    does not change this. If the features have different units, scale `X` itself.

    The route depends on the classifier.

    * "linear": scikit-learn's linear classifiers, ``MultinomialNB``, ``ComplementNB``, and SVC with
      a linear kernel and two classes. Time: one prediction per sample. Sparse matrices stay
      sparse.
    * "analytic": ``MLPClassifier`` (its logits), SVC and NuSVC, ``GaussianNB``,
      ``QuadraticDiscriminantAnalysis``. Time: per step that of about C + 1 predictions per sample,
      and about 1 to 5 predictions to shorten the perturbation.
    * "differences": other smooth classifiers, by central differences of their decision values,
      or of the logarithms of their probabilities. Time: per step 2d + 2 predictions per sample,
      and about 2 to 6 to shorten the perturbation.
    * "bisection": trees and forests, boosting, nearest neighbors, hard voting, thresholds and
      isotonic calibration, also as a part of the classifier; and classifiers whose outputs do not
      change after a small step, which is tested on 16 samples. Time: n^2 d for the neighbors, and
      about 20 predictions per sample; the two previous routes need the same for the samples at
      which the gradient is not reliable. `score_samples` searches towards the samples of `fit`,
      which are stored.

    The first two routes work through Pipelines of scalers, PCA, TruncatedSVD and feature
    selection; after other transformers, every classifier takes the route "differences". Sparse
    matrices are converted to dense blocks, except on the route "linear".

    SVC and NuSVC of more than two classes have a decision value for each *pair* of classes and
    predict the class that wins the most pairs. For them :math:`f'_k` is minus the smallest amount
    by which pairwise values must change until class k has more votes than the predicted class; it
    is equal to one of these values, up to its sign, and the gradient is that of this value.

    Decision values are never probabilities, whose gradients vanish. If a classifier has only
    probabilities and one of them is exactly 0, it has no gradient there. Memory: blocks of 64 MiB,
    or of scikit-learn's `working_memory` if that is less, and a copy of the samples at which the
    gradient is not reliable.

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

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "overshoot": [Interval(Real, 0, None, closed="neither")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_predict_rows": [Interval(Integral, 1, None, closed="left"), None],
        "store_perturbations": ["boolean"],
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
        stratify="proportional",
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.max_iter = max_iter
        self.overshoot = overshoot
        self.n_neighbors = n_neighbors
        self.max_predict_rows = max_predict_rows
        self.store_perturbations = store_perturbations
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
                f"{lost} of them have not converged: no point that is predicted differently was "
                "found. For the others, a nearer point may exist. Increase max_predict_rows, or "
                "set it to None.",
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
