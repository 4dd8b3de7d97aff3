"""What the markers of a test make of the emulator."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Protocol

import msgspec

from catalog import load
from router.emulator.emulator import Emulator
from router.emulator.scenario import Scenario, valid

MARKER = "vertex_scenario"


class Mark(Protocol):
    """A pytest marker."""

    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def kwargs(self) -> Any: ...


class Node(Protocol):
    """A pytest item."""

    def iter_markers(self, name: str) -> Any: ...


def marked(node: Node, root: Path) -> Emulator:
    """The emulator for a test.

    Args:
        node: the test; of its markers, those of the module and class come first.
        root: where relative paths of scenarios begin.
    """
    catalog = load()
    data: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers(MARKER))):
        if marker.args:
            data = msgspec.to_builtins(_loaded(marker.args[0], root), builtin_types=(date,))
        if marker.kwargs:
            data["behaviour"] = [*data.get("behaviour", ()), marker.kwargs]
    return Emulator(valid(data, catalog, "marker"), catalog=catalog)


def _loaded(scenario: Scenario | str | Path, root: Path) -> Scenario:
    return scenario if isinstance(scenario, Scenario) else Scenario.load(root / scenario)
