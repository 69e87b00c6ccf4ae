"""Arrays that take few bytes per sample, and work on them in blocks."""

import numpy as np
import pytest

from skcoreset._budget import allocate
from skcoreset._kernels import compact
from skcoreset._kernels.compact import (
    counts_by_code,
    elementwise,
    is_positive,
    is_repeated,
    position_type,
    random_order,
    repeated,
    rows_by_code,
    some_of,
    sums_by_code,
)


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_classes_in_blocks(block, kind, rng, monkeypatch):
    monkeypatch.setattr(compact, "BLOCK", block)
    codes, weight = rng.integers(0, 12, 200).astype(kind), rng.random(200)
    codes[codes == 3] = 4  # a code without samples
    for mask in (rng.random(200) < 0.7, repeated(True, 200)):
        counts = counts_by_code(codes, mask, 13)
        expected = [np.flatnonzero(mask & (codes == code)) for code in range(13)]
        assert counts.tolist() == [len(rows) for rows in expected]
        rows = rows_by_code(codes, mask, counts)
        assert [own.tolist() for own in rows] == [own.tolist() for own in expected]
        assert {own.dtype for own in rows} == {np.dtype(np.int32)}
    # The sums are equal in all digits.
    assert (sums_by_code(codes, weight, 13) == np.bincount(codes, weight, 13)).all()


def test_repeated_numbers_are_stored_once():
    weight = repeated(2.0, 10)
    assert is_repeated(weight)
    assert weight.tolist() == [2.0] * 10
    for values in (elementwise(np.sqrt, weight), is_positive(weight), some_of(weight, [3, 4])):
        assert is_repeated(values)
    assert is_positive(weight).dtype == bool
    assert len(some_of(weight, [3, 4])) == 2
    assert some_of(weight, None) is weight
    assert len(elementwise(np.sqrt, weight[:0])) == 0
    values = np.arange(3.0)
    assert not is_repeated(values)
    assert some_of(values, np.array([2, 0])).tolist() == [2, 0]


def test_random_order_is_a_permutation_of_numpy():
    order = random_order(1000, np.random.RandomState(0))
    assert order.dtype == np.int32
    np.testing.assert_array_equal(order, np.random.RandomState(0).permutation(1000))


def test_positions_of_many_samples_are_int64():
    assert position_type(2**31 - 1) == np.int32
    assert position_type(2**31) == np.int64


def test_groups_of_samples_without_weights_store_no_weights():
    codes, classes = np.tile([0, 1, 1], 20), np.array(["a", "b"])
    for stratify in ("proportional", None):
        groups = allocate(6, stratify, codes, classes, repeated(1.0, 60))
        as_before = allocate(6, stratify, codes, classes, np.ones(60))
        for one, other in zip(groups, as_before, strict=True):
            assert is_repeated(one.sample_weight)
            assert not is_repeated(other.sample_weight)
            np.testing.assert_array_equal(one.sample_weight, other.sample_weight)
            assert one.total_weight == other.total_weight == 60
            assert one.rows is None or one.rows.dtype == np.int32
