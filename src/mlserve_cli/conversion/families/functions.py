"""FunctionTransformer of the numpy functions that feature engineering uses."""

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import sigmoid
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def log1p(x: "Tensor") -> "Tensor":
    """The logarithm of 1 + x, to the last digits near 0 too.

    Kahan's way: the error of 1 + x cancels in the quotient.
    """
    plus = x + 1.0
    exact = plus.equals(1.0)
    # The replaced divisor of 1 only keeps the branch that is not taken from dividing by 0.
    quotient = plus.apply("Log") * x / exact.where(plus, plus - 1.0)
    # Of an infinity the quotient is not a number.
    infinite = x.equals(np.inf)
    return exact.where(x, infinite.where(x, quotient))


def expm1(x: "Tensor") -> "Tensor":
    """The exponential of x less 1, to the last digits near 0 too."""
    power = x.apply("Exp")
    near = (x.apply("Abs") < 0.5) & ~power.equals(1.0)
    inside = near.where(x, x * 0.0 + 0.25)
    raised = inside.apply("Exp")
    precise = (raised - 1.0) * inside / raised.apply("Log")
    return power.equals(1.0).where(x, near.where(precise, power - 1.0))


def _cbrt(x: "Tensor") -> "Tensor":
    return x.apply("Sign") * x.apply("Abs") ** (1.0 / 3.0)


def wave(x: "Tensor", op: str, width: int | None = None) -> "Tensor":
    """Sine or cosine of each value of a matrix, whatever stands beside it.

    ONNX Runtime computes pairs of doubles, and both in another way where one of them is large. So
    that no pair holds values of two rows, each value is paired with itself unless the width is
    known to be even.

    Args:
        x: The matrix.
        op: `Sin` or `Cos`.
        width: Its columns, where they are known.
    """
    if width is not None and width % 2 == 0:
        return x.apply(op)
    value = x.graph.add("Unsqueeze", x, x.graph.constant([2], Kind.INT64))
    return x.graph.concatenate([value, value], axis=2).apply(op).gather(0, axis=2)


def _operator(name: str) -> "Callable[[Tensor], Tensor]":
    return lambda x: x.apply(name)


FUNCTIONS: "Mapping[str, Callable[[Tensor], Tensor]]" = MappingProxyType(
    {
        "abs": _operator("Abs"),
        "absolute": _operator("Abs"),
        "cbrt": _cbrt,
        "ceil": _operator("Ceil"),
        "cos": lambda x: wave(x, "Cos"),
        "exp": _operator("Exp"),
        "exp2": lambda x: 2.0**x,
        "expit": sigmoid,
        "expm1": expm1,
        "fabs": _operator("Abs"),
        "floor": _operator("Floor"),
        "isnan": lambda x: x.is_nan().cast(Kind.REAL),
        "log": _operator("Log"),
        "log10": lambda x: x.apply("Log") / float(np.log(10.0)),
        "log1p": log1p,
        "log2": lambda x: x.apply("Log") / float(np.log(2.0)),
        "logit": lambda x: (x / (1.0 - x)).apply("Log"),
        "negative": lambda x: -x,
        "reciprocal": lambda x: 1.0 / x,
        "rint": _operator("Round"),
        "sign": _operator("Sign"),
        "sin": lambda x: wave(x, "Sin"),
        "sqrt": _operator("Sqrt"),
        "square": lambda x: x * x,
        "tanh": _operator("Tanh"),
    }
)
_LIBRARIES = ("numpy", "scipy", "builtins")
_UNCHANGED = ("asarray", "array", "ascontiguousarray", "check_array")


def apply_function(
    translator: "Translator", function: Any, x: "Tensor", *, has_arguments: bool = False
) -> "Tensor":
    """What a numpy function makes of each value.

    Raises:
        UnsupportedEstimatorError: The function is not in `FUNCTIONS`, or takes arguments.
    """
    name = getattr(function, "__name__", repr(function))
    # Universal functions of scipy have no module of their own.
    library = (getattr(function, "__module__", None) or "scipy").partition(".")[0]
    known = isinstance(function, np.ufunc) or library in _LIBRARIES
    if not known or name not in FUNCTIONS or has_arguments:
        raise translator.unsupported(
            f"The function {name} has no ONNX form here; these numpy functions have one: "
            f"{', '.join(sorted(FUNCTIONS))}."
        )
    return FUNCTIONS[name](x)


def _function(translator: "Translator", transformer: Any, table: Table) -> Table:
    function = transformer.func
    plain = function.func if isinstance(function, partial) else function
    if plain is None or getattr(plain, "__name__", "") in _UNCHANGED:
        return table
    given = bool(transformer.kw_args) or isinstance(function, partial)
    result = apply_function(translator, function, table.real(), has_arguments=given)
    return Table.of(result, table.width)


TRANSFORMS: "dict[str, Transform]" = {"sklearn.FunctionTransformer": _function}
SCORES: "dict[str, Score]" = {}
