"""Checks of shares of rows: missing, infinite and out-of-range values, new categories."""

import math
from typing import TYPE_CHECKING

from mlserve_cli.drift.evaluation.novelty import new_rows_p
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
from mlserve_cli.drift.report import CategoryShare, Check, Measure, OutOfRange
from mlserve_cli.drift.statistics.proportions import two_proportions, upper_bound

if TYPE_CHECKING:
    from mlserve_cli.drift.evaluation.pair import Table

_LISTED = 20


def missing_check(pair: NumberPair | CategoryPair, min_share: float) -> Check | None:
    """Compares the shares of missing values; None where nothing is missing."""
    before = pair.reference.missing, pair.reference.rows
    after = pair.current.missing, pair.current.rows
    return _proportions("missing", before, after, min_share)


def infinite_check(pair: NumberPair, min_share: float) -> Check | None:
    """Compares the shares of infinities; None where there are none."""
    before = sum(pair.reference.infinite), pair.reference.rows
    after = sum(pair.current.infinite), pair.current.rows
    return _proportions("infinite", before, after, min_share)


def _proportions(
    name: str, before: tuple[int, int], after: tuple[int, int], min_share: float
) -> Check | None:
    # With the rows of both sides together nothing can be seen of which side has them: to leave the
    # check out does not raise the rate of false alarms.
    if not before[0] + after[0]:
        return None
    test = two_proportions(*before, *after)
    measure = Measure("share", abs(test.difference), min_share, test.p_value)
    detail = f"{name} {share(before[0] / before[1])} -> {share(after[0] / after[1])}"
    return Check(name, (measure,), test.p_value, None, False, False, detail)


def out_of_range(pair: NumberPair) -> OutOfRange | None:
    """Current values beyond those of the reference; None where a side has no values."""
    if not pair.reference.finite or not pair.current.finite:
        return None
    below, above = pair.current.beyond
    return OutOfRange(below, above, (below + above) / pair.current.finite)


def out_of_range_check(pair: NumberPair, min_share: float) -> Check | None:
    """Asks whether the reference's range holds; None where too few rows are beyond it to matter."""
    found = out_of_range(pair)
    if found is None or not found.below + found.above or found.share < min_share:
        return None
    rows = pair.reference.finite, pair.current.finite
    p_value = min(1.0, 2 * min(_all_current(found.below, *rows), _all_current(found.above, *rows)))
    bound = upper_bound(found.below + found.above, rows[1])
    measures = (Measure("share", found.share, min_share, p_value), Measure("share_bound", bound))
    return Check("out_of_range", measures, p_value, None, False, False, range_words(found))


def _all_current(count: int, reference_rows: int, current_rows: int) -> float:
    """Probability that the `count` most extreme rows of both sides are all current ones."""
    total = reference_rows + current_rows
    lost = math.lgamma(current_rows - count + 1) - math.lgamma(total - count + 1)
    return math.exp(min(0.0, math.lgamma(current_rows + 1) - math.lgamma(total + 1) - lost))


def range_words(found: OutOfRange) -> str:
    """Such as `8 % of values above the reference's maximum`."""
    total = found.below + found.above
    parts = []
    for count, where in (
        (found.above, "above the reference's maximum"),
        (found.below, "below the reference's minimum"),
    ):
        if count:
            parts.append(f"{share(found.share * count / total)} of values {where}")
    return ", ".join(parts)


def only_on_one_side(
    table: "Table", *, current: bool
) -> tuple[tuple[CategoryShare, ...], int, float]:
    """Categories of one side only, at most 20 by falling count; their number and share of rows."""
    here, there = (table.current, table.reference) if current else (table.reference, table.current)
    total = int(here.sum())
    found = [
        (int(count), label)
        for label, count, other in zip(table.labels, here, there, strict=True)
        if count and not other
    ]
    found.sort(key=lambda entry: (-entry[0], entry[1]))
    shares = tuple(CategoryShare(label, count, count / total) for count, label in found[:_LISTED])
    return shares, len(found), sum(count for count, _ in found) / total if total else 0.0


def new_categories_check(pair: CategoryPair, min_share: float) -> Check | None:
    """Asks whether the categories of the reference are all; None where too few rows matter."""
    table = pair.table
    if not table.labels or not table.reference.sum() or not table.current.sum():
        return None
    listed, count, fraction = only_on_one_side(table, current=True)
    if not count or fraction < min_share:
        return None
    p_value = new_rows_p(table.reference, table.current)
    rows = int(table.current.sum())
    bound = upper_bound(round(fraction * rows), rows)
    measures = (Measure("share", fraction, min_share, p_value), Measure("share_bound", bound))
    names = ", ".join(repr(entry.label) for entry in listed[:3]) + (", ..." if count > 3 else "")
    noun = "category" if count == 1 else "categories"
    detail = f"{share(fraction)} of rows in {count} new {noun}: {names}"
    return Check("new_categories", measures, p_value, None, False, False, detail)


def share(value: float) -> str:
    """A share as people read it."""
    if 0 < value < 0.0005:
        return "less than 0.1 %"
    if 0.9995 <= value < 1:
        return "more than 99.9 %"
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 9.95 or not percent else f"{percent:.1f} %"
