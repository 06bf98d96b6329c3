"""The metrics of drift, as `/metrics` names them."""

from mlserve_cli.monitoring.families import Family, Kind, Merge

_MODEL = ("model", "version")
_COLUMN = (*_MODEL, "column")

STATISTIC = Family(
    "mlserve_drift_statistic",
    "Effect size of the check that stands for the column, in the last window.",
    labels=_COLUMN,
    merge=Merge.NEWEST,
)
THRESHOLD = Family(
    "mlserve_drift_threshold",
    "Effect size from which the column counts as drifted, where it is significant too.",
    labels=_COLUMN,
    merge=Merge.NEWEST,
)
STATE = Family(
    "mlserve_drift_state",
    "0 while the column is as in the reference, 1 after one window that differs, 2 for an alarm.",
    labels=_COLUMN,
    merge=Merge.NEWEST,
)
WORST = Family(
    "mlserve_drift_worst_ratio",
    "The largest statistic of all columns, as a multiple of its threshold.",
    labels=_MODEL,
    merge=Merge.NEWEST,
)
ALARMS = Family("mlserve_drift_alarms", "Columns with an alarm.", labels=_MODEL, merge=Merge.NEWEST)
WINDOW_ROWS = Family(
    "mlserve_drift_window_rows", "Rows of the last window.", labels=_MODEL, merge=Merge.NEWEST
)
EVALUATED = Family(
    "mlserve_drift_evaluated_timestamp_seconds",
    "When the last window was compared with the reference, since unix epoch.",
    labels=_MODEL,
    merge=Merge.NEWEST,
)
WINDOWS = Family("mlserve_drift_windows_total", "Windows that were compared.", Kind.COUNTER, _MODEL)
SKIPPED = Family(
    "mlserve_drift_skipped_rows_total",
    "Rows that were not watched, since more came than are looked at.",
    Kind.COUNTER,
)
FAILURES = Family(
    "mlserve_drift_failures_total", "Errors of the watch itself; the log says which.", Kind.COUNTER
)
FAMILIES = (
    *(STATISTIC, THRESHOLD, STATE, WORST, ALARMS, WINDOW_ROWS, EVALUATED),
    *(WINDOWS, SKIPPED, FAILURES),
)
