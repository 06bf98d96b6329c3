"""Whether a model takes missing and infinite values, found out by trying.

The estimators' own tags are no help here: a pipeline does not report what its steps let through.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import MlserveError
from mlserve_cli.signature import Column, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch, Predictor

# Trial calls that settle every column of a model of half as many; of a wider one, what they settle
# stands for the rest where it is all the same.
_TRIALS = 128


def with_acceptance(predictor: "Predictor", batch: "Batch") -> Signature:
    """The predictor's signature with `missing` and `infinite` filled in for every column.

    Args:
        predictor: Scores the trials.
        batch: Rows that it is known to take; the first one is varied.
    """
    signature = predictor.signature
    row = _first_row(batch)
    numbers = [column.name for column in signature.columns if column.dtype.is_number]
    missing = _accepted(predictor, row, list(signature.names), np.nan)
    infinite = _accepted(predictor, row, numbers, np.inf)
    columns = tuple(
        replace(column, missing=missing.get(column.name), infinite=infinite.get(column.name))
        for column in signature.columns
    )
    return replace(signature, columns=columns)


def _first_row(batch: "Batch") -> "Batch":
    if isinstance(batch, np.ndarray):
        return batch[:1]
    return {name: values[:1] for name, values in batch.items()}


def _accepted(
    predictor: "Predictor", row: "Batch", names: "Sequence[str]", value: float
) -> dict[str, bool]:
    """For each name that could be settled, whether the value is taken there.

    Tries all columns at once and halves what is refused. Where too many are refused to try each,
    those tried are drawn at random; if every one of them is refused, so are the others taken to be.
    """
    found: dict[str, bool] = {}
    wide = 2 * len(names) > _TRIALS
    order = np.random.default_rng(0).permutation(len(names)) if wide else range(len(names))
    groups = [[names[position] for position in order]] if names else []
    for _ in range(_TRIALS):
        if not groups:
            break
        group = groups.pop()
        if _takes(predictor, row, group, value):
            found.update(dict.fromkeys(group, True))
        elif len(group) == 1:
            found[group[0]] = False
        else:
            half = len(group) // 2
            groups += [group[:half], group[half:]]
    if found and not any(found.values()):
        found = dict.fromkeys(names, False) | found
    return found


def _takes(predictor: "Predictor", row: "Batch", names: "Sequence[str]", value: float) -> bool:
    try:
        predictor.predict(_with_value(row, predictor.signature, set(names), value))
    except MlserveError:
        return False
    return True


def _with_value(row: "Batch", signature: Signature, names: set[str], value: float) -> "Batch":
    if isinstance(row, np.ndarray):
        chosen = [name in names for name in signature.names]
        return np.where(chosen, value, row)
    return dict(_varied(row, signature, names, value))


def _varied(
    row: Any, signature: Signature, names: set[str], value: float
) -> "Iterator[tuple[str, NDArray[Any]]]":
    for column in signature.columns:
        yield column.name, _trial(column, value) if column.name in names else row[column.name]


def _trial(column: Column, value: float) -> "NDArray[Any]":
    if column.dtype.is_number:
        return np.array([value])
    return np.array([None], dtype=object)
