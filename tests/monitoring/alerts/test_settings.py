"""A file of alerts is understood, or refused in one sentence that names the line."""

from pathlib import Path

import pytest

from mlserve_cli.errors import UsageError
from mlserve_cli.monitoring.alerts.receivers.alertmanager import Alertmanager
from mlserve_cli.monitoring.alerts.receivers.command import Command
from mlserve_cli.monitoring.alerts.receivers.webhook import Webhook
from mlserve_cli.monitoring.alerts.rules import Kind
from mlserve_cli.monitoring.alerts.settings import load_alerts

RULE = '[rules.a]\nkind = "error_rate"\n'
RECEIVER = '[receivers.x]\nkind = "command"\ncommand = ["true"]\n'


def test_everything_that_can_be_said_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(
        """
interval_seconds = 5

[rules.errors]
kind = "error_rate"
above = 0.1
model = "iris"
window_seconds = 60
for_seconds = 30
min_requests = 3
severity = "critical"

[rules."too slow"]
kind = "p99_latency"

[receivers.chat]
kind = "webhook"
url_env = "CHAT"
secret_env = "SECRET"

[receivers.on-call]
kind = "alertmanager"
url = "http://localhost:9093"
timeout_seconds = 3

[receivers.log]
kind = "command"
command = ["logger", "-t", "mlserve"]
"""
    )
    plan = load_alerts(path, {"CHAT": "https://chat.example/abc\n", "SECRET": "s3cret"})
    errors, slow = plan.rules
    assert (errors.name, errors.kind, errors.limit, errors.model) == (
        *("errors", Kind.ERROR_RATE, 0.1),
        "iris",
    )
    assert (slow.name, slow.limit, slow.model) == ("too slow", 1.0, None)
    chat, manager, command = plan.receivers
    assert chat == Webhook("chat", "https://chat.example/abc", "s3cret")
    assert isinstance(manager, Alertmanager)
    assert manager.timeout_seconds == 3
    assert command == Command("log", ("logger", "-t", "mlserve"))
    assert plan.interval_seconds == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULE + "abov = 3\n" + RECEIVER, "line 3: rules.a: .*abov"),
        ('[rules.a]\nkind = "errors"\n' + RECEIVER, "line 2: .*'errors'.*error_rate, p99_latency"),
        ("[rules.a]\nabove = 1\n" + RECEIVER, "line 1: rules.a: kind is ''"),
        (RULE + 'window_seconds = "5m"\n' + RECEIVER, "line 3: .*float.*str"),
        (RULE + "for_seconds = -1\n" + RECEIVER, "line 3: .*>= 0"),
        ('[rules.a]\nkind = "drift"\nabove = 1\n' + RECEIVER, "line 3: .*drift takes no above"),
        (RULE, "receivers"),
        (RECEIVER, "rules"),
        (RULE + '[receivers.x]\nkind = "mail"\n', "line 4: .*'mail'.*webhook"),
        (RULE + '[receivers.x]\nkind = "command"\ncommand = []\n', "line 5: .*length >= 1"),
        (RULE + '[receivers.x]\nkind = "webhook"\n', "line 3: .*either url or url_env"),
        (RULE + '[receivers.x]\nkind = "webhook"\nurl_env = "GONE"\n', "line 5: .*GONE.*not set"),
        (RULE + "[rule.b]\n" + RECEIVER, "line 3: 'rule' is unknown"),
        ("interval_seconds = 0\n" + RULE + RECEIVER, "line 1: .*>= 0.1"),
        (RULE + "[rules.a\n", "not TOML: .*line 3"),
        ("rules = 3\n" + RECEIVER, "line 1: no .rules.NAME."),
    ],
    ids=range(16),
)
def test_what_cannot_be_carried_out_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_alerts(path, {})
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["ftp://s3cret", "https://", "http://h:99999999/s3cret", "http://h/s3 cret", "s3cret"]
)
def test_a_wrong_address_is_not_repeated_since_it_may_be_a_secret(tmp_path: Path, url: str) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(RULE + '[receivers.x]\nkind = "webhook"\nurl_env = "HOOK"\n')
    with pytest.raises(UsageError, match=r"line 5: .*http") as caught:
        load_alerts(path, {"HOOK": url})
    assert "cret" not in str(caught.value)


def test_secrets_do_not_show_when_a_plan_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(RULE + '[receivers.x]\nkind="webhook"\nurl_env="A"\nsecret_env="B"\n')
    plan = load_alerts(path, {"A": "https://host/first", "B": "hidden"})
    assert "first" not in repr(plan)
    assert "hidden" not in repr(plan)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_alerts(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UsageError, match="UTF-8"):
        load_alerts(tmp_path / "latin.toml")
