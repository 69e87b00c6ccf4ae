"""How many rows of which class: `coreset_size` x `stratify` -> exact counts, and their order."""

import numbers
from dataclasses import dataclass

import numpy as np

__all__ = ["Group", "interleave", "largest_remainder", "plain", "rows_in_words", "share_out"]


@dataclass(frozen=True)
class Group:
    """One competition: `size` of the rows `rows` are picked."""

    label: object  # the class; None where all rows compete with each other
    rows: np.ndarray | None  # ascending row indices; None: all rows of the table
    size: int


def share_out(coreset_size, stratify, codes, classes, weight):
    """Groups of rows and how many of each to pick; the sizes add up to the coreset exactly.

    Parameters
    ----------
    coreset_size : int, float, dict or None
        None: as many as there are, for methods that know themselves when they are done.
    stratify : "proportional", "balanced" or None
    codes : ndarray of shape (n,) or None
        Class of each row as a position in `classes`; None without classes.
    classes : ndarray of shape (n_classes,) or None
    weight : ndarray of shape (n,)
        Weight of each row. Rows of weight 0 count as absent.

    Returns
    -------
    list of Group
        In the order of `classes`; groups of size 0 are left out.
    """
    present = weight > 0
    if coreset_size is None:
        coreset_size = int(present.sum())
    if isinstance(coreset_size, dict):
        if codes is None:
            raise ValueError(
                f"coreset_size={coreset_size!r} gives a number for each class, but there are no "
                "classes: y is absent or continuous. Give an int or a float."
            )
        if stratify is None:
            raise ValueError(
                f"coreset_size={coreset_size!r} fixes the number of rows of each class, "
                "stratify=None lets all rows compete: give an int or a float, or keep the default "
                "stratify='proportional'."
            )
        available = np.bincount(codes[present], minlength=len(classes))
        sizes = _sizes_by_class(coreset_size, classes, available, present.all())
    else:
        size = _size(coreset_size, int(present.sum()), present.size)
        if codes is None or stratify is None:
            rows = None if present.all() else np.flatnonzero(present)
            return [Group(None, rows, size)]
        available = np.bincount(codes[present], minlength=len(classes))
        n_classes = np.count_nonzero(available)
        if size < n_classes:
            raise ValueError(
                f"coreset_size={coreset_size!r} gives {rows_in_words(size)} for {n_classes} "
                f"classes, and stratify={stratify!r} keeps at least one row of each. Ask for at "
                f"least {n_classes} rows, or use stratify=None."
            )
        if stratify == "proportional":
            shares = np.bincount(codes, weights=weight, minlength=len(classes))
        else:
            shares = (available > 0).astype(float)
        sizes = largest_remainder(size, shares, available)
    return [
        Group(label, np.flatnonzero(present & (codes == code)), int(size))
        for code, (label, size) in enumerate(zip(classes, sizes, strict=True))
        if size > 0
    ]


def rows_in_words(n):
    """ "1 row", "2 rows" """
    return "1 row" if n == 1 else f"{n} rows"


def _size(coreset_size, n_present, n_rows):
    """`coreset_size` as a number of rows out of `n_present`."""
    of = "" if n_present == n_rows else f" of positive weight (out of {n_rows})"
    if isinstance(coreset_size, bool):
        raise TypeError(
            f"coreset_size={coreset_size} is a bool; give an int, a fraction in (0, 1] or a dict."
        )
    if isinstance(coreset_size, numbers.Integral):
        if coreset_size > n_present:
            raise ValueError(
                f"coreset_size={coreset_size} is larger than the number of rows: there are "
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
            raise ValueError(f"coreset_size has the class {label!r}; y has the classes {shown}.")
        is_count = isinstance(size, numbers.Integral) and size >= 0
        is_share = not isinstance(size, numbers.Integral) and isinstance(size, numbers.Real)
        if isinstance(size, bool) or not (is_count or (is_share and 0 < size <= 1)):
            raise ValueError(
                f"coreset_size[{label!r}]={size!r}: give an int of at least 0, the number of rows "
                "of the class, or a float in (0, 1], its fraction."
            )
        wanted[code] = label, size
    missing = [label for label in shown if known[label] not in wanted]
    if missing and None not in wanted:
        raise ValueError(
            f"coreset_size={coreset_size!r} says nothing of the classes {missing}; give a number "
            "for each class, 0 to leave it out, or one for all others with None as key."
        )
    sizes = []
    for label, code in known.items():
        named, size = wanted[code] if code in wanted else wanted[None]
        of, there = "" if all_count else " of positive weight", int(available[code])
        if not isinstance(size, numbers.Integral):
            size = min(there, max(1, round(float(size) * there)))
        elif named is None and not there:
            size = 0  # rows of weight 0 are absent, and so is their class
        if size > there:
            which = "of that class" if named is not None else f"of the class {label!r}"
            raise ValueError(
                f"coreset_size[{named!r}]={size} is larger than the number of rows {which}: "
                f"there {'is' if there == 1 else 'are'} {there}{of}."
            )
        sizes.append(int(size))
    if sum(sizes) == 0:
        raise ValueError(f"coreset_size={coreset_size!r} asks for no row at all.")
    return sizes


def plain(label):
    """A label as a dict key: a Python object, or a date of NumPy as it is."""
    # `item` would make an int of a date in nanoseconds.
    is_date = isinstance(label, np.datetime64 | np.timedelta64)
    return label.item() if isinstance(label, np.generic) and not is_date else label


def _as_in(label, classes):
    """A key of the user's dict as `plain` has it of `classes`."""
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

    Largest remainder (Hamilton): each class gets the whole part of its quota, the rows left over
    go to the largest fractions; ties to the class with more rows, then to the earlier one. A
    class that is present gets at least one row and none gets more than it has: classes whose
    quota lies outside are set to that bound first, and the rest is shared out among the others.

    Parameters
    ----------
    size : int
        At least the number of classes present, at most ``available.sum()``.
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
        # Which side is bound first decides whether the other side is still out of bounds after:
        # the one that moves more rows, as otherwise a class could be bound that need not be.
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
    """Order in which the picks of several groups are merged: every prefix keeps their proportion.

    Pick j (from 0) of a group of `size` stands at (j + 1/2) / size of the way; ties go to the
    earlier group.

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
