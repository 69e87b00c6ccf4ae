"""Training dynamics against hand-made records and plain loops."""

import io
import json
import pickle
import sys
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from oracles import forgetting, presentations
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skcoreset import (
    EL2N,
    AreaUnderMargin,
    CoverageCentric,
    DataMap,
    Entropy,
    Forgetting,
    GraNd,
    Moderate,
    TrainingDynamics,
)
from skcoreset._estimator import seeded
from skcoreset._models._training import _convergence_warning_expected


def record_of(right, y=None):
    """A record in which row i is right at the epochs where right[i] is 1, two classes."""
    right = np.array(right)
    dynamics = TrainingDynamics(np.zeros(len(right), dtype=int) if y is None else y, classes=[0, 1])
    for epoch, now in enumerate(right.T):
        proba = np.where(now[:, None] == 1, [[0.9, 0.1]], [[0.2, 0.8]])
        dynamics.record(np.arange(len(right)), proba, epoch=epoch)
    return dynamics


@pytest.fixture
def table():
    X, y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
    return X, y


@pytest.fixture(scope="module")
def noisy_digits():
    """Digits, a tenth of the labels wrong, and which."""
    X, y = load_digits(return_X_y=True)
    wrong = np.random.default_rng(0).random(len(y)) < 0.1
    return X / 16, np.where(wrong, (y + 1) % 10, y), wrong


# the record --------------------------------------------------------------------------------------


def test_forgetting_events_of_known_sequences():
    dynamics = record_of([[0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]])
    assert dynamics.n_forgotten_.tolist() == [2, 0, 6]
    assert dynamics.never_learned_.tolist() == [False, False, True]
    assert dynamics.first_learned_.tolist() == [1, 0, 6]
    np.testing.assert_allclose(dynamics.correctness_, [0.5, 1, 0])


def test_streaming_equals_the_whole_record(rng):
    """Statistics that were summed up as they came are those of all T x n x C outputs."""
    y = rng.integers(0, 4, 50)
    logits = rng.standard_normal((3, 7, 50, 4))  # runs, epochs
    dynamics = TrainingDynamics(y)
    for run in range(3):
        if run:
            dynamics.new_run()
        for epoch in range(7):
            for rows in np.array_split(rng.permutation(50), 4):
                dynamics.record(rows, logits[run, epoch, rows], epoch=epoch, kind="logits")
    at = np.arange(50)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    own = p[:, :, at, y]
    np.testing.assert_allclose(dynamics.confidence_, own.mean(axis=(0, 1)))
    np.testing.assert_allclose(dynamics.variability_, own.std(axis=(0, 1)))
    error = np.linalg.norm(p - np.eye(4)[y], axis=-1)
    np.testing.assert_allclose(dynamics.error_norm_, error[:, -1].mean(axis=0))
    others = np.where(np.eye(4, dtype=bool)[y], -np.inf, logits).max(axis=-1)
    margin = logits[:, :, at, y] - others
    np.testing.assert_allclose(dynamics.margin_, margin.mean(axis=(0, 1)))
    right = margin > 0
    events = (right[:, :-1] & ~right[:, 1:]).sum(axis=1)
    events[~right.any(axis=1)] = 7
    np.testing.assert_array_equal(dynamics.n_forgotten_, events.sum(axis=0))
    np.testing.assert_allclose(dynamics.correctness_, right.mean(axis=(0, 1)))
    assert (dynamics.n_recorded_ == 21).all()


def test_probabilities_and_logits_say_the_same(rng):
    y, logits = rng.integers(0, 3, 20), 3 * rng.standard_normal((20, 3))
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    a, b = TrainingDynamics(y), TrainingDynamics(y)
    a.record(np.arange(20), logits)
    b.record(np.arange(20), proba)
    for name in ("margin_", "confidence_", "error_norm_", "first_learned_"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-12)


def test_one_column_is_the_second_class(rng):
    y, z = rng.integers(0, 2, 20), rng.standard_normal(20)
    one, two = TrainingDynamics(y), TrainingDynamics(y)
    one.record(np.arange(20), z, kind="logits")
    two.record(np.arange(20), np.column_stack([0 * z, z]), kind="logits")
    np.testing.assert_allclose(one.margin_, np.where(y == 1, z, -z))
    np.testing.assert_allclose(one.error_norm_, two.error_norm_)


def test_early_epoch(rng):
    y, proba = np.array([0, 1]), np.array([[0.6, 0.4], [0.3, 0.7]])
    dynamics = TrainingDynamics(y, early_epoch=1)
    for epoch in range(4):
        dynamics.record([0, 1], np.eye(2) if epoch > 1 else proba, epoch=epoch, kind="proba")
    np.testing.assert_allclose(dynamics.error_norm_, [0.4 * 2**0.5, 0.3 * 2**0.5])
    np.testing.assert_allclose(dynamics.confidence_, [(0.6 * 2 + 2) / 4, (0.7 * 2 + 2) / 4])


@pytest.mark.parametrize("way", ["pickle", "save"])
def test_saved_and_loaded(way, table, tmp_path):
    """One training serves many selections."""
    X, y = table
    names = np.array(["a", "b", "c"])[y]
    first = TrainingDynamics.from_estimator(GaussianNB(), X, names, n_epochs=2, random_state=0)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(first))
    else:
        first.save(tmp_path / "record.npz")
        again = TrainingDynamics.load(tmp_path / "record.npz")
    for sampler in (Forgetting(), EL2N(), AreaUnderMargin(), DataMap()):
        rows = [
            clone(sampler).set_params(dynamics=d).fit(X, names).sample_indices_.tolist()
            for d in (first, again)
        ]
        assert rows[0] == rows[1]


def test_memory_does_not_grow_with_the_epochs(rng):
    y, proba = rng.integers(0, 2, 100), np.full((100, 2), 0.5)
    sizes = []
    for n_epochs in (1, 50):
        dynamics = TrainingDynamics(y)
        for _ in range(n_epochs):
            dynamics.record(np.arange(100), proba)
        sizes.append(len(pickle.dumps(dynamics)))
    assert sizes[1] < 1.01 * sizes[0]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"indices": [0, 4]}, "from 0 to 3"),
        ({"indices": [0, 0]}, "more than once"),
        ({"indices": [0.5, 1]}, "must be integers"),
        ({"outputs": np.ones((3, 2))}, r"require the shape \(2, 2\) or \(2,\)"),
        ({"outputs": np.array([[np.nan, 1], [0, 1]])}, "NaN"),
        ({"outputs": np.array([0.2, 0.3])}, "Set kind to"),
        ({"kind": "probabilities"}, "'proba', 'logits' or 'decision'"),
    ],
)
def test_bad_records(kwargs, message):
    dynamics = TrainingDynamics([0, 1, 0, 1])
    args = {"indices": [0, 1], "outputs": np.full((2, 2), 0.5), **kwargs}
    with pytest.raises(ValueError, match=message):
        dynamics.record(args.pop("indices"), args.pop("outputs"), **args)


