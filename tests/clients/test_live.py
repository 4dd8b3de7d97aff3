"""Live sessions of google-genai: opened where the policy admits their model, and nowhere else."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google import genai
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from router import NoRoute, NotSent, Policy, RequestNotUnderstood
from router.audit.verify import catalogs_of, verify
from router.wrap.live import LiveDoor
from tests.clients.conftest import PROJECT, World

MODEL = "gemini-3.8-flash"
CORPUS = {"ragCorpus": "projects/p/locations/us/ragCorpora/1"}
ADMITTING = Policy(residency="eu", allow_features="live")
EU = "aiplatform.eu.rep.googleapis.com"


def opened(world: World, location: str, policy: Policy | None = None, model: str = MODEL) -> Any:
    """What comes of opening a Live session with the real client."""
    options = world.router(policy).genai_http_options()
    ours = world.keep(genai.Client(vertexai=True, project=PROJECT, location=location, http_options=options))

    async def call() -> None:
        async with ours.aio.live.connect(model=model):
            pass

    return asyncio.run(call())


@pytest.mark.parametrize("location", ["us", "global", "us-east5"])
def test_a_session_outside_the_policy_is_refused_before_a_byte_of_it_leaves(world: World, location: str) -> None:
    with pytest.raises(RequestNotUnderstood, match="outside"):
        opened(world, location)
    assert world.emulator.requests == ()


def test_a_session_at_a_location_that_is_denied_is_refused(world: World) -> None:
    for policy in (Policy(deny_locations=["eu"]), Policy(allow_locations=["us"]), Policy(kinds=["region"])):
        with pytest.raises(RequestNotUnderstood, match="not allowed"):
            opened(world, "eu", policy)
    assert world.emulator.requests == ()


def test_a_session_inside_the_policy_is_opened(world: World) -> None:
    """The emulator has no Live sessions: it is asked for one, and says that it does not know the path."""
    with pytest.raises(InvalidStatus, match="404"):
        opened(world, "eu")
    (received,) = world.emulator.requests
    assert received.host == EU
    assert "BidiGenerateContent" in received.path


def said(world: World, message: Any, policy: Policy | None = None, host: str = EU) -> list[Any]:
    """What a server hears when this is the first message of a session, and `more` the next."""
    heard: list[Any] = []
    policy = policy or ADMITTING
    door = copy.deepcopy(LiveDoor(world.router(policy).transport().scopes))

    async def listen(connection: ServerConnection) -> None:
        async for each in connection:
            heard.append(each)
            await connection.send("heard")

    async def call() -> None:
        async with serve(listen, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            place: dict[str, Any] = {"host": "127.0.0.1", "port": port, "proxy": None}
            async with connect(f"ws://{host}/", create_connection=door, **place) as session:  # type: ignore[arg-type]
                for each in (message, "more"):
                    await session.send(each)
                    await session.recv()

    try:
        asyncio.run(call())
    except NotSent as error:
        assert heard == []
        raise error from None
    return heard


def setup(model: str = MODEL, location: str = "eu") -> str:
    return json.dumps({"setup": {"model": f"projects/p/locations/{location}/publishers/google/models/{model}"}})


def test_the_first_message_is_checked_and_what_follows_passes(world: World) -> None:
    assert said(world, setup()) == [setup(), "more"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (setup(location="us"), "which is not there"),
        (setup("gemini-9"), "unknown model"),
        ('{"setup": {"model": "gemini-3.8-flash"}}', "which is not there"),
        ('{"setup": {}}', "names no model"),
        ('{"clientContent": {}}', "names no model"),
        ("no JSON", "names no model"),
    ],
)
def test_a_session_that_does_not_say_what_it_is_for_is_refused(world: World, message: str, why: str) -> None:
    with pytest.raises(RequestNotUnderstood, match=why):
        said(world, message)


def test_a_session_for_a_model_that_may_not_run_there_is_refused(world: World) -> None:
    with pytest.raises(NoRoute, match="deny_models"):
        said(world, setup(), replace(ADMITTING, deny_models=[MODEL]))


def test_under_a_residency_a_session_is_an_exception_of_the_policy(world: World) -> None:
    """Google names the Live API among what can't be kept inside a jurisdiction."""
    with pytest.raises(NoRoute, match="feature-live"):
        said(world, setup(), Policy(residency="eu"))


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"tools": [{"googleSearch": {}}]}, "feature-google-search"),
        (
            {"tools": [{"retrieval": {"vertexRagStore": {"ragCorpus": "projects/p/locations/us/ragCorpora/1"}}}]},
            "pinned",
        ),
    ],
)
def test_what_a_session_asks_for_is_judged_as_in_any_request(world: World, more: Any, rule: str) -> None:
    message = json.dumps({"setup": {**json.loads(setup())["setup"], **more}})
    with pytest.raises(NoRoute, match=rule):
        said(world, message, replace(ADMITTING, allow_features=["live", "rag"]))


def test_without_a_residency_an_unknown_model_stays_where_the_client_is_set(world: World) -> None:
    assert said(world, setup("gemini-9"), Policy())


def test_a_host_that_no_one_knows_is_refused(world: World) -> None:
    with pytest.raises(RequestNotUnderstood, match="no host of a location"):
        said(world, setup(), Policy(), "eu-aiplatform.googleapis.com")


def test_a_session_is_on_record_with_what_admits_it(world: World, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    policy = replace(ADMITTING, audit=file)
    said(world, setup(), policy)
    report = verify(file, catalogs_of(world.router().catalog), ADMITTING, running=True)
    found = [each.text for each in report.problems]
    assert found == ["was decided as if it were 2026-11-21"], "the day on which these tests stand still, and no more"
    assert (report.requests, report.attempts) == (1, 1)
    (attempt,) = [line for line in map(json.loads, file.read_text().splitlines()) if line["event"] == "attempt"]
    assert (attempt["outcome"], attempt["host"], attempt["ended"]) == ("live-session", EU, "answered")


def test_a_session_that_is_refused_is_on_record_too(world: World, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with pytest.raises(NoRoute):
        said(world, setup(), Policy(residency="eu", audit=file))
    gc.collect()
    assert '"error":"NoRoute"' in file.read_text()
