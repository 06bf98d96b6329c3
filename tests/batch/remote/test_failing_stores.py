"""Stores that refuse, are not there, or lack their packages: one sentence that says what to do."""

import http.server
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.batch import predict_file
from mlserve_cli.errors import EngineError, InputError, MlserveError, UsageError
from mlserve_cli.signature import Column, Signature, Task

_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)
_SCRIPT = Path(__file__).parent.parent / "scoring_process.py"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", "access is denied"),
        (403, "InvalidAccessKeyId", "the credentials are wrong or have expired"),
        (403, "SignatureDoesNotMatch", "the credentials are wrong or have expired"),
        (400, "ExpiredToken", "the credentials are wrong or have expired"),
        (404, "NoSuchBucket", "there is no bucket 'data'"),
        (301, "PermanentRedirect", "the bucket 'data' is in another region"),
        (400, "AuthorizationHeaderMalformed", "the bucket 'data' is in another region"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
    ],
)
@pytest.mark.parametrize("reads", [True, False], ids=["read", "write"])
def test_what_s3_refuses_is_explained(  # noqa: PLR0917
    fake: Any,
    web: Any,
    credentials: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    status: int,
    code: str,
    expected: str,
    *,
    reads: bool,
) -> None:
    def refuse(request: http.server.BaseHTTPRequestHandler) -> None:
        body = f"<Error><Code>{code}</Code><Message>No.</Message><Region>x-1</Region></Error>"
        request.send_response(status)
        if status == 301:
            request.send_header("x-amz-bucket-region", "x-1")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body.encode())

    (tmp_path / "in.csv").write_text("a\n1\n")
    with web(refuse) as address:
        # The port keeps fsspec from using what it knows of another server.
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        _forget_connections()
        if reads:
            with pytest.raises(MlserveError) as caught:
                predict_file("s3://data/folder/", tmp_path / "out.csv", fake(_MODEL))
        elif code == "AccessDenied":
            # Who may only write may not look, so that this is found when the upload begins.
            with pytest.raises(EngineError, match=r"s3://data/x\.csv could not be written: access"):
                predict_file(tmp_path / "in.csv", "s3://data/x.csv", fake(_MODEL))
            return
        else:
            with pytest.raises(MlserveError) as caught:
                predict_file(tmp_path / "in.csv", "s3://data/x.csv", fake(_MODEL))
    assert type(caught.value) is (InputError if reads else UsageError)
    assert expected in str(caught.value)
    if "region" in expected:
        assert caught.value.hint == "Add in front of the command: AWS_DEFAULT_REGION=x-1"
    _forget_connections()


def _forget_connections() -> None:
    s3fs: Any = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()


def run(
    *arguments: object, before: str = "pass", env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    script = f"import runpy, sys; {before}; sys.argv[:] = sys.argv[1:]; "
    script += f"runpy.run_path({str(_SCRIPT)!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere", **(env or {})},
    )


def test_without_credentials_the_variables_are_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    for places in (("s3://data/in.csv", "out.csv"), (tmp_path / "in.csv", "s3://data/out.csv")):
        done = run(_SCRIPT, *places, env=env)
        assert "no credentials were found" in done.stderr
        assert "AWS_ACCESS_KEY_ID" in done.stderr
        assert done.stderr.count("\n") == 2


def test_a_server_that_is_not_there_is_named() -> None:
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    env |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hidden"}
    env |= {"AWS_DEFAULT_REGION": "us-east-1"}
    done = run(_SCRIPT, "s3://data/in.csv", "out.csv", env=env)
    assert done.returncode == 4
    assert "s3://data/in.csv cannot be read: the server cannot be reached" in done.stderr
    assert "AWS_ENDPOINT_URL" in done.stderr
    assert "hidden" not in done.stderr


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [
        ("s3://data/in.csv", "s3fs", "s3"),
        ("s3://data/in.csv", "fsspec", "s3"),
        ("gs://data/in.csv", "gcsfs", "gs"),
        ("az://data/in.csv", "adlfs", "az"),
        ("https://host/in.csv?signed=hidden", "aiohttp", "remote"),
    ],
)
def test_packages_that_are_missing_are_named(uri: str, module: str, extra: str) -> None:
    done = run(_SCRIPT, uri, "out.csv", before=f"sys.modules[{module!r}] = None")
    assert done.returncode == 5
    assert f"pip install 'mlserve-cli[{extra}]'" in done.stderr
    assert "hidden" not in done.stderr


def test_local_files_need_no_such_packages(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in ("fsspec", "s3fs", "aiohttp"))
    done = run(_SCRIPT, tmp_path / "in.csv", tmp_path / "out.csv", before=blocked)
    assert (done.returncode, done.stderr) == (0, "")