def test_bad_use(table):
    with pytest.raises(ValueError, match="labels of all samples"):
        TrainingDynamics()
    with pytest.raises(ValueError, match="which are not in `classes`"):
        TrainingDynamics([0, 1, 2], classes=[0, 1])
    dynamics = TrainingDynamics([0, 1, 0])
    dynamics.record([0, 1], np.eye(2))
    with pytest.raises(ValueError, match=r"'logits', but those of the earlier .* 'proba'"):
        dynamics.record([0, 1], 2 * np.eye(2))
    with pytest.raises(ValueError, match=r"1 samples \(the first is sample 2\) have no record"):
        dynamics.margin_  # noqa: B018
    late = TrainingDynamics([0, 1, 0], early_epoch=0)
    late.record([0, 1], np.eye(2), epoch=0)
    late.record([2], np.eye(2)[:1], epoch=1)
    with pytest.raises(ValueError, match=r"sample 2\) have no record up to early_epoch=0"):
        EL2N(dynamics=late).fit(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="needs the features of each sample"):
        GraNd(dynamics=late).fit(np.zeros((3, 1)))
    X, y = table
    assert len(EL2N(coreset_size=30, n_epochs=1, random_state=0).fit(X, y).sample_indices_) == 30
    with pytest.raises(ValueError, match="dynamics has 3 samples, X has 300"):
        Forgetting(dynamics=dynamics).fit(X, y)
    other = TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=1, random_state=0)
    with pytest.raises(ValueError, match="y differs from the class labels of the dynamics"):
        Forgetting(dynamics=other).fit(X[::-1], y[::-1])


# ways in -----------------------------------------------------------------------------------------


def test_presentations_are_asked_before_they_are_learned(table):
    """The paper's loop, with the classifier in the open."""
    X, y = table
    got = TrainingDynamics.from_estimator(
        GaussianNB(), X, y, n_epochs=3, batch_size=50, random_state=7
    )
    rng, model = np.random.RandomState(7), GaussianNB()
    rng.randint(2**31 - 1)  # the seed of a classifier that takes one
    plain = TrainingDynamics(y)
    for epoch in range(3):
        order = rng.permutation(300)
        for start in range(0, 300, 50):
            rows = order[start : start + 50]
            if epoch == start == 0:  # cannot be asked before
                model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
                plain.record(rows, model.predict_proba(X[rows]), epoch=epoch, kind="proba")
                continue
            plain.record(rows, model.predict_proba(X[rows]), epoch=epoch, kind="proba")
            model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    assert (got.n_recorded_ == 3).all()
    np.testing.assert_array_equal(got.n_forgotten_, plain.n_forgotten_)
    np.testing.assert_allclose(got.margin_, plain.margin_)


def test_progress_is_told(table):
    """From 0 towards 1, over all epochs and repeats."""
    told = []
    TrainingDynamics.from_estimator(
        GaussianNB(), *table, n_epochs=4, n_repeats=2, random_state=0, progress=told.append
    )
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == 7 / 8


def test_count_by_epoch(table):
    X, y = table
    got = TrainingDynamics.from_estimator(
        GaussianNB(), X, y, n_epochs=3, count="epoch", n_repeats=2, random_state=0
    )
    assert (got.n_recorded_ == 6).all()
    assert got.n_runs_ == 2


@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(loss="log_loss"),
        SGDClassifier(),
        Perceptron(),
        GaussianNB(),
        MLPClassifier((10,), learning_rate_init=0.05),
        LogisticRegression(solver="saga"),
        RandomForestClassifier(20, max_depth=3),
        GradientBoostingClassifier(n_estimators=10),
        HistGradientBoostingClassifier(max_iter=10),
        AdaBoostClassifier(n_estimators=10),
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss")),
    ],
    ids=lambda e: type(e).__name__,
)
def test_every_way_in(estimator, table):
    """A classifier is watched as it is, learns something, and the same seed gives the same."""
    X, y = table
    names = np.array(["x", "y", "z"])[y]
    a, b = (
        TrainingDynamics.from_estimator(estimator, X, names, n_epochs=5, random_state=0)
        for _ in range(2)
    )
    np.testing.assert_array_equal(a.margin_, b.margin_)
    assert (a.n_recorded_ == 5).all()
    assert a.correctness_.mean() > 0.5
    assert (a.estimator_.predict(X) == names).mean() > 0.55
    assert not hasattr(estimator, "classes_")
    if hasattr(a.estimator_, "predict_proba"):
        assert ((a.error_norm_ >= 0) & (a.error_norm_ <= 2**0.5)).all()
    else:
        with pytest.raises(ValueError, match="needs probabilities"):
            a.error_norm_  # noqa: B018


def test_stages_of_a_booster(table):
    """What the booster said at evenly spaced stages, the last among them; fitted or not."""
    X, y = table
    model = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(X, y)
    got = TrainingDynamics.from_estimator(FrozenEstimator(model), X, y, n_epochs=5)
    said = np.array(list(model.staged_predict_proba(X)))[[1, 3, 5, 7, 9]]
    np.testing.assert_allclose(got.confidence_, said[:, np.arange(300), y].mean(axis=0))
    fresh = TrainingDynamics.from_estimator(clone(model), X, y, n_epochs=5)
    np.testing.assert_allclose(fresh.confidence_, got.confidence_)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_of_others(library, table):
    module = pytest.importorskip(library)
    X, y = table
    name, quiet = {
        "xgboost": ("XGBClassifier", {}),
        "lightgbm": ("LGBMClassifier", {"verbose": -1}),
    }[library]
    model = getattr(module, name)(n_estimators=12, random_state=0, n_jobs=1, **quiet)
    got = TrainingDynamics.from_estimator(model, X, y, n_epochs=4)
    assert (got.n_recorded_ == 4).all()
    assert got.correctness_.mean() > 0.8


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (KNeighborsClassifier(), TypeError, "partial_fit .*warm_start.*boosting stage"),
        (GaussianNB().fit([[0.0], [1.0]], [0, 1]), ValueError, "its training cannot be recorded"),
    ],
)
def test_what_cannot_be_watched(estimator, error, message, table):
    with pytest.raises(error, match=message):
        Forgetting(estimator).fit(*table)


def test_weights_reach_the_training(table, rng):
    X, y = table
    w = rng.integers(0, 3, 300).astype(float)
    got = Forgetting(GaussianNB(), 20, n_epochs=2, random_state=0).fit(X, y, sample_weight=w)
    assert np.isnan(got.scores_[w == 0]).all()
    assert not np.isnan(got.scores_[w > 0]).any()
    with pytest.raises(ValueError, match="takes no sample_weight"):
        Forgetting(KNeighborsOnline(), 20).fit(X, y, sample_weight=w)


