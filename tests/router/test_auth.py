"""Google credentials: requests are marked, and signed at the last moment; a token is fetched once for all who
wait for it, and never on the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import anyio
import google.auth
import google.oauth2.credentials
import pytest
from google.auth.credentials import Credentials, Scoped
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from router.auth import SCOPE, CredentialError, GoogleAuth, auth_of
from router.stack import Stack
from tests.router.support import each_loop, each_stack

URL = "https://aiplatform.eu.rep.googleapis.com/"
THREADS = 8


class Fake(Credentials):
    """Credentials of google-auth whose tokens are numbered; `fetching` runs while one is fetched."""

    def __init__(
        self, token: str | None = None, universe: str = "googleapis.com", fetching: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__()
        self.token = token
        self._universe_domain = universe
        self._quota_project_id = "billing"
        self._fetching = fetching
        self.fetched = 0
        self.threads: list[int] = []
        self.urls: list[tuple[str, str]] = []

    def refresh(self, request: Any) -> None:
        self.threads.append(threading.get_ident())
        self._fetching()
        self.fetched += 1
        self.token = f"token-{self.fetched}"

    def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
        self.urls.append((method, url))
        super().before_request(request, method, url, headers)
        headers["x-allowed-locations"] = "0x30"


def signed(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "x-goog-user-project": "billing", "x-allowed-locations": "0x30"}


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


def in_threads(call: Callable[[], Any]) -> list[Any]:
    """What it gives to each of several threads that call it at once."""
    start = threading.Barrier(THREADS)

    def run(_: int) -> Any:
        start.wait()
        return call()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


# Marking


@each_stack
def test_a_request_is_marked_and_leaves_the_client_without_a_token(module: ModuleType) -> None:
    credentials = Fake("secret")
    auth = GoogleAuth(credentials)
    seen = []

    def answer(request: Any) -> Any:
        seen.append((auth_of(request), auth_of(request), "authorization" in request.headers))
        return module.Response(200)

    transport = module.MockTransport(answer)
    with module.Client(transport=transport, auth=auth) as client:
        client.post(URL)

    async def main() -> None:
        async with module.AsyncClient(transport=transport, auth=auth) as client:
            await client.post(URL)

    anyio.run(main)
    assert seen == [(auth, None, False)] * 2
    assert credentials.urls == []


@each_stack
@pytest.mark.parametrize("extensions", [{}, {"vertex_router_auth": "a stranger's"}])
def test_a_request_without_a_mark_of_ours_has_none(module: ModuleType, extensions: dict[str, Any]) -> None:
    request = module.Request("POST", URL, extensions={"timeout": {}, **extensions})
    assert auth_of(request) is None
    assert request.extensions == {"timeout": {}}


@each_stack
def test_a_mark_does_not_travel(module: ModuleType) -> None:
    request = GoogleAuth(Fake())(module.Request("POST", URL, content=b"{}"))
    assert auth_of(request) is not None
    stack = Stack(module)
    assert stack.request(request, request.url, {}, b"{}", None).extensions == {"timeout": None}


# Headers


def test_all_headers_of_the_credential_are_set() -> None:
    """Also those of a quota project and of allowed locations, which a client that reads the token alone would drop."""
    credentials = Fake("secret")
    assert GoogleAuth(credentials).headers(URL) == signed("secret")
    assert credentials.urls == [("POST", URL)]
    assert credentials.fetched == 0


def test_a_token_is_fetched_when_there_is_none_and_kept() -> None:
    credentials = Fake()
    auth = GoogleAuth(credentials)
    assert [auth.headers(URL) for _ in range(3)] == [signed("token-1")] * 3
    assert credentials.fetched == 1


def test_a_token_that_was_rejected_is_replaced() -> None:
    credentials = Fake("rejected")
    auth = GoogleAuth(credentials)
    assert auth.headers(URL, "Bearer rejected") == signed("token-1")
    assert auth.headers(URL) == signed("token-1")


def test_a_token_that_has_been_replaced_since_is_not_replaced_again() -> None:
    credentials = Fake("rejected")
    auth = GoogleAuth(credentials)
    assert [auth.headers(URL, "Bearer rejected") for _ in range(2)] == [signed("token-1")] * 2
    assert credentials.fetched == 1


def test_no_token_goes_to_two_who_ask_at_different_times_in_one_dict() -> None:
    auth = GoogleAuth(Fake("secret"))
    one = auth.headers(URL)
    one["authorization"] = "changed"
    assert auth.headers(URL) == signed("secret")


# Once for all who wait


class Doorman:
    """A lock at which one can see how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came = threading.Semaphore(0)
        self.release = self._lock.release

    def acquire(self, *how: Any, **more: Any) -> bool:
        self._came.release()
        return self._lock.acquire(*how, **more)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def wait_for(self, many: int) -> bool:
        return all(self._came.acquire(timeout=10) for _ in range(many))


