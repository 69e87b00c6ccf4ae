"""Selection from a table in row partitions, which no process needs to hold as a whole.

A method supports this in one of three ways:

* Its picks follow from one value per sample, such as a score. The partitions compute these values
  (`_represent_partitions`), and everything else is as in memory, and so are the picks.
* It picks in rounds over all partitions (`_pick_partitions`). The picks are those in memory.
* The coreset of a union of weighted coresets is a coreset of all samples (`_is_composable`). The
  method itself reduces each partition, and then the union of the results, in two rounds.

Nothing here knows dask: a table is an object with the methods of `skcoreset._dask.Partitions`.
"""

from copy import copy
from dataclasses import dataclass, replace
from numbers import Integral, Number

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import _num_samples

from skcoreset._backend import column_kinds, stacked, take
from skcoreset._budget import (
    allocate,
    count_candidates,
    divide,
    fewer_in_words,
    of_the_group,
    plain,
)
from skcoreset._config import get_config
from skcoreset._estimator import without_fitted_attributes
from skcoreset._kernels.compact import (
    elementwise,
    is_positive,
    random_order,
    repeated,
    sums_by_code,
)
from skcoreset._validation import (
    check_finite_target,
    check_sample_weight,
    continuous_target,
    encode,
    naming_columns,
)
from skcoreset._warnings import warn

__all__ = [
    "check_same_kinds",
    "checked_partitions",
    "drawn_rows",
    "label_kind",
    "labels_of",
    "numbers_of",
    "publish_union",
    "reduced",
    "represent_each",
    "rows_by_group",
    "sample_of",
    "scores_by_sample",
    "seen",
    "select_from_union",
    "split",
    "survey",
    "two_rounds",
]

# The first round selects so many times the budget, and at least so many samples, from all
# partitions together.
FACTOR, FEWEST = 10, 20_000


# The survey: lengths, labels and weights of all partitions, in one pass ------------------------


@dataclass(frozen=True)
class _Seen:
    """What the survey finds in a partition."""

    n: int
    error: Exception | None = None
    features: dict | None = None  # fitted attributes about the features
    weight: np.ndarray | None = None
    labels: tuple | None = None  # (values, code of each sample); None if y is continuous
    target: np.ndarray | None = None  # values of a continuous target
    kinds: list | None = None  # as `column_kinds` has them
    scores: np.ndarray | None = None  # if the survey computes them, see `_seen_and_scored`


def survey(sampler, parts):
    """Check all partitions; return them without the empty ones, and what is known of all samples.

    Returns
    -------
    parts : partitions
    known : dict
        The arguments of a `Table`, except `X`.
    """
    _check_possible(sampler)
    labeled = sampler._encode(np.array([0, 1]))[0] is not None
    quantile = sampler._gathers_targets or (
        sampler._stratification() == "quantile" and not sampler._selects_in_two_rounds
    )
    found = parts.map(
        _seen_and_scored if sampler._scores_in_survey() else seen,
        shared=(without_fitted_attributes(sampler), labeled, quantile),
        all_columns=True,
    )
    parts.count([one.n for one in found])
    for number, one in enumerate(found):
        if one.error is not None:
            raise type(one.error)(
                f"In partition {number}, whose first sample is sample {parts.offsets[number]}: "
                f"{one.error}"
            ) from one.error
    _check_same_features(found)
    full = [one for one in found if one.n]
    if not full:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    vars(sampler).update(full[0].features)
    n_samples = int(parts.lengths.sum())
    weight = None
    if parts.weights is not None:
        weight = np.concatenate([one.weight for one in full])
    parts = parts.where(parts.lengths > 0)
    y, codes, classes = None, None, None
    if parts.targets is not None:
        y = parts.targets
        if quantile and all(one.target is not None for one in full):
            y = np.concatenate([one.target for one in full])
        if labeled:
            codes, classes = _merged_labels(sampler, [one.labels for one in full], parts.numbers)
    return parts, {
        "y": y,
        "codes": codes,
        "classes": classes,
        # Samples without weights have one number for all of them, and not one for each.
        "sample_weight": (
            repeated(1.0, n_samples) if weight is None else check_sample_weight(weight, n_samples)
        ),
        "weighted": weight is not None,
        "scores": (
            None
            if any(one.scores is None for one in full)
            else np.concatenate([one.scores for one in full])
        ),
    }


