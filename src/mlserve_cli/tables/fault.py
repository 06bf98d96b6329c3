"""What is wrong with one row, before it is known where in the file the row stands."""

from mlserve_cli.errors import EngineError, InputError, SignatureError

# What to do about text in another encoding; Excel and Windows write one of these two.
TO_UTF_8 = "Convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW (or -f UTF-16)"

_SHOWN_CHARACTERS = 60


class RowFaultError(Exception):
    """A row that cannot be scored, counted from the start of its block.

    Args:
        row: Rows before it in its block.
        lines: Line ends before it in its block; None where the input has no lines.
        problem: What was found and what was expected: the rest of a sentence.
        column: Name of the offending column.
        kind: What is raised in the end.
        hint: What the user can do next.
    """

    def __init__(
        self,
        row: int,
        lines: int | None,
        problem: str,
        *,
        column: str | None = None,
        kind: type[InputError | EngineError] = SignatureError,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.row = row
        self.lines = lines
        self.problem = problem
        self.column = column
        self.kind = kind
        self.hint = hint

    def located(self, name: str, rows_before: int, lines_before: int) -> InputError | EngineError:
        """The error to show.

        Args:
            name: Name of the file.
            rows_before: Rows of data in the blocks before.
            lines_before: Line ends in the file before this block.
        """
        row = rows_before + self.row + 1
        place = f"{name}, row {row}"
        if self.lines is not None:
            place += f" (line {lines_before + self.lines + 1} of the file)"
        if self.column is not None:
            place += f", column {self.column!r}"
        message = f"{place}: {self.problem}"
        if issubclass(self.kind, SignatureError):
            return self.kind(message, row=row, column=self.column, hint=self.hint)
        return self.kind(message, hint=self.hint)


def shown(value: bytes | str) -> str:
    """A value as an error message shows it: quoted, on one line and shortened."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return repr(text)
