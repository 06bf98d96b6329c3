"""Reports to be drawn: hand-made ones whose every value is known, and real checks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlserve_cli.drift import drift_check
from mlserve_cli.drift.course.report import Change, ColumnCourse, Course, Window
from mlserve_cli.drift.predictions.report import Performance, PerformanceFigure
from mlserve_cli.drift.report import (
    SCHEMA_VERSION,
    CategoryShare,
    Check,
    ColumnReport,
    DriftReport,
    Histogram,
    Kind,
    Measure,
    SchemaFinding,
    SchemaProblem,
    Side,
    Verdict,
)
from mlserve_cli.drift.rows.report import RowsTest, SeparatingColumn, WholeRows
from mlserve_cli.drift.rule_summary import RuleSummary

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
PERFORMANCE = Performance(
    drifted=True,
    task="classification",
    target="species",
    reference_rows=1000,
    current_rows=480,
    confidence=0.995,
    figures=(
        PerformanceFigure("accuracy", 0.91, 0.8, -0.11, -0.15, -0.07, 0.05, drifted=True),
        PerformanceFigure("roc_auc", 0.95, 0.96, 0.01, -0.02, 0.04, 0.05, drifted=False),
    ),
)
ESTIMATE = Performance(
    drifted=False,
    task="classification",
    target=None,
    reference_rows=1000,
    current_rows=480,
    confidence=0.99,
    figures=(PerformanceFigure("roc_auc", 0.95, 0.96, 0.01, None, None, None, drifted=False),),
    assumption="An estimate: it assumes that all is well.",
)
WHOLE_ROWS = WholeRows(
    drifted=True,
    reference_rows=1000,
    current_rows=500,
    columns=5,
    tests=(
        RowsTest("domain_classifier", "auc", 0.71, 0.55, 0.001, 0.003, True, "71 % of pairs"),
        RowsTest("pca_reconstruction", "ks", 0.04, 0.1, 0.6, 0.6, False, "error 0.3 -> 0.31"),
        RowsTest("mmd", "mmd", 0.12, None, 0.2, 0.3, False, "on 500 and 500 rows"),
    ),
    separating=(SeparatingColumn("island", 0.2), SeparatingColumn("depth", 0.05)),
)
COURSE = Course(
    window="1d",
    time="when",
    windows=tuple(Window(f"2024-05-0{day}", 86_400.0 * day, 100) for day in range(1, 9)),
    columns=(
        ColumnCourse(
            "island",
            "total_variation",
            values=(0.05, 0.08, 0.06, 0.07, 0.4, 0.5, 0.45, 0.48),
            thresholds=(0.2,) * 7 + (0.3,),
            exceeded=(4, 5, 6, 7),
            changes=(Change(4, "2024-05-05", 0.0005, 0.01, 0.39),),
        ),
        ColumnCourse(
            "depth", "total_variation", (0.0, 0.1, 0.1, 0.1, 0.0, 0.1, 0.1, 0.1), (0.2,) * 8, (), ()
        ),
    ),
)
BEYOND = report(
    QUIET,
    NUMBERS,
    WORDS,
    predictions=("depth",),
    performance=PERFORMANCE,
    multivariate=WHOLE_ROWS,
    course=COURSE,
)


def hostile_report() -> DriftReport:
    """A real check of columns whose names and categories are hostile."""
    generator = np.random.default_rng(0)

    def side(names: tuple[str, ...]) -> pd.DataFrame:
        frame = {name: generator.choice(names, 400) for name in HOSTILE_NAMES[:-1]}
        return pd.DataFrame(frame | {HOSTILE_NAMES[-1]: generator.normal(size=400)})

    current = side(HOSTILE_NAMES[4:]).assign(**{"<b>extra</b>\n": 1.0})
    return drift_check(
        side(HOSTILE_NAMES[:-4]),
        current,
        predictions=HOSTILE_NAMES[:2],
        multivariate=True,
        window=40,
    )


def wide_report(columns: int, *, text: str = "", window: int | None = None) -> DriftReport:
    """A real check of many columns, half numbers and half text of many long categories.

    Args:
        columns: How many.
        text: What the names and the categories are full of.
        window: Rows of a window, for the course; None for none.
    """
    generator = np.random.default_rng(1)

    def side(first: int) -> pd.DataFrame:
        frame: dict[str, Any] = {}
        for place in range(columns // 2):
            frame[f"{text}number {place}"] = generator.lognormal(first / 30, 2, 400)
            labels = generator.integers(first, first + 60, 400)
            frame[f"{text}text {place}"] = [f"{label} {text}" for label in labels]
        return pd.DataFrame(frame)

    return drift_check(side(0), side(30), window=window)
