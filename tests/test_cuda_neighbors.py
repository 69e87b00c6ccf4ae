"""The neighbours that the CUDA kernels find, run on the host, against those of the NumPy search."""

import numpy as np
import pytest
import sklearn
from cuda_on_host import COMPILER, HostLauncher
from watched import Watched, WatchedNamespace

from skcoreset._kernels import neighbors
from skcoreset._kernels.cuda import neighbors as cuda_neighbors
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.neighbors import nearest_neighbors

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
both_metrics = pytest.mark.parametrize("metric", ["euclidean", "cosine"])


@pytest.fixture
def on_host(monkeypatch):
    """Kernels take NumPy arrays and run on the host; the launchers made are in the list."""
    made = []

    def launcher_of(x, name):
        made.append(HostLauncher(name, x.dtype.name, seed=len(made)))
        return made[-1]

    monkeypatch.setattr(cuda_neighbors, "launcher_of", launcher_of)
    return made


@pytest.fixture
def no_blocks(monkeypatch):
    """The search that takes the rows that are left over finds none left."""

    def nothing_left(pairs, n_neighbors, asked, among):
        assert len(asked) == 0, f"{len(asked)} rows are left over"
        return iter(())

    monkeypatch.setattr(neighbors, "_by_blocks", nothing_left)


def tables():
    rng = np.random.default_rng(0)
    return {
        "random": rng.standard_normal((150, 5)),
        "wide": rng.standard_normal((133, 70)),
        "far from the origin": rng.standard_normal((100, 40)) + 1000,
        "a sentinel": np.where(
            (rng.random((90, 1)) < 0.6) & (np.arange(6) % 2 == 0), -99999999, rng.random((90, 6))
        ),
        "a sentinel in many columns": np.where(
            rng.random((70, 1)) < 0.7, 1e8, rng.random((70, 40))
        ),
        "one column": np.abs(rng.standard_normal((97, 1))),
        "grid": rng.integers(0, 4, (120, 3)).astype(float),
        "duplicates": np.repeat(rng.standard_normal((20, 3)), 4, axis=0),
        "near pairs": np.repeat(rng.standard_normal((30, 40)), 2, axis=0)
        + 1e-6 * rng.standard_normal((60, 40)),
        "rows of zeros": np.concatenate([np.zeros((5, 4)), rng.standard_normal((20, 4))]),
        "two rows": rng.standard_normal((2, 3)),
    }


def by_numpy(monkeypatch, *args, **kwargs):
    with monkeypatch.context() as patch:
        patch.setattr(cuda_neighbors, "launcher_of", lambda *_: None)
        return nearest_neighbors(*args, **kwargs)


def assert_same(got, expected, near, dtype):
    np.testing.assert_array_equal(got[0], expected[0])
    # Distances that are not near 0 come from products of the type of the table in NumPy.
    eps = np.finfo(dtype).eps
    atol = 64 * eps if not near.is_squared else 0
    np.testing.assert_allclose(got[1], expected[1], rtol=eps**0.5, atol=atol)


@both_types
@both_metrics
@pytest.mark.parametrize("table", tables())
def test_finds_what_numpy_finds(table, metric, dtype, on_host, monkeypatch):
    near = pairs(tables()[table].astype(dtype), metric)
    for n_neighbors in {1, min(near.n - 1, 7), min(near.n - 1, 40)}:
        got = nearest_neighbors(near, n_neighbors)
        assert on_host[-1].launches == ["nearest", "choose"]
        assert_same(got, by_numpy(monkeypatch, near, n_neighbors), near, dtype)


@both_types
@both_metrics
def test_every_row_is_settled_where_nothing_ties(metric, dtype, on_host, no_blocks, monkeypatch):
    """Otherwise the search by blocks would do the work, and no other test would see it."""
    near = pairs(np.random.default_rng(1).standard_normal((200, 20)).astype(dtype), metric)
    monkeypatch.setattr(neighbors, "SPARE", 6)  # as rounding of float32 makes ties of near values
    nearest_neighbors(near, 10)
    nearest_neighbors(near, 1)
    nearest_neighbors(pairs(1e17 * near.X, metric), 2)  # squared, larger than any made-up bound


