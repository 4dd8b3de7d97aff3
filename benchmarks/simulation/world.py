"""Requests on their way between a client and the places, and what became of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulation.loop import Loop
from simulation.places import Outcome, Place

TIMEOUT_S = 30.0
_LATENCY_S, _SPREAD = 2.0, 0.6  # the mean is 2.4 s


@dataclass
class Request:
    """One request: when it came, when it must be done, and what came of it.

    `cost` is what places count; `tokens` what the client believes it will use, `used` what it does use.
    """

    number: int
    arrived: float
    until: float
    cost: float = 1.0
    tokens: int | None = None
    used: float = 0.0
    attempts: int = 0
    done_at: float | None = None
    ok: bool = False
    ended: Callable[[], object] | None = None

    def end(self, now: float, *, ok: bool) -> None:
        """It is over."""
        self.ok, self.done_at = ok, now
        if self.ended is not None:
            self.ended()


class Client(Protocol):
    """A contestant."""

    def submit(self, request: Request) -> None:
        """Takes a request; must end it some day."""


@dataclass
class World:
    """Places, and the way to them."""

    loop: Loop
    places: Sequence[Place]
    seed: int
    rejected: int = 0
    failed: int = 0
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"world {self.seed}")

    def send(self, request: Request, place: Place, answered: Callable[[Outcome], object]) -> None:
        """Sends a request; the answer comes later. A client gives up after 30 seconds of silence."""
        now, dice = self.loop.now, self.dice
        request.attempts += 1
        outcome = place.arrive(now, request.cost, dice)
        took_s = {
            "ok": lambda: (
                min(TIMEOUT_S, math.exp(math.log(_LATENCY_S) + _SPREAD * dice.gauss(0, 1))) * place.slowness(now)
            ),
            "429": lambda: dice.uniform(0.05, 0.3),
            "503": lambda: dice.uniform(0.1, 0.5),
            "hang": lambda: TIMEOUT_S,
        }[outcome]()
        self.rejected += outcome == "429"
        self.failed += outcome in ("503", "hang")
        self.loop.at(now + took_s, lambda: answered(outcome))


def batch(world: World, client: Client, concurrency: int, length_s: float) -> None:
    """So many workers, each of which takes the next request when it is done with the last."""

    def work() -> None:
        now = world.loop.now
        if now < length_s:
            request = Request(len(world.requests), now, math.inf, ended=work)
            world.requests.append(request)
            client.submit(request)

    for _ in range(concurrency):
        world.loop.at(0.0, work)
    world.loop.run(length_s)


PATIENCE_S = 30.0


def open_loop(world: World, client: Client, per_s: float, length_s: float) -> None:
    """Requests that come when they come."""
    dice, at, requests = random.Random(f"arrivals {world.seed}"), 0.0, []
    while (at := at + dice.expovariate(per_s)) < length_s:
        requests.append(Request(len(requests), at, at + PATIENCE_S))
    arrive(world, client, requests)


def arrive(world: World, client: Client, requests: list[Request]) -> None:
    """Lets requests come at their times, and all of them end."""
    world.requests += requests
    for request in requests:
        world.loop.at(request.arrived, lambda request=request: client.submit(request))
    world.loop.run(requests[-1].arrived + PATIENCE_S + 2 * TIMEOUT_S)
