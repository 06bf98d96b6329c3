"""Several workers: one listening socket, dead ones replaced, none left behind."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from tests.serving.conftest import Serve, Trained

BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


def workers_of(process: int) -> set[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text()
    return {int(child) for child in children.split()}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def answers(address: str) -> bool:
    try:
        return httpx.post(f"{address}/predict", json=BODY, timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_worker_is_replaced_and_counted(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        parent = running.process.pid
        wait_until(lambda: len(workers_of(parent)) == 2)
        before = workers_of(parent)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(workers_of(parent) - before) == 1)
        # The listening socket was never gone: whoever connects is answered.
        assert [answers(running.address) for _ in range(20)] == [True] * 20
        metrics = httpx.get(f"{running.address}/metrics", timeout=30).text
        assert "mlserve_worker_restarts_total 1" in metrics


def test_stopping_ends_every_worker(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        wait_until(lambda: len(workers_of(running.process.pid)) == 2)
        workers = workers_of(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
        assert all(is_gone(worker) for worker in workers)


def test_workers_do_not_outlive_their_parent(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        wait_until(lambda: len(workers_of(running.process.pid)) == 2)
        workers = workers_of(running.process.pid)
        running.process.kill()
        running.process.wait(60)
        wait_until(lambda: all(is_gone(worker) for worker in workers))
