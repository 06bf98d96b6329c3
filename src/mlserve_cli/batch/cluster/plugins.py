"""The model on a worker: loaded once, when the first task asks for it."""

import shutil
import uuid
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from distributed import Worker, WorkerPlugin

if TYPE_CHECKING:
    from mlserve_cli.batch.cluster.shipment import Shipment
    from mlserve_cli.inference.predictor import Predictor


class ModelPlugin(WorkerPlugin):
    """Gives tasks the predictor. Workers that join later, or start again, get it too.

    Args:
        shipment: The model.
        run: Names the run, since several may share the cluster.
    """

    def __init__(self, shipment: "Shipment", run: str) -> None:
        self.name = f"mlserve-model-{run}"
        self._shipment = shipment
        self._run = run

    def setup(self, worker: Worker) -> None:
        """Remembers where the content would be."""
        self._folder = content_folder(worker, self._run)
        self._lock = Lock()
        self._predictor: Predictor | None = None

    def predictor(self) -> "Predictor":
        """The model.

        Raises:
            ModelUnseenError: The worker sees neither its path nor its content.
            MlserveError: It cannot be loaded.
        """
        with self._lock:
            if self._predictor is None:
                self._predictor = self._shipment.load(self._shipment.unpacked(self._folder))
            return self._predictor


class ContentPlugin(WorkerPlugin):
    """Brings the model's files to workers that do not see its path.

    Args:
        content: Bytes of each file.
        run: Names the run.
    """

    def __init__(self, content: dict[str, bytes], run: str) -> None:
        self.name = f"mlserve-content-{run}"
        self._content = content
        self._run = run

    def setup(self, worker: Worker) -> None:
        """Writes the files."""
        self._folder = content_folder(worker, self._run)
        unfinished = self._folder.with_name(uuid.uuid4().hex)
        for name, data in self._content.items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if not self._folder.exists():
            unfinished.rename(self._folder)
        self._content = {}

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """Removes the files."""
        shutil.rmtree(self._folder, ignore_errors=True)


def content_folder(worker: Worker, run: str) -> Path:
    """Where a worker keeps a model's content."""
    return Path(worker.local_directory) / f"mlserve-content-{run}"
