"""What a metric is: its name, its labels, and how those of several processes become one."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a value does over time."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(StrEnum):
    """How the values that several processes have for one series become one value."""

    SUM = "sum"
    MAX = "max"
    # Of the process that has set it last.
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric; with values for its labels it is a series.

    Attributes:
        name: By the conventions of Prometheus: `mlserve_` first, then what is measured, the unit,
            and for a counter `_total`.
        help: What it says, in one sentence.
        kind: What its values do over time.
        labels: Names of its labels.
        merge: How the values of several processes become one; counters and histograms are summed.
        bounds: Upper bounds of a histogram's buckets as they are shown.
        edges: Finer bounds that are counted, with all of `bounds` among them; empty for `bounds`.
    """

    name: str
    help: str
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()
    merge: Merge = Merge.SUM
    bounds: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def counted_edges(self) -> tuple[float, ...]:
        """Upper bounds of the buckets that are counted."""
        return self.edges or self.bounds

    @property
    def cells(self) -> int:
        """Numbers that a series takes.

        A counter has its value; a gauge its value and the time when it was set; a histogram the sum
        of its values and the counts of its buckets.
        """
        match self.kind:
            case Kind.COUNTER:
                return 1
            case Kind.GAUGE:
                return 2
            case Kind.HISTOGRAM:
                return len(self.counted_edges) + 2
