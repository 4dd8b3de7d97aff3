"""Where the clients of the HTTP stacks themselves send: httpx, httpx2, requests, aiohttp.

None of them tells in public what it was made with, so what is read here are private attributes; they are
only read, and one that is not where it is expected is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router.verify.path import Look, Path, kind_of

TRANSPORT = "make the client with transport=router.transport(), and with no mounts=, proxy= or app="
ADAPTER = 'session.mount("https://", router.requests_adapter()), as the last adapter that is mounted'

# Packages whose own subclasses of these clients are known to send as their base does.
_KNOWN = frozenset(
    {"httpx", "httpx2", "requests", "google", "anthropic", "openai", "mistralai", "litellm", "pydantic_ai", "router"}
    | {"builtins"}
)
_HTTPX = (
    *("send", "request", "stream", "_transport_for_url"),
    *("_send_handling_auth", "_send_handling_redirects", "_send_single_request"),
)
_REQUESTS = ("send", "request", "get_adapter")


def http_client(client: Any, look: Look) -> Iterator[Path]:
    """A client of httpx or httpx2."""
    is_async = any(kind.__name__ == "AsyncClient" for kind in type(client).__mro__)
    wrong = (
        _changed(client, _HTTPX)
        or _per_loop(client, look)
        or look.elsewhere(getattr(client, "_transport", None))
        or _mounted(client, look)
    )
    yield Path("async" if is_async else "sync", wrong, TRANSPORT if wrong else "")


def session(client: Any, look: Look) -> Iterator[Path]:
    """A session of requests, or of google-auth, which is one."""
    wrong = _changed(client, _REQUESTS) or next(_sidesteps(client, look), "")
    yield Path("sync", wrong, ADAPTER if wrong else "")


def aiohttp_session(client: Any, _: Look) -> Iterator[Path]:
    """A session of aiohttp, which has no place for a transport of ours."""
    yield Path(
        "async",
        f"{kind_of(client)} sends through connectors of its own, which can't be exchanged by any public means",
        "httpx.AsyncClient(transport=router.transport()), or call it inside `await router.acall(function, model=...)`",
    )


def _sidesteps(client: Any, look: Look) -> Iterator[str]:
    """How a request to a location, or to a host that no one knows, would leave otherwise."""
    places = look.catalog.locations.values()
    hosts = sorted({host for place in places for host in (place.host, place.endpoint, _mtls(place.host))})
    for host in ("any.host", *hosts):
        if wrong := look.elsewhere(_adapter(client.adapters, f"https://{host}/v1/")):
            yield f"for https://{host} {wrong}"
    for prefix, adapter in client.adapters.items():
        inside = any(prefix.lower().startswith(f"https://{host}/") for host in hosts)
        if inside and (wrong := look.elsewhere(adapter)):
            yield f"for {prefix} {wrong}"


def _adapter(adapters: Mapping[str, Any], url: str) -> Any:
    """The adapter that a session takes for an address: that of the longest prefix."""
    found = [prefix for prefix in adapters if url.startswith(prefix.lower())]
    return adapters[max(found, key=len)] if found else None


def _mtls(host: str) -> str:
    return host.replace("aiplatform.googleapis.com", "aiplatform.mtls.googleapis.com")


def _changed(client: Any, sending: Sequence[str]) -> str:
    """How a client sends otherwise than its class is known to; empty if it does not.

    Args:
        sending: the methods by which it sends.
    """
    patched = next((name for name in sending if name in vars(client)), "")
    if patched:
        return f"its `{patched}` has been replaced"
    for kind in type(client).__mro__:
        own = next((name for name in sending if name in vars(kind)), "")
        if own and kind.__module__.partition(".")[0] not in _KNOWN:
            return f"{kind.__module__}.{kind.__qualname__} has its own `{own}`, so it can't be proven where it sends"
    return ""


def _per_loop(client: Any, look: Look) -> str:
    """google-genai's async client sends through one client for each event loop, made from what it was made with."""
    if not getattr(client, "_per_loop", False):
        return ""
    kept = getattr(client, "_client_kwargs", {}).get("transport")
    wrong = look.elsewhere(kept)
    return f"it makes another client for each event loop, and {wrong}" if wrong else ""


def _mounted(client: Any, look: Look) -> str:
    """Where a transport sends that is mounted for some addresses; None is the client's own."""
    others = {key: each for key, each in getattr(client, "_mounts", {}).items() if each is not None}
    wrong = ((key.pattern, look.elsewhere(each)) for key, each in others.items())
    return next((f"for {pattern} {ending}" for pattern, ending in wrong if ending), "")
