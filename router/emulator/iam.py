"""Where one credential is traded for another: `sts.googleapis.com` gives a token for one of another identity provider,
`iamcredentials.googleapis.com` one of a service account for the token of somebody who may act as it.

`cloudresourcemanager.googleapis.com` is here because google-auth asks it for the project of a traded token.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from router.emulator import identity, workload
from router.emulator.tokens import Tokens
from router.emulator.wire import Request, Respond, Step, whole

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type

_ACCOUNT = re.compile(r"/v1/projects/-/serviceAccounts/(?P<email>[^/:]+):(?P<verb>[A-Za-z]+)")
_PROJECT = re.compile(r"/v1/projects/(?P<name>[^/:]+)")
_LIFETIME = re.compile(r"(\d{1,5})(?:\.0*)?s")
_LONGEST_S = 3600


class _Refused(Exception):
    """A request is refused; holds the answer."""

    def __init__(self, status: int, content: Any) -> None:
        self.answer = _json(status, content)
        super().__init__(status)


class Exchange:
    """Answers requests to trade a credential.

    Args:
        now: seconds since 1970, for the times in tokens and answers.
    """

    def __init__(self, tokens: Tokens, project: str, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._project = project
        self._now = now

    @property
    def hosts(self) -> dict[str, Respond]:
        """Who answers at which host."""
        return {
            "sts.googleapis.com": self.token,
            "iamcredentials.googleapis.com": self.account,
            "cloudresourcemanager.googleapis.com": self.project,
        }

    def token(self, request: Request) -> list[Step]:
        """Answers at the token exchange. Source: RFC 8693, for the fields and the names of errors."""
        if (request.verb, request.path) != ("POST", "/v1/token"):
            return _not_found()
        form = {key: values[-1] for key, values in parse_qs(request.body.decode("latin-1")).items()}
        try:
            self._check_exchange(form)
            workload.verify(form.get("subject_token", ""), self._now())
        except identity.InvalidGrant as error:
            return _json(400, {"error": "invalid_grant", "error_description": str(error)})
        except _Refused as refused:
            return refused.answer
        content = {
            "access_token": self._tokens.issue("external_account"),
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": self._tokens.lasting(),
        }
        return _json(200, content)

    def _check_exchange(self, form: dict[str, str]) -> None:
        wrong = (
            (form.get("grant_type") != TOKEN_EXCHANGE, "unsupported_grant_type", f"expected {TOKEN_EXCHANGE}"),
            (form.get("requested_token_type") != ACCESS_TOKEN, "invalid_request", f"expected {ACCESS_TOKEN}"),
            (form.get("audience") != workload.AUDIENCE, "invalid_target", f"expected the audience {workload.AUDIENCE}"),
            (not identity.scoped(form.get("scope", "")), "invalid_scope", f"expected {identity.SCOPE}"),
            (
                form.get("subject_token_type") not in workload.SUBJECT_TYPES,
                "invalid_request",
                f"expected a subject_token_type of {' or '.join(workload.SUBJECT_TYPES)}",
            ),
        )
        for is_wrong, name, why in wrong:
            if is_wrong:
                raise _Refused(400, {"error": name, "error_description": why})

    def account(self, request: Request) -> list[Step]:
        """Answers about service accounts: a token to act as one, and where one may be used."""
        if request.verb == "GET" and request.path.endswith("/allowedLocations"):
            # What google-auth asks in the background where that is switched on: anywhere.
            return _json(200, {"locations": [], "encodedLocations": "0x0"})
        found = _ACCOUNT.fullmatch(request.path)
        if request.verb != "POST" or found is None or found["verb"] != "generateAccessToken":
            return _not_found()
        try:
            self._check_bearer(request)
            lifetime_s = self._asked(found["email"].replace("%40", "@"), request.body)
        except _Refused as refused:
            return refused.answer
        token = self._tokens.issue("impersonation", lifetime_s)
        expires = datetime.fromtimestamp(self._now() + self._tokens.lasting(lifetime_s), UTC)
        return _json(200, {"accessToken": token, "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def _asked(self, email: str, body: bytes) -> int:
        """For how many seconds a token is asked, by somebody who may have it."""
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise _status(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Expected one JSON object.")
        through = [delegate.rpartition("/")[2] for delegate in _listed(asked, "delegates")]
        known = (identity.email(self._project), identity.impersonated_email(self._project))
        if not {email, *through} <= set(known):
            why = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            raise _status(403, "PERMISSION_DENIED", why)
        if identity.SCOPE not in _listed(asked, "scope"):
            raise _status(400, "INVALID_ARGUMENT", f"scope: expected a list with {identity.SCOPE}.")
        lifetime = _LIFETIME.fullmatch(str(asked.get("lifetime", f"{_LONGEST_S}s")))
        if lifetime is None or not 0 < int(lifetime[1]) <= _LONGEST_S:
            raise _status(400, "INVALID_ARGUMENT", f"lifetime: expected 1s to {_LONGEST_S}s.")
        return int(lifetime[1])

    def project(self, request: Request) -> list[Step]:
        """Answers which project a number or a name is."""
        found = _PROJECT.fullmatch(request.path)
        if request.verb != "GET" or found is None:
            return _not_found()
        try:
            self._check_bearer(request)
        except _Refused as refused:
            return refused.answer
        if found["name"] not in (self._project, workload.PROJECT_NUMBER):
            return _status(403, "PERMISSION_DENIED", "The caller does not have permission").answer
        known = {"projectNumber": workload.PROJECT_NUMBER, "projectId": self._project, "lifecycleState": "ACTIVE"}
        return _json(200, known)

    def _check_bearer(self, request: Request) -> None:
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or not self._tokens.good(token.strip()):
            raise _status(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


def _listed(asked: dict[str, Any], field: str) -> list[str]:
    """The texts in a field that is a list of them, or absent."""
    found = asked.get(field) or []
    if not (isinstance(found, list) and all(isinstance(each, str) for each in found)):
        raise _status(400, "INVALID_ARGUMENT", f"{field}: expected a list of strings.")
    return found


def _status(code: int, name: str, message: str) -> _Refused:
    return _Refused(code, {"error": {"code": code, "message": message, "status": name}})


def _not_found() -> list[Step]:
    return _status(404, "NOT_FOUND", "Method not found.").answer


def _json(status: int, content: Any) -> list[Step]:
    return whole(status, "application/json; charset=UTF-8", json.dumps(content).encode())
