"""The contract that every sampler keeps: represent -> budget -> pick -> publish.

A method is a subclass that answers two questions. ``_represent`` says once, for the whole table,
what stands for a row; ``_pick`` says for one group of rows which of them are kept, in order.
Everything else is here: checking what comes in, how many rows of which class, order, weights,
taking rows out of the user's containers. This is the only file that imports imbalanced-learn.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
from imblearn.base import BaseSampler
from scipy import sparse
from sklearn.base import _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    check_random_state,
    get_tags,
)
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skcoreset import _models
from skcoreset._backend import (
    canonical,
    check_device,
    device_scope,
    holds_objects,
    is_foreign,
    is_lazy,
    namespace,
    on_device,
    take,
    to_numpy,
)
from skcoreset._budget import interleave, plain, share_out
from skcoreset._columns import columns_named
from skcoreset._documentation import DocumentationLinkMixin
from skcoreset._kernels.top_k import top_k
from skcoreset._progress import CallbackSupportMixin, Progress

__all__ = [
    "BaseCoreset",
    "BaseModelCoreset",
    "BaseScoreCoreset",
    "Contest",
    "Picks",
    "Table",
]


@dataclass(frozen=True)
class Table:
    """What came in, checked."""

    X: object  # as the method's `_check_X` returns it
    y: object  # the user's own container, or None
    codes: np.ndarray | None  # class of each row as a position in `classes`
    classes: np.ndarray | None  # None where y is absent or continuous
    sample_weight: np.ndarray  # (n,) float64, ones if none was given
    weighted: bool  # whether the user gave weights
    progress: object = None  # callable, takes the share of the work of `_represent` that is done
    beside: object = None  # what `fit` of the method takes beside these

    @property
    def counted(self):
        """What to say behind a number of rows: which of them count, where not all of them do."""
        return "" if (self.sample_weight > 0).all() else " of positive weight"


@dataclass(frozen=True)
class Contest:
    """One group of rows that compete with each other for `size` places."""

    label: object  # the class; None where all rows compete with each other
    rows: np.ndarray | None  # ascending row indices; None: all rows
    size: int
    sample_weight: np.ndarray  # (n_group,)
    total_weight: float  # of all rows of the table
    random_state: np.random.RandomState
    report: object  # callable, takes the number of rows picked so far


@dataclass(frozen=True)
class Picks:
    """What `_pick` answers; a bare array of positions will do where there is nothing more.

    Positions are those within the group. `weight` is what each pick stands for; None gives each
    its own weight. `scale` says what makes weights add up to the total: "group", a factor for each
    group; "all", one factor for all groups; None, nothing does. `per_pick` are attributes to
    publish, one value a pick.
    """

    positions: np.ndarray
    weight: np.ndarray | None = None
    per_pick: dict = field(default_factory=dict)
    scale: str | None = "group"


def seeded(estimator, random_state):
    """A clone in which every ``random_state`` that is None is a number drawn from `random_state`.

    Also those of estimators inside; what is set stays as it is.
    """
    estimator = clone(estimator)
    empty = [
        name
        for name, value in sorted(estimator.get_params().items(), key=lambda item: item[0])
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    ]
    return estimator.set_params(**{name: random_state.randint(2**31 - 1) for name in empty})


@contextmanager
def as_it_was_on_failure(estimator):
    """A copy of `estimator` to fit, without what an earlier fit has set.

    If the block ends well, `estimator` becomes what the copy has become, all at once. So a fit that
    fails or is interrupted leaves it as it was, and fits of it in several threads do not mix.
    """
    fitted, parameters = object.__new__(type(estimator)), estimator._get_param_names()
    for name, value in list(vars(estimator).items()):
        if name in parameters or name.startswith("_") or not name.endswith("_"):
            vars(fitted)[name] = value
    yield fitted
    estimator.__dict__ = vars(fitted)


class ClearDefaults:
    """Mixin: an error that says why parameters of an estimator that is None cannot be set.

    Subclasses say in ``_defaults`` which method gives what None stands for: {parameter: method}.
    """

    def set_params(self, **params):
        """Set the parameters of this estimator, and of those inside it.

        Parameters
        ----------
        **params : dict
            Parameters; one of an estimator inside is named ``<parameter>__<its parameter>``.

        Returns
        -------
        self : object
            This estimator.
        """
        for name in params:
            outer, inside, _ = name.partition("__")
            if not inside or outer in params or outer not in self._defaults:
                continue
            if getattr(self, outer) is None:
                default = getattr(self, self._defaults[outer])()
                raise ValueError(
                    f"{name} cannot be set, as {outer} is None, which stands for {default!r} and "
                    f"has no parameters. Name it: "
                    f"{type(self).__name__}({outer}={default!r})."
                )
        return super().set_params(**params)


class BaseCoreset(DocumentationLinkMixin, CallbackSupportMixin, BaseSampler):
    """Base of all samplers. Subclasses define ``__init__``, ``_represent`` and ``_pick``."""

    _sampling_type = "bypass"

    _parameter_constraints = {
        "coreset_size": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            dict,
        ],
        "stratify": [StrOptions({"proportional", "balanced"}), None],
    }

    def __init__(self, coreset_size=0.1, *, stratify="proportional"):
        self.coreset_size = coreset_size
        self.stratify = stratify

    # The two questions -----------------------------------------------------------------------

    def _represent(self, table):
        """What represents the rows of `table`: anything that `_pick` understands."""
        raise NotImplementedError

    def _pick(self, represented, contest):
        """Which rows of the group are kept, in order: `Picks`, or an array of positions."""
        raise NotImplementedError

    # What a family may want otherwise --------------------------------------------------------

    _uses_device = False  # whether there is work that a GPU can do

    def _host_only(self):
        """Why that work can be done on the host only, as these parameters are; None if it can."""

    def _place(self, represented, place, contests):
        """`represented` where `_pick` is to work on it.

        ``place(array, work, self._host_only())`` gives an array there; `work` is about the number
        of multiplications. The default leaves all where it is.
        """
        return place.as_it_is(represented)

    def _check_X(self, X):
        """`X` as the method works on it. Default: any table, or one object a row."""
        return check_table(self, X)

    def _check_target(self, table):
        """Raise if the method cannot work with this target."""

    def _check_groups(self, table, groups):
        """Raise if the method cannot pick so many rows of these groups."""

    def _instead(self):
        """For errors: what the method does with columns that do not hold finite numbers."""
        return ""

    def _looks_at_labels(self):
        """Whether the method needs to know classes, besides those that `stratify` asks for."""
        return False

    def _is_random(self):
        """Whether the picks depend on `random_state`."""
        return hasattr(self, "random_state")

    # The contract ----------------------------------------------------------------------------

    def fit(self, X, y=None, sample_weight=None):
        """Select the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,), default=None
            Target of each row.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row stands for already. Rows of weight 0 count as absent.

        Returns
        -------
        self : object
            The fitted sampler.
        """
        return self._fit(X, y, sample_weight)

    def fit_resample(self, X, y=None, sample_weight=None):
        """Select the coreset and return its rows, in order of selection.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The table.

        y : array-like of shape (n_samples,), default=None
            Target of each row.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row stands for already. Rows of weight 0 count as absent.

        Returns
        -------
        X_resampled : same type as X, of shape (n_coreset, n_features)
            The rows kept; the weight of each is in `sample_weight_`.

        y_resampled : same type as y, of shape (n_coreset,)
            Their targets; None if `y` is None.
        """
        return self._fitted(X, y, sample_weight)._rows_kept(X, y)

    def _fit(self, X, y, sample_weight, beside=None):
        """What `fit` does; what a subclass takes `beside` goes along in the table."""
        self._fitted(X, y, sample_weight, beside)
        return self

    def _fitted(self, X, y, sample_weight, beside=None):
        """Fit, and return what this very fit has set, whatever other threads do."""
        with device_scope(X), as_it_was_on_failure(self) as fitted:
            fitted._select(X, y, sample_weight, beside)
        return fitted

    def _rows_kept(self, X, y):
        kept = self.sample_indices_
        return take(X, kept), None if y is None else take(y, kept)

    def _fit_resample(self, X, y, **params):
        """Not used: the abstract method of imbalanced-learn's base."""
        raise NotImplementedError

    def get_support(self, indices=False):
        """Which rows were kept.

        Parameters
        ----------
        indices : bool, default=False
            Whether to return row indices instead of a mask.

        Returns
        -------
        support : ndarray
            Mask of shape (n_samples,), or the indices kept, ascending, of shape (n_coreset,).
        """
        check_is_fitted(self)
        if indices:
            return np.sort(self.sample_indices_)
        mask = np.zeros(self.n_samples_in_, dtype=bool)
        mask[self.sample_indices_] = True
        return mask

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.sampler_tags.sample_indices = True
        tags.target_tags.required = False
        return tags

    # How it is kept --------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def _select(self, X, y, sample_weight, beside):
        table = replace(self._open(X, y, sample_weight), beside=beside)
        groups = share_out(
            self.coreset_size, self.stratify, table.codes, table.classes, table.sample_weight
        )
        self._check_groups(table, groups)
        random_state = check_random_state(self.random_state if self._is_random() else 0)
        progress = Progress(self, sum(group.size for group in groups))
        self.device_ = "cpu"
        with columns_named(table.X, type(self).__name__, self._instead()):
            represented = self._represent(replace(table, progress=progress.share))
        contests = [_contest(table, group, random_state, progress) for group in groups]

        def pick_all(place):
            progress.before = 0  # as this may be the second time
            placed = self._place(represented, place, contests)
            return [self._pick_one(placed, contest) for contest in contests]

        picked = self._on_device(pick_all, table.X)
        self._publish(table, groups, picked)
        progress.close()
        return self

    def _pick_one(self, placed, contest):
        """`Picks` of one group, in rows of the table."""
        # A copy, so that a second time gives the same.
        picks = self._pick(placed, replace(contest, random_state=deepcopy(contest.random_state)))
        picks = _globally(picks if isinstance(picks, Picks) else Picks(picks), contest)
        contest.report.group_done(len(picks.positions))
        return picks

    def _on_device(self, compute, X):
        """``compute(place)``, see `on_device`; notes in `device_` where it worked."""
        answer, device = on_device(compute, beside=X)
        self.device_ = device or self.device_
        return answer

    def _open(self, X, y, sample_weight):
        """Check all that came in, before any work is done."""
        checked = self._check_X(X)
        if self._uses_device:
            check_device(checked, self._host_only())
        n_samples = _num_samples(checked)
        if n_samples < 1:
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        codes, classes = self._encode(y)
        check_consistent_length(checked, *([] if y is None else [y]))
        table = Table(
            X=checked,
            y=y,
            codes=codes,
            classes=classes,
            sample_weight=_check_weight(sample_weight, n_samples),
            weighted=sample_weight is not None,
        )
        self._check_target(table)
        return table

    def _encode(self, y):
        """Classes, see `encode`; none of a target that nobody looks at, whatever it is."""
        try:
            return encode(y)
        except (TypeError, ValueError):
            if self._looks_at_labels() or self.stratify is not None or is_lazy(y):
                raise
            return None, None

    def _publish(self, table, groups, picked):
        order = interleave([len(picks.positions) for picks in picked])
        self.sample_indices_ = np.concatenate([picks.positions for picks in picked])[order]
        weight = np.concatenate([picks.weight for picks in picked])[order]
        if picked[0].scale is not None:
            # By group this is 1, unless a class was left out on purpose (coreset_size={...: 0}).
            weight = weight * (table.sample_weight.sum() / weight.sum())
        self.sample_weight_ = weight
        for name in picked[0].per_pick:
            setattr(self, name, np.concatenate([p.per_pick[name] for p in picked])[order])
        self.n_samples_in_ = len(table.sample_weight)
        if table.classes is None:
            self.sampling_strategy_ = {None: len(self.sample_indices_)}
        else:
            self.classes_ = table.classes
            counts = np.bincount(table.codes[self.sample_indices_], minlength=len(table.classes))
            labels = [plain(label) for label in table.classes]
            self.sampling_strategy_ = dict(zip(labels, counts.tolist(), strict=True))


