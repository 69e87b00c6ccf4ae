"""Statistics of the outputs of a classifier, from one record of each sample to the next."""

from copy import copy
from numbers import Integral

import numpy as np

__all__ = ["BOTH", "KINDS", "TrainingStatistics", "check_epoch"]

LEAST_PROBABILITY = 2.0**-52

KINDS = ("proba", "logits", "decision")
BOTH = "decision and proba"  # recorded by `from_estimator` if the classifier has both


class TrainingStatistics:
    """Base of TrainingDynamics: counts and sums of each sample, and the statistics from them.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        The class label of each sample, as its position in `classes`.
    classes : ndarray of shape (n_classes,)
    early_epoch : int or None
    """

    _COUNTS = ("_seen", "_forgot", "_right", "_total", "_events", "_error_runs")
    _SUMS = ("_learned", "_margin", "_mean", "_square", "_error", "_gradient")
    _NOW = ("_first", "_error_now", "_gradient_now")

    def __init__(self, codes, classes, early_epoch):
        self.classes_, self.early_epoch = classes, early_epoch
        self._codes, n = codes, len(codes)
        self._closed_runs, self._kind, self._last_epoch = 0, None, -1
        for name in self._COUNTS:
            setattr(self, name, np.zeros(n, dtype=np.int64))
        for name in self._SUMS:
            setattr(self, name, np.zeros(n))
        self._start_run()

    def _start_run(self):
        n = len(self._codes)
        self._seen[:], self._forgot[:] = 0, 0
        self._was_right = np.zeros(n, dtype=bool)
        for name in self._NOW:
            setattr(self, name, np.full(n, np.nan))

    def _take_in(self, rows, response, epoch, squared_norms):
        """Add valid outputs of some samples to the statistics; `squared_norms` may be unknown."""
        at, codes = np.arange(len(rows)), self._codes[rows]
        correct = response.is_correct(codes, self.classes_)
        values = response.logits
        if values is None:
            values = np.log(np.maximum(response.proba, LEAST_PROBABILITY))
        others = values.copy()
        others[at, codes] = -np.inf
        margin = values[at, codes] - others.max(axis=1)
        epochs = self._seen[rows] if epoch is None else np.full(len(rows), epoch)
        if len(rows):
            self._kind = response.kind
        self._count(rows, correct, epochs)
        self._margin[rows] += margin
        if response.proba is None:
            return
        error = response.proba.copy()
        own = error[at, codes]
        step = own - self._mean[rows]  # Welford: no cancellation
        self._mean[rows] += step / self._total[rows]
        self._square[rows] += step * (own - self._mean[rows])
        error[at, codes] -= 1
        early = slice(None) if self.early_epoch is None else epochs <= self.early_epoch
        error = np.linalg.norm(error, axis=1)
        gradient = error * (np.nan if squared_norms is None else np.sqrt(squared_norms))
        self._error_now[rows[early]] = error[early]
        self._gradient_now[rows[early]] = gradient[early]

    def _count(self, rows, right, epochs):
        self._forgot[rows] += self._was_right[rows] & ~right
        self._was_right[rows] = right
        self._right[rows] += right
        new = right & np.isnan(self._first[rows])
        self._first[rows[new]] = epochs[new]
        self._seen[rows] += 1
        self._total[rows] += 1
        self._last_epoch = max(self._last_epoch, int(epochs.max(initial=-1)))

    def new_run(self):
        """Start another training on the same samples.

        If nothing has been recorded since the last start, the call has no effect.
        """
        if not self._seen.any():
            return
        events, first, error, gradient = self._of_this_run()
        self._events += events
        self._learned += first
        self._error += np.nan_to_num(error)
        self._gradient += gradient
        self._error_runs += ~np.isnan(error)
        self._closed_runs += 1
        self._start_run()

    def _of_this_run(self):
        """Events, epochs of first learning, errors and gradients of the current training."""
        never = np.isnan(self._first)
        return (
            np.where(never, self._seen, self._forgot),
            np.where(never, self._last_epoch + 1, self._first),
            self._error_now,
            self._gradient_now,
        )

    @property
    def n_runs_(self):
        return self._closed_runs + int(self._seen.any())

    @property
    def n_recorded_(self):
        return self._total.copy()

    @property
    def n_forgotten_(self):
        return self._events + self._of_this_run()[0]

    @property
    def never_learned_(self):
        return self._right == 0

    @property
    def first_learned_(self):
        self._recorded()
        now = self._of_this_run()[1] if self._seen.any() else 0
        return (self._learned + now) / self.n_runs_

    @property
    def correctness_(self):
        return self._right / self._recorded()

    @property
    def margin_(self):
        return self._margin / self._recorded()

    @property
    def confidence_(self):
        self._need_probabilities("confidence_")
        return self._mean.copy()

    @property
    def variability_(self):
        self._need_probabilities("variability_")
        return np.sqrt(self._square / self._recorded())

    @property
    def error_norm_(self):
        self._need_probabilities("error_norm_")
        now = self._error_now
        runs = self._error_runs + ~np.isnan(now)
        missing = np.flatnonzero(runs == 0)
        if len(missing):
            raise ValueError(
                f"{len(missing)} samples (the first is sample {missing[0]}) have no record up to "
                f"early_epoch={self.early_epoch}. Use a larger early_epoch."
            )
        return (self._error + np.nan_to_num(now)) / runs

    @property
    def gradient_norm_(self):
        self._need_probabilities("gradient_norm_")
        now = self._gradient_now if self._seen.any() else 0
        out = (self._gradient + now) / self.n_runs_
        missing = np.flatnonzero(np.isnan(out))
        if len(missing):
            raise ValueError(
                "gradient_norm_ needs the features of each sample at its last record of each "
                f"training up to early_epoch. {len(missing)} samples (the first is sample "
                f"{missing[0]}) have none. Pass features to record."
            )
        return out

    def _recorded(self):
        missing = np.flatnonzero(self._total == 0)
        if len(missing):
            raise ValueError(
                f"{len(missing)} samples (the first is sample {missing[0]}) have no record. Record "
                "all samples before using the statistics."
            )
        return self._total

    def _need_probabilities(self, what):
        self._recorded()
        if self._kind == "decision":
            raise ValueError(
                f"{what} needs probabilities, but decision values were recorded. Use a "
                "classifier with predict_proba, or a method that needs no probabilities: "
                "AreaUnderMargin or Forgetting."
            )

    def _rows(self, rows):
        """The record of a subset of the samples."""
        some = copy(self)
        for name in self._per_row():
            setattr(some, name, getattr(self, name)[rows])
        return some

    def _per_row(self):
        return [*self._COUNTS, *self._SUMS, *self._NOW, "_was_right", "_codes"]


def check_epoch(value, name):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name} must be an int of at least 0 or None, got {value!r}.")
    return int(value)
