"""The faster engine is chosen, start-up included, and the reason is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve_cli.conversion.speed import Speed
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.engine_choice import FastestCall, choose_engine, fastest_call
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import ModelFile


def artifact(*speeds: Speed, agrees: bool = True) -> Any:
    onnx = SimpleNamespace(speeds=speeds, parity=SimpleNamespace(passed=agrees))
    return SimpleNamespace(manifest=SimpleNamespace(onnx=onnx, format=ModelFormat.SKOPS))


# ONNX Runtime is faster for few rows, and four times slower for many.
_SPEEDS = (Speed(1, 1e-3, 1e-5), Speed(10_000, 1e-2, 4e-2))


@pytest.mark.parametrize(
    ("total_rows", "expected"),
    [(None, Engine.SKLEARN), (10_000, Engine.ONNX), (1_000_000, Engine.SKLEARN)],
)
def test_start_up_counts_where_the_number_of_rows_is_known(
    total_rows: int | None, expected: Engine
) -> None:
    assert choose_engine(artifact(*_SPEEDS), 10_000, total_rows).engine is expected


def test_one_row_at_a_time_goes_to_onnx() -> None:
    choice = choose_engine(artifact(*_SPEEDS), 1)
    assert choice.engine is Engine.ONNX


def test_the_reason_tells_both_times() -> None:
    choice = choose_engine(artifact(Speed(1_000, 0.1, 0.01)), 1_000, 100_000)
    assert choice.engine is Engine.ONNX
    assert choice.reason == "about 1.2 s of loading and scoring against 11.5 s with sklearn"


def test_calls_between_measured_ones_are_told_from_both() -> None:
    model = artifact(Speed(1, 1e-3, 1e-4), Speed(101, 2e-3, 1e-3), Speed(1_000, 9e-3, 9e-3))
    choice = choose_engine(model, 51, 510_000)
    assert choice.reason == "about 5.7 s of loading and scoring against 16.5 s with sklearn"


def test_what_does_not_agree_is_not_chosen() -> None:
    choice = choose_engine(artifact(*_SPEEDS, agrees=False), 1, 10)
    assert choice.engine is Engine.SKLEARN
    assert "does not agree" in choice.reason


def test_a_bare_file_leaves_no_choice() -> None:
    for format_, expected in (
        (ModelFormat.ONNX, Engine.ONNX),
        (ModelFormat.PICKLE, Engine.SKLEARN),
    ):
        found = ModelFile(Path("model"), format_, "model")
        assert choose_engine(found).engine is expected


def test_the_fastest_call_is_measured_for_each_engine() -> None:
    model = artifact(Speed(100, 1e-2, 5e-4), Speed(1_000, 4e-2, 2e-3), Speed(10_000, 0.1, 3e-2))
    assert fastest_call(model, Engine.ONNX) == FastestCall(1_000, 2e-6)
    assert fastest_call(model, Engine.SKLEARN) == FastestCall(None, 1e-5)


def test_of_calls_that_are_about_as_fast_the_largest_is_taken() -> None:
    model = artifact(Speed(1_000, 1.0, 1e-3), Speed(10_000, 1.0, 1.1e-2))
    found = fastest_call(model, Engine.ONNX)
    assert found is not None
    # Which are the largest that were measured at all.
    assert found.rows is None


def test_nothing_is_known_of_models_that_nobody_measured() -> None:
    assert fastest_call(artifact(), Engine.ONNX) is None
    assert fastest_call(ModelFile(Path("m"), ModelFormat.ONNX, "m"), Engine.ONNX) is None
