"""Every kernel gives the same on every array library, and leaks nothing to the host.

The fixture `arrays` is NumPy, array_api_strict on its second device (which raises where an array
is read by NumPy or meets one of the host), and cupy where there is a GPU.
"""

import ast
import re
from functools import cache
from pathlib import Path

import array_api_strict
import numpy as np
import oracles
import pytest
import sklearn
from scipy import sparse
from sklearn.metrics import pairwise_distances

import skcoreset
from skcoreset import _backend
from skcoreset._kernels import herding, neighbors, sampling
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import FacilityLocation, facility_location
from skcoreset._kernels.farthest_first import farthest_first
from skcoreset._kernels.graph_cut import GraphCut
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.kernels import gram
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._kernels.omp import matching_pursuit
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.similarities import given_similarities, near_similarities
from skcoreset._kernels.top_k import top_k

TABLES = {
    "narrow": lambda rng: rng.standard_normal((60, 5)),
    "wide": lambda rng: rng.standard_normal((50, 40)),
    "far from the origin": lambda rng: rng.standard_normal((40, 40)) + 1000,
    "one column": lambda rng: rng.standard_normal((30, 1)),
    "every row twice": lambda rng: np.repeat(rng.standard_normal((20, 4)), 2, axis=0),
    "a constant column": lambda rng: np.insert(rng.standard_normal((30, 3)), 1, 7.0, axis=1),
    "all rows alike": lambda rng: np.ones((12, 3)),
    "one row": lambda rng: np.ones((1, 3)),
}
SMALL = 0.004  # MiB of working memory: blocks of few rows, and nothing is held as a whole

each_table = pytest.mark.parametrize("name", TABLES)
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@cache
def table(name, dtype):
    return TABLES[name](np.random.default_rng(0)).astype(dtype)


@cache
def exact(name, dtype):
    """The same numbers for an oracle, in float64."""
    return table(name, dtype).astype("float64")


def weights(n):
    return np.random.default_rng(1).integers(1, 4, n).astype(float)


def odd(n):
    """Some of the rows: those at odd positions."""
    return np.arange(min(1, n - 1), n, 2)


def close(got, expected, dtype, atol=1e-12):
    """Equal but for rounding; `atol` is for float64."""
    rtol, scale = (1e-9, 1) if dtype == "float64" else (1e-4, 1e8)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol * scale)


# the backend -------------------------------------------------------------------------------


def test_which_library_and_where(arrays):
    x = arrays.asarray(np.arange(3.0))
    assert _backend.is_foreign(x) != arrays.is_host
    assert _backend.namespace(x).__name__.endswith(arrays.name)
    assert _backend.device_of(x) == arrays.device
    # What a device is called, cupy's but for its number.
    name = {"numpy": "cpu", "array_api_strict": "device1", "cupy": "cuda:"}[arrays.name]
    assert name in _backend.device_name(x)


@pytest.mark.parametrize("x", [[1, 2], sparse.csr_array(np.eye(2)), np.ones(2)])
def test_what_is_on_the_host(x):
    assert not _backend.is_foreign(x)
    assert _backend.device_name(x) == _backend.device_of(x) == "cpu"
    assert _backend.namespace(x).__name__.endswith("numpy")
    assert _backend.to_numpy(x) is x


@each_dtype
def test_moving_writing_and_taking(arrays, dtype):
    x = table("narrow", dtype)[:, 0]
    on_device, at = arrays.asarray(x.copy()), np.array([4, 0, 4])
    host = _backend.to_numpy(on_device)
    np.testing.assert_array_equal(host, x, strict=True)
    np.testing.assert_array_equal(arrays.to_numpy(_backend.take(on_device, at)), x[at], strict=True)
    np.testing.assert_array_equal(
        arrays.to_numpy(_backend.clip_below_zero(arrays.asarray(x.copy()))),
        np.maximum(x, 0),
        strict=True,
    )
    one = arrays.asarray(np.array([7]))
    some = arrays.asarray(np.array([5, 2]))
    _backend.put(on_device, some, arrays.asarray(np.array([-1, -2], dtype=dtype)))
    _backend.put(on_device, one, 3)
    expected = x.copy()
    expected[[5, 2, 7]] = -1, -2, 3
    np.testing.assert_array_equal(arrays.to_numpy(on_device), expected, strict=True)


def test_only_one_file_knows_cupy():
    """And the CUDA sources. Docstrings and messages may speak of it; code may not."""
    package = Path(skcoreset.__file__).parent
    files = [p for p in package.rglob("*.py") if "cuda" not in p.relative_to(package).parts]
    knowing = {p.name for p in files if names_cupy(p.read_text())}
    assert knowing == {"_backend.py"}


