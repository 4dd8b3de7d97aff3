"""What a comparison of pages with the catalog comes to: differences, and what each of them proposes."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from catalog.refresh.pages import Doubt, Page
from catalog.schema import Confidence, Mode


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that a page speaks for, about one location.

    `after` is a verdict for an availability, a boundary for a processing; `before` and `because` are
    what the catalog answers today and why, `replaces` the source and first day of the claim it rests on.
    """

    model: str
    kind: Literal["availability", "processing"]
    location: str
    mode: Mode | None = None
    before: str
    after: str
    because: str
    replaces: tuple[str, date] | None = None
    page: Page
    where: str
    line: int
    confidence: Confidence
    note: str = ""


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """A date or stage of a model that the page gives otherwise than the catalog; to be edited by hand."""

    model: str
    field: Literal["stage", "released", "retirement.on", "retirement.not_before"]
    before: str
    after: str
    page: Page
    line: int


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has a page and no entry in the catalog, and the locations that the page lists by mode."""

    ids: tuple[str, ...]
    page: Page
    line: int
    lists: dict[str, tuple[str, ...]]


class Drift(msgspec.Struct, kw_only=True):
    """What came of a comparison.

    `agreeing` are the models about which a page was understood and says what the catalog says; `newer`
    are differences in which the catalog has the newer evidence; `skipped` are pages without a card.
    """

    pages: int = 0
    skipped: list[str] = []
    agreeing: list[str] = []
    newer: list[Doubt] = []
    proposals: list[Proposal] = []
    lifecycles: list[Lifecycle] = []
    strangers: list[Stranger] = []
    doubts: list[Doubt] = []

    @property
    def drifted(self) -> bool:
        """Whether any page says something else than the catalog."""
        return bool(self.proposals or self.lifecycles or self.strangers)
