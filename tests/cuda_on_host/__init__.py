"""Runs the CUDA sources of the package as host C++, so that they are tested where no GPU is.

`cuda_on_host.h` stands in for CUDA; here are compiling, a launcher that takes NumPy arrays where
the package's takes those of the device, and watching that no kernel writes beside its arrays.
"""

import ctypes
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from skcoreset._kernels.cuda.launch import TYPES, as_argument, source

COMPILER = shutil.which("g++") or shutil.which("clang++")
HERE = Path(__file__).parent
GUARD = 4096  # bytes before and behind every array, that must stay as they are
SIGNATURE = re.compile(r'extern "C" __global__ (?:\w+ )?void\s+(\w+)\(([^)]*)\)')
# Not a number, and a signalling one: whoever adds to it makes another of it.
GUARDS = {"float32": np.uint32(0x7FA00001), "float64": np.uint64(0x7FF4000000000001)}
C_TYPES = {"int": ctypes.c_int, "double": ctypes.c_double}
# What numbers and arrays must be; a Best is a value and a position, 16 bytes.
DTYPES = {"int": "int32", "i64": "int64", "double": "float64", "Best": "float64", "bool": "bool"}


@cache
def _folder():
    return Path(mkdtemp(prefix="cuda_on_host"))


@cache
def library(name, real):
    """The kernels of the source `name` as ``(functions, parameter types)``."""
    text, calls, types = source(name), [], {}
    for kernel, parameters in SIGNATURE.findall(text):
        parameters = [" ".join(p.split()) for p in parameters.split(",")]
        types[kernel] = [p.removeprefix("const ").rsplit(" ", 1)[0] for p in parameters]
        names = ", ".join(re.split(r"[\s*]", p)[-1] for p in parameters)
        calls.append(
            f'extern "C" int run_{kernel}(unsigned blocks, unsigned threads, size_t shared, '
            f"unsigned seed, {', '.join(parameters)}) {{ return on_host::launch(blocks, threads, "
            f"shared, seed, [=] {{ {kernel}({names}); }}); }}\n"
        )
    stem = _folder() / f"{Path(name).stem}_{real}"
    stem.with_suffix(".cpp").write_text(f'#include "cuda_on_host.h"\n{text}\n' + "".join(calls))
    command = [COMPILER, "-std=c++17", "-O2", "-shared", "-fPIC", "-w", f"-I{HERE}"]
    command += [f"-DREAL={real}", "-o", f"{stem}.so", f"{stem}.cpp"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(f"{stem}.so"), types


class HostLauncher:
    """As ``CupyLauncher``, for NumPy arrays. `seed` is that of the order in which threads run."""

    def __init__(self, name, dtype, seed=0):
        self.functions, self.types = library(name, TYPES[dtype])
        self.dtypes = {**DTYPES, "real": dtype}
        self.random = np.random.default_rng(seed)
        self.launches = []

    def __call__(self, kernel, n_blocks, n_threads, *args, shared=0):
        assert shared <= 48 * 1024, "more dynamic shared memory than every GPU has"
        types, values, guarded, before = self.types[kernel], [], [], None
        assert len(args) == len(types), (kernel, len(args), types)
        for arg, kind in zip(map(as_argument, args), types, strict=True):
            if kind.endswith("*"):
                assert arg.flags.c_contiguous
                # An array that is not looked at is stood in for by the one before.
                assert arg is before or arg.dtype == self.dtypes[kind[:-1]], (kernel, kind, arg)
                before = arg
                guarded.append(_Guarded(arg))
                values.append(ctypes.c_void_p(guarded[-1].address))
            else:
                # A launch on a GPU reads the bytes as they are, and converts nothing.
                assert arg.dtype == DTYPES[kind], (kernel, kind, arg)
                values.append(C_TYPES[kind](arg))
        self.launches.append(kernel)
        run = getattr(self.functions, f"run_{kernel}")
        seed = ctypes.c_uint(int(self.random.integers(2**31)))
        sizes = ctypes.c_uint(n_blocks), ctypes.c_uint(n_threads), ctypes.c_size_t(shared)
        failed = run(*sizes, seed, *values)
        assert not failed, f"{kernel}: threads wait for each other for ever"
        for array in guarded:
            array.give_back(kernel)


class _Guarded:
    """A copy of an array with bytes around it that read as NaN and that nobody may write to."""

    def __init__(self, array):
        self.array = array
        pattern = np.atleast_1d(GUARDS.get(array.dtype.name, np.uint8(255))).view(np.uint8)
        self.guard = np.tile(pattern, GUARD // len(pattern))
        self.bytes = np.concatenate([self.guard, array.reshape(-1).view(np.uint8), self.guard])
        self.inside = self.bytes[GUARD : GUARD + array.nbytes]
        self.address = self.inside.ctypes.data

    def give_back(self, kernel):
        behind = self.bytes[GUARD + self.array.nbytes :]
        assert (self.bytes[:GUARD] == self.guard).all(), f"{kernel} wrote before an array"
        assert (behind == self.guard).all(), f"{kernel} wrote behind an array"
        if self.array.flags.writeable:
            self.array.reshape(-1).view(np.uint8)[:] = self.inside