class KNeighborsOnline(KNeighborsClassifier):
    """Something with partial_fit that takes no weights."""

    def partial_fit(self, X, y, classes=None):
        return self.fit(X, y)


# the methods -------------------------------------------------------------------------------------


def test_order_of_forgetting():
    """Never learned, most events, learned later, smaller margin; then the lowest row."""
    dynamics = TrainingDynamics(np.zeros(6, dtype=int), classes=[0, 1])
    right = [[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]
    sure = [0.9, 0.9, 0.8, 0.9, 0.9, 0.9]
    for epoch in range(4):
        p = np.array([s if now[epoch] else 0.1 for s, now in zip(sure, right, strict=True)])
        dynamics.record(np.arange(6), np.column_stack([p, 1 - p]), epoch=epoch)
    X = np.zeros((6, 1))
    sampler = Forgetting(coreset_size=6, stratify=None, dynamics=dynamics).fit(X)
    assert sampler.sample_indices_.tolist() == [3, 4, 0, 2, 1, 5]
    assert np.floor(sampler.scores_).tolist() == [0, 0, 0, 4, 2, 0]


def test_hard_rows_are_the_flipped_ones(noisy_digits):
    """Forgetting and EL2N keep wrong labels, AreaUnderMargin and easy DataMap leave them out."""
    X, y, wrong = noisy_digits
    model = MLPClassifier((30,), learning_rate_init=0.01)
    dynamics = TrainingDynamics.from_estimator(model, X, y, n_epochs=10, random_state=0)
    for sampler in (
        Forgetting(),
        EL2N(),
        GraNd(),
        AreaUnderMargin(keep="low"),
        DataMap(region="hard"),
    ):
        scores = clone(sampler).set_params(dynamics=dynamics).fit(X, y).scores_
        assert roc_auc_score(wrong, scores) > 0.9
    for sampler in (AreaUnderMargin(coreset_size=0.8), DataMap(coreset_size=0.8, region="easy")):
        kept = clone(sampler).set_params(dynamics=dynamics).fit(X, y).sample_indices_
        assert wrong[kept].mean() < 0.02


def test_grand_is_the_norm_of_the_gradient(table):
    """Of a linear softmax, by finite differences of the log-loss in all parameters."""
    X, y = table
    model = LogisticRegression(solver="saga", random_state=0)
    sampler = GraNd(model, 30, n_epochs=4).fit(X, y)
    W = np.column_stack([sampler.estimator_.intercept_, sampler.estimator_.coef_])
    H = np.column_stack([np.ones(300), X])

    def loss(W, i):
        z = W @ H[i]
        return np.log(np.exp(z).sum()) - z[y[i]]

    for i in range(0, 300, 60):
        gradient = np.empty(W.shape)
        for at in np.ndindex(W.shape):
            step = np.zeros(W.shape)
            step[at] = 1e-5
            gradient[at] = (loss(W + step, i) - loss(W - step, i)) / 2e-5
        assert sampler.scores_[i] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    error = EL2N(dynamics=sampler.dynamics_).fit(X, y).scores_
    np.testing.assert_allclose(sampler.scores_, error * np.linalg.norm(H, axis=1))


def test_data_map(table):
    X, y = table
    dynamics = TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=5, random_state=0)
    maps = {
        r: DataMap(dynamics=dynamics, region=r).fit(X, y) for r in ("ambiguous", "easy", "hard")
    }
    np.testing.assert_allclose(maps["ambiguous"].scores_, dynamics.variability_)
    np.testing.assert_allclose(maps["easy"].scores_, dynamics.confidence_)
    np.testing.assert_allclose(maps["hard"].scores_, -dynamics.confidence_)
    np.testing.assert_allclose(maps["hard"].correctness_, dynamics.correctness_)


def test_coverage_centric_by_hand(rng):
    """Bins of 12 rows once the 2 hardest are gone, filled up from the smallest."""
    scores = np.array([0.0, 0.05, 0.1, 0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.95, 1.0, 1.0, 8, 9])
    dynamics = fixed_scores(scores)
    X = np.zeros((14, 1))
    sampler = CoverageCentric(
        EL2N(dynamics=dynamics), 7, cutoff=2 / 14, n_bins=4, stratify=None, random_state=0
    ).fit(X)
    kept = scores[sampler.sample_indices_]
    assert kept.max() <= 1
    # Bins of width 1/4 hold 6, 1, 2, 3 rows; 7 places: 1 of 1, 2 of 2, 2 of 3, 2 of 6.
    assert np.histogram(kept, bins=[0, 0.25, 0.5, 0.75, 1.0])[0].tolist() == [2, 1, 2, 2]


def fixed_scores(scores):
    """A record whose EL2N are `scores` (up to a factor)."""
    dynamics = TrainingDynamics(np.zeros(len(scores), dtype=int), classes=[0, 1])
    p = 1 - scores / 10
    dynamics.record(np.arange(len(scores)), np.column_stack([p, 1 - p]), kind="proba")
    return dynamics


def test_coverage_centric_leaves_out_the_hardest(noisy_digits):
    """Whatever way round the scores are; exact size; an error where the cutoff leaves too few."""
    X, y, _ = noisy_digits
    for inner in (AreaUnderMargin(n_epochs=3, random_state=0), Entropy()):
        sampler = CoverageCentric(inner, 200, cutoff=0.3, random_state=0).fit(X, y)
        assert len(sampler.sample_indices_) == 200
        hard = -sampler.scores_ if isinstance(inner, AreaUnderMargin) else sampler.scores_
        for label in range(10):
            mine = np.flatnonzero(y == label)
            edge = np.sort(hard[mine])[len(mine) - int(0.3 * len(mine)) - 1]
            kept = sampler.sample_indices_[y[sampler.sample_indices_] == label]
            assert hard[kept].max() <= edge
    with pytest.raises(ValueError, match=r"cutoff=0.6 leaves .* of the class 0, fewer than the"):
        CoverageCentric(Entropy(), 0.5, cutoff=0.6).fit(X, y)
    with pytest.raises(TypeError, match="needs a score sampler"):
        CoverageCentric(Moderate(), 0.1).fit(X, y)


def test_moderate_is_nearest_the_median(rng):
    X, y = rng.standard_normal((101, 3)), np.repeat([0, 1], [50, 51])
    kept = Moderate(10).fit(X, y).sample_indices_
    for label in range(2):
        rows = np.flatnonzero(y == label)
        d = np.linalg.norm(X[rows] - X[rows].mean(axis=0), axis=1)
        order = np.argsort(np.abs(d - np.median(d)))
        assert kept[y[kept] == label].tolist() == rows[order[:5]].tolist()


