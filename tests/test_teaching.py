"""BlackBoxTeaching: the bounds of its theory, the plain loop, and the learners it can teach."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skcoreset import BlackBoxTeaching

ONE_NN = KNeighborsClassifier(1)
STUMP = DecisionTreeClassifier(max_depth=1)


def oracle_teaching(learner, X, y, threshold, weight=None, max_rounds=100):
    """The loop as it is written down, in exact fractions: who joined, in order, and w."""
    m = len(y)
    weight = [1] * m if weight is None else weight
    w = [Fraction(int(weight[i])) / int(sum(weight)) for i in range(m)]
    T = [Fraction(t) for t in threshold]
    S = [min(np.flatnonzero(y == c), key=T.__getitem__) for c in np.unique(y)]
    S.sort(key=T.__getitem__)
    for _ in range(max_rounds - 1):
        h = clone(learner).fit(X[S], y[S])
        wrong = h.predict(X) != y
        D = [i for i in range(m) if wrong[i] and i not in S]
        if not D:
            break
        while sum(w[i] for i in D) < 1 or not any(w[i] > T[i] for i in D):
            for i in D:
                w[i] *= 2
        S += sorted((i for i in D if w[i] > T[i]), key=T.__getitem__)
    return S, np.array(w, dtype=float)


@pytest.fixture(scope="module")
def clean():
    """300 rows, 3 classes, every row labelled as its neighbourhood is."""
    X, y = make_classification(
        300, 6, n_informative=4, n_classes=3, class_sep=1.5, flip_y=0, random_state=0
    )
    return X, y


@pytest.fixture(scope="module")
def flipped():
    """Two classes apart, 15 % of the labels flipped: no linear classifier is right everywhere."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    X = rng.normal(size=(200, 2)) + 4 * y[:, None]
    return X, np.where(rng.random(200) < 0.15, 1 - y, y)


# the theory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [10, 100, 1000])
def test_thresholds_are_taught_within_the_bounds(m):
    """Two rows teach a threshold on a line: doublings and weights are bounded by t = 2."""
    X = np.arange(m)[:, None]
    for seed in range(12):
        y = (X[:, 0] >= np.random.default_rng(seed).integers(1, m)).astype(int)
        sampler = BlackBoxTeaching(
            STUMP, delta=1e-4, log_n_hypotheses=np.log(2 * m + 2), random_state=seed
        ).fit(X, y)
        assert sampler.converged_
        assert sampler.n_disagreements_[-1] == 0
        assert sampler.n_disagreements_[:-1].all()
        kept = sampler.sample_indices_
        np.testing.assert_array_equal(clone(STUMP).fit(X[kept], y[kept]).predict(X), y)
        assert sampler.n_doublings_ <= 2 * np.log2(2 * m)
        assert sampler.teaching_weight_.sum() <= 1 + 2 * np.log2(2 * m)
        rate = np.log(2 * m + 2) - np.log(1e-4)
        assert len(kept) <= 2 + 3 * rate * (1 + 2 * np.log2(2 * m))


def test_joining_is_as_likely_as_the_theory_says():
    """The thresholds are exponential with rate ln(N / delta)."""
    X, y = np.arange(20_000)[:, None], np.arange(20_000) % 2
    sampler = BlackBoxTeaching(
        STUMP, 10, delta=0.2, log_n_hypotheses=5.0, max_rounds=1, random_state=0
    ).fit(X, y)
    rate = 5 + np.log(5)
    assert sampler.thresholds_.mean() == pytest.approx(1 / rate, rel=0.03)
    assert np.mean(sampler.thresholds_ > 2 / rate) == pytest.approx(np.exp(-2), rel=0.05)


@pytest.mark.parametrize("log_n_hypotheses", [0.0, 1.0, 30.0])
def test_a_consistent_learner_is_right_everywhere_at_any_pace(log_n_hypotheses, clean):
    X, y = clean
    for seed in range(3):
        sampler = BlackBoxTeaching(
            ONE_NN, delta=0.9, log_n_hypotheses=log_n_hypotheses, random_state=seed
        ).fit(X, y)
        assert sampler.converged_


