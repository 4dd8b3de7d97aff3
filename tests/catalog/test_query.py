from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from catalog import (
    Availability,
    Bounded,
    Catalog,
    Denied,
    Feature,
    Jurisdiction,
    Localised,
    Location,
    Model,
    Own,
    Processing,
    Reservation,
    Retirement,
    Served,
    Source,
    Stays,
    Trust,
    UnknownFeature,
    UnknownJurisdiction,
    UnknownLocation,
    UnknownModel,
    load,
)
from catalog.own import OwnQuota
from catalog.schema import Quota

ANY = Trust()
DAY = date(2026, 11, 21)
FIRST = date(2026, 3, 1)


def availability(served: str, *locations: str, **more: Any) -> Availability:
    given = {"since": FIRST, "source": "page", "where": "w", "checked": DAY, "modes": ("standard",), **more}
    return Availability(served=served, locations=locations, **given)  # type: ignore[arg-type]


def processing(boundary: str, *locations: str, **more: Any) -> Processing:
    given = {"since": FIRST, "source": "page", "where": "w", "checked": DAY, **more}
    return Processing(boundary=boundary, locations=locations, **given)


def model(*claims: Availability | Processing, name: str = "robin", **more: Any) -> Model:
    return Model(
        id=name,
        name=name,
        publisher="acme",
        family="birds",
        task="text",
        methods=("sing",),
        stage="ga",
        availability=tuple(each for each in claims if isinstance(each, Availability)),
        processing=tuple(each for each in claims if isinstance(each, Processing)),
        **more,
    )


def location(name: str, kind: str, jurisdiction: str | None = None) -> Location:
    host = f"{name}.example"
    return Location(id=name, kind=kind, name=name, host=host, jurisdiction=jurisdiction, source="page")  # type: ignore[arg-type]


def catalog_of(*models: Model, own: Own | None = None) -> Catalog:
    return Catalog(
        sources=[
            Source(id="page", title="Page", published=FIRST, retrieved=DAY),
            Source(id="leaflet", title="Leaflet", published=FIRST + timedelta(days=100), retrieved=DAY),
        ],
        jurisdictions=[
            Jurisdiction(id="eu", name="EU", countries=("de", "fr", "nl")),
            Jurisdiction(id="benelux", name="Benelux", countries=("be", "lu", "nl")),
        ],
        locations=[
            location("global", "global"),
            location("eu", "multi_region", "eu"),
            location("europe-west2", "region", "gb"),
            location("europe-west4", "region", "nl"),
        ],
        models=models,
        own=own or Own(),
    )


def served(*claims: Availability, on: date = DAY, trust: Trust = ANY, mode: Any = "standard", at: str = "eu") -> Served:
    return catalog_of(model(*claims)).served("robin", at, mode, on, trust)


def bounded(*claims: Processing, on: date = DAY, at: str = "europe-west4", **more: Any) -> Bounded:
    return catalog_of(model(*claims)).boundary("robin", at, on, **more)


# Names


def test_a_model_is_found_by_its_id_and_by_its_alias() -> None:
    robin = model(aliases=("robin@1",))
    known = catalog_of(robin)
    assert known.model("robin") is robin
    assert known.model("robin@1") is robin
    assert list(known.models) == ["robin"]


def test_a_model_may_be_looked_for_without_an_error_and_all_names_are_told() -> None:
    robin = model(aliases=("robin@1",))
    known = catalog_of(robin)
    assert known.find("robin") is known.find("robin@1") is robin
    assert known.find("wren") is None
    assert known.names() == {"robin", "robin@1"}
    assert known.jurisdiction_names() == {"eu", "benelux", "be", "de", "fr", "gb", "lu", "nl"}


def test_names_that_are_not_there_are_told_with_the_nearest() -> None:
    known = catalog_of(model())
    with pytest.raises(UnknownModel, match="'robyn'; nearest: robin"):
        known.model("robyn")
    with pytest.raises(UnknownLocation, match="'europe-west3'; nearest: europe-west4, europe-west2"):
        known.location("europe-west3")
    with pytest.raises(UnknownJurisdiction, match="'benelx'; nearest: benelux"):
        known.countries("benelx")


