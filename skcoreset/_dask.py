"""Dask collections as row partitions: the only file that knows dask."""

import operator
from contextlib import contextmanager
from dataclasses import dataclass

import dask
import dask.array as da
import dask.base
import dask.threaded
import numpy as np
import sklearn
from dask.callbacks import Callback
from dask.system import CPU_COUNT
from threadpoolctl import ThreadpoolController

from skcoreset._backend import is_partitioned, refuse_lazy, stacked, take, to_numpy
from skcoreset._kernels.compact import is_repeated
from skcoreset._validation import check_one_per_sample

__all__ = ["Partitions", "partitions"]

RETRIES = 2  # of a task that fails on a cluster, such as one that cannot read its file


def partitions(X, y, sample_weight):
    """The `Partitions` of Dask collections. `y` and `sample_weight` may also be on the host."""
    if isinstance(X, Partitions):
        return X
    blocks, lengths = _blocks(X, "X")
    targets, weights = (
        None if values is None else _aligned(values, name, blocks, lengths)
        for values, name in ((y, "y"), (sample_weight, "sample_weight"))
    )
    return Partitions(blocks, targets, weights, lengths)


class Partitions:
    """Row partitions of a table, with their targets and sample weights.

    Parameters
    ----------
    blocks : list of Delayed
    targets, weights : list of Delayed or arrays, or None
    lengths : ndarray of int, or None
        Number of rows of each partition, if they are known.
    numbers : ndarray of int
        Number of each partition in the collection of the user, where empty ones count too.

    Attributes
    ----------
    offsets : ndarray of int
        The first row of each partition.
    first_samples : ndarray of int or None
        The same in the collection of the user, also if rows are left out later; for errors.
    report : callable
        Called by `map` with the fraction of the partitions that are done.
    """

    is_partitioned = True

    def __init__(self, blocks, targets=None, weights=None, lengths=None, numbers=None):
        self.blocks, self.targets, self.weights = blocks, targets, weights
        self.numbers = np.arange(len(blocks)) if numbers is None else numbers
        self.report = None
        self.lengths_of_all = None  # of all partitions of the collection, also empty ones
        self.first_samples = None
        if lengths is not None:
            self.count(lengths)

    def count(self, lengths):
        """Set the number of rows of each partition."""
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.lengths_of_all = self.lengths
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        if self.first_samples is None:
            self.first_samples = self.offsets

    def __len__(self):
        return len(self.blocks)

    def where(self, mask):
        """The partitions in a mask. Rows keep their numbers if the others are empty."""
        at = np.flatnonzero(mask)
        lists = (
            None if values is None else [values[p] for p in at]
            for values in (self.blocks, self.targets, self.weights)
        )
        some = Partitions(*lists, self.lengths[at], self.numbers[at])
        some.lengths_of_all, some.report = self.lengths_of_all, self.report
        some.first_samples = self.first_samples[at]
        return some

    def transformed(self, function, *each, shared=()):
        """The partitions with other features, as `map` computes them, whenever these are needed."""
        shared = [_sent(value) for value in shared]
        lazily = dask.delayed(function, pure=False, traverse=False)
        blocks = [
            lazily(block, *(values[p] for values in each), *shared)
            for p, block in enumerate(self.blocks)
        ]
        others = Partitions(blocks, self.targets, self.weights, self.lengths, self.numbers)
        others.report, others.first_samples = self.report, self.first_samples
        return others

    def map(self, function, *each, shared=(), keep=False, all_columns=False):
        """``function(X, *each of this partition, *shared)`` for every partition.

        Parameters
        ----------
        function : callable
            A function of a module, as it may be pickled. With ``all_columns=True`` it is called
            with the targets and the sample weights (or None) after `X`. Its errors get the number
            of the partition and of its first sample in front, unless it has an attribute
            `names_rows_of_table`, because they have the numbers of rows in the whole table.
        each : list
            One value for each partition, or results of an earlier call with ``keep=True``.
        shared : tuple
            Values that all calls get. They are sent once to each worker.
        keep : bool or "first"
            Whether the results stay with the workers. The list then contains handles. If "first",
            `function` returns a pair, of which the first element stays with the worker, and there
            are two lists.
        """
        columns = (self.targets, self.weights) if all_columns else ()
        each = [_packed(list(values)) for values in each]
        each = [*([None] * len(self) if values is None else values for values in columns), *each]
        shared = [_sent(value) for value in shared]
        call = dask.delayed(_called, pure=False, traverse=False)
        memory = sklearn.get_config()["working_memory"]  # of this thread; workers have others
        tasks = [
            call(
                function,
                memory,
                self._in_words(p),
                block,
                *(values[p] for values in each),
                *shared,
            )
            for p, block in enumerate(self.blocks)
        ]
        if keep != "first":
            return _computed(tasks, self.report, keep)
        pairs = _computed(tasks, self.report, True)
        first, second = ([_element(pair, at) for pair in pairs] for at in (0, 1))
        return _computed(first, keep=True), _computed(second)

    def collections(self, rows=None):
        """Dask collections of the features, and of the targets and the sample weights or None.

        They have equal partitions: if `rows` is given, those with the samples at the positions
        `rows` of each partition. The first partition is read to know their type.
        """
        some = self
        if rows is not None:
            some = self._some(np.flatnonzero([len(at) for at in rows]))
            rows = [at for at in rows if len(at)]
            some.count([len(at) for at in rows])
        heads = some._some([0]).map(_heads, all_columns=True)[0]
        columns = (some.blocks, _features), (some.targets, _column), (some.weights, _column)
        found = []
        for (parts, function), head in zip(columns, heads, strict=True):
            if parts is None:
                found.append(None)
                continue
            lazily = dask.delayed(function, pure=False, traverse=False)
            each = [None] * len(some) if rows is None else rows
            blocks = [lazily(part, at) for part, at in zip(parts, each, strict=True)]
            found.append(_collection(blocks, some.lengths, head))
        return found

    def _in_words(self, p):
        words = f"partition {self.numbers[p]}"
        if self.first_samples is None:
            return words
        return f"{words}, whose first sample is sample {self.first_samples[p]}"

    def local_rows(self, rows):
        """For each partition the positions of ascending `rows`; None for each if `rows` is None."""
        if rows is None:
            return [None] * len(self)
        parts = np.split(rows, np.searchsorted(rows, self.offsets[1:].astype(rows.dtype)))
        # Positions of four bytes stay as short, as the offsets are numbers of Python.
        return [part - start for part, start in zip(parts, self.offsets.tolist(), strict=True)]

    def take(self, rows):
        """The rows `rows` of the features and the targets, in that order."""
        found, order = self._local(rows)
        # Only the partitions that contain some of them are read.
        some = self._some(np.flatnonzero([len(at) for at in found]))
        found = [at for at in found if len(at)]
        parts = some.map(_taken, found, all_columns=True)
        X = take(stacked([X for X, _ in parts]), order)
        if self.targets is None:
            return X, None
        return X, take(stacked([y for _, y in parts]), order)

    def _some(self, at):
        lists = (
            None if values is None else [values[p] for p in at]
            for values in (self.blocks, self.targets, self.weights)
        )
        return Partitions(*lists, numbers=self.numbers[at])

    def _local(self, rows):
        """Positions of `rows` in each partition, and where each of `rows` is among all of these."""
        rows = np.asarray(rows, dtype=np.int64)
        ascending = np.argsort(rows, kind="stable")
        cuts = np.searchsorted(rows[ascending], self.offsets)
        groups = np.split(rows[ascending], cuts[1:])
        order = np.empty(len(rows), dtype=np.int64)
        order[ascending] = np.arange(len(rows))
        return [some - first for some, first in zip(groups, self.offsets, strict=True)], order


