"""The latest predictions of all workers; what was asked and answered is not kept."""

import contextlib
import mmap
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mlserve_cli.monitoring.registry import Reading
    from mlserve_cli.serving.model import LoadedModel

# Per worker and in the answer.
KEPT = 30
_SHEET_BYTES = 64 << 10
# A mark that is odd while its sheet is written to, and the bytes that are in use.
_HEAD = struct.Struct("<QQ")
# Characters of a model's name and of a request's id; with fewer bytes than a sheet has in all.
_MOST_CHARACTERS = 200
_LOOKS = 3


class Answered(msgspec.Struct, frozen=True):
    """A prediction that was answered.

    Attributes:
        time: When, in seconds since 1970.
        model: Name of the model; empty where there is none of that name.
        version: Its version; None where there is no model.
        rows: How many were asked about; None where that could not be read.
        milliseconds: From the end of the request to its answer.
        status: HTTP status of the answer.
        request_id: What the request is called; empty where nobody has named it.
    """

    time: float
    model: str
    version: int | None
    rows: int | None
    milliseconds: float
    status: int
    request_id: str


_ANSWERED = msgspec.json.Decoder(list[Answered])


class RecentActivity:
    """The latest predictions of each worker, which all of them can read.

    A worker notes its own without a lock and shows them to the others once a second.

    Args:
        clock: Gives the time in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.share(1)
        self.take(0)

    def share(self, places: int) -> None:
        """Makes room for so many processes, before they are forked."""
        memory = memoryview(mmap.mmap(-1, _SHEET_BYTES * places))
        self._sheets = [
            memory[place * _SHEET_BYTES : (place + 1) * _SHEET_BYTES] for place in range(places)
        ]

    def take(self, place: int) -> None:
        """Writes from now on to one of the places, and goes on with what is there."""
        self._place = place
        self._noted: deque[tuple[float, str, int | None, int | None, float, int, bytes]] = deque(
            maxlen=KEPT
        )
        # Whoever had the place before may have died while it wrote.
        self._before = _read(self._sheets[place]) or []
        self._mark = _HEAD.unpack_from(self._sheets[place])[0] // 2 * 2
        self._is_new = True
        self.publish()

    def note(
        self,
        model: "LoadedModel | None",
        rows: int | None,
        seconds: float,
        status: int = 200,
        request_id: bytes = b"",
    ) -> None:
        """Notes a prediction that was answered.

        Args:
            model: The model that was asked; None where there is none of that name.
            rows: How many were asked about; None where that could not be read.
            seconds: From the end of the request to its answer.
            status: HTTP status of the answer.
            request_id: What the request is called; empty where nobody has named it.
        """
        name, version = ("", None) if model is None else (model.name, model.version)
        self._noted.append((self._clock(), name, version, rows, seconds, status, request_id))
        self._is_new = True

    def publish(self) -> "tuple[Reading, ...]":
        """Shows the other workers what this one has noted; a collector that has no values."""
        if not self._is_new:
            return ()
        self._is_new = False
        noted = [_answered(*one) for one in self._noted]
        shown = msgspec.json.encode((self._before + noted)[-KEPT:])
        sheet = self._sheets[self._place]
        _HEAD.pack_into(sheet, 0, self._mark + 1, len(shown))
        sheet[_HEAD.size : _HEAD.size + len(shown)] = shown
        self._mark += 2
        _HEAD.pack_into(sheet, 0, self._mark, len(shown))
        return ()

    def latest(self) -> list[Answered]:
        """The latest predictions of all workers, newest first."""
        found = [one for sheet in self._sheets for one in _read(sheet) or ()]
        return sorted(found, key=lambda one: one.time, reverse=True)[:KEPT]


def _read(sheet: memoryview) -> list[Answered] | None:
    """What a sheet says; None where it is being written to."""
    for _ in range(_LOOKS):
        mark, size = _HEAD.unpack_from(sheet)
        shown = bytes(sheet[_HEAD.size : _HEAD.size + size])
        if mark % 2 or _HEAD.unpack_from(sheet)[0] != mark:
            continue
        # A server that forks by itself has several processes in one place.
        with contextlib.suppress(msgspec.DecodeError):
            return _ANSWERED.decode(shown) if shown else []
    return None


def _answered(
    at: float, name: str, version: int | None, rows: int | None, seconds: float, *rest: object
) -> Answered:
    status, request_id = rest
    assert isinstance(status, int)
    assert isinstance(request_id, bytes)
    return Answered(
        at,
        name[:_MOST_CHARACTERS],
        version,
        rows,
        round(1000 * seconds, 3),
        status,
        request_id.decode("latin-1")[:_MOST_CHARACTERS],
    )
