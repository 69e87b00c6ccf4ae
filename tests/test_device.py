"""Where the work is done: settings, moving, memory that gives out, errors where there is no GPU.

The GPU is played by the second device of array_api_strict: whatever leaks to the host raises.
"""

import pickle
import sys
import threading
import types
import weakref

import array_api_strict
import numpy as np
import pytest
import sklearn
from samplers import META, SHORT, TRANSFORMERS, params_of
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

import skcoreset
from skcoreset import (
    CRAIG,
    ContrastiveActiveLearning,
    CoresetNystroem,
    FacilityLocation,
    GradMatch,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Margin,
    Moderate,
    Uniform,
    _backend,
    config_context,
    get_config,
    set_config,
)
from skcoreset._backend import Streamed, on_device

GPU = array_api_strict.Device("device1")
NAME = str(GPU).lower()

ON_DEVICE = [
    Herding(),
    Herding(kernel="rbf"),
    Herding(kernel="laplacian", n_candidates=30, random_state=0),
    KCenterGreedy(),
    KCenterGreedy(metric="cosine", stratify=None),
    KCenterGreedy(init="random", random_state=0),
    FacilityLocation(),
    FacilityLocation(n_neighbors=10),
    FacilityLocation(optimizer="stochastic", random_state=0),
    GraphCut(),
    CRAIG(),
    CRAIG(gradient="logits"),
    CRAIG(gradient="features"),
    GradMatch(),
    GradMatch(stratify=None),
    ContrastiveActiveLearning(n_neighbors=3),
    ContrastiveActiveLearning(n_neighbors=3, features="model", metric="cosine"),
    ImportanceSampling(random_state=0),
    ImportanceSampling(sensitivity="leverage", random_state=0),
    ImportanceSampling(sensitivity="logistic", random_state=0),
]
ON_HOST_ONLY = [
    (Herding(kernel="poly"), "kernel='poly'"),
    (KCenterGreedy(metric="manhattan"), "metric='manhattan'"),
    (FacilityLocation(metric="manhattan"), "metric='manhattan'"),
    (ContrastiveActiveLearning(metric="manhattan"), "metric='manhattan'"),
    (ImportanceSampling(sensitivity="kmeans", random_state=0), "sensitivity='kmeans'"),
]


def each(samplers):
    params = [
        pytest.param(s, id=params_of(s), marks=[SHORT] if isinstance(s, GradMatch) else [])
        for s in samplers
    ]
    return pytest.mark.parametrize("sampler", params)


class Gpu(_backend._Library):
    """A GPU of array_api_strict with so much memory."""

    def __init__(self):
        super().__init__(array_api_strict, GPU)
        self.free, self.asked, self.freed = float("inf"), [], 0

    def free_bytes(self):
        return self.free

    def free_pool(self):
        self.freed += 1


@pytest.fixture
def gpu(monkeypatch):
    there = Gpu()

    def library(name):
        there.asked.append(name)
        return there

    monkeypatch.setattr(_backend, "_device_library", library)
    monkeypatch.setattr(_backend, "_library_of", lambda X: there)
    return there


@pytest.fixture
def no_gpu(monkeypatch):
    def library(name):
        raise RuntimeError("there is none")

    monkeypatch.setattr(_backend, "_device_library", library)


@pytest.fixture
def fetched(monkeypatch):
    """Bytes of each part that was fetched of a streamed table."""
    sizes, plain = [], Streamed.__getitem__

    def fetch(self, at):
        rows = plain(self, at)
        sizes.append(rows.size * self.host.itemsize)
        return rows

    monkeypatch.setattr(Streamed, "__getitem__", fetch)
    return sizes


def placed(X, work=0, beside=None, **kwargs):
    return on_device(lambda place: place(X, work, **kwargs), beside)


# settings ----------------------------------------------------------------------------------


@pytest.fixture
def _put_back():
    yield
    set_config(device="auto")


