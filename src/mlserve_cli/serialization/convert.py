"""Converting a model to ONNX: into its version in the repository, or to a file."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import save_onnx
from mlserve_cli.conversion.parity import RowSource
from mlserve_cli.conversion.result import Conversion, Options
from mlserve_cli.conversion.speed import measure_speed
from mlserve_cli.errors import UsageError
from mlserve_cli.inference.describe import describe_estimator, input_frame, plausible_row
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.learnt_columns import learnt_columns
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.serialization.load import load_estimator
from mlserve_cli.serialization.manifest import OnnxPayload, describe_file
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import DEFAULT_MODELS, ModelFile, find_model
from mlserve_cli.serialization.payload import file_name
from mlserve_cli.serialization.repository import Artifact, add_file
from mlserve_cli.serialization.rows import REFERENCE_NAME
from mlserve_cli.signature import DType, Signature
from mlserve_cli.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """What `convert_onnx` wrote.

    Attributes:
        path: The ONNX file.
        size_bytes: Its size.
        onnx: What is in it, how far it agrees and how fast it is.
    """

    path: str
    size_bytes: int
    onnx: OnnxPayload


def convert_onnx(  # noqa: PLR0913 -- one keyword per option of the command
    model: str | Path | None = None,
    out: str | Path | None = None,
    *,
    data: "pd.DataFrame | str | Path | None" = None,
    options: Options | None = None,
    allow_mismatch: bool = False,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> OnnxReport:
    """Converts a model to ONNX and proves that both predict the same.

    Args:
        model: See `load_model`.
        out: The file to write. Not given: the model's version in the repository takes it in.
        data: Rows to compare on; not given: the reference that was saved with the model, else rows
            made from the model itself.
        options: Precision, tolerance, opset and outputs.
        allow_mismatch: Whether to keep a model that does not agree.
        models: Folder of the model repository.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Raises:
        ParityError: The converted model does not agree with the estimator.
        UnsupportedEstimatorError: A step of the model has no exact ONNX form.
        UsageError: The model is ONNX already, or there is no place to write to.
        MlserveError: As `load_model`.
    """
    found = find_model(model, models=models)
    _check_request(found, out)
    estimator = load_estimator(found, trust)
    signature = found.manifest.signature if isinstance(found, Artifact) else None
    if data is None:
        rows, source = _reference(found)
    else:
        rows, source = _given(data, estimator, signature), RowSource.DATA
    conversion = convert_to_onnx(
        estimator,
        signature or describe_estimator(estimator, rows),
        data=rows,
        source=source,
        options=replace(options or Options(), metadata=_metadata(found)),
        allow_mismatch=allow_mismatch,
    )
    payload = onnx_payload(estimator, conversion, rows)
    if out is not None:
        path = save_onnx(conversion, out)
    else:
        assert isinstance(found, Artifact)
        path = _attach(found, conversion.model, payload)
    return OnnxReport(str(path), len(conversion.model), payload)


def onnx_payload(
    estimator: Any, conversion: Conversion, rows: "pd.DataFrame | None"
) -> OnnxPayload:
    """What a manifest says of a conversion; measures the speed of both engines."""
    signature = conversion.signature
    # The outputs that were asked for may leave the probabilities out.
    written = OnnxPredictor(conversion.model).signature.probabilities
    onnx = OnnxPredictor(conversion.model, replace(signature, probabilities=written))
    batch = plausible_row(signature) if rows is None else to_batch(rows, signature)
    return OnnxPayload(
        parity=conversion.parity,
        precision=conversion.precision,
        opset=conversion.opset,
        ml_opset=conversion.ml_opset,
        operators=conversion.operators,
        speeds=measure_speed(EstimatorPredictor(estimator, signature), onnx, batch),
    )


def _given(
    data: "pd.DataFrame | str | Path", estimator: Any, signature: Signature | None
) -> "pd.DataFrame":
    """The model's columns of the rows to compare on, under the names of its signature."""
    if isinstance(data, str | Path):
        columns = signature.columns if signature else learnt_columns(estimator) or ()
        text = {column.name for column in columns if column.dtype is DType.STRING}
        data = read_table(data, text=text)
    rows = input_frame(estimator, data)
    if signature is None or signature.named:
        return rows
    return rows.set_axis(list(signature.names), axis=1)


def _check_request(found: Artifact | ModelFile, out: str | Path | None) -> None:
    """Raises `UsageError` where nothing can be converted or written; asked before the work."""
    if not isinstance(found, Artifact) and out is None:
        raise UsageError(
            f"{found.path} is a file outside of the repository, and no OUT was given.",
            hint=f"Add where to write: {found.path.with_suffix('.onnx')}",
        )
    if (found.manifest if isinstance(found, Artifact) else found).format is ModelFormat.ONNX:
        raise UsageError(f"{found.path} is an ONNX model already.")
    path = None if out is None else Path(out)
    if path is not None and path.is_dir():
        raise UsageError(f"OUT is the folder {path}; expected a file, such as {path}/model.onnx.")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"OUT is {path}, and there is no folder {path.parent}.")


def _reference(found: Artifact | ModelFile) -> "tuple[pd.DataFrame | None, RowSource]":
    if isinstance(found, Artifact) and found.entry(REFERENCE_NAME) is not None:
        return read_table(found.file(REFERENCE_NAME)), RowSource.REFERENCE
    return None, RowSource.GENERATED


def _metadata(found: Artifact | ModelFile) -> tuple[tuple[str, str], ...]:
    """What the ONNX file says about where it comes from."""
    if isinstance(found, ModelFile):
        source = describe_file(found.path)
        return (("mlserve.name", found.name), ("mlserve.source_sha256", source.sha256))
    manifest = found.manifest
    source_entry = found.entry(file_name(manifest.format))
    assert source_entry is not None
    return (
        ("mlserve.name", manifest.name),
        ("mlserve.version", str(manifest.version)),
        ("mlserve.source_sha256", source_entry.sha256),
    )


def _attach(found: Artifact, content: bytes, payload: OnnxPayload) -> Path:
    name = file_name(ModelFormat.ONNX)
    changed = add_file(found, name, content, lambda manifest: replace(manifest, onnx=payload))
    return changed.path / name
