"""Scores files in several ways, side by side in one run, with the limits of the machine.

    python benchmarks/batch.py --rows 500000 --repeats 3

Each way is a process of its own, from its start to the written output. The ways take turns, so that
a slow moment of the machine hits all of them, and medians are reported. Answers are compared before
any time is printed. The two slow models score a tenth of the rows.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from batching import ways
from batching.files import found_mlflow, prepare

OURS = "mlserve batch-predict"
NAIVE = "pandas, slices of 1,000"
BARE = "limit: bare prediction, "
# What a way needs beside mlserve, and how to get it.
NEEDS = {"polars": "pip install polars", "duckdb": "pip install duckdb"}
MLFLOW = "mlflow models predict"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do one task.

    Attributes:
        task: What is done.
        name: How; limits do not score.
        file: Name of the input without its suffix.
        model: Name of the model.
        function: What of `ways` is called; None for commands.
        suffix: Of input and output.
    """

    task: str
    name: str
    file: str
    model: str
    function: str | None = None
    suffix: str = ".csv"

    @property
    def is_limit(self) -> bool:
        """Whether it does only a part of the task."""
        return self.name.startswith("limit")


@dataclass(frozen=True, slots=True)
class Timing:
    """How one way did.

    Attributes:
        task: What was done.
        way: How.
        seconds: One value per run.
        median_seconds: Their median.
        rows_per_second: Of the median.
        peak_mib: Highest memory use of any run.
        times_ours: How many times as long as ours it took; of a limit, the share that we reach.
    """

    task: str
    way: str
    seconds: tuple[float, ...]
    median_seconds: float
    rows_per_second: float
    peak_mib: float
    times_ours: float


def all_ways() -> list[Way]:
    """Ours, the others and the limits, by task."""
    linear = "CSV, scaler and logistic regression"
    csv = [Way(linear, name, "in", "linear", function) for name, function in (
        (OURS, None),
        (NAIVE, "naive"),
        ("pandas, chunks of 100,000", "chunks"),
        ("polars", "polars"),
        ("duckdb", "duckdb"),
        (MLFLOW, None),
        ("limit: parsing the features", "parse"),
        ("limit: copying with fsync", "copy"),
    )]  # fmt: skip
    slow = [
        Way(f"CSV, {told}", name, "few", model, function)
        for told, model in (("forest of 100 trees", "forest"), ("histogram boosting", "boosting"))
        for name, function in (
            (OURS, None),
            (NAIVE, "naive"),
            (f"{BARE}scikit-learn", "bare_estimator"),
            (f"{BARE}ONNX Runtime", "bare_onnx"),
        )
    ]
    columnar = "Parquet, scaler and logistic regression"
    return [
        *csv,
        *slow,
        Way(columnar, OURS, "in", "linear", None, ".parquet"),
        Way(columnar, "limit: reading and writing", "in", "linear", "parquet", ".parquet"),
    ]


def available(mlflow: str | None) -> Iterator[Way]:
    """The ways that can be taken here; what is missing is told."""
    for way in all_ways():
        if way.name == MLFLOW and mlflow is None:
            print(f"Without {MLFLOW}: give its command as --mlflow; pip install mlflow in an "
                  "environment of its own.", file=sys.stderr)  # fmt: skip
        elif way.name in NEEDS and importlib.util.find_spec(way.name) is None:
            print(f"Without {way.name}: {NEEDS[way.name]}", file=sys.stderr)
        else:
            yield way


def command(way: Way, folder: Path, out: Path, mlflow: str | None) -> list[str]:
    """What to run for a way."""
    if way.name == OURS:
        ours = str(Path(sys.executable).with_name("mlserve"))
        places = [str(folder / f"{way.file}{way.suffix}"), str(out)]
        models = ["--models", str(folder / "models")]
        return [ours, "batch-predict", *places, "--model", way.model, *models]
    if way.name == MLFLOW:
        assert mlflow is not None
        places = ["-i", str(folder / f"{way.file}-features.csv"), "-o", str(out)]
        saved = ["-m", str(folder / "mlflow"), "-t", "csv", "--env-manager", "local"]
        return [mlflow, "models", "predict", *saved, *places]
    arguments = [str(way.function), str(folder), way.file, way.model, str(out)]
    return [sys.executable, __file__, "--way", *arguments]


