"""The contract of all samplers: check, divide the budget, represent, pick, publish.

A method is a subclass with two hooks. ``_represent`` computes, once for the whole table, what the
selection works on; ``_pick`` selects samples of one group (a class, or the whole table), in order.
This file does everything else: the parameters and the data are checked, the budget is divided
among the classes, weights and the order of selection are published, and the selected samples are
taken from the containers of the user. Only this file imports imbalanced-learn. Two parts of it are
in files of their own: `truncate` in `_truncation.py`, and what `BaseModelCoreset` does with the
classifier in `_model_based.py`.
"""

from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
from imblearn.base import BaseSampler
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset._backend import (
    check_device,
    device_scope,
    is_partitioned,
    on_device,
    refuse_lazy,
    take,
)
from skcoreset._budget import (
    SIZE_CONSTRAINTS,
    Group,
    allocate,
    count_candidates,
    divide,
    fewer_in_words,
    interleave,
    plain,
    resized,
)
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import EstimatorMixin, replace_when_fitted
from skcoreset._initial import excluded_samples
from skcoreset._kernels.top_k import top_k
from skcoreset._model_based import ModelMixin
from skcoreset._partitions import represent_each, scores_by_sample, survey, two_rounds
from skcoreset._progress import CallbackSupportMixin, Progress
from skcoreset._strata import N_STRATA, Strata, check_for_quantiles, quantile_strata
from skcoreset._streams import StreamMixin
from skcoreset._truncation import Part, Selected, TruncationMixin
from skcoreset._validation import (
    check_numbers,
    check_sample_weight,
    check_table,
    continuous_target,
    encode,
    naming_columns,
)
from skcoreset._warnings import warn

__all__ = [
    "BaseCoreset",
    "BaseModelCoreset",
    "BaseScoreCoreset",
    "Group",
    "Picks",
    "SamplerTags",
    "Table",
]


@dataclass
class SamplerTags:
    """Tags of a sampler: those of imbalanced-learn, and the purposes of the selection."""

    sample_indices: bool = True  # whether the sampler has `sample_indices_`
    # What the selected samples are for, one or several of: "training", to fit an estimator on them
    # in place of all samples; "labeling", to have them labeled; "cleaning", to exclude or to check
    # samples that are mislabeled or redundant
    purposes: tuple = ("training",)


@dataclass(frozen=True)
class Table:
    """The checked data of one fit."""

    X: object  # as `_check_X` of the method returns it
    y: object  # the container of the user, or None
    codes: np.ndarray | None  # position of the class of each sample in `classes`
    classes: np.ndarray | None  # None where y is None or continuous
    # (n_samples,) float64, ones if none was given; of partitions then a view of a single one, which
    # is read-only and takes no memory
    sample_weight: np.ndarray
    weighted: bool  # whether sample_weight was given
    numbers: object = None  # as `_check_numbers` of the method returns it
    auxiliary: dict = field(default_factory=dict)  # further arguments of `fit`, by name, checked
    progress: object = None  # callable, takes the fraction of `_represent` that is done
    excluded: np.ndarray | None = None  # mask of the samples that must not be selected
    strata: Strata | None = None  # in place of classes, with stratify="quantile"
    scores: np.ndarray | None = None  # of all samples, if the survey of partitions computed them

    @property
    def of_positive_weight(self):
        """For errors: the words behind "samples" where some samples have weight 0."""
        return "" if (self.sample_weight > 0).all() else " of positive weight"

    @property
    def candidates(self):
        """The arguments of `allocate` that describe the samples that may be selected."""
        weight, which = self.sample_weight, " of positive weight"
        if self.excluded is not None:
            weight = np.where(self.excluded, 0.0, weight)
            which = f"{self.of_positive_weight} that are not excluded"
        return *self.groups, weight, which

    @property
    def groups(self):
        """Codes and labels of the classes or strata among which the budget is divided."""
        if self.strata is not None:
            return self.strata.codes, self.strata.labels
        return self.codes, self.classes

    @property
    def target(self):
        """Class labels, or the values of a continuous target as float64."""
        return continuous_target(self.y) if self.classes is None else self.classes[self.codes]


@dataclass(frozen=True)
class Picks:
    """The result of `_pick`. A method that has only positions returns these as an array."""

    positions: np.ndarray  # in the group, in order of selection
    # Weight of each selected sample, in units of `Group.sample_weight`; None: its own sample weight
    weight: np.ndarray | None = None
    per_pick: dict = field(default_factory=dict)  # attributes to publish, one value per sample
    # "group": the weights are scaled to the total of the group; "all": those of all groups by one
    # factor to the total of the table; None: they are not scaled
    scale: str | None = "group"
    # ``prefix(m)`` is the `weight` of the first m samples if the budget is m; None: the first m
    # entries of `weight`. It is pickled with the sampler
    prefix: object = None
    # Likewise for the attributes whose first m entries depend on the budget: {name: function of m}
    per_pick_of_prefix: dict = field(default_factory=dict)


