"""Rows that came alone, packed on the way to the thread that writes them.

Of a thousand such rows a thousand arrays would have to be kept and freed again, which that thread
could only do while no other one runs.
"""

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.monitoring.records.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.monitoring.records.entry import RecordedModel

# When it was scored, and how long that took.
_MOMENT = struct.Struct("=dd")


class SingleForm:
    """How single rows are packed: all have the same size.

    Args:
        row_bytes: Size of a packed row.
        labels: What a model said about one of them, shape `(1,)` or `(1, outputs)`.
        probabilities: The same, shape `(1, classes)`; None where it gives none.

    Attributes:
        size_bytes: Of a row with what was said about it.
    """

    def __init__(
        self, row_bytes: int, labels: "NDArray[Any]", probabilities: "NDArray[Any] | None"
    ) -> None:
        fields: list[tuple[str, Any, tuple[int, ...]]] = [
            ("moment", np.float64, (2,)),
            ("row", np.uint8, (row_bytes,)),
            ("labels", labels.dtype, labels.shape[1:]),
        ]
        if probabilities is not None:
            fields.append(("probabilities", probabilities.dtype, probabilities.shape[1:]))
        self._dtype = np.dtype(fields)
        self.size_bytes = self._dtype.itemsize
        self._like = _kind_of(row_bytes, labels, probabilities)

    def fits(
        self, row_bytes: int, labels: "NDArray[Any]", probabilities: "NDArray[Any] | None"
    ) -> bool:
        """Whether other rows have this form as well; see the class."""
        return _kind_of(row_bytes, labels, probabilities) == self._like

    def pack(
        self,
        time: float,
        seconds: float,
        row: bytes,
        labels: "NDArray[Any]",
        probabilities: "NDArray[Any] | None",
    ) -> bytes:
        """A row with what was said about it; both have this form.

        Args:
            time: When it was scored, in seconds since 1970.
            seconds: From the end of the request to its answer.
            row: Its values, packed.
            labels: See the class.
            probabilities: See the class.
        """
        parts = [_MOMENT.pack(time, seconds), row, labels.tobytes()]
        if probabilities is not None:
            parts.append(probabilities.tobytes())
        return b"".join(parts)

    def entry(self, model: "RecordedModel", packed: "Sequence[bytes]") -> Entry:
        """Rows that were packed, all of them recorded, as one entry.

        Args:
            model: Who was asked.
            packed: One after the other; at least one.
        """
        table = np.frombuffer(b"".join(packed), self._dtype)
        given = "probabilities" in (self._dtype.names or ())
        rows, moments = len(table), table["moment"]
        return Entry(
            model,
            moments[:, 0],
            [table["row"].tobytes()],
            rows,
            rows,
            table["labels"],
            table["probabilities"] if given else None,
            moments[:, 1].tolist(),
        )


def _kind_of(
    row_bytes: int, labels: "NDArray[Any]", probabilities: "NDArray[Any] | None"
) -> tuple[Any, ...]:
    if probabilities is None:
        return row_bytes, labels.dtype, labels.shape
    return row_bytes, labels.dtype, labels.shape, probabilities.dtype, probabilities.shape