def test_moderate_of_repeated_rows(rng):
    """Integer weights are repeated rows."""
    X, w = rng.standard_normal((40, 2)), rng.integers(1, 4, 40)
    weighted = Moderate(1, stratify=None).fit(X, sample_weight=w)
    repeated = Moderate(1, stratify=None).fit(np.repeat(X, w, axis=0))
    np.testing.assert_array_equal(
        X[weighted.sample_indices_], np.repeat(X, w, axis=0)[repeated.sample_indices_]
    )


def test_file_object(table):
    X, y = table
    file = io.BytesIO()
    TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=1, random_state=0).save(file)
    file.seek(0)
    assert len(TrainingDynamics.load(file)) == 300


@pytest.mark.parametrize("power", [-60, -20, 20])
def test_moderate_does_not_depend_on_the_unit(power, rng):
    X = rng.standard_normal((200, 3)).astype("float32")
    expected = Moderate(20).fit(X).sample_indices_
    np.testing.assert_array_equal(
        Moderate(20).fit(X * np.float32(2.0**power)).sample_indices_, expected
    )


# records at their rows, right as predict has it ---------------------------------------------------


@pytest.mark.parametrize("batch_size", [16, 59, 60, 64, 1000])
def test_each_row_gets_what_was_said_of_it(batch_size):
    """Also where one batch holds all rows, which are presented in another order."""
    X, y = make_classification(60, 5, random_state=0, class_sep=2.0)
    got = TrainingDynamics.from_estimator(
        GaussianNB(), X, y, n_epochs=4, batch_size=batch_size, random_state=3
    )
    random_state = np.random.RandomState(3)
    random_state.randint(2**31 - 1)
    right = presentations(GaussianNB(), X, y, 4, batch_size, random_state) == y
    np.testing.assert_allclose(got.correctness_, right.mean(axis=0))
    np.testing.assert_array_equal(got.n_forgotten_, forgetting(right))


@pytest.mark.parametrize("batch_size", [20, 60, 64])
def test_flipped_labels_are_found_whatever_the_batch_size(batch_size):
    """The mean over tables of 60 rows, of which 7 have the wrong label."""
    found = []
    for seed in range(20):
        X, y = make_classification(60, 5, n_informative=3, class_sep=2, flip_y=0, random_state=seed)
        flipped = np.isin(np.arange(60), np.random.default_rng(seed).choice(60, 7, replace=False))
        sampler = AreaUnderMargin(keep="low", batch_size=batch_size, random_state=0)
        sampler.fit(StandardScaler().fit_transform(X), np.where(flipped, 1 - y, y))
        found.append(roc_auc_score(flipped, sampler.scores_))
    assert np.mean(found) > 0.9


