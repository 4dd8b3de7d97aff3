from __future__ import annotations

from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog.schema import Feature, Localised, Processing
from router import GuardStop, Policy
from router.guard import Guard
from tests.world import GEMINI, TODAY, claim, model_at, roomy_catalog

CATALOG = catalog.load()
EU = Policy(residency="eu")


def path(location: str, model: str = GEMINI, method: str = "generateContent") -> str:
    return f"/v1/projects/p/locations/{location}/publishers/google/models/{model}:{method}"


def check(policy: Policy = EU, **change: Any) -> None:
    given: dict[str, Any] = {
        "scheme": "https",
        "host": "europe-west4-aiplatform.googleapis.com",
        "port": None,
        "raw_path": path("europe-west4"),
        "headers": {},
        "model": GEMINI,
        "on": TODAY,
        **change,
    }
    Guard(CATALOG, policy).check(**given)


def at(location: str, model: str = GEMINI, **change: Any) -> dict[str, Any]:
    return {"host": CATALOG.locations[location].host, "raw_path": path(location, model), "model": model, **change}


def test_an_address_inside_the_policy_passes() -> None:
    assert check() is None
    assert check(port=443) is None
    assert check(headers={"about-x-vertex-router": "a header of the client's own"}) is None
    assert check(Policy(), **at("global")) is None


def test_only_what_is_made_for_a_model_is_a_resource_of_a_request_with_a_model() -> None:
    there = "/v1/projects/p/locations/europe-west4/"
    for made in ("cachedContents", "batchPredictionJobs"):
        assert check(Policy(), raw_path=f"{there}{made}") is None
    with pytest.raises(GuardStop, match="not an address of a model"):
        check(Policy(), raw_path=f"{there}ragCorpora")


@pytest.mark.parametrize("query", ["key=SECRET", "access_token=SECRET", "key=SECRET?alt=sse"])
def test_what_a_guard_remembers_of_addresses_holds_no_credential(query: str) -> None:
    guard, known = Guard(CATALOG, Policy()), {"headers": {}, "model": GEMINI, "on": TODAY}
    to = {"scheme": "https", "host": "europe-west4-aiplatform.googleapis.com", "port": None, **known}
    guard.check(raw_path=path("europe-west4"), **to)
    guard.check(raw_path=f"{path('europe-west4')}?{query}", **to)
    assert "europe-west4-aiplatform" in repr(vars(guard)), "something is remembered"
    assert "SECRET" not in repr(vars(guard))


@pytest.mark.parametrize("residency", [["eu", "us"], ["us", "eu"]])
def test_several_jurisdictions_are_one_set_of_countries(residency: list[str]) -> None:
    for location in ("europe-west4", "us-central1"):
        assert check(Policy(residency=residency), **at(location)) is None


@pytest.mark.parametrize("at_sign", ["@", "%40"])
def test_a_version_in_the_path_is_the_model_that_it_names_however_it_is_written(at_sign: str) -> None:
    versioned = next(name for name in sorted(CATALOG.names()) if "@" in name and "claude" in name)
    model = CATALOG.model(versioned).id
    raw_path = path("europe-west4", versioned.replace("@", at_sign), "rawPredict")
    assert check(Policy(), raw_path=raw_path, model=model) is None
    with pytest.raises(GuardStop, match="another model"):
        check(Policy(), raw_path=raw_path, model=GEMINI)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"scheme": "http"}, "not an address"),
        ({"port": 8443}, "not an address"),
        ({"host": "europe-west1-aiplatform.googleapis.com"}, "do not belong together"),
        ({"host": "aiplatform.googleapis.com"}, "do not belong together"),
        ({"host": "europe-west4-aiplatform.googleapis.com.evil.example"}, "do not belong together"),
        ({"raw_path": path("us-central1")}, "do not belong together"),
        ({"raw_path": path("nowhere")}, "do not belong together"),
        ({"raw_path": "/v1/publishers/google/models/m:generateContent"}, "not an address"),
        ({"raw_path": path("europe-west4") + "#x"}, "not an address"),
        ({"raw_path": path("europe-west4", "a/../../us")}, "not an address"),
        (at("us-central1"), "no claim that processing stays inside"),
        (at("europe-west2"), "no claim that processing stays inside"),
        (at("europe-west6"), "no claim that processing stays inside"),
        (at("global"), "no jurisdiction"),
        ({"model": "gemini-2.5-flash"}, "another model"),
        (at("eu", "gemini-9"), "not in the catalog"),
        ({"headers": {"x-vertex-ai-llm-shared-request-type": "flex"}}, "flex is not known"),
        ({"headers": {"x-vertex-ai-llm-shared-request-type": "priority"}}, "priority is not known"),
        (
            at("eu", "gemini-3.5-transcribe", headers={"x-vertex-ai-llm-request-type": "dedicated"}),
            "provisioned is not known",
        ),
        ({"on": date(2025, 1, 1)}, "no claim that processing stays inside"),
    ],
)
def test_anything_outside_is_stopped(change: dict[str, Any], word: str) -> None:
    with pytest.raises(GuardStop, match=word) as stop:
        check(**change)
    assert "nothing was sent" in str(stop.value)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(deny_locations=["europe-west4"]),
        Policy(allow_locations=["europe-west1"]),
        Policy(kinds=["global", "multi_region"]),
    ],
)
def test_lists_and_kinds_hold_without_a_residency_too(policy: Policy) -> None:
    with pytest.raises(GuardStop, match="not allowed"):
        check(policy)


