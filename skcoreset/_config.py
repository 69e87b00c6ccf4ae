"""Configuration: the device for host arrays, the samples on which models are fitted."""

import re
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral

__all__ = ["config_context", "get_config", "set_config"]

_process = {"device": "auto", "max_fit_rows": 100_000}
_context = ContextVar("skcoreset_config", default=None)


def get_config():
    """Return the current configuration.

    Returns
    -------
    config : dict
        The values of all settings, as set by :func:`config_context`, or else by
        :func:`set_config`.

    Examples
    --------
    >>> import skcoreset
    >>> skcoreset.get_config()
    {'device': 'auto', 'max_fit_rows': 100000}
    """
    return {**_process, **(_context.get() or {})}


def set_config(*, device=None, max_fit_rows=None):
    """Set the configuration of the whole process, in all its threads.

    Inside a :func:`config_context` the values of the context take precedence.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:<n>"}, default=None
        Device on which data in host memory (NumPy arrays, dataframes, lists) are processed. If
        None, the device is not changed. The initial value is "auto".

        - "auto": the GPU if one is available, cupy is installed and the computation is large enough
          to outweigh the transfer; otherwise the CPU.
        - "cpu": the CPU.
        - "cuda": the current GPU. An error is raised if there is none.
        - "cuda:<n>": the GPU with number n, for example "cuda:1".

        Arrays that are already on a GPU are processed on that GPU, regardless of this setting.

    max_fit_rows : int, default=None
        For Dask collections: the number of samples on which a classifier, a transformer or another
        model that is not fitted yet is fitted. If there are more, it is fitted on a random sample
        with the class proportions of all samples. An estimator that Dask fits, such as those of
        ``lightgbm.dask``, is fitted on all samples. If None, the number is not changed. The initial
        value is 100,000.

    Examples
    --------
    >>> import skcoreset
    >>> skcoreset.set_config(device="cpu")
    >>> skcoreset.get_config()
    {'device': 'cpu', 'max_fit_rows': 100000}
    >>> skcoreset.set_config(device="auto")
    """
    _process.update(_checked(device, max_fit_rows))


@contextmanager
def config_context(*, device=None, max_fit_rows=None):
    """Set the configuration inside a ``with`` block.

    The configuration applies to the current thread (or asynchronous task) only, not to threads and
    processes that are started inside the block. Use :func:`set_config` for these.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:<n>"}, default=None
        Device, as in :func:`set_config`. If None, the device is not changed.

    max_fit_rows : int, default=None
        Number of samples for models, as in :func:`set_config`. If None, it is not changed.

    Examples
    --------
    >>> import skcoreset
    >>> with skcoreset.config_context(device="cpu"):
    ...     sampler = skcoreset.KCenterGreedy(2).fit([[0.0], [1.0], [5.0]])
    >>> sampler.device_
    'cpu'
    >>> skcoreset.get_config()
    {'device': 'auto', 'max_fit_rows': 100000}
    """
    token = _context.set({**(_context.get() or {}), **_checked(device, max_fit_rows)})
    try:
        yield
    finally:
        _context.reset(token)


def _checked(device, max_fit_rows):
    """The configuration to update as a dict; raises an error for invalid values."""
    given = {}
    if device is not None:
        if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device):
            raise ValueError(
                "device must be 'auto', 'cpu', 'cuda' or 'cuda:<n>', where n is the number of a "
                f"GPU (such as 'cuda:0'), got {device!r}."
            )
        given["device"] = device
    if max_fit_rows is not None:
        is_int = isinstance(max_fit_rows, Integral) and not isinstance(max_fit_rows, bool)
        if not is_int or max_fit_rows < 1:
            raise ValueError(f"max_fit_rows must be an int of at least 1, got {max_fit_rows!r}.")
        given["max_fit_rows"] = int(max_fit_rows)
    return given
