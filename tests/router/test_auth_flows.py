"""Google's ways to a token, each over real TLS: what is fetched, what is sent with it, and where it never goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import google.oauth2.credentials
import pytest
from google.auth import identity_pool, impersonated_credentials
from google.oauth2 import service_account

from router import Policy, RequestNotUnderstood, Router, trace_of
from router.auth import SCOPE, CredentialError, GoogleAuth
from router.emulator import Emulator, Failure
from router.emulator.identity import impersonation_url
from tests.router.support import each_stack
from tests.world import TODAY

CALLERS = 20
POLICY = Policy(residency="eu")
HOST = "europe-west1-aiplatform.googleapis.com"
AT = "https://{host}/v1/projects/p/locations/{location}/publishers/google/models/{model}:generateContent"
MODEL = "gemini-2.5-flash"
URL = AT.format(host=HOST, location="europe-west1", model=MODEL)
BODY = {"contents": [{"role": "user", "parts": [{"text": "Good morning"}]}]}

each_colour = pytest.mark.parametrize("colour", ["sync", "async"])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(on=TODAY) as running, running.activated():
        yield running


@pytest.fixture
def router() -> Router:
    return Router(POLICY, today=lambda: TODAY)


def user(path: Path) -> Any:
    return google.oauth2.credentials.Credentials.from_authorized_user_file(str(path))


def account(path: Path) -> Any:
    return service_account.Credentials.from_service_account_file(str(path))


def impersonated(path: Path) -> Any:
    made = impersonated_credentials.Credentials.from_impersonated_service_account_info
    return made(json.loads(path.read_text("utf-8")), scopes=[SCOPE])


def external(path: Path) -> Any:
    return identity_pool.Credentials.from_file(str(path))


def external_impersonated(path: Path) -> Any:
    info = json.loads(path.read_text("utf-8"))
    url = impersonation_url(info["quota_project_id"])
    return identity_pool.Credentials.from_info({**info, "service_account_impersonation_url": url})


OAUTH, STS, IAM = "oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com"
# Each flow: its file, how google-auth reads it, the tokens that it takes in order, and the hosts that give them.
FLOWS: dict[str, tuple[str, Callable[[Path], Any], list[str], list[str]]] = {
    "authorized user": ("authorized_user", user, ["authorized_user"], [OAUTH]),
    "service account": ("service_account", account, ["service_account"], []),
    "impersonation": ("impersonation", impersonated, ["authorized_user", "impersonation"], [OAUTH, IAM]),
    "external account": ("external_account", external, ["external_account"], [STS]),
    "external account, impersonating": (
        "external_account",
        external_impersonated,
        ["external_account", "impersonation"],
        [STS, IAM],
    ),
}
each_flow = pytest.mark.parametrize("flow", FLOWS)


def auth_for(router: Router, emulator: Emulator, flow: str) -> GoogleAuth:
    file, made, _, _ = FLOWS[flow]
    return router.google_auth(made(emulator.place.credentials(file)).with_quota_project("billing"))


def failing(error: type[Exception], words: str, call: Callable[[], object]) -> None:
    """Fails unless the call raises this error with these words, be it alone in a group of tasks."""
    try:
        call()
    except BaseExceptionGroup as group:
        (caught,) = group.exceptions
    except Exception as alone:
        caught = alone
    else:
        pytest.fail("nothing was raised")
    assert isinstance(caught, error)
    assert words in str(caught)


def ask(stack: ModuleType, colour: str, router: Router, auth: GoogleAuth, many: int = 1, url: str = URL) -> list[Any]:
    """What each of so many callers at once is answered, by one client."""
    transport, options = router.transport(), {"auth": auth, "timeout": 30, "follow_redirects": True}
    if colour == "sync":
        with stack.Client(transport=transport, **options) as client, ThreadPoolExecutor(many) as pool:
            return list(pool.map(lambda _: client.post(url, json=BODY), range(many)))

    async def main() -> list[Any]:
        answers = []
        async with stack.AsyncClient(transport=transport, **options) as client, anyio.create_task_group() as tasks:

            async def one() -> None:
                answers.append(await client.post(url, json=BODY))

            for _ in range(many):
                tasks.start_soon(one)
        return answers

    return anyio.run(main)


def arrived(emulator: Emulator) -> list[Any]:
    """The requests that came to the models."""
    return [request for request in emulator.requests if request.method]


def admitted(router: Router) -> set[str]:
    """The hosts at which the policy admits the model: a crowd on fresh pools is spread over them."""
    return {allowed.host for allowed in router.explain(MODEL).allowed}


def bearers(emulator: Emulator) -> list[str]:
    return [f"Bearer <redacted {token.fingerprint}>" for token in emulator.tokens]


def flows(emulator: Emulator) -> list[str]:
    return [token.flow for token in emulator.tokens]


# Fetched once


@each_flow
@each_stack
@each_colour
def test_a_token_is_fetched_once_for_all_who_come_at_once(
    emulator: Emulator, router: Router, flow: str, module: ModuleType, colour: str
) -> None:
    auth = auth_for(router, emulator, flow)
    answers = ask(module, colour, router, auth, CALLERS)
    assert [answer.status_code for answer in answers] == [200] * CALLERS
    _, _, expected, token_hosts = FLOWS[flow]
    assert flows(emulator) == expected
    assert {request.headers["authorization"] for request in arrived(emulator)} == {bearers(emulator)[-1]}
    assert {request.headers["x-goog-user-project"] for request in arrived(emulator)} == {"billing"}
    contacted = list(emulator.witness.hosts)
    assert contacted[: len(token_hosts)] == token_hosts
    assert set(contacted[len(token_hosts) :]) <= admitted(router)


@pytest.mark.parametrize("flow", ["authorized_user", "service_account", "impersonation", "external_account"])
@each_stack
def test_the_environments_credentials_are_found(router: Router, flow: Any, module: ModuleType) -> None:
    with Emulator(on=TODAY) as emulator, emulator.activated(flow):
        answers = ask(module, "sync", router, router.google_auth(), 2)
        assert [answer.status_code for answer in answers] == [200] * 2
        assert flows(emulator)[-1] == flow
        assert {request.headers["authorization"] for request in arrived(emulator)} == {bearers(emulator)[-1]}


PROGRAM = """
import sys
from importlib import import_module
from tests.router.test_auth_flows import CALLERS, POLICY, TODAY, ask
from router import Router
stack, colour, many = import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
router = Router(POLICY, today=lambda: TODAY)
auth = router.google_auth()
answers = ask(stack, colour, router, auth, many)
print(*(answer.status_code for answer in answers), type(auth._credentials).__module__)
"""


def on_compute_engine(module: ModuleType, colour: str, many: int) -> None:
    """Asks in a process of its own: google-auth reads the metadata server's address when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, module.__name__, colour, str(many)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["200"] * many + ["google.auth.compute_engine.credentials"], done.stderr