def test_evidence_of_low_confidence_does_not_pass() -> None:
    with pytest.raises(GuardStop):
        check(Policy(residency="eu", min_confidence="high"), **at("europe-west4", "gemini-2.5-pro"))


def test_a_guarantee_for_small_contexts_does_not_cover_large_or_unknown_ones() -> None:
    german = Policy(residency="de", modes=["single_zone_provisioned"])
    there = at("europe-west3", "gemini-2.5-flash")
    assert check(german, **there, tokens=100_000) is None
    for tokens in (200_000, None):
        with pytest.raises(GuardStop):
            check(german, **there, tokens=tokens)


def test_by_location_the_endpoints_own_place_is_enough() -> None:
    by_location = Policy(residency="gb", assurance="location")
    assert check(by_location, **at("europe-west2", "text-embedding-005")) is None
    with pytest.raises(GuardStop, match="outside the residency"):
        check(by_location, **at("europe-west4", "text-embedding-005"))


def test_what_was_not_understood_passes_only_without_a_residency() -> None:
    assert Guard(CATALOG, Policy()).check_unrouted("example.com") is None
    for policy in (EU, Policy(kinds=["region"]), Policy(allow_locations=["eu"]), Policy(deny_locations=["us"])):
        with pytest.raises(GuardStop, match=r"example\.com"):
            Guard(CATALOG, policy).check_unrouted("example.com")


def test_what_was_not_understood_passes_no_overlay_that_denies_a_location(tmp_path: Path) -> None:
    overlay = tmp_path / "own.toml"
    overlay.write_text('[[denied]]\nlocations = ["us"]\nreason = "a contract"\n', "utf-8")
    with pytest.raises(GuardStop):
        Guard(catalog.load(overlay=overlay), Policy()).check_unrouted("example.com")


PRIORITY = {"x-vertex-ai-llm-shared-request-type": "priority"}
DEDICATED = {"x-vertex-ai-llm-request-type": "dedicated"}


@pytest.mark.parametrize(
    "change",
    [
        at("eu", "gemini-3.1-flash-lite", headers=PRIORITY),
        at("eu", "gemini-3.1-flash-lite", headers={name: word.upper() for name, word in PRIORITY.items()}),
        at("europe-west1", "claude-haiku-4-5", headers=DEDICATED),
    ],
)
def test_capacity_that_is_known_to_be_served_there_passes(change: dict[str, Any]) -> None:
    assert check(**change) is None


def stay(feature: str, *verdicts: str, **change: Any) -> catalog.Catalog:
    """The shipped catalog, in which claims say whether a feature stays."""
    fields = {"since": TODAY, "source": "google-locations", "where": "a test", "checked": TODAY, **change}
    claims = tuple(Localised(stays=each, **fields) for each in verdicts)  # type: ignore[arg-type]  # plain words
    features = {**CATALOG.features, feature: Feature(id=feature, name=feature, localised=claims)}
    parts = {name: getattr(CATALOG, name).values() for name in ("sources", "jurisdictions", "locations", "models")}
    return catalog.Catalog(**parts, features=features.values())


def asks_for(feature: str, known: catalog.Catalog, policy: Policy = EU, **change: Any) -> None:
    given = {"scheme": "https", "port": None, "headers": {}, "on": TODAY, **at("europe-west4")}
    Guard(known, policy).check(**{**given, "features": frozenset({feature}), **change})


def test_a_feature_of_which_every_claim_says_that_it_stays_passes() -> None:
    assert asks_for("rag", stay("rag", "yes")) is None
    assert asks_for("rag", stay("rag", "yes", "yes")) is None
    web = {"body": b'{"tools": [{"googleSearch": {}}]}'}
    assert asks_for("google-search", stay("google-search", "yes"), **web) is None