def _check_possible(sampler):
    name = type(sampler).__name__
    if getattr(sampler, "metric", None) == "precomputed":
        raise TypeError(
            f"metric='precomputed' is a matrix of all pairs of samples, but {name} computes on one "
            "partition at a time for Dask collections. Give the features and another metric."
        )
    if sampler._selects_in_two_rounds and sampler.coreset_size is None:
        raise ValueError(
            f"coreset_size=None lets {name} find the size, which needs all samples at once. Give a "
            "coreset_size for Dask collections."
        )


def seen(X, y, weight, sampler, labeled, quantile):
    """Check one partition, in a worker, or a batch."""
    n = _num_samples(X)
    if not n:
        return _Seen(0)
    checked, kinds = copy(sampler), column_kinds(X)
    try:
        X = checked._check_X(X)
        checked._check_numbers(X)
        checked._check_partition(X)
        check_consistent_length(X, *(values for values in (y, weight) if values is not None))
        if weight is not None:
            # A partition may have samples of weight 0 only.
            weight = check_sample_weight(weight, n) if np.any(weight) else np.zeros(n)
        labels = target = None
        if y is not None:
            labels = labels_of(y) if labeled else checked._encode(y)[0]
            # Other partitions may show that whole numbers are no labels.
            if quantile and (labels is None or labels[0].dtype.kind == "f"):
                target = continuous_target(y)
    except (TypeError, ValueError) as error:
        return _Seen(n, error)
    features = {name: vars(checked)[name] for name in _OF_FEATURES if name in vars(checked)}
    return _Seen(n, None, features, weight, labels, target, kinds)


def _seen_and_scored(X, y, weight, sampler, *args):
    """`seen`, and the scores of the samples, so that a partition is read once for both."""
    found = seen(X, y, weight, sampler, *args)
    if not found.n or found.error is not None:
        return found
    try:
        return replace(found, scores=sampler._stream_keys(X, None))
    except Exception:
        # The scores are computed again, and raise the error, after the checks of all partitions.
        return found


_OF_FEATURES = ("n_features_in_", "feature_names_in_")


def _check_same_features(found):
    full = [(number, one.features) for number, one in enumerate(found) if one.n]
    for name in _OF_FEATURES:
        for number, features in full[1:]:
            values = [np.asarray(one.get(name)).tolist() for one in (full[0][1], features)]
            if values[0] != values[1]:
                what = "features" if name == "n_features_in_" else "feature names"
                raise ValueError(
                    f"X has the {what} {values[0]} in partition {full[0][0]}, but {values[1]} in "
                    f"partition {number}. All partitions must have the same features."
                )
    check_same_kinds([(f"partition {p}", one.kinds) for p, one in enumerate(found) if one.n])


def check_same_kinds(found):
    """Raise if a column holds numbers in one place and text in another.

    Parameters
    ----------
    found : list of (str, list)
        The places in words, and what `column_kinds` returns for each.
    """
    before = {}  # {position: (kind, place)} where a column has a kind first
    for place, kinds in found:
        for j, (name, kind) in enumerate(kinds):
            first, where = before.setdefault(j, (kind, place)) if kind else (None, place)
            if kind != first:
                raise TypeError(
                    f"Column {name!r} of X holds {first} in {where}, but {kind} in {place}. Give "
                    "it one type, such as by astype, everywhere."
                )


def labels_of(y):
    """The distinct values of `y` and the position of each among them; None if continuous."""
    y = check_finite_target(y)
    if sparse.issparse(y) or np.ndim(y) != 1:
        codes, classes = encode(y)
    else:
        y = np.asarray(y)
        if y.dtype.kind == "f" and (y != np.floor(y)).any():
            return None
        try:
            classes, codes = _distinct(y)
        except TypeError:  # values that cannot be sorted: its error says which
            codes, classes = encode(y)
    if codes is None:
        return None
    return classes, codes.astype(np.min_scalar_type(len(classes)))


def _distinct(y):
    """``np.unique(y, return_inverse=True)``; integers of a small range are counted, not sorted."""
    if y.dtype.kind not in "biu" or y.dtype == np.uint64 or not len(y):
        return np.unique(y, return_inverse=True)
    low, high = int(y.min()), int(y.max())
    if high - low >= len(y):
        return np.unique(y, return_inverse=True)
    above = y.astype(np.int64) - low
    occurs = np.bincount(above) > 0
    return (np.flatnonzero(occurs) + low).astype(y.dtype), (np.cumsum(occurs) - 1)[above]


def label_kind(values):
    """The type of class labels, in words; labels of one type can be sorted together."""
    kind = values.dtype.kind
    if kind == "O":
        return "number" if isinstance(values[0], Number) else type(values[0]).__name__
    return {"U": "str", "T": "str", "M": "datetime", "m": "timedelta"}.get(kind, "number")


