"""Scores standard input with a fake model in a process of its own.

INPUT_FORMAT [OUTPUT_FORMAT]
"""

import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.errors import MlserveError
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Column, Signature, Task
from mlserve_cli.tables.formats import Format

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch


class Sum:
    """Predicts the sum of a and b."""

    engine = Engine.SKLEARN
    signature = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        assert isinstance(batch, np.ndarray)
        return Prediction(batch.sum(axis=1))

    def decision_function(self, batch: "Batch") -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        raise NotImplementedError


def main(given: str, asked: str) -> int:
    options = BatchOptions(
        input_format=Format(given), output_format=Format(asked) if asked else None
    )
    try:
        predict_file("-", "-", Sum(), options)
    except MlserveError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.write("gone\n")
        sys.stderr.flush()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
