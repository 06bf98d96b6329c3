"""Which columns of both sides are compared, and how their columns differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlserve_cli.drift.report import Kind, SchemaFinding, SchemaProblem
from mlserve_cli.drift.sources.interface import Field, Role
from mlserve_cli.errors import InputError, UsageError

_LISTED = 10
# Kinds whose values are numbers that can be compared with one another.
_NUMBERS = {Kind.NUMERIC, Kind.BOOLEAN}


@dataclass(frozen=True, slots=True)
class Pair:
    """A column of both sides.

    Attributes:
        name: Its name in the reference.
        reference: Its field there; None where the reference lacks it.
        current: Its field in the current data; None where they lack it.
        reference_position: Where it stands in the reference.
        current_position: Where it stands in the current data.
    """

    name: str
    reference: Field | None
    current: Field | None
    reference_position: int = -1
    current_position: int = -1

    @property
    def kind(self) -> Kind:
        """How its values are compared."""
        fields = [field for field in (self.reference, self.current) if field is not None]
        return fields[0].kind if len({field.kind for field in fields}) == 1 else Kind.NUMERIC

    @property
    def is_expected(self) -> bool:
        """Whether it is compared, or missed, without being asked for by name."""
        roles = {field.role for field in (self.reference, self.current) if field is not None}
        missed = self.reference is None or self.current is None
        return Role.CONTEXT not in roles and not (missed and Role.OUTPUT in roles)

    @property
    def comparable(self) -> bool:
        """Whether both sides have it, with values of the same nature."""
        if self.reference is None or self.current is None:
            return False
        kinds = {self.reference.kind, self.current.kind}
        return len(kinds) == 1 or kinds <= _NUMBERS


@dataclass(frozen=True, slots=True)
class Columns:
    """What one side has.

    Attributes:
        name: What the user calls the data.
        fields: Its columns.
        named: Whether they have names of their own.
    """

    name: str
    fields: Sequence[Field]
    named: bool


def match_columns(
    reference: Columns, current: Columns, wanted: Sequence[str] | None
) -> tuple[list[Pair], list[SchemaFinding]]:
    """Pairs of columns in the order of the reference, and every difference.

    Args:
        reference: One side.
        current: The other side.
        wanted: Names of the columns to compare; None for all.

    Raises:
        UsageError: Neither side has a wanted column.
        InputError: Columns have no names on one side and their numbers differ, or names repeat.
    """
    if wanted is not None and not wanted:
        raise UsageError("No columns are named, and so there is nothing to compare.")
    _refuse_repeated(reference)
    _refuse_repeated(current)
    if not (reference.named and current.named):
        current = _by_position(reference, current)
    places = {field.name: place for place, field in enumerate(current.fields)}
    pairs = []
    for place, field in enumerate(reference.fields):
        there = places.get(field.name, -1)
        other = current.fields[there] if there >= 0 else None
        pairs.append(Pair(field.name, field, other, place, there))
    known = {field.name for field in reference.fields}
    extra = [field for field in current.fields if field.name not in known]
    if wanted is not None:
        _refuse_unknown(wanted, known | {field.name for field in extra}, reference.name)
        pairs = [pair for pair in pairs if pair.name in wanted]
        extra = [field for field in extra if field.name in wanted]
    else:
        pairs = [pair for pair in pairs if pair.is_expected]
        extra = [field for field in extra if field.role is Role.INPUT]
    findings = _findings(pairs, extra)
    if not any(pair.comparable for pair in pairs):
        raise InputError(
            f"{reference.name} and {current.name} have no column that can be compared. "
            f"{findings[0].detail}",
            hint="Look at both files: is each what you meant?",
        )
    return pairs, findings


def _refuse_repeated(columns: Columns) -> None:
    names = [field.name for field in columns.fields]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            f"{columns.name} has more than one column named {_listed(repeated)}.",
            hint="Rename them, so that each can be told from the others.",
        )


def _by_position(reference: Columns, current: Columns) -> Columns:
    """The current columns under the names of the reference's."""
    before, after = (
        [field for field in side.fields if field.role is Role.INPUT]
        for side in (reference, current)
    )
    if len(before) != len(after):
        raise InputError(
            f"{reference.name} has {len(before)} columns and {current.name} "
            f"{len(after)}; without names on both sides they are matched by position.",
            hint="Give both sides the same columns, or files with column names.",
        )
    fields = [replace(field, name=named.name) for named, field in zip(before, after, strict=True)]
    return Columns(current.name, fields, named=True)


def _refuse_unknown(wanted: Sequence[str], known: set[str], name: str) -> None:
    unknown = [column for column in wanted if column not in known]
    if unknown:
        raise UsageError(
            f"There is no column {_listed(unknown)} on either side; {name} has "
            f"{_listed(sorted(known))}."
        )


def _findings(pairs: list[Pair], extra: list[Field]) -> list[SchemaFinding]:
    findings = []
    for pair in pairs:
        if pair.current is None:
            detail = f"The current data have no column {pair.name!r}."
            findings.append(SchemaFinding(SchemaProblem.MISSING, pair.name, detail, counts=True))
        elif pair.reference is not None and pair.reference.kind is not pair.current.kind:
            findings.append(_retyped(pair.name, pair.reference, pair.current, pair.comparable))
        elif pair.kind is Kind.TIME and _zoned(pair.reference) != _zoned(pair.current):
            detail = f"{pair.name!r} has a time zone on one side only; the other one counts as UTC."
            findings.append(SchemaFinding(SchemaProblem.RETYPED, pair.name, detail, counts=False))
    for field in extra:
        detail = f"The reference has no column {field.name!r}."
        findings.append(SchemaFinding(SchemaProblem.EXTRA, field.name, detail, counts=False))
    order = [pair.current_position for pair in pairs if pair.current is not None]
    if order != sorted(order):
        detail = "The columns stand in another order than in the reference; their names decide."
        findings.append(SchemaFinding(SchemaProblem.REORDERED, "", detail, counts=False))
    return findings


def _zoned(field: Field | None) -> bool:
    """Whether a type of times names a zone, as in `timestamp[us, tz=UTC]`."""
    return field is not None and "," in field.dtype


def _retyped(name: str, before: Field, after: Field, comparable: bool) -> SchemaFinding:
    detail = f"{name!r} holds {_kind(before)} in the reference and {_kind(after)} now"
    detail += (
        "; compared as numbers."
        if comparable
        else ", which cannot be compared. Correct the values, or leave the column out."
    )
    return SchemaFinding(SchemaProblem.RETYPED, name, detail, counts=not comparable)


def _kind(field: Field) -> str:
    words = {Kind.NUMERIC: "numbers", Kind.BOOLEAN: "truth values", Kind.TIME: "times"}
    return f"{words.get(field.kind, field.kind.value)} ({field.dtype})"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(map(repr, names[:_LISTED])) + (f" and {more} more" if more > 0 else "")
