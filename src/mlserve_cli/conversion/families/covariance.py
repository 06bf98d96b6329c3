"""Outliers by their distance from a robust center."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.families.linear import outliers

if TYPE_CHECKING:
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Scores, Transform, Translator


def _envelope(_: "Translator", model: Any, table: "Table") -> "Scores":
    difference = table.real() - model.location_
    distance = ((difference @ model.get_precision()) * difference).row_sum(table.width)
    return outliers(-distance - float(model.offset_))


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {"sklearn.EllipticEnvelope": _envelope}
