from __future__ import annotations

import inspect
import re
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from catalog import Availability, Denied, Model, Own, Processing, Reservation, Retirement
from catalog.own import OwnQuota
from catalog.schema import DataSharing, Feature, Localised, Quota
from router import Allowed, Candidate, Policy, Refused
from router import rules as rules_module
from router.plan import Limit
from router.rules import Question, Rules
from tests.world import TODAY, claim, roomy_catalog

SERVED_SOURCE, BOUND_SOURCE, MODEL_SOURCE = "google-rest-hosts", "google-data-residency", "claude-quotas"
SERVED_URL = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/rest"
BOUND_URL = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/data-residency"
MODEL_URL = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/partner-models/claude/quotas"


def served(verdict: str, *locations: str, **more: Any) -> Availability:
    fields = {"modes": ("standard",), "source": SERVED_SOURCE, "checked": date(2026, 11, 1), **more}
    return Availability(**claim(locations=locations, served=verdict, **fields))


def bound(boundary: str, *locations: str, **more: Any) -> Processing:
    fields = {"source": BOUND_SOURCE, "checked": date(2026, 11, 2), **more}
    return Processing(**claim(locations=locations, boundary=boundary, **fields))


ROBIN = Model(
    id="robin",
    name="Robin",
    publisher="acme",
    family="robin",
    task="text",
    aliases=("robin@1",),
    methods=("sing", "whistle"),
    stage="ga",
    availability=(
        served("yes", "global", "us", "eu", "europe-west2", "europe-west3", "europe-west4", "europe-west6"),
        served("no", "europe-west8", note="no tree there"),
        served("unknown", "europe-west9"),
        served("yes", "europe-west12", confidence="low"),
        served("yes", "europe-west8", modes=("provisioned", "batch")),
    ),
    processing=(
        bound("us", "us"),
        bound("eu", "eu", "europe-west8", "europe-west9"),
        bound("gb", "europe-west2"),
        bound("de", "europe-west3", max_context_tokens=100),
        bound("none", "europe-west6"),
    ),
)
WREN = msgspec.structs.replace(ROBIN, id="wren", aliases=())


def robin(*claims: Availability | Processing, **fields: Any) -> Model:
    """The model with further claims or other fields."""
    more = {
        "availability": (*ROBIN.availability, *(each for each in claims if isinstance(each, Availability))),
        "processing": (*ROBIN.processing, *(each for each in claims if isinstance(each, Processing))),
    }
    return msgspec.structs.replace(ROBIN, **{**more, **fields})


def judge(
    place: str,
    policy: Policy | None = None,
    model: Model = ROBIN,
    mode: Any = "standard",
    own: Own | None = None,
    **question: Any,
) -> Allowed | Refused:
    catalog = roomy_catalog(model, WREN, own=own)
    asked = Question(**{"model": model.id, "modes": (mode,), "on": TODAY, **question})
    return Rules(catalog, policy or Policy()).judge(model, catalog.location(place), mode, asked)


def refused(*given: Any, **more: Any) -> Refused:
    found = judge(*given, **more)
    assert isinstance(found, Refused), found
    return found


def allowed(*given: Any, **more: Any) -> Allowed:
    found = judge(*given, **more)
    assert isinstance(found, Allowed), found
    return found


EU = Policy(residency="eu")
BY_PLACE = Policy(residency="eu", assurance="location")
EU_AND_RAG = Policy(residency="eu", allow_features="rag")
BY_PLACE_GB = Policy(residency="gb", assurance="location")
PLACES_URL = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/locations"
CAPABILITIES_URL = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/supported-capabilities"
SHARING = DataSharing(terms="the choirmaster listens", source=MODEL_SOURCE, where="small print")
HELD = Own(reservations=(Reservation(model="robin", location="europe-west3", gsu=2),))
CLOSED = Own(
    denied=(
        Denied(locations=("eu",), reason="under review"),
        Denied(locations=("us",), models=("wren",), reason="not for wrens"),
    )
)
ENDED = Retirement(on=date(2026, 10, 20), source=MODEL_SOURCE, where="last row")


# Every rule refuses what it should: the location, the policy and the rest of the question; then what is said of it.

