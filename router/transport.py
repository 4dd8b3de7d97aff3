"""The routed transport: what a client of httpx or httpx2, sync or async, sends its requests through.

One class for both stacks and both colours. It inherits from neither stack: neither checks, and some
SDKs refuse a class that descends from the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn, Self

from router import keys
from router.asend import AsyncSender
from router.auth import auth_of
from router.clients import Clients
from router.core import Core
from router.directives import Directives, directives
from router.drive import adrive, drive
from router.errors import NotSent, RequestNotUnderstood
from router.exchange import Exchange
from router.scope import Scopes
from router.send import Sender
from router.stack import Stack, headers_of, stack_of
from router.target import Incoming


class RoutedTransport:
    """Sends each request where the policy allows, and fails over inside it.

    Give it to any number of clients. `close()` and `aclose()` wait for requests under way and leave
    the object usable.
    """

    def __init__(self, scopes: Scopes, options: dict[str, Any], priority: int = 0) -> None:
        self._scopes = scopes
        self._priority = priority
        self._clients = Clients(options)
        self._sender = Sender(self._clients)
        self._asender = AsyncSender(self._clients)

    def handle_request(self, request: Any) -> Any:
        """Sends a request of a sync client.

        Raises:
            NotSent: the policy refuses the request.
            Exhausted: no attempt was answered.
        """
        stack = stack_of(request)
        exchange = self._exchange(stack, request)
        if exchange is None:
            return self._sender.unrouted(stack, request)
        try:
            drive(exchange.call.steps(), partial(self._sender.attempt, exchange), exchange.core.sleep)
        finally:
            exchange.call.end()
        return exchange.response()

    async def handle_async_request(self, request: Any) -> Any:
        """Sends a request of an async client.

        Raises:
            NotSent: the policy refuses the request.
            Exhausted: no attempt was answered.
        """
        stack = stack_of(request)
        exchange = self._exchange(stack, request)
        if exchange is None:
            return await self._asender.unrouted(stack, request)
        try:
            await adrive(exchange.call.steps(), partial(self._asender.attempt, exchange), exchange.core.async_sleep)
        finally:
            exchange.call.end()
        return exchange.response()

    @property
    def scopes(self) -> Scopes:
        """Of the router that it belongs to."""
        return self._scopes

    def check(self, request: Any) -> None:
        """Whether this request would be sent at all; sends nothing.

        Raises:
            NotSent: the policy refuses it.
        """
        asked = _incoming(stack_of(request), request)
        core, wishes = self._asked(asked.headers)
        core.admit(asked, wishes)

    def _exchange(self, stack: Stack, request: Any) -> Exchange | None:
        """The exchange for a request; None for one that is sent on unrouted."""
        asked = _incoming(stack, request)
        core, wishes = self._asked(asked.headers)
        if "?" in asked.raw_path:
            try:
                keys.hide(request, core.catalog.private_hosts)
            except keys.WrongKey as error:
                raise core.refusal(RequestNotUnderstood(str(error), core.policy.summary)) from None
            asked = _incoming(stack, request)
        call, auth = core.admit(asked, wishes, self._priority), auth_of(request)
        if call is not None:
            return Exchange(call.begin(), stack, request, asked.headers, auth)
        core.unrouted(asked.host, auth)
        return None

    def _asked(self, headers: Mapping[str, str]) -> tuple[Core, Directives]:
        """By which a request is decided, and what it asks of the router itself."""
        try:
            wishes = directives(headers)
            return self._scopes.core_for(wishes), wishes
        except NotSent as error:
            raise self._scopes.core().refusal(error) from None

    def close(self) -> None:
        """Closes the sync connections; later requests open new ones."""
        self._clients.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """Closes the connections of the running event loop; later requests open new ones."""
        await self._clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Shared by whoever holds it

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: SDKs copy their options deeply, and connections can't be copied."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a routed transport can't be pickled; pickle the policy and make a Router from it there")


def _incoming(stack: Stack, request: Any) -> Incoming:
    url = request.url
    raw_path = url.raw_path.decode("ascii")
    headers, body = headers_of(request), stack.body(request)
    return Incoming(request.method, url.scheme, url.host, url.port, raw_path, headers, body)
