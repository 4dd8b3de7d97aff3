"""The routed transport behind clients of both stacks, sync and async, over a scripted service."""

from __future__ import annotations

import copy
import gc
import gzip
import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing
from types import ModuleType
from typing import Any, NamedTuple

import anyio
import httpx
import pytest

from router import (
    Exhausted,
    GuardStop,
    NoRoute,
    PinnedLocation,
    Policy,
    RequestNotUnderstood,
    Router,
    RouterError,
    StreamBroken,
    trace_of,
)
from router.plan import Pool
from tests.world import (
    ANSWER,
    ERROR_EVENT,
    EU_REGIONS,
    GEMINI,
    Backend,
    Clock,
    error_body,
    gemini_url,
    make_router,
    piece,
    sse,
)

STACKS: list[ModuleType] = [httpx]
try:
    import httpx2

    STACKS.append(httpx2)
except ModuleNotFoundError:  # the environment of the older SDKs has one stack
    pass

EU = Policy(residency="eu")


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes
    response: Any

    @property
    def way(self) -> str:
        return str(self.headers["x-vertex-router"])


class Caller:
    """A client of one stack and colour over a scripted service."""

    def __init__(self, stack: ModuleType, colour: str) -> None:
        self.stack = stack
        self.colour = colour
        self.clock = Clock()

    def __call__(
        self,
        backend: Backend,
        policy: Policy | None = EU,
        url: str | None = None,
        *,
        method: str = "POST",
        router: Router | None = None,
        **request: Any,
    ) -> Answer:
        router = router or make_router(policy, clock=self.clock)
        transport = router.transport(transport=backend.transport)
        request = request or {"json": {"contents": []}}
        target = url or gemini_url()
        if self.colour == "sync":
            with self.stack.Client(transport=transport) as client, client.stream(method, target, **request) as got:
                return Answer(got.status_code, got.headers, got.read(), got)
        return anyio.run(self._async, transport, method, target, request)

    async def _async(self, transport: Any, method: str, url: str, request: dict[str, Any]) -> Answer:
        if "content" in request and not isinstance(request["content"], bytes):
            request = {**request, "content": _as_async(request["content"])}
        async with (
            self.stack.AsyncClient(transport=transport) as client,
            client.stream(method, url, **request) as got,
        ):
            return Answer(got.status_code, got.headers, await got.aread(), got)


async def _as_async(chunks: Iterator[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


@pytest.fixture(params=STACKS, ids=lambda stack: stack.__name__)
def stack(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, stack: ModuleType) -> Caller:
    return Caller(stack, request.param)


STREAM = gemini_url(method="streamGenerateContent?alt=sse")
WHOLE = sse(piece("one "), piece("two"), piece("", last=True))
CUT = sse(piece("one "), piece("two"))


# Where requests go


def test_it_fails_over_inside_the_policy(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 429, "europe-west4": 503})
    answer = call(backend)
    assert (answer.status, json.loads(answer.body)) == (200, ANSWER)
    assert answer.way == "europe-west1=429, europe-west4=503, europe-west8=200"
    assert backend.sent == [(f"{each}-aiplatform.googleapis.com", each) for each in EU_REGIONS[:3]]


def test_every_location_gets_its_canonical_host_whatever_the_client_built(call: Caller) -> None:
    """litellm#25926, vercel/ai#14634: `eu` was put into eu-aiplatform.googleapis.com."""
    backend = Backend(call.stack)
    call(backend, url=gemini_url("eu", "gemini-3.8-flash"))
    assert backend.sent == [("aiplatform.eu.rep.googleapis.com", "eu")]


def test_host_header_and_address_agree(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 429})
    call(backend)
    assert [each.headers["host"] for each in backend.requests] == [each.url.host for each in backend.requests]
    assert [each.headers.get_list("host") for each in backend.requests] == [[host] for host, _ in backend.sent]


def test_the_path_keeps_its_escapes_and_its_query(call: Caller) -> None:
    backend = Backend(call.stack)
    url = (
        "https://europe-west1-aiplatform.googleapis.com/v1beta1/projects/example.com:p/locations/europe-west1"
        "/publishers/anthropic/models/claude-opus-4-5%4020251101:rawPredict?beta=true&x=%2F"
    )
    call(backend, url=url)
    assert backend.requests[0].url.raw_path.decode() == url.partition("googleapis.com")[2]


def test_the_body_is_the_same_in_every_attempt(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 429, "europe-west4": 503})
    body = b'{"contents": "' + b"x" * 100_000 + b'"}'
    call(backend, content=body)
    assert [each.content for each in backend.requests] == [body] * 3
    assert {each.headers["content-length"] for each in backend.requests} == {str(len(body))}


