import pytest

from mlserve_cli.drift.matching import Columns, match_columns
from mlserve_cli.drift.report import Kind, SchemaProblem
from mlserve_cli.drift.sources.interface import Field
from mlserve_cli.errors import InputError, UsageError


def columns(name: str, *fields: str, named: bool = True) -> Columns:
    """Columns such as `age`, `city:text` or `when:time:timestamp[us, tz=UTC]`."""
    made = []
    for field in fields:
        label, kind, dtype = (*field.split(":"), "numeric", "float64")[:3]
        if field.count(":") == 1:
            dtype = "some type"
        made.append(Field(label, dtype, Kind(kind)))
    return Columns(name, made, named)


def test_columns_are_matched_by_name_and_every_difference_is_told() -> None:
    pairs, findings = match_columns(
        columns("ref", "a", "b", "c", "d:text"),
        columns("cur", "d", "e", "c", "a"),
        None,
    )
    assert [(pair.name, pair.current_position, pair.comparable) for pair in pairs] == [
        ("a", 3, True),
        ("b", -1, False),
        ("c", 2, True),
        ("d", 0, False),
    ]
    assert [(finding.problem, finding.column, finding.counts) for finding in findings] == [
        (SchemaProblem.MISSING, "b", True),
        (SchemaProblem.RETYPED, "d", True),
        (SchemaProblem.EXTRA, "e", False),
        (SchemaProblem.REORDERED, "", False),
    ]


def test_truth_values_and_numbers_can_be_compared() -> None:
    pairs, findings = match_columns(columns("ref", "a:boolean"), columns("cur", "a"), None)
    assert pairs[0].comparable
    assert pairs[0].kind is Kind.NUMERIC
    assert [(finding.problem, finding.counts) for finding in findings] == [
        (SchemaProblem.RETYPED, False)
    ]


def test_a_time_zone_on_one_side_is_told() -> None:
    _, findings = match_columns(
        columns("ref", "when:time:timestamp[us, tz=UTC]"),
        columns("cur", "when:time:timestamp[us]"),
        None,
    )
    assert "time zone on one side only" in findings[0].detail


def test_columns_without_names_are_matched_by_position() -> None:
    pairs, findings = match_columns(
        columns("ref", "age", "height"), columns("cur", "x0", "x1", named=False), None
    )
    assert [(pair.name, pair.current_position) for pair in pairs] == [("age", 0), ("height", 1)]
    assert not findings


def test_only_wanted_columns_are_compared() -> None:
    pairs, findings = match_columns(columns("ref", "a", "b"), columns("cur", "b", "z"), ["b"])
    assert [pair.name for pair in pairs] == ["b"]
    assert not findings


@pytest.mark.parametrize(
    ("reference", "current", "wanted", "error", "message"),
    [
        (columns("ref", "a"), columns("cur", "a"), ["z"], UsageError, "no column 'z'"),
        (columns("ref", "a", "a"), columns("cur", "a"), None, InputError, "ref has more than one"),
        (columns("ref", "a"), columns("cur", "b"), None, InputError, "no column that can be comp"),
        (
            columns("ref", "a", "b", named=False),
            columns("cur", "a", named=False),
            None,
            InputError,
            "ref has 2 columns and cur 1",
        ),
    ],
    ids=["unknown", "repeated", "nothing in common", "width"],
)
def test_what_cannot_be_matched_is_refused(
    reference: Columns,
    current: Columns,
    wanted: list[str] | None,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        match_columns(reference, current, wanted)
