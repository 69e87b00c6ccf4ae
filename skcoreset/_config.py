"""Settings: which device tables from the host are worked on."""

import re
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["config_context", "get_config", "set_config"]

_process = {"device": "auto"}
_context = ContextVar("skcoreset_config", default=None)


def get_config():
    """The settings that hold here and now.

    Returns
    -------
    config : dict
        ``{"device": ...}``, as set by :func:`config_context` or else :func:`set_config`.

    Examples
    --------
    >>> import skcoreset
    >>> skcoreset.get_config()
    {'device': 'auto'}
    """
    return {**_process, **(_context.get() or {})}


def set_config(*, device=None):
    """Change settings for the whole process, all its threads.

    Within a :func:`config_context` what that one says goes first.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:<n>"}, default=None
        Where tables that come from the host (NumPy, data frames, lists) are worked on. None leaves
        it as it is. At the start it is "auto".

        - "auto": on a GPU if one is there, cupy is installed and the work pays for the transfer,
          else on the host;
        - "cpu": on the host;
        - "cuda": on the current GPU, an error where there is none; "cuda:1" on GPU number 1.

        Arrays that are on a GPU already are worked on where they are, whatever is set here.

    Examples
    --------
    >>> import skcoreset
    >>> skcoreset.set_config(device="cpu")
    >>> skcoreset.get_config()
    {'device': 'cpu'}
    >>> skcoreset.set_config(device="auto")
    """
    _process.update(_checked(device))


@contextmanager
def config_context(*, device=None):
    """Change settings within a ``with`` block.

    They hold in this thread (or asynchronous task) only; threads and processes that are started
    within the block do not know of them. For these there is :func:`set_config`.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:<n>"}, default=None
        As for :func:`set_config`. None leaves it as it is.

    Examples
    --------
    >>> import skcoreset
    >>> with skcoreset.config_context(device="cpu"):
    ...     sampler = skcoreset.KCenterGreedy(2).fit([[0.0], [1.0], [5.0]])
    >>> sampler.device_
    'cpu'
    >>> skcoreset.get_config()
    {'device': 'auto'}
    """
    token = _context.set({**(_context.get() or {}), **_checked(device)})
    try:
        yield
    finally:
        _context.reset(token)


def _checked(device):
    """What is to be changed, or an error that names what would be accepted."""
    if device is None:
        return {}
    if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device):
        raise ValueError(
            "device must be 'auto', 'cpu', 'cuda' or 'cuda:<n>' with the number of a GPU such as "
            f"'cuda:0', got {device!r}."
        )
    return {"device": device}
