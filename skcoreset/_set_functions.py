"""The base of the methods that maximize a set function of similarities greedily."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._backend import device_of, is_foreign, namespace, to_numpy
from skcoreset._candidates import (
    check_n_candidates,
    draws_candidates,
    n_candidates_of,
    rows_at,
    stochastic_is_not_nested,
    why_candidates_differ,
)
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels import similarities
from skcoreset._kernels.candidates import among_all, candidates_of
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.kernels import gram, total_deviation
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._kernels.radial import Radial
from skcoreset._metrics import METRICS, BaseMetricCoreset, metric_on_host, search_work
from skcoreset.base import Picks

__all__ = ["BaseSetFunctionCoreset"]


class BaseSetFunctionCoreset(BaseMetricCoreset):
    """Base of the set functions: greedy selection by similarities. Subclasses add `_objective`."""

    _precomputed = "similarities"

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS | {"rbf", "precomputed"}), callable],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "optimizer": [StrOptions({"lazy", "stochastic", "naive"})],
        "epsilon": [Interval(Real, 0, 1, closed="neither")],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def _objective(self, similar, weight):
        """The set function: an objective of :mod:`skcoreset._kernels.greedy`."""
        raise NotImplementedError

    def _is_rbf(self):
        return isinstance(self.metric, str) and self.metric == "rbf"

    def _check_sparse_metric(self):
        if not self._is_rbf():
            super()._check_sparse_metric()

    def _check_params(self, table):
        if self.gamma is not None and not self._is_rbf():
            raise ValueError(
                f"gamma={self.gamma} requires metric='rbf', but metric={self.metric!r} has no such "
                "parameter. Set gamma=None, or metric='rbf'."
            )
        if self._is_precomputed() and self.n_neighbors is not None:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} is not supported with metric='precomputed'. "
                "Set n_neighbors=None; a sparse X may hold the similarities of some pairs only."
            )
        if isinstance(self.n_candidates, Integral) and not self._takes_candidates():
            raise ValueError(
                f"n_candidates={self.n_candidates} is not supported with n_neighbors, or with the "
                "metrics 'rbf' and 'precomputed', where all samples are candidates. Set "
                "n_candidates='auto'."
            )
        check_initial(self.init, table.sample_weight, "None")

    def _takes_candidates(self):
        return not (self.n_neighbors or self._is_precomputed() or self._is_rbf())

    def _check_groups(self, table, groups):
        check_initial_groups(self.init, groups)
        check_n_candidates(self.n_candidates, groups)

    def _is_random(self):
        draws = self.n_candidates is not None and self._takes_candidates()
        return draws or self.optimizer == "stochastic"

    def _draws(self, groups):
        return self._is_random() and draws_candidates(self, groups)

    _is_composable = True

    @property
    def _not_nested(self):
        return stochastic_is_not_nested(self)

    def _differs_from(self, size, n_selected, n):
        return (
            why_candidates_differ(self, size, n_selected, n) if self._takes_candidates() else None
        )

    def _device_work(self, X, groups):
        metric = "euclidean" if self._is_rbf() else self.metric

        def work(group, d):
            n, of_all = n_candidates_of(self, group), group.n_samples
            if self.n_neighbors is not None:
                return search_work(of_all, of_all, d, metric)
            return n * n * d + (of_all * group.size * d if n < of_all else 0)

        return metric_on_host(metric) or sum(work(g, X.shape[1]) for g in groups)

    def _represent(self, table, groups):
        X = table.X if table.numbers is None else table.numbers
        if self._is_rbf():
            self.gamma_ = _rbf_gamma(self.gamma, X, table.sample_weight)
        return X

    def _pick(self, X, group):
        if self._takes_candidates() and n_candidates_of(self, group) < group.n_samples:
            return self._pick_among_candidates(X, group)
        return self._maximize(X, group, group.sample_weight, group.mean_weight)

    def _maximize(self, X, group, weight, unit):
        """`Picks` of the objective with the `weight` of each sample, in which gains have a unit."""
        similar = self._similarities(X, group.rows)
        objective = self._objective(similar, weight)
        start = initial_positions(self.init, group)
        picks, gains = self._greedy(objective, group, start)
        return Picks(
            picks,
            objective.cells(group.sample_weight),
            per_pick={"gains_": unit * gains},
            prefix=objective.prefix_cells(group.sample_weight),
        )

    def _pick_among_candidates(self, X, group):
        every = pairs(X, self.metric, rows=group.rows)
        seed = group.random_state.randint(2**31 - 1)
        start = initial_positions(self.init, group)
        size = n_candidates_of(self, group)
        at, share, start = candidates_of(every.tables, group.sample_weight, size, seed, start)
        near = similarities.precise_enough(pairs(X, self.metric, rows=rows_at(group, at)))
        similar = similarities.near_similarities(near)
        picks, _ = self._greedy(self._objective(similar, share), group, start)
        among = among_all(every, near, at[picks], group.sample_weight)
        gains = self._gains_among(among, -similar.lowest(), group.sample_weight.sum())
        return Picks(
            at[picks],
            among.cells(),
            per_pick={"gains_": group.mean_weight * gains},
            prefix=among.prefix_cells,
        )

    def _greedy(self, objective, group, start):
        """Positions of the picks, of which `start` are the first, and their gains."""
        return greedy(
            objective,
            group.size,
            start=start,
            optimizer=self.optimizer,
            epsilon=self.epsilon,
            random_state=group.random_state,
            report=group.report,
        )

    def _gains_among(self, among, most, total):
        """Gains of the picks by all samples, for similarities ``most - distance``.

        `total` is the total weight of the samples.
        """
        raise NotImplementedError

    def _similarities(self, X, rows):
        if self._is_precomputed():
            X = X if rows is None else _square(X, rows)
            return similarities.given_similarities(X)
        if self._is_rbf() and self.n_neighbors is None:
            return similarities.kernel_similarities(gram(X, "rbf", {"gamma": self.gamma_}, rows))
        near = pairs(X, "euclidean" if self._is_rbf() else self.metric, rows=rows)
        if self.n_neighbors is None:
            return similarities.near_similarities(similarities.precise_enough(near))
        if near.n == 1:
            return similarities.given_similarities(sparse.csr_array([[1.0]]))
        neighbors, distances = nearest_neighbors(near, min(self.n_neighbors, near.n - 1))
        if near.is_squared:  # the search may return distances that lost digits in matrix products
            own = np.repeat(np.arange(near.n), neighbors.shape[1])
            distances = _distances_of(near, own, neighbors.ravel()).reshape(neighbors.shape)
        if self._is_rbf():
            return similarities.radial_graph(neighbors, Radial(gamma=self.gamma_), distances)
        return similarities.graph_similarities(neighbors, distances)


def _rbf_gamma(gamma, X, weight):
    """The value of the parameter `gamma`; None is one over the sum of the variances."""
    return 1 / total_deviation(X, weight) ** 2 if gamma is None else float(gamma)


def _distances_of(near, left, right):
    """Distance of each pair of samples, computed from their difference, as a host array."""
    xp = near.xp
    left, right = (xp.asarray(at, device=near.device) for at in (left, right))
    return to_numpy(near.distance(near.exact_pairs(left, right)))


def _square(X, rows):
    """The submatrix of a square matrix for `rows`, as rows and as columns."""
    if not is_foreign(X):
        return X[rows][:, rows]
    xp = namespace(X)
    at = xp.asarray(rows, device=device_of(X))
    return xp.take(xp.take(X, at, axis=0), at, axis=1)
