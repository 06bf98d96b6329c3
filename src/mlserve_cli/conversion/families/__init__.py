"""Converters, one file per family of estimators. Each file lists its own in two mappings."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlserve_cli.conversion.families import (
    boosted_trees,
    columns,
    discriminant,
    dummies,
    encoders,
    functions,
    imputers,
    linear,
    naive_bayes,
    neural,
    pipelines,
    scalers,
    svm,
    trees,
    voting_trees,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlserve_cli.conversion.translator import Score, Transform

_FAMILIES = (
    boosted_trees,
    columns,
    discriminant,
    dummies,
    encoders,
    functions,
    imputers,
    linear,
    naive_bayes,
    neural,
    pipelines,
    scalers,
    svm,
    trees,
    voting_trees,
)

TRANSFORMS: "Mapping[str, Transform]" = MappingProxyType(
    {name: converter for family in _FAMILIES for name, converter in family.TRANSFORMS.items()}
)
SCORES: "Mapping[str, Score]" = MappingProxyType(
    {name: converter for family in _FAMILIES for name, converter in family.SCORES.items()}
)