class BaseCoreset(TruncationMixin, StreamMixin, EstimatorMixin, CallbackSupportMixin, BaseSampler):
    """Base of all samplers. Subclasses define ``__init__``, ``_pick`` and mostly ``_represent``."""

    _sampling_type = "bypass"

    _parameter_constraints = {
        "coreset_size": SIZE_CONSTRAINTS,
        "stratify": [StrOptions({"proportional", "balanced", "quantile"}), None],
    }

    def __init__(self, coreset_size=0.1, *, stratify="proportional"):
        self.coreset_size = coreset_size
        self.stratify = stratify

    # The two hooks that define a method ------------------------------------------------------

    def _represent(self, table, groups):
        """Compute what the selection works on, once for all samples of `table`.

        The result is passed to `_pick` as it is. The default is ``table.X``. The `groups` have no
        random state here: a method that draws uses ``check_random_state(self.random_state)``.
        """
        return table.X

    def _pick(self, represented, group):
        """Select ``group.size`` samples of `group`: `Picks`, or an array of positions in it."""
        raise NotImplementedError

    def _shares(self, represented, groups):
        """The parts of the budget, in any unit, if they depend on what is represented; else None.

        They replace those of ``stratify="proportional"``, and nothing else.
        """

    # Row partitions of a table that is not in memory, see `_partitions.py` -----------------------

    # Whether a coreset of the union of coresets of the partitions is a coreset of all samples
    _is_composable = False
    # Whether a selected sample represents no others: its weight is its own, times a factor
    _weights_are_own = False
    _is_silent = False  # whether the caller warns of a selection that stops early
    _gathers_targets = False  # whether it needs the values of a continuous target at once

    @property
    def _selects_in_two_rounds(self):
        """Whether partitions are reduced by the method itself, and then their union."""
        return self._is_composable

    def _takes_partitions(self):
        """Whether `_represent_partitions` is not an error."""
        own = type(self)._represent_partitions is not BaseCoreset._represent_partitions
        return own or self._selects_in_two_rounds

    def _represent_partitions(self, table, groups):
        """As `_represent`, but ``table.X`` is partitions, and so may be the result."""
        raise TypeError(
            f"{type(self).__name__} does not support Dask collections, because it needs all "
            "samples at once. Select a larger coreset that fits in memory by Coreset or Uniform "
            f"first, and apply {type(self).__name__} to it."
        )

    def _pick_partitions(self, represented, group):
        """As `_pick`, for what `_represent_partitions` returns."""
        return self._pick(represented, group)

    def _pick_all_partitions(self, represented, groups):
        """`_pick_partitions` for all groups."""
        return [self._pick_partitions(represented, group) for group in groups]

    def _scores_in_survey(self):
        """Whether the pass that checks the partitions also computes the scores of the samples."""
        return False

    def _for_partitions(self, table, rng):
        """Samplers for the two rounds; models that are not fitted are fitted on a sample."""
        return self, self

    def _most_candidates(self):
        """The largest budget that a group may have, or None."""
        n_candidates = getattr(self, "n_candidates", None)
        return n_candidates if isinstance(n_candidates, Integral) else None

    # Properties of the method ----------------------------------------------------------------

    _needs_numbers = False  # whether `X` must hold finite numbers; else any table will do
    # Why fewer samples than the budget may be selected, as the end of the sentence "3 samples were
    # selected, fewer than the budget of 10: <reason>."; None: the budget is always used up
    _stops_early = None
    _purposes = ("training",)  # what the selected samples are for, see `SamplerTags`

    # Why the samples that are selected first, of each class, are not those of a smaller budget, as
    # the end of the sentence "It cannot be truncated, because <reason>."; None: they are
    _not_nested = "a smaller budget may select other samples"
    # Whether the weights of the samples selected first can only be computed from the data. `_pick`
    # is then called with their positions in `Group.given`, and returns `Picks` of these
    _truncates_with_data = False

    exclude = None  # a subclass may have this parameter: indices of samples never to select

    def _differs_from(self, size, n_selected, n_candidates):
        """As `_not_nested`, for the first `size` samples of a group of which more are selected.

        `n_selected` samples of `n_candidates` are selected. None: they are those of a budget of
        `size` samples.
        """

    def _is_nested(self):
        """Whether, within each class, a smaller budget selects the same samples first."""
        return self._not_nested is None

    def _is_random(self):
        """Whether the selection depends on `random_state`."""
        return hasattr(self, "random_state")

    def _draws(self, groups):
        """As `_is_random`, for these groups."""
        return self._is_random()

    def _uses_classes(self):
        """Whether the method itself needs the classes, with any value of `stratify`."""
        return False

    # Checks, before any work -------------------------------------------------------------------

    def _check_X(self, X):
        """Check `X`; return it as the method works on it."""
        return check_numbers(self, X) if self._needs_numbers else check_table(self, X)

    def _check_numbers(self, X):
        """Return `X` as finite numbers, if the method needs these beside the table; else None."""

    def _check_partition(self, X):
        """Raise for values that only a model or transformer of the method would refuse."""

    def _check_auxiliary(self, table, **auxiliary):
        """Check the further arguments of `fit`; return them by name, as the method uses them."""
        return auxiliary

    def _check_params(self, table):
        """Raise if the parameters of the method do not fit the data."""

    def _check_groups(self, table, groups):
        """Raise if the method cannot select that many samples of these groups."""

    def _non_numeric_hint(self):
        """For errors about values that are no finite numbers: a way out that this method has."""
        return ""

    # Work on a GPU -----------------------------------------------------------------------------

    def _device_work(self, represented, groups):
        """How many multiplications `_pick` takes for all groups, or why only the host can do them.

        If a number is returned, the arrays in `represented` (an array, or a tuple with arrays) are
        moved to the GPU where that pays. A str is the reason why these parameters keep the work on
        the host, as the end of the sentence "device='cuda', but <reason>". None means that there is
        nothing for a GPU. The hook is also called with no groups, before any work, so that an
        error about the device comes first; `represented` is None then.
        """

    # The contract ----------------------------------------------------------------------------

    @fill_docstring
    def fit(self, X, y=None, sample_weight=None):
        """Select the coreset.

        Parameters
        ----------
        {X_of_sampler}

        {y_optional}

        {sample_weight}

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self._fitted(X, y, sample_weight)
        return self

    @fill_docstring
    def fit_resample(self, X, y=None, sample_weight=None):
        """Select the coreset and return its samples, in order of selection.

        Parameters
        ----------
        {X_of_sampler}

        {y_optional}

        {sample_weight}

        Returns
        -------
        {resampled}
        """
        return self._fitted(X, y, sample_weight)._resampled(X, y)

    def _fitted(self, X, y, sample_weight, **auxiliary):
        """Fit, and return a sampler with the fitted attributes of this very fit.

        These are also in `self`, until another thread fits it.
        """
        with device_scope(X), replace_when_fitted(self) as fitted:
            vars(fitted).pop("_stream", None)
            fitted._select(X, y, sample_weight, auxiliary)
        return fitted

    def _resampled(self, X, y):
        """The selected samples of the containers `X` and `y`."""
        selected = self.sample_indices_
        if is_partitioned(X):
            parts = _partitions_of(X, y)
            parts.count(self._lengths)
            return parts.take(selected)
        return take(X, selected), None if y is None else take(y, selected)

    def _fit_resample(self, X, y, **params):
        """Not used: it is an abstract method of the base class of imbalanced-learn."""
        raise NotImplementedError

    def get_support(self, indices=False):
        """Get a mask, or the indices, of the selected samples.

        Parameters
        ----------
        indices : bool, default=False
            Whether to return the indices of the samples instead of a mask.

        Returns
        -------
        support : ndarray
            Mask of shape (n_samples,), or indices in ascending order, of shape (n_coreset,).
        """
        check_is_fitted(self)
        if indices:
            return np.sort(self.sample_indices_)
        mask = np.zeros(self.n_samples_in_, dtype=bool)
        mask[self.sample_indices_] = True
        return mask

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.sampler_tags = SamplerTags(purposes=self._purposes)
        tags.target_tags.required = False
        return tags

    # How a fit proceeds ----------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def _select(self, X, y, sample_weight, auxiliary):
        partitioned = is_partitioned(X)
        table = self._checked(X, y, sample_weight, auxiliary)
        groups = allocate(self.coreset_size, self._stratification(), *table.candidates)
        self._check_groups(table, groups)
        random_state = check_random_state(self.random_state if self._draws(groups) else 0)
        progress = Progress(self, sum(group.size for group in groups))
        self.device_ = "cpu"
        if partitioned:
            table.X.report = progress.share
            if self._selects_in_two_rounds:
                two_rounds(self, table, auxiliary, random_state.randint(2**31 - 1))
                progress.close()
                return
            represented = self._represent_partitions(table, groups)
        else:
            with naming_columns(table.X, self):
                represented = self._represent(replace(table, progress=progress.share), groups)
        shares = self._shares(represented, groups) if self.stratify == "proportional" else None
        if shares is not None and not isinstance(self.coreset_size, dict):
            groups = resized(groups, shares)
            self._check_groups(table, groups)
        seeds = [random_state.randint(2**31 - 1) for _ in groups]

        def pick_all(place):
            # Called twice if a GPU runs out of memory, hence the new random states.
            progress.before = 0
            started = [
                replace(group, random_state=np.random.RandomState(seed), report=progress)
                for group, seed in zip(groups, seeds, strict=True)
            ]
            return self._picks_of(represented, started, place)

        picked = pick_all(None) if partitioned else self._on_device(pick_all, table.X)
        self._warn_if_fewer(groups, picked)
        self._publish(table, groups, picked)
        self._selected = replace(self._selected, shares=shares)
        progress.close()

    def _checked(self, X, y, sample_weight, auxiliary):
        """The `Table`; all checks that need no groups."""
        if is_partitioned(X):
            return self._checked_partitions(_partitions_of(X, y, sample_weight), auxiliary)
        checked = self._check_X(X)
        work = self._device_work(None, [])
        if work is not None:
            check_device(checked, work if isinstance(work, str) else None)
        n_samples = _num_samples(checked)
        if n_samples < 1:
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        numbers = self._check_numbers(X)
        codes, classes = self._encode(y)
        check_consistent_length(checked, *([] if y is None else [y]))
        table = Table(
            X=checked,
            y=y,
            codes=codes,
            classes=classes,
            sample_weight=check_sample_weight(sample_weight, n_samples),
            weighted=sample_weight is not None,
            numbers=numbers,
        )
        return self._checked_params(table, auxiliary)

    def _checked_partitions(self, parts, auxiliary):
        """The `Table` of a table in partitions, after one pass over it."""
        if not self._takes_partitions():
            self._represent_partitions(None, None)  # the error
        parts, known = survey(self, parts)
        self._lengths = parts.lengths_of_all
        return self._checked_params(Table(X=parts, **known), auxiliary)

    def _checked_params(self, table, auxiliary):
        if self.exclude is not None:
            excluded = excluded_samples(self.exclude, table.sample_weight)
            table = replace(table, excluded=excluded)
        table = replace(table, strata=self._strata(table))
        # In two rounds, the fits of the partitions and of their union check it.
        if not (is_partitioned(table.X) and self._selects_in_two_rounds):
            table = replace(table, auxiliary=self._check_auxiliary(table, **auxiliary))
        self._check_params(table)
        return table

    def _encode(self, y):
        """Codes and classes as `encode` has them; None, None if `y` is no target and not used."""
        if self._stratification() == "quantile":
            return None, None
        refuse_lazy(y, "y")
        try:
            return encode(y)
        except (TypeError, ValueError):
            if self._uses_classes() or self._stratification() is not None:
                raise
            return None, None

    def _stratification(self):
        """The value of `stratify` that is used."""
        return self.stratify

    def _strata(self, table):
        """The `Strata` of stratify="quantile", else None."""
        if self._stratification() != "quantile":
            return None
        if is_partitioned(table.X) and self._selects_in_two_rounds:
            return None  # each partition and the union of their coresets have strata of their own
        check_for_quantiles(table.y, type(self).__name__, self._uses_classes())
        _, _, weight, which = table.candidates
        size = divide(self.coreset_size, None, count_candidates(None, None, weight, which))
        return quantile_strata(table.target, weight, min(size, N_STRATA))

    def _on_device(self, compute, X):
        """``compute(place)`` as in `on_device`; sets `device_` to the device of the work."""
        result, device = on_device(compute, beside=X)
        self.device_ = device or self.device_
        return result

    def _placed(self, represented, groups, place):
        work = self._device_work(represented, groups)
        if work is None:
            return place.as_it_is(represented)
        return place(represented, *((0, work) if isinstance(work, str) else (work,)))

    def _picks_of(self, represented, groups, place):
        """The finished `Picks` of all groups; `place` is None for partitions."""
        if place is None:
            picked = self._pick_all_partitions(represented, groups)
            return [self._in_table(*one) for one in zip(picked, groups, strict=True)]
        placed = self._placed(represented, groups, place)
        return [self._in_table(self._pick(placed, group), group) for group in groups]

    def _in_table(self, picks, group):
        """`Picks` of one group: indices in the table, weights in units of `sample_weight`."""
        picks = picks if isinstance(picks, Picks) else Picks(picks)
        weight = group.sample_weight[picks.positions] if picks.weight is None else picks.weight
        weight = np.asarray(weight, dtype=np.float64)
        if picks.scale == "group":
            weight = weight * (group.sample_weight.sum() / weight.sum())
        at = picks.positions if group.rows is None else group.rows[picks.positions]
        group.report.group_done(len(at))
        return replace(
            picks, positions=np.asarray(at, dtype=np.intp), weight=group.mean_weight * weight
        )

    def _warn_if_fewer(self, groups, picked):
        if self._stops_early is None or self.coreset_size is None or self._is_silent:
            return
        for group, picks in zip(groups, picked, strict=True):
            n = len(picks.positions)
            if n < group.size:
                warn(fewer_in_words(n, group.size, group.of_the_class, self._stops_early))

    def _publish(self, table, groups, picked):
        """Set the fitted attributes that follow from the picks of all groups."""
        codes, _ = table.groups
        parts = [
            Part(
                picks,
                group.label,
                None if group.label is None else int(codes[group.rows[0]]),
                None if codes is None else codes[picks.positions],
                group.sample_weight.sum() * group.mean_weight,
                group.mean_weight,
            )
            for group, picks in zip(groups, picked, strict=True)
        ]
        self._selected = Selected(
            parts, count_candidates(*table.candidates), self._stratification(), None
        )
        self.n_samples_in_ = len(table.sample_weight)
        if table.classes is not None:
            self.classes_ = table.classes
        self._publish_parts(parts)

    def _publish_parts(self, parts):
        """Set the fitted attributes that depend on the budget."""
        picked, candidates = [part.picks for part in parts], self._selected.candidates
        order = interleave([len(picks.positions) for picks in picked])
        self.sample_indices_ = np.concatenate([picks.positions for picks in picked])[order]
        weight = np.concatenate([picks.weight for picks in picked])[order]
        if picked[0].scale is not None:
            # With "group" the factor is 1, unless a class is left out (coreset_size={...: 0}).
            weight = weight * (candidates.weight / weight.sum())
        self.sample_weight_ = weight
        for name in picked[0].per_pick:
            setattr(self, name, np.concatenate([p.per_pick[name] for p in picked])[order])
        if candidates.classes is None:
            self.sampling_strategy_ = {None: len(self.sample_indices_)}
        else:
            codes = np.concatenate([part.codes for part in parts])
            counts = np.bincount(codes, minlength=len(candidates.classes))
            labels = [plain(label) for label in candidates.classes]
            self.sampling_strategy_ = dict(zip(labels, counts.tolist(), strict=True))


def _partitions_of(X, y=None, sample_weight=None):
    from skcoreset._dask import partitions  # imports dask

    return partitions(X, y, sample_weight)


class BaseScoreCoreset(BaseCoreset):
    """Base of the methods that score each sample and select those with the largest scores.

    Subclasses define ``_scores(table)``.
    """

    _not_nested = None

    def _represent(self, table, groups):
        self.scores_ = self._scores(table)
        return self.scores_

    # Whether the score of a sample does not depend on other samples, if its models are fitted
    _scores_each = False
    _needed_to_score = ("estimator_",)  # attributes that `score_samples` uses

    def _takes_partitions(self):
        return self._scores_each or hasattr(self, "score_samples")

    def _scores_in_survey(self):
        return self._scores_each and self._has_stream_keys  # its models are fitted

    def _represent_partitions(self, table, groups):
        if self._scores_each:
            scoring, _ = self._for_partitions(table, check_random_state(0))
            scores = table.scores
            self.scores_ = represent_each(scoring, table) if scores is None else scores
        elif hasattr(self, "score_samples"):
            scoring = self._for_partitions(table, check_random_state(0))[0]
            scoring, self.scores_ = scores_by_sample(scoring, table)
        else:
            return super()._represent_partitions(table, groups)  # the error
        for name in self._needed_to_score:
            if hasattr(scoring, name):
                setattr(self, name, getattr(scoring, name))
        return self.scores_

    def _pick(self, scores, group):
        return top_k(group.rows_of(scores), group.size)


class BaseModelCoreset(ModelMixin, BaseCoreset):
    """Base of the methods that use a classifier: adds the parameter `estimator`.

    A subclass may also have the parameter `cv`.
    """

    _parameter_constraints = {
        **BaseCoreset._parameter_constraints,
        "estimator": [HasMethods("fit"), None],
    }
