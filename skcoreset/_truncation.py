"""Truncation: a fitted sampler of a smaller budget, from the samples that were selected first.

`Selected` is what a sampler stores of its selection, in the attribute `_selected`, and
`TruncationMixin` is the part of `BaseCoreset` that uses it. The attributes and methods by which a
method says whether it can be truncated are in `base.py`, with the other properties of a method.
"""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from skcoreset._backend import device_scope, is_partitioned
from skcoreset._budget import (
    SIZE_CONSTRAINTS,
    Candidates,
    allocate,
    count_candidates,
    divide,
    largest_remainder,
    of_the_group,
    plain,
    samples_in_words,
)
from skcoreset._docstrings import fill_docstring
from skcoreset._initial import check_initial_picks
from skcoreset._progress import NoProgress

__all__ = ["Part", "Selected", "TruncationMixin"]


@dataclass(frozen=True)
class Part:
    """The picks of one group, as far as `truncate` needs them."""

    picks: object  # `Picks`: indices in the table, weights in units of `sample_weight`
    label: object  # of the group, see `Group`
    code: int | None  # position of the label in the classes
    codes: np.ndarray | None  # classes of the picks
    total: float  # sample weight of the candidates of the group
    mean_weight: float

    def first(self, size):
        """The part of the `size` samples that were selected first."""
        picks = self.picks
        weight = picks.weight[:size]
        per_pick = {name: values[:size] for name, values in picks.per_pick.items()}
        if picks.prefix is not None and size < len(picks.positions):
            weight = self.mean_weight * picks.prefix(size)
        for name, values in picks.per_pick_of_prefix.items():
            per_pick[name] = values(size)
        if picks.scale == "group":
            weight = weight * (self.total / weight.sum())
        picks = replace(picks, positions=picks.positions[:size], weight=weight, per_pick=per_pick)
        return replace(self, picks=picks, codes=None if self.codes is None else self.codes[:size])

    @property
    def of_the_class(self):
        return of_the_group(self.label)


@dataclass(frozen=True)
class Selected:
    """What is known of the selection of a fit, of size O(n_coreset)."""

    parts: list
    candidates: Candidates
    stratify: str | None
    shares: object  # of the parts, as `_shares` returned them

    def divide(self, coreset_size):
        """The number of samples of each class, or an int, as the fit with this budget has them."""
        sizes = divide(coreset_size, self.stratify, self.candidates)
        proportional = self.stratify == "proportional" and not isinstance(coreset_size, dict)
        if self.shares is None or not proportional or isinstance(sizes, int):
            return sizes
        counts, shares = self.candidates.counts, np.zeros(len(sizes))
        for part, share in zip(self.parts, self.shares, strict=True):
            shares[part.code] = share
        return largest_remainder(sum(sizes), shares, counts)

    def n_candidates_of(self, part):
        """The number of candidates in the group of a part."""
        return self.candidates.n if part.code is None else int(self.candidates.counts[part.code])


