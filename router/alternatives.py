"""What else a policy admits when a plan is empty or exhausted, so that its reader is not left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import islice

import msgspec

from catalog.query import Catalog
from catalog.schema import MODES, Mode
from router.plan import Alternative, Plan
from router.planner import Planner
from router.policy import Policy
from router.rules import Question

_MOST = 6
_NEEDS: dict[Mode, str] = {
    "provisioned": "needs a reservation",
    "single_zone_provisioned": "needs a single-zone reservation",
    "batch": "as a batch job",
}


def with_alternatives(plan: Plan, question: Question, catalog: Catalog, policy: Policy) -> Plan:
    """The plan, and what else the same residency admits: this model in other modes, then models like it."""
    found = (*_other_modes(plan, question, catalog, policy), *_other_models(question, catalog, policy))
    return msgspec.structs.replace(plan, alternatives=tuple(islice(found, _MOST)))


def _other_modes(plan: Plan, question: Question, catalog: Catalog, policy: Policy) -> Iterator[Alternative]:
    for mode in MODES:
        if mode not in question.modes:
            planner = Planner(catalog, replace(policy, modes=(mode,)))
            if places := _places(planner.plan(question._replace(modes=(mode,)))):
                why = _NEEDS.get(mode, f"asked for by {mode} headers")
                yield Alternative(model=plan.model, mode=mode, locations=places, why=why)


def _other_models(question: Question, catalog: Catalog, policy: Policy) -> Iterator[Alternative]:
    """Models for the same task: the nearest family first, within it the newest."""
    asked = catalog.model(question.model)
    alike = [each for each in catalog.models.values() if each.task == asked.task and each is not asked]
    alike.sort(key=lambda each: each.released or date.min, reverse=True)
    alike.sort(key=lambda each: (each.family != asked.family, each.publisher != asked.publisher))
    planner = Planner(catalog, policy)
    for model in alike:
        plan = planner.plan(question._replace(model=model.id, method="", pins=frozenset(), counted=""))
        if not plan.warnings and (places := _places(plan)):
            why = "of the same family" if model.family == asked.family else f"another model for {asked.task}"
            yield Alternative(model=model.id, mode=plan.allowed[0].candidate.mode, locations=places, why=why)


def _places(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.candidate.location for each in plan.allowed))