def test_a_body_that_can_be_read_once_is_sent_once(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 429})
    policy = Policy(residency="eu", allow_features="unread-body")
    answer = call(backend, policy, content=iter([b'{"contents"', b": []}"]))
    assert answer.status == 429
    assert answer.way == "europe-west1=429"
    assert backend.requests[0].read() if call.colour == "sync" else True


def test_headers_travel_but_for_the_host(call: Caller) -> None:
    backend = Backend(call.stack)
    headers = {"authorization": "Bearer t", "x-goog-user-project": "q", "x-allowed-locations": "0x0"}
    call(backend, headers=headers, json={})
    assert headers.items() <= dict(backend.requests[0].headers).items()


def test_a_header_that_repeats_the_clients_location_does_not_travel(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 429})
    call(backend, headers={"x-goog-request-params": "model=projects%2Fp%2Flocations%2Feurope-west1%2Fm"}, json={})
    assert [location for _, location in backend.sent] == list(EU_REGIONS[:2])
    assert all("x-goog-request-params" not in request.headers for request in backend.requests)


def test_an_inner_timeout_is_the_shortest_of_the_clients_the_policys_and_what_is_left(call: Caller) -> None:
    backend = Backend(call.stack)
    policy = Policy(residency="eu", deadline_s=50, attempt_timeout_s=20, connect_timeout_s=3)
    call(backend, policy, json={}, timeout=call.stack.Timeout(None, read=7.0))
    assert backend.requests[0].extensions["timeout"] == {"connect": 3.0, "read": 7.0, "write": 20.0, "pool": 20.0}


def test_without_a_policy_the_callers_location_stays(call: Caller) -> None:
    """anthropics/claude-code#51483: a European user was moved to `global` in silence."""
    backend = Backend(call.stack, {"europe-west4": [429, 429]})
    answer = call(backend, None, gemini_url("europe-west4"))
    assert answer.way == "europe-west4=429, europe-west4=429, europe-west4=200"


def test_a_residency_needs_no_second_switch(call: Caller) -> None:
    """litellm#6234: users tagged `eu` were routed to both."""
    backend = Backend(call.stack, dict.fromkeys(EU_REGIONS, 429))
    assert call(backend).status == 429
    assert set(backend.locations) <= set(EU_REGIONS)


# What is refused


def test_nothing_is_sent_where_nothing_is_eligible(call: Caller) -> None:
    backend = Backend(call.stack)
    with pytest.raises(NoRoute) as refusal:
        call(backend, url=gemini_url("global", "gemini-3.1-pro-preview"))
    assert backend.sent == []
    assert {each.location for each in refusal.value.plan.refused} == set(make_router(EU).catalog.locations)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m:generateContent?key=k", "express mode"),
        ("https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", "not a Vertex AI host"),
        ("https://api.openai.com/v1/chat/completions", "not a Vertex AI host"),
        (
            "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/x/..:predict",
            "none of the known",
        ),
        (gemini_url("nowhere-1"), "not a location"),
        (gemini_url("eu", "gemini-9-ultra"), "unknown model"),
        (gemini_url("eu", "claude-opus-4-7"), "a model of anthropic"),
    ],
)
def test_what_is_not_understood_is_refused_under_a_residency(call: Caller, url: str, word: str) -> None:
    """gemini-cli#27984: an API key made the SDK use the global host."""
    backend = Backend(call.stack)
    with pytest.raises(RequestNotUnderstood, match=word):
        call(backend, url=url)
    assert backend.sent == []


def test_no_key_of_a_refused_request_is_told(call: Caller) -> None:
    url = "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m:generateContent?key=very-secret"
    with pytest.raises(RequestNotUnderstood) as refusal:
        call(Backend(call.stack), url=url)
    assert "very-secret" not in str(refusal.value)


def test_without_a_residency_what_is_not_understood_is_sent_on_unchanged(call: Caller) -> None:
    backend = Backend(call.stack)
    answer = call(backend, Policy(), "https://example.com/v1/x%2Fy?z=1", method="GET", headers={"a": "b"})
    (sent,) = backend.requests
    assert (sent.method, str(sent.url), sent.headers["a"]) == ("GET", "https://example.com/v1/x%2Fy?z=1", "b")
    assert answer.status == 200
    assert "x-vertex-router" not in answer.headers


def test_a_location_that_is_not_catalogued_reaches_no_host_under_any_policy(call: Caller) -> None:
    backend = Backend(call.stack)
    with pytest.raises(RequestNotUnderstood, match="not a location"):
        call(backend, Policy(), gemini_url("evil-1"))
    assert backend.sent == []


