"""The checks that scikit-learn and imbalanced-learn run over every estimator of theirs."""

import pytest
from imblearn.utils.estimator_checks import estimator_checks_generator as imblearn_checks
from samplers import (
    ALL_NAMES,
    HONESTLY_FEWER,
    LABEL_FREE,
    META,
    META_SAMPLERS,
    OWN_SIZE,
    SAMPLERS,
    SHORT,
    TRANSFORMERS,
    WITH_VALIDATION,
    name_of,
)
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator as sklearn_checks

# Half of the rows, as the checks of scikit-learn use tables of 20 rows with 3 classes, of which
# a tenth is fewer rows than classes, an error by contract.
CHECKED = [clone(s).set_params(coreset_size=0.5) for s in SAMPLERS]


ONE_CLASS = "one class is one group to select from, no error"


def expected_failures(estimator):
    """Checks that forbid what is supported on purpose, with the reason."""
    reasons = {}
    if name_of(estimator) in {name_of(s) for s in LABEL_FREE + META_SAMPLERS + OWN_SIZE}:
        reasons["check_target_type"] = "selects with a continuous y on purpose (regression)"
        reasons["check_samplers_one_label"] = ONE_CLASS
    if name_of(estimator) in {name_of(s) for s in WITH_VALIDATION}:
        reasons["check_samplers_one_label"] = ONE_CLASS
    if name_of(estimator) in {name_of(s) for s in META_SAMPLERS}:
        reasons["check_samplers_sparse"] = "'auto' standardizes dense features, not sparse ones"
    if name_of(estimator) in ("CoresetClassifier", "CoresetRegressor"):
        why = (
            "a fraction of repeated rows is more rows than that of weighted ones; with a number "
            "of rows it holds, see test_integer_weights_are_repeated_rows"
        )
        reasons["check_sample_weight_equivalence_on_dense_data"] = why
        reasons["check_sample_weight_equivalence_on_sparse_data"] = why
    return reasons


# scikit-learn 1.8 takes the sparse dataframes of pandas 3 as dense.
DEPENDS_ON_VERSIONS = {"check_samplers_pandas_sparse"}


def collect(generator, estimators):
    cases = []
    for estimator in estimators:
        reasons = expected_failures(estimator)
        few = [SHORT] if name_of(estimator) in HONESTLY_FEWER else []
        for instance, check in generator(estimator):
            function = getattr(check, "func", check)
            reason = reasons.get(function.__name__)
            strict = function.__name__ not in DEPENDS_ON_VERSIONS
            marks = few + ([pytest.mark.xfail(reason=reason, strict=strict)] if reason else [])
            case = f"{name_of(instance)}-{function.__name__}-{len(cases)}"
            cases.append(pytest.param(instance, check, id=case, marks=marks))
    return cases


@pytest.mark.parametrize(
    ("estimator", "check"),
    collect(sklearn_checks, CHECKED + META_SAMPLERS + OWN_SIZE + META + TRANSFORMERS),
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("sampler", "check"), collect(imblearn_checks, CHECKED + META_SAMPLERS + OWN_SIZE)
)
def test_checks_of_imbalanced_learn(sampler, check):
    check(sampler)


def test_nothing_is_left_out():
    everything = SAMPLERS + META_SAMPLERS + OWN_SIZE + META + TRANSFORMERS
    assert {name_of(s) for s in everything} == ALL_NAMES
