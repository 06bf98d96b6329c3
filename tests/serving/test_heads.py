"""Heads that are remembered, and those that are not."""

import msgspec
import pytest

from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.heads import HEAD_END, AnswerHeads, RequestHead, RequestHeads
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.routes import Endpoint

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
MEANING = RequestHead(Endpoint(NativeProtocol()), "/predict", {}, 2, may_be_single=True)
DEFAULTS = [(b"date", b"today")]


def test_a_head_is_found_again() -> None:
    heads = RequestHeads()
    heads.learn(HEAD + b"{}", b"{}", MEANING)
    assert heads.find(HEAD.removesuffix(HEAD_END)) == msgspec.structs.replace(MEANING, content=HEAD)
    assert heads.find(HEAD[:-5]) is None


def test_a_head_without_a_body_is_not_remembered() -> None:
    # It would look complete before its last line end has come.
    heads = RequestHeads()
    head = HEAD.replace(b"length: 2", b"length: 0")
    heads.learn(head, b"", MEANING)
    assert heads.find(head.removesuffix(HEAD_END)) is None


@pytest.mark.parametrize(
    "request_bytes",
    [
        # The parser skips empty lines before a request, and they would look like its end.
        b"\r\n\r\n" + HEAD + b"{}",
        # Only the beginning of a request, or more than one.
        HEAD,
        HEAD + b"{}" + HEAD + b"{}",
        # Where a parser ends the head at bare line feeds, this is not where it ended.
        HEAD.replace(b"\r\n\r\n", b"\n\n") + b"{}\r\n\r\n{}",
        HEAD.replace(b"host: x", b"host: " + b"x" * 3000) + b"{}",
    ],
    ids=["empty lines", "beginning", "two", "line feeds", "long"],
)
def test_a_head_whose_end_is_in_doubt_is_not_remembered(request_bytes: bytes) -> None:
    heads = RequestHeads()
    heads.learn(request_bytes, b"{}", MEANING)
    assert heads.find(request_bytes.partition(HEAD_END)[0]) is None


def test_what_is_remembered_is_bounded() -> None:
    heads = RequestHeads()
    several = [HEAD.replace(b"x", b"%d" % number) for number in range(3000)]
    for head in several:
        heads.learn(head + b"{}", b"{}", MEANING)
    found = [heads.find(head.removesuffix(HEAD_END)) for head in several]
    assert 0 < len(several) - found.count(None) <= 1024


def test_answers_have_the_fields_of_the_moment() -> None:
    heads = AnswerHeads()
    body = b"{}"
    first = heads.good(body, DEFAULTS)
    assert first == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\n\r\n"
    )
    assert heads.good(body, DEFAULTS) is first
    assert b"date: tomorrow" in heads.good(body, [(b"date", b"tomorrow")])


def test_a_named_answer_is_a_good_one_with_its_name() -> None:
    heads = AnswerHeads()
    reply = Reply(b"{}", headers=((b"x-request-id", b"mine"),))
    assert heads.named(b"{}", DEFAULTS, b"mine") == heads.head(reply, DEFAULTS, closing=False)
