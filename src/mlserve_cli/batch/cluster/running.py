"""Tasks on a cluster: sent, watched, sent again where the model is missing, and called back."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from mlserve_cli.batch.cluster.outcome import Outcome
from mlserve_cli.batch.cluster.tasks import Task, run_task
from mlserve_cli.batch.options import Progress
from mlserve_cli.errors import EngineError, UsageError

if TYPE_CHECKING:
    from mlserve_cli.batch.cluster.shipment import Shipment

# How often a task is tried again that failed for a reason that may pass, such as a full disk of a
# worker or a shared folder that was away.
_RETRIES = 2
# Tasks that wait at the scheduler; it grows slow with hundreds of thousands.
_MOST_WAITING = 5000
_POLL_SECONDS = 0.02
# How often it is asked whether there are workers, and how long none may be there: a cluster that
# grows with its work takes minutes for the first.
_ASK_SECONDS = 5.0
_WORKERLESS_SECONDS = 300.0
_ANSWER_SECONDS = 5.0
# What Dask's errors say where mlserve is not installed, on a worker and on the scheduler.
_LACKING = "No module named 'mlserve_cli"
_UNREAD = "deserialization of the task graph"
_RESUME = "What is finished is kept; go on with the same command and --resume."


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has ended.

    Attributes:
        place: Its place among the tasks.
        task: What was to be done.
        outcome: How it ended.
    """

    place: int
    task: Task
    outcome: Outcome


