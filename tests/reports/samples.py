"""Reports to be drawn: hand-made ones whose every value is known, and real checks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlserve_cli.drift import drift_check
from mlserve_cli.drift.report import (
    SCHEMA_VERSION,
    CategoryShare,
    Check,
    ColumnReport,
    DriftReport,
    Histogram,
    Kind,
    Measure,
    RuleSummary,
    SchemaFinding,
    SchemaProblem,
    Side,
    Verdict,
)

# Names that act where they are not escaped: in HTML, SVG, templates, Markdown, on terminals.
HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "]]>--></style></svg><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "a|b\\|c`d``e\\",
    "two\nlines\r\nand a\ttab",
    "\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe\u2066",
    "@everyone see #1 :tada: www.example.com https://example.com",
    "[link](https://example.com) ![x](y) <https://example.com>",
    "# - 1. * _a_ ~~b~~ $x$ &amp;",
    "   ",
    "é日本語🎉",
    "long " * 60,
)

NUMBERS = ColumnReport(
    name="bill_length_mm",
    kind=Kind.NUMERIC,
    verdict=Verdict.DRIFT,
    effect=0.258,
    effect_name="psi",
    threshold=0.1,
    p_value=3e-9,
    adjusted_p_value=6e-9,
    direction="median 12.1 -> 14.9",
    smallest_detectable=0.05,
    checks=(
        Check(
            "distribution",
            (Measure("psi", 0.258, 0.1, 2e-9), Measure("ks", 0.2, 0.1, 3e-9)),
            p_value=3e-9,
            adjusted_p_value=6e-9,
            significant=True,
            drifted=True,
            detail="",
        ),
    ),
    reference=Side("int64", 1000, 0, 0, None, 1.0, 20.0, 12.3, 2.0, (1, 2, 8, 12.1, 14, 18, 19)),
    current=Side("double", 500, 60, 0, None, 2.0, 25.0, 15.1, 2.0, (2, 3, 9, 14.9, 17, 20, 24)),
    histogram=Histogram((0.0, 10.0, 20.0, 30.0, 40.0), (250, 500, 250, 0), (0, 110, 220, 110)),
)
QUIET = replace(
    NUMBERS,
    name="depth",
    verdict=Verdict.OK,
    effect=0.02,
    effect_name="ks",
    p_value=0.4,
    adjusted_p_value=0.8,
    direction="",
    checks=(),
    current=NUMBERS.reference,
)
FEW = replace(QUIET, name="few", verdict=Verdict.INSUFFICIENT_DATA, smallest_detectable=0.3141)
WORDS = replace(
    QUIET,
    name="island",
    kind=Kind.TEXT,
    verdict=Verdict.NEGLIGIBLE_SHIFT,
    histogram=None,
    direction="'Dream' 50 % -> 45 %",
    new_categories=tuple(CategoryShare(f"Isle {place}", 1, 0.002) for place in range(4)),
    vanished_categories=(CategoryShare("Atlantis", 3, 0.003),),
)
GONE = replace(
    QUIET,
    name="gone",
    verdict=Verdict.SCHEMA_PROBLEM,
    effect=None,
    effect_name=None,
    threshold=None,
    p_value=None,
    adjusted_p_value=None,
    direction="the column is gone",
    smallest_detectable=None,
    current=None,
    histogram=None,
)
MISSING = SchemaFinding(
    SchemaProblem.MISSING, "gone", "The current data have no column 'gone'.", counts=True
)


def report(*columns: ColumnReport, **changes: Any) -> DriftReport:
    """A report on these columns that found drift."""
    made = DriftReport(
        schema_version=SCHEMA_VERSION,
        drifted=True,
        summary="1 of 5 columns drifted.",
        reference="old.csv",
        current="new.csv",
        reference_rows=1000,
        current_rows=500,
        rule=RuleSummary("auto", 0.01, "bh", 0.1, 0.05, 0.0, strict=False),
        schema=(),
        columns=columns,
    )
    return replace(made, **changes)


FIVE = report(GONE, NUMBERS, FEW, WORDS, QUIET, schema=(MISSING,))


def hostile_report() -> DriftReport:
    """A real check of columns whose names and categories are hostile."""
    generator = np.random.default_rng(0)

    def side(names: tuple[str, ...]) -> pd.DataFrame:
        frame = {name: generator.choice(names, 400) for name in HOSTILE_NAMES[:-1]}
        return pd.DataFrame(frame | {HOSTILE_NAMES[-1]: generator.normal(size=400)})

    current = side(HOSTILE_NAMES[4:]).assign(**{"<b>extra</b>\n": 1.0})
    return drift_check(side(HOSTILE_NAMES[:-4]), current)


def wide_report(columns: int, *, text: str = "") -> DriftReport:
    """A real check of many columns, half numbers and half text of many long categories.

    Args:
        columns: How many.
        text: What the names and the categories are full of.
    """
    generator = np.random.default_rng(1)

    def side(first: int) -> pd.DataFrame:
        frame: dict[str, Any] = {}
        for place in range(columns // 2):
            frame[f"{text}number {place}"] = generator.lognormal(first / 30, 2, 400)
            labels = generator.integers(first, first + 60, 400)
            frame[f"{text}text {place}"] = [f"{label} {text}" for label in labels]
        return pd.DataFrame(frame)

    return drift_check(side(0), side(30))
