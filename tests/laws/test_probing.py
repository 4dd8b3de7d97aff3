"""What must hold for a probe under every policy."""

from __future__ import annotations

from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from router import GoogleAuth, Policy
from router.probe import Record, Survey, agenda_of, call_for, source_of
from router.probe.calls import Call
from router.stack import installed
from tests.laws.strategies import CATALOG, policies, replies
from tests.laws.test_failover import as_response, eligible
from tests.router.probe.probing import Credentials, Heard, PatientClock
from tests.world import TODAY, location_in

MODELS = sorted(name for name, model in CATALOG.models.items() if isinstance(call_for(model, "claude-opus-4-7"), Call))


@given(policies(), st.lists(st.sampled_from(MODELS), min_size=1, max_size=2), st.lists(replies, min_size=1, max_size=9))
@settings(max_examples=60)
def test_no_call_of_a_probe_leaves_the_policy_and_no_claim_of_it_is_about_a_border(
    policy: Policy, models: list[str], day: list[Any]
) -> None:
    sent: list[tuple[str, str]] = []

    def service(request: Any) -> Any:
        sent.append((request.url.host, location_in(str(request.url))))
        return as_response(installed(), day[len(sent) % len(day)])

    clock = PatientClock()
    agenda = agenda_of(CATALOG, policy, TODAY, models, spend=True)
    survey = Survey(
        agenda,
        "p",
        Heard(),
        auth=GoogleAuth(Credentials()),
        clock=clock,
        sleep=clock.async_sleep,
        options={"transport": installed().MockTransport(service)},
    )
    anyio.run(survey.run)
    allowed = set[str]().union(*(eligible(policy, model, TODAY) for model in models))
    for host, location in sent:
        assert location in allowed
        assert host == CATALOG.locations[location].host
        assert location not in policy.deny_locations
        assert CATALOG.locations[location].kind in policy.kinds
        assert policy.allow_locations is None or location in policy.allow_locations
    assert bool(sent) == bool(agenda.pairs)
    assert len(survey.findings) == len(agenda.pairs) or survey.stopped
    assert "[[processing]]" not in Record().joined(source_of("p", TODAY), survey.findings).text()
