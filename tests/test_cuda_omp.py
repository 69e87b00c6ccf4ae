"""Matching pursuit's CUDA kernels, run on the host, against the loop in NumPy."""

import numpy as np
import pytest
import sklearn
from cuda_on_host import COMPILER, HostLauncher
from watched import Watched, WatchedNamespace

from skcoreset._kernels import omp
from skcoreset._kernels.cuda import omp as cuda_omp
from skcoreset._kernels.cuda import rows as cuda_rows
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
signed_or_not = pytest.mark.parametrize("positive", [True, False])
STEP = ["correlations", "choose", "column", "add"]


@pytest.fixture
def on_host(monkeypatch):
    """Kernels take NumPy arrays and run on the host; the launchers made are in the list."""
    made = []

    def launcher_of(x, name):
        made.append(HostLauncher(name, x.dtype.name, seed=len(made)))
        return made[-1]

    monkeypatch.setattr(cuda_rows, "launcher_of", launcher_of)
    return made


@pytest.fixture
def events(monkeypatch):
    """What the loop in NumPy does that is rare: "went out", "combination"."""
    seen = []
    drop, extend = omp._Fit._drop, omp._Fit._extend

    def dropping(self, out, weights):
        seen.extend(["went out"] * int(out.sum()))
        return drop(self, out, weights)

    def extending(self, cross):
        found = extend(self, cross)
        seen.extend([] if found else ["combination"])
        return found

    monkeypatch.setattr(omp._Fit, "_drop", dropping)
    monkeypatch.setattr(omp._Fit, "_extend", extending)
    return seen


def in_numpy(monkeypatch, *args, **kwargs):
    with monkeypatch.context() as patch:
        patch.setattr(cuda_rows, "launcher_of", lambda *_: None)
        return matching_pursuit(*args, **kwargs)


def agree(got, expected, dtype, target):
    """Equal picks; weights to 1e-8 in float64; norms, a difference of squares, less so."""
    close = 1e-8 if dtype == "float64" else 1e-4
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=close, atol=close)
    atol = (target**2).sum() * (1e-14 if dtype == "float64" else 1e-6)
    np.testing.assert_allclose(got[2] ** 2, expected[2] ** 2, rtol=close, atol=atol)


