"""Many files on a cluster: each is a task."""

import dataclasses
import os
from pathlib import Path

from mlserve_cli.batch.checkpoint import CheckpointFile, Job, describe_job
from mlserve_cli.batch.cluster.attempts import attempts_folder
from mlserve_cli.batch.cluster.running import ClusterRun
from mlserve_cli.batch.cluster.tasks import FileTask
from mlserve_cli.batch.finding import check_destination, find_tables
from mlserve_cli.batch.folder import Finished, FinishedFiles
from mlserve_cli.batch.options import BatchOptions, BatchReport
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.tables.sink import hidden_name
from mlserve_cli.tables.source import Source


def predict_files(
    source: str, destination: Path, run: ClusterRun, options: BatchOptions
) -> BatchReport:
    """Scores every table of a folder, or every file that matches a pattern.

    Args:
        source: The folder or pattern.
        destination: The folder to write to.
        run: The cluster and the model.
        options: What to add and how to read.

    Raises:
        MlserveError: As `predict_folder`; what is finished stays.
    """
    files = find_tables(source, options)
    check_destination(source, destination, files)
    predictor = run.shipment.load()
    finished = FinishedFiles(destination, resume=options.resume)
    rows = skipped = resumed = 0
    todo: list[tuple[str, Job]] = []
    tasks: list[FileTask] = []
    how = dataclasses.replace(options, resume=False)
    with attempts_folder(Path(os.path.abspath(destination)), run.run) as attempts, run:  # noqa: PTH100
        for path, name in files:
            with Source(path) as stream:
                job = describe_job(stream, predictor, options)
            known = finished.find(name, job)
            if known is not None:
                rows, skipped = rows + known.rows, skipped + known.skipped
                resumed += known.rows + known.skipped
                continue
            target = attempts.parent / name
            target.parent.mkdir(parents=True, exist_ok=True)
            todo.append((name, job))
            tasks.append(FileTask(path.absolute(), target, str(path), attempts, how))
        run.total_bytes = sum(path.stat().st_size for path, _ in files)
        for ended in run.ended(tasks):
            outcome = ended.outcome
            if outcome.failure is not None:
                raise outcome.failure.located(source, 0, 0)
            name, job = todo[ended.place]
            _forget_begun(attempts.parent / name)
            finished.add(Finished(name, job, outcome.rows, outcome.skipped))
            rows, skipped = rows + outcome.rows, skipped + outcome.skipped
    finished.remove()
    return BatchReport(
        rows=rows,
        skipped=skipped,
        resumed_rows=resumed,
        seconds=0.0,
        rows_per_second=0.0,
        engine=predictor.engine.value,
        source=source,
        destination=str(destination),
        errors=f"{destination}/*{ERRORS_SUFFIX}" if skipped else None,
    )


def _forget_begun(target: Path) -> None:
    """Removes what a run on one machine has left that did not finish this file."""
    CheckpointFile(target).remove()
    for name in (target, target.with_name(f"{target.name}{ERRORS_SUFFIX}")):
        hidden_name(Path(os.path.realpath(name)), ".part").unlink(missing_ok=True)
