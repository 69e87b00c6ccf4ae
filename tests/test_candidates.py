"""Set functions from a random sample of candidates, and facility location for target samples."""

import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from imblearn.pipeline import make_pipeline
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import rbf_kernel

from skcoreset import CRAIG, FacilityLocation, GraphCut
from skcoreset._kernels.candidates import AmongAll, candidates_of
from skcoreset._kernels.distances import pairs

BOTH = pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])


def drawn(X, weight, size, sampler, start=()):
    """The candidates of the only group, and their weights."""
    state = np.random.RandomState(np.random.RandomState(sampler.random_state).randint(2**31 - 1))
    seed = state.randint(2**31 - 1)
    return candidates_of(pairs(X).tables, weight / weight.mean(), size, seed, start)[:2]


def value(Sampler, D, picks, weight):
    """The set function of all samples, for similarities ``max D - D``."""
    S = D.max() - D
    if Sampler is FacilityLocation:
        return weight @ S[:, picks].max(axis=1)
    return (weight @ S[:, picks]).sum() - 0.5 * weight.mean() * S[np.ix_(picks, picks)].sum()


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", [None, [7, 3]])
def test_picks_are_those_of_the_loop_among_the_candidates(Sampler, weighted, init, rng):
    X = rng.standard_normal((200, 4))
    w = rng.integers(1, 4, 200).astype(float) if weighted else np.ones(200)
    sampler = Sampler(15, n_candidates=60, init=init, random_state=0).fit(X, sample_weight=w)
    at, share = drawn(X, w, 60, sampler, init or ())
    assert share.sum() == pytest.approx(200)
    D = oracles.distances(X)[np.ix_(at, at)]
    start = np.searchsorted(at, init or [])
    if Sampler is FacilityLocation:
        picks, _ = oracles.facility_location(D.max() - D, 15, share, start)
    else:  # the loop has the penalty of a mean weight of 1
        picks, _ = oracles.graph_cut(D.max() - D, 15, 0.5, share, start)
    np.testing.assert_array_equal(sampler.sample_indices_, at[picks])


@BOTH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_and_gains_are_those_of_all_samples(Sampler, dtype, rng):
    X = rng.standard_normal((300, 5)).astype(dtype)
    w = rng.integers(1, 4, 300).astype(float)
    sampler = Sampler(12, n_candidates=80, random_state=0).fit(X, sample_weight=w)
    D, picks = oracles.distances(X), sampler.sample_indices_
    np.testing.assert_allclose(sampler.sample_weight_, oracles.cells(-D, picks, w))
    # The largest distance is that of two candidates.
    at, _ = drawn(X, w, 80, sampler)
    most = D[np.ix_(at, at)].max()
    values = [value(Sampler, np.minimum(D, np.inf), picks[:m], w) for m in range(1, 13)]
    count = np.arange(1, 13)
    gap = (D.max() - most) * w.sum() * (1 if Sampler is FacilityLocation else count)
    if Sampler is GraphCut:
        gap = gap - 0.5 * w.mean() * (D.max() - most) * count**2
    np.testing.assert_allclose(np.cumsum(sampler.gains_), np.array(values) - gap, rtol=1e-6)


@pytest.mark.parametrize("gradient", ["last_layer", "features"])
def test_craig_among_candidates(gradient, rng):
    X, y = load_digits(return_X_y=True)
    X, model = X[:400] / 16, LogisticRegression(max_iter=1000).fit(X[:400] / 16, y[:400])
    sampler = CRAIG(model, 10, gradient=gradient, n_candidates=100, stratify=None, random_state=0)
    sampler.fit(X, y[:400])
    G = X
    if gradient == "last_layer":
        a = model.predict_proba(X) - np.eye(10)[y[:400]]
        G = (a[:, :, None] * np.c_[np.ones(400), X][:, None, :]).reshape(400, -1)
    D, picks = oracles.distances(G), sampler.sample_indices_
    losses = [D[:, picks[:m]].min(axis=1).sum() for m in range(1, 11)]
    np.testing.assert_allclose(sampler.losses_, losses)
    np.testing.assert_allclose(sampler.sample_weight_, oracles.cells(-D, picks))
    exact = CRAIG(model, 10, gradient=gradient, stratify=None).fit(X, y[:400])
    assert exact.loss_ < sampler.loss_ < 1.2 * exact.loss_


def test_all_candidates_are_the_exact_selection(rng):
    X, y = rng.standard_normal((120, 3)), np.arange(120) % 3
    for make in (FacilityLocation, GraphCut, lambda k, **p: CRAIG(coreset_size=k, **p)):
        exact = make(12, n_candidates=None).fit(X, y)
        for n_candidates in ("auto", 40, 1000):
            other = make(12, n_candidates=n_candidates, random_state=3).fit(X, y)
            np.testing.assert_array_equal(other.sample_indices_, exact.sample_indices_)
            np.testing.assert_array_equal(other.sample_weight_, exact.sample_weight_)


