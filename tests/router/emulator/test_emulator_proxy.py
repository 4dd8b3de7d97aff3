"""The proxy lets only Google's hosts through, and its witness tells the truth."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl

import httpx
import pytest
import requests

from router.emulator import Emulator, Witness
from router.emulator.proxy import Tunnels
from router.emulator.records import Contact

GEMINI = {"contents": [{"parts": [{"text": "x"}]}]}
GENERATE = "google/models/gemini-3.8-flash:generateContent"


def ask(emulator: Emulator, text: str) -> bytes:
    """What the proxy answers to raw text."""
    with socket.create_connection(("127.0.0.1", emulator.place.proxy_port), timeout=5) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_without_traffic_nothing_was_witnessed(emulator):
    assert emulator.witness.hosts == ()
    assert emulator.witness.contacts == ()


def test_hosts_are_witnessed_in_order_with_every_contact(emulator, post):
    for location in ("eu", "us", "eu"):
        assert post(location, GENERATE, GEMINI, headers={"connection": "close"}).status_code == 200
    eu, us = "aiplatform.eu.rep.googleapis.com", "aiplatform.us.rep.googleapis.com"
    assert emulator.witness.hosts == (eu, us)
    contacts = emulator.witness.contacts
    assert [contact.host for contact in contacts] == [eu, us, eu]
    assert {contact.outcome for contact in contacts} == {"forwarded"}
    assert {contact.port for contact in contacts} == {443}
    assert [contact.at_s for contact in contacts] == sorted(contact.at_s for contact in contacts)


def test_a_connection_that_is_used_again_is_one_contact(emulator, post):
    for _ in range(3):
        post("eu", GENERATE, GEMINI)
    assert len(emulator.witness.contacts) == 1
    assert len(emulator.requests) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://googleapis.com.example.com/",
        "https://examplegoogleapis.com/",
        "https://aiplatform.googleapis.com:8443/",
        "http://example.com/",
        "http://aiplatform.googleapis.com/",
        "https://10.0.0.1/",
    ],
)
def test_a_foreign_host_is_refused_and_witnessed_as_refused(emulator, url):
    with httpx.Client(timeout=5) as client:
        try:
            assert client.get(url).status_code == 403
        except httpx.ProxyError as error:
            assert "403" in str(error)  # noqa: PT017 - plain HTTP gets an answer, a tunnel an error
    host = url.split("/")[2].split(":")[0]
    [contact] = emulator.witness.contacts
    assert (contact.host, contact.outcome) == (host, "refused")
    assert emulator.witness.hosts == emulator.witness.refused == (host,)
    assert emulator.requests == ()


def test_requests_is_refused_as_well(emulator):
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com/", timeout=5)
    assert emulator.witness.refused == ("example.com",)


def test_a_host_of_googles_that_is_not_vertex_gets_googles_page(emulator):
    response = httpx.get("https://storage.googleapis.com/bucket", timeout=5)
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=UTF-8")
    assert emulator.witness.hosts == ("storage.googleapis.com",)
    assert emulator.witness.refused == ()
    assert emulator.requests[0].host == "storage.googleapis.com"


def test_loopback_is_not_proxied(emulator):
    assert httpx.get(emulator.place.token_url, timeout=5).status_code == 405
    assert emulator.witness.hosts == ()


def test_a_location_that_refuses_connections_does_so_in_the_handshake(emulator, post):
    emulator.script("eu", outage="refused")
    with pytest.raises(httpx.ConnectError):
        post("eu", GENERATE, GEMINI)
    assert post("us", GENERATE, GEMINI).status_code == 200
    assert [contact.outcome for contact in emulator.witness.contacts] == ["reset", "forwarded"]
    assert [request.location for request in emulator.requests] == ["us"]


def test_open_connections_to_a_location_that_went_down_are_reset(emulator, post):
    assert post("eu", GENERATE, GEMINI).status_code == 200
    emulator.script("eu", outage="refused")
    with pytest.raises(httpx.TransportError):
        post("eu", GENERATE, GEMINI)
    assert emulator.requests[-1].outcome == "reset"


@pytest.mark.parametrize(
    "text", ["", "\r\n\r\n", "CONNECT\r\n\r\n", "x" * 100_000, "CONNECT aiplatform", "CONNECT \x1b[2J:443 x\r\n\r\n"]
)
def test_what_is_no_request_to_a_proxy_gets_no_answer(emulator, post, text):
    with contextlib.suppress(ConnectionError):
        assert b"200" not in ask(emulator, text)
    assert post("eu", GENERATE, GEMINI).status_code == 200


@pytest.mark.parametrize("port", ["", ":", ":x", ":-1", ":99999999", ":80", ":4430", ":" + "4" * 5000])
def test_only_the_port_of_https_is_forwarded(emulator, port):
    assert b"403" in ask(emulator, f"CONNECT aiplatform.googleapis.com{port} HTTP/1.1\r\n\r\n")
    assert emulator.witness.contacts[0].outcome == "refused"


def test_tunnels_in_which_nothing_is_said_end_with_the_emulator(small):
    with Emulator(catalog=small) as emulator:
        port = emulator.place.proxy_port
        connections = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(10)]
        for connection in connections[:5]:
            connection.sendall(b"CONNECT aiplatform.googleapis.com:443 HTTP/1.1\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    for connection in connections:
        with connection, contextlib.suppress(ConnectionError):
            assert connection.recv(100) == b""
    gc.collect()


def test_the_spelling_of_a_host_makes_no_difference(emulator):
    assert b"200" in ask(emulator, "CONNECT AIPlatform.GoogleAPIs.com.:443 HTTP/1.1\r\n\r\n")
    assert emulator.witness.hosts == ("aiplatform.googleapis.com",)


def test_a_client_that_does_not_trust_the_emulator_does_not_talk_to_it(emulator):
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(verify=strict, timeout=5) as client, pytest.raises(httpx.ConnectError):
        client.get("https://aiplatform.googleapis.com/")
    assert emulator.requests == ()


def test_what_was_seen_can_be_forgotten(emulator, post):
    post("eu", GENERATE, GEMINI)
    emulator.clear()
    assert (emulator.witness.hosts, emulator.requests) == ((), ())


def test_a_witness_prints_as_a_table():
    witness = Witness()
    witness.add(Contact(0.1, "aiplatform.eu.rep.googleapis.com", 443, "forwarded"))
    witness.add(Contact(0.2, "example.com", 443, "refused"))
    witness.add(Contact(0.3, "aiplatform.eu.rep.googleapis.com", 443, "reset"))
    assert str(witness).splitlines() == [
        "host                              connections  first at  outcome",
        "aiplatform.eu.rep.googleapis.com  2            0.100 s   forwarded, reset",
        "example.com                       1            0.200 s   refused",
    ]


@pytest.mark.parametrize(
    ("offered", "door"),
    [(["h2"], 2), (["grpc-exp", "h2"], 2), (["h2", "http/1.1"], 1), (["http/1.1"], 1), ([], 1)],
    ids=str,
)
def test_only_a_client_that_speaks_nothing_but_http2_is_led_to_the_door_for_grpc(offered, door):
    context = ssl.create_default_context()
    if offered:
        context.set_alpn_protocols(offered)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="aiplatform.googleapis.com").do_handshake()
    tunnels = Tunnels()
    hello = outgoing.read()
    assert tunnels.upstream(hello, 1) == 1, "there is no such door"
    tunnels.h2_port = 2
    assert tunnels.upstream(hello, 1) == door