def _blocks(collection, name):
    """(list of Delayed, numbers of rows or None) of a Dask Array, DataFrame or Series."""
    # A Delayed has all attributes, but its class has not.
    if not hasattr(type(collection), "to_delayed") or not hasattr(type(collection), "ndim"):
        raise TypeError(
            f"{name} is a {type(collection).__name__} of dask. Give a dask.array.Array or a "
            "dask.dataframe.DataFrame, for example that of dask.array.from_delayed."
        )
    if not hasattr(collection, "chunks"):
        return collection.to_delayed(), None
    if collection.ndim not in (1, 2):
        raise ValueError(f"{name} has the shape {collection.shape}; it must be two-dimensional.")
    if collection.ndim == 2 and len(collection.chunks[1]) > 1:
        collection = collection.rechunk({1: -1})
    lengths = np.array(collection.chunks[0])
    return collection.to_delayed().ravel().tolist(), None if np.isnan(lengths).any() else lengths


def _aligned(values, name, blocks, lengths):
    """The parts of `values` that belong to each of the blocks of X."""
    if is_partitioned(values):
        parts, own = _blocks(values, name)
        if own is None and lengths is None and len(parts) == len(blocks):
            return parts  # their lengths are compared when they are read
        if own is None:
            own = _counted(parts)
    else:
        refuse_lazy(values, name)
        check_one_per_sample(values, name)
        parts, own = None, np.array([len(values)])
    lengths = _counted(blocks) if lengths is None else lengths
    if own.sum() != lengths.sum():
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {lengths.sum()} "
            f"and {name} has {own.sum()}."
        )
    if parts is not None and np.array_equal(own, lengths):
        return parts
    stops = np.cumsum(lengths)
    if parts is None:
        return [take(values, np.arange(b - n, b)) for b, n in zip(stops, lengths, strict=True)]
    cut = dask.delayed(_cut, pure=False)
    ends, out = np.cumsum(own), []
    for stop, n in zip(stops, lengths, strict=True):
        first = np.searchsorted(ends, stop - n, side="right")
        last = max(first + 1, np.searchsorted(ends, stop) + 1)
        begin = ends[first] - own[first] if first < len(ends) else 0
        out.append(cut(parts[first:last], int(stop - n - begin), int(n)))
    return out


