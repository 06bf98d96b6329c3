import re
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.conversion.characters import rewritten, tokens
from mlserve_cli.conversion.graph import Graph, Kind, Output, Tensor
from mlserve_cli.conversion.patterns import UnsupportedPatternError, token_pattern

ALPHABET = st.sampled_from("aA1_ -.,éÉßΣσςİ\u0301\n\t\u00a0東")


def run(write: Callable[[Tensor], Tensor], text: str, dimensions: int) -> list[str]:
    graph = Graph()
    given_text = graph.input("text", Kind.STRING, 1).reshape([-1])
    model = graph.model([Output("found", write(given_text), [None] * dimensions)])
    session = ort.InferenceSession(model.SerializeToString())
    return [str(one) for one in session.run(None, {"text": np.array([[text]], object)})[0].ravel()]


@pytest.mark.parametrize("pattern", [r"\w+", r"\S+", r"\w\w+", r"[^\W\d_]{2,}"])
@given(text=st.text(ALPHABET, max_size=12))
def test_the_same_tokens_are_found(pattern: str, text: str) -> None:
    found = run(lambda tensor: tokens(tensor, token_pattern(pattern).found), text, 2)
    assert [one for one in found if one] == re.findall(pattern, text)


@given(text=st.text(ALPHABET, max_size=12))
def test_case_is_lowered_as_python_does_it(text: str) -> None:
    found = run(lambda tensor: rewritten(tensor, lower=True, accents=None), text, 1)
    assert found == [text.lower()]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a)b", "capturing"),
        (r"a(?=b)", "ASSERT"),
        (r"a+?", "MIN_REPEAT"),
        (r"[a-z]\w*", "repetition"),
        (r"a|ab", "repetition"),
    ],
)
def test_other_patterns_are_refused(pattern: str, reason: str) -> None:
    with pytest.raises(UnsupportedPatternError, match=reason):
        token_pattern(pattern)
