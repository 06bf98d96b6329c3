"""Looks up the names that a model file may use, and explains what is missing."""

import importlib
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import ArtifactError, CorruptArtifactError
from mlserve_cli.serialization.trust.byte_source import quoted

if TYPE_CHECKING:
    from collections.abc import Collection

# Modules under the names that older releases had for them.
_RENAMED = {
    "numpy.core": "numpy._core",
    # scikit-learn 1.8 wrote its compiled losses without their package.
    "_loss": "sklearn._loss._loss",
    "_sgd_fast": "sklearn.linear_model._sgd_fast",
}
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def import_name(
    path: str,
    module: str,
    name: str,
    *,
    trusted: bool,
    written_with: "Collection[str]",
    as_named: bool = False,
) -> Any:
    """The object called `module.name`, imported now.

    Args:
        path: The file that uses it, for messages.
        module: Module, which was admitted or trusted before.
        name: Name in the module; may have dots if it is trusted.
        trusted: Whether the user vouches for it, rather than the list.
        written_with: Versions of scikit-learn that the file says it was written with.
        as_named: Whether modules are not looked for under their current names.

    Raises:
        ArtifactError: A package or a trusted module is not there.
        CorruptArtifactError: An admitted name is not in the installed release.
    """
    current = module if trusted else _current(module)
    if as_named and module.startswith("_") and current != module:
        raise _skew(path, f"{module}.{name}", written_with)
    try:
        found = importlib.import_module(current)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise _explained(path, f"{module}.{name}", trusted, written_with, error) from error
    # A trusted module is the user's own code, which may fail in any way.
    except Exception as error:
        raise ArtifactError(
            f"{path} needs {module}.{name}, and importing {module} failed: "
            f"{type(error).__name__}: {quoted(str(error), 160)}"
        ) from error
    return found


def _current(module: str) -> str:
    for old, new in _RENAMED.items():
        if module == old or module.startswith(f"{old}."):
            return new + module[len(old) :]
    return module


def _explained(
    path: str, full_name: str, trusted: bool, written_with: "Collection[str]", error: Exception
) -> ArtifactError:
    package = full_name.partition(".")[0]
    reason = quoted(str(error), 160)
    if trusted:
        return ArtifactError(
            f"{path} needs {full_name}, which cannot be imported: {reason}.",
            hint="Run mlserve in the directory that holds the module, install the package that "
            "does, or add its directory to PYTHONPATH.",
        )
    if _current(package) == package and find_spec(package) is None:
        return ArtifactError(
            f"{path} needs {full_name}, and the package {package} is not installed.",
            hint=f"Install it with: pip install {package}",
        )
    return _skew(path, full_name, written_with)


def _skew(path: str, full_name: str, written_with: "Collection[str]") -> CorruptArtifactError:
    package = _current(full_name).partition(".")[0]
    distribution = _DISTRIBUTIONS.get(package, package)
    installed = metadata.version(distribution)
    versions = " and ".join(sorted(written_with))
    if distribution != "scikit-learn" or not versions:
        return CorruptArtifactError(
            f"{path} needs {full_name}, which {distribution} {installed} does not have.",
            hint=f"Install the release of {distribution} that wrote the file, or save the model "
            f"again with {installed}.",
        )
    return CorruptArtifactError(
        f"{path} was written with scikit-learn {versions} and needs {full_name}; scikit-learn "
        f"{installed}, which is installed, does not have it.",
        hint=f"Save the model again with scikit-learn {installed}, or: "
        f"pip install scikit-learn=={max(written_with)}",
    )
