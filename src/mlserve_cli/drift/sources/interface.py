"""What every kind of data offers to the check: columns, in blocks of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from mlserve_cli.drift.report import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Bytes of one block. Measured on 50 columns of float64: larger blocks leave the processor's cache.
BLOCK_BYTES = 1 << 23
# More rows than this in one block gain nothing.
BLOCK_ROWS = 1 << 15
# Bytes of values up to which one side is kept in memory: 100,000 rows of 20 numbers.
KEPT_BYTES = 1 << 24


class Role(Enum):
    """What a column is to the check."""

    INPUT = auto()
    """Compared, and missed where one side lacks it."""
    OUTPUT = auto()
    """A prediction in the records of a server: compared where both sides have it."""
    CONTEXT = auto()
    """What a server noted beside a row, such as the time: compared where it is named."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of the data.

    Attributes:
        name: Its name.
        dtype: Type of its values, as the file or array calls it.
        kind: How such values are compared; whole numbers may turn out to be `DISCRETE`.
        role: What it is to the check. Inputs stand before all others.
    """

    name: str
    dtype: str
    kind: Kind
    role: Role = Role.INPUT


@dataclass(frozen=True, slots=True)
class Texts:
    """Text of one column and block.

    Attributes:
        codes: Position in `labels`, -1 where the value is missing, shape `(rows,)`.
        labels: Texts, each once.
    """

    codes: "NDArray[np.integer]"
    labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)


class Dataset(Protocol):
    """Data that can be read several times.

    Attributes:
        name: What the user calls it.
        fields: Its columns, in order.
        named: Whether the columns have names of their own; if not, they are matched by position.
        notes: Remarks, such as on columns that cannot be compared; one sentence each.
        columns_at_once: How many columns may be read at once where memory shall not grow with them;
            None for any number.
    """

    name: str
    fields: tuple[Field, ...]
    named: bool
    notes: tuple[str, ...]

    @property
    def columns_at_once(self) -> int | None:
        """See above."""

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """The values of the columns at `positions`, block by block.

        The arrays of a block are overwritten by the next one.

        Raises:
            InputError: The data cannot be read.
        """

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """About `rows` rows, spread over the data as far as they can be reached cheaply."""
