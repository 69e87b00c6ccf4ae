"""Decision values of classifiers and their gradients with respect to the input features.

A point lies on the decision boundary if another class has the same score as the predicted one. The
*gap* of class k measures the difference: it is negative while k is not predicted, and zero on the
boundary.

* With one decision value per class, ``gap_k = f_k - f_start``. The values are the decision
  function, the logits of an MLPClassifier, or log-probabilities, but not probabilities, which
  saturate.
* SVC and NuSVC have one value per pair of classes and predict by votes. ``gap_k`` is minus the
  amount by which these values must change until class k has more votes, see `_votes.py`.

In both cases the predicted class is the one against which no other class has a positive gap.
"""

from itertools import combinations, pairwise

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OutputCodeClassifier
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, NuSVC
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import _num_samples

from skcoreset._backend import FrameMaker, block_slices
from skcoreset._models._response import (
    last_step,
    last_step_features,
    predicted_labels,
    response_values,
)
from skcoreset._models._votes import signed_pairs, vote_gaps, winners

__all__ = ["DecisionFunction", "is_linear"]

# Their decision values are X @ W.T + b.
LINEAR = (LinearClassifierMixin, MultinomialNB, ComplementNB)
SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
LINEAR_STEPS = (*SCALERS, PCA, IncrementalPCA, TruncatedSVD, SelectorMixin)
# Their predictions are piecewise constant or discontinuous: gradients do not lead to the boundary.
PIECEWISE_CONSTANT = (
    BaseDecisionTree,
    HistGradientBoostingClassifier,
    KNeighborsClassifier,
    RadiusNeighborsClassifier,
    BernoulliNB,
    CategoricalNB,
    DummyClassifier,
    OneVsOneClassifier,
    OutputCodeClassifier,
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
    IsotonicRegression,
    Binarizer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)


