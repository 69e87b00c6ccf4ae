"""Metrics: which there are, which of them a GPU computes, and tables of precomputed values."""

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import _VALID_METRICS, PAIRWISE_DISTANCE_FUNCTIONS
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions

from skcoreset._backend import is_foreign, namespace
from skcoreset._kernels.neighbors import TREE_COLUMNS
from skcoreset._validation import check_numbers
from skcoreset.base import BaseCoreset

__all__ = [
    "METRICS",
    "BaseMetricCoreset",
    "metric_on_host",
    "product_work",
    "search_work",
    "stacked_tables",
]

# These are scaled by the samples they are computed for, which are never all samples at once.
_NOT_IN_BLOCKS = {"mahalanobis", "seuclidean", "nan_euclidean"}
_NOT_IN_SCIPY = {"wminkowski"}  # scikit-learn accepts the name, but SciPy has removed the metric
METRICS = {*_VALID_METRICS} - _NOT_IN_BLOCKS - _NOT_IN_SCIPY - {"precomputed"}
_ON_SPARSE = METRICS & {*PAIRWISE_DISTANCE_FUNCTIONS} - {"haversine"}
_ON_DEVICE = {"euclidean", "l2", "cosine"}


class BaseMetricCoreset(BaseCoreset):
    """Base of the methods that compare samples by a `metric`: adds the checks of `X` for it.

    A subclass that takes ``metric="precomputed"`` sets `_precomputed`, and adds "precomputed" to
    the constraint of the parameter.
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS), callable],
    }

    _needs_numbers = True
    _precomputed = None  # what `X` holds then: "distances" or "similarities"

    def _is_precomputed(self):
        return isinstance(self.metric, str) and self.metric == "precomputed"

    def _check_X(self, X):
        if not self._is_precomputed():
            X = super()._check_X(X)
            if sparse.issparse(X) and isinstance(self.metric, str):
                self._check_sparse_metric()
            return X
        X = check_numbers(self, X, finite=False)
        if self._precomputed == "distances" and sparse.issparse(X):
            raise TypeError(
                "metric='precomputed' takes a dense matrix of distances. In a sparse matrix the "
                "pairs that are not stored would have distance 0."
            )
        _check_square(X, self._precomputed)
        return X

    def _check_sparse_metric(self):
        if self.metric not in _ON_SPARSE:
            raise TypeError(
                f"metric={self.metric!r} does not support sparse matrices. Use a dense X, or "
                f"one of the metrics {sorted(_ON_SPARSE)}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._is_precomputed()
        return tags


def product_work(X, groups):
    """Multiplications of the inner products of each sample with the selected ones of its group."""
    return sum(group.n_samples * group.size * X.shape[1] for group in groups)


def search_work(n_of, n_among, n_columns, metric):
    """Multiplications of a search for nearest neighbors, for which the host may use a tree."""
    if n_columns <= TREE_COLUMNS and metric != "cosine":
        n_among = 1 + np.log2(n_among)
    return n_of * n_among * n_columns


def metric_on_host(metric):
    """Why only the host computes distances by `metric`; None if a GPU can."""
    if isinstance(metric, str) and metric in _ON_DEVICE:
        return None
    return f"metric={metric!r} is computed by the host only; 'euclidean' and 'cosine' run on a GPU"


def stacked_tables(above, below):
    """The rows of two tables, of which one may be sparse, one after the other."""
    if sparse.issparse(above) or sparse.issparse(below):
        return sparse.vstack([sparse.csr_array(above), sparse.csr_array(below)], format="csr")
    return np.concatenate([above, below])


def _check_square(X, what):
    """Raise unless X is a square, symmetric matrix of finite numbers of at least 0."""
    if X.shape[0] != X.shape[1]:
        raise ValueError(
            f"metric='precomputed' requires {what} of shape (n_samples, n_samples), got "
            f"{tuple(X.shape)}."
        )
    if X.shape[0] == 0 or (sparse.issparse(X) and X.nnz == 0):
        return
    if is_foreign(X):
        xp = namespace(X)
        least, apart = float(xp.min(X)), float(xp.max(xp.abs(X - X.T)))
    elif sparse.issparse(X):
        assert_all_finite(X, input_name="X")
        least, apart = X.data.min(), abs(X - X.T).max()
    elif _surely_symmetric(X):
        least, apart = X.min(), 0.0
    else:
        assert_all_finite(X, input_name="X")
        least, apart = X.min(), _most_apart(X)
    if least < 0:
        raise ValueError(f"metric='precomputed' requires {what} of at least 0, got {least}.")
    if apart > 0 and apart > 1e-6 * (namespace(X).max(X) if is_foreign(X) else X.max()):
        raise ValueError(
            f"metric='precomputed' requires symmetric {what}; the two values of a pair differ by "
            f"{apart}."
        )


def _surely_symmetric(X):
    """Whether ``X v`` and ``v X`` are the same up to rounding, for random v from 1 to 2.

    This holds for no X with NaN or infinity. Two products take a third of the time that comparing
    all pairs takes. In float32 their rounding would hide differences; the result is False then.
    """
    if X.dtype != np.float64:
        return False
    v = 1 + np.random.RandomState(0).random_sample(len(X))
    with np.errstate(invalid="ignore", over="ignore"):
        rows, columns = X @ v, v @ X
        rounding = 64 * 2.0**-52 * len(X) ** 0.5
        return bool((abs(rows - columns) <= rounding * abs(rows)).all())


def _most_apart(X, side=256):
    """``max_ij |X_ij - X_ji|``, by tiles that stay in the cache."""
    cuts = [slice(at, at + side) for at in range(0, X.shape[0], side)]
    most = 0.0
    for i, rows in enumerate(cuts):
        for columns in cuts[i:]:
            tile, other = X[rows, columns], X[columns, rows].T
            if (tile != other).any():
                most = max(most, abs(tile - other).max())
    return most
