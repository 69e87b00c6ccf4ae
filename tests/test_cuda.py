"""The CUDA sources: compiled for real GPUs, and run on the host against the NumPy kernels."""

import ctypes
import glob
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from cuda_on_host import COMPILER, HostLauncher

from skcoreset._kernels.cuda import farthest_first as cuda_farthest_first
from skcoreset._kernels.cuda import launch
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import farthest_first, nearest_picks

SOURCES = sorted(p.name for p in Path(launch.__file__).parent.glob("*.cu"))
LIBRARIES = glob.glob(sysconfig.get_paths()["purelib"] + "/nvidia/**/libnvrtc.so.*", recursive=True)

with_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])


# compiled for real GPUs ---------------------------------------------------------------------


def compile_for(architecture, text, real):
    """The machine code, by NVRTC; it needs no GPU."""
    nvrtc, program, size = ctypes.CDLL(sorted(LIBRARIES)[0]), ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"", 0, None, None)
    options = [f"-arch=sm_{architecture}", f"-DREAL={real}", *launch.OPTIONS]
    options = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    failed = nvrtc.nvrtcCompileProgram(program, len(options), options)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert not failed, log.value.decode()
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    return size.value


@pytest.mark.skipif(not LIBRARIES, reason="no nvidia-cuda-nvrtc")
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize("name", SOURCES)
def test_compiles(name, architecture, real):
    assert compile_for(architecture, launch.source(name), real) > 1000


@pytest.mark.skipif(not LIBRARIES, reason="no nvidia-cuda-nvrtc")
def test_an_error_in_a_source_is_found():
    with pytest.raises(AssertionError, match="undefined_thing"):
        compile_for(80, 'extern "C" __global__ void f(int* x) { *x = undefined_thing; }', "float")


# launches -----------------------------------------------------------------------------------


def test_numbers_are_what_kernels_take():
    """Also those of NumPy: a kernel reads the bytes that it is given as what it expects."""
    for value in (True, np.bool_(True), 1, np.int64(1), np.uint8(1)):
        argument = launch.as_argument(value)
        assert (argument, argument.dtype) == (1, np.int32)
    for value in (1.5, np.float32(1.5), np.float64(1.5)):
        argument = launch.as_argument(value)
        assert (argument, argument.dtype) == (1.5, np.float64)
    with pytest.raises(OverflowError):
        launch.as_argument(2**31)
    x = np.ones(2)
    assert launch.as_argument(x) is x


@with_compiler
def test_wrong_types_are_found():
    """The emulation takes what a GPU takes: numbers and arrays of the very type."""
    run = HostLauncher("facility_location.cu", "float32")
    gains, picks, best = np.zeros(3), np.zeros(3, dtype=np.int64), np.zeros((1, 2))

    def cut(similar, factor, picks):
        run("cut", 1, 32, similar, True, 3, picks, 0, factor, 0.0, gains, best)

    cut(np.ones((3, 3), dtype=np.float32), 1.0, picks)
    assert gains[1] == -1
    for wrong in (
        (np.ones((3, 3)), 1.0, picks),
        (np.ones((3, 3), dtype=np.float32), 1, picks),
        (np.ones((3, 3), dtype=np.float32), 1.0, picks.astype(np.int32)),
        (np.asfortranarray(np.ones((3, 3), dtype=np.float32)), 1.0, picks),
    ):
        with pytest.raises(AssertionError):
            cut(*wrong)


# farthest first -----------------------------------------------------------------------------


@pytest.fixture
def on_host(monkeypatch):
    """Kernels take NumPy arrays and run on the host; the launchers made are in the list."""
    made = []

    def launcher_of(x, name):
        made.append(HostLauncher(name, x.dtype.name, seed=len(made)))
        return made[-1]

    monkeypatch.setattr(cuda_farthest_first, "launcher_of", launcher_of)
    return made


def far_groups(rng, d):
    X = rng.standard_normal((90, d))
    X[rng.random(90) < 0.6, : d // 2] = -99999999
    return X


def tables():
    rng = np.random.default_rng(0)
    return {
        "random": rng.standard_normal((150, 5)),
        "wide": rng.standard_normal((133, 70)),
        "far from the origin": rng.standard_normal((100, 40)) + 1000,
        "one column": rng.standard_normal((97, 1)),
        "grid": rng.integers(0, 4, (120, 3)).astype(float),
        "duplicates": np.repeat(rng.standard_normal((20, 3)), 4, axis=0),
        "near pairs": np.repeat(rng.standard_normal((30, 40)), 2, axis=0)
        + 1e-6 * rng.standard_normal((60, 40)),
        "far groups": far_groups(rng, 8),
        "wide far groups": far_groups(rng, 40),
        "two rows": rng.standard_normal((2, 3)),
        "one row": rng.standard_normal((1, 3)),
    }


@with_compiler
@both_types
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("table", tables())
def test_farthest_first_picks_what_numpy_picks(table, metric, dtype, on_host, monkeypatch):
    X = tables()[table].astype(dtype)
    for size in {1, min(len(X), 40), len(X)}:
        got = farthest_first(pairs(X, metric), size, [0])
        with monkeypatch.context() as patch:
            patch.setattr(cuda_farthest_first, "launcher_of", lambda *_: None)
            expected = farthest_first(pairs(X, metric), size, [0])
        np.testing.assert_array_equal(got[0], expected[0])
        rtol = np.finfo(dtype).eps ** 0.5
        np.testing.assert_allclose(got[1], expected[1], rtol=rtol, atol=1e-30)
        np.testing.assert_array_equal(got[2], expected[2])
    assert "update" in on_host[-1].launches
    assert "pool_loop" in on_host[-1].launches or len(X) == 1


@with_compiler
@both_types
@pytest.mark.parametrize("table", ["grid", "duplicates", "wide far groups"])
def test_nearest_picks_of_known_picks(table, dtype, on_host):
    near = pairs(tables()[table].astype(dtype))
    picks, _, nearest = farthest_first(near, 30, [0])
    np.testing.assert_array_equal(nearest_picks(near, picks), nearest)
    assert on_host[-1].launches == ["update"]


@with_compiler
def test_many_picks_in_one_launch(on_host):
    X = np.random.default_rng(0).standard_normal((300, 8))
    farthest_first(pairs(X), 60, [0])
    assert on_host[0].launches.count("pool_loop") < 20
