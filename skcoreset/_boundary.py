"""Decision boundary: the rows that lie nearest to it."""

import copy
import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from skcoreset._backend import block_slices, take, to_numpy
from skcoreset._models import Decisions, is_fitted, is_linear
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset, check_numbers, check_table

__all__ = ["DeepFool"]

BLOCK_BYTES = 2**26  # matrix products of small blocks are slow


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

    taken at x + r, until :math:`x + (1 + \text{overshoot}) \, r` is predicted differently. Trees,
    neighbours and the like have no gradients. There the boundary is searched by bisection between
    the row and the nearest rows that are predicted differently. The rows near the boundary are
    those worth labelling in active learning [2]_.

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
        Most steps of a row; of bisection, for each of the `n_neighbors`. A row that needs more has
        not converged.

    overshoot : float, default=0.02
        How far past the boundary counts as past it, as a share of the distance. Smaller is more
        exact and takes more steps.

    n_neighbors : int, default=5
        Bisection only: how many of the nearest rows that are predicted differently are headed for.

    max_predict_rows : int, default=None
        Most rows that the classifier is asked for. None: as many as it takes. Steps by gradients
        are limited to what is sure to stay within; if that is none, it is an error. Bisection
        stops where the next round would exceed it; the distances are then coarser and a warning
        says so.

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
        Whether the boundary was reached. If not, there was no slope to follow, no row that is
        predicted differently, or no end within `max_iter`.

    n_iter_ : ndarray of int of shape (n_samples,)
        Steps that each row took; of bisection, the rounds.

    perturbations_ : ndarray of shape (n_samples, `n_features_in_`)
        r of each row, only with `store_perturbations`. ``x + (1 + overshoot) * r`` is predicted
        differently than x; by bisection ``x + r`` is. NaN for rows that did not converge. A row
        that lies on the boundary has 0.

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
    as the nearest class is that of a linear view of the classifier, and a long step where it bends
    may go too far; by bisection, as only some directions are tried. Rows so deep inside their
    class that there is hardly a slope may not converge.

    Distances are in the units of the columns. A column in metres weighs a thousand times less than
    the same column in millimetres, whatever a scaler inside a Pipeline does: scale `X` itself if
    its columns have different units.

    What is done depends on what the classifier is.

    * "linear": scikit-learn's linear classifiers, ``MultinomialNB``, ``ComplementNB``, and SVC with
      a linear kernel and two classes. Time: one call of the classifier. Sparse tables stay sparse.
    * "analytic": ``MLPClassifier`` (its logits), SVC and NuSVC, ``GaussianNB``,
      ``QuadraticDiscriminantAnalysis``. Time: for each step about C + 1 calls.
    * "differences": other smooth classifiers, by central differences of their decision values,
      or of the logarithms of their probabilities. Time: for each step 2d + 2 calls.
    * "bisection": trees and forests, boosting, nearest neighbours, votes, thresholds, isotonic
      calibration, wherever they are in the classifier; and classifiers whose answers a small step
      does not move, which is tried on 16 rows. Time: n^2 d for the neighbours, and about 20
      calls. `score_samples` heads for the rows of `fit`, which are kept.

    The first two work through Pipelines of scalers, PCA, TruncatedSVD and feature selection; with
    other steps before it any classifier goes by differences. Sparse tables are made dense in
    blocks, except on the route "linear".

    SVC and NuSVC of several classes have a value for each *pair* of classes and predict the one
    that wins most pairs. There :math:`f'_k` is by how much such values must rise until k outvotes
    the predicted class; it is one of these values, and its gradient is taken.

    Decision values are never probabilities, whose slopes vanish. Where probabilities are all there
    is and one is exactly 0, no slope is left and the row does not converge. Memory: blocks of
    64 MiB, or scikit-learn's `working_memory` if that is less.

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
    array([1.08, 0.04, 0.01, 1.12, 0.06, 0.01])
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

    def _check_X(self, X):
        X = check_table(self, X)
        if not is_linear(self._classifier()):  # that looks at the numbers itself
            check_numbers(self, X)
        return X

    def _instead(self):
        return ""  # rows are moved along the columns, also those of a Pipeline

    def _method(self, estimator):
        if get_tags(estimator).input_tags.pairwise:
            raise ValueError(
                f"{estimator!r} works on a matrix of rows by rows: there are no columns along "
                "which a row could be moved. Give a classifier that works on the columns."
            )
        known = is_fitted(estimator) or not is_classifier(estimator)  # some show it once fitted
        if known and not hasattr(estimator, "predict"):
            raise TypeError(f"DeepFool needs a classifier with predict; {estimator!r} has none.")
        return "predict"

    def _check_target(self, table):
        super()._check_target(table)
        self._check_budget(len(table.sample_weight), "ask for every row once")

    def _scores(self, table):
        self._fit_estimator(table)
        self._method(self.estimator_)
        present = np.flatnonzero(table.sample_weight > 0)
        X = table.X if is_linear(self.estimator_) else _array(table.X)
        known = X if len(present) == _num_samples(X) else take(X, present)
        decisions = Decisions(self.estimator_, known, container=table.X)
        labels = reference = None
        if decisions.route == "bisection":
            labels = self._labels(decisions, X)
            reference = known, labels[present]
        found = self._search(decisions, X, labels, reference)
        self._decisions, self._reference = decisions, reference
        self.route_ = decisions.route
        self.n_predict_rows_ = decisions.n_rows
        self.distances_, self.converged_, self.n_iter_ = found[:3]
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
        decisions = copy.copy(self._decisions)
        decisions.n_rows = 0
        X = X if decisions.route == "linear" else _array(X)
        labels = self._labels(decisions, X) if decisions.route == "bisection" else None
        found = self._search(decisions, X, labels, self._reference)
        return _minus_to_digits(found.distances)

    def _labels(self, decisions, X):
        needed = decisions.n_rows + 2 * X.shape[0]
        self._check_budget(needed, "predict every row and one point on the way to another")
        blocks = block_slices(X.shape[0], 4 * 8 * X.shape[1], BLOCK_BYTES)
        return np.concatenate([decisions.predict(_dense(X, block)) for block in blocks])

    def _search(self, decisions, X, labels, reference):
        if decisions.route == "linear":
            return _closed_form(decisions, X, self.store_perturbations)
        if decisions.route == "bisection":
            return _bisect(decisions, X, labels, *reference, self)
        n = X.shape[0]
        steps, a_step = self.max_iter, n * decisions.rows_a_step(X.shape[1])
        if self.max_predict_rows is not None:
            besides = decisions.n_rows + (2 * n if decisions.route == "differences" else 0)
            self._check_budget(besides + a_step, f"take one step by {decisions.route}")
            steps = min(steps, (self.max_predict_rows - besides) // a_step)
        return _descend(decisions, X, steps, self.overshoot, self.store_perturbations)

    def _check_budget(self, needed, to):
        if self.max_predict_rows is not None and needed > self.max_predict_rows:
            raise ValueError(
                f"max_predict_rows={self.max_predict_rows} is too few: to {to}, {needed} rows "
                f"have to be predicted. Give at least {needed}, or None."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False  # rows are moved: columns must be numbers
        tags.input_tags.string = False
        tags.input_tags.categorical = False
        return tags


class _Found(NamedTuple):
    """What a search answers, one entry a row."""

    distances: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray
    perturbations: np.ndarray | None


def _closed_form(decisions, X, store):
    """Linear decision values: the nearest of the planes on which a class draws level.

    Time: one call of the classifier, and O(n C + C^2 d).
    """
    point = decisions.at(X)
    start, weights = point.codes(), decisions.weights
    norms = np.stack([np.linalg.norm(weights - w, axis=1) for w in weights])
    distances, nearest = _nearest(point.gaps(start), norms[start])
    perturbations = None
    if store:
        found = np.isfinite(distances)
        share = np.full(len(distances), np.nan)
        share[found] = distances[found] / norms[start, nearest][found]
        perturbations = share[:, None] * (weights[nearest] - weights[start])
    n_iter = np.ones(len(distances), dtype=np.intp)
    return _Found(distances, np.isfinite(distances), n_iter, perturbations)


def _nearest(gaps, norms):
    """Distance to where the nearest class draws level, and which: (n,), (n,).

    A class whose gap no step changes is not drawn level with, even if it is level already.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(norms > 0, np.abs(gaps) / norms, np.inf)
    nearest = distances.argmin(axis=1)
    return distances[np.arange(len(gaps)), nearest], nearest


def _descend(decisions, X, max_iter, overshoot, store):
    """DeepFool, all rows of a block at once.

    Time: for each step the gaps and their gradients at the rows that have not crossed yet.
    Memory: blocks, in which a row takes ``decisions.row_bytes(d)``.
    """
    n, d = X.shape
    distances, converged = np.full(n, np.inf), np.zeros(n, dtype=bool)
    n_iter, perturbations = np.zeros(n, dtype=np.intp), np.full((n, d), np.nan) if store else None
    # A step so long that the table is a dot leads nowhere: there is no slope worth the name.
    far = 1e10 * np.linalg.norm(decisions.widths)
    for block in block_slices(n, decisions.row_bytes(d), BLOCK_BYTES):
        x = _dense(X, block)
        r, done = np.zeros_like(x), np.zeros(len(x), dtype=bool)
        point, active = decisions.at(x), np.arange(len(x))
        start = point.codes()
        for step in range(max_iter):
            if step > 0:
                point = decisions.at(x[active] + r[active])
            slopes = point.slopes(start[active])
            norms = np.sqrt(np.einsum("ikj,ikj->ik", slopes, slopes))
            size, nearest = _nearest(point.gaps(start[active]), norms)
            if step == 0:
                done[size == 0] = True  # on the boundary from the start
            # So near to the boundary that the overshoot should have crossed it: do not creep.
            size = np.maximum(size, overshoot * np.linalg.norm(r[active], axis=1))
            moving = (size > 0) & (size < far)
            rows, nearest = np.flatnonzero(moving), nearest[moving]
            active = active[moving]
            if not len(active):
                break
            r[active] += (size[rows] / norms[rows, nearest])[:, None] * slopes[rows, nearest]
            n_iter[block.start + active] += 1
            beyond = decisions.at(x[active] + (1 + overshoot) * r[active])
            crossed = beyond.codes() != start[active]
            done[active[crossed]] = True
            active = active[~crossed]
            if not len(active):
                break
        if decisions.route == "differences":  # what is asked there may differ from `predict`
            moved = np.flatnonzero(done & r.any(axis=1))
            if len(moved):
                before = decisions.predict(x[moved])
                done[moved] = decisions.predict(x[moved] + (1 + overshoot) * r[moved]) != before
        converged[block] = done
        distances[block] = np.where(done, np.linalg.norm(r, axis=1), np.inf)
        if store:
            perturbations[block] = np.where(done[:, None], r, np.nan)
    return _Found(distances, converged, n_iter, perturbations)


def _bisect(decisions, X, labels, reference, reference_labels, sampler):
    """Bisection between each row and the nearest rows that are predicted differently.

    All rows go together, one neighbour after the other. A segment is given up at once where the
    point on it that is as far as the best one so far is predicted as the row is.

    Time: n n_reference d for the neighbours; then predictions. Memory: O(n n_neighbors), blocks.
    """
    n, budget = X.shape[0], sampler.max_predict_rows
    targets, lengths = _nearest_others(X, labels, reference, reference_labels, sampler.n_neighbors)
    share, chosen = np.full(n, np.nan), np.zeros(n, dtype=np.intp)
    best, n_iter = np.full(n, np.inf), np.zeros(n, dtype=np.intp)
    spent = False

    def differ(rows, target, at):
        """Whether the points at shares `at` of the ways to the targets are predicted otherwise."""
        out = np.zeros(len(rows), dtype=bool)
        for block in block_slices(len(rows), 4 * 8 * X.shape[1], BLOCK_BYTES):
            some = rows[block]
            x = _dense(X, some)
            points = x + at[block, None] * (_dense(reference, target[block]) - x)
            out[block] = decisions.predict(points) != labels[some]
        n_iter[rows] += 1
        return out

    def affordable(rows):
        nonlocal spent
        spent = spent or (budget is not None and decisions.n_rows + len(rows) > budget)
        return not spent

    for target, length in zip(targets.T, lengths.T, strict=True):  # the nearest first
        rows = np.flatnonzero(np.isfinite(length))
        high = np.minimum(1.0, best[rows] / length[rows])
        if not affordable(rows):
            break
        # Also of the nearest, which lies at 1 up to rounding: thresholds may be the values of rows.
        other = differ(rows, target[rows], high)
        rows, high = rows[other], high[other]
        low = np.zeros(len(rows))
        for _ in range(sampler.max_iter):
            wide = np.flatnonzero(high > (1 + sampler.overshoot) * low)
            if not len(wide) or not affordable(wide):
                break
            middle = (low[wide] + high[wide]) / 2
            other = differ(rows[wide], target[rows[wide]], middle)
            high[wide[other]], low[wide[~other]] = middle[other], middle[~other]
        best[rows] = high * length[rows]
        share[rows], chosen[rows] = high, target[rows]
    if spent:
        warnings.warn(
            f"max_predict_rows={budget} was spent before the search had ended: distances are "
            "those of points that are predicted differently, but nearer ones may exist.",
            UserWarning,
            stacklevel=2,
        )
    converged, perturbations = np.isfinite(best), None
    if sampler.store_perturbations:
        perturbations = np.full(X.shape, np.nan)
        for block in block_slices(n, 4 * 8 * X.shape[1], BLOCK_BYTES):
            x = _dense(X, block)
            perturbations[block] = share[block, None] * (_dense(reference, chosen[block]) - x)
    return _Found(best, converged, n_iter, perturbations)


def _nearest_others(X, labels, reference, reference_labels, n_neighbors):
    """The nearest rows of `reference` that have another label, nearest first.

    Of rows equally far (up to rounding) those of the lowest number are taken.

    Returns
    -------
    targets : ndarray of int of shape (n, k)
    lengths : ndarray of shape (n, k)
        Infinite where there are fewer.
    """
    _, codes = np.unique(np.concatenate([labels, reference_labels]), return_inverse=True)
    codes, others = codes[: X.shape[0]], codes[X.shape[0] :]
    n, (m, d), k = X.shape[0], reference.shape, min(n_neighbors, reference.shape[0])
    targets, lengths = np.zeros((n, k), dtype=np.intp), np.full((n, k), np.inf)
    wide = reference.astype(np.float64)
    # Products lose digits where the columns are far from 0.
    shift = 0.0 if sparse.issparse(wide) else wide.mean(axis=0)
    wide = wide if sparse.issparse(wide) else wide - shift
    squares = np.asarray((wide.multiply(wide) if sparse.issparse(wide) else wide**2).sum(axis=1))
    squares = squares.reshape(1, -1)
    for block in block_slices(n, 8 * (4 * m + 3 * k * d), BLOCK_BYTES):
        x = _dense(X, block)
        shifted = x - shift
        D = euclidean_distances(shifted, wide, Y_norm_squared=squares, squared=True)
        D[codes[block, None] == others] = np.inf
        edge = np.partition(D, k - 1, axis=1)[:, k - 1][:, None]
        width = 1e-13 * ((shifted**2).sum(axis=1)[:, None] + squares.max())
        surely = edge - width > D
        tie = (edge + width >= D) & ~surely
        room = k - surely.sum(axis=1, keepdims=True)
        near = surely | (tie & (tie.cumsum(axis=1) <= room))
        target = np.nonzero(near)[1].reshape(-1, k)
        ways = _dense(reference, target.ravel()).reshape(-1, k, d) - x[:, None, :]
        length = np.linalg.norm(ways, axis=2)
        length[np.isinf(np.take_along_axis(D, target, axis=1))] = np.inf
        order = np.argsort(length, axis=1, kind="stable")
        targets[block] = np.take_along_axis(target, order, axis=1)
        lengths[block] = np.take_along_axis(length, order, axis=1)
    return targets, lengths


def _minus_to_digits(distances, digits=10):
    """Scores: minus the distances, of which equal ones stay equal however they were rounded."""
    scores, some = -distances, np.isfinite(distances) & (distances > 1e-290)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(distances[some])))
    scores[some] = -np.round(distances[some] * scale) / scale
    return scores


def _array(X):
    return check_array(to_numpy(X), accept_sparse="csr", dtype=[np.float64, np.float32])


def _dense(X, rows):
    X = X[rows]
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
