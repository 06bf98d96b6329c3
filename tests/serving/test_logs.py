"""Lines of the log, and servers that write them."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from tests.serving.conftest import Serve, Trained

from mlserve_cli.serving.logs import LogFormat, configure_logs


@pytest.fixture(autouse=True)
def restored_loggers() -> Iterator[None]:
    """Leaves the loggers as they were found."""
    loggers = [logging.getLogger(name) for name in ("mlserve", "uvicorn.error")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.parametrize("format", list(LogFormat))
def test_an_event_is_one_line_with_its_fields(
    format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(format)
    logging.getLogger("mlserve").error("no luck", extra={"model": "iris", "status": 500})
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    if format is LogFormat.JSON:
        event = json.loads(line)
        assert (event["message"], event["model"], event["status"]) == ("no luck", "iris", 500)
        assert event["level"] == "error"
    else:
        assert line.endswith(" error no luck model=iris status=500\n")


def test_a_traceback_stays_in_its_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogFormat.JSON)
    try:
        int("inside")
    except ValueError:
        logging.getLogger("mlserve").warning("failed", exc_info=sys.exc_info())
    event = json.loads(capsys.readouterr().err)
    assert "ValueError: invalid literal" in event["exception"]


def test_flask_serves_the_same_models(serve: Serve, trained: Trained) -> None:
    with (
        serve(trained.root, "iris", "--framework", "flask") as running,
        running.client as client,
    ):
        answer = client.post("/predict", json={"features": [5.1, 3.5, 1.4, 0.2]})
        assert answer.json()["prediction"] == 0
        assert "server" not in answer.headers
        running.process.terminate()
        assert running.process.wait(30) == 0
