"""Decision boundary: the rows that lie nearest to it."""

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
from skcoreset._validation import check_numbers, check_table
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["DeepFool"]


class DeepFool(BaseScoreCoreset, BaseModelCoreset):
    r"""Rows that lie nearest to the decision boundary of a classifier.

    .. math:: s(x) = - \min_r \big\{ \| r \|_2 : \hat y(x + r) \ne \hat y(x) \big\}

    The distance is measured in the columns of `X`, from the class that is *predicted*. For linear
    classifiers it is had in closed form. Otherwise the classifier is taken as linear where the row
    is, the row is moved to where the nearest class would draw level, and so on [1]_. With decision
    values :math:`f_k` and the predicted class :math:`\hat y`, a step is

    .. math:: r \leftarrow r + \frac{|f'_l|}{\| w'_l \|^2} w'_l, \qquad
        f'_k = f_k - f_{\hat y}, \quad w'_k = \nabla f_k - \nabla f_{\hat y}, \quad
        l = \arg\min_{k \ne \hat y} \frac{|f'_k|}{\| w'_k \|} ,

    taken at x + r, until :math:`x + (1 + \text{overshoot}) \, r` is predicted differently. Then r
    is shortened to where the prediction changes on the way, up to the overshoot. Trees,
    neighbours and the like have no gradients, and elsewhere the slope may be no guide. There the
    boundary is searched by bisection between the row and the nearest rows that are predicted
    differently. The rows near the boundary are those worth labelling in active learning [2]_.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    max_iter : int, default=50
        Most steps of a row; of bisection, for each of the `n_neighbors`. Where more would be
        needed, the slope is no guide.

    overshoot : float, default=0.02
        How far past the boundary counts as past it, as a share of the distance. Smaller is more
        exact and takes more steps.

    n_neighbors : int, default=5
        How many of the nearest rows that are predicted differently bisection heads for.

    max_predict_rows : int, default=None
        Most rows that the classifier is asked for. None: as many as it takes. Steps by gradients
        are limited to what is sure to stay within; if that is none, it is an error. Bisection
        stops where the next round would exceed it. A warning says for how many rows the search
        was cut short and how many of them have not converged; the distances of the others are
        those of points that are predicted differently, but nearer ones may exist.

    store_perturbations : bool, default=False
        Whether to keep `perturbations_`, as large as `X` in float64.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without `y` it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    scores_ : ndarray of shape (n_samples,)
        Minus the distance, to 10 digits; rows that did not converge come last, with -inf.

    distances_ : ndarray of shape (n_samples,)
        Norm of r; infinite for rows that did not converge.

    converged_ : ndarray of bool of shape (n_samples,)
        Whether a point that is predicted differently was found. If not, there was no slope to
        follow and no row that is predicted differently, or `max_predict_rows` was spent.

    n_iter_ : ndarray of int of shape (n_samples,)
        Steps by gradients that each row took; on the route "bisection", the rounds.

    perturbations_ : ndarray of shape (n_samples, `n_features_in_`)
        r of each row, only with `store_perturbations`. ``x + (1 + overshoot) * r`` is predicted
        differently than x; on the route "bisection" ``x + r`` is. NaN for rows that did not
        converge. A row that lies on the boundary has 0.

    route_ : {"linear", "analytic", "differences", "bisection"}
        How the boundary was sought, see Notes.

    n_predict_rows_ : int
        Number of rows that the classifier was asked for.

    estimator_ : classifier
        The classifier that was asked.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` is given.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Margin : How far apart the two best classes are, which costs one call of the classifier.

    Notes
    -----
    For linear classifiers the distance is exact. Otherwise a shorter way may exist: by gradients,
    as the direction is that of a linear view of the classifier; by bisection, as only some
    directions are tried. On the way that was found, the prediction changes at r, up to a factor of
    1 + `overshoot`.

    The first step is as long as a linear classifier would need. Where a row does not arrive, or
    where the boundary is nearer or farther than that by more than a quarter, the slope is no guide
    (deep inside a class, narrow kernels, networks with dead units), and the row heads for the rows
    of `fit` that are predicted differently, too. The shorter way counts.

    Distances are in the units of the columns. A column in metres weighs a thousand times less than
    the same column in millimetres, whatever a scaler inside a Pipeline does: scale `X` itself if
    its columns have different units.

    What is done depends on what the classifier is.

    * "linear": scikit-learn's linear classifiers, ``MultinomialNB``, ``ComplementNB``, and SVC with
      a linear kernel and two classes. Time: one call of the classifier. Sparse tables stay sparse.
    * "analytic": ``MLPClassifier`` (its logits), SVC and NuSVC, ``GaussianNB``,
      ``QuadraticDiscriminantAnalysis``. Time: for each step about C + 1 calls, and about 1 to 5
      to shorten the way.
    * "differences": other smooth classifiers, by central differences of their decision values,
      or of the logarithms of their probabilities. Time: for each step 2d + 2 calls, and about
      2 to 6 to shorten the way.
    * "bisection": trees and forests, boosting, nearest neighbours, votes, thresholds, isotonic
      calibration, wherever they are in the classifier; and classifiers whose answers a small step
      does not move, which is tried on 16 rows. Time: n^2 d for the neighbours, and about 20
      calls; on the two routes before, the same for the rows to which the slope is no guide.
      `score_samples` heads for the rows of `fit`, which are kept.

    The first two work through Pipelines of scalers, PCA, TruncatedSVD and feature selection; with
    other steps before it any classifier goes by differences. Sparse tables are made dense in
    blocks, except on the route "linear".

    SVC and NuSVC of several classes have a value for each *pair* of classes and predict the one
    that wins most pairs. There :math:`f'_k` is by how much such values must rise until k outvotes
    the predicted class; it is one of these values, and its gradient is taken.

    Decision values are never probabilities, whose slopes vanish. Where probabilities are all there
    is and one is exactly 0, no slope is left. Memory: blocks of 64 MiB, or scikit-learn's
    `working_memory` if that is less, and a copy of the rows to which the slope is no guide.

    These rows are one-sided, as those of :class:`Margin` are: worth labelling, but no table to
    train on alone. Their weights stand for nothing but counts.

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
            return None  # the classifier checks the numbers itself
        return to_numpy(check_numbers(self, X))

    def _non_numeric_hint(self):
        return ""  # rows are moved along the columns, also those of a Pipeline

    def _method(self, estimator):
        if get_tags(estimator).input_tags.pairwise:
            raise ValueError(
                f"{estimator!r} works on a matrix of rows by rows: there are no columns along "
                "which a row could be moved. Give a classifier that works on the columns."
            )
        known = _models.is_fitted(estimator) or not is_classifier(
            estimator
        )  # some show it once fitted
        if known and not hasattr(estimator, "predict"):
            raise TypeError(f"DeepFool needs a classifier with predict; {estimator!r} has none.")
        return "predict"

    def _check_params(self, table):
        super()._check_params(table)
        n = len(table.sample_weight)
        _models.check_affordable(self.max_predict_rows, n, "ask for every row once")

    def _scores(self, table):
        self._fit_estimator(table)
        self._method(self.estimator_)
        present = np.flatnonzero(table.sample_weight > 0)
        if _models.is_linear(self.estimator_):
            X = table.X
        else:
            X = _array(table.X) if table.numbers is None else table.numbers
        known = X if len(present) == _num_samples(X) else take(X, present)
        decisions = _models.Decisions(self.estimator_, known, container=table.X)
        labels, others = None, None if decisions.route == "linear" else _models.Others(known)
        if decisions.route == "bisection":
            labels = self._labels(decisions, X)
            others.labels = labels[present]
        found = self._search(decisions, X, others, labels)
        self._decisions, self._others = decisions, others
        self.route_ = decisions.route
        self.n_predict_rows_ = decisions.n_rows
        self.distances_, self.n_iter_ = found.distances, found.n_iter
        self.converged_ = np.isfinite(found.distances)
        self.__dict__.pop("perturbations_", None)
        if self.store_perturbations:
            self.perturbations_ = found.perturbations
        return _minus_to_digits(self.distances_)

    def score_samples(self, X, y=None):
        """Score rows by the classifier that was fitted; larger is nearer to the boundary.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows, such as a pool that is not labelled.

        y : None
            Not used.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Score of each row.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        decisions, others = copy.copy(self._decisions), copy.copy(self._others)
        decisions.n_rows = 0
        X = X if decisions.route == "linear" else _array(X)
        labels = self._labels(decisions, X) if decisions.route == "bisection" else None
        return _minus_to_digits(self._search(decisions, X, others, labels).distances)

    def _labels(self, decisions, X):
        to = "predict every row and one point on the way to another"
        _models.check_affordable(self.max_predict_rows, decisions.n_rows + 2 * X.shape[0], to)
        return _models.predict_in_blocks(decisions, X)

    def _search(self, decisions, X, others, labels):
        limits = _models.Limits(
            self.max_iter,
            self.overshoot,
            self.n_neighbors,
            self.max_predict_rows,
            self.store_perturbations,
        )
        found = _models.nearest_crossing(decisions, X, others, limits, labels)
        if found.cut.any():
            lost = np.count_nonzero(found.cut & np.isinf(found.distances))
            warnings.warn(
                f"max_predict_rows={self.max_predict_rows} was spent before the search had ended "
                f"for {np.count_nonzero(found.cut)} of {len(found.cut)} rows. Of {lost} of them no "
                "point that is predicted differently was found yet: they have not converged. Of "
                "the others a nearer one may exist. Give more, or None.",
                UserWarning,
                stacklevel=2,
            )
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False  # rows are moved: columns must be numbers
        tags.input_tags.string = False
        tags.input_tags.categorical = False
        return tags


def _minus_to_digits(distances, digits=10):
    """Scores: minus the distances, of which equal ones stay equal however they were rounded."""
    scores, some = -distances, np.isfinite(distances) & (distances > 1e-290)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(distances[some])))
    scores[some] = -np.round(distances[some] * scale) / scale
    return scores


def _array(X):
    return check_array(to_numpy(X), accept_sparse="csr", dtype=[np.float64, np.float32])
