from dataclasses import replace

import pytest
from tests.reports.samples import FEW, FIVE, GONE, NUMBERS, QUIET, WORDS

from mlserve_cli.drift.report import Check, Kind, Measure, Verdict
from mlserve_cli.reports.wording import (
    effect_against_threshold,
    effect_name,
    number,
    probability,
    remarks,
    rule_in_words,
    tally_in_words,
    typeset,
    value_of,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.0, "0"), (12.3456, "12.35"), (1234567.8, "1,234,568"), (1e-7, "1e-07")],
)
def test_numbers_have_four_digits_or_all_before_the_point(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (1.0, "1"), (0.0123, "0.012"), (3.1e-9, "3e-09"), (0.0, "< 1e-300")],
)
def test_p_values_have_two_digits_and_never_are_zero(value: float, shown: str) -> None:
    assert probability(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "1970-01-01"),
        (1700000000.0, "2023-11-14 22:13"),
        (-86400.0, "1969-12-31"),
        (1e300, "1e+300 s"),
    ],
)
def test_times_are_dates_in_utc(seconds: float, shown: str) -> None:
    assert value_of(Kind.TIME, seconds) == shown
    assert value_of(Kind.NUMERIC, seconds) == number(seconds)


def test_an_effect_stands_beside_its_threshold() -> None:
    assert (effect_name(NUMBERS), effect_against_threshold(NUMBERS)) == ("PSI", "0.258 >= 0.1")
    assert effect_against_threshold(QUIET) == "0.02 < 0.1"
    assert (effect_name(GONE), effect_against_threshold(GONE)) == ("", "")


def test_a_share_says_of_what_it_is() -> None:
    check = Check("out_of_range", (Measure("share", 0.2, 0.05),), 0.0, 0.0, True, True, "")
    column = replace(NUMBERS, checks=(check,), effect=0.2, effect_name="share", threshold=0.05)
    assert effect_name(column) == "out of range"
    assert effect_against_threshold(column) == "20 % >= 5.0 %"


def test_remarks_tell_direction_types_and_missing_values() -> None:
    assert remarks(NUMBERS) == [
        "Median 12.1 -> 14.9.",
        "Type int64 -> double.",
        "Missing 0 % -> 12 %.",
    ]
    assert remarks(QUIET) == []


def test_remarks_list_categories_of_one_side_only() -> None:
    assert remarks(WORDS)[1:] == [
        "New: 'Isle 0' 0.2 %, 'Isle 1' 0.2 %, 'Isle 2' 0.2 %, ...",
        "Gone: 'Atlantis' 0.3 %.",
    ]


def test_what_the_direction_says_is_not_said_again() -> None:
    told = replace(
        WORDS,
        direction="missing 0 % -> 12 %; 1 % of rows in 4 new categories",
        current=NUMBERS.current,
    )
    assert not any(text.startswith(("Missing 0 % -> 12 %.", "New:")) for text in remarks(told))


def test_too_few_rows_come_with_the_effect_that_they_hide() -> None:
    assert remarks(FEW) == ["So few rows hide effects below 0.31."]


def test_the_rule_is_told_in_words() -> None:
    told = rule_in_words(FIVE)
    assert "significant at 0.01 after Benjamini-Hochberg's correction" in told
    assert "0.1 for distributions" in told
    plain = replace(FIVE, rule=replace(FIVE.rule, correction="none"))
    assert "without a correction" in rule_in_words(plain)


def test_verdicts_are_counted_the_worst_first() -> None:
    assert tally_in_words(FIVE.columns[1:]) == (
        "1 drift, 1 insufficient data, 1 negligible shift, 1 ok"
    )
    assert tally_in_words([]) == ""
    assert str(Verdict.OK) in tally_in_words([QUIET])


def test_print_has_arrows() -> None:
    assert typeset("4 % -> 9 % >= 5") == "4\N{NO-BREAK SPACE}% → 9\N{NO-BREAK SPACE}% ≥ 5"
