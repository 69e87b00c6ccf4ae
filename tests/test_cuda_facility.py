"""The CUDA kernels of facility location and graph cut, run on the host against the NumPy ones."""

import math

import numpy as np
import pytest
import sklearn
from cuda_on_host import COMPILER, HostLauncher
from sklearn.linear_model import LogisticRegression

import skcoreset
from skcoreset._kernels import facility_location, similarities
from skcoreset._kernels.cuda import facility_location as cuda
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import FacilityLocation
from skcoreset._kernels.graph_cut import GraphCut
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.similarities import Similarities, given_similarities, near_similarities

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
SMALL = 2**-10  # MiB of working_memory, in which no matrix of the tests fits


@pytest.fixture
def on_host(monkeypatch):
    """Kernels take NumPy arrays and run on the host; the launchers made are in the list."""
    made = []

    def launcher_of(x, name):
        made.append(HostLauncher(name, x.dtype.name, seed=len(made)))
        return made[-1]

    monkeypatch.setattr(cuda, "launcher_of", launcher_of)
    monkeypatch.setattr(cuda, "STRETCH", 32)  # several of them in few rows
    return made


@pytest.fixture
def both(on_host, monkeypatch):
    """``both(function)``: what it gives with the kernels, and without."""

    def run(function):
        got = function()
        with monkeypatch.context() as patch:
            patch.setattr(cuda, "launcher_of", lambda *_: None)
            return got, function()

    return run


def tables():
    rng = np.random.default_rng(0)
    return {
        "random": rng.standard_normal((69, 5)),
        "wide": rng.standard_normal((37, 40)) + 3,
        "one column": rng.standard_normal((47, 1)),
        "grid": rng.integers(0, 4, (50, 2)).astype(float),
        "one row far out": np.concatenate([rng.random((40, 3)), np.full((1, 3), 1e12)]),
        "duplicates": np.repeat(rng.standard_normal((11, 3)), 4, axis=0),
        "all the same": np.ones((34, 2)),
        "two rows": rng.standard_normal((2, 3)),
        "one row": rng.standard_normal((1, 3)),
    }


def weights(n):
    return np.random.default_rng(1).random(n) + 0.5


each_table = pytest.mark.parametrize("table", tables())


def same(got, expected, dtype):
    """Objective, picks and gains, and the cells."""
    (of, picks, gains), (of_numpy, right, right_gains) = got, expected
    size = max(np.abs(right_gains).max(), 1e-300)
    np.testing.assert_array_equal(picks, right)
    rtol, atol = (1e-9, 1e-13) if dtype == "float64" else (1e-5, 1e-6)
    np.testing.assert_allclose(gains / size, right_gains / size, rtol=rtol, atol=atol)
    if isinstance(of, FacilityLocation):
        np.testing.assert_array_equal(of.nearest, of_numpy.nearest)
        np.testing.assert_allclose(
            of.max_similarity, of_numpy.max_similarity, rtol=rtol, atol=1e-13
        )
        assert of.loss() == pytest.approx(of_numpy.loss(), rel=1e-6, abs=1e-6)
    w = weights(of.n)
    np.testing.assert_allclose(of.cells(w), of_numpy.cells(w), rtol=1e-12)


def picked(similar, size, make=FacilityLocation, **options):
    of = make(similar, weights(similar.n))
    return of, *greedy(of, size, **options)


def cut(similar, weight):
    return GraphCut(similar, weight, 0.7)


# the loops ----------------------------------------------------------------------------------


@both_types
@each_table
def test_facility_location(table, dtype, both, on_host):
    """All rows of each, and picks that tie throughout; the grid is of tied distances."""
    X = tables()[table].astype(dtype)
    n = len(X)
    for size, start in [(n, ()), (min(n, 9), np.arange(n)[-3:-1])]:
        got, expected = both(
            lambda s=size, i=start: picked(near_similarities(pairs(X)), s, start=i)
        )
        same(got, expected, dtype)
        launches = {"assign", "column_gains", "settle"} | (
            {"lose"} if size > cuda.DENSE_PICKS else set()
        )
        assert any(launches <= set(launcher.launches) for launcher in on_host)


@both_types
@each_table
def test_graph_cut(table, dtype, both, on_host):
    X = tables()[table].astype(dtype)
    n = len(X)
    for memory, size, start in [(64, n, ()), (SMALL, min(n, 9), np.arange(n)[-3:-1])]:
        with sklearn.config_context(working_memory=memory):
            got, expected = both(
                lambda s=size, i=start: picked(near_similarities(pairs(X)), s, cut, start=i)
            )
        same(got, expected, dtype)
    assert any({"choose", "cut"} == set(launcher.launches) for launcher in on_host)


