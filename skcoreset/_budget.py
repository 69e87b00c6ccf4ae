"""How many samples of which class: the budget is divided into groups, and picks are merged."""

import numbers
from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils._param_validation import Interval, RealNotInt

from skcoreset._kernels.compact import (
    counts_by_code,
    elementwise,
    is_positive,
    position_type,
    rows_by_code,
    some_of,
    sums_by_code,
)
from skcoreset._strata import Stratum

__all__ = [
    "SIZE_CONSTRAINTS",
    "Candidates",
    "Group",
    "allocate",
    "count_candidates",
    "divide",
    "fewer_in_words",
    "interleave",
    "largest_remainder",
    "of_the_group",
    "plain",
    "resized",
    "samples_in_words",
]

# The values that the parameter `coreset_size` accepts
SIZE_CONSTRAINTS = [
    Interval(numbers.Integral, 1, None, closed="left"),
    Interval(RealNotInt, 0, 1, closed="right"),
    dict,
]


@dataclass(frozen=True)
class Group:
    """A class, or the whole table: samples of which `size` are selected."""

    label: object  # the class; None: the group is the whole table
    rows: np.ndarray | None  # indices of its samples, ascending; None: all samples
    size: int  # its part of the budget
    sample_weight: np.ndarray  # (n_samples of the group,), as of the table, divided by their mean
    mean_weight: float  # the mean by which they were divided
    total_weight: float  # sum of the sample weights of the table
    random_state: np.random.RandomState | None = None
    report: object = None  # callable, takes the number of samples selected so far
    # Positions of the picks if these are known, and only their weights are to be computed
    given: np.ndarray | None = None

    @property
    def n_samples(self):
        return len(self.sample_weight)

    @property
    def weight_fraction(self):
        """Fraction of the total weight of the table."""
        return self.sample_weight.sum() * self.mean_weight / self.total_weight

    @property
    def of_the_class(self):
        """For messages: " of the class ...", or nothing for the whole table."""
        return of_the_group(self.label)

    def rows_of(self, values):
        """The part of an array over all samples that belongs to this group."""
        return some_of(values, self.rows)


def of_the_group(label):
    """For messages: " of the class ..." or " of the stratum ...", nothing for the whole table."""
    if label is None:
        return ""
    return f" of the {'stratum' if isinstance(label, Stratum) else 'class'} {label}"


@dataclass(frozen=True)
class Candidates:
    """The samples that may be selected, counted."""

    classes: np.ndarray | None  # None where there are no classes
    counts: np.ndarray | None  # (n_classes,), number of candidates of each class
    weights: np.ndarray | None  # (n_classes,), their total sample weights
    n: int  # number of candidates
    weight: float  # their total sample weight
    n_samples: int  # of the table
    # For errors: the words behind "samples" if not all samples of the table are candidates
    which: str = " of positive weight"

    @property
    def in_words(self):
        """For errors: `which`, or nothing if all samples are candidates."""
        return "" if self.n == self.n_samples else self.which


def count_candidates(codes, classes, weight, which=" of positive weight"):
    """Count the samples of positive weight. The parameters are those of `allocate`."""
    present, counts, weights = is_positive(weight), None, None
    if codes is not None:
        counts = counts_by_code(codes, present, len(classes))
        weights = sums_by_code(codes, weight, len(classes))
    return Candidates(
        classes, counts, weights, int(present.sum()), float(weight.sum()), present.size, which
    )


def allocate(coreset_size, stratify, codes, classes, weight, which=" of positive weight"):
    """Divide the budget among the classes.

    Parameters
    ----------
    coreset_size : int, float, dict or None
        None: all samples, for methods that end by a criterion of their own.
    stratify : "proportional", "balanced", "quantile" or None
    codes : ndarray of shape (n_samples,) or None
        Position of the class of each sample in `classes`; None without classes.
    classes : ndarray of shape (n_classes,) or None
        The classes, or the labels of strata.
    weight : ndarray of shape (n_samples,)
        Sample weights. Samples of weight 0 are ignored.
    which : str
        For errors: which samples have a positive weight.

    Returns
    -------
    list of Group
        In the order of `classes`; the sizes sum to the budget. There are no groups of size 0.
    """
    candidates = count_candidates(codes, classes, weight, which)
    sizes = divide(coreset_size, stratify, candidates)

    def group(label, rows, size):
        relative, mean = _by_mean(some_of(weight, rows))
        return Group(label, rows, size, relative, mean, candidates.weight)

    present = is_positive(weight)
    if isinstance(sizes, int):
        rows = None
        if not present.all():
            rows = np.flatnonzero(present).astype(position_type(len(present)))
        return [group(None, rows, sizes)]
    rows = rows_by_code(codes, present, candidates.counts)
    return [
        group(label, own, int(size))
        for label, own, size in zip(classes, rows, sizes, strict=True)
        if size > 0
    ]


