"""Capacity control: how much each pool can take, found out by using it, and who goes next.

`Controller` is the whole of it behind the interface `router.health.Health`; `docs/capacity.md` tells
the theory once.
"""

from __future__ import annotations

from router.capacity.controller import Controller
from router.capacity.events import Broken, Event, Noticed, Throttled
from router.capacity.knobs import Pacing

__all__ = ["Broken", "Controller", "Event", "Noticed", "Pacing", "Throttled"]
