"""`mlserve batch-predict`."""

import csv
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.batch_job import local, on_cluster, predict_with_progress
from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Model, Models, Trust
from mlserve_cli.cli.output import print_json, working
from mlserve_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from mlserve_cli.batch import BatchReport


class Output(StrEnum):
    """Columns that are added to the output."""

    LABEL = "label"
    PROBABILITIES = "probabilities"
    BOTH = "both"
    RAW = "raw"


class OnError(StrEnum):
    """What happens to a row that cannot be scored."""

    FAIL = "fail"
    SKIP = "skip"


class TableFormat(StrEnum):
    """How a table is laid out in a file."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"
    NPY = "npy"
    NPZ = "npz"


# What a block of a file of some twenty columns holds.
_ROWS_PER_BLOCK = 10_000
# Reading and writing, which one thread does for all, would not keep more busy.
_MOST_THREADS = 4
# More threads have more blocks, which then take more memory than is promised.
_LARGE_BLOCK_BYTES, _LARGE_BLOCK_THREADS = 3 << 19, 2


class EngineChoice(StrEnum):
    """Where scoring runs."""

    AUTO = "auto"
    SKLEARN = "sklearn"
    ONNX = "onnx"
    DASK = "dask"


def batch_predict(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="File in CSV, TSV or JSON Lines (plain, .gz, .zst, .bz2), Parquet, Arrow, npy or "
            "npz, here or at s3://, gs://, az://, https://; - is stdin. A folder or a quoted "
            "pattern means all its files.",
        ),
    ],
    destination: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="File to write, here or at s3://, gs://, az://; its suffix says in which format, "
            "and how compressed. npy and npz hold the predictions alone. - is stdout. For several "
            "files: a folder.",
        ),
    ],
    model: Model = None,
    output: Annotated[
        Output,
        typer.Option(
            help="What to add: the predicted label, one probability per class, both, or the raw "
            "scores of the decision function."
        ),
    ] = Output.LABEL,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="Columns that feed a model without column names, in its order; with --no-header, "
            "the names of all columns of the file.",
        ),
    ] = None,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="Whether the first line holds the names.")
    ] = True,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHAR",
            help="Between fields. Default: a tab for .tsv, else a comma or what the header shows.",
        ),
    ] = None,
    decimal: Annotated[
        str, typer.Option(metavar="CHAR", help="Before the fraction of a number: a point or ','.")
    ] = ".",
    input_format: Annotated[
        TableFormat | None,
        typer.Option(help="Of IN, where its name does not say. Default: CSV."),
    ] = None,
    output_format: Annotated[
        TableFormat | None,
        typer.Option(
            help="Of OUT, where its name does not say. Default: text as it came, else CSV."
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the text, which is written as it came, such as windows-1252. Default: UTF-8, "
            "or UTF-16 where the file begins so.",
        ),
    ] = None,
    prediction_column: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the column of predictions.")
    ] = "prediction",
    batch_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Rows per call of the model, at the most. Default: as many as convert-onnx has "
            "measured to be fastest; a whole block, 1 or 1.5 MiB, where larger calls are as fast.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="Blocks that are scored at the same time. Default: as many as there are "
            f"processors, at most {_MOST_THREADS}; each takes some 30 MB. Not for --dask, where "
            "each worker scores one.",
        ),
    ] = None,
    on_error: Annotated[
        OnError,
        typer.Option(
            help="What happens to a row that cannot be scored: it ends the run, or it goes to "
            "OUT.errors.jsonl with the reason, and the exit code is 4 in the end."
        ),
    ] = OnError.FAIL,
    max_errors: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="With --on-error skip: how many rows may be skipped."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    engine: Annotated[
        EngineChoice,
        typer.Option(
            help="Where to score; auto takes what finishes first, dask is short for --dask local."
        ),
    ] = EngineChoice.AUTO,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            "--dask-address",
            metavar="ADDR|local",
            help="Score on the Dask cluster whose scheduler has this address, such as "
            "tcp://10.0.0.5:8786, or on one that this machine starts, a process per core.",
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Add a model's predictions to the rows of a file.

    Text of the same format is kept byte for byte. Columns are matched by name in any order; those
    that the model does not know pass through. Memory does not grow with the file.
    """
    if engine is EngineChoice.DASK:
        engine, dask = EngineChoice.AUTO, dask or "local"
    _refuse_contradictions(destination, dask, threads, json=json)
    # pyarrow's usual allocator keeps what it once had; it asks for another as it is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with working("Loading the model"):
        from mlserve_cli.batch import BatchOptions, estimate_rows
        from mlserve_cli.batch import OnError as BatchOnError
        from mlserve_cli.batch import Output as BatchOutput
        from mlserve_cli.batch.threads import usable_processors
        from mlserve_cli.inference.predictor import Engine
        from mlserve_cli.serialization.engine_choice import choose_engine, fastest_call
        from mlserve_cli.serialization.load import load_predictor, model_digest
        from mlserve_cli.serialization.models import find_model
        from mlserve_cli.tables.formats import Format
        from mlserve_cli.tables.options import BLOCK_BYTES

        reason = "asked for"
        found = find_model(model, models=models)
        chosen = None if engine is EngineChoice.AUTO else Engine(engine)
        total_rows = estimate_rows(source)
        if chosen is None:
            choice = choose_engine(found, batch_rows or _ROWS_PER_BLOCK, total_rows)
            chosen, reason = choice.engine, choice.reason
        call = fastest_call(found, chosen)
        if call is not None:
            batch_rows = batch_rows or call.rows
        if dask is None:
            predictor = load_predictor(
                model,
                engine=chosen,
                rows_per_call=batch_rows or _ROWS_PER_BLOCK,
                total_rows=total_rows,
                models=models,
                trust=trust or (),
            )
            predict = local(source, predictor)
        else:
            predict = on_cluster(dask, model, chosen, models, trust or ())
    threads = threads or min(usable_processors(), _MOST_THREADS)
    is_large = call is not None and call.takes_large_blocks and not batch_rows
    options = BatchOptions(
        output=BatchOutput(output),
        # Names with commas are quoted, as in the file.
        columns=None if columns is None else tuple(next(csv.reader([columns]), ())),
        header=header,
        delimiter=_unescape(delimiter),
        decimal=decimal,
        input_format=None if input_format is None else Format(input_format),
        output_format=None if output_format is None else Format(output_format),
        encoding=encoding,
        prediction_column=prediction_column,
        batch_rows=batch_rows,
        on_error=BatchOnError(on_error),
        max_errors=max_errors,
        resume=resume,
        model_digest=model_digest(model, models=models),
        block_bytes=_LARGE_BLOCK_BYTES
        if is_large and threads <= _LARGE_BLOCK_THREADS
        else BLOCK_BYTES,
        threads=threads,
        forks=dask is None and (call is None or not call.is_slow),
    )
    report = predict_with_progress(predict, source, destination, options)
    if json:
        print_json(report)
    else:
        typer.echo(_told(report, reason, batch_rows), err=True)
    if report.skipped:
        raise typer.Exit(InputError.exit_code)


def _refuse_contradictions(
    destination: str, dask: str | None, threads: int | None, *, json: bool
) -> None:
    if json and destination == "-":
        raise UsageError("--json and OUT - would both write to stdout; choose one.")
    if threads is not None and dask is not None:
        raise UsageError("--threads is for this machine; on a cluster each worker has one.")


def _told(report: "BatchReport", reason: str, batch_rows: int | None) -> str:
    calls = "" if batch_rows is None else f", {batch_rows:,} rows a call"
    lines = [
        f"{report.rows:,} rows in {report.seconds:.2f} s, {report.rows_per_second:,.0f} rows/s",
        f"Scored with {report.engine}{calls}: {reason}.",
    ]
    if report.resumed_rows:
        lines.append(f"The first {report.resumed_rows:,} rows were finished before.")
    if report.skipped:
        those = "1 row" if report.skipped == 1 else f"{report.skipped:,} rows"
        lines.append(f"{those} could not be scored, see {report.errors}")
    return "\n".join(lines)


def _unescape(delimiter: str | None) -> str | None:
    return "\t" if delimiter == "\\t" else delimiter
