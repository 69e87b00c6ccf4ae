"""The sampler for everybody: kernel herding of the samples whose targets can be trusted."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from skcoreset import _models
from skcoreset._backend import take, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._features import transform_features
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import KernelGram
from skcoreset._kernels.top_k import top_k
from skcoreset._trust import judge_labels, judge_targets
from skcoreset._validation import check_finite_target, check_numbers, check_table
from skcoreset.base import (
    BaseCoreset,
    Picks,
    check_classifier,
    check_not_frozen_unfitted,
    check_takes_weight,
)

__all__ = ["Coreset"]

N_FOLDS = 3
MOST_TRAINING_SAMPLES = 20_000  # of the default proxy, in each fold
# Of a continuous target: its part in the squared distances, in units of that of all features.
TARGET_VARIANCE = 0.09


class _LaplacianGram(KernelGram):
    """exp(-|x - z| / length)"""

    def __init__(self, X, length, rows):
        self.length = length
        super().__init__(X, "rbf", {"gamma": 1.0}, rows)

    def _rbf(self, columns, rows):
        K = np.asarray(self.euclidean.block(columns, rows), dtype=float)
        np.maximum(K, 0, out=K)
        np.sqrt(K, out=K)
        K /= -self.length
        return np.exp(K, out=K)


@fill_docstring
class Coreset(BaseCoreset):
    """Select samples that represent each class, without samples whose label is doubtful.

    Parameters
    ----------
    {coreset_size}

    {stratify}

    Attributes
    ----------
    {sample_indices_prefix}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "proxy": [HasMethods("fit"), None],
        "features": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
        "min_trust": [Interval(Real, 0, 1, closed="both")],
        "trust_power": [Interval(Real, 0, None, closed="left")],
        "weight_by_uncertainty": ["boolean"],
        "target_type": [StrOptions({"auto", "continuous"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        coreset_size=0.1,
        *,
        proxy=None,
        features="auto",
        min_trust=0.05,
        trust_power=0.5,
        weight_by_uncertainty=False,
        target_type="auto",
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.proxy = proxy
        self.features = features
        self.min_trust = min_trust
        self.trust_power = trust_power
        self.weight_by_uncertainty = weight_by_uncertainty
        self.target_type = target_type
        self.stratify = stratify
        self.random_state = random_state

    # Checks ------------------------------------------------------------------------------------

    def _check_X(self, X):
        return check_numbers(self, X) if self.features is None else check_table(self, X)

    def _encode(self, y):
        if self.target_type == "continuous" and y is not None:
            check_finite_target(y)
            return None, None
        return super()._encode(y)

    def _check_auxiliary(self, table):
        if table.classes is not None or table.y is None:
            return {}
        return {"target": _numbers_of(table.y)}

    def _check_params(self, table):
        if self.proxy is None:
            return
        name = type(self).__name__
        check_not_frozen_unfitted(self.proxy)
        if table.y is None:
            raise ValueError(
                f"proxy={self.proxy!r} is to predict the targets, but y is None. Give y, or "
                "proxy=None."
            )
        if table.classes is None:
            if is_classifier(self.proxy):
                raise TypeError(
                    f"y is continuous, but proxy={self.proxy!r} is a classifier. Give a regressor."
                )
            if not _models.is_fitted(self.proxy):
                check_takes_weight(self.proxy, table)
            return
        if is_regressor(self.proxy):
            raise TypeError(
                f"y has classes, but proxy={self.proxy!r} is a regressor. Give a classifier, or "
                "target_type='continuous'."
            )
        if not _models.has_method(self.proxy, "predict_proba"):
            raise TypeError(
                f"{name} needs probabilities, but proxy={self.proxy!r} has no predict_proba. Wrap "
                "it in sklearn.calibration.CalibratedClassifierCV, or give another classifier."
            )
        check_classifier(self.proxy, table, name)

    # Represent: features, importance of each sample for the mean, candidates ---------------------

    def _represent(self, table, groups):
        rng = check_random_state(self.random_state)
        n_samples = len(table.sample_weight)
        X, self.transformer_ = transform_features(
            self.features, table.X, table.y, table.sample_weight, rng
        )
        # Weights with any factor give the same selection.
        weight = table.sample_weight / table.sample_weight.max()
        present = np.flatnonzero(weight)
        weight = weight / weight[present].mean()
        X = to_numpy(X)
        variance = _total_variance(X, weight) or 1.0
        trust, tilt = np.ones(n_samples), None
        if self._needs_proxy(table, present):
            judgment = self._judge(table, X, present, weight, variance, rng)
            trust[present] = judgment.trust
            self._publish_judgment(judgment, present, n_samples)
            if self.weight_by_uncertainty and judgment.uncertainty is not None:
                tilt = np.ones(n_samples)
                tilt[present] = _tilt(judgment, weight[present])
        importance = trust**self.trust_power * (1 if tilt is None else tilt)
        if "target" in table.auxiliary:
            X = _with_target(X, table.auxiliary["target"], weight, variance)
            variance = _total_variance(X, weight) or 1.0
        return X, variance**0.5, trust, importance, tilt

    def _needs_proxy(self, table, present):
        used = self.min_trust > 0 or self.trust_power > 0 or self.weight_by_uncertainty
        if table.classes is None:
            return used and "target" in table.auxiliary and len(present) > N_FOLDS
        return used and len(np.unique(table.codes[present])) > 1

    def _judge(self, table, X, present, weight, variance, rng):
        """`Judgment` of the samples of positive weight."""
        weight, is_label = weight[present], table.classes is not None
        given = table.X if self.proxy is not None else X
        given = given if len(present) == len(table.sample_weight) else take(given, present)
        target = None if is_label else table.auxiliary["target"][present]
        if self.proxy is not None and _models.is_fitted(self.proxy):
            self.proxy_ = self.proxy
            if not is_label:
                predicted = self.proxy.predict(_models.classifier_input(given))
                return judge_targets(_numbers_of(predicted), target, weight)
            proba = _models.response_values(self.proxy, given, "predict_proba")
            labels = table.classes[table.codes[present]]
            return judge_labels(proba, np.searchsorted(self.proxy.classes_, labels), weight)
        proxy, most = self.proxy, None
        if proxy is None:
            kind = "KernelLogisticRegression" if is_label else "KernelRidgeRegression"
            proxy, most = getattr(_models, kind)(variance), MOST_TRAINING_SAMPLES
        self.proxy_ = proxy = seeded(proxy, rng)
        sent = weight if table.weighted else None
        codes = np.zeros(len(present), dtype=int)
        if is_label:
            found, codes = np.unique(table.codes[present], return_inverse=True)
        splits = _models.stratified_splits(codes, N_FOLDS, rng, most)
        with config_context(assume_finite=True):
            if not is_label:
                y = target[:, 0] if target.shape[1] == 1 else target
                predicted = _models.cross_val_targets(proxy, given, y, splits, sent)
                return judge_targets(predicted.reshape(target.shape), target, weight)
            labels = table.classes[found][codes]
            proba = _models.cross_val_response(proxy, given, labels, "predict_proba", splits, sent)
        judgment = judge_labels(proba, codes, weight)
        # The only sample of a class cannot be predicted by a proxy that has not seen it.
        judgment.trust[np.bincount(codes)[codes] == 1] = 1.0
        return judgment

    def _publish_judgment(self, judgment, present, n_samples):
        self.proxy_error_ = judgment.error
        self.trust_ = np.full(n_samples, np.nan)
        self.trust_[present] = judgment.trust
        self.suspicious_ = present[judgment.trust < self.min_trust]
        if judgment.uncertainty is not None:
            self.uncertainty_ = np.full(n_samples, np.nan)
            self.uncertainty_[present] = judgment.uncertainty

    def _shares(self, represented, groups):
        tilt = represented[-1]
        if tilt is not None:
            return [g.mean_weight * (g.sample_weight @ g.rows_of(tilt)) for g in groups]

    # Pick ----------------------------------------------------------------------------------------

    def _pick(self, represented, group):
        X, length, trust, importance, _ = represented
        trust = group.rows_of(trust)
        candidates = np.flatnonzero(trust >= self.min_trust)
        if not len(candidates):
            candidates = np.arange(group.n_samples)
        weight = (group.sample_weight * group.rows_of(importance))[candidates]
        if not weight.any():
            weight = group.sample_weight[candidates]
        size = min(group.size, len(candidates))
        rows = candidates if group.rows is None else group.rows[candidates]
        gram = _LaplacianGram(X, length, rows)
        picks = candidates[herd(gram, size, weight, report=group.report)]
        if size < group.size:
            others = np.setdiff1d(np.arange(group.n_samples), candidates)
            picks = np.r_[picks, others[top_k(trust[others], group.size - size)]]
        return Picks(picks, weight=np.ones(len(picks)))


def _tilt(judgment, weight):
    """Importance of each sample by its uncertainty, of mean 1."""
    base = float(np.clip(0.3 + 3 * judgment.error, 0.3, 0.8))
    mean = np.average(judgment.uncertainty, weights=weight)
    relative = judgment.uncertainty / mean if mean > 0 else np.ones(len(weight))
    return base + (1 - base) * relative


def _numbers_of(y):
    """Continuous targets as a float64 array of shape (n_samples, n_outputs)."""
    y = to_numpy(y)
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    return y.astype(np.float64).reshape(len(y), -1)


def _total_variance(X, weight):
    """Sum of the weighted variances of the features."""
    weight = weight / weight.sum()
    if sparse.issparse(X):
        mean = X.T @ weight
        return float((X.multiply(X).T @ weight).sum() - mean @ mean)
    mean = weight @ X
    return float(sum(weight @ (X[:, j] - mean[j]) ** 2 for j in range(X.shape[1])))


def _with_target(X, target, weight, variance):
    """`X` and the standardized targets, whose variances add up to a part of `variance`."""
    center = np.average(target, axis=0, weights=weight)
    spread = np.average((target - center) ** 2, axis=0, weights=weight) ** 0.5
    target = (target - center) / np.where(spread > 0, spread, 1.0)
    target *= (TARGET_VARIANCE * variance / target.shape[1]) ** 0.5
    if sparse.issparse(X):
        return sparse.hstack([X, sparse.csr_array(target)], format="csr")
    return np.hstack([X, target.astype(X.dtype)])
