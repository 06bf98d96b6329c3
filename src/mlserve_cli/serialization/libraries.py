"""Versions of the libraries that a model depends on."""

import importlib.metadata
import platform
import warnings
from collections.abc import Mapping

# Distribution names by the module that an estimator's type lives in.
_BY_MODULE = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
}
_ALWAYS = ("mlserve-cli", "numpy")

# A model file of another version of these may load and still predict differently.
_SENSITIVE = frozenset(_BY_MODULE.values())


class VersionSkewWarning(UserWarning):
    """A model was saved with another version of a library than the installed one."""


def library_versions(*modules: str) -> dict[str, str]:
    """Installed versions of Python, mlserve, numpy and of the libraries behind some modules.

    Args:
        modules: Names of the top-level packages that a model's types live in.
    """
    names = {*_ALWAYS, *(_BY_MODULE.get(module, module) for module in modules)}
    found = {name: _installed(name) for name in sorted(names)}
    versions = {name: version for name, version in found.items() if version is not None}
    return {"python": platform.python_version(), **versions}


def warn_on_skew(model: str, saved_with: Mapping[str, str]) -> None:
    """Warns with `VersionSkewWarning` where a library differs from what a model was saved with."""
    for name, version in saved_with.items():
        installed = _installed(name)
        if name in _SENSITIVE and installed is not None and installed != version:
            warnings.warn(
                f"{model} was saved with {name} {version}; {installed} is installed. "
                f"Predictions may differ: compare them, or install {name}=={version}.",
                VersionSkewWarning,
                stacklevel=2,
            )


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
