"""Makes plain lines of a page in Markdown, so that its two layouts read alike.

Until September 2026 the card of a model was a run of paragraphs and lists; since then it is an HTML
table within the Markdown. Either way a line comes out for each paragraph, list item or cell, without
links, bold, tags and entities. The marks of footnotes stay: they qualify what they stand at.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date, datetime
from html.parser import HTMLParser
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["text", "item", "quote", "heading"]

_CARD = ("Model ID", "Supported regions", "Model availability")
_BLOCKS = {"table", "tbody", "thead", "tr", "th", "td", "p", "ul", "ol", "li", "br", "div"}
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_MARKS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("quote", re.compile(r"(?:>\s?)+")),
    ("heading", re.compile(r"#{1,6}\s+")),
    ("item", re.compile(r"(?:[-+*]|\d+\.)\s+")),
)
_UPDATED = re.compile(r"\bLast updated:?\s+(.+?)(?:\s+UTC)?\.?$", re.IGNORECASE)


class Doubt(msgspec.Struct, frozen=True):
    """Something on a page that is not understood, and where. `line` is 1-based; 0 means the whole page."""

    page: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.what}" if self.line else f"{self.page}: {self.what}"


class Line(NamedTuple):
    """A paragraph, list item, quotation or heading; `number` is its 1-based line in the text."""

    number: int
    kind: Kind
    text: str


class Page(msgspec.Struct, frozen=True):
    """A page as lines.

    `published` is the date that the page gives for itself, None where it gives none. `cut` is the line
    of a table that never ends: the page is not whole.
    """

    name: str
    title: str
    url: str
    published: date | None
    lines: tuple[Line, ...]
    cut: int = 0


def read_page(text: str, name: str, url: str = "") -> Page:
    """The page of a Markdown text.

    Args:
        name: what messages call it, such as its file.
        url: where it came from; a `uri` in the page's front matter is more to the point.
    """
    head, rest, offset = _front_matter(text)
    lines, cut = _lines(rest, offset)
    title = head.get("title") or next((line.text for line in lines if line.kind == "heading"), name)
    dates = [found[1] for line in reversed(lines) if (found := _UPDATED.search(line.text))]
    published = next((day for each in dates if (day := day_of(each))), None)
    return Page(name, clean(title), clean(head.get("uri") or url), published, lines, cut)


def is_model_page(page: Page) -> bool:
    """Whether the page has anything of a model's card. Others, as guides are, have nothing to say here."""
    return any(line.text.rstrip(":") in _CARD for line in page.lines)


def day_of(text: str) -> date | None:
    """A whole date as pages write it: `May 7, 2026`, `Nov 13, 2025`, `2026-03-25`."""
    for form in ("%B %d, %Y", "%b %d, %Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day, without a time
        except ValueError:
            continue
    return None


def clean(text: str) -> str:
    """Text of a page on one line, without characters that steer a terminal or end a comment."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def _front_matter(text: str) -> tuple[dict[str, str], str, int]:
    """The keys between `---` at the top, the text after them, and how many lines they took."""
    found = re.match(r"\ufeff?---\n(.*?\n)---\n", text, re.DOTALL)
    if not found:
        return {}, text.removeprefix("\ufeff"), 0
    pairs = (line.partition(":") for line in found[1].splitlines())
    head = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    return head, text[found.end() :], found[0].count("\n")


def _lines(text: str, offset: int) -> tuple[tuple[Line, ...], int]:
    """The lines of a text, and the line of a table that does not end."""
    found: list[Line] = []
    table: list[str] = []
    start = depth = 0
    fenced = False
    for number, raw in enumerate(text.splitlines(), offset + 1):
        fence = raw.lstrip().startswith(("```", "~~~"))
        fenced ^= fence
        if not depth and (fenced or fence or "<table" not in raw):
            found += [] if fenced or fence else _markdown(raw, number)
            continue
        start = start if depth else number
        table.append(raw)
        depth += raw.count("<table") - raw.count("</table")
        if depth <= 0:
            found += _Cells(start).read("\n".join(table))
            table, depth = [], 0
    found += _Cells(start).read("\n".join(table))
    return tuple(found), start if depth else 0


def _markdown(raw: str, number: int) -> Iterator[Line]:
    text, kind = raw.strip(), None
    for each, mark in _MARKS:
        if found := mark.match(text):
            text, kind = text[found.end() :], kind or each
    text = html.unescape(_TAG.sub(" ", _LINK.sub(r"\1", text))).replace("**", "").replace("\\", "")
    if text := clean(text):
        yield Line(number, kind or "text", text)


class _Cells(HTMLParser):
    """Makes lines of a table's cells, in their order."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start
        self._found: list[Line] = []
        self._text = ""
        self._number = start
        self._items = 0

    def read(self, text: str) -> list[Line]:
        """The lines of a table's text."""
        self.feed(text)
        self.close()
        self._flush()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as the parser calls it
        if tag in _BLOCKS:
            self._flush()
        if tag == "code":
            self._text += "`"
        self._items += tag == "li"

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._flush()
        if tag == "code":
            self._text += "`"
        self._items -= tag == "li"

    def handle_data(self, data: str) -> None:
        if not self._text.strip(" `"):
            skipped = data[: len(data) - len(data.lstrip())].count("\n")
            self._number = self._start + self.getpos()[0] - 1 + skipped
        self._text += data

    def _flush(self) -> None:
        if text := clean(self._text):
            self._found.append(Line(self._number, "item" if self._items > 0 else "text", text))
        self._text = ""