@pytest.mark.parametrize("name", ["robins", "robin-2", "robi", "ROBIN", "robin ", "", "arobin", "robin@001"])
def test_a_name_matches_as_a_whole(name: str) -> None:
    with pytest.raises(UnknownModel):
        catalog_of(model()).model(name)


def test_an_alias_is_among_the_nearest_names() -> None:
    with pytest.raises(UnknownModel) as caught:
        catalog_of(model(name="x", aliases=("sparrow@1",))).model("sparrow")
    assert caught.value.nearest == ("sparrow@1",)


@pytest.mark.parametrize("question", ["served", "boundary"])
@pytest.mark.parametrize(("name", "place", "error"), [("crow", "eu", UnknownModel), ("robin", "mars", UnknownLocation)])
def test_a_question_about_what_is_not_there_is_an_error_and_not_an_answer(
    question: str, name: str, place: str, error: type[Exception]
) -> None:
    known = catalog_of(model())
    with pytest.raises(error):
        known.served(name, place, "standard", DAY) if question == "served" else known.boundary(name, place, DAY)


def test_a_jurisdiction_is_its_countries_and_a_country_is_itself() -> None:
    known = catalog_of()
    assert known.countries("eu") == {"de", "fr", "nl"}
    assert known.countries("fr") == {"fr"}
    assert known.countries("gb") == {"gb"}, "a region's country needs no set to stand in"


def test_uk_is_told_to_be_gb() -> None:
    with pytest.raises(UnknownJurisdiction, match=r"^unknown jurisdiction 'uk'\. Great Britain is 'gb'$"):
        catalog_of().countries("uk")
    with pytest.raises(UnknownJurisdiction) as caught:
        catalog_of().countries("atlantis")
    assert str(caught.value) == "unknown jurisdiction 'atlantis'"


def test_none_unknown_and_global_are_no_jurisdictions() -> None:
    for name in ("none", "unknown", "global", ""):
        with pytest.raises(UnknownJurisdiction):
            catalog_of().countries(name)


@pytest.mark.parametrize(("name", "countries"), [("global", ()), ("eu", ("de", "fr", "nl")), ("europe-west2", ("gb",))])
def test_the_place_of_a_location_is_where_its_endpoint_stands(name: str, countries: Iterable[str]) -> None:
    assert catalog_of().place(name) == set(countries)


def test_private_hosts_are_those_of_the_locations() -> None:
    known = catalog_of()
    assert known.private_hosts == frozenset()
    private = msgspec.structs.replace(known.location("eu"), private_host="eu.internal.example")
    others = [each for each in known.locations.values() if each.id != "eu"]
    found = Catalog(
        sources=known.sources.values(),
        jurisdictions=known.jurisdictions.values(),
        locations=[private, *others],
        models=(),
    )
    assert found.private_hosts == {"eu.internal.example"}


def test_a_catalog_cannot_be_changed() -> None:
    known: Any = catalog_of(model())
    with pytest.raises(TypeError):
        known.models["wren"] = model(name="wren")
    with pytest.raises(TypeError):
        del known.locations["global"]


# Availability


def test_what_no_claim_covers_is_unknown() -> None:
    assert served() == Served("unknown", "no claim says whether it is served in standard mode")
    assert served(availability("yes", "global")).verdict == "unknown"
    assert served(availability("yes", "eu", modes=("batch",))).verdict == "unknown"


@pytest.mark.parametrize("verdict", ["yes", "no", "unknown"])
def test_an_answer_carries_the_claim_that_it_rests_on(verdict: str) -> None:
    claim = availability(verdict, "eu")
    answer = served(claim)
    assert answer.verdict == verdict
    assert answer.claim is claim
    assert answer.source == "page"


def test_an_answer_says_why_in_words() -> None:
    assert served(availability("yes", "eu", note="hush")).reason == "served"
    assert served(availability("no", "eu")).reason == "not served here"
    assert served(availability("no", "eu", note="for 3 and later")).reason == "for 3 and later"
    assert served(availability("unknown", "eu")).reason == "not established whether it is served here"


def test_a_claim_about_a_mode_says_nothing_of_another() -> None:
    claim = availability("yes", "eu", modes=("standard", "priority"))
    assert served(claim, mode="priority").verdict == "yes"
    assert served(claim, mode="flex").verdict == "unknown"


