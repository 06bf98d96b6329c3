"""Drift while serving: a thread that watches what was scored, apart from the requests.

The hot path leaves references to its micro-batches in a `Tap`. With several workers, the thread of
each of them sends its rows to the one at place 0, which closes windows over the rows of all; its
report lies where every worker finds it. A worker that replaces that one goes on with what it knew a
few seconds before. Whatever goes wrong here is logged and counted, and no request knows of it.
"""

import contextlib
import importlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.drift.budget import WatchOptions
from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving import drift_families as families
from mlserve_cli.serving.drift_exchange import DriftExchange, message_rows
from mlserve_cli.serving.drift_report import encoded, state_of
from mlserve_cli.serving.drift_tap import Message, Tap
from mlserve_cli.serving.pace import Pace

if TYPE_CHECKING:
    from mlserve_cli.monitoring.drift_state import DriftState
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.model_drift import ModelDrift

_LOGGER = logging.getLogger("mlserve")
# Between two looks, and how many times longer than a look the time up to the next one is at least.
# Of a hundred requests the slowest must not be one that found the watch at work, so that takes a
# 250th of a core, in short steps with rests between them.
_LOOK_SECONDS = 0.25
_REST = 250
# So that a look that was slowed down by a busy machine is not the last one for long.
_LONGEST_REST_SECONDS = 30.0
# How many times longer than a step a rest within a look is, once the look has taken so long.
_LATE_REST = 10
# After so many errors in a row the log has said enough.
_MOST_LOGGED = 3
# Between two times that what is known is left for a worker that takes over.
_REMEMBER_SECONDS = 3.0
# How long a server that stops waits for a look to end.
_STOP_SECONDS = 1.0


