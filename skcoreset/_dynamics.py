"""Training dynamics: rows judged by what training does with them."""

from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets

from skcoreset import _models
from skcoreset._backend import to_numpy
from skcoreset._budget import interleave
from skcoreset._geometry import METRICS
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.top_k import top_k
from skcoreset.base import (
    BaseCoreset,
    BaseModelCoreset,
    BaseScoreCoreset,
    check_finite_target,
    check_numbers,
    present,
)

__all__ = [
    "EL2N",
    "AreaUnderMargin",
    "CoverageCentric",
    "DataMap",
    "Forgetting",
    "GraNd",
    "Moderate",
    "TrainingDynamics",
]

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


class _Dynamic(BaseScoreCoreset, BaseModelCoreset):
    """What the methods share: the record of a training. Adds ``_score(dynamics)``."""

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "dynamics": [TrainingDynamics, None],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _count = "presentation"
    _harder = 1  # whether a larger score is a harder row (1) or an easier one (-1)

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.dynamics = dynamics
        self.n_epochs = n_epochs
        self.n_repeats = n_repeats
        self.batch_size = batch_size
        self.stratify = stratify
        self.random_state = random_state

    def _classifier(self):
        return SGDClassifier(loss="log_loss") if self.estimator is None else self.estimator

    def _check_target(self, table):
        if self.dynamics is None:
            _models.training_route(self._classifier())
            super()._check_target(table)
            return
        recorded, n_samples = len(self.dynamics), len(table.sample_weight)
        if recorded != n_samples:
            raise ValueError(f"dynamics has {recorded} rows, X has {n_samples}.")
        labels = self.dynamics.classes_[self.dynamics._codes]
        if table.classes is not None and (table.classes[table.codes] != labels).any():
            raise ValueError("y is not the y of the dynamics: another table, or another order.")

    def _is_random(self):
        return self.dynamics is None

    def _scores(self, table):
        if self.dynamics is not None:
            self.dynamics_ = self.dynamics
            return self._score(self.dynamics_)
        X, y, weight = present(table)
        self.dynamics_ = TrainingDynamics.from_estimator(
            self._classifier(),
            X,
            y,
            n_epochs=self.n_epochs,
            n_repeats=self.n_repeats,
            batch_size=self.batch_size,
            sample_weight=weight,
            random_state=self.random_state,
            progress=table.progress,
        )
        self.estimator_ = self.dynamics_.estimator_
        scores = np.full(len(table.sample_weight), np.nan)  # rows of weight 0 were not trained on
        scores[table.sample_weight > 0] = self._score(self.dynamics_)
        return scores


class Forgetting(_Dynamic):
    r"""Rows that are learned and forgotten most often while a classifier is trained.

    The score of a row is the number of its forgetting events: of the times when it was right and,
    the next time it was presented, wrong. A row that was never right comes first.

    Most rows of most tables are never forgotten, so ties are the rule. They are broken by the
    epoch at which a row was first right (later comes first), then by its mean margin (smaller
    comes first).

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss")``: scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`.

    n_epochs : int, default=10
        Passes over the rows, or stages of a booster that are looked at.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Number of events (for a run in which the row was never right, the number of its records),
        plus a fraction below 1 that breaks ties. NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training; give it to other methods as `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    TrainingDynamics : The record, from any training.
    AreaUnderMargin : Finds mislabelled rows, and leaves them out.
    CoverageCentric : Keeps some rows of every difficulty.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled ones: at small sizes it is worse than random
    rows, and on noisy labels at any size.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n).

    References
    ----------
    .. [1] Toneva, M., et al. "An empirical study of example forgetting during deep neural network
       learning." ICLR 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import Forgetting
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = Forgetting(coreset_size=0.1, random_state=0).fit(X / 16, y)
    >>> len(sampler.sample_indices_)
    180
    """

    def _score(self, dynamics):
        events = dynamics.n_forgotten_
        keys = np.column_stack([events, dynamics.first_learned_, -dynamics.margin_])
        _, rank = np.unique(keys, axis=0, return_inverse=True)
        return events + rank.ravel() / (len(events) + 1)