def test_everywhere_else_covers_only_what_no_other_claim_of_the_mode_names() -> None:
    claims = (availability("yes", "eu"), availability("no", "*"))
    assert served(*claims, at="eu").verdict == "yes"
    assert served(*claims, at="europe-west4").verdict == "no"
    assert served(*claims, at="europe-west4", mode="batch").verdict == "unknown"


def test_everywhere_else_does_not_speak_for_a_named_location_whose_evidence_begins_later() -> None:
    answer = served(availability("yes", "eu", since=date(2026, 9, 9)), availability("no", "*"), on=date(2026, 9, 8))
    assert answer.verdict == "unknown"
    assert answer.reason == "evidence begins on 2026-09-09"


def test_before_the_evidence_the_answer_is_unknown_and_says_when_it_begins() -> None:
    claims = (availability("yes", "eu"), availability("yes", "eu", since=date(2026, 2, 2), until=FIRST))
    answer = served(*claims, on=date(2026, 2, 1))
    assert (answer.verdict, answer.reason) == ("unknown", "evidence begins on 2026-02-02")


def test_after_the_evidence_the_answer_is_unknown_and_says_when_it_ended() -> None:
    claims = (
        availability("yes", "eu", until=date(2026, 5, 1)),
        availability("yes", "eu", since=date(2026, 6, 1), until=date(2026, 7, 1)),
    )
    answer = served(*claims)
    assert (answer.verdict, answer.reason) == ("unknown", "the evidence ends on 2026-07-01")


def test_between_two_periods_the_answer_is_unknown() -> None:
    claims = (
        availability("yes", "eu", until=date(2026, 5, 1)),
        availability("yes", "eu", since=date(2026, 6, 1)),
    )
    assert served(*claims, on=date(2026, 5, 15)).verdict == "unknown"


def test_a_later_claim_takes_over_from_the_day_on_which_an_earlier_one_ends() -> None:
    turn = date(2026, 7, 8)
    claims = (availability("no", "eu", until=turn), availability("yes", "eu", since=turn))
    assert served(*claims, on=date(2026, 7, 7)).verdict == "no"
    assert served(*claims, on=turn).verdict == "yes"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [(("yes", "no"), "no"), (("yes", "unknown"), "unknown"), (("unknown", "no"), "no"), (("yes", "yes"), "yes")],
)
def test_of_claims_that_contradict_the_most_cautious_is_taken(verdicts: tuple[str, str], expected: str) -> None:
    claims = [availability(verdict, "eu") for verdict in verdicts]
    assert served(*claims).verdict == expected
    assert served(*reversed(claims)).verdict == expected


@pytest.mark.parametrize(
    ("confidence", "least", "verdict"),
    [
        ("low", "low", "yes"),
        ("low", "medium", "unknown"),
        ("medium", "medium", "yes"),
        ("medium", "high", "unknown"),
        ("high", "high", "yes"),
    ],
)
def test_evidence_of_less_confidence_than_asked_for_is_no_evidence(confidence: str, least: str, verdict: str) -> None:
    answer = served(availability("yes", "eu", confidence=confidence), trust=Trust(least))  # type: ignore[arg-type]
    assert answer.verdict == verdict
    assert verdict == "yes" or answer.reason == f"only evidence of less than {least} confidence"


def test_a_no_of_little_confidence_does_not_overrule_a_sure_yes() -> None:
    claims = (availability("yes", "eu"), availability("no", "eu", confidence="low"))
    assert served(*claims, trust=Trust("low")).verdict == "no"
    assert served(*claims, trust=Trust("medium")).verdict == "yes"


# Retirement

END = date(2026, 10, 20)


def ended(day: date, **fields: Any) -> Served:
    end = Retirement(**{"on": END, "source": "page", "where": "w", **fields})
    return catalog_of(model(availability("yes", "eu"), retirement=end)).served("robin", "eu", "standard", day)


def test_a_confirmed_retirement_ends_every_claim_from_its_day_on() -> None:
    assert ended(date(2026, 10, 19), confirmed=True).verdict == "yes"
    answer = ended(END, confirmed=True, successor="wren")
    assert (answer.verdict, answer.reason, answer.source) == ("no", "retired on 2026-10-20; successor: wren", "page")


def test_a_retirement_carries_the_age_of_its_evidence() -> None:
    assert ended(DAY, confirmed=True).age_days == (DAY - FIRST).days


