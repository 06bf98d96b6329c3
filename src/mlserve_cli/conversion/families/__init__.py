"""Converters, one file per family of estimators. Each file lists its own in two mappings."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlserve_cli.conversion.families import (
    boosted_trees,
    calibration,
    catboost_trees,
    clusters,
    columns,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant,
    dummies,
    encoders,
    functions,
    gaussian_process,
    imputers,
    iterative,
    kernels,
    lightgbm_trees,
    linear,
    mixtures,
    multiclass,
    multioutput,
    naive_bayes,
    nearest_centroid,
    nearest_imputer,
    neighbours,
    neural,
    pipelines,
    scalers,
    smooth,
    svm,
    targets,
    text,
    trees,
    voting,
    voting_trees,
    xgboost_trees,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlserve_cli.conversion.translator import Score, Transform

_FAMILIES = (
    boosted_trees,
    calibration,
    catboost_trees,
    clusters,
    columns,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant,
    dummies,
    encoders,
    functions,
    gaussian_process,
    imputers,
    lightgbm_trees,
    iterative,
    kernels,
    linear,
    mixtures,
    multiclass,
    multioutput,
    naive_bayes,
    nearest_centroid,
    nearest_imputer,
    neighbours,
    neural,
    pipelines,
    scalers,
    smooth,
    svm,
    targets,
    text,
    trees,
    voting,
    voting_trees,
    xgboost_trees,
)

TRANSFORMS: "Mapping[str, Transform]" = MappingProxyType(
    {name: converter for family in _FAMILIES for name, converter in family.TRANSFORMS.items()}
)
SCORES: "Mapping[str, Score]" = MappingProxyType(
    {name: converter for family in _FAMILIES for name, converter in family.SCORES.items()}
)