def _merged_labels(sampler, labels, numbers):
    """Codes of all samples and classes, from those of the partitions; None, None if continuous."""
    if any(one is None for one in labels):
        codes, classes = sampler._encode(np.array([0.5, 1.5]))
        return codes, classes
    kinds = [label_kind(values) for values, _ in labels]
    for number, kind in zip(numbers, kinds, strict=True):
        if kind != kinds[0]:
            raise TypeError(
                f"y holds labels of the type {kinds[0]} in partition {numbers[0]}, but of the type "
                f"{kind} in partition {number}. All labels must be of one type."
            )
    # Each value twice, as scikit-learn warns of labels most of which occur once.
    values = np.unique(np.concatenate([v for v, _ in labels]))
    codes, classes = sampler._encode(np.concatenate([values, values]))
    if codes is None:
        return None, None
    kind = np.min_scalar_type(len(classes))
    of_parts = [np.searchsorted(classes, v).astype(kind)[codes] for v, codes in labels]
    return np.concatenate(of_parts), classes


# A sample on which models are fitted -----------------------------------------------------------


def sample_of(table, random_state):
    """`table` for a random sample of at most `max_fit_rows` samples of positive weight, in memory.

    It has the class proportions of all samples. The positions of its samples are also returned.
    """
    rows = drawn_rows(table, get_config()["max_fit_rows"], check_random_state(random_state))
    X, y = table.X.take(rows)
    return replace(
        table,
        X=X,
        y=y,
        codes=None if table.codes is None else table.codes[rows],
        sample_weight=table.sample_weight[rows],
        excluded=None,
        strata=None,
    ), rows


def drawn_rows(table, most, rng):
    """At most `most` rows of positive weight, ascending, with the class proportions of all."""
    present = is_positive(table.sample_weight)
    if np.count_nonzero(present) <= most:
        return np.flatnonzero(present)
    stratify = None if table.codes is None else "proportional"
    ones = elementwise(lambda some: some.astype(float), present)
    groups = allocate(most, stratify, table.codes, table.classes, ones)
    drawn = []
    for group in groups:
        at = random_order(group.n_samples, rng)[: group.size]
        drawn.append(at if group.rows is None else group.rows[at])
    return np.sort(np.concatenate(drawn))


# Values that are computed for each sample ------------------------------------------------------


def numbers_of(sampler, table):
    """The partitions with features as the method works on them: checked, of positive weight."""
    parts = checked_partitions(sampler, table.X)
    present = is_positive(table.sample_weight)
    if present.all():
        return parts
    rows = [np.flatnonzero(some) for some in split(parts, present)]
    parts = parts.transformed(take, rows)
    parts.count([len(some) for some in rows])
    return parts.where(parts.lengths > 0)


def checked_partitions(sampler, parts):
    """The partitions with features as the method works on them."""
    return parts.transformed(_checked_X, shared=(without_fitted_attributes(sampler),))


def split(parts, values):
    """The values of each partition, of an array with one value for each sample."""
    return np.split(values, parts.offsets[1:])


def _checked_X(X, sampler):
    with config_context(assume_finite=True):  # the survey has searched for NaN and infinity
        return copy(sampler)._check_X(X)


def represent_each(sampler, table):
    """``_represent`` of each partition, whose arrays have one value for each sample."""
    known = type(table), table.classes, table.auxiliary, table.weighted
    values = table.X.map(
        _represent_one, shared=(without_fitted_attributes(sampler), *known), all_columns=True
    )
    if isinstance(values[0], tuple):
        return tuple(np.concatenate(part) for part in zip(*values, strict=True))
    return np.concatenate(values)


def scores_by_sample(sampler, table):
    """A sampler that has scored a sample in memory, and the scores of all samples by it.

    Those that are not in the sample are scored by `score_samples`.
    """
    sampler = copy(sampler)
    sample, rows = sample_of(table, 0)
    numbers, X = sampler._check_numbers(sample.X), sampler._check_X(sample.X)
    of_sample = sampler._scores(replace(sample, X=X, numbers=numbers))
    scores = np.concatenate(table.X.map(_scores_of, shared=(sampler,)))
    scores[rows] = of_sample
    return sampler, scores


def _scores_of(X, sampler):
    return sampler.score_samples(X)


def _represent_one(X, y, weight, sampler, table_type, classes, auxiliary, weighted):
    sampler, n = copy(sampler), _num_samples(X)
    with config_context(assume_finite=True):
        numbers = sampler._check_numbers(X)
        X = sampler._check_X(X)
    classes = None if y is None else classes
    codes = None if classes is None else _codes_in(classes, y)
    weight = _weight_of(weight, n)
    table = table_type(X, y, codes, classes, weight, weighted, numbers, auxiliary)
    with naming_columns(X, sampler):
        return sampler._represent(table, [])


