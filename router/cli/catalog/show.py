"""`vertex-router catalog show`: all that is known of a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec

from catalog import Availability, Catalog, Claim, Model, Processing, Retirement
from catalog.draft import CLAIMS
from catalog.schema import Capability
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import Notes, Screen, print_json

Claims = dict[str, list[Any]]


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
        print_json(_data(known, model, claims, given.on))
    else:
        _Page(known, given, Screen()).show(model, claims)
    return 0


def _data(known: Catalog, model: Model, claims: Claims, on: date) -> dict[str, Any]:
    warning = known.warning(model.id, on)
    parts = (model.limits, model.retirement, model.data_sharing)
    named = [part.source for part in parts if part] + [each.source for found in claims.values() for each in found]
    return {
        "date": on,
        "model": msgspec.structs.replace(model, **claims),
        "evidence_begins": _beginning(model),
        "warnings": [warning] if warning else [],
        "sources": sources_data(known, named, on),
    }


def _beginning(model: Model) -> date | None:
    """The first day of which any claim speaks."""
    return min((each.since for kind in CLAIMS for each in getattr(model, kind)), default=None)


class _Page:
    """Prints a model for people."""

    def __init__(self, known: Catalog, given: argparse.Namespace, screen: Screen) -> None:
        self._known = known
        self._on: date = given.on
        self._screen = screen
        self._notes = Notes()

    def show(self, model: Model, claims: Claims) -> None:
        self._screen.line((model.id, "bold"), f"  {model.name}, {model.publisher}, {model.task}, {model.stage}")
        if warning := self._known.warning(model.id, self._on):
            self._screen.text(f"warning: {warning}", 2, "yellow")
        for name, value in self._facts(model):
            self._screen.text(f"{name}: {value}", 2)
        for kind, found in claims.items():
            self._claims(kind, found)
        if not any(claims.values()):
            self._screen.line()
            self._screen.text(f"no claim speaks of {self._on}{_since(_beginning(model), self._on)}; see --all")
        self._screen.notes(self._notes)

    def _facts(self, model: Model) -> Iterator[tuple[str, str]]:
        yield "family", model.family
        if model.service != "aiplatform":
            yield "service", f"another API ({model.service}), on hosts that the router does not send to"
        yield "methods", ", ".join(model.methods)
        if model.aliases:
            yield "also", ", ".join(model.aliases)
        if model.released:
            yield "released", str(model.released)
        if end := model.retirement:
            yield "retirement", f"{_ending(end)}{_noted(end.note)} {self._cite(end.source)}"
        if limits := model.limits:
            yield "limits", f"{_figures(limits)}{_noted(limits.note)} {self._cite(limits.source)}"
        if terms := model.data_sharing:
            yield "data sharing", f"{terms.terms} {self._cite(terms.source)}"
        if model.note:
            yield "note", model.note

    def _claims(self, kind: str, found: Sequence[Claim]) -> None:
        if found:
            self._screen.line("\n", (kind, "bold"))
        for claim in found:
            until = f" to {claim.until}" if claim.until else ""
            period = "" if claim.holds(self._on) else f" (from {claim.since}{until})"
            confidence = "" if claim.confidence == "high" else f", {claim.confidence} confidence"
            self._screen.text(f"{_said(claim)}{confidence}{period} {self._cite(claim.source)}", 2)
            self._screen.text(", ".join(getattr(claim, "locations", ())), 6, "dim")
            self._screen.text(claim.note, 6, "dim")

    def _cite(self, name: str) -> str:
        return self._notes.number([cited(self._known, name, self._on)])


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
        return f"boundary {_STAYS.get(claim.boundary, claim.boundary)}{limit}"
    return _figures(claim)


_STAYS = {"none": "none (may be processed anywhere)", "unknown": "not established"}


def _figures(value: msgspec.Struct) -> str:
    """Each field that is given, in its order."""
    given = ((field.name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(each)}"
        for name, each in given
        if name not in _EVIDENCE and each not in (None, "", ())
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _ending(end: Retirement) -> str:
    if end.on is None:
        return f"not before {end.not_before}{end.then}"
    return f"{end.on}, {'confirmed' if end.confirmed else 'announced'}{end.then}"


def _since(beginning: date | None, on: date) -> str:
    return f"; evidence begins on {beginning}" if beginning and on < beginning else ""


def _noted(note: str) -> str:
    return f" ({note})" if note else ""