# the plain loop ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "learner",
    [ONE_NN, DecisionTreeClassifier(random_state=0), Perceptron(max_iter=20, tol=None)],
    ids=lambda learner: type(learner).__name__,
)
@pytest.mark.filterwarnings("ignore:The learner misclassifies:UserWarning")
def test_equals_the_plain_loop(learner, weighted, clean):
    X, y = clean
    weight = np.random.default_rng(0).integers(1, 4, 300) if weighted else None
    for rate in (2.0, 20.0):
        sampler = BlackBoxTeaching(
            learner, log_n_hypotheses=rate, max_rounds=12, stratify=None, random_state=1
        ).fit(X, y, sample_weight=weight)
        S, w = oracle_teaching(learner, X, y, sampler.thresholds_, weight, max_rounds=12)
        assert sampler.sample_indices_.tolist() == S
        np.testing.assert_allclose(sampler.teaching_weight_, w)
        assert len(set(S)) == len(S) > 30
        by_class = clone(sampler).set_params(stratify="proportional")
        by_class.fit(X, y, sample_weight=weight)
        for label in range(3):
            mine = by_class.sample_indices_[y[by_class.sample_indices_] == label]
            assert mine.tolist() == [i for i in S if y[i] == label]


class WrongAbout(ClassifierMixin, BaseEstimator):
    """Knows the labels (the last column) and is wrong on the first `n_wrong` rows of class 0."""

    def __init__(self, n_wrong=1):
        self.n_wrong = n_wrong

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.where(X[:, 0] < self.n_wrong, 1, X[:, 1])


def test_by_hand():
    """Seven of 70 rows are wrong: doubled four times they weigh 16 x 7/70 = 1.6."""
    X = np.column_stack([np.arange(70), np.arange(70) >= 40])
    sampler = BlackBoxTeaching(WrongAbout(7), 30, max_rounds=2, random_state=0).fit(X, X[:, 1])
    assert sampler.n_doublings_ == 4
    np.testing.assert_allclose(sampler.teaching_weight_[:7], 16 / 70)
    np.testing.assert_allclose(sampler.teaching_weight_[7:], 1 / 70)
    first = [sampler.thresholds_[:40].argmin(), 40 + sampler.thresholds_[40:].argmin()]
    assert np.flatnonzero(sampler.round_joined_ == 0).tolist() == first
    crossed = np.flatnonzero(sampler.thresholds_[:7] < 16 / 70)
    assert np.flatnonzero(sampler.round_joined_ == 1).tolist() == [
        i for i in crossed if i not in first
    ]


