"""Which files a folder or a pattern means, and what each is called among the results."""

import glob
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlserve_cli.batch.options import BatchOptions
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables.formats import Compression, FileType, Format
from mlserve_cli.tables.remote import find_remote, is_remote, is_remote_folder, joined
from mlserve_cli.tables.remote_errors import shown_uri


def is_many(source: str) -> bool:
    """Whether a name means several files: it is a folder, or a pattern that is no file's name.

    Raises:
        InputError: It lies elsewhere, where it cannot be reached.
    """
    if is_remote(source):
        return is_remote_folder(source)
    return Path(source).is_dir() or (glob.has_magic(source) and not Path(source).exists())


@dataclass(frozen=True, slots=True)
class TableFile:
    """One of many inputs.

    Attributes:
        place: Its path or URI.
        name: What it is called in the folder of the results.
        size_bytes: Its size.
    """

    place: str
    name: str
    size_bytes: int


def _is_table(name: PurePosixPath, format_: Format | None) -> bool:
    """Whether a file below a folder is to be scored; hidden ones and our own are not."""
    return (
        (format_ is not None or FileType.of_name(name.name).format is not None)
        and not name.name.endswith(ERRORS_SUFFIX)
        and not _is_left_alone(name)
    )


def _is_left_alone(name: PurePosixPath) -> bool:
    return any(part.startswith((".", "_")) for part in name.parts)


def _names(names: list[str], format_: Format | None) -> list[str]:
    """What files are called in the folder of the results, where they may have another format."""
    if format_ is None:
        return names
    renamed = [_renamed(name, format_) for name in names]
    twice = [name for name, count in Counter(renamed).items() if count > 1]
    if twice:
        raise UsageError(
            f"Several of the files would be written to {twice[0]}.",
            hint="Leave out --output-format, or score them apart.",
        )
    return renamed


def _renamed(name: str, format_: Format) -> str:
    file_type = FileType.of_name(name)
    if file_type.format is format_:
        return name
    stem = name
    if file_type.compression is not Compression.NONE:
        stem = stem.rpartition(".")[0]
    if file_type.format is not None:
        stem = stem.rpartition(".")[0]
    return f"{stem}.{format_}"


def find_tables(source: str, options: BatchOptions | None = None) -> list[tuple[Path, str]]:
    """The files, and what each is called in the folder of the results.

    Args:
        source: A folder or a pattern.
        options: Which formats they have and get; None believes their names.

    Raises:
        InputError: There are none.
        UsageError: Two of them would be written to the same file.
    """
    options = options or BatchOptions()
    if Path(source).is_dir():
        root, pattern = Path(source), "**/*"
    else:
        parts = Path(source).parts
        wild = next(k for k, part in enumerate(parts) if glob.has_magic(part))
        # The folders before the first wildcard; the last part is a file's name.
        root, pattern = Path(*parts[:wild]), str(Path(*parts[wild:]))
    found = [path for path in root.glob(pattern) if path.is_file()]
    named = sorted((path, path.relative_to(root)) for path in found)
    tables = [
        (path, name) for path, name in named if _is_table(PurePosixPath(name), options.input_format)
    ]
    if not tables:
        raise InputError(
            f"{source} holds no table: {len(found)} files were found, none of a known format."
        )
    targets = _names([str(name) for _, name in tables], options.output_format)
    return [(path, target) for (path, _), target in zip(tables, targets, strict=True)]


def find_remote_tables(source: str, options: BatchOptions) -> list[TableFile]:
    """The files of a folder or pattern that lies elsewhere.

    Raises:
        InputError: There are none, or the place cannot be reached.
        UsageError: Two of them would be written to the same file.
    """
    found = [
        entry
        for entry in find_remote(source)
        if _is_table(PurePosixPath(entry.name), options.input_format)
    ]
    if not found:
        raise InputError(f"{shown_uri(source)} holds no table of a known format.")
    names = _names([entry.name for entry in found], options.output_format)
    return [
        TableFile(entry.uri, name, entry.size_bytes)
        for entry, name in zip(found, names, strict=True)
    ]


def check_remote_destination(files: list[TableFile], folder: str) -> None:
    """Looks whether a folder elsewhere can take the results.

    Raises:
        UsageError: It holds the files themselves.
    """
    for file in files:
        if file.place == joined(folder, file.name):
            raise UsageError(
                f"{shown_uri(folder)} holds the input itself; it would be overwritten.",
                hint="Name another folder.",
            )


def check_destination(source: str | Path, folder: Path, files: list[tuple[Path, str]]) -> None:
    """Makes the folder of the results if need be.

    Raises:
        UsageError: It is a file, holds the source itself, or lies where the next run would find it.
    """
    if str(folder) == "-" or (folder.exists() and not folder.is_dir()):
        raise UsageError(
            f"{source} means {len(files)} files, so OUT must be a folder; {folder} is none."
        )
    targets = [(path, folder / name) for path, name in files]
    if any(target.exists() and target.samefile(path) for path, target in targets):
        raise UsageError(
            f"{folder} holds the input itself; it would be overwritten.",
            hint="Name another folder.",
        )
    if Path(source).is_dir() and folder.resolve().is_relative_to(Path(source).resolve()):
        inside = folder.resolve().relative_to(Path(source).resolve())
        if not _is_left_alone(PurePosixPath(inside)):
            raise UsageError(
                f"{folder} lies inside of {source}: the next run would score its results as well.",
                hint="Name a folder elsewhere, or one whose name begins with an underscore.",
            )
    folder.mkdir(parents=True, exist_ok=True)
