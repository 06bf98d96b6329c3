"""The replies to calls that were scored together."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError
from mlserve_cli.serving.background import collections_paused
from mlserve_cli.serving.scoring import Scored
from mlserve_cli.serving.waiting import MANY_ROWS, Outcome, Waiting

if TYPE_CHECKING:
    from mlserve_cli.serving.exchange import Call, Reply

_LOGGER = logging.getLogger("mlserve")


def with_replies(outcome: Outcome) -> Outcome:
    """The same; where there is much to write, it is written now."""
    scored = outcome.scored
    rows = sum(waiting.call.rows.count for waiting in outcome.waiting)
    if rows > MANY_ROWS and isinstance(scored, Scored):
        with collections_paused():
            outcome.replies = list(replies_to(outcome.waiting, scored))
    return outcome


def replies_to(all_waiting: list[Waiting], scored: Scored) -> Iterator["Reply | MlserveError"]:
    """One for each call, written when it is asked for."""
    start = 0
    for waiting in all_waiting:
        stop = start + waiting.call.rows.count
        yield _written(waiting.call, scored, start, stop)
        start = stop


def _written(call: "Call", scored: Scored, start: int, stop: int) -> "Reply | MlserveError":
    try:
        return call.answer(scored, start, stop)
    # What a model predicts may be anything; the others of the micro-batch must be answered too.
    except Exception:
        _LOGGER.exception("a prediction cannot be written")
        return EngineError("The prediction cannot be written in the form that was asked for.")
