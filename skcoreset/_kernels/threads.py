"""Loops over blocks in threads. NumPy and BLAS release the interpreter for a block."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import threadpool_limits

__all__ = ["n_threads", "threads"]


def n_threads():
    """Number of threads that scikit-learn uses."""
    return _openmp_effective_n_threads()


@contextmanager
def threads(wanted=True):
    """Context of ``each(function, blocks)``: an iterator over ``function(block)`` in their order.

    There are as many threads as scikit-learn uses, which ``OMP_NUM_THREADS`` limits, and BLAS uses
    one thread for each of them. Without `wanted`, this is the function ``map``.
    """
    if not wanted:
        yield map
        return
    number = n_threads()
    with threadpool_limits(1, user_api="blas"):
        if number == 1:
            yield map
            return
        with ThreadPoolExecutor(number) as pool:
            yield pool.map