def divide(coreset_size, stratify, candidates):
    """The number of samples to select of each class, or an int if the classes do not matter.

    Parameters
    ----------
    coreset_size, stratify : as in `allocate`
    candidates : Candidates
    """
    classes, available = candidates.classes, candidates.counts
    if coreset_size is None:
        coreset_size = candidates.n
    if isinstance(coreset_size, dict):
        if classes is None:
            raise ValueError(
                f"coreset_size={coreset_size!r} gives a size for each class, but there are no "
                "classes: y is None or continuous. Give an int or a float."
            )
        if stratify is None:
            raise ValueError(
                f"coreset_size={coreset_size!r} sets the size of each class, but stratify=None "
                "ignores classes. Give an int or a float, or keep the default "
                "stratify='proportional'."
            )
        return _sizes_by_class(coreset_size, candidates)
    size = _size(coreset_size, candidates)
    if classes is None or stratify is None:
        return size
    n_classes = np.count_nonzero(available)
    if size < n_classes:
        groups = ("strata", "stratum") if stratify == "quantile" else ("classes", "class")
        raise ValueError(
            f"coreset_size={coreset_size!r} gives {samples_in_words(size)} for {n_classes} "
            f"{groups[0]}, but stratify={stratify!r} selects at least one sample of each "
            f"{groups[1]}. Give a coreset_size of at least {n_classes} samples, or use "
            f"stratify=None{_or_quantile(classes)}."
        )
    shares = (available > 0).astype(float) if stratify == "balanced" else candidates.weights
    return largest_remainder(size, shares, available)


def _or_quantile(classes):
    """For an error: the way out for numbers that scikit-learn takes as classes."""
    return ", or stratify='quantile' if y is continuous" if classes.dtype.kind == "f" else ""


def resized(groups, shares):
    """The groups with their budget divided in proportion to `shares`; as they are if None."""
    if shares is None:
        return groups
    sizes = largest_remainder(
        sum(group.size for group in groups),
        np.asarray(shares),
        np.array([group.n_samples for group in groups]),
    )
    return [replace(group, size=int(size)) for group, size in zip(groups, sizes, strict=True)]


def _by_mean(weight):
    """Sample weights divided by their mean, and the mean.

    They are divided by the largest first, so that none overflows and few digits are lost where all
    are tiny.
    """
    most = weight.max()
    share = elementwise(lambda values: values / most, weight)
    mean = share.mean()
    return elementwise(lambda values: values / mean, share), most * mean


def samples_in_words(n):
    """ "1 sample", "2 samples" """
    return "1 sample" if n == 1 else f"{n} samples"


def fewer_in_words(n, size, of_the_class, reason):
    """A warning of a selection that has fewer samples than the budget `size`."""
    return (
        f"{samples_in_words(n)}{of_the_class} {'was' if n == 1 else 'were'} selected, fewer than "
        f"the budget of {size}: {reason}."
    )


def _size(coreset_size, candidates):
    """`coreset_size` as a number of samples out of the candidates."""
    n_present, of = candidates.n, candidates.in_words
    of = of and f"{of} (out of {candidates.n_samples})"
    if isinstance(coreset_size, bool):
        raise TypeError(
            f"coreset_size={coreset_size} is a bool. Give an int, a fraction in (0, 1] or a dict."
        )
    if isinstance(coreset_size, numbers.Integral):
        if coreset_size > n_present:
            raise ValueError(
                f"coreset_size={coreset_size} is larger than the number of samples: there are "
                f"{n_present}{of}. Give an int from 1 to {n_present}, or a fraction in (0, 1]."
            )
        return int(coreset_size)
    return max(1, round(float(coreset_size) * n_present))


