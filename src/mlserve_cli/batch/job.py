"""A file scored in bounded memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.batch.checkpoint import describe_job
from mlserve_cli.batch.columns import added_names
from mlserve_cli.batch.encoders import open_encoder
from mlserve_cli.batch.memory import frugal_memory
from mlserve_cli.batch.options import BatchOptions, BatchReport, Progress
from mlserve_cli.batch.output import JobOutput
from mlserve_cli.batch.partitions import opened_table
from mlserve_cli.batch.scoring import BlockScorer, Piece
from mlserve_cli.batch.workers import Workers, open_workers
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.opening import check_formats
from mlserve_cli.tables.remote_errors import shown_uri

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch, Prediction, Predictor


def predict_file(
    source: str | Path,
    destination: str | Path,
    predictor: "Predictor",
    options: BatchOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> BatchReport:
    """Scores a file: each row as it came, with the model's answer added.

    Memory does not grow with the file. The destination appears whole or not at all.

    Args:
        source: A file in CSV, TSV, JSON Lines, Parquet, Arrow, npy or npz, or the URI of one
            (`s3://`, `gs://`, `az://`, `https://`), or `-` for standard input. Text may be
            compressed (.gz, .zst, .bz2). A column that the model takes and the file lacks is taken
            from the path: `day=1/part.csv`.
        destination: The file to write, or the URI of one, or `-` for standard output. Its suffix
            says which format; text of the input's own format keeps every byte of it. npy and npz
            hold the predictions alone.
        predictor: The model.
        options: What to add and how to read; None means the defaults.
        progress: Called after each written block. An InterruptedJobError that it raises stops the
            job, which can then be continued.
        clock: Gives the time in seconds.

    Raises:
        UsageError: The options do not fit the file or the model, another run is writing the
            destination, or there is an interrupted run that cannot be continued.
        InputError: The input cannot be read, or too many rows could not be scored.
        SignatureError: A row does not fit the model.
        EngineError: The model failed, or the output could not be written.
        BrokenPipeError: The reader of standard output has gone.

    Warns:
        UserWarning: An interrupted run was not continued.
    """
    started = clock()
    options = options or BatchOptions()
    check_formats(
        str(source), str(destination), options.table, options.input_format, options.output_format
    )
    with frugal_memory(), opened_table(source, predictor, options) as (stream, table, taking):
        names = added_names(predictor.signature, options, table.columns)
        encoder = open_encoder(table, str(destination), names, predictor.signature, options)
        scorer = BlockScorer(taking, options, encoder, len(names))
        job = describe_job(stream, taking, options)
        # A copy of this process must not hold the lock on the output.
        with (
            open_workers(scorer, table, stream) as workers,
            JobOutput(destination, stream, encoder, job, options) as output,
        ):
            done = output.state
            if done.position is None:
                output.begin(table.lines_before_rows)
            for piece in _pieces(table, workers, output, stream.name):
                output.add(piece)
                if progress is not None:
                    progress(Progress(stream.bytes_read, stream.size_bytes, output.state.rows))
    seconds = clock() - started
    state = output.state
    return BatchReport(
        rows=state.rows - state.skipped,
        skipped=state.skipped,
        resumed_rows=done.rows,
        seconds=seconds,
        rows_per_second=(state.rows - done.rows) / seconds if seconds > 0 else 0.0,
        engine=predictor.engine.value,
        source=shown_uri(str(source)),
        destination=shown_uri(str(destination)),
        errors=output.errors_name if state.skipped else None,
    )


def _pieces(table: Table, workers: Workers, output: JobOutput, name: str) -> Iterator[Piece]:
    """Scored blocks in input order; an error names the row in the file."""
    blocks = table.blocks(output.state.position)
    with closing(workers.score_in_order(blocks)) as futures:
        for future in futures:
            try:
                piece = future.result()
            except RowFaultError as fault:
                state = output.state
                raise fault.located(name, state.rows, state.lines) from fault
            yield piece


class BatchPredictor:
    """Scores batches and files with one model.

    Args:
        predictor: The model.
    """

    def __init__(self, predictor: "Predictor") -> None:
        self.predictor = predictor

    def predict_batch(self, batch: "Batch", *, probabilities: bool = False) -> "Prediction":
        """What the model says about a batch, laid out as its signature says.

        Raises:
            SignatureError: The model does not take these values.
            EngineError: The model failed for another reason.
        """
        return self.predictor.predict(batch, probabilities=probabilities)

    def predict_file(
        self,
        source: str | Path,
        destination: str | Path,
        options: BatchOptions | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> BatchReport:
        """Scores a file, as the function of the same name does."""
        return predict_file(source, destination, self.predictor, options, progress=progress)
