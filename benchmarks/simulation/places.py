"""The other side: places that admit requests by quotas of their own, and fail at times.

What Google really does is not known (docs/capacity.md says what is assumed): here each place has a
token bucket, or a window of a minute, and decides when a request arrives.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "429", "503", "hang"]


@dataclass
class Fault:
    """Something goes wrong from `start` to `end`: `outage` (503), `brownout` (30 % 503, three times as
    slow), `black hole` (no answer at all), `slow` (five times as slow)."""

    kind: Literal["outage", "brownout", "black hole", "slow"]
    start: float
    end: float

    def at(self, now: float) -> bool:
        """Whether it is going on."""
        return self.start <= now < self.end


@dataclass
class Place:
    """One place.

    Args:
        quota: units per second for each second of the run.
        burst_s: so many seconds of quota can be saved up.
        window_s: if above 0, the quota is counted in fixed windows of this length instead.
        chance: the share that is rejected whatever is sent.
    """

    name: str
    tier: int
    quota: list[float]
    burst_s: float
    window_s: float = 0.0
    chance: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    admitted: list[float] = field(default_factory=list)
    rejected: int = 0
    tokens: float = 0.0
    stamp: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.level(0.0)

    def rate(self, now: float) -> float:
        """Its quota now."""
        return self.quota[min(int(now), len(self.quota) - 1)]

    def level(self, now: float) -> float:
        """How full its bucket can be."""
        return self.rate(now) * self.window_s if self.window_s else max(1.0, self.rate(now) * self.burst_s)

    def fault(self, now: float) -> str:
        """What is wrong with it now; empty if nothing is."""
        return next((each.kind for each in self.faults if each.at(now)), "")

    def fill(self, now: float) -> None:
        """Brings its tokens up to date."""
        if self.window_s:
            if int(now / self.window_s) > int(self.stamp / self.window_s):
                self.tokens = self.level(now)
        else:
            self.tokens = min(self.level(now), self.tokens + (now - self.stamp) * self.rate(now))
        self.stamp = now

    def next_at(self, now: float, cost: float = 1.0) -> float:
        """When it will admit a request, as things stand; for the oracle."""
        self.fill(now)
        if self.tokens >= min(cost, self.level(now)):
            return now
        if self.window_s:
            return (int(now / self.window_s) + 1) * self.window_s
        return now + (min(cost, self.level(now)) - self.tokens) / max(self.rate(now), 1e-9) + 1e-6

    def arrive(self, now: float, cost: float, dice: random.Random) -> Outcome:
        """A request comes."""
        match self.fault(now):
            case "outage":
                return "503"
            case "black hole":
                return "hang"
            case "brownout" if dice.random() < 0.3:
                return "503"
        self.fill(now)
        by_chance = self.chance > 0.0 and dice.random() < self.chance
        if by_chance or self.tokens + 1e-9 < min(cost, self.level(now)):
            self.rejected += 1
            return "429"
        self.tokens -= cost
        self.admitted.append(now)
        return "ok"

    def slowness(self, now: float) -> float:
        """By how much its answers take longer."""
        return {"slow": 5.0, "brownout": 3.0}.get(self.fault(now), 1.0)


RATES = {"reservation": (0, 12.0), "global": (1, 30.0), "multi-region": (2, 14.0)}
REGIONS = (3.0, 4.0, 5.0, 6.0, 5.0, 4.0, 6.0, 7.0, 4.0)
"""Nine regions, 44 requests a second together."""

Weather = Literal["static", "moving", "faults", "windows", "tiny bursts", "a fifth at random"]


def places(weather: Weather, seed: int, length_s: float, scale: float = 1.0) -> list[Place]:
    """Twelve places, about 100 requests a second together; the same for the same seed.

    Args:
        scale: of all quotas.
    """
    dice = random.Random(f"{weather} {seed}")
    found = []
    named = [*RATES.items(), *((f"region-{number}", (3, rate)) for number, rate in enumerate(REGIONS, 1))]
    for name, (tier, rate) in named:
        moving = weather in ("moving", "faults", "tiny bursts") and tier > 0
        quota = _wandering(rate * scale, length_s, dice) if moving else [rate * scale] * (int(length_s) + 1)
        burst_s = dice.uniform(0.1, 0.3) if weather == "tiny bursts" else dice.uniform(0.5, 2.0)
        window_s = 60.0 if weather == "windows" else 0.0
        found.append(Place(name, tier, quota, burst_s, window_s, chance=0.2 if weather == "a fifth at random" else 0.0))
    if weather == "faults":
        by_name = {place.name: place for place in found}
        for name, fault in (
            ("global", Fault("outage", 0.2 * length_s, 0.2 * length_s + 60)),
            ("multi-region", Fault("brownout", 0.45 * length_s, 0.45 * length_s + 100)),
            ("region-8", Fault("black hole", 0.3 * length_s, 0.3 * length_s + 90)),
            ("region-3", Fault("slow", 0.5 * length_s, length_s)),
        ):
            by_name[name].faults.append(fault)
    return found


def _wandering(rate: float, length_s: float, dice: random.Random) -> list[float]:
    """A quota that drifts (its logarithm reverts to the mean in two minutes, by a fifth) and jumps at times."""
    drift, jump, found = dice.gauss(0.0, 0.2), 1.0, []
    for _ in range(int(length_s) + 1):
        drift += -drift / 120.0 + 0.2 * math.sqrt(2.0 / 120.0) * dice.gauss(0.0, 1.0)
        if dice.random() < 1.0 / 300.0:
            jump = math.exp(dice.uniform(math.log(0.3), math.log(2.0)))
        elif jump != 1.0 and dice.random() < 1.0 / 90.0:
            jump = 1.0
        found.append(rate * jump * math.exp(drift))
    return found