@both_metrics
def test_ties_go_to_the_lowest_position(metric, on_host, no_blocks, monkeypatch):
    """Eight rows, each five times over: of its four others a row finds the first three."""
    X = np.tile(np.random.default_rng(0).standard_normal((8, 6)), (5, 1))
    found, distances = nearest_neighbors(pairs(X, metric), 3)
    copies = np.arange(40).reshape(5, 8).T
    expected = [[c for c in copies[row % 8] if c != row][:3] for row in range(40)]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(distances, 0, atol=1e-15)


def test_exact_distances_decide_where_products_cannot(on_host, no_blocks):
    """In float32 the products of three near rows are all the same; the last is the nearer one."""
    X = np.full((3, 50), 3.0, dtype=np.float32)
    X[1:, 0] += np.array([1.2e-3, 1e-3], dtype=np.float32)
    X = np.concatenate([X, -X])  # what is around the origin is not shifted
    found, distances = nearest_neighbors(pairs(X), 1, of=[0])
    assert found.tolist() == [[2]]
    np.testing.assert_allclose(distances[0], X[2, :1] - X[0, :1], rtol=1e-6)


@both_types
def test_all_other_rows(dtype, on_host, no_blocks):
    X = np.random.default_rng(0).standard_normal((60, 4)).astype(dtype)
    found, distances = nearest_neighbors(pairs(X), 59)
    np.testing.assert_array_equal(found, [np.delete(np.arange(60), i) for i in range(60)])
    full = np.linalg.norm(X[:, None].astype(float) - X.astype(float), axis=2)
    rest = full[~np.eye(60, dtype=bool)].reshape(60, 59)
    np.testing.assert_allclose(distances, rest, rtol=1e-5)


@both_types
@both_metrics
@pytest.mark.parametrize("least", [64, 90, 1024])
def test_some_rows_among_others_and_candidates_in_parts(
    least, metric, dtype, on_host, no_blocks, monkeypatch
):
    """`least` candidates in a part: 4 parts, 3, or all in one; each with lists of its own."""
    monkeypatch.setattr(cuda_neighbors, "LEAST_CANDIDATES", least)
    monkeypatch.setattr(neighbors, "SPARE", 6)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 12)).astype(dtype)
    of, among = np.flatnonzero(rng.random(300) < 0.6), np.flatnonzero(rng.random(300) < 0.95)
    assert 256 < len(among) < 300
    assert 128 < len(of) < 256
    near = pairs(X, metric)
    got = nearest_neighbors(near, 5, of, among)
    full = near.exact_among(np.arange(300))(np.arange(300))[np.ix_(of, among)]
    full[of[:, None] == among] = np.inf
    expected = np.sort(among[np.argsort(full, axis=1)[:, :5]], axis=1)
    np.testing.assert_array_equal(got[0], expected)


