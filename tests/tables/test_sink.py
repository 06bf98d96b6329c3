"""An output appears whole or not at all."""

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from mlserve_cli.errors import UsageError
from mlserve_cli.tables.sink import Sink


def test_the_target_changes_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"before")
    with Sink(target) as sink:
        sink.write(b"after")
        sink.write(memoryview(b"wards"))
        assert target.read_bytes() == b"before"
    assert target.read_bytes() == b"afterwards"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, error: type[BaseException], suffix: str
) -> None:
    def fail() -> None:
        with Sink(tmp_path / f"out.csv{suffix}") as sink:
            sink.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_where_standard_output_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As notebooks replace it.
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with Sink(tmp_path / "out.csv") as sink:
        sink.write(b"a")
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with Sink(tmp_path / "out.csv"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o640


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"before")
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    with Sink(link) as sink:
        sink.write(b"after")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"after"


@pytest.mark.parametrize("way", ["same", "symbolic", "hard"])
def test_the_input_itself_is_refused(tmp_path: Path, way: str) -> None:
    source, other = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a\n")
    if way == "symbolic":
        other.symlink_to(source)
    elif way == "hard":
        other.hardlink_to(source)
    else:
        other = tmp_path / "." / "in.csv"
    with pytest.raises(UsageError, match="is the input itself"):
        Sink(other, apart_from=source.stat())
    assert source.read_bytes() == b"a\n"


def test_a_directory_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        Sink(tmp_path)
    with pytest.raises(UsageError, match=r"folder .*nowhere does not exist") as caught:
        Sink(tmp_path / "nowhere" / "out.csv")
    assert caught.value.hint == f"Create it with: mkdir -p {tmp_path / 'nowhere'}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        Sink(tmp_path / "out.csv")


def test_a_named_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with Sink(pipe) as sink:
        sink.write(b"through")
    reader.join()
    assert received == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_long_names_have_room_for_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 251 + ".csv")
    with Sink(target) as sink:
        sink.write(b"a")
    assert target.read_bytes() == b"a"