@pytest.mark.parametrize("verdicts", [(), ("no",), ("unknown",), ("yes", "no"), ("yes", "unknown")])
def test_a_feature_of_which_any_claim_says_otherwise_is_stopped(verdicts: tuple[str, ...]) -> None:
    with pytest.raises(GuardStop, match="rag"):
        asks_for("rag", stay("rag", *verdicts))


@pytest.mark.parametrize("change", [{"confidence": "low"}, {"until": TODAY}, {"since": date(2027, 1, 1)}])
def test_a_claim_about_a_feature_must_be_good_enough_and_of_the_day(change: dict[str, Any]) -> None:
    with pytest.raises(GuardStop, match="rag"):
        asks_for("rag", stay("rag", "yes", **change))


# Claims, read once more


def bounded(*boundaries: str, **change: Any) -> Guard:
    """A guard over a catalog in which these claims say where a model's processing stays at `eu`."""
    model = model_at({"eu": ""}, GEMINI)
    claims = tuple(Processing(**claim(locations=("eu",), boundary=each)) for each in boundaries)
    known = roomy_catalog(msgspec.structs.replace(model, processing=claims))
    return Guard(known, Policy(residency="eu", **change))


def asked_at_eu(guard: Guard) -> None:
    guard.check(scheme="https", port=None, headers={}, on=TODAY, **at("eu"))


@pytest.mark.parametrize("boundaries", [("eu",), ("de",), ("eu", "eu"), ("eu", "de"), ("de", "eea", "eu")])
def test_guarantees_one_inside_the_other_are_one(boundaries: tuple[str, ...]) -> None:
    for order in permutations(boundaries):
        assert asked_at_eu(bounded(*order)) is None


@pytest.mark.parametrize(
    "boundaries",
    [
        (),
        ("none",),
        ("unknown",),
        ("eu", "none"),
        ("eu", "unknown"),
        ("eea",),
        ("de", "fr"),
        ("de", "fr", "eu"),
        ("us",),
    ],
)
def test_claims_that_promise_too_little_or_contradict_each_other_pass_nothing(boundaries: tuple[str, ...]) -> None:
    for order in permutations(boundaries):
        with pytest.raises(GuardStop, match="outside the policy: no claim that processing stays inside; nothing was"):
            asked_at_eu(bounded(*order))


def test_evidence_must_be_young_enough_and_of_a_known_source() -> None:
    age = (TODAY - CATALOG.sources["google-locations"].published).days
    assert asked_at_eu(bounded("eu", max_evidence_age_days=age)) is None
    with pytest.raises(GuardStop):
        asked_at_eu(bounded("eu", max_evidence_age_days=age - 1))
    with pytest.raises(GuardStop):
        asked_at_eu(bounded("eu", "none", max_evidence_age_days=age))
    strange = model_at({"eu": ""}, GEMINI)
    said = Processing(**claim(locations=("eu",), boundary="eu", source="nobody"))
    known = roomy_catalog(msgspec.structs.replace(strange, processing=(said,)))
    assert asked_at_eu(Guard(known, EU)) is None
    with pytest.raises(GuardStop):
        asked_at_eu(Guard(known, Policy(residency="eu", max_evidence_age_days=10_000)))


def test_what_an_overlay_denies_is_stopped_for_the_models_that_it_names(tmp_path: Path) -> None:
    overlay = tmp_path / "own.toml"
    denied = '[[denied]]\nlocations = ["europe-west1"]\nreason = "a contract"\n'
    other = "text-embedding-005"
    for named, stopped in ((f'models = ["{GEMINI}"]\n', {GEMINI}), ("", {GEMINI, other, "gemini-9"})):
        overlay.write_text(denied + named, "utf-8")
        guard = Guard(catalog.load(overlay=overlay), Policy())
        for model in (GEMINI, other, "gemini-9"):
            given: dict[str, Any] = {"scheme": "https", "port": None, "headers": {}, "on": TODAY}
            assert guard.check(**given, **at("europe-west4", model)) is None
            if model in stopped or (model == "gemini-9"):  # whose model nobody knows
                with pytest.raises(GuardStop, match="policy: the overlay denies the location; nothing was"):
                    guard.check(**given, **at("europe-west1", model))
            else:
                assert guard.check(**given, **at("europe-west1", model)) is None


def test_a_guarantee_covers_contexts_up_to_and_with_its_limit() -> None:
    german = Policy(residency="de", modes=["single_zone_provisioned"])
    there = at("europe-west3", "gemini-2.5-flash", headers=DEDICATED)
    assert check(german, **there, tokens=128_000, stated=128_000) is None
    with pytest.raises(GuardStop):
        check(german, **there, tokens=128_001, stated=1)


