"""`vertex-router catalog show`: all that is known of a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console

from catalog import Availability, Catalog, Claim, Model, Processing
from catalog.draft import CLAIMS
from catalog.schema import Capability
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import Notes, indented, print_json


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "show",
        help="all that is known of a model",
        description="Prints a model's names, life, limits and terms, and the claims that hold on a day, with their "
        "sources; with --all those of other days, too.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    parser.add_argument("--all", action="store_true", help="claims of other days, too")
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the model."""
    known = catalog_of(given)
    model = known.model(given.model)
    claims = {kind: [each for each in getattr(model, kind) if given.all or each.holds(given.on)] for kind in CLAIMS}
    if given.json:
        print_json(msgspec.structs.replace(model, **claims))
        return 0
    _Page(known, given, Console(highlight=False)).show(model, claims)
    return 0


class _Page:
    """Prints a model for people."""

    def __init__(self, known: Catalog, given: argparse.Namespace, console: Console) -> None:
        self._known = known
        self._given = given
        self._console = console
        self._notes = Notes()

    def show(self, model: Model, claims: dict[str, list[Any]]) -> None:
        self._console.print(f"[bold]{model.id}[/]  {model.name}, {model.publisher}, {model.task}, {model.stage}")
        for name, value in self._facts(model):
            self._line(f"{name}: {value}")
        for kind, found in claims.items():
            if found:
                self._console.print(f"\n[bold]{kind}[/]")
            for claim in found:
                self._claim(claim)
        self._notes.show(self._console)

    def _facts(self, model: Model) -> Iterator[tuple[str, str]]:
        yield "family", model.family
        yield "methods", ", ".join(model.methods)
        if model.aliases:
            yield "also", ", ".join(model.aliases)
        if model.released:
            yield "released", str(model.released)
        if end := model.retirement:
            day = (
                f"{end.on}, {'confirmed' if end.confirmed else 'announced'}"
                if end.on
                else f"not before {end.not_before}"
            )
            successor = f"; successor {end.successor}" if end.successor else ""
            yield "retirement", f"{day}{successor}{_noted(end.note)} {self._cite(end.source)}"
        if limits := model.limits:
            yield "limits", f"{_figures(limits)}{_noted(limits.note)} {self._cite(limits.source)}"
        if terms := model.data_sharing:
            yield "data sharing", f"{terms.terms} {self._cite(terms.source)}"
        if model.note:
            yield "note", model.note

    def _claim(self, claim: Claim) -> None:
        places = ", ".join(getattr(claim, "locations", ()))
        period = (
            "" if claim.holds(self._given.on) else f" (from {claim.since}{f' to {claim.until}' if claim.until else ''})"
        )
        confidence = "" if claim.confidence == "high" else f", {claim.confidence} confidence"
        self._line(f"{_said(claim)}{confidence}{period} {self._cite(claim.source)}")
        if places:
            self._console.print(indented(places, 6, dim=True))
        if claim.note:
            self._console.print(indented(claim.note, 6, dim=True))

    def _line(self, text: str) -> None:
        self._console.print(indented(text))

    def _cite(self, name: str) -> str:
        source = self._known.sources[name]
        own = "own source, " if name in self._known.own.sources else ""
        return self._notes.number([f"{source.url or source.id} ({own}{source.published})"])


_EVIDENCE = {field.name for field in msgspec.structs.fields(Claim)} | {"locations"}
_VERDICTS = {"yes": "", "no": "not ", "unknown": "not established whether "}


def _said(claim: Claim) -> str:
    """What a claim says besides its place and evidence."""
    if isinstance(claim, Availability):
        return f"{_VERDICTS[claim.served]}served: {', '.join(claim.modes)}"
    if isinstance(claim, Capability):
        return f"{_VERDICTS[claim.available]}available: {claim.ability}"
    if isinstance(claim, Processing):
        limit = f" up to {claim.max_context_tokens:,} tokens of context" if claim.max_context_tokens else ""
        return f"{_STAYS.get(claim.boundary, f'stays in {claim.boundary}')}{limit}"
    return _figures(claim)


_STAYS = {"none": "may happen anywhere", "unknown": "where it stays is not established"}


def _figures(value: msgspec.Struct) -> str:
    """Each field that is given, in its order."""
    given = ((field.name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(each)}" for name, each in given if name not in _EVIDENCE and each
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _noted(note: str) -> str:
    return f" ({note})" if note else ""