CASES: list[tuple[str, str, Policy, dict[str, Any], dict[str, str]]] = [
    ("not-served", "europe-west8", Policy(), {}, {
        "reason": "no tree there; served in provisioned, batch mode", "source": SERVED_URL,
    }),
    ("not-served", "eu", Policy(), {"model": robin(retirement=msgspec.structs.replace(ENDED, confirmed=True))}, {
        "reason": "retired on 2026-10-20", "source": MODEL_URL,
    }),
    ("not-known-to-be-served", "us-central1", Policy(), {}, {
        "reason": "no claim says whether it is served in standard mode", "source": "",
    }),
    ("not-known-to-be-served", "europe-west9", Policy(), {}, {
        "reason": "not established whether it is served here", "source": SERVED_URL,
    }),
    ("not-known-to-be-served", "europe-west12", Policy(), {}, {
        "reason": "only evidence of less than medium confidence", "source": SERVED_URL,
    }),
    ("not-known-to-be-served", "europe-west12", Policy(), {"mode": "flex"}, {
        "reason": "no claim says whether it is served in flex mode", "source": "",
    }),
    ("not-known-to-be-served", "eu", Policy(), {"on": date(2025, 12, 31)}, {
        "reason": "evidence begins on 2026-01-01", "source": SERVED_URL,
    }),
    ("not-known-to-be-served", "eu", Policy(), {"mode": "flex"}, {
        "reason": "no claim says whether it is served in flex mode; served in standard mode", "source": "",
    }),
    ("no-boundary", "global", EU, {}, {
        "reason": "requests to global may be processed anywhere", "source": BOUND_URL,
    }),
    ("no-boundary", "europe-west6", Policy(residency="ch"), {}, {
        "reason": "processing may happen anywhere", "source": BOUND_URL,
    }),
    ("no-boundary", "global", BY_PLACE, {}, {
        "reason": "requests to global may be processed anywhere", "source": BOUND_URL,
    }),
    ("not-reserved", "europe-west8", Policy(modes="provisioned"), {"mode": "provisioned", "own": HELD}, {
        "reason": "the overlay names no reservation in provisioned mode here", "source": "",
    }),
    ("location-denied", "eu", Policy(), {"own": CLOSED}, {
        "reason": "the overlay denies it: under review", "source": "",
    }),
    ("location-denied", "us", Policy(), {"own": CLOSED, "counted": "wren"}, {
        "reason": "the overlay denies it: not for wrens", "source": "",
    }),
    ("boundary-unknown", "europe-west4", EU, {}, {
        "reason": "no claim says where processing stays", "source": "",
    }),
    ("boundary-unknown", "europe-west4", EU, {"model": robin(bound("unknown", "europe-west4"))}, {
        "reason": "where processing stays is not established", "source": BOUND_URL,
    }),
    ("boundary-unknown", "europe-west3", EU, {"tokens": 101}, {
        "reason": "guaranteed only up to 100 context tokens; the request is of 101 tokens", "source": BOUND_URL,
    }),
    ("boundary-unknown", "europe-west3", EU, {}, {
        "reason": "guaranteed only up to 100 context tokens; the request is of unknown size", "source": BOUND_URL,
    }),
    ("boundary-unknown", "europe-west4", EU, {"model": robin(bound("eu", "europe-west4", confidence="low"))}, {
        "reason": "only evidence of less than medium confidence", "source": BOUND_URL,
    }),
    ("boundary-unknown", "europe-west4", EU, {"model": robin(bound("eu", "europe-west4", until=TODAY))}, {
        "reason": "the evidence ends on 2026-11-21", "source": BOUND_URL,
    }),
    ("boundary-outside", "us", EU, {}, {
        "reason": "processing stays in us, not within eu", "source": BOUND_URL,
        "mend": "a residency that includes us would admit it",
    }),
    ("boundary-outside", "europe-west2", EU, {}, {
        "reason": "processing stays in gb, not within eu", "source": BOUND_URL,
        "mend": "a residency that includes gb would admit it",
    }),
    ("boundary-outside", "eu", Policy(residency=["de", "fr"]), {}, {
        "reason": "processing stays in eu, not within de + fr", "source": BOUND_URL,
        "mend": "a residency that includes eu would admit it",
    }),
    ("location-outside", "europe-west2", BY_PLACE, {}, {
        "reason": "the endpoint stands outside eu", "source": SERVED_URL,
    }),
    ("boundary-outside", "europe-west4", BY_PLACE, {"model": robin(bound("us", "europe-west4"))}, {
        "reason": "processing stays in us, outside eu", "source": BOUND_URL,
    }),
    ("pinned", "us", Policy(), {"pins": frozenset({"eu"})}, {
        "reason": "a resource that the request names binds it to eu",
    }),
    ("pinned", "us", Policy(), {"pins": frozenset({"us", "eu"})}, {
        "reason": "a resource that the request names binds it to eu, us",
    }),
    ("feature-google-search", "eu", EU, {"features": frozenset({"google-search"})}, {
        "reason": "Grounding with Google Search: Google's table of capabilities names grounding with Google Search, "
        "but at which endpoints processing stays is not on record",
        "source": CAPABILITIES_URL, "mend": 'allow_features = ["google-search"] would admit it',
    }),
    ("feature-google-maps", "europe-west2", BY_PLACE_GB, {"features": frozenset({"google-maps", "rag"})}, {
        "reason": "Grounding with Google Maps: grounding with Google Maps is not among the capabilities for which "
        "processing is guaranteed to stay",
        "source": CAPABILITIES_URL, "mend": 'allow_features = ["google-maps"] would admit it',
    }),
    ("feature-yodelling", "eu", EU, {"features": frozenset({"yodelling"})}, {
        "reason": "no claim says that yodelling stays where the model's processing stays",
        "mend": 'allow_features = ["yodelling"] would admit it',
    }),
    ("read-outside", "eu", EU, {"read": frozenset({"us"})}, {"reason": "data is read in us, outside eu"}),
    ("read-outside", "eu", EU, {"read": frozenset({"global"})}, {"reason": "data is read in global, outside eu"}),
    ("read-outside", "eu", EU, {"read": frozenset({"nowhere"})}, {"reason": "data is read in nowhere, outside eu"}),
    ("no-mtls-host", "us", Policy(), {"mtls": True}, {
        "reason": "multi-regions publish no host for certificate-bound tokens", "source": PLACES_URL,
        "mend": "a client without a certificate could go there",
    }),
    ("location-denied", "us", Policy(deny_locations=["eu", "us"]), {}, {
        "reason": "the policy's deny_locations names it",
    }),
    ("location-not-allowed", "us", Policy(allow_locations="eu"), {}, {
        "reason": "the policy's allow_locations does not name it",
    }),
    ("kind-not-allowed", "us", Policy(kinds=["global", "region"]), {}, {
        "reason": "the policy's kinds do not include multi_region",
    }),
    ("mode-not-allowed", "europe-west8", Policy(), {"mode": "batch"}, {
        "reason": "the policy's modes do not include batch",
    }),
    ("caller-wall", "us", Policy(caller_location="wall"), {"caller": "eu"}, {
        "reason": "the client is set to eu", "mend": 'a policy with caller_location = "prefer" would let it move',
    }),
    ("other-service", "us", Policy(), {"model": robin(service="speech")}, {
        "reason": "the speech API serves robin, on hosts that the router does not send to",
    }),
    ("model-denied", "us", Policy(deny_models="robin"), {}, {
        "reason": "the policy's deny_models names robin",
    }),
    ("model-denied", "us", Policy(deny_models="robin@1"), {}, {
        "reason": "the policy's deny_models names robin",
    }),
    ("model-not-allowed", "us", Policy(allow_models="wren"), {}, {
        "reason": "the policy's allow_models does not name robin",
    }),
    ("preview-model", "eu", EU, {"model": robin(stage="preview")}, {
        "reason": "robin is a preview model", "mend": "preview_models = true would admit it",
    }),
    ("preview-model", "eu", Policy(preview_models=False), {"model": robin(stage="preview")}, {
        "reason": "robin is a preview model", "mend": "preview_models = true would admit it",
    }),
    ("data-sharing", "eu", EU, {"model": robin(data_sharing=SHARING)}, {
        "reason": "the choirmaster listens", "source": MODEL_URL, "mend": "data_sharing_models = true would admit it",
    }),
    ("retirement-passed", "eu", Policy(after_retirement="refuse"), {"model": robin(retirement=ENDED)}, {
        "reason": "the retirement announced for 2026-10-20 has passed", "source": MODEL_URL,
        "mend": 'after_retirement = "warn" would admit it',
    }),
    ("method-unknown", "eu", EU, {"method": "croak"}, {
        "reason": "the catalog does not know croak for robin, so nothing is guaranteed for it",
    }),
    ("model-denied", "eu", Policy(deny_models="wren"), {"counted": "wren"}, {
        "reason": "the policy's deny_models names wren",
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "place", "policy", "given", "said"), CASES, ids=[f"{rule} at {place}" for rule, place, *_ in CASES]
)
def test_a_rule_refuses_by_name_with_reason_source_and_mend(
    rule: str, place: str, policy: Policy, given: dict[str, Any], said: dict[str, str]
) -> None:
    assert refused(place, policy, **given) == Refused(location=place, rule=rule, **{"source": "", "mend": "", **said})


def test_every_rule_of_the_module_is_tried() -> None:
    source = inspect.getsource(rules_module)
    named = {*re.findall(r'_refuse\(place, "([a-z-]+)"', source), *re.findall(r'"(not-[a-z-]+)"', source)}
    assert named == {rule for rule, *_ in CASES if not rule.startswith("feature-")}
    assert 'f"feature-{name}"' in source


# Features


SEARCH = {"features": frozenset({"google-search"})}


def test_an_exception_of_the_policy_admits_a_feature_and_is_told() -> None:
    policy = Policy(residency="eu", allow_features="google-search")
    assert allowed("eu", policy, **SEARCH)
    rules, asked = Rules(roomy_catalog(), policy), Question("m", ("standard",), TODAY, **SEARCH)
    assert rules.exceptions(asked) == ("google-search",)
    assert rules.why_exceptional("google-search", asked) == (
        "google-search: Grounding with Google Search: Google's table of capabilities names grounding with Google "
        "Search, but at which endpoints processing stays is not on record; admitted by the policy's allow_features"
    )


def test_by_location_a_feature_of_which_nothing_is_known_passes_and_is_told() -> None:
    assert allowed("eu", BY_PLACE, **SEARCH)
    rules, asked = Rules(roomy_catalog(), BY_PLACE), Question("m", ("standard",), TODAY, **SEARCH)
    assert rules.exceptions(asked) == ("google-search",)
    assert 'admitted by the policy\'s assurance = "location"' in rules.why_exceptional("google-search", asked)


def test_a_guaranteed_feature_is_no_exception() -> None:
    said = Localised(**claim(stays="yes"))
    catalog = roomy_catalog()
    catalog.features = {"google-search": Feature(id="google-search", name="Search", localised=(said,))}
    rules, asked = Rules(catalog, EU), Question("m", ("standard",), TODAY, **SEARCH)
    assert rules.exceptions(asked) == ()
    model = catalog.model("gemini-3.8-flash")
    assert isinstance(rules.judge(model, catalog.location("eu"), "standard", asked), Allowed)


def test_a_guarantee_for_a_feature_must_be_as_good_as_any_other_evidence() -> None:
    said = Localised(**claim(stays="yes", confidence="low"))
    catalog = roomy_catalog()
    catalog.features = {"google-search": Feature(id="google-search", name="Search", localised=(said,))}
    model, asked = catalog.model("gemini-3.8-flash"), Question("m", ("standard",), TODAY, **SEARCH)

    def judged(policy: Policy) -> Allowed | Refused:
        return Rules(catalog, policy).judge(model, catalog.location("eu"), "standard", asked)

    assert isinstance(judged(Policy(residency="eu", min_confidence="low")), Allowed)
    found = judged(EU)
    assert isinstance(found, Refused)
    assert (found.rule, found.reason) == (
        "feature-google-search",
        "Search: only evidence of less than medium confidence",
    )


def test_without_a_residency_features_and_data_read_elsewhere_are_the_callers_affair() -> None:
    assert allowed("us", Policy(), **SEARCH, read=frozenset({"us"}))


@pytest.mark.parametrize("place", ["eu", "europe-west4"])
def test_data_may_be_read_anywhere_inside_the_residency(place: str) -> None:
    assert allowed("eu", EU, read=frozenset({place}))


def test_a_client_with_a_certificate_may_go_to_regions() -> None:
    assert allowed("europe-west4", Policy(), mtls=True)


# Resources


def resource(place: str, policy: Policy, own: Own | None = None, **question: Any) -> Allowed | Refused:
    catalog = roomy_catalog(own=own)
    asked = Question(**{"model": "", "modes": ("standard",), "on": TODAY, "resource": "ragCorpora", **question})
    return Rules(catalog, policy).judge_resource(catalog.location(place), asked)


@pytest.mark.parametrize(
    ("place", "policy", "question", "rule"),
    [
        ("europe-west4", EU, {}, ""),
        ("eu", EU, {}, ""),
        ("europe-west2", EU, {}, "location-outside"),
        ("us", EU, {}, "location-outside"),
        ("global", EU, {}, "no-boundary"),
        ("global", Policy(), {}, ""),
        ("europe-west4", EU, {"features": frozenset({"rag"})}, "feature-rag"),
        ("europe-west4", BY_PLACE, {"features": frozenset({"rag"})}, ""),
        ("europe-west4", EU_AND_RAG, {"features": frozenset({"rag"})}, ""),
        (
            "europe-west2",
            EU_AND_RAG,
            {"features": frozenset({"rag"})},
            "location-outside",
        ),
        ("europe-west4", Policy(deny_locations="europe-west4"), {}, "location-denied"),
        ("europe-west4", Policy(allow_locations="eu"), {}, "location-not-allowed"),
        ("europe-west4", EU, {"pins": frozenset({"europe-west4", "us"})}, "pinned"),
        ("europe-west4", EU, {"read": frozenset({"us"})}, "read-outside"),
    ],
)
def test_a_resource_is_judged_by_where_it_stands_and_by_what_it_does(
    place: str, policy: Policy, question: dict[str, Any], rule: str
) -> None:
    judged = resource(place, policy, **question)
    assert (judged.rule if isinstance(judged, Refused) else "") == rule


def test_a_resource_that_may_stay_is_told_by_what_and_goes_to_its_own_host() -> None:
    admitted = Allowed(
        candidate=Candidate("ragCorpora", "europe-west4", "standard"),
        kind="region",
        host="europe-west4-aiplatform.googleapis.com",
        boundary="nl",
        source=BOUND_URL,
        checked=None,
        why="ragCorpora stays where it is; the location stands within eu",
    )
    assert resource("europe-west4", EU) == admitted
    assert resource("europe-west4", EU, host="1.europe-west4-2.prediction.vertexai.goog") == msgspec.structs.replace(
        admitted, host="1.europe-west4-2.prediction.vertexai.goog"
    )
    assert resource("europe-west4", Policy()) == msgspec.structs.replace(
        admitted, source="", why="ragCorpora stays where it is"
    )


def test_a_resource_at_global_stays_inside_nothing() -> None:
    found = resource("global", Policy())
    assert isinstance(found, Allowed)
    assert found.boundary == "unknown"


@pytest.mark.parametrize(
    ("place", "rule", "reason", "source"),
    [
        ("global", "no-boundary", "global stands nowhere in particular", BOUND_URL),
        ("europe-west2", "location-outside", "the location stands outside eu", SERVED_URL),
    ],
)
def test_a_resource_outside_is_refused_with_the_source_of_where_its_location_stands(
    place: str, rule: str, reason: str, source: str
) -> None:
    assert resource(place, EU) == Refused(location=place, rule=rule, reason=reason, source=source)


def test_an_overlay_denies_resources_too() -> None:
    judged = resource("eu", Policy(), own=CLOSED)
    assert isinstance(judged, Refused)
    assert judged.reason == "the overlay denies it: under review"
    assert isinstance(resource("us", Policy(), own=CLOSED), Allowed), "denied for one model only"


# Models that the catalog does not know


def stranger(place: str, policy: Policy | None = None, own: Own | None = None, **question: Any) -> Allowed | Refused:
    catalog = roomy_catalog(own=own)
    asked = Question(**{"model": "starling", "modes": ("standard",), "on": TODAY, "caller": place, **question})
    return Rules(catalog, policy or Policy()).judge_stranger(catalog.location(place), asked)


def test_a_stranger_is_kept_at_the_clients_location_of_which_nothing_is_promised() -> None:
    admitted = Allowed(
        candidate=Candidate("starling", "europe-west4", "standard"),
        kind="region",
        host="europe-west4-aiplatform.googleapis.com",
        boundary="unknown",
        source="",
        checked=None,
        why="the model is not in the catalog; the client's own location is kept",
    )
    assert stranger("europe-west4") == admitted
    assert stranger("europe-west4", Policy(allow_locations="europe-west4", caller_location="wall")) == admitted
    with_certificate = msgspec.structs.replace(admitted, host="europe-west4-aiplatform.mtls.googleapis.com")
    assert stranger("europe-west4", mtls=True) == with_certificate


def test_a_stranger_is_asked_for_in_the_first_of_its_modes() -> None:
    found = stranger("eu", Policy(modes=["standard", "flex"]), modes=("flex", "standard"))
    assert isinstance(found, Allowed)
    assert found.candidate.mode == "flex"
    found = stranger("eu", modes=("flex", "standard"))
    assert isinstance(found, Refused)
    assert found.rule == "mode-not-allowed"


NO_STARLINGS = Own(denied=(Denied(locations=("us",), models=("starling",), reason="not for starlings"),))


@pytest.mark.parametrize(
    ("place", "policy", "given", "rule", "reason"),
    [
        ("eu", {}, {"own": CLOSED}, "location-denied", "the overlay denies it: under review"),
        ("us", {}, {"own": NO_STARLINGS}, "location-denied", "the overlay denies it: not for starlings"),
        ("us", {"deny_locations": "us"}, {}, "location-denied", "the policy's deny_locations names it"),
        ("us", {"kinds": "region"}, {}, "kind-not-allowed", "the policy's kinds do not include multi_region"),
        (
            "us",
            {},
            {"pins": frozenset({"eu"})},
            "pinned",
            "a resource that the request names binds it to eu",
        ),
        (
            "us",
            {"allow_models": "claude-opus-4-7"},
            {},
            "model-not-allowed",
            "the policy's allow_models does not name starling",
        ),
        (
            "us",
            {"allow_models": "claude-opus-4-7", "deny_locations": "us"},
            {},
            "location-denied",
            "the policy's deny_locations names it",
        ),
    ],
)
def test_a_stranger_is_refused_by_what_overlay_and_policy_say_of_places_and_models(
    place: str, policy: dict[str, Any], given: dict[str, Any], rule: str, reason: str
) -> None:
    assert stranger(place, Policy(**policy), **given) == Refused(location=place, rule=rule, reason=reason)


# Overlays


def test_what_is_reserved_here_may_be_used_though_the_policy_does_not_name_its_mode() -> None:
    """Who has bought capacity has said that they want it; who says `ignore` has taken that back."""
    own = Own(reservations=(Reservation(model="robin", location="europe-west8", gsu=2, since=TODAY),))
    asked: dict[str, Any] = {"mode": "provisioned", "own": own}
    assert allowed("europe-west8", **asked).candidate.mode == "provisioned"
    catalog = roomy_catalog(ROBIN, own=own)
    by_alias = Question("robin@1", ("provisioned",), TODAY)
    assert isinstance(
        Rules(catalog, Policy()).judge(ROBIN, catalog.location("europe-west8"), "provisioned", by_alias), Allowed
    )
    assert refused("europe-west8", Policy(reservations="ignore"), **asked).rule == "mode-not-allowed"
    assert refused("europe-west8", mode="batch", own=own).rule == "mode-not-allowed", "batch is not bought ahead"


def test_a_reservation_admits_provisioned_throughput_where_and_while_it_holds() -> None:
    asked: dict[str, Any] = {"policy": Policy(modes="provisioned"), "mode": "provisioned"}
    held = Reservation(model="robin", location="europe-west8", gsu=2, since=TODAY, until=TODAY + timedelta(days=7))
    own = Own(reservations=(held,))
    assert allowed("europe-west8", **asked, own=own).candidate.mode == "provisioned"
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=7)):
        assert refused("europe-west8", **asked, own=own, on=day).rule == "not-reserved"
    assert allowed("europe-west8", **asked).why == "served in provisioned mode", "nothing is known of reservations"