def test_a_confirmed_retirement_without_successor_names_none() -> None:
    assert ended(DAY, confirmed=True).reason == "retired on 2026-10-20"


def test_an_announced_retirement_alone_ends_nothing() -> None:
    assert ended(DAY).verdict == "yes"


def test_a_day_before_which_a_model_will_not_end_ends_nothing() -> None:
    assert ended(DAY, on=None, not_before=END, confirmed=True).verdict == "yes"


@pytest.mark.parametrize(
    ("on", "confirmed", "warning"),
    [
        (date(2026, 9, 4), False, ""),
        (date(2026, 9, 5), False, "robin retires on 2026-10-20, in 45 days; successor: wren"),
        (date(2026, 10, 19), True, "robin retires on 2026-10-20, in 1 day; successor: wren"),
        (END, False, "robin: the retirement announced for 2026-10-20 has passed and is not confirmed; successor: wren"),
        (END, True, ""),
    ],
)
def test_a_warning_tells_of_an_end_that_is_near_or_past_and_not_confirmed(
    on: date, confirmed: bool, warning: str
) -> None:
    end = Retirement(on=END, confirmed=confirmed, successor="wren", source="page", where="w")
    assert catalog_of(model(retirement=end)).warning("robin", on) == warning


def test_a_model_that_lasts_or_whose_end_is_open_has_no_warning() -> None:
    floor = Retirement(not_before=END, source="page", where="w")
    assert catalog_of(model(), model(name="wren", retirement=floor)).warning("wren", DAY) == ""
    assert catalog_of(model()).warning("robin", DAY) == ""


DIARY = Own(sources=frozenset({"leaflet"}))
"""The project's own source."""


def seen(verdict: str, on: date = DAY, **more: Any) -> Served:
    """A retired model, and what the project noted of it in its own source."""
    end = Retirement(on=END, confirmed=True, source="page", where="w")
    noted = availability(verdict, "eu", **{"source": "leaflet", "checked": END, **more})
    return catalog_of(model(noted, retirement=end), own=DIARY).served("robin", "eu", "standard", on)


def test_a_retired_model_is_served_where_the_project_saw_it_since() -> None:
    assert seen("yes").verdict == "yes"
    assert seen("yes", on=END).verdict == "yes"
    assert seen("yes", source="page").verdict == "no", "another's claim is older than the end, whenever it was read"
    assert seen("yes", checked=END - timedelta(days=1)).verdict == "no", "that was before its end"
    assert seen("yes", until=DAY).verdict == "no", "that is over"
    assert seen("unknown").verdict == "no", "that is no sight of it"


@pytest.mark.parametrize("own", [False, True])
def test_a_retirement_that_rests_on_the_projects_own_source_says_so(own: bool) -> None:
    end = Retirement(on=END, confirmed=True, source="leaflet" if own else "page", where="w")
    answer = catalog_of(model(retirement=end), own=DIARY).served("robin", "eu", "standard", DAY)
    by = ", by this project's own source 'leaflet'" if own else ""
    assert (answer.own, answer.reason) == (own, f"retired on 2026-10-20{by}")


# Unknown


@pytest.mark.parametrize(
    ("on", "since"),
    [(date(2026, 2, 1), FIRST), (date(2026, 6, 15), date(2026, 5, 1)), (DAY, date(2026, 7, 1))],
    ids=["before", "between", "after"],
)
def test_an_unknown_answer_names_the_claim_that_comes_nearest(on: date, since: date) -> None:
    claims = (
        availability("yes", "eu", since=date(2026, 7, 1), until=date(2026, 8, 1)),
        availability("yes", "eu", since=FIRST, until=date(2026, 4, 1)),
        availability("yes", "eu", since=date(2026, 5, 1), until=date(2026, 6, 1)),
    )
    answer = served(*claims, on=on)
    assert answer.claim is not None
    assert (answer.verdict, answer.claim.since) == ("unknown", since)


def test_evidence_that_is_too_old_is_named_with_its_age() -> None:
    answer = served(availability("yes", "eu"), trust=Trust(max_age_days=30))
    age = (DAY - FIRST).days
    assert (answer.verdict, answer.age_days) == ("unknown", age)
    assert answer.reason == f"the evidence is {age} days old, and at most 30 are accepted"
    assert served(availability("yes", "eu"), trust=Trust(max_age_days=age)).verdict == "yes"


