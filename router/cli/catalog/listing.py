"""`vertex-router catalog list`: the models, or those that a policy admits."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from catalog import Catalog, Model
from catalog.errors import nearest
from catalog.schema import KINDS, MODES, Mode
from router.cli.options import OptionError, add_json, add_on, add_overlay, add_policy, catalog_of, count, policy_of
from router.cli.output import Grid, Screen, counted, print_json
from router.policy import Policy

NOTHING_ADMITTED = 3
_FEW = 3


class Place(NamedTuple):
    """A location of a model, the age of the evidence for it, and whether any of that is the project's own."""

    location: str
    age_days: int | None
    own: bool


Places = Mapping[str, Sequence[Place]]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "list",
        help="the models, or those that a policy admits",
        description="Lists the models of the catalog; with a policy, those that it admits somewhere, and where. "
        "Without --all, models that are gone are left out. `>=` marks a day before which a model is not retired, "
        "`passed` an announced retirement that nobody has confirmed. Exit code 3 when a policy admits no model.",
    )
    parser.add_argument("--publisher", help="only models of this publisher, e.g. google")
    parser.add_argument("--task", help="only models for this task, e.g. text, embedding, image")
    parser.add_argument(
        "--mode", choices=MODES, help="how capacity is bought (default: the modes of the policy; else standard)"
    )
    parser.add_argument(
        "--tokens", type=count, metavar="N", help="with a policy, the size of a request's context (default: any)"
    )
    parser.add_argument("--all", action="store_true", help="models that are gone, too")
    add_policy(parser)
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the models; 3 when a policy was given and admits none."""
    known = catalog_of(given)
    models = list(_chosen(known, given))
    policy = policy_of(given, **({"modes": [given.mode]} if given.mode else {})) if _limited(given) else None
    modes = (given.mode,) if given.mode else tuple(policy.modes) if policy else ("standard",)
    places = _admitted(known, policy, given) if policy else _served(known, models, given.mode or "standard", given.on)
    kept = [model for model in models if given.all or not _is_gone(model, given.on)]
    shown = [model for model in kept if places.get(model.id) or not policy]
    if given.json:
        print_json(
            {
                "date": given.on,
                "modes": modes,
                "policy": policy.as_dict() if policy else None,
                "models": [_data(known, model, places.get(model.id, ()), given.on) for model in shown],
            }
        )
    else:
        _show(known, shown, places, f"where, {' or '.join(modes)}", given)
        hidden = len(models) - len(kept) if not policy else 0
        _sum_up(len(shown), hidden, policy, given)
    return NOTHING_ADMITTED if policy and not shown else 0


def _limited(given: argparse.Namespace) -> bool:
    return bool(given.policy or given.residency)


def _chosen(known: Catalog, given: argparse.Namespace) -> Iterator[Model]:
    for field in ("publisher", "task"):
        wanted, there = getattr(given, field), {getattr(each, field) for each in known.models.values()}
        if wanted is not None and wanted not in there:
            close = nearest(wanted, there) or sorted(there)
            raise OptionError(f"no model has the {field} {wanted!r}; nearest: {', '.join(close)}")
    for model in sorted(known.models.values(), key=lambda each: (each.publisher, each.task)):
        if given.publisher in (None, model.publisher) and given.task in (None, model.task):
            yield model


def _served(known: Catalog, models: Sequence[Model], mode: Mode, on: date) -> Places:
    """Where each model is claimed to be served."""
    found: dict[str, list[Place]] = {}
    for model in models:
        answers = ((place, known.served(model.id, place, mode, on)) for place in known.locations)
        found[model.id] = [Place(place, each.age_days, each.own) for place, each in answers if each.verdict == "yes"]
    return found


def _admitted(known: Catalog, policy: Policy, given: argparse.Namespace) -> Places:
    """Where the policy admits each model, best first."""
    from router.router import Router  # noqa: PLC0415 - no other command of the catalog needs one

    plans = Router(policy, catalog=known).models(mode=given.mode, tokens=given.tokens, on=given.on)
    return {
        plan.model: [Place(each.candidate.location, each.age_days, each.own) for each in plan.allowed] for plan in plans
    }


def _is_gone(model: Model, on: date) -> bool:
    return bool(model.retirement and model.retirement.done(on))


def _show(known: Catalog, models: Sequence[Model], places: Places, where: str, given: argparse.Namespace) -> None:
    grid = Grid("model", "stage", "ends", where)
    for (publisher, task), members in groupby(models, key=lambda each: (each.publisher, each.task)):
        grid.title(f"{publisher}, {task}")
        for model in members:
            stage = "retired" if _is_gone(model, given.on) else model.stage
            grid.add(f"  {model.id}", stage, _end(model, given.on), _summed(known, places.get(model.id, ())))
    if models:
        Screen().grid(grid)


def _sum_up(shown: int, hidden: int, policy: Policy | None, given: argparse.Namespace) -> None:
    screen = Screen()
    under = f" under {policy.summary}" if policy else "; `-`: not known to be served anywhere this way"
    screen.line()
    screen.text(f"{counted(shown, 'model')} on {given.on}{under}", style="dim")
    if hidden:
        screen.text(f"{counted(hidden, 'retired model')} left out (--all)", style="dim")
    if policy and not shown:
        screen.text(
            "`vertex-router explain MODEL` says of a model why not, and what else there is; --mode asks for "
            "another way of buying capacity"
        )


def _end(model: Model, on: date) -> str:
    end = model.retirement
    if end is None:
        return ""
    if end.on is None:
        return f">={end.not_before}" if end.not_before else ""
    return f"{end.on} passed" if end.passed(on) and not end.done(on) else str(end.on)


def _summed(known: Catalog, places: Sequence[Place]) -> str:
    """The locations in a few words: those of some kinds by name, many regions by their number."""
    names = _names(places)
    named = [name for name in names if known.locations[name].kind in KINDS[:2]]
    regions = [name for name in names if known.locations[name].kind == "region"]
    if len(regions) > _FEW:
        regions = [f"{len(regions)} regions"]
    own = " (own source)" if any(place.own for place in places) else ""
    return f"{', '.join([*named, *regions]) or '-'}{own}"


def _names(places: Sequence[Place]) -> list[str]:
    """Each location once, in its order."""
    return list(dict.fromkeys(place.location for place in places))


def _data(known: Catalog, model: Model, places: Sequence[Place], on: date) -> dict[str, Any]:
    warning = known.warning(model.id, on)
    ages = [place.age_days for place in places if place.age_days is not None]
    return {
        "id": model.id,
        "name": model.name,
        "publisher": model.publisher,
        "family": model.family,
        "task": model.task,
        "aliases": model.aliases,
        "stage": model.stage,
        "retired": _is_gone(model, on),
        "retirement": model.retirement,
        "warnings": [warning] if warning else [],
        "locations": _names(places),
        "evidence_age_days": max(ages, default=None),
        "own_source": any(place.own for place in places),
    }
