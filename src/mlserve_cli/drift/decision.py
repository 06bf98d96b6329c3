"""The rule applied: which checks are drift, and whether the whole check fails."""

from collections.abc import Sequence
from dataclasses import replace

from mlserve_cli.drift.predictions.report import Performance
from mlserve_cli.drift.report import Check, ColumnReport, SchemaFinding, Verdict
from mlserve_cli.drift.rows.report import WholeRows
from mlserve_cli.drift.rule import Rule
from mlserve_cli.drift.statistics.correction import Correction, adjust


def decide(columns: Sequence[Sequence[Check]], rule: Rule) -> list[tuple[Check, ...]]:
    """The checks of all columns with adjusted p-values and what follows from them."""
    raw = [check.p_value for checks in columns for check in checks if check.p_value is not None]
    adjusted = iter(adjust(raw, rule.correction).tolist() if raw else [])
    return [
        tuple(
            _decided(check, None if check.p_value is None else next(adjusted), rule.alpha)
            for check in checks
        )
        for checks in columns
    ]


def single_level(columns: Sequence[Sequence[Check]], rule: Rule) -> float:
    """Level that one check has to reach where no other one is significant."""
    tests = sum(check.p_value is not None for checks in columns for check in checks)
    return rule.alpha if rule.correction is Correction.NONE else rule.alpha / max(1, tests)


def _decided(check: Check, adjusted: float | None, alpha: float) -> Check:
    significant = adjusted is None or adjusted <= alpha
    large = any(
        measure.threshold is not None and measure.value >= measure.threshold
        for measure in check.measures
    )
    return replace(
        check,
        adjusted_p_value=adjusted,
        significant=significant,
        drifted=significant and large,
    )


def fails(columns: Sequence[ColumnReport], schema: Sequence[SchemaFinding], rule: Rule) -> bool:
    """Whether the whole check fails."""
    if any(finding.counts for finding in schema):
        return True
    if rule.strict and (schema or _count(columns, Verdict.INSUFFICIENT_DATA)):
        return True
    drifted = _count(columns, Verdict.DRIFT)
    return drifted > rule.max_drifted_share * len(columns)


def summary(columns: Sequence[ColumnReport], schema: Sequence[SchemaFinding]) -> str:
    """One sentence on everything."""
    compared = len(columns) - _count(columns, Verdict.SCHEMA_PROBLEM)
    drifted = _count(columns, Verdict.DRIFT)
    few = _count(columns, Verdict.INSUFFICIENT_DATA)
    noun = "column" if compared == 1 else "columns"
    parts = [
        f"{drifted} of {compared} {noun} drifted" if drifted else f"No drift in {compared} {noun}"
    ]
    if few:
        parts.append(f"{few} with too few rows to tell")
    problems = sum(finding.counts for finding in schema)
    if problems:
        parts.append(f"{problems} schema problem{'s' if problems > 1 else ''}")
    return ", ".join(parts) + "."


def beyond_columns_fail(
    rows: WholeRows | None, performance: Performance | None, rule: Rule
) -> bool:
    """Whether the check fails for what no single column shows."""
    if performance is not None and performance.drifted:
        return True
    return rows is not None and (rows.drifted or (rule.strict and not rows.tests))


def beyond_columns_summary(rows: WholeRows | None, performance: Performance | None) -> str:
    """One sentence on what no single column shows; empty where there is nothing to tell."""
    parts = []
    if rows is not None and rows.drifted:
        parts.append("whole rows drifted")
    if performance is not None and performance.drifted:
        fell = [figure.name.replace("_", " ") for figure in performance.figures if figure.drifted]
        parts.append(f"the predictions got worse ({', '.join(fell)})")
    words = ", and ".join(parts)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _count(columns: Sequence[ColumnReport], verdict: Verdict) -> int:
    return sum(column.verdict is verdict for column in columns)
