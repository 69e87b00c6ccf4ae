"""Tables as arguments of the kernels of rows.cuh."""

from skcoreset._kernels.cuda.launch import available_bytes, launcher_of

__all__ = ["THREADS", "RowsOnDevice", "blocks_of", "lanes_of", "launcher_for", "whole_table"]

THREADS = 256
MOST_BLOCKS = 4096  # many times what a GPU runs at once, so that all of it is busy to the end


class RowsOnDevice:
    """A dense table on the device, or some of its rows, minus an offset.

    Parameters
    ----------
    of : StoredRows
    dtype : dtype
        Type of the copy that is made where the table is of another, or not stored by rows.
    as_they_are : bool
        Whether the rows are taken as the user gave them, and not shifted.
    """

    def __init__(self, of, dtype, as_they_are=False):
        xp = of.xp
        self.X, self.positions, self.offset = of.X, of.rows, of.offset
        if as_they_are:
            self.X, self.offset = of.source, None
        if self.positions is not None:
            self.positions = xp.astype(self.positions, xp.int64, copy=False)
        if not _as_it_is(self.X, dtype):
            X = of.fetch_source(slice(0, of.n)) if as_they_are else of.fetch(slice(0, of.n))
            self.X = xp.ascontiguousarray(xp.astype(X, dtype))
            self.positions = self.offset = None

    @staticmethod
    def fits(of, dtype):
        """Whether the table is whole on the device, with memory for a copy if it takes one."""
        if of.streamed:
            return False
        return _as_it_is(of.X, dtype) or of.n * of.X.shape[1] * of.itemsize <= available_bytes(
            of.xp
        )

    @property
    def arguments(self):
        """Arguments of a kernel; another array is passed for one that is absent, and not read."""
        some, shifted = self.positions is not None, self.offset is not None
        positions, offset = self.positions if some else self.X, self.offset if shifted else self.X
        return self.X, positions, some, offset, shifted


def whole_table(of):
    """The shifted rows of `of`, C-contiguous; None if there is no memory for a copy."""
    if of.rows is None and of.offset is None and _as_it_is(of.X, of.dtype):
        return of.X
    if of.n * of.X.shape[1] * of.itemsize > available_bytes(of.xp):
        return None
    return of.xp.ascontiguousarray(of.fetch(slice(0, of.n)))


def _as_it_is(X, dtype):
    return X.dtype == dtype and X.flags.c_contiguous


def launcher_for(of, name):
    """The launcher of the kernels of `name` for tables of the dtype of `of`, or None."""
    return launcher_of(of.xp.empty(0, dtype=of.dtype, device=of.device), name)


def lanes_of(d, itemsize):
    """Threads for a row of `d` numbers: a power of 2 that reads them at once, a warp at most."""
    width = 16 // itemsize if d * itemsize % 16 == 0 else 1
    return min(32, 1 << (-(-d // width) - 1).bit_length())


def blocks_of(n):
    """Blocks for a launch over all `n` rows."""
    return max(1, min(MOST_BLOCKS, n // 32))
