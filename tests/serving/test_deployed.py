"""What an image's Dockerfile says works with a real server."""

import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

from tests.serving.conftest import Serve, Trained

from mlserve_cli.deploy.container import PORT, dockerfile
from mlserve_cli.deploy.packaged import Packaged


def test_the_health_check_of_an_image_follows_the_server(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    text = dockerfile(Packaged("iris", 1, PurePosixPath("models/iris/1"), {}), "Dockerfile")
    found = re.search(r"HEALTHCHECK .*\\\n +CMD (\[.*\])", text)
    assert found is not None
    _, *arguments = json.loads(found.group(1))
    model = re.search(r"MLSERVE_MODEL=(\S+)", text)
    assert model is not None
    with serve(trained.root, MLSERVE_MODEL=model.group(1)) as running:
        check = [sys.executable, *(a.replace(f":{PORT}/", f":{running.port}/") for a in arguments)]
        assert subprocess.run(check, timeout=60, check=False).returncode == 0
    stopped = subprocess.run(check, stderr=subprocess.DEVNULL, timeout=60, check=False)
    assert stopped.returncode == 1
