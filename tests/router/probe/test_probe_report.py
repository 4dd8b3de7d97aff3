"""What was found, beside what the catalog claims."""

from __future__ import annotations

import json

import msgspec
import pytest

from catalog import Availability, Catalog
from router import Policy
from router.probe import Drift, Finding, Report, agenda_of, compared
from tests.router.probe.probing import GEMINI, found_at, not_found, quota_exceeded
from tests.world import TODAY, claim, model_at, roomy_catalog


def known() -> Catalog:
    """Claimed at eu, claimed not at us, and nothing is claimed of global."""
    no = Availability(**claim(locations=("us",), modes=("standard",), served="no"))
    model = model_at({"eu": "eu"}, GEMINI)
    return roomy_catalog(msgspec.structs.replace(model, availability=(*model.availability, no)))


def report(*findings: Finding) -> Report:
    agenda = agenda_of(known(), Policy(allow_locations=["eu", "us", "global"]), TODAY)
    return Report(project="p", on=TODAY, agenda=agenda, rows=tuple(compared(known(), findings, TODAY)))


ZERO = quota_exceeded(limit="0")


@pytest.mark.parametrize(
    ("found", "drift"),
    [
        (found_at("eu"), None),
        (found_at("us"), Drift.UNCLAIMED),
        (found_at("global"), Drift.UNCLAIMED),
        (found_at("eu", 404, not_found("eu")), Drift.GONE),
        (found_at("us", 404, not_found("us")), None),
        (found_at("global", 404, not_found("global")), None),
        (found_at("eu", 429, ZERO), Drift.ZERO_QUOTA),
        (found_at("us", 429, ZERO), None),
        (found_at("eu", 503), None),
        (found_at("eu", 403), None),
    ],
)
def test_drift_is_where_evidence_and_claim_part(found: Finding, drift: Drift | None) -> None:
    (row,) = report(found).rows
    assert row.drift == drift
    assert bool(report(found).drifted) == (drift is not None)


def test_what_evidence_does_not_settle_is_told_apart() -> None:
    told = report(found_at("eu", 503), found_at("us"))
    assert [row.finding.pair.location for row in told.unsettled] == ["eu"]
    assert [each.location for each in told.unanswered] == ["global"]
    assert told.counts == {"served": 1, "unknown": 1}


def test_a_model_that_is_found_nowhere_is_named() -> None:
    absent = [found_at(name, 404, not_found(name)) for name in ("eu", "us")]
    assert report(*absent).nowhere == (GEMINI,)
    assert report(*absent, found_at("global")).nowhere == ()
    assert report(absent[0]).nowhere == (), "one location says nothing of the others"


def test_the_report_is_plain_data_too() -> None:
    data = json.loads(json.dumps(msgspec.to_builtins(report(found_at("us"), found_at("eu", 503)).as_dict())))
    assert data["drift"] == [
        {
            "model": GEMINI,
            "location": "us",
            "call": "countTokens",
            "outcome": "served",
            "reason": "answered",
            "signal": "ok",
            "status": 200,
            "calls": 1,
            "claimed": "no",
            "claim_source": "google-locations",
            "drift": "served, not claimed",
        }
    ]
    assert data["unanswered"] == [{"model": GEMINI, "location": "global"}]
    assert (data["project"], data["date"], data["stopped"]) == ("p", "2026-11-21", None)
