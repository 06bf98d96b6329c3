from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlserve_cli.drift.statistics.change_points import find_change_points

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(windows: int, seed: int = 0) -> "NDArray[np.float64]":
    return np.random.default_rng(seed).standard_normal(windows)


@pytest.mark.parametrize("position", [8, 20, 33])
def test_a_change_of_level_is_found_where_it_is(position: int) -> None:
    course = noise(40) + 6.0 * (np.arange(40) >= position)
    (found,) = find_change_points(course)
    assert found.position == position
    assert found.p_value <= 0.01
    assert found.after - found.before == pytest.approx(6, abs=1.5)


def test_two_changes_are_told_apart() -> None:
    course = np.concatenate([noise(20, 1), noise(20, 2) + 6, noise(20, 3) - 5])
    found = find_change_points(course)
    assert [change.position for change in found] == [20, 40]
    assert found[0].after == found[1].before


def test_single_outliers_are_no_change() -> None:
    course = noise(40)
    course[[5, 30]] = 1e9
    assert find_change_points(course) == ()


def test_a_quiet_course_rarely_changes() -> None:
    generator = np.random.default_rng(1)
    alarms = sum(bool(find_change_points(generator.standard_cauchy(30))) for _ in range(300))
    assert alarms <= 10


@pytest.mark.parametrize("course", [[], [1.0], [3.0] * 50, [0, 9, 0, 9, 9]])
def test_too_few_or_constant_windows_do_not_change(course: list[float]) -> None:
    assert find_change_points(course) == ()


def test_units_do_not_matter() -> None:
    course = noise(30) + 6.0 * (np.arange(30) >= 12)
    positions = [[change.position for change in find_change_points(course * c)] for c in (1, 1e-9)]
    assert positions[0] == positions[1] == [12]
