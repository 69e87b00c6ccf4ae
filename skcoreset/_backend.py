"""Array libraries, containers and devices: the only file that knows them by name.

Kernels use it for namespaces and block sizes. The base uses it to take rows out of the containers
of the user, and `on_device` to compute on a GPU if there is one. cupy is imported only then.
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
    "FrameMaker",
    "Streamed",
    "block_slices",
    "canonical",
    "check_device",
    "clip_below_zero",
    "column_kinds",
    "columns",
    "device_name",
    "device_of",
    "device_scope",
    "first_row",
    "free_bytes",
    "holds_objects",
    "host_target",
    "is_foreign",
    "is_partitioned",
    "is_table",
    "missing_values",
    "namespace",
    "on_device",
    "put",
    "refuse_lazy",
    "row_products",
    "stacked",
    "take",
    "to_numpy",
]

# device="auto" moves a table to the GPU if there are at least so many multiplications. A CPU takes
# about half a second for them, as do the import of cupy, the transfer and the first launches.
WORTH_MOVING = 5e10
# A table that needs more than this fraction of the free memory of a GPU stays on the host.
MOST_OF_MEMORY = 0.8


def is_foreign(x):
    """Whether `x` is an array of another library than NumPy (cupy, torch, ...)."""
    return is_array_api_obj(x) and not is_numpy_array(x) and not sparse.issparse(x)


def namespace(x):
    """The array API namespace of `x`; that of NumPy for scipy.sparse, lists and dataframes."""
    if is_foreign(x):
        return array_api_compat.array_namespace(x)
    return np if hasattr(np, "unstack") else array_api_compat.numpy  # from NumPy 2.1 it is complete


def device_of(x):
    """The device object of `x`, as the creation functions of its namespace take it."""
    return device(x) if is_foreign(x) else "cpu"


def put(x, at, values):
    """``x[at] = values`` in place, also where the array API has no integer assignment.

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
    """``maximum(x, 0)``, in place for arrays of NumPy."""
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
    """Host copy of an array of another library; any other object is returned unchanged."""
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
    """ "cpu" or "cuda:<n>": the device of `x`."""
    if not is_foreign(x):
        return "cpu"
    where = device(x)
    return f"cuda:{where.id}" if _is_cupy_device(where) else str(where).lower()


def device_scope(x):
    """Context in which cupy creates new arrays on the device of `x`."""
    where = device(x) if is_foreign(x) else None
    return where if _is_cupy_device(where) else nullcontext()


def _is_cupy_device(where):
    return hasattr(where, "id") and hasattr(where, "__enter__")


def take(container, indices):
    """Rows `indices` of a container, in that order, in a container of the same type."""
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


