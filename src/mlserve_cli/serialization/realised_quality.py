"""How good predictions were, from records or a scored file, and truth that arrives later."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import InputError, ModelNotFoundError, UsageError
from mlserve_cli.monitoring.judged import Judged
from mlserve_cli.monitoring.quality_report import QualityReport, quality_report
from mlserve_cli.monitoring.records.reading import RecordFile, record_files
from mlserve_cli.serialization.repository import ModelRepository
from mlserve_cli.serialization.truth_join import REQUEST_ID, ROW, TIME, TRUTH, Truth, join_truth
from mlserve_cli.signature import Task
from mlserve_cli.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from mlserve_cli.serialization.manifest import Manifest

_PREDICTION, _PROBABILITY = "prediction", "probability_"
# Whole numbers with more distinct values than this are quantities, not classes.
_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class _Predictions:
    """Rows of predictions, and what is known of the model that made them."""

    frame: "pd.DataFrame"
    output: str
    probabilities: Sequence[str]
    classes: Sequence[Any]
    task: Task | None
    model: str = ""
    version: int = 0


def quality_of_records(
    truth: Truth, records: str | Path, *, model: str | None = None, models: str | Path = "models"
) -> list[QualityReport]:
    """How good the recorded predictions were: a report for each version of each model.

    Args:
        truth: What was true.
        records: Folder of records.
        model: NAME or NAME/VERSION of a model; None for all.
        models: Folder of the model repository, which has the figures at save.

    Raises:
        InputError: A file cannot be read, or no prediction has a known truth.
        UsageError: It is not clear which columns are meant, or the model has no truth.
    """
    name, version = _named(model)
    by_version: dict[tuple[str, int], list[RecordFile]] = {}
    for file in record_files(records, name):
        if version in {None, file.roles.version}:
            by_version.setdefault((file.roles.model, file.roles.version), []).append(file)
    if not by_version:
        raise InputError(
            f"There are no records of {model or 'any model'} in {records}.",
            hint="A server keeps them: mlserve serve. Name its folder: --records DIR",
        )
    known = read_table(truth.path)
    judged = [
        _judged(truth, known, _recorded(files), _manifest(models, *key))
        for key, files in sorted(by_version.items())
    ]
    return _reports(judged, truth, str(records))


def quality_of_file(
    truth: Truth,
    predictions: str | Path,
    *,
    model: str | None = None,
    models: str | Path = "models",
) -> list[QualityReport]:
    """How good the predictions in a file were: one report.

    Args:
        truth: What was true.
        predictions: A file as `mlserve batch-predict` writes it.
        model: NAME or NAME/VERSION of the model that made them; None where it is not known. Then
            whole numbers of at most 20 values are taken for classes.
        models: Folder of the model repository, which has the figures at save.

    Raises:
        InputError: A file cannot be read, or no prediction has a known truth.
        ModelNotFoundError: There is no such model.
        UsageError: It is not clear which columns are meant, or the model has no truth.
    """
    name, version = _named(model)
    manifest = None if name is None else ModelRepository(models).get(name, version).manifest
    found = _scored(read_table(predictions), str(predictions), manifest)
    judged = _judged(truth, read_table(truth.path), found, manifest)
    return _reports([judged], truth, str(predictions))


def _reports(judged: Sequence[Judged], truth: Truth, source: str) -> list[QualityReport]:
    found = [one for one in judged if len(one.truth)]
    if not found:
        raise InputError(
            f"No row of {truth.path} is about a prediction in {source}.",
            hint="Do both write the keys the same way? Another one: --on COLUMN",
        )
    return [quality_report(one) for one in found]


def _named(model: str | None) -> tuple[str | None, int | None]:
    name, _, version = (model or "").partition("/")
    if version and not version.isdecimal():
        raise UsageError(f"{model!r} is no model: expected NAME or NAME/VERSION.")
    return name or None, int(version) if version else None


def _manifest(models: str | Path, name: str, version: int) -> "Manifest | None":
    try:
        return ModelRepository(models).get(name, version).manifest
    except ModelNotFoundError:
        # It was a file, or is gone.
        return None


def _recorded(files: Sequence[RecordFile]) -> _Predictions:
    """Records of one version as a table, oldest first, with `request_id` and `row` as keys."""
    import pandas as pd

    parts = []
    for file in files:
        context = file.roles.context
        own = {context["request_id"]: REQUEST_ID, context["row"]: ROW, context["time"]: TIME}
        part = file.read().to_pandas()
        # An input may have the name of a key.
        hidden = [name for name in (REQUEST_ID, ROW) if name in part.columns]
        parts.append(part.drop(columns=hidden).rename(columns=own))
    frame = pd.concat(parts, ignore_index=True).sort_values(TIME, kind="stable")
    roles = files[-1].roles
    if len(roles.outputs) != 1:
        raise UsageError(f"{roles.model} predicts {len(roles.outputs)} values; one can be judged.")
    classes = roles.signature.classes or ()
    task = roles.signature.task
    output, probabilities = roles.outputs[0], roles.probabilities
    return _Predictions(frame, output, probabilities, classes, task, roles.model, roles.version)


def _scored(frame: "pd.DataFrame", name: str, manifest: "Manifest | None") -> _Predictions:
    columns = [str(column) for column in frame.columns]
    output, task = _PREDICTION, None
    classes: Sequence[Any] = [
        column.removeprefix(_PROBABILITY) for column in columns if column.startswith(_PROBABILITY)
    ]
    if manifest is not None:
        signature = manifest.signature
        output, task, classes = signature.outputs[0], signature.task, signature.classes or ()
    if output not in columns:
        raise InputError(
            f"{name} has no column {output!r}; it has {', '.join(columns)}.",
            hint="Score it first: mlserve batch-predict INPUT OUTPUT --output both",
        )
    probabilities = [f"{_PROBABILITY}{label}" for label in classes]
    if not set(probabilities) <= set(columns):
        probabilities = []
    known = (manifest.name, manifest.version) if manifest else ("", 0)
    return _Predictions(frame, output, probabilities, classes, task, *known)


def _judged(
    truth: Truth, known: "pd.DataFrame", found: _Predictions, manifest: "Manifest | None"
) -> Judged:
    import pandas as pd

    predicted = found.frame.dropna(subset=[found.output])
    joined = join_truth(truth, known, predicted, manifest.target if manifest else None)
    frame = joined.frame
    task = found.task or _guessed_task(frame, found)
    if task not in (Task.CLASSIFICATION, Task.REGRESSION):
        raise UsageError(f"The task of {found.model} is {task}, which knows no truth.")
    times = None
    if TIME in frame.columns:
        since = frame[TIME] - pd.Timestamp(0, tz="UTC")
        times = np.array(since.dt.total_seconds(), np.float64)
    probabilities = frame[list(found.probabilities)].to_numpy(np.float64)
    has_all = probabilities.size > 0 and not np.isnan(probabilities).any()
    return Judged(
        task,
        frame[TRUTH].tolist(),
        frame[found.output].tolist(),
        probabilities if has_all and task is Task.CLASSIFICATION else None,
        found.classes,
        times,
        found.model,
        found.version,
        manifest.metrics if manifest else {},
        joined.unmatched,
    )


def _guessed_task(frame: "pd.DataFrame", found: _Predictions) -> Task:
    if found.probabilities:
        return Task.CLASSIFICATION
    for values in (frame[TRUTH], frame[found.output]):
        if values.dtype.kind not in "iuf":
            return Task.CLASSIFICATION
        if (values % 1 != 0).any() or values.nunique() > _MOST_CLASSES:
            return Task.REGRESSION
    return Task.CLASSIFICATION
