"""coreset_size x stratify: exact counts, clear errors, the order of merging."""

import numpy as np
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
    [(7, 100, 7), (0.1, 100, 10), (0.001, 100, 1), (1.0, 13, 13), (0.25, 10, 2), (0.35, 10, 4)],
)
def test_size(coreset_size, n, expected):
    sampler = Uniform(coreset_size, random_state=0).fit(np.zeros((n, 1)))
    assert len(sampler.sample_indices_) == expected


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"coreset_size": 11}, r"coreset_size=11 is larger than the number of rows: there are 10"),
        ({"coreset_size": 0}, "coreset_size"),
        ({"coreset_size": 1.5}, "coreset_size"),
        ({"coreset_size": -1}, "coreset_size"),
        ({"coreset_size": True}, "coreset_size=True"),
        ({"coreset_size": "many"}, "coreset_size"),
        ({"coreset_size": 1}, r"1 row for 2 classes.*stratify=None"),
        ({"coreset_size": 0.1}, r"1 row for 2 classes.*stratify=None"),
        ({"coreset_size": {"a": 1, "c": 1}}, r"class 'c'; y has the classes \['a', 'b'\]"),
        ({"coreset_size": {"a": 1}}, r"says nothing of the classes \['b'\]"),
        ({"coreset_size": {"a": 1, "b": 7}}, r"coreset_size\['b'\]=7 is larger.* there are 6"),
        ({"coreset_size": {"a": 1, "b": -1}}, r"coreset_size\['b'\]=-1"),
        ({"coreset_size": {"a": 1, "b": 0.5}}, r"coreset_size\['b'\]=0.5"),
        ({"coreset_size": {"a": 0, "b": 0}}, "no row at all"),
        ({"coreset_size": {"a": 1, "b": 1}, "stratify": None}, "stratify=None lets all rows"),
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
