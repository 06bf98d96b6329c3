"""ONNX models beside their estimators: speed by rows per call, and size and load time of forests.

python benchmarks/conversion.py [--json]

Every answer is compared before a time is printed. Both engines are timed in turn, and medians are
shown; what counts is the ratio in one run.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlserve_cli import convert_to_onnx, create_inference_session, save_onnx
from mlserve_cli.conversion.speed import measure_speed
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 5_000
REPEATS = 5


def models() -> dict[str, tuple[Any, pd.DataFrame, Any]]:
    """Estimators to fit, by name, with their data."""
    values, labels = make_classification(ROWS, 20, n_informative=10, random_state=0)
    numbers = pd.DataFrame(values, columns=[f"f{position}" for position in range(20)])
    towns = np.random.default_rng(0).choice(["Bern", "Oslo", "Rome"], ROWS)
    mixed = numbers.assign(town=towns)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), list(numbers)),
        (OneHotEncoder(handle_unknown="ignore"), ["town"]),
    )
    forest = RandomForestClassifier(100, random_state=0, n_jobs=1)
    return {
        "scaler + logistic regression": (
            make_pipeline(StandardScaler(), LogisticRegression()),
            numbers,
            labels,
        ),
        "columns + logistic regression": (
            make_pipeline(columns, LogisticRegression()),
            mixed,
            labels,
        ),
        "forest of 100 trees": (forest, numbers, labels),
        "histogram boosting": (HistGradientBoostingClassifier(), numbers, labels),
    }


def speeds(estimator: Any, data: pd.DataFrame) -> list[dict[str, float]]:
    """Both engines by rows per call, after their answers were found equal."""
    signature = describe_estimator(estimator, data)
    onnx = OnnxPredictor(convert_to_onnx(estimator, signature, data=data).model, signature)
    predictor = EstimatorPredictor(estimator, signature)
    batch = to_batch(data, signature)
    if not np.array_equal(onnx.predict(batch).labels, predictor.predict(batch).labels):
        raise SystemExit("The labels differ.")
    return [
        {
            "rows": speed.rows,
            "estimator_seconds": speed.estimator_seconds,
            "onnx_seconds": speed.onnx_seconds,
            "ratio": speed.ratio,
        }
        for speed in measure_speed(predictor, onnx, batch)
    ]


def forest_files() -> list[dict[str, float | str]]:
    """Size and load time of a forest of 500 trees as joblib and as ONNX."""
    values, labels = make_classification(ROWS, 20, n_informative=10, random_state=0)
    forest = RandomForestClassifier(500, random_state=0).fit(values, labels)
    with tempfile.TemporaryDirectory() as folder:
        plain, packed, onnx = (Path(folder, name) for name in ("plain", "packed", "model.onnx"))
        joblib.dump(forest, plain)
        joblib.dump(forest, packed, compress=("zlib", 1))
        save_onnx(convert_to_onnx(forest, data=values), onnx)
        ways: dict[str, tuple[Path, Callable[[Path], object]]] = {
            "joblib": (plain, joblib.load),
            "joblib, zlib": (packed, joblib.load),
            "ONNX": (onnx, create_inference_session),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPEATS):
            for name, (path, load) in ways.items():
                started = time.perf_counter()
                load(path)
                times[name].append(time.perf_counter() - started)
        return [
            {
                "format": name,
                "size_bytes": ways[name][0].stat().st_size,
                "load_seconds": statistics.median(found),
            }
            for name, found in times.items()
        ]


def main() -> None:
    """Prints tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    by_model = {
        name: speeds(estimator.fit(data, labels), data)
        for name, (estimator, data, labels) in models().items()
    }
    files = forest_files()
    if options.json:
        print(json.dumps({"speeds": by_model, "forest_of_500_trees": files}, indent=2))
        return
    table = Table("model", "rows per call", "estimator ms", "ONNX ms", "ratio")
    for name, rows in by_model.items():
        for row in rows:
            milliseconds = [row[key] * 1e3 for key in ("estimator_seconds", "onnx_seconds")]
            cells = [f"{value:.3f}" for value in milliseconds]
            table.add_row(name, f"{row['rows']:,}", *cells, f"{row['ratio']:.1f}")
    Console().print(table)
    table = Table("forest of 500 trees", "MB", "load ms")
    for entry in files:
        size, seconds = float(entry["size_bytes"]), float(entry["load_seconds"])
        table.add_row(str(entry["format"]), f"{size / 1e6:.1f}", f"{seconds * 1e3:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
