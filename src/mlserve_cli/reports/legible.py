"""Text of unknown origin, such as names of columns, so that it shows and does not act."""

import unicodedata

# Line ends, control characters, halves of surrogate pairs.
_ACTING = {"Cc", "Cs", "Zl", "Zp"}
# Reversing the order of letters makes a name look like another one.
_REORDERING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def legible(text: str, limit: int | None = None) -> str:
    """The text on one line, with escapes for characters that act and quotes around blanks.

    Args:
        text: Anything.
        limit: How many characters to show, at least 4; more than that ends in `...`.
    """
    shown = "".join(map(_shown, text if limit is None else text[: limit + 1]))
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 3] + "..."
    return shown if shown.strip() else f'"{shown}"'


def _shown(character: str) -> str:
    if character in _REORDERING or unicodedata.category(character) in _ACTING:
        return character.encode("unicode_escape").decode()
    return character
