"""The command reference, read off the Typer application."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from mlserve_cli.cli.app import app

INTRODUCTION = """\
# Commands

Every command answers `--help` with what stands here, and ends with an [exit code](errors.md).
"""


def command_reference() -> str:
    """Markdown with every command, its arguments and options.

    The text comes from the command objects: it depends on no terminal.
    """
    root = typer.main.get_command(app)
    return INTRODUCTION + "".join(_describe(root, "mlserve", None))


def _describe(command: Any, path: str, parent: Any) -> Iterator[str]:
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"\n## {path}\n\n```\n{usage}\n```\n\n{_unwrap(command.help or '')}\n"
    for title, kind in (("Argument", "argument"), ("Option", "option")):
        records = [
            _row(parameter, context)
            for parameter in command.get_params(context)
            if parameter.param_type_name == kind
            and not parameter.hidden
            and parameter.name != "help"
        ]
        if records:
            yield f"\n| {title} | Meaning |\n|---|---|\n" + "\n".join(records) + "\n"
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _describe(child, f"{path} {name}", context)


def _row(parameter: Any, context: Any) -> str:
    names, text = parameter.get_help_record(context)
    # The record ends in "[env var: NAME; default: VALUE]", or in part of it.
    facts = text[len(parameter.help or "") :].strip().removeprefix("[").removesuffix("]")
    meaning = _unwrap(parameter.help or "")
    if facts:
        meaning = f"{meaning} *{facts}*".strip()
    return f"| `{_cell(names)}` | {_cell(meaning)} |"


def _unwrap(text: str) -> str:
    """Joins the lines of each paragraph."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n\n", "<br>")
