"""Scoring with ONNX Runtime; neither scikit-learn nor pandas is imported."""

import logging
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from mlserve_cli.errors import CorruptArtifactError, EngineError, SignatureError, UsageError
from mlserve_cli.inference.onnx_outputs import outputs_of
from mlserve_cli.inference.onnx_signature import SIGNATURE_ENTRY, signature_of, trimmed
from mlserve_cli.inference.predictor import MANY_ROWS, Engine, Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch
    from mlserve_cli.inference.trees.part import CreateSession
    from mlserve_cli.inference.trees.trial import Runner
    from mlserve_cli.signature import Signature

_LOGGER = logging.getLogger("mlserve")

# Converted models look a value up beyond the end where the estimator would refuse the row.
_REFUSAL = "out of data bounds"

# To take a larger model apart takes seconds, and four times its memory for as long.
_LARGE_MODEL_BYTES = 1 << 25

# Up to so many rows are copied sooner than ONNX Runtime is called once more.
_FEW_ROWS = 1_000

_NONE = np.array(None, dtype=object)

_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
_INTEGERS = (np.int64, np.int32)


def create_session(model: "str | Path | bytes", *, threads: int = 1) -> ort.InferenceSession:
    """An ONNX Runtime session set for serving.

    One thread inside a call, also for large models: measured with 1.32 on two cores with other work
    beside, as other workers are, two threads take 1.2 to 2.5 times as long for nearest neighbours,
    Gaussian processes and vector machines, 1 to 2 times for forests and networks, and between 0.7
    and 3 times for single matrix products of 1,000 columns, at 100 to 10,000 rows. The sums of
    boosted trees then depend on the batch size in their last bits. Spinning would take the core
    from the threads beside it. The memory arena stays on: measured with 1.32, one row
    takes as long without it (8 microseconds for a linear model, 14 for 100 trees), and 1,000 rows
    of 100 trees take 15 MB more and up to 9 % longer.

    Args:
        model: A path, or the serialized model.
        threads: Threads inside one call.

    Raises:
        CorruptArtifactError: ONNX Runtime does not load the model.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors are raised; what ONNX Runtime prints beside them says nothing more.
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises a family of types without a public base class.
    except Exception as error:
        name = "The model" if isinstance(model, bytes) else str(model)
        raise CorruptArtifactError(f"{name} is not loaded by ONNX Runtime: {error}") from error


class OnnxPredictor:
    """A `Predictor` over an ONNX Runtime session.

    Args:
        model: A path, or the serialized model.
        signature: What the model takes and returns; read from the file where it is not given.
        threads: Threads inside one call.
        width: Columns of its input, where neither the signature nor the file tells.
        many_rows: Whether to expect calls with many rows. Trees are then made ready to be scored in
            other ways, of which such calls take the fastest; the results are the same. Calls with
            few rows may take longer.
    """

    def __init__(
        self,
        model: "str | Path | bytes",
        signature: "Signature | None" = None,
        *,
        threads: int = 1,
        width: int | None = None,
        many_rows: bool = False,
    ) -> None:
        create = partial(create_session, threads=threads)
        self.session, self._for_many_rows = _load(model, create, many_rows=many_rows)
        self._inputs = [
            (node.name, node.type, len(node.shape)) for node in self.session.get_inputs()
        ]
        metadata = self.session.get_modelmeta().custom_metadata_map
        is_ours = SIGNATURE_ENTRY in metadata
        self._outputs = outputs_of(self.session, ours=is_ours)
        signature = signature or signature_of(self.session, self._outputs, model, width)
        self._signature = trimmed(signature, self._outputs)
        # Which text stands for a missing one, as the converter wrote it down.
        self._missing_text = metadata.get("mlserve.missing_text", "")
        bound = metadata.get("mlserve.max_rows", "")
        self._multiple, self._max_rows = _rows_of_a_call(self.session, bound, ours=is_ours)
        self._few_rows = min(self._max_rows, _FEW_ROWS)

    @property
    def engine(self) -> Engine:
        """Always `onnx`."""
        return Engine.ONNX

    @property
    def signature(self) -> "Signature":
        """What the model takes and returns."""
        return self._signature

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        """See `Predictor.predict`."""
        if self._outputs.label is None:
            raise UsageError(
                "The ONNX model was converted without the output that it predicts by.",
                hint="Convert it again without --outputs.",
            )
        names = [self._outputs.label]
        if probabilities:
            if self._outputs.probabilities is None:
                raise UsageError(
                    "The ONNX model has no output of probabilities.",
                    hint="Ask for labels only: --output label",
                )
            names.append(self._outputs.probabilities)
        results = self._run(names, batch)
        labels = results[0]
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        return Prediction(labels, self._matrix(results[1]) if probabilities else None)

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        """See `Predictor.decision_function`."""
        name = self._outputs.decision
        if name is None:
            raise UsageError(
                "The ONNX model has no output of raw scores.",
                hint="Ask for labels or probabilities: --output both",
            )
        scores = np.asarray(self._run([name], batch)[0], np.float64)
        return scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores

    def _run(self, names: list[str], batch: "Batch") -> list[Any]:
        feed = self._feed(batch)
        rows = _rows(feed)
        if rows <= self._few_rows:
            return self._evenly(names, feed, rows)
        # Many rows are not copied to fill the last vector: what is left over has a call of its own.
        whole = rows - rows % self._multiple
        cuts = [*range(0, whole, self._max_rows), *sorted({whole, rows})]
        parts = [
            self._evenly(
                names,
                {name: values[start:stop] for name, values in feed.items()},
                stop - start,
            )
            for start, stop in pairwise(cuts)
        ]
        return parts[0] if len(parts) == 1 else [_joined(part) for part in zip(*parts, strict=True)]

    def _evenly(self, names: list[str], feed: "Mapping[str, NDArray[Any]]", rows: int) -> list[Any]:
        """Calls with full vectors of rows, so that no row's result depends on its neighbours.

        ONNX Runtime has another path for a single row, and computes what is left over of vectors of
        16 bytes in another way: exponentials then differ in their last digit.
        """
        missing = -rows % self._multiple
        if not missing:
            return self._call(names, feed)
        padded = {
            name: np.concatenate((values, *(values[-1:],) * missing))
            for name, values in feed.items()
        }
        return [values[:rows] for values in self._call(names, padded)]

    def _call(self, names: list[str], feed: "Mapping[str, NDArray[Any]]") -> list[Any]:
        try:
            runner = self.session if _rows(feed) < MANY_ROWS else self._for_many_rows
            result: list[Any] = runner.run(names, feed)
        # ONNX Runtime raises a family of types without a public base class.
        except Exception as error:
            message = str(error).strip().partition("\n")[0]
            if _REFUSAL in message:
                raise SignatureError(
                    "The model refuses these rows, as its estimator does: a category that it does "
                    "not know, or a value outside of what it has learnt."
                ) from error
            raise EngineError(f"ONNX Runtime failed while scoring: {message}") from error
        return result

    def _feed(self, batch: "Batch") -> "Mapping[str, NDArray[Any]]":
        if isinstance(batch, np.ndarray) and len(self._inputs) == 1:
            name, kind, _ = self._inputs[0]
            return {name: self._tensor(batch, kind, name)}
        columns = self._signature.names
        if isinstance(batch, np.ndarray):
            batch = dict(zip(columns, batch.T, strict=True))
        if len(self._inputs) < len(columns):
            name, kind, _ = self._inputs[0]
            matrix = np.column_stack([np.asarray(batch[column]) for column in columns])
            return {name: self._tensor(matrix, kind, name)}
        inputs = dict(zip(columns, self._inputs, strict=True))
        return {
            name: self._tensor(np.asarray(batch[column]).reshape((-1, 1)[:rank]), kind, column)
            for column, (name, kind, rank) in inputs.items()
        }

    def _matrix(self, values: Any) -> "NDArray[np.float64]":
        if self._outputs.zipped:
            # One dictionary per row, its keys in alphabetical order.
            classes = self._signature.classes or sorted(values[0])
            values = [[row[one] for one in classes] for row in values]
        return np.asarray(values, np.float64)

    def _tensor(self, values: "NDArray[Any]", kind: str, column: str) -> "NDArray[Any]":
        if kind != "tensor(string)":
            return _number_tensor(values, kind, column)
        texts = values.astype(object)
        texts[np.equal(texts, _NONE)] = self._missing_text
        return texts


def _load(
    model: "str | Path | bytes", create: "CreateSession", *, many_rows: bool
) -> "tuple[ort.InferenceSession, Runner]":
    """A session, and what scores many rows."""
    content = _content_with_trees(model) if many_rows else None
    if content is not None:
        from mlserve_cli.inference.trees.trial import Trial
        from mlserve_cli.inference.trees.ways import load_for_many_rows

        try:
            session, others = load_for_many_rows(content, create)
        # Nobody has looked at it yet: ONNX Runtime loads it all the same, or tells what is wrong.
        except Exception:
            _LOGGER.debug("the trees are left as they are", exc_info=True)
        else:
            return session, Trial(session, others) if others else session
    session = create(model)
    return session, session


def _content_with_trees(model: "str | Path | bytes") -> bytes | None:
    """A model of our own converter that may have trees, and is not too large to be taken apart."""
    try:
        content = model if isinstance(model, bytes) else Path(model).read_bytes()
    # ONNX Runtime says what cannot be read.
    except OSError:
        return None
    is_ours = SIGNATURE_ENTRY.encode() in content
    # To import onnx, which takes a tenth of a second, must be of use.
    has_trees = b"TreeEnsemble" in content
    return content if is_ours and has_trees and len(content) <= _LARGE_MODEL_BYTES else None


def _number_tensor(values: "NDArray[Any]", kind: str, column: str) -> "NDArray[Any]":
    if values.dtype == object:
        # Bools with missing values.
        values = np.where(np.equal(values, _NONE), np.nan, values).astype(np.float64)
    target = _NUMPY_TYPES.get(kind)
    if target is None:
        raise EngineError(f"The ONNX model's input '{column}' is a {kind}, which is not supported.")
    if target in _INTEGERS and values.dtype.kind == "f" and np.isnan(values).any():
        raise SignatureError(
            f"Column '{column}' has missing values; the model takes whole numbers.", column=column
        )
    return np.ascontiguousarray(values, dtype=target)


def _rows_of_a_call(session: ort.InferenceSession, bound: str, *, ours: bool) -> tuple[int, int]:
    """What the rows of a call are a multiple of, and their largest number.

    The largest number is what bounds the memory, where that is known. A graph can be fixed to a
    number of rows, which is both then. Graphs from elsewhere may compute with all rows of a call,
    and are given no others.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    sizes = [node.shape[0] for node in inputs if node.shape]
    fixed = [size for size in sizes if isinstance(size, int) and size > 0]
    if fixed:
        return min(fixed), min(fixed)
    # Of a vector of 16 bytes.
    is_double = any(node.type == "tensor(double)" for node in (*inputs, *outputs))
    multiple = (2 if is_double else 4) if ours else 1
    known = int(bound) if bound.isdecimal() and int(bound) else sys.maxsize
    return multiple, max(known - known % multiple, multiple)


def _rows(feed: "Mapping[str, NDArray[Any]]") -> int:
    return len(next(iter(feed.values())))


def _joined(parts: "Sequence[Any]") -> Any:
    if isinstance(parts[0], list):
        return [row for part in parts for row in part]
    return np.concatenate(parts)
