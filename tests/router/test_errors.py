"""The errors: what they say, what they carry, under which names they are caught, and how they travel."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from router import errors
from router.auth import CredentialError
from router.errors import (
    Exhausted,
    GuardStop,
    NoCapacity,
    NoRoute,
    NotSent,
    PolicyError,
    RequestNotUnderstood,
    RouterError,
    StreamBroken,
)
from router.plan import Alternative, Plan, Refused
from router.stack import Stack
from router.streams import Dialect
from tests.router.support import BROKEN, EXHAUSTED, a_trace, each_stack, tried

PLAN = Plan(
    model="gemini-3.8-flash",
    modes=("standard",),
    on=date(2026, 11, 21),
    policy={"residency": ["de"], "kinds": ["region"]},
    summary="residency de",
    allowed=(),
    refused=(
        Refused(location="eu", rule="residency", reason="processed in eu", source="a", mend="take residency eu"),
        Refused(location="us", rule="residency", reason="processed in us", source="a"),
    ),
    alternatives=(Alternative(model="m", mode="batch", locations=("europe-west3",), why="a claim"),),
)
BROKEN_TRACE = a_trace(outcome="broken", tried=[tried(1, "eu", BROKEN)])
EVENT = b'data: {"candidates":[{"content":{"parts":[{"text":"Guten"}]}}]}\n\n'

ERRORS: list[RouterError] = [
    RouterError("made up"),
    PolicyError("residency and kinds contradict each other", ["residency", "kinds"]),
    NotSent("made up"),
    NoRoute(PLAN),
    RequestNotUnderstood("express mode", "residency eu"),
    GuardStop("us is outside the policy; nothing was sent"),
    Exhausted(a_trace(outcome="attempts")),
    StreamBroken(BROKEN_TRACE, EVENT, Dialect.GEMINI),
    CredentialError("no credentials"),
]
MIXED: list[tuple[type[RouterError], str, tuple[Any, ...]]] = [
    (Exhausted, "ConnectError", (a_trace(outcome="network"),)),
    (Exhausted, "ReadTimeout", (a_trace(outcome="deadline"),)),
    (Exhausted, "PoolTimeout", (a_trace(outcome="attempts"),)),
    (StreamBroken, "RemoteProtocolError", (BROKEN_TRACE, EVENT, Dialect.GEMINI)),
]

every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
every_mix = pytest.mark.parametrize(
    ("kind", "native", "args"), MIXED, ids=[f"{kind.__name__}-{native}" for kind, native, _ in MIXED]
)


def state(error: BaseException) -> dict[str, Any]:
    """What an error of this package carries, without what a stack adds to it."""
    return {name: value for name, value in vars(error).items() if not name.startswith("_")}


def test_the_tree_at_the_top_of_the_module_names_every_error() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RouterError)]
    assert len(kinds) == 12
    for kind in kinds:
        assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (PolicyError, (RouterError, ValueError)),
        (NotSent, (RouterError,)),
        (NoRoute, (NotSent,)),
        (RequestNotUnderstood, (NotSent,)),
        (GuardStop, (NotSent,)),
        (Exhausted, (RouterError,)),
        (NoCapacity, (Exhausted,)),
        (StreamBroken, (RouterError,)),
        (CredentialError, (RouterError,)),
    ],
)
def test_an_error_is_caught_by_its_family_too(kind: type[Exception], bases: tuple[type[Exception], ...]) -> None:
    assert kind.__bases__ == bases
    assert not issubclass(Exhausted, NotSent)
    assert not issubclass(StreamBroken, NotSent)


# What they say and carry


def test_a_policy_error_names_its_fields() -> None:
    error = PolicyError("residency and kinds contradict each other", ["residency", "kinds"])
    assert str(error) == error.message == "residency and kinds contradict each other"
    assert error.fields == ("residency", "kinds")
    assert PolicyError("made up").fields == ()


def test_no_route_carries_the_plan_and_says_it_all() -> None:
    error = NoRoute(PLAN)
    assert error.plan is PLAN
    first, *rest = str(error).splitlines()
    assert first == "no location may serve this request; nothing was sent"
    assert "\n".join(rest) == str(PLAN)
    assert "take residency eu" in str(error)
    assert "m in batch mode at europe-west3 (a claim)" in str(error)


def test_a_request_that_is_not_understood_is_told_why_and_by_which_policy() -> None:
    error = RequestNotUnderstood("express mode: no location", "residency eu")
    assert (error.reason, error.policy) == ("express mode: no location", "residency eu")
    assert "express mode: no location" in str(error)
    assert "residency eu" in str(error)
    assert "nothing was sent" in str(error)


def test_what_is_exhausted_tells_every_attempt() -> None:
    trace = a_trace(outcome="attempts", tried=[tried(1, "eu", EXHAUSTED), tried(2, "us", BROKEN)])
    error = Exhausted(trace)
    assert error.trace is trace
    assert str(error) == f"no answer: attempts\n{trace}"
    assert "429: Resource exhausted." in str(error)


def test_a_broken_stream_keeps_what_was_received() -> None:
    """BerriAI/litellm#27967 and #31067: broken streams were continued by a hidden prompt; here they end in this."""
    error = StreamBroken(BROKEN_TRACE, EVENT, Dialect.GEMINI)
    assert (error.trace, error.received, error.dialect) == (BROKEN_TRACE, EVENT, Dialect.GEMINI)
    assert str(error) == f"the stream from eu broke after {len(EVENT)} bytes: the stream ended early"


