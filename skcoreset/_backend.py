"""Arrays: which library, which device, moving, taking rows, sizes of blocks.

The only file that may know array libraries by name. Kernels ask it for a namespace and for
block sizes; samplers ask it to take rows out of whatever container the user brought, and by
`on_device` to do their work on a GPU where there is one. cupy is not imported before that.
"""

import gc
import itertools
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from numbers import Number

import array_api_compat
import array_api_compat.numpy
import numpy as np
import sklearn
from array_api_compat import device, is_array_api_obj, is_numpy_array
from scipy import sparse
from sklearn.utils import _safe_indexing

from skcoreset._config import get_config

__all__ = [
    "Streamed",
    "block_slices",
    "canonical",
    "check_device",
    "clip_below_zero",
    "device_name",
    "device_of",
    "device_scope",
    "free_bytes",
    "holds_objects",
    "is_foreign",
    "is_lazy",
    "namespace",
    "on_device",
    "put",
    "row_products",
    "take",
    "to_numpy",
]

# Multiplications from which on device="auto" moves a table to the GPU. A CPU does so many in about
# half a second, which is what the import of cupy, the transfer and the first launches may take.
WORTH_MOVING = 5e10
# A table that takes more than this share of the free memory of a GPU stays on the host.
MOST_OF_MEMORY = 0.8


def is_foreign(x):
    """Whether `x` is an array of another library than NumPy (cupy, torch, ...)."""
    return is_array_api_obj(x) and not is_numpy_array(x) and not sparse.issparse(x)


def namespace(x):
    """The array API namespace of `x`; NumPy's for scipy.sparse, lists and data frames."""
    if is_foreign(x):
        return array_api_compat.array_namespace(x)
    return np if hasattr(np, "unstack") else array_api_compat.numpy  # from NumPy 2.1 it is complete


def device_of(x):
    """The device object of `x`, as the creation functions of its namespace take it."""
    return device(x) if is_foreign(x) else "cpu"


def put(x, at, values):
    """``x[at] = values`` in place, also where the array API knows no integer assignment.

    `at` is an array of positions, or a tuple of such arrays, one for each axis.
    """
    try:
        x[at] = values
    except IndexError:  # array_api_strict
        if isinstance(at, tuple):
            for i in range(at[0].shape[0]):
                x[tuple(int(axis[i]) for axis in at)] = (
                    values[i] if hasattr(values, "shape") else values
                )
            return
        values = namespace(x).broadcast_to(values, at.shape) if hasattr(values, "shape") else values
        for i in range(at.shape[0]):
            x[int(at[i])] = values[i] if hasattr(values, "shape") else values


def clip_below_zero(x):
    """``maximum(x, 0)``, in place where that can be."""
    if is_numpy_array(x):
        return np.maximum(x, 0, out=x)
    return namespace(x).clip(x, min=0)


def row_products(left, right):
    """Inner product of each row of `left` with that of `right`."""
    xp = namespace(left)
    if array_api_compat.is_cupy_array(left):
        # Its vecdot is a batch of matrix products, one a row, and not every cuBLAS takes more than
        # 65535 of them.
        return xp.sum(left * right, axis=1)
    return xp.vecdot(left, right)


def to_numpy(x):
    """Host copy of an array of any library; whatever is no such array is returned unchanged."""
    if not is_foreign(x):
        return x
    if array_api_compat.is_cupy_array(x):
        return x.get()
    if array_api_compat.is_torch_array(x):
        return x.detach().cpu().numpy()
    if isinstance(x, Streamed):
        return x.host
    xp = namespace(x)
    # array_api_strict names its host "CPU_DEVICE"; the other libraries take "cpu".
    host = xp.Device("CPU_DEVICE") if hasattr(xp, "Device") else "cpu"
    return np.asarray(array_api_compat.to_device(x, host))


def device_name(x):
    """ "cpu" or "cuda:0": where the work on `x` is done."""
    if not is_foreign(x):
        return "cpu"
    where = device(x)
    return f"cuda:{where.id}" if _is_cupy_device(where) else str(where).lower()


