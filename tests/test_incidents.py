"""What went wrong for people, and what must be true here. Each test names the public thread."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import httpx
import pytest

import catalog
from router import NoRoute, Policy, RequestNotUnderstood, Router, StreamBroken, Trace, UnroutedClient
from router.batch.summary import Stand, Tally
from router.capacity.breaker import FAULTS_TO_OPEN
from router.guard import Guard
from tests.router.probe.probing import Credentials
from tests.router.support import STACKS
from tests.world import (
    ANSWER,
    ERROR_EVENT,
    EU_REGIONS,
    GEMINI,
    TODAY,
    Backend,
    Clock,
    gemini_url,
    make_router,
    piece,
    sse,
)

CATALOG = catalog.load()
EU = Policy(residency="eu")
STREAM = gemini_url(method="streamGenerateContent?alt=sse")


class Service:
    """A client over a scripted service, and what it saw."""

    def __init__(self, policy: Policy | None = EU, everywhere: Any = None, **script: Any) -> None:
        self.clock = Clock()
        self.traces: list[Trace] = []
        replies = dict.fromkeys(CATALOG.locations, everywhere) if everywhere else {}
        self.backend = Backend(httpx, {**replies, **{name.replace("_", "-"): each for name, each in script.items()}})
        self.router: Router = make_router(policy, clock=self.clock, observe=self.traces.append)
        self.transport = self.router.transport(transport=self.backend.transport)

    def post(self, url: str | None = None, **request: Any) -> httpx.Response:
        with httpx.Client(transport=self.transport) as client:
            return client.post(url or gemini_url(), **(request or {"json": {"contents": []}}))


# Hosts


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
    ],
)
def test_h1_each_location_gets_its_one_host_whatever_the_client_built(location: str, host: str) -> None:
    """BerriAI/litellm#25926, #29571; vercel/ai#14634; mlflow#24868; NousResearch/hermes-agent#72065.

    `eu`, `us` and `global` were put into `{location}-aiplatform.googleapis.com`: an HTML 404.
    """
    service = Service(Policy(caller_location="wall"))
    assert "https://" + location in gemini_url(location)
    service.post(gemini_url(location, "gemini-3.8-flash"))
    assert service.backend.sent == [(host, location)]


@pytest.mark.parametrize("model", sorted(CATALOG.models))
def test_h2_an_eu_policy_never_proposes_global(model: str) -> None:
    """BerriAI/litellm#27293 (2026-05-06): the advised workaround was `global`, not acceptable in the EU."""
    plan = make_router(EU).explain(model)
    assert "global" not in {each.candidate.location for each in plan.allowed}
    assert not any("global" in each.locations for each in plan.alternatives)
    assert not any("global" in each.mend for each in plan.refused)


# Which location serves which model


def test_b1_a_global_only_model_is_said_to_have_no_residency_and_others_are_named() -> None:
    """documenso#3240 (2026-08-18): a hard-coded global-only model; all EU regions answer 404."""
    service = Service()
    with pytest.raises(NoRoute) as refusal:
        service.post(gemini_url("eu", "gemini-3.1-pro-preview"))
    told = str(refusal.value)
    assert "served on global only: no residency is possible" in told
    assert "gemini-3.8-flash in standard mode at eu" in told
    assert service.backend.sent == []


def test_b2_the_location_comes_from_the_models_claims_and_not_from_a_default() -> None:
    """gke-labs/kube-agents#934 (2026-08-25); usestrix/strix#351: the default location lacked the default model."""
    service = Service(Policy())
    service.post(gemini_url("us-central1", "gemini-3.8-flash"))
    assert service.backend.locations == ["global"]


def test_b3_one_client_serves_models_that_live_in_different_places() -> None:
    """pydantic/pydantic-ai#6751 (2026-07-27); google/adk-python#1120; Aider-AI/aider#3684."""
    service = Service()
    for model in (GEMINI, "gemini-3.8-flash", "text-embedding-005"):
        service.post(gemini_url("eu", model, "predict" if "embedding" in model else "generateContent"))
    assert service.backend.locations == ["europe-west1", "eu", "europe-west1"]


