"""What a model takes and what it returns: names, dtypes, classes and task."""

from dataclasses import dataclass
from enum import StrEnum

Label = str | int | float | bool


class Task(StrEnum):
    """What a model's `predict` returns."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    CLUSTERING = "clustering"
    OUTLIER_DETECTION = "outlier_detection"
    TRANSFORMATION = "transformation"


class DType(StrEnum):
    """Type of the values of one column."""

    FLOAT64 = "float64"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"
    CATEGORICAL = "categorical"

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self in (DType.FLOAT64, DType.INT64)


class Layout(StrEnum):
    """How a batch is handed to a predictor.

    MATRIX: one float64 array of shape `(rows, features)`.
    FRAME: a mapping from column name to an array of shape `(rows,)`.
    """

    MATRIX = "matrix"
    FRAME = "frame"


@dataclass(frozen=True, slots=True)
class Column:
    """One input column.

    Attributes:
        name: Its name; generated (`x0`, `x1`, ...) where `Signature.named` is false.
        dtype: Type of its values.
        categories: All values of a categorical column, in the order the model learnt them.
        missing: Whether the model takes missing values here; None where nobody tried.
        infinite: Whether the model takes infinities here; None where nobody tried.
    """

    name: str
    dtype: DType = DType.FLOAT64
    categories: tuple[Label, ...] | None = None
    missing: bool | None = None
    infinite: bool | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model.

    Attributes:
        task: What `predict` returns.
        columns: Input columns in the order in which the model takes them.
        layout: How a batch is handed over.
        named: Whether the column names are known; if not, columns are matched by position.
        classes: Classes of a classifier, in the order of its probabilities.
        label_dtype: Type of the predicted values.
        outputs: Names of the predicted values: `prediction`, or several.
        probabilities: Whether the model gives class probabilities.
        decision: Names of the columns of the decision function; empty where there is none.
    """

    task: Task
    columns: tuple[Column, ...]
    layout: Layout = Layout.MATRIX
    named: bool = False
    classes: tuple[Label, ...] | None = None
    label_dtype: DType = DType.FLOAT64
    outputs: tuple[str, ...] = ("prediction",)
    probabilities: bool = False
    decision: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the input columns, in the model's order."""
        return tuple(column.name for column in self.columns)
