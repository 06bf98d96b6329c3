"""Loads and writes skops files; loading builds admitted and trusted types only."""

import io
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from skops import io as skops_io
from skops.io.exceptions import UntrustedTypesFoundException

from mlserve_cli.errors import CorruptArtifactError, UntrustedTypeError
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.trust.admitted import TrustPolicy
from mlserve_cli.serialization.trust.audit import audit_reading, require_trust
from mlserve_cli.serialization.trust.byte_source import quoted, unreadable
from mlserve_cli.serialization.trust.importing import import_name
from mlserve_cli.serialization.trust.native_state import check_native_state
from mlserve_cli.serialization.trust.pickles import without_warnings
from mlserve_cli.serialization.trust.skops_audit import LOADER_CLASSES, read_skops

if TYPE_CHECKING:
    import os


def load_skops(path: "str | os.PathLike[str]", *, trust: Collection[str] = ()) -> object:
    """The object in a skops file.

    The file is judged twice before anything is built: by the list that pickle files are judged by,
    and by skops.

    Args:
        path: The file.
        trust: Exact names, `module.Name`, that the caller vouches for.

    Raises:
        UntrustedTypeError: The file uses names that are not admitted; all of them are listed.
        CorruptArtifactError: The file is truncated or damaged, or needs another release.
    """
    # Both see the same bytes, even if the file changes meanwhile.
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(Path(path), error) from error
    reading = read_skops(io.BytesIO(data), len(data))
    audit = audit_reading(str(path), ModelFormat.SKOPS, reading, TrustPolicy.of(trust))
    require_trust(str(path), audit.refused)
    trusted = set(TrustPolicy.of(trust).trusted)
    for name in reading.findings.uses:
        import_name(
            str(path),
            name.module,
            name.name,
            trusted=name.full in trusted,
            written_with=audit.facts.sklearn_versions,
            as_named=True,
        )
    names = [name for names in LOADER_CLASSES.values() for name in names]
    names.extend(entry.name for entry in audit.types)
    try:
        with without_warnings():
            loaded: object = skops_io.loads(data, trusted=names)
            check_native_state(loaded)
    except UntrustedTypesFoundException as error:
        found = set(skops_io.get_untrusted_types(data=data)) - set(names)
        raise UntrustedTypeError(str(path), sorted(found)) from error
    # Data decides which exception this is: any of them says that the data is not a model.
    except Exception as error:
        raise CorruptArtifactError(
            f"{path} is damaged: {quoted(f'{type(error).__name__}: {error}', 160)}",
            hint="Copy it again, or save the model again.",
        ) from error
    return loaded


def dump_skops(estimator: object, path: "str | os.PathLike[str]") -> None:
    """Writes an estimator as a skops file, deflated.

    Level 1 makes a forest five times smaller; higher levels take much longer to write and save
    little more.

    Args:
        estimator: What to write.
        path: The file.
    """
    with Path(path).open("wb") as stream:
        skops_io.dump(estimator, stream, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
