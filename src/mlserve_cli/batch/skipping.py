"""Blocks with rows that cannot be scored: the others are, and these go to a file of errors."""

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import SiftableBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.tables.interface import Block


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be scored, counted from the start of its block.

    Attributes:
        row: Rows before it.
        lines: Line ends before it; None where the input has no lines.
        column: The offending column; None where it is the whole row.
        reason: What was found and what was expected.
        text: The row as it came.
    """

    row: int
    lines: int | None
    column: str | None
    reason: str
    text: bytes

    def line(self, rows_before: int, lines_before: int) -> bytes:
        """The row's line in the file of errors.

        Args:
            rows_before: Rows of the input before its block.
            lines_before: Line ends of the input before its block.
        """
        content: dict[str, Any] = {
            "row": rows_before + self.row + 1,
            "line": None if self.lines is None else lines_before + self.lines + 1,
            "column": self.column,
            "reason": self.reason,
        }
        try:
            content["text"] = self.text.decode()
        except UnicodeDecodeError:
            content["base64"] = base64.b64encode(self.text).decode()
        return msgspec.json.encode(content) + b"\n"


_Scored = TypeVar("_Scored")


def each_fitting(
    block: "Block", score: "Callable[[Block], _Scored]"
) -> tuple[list[_Scored], list[Rejected]]:
    """Scores the rows of a block that can be scored.

    Rows whose values do not fit are found at once, whatever their number. Only what the model
    itself refuses, or a format that cannot find them, takes a search.

    Args:
        block: Rows, of which at least one is known to be faulty.
        score: Scores a block, or raises RowFaultError.
    """
    if not isinstance(block, SiftableBlock):
        return each_part(block, score)
    sifted = block.sifted()
    rejected = [_rejected(block, fault.row, fault) for fault in sifted.faults]
    if not len(sifted.kept):
        return [], rejected
    try:
        return [score(sifted.block)], rejected
    except RowFaultError:
        scored, refused = each_part(sifted.block, score)
    for row in refused:
        place = int(sifted.kept[row.row])
        rejected.append(replace(row, row=place, lines=block.lines_before(place)))
    return scored, sorted(rejected, key=lambda row: row.row)


def _rejected(block: "Block", row: int, fault: RowFaultError) -> Rejected:
    return Rejected(row, block.lines_before(row), fault.column, fault.problem, block.text(row))


def each_part(
    block: "Block", score: "Callable[[Block], _Scored]"
) -> tuple[list[_Scored], list[Rejected]]:
    """Scores a block in as few parts as its faulty rows make necessary.

    The work is linear in the rows even where every row is faulty: parts shrink where faults are
    found and grow again where none are.

    Args:
        block: Rows, of which at least one is known to be faulty.
        score: Scores a block, or raises RowFaultError.
    """
    scored: list[_Scored] = []
    rejected: list[Rejected] = []
    start, size, count = 0, block.count, block.count
    while start < count:
        stop = min(start + size, count)
        try:
            scored.append(score(block.part(start, stop)))
        except RowFaultError as fault:
            if fault.row:
                size = fault.row
                continue
            rejected.append(_rejected(block, start, fault))
            start, size = start + 1, max(1, size // 2)
        else:
            start, size = stop, 2 * size
    return scored, rejected
