"""Tables without lines."""

from rich.table import Table


def plain_table(*headings: str, first_characters: int | None = None) -> Table:
    """A table whose first column holds text, and all others numbers.

    Args:
        headings: Of the columns.
        first_characters: Least width of the first column.
    """
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column(headings[0], overflow="fold", min_width=first_characters)
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
