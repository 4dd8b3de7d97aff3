"""Where the SDKs send: anthropic, openai, google-genai, mistralai, Google's gRPC clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.verify.path import Look, Path, kind_of

_WRAP = "client = router.wrap(client)"
_GENAI = "make the client with http_options=router.genai_http_options(), or client = router.wrap(client)"
_AIOHTTP = "it sends through aiohttp, since that is installed"
_LIVE = f"{_GENAI}; or open no Live session, and say so: router.verify(client, unused=['live'])"
_CALL = "router.call(lambda to: ..., model=...), which tells a function where to send"


def stainless(client: Any, look: Look) -> Iterator[Path]:
    """A client of anthropic or openai: it holds one HTTP client, under a private name, and has no way to ask for it."""
    inner = getattr(client, "_client", None)
    if inner is None:
        yield Path("sync", f"{kind_of(client)} keeps its HTTP client elsewhere than is known", _WRAP)
        return
    for path in look.inside(inner, look):
        yield Path(path.name, path.wrong, _WRAP if path.wrong else "")


def genai(client: Any, look: Look) -> Iterator[Path]:
    """A client of google-genai, which has five ways: httpx and, for mutual TLS, requests; aiohttp; websockets.

    Which of them a request takes, its private methods say; they look at options and the environment only.
    """
    inner = getattr(client, "_api_client", None)
    if inner is None or not hasattr(inner, "_use_aiohttp"):
        yield Path("client", f"{kind_of(client)} keeps its ways elsewhere than is known", _GENAI)
        return
    if _says(inner, "_use_google_auth_sync"):
        yield Path("sync", "with client certificates it sends through a session of google-auth", _GENAI)
    else:
        yield from _of_stack(inner._httpx_client, look)
    if _says(inner, "_use_aiohttp"):
        own = _says(inner, "_use_google_auth_async")
        why = "with client certificates it sends through an async session of google-auth" if own else _AIOHTTP
        yield Path("async", why, _GENAI)
    elif inner._async_httpx_client is None:
        yield Path("async", "with client certificates it has made no client of its own to send through", _GENAI)
    else:
        yield from _of_stack(inner._async_httpx_client, look)
    door = (getattr(inner, "_websocket_ssl_ctx", None) or {}).get("create_connection")
    wrong = look.live(door)
    yield Path("live", f"a Live session is a websocket, and {wrong}" if wrong else "", _LIVE if wrong else "")


def mistral(client: Any, look: Look) -> Iterator[Path]:
    """A client of mistralai, whose configuration holds the two HTTP clients in public."""
    cure = (
        "MistralGCP(..., client=router.http_client(httpx2), async_client=router.async_http_client(httpx2)); "
        "httpx for mistralai 2 and earlier"
    )
    configuration = getattr(client, "sdk_configuration", None)
    for name in ("client", "async_client"):
        inner = getattr(configuration, name, None)
        kind = "async" if name.startswith("async") else "sync"
        if inner is None:
            yield Path(kind, f"{kind_of(client)} keeps its HTTP client elsewhere than is known", cure)
            continue
        for path in look.inside(inner, look):
            yield Path(path.name, path.wrong, cure if path.wrong else "")


def gapic(client: Any, look: Look) -> Iterator[Path]:
    """One of Google's generated clients: over gRPC, or over REST with a session of google-auth."""
    transport = client.transport
    own = getattr(transport, "_session", None)
    if transport.kind != "rest" or own is None:
        yield Path(
            "grpc" if transport.kind.startswith("grpc") else transport.kind,
            f"it sends through {kind_of(transport)}, which no HTTP transport or adapter reaches",
            _CALL,
        )
        return
    cure = 'client.transport._session.mount("https://", router.requests_adapter()), or ' + _CALL
    for path in look.inside(own, look):
        yield Path("rest", path.wrong, cure if path.wrong else "")


def vertexai_model(client: Any, _: Look) -> Iterator[Path]:
    """A model of the package vertexai: it makes its clients when they are first used, so nothing can be proven."""
    yield Path("grpc", f"{kind_of(client)} makes its clients later, over gRPC or REST as `vertexai.init` says", _CALL)


def channel(client: Any, _: Look) -> Iterator[Path]:
    """A channel of gRPC."""
    yield Path("grpc", f"{kind_of(client)} is a connection to one host", _CALL)


def _says(inner: Any, name: str) -> bool:
    return bool(getattr(inner, name, bool)())


def _of_stack(inner: Any, look: Look) -> Iterator[Path]:
    for path in look.inside(inner, look):
        yield Path(path.name, path.wrong, _GENAI if path.wrong else "")
