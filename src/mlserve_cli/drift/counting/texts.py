"""Text of one column counted."""

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.sources.interface import Texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Different texts that are counted one by one; beyond, texts of the same hash are counted together.
MOST_LABELS = 1 << 16
_GROUPS = 1 << 12


@dataclass(slots=True)
class TextCounts:
    """What is known about the text of one column.

    Attributes:
        labels: Rows of each text. Once there are too many different ones, only those stay exact
            that had been seen before.
        groups: Rows of all texts by their hash, shape `(groups,)`; None while `labels` is complete.
        rows: All rows.
        missing: Rows without a value.
    """

    labels: dict[str, int] = field(default_factory=dict)
    groups: "NDArray[np.int64] | None" = None
    rows: int = 0
    missing: int = 0

    def add(self, block: Texts) -> None:
        """Counts a block."""
        self.rows += len(block)
        counts = np.bincount(block.codes + 1, minlength=len(block.labels) + 1).tolist()
        self.missing += counts[0]
        for label, count in zip(block.labels, counts[1:], strict=True):
            if not count:
                continue
            if self.groups is not None:
                self.groups[_group(label)] += count
                if label in self.labels:
                    self.labels[label] += count
                continue
            self.labels[label] = self.labels.get(label, 0) + count
            if len(self.labels) > MOST_LABELS:
                self.groups = self.by_group()

    def by_group(self) -> "NDArray[np.int64]":
        """Rows by the hash of their text, shape `(groups,)`."""
        if self.groups is not None:
            return self.groups
        groups = np.zeros(_GROUPS, np.int64)
        for label, count in self.labels.items():
            groups[_group(label)] += count
        return groups


def _group(label: str) -> int:
    # Python's own hash differs from process to process.
    return zlib.crc32(label.encode("utf-8", "surrogatepass")) % _GROUPS