def stacked(parts):
    """The rows of several containers of one type, one after the other."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if sparse.issparse(first):
        return sparse.vstack(parts, format=first.format)
    if isinstance(first, list):
        return [row for part in parts for row in part]
    name = _library_name(first)
    if name == "pandas":
        import pandas

        return pandas.concat(parts)
    if name == "polars":
        import polars

        return polars.concat(parts)
    if name == "pyarrow":
        import pyarrow

        return pyarrow.concat_tables(parts)
    return namespace(first).concat([*parts]) if is_foreign(first) else np.concatenate(parts)


def _library_name(container):
    return type(container).__module__.partition(".")[0]


def is_partitioned(X):
    """Whether `X` is a collection or a future of dask, or the row partitions of a collection."""
    return _library_name(X) in ("dask", "distributed") or hasattr(X, "is_partitioned")


def refuse_lazy(container, name):
    """Raise if `container` is not in memory, or has masked entries, which NumPy would read."""
    kind = type(container).__name__
    if kind == "Future" and is_partitioned(container):
        raise TypeError(f"{name} is a Future of dask. Give {name}.result().")
    if is_partitioned(container):
        raise TypeError(f"{name} is a collection of dask, but {_instead_of_collection(name)}")
    if _library_name(container) == "polars" and hasattr(container, "collect"):
        raise TypeError(f"{name} is a {kind}, which holds no samples yet. Give {name}.collect().")
    if _is_stored(container):
        raise TypeError(
            f"{name} is a {_library_name(container)}.{kind}, which is read when it is indexed. "
            f"Give the collection dask.array.from_array({name}), of which one partition at a time "
            f"is read, or {name}[:] if it fits in memory."
        )
    if isinstance(container, np.ma.MaskedArray) and np.ma.is_masked(container):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(container)} masked entries, which "
            f"have no values. Fill them by {name}.filled(value), or leave out those rows."
        )


def _instead_of_collection(name):
    if name in ("y", "sample_weight"):
        return (
            "X is in memory. A transformer of scikit-learn in a Pipeline loads all of X. Put it "
            "into the estimator, which is fitted on the selected samples only: "
            "CoresetClassifier(make_pipeline(StandardScaler(), SVC()), sampler). If X shall be in "
            f"memory: Give {name}.compute()."
        )
    return (
        f"a table in memory is required here. Give {name}.compute() if it fits in memory. The "
        f"methods of a fitted estimator can be applied to each partition: {name}.map_blocks("
        f"estimator.predict, drop_axis=1, dtype=y.dtype) of an array, and {name}.map_partitions("
        "estimator.predict) of a dataframe."
    )


def _is_stored(container):
    """Whether `container` is like an array, but only to be read, as those of zarr and h5py are.

    Arrays in memory have arithmetic operations, except some of dataframe libraries.
    """
    if _library_name(container) in ("pandas", "polars", "pyarrow"):
        return False
    is_array = all(hasattr(container, name) for name in ("shape", "dtype", "__getitem__"))
    return is_array and not hasattr(container, "__add__")


def canonical(X):
    """`X` in a canonical form; the object of the user does not change.

    Sparse matrices become csr (or stay csc) with sorted indices, of 32 bits if these suffice. Each
    entry is stored once, because code that squares the stored values would square its parts
    otherwise. Containers that scikit-learn cannot index are converted: a RecordBatch of pyarrow to
    a Table, its one-dimensional arrays to lists, those of pandas, and its indexes, to arrays of
    NumPy.
    """
    refuse_lazy(X, "X")
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
    # A shallow copy, because the flags of the matrix may be older than its entries.
    X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if X.indices.dtype != np.int32 or X.indptr.dtype != np.int32:
        narrow = np.int32 if max(*X.shape, X.nnz) <= np.iinfo(np.int32).max else np.int64
        # Assigned, because the constructor would choose the width itself.
        X.indices, X.indptr = X.indices.astype(narrow), X.indptr.astype(narrow)
    return X


def holds_objects(X):
    """Whether `X` holds one object per sample, such as a text, instead of features.

    Such an `X` is a list, or a one-dimensional array, index or column, that does not hold numbers.
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


def is_table(X):
    """Whether `X` is known to be two-dimensional with rows: a dataframe or an array of a device."""
    return is_foreign(X) or hasattr(X, "columns")


def first_row(X):
    """The first row of a dataframe as an array; anything else as it is."""
    return np.asarray(take(X, [0])) if hasattr(X, "columns") and len(X) else X


def columns(X):
    """(name, values) for each column: the position in an array, None for a list of objects."""
    if holds_objects(X):
        yield None, X
    elif hasattr(X, "columns"):
        for j, name in enumerate(getattr(X, "column_names", X.columns)):  # pyarrow, pandas
            yield name, _safe_indexing(X, j, axis=1)
    else:
        rows = to_numpy(X)
        rows = np.asarray(rows, dtype=None if hasattr(rows, "dtype") else object)
        if rows.ndim == 2:
            yield from enumerate(rows.T)


def column_kinds(X):
    """(name, kind) of each column of a DataFrame of pandas: "numbers" or "text", or else None."""
    if _library_name(X) != "pandas" or not hasattr(X, "columns"):
        return []
    from pandas.api.types import infer_dtype, is_numeric_dtype

    def kind_of(values):
        if is_numeric_dtype(values.dtype):
            return "numbers"
        return "text" if infer_dtype(values) == "string" else None

    return [(name, kind_of(values)) for name, values in columns(X)]


