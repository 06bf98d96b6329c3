"""Requests of one turn are scored together, and nobody suffers for a neighbour."""

import asyncio
import gc
import threading
import time
import weakref
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import MlserveError, SignatureError
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serving.exchange import Call, Reply
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.refusals import DeadlineError, OverloadedError
from mlserve_cli.serving.rows import Rows
from mlserve_cli.serving.scheduling import Limits, Scheduler
from mlserve_cli.serving.scoring import Scored, Wanted, score


def call(model: LoadedModel, *rows: list[float], wanted: Wanted = Wanted.LABELS) -> Call:
    def answer(scored: Scored, start: int, stop: int) -> Reply:
        return Reply(msgspec.json.encode(scored.label_list[start:stop]))

    return Call(model, model.reader.from_rows(rows), wanted, answer)


def answers(scheduler: Scheduler, *calls: Call) -> list[Any]:
    async def ask() -> list[Any]:
        waiting = [scheduler.answer(one) for one in calls]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        scheduler.close()
        return [msgspec.json.decode(one.body) if isinstance(one, Reply) else one for one in found]

    return asyncio.run(ask())


def test_requests_of_one_turn_are_one_call(fake: type[FakePredictor]) -> None:
    predictor = fake()
    model = LoadedModel("m", 1, predictor)
    calls = [call(model, [1, 2]), call(model, [3, 4], [5, 6]), call(model, [7, 8])]
    assert answers(Scheduler(), *calls) == [[3.0], [7.0, 11.0], [15.0]]
    assert predictor.calls == [4]


def test_large_requests_that_come_one_by_one_do_not_fill_the_queue(
    fake: type[FakePredictor],
) -> None:
    model = LoadedModel("m", 1, fake())
    many = [[1.0, 2.0]] * 1_000

    async def ask() -> list[Any]:
        scheduler = Scheduler(Limits(max_queue_rows=9_000))
        tasks = []
        for turn in range(50):
            asked = [call(model, *many)] * (1 if turn else 5)
            tasks += [asyncio.create_task(scheduler.answer(one)) for one in asked]
            await asyncio.sleep(0)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        scheduler.close()
        return found

    assert all(isinstance(one, Reply) for one in asyncio.run(ask()))


def test_a_call_holds_no_more_rows_than_allowed(fake: type[FakePredictor]) -> None:
    predictor = fake()
    model = LoadedModel("m", 1, predictor)
    calls = [call(model, *[[float(n), k] for k in range(3)]) for n in range(4)]
    found = answers(Scheduler(Limits(max_batch_rows=6)), *calls)
    assert found == [[n + k for k in range(3)] for n in range(4)]
    assert predictor.calls == [6, 6]


def test_a_request_larger_than_a_call_is_cut(fake: type[FakePredictor]) -> None:
    predictor = fake()
    model = LoadedModel("m", 1, predictor)
    rows = [[float(n), 0.0] for n in range(9)]
    assert answers(Scheduler(Limits(max_batch_rows=4)), call(model, *rows)) == [list(range(9))]
    # The last row alone is scored as two.
    assert predictor.calls == [4, 4, 2]


def test_one_row_alone_is_scored_as_two(fake: type[FakePredictor]) -> None:
    predictor = fake()
    model = LoadedModel("m", 1, predictor)
    assert answers(Scheduler(), call(model, [1, 2])) == [[3.0]]
    assert predictor.calls == [2]


def test_an_answer_is_the_same_to_the_last_bit_whoever_else_asks(trained: Trained) -> None:
    model = trained.load("iris", Engine.ONNX)
    wanted = Wanted.LABELS | Wanted.PROBABILITIES
    parts = [call(model, row).rows for row in trained.flowers.tolist()]

    def probabilities(rows: list[Rows]) -> list[list[float]]:
        found = score(model, rows, wanted, 1_000).probabilities
        assert found is not None
        rows_of_floats: list[list[float]] = found.tolist()
        return rows_of_floats

    alone = [probabilities([part])[0] for part in parts]
    for size in (2, 3, 5, 32, 33, 150):
        groups = [parts[start : start + size] for start in range(0, len(parts), size)]
        assert [row for group in groups for row in probabilities(group)] == alone


def test_only_requests_for_the_same_outputs_are_merged(fake: type[FakePredictor]) -> None:
    predictor = fake()
    model = LoadedModel("m", 1, predictor)
    both = Wanted.LABELS | Wanted.PROBABILITIES
    calls = [call(model, [1, 2]), call(model, [3, 4], wanted=both), call(model, [5, 6])]
    assert answers(Scheduler(), *calls) == [[3.0], [7.0], [11.0]]
    assert predictor.calls == [2, 2]


def refuse_negative(batch: NDArray[np.float64]) -> None:
    if (batch < 0).any():
        raise SignatureError("negative")


def crash_on_negative(batch: NDArray[np.float64]) -> None:
    if (batch < 0).any():
        raise ZeroDivisionError


