"""An emulator of Vertex AI, for testing applications without Google, credentials or a network.

`Emulator` is the way in; docs/emulator.md tells the rest. Names are imported when they are first
used, because pytest imports this package in every project that has it installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.emulator.behaviour import Behaviour, Failure, Latency, Quota, StreamFault
    from router.emulator.emulator import Emulator
    from router.emulator.errors import EmulatorError, InvalidScenario, MissingExtra, NotRunning, StartFailed
    from router.emulator.records import Contact, Received, Witness
    from router.emulator.scenario import Scenario, Serving
    from router.emulator.tokens import Issued

_HOMES = {
    "Behaviour": "behaviour",
    "Contact": "records",
    "Emulator": "emulator",
    "EmulatorError": "errors",
    "Failure": "behaviour",
    "InvalidScenario": "errors",
    "Issued": "tokens",
    "Latency": "behaviour",
    "MissingExtra": "errors",
    "NotRunning": "errors",
    "Quota": "behaviour",
    "Received": "records",
    "Scenario": "scenario",
    "Serving": "scenario",
    "StartFailed": "errors",
    "StreamFault": "behaviour",
    "Witness": "records",
}

__all__ = [
    "Behaviour",
    "Contact",
    "Emulator",
    "EmulatorError",
    "Failure",
    "InvalidScenario",
    "Issued",
    "Latency",
    "MissingExtra",
    "NotRunning",
    "Quota",
    "Received",
    "Scenario",
    "Serving",
    "StartFailed",
    "StreamFault",
    "Witness",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