def test_of_evidence_that_is_all_too_old_the_youngest_is_named() -> None:
    older, younger = availability("yes", "eu"), availability("yes", "eu", source="leaflet")
    for claims in ((older, younger), (younger, older)):
        assert served(*claims, trust=Trust(max_age_days=30)).claim == younger
    twins = (older, availability("yes", "eu", note="the same page"))
    assert served(*twins, trust=Trust(max_age_days=30)).claim == older, "of one age, the first"


def test_evidence_is_never_younger_than_new() -> None:
    claim = availability("yes", "eu", since=FIRST - timedelta(days=9))
    assert served(claim, on=FIRST).age_days == 0
    assert served(claim, on=FIRST - timedelta(days=5)).age_days == 0, "a day before its source was published"
    assert served(claim, on=FIRST + timedelta(days=1)).age_days == 1


def test_evidence_without_a_source_in_the_catalog_has_no_age_and_is_not_fresh() -> None:
    claim = processing("eu", "europe-west4", source="hearsay")
    assert bounded(claim).age_days is None
    answer = bounded(claim, trust=Trust(max_age_days=10_000))
    assert (answer.boundary, answer.reason) == ("unknown", "the evidence is of unknown age")


# Boundary


def test_a_guarantee_names_its_jurisdiction_countries_and_claim() -> None:
    claim = processing("eu", "europe-west4")
    expected = Bounded("eu", "processing stays in eu", frozenset({"de", "fr", "nl"}), claim, age_days=265)
    assert bounded(claim) == expected


def test_availability_says_nothing_of_where_processing_stays() -> None:
    known = catalog_of(model(availability("yes", "europe-west4")))
    assert known.boundary("robin", "europe-west4", DAY) == Bounded("unknown", "no claim says where processing stays")


def test_a_guarantee_for_one_location_says_nothing_of_another() -> None:
    assert bounded(processing("eu", "eu"), at="europe-west4").boundary == "unknown"


@pytest.mark.parametrize(
    ("boundary", "reason"),
    [("none", "processing may happen anywhere"), ("unknown", "where processing stays is not established")],
)
def test_none_and_unknown_lie_inside_no_jurisdiction(boundary: str, reason: str) -> None:
    claim = processing(boundary, "europe-west4")
    assert bounded(claim) == Bounded(boundary, reason, frozenset(), claim, age_days=265)


@pytest.mark.parametrize("boundary", ["eu", "nl", "none", "unknown"])
def test_global_has_no_boundary_whatever_a_claim_says(boundary: str) -> None:
    for claims in ((), (processing(boundary, "global"),)):
        answer = bounded(*claims, at="global")
        assert (answer.boundary, answer.countries) == ("none", frozenset())
        assert answer.reason == "requests to global may be processed anywhere"
        assert answer.claim == next(iter(claims), None)
    over = bounded(processing(boundary, "global", until=DAY), at="global")
    assert (over.boundary, over.claim) == ("none", None)


@pytest.mark.parametrize(
    ("tokens", "boundary"), [(1, "nl"), (128_000, "nl"), (128_001, "unknown"), (200_000, "unknown"), (None, "unknown")]
)
def test_a_guarantee_up_to_a_size_holds_up_to_that_size(tokens: int | None, boundary: str) -> None:
    assert bounded(processing("nl", "europe-west4", max_context_tokens=128_000), tokens=tokens).boundary == boundary


def test_a_request_that_is_too_large_for_a_guarantee_is_told_both_sizes() -> None:
    claim = processing("nl", "europe-west4", max_context_tokens=128_000)
    large, unbounded = bounded(claim, tokens=200_000), bounded(claim)
    assert large.reason == "guaranteed only up to 128,000 context tokens; the request is of 200,000 tokens"
    assert unbounded.reason == "guaranteed only up to 128,000 context tokens; the request is of unknown size"
    assert large.claim is unbounded.claim is claim


def test_a_request_that_is_too_large_for_every_guarantee_is_told_the_largest() -> None:
    claims = [processing("nl", "europe-west4", max_context_tokens=size) for size in (1_000, 3_000, 2_000)]
    assert bounded(*claims, tokens=3_001).reason.startswith("guaranteed only up to 3,000 context tokens; ")


