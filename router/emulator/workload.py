"""A program that runs outside of Google Cloud: its identity with another provider, and the file that says how it is
traded for one of Google's.

Source: Google's documentation of Workload Identity Federation, for the audience of a token and how long it may last.
"""

from __future__ import annotations

import json

from router.emulator.identity import InvalidGrant, read, sign

PROJECT_NUMBER = "100000000000"
PROVIDER = f"projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/emulated/providers/emulated"
AUDIENCE = f"//iam.googleapis.com/{PROVIDER}"
ISSUER = "https://issuer.example"
SUBJECT_TYPES = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
TOKEN_URL = "https://sts.googleapis.com/v1/token"  # noqa: S105 - an address

_LONGEST_S = 86400
_SKEW_S = 60


def credentials(project: str, subject_token: str) -> str:
    """A credentials file for the flow in which another provider's token is traded.

    Args:
        subject_token: the path of the file that holds that token.
    """
    content = {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": SUBJECT_TYPES[0],
        "token_url": TOKEN_URL,
        "credential_source": {"file": subject_token},
        "quota_project_id": project,
        "universe_domain": "googleapis.com",
    }
    return json.dumps(content, indent=2)


def subject_token(now: float) -> str:
    """The other provider's token, good for a day.

    Args:
        now: seconds since 1970.
    """
    claims = {"iss": ISSUER, "sub": "emulated-workload", "aud": f"https:{AUDIENCE}", "iat": int(now)}
    return sign({**claims, "exp": int(now) + _LONGEST_S})


def verify(token: str, now: float) -> None:
    """Checks the other provider's token.

    Raises:
        InvalidGrant: saying what is wrong with it.
    """
    _, claims = read(token)
    if claims.get("iss") != ISSUER:
        raise InvalidGrant(f"The issuer in ID Token {claims.get('iss')} does not match the expected one: {ISSUER}")
    if claims.get("aud") not in (f"https:{AUDIENCE}", AUDIENCE):
        raise InvalidGrant(f"The audience in ID Token {claims.get('aud')} does not match the expected audience.")
    if not claims.get("sub"):
        raise InvalidGrant("The mapped attribute google.subject is empty: the token has no sub.")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not (isinstance(issued, int) and isinstance(expires, int) and expires <= issued + _LONGEST_S):
        raise InvalidGrant(f"The token's exp must come at most {_LONGEST_S} seconds after its iat.")
    if not issued - _SKEW_S <= now < expires + _SKEW_S:
        raise InvalidGrant(f"ID Token issued at {issued} is stale to sign-in, or not good yet.")
