"""Real HTTP stacks over real TLS: httpx, httpx2 and requests, sync and async."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests

from router.emulator import Emulator, Latency, StreamFault

BASE = "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/gemini-3.8-flash"
BODY = {"contents": [{"parts": [{"text": "Good morning"}]}]}
BEARER = {"authorization": "Bearer t"}


@pytest.fixture(params=["httpx", "httpx2"])
def stack(request):
    return importlib.import_module(request.param)


@pytest.fixture
def client(emulator, stack):
    with stack.Client(headers=BEARER, timeout=5) as ours:
        yield ours


def read(response) -> list[bytes]:
    """The chunks of a stream until it ends or breaks, and how."""
    chunks = []
    try:
        for chunk in response.iter_raw():
            chunks.append(chunk)  # noqa: PERF402 - what came before an error counts
    except Exception as error:
        chunks.append(type(error).__name__.encode())
    return chunks


def test_an_answer_comes_over_tls_under_the_real_name(client):
    response = client.post(f"{BASE}:generateContent", json=BODY)
    assert response.status_code == 200
    assert response.json()["modelVersion"] == "gemini-3.8-flash"


def test_async_clients_get_the_same(emulator, stack):
    async def main():
        async with stack.AsyncClient(headers=BEARER, timeout=5) as ours:
            responses = await asyncio.gather(*(ours.post(f"{BASE}:generateContent", json=BODY) for _ in range(20)))
        return [response.status_code for response in responses]

    assert asyncio.run(main()) == [200] * 20
    assert len(emulator.requests) == 20


def test_requests_gets_the_same(emulator):
    with requests.Session() as session:
        response = session.post(f"{BASE}:generateContent", json=BODY, headers=BEARER, timeout=5)
    assert response.json()["modelVersion"] == "gemini-3.8-flash"


def test_many_threads_get_their_own_answers(emulator, stack):
    with stack.Client(headers=BEARER, timeout=10) as ours, ThreadPoolExecutor(16) as pool:

        def ask(number: int) -> str:
            body = {"contents": [{"parts": [{"text": f"number {number}"}]}]}
            response = ours.post(f"{BASE}:generateContent", json=body)
            return response.json()["candidates"][0]["content"]["parts"][0]["text"]

        answers = list(pool.map(ask, range(100)))
    assert [answer.rpartition(" ")[2] for answer in answers] == [str(number) for number in range(100)]


def test_a_large_body_arrives_whole(emulator, client):
    text = "x" * 8_000_000
    response = client.post(f"{BASE}:countTokens", json={"contents": [{"parts": [{"text": text}]}]})
    assert response.json()["totalTokens"] == 2_000_000
    assert emulator.requests[0].json()["contents"][0]["parts"][0]["text"] == text


def test_events_arrive_one_by_one(emulator, client):
    emulator.script("eu", latency=Latency(event_s=0.02))
    with client.stream("POST", f"{BASE}:streamGenerateContent?alt=sse", json=BODY) as response:
        chunks = list(response.iter_raw())
    assert len(chunks) > 3
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\r\n\r\n") for chunk in chunks)


def test_a_json_array_arrives_whole(client):
    response = client.post(f"{BASE}:streamGenerateContent", json=BODY)
    assert len(response.json()) > 3


def test_a_cut_stream_breaks_after_its_events(emulator, client):
    emulator.script("eu", stream=StreamFault(cut_after=2))
    with client.stream("POST", f"{BASE}:streamGenerateContent?alt=sse", json=BODY) as response:
        assert response.status_code == 200
        *chunks, error = read(response)
    assert b"".join(chunks).count(b"data: ") == 2
    assert error == b"RemoteProtocolError"


def test_a_stalled_stream_times_out_after_its_events(emulator, client):
    emulator.script("eu", stream=StreamFault(stall_after=2))
    with client.stream("POST", f"{BASE}:streamGenerateContent?alt=sse", json=BODY, timeout=0.2) as response:
        *chunks, error = read(response)
    assert b"".join(chunks).count(b"data: ") == 2
    assert error == b"ReadTimeout"


def test_an_error_event_ends_a_stream_properly(emulator, client):
    emulator.script("eu", stream=StreamFault(error_after=1, error=503))
    with client.stream("POST", f"{BASE}:streamGenerateContent?alt=sse", json=BODY) as response:
        events = b"".join(read(response)).split(b"\r\n\r\n")
    assert json.loads(events[1].removeprefix(b"data: "))["error"]["status"] == "UNAVAILABLE"
    assert events[2:] == [b""]


def test_a_reset_is_a_transport_error_and_the_next_request_is_fine(emulator, client, stack):
    emulator.script("eu", errors=["reset"])
    with pytest.raises(stack.TransportError):
        client.post(f"{BASE}:generateContent", json=BODY)
    assert client.post(f"{BASE}:generateContent", json=BODY).status_code == 200


def test_silence_is_a_timeout(emulator, client, stack):
    emulator.script("eu", outage="silent")
    with pytest.raises(stack.ReadTimeout):
        client.post(f"{BASE}:generateContent", json=BODY, timeout=0.1)
    emulator.script("eu")
    assert client.post(f"{BASE}:generateContent", json=BODY).status_code == 200


def test_late_answers_come_late(emulator, client, stack):
    emulator.script("eu", latency=Latency(first_byte_s=0.3))
    with pytest.raises(stack.ReadTimeout):
        client.post(f"{BASE}:generateContent", json=BODY, timeout=0.05)
    assert client.post(f"{BASE}:generateContent", json=BODY).status_code == 200


def test_scripts_change_while_requests_run(emulator, stack):
    stop = threading.Event()
    wrong = []

    def ask() -> None:
        with stack.Client(headers=BEARER, timeout=5) as ours:
            while not stop.is_set():
                status = ours.post(f"{BASE}:generateContent", json=BODY).status_code
                if status not in (200, 429):
                    wrong.append(status)

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask) for _ in range(4)]
        for number in range(50):
            emulator.script("eu", errors=[429] * (number % 3))
            _ = emulator.requests, emulator.witness.hosts
        stop.set()
    assert [task.result() for task in running] == [None] * 4
    assert wrong == []


def test_emulators_run_side_by_side(small):
    with Emulator(catalog=small) as first, Emulator(catalog=small) as second:
        for each in (first, second):
            with each.activated(), httpx.Client(headers=BEARER) as ours:
                assert ours.post(f"{BASE}:generateContent", json=BODY).status_code == 200
        assert len(first.requests) == len(second.requests) == 1
