"""The class of a server's connections, and what they have in common."""

from typing import TYPE_CHECKING

from mlserve_cli.serving.heads import AnswerHeads, RequestHeads
from mlserve_cli.serving.hot import NOTED, HotProtocol
from mlserve_cli.serving.routes import Endpoint, find_endpoint
from mlserve_cli.serving.single_rows import SingleRows

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

# Addresses and spellings of header fields that are remembered.
_MOST_KNOWN = 1024


class Shared:
    """What the connections of a server have in common.

    Args:
        gateway: Answers predictions.
        max_connections: Connections beyond are refused.
    """

    __slots__ = (
        *("answer_heads", "endpoints", "gateway", "max_connections", "request_heads"),
        *("single_rows", "spellings"),
    )

    def __init__(self, gateway: "Gateway", max_connections: int) -> None:
        self.gateway = gateway
        self.max_connections = max_connections
        self.single_rows = SingleRows(gateway)
        self.request_heads = RequestHeads()
        self.answer_heads = AnswerHeads()
        # By address; None where the application answers.
        self.endpoints: dict[bytes, Endpoint | None] = {}
        # Names of fields by how clients spell them; None for those that change nothing.
        self.spellings: dict[bytes, bytes | None] = {}

    def learn_address(self, url: bytes) -> Endpoint | None:
        """Who answers at an address; None for the application."""
        if len(self.endpoints) >= _MOST_KNOWN:
            self.endpoints.clear()
        plain = b"%" not in url and b"?" not in url and url.isascii()
        paths = self.gateway.options.paths
        found = find_endpoint(url.decode("ascii"), paths) if plain else None
        self.endpoints[url] = found
        return found

    def learn_spelling(self, name: bytes) -> bytes | None:
        """The field's name in lower case, if anybody here wants to know about that field."""
        if len(self.spellings) >= _MOST_KNOWN:
            self.spellings.clear()
        lower = name.lower()
        noted = self.spellings[name] = lower if lower in NOTED else None
        return noted


class SlowProtocol(HotProtocol):
    """One connection whose requests are all answered by the application, within the same bounds."""

    __slots__ = ()

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
    own = {"room": gateway.room, "shared": Shared(gateway, max_connections), "__slots__": ()}
    return type("HotProtocol", (base,), own)
