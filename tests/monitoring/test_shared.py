"""Processes that count for each other, and some that die."""

import math
import os
import signal
from collections.abc import Callable

import pytest

from mlserve_cli.monitoring.families import Family, Kind, Merge
from mlserve_cli.monitoring.shared import OTHER, SHEET_BYTES, SeriesKey, SharedNumbers, set_gauge

# Newer Pythons warn of threads, which numpy has; nothing here needs them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

ASKED = Family("asked_total", "Asked.", Kind.COUNTER, ("model",))
TIMES = Family("times", "Times.", Kind.HISTOGRAM, bounds=(1.0, 2.0))


def in_child(work: Callable[[], None], *, killed: bool = False) -> None:
    """Does it in a process of its own, which may be killed once it is done."""
    process = os.fork()
    if process == 0:
        try:
            work()
            if killed:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) if killed else status == 0


def count(numbers: SharedNumbers, place: int, model: str, amount: float) -> None:
    sheet = numbers.sheets[place]
    sheet.take()
    sheet.series(ASKED, (model,))[0] += amount


def test_everybody_reads_the_sums() -> None:
    numbers = SharedNumbers(3)
    for place in range(3):
        in_child(lambda place=place: count(numbers, place, "a", place + 1))  # type: ignore[misc]
    assert numbers.merged()[SeriesKey("asked_total", ("a",))].tolist() == [6.0]


def test_who_replaces_a_dead_process_goes_on_where_it_stopped() -> None:
    numbers = SharedNumbers(2)
    in_child(lambda: count(numbers, 0, "a", 5), killed=True)
    assert numbers.merged()[SeriesKey("asked_total", ("a",))].tolist() == [5.0]

    def replace() -> None:
        count(numbers, 0, "a", 2)
        # A model that only this process has loaded.
        count(numbers, 0, "b", 1)

    in_child(replace)
    assert {key.labels: values[0] for key, values in numbers.merged().items()} == {
        ("a",): 7.0,
        ("b",): 1.0,
    }


def test_gauges_of_the_dead_are_not_read_any_more() -> None:
    numbers = SharedNumbers(1)
    depth = Family("depth", "Depth.")

    def work() -> None:
        numbers.sheets[0].take()
        set_gauge(numbers.sheets[0].series(depth), 3.0)

    in_child(work, killed=True)
    assert numbers.merged()[SeriesKey("depth", ())][0] == 3.0
    numbers.sheets[0].take()
    assert numbers.merged() == {}


@pytest.mark.parametrize(("merge", "expected"), [("sum", 12.0), ("max", 7.0), ("newest", 5.0)])
def test_gauges_become_one_as_their_family_says(merge: str, expected: float) -> None:
    family = Family("depth", "Depth.", merge=Merge(merge))
    numbers = SharedNumbers(3)
    for place, (value, time) in enumerate([(7.0, 10.0), (5.0, 20.0), (math.nan, 30.0)]):
        set_gauge(numbers.sheets[place].series(family), value, time)
    assert numbers.merged()[SeriesKey("depth", ())][0] == expected


def test_histograms_are_summed_bucket_by_bucket() -> None:
    numbers = SharedNumbers(2)
    for place, bucket in ((0, 1), (0, 3), (1, 3)):
        cells = numbers.sheets[place].series(TIMES)
        cells[0] += 1.5
        cells[bucket] += 1.0
    assert numbers.merged()[SeriesKey("times", ())].tolist() == [4.5, 1.0, 0.0, 2.0]


def test_series_without_room_are_counted_together_and_none_is_lost() -> None:
    numbers = SharedNumbers(1)
    sheet = numbers.sheets[0]
    wide = Family(
        "wide", "Wide.", Kind.HISTOGRAM, ("model",), bounds=tuple(map(float, range(4096)))
    )
    models = 2 * SHEET_BYTES // (8 * wide.cells)
    for number in range(models):
        sheet.series(wide, (str(number),))[1] += 1.0
        sheet.series(ASKED, (str(number),))[0] += 1.0
    found = numbers.merged()
    assert SeriesKey("wide", (OTHER,)) in found
    assert sum(values[1] for key, values in found.items() if key.family == "wide") == models
    assert sum(values[0] for key, values in found.items() if key.family == "asked_total") == models
