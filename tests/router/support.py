"""What several test files of this folder share: vectors, both stacks, both event loops."""

from __future__ import annotations

import json
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st

from router import Policy
from router.core import Call
from router.plan import Allowed, Candidate
from router.signals import OK, Action, Scope, Signal
from router.target import Incoming
from router.trace import Attempt, Trace, Tried
from tests.world import make_router

VECTORS = Path(__file__).parents[1] / "vectors"
STACKS: list[ModuleType] = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]

each_stack = pytest.mark.parametrize("module", STACKS, ids=lambda module: module.__name__)
each_loop = pytest.mark.parametrize("loop", ["asyncio", "trio"])


def vectors(file: str, table: str) -> list[dict[str, Any]]:
    """The entries of one table of `tests/vectors/{file}`."""
    entries: list[dict[str, Any]] = tomllib.loads((VECTORS / file).read_text("utf-8"))[table]
    return entries


def each(entries: list[dict[str, Any]], name: str = "vector") -> pytest.MarkDecorator:
    """A test for each entry, under the entry's own id."""
    return pytest.mark.parametrize(name, entries, ids=[entry["id"] for entry in entries])


def unexplained(entries: list[dict[str, Any]]) -> list[str]:
    """Entries that don't say what they are and where they come from, or whose id another one has."""
    ids = [entry["id"] for entry in entries]
    lacking = [entry["id"] for entry in entries if not entry.get("documentation") or not entry.get("source")]
    return lacking + [name for name in ids if ids.count(name) > 1]


@st.composite
def chunkings(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """Any way of cutting these bytes into chunks."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


EXHAUSTED = Signal(
    kind="exhausted",
    action=Action.NEXT,
    scope=Scope.POOL,
    status=429,
    message="Resource exhausted.",
    retry_after_s=39.0,
)
BROKEN = Signal(kind="stream-cut", action=Action.NEXT, scope=Scope.POOL, message="the stream ended early")


def tried(number: int, location: str, signal: Signal) -> Tried:
    """An attempt of a made-up request: each begins a second after the one before and takes half of it."""
    allowed = Allowed(
        candidate=Candidate("gemini-3.8-flash", location, "standard"),
        kind="multi_region",
        host=f"aiplatform.{location}.rep.googleapis.com",
        boundary=location,
        source="https://cloud.google.com/a-page",
        checked=None,
        why=f"processing stays in {location}",
    )
    attempt = Attempt(number=number, allowed=allowed, timeout_s=30.0)
    return Tried(attempt=attempt, signal=signal, at_s=number - 1.0, took_s=0.5)


def a_trace(**fields: Any) -> Trace:
    """A made-up request that was throttled in the EU and answered in the US."""
    made = {"outcome": "answered", "tried": [tried(1, "eu", EXHAUSTED), tried(2, "us", OK)], **fields}
    return Trace(model="gemini-3.8-flash", **made)


def admit(policy: Policy | None, url: str, body: Any = None, **headers: str) -> Call | None:
    """What a router makes of a POST request, before it is sent."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return make_router(policy)._core.admit(
        Incoming(
            method="POST",
            scheme=scheme,
            host=host,
            port=None,
            raw_path=f"/{path}",
            headers=headers,
            body=json.dumps(body or {}).encode(),
        )
    )
