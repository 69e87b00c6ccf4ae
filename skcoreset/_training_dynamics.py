"""The record of a training: statistics of the outputs of a classifier for each sample."""

import io
import json
import os
import zipfile
import zlib
from contextlib import nullcontext
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_sample_weight

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._validation import encode

__all__ = ["TrainingDynamics"]

LEAST_PROBABILITY = 2.0**-52
SUM_TOLERANCE = 1e-3  # of the probabilities of a sample, also those of half precision

FORMAT, VERSION = "skcoreset.TrainingDynamics", 1
KINDS = ("proba", "logits", "decision")
BOTH = "decision and proba"  # recorded by `from_estimator` if the classifier has both


def _at_least(least):
    return [Interval(Integral, least, None, closed="left")]


class TrainingDynamics:
    r"""Statistics of the outputs of a classifier for each sample during its training.

    An instance is the record of one or more trainings on the same samples. It can be passed, as the
    parameter `dynamics`, to all samplers that use training dynamics, any number of times. The
    method `from_estimator` trains a classifier of scikit-learn, xgboost or lightgbm and returns its
    record. For any other training loop, create an instance and call the method `record` either with
    each batch before the update on this batch, as in the papers, or with all samples after each
    epoch. Call `new_run` before another training on the same samples.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels of the training samples.

    classes : array-like of shape (n_classes,), default=None
        The class labels, in the order of the columns of the recorded outputs. If None, these are
        the sorted class labels of `y`.

    early_epoch : int, default=None
        The last epoch (from 0) whose outputs are used for `error_norm_` and `gradient_norm_`, the
        scores of `EL2N` and `GraNd`. If None, it is the last epoch of the training.

    Attributes
    ----------
    n_runs_ : int
        Number of trainings. A training without any record is not counted.

    n_recorded_ : ndarray of int of shape (n_samples,)
        Number of records of each sample.

    n_forgotten_ : ndarray of int of shape (n_samples,)
        Number of forgetting events of each sample, summed over the trainings. A forgetting event
        occurs when the sample is classified correctly at one record and incorrectly at the next. If
        a sample is never classified correctly in a training, each of its records in this training
        counts as one event.

    never_learned_ : ndarray of bool of shape (n_samples,)
        Whether the sample is classified incorrectly at all records.

    first_learned_ : ndarray of shape (n_samples,)
        Epoch (from 0) at which the sample is first classified correctly, averaged over the
        trainings. If it is never classified correctly in a training, the number of the last epoch
        plus 1 is used.

    correctness_ : ndarray of shape (n_samples,)
        Fraction of the records at which the sample is classified correctly, as defined by
        `from_estimator` and `record`.

    margin_ : ndarray of shape (n_samples,)
        Mean over the records of :math:`z_y - \max_{c \ne y} z_c`, where z are the logits or the
        values of the decision function. If only probabilities are recorded, z are their logarithms,
        with probabilities clipped at 2**-52; for a softmax, the margin is that of the logits.

    confidence_, variability_ : ndarray of shape (n_samples,)
        Mean and standard deviation over the records of the predicted probability of the class
        label.

    error_norm_ : ndarray of shape (n_samples,)
        :math:`\| p - y \|_2`, where p are the predicted probabilities and y is the one-hot encoded
        class label, at the last record of a training up to `early_epoch`, averaged over the
        trainings.

    gradient_norm_ : ndarray of shape (n_samples,)
        Norm of the gradient of the log-loss with respect to the parameters of the last layer, at
        the same records, averaged over the trainings.

    estimator_ : classifier
        The trained classifier of the last training. Defined only for records of `from_estimator`.

    See Also
    --------
    Forgetting, EL2N, GraNd, AreaUnderMargin, DataMap : Select samples by statistics of a record.

    Notes
    -----
    Memory: O(n) for n samples, independent of the number of epochs. A record can be pickled, or
    saved as arrays by `save`.

    Examples
    --------
    In the following training loop, the logits of a network are recorded in two epochs, each with
    two batches.

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

    _COUNTS = ("_seen", "_forgot", "_right", "_total", "_events", "_error_runs")
    _SUMS = ("_learned", "_margin", "_mean", "_square", "_error", "_gradient")
    _NOW = ("_first", "_error_now", "_gradient_now")

    def __init__(self, y=None, *, classes=None, early_epoch=None):
        codes, found = encode(y)
        if codes is None:
            raise ValueError(
                "TrainingDynamics needs the class labels of all samples as y, but y is "
                + ("None." if y is None else "continuous.")
            )
        if early_epoch is not None:
            early_epoch = _epoch(early_epoch, "early_epoch")
        self.classes_ = found if classes is None else _check_classes(classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The classes are {self.classes_.tolist()!r}, but a classifier needs at least 2. "
                "If all samples are of one class, pass all class labels as `classes`."
            )
        position = {label: c for c, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in found.tolist() if label not in position]
        if unknown:
            raise ValueError(
                f"y has the labels {unknown}, which are not in `classes`. Add them to it."
            )
        self._codes = np.array([position[label] for label in found.tolist()])[codes]
        self.early_epoch = early_epoch
        self._closed_runs, self._kind, self._last_epoch = 0, None, -1
        n = len(self._codes)
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

    def __len__(self):
        """Number of samples."""
        return len(self._codes)

    def __repr__(self):
        return f"TrainingDynamics({len(self)} samples, {int(self._total.sum())} records)"

    @classmethod
    @fill_docstring
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
        stages="spaced",
        early_epoch=None,
        sample_weight=None,
        random_state=None,
        progress=None,
    ):
        """Train clones of a classifier and record their outputs.

        A sample is classified correctly if ``predict`` returns its class label. Margins are
        computed from the decision function if the classifier has one; for linear models, its values
        are the logits, also for one-vs-rest classifiers. For other classifiers, and for boosting,
        margins are computed from the logarithms of the probabilities.

        Parameters
        ----------
        estimator : classifier, or Pipeline that ends in one
            A classifier with ``partial_fit`` is trained batch by batch. A classifier with
            ``warm_start`` and ``max_iter`` or ``n_estimators`` is trained step by step: each step
            is one iteration, or adds trees. A boosting classifier is fitted, unless it is fitted
            already, and the outputs of its stages are recorded. If `estimator` is a Pipeline, its
            other steps are fitted first. A parameter search, such as
            :class:`~sklearn.model_selection.GridSearchCV`, is fitted first, and the training of its
            best estimator is recorded.

        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,)
            The class labels.

        n_epochs : int, default=10
            Number of passes over the samples with ``partial_fit``, of iterations with
            ``warm_start`` and ``max_iter``, or of recorded stages of boosting and forests. If there
            are fewer stages, all are recorded.

        {n_repeats}

        {batch_size}

        count : {"presentation", "epoch"}, default="presentation"
            When the outputs are recorded with ``partial_fit``. "presentation" records each batch
            before the update on this batch (but the first batch of the training after the update,
            because an unfitted classifier cannot predict). "epoch" records all samples after each
            epoch. Without ``partial_fit``, all samples are recorded after each step.

        stages : {"spaced", "first"}, default="spaced"
            Stages (iterations of boosting, trees of forests) that are recorded. "spaced" records
            evenly spaced stages, including the last one. "first" records the first `n_epochs`
            stages, which are early in the training.

        early_epoch : int, default=None
            The parameter `early_epoch` of the returned :class:`TrainingDynamics`.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights of the training.

        {random_state_training}

        progress : callable, default=None
            Function of one argument, which is called repeatedly with the completed fraction of the
            training, from 0 to 1.

        Returns
        -------
        dynamics : TrainingDynamics
            The record.
        """
        validate_parameter_constraints(
            {
                "n_epochs": _at_least(1),
                "n_repeats": _at_least(1),
                "batch_size": _at_least(1),
                "count": [StrOptions({"presentation", "epoch"})],
                "stages": [StrOptions({"spaced", "first"})],
                "random_state": ["random_state"],
                "progress": [callable, None],
            },
            {
                "n_epochs": n_epochs,
                "n_repeats": n_repeats,
                "batch_size": batch_size,
                "count": count,
                "stages": stages,
                "random_state": random_state,
                "progress": progress,
            },
            caller_name="TrainingDynamics.from_estimator",
        )
        check_consistent_length(X, y)
        _models.recording_method(estimator)
        dynamics = cls(y, early_epoch=early_epoch)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                to_numpy(sample_weight), dynamics._codes, ensure_non_negative=True
            )
        random_state = check_random_state(random_state)

        for repeat in range(n_repeats):

            def record(rows, response, epoch, squared_norms=1.0, repeat=repeat):
                dynamics._take_in(rows, response, epoch, squared_norms)
                if progress is not None:
                    progress((repeat + min(epoch / n_epochs, 1)) / n_repeats)

            dynamics.new_run()
            dynamics.estimator_ = _models.record_training(
                _to_train(estimator, random_state),
                X,
                dynamics.classes_[dynamics._codes],
                record,
                n_epochs=n_epochs,
                batch_size=batch_size,
                per_epoch=count == "epoch",
                first_stages=stages == "first",
                sample_weight=sample_weight,
                random_state=random_state,
            )
        return dynamics

    def record(self, indices, outputs, *, epoch=None, kind="auto", features=None):
        """Record the outputs of the classifier for some samples.

        A sample is classified correctly if the first of its largest outputs is that of its class
        label. If an argument is invalid, an error is raised and nothing is recorded.

        Parameters
        ----------
        indices : array-like of int of shape (n_batch,)
            Indices of the samples, each at most once.

        outputs : array-like of shape (n_batch, n_classes), or (n_batch,) for two classes
            Probabilities, logits or values of the decision function. An array of shape (n_batch,)
            contains those of the second class.

        epoch : int, default=None
            Number of the epoch, from 0. If None, it is the number of earlier records of the sample
            in this training, for each sample.

        kind : {"auto", "proba", "logits", "decision"}, default="auto"
            Kind of the outputs. For "logits", the probabilities are computed by the softmax. For
            "decision", such as the decision values of a hinge loss, there are no probabilities.
            "auto" is the kind of the earlier records. At the first record, "auto" is "proba" if the
            outputs of each sample are non-negative and sum to 1, and "logits" otherwise; for
            outputs of shape (n_batch,), the kind must then be given.

        features : array-like of shape (n_batch, n_features), default=None
            Inputs of the last layer, which are required for `gradient_norm_` only. A constant
            feature of 1 is added for the intercept.
        """
        rows = np.asarray(to_numpy(indices))
        if rows.ndim != 1 or not (np.issubdtype(rows.dtype, np.integer) or rows.size == 0):
            raise ValueError(f"indices must be integers of shape (n_batch,), got {indices!r}.")
        rows = rows.astype(np.intp)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices must be from 0 to {len(self) - 1}, got {rows.min()} to {rows.max()}."
            )
        values, counts = np.unique(rows, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"indices hold sample {values[counts.argmax()]} more than once. Each sample can be "
                "recorded at most once per call."
            )
        if epoch is not None:
            epoch = _epoch(epoch, "epoch")
        outputs = self._check_outputs(outputs, rows)
        kind = self._kind_of(outputs, kind)
        squared_norms = None
        if features is not None:
            features = check_array(
                to_numpy(features),
                dtype=np.float64,
                ensure_min_samples=0,
                ensure_min_features=0,
                input_name="features",
            )
            if len(features) != len(rows):
                raise ValueError(
                    f"features have {len(features)} rows, but {len(rows)} samples are recorded. "
                    "Pass one row of features for each sample."
                )
            squared_norms = np.vecdot(features, features) + 1
        self._take_in(rows, _models.Response.from_values(outputs, kind), epoch, squared_norms)

    def _check_outputs(self, outputs, rows):
        outputs = check_array(
            to_numpy(outputs),
            dtype=np.float64,
            ensure_2d=False,
            ensure_min_samples=0,
            input_name="outputs",
        )
        n_classes = len(self.classes_)
        if outputs.shape not in [(len(rows), n_classes)] + [(len(rows),)] * (n_classes == 2):
            raise ValueError(
                f"outputs have the shape {outputs.shape}, but {len(rows)} samples and {n_classes} "
                f"classes require the shape ({len(rows)}, {n_classes})"
                f"{f' or ({len(rows)},)' if n_classes == 2 else ''}."
            )
        return outputs

    def _kind_of(self, outputs, kind):
        if kind not in ("auto", *KINDS):
            raise ValueError(f"kind must be 'auto', 'proba', 'logits' or 'decision', got {kind!r}.")
        wrong = _no_probabilities(outputs)
        if kind == "auto":
            if outputs.ndim == 1 and self._kind is None:
                raise ValueError(
                    "kind='auto' is undefined for outputs of shape (n_batch,). Set kind to "
                    "'proba', 'logits' or 'decision'."
                )
            if self._kind in ("logits", "decision"):
                return self._kind
            kind = "logits" if wrong.any() else "proba"
        if self._kind not in (None, kind):
            raise ValueError(
                f"The outputs are of kind {kind!r}, but those of the earlier records are of kind "
                f"{self._kind!r}. Record outputs of one kind only."
            )
        if kind == "proba" and wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"outputs are not probabilities: {outputs[at].tolist()} at position {at}. "
                "Probabilities are non-negative and sum to 1 for each sample. For logits, pass "
                "kind='logits'."
            )
        return kind

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
        some = TrainingDynamics.__new__(TrainingDynamics)
        vars(some).update(vars(self))
        for name in self._per_row():
            setattr(some, name, getattr(self, name)[rows])
        return some

    def _per_row(self):
        return [*self._COUNTS, *self._SUMS, *self._NOW, "_was_right", "_codes"]

    def save(self, file):
        """Save the record to a file, in the .npz format without pickled objects.

        Parameters
        ----------
        file : path or binary file object
            The file to write. No suffix is appended to a path.
        """
        labels, labels_are = _plain_labels(self.classes_)
        header = {
            "format": FORMAT,
            "version": VERSION,
            "labels": labels_are,
            "kind": self._kind,
            "early_epoch": self.early_epoch,
            "closed_runs": self._closed_runs,
            "last_epoch": self._last_epoch,
        }
        arrays = {name: getattr(self, name) for name in self._per_row()}
        # NumPy would add ".npz" to a path that has no suffix.
        with nullcontext(file) if hasattr(file, "write") else open(file, "wb") as opened:
            np.savez_compressed(opened, header=json.dumps(header), classes=labels, **arrays)

    @classmethod
    def load(cls, file):
        """Load a record from a file that `save` has written.

        Parameters
        ----------
        file : path or binary file object
            The file to read.

        Returns
        -------
        dynamics : TrainingDynamics
            The record, without `estimator_`.
        """
        header, arrays = _read(file)
        if header["version"] != VERSION:
            raise ValueError(
                f"{_name(file)} holds a record in version {header['version']!r} of the format, but "
                f"this version of skcoreset reads version {VERSION}. Use the version that saved it."
            )
        try:
            return cls._restored(header, arrays)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{_name(file)} holds a damaged record: {error}") from error

    @classmethod
    def _restored(cls, header, arrays):
        labels = arrays["classes"]
        if header["labels"] == "object":
            labels = labels.astype(object)
        codes = arrays["_codes"]
        _need(codes.ndim == 1 and codes.dtype.kind == "i" and len(codes), "class codes are missing")
        _need(((codes >= 0) & (codes < len(labels))).all(), "class codes and classes do not match")
        dynamics = cls(labels[codes], classes=labels, early_epoch=header["early_epoch"])
        for name in dynamics._per_row():
            now, then = getattr(dynamics, name), arrays[name]
            _need(then.shape == now.shape, f"{name} has the shape {then.shape}, not {now.shape}")
            _need(then.dtype.kind == now.dtype.kind, f"{name} has the dtype {then.dtype}")
            setattr(dynamics, name, then.astype(now.dtype))
        kind, total = header["kind"], dynamics._total
        _need(kind in (None, BOTH, *KINDS), f"the kind is {kind!r}")
        _need((kind is None) == (not total.any()), f"the kind is {kind!r}")
        dynamics._kind = kind
        dynamics._closed_runs = _epoch(header["closed_runs"], "closed_runs")
        dynamics._last_epoch = _epoch(header["last_epoch"] + 1, "last_epoch") - 1
        for name in cls._COUNTS:
            values = getattr(dynamics, name)
            most = dynamics._closed_runs if name == "_error_runs" else total
            _need(((values >= 0) & (values <= most)).all(), f"{name} exceeds the number of records")
        for name in (*cls._SUMS, *cls._NOW):
            # NaN means that nothing was recorded.
            values, gaps = getattr(dynamics, name), name in (*cls._NOW, "_gradient")
            _need((np.isfinite(values) | (gaps & np.isnan(values))).all(), f"{name} is not finite")
        _need((dynamics._square >= 0).all(), "_square is negative")
        return dynamics


def _epoch(value, name):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name} must be an int of at least 0 or None, got {value!r}.")
    return int(value)


def _check_classes(classes):
    classes = np.asarray(to_numpy(classes))
    if classes.ndim != 1 or len(set(classes.tolist())) < len(classes):
        raise ValueError(
            f"classes must be distinct labels of shape (n_classes,), got {classes.tolist()!r}."
        )
    return classes


def _no_probabilities(outputs):
    """Mask of the samples whose outputs are not probabilities."""
    if outputs.ndim == 1:
        return (outputs < 0) | (outputs > 1)
    return (outputs < 0).any(axis=1) | (abs(outputs.sum(axis=1) - 1) > SUM_TOLERANCE)


def _to_train(estimator, random_state):
    """The estimator if it is fitted; otherwise a clone in which each unset seed is drawn.

    One number is drawn for each training, independent of the estimator.
    """
    seed = random_state.randint(2**31 - 1)
    if _models.is_fitted(estimator):
        return estimator
    estimator = clone(estimator)
    model = _models.last_step(estimator)
    if "random_state" in model.get_params(deep=False) and model.random_state is None:
        model.set_params(random_state=seed)
    return seeded(estimator, np.random.RandomState(seed))


def _plain_labels(classes):
    """Class labels as an array that needs no pickle, and the name of the original dtype."""
    if classes.dtype != object:
        return classes, classes.dtype.name
    kinds = {type(label) for label in classes.tolist()}
    plain = np.array(classes.tolist()) if len(kinds) == 1 else classes
    if plain.dtype == object or plain.tolist() != classes.tolist():
        raise ValueError(
            f"These class labels cannot be saved without pickle: {classes.tolist()}. Use labels "
            "that are all strings, all numbers or all bool, or pickle the whole record."
        )
    return plain, "object"


def _name(file):
    return repr(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else repr(file)


def _need(condition, message):
    if not condition:
        raise ValueError(message)


def _read(file):
    """Header and arrays of a file; an error is raised if the file is not a complete record."""
    if hasattr(file, "read"):
        content = file.read()
    else:
        with open(file, "rb") as opened:
            content = opened.read()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        header = json.loads(str(arrays.pop("header")))
        if header["format"] != FORMAT:
            raise ValueError(f"the format is {header['format']!r}")
        header["version"]
    except (
        AttributeError,
        EOFError,
        KeyError,
        NotImplementedError,
        OSError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{_name(file)} is not a complete file of TrainingDynamics.save "
            f"({type(error).__name__}: {error})."
        ) from error
    return header, arrays
