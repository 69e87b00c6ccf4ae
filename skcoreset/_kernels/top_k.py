"""The k largest scores."""

from array_api_extra import partition

from skcoreset._backend import device_of, namespace

__all__ = ["top_k"]


def top_k(scores, k):
    """Positions of the `k` largest `scores`, largest first; ties go to the lowest position.

    Time: O(n + k log k). Memory: a few vectors of n.
    """
    xp, n = namespace(scores), scores.shape[0]
    position = xp.arange(n, device=device_of(scores))
    if k < n:
        edge = partition(scores, n - k, xp=xp)[n - k]
        sure = position[scores > edge]
        ties = position[scores == edge][: k - sure.shape[0]]
        position = xp.sort(xp.concat([sure, ties]))
    return position[xp.argsort(-scores[position], stable=True)]
