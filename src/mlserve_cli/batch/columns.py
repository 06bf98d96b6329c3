"""The columns that a job adds: their names and their values."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlserve_cli.batch.options import BatchOptions, Output
from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch, Predictor

_DEFAULT_NAME = BatchOptions().prediction_column


def added_names(
    signature: Signature, options: BatchOptions, existing: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of the columns that the job adds.

    Args:
        signature: What the model returns.
        options: What the job is asked for.
        existing: Names of the input's columns.

    Raises:
        UsageError: The model has no such output, or a column of that name exists already.
    """
    names: tuple[str, ...] = ()
    if options.output in (Output.LABEL, Output.BOTH):
        names += _label_names(signature, options.prediction_column)
    if options.output in (Output.PROBABILITIES, Output.BOTH):
        if not signature.probabilities:
            raise UsageError("The model gives no class probabilities.", hint="Use --output label")
        if signature.classes is None:
            raise UsageError(
                "The model does not say which classes its probabilities belong to.",
                hint="Use --output label",
            )
        names += tuple(f"probability_{label}" for label in signature.classes)
    if options.output is Output.RAW:
        if not signature.decision:
            raise UsageError("The model has no decision function.", hint="Use --output label")
        names += signature.decision
    _refuse_collisions(names, existing, options)
    return names


def _label_names(signature: Signature, name: str) -> tuple[str, ...]:
    if len(signature.outputs) == 1:
        return (name if name != _DEFAULT_NAME else signature.outputs[0],)
    prefix = "" if name == _DEFAULT_NAME else f"{name}_"
    return tuple(prefix + output for output in signature.outputs)


def _refuse_collisions(
    names: tuple[str, ...], existing: tuple[str, ...], options: BatchOptions
) -> None:
    taken = [name for name in names if name in existing]
    if taken:
        movable = options.output in (Output.LABEL, Output.BOTH) and not taken[0].startswith(
            "probability_"
        )
        raise UsageError(
            f"The input already has a column named {taken[0]!r}; it is not overwritten.",
            hint="Choose another name: --prediction-column NAME"
            if movable
            else "Rename that column of the input.",
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(f"Two of the added columns would be named {twice[0]!r}.")


def scored(predictor: "Predictor", batch: "Batch", output: Output) -> list[NDArray[Any]]:
    """The values of the added columns, each of shape `(rows,)`.

    Raises:
        SignatureError: The model does not take these values.
        EngineError: The model failed for another reason.
    """
    if output is Output.RAW:
        return _columns(predictor.decision_function(batch))
    prediction = predictor.predict(batch, probabilities=output is not Output.LABEL)
    columns = [] if output is Output.PROBABILITIES else _columns(prediction.labels)
    if prediction.probabilities is not None and output is not Output.LABEL:
        columns += _columns(prediction.probabilities)
    return columns


def _columns(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values] if values.ndim == 1 else [values[:, k] for k in range(values.shape[1])]
