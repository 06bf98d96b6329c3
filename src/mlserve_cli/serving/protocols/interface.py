"""What every protocol offers to the transports."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Call, Headers, Reply
    from mlserve_cli.serving.model import LoadedModel


class InferenceProtocol(Protocol):
    """One way to write requests for predictions, and their answers."""

    @property
    def name(self) -> str:
        """Its name in metrics."""

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> "Call":
        """Reads a request.

        Args:
            model: The model that the address names.
            body: After its content encoding was undone.
            headers: Of `MEANINGFUL_HEADERS` those that the request has, names in lower case.

        Raises:
            InputError: The request cannot be read.
            SignatureError: Its rows do not fit the model.
        """

    def error(self, error: "MlserveError") -> "Reply":
        """The answer to a request that failed."""