def test_a_reservation_is_not_needed_for_capacity_on_demand() -> None:
    assert allowed("eu", own=HELD).candidate.location == "eu"


def test_a_location_denied_for_one_model_is_there_for_the_others() -> None:
    assert allowed("us", own=CLOSED).candidate.location == "us"


# The age of evidence


def test_under_a_residency_evidence_that_is_too_old_is_no_evidence() -> None:
    age = allowed("eu", EU).age_days
    assert age == (TODAY - roomy_catalog().sources[BOUND_SOURCE].published).days
    assert allowed("eu", Policy(residency="eu", max_evidence_age_days=500)).candidate.location == "eu"
    found = refused("eu", Policy(residency="eu", max_evidence_age_days=1))
    assert found.rule == "not-known-to-be-served"
    assert found.reason.endswith("days old, and at most 1 are accepted")


def test_the_age_of_an_answer_is_that_of_the_oldest_evidence_that_it_needs() -> None:
    by_age = sorted(roomy_catalog().sources.values(), key=lambda each: each.published)
    old, new = by_age[0], by_age[-1]
    assert old.published < new.published
    for served_by, bound_by in ((old, new), (new, old)):
        model = msgspec.structs.replace(
            ROBIN,
            availability=(served("yes", "eu", source=served_by.id),),
            processing=(bound("eu", "eu", source=bound_by.id),),
        )
        assert allowed("eu", EU, model=model).age_days == (TODAY - old.published).days
        assert allowed("eu", model=model).age_days == (TODAY - served_by.published).days


