"""The parameters `init`, samples that are selected first, and `exclude`, samples that never are."""

import re

import numpy as np
import oracles
import pytest
import sklearn
from samplers import SAMPLERS, VARIANTS, marked, name_of
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skcoreset import (
    CRAIG,
    EL2N,
    CoresetClassifier,
    CoverageCentric,
    Entropy,
    FacilityLocation,
    Forgetting,
    GraphCut,
    KCenterGreedy,
    Margin,
    Moderate,
    ProbCover,
)

WITH_INIT = [s for s in SAMPLERS + VARIANTS if "init" in s.get_params()]
WITH_EXCLUDE = [s for s in SAMPLERS + VARIANTS if "exclude" in s.get_params()]
with_exclude = pytest.mark.parametrize("sampler", marked(WITH_EXCLUDE))


def test_who_has_them():
    names = {name_of(s) for s in WITH_INIT}
    assert names >= {"CRAIG", "FacilityLocation", "GraphCut", "KCenterGreedy", "ProbCover"}
    scores = {name_of(s) for s in SAMPLERS if hasattr(type(s), "_scores")}
    assert scores | {"Moderate", "CoverageCentric"} == {name_of(s) for s in WITH_EXCLUDE}


# init ----------------------------------------------------------------------------------------


def similarity(X):
    D = cdist(X, X)
    return D.max() - D


