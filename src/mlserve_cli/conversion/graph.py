"""A small builder of ONNX graphs: tensors with operators, constants, and nothing to register.

Only operators with double-precision kernels in ONNX Runtime's CPU provider are meant to be used;
`Erf`, `Tan`, `Softplus`, `OneHot` and `Where` on booleans have none.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mlserve_cli.conversion.nodes import compared_value, inputs_of, is_small, needed, plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Operand: TypeAlias = "Tensor | ArrayLike"

# Floors of what ONNX Runtime 1.21 reads; TreeEnsemble in double precision needs ai.onnx.ml 5.
OPSET = 21
ML_OPSET = 5
IR_VERSION = 10
ML_DOMAIN = "ai.onnx.ml"
MICROSOFT_DOMAIN = "com.microsoft"


class Kind(StrEnum):
    """Type of the values of a tensor; REAL is the precision that the graph computes in."""

    REAL = "real"
    FLOAT32 = "float32"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"


class Tensor:
    """One value of the graph. Arithmetic on it adds nodes; numbers and arrays become constants.

    Attributes:
        graph: The graph that it belongs to.
        name: Its name there.
        kind: Type of its values.
    """

    __slots__ = ("graph", "kind", "name")

    # Without this, an array on the left would make an array of tensors.
    __array_ufunc__ = None

    def __init__(self, graph: "Graph", name: str, kind: Kind) -> None:
        self.graph = graph
        self.name = name
        self.kind = kind

    def _binary(self, op: str, other: "Operand", kind: Kind | None = None) -> "Tensor":
        return self.graph.add(op, self, self.graph.operand(other, self.kind), kind=kind)

    def _reflected(self, op: str, other: "Operand") -> "Tensor":
        return self.graph.add(op, self.graph.operand(other, self.kind), self, kind=self.kind)

    def __add__(self, other: "Operand") -> "Tensor":
        return self._binary("Add", other)

    def __radd__(self, other: "Operand") -> "Tensor":
        return self._reflected("Add", other)

    def __sub__(self, other: "Operand") -> "Tensor":
        return self._binary("Sub", other)

    def __rsub__(self, other: "Operand") -> "Tensor":
        return self._reflected("Sub", other)

    def __mul__(self, other: "Operand") -> "Tensor":
        return self._binary("Mul", other)

    def __rmul__(self, other: "Operand") -> "Tensor":
        return self._reflected("Mul", other)

    def __truediv__(self, other: "Operand") -> "Tensor":
        return self._binary("Div", other)

    def __rtruediv__(self, other: "Operand") -> "Tensor":
        return self._reflected("Div", other)

    def __pow__(self, other: "Operand") -> "Tensor":
        return self._binary("Pow", other)

    def __rpow__(self, other: "Operand") -> "Tensor":
        return self._reflected("Pow", other)

    def __matmul__(self, other: "Operand") -> "Tensor":
        return self._binary("MatMul", other)

    def __neg__(self) -> "Tensor":
        return self.graph.add("Neg", self)

    def __lt__(self, other: "Operand") -> "Tensor":
        return self._binary("Less", other, Kind.BOOL)

    def __le__(self, other: "Operand") -> "Tensor":
        return self._binary("LessOrEqual", other, Kind.BOOL)

    def __gt__(self, other: "Operand") -> "Tensor":
        return self._binary("Greater", other, Kind.BOOL)

    def __ge__(self, other: "Operand") -> "Tensor":
        return self._binary("GreaterOrEqual", other, Kind.BOOL)

    def __and__(self, other: "Tensor") -> "Tensor":
        return self._binary("And", other)

    def __or__(self, other: "Tensor") -> "Tensor":
        return self._binary("Or", other)

    def __invert__(self) -> "Tensor":
        return self.graph.add("Not", self)

    def equals(self, other: "Operand") -> "Tensor":
        """Where this and the other are equal, as BOOL."""
        return self._binary("Equal", other, Kind.BOOL)

    def is_nan(self) -> "Tensor":
        """Where this is NaN, as BOOL."""
        return self.graph.add("IsNaN", self, kind=Kind.BOOL)

    def apply(self, op: str, **attributes: Any) -> "Tensor":
        """The result of a unary operator that keeps the type, such as Exp."""
        return self.graph.add(op, self, **attributes)

    def cast(self, kind: Kind) -> "Tensor":
        """The same values as another type; this very tensor where it has that type already."""
        if self.kind is kind:
            return self
        return self.graph.add("Cast", self, kind=kind, to=self.graph.onnx_type(kind))

    def where(self, then: "Tensor", otherwise: "Operand") -> "Tensor":
        """Of a BOOL tensor: `then` where it is true, else `otherwise`."""
        other = self.graph.operand(otherwise, then.kind)
        return self.graph.add("Where", self, then, other, kind=then.kind)

    def reduce(self, op: str, axis: int = 1, *, keep: bool = True) -> "Tensor":
        """A reduction along one axis, such as Max; sums of rows of a matrix are `row_sum`'s."""
        axes = self.graph.constant([axis], Kind.INT64)
        return self.graph.add(f"Reduce{op}", self, axes, keepdims=int(keep))

    def row_sum(self, width: int) -> "Tensor":
        """Sum of each row of a matrix of so many columns, shape `(rows, 1)`.

        A product with ones: in which order ONNX Runtime's ReduceSum adds depends on where a row
        lies in memory, and so the last digit on the rows before it.
        """
        graph = self.graph
        # Made when the model is loaded: a file need not hold as many ones as there are columns.
        shape = graph.constant([width, 1], Kind.INT64)
        return self @ graph.add("Expand", graph.constant([[1.0]], self.kind), shape)

    def argmax(self, axis: int = 1) -> "Tensor":
        """Position of the largest value, the first of several, shape `(rows,)`, INT64."""
        return self.graph.add("ArgMax", self, kind=Kind.INT64, axis=axis, keepdims=0)

    def argmin(self, axis: int = 1) -> "Tensor":
        """Position of the smallest value, the first of several, shape `(rows,)`, INT64."""
        return self.graph.add("ArgMin", self, kind=Kind.INT64, axis=axis, keepdims=0)

    def gather(self, indices: "Tensor | ArrayLike", axis: int = 0) -> "Tensor":
        """Slices of this tensor along an axis."""
        where = self.graph.operand(indices, Kind.INT64)
        return self.graph.add("Gather", self, where, axis=axis, kind=self.kind)

    def columns(self, start: int, stop: int) -> "Tensor":
        """Columns `start` up to but without `stop`, shape `(rows, stop - start)`."""
        return self.gather(np.arange(start, stop), axis=1)

    def reshape(self, shape: "Sequence[int]") -> "Tensor":
        """The same values in another shape; 0 keeps a dimension, -1 works it out."""
        return self.graph.add("Reshape", self, self.graph.constant(shape, Kind.INT64))


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a graph.

    Attributes:
        name: Its name.
        tensor: Where it comes from.
        shape: None stands for the rows, or for a width that is not known.
    """

    name: str
    tensor: Tensor
    shape: "Sequence[int | None]"


class Graph:
    """Nodes, constants and inputs of one ONNX graph. Equal nodes and constants are made once.

    Args:
        real: Precision of REAL tensors: `np.float64` or `np.float32`.
        tell: Told which part of something large is being written.

    Attributes:
        row_bytes: Memory that the largest intermediate result takes for each row, where a converter
            has told.
    """

    def __init__(
        self,
        real: type[np.floating[Any]] = np.float64,
        tell: "Callable[[str], None] | None" = None,
    ) -> None:
        self.real = np.dtype(real)
        self.tell = tell or (lambda _: None)
        self.row_bytes = 0
        self.inputs: list[onnx.ValueInfoProto] = []
        self._input_names: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[Any, tuple[str, ...]] = {}
        self._count = 0

    def onnx_type(self, kind: Kind) -> int:
        """The number of a kind in ONNX."""
        return int(helper.np_dtype_to_tensor_dtype(self.array([], kind).dtype))

    def array(self, values: "ArrayLike", kind: Kind) -> "NDArray[Any]":
        """The values as an array of the type that a kind has in this graph."""
        dtypes: dict[Kind, Any] = {
            Kind.REAL: self.real,
            Kind.FLOAT32: np.float32,
            Kind.INT64: np.int64,
            Kind.BOOL: np.bool_,
            Kind.STRING: object,
        }
        return np.asarray(values, dtype=dtypes[kind])

    def takes(self, row_bytes: int) -> None:
        """Notes that an intermediate result takes so much memory for each row."""
        self.row_bytes = max(self.row_bytes, row_bytes)

    def _name(self, prefix: str) -> str:
        while True:
            self._count += 1
            # The slash keeps these apart from the names of columns, as a rule.
            name = f"/{prefix.lower()}_{self._count}"
            if name not in self._input_names:
                return name

    def input(self, name: str, kind: Kind, width: int) -> Tensor:
        """Declares an input of shape `(rows, width)`."""
        info = helper.make_tensor_value_info(name, self.onnx_type(kind), [None, width])
        self.inputs.append(info)
        self._input_names.add(name)
        return Tensor(self, name, kind)

    def constant(self, values: "ArrayLike", kind: Kind = Kind.REAL) -> Tensor:
        """A constant of the given kind."""
        array = np.ascontiguousarray(self.array(values, kind)).reshape(np.shape(values))
        content = repr(array.tolist()) if kind is Kind.STRING else array.tobytes()
        key = (kind, array.shape, content)
        if key not in self._known:
            name = self._name("constant")
            self._known[key] = (name,)
            self._constants[name] = numpy_helper.from_array(array, name)
        return Tensor(self, self._known[key][0], kind)

    def operand(self, value: "Operand", kind: Kind) -> Tensor:
        """The tensor itself, or a number or an array as a constant of the given kind."""
        return value if isinstance(value, Tensor) else self.constant(value, kind)

    def add(
        self,
        op: str,
        *inputs: Tensor,
        kind: Kind | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Adds a node with one output, of the kind of its first input unless told otherwise."""
        return self.add_many(op, inputs, (kind or inputs[0].kind,), domain, **attributes)[0]

    def add_many(
        self,
        op: str,
        inputs: "Sequence[Tensor]",
        kinds: "Sequence[Kind]",
        domain: str = "",
        **attributes: Any,
    ) -> tuple[Tensor, ...]:
        """Adds a node with several outputs, one of each given kind."""
        plain = {name: plain_value(value) for name, value in attributes.items()}
        names = tuple(tensor.name for tensor in inputs)
        # Attributes that hold whole tree ensembles are too large to compare.
        comparable = all(is_small(value) for value in plain.values())
        content = sorted((name, compared_value(value)) for name, value in plain.items())
        key = (op, domain, names, repr(content)) if comparable else object()
        if key not in self._known:
            outputs = tuple(self._name(op) for _ in kinds)
            node = helper.make_node(op, names, outputs, domain=domain, **plain)
            node.name = outputs[0]
            self._nodes.append(node)
            self._known[key] = outputs
        return tuple(
            Tensor(self, name, kind) for name, kind in zip(self._known[key], kinds, strict=True)
        )

    def concatenate(self, tensors: "Sequence[Tensor]", axis: int = 1) -> Tensor:
        """Tensors side by side; the very tensor where there is only one."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=axis)

    def model(self, outputs: "Sequence[Output]") -> onnx.ModelProto:
        """The finished model; nodes and constants that no output needs are left out."""
        nodes = [
            *needed(self._nodes, [output.tensor.name for output in outputs]),
            *(helper.make_node("Identity", [one.tensor.name], [one.name]) for one in outputs),
        ]
        used = {name for node in nodes for name in inputs_of(node)}
        graph = helper.make_graph(
            nodes,
            "mlserve",
            self.inputs,
            [
                helper.make_tensor_value_info(
                    output.name, self.onnx_type(output.tensor.kind), list(output.shape)
                )
                for output in outputs
            ],
            [constant for name, constant in self._constants.items() if name in used],
        )
        versions = {"": OPSET, ML_DOMAIN: ML_OPSET, MICROSOFT_DOMAIN: 1}
        domains = sorted({"", *(node.domain for node in nodes)})
        return helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(domain, versions[domain]) for domain in domains],
            producer_name="mlserve",
        )

    def needs_more(self, tensor: Tensor, others: "Sequence[Tensor]") -> bool:
        """Whether a tensor takes nodes that the others do not take anyway."""
        names = [other.name for other in others]
        alone = len(needed(self._nodes, names))
        return len(needed(self._nodes, [*names, tensor.name])) > alone
