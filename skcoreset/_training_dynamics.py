"""The record of a training: what a classifier said of each row while it learned."""

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
from skcoreset._estimator import seeded
from skcoreset._validation import encode

__all__ = ["TrainingDynamics"]

LEAST_PROBABILITY = 2.0**-52
SUM_TOLERANCE = 1e-3  # of the probabilities of a row: those of half precision keep it

FORMAT, VERSION = "skcoreset.TrainingDynamics", 1
KINDS = ("proba", "logits", "decision")
BOTH = "decision and proba"  # what `from_estimator` records of a classifier that has both


def _at_least(least):
    return [Interval(Integral, least, None, closed="left")]


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
        Trainings recorded; one of which nothing was recorded does not count.

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
        Fraction of records at which it was right: at which the first of the largest outputs, as
        ``predict`` takes it, was that of its label.

    margin_ : ndarray of shape (n_samples,)
        Mean over the records of :math:`z_y - \max_{c \ne y} z_c`, z the logits or decision values.
        If only probabilities are known, z is the logarithm, no smaller than that of 2**-52: for a
        softmax the margin of its logits.

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

    _COUNTS = ("_seen", "_forgot", "_right", "_total", "_events", "_error_runs")
    _SUMS = ("_learned", "_margin", "_mean", "_square", "_error", "_gradient")
    _NOW = ("_first", "_error_now", "_gradient_now")

    def __init__(self, y=None, *, classes=None, early_epoch=None):
        codes, found = encode(y)
        if codes is None:
            raise ValueError(
                "TrainingDynamics takes the class labels of all rows, (n_samples,); y is "
                + ("None." if y is None else "continuous: class labels are discrete.")
            )
        if early_epoch is not None:
            early_epoch = _epoch(early_epoch, "early_epoch")
        self.classes_ = found if classes is None else _check_classes(classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {found.tolist()[0]!r}, and a classifier tells at least 2 "
                "apart. Name all of them in `classes` if these rows are of one class only."
            )
        position = {label: c for c, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in found.tolist() if label not in position]
        if unknown:
            raise ValueError(f"y has the labels {unknown}, which `classes` has not.")
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
        stages="spaced",
        early_epoch=None,
        sample_weight=None,
        random_state=None,
        progress=None,
    ):
        """Train clones of a classifier and record what they say.

        A row counts as right where ``predict`` gives its label. Margins are those of the decision
        values if the classifier has any (the logits of a linear model, one-vs-rest or not), else,
        and for boosters, of the logarithms of the probabilities.

        Parameters
        ----------
        estimator : classifier, or Pipeline that ends in one
            With ``partial_fit`` it is trained batch by batch; else with ``warm_start`` and
            ``max_iter`` or ``n_estimators`` step by step; a booster is fitted (unless it is), and
            asked what it says at each stage. The earlier steps of a Pipeline are fitted first; a
            parameter search is fitted first, and the training of the best it finds is recorded.

        X : table of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Labels.

        n_epochs : int, default=10
            Passes over the rows; steps of a ``warm_start``; stages of a booster or forest, no more
            than it has.

        n_repeats : int, default=1
            Trainings, each with another shuffle and seed.

        batch_size : int, default=64
            Rows for each ``partial_fit``.

        count : {"presentation", "epoch"}, default="presentation"
            Of ``partial_fit``: ask for each batch right before it is learned (for the very first
            one right after, as nothing has been learned before), or for all rows after each epoch.
            The others are always asked after each step.

        stages : {"spaced", "first"}, default="spaced"
            Of a booster or forest: evenly spaced ones, the finished model among them, or the first
            `n_epochs`, which are its early training.

        early_epoch : int, default=None
            As for the class.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights to train with.

        random_state : int, RandomState instance or None, default=None
            Seed of the shuffles, and of every ``random_state`` in the classifier that is None.

        progress : callable, default=None
            Called again and again with the share of the work that is done, from 0 to 1.

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
        _models.training_route(estimator)
        dynamics = cls(y, early_epoch=early_epoch)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                to_numpy(sample_weight), dynamics._codes, ensure_non_negative=True
            )
        random_state = check_random_state(random_state)

        for repeat in range(n_repeats):

            def record(rows, said, epoch, squares=1.0, repeat=repeat):
                dynamics._take_in(rows, said, epoch, squares)
                if progress is not None:
                    progress((repeat + min(epoch / n_epochs, 1)) / n_repeats)

            dynamics.new_run()
            dynamics.estimator_ = _models.watch(
                _to_train(estimator, random_state),
                X,
                dynamics.classes_[dynamics._codes],
                record,
                n_epochs=n_epochs,
                batch_size=batch_size,
                per_epoch=count == "epoch",
                first=stages == "first",
                sample_weight=sample_weight,
                random_state=random_state,
            )
        return dynamics

    def record(self, indices, outputs, *, epoch=None, kind="auto", features=None):
        """Take in what the classifier says of some rows.

        A row counts as right where the first of the largest outputs is that of its label. If
        anything is wrong with what is given, nothing is recorded.

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
            of a hinge loss, have none. "auto" is the kind of the records before; of the first one
            rows that add up to 1 and are not negative are taken for probabilities, others for
            logits; one column must be named.

        features : array-like of shape (n_batch, n_features), default=None
            What the last layer sees, for `gradient_norm_`; a bias of 1 is added.
        """
        rows = np.asarray(to_numpy(indices))
        if rows.ndim != 1 or not (np.issubdtype(rows.dtype, np.integer) or rows.size == 0):
            raise ValueError(f"indices must be whole numbers, (n_batch,), got {indices!r}.")
        rows = rows.astype(np.intp)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices go from 0 to {len(self) - 1}, got {rows.min()}, {rows.max()}."
            )
        values, counts = np.unique(rows, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"indices name a row more than once, row {values[counts.argmax()]}; record each "
                "row once a call."
            )
        if epoch is not None:
            epoch = _epoch(epoch, "epoch")
        outputs = self._check_outputs(outputs, rows)
        kind = self._kind_of(outputs, kind)
        squares = None
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
                    f"features have {len(features)} rows, and {len(rows)} rows are recorded."
                )
            squares = np.vecdot(features, features) + 1
        self._take_in(rows, _models.Said.of(outputs, kind), epoch, squares)

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
                f"outputs have the shape {outputs.shape}; {len(rows)} rows and {n_classes} classes "
                f"need ({len(rows)}, {n_classes})."
            )
        return outputs

    def _kind_of(self, outputs, kind):
        if kind not in ("auto", *KINDS):
            raise ValueError(f"kind={kind!r}: it is 'auto', 'proba', 'logits' or 'decision'.")
        wrong = _no_probabilities(outputs)
        if kind == "auto":
            if outputs.ndim == 1 and self._kind is None:
                raise ValueError("kind='auto' cannot tell what one column is; name the kind.")
            if self._kind in ("logits", "decision"):
                return self._kind
            kind = "logits" if wrong.any() else "proba"
        if self._kind not in (None, kind):
            raise ValueError(f"these outputs are {kind!r}, those before were {self._kind!r}.")
        if kind == "proba" and wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"outputs are no probabilities: {outputs[at].tolist()} at position {at}; they are "
                "at least 0, and those of a row sum to 1. Logits are kind='logits'."
            )
        return kind

    def _take_in(self, rows, said, epoch, squares):
        """Add what was said of some rows, all of it valid; `squares` None: not known."""
        at, codes = np.arange(len(rows)), self._codes[rows]
        right = said.right(codes, self.classes_)
        values = said.logits
        if values is None:
            values = np.log(np.maximum(said.proba, LEAST_PROBABILITY))
        others = values.copy()
        others[at, codes] = -np.inf
        margin = values[at, codes] - others.max(axis=1)
        epochs = self._seen[rows] if epoch is None else np.full(len(rows), epoch)
        if len(rows):
            self._kind = said.kind
        self._count(rows, right, epochs)
        self._margin[rows] += margin
        if said.proba is None:
            return
        error = said.proba.copy()
        own = error[at, codes]
        step = own - self._mean[rows]  # Welford: no cancellation
        self._mean[rows] += step / self._total[rows]
        self._square[rows] += step * (own - self._mean[rows])
        error[at, codes] -= 1
        early = slice(None) if self.early_epoch is None else epochs <= self.early_epoch
        error = np.linalg.norm(error, axis=1)
        gradient = error * (np.nan if squares is None else np.sqrt(squares))
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
        """Another training of the same rows begins; nothing happens before the first record."""
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
        """Events, first right, error and gradient of the run that was begun last."""
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
                f"{len(missing)} rows have no record up to early_epoch={self.early_epoch}, the "
                f"first of them row {missing[0]}; give a later one."
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
                "gradient_norm_ needs `features` of every row at its last record of every run up "
                f"to early_epoch; {len(missing)} rows have none, the first of them row "
                f"{missing[0]}."
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

    def _rows(self, rows):
        """The record of some rows alone."""
        some = TrainingDynamics.__new__(TrainingDynamics)
        vars(some).update(vars(self))
        for name in self._per_row():
            setattr(some, name, getattr(self, name)[rows])
        return some

    def _per_row(self):
        return [*self._COUNTS, *self._SUMS, *self._NOW, "_was_right", "_codes"]

    def save(self, file):
        """Write the record to a file, as a .npz of plain arrays.

        Parameters
        ----------
        file : path or binary file object
            A path is taken as it is: no suffix is added.
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
        """Read what `save` has written.

        Parameters
        ----------
        file : path or binary file object

        Returns
        -------
        dynamics : TrainingDynamics
            The record; `estimator_` is not part of it.
        """
        header, arrays = _read(file)
        if header["version"] != VERSION:
            raise ValueError(
                f"{_name(file)} holds a record in version {header['version']!r} of the format; "
                f"this version of skcoreset reads version {VERSION}."
            )
        try:
            return cls._restored(header, arrays)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{_name(file)} holds a record that is damaged: {error}") from error

    @classmethod
    def _restored(cls, header, arrays):
        labels = arrays["classes"]
        if header["labels"] == "object":
            labels = labels.astype(object)
        codes = arrays["_codes"]
        _need(codes.ndim == 1 and codes.dtype.kind == "i" and len(codes), "no codes of classes")
        _need(((codes >= 0) & (codes < len(labels))).all(), "codes of classes that are not there")
        dynamics = cls(labels[codes], classes=labels, early_epoch=header["early_epoch"])
        for name in dynamics._per_row():
            now, then = getattr(dynamics, name), arrays[name]
            _need(then.shape == now.shape, f"{name} has the shape {then.shape}, not {now.shape}")
            _need(then.dtype.kind == now.dtype.kind, f"{name} is of dtype {then.dtype}")
            setattr(dynamics, name, then.astype(now.dtype))
        kind, total = header["kind"], dynamics._total
        _need(kind in (None, BOTH, *KINDS), f"its kind is {kind!r}")
        _need((kind is None) == (not total.any()), f"its kind is {kind!r}")
        dynamics._kind = kind
        dynamics._closed_runs = _epoch(header["closed_runs"], "closed_runs")
        dynamics._last_epoch = _epoch(header["last_epoch"] + 1, "last_epoch") - 1
        for name in cls._COUNTS:
            values = getattr(dynamics, name)
            most = dynamics._closed_runs if name == "_error_runs" else total
            _need(((values >= 0) & (values <= most)).all(), f"{name} counts what was not recorded")
        for name in (*cls._SUMS, *cls._NOW):
            # NaN stands for what was not recorded.
            values, gaps = getattr(dynamics, name), name in (*cls._NOW, "_gradient")
            _need((np.isfinite(values) | (gaps & np.isnan(values))).all(), f"{name} is not finite")
        _need((dynamics._square >= 0).all(), "_square is negative")
        return dynamics


