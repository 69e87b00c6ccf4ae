"""On a GPU: the same picks as on the host, few reads, memory that gives out. ``pytest -m gpu``."""

import pickle
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from samplers import SAMPLERS, SHORT, VARIANTS, marked, params_of
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

import skcoreset
from skcoreset import (
    CRAIG,
    ContrastiveActiveLearning,
    FacilityLocation,
    GradMatch,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    _backend,
    config_context,
    set_config,
)
from skcoreset._kernels.cuda import launch
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import facility_location
from skcoreset._kernels.farthest_first import farthest_first
from skcoreset._kernels.graph_cut import GraphCut as GraphCutFunction
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.herding import herd
from skcoreset._kernels.kernels import gram
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.similarities import near_similarities

BENCHMARK = Path(__file__).parents[1] / "doc" / "benchmarks" / "gpu.py"
Reads = runpy.run_path(str(BENCHMARK))["Reads"]  # counts what the host reads from the device

on_gpu = pytest.mark.gpu

EVERYWHERE = SAMPLERS + VARIANTS
ON_DEVICE = [
    Herding(),
    KCenterGreedy(),
    KCenterGreedy(metric="cosine", stratify=None),
    FacilityLocation(),
    FacilityLocation(n_neighbors=10),
    GraphCut(),
    CRAIG(),
    CRAIG(gradient="features"),
    GradMatch(),
    ContrastiveActiveLearning(n_neighbors=3),
    ImportanceSampling(random_state=0),
]


@pytest.fixture(scope="module")
def cupy():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no CUDA device")
    return cupy


@pytest.fixture
def here(cupy):
    """Name of the current GPU, as `device_` has it."""
    return f"cuda:{cupy.cuda.Device().id}"


@pytest.fixture
def launched(monkeypatch):
    """Names of the kernels that were launched."""
    names, plain = set(), launch.CupyLauncher.__call__

    def call(self, kernel, *args, **kwargs):
        names.add(kernel)
        return plain(self, kernel, *args, **kwargs)

    monkeypatch.setattr(launch.CupyLauncher, "__call__", call)
    return names


def on_host(sampler, X, y):
    with config_context(device="cpu"):
        return clone(sampler).fit(X, y)


def normal(n, d, dtype="float64"):
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


def assert_same(got, expected, tol=1e-7):
    """That both are fitted alike, and `got` holds nothing of a device."""
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    for name, value in vars(expected).items():
        mine = getattr(got, name)
        if isinstance(value, np.ndarray):
            assert type(mine) is np.ndarray, name
            np.testing.assert_allclose(mine, value, rtol=tol, atol=tol, err_msg=name)
        elif isinstance(value, float):
            assert isinstance(mine, float), name
            assert mine == pytest.approx(value, rel=tol), name
    assert b"cupy" not in pickle.dumps(got)


# the samplers ------------------------------------------------------------------------------


@on_gpu
@pytest.mark.parametrize("sampler", marked(EVERYWHERE))
def test_device_in_device_out(sampler, blobs, cupy):
    X, y = blobs
    expected = on_host(sampler, X, y)
    got = clone(sampler)
    X_out, y_out = got.fit_resample(cupy.asarray(X), cupy.asarray(y))
    assert_same(got, expected)
    for out, table in ((X_out, X), (y_out, y)):
        assert isinstance(out, cupy.ndarray)
        assert out.device == cupy.cuda.Device()
        assert out.dtype == table.dtype
        np.testing.assert_array_equal(out.get(), table[got.sample_indices_])
    _, y_out = clone(sampler).fit_resample(cupy.asarray(X), y)
    assert type(y_out) is np.ndarray


@on_gpu
@pytest.mark.parametrize("sampler", marked(ON_DEVICE))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_work_is_done_where_the_table_is(sampler, dtype, digits, cupy, here):
    X, y = digits[0][:600].astype(dtype), digits[1][:600]
    X += 0.01 * normal(*X.shape, dtype)  # pixels tie too often for a comparison in float32
    got = clone(sampler).fit(cupy.asarray(X), y)
    assert got.device_ == here
    assert_same(got, on_host(sampler, X, y), tol=1e-7 if dtype == "float64" else 1e-3)


@on_gpu
@pytest.mark.parametrize("sampler", marked(ON_DEVICE))
def test_tables_from_the_host_are_moved(sampler, blobs, cupy, here):
    X, y = blobs
    expected = on_host(sampler, X, y)
    with config_context(device="cuda"):
        got = clone(sampler)
        X_out, y_out = got.fit_resample(X, y)
    assert got.device_ == here
    assert type(X_out) is type(y_out) is np.ndarray
    assert_same(got, expected)


@pytest.fixture
def _put_back():
    yield
    set_config(device="auto")


