"""What a model file would load, told without loading it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import CorruptArtifactError, UntrustedTypeError
from mlserve_cli.serialization.model_format import ModelFormat, detect_format
from mlserve_cli.serialization.trust.admitted import TrustPolicy, Use
from mlserve_cli.serialization.trust.byte_source import quoted
from mlserve_cli.serialization.trust.facts import Facts, facts_of
from mlserve_cli.serialization.trust.pickle_audit import Reading, read_inert, refused_names
from mlserve_cli.serialization.trust.skops_audit import read_skops

if TYPE_CHECKING:
    import os


@dataclass(frozen=True, slots=True)
class AuditedType:
    """A name that the file uses.

    Attributes:
        name: As `module.Name`.
        use: The most that the file does with it: refer to it, construct it or call it.
        admitted: Whether the list or the caller's trust admits this use.
    """

    name: str
    use: Use
    admitted: bool

    @property
    def called(self) -> bool:
        """Whether the file calls it."""
        return self.use is Use.CALL


@dataclass(frozen=True, slots=True)
class Audit:
    """What a file would load.

    Attributes:
        format: Format of the file.
        types: Every name that it uses, in the order of first appearance.
        facts: What it says about the model.
    """

    format: ModelFormat
    types: tuple[AuditedType, ...]
    facts: Facts

    @property
    def refused(self) -> tuple[str, ...]:
        """The names that neither the list nor the caller's trust admits."""
        return tuple(entry.name for entry in self.types if not entry.admitted)


def audit_file(path: "str | os.PathLike[str]", *, trust: Collection[str] = ()) -> Audit:
    """Reads a model file and runs nothing of it. scikit-learn is not imported.

    Args:
        path: A skops, joblib, pickle or ONNX file.
        trust: Exact names, `module.Name`, that the caller vouches for.

    Raises:
        CorruptArtifactError: The file is truncated, damaged or of another format.
    """
    found = detect_format(path)
    if found is ModelFormat.ONNX:
        return Audit(found, (), Facts())
    return audit_reading(str(path), found, _read(path, found), TrustPolicy.of(trust))


def audit_reading(path: str, found: ModelFormat, reading: Reading, policy: TrustPolicy) -> Audit:
    """Judges what was read from a file.

    Args:
        path: The file, for messages.
        found: Its format.
        reading: What was read.
        policy: Which names it may use.

    Raises:
        CorruptArtifactError: It could not be read to the end, or nothing writes such files.
    """
    refused = set(refused_names(reading.findings, policy))
    facts, failure = Facts(), reading.failure
    try:
        facts = facts_of(reading.root)
    # What the file says can be of any shape, where facts have one.
    except Exception as error:
        failure = failure or error
    if failure is not None:
        raise _broken(path, failure, sorted(refused))
    types = tuple(
        AuditedType(quoted(name.full, 500), use, name.full not in refused)
        for name, use in reading.findings.uses.items()
    )
    if reading.findings.odd and not refused:
        raise CorruptArtifactError(f"{path} was not written by {found}: {reading.findings.odd[0]}.")
    if reading.findings.array_count:
        found = ModelFormat.JOBLIB
    return Audit(found, types, facts)


def _read(path: "str | os.PathLike[str]", found: ModelFormat) -> Reading:
    if found is ModelFormat.SKOPS:
        return read_skops(path, Path(path).stat().st_size)
    return read_inert(path)


def require_trust(path: str, refused: Collection[str]) -> None:
    """Raises an error that names every refused type.

    Raises:
        UntrustedTypeError: There is one.
    """
    if not refused:
        return
    scripted = [name for name in refused if name.partition(".")[0] in ("__main__", "__mp_main__")]
    hint = (
        f"{' and '.join(scripted)} was defined in a script or a notebook, where nothing else can "
        f"find it. Move the definition into a module that can be imported, save the model again, "
        f"and trust it by that module's name."
        if scripted
        else None
    )
    raise UntrustedTypeError(path, sorted(refused), hint=hint)


def _broken(path: str, failure: Exception, refused: list[str]) -> CorruptArtifactError:
    if isinstance(failure, EOFError):
        reason = "is truncated: it ends before the model does"
    else:
        reason = f"is damaged: {quoted(f'{type(failure).__name__}: {failure}', 160)}"
    named = (
        f" It also names {quoted(', '.join(refused), 300)}, which is refused." if refused else ""
    )
    error = CorruptArtifactError(
        f"{path} {reason}.{named}", hint="Copy it again, or save the model again."
    )
    error.__cause__ = failure
    return error