TABLES = {
    "digits": lambda: [part[:400] for part in load_digits(return_X_y=True)],
    "wine": lambda: load_wine(return_X_y=True),
    "two classes": lambda: load_breast_cancer(return_X_y=True),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(loss="log_loss", random_state=0),
        SGDClassifier(loss="modified_huber", random_state=0),
        SGDClassifier(random_state=0),
        SGDClassifier(loss="hinge", learning_rate="pa1", eta0=1.0, random_state=0),
        Perceptron(random_state=0),
        GaussianNB(var_smoothing=1e-3),
        MLPClassifier((5,), random_state=0),
        OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=0)),
    ],
    ids=lambda e: f"{type(e).__name__}-{getattr(e, 'loss', '')}-{getattr(e, 'learning_rate', '')}",
)
def test_right_is_what_predict_says(estimator, name):
    """On columns that are not scaled too, where probabilities are all 0 or 1 and tie."""
    X, y = TABLES[name]()
    names = np.array(["k", "b", "z", "d", "e", "f", "a", "h", "i", "c"])[y]
    got = TrainingDynamics.from_estimator(estimator, X, names, n_epochs=4, random_state=5)
    random_state = np.random.RandomState(5)
    random_state.randint(2**31 - 1)
    right = presentations(clone(estimator), X, names, 4, 64, random_state) == names
    np.testing.assert_allclose(got.correctness_, right.mean(axis=0))
    np.testing.assert_array_equal(got.n_forgotten_, forgetting(right))
    np.testing.assert_array_equal(got.never_learned_, ~right.any(axis=0))


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_margins_are_those_of_the_decision_values(loss):
    """One-vs-rest: of the logits, not of what is left of them in normalised probabilities."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    model = SGDClassifier(loss=loss, random_state=0)
    got = TrainingDynamics.from_estimator(
        make_pipeline(StandardScaler(), model), X, y, n_epochs=3, count="epoch", random_state=5
    )
    X = StandardScaler().fit_transform(X)
    random_state = np.random.RandomState(5)
    random_state.randint(2**31 - 1)
    at, margins, own = np.arange(300), [], []
    for _ in range(3):
        order = random_state.permutation(300)
        for start in range(0, 300, 64):
            rows = order[start : start + 64]
            model.partial_fit(X[rows], y[rows], classes=np.arange(10))
        others = model.decision_function(X)
        mine = others[at, y]
        others[at, y] = -np.inf
        margins.append(mine - others.max(axis=1))
        own.append(model.predict_proba(X)[at, y])
    np.testing.assert_allclose(got.margin_, np.mean(margins, axis=0))
    np.testing.assert_allclose(got.confidence_, np.mean(own, axis=0))


@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_votes_that_tie(forest, table):
    """With two trees each tie is a row of which they say different things."""
    X, y = table
    model = forest(2, bootstrap=True, random_state=0)
    got = TrainingDynamics.from_estimator(model, X, y, n_epochs=2, random_state=0)
    right = [forest(n, bootstrap=True, random_state=0).fit(X, y).predict(X) == y for n in (1, 2)]
    proba = model.fit(X, y).predict_proba(X)
    assert (proba == 0.5).sum() > 20
    np.testing.assert_array_equal(got.correctness_, np.mean(right, axis=0))
    np.testing.assert_array_equal(got.n_forgotten_, forgetting(right))


@pytest.mark.parametrize("booster", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_a_tie_goes_where_predict_has_it(booster):
    """GradientBoostingClassifier gives the second class where its decision value is 0."""
    X, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 1, 0, 1])
    model = booster().fit(X, y)
    assert set(model.decision_function(X)) == {0.0}
    got = TrainingDynamics.from_estimator(model, X, y, n_epochs=2)
    np.testing.assert_array_equal(got.correctness_, model.predict(X) == y)


def test_the_first_of_equal_outputs():
    dynamics = TrainingDynamics([0, 1, 1])
    dynamics.record([0, 1, 2], [[2.0, 2.0], [2.0, 2.0], [1.0, 2.0]], kind="logits")
    assert dynamics.correctness_.tolist() == [1, 0, 1]
    assert dynamics.margin_.tolist() == [0, 0, 1]


# dense or sparse ---------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
@pytest.mark.parametrize("method", [Forgetting, EL2N, GraNd, AreaUnderMargin, DataMap])
def test_sparse_rows_give_the_same(method, container, table):
    for X, y in (table, load_iris(return_X_y=True)):
        sampler = method(coreset_size=0.2, n_epochs=3, stratify=None, random_state=0)
        dense = clone(sampler).fit(X, y)
        again = clone(sampler).fit(container(X), y)
        np.testing.assert_array_equal(dense.sample_indices_, again.sample_indices_)
        np.testing.assert_allclose(dense.scores_, again.scores_, rtol=1e-9)


# early in training -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_epochs", [1, 4, 50])
@pytest.mark.parametrize("method", [EL2N, GraNd])
def test_early_errors_of_a_booster(method, n_epochs, table):
    """After its first stages, not of the finished model; as many as there are."""
    X, y = table
    model = HistGradientBoostingClassifier(max_iter=12, random_state=0)
    sampler = method(model, 50, n_epochs=n_epochs).fit(X, y)
    said = list(model.fit(X, y).staged_predict_proba(X))[min(n_epochs, 12) - 1]
    np.testing.assert_allclose(sampler.scores_, np.linalg.norm(said - np.eye(3)[y], axis=1))


@pytest.mark.parametrize(
    "forest", [RandomForestClassifier, BaggingClassifier], ids=lambda forest: forest.__name__
)
@pytest.mark.parametrize("method", [EL2N, GraNd])
def test_early_errors_of_a_forest(method, forest, table):
    """Of its first trees; and a forest has no last layer, whatever the unit of a column."""
    X, y = table
    X = X * [1, 1, 1, 1, 1, 1, 1, 1e4]
    sampler = method(forest(n_estimators=12, random_state=0), 50, n_epochs=3).fit(X, y)
    said = forest(n_estimators=3, random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(sampler.scores_, np.linalg.norm(said - np.eye(3)[y], axis=1))


def test_naive_bayes_has_no_last_layer(table):
    dynamics = TrainingDynamics.from_estimator(GaussianNB(), *table, n_epochs=2, random_state=0)
    np.testing.assert_array_equal(dynamics.gradient_norm_, dynamics.error_norm_)


def test_stages_are_spaced_unless_the_first_are_wanted(table):
    X, y = table
    model = GradientBoostingClassifier(n_estimators=9, random_state=0).fit(X, y)
    said = np.array(list(model.staged_predict_proba(X)))[:, np.arange(300), y]
    for stages, which in (("spaced", [2, 5, 8]), ("first", [0, 1, 2])):
        got = TrainingDynamics.from_estimator(model, X, y, n_epochs=3, stages=stages)
        np.testing.assert_allclose(got.confidence_, said[which].mean(axis=0))


@pytest.mark.parametrize("estimator", [LogisticRegression(solver="liblinear")])
def test_a_solver_that_starts_anew(estimator, table):
    X, y = table
    for search in (estimator, make_pipeline(StandardScaler(), estimator)):
        with pytest.raises(ValueError, match=r"solver='liblinear' ignores .*'lbfgs'.*'saga'"):
            Forgetting(search).fit(X, y > 0)
    search = GridSearchCV(LogisticRegression(max_iter=500), {"solver": ["liblinear"]}, cv=2)
    with pytest.raises(ValueError, match="solver='liblinear' ignores"):
        Forgetting(search).fit(X, y > 0)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"])
def test_the_steps_of_a_solver(solver, table):
    """Each goes on where the one before stopped, so the loss falls."""
    X, y = table
    X = StandardScaler().fit_transform(X)
    model = LogisticRegression(solver=solver, C=10)
    own = [
        TrainingDynamics.from_estimator(model, X, y, n_epochs=n, random_state=0) for n in (1, 2, 8)
    ]
    loss = [log_loss(y, d.estimator_.predict_proba(X)) for d in own]
    assert loss[0] > loss[1] > loss[2]
    assert (own[2].variability_ > 0).all()


# more classifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize("n_trees", [1, 3, 7])
@pytest.mark.parametrize(
    "forest", [RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier]
)
def test_fewer_trees_than_epochs(forest, n_trees, table):
    X, y = table
    got = TrainingDynamics.from_estimator(
        forest(n_estimators=n_trees, random_state=0), X, y, n_epochs=10, random_state=0
    )
    assert set(got.n_recorded_) == {n_trees}
    assert len(got.estimator_.estimators_) == n_trees
    assert len(EL2N(forest(n_estimators=n_trees), 30).fit(X, y).sample_indices_) == 30


@pytest.mark.parametrize("fitted", [False, True])
def test_a_search_whose_best_booster_is_asked(fitted, table):
    X, y = table
    model = GradientBoostingClassifier(n_estimators=4, random_state=0)
    search = GridSearchCV(model, {"max_depth": [1, 2]}, cv=2)
    if fitted:
        search.fit(X, y)
    sampler = EL2N(search, 30, n_epochs=4).fit(X, y)
    best = clone(search).fit(X, y).best_estimator_
    error = np.linalg.norm(best.predict_proba(X) - np.eye(3)[y], axis=1)
    np.testing.assert_allclose(sampler.scores_, error)


def test_a_search_whose_best_is_trained_once_more(table):
    X, y = table
    model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    search = GridSearchCV(model, {"sgdclassifier__alpha": [10.0, 1e-3]}, cv=2)
    w = np.ones(300)
    for outer in (search, make_pipeline(StandardScaler(), search)):
        weight = {} if outer is not search else {"sample_weight": w}
        got = TrainingDynamics.from_estimator(outer, X, y, n_epochs=2, random_state=0, **weight)
        best = clone(model).set_params(sgdclassifier__alpha=1e-3)
        plain = TrainingDynamics.from_estimator(best, X, y, n_epochs=2, random_state=0)
        np.testing.assert_allclose(got.margin_, plain.margin_)
        assert (got.estimator_.predict(X) == y).mean() > 0.5
    assert not hasattr(search, "best_params_")
    search.set_params(refit=False)
    for outer in (search, make_pipeline(StandardScaler(), search)):
        with pytest.raises(ValueError, match="set refit=True"):
            TrainingDynamics.from_estimator(outer, X, y)
    with pytest.raises(ValueError, match="set refit=True"):
        Forgetting(search).fit(X, y)


# seeds -------------------------------------------------------------------------------------------


def test_seeds_of_estimators_inside():
    """Those that are None are drawn, in the order of their names; those that are set stay."""
    inside = OneVsRestClassifier(SGDClassifier(random_state=5))
    got = seeded(EL2N(inside), np.random.RandomState(0))
    assert got.random_state == np.random.RandomState(0).randint(2**31 - 1)
    assert got.estimator.estimator.random_state == 5
    got = seeded(EL2N(clone(inside).set_params(estimator__random_state=None)), np.random)
    assert got.estimator.estimator.random_state is not None
    assert inside.estimator.random_state == 5
    model = DecisionTreeClassifier(random_state=0)
    assert seeded(Entropy(model), np.random.RandomState(0)).estimator.random_state == 0


@pytest.mark.parametrize(
    "sampler",
    [
        None,
        EL2N(),
        Forgetting(MLPClassifier((5,)), n_epochs=2),
        Entropy(DecisionTreeClassifier(max_features=1)),
        EL2N(OneVsRestClassifier(SGDClassifier(loss="log_loss")), n_epochs=2),
    ],
)
def test_coverage_centric_is_reproducible(sampler, table):
    """Its seed is that of all that is inside, and NumPy's own state is left alone."""
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    rows = [
        CoverageCentric(sampler, 40, random_state=0).fit(*table).sample_indices_ for _ in range(2)
    ]
    np.testing.assert_array_equal(*rows)
    other = CoverageCentric(sampler, 40, random_state=1).fit(*table)
    assert set(other.sample_indices_) != set(rows[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_trainings_are_reproducible_whatever_is_inside(table):
    model = OneVsRestClassifier(SGDClassifier(loss="log_loss"))
    a, b = (
        TrainingDynamics.from_estimator(model, *table, n_epochs=2, n_repeats=2, random_state=0)
        for _ in range(2)
    )
    np.testing.assert_array_equal(a.margin_, b.margin_)


class Scores(BaseEstimator):
    """A sampler whose scores are given."""

    def __init__(self, scores=None):
        self.scores = scores

    def fit(self, X, y=None, sample_weight=None):
        self.scores_ = np.array(self.scores, dtype=float)
        return self

    def fit_resample(self, X, y=None, sample_weight=None):
        return self.fit(X, y).X, y


def test_coverage_centric_of_infinite_scores():
    """They lie in no range: the easiest are of the first bin, the hardest of the last."""
    scores = [-np.inf, -np.inf, 0.0, 0.1, 0.9, 1.0, np.inf, 0.5]
    made = {"cutoff": 0.0, "n_bins": 2, "stratify": None, "random_state": 0}
    kept = CoverageCentric(Scores(scores), 6, **made).fit(np.zeros((8, 1))).sample_indices_
    assert len(np.intersect1d(kept, [0, 1, 2, 3])) == 3  # bins of 4 rows each
    everything = CoverageCentric(Scores([-np.inf, np.inf] * 4), 4, **made).fit(np.zeros((8, 1)))
    assert np.sum(everything.sample_indices_ % 2) == 2
    huge = np.finfo(float).max * np.array([-1.0, -1, -1, -1, 1, 1, 0.9, -0.9])
    kept = CoverageCentric(Scores(huge), 4, **made).fit(np.zeros((8, 1))).sample_indices_
    assert len(np.intersect1d(kept, [4, 5, 6])) == 2
    with pytest.raises(ValueError, match=r"scores_ of Scores.* are NaN for sample 1"):
        CoverageCentric(Scores([0, np.nan, 1]), 1, **made).fit(np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"have the shape \(2,\); .* \(3,\)"):
        CoverageCentric(Scores([0, 1]), 1, **made).fit(np.zeros((3, 1)))


@pytest.mark.parametrize("cutoff", [0.07, 0.14, 0.29, 0.57, 0.58])
def test_the_cutoff_is_not_rounded_down_below_a_whole_number(cutoff):
    """0.29 * 100 is 28.999999999999996."""
    sampler = CoverageCentric(
        Scores(np.arange(100)), 1, cutoff=cutoff, n_bins=1, stratify=None, random_state=0
    )
    n_left = 100 - round(100 * cutoff)
    kept = sampler.set_params(coreset_size=n_left).fit(np.zeros((100, 1))).sample_indices_
    assert kept.max() == n_left - 1
    with pytest.raises(ValueError, match=f"leaves {n_left} of 100 samples"):
        sampler.set_params(coreset_size=n_left + 1).fit(np.zeros((100, 1)))


# all or nothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"outputs": [[3.0, -2.0], [0.5, 0.5]]}, r"not probabilities: \[3.0, -2.0\] at position 0"),
        ({"outputs": [[0.5, 0.5], [0.5, 0.6]]}, r"\[0.5, 0.6\] at position 1"),
        ({"outputs": [0.5, 1.5]}, "1.5 at position 1"),
        ({"outputs": [[np.inf, 0.0], [0.5, 0.5]]}, "infinity"),
        ({"outputs": [["a", "b"], ["c", "d"]]}, "could not convert string"),
        ({"epoch": -1}, "epoch must be an int of at least 0 or None, got -1"),
        ({"epoch": 1.5}, "epoch must .* 1.5"),
        ({"epoch": True}, "epoch must .* True"),
        ({"epoch": "x"}, "epoch must .* 'x'"),
        ({"features": [[1.0], [2.0], [3.0]]}, "features have 3 rows, but 2 samples are recorded"),
        ({"features": [[1.0], [np.nan]]}, "features contains NaN"),
        ({"features": [1.0, 2.0]}, "Expected 2D array"),
        ({"kind": "logits"}, "'logits', but those of the earlier records are of kind 'proba'"),
        ({"kind": "probas"}, "kind must .* 'probas'"),
        ({"indices": [0, 0]}, "sample 0 more than once"),
    ],
)
def test_nothing_is_recorded_of_what_is_wrong(kwargs, message):
    dynamics = TrainingDynamics([0, 1, 0, 1])
    dynamics.record(np.arange(4), np.full((4, 2), 0.5), kind="proba", features=np.ones((4, 1)))
    before = pickle.dumps(dynamics)
    given = {"indices": [0, 1], "outputs": np.full((2, 2), 0.5), "kind": "proba", **kwargs}
    with pytest.raises(ValueError, match=message):
        dynamics.record(given.pop("indices"), given.pop("outputs"), **given)
    assert pickle.dumps(dynamics) == before


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"count": "epochs"}, "'count' parameter .*'epoch'.* Got 'epochs'"),
        ({"n_epochs": 0}, "'n_epochs' parameter .* Got 0"),
        ({"n_repeats": 0}, "'n_repeats' parameter .* Got 0"),
        ({"batch_size": 0}, "'batch_size' parameter .* Got 0"),
        ({"batch_size": -3}, "'batch_size' parameter .* Got -3"),
        ({"stages": "last"}, "'stages' parameter .* Got 'last'"),
        ({"early_epoch": -1}, "early_epoch must .* -1"),
        ({"early_epoch": 1.5}, "early_epoch must .* 1.5"),
        ({"sample_weight": -np.ones(300)}, "Negative values"),
        ({"sample_weight": np.ones(299)}, "sample_weight"),
        ({"random_state": "x"}, "'random_state' parameter"),
    ],
)
def test_trainings_that_make_no_sense(kwargs, message, table):
    with pytest.raises(ValueError, match=message):
        TrainingDynamics.from_estimator(GaussianNB(), *table, **kwargs)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([3, 3], None, r"The classes are \[3\]"),
        ([0.5, 1.7], None, "y is continuous"),
        ([0, 1], [0, 1, 1], "distinct labels"),
        ([0, 1], [[0, 1]], "distinct labels"),
        (["a", "b"], ["a"], r"classes are \['a'\], but a classifier needs at least 2"),
    ],
)
def test_labels_that_make_no_record(y, classes, message):
    with pytest.raises(ValueError, match=message):
        TrainingDynamics(y, classes=classes)


