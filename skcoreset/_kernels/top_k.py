"""The k largest scores, and the order of values with rounding errors."""

import numpy as np
from array_api_extra import partition

from skcoreset._backend import device_of, namespace

__all__ = ["ascending", "top_k"]


def top_k(scores, k):
    """Positions of the `k` largest `scores`, largest first; ties go to the lowest position.

    Time: O(n + k log k). Memory: a copy of the scores.
    """
    xp, n = namespace(scores), scores.shape[0]
    if k < n:
        edge = partition(scores, n - k, xp=xp)[n - k]
        (sure,), (ties,) = xp.nonzero(scores > edge), xp.nonzero(scores == edge)
        position = xp.sort(xp.concat([sure, ties[: k - sure.shape[0]]]))
    else:
        position = xp.arange(n, device=device_of(scores))
    return position[xp.argsort(-scores[position], stable=True)]


def ascending(values, error_bound):
    """Positions in ascending order of `values`; ties are in order of position.

    Two consecutive values tie if they differ by at most the sum of their `error_bound`. NumPy
    arrays of shape (n,). Time: O(n log n).
    """
    order = np.argsort(values, kind="stable")
    ordered, error_bound = values[order], error_bound[order]
    apart = np.diff(ordered) > error_bound[1:] + error_bound[:-1]
    return order[np.lexsort((order, np.concatenate([[0], np.cumsum(apart)])))]