class EL2N(_Dynamic):
    r"""Rows whose predicted probabilities are far from their label early in training.

    .. math:: s(x) = \mathrm{E} \, \| p(x) - y \|_2

    y one-hot, at the end of `n_epochs` epochs, the mean over `n_repeats` trainings: from 0 to
    :math:`\sqrt 2`.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss")``: scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`.

    n_epochs : int, default=10
        Passes over the rows, or stages of a booster that are looked at.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The norm; larger is kept first. NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training; give it to other methods as `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    GraNd : Counts what the last layer sees, too.
    CoverageCentric : Keeps some rows of every difficulty.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled ones. With a few percent of the rows the
    result is far below random rows; it needs a fifth of them or more to be as good.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n).

    References
    ----------
    .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding important
       examples early in training." NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import EL2N
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = EL2N(coreset_size=0.5, n_repeats=3, random_state=0).fit(X / 16, y)
    >>> bool(sampler.scores_.max() <= 2**0.5)
    True
    """

    _needs = "proba"

    def _score(self, dynamics):
        return dynamics.error_norm_


class GraNd(_Dynamic):
    r"""Rows whose loss has a large gradient early in training.

    .. math:: s(x) = \mathrm{E} \, \| \nabla \ell(x) \|_2 = \mathrm{E} \, \| p(x) - y \|_2 \,
        \| [1, h(x)] \|_2

    The gradient is that of the log-loss in the last layer, h what this layer sees: the columns
    for a linear model, the last hidden layer for an ``MLPClassifier``. For a linear softmax this is
    the whole gradient. At the end of `n_epochs` epochs, the mean over `n_repeats` trainings.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss")``: scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`.

    n_epochs : int, default=10
        Passes over the rows, or stages of a booster that are looked at.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The norm; larger is kept first. NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training; give it to other methods as `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    EL2N : Without the features; cheaper to record.

    Notes
    -----
    It keeps hard rows, and among them the mislabelled and the far ones: scale the columns. For a
    booster or a kernel machine, where no last layer can be written down, it is `EL2N`.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n).

    References
    ----------
    .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding important
       examples early in training." NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import GraNd
    >>> X, y = load_digits(return_X_y=True)
    >>> len(GraNd(coreset_size=50, random_state=0).fit(X / 16, y).sample_indices_)
    50
    """

    _needs = "proba"

    def _score(self, dynamics):
        return dynamics.gradient_norm_


class AreaUnderMargin(_Dynamic):
    r"""Rows that the classifier gets clearly right all through its training.

    .. math:: s(x) = \frac{1}{T} \sum_t \big( z_y(x) - \max_{c \ne y} z_c(x) \big)

    z are logits or decision values (of probabilities the logarithms, which for a softmax is the
    same). A mislabelled row is drawn to its true class by all rows like it, so its area is small:
    ``keep="high"`` leaves such rows out.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss")``: scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`.

    n_epochs : int, default=10
        Passes over the rows, or stages of a booster that are looked at.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

    keep : {"high", "low"}, default="high"
        "high" keeps the rows of largest area, the easy and clean ones; "low" those of smallest, to
        look at them.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        The area, or minus the area for "low". NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training; give it to other methods as `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    DataMap : The same aim, by probabilities.

    Notes
    -----
    The rows of largest area are all alike: as a small coreset they miss the boundary. It is meant
    to leave out some, not to keep a few.

    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n).

    References
    ----------
    .. [1] Pleiss, G., Zhang, T., Elenberg, E., Weinberger, K. Q. "Identifying mislabeled data using
       the area under the margin ranking." NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import AreaUnderMargin
    >>> X, y = load_digits(return_X_y=True)
    >>> y[:100] = (y[:100] + 1) % 10  # 100 labels are wrong
    >>> sampler = AreaUnderMargin(coreset_size=0.8, random_state=0).fit(X / 16, y)
    >>> int(np.sum(sampler.sample_indices_ < 100))  # of them are kept
    0
    """

    _parameter_constraints = {
        **_Dynamic._parameter_constraints,
        "keep": [StrOptions({"high", "low"})],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        keep="high",
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        stratify="proportional",
        random_state=None,
    ):
        super().__init__(
            estimator,
            coreset_size,
            dynamics=dynamics,
            n_epochs=n_epochs,
            n_repeats=n_repeats,
            batch_size=batch_size,
            stratify=stratify,
            random_state=random_state,
        )
        self.keep = keep

    @property
    def _harder(self):
        return -1 if self.keep == "high" else 1

    def _score(self, dynamics):
        return -self._harder * dynamics.margin_


