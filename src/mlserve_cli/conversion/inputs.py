"""Inputs of the graph from a signature."""

from typing import TYPE_CHECKING

from mlserve_cli.conversion.graph import Graph, Kind
from mlserve_cli.conversion.outputs import is_output_name
from mlserve_cli.conversion.table import Block, Table
from mlserve_cli.signature import Column, DType, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.signature import Signature

MATRIX_INPUT = "features"


def declare_inputs(graph: Graph, signature: "Signature") -> Table:
    """Declares one input for a matrix, or one of shape `(rows, 1)` per column of a frame."""
    if signature.layout is Layout.MATRIX:
        width = len(signature.columns)
        return Table.of(graph.input(MATRIX_INPUT, Kind.REAL, width), width)
    names = _input_names(signature.names)
    return Table(
        tuple(
            Block(graph.input(name, column_kind(column), 1), 1)
            for name, column in zip(names, signature.columns, strict=True)
        )
    )


def _input_names(columns: "Sequence[str]") -> list[str]:
    """Names of the columns, but for those that ONNX needs or that outputs have."""
    names: list[str] = []
    for position, column in enumerate(columns):
        name = column or f"column_{position}"
        while name in names or is_output_name(name) or (name != column and name in columns):
            name += "_input"
        names.append(name)
    return names


def column_kind(column: Column) -> Kind:
    """Type of the input of one column of a frame.

    Integers and bools that may be missing are REAL, with NaN for missing; text that is missing is
    `table.MISSING_TEXT`.
    """
    dtype = column.dtype
    if dtype is DType.CATEGORICAL:
        text = any(isinstance(value, str) for value in column.categories or ())
        return Kind.STRING if text else Kind.REAL
    if dtype is DType.STRING:
        return Kind.STRING
    if dtype is DType.INT64 and column.missing is False:
        return Kind.INT64
    if dtype is DType.BOOL and not column.missing:
        return Kind.BOOL
    return Kind.REAL
