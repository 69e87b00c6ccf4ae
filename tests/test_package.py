"""What a user meets before the first fit: import, memory, the mistakes of others."""

import subprocess
import sys
import textwrap

import pytest

import skcoreset


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize(
    ("sampler", "megabytes"),
    [
        # n = 40,000 x 200: X is 64 MB, the n x n distances would be 12,800 MB
        ("KCenterGreedy(500, stratify=None)", 60),
        ("KCenterGreedy(500)", 60),
        ("KCenterGreedy(500, metric='cosine')", 60),
        ("Herding(100)", 60),
    ],
)
def test_extra_memory_is_bounded(sampler, megabytes):
    code = f"""
    import resource
    import numpy as np, sklearn
    from skcoreset import Herding, KCenterGreedy

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40_000, 200)), np.repeat([0, 1], 20_000)
    with sklearn.config_context(working_memory=16):
        KCenterGreedy(50).fit(X[19_000:21_000], y[19_000:21_000])  # what libraries need once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        {sampler}.fit(X, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    assert float(run(code)) < megabytes