# Bodies, resources, hosts: read once more, in the guard's own way

NAMED = b'{"cachedContent": "projects/p/locations/%s/cachedContents/1"}'
STORE = b'{"tools": [{"x": {"y": {"datastore": "projects/p/locations/%s/collections/c/dataStores/d"}}}]}'
OWN_HOST = "1.europe-west4-2.prediction.vertexai.goog"


def resource(location: str, rest: str = "cachedContents/1", **change: Any) -> dict[str, Any]:
    raw_path = f"/v1/projects/p/locations/{location}/{rest}"
    return {"host": CATALOG.locations[location].host, "raw_path": raw_path, "model": "", "method": "GET", **change}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"body": NAMED % b"us"}, "names a resource of another location"),
        ({"body": NAMED % b"nowhere"}, "names a resource of another location"),
        ({"body": STORE % b"us"}, "data read outside"),
        ({"body": STORE % b"global"}, "data read outside"),
        ({"body": STORE % b"nowhere"}, "data read outside"),
        ({"body": STORE.replace(b"collections/c/", b"") % b"us"}, "data read outside"),
        ({"body": NAMED % b"\xff"}, "names a resource of another location"),
        ({"body": None}, "the body can't be read"),
        ({"body": b"\x1f\x8b"}, "the body can't be read"),
        ({"body": b'{"tools": [{"googleSearch": {}}]}'}, "nothing guarantees that googleSearch stays"),
        ({"body": b'{"tools": [{"google_maps": {}}]}'}, "nothing guarantees that google_maps stays"),
        (
            {"body": b'{"tools": [{"type": "web_search_20250305"}]}'},
            "that web_search_20250305 stays",
        ),
        ({"features": frozenset({"rag"})}, "nothing guarantees that rag stays"),
        ({"features": frozenset({"yodelling"})}, "nothing guarantees that yodelling stays"),
        ({"headers": {"x-vertex-router-tokens": "1"}}, "meant for the router"),
        ({"headers": {"x-goog-request-params": "model=projects%2Fp%2Flocations%2fus%2Fm"}}, "another location"),
        ({"headers": {"x-goog-request-params": "name=projects/p/locations/us"}}, "another location"),
        ({"method": "GET"}, "not an address"),
        ({"host": "europe-west4-aiplatform.mtls.googleapis.com.evil.example"}, "do not belong together"),
        ({"host": OWN_HOST.replace("west4", "west1")}, "do not belong together"),
        ({"host": ""}, "do not belong together"),
        ({**resource("eu"), "host": ""}, "do not belong together"),
        (resource("us"), "outside the residency"),
        (resource("europe-west2"), "outside the residency"),
        (resource("global"), "no jurisdiction"),
        (resource("eu", "../../us/x"), "not an address"),
        (resource("eu", "cachedContents/%2e%2e"), "not an address"),
        (resource("eu", "cachedContents/."), "not an address"),
        (resource("eu", model=GEMINI), "not an address"),
        (
            resource("europe-west4", f"publishers/google/models/{GEMINI}:generateContent", method="POST"),
            "not an address",
        ),
    ],
)
def test_what_rules_and_readers_would_let_through_is_stopped(change: dict[str, Any], word: str) -> None:
    with pytest.raises(GuardStop, match=word):
        check(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b""},
        {"body": NAMED % b"europe-west4"},
        {"body": STORE % b"eu"},
        {"body": b'{"parts": [{"text": "googleSearch"}, {"text": "projects/p/locations/us/x/1 is far"}]}'},
        {"body": b'{"tools": [{"functionDeclarations": [{"name": "googleSearch"}]}, {"googleSearch": null}]}'},
        {"body": b'{"tools": ["googleSearch", 1, null, {}, {"type": null}]}'},
        {"body": b'{"tools": {"googleSearch": {}}}'},
        {"body": b'{"model": "projects/p/locations/us/publishers/google/models/m"}'},
        {"host": "europe-west4-aiplatform.mtls.googleapis.com"},
        {"host": OWN_HOST},
        {"headers": {"x-goog-request-params": "model=projects%2Fp%2Flocations%2Feurope-west4%2Fm&x=1"}},
        resource("eu"),
        resource("europe-west4", "publishers/google/models/m:fetchPredictOperation", method="POST"),
        resource("europe-west4", "batchPredictionJobs/1:cancel", method="POST", body=b"{}"),
    ],
)
def test_what_stays_passes(change: dict[str, Any]) -> None:
    assert check(**change) is None


