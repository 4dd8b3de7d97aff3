"""Which hosts are Vertex AI's, and why others are not taken for it, with the way out.

Source: the REST reference's list of service endpoints; google-genai and google-cloud-aiplatform for
mTLS, dedicated endpoints and private access.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple


class Host(NamedTuple):
    """A host that is understood.

    `mtls` says that it takes certificate-bound tokens; `dedicated` is the region of an endpoint's own
    host, empty for shared ones.
    """

    mtls: bool = False
    dedicated: str = ""


_SHARED = re.compile(r"(?:[a-z0-9-]+-)?aiplatform(?:\.[a-z]+\.rep|(?P<mtls>\.mtls))?\.googleapis\.com")
_DEDICATED = re.compile(r"[a-z0-9_-]+\.(?P<region>[a-z]+-[a-z]+[0-9]+)-[a-z0-9]+\.prediction\.vertexai\.goog")

_DEVELOPER = (
    "the Gemini Developer API, which has no locations; set the client to Vertex AI with a project and a location"
)
_WHY_NOT = (
    (re.compile(r"generativelanguage\.(?:mtls\.)?googleapis\.com"), _DEVELOPER),
    (
        re.compile(r"claude\.googleapis\.com"),
        "Claude as its maker manages it on Google Cloud, another product than Claude on Vertex AI; use AnthropicVertex",
    ),
    (
        re.compile(r"(?:.+-)?aiplatform(?:-[a-z0-9-]+)?\.p\.googleapis\.com"),
        "a private endpoint; name it as `private_endpoint` in the catalog's overlay, with the location that it reaches",
    ),
    (
        re.compile(r"(?:.+[.-])?discoveryengine(?:\.mtls)?\.googleapis\.com"),
        "Agent Search, another service; send to it with a client of its own",
    ),
    (
        re.compile(r"(?:[a-z0-9-]+[.-])?aiplatform\.(?!googleapis\.com).+"),
        "Vertex AI of another universe, a cloud apart that the catalog does not have; use a client without this router",
    ),
)


def understood(host: str, private_hosts: Collection[str] = ()) -> Host | None:
    """What is known of a host; None when it is not one of Vertex AI's."""
    if host in private_hosts:
        return Host()
    if found := _SHARED.fullmatch(host):
        return Host(mtls=bool(found["mtls"]))
    found = _DEDICATED.fullmatch(host)
    return Host(dedicated=found["region"]) if found else None


def why_not(scheme: str, host: str, port: int | None) -> str:
    """Why a request to this host can't be understood, and what to do."""
    place = f"{scheme}://{host}{f':{port}' if port else ''} is not a Vertex AI host"
    for pattern, reason in _WHY_NOT:
        if pattern.fullmatch(host):
            return f"{place}: it is {reason}"
    return f"{place}; a proxy or gateway can be named as `private_endpoint` in the catalog's overlay"