class DataMap(_Dynamic):
    r"""Rows from a region of the data map: ambiguous, easy or hard ones.

    The map has the mean of the probability of the label over the training as one axis
    (confidence), and its standard deviation as the other (variability).

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier whose training can be watched, or a Pipeline that ends in one: see
        :meth:`TrainingDynamics.from_estimator`. A clone is trained. A booster that is fitted
        already is used as it is; any other fitted classifier is an error, as its training is over.
        None is ``SGDClassifier(loss="log_loss")``: scale the columns for it.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    dynamics : TrainingDynamics, default=None
        The record of a training of these rows, to use instead of training `estimator`.

    n_epochs : int, default=10
        Passes over the rows, or stages of a booster that are looked at.

    n_repeats : int, default=1
        Trainings.

    batch_size : int, default=64
        Rows that are presented at once.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles, and of a classifier whose own ``random_state`` is None.

    region : {"ambiguous", "easy", "hard"}, default="ambiguous"
        Rows of largest variability; of largest confidence; of smallest confidence, where many are
        mislabelled.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Variability, confidence or minus the confidence. NaN for rows of weight 0.

    confidence_, variability_, correctness_ : ndarray of shape (n_samples,)
        Mean and standard deviation of the probability of the label, and the fraction of times when
        the row was right. NaN for rows of weight 0.

    dynamics_ : TrainingDynamics
        The record of the training; give it to other methods as `dynamics`.

    estimator_ : classifier
        The classifier that was trained; only without `dynamics`.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    AreaUnderMargin : By margins; needs no probabilities.

    Notes
    -----
    Time: that of training, and of predicting all rows once for each epoch. Memory: O(n).

    References
    ----------
    .. [1] Swayamdipta, S., et al. "Dataset cartography: mapping and diagnosing datasets with
       training dynamics." EMNLP 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import DataMap
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = DataMap(coreset_size=0.3, random_state=0).fit(X / 16, y)
    >>> ambiguous = sampler.get_support()
    >>> bool(sampler.variability_[ambiguous].mean() > sampler.variability_[~ambiguous].mean())
    True
    """

    _parameter_constraints = {
        **_Dynamic._parameter_constraints,
        "region": [StrOptions({"ambiguous", "easy", "hard"})],
    }
    _needs = "proba"

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        region="ambiguous",
        dynamics=None,
        n_epochs=10,
        n_repeats=1,
        batch_size=64,
        stratify="proportional",
        random_state=None,
    ):
        super().__init__(
            estimator,
            coreset_size,
            dynamics=dynamics,
            n_epochs=n_epochs,
            n_repeats=n_repeats,
            batch_size=batch_size,
            stratify=stratify,
            random_state=random_state,
        )
        self.region = region

    @property
    def _harder(self):
        return -1 if self.region == "easy" else 1

    def _scores(self, table):
        scores = super()._scores(table)
        recorded = ~np.isnan(scores)
        for name in ("confidence_", "variability_", "correctness_"):
            values = np.full(len(scores), np.nan)
            values[recorded] = getattr(self.dynamics_, name)
            setattr(self, name, values)
        return scores

    def _score(self, dynamics):
        if self.region == "ambiguous":
            return dynamics.variability_
        return -self._harder * dynamics.confidence_


