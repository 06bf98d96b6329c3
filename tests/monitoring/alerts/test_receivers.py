"""Notices arrive at real servers and programs; what fails is said without secrets."""

import hashlib
import hmac
import json
import socket
import sys
import threading
from pathlib import Path

import pytest
from tests.monitoring.alerts.hooks import Hook

from mlserve_cli.monitoring.alerts.notice import Notice, notice
from mlserve_cli.monitoring.alerts.receivers.alertmanager import Alertmanager
from mlserve_cli.monitoring.alerts.receivers.command import Command
from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError
from mlserve_cli.monitoring.alerts.receivers.webhook import SIGNATURE_HEADER, Webhook
from mlserve_cli.monitoring.alerts.rules import Kind, Rule
from mlserve_cli.monitoring.alerts.trial import Trial, send_test_alert


@pytest.fixture
def told() -> Notice:
    return notice(Rule("errors", Kind.ERROR_RATE), "iris", 0.25, 1e9)


def test_a_webhook_gets_what_slack_shows_and_all_fields(told: Notice) -> None:
    with Hook().running() as hook:
        Webhook("chat", f"{hook.url}/services/T0").deliver(told)
    (received,) = hook.received
    assert received.path == "/services/T0"
    assert received.headers["content-type"] == "application/json"
    content = json.loads(received.body)
    assert (
        content["text"]
        == "[FIRING] errors: iris fails 25.0% of its requests (limit: more than 5.0%)."
    )
    assert (content["status"], content["alert"], content["model"]) == ("firing", "errors", "iris")
    assert content["started"] == "2001-09-09T01:46:40.000+00:00"


def test_a_webhook_can_check_who_sent_it(told: Notice) -> None:
    with Hook().running() as hook:
        Webhook("chat", hook.url, secret="key", token="pass").deliver(told)
    (received,) = hook.received
    digest = hmac.new(b"key", received.body, hashlib.sha256).hexdigest()
    assert received.headers[SIGNATURE_HEADER.lower()] == f"sha256={digest}"
    assert received.headers["authorization"] == "Bearer pass"


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (400, False), (404, False)]
)
def test_only_failures_of_the_server_are_worth_another_attempt(
    told: Notice, status: int, again: bool
) -> None:
    with Hook(status).running() as hook, pytest.raises(DeliveryError, match=str(status)) as caught:
        Webhook("chat", hook.url).deliver(told)
    assert caught.value.again is again


def test_a_redirection_is_no_delivery_since_its_body_would_be_lost(told: Notice) -> None:
    with Hook(302).running() as hook, pytest.raises(DeliveryError, match="302"):
        Webhook("chat", hook.url).deliver(told)
    assert len(hook.received) == 1


def test_nobody_there_and_no_answer_are_failures_that_name_no_address(told: Notice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        silent = f"http://127.0.0.1:{taken.getsockname()[1]}/s3cret"
        with pytest.raises(DeliveryError, match=r"no answer in 0\.2 seconds") as caught:
            Webhook("chat", silent, timeout_seconds=0.2).deliver(told)
        assert caught.value.again
    with pytest.raises(DeliveryError, match="refused") as caught:
        Webhook("chat", silent).deliver(told)
    assert caught.value.again
    assert "s3cret" not in str(caught.value)


def test_an_answer_that_is_not_http_is_a_failure(told: Notice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                # What is not read when the connection closes would reset it.
                while b'"alert"' not in connection.recv(65536):
                    pass
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeliveryError, match="connection failed"):
            Webhook("chat", f"http://127.0.0.1:{listener.getsockname()[1]}").deliver(told)
        thread.join()


def test_a_command_gets_json_and_no_shell_looks_at_its_arguments(
    told: Notice, tmp_path: Path
) -> None:
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    target = tmp_path / "a; $(touch b).json"
    Command("log", (sys.executable, "-c", script, str(target))).deliver(told)
    assert json.loads(target.read_text())["alert"] == "errors"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/nowhere/at/all",), "No such file"),
        (("sh", "-c", "echo why >&2; exit 3"), "code 3: why"),
        (("sleep", "60"), "killed after 0.3 seconds"),
    ],
    ids=["missing", "failing", "hanging"],
)
def test_commands_that_fail_are_not_run_again(
    told: Notice, command: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(DeliveryError, match=reason) as caught:
        Command("log", command, timeout_seconds=0.3).deliver(told)
    assert not caught.value.again


def test_a_test_alert_tells_which_receivers_work() -> None:
    with Hook(403).running() as refusing, Hook().running() as taking:
        found = send_test_alert(
            [
                Webhook("bad", refusing.url),
                Webhook("good", taking.url),
                Alertmanager("manager", taking.url),
            ]
        )
    assert found == [Trial("bad", "it answered 403"), Trial("good", None), Trial("manager", None)]
    assert json.loads(taking.received[0].body)["status"] == "test"
    assert taking.received[1].path == "/api/v2/alerts"