class DriftWatch:
    """Watches all models of a server.

    Args:
        gateway: Has the models; its scheduler hands over what it scores.
        options: When windows close, and how often an alarm may be false.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        gateway: "Gateway",
        options: WatchOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or WatchOptions()
        self._gateway = gateway
        self._clock = clock
        self._taps: dict[LoadedModel, Tap] = {}
        self._models: dict[LoadedModel, ModelDrift] = {}
        self._exchange: DriftExchange | None = None
        self._stopping = threading.Event()
        # Half of the time between two looks, so that the steps of one are spread over all of it.
        self._pace = Pace(self._stopping, rest=_REST / 2)
        self._failures = 0
        self._failed_in_a_row = 0
        self._skipped_rows = 0
        self._report = b""
        self._listed: list[tuple[str, int]] = []
        self._readings: list[Reading] = []
        self._has_remembered = False
        # Whether something is known that is not left for others yet.
        self._is_unsaved = False
        self._saved = -math.inf
        gateway.scheduler.tap_of = self.tap
        if gateway.recording is not None:
            gateway.recording.drift_states = self.states
        gateway.metrics.collect_from(self.readings, *families.FAMILIES)

    def share(self) -> None:
        """Watches the rows of several workers together; called before they are forked."""
        self._exchange = DriftExchange()
        # What they send does not wait for long.
        self._pace = Pace(self._stopping)

    def tap(self, model: "LoadedModel") -> Tap | None:
        """Where to leave what a model has scored; None where that is compared with nothing."""
        if model.reference is None:
            return None
        found = self._taps.get(model)
        if found is None:
            found = self._taps[model] = Tap(model, self.options.rows)
        return found

    def report(self) -> bytes:
        """What is known about all models, as JSON, the same in all workers."""
        published = self._exchange.published() if self._exchange is not None else self._report
        return published or encoded([], self._gateway.service.models(), self.options)

    def states(self) -> "list[DriftState]":
        """The same in a few words for each model."""
        return [state_of(described) for described in msgspec.json.decode(self.report())["models"]]

    def readings(self) -> list[Reading]:
        """Gauges and counters of this worker; made by the thread, only handed out here."""
        skipped = self._skipped_rows + sum(tap.skipped_rows for tap in list(self._taps.values()))
        return [
            *self._readings,
            Reading(families.SKIPPED, (), skipped),
            Reading(families.FAILURES, (), self._failures),
        ]

    @contextlib.contextmanager
    def in_background(self) -> Iterator[None]:
        """Watches in a thread of its own."""
        self._stopping.clear()
        thread = threading.Thread(target=self._run, name="mlserve-drift", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(_STOP_SECONDS)

    def look(self, pause: Callable[[], None] = lambda: None) -> None:
        """Takes what waits, and compares the windows that are due.

        Args:
            pause: Called between short steps of work.
        """
        if self._is_watching:
            self._watch(pause)
        else:
            self._send()

    @property
    def _is_watching(self) -> bool:
        fleet = self._gateway.fleet
        return fleet is None or fleet.place == 0

    def _run(self) -> None:
        # What cannot be imported now, for want of files, say, is tried again with the first rows.
        with contextlib.suppress(Exception):
            self._prepare()
        rest = _LOOK_SECONDS
        while not self._rests(rest):
            # The time of this thread alone; that of others must not slow down the watch.
            started, began = time.thread_time(), self._clock()
            try:
                self.look(self._pace.begin(_LONGEST_REST_SECONDS, then=_LATE_REST))
                self._failed_in_a_row = 0
            # Requests go on, whatever is wrong with the watch.
            except Exception:
                self._count_failure()
            spent = time.thread_time() - started
            rest = min(_LONGEST_REST_SECONDS, _REST * spent) - (self._clock() - began)
            rest = max(_LOOK_SECONDS, rest)

    def _rests(self, seconds: float) -> bool:
        """Whether the server stops; until then rows of other workers are taken."""
        deadline = self._clock() + seconds
        while (left := deadline - self._clock()) > 0:
            if self._stopping.wait(min(left, _LOOK_SECONDS)):
                return True
            with contextlib.suppress(Exception):
                self._receive()
        return False

    def _count_failure(self) -> None:
        self._failures += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row <= _MOST_LOGGED:
            _LOGGER.exception("the watch of drift failed; requests are not affected")

    def _watch(self, pause: Callable[[], None]) -> None:
        self._remember()
        self._forget_old_models()
        served_now = [(model.name, model.version) for model in self._gateway.service.models()]
        # Which models there are is part of the report.
        changed = served_now != self._listed
        self._listed = served_now
        for model, tap in list(self._taps.items()):
            # One model that fails must not stop the watch of others.
            try:
                for served in tap.take():
                    changed |= model not in self._models
                    self._drift_of(model).add(served)
            except Exception:
                self._count_failure()
        self._receive()
        for drift in list(self._models.values()):
            try:
                changed |= drift.evaluate(self._clock(), pause)
            except Exception:
                self._count_failure()
        if changed:
            self._publish()
        self._save(changed=changed)

    def _remember(self) -> None:
        """Goes on where a worker that has died has left off."""
        if self._has_remembered or self._exchange is None:
            return
        self._has_remembered = True
        known = self._exchange.memory.remembered() or {}
        for model in self._gateway.service.models():
            if (model.name, model.version) in known:
                self._drift_of(model).remember(known[model.name, model.version])

    def _save(self, *, changed: bool) -> None:
        self._is_unsaved |= changed
        now = self._clock()
        if self._exchange is None or not self._is_unsaved or now - self._saved < _REMEMBER_SECONDS:
            return
        self._saved, self._is_unsaved = now, False
        models = self._models.items()
        known = {(model.name, model.version): drift.memory() for model, drift in models}
        self._exchange.memory.remember(known)

    def _receive(self) -> None:
        if self._exchange is None or not self._is_watching:
            return
        served = {(model.name, model.version): model for model in self._taps}
        served |= {(m.name, m.version): m for m in self._gateway.service.models()}
        for message in self._exchange.received():
            model = served.get((message.name, message.version))
            if model is not None:
                self._drift_of(model).add(message.served())

    def _send(self) -> None:
        assert self._exchange is not None
        self._forget_old_models()
        for model, tap in list(self._taps.items()):
            step = message_rows(8 * (model.reader.width + 8))
            for served in tap.take():
                rows = len(served.inputs[0])
                for start in range(0, rows, step):
                    part = Message.of(model, served, slice(start, start + step))
                    if not self._exchange.send(part):
                        self._skipped_rows += min(step, rows - start)

    def _prepare(self) -> None:
        """Imports what compares, where there is something to compare; requests would feel it."""
        models = self._gateway.service.models()
        if self._is_watching and any(model.reference is not None for model in models):
            # numpy imports the second one with the first call of `unique`.
            for name in ("mlserve_cli.serving.model_drift", "numpy.ma"):
                importlib.import_module(name)

    def _drift_of(self, model: "LoadedModel") -> "ModelDrift":
        from mlserve_cli.serving.model_drift import ModelDrift

        found = self._models.get(model)
        if found is None:
            found = self._models[model] = ModelDrift(model, self.options, self._clock())
        return found

    def _forget_old_models(self) -> None:
        kept = set(self._gateway.service.models())
        kept |= {queue.model for queue in self._gateway.scheduler.queues()}
        for found in (self._taps, self._models):
            known: dict[LoadedModel, Any] = found
            for model in [model for model in known if model not in kept]:
                del known[model]

    def _publish(self) -> None:
        self._readings = [
            reading for drift in self._models.values() for reading in drift.readings()
        ]
        described = [drift.describe() for drift in self._models.values()]
        self._report = encoded(described, self._gateway.service.models(), self.options)
        if self._exchange is not None:
            self._exchange.publish(self._report)
