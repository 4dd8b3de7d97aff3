"""Strings that an attacker, or a careless program, would put into addresses, names and overlays."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from catalog.schema import MODES
from tests.laws.strategies import CATALOG, LOCATIONS
from tests.world import GEMINI

HOSTS = [each.host for each in CATALOG.locations.values()]

# What turns one host into another, or looks as if it did.
_HOST_TRICKS = [
    "{}", "{}.", "{}..", "{}:443", "{}:8443", "{}:0443", "{}:", "{}@evil.example", "evil.example@{}", "user:secret@{}",
    "{}.evil.example", "evil.example/{}", "evil.example#{}", "evil.example?{}", "evil.example\\{}", "{}\\@evil.example",
    "{}%2eevil.example", "{}%00.evil.example", "{}\u3002evil.example", "{}\uff0eevil.example", "evil.example%2f{}",
    "-{}", "evil-{}", "evil.{}", "[::1]", "127.0.0.1", "0x7f.1", "localhost", "metadata.google.internal",
    "evil.example",
    "aiplatform.googleapis.com.evil.example", "eu-aiplatform.googleapis.com", "aiplatform.evil.rep.googleapis.com",
    "aiplatform.eu.rep.googleapis.com.", "storage.googleapis.com", "xn--aiplatform-.googleapis.com",
    "a\u0131platform.googleapis.com", "\u0430iplatform.googleapis.com", "aiplatform.googleapis.c\u043em",
]  # fmt: skip
_SEGMENTS = [
    "v1", "V1", "v1beta1", "v1%2f", "projects", "p", "p%2f..", "..", ".", "%2e%2e", "%2E%2e%2f", "%252e%252e", "",
    ";x=1",
    "locations", "Locations", "location%73", *LOCATIONS[:6], "EU", "eu%00", "eu%20", "eu\u200b", "\uff45\uff55",
    "europe_west4",
    "us-central1%2f..%2feurope-west4", "publishers", "google", "models", f"{GEMINI}:generateContent", "@evil.example",
    "\\..\\us", "endpoints", "openapi", "chat", "completions", "a" * 5000, "?", "#", "%", "%zz", "\t", "\n", " ",
]  # fmt: skip

_ODD = "abAZ09-._:@/\\%?#&;= \t\n\r\0\u3002\uff0e\u2024\u200b\u0131\u0430\ud7ff"
odd_text = st.text(st.sampled_from(_ODD) | st.characters(), max_size=40)


@st.composite
def hosts(draw: st.DrawFn) -> str:
    """A host and what may stand around it: right, wrong, or disguised."""
    host = draw(st.sampled_from(_HOST_TRICKS)).format(draw(st.sampled_from(HOSTS)))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(host)))
        host = host[:at] + draw(odd_text) + host[at:]
    return host.upper() if draw(st.integers(0, 9)) == 0 else host


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path: the right one with one part replaced, or segments in any order."""
    parts = ["v1", "projects", "p", "locations", draw(st.sampled_from(LOCATIONS)), "publishers", "google", "models"]
    parts.append(f"{GEMINI}:generateContent")
    odd = st.sampled_from(_SEGMENTS) | odd_text
    if draw(st.booleans()):
        for _ in range(draw(st.integers(0, 2))):
            parts[draw(st.integers(0, len(parts) - 1))] = draw(odd)
    else:
        parts = draw(st.lists(odd, max_size=12))
    query = draw(st.sampled_from(["", "?alt=sse", "?x=/locations/us/", "?$alt=json", "#/locations/us/", "?key=secret"]))
    return "/" + "/".join(parts) + query


schemes = st.sampled_from(["https", "https", "https", "http", "HTTPS", "ftp"])

_MINE = {"id": "mine", "title": "ours", "published": "2026-11-01", "retrieved": "2026-11-02"}
_CLAIM = {
    "model": GEMINI,
    "locations": ["europe-west4"],
    "from": "2026-11-01",
    "source": "mine",
    "where": "a ticket",
    "checked": "2026-11-20",
}
_RIGHT: dict[str, dict[str, Any]] = {
    "denied": {"locations": ["us"], "reason": "a contract"},
    "reservation": {"model": "gemini-3.5-flash", "location": "europe-west3", "gsu": 2},
    "private_endpoint": {"locations": ["europe-west4"], "host": "vertex.p.example.net"},
    "availability": {**_CLAIM, "modes": ["standard"], "served": "yes"},
    "processing": {**_CLAIM, "boundary": "eu"},
}
_WRONG: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["gemini-3.5-flash", "nothing", ""]),
    "locations": st.lists(st.sampled_from([*LOCATIONS, "mars", "EU", "", "*"]), max_size=3),
    "location": st.sampled_from(["eu", "global", "mars", ""]),
    "modes": st.lists(st.sampled_from([*MODES, "always"]), max_size=2),
    "served": st.sampled_from(["no", "unknown", "maybe"]),
    "boundary": st.sampled_from(["de", "us", "none", "unknown", "europe"]),
    "host": hosts(),
    "gsu": st.integers(-1, 2**70),
    "max_context_tokens": st.integers(-1, 2**70),
    "source": st.sampled_from(["google-locations", "other", ""]),
    **dict.fromkeys(("reason", "where", "anything"), odd_text),
    **dict.fromkeys(("from", "until", "checked"), st.sampled_from(["2020-01-01", "2030-01-01", "today", "1"])),
}


@st.composite
def overlays(draw: st.DrawFn) -> str:
    """The text of an overlay: right but for a value or two, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.text(max_size=200))
    tables = [("source", dict(_MINE))]
    for table in draw(st.lists(st.sampled_from(sorted(_RIGHT)), min_size=1, max_size=3)):
        row = dict(_RIGHT[table])
        if draw(st.booleans()):
            name = draw(st.sampled_from(sorted({*row, "until", "anything", "max_context_tokens"})))
            row[name] = draw(_WRONG[name])
        tables.append((table, row))
    return "\n\n".join(
        "\n".join([f"[[{table}]]", *(f"{name} = {_toml(value)}" for name, value in row.items())])
        for table, row in tables
    )


def _toml(value: Any) -> str:
    """A value as TOML; a text that is a day stands bare."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, int) or value[:4].isdigit():
        return str(value)
    escaped = "".join(each if each.isprintable() and each not in '"\\' else f"\\U{ord(each):08x}" for each in value)
    return f'"{escaped}"'
