from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.drift.counting.axis import LinearAxis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.thinned import ThinnedSample
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXIS = LinearAxis(1 << 10, -4.0, 128.0)


def counted(*blocks: "NDArray[Any]") -> NumberCounts:
    counts = NumberCounts("x", AXIS, ThinnedSample(1_000))
    for block in blocks:
        counts.add(block)
    return counts


def test_missing_and_infinite_values_are_counted_apart() -> None:
    counts = counted(np.array([1.5, np.nan, np.inf, -np.inf, np.inf, 2.5]))
    assert (counts.rows, counts.missing, counts.infinite, counts.finite) == (6, 1, [1, 2], 2)
    assert (counts.minimum, counts.maximum) == (1.5, 2.5)
    assert counts.counts is not None
    assert counts.counts.sum() == 2


def test_a_sum_beyond_all_doubles_does_not_make_values_infinite() -> None:
    counts = counted(np.array([1.7e308, 1.7e308, -1.0]))
    assert (counts.infinite, counts.finite) == ([0, 0], 3)
    assert counts.moments() is None


def test_moments_are_numpys_even_far_from_zero() -> None:
    values = np.random.default_rng(0).normal(1e9, 1e-1, 10_000)
    counts = NumberCounts("x", LinearAxis(1 << 10, 1e9, 1e3), ThinnedSample(10))
    counts.add(values)
    assert counts.moments() == pytest.approx((values.mean(), values.std()), rel=1e-12)


def test_few_whole_numbers_are_counted_value_by_value() -> None:
    counts = counted(np.array([1.0, 2.0, 2.0, -0.0]), np.array([0.0, 3.0, np.nan]))
    assert counts.values == {1.0: 1, 2.0: 2, 0.0: 2, 3.0: 1}
    assert counts.counts is None


@pytest.mark.parametrize("last", [[0.5], np.arange(30.0)], ids=["a fraction", "many values"])
def test_what_was_counted_by_value_moves_to_bins_when_that_ends(last: Any) -> None:
    first = np.tile(np.arange(-3.0, 4.0), 100)
    counts = counted(first, np.array(last))
    assert counts.values is None
    assert counts.counts is not None
    everything = np.append(first, last)
    assert (counts.counts == np.bincount(AXIS.indices(everything), minlength=AXIS.bins)).all()


@given(
    st.lists(
        st.lists(st.one_of(st.integers(-5, 20).map(float), st.floats(-5, 5)), min_size=1),
        min_size=1,
        max_size=6,
    )
)
def test_blocks_do_not_matter(blocks: list[list[float]]) -> None:
    apart = counted(*(np.array(block) for block in blocks))
    together = counted(np.concatenate(blocks))
    assert apart.values == together.values
    for counts in (apart, together):
        counts.demote()
    assert apart.counts is not None
    assert together.counts is not None
    assert (apart.counts == together.counts).all()


def test_values_beyond_the_other_side_are_counted() -> None:
    counts = NumberCounts("x", AXIS, ThinnedSample(10), limits=(-1.0, 2.0))
    counts.add(np.array([-2.0, -1.0, 0.5, 2.0, 2.5, 9.0]))
    assert counts.beyond == [1, 2]


@pytest.mark.parametrize("value", [2**53 + 1, -(2**60)])
def test_whole_numbers_that_doubles_cannot_tell_apart_are_refused(value: int) -> None:
    with pytest.raises(InputError, match=rf"'x' holds the whole number {value}"):
        counted(np.array([1, value]))
    assert counted(np.array([2**53, 1])).rows == 2


@pytest.mark.parametrize("dtype", ["f2", "f4", "i1", "u2", "i8", "u8", "?"])
def test_every_type_of_numbers_is_counted(dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 2, 500).astype(dtype)
    assert counted(values).values == {0.0: int((values == 0).sum()), 1.0: int(values.sum())}
