"""How the workers of one server watch the same stream: rows to one of them, its report to all."""

import contextlib
import os
import socket
import struct
import tempfile
import zlib
from collections.abc import Iterator

import msgspec

from mlserve_cli.serving.drift_tap import Message

# Messages of this size pass a socket's buffer of any system.
_MESSAGE_BYTES = 48 << 10
_RECEIVED_BYTES = 1 << 18
# How long the thread of a worker waits for room, while nobody else does.
_SEND_SECONDS = 0.5
_HEAD = struct.Struct("<QI")
_TRIES = 20


class DriftExchange:
    """A socket for rows and a sheet for the report; made before the workers are forked.

    A message is whole or not there, so a worker that dies leaves nothing behind that confuses.
    """

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.setblocking(False)
        self._sender.settimeout(_SEND_SECONDS)
        with tempfile.TemporaryFile() as sheet:
            self._sheet = os.dup(sheet.fileno())

    def close(self) -> None:
        """Lets the sockets and the sheet go."""
        self._receiver.close()
        self._sender.close()
        os.close(self._sheet)

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
        os.pwrite(self._sheet, _HEAD.pack(len(report), zlib.crc32(report)) + report, 0)

    def published(self) -> bytes:
        """The report; empty where there is none yet."""
        for _ in range(_TRIES):
            head = os.pread(self._sheet, _HEAD.size, 0)
            if len(head) < _HEAD.size:
                break
            size, checksum = _HEAD.unpack(head)
            report = os.pread(self._sheet, size, _HEAD.size)
            # It may be written at this moment.
            if zlib.crc32(report) == checksum:
                return report
        return b""


def message_rows(row_bytes: int) -> int:
    """Rows that one message takes."""
    return max(1, _MESSAGE_BYTES // max(1, row_bytes))
