"""What is asked beyond columns one by one, and whether the data can answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.drift.course.windows import Windows
from mlserve_cli.drift.matching import Columns, Pair, match_columns
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.sources.interface import Role
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.drift.sources.interface import Dataset


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions beyond columns one by one.

    Attributes:
        predictions: Columns that hold predictions.
        target: Column with the truth.
        multivariate: Whether whole rows are compared.
        time: Column with times, for windows.
        window: Rows or span of a window; None for no windows.
    """

    predictions: Sequence[str] = ()
    target: str | None = None
    multivariate: bool = False
    time: str | None = None
    window: int | str | None = None

    def check(self, first: "Dataset | Profile", second: "Dataset") -> None:
        """Refuses what these data cannot answer, before anything is read.

        Raises:
            UsageError: With the column or option that it is about.
        """
        if self.time is not None and self.window is None:
            raise UsageError(
                f"The times in {self.time!r} are used by windows, whose size is not given.",
                hint="Give it with --window: 1000 for rows, or 1d for a span of time.",
            )
        if self.window is not None:
            Windows.of(second, self.time, self.window)
        self._refuse_unknown(first)
        rows_needed = {"--multivariate": self.multivariate, "--target": self.target is not None}
        for option, needed in rows_needed.items():
            if needed and isinstance(first, Profile):
                raise UsageError(
                    f"{option} needs the reference row by row, and {first.name} is a profile.",
                    hint="Name the data that the profile was made of.",
                )

    def _refuse_unknown(self, first: "Dataset | Profile") -> None:
        before = [field.name for field in first.fields]
        for name in self.predictions:
            if name not in before:
                raise UsageError(
                    f"{first.name} has no column {name!r} that predictions could be compared with; "
                    f"it has {', '.join(before)}.",
                    hint="The reference needs predictions, too: mlserve batch-predict makes them.",
                )
        if self.target is None:
            return
        if not self.predictions:
            raise UsageError(
                f"The truth in {self.target!r} is compared with predictions, and none are named.",
                hint="Name their columns with --predictions.",
            )
        if self.target in self.predictions:
            raise UsageError(f"{self.target!r} cannot be both the truth and a prediction.")
        if self.target not in before:
            raise UsageError(
                f"{first.name} has no column {self.target!r}; it has {', '.join(before)}."
            )

    def columns(
        self, wanted: Sequence[str] | None, first: "Dataset | Profile", second: "Dataset"
    ) -> Sequence[str] | None:
        """The columns to compare: what was wanted, predictions always, and no unknown truth."""
        if wanted is not None:
            return [*wanted, *(name for name in self.predictions if name not in wanted)]
        if self.target is None or self._is_truth_known(first, second):
            return None
        names = dict.fromkeys(
            field.name
            for data in (first, second)
            for field in data.fields
            if field.role is not Role.CONTEXT
        )
        return [name for name in names if name != self.target]

    def _is_truth_known(self, first: "Dataset | Profile", second: "Dataset") -> bool:
        return not (first.named and second.named) or self.target in {
            field.name for field in second.fields
        }

    def target_pair(self, first: "Dataset | Profile", second: "Dataset") -> Pair | None:
        """The column with the truth on both sides; None where the current data lack it.

        Raises:
            UsageError: It cannot be compared.
        """
        if self.target is None or not self._is_truth_known(first, second):
            return None
        before, after = (Columns(data.name, data.fields, data.named) for data in (first, second))
        pairs, _ = match_columns(before, after, [self.target])
        return pairs[0]
