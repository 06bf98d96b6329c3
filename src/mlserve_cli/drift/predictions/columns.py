"""Which columns hold probabilities, and of which class, and which one the prediction itself."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.drift.report import Kind
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.drift.matching import Pair

# As `mlserve batch-predict` and the records call them, and what others do.
_PROBABILITY = re.compile(r"prob(?:a|ability|abilities)?(?:[_ .-]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """The columns that hold predictions.

    Attributes:
        probabilities: One for each class, or for two classes that of the second one.
        others: All others: one holds the predicted label or value.
    """

    probabilities: "tuple[Pair, ...]"
    others: "tuple[Pair, ...]"

    @classmethod
    def of(cls, pairs: "Sequence[Pair]") -> "PredictionColumns":
        """Tells them apart: probabilities are numbers whose names begin so, as `probability_a`."""
        probabilities = tuple(pair for pair in pairs if _is_probability(pair))
        return cls(probabilities, tuple(pair for pair in pairs if pair not in probabilities))

    @property
    def label(self) -> "Pair | None":
        """The predicted label or value; None where there are only probabilities.

        Raises:
            UsageError: More than one column could be it.
        """
        if len(self.others) > 1:
            raise UsageError(
                "Only one column can hold the predicted label or value; found "
                f"{', '.join(repr(pair.name) for pair in self.others)}.",
                hint="Name columns with probabilities as probability_CLASS, or leave out --target.",
            )
        return self.others[0] if self.others else None

    def classes(self) -> tuple[str, ...]:
        """Names of the classes as the columns of probabilities call them."""
        return tuple(_PROBABILITY.sub("", pair.name, count=1) for pair in self.probabilities)


def _is_probability(pair: "Pair") -> bool:
    return pair.kind is Kind.NUMERIC and _PROBABILITY.match(pair.name) is not None
