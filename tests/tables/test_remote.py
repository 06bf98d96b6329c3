"""URIs: which are some, what of them is shown, and what errors mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.tables.formats import Compression, Format
from mlserve_cli.tables.remote import connect, file_type_of, is_remote, joined
from mlserve_cli.tables.remote_errors import Doing, explained, shown_uri


@pytest.mark.parametrize(
    "place", ["s3://b/x", "https://h/x", "abfss://c@a/x", "S3://b/x", "x1+y://"]
)
def test_a_uri_is_no_path(place: str) -> None:
    assert is_remote(place)


@pytest.mark.parametrize("place", ["-", "a.csv", "/a://b", "c://x", "a b://c", Path("s3://b/x")])
def test_a_path_is_no_uri(place: object) -> None:
    assert not is_remote(place)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://bucket/a/b.csv", "s3://bucket/a/b.csv"),
        ("s3://bucket/a?b.csv", "s3://bucket/a?b.csv"),
        ("s3://bucket/a?b/c=1.csv", "s3://bucket/a?b/c=1.csv"),
        ("s3://key:secret@bucket/x@y:z", "s3://bucket/x@y:z"),
        ("az://container/x.csv?sv=1&sig=secret", "az://container/x.csv"),
        ("abfss://container@account.net/x", "abfss://container@account.net/x"),
        ("https://host:8080/a@b.csv", "https://host:8080/a@b.csv"),
        ("https://me:secret@host:8080/x.csv?secret=1#secret", "https://host:8080/x.csv"),
        ("https://secret@host/x.csv", "https://host/x.csv"),
        ("https://me:se@cret@host/x.csv", "https://host/x.csv"),
        ("https://me:se/cret@host/x.csv", "https://host/x.csv"),
        ("HTTPS://me:secret@host/x?secret", "HTTPS://host/x"),
        ("no/uri?a=b", "no/uri?a=b"),
    ],
)
def test_what_is_shown_of_a_uri_holds_no_secrets(uri: str, shown: str) -> None:
    assert shown_uri(uri) == shown


_TYPED = st.text(st.sampled_from("ab:@?#&=%+. "), min_size=1, max_size=8)


@given(password=_TYPED, signature=_TYPED | st.just("/:/@"))
def test_no_password_is_shown(password: str, signature: str) -> None:
    uri = f"https://name:SECRET{password}SECRET@host/x.csv?signature=SECRET{signature}"
    assert "SECRET" not in shown_uri(uri)


def test_the_format_is_that_of_the_path() -> None:
    found = file_type_of("https://host/x.csv.gz?name=y.parquet")
    assert (found.format, found.compression) == (Format.CSV, Compression.GZIP)
    assert file_type_of("s3://bucket/a?b.parquet").format is Format.PARQUET
    assert joined("s3://bucket/out/", "day=1/x.csv") == "s3://bucket/out/day=1/x.csv"


def test_an_unknown_error_is_told_without_secrets() -> None:
    uri = "https://me:secret@host/x?secret=1"
    error = explained(RuntimeError(f"{uri} and s3://a:secret@b/c broke"), uri, Doing.READING)
    assert isinstance(error, InputError)
    assert str(error) == (
        "https://host/x cannot be read: RuntimeError: https://host/x and s3://b/c broke."
    )


def test_what_failed_says_which_kind_of_error_it_is() -> None:
    missing = FileNotFoundError("x")
    assert isinstance(explained(missing, "az://c/x", Doing.READING), InputError)
    opening = explained(missing, "az://c/x", Doing.OPENING)
    assert isinstance(opening, UsageError)
    assert opening.message == "az://c/x cannot be written: there is no bucket 'c'."
    assert isinstance(explained(missing, "az://c/x", Doing.WRITING), EngineError)


def test_what_caused_an_error_counts() -> None:
    class NoCredentialsError(Exception):
        pass

    error = OSError("anything")
    error.__cause__ = NoCredentialsError()
    assert "no credentials were found" in str(explained(error, "s3://b/x", Doing.READING))


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(UsageError, match="ftp:// is no place that is known") as caught:
        connect("ftp://me:secret@host/x")
    assert "secret" not in str(caught.value)