@on_gpu
@pytest.mark.usefixtures("_put_back")
def test_what_is_set(blobs, cupy, here, monkeypatch):
    def device():
        return KCenterGreedy(9).fit(*blobs).device_

    assert device() == "cpu"  # too little work
    set_config(device="cuda")
    assert device() == here
    with config_context(device="cpu"):
        assert device() == "cpu"
    with config_context(device="cuda:0"):
        assert device() == "cuda:0"
    count = cupy.cuda.runtime.getDeviceCount()
    with (
        config_context(device=f"cuda:{count}"),
        pytest.raises(RuntimeError, match=f"the last one is 'cuda:{count - 1}'"),
    ):
        device()
    set_config(device="auto")
    monkeypatch.setattr(_backend, "WORTH_MOVING", 0)
    assert device() == here


@on_gpu
def test_another_gpu_than_the_current_one(blobs, cupy):
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one GPU")
    X, y = blobs
    expected = on_host(KCenterGreedy(), X, y)
    with cupy.cuda.Device(1):
        X_there = cupy.asarray(X)
    got = KCenterGreedy()
    X_out, _ = got.fit_resample(X_there, y)
    assert got.device_ == "cuda:1"
    assert X_out.device.id == 1
    assert_same(got, expected)


@on_gpu
def test_a_pickle_opens_where_there_is_no_cupy(blobs, cupy):
    X, y = blobs
    samplers = [clone(s).fit(cupy.asarray(X), y) for s in ON_DEVICE if type(s) is not GradMatch]
    code = "import pickle, sys; sys.modules['cupy'] = None; n = len(pickle.load(sys.stdin.buffer))"
    code += "; print(n)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(samplers), capture_output=True, check=True
    )
    assert int(done.stdout) == len(samplers)


@on_gpu
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_tensors_of_torch(device, blobs, cupy, here):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch without CUDA")
    X, y = blobs
    expected = on_host(KCenterGreedy(), X, y)
    X_there, y_there = torch.asarray(X, device=device), torch.asarray(y, device=device)
    got = KCenterGreedy()
    X_out, y_out = got.fit_resample(X_there, y_there)
    assert got.device_ == (here if device == "cuda" else "cpu")
    assert isinstance(X_out, torch.Tensor)
    assert X_out.device == X_there.device
    assert y_out.device == y_there.device
    np.testing.assert_array_equal(X_out.cpu().numpy(), X[expected.sample_indices_])
    assert_same(got, expected)


# the kernels -------------------------------------------------------------------------------


def pursuit(X, xp, device):
    """Of rows that are outer products of 10 and as many numbers as `X` has columns."""
    rng = np.random.default_rng(1)
    a = xp.asarray(rng.standard_normal((X.shape[0], 10)), dtype=X.dtype, device=device)
    atoms = OuterProducts(a, X)
    return matching_pursuit(atoms, atoms.total(np.ones(atoms.n)), 100)[:2]


# What runs, on an object of `pairs`, and the kernels that must have been launched.
KERNELS = {
    "farthest first": (
        lambda near: farthest_first(near, 400, [0])[::2],
        {"pool_loop", "update"},
    ),
    "facility location": (
        lambda near: greedy(facility_location(near_similarities(near), np.ones(near.n)), 300),
        {"assign", "lose", "settle"},
    ),
    "graph cut": (
        lambda near: greedy(GraphCutFunction(near_similarities(near), np.ones(near.n), 1.0), 300),
        {"choose", "cut"},
    ),
    "herding": (lambda near: [herd(gram(near.X), 300, np.ones(near.n))], {"gains", "pick"}),
    "matching pursuit": (
        lambda near: pursuit(near.X, near.xp, near.device),
        {"correlations", "choose", "column", "add"},
    ),
    "neighbours": (lambda near: nearest_neighbors(near, 10), {"nearest", "choose"}),
}


@on_gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_pick_what_numpy_picks(kernel, dtype, cupy, launched):
    """Larger than what the emulation of the other tests can do: many blocks, many rounds."""
    run, names = KERNELS[kernel]
    X = normal(5000, 48, dtype)
    expected = run(pairs(X))
    assert not launched
    got = run(pairs(cupy.asarray(X)))
    assert launched >= names
    np.testing.assert_array_equal(got[0], expected[0])
    tol = 1e-7 if dtype == "float64" else 1e-3
    for mine, theirs in zip(got[1:], expected[1:], strict=True):
        assert type(mine) is np.ndarray
        np.testing.assert_allclose(mine, theirs, rtol=tol, atol=tol)


def test_the_kernels_named_above_are_there():
    """Without a GPU: a kernel that got another name would be missed only where there is one."""
    sources = "".join(p.read_text() for p in Path(launch.__file__).parent.glob("*.cu"))
    there = set(re.findall(r"__global__ (?:\w+ )?void\s+(\w+)\(", sources))
    for _, names in KERNELS.values():
        assert names <= there


