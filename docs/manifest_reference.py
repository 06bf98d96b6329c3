"""Fields of `manifest.json`, read off the dataclasses that it is decoded into."""

import dataclasses
import typing
from collections.abc import Iterator
from enum import StrEnum

from docstrings import attributes, summary

from mlserve_cli.serialization.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest

INTRODUCTION = f"""\
# {MANIFEST_NAME}

What an artifact says about itself, in the folder of each saved version. This is schema
version {SCHEMA_VERSION}.
"""

JSON_NAMES: dict[object, str] = {
    typing.Any: "any value",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def manifest_reference() -> str:
    """Markdown with one table for every object in the manifest, the outermost first."""
    found: dict[type, None] = {}
    _collect(Manifest, found)
    return INTRODUCTION + "".join(_table(documented) for documented in found)


def _collect(documented: type, found: dict[type, None]) -> None:
    found[documented] = None
    for hint in typing.get_type_hints(documented).values():
        for part in _parts(hint):
            if dataclasses.is_dataclass(part) and part not in found:
                _collect(part, found)


def _parts(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _parts(part)


def _table(documented: type) -> str:
    hints, meanings = typing.get_type_hints(documented), attributes(documented)
    rows = "".join(
        f"| `{name}` | {_type_name(hint)} | {meanings[name]} |\n" for name, hint in hints.items()
    )
    heading = f"\n## {documented.__name__}\n\n{summary(documented)}\n\n"
    return heading + "| Field | Type | Meaning |\n|---|---|---|\n" + rows


def _type_name(hint: object) -> str:
    """The type as JSON knows it; objects link to their own table."""
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is tuple:
        return f"array of {_type_name(arguments[0])}"
    if origin is dict:
        return f"object of {_type_name(arguments[1])}"
    if arguments:
        names = list(dict.fromkeys(_type_name(argument) for argument in arguments))
        # "array of A, B or C, or null": the comma ends what belongs to the array.
        comma = "," if " or " in names[0] else ""
        return ", ".join(names[:-1]) + f"{comma} or {names[-1]}"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ", ".join(f'`"{member.value}"`' for member in hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return JSON_NAMES[hint]
