"""The environment variables by which clients find the emulator instead of Google."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Flow = Literal["service_account", "authorized_user", "gce", "impersonation", "external_account"]
"""How clients get their token: signing an assertion, a refresh token, the metadata server, a user's token that is
traded for a service account's, or a token of another identity provider that is traded for one of Google's."""

CLEARED = ("GOOGLE_VERTEX_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL")
"""Variables that would lead clients past the emulator; they are taken out while it is active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a running emulator is. `directory` holds its certificate and credentials."""

    directory: Path
    project: str
    proxy_port: int
    plain_port: int

    @property
    def authority(self) -> Path:
        """The certificate that clients have to trust, as PEM."""
        return self.directory / "authority.pem"

    def credentials(self, flow: str) -> Path:
        """The credentials file of a flow."""
        return self.directory / f"{flow}.json"

    @property
    def subject_token(self) -> Path:
        """The token of another identity provider."""
        return self.directory / "subject_token.jwt"

    @property
    def proxy_url(self) -> str:
        """The CONNECT proxy."""
        return f"http://127.0.0.1:{self.proxy_port}"

    @property
    def token_url(self) -> str:
        """OAuth's token endpoint."""
        return f"http://127.0.0.1:{self.plain_port}/token"


def variables(place: Place, flow: Flow) -> dict[str, str]:
    """The variables, complete: what real credentials or proxies are set is overridden."""
    certificates = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    return {
        **dict.fromkeys(proxies, place.proxy_url),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        **dict.fromkeys(certificates, str(place.authority)),
        "GOOGLE_CLOUD_PROJECT": place.project,
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
        "CLOUDSDK_CONFIG": str(place.directory / "gcloud"),
        **_credentials(place, flow),
    }


def _credentials(place: Place, flow: Flow) -> dict[str, str]:
    if flow != "gce":
        return {"GOOGLE_APPLICATION_CREDENTIALS": str(place.credentials(flow))}
    server = f"127.0.0.1:{place.plain_port}"
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": "",
        "NO_GCE_CHECK": "false",
        "GCE_METADATA_HOST": server,
        "GCE_METADATA_IP": server,
    }


@contextlib.contextmanager
def applied(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables in this process, without those of `CLEARED`; then restores what was there."""
    before = {name: os.environ.get(name) for name in (*values, *CLEARED)}
    try:
        for name in CLEARED:
            os.environ.pop(name, None)
        os.environ.update(values)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
