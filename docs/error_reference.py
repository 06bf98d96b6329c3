"""Exit codes and HTTP statuses, read off the exception tree."""

from collections.abc import Iterator

from docstrings import summary

from mlserve_cli.errors import MlserveError

INTRODUCTION = """\
# Errors and exit codes

Exit code 0 says that the command did its work. Exit code 1 is not an error: a check ran and found
something, such as drift or broken parity. Any other code names the kind of failure:

| Error | Exit code | HTTP status | Meaning |
|---|---|---|---|
"""

CLOSING = """
An interrupted command ends with 128 plus the number of the signal, 130 for Ctrl-C.
`MLSERVE_DEBUG=1` shows the traceback of an error.
"""


def error_reference() -> str:
    """Markdown with one table row for every error, families first."""
    return INTRODUCTION + "".join(_rows(MlserveError, 0)) + CLOSING


def _rows(error: type[MlserveError], depth: int) -> Iterator[str]:
    for child in error.__subclasses__():
        if child.__module__ != MlserveError.__module__:
            continue
        indent = "&nbsp;" * 4 * depth
        yield (
            f"| {indent}`{child.__name__}` | {child.exit_code} | {child.http_status} "
            f"| {summary(child)} |\n"
        )
        yield from _rows(child, depth + 1)