def timed(arguments: list[str]) -> tuple[float, float]:
    """Runs a command; how long it took in seconds, and its peak memory in MiB.

    A way that knows better how long it took prints it.
    """
    environment = os.environ | {"PATH": f"{Path(arguments[0]).parent}:{os.environ['PATH']}"}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(arguments, stdout=told, stderr=complaints, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (told, complaints):
            file.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(arguments)} failed:\n{complaints.read().decode()}")
        own = told.read().decode().rpartition("seconds: ")[2]
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    return float(own) if own and "--way" in arguments else seconds, peak


def answers(way: str, out: Path) -> str:
    """A digest of the labels."""
    if out.suffix == ".parquet":
        import pyarrow.parquet as pq

        labels = pq.read_table(out, columns=["prediction"]).column(0).to_pylist()
    elif way == MLFLOW:
        labels = json.loads(out.read_bytes())["predictions"]
    else:
        lines = out.read_bytes().splitlines()[1:]
        labels = [int(line.rpartition(b",")[2]) for line in lines]
    return hashlib.sha256(repr(labels).encode()).hexdigest()


def compare(folder: Path, chosen: list[Way], mlflow: str | None) -> None:
    """Runs each way that scores once, and ends the benchmark where labels differ."""
    found: dict[tuple[str, str], str] = {}
    for way in chosen:
        if way.is_limit:
            continue
        out = folder / f"out{way.suffix}"
        timed(command(way, folder, out, mlflow))
        # In a process of its own: what this one holds would count as memory of those it starts.
        told = [sys.executable, __file__, "--answers", way.name, str(out)]
        digest = subprocess.run(told, capture_output=True, check=True, text=True).stdout
        if found.setdefault((way.file, way.model), digest) != digest:
            sys.exit(f"No times: {way.name} gives other labels. {way.task}.")


def measure(folder: Path, rows: int, repeats: int, mlflow: str | None) -> list[Timing]:
    """Times every way `repeats` times, in turns."""
    few_rows = max(rows // 10, 1)
    prepared = ["--prepare", str(folder), str(rows), str(few_rows), mlflow or ""]
    subprocess.run([sys.executable, __file__, *prepared], check=True)
    chosen = list(available(mlflow))
    compare(folder, chosen, mlflow)
    runs: dict[Way, list[tuple[float, float]]] = {way: [] for way in chosen}
    for _ in range(repeats):
        for way, results in runs.items():
            results.append(timed(command(way, folder, folder / f"out{way.suffix}", mlflow)))
    medians = {way: statistics.median(run[0] for run in results) for way, results in runs.items()}
    ours = {way.task: median for way, median in medians.items() if way.name == OURS}
    return [
        Timing(
            way.task,
            way.name,
            tuple(round(seconds, 3) for seconds, _ in results),
            round(medians[way], 3),
            round((rows if way.file == "in" else few_rows) / medians[way]),
            round(max(peak for _, peak in results), 1),
            round(medians[way] / ours[way.task], 3),
        )
        for way, results in runs.items()
    ]


def show(timings: list[Timing], rows: int) -> None:
    """Prints a table for each task."""
    from rich.console import Console
    from rich.table import Table

    for task in dict.fromkeys(timing.task for timing in timings):
        count = rows if "logistic" in task else max(rows // 10, 1)
        table = Table("way", title=f"{task}: {count:,} rows x (id + 20 floats)")
        for heading in ("seconds (median)", "rows/s", "times ours", "peak MiB"):
            table.add_column(heading, justify="right")
        for timing in (each for each in timings if each.task == task):
            table.add_row(
                timing.way,
                f"{timing.median_seconds:.2f}",
                f"{timing.rows_per_second:,.0f}",
                f"{timing.times_ours:.2f}",
                f"{timing.peak_mib:.0f}",
            )
        Console().print(table)


def main() -> None:
    """Reads the options, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mlflow", default=found_mlflow(), help="MLflow's command")
    parser.add_argument("--json", action="store_true", help="print the timings as JSON")
    parser.add_argument("--way", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--answers", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        folder, rows, few_rows, mlflow = options.prepare
        prepare(Path(folder), int(rows), int(few_rows), mlflow or None)
    elif options.answers:
        print(answers(options.answers[0], Path(options.answers[1])))
    elif options.way:
        function, folder, file, model, out = options.way
        seconds = getattr(ways, function)(Path(folder), file, model, Path(out))
        if seconds is not None:
            print(f"seconds: {seconds}")
    else:
        with tempfile.TemporaryDirectory(prefix="mlserve-benchmark-") as place:
            timings = measure(Path(place), options.rows, options.repeats, options.mlflow)
        if options.json:
            print(json.dumps([asdict(timing) for timing in timings], indent=2))
        else:
            show(timings, options.rows)


if __name__ == "__main__":
    main()
