"""Imputers and indicators of missing values, for numbers and text."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import MISSING_TEXT, Block, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def is_missing(value: Any) -> bool:
    """Whether a scalar is None, NaN or pandas.NA."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)  # noqa: PLR0124


def missing_mask(tensor: "Tensor", missing_values: Any) -> "Tensor":
    """Where the values are those that an estimator takes for missing, as BOOL."""
    if tensor.kind is Kind.STRING:
        return tensor.equals(MISSING_TEXT if is_missing(missing_values) else str(missing_values))
    x = tensor.cast(Kind.REAL)
    return x.is_nan() if is_missing(missing_values) else x.equals(float(missing_values))


def _simple(translator: "Translator", imputer: Any, table: Table) -> Table:
    statistics = imputer.statistics_
    valid = np.array([not is_missing(value) for value in statistics])
    if imputer.keep_empty_features:
        valid[:] = True
    parts: list[Block] = []
    start = 0
    for block in table.merged().blocks:
        kept = np.flatnonzero(valid[start : start + block.width])
        values = statistics[start : start + block.width][kept]
        start += block.width
        if kept.size:
            parts.append(_fill(translator, imputer, block.take(kept.tolist()), values))
    filled = Table(tuple(parts))
    if imputer.add_indicator:
        return Table.concatenate([filled, _indicator(translator, imputer.indicator_, table)])
    return filled


def _fill(translator: "Translator", imputer: Any, block: Block, values: "NDArray[Any]") -> Block:
    mask = missing_mask(block.tensor, imputer.missing_values)
    if block.kind is Kind.STRING:
        if not all(isinstance(value, str) for value in values):
            raise translator.unsupported("SimpleImputer fills text with values that are not text.")
        fill = translator.graph.constant([list(values)], Kind.STRING)
        return Block(mask.where(fill, block.tensor), block.width)
    if any(isinstance(value, str) for value in values):
        raise translator.unsupported("SimpleImputer fills numbers or bools with text.")
    fill = translator.graph.constant([[float(value) for value in values]])
    return Block(mask.where(fill, block.tensor.cast(Kind.REAL)), block.width)


def _indicator(translator: "Translator", indicator: Any, table: Table) -> Table:
    masks = [
        missing_mask(block.tensor, indicator.missing_values).cast(Kind.REAL)
        for block in table.merged().blocks
    ]
    every = Table.of(translator.graph.concatenate(masks), table.width)
    return every.select(int(feature) for feature in indicator.features_)


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.SimpleImputer": _simple,
    "sklearn.MissingIndicator": _indicator,
}
SCORES: "dict[str, Score]" = {}
