"""One client: what the tests of all clients have to know of it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, ClassVar

from router import Router

PROJECT = "emulated-project"
GEMINI = "gemini-3.8-flash"
CLAUDE = "claude-opus-4-7"
MISTRAL = "mistral-medium-3"
OPEN_MODEL = "gpt-oss-120b-maas"

WAYS = ("ask", "stream", "aask", "astream")
"""Whole and streamed, sync and async. A driver has the methods of those ways that its client has."""


class Driver:
    """A routed client, and how it is asked. Each way gives the whole text of the answer.

    `line` is the one line that makes it routed, as docs/clients.md shows it; `needs` the modules without
    which the client isn't there; `distribution` whose version it is.
    """

    name: ClassVar[str]
    distribution: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    line: ClassVar[str]
    stack: ClassVar[str] = ""
    """What it sends through, where that is not httpx or httpx2."""
    answer: ClassVar[str | None] = None
    """What the emulator is to answer, if its own answer is not what this client can read."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.client: Any = None

    @classmethod
    def ways(cls) -> tuple[str, ...]:
        return tuple(way for way in WAYS if hasattr(cls, way))

    @classmethod
    def version(cls) -> str:
        return version(cls.distribution)

    def routed(self) -> Iterable[Any]:
        """The clients that can be shown to be routed."""
        return (self.client,)

    def bare(self) -> Any:
        """The client as it is made without a router; None if that is not a thing to be verified."""
        return None

    def close(self) -> None:
        if hasattr(self.client, "close"):
            self.client.close()

    async def aclose(self) -> None:
        """Closes what belongs to the event loop."""


def joined(texts: Iterable[Any]) -> str:
    return "".join(text or "" for text in texts)


def is_there(module: str) -> bool:
    """Whether a module can be imported here."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
