"""Loops inside a graph: over the rows of a batch, and until a batch has converged.

The body of a loop is a graph of its own. It may use tensors of the graph around it, as second
operands, so that large constants stand in the model once.
"""

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from mlserve_cli.conversion.graph import Graph, Kind, Output, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Body(Graph):
    """A graph whose names differ from those around it, which its nodes may use."""

    def _name(self, prefix: str) -> str:
        return f"/body{super()._name(prefix)}"

    def scalar(self, name: str, kind: Kind) -> None:
        """Declares an input without dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, self.onnx_type(kind), []))


def for_each_row(rows: Tensor, width: int, write: "Callable[[Tensor], Tensor]") -> Tensor:
    """Rows of results, each made from one row alone, so that memory does not grow with the batch.

    Args:
        rows: Shape `(rows, width)`.
        width: Number of columns.
        write: Is given one row as a column of shape `(width, 1)`, returns a tensor of one
            dimension.
    """
    graph = rows.graph
    body = _Body(graph.real.type)
    result = write(body.input("/body/row", rows.kind, 1))
    inner = body.model([Output("/body/result", result, (None,))]).graph
    count = graph.add("Shape", rows, kind=Kind.INT64, start=0, end=1)
    columns = _never_empty(rows, width, count).reshape([0, 0, 1])
    every = graph.add("Scan", columns, kind=result.kind, num_scan_inputs=1, body=inner)
    return graph.add("Slice", every, graph.constant([0], Kind.INT64), count)


def _never_empty(rows: Tensor, width: int, count: Tensor) -> Tensor:
    # ONNX Runtime does not scan a batch without rows, so that it is given one of zeros.
    graph = rows.graph
    longer = graph.concatenate([rows, graph.constant(np.zeros((1, width)), rows.kind)], axis=0)
    least = graph.add("Max", count, graph.constant([1], Kind.INT64))
    return graph.add("Slice", longer, graph.constant([0], Kind.INT64), least)


def repeat(
    states: "Sequence[Tensor]",
    widths: "Sequence[int]",
    most: int,
    write: "Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]",
    *,
    start: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """States after a step has been repeated until it says that it need not be.

    Args:
        states: What the first step starts from, each of shape `(rows, width)`.
        widths: Their widths.
        most: Largest number of steps.
        write: Is given the states, returns whether to go on (BOOL, no dimensions) and the states
            after the step.
        start: Whether to make the first step, BOOL, no dimensions; yes where it is not given.
    """
    graph = states[0].graph
    body = _Body(graph.real.type)
    body.scalar("/body/step", Kind.INT64)
    body.scalar("/body/going", Kind.BOOL)
    inside = [
        body.input(f"/body/before_{number}", state.kind, width)
        for number, (state, width) in enumerate(zip(states, widths, strict=True))
    ]
    going, after = write(inside)
    outputs = [
        Output("/body/go_on", going, ()),
        *(
            Output(f"/body/after_{number}", state, (None, width))
            for number, (state, width) in enumerate(zip(after, widths, strict=True))
        ),
    ]
    first = graph.constant(True, Kind.BOOL) if start is None else start
    limits = (graph.constant(most, Kind.INT64), first)
    kinds = [state.kind for state in states]
    return graph.add_many("Loop", (*limits, *states), kinds, body=body.model(outputs).graph)
