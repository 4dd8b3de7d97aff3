"""What changed between two days, what ends soon, and what should have ended, on a small catalog."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import catalog
from catalog import (
    Availability,
    Catalog,
    Change,
    Expiry,
    Location,
    Model,
    Own,
    Processing,
    Reservation,
    Retirement,
    Source,
    changes,
    expiring,
    overdue,
)
from catalog.tariff import Credit, Price, Tariff

FIRST, TURN, DAY = date(2026, 3, 1), date(2026, 7, 8), date(2026, 11, 21)
CLAIM: dict[str, Any] = {"source": "page", "where": "w", "checked": DAY}


def served(verdict: str, *locations: str, since: date = FIRST, **more: Any) -> Availability:
    fields = {"modes": ("standard",), **CLAIM, **more}
    return Availability(served=verdict, locations=locations, since=since, **fields)  # type: ignore[arg-type]


def bound(boundary: str, *locations: str, since: date = FIRST, **more: Any) -> Processing:
    return Processing(boundary=boundary, locations=locations, since=since, **{**CLAIM, **more})


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


def ending(on: date | None = TURN, **more: Any) -> Retirement:
    return Retirement(on=on, source="page", where="w", **more)


def catalog_of(*models: Model, own: Own | None = None) -> Catalog:
    places = {"nl-1": "nl", "de-1": "de", "br-1": "br"}
    return Catalog(
        sources=[Source(id=name, title=name, published=FIRST, retrieved=DAY) for name in ("page", "probe")],
        jurisdictions=[],
        locations=[
            Location(id=name, kind="region", name=name, host=f"{name}.example", jurisdiction=country, source="page")
            for name, country in places.items()
        ],
        models=models,
        own=own or Own(),
    )


def changed(*models: Model, since: date = FIRST, until: date = DAY, own: Own | None = None) -> tuple[Change, ...]:
    return changes(catalog_of(*models, own=own), since, until)


def told(found: tuple[Change, ...]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(each.what, each.before, each.after, each.locations) for each in found]


# Changes


def test_an_answer_that_turns_is_a_change_with_its_reason_and_source() -> None:
    robin = model(served("no", "nl-1", until=TURN), served("yes", "nl-1", since=TURN))
    assert changed(robin) == (
        Change(
            model="robin",
            what="served",
            locations=("nl-1",),
            mode="standard",
            before="no",
            after="yes",
            reason="served",
            source="page",
        ),
    )


@pytest.mark.parametrize(("since", "until"), [(FIRST, date(2026, 7, 7)), (TURN, DAY), (TURN, TURN)])
def test_days_between_which_nothing_turns_have_no_changes(since: date, until: date) -> None:
    assert (
        changed(model(served("no", "nl-1", until=TURN), served("yes", "nl-1", since=TURN)), since=since, until=until)
        == ()
    )


def test_evidence_that_begins_is_a_change_from_unknown() -> None:
    assert told(changed(model(served("yes", "nl-1", since=TURN)))) == [("served", "unknown", "yes", ("nl-1",))]


def test_locations_that_change_alike_are_one_change_and_others_are_not() -> None:
    robin = model(served("yes", "nl-1", "de-1", since=TURN), served("no", "br-1", since=TURN))
    assert told(changed(robin)) == [
        ("served", "unknown", "yes", ("nl-1", "de-1")),
        ("served", "unknown", "no", ("br-1",)),
    ]


def test_a_claim_that_is_renewed_with_the_same_answer_is_no_change() -> None:
    assert changed(model(served("yes", "nl-1", until=TURN), served("yes", "nl-1", since=TURN))) == ()


def test_a_boundary_that_moves_is_a_change_for_each_size_that_it_moves_for() -> None:
    robin = model(
        bound("nl", "nl-1", until=TURN),
        bound("nl", "nl-1", since=TURN, max_context_tokens=100),
    )
    (change,) = changed(robin)
    assert (change.what, change.tokens, change.before, change.after) == ("boundary", None, "nl", "unknown")
    assert "only up to 100 context tokens" in change.reason


def test_a_confirmed_retirement_is_told_once_with_the_locations_until_then() -> None:
    robin = model(
        served("yes", "nl-1", "de-1", since=date(2026, 5, 1)), retirement=ending(confirmed=True, successor="wren")
    )
    (change,) = changed(robin)
    assert (change.what, change.locations) == ("retirement", ("nl-1", "de-1"))
    assert (change.before, change.after) == ("announced for 2026-07-08", "retired")
    assert change.reason == "2026-07-08: retired; successor: wren"


def test_a_retirement_that_nobody_has_confirmed_takes_nothing_away() -> None:
    assert told(changed(model(served("yes", "nl-1"), retirement=ending()))) == [
        ("retirement", "announced for 2026-07-08", "passed, not confirmed", ("nl-1",))
    ]


def test_a_change_by_the_projects_own_source_says_so() -> None:
    robin = model(served("yes", "nl-1", since=TURN, source="probe"), served("yes", "de-1", since=TURN))
    found = changed(robin, own=Own(sources=frozenset({"probe"})))
    assert {each.locations: each.own for each in found} == {("nl-1",): True, ("de-1",): False}


def test_models_come_in_the_order_of_the_catalog() -> None:
    names = ("wren", "owl", "robin")
    found = changed(*(model(served("yes", "nl-1", since=TURN), name=name) for name in names))
    assert tuple(each.model for each in found) == names


def test_days_in_the_wrong_order_are_an_error() -> None:
    with pytest.raises(ValueError, match="the first day must not be after the second: 2026-11-21, 2026-03-01"):
        changed(since=DAY, until=FIRST)


@pytest.mark.parametrize("days", [(date(2026, 6, 1), DAY), (date(2026, 10, 19), date(2026, 10, 22))])
def test_what_is_told_of_the_shipped_catalog_is_what_it_answers(days: tuple[date, date]) -> None:
    """Each answer that differs is told, and each that is told differs."""
    known = catalog.load()
    found = {
        (each.model, each.mode, place): (each.before, each.after)
        for each in changes(known, *days)
        if each.what == "served"
        for place in each.locations
    }
    for name in list(known.models)[::5]:
        for place in known.locations:
            answers = [known.served(name, place, "standard", day) for day in days]
            one, other = (each.verdict for each in answers)
            retired = other == "no" and answers[1].claim is None
            expected = None if one == other or retired else (one, other)
            assert found.get((name, "standard", place)) == expected


# What ends

LAST = date(2026, 12, 1)


def ends(*models: Model, within: int = 90, own: Own | None = None, tariff: Tariff | None = None) -> tuple[Expiry, ...]:
    return expiring(catalog_of(*models, own=own), DAY, within, tariff)


def test_retirements_floors_claims_and_reservations_end_soonest_first() -> None:
    held = Reservation(model="robin", location="nl-1", gsu=5, until=date(2026, 11, 30))
    found = ends(
        model(served("yes", "nl-1", until=date(2026, 12, 3))),
        model(name="wren", retirement=ending(date(2026, 12, 2), successor="robin")),
        model(name="owl", retirement=ending(None, not_before=LAST)),
        own=Own(reservations=(held,)),
    )
    assert [(each.on.day, each.what, each.model, each.source) for each in found] == [
        (30, "reservation", "robin", ""),
        (1, "retirement floor", "owl", "page"),
        (2, "retirement", "wren", "page"),
        (3, "claim", "robin", "page"),
    ]
    assert [each.detail for each in found][::2] == ["5 GSU at nl-1", "announced; successor: robin"]
    assert found[3].detail == "availability at nl-1 (w)"


@pytest.mark.parametrize(("within", "named"), [(9, False), (10, True), (11, True), (10**9, True)])
def test_the_last_day_looked_at_is_included(within: int, named: bool) -> None:
    assert bool(ends(model(retirement=ending(LAST)), within=within)) is named


def test_what_has_ended_does_not_end_soon() -> None:
    assert ends(model(served("yes", "nl-1", until=DAY), retirement=ending(DAY))) == ()


def test_prices_and_credits_that_end_are_named_for_each_model() -> None:
    half = Credit(
        models=("robin",), modes=("batch",), uses=("input",), share=Decimal("0.5"), since=FIRST, until=LAST, **CLAIM
    )
    cost = Price(
        models=("owl", "wren"), locations=("nl-1",), input={"text": Decimal(1)}, since=FIRST, until=LAST, **CLAIM
    )
    lasting = Price(models=("owl",), locations=("nl-1",), input={"text": Decimal(1)}, since=FIRST, **CLAIM)
    found = ends(tariff=Tariff(price=(cost, lasting), credit=(half,)))
    assert [(each.model, each.what, each.detail) for each in found] == [
        ("owl", "price", "input at nl-1 in standard mode"),
        ("robin", "price", "credits of 50% of the list price, in batch mode"),
        ("wren", "price", "input at nl-1 in standard mode"),
    ]


def test_announced_retirements_that_nobody_has_confirmed_are_overdue_from_their_day_on() -> None:
    known = catalog_of(
        model(retirement=ending(DAY)),
        model(name="wren", retirement=ending(TURN)),
        model(name="gone", retirement=ending(TURN, confirmed=True)),
        model(name="ahead", retirement=ending(LAST)),
        model(name="floor", retirement=ending(None, not_before=TURN)),
        model(name="lasting"),
    )
    assert [(each.model, each.on, each.detail) for each in overdue(known, DAY)] == [
        ("wren", TURN, "announced"),
        ("robin", DAY, "announced"),
    ]
