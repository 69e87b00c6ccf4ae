"""coreset_size x stratify: exact counts, clear errors, the order of merging."""

import datetime

import numpy as np
import pandas as pd
import pytest
from oracles import largest_remainder as oracle

from skcoreset import Uniform
from skcoreset._budget import interleave, largest_remainder


@pytest.mark.parametrize("counts", [[10, 10], [50, 30, 20], [97, 53, 31, 7], [6, 11, 37, 9000]])
def test_proportional_equals_hamilton_where_no_bound_is_met(counts):
    n = sum(counts)
    for size in range(1, n + 1, max(1, n // 97)):
        if all(size * c / n >= 1 for c in counts):
            got = largest_remainder(size, np.array(counts, float), np.array(counts))
            assert got.tolist() == oracle(size, counts)


def test_bounds_are_kept_and_the_total_is_exact(rng):
    for _ in range(300):
        counts = rng.integers(1, rng.choice([3, 30, 3000]), size=rng.integers(2, 8))
        shares = rng.random(len(counts)) if rng.random() < 0.5 else np.ones(len(counts))
        size = int(rng.integers(len(counts), counts.sum() + 1))
        got = largest_remainder(size, shares, counts)
        assert got.sum() == size
        assert (got >= 1).all()
        assert (got <= counts).all()


def test_balanced_is_as_equal_as_the_classes_allow(rng):
    for _ in range(100):
        counts = rng.integers(1, 40, size=5)
        size = int(rng.integers(5, counts.sum() + 1))
        got = largest_remainder(size, np.ones(5), counts)
        for i in range(5):  # nobody has two more than another that could still be given one
            for j in range(5):
                assert got[j] >= got[i] - 1 or got[j] == counts[j]


def test_rare_classes_survive():
    # shuttle's class sizes: round(fraction * n_c) would give the rare ones nothing
    y = np.repeat(np.arange(7), [34108, 37, 132, 6748, 2458, 6, 11])
    sampler = Uniform(0.005, random_state=0).fit(np.zeros((len(y), 1)), y)
    counts = sampler.sampling_strategy_
    assert sum(counts.values()) == round(0.005 * len(y))
    assert min(counts.values()) >= 1


def test_interleaved_prefixes_are_nearly_stratified():
    sizes = [50, 30, 20, 1]
    label = np.repeat(np.arange(4), sizes)[interleave(sizes)]
    for m in range(1, 102):
        counts = np.bincount(label[:m], minlength=4)
        assert np.abs(counts - m * np.array(sizes) / 101).max() < 2
    assert sorted(interleave(sizes)) == list(range(101))


@pytest.mark.parametrize(
    ("coreset_size", "n", "expected"),
    [
        (7, 100, 7),
        (0.1, 100, 10),
        (0.001, 100, 1),
        (1.0, 13, 13),
        (0.999, 200, 200),
        (0.25, 10, 2),
        (0.35, 10, 4),
    ],
)
def test_size(coreset_size, n, expected):
    sampler = Uniform(coreset_size, random_state=0).fit(np.zeros((n, 1)))
    assert len(sampler.sample_indices_) == expected


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"coreset_size": 11},
            r"=11 is larger than the number of samples: there are 10",
        ),
        ({"coreset_size": 0}, "coreset_size"),
        ({"coreset_size": 1.5}, "coreset_size"),
        ({"coreset_size": -1}, "coreset_size"),
        ({"coreset_size": True}, "coreset_size=True"),
        ({"coreset_size": "many"}, "coreset_size"),
        ({"coreset_size": 1}, r"1 sample for 2 classes.*stratify=None"),
        ({"coreset_size": 0.1}, r"1 sample for 2 classes.*stratify=None"),
        ({"coreset_size": {"a": 1, "c": 1}}, r"class 'c', but y has the classes \['a', 'b'\]"),
        ({"coreset_size": {"a": 1}}, r"has no size for the classes \['b'\]"),
        ({"coreset_size": {"a": 1, "b": 7}}, r"coreset_size\['b'\]=7 is larger.* there are 6"),
        ({"coreset_size": {"a": 1, "b": -1}}, r"coreset_size\['b'\]=-1"),
        (
            {"coreset_size": {"a": 1, "b": 1.5}},
            r"coreset_size\['b'\]=1.5 must be an int .* or a float",
        ),
        ({"coreset_size": {"a": 1, "b": 0.0}}, r"coreset_size\['b'\]=0.0"),
        ({"coreset_size": {"a": 1, "b": np.True_}}, r"coreset_size\['b'\]="),
        ({"coreset_size": {"a": 1, None: "1"}}, r"coreset_size\[None\]='1'"),
        ({"coreset_size": {"a": 1}}, "or one for all other classes with the key None"),
        ({"coreset_size": {None: 5}}, r"\[None\]=5 is larger .* of the class 'a': there are 4\."),
        ({"coreset_size": {"a": 0, None: 0}}, "selects no sample"),
        ({"coreset_size": {"a": 0, "b": 0}}, "selects no sample"),
        ({"coreset_size": {"a": 1, "b": 1}, "stratify": None}, "stratify=None ignores classes"),
        ({"stratify": "equal"}, "stratify"),
    ],
)
def test_errors_name_the_value(params, message):
    y = np.array(["a"] * 4 + ["b"] * 6)
    with pytest.raises((ValueError, TypeError), match=message):
        Uniform(**params).fit(np.zeros((10, 1)), y)


