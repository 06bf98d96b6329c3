"""The server of the demo."""

import json
from pathlib import Path

import joblib
import pytest
from sklearn.linear_model import LinearRegression

from mlserve_cli.demo.server import running_server
from mlserve_cli.errors import EngineError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "double.joblib"
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), path)
    return path


def test_it_answers_what_it_proposes_whatever_the_user_has_configured(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSERVE_API_KEY_FILE", "none")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with running_server(f"{model} --port 0") as server:
        assert server.announced.startswith("Listening on http://127.0.0.1:")
        assert json.loads(server.ask())["model"] == "double"
    with pytest.raises(EngineError, match="gave no prediction"):
        server.ask()


def test_a_server_that_does_not_start_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EngineError, match="exit code is 3"), running_server(f"{tmp_path}/none"):
        pass
    assert "error: " in capfd.readouterr().err
