"""One run of a batch: rows taken in turn by so many workers, each ended once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from catalog.query import Catalog
from router.batch.conventions import Asked, answer_in, read, written
from router.batch.journal import Journal
from router.batch.lineup import Lineup
from router.batch.outcome import Outcome
from router.batch.record import digest_of
from router.batch.requests import Poisoned
from router.batch.results import Written
from router.batch.settings import Settings
from router.batch.source import Line
from router.batch.summary import Tally
from router.batch.tasks import together
from router.batch.twins import Twins, twin_key

WINDOW = 4
"""With ordered output, at most so many times the concurrency are ahead of the row that is waited for."""

ENOUGH = 20
"""So many rows must have ended before their share of failures says anything."""

ALIKE = 10
"""After so many rows, one after the other, that failed for what would fail any row, all would."""

GRACE_S = 60.0
"""So long after the deadline rows under way may end; what has not ended then counts as under way."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A row that has ended: its number in the input, how, and what is written for it."""

    row: int
    outcome: Outcome
    written: Written

    @property
    def record(self) -> dict[str, Any]:
        """What is written for it, as plain data, without what the router has to say."""
        return msgspec.json.decode(msgspec.json.encode(self.written), type=dict[str, Any])


class _Row(msgspec.Struct, frozen=True):
    number: int
    line: bytes
    asked: Asked | None
    outcome: Outcome


Place = int | Outcome
"""Where an answer is to be had again: its line's place in the output, or itself."""


class Run:
    """One run.

    Args:
        lines: every row; those that are done in the journal are passed over.
        ask: has a row answered.
        sink: is given each row that has ended.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        lines: Iterator[Line],
        journal: Journal | None,
        settings: Settings,
        catalog: Catalog,
        tally: Tally,
        ask: Callable[[Asked], Awaitable[Outcome]],
        sink: Callable[[Ended], Awaitable[object]] | None,
        clock: Callable[[], float],
    ) -> None:
        self._todo = enumerate(line for line in lines if journal is None or not journal.digest(line[0]))
        self._journal = journal
        self._settings = settings
        self._catalog = catalog
        self._tally = tally
        self._ask = ask
        self._sink = sink
        self._clock = clock
        self._until = None if settings.deadline_s is None else clock() + settings.deadline_s
        self._lineup = Lineup(self._write, settings.concurrency * WINDOW) if settings.ordered else None
        self._twins = Twins[Place]() if settings.dedupe else None
        self._most_usd = settings.most_usd
        self._alike = 0
        self._workers = 0
        self._under_way = 0

    async def go(self) -> None:
        """Runs until every row has ended, or no further one is to be begun.

        Raises:
            JournalError: the output can't be written.
            BatchError: the input can't be read on.
        """
        limit = self._settings.deadline_s
        with anyio.move_on_after(None if limit is None else limit + GRACE_S) as late:
            async with together() as workers:
                self._hire(workers, 1)
        if late.cancelled_caught:
            self.stop("the deadline has passed")
        elif not self._under_way and next(self._todo, None) is None:
            self._tally.summary.stopped = ""  # every row has ended: there was nothing left to stop

    def stop(self, why: str) -> None:
        """Has no further row begun; those that were begun end."""
        summary = self._tally.summary
        summary.stopped = summary.stopped or why
        if self._lineup is not None:
            self._lineup.give_up()

    def _hire(self, workers: TaskGroup, more: int) -> None:
        """Has more workers come, up to the concurrency."""
        more = min(more, self._settings.concurrency - self._workers)
        self._workers += more
        for _ in range(more):
            workers.start_soon(self._work, workers)

    async def _work(self, workers: TaskGroup) -> None:
        while self._may_begin() and (found := next(self._todo, None)) is not None:
            self._under_way += 1
            self._hire(workers, 2)  # whom a row brings: so there are soon enough, and not more than there is to do
            place, (number, line) = found
            if self._lineup is not None and not await self._lineup.near(place):
                return
            row = await self._row(number, line)
            await (self._write(row) if self._lineup is None else self._lineup.ended(place, row))
            self._under_way -= 1

    def _may_begin(self) -> bool:
        if self._until is not None and self._clock() >= self._until:
            self.stop("the deadline has passed")
        summary, most = self._tally.summary, self._most_usd
        if most is not None and summary.usd >= most:
            self.stop(f"{summary.usd:f} USD are spent, of {most:f} that may be")
        return not summary.stopped

    async def _row(self, number: int, line: bytes) -> _Row:
        try:
            asked = read(line, self._catalog, self._settings)
        except Poisoned as error:
            return _Row(number, line, None, Outcome(state="rejected", message=str(error)))
        if self._twins is None:
            return _Row(number, line, asked, await self._begin(number, asked))
        return _Row(number, line, asked, await self._once(self._twins, number, asked))

    async def _begin(self, number: int, asked: Asked) -> Outcome:
        if self._journal is not None:
            self._journal.begin(number)
        return await self._ask(asked)

    async def _once(self, twins: Twins[Place], number: int, asked: Asked) -> Outcome:
        place = await twins.answer(twin_key(asked))
        if place is not None:
            return self._copied(place, asked)
        # Told at once, and not when it is written: in ordered output a row may wait for one that waits for it.
        outcome: Outcome | None = None
        try:
            outcome = await self._begin(number, asked)
        finally:
            twins.asked(twin_key(asked), outcome if outcome and outcome.answered else None)
        return outcome

    def _copied(self, place: Place, asked: Asked) -> Outcome:
        if isinstance(place, Outcome):
            found = place
        else:
            assert self._journal is not None  # noqa: S101 - only a journal gives such places
            record = self._journal.record(place)
            head = record["router"]
            found = Outcome(
                state=head["state"],
                status=200,
                body=answer_in(asked, record),
                location=head["location"],
                model=head["model"],
                traffic=head["traffic"],
            )
        return msgspec.structs.replace(
            found, attempts=0, throttled=0, throttled_at={}, faults_at={}, usd=Decimal(), copied=True
        )

    async def _write(self, row: _Row) -> None:
        outcome = row.outcome
        record = written(row.asked, row.line, outcome, row.number)
        place: Place = outcome
        if self._journal is not None:
            place = self._journal.write(row.number, digest_of(row.line, self._settings.salt), outcome, record)
        if self._twins is not None and row.asked is not None and outcome.answered and not outcome.copied:
            self._twins.written(twin_key(row.asked), place)
        self._tally.count(outcome, row.number)
        self._judge(outcome)
        if self._sink is not None:
            await self._sink(Ended(row=row.number, outcome=outcome, written=record))

    def _judge(self, outcome: Outcome) -> None:
        """Whether to go on, after a row has ended so."""
        self._alike = self._alike + 1 if outcome.hopeless else 0
        if self._alike >= ALIKE:
            self.stop(f"{ALIKE} rows one after the other failed for what would fail any row: {outcome.message}")
        summary, most = self._tally.summary, self._settings.max_error_rate
        if most is not None and summary.this_run >= ENOUGH and summary.failed_now > most * summary.this_run:
            self.stop(f"{summary.failed_now:,} of {summary.this_run:,} rows have failed, more than {most:.0%}")
        if self._most_usd is not None and outcome.answered and not outcome.copied and outcome.usd is None:
            self.stop(
                f"what an answer of {outcome.model} at {outcome.location} costs is not known, and costs are limited"
            )