def test_a_wider_guarantee_holds_where_a_narrow_one_ends() -> None:
    claims = (processing("nl", "europe-west4", max_context_tokens=128_000), processing("eu", "europe-west4"))
    assert bounded(*claims, tokens=128_000).boundary == "nl"
    assert bounded(*claims, tokens=128_001).boundary == "eu"
    assert bounded(*claims).boundary == "eu"


@pytest.mark.parametrize("careful", ["none", "unknown"])
def test_one_claim_that_promises_nothing_outweighs_those_that_promise(careful: str) -> None:
    claims = [processing("nl", "europe-west4"), processing(careful, "europe-west4")]
    assert bounded(*claims).boundary == careful
    assert bounded(*reversed(claims)).boundary == careful


def test_of_no_boundary_and_unknown_the_first_is_told() -> None:
    assert bounded(processing("unknown", "europe-west4"), processing("none", "europe-west4")).boundary == "none"


@pytest.mark.parametrize("boundaries", [("de", "fr"), ("de", "benelux"), ("gb", "eu")])
def test_guarantees_that_exclude_each_other_are_none(boundaries: tuple[str, str]) -> None:
    """They can't both be true, and the cautious answer to a contradiction is not to believe one of them."""
    claims = [processing(boundary, "europe-west4") for boundary in boundaries]
    assert bounded(*claims).countries == frozenset()
    assert bounded(*reversed(claims)).countries == frozenset()


def test_guarantees_that_exclude_each_other_are_told_with_the_narrowest_first() -> None:
    narrow, wide = processing("gb", "europe-west4"), processing("eu", "europe-west4")
    answer = bounded(wide, narrow)
    assert (answer.reason, answer.claim) == ("claims contradict each other: gb, eu", narrow)


def test_two_claims_that_say_the_same_are_no_contradiction() -> None:
    claims = (processing("eu", "europe-west4"), processing("eu", "europe-west4", source="leaflet"))
    assert bounded(*claims).boundary == "eu"


def test_a_guarantee_before_or_after_its_evidence_is_unknown_and_says_why() -> None:
    claim = processing("eu", "europe-west4", until=date(2026, 6, 1))
    before, after = bounded(claim, on=date(2026, 2, 28)), bounded(claim)
    assert (before.boundary, before.reason) == ("unknown", "evidence begins on 2026-03-01")
    assert (after.boundary, after.reason) == ("unknown", "the evidence ends on 2026-06-01")
    assert before.claim is after.claim is claim


def test_a_guarantee_of_less_confidence_than_asked_for_is_unknown() -> None:
    claim = processing("eu", "europe-west4", confidence="low")
    assert bounded(claim).boundary == "eu"
    answer = bounded(claim, trust=Trust("medium"))
    assert (answer.boundary, answer.reason) == ("unknown", "only evidence of less than medium confidence")


def test_a_boundary_does_not_ask_whether_the_model_is_served() -> None:
    known = catalog_of(model(availability("no", "eu"), processing("eu", "eu")))
    assert known.boundary("robin", "eu", DAY).boundary == "eu"


# Features


def stays(*claims: Localised, on: date = DAY, trust: Trust = ANY) -> Stays:
    known = catalog_of(model())
    humming = Feature(id="humming", name="Humming", localised=claims)
    found = Catalog(
        sources=known.sources.values(),
        jurisdictions=known.jurisdictions.values(),
        locations=known.locations.values(),
        models=known.models.values(),
        features=[humming],
    )
    return found.stays("humming", on, trust)


def localised(verdict: str, **more: Any) -> Localised:
    given: dict[str, Any] = {"since": FIRST, "source": "page", "where": "here", "checked": DAY, **more}
    return Localised(stays=verdict, **given)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ("yes", "it stays where the model's processing stays"),
        ("no", "no guarantee of where processing stays covers it"),
        ("unknown", "it is not established whether a guarantee of where processing stays covers it"),
    ],
)
def test_a_feature_stays_or_does_not_or_it_is_unknown(verdict: Any, reason: str) -> None:
    claim = localised(verdict)
    assert stays(claim) == Stays(verdict, f"Humming: {reason}", claim)


def test_of_claims_about_a_feature_the_most_cautious_one_is_taken() -> None:
    assert stays(localised("yes"), localised("unknown")).verdict == "unknown"
    assert stays(localised("yes"), localised("unknown"), localised("no")).verdict == "no"


