"""Ways to add a model's predictions to a file, each run in a process of its own."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batching.files import FEATURES

if TYPE_CHECKING:
    import pandas as pd

_SLICE_ROWS = 1000
_CHUNK_ROWS = 100_000
_BLOCK_BYTES = 1 << 20
_THREADS = 2


def _estimator(folder: Path, model: str) -> Any:
    import joblib

    return joblib.load(folder / f"{model}.joblib")


def naive(folder: Path, name: str, model: str, out: Path) -> None:
    """The way that tutorials teach: read all, score slices, write all."""
    import pandas as pd

    estimator = _estimator(folder, model)
    frame = pd.read_csv(folder / f"{name}.csv", dtype={"id": str})
    predictions: list[int] = []
    for start in range(0, len(frame), _SLICE_ROWS):
        predictions.extend(estimator.predict(frame.iloc[start : start + _SLICE_ROWS][FEATURES]))
    frame["prediction"] = predictions
    frame.to_csv(out, index=False)


def chunks(folder: Path, name: str, model: str, out: Path) -> None:
    """Bounded memory with pandas."""
    import pandas as pd

    estimator = _estimator(folder, model)
    frames = pd.read_csv(folder / f"{name}.csv", dtype={"id": str}, chunksize=_CHUNK_ROWS)
    for number, frame in enumerate(frames):
        frame["prediction"] = estimator.predict(frame[FEATURES])
        frame.to_csv(out, index=False, mode="a" if number else "w", header=not number)


def polars(folder: Path, name: str, model: str, out: Path) -> None:
    """A lazy frame, the estimator called for each batch, streamed into a file."""
    import numpy as np
    import pandas as pd
    import polars as pl

    estimator = _estimator(folder, model)

    def scored(frame: pl.DataFrame) -> pl.DataFrame:
        values = pd.DataFrame(frame.select(FEATURES).to_numpy(), columns=FEATURES)
        labels = np.asarray(estimator.predict(values))
        return frame.with_columns(pl.Series("prediction", labels))

    rows = pl.scan_csv(folder / f"{name}.csv", schema_overrides={"id": pl.String})
    schema = {**rows.collect_schema(), "prediction": pl.Int64}
    rows.map_batches(scored, schema=schema, streamable=True).sink_csv(out)


def duckdb(folder: Path, name: str, model: str, out: Path) -> None:
    """Read by DuckDB as record batches, scored, and written by it."""
    import duckdb as engine
    import pyarrow as pa

    estimator = _estimator(folder, model)
    connection = engine.connect()
    source = f"SELECT * FROM read_csv('{folder / name}.csv', types={{'id': 'VARCHAR'}})"
    reader = connection.execute(source).to_arrow_reader(_CHUNK_ROWS)
    schema = reader.schema.append(pa.field("prediction", pa.int64()))

    def scored() -> Any:
        for batch in reader:
            frame: pd.DataFrame = batch.select(FEATURES).to_pandas()
            yield batch.append_column("prediction", pa.array(estimator.predict(frame)))

    predicted = pa.RecordBatchReader.from_batches(schema, scored())
    writing = engine.connect()
    writing.register("predicted", predicted)
    writing.execute(f"COPY (SELECT * FROM predicted) TO '{out}' (HEADER)")


def parse(folder: Path, name: str, _model: str, _out: Path) -> None:
    """The limit of any way that reads the features: parsing them on two threads."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    def parsed(data: bytes) -> int:
        read = pa_csv.ReadOptions(use_threads=False, column_names=["id", *FEATURES])
        read.block_size = len(data) + 1
        convert = pa_csv.ConvertOptions(
            include_columns=FEATURES, column_types=dict.fromkeys(FEATURES, pa.float64())
        )
        table = pa_csv.read_csv(pa.py_buffer(data), read_options=read, convert_options=convert)
        return int(table.num_rows)

    waiting: list[Future[int]] = []
    source = folder / f"{name}.csv"
    with source.open("rb") as file, ThreadPoolExecutor(_THREADS) as workers:
        file.readline()
        rest = b""
        while data := file.read(_BLOCK_BYTES):
            data = rest + data
            end = data.rfind(b"\n") + 1
            waiting.append(workers.submit(parsed, data[:end]))
            rest = data[end:]
            if len(waiting) > _THREADS + 1:
                waiting.pop(0).result()
        for future in waiting:
            future.result()


def copy(folder: Path, name: str, _model: str, out: Path) -> None:
    """The limit of any way that writes the rows: copying the file to disk."""
    import shutil

    with (folder / f"{name}.csv").open("rb") as read, out.open("wb") as written:
        shutil.copyfileobj(read, written, _BLOCK_BYTES)
        os.fsync(written.fileno())


def parquet(folder: Path, name: str, _model: str, out: Path) -> None:
    """The limit from Parquet to Parquet: reading and writing all columns."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(folder / f"{name}.parquet")
    with pq.ParquetWriter(out, file.schema_arrow) as writer:
        for number in range(file.num_row_groups):
            writer.write_table(file.read_row_group(number))
    with out.open("rb+") as written:
        os.fsync(written.fileno())


def bare_estimator(folder: Path, name: str, model: str, _out: Path) -> float:
    """The limit of any way that asks the estimator; see `_bare`."""
    return _bare(folder, name, model, "sklearn")


def bare_onnx(folder: Path, name: str, model: str, _out: Path) -> float:
    """The limit of any way that asks our ONNX form of the model; see `_bare`."""
    return _bare(folder, name, model, "onnx")


def _bare(folder: Path, name: str, model: str, engine: str) -> float:
    """Seconds of prediction alone, on both cores, in blocks of the best size."""
    import time

    import pandas as pd
    import pyarrow.csv as pa_csv
    from threadpoolctl import threadpool_limits

    from mlserve_cli import Engine, load_predictor

    table = pa_csv.read_csv(folder / f"{name}.csv").select(FEATURES)
    rows = pd.DataFrame({column: table[column].to_numpy() for column in FEATURES})
    best = float("inf")
    predictor = load_predictor(model, engine=Engine(engine), models=folder / "models")
    for size in (1000, 10_000, 50_000):
        parts = [rows.iloc[at : at + size] for at in range(0, len(rows), size)]
        batches = [{name: part[name].to_numpy() for name in FEATURES} for part in parts]
        taken = [_as_taken(batch, predictor) for batch in batches]
        with threadpool_limits(1), ThreadPoolExecutor(_THREADS) as workers:
            started = time.perf_counter()
            list(workers.map(predictor.predict, taken))
            best = min(best, time.perf_counter() - started)
    return best


def _as_taken(batch: dict[str, Any], predictor: Any) -> Any:
    import numpy as np

    from mlserve_cli.signature import Layout

    if predictor.signature.layout is Layout.FRAME:
        return batch
    return np.column_stack(list(batch.values()))