class TruncationMixin:
    """The part of `BaseCoreset` that truncates the selection of a fit."""

    @fill_docstring
    def truncate(self, coreset_size, X=None, y=None, sample_weight=None):
        """Get a fitted sampler of a smaller budget, without selecting again.

        If the fitted sampler selects the same samples first for every budget, its first samples
        of each class are those of a smaller budget. The result is a copy of the sampler, with the
        fitted attributes that a fit with the smaller `coreset_size` has: the same samples in the
        same order, with the weights for this budget. This sampler does not change.

        Parameters
        ----------
        coreset_size : int, float or dict
            The smaller budget, as in the parameter `coreset_size`. A float is a fraction of all
            samples of the fit, not of the selected ones.

        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
            The samples that were passed to `fit`. Required by
            :class:`~skcoreset.KCenterGreedy` only, which assigns all samples to the nearest of the
            first selected samples again. The other methods do not use `X`, `y` and
            `sample_weight`.

        {y_and_weight_of_fit}

        Returns
        -------
        sampler : object
            A fitted copy of this sampler. Its parameter `coreset_size` is the given one. Fitted
            attributes with one value per selected sample have the values of the first samples.
            Attributes that describe the fit, such as `scores_` and `estimator_`, are those of
            this sampler.

        Raises
        ------
        ValueError
            If a smaller budget may select other samples, or if the budget requires more samples
            of a class than were selected.
        """
        check_is_fitted(self)
        name = type(self).__name__
        kinds = {"coreset_size": SIZE_CONSTRAINTS}
        validate_parameter_constraints(kinds, {"coreset_size": coreset_size}, f"{name}.truncate")
        if self._not_nested is not None:
            raise ValueError(
                f"{name} cannot be truncated to coreset_size={coreset_size!r}, because "
                f"{self._not_nested}. Fit a clone of it with this coreset_size."
            )
        selected = self._selected
        sizes = selected.divide(coreset_size)
        parts = self._first_of_parts(coreset_size, sizes)
        fitted = copy(self).set_params(**self._params_of_budget(coreset_size))
        if self._truncates_with_data:
            if X is None:
                raise ValueError(
                    f"{name}.truncate requires X, y and sample_weight as they were passed to fit, "
                    "because the weights of fewer samples are sums over other cells. Pass them "
                    f"to truncate(coreset_size={coreset_size!r}, X, y, sample_weight)."
                )
            with device_scope(X):
                parts = fitted._with_weights_of(parts, X, y, sample_weight)
        fitted._selected = replace(selected, parts=parts)
        fitted._publish_parts(parts)
        return fitted

    def _params_of_budget(self, coreset_size):
        """The parameters that differ for this budget instead of the given one."""
        return {"coreset_size": coreset_size}

    def _first_of_parts(self, coreset_size, sizes):
        """The parts of the selection that remain with these sizes of the classes."""
        selected = self._selected
        known = {part.code: part for part in selected.parts}
        wanted = {None: sizes} if isinstance(sizes, int) else dict(enumerate(map(int, sizes)))
        parts = []
        for code, size in wanted.items():
            if not size:
                continue
            part = known.get(code)
            n = 0 if part is None else len(part.picks.positions)
            if size > n:
                label = of_the_group(None if code is None else selected.candidates.classes[code])
                raise ValueError(
                    f"coreset_size={coreset_size!r} is {samples_in_words(size)}{label}, but "
                    f"{n} {'was' if n == 1 else 'were'} selected. Give a smaller coreset_size, or "
                    "fit with a larger one."
                )
            why = self._differs_from(size, n, selected.n_candidates_of(part))
            if why is not None and size < n:
                raise ValueError(
                    f"{type(self).__name__} cannot be truncated to coreset_size={coreset_size!r}, "
                    f"because {why}. Fit a clone of it with this coreset_size."
                )
            check_initial_picks(
                getattr(self, "init", None), part.picks.positions, size, part.of_the_class
            )
            parts.append(part.first(size))
        return parts

    def _with_weights_of(self, parts, X, y, sample_weight):
        """`parts` with the weights that `_pick` computes for them from the data."""
        table = self._checked(X, y, sample_weight, {})
        codes, classes, weight, which = table.candidates
        candidates = count_candidates(codes, classes, weight, which)
        then = self._selected.candidates
        if not _same_candidates(candidates, then):
            raise ValueError(
                f"X, y and sample_weight have {samples_in_words(candidates.n)} of total weight "
                f"{candidates.weight:g}, but the sampler was fitted on {then.n} of total weight "
                f"{then.weight:g}, or with other classes. Pass the data that were passed to fit."
            )
        sizes = len(parts[0].picks.positions)
        if parts[0].code is not None:
            sizes = {plain(part.label): len(part.picks.positions) for part in parts} | {None: 0}
        groups = [
            replace(group, given=_positions(group, part.picks.positions), report=NoProgress())
            for group, part in zip(
                allocate(sizes, self._selected.stratify, *table.candidates), parts, strict=True
            )
        ]
        if is_partitioned(table.X):
            picked = self._picks_of(self._represent_partitions(table, groups), groups, None)
        else:
            represented = self._represent(table, groups)
            picked = self._on_device(
                lambda place: self._picks_of(represented, groups, place), table.X
            )
        return [
            replace(part, picks=replace(part.picks, weight=picks.weight))
            for part, picks in zip(parts, picked, strict=True)
        ]


def _same_candidates(one, other):
    if one.n != other.n or (one.classes is None) != (other.classes is None):
        return False
    same = np.isclose(one.weight, other.weight, rtol=1e-9, atol=0)
    return same and (one.classes is None or np.array_equal(one.counts, other.counts))


def _positions(group, indices):
    """Positions in the group of indices in the table."""
    return indices if group.rows is None else np.searchsorted(group.rows, indices)
