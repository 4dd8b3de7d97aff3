"""The emulator's service accounts: their key, their credentials files, and the check of what it signs."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's clients write as `aud`, whatever the `token_uri`."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
IAM_SCOPE = "https://www.googleapis.com/auth/iam"
"""What google-auth asks for with a service account that is to act as another one."""

KEY_ID = "emulated-key"
REFRESH_TOKEN = "emulated-refresh-token"  # noqa: S105 - opens nothing

_SKEW_S = 60
_LONGEST_S = 3600


class InvalidGrant(ValueError):
    """An assertion that the token endpoint refuses; the message says why."""


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    """One key for the whole process: making one takes longer than all the rest of a start."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def email(project: str) -> str:
    """The name of the service account."""
    return f"emulated@{project}.iam.gserviceaccount.com"


def impersonated_email(project: str) -> str:
    """The name of the service account that others may act as."""
    return f"impersonated@{project}.iam.gserviceaccount.com"


def impersonation_url(project: str) -> str:
    """The address at which one gets to act as it."""
    account = f"projects/-/serviceAccounts/{impersonated_email(project)}"
    return f"https://iamcredentials.googleapis.com/v1/{account}:generateAccessToken"


def service_account(project: str, token_uri: str) -> str:
    """A credentials file for the flow in which the client signs an assertion."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": KEY_ID,
        "private_key": pem.decode(),
        "client_email": email(project),
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    return json.dumps(content, indent=2)


def authorized_user(project: str, token_uri: str) -> str:
    """A credentials file for the flow in which the client shows a refresh token."""
    content = {
        "type": "authorized_user",
        "client_id": "emulated.apps.googleusercontent.com",
        "client_secret": "emulated",
        "refresh_token": REFRESH_TOKEN,
        "quota_project_id": project,
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    return json.dumps(content, indent=2)


def impersonation(project: str, token_uri: str) -> str:
    """A credentials file for the flow in which a user acts as a service account."""
    content = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(project),
        "source_credentials": json.loads(authorized_user(project, token_uri)),
        "delegates": [],
        "quota_project_id": project,
    }
    return json.dumps(content, indent=2)


CREDENTIALS: Mapping[str, Callable[[str, str], str]] = {
    "service_account": service_account,
    "authorized_user": authorized_user,
    "impersonation": impersonation,
}
"""Credentials files by flow, made from a project and the address of the token endpoint."""


def verify(assertion: str, project: str, now: float) -> None:
    """Checks an assertion as Google's token endpoint does.

    Args:
        now: seconds since 1970.

    Raises:
        InvalidGrant: saying what is wrong with it.
    """
    header, claims = read(assertion)
    _expect(header.get("alg") == "RS256" and header.get("kid") == KEY_ID, "Invalid JWT header: expected RS256 and kid.")
    _expect(claims.get("iss") == email(project), "Invalid grant: account not found")
    _expect(claims.get("aud") == AUDIENCE, f"Invalid JWT: expected aud {AUDIENCE}, not {claims.get('aud')!r}.")
    _expect(_timely(claims.get("iat"), claims.get("exp"), now), "Invalid JWT: check iat and exp.")
    _expect(scoped(str(claims.get("scope"))), f"Invalid scope: expected {SCOPE}.")


def scoped(scopes: str) -> bool:
    """Whether one of these scopes, with blanks between them, opens Google Cloud."""
    return not {SCOPE, IAM_SCOPE}.isdisjoint(scopes.split())


def sign(claims: Mapping[str, object]) -> str:
    """Claims as a signed JWT."""
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    content = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{content}.{_encoded(_key().sign(content.encode(), padding.PKCS1v15(), SHA256()))}"


def _timely(issued: object, expires: object, now: float) -> bool:
    if not (isinstance(issued, (int, float)) and isinstance(expires, (int, float))):
        return False
    return issued <= now + _SKEW_S and now - _SKEW_S < expires <= issued + _LONGEST_S


def read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT whose signature is right.

    Raises:
        InvalidGrant: it isn't, or it can't be read.
    """
    try:
        content, _, signature = assertion.rpartition(".")
        _key().public_key().verify(_decoded(signature), content.encode(), padding.PKCS1v15(), SHA256())
        header, claims = (json.loads(_decoded(part)) for part in content.split("."))
        _expect(isinstance(header, dict) and isinstance(claims, dict), "expected two JSON objects")
    except InvalidSignature:
        raise InvalidGrant("Invalid JWT Signature.") from None
    except ValueError as error:
        raise InvalidGrant(f"Invalid JWT: it can't be read ({error}).") from None
    return header, claims


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidGrant(message)