@pytest.mark.parametrize("parts", [1, 5])
def test_ties_across_parts(parts, on_host, no_blocks, monkeypatch):
    """The copies of a row are in different tiles, and in different parts."""
    monkeypatch.setattr(cuda_neighbors, "LEAST_CANDIDATES", 300 // parts)
    X = np.tile(np.random.default_rng(0).standard_normal((60, 3)), (5, 1))
    found, _ = nearest_neighbors(pairs(X), 3, of=[7, 299])
    np.testing.assert_array_equal(found, [[67, 127, 187], [59, 119, 179]])


def test_more_candidates_that_tie_than_are_kept(on_host, monkeypatch):
    """All others are equally near: the search says that it cannot tell, and that alone."""
    X = np.eye(40)
    near = pairs(X, rows=np.arange(40))
    search = neighbors._searches(near)[0]
    ((at, rows, columns, values),) = search(near, 3, np.arange(40), np.arange(40))
    assert len(at) == len(rows) == len(columns) == len(values) == 0
    found, _ = nearest_neighbors(near, 3)
    np.testing.assert_array_equal(found, [np.delete(np.arange(40), i)[:3] for i in range(40)])


def test_lists_that_are_too_long_are_left_to_the_other_search(on_host, monkeypatch):
    X = np.random.default_rng(0).standard_normal((150, 4))
    for n_neighbors, launches in ((62, ["nearest", "choose"]), (63, [])):
        got = nearest_neighbors(pairs(X), n_neighbors)
        assert on_host[-1].launches == launches
        assert_same(got, by_numpy(monkeypatch, pairs(X), n_neighbors), pairs(X), "float64")


def test_distances_that_are_not_finite_raise(on_host):
    near = pairs(np.random.default_rng(0).standard_normal((5, 2)))
    near.X[:] *= 1e200
    near.sq[:] = np.inf
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="NaN or infinite"):
        nearest_neighbors(near, 2)


def test_the_order_of_threads_does_not_matter(monkeypatch):
    monkeypatch.setattr(cuda_neighbors, "LEAST_CANDIDATES", 64)
    X = np.random.default_rng(0).integers(0, 5, (150, 4)).astype("float32")
    near = pairs(X)
    runs = []
    for seed in range(4):
        launch = HostLauncher(cuda_neighbors.SOURCE, "float32", seed=seed)
        search = cuda_neighbors.Search(near.X, near.X, launch, 6)
        runs.append(next(search(near, 6, np.arange(150), np.arange(150))))
    assert 20 < len(runs[0][0]) < 150  # on a grid some rows tie with too many
    for other in runs[1:]:
        for left, right in zip(runs[0], other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_the_table_is_that_of_the_pairs(on_host, no_blocks):
    """Some rows in play, and shifted."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 40)) + 1000
    rows = np.flatnonzero(rng.random(80) < 0.7)
    got = nearest_neighbors(pairs(X, rows=rows), 4)
    full = np.linalg.norm(X[rows][:, None] - X[rows], axis=2)
    np.fill_diagonal(full, np.inf)
    np.testing.assert_array_equal(got[0], np.sort(np.argsort(full, axis=1)[:, :4], axis=1))


def test_a_copy_that_does_not_fit_is_not_made(on_host):
    X = np.random.default_rng(0).standard_normal((3000, 40)) + 1000
    near = pairs(X)
    assert near.offset is not None
    assert neighbors.search_on(near, 2) is not None
    with sklearn.config_context(working_memory=0.5):
        assert neighbors.search_on(near, 2) is None


@pytest.mark.parametrize(("n", "n_neighbors"), [(40, 2), (290, 20)])
def test_two_launches_and_three_copies_back_whatever_is_asked(n, n_neighbors, monkeypatch):
    near = pairs(np.random.default_rng(0).standard_normal((n, 3)))
    launch = HostLauncher(cuda_neighbors.SOURCE, "float64")
    search = cuda_neighbors.Search(near.X.view(Watched), near.source.view(Watched), launch, 2)
    copies = []

    def to_numpy(x):
        assert isinstance(x, Watched)
        copies.append(x.nbytes)
        return np.array(x, subok=False)

    monkeypatch.setattr(cuda_neighbors, "to_numpy", to_numpy)
    near.xp, near.X, near.sq = WatchedNamespace(), near.X.view(Watched), near.sq.view(Watched)
    before = Watched.reads
    ((at, *_),) = search(near, n_neighbors, np.arange(n), np.arange(n))
    assert len(at) == n
    assert launch.launches == ["nearest", "choose"]
    assert copies == [4 * n * n_neighbors, 8 * n * n_neighbors, 4 * n]
    assert Watched.reads == before
