"""A client that can send past the router is found out, by every way that is known; nothing is sent to tell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import anthropic
import httpx
import openai
import pytest
import requests
from google import genai
from google.oauth2.credentials import Credentials

from router import Policy, Router, UnroutedClient
from tests.clients.conftest import PROJECT, World
from tests.clients.fakes import of
from tests.router.support import each_stack

EVERY = ["sync", "async"]
OPENAPI = f"https://aiplatform.googleapis.com/v1/projects/{PROJECT}/locations/eu/endpoints/openapi"


@pytest.fixture
def router(world: World) -> Router:
    return world.router()


@pytest.fixture(autouse=True)
def nothing_is_sent(world: World) -> Any:
    yield
    assert world.emulator.witness.hosts == ()


def vertex(world: World, **options: Any) -> genai.Client:
    settings: dict[str, Any] = {"vertexai": True, "project": PROJECT, "location": "eu", **options}
    return world.keep(genai.Client(credentials=Credentials("a-token"), **settings))


def unrouted(router: Router, client: Any, *paths: str, **options: Any) -> str:
    """What is said of a client in which just these paths are unrouted."""
    with pytest.raises(UnroutedClient) as found:
        router.verify(client, **options)
    assert sorted({path.name for path in found.value.paths}) == sorted(paths)
    assert all(path.wrong and path.cure for path in found.value.paths)
    return str(found.value)


# What is routed is proven


@each_stack
@pytest.mark.parametrize(("kind", "path"), [("Client", "sync"), ("AsyncClient", "async")])
def test_a_plain_client_with_the_transport_is_routed(router: Router, module: Any, kind: str, path: str) -> None:
    assert router.verify(getattr(module, kind)(transport=router.transport())) == (path,)
    assert router.verify(router.transport()) == ("transport",)


def test_wrapped_clients_are_routed_on_every_path(world: World, router: Router) -> None:
    assert router.verify(world.keep(router.wrap(vertex(world)))) == ("sync", "async", "live")
    assert router.verify(vertex(world, http_options=router.genai_http_options()).aio) == ("sync", "async", "live")
    ours: Any = anthropic.AnthropicVertex(project_id=PROJECT, region="eu", access_token="t")
    assert router.verify(router.wrap(ours)) == ("sync",)
    ours = anthropic.AsyncAnthropicVertex(project_id=PROJECT, region="eu", access_token="t")
    assert router.verify(router.wrap(ours)) == ("async",)
    assert router.verify(router.wrap(openai.OpenAI(base_url=OPENAPI, api_key="t"))) == ("sync",)
    assert router.verify(router.wrap(openai.AsyncOpenAI(base_url=OPENAPI, api_key="t"))) == ("async",)


def test_a_session_with_the_adapter_is_routed(router: Router) -> None:
    session = requests.Session()
    session.mount("https://", router.requests_adapter())
    assert router.verify(session) == ("sync",)
    session.mount("https://oauth2.googleapis.com", requests.adapters.HTTPAdapter())
    assert router.verify(session) == ("sync",), "tokens come from elsewhere"


# What is not, is named


@each_stack
@pytest.mark.parametrize(("kind", "path"), [("Client", "sync"), ("AsyncClient", "async")])
def test_a_plain_client_is_unrouted(router: Router, module: Any, kind: str, path: str) -> None:
    said = unrouted(router, getattr(module, kind)(), path)
    assert f"{module.__name__}.{kind} can send past the router" in said
    assert "transport=router.transport()" in said


@pytest.mark.parametrize(
    "make",
    [
        lambda: anthropic.AnthropicVertex(project_id=PROJECT, region="eu", access_token="t"),
        lambda: openai.OpenAI(base_url=OPENAPI, api_key="t"),
    ],
)
def test_an_sdk_as_it_is_made_is_unrouted(router: Router, make: Callable[[], Any]) -> None:
    """thingsboard#15705, n8n#36584: the setting was accepted, stored, and had no effect."""
    client = make()
    assert "router.wrap(client)" in unrouted(router, client, "sync")
    router.wrap(client)
    unrouted(router, client, "sync")


