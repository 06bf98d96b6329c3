"""What `mlserve deploy` writes can be built, and nothing of the user's is lost."""

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from tests.conftest import Mlserve

from mlserve_cli import save_model
from mlserve_cli.deploy import Target, deploy
from mlserve_cli.errors import ModelNotFoundError, UsageError


def instructions(dockerfile: Path) -> dict[str, str]:
    """The last argument of each instruction, its lines joined."""
    text = dockerfile.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def test_an_image_holds_the_model_and_the_libraries_it_was_saved_with(project: Path) -> None:
    (written, ignored) = deploy(Target.DOCKER)
    found = instructions(written)
    assert f'"scikit-learn=={version("scikit-learn")}"' in found["RUN"]
    assert found["COPY"].endswith('["models/iris/1", "/models/iris/1"]')
    assert (project / "models/iris/1/manifest.json").is_file()
    assert found["USER"] == "10001"
    assert found["CMD"].startswith('["mlserve", "serve", "--host", "0.0.0.0"')
    assert "/health/ready" in found["HEALTHCHECK"]
    assert ignored.read_text().splitlines() == ["*", "!models/iris/1"]


def test_compose_builds_that_image_from_the_current_folder(project: Path) -> None:
    deploy(Target.COMPOSE, out="some/where")
    content = yaml.safe_load((project / "some/where/compose.yaml").read_text())
    service = content["services"]["iris"]
    context = (project / "some/where" / service["build"]["context"]).resolve()
    assert context == project
    assert (context / service["build"]["dockerfile"]).is_file()
    assert service["read_only"] is True


def test_pods_are_unprivileged_probed_and_get_time_to_finish(project: Path) -> None:
    deploy("kubernetes", "iris/1")
    deployment, service = yaml.safe_load_all((project / "deploy/kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    # A stopping supervisor waits 40 seconds for its workers.
    assert pod["terminationGracePeriodSeconds"] > 40
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubernetes_knows_every_field(project: Path) -> None:
    deploy(Target.KUBERNETES)
    documents = (project / "deploy/kubernetes.yaml").read_text().split("---\n")
    # It drops what it does not know.
    finished = subprocess.run(
        ["kubectl", "set", "image", "--local", "-f", "-", "mlserve=iris:2", "-o", "yaml"],
        input=documents[0],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    given, understood = yaml.safe_load(documents[0]), yaml.safe_load(finished.stdout)
    assert _is_within(given["spec"]["template"]["spec"], understood["spec"]["template"]["spec"])


def _is_within(part: object, whole: object) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _is_within(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_is_within, part, whole))
    return part in (whole, "iris:1")


@pytest.mark.parametrize(
    ("name", "image"), [("Fraud_Model.v2", "fraud-model-v2:1"), ("2024", "model-2024:1")]
)
def test_names_become_what_kubernetes_and_docker_accept(
    project: Path, name: str, image: str
) -> None:
    save_model("models/iris/1/model.skops", name=name)
    deploy(Target.KUBERNETES, name)
    deployment, service = yaml.safe_load_all((project / "deploy/kubernetes.yaml").read_text())
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert service["metadata"]["name"] == image.removesuffix(":1")


def test_changed_files_are_not_overwritten_unless_that_is_asked_for(project: Path) -> None:
    deploy(Target.COMPOSE)
    changed = project / "deploy/compose.yaml"
    changed.write_text("mine\n")
    with pytest.raises(UsageError, match=r"deploy/compose\.yaml would be overwritten"):
        deploy(Target.COMPOSE)
    assert changed.read_text() == "mine\n"
    deploy(Target.COMPOSE, force=True)
    assert changed.read_text() != "mine\n"
    # What is there and the same is no reason to refuse.
    deploy(Target.KUBERNETES)


def test_a_model_outside_of_the_current_folder_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    with pytest.raises(UsageError, match="is outside of"):
        deploy(Target.DOCKER, models=project / "models")
    assert not Path("deploy").exists()


def test_a_bare_file_and_an_unknown_model_are_refused(project: Path) -> None:
    shutil.copy("models/iris/1/model.skops", "bare.skops")
    with pytest.raises(UsageError, match="bare model file"):
        deploy(Target.DOCKER, "bare.skops")
    with pytest.raises(ModelNotFoundError):
        deploy(Target.DOCKER, "nobody")


def test_the_command_writes_and_says_what_to_do_next(project: Path, mlserve: Mlserve) -> None:
    finished = mlserve("deploy", "kubernetes")
    assert finished.exit_code == 0
    assert "Wrote deploy/kubernetes.yaml" in finished.stdout
    assert "docker build --file deploy/Dockerfile --tag iris:1 ." in finished.stdout
    (project / "deploy/Dockerfile").write_text("FROM scratch\n")
    again = mlserve("deploy", "docker")
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_prometheus_and_grafana_need_no_model(in_tmp_path: Path, mlserve: Mlserve) -> None:
    assert mlserve("deploy", "prometheus").exit_code == 0
    assert mlserve("deploy", "grafana").exit_code == 0
    assert {path.name for path in (in_tmp_path / "deploy").iterdir()} == {
        *("grafana.json", "mlserve.rules.yaml", "prometheus.yaml")
    }
