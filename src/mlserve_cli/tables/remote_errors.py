"""What the libraries of object stores raise, as sentences that say what to do, without secrets."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

from mlserve_cli.errors import EngineError, InputError, MlserveError, UsageError

_WEB = re.compile(r"https?://", re.IGNORECASE)
# What stands before the host. Azure has the container there, so that only what has a password goes.
# The second form has a slash in the password, which is not allowed, but typed.
_USER = re.compile(r"^[^/]*:[^/]*@|^[^/]*:(?!\d+(?:/|$)).*@")
_WEB_USER = re.compile(r"^[^/]*@|^[^/]*:(?!\d+(?:/|$)).*@")
# Where libraries keep the status of an answer; aiohttp has it twice, and warns of `code`.
_STATUSES = ("status", "status_code", "code", "error_code")
# Object stores allow a question mark in a name; a query has an equals sign too.
_QUERY = re.compile(r"\?[^/]*=.*$", re.DOTALL)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+")


class Doing(Enum):
    """What is done with a place; the values say what cannot be done where it fails."""

    READING = "cannot be read"
    OPENING = "cannot be written"
    WRITING = "could not be written"


def shown_uri(uri: str) -> str:
    """A URI without user names, passwords, and queries, which may be signed."""
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return uri
    if _WEB.match(uri):
        return scheme + mark + re.split(r"[?#]", _WEB_USER.sub("", rest), maxsplit=1)[0]
    return scheme + mark + _QUERY.sub("", _USER.sub("", rest))


@contextmanager
def reaching(uri: str, doing: Doing) -> Iterator[None]:
    """Translates what the libraries of a store raise.

    Args:
        uri: The place.
        doing: What is done with it.

    Raises:
        MlserveError: Of the kind that `doing` says.
    """
    try:
        yield
    except (MlserveError, ImportError):
        raise
    # Every store has errors of its own.
    except Exception as error:
        raise explained(error, uri, doing) from error


def explained(error: BaseException, uri: str, doing: Doing) -> MlserveError:
    """The error to show.

    Args:
        error: What a library raised.
        uri: The place that it is about.
        doing: What was being done with it.
    """
    name = shown_uri(uri)
    bucket = name.partition("://")[2].partition("/")[0]
    signs = _signs(error)
    scheme = uri.partition("://")[0].lower()
    if doing is not Doing.READING and "FileNotFoundError" in signs:
        # Azure and Google do not tell what is missing; what is written need not be there.
        signs.add("NoSuchBucket")
    for found, problem, hint in _CAUSES:
        if found & signs:
            advice = hint.get(scheme[:2], hint.get("", "")) if isinstance(hint, Mapping) else hint
            return _KINDS[doing](
                f"{name} {doing.value}: {problem.format(bucket=bucket)}.",
                hint=advice.format(bucket=bucket, region=_region(error)) or None,
            )
    text = str(error).splitlines()[0] if str(error) else ""
    told = _URI.sub(lambda match: shown_uri(match[0]), text.replace(uri, name))
    return _KINDS[doing](f"{name} {doing.value}: {type(error).__name__}: {told}.")


def was(error: BaseException | None, *signs: str) -> bool:
    """Whether one of these codes or types of errors is among the causes of an error."""
    return bool(_signs(error) & set(signs))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _signs(error: BaseException | None) -> set[str]:
    """Types, codes and statuses of an error and of what caused it."""
    signs: set[str] = set()
    for each in _chain(error):
        signs |= {kind.__name__ for kind in type(each).__mro__}
        signs.add(_code(each))
        # Azure's way.
        if isinstance(each, ValueError) and "credentials" in str(each):
            signs.add("NoCredentialsError")
        held = (str(getattr(each, name)) for name in _STATUSES if hasattr(each, name))
        signs.add(next(held, ""))
    return signs


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


def _region(error: BaseException) -> str:
    """The region that a bucket is in, where S3 tells it."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        if isinstance(response, Mapping):
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            told = response.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region")
            if told:
                return str(told)
    return "REGION"


_KINDS: Mapping[Doing, type[InputError | UsageError | EngineError]] = {
    Doing.READING: InputError,
    Doing.OPENING: UsageError,
    Doing.WRITING: EngineError,
}
_CREDENTIALS = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. For a public bucket: "
    "FSSPEC_S3_ANON=true",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    "gc": "Set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or run: az login",
    "ab": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or run: az login",
    "": "Name and password go into the URI: https://NAME:PASSWORD@HOST/PATH",
}
_REACH = {
    "s3": "Check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION.",
    "": "Check the network, and how the host is written.",
}
# The first that fits is told: special causes stand before what they are wrapped in.
_CAUSES: tuple[tuple[set[str], str, "str | Mapping[str, str]"], ...] = (
    (
        {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"},
        "there is no bucket {bucket!r}",
        {"s3": "See which there are with: aws s3 ls", "": ""},
    ),
    (
        {
            *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenLoadError"),
            *("CredentialRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
            *("DefaultCredentialsError", "ClientAuthenticationError", "401"),
        },
        "no credentials were found that are accepted",
        _CREDENTIALS,
    ),
    (
        {
            *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
            *("AuthFailure", "TokenRefreshRequired", "RefreshError", "AuthenticationFailed"),
        },
        "the credentials are wrong or have expired",
        _CREDENTIALS,
    ),
    (
        {"RequestTimeTooSkewed"},
        "the clock of this machine is wrong",
        "Set the clock; S3 allows 15 minutes.",
    ),
    (
        {
            *("PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect", "301"),
            *("IllegalLocationConstraintException", "InvalidRegionError"),
        },
        "the bucket {bucket!r} is in another region",
        "Add in front of the command: AWS_DEFAULT_REGION={region}",
    ),
    (
        {
            *("EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError", "gaierror"),
            *("ConnectionError", "ConnectionClosedError", "ProxyConnectionError", "SSLError"),
            *("InvalidEndpoint", "ServiceRequestError", "ReadTimeoutError", "TimeoutError"),
            *("ServerDisconnectedError", "ServerTimeoutError", "FSTimeoutError", "ClientOSError"),
        },
        "the server cannot be reached, or does not answer",
        _REACH,
    ),
    (
        {"ClientPayloadError", "IncompleteReadError", "ResponseStreamingError"},
        "the connection was lost before the end",
        "Run the command again.",
    ),
    (
        {"FileExpired", "PreconditionFailed", "412"},
        "it has changed while it was being read",
        "Run the command again.",
    ),
    (
        {"AccessDenied", "PermissionError", "403", "AllAccessDisabled"},
        "access is denied",
        "Ask for the rights on it; these credentials do not have them.",
    ),
    ({"FileNotFoundError", "NoSuchKey", "404"}, "there is no such file", ""),
    ({"NoSuchUpload"}, "the upload was ended by somebody else", "Run the command again."),
)
