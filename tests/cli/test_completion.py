"""Shell completion, in real shells and by the protocol of each."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Mlserve


def _bash(script: str, folder: Path, environment: dict[str, str]) -> str:
    bash = shutil.which("bash")
    assert bash is not None
    command = [bash, "--norc", "--noprofile", "-c", script]
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert finished.stderr == ""
    return finished.stdout


# What bash does when the user presses the tabulator key after these words.
PRESS_TAB = """
eval "$(_MLSERVE_COMPLETE=source_bash mlserve)"
COMP_WORDS=({words}); COMP_CWORD={position}
"$(complete -p mlserve | sed 's/.*-F \\([^ ]*\\).*/\\1/')" mlserve
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mlserve ba", {"batch-predict"}),
        ("mlserve ins", {"inspect"}),
        ("mlserve save --form", {"--format"}),
        ("mlserve save --format s", {"skops"}),
        ("mlserve batch-predict --output p", {"probabilities"}),
    ],
)
def test_bash_completes_commands_options_and_choices(
    words: str, expected: set[str], tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    script = PRESS_TAB.format(words=words, position=len(words.split()) - 1)
    assert set(_bash(script, tmp_path, clean_environment).split()) == expected


def test_bash_completes_the_names_of_saved_models(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    for name in ("penguins", "prices"):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        (tmp_path / "models" / name / "1" / "manifest.json").write_text("{}")
    script = PRESS_TAB.format(words="mlserve batch-predict --model pe", position=3)
    assert _bash(script, tmp_path, clean_environment).split() == ["penguins"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_offered_commands_with_their_help(shell: str, mlserve: Mlserve) -> None:
    script = mlserve(_MLSERVE_COMPLETE=f"source_{shell}")
    assert script.exit_code == 0
    assert f"complete_{shell}" in script.stdout
    offered = mlserve(
        _MLSERVE_COMPLETE=f"complete_{shell}",
        _TYPER_COMPLETE_ARGS="mlserve ba",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_WORD_TO_COMPLETE="ba",
    )
    assert "batch-predict" in offered.stdout
    assert "predictions" in offered.stdout
    assert "inspect" not in offered.stdout
