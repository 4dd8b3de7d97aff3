"""Tokens: google-auth's own flows, and what the endpoints refuse."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import google.auth
import google.auth.transport.requests
import httpx
import pytest
import requests
from google.auth import crypt, jwt
from google.oauth2 import service_account

from router.emulator import Emulator, Scenario, identity
from router.emulator.records import fingerprint

NOW = 1_700_000_000
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GENERATE = (
    "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/"
    "gemini-3.8-flash:generateContent"
)
GEMINI = {"contents": [{"parts": [{"text": "x"}]}]}


@pytest.fixture
def session():
    with requests.Session() as ours:
        yield google.auth.transport.requests.Request(ours)


def test_default_credentials_are_the_emulators_service_account(emulator, session):
    credentials, project = google.auth.default(scopes=[SCOPE])
    assert project == "emulated-project"
    assert credentials.service_account_email == "emulated@emulated-project.iam.gserviceaccount.com"
    credentials.refresh(session)
    assert credentials.token.startswith("ya29.")
    assert not credentials.expired
    [issued] = emulator.tokens
    assert (issued.flow, issued.fingerprint) == ("service_account", fingerprint(credentials.token))
    assert emulator.witness.hosts == ()


def test_credentials_of_a_user_refresh_their_token(small):
    with Emulator(catalog=small) as emulator, emulator.activated("authorized_user"):
        credentials, _ = google.auth.default(scopes=[SCOPE])
        with requests.Session() as ours:
            credentials.refresh(google.auth.transport.requests.Request(ours))
        assert [issued.flow for issued in emulator.tokens] == ["authorized_user"]


def test_the_metadata_server_gives_tokens_to_a_process_that_thinks_it_is_on_compute_engine(small):
    program = (
        "import google.auth, requests, google.auth.transport.requests as transport\n"
        "with requests.Session() as session:\n"
        "    credentials, project = google.auth.default(request=transport.Request(session))\n"
        "    credentials.refresh(transport.Request(session))\n"
        "print(type(credentials).__module__, project, credentials.service_account_email, credentials.token[:5])\n"
    )
    with Emulator(Scenario(project="my-project"), catalog=small) as emulator:
        with emulator.activated("gce"):
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
            )
        assert [issued.flow for issued in emulator.tokens] == ["gce"]
        assert emulator.witness.hosts == ()
    email = "emulated@my-project.iam.gserviceaccount.com"
    assert done.stdout.split() == ["google.auth.compute_engine.credentials", "my-project", email, "ya29."], done.stderr


def test_a_session_refreshes_its_token_and_repeats_a_request_refused_with_401(emulator):
    credentials, _ = google.auth.default(scopes=[SCOPE])
    with google.auth.transport.requests.AuthorizedSession(credentials) as session:
        assert session.post(GENERATE, json=GEMINI, timeout=5).status_code == 200
        emulator.revoke()
        assert session.post(GENERATE, json=GEMINI, timeout=5).status_code == 200
    assert [request.status for request in emulator.requests] == [200, 401, 200]
    used = [request.headers["authorization"] for request in emulator.requests]
    assert used[0] == used[1] != used[2]
    assert len(emulator.tokens) == 2


def test_the_question_where_a_credential_may_be_used_is_answered(emulator):
    host = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/someone"
    answer = httpx.get(f"{host}/allowedLocations", timeout=5)
    assert answer.json() == {"locations": [], "encodedLocations": "0x0"}
    assert httpx.get(host, timeout=5).status_code == 404


def test_the_token_endpoint_stands_behind_its_real_name_too(emulator):
    form = {"grant_type": "refresh_token", "refresh_token": "r"}
    answer = httpx.post("https://oauth2.googleapis.com/token", data=form, timeout=5)
    assert answer.json()["token_type"] == "Bearer"
    assert emulator.witness.hosts == ("oauth2.googleapis.com",)


def test_tokens_last_as_long_as_the_scenario_says(small):
    with Emulator(Scenario(token_lifetime_s=7), catalog=small) as emulator:
        form = {"grant_type": "refresh_token", "refresh_token": "r"}
        answer = httpx.post(emulator.place.token_url, data=form, timeout=5, trust_env=False)
    assert answer.json()["expires_in"] == 7


@pytest.fixture
def account():
    return json.loads(identity.service_account("p", "http://127.0.0.1/token"))


@pytest.fixture
def assertion(account):
    """Makes an assertion as google-auth does, with some claims changed."""

    def make(**change: object) -> str:
        claims = {
            "iss": account["client_email"],
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW,
            "exp": NOW + 3600,
            "scope": SCOPE,
        }
        signer = crypt.RSASigner.from_service_account_info(account)
        return jwt.encode(signer, claims | change).decode()

    return make


def test_an_assertion_made_by_google_auth_is_good(assertion):
    identity.verify(assertion(), "p", NOW)
    identity.verify(assertion(scope=f"openid {SCOPE}"), "p", NOW + 3600)


@pytest.mark.parametrize(
    ("change", "project", "now", "message"),
    [
        ({"aud": "http://127.0.0.1/token"}, "p", NOW, "expected aud https://oauth2.googleapis.com/token"),
        ({"iss": "someone@else"}, "p", NOW, "account not found"),
        ({}, "other", NOW, "account not found"),
        ({}, "p", NOW + 3661, "iat and exp"),
        ({}, "p", NOW - 61, "iat and exp"),
        ({"exp": NOW + 3601}, "p", NOW, "iat and exp"),
        ({"exp": None}, "p", NOW, "iat and exp"),
        ({"iat": "now"}, "p", NOW, "iat and exp"),
        ({"scope": "openid"}, "p", NOW, "Invalid scope"),
        ({"scope": None}, "p", NOW, "Invalid scope"),
    ],
)
def test_an_assertion_that_claims_something_wrong_is_refused(assertion, change, project, now, message):
    with pytest.raises(identity.InvalidGrant, match=message):
        identity.verify(assertion(**change), project, now)


def test_an_assertion_signed_with_another_key_is_refused(assertion):
    header, claims, signature = assertion().split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"iss": "x"}).encode()).decode().rstrip("=")
    for broken in (f"{header}.{forged}.{signature}", f"{header}.{claims}.AAAA", f"{header}.{claims}."):
        with pytest.raises(identity.InvalidGrant, match="Signature"):
            identity.verify(broken, "p", NOW)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "!.!.!"])
def test_an_assertion_that_cannot_be_read_is_refused(text):
    with pytest.raises(identity.InvalidGrant):
        identity.verify(text, "p", NOW)


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}, {"grant_type": "refresh_token"}])
def test_the_token_endpoint_refuses_other_grants(emulator, form):
    answer = httpx.post(emulator.place.token_url, data=form, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert emulator.tokens == ()


def test_a_bad_assertion_gets_no_token(emulator):
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}
    answer = httpx.post(emulator.place.token_url, data=form, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_credentials_files_are_what_google_auth_reads(emulator):
    path = emulator.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
    credentials = service_account.Credentials.from_service_account_file(path)
    assert credentials.project_id == "emulated-project"


class TestMetadata:
    """The metadata server's answers."""

    @pytest.fixture
    def get(self, emulator):
        base = emulator.place.token_url.removesuffix("/token")
        flavor = {"metadata-flavor": "Google"}
        return lambda path, headers=flavor: httpx.get(base + path, headers=headers, timeout=5)

    @pytest.mark.parametrize("path", ["/", "/computeMetadata/v1/instance/service-accounts/default/token"])
    def test_it_wants_its_header_and_gives_it_back(self, get, path):
        refused, answered = get(path, headers={}), get(path)
        assert (refused.status_code, answered.status_code) == (403, 200)
        assert answered.headers["metadata-flavor"] == "Google"

    def test_it_knows_project_account_and_universe(self, get):
        base = "/computeMetadata/v1"
        assert get(f"{base}/project/project-id").text == "emulated-project"
        assert get(f"{base}/universe/universe-domain").text == "googleapis.com"
        account = get(f"{base}/instance/service-accounts/default/?recursive=true").json()
        assert account["email"] == "emulated@emulated-project.iam.gserviceaccount.com"
        assert account["scopes"] == [SCOPE]
        assert get(f"{base}/instance/service-accounts/default/email").text == account["email"]
        token = get(f"{base}/instance/service-accounts/{account['email']}/token?scopes={SCOPE}").json()
        assert token["expires_in"] == 3600

    @pytest.mark.parametrize("path", ["/computeMetadata/v1/instance/service-accounts/other/token", "/x"])
    def test_what_it_does_not_know_is_not_found(self, get, path):
        assert get(path).status_code == 404
