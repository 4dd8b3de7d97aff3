"""Every cell of the catalog: what the planner, the guard and the naive rule say of it, side by side."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from catalog import Catalog
from catalog.schema import MODES
from router import GuardStop, Policy
from router.guard import Guard
from router.modes import headers_of
from router.planner import Planner
from router.rules import Question
from tests.proof import rule
from tests.proof.rule import Cell

BY_HEADER = ("standard", "priority", "flex", "provisioned", "single_zone_provisioned")
"""The modes that a request asks for by its headers."""


class Asked(NamedTuple):
    """The part of a cell that one policy answers for."""

    residency: str
    assurance: str
    confidence: str


class Counted(NamedTuple):
    """How many cells were compared, how many were admitted, and the differences, each in words."""

    cells: int
    admitted: int
    differences: list[str]


def policies() -> list[Asked]:
    """Every residency, and none, by both assurances; for the named sets by evidence of every confidence."""
    return [
        Asked(residency, assurance, confidence)
        for residency in ("", *rule.JURISDICTIONS)
        for assurance in (("processing", "location") if residency else ("processing",))
        for confidence in (rule.GOOD_ENOUGH if residency in ("", *rule.SETS) else ("medium",))
    ]


def compared(catalog: Catalog, asked: Asked, models: Iterable[str] = tuple(rule.MODELS)) -> Counted:
    """All models, locations, modes, days and sizes, by one policy."""
    policy = _policy(asked)
    planner, guard = Planner(_remembering(catalog), policy), Guard(catalog, policy)
    cells, admitted, differences = 0, 0, []
    for model in models:
        for day in rule.days(model):
            for tokens in rule.sizes(model):
                plan = planner.plan(Question(model, MODES, day, tokens=tokens))
                planned = {(each.candidate.location, each.candidate.mode) for each in plan.allowed}
                for location in rule.LOCATIONS:
                    for mode in rule.MODES:
                        cell = Cell(model, location, mode, *asked, day, tokens)
                        right = rule.admitted(cell)
                        cells, admitted = cells + 1, admitted + right
                        if right != ((location, mode) in planned):
                            differences.append(f"{cell}: by the rule {_word(right)}, by the planner {_word(not right)}")
                        differences += _guarded(guard, catalog, cell, right)
    return Counted(cells, admitted, differences)


def _remembering(catalog: Catalog) -> Catalog:
    """The catalog, which answers the same question once: the words of a refusal ask of every other mode."""
    twin = copy.copy(catalog)
    twin.served = functools.cache(catalog.served)  # type: ignore[method-assign]
    twin.boundary = functools.cache(catalog.boundary)  # type: ignore[method-assign]
    return twin


def _policy(asked: Asked) -> Policy:
    """A policy of which the residency is all that decides."""
    residency: Any = asked.residency or None
    return Policy(
        residency=residency,
        assurance=asked.assurance,  # type: ignore[arg-type]  # cells are plain text
        min_confidence=asked.confidence,  # type: ignore[arg-type]
        modes=MODES,
        preview_models=True,
        data_sharing_models=True,
    )


def _guarded(guard: Guard, catalog: Catalog, cell: Cell, right: bool) -> Iterator[str]:
    """The guard lets out all that is admitted, and nothing of which processing is not known to stay inside."""
    if cell.mode not in BY_HEADER or not cell.residency:
        return
    passes = guard_passes(guard, catalog, cell)
    if right and not passes:
        yield f"{cell}: admitted by the rule, stopped by the guard"
    if passes and not inside(cell):
        yield f"{cell}: outside by the rule, let out by the guard"


def guard_passes(guard: Guard, catalog: Catalog, cell: Cell) -> bool:
    """Whether the guard lets a request of this cell out."""
    model = catalog.models[cell.model]
    path = f"/v1/projects/p/locations/{cell.location}/publishers/{model.publisher}/models/{cell.model}:rawPredict"
    try:
        guard.check(
            scheme="https",
            host=catalog.locations[cell.location].endpoint,
            port=None,
            raw_path=path,
            headers=headers_of(cell.mode),  # type: ignore[arg-type]  # cells are plain text
            model=cell.model,
            on=cell.day,
            tokens=cell.tokens,
        )
    except GuardStop:
        return False
    return True


def inside(cell: Cell) -> bool:
    """The naive rule of where processing (or, by location, the endpoint) is, whatever is served there."""
    within = rule.countries(cell.residency)
    if cell.location == "global":
        return False
    if cell.assurance == "location":
        return rule.countries(rule.LOCATIONS[cell.location]["jurisdiction"]) <= within
    home = rule.stays(cell.model, cell.location, cell.confidence, cell.day, cell.tokens)
    return home is not None and home <= within


def _word(admitted: bool) -> str:
    return "admitted" if admitted else "refused"
