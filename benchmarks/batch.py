"""Scores one large CSV file in several ways, side by side in one run.

    python benchmarks/batch.py --rows 2000000 --repeats 3

Each way is a process of its own, from its start to the synced output. The ways take turns, so that
a slow moment of the machine hits all of them, and medians are reported. Answers are compared before
any time is printed.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

FEATURES = [f"f{k}" for k in range(20)]
SLICE_ROWS = 1000
CHUNK_ROWS = 100_000
BLOCK_BYTES = 1 << 20
OURS = "mlserve batch-predict"
NAIVE = "pandas, slices of 1,000"


@dataclass(frozen=True, slots=True)
class Timing:
    """How one way did.

    Attributes:
        way: Its name.
        seconds: One value per run.
        median_seconds: Their median.
        peak_mib: Highest memory use of any run.
        speedup: How many times faster than the naive way.
    """

    way: str
    seconds: tuple[float, ...]
    median_seconds: float
    peak_mib: float
    speedup: float


def prepare(source: Path, model: Path, rows: int) -> None:
    """Writes the data and the model."""
    import joblib
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(0)
    with source.open("wb") as file:
        file.write((",".join(["id", *FEATURES]) + "\n").encode())
        for start in range(0, rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, rows - start)
            ids = pa.array([f"{k:08d}" for k in range(start, start + count)])
            values = np.round(generator.standard_normal((len(FEATURES), count)), 6)
            table = pa.table([ids, *map(pa.array, values)], names=["id", *FEATURES])
            options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
            pa_csv.write_csv(table, file, options)
    sample = generator.standard_normal((20_000, len(FEATURES)))
    weights = generator.standard_normal(len(FEATURES))
    labels = (sample @ weights + generator.standard_normal(len(sample)) > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    joblib.dump(pipeline.fit(pd.DataFrame(sample, columns=FEATURES), labels), model)


def library(source: str, destination: str, model: str) -> None:
    """Ours, called from Python."""
    import joblib

    from mlserve_cli.batch import predict_file
    from mlserve_cli.inference.describe import describe_estimator
    from mlserve_cli.inference.estimator import EstimatorPredictor

    estimator = joblib.load(model)
    predictor = EstimatorPredictor(estimator, describe_estimator(estimator))
    predict_file(source, destination, predictor)


def naive(source: str, destination: str, model: str) -> None:
    """The way that tutorials teach: read all, score slices, write all."""
    import joblib
    import pandas as pd

    estimator = joblib.load(model)
    frame = pd.read_csv(source)
    predictions: list[int] = []
    for start in range(0, len(frame), SLICE_ROWS):
        predictions.extend(estimator.predict(frame.iloc[start : start + SLICE_ROWS][FEATURES]))
    frame["prediction"] = predictions
    frame.to_csv(destination, index=False)


def chunks(source: str, destination: str, model: str) -> None:
    """Bounded memory with pandas."""
    import joblib
    import pandas as pd

    estimator = joblib.load(model)
    for number, frame in enumerate(pd.read_csv(source, chunksize=CHUNK_ROWS)):
        frame["prediction"] = estimator.predict(frame[FEATURES])
        frame.to_csv(destination, index=False, mode="a" if number else "w", header=not number)


def parse(source: str, _destination: str, _model: str) -> None:
    """The limit of any way that reads the features: parsing them on two threads."""
    from concurrent.futures import Future, ThreadPoolExecutor

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
    with Path(source).open("rb") as file, ThreadPoolExecutor(2) as workers:
        file.readline()
        rest = b""
        while data := file.read(BLOCK_BYTES):
            data = rest + data
            end = data.rfind(b"\n") + 1
            waiting.append(workers.submit(parsed, data[:end]))
            rest = data[end:]
            if len(waiting) > 3:
                waiting.pop(0).result()


def copy(source: str, destination: str, _model: str) -> None:
    """The limit of any way that writes the rows: copying the file to disk."""
    with Path(source).open("rb") as read, Path(destination).open("wb") as written:
        shutil.copyfileobj(read, written, BLOCK_BYTES)
        os.fsync(written.fileno())


WAYS: dict[str, Callable[[str, str, str], None]] = {
    OURS: library,
    NAIVE: naive,
    "pandas, chunks of 100,000": chunks,
    "limit: parsing the features": parse,
    "limit: copying with fsync": copy,
}
SCORING = [name for name in WAYS if not name.startswith("limit")]


def command(way: str, source: Path, destination: Path, model: Path) -> list[str]:
    """What to run for a way; ours through the installed command where there is one."""
    ours = shutil.which("mlserve", path=str(Path(sys.executable).parent))
    if way == OURS and ours is not None:
        return [ours, "batch-predict", str(source), str(destination), "--model", str(model)]
    arguments = ["--way", way, "--files", str(source), str(destination), str(model)]
    return [sys.executable, __file__, *arguments]


def timed(arguments: list[str]) -> tuple[float, float]:
    """Runs a command; how long it took in seconds, and its peak memory in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaints = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{complaints}")
    # Linux counts in KiB, macOS in bytes.
    return seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)


def digest(path: Path) -> str:
    """A digest of the last field of every row."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        for line in file:
            state.update(line.rpartition(b",")[2])
    return state.hexdigest()


def compare(folder: Path, source: Path, model: Path) -> None:
    """Runs each way once and ends the benchmark where their labels differ."""
    answers = {}
    for way in SCORING:
        destination = folder / "out.csv"
        timed(command(way, source, destination, model))
        answers[way] = digest(destination)
    different = [way for way in SCORING if answers[way] != answers[NAIVE]]
    if different:
        sys.exit(f"No times: the labels differ from the naive way's with {', '.join(different)}.")


def measure(folder: Path, rows: int, repeats: int) -> list[Timing]:
    """Times every way `repeats` times, in turns."""
    source, model = folder / "in.csv", folder / "model.joblib"
    prepared = ["--rows", str(rows), "--prepare", str(source), str(model)]
    subprocess.run([sys.executable, __file__, *prepared], check=True)
    compare(folder, source, model)
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, results in runs.items():
            results.append(timed(command(way, source, folder / "out.csv", model)))
    medians = {way: statistics.median(run[0] for run in results) for way, results in runs.items()}
    return [
        Timing(
            way,
            tuple(round(seconds, 3) for seconds, _ in results),
            round(medians[way], 3),
            round(max(peak for _, peak in results), 1),
            round(medians[NAIVE] / medians[way], 2),
        )
        for way, results in runs.items()
    ]


def show(timings: list[Timing], rows: int) -> None:
    """Prints a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("way", title=f"{rows:,} rows x (id + {len(FEATURES)} floats)")
    for heading in ("seconds (median)", "rows/s", "speed-up", "peak MiB"):
        table.add_column(heading, justify="right")
    for timing in timings:
        table.add_row(
            timing.way,
            f"{timing.median_seconds:.2f}",
            f"{rows / timing.median_seconds:,.0f}",
            f"{timing.speedup:.1f}",
            f"{timing.peak_mib:.0f}",
        )
    Console().print(table)


def main() -> None:
    """Reads the options, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the timings as JSON")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        source, model = map(Path, options.prepare)
        prepare(source, model, options.rows)
    elif options.way:
        WAYS[options.way](*options.files)
    else:
        with tempfile.TemporaryDirectory(prefix="mlserve-benchmark-") as folder:
            timings = measure(Path(folder), options.rows, options.repeats)
        if options.json:
            print(json.dumps([asdict(timing) for timing in timings], indent=2))
        else:
            show(timings, options.rows)


if __name__ == "__main__":
    main()