def test_genai_as_it_is_made_is_unrouted_on_every_path(world: World, router: Router) -> None:
    said = unrouted(router, vertex(world), "sync", "async", "live")
    assert "router.wrap(client)" in said


def test_genai_with_one_side_wrapped_is_unrouted_on_the_other(world: World, router: Router) -> None:
    """googleapis/python-genai#1565, #2090."""
    half = {"client_args": {"transport": router.transport()}}
    assert "router.wrap(client)" in unrouted(router, vertex(world, http_options=half), "async", "live")
    half = {"async_client_args": {"transport": router.transport()}}
    assert "router.wrap(client)" in unrouted(router, vertex(world, http_options=half), "sync", "live")
    if find_spec("httpx"):
        ready = {"httpx_client": httpx.Client(transport=router.transport())}
        unrouted(router, vertex(world, http_options=ready), "async", "live")


def test_genai_through_aiohttp_is_unrouted(world: World, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where aiohttp is installed, the async side sends through it unless a transport is given."""
    monkeypatch.setattr(sys.modules["google.genai._api_client"], "has_aiohttp", True)
    client = vertex(world, http_options={"client_args": {"transport": router.transport()}})
    assert "aiohttp" in unrouted(router, client, "async", "live")
    assert router.verify(vertex(world, http_options=router.genai_http_options()))


def test_genai_with_client_certificates_is_unrouted(
    world: World, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then sends through a session of google-auth, unless a client or its arguments are given."""
    mtls = pytest.importorskip("google.auth.transport.mtls")
    ours = vertex(world, http_options=router.genai_http_options())
    monkeypatch.setattr(mtls, "should_use_client_cert", lambda: True)
    monkeypatch.setattr(mtls, "has_default_client_cert_source", lambda *_, **__: True)
    client = vertex(world)
    inner: Any = client._api_client
    assert inner._use_google_auth_sync()
    assert "session of google-auth" in unrouted(router, client, "sync", "async", "live")
    assert router.verify(ours)


def test_genai_patched_in_place_is_unrouted(world: World, router: Router) -> None:
    """Its async client builds one client for each event loop from what it was made with: a patch has no effect."""
    client: Any = vertex(world)
    for inner in (client._api_client._httpx_client, client._api_client._async_httpx_client):
        inner._transport, inner._mounts = router.transport(), {}
    if find_spec("aiohttp"):  # the async side does not go through the patched client at all
        assert "aiohttp" in unrouted(router, client, "async", "live")
    elif getattr(client._api_client._async_httpx_client, "_per_loop", False):
        assert "another client for each event loop" in unrouted(router, client, "async", "live")
    else:  # earlier releases have one async client for all loops, which the patch reaches
        unrouted(router, client, "live")


def test_live_sessions_are_unrouted_without_their_door(world: World, router: Router) -> None:
    args = {"transport": router.transport()}
    client = vertex(world, http_options={"client_args": args, "async_client_args": args})
    said = unrouted(router, client, "live")
    assert "websocket" in said
    assert "unused=['live']" in said
    assert router.verify(client, unused=["live"]) == ("sync", "async")


@each_stack
def test_mounts_win_over_the_transport(router: Router, module: Any) -> None:
    client = module.Client(transport=router.transport(), mounts={"https://": module.HTTPTransport()})
    assert "for https:// it ends in" in unrouted(router, client, "sync")
    none = module.Client(transport=router.transport(), mounts={"https://example.org": None})
    assert router.verify(none) == ("sync",), "None is the client's own transport"
    own = module.Client(transport=router.transport(), mounts={"https://": router.transport()})
    assert router.verify(own) == ("sync",)


@each_stack
def test_a_client_that_sends_its_own_way_is_unrouted(router: Router, module: Any) -> None:
    class Mine(module.Client):  # type: ignore[misc]  # of either stack
        def send(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError

    assert "has its own `send`" in unrouted(router, Mine(transport=router.transport()), "sync")
    patched = module.Client(transport=router.transport())
    patched.send = lambda *_, **__: None
    assert "`send` has been replaced" in unrouted(router, patched, "sync")


def test_a_session_is_unrouted_without_the_adapter_and_past_it(router: Router) -> None:
    session = requests.Session()
    assert "session.mount" in unrouted(router, session, "sync")
    session.mount("https://", router.requests_adapter())
    for prefix in ("https://europe-west4-aiplatform.googleapis.com", "https://aiplatform.eu", "https://a"):
        session.mount(prefix, requests.adapters.HTTPAdapter())
        assert "requests.adapters.HTTPAdapter" in unrouted(router, session, "sync")
        del session.adapters[prefix]
    assert router.verify(session)
    session.mount("https://aiplatform.googleapis.com/v1/projects/p", requests.adapters.HTTPAdapter())
    unrouted(router, session, "sync")


def test_a_session_whose_adapter_was_mounted_over_is_unrouted(router: Router) -> None:
    """google-auth mounts an adapter of its own when client certificates are set up."""
    session = requests.Session()
    session.mount("https://", router.requests_adapter())
    session.mount("https://", requests.adapters.HTTPAdapter())
    assert "requests.adapters.HTTPAdapter" in unrouted(router, session, "sync")


def test_another_routers_transport_is_not_this_ones(world: World, router: Router) -> None:
    other = world.router(Policy(residency="us"))
    assert "another router, whose policy is: residency us" in unrouted(
        router, httpx.Client(transport=other.transport()), "sync"
    )
    client = vertex(world, http_options=other.genai_http_options())
    unrouted(router, client, "sync", "async", "live")


def test_an_unknown_client_is_not_proven(router: Router) -> None:
    class Client:
        pass

    assert "can't be proven" in unrouted(router, Client(), "client")
    unrouted(router, object(), "client")


@pytest.mark.parametrize(
    ("client", "path", "why"),
    [
        (of("langchain_google_vertexai.chat_models", "ChatVertexAI"), "grpc", "gRPC or REST clients"),
        (of("vertexai.generative_models", "GenerativeModel"), "grpc", "makes its clients later"),
        (of("grpc", "Channel"), "grpc", "a connection to one host"),
        (of("litellm.router", "Router"), "client", "a client for each call"),
        (of("pydantic_ai.agent", "Agent", model="google-cloud:gemini-3.8-flash"), "model", "only a name"),
        (of("langchain_google_genai.chat_models", "ChatGoogleGenerativeAI"), "client", "makes its client later"),
        (of("mistralai.gcp.client.sdk", "MistralGCP"), "sync", "elsewhere than is known"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_makes_its_client_later_or_sends_over_another_protocol_is_unrouted(
    router: Router, client: Any, path: str, why: str
) -> None:
    with pytest.raises(UnroutedClient, match=why) as found:
        router.verify(client)
    assert path in {each.name for each in found.value.paths}


@each_stack
def test_clients_inside_clients_are_looked_at_and_named_by_the_way_to_them(router: Router, module: Any) -> None:
    routed, other = module.Client(transport=router.transport()), module.Client()
    models = [of("pydantic_ai.models.google", "Model", client=each) for each in (routed, other)]
    fallback = of("pydantic_ai.models.fallback", "FallbackModel", models=models)
    agent = of("pydantic_ai.agent", "Agent", model=of("pydantic_ai.models.wrapper", "WrapperModel", wrapped=fallback))
    unrouted(router, agent, "model.wrapped.models[1].client.sync")
    assert router.verify(agent, unused=["sync"]) == ()
    assert router.verify(models[0]) == ("client.sync",)


def test_a_client_whose_insides_have_changed_is_not_proven(world: World, router: Router) -> None:
    client: Any = router.wrap(vertex(world))
    del client._api_client
    assert "elsewhere than is known" in unrouted(router, client, "client")
    ours: Any = router.wrap(openai.OpenAI(base_url=OPENAPI, api_key="t"))
    del ours._client
    assert "elsewhere than is known" in unrouted(router, ours, "sync")