@pytest.mark.parametrize("refresh", [False, True], ids=["no token", "token rejected"])
def test_a_token_is_fetched_once_for_all_who_wait_for_it(refresh: bool) -> None:
    door = Doorman()
    first = iter([True])
    credentials = Fake("rejected" if refresh else None, fetching=lambda: next(first, False) and door.wait_for(THREADS))
    auth = GoogleAuth(credentials)
    auth._lock = door  # type: ignore[assignment] # there is no other way to see who waits
    rejected = "Bearer rejected" if refresh else ""
    assert in_threads(lambda: auth.headers(URL, rejected)) == [signed("token-1")] * THREADS
    assert credentials.fetched == 1


def test_no_two_threads_use_the_credential_at_once() -> None:
    inside = threading.Lock()

    def alone() -> None:
        assert inside.acquire(blocking=False)
        inside.release()

    auth = GoogleAuth(Fake("rejected", fetching=alone))
    assert len(in_threads(lambda: auth.headers(URL, "Bearer rejected"))) == THREADS


# Never on the event loop


@each_loop
@pytest.mark.parametrize("refresh", [False, True])
def test_a_token_is_fetched_in_a_worker_thread(loop: str, refresh: bool) -> None:
    credentials = Fake("rejected" if refresh else None)

    async def main() -> dict[str, str]:
        return await GoogleAuth(credentials).aheaders(URL, "Bearer rejected" if refresh else "")

    assert anyio.run(main, backend=loop) == signed("token-1")
    assert credentials.threads
    assert threading.get_ident() not in credentials.threads


@each_loop
def test_a_valid_token_is_used_as_it_is(loop: str) -> None:
    credentials = Fake("secret")

    async def main() -> dict[str, str]:
        return await GoogleAuth(credentials).aheaders(URL)

    assert anyio.run(main, backend=loop) == signed("secret")
    assert credentials.fetched == 0


