"""Warnings that point at the user's line."""

import sys
import warnings

__all__ = ["warn"]

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
