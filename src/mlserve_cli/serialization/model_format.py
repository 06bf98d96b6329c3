"""Which kind of model file this is, told by its content and never by its name."""

import zipfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serialization.trust.byte_source import (
    compression_of,
    open_source,
    quoted,
    unreadable,
)

if TYPE_CHECKING:
    import os

_HEAD_BYTES = 65_536
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_JOBLIB_MAGIC = b"ZF"
_ARRAY_HEADER = b"NumpyArrayWrapper"
# Field 1 (ir_version, a varint) is what every writer of ONNX puts first; the smallest model has a
# graph (field 7) and an opset (field 8) after it.
_ONNX_IR_VERSION_TAG = 0x08
_ONNX_NEXT_TAGS = frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72))
_KNOWN = {
    b"\x93NUMPY": "a NumPy array",
    b"PAR1": "a Parquet table",
    b"ARROW1": "an Arrow table",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": "a Git LFS pointer, not the file it stands for (git lfs pull)",
    b"<": "markup (HTML or XML)",
    b"{": "JSON text",
}


class ModelFormat(StrEnum):
    """How an estimator or a graph is written to a file."""

    SKOPS = "skops"
    JOBLIB = "joblib"
    PICKLE = "pickle"
    ONNX = "onnx"


def detect_format(path: "str | os.PathLike[str]") -> ModelFormat:
    """The format of a model file, from its first bytes.

    Args:
        path: The file. Its extension is not looked at.

    Raises:
        ModelNotFoundError: There is no such file.
        CorruptArtifactError: The file is empty, unreadable or of no known format.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise unreadable(file, error) from error
    if not head:
        raise CorruptArtifactError(
            f"{file} is empty: expected a skops, joblib, pickle or ONNX model.",
            hint="The program that wrote it was probably stopped half-way. Save the model again.",
        )
    if head.startswith(_ZIP_MAGIC):
        return _detect_in_zip(file)
    if _is_onnx(head):
        return ModelFormat.ONNX
    if compression_of(head) is not None:
        return _detect_compressed(file)
    if _is_pickle(head):
        return ModelFormat.JOBLIB if _ARRAY_HEADER in head else ModelFormat.PICKLE
    raise CorruptArtifactError(
        f"{file} is {_describe(head)}: expected a skops, joblib, pickle or ONNX model."
    )


def _detect_in_zip(file: Path) -> ModelFormat:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise CorruptArtifactError(
            f"{file} is a damaged or truncated zip archive ({quoted(str(error))}): expected a "
            f"skops model."
        ) from error
    if "schema.json" in names:
        return ModelFormat.SKOPS
    found = ", ".join(quoted(name) for name in names[:3]) or "nothing"
    raise CorruptArtifactError(
        f"{file} is a zip archive without schema.json (it holds {found}): expected a skops, "
        f"joblib, pickle or ONNX model."
    )


def _detect_compressed(file: Path) -> ModelFormat:
    with open_source(file) as source:
        head = source.read_up_to(_HEAD_BYTES)
    if not _is_pickle(head):
        raise CorruptArtifactError(
            f"{file} is compressed and holds {_describe(head)}: expected a joblib model."
        )
    return ModelFormat.JOBLIB


def _is_pickle(head: bytes) -> bool:
    # PROTO names protocols 2 to 5; protocols 0 and 1 start with the mark, a copyreg call or a
    # container and are text: nothing has written them by default since 2008, so ask for a call.
    if head[:1] == b"\x80":
        return len(head) > 2 and 2 <= head[1] <= 5
    return head[:1] in (b"c", b"(", b"]", b"}", b"i") and b"\n" in head and b"." in head


def _is_onnx(head: bytes) -> bool:
    if len(head) < 4 or head[0] != _ONNX_IR_VERSION_TAG or not 3 <= head[1] < 0x80:
        return False
    return head[2] in _ONNX_NEXT_TAGS


def _describe(head: bytes) -> str:
    if head.startswith(_OLD_JOBLIB_MAGIC):
        return "a file of joblib before 0.10 (load it with that version and save it again)"
    for magic, name in _KNOWN.items():
        if head.lstrip().startswith(magic):
            return name
    return f"of an unknown format (its first bytes are {head[:8].hex(' ') or 'none'})"