def test_b4_only_locations_that_are_claimed_to_serve_the_model_are_candidates() -> None:
    """yym68686/uni-api#106 (2025-04-25): round robin hit a region without the model."""
    service = Service(Policy(attempts=50, deadline_s=600), everywhere=429)
    service.post()
    served = {name for name in CATALOG.locations if CATALOG.served(GEMINI, name, "standard", TODAY).verdict == "yes"}
    assert set(service.backend.locations) == served


@pytest.mark.parametrize(
    ("model", "location", "answered"),
    [
        ("gemini-3.5-flash", "eu", True),
        ("gemini-3.5-flash", "global", True),
        ("gemini-3.5-flash", "europe-west4", False),
        ("gemini-2.5-pro", "eu", False),
        ("gemini-2.5-pro", "global", True),
        ("gemini-2.5-pro", "europe-west4", True),
    ],
)
def test_b7_endpoint_and_boundary_are_kept_apart(model: str, location: str, answered: bool) -> None:
    """MadAppGang/claudish#145: what a live test of 2026-06-17 had answers from, and what gave a 404."""
    verdict = CATALOG.served(model, location, "standard", date(2026, 6, 17)).verdict
    assert verdict == ("yes" if answered else "no")


# Who decides on the location


def test_c1_without_a_policy_the_clients_location_is_a_wall() -> None:
    """aaif-goose/goose#12316 (2026-09-21): is the location a wall or a preference?"""
    service = Service(None, europe_west4=[503, 503])
    service.post(gemini_url("europe-west4"))
    assert set(service.backend.locations) == {"europe-west4"}


def test_c1_with_a_policy_the_destination_can_be_seen_before_it_is_used() -> None:
    """aaif-goose/goose#12316 (2026-09-21)."""
    service = Service()
    (first, *_) = service.router.explain(GEMINI).allowed
    service.post()
    assert service.backend.sent == [(first.host, first.candidate.location)]


def test_c2_an_api_key_without_a_location_is_refused_before_a_byte_leaves() -> None:
    """google-gemini/gemini-cli#27984 (2026-06-17): a key made the SDK ignore the location."""
    service = Service()
    url = "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/gemini-3.8-flash:generateContent"
    with pytest.raises(RequestNotUnderstood, match="express mode"):
        service.post(url, headers={"x-goog-api-key": "k"}, json={})
    assert service.backend.sent == []


def test_c4_nothing_moves_to_global_in_silence() -> None:
    """anthropics/claude-code#51483 (2026-04-21): a picker chose `global` for a European user."""
    for policy in (None, EU):
        service = Service(policy, europe_west1=[429, 429, 429])
        service.post(gemini_url("europe-west1"))
        assert "global" not in service.backend.locations


def test_c5_an_eu_policy_holds_with_no_second_switch() -> None:
    """BerriAI/litellm#6234 (2024-10-15): users tagged `eu` were routed to both."""
    service = Service(Policy(residency="eu", attempts=50, deadline_s=600), everywhere=503)
    for caller in ("global", "us-central1", "eu", "europe-west2", "europe-west6"):
        service.post(gemini_url(caller))
    assert set(service.backend.locations) <= set(EU_REGIONS)


def test_d1_one_line_adds_failover_to_an_existing_client() -> None:
    """googleapis/python-genai#1288 (2025-08-21), js-genai#905. The real clients: tests/clients."""
    backend = Backend(httpx, {"europe-west1": 429})
    with httpx.Client(transport=make_router(EU).transport(transport=backend.transport)) as client:
        assert client.post(gemini_url(), json={}).status_code == 200
    assert backend.locations == ["europe-west1", "europe-west4"]


# Retries and waiting


def test_e1_the_servers_hint_pauses_its_pool_while_the_request_moves_on() -> None:
    """googleapis/python-genai#1875 (2025-12-16): a RetryInfo of 53 s was ignored."""
    hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"}
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "full", "details": [hint]}}
    service = Service(europe_west1=[lambda stack, request: stack.Response(429, json=body)])
    assert service.post().headers["x-vertex-router"] == "europe-west1=429, europe-west4=200"
    assert service.clock.slept == []
    service.clock.now += 52.0
    assert service.post().headers["x-vertex-router"] == "europe-west4=200"
    service.clock.now += 1.0
    assert service.post().headers["x-vertex-router"] == "europe-west1=200"


