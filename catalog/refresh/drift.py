"""Compares what pages say with the catalog, and proposes claims where they differ.

Nothing is proposed against evidence that is newer than the page. What a page does not list is proposed
as not served only where its list was understood to the last name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from catalog.query import Catalog, Served
from catalog.refresh.cards import PROCESSING
from catalog.refresh.facts import MODES as MODES_BY_HEADING
from catalog.refresh.facts import Facts, Life, Listing, facts
from catalog.refresh.pages import Doubt, Page, is_model_page
from catalog.refresh.proposal import Drift, Lifecycle, Proposal, Stranger
from catalog.schema import MODES, NO_BOUNDARY, UNKNOWN_BOUNDARY, Claim, Confidence, Mode, Model

PLAIN = "the page names no modes; pay-as-you-go is what its lists have meant"
UNLIMITED = "the page names no limit of the context's size; the residency tables may"


def compare(pages: Iterable[Page], known: Catalog, on: date) -> Drift:
    """What pages say otherwise than the catalog answers on a day.

    Args:
        pages: each with the date of its content.
    """
    found = Drift()
    said: dict[str, list[Facts]] = {}
    for page in pages:
        found.pages += 1
        if not is_model_page(page):
            found.skipped.append(page.name)
            continue
        if page.published is None or page.published > on:
            what = f"its date, {page.published}, is after {on}" if page.published else "it has no date"
            found.doubts.append(Doubt(page.name, 0, what))
            continue
        for each in facts(page, known):
            found.doubts += each.doubts
            _sort(each, known, said, found)
    for model, told in said.items():
        if (one := _newest(model, told, found)) is not None:
            _Comparison(known, on, known.model(model), one, found).run()
    return found


def _sort(one: Facts, known: Catalog, said: dict[str, list[Facts]], found: Drift) -> None:
    """Puts the facts of a card to the model that they are about."""
    models = {known.model(name).id for name in one.ids if name in known.names()}
    strange = tuple(name for name in one.ids if name not in known.names())
    if len(models) == 1 and not strange:
        said.setdefault(models.pop(), []).append(one)
    elif models:
        what = f"one card for several models ({', '.join(one.ids)}): which list is whose is not told"
        found.doubts.append(Doubt(one.page.name, one.line, what))
    elif strange and (one.available or one.modes):
        lists = [one.available, *one.modes.values(), one.processing]
        named = {each.title: tuple(each.places) for each in lists if each}
        found.strangers.append(Stranger(ids=strange, page=one.page, line=one.line, lists=named))


def _newest(model: str, told: list[Facts], found: Drift) -> Facts | None:
    """Of several cards about a model the newest; none when two of one day differ."""
    day = max(each.page.published or date.min for each in told)
    first, *others = (each for each in told if each.page.published == day)
    for other in others:
        if _substance(other) != _substance(first):
            what = f"a second card for {model}, which says something else than {first.page.name}:{first.line}"
            found.doubts.append(Doubt(other.page.name, other.line, what))
            return None
    return first


def _substance(one: Facts) -> object:
    lists = {mode: sorted(each.places) for mode, each in one.modes.items()}
    edges = [sorted(each.places) if each else None for each in (one.available, one.processing)]
    return lists, edges, one.nowhere_bounded, sorted(one.single_zone), sorted(one.doubted), len(one.doubts)


class _Comparison:
    """Compares what one card says with the catalog's answers about its model."""

    def __init__(self, known: Catalog, on: date, model: Model, said: Facts, found: Drift) -> None:
        self._known = known
        self._on = on
        self._model = model
        self._said = said
        self._page = said.page
        self._found = found
        self._dated = said.page.published or date.min

    def run(self) -> None:
        before = self._size()
        if self._is_gone():
            return
        self._contradicted()
        self._listed()
        self._unlisted()
        self._bounded()
        for life in self._said.lives:
            self._life(life)
        if self._size() == before and not self._said.doubts:
            self._found.agreeing.append(self._model.id)

    def _is_gone(self) -> bool:
        """Whether the catalog has the model as retired, so that a list of its locations changes nothing."""
        end = self._model.retirement
        if end is None or end.on is None or not end.done(self._on):
            return False
        gone = Doubt(
            self._page.name, self._said.line, f"{self._model.id} has a card; the catalog has it as retired on {end.on}"
        )
        if self._dated < end.on:
            self._found.newer.append(gone)
        elif self._said.available and not all(life.ending for life in self._said.lives):
            self._found.doubts.append(gone)
        return True

    def _size(self) -> int:
        found = self._found
        return len(found.proposals) + len(found.lifecycles) + len(found.doubts) + len(found.newer)

    def _contradicted(self) -> None:
        """Leaves alone what a list of a mode names and `Model availability` does not."""
        said = self._said
        for listing in said.modes.values() if said.available else ():
            for place in listing.places.keys() - (said.available.places.keys() if said.available else ()):
                if place not in said.doubted:
                    said.doubted.add(place)
                    what = f"{listing.title} names {place}, where the page does not list the model"
                    self._doubt(listing.places[place], what)

    def _listed(self) -> None:
        """Proposes what the page lists and the catalog does not."""
        said = self._said
        for mode, listing in said.modes.items():
            for place, line in listing.places.items():
                if mode == "provisioned" and place in said.single_zone:
                    self._propose_single_zone(place)
                elif mode == "provisioned" and self._served(place, "single_zone_provisioned").verdict == "yes":
                    what = f"{listing.title} lists {place} without the note that it is in a single zone"
                    self._doubt(line, what)
                else:
                    self._propose(place, mode, "yes", listing, line)
        if said.available is None:
            return
        if not all(listing.complete for listing in said.modes.values()) or said.unread & MODES_BY_HEADING.keys():
            return  # the mode may be named where the page is not understood
        moded = {place for listing in said.modes.values() for place in listing.places}
        for place, line in said.available.places.items():
            if place not in moded and place not in said.doubted and not self._modes_at(place):
                self._listed_without_mode(place, said.available, line)

    def _listed_without_mode(self, place: str, listing: Listing, line: int) -> None:
        """What to make of a location of which the page says only that the model is available there."""
        answers = (self._served(place, mode) for mode in MODES)
        claimed = {each.verdict for each in answers if each.claim and each.claim.holds(self._on)}
        if not claimed and not self._said.modes:
            self._propose(place, "standard", "yes", listing, line, "medium", PLAIN)
        elif "unknown" not in claimed:
            said = "says that the model is not served there" if claimed else "does not know the location"
            what = f"{listing.title} lists {place} without a mode, and the catalog {said}"
            self._doubt(line, what)

    def _propose_single_zone(self, place: str) -> None:
        line = self._said.single_zone[place]
        note = Listing("note on Single Zone Provisioned Throughput", line)
        self._propose(place, "single_zone_provisioned", "yes", note, line)
        for mode in ("provisioned", "batch"):
            self._propose(place, mode, "no", note, line, note="single-zone provisioned throughput only")

    def _unlisted(self) -> None:
        """Proposes to close what the catalog has open and a list, understood to its end, lacks."""
        said = self._said
        for place in self._known.locations:
            for mode in self._modes_at(place):
                listing = said.modes.get(mode)
                if said.available and place not in said.available.places:
                    listing = said.available
                if listing and listing.complete and place not in listing.places:
                    note = f"no longer listed under {listing.title}"
                    self._propose(place, mode, "no", listing, listing.line, "medium", note)

    def _bounded(self) -> None:
        """Proposes the boundaries that the page gives, and to take back those that it gives no longer."""
        said = self._said
        places = [each for each in (said.available.places if said.available else ()) if each not in said.doubted]
        if said.processing is None:
            if PROCESSING not in said.unread:
                self._unconfirmed(places)
            return
        for place in places:
            if self._known.locations[place].kind != "global":
                self._propose_boundary(place, said.processing)
        for place in sorted(said.processing.places.keys() - set(places) - said.doubted):
            told = said.available is not None and self._known.locations[place].kind == "region"
            if told and self._boundary(place, said.processing) not in self._boundaries(place):
                what = f"{said.processing.title} names {place}, where the page does not list the model"
                self._doubt(said.processing.places[place], what)

    def _unconfirmed(self, places: Iterable[str]) -> None:
        held = [each for each in places if self._boundaries(each) - {NO_BOUNDARY, UNKNOWN_BOUNDARY}]
        if held:
            named = ", ".join(held) if len(held) < 5 else f"{', '.join(held[:3])} and {len(held) - 3} more"
            what = f"no list 'ML processing': the catalog's boundaries of {named} are not confirmed"
            self._doubt(self._said.line, what)

    def _propose_boundary(self, place: str, listing: Listing) -> None:
        held = self._boundaries(place)
        after = self._boundary(place, listing)
        line, note = listing.places.get(place, listing.line), ""
        if after == UNKNOWN_BOUNDARY:
            if not listing.complete or not held - {NO_BOUNDARY, UNKNOWN_BOUNDARY} or self._elsewhere(place, listing):
                return
            note = f"no longer listed under {listing.title}"
        elif after in held:
            return
        elif after != NO_BOUNDARY and self._known.locations[place].kind == "region":
            note = UNLIMITED
        answer = self._known.boundary(self._model.id, place, self._on)
        if not self._is_newer(answer.claim, f"{place} {listing.title}", line):
            self._found.proposals.append(
                Proposal(
                    model=self._model.id, kind="processing", location=place,
                    before=" or ".join(sorted(held)) or UNKNOWN_BOUNDARY, after=after, because=answer.reason,
                    replaces=_identity(answer.claim), page=self._page, where=listing.title, line=line,
                    confidence="medium" if note else "high", note=note,
                )
            )  # fmt: skip

    def _elsewhere(self, place: str, listing: Listing) -> bool:
        """Whether the catalog has a location's processing in a country that is not its own, which the page lists."""
        listed = {self._known.locations[each].jurisdiction for each in listing.places}
        held = self._boundaries(place) & listed
        return any(self._known.countries(each).isdisjoint(self._known.place(place)) for each in held)

    def _boundary(self, place: str, listing: Listing) -> str:
        """The boundary that the page gives a location: its country, or the multi-region around it."""
        if self._said.nowhere_bounded:
            return NO_BOUNDARY
        location = self._known.locations[place]
        if place in listing.places and location.jurisdiction:
            return location.jurisdiction
        around = [self._known.locations[each] for each in listing.places]
        around = [each for each in around if each.kind == "multi_region"]
        inside = [each.id for each in around if self._known.place(place) <= self._known.place(each.id)]
        return self._known.locations[inside[0]].jurisdiction or UNKNOWN_BOUNDARY if inside else UNKNOWN_BOUNDARY

    def _boundaries(self, place: str) -> set[str]:
        """The boundaries that the catalog claims today, for whatever size of request."""
        claims = (each for each in self._model.processing if place in each.locations)
        return {each.boundary for each in claims if each.holds(self._on)}

    def _propose(
        self, place: str, mode: Mode, after: str, listing: Listing, line: int,
        confidence: Confidence = "high", note: str = "",
    ) -> None:  # fmt: skip
        answer = self._served(place, mode)
        if answer.verdict == after or place in self._said.doubted:
            return
        if not self._is_newer(answer.claim, f"{place} in {mode} mode: {after}", line):
            self._found.proposals.append(
                Proposal(
                    model=self._model.id, kind="availability", location=place, mode=mode, before=answer.verdict,
                    after=after, because=answer.reason, replaces=_identity(answer.claim), page=self._page,
                    where=listing.title, line=line, confidence=confidence, note=note,
                )
            )  # fmt: skip

    def _is_newer(self, claim: Claim | None, what: str, line: int) -> bool:
        """Whether the catalog's claim rests on something newer than the page; says so."""
        source = self._known.sources.get(claim.source) if claim else None
        newest = max(claim.since, source.published if source else date.min) if claim else date.min
        if claim is None or newest <= self._dated:
            return False
        told = f"{self._model.id} at {what}; {claim.source} of {newest} is newer than the page of {self._dated}"
        self._found.newer.append(Doubt(self._page.name, line, told))
        return True

    def _modes_at(self, place: str) -> list[Mode]:
        return [mode for mode in MODES if self._served(place, mode).verdict == "yes"]

    def _served(self, place: str, mode: Mode) -> Served:
        return self._known.served(self._model.id, place, mode, self._on)

    def _doubt(self, line: int, what: str) -> None:
        self._found.doubts.append(Doubt(self._page.name, line, what))

    def _life(self, life: Life) -> None:
        if life.name not in self._known.names():
            self._doubt(life.line, f"version {life.name!r} is no name of a model of the catalog")
            return
        model = self._known.model(life.name)
        end = model.retirement
        for field, before, after in (
            ("stage", model.stage, life.stage),
            ("released", model.released, life.released),
            ("retirement.on", end.on if end else None, life.retires),
            ("retirement.not_before", end.not_before if end else None, life.not_before),
        ):
            if after is not None and before != after and not self._knows_later(model, after, field, life.line):
                self._found.lifecycles.append(
                    Lifecycle(
                        model=model.id, field=field, before=str(before or "unknown"), after=str(after),  # type: ignore[arg-type]  # one of the four above
                        page=self._page, line=life.line,
                    )
                )  # fmt: skip

    def _knows_later(self, model: Model, after: object, field: str, line: int) -> bool:
        """Whether anything that the catalog knows of a model is newer than the page; says so.

        A stage or date has no source of its own.
        """
        cited = [each.source for each in (*model.availability, *model.processing)]
        cited += [model.retirement.source] if model.retirement else []
        newest = max((self._known.sources[each].published for each in cited), default=date.min)
        if newest > self._dated:
            told = f"{model.id}: {field} {after}; the catalog knows the model by a source of {newest}"
            self._found.newer.append(Doubt(self._page.name, line, told))
        return newest > self._dated


def _identity(claim: Claim | None) -> tuple[str, date] | None:
    return (claim.source, claim.since) if claim else None