def test_a_note_is_the_reason() -> None:
    assert stays(localised("no", note="it can be heard outside")).reason == "Humming: it can be heard outside"


def test_evidence_about_a_feature_has_its_days_and_its_confidence_too() -> None:
    assert stays(localised("yes"), on=FIRST - timedelta(days=1)).verdict == "unknown"
    over = localised("yes", until=DAY)
    assert stays(over) == Stays("unknown", "Humming: the evidence ends on 2026-11-21", over)
    assert stays(localised("yes", confidence="low"), trust=Trust("medium")).verdict == "unknown"


def test_of_a_feature_without_claims_or_that_is_not_there_nothing_is_known() -> None:
    nothing = "no claim says that {} stays where the model's processing stays"
    assert stays() == Stays("unknown", nothing.format("humming"))
    assert catalog_of().stays("yodelling", DAY) == Stays("unknown", nothing.format("yodelling"))


def test_a_feature_is_found_by_its_id_or_the_nearest_are_told() -> None:
    known = load()
    assert known.feature("google-search").name == "Grounding with Google Search"
    with pytest.raises(UnknownFeature, match="nearest: google-search"):
        known.feature("google-serch")


# What the project's overlay says of limits and of places that it never uses


def test_a_location_that_the_overlay_does_not_name_is_not_denied() -> None:
    own = Own(denied=(Denied(locations=("eu",), models=("wren",), reason="under review"),))
    known = catalog_of(model(), own=own)
    assert known.denied("wren", "eu") == "under review"
    assert known.denied("robin", "eu") == known.denied("wren", "global") == ""


@pytest.mark.parametrize("own", [False, True])
def test_an_answer_that_rests_on_the_projects_own_source_says_so(own: bool) -> None:
    source, by = ("leaflet", ", by this project's own source 'leaflet'") if own else ("page", "")
    robin = model(availability("yes", "eu", source=source), processing("eu", "eu", source=source))
    known = catalog_of(robin, own=DIARY)
    answers = (known.served("robin", "eu", "standard", DAY), known.boundary("robin", "eu", DAY))
    assert [(each.own, each.reason) for each in answers] == [
        (own, f"served{by}"),
        (own, f"processing stays in eu{by}"),
    ]


def test_a_reservation_is_that_of_its_model_location_mode_and_days() -> None:
    asked: dict[str, Any] = {"model": "robin", "location": "eu", "mode": "provisioned", "gsu": 1}
    over, now = Reservation(**asked, until=DAY), Reservation(**asked, since=DAY)
    known = catalog_of(model(), own=Own(reservations=(over, now)))
    assert known.reserved("robin", "eu", "provisioned", DAY) == now
    assert known.reserved("robin", "eu", "provisioned", DAY - timedelta(days=1)) == over
    assert known.reserved("wren", "eu", "provisioned", DAY) is None
    assert known.reserved("robin", "europe-west4", "provisioned", DAY) is None
    assert known.reserved("robin", "eu", "single_zone_provisioned", DAY) is None


def test_a_quota_is_that_of_its_model_location_and_day_and_the_projects_own_comes_first() -> None:
    def published(at: str, **more: Any) -> Quota:
        given: dict[str, Any] = {"since": FIRST, "source": "page", "where": "w", "checked": DAY, **more}
        return Quota(locations=(at,), system="model", requests_per_minute=60, **given)

    over, now, elsewhere = published("eu", until=DAY), published("eu", since=DAY), published("global")
    mine = OwnQuota(model="robin", locations=("europe-west4",), requests_per_minute=5)
    other = OwnQuota(model="wren", locations=("eu", "europe-west4"), requests_per_minute=7)
    robin = model(quota=(over, now, elsewhere))
    known = catalog_of(robin, own=Own(quotas=(other, mine)))
    assert known.quota("robin", "eu", DAY) == now
    assert known.quota("robin", "eu", DAY - timedelta(days=1)) == over
    assert known.quota("robin", "europe-west4", DAY) == mine
    assert known.quota("robin", "europe-west2", DAY) is None
    closer = OwnQuota(model="robin", locations=("eu",), requests_per_minute=5)
    assert catalog_of(robin, own=Own(quotas=(closer,))).quota("robin", "eu", DAY) == closer
