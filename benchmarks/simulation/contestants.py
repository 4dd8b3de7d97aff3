"""Who contends: an oracle, this library's own machine, and what people use or might write instead."""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import date

import msgspec

from router.capacity import Controller, Pacing
from router.flow import Failover, Steps
from router.plan import Allowed, Candidate, Limit, Plan
from router.policy import Policy
from router.signals import OK, Action, Scope, Signal
from router.trace import Attempt, Trace, Wait
from simulation.places import Outcome, Place
from simulation.world import Client, Request, World

BUSY = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429, message="Resource exhausted.")
DOWN = Signal(kind="unavailable", action=Action.NEXT, scope=Scope.POOL, status=503)
SILENT = Signal(kind="timeout", action=Action.NEXT, scope=Scope.POOL)
SIGNALS: dict[Outcome, Signal] = {"ok": OK, "429": BUSY, "503": DOWN, "hang": SILENT}


class Ours:
    """This library: the failover machine and its capacity control, unchanged, in simulated time."""

    def __init__(
        self,
        world: World,
        *,
        attempts: int = 1_000_000,
        deadline_s: float = 1e9,
        in_tokens: bool = False,
        **knobs: float,
    ) -> None:
        self._world = world
        self._by_name = {place.name: place for place in world.places}
        dice = random.Random(f"ours {world.seed}")
        self.controller = Controller(Pacing(**knobs), random=dice.random)
        self._random = dice.random
        self._policy = Policy(deadline_s=deadline_s, attempts=attempts)
        self._plan = plan_of(list(world.places), Limit(in_tokens=in_tokens))

    def submit(self, request: Request) -> None:
        failover = Failover(
            self._plan,
            "p",
            self._policy,
            self.controller,
            Trace(model="m"),
            clock=self._world.loop,
            random=self._random,
            attempts=self._policy.attempts,
            tokens=request.tokens,
        )
        self._step(request, failover.steps(), failover, None)

    def _step(self, request: Request, steps: Steps, failover: Failover, signal: Signal | None) -> None:
        try:
            step = steps.send(signal)
        except StopIteration:
            request.end(self._world.loop.now, ok=failover._trace.outcome == "answered")
            return
        if isinstance(step, Wait):
            self._wait(step, lambda: self._step(request, steps, failover, None))
        else:
            self._send(request, step, lambda signal: self._step(request, steps, failover, signal))

    def _wait(self, step: Wait, go_on: Callable[[], object]) -> None:
        once = Once(go_on)
        self._world.loop.at(self._world.loop.now + step.delay_s, once)
        if step.bell is not None:
            step.bell.listen(lambda: self._world.loop.at(self._world.loop.now, once))

    def _send(self, request: Request, attempt: Attempt, told: Callable[[Signal], object]) -> None:
        place = self._by_name[attempt.candidate.location]
        used = None if request.tokens is None else int(request.used)

        def answered(outcome: Outcome) -> None:
            signal = SIGNALS[outcome]
            told(signal if used is None or outcome != "ok" else msgspec.structs.replace(signal, tokens=used))

        self._world.send(request, place, answered)


class Once:
    """Something that happens at most once."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self._happen: Callable[[], object] | None = happen

    def __call__(self) -> None:
        happen, self._happen = self._happen, None
        if happen is not None:
            happen()


def plan_of(places: list[Place], limit: Limit) -> Plan:
    """A plan over these places."""
    allowed = tuple(
        Allowed(
            candidate=Candidate("m", place.name, "standard"),
            kind="region",
            host=place.name,
            boundary="none",
            source="",
            checked=None,
            why="simulated",
            tier=place.tier,
            limit=limit,
        )
        for place in places
    )
    return Plan(model="m", modes=("standard",), on=date(2026, 1, 1), policy={}, summary="", allowed=allowed, refused=())


class Oracle:
    """Sees every bucket and every fault at every instant, and so is never rejected."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue: deque[Request] = deque()
        self._planned = float("inf")

    def submit(self, request: Request) -> None:
        self._queue.append(request)
        self._pump()

    def _pump(self) -> None:
        now = self._world.loop.now
        while self._queue:
            request = self._queue[0]
            if request.until <= now:
                self._queue.popleft().end(now, ok=False)
                continue
            usable = [place for place in self._world.places if place.fault(now) not in ("outage", "black hole")]
            place = next((place for place in usable if place.next_at(now, request.cost) <= now), None)
            if place is None:
                self._plan(min((each.next_at(now, request.cost) for each in usable), default=now + 0.1))
                return
            self._queue.popleft()
            self._world.send(request, place, lambda outcome, request=request: self._end(request, outcome))

    def _plan(self, at: float) -> None:
        at = min(at, self._world.loop.now + 0.25)
        if at < self._planned:
            self._planned = at
            self._world.loop.at(at, self._wake)

    def _wake(self) -> None:
        if self._world.loop.now >= self._planned:
            self._planned = float("inf")
            self._pump()

    def _end(self, request: Request, outcome: Outcome) -> None:
        if outcome == "ok":
            request.end(self._world.loop.now, ok=True)
        else:
            self.submit(request)


