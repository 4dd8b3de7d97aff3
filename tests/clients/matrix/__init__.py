"""Every client that is routed: how it is made routed, in one line, and how it is asked, in each of its ways."""

from __future__ import annotations

from tests.clients.matrix.driver import WAYS, Driver, is_there
from tests.clients.matrix.frameworks import FRAMEWORKS
from tests.clients.matrix.grpc import GRPC
from tests.clients.matrix.plain import PLAIN
from tests.clients.matrix.sdks import SDKS

DRIVERS: tuple[type[Driver], ...] = (*SDKS, *FRAMEWORKS, *GRPC, *PLAIN)


def here() -> list[type[Driver]]:
    """The drivers whose clients are installed here."""
    return [driver for driver in DRIVERS if all(is_there(each) for each in driver.needs)]


__all__ = ["DRIVERS", "WAYS", "Driver", "here"]