def host_target(y):
    """`y` on the host, in a type that scikit-learn supports, and a mask of the missing targets.

    The mask is None if there is none. Pandas objects keep their type if NumPy has no equivalent.
    Floats of NumPy are not searched: scikit-learn checks these.
    """
    y = to_numpy(y)
    missing = missing_values(y)
    if hasattr(y, "__array__") and not hasattr(y, "iloc"):
        y = np.asarray(y)
        missing = missing_values(y) if missing is None else missing
    if missing is not None and missing.any():
        return y, missing.reshape(len(y), -1).any(axis=1)
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "numpy_dtype", None) is not None and dtype.numpy_dtype.kind in "iub":
        y = y.to_numpy(dtype=dtype.numpy_dtype)  # as object or float it would lose its values
    elif isinstance(dtype, np.dtype) and dtype.kind == "T":
        y = y.astype(object)
    return y, None


def missing_values(values):
    """Mask of the missing values (NaN, NaT, None, NA) of a column; None for floats of NumPy."""
    if hasattr(values, "isna"):  # pandas, where also NA is missing
        return np.asarray(values.isna())
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        flat = [_is_missing(value) for value in np.ravel(values)]
        return np.array(flat, dtype=bool).reshape(np.shape(values))
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return np.isnat(values)
    return None


def _is_missing(value):
    return value is None or (isinstance(value, float) and value != value)


class FrameMaker:
    """Converts arrays to dataframes like `container`, as steps may select columns by name."""

    def __init__(self, container):
        self.columns = getattr(container, "column_names", getattr(container, "columns", None))
        self.kind = None if self.columns is None else type(container)

    def __call__(self, rows):
        if self.kind is None or not isinstance(rows, np.ndarray):
            return rows
        if hasattr(self.kind, "iloc"):  # pandas
            return self.kind(rows, columns=self.columns)
        if hasattr(self.kind, "from_arrays"):  # pyarrow
            return self.kind.from_arrays(list(rows.T), names=self.columns)
        return self.kind(rows, schema=self.columns)  # polars


