"""`vertex-router catalog where`: where a model is served, in which modes, and inside which border."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from rich.console import Console

from catalog import Catalog
from catalog.schema import MODES
from router.cli.options import add_json, add_on, add_overlay, catalog_of, count
from router.cli.output import Notes, aged, columns, indented, print_json

_SHORT = {"single_zone_provisioned": "single-zone"}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "where",
        help="where a model is served, in which modes, and inside which border",
        description="Facts alone, without a policy: each location with the modes that are known to be served there, "
        "and the border inside which processing is guaranteed to stay (`de <= 128,000`: for requests of at most "
        "so many tokens of context). `vertex-router explain` applies a policy.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    parser.add_argument("--tokens", type=count, metavar="N", help="the size of the request's context (default: any)")
    parser.add_argument("--all", action="store_true", help="locations, too, where no mode is known to be served")
    parser.add_argument("--why", action="store_true", help="the reason of every answer that is not yes")
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the locations."""
    known = catalog_of(given)
    model = known.model(given.model)
    rows = [_row(known, model.id, place, given) for place in known.locations]
    shown = [row for row in rows if given.all or any(each["served"] == "yes" for each in row["modes"].values())]
    if given.json:
        print_json({"model": model.id, "date": given.on.isoformat(), "locations": shown})
        return 0
    console = Console(highlight=False)
    console.print(f"[bold]{model.id}[/] on {given.on}")
    if shown:
        _show(known, shown, console)
    else:
        console.print("\nno location is known to serve it")
        reasons = dict.fromkeys(each["reason"] for row in rows for each in row["modes"].values())
        for reason in reasons:
            console.print(f"  {reason}", style="dim")
    left = len(rows) - len(shown)
    if left and shown:
        console.print(f"\n{left} locations where it is not known to be served are left out (--all)", style="dim")
    if given.why:
        _explain(shown, console)
    return 0


def _row(known: Catalog, model: str, place: str, given: argparse.Namespace) -> dict[str, Any]:
    modes = {}
    for mode in MODES:
        answer = known.served(model, place, mode, given.on)
        modes[mode] = {
            "served": answer.verdict,
            "reason": answer.reason,
            "source": answer.source or None,
            "evidence_age_days": answer.age_days,
            "own_source": answer.own,
        }
    bounded = known.boundary(model, place, given.on, given.tokens)
    return {
        "location": place,
        "kind": known.locations[place].kind,
        "modes": modes,
        "boundary": bounded.boundary,
        "boundary_up_to": _limited(known, model, place, given.on) if bounded.boundary == "unknown" else None,
        "boundary_reason": bounded.reason,
        "boundary_source": bounded.claim.source if bounded.claim else None,
        "boundary_age_days": bounded.age_days,
        "own_source": bounded.own,
    }


def _limited(known: Catalog, model: str, place: str, on: date) -> dict[str, Any] | None:
    """The guarantee for requests of a limited size, where there is none for any size."""
    limits = {each.max_context_tokens for each in known.model(model).processing if place in each.locations}
    for tokens in sorted((each for each in limits if each), reverse=True):
        bounded = known.boundary(model, place, on, tokens)
        if bounded.countries:
            return {"tokens": tokens, "boundary": bounded.boundary}
    return None


def _show(known: Catalog, rows: list[dict[str, Any]], console: Console) -> None:
    notes = Notes()
    table = columns("location", "boundary", "evidence", "sources", "served in", last_wraps=True)
    for row in rows:
        served = {mode: each for mode, each in row["modes"].items() if each["served"] == "yes"}
        ages = (row["boundary_age_days"], *(each["evidence_age_days"] for each in served.values()))
        oldest = max((age for age in ages if age is not None), default=None)
        cited = notes.number(_cited(known, [row["boundary_source"], *(each["source"] for each in served.values())]))
        modes = ", ".join(_SHORT.get(mode, mode) for mode in served)
        table.add_row(row["location"], _boundary(row), aged(oldest), cited, modes)
    console.print()
    console.print(table)
    notes.show(console)


def _cited(known: Catalog, names: Iterable[str | None]) -> Iterator[str]:
    """The addresses of sources, or their ids where they have none."""
    return (known.sources[name].url or name for name in names if name)


def _boundary(row: dict[str, Any]) -> str:
    limited = row["boundary_up_to"]
    return f"{limited['boundary']} <= {limited['tokens']:,}" if limited else row["boundary"]


def _explain(rows: list[dict[str, Any]], console: Console) -> None:
    groups: dict[str, list[str]] = {}
    for row in rows:
        for mode, answer in row["modes"].items():
            if answer["served"] != "yes":
                groups.setdefault(f"{mode}: {answer['served']}, {answer['reason']}", []).append(row["location"])
        if row["boundary"] in ("unknown", "none"):
            groups.setdefault(f"boundary: {row['boundary']}, {row['boundary_reason']}", []).append(row["location"])
    for reason, places in sorted(groups.items()):
        console.print(f"\n{reason}")
        console.print(indented(", ".join(places), dim=True))
