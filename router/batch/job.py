"""A batch: rows in, ends out, so many at a time, resumable wherever it stops."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, Self

import anyio
import anyio.to_thread

from catalog.query import Catalog
from router.batch.conventions import Asked
from router.batch.forecast import Forecast
from router.batch.journal import Journal
from router.batch.outcome import Outcome
from router.batch.record import digest_of
from router.batch.run import Ended, Run
from router.batch.settings import BatchError, Settings
from router.batch.source import Rows, Source
from router.batch.summary import Stand, Summary, Tally
from router.batch.tasks import together

_TICK_S = 0.5
INTERRUPTED = "interrupted"

Ask = Callable[[Asked], Awaitable[Outcome]]


class World(Protocol):
    """What a batch needs of a router."""

    @property
    def catalog(self) -> Catalog:
        """The catalog."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, monotonic."""

    async def ready(self, settings: Settings) -> None:
        """Sees that rows can be asked at all.

        Raises:
            CredentialError: there is no usable credential.
            NoRoute: the policy allows no location for the model of the batch.
            BatchError: the batch can't be run as it was asked for.
        """

    def asking(self, settings: Settings) -> AbstractAsyncContextManager[Ask]:
        """What has rows answered, while the context lasts, by the policy of the batch."""

    def standing(self, settings: Settings) -> Mapping[str, Stand]:
        """How every location stands that may be used for the rows so far."""

    def forecast(self, source: Source, settings: Settings, expected_output: int | None, rate: float | None) -> Forecast:
        """What a batch would take and cost."""


class Batch:
    """A batch, to be run once: `run()`, `await arun()`, or `async with` and `async for`.

    Args:
        rows: a path, or the rows.
        output: where the ends are written, and found again; without one they are only given out.
        progress: told twice a second how it stands.
    """

    def __init__(
        self,
        world: World,
        rows: Rows,
        output: str | os.PathLike[str] | None,
        settings: Settings,
        progress: Callable[[Tally], object] | None = None,
    ) -> None:
        self._world = world
        self._settings = settings
        self._source = Source(rows, settings.column)
        self._output = Path(output) if output is not None else None
        self._progress = progress or (lambda _: None)
        self.summary = Summary()
        """How it stands, and at last how it ended."""
        self._tally = Tally(self.summary, world.clock)
        self._sink: Callable[[Ended], Awaitable[object]] | None = None
        self._consumed: contextlib.AsyncExitStack | None = None
        if self._output is not None and self._source.is_file(self._output):
            raise BatchError(f"{self._output}: is the input as well; write elsewhere")

    def run(self) -> Summary:
        """Runs to the end, or until it has to stop; the same call goes on from there.

        An interruption (Ctrl-C) ends it at once, with all that has ended written.

        Raises:
            CredentialError, NoRoute: no row could be asked; nothing was read or written.
            BatchError: it can't be begun, or gone on with.
        """
        if _in_an_event_loop():
            raise BatchError("an event loop runs in this thread, as in a notebook: `await batch.arun()` instead")
        try:
            return anyio.run(self.arun)
        except KeyboardInterrupt:
            self.summary.stopped = INTERRUPTED
            return self.summary

    async def arun(self) -> Summary:
        """`run` in an event loop; to interrupt it, cancel it.

        Raises:
            CredentialError, NoRoute, BatchError: as `run`.
        """
        await self._world.ready(self._settings)
        try:
            with self._journal() as journal:
                await self._run(journal)
                if journal is not None and not self.summary.stopped:
                    journal.finish()
        except anyio.get_cancelled_exc_class():
            self.summary.stopped = INTERRUPTED
            raise
        return self.summary

    def forecast(self, *, expected_output: int | None = None, rate: float | None = None) -> Forecast:
        """What this would take and cost, and what a batch prediction job would. Sends nothing.

        Args:
            expected_output: tokens of an answer; by default as many as the rows allow.
            rate: rows per second that were measured, if any were.
        """
        return self._world.forecast(self._source, self._settings, expected_output, rate)

    async def __aenter__(self) -> Self:
        send, self._given = anyio.create_memory_object_stream[Ended](self._settings.concurrency)
        self._sink = send.send

        async def feed() -> None:
            async with send:
                await self.arun()

        async with contextlib.AsyncExitStack() as stack:
            group = await stack.enter_async_context(together())
            stack.callback(self._given.close)
            stack.callback(group.cancel_scope.cancel)
            group.start_soon(feed)
            self._consumed = stack.pop_all()
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        assert self._consumed is not None  # noqa: S101 - for the type checker
        return await self._consumed.__aexit__(*error)

    def __aiter__(self) -> AsyncIterator[Ended]:
        if self._consumed is None:
            raise BatchError(
                "a batch runs inside `async with`: `async with router.batch(...) as batch`, then `async for`"
            )
        return self._given.__aiter__()

    @contextlib.contextmanager
    def _journal(self) -> Iterator[Journal | None]:
        if self._output is None:
            self.summary.rows = self._source.count
            yield None
            return
        with Journal(self._output) as journal:
            self.summary.begin(journal.found)
            rows = self._compared(journal)
            if self._settings.retry_failed:
                journal.forget_failed()
                self.summary.begin(journal.found)
            self.summary.rows = rows
            try:
                yield journal
            finally:
                with contextlib.suppress(BatchError):  # what has gone wrong has been said
                    journal.sync()

    def _compared(self, journal: Journal) -> int:
        """How many rows there are; sees that those which are done are still what they were.

        Raises:
            BatchError: a row has changed, or is gone.
        """
        rows = done = 0
        salt, digest = self._settings.salt, journal.digest
        cure = "give the output another name, or restore the input"
        for number, line in self._source:
            rows += 1
            if known := digest(number):
                done += 1
                if known != digest_of(line, salt):
                    raise BatchError(
                        f"{self._source.name}: row {number} is not what it was when {journal.path} was written, or the "
                        f"model or max_tokens is another one; {cure}"
                    )
        if done != self.summary.done:
            raise BatchError(
                f"{self._source.name}: {self.summary.done - done:,} rows of {journal.path} are not in it any more; "
                f"{cure}"
            )
        return rows

    async def _run(self, journal: Journal | None) -> None:
        settings, world = self._settings, self._world
        lines = iter(self._source if self.summary.done != self.summary.rows else ())
        async with world.asking(settings) as ask, together() as group:
            run = Run(lines, journal, settings, world.catalog, self._tally, ask, self._sink, world.clock)
            group.start_soon(self._tick, journal)
            await run.go()
            group.cancel_scope.cancel()
        self._tell()

    async def _tick(self, journal: Journal | None) -> None:
        """Tells how it stands, and has what was written reach the disk."""
        while True:
            self._tell()
            if journal is not None:
                await anyio.to_thread.run_sync(journal.sync)
            await anyio.sleep(_TICK_S)

    def _tell(self) -> None:
        self._tally.tick()
        self._tally.standing = self._world.standing(self._settings)
        self._progress(self._tally)


def _in_an_event_loop() -> bool:
    try:
        anyio.get_cancelled_exc_class()
    except RuntimeError:
        return False
    return True
