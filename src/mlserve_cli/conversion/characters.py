"""Text in lower case and without accents, exactly as Python does it, inside a graph.

ONNX Runtime lowers the case with the locale of the machine it runs on, which may be absent or know
other letters than Python. Here only the letters of ASCII are lowered that way; texts with others
that change take a slower path: they are cut into characters, these are looked up, and joined again.
"""

import functools
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper
from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from mlserve_cli.conversion.graph import MICROSOFT_DOMAIN, ML_DOMAIN, Graph, Kind, Output, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ASCII = r"[\x00-\x7f]"
_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"
_FINAL_SIGMA = "\N{GREEK SMALL LETTER FINAL SIGMA}"


@functools.cache
def all_characters() -> str:
    """Every character that text can hold, in order; surrogates cannot stand alone."""
    return "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))


def character_class(characters: "Iterable[str]", *, inverted: bool = False) -> str:
    """A character class of RE2 that matches exactly these characters, or all others."""
    parts = []
    first = last = -2
    for code in [*sorted(map(ord, characters)), 0x7FFFFFFF]:
        if code != last + 1:
            if first >= 0:
                parts.append(f"\\x{{{first:x}}}-\\x{{{last:x}}}")
            first = code
        last = code
    return f"[{'^' if inverted else ''}{''.join(parts)}]"


def tokens(text: Tensor, pattern: str) -> Tensor:
    """What a pattern of RE2 finds one after the other, shape `(rows, most)`, filled up with ""."""
    return text.graph.add(
        "Tokenizer",
        text,
        domain=MICROSOFT_DOMAIN,
        mark=0,
        mincharnum=1,
        pad_value="",
        tokenexp=pattern,
    )


def matches(strings: Tensor, pattern: str) -> Tensor:
    """Which strings a pattern of RE2 matches as a whole, BOOL."""
    return strings.graph.add("RegexFullMatch", strings, kind=Kind.BOOL, pattern=pattern)


def numbered(strings: Tensor, numbers: "dict[str, int]", default: int = -1) -> Tensor:
    """The number of each string, INT64."""
    return strings.graph.add(
        "LabelEncoder",
        strings,
        kind=Kind.INT64,
        domain=ML_DOMAIN,
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=default,
    )


def rewritten(text: Tensor, *, lower: bool, accents: str | None) -> Tensor:
    """Texts of shape `(rows,)` in lower case, then without accents ("ascii" or "unicode")."""
    if not lower and accents is None:
        return text
    changes = _changes(lower, accents)
    same = _ASCII if accents == "ascii" else character_class(changes, inverted=True)
    quick = matches(text, f"(?s){same}*")
    every = quick.cast(Kind.INT64).reduce("Min", 0, keep=False).cast(Kind.BOOL)
    return _either(
        every,
        lambda graph: _lowered(Tensor(graph, text.name, Kind.STRING), lower=lower),
        lambda graph: _looked_up(Tensor(graph, text.name, Kind.STRING), changes, lower, accents),
    )


def _lowered(text: Tensor, *, lower: bool) -> Tensor:
    if not lower:
        return text.graph.add("Identity", text)
    return text.graph.add(
        "StringNormalizer", text, case_change_action="LOWER", is_case_sensitive=1, locale="C"
    )


def _looked_up(text: Tensor, changes: "dict[str, str]", lower: bool, accents: str | None) -> Tensor:
    graph = text.graph
    text = _lowered(text, lower=lower)
    single = tokens(text, "(?s).")
    places = {character: place for place, character in enumerate(changes)}
    found = numbered(single, places)
    results = graph.constant([*changes.values(), ""], Kind.STRING)
    kept = single
    if accents == "ascii":
        kept = matches(single, f"{_ASCII}*").where(single, graph.constant("", Kind.STRING))
    result = (found < 0).where(kept, results.gather(found))
    if lower:
        final = _without_accents(_FINAL_SIGMA, accents)
        result = _final_sigmas(single).where(graph.constant([[final]], Kind.STRING), result)
    return _joined(result)


def _final_sigmas(single: Tensor) -> Tensor:
    """Where a capital sigma ends a word, by the rule of the Unicode standard (chapter 3.13).

    Before it stands a cased letter, after it does not, both without characters that are ignored.
    """
    graph = single.graph
    kinds = numbered(single, _case_kinds(), 0)
    ignored = kinds.equals(2) | single.equals("")
    rank = graph.add("CumSum", (~ignored).cast(Kind.INT64), graph.constant(1, Kind.INT64))
    shape = graph.add("Shape", single, kind=Kind.INT64)
    more = shape + np.array([0, 3])
    blank = graph.add("Expand", graph.constant([[0]], Kind.INT64), more)
    width = more.gather([1])
    target = ignored.where(graph.add("Expand", width - 1, shape), rank)
    cased = graph.add("ScatterElements", blank, target, kinds.equals(1).cast(Kind.INT64), axis=1)
    previous = graph.add("Max", rank, graph.constant(1, Kind.INT64)) - 1
    before = graph.add("GatherElements", cased, previous, axis=1)
    after = graph.add("GatherElements", cased, rank + 1, axis=1)
    return single.equals(_SIGMA) & before.equals(1) & after.equals(0)