@pytest.mark.usefixtures("_put_back")
def test_what_is_set_holds_for_the_process_or_the_context():
    assert get_config() == {"device": "auto", "max_fit_rows": 100_000}
    seen = []
    set_config(device="cpu")
    with config_context(device="cuda:3"):
        assert get_config()["device"] == "cuda:3"
        with config_context():
            assert get_config()["device"] == "cuda:3"
        with config_context(device="cuda"):
            set_config(device="auto")
            assert get_config()["device"] == "cuda"
        thread = threading.Thread(target=lambda: seen.append(get_config()["device"]))
        thread.start()
        thread.join()
    assert seen == ["auto"]  # not the context, but what was set for the process
    assert get_config() == {"device": "auto", "max_fit_rows": 100_000}
    with pytest.raises(ZeroDivisionError), config_context(device="cpu"):
        _ = 1 / 0
    assert get_config() == {"device": "auto", "max_fit_rows": 100_000}
    set_config()
    get_config()["device"] = "cpu"  # a copy
    assert get_config() == {"device": "auto", "max_fit_rows": 100_000}


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "CPU", " cpu", "cuda:1x", 0, b"cpu"])
def test_wrong_devices_are_refused_at_once(device):
    for change in (set_config, lambda device: config_context(device=device).__enter__()):
        with pytest.raises(ValueError, match=r"'auto', 'cpu', 'cuda' or 'cuda:<n>'") as error:
            change(device=device)
        assert repr(device) in str(error.value)
    assert get_config() == {"device": "auto", "max_fit_rows": 100_000}


# moving ------------------------------------------------------------------------------------

X_SMALL = np.arange(12.0).reshape(6, 2)
LARGE = _backend.WORTH_MOVING


def test_auto_asks_for_a_gpu_only_where_the_work_is_large(gpu):
    assert placed(X_SMALL, 0.99 * LARGE) == (X_SMALL, "cpu")
    assert gpu.asked == []
    moved, device = placed(X_SMALL, LARGE)
    assert (moved.device, device, gpu.asked) == (GPU, NAME, ["cuda"])
    np.testing.assert_array_equal(_backend.to_numpy(moved), X_SMALL)


