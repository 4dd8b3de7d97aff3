"""Trading one credential for another: what the emulated services give, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import google.auth
import google.auth.transport.requests
import httpx
import pytest
import requests

from router.emulator import Emulator, Scenario, identity, workload
from router.emulator.iam import ACCESS_TOKEN, TOKEN_EXCHANGE, Exchange
from router.emulator.tokens import Tokens
from router.emulator.wire import Request

NOW = 1_700_000_000
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ASK = {"delegates": None, "scope": [SCOPE], "lifetime": "3600s"}


class Service:
    """The services without their doors."""

    def __init__(self, clock, lifetime_s: int = 3600) -> None:
        self.tokens = Tokens(lifetime_s, ["revoked"], clock)
        self.hosts = Exchange(self.tokens, "p", lambda: NOW).hosts

    def send(self, verb: str, host: str, target: str, body: bytes = b"", bearer: str | None = "t"):
        headers = (("authorization", f"Bearer {bearer}"),) if bearer is not None else ()
        head, content = self.hosts[host](Request(verb, target, (("host", host), *headers), body))
        return head.status, json.loads(content)

    def exchange(self, **change):
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "audience": workload.AUDIENCE,
            "scope": SCOPE,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": workload.subject_token(NOW),
            "subject_token_type": workload.SUBJECT_TYPES[0],
        }
        body = str(httpx.QueryParams({name: value for name, value in {**form, **change}.items() if value}))
        return self.send("POST", "sts.googleapis.com", "/v1/token", body.encode(), bearer=None)

    def impersonate(self, asked=ASK, email: str = identity.impersonated_email("p"), bearer: str | None = "t"):
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        target = f"/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        return self.send("POST", "iamcredentials.googleapis.com", target, body, bearer)


@pytest.fixture
def service(clock):
    return Service(clock)


# Through google-auth, over TLS


@pytest.mark.parametrize(
    ("flow", "kind", "issued", "hosts"),
    [
        (
            "impersonation",
            "google.auth.impersonated_credentials",
            ["authorized_user", "impersonation"],
            ("oauth2.googleapis.com", "iamcredentials.googleapis.com"),
        ),
        (
            "external_account",
            "google.auth.identity_pool",
            ["external_account"],
            ("sts.googleapis.com", "cloudresourcemanager.googleapis.com"),
        ),
    ],
)
def test_default_credentials_of_the_environment_get_a_token(small, flow, kind, issued, hosts, monkeypatch):
    with Emulator(Scenario(project="mine"), catalog=small) as emulator, emulator.activated(flow):
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")  # so that the service is asked for it
        with requests.Session() as session:
            transport = google.auth.transport.requests.Request(session)
            credentials, project = google.auth.default(scopes=[SCOPE], request=transport)
            if not credentials.valid:
                credentials.refresh(transport)
        assert type(credentials).__module__ == kind
        assert project == ("mine" if flow == "external_account" else None)
        assert credentials.quota_project_id == "mine"
        assert [token.flow for token in emulator.tokens] == issued
        assert emulator.witness.hosts == hosts


def test_the_subject_token_is_good_in_the_emulators_own_time_and_not_two_days_on(emulator):
    token, now = emulator.place.subject_token.read_text(), datetime.now(UTC).timestamp()
    assert workload.verify(token, now) is None
    with pytest.raises(identity.InvalidGrant):
        workload.verify(token, now + 2 * 24 * 3600)


# Token exchange


def test_another_providers_token_is_traded(service):
    status, answer = service.exchange()
    assert status == 200
    token = answer.pop("access_token")
    assert answer == {"issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}
    assert service.tokens.good(token)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"grant_type": "refresh_token"}, "unsupported_grant_type", "token-exchange"),
        ({"grant_type": None}, "unsupported_grant_type", "token-exchange"),
        ({"audience": "//iam.googleapis.com/elsewhere"}, "invalid_target", workload.AUDIENCE),
        ({"audience": None}, "invalid_target", workload.AUDIENCE),
        ({"scope": None}, "invalid_scope", SCOPE),
        ({"scope": "openid"}, "invalid_scope", SCOPE),
        ({"requested_token_type": None}, "invalid_request", ACCESS_TOKEN),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request", "subject_token_type"),
        ({"subject_token": None}, "invalid_grant", "Signature"),
        ({"subject_token": "a.b.AAAA"}, "invalid_grant", "Signature"),
    ],
)
def test_an_exchange_that_lacks_something_is_refused(service, change, error, words):
    status, answer = service.exchange(**change)
    assert (status, answer["error"]) == (400, error)
    assert words in answer["error_description"]
    assert service.tokens.issued == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"aud": "https://iam.googleapis.com/other"}, "audience"),
        ({"aud": None}, "audience"),
        ({"sub": ""}, "sub"),
        ({"exp": None}, "exp"),
        ({"exp": NOW + 86401}, "exp"),
        ({"iat": NOW - 3700, "exp": NOW - 100}, "stale"),
        ({"iat": NOW + 100, "exp": NOW + 3600}, "not good yet"),
    ],
)
def test_a_subject_token_that_claims_something_wrong_is_refused(service, change, words):
    _, claims = identity.read(workload.subject_token(NOW))
    status, answer = service.exchange(subject_token=identity.sign({**claims, **change}))
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert words in answer["error_description"]


# Acting as a service account


def test_a_token_of_a_service_account_is_given_to_who_may_act_as_it(service):
    status, answer = service.impersonate()
    assert (status, answer["expireTime"]) == (200, "2023-11-14T23:13:20Z")
    assert service.tokens.good(answer["accessToken"])
    assert [token.flow for token in service.tokens.issued] == ["impersonation"]


@pytest.mark.parametrize(("asked", "most", "lasts"), [("600s", 3600, 600), ("3600s", 60, 60), (None, 3600, 3600)])
def test_it_lasts_as_long_as_was_asked_and_the_scenario_allows(clock, asked, most, lasts):
    service = Service(clock, most)
    status, answer = service.impersonate({key: value for key, value in {**ASK, "lifetime": asked}.items() if value})
    assert status == 200
    expires = datetime.strptime(answer["expireTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert expires.timestamp() == NOW + lasts
    clock.now += lasts - 1
    assert service.tokens.good(answer["accessToken"])
    clock.now += 1
    assert not service.tokens.good(answer["accessToken"])


@pytest.mark.parametrize("bearer", [None, "", "revoked"])
def test_it_wants_a_good_token(service, bearer):
    status, answer = service.impersonate(bearer=bearer)
    assert (status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("change", "status", "name", "words"),
    [
        ({"scope": []}, 400, "INVALID_ARGUMENT", "scope"),
        ({"scope": None}, 400, "INVALID_ARGUMENT", "scope"),
        ({"scope": SCOPE}, 400, "INVALID_ARGUMENT", "scope: expected a list"),
        ({"scope": 1}, 400, "INVALID_ARGUMENT", "scope: expected a list"),
        ({"delegates": [1]}, 400, "INVALID_ARGUMENT", "delegates: expected a list"),
        ({"scope": ["openid"]}, 400, "INVALID_ARGUMENT", "scope"),
        ({"lifetime": "0s"}, 400, "INVALID_ARGUMENT", "lifetime"),
        ({"lifetime": "3601s"}, 400, "INVALID_ARGUMENT", "lifetime"),
        ({"lifetime": "an hour"}, 400, "INVALID_ARGUMENT", "lifetime"),
        ({"delegates": ["projects/-/serviceAccounts/a@b"]}, 403, "PERMISSION_DENIED", "getAccessToken"),
    ],
)
def test_what_it_cannot_give_is_refused(service, change, status, name, words):
    found, answer = service.impersonate({**ASK, **change})
    assert (found, answer["error"]["code"], answer["error"]["status"]) == (status, status, name)
    assert words in answer["error"]["message"]
    assert service.tokens.issued == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"scope"'])
def test_a_body_that_is_no_object_is_refused(service, body):
    assert service.impersonate(body)[0] == 400


def test_an_account_that_it_does_not_know_is_refused(service):
    assert service.impersonate(email="someone@p.iam.gserviceaccount.com")[0] == 403


def test_an_account_may_be_reached_through_one_that_it_knows(service):
    assert service.impersonate({**ASK, "delegates": [f"projects/-/serviceAccounts/{identity.email('p')}"]})[0] == 200


# What else


@pytest.mark.parametrize(("name", "status"), [("p", 200), (workload.PROJECT_NUMBER, 200), ("other", 403)])
def test_a_project_is_told_to_who_has_a_token(service, name, status):
    host, target = "cloudresourcemanager.googleapis.com", f"/v1/projects/{name}"
    found, answer = service.send("GET", host, target)
    assert found == status
    assert status != 200 or answer["projectId"] == "p"
    assert service.send("GET", host, target, bearer="revoked")[0] == 401


@pytest.mark.parametrize(
    ("verb", "host", "target"),
    [
        ("GET", "sts.googleapis.com", "/v1/token"),
        ("POST", "sts.googleapis.com", "/v1/introspect"),
        ("GET", "iamcredentials.googleapis.com", "/v1/projects/-/serviceAccounts/a@b:generateAccessToken"),
        ("POST", "iamcredentials.googleapis.com", "/v1/projects/-/serviceAccounts/a@b:signBlob"),
        ("POST", "cloudresourcemanager.googleapis.com", "/v1/projects/p"),
        ("GET", "cloudresourcemanager.googleapis.com", "/v3/projects/p"),
    ],
)
def test_what_they_do_not_know_is_not_found(service, verb, host, target):
    status, answer = service.send(verb, host, target)
    assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")
