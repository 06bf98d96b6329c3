"""Values that an estimator refuses, refused by ONNX Runtime too.

ONNX has no operator that raises, but a lookup beyond the end of a constant fails, and
`OnnxPredictor` takes that failure for a refusal.
"""

from typing import TYPE_CHECKING

from mlserve_cli.conversion.graph import Kind

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor

# A position that no constant has.
BEYOND = 2**31 - 1


def refused_where(refused: "Tensor", values: "Tensor") -> "Tensor":
    """The values; scoring fails where any of them is refused.

    Args:
        refused: BOOL, of the shape of the values, or of one that spreads to it.
        values: REAL.
    """
    graph = values.graph
    position = refused.where(graph.constant([BEYOND], Kind.INT64), graph.constant([0], Kind.INT64))
    return values + graph.constant([0.0]).gather(position)


def refused_beyond(codes: "Tensor", largest: int) -> "Tensor":
    """Codes from -1 to the largest; scoring fails where one of them is `BEYOND`."""
    # A position of -1 counts from the end.
    known = codes.graph.constant([*range(largest + 1), -1], Kind.INT64)
    return known.gather(codes)
