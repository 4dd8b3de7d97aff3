"""Clients of anthropic and openai, which share one generator and so one shape.

Both wrap every error of their HTTP client into "Connection error.", which would hide a refusal. So
the HTTP client that they are given asks the policy once more when a request is *built*, where errors
pass as they are: `NoRoute` reaches the caller as `NoRoute`.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from router.transport import RoutedTransport

_OPENAPI = "/endpoints/openapi"


def wrap_anthropic(client: Any, transport: RoutedTransport) -> Any:
    """The routed twin of an `AnthropicVertex` or `AsyncAnthropicVertex`."""
    return _routed(client, "anthropic", transport)


def wrap_openai(client: Any, transport: RoutedTransport) -> Any:
    """The routed twin of an `OpenAI` or `AsyncOpenAI` that is set to Vertex AI.

    Raises:
        TypeError: its base URL is not Vertex AI's OpenAI-compatible endpoint.
    """
    address = str(client.base_url)
    if not address.rstrip("/").endswith(_OPENAPI):
        raise TypeError(
            f"can't wrap an OpenAI client of {client.base_url.host}: its base_url must be "
            f"https://HOST/v1/projects/PROJECT/locations/LOCATION{_OPENAPI}"
        )
    return _routed(client, "openai", transport)


def _routed(client: Any, package: str, transport: RoutedTransport) -> Any:
    is_async = type(client).__name__.startswith("Async")
    base = getattr(sys.modules[package], "DefaultAsyncHttpxClient" if is_async else "DefaultHttpxClient")
    return client.copy(http_client=_asking(base)(transport=transport), max_retries=0)


@functools.cache
def _asking(base: type[Any]) -> type[Any]:
    """The SDK's own HTTP client, which also asks the policy when a request is built."""

    class AskingClient(base):  # type: ignore[misc]  # the base is known when a client is wrapped
        def __init__(self, transport: RoutedTransport) -> None:
            super().__init__(transport=transport)
            self._routed_transport = transport

        def build_request(self, *args: Any, **kwargs: Any) -> Any:
            request = super().build_request(*args, **kwargs)
            self._routed_transport.check(request)
            return request

    return AskingClient