class BaseScoreCoreset(BaseCoreset):
    """Base of the methods that give each row one score and keep the largest.

    Subclasses define ``_scores(table)``.
    """

    def _represent(self, table):
        self.scores_ = self._scores(table)
        return self.scores_

    def _pick(self, scores, contest):
        return top_k(scores if contest.rows is None else scores[contest.rows], contest.size)


class BaseModelCoreset(ClearDefaults, BaseCoreset):
    """Base of the methods that ask a classifier: adds the parameter `estimator`.

    A subclass may have a parameter `cv` too.
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "estimator": [HasMethods("fit"), None],
    }

    _defaults = {"estimator": "_classifier"}

    _needs = "any"  # or "proba": what the classifier must have
    _needs_labels = False  # even where the classifier is fitted

    cv = None

    def _looks_at_labels(self):
        return True

    def _instead(self):
        return "A Pipeline given as estimator can begin with such a step."

    def _classifier(self):
        return _models.default_classifier() if self.estimator is None else self.estimator

    def _check_target(self, table):
        estimator = self._classifier()
        fitted = _models.is_fitted(estimator)
        name = type(self).__name__
        if isinstance(estimator, FrozenEstimator) and not fitted:
            raise ValueError(f"{estimator!r} is frozen before it was fitted; fit it first.")
        self._method(estimator)
        if self.cv is not None and fitted:
            raise ValueError(
                f"cv={self.cv!r} fits clones of the estimator on parts of the data, but "
                f"{estimator!r} is fitted already and is used as it is. Give an unfitted "
                "estimator, or cv=None."
            )
        if table.classes is None:
            if table.y is not None:
                raise ValueError(
                    f"Unknown label type: {type_of_target(to_numpy(table.y))}. {name} needs the "
                    "labels of a classification problem."
                )
            if not fitted or self._needs_labels:
                raise ValueError(
                    f"{name} requires y to be passed, but the target y is None"
                    + (
                        "."
                        if self._needs_labels
                        else ": the classifier is not fitted. Give labels, or a classifier that "
                        "is fitted already."
                    )
                )
            return
        if len(np.unique(table.codes[table.sample_weight > 0])) < 2 and not fitted:
            only = table.classes[table.codes[table.sample_weight > 0][0]]
            raise ValueError(
                f"{name} fits a classifier, which needs at least 2 classes; y has one class"
                f"{table.counted and ' with rows' + table.counted}: {only}."
            )
        if fitted:
            if len(estimator.classes_) < 2:
                raise ValueError(
                    f"{estimator!r} knows one class, {estimator.classes_[0]!r}; {name} needs at "
                    "least 2."
                )
            unseen = np.setdiff1d(table.classes, estimator.classes_)
            if len(unseen):
                raise ValueError(
                    f"y has labels that the fitted classifier never saw: {unseen.tolist()}; it "
                    f"knows {np.asarray(estimator.classes_).tolist()}."
                )
        elif table.weighted and _models.weight_keyword(estimator) is None:
            raise ValueError(
                f"sample_weight was given, but {estimator!r} takes no sample_weight in fit. Give "
                "an estimator that does, or one that is fitted already."
            )

    def _fit_estimator(self, table):
        """Set `estimator_`: the classifier as it is if it is fitted, else a clone, fitted."""
        estimator = self._classifier()
        if not _models.is_fitted(estimator):
            X, y, weight = present(table)
            if getattr(self, "random_state", None) is None:
                estimator = clone(estimator)
            else:
                estimator = seeded(estimator, check_random_state(self.random_state))
            estimator = _models.fit_with_weight(estimator, X, y, weight)
        self.estimator_ = estimator

    def _method(self, estimator):
        """Name of the method that the classifier is asked by; raises if it has none."""
        return _models.response_method(estimator, self._needs, type(self).__name__)

    def _model_outputs(self, table):
        """What the classifier says of the rows, out of fold if there is a `cv`."""
        self._fit_estimator(table)
        method = self._method(self.estimator_)
        if self.cv is None:
            return _models.response_values(self.estimator_, table.X, method)
        # Folds are drawn over all rows, those of weight 0 too: `cv` may name them by their numbers.
        return _models.cross_val_response(
            self._classifier(),
            table.X,
            table.classes[table.codes],
            method,
            self.cv,
            sample_weight=table.sample_weight if table.weighted else None,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        estimator = self._classifier()
        inner = get_tags(estimator).input_tags
        tags.input_tags.sparse = inner.sparse
        tags.input_tags.allow_nan = inner.allow_nan
        tags.input_tags.string = inner.string
        tags.input_tags.categorical = inner.categorical
        tags.target_tags.required = not _models.is_fitted(estimator)
        return tags


def check_table(estimator, X, reset=True):
    """`X` in the form in which classifiers get it; its columns are noted or compared.

    Raises unless it has rows and columns, whatever is in them, or one object a row, as texts are.
    """
    if isinstance(X, Mapping) and not sparse.issparse(X):  # a dok matrix is a Mapping
        raise TypeError(f"X must be a table (array-like, sparse matrix, dataframe), not {type(X)}.")
    _refuse_lazy(X, "X")
    X = canonical(X)
    shape = tuple(getattr(X, "shape", (None, None)))  # lists have none
    if len(shape) != 2 and not holds_objects(X):
        raise ValueError(
            f"Expected 2D array, got {len(shape)}D array instead, of shape {shape}. Reshape your "
            "data: (-1, 1) if it is one column, (1, -1) if it is one row."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return X


def _refuse_lazy(container, name):
    if is_lazy(container):
        raise TypeError(
            f"{name} is a {type(container).__name__}, which holds no rows yet. Give "
            f"{name}.collect()."
        )


def check_finite_target(y):
    """`y` on the host, or an error if it holds NaN or infinity."""
    _refuse_lazy(y, "y")
    y = to_numpy(y)
    missing = y.isna() if hasattr(y, "isna") else None  # of pandas, which knows more than NaN
    if hasattr(y, "__array__") and not hasattr(y, "iloc"):  # pandas keeps what it knows of types
        y = np.asarray(y)
    dtype = getattr(y, "dtype", None)
    if missing is None and isinstance(dtype, np.dtype) and dtype.kind == "O":
        missing = [value is None or value is not value for value in y.ravel()]
    elif missing is None and isinstance(dtype, np.dtype) and dtype.kind in "mM":
        missing = np.isnat(y)
    missing = np.zeros((0, 1)) if missing is None else np.asarray(missing).reshape(len(y), -1)
    if missing.any():
        row = int(missing.any(axis=1).argmax())
        raise ValueError(f"Input y contains NaN: row {row} has no label.")
    if getattr(dtype, "numpy_dtype", None) is not None and dtype.numpy_dtype.kind in "iub":
        return y.to_numpy(dtype=dtype.numpy_dtype)  # as object or float it would lose its values
    if isinstance(dtype, np.dtype) and dtype.kind == "T":
        return y.astype(object)  # which scikit-learn knows
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    return y


def check_numbers(estimator, X, reset=True, finite=True):
    """`X` as a 2-D table of finite floats: NumPy or csr, or the array of another library.

    Not `finite`: whoever calls looks for NaN and infinity in NumPy and csr.
    """
    instead = estimator._instead() if isinstance(estimator, BaseCoreset) else ""
    with columns_named(X, type(estimator).__name__, instead):
        if is_foreign(X):
            return _foreign_numbers(estimator, X, reset)
        _refuse_lazy(X, "X")
        X = canonical(X)
        if _is_of_time(X):
            # scikit-learn would take them as numbers, in whatever unit they are stored.
            raise TypeError("X holds datetimes, which are no numbers.")
        kinds = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
        return validate_data(estimator, X, reset=reset, ensure_all_finite=finite, **kinds)


def _is_of_time(X):
    """Whether all columns are dates or times; those of mixed columns are an error anyway."""
    first = np.asarray(take(X, [0])) if hasattr(X, "columns") and len(X) else X
    return (
        getattr(first, "ndim", 0) == 2
        and getattr(getattr(first, "dtype", None), "kind", "f") in "mM"
    )


def _foreign_numbers(estimator, X, reset):
    xp = namespace(X)
    check_table(estimator, X, reset=reset)
    with device_scope(X):
        if X.dtype not in (xp.float32, xp.float64):
            X = xp.astype(X, xp.float64)
        finite = bool(xp.all(xp.isfinite(X)))
    if not finite:
        raise ValueError("Input X contains NaN or infinity.")
    return X


def _contest(table, group, random_state, progress):
    everything = slice(None) if group.rows is None else group.rows
    return Contest(
        label=group.label,
        rows=group.rows,
        size=group.size,
        sample_weight=table.sample_weight[everything],
        total_weight=float(table.sample_weight.sum()),
        random_state=np.random.RandomState(random_state.randint(2**31 - 1)),
        report=progress,
    )


def _globally(picks, contest):
    """Positions within the group become rows of the table, and weights are scaled by group."""
    own = contest.sample_weight[picks.positions]
    weight = own if picks.weight is None else np.asarray(picks.weight, dtype=np.float64)
    rows = picks.positions if contest.rows is None else contest.rows[picks.positions]
    if picks.scale == "group":
        weight = weight * (contest.sample_weight.sum() / weight.sum())
    return Picks(np.asarray(rows, dtype=np.intp), weight, picks.per_pick, picks.scale)


def present(table):
    """(X, y, weight) of the rows that count, to fit a classifier on."""
    y = table.classes[table.codes]
    weight = table.sample_weight if table.weighted else None
    if (table.sample_weight > 0).all():
        return table.X, y, weight
    rows = np.flatnonzero(table.sample_weight > 0)
    return take(table.X, rows), y[rows], weight[rows]


def _check_weight(sample_weight, n_samples):
    if sample_weight is None:
        return np.ones(n_samples)
    weight = check_array(
        to_numpy(sample_weight), ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; one weight a row is ({n_samples},)."
        )
    if weight.min() < 0:
        at = int(weight.argmin())
        raise ValueError(f"sample_weight[{at}] = {weight[at]} is negative; weights are >= 0.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; at least one must be positive.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError("sample_weight sums to infinity; scale it down.")
    return weight


def encode(y):
    """Class of each row as a number, and the classes; (None, None) where there are none."""
    if y is None:
        return None, None
    y = check_finite_target(y)
    kind = type_of_target(y, input_name="y")
    if kind.startswith("continuous"):
        return None, None
    if kind == "multilabel-indicator":
        Y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        if (Y.sum(axis=1) == 1).all():
            return Y.argmax(axis=1), np.arange(Y.shape[1])
    if kind in ("multilabel-indicator", "multiclass-multioutput"):
        if (y if sparse.issparse(y) else np.asarray(y)).dtype.kind == "f":
            return None, None  # numbers that happen to be whole: several continuous targets
        raise ValueError(
            f"Multilabel and multioutput targets have no classes to stratify by: y is {kind!r}. "
            "Give one label a row, or stratify=None to a method that needs no labels."
        )
    if kind not in ("binary", "multiclass"):
        raise ValueError(_not_labels(y, kind))
    classes, codes = np.unique(column_or_1d(y), return_inverse=True)
    return codes.reshape(-1), classes


def _not_labels(y, kind):
    """Why `y`, which scikit-learn does not know for labels, is none, and what to give instead."""
    values = np.asarray(y, dtype=object)
    held = sorted({type(value).__name__ for value in values.ravel()})
    if values.ndim != 1 or not held:
        return f"Unknown label type: {kind}. Labels are one string, whole number or bool a row."
    return (
        f"Unknown label type: {kind}. y holds objects of the types {held}; labels are all strings, "
        "whole numbers or bools, each in a dtype of its own. Give y.astype(int), y.astype(str), "
        "or stratify=None to a method that needs no labels."
    )