def test_an_answer_by_the_projects_own_source_says_so_in_words() -> None:
    own = Own(sources=frozenset({SERVED_SOURCE}))
    by = f"by this project's own source {SERVED_SOURCE!r}"
    assert allowed("eu", own=own).why == f"served in standard mode, {by}"
    assert allowed("eu", EU, own=own).why == f"served in standard mode, {by}; processing stays in eu"
    assert allowed("eu", EU, own=own).own
    bounding = allowed("eu", EU, own=Own(sources=frozenset({BOUND_SOURCE})))
    assert bounding.own
    placed = allowed("eu", Policy(residency="eu", assurance="location"), own=Own(sources=frozenset({BOUND_SOURCE})))
    assert placed.own
    assert f"by this project's own source {BOUND_SOURCE!r}" in placed.why
    assert bounding.why.endswith(f"processing stays in eu, by this project's own source {BOUND_SOURCE!r}")


def test_without_a_residency_evidence_may_be_of_any_age() -> None:
    assert allowed("eu", Policy(max_evidence_age_days=1)).candidate.location == "eu"


# Facts come before wishes, the location before the model: what each step mends lets the next rule speak.

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("not-served", {"model": {"availability": (served("yes", "us"),)}}),
    ("boundary-outside", {"policy": {"residency": "us"}}),
    ("pinned", {"question": {"pins": frozenset({"us"})}}),
    ("location-denied", {"policy": {"deny_locations": ()}}),
    ("location-not-allowed", {"policy": {"allow_locations": None}}),
    ("kind-not-allowed", {"policy": {"kinds": "multi_region"}}),
    ("mode-not-allowed", {"policy": {"modes": "standard"}}),
    ("caller-wall", {"question": {"caller": "us"}}),
    ("model-denied", {"policy": {"deny_models": ()}}),
    ("model-not-allowed", {"policy": {"allow_models": "robin"}}),
    ("preview-model", {"model": {"stage": "ga"}}),
    ("data-sharing", {"policy": {"data_sharing_models": True}}),
    ("retirement-passed", {"policy": {"after_retirement": "warn"}}),
    ("method-unknown", {"question": {"method": "sing"}}),
]