def device_scope(x):
    """Context in which cupy makes new arrays where `x` is, and not on the current GPU."""
    where = device(x) if is_foreign(x) else None
    return where if _is_cupy_device(where) else nullcontext()


def _is_cupy_device(where):
    return hasattr(where, "id") and hasattr(where, "__enter__")


def take(container, indices):
    """Rows `indices` of the user's own container, in that order and of the same type."""
    if is_foreign(container):
        xp = namespace(container)
        with device_scope(container):
            at = xp.asarray(indices, device=device(container))
            return xp.take(container, at, axis=0)
    if sparse.issparse(container) and container.format not in ("csr", "csc"):
        return container.tocsr()[indices].asformat(container.format)
    if isinstance(container, tuple):
        return tuple(container[i] for i in indices)
    if _library_name(container) in ("pandas", "pyarrow") and not hasattr(container, "iloc"):
        # Indexes, extension arrays, tables: scikit-learn would index some of them wrongly.
        return container.take(np.asarray(indices, dtype=np.int64))
    if not hasattr(container, "__getitem__"):  # only an __array__
        container = np.asarray(container)
    return _safe_indexing(container, indices)


def _library_name(container):
    return type(container).__module__.partition(".")[0]


def is_lazy(container):
    """Whether `container` is a query that holds no rows yet: a LazyFrame of polars."""
    return _library_name(container) == "polars" and hasattr(container, "collect")


def canonical(X):
    """`X`, a table, in a form that has one meaning for all who read it; never the user's changed.

    Sparse tables become csr (or stay csc): each entry is stored once, as whoever squares what is
    stored would square its parts otherwise, in order of the columns, with indices of 32 bits where
    these suffice. What scikit-learn cannot index takes another form: a RecordBatch of pyarrow that
    of a Table, its one-dimensional arrays lists, those of pandas and its indexes arrays of NumPy.
    """
    if _library_name(X) == "pyarrow":
        import pyarrow

        if isinstance(X, pyarrow.RecordBatch):
            return pyarrow.Table.from_batches([X])
        return X if isinstance(X, pyarrow.Table) else X.to_pylist()
    if _library_name(X) == "pandas" and not hasattr(X, "iloc"):
        return np.asarray(X)
    if not sparse.issparse(X) or X.ndim != 2:
        return X
    if X.format not in ("csr", "csc"):
        X = X.tocsr()
    # A shallow copy, as what the matrix says of itself may be older than its entries.
    X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if X.indices.dtype != np.int32 or X.indptr.dtype != np.int32:
        narrow = np.int32 if max(*X.shape, X.nnz) <= np.iinfo(np.int32).max else np.int64
        # Assigned, as the constructor would choose between the widths itself.
        X.indices, X.indptr = X.indices.astype(narrow), X.indptr.astype(narrow)
    return X


def holds_objects(X):
    """Whether `X` is no table but has one object a row, such as a text, for a classifier to read.

    That is a list or a one-dimensional array, index or column that does not hold numbers.
    """
    if is_foreign(X) or sparse.issparse(X) or len(getattr(X, "shape", (0,))) != 1:
        return False
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    if kind not in "OUST" or not hasattr(X, "__getitem__"):
        return False
    there = (value for value in X if value is not None and value is value)
    first = next(itertools.chain(there, [None]))
    return isinstance(first, (str, bytes, Mapping)) or (
        hasattr(X, "shape") and first is not None and not isinstance(first, Number)
    )


