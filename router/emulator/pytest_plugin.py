"""The pytest fixture `vertex_emulator`, and the marker that gives it a scenario.

    @pytest.mark.vertex_scenario(location="eu", errors=[429, "ok"])
    def test_my_application_survives_a_429(vertex_emulator):
        ...

Pytest imports this in every project that has the package installed, so it imports nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from router.emulator import Emulator

_MARKER = (
    "vertex_scenario(scenario=None, **behaviour): how vertex_emulator behaves in this test: a Scenario, the path of "
    "a TOML file (from the root directory), or the fields of one Behaviour; several markers add up"
)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def vertex_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A running emulator of Vertex AI, to which the environment of this process leads clients."""
    from router.emulator.marking import marked  # noqa: PLC0415 - costs nothing until it is used

    with marked(request.node, request.config.rootpath) as emulator, emulator.activated():
        yield emulator
