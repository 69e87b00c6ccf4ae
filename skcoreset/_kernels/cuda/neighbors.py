"""Nearest neighbors on the GPU: lists of the nearest candidates, and the choice among them.

The host is synchronized once for each block of queries, some hundred thousand rows.
"""

import numpy as np
from scipy import sparse

from skcoreset._backend import block_slices, to_numpy
from skcoreset._kernels.cuda.launch import available_bytes, launcher_of
from skcoreset._kernels.cuda.rows import whole_table

__all__ = ["search_on"]

SOURCE = "neighbors.cu"
TILE_ROWS, TILE_THREADS = 128, 256  # as in tiles.cuh
MOST, CHOOSING_WARPS = 64, 4  # as in the source
# If there are few queries, several blocks share the candidates of each.
ENOUGH_BLOCKS = 1024  # several for each multiprocessor
LEAST_CANDIDATES = 1024  # of a part, as its list takes about a hundred insertions


class Search:
    """A search of :mod:`skcoreset._kernels.neighbors` for a dense table on the device.

    Parameters
    ----------
    X, source : array of shape (n, d)
        Rows of the `pairs` of later calls, shifted and unshifted.
    launch : launcher
    spare : int
        Number of additional neighbors in a list, which show whether others tie.
    """

    def __init__(self, X, source, launch, spare):
        self.X, self.source, self.launch, self.spare = X, source, launch, spare

    def __call__(self, pairs, n_neighbors, queries, among):
        """Neighbors of all queries except those with more ties than a list has entries."""
        length = n_neighbors + self.spare
        if length > MOST:
            return
        among = pairs.xp.asarray(among, dtype=pairs.xp.int64, device=pairs.device)
        row_bytes = length * (pairs.itemsize + 4) + 12 * n_neighbors
        for block in block_slices(len(queries), row_bytes, most_bytes=2**28):
            found = self._nearest(pairs, n_neighbors, length, queries[block], among)
            neighbors, distances, settled = (to_numpy(x) for x in found)
            settled = settled.astype(bool)
            rows = np.repeat(np.arange(np.count_nonzero(settled)), n_neighbors)
            at = np.arange(len(queries))[block][settled]
            yield at, rows, neighbors[settled].reshape(-1), distances[settled].reshape(-1)

    def _nearest(self, pairs, n_neighbors, length, queries, among):
        """(neighbors, distances, settled) of rows `queries`, on the device."""
        xp, n_of, n_among = pairs.xp, len(queries), among.shape[0]
        n_tiles = -(-n_of // TILE_ROWS)
        n_parts = max(1, min(ENOUGH_BLOCKS // n_tiles, n_among // LEAST_CANDIDATES))

        def empty(shape, dtype):
            return xp.empty(shape, dtype=dtype, device=pairs.device)

        lists = (
            empty((n_of, n_parts, length), pairs.dtype),
            empty((n_of, n_parts, length), xp.int32),
        )
        found = (
            empty((n_of, n_neighbors), xp.int32),
            empty((n_of, n_neighbors), xp.float64),
            empty(n_of, xp.int32),
        )
        queries = xp.asarray(queries, dtype=xp.int64, device=pairs.device)
        square = pairs.sq if pairs.is_squared else pairs.scale
        tie = pairs.tie_tolerance if pairs.is_squared else (0.0, pairs.chord_error)
        table = square, not pairs.is_squared, self.X.shape[1], queries, n_of
        self.launch(
            *("nearest", n_tiles * n_parts, TILE_THREADS, self.X, *table),
            *(among, n_among, n_parts, length, *lists),
        )
        self.launch(
            *("choose", -(-n_of // CHOOSING_WARPS), 32 * CHOOSING_WARPS, self.source, *table),
            *(n_parts, length, n_neighbors, pairs.rounding, *tie, *lists, *found),
        )
        return found


def search_on(pairs, spare):
    """The search for `pairs`, or None if it is not a dense table on a GPU that fits there."""
    same = pairs.X.dtype == pairs.dtype  # else the kernels are those of the dtype of the copy
    if not same and (pairs.streamed or sparse.issparse(pairs.X)):
        return None
    launch = launcher_of(pairs.X if same else pairs.vector(0.0), SOURCE)
    if launch is None:
        return None
    X = whole_table(pairs)
    is_shifted = pairs.source is not pairs.X or pairs.offset is not None
    source = _as_they_are(pairs) if is_shifted else X
    return None if X is None or source is None else Search(X, source, launch, spare)


def _as_they_are(pairs):
    """The unshifted rows of `pairs`, C-contiguous; None if there is no memory for a copy."""
    xp, source = pairs.xp, pairs.source
    if pairs.rows is None and source.dtype == pairs.dtype and source.flags.c_contiguous:
        return source
    if pairs.n * pairs.terms * pairs.itemsize > available_bytes(xp):
        return None
    return xp.ascontiguousarray(xp.astype(pairs.fetch_source(slice(0, pairs.n)), pairs.dtype))
