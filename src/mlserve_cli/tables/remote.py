"""Files that lie elsewhere: in an object store, or behind a web server that they are read from.

fsspec finds and reads them. It and the packages of a store are imported when a URI is opened.
"""

import io
import itertools
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlserve_cli.errors import InputError, MissingExtraError, UsageError
from mlserve_cli.tables.formats import FileType, Format
from mlserve_cli.tables.remote_errors import Doing, reaching, shown_uri, was

# At least two characters, so that it is no drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_USER_AND_PASSWORD = re.compile(r"[^/@]*:[^/]*@")
_WILDCARDS = re.compile(r"[*?\[]")

# What is asked for at once while a text is read from its start to its end; one such block is
# fetched ahead, and a read may span two.
_BLOCK_BYTES = 1 << 22
_BLOCKS = 3
# What is fetched beyond a read where reads jump: the tables of contents of a file are small.
_JUMPING_BYTES = 1 << 16

_UNHEARD = logging.NullHandler()

_CONNECT_SECONDS = 15
_READ_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of place.

    Attributes:
        extra: The extra of mlserve-cli that brings its packages.
        settings: What fsspec is told about it.
        is_web: Whether files can only be read, and not be listed.
    """

    extra: str
    settings: Mapping[str, Any]
    is_web: bool = False


# Listings are not kept: other programs write to the same place.
_LISTED = {"use_listings_cache": False}
_TIMEOUTS = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
_S3 = Store("s3", {**_LISTED, "config_kwargs": _TIMEOUTS})
_GS = Store("gs", _LISTED)
_AZ = Store("az", _LISTED)
_WEB = Store("remote", _LISTED, is_web=True)
_STORES = {
    "s3": _S3,
    "s3a": _S3,
    "gs": _GS,
    "gcs": _GS,
    "az": _AZ,
    "abfs": _AZ,
    "abfss": _AZ,
    "http": _WEB,
    "https": _WEB,
}


def is_remote(place: object) -> bool:
    """Whether this names something by a URI. A `Path` never does."""
    return isinstance(place, str) and _SCHEME.match(place) is not None


@dataclass(frozen=True, slots=True)
class Remote:
    """A place, and what reaches it.

    Attributes:
        uri: As the user wrote it; it may hold secrets.
        store: What kind of place it is.
        filesystem: What fsspec has for it.
        path: The place, as fsspec calls it.
    """

    uri: str
    store: Store
    filesystem: Any
    path: str

    @property
    def name(self) -> str:
        """The URI without secrets, for messages."""
        return shown_uri(self.uri)

    def reaching(self, doing: Doing = Doing.READING) -> Any:
        """Translates what libraries raise within the `with` block."""
        return reaching(self.uri, doing)

    def info(self) -> Mapping[str, Any]:
        """What the store says about it.

        Raises:
            InputError: There is nothing, or it cannot be reached.
        """
        with self.reaching():
            return self.asked_info()

    def asked_info(self) -> Mapping[str, Any]:
        """The same, with the errors of the store's own library."""
        try:
            found: Mapping[str, Any] = self.filesystem.info(self.path)
        except OSError as error:
            # A question about a file is refused without a word; what is refused a byte is told why.
            if was(error, "400", "403") and not self.store.is_web:
                self.filesystem.cat_file(self.path, start=0, end=1)
            raise
        return found


def connect(uri: str) -> Remote:
    """Finds what reaches a URI; nothing is sent yet.

    Raises:
        MissingExtraError: The packages for this kind of URI are not installed.
        UsageError: There is no such kind, or the URI holds credentials where none belong.
    """
    scheme, _, rest = uri.partition("://")
    scheme = scheme.lower()
    store = _STORES.get(scheme)
    if store is None:
        raise UsageError(
            f"{shown_uri(uri)}: {scheme}:// is no place that is known.",
            hint=f"Known are local files and {', '.join(f'{name}://' for name in _STORES)}.",
        )
    if not store.is_web and _USER_AND_PASSWORD.match(rest):
        raise UsageError(
            f"{shown_uri(uri)} was given with a name and a password; {scheme}:// takes none.",
            hint="Leave them out, and set the environment variables of the store instead.",
        )
    try:
        import fsspec

        settings = _web_settings(uri) if store.is_web else store.settings
        with reaching(uri, Doing.READING):
            # What fsspec.url_to_fs does, which takes two colons in a name for a chain of URIs.
            kind = fsspec.get_filesystem_class(scheme)
            place = f"{scheme}://{rest}"
            filesystem = kind(**settings, **kind._get_kwargs_from_urls(place))
            path = kind._strip_protocol(place)
    except ImportError as error:
        raise MissingExtraError(f"Reaching {shown_uri(uri)}", store.extra) from error
    # It would print the tracebacks of what is told here as one error.
    logging.getLogger("gcsfs").addHandler(_UNHEARD)
    return Remote(uri, store, filesystem, path)


def _web_settings(uri: str) -> Mapping[str, Any]:
    import aiohttp

    # Without one of its own, a transfer ends after five minutes.
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS
    )
    return {
        **_WEB.settings,
        "client_kwargs": {"timeout": timeout, "trust_env": True},
        # What is signed must not be written in another way.
        "encoded": "%" in uri,
    }