def test_the_kind_of_the_records_before_is_kept():
    """A batch of logits that look like probabilities is one of logits still."""
    dynamics = TrainingDynamics([0, 1])
    dynamics.record([0, 1], [[3.0, -1.0], [0.0, 2.0]])
    dynamics.record([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    assert dynamics.margin_.tolist() == [2.5, 1.5]


def test_a_gradient_is_not_that_of_an_older_record():
    dynamics = TrainingDynamics([0, 1])
    dynamics.record([0, 1], [[0.0, 0.0], [0.0, 0.0]], kind="logits", features=[[0.0], [0.0]])
    dynamics.record([0, 1], [[9.0, 0.0], [0.0, 9.0]], kind="logits")
    with pytest.raises(ValueError, match="the features of each sample at its last record"):
        dynamics.gradient_norm_  # noqa: B018


@pytest.mark.parametrize("where", ["first", "last", "both"])
def test_a_run_without_records_does_not_count(where):
    plain, loop = TrainingDynamics([0, 1]), TrainingDynamics([0, 1])
    for run in range(2):
        if run:
            plain.new_run()
        if where != "last":
            loop.new_run()
        for dynamics in (plain, loop):
            for right in ([1, 0], [0, 1]):
                outputs = [[right[0], 0.5], [0.5, right[1]]]
                dynamics.record([0, 1], outputs, kind="logits", features=[[1.0], [2.0]])
        if where != "first":
            loop.new_run()
    assert loop.n_runs_ == plain.n_runs_ == 2
    for name in ("n_forgotten_", "first_learned_", "error_norm_", "gradient_norm_", "margin_"):
        np.testing.assert_allclose(getattr(loop, name), getattr(plain, name))
    assert TrainingDynamics([0, 1]).n_runs_ == 0


# files -------------------------------------------------------------------------------------------


def saved(dynamics):
    file = io.BytesIO()
    dynamics.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(["one", "two", "three"]),
        pd.Series(["one", "two", "three"], dtype="category"),
        np.array(["one", "two", "three"], dtype=object),
        ["one", "two", "three"],
        [True, False, True],
        pd.Series([3, 1, 2], dtype="Int64"),
        [3.0, 1.0, 2.0],
    ],
)
def test_labels_of_all_kinds_are_saved(y):
    dynamics = TrainingDynamics(y)
    n_classes = len(dynamics.classes_)
    dynamics.record([0, 1, 2], np.full((3, n_classes), 1 / n_classes))
    loaded = TrainingDynamics.load(io.BytesIO(saved(dynamics)))
    assert loaded.classes_.tolist() == dynamics.classes_.tolist()
    assert loaded.classes_.dtype == dynamics.classes_.dtype
    np.testing.assert_array_equal(loaded._codes, dynamics._codes)
    X = np.zeros((3, 1))
    for record in (dynamics, loaded):
        assert len(Forgetting(coreset_size=n_classes, dynamics=record).fit(X, y).sample_indices_)


