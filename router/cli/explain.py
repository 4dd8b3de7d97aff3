"""`vertex-router explain`: where requests for a model may go, where not, and on whose word."""

from __future__ import annotations

import argparse

from catalog.schema import MODES
from router.cli.options import add_json, add_on, add_overlay, add_policy, catalog_of, count, policy_of
from router.cli.output import Grid, Notes, Screen, aged, print_json
from router.plan import Plan
from router.router import Router

NOTHING_ALLOWED = 3


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "explain",
        help=line,
        description="Lists every location, allowed or refused, with the rule and the source. "
        "Exit code 0 when something is allowed, 3 when nothing is.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    add_policy(parser)
    add_overlay(parser)
    parser.add_argument("--mode", choices=MODES, help="how capacity is bought (default: the modes of the policy)")
    parser.add_argument("--tokens", type=count, metavar="N", help="the size of the request's context (default: any)")
    parser.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="FEATURE",
        help="what the request asks for beyond the model, e.g. google-search (see `catalog features`); may be repeated",
    )
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the plan; 3 when it allows nothing."""
    policy = policy_of(given, **({"modes": [given.mode]} if given.mode else {}))
    router = Router(policy, catalog=catalog_of(given))
    plan = router.explain(given.model, mode=given.mode, tokens=given.tokens, features=given.feature, on=given.on)
    if given.json:
        print_json(plan.as_dict())
    else:
        show(plan, Screen())
    return 0 if plan.allowed else NOTHING_ALLOWED


def show(plan: Plan, screen: Screen) -> None:
    """Prints a plan for people, its sources as numbered notes."""
    notes = Notes()
    screen.line((plan.model, "bold"), f" on {plan.on}, {plan.summary}")
    for warning in plan.warnings:
        screen.text(f"warning: {warning}", style="yellow")
    _show_allowed(plan, notes, screen)
    if plan.refused:
        screen.line("\n", ("refused", "bold red"))
    for reason, members in plan.refusals():
        places = ", ".join(each.location for each in members)
        screen.text(f"{places} {notes.number(each.source for each in members)}", 2)
        screen.text(reason, 6, "dim")
    if plan.alternatives:
        screen.line("\n", ("also possible under this policy", "bold"))
    for alternative in plan.alternatives:
        screen.text(str(alternative), 2)
    screen.notes(notes)


def _show_allowed(plan: Plan, notes: Notes, screen: Screen) -> None:
    if not plan.allowed:
        screen.line("\n", ("nothing is allowed", "bold red"))
        return
    screen.line("\n", ("allowed, in this order", "bold green"))
    grid = Grid("location", "kind", "mode", "boundary", "evidence", "source")
    for each in plan.allowed:
        location, mode = each.candidate.location, each.candidate.mode
        grid.add(location, each.kind, mode, each.boundary, aged(each.age_days), notes.number([each.source]))
    screen.grid(grid, 2)
    for why in dict.fromkeys(each.why for each in plan.allowed):
        screen.text(why, 6, "dim")
