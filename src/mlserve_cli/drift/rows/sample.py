"""A seeded sample of whole rows, from one pass over data of any size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.sources.interface import Dataset, Texts
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = list[NDArray[Any]]

# Values of one side that are held at once: 32 MiB of numbers.
_MOST_VALUES = 1 << 22
_FEWEST_ROWS = 1_000


def row_limit(columns: int, wanted: int) -> int:
    """Rows of a sample, fewer than wanted where there are many columns."""
    return min(wanted, max(_FEWEST_ROWS, _MOST_VALUES // max(1, columns)))


def sample_rows(data: Dataset, positions: Sequence[int], limit: int, *, seed: int) -> "Columns":
    """Columns of at most `limit` rows, each row of the data being as likely as any other.

    Every row draws a number, and those with the smallest ones stay, in the order of the data.

    Args:
        data: Read from start to end.
        positions: The columns.
        limit: The most rows.
        seed: Of the draw.

    Returns:
        For each column an array of shape `(rows,)`: numbers as float64, text as objects with None
        where it is missing.

    Raises:
        InputError: The data cannot be read, or hold no rows.
    """
    generator = np.random.default_rng(seed)
    keys = np.empty(0)
    parts: list[Columns] = []
    bound = np.inf
    for block in data.blocks(positions):
        drawn = generator.random(len(block[0]))
        chosen = np.flatnonzero(drawn < bound)
        keys = np.concatenate([keys, drawn[chosen]])
        parts.append([_values(values, chosen) for values in block])
        if len(keys) >= 2 * limit:
            keys, kept = _smallest(keys, parts, limit)
            parts, bound = [kept], float(keys.max())
    if not len(keys):
        raise InputError(
            f"{data.name} has no rows; there is nothing to compare.",
            hint="Name data with at least one row.",
        )
    return _smallest(keys, parts, limit)[1]


def _smallest(
    keys: "NDArray[np.float64]", parts: "list[Columns]", limit: int
) -> "tuple[NDArray[np.float64], Columns]":
    columns = [np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))]
    chosen = np.sort(np.argsort(keys, kind="stable")[:limit])
    return keys[chosen], [column[chosen] for column in columns]


def _values(values: "NDArray[Any] | Texts", chosen: "NDArray[np.intp]") -> "NDArray[Any]":
    if isinstance(values, Texts):
        labels = np.array([*values.labels, None], object)
        texts: NDArray[Any] = labels[values.codes[chosen]]
        return texts
    # A copy: the block is overwritten by the next one.
    return values[chosen].astype(np.float64)
