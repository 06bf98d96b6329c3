"""Scores a file with a fake model in a process of its own.

IN OUT [slow|memory|modules|resume|skip|brisk|large|other-model]
"""

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.batch import BatchOptions, OnError, predict_file
from mlserve_cli.errors import MlserveError
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Column, Signature, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch


class Sum:
    """Predicts the sum of a and b."""

    # So that forks take part, as they do for commands.
    engine = Engine.ONNX
    signature = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        assert isinstance(batch, np.ndarray)
        time.sleep(self._wait_seconds)
        return Prediction(batch.sum(axis=1))

    def decision_function(self, batch: "Batch") -> "NDArray[Any]":
        raise NotImplementedError


def peak_kib() -> int:
    """Peak memory of this program; ru_maxrss would count the process that started it as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def terminate(*_: object) -> None:
    raise SystemExit(143)


def main(source: str, destination: str, *how: str) -> int:
    signal.signal(signal.SIGTERM, terminate)
    slow = "slow" in how
    brisk = "brisk" in how
    # Blocks of which some make a group of rows.
    large = "large" in how
    options = BatchOptions(
        block_bytes=1 << 16 if large else 1000 if slow or brisk else 1 << 20,
        on_error=OnError.SKIP if "skip" in how else OnError.FAIL,
        resume="resume" in how,
        model_digest="another" if "other-model" in how else "one",
        checkpoint_seconds=0.0 if brisk or large else 2.0,
        forks=True,
    )
    wait_seconds = 0.02 if slow or large else 0.002 if brisk else 0.0
    started = False

    def tell_start(now: object) -> None:
        nonlocal started
        if (slow or brisk or large) and not started:
            started = True
            sys.stderr.write("started\n")
            sys.stderr.flush()

    try:
        predict_file(source, destination, Sum(wait_seconds), options, progress=tell_start)
    except MlserveError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if "modules" in how:
        heavy = {"pandas", "sklearn", "scipy", "onnxruntime"}
        sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
    if "memory" in how:
        sys.stderr.write(str(peak_kib()))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
