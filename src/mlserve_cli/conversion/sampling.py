"""Rows to verify a conversion on, made from the signature and from the model itself."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.learnt import Learnt, learn
from mlserve_cli.conversion.pullback import rows_at_thresholds
from mlserve_cli.signature import Column, DType, Layout, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch

_ROWS = 200
_MOST_THRESHOLDS = 1000
_UNKNOWN_TEXT = "a category that nobody has seen"


def generated_batches(
    estimator: Any, signature: Signature, *, rows: int = _ROWS, seed: int = 0
) -> "Iterator[Batch]":
    """Batches of one kind of rows each, so that one which the model refuses costs only its kind.

    Plain rows in the range that the model has learnt; values at, just below and just above each
    split threshold, in double and in single precision, also where the trees lie behind scalers and
    imputers; zeros; extremes; missing values and unknown categories.
    """
    random = np.random.default_rng(seed)
    learnt = learn(estimator, signature)
    plain = _plain_columns(learnt, signature, rows, random)
    yield _batch(plain, signature)
    yield from (_batch(one, signature) for one in _around_thresholds(plain, learnt, signature))
    behind = rows_at_thresholds(estimator, signature, plain, random)
    yield from (_batch(one, signature) for one in behind)
    for factor in (0.0, 1e3, -1e3):
        yield _batch(_scaled(plain, factor, signature), signature)
    yield _batch(_positive(plain, signature), signature)
    yield _batch(_with_missing(plain, signature, random), signature)
    yield _batch(_with_unknown(plain, signature, random), signature)


def plain_columns(
    estimator: Any, signature: Signature, *, rows: int = _ROWS, seed: int = 0
) -> "dict[str, NDArray[Any]]":
    """The plain rows alone, one array per column."""
    random = np.random.default_rng(seed)
    return _plain_columns(learn(estimator, signature), signature, rows, random)


def plain_rows(estimator: Any, signature: Signature) -> "Batch":
    """The plain rows alone, as the signature lays them out."""
    return _batch(plain_columns(estimator, signature), signature)


def _plain_columns(
    learnt: Learnt, signature: Signature, rows: int, random: np.random.Generator
) -> "dict[str, NDArray[Any]]":
    return {
        column.name: _plain(column, learnt, position, rows, random)
        for position, column in enumerate(signature.columns)
    }


def _plain(
    column: Column, learnt: Learnt, position: int, rows: int, random: np.random.Generator
) -> "NDArray[Any]":
    choices = column.categories or learnt.categories.get(position)
    if column.dtype is DType.BOOL:
        return random.integers(0, 2, rows).astype(bool)
    if column.dtype in (DType.STRING, DType.CATEGORICAL):
        known = [value for value in choices or ("a", "b") if value is not None]
        return np.array([known[i] for i in random.integers(0, len(known), rows)], dtype=object)
    if choices:
        values = np.array([float(value) for value in choices])[
            random.integers(0, len(choices), rows)
        ]
    else:
        low, high = learnt.ranges.get(position, (-3.0, 3.0))
        values = random.uniform(low, high, rows)
    return np.round(values).astype(np.int64) if column.dtype is DType.INT64 else values


def _around_thresholds(
    plain: "dict[str, NDArray[Any]]", learnt: Learnt, signature: Signature
) -> "Iterator[dict[str, NDArray[Any]]]":
    limit = max(1, _MOST_THRESHOLDS // max(1, len(learnt.thresholds)))
    for position, thresholds in learnt.thresholds.items():
        column = signature.columns[position]
        if column.dtype is not DType.FLOAT64:
            continue
        picked = thresholds[:: max(1, len(thresholds) // limit)]
        values = np.concatenate(list(_neighbours(picked)))
        repeated = np.resize(np.arange(len(plain[column.name])), len(values))
        rows = {name: array[repeated] for name, array in plain.items()}
        yield {**rows, column.name: values}


def _neighbours(thresholds: "NDArray[np.float64]") -> "Iterator[NDArray[np.float64]]":
    single = thresholds.astype(np.float32)
    for limit in (-np.inf, np.inf):
        yield np.nextafter(thresholds, limit)
        yield np.nextafter(single, np.float32(limit)).astype(np.float64)
        # Half-way between two numbers of single precision rounds to either.
        yield (single.astype(np.float64) + np.nextafter(single, np.float32(limit))) / 2.0
    yield thresholds
    yield single.astype(np.float64)


def _scaled(
    plain: "dict[str, NDArray[Any]]", factor: float, signature: Signature
) -> "dict[str, NDArray[Any]]":
    numbers = {column.name for column in signature.columns if column.dtype.is_number}
    return {
        name: (values[:20] * factor).astype(values.dtype) if name in numbers else values[:20]
        for name, values in plain.items()
    }


def _positive(plain: "dict[str, NDArray[Any]]", signature: Signature) -> "dict[str, NDArray[Any]]":
    # For models that take logarithms and counts.
    numbers = {column.name for column in signature.columns if column.dtype.is_number}
    return {
        name: (np.abs(values) + 1).astype(values.dtype) if name in numbers else values
        for name, values in plain.items()
    }


def _with_missing(
    plain: "dict[str, NDArray[Any]]", signature: Signature, random: np.random.Generator
) -> "dict[str, NDArray[Any]]":
    result = dict(plain)
    for column in signature.columns:
        if not column.missing:
            continue
        holes = random.random(len(plain[column.name])) < 0.3
        values: NDArray[Any]
        if column.dtype.is_number:
            values = plain[column.name].astype(np.float64)
            values[holes] = np.nan
        else:
            values = plain[column.name].astype(object)
            values[holes] = None
        result[column.name] = values
    return result


def _with_unknown(
    plain: "dict[str, NDArray[Any]]", signature: Signature, random: np.random.Generator
) -> "dict[str, NDArray[Any]]":
    result = dict(plain)
    for column in signature.columns:
        if column.dtype is DType.STRING:
            values = plain[column.name].copy()
            values[random.random(len(values)) < 0.3] = _UNKNOWN_TEXT
            values[random.random(len(values)) < 0.05] = ""
            result[column.name] = values
        elif column.dtype is DType.INT64:
            result[column.name] = plain[column.name] + random.integers(
                0, 1000, len(plain[column.name])
            )
    return result


def _batch(columns: "dict[str, NDArray[Any]]", signature: Signature) -> "Batch":
    if signature.layout is Layout.FRAME:
        return columns
    return np.column_stack([values.astype(np.float64) for values in columns.values()])