def _counted(blocks):
    return np.array(_computed([dask.delayed(len, pure=False)(block) for block in blocks]))


def _cut(parts, start, n):
    values = stacked(parts)
    return take(values, np.arange(start, start + n))


def _taken(X, y, weight, at):
    return take(X, at), None if y is None else take(y, at)


def _features(X, at):
    return X if at is None else take(X, at)


def _column(values, at):
    values = np.asarray(to_numpy(_features(values, at)))
    return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values


def _heads(X, y, weight):
    """The features, targets and weights of no sample, which have the types of all."""
    none = np.arange(0)
    columns = (None if values is None else _column(values, none) for values in (y, weight))
    return _features(X, none), *columns


def _collection(blocks, lengths, head):
    """A Dask Array or, if `head` is one of pandas, a DataFrame of these Delayed blocks."""
    if hasattr(head, "iloc"):
        import dask.dataframe as dd

        return dd.from_delayed(blocks, meta=head, verify_meta=False)
    shapes = [(int(n), *head.shape[1:]) for n in lengths]
    return da.concatenate(
        [
            da.from_delayed(block, shape, meta=head)
            for block, shape in zip(blocks, shapes, strict=True)
        ]
    )


def _called(function, memory, partition, X, *args):
    """Run in a worker: an error says in which partition it happened."""
    try:
        with sklearn.config_context(working_memory=memory):
            return function(X, *map(_unpacked, args))
    except Exception as error:
        is_local = not hasattr(function, "names_rows_of_table")
        if is_local and type(error) in (TypeError, ValueError):
            raise type(error)(f"In {partition}: {error}") from error
        error.add_note(f"This happened in {partition}.")
        raise


@dataclass(frozen=True)
class _Repeated:
    """`n` times the same value: a view of one number would be pickled with all of its entries."""

    values: np.ndarray
    n: int


