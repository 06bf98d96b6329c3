"""Which column of a file is which column of the model."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlserve_cli.errors import InputError, SignatureError, UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables.fault import shown
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.values import number

_LISTED_NAMES = 10
_USUAL_DELIMITERS = {";": "';'", "\t": "'\\t'", "|": "'|'", ",": "','"}


@dataclass(frozen=True, slots=True)
class Matching:
    """Columns of a file, matched with those of a model.

    Attributes:
        width: How many columns the file has.
        names: Their names; empty where nobody named them.
        positions: Where the model's columns stand in the file, in the model's order.
    """

    width: int
    names: tuple[str, ...]
    positions: tuple[int, ...]


def match_columns(
    fields: tuple[str, ...], signature: Signature, options: TableOptions, name: str
) -> Matching:
    """Finds the model's columns in a file.

    Args:
        fields: Values of the file's first record.
        signature: What the model takes.
        options: Whether the first record is a header, and which columns were asked for.
        name: Name of the file.

    Raises:
        InputError: The file has no header, or not the columns that the model takes.
        UsageError: The chosen columns do not fit the file or the model.
    """
    if not options.header:
        return _without_header(fields, signature, options.columns, name)
    if options.columns is not None:
        return _by_choice(fields, signature, options.columns, name)
    _refuse_data_as_header(fields, signature, name)
    if signature.named:
        return _by_name(fields, signature.names, name)
    return _by_position(len(fields), fields, signature, name)


def match_names(
    names: tuple[str, ...],
    signature: Signature,
    options: TableOptions,
    name: str,
    *,
    named: bool,
) -> Matching:
    """Finds the model's columns in a file that tells its columns' names itself.

    Args:
        names: Names of the file's columns.
        signature: What the model takes.
        options: Which columns were asked for.
        name: Name of the file.
        named: Whether the names mean anything.

    Raises:
        SignatureError: The file has not the columns that the model takes.
        UsageError: The chosen columns do not fit the model.
    """
    if options.columns is not None:
        return _by_choice(names, signature, options.columns, name)
    if signature.named and named:
        return _by_name(names, signature.names, name)
    return _by_position(len(names), names, signature, name)


def _without_header(
    fields: tuple[str, ...], signature: Signature, columns: tuple[str, ...] | None, name: str
) -> Matching:
    if columns is None and signature.named:
        raise UsageError(
            f"{name} is read without a header, but the model finds its columns by name: "
            f"{_listed(signature.names)}.",
            hint="Name all columns of the file, in the file's order: --columns NAME,NAME,...",
        )
    if columns is None:
        return _by_position(len(fields), (), signature, name)
    if len(columns) != len(fields):
        raise UsageError(
            f"--columns names {len(columns)} columns, but {name} has {len(fields)}.",
            hint="Without a header, --columns names every column of the file, in its order.",
        )
    if signature.named or set(signature.names) <= set(columns):
        return _by_name(columns, signature.names, name)
    return _by_position(len(fields), columns, signature, name)


def _by_choice(
    fields: tuple[str, ...], signature: Signature, columns: tuple[str, ...], name: str
) -> Matching:
    if len(columns) != len(signature.columns) or len(set(columns)) != len(columns):
        raise UsageError(
            f"--columns names {len(set(columns))} different columns, but the model takes "
            f"{len(signature.columns)}: {_listed(signature.names)}."
        )
    return _by_name(fields, columns, name)


def _by_name(fields: tuple[str, ...], wanted: tuple[str, ...], name: str) -> Matching:
    counts = Counter(fields)
    missing = [column for column in wanted if column not in counts]
    if missing:
        plural = "columns" if len(missing) > 1 else "column"
        raise SignatureError(
            f"{name} lacks the {plural} {_listed(missing)}. It has: {_listed(fields)}.",
            column=missing[0],
            hint=_other_delimiter(fields) or _similar(missing, fields),
        )
    twice = [column for column in wanted if counts[column] > 1]
    if twice:
        raise SignatureError(
            f"{name} has more than one column named {_listed(twice)}; the model takes one.",
            column=twice[0],
            hint="Rename the columns that the model does not take.",
        )
    positions = {column: position for position, column in enumerate(fields)}
    return Matching(len(fields), fields, tuple(positions[column] for column in wanted))


def _by_position(width: int, fields: tuple[str, ...], signature: Signature, name: str) -> Matching:
    expected = len(signature.columns)
    if width != expected:
        raise SignatureError(
            f"{name} has {width} columns; the model takes {expected} and knows no names.",
            hint=_other_delimiter(fields)
            or f"Choose {expected} of them, in the model's order: --columns NAME,NAME,...",
        )
    return Matching(width, fields, tuple(range(width)))


def _refuse_data_as_header(fields: tuple[str, ...], signature: Signature, name: str) -> None:
    """Raises InputError where the first record looks like a row."""
    if signature.named and set(fields) & set(signature.names):
        return
    # pandas writes 0,1,2,... as the header of a table whose columns have no names.
    counted = [str(position) for position in range(len(fields))]
    if list(fields) == counted or list(fields) == ["", *counted[:-1]]:
        return
    filled = [field for field in fields if field]
    numbers = [field for field in filled if _is_number(field)]
    if not filled or not numbers or (not signature.named and len(numbers) < len(filled)):
        return
    raise InputError(
        f"{name} seems to have no header; its first line is: {shown(','.join(fields))}.",
        hint="Name the file's columns: --no-header --columns NAME,NAME,...",
    )


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def other_delimiter(fields: Sequence[str]) -> str | None:
    """What seems to separate the fields of a record that was taken for a single one."""
    if len(fields) != 1:
        return None
    counts = {delimiter: fields[0].count(delimiter) for delimiter in _USUAL_DELIMITERS}
    most = max(counts, key=lambda delimiter: counts[delimiter])
    return most if counts[most] else None


def _other_delimiter(fields: Sequence[str]) -> str | None:
    found = other_delimiter(fields)
    if found is None:
        return None
    return f"Its only column is {shown(fields[0])}. Add: --delimiter {_USUAL_DELIMITERS[found]}"


def _similar(missing: Sequence[str], fields: Sequence[str]) -> str | None:
    folded = {field.strip().lower(): field for field in fields}
    found = []
    for column in missing[:_LISTED_NAMES]:
        close = difflib.get_close_matches(column.strip().lower(), folded, n=1)
        found += [f"{column!r} may be called {folded[name]!r} there" for name in close]
    return f"{'; '.join(found)}." if found else None


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:_LISTED_NAMES])
    more = len(names) - _LISTED_NAMES
    return f"{listed} and {more} more" if more > 0 else listed
