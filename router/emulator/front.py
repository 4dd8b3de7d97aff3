"""Puts the emulator together: three doors on loopback in a thread, and the files that lead clients to them."""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from router.emulator import identity, rpc, tls, workload
from router.emulator.background import Background
from router.emulator.environment import Place
from router.emulator.listener import Handler, Listener
from router.emulator.proxy import Judge, Proxy, Tunnels
from router.emulator.wire import Respond, converse


@dataclass(frozen=True, slots=True)
class _Ports:
    proxy: int
    plain: int


@contextmanager
def running(judge: Judge, service: Respond, plain: Respond, project: str, *, grpc: bool = False) -> Iterator[Place]:
    """Runs the emulator while the context is held.

    Args:
        judge: decides about each connection of the proxy.
        service: answers what comes through the proxy.
        plain: answers what comes without TLS.
        project: the project of the credentials.
        grpc: answer gRPC too.
    """
    certified = tls.certified()
    with ExitStack() as stack:
        tunnels = Tunnels()
        if grpc:
            tunnels.h2_port = stack.enter_context(
                rpc.serving(service, tunnels.host, certified.key, certified.certificates)
            )
        thread = Background(lambda: _opened(judge, service, plain, certified.context, tunnels))
        ports = thread.start()
        stack.callback(thread.stop)
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="vertex-emulator-"))
        place = Place(directory=Path(directory), project=project, proxy_port=ports.proxy, plain_port=ports.plain)
        _furnish(place, certified.authority)
        yield place


def _furnish(place: Place, authority: bytes) -> None:
    place.authority.write_bytes(authority)
    for flow, credentials in identity.CREDENTIALS.items():
        place.credentials(flow).write_text(credentials(place.project, place.token_url), encoding="utf-8")
    place.subject_token.write_text(workload.subject_token(time.time()), encoding="utf-8")
    place.credentials("external_account").write_text(
        workload.credentials(place.project, str(place.subject_token)), encoding="utf-8"
    )


@asynccontextmanager
async def _opened(
    judge: Judge, service: Respond, plain: Respond, tls_context: ssl.SSLContext, tunnels: Tunnels
) -> AsyncIterator[_Ports]:
    """Listens while the context is held: the proxy, the service behind it, and the plain door for tokens."""
    inner = Listener(_conversing(service), tls_context)
    side = Listener(_conversing(plain))
    outer = Listener(Proxy(judge, await inner.open(), tunnels))
    try:
        yield _Ports(proxy=await outer.open(), plain=await side.open())
    finally:
        for listener in (outer, side, inner):
            await listener.close()


def _conversing(respond: Respond) -> Handler:
    return lambda reader, writer: converse(reader, writer, respond)