@each_loop
def test_the_environments_credentials_are_looked_up_in_a_worker_thread(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up may ask a metadata server."""
    threads = []

    def default(**_: Any) -> tuple[Fake, str]:
        threads.append(threading.get_ident())
        return Fake("secret"), "p"

    monkeypatch.setattr(google.auth, "default", default)

    async def main() -> dict[str, str]:
        return await GoogleAuth().aheaders(URL)

    assert anyio.run(main, backend=loop) == signed("secret")
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@each_loop
def test_the_event_loop_goes_on_while_another_request_fetches_a_token(loop: str) -> None:
    entered, go_on = threading.Event(), threading.Event()
    went_on = []

    def fetching() -> None:
        entered.set()
        went_on.append(go_on.wait(1))

    auth = GoogleAuth(Fake("still valid", fetching=fetching))

    async def main() -> None:
        begun = anyio.Event()

        async def another() -> None:
            begun.set()
            await auth.aheaders(URL)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(auth.aheaders, URL, "Bearer still valid")
            await anyio.to_thread.run_sync(entered.wait, 10)
            tasks.start_soon(another)
            await begun.wait()
            go_on.set()

    anyio.run(main, backend=loop)
    assert went_on == [True]


@each_loop
def test_who_gives_up_does_not_wait_for_the_token_which_the_next_one_gets(loop: str) -> None:
    entered, go_on = threading.Event(), threading.Event()
    credentials = Fake(fetching=lambda: (entered.set(), go_on.wait(10)))
    auth = GoogleAuth(credentials)

    async def main() -> dict[str, str]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(auth.aheaders, URL)
            await anyio.to_thread.run_sync(entered.wait, 10)
            tasks.cancel_scope.cancel()
        assert credentials.fetched == 0
        go_on.set()
        return await auth.aheaders(URL)

    assert anyio.run(main, backend=loop) == signed("token-1")
    assert credentials.fetched == 1


@each_loop
def test_a_token_that_does_not_come_in_time_is_said_so(loop: str) -> None:
    entered, go_on = threading.Event(), threading.Event()
    auth = GoogleAuth(Fake(fetching=lambda: (entered.set(), go_on.wait(10))))

    async def main() -> None:
        with pytest.raises(CredentialError, match=r"within 0\.1 s"):
            await auth.aheaders(URL, within_s=0.1)

    try:
        anyio.run(main, backend=loop)
        assert entered.wait(10)
        with pytest.raises(CredentialError, match=r"within 0\.0 s"):  # somebody else is still at it
            auth.headers(URL, within_s=0.0)
    finally:
        go_on.set()
    assert auth.headers(URL) == signed("token-1")


# No usable credential


@pytest.mark.parametrize("refresh", [False, True])
def test_a_credential_of_another_universe_is_refused(refresh: bool) -> None:
    credentials = Fake("secret", universe="s3nsapis.fr")
    with pytest.raises(CredentialError, match=r"s3nsapis\.fr.*googleapis\.com"):
        GoogleAuth(credentials).headers(URL, "Bearer secret" if refresh else "")
    assert credentials.urls == []
    assert credentials.fetched == 0


@each_loop
def test_it_is_refused_to_async_callers_as_well(loop: str) -> None:
    credentials = Fake("secret", universe="s3nsapis.fr")

    async def main() -> None:
        with pytest.raises(CredentialError, match=r"s3nsapis\.fr"):
            await GoogleAuth(credentials).aheaders(URL)

    anyio.run(main, backend=loop)
    assert credentials.urls == []


@pytest.mark.parametrize("error", [RefreshError("invalid_grant"), TransportError("no network")])
def test_an_error_of_google_auth_is_one_of_ours(error: Exception) -> None:
    with pytest.raises(CredentialError, match=str(error)) as caught:
        GoogleAuth(Fake(fetching=failing(error))).headers(URL)
    assert caught.value.__cause__ is error


def test_without_any_credential_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**_: Any) -> Any:
        raise DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(CredentialError, match="Your default credentials were not found"):
        GoogleAuth().headers(URL)


def test_any_other_error_passes_and_locks_no_one_out() -> None:
    errors = iter([KeyError("made up")])
    auth = GoogleAuth(Fake(fetching=lambda: failing(error)() if (error := next(errors, None)) else None))
    with pytest.raises(KeyError):
        auth.headers(URL)
    assert auth.headers(URL) == signed("token-1")


# Scopes


def test_a_credential_that_needs_a_scope_and_has_none_gets_one() -> None:
    """As the key of a service account does that was read from its file."""

    class Unscoped(Fake, Scoped):
        scopes: tuple[str, ...] = ()

        @property
        def requires_scopes(self) -> bool:
            return not self.scopes

        def with_scopes(self, scopes: Any, default_scopes: Any = None) -> Any:
            made = Unscoped("scoped")
            made.scopes = tuple(scopes)
            return made

    assert GoogleAuth(Unscoped("unscoped")).headers(URL) == signed("scoped")
    own = Unscoped("own")
    own.scopes = ("https://www.googleapis.com/auth/cloud-platform.read-only",)
    assert GoogleAuth(own).headers(URL) == signed("own")


# Credentials of the environment


def test_the_environment_is_asked_once_and_not_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def default(**how: Any) -> tuple[Fake, str]:
        asked.append(how)
        return Fake("secret"), "p"

    monkeypatch.setattr(google.auth, "default", default)
    auth = GoogleAuth()
    assert asked == []
    assert [auth.headers(URL) for _ in range(2)] == [signed("secret")] * 2
    assert len(asked) == 1
    assert asked[0]["scopes"] == [SCOPE]


# How tokens are fetched


def token_service(module: ModuleType, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Any], Any]) -> list[Any]:
    """A token service behind every client that is made; gives the requests that it gets."""
    requests: list[Any] = []

    def handle(request: Any) -> Any:
        requests.append(request)
        return answer(request)

    def client(**options: Any) -> Any:
        return module.Client(transport=module.MockTransport(handle), **options)

    monkeypatch.setattr("router.auth.installed", lambda: SimpleNamespace(Client=client, HTTPError=module.HTTPError))
    return requests


def user() -> GoogleAuth:
    """The credential of a user, whose token has to be fetched."""
    credentials = google.oauth2.credentials.Credentials(
        token=None,
        refresh_token="refresh",
        token_uri="https://token.example/token",
        client_id="id",
        client_secret="secret",
        quota_project_id="billing",
    )
    return GoogleAuth(credentials)


@each_stack
def test_a_token_is_fetched_over_a_stack_that_is_there_anyway(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"}
    requests = token_service(module, monkeypatch, lambda request: module.Response(200, json=answer))
    auth = user()
    for _ in range(2):
        headers = auth.headers(URL)
        assert headers["authorization"] == "Bearer fresh"
        assert headers["x-goog-user-project"] == "billing"
    (request,) = requests
    assert (request.method, str(request.url)) == ("POST", "https://token.example/token")
    assert parse_qs(request.content.decode())["refresh_token"] == ["refresh"]
    assert request.extensions["timeout"]["read"] > 0


@each_stack
def test_the_token_service_has_no_longer_than_the_request(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"}
    requests = token_service(module, monkeypatch, lambda request: module.Response(200, json=answer))
    user().headers(URL, within_s=2.5)
    assert set(requests[0].extensions["timeout"].values()) == {2.5}


@each_stack
def test_a_token_request_is_not_redirected(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"location": "https://evil.example/token"}
    requests = token_service(module, monkeypatch, lambda request: module.Response(307, headers=elsewhere, json={}))
    with pytest.raises(CredentialError):
        user().headers(URL)
    assert {request.url.host for request in requests} == {"token.example"}


@each_stack
def test_a_refusal_of_the_token_service_is_an_error_of_ours(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = {"error": "invalid_grant", "error_description": "Bad Request"}
    token_service(module, monkeypatch, lambda request: module.Response(400, json=refusal))
    with pytest.raises(CredentialError, match="invalid_grant"):
        user().headers(URL)


@each_stack
def test_a_network_that_fails_is_an_error_of_ours(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Any) -> Any:
        raise module.ConnectError("made up")

    token_service(module, monkeypatch, refuse)
    with pytest.raises(CredentialError, match="made up"):
        user().headers(URL)
