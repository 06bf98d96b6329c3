"""How a task ended, as a worker tells it."""

from dataclasses import dataclass, field

from mlserve_cli.batch.cluster.shipment import ModelUnseenError
from mlserve_cli.errors import EngineError, InputError, MlserveError, SignatureError
from mlserve_cli.tables.fault import RowFaultError


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it travels; exceptions with arguments of their own cannot.

    Attributes:
        kind: Class of the error.
        message: What was found and expected.
        hint: What to do next.
        row: Number of the offending row.
        column: Name of the offending column.
    """

    kind: type[MlserveError]
    message: str
    hint: str | None = None
    row: int | None = None
    column: str | None = None

    @classmethod
    def of(cls, error: MlserveError) -> "Failure":
        """What there is to say about an error."""
        row, column = getattr(error, "row", None), getattr(error, "column", None)
        return cls(type(error), error.message, error.hint, row, column)

    def located(self, name: str, rows_before: int, lines_before: int) -> MlserveError:  # noqa: ARG002
        """The error again; it says already where it is."""
        if issubclass(self.kind, SignatureError):
            return self.kind(self.message, row=self.row, column=self.column, hint=self.hint)
        # Subclasses make their message from what is no longer known.
        error = self.kind.__new__(self.kind)
        MlserveError.__init__(error, self.message, hint=self.hint)
        return error


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be scored, counted from the start of its shard; see `RowFaultError`."""

    row: int
    lines: int | None
    problem: str
    column: str | None
    kind: type[InputError | EngineError]
    hint: str | None

    def located(self, name: str, rows_before: int, lines_before: int) -> MlserveError:
        """The error to show, once it is known what stands before the shard."""
        fault = RowFaultError(
            self.row,
            self.lines,
            self.problem,
            column=self.column,
            kind=self.kind,
            hint=self.hint,
        )
        return fault.located(name, rows_before, lines_before)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended.

    Attributes:
        rows: Rows that were scored.
        skipped: Rows that could not be scored.
        lines: Line ends in the shard.
        failure: What ended it early.
        warnings: What the user should read.
    """

    rows: int = 0
    skipped: int = 0
    lines: int = 0
    failure: Failure | Fault | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def lacks_model(self) -> bool:
        """Whether the worker could not see the model."""
        return isinstance(self.failure, Failure) and self.failure.kind is ModelUnseenError
