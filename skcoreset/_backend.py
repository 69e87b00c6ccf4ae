"""Arrays: which library, which device, moving, taking rows, sizes of blocks.

The only file that may know array libraries by name. Kernels ask it for a namespace and for
block sizes; samplers ask it to take rows out of whatever container the user brought.
"""

import array_api_compat
import array_api_compat.numpy
import numpy as np
import sklearn
from array_api_compat import device, is_array_api_obj, is_numpy_array
from scipy import sparse
from sklearn.utils import _safe_indexing

__all__ = [
    "block_slices",
    "clip_below_zero",
    "device_name",
    "device_of",
    "is_foreign",
    "namespace",
    "put",
    "take",
    "to_numpy",
]


def is_foreign(x):
    """Whether `x` is an array of another library than NumPy (cupy, torch, ...)."""
    return is_array_api_obj(x) and not is_numpy_array(x) and not sparse.issparse(x)


def namespace(x):
    """The array API namespace of `x`; NumPy's for scipy.sparse, lists and data frames."""
    if is_foreign(x):
        return array_api_compat.array_namespace(x)
    return np if hasattr(np, "astype") else array_api_compat.numpy  # from NumPy 2.1 it is complete


def device_of(x):
    """The device object of `x`, as the creation functions of its namespace take it."""
    return device(x) if is_foreign(x) else "cpu"


def put(x, at, values):
    """``x[at] = values`` in place, also where the array API knows no integer assignment."""
    try:
        x[at] = values
    except IndexError:  # array_api_strict
        values = namespace(x).broadcast_to(values, at.shape) if hasattr(values, "shape") else values
        for i in range(at.shape[0]):
            x[int(at[i])] = values[i] if hasattr(values, "shape") else values


def clip_below_zero(x):
    """``maximum(x, 0)``, in place where that can be."""
    if is_numpy_array(x):
        return np.maximum(x, 0, out=x)
    return namespace(x).clip(x, min=0)


def to_numpy(x):
    """Host copy of an array of any library; whatever is no such array is returned unchanged."""
    if not is_foreign(x):
        return x
    if array_api_compat.is_cupy_array(x):
        return x.get()
    if array_api_compat.is_torch_array(x):
        return x.detach().cpu().numpy()
    xp = namespace(x)
    # array_api_strict names its host "CPU_DEVICE"; the other libraries take "cpu".
    host = xp.Device("CPU_DEVICE") if hasattr(xp, "Device") else "cpu"
    return np.asarray(array_api_compat.to_device(x, host))


def device_name(x):
    """ "cpu" or "cuda:0": where the work on `x` is done."""
    if not is_foreign(x):
        return "cpu"
    if array_api_compat.is_cupy_array(x):
        return f"cuda:{x.device.id}"
    return str(device(x)).lower()


def take(container, indices):
    """Rows `indices` of the user's own container, in that order and of the same type."""
    if is_foreign(container):
        xp = namespace(container)
        at = xp.asarray(indices, device=device(container))
        return xp.take(container, at, axis=0)
    if sparse.issparse(container) and container.format not in ("csr", "csc"):
        return container.tocsr()[indices].asformat(container.format)
    if isinstance(container, tuple):
        return tuple(container[i] for i in indices)
    if not hasattr(container, "__getitem__"):  # only an __array__
        container = np.asarray(container)
    return _safe_indexing(container, indices)


def block_slices(n_rows, row_bytes, most_bytes=2**23):
    """Slices over `n_rows` rows whose temporaries keep within scikit-learn's `working_memory`.

    Blocks are smaller still (`most_bytes`, 8 MiB) where memory allows more: a block that stays in
    the cache is read back faster.
    """
    budget = min(most_bytes, sklearn.get_config()["working_memory"] * 2**20)
    rows = max(1, int(budget // max(1, row_bytes)))
    return [slice(a, min(a + rows, n_rows)) for a in range(0, n_rows, rows)]