def _epoch(value, name):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name}={value!r}: it is an int of at least 0, or None.")
    return int(value)


def _check_classes(classes):
    classes = np.asarray(to_numpy(classes))
    if classes.ndim != 1 or len(set(classes.tolist())) < len(classes):
        raise ValueError(f"classes={classes.tolist()!r}: they are distinct labels, (n_classes,).")
    return classes


def _no_probabilities(outputs):
    """Mask of the rows that are no probabilities."""
    if outputs.ndim == 1:
        return (outputs < 0) | (outputs > 1)
    return (outputs < 0).any(axis=1) | (abs(outputs.sum(axis=1) - 1) > SUM_TOLERANCE)


def _to_train(estimator, random_state):
    """The estimator if it is fitted, else a clone whose own seeds are drawn where there are none.

    One number is drawn for each training, whatever the estimator is.
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
    """Labels as an array that needs no pickle, and the name of its dtype before."""
    if classes.dtype != object:
        return classes, classes.dtype.name
    kinds = {type(label) for label in classes.tolist()}
    plain = np.array(classes.tolist()) if len(kinds) == 1 else classes
    if plain.dtype == object or plain.tolist() != classes.tolist():
        raise ValueError(
            f"These labels cannot be written without pickle: {classes.tolist()}. Labels that are "
            "all strings, all numbers or all bool can; or pickle the record as a whole."
        )
    return plain, "object"


def _name(file):
    return repr(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else repr(file)


def _need(condition, message):
    if not condition:
        raise ValueError(message)


def _read(file):
    """Header and arrays of a file, or an error that says that it is no record."""
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
            raise ValueError(f"its format is {header['format']!r}")
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
            f"{_name(file)} is no record that TrainingDynamics.save has written, or only a part of "
            f"one ({type(error).__name__}: {error})."
        ) from error
    return header, arrays
