"""Models that would open files: a server must not let its clients choose them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import ArtifactError

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Predictor

# What has no parts that could be an estimator.
_PLAIN = (str, bytes, int, float, complex, type(None), type)


def refuse_file_readers(name: str, predictor: "Predictor") -> None:
    """Refuses a model with a text vectorizer whose texts are names of files, or open files.

    Args:
        name: Of the model.
        predictor: Scores its rows; only one over an estimator can read files.

    Raises:
        ArtifactError: Naming the step.
    """
    for step, part in _parts(getattr(predictor, "estimator", None)):
        # Of all of scikit-learn, only text vectorizers read files, and all of them build analyzers.
        source = getattr(part, "input", None) if hasattr(part, "build_analyzer") else None
        if isinstance(source, str) and source in {"file", "filename"}:
            kind = type(part).__name__
            place = f"step '{step}' is" if step else "it is"
            raise ArtifactError(
                f"Model '{name}' cannot be served: {place} a {kind}(input='{source}'), which would "
                "open the files that requests name.",
                hint=f"Fit it again with {kind}(input='content'), and send the texts themselves.",
            )


def _parts(root: Any) -> Iterator[tuple[str, Any]]:
    """Every object inside another, with the names of the steps that lead there."""
    seen: set[int] = set()
    waiting = [("", root)]
    while waiting:
        step, part = waiting.pop()
        if isinstance(part, _PLAIN) or id(part) in seen:
            continue
        seen.add(id(part))
        yield step, part
        waiting += _children(step, part)


def _children(step: str, part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, dict):
        return [(step, value) for value in part.values()]
    if isinstance(part, tuple) and part and isinstance(part[0], str):
        # A step of a pipeline, a transformer of a column, an estimator that votes.
        return [(f"{step}.{part[0]}".lstrip("."), value) for value in part[1:]]
    if isinstance(part, list | tuple | set):
        return [(step, value) for value in part]
    if isinstance(part, np.ndarray):
        return [(step, value) for value in part.flat] if part.dtype == object else []
    return [(step, value) for value in getattr(part, "__dict__", {}).values()]
