"""Passes over the data of both sides."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.supremum import Supremum
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.sources.interface import Dataset, Texts
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Threads that share the columns of a block; numpy lets them run side by side.
_THREADS = min(4, os.cpu_count() or 1)
# Values in a block from which sharing gains more than it costs.
_WORTH_SHARING = 1 << 17
# Different values of one side that all columns together may keep.
_KEPT_VALUES = 1 << 20
_KEPT_LEAST = 1 << 12


def count(
    dataset: Dataset, positions: Sequence[int], counters: Sequence[NumberCounts | TextCounts]
) -> None:
    """Counts every value of some columns.

    Args:
        dataset: The data.
        positions: The columns.
        counters: One for each of them.

    Raises:
        InputError: The data cannot be read, or hold values that cannot be compared.
    """

    def take(place: int, values: "NDArray[Any] | Texts") -> None:
        counter = counters[place]
        if isinstance(counter, TextCounts):
            assert isinstance(values, Texts)
            counter.add(values)
        else:
            assert not isinstance(values, Texts)
            counter.add(values)

    each_block(dataset, positions, take)


def find_distances(
    sides: tuple[Dataset, Dataset],
    positions: tuple[Sequence[int], Sequence[int]],
    columns: "Sequence[tuple[NumberCounts, NumberCounts]]",
) -> list[Supremum]:
    """The exact Kolmogorov-Smirnov distance of each column, by as many passes as that takes.

    Args:
        sides: Reference and current data.
        positions: Where the columns stand on either side.
        columns: Their counts, of at least one value on either side.
    """
    limit = max(_KEPT_LEAST, _KEPT_VALUES // max(1, len(columns)))
    found = [Supremum(reference, current, limit) for reference, current in columns]
    while unfinished := [place for place, column in enumerate(found) if not column.done]:
        for side, (dataset, places) in enumerate(zip(sides, positions, strict=True)):

            def take(place: int, values: Any, side: int = side) -> None:
                found[unfinished[place]].add(side, values)

            each_block(dataset, [places[place] for place in unfinished], take)
        for place in unfinished:
            found[place].finish()
    return found


def each_block(
    dataset: Dataset, positions: Sequence[int], take: "Callable[[int, Any], None]"
) -> None:
    """Calls `take` with the number of a column and its values, for every block in order."""
    if not positions:
        return
    rows = 0
    width = dataset.columns_at_once or len(positions)
    with ThreadPoolExecutor(_THREADS, "drift") as pool:
        for first in range(0, len(positions), width):
            for block in dataset.blocks(positions[first : first + width]):
                rows += len(block[0])
                places = range(first, first + len(block))
                if len(block) < 2 or len(block) * len(block[0]) < _WORTH_SHARING:
                    for place, values in zip(places, block, strict=True):
                        take(place, values)
                    continue
                # Each thread takes the next column that is left.
                list(pool.map(take, places, block))
    if not rows:
        raise InputError(
            f"{dataset.name} has no rows; there is nothing to compare.",
            hint="Name data with at least one row.",
        )
