"""What waits to be recorded, within bounds."""

import itertools
import math
from collections import deque
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import Entry, RecordedModel
    from mlserve_cli.monitoring.records.single import SingleForm

    # Whose single rows they are, and how they are packed.
    Kind = tuple[RecordedModel, SingleForm]

_MAX_WAITING_BYTES = 32 << 20
_OBJECT_BYTES = 100


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
        self._waiting: deque[tuple[None, Entry, int] | tuple[Kind, bytes, int]] = deque()
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
        self._waiting.append((None, entry, size_bytes))
        self._put_bytes += size_bytes

    def put_single(self, model: "RecordedModel", form: "SingleForm", packed: bytes) -> None:
        """Leaves a row that came alone to the thread that writes.

        Args:
            model: Who was asked.
            form: How it is packed.
            packed: It was admitted.
        """
        size_bytes = form.size_bytes + _OBJECT_BYTES
        self._waiting.append(((model, form), packed, size_bytes))
        self._put_bytes += size_bytes

    def take(self) -> "list[Entry]":
        """Everything that waits."""
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._taken_bytes += sum(map(itemgetter(2), waiting))
        taken: list[Entry] = []
        for kind, together in itertools.groupby(waiting, itemgetter(0)):
            found: list[Any] = list(map(itemgetter(1), together))
            taken += found if kind is None else [kind[1].entry(kind[0], found)]
        return taken
