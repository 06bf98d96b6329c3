"""One block scored: parsed, fed to the predictor, and encoded with what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.batch.columnar import merged
from mlserve_cli.batch.columns import scored
from mlserve_cli.batch.encoders import Encoder, Payload
from mlserve_cli.batch.options import BatchOptions, OnError
from mlserve_cli.batch.skipping import Rejected, each_fitting
from mlserve_cli.errors import EngineError, SignatureError
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Block, Rows

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch, Predictor


@dataclass(frozen=True, slots=True)
class Piece:
    """A scored block, ready to be written.

    Attributes:
        rows: How many rows it has, those that could not be scored included.
        lines: How many line ends the block has.
        payloads: What to emit, in order.
        end: Where the next block begins.
        rejected: Rows that could not be scored.
    """

    rows: int
    lines: int
    payloads: list[Payload]
    end: int
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockScorer:
    """Scores blocks. Safe to use from several threads at once.

    Attributes:
        predictor: The model.
        options: What is asked for.
        encoder: Writes the output's format.
        added: How many columns are added.
    """

    predictor: "Predictor"
    options: BatchOptions
    encoder: Encoder
    added: int

    def score(self, block: Block) -> Piece:
        """Parses, scores and encodes.

        Raises:
            RowFaultError: A row that does not fit the model, unless such rows are skipped.
            SignatureError: The model refuses the block, but none of its rows alone.
            EngineError: The model fails.
        """
        try:
            return self._piece(block)
        except RowFaultError as fault:
            if self.options.on_error is OnError.FAIL:
                raise self._earliest(block, fault) from fault
        parts, rejected = each_fitting(block, self._piece)
        return Piece(
            sum(part.rows for part in parts) + len(rejected),
            block.lines,
            merged([payload for part in parts for payload in part.payloads]),
            block.end,
            tuple(rejected),
        )

    def _earliest(self, block: Block, fault: RowFaultError) -> RowFaultError:
        """The first fault of a block of which one is known: one of another kind may be before."""
        while fault.row:
            try:
                self._piece(block.part(0, fault.row))
            except RowFaultError as earlier:
                fault = earlier
            else:
                break
        return fault

    def _piece(self, block: Block) -> Piece:
        rows = block.parse()
        if rows.batch is None:
            return Piece(0, rows.lines, self.encoder.encode(rows, []), block.end)
        step = self.options.batch_rows or rows.count
        parts = [
            self._scored(rows, start, min(start + step, rows.count))
            for start in range(0, rows.count, step)
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return Piece(rows.count, rows.lines, self.encoder.encode(rows, columns), block.end)

    def _scored(self, rows: Rows, start: int, stop: int) -> list[NDArray[Any]]:
        batch = rows.batch
        assert batch is not None
        part = batch if stop - start == rows.count else _sliced(batch, start, stop)
        try:
            columns = scored(self.predictor, part, self.options.output)
        except (SignatureError, EngineError) as error:
            row, cause = self._first_refused(batch, start, stop, error)
            if row is None:
                raise
            raise RowFaultError(
                row,
                rows.lines_before(row),
                cause.message,
                column=getattr(cause, "column", None),
                kind=type(cause),
                hint=cause.hint,
            ) from cause
        lengths = {len(column) for column in columns}
        if lengths != {stop - start} or len(columns) != self.added:
            raise EngineError(
                f"The model returned {len(columns)} columns of {sorted(lengths)} values for "
                f"{stop - start} rows; {self.added} columns were expected."
            )
        return columns

    def _first_refused(
        self, batch: "Batch", start: int, stop: int, error: SignatureError | EngineError
    ) -> tuple[int | None, SignatureError | EngineError]:
        """The first row that is refused by itself, and why; None where no row is."""
        while stop - start > 1:
            middle = (start + stop) // 2
            refusal = self._refusal(batch, start, middle)
            if refusal is not None:
                stop, error = middle, refusal
                continue
            refusal = self._refusal(batch, middle, stop)
            if refusal is None:
                return None, error
            start, error = middle, refusal
        return start, error

    def _refusal(
        self, batch: "Batch", start: int, stop: int
    ) -> SignatureError | EngineError | None:
        try:
            scored(self.predictor, _sliced(batch, start, stop), self.options.output)
        except (SignatureError, EngineError) as error:
            return error
        return None


def _sliced(batch: "Batch", start: int, stop: int) -> "Batch":
    if isinstance(batch, Mapping):
        return {name: values[start:stop] for name, values in batch.items()}
    return batch[start:stop]
