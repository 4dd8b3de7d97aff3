"""Every pool that is known, with the quotas that several share, the hosts they are at, and the lanes to them."""

from __future__ import annotations

from cachetools import FIFOCache

from router.capacity.breaker import Host
from router.capacity.budget import Budget
from router.capacity.knobs import Pacing
from router.capacity.lanes import Group, Lane
from router.capacity.pace import Pace
from router.capacity.pools import Shared, State
from router.health import PoolState
from router.plan import NO_LIMIT, Allowed, Plan, Pool
from router.status import PoolStatus

CACHED_LANES = 4096


class Registry:
    """The pools of a controller and the lanes to them, each made when it is first heard of."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._hosts: dict[str, Host] = {}
        self.states: dict[Pool, State] = {}
        self.shared: dict[Pool, Shared] = {}
        """Quotas that several pools draw on, as pools whose `model` is the quota's name."""
        self.groups: dict[tuple[str, str], Group] = {}
        self._lanes: FIFOCache[tuple[int, str], Lane] = FIFOCache(CACHED_LANES)

    def lane(self, plan: Plan, project: str, now: float) -> Lane:
        """The lane of a plan."""
        key = id(plan), project
        try:
            return self._lanes[key]
        except KeyError:
            lane = self._lanes[key] = self._lane(plan, project, now)
            return lane

    def state(self, pool: Pool, allowed: Allowed | None = None) -> State:
        """A pool's state. A limit of its own is known from what a plan says of it."""
        state = self.states.get(pool)
        if state is None:
            host = self._hosts.setdefault(pool.location, Host())
            own = allowed.limit if allowed is not None and not allowed.limit.bucket else NO_LIMIT
            state = self.states[pool] = State(pool, host, own)
            state.refresh()
        return state

    def share(self, state: State, name: str, known: float, now: float) -> None:
        """From now on a pool draws on the quota of this name; `known` is its limit per second, 0 if it is not known."""
        pool = state.pool._replace(model=name)
        shared = self.shared.get(pool)
        if shared is None:
            shared = self.shared[pool] = Shared(pool, Pace(now, known, self._pacing.max_waste, self._pacing.tolerated))
        shared.members.append(state)
        state.quota = shared

    def pace(self, state: State, now: float, unit: float = 0.0) -> Pace:
        """A pool's pace, made when it is first needed. `unit` is what one unit of cost is in tokens; 0 if not known."""
        if state.pace is None:
            known = state.limit.per_second
            if state.limit.in_tokens:
                known = known / unit if unit else 0.0
            state.pace = Pace(now, known, self._pacing.max_waste, self._pacing.tolerated)
        return state.pace

    def host_changed(self, host: Host) -> None:
        """Carries news of a host on to the pools that are there."""
        for each in self.states.values():
            if each.host is host:
                each.refresh()

    def served_changed(self) -> None:
        """Has the pools of all lanes put in order anew, since one serves its model no longer."""
        for lane in self._lanes.values():
            lane.sort_at = 0.0

    def rescale(self, group: Group) -> None:
        """Another unit of costs, now that the mean request is quite another one; the paces stay the same in tokens."""
        factor, group.unit = group.unit / group.mean, group.mean
        states = {state for lane in self._lanes.values() if lane.group is group for state in lane.states}
        paces = [state.pace for state in states] + [each.pace for each in {state.quota for state in states} if each]
        for pace in paces:
            if pace is not None:
                pace.rescale(factor)
        for state in states:
            state.changed()

    def stands(self, pool: Pool, now: float) -> PoolState:
        """How a pool stands, whether or not it has been used."""
        state = self.states.get(pool)
        if state is None:
            host = self._hosts.get(pool.location)
            return PoolState(pool, max(0.0, host.ready_at - now) if host else 0.0, host.why if host else "")
        return PoolState(pool, max(0.0, state.ready_at - now), state.why or state.host.why)

    def status(self, now: float) -> tuple[PoolStatus, ...]:
        """How every pool stands that has been used."""
        used = [state for state in self.states.values() if state.pace is not None or state.breaker is not None]
        return tuple(self._status(state, now) for state in used)

    def _status(self, state: State, now: float) -> PoolStatus:
        pace, breaker = state.tightest or self.pace(state, now), state.breaker
        trying = breaker is not None and breaker.is_open and breaker.probed_at > 0.0
        word = "trying" if trying else "open" if breaker is not None and breaker.is_open else "closed"
        ready_at = state.last_at if trying else state.ready_at
        closed_s = max(0.0, ready_at - now)
        pacing = closed_s <= 1.0 / pace.rate and word == "closed" and not pace.shut_until
        return PoolStatus(
            pool=state.pool,
            rate=pace.rate,
            measured=pace.measured or None,
            in_flight=state.in_flight,
            latency_s=state.latency_s or None,
            breaker=word,
            closed_s=0.0 if pacing else closed_s,
            why=state.why or state.host.why,
            by_chance=pace.by_chance,
            silent_s=now - state.heard_at if state.suspect(now) else 0.0,
            quota=state.quota.pool.model if state.quota else "",
        )

    def _lane(self, plan: Plan, project: str, now: float) -> Lane:
        states = [self.state(Pool(project, *each.candidate), each) for each in plan.allowed]
        for state, allowed in zip(states, plan.allowed, strict=True):
            if allowed.limit.bucket and state.quota is None:
                self.share(state, allowed.limit.bucket, allowed.limit.requests_per_s, now)
        name = next((each.limit.bucket for each in plan.allowed if each.limit.bucket), plan.model)
        group = self.groups.get((project, name))
        if group is None:
            group = self.groups[project, name] = Group(name, Budget(self._pacing, now))
        group.in_tokens = group.in_tokens or any(each.limit.in_tokens for each in plan.allowed)
        return Lane(plan, group, states)
