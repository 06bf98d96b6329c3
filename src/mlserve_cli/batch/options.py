"""What a batch job is asked for and what it reports."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mlserve_cli.errors import UsageError
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.options import BLOCK_BYTES, TableOptions


class Output(StrEnum):
    """Which columns are added."""

    LABEL = "label"
    PROBABILITIES = "probabilities"
    BOTH = "both"
    RAW = "raw"


class OnError(StrEnum):
    """What happens to a row that cannot be scored."""

    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How to score a file.

    Attributes:
        output: Which columns are added; `raw` adds the columns of the decision function.
        columns: With a header, the columns to feed to the model, in its order; without one, the
            names of all columns of the file. None matches them with the model's signature.
        header: Whether the first record names the columns.
        batch_rows: The most rows to score in one call; None scores a block in one call.
        prediction_column: Name of the column with the predicted values. Where the model predicts
            several values, another name than `prediction` is put before each of their names.
        delimiter: What separates two fields; None means a tab for .tsv, else a comma, or what the
            header shows where the comma separates nothing.
        decimal: What stands before the fraction of a number: a point or a comma.
        input_format: How the input is laid out; None believes its name, and takes CSV where that
            says nothing.
        output_format: How the output is laid out; None believes its name, and keeps text as it
            came where that says nothing.
        encoding: Encoding of a text; None takes UTF-16 where a byte order mark says so, else UTF-8.
        block_bytes: How much of the input is read, parsed and scored at once.
        threads: How many blocks are scored at the same time.
        forks: Whether copies of this process may take the place of all threads but one, where that
            is of use. Only for processes that have no threads of others.
        on_error: Whether a row that cannot be scored ends the job, or goes to a file of errors.
        max_errors: How many rows may be skipped; one more ends the job. None sets no limit.
        resume: Whether to go on where an interrupted run of the same job stopped.
        model_digest: Says which model this is, so that no other one continues its job; see
            `mlserve_cli.serialization.load.model_digest`.
        checkpoint_seconds: How much work an interruption may cost.
    """

    output: Output = Output.LABEL
    columns: tuple[str, ...] | None = None
    header: bool = True
    batch_rows: int | None = None
    prediction_column: str = "prediction"
    delimiter: str | None = None
    decimal: str = "."
    input_format: Format | None = None
    output_format: Format | None = None
    encoding: str | None = None
    block_bytes: int = BLOCK_BYTES
    threads: int = 2
    forks: bool = False
    on_error: OnError = OnError.FAIL
    max_errors: int | None = None
    resume: bool = False
    model_digest: str = ""
    checkpoint_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name in ("batch_rows", "block_bytes", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be at least 1.")
        if self.max_errors is not None and self.on_error is OnError.FAIL:
            raise UsageError(
                "A number of errors was allowed, but the first one ends the job.",
                hint="Add: --on-error skip",
            )
        if not self.prediction_column:
            raise UsageError("The name of the column of predictions is empty.")

    @property
    def table(self) -> TableOptions:
        """The part that says how to read the input."""
        return TableOptions(
            self.columns, self.header, self.delimiter, self.decimal, self.block_bytes
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        bytes_read: Bytes taken from the input, before decompression.
        total_bytes: Size of the input; None where it is a pipe.
        rows: Rows dealt with.
    """

    bytes_read: int
    total_bytes: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a job did.

    Attributes:
        rows: Rows scored, those of the interrupted runs before included.
        skipped: Rows that could not be scored.
        resumed_rows: Rows that interrupted runs before had finished, skipped ones included.
        seconds: Time from the call to the finished file.
        rows_per_second: How many rows this run dealt with in a second.
        engine: Where scoring ran.
        source: The input, as the caller named it.
        destination: The output, as the caller named it.
        errors: The file of the rows that could not be scored; None where there are none.
    """

    rows: int
    skipped: int
    resumed_rows: int
    seconds: float
    rows_per_second: float
    engine: str
    source: str
    destination: str
    errors: str | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return asdict(self)