@pytest.mark.usefixtures("no_gpu")
def test_auto_stays_where_there_is_no_gpu():
    assert placed(X_SMALL, LARGE) == (X_SMALL, "cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_what_is_asked_for(gpu, device):
    with config_context(device=device):
        moved, _ = placed(X_SMALL)
    assert gpu.asked == [device]
    assert moved.device == GPU
    with config_context(device="cpu"):
        assert placed(X_SMALL, LARGE) == (X_SMALL, "cpu")
    assert gpu.asked == [device]


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda:7"])
def test_an_array_on_a_device_stays_there(gpu, device):
    X = array_api_strict.asarray(X_SMALL, device=GPU)
    with config_context(device=device):
        got, name = placed(X, LARGE)
        beside, _ = placed((X_SMALL, None), beside=X)
    assert got is X
    assert name == NAME
    assert beside[0].device == GPU
    assert beside[1] is None
    assert gpu.asked == []


def test_what_only_the_host_can_do(gpu):
    X = sparse.csr_array(X_SMALL)
    assert placed(X, LARGE) == (X, "cpu")
    assert placed((X_SMALL, X), LARGE)[0][0] is X_SMALL
    assert placed(X_SMALL, LARGE, host_only="reason") == (X_SMALL, "cpu")
    beside = array_api_strict.asarray(X_SMALL, device=GPU)
    assert placed(X, beside=beside) == (X, "cpu")
    assert placed(X_SMALL, beside=beside, host_only="reason") == (X_SMALL, "cpu")
    with config_context(device="cuda"):
        with pytest.raises(TypeError, match=r"device='cuda', but sparse data"):
            placed(X)
        with pytest.raises(ValueError, match=r"device='cuda', but reason"):
            placed(X_SMALL, host_only="reason")
    assert gpu.asked == []


class Tensor:
    """As much of a tensor of torch as is needed; `on_gpu` as much of one of cupy."""

    def __init__(self, values, number=None):
        self.values, self.is_cuda = values, number is not None
        self.device = types.SimpleNamespace(index=number)

    def detach(self):
        return Tensor(self.values, self.device.index)

    def cpu(self):
        return Tensor(self.values)

    def numpy(self):
        assert not self.is_cuda
        return self.values


def test_tensors_of_torch_share_their_memory(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(Tensor=Tensor))
    assert placed(Tensor(X_SMALL)) == (X_SMALL, "cpu")
    assert _backend.to_numpy(Tensor(X_SMALL, 1)) is X_SMALL
    without_cupy(monkeypatch)
    for device in ("auto", "cpu"):
        with (
            config_context(device=device),
            pytest.raises(RuntimeError, match=r"skcoreset\[cuda13\] or skcoreset\[cuda12\]"),
        ):
            placed(Tensor(X_SMALL, 1))
    fake_cupy(monkeypatch, count=2)
    assert _backend._without_torch(Tensor(X_SMALL, 1)) == ("from_dlpack", X_SMALL, 1)


# cupy, as far as it can be played ---------------------------------------------------------------


class Device:
    """``cupy.cuda.Device``."""

    current = [0]

    def __init__(self, number=None):
        self.id = self.current[-1] if number is None else number

    def __enter__(self):
        self.current.append(self.id)

    def __exit__(self, *error):
        self.current.pop()

    @property
    def mem_info(self):
        return 1000 + self.current[-1], 5000


def without_cupy(monkeypatch):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "cupy":
                raise ImportError("not here")

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


def fake_cupy(monkeypatch, count=None):
    class CUDARuntimeError(RuntimeError):
        pass

    def get_count():
        if count is None:
            raise CUDARuntimeError("cudaErrorNoDevice")
        return count

    freed = []
    pool = types.SimpleNamespace(
        free_bytes=lambda: 100, free_all_blocks=lambda: freed.append(Device.current[-1])
    )
    runtime = types.SimpleNamespace(getDeviceCount=get_count, CUDARuntimeError=CUDARuntimeError)
    cupy = types.ModuleType("cupy")
    cupy.cuda = types.SimpleNamespace(runtime=runtime, Device=Device)
    cupy.get_default_memory_pool = lambda: pool
    cupy.from_dlpack = lambda x: ("from_dlpack", x.values, Device.current[-1])
    cupy.ndarray = type("ndarray", (), {})
    cupy.freed = freed
    compat = types.ModuleType("array_api_compat.cupy")
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", compat)
    monkeypatch.setattr(_backend.array_api_compat, "cupy", compat, raising=False)
    return cupy


def test_errors_where_no_gpu_can_be_had(monkeypatch):
    def fit(device="cuda", sampler=KCenterGreedy):
        with config_context(device=device):
            return sampler(2).fit(X_SMALL)

    without_cupy(monkeypatch)
    with pytest.raises(RuntimeError, match=r"'cuda' requires cupy.*skcoreset\[cuda13\]"):
        fit()
    assert fit("auto").device_ == "cpu"
    assert fit(sampler=Uniform).device_ == "cpu"
    fake_cupy(monkeypatch)
    with pytest.raises(RuntimeError, match=r"'cuda:1' is not available.*no GPU: cudaErrorNoDevice"):
        fit("cuda:1")
    assert placed(X_SMALL, LARGE)[1] == "cpu"
    fake_cupy(monkeypatch, count=0)
    with pytest.raises(RuntimeError, match=r"'cuda' is not available: cupy finds no GPU"):
        fit()
    fake_cupy(monkeypatch, count=2)
    with pytest.raises(RuntimeError, match=r"'cuda:2' is not available: the last GPU is 'cuda:1'"):
        fit("cuda:2")


def test_errors_come_before_any_work(monkeypatch):
    class Untouched(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("work was done")

    without_cupy(monkeypatch)
    y = [0, 0, 0, 1, 1, 1]
    for sampler in (CRAIG, GradMatch, ContrastiveActiveLearning):
        with config_context(device="cuda"), pytest.raises(RuntimeError, match="cupy"):
            sampler(Untouched()).fit(X_SMALL, y)
    fitted = ContrastiveActiveLearning(coreset_size=2, n_neighbors=1).fit(X_SMALL, y)
    monkeypatch.setattr(fitted.estimator_, "predict_proba", Untouched().fit, raising=False)
    with config_context(device="cuda"), pytest.raises(RuntimeError, match="cupy"):
        fitted.score_samples(X_SMALL)


def test_cupy_is_asked_about_the_right_gpu(monkeypatch):
    cupy = fake_cupy(monkeypatch, count=3)
    library = _backend._device_library("cuda:2")
    assert library.device.id == 2
    assert library.free_bytes() == 1000 + 2 + 100
    library.free_pool()
    assert cupy.freed == [2]
    assert Device.current == [0]
    with Device(1):
        assert _backend._device_library("cuda").device.id == 1


def test_new_arrays_are_made_where_those_of_cupy_are():
    class Array:
        def __array_namespace__(self, api_version=None):
            return np

        device = Device(2)

    X = Array()
    assert _backend.device_name(X) == "cuda:2"
    with _backend.device_scope(X):
        assert Device.current == [0, 2]
    with _backend.device_scope(X_SMALL), _backend.device_scope(None):
        assert Device.current == [0]
    seen = []

    def compute(place):
        assert place.as_it_is(X) is X
        seen.extend(Device.current)

    assert on_device(compute) == (None, "cuda:2")
    assert seen == [0, 2]
    assert Device.current == [0]


# all methods -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    return rng.standard_normal((120, 40)) + 0.5 * y[:, None], y


def assert_same(got, reference):
    """That two samplers are fitted alike, and the first one holds nothing of a device."""
    assert b"array_api_strict" not in pickle.dumps({**vars(got), "device_": ""})
    for name, value in vars(reference).items():
        mine = getattr(got, name)
        if isinstance(value, np.ndarray):
            assert type(mine) is np.ndarray, name
            np.testing.assert_allclose(mine, value, rtol=1e-9, atol=1e-9, err_msg=name)
            assert mine.dtype == value.dtype
        elif isinstance(value, float):
            assert type(mine) is float
            assert mine == pytest.approx(value)
        elif name == "sampling_strategy_":
            assert mine == value
    assert vars(got).keys() - {"_skl_callbacks"} == vars(reference).keys()


@each(ON_DEVICE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_moved_and_picked_as_on_the_host(sampler, dtype, table, gpu):
    X, y = table[0].astype(dtype), table[1]
    with config_context(device="cpu"):
        reference = clone(sampler).fit(X, y)
    assert reference.device_ == "cpu"
    assert gpu.asked == []
    with config_context(device="cuda"):
        got = clone(sampler)
        X_out, y_out = got.fit_resample(X, y)
    assert got.device_ == NAME
    if dtype is np.float64:
        assert_same(got, reference)
    np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)
    assert type(X_out) is type(y_out) is np.ndarray


@pytest.mark.parametrize("sampler", [Margin(), Uniform(random_state=0), Moderate()])
def test_methods_that_have_nothing_for_a_gpu(sampler, table, gpu):
    with config_context(device="cuda"):
        assert clone(sampler).fit(*table).device_ == "cpu"
    assert gpu.asked == []


def test_device_in_device_out(table, gpu):
    X = array_api_strict.asarray(table[0], device=GPU)
    for sampler, device in [(KCenterGreedy(9), NAME), (Margin(), "cpu"), (Moderate(), NAME)]:
        X_out, y_out = sampler.fit_resample(X, table[1])
        assert X_out.device == GPU
        assert type(y_out) is np.ndarray
        assert sampler.device_ == device
        assert_same(sampler, clone(sampler).fit(*table))
    assert gpu.asked == []


@pytest.mark.parametrize(("sampler", "words"), ON_HOST_ONLY, ids=lambda p: params_of(p))
def test_methods_that_run_on_the_host_only(sampler, words, table, gpu, monkeypatch):
    monkeypatch.setattr(_backend, "WORTH_MOVING", 0)
    assert clone(sampler).fit(*table).device_ == "cpu"
    with (
        config_context(device="cuda"),
        pytest.raises(ValueError, match=f"device='cuda', but {words} is computed by the host only"),
    ):
        clone(sampler).fit(*table)
    assert gpu.asked == []


def test_sparse_and_precomputed_tables(table, gpu, monkeypatch):
    monkeypatch.setattr(_backend, "WORTH_MOVING", 0)
    X, y = table
    similar = np.exp(-np.square(X[:60, None] - X[None, :60]).sum(axis=2) / 80)
    cases = [
        (KCenterGreedy(9), sparse.csr_array(X), TypeError),
        (GradMatch(coreset_size=9), sparse.csr_array(X), TypeError),
        (FacilityLocation(9, metric="precomputed"), similar, ValueError),
    ]
    for sampler, data, error in cases:
        assert clone(sampler).fit(data, y[: data.shape[0]]).device_ == "cpu"
        with config_context(device="cuda"), pytest.raises(error, match=r"sparse|precomputed"):
            clone(sampler).fit(data, y[: data.shape[0]])
    sampler = FacilityLocation(9, metric="precomputed")
    reference = clone(sampler).fit(similar, y[:60])
    got = clone(sampler).fit(array_api_strict.asarray(similar, device=GPU), y[:60])
    assert got.device_ == NAME
    assert_same(got, reference)


def test_work_decides(table, gpu, monkeypatch):
    X, y = table
    n, d = X.shape
    works = {
        Herding(10, stratify=None): n * 10 * d,
        Herding(10, kernel="rbf", stratify=None): n * n * d,
        Herding(10, kernel="laplacian", n_candidates=30, stratify=None): 30 * 30 * d,
        KCenterGreedy(10, stratify=None): n * 10 * d,
        GraphCut(10, stratify=None): n * n * d,
        CRAIG(coreset_size=10, stratify=None): n * n * (d + 3),
        GradMatch(coreset_size=10, stratify=None): n * 10 * (d + 3 + 10),
        ContrastiveActiveLearning(n_neighbors=3): n * n * d,
        ImportanceSampling(random_state=0): 2 * n * d,
        ImportanceSampling(sensitivity="leverage", random_state=0): 3 * n * d**2,
        KCenterGreedy({0: 5, 1: 5, 2: 0}): 5 * np.count_nonzero(y != 2) * d,
    }
    for sampler, work in works.items():
        for more, device in ((0, NAME), (1, "cpu")):
            monkeypatch.setattr(_backend, "WORTH_MOVING", work + more)
            assert clone(sampler).fit(X, y).device_ == device, sampler


def test_neighbours_by_a_tree_are_less_work(table, gpu, monkeypatch):
    monkeypatch.setattr(_backend, "WORTH_MOVING", 120 * 100 * 5)
    X, y = table
    for sampler in (ContrastiveActiveLearning(n_neighbors=3), FacilityLocation(n_neighbors=3)):
        sampler.set_params(stratify=None)
        assert sampler.fit(X[:, :5], y).device_ == "cpu"
        assert sampler.set_params(metric="cosine").fit(X[:, :5], y).device_ == NAME


@SHORT
@pytest.mark.parametrize("free", [np.inf, 1e3])
def test_validation_rows_go_along(table, gpu, free):
    gpu.free = free
    X, y = table
    val = {"X_val": X[::3], "y_val": y[::3]}
    reference = GradMatch(coreset_size=12).fit(X, y, **val)
    with config_context(device="cuda"):
        got = GradMatch(coreset_size=12).fit(X, y, **val)
    assert got.device_ == NAME
    assert_same(got, reference)


@pytest.mark.parametrize("in_reference", [False, True])
def test_scores_of_new_rows(table, gpu, in_reference):
    X, y = table
    sampler, given = ContrastiveActiveLearning(n_neighbors=3), {}
    if in_reference:
        given["X_ref"] = X[:50]
    reference = clone(sampler).fit(X, y, **given)
    wanted = reference.score_samples(X[:20] + 0.1)
    with config_context(device="cuda"):
        got = sampler.fit(X, y, **given)
        assert got.device_ == NAME
        assert_same(got, reference)
        asked = len(gpu.asked)
        np.testing.assert_allclose(got.score_samples(X[:20] + 0.1), wanted, atol=1e-9)
        assert len(gpu.asked) > asked
    on_gpu = array_api_strict.asarray(X[:20] + 0.1, device=GPU)
    np.testing.assert_allclose(reference.score_samples(on_gpu), wanted, atol=1e-9)
    assert reference.device_ == "cpu"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", META + TRANSFORMERS, ids=params_of)
def test_estimators_take_tables_and_targets_of_a_device(estimator, weighted, table, gpu):
    X, y = table
    weighted = weighted and not isinstance(estimator, CoresetNystroem)
    weight = {"sample_weight": 1.0 + y} if weighted else {}
    reference = clone(estimator).fit(X, y, **weight)
    on_gpu = [array_api_strict.asarray(x, device=GPU) for x in (X, y, *weight.values())]
    got = clone(estimator).fit(*on_gpu)
    ask = "transform" if hasattr(estimator, "transform") else "predict"
    wanted = getattr(reference, ask)(X)
    np.testing.assert_allclose(getattr(got, ask)(on_gpu[0]), wanted, atol=1e-9)


@each([KCenterGreedy(9), FacilityLocation(9)])
def test_rows_to_begin_with_may_be_on_a_device(sampler, table, gpu):
    X, y = table
    reference = clone(sampler).set_params(init=[1, 2, 3]).fit(X, y)
    sampler = clone(sampler).set_params(init=array_api_strict.asarray([1, 2, 3], device=GPU))
    got = sampler.fit(array_api_strict.asarray(X, device=GPU), y)
    np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)


def test_a_matching_that_has_nothing_to_match(gpu):
    """The one row that is kept then is found on the device too."""
    X, y = np.ones((6, 2)), np.array([0, 1] * 3)
    with pytest.warns(UserWarning, match="match the gradient"):
        reference = GradMatch(coreset_size=4, stratify=None).fit(X, y)
    with (
        config_context(device="cuda"),
        pytest.warns(UserWarning, match="match the gradient"),
    ):
        got = GradMatch(coreset_size=4, stratify=None).fit(X, y)
    assert_same(got, reference)


# memory ------------------------------------------------------------------------------------


def test_a_streamed_table_answers_as_an_array_of_the_device():
    X = Streamed(X_SMALL, array_api_strict, GPU)
    assert (X.shape, X.ndim, X.dtype) == ((6, 2), 2, array_api_strict.float64)
    assert _backend.is_foreign(X)
    assert _backend.namespace(X) is array_api_strict
    assert _backend.device_of(X) == GPU
    assert _backend.device_name(X) == NAME
    assert _backend.to_numpy(X) is X_SMALL
    at = array_api_strict.asarray([4, 1], device=GPU)
    for part, rows in [
        (X[1:3], X_SMALL[1:3]),
        (X[1:3, :], X_SMALL[1:3]),
        (X[at, :], X_SMALL[[4, 1]]),
    ]:
        assert part.device == GPU
        np.testing.assert_array_equal(_backend.to_numpy(part), rows)


def test_a_table_streams_where_it_takes_too_much(gpu):
    gpu.free = X_SMALL.nbytes / 0.8
    with config_context(device="cuda"):
        assert not isinstance(placed(X_SMALL)[0], Streamed)
        assert isinstance(placed((X_SMALL[:, :1], None, X_SMALL[:, 1:]))[0][0].shape, tuple)
        gpu.free -= 2
        assert isinstance(placed(X_SMALL)[0], Streamed)
        both = placed((X_SMALL, None, X_SMALL[:1]))[0]
        assert [type(x) for x in both] == [Streamed, type(None), Streamed]
    assert placed(X_SMALL, LARGE)[1] == NAME


def test_a_table_streams_where_the_copy_runs_out_of_memory(gpu, monkeypatch):
    def full(x):
        raise MemoryError

    monkeypatch.setattr(gpu, "asarray", full)
    with config_context(device="cuda"):
        assert isinstance(placed(X_SMALL)[0], Streamed)
    assert gpu.freed == 1
    monkeypatch.setattr(gpu, "asarray", lambda x: 1 / 0)
    with config_context(device="cuda"), pytest.raises(ZeroDivisionError):
        placed(X_SMALL)


@each([s for s in ON_DEVICE if "gradient='features'" not in repr(s)])
@pytest.mark.parametrize("columns", [40, 5])
def test_streamed_and_picked_as_on_the_host(sampler, columns, table, gpu, fetched):
    X, y = table[0][:, :columns], table[1]
    if isinstance(sampler, (Herding, KCenterGreedy, FacilityLocation, GraphCut)):
        X = X + 100.0  # far from the origin
    with sklearn.config_context(working_memory=X.nbytes / 4 / 2**20):  # no copy of a class fits
        reference = clone(sampler).fit(X, y)
        gpu.free = 1000
        with config_context(device="cuda"):
            got = clone(sampler).fit(X, y)
    assert got.device_ == NAME
    np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)
    np.testing.assert_allclose(got.sample_weight_, reference.sample_weight_, rtol=1e-6)
    assert fetched