@pytest.mark.parametrize("make", [FacilityLocation, cut])
@pytest.mark.parametrize("stretch", [8, 1000])
def test_stretches_and_parts(stretch, make, both, monkeypatch):
    """More stretches than rows that change, and one of more rows than a block has threads.

    Parts of more rows than a stage.
    """
    monkeypatch.setattr(cuda, "STRETCH", stretch)
    S = near_similarities(pairs(np.random.default_rng(2).standard_normal((280, 4)))).matrix
    for most_parts in (1, 7):
        monkeypatch.setattr(cuda, "MOST_PARTS", most_parts)
        got, expected = both(lambda: picked(given_similarities(S - S.min() + 1), 4, make))
        same(got, expected, "float64")


@pytest.mark.parametrize("make", [FacilityLocation, cut])
def test_ties_go_to_the_lowest_position(make, on_host):
    """Equal rows in other stretches, and one that is better by less than rounding."""
    S = np.eye(70) + 1e-14 * np.diag(np.arange(70.0))
    of = make(given_similarities(S), np.ones(70))
    assert greedy(of, 70)[0].tolist() == list(range(70))


def test_rows_stay_with_the_earlier_pick_of_a_tie(on_host):
    S = np.eye(40)
    S[0, 2:], S[1, 2:], S[1, 3] = 0.5, 0.5 * (1 + 1e-13), 0.5 * (1 + 1e-9)
    of = FacilityLocation(given_similarities(S), np.ones(40))
    of.on_gpu().assign([0, 1])
    assert np.flatnonzero(of.nearest).tolist() == [1, 3]
    np.testing.assert_array_equal(of.max_similarity, S[:2].max(axis=0))


