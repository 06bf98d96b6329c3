"""A webhook; Slack's, Mattermost's and Rocket.Chat's show the field `text`."""

import hashlib
import hmac
from dataclasses import dataclass, field

import msgspec

from mlserve_cli.monitoring.alerts.notice import Notice
from mlserve_cli.monitoring.alerts.receivers.posting import post_json

SIGNATURE_HEADER = "X-Mlserve-Signature-256"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts notices as JSON.

    Attributes:
        name: As the settings call it.
        url: Where to; not shown, since a webhook's address is its key.
        secret: Signs the body; None for no signature.
        token: Sent as bearer token; None for none.
        timeout_seconds: How long one attempt may take.
    """

    name: str
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 10.0
    repeat_seconds: float | None = None

    def deliver(self, told: Notice) -> None:
        """See `Receiver.deliver`."""
        body = msgspec.json.encode(told)
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if self.secret is not None:
            headers[SIGNATURE_HEADER] = signature(self.secret, body)
        post_json(self.url, body, headers, self.timeout_seconds)


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 of a body, in hexadecimal, as GitHub's webhooks have it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
