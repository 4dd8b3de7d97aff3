"""Which client is which, and how each is wrapped."""

from __future__ import annotations

from typing import Any

from router.transport import RoutedTransport
from router.wrap import genai, stainless

_HINTS = {
    "anthropic": "only AnthropicVertex and AsyncAnthropicVertex speak to Vertex AI",
    "httpx": "make the client with transport=router.transport()",
    "httpx2": "make the client with transport=router.transport()",
}


def wrap(client: Any, transport: RoutedTransport) -> Any:
    """A new client of the same type that sends through `transport`, its own retries switched off.

    Raises:
        TypeError: the client is of an unknown kind, or not one of Vertex AI; says what to do instead.
    """
    for kind in type(client).__mro__:
        package = kind.__module__.partition(".")[0]
        if package == "anthropic" and kind.__name__ in ("AnthropicVertex", "AsyncAnthropicVertex"):
            return stainless.wrap_anthropic(client, transport)
        if package == "openai" and kind.__name__ in ("OpenAI", "AsyncOpenAI"):
            return stainless.wrap_openai(client, transport)
        if kind.__module__ == "google.genai.client" and kind.__name__ == "Client":
            return genai.wrap(client, transport)
    package = type(client).__module__.partition(".")[0]
    hint = _HINTS.get(package, "if it takes an httpx transport, give it router.transport()")
    raise TypeError(f"can't wrap {type(client).__module__}.{type(client).__qualname__}: {hint}")
