"""`vertex-router explain`: where requests for a model may go, where not, and on whose word."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from catalog.schema import MODES
from router.cli.options import add_policy, count, day, policy_of
from router.plan import Plan
from router.router import Router

NOTHING_ALLOWED = 3


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "explain",
        help="where requests for a model may go, where not, and why",
        description="Lists every location, allowed or refused, with the rule and the source. "
        "Exit code 0 when something is allowed, 3 when nothing is.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    add_policy(parser)
    parser.add_argument("--mode", choices=MODES, help="how capacity is bought (default: the modes of the policy)")
    parser.add_argument("--tokens", type=count, metavar="N", help="the size of the request's context (default: any)")
    parser.add_argument("--on", type=day, metavar="DATE", help="the day asked about (default: today)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the plan; 3 when it allows nothing."""
    policy = policy_of(given, **({"modes": [given.mode]} if given.mode else {}))
    plan = Router(policy).explain(given.model, mode=given.mode, tokens=given.tokens, on=given.on)
    if given.json:
        json.dump(plan.as_dict(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        show(plan, Console(highlight=False))
    return 0 if plan.allowed else NOTHING_ALLOWED


def show(plan: Plan, console: Console) -> None:
    """Prints a plan for people, its sources as numbered notes."""
    notes = _Notes()
    console.print(f"[bold]{plan.model}[/] on {plan.on}, {plan.summary}")
    for warning in plan.warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    _show_allowed(plan, notes, console)
    if plan.refused:
        console.print("\n[bold red]refused[/]")
    for reason, members in plan.refusals():
        places = ", ".join(each.location for each in members)
        console.print(Padding(f"{places} {notes.number(each.source for each in members)}", (0, 0, 0, 2)))
        console.print(Padding(reason, (0, 0, 0, 6), style="dim"))
    if plan.alternatives:
        console.print("\n[bold]also possible under this policy[/]")
    for alternative in plan.alternatives:
        console.print(Padding(str(alternative), (0, 0, 0, 2)))
    notes.show(console)


def _show_allowed(plan: Plan, notes: _Notes, console: Console) -> None:
    if not plan.allowed:
        console.print("\n[bold red]nothing is allowed[/]")
        return
    console.print("\n[bold green]allowed, in this order[/]")
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for heading in ("location", "kind", "mode", "boundary", "checked", "source"):
        table.add_column(heading, no_wrap=True)
    for each in plan.allowed:
        location, mode = each.candidate.location, each.candidate.mode
        table.add_row(location, each.kind, mode, each.boundary, str(each.checked or ""), notes.number([each.source]))
    console.print(table)
    for why in dict.fromkeys(each.why for each in plan.allowed):
        console.print(Padding(why, (0, 0, 0, 6), style="dim"))


class _Notes:
    """Sources, each printed once at the end and cited by its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, sources: Iterable[str]) -> str:
        named = dict.fromkeys(source for source in sources if source)
        return " ".join(f"({self._numbers.setdefault(source, len(self._numbers) + 1)})" for source in named)

    def show(self, console: Console) -> None:
        console.print()
        for source, number in self._numbers.items():
            console.print(f"({number}) {source}", soft_wrap=True)
