"""Partial least squares and canonical correlation."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _predicted(_: "Translator", model: Any, table: Table) -> Scores:
    centered = table.real() - model._x_mean
    return Scores(labels=centered @ model.coef_.T + model.intercept_)


def _projected(_: "Translator", model: Any, table: Table) -> Table:
    scaled = (table.real() - model._x_mean) / model._x_std
    rotations = getattr(model, "x_rotations_", None)
    rotations = model.x_weights_ if rotations is None else rotations
    return Table.of(scaled @ rotations, rotations.shape[1])


_REGRESSORS = ("CCA", "PLSCanonical", "PLSRegression")

TRANSFORMS: "dict[str, Transform]" = {
    **{f"sklearn.{name}": _projected for name in _REGRESSORS},
    "sklearn.PLSSVD": _projected,
}
SCORES: "dict[str, Score]" = {f"sklearn.{name}": _predicted for name in _REGRESSORS}
