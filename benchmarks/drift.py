"""Compares two npy files for drift in several ways, side by side in one run.

    python benchmarks/drift.py --rows 1000000 --columns 50 --repeats 3

Each way is a process of its own, from its start to its answer. The ways take turns, so that a slow
moment of the machine hits all of them, and medians are reported. Kolmogorov-Smirnov distances are
compared with scipy's before any time is printed. Other detectors run where `--peers-dir` holds
their virtual environments; `--install-peers` makes them.
"""

import argparse
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
from typing import Any

OURS = "mlserve drift-check"
SCIPY = "scipy, ks_2samp in a loop"
LIMIT = "limit: reading the bytes"
SLICE_ROWS = 50_000
# Far above any rounding, in single precision too; one row of a million more or less is 1e-6.
TOLERANCE = 1e-7
PEERS_FOLDER = Path(__file__).absolute().parent.parent / ".peers"


@dataclass(frozen=True, slots=True)
class Timing:
    """How one way did.

    Attributes:
        way: Its name.
        cpu_seconds: Median of the processor time, of all threads.
        seconds: Median from start to end.
        peak_mib: Highest memory use of any run.
        answers: Whether its Kolmogorov-Smirnov distances are scipy's; None where it gives none.
    """

    way: str
    cpu_seconds: float
    seconds: float
    peak_mib: float
    answers: bool | None


def prepare(folder: Path, rows: int, columns: int) -> None:
    """Writes the reference, and the current data with a shift in one column."""
    import numpy as np

    for seed, name in enumerate(("reference", "current")):
        generator = np.random.default_rng(seed)
        path = folder / f"{name}.npy"
        values = np.lib.format.open_memmap(path, "w+", np.float64, (rows, columns))
        for start in range(0, rows, SLICE_ROWS):
            block = generator.standard_normal((min(SLICE_ROWS, rows - start), columns))
            block[:, 1] = np.exp(block[:, 1])
            block[:, 0] += 0.3 * seed
            values[start : start + len(block)] = block


def scipy_loop(reference: str, current: str) -> dict[str, float]:
    """What everybody writes first."""
    import numpy as np
    from scipy.stats import ks_2samp

    before, after = np.load(reference), np.load(current)
    return {
        f"x{k}": float(ks_2samp(before[:, k], after[:, k]).statistic)
        for k in range(before.shape[1])
    }


def read(reference: str, current: str) -> dict[str, float]:
    """The limit of any way that looks at all values: reading the files into one buffer."""
    import numpy as np

    buffer = np.empty(1 << 23, np.uint8).data
    for path in (reference, current):
        with Path(path).open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return {}


def frouros(reference: str, current: str) -> dict[str, float]:
    """Its two-sample test, column by column."""
    import numpy as np
    from frouros.detectors.data_drift import KSTest  # type: ignore[import-not-found]

    before, after, found = np.load(reference), np.load(current), {}
    for k in range(before.shape[1]):
        detector = KSTest()
        detector.fit(X=before[:, k])
        found[f"x{k}"] = float(detector.compare(X=after[:, k])[0].statistic)
    return found


def alibi_detect(reference: str, current: str) -> dict[str, float]:
    """Its Kolmogorov-Smirnov detector."""
    import numpy as np
    from alibi_detect.cd import KSDrift  # type: ignore[import-not-found]

    before, after = np.load(reference), np.load(current)
    distances = KSDrift(before, p_val=0.01).predict(after)["data"]["distance"]
    return {f"x{k}": float(distance) for k, distance in enumerate(distances)}


def evidently(reference: str, current: str) -> dict[str, float]:
    """Its drift report with its default tests."""
    import numpy as np
    import pandas as pd
    from evidently import Report  # type: ignore[import-not-found]
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

    before, after = (pd.DataFrame(np.load(path)).add_prefix("x") for path in (reference, current))
    Report([DataDriftPreset()]).run(reference_data=before, current_data=after).dict()
    return {}


def nannyml(reference: str, current: str) -> dict[str, float]:
    """Its univariate drift calculator with the Kolmogorov-Smirnov test."""
    import nannyml as nml  # type: ignore[import-not-found]
    import numpy as np
    import pandas as pd

    before, after = (pd.DataFrame(np.load(path)).add_prefix("x") for path in (reference, current))
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(before.columns),
        continuous_methods=["kolmogorov_smirnov"],
        chunk_number=1,
    )
    calculator.fit(before).calculate(after).to_df()
    return {}


WAYS: dict[str, Callable[[str, str], dict[str, float]]] = {SCIPY: scipy_loop, LIMIT: read}
PEERS: dict[str, Callable[[str, str], dict[str, float]]] = {
    "frouros": frouros,
    "alibi-detect": alibi_detect,
    "nannyml": nannyml,
    "evidently": evidently,
}


# What else they need to be imported with today's packages.
REQUIREMENTS = {"nannyml": ["statsmodels", "pandas<3"], "evidently": ["pandas<3"]}