@pytest.mark.parametrize("start", [429, 503, sse(ERROR_EVENT), b""], ids=str)
def test_e2_a_stream_is_looked_into_before_it_is_handed_over(start: Any) -> None:
    """googleapis/python-genai#2044 (2026-02-09), #2604 (2026-06): streams ignored retries; errors inside a 200."""
    whole = sse(piece("hello", last=True))
    service = Service(europe_west1=start, europe_west4=whole)
    assert service.post(STREAM, json={}).content == whole


def test_e3_amplification_is_bounded_and_a_figure_in_the_trace() -> None:
    """caura#859 (2026-08-21), zeph#5700: four logical attempts became twelve calls."""
    service = Service(Policy(residency="eu", attempts=4), everywhere=503)
    answer = service.post()
    assert answer.headers["x-should-retry"] == "false"
    assert len(service.backend.sent) == len(service.traces[0].tried) == 4


def test_e4_there_is_no_wait_while_another_location_has_capacity() -> None:
    """BerriAI/litellm#42450 (2026-09-22): about five seconds of back-off before a fallback to a free place."""
    service = Service(europe_west1=[429], europe_west4=[429], europe_west8=[503])
    service.post()
    assert service.clock.slept == []


# What counts against a location


def test_f1_the_last_location_is_never_locked_out() -> None:
    """Portkey#1289 (2025-08-19): all in cool-down, and no answer why."""
    service = Service(eu=[503] * (3 * FAULTS_TO_OPEN))
    for _ in range(5):
        answer = service.post(gemini_url("eu", "gemini-3.8-flash"))
    assert answer.status_code == 200


def test_f2_the_callers_own_errors_and_cancellations_count_against_no_location() -> None:
    """BerriAI/litellm#31876, #7823: they cooled the deployment."""

    def cancelled(stack: Any, request: Any) -> Any:
        raise KeyboardInterrupt

    service = Service(europe_west1=[400] * 20 + [cancelled] * 20)
    for _ in range(20):
        assert service.post().status_code == 400
    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            service.post()
    assert service.post().headers["x-vertex-router"] == "europe-west1=200"


# Streams


@pytest.mark.parametrize("url", [gemini_url(), STREAM], ids=["unary", "stream"])
def test_g1_a_storm_of_streams_behaves_as_one_of_unary_calls(url: str) -> None:
    """BerriAI/litellm#22296 (2026-02-27), #29808: the 429 of a deferred stream escaped retry and cool-down.

    With one healthy location of three, no call fails, and the sick ones are left alone.
    """
    sick = sse(ERROR_EVENT) if "stream" in url else 429
    well = sse(piece("hello", last=True)) if "stream" in url else 200
    three = Policy(residency="eu", allow_locations=EU_REGIONS[:3])
    service = Service(three, europe_west1=sick, europe_west4=sick, europe_west8=well)
    assert all(service.post(url, json={}).status_code == 200 for _ in range(60))
    assert len(service.backend.sent) <= 62


def test_g2_a_broken_stream_is_an_error_and_never_continued_in_secret() -> None:
    """BerriAI/litellm#27967, #31067: a hidden continuation prompt corrupted tool calls."""
    service = Service(europe_west1=sse(piece("half an "), piece("answer")))
    with pytest.raises(StreamBroken) as broken:
        service.post(STREAM, json={"contents": ["a question"]})
    assert broken.value.text == "half an answer"
    assert [request.content for request in service.backend.requests] == [b'{"contents":["a question"]}']


# Batches


@pytest.mark.parametrize("reply", [400, 403, 429, 503, b"<html>"], ids=str)
def test_m1_one_dead_row_never_kills_the_job(reply: Any) -> None:
    """googleapis/python-genai#336 (7 rows of 12,000: 503); ray-project/ray#59194; googleapis/python-aiplatform#4485."""
    stack = STACKS[-1]

    def dead(request: Any) -> Any:
        if b'"prompt 7"' not in request.content:
            return stack.Response(200, json=ANSWER)
        return stack.Response(200, content=reply) if isinstance(reply, bytes) else stack.Response(reply, json={})

    router = make_router(EU)
    transport = stack.MockTransport(dead)
    rows = [f"prompt {row}" for row in range(1, 201)]
    given = {"project": "p", "model": GEMINI, "credentials": Credentials(), "options": {"transport": transport}}
    summary = router.batch(rows, **given).run()
    assert (summary.stopped, summary.done, summary.states["ok"], summary.failed) == ("", 200, 199, 1)


