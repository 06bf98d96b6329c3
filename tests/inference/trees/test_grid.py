"""Intervals are those that a search by halving finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve_cli.inference.trees.grid import Grid

POINTS = st.lists(
    st.one_of(
        st.floats(allow_nan=False, width=64),
        st.floats(-1, 1),
        st.sampled_from([0.0, 1.0, np.nextafter(1.0, 2.0), 1e308, -1e308, np.inf]),
    ),
    min_size=1,
    max_size=60,
    unique=True,
).map(lambda some: np.unique(np.array(some)))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(POINTS, min_size=1, max_size=4),
    st.lists(st.floats(width=64), min_size=1, max_size=30),
)
def test_each_value_is_in_the_interval_that_it_belongs_to(
    points: list[np.ndarray], values: list[float]
) -> None:
    with np.errstate(all="ignore"):
        beside = [np.nextafter(some, side) for some in points for side in (-np.inf, np.inf)]
    row = np.concatenate([*points, *beside, values, [np.nan, np.inf, -np.inf]])
    found = Grid(points).find(np.tile(row, (len(points), 1)))
    start = 0
    for some, intervals in zip(points, found, strict=True):
        expected = np.where(np.isnan(row), some.size + 1, np.searchsorted(some, row))
        np.testing.assert_array_equal(intervals, expected + start)
        start += some.size + 2


def test_points_that_crowd_are_searched_by_halving() -> None:
    crowded = np.array([0.0, *np.linspace(1e-9, 2e-9, 50), 1.0])
    grid = Grid([np.arange(5.0), crowded])
    row = np.concatenate([crowded, [np.nan]])
    assert list(grid._searched) == [1]
    expected = [*range(crowded.size), crowded.size + 1]
    np.testing.assert_array_equal(grid.find(np.stack([row, row]))[1] - 7, expected)