def test_a_dict_needs_classes():
    with pytest.raises(ValueError, match="there are no classes"):
        Uniform({0: 1}).fit(np.zeros((10, 1)))


def test_dict_gives_exactly_that():
    y = np.array(["a"] * 4 + ["b"] * 6)
    sampler = Uniform({"b": 5, "a": 2}, random_state=0).fit(np.zeros((10, 1)), y)
    assert sampler.sampling_strategy_ == {"a": 2, "b": 5}
    left_out = Uniform({"b": 5, "a": 0}, random_state=0).fit(np.zeros((10, 1)), y)
    assert left_out.sampling_strategy_ == {"a": 0, "b": 5}
    assert left_out.sample_weight_.sum() == pytest.approx(10)


def test_dict_of_fractions_and_the_rest():
    """5 % of each class, but all 50 of the rare one."""
    y = np.repeat(["common", "other", "rare", "tiny"], [1000, 410, 50, 3])
    size = {None: 0.05, "rare": 50}
    sampler = Uniform(size, random_state=0).fit(np.zeros((len(y), 1)), y)
    assert sampler.sampling_strategy_ == {"common": 50, "other": 20, "rare": 50, "tiny": 1}
    all_of_it = Uniform({None: 0.05, "rare": 1.0}, random_state=0).fit(np.zeros((len(y), 1)), y)
    np.testing.assert_array_equal(all_of_it.sample_indices_, sampler.sample_indices_)
    only = Uniform({None: 0, "rare": np.float32(0.5)}).fit(np.zeros((len(y), 1)), y)
    assert only.sampling_strategy_ == {"common": 0, "other": 0, "rare": 25, "tiny": 0}
    weight = (y != "tiny").astype(float)  # a class of weight 0 is absent, for None no less
    absent = Uniform({None: 7}).fit(np.zeros((len(y), 1)), y, sample_weight=weight)
    assert absent.sampling_strategy_ == {"common": 7, "other": 7, "rare": 7, "tiny": 0}


def test_a_size_counts_the_rows_that_count():
    X, y = np.zeros((10, 1)), np.array(["a"] * 4 + ["b"] * 6)
    with pytest.raises(ValueError, match=r"there are 4\.$"):
        Uniform({"a": 5, "b": 1}).fit(X, y)
    with pytest.raises(ValueError, match=r"there is 1 of positive weight\.$"):
        Uniform({"a": 5, "b": 1}).fit(X, y, sample_weight=np.r_[1, 0, 0, 0, np.ones(6)])


@pytest.mark.parametrize("unit", ["ns", "us", "s", "D"])
def test_dates_are_classes(unit):
    days = np.array(["2024-02-29", "2024-03-01"], dtype=f"datetime64[{unit}]")
    y, X = np.repeat(days, [4, 6]), np.zeros((10, 1))
    for first in (days[0], pd.Timestamp("2024-02-29"), datetime.date(2024, 2, 29)):
        for target in (y, pd.Series(y), pd.Index(y)):
            sampler = Uniform({first: 1, None: 3}, random_state=0).fit(X, target)
            # As a list, because equal dates of two units have other hashes in NumPy 2.0.
            assert list(sampler.sampling_strategy_.items()) == [(days[0], 1), (days[1], 3)]
    with pytest.raises(ValueError, match=r"class 'soon', but y has the classes"):
        Uniform({"soon": 1, None: 3}).fit(X, y)
    with pytest.raises(ValueError, match="row 2 has no label"):
        Uniform(4).fit(X, np.r_[y[:2], np.datetime64("NaT"), y[3:]])


def test_spans_of_time_are_classes():
    y = np.repeat(np.array([1, 2], dtype="timedelta64[h]"), [4, 6])
    got = Uniform({datetime.timedelta(hours=1): 2, None: 0}).fit(np.zeros((10, 1)), y)
    assert got.sampling_strategy_ == {y[0]: 2, y[-1]: 0}


def test_many_classes_are_not_all_listed():
    X, y = np.zeros((3000, 1)), np.arange(3000)
    listed = r"y has the classes \[0, 1, .*, \.\.\.\] \(3000 in all\)"
    with pytest.raises(ValueError, match=listed) as error:
        Uniform({100000: 5}).fit(X, y)
    assert len(str(error.value)) < 200
    with pytest.raises(ValueError, match=r"2999 in all"):
        Uniform({0: 1}).fit(X, y)


def test_a_class_that_is_smaller_than_the_size_for_all_others():
    with pytest.raises(
        ValueError, match=r"of the class 1: there are 5\. Give a size for 1 as well"
    ):
        Uniform({None: 20}).fit(np.zeros((30, 1)), [0] * 25 + [1] * 5)


def test_labels_that_cannot_be_sorted():
    with pytest.raises(TypeError, match=r"objects of the types \['int', 'str'\]"):
        Uniform(2).fit(np.zeros((4, 1)), np.array(["a", 1, "b", 2], dtype=object))
