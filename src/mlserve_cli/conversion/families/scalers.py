"""Scalers and other transformations of numbers, one column at a time."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _standard(_: "Translator", scaler: Any, table: Table) -> Table:
    x = table.real()
    if scaler.with_mean and scaler.mean_ is not None:
        x = x - scaler.mean_
    if scaler.with_std and scaler.scale_ is not None:
        x = x / scaler.scale_
    return Table.of(x, table.width)


def _min_max(_: "Translator", scaler: Any, table: Table) -> Table:
    x = table.real() * scaler.scale_ + scaler.min_
    return Table.of(clip(x, *scaler.feature_range) if scaler.clip else x, table.width)


def clip(x: "Tensor", low: float, high: float) -> "Tensor":
    """Values limited to a range; NaN stays NaN."""
    graph = x.graph
    return graph.add("Clip", x, graph.constant(float(low)), graph.constant(float(high)))


def _max_abs(_: "Translator", scaler: Any, table: Table) -> Table:
    x = table.real() / scaler.scale_
    return Table.of(clip(x, -1.0, 1.0) if getattr(scaler, "clip", False) else x, table.width)


def _robust(_: "Translator", scaler: Any, table: Table) -> Table:
    x = table.real()
    if scaler.with_centering:
        x = x - scaler.center_
    if scaler.with_scaling:
        x = x / scaler.scale_
    return Table.of(x, table.width)


def _normalizer(_: "Translator", normalizer: Any, table: Table) -> Table:
    x = table.real()
    if normalizer.norm == "max":
        size = x.apply("Abs").reduce("Max")
    elif normalizer.norm == "l1":
        size = x.apply("Abs").row_sum(table.width)
    else:
        size = (x * x).row_sum(table.width).apply("Sqrt")
    # Rows of zeros stay zeros.
    return Table.of(x / (size + size.equals(0.0).cast(Kind.REAL)), table.width)


def _binarizer(_: "Translator", binarizer: Any, table: Table) -> Table:
    return Table.of((table.real() > float(binarizer.threshold)).cast(Kind.REAL), table.width)


def _polynomial(_: "Translator", features: Any, table: Table) -> Table:
    x = table.real()
    powers = np.asarray(features.powers_)
    # Each product is made from left to right, as scikit-learn does.
    longest = max(1, int(powers.sum(axis=1).max()))
    factors = np.full((len(powers), longest), table.width)
    for row, power in enumerate(powers):
        chosen = np.repeat(np.arange(table.width), power)
        factors[row, : len(chosen)] = chosen
    one = (x.columns(0, 1).is_nan() | ~x.columns(0, 1).is_nan()).cast(Kind.REAL)
    extended = x.graph.concatenate([x, one])
    product = extended.gather(factors[:, 0], axis=1)
    for column in factors.T[1:]:
        product = product * extended.gather(column, axis=1)
    return Table.of(product, len(powers))


def _bins(translator: "Translator", discretizer: Any, table: Table) -> Table:
    x = table.real()
    graph = translator.graph
    parts = []
    widths = []
    for position, edges in enumerate(discretizer.bin_edges_):
        inner = np.asarray(edges)[1:-1]
        column = x.columns(position, position + 1)
        above = (column >= inner[None, :]).cast(Kind.REAL) if len(inner) else column * 0.0
        number = above.reduce("Sum")
        count = int(discretizer.n_bins_[position])
        if discretizer.encode == "ordinal":
            parts.append(number)
            widths.append(1)
        else:
            parts.append(number.equals([np.arange(count)]).cast(Kind.REAL))
            widths.append(count)
    return Table.of(graph.concatenate(parts), sum(widths))


def _power(translator: "Translator", transformer: Any, table: Table) -> Table:
    x = table.real()
    columns = []
    for position, power in enumerate(transformer.lambdas_):
        column = x.columns(position, position + 1)
        johnson = transformer.method == "yeo-johnson"
        columns.append((_yeo_johnson if johnson else _box_cox)(column, float(power)))
    result = translator.graph.concatenate(columns)
    if not transformer.standardize:
        return Table.of(result, table.width)
    return _standard(translator, transformer._scaler, Table.of(result, table.width))


def _box_cox(x: "Tensor", power: float) -> "Tensor":
    if power == 0.0:
        return x.apply("Log")
    return (x**power - 1.0) / power


def _yeo_johnson(x: "Tensor", power: float) -> "Tensor":
    # Each branch sees only values of its own sign, so that the other cannot overflow.
    negative = x < 0.0
    zero = x * 0.0
    plus = negative.where(zero, x) + 1.0
    minus = negative.where(x, zero) * -1.0 + 1.0
    logarithm = abs(power) < np.spacing(1.0)
    above = plus.apply("Log") if logarithm else (plus**power - 1.0) / power
    if abs(power - 2.0) > np.spacing(1.0):
        below = (minus ** (2.0 - power) - 1.0) / -(2.0 - power)
    else:
        below = -minus.apply("Log")
    return negative.where(below, above)


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.StandardScaler": _standard,
    "sklearn.MinMaxScaler": _min_max,
    "sklearn.MaxAbsScaler": _max_abs,
    "sklearn.RobustScaler": _robust,
    "sklearn.Normalizer": _normalizer,
    "sklearn.Binarizer": _binarizer,
    "sklearn.PolynomialFeatures": _polynomial,
    "sklearn.KBinsDiscretizer": _bins,
    "sklearn.PowerTransformer": _power,
}
SCORES: "dict[str, Score]" = {}
