"""The exact distance, against scipy's, on data that are meant to break the bins."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.counting.axis import choose_axis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.supremum import Supremum
from mlserve_cli.drift.counting.thinned import ThinnedSample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Pair = tuple[NDArray[Any], NDArray[Any]]

BLOCK = 3_000


def blocks(values: "NDArray[Any]") -> "Iterator[NDArray[Any]]":
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK]


def begun(first: "NDArray[Any]", second: "NDArray[Any]", bins: int, limit: int) -> Supremum:
    """A search with so many bins and so many values in memory."""
    axis = choose_axis(first[:2000].astype(float), second[:2000].astype(float), bins)
    sides = []
    for values in (first, second):
        counts = NumberCounts("x", axis, ThinnedSample(100), values=None)
        counts.demote()
        for block in blocks(values):
            counts.add(block)
        sides.append(counts)
    return Supremum(sides[0], sides[1], limit)


def look(search: Supremum, first: "NDArray[Any]", second: "NDArray[Any]") -> None:
    """One pass over the data."""
    for side, values in enumerate((first, second)):
        for block in blocks(values):
            search.add(side, block)
    search.finish()


def distance(first: "NDArray[Any]", second: "NDArray[Any]", bins: int, limit: int) -> float:
    """The distance found in blocks."""
    search = begun(first, second, bins, limit)
    for _ in range(100):
        if search.done:
            return search.distance
        look(search, first, second)
    raise AssertionError("the search does not end")


def expected(first: "NDArray[Any]", second: "NDArray[Any]") -> float:
    # Of a single row on either side scipy knows the distance, but no asymptotic law.
    with np.errstate(all="ignore"):
        result = stats.ks_2samp(first.astype(float), second.astype(float), method="asymp")
    return float(result.statistic)


def pairs() -> "dict[str, Pair]":
    r = np.random.default_rng(0)
    normal, integers = r.standard_normal, r.integers
    half = r.random((2, 20_000)) < 0.5
    return {
        "normal": (normal(5_000), normal(4_000)),
        "shifted": (normal(5_000), normal(20_000) + 0.3),
        "all equal": (np.zeros(100), np.zeros(50)),
        "two constants": (np.zeros(100), np.ones(70)),
        "two values": (integers(0, 2, 5_000) * 1.0, integers(0, 2, 3_000) * 0.7),
        "heavy tails": (r.standard_cauchy(20_000), r.standard_cauchy(20_000)),
        "heavier tails": (r.lognormal(0, 4, 20_000), r.lognormal(0.05, 4, 20_000)),
        "sorted": (np.sort(normal(20_000)), np.sort(normal(20_000) + 0.1)),
        "falling": (-np.sort(normal(20_000)), -np.sort(normal(20_000) + 0.1)),
        "subnormal": (integers(0, 50_000, 9_000) * 5e-324, integers(0, 50_000, 9_000) * 5e-324),
        "one outlier": (np.append(normal(5_000), 1e300), np.append(normal(5_000), -1e300)),
        "half zeros": (np.where(half[0], 0, normal(20_000)), np.where(half[1], 0, normal(20_000))),
        "signed zeros": (np.where(half[0], 0.0, -0.0), np.where(half[1], -0.0, 0.0)),
        "largest doubles": (normal(5_000) * 3e307, normal(5_000) * 3e307),
        "all magnitudes": (10 ** r.uniform(-300, 300, 9_000), 10 ** r.uniform(-300, 300, 9_000)),
        "neighbours": (
            1 + integers(0, 999, 5_000) * 2.2e-16,
            1 + integers(0, 999, 5_000) * 2.2e-16,
        ),
        "inside one bin": (
            np.append(normal(5_000), 50 + normal(5_000) * 1e-9),
            np.append(normal(5_000), 50 + normal(5_000) * 1e-9 + 1e-10),
        ),
        "float32": (normal(5_000).astype("f4"), normal(6_000).astype("f4")),
        "int64": (integers(-(10**9), 10**9, 9_000), integers(-(10**9), 10**9, 8_000)),
        "uint8": (integers(0, 256, 9_000, "u1"), integers(0, 250, 8_000, "u1")),
        "single rows": (np.array([1.0]), np.array([2.0])),
    }


PAIRS = pairs()


@pytest.mark.parametrize("limit", [20, 1_000_000], ids=["little memory", "much memory"])
@pytest.mark.parametrize("bins", [1 << 10, 1 << 16], ids="{} bins".format)
@pytest.mark.parametrize("case", PAIRS)
def test_the_distance_is_scipys_to_the_last_bit(case: str, bins: int, limit: int) -> None:
    first, second = PAIRS[case]
    assert distance(first, second, bins, limit) == expected(first, second)


NUMBERS = st.lists(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-3, 3).map(float),
        st.floats(-1, 1).map(lambda x: x * 1e-310),
    ),
    min_size=1,
    max_size=60,
).map(np.array)


@given(NUMBERS, NUMBERS, st.sampled_from([1, 5, 100]))
def test_the_distance_is_scipys_for_any_numbers(
    first: "NDArray[Any]", second: "NDArray[Any]", limit: int
) -> None:
    # Of places equally far apart, each rounds 1/3 or 1 - 2/3 in its own way.
    wanted = pytest.approx(expected(first, second), rel=0, abs=2.3e-16)
    assert distance(first, second, 1 << 10, limit) == wanted


def test_a_shift_of_normals_gives_the_closed_form() -> None:
    """N(0, 1) against N(s, 1): D = 2 Phi(s / 2) - 1."""
    quantiles = stats.norm.ppf((np.arange(50_000) + 0.5) / 50_000)
    for shift in (0.1, 0.25, 0.5, 1.0):
        found = distance(quantiles, quantiles + shift, 1 << 12, 1_000_000)
        assert found == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, abs=2 / 50_000)


def nearly_the_same() -> "dict[str, Pair]":
    values = np.random.default_rng(0).standard_normal(200_000)
    moved = values.copy()
    moved[values < -2] = 99
    few = np.round(values, 3)
    return {
        "the same": (values, values),
        "in another order": (values, values[::-1]),
        "one value changed": (values, np.append(values[1:], 5.0)),
        "the lowest became the highest": (values, moved),
        "the same with ties": (few, few),
    }


@pytest.mark.parametrize("bins", [1 << 10, 1 << 16], ids="{} bins".format)
@pytest.mark.parametrize("case", nearly_the_same())
def test_data_that_are_nearly_the_same_are_compared_in_a_few_passes(case: str, bins: int) -> None:
    """Their distance is nearly the same everywhere, so that no part of them can be left out."""
    first, second = nearly_the_same()[case]
    search = begun(first, second, bins, limit=20_000)
    passes = 0
    while not search.done:
        passes += 1
        look(search, first, second)
    assert passes <= 8
    assert search.bound - search.distance <= 2.0**-15
    assert search.distance <= expected(first, second) <= search.bound + 1e-15


def test_values_are_not_kept_where_edges_already_tell() -> None:
    """Bins without any overlap leave nothing to look for."""
    axis = choose_axis(np.arange(100.0), np.arange(100.0), 1 << 10)
    sides = []
    for values in (np.arange(50.0), np.arange(50.0, 100.0)):
        counts = NumberCounts("x", axis, ThinnedSample(100), values=None)
        counts.demote()
        counts.add(values)
        sides.append(counts)
    search = Supremum(sides[0], sides[1], 10)
    assert search.done
    assert search.distance == search.bound == 1.0


def test_the_bound_holds_before_values_are_looked_at() -> None:
    for first, second in itertools.islice(PAIRS.values(), 8):
        axis = choose_axis(first[:500], second[:500], 1 << 10)
        sides = []
        for values in (first, second):
            counts = NumberCounts("x", axis, ThinnedSample(100), values=None)
            counts.demote()
            counts.add(values)
            sides.append(counts)
        search = Supremum(sides[0], sides[1], 10)
        assert search.distance <= expected(first, second) <= search.bound + 1e-15
