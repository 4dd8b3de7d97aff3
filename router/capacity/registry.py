"""Every pool that is known, with the quotas that several of them share and the hosts they are at."""

from __future__ import annotations

from router.capacity.breaker import Host
from router.capacity.pace import Pace
from router.capacity.pools import Shared, State
from router.health import PoolState
from router.plan import NO_LIMIT, Allowed, Pool
from router.status import PoolStatus


class Registry:
    """The pools of a controller, each made when it is first heard of.

    Args:
        max_waste, tolerated: see `Pacing`.
    """

    def __init__(self, max_waste: float, tolerated: float = 0.0) -> None:
        self._max_waste = max_waste
        self._tolerated = tolerated
        self._hosts: dict[str, Host] = {}
        self.states: dict[Pool, State] = {}
        self.shared: dict[Pool, Shared] = {}
        """Quotas that several pools draw on, as pools whose `model` is the quota's name."""

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
            shared = self.shared[pool] = Shared(pool, Pace(now, known, self._max_waste, self._tolerated))
        shared.members.append(state)
        state.quota = shared

    def pace(self, state: State, now: float, unit: float = 0.0) -> Pace:
        """A pool's pace, made when it is first needed. `unit` is what one unit of cost is in tokens; 0 if not known."""
        if state.pace is None:
            known = state.limit.per_second
            if state.limit.in_tokens:
                known = known / unit if unit else 0.0
            state.pace = Pace(now, known, self._max_waste, self._tolerated)
        return state.pace

    def host_changed(self, host: Host) -> None:
        """Carries news of a host on to the pools that are there."""
        for each in self.states.values():
            if each.host is host:
                each.refresh()

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
            quota=state.quota.pool.model if state.quota else "",
        )
