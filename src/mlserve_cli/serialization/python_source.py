"""Models made by Python code: `train.py:model` and `package.module:make_model`."""

import contextlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from mlserve_cli.errors import ArtifactError, UsageError


def is_python_source(source: str) -> bool:
    """Whether a SOURCE names an object in a Python file or module.

    >>> is_python_source("train.py:model"), is_python_source("package.module:make_model")
    (True, True)
    >>> is_python_source("model.joblib"), is_python_source("s3://bucket/model")
    (False, False)
    """
    location, separator, name = source.rpartition(":")
    if not separator or not name.isidentifier() or Path(source).exists():
        return False
    return location.endswith(".py") or all(part.isidentifier() for part in location.split("."))


def import_object(source: str) -> Any:
    """The object that a SOURCE names; called if it is a function or class.

    What the code prints goes to standard error.

    Raises:
        UsageError: There is no such file, module or name.
        ArtifactError: The code fails; the message says where.
    """
    location, _, name = source.rpartition(":")
    # Standard output is for our own results.
    with contextlib.redirect_stdout(sys.stderr):
        return _find_object(source, location, name)


def _find_object(source: str, location: str, name: str) -> Any:
    module = _load_file(Path(location)) if location.endswith(".py") else _load_module(location)
    if not hasattr(module, name):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise UsageError(f"{location} has no '{name}'; it has {', '.join(public[:12])}.")
    value = getattr(module, name)
    if not callable(value) or (hasattr(value, "get_params") and not isinstance(value, type)):
        return value
    try:
        return value()
    # The user's code may raise anything.
    except Exception as error:
        raise ArtifactError(f"{source}() failed: {_describe(error, location)}") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As when Python runs a script: its folder comes first on the path, and pickles find the module.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    # The user's code may raise anything, SystemExit of a script's end included.
    except (Exception, SystemExit) as error:
        del sys.modules[path.stem]
        raise ArtifactError(f"{path} failed: {_describe(error, str(path))}") from error
    return module


def _load_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise ArtifactError(f"{name} failed: {_describe(error, name)}") from error
        raise UsageError(
            f"There is no module {name} in this folder or among the installed packages.",
            hint="For a file write: FILE.py:NAME",
        ) from error
    # The user's code may raise anything.
    except Exception as error:
        raise ArtifactError(f"{name} failed: {_describe(error, name)}") from error


def _describe(error: BaseException, location: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    stem = Path(location).name
    own = [frame for frame in frames if Path(frame.filename).name == stem] or frames[-1:]
    return f"{type(error).__name__}: {error} (line {own[-1].lineno} of {own[-1].filename})"
