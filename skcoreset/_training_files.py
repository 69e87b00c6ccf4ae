"""The file of a record of a training: arrays and a header, without pickled objects."""

import io
import json
import os
import zipfile
import zlib
from contextlib import nullcontext

import numpy as np

from skcoreset._training_statistics import BOTH, KINDS, check_epoch

__all__ = ["load_dynamics", "save_dynamics"]

FORMAT, VERSION = "skcoreset.TrainingDynamics", 1


def save_dynamics(dynamics, file):
    """Write a record to a path or a binary file object."""
    labels, labels_are = _plain_labels(dynamics.classes_)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "labels": labels_are,
        "kind": dynamics._kind,
        "early_epoch": dynamics.early_epoch,
        "closed_runs": dynamics._closed_runs,
        "last_epoch": dynamics._last_epoch,
    }
    arrays = {name: getattr(dynamics, name) for name in dynamics._per_row()}
    # NumPy would add ".npz" to a path that has no suffix.
    with nullcontext(file) if hasattr(file, "write") else open(file, "wb") as opened:
        np.savez_compressed(opened, header=json.dumps(header), classes=labels, **arrays)


def load_dynamics(cls, file):
    """The record that `save_dynamics` has written, an instance of `cls`."""
    header, arrays = _read(file)
    if header["version"] != VERSION:
        raise ValueError(
            f"{_name(file)} holds a record in version {header['version']!r} of the format, but "
            f"this version of skcoreset reads version {VERSION}. Use the version that saved it."
        )
    try:
        return _restored(cls, header, arrays)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{_name(file)} holds a damaged record: {error}") from error


def _restored(cls, header, arrays):
    """The record; an error is raised if it does not fit together."""
    labels = arrays["classes"]
    if header["labels"] == "object":
        labels = labels.astype(object)
    codes = arrays["_codes"]
    _need(codes.ndim == 1 and codes.dtype.kind == "i" and len(codes), "class codes are missing")
    _need(((codes >= 0) & (codes < len(labels))).all(), "class codes and classes do not match")
    dynamics = cls(labels[codes], classes=labels, early_epoch=header["early_epoch"])
    for name in dynamics._per_row():
        now, then = getattr(dynamics, name), arrays[name]
        _need(then.shape == now.shape, f"{name} has the shape {then.shape}, not {now.shape}")
        _need(then.dtype.kind == now.dtype.kind, f"{name} has the dtype {then.dtype}")
        setattr(dynamics, name, then.astype(now.dtype))
    kind, total = header["kind"], dynamics._total
    _need(kind in (None, BOTH, *KINDS), f"the kind is {kind!r}")
    _need((kind is None) == (not total.any()), f"the kind is {kind!r}")
    dynamics._kind = kind
    dynamics._closed_runs = check_epoch(header["closed_runs"], "closed_runs")
    dynamics._last_epoch = check_epoch(header["last_epoch"] + 1, "last_epoch") - 1
    for name in cls._COUNTS:
        values = getattr(dynamics, name)
        most = dynamics._closed_runs if name == "_error_runs" else total
        _need(((values >= 0) & (values <= most)).all(), f"{name} exceeds the number of records")
    for name in (*cls._SUMS, *cls._NOW):
        # NaN means that nothing was recorded.
        values, gaps = getattr(dynamics, name), name in (*cls._NOW, "_gradient")
        _need((np.isfinite(values) | (gaps & np.isnan(values))).all(), f"{name} is not finite")
    _need((dynamics._square >= 0).all(), "_square is negative")
    return dynamics


def _plain_labels(classes):
    """Class labels as an array that needs no pickle, and the name of the original dtype."""
    if classes.dtype != object:
        return classes, classes.dtype.name
    kinds = {type(label) for label in classes.tolist()}
    plain = np.array(classes.tolist()) if len(kinds) == 1 else classes
    if plain.dtype == object or plain.tolist() != classes.tolist():
        raise ValueError(
            f"These class labels cannot be saved without pickle: {classes.tolist()}. Use labels "
            "that are all strings, all numbers or all bool, or pickle the whole record."
        )
    return plain, "object"


def _name(file):
    return repr(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else repr(file)


def _need(condition, message):
    if not condition:
        raise ValueError(message)


def _read(file):
    """Header and arrays of a file; an error is raised if the file is not a complete record."""
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
            raise ValueError(f"the format is {header['format']!r}")
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
            f"{_name(file)} is not a complete file of TrainingDynamics.save "
            f"({type(error).__name__}: {error})."
        ) from error
    return header, arrays