@pytest.mark.parametrize("refuse", [refuse_negative, crash_on_negative])
def test_only_the_guilty_request_fails(fake: type[FakePredictor], refuse: Any) -> None:
    predictor = fake(refuse=refuse)
    model = LoadedModel("m", 1, predictor)
    found = answers(Scheduler(), *[call(model, [float(n), 1.0]) for n in (1, -5, 3)])
    assert (found[0], found[2]) == ([2.0], [4.0])
    assert isinstance(found[1], MlserveError)


class Gate:
    """Holds a model's calls until it is opened."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, batch: NDArray[np.float64]) -> None:
        self.entered.set()
        assert self.open.wait(30)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_slow_model_leaves_the_loop_free_and_what_queues_goes_in_one_call(
    fake: type[FakePredictor],
) -> None:
    gate = Gate()
    predictor = fake(refuse=gate)
    model = LoadedModel("m", 1, predictor)

    async def ask() -> list[Reply]:
        scheduler = Scheduler()
        scheduler.queue(model).call_seconds = 1.0
        first = asyncio.create_task(scheduler.answer(call(model, [1, 1], [1, 1])))
        await until(gate.entered.is_set)
        others = [asyncio.create_task(scheduler.answer(call(model, [n, 1]))) for n in range(5)]
        await asyncio.sleep(0.01)
        gate.open.set()
        found = await asyncio.gather(first, *others)
        scheduler.close()
        return found

    found = asyncio.run(ask())
    assert [msgspec.json.decode(reply.body) for reply in found[1:]] == [[n + 1] for n in range(5)]
    assert predictor.calls == [2, 5]


def test_a_full_queue_refuses_at_once(fake: type[FakePredictor]) -> None:
    gate = Gate()
    model = LoadedModel("m", 1, fake(refuse=gate))

    async def ask() -> None:
        scheduler = Scheduler(Limits(max_queue_rows=2))
        scheduler.queue(model).call_seconds = 1.0
        first = asyncio.create_task(scheduler.answer(call(model, [1, 1])))
        await until(gate.entered.is_set)
        waiting = [asyncio.create_task(scheduler.answer(call(model, [n, 1]))) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="2 rows wait for model 'm' already"):
            await scheduler.answer(call(model, [1, 1]))
        gate.open.set()
        await asyncio.gather(first, *waiting)
        scheduler.close()

    asyncio.run(ask())


def test_who_waits_too_long_is_told_and_the_model_goes_on(fake: type[FakePredictor]) -> None:
    gate = Gate()
    model = LoadedModel("m", 1, fake(refuse=gate))

    async def ask() -> None:
        scheduler = Scheduler(Limits(timeout_seconds=0.05))
        scheduler.queue(model).call_seconds = 1.0
        calls = [call(model, [1, 1]), call(model, [2, 2])]
        found = await asyncio.gather(*map(scheduler.answer, calls), return_exceptions=True)
        assert [type(one) for one in found] == [DeadlineError, DeadlineError]
        gate.open.set()
        await until(lambda: scheduler.queue(model).is_idle)
        scheduler.queue(model).call_seconds = 0.0
        assert (await scheduler.answer(call(model, [1, 1]))).body == b"[2.0]"
        scheduler.close()

    asyncio.run(ask())


def test_calls_are_measured_at_load(fake: type[FakePredictor]) -> None:
    def slow(_: Any) -> None:
        time.sleep(0.005)

    scheduler = Scheduler()
    queue = scheduler.queue(LoadedModel("m", 1, fake(refuse=slow)))
    queue.calibrate()
    assert queue.call_seconds >= 0.005


def test_a_call_that_nobody_waits_for_any_more_is_not_scored(fake: type[FakePredictor]) -> None:
    gate = Gate()
    predictor = fake(refuse=gate)
    model = LoadedModel("m", 1, predictor)

    async def ask() -> None:
        scheduler = Scheduler()
        queue = scheduler.queue(model)
        queue.call_seconds = 1.0
        begun = asyncio.create_task(scheduler.answer(call(model, [1, 1], [1, 1])))
        await until(gate.entered.is_set)
        others = [asyncio.create_task(scheduler.answer(call(model, [n, 1]))) for n in range(4)]
        await until(lambda: queue.rows == 4)
        begun.cancel()
        others[0].cancel()
        others[3].cancel()
        await until(lambda: queue.rows == 2)
        gate.open.set()
        found = await asyncio.gather(begun, *others, return_exceptions=True)
        assert [type(one) for one in found[:2]] == [asyncio.CancelledError] * 2
        assert [one.body for one in found if isinstance(one, Reply)] == [b"[2.0]", b"[3.0]"]
        assert queue.is_idle
        scheduler.close()

    asyncio.run(ask())
    assert predictor.calls == [2, 2]


def test_a_queue_that_is_dropped_lets_its_model_go_at_once(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake())
    found: list[bool] = []

    async def ask() -> None:
        scheduler = Scheduler()
        await scheduler.answer(call(model, [1, 2]))
        queue = weakref.ref(scheduler.queue(model))
        scheduler.keep_only([])
        found.append(queue() is None)

    gc.disable()
    try:
        asyncio.run(ask())
    finally:
        gc.enable()
    assert found == [True]
