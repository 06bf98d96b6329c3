"""Tables of what is beyond columns."""

from dataclasses import replace

from tests.reports.samples import BEYOND, COURSE, ESTIMATE, PERFORMANCE, WHOLE_ROWS

from mlserve_cli.reports.course_plot import HEIGHT, WIDTH, course_plot
from mlserve_cli.reports.sections import (
    changes,
    course_section,
    exceeded,
    highest,
    performance_section,
    rows_section,
    sections,
)


def test_an_estimate_says_that_it_is_one() -> None:
    section = performance_section(ESTIMATE)
    assert section.title == "Quality of predictions, estimated: for information"
    assert section.rows == (("ROC AUC", "estimate", "0.9500", "0.9600", "+0.0100", ""),)
    assert section.remarks[0] == ESTIMATE.assumption


def test_quality_that_did_not_fall_is_said_so() -> None:
    section = performance_section(replace(PERFORMANCE, drifted=False))
    assert section.title == "Quality of predictions, by species: no worse"
    assert section.rows[0][-1] == "-0.1500 to -0.0700"


def test_too_few_rows_are_no_verdict() -> None:
    section = rows_section(replace(WHOLE_ROWS, drifted=False, tests=(), separating=()))
    assert section.title == "Whole rows: insufficient data"
    assert section.rows == ()


def test_a_test_without_threshold_shows_its_value_only() -> None:
    assert rows_section(WHOLE_ROWS).rows[2][3] == "0.12"


def test_a_course_in_words() -> None:
    island, depth = COURSE.columns
    assert exceeded(island, COURSE) == "4 of 8, first 2024-05-05"
    assert exceeded(depth, COURSE) == "none"
    assert highest(island) == "0.5 >= 0.2"
    assert changes(island) == "2024-05-05: 0.01 -> 0.39"
    assert changes(replace(island, changes=island.changes * 5)).endswith("; and 2 more")


def test_of_many_courses_the_first_are_shown() -> None:
    many = replace(COURSE, columns=COURSE.columns * 30)
    section = course_section(many, lambda _: "")
    assert len(section.rows) == 20
    assert section.remarks[0] == "... and 40 more columns, of which 20 drifted in some window."


def test_windows_of_rows_say_so() -> None:
    assert course_section(replace(COURSE, window="200", time=None), lambda _: "").title == (
        "8 windows of 200 rows: 1 of 2 columns drifted in some"
    )


def test_a_report_has_the_sections_that_were_asked_for() -> None:
    assert [one.title.split(":")[0] for one in sections(BEYOND, lambda _: "")] == [
        "Whole rows",
        "8 windows of 1d by when",
    ]
    assert sections(replace(BEYOND, multivariate=None, course=None), lambda _: "") == []


def test_a_course_is_drawn_on_the_scale_of_its_largest_value() -> None:
    drawn = course_plot(COURSE.columns[0])
    assert drawn.values.startswith("M20 ")
    assert f" {2}L" in drawn.values
    assert drawn.drifted.count("M") == 4
    assert drawn.changes == f"M{WIDTH // 2} 0V{HEIGHT}"
    assert drawn.thresholds.endswith(f"H{WIDTH}")
    assert drawn.thresholds.count("V") == 1


def test_of_many_windows_the_most_drifted_of_neighbours_are_drawn() -> None:
    values = tuple(0.9 if place == 333 else 0.1 for place in range(500))
    course = replace(
        COURSE.columns[0], values=values, thresholds=(0.2,) * 500, exceeded=(333,), changes=()
    )
    drawn = course_plot(course)
    assert drawn.values.count("L") < 80
    assert drawn.drifted.count("M") == 1
    assert len(drawn.values) < 800
