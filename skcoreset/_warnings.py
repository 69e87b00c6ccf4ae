"""Warnings that point at the line of the user."""

import sys
import warnings

__all__ = ["warn"]

# Packages whose frames are skipped: a warning in a cross-validation points at the line that
# called it.
_BETWEEN = {"skcoreset", "sklearn", "imblearn", "joblib"}


def warn(message, category=UserWarning):
    """Warn at the last line outside of this package, scikit-learn, imbalanced-learn and joblib."""
    frame, level = sys._getframe(1), 2
    while frame is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
