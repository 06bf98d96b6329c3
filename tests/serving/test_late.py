"""Applications that are built while requests come in already."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from mlserve_cli.serving.background import BackgroundLoop
from mlserve_cli.serving.late import LateApp


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send(scope["number"])


async def ask(app: LateApp, numbers: list[int]) -> list[int]:
    answers: list[int] = []

    async def send(number: int) -> None:
        answers.append(number)

    await asyncio.gather(*(app({"number": number}, None, send) for number in numbers))  # type: ignore[arg-type]
    return sorted(answers)


def test_requests_wait_for_one_building_that_blocks_nobody() -> None:
    may_end = threading.Event()
    built: list[int] = []

    def build() -> Any:
        may_end.wait(30)
        built.append(1)
        return answer

    async def run() -> list[int]:
        app = LateApp(build)
        asking = asyncio.create_task(ask(app, [1, 2, 3]))
        await asyncio.sleep(0.01)
        assert not asking.done()
        may_end.set()
        return await asking + await ask(app, [4])

    assert asyncio.run(run()) == [1, 2, 3, 4]
    assert built == [1]


def test_a_request_that_is_given_up_stops_no_building() -> None:
    may_end = threading.Event()

    def build() -> Any:
        may_end.wait(30)
        return answer

    async def run() -> list[int]:
        app = LateApp(build)
        given_up = asyncio.create_task(ask(app, [1]))
        await asyncio.sleep(0.01)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        may_end.set()
        return await ask(app, [2])

    assert asyncio.run(run()) == [2]


def test_it_can_be_built_before_there_is_a_loop() -> None:
    app = LateApp(lambda: answer)
    app.build_now()
    assert asyncio.run(ask(app, [1])) == [1]


def test_threads_wait_for_coroutines_on_one_loop() -> None:
    background = BackgroundLoop()

    async def loop_of(number: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        return number, id(asyncio.get_running_loop())

    async def fail() -> None:
        raise KeyError("reason")

    found: dict[int, int] = {}

    def run(number: int) -> None:
        given, loop = background.run(loop_of(number))
        found[given] = loop

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(found) == set(range(8))
    assert len(set(found.values())) == 1
    with pytest.raises(KeyError, match="reason"):
        background.run(fail())


def test_nothing_that_predictions_do_without_is_imported_before_them() -> None:
    modules = "mlserve_cli.serving.run, mlserve_cli.serving.loading"
    code = f"import sys, {modules}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    imported = set(finished.stdout.decode().split())
    assert "uvicorn" in imported
    late = {"fastapi", "flask", "grpc", "pandas", "pydantic", "rich", "scipy", "sklearn", "yaml"}
    assert not imported & late
