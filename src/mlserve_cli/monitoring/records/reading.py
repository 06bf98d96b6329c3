"""Records read back."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.records.layout import ROLES_KEY, SCHEMA_VERSION, Roles
from mlserve_cli.monitoring.records.retention import SUFFIX


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A file of records.

    Attributes:
        path: Where it is.
        changed: When it was written last, in seconds since 1970.
        rows: How many it has.
        roles: What its columns are.
    """

    path: Path
    changed: float
    rows: int
    roles: Roles

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows in the order in which they were answered.

        Args:
            columns: Which; None for all.

        Raises:
            InputError: It is damaged, or gone.
        """
        try:
            return pq.ParquetFile(self.path).read(columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self.path} cannot be read: {error}.") from error


def record_files(
    folder: str | Path, model: str | None = None, *, since: float = 0.0
) -> list[RecordFile]:
    """The files of records in a folder, oldest first; files that hold no records are left out.

    Args:
        folder: Of all records, or of some of them.
        model: Name of a model; None for all.
        since: Leaves out files that were not written after this time, in seconds since 1970.

    Raises:
        InputError: A file is of a later format.
    """
    found = []
    for path in Path(folder).rglob(f"[!.]*{SUFFIX}"):
        # The oldest may be removed while others are looked at.
        with contextlib.suppress(FileNotFoundError):
            changed = path.stat().st_mtime
            if changed >= since:
                found += [
                    file for file in _opened(path, changed) if model in {None, file.roles.model}
                ]
    return sorted(found, key=lambda file: (file.path.name, file.path))


def _opened(path: Path, changed: float) -> Iterator[RecordFile]:
    try:
        metadata = pq.read_metadata(path)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    encoded = (metadata.metadata or {}).get(ROLES_KEY)
    if encoded is None:
        return
    try:
        found = msgspec.json.decode(encoded, type=dict[str, object]).get("schema_version")
        if isinstance(found, int) and found > SCHEMA_VERSION:
            raise InputError(
                f"{path} has schema version {found}; this mlserve reads up to {SCHEMA_VERSION}.",
                hint="Upgrade with: pip install --upgrade mlserve-cli",
            )
        roles = msgspec.json.decode(encoded, type=Roles)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} does not say what its columns are: {error}.") from error
    yield RecordFile(path, changed, metadata.num_rows, roles)
