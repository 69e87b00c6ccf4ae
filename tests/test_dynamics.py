"""Training dynamics against hand-made records and plain loops."""

import io
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
        ({"indices": [0.5, 1]}, "whole numbers"),
        ({"outputs": np.ones((3, 2))}, r"need \(2, 2\)"),
        ({"outputs": np.array([[np.nan, 1], [0, 1]])}, "NaN"),
        ({"outputs": np.array([0.2, 0.3])}, "name the kind"),
        ({"kind": "probabilities"}, "'proba', 'logits' or 'decision'"),
    ],
)
def test_bad_records(kwargs, message):
    dynamics = TrainingDynamics([0, 1, 0, 1])
    args = {"indices": [0, 1], "outputs": np.full((2, 2), 0.5), **kwargs}
    with pytest.raises(ValueError, match=message):
        dynamics.record(args.pop("indices"), args.pop("outputs"), **args)


def test_bad_use(table):
    with pytest.raises(ValueError, match="labels of all rows"):
        TrainingDynamics()
    with pytest.raises(ValueError, match="which `classes` has not"):
        TrainingDynamics([0, 1, 2], classes=[0, 1])
    dynamics = TrainingDynamics([0, 1, 0])
    dynamics.record([0, 1], np.eye(2))
    with pytest.raises(ValueError, match="'logits', those before were 'proba'"):
        dynamics.record([0, 1], 2 * np.eye(2))
    with pytest.raises(ValueError, match="never recorded, the first of them row 2"):
        dynamics.margin_  # noqa: B018
    late = TrainingDynamics([0, 1, 0], early_epoch=0)
    late.record([0, 1], np.eye(2), epoch=0)
    late.record([2], np.eye(2)[:1], epoch=1)
    with pytest.raises(ValueError, match="no record up to early_epoch=0, the first of them row 2"):
        EL2N(dynamics=late).fit(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="needs `features` of every row"):
        GraNd(dynamics=late).fit(np.zeros((3, 1)))
    X, y = table
    assert len(EL2N(coreset_size=30, n_epochs=1, random_state=0).fit(X, y).sample_indices_) == 30
    with pytest.raises(ValueError, match="dynamics has 3 rows, X has 300"):
        Forgetting(dynamics=dynamics).fit(X, y)
    other = TrainingDynamics.from_estimator(GaussianNB(), X, y, n_epochs=1, random_state=0)
    with pytest.raises(ValueError, match="y is not the y of the dynamics"):
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
        (KNeighborsClassifier(), TypeError, "partial_fit .*warm_start.*boosters"),
        (GaussianNB().fit([[0.0], [1.0]], [0, 1]), ValueError, "a training that is over"),
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
    with pytest.raises(ValueError, match=r"cutoff=0.6 leaves .* of the class 0; .* are to be kept"):
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
