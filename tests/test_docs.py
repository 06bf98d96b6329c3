"""Documentation is true: the README's session, examples in docstrings, the generated reference."""

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sessions

import mlserve_cli

ROOT = Path(__file__).parent.parent
SOURCES = Path(mlserve_cli.__file__).parent

SESSION = """\
Some text.

```console
$ echo 'took 1.25 s,' \\
>   "10 rows/s"
took 0.5 s, 99,000 rows/s
$ seq 3
1
...
```

```python
open("made.txt", "w").write("2 lines\\n")
```

```console
$ cat made.txt
3 lines
```

```sh
exit 1
```
"""


def _modules_with_examples() -> list[str]:
    names = []
    for path in sorted(SOURCES.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(SOURCES.parent).with_suffix("").parts
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


@pytest.mark.slow
@pytest.mark.parametrize("page", sessions.pages(ROOT), ids=lambda page: page.name)
def test_a_session_shows_what_its_commands_do(page: Path, tmp_path: Path) -> None:
    steps = sessions.read_steps(page.read_text(encoding="utf-8"))
    assert any("mlserve save" in step.command for step in steps)
    for step in steps:
        outcome = sessions.run(step, tmp_path)
        assert sessions.agrees(step, outcome), (
            f"{page.name} line {step.line}: {step.command}\n"
            f"shows:\n{step.output}\ndoes (exit code {outcome.exit_code}):\n{outcome.output}"
        )


@pytest.mark.parametrize("name", _modules_with_examples())
def test_examples_in_docstrings_print_what_they_show(name: str, in_tmp_path: Path) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_reference_is_current_whatever_the_terminal_and_locale() -> None:
    for environment in ({"COLUMNS": "30", "LC_ALL": "C"}, {"FORCE_COLOR": "1", "COLUMNS": "300"}):
        subprocess.run(
            [sys.executable, ROOT / "docs" / "generate.py", "--check"],
            env=os.environ | environment,
            check=True,
        )


def test_a_session_runs_in_order_in_one_folder_and_differences_are_seen(tmp_path: Path) -> None:
    steps = sessions.read_steps(SESSION)
    outcomes = [sessions.run(step, tmp_path) for step in steps]
    agree = [sessions.agrees(step, outcome) for step, outcome in zip(steps, outcomes, strict=True)]
    assert [step.line for step in steps] == [4, 7, 13, 17]
    assert agree == [True, True, True, False]
    assert sessions.rewrite(SESSION, tmp_path) == SESSION.replace("3 lines", "2 lines")


@pytest.mark.parametrize("block", ["```python\n1 / 0\n```\n", "```console\n$ exit 3\n```\n"])
def test_a_failing_step_is_neither_accepted_nor_written_down(block: str, tmp_path: Path) -> None:
    (step,) = sessions.read_steps(block)
    assert not sessions.agrees(step, sessions.run(step, tmp_path))
    with pytest.raises(RuntimeError, match="Line"):
        sessions.rewrite(block, tmp_path)


def test_a_command_that_ends_in_an_error_is_shown_with_its_message(tmp_path: Path) -> None:
    block = "```console\n$ mlserve inspect nothing.skops\nerror: ...\n```\n"
    (step,) = sessions.read_steps(block)
    assert sessions.agrees(step, sessions.run(step, tmp_path))