def _codes_in(classes, y):
    """Positions of the labels of a partition in the classes of all partitions."""
    values, at = labels_of(y)
    return np.searchsorted(classes, values).astype(np.min_scalar_type(len(classes)))[at]


def _weight_of(weight, n):
    return np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)


def rows_by_group(X, y, weight, classes, highest):
    """The samples of positive weight of each class of one partition, in a worker.

    Parameters
    ----------
    X, y, weight : the columns of the partition
    classes : ndarray or None
        The classes of all partitions, or the labels of strata. None: the samples are one group.
    highest : ndarray or None
        The largest target of each of the `Strata`, if `classes` are those.

    Returns
    -------
    rows : list of ndarray of int
        Ascending positions in the partition, for each of `classes`.
    weight : ndarray of shape (n,), float64
        The weights of all samples.
    """
    weight = _weight_of(weight, _num_samples(X))
    present = np.flatnonzero(weight)
    if classes is None:
        return [present], weight
    if highest is None:
        codes = _codes_in(classes, y)[present]
    else:
        codes = np.searchsorted(highest, continuous_target(y)[present])
    order = present[np.argsort(codes, kind="stable")]
    counts = np.bincount(codes, minlength=len(classes))
    return np.split(order, np.cumsum(counts)[:-1]), weight


# Two rounds ------------------------------------------------------------------------------------


def two_rounds(sampler, table, auxiliary, seed):
    """Reduce each partition and then the union; publish the result in `sampler`."""
    parts, candidates = table.X, count_candidates(*table.candidates)
    sizes = divide(sampler.coreset_size, sampler._stratification(), candidates)
    rng = np.random.RandomState(seed)
    first, second = sampler._for_partitions(table, rng)
    budgets, initial = _budgets(sampler, table, sizes)
    seeds = [rng.randint(2**31 - 1) for _ in range(len(parts))]
    found = parts.map(
        reduced,
        budgets,
        initial,
        seeds,
        shared=(without_fitted_attributes(first), auxiliary),
        all_columns=True,
    )
    rows = np.concatenate(
        [one.rows + start for one, start in zip(found, parts.offsets, strict=True)]
    )
    X = stacked([one.X for one in found])
    y = None if parts.targets is None else stacked([one.y for one in found])
    everything = len(rows) == np.count_nonzero(table.sample_weight)
    weight = np.concatenate([one.weight for one in found])
    if sampler._weights_are_own:
        weight = _own_weights(table, sizes, rows)
    second = copy(second)
    if initial[0] is not None:
        at = np.argsort(rows)
        second.init = at[np.searchsorted(rows[at], np.asarray(sampler.init))]
    given = None if everything and not table.weighted else weight
    select_from_union(second, sizes, table.classes, X, y, given, **auxiliary)
    publish_union(sampler, second, rows, candidates)


def _own_weights(table, sizes, rows):
    """Sample weights of `rows`, times a factor such that those of a class sum to its total."""
    weight = table.sample_weight
    codes = repeated(np.int8(0), len(weight)) if isinstance(sizes, Integral) else table.codes
    total = sums_by_code(codes, weight, np.size(sizes))
    own = np.bincount(codes[rows], weights=weight[rows], minlength=np.size(sizes))
    return weight[rows] * (total[codes[rows]] / own[codes[rows]])


def select_from_union(sampler, sizes, classes, X, y, sample_weight, **auxiliary):
    """Fit `sampler` on the union of reduced parts, with the sizes of the classes of all samples."""
    wanted = {None: int(sizes)} if isinstance(sizes, Integral) else _by_label(sizes, classes)
    there = wanted
    if sampler._stops_early is not None:  # it may have reduced a class to fewer samples
        there = {None: _num_samples(X)}
        if None not in wanted:
            labels, codes = labels_of(y)
            there = _by_label(np.bincount(codes, minlength=len(labels)), labels)
    budget = {label: min(size, there.get(label, 0)) for label, size in wanted.items()}
    budget = {label: size for label, size in budget.items() if size}
    sampler.coreset_size = budget.get(None) or {**budget, None: 0}
    sampler._is_silent = True
    sampler.fit(X, y, sample_weight, **auxiliary)
    for label, size in wanted.items():
        by_label = sampler.sampling_strategy_
        n = len(sampler.sample_indices_) if label is None else by_label.get(label, 0)
        if n < size:
            warn(fewer_in_words(n, size, of_the_group(label), sampler._stops_early))


