"""How often a drift check raises a false alarm, and how often it finds what has changed.

    python benchmarks/drift_calibration.py --runs 500

Data are drawn anew in each run, seeded. An alarm of the whole check counts where nothing has
changed; where one column of twenty has, it must be that column. Beside the default rule stands the
one of the tutorials: any column whose Kolmogorov-Smirnov p-value is at most 0.05, uncorrected.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mlserve_cli.drift.check import drift_check
from mlserve_cli.drift.report import DriftReport, Verdict
from mlserve_cli.drift.rule import Method, Rule
from mlserve_cli.drift.statistics.correction import Correction

Draw = Callable[[np.random.Generator, int], "np.ndarray[Any, Any]"]
TUTORIALS = Rule(alpha=0.05, method=Method.KS, correction=Correction.NONE, min_effect=0.0)
SIZES = [(100, 100), (1_000, 1_000), (10_000, 10_000), (2_000, 200), (1_001, 100), (200, 2_000)]
CHANGED = "c0"
# Two in a hundred is what the default rule promises for a check in which nothing has changed.
FALSE_ALARMS = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """Alarms in one case.

    Attributes:
        case: What the data were.
        rows: Of the reference and of the current data.
        columns: How many there were.
        runs: How often data were drawn.
        alarms: Share of runs with an alarm, of the column that changed if one did.
        tutorials: The same by the rule of the tutorials.
        wanted: What the share must reach, or must not exceed; empty where nothing is promised.
        holds: Whether it does, or misses it by no more than chance (three standard errors).
    """

    case: str
    rows: tuple[int, int]
    columns: int
    runs: int
    alarms: float
    tutorials: float | None
    wanted: str
    holds: bool


def normal(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
    return generator.standard_normal(rows)


def heavy(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
    return generator.standard_cauchy(rows)


def rounded(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
    return generator.standard_normal(rows).round(1)


def with_missing(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
    values = generator.standard_normal(rows)
    values[generator.random(rows) < 0.05] = math.nan
    return values


def categories(count: int, skewed: bool) -> Draw:
    weights = 1 / np.arange(1.0, count + 1) ** skewed
    labels = np.array([f"k{number}" for number in range(count)])

    def draw(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
        return generator.choice(labels, rows, p=weights / weights.sum())

    return draw


def quiet_cases() -> list[tuple[str, Draw]]:
    named: list[tuple[str, Draw]] = [
        ("normal", normal),
        ("heavy tails", heavy),
        ("rounded", rounded),
        ("5 % missing", with_missing),
    ]
    for count in (2, 3, 20, 300):
        named.append((f"{count} categories", categories(count, skewed=False)))
        named.append((f"{count} categories, skewed", categories(count, skewed=True)))
    return named


def changed_cases() -> list[tuple[str, tuple[int, int], Draw, Draw, float | None]]:
    """Name, rows, the column before and after, and how often it must be found.

    0 says that it is too small to count; None that nothing is promised.
    """

    def shifted(by: float) -> Draw:
        return lambda generator, rows: generator.standard_normal(rows) + by

    def wider(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
        return generator.standard_normal(rows) * 1.5

    def third_missing(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
        values = generator.standard_normal(rows)
        values[generator.random(rows) < 1 / 3] = math.nan
        return values

    five = categories(5, skewed=False)

    def new_category(generator: np.random.Generator, rows: int) -> "np.ndarray[Any, Any]":
        values = five(generator, rows)
        return np.where(generator.random(rows) < 0.1, "new", values)

    return [
        ("shift of 0.1 sigma", (10_000, 10_000), normal, shifted(0.1), 0.0),
        ("shift of 0.25 sigma", (1_000, 1_000), normal, shifted(0.25), 0.8),
        ("shift of 0.5 sigma", (200, 200), normal, shifted(0.5), None),
        ("shift of 0.5 sigma", (1_000, 200), normal, shifted(0.5), 0.9),
        ("shift of 0.5 sigma", (10_000, 200), normal, shifted(0.5), 0.9),
        ("shift of 1 sigma", (1_000, 100), normal, shifted(1.0), 0.9),
        ("scale x 1.5", (1_000, 1_000), normal, wider, 0.8),
        ("a new category, 10 %", (1_000, 1_000), five, new_category, 0.8),
        ("a third missing", (1_000, 200), normal, third_missing, 0.8),
    ]


def run_quiet(name: str, draw: Draw, rows: tuple[int, int], columns: int, runs: int) -> Outcome:
    generator = np.random.default_rng([*rows, columns, len(name)])
    alarms = tutorials = 0
    for _ in range(runs):
        before, after = (
            {f"c{place}": draw(generator, count) for place in range(columns)} for count in rows
        )
        alarms += bool(drift_check(before, after))
        if draw in (normal, heavy, rounded):
            tutorials += bool(drift_check(before, after, TUTORIALS))
    share = alarms / runs
    chance = 3 * math.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / runs)
    return Outcome(
        case=f"no change, {name}",
        rows=rows,
        columns=columns,
        runs=runs,
        alarms=share,
        tutorials=tutorials / runs if draw in (normal, heavy, rounded) else None,
        wanted=f"<= {FALSE_ALARMS:.0%}",
        holds=share <= FALSE_ALARMS + chance,
    )


def run_changed(
    name: str, rows: tuple[int, int], draws: tuple[Draw, Draw], wanted: float | None, runs: int
) -> Outcome:
    generator = np.random.default_rng([*rows, len(name)])
    found = tutorials = 0
    for _ in range(runs):
        before, after = (
            {CHANGED: draw(generator, count)} for draw, count in zip(draws, rows, strict=True)
        )
        for place in range(1, 20):
            before[f"c{place}"] = normal(generator, rows[0])
            after[f"c{place}"] = normal(generator, rows[1])
        found += drifted(drift_check(before, after))
        if before[CHANGED].dtype.kind == "f":
            tutorials += drifted(drift_check(before, after, TUTORIALS))
    share = found / runs
    return Outcome(
        case=name,
        rows=rows,
        columns=20,
        runs=runs,
        alarms=share,
        tutorials=tutorials / runs if before[CHANGED].dtype.kind == "f" else None,
        **judged(share, wanted, runs),
    )


def judged(share: float, wanted: float | None, runs: int) -> dict[str, Any]:
    if wanted is None:
        return {"wanted": "", "holds": True}
    if not wanted:
        return {"wanted": "negligible", "holds": share <= 0.05}
    chance = 3 * math.sqrt(wanted * (1 - wanted) / runs)
    return {"wanted": f">= {wanted:.0%}", "holds": share >= wanted - chance}


def drifted(report: DriftReport) -> bool:
    return any(
        column.name == CHANGED and column.verdict is Verdict.DRIFT for column in report.columns
    )


def show(outcomes: list[Outcome]) -> None:
    table = Table("case", "rows", "columns", "alarms", "wanted", "holds", "tutorials' rule")
    for outcome in outcomes:
        table.add_row(
            outcome.case,
            " / ".join(f"{count:,}" for count in outcome.rows),
            str(outcome.columns),
            f"{outcome.alarms:.1%}",
            outcome.wanted,
            "yes" if outcome.holds else "NO",
            "" if outcome.tutorials is None else f"{outcome.tutorials:.1%}",
        )
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="draws of each case")
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--rows", type=int, nargs=2, action="append", help="instead of all sizes")
    parser.add_argument("--only", choices=["quiet", "changed"], help="half of the cases")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [(first, second) for first, second in options.rows] if options.rows else SIZES
    outcomes = []
    if options.only != "changed":
        outcomes += [
            run_quiet(name, draw, rows, columns, options.runs)
            for rows in sizes
            for columns in options.columns
            for name, draw in quiet_cases()
        ]
    if options.only != "quiet":
        outcomes += [
            run_changed(name, rows, (before, after), wanted, options.runs)
            for name, rows, before, after, wanted in changed_cases()
        ]
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        show(outcomes)
    if not all(outcome.holds for outcome in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