@pytest.mark.parametrize("init", [[7], [50, 3, 21, 22]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_set_functions_after_init(Sampler, weighted, init, rng):
    X = np.round(rng.standard_normal((52, 3)), 1)
    weight = rng.integers(1, 4, 52).astype(float) if weighted else None
    S = similarity(X)
    if Sampler is FacilityLocation:
        expected, gains = oracles.facility_location(S, 12, weight, init)
    else:
        scale = 1 if weight is None else weight.mean()
        expected, gains = oracles.graph_cut(S, 12, 0.5 * scale, weight, init)
    for table, metric in ((X, "euclidean"), (sparse.csr_array(X), "euclidean"), (S, "precomputed")):
        for megabytes in (1024, 1e-3):
            with sklearn.config_context(working_memory=megabytes):
                sampler = Sampler(12, init=init, metric=metric, stratify=None)
                sampler.fit(table, sample_weight=weight)
            np.testing.assert_array_equal(sampler.sample_indices_, expected)
            np.testing.assert_allclose(sampler.gains_, gains, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(
                sampler.sample_weight_, oracles.cells(S, expected, weight), rtol=1e-9
            )


@pytest.mark.parametrize("init", [[7], [50, 3, 21, 22]])
@pytest.mark.parametrize("weighted", [False, True])
def test_prob_cover_after_init(weighted, init, rng):
    X = np.round(rng.standard_normal((70, 3)), 1)
    weight = rng.integers(1, 4, 70).astype(float) if weighted else None
    picks, fractions, sizes = oracles.prob_cover(cdist(X, X), 15, 0.9, weight, init)
    for table in (X, sparse.csr_array(X)):
        sampler = ProbCover(15, delta=0.9, init=np.array(init)).fit(table, sample_weight=weight)
        np.testing.assert_array_equal(sampler.sample_indices_, picks)
        np.testing.assert_allclose(sampler.coverage_, fractions)
        np.testing.assert_allclose(sampler.sample_weight_, sizes)


@pytest.mark.parametrize("gradient", ["logits", "last_layer", "features"])
@pytest.mark.parametrize("init", [[7], [50, 3, 21, 22]])
def test_craig_after_init(gradient, init, blobs):
    X, y = blobs[0][:80], blobs[1][:80]
    model = LogisticRegression(max_iter=1000).fit(X, y)
    error = model.predict_proba(X) - np.eye(3)[y]
    ones = np.column_stack([np.ones(80), X])
    G = {"logits": error, "features": X}.get(gradient)
    if G is None:
        G = (error[:, :, None] * ones[:, None]).reshape(80, -1)
    S = similarity(G)
    picks, _ = oracles.facility_location(S, 12, init=init)
    got = CRAIG(model, 12, gradient=gradient, init=init, stratify=None).fit(X, y)
    np.testing.assert_array_equal(got.sample_indices_, picks)
    np.testing.assert_allclose(got.sample_weight_, oracles.cells(S, picks))
    losses = [cdist(G, G[picks[:t]]).min(axis=1).sum() for t in range(1, 13)]
    np.testing.assert_allclose(got.losses_, losses, rtol=1e-6)


def test_craig_selects_all_of_init_before_it_stops(blobs):
    X, y = blobs
    got = CRAIG(coreset_size=None, epsilon=1e9, init=[4, 8, 2], stratify=None).fit(X, y)
    assert got.sample_indices_.tolist() == [4, 8, 2]
    fewer = CRAIG(coreset_size=None, epsilon=20.0, init=[4, 8, 2], stratify=None).fit(X, y)
    assert fewer.sample_indices_[:3].tolist() == [4, 8, 2]
    assert fewer.loss_ <= 20


@pytest.mark.parametrize("sampler", marked(WITH_INIT))
def test_init_goes_to_its_class_and_counts(sampler, blobs):
    X, y = blobs
    init = np.flatnonzero(y == 1)[[4, 0, 9]]
    for params in ({}, {"optimizer": "stochastic", "random_state": 0}):
        if not params.keys() <= sampler.get_params().keys():
            continue
        plain = clone(sampler).set_params(**params, coreset_size=30).fit(X, y)
        got = clone(sampler).set_params(**params, coreset_size=30, init=init).fit(X, y)
        assert got.sampling_strategy_ == plain.sampling_strategy_
        assert got.sample_weight_.sum() == pytest.approx(300)
        mine = y[got.sample_indices_]
        assert got.sample_indices_[mine == 1][:3].tolist() == init.tolist()
        assert len(set(got.sample_indices_.tolist())) == 30
        same = plain.sample_indices_[y[plain.sample_indices_] != 1]
        if sampler.get_params()["init"] != "random":  # an array of indices takes "mean" elsewhere
            np.testing.assert_array_equal(got.sample_indices_[mine != 1], same)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ([300], "outside 0 to 299"),
        ([-1], "outside 0 to 299"),
        ([3, 3], "twice"),
        ([0.5], "array of sample indices"),
        ([[]], "array of sample indices"),
        ([[1, 2]], "array of sample indices"),
        (range(31), "init has 31 samples, but only 30 are to be selected"),
    ],
)
@pytest.mark.parametrize("Sampler", [CRAIG, FacilityLocation, GraphCut, KCenterGreedy, ProbCover])
def test_bad_init(Sampler, init, message, blobs):
    sampler = Sampler(coreset_size=30, init=list(init), stratify=None)
    with pytest.raises(ValueError, match=message):
        sampler.fit(*blobs)
    with pytest.raises(ValueError, match="samples of sample_weight 0"):
        sampler.set_params(init=[5]).fit(*blobs, sample_weight=np.arange(300) != 5)


@pytest.mark.parametrize("sampler", marked(WITH_INIT))
@pytest.mark.parametrize("nothing", [[], np.array([], dtype=int)])
def test_empty_init(sampler, nothing, blobs):
    X, y = blobs
    default = "mean" if isinstance(sampler, KCenterGreedy) else None
    plain, got = (
        clone(sampler).set_params(coreset_size=12, init=init).fit(X, y)
        for init in (default, nothing)
    )
    np.testing.assert_array_equal(plain.sample_indices_, got.sample_indices_)
    np.testing.assert_array_equal(plain.sample_weight_, got.sample_weight_)
    if got._is_nested():
        few = got.truncate(6, X, y).sample_indices_
        np.testing.assert_array_equal(few, plain.truncate(6, X, y).sample_indices_)


# exclude -------------------------------------------------------------------------------------


@with_exclude
@pytest.mark.parametrize("stratify", ["proportional", None])
def test_excluded_samples_are_scored_but_never_selected(sampler, stratify, blobs, rng):
    X, y = blobs
    out = np.unique(np.r_[rng.choice(300, 90, replace=False), np.flatnonzero(y == 0)[:20]])
    left = np.setdiff1d(np.arange(300), out)
    plain = clone(sampler).set_params(coreset_size=30, stratify=stratify).fit(X, y)
    got = clone(plain).set_params(exclude=out).fit(X, y)
    for name in ("scores_", "neighbors_", "distances_", "confidence_"):
        if hasattr(plain, name):
            np.testing.assert_array_equal(getattr(got, name), getattr(plain, name))
    assert not np.isin(got.sample_indices_, out).any()
    counts = np.bincount(y[left])
    if stratify == "proportional":
        quotas = oracles.largest_remainder(30, counts.tolist())
        assert list(got.sampling_strategy_.values()) == quotas
    chosen = y[got.sample_indices_]
    assert got.sample_weight_.sum() == pytest.approx(len(left))
    if stratify is not None:
        for label in range(3):
            mine = chosen == label
            expected = counts[label] / mine.sum()
            np.testing.assert_allclose(got.sample_weight_[mine], expected)
    if isinstance(sampler, CoverageCentric):
        return
    # All samples in order of their score, without those that are excluded.
    every = clone(plain).set_params(coreset_size=1.0).fit(X, y).sample_indices_
    for label in range(3) if stratify is not None else [slice(None)]:
        ranked = every if stratify is None else every[y[every] == label]
        ranked = ranked[~np.isin(ranked, out)]
        mine = got.sample_indices_ if stratify is None else got.sample_indices_[chosen == label]
        np.testing.assert_array_equal(mine, ranked[: len(mine)])


def test_excluded_samples_stay_in_the_computation(blobs):
    """Unlike those of weight 0."""
    X, y = blobs
    out = np.arange(0, 200)
    got = Margin(coreset_size=10, exclude=out).fit(X, y)
    all_of_it = LogisticRegression(max_iter=1000).fit(X, y)
    np.testing.assert_array_equal(got.estimator_.coef_, all_of_it.coef_)
    median = Moderate(10, exclude=out, stratify=None).fit(X).sample_indices_
    distance = np.linalg.norm(X - X.mean(axis=0), axis=1)
    apart = abs(distance - np.median(distance))
    assert median.tolist() == (200 + np.argsort(apart[200:])[:10]).tolist()


def test_weights_and_fractions_count_the_others(blobs, rng):
    X, y = blobs
    weight = rng.integers(0, 4, 300).astype(float)
    out = np.arange(0, 300, 2)
    left = np.setdiff1d(np.flatnonzero(weight), out)
    got = Entropy(coreset_size=0.2, exclude=out).fit(X, y, sample_weight=weight)
    assert len(got.sample_indices_) == round(0.2 * len(left))
    assert got.sample_weight_.sum() == pytest.approx(weight[left].sum())
    assert np.isin(got.sample_indices_, left).all()
    by_class = Entropy(coreset_size={0: 0.5, None: 3}, exclude=out).fit(X, y)
    balanced = Entropy(coreset_size=30, exclude=out, stratify="balanced").fit(X, y)
    assert balanced.sampling_strategy_ == {0: 10, 1: 10, 2: 10}
    assert by_class.sampling_strategy_ == {0: round((y[1::2] == 0).sum() / 2), 1: 3, 2: 3}


@with_exclude
def test_exclude_nothing(sampler, blobs):
    X, y = blobs
    plain, got = (
        clone(sampler).set_params(coreset_size=12, exclude=out).fit(X, y) for out in (None, [])
    )
    np.testing.assert_array_equal(plain.sample_indices_, got.sample_indices_)
    np.testing.assert_array_equal(plain.sample_weight_, got.sample_weight_)


def test_labeling_in_rounds_needs_no_labels_of_the_others(blobs):
    X, y = blobs
    labeled = np.arange(30)
    for _ in range(4):
        model = LogisticRegression().fit(X[labeled], y[labeled])
        new = Margin(model, 20, exclude=labeled).fit(X).sample_indices_
        left = np.setdiff1d(np.arange(300), labeled)
        np.testing.assert_array_equal(new, left[Margin(model, 20).fit(X[left]).sample_indices_])
        labeled = np.concatenate([labeled, new])
    assert len(set(labeled.tolist())) == 110


def test_a_class_without_other_samples(blobs):
    X, y = blobs
    got = Margin(coreset_size=20, exclude=np.flatnonzero(y == 0)).fit(X, y)
    assert got.sampling_strategy_[0] == 0
    assert got.estimator_.classes_.tolist() == [0, 1, 2]
    assert got.sample_weight_.sum() == pytest.approx((y != 0).sum())


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        ([300], "exclude=[300] has sample indices outside 0 to 299"),
        ([-1], "exclude=[-1] has sample indices outside 0 to 299"),
        ([0.5], "exclude=[0.5] must be None or an array of sample indices."),
        ([[1]], "exclude=[[1]] must be None or an array"),
        (np.ones(300, dtype=bool), "For a mask, give np.flatnonzero(mask)."),
        (range(300), "leaves no sample to select"),
        (
            range(280),
            "coreset_size=30 is larger than the number of samples: there are 20 that are not "
            "excluded (out of 300)",
        ),
    ],
)
@pytest.mark.parametrize("sampler", [Margin(), Moderate(), Forgetting(), CoverageCentric(EL2N())])
def test_bad_exclude(sampler, exclude, message, blobs):
    exclude = list(exclude) if isinstance(exclude, range) else exclude
    sampler = clone(sampler).set_params(coreset_size=30, exclude=exclude)
    with pytest.raises(ValueError, match=re.escape(message)):
        sampler.fit(*blobs)


def test_errors_say_which_samples_are_left(blobs):
    X, y = blobs
    out = np.flatnonzero(y == 1)[3:]
    message = r"coreset_size\[1\]=5 .* there are 3 that are not excluded\."
    with pytest.raises(ValueError, match=message):
        Entropy(coreset_size={1: 5, None: 2}, exclude=out).fit(X, y)
    message = r"there are 99 of positive weight that are not excluded \(out of 300\)"
    with pytest.raises(ValueError, match=message):
        Entropy(coreset_size=100, exclude=np.arange(200)).fit(
            X, y, sample_weight=np.arange(300) != 299
        )


def test_in_a_meta_estimator(blobs):
    X, y = blobs
    model = CoresetClassifier(LogisticRegression(), Moderate(60, exclude=[0, 1, 2]))
    assert not np.isin(model.fit(X, y).sampler_.sample_indices_, [0, 1, 2]).any()
