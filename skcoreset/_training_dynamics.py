"""The record of a training: what a classifier said of each row while it learned."""

from numbers import Integral

import numpy as np
from scipy.special import log_softmax
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets

from skcoreset import _models
from skcoreset.base import check_finite_target

__all__ = ["TrainingDynamics"]

LEAST_PROBABILITY = 2.0**-52


class TrainingDynamics:
    r"""What a classifier said of each row while it was trained, summed up as it comes.

    One record serves all methods of the family and any number of selections. It comes from a
    classifier of scikit-learn, xgboost or lightgbm by `from_estimator`, or from your own loop:
    call `record` with each batch before the update that learns it, as the papers do, or with all
    rows after each epoch, and `new_run` before another training of the same rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of the rows that are trained on.

    classes : array-like of shape (n_classes,), default=None
        The classes in the order of the columns of what is recorded. None: sorted.

    early_epoch : int, default=None
        Epoch (from 0) whose errors are kept for `EL2N` and `GraNd`; those of later epochs are left
        out. None: the last one.

    Attributes
    ----------
    n_runs_ : int
        Trainings recorded.

    n_recorded_ : ndarray of int of shape (n_samples,)
        How often each row was recorded.

    n_forgotten_ : ndarray of int of shape (n_samples,)
        Forgetting events: how often the row was right and at the next record wrong, added up over
        the runs. A run in which it was never right counts as many events as it has records.

    never_learned_ : ndarray of bool of shape (n_samples,)
        Whether the row was wrong at every record.

    first_learned_ : ndarray of shape (n_samples,)
        Epoch at which it was right for the first time, the mean over the runs; the number of the
        last epoch plus 1 where it never was.

    correctness_ : ndarray of shape (n_samples,)
        Fraction of records at which it was right.

    margin_ : ndarray of shape (n_samples,)
        Mean over the records of :math:`z_y - \max_{c \ne y} z_c`. Of probabilities z is the
        logarithm, no smaller than that of 2**-52: for a softmax the margin of its logits.

    confidence_, variability_ : ndarray of shape (n_samples,)
        Mean and standard deviation over the records of the probability of the label.

    error_norm_ : ndarray of shape (n_samples,)
        :math:`\| p - y \|_2`, y one-hot, at the last record of a run up to `early_epoch`, the mean
        over the runs.

    gradient_norm_ : ndarray of shape (n_samples,)
        The same of the norm of the gradient of the log-loss in the last layer.

    estimator_ : classifier
        The classifier that was trained; only by `from_estimator`.

    See Also
    --------
    Forgetting, EL2N, GraNd, AreaUnderMargin, DataMap : What is made of it.

    Notes
    -----
    Memory: O(n), however long the training is. It can be pickled, or saved as arrays by `save`.

    Examples
    --------
    The loop is yours: here two epochs of some network, of which the logits are recorded.

    >>> import numpy as np
    >>> from skcoreset import Forgetting, TrainingDynamics
    >>> y = np.array([0, 0, 1, 1])
    >>> dynamics = TrainingDynamics(y)
    >>> logits = [[[2, 0], [1, 0], [0, 1], [1, 0]], [[3, 0], [0, 1], [0, 2], [2, 0]]]
    >>> for epoch in range(2):
    ...     for rows in ([0, 1], [2, 3]):
    ...         dynamics.record(rows, np.array(logits[epoch])[rows], epoch=epoch, kind="logits")
    >>> dynamics.n_forgotten_
    array([0, 1, 0, 2])
    >>> dynamics.never_learned_
    array([False, False, False,  True])
    >>> X = np.arange(8.0).reshape(4, 2)
    >>> Forgetting(coreset_size=2, stratify=None, dynamics=dynamics).fit(X, y).sample_indices_
    array([3, 1])
    """

    _COUNTS = ("_seen", "_forgot", "_right", "_total", "_events", "_learned_runs", "_error_runs")
    _SUMS = ("_learned", "_margin", "_mean", "_square", "_error", "_gradient")
    _NOW = ("_first", "_error_now", "_gradient_now")

    def __init__(self, y=None, *, classes=None, early_epoch=None):
        y = None if y is None else check_finite_target(y)
        if y is None or np.ndim(y) != 1:
            raise ValueError(
                f"TrainingDynamics takes the labels of all rows, (n_samples,), got {y!r}."
            )
        check_classification_targets(y)
        if early_epoch is not None and (not isinstance(early_epoch, Integral) or early_epoch < 0):
            raise ValueError(f"early_epoch={early_epoch!r}: it is an int of at least 0, or None.")
        y = np.asarray(y)
        self.classes_ = np.unique(y) if classes is None else np.asarray(classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has the labels {unknown.tolist()}, which `classes` has not.")
        order = np.argsort(self.classes_)
        self._codes = order[np.searchsorted(self.classes_, y, sorter=order)]
        self.early_epoch = early_epoch
        self.n_runs_ = 1
        self._kind, self._last_epoch = None, -1
        n = len(y)
        for name in self._COUNTS:
            setattr(self, name, np.zeros(n, dtype=np.int64))
        for name in self._SUMS:
            setattr(self, name, np.zeros(n))
        self._was_right = np.zeros(n, dtype=bool)
        self._start_run()

    def _start_run(self):
        n = len(self._codes)
        self._seen[:], self._forgot[:], self._was_right[:] = 0, 0, False
        for name in self._NOW:
            setattr(self, name, np.full(n, np.nan))

    def __len__(self):
        """Number of rows."""
        return len(self._codes)

    def __repr__(self):
        return f"TrainingDynamics({len(self)} rows, {int(self._total.sum())} records)"

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        count="presentation",
        early_epoch=None,
        sample_weight=None,
        random_state=None,
        progress=None,
    ):
        """Train clones of a classifier and record what they say.

        Parameters
        ----------
        estimator : classifier, or Pipeline that ends in one
            With ``partial_fit`` it is trained batch by batch; else with ``warm_start`` and
            ``max_iter`` or ``n_estimators`` step by step; a booster is fitted (unless it is), and
            asked what it says at each stage. The earlier steps of a Pipeline are fitted first.

        X : table of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Labels.

        n_epochs : int, default=10
            Passes over the rows; steps of a ``warm_start``; stages of a booster, evenly spaced.

        n_repeats : int, default=1
            Trainings, each with another shuffle and seed.

        batch_size : int, default=64
            Rows for each ``partial_fit``.

        count : {"presentation", "epoch"}, default="presentation"
            Of ``partial_fit``: ask for each batch right before it is learned (for the very first
            one right after, as nothing has been learned before), or for all rows after each epoch.
            The others are always asked after each step.

        early_epoch : int, default=None
            As for the class.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights to train with.

        random_state : int, RandomState instance or None, default=None
            Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

        progress : callable, default=None
            Called again and again with the share of the work that is done, from 0 to 1.

        Returns
        -------
        dynamics : TrainingDynamics
            The record.
        """
        check_consistent_length(X, y, sample_weight)
        y = np.asarray(check_finite_target(y))
        dynamics = cls(y, early_epoch=early_epoch)
        random_state = check_random_state(random_state)

        def record(rows, outputs, kind, epoch, squares):
            dynamics._record(rows, outputs, kind, epoch, squares)
            if progress is not None:
                done = dynamics.n_runs_ - 1 + min(epoch / n_epochs, 1)
                progress(done / n_repeats)

        for repeat in range(n_repeats):
            if repeat:
                dynamics.new_run()
            dynamics.estimator_ = _models.watch(
                estimator,
                X,
                y,
                record,
                n_epochs=n_epochs,
                batch_size=batch_size,
                per_epoch=count == "epoch",
                sample_weight=sample_weight,
                random_state=random_state,
            )
        return dynamics

    def record(self, indices, outputs, *, epoch=None, kind="auto", features=None):
        """Take in what the classifier says of some rows.

        Parameters
        ----------
        indices : array-like of int of shape (n_batch,)
            Which rows, each at most once.

        outputs : array-like of shape (n_batch, n_classes), or (n_batch,) for two classes
            Probabilities, logits or decision values. One column is that of the second class.

        epoch : int, default=None
            Number of the epoch, from 0. None: how often each row was recorded in this run.

        kind : {"auto", "proba", "logits", "decision"}, default="auto"
            What `outputs` are. Of logits the softmax is the probability; decision values, as those
            of a hinge loss, have none. "auto" takes rows that add up to 1 and are not negative for
            probabilities, others for logits; one column must be named.

        features : array-like of shape (n_batch, n_features), default=None
            What the last layer sees, for `gradient_norm_`; a bias of 1 is added.
        """
        rows = np.asarray(indices)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise ValueError(f"indices must be whole numbers, (n_batch,), got {indices!r}.")
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices go from 0 to {len(self) - 1}, got {rows.min()}, {rows.max()}."
            )
        if len(np.unique(rows)) < len(rows):
            raise ValueError("indices name a row more than once; record each row once a call.")
        outputs = np.asarray(outputs, dtype=np.float64)
        n_classes = len(self.classes_)
        if outputs.shape not in [(len(rows), n_classes)] + [(len(rows),)] * (n_classes == 2):
            raise ValueError(
                f"outputs have the shape {outputs.shape}; {len(rows)} rows and {n_classes} classes "
                f"need ({len(rows)}, {n_classes})."
            )
        if not np.isfinite(outputs).all():
            raise ValueError("outputs contain NaN or infinity.")
        if kind == "auto":
            kind = self._kind_of(outputs)
        elif kind not in ("proba", "logits", "decision"):
            raise ValueError(f"kind={kind!r}: it is 'auto', 'proba', 'logits' or 'decision'.")
        squares = None
        if features is not None:
            features = np.asarray(features, dtype=np.float64)
            squares = np.vecdot(features, features) + 1
        self._record(rows, outputs, kind, epoch, squares)

    def _kind_of(self, outputs):
        if outputs.ndim == 1:
            raise ValueError("kind='auto' cannot tell what one column is; name the kind.")
        likely = (outputs >= 0).all() and (abs(outputs.sum(axis=1) - 1) < 1e-3).all()
        return "proba" if likely else "logits"

    def _record(self, rows, outputs, kind, epoch, squares):
        if self._kind not in (None, kind):
            raise ValueError(f"these outputs are {kind!r}, those before were {self._kind!r}.")
        self._kind = kind
        if outputs.ndim == 1:
            low = 1 - outputs if kind == "proba" else np.zeros_like(outputs)
            outputs = np.column_stack([low, outputs])
        if kind == "proba":
            outputs = np.log(np.maximum(outputs, LEAST_PROBABILITY))
        at, codes = np.arange(len(rows)), self._codes[rows]
        own = outputs[at, codes]
        others = outputs.copy()
        others[at, codes] = -np.inf
        margin = own - others.max(axis=1)
        epochs = self._seen[rows] if epoch is None else np.full(len(rows), epoch)
        self._count(rows, margin > 0, epochs)
        self._margin[rows] += margin
        if kind == "decision":
            return
        p = np.exp(log_softmax(outputs, axis=1) if kind == "logits" else outputs)
        step = p[at, codes] - self._mean[rows]  # Welford: no cancellation
        self._mean[rows] += step / self._total[rows]
        self._square[rows] += step * (p[at, codes] - self._mean[rows])
        p[at, codes] -= 1
        early = slice(None) if self.early_epoch is None else epochs <= self.early_epoch
        error = np.linalg.norm(p, axis=1)
        self._error_now[rows[early]] = error[early]
        if squares is not None:
            gradient = error * np.sqrt(np.broadcast_to(squares, error.shape))
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
        """Another training of the same rows begins."""
        events, first, error, gradient = self._of_this_run()
        self._events += events
        self._learned += first
        self._error += np.nan_to_num(error)
        self._gradient += gradient
        self._error_runs += ~np.isnan(error)
        self.n_runs_ += 1
        self._start_run()

    def _of_this_run(self):
        never = np.isnan(self._first)
        events = np.where(never, self._seen, self._forgot)
        return (
            events,
            np.where(never, self._last_epoch + 1, self._first),
            *(getattr(self, name) for name in ("_error_now", "_gradient_now")),
        )

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
        return (self._learned + self._of_this_run()[1]) / self.n_runs_

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
                f"{len(missing)} rows have no record up to early_epoch={self.early_epoch}, the "
                f"first of them row {missing[0]}; give a later one."
            )
        return (self._error + np.nan_to_num(now)) / runs

    @property
    def gradient_norm_(self):
        self._need_probabilities("gradient_norm_")
        out = (self._gradient + self._gradient_now) / self.n_runs_
        missing = np.flatnonzero(np.isnan(out))
        if len(missing):
            raise ValueError(
                f"gradient_norm_ needs `features` of every row in every run, up to early_epoch; "
                f"{len(missing)} rows have none, the first of them row {missing[0]}."
            )
        return out

    def _recorded(self):
        missing = np.flatnonzero(self._total == 0)
        if len(missing):
            raise ValueError(
                f"{len(missing)} rows were never recorded, the first of them row {missing[0]}."
            )
        return self._total

    def _need_probabilities(self, what):
        self._recorded()
        if self._kind == "decision":
            raise ValueError(
                f"{what} needs probabilities, and decision values were recorded. Take a classifier "
                "that has them (a log-loss), or a method that needs none: AreaUnderMargin, "
                "Forgetting."
            )

    def save(self, file):
        """Write the record to `file` (a path or file object) as a .npz of plain arrays."""
        arrays = {name: getattr(self, name) for name in self._state()}
        arrays["_numbers"] = np.array([self.n_runs_, self._last_epoch])
        arrays["_words"] = np.array([str(self._kind), str(self.early_epoch)])
        np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, file):
        """Read what `save` has written.

        Parameters
        ----------
        file : path or file object

        Returns
        -------
        dynamics : TrainingDynamics
            The record; `estimator_` is not part of it.
        """
        with np.load(file) as arrays:
            classes, codes = arrays["classes_"], arrays["_codes"]
            kind, early = arrays["_words"].tolist()
            dynamics = cls(classes[codes], classes=classes)
            dynamics.early_epoch = None if early == "None" else int(early)
            dynamics._kind = None if kind == "None" else kind
            dynamics.n_runs_, dynamics._last_epoch = arrays["_numbers"].tolist()
            for name in dynamics._state():
                setattr(dynamics, name, arrays[name])
        return dynamics

    def _state(self):
        return [*self._COUNTS, *self._SUMS, *self._NOW, "_was_right", "_codes", "classes_"]