def names_cupy(source):
    named = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named += [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named += re.findall(r"^cupyx?(?:\..*)?$", node.value)  # import_module("cupy")
        else:
            named += [getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "arg", "")]
    return any("cupy" in name for name in named if name)


@pytest.mark.parametrize(
    ("source", "knows"),
    [
        ("import cupy", True),
        ("from array_api_compat import is_cupy_array", True),
        ("from cupy.cuda import Device", True),
        ("x = sys.modules['cupy']", True),
        ("x.is_cupy_array(y)", True),
        ("'cupy in, cupy out'", False),
        ("raise ValueError(f'install cupy, not {x}')", False),
    ],
)
def test_how_knowing_is_found_out(source, knows):
    assert names_cupy(source) == knows


# distances and inner products --------------------------------------------------------------


METRICS = {"euclidean": "sqeuclidean", "cosine": "cosine"}


@pytest.mark.parametrize("memory", [64, SMALL])
@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@each_dtype
@each_table
def test_pairs(name, dtype, metric, some, memory, arrays):
    """Each answer of a metric, on all rows and on some, with copies of the rows and without."""
    X, X_exact = table(name, dtype), exact(name, dtype)
    rows = odd(len(X)) if some else None
    X_exact = X_exact if rows is None else X_exact[rows]
    n = len(X_exact)
    expected = distances_of(X_exact, metric)
    size = expected.max() + (X_exact**2).sum(axis=1).max() * (name != "far from the origin") + 1
    at, every = np.arange(0, n, 3), slice(0, n)
    left, right = at, at[::-1].copy()
    with sklearn.config_context(working_memory=memory):
        of = pairs(arrays.asarray(X), metric, rows)
        columns, fifth = arrays.asarray(at), arrays.asarray(np.arange(0, len(at), 5))
        answers = {
            "block": (of.block(columns, every), expected[at]),
            "of an index array": (of.block(columns, columns), expected[np.ix_(at, at)]),
            "among": (of.exact_among(columns)(fifth), expected[np.ix_(at[::5], at)]),
        }
        real = expected**0.5 if metric == "euclidean" else expected
        got = arrays.to_numpy(of.distances(columns, every))
        np.testing.assert_allclose(got, real[at], atol=size * 1e-6 if dtype == "float32" else 1e-7)
        if metric == "euclidean":
            exactly = of.exact_pairs(arrays.asarray(left), arrays.asarray(right))
            close(arrays.to_numpy(exactly), expected[left, right], dtype)
            assert (np.diagonal(got[:, at]) == 0).all()  # no rounding between a row and itself
    for got, right_one in answers.values():
        assert _backend.device_of(got) == arrays.device
        close(arrays.to_numpy(got) / size, right_one / size, dtype, atol=1e-14)


def distances_of(X, metric):
    if metric == "cosine":
        return pairwise_distances(X, metric="cosine")
    return ((X[:, None] - X[None]) ** 2).sum(axis=2)


@pytest.mark.parametrize("n_columns", [4, 40])
@each_dtype
def test_rows_that_are_near_to_each_other(arrays, dtype, n_columns):
    """Products have lost all digits of their distances; differences have not."""
    X = np.random.default_rng(0).standard_normal((20, n_columns)).astype(dtype)
    X = np.concatenate([X, X + X.dtype.type(1e-5)])
    D = distances_of(X.astype("float64"), "euclidean")
    of, every = pairs(arrays.asarray(X)), arrays.asarray(np.arange(40))
    # Of the few columns the shifted copy is rounded once more.
    rtol = 0.05 if dtype == "float32" and n_columns == 4 else 1e-6
    np.testing.assert_allclose(arrays.to_numpy(of.exact_among(every)(every)), D, rtol=rtol)
    got = arrays.to_numpy(of.distances(every, slice(0, 40)))
    np.testing.assert_allclose(got, D**0.5, rtol=max(rtol, 1e-3 if dtype == "float32" else 0))