@pytest.mark.parametrize(
    "sampler",
    [
        Herding(3, stratify=None),
        KCenterGreedy(40, stratify=None),
        KCenterGreedy(40),
        KCenterGreedy(40, metric="cosine", stratify=None),
        FacilityLocation(3, stratify=None, n_neighbors=2),
        FacilityLocation(3, stratify=None, optimizer="stochastic", random_state=0),
        ContrastiveActiveLearning(n_neighbors=3),
        ImportanceSampling(random_state=0),
        ImportanceSampling(sensitivity="leverage", random_state=0),
        GradMatch(coreset_size=3, stratify=None),
    ],
    ids=params_of,
)
def test_no_part_is_larger_than_the_working_memory(sampler, gpu, fetched):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1500, 40)), np.repeat([0, 1], 750)
    with sklearn.config_context(working_memory=X.nbytes / 2.5 / 2**20):
        reference = clone(sampler).fit(X, y)
        gpu.free = 1000
        with config_context(device="cuda"):
            got = clone(sampler).fit(X, y)
    assert 0 < max(fetched) <= X.nbytes / 2.5
    np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)


class OutOfMemory(MemoryError):
    """What cupy raises."""


@pytest.fixture
def once_full(monkeypatch):
    """A kernel that runs out of memory at its second call; tables that it was called with."""

    def install(module, name):
        plain, calls = getattr(module, name), []

        def kernel(pairs, size, *args, **kwargs):
            calls.append((weakref.ref(pairs.X), pairs.streamed))
            if len(calls) == 2:
                kwargs["report"](size // 2)
                raise OutOfMemory
            calls[-1] += (sklearn.get_config()["working_memory"],)
            return plain(pairs, size, *args, **kwargs)

        monkeypatch.setattr(module, name, kernel)
        return calls

    return install


@pytest.mark.parametrize("init", ["mean", "random"])
def test_a_second_time_in_parts_where_a_kernel_runs_out_of_memory(init, table, gpu, once_full):
    sampler = KCenterGreedy(30, init=init, random_state=np.random.RandomState(0))
    reference = clone(sampler).fit(*table)
    ended = Ended()
    if hasattr(sampler, "set_callbacks"):
        sampler.set_callbacks(ended)
    gpu.free = table[0].nbytes * 2
    with config_context(device="cuda"), sklearn.config_context(working_memory=4):
        calls = once_full(skcoreset._k_center_greedy, "farthest_first")
        freed = []
        gpu.free_pool = lambda: freed.append([call[0]() for call in calls])
        sampler.fit(*table)
    assert freed == [[None, None]]  # by then nothing of the first time is left
    assert_same(sampler, reference)
    assert sampler.device_ == NAME
    streamed, memory = zip(*[call[1:] for call in calls[2:]], strict=True)
    assert streamed == (False,) * 3 or streamed == (True,) * 3
    assert set(memory) == {1}  # MiB: an eighth of what is free, but never less
    assert sklearn.get_config()["working_memory"] != 1
    if hasattr(sampler, "set_callbacks"):
        assert ended.count == 30


class Ended:
    """Counts the tasks that ended."""

    count = 0

    def setup(self, *args, **kwargs):
        pass

    def teardown(self, *args, **kwargs):
        pass

    def on_fit_task_begin(self, *args, **kwargs):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.count += context.task_name == "pick"


def test_memory_of_the_host_is_another_matter(table, gpu, once_full):
    calls = once_full(skcoreset._k_center_greedy, "farthest_first")
    with pytest.raises(OutOfMemory):
        KCenterGreedy(9).fit(*table)
    assert len(calls) == 2
    assert gpu.freed == 0


def test_a_second_time_is_the_last(gpu):
    calls = []

    def compute(place):
        calls.append(place(X_SMALL, LARGE))
        raise OutOfMemory

    with pytest.raises(OutOfMemory):
        on_device(compute)
    assert [isinstance(X, Streamed) for X in calls] == [False, True]

    def wrong(place):
        calls.append(place(X_SMALL, LARGE))
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        on_device(wrong)
    assert len(calls) == 3


def test_libraries_of_cuda_run_out_of_memory_too():
    for error in (
        OutOfMemory(),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("cudaErrorMemoryAllocation: out of memory"),
        RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ):
        assert _backend._is_out_of_memory(error)
    assert not _backend._is_out_of_memory(RuntimeError("CUBLAS_STATUS_INVALID_VALUE"))
