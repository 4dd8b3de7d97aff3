"""`vertex-router`: reads the arguments, runs the command, turns errors into one clear message."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from catalog.errors import CatalogError
from router.cli import ask, audit, batch, catalog, demo, emulate, explain, probe
from router.emulator import EmulatorError
from router.errors import NoRoute, RouterError

OK, USAGE, NOTHING_ALLOWED, INTERRUPTED = 0, 2, 3, 130


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = argparse.ArgumentParser(
        prog="vertex-router",
        description="Region-aware routing and failover for Vertex AI that keeps data residency.",
    )
    top.add_argument("--version", action="version", version=f"vertex-router {version('vertex-router')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (explain, catalog, ask, batch, probe, audit, emulate, demo):
        command.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives its exit code.

    0: done; 1: it failed; 2: the input is wrong; 3: the policy allows nothing; 4: a probe found drift;
    130: interrupted.
    """
    given = parser().parse_args(arguments)
    try:
        code: int = given.run(given)
    except (RouterError, CatalogError, EmulatorError) as error:
        print(f"vertex-router: {error}", file=sys.stderr)
        return NOTHING_ALLOWED if isinstance(error, NoRoute) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code
