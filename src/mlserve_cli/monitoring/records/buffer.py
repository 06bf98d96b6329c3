"""What waits to be recorded, within bounds."""

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import Entry, RecordedModel
    from mlserve_cli.monitoring.records.single import SingleForm

    # Whose single rows they are, and how they are packed.
    Kind = tuple[RecordedModel, SingleForm]

_MAX_WAITING_BYTES = 32 << 20
_OBJECT_BYTES = 160


class RecordBuffer:
    """Passes entries from the thread that answers to the one that writes; nobody waits.

    Rows beyond the rate are not recorded. Over time the rate holds exactly; for a moment the rows
    of up to two seconds may come at once.

    Args:
        rows_per_second: The rate; infinity for all rows, 0 for none.
        max_waiting_bytes: Rows that find more than this waiting are dropped and counted.
    """

    def __init__(
        self, rows_per_second: float = math.inf, max_waiting_bytes: int = _MAX_WAITING_BYTES
    ) -> None:
        self.dropped = 0
        self.rows_per_second = rows_per_second
        self._max_waiting_bytes = max_waiting_bytes
        # With their sizes.
        self._entries: deque[tuple[Entry, int]] = deque()
        self._singles: deque[tuple[Kind, bytes]] = deque()
        # One thread writes the first number, another one the second, so no lock is needed.
        self._put_bytes = 0
        self._taken_bytes = 0
        # Rows that may be recorded now; less than none after many came at once.
        self._allowed = max(1.0, rows_per_second)
        self._since = -math.inf

    def admit(self, rows: int, now: float) -> int:
        """How many of so many rows are to be recorded.

        Args:
            rows: How many there are.
            now: A clock's time in seconds.
        """
        rate = self.rows_per_second
        if rate <= 0:
            return 0
        most = max(1.0, rate)
        # Infinity minus infinity is no number, and never the minimum.
        allowed = min(most, self._allowed + (now - self._since) * rate)
        self._since = now
        if allowed < 1:
            self._allowed = allowed
            return 0
        kept = rows if rows <= most else int(most)
        self._allowed = allowed - kept
        if self._put_bytes - self._taken_bytes > self._max_waiting_bytes:
            self.dropped += kept
            return 0
        return kept

    def put(self, entry: "Entry", size_bytes: int) -> None:
        """Leaves an entry to the thread that writes.

        Args:
            entry: With as many rows kept as were admitted.
            size_bytes: About the memory that it holds on to.
        """
        self._entries.append((entry, size_bytes))
        self._put_bytes += size_bytes

    def put_single(self, model: "RecordedModel", form: "SingleForm", packed: bytes) -> None:
        """Leaves a row that came alone to the thread that writes.

        Args:
            model: Who was asked.
            form: How it is packed.
            packed: It was admitted.
        """
        self._singles.append(((model, form), packed))
        self._put_bytes += form.size_bytes + _OBJECT_BYTES

    def take(self) -> "list[Entry]":
        """Everything that waits: what came together, then what came alone."""
        taken = []
        for _ in range(len(self._entries)):
            entry, size_bytes = self._entries.popleft()
            self._taken_bytes += size_bytes
            taken.append(entry)
        packed: dict[Kind, list[bytes]] = {}
        for _ in range(len(self._singles)):
            kind, row = self._singles.popleft()
            packed.setdefault(kind, []).append(row)
        for (model, form), rows in packed.items():
            self._taken_bytes += len(rows) * (form.size_bytes + _OBJECT_BYTES)
            taken.append(form.entry(model, rows))
        return taken
