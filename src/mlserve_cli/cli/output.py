"""What commands print: results to stdout, progress and notes to stderr."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


# Columns of tables that go to a pipe or a file.
_PIPED_WIDTH = 120


def print_json(value: object) -> None:
    """Prints a dataclass, mapping or sequence as indented JSON."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    # JSON is UTF-8 whatever the terminal's encoding is.
    sys.stdout.flush()
    sys.stdout.buffer.write(text + b"\n")


def stdout() -> "Console":
    """The console for results. Nothing is wrapped or coloured where it is not a terminal.

    Text is printed as it is: names of columns and files may look like rich's markup.
    """
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, markup=False, emoji=False)
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else _PIPED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def stderr() -> "Console":
    """The console for progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Shows a spinner on a terminal while something slow goes on.

    Yields:
        A function that takes what is being done now, in a few words.
    """
    if not sys.stderr.isatty():
        # Nobody looks, and whoever runs a script should not wait for what draws.
        yield lambda _: None
        return
    with stderr().status(f"{doing} ...") as status:
        yield lambda now: status.update(f"{now} ...")


def fields(rows: Sequence[tuple[str, "RenderableType"]]) -> "RenderableType":
    """Names and values below each other, the names dimmed."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def size(size_bytes: int) -> str:
    """A size as people write it."""
    from rich.filesize import decimal

    return decimal(size_bytes)
