"""`vertex-router catalog list`: the models, or those that a policy admits."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from rich.console import Console

from catalog import Catalog, Model
from catalog.schema import KINDS, MODES
from router.cli.options import add_json, add_on, add_overlay, add_policy, catalog_of, policy_of
from router.cli.output import columns, print_json
from router.router import Router


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "list",
        help="the models, or those that a policy admits",
        description="Lists the models of the catalog; with a policy, those that it admits somewhere, and where. "
        "Without --all, models that are gone are left out. `>=` marks a day before which a model is not retired.",
    )
    parser.add_argument("--publisher", help="only models of this publisher, e.g. google")
    parser.add_argument("--task", help="only models for this task, e.g. text, embedding, image")
    parser.add_argument("--mode", choices=MODES, default="standard", help="how capacity is bought (standard)")
    parser.add_argument("--all", action="store_true", help="models that are gone, too")
    add_policy(parser)
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the models."""
    known = catalog_of(given)
    models = list(_chosen(known, given))
    places = _admitted(known, given) if given.policy or given.residency else _served(known, models, given)
    gone = [model for model in models if _is_gone(model, given)]
    limited = bool(given.policy or given.residency)
    shown = [model for model in models if (given.all or model not in gone) and (places[model.id] or not limited)]
    if given.json:
        print_json([_data(model, places[model.id], given) for model in shown])
        return 0
    console = Console(highlight=False)
    table = columns("model", "stage", "ends", f"where, {given.mode}", last_wraps=True)
    for (publisher, task), members in groupby(shown, key=lambda each: (each.publisher, each.task)):
        table.add_row(f"[bold]{publisher}[/], {task}")
        for model in members:
            stage = "retired" if model in gone else model.stage
            table.add_row(f"  {model.id}", stage, _end(model), _summed(known, places[model.id]))
    console.print(table)
    hidden = f"; {len(gone)} retired models are left out (--all)" if gone and not given.all else ""
    console.print(f"\n{len(shown)} models on {given.on}{hidden}", style="dim")
    return 0


def _chosen(known: Catalog, given: argparse.Namespace) -> Iterator[Model]:
    for model in sorted(known.models.values(), key=lambda each: (each.publisher, each.task)):
        if given.publisher in (None, model.publisher) and given.task in (None, model.task):
            yield model


def _served(known: Catalog, models: Iterable[Model], given: argparse.Namespace) -> dict[str, list[str]]:
    """Where each model is claimed to be served."""
    return {
        model.id: [
            place for place in known.locations if known.served(model.id, place, given.mode, given.on).verdict == "yes"
        ]
        for model in models
    }


def _admitted(known: Catalog, given: argparse.Namespace) -> dict[str, list[str]]:
    """Where the policy admits each model."""
    router = Router(policy_of(given, modes=[given.mode]), catalog=known)
    found: dict[str, list[str]] = {model: [] for model in known.models}
    for plan in router.models(mode=given.mode, on=given.on):
        found[plan.model] = [each.location for each in plan.candidates]
    return found


def _is_gone(model: Model, given: argparse.Namespace) -> bool:
    end = model.retirement
    return bool(end and end.on and end.confirmed and end.on <= given.on)


def _end(model: Model) -> str:
    end = model.retirement
    if end is None:
        return ""
    return str(end.on) if end.on else f">={end.not_before}"


def _summed(known: Catalog, places: list[str]) -> str:
    """The locations in a few words: those of some kinds by name, many regions by their number."""
    named = [place for kind in KINDS[:2] for place in places if known.locations[place].kind == kind]
    regions = [place for place in places if known.locations[place].kind == "region"]
    if len(regions) > 3:
        return ", ".join([*named, f"{len(regions)} regions"])
    return ", ".join([*named, *regions]) or "-"


def _data(model: Model, places: list[str], given: argparse.Namespace) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "publisher": model.publisher,
        "family": model.family,
        "task": model.task,
        "aliases": model.aliases,
        "stage": model.stage,
        "retired": _is_gone(model, given),
        "retirement": model.retirement,
        "mode": given.mode,
        "locations": places,
    }
