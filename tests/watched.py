"""Arrays that count how often Python reads a number of them: a GPU makes the host wait for it."""

import numpy as np

__all__ = ["Watched", "WatchedNamespace"]


class Watched(np.ndarray):
    """A NumPy array; `reads` counts for all of them."""

    reads = 0

    def _read(self, plain, *args):
        Watched.reads += 1
        return plain(self.view(np.ndarray), *args)

    def __int__(self):
        return self._read(np.ndarray.__int__)

    def __float__(self):
        return self._read(np.ndarray.__float__)

    def __bool__(self):
        return self._read(np.ndarray.__bool__)

    def __index__(self):
        return self._read(np.ndarray.__index__)

    def item(self, *args):
        return self._read(np.ndarray.item, *args)

    def tolist(self):
        return self._read(np.ndarray.tolist)

    def __getitem__(self, at):  # never a number of its own, as with cupy
        return np.asarray(super().__getitem__(at)).view(Watched)


class WatchedNamespace:
    """NumPy, whose functions return `Watched` arrays."""

    def __getattr__(self, name):
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found

        def watched(*args, **kwargs):
            out = found(*args, **kwargs)
            return out.view(Watched) if isinstance(out, np.ndarray) else out

        return watched