def tables():
    """Factors a and h (None: none), and how many rows to pick of them."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape)

    return {
        "random": (normal(131, 3), normal(131, 20), 20),
        "three triangles": (normal(120, 2), normal(120, 60), 70),
        "all rows": (normal(24, 2), normal(24, 30), 24),
        "more than are of use": (normal(60, 1), normal(60, 8), 30),
        "one column each": (normal(50, 1), normal(50, 1), 6),
        "in packs": (normal(70, 4), normal(70, 132), 6),
        "errors alone": (normal(100, 12), None, 16),
        "grid": (rng.integers(-1, 2, (100, 2)), rng.integers(0, 2, (100, 6)), 12),
        "duplicates": (np.repeat(normal(20, 3), 4, 0), np.repeat(normal(20, 30), 4, 0), 30),
        "rows of zeros": (np.vstack([0 * normal(40, 2), normal(40, 2)]), normal(80, 9), 12),
        "two rows": (normal(2, 2), normal(2, 3), 2),
        "one row": (np.ones((1, 1)), None, 1),
    }


def factored(name, dtype, bias=True):
    a, h, size = tables()[name]
    return OuterProducts(a.astype(dtype), None if h is None else h.astype(dtype), bias), size


def target_of(of):
    return of.total(np.random.default_rng(1).uniform(0.5, 2, of.n))


@both_types
@signed_or_not
@pytest.mark.parametrize("regularization", [0.0, 3.0])
@pytest.mark.parametrize("table", tables())
def test_picks_what_numpy_picks(table, regularization, positive, dtype, on_host, monkeypatch):
    of, size = factored(table, dtype)
    target = target_of(of)
    how = {"regularization": regularization, "positive": positive, "tol": 1e-6}
    expected = in_numpy(monkeypatch, of, target, size, **how)
    agree(matching_pursuit(of, target, size, **how), expected, dtype, target)
    launches = on_host[-1].launches
    assert launches == STEP * (len(launches) // 4)
    assert len(launches) // 4 >= size or len(expected[0]) < size


@both_types
@pytest.mark.parametrize("regularization", [0.0, 0.01])
def test_rows_go_out_and_come_back(regularization, dtype, on_host, events, monkeypatch):
    rng = np.random.default_rng(0)
    of = OuterProducts(
        rng.uniform(size=(150, 1)).astype(dtype), rng.uniform(size=(150, 40)).astype(dtype)
    )
    target = of.total(np.where(np.arange(150) < 75, 1.0, -0.5))
    how = {"regularization": regularization, "tol": 1e-3}
    expected = in_numpy(monkeypatch, of, target, 60, **how)
    assert events.count("went out") > 4
    agree(matching_pursuit(of, target, 60, **how), expected, dtype, target)


@both_types
def test_several_go_out_at_once(dtype, on_host, events, monkeypatch):
    """Rows 1 and 2 come in for want of row 3, in which they have equal shares."""
    G = np.zeros((6, 6), dtype)
    G[0, 3], G[4, 4], G[5, 5] = 8, 7, 0.01
    G[1, [0, 2]] = G[2, [1, 2]] = 1, 3
    G[3, 2] = 1
    of = OuterProducts(G)
    target = np.array([[-0.1, -0.1, 10, 9, 8, 7]]).T
    expected = in_numpy(monkeypatch, of, target, 6)
    assert expected[0].tolist() == [0, 4, 3, 5]
    assert events.count("went out") == 2
    agree(matching_pursuit(of, target, 6), expected, dtype, target)
    np.testing.assert_allclose(expected[1], [9 / 8, 8 / 7, 10, 700], rtol=1e-6)


@both_types
@signed_or_not
def test_combinations_of_rows(positive, dtype, on_host, events, monkeypatch):
    """Rows that are equal but for a last digit correlate with what is left over, to no avail.

    A small row that is of use correlates less; it comes in once all the others have been tried.
    """
    rng = np.random.default_rng(0)
    h = np.repeat(rng.standard_normal((12, 40)), 3, axis=0)
    h *= 1 + (1e-8 if dtype == "float64" else 1e-3) * rng.standard_normal(h.shape)
    h, a = np.vstack([h, *2 * [rng.standard_normal((1, 40))]]), np.ones((38, 1))
    target = rng.standard_normal((1, 41)) + OuterProducts(a, h).total(np.ones(38))
    a[36:] = [[1], [-1]]  # one of the two correlates, whatever is left over
    a[36:] *= 1e-10 if dtype == "float64" else 1e-6
    of = OuterProducts(a.astype(dtype), h.astype(dtype))
    expected = in_numpy(monkeypatch, of, target, 14, positive=positive)
    assert dtype == "float32" or set(expected[0].tolist()) & {36, 37}
    assert events.count("combination") > 5
    agree(matching_pursuit(of, target, 14, positive=positive), expected, dtype, target)
    assert len(on_host[-1].launches) // 4 <= 4 * 14 + 4


@both_types
def test_without_bias(dtype, on_host, monkeypatch):
    of, size = factored("random", dtype, bias=False)
    target = target_of(of)
    expected = in_numpy(monkeypatch, of, target, size)
    agree(matching_pursuit(of, target, size), expected, dtype, target)
    assert on_host[-1].launches


@signed_or_not
def test_stops_at_tol(positive, on_host, monkeypatch):
    of, size = factored("random", "float64")
    counts = []
    for tol in (0.62, 0.8, 1.0):
        how = {"positive": positive, "tol": tol}
        expected = in_numpy(monkeypatch, of, target_of(of), size, **how)
        counts.append(len(expected[0]))
        agree(matching_pursuit(of, target_of(of), size, **how), expected, "float64", target_of(of))
    assert size > counts[0] > counts[1] > counts[2] == 0
    nothing = matching_pursuit(of, 0 * target_of(of), size)
    assert [len(x) for x in nothing] == [0, 0, 0]


@both_types
def test_stops_where_nothing_correlates(dtype, on_host, monkeypatch):
    """No row brings the sum nearer, though much is left over."""
    rng = np.random.default_rng(0)
    of = OuterProducts(np.ones((36, 1), dtype), rng.standard_normal((36, 40)).astype(dtype))
    target = rng.standard_normal((1, 41))
    expected = in_numpy(monkeypatch, of, target, 36)
    assert 0 < len(expected[0]) < 30
    assert expected[2][-1] > 0.1 * np.linalg.norm(target)
    agree(matching_pursuit(of, target, 36), expected, dtype, target)
    assert len(on_host[-1].launches) // 4 <= 36


def test_factors_of_two_types(on_host, monkeypatch):
    """The rounder one decides, as in NumPy."""
    of, size = factored("random", "float64")
    a, h = of.a.X, of.h.X
    for of in (OuterProducts(a, h.astype("float32")), OuterProducts(a.astype("float32"), h)):
        expected = in_numpy(monkeypatch, of, target_of(of), size)
        agree(matching_pursuit(of, target_of(of), size), expected, "float32", target_of(of))
        assert on_host[-1].functions is HostLauncher("omp.cu", "float32").functions


@pytest.mark.parametrize("memory", [64, 0.03])
def test_some_rows(memory, on_host, monkeypatch):
    """Copied where that fits, else read where they are."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(200)[:100]
    a, h = rng.standard_normal((200, 2)), rng.standard_normal((200, 70))
    with sklearn.config_context(working_memory=memory):
        of = OuterProducts(a, h, rows=rows)
        assert (of.h.rows is not None) == (memory < 1)
        expected = in_numpy(monkeypatch, of, target_of(of), 5)
        agree(matching_pursuit(of, target_of(of), 5), expected, "float64", target_of(of))
    assert on_host[-1].launches


