"""What classifiers answer is checked, whichever method asks."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.svm import LinearSVC

from skcoreset import (
    CRAIG,
    EL2N,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    DeepFool,
    Entropy,
    GradientEmbedding,
    GradMatch,
    ImportanceSampling,
    LeastConfidence,
    Margin,
)


def changed(answers, change):
    """A table of answers with one fault in it."""
    answers = np.array(answers)
    if len(answers) == 1:  # not yet asked about the table
        return answers
    if change == "logits":
        return np.log(answers) + 1.0
    if change == "negative":
        answers[3, :2] = [-0.01, 1.01 - answers[3, 2:].sum()]
    elif change == "sum":
        answers[3, 0] += 0.01
    elif change == "nan":
        answers[3, 1] = np.nan
    elif change == "infinite":
        answers[3, 1] = np.inf
    elif change == "rows":
        return answers[:-1]
    elif change == "columns":
        return answers[:, :-1]
    elif change == "flat":
        return answers[:, 0]
    elif change == "deep":
        return answers[:, :, None]
    elif change == "text":
        return answers.astype(str)
    return answers


class Probable(SGDClassifier):
    """Tells probabilities as it is told to."""

    def __init__(self, change=None, loss="log_loss", random_state=0):
        super().__init__(loss=loss, random_state=random_state)
        self.change = change

    def predict_proba(self, X):
        return changed(super().predict_proba(X), self.change)


class Decided(LinearSVC):
    """Tells decision values as it is told to."""

    def __init__(self, change=None, random_state=0):
        super().__init__(random_state=random_state)
        self.change = change

    def decision_function(self, X):
        return changed(super().decision_function(X), self.change)


class Labelled(LogisticRegression):
    """Predicts as it is told to."""

    def __init__(self, change=None):
        super().__init__()
        self.change = change

    def predict(self, X):
        labels = super().predict(X).astype(float)
        if len(labels) == 1:
            return labels
        if self.change == "nan":
            labels[3] = np.nan
        elif self.change == "none":
            labels = labels.astype(object)
            labels[3] = None
        elif self.change == "rows":
            labels = labels[:-1]
        elif self.change == "deep":
            labels = np.column_stack([labels, labels])
        return labels


class Embedding(GradientEmbedding):
    """Asks about all rows in `fit`."""

    def fit(self, X, y):
        return super().fit(X, y).transform(X)


ASKED_FOR_PROBABILITIES = {
    "LeastConfidence": lambda c: LeastConfidence(c, 20),
    "Entropy": lambda c: Entropy(c, 20),
    "Margin": lambda c: Margin(c, 20),
    "Margin, cv": lambda c: Margin(c, 20, cv=2),
    "CAL": lambda c: ContrastiveActiveLearning(c, 20),
    "CRAIG": lambda c: CRAIG(c, 20),
    "GradMatch": lambda c: GradMatch(c, 20),
    "loss": lambda c: ImportanceSampling(20, sensitivity="loss", estimator=c),
    "gradient": lambda c: ImportanceSampling(20, sensitivity="gradient", estimator=c),
    "GradientEmbedding": lambda c: Embedding(c),
    "EL2N": lambda c: EL2N(c, 20, n_epochs=1, random_state=0),
}


@pytest.mark.parametrize("change", ["logits", "negative", "sum", "nan", "infinite"])
@pytest.mark.parametrize("make", ASKED_FOR_PROBABILITIES.values(), ids=ASKED_FOR_PROBABILITIES)
def test_no_probabilities(make, change, blobs):
    what = "NaN or infinite values" if change in ("nan", "infinite") else "not probabilities"
    row = "sample 0" if change == "logits" else "sample 3"
    with pytest.raises(ValueError, match=f"predict_proba of Probable.* {what}, first for {row}:"):
        make(Probable(change)).fit(*blobs)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (make, change)
        for name, make in ASKED_FOR_PROBABILITIES.items()
        for change in ("rows", "columns", "flat", "deep", "text")
        # Of the others cross_val_predict has its own errors.
        if "cv" not in name or change in ("columns", "text")
    ],
)
def test_wrong_shape_of_probabilities(make, change, blobs):
    with pytest.raises(ValueError, match=r"predict_proba of Probable.* samples it must be numeric"):
        make(Probable(change)).fit(*blobs)


@pytest.mark.parametrize("change", ["nan", "infinite", "rows", "columns", "flat", "deep"])
@pytest.mark.parametrize("Method", [Margin, CRAIG, GradMatch])
def test_wrong_decision_values(Method, change, blobs):
    what = (
        "NaN or infinite values, first for sample 3:"
        if change in ("nan", "infinite")
        else "it must be"
    )
    with pytest.raises(ValueError, match=f"decision_function of Decided.* {what}"):
        Method(Decided(change), 20).fit(*blobs)


@pytest.mark.parametrize("change", ["nan", "none", "rows", "deep"])
@pytest.mark.parametrize(
    "make",
    [
        lambda c: BlackBoxTeaching(c, random_state=0),
        lambda c: Embedding(c),
        lambda c: DeepFool(c, 20),
    ],
    ids=["BlackBoxTeaching", "GradientEmbedding", "DeepFool"],
)
def test_wrong_labels(make, change, blobs):
    what = {"nan": "nan for sample 3", "none": "None for sample 3"}.get(change, "an array of shape")
    with pytest.raises(ValueError, match=f"predict of Labelled.* returned {what}"):
        make(Labelled(change)).fit(*blobs)


@pytest.mark.parametrize("model", [Probable("nan"), Decided("nan")])
def test_row_of_the_table_is_named_out_of_fold(model, blobs):
    """Row 3 of a fold is another one of the table."""
    order = np.arange(300)
    tests = [order[299:199:-1], order[199:99:-1], order[99::-1]]
    folds = [(np.setdiff1d(order, test), test) for test in tests]
    with pytest.raises(ValueError, match="first for sample 96:"):
        Margin(model, 20, cv=folds).fit(*blobs)


def test_deepfool_asks_in_the_same_room(blobs):
    class OnlyProbable(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.model_ = Probable("sum").fit(X, y)
            self.classes_ = self.model_.classes_
            return self

        def predict(self, X):
            return self.model_.predict(X)

        def predict_proba(self, X):
            return self.model_.predict_proba(X)

    with pytest.raises(ValueError, match="not probabilities"):
        DeepFool(OnlyProbable(), 20).fit(*blobs)


def test_columns_without_classes(blobs):
    class Nameless(BaseEstimator):
        def fit(self, X, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

    with pytest.raises(
        TypeError, match="has no attribute classes_, so the columns of its predict_proba"
    ):
        Margin(Nameless(), 20).fit(blobs[0])


def test_what_is_accepted_is_named(blobs):
    with pytest.raises(ValueError, match=r"CalibratedClassifierCV.* decision_function"):
        Entropy(Probable("logits"), 20).fit(*blobs)
    two = blobs[1] < 2
    with pytest.raises(ValueError, match=r"\(\d+, 2\) or \(\d+,\)"):
        Margin(Decided("rows"), 20).fit(blobs[0][two], blobs[1][two])


class Rounded(LogisticRegression):
    def __init__(self, dtype=np.float64):
        super().__init__()
        self.dtype = dtype

    def predict_proba(self, X):
        return super().predict_proba(X).astype(self.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("Method", [LeastConfidence, Entropy, Margin, ContrastiveActiveLearning])
def test_rounded_probabilities_are_probabilities(Method, dtype, blobs):
    got = Method(Rounded(dtype), 20).fit(*blobs).scores_
    np.testing.assert_allclose(got, Method(Rounded(), 20).fit(*blobs).scores_, atol=1e-2)


def test_rounding_below_0_counts_as_0(blobs):
    """As GaussianProcessClassifier says where it is sure; the entropy of that was -inf."""

    class BelowZero(LogisticRegression):
        def predict_proba(self, X):
            p = super().predict_proba(X)
            p[0] = [1 + 4.5e-13, -4.5e-13, 0]
            return p

    sampler = Entropy(BelowZero(), 10).fit(*blobs)
    assert abs(sampler.scores_[0]) < 1e-12
    np.testing.assert_array_equal(
        sampler.scores_[1:], Entropy(LogisticRegression(), 10).fit(*blobs).scores_[1:]
    )


def test_answers_are_not_written_to(blobs):
    class Keeping(LogisticRegression):
        def predict_proba(self, X):
            self.told_ = super().predict_proba(X)
            self.told_.flags.writeable = False
            return self.told_

    for Method in (LeastConfidence, CRAIG, GradMatch, ContrastiveActiveLearning):
        Method(Keeping(), 20).fit(*blobs)
