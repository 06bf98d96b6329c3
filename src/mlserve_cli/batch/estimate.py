"""How many rows an input has, about."""

from pathlib import Path

from mlserve_cli.tables.formats import Compression, FileType, Format

_SAMPLE_BYTES = 1 << 16
# Text shrinks to about a quarter.
_INFLATION = 4
_USUAL_LINE_BYTES = 100


def estimate_rows(source: str | Path) -> int | None:
    """About how many rows a file has, from its first lines; None where they do not tell.

    Args:
        source: A file, a folder or `-`.
    """
    path = Path(source)
    file_type = FileType.of_name(path.name)
    if not path.is_file():
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    match file_type.format:
        case Format.PARQUET:
            return _parquet_rows(path)
        case Format.ARROW | Format.NPY | Format.NPZ:
            return None
    if Compression.of_content(sample[:4]) is not Compression.NONE:
        return size * _INFLATION // _USUAL_LINE_BYTES
    lines = sample.count(b"\n") or sample.count(b"\r")
    return size * lines // len(sample) if lines else None


def _parquet_rows(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    # Whoever reads it says what is wrong with it.
    except (pa.ArrowException, OSError):
        return None