def test_columns_that_do_not_fit(on_host, monkeypatch):
    of, size = factored("random", "float64")
    with sklearn.config_context(working_memory=0.01):
        expected = in_numpy(monkeypatch, of, target_of(of), size)
        agree(matching_pursuit(of, target_of(of), size), expected, "float64", target_of(of))
    assert not any(launcher.launches for launcher in on_host)


@both_types
def test_the_order_of_threads_does_not_matter(dtype, monkeypatch):
    of, size = factored("three triangles", dtype)
    size = 34
    expected = in_numpy(monkeypatch, of, target_of(of), size)
    results = []
    for seed in range(4):
        monkeypatch.setattr(
            *(cuda_rows, "launcher_of"),
            lambda x, name, seed=seed: HostLauncher(name, x.dtype.name, seed=100 + seed),
        )
        results.append(matching_pursuit(of, target_of(of), size))
        agree(results[-1], expected, dtype, target_of(of))
    for result in results:  # not only near: the same sums in the same order
        for got, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, first)


def test_waits_once_for_many_steps(on_host, monkeypatch):
    of, _ = factored("three triangles", "float64")
    target = target_of(of)
    expected = in_numpy(monkeypatch, of, target, 70, positive=False)

    def to_numpy(x):
        waits.append(x)
        return np.asarray(x)

    monkeypatch.setattr(cuda_omp, "to_numpy", to_numpy)
    for size, looks in ((1, [1]), (32, [32]), (70, [32, 64, 70])):
        waits, seen, Watched.reads = [], [], 0
        with monkeypatch.context() as patch:
            patch.setattr(of, "xp", WatchedNamespace())
            got = matching_pursuit(of, target, size, positive=False, report=seen.append)
        np.testing.assert_array_equal(got[0], expected[0][:size])
        assert seen == looks
        # The target's norm, the state at each look, and three answers.
        assert len(waits) == 1 + len(looks) + 3
        assert sum(isinstance(x, Watched) for x in waits) == len(waits) - 1
        assert Watched.reads == 0
