"""Every error that mlserve raises on purpose.

```
MlserveError                     exit  http
├── UsageError                      2   400   options or arguments that cannot be carried out
│   └── UnsupportedEstimatorError   2   400   a step of a model that has no exact ONNX form
├── ParityError                     1   400   a converted model that does not agree; a finding
├── ArtifactError                   3   500   a model file or artifact that cannot be used
│   ├── ModelNotFoundError          3   404
│   ├── CorruptArtifactError        3   500   truncated, empty, tampered with, of another format
│   └── UntrustedTypeError          3   500   would load types that nobody vouched for
├── InputError                      4   400   input that cannot be read
│   └── SignatureError              4   422   readable, but not what the model takes
├── MissingExtraError               5   501   an optional dependency is not installed
├── InterruptedJobError           130   503   a job that was stopped and can be continued
└── EngineError                     6   500   the model or its engine failed while scoring
```

A message names the thing, the value found and the value expected; `hint` says what to type next.
Exit code 1 is not an error: it says that a check ran and found drift or broken parity.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class MlserveError(Exception):
    """Base of the tree.

    Args:
        message: What was found and what was expected, in one or two sentences.
        hint: What the user can do or type next.
    """

    exit_code: ClassVar[int] = 6
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class UsageError(MlserveError):
    """Options or arguments that cannot be carried out together or at all."""

    exit_code = 2
    http_status = 400


class UnsupportedEstimatorError(UsageError):
    """An estimator, or a setting of one, that has no exact ONNX form here.

    Args:
        reason: What cannot be written, as a whole sentence.
        step: Path of the step inside the model; empty for the model itself.
    """

    def __init__(self, reason: str, *, step: str = "", hint: str | None = None) -> None:
        self.reason = reason
        self.step = step
        super().__init__(
            f"Step {step!r}: {reason}" if step else reason,
            hint=hint or "Serve the estimator itself (--engine sklearn), or replace this step.",
        )


class ParityError(MlserveError):
    """A converted model that does not agree with its estimator: the check ran and found that.

    Args:
        message: How far, and on which rows.
        conversion: The `Conversion` all the same.
    """

    exit_code = 1
    http_status = 400

    def __init__(self, message: str, conversion: Any) -> None:
        super().__init__(
            message,
            hint="Serve the estimator itself, or keep the ONNX model all the same: "
            "--allow-mismatch, or a larger --tolerance.",
        )
        self.conversion = conversion


class ArtifactError(MlserveError):
    """A model file or an artifact that cannot be used."""

    exit_code = 3


class ModelNotFoundError(ArtifactError):
    """No model of that name, version or path."""

    http_status = 404


class CorruptArtifactError(ArtifactError):
    """A model file that is truncated, empty, tampered with or of another format."""


class UntrustedTypeError(ArtifactError):
    """A model file that would load types which are neither built in nor trusted by the caller.

    Args:
        path: The file, as the user named it.
        types: The refused types, as `module.Name`.
        hint: Replaces the usual sentence, which shows the `--trust` options.
    """

    def __init__(self, path: str, types: Sequence[str], *, hint: str | None = None) -> None:
        self.types = tuple(types)
        kind = "a type" if len(self.types) == 1 else f"{len(self.types)} types"
        message = f"{path} would load {kind} that mlserve does not know: {', '.join(self.types)}"
        options = " ".join(f"--trust {name}" for name in self.types)
        super().__init__(
            message,
            hint=hint
            or f"To trust means to let code of that name run while the model loads. If you know "
            f"where the file comes from, and that these names belong in it, add: {options}",
        )


class InputError(MlserveError):
    """Input that cannot be read: malformed, truncated, of an unknown format."""

    exit_code = 4
    http_status = 400


class SignatureError(InputError):
    """Readable input that does not fit what the model takes.

    Args:
        message: What was found and what was expected.
        row: Number of the offending row, 1 for the first row of data.
        column: Name of the offending column.
        hint: What the user can do next.
    """

    http_status = 422

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.row = row
        self.column = column


class MissingExtraError(MlserveError):
    """An optional dependency that is not installed.

    Args:
        feature: What needs it, as the subject of a sentence.
        extra: Name of the extra of `mlserve-cli` that brings it.
    """

    exit_code = 5
    http_status = 501

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed.",
            hint=f"Install them with: pip install 'mlserve-cli[{extra}]'",
        )


class InterruptedJobError(MlserveError):
    """A job that was asked to stop; what it has finished is kept."""

    exit_code = 130
    http_status = 503


class EngineError(MlserveError):
    """The model, or the engine that runs it, failed while scoring."""
