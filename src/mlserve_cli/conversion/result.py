"""What a conversion is asked for, and what it gives."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mlserve_cli.conversion.parity import TOLERANCE, ParityReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mlserve_cli.signature import Signature


class Precision(StrEnum):
    """Numbers that the graph computes with.

    AUTO is FLOAT64. Measured with ONNX Runtime 1.32 on linear models, scalers and both, of 10 to
    300 columns: FLOAT32 takes 4 to 10 % less time for one row, half of which goes into rounding the
    row. For 1,000 rows it takes 25 to 50 % less, 20 to 300 microseconds; but 6 of 30 models then
    exceed the tolerance of 1e-6 on their own or on generated rows, and most others use up a third
    of it.
    """

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted model and how far it agrees with the estimator.

    Attributes:
        model: Content of the ONNX file.
        precision: Numbers that the graph computes with.
        parity: The comparison with the estimator.
        signature: Inputs and outputs that it was converted with.
        opset: Version of the standard operators.
        ml_opset: Version of the `ai.onnx.ml` operators; None where there are none.
        operators: How many nodes of each operator the graph has.
    """

    model: bytes
    precision: Precision
    parity: ParityReport
    signature: "Signature"
    opset: int
    ml_opset: int | None
    operators: dict[str, int]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """How to convert.

    Attributes:
        precision: Numbers to compute with.
        tolerance: Largest difference that passes.
        opset: Version of the standard operators; None for the lowest that has them all.
        outputs: Names of outputs to keep; None for those that serving needs.
        metadata: Entries for the file beside its own.
        on_step: Told what is being done, in a few words, as it starts.
    """

    precision: Precision = Precision.AUTO
    tolerance: float = TOLERANCE
    opset: int | None = None
    outputs: "Collection[str] | None" = None
    metadata: "tuple[tuple[str, str], ...]" = ()
    on_step: "Callable[[str], None]" = _silent
