"""Names of requests: those that clients give, and those that are made up."""

import pytest

from mlserve_cli.serving.arrivals import Arrival, RequestIds

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def named(**headers: str) -> Arrival:
    arrival = Arrival()
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    arrival.take_names(given, RequestIds())
    return arrival


def test_an_id_is_kept_as_the_client_gave_it() -> None:
    assert named(x_request_id="a/b:c-1").request_id == b"a/b:c-1"


def test_without_an_id_none_is_made_up_yet() -> None:
    assert named().request_id == b""


@pytest.mark.parametrize("given", ["", "a b", "a\r\nb", "a" * 129, "é", "\x00"])
def test_what_cannot_be_an_id_is_replaced(given: str) -> None:
    found = named(x_request_id=given).request_id
    assert len(found) == 24
    assert given.encode() not in found or not given


def test_ids_that_are_made_up_differ() -> None:
    ids, others = RequestIds(), RequestIds()
    assert len({ids.new() for _ in range(100)} | {others.new() for _ in range(100)}) == 200


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        # A later version may say more, but no longer says less.
        (f"cc-{TRACE}-{PARENT}-01-more", TRACE),
        (f"cc-{TRACE}-{PARENT}-01", TRACE),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_trace_is_read_as_w3c_says(given: str, trace: str | None) -> None:
    assert named(traceparent=given).trace_id == trace