@dataclass
class ClusterRun:
    """Tasks of one job. The model goes to the workers when the `with` block is entered.

    Attributes:
        client: The cluster, as Dask's untyped client.
        shipment: The model.
        run: Names the run, since several may share the cluster.
        tick: Called often, with how far the job is; what it raises ends the run.
        total_bytes: Size of the input.
        on_loss: What to do when the cluster is lost.
    """

    client: Any
    shipment: "Shipment"
    run: str
    tick: Callable[[Progress], None]
    total_bytes: int = 0
    on_loss: str = _RESUME
    _waiting: dict[Any, tuple[int, Task]] = field(default_factory=dict)
    _content_sent: bool = False
    _done_bytes: int = 0
    _done_rows: int = 0
    _lost: bool = False
    _told: set[str] = field(default_factory=set)
    _asked: float = field(default_factory=time.monotonic)
    _workers_seen: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        from mlserve_cli.batch.cluster.plugins import ModelPlugin

        try:
            self._register(ModelPlugin(self.shipment, self.run))
        except BaseException:
            self.__exit__()
            raise
        return self

    def _register(self, plugin: Any) -> None:
        """Sends a plugin to the workers.

        Raises:
            UsageError: One of them lacks mlserve.
            EngineError: The cluster is lost, or a worker failed.
        """
        import distributed.comm

        dask: Any = distributed
        try:
            self.client.register_plugin(plugin)
        # What a worker raised, perhaps as text in a plain Exception.
        except Exception as error:
            if self.client.status != "running" or isinstance(error, dask.comm.CommClosedError):
                raise self._loss() from error
            if _LACKING in str(error):
                raise self._lacking(error) from error
            raise EngineError(
                f"A worker cannot take the model: {error}", hint=self.on_loss
            ) from error

    def _lacking(self, error: Exception) -> UsageError:
        return UsageError(
            f"The cluster cannot read what mlserve sends it: {error}",
            hint="Install on the scheduler and on every worker: pip install "
            f"'mlserve-cli[dask]=={self.shipment.version}'",
        )

    def thread_count(self) -> int:
        """How many tasks the cluster works on at the same time.

        Raises:
            EngineError: It is lost.
        """
        try:
            return sum(self.client.nthreads().values())
        except OSError as error:
            raise self._loss() from error

    def __exit__(self, *_: object) -> None:
        if self._lost or self.client.status != "running":
            return
        names = [f"mlserve-model-{self.run}"]
        names += [f"mlserve-content-{self.run}"] if self._content_sent else []
        # A scheduler that has gone meanwhile has nothing left to tidy up.
        with suppress(OSError):
            self.client.cancel(list(self._waiting))
        for name in names:
            # Workers that could not take it cannot give it back, and say so.
            with suppress(Exception):
                self.client.unregister_worker_plugin(name)

    def ended(self, tasks: Iterable[Task]) -> Iterator[Ended]:
        """Tasks and how they ended, in the order in which they end.

        A failure calls back all tasks behind it, and is yielded last: those before it are done
        then, so that it is the first failure of the input, as in a local run.

        Raises:
            EngineError: The cluster is lost, or workers die of a task.
        """
        source = enumerate(tasks)
        failed: Ended | None = None
        more = True
        while more or self._waiting:
            if more and len(self._waiting) < _MOST_WAITING:
                following = next(source, None) if failed is None else None
                more = following is not None
                if following is not None:
                    self._submit(*following)
            else:
                time.sleep(_POLL_SECONDS)
                self._check_workers()
            self._tell()
            for each in self._finished():
                self._tell()
                if each.outcome.failure is None:
                    yield each
                elif failed is None or each.place < failed.place:
                    failed = each
                    self._call_back(each.place)
        if failed is not None:
            yield failed

    def _tell(self) -> None:
        self.tick(Progress(self._done_bytes, self.total_bytes, self._done_rows))

    def _check_workers(self) -> None:
        """Says when nobody is there to work, and does not wait for ever."""
        now = time.monotonic()
        if now < self._asked + _ASK_SECONDS:
            return
        self._asked = now
        try:
            seen = self.client.sync(self.client.scheduler.ncores, callback_timeout=_ANSWER_SECONDS)
        # A scheduler that is busy or gone for a while says nothing about its workers.
        except (TimeoutError, OSError):
            return
        if seen:
            self._workers_seen = now
            return
        warnings.warn("The Dask cluster has no workers; waiting for one.", stacklevel=2)
        if now > self._workers_seen + _WORKERLESS_SECONDS:
            raise EngineError(
                f"The Dask cluster has had no workers for {_WORKERLESS_SECONDS:.0f} seconds.",
                hint=self.on_loss,
            )

    def _submit(self, place: int, task: Task) -> None:
        key = f"mlserve-{self.run}-{place}-{time.monotonic_ns()}"
        plugin = f"mlserve-model-{self.run}"
        future = self.client.submit(
            run_task, task, plugin, key=key, retries=_RETRIES, pure=False, priority=-place
        )
        self._waiting[future] = place, task

    def _finished(self) -> list[Ended]:
        if self.client.status != "running":
            raise self._loss()
        found = []
        for future in [each for each in self._waiting if each.done()]:
            place, task = self._waiting.pop(future)
            outcome = self._result(future, task)
            if outcome.lacks_model:
                self._send_content()
                self._submit(place, task)
                continue
            if outcome.failure is None:
                self._done_bytes += task.size_bytes
                self._done_rows += outcome.rows + outcome.skipped
            # Each shard of a file says the same.
            for message in set(outcome.warnings) - self._told:
                self._told.add(message)
                warnings.warn(message, stacklevel=2)
            found.append(Ended(place, task, outcome))
        return found

    def _call_back(self, place: int) -> None:
        behind = [future for future, (other, _) in self._waiting.items() if other > place]
        self.client.cancel(behind)
        for future in behind:
            del self._waiting[future]

    def _send_content(self) -> None:
        from mlserve_cli.batch.cluster.plugins import ContentPlugin

        if self._content_sent:
            return
        # The scheduler keeps it for those that join, also when a worker could not take it.
        self._content_sent = True
        self._register(ContentPlugin(self.shipment.content(), self.run))

    def _result(self, future: Any, task: Task) -> Outcome:
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result()
        except KilledWorker as error:
            raise EngineError(
                f"{task.shown}: several workers died while scoring it; they may lack memory.",
                hint=self.on_loss,
            ) from error
        # What the task raised, of any library or of the system; or the answer cannot be fetched.
        except Exception as error:
            if future.status != "error":
                raise self._loss() from error
            if _UNREAD in str(error) or _LACKING in str(error):
                raise self._lacking(error) from error
            reason = f"{type(error).__name__}: {error}"
            raise EngineError(
                f"{task.shown} could not be scored: {reason}", hint=self.on_loss
            ) from error
        return outcome

    def _loss(self) -> EngineError:
        self._lost = True
        return EngineError("The connection to the Dask scheduler is lost.", hint=self.on_loss)
