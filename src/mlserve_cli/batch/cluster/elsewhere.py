"""Files in a store, scored on a cluster: each is a task, and its worker reads and writes it."""

from mlserve_cli.batch.cluster.running import ClusterRun
from mlserve_cli.batch.cluster.tasks import RemoteTask
from mlserve_cli.batch.finding import (
    TableFile,
    check_remote_destination,
    find_remote_tables,
    find_tables,
    is_many,
)
from mlserve_cli.batch.options import BatchOptions, BatchReport
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.errors import UsageError
from mlserve_cli.tables.remote import is_remote, joined
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.source import Source


def predict_elsewhere(
    source: str, destination: str, run: ClusterRun, options: BatchOptions
) -> BatchReport:
    """Scores one file, a folder or a pattern into a store.

    Each result is there whole or not at all, and a task that runs again writes the same one. A file
    is not cut.

    Args:
        source: A URI, or a path that all workers have.
        destination: The URI of a file, or of a folder for several.
        run: The cluster and the model.
        options: What to add and how to read.

    Raises:
        UsageError: The results cannot go there.
        MlserveError: As `predict_file` and `predict_folder`; files that are finished stay.
    """
    shown = shown_uri(source), shown_uri(destination)
    if not is_remote(destination):
        raise UsageError(
            f"Workers read {shown[0]} from its store and would write {destination} to their own "
            "disks.",
            hint="Name a place in a store as OUT, or leave out --dask.",
        )
    if options.resume:
        raise UsageError(
            f"{shown[1]} does not tell what is finished, so nothing can be continued there.",
            hint="Leave out --resume.",
        )
    predictor = run.shipment.load()
    if is_many(source):
        files = _found(source, options)
        check_remote_destination(files, destination)
        tasks = [
            RemoteTask(each.place, joined(destination, each.name), each.size_bytes, options)
            for each in files
        ]
        errors = f"{shown[1].rstrip('/')}/*{ERRORS_SUFFIX}"
    else:
        with Source(source, format_=options.input_format) as stream:
            size = stream.size_bytes or 0
        tasks = [RemoteTask(source, destination, size, options)]
        errors = f"{shown[1]}{ERRORS_SUFFIX}"
    rows, skipped = _scored(tasks, source, run)
    return BatchReport(
        rows=rows,
        skipped=skipped,
        resumed_rows=0,
        seconds=0.0,
        rows_per_second=0.0,
        engine=predictor.engine.value,
        source=shown[0],
        destination=shown[1],
        errors=errors if skipped else None,
    )


def _found(source: str, options: BatchOptions) -> list[TableFile]:
    if is_remote(source):
        return find_remote_tables(source, options)
    return [
        TableFile(str(path.absolute()), name, path.stat().st_size)
        for path, name in find_tables(source, options)
    ]


def _scored(tasks: list[RemoteTask], source: str, run: ClusterRun) -> tuple[int, int]:
    """Rows that were scored, and rows that could not be."""
    run.total_bytes = sum(task.size_bytes for task in tasks)
    run.on_loss = "Files that are finished stay; the same command scores all of them again."
    rows = skipped = 0
    with run:
        for ended in run.ended(tasks):
            outcome = ended.outcome
            if outcome.failure is not None:
                raise outcome.failure.located(source, 0, 0)
            rows, skipped = rows + outcome.rows, skipped + outcome.skipped
    return rows, skipped
