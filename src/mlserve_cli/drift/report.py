"""What a drift check found, as plain data: for programs, for JSON and for whoever draws it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlserve_cli.drift.course.report import Course
from mlserve_cli.drift.predictions.report import Performance
from mlserve_cli.drift.rows.report import WholeRows
from mlserve_cli.drift.rule_summary import RuleSummary

# Version of the JSON form; it grows when a field changes its meaning or goes.
SCHEMA_VERSION = 1


class Verdict(StrEnum):
    """What is said about a column, the worst first."""

    SCHEMA_PROBLEM = "schema problem"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient data"
    NEGLIGIBLE_SHIFT = "negligible shift"
    OK = "ok"

    @property
    def severity(self) -> int:
        """0 for the worst verdict, then 1, 2, ..."""
        return list(Verdict).index(self)


class Kind(StrEnum):
    """How the values of a column are compared.

    NUMERIC: by their order. DISCRETE: whole numbers of which few are different, compared as
    categories. TIME: as numbers, in seconds since 1970 (UTC).
    """

    NUMERIC = "numeric"
    DISCRETE = "discrete"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"


class SchemaProblem(StrEnum):
    """How the columns of the current data differ from those of the reference."""

    MISSING = "missing"
    RETYPED = "retyped"
    EXTRA = "extra"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """One difference between the columns of both sides.

    Attributes:
        problem: What is different.
        column: Which column; empty where it concerns several.
        detail: A sentence.
        counts: Whether this alone makes the whole check fail.
    """

    problem: SchemaProblem
    column: str
    detail: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """One statistic.

    Attributes:
        name: Such as `ks`, `psi`, `total_variation`, `cramers_v`, `share`.
        value: Its value; for an effect size larger means further apart.
        threshold: Value from which it counts as drift; None where it only informs.
        p_value: Its own p-value before any correction; None where it has none.
    """

    name: str
    value: float
    threshold: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked about a column.

    Attributes:
        name: `distribution`, `missing`, `infinite`, `out_of_range` or `new_categories`.
        measures: Its statistics, the deciding one first.
        p_value: The p-value of the whole check; None where the method has none.
        adjusted_p_value: The same after the correction for many checks.
        significant: Whether the data contradict "no change"; true where there is no p-value and the
            method decides by its effect alone.
        drifted: Whether it is significant and an effect reaches its threshold.
        detail: What happened, in words.
    """

    name: str
    measures: tuple[Measure, ...]
    p_value: float | None
    adjusted_p_value: float | None
    significant: bool
    drifted: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a column.

    Attributes:
        dtype: Type of the values, as the file or array has it.
        rows: All rows.
        missing: Rows without a value; NaN counts as missing.
        infinite: Rows with an infinity.
        constant: The only value, as text; None where there are several or none.
        minimum: Smallest finite value; None for text and where there is none. So with all below.
        maximum: Largest finite value.
        mean: Mean of the finite values.
        standard_deviation: Their standard deviation.
        quantiles: Their quantiles at `QUANTILES`; empty where there are none.
    """

    dtype: str
    rows: int
    missing: int
    infinite: int = 0
    constant: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    quantiles: tuple[float, ...] = ()

    @property
    def missing_share(self) -> float:
        """Share of the rows without a value, from 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0


# Probabilities of `Side.quantiles`.
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Finite values of both sides counted in the same bins.

    Attributes:
        edges: Edges of the bins in rising order, at most 41; the first and last bin also hold what
            lies beyond them.
        reference: Rows in each bin, one less than there are edges.
        current: The same for the current data.
    """

    edges: tuple[float, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Categories:
    """Rows of both sides by category.

    Attributes:
        labels: At most 40 categories: whole numbers in their order, text by falling count.
        reference: Rows of each.
        current: The same for the current data.
        other_reference: Rows in all other categories.
        other_current: The same for the current data.
        distinct_reference: How many categories there are; at least so many where there are more
            than are counted one by one.
        distinct_current: The same for the current data.
    """

    labels: tuple[str, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]
    other_reference: int
    other_current: int
    distinct_reference: int
    distinct_current: int


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """A category of one side only.

    Attributes:
        label: The category.
        rows: Its rows on the side that has it.
        share: Their share of that side's rows with a value, from 0 to 1.
    """

    label: str
    rows: int
    share: float


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Values of the current data beyond those of the reference.

    Attributes:
        below: Rows below the smallest value of the reference.
        above: Rows above the largest value of the reference.
        share: Share of both among the rows with a finite value, from 0 to 1.
    """

    below: int
    above: int
    share: float


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """What was found about one column.

    Attributes:
        name: Its name; `x0`, `x1`, ... where nobody named it.
        kind: How its values were compared.
        verdict: The result.
        effect: The deciding effect size of the worst check; None where nothing could be compared.
        effect_name: Which effect that is, such as `ks`.
        threshold: Value from which it counts as drift.
        p_value: The p-value of that check.
        adjusted_p_value: The same after the correction for many checks.
        direction: What changed, in words; empty where nothing did.
        smallest_detectable: The smallest effect that this many rows show in four of five cases.
        checks: Everything that was asked.
        reference: The reference; None where it lacks the column.
        current: The current data; None where they lack it.
        histogram: Both sides of a numeric or time column.
        categories: Both sides of a discrete, boolean or text column.
        new_categories: Categories only in the current data, at most 20, by falling count.
        vanished_categories: Categories only in the reference, likewise.
        out_of_range: Values beyond the reference's; None for other kinds than numeric and time.
        notes: Remarks, one sentence each.
    """

    name: str
    kind: Kind
    verdict: Verdict
    effect: float | None
    effect_name: str | None
    threshold: float | None
    p_value: float | None
    adjusted_p_value: float | None
    direction: str
    smallest_detectable: float | None
    checks: tuple[Check, ...]
    reference: Side | None
    current: Side | None
    histogram: Histogram | None = None
    categories: Categories | None = None
    new_categories: tuple[CategoryShare, ...] = ()
    vanished_categories: tuple[CategoryShare, ...] = ()
    out_of_range: OutOfRange | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The result of a drift check; true where there is drift.

    Attributes:
        schema_version: Version of this form.
        drifted: Whether the check fails; `mlserve drift-check` then exits with 1.
        summary: One sentence.
        reference: What was compared with, as the user called it.
        current: What was compared.
        reference_rows: Rows of the reference.
        current_rows: Rows of the current data.
        rule: The rule that decided.
        schema: Differences between the columns of both sides.
        columns: All compared columns: predictions first, and then the worst first.
        notes: Remarks on the whole check, one sentence each.
        predictions: Names of the columns that hold predictions.
        performance: How good they are on both sides; None where that cannot be told.
        multivariate: Whole rows compared; None where nobody asked.
        course: The current data in windows; None where nobody asked.
    """

    schema_version: int
    drifted: bool
    summary: str
    reference: str
    current: str
    reference_rows: int
    current_rows: int
    rule: RuleSummary
    schema: tuple[SchemaFinding, ...]
    columns: tuple[ColumnReport, ...]
    notes: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    performance: Performance | None = None
    multivariate: WholeRows | None = None
    course: Course | None = None

    def __bool__(self) -> bool:
        return self.drifted

    def count(self, verdict: Verdict) -> int:
        """How many columns have this verdict."""
        return sum(column.verdict is verdict for column in self.columns)

    def column(self, name: str) -> ColumnReport:
        """The report on one column.

        Raises:
            KeyError: There is no such column in the report.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        import msgspec

        content: dict[str, Any] = msgspec.to_builtins(self)
        return content
