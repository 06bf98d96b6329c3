import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.reports.legible import legible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bill_length_mm", "bill_length_mm"),
        ("é日本語🎉", "é日本語🎉"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("", '""'),
        ("  ", '"  "'),
    ],
    ids=["plain", "foreign", "line", "escape", "reversed", "surrogate", "empty", "blank"],
)
def test_what_acts_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert legible(text) == shown


@given(st.text(st.characters(categories=["L", "C", "Z", "P"])), st.integers(4, 20))
def test_any_text_takes_one_line_of_at_most_so_many_characters(text: str, limit: int) -> None:
    shown = legible(text, limit)
    assert len(shown) <= limit + 2
    assert len(shown.splitlines()) == 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in shown)


def test_a_long_text_ends_in_dots() -> None:
    assert legible("a" * 30, 10) == "a" * 7 + "..."
    assert legible("a" * 10, 10) == "a" * 10