def block_slices(n_rows, row_bytes, most_bytes=2**23):
    """Slices over `n_rows` rows whose temporaries keep within scikit-learn's `working_memory`.

    Blocks are smaller still (`most_bytes`, 8 MiB) where memory allows more: a block that stays in
    the cache is read back faster.
    """
    budget = min(most_bytes, sklearn.get_config()["working_memory"] * 2**20)
    rows = max(1, int(budget // max(1, row_bytes)))
    return [slice(a, min(a + rows, n_rows)) for a in range(0, n_rows, rows)]


# Which device ---------------------------------------------------------------------------------


def on_device(compute, beside=None):
    """``compute(place)``, and the name of the device where it worked (None: it placed nothing).

    In `compute`, ``place(X, work)`` gives `X` where it is to be worked on, see `_Place`. If that
    device runs out of memory, `compute` is called once more, with tables left on the host that
    are fetched in parts (`Streamed`), and with smaller blocks. What it does must be the same
    each time, and must keep no array of the first.

    Parameters
    ----------
    compute : callable
    beside : array, optional
        The user's own table: where it is on a device, what is made of it is worked on there.
    """
    place = _Place(beside)
    try:
        with place:
            return compute(place), place.device
    except Exception as error:
        if place.library is None or not _is_out_of_memory(error):
            raise
    # Only here, where the error no longer holds on to the arrays of the calls that failed.
    place.library.free_pool()
    memory = place.library.free_bytes() / 8 / 2**20
    memory = min(sklearn.get_config()["working_memory"], max(1, memory))
    place = _Place(beside, streamed=True)
    with place, sklearn.config_context(working_memory=memory):
        return compute(place), place.device


def check_device(X, host_only=None):
    """Raise if the work on `X` is asked for on a device that is not there, or that cannot do it."""
    asked = get_config()["device"]
    if asked.startswith("cuda") and not is_foreign(X):
        _library_asked_for(asked, host_only)


class _Place:
    """``place(X, work)``: `X` where it is to be worked on.

    - An array on a device stays where it is, and what is made of the user's table goes where
      that is. A tensor of torch becomes a cupy array or NumPy, without a copy.
    - What is on the host goes where the configuration says. Under "auto" it moves if `work`, a
      number of multiplications, is large enough, nothing keeps it on the host, and there is a GPU.
    - It is `Streamed` where it would take more than `MOST_OF_MEMORY`.

    Parameters
    ----------
    beside : array, optional
    streamed : bool
        Whether all that would be moved is streamed.
    """

    def __init__(self, beside=None, streamed=False):
        self.beside, self.streamed = beside, streamed
        self.library = self.device = None
        self.scope = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.scope.__exit__(*error)

    def __call__(self, X, work, host_only=None):
        """`X`, an array or a tuple of arrays and None that go together.

        `host_only` says why the work cannot be done on a GPU, if it cannot.
        """
        arrays = X if isinstance(X, tuple) else (X,)
        arrays = tuple(_without_torch(array) for array in arrays)
        library = self._destination(arrays, work, host_only)
        if library is not None:
            arrays = self._moved(arrays, library)
        self.as_it_is(arrays[0])
        self.device = self.device or "cpu"
        return arrays if isinstance(X, tuple) else arrays[0]

    def as_it_is(self, X):
        """`X`, which is worked on where it is."""
        if is_foreign(X):
            self.library = self.library or _library_of(X)
            self.scope.enter_context(device_scope(X))
            self.device = device_name(X)
        return X

    def _destination(self, arrays, work, host_only):
        """The library to move to, or None."""
        asked, beside = get_config()["device"], _without_torch(self.beside)
        stored_sparse = any(sparse.issparse(array) for array in arrays)
        if any(is_foreign(array) for array in arrays):
            return None
        if is_foreign(beside):
            return None if host_only or stored_sparse else _library_of(beside)
        if asked not in ("auto", "cpu"):
            if stored_sparse:
                raise TypeError(
                    f"device={asked!r}, but a sparse table is worked on by the host only. Give a "
                    "dense one, or leave it there with device='auto'."
                )
            return _library_asked_for(asked, host_only)
        if asked == "cpu" or host_only or stored_sparse or work < WORTH_MOVING:
            return None
        try:
            return _device_library("cuda")
        except RuntimeError:
            return None

    def _moved(self, arrays, library):
        self.library = library
        needed = sum(0 if array is None else array.nbytes for array in arrays)
        if not self.streamed and needed <= MOST_OF_MEMORY * library.free_bytes():
            try:
                return tuple(None if a is None else library.asarray(a) for a in arrays)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
            library.free_pool()
        return tuple(None if a is None else Streamed(a, library.xp, library.device) for a in arrays)


def _without_torch(x):
    """A tensor of torch as a cupy array or NumPy that shares its memory; all else as it is."""
    if not array_api_compat.is_torch_array(x):
        return x
    x = x.detach()
    if not x.is_cuda:
        return x.numpy()
    library = _device_library(f"cuda:{x.device.index}")
    with library.device:
        return library.from_dlpack(x)


def _library_asked_for(asked, host_only):
    if host_only:
        raise ValueError(f"device={asked!r}, but {host_only}. It stays there with device='auto'.")
    return _device_library(asked)


def _device_library(name):
    """What is needed of the GPU `name`, "cuda" or "cuda:<n>"; RuntimeError if it is not there."""
    return _Cupy(name)


def _library_of(X):
    """The same for the device where `X` is."""
    if array_api_compat.is_cupy_array(X):
        return _Cupy(device_name(X))
    return _Library(namespace(X), device_of(X))


class _Library:
    """A device, as `_Place` needs it: any of the array API, with no end to its memory."""

    def __init__(self, xp, device):
        self.xp, self.device = xp, device

    def asarray(self, x):
        return self.xp.asarray(x, device=self.device)

    def free_bytes(self):
        return float("inf")

    def free_pool(self):
        """Give back what is held but not used."""


class _Cupy(_Library):
    def __init__(self, name):
        try:
            import cupy
        except ImportError as error:
            raise RuntimeError(
                f"{name!r} is asked for, and cupy cannot be imported. Install skcoreset[cuda13] or "
                "skcoreset[cuda12], whichever CUDA your driver is for."
            ) from error
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise RuntimeError(f"{name!r} is asked for, and cupy finds no GPU: {error}.") from error
        number = int(name[5:]) if ":" in name else None
        if count == 0 or (number is not None and number >= count):
            there = f"the last one is 'cuda:{count - 1}'" if count else "cupy finds no GPU"
            raise RuntimeError(f"{name!r} is asked for, and {there}.")
        import array_api_compat.cupy as xp

        super().__init__(xp, cupy.cuda.Device(number))
        self.cupy = cupy

    def from_dlpack(self, x):
        return self.cupy.from_dlpack(x)

    def free_bytes(self):
        with self.device:
            return _free_bytes(self.cupy)

    def free_pool(self):
        gc.collect()  # arrays in circles of references would stay
        with self.device:
            self.cupy.get_default_memory_pool().free_all_blocks()


def free_bytes(xp):
    """Memory free on the current CUDA device; None where `xp` is not cupy."""
    if not array_api_compat.is_cupy_namespace(xp):
        return None
    import cupy

    return _free_bytes(cupy)


def _free_bytes(cupy):
    return cupy.cuda.Device().mem_info[0] + cupy.get_default_memory_pool().free_bytes()


def _is_out_of_memory(error):
    """Whether a device ran out of memory: cupy's own error, or one of the libraries it calls."""
    words = ("ALLOC_FAILED", "cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


class Streamed:
    """A table on the host whose rows come as arrays of a device, where it would not fit in whole.

    It has the namespace, device, dtype and shape of such an array. ``X[at]`` and ``X[at, :]`` with
    a slice or an array of positions copies these rows to the device.
    """

    def __init__(self, host, xp, device):
        self.host, self.xp, self.device = host, xp, device
        self.shape, self.ndim = host.shape, host.ndim
        self.dtype = getattr(xp, host.dtype.name)

    def __array_namespace__(self, *, api_version=None):
        return self.xp

    def __getitem__(self, at):
        at = at[0] if isinstance(at, tuple) else at
        rows = self.host[at if isinstance(at, slice) else to_numpy(at)]
        return self.xp.asarray(rows, device=self.device)