@pytest.mark.parametrize("metric", METRICS)
@each_dtype
@each_table
def test_slack_and_doubt(name, dtype, metric, arrays):
    """The bound of rounding holds for every value, and holds on the device."""
    X = table(name, dtype)
    n, every = len(X), arrays.asarray(np.arange(len(X)))
    of = pairs(arrays.asarray(X), metric)
    values = of.block(every, slice(0, n))
    expected = distances_of(exact(name, dtype), metric)
    for i in range(0, n, 7):
        bound = arrays.to_numpy(of.error_bound(values[i, :], every))
        assert (np.abs(arrays.to_numpy(values)[i] - expected[i]) <= bound).all()
        mended = arrays.to_numpy(of.block(every[i : i + 1], slice(0, n)))[0]
        width = arrays.to_numpy(
            of.block_error_bound(arrays.asarray(mended.astype("float64")), every)
        )
        assert (np.abs(mended - expected[i]) <= width + 1e-30).all()
        assert (width <= of.largest_block_error(expected[i].max() * 1.01 + 1e-6)).all()
    # A squared distance of 0 is always a matter of doubt, but of two rows at the origin.
    doubtful = arrays.to_numpy(of.is_inexact(0 * values[0, :], every, every))
    np.testing.assert_array_equal(
        doubtful, arrays.to_numpy(of.sq) > 0 if metric == "euclidean" else np.zeros(n, bool)
    )
    assert arrays.to_numpy(of.distance(of.error_bound(values[0, :], every) - 1)).min() >= 0


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@each_dtype
@each_table
def test_the_mean_and_who_is_nearest_to_it(name, dtype, metric, some, arrays):
    X, X_exact = table(name, dtype), exact(name, dtype)
    rows = odd(len(X)) if some else None
    X_exact = X_exact if rows is None else X_exact[rows]
    weight = weights(len(X_exact))
    mean = weight @ X_exact / weight.sum()
    expected = distances_of(np.vstack([mean, X_exact]), metric)[0, 1:]
    of = pairs(arrays.asarray(X), metric, rows)
    size = 1 + X_exact.var(axis=0).sum()
    close(arrays.to_numpy(of.to_mean(weight)) / size, expected / size, dtype, atol=1e-13)
    tied = np.isclose(expected, expected.min(), rtol=0, atol=1e-5)
    assert tied[of.nearest_to_mean(weight)]
    assert isinstance(of.nearest_to_mean(weight), int)


@each_dtype
def test_inner_products(arrays, dtype):
    """Of rows that are shifted: all that counts is differences."""
    X = exact("far from the origin", dtype)
    of = gram(arrays.asarray(table("far from the origin", dtype)))
    at = arrays.asarray(np.array([3]))
    step = arrays.to_numpy(of.feature(at)) - arrays.to_numpy(of.feature(at + 1))
    close(step, X[3] - X[4], dtype, atol=1e-11)
    # The row nearest to a target near row 7, which is at its place less the middle.
    target = arrays.asarray(X[7] + 0.01) - of.middle
    near = of.nearest_to(target, 0 * target, of.diagonal)
    assert arrays.to_numpy(near).tolist() == [7]
    without = of.diagonal + arrays.asarray(np.where(np.arange(len(X)) == 7, np.inf, 0))
    far = ((X - X[7] - 0.01) ** 2).sum(axis=1)
    far[7] = np.inf
    near = of.nearest_to(target, 0 * target, without)
    assert arrays.to_numpy(near).tolist() == [far.argmin()]


