"""What was found about whole rows, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowsTest:
    """One test of whole rows.

    Attributes:
        name: `domain_classifier`, `pca_reconstruction` or `mmd`.
        effect_name: What the effect measures: `auc`, `ks` or `mmd`.
        effect: Its value; larger means further apart.
        threshold: Value from which it counts as drift; None where significance alone decides.
        p_value: Probability of such an effect without a difference.
        adjusted_p_value: The same after the correction for several tests of whole rows.
        drifted: Whether it is significant and the effect reaches its threshold.
        detail: What was found, in words.
    """

    name: str
    effect_name: str
    effect: float
    threshold: float | None
    p_value: float
    adjusted_p_value: float
    drifted: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SeparatingColumn:
    """A column by which the rows of both sides can be told apart.

    Attributes:
        name: The column.
        importance: What the domain classifier's area loses when this column is shuffled.
    """

    name: str
    importance: float


@dataclass(frozen=True, slots=True)
class WholeRows:
    """Whole rows of both sides compared.

    Attributes:
        drifted: Whether a test found drift; the whole check then fails.
        reference_rows: Rows of the seeded sample of the reference.
        current_rows: Rows of that of the current data.
        columns: How many columns make up a row.
        tests: Every test; empty where there are too few rows.
        separating: Columns that tell both sides apart, the strongest first; empty without drift.
    """

    drifted: bool
    reference_rows: int
    current_rows: int
    columns: int
    tests: tuple[RowsTest, ...]
    separating: tuple[SeparatingColumn, ...]
