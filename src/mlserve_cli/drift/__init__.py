"""Has the data changed? Two-sample tests, effect sizes, and a rule that decides."""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.drift.check import drift_check, profile_of
    from mlserve_cli.drift.detector import DriftDetector
    from mlserve_cli.drift.profile import Profile, load_profile, save_profile
    from mlserve_cli.drift.report import DriftReport, Verdict
    from mlserve_cli.drift.rule import Method, Rule

__all__ = [
    "DriftDetector",
    "DriftReport",
    "Method",
    "Profile",
    "Rule",
    "Verdict",
    "drift_check",
    "load_profile",
    "profile_of",
    "save_profile",
]

_HOMES = {
    "DriftDetector": "detector",
    "DriftReport": "report",
    "Method": "rule",
    "Profile": "profile",
    "Rule": "rule",
    "Verdict": "report",
    "drift_check": "check",
    "load_profile": "profile",
    "profile_of": "check",
    "save_profile": "profile",
}


__getattr__ = names_from(__name__, _HOMES)
