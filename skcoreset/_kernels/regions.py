"""Regions of a table, and the picks that may be near their rows, by the triangle inequality."""

import numpy as np

from skcoreset._backend import block_slices

__all__ = ["Regions"]

N_REGIONS = 32
LEAST_ROWS = 4096  # of a table
LEAST_PICKS = 512  # of an update; with fewer, finding the regions takes longer than it saves
BLOCK = 2048  # rows of a region


class Regions:
    """Which rows and new picks an update must compare, for a `State` of dense rows in memory.

    A region has the rows whose nearest picks are near the same early pick. If m is the mean of some
    of them, the distance of row x to a new pick c is at least d(c, m) - d(x, m). So the rows of the
    largest d(x, m), plus the distance to their nearest pick, tell which new picks can be nearer. In
    data with clusters these are the picks of the same cluster, mostly.
    """

    def parts(self, state, new):
        """List of (rows, which of `new`) such that no other pair changes the state.

        All rows are given as None.
        """
        pairs, everything = state.pairs, [(None, slice(None))]
        is_possible = pairs.is_squared and isinstance(pairs.X, np.ndarray)
        too_small = pairs.n < LEAST_ROWS or len(new) < LEAST_PICKS or not state.picks
        if too_small or not is_possible:
            return everything
        # In float64, and with more than the errors of all values that `_update` compares.
        gap = np.maximum(state.gap, 0)
        reach = np.sqrt(gap + 8 * pairs.block_error_bound(gap))
        columns, parts = pairs.columns_of.fetch(new), []
        for rows in _regions(state):
            center = pairs.fetch(rows[:: max(1, len(rows) // 256)]).mean(axis=0)
            lowest = _bounds(columns, pairs.columns_of.sq[new], center, -2 * pairs.rounding)
            most = reach[rows]
            for block in block_slices(len(rows), pairs.X.shape[1] * pairs.itemsize):
                part = rows[block]
                most[block] += _bounds(
                    pairs.fetch(part), pairs.sq[part], center, 2 * pairs.rounding
                )
            order = np.argsort(-most)
            rows, most = rows[order], most[order]
            for start in range(0, len(rows), BLOCK):
                which = np.flatnonzero(lowest <= most[start] * (1 + 2.0**-40))
                if len(which):
                    parts.append((rows[start : start + BLOCK], which))
        n_pairs = sum(len(rows) * len(which) for rows, which in parts)
        return parts if n_pairs < 0.8 * pairs.n * len(new) else everything


def _regions(state):
    """Positions of the rows of each region."""
    picks = np.asarray(state.picks)
    # Which region a pick belongs to changes the time only, so that lost digits do not matter.
    D = state.pairs.columns_of.approximate_block(picks[:N_REGIONS], picks)
    region = np.argmin(D, axis=0).astype(np.uint8)[state.nearest]
    ends = np.cumsum(np.bincount(region))
    return [rows for rows in np.split(np.argsort(region, kind="stable"), ends[:-1]) if len(rows)]


def _bounds(rows, squares, center, error):
    """Distances of `rows` to `center`, of squares with the relative `error` added, float64."""
    squares = squares + center @ center
    values = squares.astype(np.float64) - 2 * (rows @ center)
    return np.sqrt(np.maximum(values + error * squares, 0))
