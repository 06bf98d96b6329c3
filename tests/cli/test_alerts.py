"""`mlserve metrics --test-alert` shows which receivers work."""

import json
from pathlib import Path

from tests.conftest import Mlserve
from tests.monitoring.alerts.hooks import Hook

RULE = '[rules.a]\nkind = "error_rate"\n'


def test_receivers_that_take_it_and_one_that_does_not(mlserve: Mlserve, tmp_path: Path) -> None:
    with Hook().running() as taking, Hook(403).running() as refusing:
        (tmp_path / "good.toml").write_text(
            f'{RULE}[receivers.chat]\nkind = "webhook"\nurl = "{taking.url}"\n'
        )
        (tmp_path / "bad.toml").write_text(
            f'{RULE}[receivers.chat]\nkind = "webhook"\nurl_env = "HOOK"\n'
        )
        good = mlserve("metrics", "--test-alert", "--alerts", "good.toml")
        bad = mlserve(
            "metrics", "--test-alert", "--json", "--alerts", "bad.toml", HOOK=refusing.url
        )
    assert (good.exit_code, good.stdout) == (0, "chat: taken\n")
    assert json.loads(taking.received[0].body)["status"] == "test"
    assert bad.exit_code == 6
    assert json.loads(bad.stdout) == [{"receiver": "chat", "error": "it answered 403"}]
    assert refusing.url not in bad.stdout + bad.stderr


def test_a_file_is_needed(mlserve: Mlserve) -> None:
    finished = mlserve("metrics", "--test-alert")
    assert finished.exit_code == 2
    assert "--alerts FILE" in finished.stderr
