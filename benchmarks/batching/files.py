"""The data and the models of the batch benchmark."""

import shutil
import subprocess
from pathlib import Path

FEATURES = [f"f{k}" for k in range(20)]
MODELS = ("linear", "forest", "boosting")
_CHUNK_ROWS = 100_000

# Run by MLflow's own Python, which may hold other versions of everything.
_SAVE_FOR_MLFLOW = (
    "import sys, warnings; warnings.simplefilter('ignore'); import joblib, mlflow.sklearn;"
    "mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2], pip_requirements=[],"
    "serialization_format='cloudpickle')"
)


def prepare(folder: Path, rows: int, few_rows: int, mlflow: str | None) -> None:
    """Writes everything that the ways read.

    Args:
        folder: Where to.
        rows: Rows of the files for the linear model.
        few_rows: Rows of the file for the slow models.
        mlflow: MLflow's command; None where it is not installed.
    """
    _write_rows(folder, "in", rows)
    _write_rows(folder, "few", few_rows)
    _write_models(folder)
    if mlflow is not None:
        python = Path(mlflow).with_name("python")
        saved = [str(folder / "linear.joblib"), str(folder / "mlflow")]
        command = [str(python), "-c", _SAVE_FOR_MLFLOW, *saved]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _write_rows(folder: Path, name: str, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    generator = np.random.default_rng(0)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    kinds = [("id", pa.string()), *((feature, pa.float64()) for feature in FEATURES)]
    with (
        (folder / f"{name}.csv").open("wb") as file,
        (folder / f"{name}-features.csv").open("wb") as features,
        pq.ParquetWriter(folder / f"{name}.parquet", pa.schema(kinds)) as writer,
    ):
        file.write((",".join(["id", *FEATURES]) + "\n").encode())
        features.write((",".join(FEATURES) + "\n").encode())
        for start in range(0, rows, _CHUNK_ROWS):
            count = min(_CHUNK_ROWS, rows - start)
            ids = pa.array([f"{k:08d}" for k in range(start, start + count)])
            values = np.round(generator.standard_normal((len(FEATURES), count)), 6)
            table = pa.table([ids, *map(pa.array, values)], names=["id", *FEATURES])
            pa_csv.write_csv(table, file, options)
            pa_csv.write_csv(table.drop_columns("id"), features, options)
            writer.write_table(table)


def _write_models(folder: Path) -> None:
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mlserve_cli import convert_onnx, save_model

    generator = np.random.default_rng(1)
    sample = pd.DataFrame(generator.standard_normal((20_000, len(FEATURES))), columns=FEATURES)
    weights = generator.standard_normal(len(FEATURES))
    noise = generator.standard_normal(len(sample))
    labels = (sample.to_numpy() @ weights + noise > 0).astype(int)
    estimators = (
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(100, random_state=0, n_jobs=2),
        HistGradientBoostingClassifier(random_state=0),
    )
    for name, estimator in zip(MODELS, estimators, strict=True):
        fitted = estimator.fit(sample, labels)
        if hasattr(fitted, "n_jobs"):
            fitted.n_jobs = None
        joblib.dump(fitted, folder / f"{name}.joblib")
        save_model(fitted, name, models=folder / "models")
        convert_onnx(name, models=folder / "models")


def found_mlflow() -> str | None:
    """MLflow's command."""
    return shutil.which("mlflow")
