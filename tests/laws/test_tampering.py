"""Whatever is done to the bytes of an audit is found; what a router writes of what it does has nothing wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import httpx
from hypothesis import given
from hypothesis import strategies as st

from router import NotSent, Policy
from router.audit.audit import Audit
from router.auditing import Auditing
from tests.laws.strategies import bad_days, policies, urls
from tests.router.audit.support import NOON, Audited, verified, wrong
from tests.world import Backend, gemini_url, make_router

Tampering = Callable[[list[bytes]], list[bytes]]


@cache
def lines() -> tuple[bytes, ...]:
    """A good audit of a few requests."""
    with tempfile.TemporaryDirectory() as directory:
        audited = Audited(Path(directory) / "a.jsonl", script={"europe-west1": [429, 503], "europe-west4": [429]})
        for location in ("europe-west1", "europe-west4", "eu"):
            audited.send(gemini_url(location))
        assert wrong(audited.verified()) == []
        return tuple(audited.file.read_bytes().splitlines(keepends=True))


def audit_of(data: bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "a.jsonl"
        file.write_bytes(data)
        return wrong(verified(file))


places = st.integers(0, len(lines()) - 1)


@given(st.data())
def test_any_flipped_byte_is_found(data: st.DataObject) -> None:
    whole = b"".join(lines())
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    assert audit_of(whole[:at] + bytes([other]) + whole[at + 1 :])


@given(st.sets(places, min_size=1, max_size=len(lines()) - 1))
def test_any_dropped_lines_are_found(dropped: set[int]) -> None:
    assert audit_of(b"".join(line for at, line in enumerate(lines()) if at not in dropped))


@given(st.permutations(range(len(lines()))))
def test_any_other_order_is_found(order: list[int]) -> None:
    same = order == sorted(order)
    assert bool(audit_of(b"".join(lines()[at] for at in order))) != same


@given(places, st.data())
def test_any_shortened_line_is_found(at: int, data: st.DataObject) -> None:
    left = data.draw(st.integers(0, len(lines()[at]) - 1))
    end = data.draw(st.sampled_from([b"", b"\n"]))
    shortened = lines()[at][:left] + end
    if shortened != lines()[at]:
        assert audit_of(b"".join([*lines()[:at], shortened, *lines()[at + 1 :]]))


@given(places, places)
def test_any_line_written_twice_is_found(at: int, to: int) -> None:
    assert audit_of(b"".join([*lines()[:to], lines()[at], *lines()[to:]]))


@given(st.integers(0, sum(map(len, lines())) - 1))
def test_any_shorter_file_is_found(length: int) -> None:
    assert audit_of(b"".join(lines())[:length])


@given(policies(), st.lists(urls(), min_size=1, max_size=4), bad_days)
def test_what_a_router_does_is_allowed_by_its_audit(
    policy: Policy, asked: list[str], day: list[tuple[object, float]]
) -> None:
    replies = iter([*day * 8])
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "a.jsonl"
        audit = Audit(Auditing(file=str(file)), policy, now=lambda: NOON)
        router = make_router(policy, observers=[audit])
        backend = Backend(httpx, {name: _next(replies) for name in router.catalog.locations})
        with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
            for url in asked:
                try:
                    client.post(url, json={"model": "claude-opus-4-7"})
                except (NotSent, httpx.HTTPError):
                    continue
        audit.close()
        report = verified(file, policy)
        assert wrong(report) == []
        assert (report.requests, report.attempts) == (len(asked), len(backend.sent))


def _next(replies: object) -> Callable[[object, httpx.Request], object]:
    def answer(stack: object, request: httpx.Request) -> object:
        reply, _ = next(replies, (200, 0.0))  # type: ignore[call-overload]
        location = request.url.path.split("/locations/")[1].split("/")[0]
        return Backend(stack, {location: reply})._answer(request)  # type: ignore[arg-type]

    return answer
