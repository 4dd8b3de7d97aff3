"""Where pages come from: files, directories, addresses; and what is refused."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
import trustme

from catalog.refresh import Doubt
from router.cli.catalog import reading
from router.cli.catalog.reading import Document, UnreadablePage, documents

PAGE = "# Heron 2\n\nModel ID\n\n`heron-2`\n"
MARKDOWN = {"content-type": "text/markdown; charset=utf-8"}
INDEX = "https://docs.example/llms.txt"
Answer = Callable[[httpx.Request], httpx.Response]


def read(place: str | Path, answer: Answer | None = None) -> list[Document | Doubt]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer)) if answer else None
    return list(documents(str(place), lambda read, of, name: None, client))


def said(place: str | Path, answer: Answer | None = None) -> str:
    with pytest.raises(UnreadablePage) as caught:
        read(place, answer)
    return str(caught.value)


def test_a_directory_is_read_to_its_depth_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/one.md", "a.md.txt", "c.html", "d.txt"):
        (tmp_path / name).write_text(PAGE, encoding="utf-8")
    told: list[tuple[int, int, str]] = []
    found = list(documents(str(tmp_path), lambda *each: told.append(each)))
    assert found == [Document("a.md.txt", "", PAGE), Document("b/one.md", "", PAGE)]
    assert told == [(0, 2, "a.md.txt"), (1, 2, "b/one.md")]


def test_a_page_of_several_that_is_none_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\xfe")
    (tmp_path / "b.md").write_text("<!DOCTYPE html><p>", encoding="utf-8")
    (tmp_path / "c.md").write_text(PAGE, encoding="utf-8")
    broken, other, whole = read(tmp_path)
    assert isinstance(broken, Doubt)
    assert "not text in UTF-8" in broken.what
    assert str(other) == "b.md: is HTML, not Markdown; a page's address with .md.txt at its end gives Markdown"
    assert whole == Document("c.md", "", PAGE)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert "no such file or directory" in said(tmp_path / "missing")
    assert "no pages in it; expected files that end in .md or .md.txt" in said(tmp_path)


def test_a_file_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    (tmp_path / "a.md").write_text(PAGE, encoding="utf-8")
    assert "longer than 10 bytes" in said(tmp_path / "a.md")


def test_one_address_is_one_page() -> None:
    address = "https://docs.example/heron-2.md.txt"
    assert read(address, lambda request: httpx.Response(200, text=PAGE, headers=MARKDOWN)) == [
        Document(address, address, PAGE)
    ]


def test_a_list_of_pages_is_followed_on_its_own_host_only() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if str(request.url) != INDEX:
            return httpx.Response(404 if "gone" in str(request.url) else 200, text=PAGE, headers=MARKDOWN)
        text = "[a](/models/a.md.txt) [b](https://docs.example/b.md#top) [c](https://evil.example/c.md) [d](/d.html)\n"
        text += "https://docs.example/gone.md.txt\n[again](/models/a.md.txt) [plain](http://docs.example/e.md)"
        return httpx.Response(200, text=text, headers=MARKDOWN)

    found = read(INDEX, answer)
    assert asked == [
        INDEX, "https://docs.example/models/a.md.txt", "https://docs.example/b.md", "https://docs.example/gone.md.txt",
    ]  # fmt: skip
    assert [each.name for each in found if isinstance(each, Document)] == asked[1:3]
    assert [each.what for each in found if isinstance(each, Doubt)] == ["answered 404"]


def test_a_list_of_too_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_PAGES", 1)
    answer = httpx.Response(200, text="[a](/a.md) [b](/b.md)", headers=MARKDOWN)
    assert "lists 2 pages; at most 1 are read" in said(INDEX, lambda request: answer)


def test_only_https_is_fetched() -> None:
    assert "over https only" in said("http://docs.example/a.md")
    assert "over https only" in said("file:///etc/passwd")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, html="<p>"), "is text/html, not Markdown; a page's address with .md.txt at its end"),
        (httpx.Response(200, content=b"x"), "is of no type, not Markdown"),
        (httpx.Response(503, text="x"), "answered 503"),
        (httpx.Response(302, headers={"location": "https://evil.example/a.md"}), "leads elsewhere, to https://evil"),
        (httpx.Response(302, headers={"location": "http://docs.example/a"}), "leads elsewhere, to http://docs"),
        (httpx.Response(302, headers={"location": "/a"}), "more than 3 redirects"),
    ],
    ids=["html", "untyped", "status", "other host", "downgrade", "loop"],
)
def test_answers_that_are_refused(answer: httpx.Response, expected: str) -> None:
    assert expected in said("https://docs.example/a", lambda request: answer)


def test_a_redirect_on_the_host_is_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old.md":
            return httpx.Response(301, headers={"location": "/new.md"})
        return httpx.Response(200, text=PAGE, headers=MARKDOWN)

    assert [each.text for each in read("https://docs.example/old.md", answer) if isinstance(each, Document)] == [PAGE]


def test_a_connection_that_fails_is_said() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    assert said("https://docs.example/a.md", answer) == "https://docs.example/a.md: timed out"


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


async def _stuck() -> AsyncIterator[bytes]:
    yield b"x"
    await anyio.sleep_forever()


def test_an_answer_without_end_is_cut_off() -> None:
    answer = httpx.Response(200, content=_endless(), headers=MARKDOWN)
    assert "longer than 2,000,000 bytes" in said("https://docs.example/a.md", lambda request: answer)


def test_an_answer_that_gets_stuck_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "DEADLINE_S", 0.01)
    answer = httpx.Response(200, content=_stuck(), headers=MARKDOWN)
    assert "not whole after" in said("https://docs.example/a.md", lambda request: answer)


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(PAGE) + (100 if "short" in self.path else 0)))
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server over TLS, whose authority is the only one trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_comes_over_real_tls(address: str) -> None:
    assert read(f"{address}/a.md.txt") == [Document(f"{address}/a.md.txt", f"{address}/a.md.txt", PAGE)]


def test_an_answer_that_breaks_off_is_no_page(address: str) -> None:
    assert "peer closed connection" in said(f"{address}/short.md.txt")
