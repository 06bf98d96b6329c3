"""Which format a table is stored in and how it is compressed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Self

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}


class Compression(StrEnum):
    """How the bytes of a file are compressed; the values are pyarrow's names."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZ2 = "bz2"

    @classmethod
    def of_content(cls, head: bytes) -> Self:
        """The compression that the first bytes of a file tell."""
        for magic, name in _MAGIC.items():
            if head.startswith(magic):
                return cls(name)
        return cls("none")


class Format(StrEnum):
    """How a table is laid out in a file."""

    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    ARROW = "arrow"
    JSONL = "jsonl"
    NPY = "npy"
    NPZ = "npz"


_COMPRESSIONS = {
    ".gz": Compression.GZIP,
    ".zst": Compression.ZSTD,
    ".bz2": Compression.BZ2,
}
_FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".arrow": Format.ARROW,
    ".feather": Format.ARROW,
    ".ipc": Format.ARROW,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".npy": Format.NPY,
    ".npz": Format.NPZ,
}


@dataclass(frozen=True, slots=True)
class FileType:
    """What the name of a file says about its content.

    Attributes:
        format: The table format; None where the suffix is unknown or absent.
        compression: The compression.
        suffix: The suffix that names the format, in lower case; empty where there is none.
    """

    format: Format | None
    compression: Compression
    suffix: str

    @classmethod
    def of_name(cls, name: str) -> Self:
        """Reads the suffixes of a file name: `x.csv.gz` is a gzip-compressed CSV file."""
        suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
        compression = Compression.NONE
        if suffixes and suffixes[-1] in _COMPRESSIONS:
            compression = _COMPRESSIONS[suffixes.pop()]
        suffix = suffixes[-1] if suffixes else ""
        return cls(_FORMATS.get(suffix), compression, suffix)
