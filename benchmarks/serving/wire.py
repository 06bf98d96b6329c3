"""Requests and answers of each protocol."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

if TYPE_CHECKING:
    from serving.models import Question

# Of a probability; ONNX Runtime and NumPy may differ in the last bits.
_TOLERANCE = 1e-6


class Protocol(StrEnum):
    """How a server is asked."""

    NATIVE = "native"
    INSTANCES = "instances"
    INPUTS = "inputs"
    V2 = "v2"
    STATIC = "static"


def request_body(protocol: Protocol, rows: list[list[float]]) -> str:
    """The JSON that asks for predictions of the rows."""
    match protocol:
        case Protocol.NATIVE | Protocol.STATIC:
            return json.dumps({"features": rows[0] if len(rows) == 1 else rows})
        case Protocol.INSTANCES:
            return json.dumps({"instances": rows})
        case Protocol.INPUTS:
            return json.dumps({"inputs": rows})
        case Protocol.V2:
            tensor = {
                "name": "features",
                "shape": [len(rows), len(rows[0])],
                "datatype": "FP64",
                "data": [value for row in rows for value in row],
            }
            return json.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]})
    assert_never(protocol)


def is_right(protocol: Protocol, answer: bytes, question: "Question") -> bool:
    """Whether labels and probabilities are the estimator's.

    A server may answer the probability of the predicted class alone. Where it answers no labels,
    they are the classes of the highest probabilities, which are numbered from 0.
    """
    if protocol is Protocol.STATIC:
        return True
    try:
        labels, probabilities = _read(protocol, json.loads(answer), len(question.rows))
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    expected = question.probabilities
    if probabilities.ndim == 1:
        expected = expected.max(axis=1)
    return (
        probabilities.shape == expected.shape
        and np.array_equal(labels, question.labels)
        and np.allclose(probabilities, expected, rtol=0, atol=_TOLERANCE)
    )


def _read(protocol: Protocol, answer: Any, rows: int) -> tuple[Any, Any]:
    match protocol:
        case Protocol.NATIVE | Protocol.STATIC:
            labels = answer.get("predictions", answer.get("prediction"))
            found = answer.get("probabilities", answer.get("probability"))
            return np.atleast_1d(labels), np.atleast_1d(found)
        case Protocol.INSTANCES | Protocol.INPUTS:
            found = np.array(answer["predictions"] if isinstance(answer, dict) else answer)
        case Protocol.V2:
            found = np.array(answer["outputs"][0]["data"]).reshape(rows, -1)
        case _:
            assert_never(protocol)
    return found.argmax(axis=1), found
