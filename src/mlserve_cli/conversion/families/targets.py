"""Regressors whose target was transformed, and wrappers that pass a fitted estimator on."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.functions import apply_function, log1p
from mlserve_cli.conversion.families.pipelines import is_nothing
from mlserve_cli.conversion.families.smooth import inverse_quantile
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

    Inverse = Callable[[Translator, Any, Tensor], Tensor]


def _transformed(translator: "Translator", model: Any, table: "Table") -> Scores:
    with translator.step("regressor"):
        values = translator.score(model.regressor_, table).labels
    with translator.step("transformer"):
        return Scores(labels=_inverse(translator, model.transformer_, values))


def _inverse(translator: "Translator", transformer: Any, values: "Tensor") -> "Tensor":
    name = type(transformer).__name__
    if name not in _INVERSES or not type(transformer).__module__.startswith("sklearn."):
        raise translator.unsupported(f"{name}.inverse_transform has no ONNX form here.")
    return _INVERSES[name](translator, transformer, values)


def _standard(_: "Translator", scaler: Any, values: "Tensor") -> "Tensor":
    if scaler.with_std and scaler.scale_ is not None:
        values = values * scaler.scale_
    return values + scaler.mean_ if scaler.with_mean and scaler.mean_ is not None else values


def _min_max(_: "Translator", scaler: Any, values: "Tensor") -> "Tensor":
    return (values - np.asarray(scaler.min_)) / np.asarray(scaler.scale_)


def _max_abs(_: "Translator", scaler: Any, values: "Tensor") -> "Tensor":
    return values * np.asarray(scaler.scale_)


def _robust(_: "Translator", scaler: Any, values: "Tensor") -> "Tensor":
    if scaler.with_scaling:
        values = values * scaler.scale_
    return values + scaler.center_ if scaler.with_centering else values


def _function(translator: "Translator", transformer: Any, values: "Tensor") -> "Tensor":
    if transformer.inverse_func is None:
        return values
    given = bool(transformer.inv_kw_args)
    return apply_function(translator, transformer.inverse_func, values, has_arguments=given)


def _quantile(_: "Translator", transformer: Any, values: "Tensor") -> "Tensor":
    return inverse_quantile(transformer, values)


def _power(translator: "Translator", transformer: Any, values: "Tensor") -> "Tensor":
    if transformer.standardize:
        values = _standard(translator, transformer._scaler, values)
    undo = _yeo_johnson if transformer.method == "yeo-johnson" else _box_cox
    columns = [
        undo(values.columns(position, position + 1), float(power))
        for position, power in enumerate(transformer.lambdas_)
    ]
    return translator.graph.concatenate(columns)


def _box_cox(x: "Tensor", power: float) -> "Tensor":
    return x.apply("Exp") if power == 0.0 else (log1p(x * power) / power).apply("Exp")


def _yeo_johnson(x: "Tensor", power: float) -> "Tensor":
    # Each branch sees only values of its own sign, so that the other cannot overflow.
    negative = x < 0.0
    zero = x * 0.0
    plus, minus = negative.where(zero, x), negative.where(x, zero)
    if abs(power) < np.spacing(1.0):
        above = plus.apply("Exp") - 1.0
    else:
        above = (plus * power + 1.0) ** (1.0 / power) - 1.0
    if abs(power - 2.0) > np.spacing(1.0):
        below = 1.0 - (minus * -(2.0 - power) + 1.0) ** (1.0 / (2.0 - power))
    else:
        below = 1.0 - (-minus).apply("Exp")
    return negative.where(below, above)


def _pipeline(translator: "Translator", pipeline: Any, values: "Tensor") -> "Tensor":
    for name, step in reversed(pipeline.steps):
        if not is_nothing(step):
            with translator.step(name):
                values = _inverse(translator, step, values)
    return values


def _inner(translator: "Translator", wrapper: Any, table: "Table") -> Scores:
    return translator.score(wrapper.estimator_, table)


def _selected(translator: "Translator", selector: Any, table: "Table") -> Scores:
    chosen = table.select(int(position) for position in np.flatnonzero(selector.support_))
    return translator.score(selector.estimator_, chosen)


_INVERSES: "dict[str, Inverse]" = {
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "Pipeline": _pipeline,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
    "RobustScaler": _robust,
    "StandardScaler": _standard,
}

TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.RANSACRegressor": _inner,
    "sklearn.RFE": _selected,
    "sklearn.RFECV": _selected,
    "sklearn.SelfTrainingClassifier": _inner,
    "sklearn.TransformedTargetRegressor": _transformed,
}
