"""Runs a program against the emulator, in a network of its own that has a loopback and nothing else.

    unshare --map-root-user --net python -m tests.proof.cage --caged -- PROGRAM ...

The emulator's proxy notes which hosts the program contacts; what would not go through it finds no way
out. Prints as JSON what was seen, all of it outside of the program's own process.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import socket
import struct
import sys
from datetime import date

from router.emulator import Emulator, Scenario
from router.emulator.serve import run_under

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_NOWHERE = ("192.0.2.1", 443)
"""An address that is kept for documentation (RFC 5737), so nobody's."""


def raise_loopback() -> None:
    """Switches on the loopback of this network, which begins switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def way_out() -> bool:
    """Whether an address outside is reachable at all."""
    try:
        socket.create_connection(_NOWHERE, timeout=0.2).close()
    except OSError as error:
        return isinstance(error, TimeoutError)
    return True


def main() -> int:
    """Runs the program; prints what was witnessed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.cage", description=__doc__)
    parser.add_argument("--caged", action="store_true", help="this network is a new one: switch its loopback on")
    parser.add_argument("--scenario", help="how the locations behave")
    parser.add_argument("--on", type=date.fromisoformat, help="the day whose catalog is served")
    parser.add_argument("program", nargs="+")
    given = parser.parse_args()
    if given.caged:
        raise_loopback()
    scenario = Scenario.load(given.scenario) if given.scenario else None
    with Emulator(scenario, on=given.on) as emulator:
        code = run_under(emulator, given.program)
        seen = {
            "code": code,
            "hosts": emulator.witness.hosts,
            "refused": emulator.witness.refused,
            "requests": [[each.host, each.location, each.status] for each in emulator.requests],
            "way_out": given.caged and way_out(),
        }
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
