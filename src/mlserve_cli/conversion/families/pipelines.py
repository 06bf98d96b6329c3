"""Pipelines, feature unions and wrappers that only pass on what a fitted estimator says."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.translator import Score, Scores, Transform, Translator


def is_nothing(step: Any) -> bool:
    """Whether a step passes its input on as it is."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def _through(translator: "Translator", steps: "list[tuple[str, Any]]", table: Table) -> Table:
    for name, step in steps:
        if not is_nothing(step):
            with translator.step(name):
                table = translator.transform(step, table)
    return table


def _pipeline_transform(translator: "Translator", pipeline: Any, table: Table) -> Table:
    return _through(translator, pipeline.steps, table)


def _pipeline_score(translator: "Translator", pipeline: Any, table: Table) -> "Scores":
    table = _through(translator, pipeline.steps[:-1], table)
    name, last = pipeline.steps[-1]
    with translator.step(name):
        return translator.score(last, table)


def _union(translator: "Translator", union: Any, table: Table) -> Table:
    weights = union.transformer_weights or {}
    parts = []
    for name, step in union.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        with translator.step(name):
            part = table if is_nothing(step) else translator.transform(step, table)
        parts.append(weighted(part, weights.get(name)))
    return Table.concatenate(parts)


def weighted(table: Table, weight: float | None) -> Table:
    """The columns multiplied by a weight, if there is one."""
    return table if weight is None else Table.of(table.real() * float(weight), table.width)


def _best_score(translator: "Translator", search: Any, table: Table) -> "Scores":
    return translator.score(search.best_estimator_, table)


def _best_transform(translator: "Translator", search: Any, table: Table) -> Table:
    return translator.transform(search.best_estimator_, table)


def _frozen_score(translator: "Translator", frozen: Any, table: Table) -> "Scores":
    return translator.score(frozen.estimator, table)


def _frozen_transform(translator: "Translator", frozen: Any, table: Table) -> Table:
    return translator.transform(frozen.estimator, table)


_SEARCHES = ("GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV")

TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.Pipeline": _pipeline_transform,
    "sklearn.FeatureUnion": _union,
    "sklearn.FrozenEstimator": _frozen_transform,
    **{f"sklearn.{name}": _best_transform for name in _SEARCHES},
}
SCORES: "dict[str, Score]" = {
    "sklearn.Pipeline": _pipeline_score,
    "sklearn.FrozenEstimator": _frozen_score,
    **{f"sklearn.{name}": _best_score for name in _SEARCHES},
}