@dataclass(frozen=True)
class _Reduced:
    rows: np.ndarray  # ascending positions in the partition
    X: object
    y: object
    weight: np.ndarray


def _budgets(sampler, table, sizes):
    """The budget of each partition for the first round, and its samples in `init`."""
    parts, present = table.X, is_positive(table.sample_weight)
    of_all = not isinstance(sizes, Integral)
    codes = table.codes if of_all else np.zeros(len(present), dtype=np.int8)
    sizes = np.atleast_1d(sizes)
    spans = [slice(a, a + n) for a, n in zip(parts.offsets, parts.lengths, strict=True)]
    counts = np.array([np.bincount(codes[s][present[s]], minlength=len(sizes)) for s in spans])
    total = np.maximum(1, counts.sum(axis=0))
    union = np.maximum(FACTOR * sizes, FEWEST * sizes / sizes.sum())
    most = sampler._most_candidates()
    budgets = np.ceil(union * counts / total).astype(int)
    budgets = np.minimum(budgets, counts if most is None else np.minimum(counts, most))
    initial = [None] * len(parts)
    if getattr(sampler, "init", None) is not None and not isinstance(sampler.init, str):
        init = np.asarray(sampler.init)
        initial = [init[(init >= s.start) & (init < s.stop)] - s.start for s in spans]
        for p, (at, s) in enumerate(zip(initial, spans, strict=True)):
            given = np.bincount(codes[s][at], minlength=len(sizes))
            budgets[p] = np.maximum(budgets[p], given)
    if not of_all:
        return [int(one) for one in budgets[:, 0]], initial
    return [_by_label(one, table.classes) for one in budgets], initial


def _by_label(sizes, classes):
    return dict(zip(map(plain, classes), map(int, sizes), strict=True))


def reduced(X, y, weight, budget, init, seed, sampler, auxiliary):
    """A weighted coreset of one partition, in a worker, or of a chunk of a stream."""
    n = _num_samples(X)
    own = check_sample_weight(weight, n) if weight is None or np.any(weight) else np.zeros(n)
    sampler, wanted = copy(sampler), budget
    if isinstance(budget, dict):
        budget = {label: size for label, size in budget.items() if size}
        wanted = sum(budget.values())
        labels, codes = labels_of(y)
        left_out = np.array([plain(label) not in budget for label in labels])
        if left_out.any():
            # The weights of the selected samples do not represent these classes.
            own = weight = np.where(left_out[codes], 0.0, own)
    present = np.flatnonzero(own)
    if wanted == len(present):
        rows, coreset_weight = present, own[present]
    elif not wanted:
        rows, coreset_weight = present[:0], own[:0]
    else:
        if isinstance(budget, dict):
            budget[None] = 0
        sampler.coreset_size, sampler._is_silent = budget, True
        if init is not None:
            sampler.init = init
        if sampler._is_random():
            sampler.random_state = seed
        sampler.fit(X, y, weight, **auxiliary)
        order = np.argsort(sampler.sample_indices_)
        rows, coreset_weight = sampler.sample_indices_[order], sampler.sample_weight_[order]
    return _Reduced(rows, take(X, rows), None if y is None else take(y, rows), coreset_weight)


def publish_union(sampler, second, rows, candidates):
    """Set the fitted attributes of `sampler` from those of the selection from the union."""
    n_union = len(rows)
    selected = second._selected
    others = {"classes_", "sample_weight_", *_OF_FEATURES, *selected.parts[0].picks.per_pick}
    parts = [
        replace(part, picks=replace(part.picks, positions=rows[part.picks.positions]))
        for part in selected.parts
    ]
    if candidates.classes is not None and len(candidates.classes) > len(second.classes_):
        # The union has no samples of the classes that are left out.
        code = np.searchsorted(candidates.classes, second.classes_)
        parts = [
            replace(
                part,
                code=None if part.code is None else int(code[part.code]),
                codes=code[part.codes],
            )
            for part in parts
        ]
    for name, value in vars(second).items():
        if not name.endswith("_") or name.startswith("_"):
            continue
        # Attributes with one value for each sample of the union, or with the numbers of some of
        # these, describe no sample of X.
        shape = getattr(value, "shape", ())
        if len(shape) and shape[0] == n_union and name not in others:
            continue
        if name in sampler._of_samples:
            continue
        setattr(sampler, name, value)
    sampler._selected = replace(selected, parts=parts, candidates=candidates)
    if candidates.classes is not None and len(candidates.classes) > len(second.classes_):
        sampler.classes_ = candidates.classes
    sampler._publish_parts(parts)
    sampler.n_samples_in_ = candidates.n_samples
