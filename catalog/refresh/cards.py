"""Finds the card of each model on a page, and its parts, without asking what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from catalog.refresh.pages import Doubt, Line, Page

AVAILABILITY, PROCESSING = "model availability", "ml processing"
SECTIONS = (
    AVAILABILITY,
    PROCESSING,
    "standard paygo",
    "priority paygo",
    "flex paygo",
    "provisioned throughput",
    "single zone provisioned throughput",
)
"""The lists that a card has under its regions, in lower case."""

_ID, _REGIONS, _VERSIONS = "model id", "supported regions", "versions"
_FIELDS = {
    _ID, _REGIONS, _VERSIONS, "modalities", "token limits", "launch stage", "capabilities", "tools", "apis",
    "consumption options", "usage types", "input size limit", "technical specifications",
    "supported inputs & outputs", "supported languages", "prompt languages", "security controls",
    "quota limits", "quotas", "pricing", "knowledge cutoff date",
}  # fmt: skip
_GROUPS = (
    "global", "multi-region", "united states", "canada", "north america", "south america", "latin america",
    "americas", "europe", "middle east", "africa", "asia pacific", "australia",
    "united states multi-region", "europe multi-region",
)  # fmt: skip
_LISTED = re.compile(r"^([A-Za-z][A-Za-z -]*?)\s*:\s*(\S.*)$")
_HARMLESS = "(includes fixed quota & provisioned throughput)"
_NAME = re.compile(r"^[a-z0-9][a-z0-9.@_-]*$")
_VERSION = re.compile(r"^`([^`]+)`$")
_NONE = ("not supported", "none")


class Entry(NamedTuple):
    """A name in a list of locations, in lower case as it stands there, and the group that it stands in."""

    line: int
    group: str
    text: str


class Section(msgspec.Struct):
    """A list of locations. `nowhere` says that the page expressly names none; doubts are about all of it."""

    title: str
    line: int
    groups: list[str] = []
    entries: list[Entry] = []
    nowhere: bool = False
    doubts: list[Doubt] = []


class Version(msgspec.Struct):
    """What the card says of the life of a version, by the label in lower case."""

    name: str
    line: int
    dates: dict[str, tuple[int, str]] = {}


class Card(msgspec.Struct):
    """A model's card.

    `doubts` put all its regions in doubt; those of a section only that one. `whole` says that something
    follows the regions, so that they were not cut short.
    """

    line: int
    ids: list[str] = []
    sections: dict[str, Section] = {}
    versions: list[Version] = []
    doubts: list[Doubt] = []
    whole: bool = False


def cards(page: Page) -> Iterator[Card]:
    """The cards of a page, in their order; one without an id when it has regions of no named model."""
    starts = [index for index, line in enumerate(page.lines) if _label(line) == _ID]
    if not starts:
        line = next((line for line in page.lines if _label(line) in (_REGIONS, AVAILABILITY)), None)
        yield Card(line.number if line else 0, doubts=[Doubt(page.name, line.number if line else 0, "no Model ID")])
        return
    for start, end in zip(starts, [*starts[1:], len(page.lines)], strict=True):
        card = _card(page, page.lines[start:end])
        card.whole |= end < len(page.lines)
        yield card


def notes(page: Page) -> Iterator[tuple[int, str]]:
    """The quotations of a page, each with its first line, the lines of each joined."""
    first, text, last = 0, "", 0
    for line in page.lines:
        if line.kind != "quote":
            continue
        if line.number > last + 1 and text:
            yield first, text
            text = ""
        first, text = (first, f"{text} {line.text}") if text else (line.number, line.text)
        last = line.number
    if text:
        yield first, text


def _card(page: Page, lines: Iterable[Line]) -> Card:
    found = Card(0)
    field = ""
    regions: list[Line] = []
    for line in lines:
        label = _label(line)
        found.line = found.line or line.number
        if label in _FIELDS or (line.kind == "heading" and label not in SECTIONS):
            if label == _REGIONS and regions:
                found.doubts.append(Doubt(page.name, line.number, "a second list of regions in one card"))
            field = label
        elif field == _ID:
            _add_id(found, line, page)
        elif field == _REGIONS and line.kind != "quote":
            regions.append(line)
        elif field == _VERSIONS:
            field = _VERSIONS if _add_version(found, line) else ""
    found.whole = field != _REGIONS
    _Regions(found, page).read(regions)
    return found


def _label(line: Line) -> str:
    return line.text.rstrip(":").strip().lower() if line.kind in ("text", "heading") else ""


def _add_id(card: Card, line: Line, page: Page) -> None:
    names = [each.strip("`'\" ") for each in line.text.strip("`[] ").split(",")]
    if all(_NAME.match(name) for name in names):
        card.ids += [name for name in names if name not in card.ids]
    elif not card.ids and not card.doubts:
        card.doubts.append(Doubt(page.name, line.number, f"Model ID is not an id: {line.text!r}"))


def _add_version(card: Card, line: Line) -> bool:
    """Adds what a line says of a version; False when it no longer speaks of versions."""
    if named := _VERSION.match(line.text):
        card.versions.append(Version(named[1], line.number))
    elif card.versions and line.kind == "item":
        label, _, value = line.text.partition(":")
        card.versions[-1].dates[label.strip(" *†‡").lower()] = (line.number, value.strip())
    return bool(named) or line.kind == "item"


class _Regions:
    """Reads the lines between `Supported regions` and the next field into the sections of a card."""

    def __init__(self, card: Card, page: Page) -> None:
        self._card = card
        self._page = page
        self._section: Section | None = None
        self._group = ""
        self._fresh = True

    def read(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._read(line)
        for section in self._card.sections.values():
            if not section.entries and not section.nowhere and not section.doubts:
                what = f"{section.title} names no location; the marks of a table may have been lost"
                section.doubts.append(self._doubt(section.line, what))

    def _read(self, line: Line) -> None:
        text = line.text.lower()
        if line.kind != "item" and text.rstrip(":") in SECTIONS:
            self._open(line)
        elif self._section is None:
            what = f"expected a list like 'Model availability' under the regions, found {line.text!r}"
            self._card.doubts.append(self._doubt(line.number, what))
        elif line.kind != "item" and text.rstrip(":") in _GROUPS:
            self._open_group(self._section, text.rstrip(":"), line)
        elif text.rstrip(".") in _NONE:
            self._section.nowhere = True
        elif text != _HARMLESS:
            self._list(self._section, line)

    def _list(self, section: Section, line: Line) -> None:
        listed = _LISTED.match(line.text)
        if listed and listed[1].lower() in _GROUPS:
            self._open_group(section, listed[1].lower(), line)
            self._add(section, listed[2], line)
        elif line.kind == "item" and self._group:
            self._add(section, line.text, line)
        elif listed or line.kind == "item" or line.text.startswith(("(", "*", "†", "|")):
            section.doubts.append(self._doubt(line.number, f"{section.title}: {line.text!r} is no list of locations"))
        else:
            # It may be a list by another name, and what stands in it may qualify all the others.
            what = f"{line.text!r} is no list of regions known here"
            self._card.doubts.append(self._doubt(line.number, what))

    def _open(self, line: Line) -> None:
        title = line.text.rstrip(":")
        if title.lower() in self._card.sections:
            self._card.doubts.append(self._doubt(line.number, f"{title} stands here a second time"))
        self._section = self._card.sections.setdefault(title.lower(), Section(title, line.number))
        self._group = ""

    def _add(self, section: Section, text: str, line: Line) -> None:
        for name in filter(None, (each.strip().replace("`", "").lower() for each in text.split(","))):
            if name == "multi-region" and not self._fresh:  # it stands first in its group, wherever it stands
                what = f"{section.title}: 'Multi-region' not first in {self._group!r}; a heading may have been lost"
                section.doubts.append(self._doubt(line.number, what))
            section.entries.append(Entry(line.number, self._group, name))
            self._fresh = False

    def _open_group(self, section: Section, group: str, line: Line) -> None:
        if group in section.groups and group != "global":  # which real pages list twice, and to no effect
            what = f"{section.title} has {group!r} a second time; a heading between may have been lost"
            section.doubts.append(self._doubt(line.number, what))
        section.groups.append(group)
        self._group, self._fresh = group, True

    def _doubt(self, line: int, what: str) -> Doubt:
        return Doubt(self._page.name, line, what)
