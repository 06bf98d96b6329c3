"""Files scored by the workers of a Dask cluster."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.batch.cluster.connection import connected
from mlserve_cli.batch.cluster.elsewhere import predict_elsewhere
from mlserve_cli.batch.cluster.files import predict_files
from mlserve_cli.batch.cluster.running import ClusterRun
from mlserve_cli.batch.cluster.split import predict_split
from mlserve_cli.batch.finding import is_many
from mlserve_cli.batch.options import BatchOptions, BatchReport, Progress
from mlserve_cli.errors import UsageError
from mlserve_cli.tables.remote import is_remote
from mlserve_cli.tables.source import STANDARD_STREAM

if TYPE_CHECKING:
    from mlserve_cli.batch.cluster.shipment import Shipment


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Where to score.

    Attributes:
        address: Of a Dask scheduler, such as `tcp://10.0.0.5:8786`; None starts a cluster of this
            machine's own: a process per core, which lives as long as the job.
        shard_bytes: About how much of one large file a task scores; None chooses.
    """

    address: str | None = None
    shard_bytes: int | None = None


def predict_on_cluster(
    source: str | Path,
    destination: str | Path,
    shipment: "Shipment",
    options: BatchOptions | None = None,
    cluster: ClusterOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> BatchReport:
    """Scores a folder, a pattern or one large file; the result is that of a local run to the byte.

    Each file of a folder or pattern is a task. One file of plain CSV or JSON Lines is cut into
    tasks; any other is one task, and so is a file whose result goes to a store. Workers read the
    input and write the output themselves, so both are URIs, or on storage that all of them see
    under the same path.

    Args:
        source: See `predict_file` and `predict_folder`; standard input is not possible.
        destination: Likewise.
        shipment: The model; see `ship_model`.
        options: What to add and how to read. With `resume` finished files and shards are not scored
            again, whatever became of the cluster that scored them.
        cluster: Where to score; None means on a cluster of this machine's own.
        progress: Called often. An InterruptedJobError that it raises stops the job, which can then
            be continued.

    Raises:
        MissingExtraError: Dask is not installed.
        EngineError: The cluster cannot be reached or is lost; what is finished is kept.
        MlserveError: As `predict_file` and `predict_folder`.
    """
    started = time.perf_counter()
    # Workers have a thread for each task already.
    options = replace(options or BatchOptions(), threads=1)
    chosen = cluster or ClusterOptions()
    if STANDARD_STREAM in (str(source), str(destination)):
        raise UsageError("Workers read and write files; - is none.", hint="Name IN and OUT.")
    with connected(chosen.address) as client:
        run = ClusterRun(client, shipment, uuid.uuid4().hex[:12], progress or (lambda _: None))
        if is_remote(source) or is_remote(destination):
            report = predict_elsewhere(str(source), str(destination), run, options)
        elif is_many(str(source)):
            report = predict_files(str(source), Path(destination), run, options)
        else:
            size = chosen.shard_bytes
            report = predict_split(str(source), str(destination), run, options, size)
    seconds = time.perf_counter() - started
    scored = report.rows + report.skipped - report.resumed_rows
    return replace(report, seconds=seconds, rows_per_second=scored / seconds)
