"""Requests of one row each, scored and answered together without objects of their own.

Most requests are such: one row of numbers, in JSON, in the native protocol, for a model that is
fast. What is the same for all of them is done once for those that come together. Whatever is not
like that goes the general way, which gives the same answers.
"""

import logging
from typing import TYPE_CHECKING, Protocol

from mlserve_cli.errors import MlserveError
from mlserve_cli.serving.exchange import JSON
from mlserve_cli.serving.gathering import Gathering
from mlserve_cli.serving.protocols.native import (
    NativeProtocol,
    read_rows_together,
    read_single_rows,
    write_single_rows,
)

if TYPE_CHECKING:
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.routes import Endpoint
    from mlserve_cli.serving.rows import RowReader

_LOGGER = logging.getLogger("mlserve")
# Larger bodies hold more than one row, or one for which this would not matter.
_MOST_BYTES = 4096


class Asker(Protocol):
    """Who waits for an answer."""

    @property
    def started(self) -> float:
        """When the request was complete, by the gateway's clock."""

    @property
    def request_id(self) -> bytes:
        """What the client calls it, until it is answered; empty where it says nothing."""

    def ask(self, body: bytes) -> None:
        """Goes the general way."""

    def take(self, body: bytes) -> None:
        """Takes a good answer."""


class _Turn:
    """Requests to one address."""

    __slots__ = ("askers", "bodies")

    def __init__(self) -> None:
        self.askers: list[Asker] = []
        self.bodies: list[bytes] = []


def may_be_single(endpoint: "Endpoint", headers: "Headers", body_bytes: int) -> bool:
    """Whether a request with such a head may hold one row of numbers and nothing else."""
    return (
        isinstance(endpoint.protocol, NativeProtocol)
        and headers.get(b"content-type", JSON) == JSON
        and b"content-encoding" not in headers
        and body_bytes <= _MOST_BYTES
    )


class SingleRows:
    """What came together.

    Args:
        gateway: Has the models.
    """

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._turns: dict[Endpoint, _Turn] = {}
        self._gathering = Gathering(gateway.clock)

    def add(self, endpoint: "Endpoint", asker: Asker, body: bytes) -> None:
        """Takes a request for which `may_be_single` holds; it is answered with those beside it."""
        turn = self._turns.get(endpoint)
        if turn is None:
            if not self._turns:
                self._gathering.begin(self._count, self._answer)
            turn = self._turns[endpoint] = _Turn()
        turn.askers.append(asker)
        turn.bodies.append(body)

    def _count(self) -> int:
        return sum(len(turn.bodies) for turn in self._turns.values())

    def _answer(self) -> None:
        turns, self._turns = self._turns, {}
        for endpoint, turn in turns.items():
            single, other = _Turn(), turn
            try:
                model = self._gateway.service.resolve(endpoint.name, endpoint.version)
                single, other, answers = self._answered(model, turn)
            except MlserveError:
                answers = []
            # A bug of ours must not leave anybody waiting.
            except Exception:
                _LOGGER.exception("unexpected error")
                answers = []
            for asker, answer in zip(single.askers, answers, strict=True):
                asker.take(answer)
            for asker, body in zip(other.askers, other.bodies, strict=True):
                asker.ask(body)

    def _answered(self, model: "LoadedModel", turn: _Turn) -> tuple[_Turn, _Turn, list[bytes]]:
        """Requests of one row, all others, and the answers to the former."""
        single, other, numbers = _read(model.reader, turn)
        askers = single.askers
        queue = self._gateway.scheduler.queue(model)
        scored = queue.score_now(numbers, len(askers), askers[0].started) if askers else None
        if scored is None:
            return _Turn(), turn, []
        recording = self._gateway.recording
        if recording is not None:
            recording.note_single_rows(model, numbers, scored, askers)
        answers = write_single_rows(model, scored)
        # Before they go out: no client has an answer that is not counted, whoever is killed.
        self._note(model, single, answers)
        return single, other, answers

    def _note(self, model: "LoadedModel", turn: _Turn, answers: list[bytes]) -> None:
        now = self._gateway.clock()
        seconds = [now - asker.started for asker in turn.askers]
        sizes = (sum(map(len, turn.bodies)), sum(map(len, answers)))
        self._gateway.metrics.count_good(model, NativeProtocol.name, seconds, sizes)
        # One stands for all that came in the same turn: more would cost, and nobody reads so fast.
        self._gateway.recent.note(model, 1, seconds[-1], 200, turn.askers[-1].request_id)


def _read(reader: "RowReader", turn: _Turn) -> tuple[_Turn, _Turn, bytes]:
    """Requests of one row, all others, and the numbers of the former, row after row."""
    if not reader.is_matrix:
        return _Turn(), turn, b""
    numbers = read_rows_together(reader, turn.bodies)
    if numbers is not None:
        return turn, _Turn(), numbers
    single, other = _Turn(), _Turn()
    rows = read_single_rows(reader, turn.bodies)
    for asker, body, row in zip(turn.askers, turn.bodies, rows, strict=True):
        part = other if row is None else single
        part.askers.append(asker)
        part.bodies.append(body)
    return single, other, b"".join([row for row in rows if row is not None])
