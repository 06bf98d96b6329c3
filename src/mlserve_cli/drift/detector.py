"""The detector of the tutorials: fitted on a reference, asked about new data."""

from pathlib import Path
from typing import Any

from mlserve_cli.drift.check import drift_check
from mlserve_cli.drift.report import DriftReport
from mlserve_cli.drift.rule import Method, Rule
from mlserve_cli.drift.statistics.correction import Correction


class DriftDetector:
    """Compares data with one reference, as often as needed.

    Args:
        reference: See `drift_check`.
        rule: When a difference counts as drift. None means the rule of the tutorials: any column
            whose Kolmogorov-Smirnov test has a p-value of at most `threshold`. It is quick to
            explain, but with 20 quiet columns it raises an alarm in two of three runs. `Rule()`
            does not.

    Examples:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(500, 2))
        >>> bool(DriftDetector(rows).detect_drift(rows + [0, 1]))
        True
    """

    def __init__(self, reference: Any, rule: Rule | None = None) -> None:
        self._reference = reference
        self._rule = rule

    def detect_drift(self, current: Any, threshold: float = 0.05) -> DriftReport:
        """The report on some data, which is true where they have drifted.

        Args:
            current: See `drift_check`.
            threshold: Level of significance; used where no rule was given.

        Raises:
            UsageError: The threshold is not between 0 and 1.
            InputError: The data cannot be read or compared.
        """
        rule = self._rule or Rule(
            alpha=threshold, method=Method.KS, correction=Correction.NONE, min_effect=0.0
        )
        return drift_check(self._reference, current, rule)

    def save(self, path: str | Path) -> None:
        """Writes the reference's profile, which can take its place later."""
        from mlserve_cli.drift.check import profile_of
        from mlserve_cli.drift.profile import save_profile

        save_profile(path, profile_of(self._reference))
