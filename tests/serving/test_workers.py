"""Several workers: one listening socket, dead ones replaced, none left behind."""

import contextlib
import os
import signal
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import Serve, Trained
from tests.serving.load_client import iris_questions, load, statuses
from tests.serving.processes import is_gone, ports_served_by, wait_until, workers_of

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'


def test_a_killed_worker_fails_only_what_it_was_answering(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        parent = running.process.pid
        before = workers_of(parent)
        with load(running.port, iris_questions(trained), clients=16) as asking:
            asking.wait_for(500)
            wait_until(lambda: len(asking.ports) == 16)
            # The one that more clients have come to.
            victim = max(before, key=lambda worker: len(ports_served_by(worker)))
            doomed = ports_served_by(victim) & asking.ports
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: len(workers_of(parent) - before) == 1)
            asking.wait_for(500)
        failed = [failure.port for failure in asking.failures]
        assert 0 < len(failed) <= len(doomed)
        assert len(set(failed)) == len(failed)
        assert set(failed) <= doomed
        metrics = httpx.get(f"{running.address}/metrics", timeout=30).text
        assert "mlserve_worker_restarts_total 1" in metrics


def test_the_replacement_of_a_killed_worker_answers_on_its_own(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        parent = running.process.pid
        victim, survivor = workers_of(parent)
        os.kill(survivor, signal.SIGSTOP)
        try:
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: workers_of(parent) - {victim, survivor}, seconds=10)

            def answers() -> bool:
                # The survivor has taken this connection, or it has not.
                with contextlib.suppress(httpx.HTTPError):
                    found = httpx.post(f"{running.address}/predict", content=BODY, timeout=0.5)
                    return found.status_code == 200
                return False

            wait_until(answers, seconds=10)
        finally:
            os.kill(survivor, signal.SIGCONT)


def test_a_worker_that_cannot_start_ends_the_server(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        parent = running.process.pid
        while running.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                for worker in workers_of(parent):
                    os.kill(worker, signal.SIGKILL)
        assert running.process.returncode == 6


@pytest.mark.parametrize("stopping", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_stopping_under_load_fails_no_request_and_leaves_no_process(
    serve: Serve, trained: Trained, framework: str, workers: str, stopping: signal.Signals
) -> None:
    arguments = ("--workers", workers, "--framework", framework)
    with serve(trained.root, "iris", *arguments) as running:
        processes = workers_of(running.process.pid)
        with load(running.port, iris_questions(trained)) as asking:
            asking.wait_for(200)
            running.process.send_signal(stopping)
            # All clients end when they are refused.
            assert running.process.wait(60) == 0
        assert asking.failures == []
        assert all(is_gone(process) for process in processes)


def test_the_application_is_stopped_without_a_failed_request_as_well(
    serve: Serve, trained: Trained
) -> None:
    # A request with an id is none for the fast path.
    headers = b"x-request-id: a\r\n"
    with (
        serve(trained.root, "iris") as running,
        load(running.port, iris_questions(trained), headers=headers) as asking,
    ):
        asking.wait_for(200)
        running.process.terminate()
        assert running.process.wait(60) == 0
    assert asking.failures == []


def test_workers_do_not_outlive_their_supervisor_and_fail_no_request(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris", "--workers", "2") as running:
        workers = workers_of(running.process.pid)
        assert len(workers) == 2
        with load(running.port, iris_questions(trained)) as asking:
            asking.wait_for(200)
            running.process.kill()
            running.process.wait(60)
            wait_until(lambda: all(is_gone(worker) for worker in workers))
        assert asking.failures == []


def test_a_hangup_changes_the_keys_of_all_workers(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first\n")
    arguments = ("iris", "--workers", "2", "--api-key-file", keys)
    with serve(trained.root, *arguments) as running:

        def with_key(key: str) -> set[int]:
            return statuses(running.port, BODY, f"x-api-key: {key}\r\n".encode())

        assert with_key("first") == {200}
        keys.write_text("second\n")
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: with_key("second") == {200})
        assert with_key("first") == {401}
        # One that is started now has the keys of now.
        before = workers_of(running.process.pid)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: len(workers_of(running.process.pid) - before) > 0)
        wait_until(lambda: not workers_of(running.process.pid) & before)
        assert with_key("second") == {200}
        assert with_key("first") == {401}
        keys.write_text("")
        running.process.send_signal(signal.SIGHUP)
        assert running.process.stderr is not None
        for line in running.process.stderr:
            if "holds no key" in line:
                break
        assert with_key("second") == {200}
        assert with_key("first") == {401}
