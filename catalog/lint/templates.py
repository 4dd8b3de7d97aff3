"""A private endpoint's host is a host name, and no two locations share one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
LOCATION = "{location}"


def check(draft: Draft, today: date) -> Iterator[Problem]:
    taken = {each.host: each.id for each in draft.base.locations.values()} if draft.base else {}
    for entry in draft.own.get("private_endpoint", ()):
        template, locations = entry.value.host, entry.value.locations
        if len(locations) > 1 and LOCATION not in template:
            yield entry.problem(f"a host for several locations needs {LOCATION} in it", "host")
            continue
        for location in locations:
            host = template.replace(LOCATION, location)
            if not _HOST.fullmatch(host):
                yield entry.problem(f"{host!r} is not a host name in lower case, without port and path", "host")
            elif taken.setdefault(host, location) != location:
                yield entry.problem(f"{host} is already the host of {taken[host]}", "host")