def _packed(value):
    """`value` with a `_Repeated` in place of each such array in it."""
    if isinstance(value, np.ndarray) and is_repeated(value):
        return _Repeated(value[:1].copy(), len(value))
    return _replaced(_packed, value)


def _unpacked(value):
    if isinstance(value, _Repeated):
        return np.repeat(value.values, value.n)
    return _replaced(_unpacked, value)


def _replaced(function, value):
    """`value`, but with ``function(entry)`` for each entry of a list, tuple or dict."""
    if type(value) in (list, tuple):
        return type(value)(function(entry) for entry in value)
    if type(value) is dict:
        return {key: function(entry) for key, entry in value.items()}
    return value


def _element(pair, at):
    return dask.delayed(operator.getitem, pure=False)(pair, at)


def _sent(value):
    """`value` for several tasks, of which a cluster has one copy in each worker."""
    client = _client()
    if client is None:
        return dask.delayed(value, pure=False, traverse=False)
    # A scattered value would be lost with its worker; the result of a task is computed again.
    return client.submit(_itself, value, pure=False)


def _itself(value):
    return value


def _client():
    """The client of the cluster that is in use, or None."""
    scheduler = dask.config.get("scheduler", None)
    if scheduler in (None, "dask.distributed", "distributed"):
        try:
            from distributed import get_client

            client = get_client()
        except (ImportError, ValueError):
            return None
    elif hasattr(scheduler, "scatter"):
        client = scheduler
    else:
        return None
    if client.asynchronous:
        raise TypeError(
            "The Client of dask is asynchronous, but a fit waits for its results. Use a Client "
            "without asynchronous=True, or fit in another thread, as with asyncio.to_thread."
        )
    return client


@contextmanager
def _thread_is_free():
    """If this is a task of a worker, the worker uses the thread for other tasks meanwhile.

    A worker of one thread could not compute the partitions that the task waits for otherwise.
    """
    from distributed import rejoin, secede

    try:
        secede()
    except (AttributeError, KeyError, ValueError):  # not a task, or it has already done so
        yield
        return
    try:
        yield
    finally:
        rejoin()


def _computed(tasks, report=None, keep=False):
    """The results of the tasks, or handles of them."""
    client = _client()
    if client is None:
        with _Ticks(tasks, report), _blas_shared_by(tasks):
            return list(dask.persist(*tasks) if keep else dask.compute(*tasks))
    # Values of samples go with the tasks; Dask would warn of them with advice for its own users.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        futures = client.compute(tasks, retries=RETRIES)
    try:
        with _thread_is_free():
            return _gathered(client, futures, report, keep)
    except BaseException:
        client.cancel(futures)
        raise


@contextmanager
def _blas_shared_by(tasks):
    """Limit the threads of BLAS, so that those of all tasks that run at once are not too many."""
    workers = min(len(tasks), dask.config.get("num_workers", None) or CPU_COUNT)
    if workers == 1 or dask.base.get_scheduler(collections=tasks) is not dask.threaded.get:
        yield
        return
    blas = ThreadpoolController().select(user_api="blas")
    present = max((library.num_threads for library in blas.lib_controllers), default=1)
    with blas.limit(limits=min(present, max(1, CPU_COUNT // workers))):
        yield


def _gathered(client, futures, report, keep):
    from distributed import as_completed, wait

    if report is not None:
        for done, _ in enumerate(as_completed(futures), start=1):
            report(done / len(futures))
    if not keep:
        return client.gather(futures)
    wait(futures)
    for future in futures:
        if future.status == "error":
            future.result()
    return futures


class _Ticks(Callback):
    """Calls `report` with the fraction of the tasks that are done, in local schedulers."""

    def __init__(self, tasks, report):
        self.left, self.n, self.report = {task.key for task in tasks}, len(tasks), report
        super().__init__(posttask=self._task_done)

    def _task_done(self, key, result, dsk, state, worker_id):
        if key in self.left and self.report is not None:
            self.left.discard(key)
            self.report(1 - len(self.left) / self.n)