def test_the_guard_stops_what_a_broken_planner_lets_through(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    router = make_router(EU)
    anywhere = make_router(Policy()).explain(GEMINI)
    monkeypatch.setattr(type(router._core.decisions.planner), "plan", lambda self, question: anywhere)
    backend = Backend(call.stack)
    with pytest.raises(GuardStop):
        call(backend, router=router)
    assert backend.sent == []


def test_a_request_bound_to_a_location_stays_there(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west8": [429]})
    body = {"contents": [], "cachedContent": "projects/p/locations/europe-west8/cachedContents/1"}
    policy = Policy(residency="eu", allow_features="explicit-caching")
    assert call(backend, policy, json=body).way == "europe-west8=429, europe-west8=200"
    outside = {**body, "cachedContent": "projects/p/locations/us-central1/cachedContents/1"}
    with pytest.raises(PinnedLocation, match="binds it to us-central1") as refusal:
        call(backend, policy, json=outside)
    assert (refusal.value.resource, refusal.value.location) == (outside["cachedContent"], "us-central1")
    assert backend.locations == ["europe-west8", "europe-west8"]


# How it ends


def test_the_last_refusal_is_handed_over_and_ends_the_clients_own_retries(call: Caller) -> None:
    """caura#859: four logical attempts became twelve calls."""
    backend = Backend(call.stack, dict.fromkeys(EU_REGIONS, 429))
    four = Policy(residency="eu", attempts=4)
    answer = call(backend, four)
    assert (answer.status, json.loads(answer.body)) == (429, error_body(429))
    assert answer.headers["x-should-retry"] == "false"
    assert len(backend.sent) == four.attempts
    assert answer.response.extensions["vertex_router"].outcome == "attempts"


def test_an_exhausted_plan_tells_what_else_the_policy_admits(call: Caller) -> None:
    backend = Backend(call.stack, {"eu": 429})
    trace = trace_of(call(backend, url=gemini_url("eu", "gemini-3.5-flash")).response)
    assert trace is not None
    advice = "\n".join(trace.advice)
    assert "gemini-3.5-flash in provisioned mode at eu, europe-west3" in advice
    assert "gemini-3.8-flash in standard mode at eu" in advice
    assert "global" not in advice


def test_a_success_leaves_the_clients_retries_alone(call: Caller) -> None:
    assert "x-should-retry" not in call(Backend(call.stack)).headers


def test_the_callers_own_error_is_final_and_unchanged(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 400})
    answer = call(backend)
    assert (answer.status, json.loads(answer.body)) == (400, error_body(400))
    assert len(backend.sent) == 1


def test_a_network_that_fails_everywhere_is_both_ours_and_the_stacks_error(call: Caller) -> None:
    backend = Backend(call.stack, dict.fromkeys(EU_REGIONS, "ConnectError"))
    with pytest.raises(Exhausted) as failure:
        call(backend)
    assert isinstance(failure.value, call.stack.ConnectError)
    assert failure.value.trace.header() == "europe-west1=connect, europe-west4=connect, europe-west8=connect"
    assert isinstance(failure.value.__cause__, call.stack.ConnectError)


def test_a_reset_connection_is_a_failed_attempt(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": "RemoteProtocolError", "europe-west4": "ReadTimeout"})
    assert call(backend).way == "europe-west1=reset, europe-west4=timeout, europe-west8=200"


def test_an_error_that_is_no_network_error_passes_as_it_is(call: Caller) -> None:
    def broken(stack: ModuleType, request: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(Backend(call.stack, {"europe-west1": broken}))


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO], ids=["unheard", "logged"])
def test_a_redirect_is_not_followed(call: Caller, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """By the transport itself, and by the stack's client, which sends where its log is read."""
    caplog.set_level(level, call.stack.__name__)

    def elsewhere(stack: ModuleType, request: Any) -> Any:
        return stack.Response(307, headers={"location": "https://evil.example/"})

    backend = Backend(call.stack, dict.fromkeys(EU_REGIONS, elsewhere))
    answer = call(backend)
    assert answer.status == 307
    assert "location" not in answer.headers
    assert {host for host, _ in backend.sent} == {f"{each}-aiplatform.googleapis.com" for each in EU_REGIONS}


def test_a_compressed_answer_arrives_readable(call: Caller) -> None:
    def packed(stack: ModuleType, request: Any) -> Any:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return stack.Response(200, headers=headers, content=gzip.compress(json.dumps(ANSWER).encode()))

    answer = call(Backend(call.stack, {"europe-west1": packed}))
    assert json.loads(answer.body) == ANSWER
    assert "content-encoding" not in answer.headers


def test_with_one_location_it_waits_its_turn(call: Caller) -> None:
    backend = Backend(call.stack, {"eu": [429, 429]})
    answer = call(backend, url=gemini_url("eu", "gemini-3.8-flash"))
    assert answer.way == "eu=429, eu=429, eu=200"
    assert call.clock.slept == [1.0, 2.0]


def test_a_token_of_the_client_is_not_renewed_by_us(call: Caller) -> None:
    backend = Backend(call.stack, {"europe-west1": 401})
    assert call(backend).status == 401
    assert len(backend.sent) == 1


# Streams


def test_a_stream_arrives_byte_for_byte(call: Caller) -> None:
    assert call(Backend(call.stack, {"europe-west1": WHOLE}), url=STREAM).body == WHOLE


@pytest.mark.parametrize("bad", [429, 503, sse(ERROR_EVENT), b"", sse("")], ids=str)
def test_a_stream_fails_over_until_its_first_content(call: Caller, bad: Any) -> None:
    """python-genai#2044, #2604; litellm#22296: streams escaped retries, errors came inside a 200."""
    backend = Backend(call.stack, {"europe-west1": bad, "europe-west4": bad, "europe-west8": WHOLE})
    answer = call(backend, url=STREAM)
    assert answer.body == WHOLE
    assert backend.locations == list(EU_REGIONS[:3])


@pytest.mark.parametrize(
    ("stream", "reason"),
    [(CUT, "ended early"), (CUT + sse(ERROR_EVENT), "Resource exhausted")],
    ids=["cut", "error event"],
)
def test_after_the_first_content_a_broken_stream_is_a_typed_error_that_keeps_what_came(
    call: Caller, stream: bytes, reason: str
) -> None:
    """litellm#27967: a hidden continuation after a broken stream corrupted tool calls."""
    backend = Backend(call.stack, {"europe-west1": stream})
    with pytest.raises(StreamBroken, match=reason) as broken:
        call(backend, url=STREAM)
    assert broken.value.text == "one two"
    assert broken.value.received == CUT
    assert isinstance(broken.value, call.stack.RemoteProtocolError)
    assert broken.value.trace.outcome == "broken"
    assert len(backend.sent) == 1


def test_an_error_event_that_no_location_betters_reaches_the_client_as_an_error_response(call: Caller) -> None:
    backend = Backend(call.stack, dict.fromkeys(EU_REGIONS, sse(ERROR_EVENT)))
    answer = call(backend, url=STREAM)
    assert (answer.status, json.loads(answer.body)) == (429, json.loads(ERROR_EVENT))
    assert answer.headers["content-type"] == "application/json"


def test_an_array_stream_is_looked_into_as_well(call: Caller) -> None:
    def array(body: bytes) -> Callable[[ModuleType, Any], Any]:
        return lambda stack, request: stack.Response(200, headers={"content-type": "application/json"}, content=body)

    good = f"[{piece('one')}\n,\r\n{piece('two', last=True)}\n]".encode()
    backend = Backend(call.stack, {"europe-west1": array(f"[{ERROR_EVENT}]".encode()), "europe-west4": array(good)})
    answer = call(backend, url=gemini_url(method="streamGenerateContent"))
    assert answer.body == good
    assert answer.way == "europe-west1=429-in-stream, europe-west4=200"


def test_leaving_a_stream_early_closes_it_and_blames_no_one(stack: ModuleType) -> None:
    closed = threading.Event()

    class Endless(stack.SyncByteStream):  # type: ignore[name-defined]
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield sse(piece("x"))

        def close(self) -> None:
            closed.set()

    def endless(of: ModuleType, request: Any) -> Any:
        return of.Response(200, headers={"content-type": "text/event-stream"}, stream=Endless())

    router = make_router(EU)
    backend = Backend(stack, {"europe-west1": endless})
    with (
        stack.Client(transport=router.transport(transport=backend.transport)) as client,
        client.stream("POST", STREAM, json={}) as response,
    ):
        next(response.iter_bytes())
    assert closed.is_set()
    (state,) = router._core.health.states([Pool("p", GEMINI, "europe-west1", "standard")], 1000.0)
    assert (state.closed_s, state.why) == (0.0, "")


# Under trio, httpx leaves generators of its own behind; httpx2 does not.
@pytest.mark.parametrize(
    ("stack", "loop"), [*((each, "asyncio") for each in STACKS), *((each, "trio") for each in STACKS[1:])]
)
def test_an_async_stream_that_is_left_early_leaves_nothing_behind(stack: ModuleType, loop: str) -> None:
    async def leave() -> None:
        backend = Backend(stack, {"europe-west1": WHOLE})
        transport = make_router(EU).transport(transport=backend.transport)
        async with (
            stack.AsyncClient(transport=transport) as client,
            client.stream("POST", STREAM, json={}) as response,
            aclosing(response.aiter_bytes()) as chunks,
        ):
            assert await anext(chunks)
        gc.collect()

    anyio.run(leave, backend=loop)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_request_leaves_no_trace_and_the_client_goes_on(stack: ModuleType, loop: str) -> None:
    router = make_router(EU)
    arrived = 0

    async def cancel_then_go_on() -> str:
        began = anyio.Event()

        async def answer(request: Any) -> Any:
            nonlocal arrived
            arrived += 1
            if arrived == 1:
                began.set()
                await anyio.sleep_forever()
            return stack.Response(200, json=ANSWER)

        transport = router.transport(transport=stack.MockTransport(answer))
        async with stack.AsyncClient(transport=transport) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.post(gemini_url(), json={}))
                await began.wait()
                tasks.cancel_scope.cancel()
            return str((await client.post(gemini_url(), json={})).headers["x-vertex-router"])

    assert anyio.run(cancel_then_go_on, backend=loop) == "europe-west1=200"
    (state,) = router._core.health.states([Pool("p", GEMINI, "europe-west1", "standard")], 1000.0)
    assert (state.closed_s, state.why) == (0.0, "")


def test_a_deadline_cuts_an_async_attempt_that_is_stuck(stack: ModuleType) -> None:
    """Real time: the limit is the event loop's own, and holds wherever the attempt is stuck."""

    async def stuck(request: Any) -> Any:
        await anyio.sleep_forever()

    router = Router(Policy(residency="eu", deadline_s=0.05))
    transport = router.transport(transport=stack.MockTransport(stuck))

    async def call() -> None:
        async with stack.AsyncClient(transport=transport) as client:
            await client.post(gemini_url(), json={})

    with pytest.raises(Exhausted) as failure:
        anyio.run(call)
    assert isinstance(failure.value, stack.TimeoutException)
    assert failure.value.trace.header() == "europe-west1=timeout"


# A transport among many owners


def test_closing_leaves_it_usable(stack: ModuleType) -> None:
    backend = Backend(stack)
    transport = make_router(EU).transport(transport=backend.transport)
    for _ in range(2):
        with stack.Client(transport=transport) as client:
            assert client.post(gemini_url(), json={}).status_code == 200


def test_one_transport_serves_sync_clients_async_clients_and_many_event_loops(stack: ModuleType) -> None:
    backend = Backend(stack)
    transport = make_router(EU).transport(transport=backend.transport)

    async def once() -> int:
        async with stack.AsyncClient(transport=transport) as client:
            return int((await client.post(gemini_url(), json={})).status_code)

    with stack.Client(transport=transport) as client:
        assert [anyio.run(once), anyio.run(once, backend="trio"), client.post(gemini_url()).status_code] == [200] * 3


def test_one_router_serves_both_stacks_and_what_one_learns_the_other_knows() -> None:
    router = make_router(EU)
    for stack, way in zip(STACKS, ("europe-west1=429, europe-west4=200", "europe-west4=200"), strict=False):
        backend = Backend(stack, {"europe-west1": 429})
        with stack.Client(transport=router.transport(transport=backend.transport)) as client:
            assert client.post(gemini_url(), json={}).headers["x-vertex-router"] == way


def test_a_deep_copy_is_itself_and_a_pickle_is_refused_with_the_way_out() -> None:
    transport = make_router(EU).transport()
    assert copy.deepcopy({"transport": transport})["transport"] is transport
    with pytest.raises(TypeError, match="pickle the policy"):
        pickle.dumps(transport)


def test_sixty_four_threads_share_one_client(stack: ModuleType) -> None:
    backend = Backend(stack, {"europe-west1": 429})
    router = make_router(EU)
    results: list[int] = []
    with stack.Client(transport=router.transport(transport=backend.transport)) as client:

        def post() -> None:
            results.append(client.post(gemini_url(), json={}).status_code)

        threads = [threading.Thread(target=post) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [200] * 64


def test_a_request_of_neither_stack_is_refused() -> None:
    with pytest.raises(TypeError, match="httpx or httpx2"):
        make_router(EU).transport().handle_request(object())


def test_every_refusal_is_one_family() -> None:
    assert issubclass(NoRoute, RouterError)
    assert issubclass(RequestNotUnderstood, RouterError)
    assert issubclass(GuardStop, RouterError)
