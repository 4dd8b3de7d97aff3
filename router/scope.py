"""Policies for a part of a program: a context variable that every request made inside it sees.

It holds in the thread or task that enters it and in the tasks started there, sync and async alike,
whichever client makes the request.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
from cachetools import LRUCache

from router.core import Core
from router.decisions import Decisions
from router.directives import NONE, Directives
from router.errors import PolicyError, WrongHeader
from router.guard import Guard
from router.policy import Policy
from router.tightening import tightened
from router.wire import ROUTER_HEADERS

_CACHED = 128

_current: ContextVar[Mapping[Scopes, Policy] | None] = ContextVar("vertex_router_scope", default=None)


class Scopes:
    """The cores of one router: that of its own policy, and one for each policy made of it for a scope."""

    def __init__(self, core: Core) -> None:
        self._base = core
        self._cores: LRUCache[Policy, Core] = LRUCache(_CACHED)
        self._lock = threading.Lock()

    def core(self) -> Core:
        """The core by which a request that is made here and now is decided."""
        policies = _current.get()
        policy = policies.get(self) if policies else None
        return self._base if policy is None else self.under(policy)

    def core_for(self, wishes: Directives) -> Core:
        """The core for a request that is made here and now, with wishes of its own.

        Raises:
            WrongHeader: a wish would allow what the policy does not, or names what is not in the catalog.
        """
        if wishes is NONE or not (fields := wishes.policy):
            return self.core()
        try:
            return self.under(self.tightened(fields))
        except PolicyError as error:
            name = error.fields[0] if error.fields else next(iter(fields))
            raise WrongHeader(f"{ROUTER_HEADERS}-{name.replace('_', '-')}", str(error)) from None

    def tightened(self, fields: Mapping[str, Any]) -> Policy:
        """The policy that holds here and now, with some of its fields changed.

        Raises:
            PolicyError: a field is wrong, or would allow what the policy does not.
        """
        core = self.core()
        return tightened(core.policy, fields, core.catalog)

    @contextmanager
    def scope(self, fields: Mapping[str, Any]) -> Iterator[Policy]:
        """Has requests made inside it decided by a stricter policy.

        Raises:
            PolicyError: as `tightened`.
        """
        with self.entered(self.tightened(fields)) as policy:
            yield policy

    @contextmanager
    def entered(self, policy: Policy) -> Iterator[Policy]:
        """Has requests made inside it decided by a policy, whichever it is: for this package's own use."""
        token = _current.set({**(_current.get() or {}), self: policy})
        try:
            yield policy
        finally:
            _current.reset(token)

    def under(self, policy: Policy) -> Core:
        """The core for a policy: other decisions and another guard; health, clocks and catalog are shared."""
        with self._lock:
            core = self._cores.get(policy)
            if core is None:
                catalog = self._base.catalog
                core = self._cores[policy] = msgspec.structs.replace(
                    self._base,
                    policy=policy,
                    decisions=Decisions(catalog, policy),
                    guard=Guard(catalog, policy),
                )
        return core