class Retrying(ABC):
    """Sends where `pick` says; after a failure waits and tries again, until the request's time is up."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = random.Random(f"retrying {world.seed}")

    @abstractmethod
    def pick(self, request: Request) -> Place | None:
        """Where to send; None for nowhere now."""

    def told(self, place: Place, outcome: Outcome) -> None:  # noqa: B027 - who learns nothing need not listen
        """What came of a request."""

    def pause_s(self, tries: int) -> float:
        """How long to wait after so many failures: exponential, full jitter, at most a minute, as tenacity does."""
        return self.dice.uniform(0.0, min(60.0, 2.0 ** min(tries, 10)))

    def submit(self, request: Request, tries: int = 0) -> None:
        place = self.pick(request)
        if place is None:
            self._again(request, tries + 1)
        else:
            self.world.send(request, place, lambda outcome: self._answered(request, place, outcome, tries + 1))

    def _answered(self, request: Request, place: Place, outcome: Outcome, tries: int) -> None:
        self.told(place, outcome)
        if outcome == "ok":
            request.end(self.world.loop.now, ok=True)
        else:
            self._again(request, tries)

    def _again(self, request: Request, tries: int) -> None:
        at = self.world.loop.now + self.pause_s(tries)
        if at >= request.until:
            request.end(self.world.loop.now, ok=False)
        else:
            self.world.loop.at(at, lambda: self.submit(request, tries))


class Single(Retrying):
    """One place, the largest, with back-off: what an SDK with tenacity does."""

    def pick(self, request: Request) -> Place:
        return max(self.world.places, key=lambda place: place.quota[0])


class RoundRobin(Retrying):
    """The places in turn, with back-off."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._turn = itertools.cycle(world.places)

    def pick(self, request: Request) -> Place:
        return next(self._turn)


class Cooldowns(Retrying):
    """As litellm's router: any place at random, but for five seconds none that has just failed."""

    COOLING_S = 5.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._until: dict[str, float] = {}

    def pick(self, request: Request) -> Place | None:
        free = [place for place in self.world.places if self._until.get(place.name, 0.0) <= self.world.loop.now]
        return self.dice.choice(free) if free else None

    def told(self, place: Place, outcome: Outcome) -> None:
        if outcome != "ok":
            self._until[place.name] = self.world.loop.now + self.COOLING_S

    def pause_s(self, tries: int) -> float:
        return min(8.0, 0.5 * 2.0 ** min(tries, 10)) * self.dice.uniform(0.75, 1.0)


class Rate:
    """How fast a place may be used: starts at 5 a second; a breaker of four faults in a row, for five seconds."""

    FAULTS, OPEN_S = 4, 5.0

    def __init__(self) -> None:
        self.rate = 5.0
        self.tokens = 1.0
        self.stamp = 0.0
        self.faults = 0
        self.open_until = 0.0

    def ok(self, now: float) -> None:
        """Admitted."""

    def rejected(self, now: float) -> None:
        """A 429."""

    def failed(self, now: float) -> None:
        """A fault."""
        self.faults += 1
        if self.faults >= self.FAULTS:
            self.open_until, self.faults = now + self.OPEN_S, 0

    def next_at(self, now: float) -> float:
        """When it may be used."""
        self.tokens = min(max(1.0, 0.25 * self.rate), self.tokens + (now - self.stamp) * self.rate)
        self.stamp = now
        return max(self.open_until, now if self.tokens >= 1.0 else now + (1.0 - self.tokens) / self.rate + 1e-6)


