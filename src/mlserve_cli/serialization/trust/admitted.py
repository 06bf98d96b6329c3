"""Which names a model file may use, and for what."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources


class Use(IntEnum):
    """What a file does with a name; each level includes those below it."""

    REFERENCE = 1
    CONSTRUCT = 2
    CALL = 3


_SECTIONS = {"[reference]": Use.REFERENCE, "[construct]": Use.CONSTRUCT, "[call]": Use.CALL}


@cache
def admitted_names() -> dict[str, Use]:
    """The highest use of every name that `admitted.txt` lists, as `module.Name`."""
    text = resources.files(__package__).joinpath("admitted.txt").read_text(encoding="utf-8")
    names: dict[str, Use] = {}
    use = Use.REFERENCE
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry in _SECTIONS:
            use = _SECTIONS[entry]
        elif entry:
            names[entry] = use
    return names


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The admitted names and those that the caller vouches for.

    Attributes:
        trusted: Exact names, `module.Name`: each may be referenced, constructed and called.
    """

    trusted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, trust: Collection[str]) -> "TrustPolicy":
        """A policy that trusts these names, or is trusted to hold one name if it is a string."""
        return cls(frozenset((trust,) if isinstance(trust, str) else trust))

    def admits(self, module: str, name: str, use: Use) -> bool:
        """Whether a file may put `module.name` to this use."""
        full_name = f"{module}.{name}"
        if full_name in self.trusted:
            return True
        # A dotted name walks through attributes, from one module into what it imports. The list
        # names what a module holds itself.
        return "." not in name and admitted_names().get(full_name, 0) >= use
