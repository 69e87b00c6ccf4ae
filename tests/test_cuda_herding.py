"""Herding's CUDA kernels, run on the host, against the loop in NumPy."""

import numpy as np
import pytest
import sklearn
from cuda_on_host import COMPILER, HostLauncher
from watched import Watched, WatchedNamespace

from skcoreset._kernels.cuda import herding as cuda_herding
from skcoreset._kernels.cuda import rows as cuda_rows
from skcoreset._kernels.cuda.rows import lanes_of
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import gram

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture
def on_host(monkeypatch):
    """Kernels take NumPy arrays and run on the host; the launchers made are in the list."""
    made = []

    def launcher_of(x, name):
        made.append(HostLauncher(name, x.dtype.name, seed=len(made)))
        return made[-1]

    monkeypatch.setattr(cuda_rows, "launcher_of", launcher_of)
    return made


def in_numpy(monkeypatch, of, size, weight):
    with monkeypatch.context() as patch:
        patch.setattr(cuda_rows, "launcher_of", lambda *_: None)
        return herd(of, size, weight)


def weights(n):
    return np.random.default_rng(1).uniform(0.5, 2, n)


def far_groups(rng, d):
    X = rng.standard_normal((90, d))
    X[rng.random(90) < 0.6, : d // 2] = -99999999
    return X


def tables():
    rng = np.random.default_rng(0)
    return {
        "random": rng.standard_normal((50, 5)),
        "many blocks": rng.standard_normal((299, 4)),
        "in packs": rng.standard_normal((133, 72)),
        "not in packs": rng.standard_normal((130, 71)),
        "wider than a warp in packs": rng.standard_normal((70, 260)),
        "far from the origin": rng.standard_normal((100, 40)) + 1000,
        "far from the origin, not in packs": rng.standard_normal((100, 41)) + 1000,
        "one column": rng.standard_normal((97, 1)),
        "grid": rng.integers(0, 3, (120, 3)).astype(float),
        "wide grid": rng.integers(0, 2, (90, 12)).astype(float),
        "ties far from the origin": 2.0**23
        + np.array([np.roll(np.arange(42) < 28, shift) for shift in rng.permutation(42)]),
        "ties of large products": np.vstack(
            [rng.permuted(np.tile(np.arange(12) < 9, (80, 1)), axis=1), np.full((1, 12), 1e6 / 3)]
        ),
        "duplicates": np.repeat(rng.standard_normal((20, 34)), 4, axis=0),
        "all the same": np.ones((70, 3)),
        "zeros": np.zeros((70, 3)),
        "far groups": far_groups(rng, 8),
        "wide far groups": far_groups(rng, 40),
        "two rows": rng.standard_normal((2, 3)),
        "one row": rng.standard_normal((1, 3)),
    }


@both_types
@pytest.mark.parametrize("table", tables())
def test_herds_what_numpy_herds(table, dtype, on_host, monkeypatch):
    X = tables()[table].astype(dtype)
    n = len(X)
    few = min(n, 12)
    for size, weight in ((n if n * X.shape[1] < 300 else few, np.ones(n)), (few, weights(n))):
        expected = in_numpy(monkeypatch, gram(X), size, weight)
        np.testing.assert_array_equal(herd(gram(X), size, weight), expected)
    assert on_host[-1].launches == ["gains", "pick"] * size


@both_types
@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("memory", [64, 1e-3])
def test_some_rows(memory, d, dtype, on_host, monkeypatch):
    """Copied where that fits, else read where they are; the wide ones less an offset."""
    X = (np.random.default_rng(0).standard_normal((200, d)) + 50).astype(dtype)
    rows = np.random.default_rng(1).permutation(200)[:130]
    with sklearn.config_context(working_memory=memory):
        of = gram(X, rows=rows)
        assert (of.rows is not None) == (memory < 1 and d == 40)
        assert (of.offset is not None) == (d == 40)
        expected = in_numpy(monkeypatch, of, 10, weights(130))
        np.testing.assert_array_equal(herd(of, 10, weights(130)), expected)
    assert on_host[-1].launches == ["gains", "pick"] * 10


def test_tables_of_another_layout(on_host, monkeypatch):
    rng = np.random.default_rng(0)
    by_columns = np.asfortranarray(rng.standard_normal((90, 40)))
    whole = rng.integers(-9, 9, (90, 40))
    shifted = rng.standard_normal(90 * 40 + 1).astype("float32")[1:].reshape(90, 40)
    for X in (by_columns, whole, shifted):  # the last does not start at a multiple of 16 bytes
        expected = in_numpy(monkeypatch, gram(X), 10, np.ones(90))
        np.testing.assert_array_equal(herd(gram(X), 10, np.ones(90)), expected)
        assert on_host[-1].launches
    with sklearn.config_context(working_memory=1e-3):  # no room for the copy: the plain loop
        made = len(on_host)
        of = gram(by_columns)
        expected = in_numpy(monkeypatch, of, 5, np.ones(90))
        np.testing.assert_array_equal(herd(of, 5, np.ones(90)), expected)
        assert not any(launcher.launches for launcher in on_host[made:])


@both_types
def test_the_order_of_threads_does_not_matter(dtype, monkeypatch):
    X = np.random.default_rng(0).integers(0, 3, (200, 6)).astype(dtype)
    expected = in_numpy(monkeypatch, gram(X), 12, np.ones(200))
    for seed in range(5):
        monkeypatch.setattr(
            *(cuda_rows, "launcher_of"),
            lambda x, name, seed=seed: HostLauncher(name, x.dtype.name, seed=100 + seed),
        )
        np.testing.assert_array_equal(herd(gram(X), 12, np.ones(200)), expected)


def test_waits_for_no_pick(on_host, monkeypatch):
    X = np.random.default_rng(0).standard_normal((60, 5))
    expected = in_numpy(monkeypatch, gram(X), 30, np.ones(60))

    def to_numpy(x):
        waits.append(x)
        return np.asarray(x)

    monkeypatch.setattr(cuda_herding, "to_numpy", to_numpy)
    for size in (1, 30):
        waits, seen, Watched.reads = [], [], 0
        of = gram(X)
        of.xp, of.diagonal = WatchedNamespace(), of.diagonal.view(Watched)
        np.testing.assert_array_equal(
            herd(of, size, np.ones(60), report=seen.append), expected[:size]
        )
        assert (len(waits), Watched.reads) == (1, 0)
        assert isinstance(waits[0], Watched)  # what is made of its arrays is watched too
        assert seen == list(range(1, size + 1))


def test_threads_of_a_row():
    assert [lanes_of(d, 4) for d in (1, 2, 3, 4, 8, 12, 33, 64, 128, 256, 1000)] == [
        *(1, 2, 4, 1, 2, 4, 32, 16, 32, 32, 32)
    ]
    assert [lanes_of(d, 8) for d in (1, 2, 3, 4, 31, 32, 64, 100)] == [1, 1, 4, 2, 32, 16, 32, 32]


def test_initial_picks(on_host, monkeypatch):
    rng = np.random.default_rng(0)
    X, weight = rng.standard_normal((150, 6)), weights(150)
    weight[20:30] = 0
    with monkeypatch.context() as patch:
        patch.setattr(cuda_rows, "launcher_of", lambda *_: None)
        expected = herd(gram(X), 12, weight, initial=[25, 3, 77])
    got = herd(gram(X), 12, weight, initial=[25, 3, 77])
    assert len(on_host) == 1
    np.testing.assert_array_equal(got, expected)
    assert list(got[:3]) == [25, 3, 77]
    np.testing.assert_array_equal(herd(gram(X), 2, weight, initial=[25, 3]), [25, 3])
