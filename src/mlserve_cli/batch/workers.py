"""Blocks scored side by side, in threads and in copies of this process, and given in order."""

import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

from mlserve_cli.batch.encoders import TextEncoder
from mlserve_cli.batch.forks import PLACES, Fork
from mlserve_cli.batch.scoring import BlockScorer, Piece
from mlserve_cli.batch.threads import one_thread_per_worker, single_threaded, usable_processors
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Block, Table, TextTable

if TYPE_CHECKING:
    from mlserve_cli.tables.interface import TextBlock
    from mlserve_cli.tables.source import Source

# Blocks that wait for a worker beyond those being scored; enough to bridge a slow write.
_SPARE_BLOCKS = 2
# Smaller inputs are done before a fork has paid for itself.
_FORKED_BLOCKS = 8


@contextmanager
def open_workers(scorer: BlockScorer, table: Table, source: "Source") -> Iterator["Workers"]:
    """As many workers as the scorer's options say.

    Args:
        scorer: Scores blocks.
        table: Where they come from.
        source: The bytes of the table.
    """
    with ExitStack() as stack:
        forks = []
        if isinstance(table, TextTable) and _are_forks_of_use(scorer, source):
            score = partial(_score_bytes, scorer, table)
            for _ in range(_most_forks(scorer, source)):
                try:
                    forks.append(stack.enter_context(Fork(score, scorer.options.block_bytes)))
                except OSError:
                    break
        yield Workers(scorer, forks)


def _are_forks_of_use(scorer: BlockScorer, source: "Source") -> bool:
    options = scorer.options
    size = source.size_bytes
    return (
        options.forks
        and sys.platform == "linux"
        and usable_processors() > 1
        # Only text is read with Python's lock held, and only text is what a fork gives back.
        and isinstance(scorer.encoder, TextEncoder)
        # An estimator's libraries may have threads, which a fork lacks.
        and scorer.predictor.engine is Engine.ONNX
        # What reads from elsewhere has threads of its own.
        and source.uri is None
        and (size is None or size >= _FORKED_BLOCKS * options.block_bytes)
    )


def _most_forks(scorer: BlockScorer, source: "Source") -> int:
    """One for each thread but the first, and not more than there are blocks for."""
    most = scorer.options.threads - 1
    if source.size_bytes is None:
        return most
    return min(most, source.size_bytes // scorer.options.block_bytes // PLACES)


def _score_bytes(scorer: BlockScorer, table: TextTable, data: bytes) -> Piece:
    return scorer.score(table.block(data, 0))


class Workers:
    """Score blocks side by side.

    Args:
        scorer: Scores a block.
        forks: Copies of this process that take blocks from it; one thread here works beside them.
    """

    def __init__(self, scorer: BlockScorer, forks: list[Fork]) -> None:
        self._scorer = scorer
        self._forks = forks
        self._is_given_up = False
        self._threads = 1 + PLACES * len(forks) if forks else scorer.options.threads
        self._remote: SimpleQueue[Callable[[bytes], Piece | None]] = SimpleQueue()
        for fork in forks:
            for place in range(PLACES):
                self._remote.put(partial(fork.score, place))
        self._of_thread = threading.local()

    def score_in_order(self, blocks: Iterator[Block]) -> "Generator[Future[Piece], None, None]":
        """Blocks under way, oldest first, of which only so many exist at any time."""
        waiting: deque[Future[Piece]] = deque()
        with single_threaded():
            threads = ThreadPoolExecutor(self._threads, "batch", initializer=self._begin)
            try:
                for future in self._submitted(blocks, threads):
                    waiting.append(future)
                    if len(waiting) >= self._threads + _SPARE_BLOCKS:
                        yield waiting.popleft()
                while waiting:
                    yield waiting.popleft()
            except BaseException:
                # Threads that wait for a fork would be waited for.
                self._is_given_up = True
                for fork in self._forks:
                    fork.kill()
                raise
            finally:
                threads.shutdown(cancel_futures=True)

    def _begin(self) -> None:
        one_thread_per_worker()
        self._of_thread.score = None
        with suppress(Empty):
            self._of_thread.score = self._remote.get_nowait()

    def _score(self, block: Block) -> Piece:
        remote: Callable[[bytes], Piece | None] | None = self._of_thread.score
        if remote is not None:
            # Forks are there for tables of text alone.
            piece = remote(cast("TextBlock", block).data)
            if piece is not None:
                return replace(piece, end=block.end)
            if self._is_given_up:
                raise CancelledError
        return self._scorer.score(block)

    def _submitted(
        self, blocks: Iterator[Block], threads: ThreadPoolExecutor
    ) -> Iterator["Future[Piece]"]:
        try:
            for block in blocks:
                yield threads.submit(self._score, block)
        except RowFaultError as fault:
            # Its turn comes after the blocks before it: an earlier row may be at fault too.
            yield _failed(fault)


def _failed(fault: RowFaultError) -> "Future[Piece]":
    future: Future[Piece] = Future()
    future.set_exception(fault)
    return future