def block_slices(n_rows, row_bytes, most_bytes=2**23):
    """Slices over `n_rows` rows, the temporaries of which fit in scikit-learn's `working_memory`.

    They are also limited by `most_bytes` (8 MiB), because blocks that stay in the cache are faster.
    """
    budget = min(most_bytes, sklearn.get_config()["working_memory"] * 2**20)
    rows = max(1, int(budget // max(1, row_bytes)))
    return [slice(a, min(a + rows, n_rows)) for a in range(0, n_rows, rows)]


# Which device ---------------------------------------------------------------------------------


def on_device(compute, beside=None):
    """``compute(place)`` and the name of the device it used (None: it placed no array).

    In `compute`, ``place(X, work)`` returns `X` on the device of the computation, see `_Place`. If
    that device runs out of memory, `compute` is called once more, with tables that stay on the
    host and are fetched in parts (`Streamed`), and with smaller blocks. Both calls must do the
    same, and the second must use no array of the first.

    Parameters
    ----------
    compute : callable
    beside : array, optional
        The table of the user. If it is on a device, arrays derived from it are moved there.
    """
    place = _Place(beside)
    try:
        with place:
            return compute(place), place.device
    except Exception as error:
        if place.library is None or not _is_out_of_memory(error):
            raise
    # Not in the except clause, where the error still refers to the arrays of the failed calls.
    place.library.free_pool()
    memory = place.library.free_bytes() / 8 / 2**20
    memory = min(sklearn.get_config()["working_memory"], max(1, memory))
    place = _Place(beside, streamed=True)
    with place, sklearn.config_context(working_memory=memory):
        return compute(place), place.device


def check_device(X, host_only=None):
    """Raise if the configured device is not available, or cannot do the work on `X`."""
    configured = get_config()["device"]
    if configured.startswith("cuda") and not is_foreign(X):
        _configured_library(configured, host_only)


class _Place:
    """``place(X, work)``: `X` on the device of the computation.

    - An array on a device stays there, and arrays derived from the table of the user are moved to
      the device of that table. A tensor of torch becomes an array of cupy or NumPy without a copy.
    - An array on the host is moved to the configured device. With "auto" it is moved if `work`, a
      number of multiplications, is large enough, the host is not required, and there is a GPU.
    - It is `Streamed` if it would take more than `MOST_OF_MEMORY`.

    Parameters
    ----------
    beside : array, optional
    streamed : bool
        Whether all arrays that would be moved are streamed.
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
        """`X`, an array, or a tuple in which all arrays are moved together.

        `host_only` is the reason why the work cannot be done on a GPU, or None.
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
        """`X`, on its own device."""
        if is_foreign(X):
            self.library = self.library or _library_of(X)
            self.scope.enter_context(device_scope(X))
            self.device = device_name(X)
        return X

    def _destination(self, arrays, work, host_only):
        """The library to move to, or None."""
        configured, beside = get_config()["device"], _without_torch(self.beside)
        stored_sparse = any(sparse.issparse(array) for array in arrays)
        if any(is_foreign(array) for array in arrays):
            return None
        if is_foreign(beside):
            return None if host_only or stored_sparse else _library_of(beside)
        if configured not in ("auto", "cpu"):
            if stored_sparse:
                raise TypeError(
                    f"device={configured!r}, but sparse data are processed by the host only. Give "
                    "dense data, or use device='auto', which leaves sparse data on the host."
                )
            return _configured_library(configured, host_only)
        if configured == "cpu" or host_only or stored_sparse or work < WORTH_MOVING:
            return None
        try:
            return _device_library("cuda")
        except RuntimeError:
            return None

    def _moved(self, arrays, library):
        self.library = library
        on_host = [isinstance(array, np.ndarray) for array in arrays]
        needed = sum(a.nbytes for a, moves in zip(arrays, on_host, strict=True) if moves)

        def all_by(move):
            return tuple(move(a) if m else a for a, m in zip(arrays, on_host, strict=True))

        if not self.streamed and needed <= MOST_OF_MEMORY * library.free_bytes():
            try:
                return all_by(library.asarray)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
            library.free_pool()
        return all_by(lambda a: Streamed(a, library.xp, library.device))


def _without_torch(x):
    """A tensor of torch as an array of cupy or NumPy with the same memory; else `x` itself."""
    if not array_api_compat.is_torch_array(x):
        return x
    x = x.detach()
    if not x.is_cuda:
        return x.numpy()
    library = _device_library(f"cuda:{x.device.index}")
    with library.device:
        return library.from_dlpack(x)


def _configured_library(configured, host_only):
    if host_only:
        raise ValueError(f"device={configured!r}, but {host_only}. Use device='auto' or 'cpu'.")
    return _device_library(configured)


def _device_library(name):
    """The GPU `name`, "cuda" or "cuda:<n>", as `_Place` uses it; RuntimeError without one."""
    return _Cupy(name)


def _library_of(X):
    """The same for the device of `X`."""
    if array_api_compat.is_cupy_array(X):
        return _Cupy(device_name(X))
    return _Library(namespace(X), device_of(X))


class _Library:
    """A device as `_Place` uses it, for any library of the array API: with unlimited memory."""

    def __init__(self, xp, device):
        self.xp, self.device = xp, device

    def asarray(self, x):
        return self.xp.asarray(x, device=self.device)

    def free_bytes(self):
        return float("inf")

    def free_pool(self):
        """Free memory that is reserved but not used."""


class _Cupy(_Library):
    def __init__(self, name):
        try:
            import cupy
        except ImportError as error:
            raise RuntimeError(
                f"{name!r} requires cupy, which cannot be imported. Install skcoreset[cuda13] or "
                "skcoreset[cuda12], according to the CUDA version of your driver."
            ) from error
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise RuntimeError(f"{name!r} is not available: cupy finds no GPU: {error}.") from error
        number = int(name[5:]) if ":" in name else None
        if count == 0 or (number is not None and number >= count):
            there = f"the last GPU is 'cuda:{count - 1}'" if count else "cupy finds no GPU"
            raise RuntimeError(f"{name!r} is not available: {there}.")
        import array_api_compat.cupy as xp

        super().__init__(xp, cupy.cuda.Device(number))
        self.cupy = cupy

    def from_dlpack(self, x):
        return self.cupy.from_dlpack(x)

    def free_bytes(self):
        with self.device:
            return _free_bytes(self.cupy)

    def free_pool(self):
        gc.collect()  # for arrays in reference cycles
        with self.device:
            self.cupy.get_default_memory_pool().free_all_blocks()


def free_bytes(xp):
    """Free memory of the current CUDA device; None if `xp` is not cupy."""
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
    """A table on the host whose rows are copied to a device when they are indexed.

    It has the namespace, device, dtype and shape of an array of that device. ``X[at]`` and
    ``X[at, :]``, with a slice or an array of positions, copy these rows.
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
