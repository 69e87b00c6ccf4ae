"""Warnings that point at the user's line, and silence that does not outlive a fit in any thread."""

import sys
import threading
import warnings
from contextlib import contextmanager

__all__ = ["quiet", "warn"]

# These call each other on the way from the user's line: of a cross-validation that one is shown.
_BETWEEN = {"skcoreset", "sklearn", "imblearn", "joblib"}


def warn(message, category=UserWarning):
    """Warn at the line outside of this package and of scikit-learn that led here."""
    frame, level = sys._getframe(1), 2
    while frame is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]


_lock = threading.Lock()
_within = {}  # category: how many are within `quiet`, the filter set for them, the list it is in


@contextmanager
def quiet(category):
    """Ignore warnings of `category` within the block, in all threads.

    `warnings.catch_warnings` puts back at its end what there was at its beginning; where threads
    overlap, the last to end puts back what another had set. Here the first that enters adds one
    filter, and the last that leaves takes out that one.
    """
    with _lock:
        count, ours, where = _within.get(category, (0, None, None))
        if not count:
            # This pattern is nobody else's: an equal filter of the user would be taken out too.
            warnings.filterwarnings("ignore", "(?:)", category)
            ours, where = warnings.filters[0], warnings.filters
        _within[category] = count + 1, ours, where
    try:
        yield
    finally:
        with _lock:
            count, ours, where = _within[category]
            _within[category] = count - 1, ours, where
            if count == 1:
                # `catch_warnings` of somebody else may have put a copy in the place of the list.
                for filters in (where, warnings.filters):
                    if ours in filters:
                        filters.remove(ours)
