"""What scoring leaves for the watch of drift: bounded, whole, and as columns."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.serving.drift_exchange import DriftExchange
from mlserve_cli.serving.drift_tap import Message, Served, Tap, output_names
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.rows import Rows
from mlserve_cli.serving.scoring import Scored


@pytest.fixture
def model(fake: type[FakePredictor]) -> LoadedModel:
    return LoadedModel("m", 1, fake())


@pytest.fixture
def exchange() -> Iterator[DriftExchange]:
    made = DriftExchange()
    yield made
    made.close()


def micro_batch(model: LoadedModel, rows: list[list[float]]) -> tuple[list[Rows], int, Scored]:
    parts = [model.reader.from_row(row) for row in rows]
    return parts, len(parts), Scored(np.array([sum(row) for row in rows]))


def test_micro_batches_come_out_as_columns_once(model: LoadedModel) -> None:
    tap = Tap(model, 100)
    tap(*micro_batch(model, [[1, 2], [3, 4]]))
    tap(*micro_batch(model, [[5, 6]]))

    (served,) = tap.take()

    assert [column.tolist() for column in served.inputs] == [[1, 3, 5], [2, 4, 6]]
    assert [column.tolist() for column in served.outputs] == [[3, 7, 11]]
    assert tap.take() == []


def test_rows_beyond_the_bound_are_left_out_and_counted_until_there_is_room(
    model: LoadedModel,
) -> None:
    tap = Tap(model, 3)
    for _ in range(10):
        tap(*micro_batch(model, [[1, 2], [3, 4]]))

    assert sum(len(served.inputs[0]) for served in tap.take()) == 4
    assert tap.skipped_rows == 16

    tap(*micro_batch(model, [[1, 2]]))
    assert len(tap.take()[0].inputs[0]) == 1


def test_rows_whose_labels_nobody_asked_for_are_watched_by_their_inputs(
    model: LoadedModel,
) -> None:
    tap = Tap(model, 100)
    parts, rows, _ = micro_batch(model, [[1, 2]])
    tap(parts, rows, Scored(None))

    (served,) = tap.take()

    assert len(served.inputs) == 2
    assert served.outputs == []


def test_integers_and_the_floats_of_a_gap_come_apart_but_come(trained: Trained) -> None:
    pets = trained.load("pets")
    tap = Tap(pets, 100)
    whole = trained.animals.iloc[:1].to_dict("records")
    rows = pets.reader.from_records([{**whole[0]}])
    tap([rows], 1, Scored(np.array(["cat"], np.object_), np.array([[0.9, 0.1]])))

    (served,) = tap.take()

    names = output_names(pets.signature)
    assert names == ["prediction", "probability of cat", "probability of dog"]
    assert dict(zip(names, [column.tolist() for column in served.outputs], strict=True)) == {
        "prediction": ["cat"],
        "probability of cat": [0.9],
        "probability of dog": [0.1],
    }
    assert [column.tolist() for column in served.inputs] == [[4.0], [1], ["black"], ["S"]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.array([1.5, np.nan]),
        lambda: np.array([1, 2]),
        lambda: np.array([True, False]),
        lambda: np.array(["ä", "b"]),
        lambda: np.array(["ä", None], np.object_),
    ],
    ids=["floats", "integers", "truth values", "text", "objects"],
)
def test_messages_carry_every_type_of_column(model: LoadedModel, make: Callable[[], Any]) -> None:
    message = Message.of(model, Served([make()], [make()]), slice(0, 2))
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=Message)

    (found,), (again,) = sent.served()

    np.testing.assert_array_equal(found, make())
    np.testing.assert_array_equal(again, make())
    assert (sent.name, sent.version) == ("m", 1)


def test_what_one_worker_sends_and_publishes_the_others_have(
    model: LoadedModel, exchange: DriftExchange
) -> None:
    assert exchange.published() == b""
    message = Message.of(model, Served([np.zeros(5)], []), slice(0, 3))

    assert exchange.send(message)
    exchange.publish(b"a longer report")
    exchange.publish(b"a report")

    assert [len(received.served().inputs[0]) for received in exchange.received()] == [3]
    assert list(exchange.received()) == []
    assert exchange.published() == b"a report"


def test_a_socket_that_nobody_reads_loses_rows_and_stops_nobody(
    model: LoadedModel, exchange: DriftExchange
) -> None:
    message = Message.of(model, Served([np.zeros(4_000)], []), slice(None))

    sent = 0
    while exchange.send(message):
        sent += 1

    assert 0 < sent < 10_000
    assert len(list(exchange.received())) == sent
