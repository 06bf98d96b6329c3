"""Patterns of Python's `re` that find tokens, as patterns of RE2 that find the same ones."""

import functools
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mlserve_cli.conversion.characters import all_characters, character_class

# `re` parses patterns with these and offers no public way to the parsed form.
_parser: Any = import_module("re._parser")
_compiler: Any = import_module("re._compiler")

_MOST_REPEATS = 1000


class UnsupportedPatternError(ValueError):
    """A pattern with something that RE2 lacks, or for which it may find other tokens."""


@dataclass(frozen=True, slots=True)
class TokenPattern:
    """How to find tokens with RE2.

    Attributes:
        found: Matches one token after the other.
        whole: If not empty, tokens that it does not match as a whole are left out.
        spaced: Whether a token can hold a space.
    """

    found: str
    whole: str
    spaced: bool


@functools.lru_cache(maxsize=32)
def token_pattern(pattern: str) -> TokenPattern:
    r"""The pattern for RE2.

    `\b` of RE2 knows the letters of ASCII only. Between two of Python's, a pattern of word
    characters finds words that it matches as a whole, so these are found first and matched then.

    Raises:
        UnsupportedPatternError: There is none.
    """
    parsed = _parser.parse(pattern, 0)
    flags = parsed.state.flags
    flags |= 0 if flags & re.ASCII else re.UNICODE
    if parsed.state.groups > 1:
        raise UnsupportedPatternError("it has a capturing group")
    items = list(parsed)
    word = character_class(_members(_parser.parse(r"\w", 0).data[0], re.UNICODE))
    bounded = len(items) > 2 and items[0] == items[-1] == _boundary()
    inner = items[1:-1] if bounded else items
    written = "".join(_written(item, flags) for item in inner)
    spaced = any(" " in members for members in _all_members(inner, flags))
    if bounded:
        if any(not _are_words(members) for members in _all_members(inner, flags)):
            raise UnsupportedPatternError("between its \\b are more than word characters")
        return TokenPattern(f"{word}+", written, spaced=False)
    _check_greedy(inner)
    return TokenPattern(written, "", spaced)


def _boundary() -> Any:
    return _parser.parse(r"\b", 0).data[0]


def _are_words(members: str) -> bool:
    return all(one.isalnum() or one == "_" for one in members)


def _check_greedy(items: "list[Any]") -> None:
    """Refuses what the longest match, which ONNX Runtime looks for, may differ for."""
    for number, (kind, content) in enumerate(items):
        if str(kind) in _SINGLE:
            continue
        repeated = str(kind) == "MAX_REPEAT" and content[0] >= 1
        if repeated and _is_single(content[2]) and number == len(items) - 1:
            continue
        raise UnsupportedPatternError("it is more than characters and one repetition at the end")


_SINGLE = {"LITERAL", "NOT_LITERAL", "IN", "ANY"}


def _is_single(items: Any) -> bool:
    return len(items) == 1 and str(items[0][0]) in _SINGLE


def _written(item: Any, flags: int) -> str:
    kind, content = str(item[0]), item[1]
    if kind in _SINGLE:
        return character_class(_members(item, flags))
    if kind == "MAX_REPEAT":
        least, most, inner = content
        if least > _MOST_REPEATS or (most is not _parser.MAXREPEAT and most > _MOST_REPEATS):
            raise UnsupportedPatternError(f"it repeats more than {_MOST_REPEATS} times")
        ending = "" if most is _parser.MAXREPEAT else most
        return f"(?:{''.join(_written(one, flags) for one in inner)}){{{least},{ending}}}"
    if kind == "BRANCH":
        several = ("".join(_written(one, flags) for one in branch) for branch in content[1])
        return f"(?:{'|'.join(several)})"
    if kind == "SUBPATTERN" and not content[1] and not content[2]:
        return f"(?:{''.join(_written(one, flags) for one in content[3])})"
    raise UnsupportedPatternError(f"it uses {kind}")


def _all_members(items: Any, flags: int) -> "list[str]":
    found = []
    for kind, content in items:
        if str(kind) in _SINGLE:
            found.append(_members((kind, content), flags))
        elif str(kind) == "MAX_REPEAT":
            found += _all_members(content[2], flags)
        elif str(kind) == "BRANCH":
            found += [one for branch in content[1] for one in _all_members(branch, flags)]
        elif str(kind) == "SUBPATTERN":
            found += _all_members(content[3], flags)
    return found


def _members(item: Any, flags: int) -> str:
    """The characters that one item of a parsed pattern matches."""
    state = _parser.State()
    state.flags = flags
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [item]), flags)
    return "".join(compiled.findall(all_characters()))
