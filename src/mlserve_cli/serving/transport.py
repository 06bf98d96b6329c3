"""The class of a server's connections."""

from typing import TYPE_CHECKING

from mlserve_cli.serving.heads import AnswerHeads, RequestHeads
from mlserve_cli.serving.hot import HotProtocol
from mlserve_cli.serving.single_rows import SingleRows

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway


class SlowProtocol(HotProtocol):
    """One connection whose requests are all answered by the application, within the same bounds."""

    def _is_plain(self) -> bool:
        return False


def protocol_class(
    gateway: "Gateway", base: type[HotProtocol] = HotProtocol, max_connections: int = 1 << 30
) -> type[HotProtocol]:
    """The protocol class of a server.

    Args:
        gateway: Answers predictions.
        base: `HotProtocol`, or `SlowProtocol` where the application answers everything.
        max_connections: Connections beyond are refused.
    """
    own = {
        "gateway": gateway,
        "room": gateway.room,
        "max_connections": max_connections,
        "endpoints": {},
        "spellings": {},
        "single_rows": SingleRows(gateway),
        "request_heads": RequestHeads(),
        "answer_heads": AnswerHeads(),
    }
    return type("HotProtocol", (base,), own)