@each_stack
@each_colour
def test_a_machine_of_compute_engine_gets_its_token_once_from_the_metadata_server(
    module: ModuleType, colour: str
) -> None:
    with Emulator(on=TODAY) as emulator, emulator.activated("gce"):
        on_compute_engine(module, colour, CALLERS)
        assert flows(emulator) == ["gce"]
        assert {request.headers["authorization"] for request in arrived(emulator)} == set(bearers(emulator))
        assert set(emulator.witness.hosts) <= admitted(Router(POLICY, today=lambda: TODAY))


@each_stack
@each_colour
def test_on_compute_engine_a_rejected_token_is_renewed_once(module: ModuleType, colour: str) -> None:
    with Emulator(on=TODAY) as emulator, emulator.activated("gce"):
        emulator.script("europe-west1", errors=[401])
        on_compute_engine(module, colour, 1)
        assert flows(emulator) == ["gce"] * 2
        assert [request.status for request in arrived(emulator)] == [401, 200]
        assert [request.headers["authorization"] for request in arrived(emulator)] == bearers(emulator)
        assert emulator.witness.hosts == (HOST,)


# Rejected


@each_flow
@each_stack
@each_colour
def test_a_rejected_token_is_renewed_once_and_the_request_sent_again_to_the_same_location(
    emulator: Emulator, router: Router, flow: str, module: ModuleType, colour: str
) -> None:
    auth = auth_for(router, emulator, flow)
    ask(module, colour, router, auth)
    emulator.revoke(auth.headers(URL)["authorization"].removeprefix("Bearer "))
    (answer,) = ask(module, colour, router, auth)
    assert answer.status_code == 200
    trace = trace_of(answer)
    assert trace is not None
    assert trace.header() == "europe-west1=401, europe-west1=200"
    assert [request.status for request in arrived(emulator)] == [200, 401, 200]
    _, _, expected, _ = FLOWS[flow]
    assert flows(emulator) == [*expected, expected[-1]]  # the token that it was traded for is still good


@each_stack
@each_colour
def test_a_rejected_token_is_renewed_once_for_all_whom_it_fails(
    emulator: Emulator, router: Router, module: ModuleType, colour: str
) -> None:
    auth = auth_for(router, emulator, "service account")
    ask(module, colour, router, auth)
    emulator.revoke()
    answers = ask(module, colour, router, auth, CALLERS)
    assert [answer.status_code for answer in answers] == [200] * CALLERS
    assert flows(emulator) == ["service_account"] * 2


