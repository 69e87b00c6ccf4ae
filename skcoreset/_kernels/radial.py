"""Kernels that are functions of the distance."""

import numpy as np

from skcoreset._backend import is_foreign, namespace

__all__ = ["Radial"]


class Radial:
    """The kernel ``exp(-gamma d^2)`` or ``exp(-d / length)`` of the Euclidean distance d.

    Attributes
    ----------
    unit : float
        With distances multiplied by it, the kernels are ``exp(-d^2)`` and ``exp(-d)``.
    """

    def __init__(self, gamma=None, length=None):
        self.gamma, self.length = gamma, length
        self.unit = 1 / length if gamma is None else abs(gamma) ** 0.5

    def of_distances(self, distances):
        """The kernel; `distances` may be overwritten."""
        if self.gamma is None:
            return _exp(distances, -1 / self.length)
        return self.of_squares(distances * distances)

    def of_squares(self, squares):
        """The kernel ``exp(-gamma d^2)`` of squared distances, which may be overwritten."""
        return _exp(squares, -self.gamma)

    def single(self, squares, least):
        """The kernel in float32, of squared distances times ``unit**2``, which are overwritten.

        Squared distances below `least` are set to it.
        """
        xp = namespace(squares)
        if is_foreign(squares):
            squares = xp.astype(xp.clip(squares, min=least), xp.float32)
            return xp.exp(-squares if self.gamma is not None else -xp.sqrt(squares))
        np.maximum(squares, least, out=squares)
        values = squares.astype(np.float32)
        if self.gamma is None:
            np.sqrt(values, out=values)
        return _exp(values, -1)


def _exp(values, factor):
    if is_foreign(values):
        return namespace(values).exp(values * factor)
    values *= factor
    return np.exp(values, out=values)
