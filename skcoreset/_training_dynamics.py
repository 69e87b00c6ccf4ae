"""The record of a training: statistics of the outputs of a classifier for each sample."""

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
from skcoreset._training_files import load_dynamics, save_dynamics
from skcoreset._training_statistics import KINDS, TrainingStatistics, check_epoch
from skcoreset._validation import encode

__all__ = ["TrainingDynamics"]

SUM_TOLERANCE = 1e-3  # of the probabilities of a sample, also those of half precision


def _at_least(least):
    return [Interval(Integral, least, None, closed="left")]


class TrainingDynamics(TrainingStatistics):
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

    def __init__(self, y=None, *, classes=None, early_epoch=None):
        codes, found = encode(y)
        if codes is None:
            raise ValueError(
                "TrainingDynamics needs the class labels of all samples as y, but y is "
                + ("None." if y is None else "continuous.")
            )
        if early_epoch is not None:
            early_epoch = check_epoch(early_epoch, "early_epoch")
        classes = found if classes is None else _check_classes(classes)
        if len(classes) < 2:
            raise ValueError(
                f"The classes are {classes.tolist()!r}, but a classifier needs at least 2. "
                "If all samples are of one class, pass all class labels as `classes`."
            )
        position = {label: c for c, label in enumerate(classes.tolist())}
        unknown = [label for label in found.tolist() if label not in position]
        if unknown:
            raise ValueError(
                f"y has the labels {unknown}, which are not in `classes`. Add them to it."
            )
        codes = np.array([position[label] for label in found.tolist()])[codes]
        super().__init__(codes, classes, early_epoch)

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
            epoch = check_epoch(epoch, "epoch")
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

    def save(self, file):
        """Save the record to a file, in the .npz format without pickled objects.

        Parameters
        ----------
        file : path or binary file object
            The file to write. No suffix is appended to a path.
        """
        save_dynamics(self, file)

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
        return load_dynamics(cls, file)


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
