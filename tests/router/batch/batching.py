"""What the tests of this folder share: a batch whose rows a function answers, and one over a scripted service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio.lowlevel

from catalog.query import Catalog
from router import Policy, Router
from router.batch.conventions import Asked
from router.batch.forecast import Forecast
from router.batch.job import Ask, Batch
from router.batch.outcome import Outcome
from router.batch.settings import Settings
from router.batch.source import Rows, Source
from router.batch.summary import Stand, Tally
from tests.router.probe.probing import Credentials
from tests.router.support import STACKS
from tests.world import Backend, Clock, make_router, roomy_catalog

CATALOG = roomy_catalog()
MODEL = "gemini-3.8-flash"
OK = Outcome(
    state="ok",
    status=200,
    body=b'{"candidates":[]}',
    location="eu",
    model=MODEL,
    attempts=1,
    usd=Decimal("0.5"),
    traffic="ON_DEMAND",
)
FAILED = Outcome(state="failed", status=503, message="away", location="eu", model=MODEL, attempts=3)
REJECTED = Outcome(state="rejected", status=400, message="bad", location="eu", model=MODEL, attempts=1)
FORBIDDEN = Outcome(state="failed", status=403, message="not yours", model=MODEL, attempts=1, hopeless=True)


def prompts(count: int) -> list[str]:
    """So many rows that differ."""
    return [f"prompt {number}" for number in range(1, count + 1)]


def prompt_of(asked: Asked) -> str:
    """What a row of `prompts` asks."""
    text: str = json.loads(asked.body)["contents"][0]["parts"][0]["text"]
    return text


class World:
    """A world in which a function answers: given the row's prompt, an outcome or an exception to raise."""

    def __init__(self, answer: Callable[[str], Any] = lambda _: OK) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.time = Clock()
        self.unready: Exception | None = None

    @property
    def catalog(self) -> Catalog:
        return CATALOG

    @property
    def clock(self) -> Callable[[], float]:
        return self.time

    async def ready(self, settings: Settings) -> None:
        if self.unready:
            raise self.unready

    @asynccontextmanager
    async def asking(self, settings: Settings) -> AsyncIterator[Ask]:
        yield self._ask

    async def _ask(self, asked: Asked) -> Outcome:
        prompt = prompt_of(asked)
        self.asked.append(prompt)
        await anyio.lowlevel.checkpoint()
        found = self.answer(prompt)
        if isinstance(found, Awaitable):
            found = await found
        if isinstance(found, BaseException):
            raise found
        assert isinstance(found, Outcome)
        return found

    def standing(self, settings: Settings) -> dict[str, Stand]:
        return {"eu": Stand(False, "well")}

    def forecast(self, source: Source, settings: Settings, expected_output: int | None, rate: float | None) -> Forecast:
        raise NotImplementedError

    def batch(
        self, rows: Rows, output: Path | None = None, progress: Callable[[Tally], object] | None = None, **settings: Any
    ) -> Batch:
        return Batch(self, rows, output, Settings(**{"model": MODEL, "concurrency": 4, **settings}), progress)


def answering(outcomes: Mapping[str, Outcome | list[Outcome]]) -> Callable[[str], Outcome]:
    """Answers by prompt, with one outcome or with one after another; any other row is `OK`."""
    left = {prompt: list(found) if isinstance(found, list) else found for prompt, found in outcomes.items()}

    def answer(prompt: str) -> Outcome:
        found = left.get(prompt, OK)
        return found.pop(0) if isinstance(found, list) else found

    return answer


def scripted(
    script: Mapping[str, Any], policy: Policy | None = None, module: ModuleType = STACKS[-1], **options: Any
) -> tuple[Router, Backend, dict[str, Any]]:
    """A router, the service behind it, and what its batches are to be given."""
    backend = Backend(module, script)
    router = make_router(policy or Policy(residency="eu"), catalog=CATALOG, **options)
    given = {
        "project": "p",
        "model": MODEL,
        "credentials": Credentials(),
        "options": {"transport": backend.transport},
    }
    return router, backend, given


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of an output."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def rows_in(path: Path) -> list[int]:
    """The numbers of the rows that have ended, in the order in which they stand."""
    return [record["router"]["row"] for record in records(path)]


def written(path: Path, lines: Iterable[Any]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path
