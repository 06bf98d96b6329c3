"""Which engine scores a job fastest, start-up included, and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import ModelFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.conversion.speed import Speed
    from mlserve_cli.serialization.repository import Artifact

# Importing scikit-learn and pandas, against importing ONNX Runtime.
_START_UP_SECONDS = {Engine.SKLEARN: 1.5, Engine.ONNX: 0.2}
# Where nobody says how many rows there will be, as in a server: less than twice as slow is made up
# for by the memory and the time that scikit-learn does not take.
_LEAST_RATIO = 0.5
# Measured times within which nothing tells which is the shorter one.
_AS_FAST = 1.15
# To read a row of text takes about a third of that.
_READING_SECONDS = 3e-6
# Blocks of such models would take seconds.
_LONG_SECONDS = 1e-4


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and the reason for it.

    Attributes:
        engine: Where to score.
        reason: Why there, as the end of a sentence.
    """

    engine: Engine
    reason: str


@dataclass(frozen=True, slots=True)
class FastestCall:
    """How to call a model for many rows.

    Attributes:
        rows: Rows per call; None where more rows were never measured to be slower.
        row_seconds: What a row takes then.
    """

    rows: int | None
    row_seconds: float

    @property
    def is_slow(self) -> bool:
        """Whether most of the time Python's lock is left to others, so that threads are enough."""
        return self.row_seconds >= _READING_SECONDS

    @property
    def takes_large_blocks(self) -> bool:
        """Whether more rows a call gain something, and are still done within moments."""
        return self.rows is None and _READING_SECONDS <= self.row_seconds < _LONG_SECONDS


def fastest_call(found: "Artifact | ModelFile", engine: Engine) -> FastestCall | None:
    """The number of rows per call that was measured to be fastest; None where nobody measured.

    The largest of several that are about as fast: what stands around the calls counts as well.

    Args:
        found: The model.
        engine: Where it is scored.
    """
    converted = None if isinstance(found, ModelFile) else found.manifest.onnx
    if converted is None or not converted.speeds:
        return None
    seconds = {speed.rows: speed.seconds(engine) / speed.rows for speed in converted.speeds}
    least = min(seconds.values())
    rows = max(rows for rows in seconds if seconds[rows] <= least * _AS_FAST)
    return FastestCall(None if rows == max(seconds) else rows, seconds[rows])


def choose_engine(
    found: "Artifact | ModelFile", rows_per_call: int = 1, total_rows: int | None = None
) -> EngineChoice:
    """The faster engine of a model.

    Args:
        found: The model.
        rows_per_call: How many rows will be scored at once.
        total_rows: How many there will be in all; None where nobody knows.
    """
    if isinstance(found, ModelFile):
        is_onnx = found.format is ModelFormat.ONNX
        return EngineChoice(
            Engine.ONNX if is_onnx else Engine.SKLEARN,
            "it is an ONNX file" if is_onnx else "it was not converted to ONNX",
        )
    converted = found.manifest.onnx
    if found.manifest.format is ModelFormat.ONNX:
        return EngineChoice(Engine.ONNX, "there is no estimator in the artifact")
    if converted is None:
        return EngineChoice(Engine.SKLEARN, "the model was not converted to ONNX")
    # What does not agree was kept with --allow-mismatch, for those who ask for it.
    if not converted.parity.passed:
        return EngineChoice(Engine.SKLEARN, "its ONNX form does not agree with the estimator")
    measured = [speed for speed in converted.speeds if speed.rows <= rows_per_call]
    if not measured:
        return EngineChoice(Engine.ONNX, "nobody measured the estimator to be faster")
    return (
        _for_any_number(measured[-1])
        if total_rows is None
        else _for_number(converted.speeds, rows_per_call, total_rows)
    )


def _for_any_number(speed: "Speed") -> EngineChoice:
    slow = speed.ratio < _LEAST_RATIO
    times = f"{1 / speed.ratio:.1f} times slower" if slow else "no slower by much"
    return EngineChoice(
        Engine.SKLEARN if slow else Engine.ONNX,
        f"ONNX was measured to be {times} at {speed.rows:,} rows a call",
    )


def _for_number(speeds: "Sequence[Speed]", rows_per_call: int, total_rows: int) -> EngineChoice:
    sizes = [speed.rows for speed in speeds]
    rows = max(1, min(rows_per_call, total_rows, max(sizes)))
    # What a call takes, by the measured ones next to it.
    calls = {
        engine: np.interp(rows, sizes, [speed.seconds(engine) for speed in speeds])
        for engine in Engine
    }
    seconds = {
        engine: _START_UP_SECONDS[engine] + total_rows / rows * float(calls[engine])
        for engine in Engine
    }
    order: Sequence[Engine] = sorted(seconds, key=lambda engine: seconds[engine])
    faster, slower = order
    return EngineChoice(
        faster,
        f"about {seconds[faster]:.1f} s of loading and scoring against {seconds[slower]:.1f} s "
        f"with {slower}",
    )