class CoverageCentric(BaseCoreset):
    """Rows of every difficulty but the hardest, after the scores of another method.

    The hardest rows of each class, a share `cutoff`, are left out. The range of the scores of the
    others is cut into `n_bins` bins of equal width, and the places are shared out from the bin with
    fewest rows up: each bin gets an equal part of the places that are left, or all its rows if they
    are fewer. Within a bin rows are drawn at random.

    Parameters
    ----------
    sampler : score sampler, default=None
        Whose scores say how hard a row is; a clone of it is fitted. Its own `coreset_size` is not
        used. None is ``EL2N()``. Of a sampler that is not of this package larger
        scores are harder.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    cutoff : float, default=0.1
        Share of each class that is left out, in [0, 1): larger for smaller coresets and for noisier
        labels.

    n_bins : int, default=50
        Number of bins.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None).

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. The sampler has its own.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, bins and classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    scores_ : ndarray of shape (n_samples,)
        Scores of the sampler.

    sampler_ : sampler
        The sampler, fitted.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    EL2N, Forgetting, AreaUnderMargin : Scores to start from.

    Notes
    -----
    Time: that of the sampler, and n log n. Memory: O(n).

    References
    ----------
    .. [1] Zheng, H., Liu, R., Lai, F., Prakash, A. "Coverage-centric coreset selection for high
       pruning rates." ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcoreset import EL2N, CoverageCentric
    >>> X, y = load_digits(return_X_y=True)
    >>> sampler = CoverageCentric(EL2N(random_state=0), coreset_size=100, random_state=0)
    >>> X_small, y_small = sampler.fit_resample(X / 16, y)
    >>> X_small.shape
    (100, 64)
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "sampler": [HasMethods("fit_resample"), None],
        "cutoff": [Interval(Real, 0, 1, closed="left")],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        sampler=None,
        coreset_size=0.1,
        *,
        cutoff=0.1,
        n_bins=50,
        stratify="proportional",
        random_state=None,
    ):
        self.sampler = sampler
        self.coreset_size = coreset_size
        self.cutoff = cutoff
        self.n_bins = n_bins
        self.stratify = stratify
        self.random_state = random_state

    def _check_groups(self, table, groups):
        for group in groups:
            rows = slice(None) if group.rows is None else group.rows
            n_rows = len(table.sample_weight[rows])
            left = n_rows - int(self.cutoff * n_rows)
            if group.size > left:
                of = "" if group.label is None else f" of the class {group.label}"
                raise ValueError(
                    f"cutoff={self.cutoff} leaves {left} of {n_rows} rows{of}; {group.size} are to "
                    "be kept. Give a smaller cutoff or coreset_size."
                )

    def _represent(self, table):
        sampler = EL2N() if self.sampler is None else clone(self.sampler)
        if "coreset_size" in sampler.get_params(deep=False):
            sampler.set_params(coreset_size=1.0)  # only its scores are wanted
        weight = table.sample_weight if table.weighted else None
        self.sampler_ = sampler.fit(table.X, table.y, sample_weight=weight)
        if not hasattr(sampler, "scores_"):
            raise TypeError(f"{sampler!r} gives no scores_; CoverageCentric needs a score sampler.")
        self.scores_ = sampler.scores_
        return getattr(sampler, "_harder", 1) * self.scores_

    def _pick(self, hardness, contest):
        hardness = hardness if contest.rows is None else hardness[contest.rows]
        n_left = len(hardness) - int(self.cutoff * len(hardness))
        left = np.sort(top_k(-hardness, n_left))
        edges = np.linspace(hardness[left].min(), hardness[left].max(), self.n_bins + 1)
        bins = np.searchsorted(edges[1:-1], hardness[left], side="right")
        rows = [left[bins == b] for b in np.unique(bins)]
        counts, places = np.zeros(len(rows), dtype=int), contest.size
        for done, b in enumerate(np.argsort([len(some) for some in rows], kind="stable")):
            counts[b] = min(len(rows[b]), places // (len(rows) - done))
            places -= counts[b]
        drawn = [
            contest.random_state.permutation(some)[:count]
            for some, count in zip(rows, counts, strict=True)
        ]
        return np.concatenate(drawn)[interleave(counts)]


class Moderate(BaseCoreset):
    r"""Rows whose distance to the centre of their class is nearest the median distance.

    .. math:: s(x) = - \big| \, d(x, \mu_y) - \mathrm{median} \, \big|

    Neither the rows near the centre, which are all alike, nor the far ones, which may be noise.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`. The centre is the mean of the rows.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes, with one centre for all rows (None). Without classes (`y` absent or
        continuous) it is None.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep them in proportion.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Herding : Keeps the mean instead.

    Notes
    -----
    The columns count as they are: scale them if their units differ. The paper takes the features of
    a trained network; give those as X. Time: n d. Memory: O(n).

    References
    ----------
    .. [1] Xia, X., et al. "Moderate coreset: a universal method of data selection for real-world
       data-efficient deep learning." ICLR 2023.

    Examples
    --------
    >>> from skcoreset import Moderate
    >>> X = [[0.0], [1.0], [2.0], [3.0], [10.0]]
    >>> Moderate(coreset_size=2).fit(X).sample_indices_
    array([1, 0])
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "metric": [StrOptions(METRICS - {"precomputed"}), callable],
    }

    def __init__(self, coreset_size=0.1, *, metric="euclidean", stratify="proportional"):
        self.coreset_size = coreset_size
        self.metric = metric
        self.stratify = stratify

    def _check_X(self, X):
        return check_numbers(self, X)

    def _represent(self, table):
        return table.X

    def _pick(self, X, contest):
        near = pairs(X, self.metric, rows=contest.rows)
        distances = near.distance(to_numpy(near.to_mean(contest.sample_weight)))
        order = np.argsort(distances, kind="stable")
        half = np.cumsum(contest.sample_weight[order])
        middle = np.searchsorted(half, [half[-1] / 2, np.nextafter(half[-1] / 2, np.inf)])
        median = distances[order][middle].mean()
        score = -np.abs(distances - median)
        # Rows at the same distance up to rounding tie.
        digits = 10 - int(np.ceil(np.log10(distances.max() + near.eps)))
        return top_k(np.round(score, digits), contest.size)