class RemoteFile(io.RawIOBase):
    """A file that lies elsewhere, read in pieces.

    Args:
        uri: Where it lies.
        format_: How it is laid out: text is read ahead, typed rows are read here and there.

    Raises:
        InputError: There is nothing, or it cannot be reached.
        MissingExtraError: The packages for this kind of URI are not installed.
        UsageError: There is no such kind.

    Attributes:
        name: The URI without secrets.
        size_bytes: Its size; None where the server does not say.
        version: What differs when its content does; None where the server says nothing like it.
    """

    def __init__(self, uri: str, format_: Format | None) -> None:
        super().__init__()
        self._remote = connect(uri)
        self.name = self._remote.name
        info = self._remote.info()
        if info.get("type") == "directory":
            raise InputError(
                f"{self.name} is a folder; a file is expected.",
                hint=f"A folder ends with a slash: {self.name.rstrip('/')}/",
            )
        self.size_bytes: int | None = info.get("size")
        self.version = _version(info)
        jumps = format_ in (Format.PARQUET, Format.ARROW)
        with self._remote.reaching():
            self._file = self._opened(jumps=jumps, info=info)
        self._can_seek = not type(self._file).__name__.endswith("StreamFile")

    def _opened(self, *, jumps: bool, info: Mapping[str, Any]) -> Any:
        filesystem, path = self._remote.filesystem, self._remote.path
        known = {"size": self.size_bytes} if self._remote.store.is_web else {}
        if jumps and self.size_bytes and info.get("partial", True):
            file = filesystem.open(
                path, "rb", block_size=_JUMPING_BYTES, cache_type="readahead", **known
            )
            if not self._remote.store.is_web or _gives_parts(file):
                return file
        if self._remote.store.is_web:
            # One answer from its start to its end, which every server can give.
            return filesystem.open(path, "rb", block_size=0, **known)
        options = {"maxblocks": _BLOCKS}
        return filesystem.open(
            path, "rb", block_size=_BLOCK_BYTES, cache_type="background", cache_options=options
        )

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether the server gives any part of it."""
        return self._can_seek

    def tell(self) -> int:
        """Where the next read begins."""
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Goes on at an offset."""
        return int(self._file.seek(offset, whence))

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fills the buffer unless the file ends before."""
        filled = 0
        with self._remote.reaching():
            while filled < len(buffer):
                piece = self._file.read(len(buffer) - filled)
                if not piece:
                    break
                buffer[filled : filled + len(piece)] = piece
                filled += len(piece)
        return filled

    def close(self) -> None:
        """Ends what is under way."""
        if not self.closed:
            with self._remote.reaching():
                self._file.close()
        super().close()


def _gives_parts(file: Any) -> bool:
    """Whether a web server gives the part that is asked for, and not all of the file."""
    try:
        file.seek(-1, 2)
        file.read(1)
        file.seek(0)
    except ValueError:
        return False
    return True


def _version(info: Mapping[str, Any]) -> str | None:
    for key in ("ETag", "etag", "LastModified", "Last-Modified", "mtime", "last_modified"):
        if info.get(key) is not None:
            return f"{info[key]} {info.get('size')}"
    return None


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A file of a folder that lies elsewhere.

    Attributes:
        uri: Where it lies.
        name: Its path below the folder.
        size_bytes: Its size.
    """

    uri: str
    name: str
    size_bytes: int


def is_remote_folder(uri: str) -> bool:
    """Whether a URI means several files: it ends with a slash, or is a pattern or a folder.

    Raises:
        InputError: The place cannot be reached.
        UsageError: It is a web server, which does not tell what files it has.
    """
    remote = connect(uri)
    if remote.store.is_web:
        if uri.endswith("/") or "*" in uri.partition("?")[0]:
            raise UsageError(
                f"{remote.name}: a web server does not tell which files it has.",
                hint="Name one file, or put the files into an object store.",
            )
        return False
    if uri.endswith("/"):
        return True
    try:
        return bool(remote.info().get("type") == "directory")
    except InputError:
        if _WILDCARDS.search(remote.path):
            return True
        raise


def find_remote(uri: str) -> list[RemoteEntry]:
    """The files below a folder, or those that match a pattern, in the order of their names.

    Raises:
        InputError: The place cannot be reached.
    """
    remote = connect(uri)
    fixed, fixed_uri = _before_wildcards(remote.path), _before_wildcards(uri)
    with remote.reaching():
        if fixed == remote.path:
            found = remote.filesystem.find(remote.path, detail=True)
        else:
            found = remote.filesystem.glob(remote.path, detail=True)
    names = {path.removeprefix(f"{fixed.rstrip('/')}/"): info for path, info in found.items()}
    return [
        RemoteEntry(joined(fixed_uri, name), name, info.get("size") or 0)
        for name, info in sorted(names.items())
        if info.get("type") == "file"
    ]


def _before_wildcards(path: str) -> str:
    """The folders before the first that is a pattern."""
    parts = path.split("/")
    return "/".join(itertools.takewhile(lambda part: not _WILDCARDS.search(part), parts))


def file_type_of(place: str) -> FileType:
    """What the name of a file says about its content, be it a path or a URI."""
    return FileType.of_name(shown_uri(place) if is_remote(place) else place)


def joined(folder: str, name: str) -> str:
    """The URI of something below a folder."""
    return f"{folder.rstrip('/')}/{name}"