CLAUDE = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Guten"}}
CHAT = {"choices": [{"delta": {"content": "Guten"}}]}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "Guten"}]}}]}


@pytest.mark.parametrize(
    ("received", "dialect"),
    [
        (EVENT, Dialect.GEMINI),
        (b": wait\r\n\r\n" + EVENT.replace(b"\n", b"\r\n"), Dialect.GEMINI),
        (b"[" + json.dumps(GEMINI).encode(), Dialect.GEMINI),
        (b"\r\n [\n" + json.dumps(GEMINI, indent=2).encode() + b"\n,", Dialect.GEMINI),
        (b"event: content_block_delta\ndata: " + json.dumps(CLAUDE).encode() + b"\n\n", Dialect.ANTHROPIC),
        (b"data: " + json.dumps(CHAT).encode() + b"\n\n", Dialect.OPENAI),
    ],
    ids=["gemini", "gemini-CRLF", "array", "array-indented", "claude", "chat"],
)
def test_a_broken_stream_tells_the_text_that_came(received: bytes, dialect: Dialect) -> None:
    assert StreamBroken(BROKEN_TRACE, received, dialect).text == "Guten"
    assert StreamBroken(BROKEN_TRACE, received * 2 if received[:1] != b"[" else received, dialect).text.startswith(
        "Guten"
    )


def test_a_broken_stream_without_anything_has_no_text() -> None:
    assert StreamBroken(BROKEN_TRACE, b"", Dialect.GEMINI).text == ""


# How they travel


@every_error
def test_an_error_survives_pickling_and_copying(error: RouterError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert state(twin) == state(error)


@each_stack
@every_mix
def test_either_name_catches_an_error_that_is_the_stacks_too(
    module: ModuleType, kind: type[RouterError], native: str, args: tuple[Any, ...]
) -> None:
    error = Stack(module).error(kind, native, *args)
    for name in (kind, RouterError, getattr(module, native), module.TransportError, module.HTTPError):
        with pytest.raises(name) as caught:
            raise error
        assert caught.value is error
    plain = kind(*args)
    assert (str(error), state(error), error.args) == (str(plain), state(plain), plain.args)
    assert type(error).__name__ == kind.__name__
    assert not isinstance(error, module.HTTPStatusError)


@each_stack
@every_mix
def test_an_error_that_is_the_stacks_too_travels_as_its_base(
    module: ModuleType, kind: type[RouterError], native: str, args: tuple[Any, ...]
) -> None:
    error = Stack(module).error(kind, native, *args)
    error.request = module.Request("POST", "https://aiplatform.googleapis.com/", content=iter([b"once"]))  # type: ignore[attr-defined]
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is kind
    assert (str(twin), state(twin)) == (str(error), state(error))


@each_stack
def test_a_client_gives_the_error_its_request(module: ModuleType) -> None:
    def refuse(request: Any) -> Any:
        raise Stack(module).error(Exhausted, "ReadTimeout", a_trace())

    with module.Client(transport=module.MockTransport(refuse)) as client, pytest.raises(Exhausted) as caught:
        client.get("https://aiplatform.googleapis.com/v1")
    assert caught.value.request.url.host == "aiplatform.googleapis.com"  # type: ignore[attr-defined]


@each_stack
def test_two_errors_of_one_kind_are_of_one_class(module: ModuleType) -> None:
    made = {type(Stack(module).error(Exhausted, "ReadTimeout", a_trace())) for _ in range(2)}
    other = type(Stack(module).error(Exhausted, "ConnectError", a_trace()))
    assert len(made) == 1
    assert other not in made