def _sizes_by_class(coreset_size, candidates):
    """Sizes of a dict ``{class: int or float}``, in the order of the classes."""
    classes, available, of = candidates.classes, candidates.counts, candidates.in_words
    known = {plain(label): code for code, label in enumerate(classes)}
    shown = sorted(known, key=str)
    wanted = {}
    for label, size in coreset_size.items():
        code = None if label is None else known.get(_as_in(label, classes))
        if label is not None and code is None:
            raise ValueError(
                f"coreset_size has the class {label!r}, but y has the classes {_listed(shown)}."
            )
        is_count = isinstance(size, numbers.Integral) and size >= 0
        is_share = not isinstance(size, numbers.Integral) and isinstance(size, numbers.Real)
        if isinstance(size, bool) or not (is_count or (is_share and 0 < size <= 1)):
            raise ValueError(
                f"coreset_size[{label!r}]={size!r} must be an int of at least 0, the number of "
                "samples of the class, or a float in (0, 1], the fraction of its samples."
            )
        wanted[code] = label, size
    missing = [label for label in shown if known[label] not in wanted]
    if missing and None not in wanted:
        raise ValueError(
            f"coreset_size={coreset_size!r} has no size for the classes {_listed(missing)}. Give a "
            "size for each class (0 leaves a class out), or one for all other classes with the key "
            "None."
        )
    sizes = []
    for label, code in known.items():
        named, size = wanted[code] if code in wanted else wanted[None]
        there = int(available[code])
        if not isinstance(size, numbers.Integral):
            size = min(there, max(1, round(float(size) * there)))
        elif named is None and not there:
            size = 0  # the class has no candidates
        if size > there:
            which = "of that class" if named is not None else f"of the class {label!r}"
            own = "" if named is not None else f" Give a size for {label!r} as well."
            raise ValueError(
                f"coreset_size[{named!r}]={size} is larger than the number of samples {which}: "
                f"there {'is' if there == 1 else 'are'} {there}{of}.{own}"
            )
        sizes.append(int(size))
    if sum(sizes) == 0:
        raise ValueError(
            f"coreset_size={coreset_size!r} selects no sample. Give a positive size for at least "
            "one class."
        )
    return sizes


def _listed(labels, most=10):
    """The first of many class labels, for an error."""
    if len(labels) <= most:
        return str(labels)
    return f"{str(labels[:most])[:-1]}, ...] ({len(labels)} in all)"


def plain(label):
    """A label as a dict key: a Python object, or a date of NumPy as it is."""
    # `item` would make an int of a date in nanoseconds.
    is_date = isinstance(label, np.datetime64 | np.timedelta64)
    return label.item() if isinstance(label, np.generic) and not is_date else label


def _as_in(label, classes):
    """A key of the dict of the user, as `plain` returns it for the same label in `classes`."""
    if classes.dtype.kind not in "mM":
        return plain(label)
    try:  # a datetime.date, a pandas.Timestamp, another unit
        label = np.array(label, dtype=classes.dtype.kind)
    except ValueError:
        return None
    same = classes[classes == label]
    return same[0] if len(same) else None


def largest_remainder(size, shares, available):
    """Integers that add up to `size`, in proportion to `shares`, from 1 (or 0) to `available`.

    Largest remainder (Hamilton): each class gets the whole part of its quota, and the remaining
    places go to the largest fractions; ties go to the larger class, then to the earlier one. A
    class that has samples gets at least one place, and no class gets more than it has samples:
    classes whose quota is out of these bounds get the bound, and the rest of the budget is divided
    among the others.

    Parameters
    ----------
    size : int
        At least the number of classes with samples, at most ``available.sum()``.
    shares : ndarray of shape (n_classes,)
    available : ndarray of int of shape (n_classes,)

    Returns
    -------
    ndarray of int of shape (n_classes,)
    """
    low = np.minimum(available, 1)
    counts = np.zeros_like(available)
    open_ = available > 0
    while True:
        left = size - counts.sum()
        quota = np.where(open_, shares, 0.0)
        quota = left * quota / quota.sum() if quota.sum() > 0 else quota
        below, above = open_ & (quota < low), open_ & (quota > available)
        if not (below.any() or above.any()):
            break
        # Binding one side moves the quotas of the other. The side that moves more places is bound
        # first, because otherwise a class could be bound that is within its bounds in the end.
        excess = (quota - available)[above].sum()
        lack = (low - quota)[below].sum()
        bound = below if lack >= excess else above
        counts[bound] = np.where(bound, low if lack >= excess else available, 0)[bound]
        open_ &= ~bound
    whole = np.floor(quota + 1e-9).astype(available.dtype)
    counts[open_] = whole[open_]
    order = np.lexsort((np.arange(len(shares)), -available, -np.round(quota - whole, 9)))
    order = [c for c in order if open_[c] and counts[c] < available[c]]
    for c in order[: size - counts.sum()]:
        counts[c] += 1
    return counts


def interleave(sizes):
    """Order in which the picks of several groups are merged, so that prefixes are stratified.

    Pick j (from 0) of a group of `size` has the key (j + 1/2) / size; ties go to the earlier group.

    Parameters
    ----------
    sizes : sequence of int

    Returns
    -------
    ndarray of int of shape (sum(sizes),)
        Positions in the concatenation of the groups' picks.
    """
    at = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    return np.argsort(at, kind="stable")