def test_m2_rate_eta_and_the_state_of_every_location_can_be_seen_at_any_time() -> None:
    """googleapis/js-genai#1453 (2026-03-30): pending for more than 24 hours without a word."""
    seen: list[tuple[int, float, float | None, dict[str, Stand]]] = []

    def progress(tally: Tally) -> None:
        seen.append((tally.summary.done, sum(tally.rates().values()), tally.eta_s(), dict(tally.standing)))

    stack = STACKS[-1]
    backend = Backend(stack, {"europe-west1": 429})
    router = make_router(EU)
    given = {"project": "p", "model": GEMINI, "credentials": Credentials(), "options": {"transport": backend.transport}}
    router.batch([f"prompt {row}" for row in range(1, 101)], progress=progress, **given).run()
    done, rate, eta_s, standing = seen[-1]
    assert (done, eta_s) == (100, 0.0)
    assert rate > 0
    assert set(standing) == set(EU_REGIONS)
    assert standing["europe-west1"].closed
    assert "429" in standing["europe-west1"].text


# Clients

EU_URL = "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu"
"""With the wrong host that clients are known to build."""


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (gemini_url("eu", "gemini-3.8-flash", "countTokens"), {"contents": []}),
        (gemini_url("eu", "gemini-3.8-flash", "streamGenerateContent?alt=sse"), {"contents": []}),
        (gemini_url("europe-west1", "text-embedding-005", "predict"), {"instances": []}),
        (
            f"{EU_URL}/publishers/anthropic/models/count-tokens:rawPredict",
            {"model": "claude-opus-4-7", "messages": []},
        ),
        (
            f"{EU_URL}/endpoints/openapi/chat/completions",
            {"model": "google/gemini-3.8-flash", "messages": []},
        ),
    ],
    ids=["countTokens", "stream", "embeddings", "claude-count-tokens", "openai"],
)
def test_h3_every_kind_of_call_goes_by_the_same_address_and_guard(
    url: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BerriAI/litellm#29571, #35134 (2026): caching, batch and token counting had host code of their own."""
    passed: list[str] = []
    check = Guard.check
    monkeypatch.setattr(Guard, "check", lambda self, **given: (passed.append(given["host"]), check(self, **given)))
    service = Service()
    whole = sse(piece("hello", last=True))
    service.backend.script = dict.fromkeys(CATALOG.locations, whole if "stream" in url else 200)
    service.post(url, json=body)
    ((host, location),) = service.backend.sent
    assert host == CATALOG.locations[location].host
    assert passed == [host]


def test_h4_a_call_is_told_an_endpoint_and_a_parent_that_reach_eu() -> None:
    """googleapis/python-aiplatform#6822 (2026-05-21). The real gRPC client: tests/clients/test_aiplatform.py."""
    to = make_router(EU).call(lambda to: to, model="gemini-3.8-flash", project="p")
    assert (to.api_endpoint, to.parent) == ("aiplatform.eu.rep.googleapis.com", "projects/p/locations/eu")
    assert to.model_name == "projects/p/locations/eu/publishers/google/models/gemini-3.8-flash"


def test_c3_a_setting_without_effect_is_found_out_and_the_trace_shows_the_location_used() -> None:
    """thingsboard#15705 (2026-05-28), n8n#36584 (2026-08-19): a location was accepted, stored, and had no effect."""
    service = Service()
    with httpx.Client(headers={"x-location": "eu"}) as without, pytest.raises(UnroutedClient, match="past the router"):
        service.router.verify(without)
    with httpx.Client(transport=service.transport) as routed:
        assert service.router.verify(routed) == ("sync",)
        routed.post(gemini_url("us-central1"), json={})
    assert service.traces[0].location == service.backend.locations[0] == "europe-west1"


def test_k1_nothing_that_a_program_did_not_choose_is_imported() -> None:
    """BerriAI/litellm#2677, #6175, googleapis/python-genai#516: seconds to import. See also tests/test_import.py."""
    code = "import sys; from router import Policy, Router; Router(Policy(residency='eu')); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    clients = {"httpx", "httpx2", "requests", "aiohttp", "grpc", "anthropic", "openai", "litellm", "websockets"}
    assert not clients & set(done.stdout.split())
    assert "google.genai" not in done.stdout.split()
