"""What is not imported: nothing heavy before it is needed."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlserve_cli

HEAVY = {
    *("cloudpickle", "fastapi", "fsspec", "joblib", "numpy", "onnx", "onnxruntime", "pandas"),
    *("pyarrow", "pydantic", "scipy", "sklearn", "skops", "uvicorn", "yaml"),
}


def _packages_imported_by(*command: str | Path, **environment: str) -> set[str]:
    """Top-level names of everything that a Python process imports from its start to its end."""
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        env={"COLUMNS": "100", "TERM": "dumb", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = re.findall(r"^import time: .*\| +([\w.]+)$", finished.stderr, re.MULTILINE)
    assert "encodings" in lines, finished.stderr
    return {name.partition(".")[0] for name in lines}


def test_the_list_of_imports_is_seen() -> None:
    found = _packages_imported_by("-c", "import mlserve_cli.cli.app, numpy")
    assert {"mlserve_cli", "typer", "numpy"} <= found


@pytest.mark.parametrize("module", ["mlserve_cli", "mlserve_cli.cli", "mlserve_cli.cli.app"])
def test_importing_the_library_or_the_command_line_imports_nothing_heavy(module: str) -> None:
    assert not _packages_imported_by("-c", f"import {module}") & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["save", "--help"], ["inspect", "--help"], ["batch-predict", "-h"]],
    ids=" ".join,
)
def test_asking_for_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = Path(sys.executable).with_name("mlserve")
    found = _packages_imported_by(script, *arguments)
    assert "mlserve_cli" in found
    assert not found & HEAVY


@pytest.mark.parametrize("words", ["mlserve ba", "mlserve save --format "])
def test_shell_completion_imports_nothing_heavy(words: str) -> None:
    script = Path(sys.executable).with_name("mlserve")
    found = _packages_imported_by(
        script,
        _MLSERVE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert "mlserve_cli" in found
    assert not found & HEAVY


@pytest.mark.parametrize("name", mlserve_cli.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(mlserve_cli, name)
    home = importlib.import_module(found.__module__)
    assert getattr(home, found.__name__) is found
    assert name in dir(mlserve_cli)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'save_modle'"):
        mlserve_cli.save_modle  # noqa: B018