def sentinels(dtype, d=8):
    """Rows of two groups that are far from each other."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, d))
    X[rng.random(60) < 0.6, : d // 2] = -99999999
    return X.astype(dtype)


@pytest.mark.parametrize("d", [8, 40])
@each_dtype
def test_distances_of_far_groups(arrays, dtype, d):
    """Each is right for its own size, whatever the others are."""
    X = sentinels(dtype, d)
    D = distances_of(X.astype("float64"), "euclidean")
    of, every = pairs(arrays.asarray(X)), arrays.asarray(np.arange(60))
    rtol = 1e-3 if dtype == "float32" else 1e-7
    np.testing.assert_allclose(arrays.to_numpy(of.block(every, slice(0, 60))), D, rtol=rtol)
    got = arrays.to_numpy(of.distances(every, slice(0, 60)))
    np.testing.assert_allclose(got, D**0.5, rtol=rtol)
    np.testing.assert_allclose(arrays.to_numpy(of.exact_among(every)(every)), D, rtol=1e-12)
    mean = X.astype("float64").mean(axis=0)
    to_mean = ((X.astype("float64") - mean) ** 2).sum(axis=1)
    np.testing.assert_allclose(arrays.to_numpy(of.to_mean()), to_mean, rtol=1e-12)
    picks, radii, _ = farthest_first(of, 25, [0])
    expected, expected_radii = oracles.farthest_first(D**0.5, 25, 0)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_allclose(radii, expected_radii, rtol=1e-12)
    got = herding.herd(gram(arrays.asarray(X)), 25, np.ones(60))
    np.testing.assert_array_equal(got, oracles.herding_far_out(X, 25))


@pytest.mark.parametrize(
    "made",
    [
        lambda X: pairs(X, "manhattan"),
        lambda X: pairs(X, "precomputed"),
        lambda X: pairs(X, lambda a, b: abs(a - b).sum()),
        lambda X: gram(X, "poly"),
    ],
)
def test_what_works_on_the_host_only_says_so(made, arrays):
    X = arrays.asarray(np.eye(4))
    if arrays.is_host:
        assert made(X).n == 4
        return
    with pytest.raises(TypeError, match="works on NumPy arrays, data frames and"):
        made(X)


# one kernel after the other ----------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 17, 60])
@pytest.mark.parametrize("kind", ["random", "ties", "constant"])
@each_dtype
def test_top_k(arrays, dtype, kind, k):
    scores = {
        "random": table("narrow", dtype)[:, 0],
        "ties": np.arange(60, dtype=dtype) // 7 % 5,
        "constant": np.ones(60, dtype),
    }[kind]
    got = arrays.to_numpy(top_k(arrays.asarray(scores), k))
    np.testing.assert_array_equal(got, oracles.top_k(scores, k))


@cache
def k_center(name, dtype, metric, some):
    X = exact(name, dtype)
    X = X[odd(len(X))] if some else X
    return oracles.k_center(X, len(X), 0, metric)


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@each_dtype
@each_table
def test_farthest_first(name, dtype, metric, some, arrays):
    if metric == "cosine" and name == "far from the origin":
        pytest.skip("all angles are equal up to rounding")
    X = table(name, dtype)
    rows = odd(len(X)) if some else None
    expected, radii, cells = k_center(name, dtype, metric, some)
    for memory, pool_size in ((64, None), (SMALL, 7)):
        with sklearn.config_context(working_memory=memory):
            of = pairs(arrays.asarray(X), metric, rows)
            picks, got_radii, nearest = farthest_first(of, of.n, [0], pool_size=pool_size)
        np.testing.assert_array_equal(picks, expected)
        # A cosine near 1 has lost half of its digits.
        close(got_radii, radii, dtype, atol=1e-6 if metric == "cosine" else 1e-12)
        np.testing.assert_array_equal(nearest, cells)
        assert all(isinstance(x, np.ndarray) for x in (picks, got_radii, nearest))


@cache
def herded(name, dtype, some):
    X = exact(name, dtype)
    X = X[odd(len(X))] if some else X
    return oracles.herding(X - X.mean(axis=0), len(X), weights(len(X)))


@pytest.mark.parametrize("some", [False, True])
@each_dtype
@each_table
def test_herd(name, dtype, some, arrays):
    X = table(name, dtype)
    of = gram(arrays.asarray(X), rows=odd(len(X)) if some else None)
    seen = []
    got = herding.herd(of, of.n, weights(of.n), report=seen.append)
    np.testing.assert_array_equal(got, herded(name, dtype, some))
    assert isinstance(got, np.ndarray)
    assert seen == list(range(1, of.n + 1))
    on_device = herding.herd(of, of.n, arrays.asarray(weights(of.n)))
    np.testing.assert_array_equal(on_device, got)


def test_herding_waits_for_no_pick(monkeypatch):
    """On a GPU each number that Python reads makes the host wait; the loop must read none."""
    array = type(array_api_strict.zeros(1))
    reads = []

    def counted(plain):
        def read(x):
            reads.append(1)
            return plain(x)

        return read

    for name in ("__int__", "__float__", "__bool__", "__index__"):
        monkeypatch.setattr(array, name, counted(getattr(array, name)))
    # array_api_strict knows no assignment by index arrays; cupy's reads nothing.
    monkeypatch.setattr(herding, "put", lambda x, at, value: x._array.__setitem__(at._array, value))

    def reads_of(size):
        reads.clear()
        X = array_api_strict.asarray(
            table("wide", "float64"), device=array_api_strict.Device("device1")
        )
        herding.herd(gram(X), size, weights(50))
        return len(reads)

    assert reads_of(1) == reads_of(40)


@cache
def similarities(name, dtype):
    D = distances_of(exact(name, dtype), "euclidean") ** 0.5
    return D.max() - D


@cache
def located(name, dtype):
    S = similarities(name, dtype)
    return oracles.facility_location(S, len(S), weights(len(S)))


@cache
def cut(name, dtype):
    S = similarities(name, dtype)
    return oracles.graph_cut(S, len(S), 0.5, weights(len(S)))


def same_picks(got, expected, dtype):
    """Picks and gains of all rows, up to where nothing but rounding is gained any more."""
    (picks, gains), (right, right_gains) = got, expected
    size = np.abs(right_gains).max() or 1.0
    last = int(np.argmax(np.append(np.abs(right_gains) < 1e-4 * size, True)))
    np.testing.assert_array_equal(picks[:last], right[:last])
    close(gains[:last] / size, right_gains[:last] / size, dtype, atol=1e-11)
    assert sorted(picks) == list(range(len(right)))
    assert np.abs(gains[last:]).max(initial=0) < 2e-4 * size or (right_gains[last:] < 0).any()


@pytest.mark.parametrize("memory", [64, SMALL])
@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
@each_dtype
@each_table
def test_facility_location(name, dtype, optimizer, memory, arrays):
    """Similarities that are held as a whole, and those made on demand."""
    X = table(name, dtype)
    n = len(X)
    with sklearn.config_context(working_memory=memory):
        similar = near_similarities(pairs(arrays.asarray(X)))
        assert similar.whole == (memory == 64 or n < 20)
        objective = FacilityLocation(similar, arrays.asarray(weights(n)))
        same_picks(greedy(objective, n, optimizer=optimizer), located(name, dtype), dtype)
    np.testing.assert_allclose(objective.cells(weights(n)), weights(n)[objective.picks])
    assert objective.loss() == pytest.approx(0, abs=1e-5 * (1 + similarities(name, dtype).max()))


@pytest.mark.parametrize("memory", [64, SMALL])
@pytest.mark.parametrize("objective", [FacilityLocation, lambda s, w: GraphCut(s, w, 0.5)])
def test_cells(objective, memory, arrays):
    """Each row counts for the pick that it is the most similar to; rows picked before the loop."""
    X, S, weight = table("wide", "float64"), similarities("wide", "float64"), weights(50)
    with sklearn.config_context(working_memory=memory):
        similar = near_similarities(pairs(arrays.asarray(X)))
        of = objective(similar, arrays.asarray(weight))
        picks, gains = greedy(of, 8, start=[3, 7])
        assert picks[:2].tolist() == [3, 7]
        assert gains[0] > 0
        expected = np.bincount(S[:, picks].argmax(axis=1), weights=weight)
        np.testing.assert_allclose(of.cells(weight), expected)
        np.testing.assert_allclose(of.cells(arrays.asarray(weight)), expected)


@pytest.mark.parametrize("memory", [64, SMALL])
@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
@each_dtype
@each_table
def test_graph_cut(name, dtype, optimizer, memory, arrays):
    X = table(name, dtype)
    n = len(X)
    with sklearn.config_context(working_memory=memory):
        similar = near_similarities(pairs(arrays.asarray(X)))
        objective = GraphCut(similar, arrays.asarray(weights(n)), 0.5)
        same_picks(greedy(objective, n, optimizer=optimizer), cut(name, dtype), dtype)


@pytest.mark.parametrize("memory", [64, SMALL])
@each_dtype
def test_given_similarities(arrays, dtype, memory):
    S = np.asarray(similarities("narrow", dtype), dtype=dtype)
    with sklearn.config_context(working_memory=memory):
        similar = given_similarities(arrays.asarray(S))
        np.testing.assert_array_equal(arrays.to_numpy(similar.diagonal()), np.diagonal(S))
        got = greedy(facility_location(similar, arrays.asarray(weights(60))), 60)
    same_picks(got, located("narrow", dtype), dtype)


def stochastic_greedy(S, k, weight, epsilon, random_state):
    """Mirzasoleiman et al. 2015: the best of some of the rows that are left."""
    sample, picks = int(np.ceil(len(S) / k * np.log(1 / epsilon))), []
    for _ in range(k):
        left = [j for j in range(len(S)) if j not in picks]
        if len(left) > sample:
            left = sorted(random_state.choice(left, sample, replace=False))
        values = [weight @ S[:, [*picks, j]].max(axis=1) for j in left]
        picks.append(int(left[np.argmax(values)]))
    return picks


@pytest.mark.parametrize("memory", [64, SMALL])
@each_dtype
def test_stochastic_greedy(arrays, dtype, memory):
    S, weight = similarities("wide", dtype), weights(50)
    expected = stochastic_greedy(S, 10, weight, 0.2, np.random.RandomState(0))
    with sklearn.config_context(working_memory=memory):
        similar = near_similarities(pairs(arrays.asarray(table("wide", dtype))))
        objective = FacilityLocation(similar, arrays.asarray(weight))
        picks, _ = greedy(
            objective,
            10,
            optimizer="stochastic",
            epsilon=0.2,
            random_state=np.random.RandomState(0),
        )
    assert picks.tolist() == expected


# gradients ---------------------------------------------------------------------------------


def factors(dtype, n=60, bias=True, with_h=True, degenerate=False):
    """(a, h), and the rows multiplied out."""
    rng = np.random.default_rng(3)
    a, h = rng.standard_normal((n, 3)).astype(dtype), rng.standard_normal((n, 4)).astype(dtype)
    if degenerate:  # rows that are equal, rows of zeros, a constant column
        a[n // 2 :], h[n // 2 :] = a[: n - n // 2], h[: n - n // 2]
        a[5], h[:, 2] = 0, 2
    if not with_h:
        return a, None, a.astype("float64")
    seen = np.insert(h.astype("float64"), 0, 1.0, axis=1) if bias else h.astype("float64")
    return a, h, (a.astype("float64")[:, :, None] * seen[:, None, :]).reshape(n, -1)


def placed(arrays, a, h):
    return arrays.asarray(a), None if h is None else arrays.asarray(h)


KINDS = [(True, True), (True, False), (False, True)]  # with_h, bias


@pytest.mark.parametrize("memory", [64, SMALL / 4])
@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("degenerate", [False, True])
@pytest.mark.parametrize(("with_h", "bias"), KINDS)
@each_dtype
def test_factored(dtype, with_h, bias, degenerate, some, memory, arrays):
    """Each answer equals that of the rows multiplied out."""
    a, h, G = factors(dtype, bias=bias, with_h=with_h, degenerate=degenerate)
    rows = odd(60) if some else None
    G = G if rows is None else G[rows]
    n, at, weight = len(G), np.arange(0, len(G), 3), weights(len(G))
    D = distances_of(G, "euclidean")
    with sklearn.config_context(working_memory=memory):
        of = OuterProducts(*placed(arrays, a, h), bias, rows)
        columns, every = arrays.asarray(at), slice(0, n)
        answers = {
            "inner": (of.inner(columns, every), (G @ G.T)[at]),
            "inner of arrays": (of.inner(columns, columns), (G @ G.T)[np.ix_(at, at)]),
            "squared norms": (of.sq, (G**2).sum(axis=1)),
            "direct": (of.exact_pairs(columns, columns + 1), D[at, at + 1]),
            "distances": (of.distances(columns, every), D[at] ** 0.5),
            "multiplied out": (of.explicit(), G),
        }
        total = of.total(weight)
        answers["total"] = total, (weight @ G).reshape(3, -1)
        answers["correlations"] = of.correlate(total), G @ (weight @ G)
    for got, expected in answers.values():
        close(arrays.to_numpy(got), expected, dtype, atol=1e-7)
    own = arrays.to_numpy(answers["distances"][0])[np.arange(len(at)), at]
    assert (own == 0).all()


def signed_pursuit(G, b, k, regularization):
    """OMP with the least squares solved from scratch at every step."""
    picks, weight = [], np.zeros(0)
    for _ in range(k):
        left = np.abs(G @ (b - weight @ G[picks]))
        left[picks] = -1
        picks.append(int(left.argmax()))
        A = G[picks]
        weight = np.linalg.solve(A @ A.T + regularization * np.eye(len(picks)), A @ b)
    return np.array(picks), weight


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("degenerate", [False, True])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("with_h", "bias"), KINDS)
@each_dtype
def test_matching_pursuit(dtype, with_h, bias, positive, degenerate, kept, arrays):
    """Columns of inner products kept, and computed again."""
    a, h, G = factors(dtype, bias=bias, with_h=with_h, degenerate=degenerate)
    k, regularization = 3 if not with_h else 7, 0.5
    b = weights(60) @ G
    pursuit = oracles.matching_pursuit if positive else signed_pursuit
    expected, right = pursuit(G, b, k, regularization)
    with sklearn.config_context(working_memory=64 if kept else SMALL):
        of = OuterProducts(*placed(arrays, a, h), bias)
        picks, got, norms = matching_pursuit(
            of, of.total(weights(60)), k, regularization=regularization, positive=positive
        )
    np.testing.assert_array_equal(picks, expected)
    close(got, right, dtype, atol=1e-9)
    left = np.linalg.norm(got @ G[picks] - b)
    assert norms[-1] == pytest.approx(left, rel=1e-3 if dtype == "float32" else 1e-7)


def test_matching_pursuit_of_all_rows_and_of_one(arrays):
    G = np.eye(4)
    of = OuterProducts(arrays.asarray(G))
    picks, weight, _ = matching_pursuit(of, of.total(np.array([1.0, 4, 2, 3])), 4)
    assert picks.tolist() == [1, 3, 2, 0]
    np.testing.assert_allclose(weight, [4, 3, 2, 1])
    of = OuterProducts(arrays.asarray(np.ones((1, 1))))
    assert matching_pursuit(of, of.total(np.ones(1)), 1)[0].tolist() == [0]


# neighbours --------------------------------------------------------------------------------


def nearest(D, k, of, among):
    """The k smallest of each row but itself, ties to the lowest position; ascending."""
    out = []
    for i in of:
        others = among[among != i]
        out.append(np.sort(others[np.argsort(D[i, others], kind="stable")[:k]]))
    return np.array(out)


NEAR = {
    **TABLES,
    "whole numbers": lambda rng: rng.integers(0, 3, (70, 4)),
    "whole numbers, wide": lambda rng: rng.integers(0, 2, (70, 36)),
    "five rows, again and again": lambda rng: rng.integers(0, 9, (5, 3))[rng.integers(0, 5, 50)],
    "whole numbers, far": lambda rng: rng.integers(0, 3, (70, 4)) + 5000,
    "whole numbers, wide and far": lambda rng: rng.integers(0, 2, (70, 36)) + 5000,
    # So far that products are off by 8 or more, while all differences are exact.
    "ties, very far": lambda rng: ties(rng) + 2.0**27,
    # Products are off by less than half of their digits, but by more than a tie is wide.
    "ties, far": lambda rng: 16381.0 * ties(rng) + 2.0**31,
    "sparse": lambda rng: sparse.random(80, 50, 0.05, random_state=rng).toarray(),
    "duplicates, far": lambda rng: np.repeat(rng.standard_normal((25, 3)), 2, axis=0) + 1e4,
}


def ties(rng):
    """Rows with two others at the same distance, in opposite directions."""
    centre = 1000 * np.arange(20)[:, None] + rng.integers(0, 9, (20, 4))
    step = rng.integers(-99, 99, (20, 4))
    return rng.permutation(np.concatenate([centre - step, centre, centre + step]))


each_near = pytest.mark.parametrize("name", [name for name in NEAR if name != "one row"])


@cache
def rows_and_distances(name, dtype):
    X = NEAR[name](np.random.default_rng(0)).astype(dtype)
    return X, distances_of(X.astype("float64"), "euclidean")


def close_distances(got, expected, dtype):
    """Those that have lost half of their digits are taken from differences."""
    rtol = 1e-3 if dtype == "float32" else 1e-7
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-9)


def subsets(n):
    """All of all, a range of all, and some of others."""
    every = np.arange(n)
    return [
        (slice(None), slice(None), every, every),
        (slice(3, 9), slice(None), every[3:9], every),
        (every[1::3], every[::2], every[1::3], every[::2]),
    ]


@pytest.mark.parametrize("memory", [64, SMALL])
@each_dtype
@each_near
def test_nearest_neighbors(name, dtype, memory, arrays):
    X, D = rows_and_distances(name, dtype)
    with sklearn.config_context(working_memory=memory):
        X_in = arrays.asarray(X)
        some = odd(len(X))
        for of, among, own, other in subsets(len(X)):
            for k in (1, 4, len(other) - 1) if memory > SMALL else (3,):
                got, values = nearest_neighbors(pairs(X_in), k, of, among)
                expected = nearest(D, k, own, other)
                np.testing.assert_array_equal(got, expected)
                close_distances(values, D[own[:, None], got] ** 0.5, dtype)
        got, _ = nearest_neighbors(pairs(X_in, rows=some), 3)
        within = D[np.ix_(some, some)]
        every = np.arange(len(some))
        np.testing.assert_array_equal(got, nearest(within, 3, every, every))


@each_dtype
def test_nearest_neighbors_by_angle(arrays, dtype):
    X = table("narrow", dtype)
    D = distances_of(exact("narrow", dtype), "cosine")
    got, values = nearest_neighbors(pairs(arrays.asarray(X), "cosine"), 5)
    every = np.arange(60)
    np.testing.assert_array_equal(got, nearest(D, 5, every, every))
    close(values, D[every[:, None], got], dtype, atol=1e-8)


SEARCHES = [neighbors._by_tree, neighbors._by_scikit_learn, neighbors._by_blocks]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("kind", ["dense", "csr"])
@each_dtype
@each_near
def test_each_search_by_itself(name, dtype, kind, search, monkeypatch):
    """Also where another one would be taken; what it leaves to others it must leave out."""
    if kind == "csr" and search is neighbors._by_tree:
        pytest.skip("trees are of dense rows")
    X, D = rows_and_distances(name, dtype)
    of_rows = pairs(sparse.csr_array(X) if kind == "csr" else X)
    settled = []

    def alone(*args):
        for at, *rest in search(*args):
            settled.extend(at)
            yield at, *rest

    monkeypatch.setattr(neighbors, "_searches", lambda pairs: [alone])
    for of, among, own, other in subsets(len(X)):
        for k in (1, 4, len(other) - 1):
            settled.clear()
            got, values = nearest_neighbors(of_rows, k, of, among)
            expected = nearest(D, k, own, other)
            assert len(set(settled)) == len(settled)
            if search is neighbors._by_blocks or k == len(other) - 1:
                assert len(settled) == len(own)
            elif search is neighbors._by_tree:  # left out is only what ties, or may do so
                assert set(range(len(own))) - set(settled) <= set(with_ties(D, k, own, other))
            np.testing.assert_array_equal(got[settled], expected[settled])
            right = D[own[:, None], expected][settled] ** 0.5
            close_distances(values[settled], right, dtype)


def with_ties(D, k, own, other):
    """Rows whose k-th neighbour is as near as two more, or which have as many duplicates."""
    for at, i in enumerate(own):
        values = np.sort(D[i, other[other != i]])
        if values[k - 1] >= values[min(k + 1, len(values) - 1)] * (1 - 1e-9):
            yield at


def test_which_search_is_taken():
    """Every one of them, and only the one in blocks for arrays of other libraries."""
    rng = np.random.default_rng(0)
    taken = {
        "few columns": (rng.standard_normal((30, 6)), neighbors._by_tree),
        "more": (rng.standard_normal((30, 7)), neighbors._by_scikit_learn),
        "float32": (rng.standard_normal((30, 65)).astype("float32"), neighbors._by_blocks),
        "far": (rng.standard_normal((30, 65)) + 1e4, neighbors._by_blocks),
        "sparse": (sparse.random_array((30, 50), density=0.05).tocsr(), neighbors._by_scikit_learn),
        "denser": (sparse.random_array((30, 50), density=0.5).tocsr(), neighbors._by_blocks),
        "strict": (array_api_strict.asarray(rng.standard_normal((30, 6))), neighbors._by_blocks),
    }
    for X, search in taken.values():
        assert neighbors._searches(pairs(X))[0] is search
        assert neighbors._searches(pairs(X))[-1] is neighbors._by_blocks


# sensitivities and draws -------------------------------------------------------------------


@pytest.mark.parametrize("memory", [64, SMALL])
@each_dtype
@each_table
def test_sensitivities(name, dtype, memory, arrays):
    X, X_exact = table(name, dtype), exact(name, dtype)
    weight, on_device = weights(len(X)), arrays.asarray(X)
    with sklearn.config_context(working_memory=memory):
        light = sampling.lightweight_sensitivity(on_device, weight)
        lever = sampling.leverage(on_device, weight)
        clusters = min(3, len(X))
        means = sampling.kmeans_sensitivity(on_device, weight, clusters, np.random.RandomState(0))
    mean = weight @ X_exact / weight.sum()
    squares = ((X_exact - mean) ** 2).sum(axis=1)
    spread = weight @ squares
    share = squares / (2 * spread) if spread > 1e-12 else 1 / (2 * weight.sum())
    close(light, 1 / (2 * weight.sum()) + share, dtype, atol=1e-9)
    root = np.sqrt(weight)[:, None] * X_exact
    hat = np.diagonal(root @ np.linalg.pinv(root, rtol=1e-7)) / weight
    if name != "far from the origin":  # float32 cannot tell its rank
        close(lever, hat, dtype, atol=1e-9)
    close(
        means,
        sampling.kmeans_sensitivity(X, weight, clusters, np.random.RandomState(0)),
        dtype,
        atol=1e-9,
    )


@pytest.mark.parametrize("kind", ["random", "ties", "one is almost all"])
def test_draws_take_sizes_of_any_library(kind, arrays):
    """They are drawn on the host, from the same random numbers."""
    n, m = 40, 12
    sizes = {
        "random": np.random.default_rng(0).random(n) + 0.01,
        "ties": np.arange(n) % 3 + 1.0,
        "one is almost all": np.where(np.arange(n) == 3, 1e9, 1.0),
    }[kind]
    on_device = arrays.asarray(sizes)
    chance = sampling.inclusion_probabilities(on_device, m)
    assert chance.sum() == pytest.approx(m)
    open_rows = chance < 1
    ratio = chance[open_rows] / sizes[open_rows]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)
    order = sampling.ranking(on_device, np.random.RandomState(0))
    assert sorted(order) == list(range(n))
    np.testing.assert_array_equal(order, sampling.ranking(sizes, np.random.RandomState(0)))
    drawn = sampling.draw_with_replacement(on_device, m, np.random.RandomState(0))
    assert drawn[1].sum() == m
    expected = sampling.draw_with_replacement(sizes, m, np.random.RandomState(0))
    np.testing.assert_array_equal(drawn, expected)
