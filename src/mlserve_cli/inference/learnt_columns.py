"""What a fitted estimator remembers of the columns it was fitted on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlserve_cli.signature import Column, DType


def learnt_columns(estimator: Any) -> tuple[Column, ...] | None:
    """Names and dtypes of the columns an estimator was fitted on, or None without names.

    Columns that an encoder has seen take the type of its categories; all others count as numbers.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return None
    dtypes = {name: dtype for part in _walk(estimator) for name, dtype in _column_dtypes(part)}
    return tuple(Column(str(name), dtypes.get(name, DType.FLOAT64)) for name in names)


def _walk(estimator: Any) -> Iterator[Any]:
    """The estimators that see the input columns themselves, and not what others made of them."""
    yield estimator
    for attribute in ("best_estimator_", "estimator_", "regressor_", "_preprocessor"):
        inner = getattr(estimator, attribute, None)
        if inner is not None:
            yield from _walk(inner)
    steps = getattr(estimator, "steps", None)
    if steps:
        yield from _walk(steps[0][1])
    for attribute in ("estimators_", "calibrated_classifiers_"):
        members = getattr(estimator, attribute, None)
        if isinstance(members, list) and members:
            first = members[0]
            yield from _walk(getattr(first, "estimator", first))
    for _, transformer in getattr(estimator, "transformer_list", ()):
        yield from _walk(transformer)


def _column_dtypes(estimator: Any) -> Iterator[tuple[str, DType]]:
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return
    for _, transformer, selected in getattr(estimator, "transformers_", ()):
        yield from _encoded(transformer, _selection(names, selected))
    yield from _encoded(estimator, list(names))


def _selection(names: Any, selected: Any) -> list[str]:
    if isinstance(selected, str):
        return [selected]
    if isinstance(selected, slice) and isinstance(selected.start or selected.stop, str):
        return []
    chosen = np.asarray(selected if not isinstance(selected, slice) else names[selected])
    return [str(name) for name in (chosen if chosen.dtype.kind in "OU" else names[chosen])]


def _encoded(transformer: Any, names: list[str]) -> Iterator[tuple[str, DType]]:
    steps = getattr(transformer, "steps", None)
    for step in [step for _, step in steps] if steps else [transformer]:
        learnt = getattr(step, "categories_", None)
        if learnt is None:
            learnt = getattr(step, "statistics_", None)
            learnt = None if learnt is None else [np.asarray([value]) for value in learnt]
        if hasattr(step, "build_analyzer") and len(names) == 1:
            yield names[0], DType.STRING
        if learnt is not None and len(learnt) == len(names):
            yield from zip(names, map(_dtype_of, learnt), strict=True)
            return


def _dtype_of(categories: Any) -> DType:
    values = np.asarray(categories)
    if values.dtype.kind == "b":
        return DType.BOOL
    if values.dtype.kind in "iuf":
        return DType.FLOAT64
    known = [value for value in values.tolist() if isinstance(value, str | bool | int | float)]
    if known and all(isinstance(value, bool) for value in known):
        return DType.BOOL
    return DType.STRING if any(isinstance(value, str) for value in known) else DType.FLOAT64
