"""`vertex-router`: reads the arguments, runs the command, turns errors into one clear message."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

OK, USAGE, NOTHING_ALLOWED, INTERRUPTED = 0, 2, 3, 130

COMMANDS = {
    "explain": "where requests for a model may go, where not, and why",
    "catalog": "which model is served where, inside which boundary, by which source",
    "ask": "ask a model one question, with your own Google credentials",
    "batch": "answer a file of requests, resumable, spread over what the policy allows",
    "probe": "measure which models answer where, for your project, with your own Google credentials",
    "audit": "whether an audit is whole and every attempt in it allowed, and what is in it",
    "emulate": "emulate Vertex AI on this machine",
    "demo": "see real SDK clients fail over inside a policy, on this machine",
}
"""What each does; each is a module beside this one, which is loaded when its command is given."""


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - it loads readers of mails and archives

        print(f"vertex-router {version('vertex-router')}")
        parser.exit()


def parser(command: str = "") -> argparse.ArgumentParser:
    """The arguments of a command; of the others, that they are there.

    Args:
        command: without one, none is told of in full.
    """
    top = argparse.ArgumentParser(
        prog="vertex-router",
        description="Region-aware routing and failover for Vertex AI that keeps data residency.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        if name == command:
            import_module(f"router.cli.{name}").add_to(commands, line)
        else:
            commands.add_parser(name, help=line)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives its exit code.

    0: done; 1: it failed; 2: the input is wrong; 3: the policy allows nothing; 4: a probe found drift;
    130: interrupted.
    """
    given = parser(_command(sys.argv[1:] if arguments is None else arguments)).parse_args(arguments)
    from catalog.errors import CatalogError  # noqa: PLC0415 - who only wants to be helped need not wait for these
    from router.emulator import EmulatorError  # noqa: PLC0415
    from router.errors import NoRoute, RouterError  # noqa: PLC0415

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


def _command(arguments: Sequence[str]) -> str:
    """The command among the arguments; before it there are only options without values."""
    return next((each for each in arguments if not each.startswith("-")), "")