def _joined(single: Tensor) -> Tensor:
    """The strings of each row joined, shape `(rows,)`: neighbours in pairs, until one is left."""
    graph = single.graph
    body = _Inner(graph)
    body.declare("/pairs/step", Kind.INT64, [])
    body.declare("/pairs/going", Kind.BOOL, [])
    body.declare("/pairs/before", Kind.STRING, [None, None])
    before = Tensor(body, "/pairs/before", Kind.STRING)
    # One more empty string makes the number even or does no harm.
    rows = body.add("Shape", before, kind=Kind.INT64, start=0, end=1)
    one = body.constant([1], Kind.INT64)
    empty = body.add(
        "Expand", body.constant([[""]], Kind.STRING), body.concatenate([rows, one], axis=0)
    )
    even = body.concatenate([before, empty], axis=1)
    count = body.add("Shape", before, kind=Kind.INT64, start=1, end=2)
    half = (count + 1) / 2
    end = half * 2
    axis, two, zero = one, body.constant([2], Kind.INT64), body.constant([0], Kind.INT64)
    pairs = body.add(
        "StringConcat",
        body.add("Slice", even, zero, end, axis, two),
        body.add("Slice", even, one, end, axis, two),
    )
    going = (half > 1).reshape([])
    outputs = [Output("/pairs/go_on", going, ()), Output("/pairs/after", pairs, (None, None))]
    # Whatever can be held in memory is joined after so many steps.
    limits = (graph.constant(60, Kind.INT64), graph.constant(True, Kind.BOOL))
    loop = graph.add_many("Loop", (*limits, single), [Kind.STRING], body=body.model(outputs).graph)
    return loop[0].reshape([-1])


class _Inner(Graph):
    """A graph inside another one, whose tensors it may use by name."""

    def __init__(self, outer: Graph) -> None:
        super().__init__(outer.real.type)
        self._prefix = f"{getattr(outer, '_prefix', '')}/inner"

    def _name(self, prefix: str) -> str:
        return f"{self._prefix}{super()._name(prefix)}"

    def declare(self, name: str, kind: Kind, shape: "list[int | None]") -> None:
        """Declares an input of any shape."""
        self.inputs.append(helper.make_tensor_value_info(name, self.onnx_type(kind), shape))


def _either(
    condition: Tensor, then: "Callable[[Graph], Tensor]", otherwise: "Callable[[Graph], Tensor]"
) -> Tensor:
    graph = condition.graph
    branches = []
    for name, write in (("then", then), ("otherwise", otherwise)):
        inner = _Inner(graph)
        result = write(inner)
        branches.append(inner.model([Output(f"/{name}/result", result, (None,))]).graph)
    first, second = branches
    return graph.add("If", condition, kind=Kind.STRING, then_branch=first, else_branch=second)


def _without_accents(text: str, accents: str | None) -> str:
    if accents is None or text.isascii():
        return text
    strip = strip_accents_ascii if accents == "ascii" else strip_accents_unicode
    return str(strip(text))


@functools.cache
def _changes(lower: bool, accents: str | None) -> dict[str, str]:
    """What becomes of each character that is not simply lowered as ASCII is.

    Without those that accents "ascii" leaves nothing of, which are nearly all.
    """
    changes = {}
    for character in filter(lambda one: not one.isascii(), all_characters()):
        result = character.lower() if lower else character
        if accents is not None and not unicodedata.is_normalized("NFKD", result):
            result = _without_accents(result, accents)
        elif accents == "ascii":
            result = result.encode("ascii", "ignore").decode()
        elif accents == "unicode":
            result = "".join(one for one in result if not unicodedata.combining(one))
        if result != character and (result or accents != "ascii"):
            changes[character] = result
    return changes


@functools.cache
def _case_kinds() -> dict[str, int]:
    """1 for characters that have a case, 2 for those that are ignored when a word's end is sought.

    Python does not tell these properties, but what it makes of a capital sigma beside them.
    """
    kinds = {}
    for character in all_characters():
        category = unicodedata.category(character)
        # No other categories have either property.
        if category[0] not in "LMNPS" and category != "Cf":
            continue
        if f"A{_SIGMA}{character}A".lower()[1] != _FINAL_SIGMA:
            # Either ignored, or with a case of its own.
            alone = f"A{_SIGMA}{character}".lower()[1] == _FINAL_SIGMA
            kinds[character] = 2 if alone else 1
    return kinds
