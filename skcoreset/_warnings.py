"""Warnings that point at the user's line, and silence that does not outlive a fit in any thread."""

import os
import sys
import threading
import warnings
from contextlib import contextmanager

import imblearn
import joblib
import sklearn

__all__ = ["quiet", "warn"]

# Files of these are between the user's line and the one that warns: in cross-validation the line
# that started it is the one to change.
_BETWEEN = tuple(
    os.path.dirname(os.path.abspath(file)) + os.sep
    for file in (__file__, sklearn.__file__, imblearn.__file__, joblib.__file__)
)


def warn(message, category=UserWarning):
    """Warn at the line outside of this package and of scikit-learn that led here."""
    frame, level = sys._getframe(1), 2
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


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
