"""Rows of truth and rows of predictions, brought together by a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.monitoring.judged import label_text

if TYPE_CHECKING:
    import pandas as pd

REQUEST_ID, ROW = "request_id", "row"
# Columns of our own; no file has such names.
TRUTH, TIME = "\0truth", "\0time"


@dataclass(frozen=True, slots=True)
class Truth:
    """A file that says what was true.

    Attributes:
        path: The file.
        on: Column that says which prediction a row is about; None for `request_id`, or for the only
            column that both files have. With `request_id`, `row` counts too where the file has it.
        target: Column with the truth; None for the one that the model was saved with, or for the
            only column that the predictions lack.
    """

    path: str | Path
    on: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions with their truth.

    Attributes:
        frame: Columns of the predictions, and `TRUTH`.
        unmatched: Rows of the truth for which there is no prediction.
    """

    frame: "pd.DataFrame"
    unmatched: int


def join_truth(
    truth: Truth, known: "pd.DataFrame", predictions: "pd.DataFrame", target: str | None
) -> Joined:
    """Predictions whose truth is known. Of several with one key the last one counts.

    Args:
        truth: Which columns are meant.
        known: The file with the truth.
        predictions: The predictions, oldest first.
        target: Column with the truth, as the model was saved with it.

    Raises:
        UsageError: It is not clear which columns are meant, or they are absent.
        InputError: A key has several truths, or stands for several rows of a request.
    """
    wanted = truth.target or (target if target in known.columns else None)
    keys = _keys(truth, known, predictions, wanted)
    wanted = wanted or _target(truth, known, predictions, keys)
    _check_column(wanted, known, truth, "--target")
    asked = known[[*keys, wanted]].rename(columns={wanted: TRUTH}).dropna()
    asked = _with_text_keys(asked, keys)
    found = _with_text_keys(predictions.dropna(subset=keys), keys)
    _refuse_repeated(truth, asked, keys)
    if keys == [REQUEST_ID] and ROW in found.columns:
        _refuse_several_rows(truth, found[found[REQUEST_ID].isin(asked[REQUEST_ID])])
    latest = found.drop_duplicates(keys, keep="last")
    joined = latest.merge(asked, on=keys, how="inner")
    return Joined(joined, len(asked) - len(joined))


def _keys(
    truth: Truth, known: "pd.DataFrame", predictions: "pd.DataFrame", target: str | None
) -> list[str]:
    if truth.on is not None:
        for frame in (known, predictions):
            _check_column(truth.on, frame, truth, "--on", is_truth=frame is known)
        keys = [truth.on]
    else:
        shared = [c for c in known.columns if c in predictions.columns and c != target]
        keys = [REQUEST_ID] if REQUEST_ID in shared else shared
        if len(keys) != 1:
            found = ", ".join(map(str, shared)) or "none"
            raise UsageError(
                f"It is not clear how the rows of {truth.path} belong to the predictions; the "
                f"columns of both are: {found}.",
                hint="Name the column that tells the rows apart: --on COLUMN",
            )
    has_rows = keys == [REQUEST_ID] and ROW in known.columns and ROW in predictions.columns
    return [*keys, ROW] if has_rows else keys


def _target(
    truth: Truth, known: "pd.DataFrame", predictions: "pd.DataFrame", keys: Sequence[str]
) -> str:
    others = [str(column) for column in known.columns if column not in keys]
    own = [column for column in others if column not in predictions.columns]
    for choice in (own, others):
        if len(choice) == 1:
            return choice[0]
    listed = ", ".join(others) or "none"
    raise UsageError(
        f"It is not clear which column of {truth.path} is the truth: {listed}.",
        hint="Name it: --target COLUMN",
    )


def _check_column(
    name: str, frame: "pd.DataFrame", truth: Truth, option: str, *, is_truth: bool = True
) -> None:
    if name not in frame.columns:
        place = str(truth.path) if is_truth else "The predictions"
        listed = ", ".join(str(column) for column in frame.columns if "\0" not in str(column))
        raise UsageError(
            f"{place}: there is no column {name!r}; the columns are: {listed}.",
            hint=f"Name another one: {option} COLUMN",
        )


def _with_text_keys(frame: "pd.DataFrame", keys: Sequence[str]) -> "pd.DataFrame":
    """Keys as texts: 7, 7.0 and "7" are the same key."""
    return frame.assign(**{key: frame[key].map(label_text) for key in keys})


def _refuse_repeated(truth: Truth, asked: "pd.DataFrame", keys: Sequence[str]) -> None:
    repeated = asked[asked.duplicated(list(keys))]
    if len(repeated):
        shown = ", ".join(f"{key} {repeated.iloc[0][key]}" for key in keys)
        raise InputError(
            f"{truth.path} says more than once what was true for {shown}.",
            hint="Where a request has several rows, number them from 1 on in a column 'row'.",
        )


def _refuse_several_rows(truth: Truth, found: "pd.DataFrame") -> None:
    several = found[found[ROW] > 1]
    if len(several):
        raise InputError(
            f"The request {several.iloc[0][REQUEST_ID]} has several rows; {truth.path} does not "
            "say which one is meant.",
            hint="Number the rows of each request from 1 on in a column 'row'.",
        )
