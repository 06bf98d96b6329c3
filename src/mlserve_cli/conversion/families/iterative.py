"""Imputation of each column by a regression on the others, in rounds."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.imputers import missing_mask
from mlserve_cli.conversion.families.scalers import clip
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _iterative(translator: "Translator", imputer: Any, table: Table) -> Table:
    if imputer.sample_posterior:
        raise translator.unsupported("IterativeImputer draws random values (sample_posterior).")
    initial = translator.transform(imputer.initial_imputer_, table)
    filled = _in_rounds(translator, imputer, table, initial)
    if imputer.add_indicator:
        return Table.concatenate([filled, translator.transform(imputer.indicator_, table)])
    return filled


def _in_rounds(translator: "Translator", imputer: Any, table: Table, initial: Table) -> Table:
    if imputer.n_iter_ == 0:
        return initial
    start = initial.real()
    columns = [start.columns(position, position + 1) for position in range(initial.width)]
    empty = np.asarray(imputer._is_empty_feature)
    kept = np.flatnonzero(~empty | imputer.keep_empty_features)
    mask = missing_mask(table.real().gather(kept, axis=1), imputer.missing_values)
    if empty[kept].any():
        # Columns that had no value at all keep what the first imputation gives them.
        mask = mask & translator.graph.constant(~empty[kept][None, :], Kind.BOOL)
    missing = [mask.gather([position], axis=1) for position in range(len(kept))]
    lowest, highest = imputer._min_value, imputer._max_value
    for step, (feature, neighbours, estimator) in enumerate(imputer.imputation_sequence_):
        others = translator.graph.concatenate([columns[position] for position in neighbours])
        with translator.step(f"imputation {step}"):
            values = translator.score(estimator, Table.of(others, len(neighbours))).labels
        values = clip(values, lowest[feature], highest[feature])
        columns[feature] = missing[feature].where(values, columns[feature])
    # A batch without any value at all stays with the first imputation.
    nothing = mask.cast(Kind.REAL).reduce("Min", 1).reduce("Min", 0) > 0.0
    return Table.of(nothing.where(start, translator.graph.concatenate(columns)), initial.width)


TRANSFORMS: "dict[str, Transform]" = {"sklearn.IterativeImputer": _iterative}
SCORES: "dict[str, Score]" = {}