def test_late_gains_are_exact(both):
    """Gains that fall by ten orders of magnitude, in many steps."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((70, 1)) * 10.0 ** rng.uniform(-8, 2, (70, 1))
    (_, _, gains), (_, _, expected) = both(lambda: picked(near_similarities(pairs(X)), 70))
    size = expected[0]
    np.testing.assert_allclose(gains[:40], expected[:40], rtol=1e-9, atol=1e-15 * size)
    assert np.abs(gains - expected).max() < 4e-15 * size


def test_gains_are_settled_with_the_digits_that_differences_lose(on_host):
    """A thousand small numbers off a large one: as exact as their sum."""
    launch = HostLauncher(cuda.SOURCE, "float64")
    less = np.full((1, 1), 1 / 3)
    gains, carry = np.array([1e8]), np.zeros(1)
    counts, other = np.ones(1, dtype=np.int32), np.zeros(1)
    picks, best = np.full(1, -1), np.zeros(2)
    for _ in range(300):
        launch(
            *("settle", 1, 32, less, 1, False, counts, 1, 1, picks, 0, other, other.copy()),
            *(gains, carry, best),
        )
    assert gains[0] == 1e8 - math.fsum([1 / 3] * 300)


def test_similarities_that_overflow_are_an_error(on_host):
    S = np.full((40, 40), np.inf)
    with pytest.raises(ValueError, match="overflow"), np.errstate(invalid="ignore"):
        greedy(FacilityLocation(given_similarities(S), np.ones(40)), 3)


# no value is read back for a pick -----------------------------------------------------------


class Watched(np.ndarray):
    """An array that counts how often a number is read out of it, as a device would have to wait."""

    reads = 0

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return np.asarray(array).view(Watched)

    def __getitem__(self, at):
        return np.asarray(super().__getitem__(at)).view(Watched)


def _counted(name):
    def read(self, *args):
        Watched.reads += 1
        return getattr(np.ndarray, name)(self, *args)

    return read


for _name in ("__int__", "__float__", "__bool__", "__index__", "item", "tolist"):
    setattr(Watched, _name, _counted(_name))


class WatchedLibrary:
    """NumPy whose functions give such arrays."""

    def __getattr__(self, name):
        function = getattr(np, name)
        if isinstance(function, type) or not callable(function):
            return function

        def watched(*args, **options):
            out = function(*args, **options)
            return out.view(Watched) if isinstance(out, np.ndarray | np.generic) else out

        return watched


@pytest.fixture
def reads(monkeypatch):
    """``reads(objective, size, **options)``: how often the greedy loop has to wait."""

    def counted(x):
        Watched.reads += isinstance(x, Watched)
        return np.array(x)

    monkeypatch.setattr(cuda, "to_numpy", counted)

    def run(make, size, **options):
        X = np.random.default_rng(0).standard_normal((96, 3))
        similar = near_similarities(pairs(X))
        similar.xp, similar.matrix = WatchedLibrary(), similar.matrix.view(Watched)
        of = make(similar, weights(96))
        of.reach = None
        Watched.reads = 0
        picks, _ = greedy(of, size, **options)
        assert len(picks) == size
        return Watched.reads

    return run


@pytest.mark.parametrize("make", [FacilityLocation, cut])
def test_nothing_is_read_for_a_pick(make, reads, on_host, monkeypatch):
    heard = []
    few, many = reads(make, 1), reads(make, cuda.LOOK)
    assert few == many
    asked = {"report": heard.append, "stop": lambda: False}
    assert reads(make, 3 * cuda.LOOK, **asked) - many <= 2 * 3
    assert heard == list(range(1, 3 * cuda.LOOK + 1))
    monkeypatch.setattr(cuda, "launcher_of", lambda *_: None)
    assert reads(make, cuda.LOOK) >= cuda.LOOK  # without the kernels there is one for each


def test_launches_per_pick(on_host, reads):
    for make, per_pick in [(FacilityLocation, 3), (cut, 2)]:
        n_launches = []
        for size in (10, 20):  # behind those after which gains are added up anew
            on_host.clear()
            reads(make, size)
            n_launches.append(sum(len(launcher.launches) for launcher in on_host))
        assert n_launches[1] - n_launches[0] == 10 * per_pick


def test_work_is_that_of_the_rows_that_change(on_host, monkeypatch):
    """The rows that `lose` reads are those that the pick covers better, in ascending order."""
    X = np.random.default_rng(0).integers(0, 6, (90, 2)).astype(float)
    S = near_similarities(pairs(X)).matrix
    of = FacilityLocation(given_similarities(S - S.min()), weights(90))
    loop, covered, listed = of.on_gpu(), np.full(90, -np.inf), []
    launch = loop.launch

    def spy(kernel, n_blocks, n_threads, *args, **options):
        if kernel == "lose":
            rows, counts = args[2], args[5]
            starts = np.arange(len(counts)) * -(-90 // len(counts))
            listed.append(
                np.concatenate([rows[s : s + c] for s, c in zip(starts, counts, strict=True)])
            )
        launch(kernel, n_blocks, n_threads, *args, **options)

    loop.launch = spy
    picks, _ = loop.greedy(cuda.DENSE_PICKS + 12)
    for step, pick in enumerate(picks):
        row = of.similar.matrix[pick]
        if step >= cuda.DENSE_PICKS:
            more = np.flatnonzero(row > covered)
            np.testing.assert_array_equal(listed[step - cuda.DENSE_PICKS], more)
        covered = np.maximum(covered, row)


# stop and report ----------------------------------------------------------------------------


@pytest.mark.parametrize("last", [1, 32, 40])
def test_stop_gives_up_the_picks_behind(last, both):
    X = np.random.default_rng(0).standard_normal((75, 3))

    def run():
        losses, heard = [], []

        def stop():
            losses.append(of.loss())
            return len(losses) == last

        of = FacilityLocation(near_similarities(pairs(X)), weights(75))
        picks, gains = greedy(of, 70, stop=stop, report=heard.append)
        assert heard == list(range(1, last + 1))
        return of, picks, gains, losses

    (*got, losses), (*expected, right) = both(run)
    assert len(losses) == len(got[1]) == last
    np.testing.assert_allclose(losses, right, rtol=1e-12)
    same(got, expected, "float64")
    assert got[0].picks == expected[0].picks


# gains of rows made on demand ---------------------------------------------------------------


@both_types
@each_table
def test_on_demand(table, dtype, both, on_host):
    X = tables()[table].astype(dtype)

    def run():
        similar = near_similarities(pairs(X))
        similar.whole, similar.matrix = False, None
        return picked(similar, min(len(X), 20))

    got, expected = both(run)
    same(got, expected, dtype)
    if len(X) > 1:
        assert {"row_gains", "add_parts"} <= set(on_host[0].launches)


@both_types
@pytest.mark.parametrize("parts", [1, 5])
def test_gains_of_a_block(parts, dtype, on_host, monkeypatch):
    """Of its rows and of its columns, added to what is there; m and n end anywhere."""
    monkeypatch.setattr(cuda, "MOST_PARTS", parts)
    monkeypatch.setattr(cuda, "THREADS", 32 * parts) if parts == 1 else None
    rng = np.random.default_rng(0)
    launch = HostLauncher(cuda.SOURCE, np.dtype(dtype).name)
    for m, n in [(1, 1), (8, 32), (9, 130), (70, 33), (3, 2500)]:
        block = rng.standard_normal((m, n)).astype(dtype)
        low, weight = rng.standard_normal(n).astype(dtype), rng.random(n).astype(dtype)
        wide = [x.astype("float64") for x in (block, low, weight)]
        expected = np.maximum(wide[0] - wide[1], 0) @ wide[2]
        fused = cuda.Gains(np, "cpu", launch)
        out = np.ones(m)
        fused.of_rows(block, low, weight, out)
        np.testing.assert_allclose(out, 1 + expected, rtol=1e-13)
        monkeypatch.setattr(cuda, "THREADS", 256)
        out = np.ones(m + 2)[1:-1]
        fused.of_columns(block.T, low, weight, out)
        np.testing.assert_allclose(out, 1 + expected, rtol=1e-13)


def test_all_gains_of_halves_of_the_matrix(both, on_host, monkeypatch):
    """Tiles that stand for their transpose too; then gains of a few."""
    for module in (facility_location, similarities):
        monkeypatch.setattr(
            module,
            "block_slices",
            lambda n, row_bytes, most_bytes=1: [slice(a, min(a + 32, n)) for a in range(0, n, 32)],
        )
    X = np.random.default_rng(0).standard_normal((100, 3))

    def run():
        similar = near_similarities(pairs(X))
        similar.whole, similar.matrix = False, None
        of = FacilityLocation(similar, weights(100))
        of.reach = None
        for pick in (3, 50):
            of.add(pick)
        return of.all_gains(), of.gains(np.array([9, 3, 70]))

    for got, expected in zip(*both(run), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)
    assert on_host[0].launches.count("row_gains") == 10 + 1  # tiles, and one block of candidates
    assert on_host[0].launches.count("column_gains") == 6


# memory -------------------------------------------------------------------------------------


def test_half_of_the_memory_of_the_device(monkeypatch):
    X = np.random.default_rng(0).standard_normal((50, 3))
    needed = 50 * 50 * 8
    with sklearn.config_context(working_memory=SMALL):
        for free, whole in [(2 * needed, True), (2 * needed - 1, False), (None, False)]:
            monkeypatch.setattr(similarities, "free_bytes", lambda xp, free=free: free)
            similar = near_similarities(pairs(X))
            assert similar.whole is whole
            assert isinstance(similar, Similarities)


# the classes --------------------------------------------------------------------------------


SAMPLERS = {
    "FacilityLocation": lambda: skcoreset.FacilityLocation(30),
    "of all": lambda: skcoreset.FacilityLocation(20, stratify=None, init=[7, 0]),
    "GraphCut": lambda: skcoreset.GraphCut(30, metric="cosine"),
    "with init": lambda: skcoreset.GraphCut(20, stratify=None, init=[7, 0]),
    "CRAIG": lambda: skcoreset.CRAIG(LogisticRegression(), 20),
    "CRAIG, a cover": lambda: skcoreset.CRAIG(LogisticRegression(), None, epsilon=30.0),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_classes(name, both, on_host, blobs):
    X, y = blobs[0][:150], blobs[1][:150]
    got, expected = both(lambda: SAMPLERS[name]().fit(X, y, sample_weight=weights(150)))
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(got.sample_weight_, expected.sample_weight_, rtol=1e-12)
    for size in (3, 11):  # cells of fewer picks, which the loop does not record
        few, expected_few = (of.truncate(size).sample_weight_ for of in (got, expected))
        np.testing.assert_allclose(few, expected_few, rtol=1e-12)
    attribute = "losses_" if "CRAIG" in name else "gains_"
    right = getattr(expected, attribute)
    np.testing.assert_allclose(getattr(got, attribute), right, rtol=1e-9, atol=1e-12 * right.max())
    assert any(set(launcher.launches) & {"assign", "cut"} for launcher in on_host)
    if name == "CRAIG, a cover":
        assert 3 < len(got.sample_indices_) < 100
