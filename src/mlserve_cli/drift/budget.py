"""How rarely drift may be reported by mistake, and which level of significance follows from that.

A server checks its windows for months. What has to be bounded is not the error of a test but the
number of false alarms in a day, whatever the traffic:

- Of the X false alarms that a day may have, those that may fall to one window are the time since
  the window before, as a share of a day, times X. Over a day they add up to X, with one window or
  with a thousand.
- A series is one check of one column. It alarms when it is flagged in two of three windows. With
  level a, a window begins an alarm with a probability of at most 2 J(a), where J is that of two
  flagged windows: the last one with either of the two before. So a window with the budget b and K
  series needs 2 K J(a) = b. Dependence between columns does not matter, as expectations add up.
- Windows whose levels differ keep the budget: where J(a) = a * a, the product of two levels is at
  most the mean of their squares, and the sum over all windows stays X.
- All windows are compared with one reference, so their results are not independent: with n rows of
  the reference and m rows of the window, deviations from it correlate by r = m / (n + m). J is
  taken from a normal law with that correlation; a small reference so leads to a stricter level.
- The long horizon overlaps with itself, so nothing is gained by looking twice: there K a = b.

Half of X goes to the windows and half to the horizon. Effects that are too small to matter never
alarm (`Rule.min_effect`), so there are fewer false alarms than that.
"""

import functools
import math
from dataclasses import dataclass

from mlserve_cli.errors import UsageError

DAY_SECONDS = 86_400.0
# A window that waited for rows longer than this has no larger budget.
_LONGEST_SECONDS = 3_600.0
_LOOSEST, _STRICTEST = 0.01, 1e-15
# Points of the quadrature, and how far it goes; the density beyond is below 1e-18.
_POINTS, _REACH = 160, 9.0
_HALVINGS = 40
# Budgets are taken a little smaller than they are, so that few levels have to be found.
_GRAIN = 1.02


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a stream of rows is watched.

    Attributes:
        rows: Rows that close a window.
        seconds: After which a window closes with fewer rows.
        false_alarms_per_day: How many are accepted, over all columns of a model.

    Raises:
        UsageError: A value is outside of its range.
    """

    rows: int = 500
    seconds: float = 60.0
    false_alarms_per_day: float = 0.1

    def __post_init__(self) -> None:
        if self.rows < 50:
            raise UsageError(f"A drift window has {self.rows} rows; it needs at least 50.")
        if not 0 < self.seconds < math.inf:
            raise UsageError(f"A drift window takes {self.seconds:g} seconds; expected above 0.")
        if not 0 < self.false_alarms_per_day <= 100:
            raise UsageError(
                f"{self.false_alarms_per_day:g} false alarms a day; expected above 0, at most 100."
            )

    @property
    def least_rows(self) -> int:
        """Rows without which a window does not close: 200 of 500."""
        return min(self.rows, max(50, self.rows * 2 // 5))

    def budget(self, seconds: float) -> float:
        """False alarms that may fall to one window, and likewise to one look at the horizon.

        Args:
            seconds: Since the one before.
        """
        share = min(max(seconds, 0.0), _LONGEST_SECONDS) / DAY_SECONDS
        return share * self.false_alarms_per_day / 2


def window_level(budget: float, series: int, rows: int, reference_rows: int) -> float:
    """Level of significance of each check of a window that alarms with another one.

    Args:
        budget: False alarms that may fall to it.
        series: Checks of all columns.
        rows: Of the window.
        reference_rows: Of the reference.
    """
    wanted = budget / (2 * max(1, series))
    if not wanted:
        return _STRICTEST
    return _level(math.floor(math.log(wanted, _GRAIN)), rows / (rows + max(1, reference_rows)))


# Windows of a busy stream follow each other in nearly the same time.
@functools.lru_cache(maxsize=256)
def _level(grains: int, correlation: float) -> float:
    """The level at which two windows of three are flagged with a probability of that many grains.

    Args:
        grains: The probability's logarithm, to the base of `_GRAIN`.
        correlation: Of the results of two windows.
    """
    wanted = _GRAIN**grains
    # Rising levels mean falling quantiles.
    low, high = 0.0, 8.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _both_beyond(middle, correlation) > wanted:
            low = middle
        else:
            high = middle
    return min(_LOOSEST, max(_STRICTEST, _beyond(high)))


def horizon_level(budget: float, series: int) -> float:
    """Level of significance of each check of the horizon; see `window_level`."""
    return min(_LOOSEST, max(_STRICTEST, budget / max(1, series)))


def _beyond(value: float) -> float:
    return 0.5 * math.erfc(value / math.sqrt(2))


def _both_beyond(value: float, correlation: float) -> float:
    """Probability that two correlated standard normal values are both beyond a value."""
    common, own = math.sqrt(correlation), math.sqrt(1 - correlation)
    step = 2 * _REACH / _POINTS
    total = 0.0
    for place in range(_POINTS + 1):
        shared = place * step - _REACH
        density = math.exp(-shared * shared / 2)
        total += density * _beyond((value - common * shared) / own) ** 2
    return total * step / math.sqrt(2 * math.pi)
