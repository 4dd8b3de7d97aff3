"""Hostile input: no string reaches a host name, no token a host outside the catalog, no overlay widens unsaid."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalog
from catalog import InvalidCatalog
from catalog.errors import CatalogError
from router import Policy, RouterError
from router.guard import Guard
from router.signals import Signal, classify
from tests.laws.hostile import hosts, odd_text, overlays, paths, schemes
from tests.laws.strategies import CATALOG, LOCATIONS
from tests.proof import rule
from tests.router.support import STACKS
from tests.world import GEMINI, TODAY, Backend, gemini_url, location_in, make_router

HOSTS = {each.host for each in CATALOG.locations.values()}
EU = Policy(residency="eu")
POLICIES = [EU, Policy(residency="us", assurance="location"), Policy(deny_locations=["us"]), Policy(), None]


def token() -> Any:
    """Credentials whose token must not get about."""

    def before_request(_: Any, method: str, url: str, headers: dict[str, str]) -> None:
        headers["authorization"] = "Bearer the-token"

    return SimpleNamespace(valid=True, token="the-token", before_request=before_request, refresh=lambda _: None)


def sent(module: ModuleType, policy: Policy | None, url: Any, *, signed: bool) -> list[Any]:
    """The requests that reach the backend when a client posts to an address."""
    backend = Backend(module)
    router = make_router(policy)
    auth = router.google_auth(token()) if signed else None
    # Refused by the client itself, by the router, or sent.
    refusals = (RouterError, module.InvalidURL, module.UnsupportedProtocol, module.LocalProtocolError, UnicodeError)
    with (
        contextlib.suppress(*refusals),
        module.Client(transport=router.transport(transport=backend.transport), auth=auth) as client,
    ):
        client.post(url if isinstance(url, str) else module.URL(**url), json={"contents": []})
    return backend.requests


def _octets(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


addresses = st.one_of(
    st.builds("{}://{}{}".format, schemes, hosts(), paths()),
    st.fixed_dictionaries(
        {"scheme": schemes, "host": st.sampled_from(sorted(HOSTS)) | odd_text, "raw_path": paths().map(_octets)}
    ),
)


@given(st.sampled_from(STACKS), st.sampled_from(POLICIES), addresses)
@settings(max_examples=800)
def test_a_token_goes_to_catalogued_hosts_only(module: ModuleType, policy: Policy | None, url: Any) -> None:
    for request in sent(module, policy, url, signed=True):
        assert request.headers["authorization"] == "Bearer the-token"
        assert (request.url.scheme, request.url.port) == ("https", None)
        assert request.url.host in HOSTS
        assert request.headers["host"] == request.url.host


@given(st.sampled_from(STACKS), addresses)
@settings(max_examples=800)
def test_under_a_residency_only_a_location_inside_is_addressed_by_its_own_host(module: ModuleType, url: Any) -> None:
    for request in sent(module, EU, url, signed=False):
        location = location_in(str(request.url))
        home = rule.stays(GEMINI, location, "medium", TODAY, None)
        assert home is not None
        assert home <= rule.countries("eu")
        assert request.url.host == CATALOG.locations[location].host


@given(project=odd_text, location=odd_text | st.sampled_from(LOCATIONS), model=odd_text | st.just(GEMINI))
@settings(max_examples=400)
def test_no_name_reaches_a_destination_unless_it_is_catalogued(project: str, location: str, model: str) -> None:
    seen: list[Any] = []
    with contextlib.suppress(RouterError, CatalogError):
        make_router(EU).call(seen.append, model=model, project=project, location=location)
    for to in seen:
        assert to.host == CATALOG.locations[to.location].host
        assert to.model in CATALOG.models
        if to.project:
            assert to.parent == f"projects/{project}/locations/{to.location}"
            assert not set(project) & set("/\\?#%@ \n\r\t\0")


@given(hosts(), paths(), st.sampled_from(["https", "http", ""]), st.sampled_from([None, 443, 80, 0]))
@settings(max_examples=1000)
def test_the_guard_passes_only_a_catalogued_host_with_its_own_location(
    host: str, path: str, scheme: str, port: int | None
) -> None:
    with contextlib.suppress(RouterError):
        Guard(CATALOG, EU).check(scheme=scheme, host=host, port=port, raw_path=path, headers={}, model=GEMINI, on=TODAY)
        assert (host, scheme) == (CATALOG.locations[location_in(path)].host, "https")


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_guard_passes_no_empty_host(location: str) -> None:
    path = f"/v1/projects/p/locations/{location}/publishers/google/models/{GEMINI}:generateContent"
    with pytest.raises(RouterError):
        Guard(CATALOG, Policy()).check(
            scheme="https", host="", port=None, raw_path=path, headers={}, model=GEMINI, on=TODAY
        )


# Names


@pytest.mark.parametrize("name", [GEMINI, "gemini-3.5-flash", "claude-opus-4-7", "gemini", "claude"])
@pytest.mark.parametrize("change", ["{}x", "{}-preview", "{}@99999999", "{}%20", "{}/..", "{}.", "x{}"])
def test_a_model_that_only_begins_like_a_known_one_is_sent_nowhere(name: str, change: str) -> None:
    strange = change.format(name)
    assert strange not in CATALOG.names()
    publisher = "anthropic" if "claude" in name else "google"
    url = gemini_url("europe-west4", strange).replace("publishers/google", f"publishers/{publisher}")
    assert sent(STACKS[0], EU, url, signed=True) == []


# Answers


@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["content-type", "retry-after", "retry-after-ms", "location"]), st.text()),
    st.binary(max_size=400) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr).map(str.encode),
)
@settings(max_examples=500)
def test_any_answer_is_classified_and_teaches_only_what_names_its_location(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    signal = classify(status, headers, body, "europe-west4")
    assert isinstance(signal, Signal)
    assert not signal.not_served or b"europe-west4" in body
    assert signal.status == status
    assert signal.retry_after_s is None or 0 <= signal.retry_after_s < 24 * 3600


# Overlays


@given(overlays())
@settings(max_examples=300)
def test_any_overlay_is_laid_over_or_refused_with_its_problems(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "own.toml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            found = catalog.load(overlay=file)
        except InvalidCatalog:
            return
    for place in found.locations.values():
        assert place.host == CATALOG.locations[place.id].host
        # A private host is a name, letter by letter; what could end or disguise one is refused.
        assert not set(place.private_host) & set("/\\?#%@: \n\r\t\0[]")
        assert place.private_host.isascii()
        assert found.boundary(GEMINI, "global", TODAY).countries == frozenset()
