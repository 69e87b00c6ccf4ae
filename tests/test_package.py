"""What a user meets before the first fit: import, memory, the mistakes of others."""

import inspect
import itertools
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from samplers import META, META_SAMPLERS, OWN_SIZE, SAMPLERS, TRANSFORMERS, name_of
from sklearn.utils import estimator_html_repr

import skcoreset
from skcoreset import Herding
from skcoreset.base import BaseCoreset

ROOT = Path(__file__).parent.parent


def run(code, **kwargs):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        **kwargs,
    )
    return done.stdout


def test_import_brings_no_optional_library():
    code = """
    import sys, skcoreset
    optional = ("cupy", "dask", "matplotlib", "torch", "sphinx")
    print([name for name in optional if name in sys.modules])
    """
    assert run(code).strip() == "[]"


def test_public_names_and_version():
    assert len(set(skcoreset.__all__)) == len(skcoreset.__all__)  # sorted by the linter
    for name in skcoreset.__all__:
        assert getattr(skcoreset, name).__doc__
        assert getattr(skcoreset, name).__module__.startswith("skcoreset._")
    assert skcoreset.__version__


def urls():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]


ESTIMATORS = [
    getattr(skcoreset, name_of(each))(**each.get_params(deep=False))
    for each in SAMPLERS + META_SAMPLERS + OWN_SIZE + META + TRANSFORMERS
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_html_representation_links_to_the_page_of_the_class(estimator):
    page = f"{urls()['Documentation']}/generated/skcoreset.{name_of(estimator)}.html"
    assert estimator._get_doc_link() == page
    assert f'href="{page}"' in estimator_html_repr(estimator)


def test_a_class_of_another_package_has_no_page():
    class Mine(Herding):
        pass

    assert Mine()._get_doc_link() == ""
    page = f"{urls()['Documentation']}/generated/skcoreset.base.BaseCoreset.html"
    assert BaseCoreset()._get_doc_link() == page


def test_addresses_agree():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"repository-code: {urls()['Source']}\n" in citation
    assert f"url: {urls()['Documentation']}\n" in citation


def test_api_lists_every_public_name_once():
    listed = re.findall(r"^   (\w+)$", (ROOT / "doc" / "api.rst").read_text(), re.MULTILINE)
    names = skcoreset.__all__ + skcoreset.base.__all__
    assert sorted(listed) == sorted(names)


def test_the_installation_page_names_every_requirement():
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    page = (ROOT / "doc" / "install.rst").read_text()
    cells = [" ".join(cell.split()) for cell in re.split(r"^ +[*]? *-(?=\s)", page, flags=re.M)]
    rows = dict(itertools.pairwise(cells))
    assert rows["Python"] == project["requires-python"].removeprefix(">=")
    for requirement in project["dependencies"]:
        name, version = requirement.split(">=")
        assert rows[name] == version
    for extra, requirements in project["optional-dependencies"].items():
        for requirement in requirements:
            if requirement.startswith("skcoreset["):  # another extra
                continue
            name, version = re.match(r"([\w-]+).*>=([\d.]+)", requirement).groups()
            assert re.search(rf"\b{name} {re.escape(version)}(,|;|$)", rows[f"``{extra}``"])


def test_public_properties_are_documented():
    """The API page of a class shows the attributes in its docstring, and no other properties."""
    for name in skcoreset.__all__:
        cls = getattr(skcoreset, name)
        for attribute, value in inspect.getmembers(cls):
            if isinstance(value, property) and not attribute.startswith("_"):
                assert re.search(rf"\b{attribute}(, \w+)? : ", cls.__doc__), (name, attribute)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux")
def test_extra_memory_is_bounded():
    """X is 64 MB, and the distances of all pairs would be 12,800 MB."""
    code = """
    import resource
    import numpy as np, sklearn
    from skcoreset import Herding, KCenterGreedy

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40_000, 200)), np.repeat([0, 1], 20_000)
    with sklearn.config_context(working_memory=16):
        KCenterGreedy(50).fit(X[19_000:21_000], y[19_000:21_000])  # what libraries need once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for sampler in (
            KCenterGreedy(500, stratify=None),
            KCenterGreedy(500),
            KCenterGreedy(500, metric="cosine"),
            Herding(100),
        ):
            sampler.fit(X, y)
            # The peak so far: a sampler that needs more is the first with a larger number.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(sampler, (peak - before) / 1024, sep="|")
    """
    for line in run(code).splitlines():
        sampler, megabytes = line.split("|")
        assert float(megabytes) < 60, sampler
