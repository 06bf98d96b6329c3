"""Whole tables as data frames, for the small jobs that need one: training data, references."""

import io
import warnings
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.tables.fault import TO_UTF_8
from mlserve_cli.tables.formats import FileType, Format
from mlserve_cli.tables.source import Source

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_READ_BYTES = 1 << 24


def read_table(path: str | Path, *, text: Collection[str] = ()) -> "pd.DataFrame":
    """A whole file as a data frame; its suffix says which format it has.

    CSV is read as `pandas.read_csv` reads it, except that its first column is never taken for row
    names. Parquet and Arrow keep their types, categories included. A matrix (npy, npz with one
    array) gets the columns `x0`, `x1`, ...

    Args:
        path: A file in CSV, TSV or JSON Lines, plain or compressed (.gz, .zst, .bz2), or in
            Parquet, Arrow, npy or npz.
        text: Columns of a CSV file that are text even where they look like numbers.

    Raises:
        UsageError: The suffix names no format that can be read.
        InputError: The file is absent, damaged or holds no table.
    """
    file_type = FileType.of_name(str(path))
    if not Path(path).is_file():
        found = "is a directory; a file is expected" if Path(path).exists() else "does not exist"
        raise InputError(f"{path} {found}.")
    with _reading(path, file_type):
        frame = _read(path, file_type, text)
    if not len(frame.columns):
        raise InputError(f"{path} holds no columns.")
    return frame


def _read(path: str | Path, file_type: FileType, text: Collection[str]) -> "pd.DataFrame":
    import pandas as pd

    match file_type.format:
        case Format.CSV | Format.TSV:
            return _csv(path, "," if file_type.format is Format.CSV else "\t", text)
        case Format.JSONL:
            # pandas' own reader turns "007" into 7, and what sounds like dates into dates.
            rows = msgspec.json.Decoder(dict[str, Any]).decode_lines(_content(path))
            return pd.DataFrame(rows)
        case Format.PARQUET:
            return pd.read_parquet(path)
        case Format.ARROW:
            return pd.read_feather(path)
        case Format.NPY | Format.NPZ:
            return _matrix(path)
        case None:
            raise UsageError(
                f"{path}: the suffix {file_type.suffix or '(none)'} names no table format.",
                hint=f"Use one of: {', '.join('.' + name for name in Format)}.",
            )


def _content(path: str | Path) -> bytes:
    with Source(path) as source:
        return b"".join(iter(lambda: source.read(_READ_BYTES), b""))


def _csv(path: str | Path, separator: str, text: Collection[str]) -> "pd.DataFrame":
    import pandas as pd

    with warnings.catch_warnings():
        # Where rows have a field too many, pandas takes the first one for row names and shifts all
        # names by one. With index_col=False it drops the last one instead, and warns.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                io.BytesIO(_content(path)),
                sep=separator,
                index_col=False,
                dtype=dict.fromkeys(text, str),
                low_memory=False,
            )
        except pd.errors.ParserWarning as error:
            raise InputError(
                f"{path}: its rows have more fields than its header has names.",
                hint="Name every column in the first line, and separate fields by commas.",
            ) from error


def _matrix(path: str | Path) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    # Arrays of objects are pickles, which run code as they load; numpy refuses them here.
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        values = loaded
    else:
        with loaded:
            if len(loaded.files) != 1:
                listed = ", ".join(loaded.files) or "none"
                raise InputError(f"{path} holds {len(loaded.files)} arrays ({listed}), expected 1.")
            values = loaded[loaded.files[0]]
    return pd.DataFrame(_two_dimensional(path, values)).rename(columns=lambda k: f"x{k}")


def _two_dimensional(path: str | Path, values: "NDArray[Any]") -> "NDArray[Any]":
    if values.ndim != 2:
        raise InputError(
            f"{path} holds an array of shape {values.shape}, expected (rows, columns)."
        )
    if values.dtype.kind not in "biufU":
        raise InputError(f"{path} holds values of type {values.dtype}, expected numbers or text.")
    return values


def write_parquet(frame: "pd.DataFrame", path: str | Path) -> None:
    """Writes a data frame as Parquet, without its index.

    Raises:
        EngineError: The file cannot be written, or Parquet has no type for a column.
    """
    import pyarrow as pa

    try:
        frame.to_parquet(path, index=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise EngineError(f"{path} could not be written: {error}.") from error


@contextmanager
def _reading(path: str | Path, file_type: FileType) -> Iterator[None]:
    """Translates what pandas, numpy and pyarrow raise for files that they cannot read."""
    import pyarrow as pa

    expected = file_type.format.value if file_type.format else "table"
    try:
        yield
    except (
        ValueError,
        EOFError,
        msgspec.MsgspecError,
        zipfile.BadZipFile,
        pa.ArrowException,
    ) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path} is no readable {expected} file: {first}.", hint=_hint(error)
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _hint(error: Exception) -> str | None:
    return TO_UTF_8 if isinstance(error, UnicodeDecodeError) else None