def test_labels_that_no_file_can_hold(tmp_path):
    dynamics = TrainingDynamics([0, 1], classes=np.array([0, 1, "x"], dtype=object))
    with pytest.raises(ValueError, match=r"without pickle: \[0, 1, 'x'\]"):
        dynamics.save(tmp_path / "record")
    assert not (tmp_path / "record").exists()


@pytest.mark.parametrize("name", ["record", "record.npz", "record.of.a.training"])
def test_a_path_is_taken_as_it_is(name, tmp_path):
    dynamics = TrainingDynamics.from_estimator(
        GaussianNB(), np.arange(8.0).reshape(4, 2), [0, 1, 0, 1], n_epochs=2, random_state=0
    )
    for path in (tmp_path / name, str(tmp_path / name)):
        dynamics.save(path)
        loaded = TrainingDynamics.load(path)
        for attribute in ("margin_", "confidence_", "n_forgotten_", "n_runs_", "error_norm_"):
            np.testing.assert_array_equal(getattr(loaded, attribute), getattr(dynamics, attribute))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(FileNotFoundError):
        TrainingDynamics.load(tmp_path / "another")


def test_a_record_goes_on_where_it_was_saved(rng):
    """Also in the midst of a run."""
    y, logits = rng.integers(0, 3, 20), rng.standard_normal((6, 20, 3))
    whole, parts = TrainingDynamics(y, early_epoch=1), TrainingDynamics(y, early_epoch=1)
    for step, said in enumerate(logits):
        for dynamics in (whole, parts):
            if step == 3:
                dynamics.new_run()
            dynamics.record(np.arange(20), said, epoch=step % 3, kind="logits")
        parts = TrainingDynamics.load(io.BytesIO(saved(parts)))
    for name in ("margin_", "n_forgotten_", "first_learned_", "error_norm_", "variability_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def changed(content, **changes):
    """The file with other arrays, or with other entries of its header."""
    with np.load(io.BytesIO(content)) as found:
        arrays = dict(found)
    header = json.loads(str(arrays["header"]))
    for name, value in changes.items():
        if name in arrays:
            arrays[name] = value
        else:
            assert name in header
            header[name] = value
    if "header" not in changes:
        arrays["header"] = json.dumps(header)
    file = io.BytesIO()
    np.savez(file, **{name: values for name, values in arrays.items() if values is not None})
    return file.getvalue()


def test_what_is_no_record():
    content = saved(record_of([[0, 1], [1, 1], [1, 0]]))
    npy, npz, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(npy, np.arange(3))
    np.savez(npz, x=np.arange(3))
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("a.txt", "text")
    foreign = [
        b"",
        b"some text",
        pickle.dumps([1, 2]),
        npy.getvalue(),
        npz.getvalue(),
        archive.getvalue(),
        changed(content, header="no json"),
        changed(content, header="[1, 2]"),
        changed(content, format="another"),
        changed(content, header=np.array([None], dtype=object)),
        *(content[:length] for length in range(1, len(content), 97)),
    ]
    for bad in foreign:
        with pytest.raises(ValueError, match=r"is not a complete file of TrainingDynamics\.save"):
            TrainingDynamics.load(io.BytesIO(bad))


def test_a_byte_that_is_wrong():
    """Of the numbers none is taken for another: an archive has a checksum for each array."""
    dynamics = record_of([[0, 1], [1, 1], [1, 0]])
    content = saved(dynamics)
    refused = 0
    for at in range(0, len(content), 31):
        damaged = bytearray(content)
        damaged[at] ^= 255
        try:
            loaded = TrainingDynamics.load(io.BytesIO(bytes(damaged)))
        except ValueError as error:
            assert "not a complete file" in str(error) or "damaged" in str(error)  # noqa: PT017
            refused += 1
        else:  # a date, or the like
            np.testing.assert_array_equal(loaded.margin_, dynamics.margin_)
    assert refused > len(content) / 31 / 2


def test_a_format_to_come():
    content = changed(saved(TrainingDynamics([0, 1])), version=2)
    with pytest.raises(ValueError, match=r"version 2 of the format, .* reads version 1"):
        TrainingDynamics.load(io.BytesIO(content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_total": np.zeros(4, dtype=int)}, r"_total has the shape \(4,\), not \(3,\)"),
        ({"_margin": np.zeros((3, 1))}, "_margin has the shape"),
        ({"_codes": np.array([0, 0, 7])}, "class codes and classes do not match"),
        ({"_codes": np.array([0, 0, -1])}, "class codes and classes do not match"),
        ({"_codes": np.zeros(0, dtype=int)}, "class codes are missing"),
        ({"_right": np.array([9, 0, 0])}, "_right exceeds the number of records"),
        ({"_seen": np.array([-1, 0, 0])}, "_seen exceeds the number of records"),
        ({"_margin": np.array([np.inf, 0, 0])}, "_margin is not finite"),
        ({"_mean": np.array([np.nan, 0, 0])}, "_mean is not finite"),
        ({"_was_right": np.array([0.0, 1, 1])}, "_was_right has the dtype"),
        ({"_error": None}, "_error"),
        ({"kind": "votes"}, "the kind is 'votes'"),
        ({"kind": None}, "the kind is None"),
        ({"closed_runs": -1}, "closed_runs must .* -1"),
        ({"last_epoch": "x"}, "concatenate"),
        ({"early_epoch": 1.5}, "early_epoch must .* 1.5"),
        ({"classes": np.array([0, 0])}, "distinct labels"),
    ],
)
def test_records_that_are_damaged(changes, message):
    content = changed(saved(record_of([[0, 1], [1, 1], [1, 0]])), **changes)
    with pytest.raises(ValueError, match=f"(?s)holds a damaged record: .*{message}"):
        TrainingDynamics.load(io.BytesIO(content))


# threads -----------------------------------------------------------------------------------------


def test_threads_leave_no_filter_of_warnings_behind(table):
    """The filters are those of the process: two threads can put back each other's."""
    X, y = table
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for action in ("default", "error"):
            with warnings.catch_warnings():
                warnings.simplefilter(action)

                def watched(seed):
                    return TrainingDynamics.from_estimator(
                        LogisticRegression(warm_start=True), X, y, n_epochs=4, random_state=seed
                    ).margin_

                with ThreadPoolExecutor(8) as threads:
                    margins = list(threads.map(watched, range(24)))
                hidden = [
                    entry
                    for entry in warnings.filters
                    if entry[0] == "ignore" and issubclass(ConvergenceWarning, entry[2])
                ]
                assert hidden == []
            for margin in margins:
                np.testing.assert_array_equal(margin, margins[0])
    finally:
        sys.setswitchinterval(interval)


def test_warnings_of_other_threads_are_not_hidden():
    def warn():
        with pytest.raises(ConvergenceWarning, match="of another"):
            warnings.warn("of another", ConvergenceWarning, stacklevel=1)

    with _convergence_warning_expected():
        warnings.warn("expected here", ConvergenceWarning, stacklevel=1)
        with ThreadPoolExecutor(1) as threads:
            threads.submit(warn).result()
    warn()


# weights of 0, numbers of records ----------------------------------------------------------------


@pytest.mark.parametrize("method", [Forgetting, EL2N, GraNd, AreaUnderMargin, DataMap])
def test_rows_of_weight_0_with_a_record(method, table, rng):
    """The record may be of all rows, of those alone that count, or lack the others."""
    X, y = table
    w = rng.integers(0, 3, 300).astype(float)
    own = method(coreset_size=30, n_epochs=2, random_state=0).fit(X, y, sample_weight=w)
    again = method(coreset_size=30, dynamics=own.dynamics_).fit(X, y, sample_weight=w)
    np.testing.assert_array_equal(own.scores_, again.scores_)
    np.testing.assert_array_equal(own.sample_indices_, again.sample_indices_)
    counts = np.flatnonzero(w)
    logits = rng.standard_normal((3, 300, 3))
    every, some = TrainingDynamics(y), TrainingDynamics(y)
    for said in logits:
        every.record(np.arange(300), said, kind="logits", features=X)
        some.record(counts, said[counts], kind="logits", features=X[counts])
    got = [method(coreset_size=30, dynamics=d).fit(X, y, sample_weight=w) for d in (every, some)]
    for sampler in got:
        np.testing.assert_array_equal(np.isnan(sampler.scores_), w == 0)
        np.testing.assert_array_equal(sampler.scores_, got[0].scores_)
        if method is DataMap:
            np.testing.assert_array_equal(np.isnan(sampler.confidence_), w == 0)
    short = TrainingDynamics(y[:5], classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"X has 300, of which \d+ have a positive weight"):
        method(coreset_size=30, dynamics=short).fit(X, y, sample_weight=w)
    with pytest.raises(ValueError, match=r"y differs .* of the dynamics: sample \d+ has the label"):
        method(coreset_size=30, dynamics=every).fit(X, (y + 1) % 3, sample_weight=w)


def test_never_right_comes_first_with_fewer_records():
    dynamics = TrainingDynamics([0, 0, 1, 0])
    for _ in range(2):
        dynamics.record([0, 2], [[0.0, 1], [0, 1]], kind="logits")  # row 0 is never right
    dynamics.record([3], [[0.0, 1]], kind="logits")  # nor is row 3, which was recorded once
    for step in range(8):
        dynamics.record([1], [[step % 2, 0.5]], kind="logits")  # 4 events less the first
    sampler = Forgetting(coreset_size=4, stratify=None, dynamics=dynamics)
    sampler.fit(np.zeros((4, 1)), [0, 0, 1, 0])
    assert dynamics.n_forgotten_.tolist() == [2, 3, 0, 1]
    assert set(sampler.sample_indices_[:2]) == {0, 3}
    assert sampler.sample_indices_[2:].tolist() == [1, 2]
    assert np.floor(sampler.scores_).tolist() == [3, 3, 0, 3]