class Additive(Rate):
    """Up by 0.1 for each success, down to 0.7 of it for each 429, at most twice a second."""

    def __init__(self) -> None:
        super().__init__()
        self._decreased = -1.0

    def ok(self, now: float) -> None:
        self.faults = 0
        self.rate += 0.1

    def rejected(self, now: float) -> None:
        self.faults = 0
        if now - self._decreased > 0.5:
            self.rate, self._decreased = max(0.2, 0.7 * self.rate), now


class Cubic(Rate):
    """As the adaptive mode of AWS SDKs: CUBIC over the rate, at most twice what was measured."""

    BETA, SCALE = 0.7, 0.4

    def __init__(self) -> None:
        super().__init__()
        self._measured = self._count = self._bucket = 0.0
        self._last_max, self._throttled_at, self._window, self._enabled = 0.0, 0.0, 0.0, False

    def _measure(self, now: float) -> None:
        self._count += 1
        bucket = int(now * 2) / 2
        if bucket > self._bucket:
            self._measured = 0.8 * self._count / (bucket - self._bucket) + 0.2 * self._measured
            self._count, self._bucket = 0.0, bucket

    def ok(self, now: float) -> None:
        self.faults = 0
        self._measure(now)
        self._window = (self._last_max * (1 - self.BETA) / self.SCALE) ** (1 / 3)
        wanted = self.SCALE * (now - self._throttled_at - self._window) ** 3 + self._last_max
        self.rate = max(0.5, min(wanted, 2.0 * max(self._measured, 1.0))) if self._enabled else self.rate + 0.5

    def rejected(self, now: float) -> None:
        self.faults = 0
        self._measure(now)
        self._last_max = min(self.rate, self._measured or self.rate) if self._enabled else self._measured or self.rate
        self._throttled_at, self._enabled = now, True
        self.rate = max(0.5, self._last_max * self.BETA)


class Paced:
    """One queue and a rate for each place."""

    def __init__(self, world: World, kind: type[Rate]) -> None:
        self._world = world
        self._rates = [(place, kind()) for place in world.places]
        self._queue: deque[Request] = deque()
        self._planned = float("inf")

    def submit(self, request: Request) -> None:
        self._queue.append(request)
        self._pump()

    def _pump(self) -> None:
        now = self._world.loop.now
        while self._queue:
            if self._queue[0].until <= now:
                self._queue.popleft().end(now, ok=False)
                continue
            times = [(rate.next_at(now), place, rate) for place, rate in self._rates]
            found = next(((place, rate) for at, place, rate in times if at <= now), None)
            if found is None:
                self._plan(min(at for at, _, _ in times))
                return
            place, rate = found
            rate.tokens -= 1.0
            request = self._queue.popleft()
            self._world.send(request, place, self._teller(request, rate))

    def _teller(self, request: Request, rate: Rate) -> Callable[[Outcome], None]:
        def told(outcome: Outcome) -> None:
            now = self._world.loop.now
            if outcome == "ok":
                rate.ok(now)
                request.end(now, ok=True)
                return
            (rate.rejected if outcome == "429" else rate.failed)(now)
            self._queue.appendleft(request)
            self._pump()

        return told

    def _plan(self, at: float) -> None:
        if at < self._planned:
            self._planned = at
            self._world.loop.at(at, self._wake)

    def _wake(self) -> None:
        if self._world.loop.now >= self._planned:
            self._planned = float("inf")
            self._pump()


OURS = "this library"
CONTESTANTS: dict[str, Callable[[World], Client]] = {
    "oracle": Oracle,
    "one place, back-off": Single,
    "round robin, back-off": RoundRobin,
    "cool-downs (litellm)": Cooldowns,
    "CUBIC (AWS) per place": lambda world: Paced(world, Cubic),
    "AIMD per place": lambda world: Paced(world, Additive),
    OURS: Ours,
}
