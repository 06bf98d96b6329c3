"""What the server notes of each call of a model, as cheaply as it can."""

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mlserve_cli.signature import Signature

    # The rows of one request: row-major float64 numbers, or one array of shape (rows,) per column.
    Part = bytes | dict[str, NDArray[Any]]


class RecordedModel(Protocol):
    """A model whose predictions are recorded."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> int:
        """Its version."""

    @property
    def signature(self) -> "Signature":
        """What it takes and returns; the same object every time."""

    @property
    def metrics(self) -> "Mapping[str, float]":
        """Its figures when it was saved, by name."""


class Entry(msgspec.Struct):
    """Rows that were scored in one call, those of several requests, or one by one.

    Attributes:
        model: Which model.
        time: When they were scored, in seconds since 1970; shape `(rows,)` where that was one by
            one.
        parts: The rows in order, of one or more requests each, of the same kinds.
        rows: How many there are in all.
        kept: How many of them are recorded, evenly spread.
        labels: Shape `(rows,)` or `(rows, outputs)`; None where nobody asked for them.
        probabilities: Shape `(rows, classes)`; None where nobody asked for them.
        seconds: From the end of each request to its answer.
        counts: Rows of each request; None where each has one.
        request_ids: What clients call the requests, empty for those without a name; None where
            none has one.
    """

    model: RecordedModel
    time: "float | NDArray[np.float64]"
    parts: "Sequence[Part]"
    rows: int
    kept: int
    labels: "NDArray[Any] | None"
    probabilities: "NDArray[Any] | None"
    seconds: list[float]
    counts: list[int] | None = None
    request_ids: list[bytes] | None = None
