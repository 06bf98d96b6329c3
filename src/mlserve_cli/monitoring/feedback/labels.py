"""Labels that have come for predictions: checked, and kept beside what was predicted."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from mlserve_cli.errors import SignatureError
from mlserve_cli.monitoring.feedback.database import (
    Described,
    decode_described,
    open_to_write,
    transaction,
)
from mlserve_cli.monitoring.judged import label_text
from mlserve_cli.signature import Task

# Classes that an error lists, and characters of a label that it repeats.
_SHOWN_CLASSES = 10
_SHOWN_CHARACTERS = 60
# Beyond these, whole numbers are not exact any more, and squares of errors end at infinity.
_LARGEST = 1e150


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was true for one predicted row.

    Attributes:
        request_id: What the request was called, in its `X-Request-Id`.
        label: The true class or value.
        row: Which row of the request, from 1 on; needed where it had several.
        model: NAME or NAME/VERSION; needed where several models were asked under one id and the
            label is not about all of them.
    """

    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    label: str | int | float | bool
    row: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    model: Annotated[str, msgspec.Meta(max_length=256)] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of labels.

    Attributes:
        taken: Labels that were about a known prediction.
        replaced: Those of them that came for a prediction which had a label already.
        unknown: Positions of the labels for which there is no prediction.
    """

    taken: int
    replaced: int
    unknown: tuple[int, ...]


class _Found(NamedTuple):
    """A prediction that a label is about."""

    request_id: str
    row: int
    model: int
    predicted: str | float
    probabilities: bytes | None
    time: float
    is_labelled: bool


_FIND = """
    SELECT request_id, row, model, predicted, probabilities, time, {flag} FROM {table}
    WHERE request_id = ?{row} ORDER BY row DESC LIMIT {most}
"""
# Models that were asked under one id. The last rows come first, so that one is enough to see that
# there were several.
_MOST_MODELS = 64


def take_labels(
    folder: Path, labels: "Sequence[Feedback]", now: Callable[[], float] = time.time
) -> Taken:
    """Keeps labels beside the predictions that they are about; a later label replaces one.

    All are checked before the first is kept.

    Args:
        folder: Of the records.
        labels: What was true.
        now: Gives the seconds since 1970.

    Raises:
        SignatureError: One does not fit its model, or does not say which row it is about; `row` is
            its position, from 1 on.
        OSError: The folder cannot be made.
        sqlite3.Error: The file cannot be used.
    """
    with contextlib.closing(open_to_write(folder)) as database:
        models = _Models(database)
        known: list[tuple[_Found, str | float]] = []
        unknown = []
        for position, label in enumerate(labels):
            found = _find(database, models, label, position)
            known += [(one, models.truth(one.model, label, position)) for one in found]
            if not found:
                unknown.append(position)
        replaced = _keep(database, known, now())
        return Taken(len(labels) - len(unknown), replaced, tuple(unknown))


def _find(
    database: sqlite3.Connection, models: "_Models", label: Feedback, position: int
) -> list[_Found]:
    """The predictions that a label is about: one row, of each model that was asked."""
    rows: dict[tuple[int, int], _Found] = {}
    asked = (label.request_id,) if label.row is None else (label.request_id, label.row)
    # A prediction that waits is newer than one with a label.
    for table, flag in (("labelled", 1), ("waiting", 0)):
        row = "" if label.row is None else " AND row = ?"
        query = _FIND.format(table=table, flag=flag, most=_MOST_MODELS, row=row)
        for values in database.execute(query, asked):
            found = _Found._make(values)
            if models.is_meant(found.model, label.model):
                rows[found.model, found.row] = found
    if label.row is None and any(row > 1 for _, row in rows):
        raise SignatureError(
            f"The request {label.request_id} had several rows.",
            row=position + 1,
            column="row",
            hint='Say which one, from 1 on: {"request_id": .., "row": 1, "label": ..}',
        )
    return [found for found in rows.values() if found.row == (label.row or 1)]


def _keep(
    database: sqlite3.Connection, known: "Iterable[tuple[_Found, str | float]]", now: float
) -> int:
    """Writes labels; gives how many came for the second time."""
    replaced, seen = 0, set()
    with transaction(database):
        for found, truth in known:
            key = (found.request_id, found.row, found.model)
            replaced += found.is_labelled or key in seen
            seen.add(key)
            database.execute(
                "REPLACE INTO labelled (request_id, row, model, predicted, probabilities, time, "
                "truth, labelled) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*found[:-1], truth, now),
            )
            database.execute("DELETE FROM waiting WHERE (request_id, row, model) = (?, ?, ?)", key)
    return replaced


class _Models:
    """The models of a file by their number."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._names: dict[int, str] = {}
        self._described: dict[int, Described] = {}
        self._classes: dict[int, frozenset[str]] = {}
        for number, name, version, described in database.execute("SELECT * FROM models"):
            self._names[number] = f"{name}/{version}"
            self._described[number] = decode_described(described)

    def is_meant(self, number: int, wanted: str | None) -> bool:
        """Whether a model is NAME or NAME/VERSION."""
        name = self._names.get(number)
        return name is not None and (wanted is None or wanted in (name, name.rpartition("/")[0]))

    def truth(self, number: int, label: Feedback, position: int) -> str | float:
        """A label as it is compared with the predictions of a model.

        Raises:
            SignatureError: The model knows no such label.
        """
        described, name = self._described[number], self._names[number]
        match described.task:
            case Task.CLASSIFICATION if described.outputs == 1:
                return self._class(number, label, position)
            case Task.REGRESSION if described.outputs == 1:
                return _number(name, label, position)
        what = described.task if described.outputs == 1 else f"{described.outputs} values a row"
        raise SignatureError(
            f"{name} predicts {what}, for which no label is taken.", row=position + 1
        )

    def _class(self, number: int, label: Feedback, position: int) -> str:
        classes = self._classes.get(number)
        if classes is None:
            classes = frozenset(map(label_text, self._described[number].classes))
            self._classes[number] = classes
        text = label_text(label.label)
        # Nothing says which classes some estimators know.
        if classes and text not in classes:
            listed = sorted(classes)
            more = ", ..." if len(listed) > _SHOWN_CLASSES else ""
            raise SignatureError(
                f"Found the label {_shown(label)} for {self._names[number]}, expected one of "
                f"{', '.join(listed[:_SHOWN_CLASSES])}{more}.",
                row=position + 1,
                column="label",
            )
        return text


def _number(name: str, label: Feedback, position: int) -> float:
    value = label.label
    # JSON has no NaN, and what it writes as a truth value is none either.
    if isinstance(value, str | bool) or abs(value) > _LARGEST:
        raise SignatureError(
            f"Found the label {_shown(label)} for {name}, expected a number.",
            row=position + 1,
            column="label",
        )
    return float(value)


def _shown(label: Feedback) -> str:
    text = repr(label.label)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
