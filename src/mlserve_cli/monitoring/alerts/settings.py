"""The file that says when to alert whom, in TOML."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, assert_never
from urllib.parse import urlsplit

import msgspec

from mlserve_cli.errors import UsageError
from mlserve_cli.monitoring.alerts.receivers.alertmanager import Alertmanager
from mlserve_cli.monitoring.alerts.receivers.command import Command
from mlserve_cli.monitoring.alerts.receivers.interface import Receiver
from mlserve_cli.monitoring.alerts.receivers.webhook import Webhook
from mlserve_cli.monitoring.alerts.rules import Kind, Rule

_T = TypeVar("_T")
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=300)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_TABLES = ("rules", "receivers")


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """When to alert whom.

    Attributes:
        rules: What is looked at.
        receivers: Who is told; everybody is told everything.
        interval_seconds: Between two looks.
    """

    rules: tuple[Rule, ...]
    receivers: tuple[Receiver, ...]
    interval_seconds: float = 15.0


class _WebhookTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"
):
    url: _Text | None = None
    url_env: _Text | None = None
    secret_env: _Text | None = None
    token_env: _Text | None = None
    timeout_seconds: _Seconds = 10.0


class _AlertmanagerTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="alertmanager", tag_field="kind"
):
    url: _Text | None = None
    url_env: _Text | None = None
    token_env: _Text | None = None
    timeout_seconds: _Seconds = 10.0


class _CommandTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="command", tag_field="kind"
):
    command: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    timeout_seconds: _Seconds = 30.0


_ReceiverTable = _WebhookTable | _AlertmanagerTable | _CommandTable
_RECEIVER_KINDS = ("webhook", "alertmanager", "command")


class _Interval(msgspec.Struct, frozen=True):
    interval_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 15.0


def load_alerts(path: str | Path, environment: Mapping[str, str] | None = None) -> AlertPlan:
    """Reads a file of alerts.

    Args:
        path: The file.
        environment: Where secrets are; the process's where it is not given.

    Raises:
        UsageError: It cannot be read, or says something that cannot be carried out; the message
            names the line.
    """
    return _Reader(Path(path), os.environ if environment is None else environment).read()


class _Reader:
    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        try:
            self._text = path.read_text(encoding="utf-8")
            self._content = tomllib.loads(self._text)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not a text in UTF-8.") from error
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is not TOML: {error}.") from error

    def read(self) -> AlertPlan:
        unknown = [key for key in self._content if key not in ("interval_seconds", *_TABLES)]
        if unknown:
            raise self._error(
                unknown[0],
                None,
                f"{unknown[0]!r} is unknown; expected interval_seconds, [rules.NAME] and "
                "[receivers.NAME]",
            )
        rules = tuple(self._each("rules", self._rule))
        receivers = tuple(self._each("receivers", self._receiver))
        interval = self._convert(
            {key: value for key, value in self._content.items() if key not in _TABLES},
            _Interval,
            "",
            None,
        )
        return AlertPlan(rules, receivers, interval.interval_seconds)

    def _each(self, section: str, read: Callable[[str, dict[str, Any]], _T]) -> list[_T]:
        tables = self._content.get(section)
        if not isinstance(tables, dict) or not tables:
            raise self._error(
                section, None, f"no [{section}.NAME] is there, so nothing would ever be told"
            )
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise self._error(section, name, f"expected a table, [{section}.{name}]")
        return [read(name, table) for name, table in tables.items()]

    def _rule(self, name: str, table: dict[str, Any]) -> Rule:
        rule: Rule = self._convert({**table, "name": name}, Rule, "rules", name)
        if rule.above is not None and not rule.compares:
            raise self._error("rules", name, f"a rule of kind {rule.kind} takes no above", "above")
        return rule

    def _receiver(self, name: str, table: dict[str, Any]) -> Receiver:
        found = self._convert(table, _ReceiverTable, "receivers", name)
        match found:
            case _WebhookTable():
                return Webhook(
                    name,
                    self._url(name, found),
                    self._secret(name, "secret_env", found.secret_env),
                    self._secret(name, "token_env", found.token_env),
                    found.timeout_seconds,
                )
            case _AlertmanagerTable():
                token = self._secret(name, "token_env", found.token_env)
                return Alertmanager(name, self._url(name, found), token, found.timeout_seconds)
            case _CommandTable():
                return Command(name, found.command, found.timeout_seconds)
            case _:
                assert_never(found)

    def _url(self, name: str, table: _WebhookTable | _AlertmanagerTable) -> str:
        if (table.url is None) == (table.url_env is None):
            raise self._error("receivers", name, "expected either url or url_env", "url")
        key = "url" if table.url is not None else "url_env"
        url = table.url or self._secret(name, "url_env", table.url_env) or ""
        try:
            parts = urlsplit(url)
            # The port is looked at when it is asked for.
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good or not url.isascii() or not url.isprintable() or " " in url:
            # It may hold a secret, so it is not repeated.
            raise self._error(
                "receivers", name, f"{key} is no address that begins with http:// or https://", key
            )
        return url

    def _secret(self, name: str, key: str, variable: str | None) -> str | None:
        if variable is None:
            return None
        found = self._environment.get(variable, "").strip()
        if not found:
            reason = f"the environment variable {variable} is empty or not set"
            raise self._error("receivers", name, reason, key)
        if not found.isascii() or not found.isprintable():
            reason = f"the environment variable {variable} holds more than printable ASCII"
            raise self._error("receivers", name, reason, key)
        return found

    def _convert(self, table: dict[str, Any], kind: Any, section: str, name: str | None) -> Any:
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            reason = str(error)
            named = re.findall(r"`\$?\.?(\w+)[^`]*`", reason)
            key = next((word for word in reversed(named) if word in table), None)
            if "kind" in named:
                kinds = Kind if section == "rules" else _RECEIVER_KINDS
                reason = f"kind is {table.get('kind', '')!r}; expected one of {', '.join(kinds)}"
            raise self._error(section, name, reason, key) from error

    def _error(
        self, section: str, name: str | None, reason: str, key: str | None = None
    ) -> UsageError:
        place = self._line(section, name, key)
        where = f"{self._path}, line {place}" if place else str(self._path)
        subject = f"{section}.{name}: " if name else ""
        return UsageError(
            f"{where}: {subject}{reason}.",
            hint=f"Try it without a server: mlserve metrics --test-alert --alerts {self._path}",
        )

    def _line(self, section: str, name: str | None, key: str | None) -> int | None:
        """Where something stands, as well as that can be told without a parser that knows lines."""
        lines = self._text.splitlines()
        start = 0
        if name is not None:
            header = re.compile(rf"""\s*\[\s*{section}\s*\.\s*["']?{re.escape(name)}["']?\s*\]""")
            found = (number for number, line in enumerate(lines) if header.match(line))
            start = next(found, -1)
            if start < 0:
                return None
        wanted = key or (section if name is None else None)
        if wanted is None:
            return start + 1
        for number, line in enumerate(lines[start:], start):
            if name is not None and number > start and line.lstrip().startswith("["):
                break
            if re.match(rf"""\s*\[?["']?{re.escape(wanted)}\b""", line):
                return number + 1
        return start + 1 if name is not None else None