def command(way: str, files: tuple[str, str], peers_folder: Path) -> list[str]:
    """What to run for a way."""
    if way == OURS:
        ours = shutil.which("mlserve", path=str(Path(sys.executable).parent))
        start = [ours] if ours is not None else [sys.executable, "-m", "mlserve_cli"]
        return [*start, "drift-check", *files, "--json"]
    python = str(peers_folder / way / "bin" / "python") if way in PEERS else sys.executable
    return [python, __file__, "--way", way, "--files", *files]


def timed(arguments: list[str]) -> tuple[float, float, float, str] | None:
    """Runs a command: processor time and time in seconds, peak memory in MiB, and its answer.

    None where it fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with tempfile.TemporaryFile() as complaints:
        answer = process.stdout.read().decode()
        complaints.write(process.stderr.read())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1) or not answer:
            complaints.seek(0)
            print(f"{arguments[0]} failed:\n{complaints.read()[-500:].decode()}", file=sys.stderr)
            return None
    scale = 1024 if sys.platform != "darwin" else 1 << 20
    return usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss / scale, answer


def distances_in(way: str, answer: str) -> dict[str, float]:
    """Kolmogorov-Smirnov distances by column."""
    content: dict[str, Any] = json.loads(answer.splitlines()[-1] if way != OURS else answer)
    if way != OURS:
        return content
    return {
        column["name"]: measure["value"]
        for column in content["columns"]
        for check in column["checks"]
        for measure in check["measures"]
        if measure["name"] == "ks"
    }


def agrees(found: dict[str, float], expected: dict[str, float]) -> bool | None:
    """Whether all distances are as expected; None where there are none."""
    if not found:
        return None
    return found.keys() == expected.keys() and all(
        abs(found[name] - expected[name]) <= TOLERANCE for name in expected
    )


def measure(ways: list[str], files: tuple[str, str], repeats: int, peers: Path) -> list[Timing]:
    """Times every way `repeats` times, in turns."""
    runs: dict[str, list[tuple[float, float, float, str]]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in list(runs):
            result = timed(command(way, files, peers))
            if result is None:
                del runs[way]
            else:
                runs[way].append(result)
    expected = distances_in(SCIPY, runs[SCIPY][0][3])
    timings = []
    for way, results in runs.items():
        right = agrees(distances_in(way, results[0][3]), expected)
        if way == OURS and right is not True:
            sys.exit("No times: our distances are not scipy's.")
        cpu = statistics.median(run[0] for run in results)
        seconds = statistics.median(run[1] for run in results)
        peak = max(run[2] for run in results)
        timings.append(Timing(way, round(cpu, 2), round(seconds, 2), round(peak), right))
    return timings


def show(timings: list[Timing], rows: int, columns: int) -> None:
    """Prints a table."""
    from rich.console import Console
    from rich.table import Table

    ours = next(timing.cpu_seconds for timing in timings if timing.way == OURS)
    table = Table("way", title=f"{rows:,} rows x {columns} columns against the same")
    for heading in ("CPU s", "times ours", "seconds", "peak MiB", "distances"):
        table.add_column(heading, justify="right")
    for timing in timings:
        table.add_row(
            timing.way,
            f"{timing.cpu_seconds:.2f}",
            f"{timing.cpu_seconds / ours:.1f}",
            f"{timing.seconds:.2f}",
            f"{timing.peak_mib:.0f}",
            {None: "", True: "scipy's", False: "others"}[timing.answers],
        )
    Console().print(table)


def install(folder: Path) -> None:
    """Makes a virtual environment for each peer."""
    for name in PEERS:
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        pip = [
            str(folder / name / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            name,
            *REQUIREMENTS.get(name, []),
        ]
        if subprocess.run(pip, check=False).returncode:
            print(f"{name} cannot be installed here.", file=sys.stderr)


def main() -> None:
    """Reads the options, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the timings as JSON")
    parser.add_argument("--peers-dir", type=Path, default=PEERS_FOLDER)
    parser.add_argument("--install-peers", action="store_true", help="install them there and end")
    parser.add_argument("--way", choices=[*WAYS, *PEERS], help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.install_peers:
        install(options.peers_dir)
    elif options.prepare:
        prepare(options.prepare, options.rows, options.columns)
    elif options.way:
        print(json.dumps((WAYS | PEERS)[options.way](*options.files)))
    else:
        run(options)


def run(options: argparse.Namespace) -> None:
    """Measures all ways that can be found."""
    peers = [way for way in PEERS if (options.peers_dir / way / "bin" / "python").exists()]
    with tempfile.TemporaryDirectory(prefix="mlserve-benchmark-") as folder:
        # In a process of its own: what this one uses would count as its children's memory.
        size = ["--rows", str(options.rows), "--columns", str(options.columns)]
        subprocess.run([sys.executable, __file__, *size, "--prepare", folder], check=True)
        files = f"{folder}/reference.npy", f"{folder}/current.npy"
        ways = [OURS, SCIPY, LIMIT, *peers]
        timings = measure(ways, files, options.repeats, options.peers_dir)
    if options.json:
        print(json.dumps([asdict(timing) for timing in timings], indent=2))
    else:
        show(timings, options.rows, options.columns)


if __name__ == "__main__":
    main()
