"""`mlserve drift-check` as its users meet it: real processes and files."""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

COMMAND = Path(sys.executable).with_name("mlserve")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """ref.npy, same.npy, new.npy with a shifted column, and the same as CSV."""
    r = np.random.default_rng(0)
    for name, shift in (("ref", 0.0), ("same", 0.0), ("new", 0.7)):
        values = r.normal(size=(1_500, 3)) + np.array([0, shift, 0])
        np.save(tmp_path / f"{name}.npy", values)
        pd.DataFrame(values, columns=["a", "b", "c"]).to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_the_exit_code_tells_whether_there_is_drift(mlserve: Any, data: Path, suffix: str) -> None:
    quiet = mlserve("drift-check", f"ref.{suffix}", f"same.{suffix}")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    found = mlserve("drift-check", f"ref.{suffix}", f"new.{suffix}")
    assert (found.exit_code, found.stderr) == (1, "")
    name = "x1" if suffix == "npy" else "b"
    assert re.search(rf"^{name} .*drift", found.stdout, re.MULTILINE), found.stdout


def test_the_report_is_json_on_request(mlserve: Any, data: Path) -> None:
    finished = mlserve("drift-check", "ref.csv", "new.csv", "--json")
    assert finished.exit_code == 1
    report = json.loads(finished.stdout)
    assert report["schema_version"] == 1
    assert report["drifted"] is True
    assert report["columns"][0]["name"] == "b"
    assert report["rule"] == {
        "method": "auto",
        "alpha": 0.01,
        "correction": "bh",
        "min_effect": 0.1,
        "min_share": 0.05,
        "max_drifted_share": 0.0,
        "strict": False,
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--columns", "a,c"], 0),
        (["--columns", "a", "--columns", "b"], 1),
        (["--threshold", "b=0.9"], 0),
        (["--min-effect", "0.9"], 0),
        (["--max-drifted-share", "0.34"], 0),
        (["--max-drifted-share", "0.33"], 1),
        (["--alpha", "0.05", "--correction", "none", "--method", "ks", "--min-effect", "0"], 1),
        (["--method", "wasserstein"], 1),
        (["--config", "rule.toml"], 0),
        (["--config", "rule.yaml"], 0),
        (["--config", "rule.json"], 0),
        (["--config", "rule.toml", "--min-effect", "0.1", "--threshold", "b=0.1"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_every_part_of_the_rule_can_be_changed(
    mlserve: Any, data: Path, options: list[str], code: int
) -> None:
    (data / "rule.toml").write_text("min_effect = 0.9\n[thresholds]\na = 0.2\n")
    (data / "rule.yaml").write_text("thresholds: {b: 0.9}\n")
    (data / "rule.json").write_text('{"thresholds": {"b": 0.9}}')
    finished = mlserve("drift-check", "ref.csv", "new.csv", *options)
    assert finished.exit_code == code, finished.stdout + finished.stderr


def test_few_rows_are_a_warning_and_with_strict_a_failure(mlserve: Any, data: Path) -> None:
    np.save(data / "few.npy", np.load(data / "same.npy")[:15])
    lenient = mlserve("drift-check", "ref.npy", "few.npy")
    assert lenient.exit_code == 0
    assert "warning: 3 columns have too few rows" in lenient.stderr
    assert "insufficient data" in lenient.stdout
    assert mlserve("drift-check", "ref.npy", "few.npy", "--strict").exit_code == 1


def test_a_profile_takes_the_place_of_the_reference(mlserve: Any, data: Path) -> None:
    saved = mlserve("drift-check", "ref.csv", "same.csv", "--save-profile", "ref.drift")
    assert saved.exit_code == 0
    (data / "ref.csv").unlink()
    assert mlserve("drift-check", "ref.drift", "same.csv").exit_code == 0
    assert mlserve("drift-check", "ref.drift", "new.csv").exit_code == 1


def test_the_reference_can_be_a_model(mlserve: Any, data: Path) -> None:
    values, species = load_iris(return_X_y=True, as_frame=True)
    joblib.dump(LogisticRegression(max_iter=500).fit(values, species), data / "model.joblib")
    values.assign(species=species).to_csv(data / "iris.csv", index=False)
    values[species != 0].to_csv(data / "lost.csv", index=False)
    mlserve("save", "model.joblib", "--name", "iris", "--data", "iris.csv", "--target", "species")
    for name in ("iris", "iris/1", "models/iris", "models/iris/1"):
        assert mlserve("drift-check", name, "iris.csv").exit_code == 0
        assert mlserve("drift-check", name, "lost.csv").exit_code == 1
    # Rows of training may not be allowed to travel with a model; their profile serves, too.
    (data / "models/iris/1/reference.parquet").unlink()
    assert mlserve("drift-check", "iris", "iris.csv").exit_code == 0
    assert mlserve("drift-check", "iris", "lost.csv").exit_code == 1
    mlserve("save", "model.joblib", "--name", "bare")
    for name in ("bare", "model.joblib"):
        refused = mlserve("drift-check", name, "iris.csv")
        assert refused.exit_code == 2
        assert "stores no reference data" in refused.stderr
    unknown = mlserve("drift-check", "nobody", "iris.csv")
    assert unknown.exit_code == 3
    assert "nobody" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ref.npy", "nope.npy"], 4, "nope.npy does not exist"),
        (["ref.npy", "ref.txt"], 2, "the suffix .txt names no table format"),
        (["ref.npy", "new.npy", "--columns", "z"], 2, "no column 'z'"),
        (["ref.npy", "new.npy", "--threshold", "x1"], 2, "not of the form COLUMN=X"),
        (["ref.npy", "new.npy", "--threshold", "y=1"], 2, "column 'y', which is not compared"),
        (["ref.npy", "new.npy", "--alpha", "1.5"], 2, "alpha is 1.5"),
        (["ref.npy", "new.npy", "--config", "no.toml"], 2, "no.toml cannot be read"),
        (["ref.npy", "new.npy", "--config", "ref.txt"], 2, "ref.txt holds no names and values"),
        (["ref.npy", "new.npy", "--method", "foo"], 2, "'foo' is not one of"),
        (["ref.npy", "wide.npy"], 4, "ref.npy has 3 columns and wide.npy 4"),
        (["ref.csv", "text.csv"], 4, "'a' holds numbers"),
        (["ref.npy", "objects.npy"], 4, "Arrays of Python objects are pickles"),
        # The bad folder shows before the data that do not fit.
        (["ref.npy", "wide.npy", "--save-profile", "no/p.drift"], 2, "folder"),
        (["ref.npy", "new.npy", "--save-profile", "ref.npy"], 2, "is an input of the check"),
        (["ref.npy", "new.npy", "--save-profile", "-"], 2, "no text for standard output"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_failure_never_looks_like_a_finding(
    mlserve: Any, data: Path, arguments: list[str], code: int, message: str
) -> None:
    (data / "ref.txt").write_text("just text")
    (data / "text.csv").write_text("a\nx\ny\n")
    np.save(data / "wide.npy", np.zeros((5, 4)))
    np.save(data / "objects.npy", np.array([["a", None, 1]], object))
    finished = mlserve("drift-check", *arguments)
    assert (finished.exit_code, finished.stdout) == (code, "")
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_npy_files_are_compared_without_pandas_pyarrow_and_scipy(data: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, "drift-check", "ref.npy", "new.npy"],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    imported = set(re.findall(r"^import time: .*\| +(\w+)", finished.stderr, re.MULTILINE))
    assert "numpy" in imported
    assert not imported & {"pandas", "pyarrow", "scipy", "sklearn", "fsspec", "joblib", "onnx"}


# What a file is written as; `one` is a single row group or record batch.
LAYOUTS = [
    "npy",
    "npz",
    "packed.npz",
    "csv",
    "jsonl",
    "parquet",
    "one.parquet",
    "arrow",
    "lz4.arrow",
]
PEAK = (
    "import re, sys\n"
    "from pathlib import Path\n"
    "from mlserve_cli.drift import drift_check\n"
    "drift_check(sys.argv[1], sys.argv[2])\n"
    # Unlike ru_maxrss this starts anew with the process.
    "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, layout: str) -> None:
    """Three times the rows, more than are kept, take the same; allocators keep some of it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("Only Linux tells the memory that a process has used.")
    # The slow ones have fewer rows; text becomes numbers of twice the size.
    slow = layout in ("csv", "jsonl", "packed.npz")
    sizes = (100_000, 300_000) if slow else (300_000, 900_000)
    peaks = []
    for rows in sizes:
        paths = [tmp_path / f"{rows}-{seed}.{layout}" for seed in range(2)]
        for seed, path in enumerate(paths):
            values = np.random.default_rng(seed).normal(size=(rows, 20)).astype(np.float32)
            write(values, path, layout)
        finished = subprocess.run(
            [sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True
        )
        peaks.append(int(finished.stdout) / 1024)
        for path in paths:
            path.unlink()
    assert peaks[1] < peaks[0] + 40
    assert peaks[1] < 250


def write(values: Any, path: Path, layout: str) -> None:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.ipc
    import pyarrow.parquet as pq

    # Few digits where it would be all about parsing.
    values = values.round(2) if layout in ("csv", "jsonl") else values
    table = pa.table({f"c{k}": np.ascontiguousarray(values[:, k]) for k in range(values.shape[1])})
    match layout:
        case "npy":
            np.save(path, values)
        case "npz":
            np.savez(path, values)
        case "packed.npz":
            np.savez_compressed(
                path, **{name: table[name].to_numpy() for name in table.schema.names}
            )
        case "csv":
            pa_csv.write_csv(table, path)
        case "jsonl":
            frame = pd.DataFrame(values)
            frame.to_json(path, orient="records", lines=True, double_precision=2)
        case "arrow" | "lz4.arrow":
            # Who writes compressed files mostly cuts them into batches, too.
            packed = layout == "lz4.arrow"
            options = pa.ipc.IpcWriteOptions(compression="lz4" if packed else None)
            with pa.ipc.new_file(str(path), table.schema, options=options) as out:
                out.write_table(table, 1 << 16 if packed else None)
        case _:
            one = layout == "one.parquet"
            pq.write_table(table, path, row_group_size=len(values) if one else 100_000)


def test_a_large_file_is_the_same_as_itself(mlserve: Any, tmp_path: Path) -> None:
    """Nothing can be ruled out by looking closer, and there is an end to it all the same."""
    np.save(tmp_path / "ref.npy", np.random.default_rng(0).normal(size=(300_000, 5)))
    finished = mlserve("drift-check", "ref.npy", "ref.npy", "--json")
    assert finished.exit_code == 0
    report = json.loads(finished.stdout)
    assert {column["effect"] for column in report["columns"]} == {0}


def test_a_limit_of_memory_is_no_obstacle(tmp_path: Path) -> None:
    """Two files of 240 MB each in an address space that cannot hold even one of them."""
    for seed in range(2):
        values = np.lib.format.open_memmap(
            tmp_path / f"{seed}.npy", "w+", np.float64, (1_500_000, 20)
        )
        r = np.random.default_rng(seed)
        for start in range(0, len(values), 100_000):
            values[start : start + 100_000] = r.normal(size=(100_000, 20))
        del values

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (220 << 20, 220 << 20))

    finished = subprocess.run(
        [COMMAND, "drift-check", "0.npy", "1.npy"],
        cwd=tmp_path,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
