"""Public docstrings: shared paragraphs are written once, and none is missing."""

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

import skcoreset
from skcoreset._docstrings import PARAGRAPHS, fill_docstring

SOURCES = sorted(Path(skcoreset.__file__).parent.rglob("*.py"))
# Long enough to be a text of its own: "X : array-like" may well be in two docstrings, and so may
# the summary of a method that two classes have.
A_PARAGRAPH = 60


def written_docstrings():
    """(where, docstring as it is in the source) of every class and function."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield f"{path.name}: {node.name}", ast.get_docstring(node) or ""


def public_objects():
    for name in skcoreset.__all__:
        value = getattr(skcoreset, name)
        yield name, value
        if isinstance(value, type):
            for method, function in inspect.getmembers(value, callable):
                if not method.startswith("_") and function.__module__.startswith("skcoreset"):
                    yield f"{name}.{method}", function


def test_no_paragraph_is_written_twice():
    places = defaultdict(list)
    for where, text in written_docstrings():
        _summary, *paragraphs = re.split(r"\n\s*\n", text)
        for paragraph in paragraphs:
            lines = [line for line in paragraph.splitlines() if set(line.strip()) != {"-"}]
            words = " ".join(" ".join(lines).split())
            if len(words) > A_PARAGRAPH:
                places[words].append(where)
    twice = {words: where for words, where in places.items() if len(where) > 1}
    assert not twice


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_no_placeholder_is_left(name):
    documented = OBJECTS[name]
    text = documented.__doc__ if callable(documented) else ""
    assert not re.search(r"^\s*\{\w+\}\s*$", text or "", flags=re.MULTILINE), name


def test_every_shared_paragraph_is_used_more_than_once():
    uses = re.findall(r"^\s*\{(\w+)\}\s*$", "\n".join(t for _, t in written_docstrings()), re.M)
    counts = {name: uses.count(name) for name in PARAGRAPHS}
    assert all(count > 1 for count in counts.values()), counts


def test_fill_docstring():
    def function():
        r"""Summary.

        {classes_}

        .. math:: \frac{a}{b}
        """

    filled = fill_docstring(function).__doc__
    assert (
        "        classes_ : ndarray of shape (n_classes,)\n            The class labels" in filled
    )
    assert r"\frac{a}{b}" in filled


def test_an_unknown_paragraph_is_an_error():
    def function():
        """Summary.

        {no_such_paragraph}
        """

    with pytest.raises(KeyError, match="no_such_paragraph"):
        fill_docstring(function)