def test_the_rules_speak_in_their_order() -> None:
    state: dict[str, dict[str, Any]] = {
        "model": {
            "availability": (served("no", "us"),),
            "stage": "preview",
            "data_sharing": SHARING,
            "retirement": ENDED,
        },
        "policy": {
            "residency": "de",
            "deny_locations": "us",
            "allow_locations": "eu",
            "kinds": "region",
            "modes": "batch",
            "caller_location": "wall",
            "deny_models": "robin",
            "allow_models": "wren",
            "after_retirement": "refuse",
        },
        "question": {"pins": frozenset({"eu"}), "caller": "eu", "method": "croak"},
    }

    def judged() -> Allowed | Refused:
        model = msgspec.structs.replace(ROBIN, **state["model"])
        return judge("us", Policy(**state["policy"]), model, **state["question"])

    spoken = []
    for _, mended in STEPS:
        found = judged()
        spoken.append(found.rule if isinstance(found, Refused) else "")
        for part, fields in mended.items():
            state[part].update(fields)
    assert spoken == [rule for rule, _ in STEPS]
    assert isinstance(judged(), Allowed)


# What is admitted, and by which evidence


@pytest.mark.parametrize(
    ("residency", "places"),
    [
        ("eu", {"eu", "europe-west3"}),
        ("eea", {"eu", "europe-west3"}),
        ("de", {"europe-west3"}),
        ("nl", set()),
        ("us", {"us"}),
        ("gb", {"europe-west2"}),
        (["eu", "gb"], {"eu", "europe-west2", "europe-west3"}),
        (["eu", "us", "gb"], {"eu", "us", "europe-west2", "europe-west3"}),
    ],
    ids=str,
)
def test_a_residency_admits_exactly_the_locations_whose_boundary_lies_within_it(
    residency: Any, places: set[str]
) -> None:
    policy = Policy(residency=residency)
    known = roomy_catalog(ROBIN).locations
    assert {place for place in known if isinstance(judge(place, policy, tokens=100), Allowed)} == places


