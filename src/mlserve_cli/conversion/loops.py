"""Loops inside a graph: over the rows of a batch, and until a batch has converged.

The body of a loop is a graph of its own. It may use tensors of the graph around it, as second
operands, so that large constants stand in the model once.
"""

from typing import TYPE_CHECKING

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


def for_each_row(rows: Tensor, write: "Callable[[Tensor], Tensor]") -> Tensor:
    """Rows of results, each made from one row alone, so that memory does not grow with the batch.

    Args:
        rows: Shape `(rows, width)`.
        write: Is given one row as a column of shape `(width, 1)`, returns a tensor of one
            dimension.
    """
    graph = rows.graph
    body = _Body(graph.real.type)
    result = write(body.input("/body/row", rows.kind, 1))
    inner = body.model([Output("/body/result", result, (None,))]).graph
    columns = rows.reshape([0, 0, 1])
    return graph.add("Scan", columns, kind=result.kind, num_scan_inputs=1, body=inner)


def repeat(
    states: "Sequence[Tensor]",
    widths: "Sequence[int]",
    most: int,
    write: "Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]",
) -> tuple[Tensor, ...]:
    """States after a step has been repeated until it says that it need not be.

    Args:
        states: What the first step starts from, each of shape `(rows, width)`.
        widths: Their widths.
        most: Largest number of steps.
        write: Is given the states, returns whether to go on (BOOL, no dimensions) and the states
            after the step.
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
    limits = (graph.constant(most, Kind.INT64), graph.constant(True, Kind.BOOL))  # noqa: FBT003
    kinds = [state.kind for state in states]
    return graph.add_many("Loop", (*limits, *states), kinds, body=body.model(outputs).graph)