@BOTH
def test_the_sample_depends_neither_on_order_nor_on_format(Sampler, rng):
    X = rng.standard_normal((300, 4)) * (rng.random((300, 4)) < 0.7)
    sampler = Sampler(20, n_candidates=90, random_state=1)
    picks = sampler.fit(X).sample_indices_
    order = rng.permutation(300)  # two samples that are nearest to each other often tie
    at, there = (candidates_of(pairs(Z).tables, np.ones(300), 90, 5)[0] for Z in (X, X[order]))
    np.testing.assert_array_equal(np.sort(X[at], axis=0), np.sort(X[order[there]], axis=0))
    np.testing.assert_array_equal(sampler.fit(sparse.csr_array(X)).sample_indices_, picks)
    with sklearn.config_context(working_memory=0.01):
        np.testing.assert_array_equal(sampler.fit(X).sample_indices_, picks)
    other = sampler.set_params(random_state=2).fit(X).sample_indices_
    assert set(other.tolist()) != set(picks.tolist())


@BOTH
def test_a_smaller_budget_selects_a_prefix(Sampler, rng, monkeypatch):
    X, y = rng.standard_normal((300, 4)), np.arange(300) % 2
    sampler = Sampler(40, n_candidates=90, random_state=1).fit(X, y)
    short, anew = sampler.truncate(16), Sampler(16, n_candidates=90, random_state=1).fit(X, y)
    np.testing.assert_array_equal(short.sample_indices_, anew.sample_indices_)
    np.testing.assert_allclose(short.sample_weight_, anew.sample_weight_)
    np.testing.assert_allclose(short.gains_, anew.gains_)
    monkeypatch.setattr("skcoreset._kernels.candidates.PER_PICK", 4)
    monkeypatch.setattr("skcoreset._kernels.candidates.FEWEST", 60)
    with pytest.raises(ValueError, match=r"20 samples among 80 candidates, but 8 .* 60"):
        sampler.set_params(n_candidates="auto").fit(X, y).truncate(16)
    with pytest.raises(ValueError, match=r"n_candidates=19 is smaller .* the class 0, which is 20"):
        sampler.set_params(n_candidates=19).fit(X, y)


def test_nearly_as_good_as_all_candidates(rng):
    """The mean distance to the coreset is between those of all candidates and of random samples."""
    X = rng.standard_normal((4000, 10)).astype(np.float32)

    def loss(picks):
        return pairwise_distances(X, X[picks]).min(axis=1).mean()

    exact = loss(FacilityLocation(40, n_candidates=None).fit(X).sample_indices_)
    drawn = [FacilityLocation(40, n_candidates=1000, random_state=s).fit(X) for s in range(3)]
    random = loss(rng.permutation(4000)[:40])
    for sampler in drawn:
        assert exact < loss(sampler.sample_indices_) < 0.6 * exact + 0.4 * random


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (FacilityLocation(5, n_candidates=50, n_neighbors=3), "n_candidates=50 is not supported"),
        (GraphCut(5, n_candidates=50, metric="precomputed"), "n_candidates=50 is not supported"),
        (CRAIG(coreset_size=None, epsilon=1.0, n_candidates=50), "not supported with epsilon"),
    ],
)
def test_candidates_that_are_not_supported(sampler, message):
    with pytest.raises(ValueError, match=message):
        sampler.fit(np.eye(60), np.arange(60) % 2)


def test_among_all_in_blocks(rng, monkeypatch):
    """Ties go to the earlier pick, and a pick belongs to its own cell."""
    X = np.repeat(rng.integers(0, 4, (60, 2)).astype(float), 2, axis=0)
    picks, w = np.array([5, 4, 80, 17]), rng.random(120)
    monkeypatch.setattr("skcoreset._kernels.candidates.BLOCK", 4)
    among = AmongAll(pairs(X), picks, w, 2.0**-40)
    D = oracles.distances(X)
    for m in range(1, 5):
        expected = oracles.cells(-D, picks[:m], w)
        np.testing.assert_allclose(among.prefix_cells(m), expected)
        assert among.losses[m - 1] == pytest.approx(w @ D[:, picks[:m]].min(axis=1))
    np.testing.assert_allclose(among.sums, w @ D[:, picks])
    expected = np.tril(D[np.ix_(picks, picks)], -1).sum(axis=1)
    np.testing.assert_allclose(among.sums_among_picks(), expected)