def test_under_a_residency_the_evidence_is_the_boundarys_claim() -> None:
    found = allowed("eu", EU)
    assert found.candidate == ("robin", "eu", "standard")
    assert (found.kind, found.host) == ("multi_region", "aiplatform.eu.rep.googleapis.com")
    assert (found.boundary, found.source, found.checked) == ("eu", BOUND_URL, date(2026, 11, 2))
    assert found.why == "served in standard mode; processing stays in eu"
    assert not found.own


def test_without_a_residency_the_evidence_is_the_claim_that_it_is_served() -> None:
    found = allowed("eu")
    assert (found.boundary, found.source, found.checked) == ("eu", SERVED_URL, date(2026, 11, 1))
    assert found.why == "served in standard mode"


def test_by_location_the_evidence_is_not_a_claim_about_processing() -> None:
    """The reason given is the endpoint's place, so a claim about processing is no evidence for it."""
    found = allowed("europe-west4", BY_PLACE, robin(bound("unknown", "europe-west4")))
    assert found.why == "served in standard mode; the endpoint stands within eu"
    assert found.boundary == "unknown"
    assert found.source == SERVED_URL


def test_a_source_without_an_address_is_cited_by_its_id() -> None:
    model = robin(served("yes", "us-central1", source="diary"))
    assert judge("us-central1", Policy(), model).source == ""
    catalog = roomy_catalog(model)
    sources = {**catalog.sources, "diary": msgspec.structs.replace(catalog.sources[SERVED_SOURCE], id="diary", url="")}
    known = type(catalog)(
        sources=sources.values(),
        jurisdictions=catalog.jurisdictions.values(),
        locations=catalog.locations.values(),
        models=[model],
    )
    question = Question("robin", ("standard",), TODAY)
    found = Rules(known, Policy()).judge(model, known.location("us-central1"), "standard", question)
    assert found.source == "diary"