@each_stack
@each_colour
def test_a_second_rejection_is_final(emulator: Emulator, router: Router, module: ModuleType, colour: str) -> None:
    emulator.script("*", errors=[401], repeat=True)
    (answer,) = ask(module, colour, router, auth_for(router, emulator, "service account"))
    assert (answer.status_code, answer.headers["x-vertex-router"]) == (401, "europe-west1=401, europe-west1=401")
    assert [request.status for request in arrived(emulator)] == [401, 401]
    assert flows(emulator) == ["service_account"] * 2


@each_stack
@each_colour
def test_a_credential_that_cannot_be_renewed_says_why(
    emulator: Emulator, router: Router, colour: str, module: ModuleType
) -> None:
    """The token that it is traded for is revoked too."""
    auth = auth_for(router, emulator, "impersonation")
    ask(module, colour, router, auth)
    emulator.revoke()
    failing(CredentialError, "UNAUTHENTICATED", lambda: ask(module, colour, router, auth))


# What goes with it


@each_stack
@each_colour
def test_where_a_credential_may_be_used_goes_with_its_token(
    emulator: Emulator, router: Router, module: ModuleType, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google-auth asks for it where this is switched on, as a rule in the background, for other hosts than `rep`."""
    credentials = account(emulator.place.credentials("service_account")).with_scopes([SCOPE])
    if not hasattr(credentials, "_set_blocking_regional_access_boundary_lookup"):
        pytest.skip("this version of google-auth does not ask")
    monkeypatch.setenv("GOOGLE_SDK_EXPERIMENTAL_PYTHON_REGIONAL_ACCESS_BOUNDARY_LOOKUP_ENABLED", "true")
    credentials._set_blocking_regional_access_boundary_lookup()
    auth = router.google_auth(credentials)
    ask(module, colour, router, auth)
    eu = AT.format(host="aiplatform.eu.rep.googleapis.com", location="eu", model="gemini-3.8-flash")
    ask(module, colour, router, auth, url=eu)
    assert [request.headers["x-allowed-locations"] for request in arrived(emulator)] == ["0x0"] * 2


# Where it never goes


@pytest.mark.parametrize("flow", ["service account", "external account"])
@each_stack
@each_colour
def test_a_credential_of_another_universe_is_refused_before_anything_is_sent(
    emulator: Emulator, router: Router, flow: str, colour: str, module: ModuleType
) -> None:
    file, made, _, _ = FLOWS[flow]
    info = json.loads(emulator.place.credentials(file).read_text("utf-8"))
    path = emulator.place.directory / "elsewhere.json"
    path.write_text(json.dumps({**info, "universe_domain": "s3nsapis.fr"}), "utf-8")
    failing(CredentialError, "s3nsapis.fr", lambda: ask(module, colour, router, router.google_auth(made(path))))
    assert (emulator.requests, emulator.tokens, emulator.witness.hosts) == ((), (), ())


@pytest.mark.parametrize("policy", [Policy(), Policy(residency="eu")], ids=["free", "eu"])
@pytest.mark.parametrize(
    "url",
    [
        "https://storage.googleapis.com/v1/b",
        AT.format(host="mars-central1-aiplatform.googleapis.com", location="mars-central1", model="gemini-2.5-flash"),
        AT.format(host="aiplatform.googleapis.com.example", location="eu", model="gemini-2.5-flash"),
        "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
)
@each_stack
@each_colour
def test_a_host_that_is_not_catalogued_gets_no_token(
    emulator: Emulator, policy: Policy, url: str, colour: str, module: ModuleType
) -> None:
    router = Router(policy, today=lambda: TODAY)
    failing(
        RequestNotUnderstood,
        "",
        lambda: ask(module, colour, router, auth_for(router, emulator, "service account"), url=url),
    )
    assert (emulator.requests, emulator.tokens, emulator.witness.hosts) == ((), (), ())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@each_stack
@each_colour
def test_a_redirect_is_not_followed(
    emulator: Emulator, router: Router, status: int, module: ModuleType, colour: str
) -> None:
    """Not even by a client that follows redirects; the next location is asked instead."""
    elsewhere = {"location": "https://storage.googleapis.com/taken"}
    emulator.script("*", errors=[Failure(status=status, headers=elsewhere)], repeat=True)
    (answer,) = ask(module, colour, router, auth_for(router, emulator, "service account"))
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert {request.host for request in emulator.requests} == set(emulator.witness.hosts) == admitted(router)