# target samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0, 20.0])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "rbf"])
def test_target_equals_the_loop(metric, eta, optimizer, rng):
    X, Q = rng.standard_normal((90, 4)), rng.standard_normal((25, 4)) + 1
    if metric == "rbf":
        S, params = rbf_kernel(Q, X, gamma=0.3), {"gamma": 0.3}
    else:
        D, params = pairwise_distances(Q, X, metric=metric), {}
        S = D.max() - D
    sampler = FacilityLocation(15, metric=metric, eta=eta, optimizer=optimizer, **params)
    picks, gains = oracles.facility_location_for_target(S, 15, eta)
    cells = oracles.target_cells(S, picks)
    for table, target, megabytes in (
        (X, Q, 1024),
        (X, Q.tolist(), 0.005),
        (pd.DataFrame(X), pd.DataFrame(Q), 1024),
        (sparse.csr_array(X), sparse.csc_array(Q), 1024),
        (sparse.csr_array(X), Q, 1024),
    ):
        with sklearn.config_context(working_memory=megabytes):
            sampler.fit(table, X_target=target)
        np.testing.assert_array_equal(sampler.sample_indices_, picks)
        np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(sampler.sample_weight_, cells * 90 / cells.sum())


@pytest.mark.parametrize("megabytes", [1024, 0.05])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_target_that_is_X(dtype, megabytes, rng):
    X = rng.standard_normal((400, 4)).astype(dtype)
    plain = FacilityLocation(60).fit(X)
    with sklearn.config_context(working_memory=megabytes):
        sampler = FacilityLocation(60, eta=0).fit(X, X_target=X)
    np.testing.assert_array_equal(sampler.sample_indices_, plain.sample_indices_)
    np.testing.assert_allclose(sampler.gains_, plain.gains_, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(sampler.sample_weight_, plain.sample_weight_)


def test_each_class_against_all_target_samples(rng):
    X, y, Q = rng.standard_normal((90, 3)), np.arange(90) % 3, rng.standard_normal((20, 3))
    w = rng.integers(0, 4, 90).astype(float)
    sampler = FacilityLocation(12, stratify="balanced").fit(X, y, w, X_target=Q)
    for label in range(3):
        mine = np.flatnonzero((y == label) & (w > 0))
        picks = sampler.sample_indices_[y[sampler.sample_indices_] == label]
        alone = FacilityLocation(4).fit(X[mine], X_target=Q)
        np.testing.assert_array_equal(picks, mine[alone.sample_indices_])
        weight = sampler.sample_weight_[np.isin(sampler.sample_indices_, picks)]
        assert weight.sum() == pytest.approx(w[mine].sum())


def test_target_prefix_and_init(rng):
    X, Q = rng.standard_normal((90, 3)), rng.standard_normal((10, 3))
    sampler = FacilityLocation(30, init=[8, 2]).fit(X, X_target=Q)
    assert sampler.sample_indices_[:2].tolist() == [8, 2]
    short = sampler.truncate(7)
    anew = FacilityLocation(7, init=[8, 2]).fit(X, X_target=Q)
    np.testing.assert_array_equal(short.sample_indices_, anew.sample_indices_)
    np.testing.assert_allclose(short.sample_weight_, anew.sample_weight_)
    assert (sampler.sample_weight_ > 0).all()


def test_samples_that_look_like_the_target():
    X, y = load_digits(return_X_y=True)
    target = np.flatnonzero(y == 8)[:5]
    pool = np.setdiff1d(np.arange(len(X)), target)
    sampler = FacilityLocation(40, stratify=None).fit(X[pool], y[pool], X_target=X[target])
    assert (y[pool][sampler.sample_indices_] == 8).mean() > 0.8
    # Without the second term the gains end, and the remaining samples are arbitrary.
    sampler.set_params(eta=0).fit(X[pool], y[pool], X_target=X[target])
    assert (sampler.gains_[5:] < 1e-9 * sampler.gains_[0]).mean() > 0.8


def test_target_is_routed(rng):
    X, y, Q = rng.standard_normal((60, 3)), np.arange(60) % 2, rng.standard_normal((9, 3)) + 2
    expected = FacilityLocation(20).fit(X, y, X_target=Q).sample_indices_
    with sklearn.config_context(enable_metadata_routing=True):
        step = FacilityLocation(20).set_fit_resample_request(X_target=True)
        step.set_fit_request(X_target=True)
        model = LogisticRegression().set_fit_request(sample_weight=False)
        pipe = make_pipeline(step, model).fit(X, y, X_target=Q)
    alone = LogisticRegression().fit(X[expected], y[expected])
    np.testing.assert_array_equal(pipe[-1].coef_, alone.coef_)


@pytest.mark.parametrize(
    ("target", "params", "message"),
    [
        (np.ones((3, 2)), {}, "X_target: X has 2 features, but FacilityLocation is expecting 3"),
        (np.full((3, 3), np.nan), {}, "X_target: Input X contains NaN"),
        (np.ones((0, 3)), {}, "X_target: Found array with 0 sample"),
        (np.ones((3, 3)), {"n_neighbors": 2}, "X_target is not supported with n_neighbors=2"),
        (np.ones((3, 3)), {"n_candidates": 9}, "n_candidates=9 is not supported with X_target"),
    ],
)
def test_bad_targets(target, params, message, rng):
    with pytest.raises(ValueError, match=message):
        FacilityLocation(2, **params).fit(rng.standard_normal((20, 3)), X_target=target)
