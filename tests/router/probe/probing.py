"""What the tests of the probe share: a small catalog, pairs, answers, a scripted service, a patient clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anyio.lowlevel

from catalog.query import Catalog
from router import GoogleAuth, Policy
from router.probe import Answer, Call, Finding, Listener, Pair, Survey, agenda_of, call_for, finding
from router.signals import classify
from router.stack import installed
from tests.world import EU_PLACES, TODAY, Clock, location_in, model_at, roomy_catalog

GEMINI = "gemini-3.8-flash"


def pair_at(location: str = "eu", model: str = GEMINI) -> Pair:
    """What a agenda has for a Gemini model at a location."""
    call = call_for(model_at(EU_PLACES, model))
    assert isinstance(call, Call)
    return Pair(model=model, location=location, host=roomy_catalog().locations[location].host, call=call)


def resource(location: str, model: str = GEMINI, publisher: str = "google") -> str:
    return f"projects/p/locations/{location}/publishers/{publisher}/models/{model}"


def refusal(code: int, message: str, **fields: Any) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, **fields}}).encode()


def not_found(location: str, model: str = GEMINI) -> bytes:
    words = "was not found or your project does not have access to it."
    return refusal(404, f"Publisher Model `{resource(location, model)}` {words}", status="NOT_FOUND")


def quota_exceeded(location: str = "eu", limit: str | None = None) -> bytes:
    metric = "aiplatform.googleapis.com/eu_multi_region_online_prediction_requests_per_base_model"
    details = [{"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit_value": limit, "quota_location": location}}]
    message = f"Quota exceeded for {metric} with base model: anthropic-claude-opus. Please submit a quota increase."
    return refusal(429, message, status="RESOURCE_EXHAUSTED", **({"details": details} if limit else {}))


def answer(status: int, body: bytes = b"{}", *, at: str = "eu", asked_s: float = 0.0) -> Answer:
    content_type = "text/html" if body.startswith(b"<") else "application/json"
    return Answer(signal=classify(status, {"content-type": content_type}, body, at), body=body, asked_s=asked_s)


def found_at(location: str, status: int = 200, body: bytes = b"{}", model: str = GEMINI) -> Finding:
    return finding(pair_at(location, model), [answer(status, body, at=location)])


def small_catalog() -> Catalog:
    """Two Gemini models at `EU_PLACES`; of the Netherlands it is not known where processing stays."""
    known = {**EU_PLACES, "europe-west4": "", "europe-west1": ""}
    return roomy_catalog(model_at(EU_PLACES, GEMINI), model_at(known, "gemini-2.5-flash"))


class PatientClock(Clock):
    """Seconds that pass only by sleeping, in which others get their turn."""

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await anyio.lowlevel.checkpoint()


class Credentials:
    """A token that never ends."""

    token = "made-up"
    valid = True
    universe_domain = "googleapis.com"

    def before_request(self, request: object, method: str, url: str, headers: dict[str, str]) -> None:
        headers["authorization"] = "Bearer made-up"


class Heard(Listener):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.waits: list[tuple[float, int]] = []

    def answered(self, found: Finding, done: int, total: int) -> None:
        self.answers.append(f"{found.pair}: {found.outcome} ({done}/{total})")

    def waiting(self, delay_s: float, count: int) -> None:
        self.waits.append((delay_s, count))


Reply = tuple[int, bytes] | list[tuple[int, bytes]]


class World:
    """A survey of a scripted service: for each location an answer, or one for each call; else all is well.

    `took_s` are the seconds that the first calls take.
    """

    def __init__(
        self, replies: Mapping[str, Reply] | None = None, policy: Policy | None = None, **settings: Any
    ) -> None:
        self.clock = PatientClock()
        self.heard = Heard()
        self.sent: list[tuple[float, str, str]] = []
        self._replies = dict(replies or {})
        self._took_s = list(settings.pop("took_s", ()))
        known = settings.pop("catalog", None) or small_catalog()
        self.agenda = agenda_of(known, policy or Policy(residency="eu"), TODAY, settings.pop("models", ()))
        self.survey = Survey(
            self.agenda,
            "p",
            self.heard,
            auth=GoogleAuth(Credentials()),
            clock=self.clock,
            sleep=self.clock.async_sleep,
            options={"transport": installed().MockTransport(self._answer)},
            **settings,
        )

    def go(self) -> World:
        anyio.run(self.survey.run)
        return self

    @property
    def outcomes(self) -> dict[str, str]:
        return {str(each.pair): str(each.outcome) for each in self.survey.findings}

    def _answer(self, request: Any) -> Any:
        location = location_in(str(request.url))
        self.sent.append((self.clock.now, request.url.host, location))
        reply = self._replies.get(location, (200, b'{"totalTokens": 1}'))
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else (200, b'{"totalTokens": 1}')
        self.clock.now += self._took_s.pop(0) if self._took_s else 0.0
        status, body = reply
        kind = "text/html" if body.startswith(b"<") else "application/json"
        return installed().Response(status, headers={"content-type": kind}, content=body)
