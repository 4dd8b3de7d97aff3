"""What is fuzzed: for each part that reads what others wrote, a function that fails if a promise is broken."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import MappingProxyType

import catalog
from catalog import InvalidCatalog
from router import GuardStop, Policy, RouterError
from router.batch.source import Source
from router.contents import contents
from router.guard import Guard
from router.relay import Relay
from router.signals import Signal, classify
from router.streams import Dialect
from router.target import Incoming, NotUnderstood, parse
from tests.router.support import vectors
from tests.world import GEMINI, gemini_url

CATALOG = catalog.load()
ON = date(2026, 11, 21)
HOSTS = {each.host for each in CATALOG.locations.values()}
GUARD = Guard(CATALOG, Policy(residency="eu"))
INSIDE = CATALOG.countries("eu")
JSON = MappingProxyType({"content-type": "application/json"})


def address(data: bytes) -> None:
    """A host and a path: understood only if both are known, passed by the guard only if they agree and stand inside."""
    host, _, path = data.decode("utf-8", "replace").partition("/")
    asked = Incoming("POST", "https", host, None, f"/{path}", JSON, b'{"model": "google/gemini-3.5-flash"}')
    target = parse(asked)
    if not isinstance(target, NotUnderstood):
        assert host.endswith(("aiplatform.googleapis.com", ".rep.googleapis.com", ".mtls.googleapis.com", ".goog"))
        assert f"/locations/{target.location}" in path or path.startswith("locations/")
    with contextlib.suppress(GuardStop):
        GUARD.check(scheme="https", host=host, port=None, raw_path=f"/{path}", headers={}, model=GEMINI, on=ON)
        place = CATALOG.locations[path.partition("locations/")[2].partition("/")[0]]
        assert host in (place.host, place.mtls_host) or host.endswith(f".{place.id}-prediction.vertexai.goog")
        assert place.jurisdiction is not None
        assert CATALOG.countries(place.jurisdiction) <= INSIDE


def body(data: bytes) -> None:
    """A body: read to the end or counted as unread; the name of a place elsewhere binds the request to it."""
    asked = Incoming("POST", "https", "x", None, gemini_url().partition(".com")[2], JSON, data)
    target = parse(asked._replace(host="europe-west1-aiplatform.googleapis.com"))
    assert not isinstance(target, NotUnderstood)
    found = contents(target, data, JSON)
    assert all(pin.location for pin in found.pins)


def answer(data: bytes) -> None:
    """An answer: classified without an error, and teaching only of a location that it names."""
    status, rest = 100 + (data[0] if data else 0) * 2, data[1:]
    kind = ("application/json", "text/html", "text/event-stream", "")[len(data) % 4]
    signal = classify(status, {"content-type": kind}, rest, "europe-west4")
    assert isinstance(signal, Signal)
    assert not signal.not_served or b"europe-west4" in rest


def stream(data: bytes) -> None:
    """A stream, whole and in two pieces: the same bytes come out, and none that did not go in."""
    cut = data[0] if data else 0
    for kind in ("text/event-stream", "application/json"):
        for dialect in Dialect:
            once = _relayed(kind, dialect, [data[1:]])
            twice = _relayed(kind, dialect, [data[1 : 1 + cut], data[1 + cut :]])
            assert once == twice
            assert data[1:].startswith(once[0])


def _relayed(kind: str, dialect: Dialect, chunks: list[bytes]) -> tuple[bytes, bool]:
    relay = Relay(kind, dialect, "eu")
    given = b""
    for chunk in chunks:
        given += relay.feed(chunk)
        if relay.fault:
            return given, True
    return given + relay.end(), relay.fault is not None


def overlay(data: bytes) -> None:
    """An overlay: laid over, or refused with its problems; `global` has a boundary in none."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "own.toml"
        file.write_bytes(data)
        with contextlib.suppress(InvalidCatalog):
            found = catalog.load(overlay=file)
            assert found.boundary(GEMINI, "global", ON).countries == frozenset()


def rows(data: bytes) -> None:
    """A file of rows: every line is given out once, in order, or the file is refused."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "in.jsonl"
        file.write_bytes(data)
        with contextlib.suppress(RouterError):
            numbers = [number for number, _ in Source(file, "prompt")]
            assert numbers == sorted(set(numbers))


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (address, body, answer, stream, overlay, rows)
}


def seeds(target: str) -> Iterator[bytes]:
    """Inputs to begin with."""
    if target == "address":
        for place in ("europe-west1", "eu", "global"):
            yield gemini_url(place).removeprefix("https://").encode()
    elif target == "overlay":
        yield b'[[denied]]\nlocations = ["us"]\nreason = "x"\n'
        yield b'[[private_endpoint]]\nlocations = ["eu"]\nhost = "a.b"\n'
    elif target == "body":
        yield b'{"cachedContent": "projects/p/locations/eu/cachedContents/1", "tools": [{"googleSearch": {}}]}'
    elif target == "stream":
        yield b'\x10data: {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "a"}]}}]}\r\n\r\n'
        yield b'\x10[{"error": {"code": 429, "message": "x"}}]'
    elif target == "answer":
        yield from (b"\xa4" + row["body"].encode() for row in vectors("errors.toml", "response") if "body" in row)
    else:
        yield b'{"prompt": "a"}\n\n{"request": {"contents": []}}\n'
