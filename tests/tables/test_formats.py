"""Formats and compressions are told by name and by content."""

import bz2
import gzip

import pyarrow as pa
import pytest

from mlserve_cli.tables.formats import Compression, FileType, Format


@pytest.mark.parametrize(
    ("name", "format_", "compression"),
    [
        ("x.csv", Format.CSV, Compression.NONE),
        ("a/b.c/X.CSV.GZ", Format.CSV, Compression.GZIP),
        ("x.tsv.zst", Format.TSV, Compression.ZSTD),
        ("x.jsonl.bz2", Format.JSONL, Compression.BZ2),
        ("x.2024.parquet", Format.PARQUET, Compression.NONE),
        ("x.feather", Format.ARROW, Compression.NONE),
        ("x.gz", None, Compression.GZIP),
        ("x", None, Compression.NONE),
        ("-", None, Compression.NONE),
        (".csv", None, Compression.NONE),
    ],
)
def test_suffixes_name_format_and_compression(
    name: str, format_: Format | None, compression: Compression
) -> None:
    found = FileType.of_name(name)
    assert (found.format, found.compression) == (format_, compression)


@pytest.mark.parametrize(
    ("head", "compression"),
    [
        (gzip.compress(b"x", mtime=0), Compression.GZIP),
        (bz2.compress(b"x"), Compression.BZ2),
        (pa.compress(b"x", "zstd", asbytes=True), Compression.ZSTD),
        (b"BZ,h\n", Compression.NONE),
        (b"", Compression.NONE),
    ],
)
def test_the_first_bytes_tell_the_compression(head: bytes, compression: Compression) -> None:
    assert Compression.of_content(head[:4]) is compression
