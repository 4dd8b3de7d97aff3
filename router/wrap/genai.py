"""Clients of google-genai.

Its options take a transport for the sync and one for the async side; with a transport given, the
async side stays with httpx even where aiohttp is installed, so both are routed. Live sessions, which
are websockets, are opened through a door of their own.
"""

from __future__ import annotations

from typing import Any

from router.transport import RoutedTransport
from router.wrap.live import LiveDoor

# Headers that the client itself adds to the caller's.
_OWN_HEADERS = frozenset({"content-type", "user-agent", "x-goog-api-client"})
_KEPT = ("api_version", "extra_body", "timeout")


def http_options(transport: RoutedTransport, options: dict[str, Any]) -> dict[str, Any]:
    """`http_options=` by which a client sends through `transport`, with further options of the caller's.

    Raises:
        TypeError: an option would send requests another way.
    """
    for name in ("httpx_client", "httpx_async_client", "aiohttp_client"):
        if options.get(name) is not None:
            raise TypeError(f"`{name}` would bypass the router; leave it out")
    routed = dict(options)
    for name in ("client_args", "async_client_args"):
        routed[name] = {**(options.get(name) or {}), **client_args(transport)}
    return routed


def client_args(transport: RoutedTransport) -> dict[str, Any]:
    """The arguments for the HTTP clients of google-genai, of either side; what one has no use for it leaves out."""
    return {"transport": transport, "create_connection": LiveDoor(transport.scopes)}


def wrap(client: Any, transport: RoutedTransport) -> Any:
    """The routed twin of a `google.genai.Client` of Vertex AI.

    Reads the project, location, credentials and options of the given one where the SDK keeps them,
    which it does not promise to go on doing; `Router.genai_http_options` needs none of that.

    Raises:
        TypeError: the client is not one of Vertex AI with a project and a location, or sends its own way.
    """
    inner = client._api_client
    if not inner.vertexai or inner.api_key or not inner.project or not inner.location:
        raise TypeError(
            "can't wrap this google.genai.Client: it needs vertexai=True with a project and a location; with an "
            "API key the service chooses the location"
        )
    if getattr(inner, "custom_base_url", None):
        raise TypeError("can't wrap a google.genai.Client with a base_url of its own")
    return type(client)(
        vertexai=True,
        project=inner.project,
        location=inner.location,
        credentials=inner._credentials,
        http_options=http_options(transport, _options(inner._http_options)),
    )


def _options(given: Any) -> dict[str, Any]:
    """The caller's own options, without what the client has filled in, and with its retries switched off."""
    options = {name: getattr(given, name) for name in _KEPT if getattr(given, name, None) is not None}
    headers = {name: value for name, value in (given.headers or {}).items() if name.lower() not in _OWN_HEADERS}
    if headers:
        options["headers"] = headers
    if given.retry_options is not None:
        options["retry_options"] = {"attempts": 1}
    for name in ("httpx_client", "httpx_async_client", "aiohttp_client", "client_args", "async_client_args"):
        options[name] = getattr(given, name, None)
    return {name: value for name, value in options.items() if value is not None}
