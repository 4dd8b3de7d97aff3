"""`vertex-router catalog where`: where a model is served, in which modes, and inside which boundary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from catalog import Bounded, Catalog, Model, Served
from catalog.schema import MODES, Location, Mode
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import add_json, add_on, add_overlay, catalog_of, count
from router.cli.output import Grid, Notes, Screen, aged, counted, print_json

_SHORT = {"single_zone_provisioned": "single-zone"}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "where",
        help="where a model is served, in which modes, and inside which boundary",
        description="Facts alone, without a policy: each location with the modes that are known to be served there, "
        "and the boundary inside which processing is guaranteed to stay (`de <= 128,000`: for requests of at most so "
        "many tokens of context; `none`: it may be processed anywhere). `(low)` marks evidence of low confidence, "
        "which a policy takes for unknown unless it says otherwise. `vertex-router explain` applies a policy.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    parser.add_argument("--mode", choices=MODES, help="only this way of buying capacity (default: all)")
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
    rows = _Rows(known, known.model(given.model), given)
    if given.json:
        print_json(rows.data())
    else:
        rows.show(Screen())
    return 0


class _Row:
    """What is known of a model at one location."""

    def __init__(self, known: Catalog, model: Model, place: Location, given: argparse.Namespace) -> None:
        modes: Sequence[Mode] = (given.mode,) if given.mode else MODES
        self.place = place
        self.modes = {mode: known.served(model.id, place.id, mode, given.on) for mode in modes}
        self.served = {mode: answer for mode, answer in self.modes.items() if answer.verdict == "yes"}
        self.bounded = known.boundary(model.id, place.id, given.on, given.tokens)
        self.limited = None if self.bounded.boundary != "unknown" else _limited(known, model, place, given)
        self.denied = known.denied(model.id, place.id)
        held = {mode: known.reserved(model.id, place.id, mode, given.on) for mode in modes}
        self.reserved = {mode: each.gsu for mode, each in held.items() if each}

    @property
    def promise(self) -> Bounded:
        """The guarantee that is told: that for any size, else that up to some size."""
        return self.limited[1] if self.limited else self.bounded

    def cells(self, known: Catalog, notes: Notes, given: argparse.Namespace) -> tuple[str, ...]:
        """The row as people see it."""
        answers: list[Served | Bounded] = [self.promise, *self.served.values()]
        oldest = max((each.age_days for each in answers if each.age_days is not None), default=None)
        named = [each.claim.source for each in answers if each.claim]
        boundary = self.promise.boundary + (f" <= {self.limited[0]:,}" if self.limited else "") + _low(self.promise)
        modes = [f"{_SHORT.get(mode, mode)}{_low(answer)}" for mode, answer in self.served.items()]
        modes += [f"{gsu} GSU reserved ({_SHORT.get(mode, mode)})" for mode, gsu in self.reserved.items()]
        modes += [f"denied by the overlay: {self.denied}"] if self.denied else []
        sources = notes.digits(cited(known, name, given.on) for name in named)
        return self.place.id, boundary, aged(oldest), sources, ", ".join(modes) or "-"

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Every answer that is not yes: what it is about, and it with its reason."""
        for mode, answer in self.modes.items():
            if answer.verdict != "yes":
                yield mode, f"{answer.verdict}, {answer.reason}"
        if not self.bounded.countries:
            yield "boundary", f"{self.bounded.boundary}, {self.bounded.reason}"

    def data(self) -> dict[str, Any]:
        """The row as JSON has it."""
        limited = None
        if self.limited:
            tokens, promise = self.limited
            limited = {"tokens": tokens, "boundary": promise.boundary, **_evidence(promise)}
        return {
            "location": self.place.id,
            "kind": self.place.kind,
            "host": self.place.endpoint,
            "modes": {mode: {"served": answer.verdict, **_evidence(answer)} for mode, answer in self.modes.items()},
            "boundary": self.bounded.boundary,
            **{f"boundary_{name}": value for name, value in _evidence(self.bounded).items()},
            "boundary_up_to": limited,
            "denied": self.denied or None,
            "reserved_gsu": self.reserved,
        }


class _Rows:
    """A model at every location."""

    def __init__(self, known: Catalog, model: Model, given: argparse.Namespace) -> None:
        self._known, self._model, self._given = known, model, given
        self._all = [_Row(known, model, place, given) for place in known.locations.values()]
        self._shown = [row for row in self._all if given.all or row.served]
        self._warning = known.warning(model.id, given.on)

    def data(self) -> dict[str, Any]:
        """The answer as JSON has it: where nothing is served, with every location, for its reasons."""
        rows = self._shown or self._all
        answers: list[Served | Bounded] = []
        for row in rows:
            answers += [*row.modes.values(), row.promise, row.bounded]
        names = [_evidence(each)["source"] for each in answers]
        return {
            "model": self._model.id,
            "date": self._given.on,
            "tokens": self._given.tokens,
            "warnings": [self._warning] if self._warning else [],
            "locations": [row.data() for row in rows],
            "sources": sources_data(self._known, names, self._given.on),
        }

    def show(self, screen: Screen) -> None:
        """Prints the answer for people."""
        screen.line((self._model.id, "bold"), f" on {self._given.on}")
        if self._warning:
            screen.text(f"warning: {self._warning}", style="yellow")
        screen.line()
        if self._shown:
            notes = Notes()
            grid = Grid("location", "boundary", "evidence", "sources", "served in")
            for row in self._shown:
                grid.add(*row.cells(self._known, notes, self._given))
            screen.grid(grid)
            screen.notes(notes)
        else:
            screen.line("no location is known to serve it")
        if (left := len(self._all) - len(self._shown)) and self._shown:
            screen.line()
            screen.text(f"{counted(left, 'location')} not known to serve it left out (--all)", style="dim")
        if self._given.why or not self._shown:
            self._explain(screen)

    def _explain(self, screen: Screen) -> None:
        doubts = [(*doubt, row.place.id) for row in self._shown or self._all for doubt in row.doubts()]
        groups: dict[str, list[str]] = {}
        for about in (*MODES, *(["boundary"] if self._shown else [])):
            for _, reason, place in (each for each in doubts if each[0] == about):
                groups.setdefault(f"{about}: {reason}", []).append(place)
        for reason, places in groups.items():
            screen.line()
            screen.text(reason)
            everywhere = len(places) == len(self._all)
            screen.text("every location" if everywhere else ", ".join(places), 2, "dim")


def _limited(known: Catalog, model: Model, place: Location, given: argparse.Namespace) -> tuple[int, Bounded] | None:
    """The guarantee for requests of a limited size, where there is none for any size."""
    limits = {each.max_context_tokens for each in model.processing if place.id in each.locations}
    for tokens in sorted((each for each in limits if each), reverse=True):
        bounded = known.boundary(model.id, place.id, given.on, tokens)
        if bounded.countries:
            return tokens, bounded
    return None


def _evidence(answer: Served | Bounded) -> dict[str, Any]:
    """What an answer rests on."""
    claim = answer.claim
    source = answer.source if isinstance(answer, Served) else claim.source if claim else ""
    return {
        "reason": answer.reason,
        "source": source or None,
        "checked": claim.checked if claim else None,
        "confidence": claim.confidence if claim else None,
        "evidence_age_days": answer.age_days,
        "own_source": answer.own,
    }


def _low(answer: Served | Bounded) -> str:
    return " (low)" if answer.claim and answer.claim.confidence == "low" else ""
