"""What `mlserve drift-check` is given: the rule and the reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.drift.rule import Rule

_MODEL_SUFFIXES = {".joblib", ".pkl", ".pickle", ".skops", ".onnx"}


def read_rule(config: Path | None, given: dict[str, Any], thresholds: list[str]) -> "Rule":
    """The rule of a configuration file, with what was given as options in its place.

    Args:
        config: The file; None for the defaults.
        given: Options by the name of the rule's part, None where not given.
        thresholds: Texts of the form COLUMN=X.

    Raises:
        UsageError: One of them cannot be used.
    """
    from mlserve_cli.drift.rule import Rule

    values = _config(config) if config is not None else {}
    values |= {name: value for name, value in given.items() if value is not None}
    own = dict(_threshold(text) for text in thresholds)
    if own:
        values["thresholds"] = {**values.get("thresholds", {}), **own}
    return Rule.of_mapping(values)


def _threshold(text: str) -> tuple[str, float]:
    column, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        column = ""
    if not column:
        raise UsageError(
            f"The threshold {text!r} is not of the form COLUMN=X, where X is a number."
        )
    return column, number


def _config(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        values = _decoded(path, content)
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{path} is no readable configuration: {first}.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds no names and values, such as: alpha = 0.05")
    return values


def _decoded(path: Path, content: bytes) -> object:
    """Raises ValueError."""
    if path.suffix == ".toml":
        import tomllib

        return tomllib.loads(content.decode())
    import yaml

    try:
        # JSON is YAML, too.
        loaded: object = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return loaded


def find_reference(reference: str, models: Path) -> str | Path:
    """The data that REFERENCE means: themselves, or those that a model was saved with.

    Raises:
        UsageError: A model was saved without data.
        ArtifactError: There is no such model, or its data are not what was saved.
    """
    path = Path(reference)
    try:
        path.exists()
    except OSError:
        # Too long a name, for one; who opens it says so.
        return reference
    if not reference or "://" in reference:
        return reference
    if path.is_file() and path.suffix not in _MODEL_SUFFIXES:
        return reference
    if path.is_dir() and not _is_artifact(path):
        return reference
    if not path.exists() and (path.suffix or any(mark in reference for mark in "*?[")):
        return reference
    from mlserve_cli.serialization.models import find_model
    from mlserve_cli.serialization.repository import Artifact
    from mlserve_cli.serialization.rows import PROFILE_NAME, REFERENCE_NAME

    found = find_model(reference, models=models)
    if isinstance(found, Artifact):
        stored = [name for name in (REFERENCE_NAME, PROFILE_NAME) if found.entry(name) is not None]
        # Rows tell more than a profile, but may not be allowed to leave the place of training.
        for name in [name for name in stored if (found.path / name).exists()] or stored:
            return found.file(name)
    raise UsageError(
        f"The model {reference} stores no reference data.",
        hint="Save it with some: mlserve save SOURCE --data FILE. Or name a file as REFERENCE.",
    )


def _is_artifact(folder: Path) -> bool:
    """Whether a folder holds a version of a model, or versions of one."""
    marks = ("manifest.json", "MLmodel")
    return any((folder / mark).is_file() for mark in marks) or any(
        (version / "manifest.json").is_file() for version in folder.glob("[0-9]*")
    )
