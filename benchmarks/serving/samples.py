"""Answers that are looked at while a server is under load, where a mix-up would show."""

import http.client
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from serving.wire import is_right, request_body

if TYPE_CHECKING:
    from serving.models import Question
    from serving.servers import Server

# In one turn of a server; fewer where it is slow, but at least one.
_SAMPLES = 8


class Sampler:
    """Asks now and then, in a thread, and compares the answers with the estimator's.

    Args:
        server: Whom to ask.
        questions: What to ask.
        seconds: How long the turn takes.

    Attributes:
        checked: Answers that were compared.
        wrong: Those that differed.
        failed: Requests without a good answer.
    """

    def __init__(self, server: "Server", questions: "list[Question]", seconds: float) -> None:
        self.checked = self.wrong = self.failed = 0
        self._server = server
        self._questions = questions
        self._pause_seconds = seconds / (_SAMPLES + 1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Waits for the last answer."""
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        protocol = self._server.peer.protocol
        for question in self._questions[:_SAMPLES]:
            if self._ended.wait(self._pause_seconds) and self.checked:
                return
            try:
                status, answer = self._server.ask(request_body(protocol, question.rows))
            except (OSError, http.client.HTTPException):
                self.failed += 1
                continue
            if status == 200:
                self.checked += 1
                self.wrong += not is_right(protocol, answer, question)
            else:
                self.failed += 1
