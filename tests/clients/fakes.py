"""Clients that are told by the names of their classes, where the real ones are not installed."""

from __future__ import annotations

from typing import Any


def of(module: str, name: str, **members: Any) -> Any:
    """A client of a class that is named so."""
    return type(name, (), {"__module__": module, **members})()
