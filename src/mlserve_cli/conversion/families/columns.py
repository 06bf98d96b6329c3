"""Steps that choose columns: ColumnTransformer and feature selection."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.pipelines import is_nothing, weighted
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _column_transformer(translator: "Translator", transformer: Any, table: Table) -> Table:
    weights = transformer.transformer_weights or {}
    positions = transformer._transformer_to_input_indices
    parts = []
    for name, step, _ in transformer.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        part = table.select([int(position) for position in positions[name]])
        if not part.blocks:
            continue
        if not is_nothing(step):
            with translator.step(name):
                part = translator.transform(step, part)
        parts.append(weighted(part, weights.get(name)))
    return Table.concatenate(parts)


def _selector(_: "Translator", selector: Any, table: Table) -> Table:
    return table.select(int(position) for position in np.flatnonzero(selector.get_support()))


_SELECTORS = (
    "GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel",
    "SelectFwe", "SelectKBest", "SelectPercentile", "SequentialFeatureSelector",
    "VarianceThreshold",
)  # fmt: skip

TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.ColumnTransformer": _column_transformer,
    **{f"sklearn.{name}": _selector for name in _SELECTORS},
}
SCORES: "dict[str, Score]" = {}
