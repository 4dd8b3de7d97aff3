"""Asks every pair of an agenda, paced, and keeps what was answered.

Rounds: first every pair once; then, a minute after the last call, those whose refusal may have passed,
three times at most. So a quota, counted by the minute, that refuses in every round has let nothing
through for three minutes. What was answered before an end of any kind, cancellation too, is kept.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from router.auth import CredentialError, GoogleAuth
from router.errors import Exhausted, NotSent, RouterError, StreamBroken
from router.exchange import trace_of
from router.probe.agenda import Agenda
from router.probe.calls import Pair
from router.probe.verdict import AGAIN_S, ZERO_AFTER_S, Answer, Finding, finding
from router.signals import Action, Signal
from router.stack import installed

ROUNDS = 1 + round(ZERO_AFTER_S / AGAIN_S)

HOPELESS_AFTER = 5
"""So many first calls, all refused for the credential or the project, or never sent, tell of all others."""

_MEND = {
    "unauthenticated": "the credential is not accepted; renew it (gcloud auth application-default login)",
    "forbidden": "the project is refused; is the API on, billing set up, and may this identity use Vertex AI?",
    "perimeter": "a service perimeter keeps this machine out",
    "connect": "no host can be reached; is there a network, or a proxy to set?",
}


class Listener:
    """Hears how a survey goes, and by itself says nothing of it."""

    def answered(self, found: Finding, done: int, total: int) -> None:
        """A call was answered: what is known of its pair now, and how many pairs of the round are done."""

    def waiting(self, delay_s: float, count: int) -> None:
        """So many pairs will be asked again after a pause."""


class Survey:
    """Asks the pairs of an agenda for one project. Runs once.

    Args:
        project: the Google Cloud project that is asked for.
        listener: told of each answer.
        auth: the credential; by default that of the environment.
        rate_per_s: calls begun in a second, at most.
        concurrency: calls under way at once, at most.
        deadline_s: seconds after which no call begins; those under way get the time of a call.
        clock, sleep: seconds (monotonic) and the way to wait; handed in by tests.
        options: for the client that it sends with, as for `Router.transport`.
    """

    def __init__(
        self,
        agenda: Agenda,
        project: str,
        listener: Listener | None = None,
        *,
        auth: GoogleAuth | None = None,
        rate_per_s: float = 2.0,
        concurrency: int = 4,
        deadline_s: float = 1800.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.stopped = ""
        """Why it ended before every pair was settled; empty if it did not."""
        self._agenda = agenda
        self._project = project
        self._listener = listener or Listener()
        self._auth = auth or agenda.router.google_auth()
        self._spacing_s = 1.0 / rate_per_s
        self._concurrency = concurrency
        self._deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep
        self._options = options or {}
        self._until = 0.0
        self._next = 0.0
        self._last = 0.0
        self._hopeless = True
        self._answers: dict[Pair, list[Answer]] = {}
        self._error: RouterError | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is known of every pair that was answered, in the order of the agenda."""
        return tuple(self._finding(pair) for pair in self._agenda.pairs if pair in self._answers)

    async def run(self) -> None:
        """Asks; afterwards `findings` tell what came of it.

        Raises:
            CredentialError: there is no usable credential, and nothing was answered.
        """
        self._until = self._clock() + self._deadline_s
        transport = self._agenda.router.transport(**self._options)
        due: tuple[Pair, ...] = self._agenda.pairs
        if due:  # so that the first calls don't wait for it, and then go all at once
            await self._auth.aheaders(f"https://{due[0].host}/")
        try:
            async with installed().AsyncClient(transport=transport, auth=self._auth, timeout=None) as client:
                for number in range(ROUNDS):
                    if number and not await self._pause(due):
                        return
                    await self._round(client, due)
                    due = tuple(pair for pair in due if pair in self._answers and self._answers[pair][-1].passing)
                    if self.stopped or not due:
                        return
        except anyio.get_cancelled_exc_class():
            self.stopped = self.stopped or "interrupted"
            raise

    async def _pause(self, due: tuple[Pair, ...]) -> bool:
        """Waits until pairs may be asked again; whether there is time for it."""
        delay_s = max(0.0, self._last + AGAIN_S - self._clock())
        if self._clock() + delay_s >= self._until:
            self.stopped = f"out of time, before {_pairs(len(due))} that had no capacity could be asked again"
            return False
        self._listener.waiting(delay_s, len(due))
        await self._sleep(delay_s)
        return True

    async def _round(self, client: Any, due: tuple[Pair, ...]) -> None:
        slots = anyio.Semaphore(self._concurrency)
        done = 0

        async def ask(pair: Pair) -> None:
            nonlocal done
            try:
                answer = await self._ask(client, pair)
            except CredentialError as error:
                self._error, self.stopped = error, str(error)
                return
            finally:
                slots.release()
            done += 1
            self._hear(pair, answer)
            self._listener.answered(self._finding(pair), done, len(due))

        async with anyio.create_task_group() as group:
            for begun, pair in enumerate(due):
                await slots.acquire()
                if not await self._turn(len(due) - begun):
                    break
                group.start_soon(ask, pair)
        if self._error is not None and not self._answers:
            raise self._error

    async def _turn(self, left: int) -> bool:
        """Waits until the next call may begin; whether any may."""
        if not self.stopped and (delay_s := self._next - self._clock()) > 0:
            await self._sleep(delay_s)
        now = self._clock()
        if not self.stopped and now >= self._until:
            self.stopped = f"out of time, before {_pairs(left)} could be asked"
        self._next, self._last = now + self._spacing_s, now
        return not self.stopped

    async def _ask(self, client: Any, pair: Pair) -> Answer:
        url = f"https://{pair.host}/v1/projects/{self._project}/locations/{pair.location}/{pair.call.path}"
        headers = {"content-type": "application/json"}
        asked_s, body, reason = self._clock(), b"", "no time was left for it"
        signal: Signal | None = None
        try:
            response = await client.post(url, content=pair.call.body, headers=headers)
            body, trace = response.content, trace_of(response)
            signal = trace.last if trace else None
        except (Exhausted, StreamBroken) as error:
            signal = error.trace.last
        except NotSent as error:  # planner and guard are not of one mind; nothing was asked, nothing is known
            reason = str(error)
        unsent = Signal(kind="not-sent", action=Action.STOP, message=reason)
        return Answer(signal=signal or unsent, body=body, asked_s=asked_s)

    def _hear(self, pair: Pair, answer: Answer) -> None:
        """Keeps an answer, and ends the survey when the first ones say that no other can be better."""
        self._answers.setdefault(pair, []).append(answer)
        mend = _MEND.get(answer.signal.kind)
        self._hopeless = self._hopeless and mend is not None
        if self._hopeless and len(self._answers) >= min(HOPELESS_AFTER, len(self._agenda.pairs)):
            signal = answer.signal
            self.stopped = f"every call so far was refused ({signal.label}: {signal.message}): {mend}"

    def _finding(self, pair: Pair) -> Finding:
        return finding(pair, self._answers[pair], self._agenda.router.catalog.models[pair.model].aliases)


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"
