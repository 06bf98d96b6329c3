"""Damaged requests of every protocol are answered with one JSON object, never with a 500."""

import json
import random

import pytest
from tests.serving.conftest import Server
from tests.serving.corpus import CORPUS
from tests.serving.test_server import exchange, post

TOKENS = (
    *(b"null", b"true", b"1e999", b"-1", b'"x"', b"[", b"]", b"{}", b"[]", b"NaN", b"9" * 400),
    *(b"\xff", b"\\ud800", b"1e308", b"18446744073709551616", b'"BYTES"', b'"BOOL"', b"\x00"),
)
NUMPY = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }".ljust(117) + b"\n" + bytes(32)
)
SEEDS = [
    *(request for request in CORPUS if len(request[2]) < 1000),
    ("/invocations", {"content-type": "application/x-npy"}, NUMPY),
    ("/invocations", {}, b'{"dataframe_split":{"columns":["a"],"data":[[1,2,3,4]]}}'),
    ("/v2/repository/index", {}, b'{"ready":true}'),
]


def damaged(body: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(body) + 1)
        stop = start + chance.choice((0, 1, 5))
        noise = chance.choice((*TOKENS, bytes([chance.randrange(256)])))
        body = body[:start] + noise + body[stop:]
    return body


@pytest.mark.parametrize("seed", range(5))
def test_no_damaged_request_is_answered_500(server: Server, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        path, headers, body = chance.choice(SEEDS)
        request = post(path + chance.choice(("", "?slow")), headers, damaged(body, chance))
        head, _, content = exchange(server.port, request).partition(b"\r\n\r\n")
        assert head[9:10] in {b"2", b"4"}, (request, head)
        if b"application/json" in head:
            json.loads(content)
