"""How `mlserve batch-predict` has its work done: here or on a cluster, with progress."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.cli.output import stderr
from mlserve_cli.cli.stopping import stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as ProgressBar

    from mlserve_cli.batch import BatchOptions, BatchReport, Progress
    from mlserve_cli.inference.predictor import Engine, Predictor

    # Scores IN to OUT, with options, and tells how far it is.
    Predict = Callable[[str, str, BatchOptions, Callable[[Progress], None]], BatchReport]


def local(source: str, predictor: "Predictor") -> "Predict":
    """Scores on this machine.

    Args:
        source: What is read.
        predictor: The model.
    """
    from mlserve_cli.batch import is_many, predict_file, predict_folder

    predict = predict_folder if is_many(source) else predict_file
    return lambda source, destination, options, tell: predict(
        source, destination, predictor, options, progress=tell
    )


def on_cluster(
    address: str, model: str | None, engine: "Engine", models: Path, trust: list[str] | tuple[()]
) -> "Predict":
    """Scores on a Dask cluster.

    Args:
        address: Of its scheduler, or `local` for one of this machine.
        model: Name or file of the model; None for the only one.
        engine: What scores.
        models: The model repository.
        trust: Types that may be loaded beside those that are safe.
    """
    from mlserve_cli.batch.cluster import ClusterOptions, predict_on_cluster, ship_model

    shipment = ship_model(model, engine=engine, models=models, trust=trust)
    cluster = ClusterOptions(None if address == "local" else address)
    return lambda source, destination, options, tell: predict_on_cluster(
        source, destination, shipment, options, cluster, progress=tell
    )


def predict_with_progress(
    predict: "Predict", source: str, destination: str, options: "BatchOptions"
) -> "BatchReport":
    """Scores, shows how far it is where somebody looks, and stops in order where that is asked.

    Args:
        predict: Scores, see `local` and `on_cluster`.
        source: What is read.
        destination: Where the result goes.
        options: What is asked for.
    """
    from mlserve_cli.batch import is_many
    from mlserve_cli.tables.remote import is_remote

    # Only what can be continued is worth stopping in order.
    resumable = (
        destination != "-"
        and not is_remote(destination)
        and (is_remote(source) or is_many(source) or Path(source).is_file())
    )
    with stopping() if resumable else nullcontext(lambda: None) as stop_if_asked:
        if not sys.stderr.isatty():
            return predict(source, destination, options, lambda _: stop_if_asked())
        with _progress_bar() as bar:
            task = bar.add_task("score", total=None, rows=0)

            def show(now: "Progress") -> None:
                bar.update(task, completed=now.bytes_read, total=now.total_bytes, rows=now.rows)
                stop_if_asked()

            return predict(source, destination, options, show)


def _progress_bar() -> "ProgressBar":
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as ProgressBar

    return ProgressBar(
        TextColumn("Scoring"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=stderr(),
        transient=True,
    )
