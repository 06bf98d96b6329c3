"""How many requests per second, beside FastAPI as tutorials write it and as experts do.

    python benchmarks/serve.py [--seconds 3] [--rounds 3] [--connections 1,8,32,128] [--rows 1,100]

All servers run one process each, get the same requests in alternating rounds, and every answer's
status is counted; one answer per round is compared with the estimator's. Needs `wrk` (apt-get
install wrk), `orjson` for the fast hand-written server, and two idle cores to mean anything.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

COLUMNS = 20

TUTORIAL = """
import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load("model.joblib")

class Request(BaseModel):
    features: list[float] | list[list[float]]

class Response(BaseModel):
    prediction: int | list[int]
    probability: float | list[float]

@app.post("/predict", response_model=Response)
async def predict(request: Request):
    many = isinstance(request.features[0], list)
    rows = request.features if many else [request.features]
    labels = model.predict(rows)
    probabilities = model.predict_proba(rows).max(axis=1)
    if many:
        return Response(prediction=labels.tolist(), probability=probabilities.tolist())
    return Response(prediction=int(labels[0]), probability=float(probabilities[0]))
"""

BY_HAND = """
import joblib
import numpy as np
import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()
model = joblib.load("model.joblib")

@app.post("/predict")
async def predict(request: Request):
    features = np.array(orjson.loads(await request.body())["features"])
    one = features.ndim == 1
    probabilities = model.predict_proba(features.reshape(1, -1) if one else features)
    labels = model.classes_[probabilities.argmax(axis=1)]
    best = probabilities.max(axis=1)
    answer = {"prediction": labels[0] if one else labels, "probability": best[0] if one else best}
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY),
                    media_type="application/json")
"""


@dataclass(frozen=True)
class Result:
    """What one run measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_microseconds: float


@dataclass(frozen=True)
class Contender:
    """A server to measure."""

    name: str
    command: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,8,32,128")
    parser.add_argument("--rows", default="1,100")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("This benchmark needs wrk: apt-get install wrk")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, labels = prepare(folder)
        for count in map(int, options.rows.split(",")):
            for connections in map(int, options.connections.split(",")):
                compare(folder, rows[:count], labels[:count], connections, options)


def prepare(folder: Path) -> tuple[list[list[float]], list[int]]:
    import joblib
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mlserve_cli import convert_onnx, save_model

    features, classes = make_classification(
        4000, COLUMNS, n_informative=12, n_classes=3, random_state=0
    )
    features = features.round(4)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features, classes)
    joblib.dump(model, folder / "model.joblib")
    save_model(model, name="model", models=folder / "models")
    convert_onnx("model", models=folder / "models")
    (folder / "tutorial.py").write_text(TUTORIAL)
    (folder / "by_hand.py").write_text(BY_HAND)
    return features[:100].tolist(), model.predict(features[:100]).tolist()


def contenders() -> list[Contender]:
    uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
    mlserve = str(Path(sys.executable).with_name("mlserve"))
    found = [
        Contender("mlserve", [mlserve, "serve"]),
        Contender("mlserve, estimator", [mlserve, "serve", "--engine", "sklearn"]),
        Contender("FastAPI, tutorial", [*uvicorn, "tutorial:app"]),
    ]
    if importlib.util.find_spec("orjson"):
        found.append(Contender("FastAPI, by hand", [*uvicorn, "by_hand:app"]))
    else:
        print("Without orjson there is no FastAPI by hand: pip install orjson")
    return found


def compare(
    folder: Path,
    rows: list[list[float]],
    labels: list[int],
    connections: int,
    options: argparse.Namespace,
) -> None:
    body = json.dumps({"features": rows[0] if len(rows) == 1 else rows})
    results: dict[str, list[Result]] = {}
    with contextlib.ExitStack() as stack:
        servers = [
            (server.name, *stack.enter_context(running(server, folder, body)))
            for server in contenders()
        ]
        for _ in range(options.rounds):
            for name, address, process in servers:
                check(address, body, labels)
                script = write_script(folder, body)
                before = cpu_seconds(process)
                found = load(address, connections, options.seconds, script)
                used = cpu_seconds(process) - before
                requests = found.requests_per_second * options.seconds
                found = replace(found, cpu_microseconds=used / requests * 1e6)
                results.setdefault(name, []).append(found)
    print(f"\n{len(rows)} row(s) per request, {connections} connection(s)")
    print(f"{'server':22}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'CPU us':>9}")
    tutorial = median([run.requests_per_second for run in results["FastAPI, tutorial"]])
    for name, runs in results.items():
        rate = median([run.requests_per_second for run in runs])
        p50, p99 = median([run.p50_ms for run in runs]), median([run.p99_ms for run in runs])
        print(f"{name:22}{rate:12,.0f}{p50:9.2f}{p99:9.2f}{rate / tutorial:8.1f}", end="")
        print(f"{median([run.cpu_microseconds for run in runs]):9.1f}", flush=True)


@contextlib.contextmanager
def running(server: Contender, folder: Path, body: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [*server.command, "--port", str(port)], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}/predict"
            for _ in range(300):
                with contextlib.suppress(OSError):
                    ask(address, body)
                    break
                time.sleep(0.1)
            yield address, process.pid
        finally:
            process.terminate()


def ask(address: str, body: str) -> dict[str, object]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, body.encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, object] = json.load(response)
        return answer


def check(address: str, body: str, labels: list[int]) -> None:
    answer = ask(address, body)
    found = answer.get("predictions", answer.get("prediction"))
    expected = labels if isinstance(found, list) else labels[0]
    assert found == expected, f"{address} answered {found}, expected {expected}"


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_script(folder: Path, body: str) -> Path:
    script = folder / "request.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{body}'\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
        "function done(summary, latency)\n"
        "  io.write(string.format('RESULT %d %d %d %d %d\\n', summary.requests, summary.duration,\n"
        "    latency:percentile(50), latency:percentile(99),\n"
        "    summary.errors.status + summary.errors.read + summary.errors.timeout))\nend\n"
    )
    return script


def load(address: str, connections: int, seconds: int, script: Path) -> Result:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), address]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    assert match is not None, output
    requests, microseconds, p50, p99, errors = map(int, match.groups())
    assert errors == 0, f"{errors} requests failed at {address}"
    return Result(requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, 0.0)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