class DecisionFunction:
    """The gaps of a fitted classifier and their gradients, at arbitrary points.

    Parameters
    ----------
    estimator : fitted classifier
    X : ndarray or csr of shape (n_samples, n_features), finite floats
        Samples from which the spread of each feature is computed and, for a classifier of an
        unknown class, whether its outputs are smooth.
    container : array-like, sparse matrix or dataframe, default=None
        The user's own container. If it is a dataframe, the classifier is given such dataframes.

    Attributes
    ----------
    route : {"linear", "analytic", "differences", "bisection"}
        How gradients are computed; "bisection" if there are none, only predictions.
    weights : ndarray of shape (n_values, n_features) or None
        Gradient of each decision value, if it is constant.
    feature_scales : ndarray of shape (n_features,) or None
        Standard deviation of each feature, 1 where it is 0; None for "linear".
    n_predicted : int
        Number of samples passed to the classifier so far.
    """

    def __init__(self, estimator, X, container=None):
        self.estimator, self._to_container = estimator, FrameMaker(container)
        self.n_predicted = 0
        self.route = self.weights = self.feature_scales = None
        self._transformers = _transformers(estimator)
        known = _is_linear_chain(self._transformers)
        heads = [] if _is_discontinuous(estimator) else _heads(estimator, last_step(estimator))
        if heads and known and heads[0].weights is not None:
            self.route, self._head = "linear", heads[0]
            self.weights = self._backpropagate(self._head.weights)
        elif heads and known and hasattr(heads[0], "gradients"):
            self.route, self._head = "analytic", heads[0]
            self.feature_scales = _feature_scales(X)
        else:
            self.feature_scales = _feature_scales(X)
            self._head = self._best_head(heads, X)
            smooth = self._head is not None and self._is_smooth(X)
            self.route = "differences" if smooth else "bisection"

    def predict(self, X):
        """Predicted labels of an array; from decision values where these are cheaper."""
        if self.route == "analytic":
            return self.labels_of(self.at(X).codes())
        self.n_predicted += X.shape[0]
        return predicted_labels(self.estimator, self._to_container(X))

    def labels_of(self, codes):
        return np.asarray(self.estimator.classes_)[codes]

    def at(self, X):
        """The `EvaluatedPoints` of the samples in an array or in the user's own container."""
        self.n_predicted += _num_samples(X)
        values, cache = self._head.forward(self._to_container(X))
        return EvaluatedPoints(self, X, values, cache)

    def row_bytes(self, n_features):
        """Memory in bytes of the gradients at one sample."""
        C = self._head.n_classes
        return 8 * (3 * C * n_features + 6 * C * C + 3 * self._head.n_inner)

    def predict_bytes(self, n_features):
        """Memory in bytes of the prediction of one sample."""
        C = self._head.n_classes if self.route == "analytic" else 0
        n_inner = self._head.n_inner if self.route == "analytic" else 0
        return 8 * (4 * n_features + 6 * C * C + 3 * n_inner)

    def predictions_per_step(self, n_features):
        """Number of predictions for one step of one sample: gaps, gradients and end of the step."""
        return 2 + 2 * n_features if self.route == "differences" else 2

    def _backpropagate(self, gradient):
        """Gradients with respect to X, from those with respect to the classifier's input."""
        for step in reversed(self._transformers):
            gradient = _backpropagate_step(step, gradient)
        return gradient

    def _differences(self, X, start):
        """Central differences of the gaps, (n, n_classes, n_features)."""
        (n, d), C = X.shape, self._head.n_classes
        width = np.cbrt(np.finfo(float).eps) * self.feature_scales
        width = 2.0 ** np.round(np.log2(np.maximum(width, 4 * np.spacing(np.abs(X)))))
        slopes = np.empty((n, C, d))
        for columns in block_slices(d, 8 * n * (6 * d + 3 * self._head.n_inner)):
            some = np.arange(columns.start, columns.stop)
            sides = []
            for sign in (1, -1):
                moved = np.repeat(X[:, None, :], len(some), axis=1)
                moved[:, np.arange(len(some)), some] += sign * width[:, some]
                gaps = self.at(moved.reshape(-1, d)).gaps(np.repeat(start, len(some)))
                sides.append((gaps.reshape(n, len(some), C), X[:, some] + sign * width[:, some]))
            (up, above), (down, below) = sides
            with np.errstate(invalid="ignore"):
                slope = (up - down) / (above - below)[:, :, None]
            slopes[:, :, columns] = np.where(np.isfinite(slope), slope, 0).transpose(0, 2, 1)
        return slopes

    def _best_head(self, heads, X, n_rows=128, enough=0.98):
        """The head whose classes agree best with `predict`; None if on fewer than `enough`."""
        X = _evenly_spaced(X, n_rows)
        # Midpoints of samples are nearer to the boundary, where heads are more likely to disagree.
        X = np.vstack([X, (X + np.roll(X, len(X) // 2, axis=0)) / 2])
        labels = self.predict(X) if heads else None
        best, agreement = None, enough
        for head in heads:
            self.n_predicted += len(X)
            codes = head.codes(head.forward(self._to_container(X))[0])
            share = (self.labels_of(codes) == labels).mean()
            if share > agreement or (best is None and share == agreement):
                best, agreement = head, share
        return best

    def _is_smooth(self, X, n_rows=16, n_directions=4):
        """Whether a small step changes the gaps, and half of it half as much, at most samples."""
        X = _evenly_spaced(X, n_rows)
        start = self.at(X).codes()
        signs = np.random.RandomState(0).choice([-1.0, 1.0], size=(n_directions, X.shape[1]))
        smooth = np.zeros(len(X), dtype=bool)
        for direction in signs * np.cbrt(np.finfo(float).eps) * self.feature_scales:
            moves = []
            for share in (1, 0.5):
                ends = [self.at(X + s * share * direction).gaps(start) for s in (1, -1)]
                with np.errstate(invalid="ignore"):
                    move = ends[0] - ends[1]
                moves.append(np.where(np.isfinite(move), move, 0))
            size = np.linalg.norm(moves[0], axis=1)
            smooth |= (size > 0) & (np.linalg.norm(moves[0] - 2 * moves[1], axis=1) < 0.1 * size)
        return bool(smooth.mean() > 0.5)


class EvaluatedPoints:
    """Samples, their decision values, and the intermediate values that gradients need."""

    def __init__(self, function, X, values, cache):
        self.function, self.X, self.values, self.cache = function, X, values, cache
        self.head = function._head

    def codes(self):
        """Predicted class of each sample, as a position in `classes_`."""
        return self.head.codes(self.values)

    def gaps(self, start):
        """Gap of each class to class `start`, (n, n_classes); -inf for `start` itself."""
        return self.head.gaps(self.values, start)[0]

    def slopes(self, start):
        """Gradients of the gaps, (n, n_classes, n_features); 0 for `start` itself."""
        if self.function.route == "differences":
            return self.function._differences(self.X, start)
        _, choice = self.head.gaps(self.values, start)
        return self.function._backpropagate(self.head.gradients(self.cache, start, choice))


# heads: decision values of the classifier itself ----------------------------------------------


class _ClassValues:
    """Decision values from a method of the estimator, one per class."""

    weights = None
    n_inner = 0  # number of intermediate values for one sample, apart from its gradients

    def __init__(self, estimator, method):
        self.estimator, self.method = estimator, method
        self.n_classes = len(estimator.classes_)

    def forward(self, X):
        values = response_values(self.estimator, X, self.method)
        if self.method == "predict_proba":
            with np.errstate(divide="ignore"):
                values = np.log(values)
        return _one_per_class(values), ()

    def codes(self, values):
        return values.argmax(axis=1)

    def gaps(self, values, start):
        at = np.arange(len(values)), start
        with np.errstate(invalid="ignore"):
            gaps = values - values[at][:, None]
        gaps[np.isnan(gaps)] = -np.inf  # both classes have probability 0
        gaps[at] = -np.inf
        return gaps, None


class _Linear(_ClassValues):
    def __init__(self, estimator, method, weights):
        super().__init__(estimator, method)
        weights = np.atleast_2d(_dense(weights))
        if len(weights) == 1:
            weights = np.vstack([np.zeros_like(weights), weights])
        self.weights = weights

    def gradients(self, cache, start, choice):
        return self.weights - self.weights[start][:, None, :]


class _MLP(_ClassValues):
    """Logits of an MLPClassifier."""

    def __init__(self, estimator, model):
        self.estimator, self.model = estimator, model
        self.n_classes = len(model.classes_)
        self.n_inner = self.n_classes * max(map(len, model.coefs_))
        self._coefs = [np.asarray(w, dtype=np.float64) for w in model.coefs_]

    def forward(self, X):
        h = _dense(last_step_features(self.estimator, X))
        hidden = []
        activate = {"relu": lambda z: np.maximum(z, 0), "logistic": expit, "tanh": np.tanh}
        activate = activate.get(self.model.activation, lambda z: z)
        for weight, intercept in zip(self._coefs[:-1], self.model.intercepts_[:-1], strict=True):
            h = activate(h @ weight + intercept)
            hidden.append(h)
        values = h @ self._coefs[-1] + self.model.intercepts_[-1]
        return _one_per_class(values[:, 0] if values.shape[1] == 1 else values), tuple(hidden)

    def gradients(self, cache, start, choice):
        last = self._coefs[-1].T
        last = np.vstack([np.zeros_like(last), last]) if len(last) == 1 else last
        gradient = last - last[start][:, None, :]
        derivative = {
            "relu": lambda h: (h > 0).astype(np.float64),
            "logistic": lambda h: h * (1 - h),
            "tanh": lambda h: 1 - h * h,
        }.get(self.model.activation, np.ones_like)
        for h, weight in zip(reversed(cache), reversed(self._coefs[:-1]), strict=True):
            gradient = (gradient * derivative(h)[:, None, :]) @ weight.T
        return gradient


class _ByJacobian(_ClassValues):
    """Base of heads with analytic gradients of their values. Subclasses define ``jacobian``."""

    def gradients(self, cache, start, choice):
        jacobian = self.jacobian(cache)
        return jacobian - jacobian[np.arange(len(start)), start][:, None, :]


class _GaussianNB(_ByJacobian):
    """Joint log-probabilities: the log-posteriors up to a constant per sample."""

    def __init__(self, estimator, model):
        super().__init__(estimator, "predict_log_proba")
        self.model = model
        self.n_inner = self.n_classes * model.n_features_in_

    def forward(self, X):
        Z = _dense(last_step_features(self.estimator, X))
        return self.model.predict_joint_log_proba(Z), (Z,)

    def jacobian(self, cache):
        return -(cache[0][:, None, :] - self.model.theta_) / self.model.var_


class _QDA(_ByJacobian):
    """Log-posteriors of QuadraticDiscriminantAnalysis."""

    def __init__(self, estimator, model):
        super().__init__(estimator, "decision_function")
        self.model = model
        self.n_inner = self.n_classes * model.n_features_in_

    def forward(self, X):
        Z = _dense(last_step_features(self.estimator, X))
        return _one_per_class(self.model.decision_function(Z)), (Z,)

    def jacobian(self, cache):
        parts = zip(self.model.means_, self.model.rotations_, self.model.scalings_, strict=True)
        return np.stack([-((cache[0] - m) @ R / S) @ R.T for m, R, S in parts], axis=1)


class _SVM:
    """SVC and NuSVC: a value for each pair of classes; the class with most votes is predicted."""

    weights = None

    def __init__(self, estimator, model):
        self.estimator, self.model = estimator, model
        self.n_classes = C = len(model.classes_)
        self.vectors = _dense(model.support_vectors_)
        self.n_inner = len(self.vectors) + self.vectors.shape[1]
        dual = _dense(model.dual_coef_)
        # For two classes, scikit-learn's decision value is that of the second against the first.
        sign = -1.0 if C == 2 else 1.0
        self.intercept = sign * np.asarray(model.intercept_, dtype=np.float64)
        ends = np.concatenate([[0], np.cumsum(model.n_support_)])
        own = [slice(a, b) for a, b in pairwise(ends)]
        self.pairs = list(combinations(range(C), 2))
        self.number = np.zeros((C, C), dtype=np.intp)
        # The coefficients of the vectors of class i against class j, in the order of libsvm.
        self.parts = []
        for p, (i, j) in enumerate(self.pairs):
            self.number[i, j] = self.number[j, i] = p
            mine, theirs = sign * dual[j - 1, own[i]], sign * dual[i, own[j]]
            self.parts.append([(own[i], mine), (own[j], theirs)])

    def forward(self, X):
        Z = _dense(last_step_features(self.estimator, X))
        K, derivative = _kernel(self.model, Z, self.vectors)
        values = np.empty((len(Z), len(self.pairs)))
        for p, parts in enumerate(self.parts):
            values[:, p] = sum(K[:, at] @ a for at, a in parts) + self.intercept[p]
        return values, (Z, derivative)

    def codes(self, values):
        return winners(signed_pairs(values, self.n_classes))

    def gaps(self, values, start):
        return vote_gaps(signed_pairs(values, self.n_classes), start)

    def gradients(self, cache, start, choice):
        Z, derivative = cache
        winner, loser = choice
        number = self.number[winner, loser]
        number[np.arange(len(start)), start] = -1
        gradients = np.zeros((*number.shape, self.vectors.shape[1]))
        for p, parts in enumerate(self.parts):
            rows, classes = np.nonzero(number == p)
            if not len(rows):
                continue
            distinct, back = np.unique(rows, return_inverse=True)
            gradient = 0.0
            for at, a in parts:
                A = derivative[distinct, at] * a
                gradient = gradient + A @ self.vectors[at]
                if self.model.kernel == "rbf":
                    gradient -= A.sum(axis=1)[:, None] * Z[distinct]
            sign = np.where(winner[rows, classes] < loser[rows, classes], 1.0, -1.0)
            gradients[rows, classes] = sign[:, None] * gradient[back]
        return gradients


def _kernel(model, Z, S):
    """Kernel values (n, n_vectors), and factors for gradients.

    The gradient of ``sum_s a_s K_s`` is ``(a * factor) @ S``; for "rbf" it is
    ``sum_s a_s factor_s (s - z)``.
    """
    gamma = model._gamma  # no public attribute holds the value of gamma="scale"
    if model.kernel == "rbf":
        K = np.exp(-gamma * euclidean_distances(Z, S, squared=True))
        return K, 2 * gamma * K
    product = Z @ S.T
    if model.kernel == "linear":
        return product, np.ones_like(product)
    product = gamma * product + model.coef0
    if model.kernel == "sigmoid":
        K = np.tanh(product)
        return K, gamma * (1 - K * K)
    if model.degree == 0:
        return np.ones_like(product), np.zeros_like(product)
    powers = product ** (model.degree - 1)
    return powers * product, gamma * model.degree * powers


def _heads(estimator, model):
    """Candidate heads for the classifier; none if it has only predictions.

    Subclasses of scikit-learn's classifiers may compute something else. Only their methods are
    used, not the formulas of their base class.
    """
    if isinstance(model, (SVC, NuSVC)):
        two, linear = len(model.classes_) == 2, model.kernel == "linear"
        if _is_sklearn(model, (SVC, NuSVC)) and model.kernel in (
            "linear",
            "poly",
            "rbf",
            "sigmoid",
        ):
            if two and linear:
                return [_Linear(estimator, "decision_function", model.coef_)]
            if two or not model.break_ties:
                return [_SVM(estimator, model)]
        # The votes of more than two classes are discontinuous.
        return [_ClassValues(estimator, "decision_function")] if two else []
    analytic = {
        MLPClassifier: _MLP,
        GaussianNB: _GaussianNB,
        QuadraticDiscriminantAnalysis: _QDA,
    }
    for kind, head in analytic.items():
        if _is_sklearn(model, kind):
            return [head(estimator, model)]
    if _is_sklearn(model, LinearClassifierMixin):
        return [_Linear(estimator, "decision_function", model.coef_)]
    if _is_sklearn(model, (MultinomialNB, ComplementNB)):
        return [_Linear(estimator, "predict_log_proba", model.feature_log_prob_)]
    methods = ["decision_function", "predict_proba"]
    if isinstance(model, BaggingClassifier):  # has both, and predicts from the probabilities
        methods.reverse()
    return [_ClassValues(estimator, method) for method in methods if hasattr(estimator, method)]


# properties of classifiers by their class ------------------------------------------------------


def is_linear(estimator):
    """Whether decision values are known to be linear in the features, fitted or not."""
    return _is_sklearn(last_step(estimator), LINEAR) and _is_linear_chain(_transformers(estimator))


def _is_sklearn(thing, kinds):
    return isinstance(thing, kinds) and type(thing).__module__.startswith("sklearn.")


def _is_linear_chain(steps):
    return all(_is_sklearn(s, LINEAR_STEPS) and not getattr(s, "clip", False) for s in steps)


def _transformers(estimator):
    """The transformers before the classifier itself, in order, without nested Pipelines."""
    model, steps = last_step(estimator), []
    while estimator is not model:
        if isinstance(estimator, Pipeline):
            steps += [inner for _, step in estimator.steps[:-1] for inner in _flatten(step)]
            estimator = estimator.steps[-1][1]
        else:
            estimator = getattr(estimator, "best_estimator_", None) or estimator.estimator
    return steps


def _flatten(step):
    if step in (None, "passthrough") or hasattr(step, "fit_resample"):  # samplers act only in fit
        return []
    if isinstance(step, FrozenEstimator):
        return _flatten(step.estimator)
    if isinstance(step, Pipeline):
        return [inner for _, part in step.steps for inner in _flatten(part)]
    return [step]


def _is_discontinuous(thing, seen=None):
    """Whether `thing` is or contains, at any depth, a model with discontinuous predictions."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return False
    seen.add(id(thing))
    if isinstance(thing, PIECEWISE_CONSTANT):
        return True
    if isinstance(thing, (list, tuple)):
        return any(_is_discontinuous(inner, seen) for inner in thing)
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        return any(_is_discontinuous(inner, seen) for inner in thing.ravel())
    asked = ("predict", "predict_proba", "transform")
    if isinstance(thing, type) or not any(hasattr(thing, name) for name in asked):
        return False
    inside = getattr(thing, "__dict__", {})
    if hasattr(thing, "get_params") and not isinstance(
        thing, (Pipeline, FeatureUnion, FrozenEstimator)
    ):
        parameters = thing.get_params(deep=False)  # not fitted, and possibly not used
        inside = {name: value for name, value in inside.items() if name not in parameters}
    return any(_is_discontinuous(value, seen) for value in inside.values())


def _backpropagate_step(step, gradient):
    """Gradients with respect to the input of a linear step, from those for its output."""
    if isinstance(step, MinMaxScaler):
        return gradient * step.scale_
    if isinstance(step, SCALERS):
        return gradient if step.scale_ is None else gradient / step.scale_
    if isinstance(step, SelectorMixin):
        support = step.get_support()
        wide = np.zeros((*gradient.shape[:-1], len(support)))
        wide[..., support] = gradient
        return wide
    if getattr(step, "whiten", False):
        scale = np.sqrt(step.explained_variance_)
        gradient = gradient / np.maximum(scale, np.finfo(scale.dtype).eps)
    return gradient @ step.components_


def _feature_scales(X):
    """Spread of each feature, to which the steps of finite differences are proportional."""
    if sparse.issparse(X):
        mean = np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
        square = np.asarray(X.multiply(X).mean(axis=0), dtype=np.float64).ravel()
        spread = np.sqrt(np.maximum(square - mean**2, 0))
    else:
        spread = X.std(axis=0, dtype=np.float64)
    return np.where(spread > 0, spread, 1.0)


def _evenly_spaced(X, n_rows):
    """At most `n_rows` evenly spaced rows of `X`, dense."""
    return _dense(X[np.unique(np.linspace(0, X.shape[0] - 1, n_rows).astype(int))])


def _one_per_class(values):
    """One value per class; a single value is that of the second class against the first."""
    return values if values.ndim == 2 else np.column_stack([np.zeros_like(values), values])


def _dense(X):
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
