"""The faster engine is chosen, start-up included, and the reason is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve_cli.conversion.speed import Speed
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.engine_choice import choose_engine
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
