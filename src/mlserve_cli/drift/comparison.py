"""Both sides counted, column beside column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.drift.counting.counters import count_reference, counter_like
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.scan import count, find_distances
from mlserve_cli.drift.counting.supremum import Supremum
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.evaluation.pair import (
    CategoryPair,
    NumberPair,
    few_values,
    number_categories,
    text_categories,
)
from mlserve_cli.drift.matching import Columns, Pair, match_columns
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.report import Kind, SchemaFinding

if TYPE_CHECKING:
    from mlserve_cli.drift.sources.interface import Dataset

    Counts = NumberCounts | TextCounts


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides after the pass that counts.

    Attributes:
        first: The reference.
        second: The current data.
        pairs: All columns that were asked for.
        findings: How the columns of both sides differ.
        compared: Those that both sides have.
        before: Counts of the reference, one for each of the compared columns.
        after: Counts of the current data.
    """

    first: "Dataset | Profile"
    second: "Dataset"
    pairs: list[Pair]
    findings: list[SchemaFinding]
    compared: list[Pair]
    before: "list[Counts]"
    after: "list[Counts]"

    def profile(self) -> Profile:
        """The reference's profile, of the compared columns."""
        if isinstance(self.first, Profile):
            return self.first
        fields = [pair.reference for pair in self.compared if pair.reference is not None]
        return Profile.of_counts(self.first.name, fields, self.first.named, self.before)

    def columns(self) -> list[NumberPair | CategoryPair]:
        """The compared columns, with the exact distance of those that are compared by order."""
        distances = self._distances()
        return [self._column(place, distances.get(place)) for place in range(len(self.compared))]

    def _column(self, place: int, distance: Supremum | None) -> NumberPair | CategoryPair:
        pair, before, after = self.compared[place], self.before[place], self.after[place]
        if isinstance(before, TextCounts):
            assert isinstance(after, TextCounts)
            return text_categories(pair.name, before, after)
        assert isinstance(after, NumberCounts)
        if before.values is not None and after.values is not None:
            kind = Kind.BOOLEAN if pair.kind is Kind.BOOLEAN else Kind.DISCRETE
            return number_categories(pair.name, kind, before, after)
        return NumberPair(pair.name, pair.kind, before, after, distance)

    def _distances(self) -> dict[int, Supremum]:
        """The distance of each column that has no categories, but values on both sides."""
        places, counted = [], []
        for place, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            if isinstance(before, TextCounts) or isinstance(after, TextCounts):
                continue
            timed = self.compared[place].kind is Kind.TIME
            if not timed and few_values(before, after):
                continue
            before.demote()
            after.demote()
            if before.finite and after.finite and not timed:
                places.append(place)
                counted.append((before, after))
        if isinstance(self.first, Profile):
            # Its values are gone: the distance is that at the edges of bins.
            return {place: Supremum(*pair, 0) for place, pair in zip(places, counted, strict=True)}
        positions = (
            [self.compared[place].reference_position for place in places],
            [self.compared[place].current_position for place in places],
        )
        found = find_distances((self.first, self.second), positions, counted)
        return dict(zip(places, found, strict=True))


def compare(
    first: "Dataset | Profile",
    second: "Dataset",
    wanted: Sequence[str] | None,
    *,
    reference_bins: bool = False,
) -> Comparison:
    """Matches the columns of both sides and counts their values.

    Args:
        first: The reference.
        second: The current data.
        wanted: Names of the columns to compare; None for all.
        reference_bins: Whether the bins must not depend on the current data.

    Raises:
        UsageError: There is no such column.
        InputError: The data cannot be read or compared.
    """
    pairs, findings = match_columns(_columns(first), _columns(second), wanted)
    compared = [pair for pair in pairs if pair.comparable]
    theirs = [pair.reference_position for pair in compared]
    if isinstance(first, Profile):
        counters = first.counts()
        before = [counters[place] for place in theirs]
    else:
        before = count_reference(compared, first, None if reference_bins else second)
    after = [counter_like(counts) for counts in before]
    count(second, [pair.current_position for pair in compared], after)
    return Comparison(first, second, pairs, findings, compared, before, after)


def _columns(data: "Dataset | Profile") -> Columns:
    return Columns(data.name, data.fields, data.named)
