"""The step of a model in which its converted form first differs."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlserve_cli.signature import DType, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.signature import Signature

    # Whether the converted form of an estimator agrees with it on the rows of the comparison.
    Agrees = Callable[[Any, Signature], bool]


def faulty_step(estimator: Any, signature: "Signature", agrees: "Agrees") -> str | None:
    """Path of the first step that differs; None where the model has no steps.

    Args:
        estimator: A model whose converted form differs.
        signature: What it takes.
        agrees: Converts the beginning of a pipeline and compares it.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not hasattr(estimator, "steps"):
        return None
    beginning = replace(
        signature,
        task=Task.TRANSFORMATION,
        classes=None,
        probabilities=False,
        decision=(),
        label_dtype=DType.FLOAT64,
    )
    for number, (name, step) in enumerate(estimator.steps[:-1], start=1):
        if not agrees(estimator[:number], beginning):
            inner = faulty_step(step, signature, agrees) if number == 1 else None
            return f"{name} > {inner}" if inner else str(name)
    return str(estimator.steps[-1][0])