def test_multi_regions_have_no_host_for_certificates() -> None:
    for host in ("aiplatform.eu.rep.mtls.googleapis.com", "aiplatform.mtls.eu.rep.googleapis.com"):
        with pytest.raises(GuardStop, match="do not belong together"):
            check(Policy(), **{**at("eu"), "host": host})


def test_the_policys_exceptions_are_heeded() -> None:
    policy = Policy(residency="eu", allow_features=["google-search", "unread-body", "rag"])
    assert check(policy, body=b'{"tools": [{"googleSearch": {}}]}', features=frozenset({"google-search"})) is None
    assert check(policy, body=None, features=frozenset({"unread-body"})) is None
    assert check(policy, body=b"\x1f\x8b", features=frozenset({"unread-body"})) is None
    with pytest.raises(GuardStop, match="googleMaps"):
        check(policy, body=b'{"tools": [{"googleMaps": {}}]}')


def test_by_location_only_what_is_known_to_leave_is_stopped() -> None:
    policy = Policy(residency="nl", assurance="location")
    assert check(policy, features=frozenset({"rag"})) is None
    with pytest.raises(GuardStop, match="google-maps"):
        check(policy, features=frozenset({"google-maps"}))


def test_without_a_residency_bodies_are_the_callers_affair() -> None:
    assert check(Policy(), body=NAMED % b"us", features=frozenset({"google-maps"})) is None
    assert check(Policy(), body=None) is None


def test_a_size_for_which_guarantees_were_asked_must_hold_the_request() -> None:
    german = Policy(residency="de", modes=["single_zone_provisioned"])
    there = {**at("europe-west3", "gemini-2.5-flash"), "tokens": 100_000}
    assert check(german, **there, body=b"{}") is None
    assert check(german, **there, body=b'{"x":"' + b"x" * 200_000 + b'"}', stated=90_000) is None
    for too_large in ({"body": b'{"x":"' + b"x" * 200_000 + b'"}'}, {"body": b"{}", "stated": 100_001}):
        with pytest.raises(GuardStop, match="larger than 100,000 tokens"):
            check(german, **there, **too_large)


LONG = {
    "prose": 'he said \\"no\\"\\n' + "and left " * 2000,
    "base64": "QUJD/" * 2000,
    "backslashes": "it said: " + "a\\\\" * 3000,
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize(
    ("member", "word"),
    [
        ('"tools": [{"googleSearch": {}}]', "googleSearch stays inside"),
        ('"cachedContent": "projects/p/locations/us/cachedContents/1"', "another location"),
        ('"x": "projects/p/locations/us/cachedContents/' + "1" * 9000 + '"', "another location"),
        ('"x": "' + "a" * 9000 + '\\"}', "can't be read"),
    ],
)
def test_nothing_is_hidden_by_long_strings(kind: str, member: str, word: str) -> None:
    long = f'"contents": [{{"parts": [{{"text": "{LONG[kind]}"}}]}}]'
    for text in (f"{{{long}, {member}}}", f"{{{member}, {long}}}"):
        with pytest.raises(GuardStop, match=word):
            check(body=text.encode())
    assert check(body=f"{{{long}}}".encode()) is None


def test_an_address_that_passed_passes_for_no_other_method_model_or_port() -> None:
    guard = Guard(CATALOG, EU)
    given = {"scheme": "https", "port": None, "headers": {}, "on": TODAY, **at("europe-west4")}
    assert guard.check(**given) is None
    for change in ({"method": "GET"}, {"scheme": "http"}, {"port": 8443}, {"model": "gemini-2.5-pro"}):
        with pytest.raises(GuardStop):
            guard.check(**{**given, **change})
    assert guard.check(**given) is None


TEXTS = st.sampled_from(
    ["", "a", "\\", '"', '\\"', "x" * 5000, "\\" * 4999, '"x' * 2500, "x" * 5000 + "\\", '"' + "x" * 5000]
)


@given(before=st.lists(TEXTS, max_size=6), after=st.lists(TEXTS, max_size=3), word=TEXTS)
def test_no_long_text_around_it_hides_a_resource_of_another_location(
    before: list[str], after: list[str], word: str
) -> None:
    """Long texts are not looked into; where one begins and ends decides what is looked into."""
    foreign = "projects/p/locations/us/cachedContents/1"

    def body(name: str) -> bytes:
        return msgspec.json.encode({"texts": before, "cachedContent": name, "more": after})

    with pytest.raises(GuardStop, match="names a resource of another location"):
        check(body=body(foreign))
    assert check(body=body(f"{word} {foreign}")) is None, "a text that mentions one"
