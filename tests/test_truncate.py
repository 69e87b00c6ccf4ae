"""`truncate` is a fit with the smaller budget: the same samples, weights and attributes."""

import pickle
from copy import deepcopy

import numpy as np
import oracles
import pytest
from samplers import SAMPLERS, VARIANTS, marked, name_of
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skcoreset import (
    BADGE,
    CRAIG,
    Coreset,
    CoverageCentric,
    D2Sampling,
    Entropy,
    FacilityLocation,
    GradMatch,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Margin,
    ProbCover,
    Uniform,
)
from skcoreset._kernels.cells import PrefixCells
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.farthest_first import farthest_first, nearest_picks
from skcoreset._kernels.sampling import PrefixProbabilities, Sizes, inclusion_probabilities
from skcoreset.base import BaseCoreset


def is_stochastic(sampler):
    return getattr(sampler, "optimizer", None) == "stochastic"


NOT_NESTED = [
    s
    for s in SAMPLERS + VARIANTS
    if name_of(s) in {"GradMatch", "CoverageCentric"} or is_stochastic(s)
]
NESTED = [s for s in SAMPLERS + VARIANTS if s not in NOT_NESTED]
nested = pytest.mark.parametrize("sampler", marked(NESTED))

# Attributes that describe how the samples were found, which may take longer for more samples.
OF_THE_FIT = {
    "n_rounds_",
    "n_doublings_",
    "n_disagreements_",
    "round_joined_",
    "teaching_weight_",
    "converged_",
}


