"""What a conversion is asked for, and what it gives."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mlserve_cli.conversion.parity import TOLERANCE, ParityReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mlserve_cli.signature import Signature


class Precision(StrEnum):
    """Numbers that the graph computes with.

    AUTO writes both, compares both, and takes FLOAT64 wherever it agrees: that FLOAT32 agrees on
    the rows that were compared does not make it exact on others. What FLOAT32 would gain is
    measured and reported, so that it can be asked for.
    """

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write a model, as it was found when all were tried.

    Attributes:
        precision: Numbers that it computes with.
        chosen: Whether it is the one that was taken.
        agrees: Whether it agrees with the estimator.
        label_mismatches: As in the parity report.
        max_difference: As in the parity report.
        seconds: Of one call, by rows per call.
        reason: Why it was not tried; empty where it was.
    """

    precision: Precision
    chosen: bool
    agrees: bool
    label_mismatches: int = 0
    max_difference: float = 0.0
    seconds: dict[int, float] = field(default_factory=dict)
    reason: str = ""


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
        variants: What was tried, where the precision was AUTO.
    """

    model: bytes
    precision: Precision
    parity: ParityReport
    signature: "Signature"
    opset: int
    ml_opset: int | None
    operators: dict[str, int]
    variants: tuple[Variant, ...] = ()


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

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What to try, the one to be preferred first."""
        if self.precision is Precision.AUTO:
            return (Precision.FLOAT64, Precision.FLOAT32)
        return (self.precision,)
