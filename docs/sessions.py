"""Runs the README and the examples: ```console blocks with real output, ```python blocks.

All blocks run in order in one directory. A command is a line that starts with `$ `, and lines that
start with `> ` right after it continue it. What follows is its output, where `...` stands for
anything, and times, ratios, sizes, dates, versions and white space may differ.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
TIMEOUT_SECONDS = 300

# What differs from run to run, and what takes its place before outputs are compared.
VARYING = (
    # Measurements for which a busy machine has no time are left out, and reasons follow from them.
    (re.compile(r"^ +1?00?,?0?00 .*x$\n?", re.MULTILINE), ""),
    (re.compile(r"^float32 agrees within .*$\n?", re.MULTILINE), ""),
    (re.compile(r"^(Scored with \w+): .*$", re.MULTILINE), r"\1"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"[\d,.]+ ?(rows|requests|predictions)(/s| per second)"), r"N \1\2"),
    (re.compile(r"\b[\d,.]+ ?(ns|[µμ]s|ms|s|seconds?|minutes?)\b"), "N seconds"),
    (re.compile(r"\b[\d,.]+ ?(x|times)\b"), "N times"),
    (re.compile(r"\b[\d,.]+ ?([kKMG]i?B|bytes)\b"), "N bytes"),
    (re.compile(r"\b\d+\.\d+\.\d+\b"), "VERSION"),
    # The last digits depend on the processor's vector instructions.
    (re.compile(r"(\.\d{6})\d+"), r"\1"),
    # Columns, rules and line breaks move with the width of what they hold.
    (re.compile(r"([─━═-])\1+"), r"\1\1"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a ```console block, or one ```python block.

    Attributes:
        line: Number of its line in the README.
        command: Text for the shell, or Python code.
        python: Whether it is Python code.
        output: What the README shows; empty for Python.
        place: Start and end of the output in the README's text.
    """

    line: int
    command: str
    python: bool
    output: str
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did.

    Attributes:
        output: Standard output and standard error as a reader of the terminal sees them.
        exit_code: 0 where it went well.
    """

    output: str
    exit_code: int


def pages(root: Path) -> list[Path]:
    """The pages that show sessions."""
    return [root / "README.md", *sorted((root / "examples").glob("*.md"))]


def read_steps(text: str) -> list[Step]:
    """Every step of a README, in order."""
    steps = []
    for block in FENCED.finditer(text):
        start = block.start(2)
        if block[1] == "python":
            line = text.count("\n", 0, start) + 1
            steps.append(Step(line, block[2], python=True, output="", place=(start, start)))
            continue
        for found in COMMAND.finditer(block[2]):
            line = text.count("\n", 0, start + found.start()) + 1
            place = (start + found.start(2), start + found.end(2))
            command = found[1].replace("\n> ", "\n")
            steps.append(Step(line, command, python=False, output=found[2], place=place))
    return steps


def run(step: Step, folder: Path, bin_folder: Path | None = None) -> Outcome:
    """Runs a step as its reader would.

    Args:
        step: What to run.
        folder: Where to run it.
        bin_folder: Holds the `python` and `mlserve` to use; by default, those that run this.
    """
    commands = bin_folder or Path(sys.executable).parent
    command = [str(commands / "python"), "-c"] if step.python else ["/bin/sh", "-c"]
    finished = subprocess.run(
        [*command, step.command],
        cwd=folder,
        env=_environment(commands),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Outcome(finished.stdout.decode(), finished.returncode)


def _environment(commands: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLSERVE_", "PYTHON")) and name != "MODEL_PATH"
    }
    path = os.pathsep.join([str(commands), os.environ.get("PATH", os.defpath)])
    return kept | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def agrees(step: Step, outcome: Outcome) -> bool:
    """Whether a step did what the README says: its output, and an error only where one is shown."""
    fails = bool(re.search(r"^error: ", step.output, re.MULTILINE))
    if fails != (outcome.exit_code != 0):
        return False
    if step.python:
        return True
    parts = [re.escape(_normalise(part)) for part in step.output.split("...")]
    return re.fullmatch(".*".join(parts), _normalise(outcome.output), re.DOTALL) is not None


def _normalise(output: str) -> str:
    for pattern, replacement in VARYING:
        output = pattern.sub(replacement, output)
    return output


def rewrite(text: str, folder: Path) -> str:
    """The README with the real output wherever it shows another one.

    Raises:
        RuntimeError: A step failed without showing an error of ours, or Python code failed.
    """
    steps = read_steps(text)
    outcomes = [run(step, folder) for step in steps]
    for step, outcome in reversed(list(zip(steps, outcomes, strict=True))):
        if agrees(step, outcome):
            continue
        if outcome.exit_code and not re.search(r"^error: ", outcome.output, re.MULTILINE):
            raise RuntimeError(f"Line {step.line}: {step.command}\n{outcome.output}")
        start, end = step.place
        lines = [line.rstrip() for line in outcome.output.splitlines()]
        text = text[:start] + "".join(f"{line}\n" for line in lines) + text[end:]
    return text
