"""How much of the memory large bodies may take together."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlserve_cli.serving.refusals import OverloadedError

if TYPE_CHECKING:
    from mlserve_cli.serving.guard import Message, Receive

# Smaller bodies are taken as long as there are connections: as many bytes wait in the system for a
# client whose body is not read.
SMALL_BODY_BYTES = 64 << 10
# So many bodies of the largest size are read or wait for their answers at the same time.
_MOST_LARGEST_BODIES = 8


class BodyRoom:
    """Room for the large bodies of one process; a request has it until it is answered.

    Args:
        max_body_bytes: The limit on one body.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self.max_body_bytes = max_body_bytes
        self.most_bytes = _MOST_LARGEST_BODIES * max_body_bytes
        self.taken_bytes = 0

    def take(self, size_bytes: int) -> bool:
        """Takes room if there is enough of it; `give_back` returns it."""
        if self.taken_bytes + size_bytes > self.most_bytes:
            return False
        self.taken_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Returns what was taken."""
        self.taken_bytes -= size_bytes

    @contextlib.contextmanager
    def holding(self, size_bytes: int) -> Iterator[None]:
        """Has room for a body that is there already; a small one needs none.

        Raises:
            OverloadedError: There is no room for it.
        """
        taken = size_bytes if size_bytes > SMALL_BODY_BYTES else 0
        if not self.take(taken):
            raise self.full()
        try:
            yield
        finally:
            self.give_back(taken)

    def full(self) -> OverloadedError:
        """The error for a request whose body finds no room."""
        return OverloadedError(
            f"Large bodies take {self.taken_bytes} bytes already, of {self.most_bytes} that this "
            "server has for them."
        )


class RoomyBody:
    """Receives the body of one request, for which there is room.

    What is announced takes room before the client is asked to go on; what is not, as it comes.

    Args:
        receive: Gives the parts of the body.
        room: Where it takes room.
        announced: What the client says is the length of the body; empty where it says nothing.
    """

    def __init__(self, receive: "Receive", room: BodyRoom, announced: bytes) -> None:
        self._receive = receive
        self._room = room
        self._announced = int(announced) if announced.isdigit() and len(announced) < 19 else 0
        self._came = 0
        self._held = 0
        self._is_closed = False

    async def __call__(self) -> "Message":
        """The next message.

        Raises:
            OverloadedError: There is no room for the body.
        """
        self._hold(self._announced)
        message = await self._receive()
        self._came += len(message.get("body", b""))
        self._hold(self._came)
        return message

    def close(self) -> None:
        """Gives all room back, and takes no more."""
        self._room.give_back(self._held)
        self._held = 0
        self._is_closed = True

    def _hold(self, size_bytes: int) -> None:
        # What is beyond the limit is not kept.
        missing = min(size_bytes, self._room.max_body_bytes) - self._held
        if self._is_closed or size_bytes <= SMALL_BODY_BYTES or missing <= 0:
            return
        if not self._room.take(missing):
            raise self._room.full()
        self._held += missing
