"""Compiling the CUDA sources of this folder, and launching their kernels.

A kernel takes arrays (contiguous, of the device), ``int`` and ``double``. ``REAL`` in a source is
the type of the table: a source is compiled once for float and once for double.
"""

import re
from functools import cache
from importlib.resources import files
from numbers import Integral, Real

import array_api_compat
import numpy as np
import sklearn

from skcoreset._backend import free_bytes

__all__ = ["OPTIONS", "available_bytes", "launcher_of", "source"]

OPTIONS = ("-std=c++17",)
TYPES = {"float32": "float", "float64": "double"}


def source(name):
    """Text of the source `name`, with the files of this folder that it includes put in place."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")

    def include(match):
        return f'#line 1 "{match[1]}"\n{source(match[1])}\n#line 1 "{name}"\n'

    return re.sub(r'^#include "(\w+\.cuh)"\n', include, text, flags=re.MULTILINE)


@cache
def _module(name, real):
    import cupy

    return cupy.RawModule(code=source(name), options=(*OPTIONS, f"-DREAL={real}"))


@cache
def _function(name, real, kernel):
    """The kernel; cupy loads it on each device where it is launched."""
    return _module(name, real).get_function(kernel)


class CupyLauncher:
    """Launches kernels on the current CUDA device, in the current stream, without synchronization.

    Parameters
    ----------
    name : str
        File of the source.
    dtype : "float32" or "float64"
        Type of the table.
    """

    def __init__(self, name, dtype):
        self.name, self.real = name, TYPES[dtype]

    def __call__(self, kernel, n_blocks, n_threads, *args, shared=0):
        """Launch `kernel`; `shared` are the bytes of its dynamic shared memory (at most 48 KiB)."""
        function = _function(self.name, self.real, kernel)
        function((n_blocks,), (n_threads,), tuple(map(as_argument, args)), shared_mem=shared)


def as_argument(value):
    """Numbers of Python and NumPy as the types of kernel arguments, ``int`` and ``double``."""
    if isinstance(value, Integral | np.bool_):
        return np.int32(value)
    return np.float64(value) if isinstance(value, Real) else value


def launcher_of(x, name):
    """The launcher of the kernels of `name` for arrays such as `x`, or None."""
    if array_api_compat.is_cupy_array(x) and x.dtype.name in TYPES:
        return CupyLauncher(name, x.dtype.name)
    return None


def available_bytes(xp, share=1.0):
    """Memory in bytes for arrays that exist during a whole selection.

    Half of what is free on the current CUDA device; elsewhere that share of `working_memory`.
    """
    free = free_bytes(xp)
    return sklearn.get_config()["working_memory"] * 2**20 * share if free is None else free / 2
