"""What a model's card says, in the words of the catalog: which locations stand under which heading.

A name counts only if it is exactly a location of the catalog and stands in the group where it belongs.
Every other one, such as a name with the mark of a footnote, is a doubt: its location is left alone, and
nobody concludes from the same list that a location is *not* in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from catalog.query import Catalog
from catalog.refresh.cards import AVAILABILITY, PROCESSING, Card, Entry, Section, cards, notes
from catalog.refresh.pages import Doubt, Page, day_of
from catalog.schema import Location, Mode

MODES: Mapping[str, Mode] = {
    "standard paygo": "standard",
    "priority paygo": "priority",
    "flex paygo": "flex",
    "provisioned throughput": "provisioned",
    "single zone provisioned throughput": "single_zone_provisioned",
}
"""The mode that a heading means."""

_MULTI_REGIONS = {"united states": "us", "europe": "eu"}
_ONLY = {
    "global": "global",
    "united states multi-region": "us",
    "europe multi-region": "eu",
}
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "united states": ("us-",),
    "canada": ("northamerica-",),
    "north america": ("us-", "northamerica-"),
    "south america": ("southamerica-",),
    "latin america": ("southamerica-", "northamerica-south"),
    "americas": ("us-", "northamerica-", "southamerica-"),
    "europe": ("europe-",),
    "middle east": ("me-",),
    "africa": ("africa-",),
    "asia pacific": ("asia-", "australia-"),
    "australia": ("australia-",),
}
_SINGLE_ZONE = re.compile(r"^(?:Note: )?In (.+?),? only Single Zone Provisioned Throughput is supported\.?$", re.I)
_STAGES = {
    "ga": "ga",
    "generally available": "ga",
    "preview": "preview",
    "public preview": "preview",
    "experimental": "experimental",
}


class Listing(msgspec.Struct):
    """The locations under a heading, each with its line. Only a `complete` list says where a model is not."""

    title: str
    line: int
    places: dict[str, int] = {}
    complete: bool = True


class Life(msgspec.Struct):
    """What the page says of a version's stage, beginning and end; None where it says nothing.

    `ending` says that the page calls it deprecated, which is no stage of the catalog.
    """

    name: str
    line: int
    stage: str | None = None
    ending: bool = False
    released: date | None = None
    retires: date | None = None
    not_before: date | None = None


class Facts(msgspec.Struct):
    """What one card says. A list that is missing or not understood is None; which it is, its doubts say.

    `unread` are headings whose lists were not understood, `doubted` locations about which nothing may
    be proposed, `single_zone` those where provisioned throughput stands in a single zone only.
    """

    page: Page
    line: int
    ids: tuple[str, ...]
    available: Listing | None = None
    modes: dict[Mode, Listing] = {}
    processing: Listing | None = None
    nowhere_bounded: bool = False
    unread: set[str] = set()
    single_zone: dict[str, int] = {}
    doubted: set[str] = set()
    lives: list[Life] = []
    doubts: list[Doubt] = []

    def doubt(self, line: int, what: str) -> None:
        """Notes something that is not understood."""
        self.doubts.append(Doubt(self.page.name, line, what))


def facts(page: Page, known: Catalog) -> Iterator[Facts]:
    """What each card of a page says."""
    for card in cards(page):
        found = Facts(page, card.line, tuple(card.ids), doubts=list(card.doubts))
        if page.cut:
            found.doubt(page.cut, "the table that begins here does not end: the page is not whole")
        elif card.ids and not card.sections:
            found.doubt(card.line, "no list of regions under 'Supported regions'")
        elif not card.doubts:
            _read_regions(found, card, known)
            _read_notes(found, known)
        found.lives = [] if page.cut else list(_lives(found, card))
        yield found


def _read_regions(found: Facts, card: Card, known: Catalog) -> None:
    for key, section in card.sections.items():
        listing = _listing(found, section, known)
        if key == PROCESSING and "global" in listing.places:
            what = f"{section.title} names global, which has no border"
            section.doubts.append(Doubt(found.page.name, listing.places["global"], what))
        found.doubts += section.doubts
        if not card.whole:
            found.doubt(section.line, f"{section.title}: the page ends among the regions; the list may be cut short")
            listing.complete = False
        if section.doubts:
            found.unread.add(key)
        elif key == PROCESSING:
            found.processing, found.nowhere_bounded = listing, section.nowhere
        elif key == AVAILABILITY:
            found.available = listing
        else:
            found.modes[MODES[key]] = listing
    if AVAILABILITY not in card.sections:
        found.doubt(card.line, "the regions have no list 'Model availability'")


def _listing(found: Facts, section: Section, known: Catalog) -> Listing:
    listing = Listing(section.title, section.line)
    for entry in section.entries:
        place = _place(entry, known)
        if isinstance(place, Location):
            listing.places[place.id] = entry.line
            continue
        found.doubt(entry.line, f"{section.title}: {place}")
        found.doubted |= {each for each in known.locations if re.search(rf"\b{re.escape(each)}\b(?!-)", entry.text)}
        listing.complete = False
    return listing


def _place(entry: Entry, known: Catalog) -> Location | str:
    """The location that a name means, or why it is none."""
    name, group = entry.text, entry.group
    if name == "multi-region":
        name = _MULTI_REGIONS.get(group, name)
    elif name == "global endpoint":
        name = "global"
    place = known.locations.get(name)
    if place is None:
        bare = name.rstrip("*†‡¹²³ ")
        marked = f"the mark on {bare!r} qualifies it in a way not known here" if bare in known.locations else ""
        return marked or f"{name!r} is not a location of the catalog"
    if not _fits(place, group, multi=entry.text == "multi-region"):
        return f"{name!r} stands under {group!r}, where it does not belong"
    return place


def _fits(place: Location, group: str, *, multi: bool) -> bool:
    if group in _ONLY:
        return place.id == _ONLY[group]
    if group == "multi-region" or multi:
        return place.kind == "multi_region"
    return place.kind == "region" and place.id.startswith(_PREFIXES[group])


def _read_notes(found: Facts, known: Catalog) -> None:
    """Reads the notes of the page: they may take back what the lists say."""
    for number, text in notes(found.page):
        plain = text.replace("`", "")
        if only := _SINGLE_ZONE.match(plain):
            names = [each for each in re.split(r"[\s,]+(?:and\s+)?", only[1]) if each]
            if all(name in known.locations for name in names):
                found.single_zone |= dict.fromkeys(names, number)
                continue
        listed = found.available.places if found.available else {}
        named = {place for place in listed if "-" in place and re.search(rf"\b{place}\b", plain)}
        named |= {place for place in listed if f"`{place}`" in text}
        if named:
            found.doubted |= named
            found.doubt(number, f"a note speaks of {', '.join(sorted(named))}: {text[:200]!r}")


def _lives(found: Facts, card: Card) -> Iterator[Life]:
    for version in card.versions:
        life = Life(version.name, version.line)
        for label, (line, value) in version.dates.items():
            if label == "launch stage":
                life.stage = _STAGES.get(value.lower())
                life.ending = value.lower() in ("deprecated", "retired")
                if life.stage is None and not life.ending:
                    found.doubt(line, f"{version.name}: launch stage {value!r} is not known here")
            elif label in ("release date", "retirement date", "retirement date not sooner than"):
                _set_date(found, life, label, line, value)
            elif "date" in label and label != "deprecation date":
                found.doubt(line, f"{version.name}: {label!r} is not known here")
        yield life


def _set_date(found: Facts, life: Life, label: str, line: int, value: str) -> None:
    day = day_of(value.removesuffix(" or later"))
    if day is None:
        found.doubt(line, f"{life.name}: {label} {value!r} is not a day")
    elif label == "release date":
        life.released = day
    elif label == "retirement date" and not value.endswith(" or later"):
        life.retires = day
    else:
        life.not_before = day
