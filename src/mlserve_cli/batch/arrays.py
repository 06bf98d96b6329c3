"""Predictions as arrays: npy and npz files, which say at their start how many rows follow.

So the values wait in an unnamed file until the last row is scored.
"""

import errno
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mlserve_cli.batch.collecting import Collected
from mlserve_cli.batch.options import BatchOptions, OnError, Output
from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.sink import DiskFullError

if TYPE_CHECKING:
    from mlserve_cli.tables.interface import Rows

_COPIED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Slab:
    """The next rows of one array.

    Attributes:
        member: Which array of the file it belongs to.
        values: Shape `(rows, columns)`.
    """

    member: int
    values: NDArray[Any]


class _Waiting:
    """An array whose number of rows is not known yet.

    Args:
        name: What it is called in an npz file.
        columns: How many columns it has.
        is_flat: Whether its shape is `(rows,)`, for one column.
        kind: What its values are; None for what the first ones are.
    """

    def __init__(
        self, name: str, columns: int, *, is_flat: bool, kind: "np.dtype[Any] | None"
    ) -> None:
        self.name = name
        self.columns = columns
        self._is_flat = is_flat
        self._kind = kind
        self._rows = 0
        self._file: IO[bytes] | None = None

    def add(self, values: NDArray[Any]) -> None:
        if self._kind is None:
            self._kind = _kind_of(values)
        if not np.can_cast(values.dtype, self._kind, "same_kind") and values.dtype.kind != "O":
            raise EngineError(
                f"The model gives values of type {values.dtype} after ones of type {self._kind}.",
                hint="Name an output file of another format.",
            )
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="mlserve-")  # noqa: SIM115
                # Whatever ends the job.
                weakref.finalize(self, self._file.close)
            self._file.write(np.ascontiguousarray(values, self._kind).tobytes())
        except OSError as error:
            kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else EngineError
            raise kind(
                f"{tempfile.gettempdir()} could not be written: {error.strerror or error}.",
                hint="Name a folder with more space: TMPDIR=FOLDER",
            ) from error
        self._rows += len(values)

    def content(self) -> Iterator[bytes]:
        """The array as an npy file."""
        head = Collected()
        shape = (self._rows,) if self._is_flat else (self._rows, self.columns)
        kind = self._kind or np.dtype(np.float64)
        npy.write_array_header_1_0(
            head, {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        )
        yield head.take()
        if self._file is not None:
            self._file.seek(0)
            while data := self._file.read(_COPIED_BYTES):
                yield data


def _kind_of(values: NDArray[Any]) -> "np.dtype[Any]":
    if values.dtype.kind in "biuf":
        return values.dtype.newbyteorder("=")
    raise UsageError(
        "The model predicts text of which it does not say how long it is; an array needs that.",
        hint="Name an output file of another format, such as .csv or .parquet",
    )


class _ArrayEncoder:
    """Only what the model says, as arrays.

    Args:
        waiting: The arrays, in the order of the added columns.
        format_: npy, for one array, or npz.
    """

    is_continuable = False

    def __init__(self, waiting: Sequence[_Waiting], format_: Format) -> None:
        self._waiting = waiting
        self._format = format_

    def head(self) -> bytes:
        return b""

    def encode(self, rows: "Rows", columns: Sequence[NDArray[Any]]) -> list[Any]:
        if not rows.count:
            return []
        slabs = []
        first = 0
        for member, waiting in enumerate(self._waiting):
            values = columns[first : first + waiting.columns]
            slabs.append(Slab(member, np.stack(values, axis=1)))
            first += waiting.columns
        return slabs

    def emit(self, payload: Any) -> bytes:
        assert isinstance(payload, Slab)
        self._waiting[payload.member].add(payload.values)
        return b""

    def tail(self) -> Iterator[bytes]:
        if self._format is Format.NPY:
            yield from self._waiting[0].content()
            return
        written = Collected()
        with zipfile.ZipFile(written, "w") as archive:
            for waiting in self._waiting:
                # Without the time, so that the same input gives the same bytes.
                entry = zipfile.ZipInfo(f"{waiting.name}.npy")
                with archive.open(entry, "w", force_zip64=True) as member:
                    for data in waiting.content():
                        member.write(data)
                        yield written.take()
        yield written.take()


def open_array_encoder(
    format_: Format, signature: Signature, options: BatchOptions
) -> _ArrayEncoder:
    """The encoder of arrays.

    `predictions` has the labels or values, `probabilities` one column per class, `decision` the raw
    scores. An npy file holds one array, so that with both it has the label before the
    probabilities.

    Raises:
        UsageError: Arrays cannot hold what is asked for.
    """
    if options.on_error is OnError.SKIP:
        raise UsageError(
            f"Rows of an {format_} file have no numbers: it would not show which were skipped.",
            hint="Name an output file of another format, or leave out --on-error skip.",
        )
    labels, text = len(signature.outputs), _text_type(signature)
    classes = len(signature.classes or ())
    kept = _Waiting("predictions", labels, is_flat=labels == 1, kind=text)
    probable = _Waiting("probabilities", classes, is_flat=False, kind=None)
    if options.output is Output.LABEL:
        waiting = [kept]
    elif options.output is Output.PROBABILITIES:
        waiting = [probable]
    elif options.output is Output.RAW:
        width = len(signature.decision)
        waiting = [_Waiting("decision", width, is_flat=width == 1, kind=None)]
    elif format_ is Format.NPZ:
        waiting = [kept, probable]
    elif text is not None:
        raise UsageError(
            "An npy file holds one array, but labels of text and probabilities make two.",
            hint="Name an output file that ends in .npz, or ask for --output probabilities",
        )
    else:
        numbers = np.dtype(np.float64)
        waiting = [_Waiting("predictions", labels + classes, is_flat=False, kind=numbers)]
    return _ArrayEncoder(waiting, format_)


def _text_type(signature: Signature) -> "np.dtype[Any] | None":
    """The type of labels that are text; None where they are numbers."""
    if not signature.classes or not any(isinstance(label, str) for label in signature.classes):
        return None
    return np.dtype(f"<U{max(len(str(label)) for label in signature.classes)}")
