"""Where clients get their tokens: OAuth's token endpoint and the metadata server of Compute Engine.

Both listen on loopback without TLS, as the real metadata server does. The token endpoint also stands
behind `oauth2.googleapis.com`, for credentials that name no other.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from router.emulator import identity, workload
from router.emulator.tokens import Tokens
from router.emulator.wire import Request, Step, whole

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_ACCOUNT = re.compile(r"/computeMetadata/v1/instance/service-accounts/(?P<name>[^/]+)/(?P<what>[a-z]*)")
_FLAVOR = ("metadata-flavor", "Google")


class Issuer:
    """Answers requests for tokens.

    Args:
        now: seconds since 1970, for the times in assertions.
    """

    def __init__(self, tokens: Tokens, project: str, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._project = project
        self._now = now

    def respond(self, request: Request) -> list[Step]:
        """Answers on loopback: `/token`, else the metadata server."""
        return self.token(request) if request.path == "/token" else self._metadata(request)

    def token(self, request: Request) -> list[Step]:
        """Answers a request to the token endpoint."""
        if request.verb != "POST":
            return _json(405, {"error": "invalid_request", "error_description": "expected POST"})
        form = {key: values[-1] for key, values in parse_qs(request.body.decode("latin-1")).items()}
        try:
            return self._granted(self._flow(form))
        except identity.InvalidGrant as error:
            return _json(400, {"error": "invalid_grant", "error_description": str(error)})

    def _flow(self, form: dict[str, str]) -> str:
        """By which flow this is a good request for a token."""
        match form.get("grant_type"):
            case "refresh_token":
                if not form.get("refresh_token"):
                    raise identity.InvalidGrant("Missing refresh_token.")
                return "authorized_user"
            case kind if kind == JWT_BEARER:
                identity.verify(form.get("assertion", ""), self._project, self._now())
                return "service_account"
            case kind:
                raise identity.InvalidGrant(f"Invalid grant_type: {kind!r}")

    def _granted(self, flow: str) -> list[Step]:
        token = self._tokens.issue(flow)
        content = {"access_token": token, "expires_in": self._tokens.lifetime_s, "token_type": "Bearer"}
        return _json(200, content, _FLAVOR if flow == "gce" else ("cache-control", "no-store"))

    def _metadata(self, request: Request) -> list[Step]:
        if request.header("metadata-flavor") != "Google":
            return whole(403, "text/plain", b"Missing required header: Metadata-Flavor", [_FLAVOR])
        plain = {
            "/": "computeMetadata/\n",
            "/computeMetadata/v1/project/project-id": self._project,
            "/computeMetadata/v1/project/numeric-project-id": workload.PROJECT_NUMBER,
            "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
        }
        if request.path in plain:
            return whole(200, "application/text", plain[request.path].encode(), [_FLAVOR])
        account = _ACCOUNT.fullmatch(request.path)
        if account is None or account["name"] not in ("default", identity.email(self._project)):
            return whole(404, "text/html; charset=UTF-8", b"not found", [_FLAVOR])
        return self._account(account["what"])

    def _account(self, what: str) -> list[Step]:
        if what == "token":
            return self._granted("gce")
        if what == "email":
            return whole(200, "application/text", identity.email(self._project).encode(), [_FLAVOR])
        content = {"aliases": ["default"], "email": identity.email(self._project), "scopes": [identity.SCOPE]}
        return _json(200, content, _FLAVOR)


def _json(status: int, content: Any, *headers: tuple[str, str]) -> list[Step]:
    return whole(status, "application/json", json.dumps(content).encode(), headers)