@pytest.mark.parametrize("m", [48, 120, 232, 448])
def test_a_weight_of_exactly_one_is_enough(m):
    """An eighth of the rows, doubled three times, weighs 1; added up in floats it falls short."""
    assert np.full(m // 8, 8 / m).sum() < 1
    X = np.column_stack([np.arange(m), np.arange(m) >= m // 2])
    doublings = []
    for seed in range(4):
        sampler = BlackBoxTeaching(
            WrongAbout(m // 8), m - 1, log_n_hypotheses=100.0, max_rounds=2, random_state=seed
        ).fit(X, X[:, 1])
        if (sampler.round_joined_[: m // 8] != 0).all():  # else one of them is not doubled
            doublings.append(sampler.n_doublings_)
    assert set(doublings) == {3}


# what is kept ------------------------------------------------------------------------------------


def test_same_seed_same_rows_another_seed_others(clean):
    picks = [
        BlackBoxTeaching(ONE_NN, random_state=seed).fit(*clean).sample_indices_.tolist()
        for seed in (0, 0, 1, 2)
    ]
    assert picks[0] == picks[1]
    assert len({tuple(p) for p in picks}) == 3


def test_rounds_order_and_weights(clean):
    X, y = clean
    sampler = BlackBoxTeaching(ONE_NN, random_state=0).fit(X, y)
    kept, joined = sampler.sample_indices_, sampler.round_joined_
    assert sorted(kept) == np.flatnonzero(joined >= 0).tolist()
    assert sampler.n_rounds_ == len(sampler.n_disagreements_) == joined.max() + 1
    np.testing.assert_array_equal(sampler.estimator_.predict(X), y)
    for label, n_c in enumerate(np.bincount(y)):
        mine = kept[y[kept] == label]
        assert sampler.sampling_strategy_[label] == len(mine)
        np.testing.assert_allclose(sampler.sample_weight_[y[kept] == label], n_c / len(mine))
        keys = list(zip(joined[mine], sampler.thresholds_[mine], strict=True))
        assert keys == sorted(keys)


@pytest.mark.parametrize("stratify", ["proportional", "balanced", None])
@pytest.mark.parametrize("coreset_size", [3, 11, 40, 0.25, 150, 1.0])
def test_exact_size_is_the_first_that_joined(coreset_size, stratify, clean):
    X, y = clean
    size = coreset_size if isinstance(coreset_size, int) else round(coreset_size * 300)
    endless = BlackBoxTeaching(ONE_NN, stratify=stratify, random_state=0).fit(X, y)
    sampler = clone(endless).set_params(coreset_size=coreset_size).fit(X, y)
    assert len(set(sampler.sample_indices_.tolist())) == len(sampler.sample_indices_) == size
    for label in [None] if stratify is None else range(3):
        kept, found = (
            [i for i in s.sample_indices_ if label in (None, y[i])] for s in (sampler, endless)
        )
        common = min(len(kept), len(found))
        assert kept[:common] == found[:common]


def test_stops_once_there_are_enough(clean):
    X, y = clean
    endless = BlackBoxTeaching(ONE_NN, random_state=0).fit(X, y)
    early = BlackBoxTeaching(ONE_NN, 12, random_state=0).fit(X, y)
    assert early.n_rounds_ < endless.n_rounds_
    assert not early.converged_
    by_class = BlackBoxTeaching(ONE_NN, {0: 2, 1: 9, 2: 0}, random_state=0).fit(X, y)
    assert by_class.sampling_strategy_ == {0: 2, 1: 9, 2: 0}


def test_more_than_the_loop_finds_are_those_nearest_to_joining(clean):
    X, y = clean
    sampler = BlackBoxTeaching(ONE_NN, 250, stratify=None, random_state=0).fit(X, y)
    assert sampler.converged_
    joined = np.count_nonzero(sampler.round_joined_ >= 0)
    assert joined < 200
    rest = np.flatnonzero(sampler.round_joined_ < 0)
    gap = (sampler.thresholds_ / sampler.teaching_weight_)[rest]
    expected = rest[np.argsort(gap)][: 250 - joined]
    assert sampler.sample_indices_[joined:].tolist() == expected.tolist()


# learners ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "learner",
    [
        DecisionTreeClassifier(random_state=0),
        ONE_NN,
        SVC(C=1e4),
        make_pipeline(StandardScaler(), SVC(C=1e4)),
        MLPClassifier((200,), solver="lbfgs", alpha=0, max_iter=3000, random_state=0),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_learners_that_can_are_right_everywhere(learner, clean):
    X, y = clean[0], np.array(["no", "maybe", "yes"])[clean[1]]
    sampler = BlackBoxTeaching(learner, random_state=0)
    X_small, y_small = sampler.fit_resample(X, y)
    assert sampler.converged_
    assert sampler.n_disagreements_[-1] == 0
    assert len(X_small) < 300
    np.testing.assert_array_equal(sampler.estimator_.predict(X), y)
    if not isinstance(learner, MLPClassifier):  # depends on the order of the rows
        np.testing.assert_array_equal(clone(learner).fit(X_small, y_small).predict(X), y)


def test_a_fitted_learner_is_taught_anew_and_left_alone(clean):
    X, y = clean
    given = SVC(C=1e4).fit(X, y)
    before = given.support_.copy()
    sampler = BlackBoxTeaching(given, random_state=0).fit(X, y)
    np.testing.assert_array_equal(given.support_, before)
    assert sampler.estimator_ is not given
    unfitted = BlackBoxTeaching(SVC(C=1e4), random_state=0).fit(X, y)
    np.testing.assert_array_equal(sampler.sample_indices_, unfitted.sample_indices_)


def test_first_rows(clean):
    """Some learners need more than one row of each class to begin with."""
    X, y = clean
    with pytest.raises(ValueError, match="n_neighbors"):
        BlackBoxTeaching(KNeighborsClassifier(5), 30, random_state=0).fit(X, y)
    sampler = BlackBoxTeaching(KNeighborsClassifier(5), 30, n_initial=2, random_state=0).fit(X, y)
    for label in range(3):
        mine = np.flatnonzero(y == label)
        first = mine[np.argsort(sampler.thresholds_[mine])[:2]]
        assert sampler.round_joined_[first].tolist() == [0, 0]
        assert np.count_nonzero(sampler.round_joined_[mine] == 0) == 2
    few = BlackBoxTeaching(ONE_NN, 0.9, n_initial=1000, random_state=0).fit(X, y)
    assert (few.round_joined_ == 0).all()


def test_data_frames_and_answers_in_a_column(clean):
    class Column(DecisionTreeClassifier):
        def predict(self, X):
            return super().predict(X)[:, None]

    frame = pd.DataFrame(clean[0][:, :3], columns=["a", "b", "c"], index=np.arange(300) + 7)
    frame["colour"] = np.array(["red", "green", "blue"])[clean[1]]
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    sampler = BlackBoxTeaching(make_pipeline(columns, Column(random_state=0)), random_state=0)
    small, _ = sampler.fit_resample(frame, clean[1])
    assert sampler.converged_
    assert small.index.tolist() == (sampler.sample_indices_ + 7).tolist()


# labels that cannot be learned -------------------------------------------------------------------


def test_noise_is_said_clearly(flipped):
    X, y = flipped
    sampler = BlackBoxTeaching(LogisticRegression(), random_state=0)
    with pytest.warns(UserWarning, match=r"(?s)misclassifies \d+ of 200 .*cannot learn"):
        sampler.fit(X, y)
    assert not sampler.converged_
    wrong = sampler.estimator_.predict(X) != y
    assert sampler.n_disagreements_[-1] == wrong.sum() > 0
    assert (sampler.round_joined_[wrong] >= 0).all()  # nothing is left to teach


@pytest.mark.parametrize("max_rounds", [1, 3])
def test_ends_at_max_rounds(max_rounds, flipped):
    X, y = flipped
    sampler = BlackBoxTeaching(LogisticRegression(), max_rounds=max_rounds, random_state=0)
    with pytest.warns(UserWarning, match=f"after {max_rounds} rounds"):
        sampler.fit(X, y)
    assert sampler.n_rounds_ == max_rounds
    # the last learner was trained on all rows that are kept
    kept = sampler.sample_indices_
    again = LogisticRegression().fit(X[kept], y[kept])
    np.testing.assert_allclose(sampler.estimator_.coef_, again.coef_, rtol=1e-3)


def test_too_few_rounds_for_a_consistent_learner(clean):
    with pytest.warns(UserWarning, match="Increase max_rounds=2"):
        BlackBoxTeaching(ONE_NN, max_rounds=2, random_state=0).fit(*clean)


def test_a_size_is_kept_without_a_warning(flipped):
    sampler = BlackBoxTeaching(LogisticRegression(), 0.9, random_state=0).fit(*flipped)
    assert len(sampler.sample_indices_) == 180
    assert not sampler.converged_


def test_what_a_classifier_makes_of_noise_can_be_taught(flipped):
    X, y = flipped
    learner = SVC(kernel="linear", C=1e6)
    sampler = BlackBoxTeaching(learner, random_state=0)
    sampler.fit(X, LogisticRegression().fit(X, y).predict(X))
    assert sampler.converged_
    assert len(sampler.sample_indices_) < 60


# weights -----------------------------------------------------------------------------------------


def test_weight_zero_is_absent(clean, rng):
    X, y = clean
    present = rng.random(300) < 0.6
    here = BlackBoxTeaching(ONE_NN, random_state=0).fit(X, y, sample_weight=present)
    there = BlackBoxTeaching(ONE_NN, random_state=0).fit(X[present], y[present])
    rows = np.flatnonzero(present)
    np.testing.assert_array_equal(here.sample_indices_, rows[there.sample_indices_])
    np.testing.assert_array_equal(here.n_disagreements_, there.n_disagreements_)
    assert np.isinf(here.thresholds_[~present]).all()
    assert (here.teaching_weight_[~present] == 0).all()
    w = (y < 2).astype(float)  # a class that is absent is not taught
    assert BlackBoxTeaching(ONE_NN).fit(X, y, sample_weight=w).estimator_.classes_.size == 2


def test_weights_are_repeats():
    """A row of weight a joins with the chance that one of a equal rows does."""
    X = np.column_stack([np.arange(60), np.arange(60) >= 30])
    weight = np.where(X[:, 0] < 10, 3, 1)
    rows = np.repeat(np.arange(60), weight)
    joined = np.zeros((2, 60))
    for seed in range(200):
        few = BlackBoxTeaching(
            WrongAbout(15), 60, log_n_hypotheses=1.0, max_rounds=2, random_state=seed
        )
        few.fit(X, X[:, 1], sample_weight=weight)
        joined[0] += few.round_joined_ == 1
        many = clone(few).set_params(random_state=seed + 1000).fit(X[rows], X[rows, 1])
        joined[1, np.unique(rows[many.round_joined_ == 1])] += 1
    for part in (slice(0, 10), slice(10, 15)):
        here, there = joined[:, part].mean(axis=1) / 200
        assert here == pytest.approx(there, abs=0.04)


def test_the_learner_need_take_no_weights(clean, rng):
    X, y = clean
    w = rng.random(300) + 0.1
    sampler = BlackBoxTeaching(ONE_NN, random_state=0).fit(X, y, sample_weight=w)
    assert sampler.converged_
    assert sampler.sample_weight_.sum() == pytest.approx(w.sum())


# errors and interruptions ------------------------------------------------------------------------


class NoPredict(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"delta": 0.0}, "'delta'"),
        ({"delta": 1.0}, "'delta'"),
        ({"log_n_hypotheses": -1.0}, "'log_n_hypotheses'"),
        ({"log_n_hypotheses": np.inf}, "'log_n_hypotheses'"),
        ({"max_rounds": 0}, "'max_rounds'"),
        ({"n_initial": 0}, "'n_initial'"),
        ({"estimator": NoPredict()}, "'fit' and 'predict'"),
        ({"estimator": FrozenEstimator(LogisticRegression())}, "it is frozen"),
        ({"estimator": LinearRegression()}, "is a regressor"),
        ({"coreset_size": 301}, "larger than the number of samples"),
        ({"coreset_size": 2}, "2 samples for 3 classes"),
    ],
)
def test_errors_about_parameters(params, message, clean):
    with pytest.raises(ValueError, match=message):
        BlackBoxTeaching(**params).fit(*clean)


def test_errors_about_labels(clean):
    X, _ = clean
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        BlackBoxTeaching().fit(X)
    with pytest.raises(ValueError, match="y has one class"):
        BlackBoxTeaching().fit(X, np.zeros(300, int))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        BlackBoxTeaching().fit(X, X[:, 0] + 0.5)


def test_frozen_within_a_pipeline(clean):
    X, y = clean
    pipe = make_pipeline(StandardScaler(), FrozenEstimator(LogisticRegression().fit(X, y)))
    with pytest.raises(ValueError, match="cannot be fitted"):
        BlackBoxTeaching(pipe).fit(X, y)


def test_interrupted_it_stays_what_it_was(clean):
    X, y = clean

    class Interrupted(KNeighborsClassifier):
        def fit(self, X, y):
            if len(y) > 20:
                raise KeyboardInterrupt
            return super().fit(X, y)

    sampler = BlackBoxTeaching(ONE_NN, random_state=0).fit(X, y)
    before = sampler.sample_indices_, sampler.estimator_, sampler.n_rounds_
    with pytest.raises(KeyboardInterrupt):
        sampler.set_params(estimator=Interrupted(1)).fit(X, y)
    assert before == (sampler.sample_indices_, sampler.estimator_, sampler.n_rounds_)


@pytest.mark.parametrize(
    "learner",
    [
        GridSearchCV(SVC(), {"C": [1.0, 100.0]}, cv=3),
        CalibratedClassifierCV(SVC(), cv=3),
        StackingClassifier([("svc", SVC(C=100))], cv=3),
        KNeighborsClassifier(5),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_a_learner_that_needs_more_rows_says_how_many_to_begin_with(learner, clean):
    X, y = clean
    message = r"cannot be fitted on \d+ samples, or cannot predict then: .*increase n_initial"
    with pytest.raises(ValueError, match=message):
        BlackBoxTeaching(learner, 20, random_state=0).fit(X, y)
    fitted = BlackBoxTeaching(learner, 20, n_initial=3, random_state=0).fit(X, y)
    assert len(fitted.sample_indices_) == 20


def test_a_bad_parameter_of_the_learner_is_its_own_error(clean):
    with pytest.raises(ValueError, match="'C' parameter of SVC") as caught:
        BlackBoxTeaching(SVC(C=-1), random_state=0).fit(*clean)
    assert "n_initial" not in str(caught.value)


def test_the_seed_reaches_into_the_learner(clean):
    X, y = clean
    learner = make_pipeline(StandardScaler(), RandomForestClassifier(3))
    first = BlackBoxTeaching(learner, max_rounds=3, coreset_size=40, random_state=0).fit(X, y)
    again = clone(first).fit(X, y)
    np.testing.assert_array_equal(again.sample_indices_, first.sample_indices_)
    np.testing.assert_array_equal(again.n_disagreements_, first.n_disagreements_)
    assert learner[-1].random_state is None
    # A seed that is given stays, and thresholds do not depend on the learner.
    own = clone(first).set_params(estimator__randomforestclassifier__random_state=5).fit(X, y)
    assert own.estimator_[-1].random_state == 5
    np.testing.assert_array_equal(own.thresholds_, first.thresholds_)


def test_the_warning_points_at_the_line_of_the_user(flipped):
    with pytest.warns(UserWarning, match="The learner misclassifies") as caught:
        BlackBoxTeaching(STUMP, random_state=0).fit(*flipped)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("factor", [0.1, 1 / 3, 1e-200, 1e200])
def test_weights_times_a_constant_are_the_same_weights(factor):
    """Whether those of the rows that are wrong add up to all of them is no matter of rounding."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(20, 100))
        X, y = rng.standard_normal((n, 2)), np.arange(n) % 3
        weight = rng.integers(1, 4, n).astype(float)
        here, there = (
            BlackBoxTeaching(ONE_NN, coreset_size=None, random_state=0).fit(X, y, sample_weight=w)
            for w in (weight, weight * factor)
        )
        assert here.n_doublings_ == there.n_doublings_
        np.testing.assert_array_equal(here.sample_indices_, there.sample_indices_)
