"""API keys are taken out of addresses, which HTTP clients log and errors repeat, and sent as the header that means the
same.

Source: the system parameters of Google's APIs (`key` or `$key` in a query, `X-Goog-Api-Key` as a header).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from router import hosts

HEADER = "x-goog-api-key"

_NAMES = ("key", "$key")
_SENDABLE = re.compile(r"[!-~]+")


class WrongKey(ValueError):
    """A key in an address that can't be sent as a header; the message tells why, and never the key."""


def hide(request: Any, private_hosts: Collection[str] = ()) -> None:
    """Moves the key of a request to one of Google's hosts from its address to its headers.

    It is changed in place, so that its client, too, logs it without the key. At other hosts `key` may
    mean anything, and is left alone.

    Raises:
        WrongKey: the address has two keys, another one than the headers, or one that is none.
    """
    url = request.url
    raw_path = url.raw_path.decode("ascii")
    if "?" not in raw_path or not _takes_the_header(url.host, private_hosts):
        return
    path, _, query = raw_path.partition("?")
    rest, found = _parted(query)
    if not found:
        return
    given = {*found, *request.headers.get_list(HEADER)}
    if len(given) > 1:
        raise WrongKey(f"the request has different API keys; give one, as the header {HEADER}")
    (key,) = given
    if not _SENDABLE.fullmatch(key):
        raise WrongKey(f"the API key in the address is none; give it as the header {HEADER}")
    request.url = url.copy_with(raw_path=(f"{path}?{rest}" if rest else path).encode("ascii"))
    request.headers[HEADER] = key


def _takes_the_header(host: str, private_hosts: Collection[str]) -> bool:
    return host.endswith(".googleapis.com") or hosts.understood(host, private_hosts) is not None


def _parted(query: str) -> tuple[str, list[str]]:
    """A query without its keys, and the keys that were in it."""
    rest, keys = [], []
    for each in query.split("&"):
        name, _, value = each.partition("=")
        if unquote(name) in _NAMES:
            keys.append(unquote(value))
        else:
            rest.append(each)
    return "&".join(rest), keys
