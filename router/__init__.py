"""Region-aware routing and failover for Vertex AI that keeps data residency.

    from router import Policy, Router

    router = Router(Policy(residency="eu"))
    client = router.wrap(AnthropicVertex(project_id="p", region="eu"))

Names are imported when they are first used: this package is also imported by pytest, for its plugin,
in every project that has it installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.auditing import Auditing
    from router.auth import CredentialError, GoogleAuth
    from router.capacity import Controller, Pacing
    from router.capacity.recorder import Recorder
    from router.destination import Destination
    from router.errors import (
        AuditFailed,
        Exhausted,
        GuardStop,
        NoCapacity,
        NoRoute,
        NotSent,
        PinnedLocation,
        PolicyError,
        RequestNotUnderstood,
        RouterError,
        StreamBroken,
        WrongHeader,
    )
    from router.exchange import trace_of
    from router.plan import Allowed, Alternative, Candidate, Plan, Refused
    from router.policy import Policy
    from router.router import Router
    from router.signals import Signal
    from router.status import Status
    from router.trace import Trace, Tried
    from router.transport import RoutedTransport
    from router.verify import UnroutedClient

_HOMES = {
    "Allowed": "plan",
    "Alternative": "plan",
    "AuditFailed": "errors",
    "Auditing": "auditing",
    "Candidate": "plan",
    "Controller": "capacity",
    "CredentialError": "auth",
    "Destination": "destination",
    "Exhausted": "errors",
    "GoogleAuth": "auth",
    "GuardStop": "errors",
    "NoCapacity": "errors",
    "NoRoute": "errors",
    "NotSent": "errors",
    "Pacing": "capacity",
    "PinnedLocation": "errors",
    "Plan": "plan",
    "Policy": "policy",
    "PolicyError": "errors",
    "Recorder": "capacity.recorder",
    "Refused": "plan",
    "RequestNotUnderstood": "errors",
    "RoutedTransport": "transport",
    "Router": "router",
    "RouterError": "errors",
    "Signal": "signals",
    "Status": "status",
    "StreamBroken": "errors",
    "Trace": "trace",
    "Tried": "trace",
    "UnroutedClient": "verify",
    "WrongHeader": "errors",
    "trace_of": "exchange",
}

__all__ = [
    "Allowed",
    "Alternative",
    "AuditFailed",
    "Auditing",
    "Candidate",
    "Controller",
    "CredentialError",
    "Destination",
    "Exhausted",
    "GoogleAuth",
    "GuardStop",
    "NoCapacity",
    "NoRoute",
    "NotSent",
    "Pacing",
    "PinnedLocation",
    "Plan",
    "Policy",
    "PolicyError",
    "Recorder",
    "Refused",
    "RequestNotUnderstood",
    "RoutedTransport",
    "Router",
    "RouterError",
    "Signal",
    "Status",
    "StreamBroken",
    "Trace",
    "Tried",
    "UnroutedClient",
    "WrongHeader",
    "trace_of",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
