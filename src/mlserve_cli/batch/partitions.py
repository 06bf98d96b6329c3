"""Columns that stand in the path of a file, as Hive and Spark write them: `day=1/part.csv`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from mlserve_cli.batch.columns import added_names
from mlserve_cli.errors import SignatureError
from mlserve_cli.tables.column_values import BYTES, TEXT, arrow_type, column_values
from mlserve_cli.tables.fault import shown
from mlserve_cli.tables.interface import TextTable
from mlserve_cli.tables.opening import open_table
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.source import Source
from mlserve_cli.tables.values import ConversionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.batch.options import BatchOptions
    from mlserve_cli.inference.predictor import Batch, Engine, Prediction, Predictor
    from mlserve_cli.signature import Column, Signature
    from mlserve_cli.tables.interface import Table

# What Hive writes for a missing value.
_MISSING = "__HIVE_DEFAULT_PARTITION__"
# Values of a block, read and added. Some twenty columns fill blocks of 1 MiB with half of them; of
# few columns a block would have many rows, and what is added may be larger than what was read.
_BLOCK_VALUES = 200_000


def partition_values(place: str | Path) -> dict[str, str | None]:
    """The columns that the folders of a path tell, with their values; None for a missing one."""
    found: dict[str, str | None] = {}
    for part in PurePosixPath(shown_uri(str(place))).parts[:-1]:
        key, mark, value = part.partition("=")
        if key and mark:
            found[unquote(key)] = None if value == _MISSING else unquote(value)
    return found


@contextmanager
def opened_table(
    place: str | Path, predictor: "Predictor", options: "BatchOptions"
) -> Iterator[tuple[Source, "Table", "Predictor"]]:
    """An input, its table, and a predictor that takes the columns of that table.

    A column that the model takes and the file lacks is taken from the path, if it tells it.

    Args:
        place: The file.
        predictor: The model.
        options: How to read the file.

    Raises:
        MlserveError: As `open_table`.
    """
    told = partition_values(place)
    filled: dict[str, str | None] = {}
    while True:
        taking = _Filled(predictor, filled, str(place)) if filled else predictor
        with Source(place, encoding=options.encoding, format_=options.input_format) as stream:
            try:
                table = open_table(stream, taking.signature, options.table)
            except SignatureError as error:
                missing = error.column
                if missing is None or missing not in told or missing in filled:
                    raise
                filled[missing] = told[missing]
                continue
            if isinstance(table, TextTable):
                added = added_names(taking.signature, options, table.columns)
                width = len(predictor.signature.columns) + len(added)
                table.bound_rows(max(1, _BLOCK_VALUES // width))
            yield stream, table, taking
            return


class _Filled:
    """A predictor some of whose columns have one value in all rows.

    Args:
        predictor: The model.
        values: The columns, and what the path says of each.
        place: The path, for messages.
    """

    def __init__(
        self, predictor: "Predictor", values: Mapping[str, str | None], place: str
    ) -> None:
        self._predictor = predictor
        self._whole = predictor.signature
        self._values = {
            column.name: _value(column, values[column.name], self._whole, place)
            for column in self._whole.columns
            if column.name in values
        }
        rest = tuple(column for column in self._whole.columns if column.name not in values)
        self.signature: Signature = replace(self._whole, columns=rest)

    @property
    def engine(self) -> "Engine":
        """Where scoring runs."""
        return self._predictor.engine

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> "Prediction":
        """Scores a batch that lacks the columns of the path."""
        return self._predictor.predict(self._completed(batch), probabilities=probabilities)

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        """Raw scores of a batch that lacks the columns of the path."""
        return self._predictor.decision_function(self._completed(batch))

    def _completed(self, batch: "Batch") -> "Batch":
        if isinstance(batch, np.ndarray):
            whole = np.empty((len(batch), len(self._whole.columns)))
            rest = iter(batch.T)
            for position, name in enumerate(self._whole.names):
                whole[:, position] = self._values[name] if name in self._values else next(rest)
            return whole
        rows = len(next(iter(batch.values())))
        return {
            name: np.repeat(self._values[name], rows) if name in self._values else batch[name]
            for name in self._whole.names
        }


def _value(
    column: "Column", text: str | None, signature: "Signature", place: str
) -> "NDArray[np.generic]":
    """The value of a column as the model takes it, shape `(1,)`."""
    if arrow_type(column, signature.layout) == TEXT:
        chunk = pa.array([text], pa.string()).dictionary_encode()
    else:
        chunk = pa.array([None if text is None else text.encode()], BYTES)
    try:
        return column_values(chunk, column, signature.layout)
    except ConversionError as error:
        raise SignatureError(
            f"{shown_uri(place)}, column {column.name!r} of the path: found {shown(text or '')}, "
            f"expected {error.expected}.",
            column=column.name,
        ) from error
