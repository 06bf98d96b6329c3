"""Several files with the same columns as one."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlserve_cli.drift.sources.interface import Dataset, Texts
from mlserve_cli.drift.sources.remembered import joined
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Files that a sample is taken from.
SAMPLED_PARTS = 16


class PartsDataset:
    """Files read one after the other.

    Args:
        parts: At least one, with the same columns in any order.
        name: What the user calls them.

    Raises:
        InputError: Their columns differ.
    """

    def __init__(self, parts: Sequence[Dataset], name: str) -> None:
        self.name = name
        self._parts = parts
        self.fields = parts[0].fields
        self.named = parts[0].named
        self.notes = parts[0].notes
        limits = [part.columns_at_once for part in parts if part.columns_at_once is not None]
        self.columns_at_once = min(limits, default=None)
        self._places = [self._places_in(part) for part in parts]

    def _places_in(self, part: Dataset) -> list[int]:
        names = {field.name: place for place, field in enumerate(part.fields)}
        for field in self.fields:
            place = names.get(field.name)
            if place is None or len(names) != len(self.fields):
                raise InputError(
                    f"{part.name} has the columns {', '.join(names)}; {self._parts[0].name} has "
                    f"{', '.join(field.name for field in self.fields)}.",
                    hint="Files that are read together need the same columns.",
                )
            if part.fields[place].kind is not field.kind:
                raise InputError(
                    f"Column {field.name!r} is of type {part.fields[place].dtype} in {part.name}, "
                    f"and of type {field.dtype} in {self._parts[0].name}."
                )
        return [names[field.name] for field in self.fields]

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        for part, places in zip(self._parts, self._places, strict=True):
            yield from part.blocks([places[position] for position in positions])

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """See `Dataset.sample`."""
        step = -(-len(self._parts) // SAMPLED_PARTS)
        taken = list(zip(self._parts, self._places, strict=True))[::step]
        samples = [
            part.sample([places[position] for position in positions], -(-rows // len(taken)))
            for part, places in taken
        ]
        return [joined([sample[k] for sample in samples]) for k in range(len(positions))]
