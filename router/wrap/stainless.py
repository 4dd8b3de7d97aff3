"""Clients of anthropic and openai, which share one generator and so one shape.

Both wrap every error of their HTTP client into "Connection error.", which would hide a refusal. So
the HTTP client that they are given asks the policy once more when a request is *built*, where errors
pass as they are: `NoRoute` reaches the caller as `NoRoute`.
"""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any, Literal

from router.stack import NAMES
from router.transport import RoutedTransport

# The OpenAI-compatible endpoint, and what openai's own `providers.vertex` makes.
_OPENAPI = "/endpoints/openapi"
_RESPONSES = "/publishers/openai/v1"


def wrap_anthropic(client: Any, transport: RoutedTransport) -> Any:
    """The routed twin of an `AnthropicVertex` or `AsyncAnthropicVertex`."""
    return _routed(client, "anthropic", transport)


def wrap_openai(client: Any, transport: RoutedTransport) -> Any:
    """The routed twin of an `OpenAI` or `AsyncOpenAI` that is set to Vertex AI.

    Raises:
        TypeError: its base URL is not Vertex AI's OpenAI-compatible endpoint.
    """
    address = str(client.base_url)
    if not address.rstrip("/").endswith((_OPENAPI, _RESPONSES)):
        raise TypeError(
            f"can't wrap an OpenAI client of {client.base_url.host}: its base_url must be "
            f"https://HOST/v1/projects/PROJECT/locations/LOCATION{_OPENAPI}"
        )
    return _routed(client, "openai", transport)


def http_client(
    module: ModuleType, kind: Literal["Client", "AsyncClient"], transport: RoutedTransport, /, **options: Any
) -> Any:
    """An HTTP client that sends through `transport`: of an SDK's own type, or of a stack.

    Args:
        module: `anthropic`, `openai`, `httpx` or `httpx2`.
        options: further arguments of the client.

    Raises:
        TypeError: the module has no such client, or an option would send requests another way.
    """
    wrong = next((name for name in ("transport", "mounts", "proxy", "app") if options.get(name) is not None), "")
    if wrong:
        raise TypeError(
            f"`{wrong}` would bypass the router; what it is for can be given to `router.transport({wrong}=...)`"
        )
    own = getattr(module, "DefaultHttpxClient" if kind == "Client" else "DefaultAsyncHttpxClient", None)
    if own is not None:
        return _asking(own)(transport=transport, **options)
    if module.__name__ not in NAMES:
        raise TypeError(f"expected the module httpx, httpx2, anthropic or openai, got {module.__name__}")
    return getattr(module, kind)(transport=transport, **options)


def _routed(client: Any, package: str, transport: RoutedTransport) -> Any:
    kind: Literal["Client", "AsyncClient"] = "AsyncClient" if type(client).__name__.startswith("Async") else "Client"
    return client.copy(http_client=http_client(sys.modules[package], kind, transport), max_retries=0)


@functools.cache
def _asking(base: type[Any]) -> type[Any]:
    """The SDK's own HTTP client, which also asks the policy when a request is built."""

    class AskingClient(base):  # type: ignore[misc]  # the base is known when a client is wrapped
        def __init__(self, transport: RoutedTransport, **options: Any) -> None:
            super().__init__(transport=transport, **options)
            self._routed_transport = transport

        def build_request(self, *args: Any, **kwargs: Any) -> Any:
            request = super().build_request(*args, **kwargs)
            self._routed_transport.check(request)
            return request

    return AskingClient
