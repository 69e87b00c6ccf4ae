"""The sampler for everybody: kernel herding of the samples whose labels can be trusted."""

from numbers import Real

import numpy as np
from sklearn import config_context
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import type_of_target

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import KernelGram
from skcoreset._kernels.top_k import top_k
from skcoreset.base import BaseCoreset, Picks, rows_with_weight

__all__ = ["Coreset"]

N_FOLDS = 3
MOST_TRAINING_SAMPLES = 20_000
DECIMALS = 4  # of trust and uncertainty: rounding errors of the proxy must not decide


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
        "features": [StrOptions({"auto"}), HasMethods("transform"), None],
        "min_trust": [Interval(Real, 0, 1, closed="both")],
        "trust_power": [Interval(Real, 0, None, closed="left")],
        "weight_by_uncertainty": ["boolean"],
        "random_state": ["random_state"],
    }

    _needs_numbers = True

    def __init__(
        self,
        coreset_size=0.1,
        *,
        proxy=None,
        features="auto",
        min_trust=0.05,
        trust_power=0.5,
        weight_by_uncertainty=False,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.proxy = proxy
        self.features = features
        self.min_trust = min_trust
        self.trust_power = trust_power
        self.weight_by_uncertainty = weight_by_uncertainty
        self.stratify = stratify
        self.random_state = random_state

    def _represent(self, table, groups):
        present = np.flatnonzero(table.sample_weight > 0)
        X = to_numpy(table.X)
        if self.features == "auto" and isinstance(X, np.ndarray):
            X = StandardScaler().fit_transform(X)
        weight = table.sample_weight / table.sample_weight.max()
        variance = _total_variance(X, weight) or 1.0
        importance = np.ones(len(weight))
        trust = np.ones(len(weight))
        if self._uses_proxy(table):
            p, own = self._probabilities(table, X, present, variance)
            trust = self._judge(table, present, p, own)
            importance = trust**self.trust_power
            if self.weight_by_uncertainty:
                importance = importance * self._tilt(weight, groups)
        tilt = self._tilt(weight, groups) if self._tilts(table) else None
        return X, float(np.sqrt(variance)), importance, trust, tilt

    def _uses_proxy(self, table):
        if table.classes is None:
            return False
        if self.min_trust == 0 and self.trust_power == 0 and not self.weight_by_uncertainty:
            return False
        return len(np.unique(table.codes[table.sample_weight > 0])) > 1

    def _tilts(self, table):
        return self.weight_by_uncertainty and self._uses_proxy(table)

    def _probabilities(self, table, X, present, variance):
        """Probabilities of the samples of positive weight, and the column of each one's class."""
        codes = table.codes[present]
        if self.proxy is not None and _models.is_fitted(self.proxy):
            p = _models.response_values(self.proxy, _rows(table.X, present), "predict_proba")
            return p, np.searchsorted(self.proxy.classes_, table.classes[codes])
        rng = check_random_state(self.random_state)
        X_given, _, weight = rows_with_weight(table)
        most = None
        if self.proxy is None:
            proxy = _models.KernelLogisticRegression(variance)
            X_given, most = _rows(X, present), MOST_TRAINING_SAMPLES
        else:
            proxy = self.proxy
        if weight is not None:
            weight = weight / weight.max()
            weight = weight / weight.mean()
        proxy = seeded(proxy, rng)
        found, codes = np.unique(codes, return_inverse=True)
        splits = _models.stratified_splits(codes, N_FOLDS, rng, most)
        with config_context(assume_finite=True):
            p = _models.cross_val_response(
                proxy, X_given, table.classes[found][codes], "predict_proba", splits, weight
            )
        return p, codes

    def _judge(self, table, present, p, own):
        """Set the attributes of trust and uncertainty; return the trust, 1 for weight 0."""
        n, weight = len(table.sample_weight), table.sample_weight[present]
        at = np.arange(len(present))
        second, first = np.partition(p, -2, axis=1)[:, -2:].T
        trust = np.round(p[at, own] / first, DECIMALS)
        alone = np.bincount(own, minlength=p.shape[1])[own] == 1
        trust[alone] = 1.0
        self.trust_, self.uncertainty_ = np.full(n, np.nan), np.full(n, np.nan)
        self.trust_[present] = trust
        self.uncertainty_[present] = np.round(1 - (first - second), DECIMALS)
        self.suspicious_ = present[trust < self.min_trust]
        self.proxy_error_ = float(
            np.average(p.argmax(axis=1) != own, weights=weight / weight.max())
        )
        return np.where(np.isnan(self.trust_), 1.0, self.trust_)

    def _tilt(self, weight, groups):
        present = weight > 0
        size, n_classes = sum(group.size for group in groups), len(groups)
        base = float(np.clip(0.3 + 3 * self.proxy_error_, 0.3, 0.8))
        if size < 10 * n_classes:
            base = 0.8
        unsure = np.where(present, self.uncertainty_, 0.0)
        mean = np.average(unsure, weights=weight)
        return base + (1 - base) * (unsure / mean if mean else 1.0)

    def _shares(self, represented, groups):
        tilt = represented[-1]
        if tilt is None:
            return None
        return [g.mean_weight * (g.sample_weight @ g.rows_of(tilt)) for g in groups]

    def _pick(self, represented, group):
        X, length, importance, trust, _ = represented
        trust = group.rows_of(trust)
        weight = group.sample_weight * group.rows_of(importance)
        trusted = trust >= self.min_trust
        if not trusted.any():
            trusted[:] = True
        if not weight[trusted].any():
            weight = group.sample_weight
        candidates = np.flatnonzero(trusted)
        rows = candidates if group.rows is None else group.rows[candidates]
        gram = _LaplacianGram(X, length, rows)
        size = min(group.size, len(candidates))
        picks = candidates[herd(gram, size, weight[candidates], report=group.report)]
        if size < group.size:
            rest = np.flatnonzero(~trusted)
            rest = rest[top_k(trust[rest], group.size - size)]
            picks = np.concatenate([picks, rest])
        return Picks(picks, weight=np.ones(len(picks)))


def _rows(X, rows):
    from skcoreset._backend import take

    return X if len(rows) == X.shape[0] else take(X, rows)


def _total_variance(X, weight):
    total = weight.sum()
    if isinstance(X, np.ndarray):
        mean = weight @ X / total
        return float(sum(weight @ (X[:, j] - mean[j]) ** 2 for j in range(X.shape[1])) / total)
    X = X.astype(np.float64)
    mean = X.T @ weight / total
    return float((X.multiply(X).T @ weight).sum() / total - mean @ mean)
