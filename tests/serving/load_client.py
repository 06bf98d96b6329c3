"""Clients that keep asking on connections of their own, and check every answer."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.serving.conftest import Trained


@dataclass(frozen=True)
class Question:
    """A row and what the estimator says about it."""

    body: bytes
    prediction: Any
    probability: float


@dataclass(frozen=True)
class Answer:
    """A right answer: when it was asked for, and the version that gave it."""

    asked: float
    version: int


@dataclass(frozen=True)
class Failure:
    """A request without a right answer, and the port of the client's connection."""

    port: int
    reason: str


def iris_questions(trained: Trained) -> list[Question]:
    """One per flower, so that answers that are mixed up are seen."""
    rows = trained.flowers
    labels, probabilities = trained.iris.predict(rows), trained.iris.predict_proba(rows)
    return [
        Question(json.dumps({"features": row}).encode(), label, max(scores))
        for row, label, scores in zip(
            rows.tolist(), labels.tolist(), probabilities.tolist(), strict=True
        )
    ]


@dataclass
class Load:
    """What many clients saw together.

    A client opens a new connection when the server closes the one it has, and ends when it is
    refused: a server that is gone fails no request.
    """

    port: int
    questions: list[Question]
    headers: bytes = b""
    answers: list[Answer] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    stopping: bool = False

    def wait_for(self, more: int) -> None:
        """Returns when so many more answers have come."""
        wanted = len(self.answers) + more
        deadline = time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, (len(self.answers), self.failures)
            time.sleep(0.005)

    def versions_after(self, moment: float) -> set[int]:
        """The versions that answered what was asked after a moment."""
        return {answer.version for answer in self.answers if answer.asked > moment}

    def run(self, first: int) -> None:
        """One client; `first` is the question that it begins with."""
        number = first
        while not self.stopping:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            except ConnectionRefusedError:
                return
            with connection:
                number = self._ask_on(connection, number)

    def _ask_on(self, connection: socket.socket, number: int) -> int:
        port = connection.getsockname()[1]
        self.ports.add(port)
        while not self.stopping:
            question = self.questions[number % len(self.questions)]
            asked = time.monotonic()
            try:
                status, head, body = ask(connection, question.body, self.headers)
            except OSError as error:
                self.failures.append(Failure(port, repr(error)))
                break
            answer = json.loads(body) if body else {}
            if status == 200 and _is_right(answer, question):
                self.answers.append(Answer(asked, answer["version"]))
            else:
                self.failures.append(Failure(port, f"{status} {body!r} to {question}"))
            number += 1
            if b"connection: close" in head:
                break
        self.ports.discard(port)
        return number


def _is_right(answer: dict[str, Any], question: Question) -> bool:
    return bool(
        answer["prediction"] == question.prediction
        and abs(answer["probability"] - question.probability) < 1e-9
    )


def ask(connection: socket.socket, body: bytes, headers: bytes = b"") -> tuple[int, bytes, bytes]:
    """Status, head and body of the answer to a prediction."""
    connection.sendall(
        b"POST /predict HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n%b"
        % (headers, len(body), body)
    )
    received = b""
    while True:
        part = connection.recv(65_536)
        if not part:
            message = f"closed after {received!r}"
            raise ConnectionError(message)
        received += part
        head, separator, content = received.partition(b"\r\n\r\n")
        if separator:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(content) == length:
                return int(head[9:12]), head, content


@contextmanager
def load(
    port: int, questions: list[Question], *, clients: int = 8, headers: bytes = b""
) -> Iterator[Load]:
    """Clients that ask until the block ends; all of them have ended then."""
    running = Load(port, questions, headers)
    threads = [
        threading.Thread(target=running.run, args=(17 * number,)) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stopping = True
        for thread in threads:
            thread.join(90)
    assert not any(thread.is_alive() for thread in threads)


def statuses(port: int, body: bytes, headers: bytes = b"") -> set[int]:
    """The statuses of many answers, each on a connection of its own, so that all workers answer."""
    found = set()
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            found.add(ask(connection, body, headers)[0])
    return found