def assert_same_fit(got, expected):
    np.testing.assert_array_equal(got.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(got.sample_weight_, expected.sample_weight_, rtol=1e-9)
    assert vars(got).keys() == vars(expected).keys()
    for name, value in vars(expected).items():
        if not name.endswith("_") or name in OF_THE_FIT:
            continue
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "fc":
                np.testing.assert_allclose(getattr(got, name), value, err_msg=name)
            else:
                np.testing.assert_array_equal(getattr(got, name), value, err_msg=name)
        elif isinstance(value, str | int | float | dict):
            assert getattr(got, name) == value or getattr(got, name) == pytest.approx(value), name


# One for each way in which weights and samples of a smaller budget are found.
EACH_WAY = pytest.mark.parametrize(
    "sampler",
    [
        Uniform(random_state=0),
        Herding(),
        KCenterGreedy(),
        D2Sampling(random_state=0),
        FacilityLocation(),
        GraphCut(n_neighbors=10),
        ProbCover(delta=1.0),
        CRAIG(),
        ImportanceSampling(random_state=0),
        Margin(),
        BADGE(random_state=0),
    ],
    ids=name_of,
)


@nested
@pytest.mark.parametrize(
    ("stratify", "weighted", "sizes"), [("proportional", True, (4, 0.1)), (None, False, (12,))]
)
def test_equals_the_fit_with_the_smaller_budget(sampler, stratify, weighted, sizes, blobs, rng):
    X, y = blobs
    weight = rng.integers(0, 4, 300).astype(float) if weighted else None
    assert sampler._is_nested()

    def fit(size):
        again = clone(sampler).set_params(coreset_size=size, stratify=stratify)
        return again.fit(X, y, sample_weight=weight)

    large = fit(50)
    large = pickle.loads(pickle.dumps(large))  # what it needs is stored with it
    for size in sizes:
        assert_same_fit(large.truncate(size, X, y, weight), fit(size))


@EACH_WAY
def test_dicts_and_twice(sampler, blobs):
    X, y = blobs
    large = clone(sampler).set_params(coreset_size={0: 20, 1: 25, 2: 30}).fit(X, y)
    small = clone(sampler).set_params(coreset_size={0: 5, 1: 0.1, None: 7}).fit(X, y)
    got = large.truncate({0: 5, 1: 0.1, None: 7}, X, y)
    assert_same_fit(got, small)
    once = large.truncate({0: 11, 1: 20, 2: 10}, X, y)
    assert_same_fit(once.truncate({0: 5, 1: 0.1, None: 7}, X, y), small)


@EACH_WAY
def test_balanced_and_all_of_it(sampler, blobs):
    X, y = blobs
    large = clone(sampler).set_params(coreset_size=150, stratify="balanced").fit(X, y)
    for size in (60, 150):
        small = clone(sampler).set_params(coreset_size=size, stratify="balanced").fit(X, y)
        assert_same_fit(large.truncate(size, X, y), small)


def test_a_class_is_left_out(blobs):
    X, y = blobs
    for sampler in (Herding(60), KCenterGreedy(60), FacilityLocation(60), Margin(coreset_size=60)):
        size = {0: 0, 1: 4, 2: 3}
        small = clone(sampler).set_params(coreset_size=size).fit(X, y)
        got = sampler.fit(X, y).truncate(size, X, y)
        assert_same_fit(got, small)
        assert got.sample_weight_.sum() == pytest.approx(300)


def test_the_sampler_itself_does_not_change(blobs):
    X, y = blobs
    sampler = FacilityLocation(40).fit(X, y)
    before = deepcopy(vars(sampler))
    small = sampler.truncate(10)
    assert type(small) is FacilityLocation
    assert small.coreset_size == 10
    assert small.get_support().sum() == 10
    assert_same_fit(clone(small).fit(X, y), small)
    assert sampler.coreset_size == 40
    for name, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(vars(sampler)[name], value)
    assert len(sampler.truncate(20).sample_indices_) == 20


def test_label_free_and_class_names(blobs):
    X, y = blobs
    names = np.array(["no", "maybe", "yes"])[y]
    for sampler in (FacilityLocation(40), Uniform(40, random_state=0)):
        for target in (None, X[:, 0], names):
            large = clone(sampler).fit(X, target)
            assert_same_fit(
                large.truncate(12), clone(sampler).set_params(coreset_size=12).fit(X, target)
            )


@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
def test_craig_with_epsilon(optimizer, blobs):
    X, y = blobs
    model = LogisticRegression(max_iter=1000).fit(X, y)
    cover = CRAIG(model, None, epsilon=30.0, optimizer=optimizer).fit(X, y)
    got = cover.truncate(9)
    assert got.epsilon is None
    assert_same_fit(got, CRAIG(model, 9, optimizer=optimizer).fit(X, y))


def test_quotas_by_uncertainty(blobs):
    """They do not follow from the classes alone."""
    X, y = blobs
    params = {"features": None, "weight_by_uncertainty": True, "random_state": 0}
    large = Coreset(90, **params).fit(X, y)
    assert large.sampling_strategy_ != Coreset(90, random_state=0).fit(X, y).sampling_strategy_
    for size in (7, 0.1):
        assert_same_fit(large.truncate(size), Coreset(size, **params).fit(X, y))


def test_candidates_of_herding_depend_on_the_budget(blobs, monkeypatch):
    X, _ = blobs
    herding = Herding(60, kernel="laplacian", random_state=0).fit(X)
    assert herding.truncate(12).get_support().sum() == 12  # all samples are candidates
    monkeypatch.setattr("skcoreset._kernels.herding.FEWEST", 20)
    monkeypatch.setattr("skcoreset._kernels.herding.MOST", 40)
    for n_candidates, fails in (("auto", True), (150, False)):
        params = {"kernel": "laplacian", "n_candidates": n_candidates, "random_state": 0}
        large = Herding(60, **params).fit(X)
        if fails:
            with pytest.raises(ValueError, match="60 samples among 120 candidates, but 12 samples"):
                large.truncate(12)
            continue
        assert_same_fit(large.truncate(12), Herding(12, **params).fit(X))


def test_excluded_samples_stay_out(blobs):
    X, y = blobs
    out = np.arange(0, 300, 3)
    large = Entropy(coreset_size=60, exclude=out).fit(X, y)
    assert_same_fit(large.truncate(0.1), Entropy(coreset_size=0.1, exclude=out).fit(X, y))
    assert len(large.truncate(0.1).sample_indices_) == 20


def test_importance_without_scaling(blobs, rng):
    X, y = blobs
    X = X * rng.exponential(1, (300, 1)) ** 4  # some samples are certain
    for normalize in (True, False):
        params = {"random_state": 0, "normalize": normalize}
        large = ImportanceSampling(80, **params).fit(X, y)
        assert (large.inclusion_probability_ == 1).any()
        for size in (5, 30):
            small = ImportanceSampling(size, **params).fit(X, y)
            assert_same_fit(large.truncate(size), small)


# cells -----------------------------------------------------------------------------------------


def test_cells_of_each_prefix_are_the_plain_loop(rng):
    """Also where a row is more similar to others than to itself, and where rows are equal."""
    S = rng.integers(0, 6, (40, 40)).astype(float)
    S = np.maximum(S, S.T)
    weight = rng.random(40)
    for given in (S, np.repeat(np.repeat(S[:20, :20], 2, axis=0), 2, axis=1)):
        for Sampler in (FacilityLocation, GraphCut):
            large = Sampler(25, metric="precomputed").fit(given, sample_weight=weight)
            for size in range(1, 26):
                got = large.truncate(size)
                expected = oracles.cells(given, large.sample_indices_[:size], weight)
                np.testing.assert_allclose(got.sample_weight_, expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_cells_of_prob_cover(container, rng):
    X = np.round(rng.standard_normal((60, 2)), 1)
    large = ProbCover(30, delta=0.5).fit(container(X))
    D = cdist(X, X)
    for size in range(1, 31):
        got = large.truncate(size)
        picks, fractions, weight = oracles.prob_cover(D, size, 0.5)
        np.testing.assert_array_equal(got.sample_indices_, picks)
        np.testing.assert_allclose(got.sample_weight_, weight)
        np.testing.assert_allclose(got.coverage_, fractions)


def test_cells_of_k_center_with_ties(rng):
    X = rng.integers(0, 5, (200, 2)).astype(float)
    for table in (X, X.astype(np.float32), sparse.csr_array(X), X + 1e6):
        near = pairs(table)
        picks, _, nearest = farthest_first(near, 100, [0])
        np.testing.assert_array_equal(nearest_picks(near, picks), nearest)
        large = KCenterGreedy(100, init=[7]).fit(table)
        for size in (1, 2, 30, 99):
            small = KCenterGreedy(size, init=[7]).fit(table)
            assert_same_fit(large.truncate(size, table), small)


@pytest.mark.parametrize("n_features", [3, 40])
def test_nearest_of_picks_that_are_near_each_other(n_features, rng):
    """Products in float32 do not distinguish the two picks; they are in different chunks."""
    X = rng.standard_normal((700, n_features))
    near = X + 1e-6 * rng.standard_normal(X.shape)
    X = np.vstack([X, near, rng.standard_normal((100, n_features))]).astype(np.float32)
    picks = np.r_[np.arange(600), 700 + np.arange(600)]
    expected = cdist(X.astype(float), X[picks].astype(float)).argmin(axis=1)
    expected[picks] = np.arange(1200)
    np.testing.assert_array_equal(nearest_picks(pairs(X), picks), expected)


def test_inclusion_probabilities_of_each_prefix(rng):
    size = np.r_[rng.exponential(1, 60) ** 4, 1e-200, 1e200, np.ones(10)]
    sizes = Sizes(size)
    order = rng.permutation(len(size))
    of = PrefixProbabilities(sizes, order)
    for m in range(1, len(size) + 1):
        np.testing.assert_allclose(of(m), inclusion_probabilities(sizes, m)[order[:m]])


def test_what_is_stored_does_not_grow_with_the_samples(rng):
    sizes = []
    for n in (500, 2000):
        sampler = FacilityLocation(20).fit(rng.random((n, 2)))
        sizes.append(len(pickle.dumps(sampler)))
    assert sizes[1] < 1.2 * sizes[0]


def test_prefix_cells_by_hand():
    of = PrefixCells(
        [2, 0, 3], [np.arange(5), np.array([0, 1]), np.array([1, 2, 3])], np.array([1, 2, 4, 8, 16])
    )
    assert of.last.tolist() == [20, 1, 10]  # row 2 stays in its own cell
    assert of(2).tolist() == [28, 3]
    assert of(1).tolist() == [31]


# errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "why"),
    [
        (GradMatch(), "its weights are fitted"),
        (CoverageCentric(Entropy(), cutoff=0.0, random_state=0), "each bin"),
        (FacilityLocation(optimizer="stochastic", random_state=0), "optimizer='stochastic'"),
        (CRAIG(optimizer="stochastic", random_state=0), "optimizer='stochastic'"),
        (ImportanceSampling(replace=True, random_state=0), "replace=True"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* fewer than the budget of:UserWarning")
def test_not_nested(sampler, why, blobs):
    got = clone(sampler).fit(*blobs)
    assert not got._is_nested()
    with pytest.raises(ValueError, match=rf"cannot be truncated to coreset_size=9, .*{why}"):
        got.truncate(9)


def test_not_nested_unless_the_method_says_so(blobs):
    class First(BaseCoreset):
        def _pick(self, X, group):
            return np.arange(group.size)

    with pytest.raises(ValueError, match="a smaller budget may select other samples"):
        First(10).fit(*blobs).truncate(3)


def test_errors(blobs):
    X, y = blobs
    with pytest.raises(NotFittedError):
        Herding(5).truncate(3)
    sampler = Herding({0: 5, 1: 5, 2: 5}).fit(X, y)
    with pytest.raises(ValueError, match="=15 is 7 samples of the class 2, but 5 were selected"):
        sampler.truncate(15)
    with pytest.raises(ValueError, match=r"=0\.9 is 270 samples, but 15 were selected"):
        Herding(15, stratify=None).fit(X, y).truncate(0.9)
    left_out = Herding({0: 0, 1: 5, 2: 5}).fit(X, y)
    with pytest.raises(ValueError, match="1 sample of the class 0, but 0 were selected"):
        left_out.truncate(3)
    for size, message in [
        (0, "coreset_size"),
        (None, "coreset_size"),
        ("few", "coreset_size"),
        (301, "larger than the number of samples"),
        (2, "2 samples for 3 classes"),
        ({0: 1}, r"no size for the classes \[1, 2\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            sampler.truncate(size)
    with pytest.raises(ValueError, match="there are no classes"):
        Herding(15).fit(X).truncate({0: 3})


def test_samples_of_init_have_a_place(blobs):
    X, _ = blobs
    for Sampler in (FacilityLocation, KCenterGreedy):
        got = Sampler(20, stratify=None, init=[5, 9, 2]).fit(X)
        assert got.truncate(3, X).sample_indices_.tolist() == [5, 9, 2]
        with pytest.raises(ValueError, match="init has 3 samples, but only 2 are"):
            got.truncate(2, X)


def test_k_center_requires_the_data_of_the_fit(blobs):
    X, y = blobs
    got = KCenterGreedy(20).fit(X, y)
    with pytest.raises(ValueError, match="truncate requires X, y and sample_weight"):
        got.truncate(6)
    with pytest.raises(ValueError, match="was fitted on 300 of total weight 300"):
        got.truncate(6, X[:200], y[:200])
    with pytest.raises(ValueError, match="with other classes"):
        got.truncate(6, X)
    with pytest.raises(ValueError, match="of total weight 600"):
        got.truncate(6, X, y, np.full(300, 2.0))
    with pytest.raises(ValueError, match="with other classes"):
        got.truncate(6, X, y[::-1] % 2)
