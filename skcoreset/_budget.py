"""How many samples of which class: the budget is divided into groups, and picks are merged."""

import numbers
from dataclasses import dataclass, replace

import numpy as np

__all__ = [
    "Group",
    "allocate",
    "interleave",
    "largest_remainder",
    "plain",
    "resized",
    "samples_in_words",
]


@dataclass(frozen=True)
class Group:
    """A class, or the whole table: samples of which `size` are selected."""

    label: object  # the class; None: the group is the whole table
    rows: np.ndarray | None  # indices of its samples, ascending; None: all samples
    size: int  # its part of the budget
    sample_weight: np.ndarray  # (n_samples of the group,), divided by their mean
    mean_weight: float  # the mean by which they were divided
    total_weight: float  # sum of the sample weights of the table
    random_state: np.random.RandomState | None = None
    report: object = None  # callable, takes the number of samples selected so far

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
        return "" if self.label is None else f" of the class {self.label}"

    def rows_of(self, values):
        """The part of an array over all samples that belongs to this group."""
        return values if self.rows is None else values[self.rows]


def allocate(coreset_size, stratify, codes, classes, weight):
    """Divide the budget among the classes.

    Parameters
    ----------
    coreset_size : int, float, dict or None
        None: all samples, for methods that end by a criterion of their own.
    stratify : "proportional", "balanced" or None
    codes : ndarray of shape (n_samples,) or None
        Position of the class of each sample in `classes`; None without classes.
    classes : ndarray of shape (n_classes,) or None
    weight : ndarray of shape (n_samples,)
        Sample weights. Samples of weight 0 are ignored.

    Returns
    -------
    list of Group
        In the order of `classes`; the sizes sum to the budget. There are no groups of size 0.
    """
    present = weight > 0

    def group(label, rows, size):
        relative, mean = _by_mean(weight if rows is None else weight[rows])
        return Group(label, rows, size, relative, mean, float(weight.sum()))

    if coreset_size is None:
        coreset_size = int(present.sum())
    if isinstance(coreset_size, dict):
        if codes is None:
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
        available = np.bincount(codes[present], minlength=len(classes))
        sizes = _sizes_by_class(coreset_size, classes, available, present.all())
    else:
        size = _size(coreset_size, int(present.sum()), present.size)
        if codes is None or stratify is None:
            return [group(None, None if present.all() else np.flatnonzero(present), size)]
        available = np.bincount(codes[present], minlength=len(classes))
        n_classes = np.count_nonzero(available)
        if size < n_classes:
            raise ValueError(
                f"coreset_size={coreset_size!r} gives {samples_in_words(size)} for {n_classes} "
                f"classes, but stratify={stratify!r} selects at least one sample of each class. "
                f"Give a coreset_size of at least {n_classes} samples, or use stratify=None."
            )
        if stratify == "proportional":
            shares = np.bincount(codes, weights=weight, minlength=len(classes))
        else:
            shares = (available > 0).astype(float)
        sizes = largest_remainder(size, shares, available)
    return [
        group(label, np.flatnonzero(present & (codes == code)), int(size))
        for code, (label, size) in enumerate(zip(classes, sizes, strict=True))
        if size > 0
    ]


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
    share = weight / most
    mean = share.mean()
    return share / mean, most * mean


def samples_in_words(n):
    """ "1 sample", "2 samples" """
    return "1 sample" if n == 1 else f"{n} samples"


def _size(coreset_size, n_present, n_samples):
    """`coreset_size` as a number of samples out of `n_present`."""
    of = "" if n_present == n_samples else f" of positive weight (out of {n_samples})"
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


def _sizes_by_class(coreset_size, classes, available, all_count):
    """Sizes of a dict ``{class: int or float}``, in the order of `classes`."""
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
        of, there = "" if all_count else " of positive weight", int(available[code])
        if not isinstance(size, numbers.Integral):
            size = min(there, max(1, round(float(size) * there)))
        elif named is None and not there:
            size = 0  # the samples of this class all have weight 0
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
