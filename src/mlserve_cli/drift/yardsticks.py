"""What single columns are compared with again and again, at the price of few bins."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting.axis import choose_axis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.scan import count
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.counting.thinned import ThinnedSample
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.arrays import ColumnsDataset
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.drift.sources.opening import open_data

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mlserve_cli.drift.sources.interface import Dataset

    Values = NDArray[Any] | Texts

# Far more than a window has rows, and few enough that a check takes 1.5 ms: 65,536 take 15.
_BINS = 2_048
_SAMPLE_ROWS = 4_096
_KEPT_ROWS = 1_024


def yardsticks_of_file(path: "Path", names: Sequence[str], *, named: bool) -> dict[str, Profile]:
    """A profile of each column of a file; columns that it lacks are left out.

    Args:
        path: The file.
        names: What the columns are called.
        named: Whether the file calls them so; if not, they are found by their position.

    Raises:
        InputError: It cannot be read.
        UsageError: It is of no known format.
    """
    from mlserve_cli.drift.sources.files import open_path

    data = open_path(path)
    if isinstance(data, Profile):
        return _parts(data, names, named=named)
    places = {field.name: place for place, field in enumerate(data.fields)}
    if not named and len(names) == len(data.fields):
        places = {name: place for place, name in enumerate(names)}
    wanted = {name: places[name] for name in names if name in places}
    return dict(_counted(data, wanted))


def _parts(profile: Profile, names: Sequence[str], *, named: bool) -> dict[str, Profile]:
    fields = list(profile.fields)
    if not named and len(names) == len(fields):
        fields = [replace(field, name=name) for field, name in zip(fields, names, strict=True)]
    counts = zip(fields, profile.counts(), strict=True)
    known = {f.name: Profile.of_counts(profile.name, [f], True, [c]) for f, c in counts}
    return {name: known[name] for name in names if name in known}


def small_profile(data: Any, name: str) -> Profile:
    """A profile with as few bins as windows need; without times, which move on by nature.

    Args:
        data: See `open_data`.
        name: What to call it.

    Raises:
        InputError: The data cannot be read, or hold values that cannot be compared.
    """
    dataset = open_data(data, name)
    if isinstance(dataset, Profile):
        return dataset
    places = {field.name: place for place, field in enumerate(dataset.fields)}
    columns = list(dict(_counted(dataset, places)).values())
    counts = [counter for column in columns for counter in column.counts()]
    return Profile.of_counts(name, [column.fields[0] for column in columns], dataset.named, counts)


def yardsticks_of_rows(
    columns: "Sequence[Values]", fields: Sequence[Field], name: str
) -> dict[str, Profile]:
    """A profile of each column of rows in memory."""
    dataset = ColumnsDataset(columns, tuple(fields), name)
    return dict(_counted(dataset, {field.name: place for place, field in enumerate(fields)}))


def _counted(dataset: "Dataset", places: dict[str, int]) -> Iterator[tuple[str, Profile]]:
    fields = {
        name: dataset.fields[place]
        for name, place in places.items()
        # Times move on by nature.
        if dataset.fields[place].kind is not Kind.TIME
    }
    positions = [places[name] for name in fields]
    counters: list[NumberCounts | TextCounts] = []
    for (name, field), sample in zip(
        fields.items(), dataset.sample(positions, _SAMPLE_ROWS), strict=True
    ):
        if field.kind is Kind.TEXT:
            counters.append(TextCounts())
            continue
        assert not isinstance(sample, Texts)
        numbers = sample.astype(np.float64)
        axis = choose_axis(numbers[np.isfinite(numbers)], np.empty(0), _BINS)
        counters.append(NumberCounts(name, axis, ThinnedSample(_KEPT_ROWS)))
    count(dataset, positions, counters)
    for (name, field), counter in zip(fields.items(), counters, strict=True):
        own = Field(name, field.dtype, field.kind)
        yield name, Profile.of_counts(dataset.name, [own], True, [counter])
