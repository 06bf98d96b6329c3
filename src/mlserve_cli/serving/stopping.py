"""How the clients of a stopping server are let go: with their answers, and in bounded time."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.serving.connection import Connection

if TYPE_CHECKING:
    from uvicorn.server import ServerState

_LOGGER = logging.getLogger("mlserve")
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Farewell:
    """How long clients may take, from the moment that the server begins to stop.

    Attributes:
        ask_seconds: To ask on connections that they hold open.
        send_seconds: To send the rest of a request.
        answer_seconds: To get their answers.
        cut_seconds: After that, for what is given up to end.
    """

    ask_seconds: float = 1.0
    send_seconds: float = 5.0
    answer_seconds: float = 30.0
    cut_seconds: float = 1.0


async def let_clients_go(
    state: "ServerState",
    farewell: Farewell | None = None,
    is_hurried: Callable[[], bool] = lambda: False,
) -> None:
    """Returns when nobody is connected any more and nothing is under way.

    Every answer from now on closes its connection. Idle ones get a moment to ask again: a
    connection that is closed while its next request is on the way loses that request.

    Args:
        state: The connections and tasks of the server.
        farewell: How long clients may take.
        is_hurried: Whether to wait no longer.
    """
    farewell = farewell or Farewell()
    wait_until = _Waiting(state, is_hurried)
    for connection in _connections(state):
        connection.close_after_answer()
    await wait_until(farewell.ask_seconds)
    for connection in _connections(state):
        connection.shutdown()
    await wait_until(farewell.send_seconds)
    await wait_until(farewell.answer_seconds, lambda: _drop_unfinished(state))
    if is_hurried() or not wait_until.anything_is_left:
        return
    _LOGGER.warning(
        "%d connections are cut: their clients had %g seconds to get their answers",
        len(state.connections),
        farewell.answer_seconds,
    )
    for task in state.tasks:
        task.cancel()
    await wait_until(farewell.answer_seconds + farewell.cut_seconds)
    for connection in _connections(state):
        connection.drop()
    # Lost connections are noticed in the next turn.
    await asyncio.sleep(_LOOK_SECONDS)


class _Waiting:
    """Waits for what is under way, up to a time since this was made."""

    def __init__(self, state: "ServerState", is_hurried: Callable[[], bool]) -> None:
        self._state = state
        self._is_hurried = is_hurried
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    @property
    def anything_is_left(self) -> bool:
        """Whether somebody is connected or something is under way."""
        return bool(self._state.connections or self._state.tasks)

    async def __call__(self, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        deadline = self._begun + seconds
        while self.anything_is_left and self._loop.time() < deadline and not self._is_hurried():
            await asyncio.sleep(_LOOK_SECONDS)
            look()


def _drop_unfinished(state: "ServerState") -> None:
    for connection in _connections(state):
        if connection.only_reads:
            connection.drop()


def _connections(state: "ServerState") -> list[Connection]:
    return [found for found in state.connections if isinstance(found, Connection)]