@pytest.mark.parametrize(
    ("place", "residency", "claims"),
    [
        ("europe-west4", "eu", ()),
        ("europe-west4", "nl", ()),
        ("europe-west3", "de", (bound("eu", "europe-west3"),)),
        ("europe-west6", "ch", ()),
        ("eu", "eu", ()),
    ],
)
def test_by_location_an_endpoint_inside_is_enough(place: str, residency: str, claims: tuple[Processing, ...]) -> None:
    policy = Policy(residency=residency, assurance="location")
    assert (
        allowed(place, policy, robin(*claims)).why == f"served in standard mode; the endpoint stands within {residency}"
    )


@pytest.mark.parametrize(("least", "rule"), [("low", ""), ("medium", "not-known-to-be-served")])
def test_the_least_confidence_is_the_policys(least: Any, rule: str) -> None:
    assert getattr(judge("europe-west12", Policy(min_confidence=least)), "rule", "") == rule


def test_a_location_that_no_rule_refuses_is_admitted_for_each_of_its_modes() -> None:
    policy = Policy(modes=["standard", "batch", "provisioned"])
    assert allowed("europe-west8", policy, mode="batch").candidate.mode == "batch"
    assert allowed("europe-west8", policy, mode="provisioned").candidate.mode == "provisioned"


# How use is limited there, which is what pacing starts from


