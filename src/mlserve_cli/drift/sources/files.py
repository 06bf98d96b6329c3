"""Files as data: one, a folder of them, or a pattern of names."""

import glob
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from mlserve_cli.drift.profile import Profile, is_profile, load_profile
from mlserve_cli.drift.sources.found import is_table
from mlserve_cli.drift.sources.interface import KEPT_BYTES
from mlserve_cli.drift.sources.npy import NpyDataset
from mlserve_cli.drift.sources.npz import open_npz
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables.fault import shown
from mlserve_cli.tables.formats import FileType, Format

if TYPE_CHECKING:
    from mlserve_cli.drift.sources.interface import Dataset

_ZIP_MAGIC = b"PK\x03\x04"
_LOCAL = "file://"


def open_path(path: str | Path) -> "Dataset | Profile":
    """The data in a file, in all files of a folder or of a pattern, or at a URI.

    Raises:
        UsageError: The format cannot be read.
        InputError: The data are absent, damaged or cannot be compared.
        MissingExtraError: The packages for this kind of URI are not installed.
    """
    name = str(path)
    if isinstance(path, str) and "://" in name and not name.startswith(_LOCAL):
        from mlserve_cli.drift.sources.remote import fetch
        from mlserve_cli.tables.remote_errors import shown_uri

        return _together(fetch(name), shown_uri(name))
    if not name:
        raise UsageError("The name of a file is empty.")
    local = Path(name.removeprefix(_LOCAL))
    try:
        exists = local.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shown(name)} cannot be read: {reason}.") from error
    if local.is_dir():
        return _together(_in_folder(local), name)
    if not exists:
        matches = glob.glob(str(local), recursive=True)  # noqa: PTH207
        found = sorted(Path(match) for match in matches if Path(match).is_file())
        if not found:
            raise InputError(f"{name} does not exist.")
        return _together(found, name)
    return _open_file(local, name)


def _in_folder(folder: Path) -> list[Path]:
    """Files with a table in a folder and those in it, in the order of their names."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_table(path)]
    if not found:
        formats = ", ".join("." + name for name in Format)
        raise InputError(f"{folder} holds no file with a table: expected {formats}.")
    return found


def _together(paths: list[Path], name: str) -> "Dataset | Profile":
    if len(paths) == 1:
        return _open_file(paths[0], name)
    from mlserve_cli.drift.sources.parts import SAMPLED_PARTS, PartsDataset

    # A sample is taken from some parts, and so no more of them may come to be kept.
    kept_bytes = KEPT_BYTES // min(len(paths), SAMPLED_PARTS)
    parts = [_open_file(path, kept_bytes=kept_bytes) for path in paths]
    datasets = [part for part in parts if not isinstance(part, Profile)]
    if len(datasets) < len(parts):
        raise UsageError(f"{name} holds profiles; name one of them.")
    return PartsDataset(datasets, name)


def _open_file(
    path: Path, name: str | None = None, *, kept_bytes: int | None = None
) -> "Dataset | Profile":
    """The data in a file; `name` is what the user calls it, where that is not its path."""
    if not path.is_file():
        raise InputError(
            f"{path} is no regular file; data are read several times.",
            hint="Write what it gives to a file first.",
        )
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise InputError(f"{path} is empty.")
    if head == _ZIP_MAGIC and is_profile(path):
        return load_profile(path)
    dataset = _open_table(path, FileType.of_name(path.name), kept_bytes or KEPT_BYTES)
    dataset.name = name or dataset.name
    return dataset


def _open_table(path: Path, file_type: FileType, kept_bytes: int) -> "Dataset":
    match file_type.format:
        case Format.NPY:
            return NpyDataset(path)
        case Format.NPZ:
            return open_npz(path, kept_bytes)
        case Format.CSV | Format.TSV:
            from mlserve_cli.drift.sources.csv import open_csv
            from mlserve_cli.drift.sources.remembered import Remembered

            return Remembered(open_csv(path, file_type.format), kept_bytes)
        case Format.JSONL:
            from mlserve_cli.drift.sources.jsonl import open_jsonl
            from mlserve_cli.drift.sources.remembered import Remembered

            return Remembered(open_jsonl(path), kept_bytes)
        case Format.PARQUET | Format.ARROW:
            from mlserve_cli.drift.sources.arrow_files import ArrowDataset, ParquetDataset
            from mlserve_cli.drift.sources.remembered import Remembered

            parquet = file_type.format is Format.PARQUET
            table = ParquetDataset(path) if parquet else ArrowDataset(path)
            return Remembered(table, kept_bytes) if table.size_bytes <= kept_bytes else table
        case None:
            raise UsageError(
                f"{path}: the suffix {file_type.suffix or '(none)'} names no table format.",
                hint=f"Use one of: {', '.join('.' + name for name in Format)}.",
            )
        case _:
            assert_never(file_type.format)
