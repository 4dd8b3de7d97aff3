"""What `wrap` says to a client that it can't make a twin of: the line that works."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import requests

from tests.clients.conftest import World
from tests.clients.fakes import of


@pytest.mark.parametrize(
    ("client", "instead"),
    [
        (httpx.Client(), r"transport=router\.transport\(\)"),
        (requests.Session(), r'session\.mount\("https://", router\.requests_adapter\(\)\)'),
        (of("aiohttp.client", "ClientSession"), r"httpx\.AsyncClient\(transport=router\.transport\(\)\)"),
        (of("anthropic", "Anthropic"), "only AnthropicVertex"),
        (of("google.genai.client", "AsyncClient"), r"wrap the google\.genai\.Client"),
        (of("mistralai.gcp.client.sdk", "MistralGCP"), r"client=router\.http_client\(httpx2\)"),
        (of("instructor.core.client", "Instructor"), r"instructor\.from_genai\(router\.wrap\(client\)\)"),
        (of("litellm.llms.custom_httpx.http_handler", "HTTPHandler"), r"HTTPHandler\(client=httpx\.Client"),
        (of("vertexai._genai.client", "Client"), r"http_options=router\.genai_http_options\(\)"),
        (of("vertexai.generative_models", "GenerativeModel"), r"router\.call"),
        (of("google.cloud.aiplatform_v1.services.prediction_service", "PredictionServiceClient"), r"router\.call"),
        (of("grpc", "Channel"), r"router\.call"),
        (of("langchain_google_vertexai.chat_models", "ChatVertexAI"), "ChatGoogleGenerativeAI"),
        (of("pydantic_ai.agent", "Agent"), "wrap its provider or model"),
        (of("pydantic_ai.providers", "Provider", _own_http_client=1), r"client=router\.wrap\(genai\.Client"),
        (of("pydantic_ai.providers", "Provider"), "takes no client"),
        (of("somewhere", "Client"), r"give it router\.transport\(\)"),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_a_client_that_has_no_twin_is_told_the_line_that_works(world: World, client: Any, instead: str) -> None:
    with pytest.raises(TypeError, match=instead):
        world.router().wrap(client)


def test_ready_clients_take_further_options_but_none_that_would_go_past_the_router(world: World) -> None:
    router = world.router()
    client = world.keep(router.http_client(httpx, headers={"x-mine": "1"}))
    assert client.headers["x-mine"] == "1"
    assert router.verify(client)
    for option in ("transport", "mounts", "proxy"):
        with pytest.raises(TypeError, match=f"`{option}` would bypass the router"):
            router.async_http_client(httpx, **{option: object()})
    with pytest.raises(TypeError, match="expected the module httpx, httpx2, anthropic or openai, got requests"):
        router.http_client(requests)
