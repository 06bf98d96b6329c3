"""How the workers of one server watch the same stream: rows to one of them, its report to all."""

import contextlib
import socket
from collections.abc import Iterator

import msgspec

from mlserve_cli.serving.drift_tap import Message
from mlserve_cli.serving.sheet import SharedSheet

# Messages of this size pass a socket's buffer of any system.
_MESSAGE_BYTES = 48 << 10
_RECEIVED_BYTES = 1 << 18
# How long the thread of a worker waits for room, while nobody else does.
_SEND_SECONDS = 0.5


class DriftExchange:
    """A socket for rows and sheets for what is known; made before the workers are forked.

    A message is whole or not there, so a worker that dies leaves nothing behind that confuses.
    """

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.setblocking(False)
        self._sender.settimeout(_SEND_SECONDS)
        self._report = SharedSheet()
        # What the process that watches knows, for whoever replaces it.
        self.memory = SharedSheet()

    def close(self) -> None:
        """Lets the sockets and the sheet go."""
        self._receiver.close()
        self._sender.close()
        self._report.close()
        self.memory.close()

    def send(self, message: Message) -> bool:
        """Whether the worker that watches could be told."""
        try:
            self._sender.send(msgspec.msgpack.encode(message))
        except OSError:
            return False
        return True

    def received(self) -> Iterator[Message]:
        """Messages of other workers that are there."""
        with contextlib.suppress(BlockingIOError):
            while True:
                content = self._receiver.recv(_RECEIVED_BYTES)
                yield msgspec.msgpack.decode(content, type=Message)

    def publish(self, report: bytes) -> None:
        """Leaves the report for all workers."""
        self._report.write(report)

    def published(self) -> bytes:
        """The report; empty where there is none yet."""
        return self._report.read()


def message_rows(row_bytes: int) -> int:
    """Rows that one message takes."""
    return max(1, _MESSAGE_BYTES // max(1, row_bytes))