@on_gpu
@pytest.mark.parametrize("parts", [1, 4, 50])
def test_neighbours_of_few_rows_among_many(parts, cupy, monkeypatch):
    monkeypatch.setattr("skcoreset._kernels.cuda.neighbors.LEAST_CANDIDATES", 50_000 // parts)
    X = normal(50_000, 16)
    of = np.arange(0, 50_000, 997)
    got = nearest_neighbors(pairs(cupy.asarray(X)), 20, of)
    expected = nearest_neighbors(pairs(X), 20, of)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-9)


@on_gpu
def test_ties_on_a_grid(cupy):
    """Many equal distances, which the order of threads and of sums must not decide."""
    X = np.random.default_rng(0).integers(0, 4, (3000, 6)).astype("float32")
    for metric in ("euclidean", "cosine"):
        for sampler in (KCenterGreedy(200, metric=metric), FacilityLocation(100, metric=metric)):
            expected = on_host(sampler, X, None)
            got = clone(sampler).fit(cupy.asarray(X))
            np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)


# reads -------------------------------------------------------------------------------------


@on_gpu
@pytest.mark.parametrize(
    "sampler",
    [
        KCenterGreedy(800, stratify=None),
        Herding(400, stratify=None),
        FacilityLocation(400, stratify=None),
        GraphCut(400, stratify=None),
    ],
    ids=params_of,
)
def test_less_than_one_read_a_pick(sampler, cupy):
    X = cupy.asarray(normal(5000, 64))
    with Reads(cupy.ndarray) as reads:
        clone(sampler).fit(X)
    assert 0 < reads.count < sampler.coreset_size


@on_gpu
@SHORT
def test_less_than_one_read_a_matched_row(digits, cupy):
    X, y = digits
    classifier = LogisticRegression(max_iter=5000).fit(X / 16, y)
    sampler = GradMatch(classifier, 200, stratify=None)
    with Reads(cupy.ndarray) as reads:
        sampler.fit(cupy.asarray(X / 16), y)
    assert 0 < reads.count < len(sampler.sample_indices_)


class Remote(np.ndarray):
    """An array with a method to read it, as cupy's."""

    def get(self):
        return np.array(self, subok=False)


def test_reads_are_counted():
    """Without a GPU: the tests above could not fail otherwise."""
    x = np.arange(3.0).view(Remote)
    with Reads(Remote) as reads:
        x.get()
        assert reads.count == 1
        bool(x[:1])
        assert reads.count == 2
        x.tolist()
        assert reads.count == 3
        x[1:].sum(keepdims=True).item()
        assert reads.count == 4
        x + x, x[1:], x > 1
        assert reads.count == 4
    x.get()
    assert reads.count == 4
    assert not {"item", "__bool__"} & set(vars(Remote))


def test_the_benchmark_says_that_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(Path, "write_text", lambda *args: pytest.fail("it writes"))
    assert runpy.run_path(str(BENCHMARK))["main"]() == 1
    assert capsys.readouterr().out.startswith("No GPU that cupy can use")


# memory ------------------------------------------------------------------------------------


@pytest.fixture
def limit(cupy):
    """Sets how many bytes more than now cupy may take."""
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    yield lambda n_bytes: pool.set_limit(size=pool.used_bytes() + n_bytes)
    pool.set_limit(size=0)
    pool.free_all_blocks()


@on_gpu
@pytest.mark.parametrize("stratify", [None, "proportional"])
@pytest.mark.parametrize("sampler", [KCenterGreedy(20), Herding(20)], ids=params_of)
def test_a_table_that_does_not_fit_is_streamed(sampler, stratify, cupy, here, limit, monkeypatch):
    """None: the table itself does not. Else it does, but not the copy of a class beside it."""
    X = normal(40_000, 256)
    y = np.arange(40_000) % 2
    sampler = clone(sampler).set_params(stratify=stratify)
    expected = on_host(sampler, X, y)
    fetched, plain = [], _backend.Streamed.__getitem__

    def fetch(self, at):
        rows = plain(self, at)
        fetched.append(rows.nbytes)
        return rows

    monkeypatch.setattr(_backend.Streamed, "__getitem__", fetch)
    limit(int((1.25 if stratify else 0.75) * X.nbytes))
    with config_context(device="cuda"):
        got = clone(sampler).fit(X, y)
    assert got.device_ == here
    assert_same(got, expected)
    assert fetched
    assert max(fetched) < X.nbytes * (0.6 if stratify else 0.2)


@on_gpu
def test_memory_is_given_back(blobs, cupy):
    X, y = blobs
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    with config_context(device="cuda"):
        sampler = KCenterGreedy(50).fit(X, y)
    assert sampler.device_.startswith("cuda")
    assert pool.used_bytes() == before


@on_gpu
def test_scores_of_new_rows(blobs, cupy):
    X, y = blobs
    sampler = ContrastiveActiveLearning(n_neighbors=3).fit(X[:200], y[:200])
    expected = sampler.score_samples(X[200:])
    got = sampler.score_samples(cupy.asarray(X[200:]))
    assert type(got) is np.ndarray
    np.testing.assert_allclose(got, expected, atol=1e-9)
    assert skcoreset.get_config() == {"device": "auto"}