def quota(system: str = "lineage", bucket: str = "songbirds", **limits: int) -> dict[str, Any]:
    return {"quota": (Quota(**claim(locations=("eu",), system=system, bucket=bucket, **limits)),)}


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ({}, Limit()),
        (quota(requests_per_minute=120), Limit(bucket="songbirds", per_second=2.0)),
        (quota(requests_per_minute=120, tokens_per_minute=600), Limit(bucket="songbirds", per_second=2.0)),
        (quota(tokens_per_minute=600), Limit(bucket="songbirds", per_second=10.0, in_tokens=True)),
        (quota(input_tokens_per_minute=600), Limit(bucket="songbirds", in_tokens=True)),
        (quota(output_tokens_per_minute=600), Limit(bucket="songbirds", in_tokens=True)),
        (quota(), Limit(bucket="songbirds")),
        (quota("model", requests_per_minute=120), Limit(per_second=2.0)),
    ],
)
def test_a_published_quota_limits_use_and_only_a_lineage_shares_it(said: dict[str, Any], limit: Limit) -> None:
    assert allowed("eu", model=robin(**said)).limit == limit
    assert allowed("us", model=robin(**said)).limit == Limit(), "it is a quota of another location"


def test_a_quota_of_the_projects_own_is_for_one_model_alone() -> None:
    own = Own(quotas=(OwnQuota(model="robin", locations=("eu",), requests_per_minute=60),))
    assert allowed("eu", model=robin(**quota(requests_per_minute=120)), own=own).limit == Limit(per_second=1.0)


# The caller's own location, without a residency

WALL = Policy(caller_location="wall")
KEPT = "the client's own location, kept; the catalog does not know it to serve this model"


@pytest.mark.parametrize("place", ["us-central1", "europe-west9", "europe-west12"])
def test_a_walled_caller_keeps_a_location_that_is_not_known_to_serve(place: str) -> None:
    found = allowed(place, WALL, caller=place)
    assert (found.candidate.location, found.why) == (place, KEPT)


def test_a_kept_location_cites_the_location_itself_and_was_never_checked() -> None:
    found = allowed("us-central1", WALL, caller="us-central1")
    assert (found.source, found.checked) == (SERVED_URL, None)


def test_a_walled_caller_does_not_keep_a_location_that_is_known_not_to_serve() -> None:
    assert refused("europe-west8", WALL, caller="europe-west8").rule == "not-served"


def test_a_walled_caller_keeps_only_its_own_location() -> None:
    assert refused("us-central1", WALL, caller="us-east1").rule == "not-known-to-be-served"


@pytest.mark.parametrize("policy", [Policy(), Policy(caller_location="ignore")], ids=["prefer", "ignore"])
def test_only_a_wall_keeps_what_is_not_known_to_serve(policy: Policy) -> None:
    assert refused("us-central1", policy, caller="us-central1").rule == "not-known-to-be-served"


def test_under_a_residency_a_wall_keeps_nothing_that_is_not_known_to_serve() -> None:
    policy = Policy(residency="eu", caller_location="wall")
    assert refused("europe-west9", policy, caller="europe-west9").rule == "not-known-to-be-served"


def test_a_wall_without_a_caller_holds_nothing_back() -> None:
    assert allowed("us", WALL)


# Pins, methods, models


def test_a_pin_admits_its_own_location_alone() -> None:
    pins = frozenset({"eu"})
    known = roomy_catalog(ROBIN).locations
    assert [place for place in known if isinstance(judge(place, pins=pins), Allowed)] == ["eu"]


@pytest.mark.parametrize("method", ["", "sing", "whistle"])
def test_a_method_that_the_catalog_knows_is_admitted_under_a_residency(method: str) -> None:
    assert allowed("eu", EU, method=method)


def test_a_method_that_the_catalog_does_not_know_is_admitted_without_a_residency() -> None:
    assert allowed("eu", Policy(), method="croak")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"stage": "preview"}, "preview-model"),
        ({"data_sharing": SHARING}, "data-sharing"),
    ],
)
def test_counting_tokens_asks_the_policy_for_the_model_that_is_counted(change: dict[str, Any], rule: str) -> None:
    counter = robin(id="count", aliases=(), task="count")
    counted = msgspec.structs.replace(WREN, **change)
    catalog = roomy_catalog(counter, counted)
    question = Question("count", ("standard",), TODAY, method="whatever", counted="wren")
    found = Rules(catalog, EU).judge(counter, catalog.location("eu"), "standard", question)
    assert isinstance(found, Refused)
    assert found.rule == rule


def test_the_model_that_counts_needs_no_entry_among_the_allowed_ones() -> None:
    counter = robin(id="count", aliases=(), task="count")
    assert allowed("eu", Policy(allow_models="wren"), counter, counted="wren")
    assert refused("eu", Policy(allow_models="wren")).rule == "model-not-allowed"


def test_an_experimental_model_needs_the_same_consent_as_a_preview_model() -> None:
    model = robin(stage="experimental")
    assert refused("eu", EU, model).rule == "preview-model"
    assert allowed("eu", Policy(residency="eu", preview_models=True), model)


def test_an_announced_retirement_refuses_from_its_day_on_and_only_if_asked_to() -> None:
    strict, model = Policy(after_retirement="refuse"), robin(retirement=ENDED)
    assert allowed("eu", strict, model, on=date(2026, 10, 19))
    assert refused("eu", strict, model, on=date(2026, 10, 20)).rule == "retirement-passed"
    assert allowed("eu", Policy(), model, on=date(2026, 10, 20))
