"""Gets the text of pages: from a file, a directory, or an https address of a page or of a list of pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from catalog.refresh import Doubt, is_model_page, read_page
from router.errors import RouterError

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 2_000_000
MOST_PAGES = 1_000
DEADLINE_S = 30.0
"""For one page, whatever it waits for."""

_ENDINGS = (".md", ".md.txt")
_TYPES = ("text/markdown", "text/plain", "text/x-markdown")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_REDIRECTS = 3

Told = Callable[[int, int, str], None]
"""Is told of progress: how many pages of how many are read, and which is next."""


class UnreadablePage(RouterError):
    """A page that can't be had, or is no Markdown."""


class Document(NamedTuple):
    """The text of a page; `name` is what messages call it, `url` is empty for a file."""

    name: str
    url: str
    text: str


def is_address(place: str) -> bool:
    """Whether pages are to be fetched."""
    return "://" in place


def documents(place: str, told: Told, client: httpx.AsyncClient | None = None) -> Iterator[Document | Doubt]:
    """The pages at a place; in place of one of several that can't be read, why.

    Args:
        client: fetches; by default one that is made for it.

    Raises:
        UnreadablePage: there is nothing at this place, or the only page of it can't be read.
    """
    if not is_address(place):
        return _files(Path(place), told)
    if urlsplit(place).scheme != "https":
        raise UnreadablePage(f"{place}: pages are fetched over https only")
    return _addresses(place, told, client or _client())


def _files(place: Path, told: Told) -> Iterator[Document | Doubt]:
    if place.is_file():
        yield Document(place.name, "", _markdown(place))
        return
    if not place.is_dir():
        raise UnreadablePage(f"{place}: no such file or directory")
    files = sorted(file for file in place.rglob("*") if file.name.endswith(_ENDINGS) and file.is_file())
    if not files:
        raise UnreadablePage(f"{place}: no pages in it; expected files that end in {' or '.join(_ENDINGS)}")
    for number, file in enumerate(files):
        name = file.relative_to(place).as_posix()
        told(number, len(files), name)
        try:
            yield Document(name, "", _markdown(file))
        except UnreadablePage as error:
            yield Doubt(name, 0, str(error).removeprefix(f"{file}: "))


def _markdown(file: Path) -> str:
    try:
        with file.open("rb") as content:
            raw = content.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadablePage(f"{file}: can't be read: {error.strerror}") from None
    return _decoded(str(file), raw)


def _addresses(address: str, told: Told, client: httpx.AsyncClient) -> Iterator[Document | Doubt]:
    """The page at an address; if it is a list of pages, those of them that are on the same host."""
    from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - only addresses need it

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        first = Document(address, address, portal.call(_fetch, client, address))
        links = [] if is_model_page(read_page(first.text, address)) else list(_links(first))
        if not links:
            yield first
        for number, link in enumerate(links):
            told(number, len(links), link)
            try:
                yield Document(link, link, portal.call(_fetch, client, link))
            except UnreadablePage as error:
                yield Doubt(link, 0, str(error).removeprefix(f"{link}: "))


def _links(listing: Document) -> Iterator[str]:
    host = urlsplit(listing.url).netloc
    written = [*_LINK.findall(listing.text), *re.findall(r"^\s*(https://\S+)\s*$", listing.text, re.MULTILINE)]
    absolute = (urljoin(listing.url, link).partition("#")[0] for link in written)
    wanted = dict.fromkeys(link for link in absolute if urlsplit(link).path.endswith(_ENDINGS))
    here = [link for link in wanted if urlsplit(link)[:2] == ("https", host) and link != listing.url]
    if len(here) > MOST_PAGES:
        raise UnreadablePage(f"{listing.url}: lists {len(here)} pages; at most {MOST_PAGES} are read")
    yield from here


def _client() -> httpx.AsyncClient:
    import httpx  # noqa: PLC0415 - only addresses need it

    return httpx.AsyncClient(timeout=DEADLINE_S, follow_redirects=False)


async def _fetch(client: httpx.AsyncClient, address: str) -> str:
    """The text at an address, whole and in time."""
    import anyio  # noqa: PLC0415 - only addresses need it
    import httpx  # noqa: PLC0415

    try:
        with anyio.fail_after(DEADLINE_S):
            return _decoded(address, await _body(client, address))
    except TimeoutError:
        raise UnreadablePage(f"{address}: not whole after {DEADLINE_S:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadablePage(f"{address}: {error or type(error).__name__}") from error


async def _body(client: httpx.AsyncClient, address: str) -> bytes:
    """The bytes at an address; redirects are followed on its own host only."""
    here = address
    for _ in range(_REDIRECTS + 1):
        async with client.stream("GET", here, headers={"accept": "text/markdown, text/plain"}) as response:
            if not response.is_redirect:
                return await _whole(response, address)
            to = urljoin(here, response.headers.get("location", ""))
        if urlsplit(to)[:2] != urlsplit(address)[:2]:
            raise UnreadablePage(f"{address}: leads elsewhere, to {to}; give that address if you trust it")
        here = to
    raise UnreadablePage(f"{address}: more than {_REDIRECTS} redirects")


async def _whole(response: httpx.Response, address: str) -> bytes:
    if response.status_code != 200:
        raise UnreadablePage(f"{address}: answered {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise UnreadablePage(f"{address}: is {kind or 'of no type'}, not Markdown{_hint(address)}")
    found = b""
    async for part in response.aiter_bytes():
        found += part
        if len(found) > MOST_BYTES:
            break
    return found


def _decoded(name: str, raw: bytes) -> str:
    if len(raw) > MOST_BYTES:
        raise UnreadablePage(f"{name}: longer than {MOST_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadablePage(f"{name}: not text in UTF-8: {error.reason} at byte {error.start}") from None
    if text.lstrip("\ufeff \t\r\n")[:14].lower().startswith(("<!doctype html", "<html")):
        raise UnreadablePage(f"{name}: is HTML, not Markdown{_hint(name)}")
    return text.replace("\r\n", "\n")


def _hint(name: str) -> str:
    return "" if name.endswith(".md.txt") else "; a page's address with .md.txt at its end gives Markdown"
