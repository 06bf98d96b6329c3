"""A reference without its rows: what has been counted, in a small file."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting.axis import Axis, LinearAxis, OrderedAxis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.counting.thinned import ThinnedSample
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import Field
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NumberCounts | TextCounts

# Version of the file; readers refuse later ones.
PROFILE_VERSION = 1
_INDEX = "profile.json"
_ARRAYS = "counts.npy"
# Values of a column that are kept for its ends, where bins say little.
_SAMPLE = 1_024
# What reading a damaged file raises.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about a reference.

    Attributes:
        name: What the user called it.
        fields: Its columns.
        named: Whether they have names of their own.
        columns: Counts of each column, JSON-able apart from `numbers`.
        numbers: Bins that are not empty and their counts, of all columns in a row.
        notes: Remarks; none.
    """

    name: str
    fields: tuple[Field, ...]
    named: bool
    columns: tuple[dict[str, Any], ...]
    numbers: "NDArray[np.int64]"
    notes: tuple[str, ...] = ()

    @classmethod
    def of_counts(
        cls, name: str, fields: Sequence[Field], named: bool, counts: "Sequence[Counts]"
    ) -> "Profile":
        """The profile of counted columns."""
        pieces: list[NDArray[np.int64]] = []
        columns = tuple(_packed(column, pieces) for column in counts)
        numbers = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        return cls(name, tuple(fields), named, columns, numbers)

    def counts(self) -> "list[Counts]":
        """Counters as they were, which callers may change."""
        place = 0
        counters: list[Counts] = []
        for field, column in zip(self.fields, self.columns, strict=True):
            counter, place = _unpacked(field.name, column, self.numbers, place)
            counters.append(counter)
        return counters


def _packed(counts: "Counts", pieces: "list[NDArray[np.int64]]") -> dict[str, Any]:
    def put(dense: "NDArray[np.int64] | None") -> int | None:
        if dense is None:
            return None
        filled = np.flatnonzero(dense)
        # Distances between bins are small numbers, which compress well.
        pieces.extend([np.diff(filled, prepend=0), dense[filled]])
        return len(filled)

    if isinstance(counts, TextCounts):
        return {
            "rows": counts.rows,
            "missing": counts.missing,
            "labels": counts.labels,
            "groups": None if counts.groups is None else len(counts.groups),
            "filled": put(counts.groups),
        }
    values = counts.values
    sample = counts.sample.thinned(_SAMPLE)
    return {
        "axis": {"type": type(counts.axis).__name__, **asdict(counts.axis)},
        "rows": counts.rows,
        "missing": counts.missing,
        "infinite": counts.infinite,
        "range": [counts.minimum, counts.maximum] if counts.finite else None,
        "moments": counts.raw_moments,
        "values": None if values is None else sorted(values.items()),
        "filled": put(counts.counts),
        "sample": sample.values().tolist(),
        "sample_step": sample.step,
    }


def _unpacked(
    name: str, column: dict[str, Any], numbers: "NDArray[np.int64]", place: int
) -> "tuple[Counts, int]":
    filled = column["filled"] or 0
    places = np.cumsum(numbers[place : place + filled])
    counts = numbers[place + filled : place + 2 * filled]

    def dense(size: int | None) -> "NDArray[np.int64] | None":
        if column["filled"] is None or size is None:
            return None
        result = np.zeros(size, np.int64)
        result[places] = counts
        return result

    end = place + 2 * filled
    if "labels" in column:
        groups = dense(column["groups"])
        labels = dict(column["labels"])
        return TextCounts(labels, groups, column["rows"], column["missing"]), end
    axis = _axis(dict(column["axis"]))
    sample = ThinnedSample.of_values(np.array(column["sample"]), column["sample_step"])
    values = column["values"]
    counter = NumberCounts(
        name,
        axis,
        sample,
        values=None if values is None else {float(key): int(count) for key, count in values},
        counts=dense(axis.bins),
        rows=column["rows"],
        missing=column["missing"],
        infinite=list(column["infinite"]),
    )
    if column["range"]:
        counter.minimum, counter.maximum = column["range"]
    counter.raw_moments = tuple(column["moments"])
    return counter, end


def _axis(content: dict[str, Any]) -> Axis:
    kinds: dict[str, type[LinearAxis | OrderedAxis]] = {
        "LinearAxis": LinearAxis,
        "OrderedAxis": OrderedAxis,
    }
    return kinds[content.pop("type")](**content)


@contextmanager
def profile_file(path: str | Path) -> Iterator[Callable[[Profile], None]]:
    """Opens a file for a profile that is yet to be made, so that a bad path shows before the work.

    Yields:
        A function that takes the profile. The file appears when the `with` block is left normally.

    Raises:
        UsageError: It cannot be written there.
        EngineError: The disk is full or failed.
    """
    from mlserve_cli.tables.sink import Sink

    with Sink(path) as sink:
        sink.begin()
        yield lambda profile: sink.write(_content(profile))


def save_profile(path: str | Path, profile: Profile) -> None:
    """Writes a profile; the file appears whole or not at all.

    Raises:
        UsageError: It cannot be written there.
        EngineError: The disk is full or failed.
    """
    with profile_file(path) as write:
        write(profile)


def _content(profile: Profile) -> bytes:
    index = {
        "profile_version": PROFILE_VERSION,
        "name": profile.name,
        "named": profile.named,
        "fields": [[field.name, field.dtype, field.kind.value] for field in profile.fields],
        "columns": profile.columns,
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date, so that the same reference gives the same bytes.
        archive.writestr(_entry(_INDEX), json.dumps(index))
        array = io.BytesIO()
        np.save(array, profile.numbers)
        archive.writestr(_entry(_ARRAYS), array.getvalue())
    return content.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def is_profile(path: Path) -> bool:
    """Whether a file is a profile."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _INDEX in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def load_profile(path: str | Path) -> Profile:
    """The profile in a file.

    Raises:
        InputError: It is no profile, is damaged, or is of a later version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read(_INDEX))
            version = index["profile_version"]
            if version > PROFILE_VERSION:
                raise InputError(
                    f"{path} is a profile of version {version}; this mlserve reads up to "
                    f"{PROFILE_VERSION}.",
                    hint="Upgrade with: pip install --upgrade mlserve-cli",
                )
            numbers = np.load(io.BytesIO(archive.read(_ARRAYS)), allow_pickle=False)
        fields = tuple(Field(name, dtype, Kind(kind)) for name, dtype, kind in index["fields"])
        profile = Profile(index["name"], fields, index["named"], tuple(index["columns"]), numbers)
        # What is damaged shows here, not in the middle of a check.
        profile.counts()
    except _DAMAGE as error:
        raise InputError(
            f"{path} is no readable profile: {error}.",
            hint="Write it again with: mlserve drift-check REFERENCE CURRENT --save-profile FILE",
        ) from error
    return profile
