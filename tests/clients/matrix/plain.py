"""Plain HTTP clients."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from router import Router
from tests.clients.matrix.driver import GEMINI, PROJECT, Driver, joined

QUESTION = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def url(method: str) -> str:
    host = "aiplatform.eu.rep.googleapis.com"
    return f"https://{host}/v1/projects/{PROJECT}/locations/eu/publishers/google/models/{GEMINI}:{method}"


WHOLE, STREAM = url("generateContent"), url("streamGenerateContent?alt=sse")


def text(answer: Any) -> str:
    return str(answer["candidates"][0]["content"]["parts"][0]["text"])


def text_of(lines: list[str]) -> str:
    return joined(text(json.loads(line[6:])) for line in lines if line.startswith("data: "))


class Httpx(Driver):
    name = "httpx: Client, AsyncClient"
    distribution = "httpx"
    needs = ("httpx",)
    line = "httpx.Client(transport=router.transport(), auth=router.google_auth())"
    module: ClassVar[str] = "httpx"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.stack: Any = __import__(self.module)
        options: dict[str, Any] = {"transport": router.transport(), "auth": router.google_auth()}
        self.client, self.aclient = self.stack.Client(**options), self.stack.AsyncClient(**options)

    def routed(self) -> Any:
        return self.client, self.aclient

    def bare(self) -> Any:
        return self.stack.Client()

    def ask(self) -> str:
        return text(self.client.post(WHOLE, json=QUESTION).raise_for_status().json())

    def stream(self) -> str:
        with self.client.stream("POST", STREAM, json=QUESTION) as answer:
            return text_of(list(answer.raise_for_status().iter_lines()))

    async def aask(self) -> str:
        return text((await self.aclient.post(WHOLE, json=QUESTION)).raise_for_status().json())

    async def astream(self) -> str:
        async with self.aclient.stream("POST", STREAM, json=QUESTION) as answer:
            return text_of([line async for line in answer.raise_for_status().aiter_lines()])

    async def aclose(self) -> None:
        await self.aclient.aclose()


class Httpx2(Httpx):
    name = "httpx2: Client, AsyncClient"
    distribution = "httpx2"
    needs = ("httpx2",)
    line = "httpx2.Client(transport=router.transport(), auth=router.google_auth())"
    module = "httpx2"


class Requests(Driver):
    name = "requests: Session"
    distribution = "requests"
    needs = ("requests",)
    stack = "requests"
    line = 'session.mount("https://", router.requests_adapter())'

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.bare()
        self.client.mount("https://", router.requests_adapter())

    def bare(self) -> Any:
        import requests

        session = requests.Session()
        session.headers["authorization"] = "Bearer an-access-token"
        return session

    def ask(self) -> str:
        answer = self.client.post(WHOLE, json=QUESTION)
        answer.raise_for_status()
        return text(answer.json())

    def stream(self) -> str:
        with self.client.post(STREAM, json=QUESTION, stream=True) as answer:
            answer.raise_for_status()
            return text_of([line.decode() for line in answer.iter_lines()])


class GoogleSession(Requests):
    name = "google-auth: AuthorizedSession"
    distribution = "google-auth"
    needs = ("google.auth.transport.requests", "requests")

    def bare(self) -> Any:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        return AuthorizedSession(credentials)


PLAIN = (Httpx, Httpx2, Requests, GoogleSession)
