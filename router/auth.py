"""Google credentials for plain HTTP clients, attached at the last moment and to catalogued hosts only.

The object does not sign requests itself: it marks them, and the routed transport asks it for headers
for each attempt, so that a token never goes to a host that the guard has not passed, a refresh
happens once for all who wait for it, and never on the event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from router.errors import RouterError
from router.redaction import redacted
from router.stack import installed

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_MARK = "vertex_router_auth"
_UNIVERSE = "googleapis.com"
_TOKEN_TIMEOUT_S = 30.0


class CredentialError(RouterError):
    """No usable Google credential: none found, not renewable, or of another universe."""


class GoogleAuth:
    """`auth=` for an httpx or httpx2 client whose transport is the router's.

    Args:
        credentials: a google-auth credentials object; by default those of the environment
            (Application Default Credentials). Looked up with the first request, as is the universe that
            they belong to; those that need a scope and have none get Google Cloud's.
    """

    def __init__(self, credentials: Any = None) -> None:
        self._given = credentials
        self._credentials: Any = None
        self._lock = threading.Lock()
        self._request: Any = _TokenRequest()

    def __call__(self, request: Any) -> Any:
        """Marks a request as to be signed."""
        request.extensions[_MARK] = self
        return request

    def headers(self, url: str, rejected: str = "", within_s: float = _TOKEN_TIMEOUT_S) -> dict[str, str]:
        """The headers that sign a request to `url`. Blocks while a token is fetched.

        Args:
            rejected: the `authorization` that was answered 401; a new token is fetched unless another
                caller has done so since.
            within_s: how long to wait for somebody else who fetches one, and for the token service at each try.

        Raises:
            CredentialError: there is no usable credential, or none in this time.
        """
        if not self._lock.acquire(timeout=max(0.0, within_s)):
            raise _late(within_s)
        try:
            self._request.limit_s = within_s
            return self._signed(url, rejected)
        finally:
            self._lock.release()

    async def aheaders(self, url: str, rejected: str = "", within_s: float = _TOKEN_TIMEOUT_S) -> dict[str, str]:
        """`headers` for async callers: what may block is done in a thread."""
        if not rejected and self._is_ready() and self._lock.acquire(blocking=False):
            try:
                return self._signed(url, rejected)
            finally:
                self._lock.release()
        from anyio import move_on_after, to_thread  # noqa: PLC0415 - sync programs need no event loop

        with move_on_after(within_s):
            # Who is cancelled goes at once; what the thread fetches is there for the next one.
            return await to_thread.run_sync(self.headers, url, rejected, within_s, abandon_on_cancel=True)
        raise _late(within_s)

    def _is_ready(self) -> bool:
        return self._credentials is not None and bool(self._credentials.valid)

    def _signed(self, url: str, rejected: str) -> dict[str, str]:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - loaded with the first request

        headers: dict[str, str] = {}
        try:
            credentials = self._found()
            if rejected and rejected == f"Bearer {credentials.token}":
                credentials.refresh(self._request)
            credentials.before_request(self._request, "POST", url, headers)
        except (GoogleAuthError, ValueError) as error:  # a key that can't be read is a ValueError
            raise CredentialError(f"Google credentials: {redacted(str(error))}") from error
        return headers

    def _found(self) -> Any:
        if self._credentials is None:
            self._credentials = self._looked_up()
        return self._credentials

    def _looked_up(self) -> Any:
        import google.auth  # noqa: PLC0415 - loaded with the first request
        from google.auth import credentials  # noqa: PLC0415

        scoped: Callable[..., Any] = credentials.with_scopes_if_required
        found = self._given
        if found is None:
            found, _ = google.auth.default(scopes=[SCOPE], request=self._request)
        universe = getattr(found, "universe_domain", _UNIVERSE)  # which may ask the metadata server
        if universe != _UNIVERSE:
            raise CredentialError(f"the credential belongs to the universe {universe}, the catalog to {_UNIVERSE}")
        return scoped(found, [SCOPE])


def _late(within_s: float) -> CredentialError:
    return CredentialError(f"no token came within {within_s:.1f} s, which were left of the request's deadline")


def auth_of(request: Any) -> GoogleAuth | None:
    """The `GoogleAuth` that has marked this request, removed from it; None if none has."""
    found = request.extensions.pop(_MARK, None)
    return found if isinstance(found, GoogleAuth) else None


class _TokenResponse:
    """A response as google-auth wants it."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


class _TokenRequest:
    """How google-auth fetches tokens: over an HTTP stack that is there anyway, instead of requests."""

    limit_s = _TOKEN_TIMEOUT_S

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _TokenResponse:
        from google.auth import exceptions  # noqa: PLC0415 - loaded with the first request

        stack = installed()
        failure: type[Any] = exceptions.TransportError
        try:
            # A client for each: a token lasts an hour, a kept connection would not.
            with stack.Client(timeout=min(timeout or _TOKEN_TIMEOUT_S, self.limit_s), follow_redirects=False) as client:
                response = client.request(method, url, content=body, headers=dict(headers or {}))
        except stack.HTTPError as error:
            raise failure(error) from error
        return _TokenResponse(response.status_code, response.headers, response.content)
