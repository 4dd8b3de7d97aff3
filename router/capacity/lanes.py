"""Lanes: the pools of a plan in the order in which they are used, and the requests that wait for them.

Requests of the same plan share a lane; lanes whose plans share pools share a group, whose waiting
requests go by priority and arrival whatever their lane.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from router.capacity.budget import Budget
from router.capacity.pace import FRESH_RATE
from router.capacity.pools import State
from router.health import Ask, Ticket
from router.plan import Allowed, Plan

SORTED_FOR_S = 1.0
SOON_S = 10.0
_MUCH_SLOWER = 1.5
_MEAN_OF = 100

Key = tuple[int, float, int]


class Place:
    """A request's place: in its lane, and in the queue while it waits."""

    __slots__ = ("ask", "key", "lane", "ticket", "waiting", "wakes_at")

    def __init__(self, ask: Ask, lane: Lane, number: int) -> None:
        self.ask = ask
        self.lane = lane
        self.key: Key = (ask.priority, ask.arrived, number)
        self.waiting = False
        self.wakes_at = 0.0
        self.ticket: Ticket | None = None

    def __lt__(self, other: Place) -> bool:
        return self.key < other.key


class Lane:
    """The pools of one plan, best first: by tier, in a tier by the plan's order, the much slower last."""

    __slots__ = ("allowed", "fresh", "group", "order", "plan", "queue", "sort_at", "states", "tiers")

    def __init__(self, plan: Plan, group: Group, states: list[State]) -> None:
        self.plan = plan  # also keeps it alive, by whose identity the lane is found
        self.group = group
        self.states = states
        self.order = states
        self.allowed: dict[State, Allowed] = dict(zip(states, plan.allowed, strict=True))
        self.tiers = {state: allowed.tier for state, allowed in self.allowed.items()}
        self.fresh = states
        self.sort_at = 0.0
        self.queue: list[Place] = []

    def sort(self, now: float) -> None:
        """Puts the pools in order anew; cheap to leave undone for a while."""
        self.sort_at = now + SORTED_FOR_S
        if len(self.states) == 1:
            return
        best: dict[int, float] = {}
        for state in self.states:
            if score := state.score:
                tier = self.tiers[state]
                best[tier] = min(best.get(tier, score), score)

        def rank(state: State) -> tuple[bool, int, bool]:
            tier = self.tiers[state]
            slow = state.score > _MUCH_SLOWER * best.get(tier, 0.0)
            return state.unserved_until > now, tier, slow

        self.order = sorted(self.states, key=rank)

    def still_silent(self, late_s: float, now: float) -> None:
        """A request that waited looks again, `late_s` after it was told to; if called earlier, it tells nothing."""
        if self.fresh and late_s >= 0.0:
            self.fresh = [state for state in self.fresh if state.fresh]
            for state in self.fresh:
                state.still_silent(late_s, now)

    def put(self, place: Place) -> None:
        """Queues a request at its place."""
        insort(self.queue, place)
        place.waiting = True
        self.group.waiting += 1
        if len(self.queue) == 1:
            self.group.lanes.append(self)

    def remove(self, place: Place) -> None:
        """Takes a request out of the queue."""
        del self.queue[bisect_left(self.queue, place)]
        place.waiting = False
        self.group.waiting -= 1
        if not self.queue:
            self.group.lanes.remove(self)

    def rate(self, now: float) -> float:
        """What its pools admit together, in units per second, of those that will be usable soon."""
        usable = [state for state in self.states if state.ready_at < now + SOON_S] or self.states
        paces = [state.tightest for state in usable]
        return sum(pace.rate if pace is not None else FRESH_RATE for pace in paces)


class Group:
    """The lanes of one model (or one lineage of models) of a project: what they have in common.

    `in_tokens` says that costs are in tokens, not in requests. `mean` is then the mean size of a
    request in tokens, `unit` what it was when the unit of costs was chosen, and `bias` by how much
    estimates have been too low.
    """

    __slots__ = ("_weighed", "bias", "budget", "in_tokens", "lanes", "mean", "name", "unit", "waiting")

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self.budget = budget
        self.lanes: list[Lane] = []  # those in which requests wait
        self.waiting = 0
        self.in_tokens = False
        self.unit = self.mean = 0.0
        self._weighed = 0
        self.bias = 1.0

    def weigh(self, tokens: float) -> None:
        """Takes a request into the mean: of the first ones all alike, then of the last hundred or so."""
        self._weighed += 1
        self.mean += (tokens - self.mean) / min(self._weighed, _MEAN_OF)

    def ahead_of(self, place: Place) -> int:
        """How many waiting requests go before this one."""
        return sum(bisect_left(lane.queue, place) for lane in self.lanes)

    def head(self) -> Place | None:
        """Who goes next."""
        return min((lane.queue[0] for lane in self.lanes), default=None)
