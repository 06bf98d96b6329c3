"""A file scored in bounded memory."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
from mlserve_cli.batch.threads import one_thread_per_worker, single_threaded
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Block, Table
from mlserve_cli.tables.opening import check_formats
from mlserve_cli.tables.remote_errors import shown_uri

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch, Prediction, Predictor

# Blocks that wait for a worker beyond those being scored; enough to bridge a slow write.
_SPARE_BLOCKS = 2


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
        with JobOutput(destination, stream, encoder, job, options) as output:
            done = output.state
            if done.position is None:
                output.begin(table.lines_before_rows)
            for piece in _pieces(table, scorer, output, stream.name):
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


def _pieces(table: Table, scorer: BlockScorer, output: JobOutput, name: str) -> Iterator[Piece]:
    """Scored blocks in input order; an error names the row in the file."""
    blocks = table.blocks(output.state.position)
    with closing(_in_order(blocks, scorer)) as futures:
        for future in futures:
            try:
                piece = future.result()
            except RowFaultError as fault:
                state = output.state
                raise fault.located(name, state.rows, state.lines) from fault
            yield piece


def _in_order(
    blocks: Iterator[Block], scorer: BlockScorer
) -> "Generator[Future[Piece], None, None]":
    """Blocks under way, oldest first, of which only so many exist at any time."""
    waiting: deque[Future[Piece]] = deque()
    threads = scorer.options.threads
    with single_threaded():
        workers = ThreadPoolExecutor(threads, "batch", initializer=one_thread_per_worker)
        try:
            for future in _submitted(blocks, scorer, workers):
                waiting.append(future)
                if len(waiting) >= threads + _SPARE_BLOCKS:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            workers.shutdown(cancel_futures=True)


def _submitted(
    blocks: Iterator[Block], scorer: BlockScorer, workers: ThreadPoolExecutor
) -> Iterator["Future[Piece]"]:
    try:
        for block in blocks:
            yield workers.submit(scorer.score, block)
    except RowFaultError as fault:
        # Its turn comes after the blocks before it: an earlier row may be at fault too.
        yield _failed(fault)


def _failed(fault: RowFaultError) -> "Future[Piece]":
    future: Future[Piece] = Future()
    future.set_exception(fault)
    return future


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
