"""Streams of rows in windows: quiet, shifted, slowly moving, with gaps and new categories."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mlserve_cli.drift.alarms import WatchState
from mlserve_cli.drift.budget import WatchOptions
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.drift.window import DriftWindows
from mlserve_cli.drift.yardsticks import yardsticks_of_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = 20
FIELDS = [
    *(Field(f"f{place}", "float64", Kind.NUMERIC) for place in range(COLUMNS - 1)),
    Field("colour", "string", Kind.TEXT),
]
REFERENCE_ROWS = 12_000


class Stream:
    """Rows of normal numbers and three colours, watched every two seconds."""

    def __init__(self, seed: int = 0, *, learns: bool = False, **options: Any) -> None:
        self.generator = np.random.default_rng(seed)
        yardsticks = yardsticks_of_rows(self.rows(REFERENCE_ROWS), FIELDS, "training rows")
        self.now = 0.0
        self.options = WatchOptions(**options)
        self.windows = DriftWindows(FIELDS, None if learns else yardsticks, self.options, self.now)

    def rows(self, count: int, colours: int = 3) -> list[Any]:
        numbers = self.generator.normal(size=(COLUMNS - 1, count))
        codes = self.generator.integers(colours, size=count)
        labels = [f"colour {place}" for place in range(colours)]
        return [*numbers, Texts(codes, labels)]

    def run(
        self,
        windows: int,
        *,
        shift: float = 0.0,
        missing: float = 0.0,
        colours: int = 3,
        count: int | None = None,
    ) -> list[WatchState]:
        """The state after each of so many windows; `f3` is what changes."""
        states = []
        for _ in range(windows):
            rows = count or self.options.rows
            columns = self.rows(rows, colours)
            changed: NDArray[np.float64] = columns[3]
            changed += shift
            changed[self.generator.random(rows) < missing] = np.nan
            self.now += 2.0
            self.windows.add(columns, rows)
            self.windows.close_due(self.now)
            states.append(self.windows.state)
        return states

    def alarmed(self) -> list[str]:
        found = self.windows.columns()
        return [report.name for report, state in found if state is WatchState.ALARM]


@pytest.mark.slow
def test_a_long_quiet_stream_raises_no_alarm() -> None:
    assert set(Stream().run(150)) <= {WatchState.OK, WatchState.SUSPECTED}


def test_half_a_standard_deviation_is_found_within_four_windows_and_forgotten_within_six() -> None:
    stream = Stream(1)
    assert stream.run(5)[-1] is WatchState.OK

    assert stream.run(4, shift=0.5)[-1] is WatchState.ALARM
    assert stream.alarmed() == ["f3"]

    assert stream.run(6)[-1] is WatchState.OK


def test_a_column_that_goes_missing_is_found() -> None:
    stream = Stream(2)

    assert stream.run(2, missing=0.2)[-1] is WatchState.ALARM
    assert stream.alarmed() == ["f3"]
    assert stream.run(2, missing=1.0)[-1] is WatchState.ALARM


def test_a_category_that_was_never_seen_is_found() -> None:
    stream = Stream(3)

    assert stream.run(2, colours=4)[-1] is WatchState.ALARM
    assert stream.alarmed() == ["colour"]
    report = next(report for report, _ in stream.windows.columns() if report.name == "colour")
    assert [share.label for share in report.new_categories] == ["colour 3"]


@pytest.mark.slow
def test_what_moves_too_little_for_a_window_is_found_over_the_long_horizon() -> None:
    stream = Stream(5)

    states = stream.run(100, shift=0.13)

    assert WatchState.ALARM in states
    assert WatchState.ALARM not in states[:39]
    assert stream.alarmed() == ["f3"]


def test_rows_that_are_too_few_are_carried_over_until_there_are_enough() -> None:
    stream = Stream(4, seconds=10.0)

    assert set(stream.run(4, count=30)) == {WatchState.WAITING}
    assert set(stream.run(2, count=30)) == {WatchState.INSUFFICIENT}
    assert stream.windows.waiting_rows == 180

    assert stream.run(1, count=30) == [WatchState.OK]
    assert stream.windows.window_rows == 210
    assert stream.windows.waiting_rows == 0


def test_rows_beyond_a_window_belong_to_the_next_one() -> None:
    stream = Stream(6)

    stream.run(1, count=1_250)

    assert stream.windows.windows == 2
    assert stream.windows.waiting_rows == 250


def test_without_a_reference_the_first_windows_are_the_reference() -> None:
    stream = Stream(7, learns=True)

    assert set(stream.run(4)) == {WatchState.WAITING}
    assert not stream.windows.is_learning
    assert stream.windows.reference_rows == 2_000
    assert stream.run(1)[-1] is WatchState.OK
    assert stream.run(4, shift=1.0)[-1] is WatchState.ALARM


def test_the_level_follows_the_time_that_a_window_took() -> None:
    stream = Stream(8)
    stream.run(1)
    quick = stream.windows.level

    stream.now += 1_000
    stream.run(1)

    assert stream.windows.level > 3 * quick
